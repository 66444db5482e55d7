/* SPDX-License-Identifier: MIT */
/* Paths of sysfs from checked names, and the three ways they are used: read, write, follow. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/pci/util.h>
#include <belfry/support/io.h>

#include "pci/sysfs.h"
#include "support/errno.h"

#define DEVICES "/sys/bus/pci/devices"

bool pci_is_bdf(const char *name)
{
	static const char form[] = "xxxx:xx:xx.o";

	if (!name || strlen(name) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++) {
		const char *set = form[i] == 'x' ? "0123456789abcdef" : "01234567";

		if (form[i] == 'x' || form[i] == 'o' ? !strchr(set, name[i]) : name[i] != form[i])
			return false;
	}
	return true;
}

/* Below the function's folder, not above it. */
static bool is_file(const char *file)
{
	return file && file[0] != '/' && !strstr(file, "..");
}

int pci_sysfs_path(char *path, const char *bdf, const char *file)
{
	int n;

	if (!pci_is_bdf(bdf) || !is_file(file))
		return set_errno(EINVAL);
	n = snprintf(path, PCI_SYSFS_PATH_MAX, DEVICES "/%s/%s", bdf, file);
	return n < PCI_SYSFS_PATH_MAX ? 0 : set_errno(EINVAL);
}

int pci_sysfs_write(const char *bdf, const char *file, const char *text)
{
	char path[PCI_SYSFS_PATH_MAX];

	if (pci_sysfs_path(path, bdf, file))
		return -1;
	return writeall(path, text, strlen(text)) < 0 ? -1 : 0;
}

char *pci_sysfs_link(const char *bdf, const char *file)
{
	char path[PCI_SYSFS_PATH_MAX], target[512];
	const char *slash;
	ssize_t n;

	if (pci_sysfs_path(path, bdf, file))
		return NULL;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';

	slash = strrchr(target, '/');
	return strdup(slash ? slash + 1 : target);
}

int pci_device_info_get_ull(const char *bdf, const char *prop, unsigned long long *value)
{
	char path[PCI_SYSFS_PATH_MAX], text[64], *end;
	unsigned long long number;
	ssize_t n;

	if (pci_sysfs_path(path, bdf, prop))
		return -1;
	n = readmax(path, text, sizeof(text) - 1);
	if (n < 0)
		return -1;
	text[n] = '\0';

	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || end == text || (*end && !isspace((unsigned char)*end)))
		return set_errno(EINVAL);
	*value = number;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The NVMe functions of this machine. Who uses them is in host_user.c. */
#include "tools/host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/pci.h>
#include <belfry/support.h>

#include "tools/host_user.h"

#define DEVICES	   "/sys/bus/pci/devices"
#define CLASS_NVME 0x0108

void host_read(char *text, size_t len, const char *fmt, ...)
{
	char path[512];
	va_list args;
	ssize_t n;

	va_start(args, fmt);
	n = vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);

	n = n < (ssize_t)sizeof(path) ? readmax(path, text, len - 1) : 0;
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (size_t end = strlen(text); end && isspace((unsigned char)text[end - 1]);)
		text[--end] = '\0';
}

static void find_peers(struct host_fn *fn)
{
	struct dirent *entry;
	char path[128];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices", fn->group);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && fn->nr_peers < HOST_PEERS) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, fn->bdf))
			snprintf(fn->peers[fn->nr_peers++], HOST_BDF, "%.15s", entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* The kernel's driver has a folder of its name for each controller. */
static void find_model(struct host_fn *fn)
{
	struct dirent *entry;
	char path[128];
	DIR *dir;

	snprintf(path, sizeof(path), DEVICES "/%s/nvme", fn->bdf);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "nvme", 4))
			continue;
		host_read(fn->model, sizeof(fn->model), "%s/%s/model", path, entry->d_name);
		host_read(fn->serial, sizeof(fn->serial), "%s/%s/serial", path, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

int host_look(struct host_fn *fn, const char *bdf)
{
	__autofree char *driver = NULL, *group = NULL;
	unsigned long long value;

	memset(fn, 0, sizeof(*fn));
	if (pci_device_info_get_ull(bdf, "class", &value))
		return -1;
	if (value >> 8 != CLASS_NVME) {
		errno = ENODEV;
		return -1;
	}

	snprintf(fn->bdf, sizeof(fn->bdf), "%s", bdf);
	driver = pci_get_driver(bdf);
	snprintf(fn->driver, sizeof(fn->driver), "%s", driver ? driver : "");
	group = pci_get_iommu_group(bdf);
	if (group) {
		snprintf(fn->group, sizeof(fn->group), "%.15s", strrchr(group, '/') + 1);
		find_peers(fn);
	}
	fn->node = pci_device_info_get_ull(bdf, "numa_node", &value) ? -1 : (int)value;
	find_model(fn);
	if (!host_block_user(fn))
		host_process_user(fn);
	return 0;
}

static int by_address(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int host_list(struct host_fn *fns)
{
	struct dirent **entries;
	int found = 0, n = scandir(DEVICES, &entries, NULL, by_address);

	if (n < 0)
		return errno == ENOENT ? 0 : -1; /* a machine without PCI has none */
	for (int i = 0; i < n; i++) {
		if (found < HOST_FNS && !host_look(&fns[found], entries[i]->d_name))
			found++;
		free(entries[i]);
	}
	free(entries);
	return found;
}

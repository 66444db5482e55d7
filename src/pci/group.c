/* SPDX-License-Identifier: MIT */
/* Nodes in /dev through which a function is reached: that of its IOMMU group, and its own. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/pci/util.h>
#include <belfry/support/io.h>
#include <belfry/support/mem.h>

#include "pci/sysfs.h"
#include "support/errno.h"

/* What vfio calls a group where there is no IOMMU. */
#define NOIOMMU_NAME "vfio-noiommu"

static bool is_noiommu(const char *bdf)
{
	char path[PCI_SYSFS_PATH_MAX], name[32];
	ssize_t n;

	if (pci_sysfs_path(path, bdf, "iommu_group/name"))
		return false;
	n = readmax(path, name, sizeof(name));
	return n >= (ssize_t)strlen(NOIOMMU_NAME) &&
	       !strncmp(name, NOIOMMU_NAME, strlen(NOIOMMU_NAME));
}

char *pci_get_iommu_group(const char *bdf)
{
	__autofree char *number = pci_sysfs_link(bdf, "iommu_group");
	const char *kind;
	char *path;

	if (!number)
		return NULL;
	kind = is_noiommu(bdf) ? "noiommu-" : "";
	return asprintf(&path, "/dev/vfio/%s%s", kind, number) < 0 ? set_errno_null(ENOMEM) : path;
}

char *pci_get_device_vfio_id(const char *bdf)
{
	char path[PCI_SYSFS_PATH_MAX], *id = NULL;
	struct dirent *entry;
	DIR *dir;

	if (pci_sysfs_path(path, bdf, "vfio-dev"))
		return NULL;
	dir = opendir(path);
	if (!dir)
		return NULL;

	errno = ENOENT;
	while (!id && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "vfio", 4))
			id = strdup(entry->d_name);
	}
	{
		keep_errno();

		closedir(dir);
	}
	return id;
}

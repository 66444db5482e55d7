/* SPDX-License-Identifier: MIT */
/* Virtual functions: how many, which, and whose. Their numbers begin at 1, sysfs's at 0. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/pci/util.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "pci/sysfs.h"
#include "support/errno.h"

#define NR_VFS_MAX 65535 /* the capability's fields have 16 bits */

char *pci_get_vf_bdf(const char *pf, int vfnum)
{
	char file[32];

	if (vfnum < 1 || vfnum > NR_VFS_MAX)
		return set_errno_null(EINVAL);
	snprintf(file, sizeof(file), "virtfn%d", vfnum - 1);
	return pci_sysfs_link(pf, file);
}

bool pci_is_vf(const char *bdf)
{
	char path[PCI_SYSFS_PATH_MAX];
	keep_errno();

	return !pci_sysfs_path(path, bdf, "physfn") && !access(path, F_OK);
}

static bool is_positive(const char *bdf, const char *prop)
{
	unsigned long long n;
	keep_errno();

	return !pci_device_info_get_ull(bdf, prop, &n) && n > 0;
}

bool pci_is_pf(const char *bdf)
{
	return is_positive(bdf, "sriov_numvfs");
}

bool pci_is_sriov_supported(const char *bdf)
{
	return is_positive(bdf, "sriov_totalvfs");
}

char *pci_vf_get_pf_bdf(const char *bdf)
{
	return pci_sysfs_link(bdf, "physfn");
}

int pci_vf_get_vfnum(const char *bdf)
{
	__autofree char *pf = pci_vf_get_pf_bdf(bdf);

	if (!pf)
		return -1;
	for (int vfnum = 1; vfnum <= NR_VFS_MAX; vfnum++) {
		__autofree char *vf = pci_get_vf_bdf(pf, vfnum);

		if (!vf)
			return -1;
		if (!strcmp(vf, bdf))
			return vfnum;
	}
	return set_errno(ENOENT);
}

int pci_set_nr_vfs(const char *pf, int nr_vfs)
{
	char text[16];

	if (nr_vfs < 0 || nr_vfs > NR_VFS_MAX)
		return set_errno(EINVAL);

	/* The kernel changes the number only from or to none. */
	if (pci_is_pf(pf) && pci_sysfs_write(pf, "sriov_numvfs", "0"))
		return -1;
	if (!nr_vfs)
		return 0;

	/* A driver that takes them unasked is one that has to be asked to let go. */
	if (pci_sysfs_write(pf, "sriov_drivers_autoprobe", "0"))
		return -1;
	snprintf(text, sizeof(text), "%d", nr_vfs);
	if (!pci_sysfs_write(pf, "sriov_numvfs", text))
		return 0;
	if (errno == ENOENT)
		log_error("%s: its driver creates no virtual functions; for vfio-pci write Y to "
			  "/sys/module/vfio_pci/parameters/enable_sriov\n",
			  pf);
	return -1;
}

/* SPDX-License-Identifier: MIT */
/* Which driver has a function. One function is moved at a time, by its driver_override. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/pci/util.h>
#include <belfry/support/io.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "pci/sysfs.h"
#include "support/errno.h"

#define DRIVERS "/sys/bus/pci/drivers"
#define PROBE	"/sys/bus/pci/drivers_probe"

/* What the kernel takes for "no override". */
#define NO_OVERRIDE "\n"

static int driver_path(char *path, const char *driver, const char *file)
{
	int n;

	if (!driver || !*driver || strchr(driver, '/') || strstr(driver, ".."))
		return set_errno(EINVAL);
	n = snprintf(path, PCI_SYSFS_PATH_MAX, DRIVERS "/%s/%s", driver, file);
	return n < PCI_SYSFS_PATH_MAX ? 0 : set_errno(EINVAL);
}

char *pci_get_driver(const char *bdf)
{
	return pci_sysfs_link(bdf, "driver");
}

/* 1 it has, 0 another or none has it, -1 with errno. */
static int has_function(const char *driver, const char *bdf)
{
	__autofree char *bound = pci_get_driver(bdf);

	if (!bound)
		return errno == ENOENT ? 0 : -1;
	return !strcmp(bound, driver);
}

/* Both are there, or ENOENT with a message. */
static int check_names(const char *bdf, const char *driver)
{
	char path[PCI_SYSFS_PATH_MAX];

	if (pci_sysfs_path(path, bdf, ""))
		return -1;
	if (access(path, F_OK)) {
		log_error("%s: there is no such PCI function\n", bdf);
		return -1;
	}
	if (driver_path(path, driver, ""))
		return -1;
	if (access(path, F_OK)) {
		log_error("the kernel has no PCI driver '%s': load it by 'modprobe %s'\n", driver,
			  driver);
		return -1;
	}
	return 0;
}

/* The driver that it had, if any, is to have it again; and no override stays. */
static void give_back(const char *bdf, const char *before)
{
	if (before && !pci_sysfs_write(bdf, "driver_override", before))
		(void)writeall(PROBE, bdf, strlen(bdf));
	(void)pci_sysfs_write(bdf, "driver_override", NO_OVERRIDE);
}

int pci_bind(const char *bdf, const char *driver)
{
	__autofree char *before = NULL;

	if (check_names(bdf, driver))
		return -1;
	before = pci_get_driver(bdf);
	if (!before && errno != ENOENT)
		return -1;
	if (before && !strcmp(before, driver))
		return 0;

	if (pci_sysfs_write(bdf, "driver_override", driver))
		return -1;
	if (pci_sysfs_write(bdf, "driver/unbind", bdf) && errno != ENOENT)
		goto undo;
	if (writeall(PROBE, bdf, strlen(bdf)) < 0)
		goto undo;
	if (has_function(driver, bdf) == 1)
		return 0;
	errno = ENODEV;

undo : {
	keep_errno();

	log_error("%s: cannot be given to '%s': %m\n", bdf, driver);
	give_back(bdf, before);
}
	return -1;
}

int pci_unbind(const char *bdf)
{
	if (pci_sysfs_write(bdf, "driver/unbind", bdf))
		return -1;
	return pci_sysfs_write(bdf, "driver_override", NO_OVERRIDE);
}

static int write_id(const char *driver, const char *file, uint16_t vid, uint16_t did)
{
	char path[PCI_SYSFS_PATH_MAX], text[16];

	if (driver_path(path, driver, file))
		return -1;
	snprintf(text, sizeof(text), "%04x %04x", vid, did);
	return writeall(path, text, strlen(text)) < 0 ? -1 : 0;
}

int pci_driver_new_id(const char *driver, uint16_t vid, uint16_t did)
{
	return write_id(driver, "new_id", vid, did);
}

int pci_driver_remove_id(const char *driver, uint16_t vid, uint16_t did)
{
	return write_id(driver, "remove_id", vid, did);
}

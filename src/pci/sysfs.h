/* SPDX-License-Identifier: MIT */
/*
 * Files of a PCI function in sysfs. Addresses and names of files are checked here, so that none can
 * lead elsewhere.
 */
#ifndef BELFRY_SRC_PCI_SYSFS_H
#define BELFRY_SRC_PCI_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define PCI_SYSFS_PATH_MAX 192

/**
 * pci_is_bdf() - does a name have the form of a PCI address
 * @name: any text, or NULL
 *
 * Context: any thread.
 * Return: true for "dddd:bb:dd.f" in lower case hexadecimal.
 */
bool pci_is_bdf(const char *name);

/**
 * pci_sysfs_path() - the path of a function's file
 * @path: out: PCI_SYSFS_PATH_MAX bytes
 * @bdf: address
 * @file: its name; "" for the function's folder
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL a bad @bdf or @file.
 */
int pci_sysfs_path(char *path, const char *bdf, const char *file);

/**
 * pci_sysfs_write() - write to a function's file
 * @bdf: address
 * @file: its name
 * @text: what to write
 *
 * Context: any thread; blocks as long as what the kernel does for it.
 * Return: 0, or -1: EINVAL a bad @bdf or @file, or as open(2) and write(2).
 */
int pci_sysfs_write(const char *bdf, const char *file, const char *text);

/**
 * pci_sysfs_link() - the last part of where a function's symbolic link leads
 * @bdf: address
 * @file: its name
 *
 * Own: the caller frees it.
 * Context: any thread; allocates.
 * Return: the name, or NULL: EINVAL a bad @bdf or @file, or as readlink(2).
 */
char *pci_sysfs_link(const char *bdf, const char *file);

#endif /* BELFRY_SRC_PCI_SYSFS_H */

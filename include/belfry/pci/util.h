/* SPDX-License-Identifier: MIT */
/*
 * PCI functions as sysfs shows them: which driver has them, which IOMMU group they are in, and
 * their virtual functions. A function is named by its address, "dddd:bb:dd.f" in lower case
 * hexadecimal; any other name is refused with EINVAL before a file is touched.
 *
 * Strings that are returned are the caller's, to be freed by free(3).
 */
#ifndef BELFRY_PCI_UTIL_H
#define BELFRY_PCI_UTIL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pci_bind() - give one function to a driver
 * @bdf: address
 * @driver: name of the driver, as under /sys/bus/pci/drivers
 *
 * By driver_override: no other function is claimed, now or later. The driver that has the function
 * is unbound first; nothing is asked about what uses it there. If @driver does not take the
 * function, the override is cleared and the driver that had it has it again.
 *
 * Context: any thread; blocks until the kernel has unbound and bound.
 * Return: 0 bound, also when it was before, or -1: EINVAL a bad @bdf or @driver, ENOENT no such
 *	function or driver (is its module loaded?), EACCES not permitted, ENODEV the driver does not
 *	take it, or what the kernel reports.
 */
int pci_bind(const char *bdf, const char *driver);

/**
 * pci_unbind() - take a function away from its driver, and clear the override
 * @bdf: address
 *
 * Context: as pci_bind().
 * Return: 0, or -1: EINVAL a bad @bdf, ENOENT no such function, or it has no driver, or what the
 *	kernel reports.
 */
int pci_unbind(const char *bdf);

/**
 * pci_driver_new_id() - have a driver claim all functions of a kind
 * @driver: name of the driver
 * @vid: PCI vendor
 * @did: PCI device
 *
 * Every function of the kind that has no driver is claimed at once. See pci_bind() for one alone.
 *
 * Context: any thread; blocks.
 * Return: 0, or -1: EINVAL a bad @driver, EEXIST the driver has the kind already, ENOENT no such
 *	driver, or what the kernel reports.
 */
int pci_driver_new_id(const char *driver, uint16_t vid, uint16_t did);

/**
 * pci_driver_remove_id() - undo pci_driver_new_id()
 * @driver: name of the driver
 * @vid: PCI vendor
 * @did: PCI device
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL a bad @driver, ENODEV the driver has no such kind, ENOENT no such
 *	driver, or what the kernel reports.
 */
int pci_driver_remove_id(const char *driver, uint16_t vid, uint16_t did);

/**
 * pci_device_info_get_ull() - read a number that sysfs has about a function
 * @bdf: address
 * @prop: name of the file: "vendor", "class", "numa_node"
 * @value: out: the number; negative ones as two's complement
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL a bad @bdf or @prop, or it is no number; ENOENT no such function or file.
 */
int pci_device_info_get_ull(const char *bdf, const char *prop, unsigned long long *value);

/**
 * pci_get_driver() - the driver that a function is bound to
 * @bdf: address
 *
 * Context: any thread; allocates.
 * Return: its name, or NULL: EINVAL a bad @bdf, ENOENT it has none, or there is no such function.
 */
char *pci_get_driver(const char *bdf);

/**
 * pci_get_iommu_group() - the device node of a function's IOMMU group
 * @bdf: address
 *
 * Context: any thread; allocates.
 * Return: "/dev/vfio/N", or "/dev/vfio/noiommu-N" where it is a group in name only, or NULL: EINVAL a
 *	bad @bdf, ENOENT it is in no group.
 */
char *pci_get_iommu_group(const char *bdf);

/**
 * pci_get_device_vfio_id() - the name of a function's own vfio device
 * @bdf: address
 *
 * Context: any thread; allocates.
 * Return: "vfioN", a node in /dev/vfio/devices, or NULL: EINVAL a bad @bdf, ENOENT the function is
 *	not bound to a vfio driver, or the kernel has no such nodes.
 */
char *pci_get_device_vfio_id(const char *bdf);

/**
 * pci_get_vf_bdf() - the address of a virtual function
 * @pf: address of the physical function
 * @vfnum: which, from 1
 *
 * Context: any thread; allocates.
 * Return: the address, or NULL: EINVAL a bad @pf or @vfnum, ENOENT no such virtual function.
 */
char *pci_get_vf_bdf(const char *pf, int vfnum);

/**
 * pci_is_vf() - is it a virtual function
 * @bdf: address
 *
 * Context: any thread.
 * Return: true when it is one that exists.
 */
bool pci_is_vf(const char *bdf);

/**
 * pci_is_pf() - is it a physical function that has virtual ones now
 * @bdf: address
 *
 * Context: any thread.
 * Return: true when it has at least one.
 */
bool pci_is_pf(const char *bdf);

/**
 * pci_is_sriov_supported() - can a function have virtual ones
 * @bdf: address
 *
 * Context: any thread.
 * Return: true when it can have at least one.
 */
bool pci_is_sriov_supported(const char *bdf);

/**
 * pci_vf_get_pf_bdf() - the physical function behind a virtual one
 * @bdf: address of a virtual function
 *
 * Context: any thread; allocates.
 * Return: the address, or NULL: EINVAL a bad @bdf, ENOENT it is no virtual function.
 */
char *pci_vf_get_pf_bdf(const char *bdf);

/**
 * pci_vf_get_vfnum() - which virtual function it is
 * @bdf: address of a virtual function
 *
 * Context: any thread.
 * Return: its number, from 1, or -1: EINVAL a bad @bdf, ENOENT it is no virtual function.
 */
int pci_vf_get_vfnum(const char *bdf);

/**
 * pci_set_nr_vfs() - create a function's virtual functions, or destroy them
 * @pf: address of the physical function
 * @nr_vfs: how many there are to be; 0 destroys them
 *
 * Those that exist are destroyed first. The new ones are not offered to drivers: bind those that are
 * wanted. A physical function that is bound to vfio-pci creates them only where the module's
 * parameter enable_sriov is set, and gives them to vfio-pci.
 *
 * Context: any thread; blocks.
 * Return: 0, or -1: EINVAL a bad @pf or @nr_vfs, ENOENT the function has no SR-IOV or no driver that
 *	does, ERANGE more than it can have, or what the kernel reports.
 */
int pci_set_nr_vfs(const char *pf, int nr_vfs);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_PCI_UTIL_H */

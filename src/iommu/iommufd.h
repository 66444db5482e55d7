/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of the kernel's iommufd: one I/O address space object (IOAS) each, to which any
 * number of devices is attached. All objects of the process are in one descriptor, which is open as
 * long as something needs it.
 */
#ifndef BELFRY_SRC_IOMMU_IOMMUFD_H
#define BELFRY_SRC_IOMMU_IOMMUFD_H

#include <stdint.h>

#include "iommu/ctx.h"

#define IOMMUFD_NODE "/dev/iommu"

/**
 * struct iommufd_device - a device that is to be attached
 * @fd: its vfio node, open, not bound to an iommufd yet
 * @group: device node of its IOMMU group
 * @name: its address, for messages
 * @token: UUID that a function with SR-IOV asks for, 16 bytes; NULL for none
 */
struct iommufd_device {
	int fd;
	const char *group;
	const char *name;
	const uint8_t *token;
};

/**
 * struct iommufd_object - something that the kernel made for an address space
 * @id: what the kernel calls it
 * @fd: a device: its descriptor, which may be closed by now, and of another device
 * @next: next one
 */
struct iommufd_object {
	uint32_t id;
	int fd;
	struct iommufd_object *next;
};

/**
 * struct iommufd - an address space
 * @ctx: what the rest of the library sees
 * @fd: the process's iommufd; a reference
 * @ioas: the kernel's object
 * @devices: devices that were attached; guarded by the groups' lock, as is the next
 * @hwpts: page tables that were made for their faults
 */
struct iommufd {
	struct iommu_ctx ctx;
	int fd;
	uint32_t ioas;
	struct iommufd_object *devices, *hwpts;
};

/**
 * iommufd_get() - the process's iommufd
 *
 * Own: iommufd_put().
 * Context: any thread; may make a system call.
 * Return: descriptor, or -1 (logged): what open(2) gave.
 */
int iommufd_get(void);

/**
 * iommufd_put() - undo iommufd_get()
 *
 * Context: any thread. errno is preserved.
 */
void iommufd_put(void);

/**
 * iommufd_destroy() - have the kernel forget an object
 * @fd: the process's iommufd
 * @id: object
 *
 * Context: any thread; a system call. errno is preserved. An object that is still in use stays until
 * the descriptor is closed.
 */
void iommufd_destroy(int fd, uint32_t id);

/**
 * iommufd_of() - the address space, if it is of this kind
 * @ctx: address space
 *
 * Context: any.
 * Return: it, or NULL.
 */
struct iommufd *iommufd_of(struct iommu_ctx *ctx);

/**
 * iommufd_attach() - attach a device to an address space, or to a page table of one
 * @devfd: bound device
 * @pt: object
 *
 * Context: any thread; a system call.
 * Return: 0, or -1 with what the kernel reports.
 */
int iommufd_attach(int devfd, uint32_t pt);

/**
 * iommu_iommufd_join() - attach a device to an address space
 * @dev: the device; detached by closing @dev->fd
 * @ctx: address space to join; NULL for the one that its group is in, or else a new one
 *
 * Own: a reference for the caller, and a use of the group, given back by iommu_group_leave().
 * Context: any thread; blocks.
 * Return: the address space, or NULL (logged): ENOENT or EACCES /dev/iommu cannot be opened, EBUSY
 * another process has the device, or another address space its group; EINVAL @ctx is of another
 * kind, or cannot take the device in; ENOTTY the kernel does not know how. On error @dev->fd may be
 * bound: close it.
 */
struct iommu_ctx *iommu_iommufd_join(const struct iommufd_device *dev, struct iommu_ctx *ctx);

#endif /* BELFRY_SRC_IOMMU_IOMMUFD_H */

/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of the kernel's iommufd: one I/O address space object (IOAS) each, in a descriptor
 * of its own, to which any number of devices is attached.
 */
#ifndef BELFRY_IOMMU_IOMMUFD_H
#define BELFRY_IOMMU_IOMMUFD_H

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

#endif /* BELFRY_IOMMU_IOMMUFD_H */

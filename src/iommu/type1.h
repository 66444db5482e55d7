/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of VFIO containers with a type 1 IOMMU (version 2). A container holds one IOMMU
 * group, or several where their devices share an address space.
 */
#ifndef BELFRY_IOMMU_TYPE1_H
#define BELFRY_IOMMU_TYPE1_H

#include "iommu/ctx.h"

/**
 * iommu_type1_join() - bring a group into an address space
 * @group: its device node, "/dev/vfio/N"
 * @ctx: address space to join; NULL for the one that the group is in, or else a new one
 * @fd: out: the group's file descriptor; not the caller's to close
 *
 * Own: a reference for the caller, and a use of the group, given back by iommu_group_leave(); @fd is
 * good until then.
 *
 * Context: any thread; blocks.
 * Return: the address space, or NULL (logged): ENOENT or EACCES the node cannot be opened, EBUSY
 * another process has the group, or another address space; EPERM a device of the group is not
 * bound to a vfio driver; EINVAL @ctx is of another kind, or cannot take the group in; ENOTSUP the
 * kernel has no type 1 IOMMU.
 */
struct iommu_ctx *iommu_type1_join(const char *group, struct iommu_ctx *ctx, int *fd);

#endif /* BELFRY_IOMMU_TYPE1_H */

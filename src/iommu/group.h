/* SPDX-License-Identifier: MIT */
/*
 * Which IOMMU groups of this machine are in which address space. All functions of a group reach the
 * same memory, so a group is in one address space at a time; it stays there when its last device is
 * closed, until the address space ends or another one wants the group.
 */
#ifndef BELFRY_IOMMU_GROUP_H
#define BELFRY_IOMMU_GROUP_H

#include <stdbool.h>

#include "iommu/ctx.h"

/**
 * struct iommu_group - an IOMMU group that is in an address space
 * @path: its device node, "/dev/vfio/N"
 * @fd: that node, open, where the backend needs it; else -1
 * @users: devices of the group that are open
 * @ctx: the address space; no reference
 * @next: next one of all
 */
struct iommu_group {
	char *path;
	int fd;
	unsigned int users;
	struct iommu_ctx *ctx;
	struct iommu_group *next;
};

/**
 * iommu_groups_lock() - begin to look at groups, or to change them
 *
 * Context: any thread; blocks while another one opens or closes a device.
 */
void iommu_groups_lock(void);

/**
 * iommu_groups_unlock() - undo iommu_groups_lock()
 *
 * Context: the thread that locked. errno is preserved.
 */
void iommu_groups_unlock(void);

/**
 * iommu_group_find_locked() - the entry of a group that is in a live address space
 * @path: its device node
 * @ctx: out: that address space, with a reference for the caller
 *
 * An address space that is just ending is waited for.
 *
 * Context: lock held; gives it up while waiting.
 * Return: the group, or NULL and *@ctx NULL when it is in none; errno is not touched.
 */
struct iommu_group *iommu_group_find_locked(const char *path, struct iommu_ctx **ctx);

/**
 * iommu_group_add_locked() - note that a group is in an address space
 * @path: its device node; copied
 * @fd: open node, or -1; the entry's from now on
 * @ctx: the address space
 *
 * Own: iommu_group_drop_locked() or iommu_groups_end().
 * Context: lock held; allocates.
 * Return: the group, with one user, or NULL and ENOMEM.
 */
struct iommu_group *iommu_group_add_locked(const char *path, int fd, struct iommu_ctx *ctx);

/**
 * iommu_group_drop_locked() - forget a group, its node closed
 * @group: without users; dead afterwards
 *
 * Context: lock held. errno is preserved.
 */
void iommu_group_drop_locked(struct iommu_group *group);

/**
 * iommu_group_alone_locked() - is it the only group of its address space
 * @group: the group
 *
 * Context: lock held.
 * Return: true when it is.
 */
bool iommu_group_alone_locked(const struct iommu_group *group);

/**
 * iommu_group_ctx() - the address space that a group is in
 * @path: device node of the group; NULL for none
 *
 * Own: a reference for the caller.
 * Context: any thread; takes the lock.
 * Return: the address space, or NULL when it is in none; errno is not touched.
 */
struct iommu_ctx *iommu_group_ctx(const char *path);

/**
 * iommu_group_leave() - a device of a group was closed
 * @path: device node of the group, which is in an address space
 *
 * Context: any thread; takes the lock. errno is preserved.
 */
void iommu_group_leave(const char *path);

/**
 * iommu_groups_end() - forget all groups of an address space that ends
 * @ctx: the address space, from its backend's close
 * @close: called under the lock when the nodes are closed; NULL for nothing to do
 *
 * Context: any thread; takes the lock; wakes those that wait for @ctx to end. errno is preserved.
 */
void iommu_groups_end(struct iommu_ctx *ctx, void (*close)(struct iommu_ctx *ctx));

#endif /* BELFRY_IOMMU_GROUP_H */

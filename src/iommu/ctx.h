/* SPDX-License-Identifier: MIT */
/*
 * A DMA address space, and the seam behind which the ways to make memory reachable plug in.
 *
 * A backend embeds struct iommu_ctx as the first member of its own structure, fills in a constant
 * struct iommu_backend_ops, and calls iommu_ctx_init(). From then on everything about mappings is
 * done by this directory, and the backend is asked only to make a range of memory visible at a
 * range of IOVAs, and to undo that. The address space may be shared: it ends with the last
 * iommu_ctx_put().
 *
 * Translation reads @top and what it leads to without a lock (iommu/translate.h). All changes are
 * made under @lock, which is also held while the backend works: a slow backend delays other
 * changes, never a translation.
 */
#ifndef BELFRY_IOMMU_CTX_H
#define BELFRY_IOMMU_CTX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/iommu/context.h>
#include <belfry/iommu/dma.h>

#include "iommu/iova.h"

struct iommu_leaf;
struct iommu_mapping;

RB_HEAD(iommu_mapping_tree, iommu_mapping);

/**
 * struct iommu_backend_ops - how one kind of address space is made real
 * @name: for messages
 * @iommufd: what iommu_ctx_is_iommufd() says
 * @shared: another process is to reach the memory: what is allocated for it is in files
 * @granule: all memory that is allocated for it comes in multiples of so many bytes; 0 for the host
 *	page
 * @alloc: memory of a kind that it can map, a multiple of @granule; NULL for any memory
 * @place: where memory is in the address space, when that is not to be chosen; its lock is held.
 *	Return 0, or -1 with errno where it is memory that cannot be mapped. NULL: anywhere, any
 *	memory
 * @map: make [vaddr, vaddr + len) visible at [iova, iova + len). All are page-aligned, the IOVAs
 *	are inside the ranges and not in use; the memory may be visible at other IOVAs already.
 *	@flags has IOMMU_MAP_NOWRITE, IOMMU_MAP_NOREAD and IOMMU_MAP_EPHEMERAL. The lock of the
 *	address space is held: do not call back. Return 0, or -1 with errno and nothing visible.
 * @unmap: undo one @map, exactly. When it returns 0 the device neither accesses the memory nor will
 *	again; transfers that are under way have ended. The lock is held. Return 0, or -1 with errno
 *	and all of it still visible.
 * @close: free what embeds @ctx. The last call, after all is unmapped; never fails. NULL when there
 *	is nothing to free.
 */
struct iommu_backend_ops {
	const char *name;
	bool iommufd;
	bool shared;
	size_t granule;
	void *(*alloc)(size_t len);
	int (*place)(const void *vaddr, size_t len, iova_t *iova);
	int (*map)(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		   unsigned long flags);
	int (*unmap)(struct iommu_ctx *ctx, iova_t iova, size_t len);
	void (*close)(struct iommu_ctx *ctx);
};

/**
 * struct iommu_ctx - a DMA address space
 * @top: hot; set by iommu_ctx_init(): the translation table, see iommu/table.h
 * @ops: set by iommu_ctx_init(): the backend
 * @ranges: set by iommu_ctx_init(): IOVAs that may be used
 * @nr_ranges: set by iommu_ctx_init(): number of @ranges
 * @lock: guards all of the next group, and every change of what @top leads to
 * @space: who has which IOVAs; the owner of an extent is its struct iommu_mapping
 * @mappings: the callers' mappings by address; private ones are only in @space
 * @leaves: tables that @top leads to, for the end
 * @refs: holders; guarded by the registry's lock
 * @next: next live address space; guarded by the registry's lock
 */
struct iommu_ctx {
	uint64_t *top;

	const struct iommu_backend_ops *ops;
	struct iommu_iova_range *ranges;
	int nr_ranges;

	pthread_mutex_t lock;
	struct iova_space space;
	struct iommu_mapping_tree mappings;
	struct iommu_leaf *leaves;

	unsigned int refs;
	struct iommu_ctx *next;
};

/**
 * iommu_ctx_init() - set up an address space with no mappings
 * @ctx: first member of the backend's structure; may hold anything before
 * @ops: the backend; must outlive @ctx
 * @ranges: IOVAs that the device may use, in any order; NULL for 0x10000 to 2^39 - 1. Shrunk to
 *	whole host pages below 2^52, without the page at 0; those that adjoin are joined
 * @nr_ranges: number of @ranges, at least 1 unless NULL
 *
 * Own: after success @ctx has one reference, the caller's, and ends with iommu_ctx_put() only.
 * @ranges is copied.
 *
 * Context: any thread; allocates.
 * Return: 0, or -1: EINVAL @ranges has no whole page, overlaps, or is upside down; ENOMEM. On error
 * @ctx is the caller's to free and @ops.close is not called.
 */
int iommu_ctx_init(struct iommu_ctx *ctx, const struct iommu_backend_ops *ops,
		   const struct iommu_iova_range *ranges, int nr_ranges);

/**
 * iommu_ctx_get() - take another reference to a live address space
 * @ctx: any pointer; it is not followed unless it is that of a live address space
 *
 * Own: the caller, until iommu_ctx_put().
 *
 * Context: any thread; takes the registry's lock.
 * Return: @ctx, or NULL and EINVAL when it is not a live address space.
 */
struct iommu_ctx *iommu_ctx_get(struct iommu_ctx *ctx);

/**
 * iommu_ctx_put() - give a reference back
 * @ctx: address space; NULL does nothing
 *
 * With the last one everything is unmapped, all tables are freed, and the backend's close is
 * called. No other thread may be using @ctx then.
 *
 * Context: any thread; may block and make system calls. errno is preserved.
 */
void iommu_ctx_put(struct iommu_ctx *ctx);

/**
 * iommu_ctx_valid() - tell whether a pointer is that of a live address space
 * @ctx: any pointer, NULL and garbage included; it is not followed
 *
 * Context: any thread; takes the registry's lock.
 * Return: true when it is.
 */
bool iommu_ctx_valid(const struct iommu_ctx *ctx);

#endif /* BELFRY_IOMMU_CTX_H */

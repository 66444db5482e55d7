/* SPDX-License-Identifier: MIT */
/*
 * Making and ending mappings, inside the library. A mapping is either the caller's, made by
 * iommu_map_vaddr() and found by translation, or private, made by iommu_pin() for one transfer and
 * found by nobody else. Memory may be in one mapping of the first kind and in any number of the
 * second, each at IOVAs of its own. A mapping does not change while it lives, except for its pins.
 */
#ifndef BELFRY_IOMMU_MAP_H
#define BELFRY_IOMMU_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iommu/ctx.h"

/* In the flags of a request and of a mapping, beside enum iommu_map_flags. */
#define MAPPING_PRIVATE	  (1u << 16) /* for one transfer; only in the space of IOVAs */
#define MAPPING_SAME_IOVA (1u << 17) /* memory of iommu_alloc_same_iova() */
#define MAPPING_ORPHAN	  (1u << 18) /* memory of nobody's any more: freed with the mapping */

/**
 * struct iommu_mapping - memory that the device sees; guarded by the lock of its address space
 * @by_vaddr: in struct iommu_ctx.mappings, unless private
 * @vaddr: first address
 * @len: bytes
 * @extent: its IOVAs
 * @flags: as requested
 * @pins: synchronous transfers that use it
 * @next: next one that is left when the address space closes
 */
struct iommu_mapping {
	RB_ENTRY(iommu_mapping) by_vaddr;
	uintptr_t vaddr;
	size_t len;
	struct iova_extent *extent;
	unsigned long flags;
	unsigned int pins;
	struct iommu_mapping *next;
};

/**
 * struct iommu_map_request - what to map, and how
 * @vaddr: start of the memory
 * @len: bytes
 * @iova: where, with IOMMU_MAP_FIXED_IOVA
 * @align: the IOVA will be a multiple of this, without IOMMU_MAP_FIXED_IOVA; 1 for any
 * @flags: enum iommu_map_flags and MAPPING_*
 */
struct iommu_map_request {
	void *vaddr;
	size_t len;
	iova_t iova;
	size_t align;
	unsigned long flags;
};

/**
 * iommu_mapping_create_locked() - make a mapping
 * @ctx: address space
 * @req: what to map; memory and IOVA are whole host pages, the memory ends below 2^48
 *
 * Own: @ctx, until iommu_mapping_end_locked().
 *
 * Context: lock of @ctx held; allocates, may make system calls.
 * Return: the mapping, or NULL and nothing changed: EEXIST, EINVAL, ENOMEM as iommu_map_vaddr(),
 * or what the backend reports.
 */
struct iommu_mapping *iommu_mapping_create_locked(struct iommu_ctx *ctx,
						  const struct iommu_map_request *req);

/**
 * iommu_mapping_end_locked() - take a mapping away from translation and from the device
 * @ctx: address space
 * @m: its mapping; dead afterwards
 *
 * Context: lock of @ctx held; may make system calls.
 * Return: 0, or -1 with what the backend reports and the mapping as before.
 */
int iommu_mapping_end_locked(struct iommu_ctx *ctx, struct iommu_mapping *m);

/**
 * iommu_mapping_at_locked() - the caller's mapping that an address is in
 * @ctx: address space
 * @vaddr: any address
 *
 * Context: lock of @ctx held.
 * Return: the mapping, or NULL and ENOENT.
 */
struct iommu_mapping *iommu_mapping_at_locked(struct iommu_ctx *ctx, const void *vaddr);

/**
 * iommu_mapping_end_all() - end every mapping, pinned ones only when told to
 * @ctx: address space
 * @pinned_too: for the end of the address space: pins are ignored
 *
 * Context: any thread; takes the lock of @ctx; may make system calls.
 * Return: 0 when nothing is mapped any more, or -1 with the reason of the first that stayed: EBUSY
 * pinned, or what the backend reports.
 */
int iommu_mapping_end_all(struct iommu_ctx *ctx, bool pinned_too);

/**
 * iommu_mapping_orphan() - leave the memory of a mapping that cannot be ended to its address space
 * @ctx: address space
 * @vaddr: an address in it
 *
 * Own: the memory is @ctx's: it is freed when the device cannot reach it any more, at the latest
 * when @ctx closes.
 *
 * Context: any thread; takes the address space's lock.
 */
void iommu_mapping_orphan(struct iommu_ctx *ctx, const void *vaddr);

/**
 * iommu_mapping_detach_all() - what iommu_mapping_end_all() has left, when the address space closes
 * @ctx: address space that nobody uses any more
 *
 * Own: the caller, for iommu_mapping_free_all() as soon as the device reaches nothing any more.
 * Context: the thread that closes @ctx.
 * Return: the first of a list, or NULL.
 */
struct iommu_mapping *iommu_mapping_detach_all(struct iommu_ctx *ctx);

/**
 * iommu_mapping_free_all() - free what iommu_mapping_detach_all() returned, with orphaned memory
 * @left: the first of the list, or NULL
 *
 * Context: any thread.
 */
void iommu_mapping_free_all(struct iommu_mapping *left);

#endif /* BELFRY_IOMMU_MAP_H */

/* SPDX-License-Identifier: MIT */
/*
 * From a virtual address to the IOVA at which the device sees it: no lock, no loop, no call, and
 * the same few loads with one mapping as with a million.
 *
 * The table has two levels over 48 bits of address: an entry of the top for each GiB, leading to a
 * leaf with an entry for each 4 KiB, leading to the mapping. A mapping that covers all of a GiB may
 * stand in the top itself, marked by bit 0.
 *
 * A mapping does not change while it lives, and its memory always remains a mapping's (see
 * iommu/pool.h). Its seq is even while it lives and odd otherwise, and never has the same value
 * again. The other side, all under the lock of the address space, is iommu/map.c and
 * iommu/table.c:
 *
 *	making one			ending one
 *	w1 seq odd			w6 seq odd
 *	w2 entries (release)		w7 backend unmap
 *	w3 backend map			w8 entries cleared
 *	w4 fields (release)		w9 IOVA, then object free for reuse, that is w1
 *	w5 seq even (release)
 *
 * A reader: r1 entry (acquire), r2 seq (acquire), r3 fields (acquire), r4 seq again.
 *
 * - r1 finds an entry of w2: then r2 sees w1 or later, not the even seq of an earlier life.
 * - r2 sees w5: then r3 sees the fields of that life or of a later one.
 * - r3 sees a field of a later life: then r4 sees the w1 of that life or later, so not what r2 saw.
 *
 * If w7 fails the life goes on: w5 again. So what passes r4 belongs to one life. It is that of the wanted mapping or, if the object was
 * reused after r1, of another, in which case the range check tells. A reader that gives up has seen
 * an entry that was empty, or a mapping that was not alive, or no longer, at some moment during
 * the call: at that moment the address was not mapped, and it is right to say so. Hence no retry.
 */
#ifndef BELFRY_IOMMU_TRANSLATE_H
#define BELFRY_IOMMU_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/iommu/dma.h>
#include <belfry/support/atomic.h>
#include <belfry/support/compiler.h>

#include "iommu/ctx.h"

#define IOMMU_VA_BITS	   48
#define IOMMU_TOP_SHIFT	   30
#define IOMMU_LEAF_SHIFT   12
#define IOMMU_TOP_ENTRIES  ((size_t)1 << (IOMMU_VA_BITS - IOMMU_TOP_SHIFT))
#define IOMMU_LEAF_ENTRIES ((size_t)1 << (IOMMU_TOP_SHIFT - IOMMU_LEAF_SHIFT))
#define IOMMU_TOP_MAPPING  ((uintptr_t)1) /* the entry is a mapping, not a leaf */

/**
 * struct iommu_mapping - memory that the device sees
 * @pool: the pool's while the object is free
 * @seq: even while the mapping lives; see above
 * @vaddr: first address of the memory
 * @len: bytes
 * @iova: where the device sees @vaddr
 * @flags: IOMMU_MAP_NOWRITE and IOMMU_MAP_NOREAD as mapped; MAPPING_* of iommu/map.h
 * @pins: synchronous transfers that use it; guarded by the lock of the address space
 * @extent: its IOVAs in the space; guarded by the lock of the address space
 *
 * One cache line. Readers without the lock look at @seq to @flags only.
 */
struct iommu_mapping {
	void *pool;
	uint64_t seq;
	uintptr_t vaddr;
	size_t len;
	iova_t iova;
	uint32_t flags;
	uint32_t pins;
	struct iova_extent *extent;
	uint64_t pad;
};

#if UINTPTR_MAX > UINT32_MAX
__static_assert(sizeof(struct iommu_mapping) == 64);
#endif

/**
 * struct iommu_leaf - the entries of one GiB
 * @entry: mapping of each 4 KiB; NULL when there is none
 * @next: next leaf of the address space; guarded by its lock
 */
struct iommu_leaf {
	struct iommu_mapping *entry[IOMMU_LEAF_ENTRIES];
	struct iommu_leaf *next;
};

/**
 * struct iommu_view - what a mapping was at one moment
 * @vaddr: first address of the memory
 * @len: bytes
 * @iova: where the device sees @vaddr
 */
struct iommu_view {
	uintptr_t vaddr;
	size_t len;
	iova_t iova;
};

/**
 * iommu_table_find() - the mapping that the table has for an address
 * @ctx: address space
 * @va: any address
 *
 * Context: any thread; no lock. Without the lock of @ctx the mapping may be dead or reborn: only
 * iommu_mapping_read() makes sense of it.
 * Return: the mapping, or NULL.
 */
static inline const struct iommu_mapping *iommu_table_find(const struct iommu_ctx *ctx,
							   uintptr_t va)
{
	const struct iommu_leaf *leaf;
	uintptr_t slot;

	if (unlikely((uint64_t)va >> IOMMU_VA_BITS))
		return NULL;

	slot = atomic_load_acquire(&ctx->top[va >> IOMMU_TOP_SHIFT]);
	if (unlikely(slot & IOMMU_TOP_MAPPING))
		return (const struct iommu_mapping *)(slot & ~IOMMU_TOP_MAPPING);
	if (unlikely(!slot))
		return NULL;

	leaf = (const struct iommu_leaf *)slot;
	return atomic_load_acquire(&leaf->entry[va >> IOMMU_LEAF_SHIFT & (IOMMU_LEAF_ENTRIES - 1)]);
}

/**
 * iommu_mapping_read() - read a mapping that may die meanwhile
 * @m: from iommu_table_find()
 * @view: out: its fields; garbage unless true is returned
 *
 * Context: any thread; no lock.
 * Return: true when @view is of one life of @m that had not ended when this was called.
 */
static inline bool iommu_mapping_read(const struct iommu_mapping *m, struct iommu_view *view)
{
	uint64_t seq = atomic_load_acquire(&m->seq); /* r2 */

	view->vaddr = atomic_load_acquire(&m->vaddr); /* r3 */
	view->len = atomic_load_acquire(&m->len);
	view->iova = atomic_load_acquire(&m->iova);

	return !(seq & 1) && atomic_load_acquire(&m->seq) == seq; /* r4 */
}

/**
 * iommu_view_translate() - where the device sees a buffer, if it lies in a mapping
 * @view: the mapping; it may be any, and lie anywhere
 * @va: start of the buffer
 * @len: bytes
 * @iova: out: the IOVA of @va; unchanged when false is returned
 *
 * Context: arithmetic only.
 * Return: true when all of [@va, @va + @len) lies in @view; false for @len 0.
 */
static inline bool iommu_view_translate(const struct iommu_view *view, uintptr_t va, size_t len,
					iova_t *iova)
{
	/* Below the mapping this wraps to beyond its end. So does a length of 0, less 1. */
	size_t offset = va - view->vaddr;

	if (unlikely(offset >= view->len || len - 1 >= view->len - offset))
		return false;

	*iova = view->iova + offset;
	return true;
}

/**
 * iommu_translate_range() - where the device sees a buffer
 * @ctx: address space
 * @vaddr: start of the buffer; any address, any alignment
 * @len: bytes
 * @iova: out: the IOVA of @vaddr; unchanged when false is returned
 *
 * Context: any thread; no lock, allocation or system call. The answer holds until the mapping is
 * ended, which the owner of the buffer does not do before the transfer has completed.
 * Return: true when all of [@vaddr, @vaddr + @len) lies in one mapping; false for @len 0 and for a
 * range that wraps around. errno is not touched. A buffer that spans adjoining mappings is
 * translated by iommu_translate_piece().
 */
static inline bool iommu_translate_range(const struct iommu_ctx *ctx, const void *vaddr, size_t len,
					 iova_t *iova)
{
	const struct iommu_mapping *m = iommu_table_find(ctx, (uintptr_t)vaddr); /* r1 */
	struct iommu_view view;

	return likely(m && iommu_mapping_read(m, &view)) &&
	       iommu_view_translate(&view, (uintptr_t)vaddr, len, iova);
}

/**
 * iommu_translate_piece() - where the device sees the first part of a buffer
 * @ctx: address space
 * @vaddr: start of the buffer; any address, any alignment
 * @len: bytes
 * @iova: out: the IOVA of @vaddr; unchanged when false is returned
 * @contig: out: bytes from @vaddr that the device sees in one piece, 1 to @len; mappings that adjoin
 *	both in memory and in IOVA count as one; unchanged when false is returned
 *
 * Calling it again for the rest translates a buffer that spans several mappings.
 *
 * Context: any thread; no lock, allocation or system call. As iommu_translate_range().
 * Return: true when @vaddr is mapped; false otherwise, for @len 0, and for a range that wraps
 * around. errno is not touched.
 */
bool iommu_translate_piece(const struct iommu_ctx *ctx, const void *vaddr, size_t len, iova_t *iova,
			   size_t *contig);

#endif /* BELFRY_IOMMU_TRANSLATE_H */

/* SPDX-License-Identifier: MIT */
/*
 * From a virtual address to the IOVA at which the device sees it: no lock, no loop, no call, and
 * two loads whether there is one mapping or a million.
 *
 * The table has two levels over 48 bits of address: the top has an entry for each GiB, which leads
 * to a leaf with an entry for each 4 KiB. An entry is one 64-bit word that says all there is to
 * say: the IOVA of its page, how many pages from there on are in the same mapping, and what the
 * device may not do with them. A mapping that covers all of a GiB has its entry in the top itself.
 *
 * One load of one word cannot be torn, so there is nothing to retry and nothing that a mapping
 * which ends meanwhile could pull away: the answer was true when the word was loaded. The other
 * side is iommu/map.c. It writes entries (release) when the device can already see the memory, and
 * clears them before it takes the memory away.
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
#define IOMMU_IOVA_BITS	   52
#define IOMMU_TOP_SHIFT	   30
#define IOMMU_LEAF_SHIFT   12
#define IOMMU_TOP_ENTRIES  ((size_t)1 << (IOMMU_VA_BITS - IOMMU_TOP_SHIFT))
#define IOMMU_LEAF_ENTRIES ((size_t)1 << (IOMMU_TOP_SHIFT - IOMMU_LEAF_SHIFT))
#define IOMMU_TOP_SIZE	   ((size_t)1 << IOMMU_TOP_SHIFT)  /* bytes of an entry of the top */
#define IOMMU_LEAF_SIZE	   ((size_t)1 << IOMMU_LEAF_SHIFT) /* and of a leaf */

/*
 * An entry: IOVA bits 51:12 in 63:24, pages to the end of the mapping in 23:3, then the flags. More
 * pages than fit are given as the most that do. In the top, without ENTRY_MAPPED: address of a leaf.
 */
#define ENTRY_MAPPED	  ((uint64_t)1 << 0)
#define ENTRY_NOWRITE	  ((uint64_t)1 << 1)
#define ENTRY_NOREAD	  ((uint64_t)1 << 2)
#define ENTRY_PAGES_SHIFT 3
#define ENTRY_PAGES_MAX	  (((uint64_t)1 << 21) - 1)
#define ENTRY_IOVA_SHIFT  24

/**
 * struct iommu_leaf - the entries of one GiB
 * @entry: of each 4 KiB; 0 where nothing is mapped
 * @next: next leaf of the address space; guarded by its lock
 */
struct iommu_leaf {
	uint64_t entry[IOMMU_LEAF_ENTRIES];
	struct iommu_leaf *next;
};

/**
 * struct iommu_view - what a device sees from some address on
 * @iova: where the device sees it
 * @left: bytes from there to the end of the mapping; from the table at most some 8 GiB
 * @flags: IOMMU_MAP_NOWRITE and IOMMU_MAP_NOREAD as mapped
 */
struct iommu_view {
	iova_t iova;
	size_t left;
	unsigned long flags;
};

/**
 * iommu_lookup() - what the table has for an address
 * @ctx: address space
 * @va: any address
 * @view: out: what the device sees there; garbage unless true is returned
 *
 * Context: any thread; no lock, allocation or system call.
 * Return: true when it is mapped.
 */
static inline bool iommu_lookup(const struct iommu_ctx *ctx, uintptr_t va, struct iommu_view *view)
{
	size_t offset = va & (IOMMU_LEAF_SIZE - 1);
	const struct iommu_leaf *leaf;
	uint64_t entry;

	if (unlikely((uint64_t)va >> IOMMU_VA_BITS))
		return false;

	entry = atomic_load_acquire(&ctx->top[va >> IOMMU_TOP_SHIFT]);
	if (unlikely(!entry))
		return false;

	if (likely(!(entry & ENTRY_MAPPED))) {
		leaf = (const struct iommu_leaf *)(uintptr_t)entry;
		entry = atomic_load_acquire(
			&leaf->entry[va >> IOMMU_LEAF_SHIFT & (IOMMU_LEAF_ENTRIES - 1)]);
		if (unlikely(!entry))
			return false;
	} else {
		offset = va & (IOMMU_TOP_SIZE - 1);
	}

	view->iova = (entry >> ENTRY_IOVA_SHIFT << IOMMU_LEAF_SHIFT) + offset;
	view->left = ((entry >> ENTRY_PAGES_SHIFT & ENTRY_PAGES_MAX) << IOMMU_LEAF_SHIFT) - offset;
	view->flags = (entry & ENTRY_NOWRITE ? IOMMU_MAP_NOWRITE : 0) |
		      (entry & ENTRY_NOREAD ? IOMMU_MAP_NOREAD : 0);
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
 * range that wraps around. errno is not touched. Buffers that span adjoining mappings, or are
 * larger than 8 GiB less a page, are for iommu_translate_piece().
 */
static inline bool iommu_translate_range(const struct iommu_ctx *ctx, const void *vaddr, size_t len,
					 iova_t *iova)
{
	struct iommu_view view;

	/* A length of 0, less 1, fits nowhere. */
	if (unlikely(!iommu_lookup(ctx, (uintptr_t)vaddr, &view) || len - 1 >= view.left))
		return false;

	*iova = view.iova;
	return true;
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

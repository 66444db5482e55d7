/* SPDX-License-Identifier: MIT */
/*
 * From a virtual address to the IOVA at which the device sees it: no lock, no loop, no call, and
 * two loads whether there is one mapping or a million.
 *
 * The table has two levels over 48 bits of address: the top has an entry for each GiB, which leads
 * to a leaf with an entry for each 4 KiB. An entry is one 64-bit word that says all there is to
 * say: the IOVA of its page, how many pages from there on are in the same mapping, and whether there
 * is something that the device may not do with them. A mapping that covers all of a GiB has its
 * entry in the top itself.
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
#define IOMMU_LEAF_SWIZZLE 9				   /* 512 entries are 4 KiB */
#define IOMMU_TOP_SIZE	   ((size_t)1 << IOMMU_TOP_SHIFT)  /* bytes of an entry of the top */
#define IOMMU_LEAF_SIZE	   ((size_t)1 << IOMMU_LEAF_SHIFT) /* and of a leaf */

/*
 * An entry: pages to the end of the mapping in 63:44, the restriction, IOVA bits 51:12 in 42:3, and
 * zeros; two shifts take each number out. More pages than fit are given as the most that do: that is
 * also the most that an SGL descriptor can say. In the top, with ENTRY_LEAF: address of a leaf.
 */
#define ENTRY_LEAF	  ((uint64_t)1 << 0)
#define ENTRY_RESTRICTED  ((uint64_t)1 << 43)
#define ENTRY_PAGES_SHIFT 44
#define ENTRY_PAGES_MAX	  (((uint64_t)1 << 20) - 1)
#define ENTRY_IOVA_SHIFT  9
#define ENTRY_ABOVE_IOVA  21

/* Most bytes for iommu_translate_short(): with any offset, that of a GiB too, no more pages than fit
 * into an entry. */
#define IOMMU_SHORT_MAX (((size_t)ENTRY_PAGES_MAX << IOMMU_LEAF_SHIFT) - IOMMU_TOP_SIZE)

/**
 * struct iommu_leaf - the entries of one GiB
 * @entry: of each 4 KiB, at iommu_leaf_index(); 0 where nothing is mapped
 * @next: next leaf of the address space; guarded by its lock
 */
struct iommu_leaf {
	uint64_t entry[IOMMU_LEAF_ENTRIES];
	struct iommu_leaf *next;
};

/**
 * struct iommu_view - what a device sees from some address on
 * @iova: where the device sees it
 * @left: bytes from there to the end of the mapping; from the table less than 4 GiB
 * @restricted: there are accesses that the mapping does not allow
 */
struct iommu_view {
	iova_t iova;
	size_t left;
	bool restricted;
};

/*
 * Where in its leaf the entry for @va is. Not in order within 4 KiB of entries: buffers lie at equal
 * distances as a rule, mostly a power of two, and their entries would meet in few sets of the caches.
 * What is added to the position is the number of the 4 KiB: a bijection that leaves each entry in its
 * 4 KiB, and each eight that share a line together (bench: map).
 */
static inline size_t iommu_leaf_index(uintptr_t va)
{
	size_t index = va >> IOMMU_LEAF_SHIFT & (IOMMU_LEAF_ENTRIES - 1);

	return index ^ index >> IOMMU_LEAF_SWIZZLE;
}

/* The entry that is for @va, 0 where nothing is mapped, and how far from the entry's first address
 * @va is. */
static inline uint64_t iommu_entry(const struct iommu_ctx *ctx, uintptr_t va, size_t *offset)
{
	size_t top = va >> IOMMU_TOP_SHIFT;
	const struct iommu_leaf *leaf;
	uint64_t entry;

	if (unlikely(top >= IOMMU_TOP_ENTRIES)) {
		*offset = 0;
		return 0;
	}

	*offset = va & (IOMMU_TOP_SIZE - 1);
	entry = atomic_load_acquire(&ctx->top[top]);
	if (unlikely(!(entry & ENTRY_LEAF)))
		return entry;

	*offset = va & (IOMMU_LEAF_SIZE - 1);
	leaf = (const struct iommu_leaf *)(uintptr_t)(entry - ENTRY_LEAF);
	return atomic_load_acquire(&leaf->entry[iommu_leaf_index(va)]);
}

static inline iova_t iommu_entry_iova(uint64_t entry)
{
	return entry << ENTRY_ABOVE_IOVA >> (ENTRY_ABOVE_IOVA - ENTRY_IOVA_SHIFT);
}

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
	size_t offset;
	uint64_t entry = iommu_entry(ctx, va, &offset);

	if (unlikely(!entry))
		return false;

	view->iova = iommu_entry_iova(entry) + offset;
	view->left = (entry >> ENTRY_PAGES_SHIFT << IOMMU_LEAF_SHIFT) - offset;
	view->restricted = entry & ENTRY_RESTRICTED;
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
 * larger than 4 GiB less a page, are for iommu_translate_piece().
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
 * iommu_translate_short() - iommu_translate_range() for a length that was looked at
 * @ctx: address space
 * @vaddr: start of the buffer; any address, any alignment
 * @len: bytes, 1 to IOMMU_SHORT_MAX
 * @iova: out: the IOVA of @vaddr; unchanged when false is returned
 *
 * Context: as iommu_translate_range(); per command, hence a form of its own (budget: map).
 * Return: as iommu_translate_range().
 */
static inline bool iommu_translate_short(const struct iommu_ctx *ctx, const void *vaddr, size_t len,
					 iova_t *iova)
{
	size_t offset;
	uint64_t entry = iommu_entry(ctx, (uintptr_t)vaddr, &offset);

	/* How many pages it reaches into, as an entry would say it: what is below in that of the table
	 * makes it no less. Where nothing is mapped there are none. */
	if (unlikely((offset + (len - 1) + IOMMU_LEAF_SIZE) >>
		     IOMMU_LEAF_SHIFT << ENTRY_PAGES_SHIFT > entry))
		return false;

	*iova = iommu_entry_iova(entry) + offset;
	return true;
}

/**
 * iommu_translate_page() - iommu_translate_range() within 4 KiB
 * @ctx: address space
 * @vaddr: start of the buffer; any address, any alignment
 * @iova: out: the IOVA of @vaddr, and of what follows up to the next multiple of 4 KiB; unchanged when
 *	false is returned
 *
 * Context: as iommu_translate_range(); per command, hence a form of its own (budget: map_prp_4k).
 * Return: true when it is mapped.
 */
static inline bool iommu_translate_page(const struct iommu_ctx *ctx, const void *vaddr,
					iova_t *iova)
{
	size_t offset;
	uint64_t entry = iommu_entry(ctx, (uintptr_t)vaddr, &offset);

	if (unlikely(!entry))
		return false;

	*iova = iommu_entry_iova(entry) + offset;
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

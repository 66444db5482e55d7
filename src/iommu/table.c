/* SPDX-License-Identifier: MIT */
/*
 * Filling and clearing the two-level table, a GiB at a time. Tables are anonymous memory that costs
 * nothing until it is touched; leaves stay until the end, but the pages that a large mapping filled
 * are given back when it goes.
 */
#include <errno.h>
#include <sys/mman.h>

#include "iommu/table.h"
#include "iommu/translate.h"
#include "support/errno.h"

/* From this many entries on, clearing gives their pages back instead of writing to them. */
#define DISCARD_ENTRIES ((size_t)8192)

static void *table_alloc(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return set_errno_null(ENOMEM);

	/* A huge page would make all of a sparse table resident. Not all kernels know of them. */
	(void)madvise(mem, size, MADV_NOHUGEPAGE);
	return mem;
}

int iommu_table_create(struct iommu_ctx *ctx)
{
	ctx->leaves = NULL;
	ctx->top = table_alloc(IOMMU_TOP_ENTRIES * sizeof(*ctx->top));
	return ctx->top ? 0 : -1;
}

void iommu_table_destroy(struct iommu_ctx *ctx)
{
	struct iommu_leaf *leaf = ctx->leaves, *next;

	for (; leaf; leaf = next) {
		next = leaf->next;
		munmap(leaf, sizeof(*leaf));
	}
	munmap(ctx->top, IOMMU_TOP_ENTRIES * sizeof(*ctx->top));
	ctx->leaves = NULL;
	ctx->top = NULL;
}

static uint64_t *top_slot(struct iommu_ctx *ctx, uintptr_t va)
{
	return &ctx->top[va >> IOMMU_TOP_SHIFT];
}

static struct iommu_leaf *leaf_of(const uint64_t *slot)
{
	return (struct iommu_leaf *)(uintptr_t)(*slot - ENTRY_LEAF);
}

/* Bytes of [@va, @va + @len) that are in the GiB of @va. */
static size_t in_this_gib(uintptr_t va, size_t len)
{
	size_t room = IOMMU_TOP_SIZE - (va & (IOMMU_TOP_SIZE - 1));

	return len < room ? len : room;
}

int iommu_table_prepare(struct iommu_ctx *ctx, uintptr_t va, size_t len)
{
	struct iommu_leaf *leaf;
	size_t piece;

	for (; len; va += piece, len -= piece) {
		uint64_t *slot = top_slot(ctx, va);

		piece = in_this_gib(va, len);
		if (*slot || piece == IOMMU_TOP_SIZE)
			continue;

		leaf = table_alloc(sizeof(*leaf));
		if (!leaf)
			return -1; /* what was added is empty, and may stay */

		leaf->next = ctx->leaves;
		ctx->leaves = leaf;
		atomic_store_release(slot, (uint64_t)(uintptr_t)leaf | ENTRY_LEAF);
	}
	return 0;
}

/* The entry for memory that is seen at @iova, with @len bytes to the end of the mapping. */
static uint64_t make_entry(iova_t iova, size_t len, uint64_t restricted)
{
	uint64_t pages = len >> IOMMU_LEAF_SHIFT;

	if (pages > ENTRY_PAGES_MAX)
		pages = ENTRY_PAGES_MAX;
	return pages << ENTRY_PAGES_SHIFT | restricted | iova >> ENTRY_IOVA_SHIFT;
}

void iommu_table_fill(struct iommu_ctx *ctx, uintptr_t va, size_t len, iova_t iova,
		      unsigned long flags)
{
	uint64_t restricted = flags & (IOMMU_MAP_NOWRITE | IOMMU_MAP_NOREAD) ? ENTRY_RESTRICTED : 0;
	size_t piece;

	for (; len; va += piece, iova += piece, len -= piece) {
		uint64_t *slot = top_slot(ctx, va);
		struct iommu_leaf *leaf;

		piece = in_this_gib(va, len);
		if (!*slot) {
			atomic_store_release(slot, make_entry(iova, len, restricted));
			continue;
		}

		leaf = leaf_of(slot);
		for (size_t i = 0; i < piece; i += IOMMU_LEAF_SIZE)
			atomic_store_release(&leaf->entry[iommu_leaf_index(va + i)],
					     make_entry(iova + i, len - i, restricted));
	}
}

/* Clear the entries of [@va, @va + @len), which is in one GiB. */
static void leaf_clear(struct iommu_leaf *leaf, uintptr_t va, size_t len)
{
	const size_t per_page = (size_t)1 << IOMMU_LEAF_SWIZZLE;
	size_t first = va >> IOMMU_LEAF_SHIFT & (IOMMU_LEAF_ENTRIES - 1);
	size_t n = len >> IOMMU_LEAF_SHIFT;

	/* Readers find the entry or, as soon as its page is gone, zero. Locked memory is refused,
	 * and so are entries that are no whole pages where pages are larger. */
	if (n >= DISCARD_ENTRIES && !(first % per_page) && !(n % per_page) &&
	    !madvise(&leaf->entry[first], n * sizeof(leaf->entry[0]), MADV_DONTNEED))
		return;

	for (size_t i = 0; i < len; i += IOMMU_LEAF_SIZE)
		atomic_store_release(&leaf->entry[iommu_leaf_index(va + i)], (uint64_t)0);
}

void iommu_table_clear(struct iommu_ctx *ctx, uintptr_t va, size_t len)
{
	size_t piece;

	keep_errno();
	for (; len; va += piece, len -= piece) {
		uint64_t *slot = top_slot(ctx, va);

		piece = in_this_gib(va, len);
		if (*slot & ENTRY_LEAF)
			leaf_clear(leaf_of(slot), va, piece);
		else
			atomic_store_release(slot, (uint64_t)0);
	}
}

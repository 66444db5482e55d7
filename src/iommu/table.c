/* SPDX-License-Identifier: MIT */
/*
 * Entering mappings into the two-level table and clearing them, a GiB at a time. Tables are
 * anonymous memory that costs nothing until it is touched; leaves stay until the end, but the
 * pages of large mappings are given back.
 */
#include <errno.h>
#include <sys/mman.h>

#include "iommu/table.h"
#include "support/errno.h"

#define GIB ((size_t)1 << IOMMU_TOP_SHIFT)

/* From this many entries on, clearing gives their pages back instead of writing to them. */
#define DISCARD_ENTRIES ((size_t)8192)

static void *table_alloc(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED) {
		return set_errno_null(ENOMEM);
	}

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

	if (!ctx->top)
		return;

	for (; leaf; leaf = next) {
		next = leaf->next;
		munmap(leaf, sizeof(*leaf));
	}
	munmap(ctx->top, IOMMU_TOP_ENTRIES * sizeof(*ctx->top));
	ctx->leaves = NULL;
	ctx->top = NULL;
}

/* Bytes of [@va, @va + @len) that are in the GiB of @va. */
static size_t in_this_gib(uintptr_t va, size_t len)
{
	size_t room = GIB - (va & (GIB - 1));

	return len < room ? len : room;
}

static size_t leaf_index(uintptr_t va)
{
	return va >> IOMMU_LEAF_SHIFT & (IOMMU_LEAF_ENTRIES - 1);
}

static struct iommu_leaf *leaf_create(struct iommu_ctx *ctx, uintptr_t *slot)
{
	struct iommu_leaf *leaf = table_alloc(sizeof(*leaf));

	if (!leaf)
		return NULL;

	leaf->next = ctx->leaves;
	ctx->leaves = leaf;
	atomic_store_release(slot, (uintptr_t)leaf);
	return leaf;
}

/* Returns the entries that were filled: @n, or fewer when the next one is taken. */
static size_t leaf_fill(struct iommu_leaf *leaf, size_t first, size_t n, struct iommu_mapping *m)
{
	for (size_t i = 0; i < n; i++) {
		if (leaf->entry[first + i])
			return i;
		atomic_store_release(&leaf->entry[first + i], m); /* w2 */
	}
	return n;
}

static void leaf_clear(struct iommu_leaf *leaf, size_t first, size_t n)
{
	const size_t per_page = 4096 / sizeof(leaf->entry[0]);
	struct iommu_mapping **entry = &leaf->entry[first];
	bool whole_pages = first % per_page == 0 && n % per_page == 0;

	/* Readers find the entry or, as soon as its page is gone, zero. Locked memory is refused,
	 * and so are entries that are no whole pages where pages are larger. */
	if (n >= DISCARD_ENTRIES && whole_pages &&
	    !madvise(entry, n * sizeof(*entry), MADV_DONTNEED))
		return;

	for (size_t i = 0; i < n; i++)
		atomic_store_release(&entry[i], NULL); /* w8 */
}

/* Enter @m for bytes of one GiB. Returns how many got an entry; if not @len, errno says why. */
static size_t insert_gib(struct iommu_ctx *ctx, uintptr_t va, size_t len, struct iommu_mapping *m)
{
	uintptr_t *slot = &ctx->top[va >> IOMMU_TOP_SHIFT];
	struct iommu_leaf *leaf;
	size_t filled;

	if (!*slot && len == GIB) {
		atomic_store_release(slot, (uintptr_t)m | IOMMU_TOP_MAPPING); /* w2 */
		return len;
	}

	errno = EEXIST;
	if (*slot & IOMMU_TOP_MAPPING)
		return 0;

	leaf = *slot ? (struct iommu_leaf *)*slot : leaf_create(ctx, slot);
	if (!leaf)
		return 0;

	filled = leaf_fill(leaf, leaf_index(va), len >> IOMMU_LEAF_SHIFT, m);
	return filled << IOMMU_LEAF_SHIFT;
}

int iommu_table_insert(struct iommu_ctx *ctx, uintptr_t va, size_t len, struct iommu_mapping *m,
		       const struct iommu_mapping **there)
{
	size_t done = 0, piece, inserted;

	while (done < len) {
		piece = in_this_gib(va + done, len - done);
		inserted = insert_gib(ctx, va + done, piece, m);
		done += inserted;
		if (inserted < piece)
			goto remove;
	}
	return 0;

remove:
	*there = errno == EEXIST ? iommu_table_find(ctx, va + done) : NULL;
	iommu_table_remove(ctx, va, done);
	return -1;
}

void iommu_table_remove(struct iommu_ctx *ctx, uintptr_t va, size_t len)
{
	keep_errno();
	size_t piece;

	for (; len; va += piece, len -= piece) {
		uintptr_t *slot = &ctx->top[va >> IOMMU_TOP_SHIFT];

		piece = in_this_gib(va, len);
		if (*slot & IOMMU_TOP_MAPPING)
			atomic_store_release(slot, (uintptr_t)0); /* w8 */
		else
			leaf_clear((struct iommu_leaf *)*slot, leaf_index(va),
				   piece >> IOMMU_LEAF_SHIFT);
	}
}

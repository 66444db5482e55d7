/* SPDX-License-Identifier: MIT */
/*
 * A backend that believes nothing: it keeps what the device would see in a table of its own, by
 * IOVA page, and counts every call that does not fit. It can be told to fail. Threads of a test may
 * look at the table at any time.
 */
#ifndef BELFRY_TESTS_UNIT_TEST_IOMMU_FAKE_H
#define BELFRY_TESTS_UNIT_TEST_IOMMU_FAKE_H

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommu/ctx.h"
#include "iommu/translate.h"
#include "test.h"

#define PAGE	     4096ul
#define MIB	     (1024ul * 1024)
#define GIB	     (1024 * MIB)
#define ROWS(a)	     (sizeof(a) / sizeof((a)[0]))
#define FAKE_BITS    39 /* IOVAs below 2^39 are kept in the table */
#define FAKE_PAGES   ((size_t)1 << (FAKE_BITS - 12))
#define FAKE_FIRST   1ul /* in an entry: first page of its mapping */
#define FAKE_LAST    2ul
#define FAKE_NOREAD  4ul
#define FAKE_NOWRITE 8ul

struct fake {
	struct iommu_ctx ctx;
	uintptr_t *page; /* by IOVA page: address of the memory and FAKE_*; 0 is not mapped */
	unsigned long maps, unmaps, errors;
	size_t live;		  /* bytes */
	int fail_map, fail_unmap; /* errno to fail with, or 0 */
	bool blind;	     /* keeps no table, for mappings so large that it would take long */
	unsigned int map_us; /* how long map takes */
	unsigned long last_flags;
	unsigned int *closed; /* counts calls of close, survives it */
};

static inline void fake_check(struct fake *fake, bool fits)
{
	if (!fits)
		fake->errors++;
}

static int fake_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		    unsigned long flags)
{
	struct fake *fake = (struct fake *)ctx;
	uintptr_t bits = (flags & IOMMU_MAP_NOREAD ? FAKE_NOREAD : 0) |
			 (flags & IOMMU_MAP_NOWRITE ? FAKE_NOWRITE : 0);
	iova_t unwanted;

	fake->maps++;
	fake->last_flags = flags;
	fake_check(fake, len && !((uintptr_t)vaddr % PAGE) && !(len % PAGE) && !(iova % PAGE));
	/* No translation before the device can see the memory, unless by an older mapping. */
	if (!(flags & IOMMU_MAP_EPHEMERAL))
		fake_check(fake, !iommu_translate_range(ctx, vaddr, 1, &unwanted));

	if (fake->map_us)
		usleep(fake->map_us);
	if (fake->fail_map) {
		errno = fake->fail_map;
		return -1;
	}

	fake->live += len;
	for (size_t i = 0; !fake->blind && i < len && iova + i < (iova_t)1 << FAKE_BITS;
	     i += PAGE) {
		uintptr_t *page = &fake->page[(iova + i) / PAGE];

		fake_check(fake, !*page);
		__atomic_store_n(page,
				 ((uintptr_t)vaddr + i) | bits | (i ? 0 : FAKE_FIRST) |
					 (i + PAGE == len ? FAKE_LAST : 0),
				 __ATOMIC_RELEASE);
	}
	return 0;
}

static int fake_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	struct fake *fake = (struct fake *)ctx;
	iova_t unwanted;

	fake->unmaps++;
	if (fake->fail_unmap) {
		errno = fake->fail_unmap;
		return -1;
	}

	fake->live -= len;
	for (size_t i = 0; !fake->blind && i < len && iova + i < (iova_t)1 << FAKE_BITS;
	     i += PAGE) {
		uintptr_t *page = &fake->page[(iova + i) / PAGE], was = *page;
		uintptr_t ends = (i ? 0 : FAKE_FIRST) | (i + PAGE == len ? FAKE_LAST : 0);

		/* Exactly what was mapped, and translation has ceased to find it there. */
		fake_check(fake, was && (was & (FAKE_FIRST | FAKE_LAST)) == ends);
		if (iommu_translate_range(ctx, (void *)(was & ~(PAGE - 1)), 1, &unwanted))
			fake_check(fake, unwanted != iova + i);
		__atomic_store_n(page, 0, __ATOMIC_RELEASE);
	}
	return 0;
}

static void fake_close(struct iommu_ctx *ctx)
{
	struct fake *fake = (struct fake *)ctx;

	(*fake->closed)++;
	munmap(fake->page, FAKE_PAGES * sizeof(*fake->page));
	free(fake);
}

static const struct iommu_backend_ops fake_ops = {
	.name = "fake",
	.map = fake_map,
	.unmap = fake_unmap,
	.close = fake_close,
};

/* @closed may be NULL. */
static inline struct fake *fake_create(const struct iommu_iova_range *ranges, int nr_ranges,
				       unsigned int *closed)
{
	static unsigned int unwanted;
	struct fake *fake = calloc(1, sizeof(*fake));

	assert_non_null(fake);
	fake->closed = closed ? closed : &unwanted;
	fake->page = mmap(NULL, FAKE_PAGES * sizeof(*fake->page), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(fake->page, MAP_FAILED);
	assert_int_equal(iommu_ctx_init(&fake->ctx, &fake_ops, ranges, nr_ranges), 0);
	return fake;
}

/* What the device sees at @iova: an address, or 0. */
static inline uintptr_t fake_sees(const struct fake *fake, iova_t iova)
{
	return __atomic_load_n(&fake->page[iova / PAGE], __ATOMIC_ACQUIRE) & ~(PAGE - 1);
}

/* Everything was unmapped, and nothing that the backend saw was wrong. */
static inline void fake_destroy(struct fake *fake)
{
	assert_int_equal(fake->errors, 0);
	assert_int_equal(fake->live, 0);
	iommu_ctx_put(&fake->ctx);
}

/* Address space that is never touched: to be mapped, not to be used. */
static inline char *arena_create(size_t len)
{
	char *arena =
		mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(arena, MAP_FAILED);
	return arena;
}

/* Nothing changed: the next mapping gets the lowest IOVA, as in an empty address space. */
static inline void assert_pristine(struct fake *fake)
{
	char *arena = arena_create(PAGE);
	iova_t iova = 0;

	assert_int_equal(fake->live, 0);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, PAGE, &iova, 0), 0);
	assert_int_equal(iova, 0x10000);
	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena, NULL), 0);
	munmap(arena, PAGE);
}

#endif /* BELFRY_TESTS_UNIT_TEST_IOMMU_FAKE_H */

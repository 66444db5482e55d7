/* SPDX-License-Identifier: MIT */
/*
 * Mapping over a backend that keeps its own books: what is there afterwards, what is refused, and
 * that nothing is left of what failed.
 *
 * IOVAs expected are worked out from the default range, 0x10000 to 0x7fffffffff, lowest address
 * first; short-lived ones start at its top eighth: 2^39 - (2^39 - 2^16) / 8 = 0x7000002000.
 */
#include <string.h>
#include <sys/resource.h>

#include <belfry/iommu.h>

#include "iommu/translate.h"
#include "test.h"
#include "test_iommu_fake.h"

#define SHORT_FIRST 0x7000002000ul

static void map__makes_memory_visible_and_translatable(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(6 * PAGE);
	iova_t iova = 0;

	(void)state;
	assert_false(iommu_translate_vaddr(&fake->ctx, arena + PAGE, &iova));
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + PAGE, 4 * PAGE, &iova, 0), 0);
	assert_int_equal(iova, 0x10000);
	assert_int_equal(fake_sees(fake, 0x10000), (uintptr_t)arena + PAGE);
	assert_int_equal(fake_sees(fake, 0x13fff), (uintptr_t)arena + 4 * PAGE);
	assert_int_equal(fake_sees(fake, 0x14000), 0);

	assert_true(iommu_translate_vaddr(&fake->ctx, arena + PAGE, &iova));
	assert_int_equal(iova, 0x10000);
	assert_true(iommu_translate_vaddr(&fake->ctx, arena + 5 * PAGE - 1, &iova));
	assert_int_equal(iova, 0x13fff);
	assert_true(iommu_translate_vaddr(&fake->ctx, arena + PAGE, NULL));
	iova = 7;
	assert_false(iommu_translate_vaddr(&fake->ctx, arena + PAGE - 1, &iova));
	assert_false(iommu_translate_vaddr(&fake->ctx, arena + 5 * PAGE, &iova));
	assert_false(iommu_translate_vaddr(&fake->ctx, NULL, &iova));
	assert_false(iommu_translate_vaddr(&fake->ctx, (void *)UINTPTR_MAX, &iova));
	assert_false(iommu_translate_vaddr(&fake->ctx, (void *)(1ul << 48), &iova));
	assert_int_equal(iova, 7);

	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena + PAGE, NULL), 0);
	assert_false(iommu_translate_vaddr(&fake->ctx, arena + PAGE, &iova));
	fake_destroy(fake);
	munmap(arena, 6 * PAGE);
}

static void map__again_is_a_look_up_if_all_that_is_asked_for_is_there(void **state)
{
	enum {
		NOWRITE = IOMMU_MAP_NOWRITE,
		NOREAD = IOMMU_MAP_NOREAD,
		FIXED = IOMMU_MAP_FIXED_IOVA
	};
	/* Pages 2 to 5 are mapped at 0x20000 without write, pages 8 to 9 at 0x30000 with all, and
	 * page 11 at 0x40000 without read. */
	static const struct {
		uint64_t start, len;
		unsigned long flags;
		uint64_t fixed, iova;
		int error;
	} rows[] = {
		{2 * PAGE, 4 * PAGE, NOWRITE, 0, 0x20000, 0},
		{3 * PAGE, PAGE, NOWRITE, 0, 0x21000, 0},
		{3 * PAGE + 512, 100, NOWRITE, 0, 0x21200, 0},
		{3 * PAGE, PAGE, NOWRITE | IOMMU_MAP_EPHEMERAL, 0, 0x21000, 0},
		{3 * PAGE, PAGE, NOWRITE | FIXED, 0x21000, 0x21000, 0},
		{3 * PAGE, PAGE, NOWRITE | FIXED, 0x22000, 0, EEXIST},
		{2 * PAGE, 4 * PAGE, 0, 0, 0, EEXIST},
		{2 * PAGE, 4 * PAGE, NOREAD, 0, 0, EEXIST},
		{2 * PAGE, 5 * PAGE, NOWRITE, 0, 0, EEXIST},
		{1 * PAGE, 2 * PAGE, NOWRITE, 0, 0, EEXIST},
		{0 * PAGE, 8 * PAGE, NOWRITE, 0, 0, EEXIST},
		{0 * PAGE, 2 * PAGE, FIXED, 0x1f000, 0, EEXIST}, /* of the IOVAs */
		{8 * PAGE, 2 * PAGE, NOWRITE, 0, 0x30000, 0},
		{8 * PAGE, 2 * PAGE, NOREAD, 0, 0x30000, 0},
		{9 * PAGE, PAGE, 0, 0, 0x31000, 0},
		{8 * PAGE, 2 * PAGE, NOREAD | NOWRITE, 0, 0, EINVAL},
		{11 * PAGE, PAGE, NOREAD, 0, 0x40000, 0},
		{11 * PAGE, PAGE, NOWRITE, 0, 0, EEXIST},
		{11 * PAGE, PAGE, 0, 0, 0, EEXIST},
	};
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(12 * PAGE);
	iova_t iova = 0x20000;

	(void)state;
	assert_int_equal(
		iommu_map_vaddr(&fake->ctx, arena + 2 * PAGE, 4 * PAGE, &iova, FIXED | NOWRITE), 0);
	iova = 0x30000;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 8 * PAGE, 2 * PAGE, &iova, FIXED), 0);
	iova = 0x40000;
	assert_int_equal(
		iommu_map_vaddr(&fake->ctx, arena + 11 * PAGE, PAGE, &iova, FIXED | NOREAD), 0);

	for (size_t i = 0; i < ROWS(rows); i++) {
		int ret;

		iova = rows[i].flags & FIXED ? rows[i].fixed : 7;
		errno = 0;
		ret = iommu_map_vaddr(&fake->ctx, arena + rows[i].start, rows[i].len, &iova,
				      rows[i].flags);
		assert_int_equal(ret, rows[i].error ? -1 : 0);
		assert_int_equal(errno, rows[i].error);
		if (!ret)
			assert_int_equal(iova, rows[i].iova);
		else
			assert_int_equal(iova, rows[i].flags & FIXED ? rows[i].fixed : 7);
		assert_int_equal(fake->maps, 3);
	}

	/* Where it failed next to them, nothing is left in the way. */
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 2 * PAGE, NULL, 0), 0);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 6 * PAGE, 2 * PAGE, NULL, 0), 0);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(arena, 12 * PAGE);
}

static void map__passes_permissions_on(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(3 * PAGE);

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, PAGE, NULL, IOMMU_MAP_NOWRITE), 0);
	assert_int_equal(fake->page[0x10],
			 (uintptr_t)arena | FAKE_FIRST | FAKE_LAST | FAKE_NOWRITE);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + PAGE, PAGE, NULL, IOMMU_MAP_NOREAD),
			 0);
	assert_int_equal(fake->last_flags, IOMMU_MAP_NOREAD);
	assert_int_equal(
		iommu_map_vaddr(&fake->ctx, arena + 2 * PAGE, PAGE, NULL, IOMMU_MAP_EPHEMERAL), 0);
	assert_int_equal(fake->last_flags, IOMMU_MAP_EPHEMERAL);
	assert_int_equal(fake_sees(fake, SHORT_FIRST), (uintptr_t)arena + 2 * PAGE);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 3 * PAGE);
}

static void map__refuses_bad_arguments(void **state)
{
	enum {
		FIXED = IOMMU_MAP_FIXED_IOVA
	};
	static char page[3 * PAGE] __attribute__((aligned(4096)));
	const struct {
		void *vaddr;
		size_t len;
		uint64_t fixed;
		unsigned long flags;
		int error;
	} rows[] = {
		{page, 0, 0, 0, EINVAL},
		{page + 1, PAGE, 0, 0, EINVAL},
		{page, PAGE + 1, 0, 0, EINVAL},
		{page, PAGE - 1, 0, 0, EINVAL},
		{NULL, PAGE, 0, 0, EINVAL},
		{page, PAGE, 0, 1ul << 4, EINVAL},
		{page, PAGE, 0, 1ul << 16, EINVAL}, /* flags of the library's own */
		{page, PAGE, 0, 1ul << 17, EINVAL},
		{page, PAGE, 0, 1ul << 63, EINVAL},
		{page, PAGE, 0x20001, FIXED, EINVAL},
		{page, PAGE, 0xf000, FIXED, EINVAL},	 /* below the range */
		{page, 2 * PAGE, 0xf000, FIXED, EINVAL}, /* runs into it */
		{page, PAGE, 1ul << 39, FIXED, EINVAL},	 /* above it */
		{page, 2 * PAGE, (1ul << 39) - PAGE, FIXED, EINVAL},
		{page, 2 * PAGE, UINT64_MAX - PAGE + 1, FIXED, EINVAL}, /* wraps around */
		{page, 1ul << 40, 0, 0, ENOMEM},			/* more than there is */
		{(void *)(1ul << 48), PAGE, 0, 0, EINVAL},
		{(void *)((1ul << 48) - PAGE), 2 * PAGE, 0, 0, EINVAL},
		{(void *)(UINTPTR_MAX - PAGE + 1), PAGE, 0, 0, EINVAL},
		{(void *)(UINTPTR_MAX - PAGE + 1), 2 * PAGE, 0, 0, EINVAL},
		{page, SIZE_MAX - PAGE + 1, 0, 0, EINVAL},
	};
	struct fake *fake = fake_create(NULL, 0, NULL);
	iova_t iova;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		iova = rows[i].fixed;
		assert_int_equal(iommu_map_vaddr(&fake->ctx, rows[i].vaddr, rows[i].len, &iova,
						 rows[i].flags),
				 -1);
		assert_int_equal(errno, rows[i].error);
		assert_int_equal(iova, rows[i].fixed);
		assert_int_equal(fake->maps, 0);
	}
	assert_int_equal(iommu_map_vaddr(&fake->ctx, page, PAGE, NULL, FIXED), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(iommu_map_vaddr(NULL, page, PAGE, &iova, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_pristine(fake);
	fake_destroy(fake);
}

static void map_align__gives_multiples(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(8 * PAGE);
	iova_t iova = 0;

	(void)state;
	assert_int_equal(iommu_map_vaddr_align(&fake->ctx, arena, PAGE, 2 * MIB, &iova, 0), 0);
	assert_int_equal(iova, 0x200000);
	assert_int_equal(iommu_map_vaddr_align(&fake->ctx, arena, PAGE, MIB, &iova, 0), 0);
	assert_int_equal(iova, 0x200000);
	assert_int_equal(iommu_map_vaddr_align(&fake->ctx, arena, PAGE, 4 * MIB, &iova, 0), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(iommu_map_vaddr_align(&fake->ctx, arena + PAGE, PAGE, 3 * PAGE, &iova, 0),
			 0);
	assert_int_equal(iova, 0x12000);

	const size_t bad[] = {0, 1, 512, PAGE + 512};
	for (size_t i = 0; i < ROWS(bad); i++) {
		assert_int_equal(
			iommu_map_vaddr_align(&fake->ctx, arena + 2 * PAGE, PAGE, bad[i], &iova, 0),
			-1);
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(iommu_map_vaddr_align(&fake->ctx, arena + 2 * PAGE, PAGE, PAGE, &iova,
					       IOMMU_MAP_FIXED_IOVA),
			 -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(iova, 0x12000);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 8 * PAGE);
}

static void map__that_fails_a_thousand_times_changes_nothing(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(64 * PAGE);

	(void)state;
	fake->fail_map = EPERM;
	for (unsigned long i = 0; i < 1000; i++) {
		iova_t iova = i % 3 ? 7 : 0x50000;
		unsigned long flags[] = {IOMMU_MAP_FIXED_IOVA, 0, IOMMU_MAP_EPHEMERAL};

		assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + i % 32 * PAGE,
						 (1 + i % 32) * PAGE, &iova, flags[i % 3]),
				 -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(iova, i % 3 ? 7 : 0x50000);
		assert_false(iommu_translate_vaddr(&fake->ctx, arena + i % 32 * PAGE, &iova));
	}
	assert_int_equal(fake->maps, 1000);
	fake->fail_map = 0;
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(arena, 64 * PAGE);
}

static void map__and_unmap_a_million_times(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(64 * PAGE);
	const unsigned long n = test_scale(1000000);
	iova_t iova;
	size_t len;

	(void)state;
	for (unsigned long i = 0; i < n; i++) {
		size_t want = (1 + i % 3) * PAGE;

		assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + i % 61 * PAGE, want, &iova,
						 i & 1 ? IOMMU_MAP_EPHEMERAL : 0),
				 0);
		assert_int_equal(iova, i & 1 ? SHORT_FIRST : 0x10000);
		assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena + i % 61 * PAGE, &len), 0);
		assert_int_equal(len, want);
	}
	assert_int_equal(fake->maps, n);
	assert_int_equal(fake->unmaps, n);
	fake_destroy(fake);
	munmap(arena, 64 * PAGE);
}

static void map__a_hundred_thousand_at_once(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	const size_t n = test_scale(100000);
	char *arena = arena_create(n * PAGE);
	iova_t iova = 0;

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + i * PAGE, PAGE, NULL, 0), 0);
	for (size_t i = 0; i < n; i++) {
		assert_true(iommu_translate_range(&fake->ctx, arena + i * PAGE, PAGE, &iova));
		assert_int_equal(fake_sees(fake, iova), (uintptr_t)arena + i * PAGE);
	}
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(arena, n * PAGE);
}

static void map__long_lived_ones_leave_room_for_short_lived_ones(void **state)
{
	const struct iommu_iova_range range = {0x100000, 0x1fffff}; /* 224 pages and 32 */
	struct fake *fake = fake_create(&range, 1, NULL);
	char *arena = arena_create(300 * PAGE);
	size_t n = 0;

	(void)state;
	while (!iommu_map_vaddr(&fake->ctx, arena + n * PAGE, PAGE, NULL, 0))
		n++;
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(n, 224);
	assert_int_equal(
		iommu_map_vaddr(&fake->ctx, arena + n * PAGE, 32 * PAGE, NULL, IOMMU_MAP_EPHEMERAL),
		0);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 300 * PAGE);
}

/* Start of a GiB with at least @n more behind it and one page before it. */
static char *gib_arena(char **mem, size_t n)
{
	*mem = arena_create((n + 2) * GIB);
	return (char *)(((uintptr_t)*mem + GIB) & ~(GIB - 1));
}

static void map__of_gibibytes(void **state)
{
	/* Offsets in pages from the start of a GiB; 0x40000 pages are a GiB. */
	static const struct {
		long start;
		size_t pages;
	} rows[] = {
		{0, 0x40000}, {0, 0x80000},  {-1, 0x40000}, {-1, 0x40002},	{1, 0x3ffff},
		{0x3ffff, 2}, {512, 0x4000}, {100, 0x4000}, {-0x2000, 0x44000},
	};
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *mem, *gib = gib_arena(&mem, 3);
	iova_t iova = 0;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ROWS(rows) * 2; i++) {
		char *start = gib + rows[i % ROWS(rows)].start * (long)PAGE;

		len = rows[i % ROWS(rows)].pages * PAGE;
		assert_int_equal(iommu_map_vaddr(&fake->ctx, start, len, &iova, 0), 0);
		assert_int_equal(iova, 0x10000);
		assert_true(iommu_translate_range(&fake->ctx, start, len, &iova));
		assert_true(iommu_translate_range(&fake->ctx, start + len - 1, 1, &iova));
		assert_int_equal(iova, 0x10000 + len - 1);
		assert_false(iommu_translate_range(&fake->ctx, start - 1, 1, &iova));
		assert_false(iommu_translate_range(&fake->ctx, start + len, 1, &iova));
		assert_false(iommu_translate_range(&fake->ctx, start, len + 1, &iova));

		/* In the way, and nothing of the attempt is left behind. */
		assert_int_equal(iommu_map_vaddr(&fake->ctx, start - PAGE, len + PAGE, NULL, 0),
				 -1);
		assert_int_equal(errno, EEXIST);
		assert_false(iommu_translate_range(&fake->ctx, start - 1, 1, &iova));
		assert_int_equal(iommu_unmap_vaddr(&fake->ctx, start + len / 2, &len), 0);
		for (size_t at = 0; at < len; at += PAGE)
			assert_false(iommu_translate_range(&fake->ctx, start + at, 1, &iova));
	}
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(mem, 5 * GIB);
}

static void map__of_whole_gibibytes_takes_no_memory_for_each_page(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *mem, *gib = gib_arena(&mem, 3);

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib, 3 * GIB, NULL, 0), 0);
	assert_null(fake->ctx.leaves);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(mem, 5 * GIB);
}

static void unmap__of_a_large_mapping_leaves_its_neighbours(void **state)
{
	/* The 512 entries for 2 MiB share a page, and 64 MiB are enough to give pages back. */
	static const struct {
		size_t start, len;
	} rows[] = {
		{2 * MIB, 64 * MIB},
		{2 * MIB, 64 * MIB + PAGE},
		{2 * MIB, 64 * MIB - PAGE},
		{2 * MIB + PAGE, 64 * MIB},
		{2 * MIB - PAGE, 64 * MIB + 2 * PAGE},
	};
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *mem, *gib = gib_arena(&mem, 1);
	iova_t iova = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *start = gib + rows[i].start, *end = start + rows[i].len;

		assert_int_equal(iommu_map_vaddr(&fake->ctx, start - PAGE, PAGE, NULL, 0), 0);
		assert_int_equal(iommu_map_vaddr(&fake->ctx, end, PAGE, NULL, 0), 0);
		assert_int_equal(iommu_map_vaddr(&fake->ctx, start, rows[i].len, NULL, 0), 0);
		assert_int_equal(iommu_unmap_vaddr(&fake->ctx, start, NULL), 0);
		assert_true(iommu_translate_range(&fake->ctx, start - PAGE, PAGE, &iova));
		assert_int_equal(iova, 0x10000);
		assert_true(iommu_translate_range(&fake->ctx, end, PAGE, &iova));
		assert_int_equal(iova, 0x11000);
		for (char *at = start; at < end; at += PAGE)
			assert_false(iommu_translate_range(&fake->ctx, at, 1, &iova));
		assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	}
	fake_destroy(fake);
	munmap(mem, 3 * GIB);
}

static void map__of_more_than_an_entry_can_say(void **state)
{
	/* The entry at its start can tell of 2^20 - 1 pages, 4 GiB less one page. */
	const size_t len = 20 * GIB + 3 * PAGE;
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *mem, *gib = gib_arena(&mem, 21);
	iova_t iova = 0;
	size_t contig;

	(void)state;
	fake->blind = true;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib, len, NULL, IOMMU_MAP_NOWRITE), 0);
	assert_true(iommu_translate_range(&fake->ctx, gib, 4 * GIB - PAGE, &iova));
	assert_int_equal(iova, 0x10000);
	assert_false(iommu_translate_range(&fake->ctx, gib, 4 * GIB, &iova));
	assert_true(iommu_translate_range(&fake->ctx, gib + 17 * GIB, 3 * GIB + 3 * PAGE, &iova));
	assert_int_equal(iova, 0x10000 + 17 * GIB);
	assert_false(
		iommu_translate_range(&fake->ctx, gib + 17 * GIB, 3 * GIB + 3 * PAGE + 1, &iova));
	assert_true(iommu_translate_piece(&fake->ctx, gib + 5, len - 5, &iova, &contig));
	assert_int_equal(iova, 0x10005);
	assert_int_equal(contig, len - 5);
	assert_true(iommu_translate_piece(&fake->ctx, gib + 5, len, &iova, &contig));
	assert_int_equal(contig, len - 5);

	/* Looked up whole, and in odd parts, but not with more rights or more bytes. */
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib, len, &iova, IOMMU_MAP_NOWRITE), 0);
	assert_int_equal(iova, 0x10000);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib + 1, len - 2, &iova, IOMMU_MAP_NOWRITE),
			 0);
	assert_int_equal(iova, 0x10001);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib, len, &iova, 0), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib, len + PAGE, &iova, IOMMU_MAP_NOWRITE),
			 -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(fake->maps, 1);
	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, gib + len - 1, &contig), 0);
	assert_int_equal(contig, len);
	fake->blind = false;
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(mem, 23 * GIB);
}

static void map__finds_iovas_near_the_end_of_what_an_entry_can_say(void **state)
{
	const struct iommu_iova_range range = {0x10000, 0xfffffffffffff};
	struct fake *fake = fake_create(&range, 1, NULL);
	char *arena = arena_create(2 * PAGE);
	iova_t iova = 0xffffffffff000;

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, PAGE, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	assert_true(iommu_translate_vaddr(&fake->ctx, arena + 0xabc, &iova));
	assert_int_equal(iova, 0xffffffffffabc);
	iova = 0x10000000000000;
	assert_int_equal(
		iommu_map_vaddr(&fake->ctx, arena + PAGE, PAGE, &iova, IOMMU_MAP_FIXED_IOVA), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 2 * PAGE);
}

static void map__of_a_gibibyte_around_a_page_is_refused(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *mem, *gib = gib_arena(&mem, 3);
	iova_t iova = 0;

	(void)state;
	/* A page in the last of three; the first two get in and have to come out again. */
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib + 2 * GIB + 64 * MIB, PAGE, NULL, 0), 0);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib, 3 * GIB, NULL, 0), -1);
	assert_int_equal(errno, EEXIST);
	assert_false(iommu_translate_range(&fake->ctx, gib, 1, &iova));
	assert_false(iommu_translate_range(&fake->ctx, gib + 2 * GIB - 1, 1, &iova));
	assert_false(iommu_translate_range(&fake->ctx, gib + 2 * GIB, 1, &iova));
	assert_true(iommu_translate_range(&fake->ctx, gib + 2 * GIB + 64 * MIB, PAGE, &iova));

	/* And a page in a GiB that is mapped as one. */
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib, GIB, NULL, 0), 0);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib - PAGE, 2 * PAGE, NULL, 0), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, gib + GIB - PAGE, PAGE, &iova, 0), 0);
	assert_int_equal(iova, 0x11000 + GIB - PAGE);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(mem, 5 * GIB);
}

static void map__without_memory_for_tables_changes_nothing(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)state;
	test_skip("the sanitizer's own memory cannot be limited");
#else
	struct rlimit unlimited, limit;
	struct fake *fake;
	char *arena;

	(void)state;
	if (getenv("BELFRY_TEST_DIVISOR"))
		test_skip("the memory of the tool that runs this cannot be limited");

	fake = fake_create(NULL, 0, NULL);
	arena = arena_create(GIB + PAGE);
	assert_int_equal(getrlimit(RLIMIT_AS, &unlimited), 0);
	limit = unlimited;
	limit.rlim_cur = MIB; /* a table is 2 MiB */
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, PAGE, NULL, 0), -1);
		assert_int_equal(errno, ENOMEM);
	}
	assert_int_equal(setrlimit(RLIMIT_AS, &unlimited), 0);
	assert_int_equal(fake->maps, 0);
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(arena, GIB + PAGE);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map__makes_memory_visible_and_translatable),
		cmocka_unit_test(map__again_is_a_look_up_if_all_that_is_asked_for_is_there),
		cmocka_unit_test(map__passes_permissions_on),
		cmocka_unit_test(map__refuses_bad_arguments),
		cmocka_unit_test(map_align__gives_multiples),
		cmocka_unit_test(map__that_fails_a_thousand_times_changes_nothing),
		cmocka_unit_test(map__and_unmap_a_million_times),
		cmocka_unit_test(map__a_hundred_thousand_at_once),
		cmocka_unit_test(map__long_lived_ones_leave_room_for_short_lived_ones),
		cmocka_unit_test(map__of_gibibytes),
		cmocka_unit_test(map__of_whole_gibibytes_takes_no_memory_for_each_page),
		cmocka_unit_test(unmap__of_a_large_mapping_leaves_its_neighbours),
		cmocka_unit_test(map__of_more_than_an_entry_can_say),
		cmocka_unit_test(map__finds_iovas_near_the_end_of_what_an_entry_can_say),
		cmocka_unit_test(map__of_a_gibibyte_around_a_page_is_refused),
		cmocka_unit_test(map__without_memory_for_tables_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

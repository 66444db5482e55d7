/* SPDX-License-Identifier: MIT */
/*
 * The allocator of I/O virtual addresses: placed by hand in small ranges, and against a model that
 * has one byte for each page and searches it from end to end.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "iommu/iova.h"
#include "test.h"

#define PAGE 4096ul
#define KIB  1024ul
#define MIB  (1024 * KIB)

static int owner; /* whose address is as good as any */

static void iova__takes_the_smallest_hole_that_fits(void **state)
{
	/* 16 pages; the window is the top two. */
	const struct iommu_iova_range range = {0x10000, 0x1ffff};
	struct iova_extent *e[8];
	struct iova_space space;

	(void)state;
	assert_int_equal(iova_space_init(&space, &range, 1), 0);
	for (int i = 0; i < 8; i++) {
		e[i] = iova_alloc(&space, PAGE, PAGE, IOVA_LONG, &owner);
		assert_non_null(e[i]);
		assert_int_equal(e[i]->start, 0x10000 + i * PAGE);
		assert_int_equal(e[i]->last, 0x10fff + i * PAGE);
	}

	/* Holes of 2 pages at 0x11000, 1 page at 0x15000, and the 6 pages from 0x18000. */
	iova_free(&space, e[1]);
	iova_free(&space, e[2]);
	iova_free(&space, e[5]);
	e[5] = iova_alloc(&space, PAGE, PAGE, IOVA_LONG, &owner);
	assert_int_equal(e[5]->start, 0x15000);
	e[1] = iova_alloc(&space, 2 * PAGE, PAGE, IOVA_LONG, &owner);
	assert_int_equal(e[1]->start, 0x11000);
	e[2] = iova_alloc(&space, 6 * PAGE, PAGE, IOVA_LONG, &owner);
	assert_int_equal(e[2]->start, 0x18000);

	assert_null(iova_alloc(&space, PAGE, PAGE, IOVA_LONG, &owner));
	assert_int_equal(errno, ENOMEM);
	e[7] = iova_alloc(&space, PAGE, PAGE, IOVA_SHORT, &owner);
	assert_int_equal(e[7]->start, 0x1e000);
	iova_space_close(&space);
}

static void iova__short_lived_ones_spill_and_long_lived_ones_do_not(void **state)
{
	const struct iommu_iova_range range = {0x100000, 0x1fffff}; /* 256 pages, window of 32 */
	struct iova_extent *window, *rest, *spilt;
	struct iova_space space;

	(void)state;
	assert_int_equal(iova_space_init(&space, &range, 1), 0);
	assert_null(iova_alloc(&space, 225 * PAGE, PAGE, IOVA_LONG, &owner));
	rest = iova_alloc(&space, 223 * PAGE, PAGE, IOVA_LONG, &owner);
	assert_int_equal(rest->start, 0x100000);
	window = iova_alloc(&space, 32 * PAGE, PAGE, IOVA_SHORT, &owner);
	assert_int_equal(window->start, 0x1e0000);

	spilt = iova_alloc(&space, PAGE, PAGE, IOVA_SHORT, &owner);
	assert_int_equal(spilt->start, 0x1df000);
	assert_null(iova_alloc(&space, PAGE, PAGE, IOVA_SHORT, &owner));
	assert_int_equal(errno, ENOMEM);
	iova_free(&space, window);
	assert_null(iova_alloc(&space, PAGE, PAGE, IOVA_LONG, &owner));
	iova_space_close(&space);
}

static void iova__aligns_to_any_multiple_of_the_page(void **state)
{
	static const struct {
		size_t len, align;
		uint64_t start;
	} rows[] = {
		{PAGE, 64 * KIB, 0x20000},
		{PAGE, 2 * MIB, 0x200000},
		{8 * KIB, 12 * KIB, 0x12000}, /* 6 * 12 KiB */
		{PAGE, 16 * MIB, 0x1000000},
	};
	const struct iommu_iova_range range = {0x11000, 0x3ffffff};
	struct iova_space space;

	(void)state;
	assert_int_equal(iova_space_init(&space, &range, 1), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iova_extent *e;

		e = iova_alloc(&space, rows[i].len, rows[i].align, IOVA_LONG, &owner);
		assert_non_null(e);
		assert_int_equal(e->start, rows[i].start);
		assert_int_equal(e->last, rows[i].start + rows[i].len - 1);
		iova_free(&space, e);
	}

	/* Cannot be aligned like that anywhere, however large the number. */
	assert_null(iova_alloc(&space, PAGE, 64 * MIB, IOVA_SHORT, &owner));
	assert_int_equal(errno, ENOMEM);
	assert_null(iova_alloc(&space, PAGE, SIZE_MAX & ~(PAGE - 1), IOVA_SHORT, &owner));
	assert_int_equal(errno, ENOMEM);
	assert_null(iova_alloc(&space, SIZE_MAX & ~(PAGE - 1), PAGE, IOVA_SHORT, &owner));
	assert_int_equal(errno, ENOMEM);
	iova_space_close(&space);
}

static void iova__finds_the_last_place_that_happens_to_be_aligned(void **state)
{
	const struct iommu_iova_range range = {0x10000, 0x1ffff};
	struct iova_extent *low, *high, *e;
	struct iova_space space;

	(void)state;
	/* Only 0x14000 to 0x15fff is free: just 8 KiB, at a multiple of 16 KiB. */
	assert_int_equal(iova_space_init(&space, &range, 1), 0);
	low = iova_reserve(&space, 0x10000, 4 * PAGE, &owner);
	high = iova_reserve(&space, 0x16000, 8 * PAGE, &owner);
	assert_true(low && high);
	e = iova_alloc(&space, 2 * PAGE, 4 * PAGE, IOVA_LONG, &owner);
	assert_non_null(e);
	assert_int_equal(e->start, 0x14000);
	iova_space_close(&space);
}

static void iova__reserves_only_what_is_free_and_usable(void **state)
{
	static const struct {
		uint64_t start;
		size_t len;
		int error;
	} rows[] = {
		{0x10000, 16 * PAGE, 0},      /* all of the first range, across its window or not */
		{0x30000, PAGE, 0},	      /* first page of the second */
		{0x3f000, PAGE, 0},	      /* last page of the second */
		{0x0f000, PAGE, EINVAL},      /* just below the first */
		{0x20000, PAGE, EINVAL},      /* in the hole */
		{0x1f000, 2 * PAGE, EINVAL},  /* runs into the hole */
		{0x0f000, 2 * PAGE, EINVAL},  /* comes out of the hole */
		{0x1f000, 18 * PAGE, EINVAL}, /* over the hole */
		{0x40000, PAGE, EINVAL},      /* behind everything */
		{0x35000, PAGE, EEXIST},      /* taken below */
		{0x34000, 2 * PAGE, EEXIST},  /* its end is taken */
		{0x36000, 2 * PAGE, EEXIST},  /* its start is taken */
		{0x34000, 4 * PAGE, EEXIST},  /* its middle is taken */
		{0xfffffffffffff000, 2 * PAGE, EINVAL}, /* wraps around */
	};
	const struct iommu_iova_range ranges[] = {{0x10000, 0x1ffff}, {0x30000, 0x3ffff}};
	struct iova_space space;

	(void)state;
	assert_int_equal(iova_space_init(&space, ranges, 2), 0);
	assert_non_null(iova_reserve(&space, 0x35000, 2 * PAGE, &owner));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iova_extent *e;

		errno = 0;
		e = iova_reserve(&space, rows[i].start, rows[i].len, &owner);
		assert_int_equal(errno, rows[i].error);
		assert_int_equal(e != NULL, rows[i].error == 0);
		if (e) {
			assert_int_equal(e->start, rows[i].start);
			assert_int_equal(e->last, rows[i].start + rows[i].len - 1);
			iova_free(&space, e);
		}
	}
	iova_space_close(&space);
}

static void iova__gives_back_what_lay_across_the_border(void **state)
{
	const struct iommu_iova_range range = {0x100000, 0x1fffff}; /* border at 0x1e0000 */
	struct iova_extent *across, *window, *rest;
	struct iova_space space;

	(void)state;
	assert_int_equal(iova_space_init(&space, &range, 1), 0);
	for (int i = 0; i < 3; i++) {
		across = iova_reserve(&space, 0x1df000, 2 * PAGE, &owner);
		assert_non_null(across);
		assert_ptr_equal(iova_find(&space, 0x1e0fff), across);
		iova_free(&space, across);
		across = iova_reserve(&space, 0x100000, 256 * PAGE, &owner);
		assert_non_null(across);
		iova_free(&space, across);

		/* Both windows are whole again, and the border is where it was. */
		rest = iova_alloc(&space, 224 * PAGE, PAGE, IOVA_LONG, &owner);
		window = iova_alloc(&space, 32 * PAGE, PAGE, IOVA_SHORT, &owner);
		assert_int_equal(rest->start, 0x100000);
		assert_int_equal(window->start, 0x1e0000);
		iova_free(&space, rest);
		iova_free(&space, window);
	}
	iova_space_close(&space);
}

static void iova__uses_all_of_64_bits(void **state)
{
	const struct iommu_iova_range range = {PAGE, UINT64_MAX};
	struct iova_extent *top, *e;
	struct iova_space space;

	(void)state;
	assert_int_equal(iova_space_init(&space, &range, 1), 0);
	top = iova_reserve(&space, 0xfffffffffffff000, PAGE, &owner);
	assert_non_null(top);
	assert_int_equal(top->last, UINT64_MAX);
	assert_ptr_equal(iova_find(&space, UINT64_MAX), top);
	assert_ptr_equal(iova_first(&space, 0), top);
	assert_ptr_equal(iova_first(&space, UINT64_MAX), top);
	e = iova_alloc(&space, (size_t)1 << 63, PAGE, IOVA_LONG, &owner);
	assert_non_null(e);
	assert_int_equal(e->start, PAGE);
	iova_free(&space, top);
	iova_free(&space, e);
	assert_null(iova_first(&space, 0));
	iova_space_close(&space);
}

/* The model: pages 0 to MODEL_PAGES - 1, some of them in no range. */
#define MODEL_PAGES 400
#define NOWHERE	    255

struct model {
	struct iova_space space;
	uint8_t page[MODEL_PAGES]; /* NOWHERE, 0: free, or 1 + index into live */
	struct iova_extent *live[200];
	size_t border; /* page */
};

static uint64_t rng_state;

static unsigned int rnd(unsigned int n)
{
	rng_state += 0x9e3779b97f4a7c15;
	uint64_t z = rng_state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

static bool model_is_free(const struct model *m, size_t page, size_t n)
{
	if (page + n > MODEL_PAGES)
		return false;
	for (size_t i = 0; i < n; i++)
		if (m->page[page + i])
			return false;
	return true;
}

/* Whether @n free pages, aligned, are all in the window or all outside of it. */
static bool model_has_room(const struct model *m, size_t n, size_t align, bool window)
{
	for (size_t page = 0; page + n <= MODEL_PAGES; page++) {
		bool in = page >= m->border, ends_in = page + n - 1 >= m->border;

		if (page % align == 0 && in == window && ends_in == window &&
		    model_is_free(m, page, n))
			return true;
	}
	return false;
}

static void model_take(struct model *m, int slot, struct iova_extent *e, size_t n)
{
	size_t page = e->start / PAGE;

	assert_int_equal(e->last, e->start + n * PAGE - 1);
	assert_true(model_is_free(m, page, n));
	memset(&m->page[page], 1 + slot, n);
	m->live[slot] = e;
}

static void model_alloc(struct model *m, int slot)
{
	size_t n = 1 + rnd(rnd(8) ? 6 : 40), align = 1 + rnd(5);
	enum iova_window window = rnd(3) ? IOVA_LONG : IOVA_SHORT;
	struct iova_extent *e;
	bool room;

	room = model_has_room(m, n, align, window == IOVA_SHORT) ||
	       (window == IOVA_SHORT && model_has_room(m, n, align, false));
	e = iova_alloc(&m->space, n * PAGE, align * PAGE, window, &m->live[slot]);
	assert_int_equal(e != NULL, room);
	if (!e)
		return;

	assert_int_equal(e->start / PAGE % align, 0);
	if (window == IOVA_LONG)
		assert_true(e->last / PAGE < m->border);
	model_take(m, slot, e, n);
}

static void model_reserve(struct model *m, int slot)
{
	size_t page = rnd(MODEL_PAGES), n = 1 + rnd(rnd(8) ? 6 : 60);
	struct iova_extent *e;
	bool usable = page + n <= MODEL_PAGES, taken = false;

	for (size_t i = page; i < page + n && i < MODEL_PAGES; i++) {
		usable &= m->page[i] != NOWHERE;
		taken |= m->page[i] && m->page[i] != NOWHERE;
	}

	errno = 0;
	e = iova_reserve(&m->space, page * PAGE, n * PAGE, &m->live[slot]);
	assert_int_equal(e != NULL, usable && !taken);
	if (e)
		model_take(m, slot, e, n);
	else
		assert_true((errno == EINVAL && !usable) || (errno == EEXIST && taken));
}

static void model_free(struct model *m, int slot)
{
	iova_free(&m->space, m->live[slot]);
	m->live[slot] = NULL;
	for (size_t i = 0; i < MODEL_PAGES; i++)
		if (m->page[i] == 1 + slot)
			m->page[i] = 0;
}

static void model_look(struct model *m)
{
	size_t page = rnd(MODEL_PAGES), n = 1 + rnd(10), hole;
	int slot = m->page[page] == NOWHERE ? -1 : m->page[page] - 1;
	struct iova_extent *e = iova_find(&m->space, page * PAGE + rnd(PAGE));
	iova_t at;

	assert_ptr_equal(e, slot < 0 ? NULL : m->live[slot]);
	if (e)
		assert_ptr_equal(e->owner, &m->live[slot]);

	/* A hole across the border is not seen, so take the border for taken. */
	for (hole = page; hole + n <= MODEL_PAGES; hole++)
		if (model_is_free(m, hole, n) && (hole >= m->border) == (hole + n - 1 >= m->border))
			break;
	if (iova_find_hole(&m->space, page * PAGE, n * PAGE, &at))
		assert_int_equal(at, hole * PAGE);
	else
		assert_true(hole + n > MODEL_PAGES);

	e = iova_first(&m->space, page * PAGE);
	while (page < MODEL_PAGES && (!m->page[page] || m->page[page] == NOWHERE))
		page++;
	assert_ptr_equal(e, page < MODEL_PAGES ? m->live[m->page[page] - 1] : NULL);
}

static void iova__does_what_the_model_does(void **state)
{
	/* Pages 1..99, 110..129 and 140..399; the window is 32 of the last 260: from page 368. */
	const struct iommu_iova_range ranges[] = {
		{1 * PAGE, 100 * PAGE - 1},
		{110 * PAGE, 130 * PAGE - 1},
		{140 * PAGE, 400 * PAGE - 1},
	};
	struct model m = {.border = 368};
	struct iova_extent *e;

	(void)state;
	rng_state = 42;
	memset(m.page, NOWHERE, sizeof(m.page));
	for (int i = 0; i < 3; i++)
		for (size_t p = ranges[i].start / PAGE; p <= ranges[i].last / PAGE; p++)
			m.page[p] = 0;
	assert_int_equal(iova_space_init(&m.space, ranges, 3), 0);

	for (unsigned long i = 0; i < test_scale(300000); i++) {
		/* Tides, so that it is at times nearly full and at times nearly empty. */
		int slot = rnd(i / 5000 % 2 ? 200 : 60);

		if (m.live[slot])
			model_free(&m, slot);
		else if (rnd(4))
			model_alloc(&m, slot);
		else
			model_reserve(&m, slot);
		model_look(&m);
	}

	for (int slot = 0; slot < 200; slot++)
		if (m.live[slot])
			model_free(&m, slot);
	e = iova_alloc(&m.space, 228 * PAGE, PAGE, IOVA_LONG, &owner);
	assert_non_null(e);
	assert_int_equal(e->start, 140 * PAGE);
	iova_space_close(&m.space);
}

static void iova__a_million_at_once(void **state)
{
	const struct iommu_iova_range range = {0x10000, 0x7fffffffff};
	const size_t n = test_scale(1000000);
	struct iova_extent **e = calloc(n, sizeof(struct iova_extent *));
	struct iova_space space;
	struct iova_extent *all;

	(void)state;
	assert_non_null(e);
	assert_int_equal(iova_space_init(&space, &range, 1), 0);
	for (size_t i = 0; i < n; i++) {
		e[i] = iova_alloc(&space, PAGE, PAGE, IOVA_LONG, &owner);
		assert_non_null(e[i]);
	}
	assert_int_equal(e[n - 1]->start, 0x10000 + (n - 1) * PAGE);

	/* Every other one first, so that nothing can be joined until the second half. */
	for (size_t i = 0; i < n; i += 2)
		iova_free(&space, e[i]);
	for (size_t i = 1; i < n; i += 2)
		iova_free(&space, e[i]);

	/* The range is 2^39 - 2^16 bytes, the window the last 2^36 - 2^13 of them. */
	all = iova_alloc(&space, 0x7000002000 - 0x10000, PAGE, IOVA_LONG, &owner);
	assert_non_null(all);
	assert_int_equal(all->start, 0x10000);
	iova_space_close(&space);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iova__takes_the_smallest_hole_that_fits),
		cmocka_unit_test(iova__short_lived_ones_spill_and_long_lived_ones_do_not),
		cmocka_unit_test(iova__aligns_to_any_multiple_of_the_page),
		cmocka_unit_test(iova__finds_the_last_place_that_happens_to_be_aligned),
		cmocka_unit_test(iova__reserves_only_what_is_free_and_usable),
		cmocka_unit_test(iova__gives_back_what_lay_across_the_border),
		cmocka_unit_test(iova__uses_all_of_64_bits),
		cmocka_unit_test(iova__does_what_the_model_does),
		cmocka_unit_test(iova__a_million_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

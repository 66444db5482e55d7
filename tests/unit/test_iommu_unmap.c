/* SPDX-License-Identifier: MIT */
/*
 * Translation, unmapping and pins over a backend that keeps its own books.
 *
 * IOVAs expected are worked out from the default range, 0x10000 to 0x7fffffffff, lowest address
 * first; short-lived ones start at its top eighth: 2^39 - (2^39 - 2^16) / 8 = 0x7000002000.
 */
#include <string.h>

#include <belfry/iommu.h>

#include "iommu/pin.h"
#include "iommu/translate.h"
#include "test.h"
#include "test_iommu_fake.h"

#define SHORT_FIRST 0x7000002000ul

static void translate__covers_every_byte_of_the_range(void **state)
{
	/* Pages 2 to 5 are mapped at 0x10000. */
	static const struct {
		uint64_t start, len;
		bool found;
		uint64_t iova;
	} rows[] = {
		{2 * PAGE, 4 * PAGE, true, 0x10000},
		{2 * PAGE, 1, true, 0x10000},
		{5 * PAGE, PAGE, true, 0x13000},
		{6 * PAGE - 1, 1, true, 0x13fff},
		{3 * PAGE + 5, 77, true, 0x11005},
		{2 * PAGE, 4 * PAGE + 1, false, 0},
		{6 * PAGE - 1, 2, false, 0},
		{2 * PAGE - 1, 1, false, 0},
		{2 * PAGE - 1, 2, false, 0},
		{6 * PAGE, 1, false, 0},
		{3 * PAGE, 0, false, 0},
		{3 * PAGE, SIZE_MAX, false, 0},
		{3 * PAGE, SIZE_MAX - PAGE, false, 0},
	};
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(8 * PAGE);

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 2 * PAGE, 4 * PAGE, NULL, 0), 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		iova_t iova = 7, piece = 7;
		size_t contig = 7;

		assert_int_equal(iommu_translate_range(&fake->ctx, arena + rows[i].start,
						       rows[i].len, &iova),
				 rows[i].found);
		assert_int_equal(iova, rows[i].found ? rows[i].iova : 7);
		if (!rows[i].found)
			continue;
		assert_true(iommu_translate_piece(&fake->ctx, arena + rows[i].start, rows[i].len,
						  &piece, &contig));
		assert_int_equal(piece, rows[i].iova);
		assert_int_equal(contig, rows[i].len);
	}
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 8 * PAGE);
}

static void translate__pieces_end_where_the_device_sees_a_gap(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(10 * PAGE);
	iova_t iova = 0x20000;
	size_t contig = 7;

	(void)state;
	/* Pages 0-1 at 0x20000 and 2-3 at 0x22000 adjoin; 4-5 at 0x40000 do not; 6 is not mapped. */
	for (int i = 0; i < 3; i++) {
		iova = (iova_t[]){0x20000, 0x22000, 0x40000}[i];
		assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 2 * i * PAGE, 2 * PAGE, &iova,
						 IOMMU_MAP_FIXED_IOVA),
				 0);
	}
	assert_true(iommu_translate_piece(&fake->ctx, arena + 100, 6 * PAGE, &iova, &contig));
	assert_int_equal(iova, 0x20064);
	assert_int_equal(contig, 4 * PAGE - 100);
	assert_true(iommu_translate_piece(&fake->ctx, arena + 100, 3 * PAGE, &iova, &contig));
	assert_int_equal(contig, 3 * PAGE);
	assert_true(iommu_translate_piece(&fake->ctx, arena + 4 * PAGE, 5 * PAGE, &iova, &contig));
	assert_int_equal(iova, 0x40000);
	assert_int_equal(contig, 2 * PAGE);
	assert_false(iommu_translate_range(&fake->ctx, arena, 3 * PAGE, &iova));

	contig = 7;
	assert_false(iommu_translate_piece(&fake->ctx, arena + 6 * PAGE, 1, &iova, &contig));
	assert_false(iommu_translate_piece(&fake->ctx, arena, 0, &iova, &contig));
	assert_false(iommu_translate_piece(&fake->ctx, arena, SIZE_MAX, &iova, &contig));
	assert_int_equal(contig, 7);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 10 * PAGE);
}

static void unmap__takes_any_address_inside_and_tells_the_length(void **state)
{
	static const uint64_t inside[] = {0, 1, PAGE, 3 * PAGE - 1};
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(4 * PAGE);
	size_t len;

	(void)state;
	for (size_t i = 0; i < ROWS(inside); i++) {
		assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 3 * PAGE, NULL, 0), 0);
		len = 7;
		assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena + 3 * PAGE, &len), -1);
		assert_int_equal(errno, ENOENT);
		assert_int_equal(len, 7);
		assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena + inside[i], &len), 0);
		assert_int_equal(len, 3 * PAGE);
		assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena + inside[i], NULL), -1);
		assert_int_equal(errno, ENOENT);
	}
	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, (void *)(1ul << 60), NULL), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(iommu_unmap_vaddr(NULL, arena, NULL), -1);
	assert_int_equal(errno, EINVAL);
	fake_destroy(fake);
	munmap(arena, 4 * PAGE);
}

static void unmap__that_fails_leaves_the_mapping(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(2 * PAGE);
	iova_t iova = 0;
	size_t len = 7;

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 2 * PAGE, NULL, 0), 0);
	for (int i = 0; i < 3; i++) {
		fake->fail_unmap = EIO;
		assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena, &len), -1);
		assert_int_equal(errno, EIO);
		assert_int_equal(iommu_unmap_all(&fake->ctx), -1);
		assert_int_equal(errno, EIO);
		assert_int_equal(len, 7);
		assert_true(iommu_translate_range(&fake->ctx, arena, 2 * PAGE, &iova));
		assert_int_equal(iova, 0x10000);
	}
	fake->fail_unmap = 0;
	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena, &len), 0);
	assert_int_equal(len, 2 * PAGE);
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(arena, 2 * PAGE);
}

static void unmap_all__leaves_only_what_is_pinned(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(30 * PAGE);
	struct iommu_pin pin, private;
	iova_t iova;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 2 * i * PAGE, PAGE, NULL, 0),
				 0);
	assert_int_equal(iommu_pin(&fake->ctx, arena + 8 * PAGE, PAGE, &iova, &pin), 0);
	assert_int_equal(iommu_pin(&fake->ctx, arena + 20 * PAGE, PAGE, &iova, &private), 0);
	assert_int_equal(iommu_unmap_all(&fake->ctx), -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(fake->live, 2 * PAGE);
	assert_true(iommu_translate_vaddr(&fake->ctx, arena + 8 * PAGE, &iova));

	iommu_unpin(&fake->ctx, &pin);
	iommu_unpin(&fake->ctx, &private);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(arena, 30 * PAGE);
}

static void translate_iova__tells_address_and_bytes_left(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(4 * PAGE);
	void *vaddr = NULL;

	(void)state;
	/* Pages 0 to 2 at 0x10000, page 3 at 0x13000. */
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 3 * PAGE, NULL, 0), 0);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 3 * PAGE, PAGE, NULL, 0), 0);
	assert_int_equal(iommu_translate_iova(&fake->ctx, 0x10000, &vaddr), 3 * PAGE);
	assert_ptr_equal(vaddr, arena);
	assert_int_equal(iommu_translate_iova(&fake->ctx, 0x12fff, &vaddr), 1);
	assert_ptr_equal(vaddr, arena + 3 * PAGE - 1);
	assert_int_equal(iommu_translate_iova(&fake->ctx, 0x13010, &vaddr), PAGE - 16);
	assert_ptr_equal(vaddr, arena + 3 * PAGE + 16);
	assert_int_equal(iommu_translate_iova(&fake->ctx, 0x13010, NULL), PAGE - 16);

	const iova_t nothing[] = {0, 0xffff, 0x14000, UINT64_MAX};
	for (size_t i = 0; i < ROWS(nothing); i++) {
		assert_int_equal(iommu_translate_iova(&fake->ctx, nothing[i], &vaddr), -1);
		assert_int_equal(errno, EINVAL);
		assert_ptr_equal(vaddr, arena + 3 * PAGE + 16);
	}
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 4 * PAGE);
}

static void pin__of_mapped_memory_keeps_the_mapping(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(4 * PAGE);
	struct iommu_pin a, b;
	iova_t iova = 0;

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 4 * PAGE, NULL, 0), 0);
	assert_int_equal(iommu_pin(&fake->ctx, arena + 100, 5000, &iova, &a), 0);
	assert_int_equal(iova, 0x10064);
	assert_int_equal(iommu_pin(&fake->ctx, arena, 4 * PAGE, &iova, &b), 0);
	assert_int_equal(iova, 0x10000);
	assert_int_equal(fake->maps, 1);

	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena, NULL), -1);
	assert_int_equal(errno, EBUSY);
	iommu_unpin(&fake->ctx, &a);
	assert_null(a.mapping);
	iommu_unpin(&fake->ctx, &a); /* holds nothing */
	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena, NULL), -1);
	assert_int_equal(errno, EBUSY);
	iommu_unpin(&fake->ctx, &b);
	assert_int_equal(fake->unmaps, 0);
	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena, NULL), 0);
	fake_destroy(fake);
	munmap(arena, 4 * PAGE);
}

static void pin__of_other_memory_maps_it_for_itself(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(4 * PAGE);
	struct iommu_pin a, b, c;
	iova_t iova = 0;

	(void)state;
	/* The same memory twice, and some of it, and some that is mapped in part. */
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 3 * PAGE, PAGE, NULL, 0), 0);
	assert_int_equal(iommu_pin(&fake->ctx, arena, 2 * PAGE, &iova, &a), 0);
	assert_int_equal(iova, SHORT_FIRST);
	assert_int_equal(iommu_pin(&fake->ctx, arena, 2 * PAGE, &iova, &b), 0);
	assert_int_equal(iova, SHORT_FIRST + 2 * PAGE);
	assert_int_equal(iommu_pin(&fake->ctx, arena + PAGE, 3 * PAGE, &iova, &c), 0);
	assert_int_equal(iova, SHORT_FIRST + 4 * PAGE);
	assert_int_equal(fake_sees(fake, iova + 2 * PAGE), (uintptr_t)arena + 3 * PAGE);

	/* Private: not found by translation, in nobody's way. */
	assert_false(iommu_translate_vaddr(&fake->ctx, arena, &iova));
	assert_int_equal(iommu_unmap_vaddr(&fake->ctx, arena, NULL), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 2 * PAGE, &iova, 0), 0);
	assert_int_equal(iova, 0x11000);

	iommu_unpin(&fake->ctx, &a);
	assert_int_equal(fake_sees(fake, SHORT_FIRST), 0);
	assert_int_equal(fake_sees(fake, SHORT_FIRST + 2 * PAGE), (uintptr_t)arena);
	errno = 77;
	iommu_unpin(&fake->ctx, &b);
	iommu_unpin(&fake->ctx, &c);
	assert_int_equal(errno, 77);
	assert_int_equal(fake->live, 3 * PAGE);
	assert_true(iommu_translate_vaddr(&fake->ctx, arena, &iova));
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 4 * PAGE);
}

static void pin__refuses_what_cannot_be_mapped(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(4 * PAGE);
	const struct {
		void *vaddr;
		size_t len;
	} rows[] = {
		{arena, 0},
		{arena + 1, PAGE},
		{arena, 100},
		{arena, SIZE_MAX},
		{NULL, PAGE},
		{(void *)(1ul << 48), PAGE},
		{(void *)((1ul << 48) - PAGE), 2 * PAGE},
		{arena + 3 * PAGE + 1, PAGE}, /* begins in what is mapped and ends outside */
		{arena + 2 * PAGE + 1, PAGE}, /* the other way round */
	};
	struct iommu_pin pin = {.mapping = (void *)&pin};
	iova_t iova = 7;

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 3 * PAGE, PAGE, NULL, 0), 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		pin.mapping = (void *)&pin;
		assert_int_equal(iommu_pin(&fake->ctx, rows[i].vaddr, rows[i].len, &iova, &pin),
				 -1);
		assert_int_equal(errno, EINVAL);
		assert_null(pin.mapping);
		iommu_unpin(&fake->ctx, &pin);
	}
	fake->fail_map = ENOSPC;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(iommu_pin(&fake->ctx, arena, 2 * PAGE, &iova, &pin), -1);
		assert_int_equal(errno, ENOSPC);
	}
	assert_int_equal(iova, 7);
	fake->fail_map = 0;
	assert_int_equal(iommu_pin(&fake->ctx, arena, 2 * PAGE, &iova, &pin), 0);
	assert_int_equal(iova, SHORT_FIRST);
	iommu_unpin(&fake->ctx, &pin);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	assert_pristine(fake);
	fake_destroy(fake);
	munmap(arena, 4 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(translate__covers_every_byte_of_the_range),
		cmocka_unit_test(translate__pieces_end_where_the_device_sees_a_gap),
		cmocka_unit_test(unmap__takes_any_address_inside_and_tells_the_length),
		cmocka_unit_test(unmap__that_fails_leaves_the_mapping),
		cmocka_unit_test(unmap_all__leaves_only_what_is_pinned),
		cmocka_unit_test(translate_iova__tells_address_and_bytes_left),
		cmocka_unit_test(pin__of_mapped_memory_keeps_the_mapping),
		cmocka_unit_test(pin__of_other_memory_maps_it_for_itself),
		cmocka_unit_test(pin__refuses_what_cannot_be_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

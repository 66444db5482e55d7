/* SPDX-License-Identifier: MIT */
/*
 * Address spaces as objects (who holds them, which IOVAs they have, what their end gives back) and
 * the two kinds of memory that come with them: DMA buffers and memory at its own IOVA.
 */
#include <limits.h>
#include <string.h>

#include <belfry/iommu.h>

#include "iommu/pin.h"
#include "iommu/translate.h"
#include "test.h"
#include "test_iommu_fake.h"

static void ctx__ends_with_its_last_holder(void **state)
{
	unsigned int closed = 0;
	struct fake *fake = fake_create(NULL, 0, &closed);
	struct iommu_ctx *ctx = &fake->ctx;

	(void)state;
	assert_true(iommu_ctx_valid(ctx));
	assert_ptr_equal(iommu_ctx_get(ctx), ctx);
	assert_ptr_equal(iommu_ctx_get(ctx), ctx);
	iommu_ctx_put(ctx);
	iommu_ctx_put(ctx);
	assert_true(iommu_ctx_valid(ctx));
	assert_int_equal(closed, 0);

	errno = 77;
	iommu_ctx_put(ctx);
	assert_int_equal(errno, 77);
	assert_int_equal(closed, 1);
	assert_false(iommu_ctx_valid(ctx));
	assert_null(iommu_ctx_get(ctx));
	assert_int_equal(errno, EINVAL);
	iommu_ctx_put(NULL);
}

static void ctx__pointer_is_checked_without_following_it(void **state)
{
	struct fake *first = fake_create(NULL, 0, NULL), *second = fake_create(NULL, 0, NULL);
	struct fake *third = fake_create(NULL, 0, NULL);

	(void)state;
	assert_false(iommu_ctx_valid(NULL));
	assert_false(iommu_ctx_valid((const struct iommu_ctx *)(uintptr_t)0xdeadbeef));
	assert_null(iommu_ctx_get((struct iommu_ctx *)(uintptr_t)1));
	assert_int_equal(errno, EINVAL);
	fake_destroy(second);
	assert_true(iommu_ctx_valid(&first->ctx));
	assert_true(iommu_ctx_valid(&third->ctx));
	fake_destroy(first);
	assert_true(iommu_ctx_valid(&third->ctx));
	fake_destroy(third);
}

/* What the backend of the test below was asked to undo. */
static size_t undone;

static int count_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	(void)ctx;
	(void)iova;
	undone += len;
	return 0;
}

static int always_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		      unsigned long flags)
{
	(void)ctx;
	(void)vaddr;
	(void)len;
	(void)iova;
	(void)flags;
	return 0;
}

static void ctx__end_unmaps_everything(void **state)
{
	static const struct iommu_backend_ops ops = {
		.name = "counting",
		.iommufd = true,
		.map = always_map,
		.unmap = count_unmap,
	};
	struct iommu_dmabuf buffer, lost;
	char *arena = arena_create(9 * PAGE);
	struct iommu_ctx ctx;
	struct iommu_pin pin;
	iova_t iova;
	void *same;

	(void)state;
	undone = 0;
	assert_int_equal(iommu_ctx_init(&ctx, &ops, NULL, 0), 0);
	assert_true(iommu_ctx_is_iommufd(&ctx));
	assert_int_equal(iommu_map_vaddr(&ctx, arena, 3 * PAGE, NULL, 0), 0);
	assert_int_equal(iommu_pin(&ctx, arena + PAGE, PAGE, &iova, &pin), 0);
	assert_int_equal(iommu_pin(&ctx, arena + 8 * PAGE, PAGE, &iova, &pin), 0);
	assert_int_equal(iommu_get_dmabuf(&ctx, &buffer, 5 * PAGE, 0), 0);
	assert_int_equal(iommu_get_dmabuf(&ctx, &lost, 1, 0), 0);
	assert_int_equal(iommu_unmap_vaddr(&ctx, lost.vaddr, NULL), 0);
	same = iommu_alloc_same_iova(&ctx, 7 * PAGE);
	assert_non_null(same);
	undone = 0;
	iommu_ctx_put(&ctx);
	assert_int_equal(undone, (3 + 1 + 5 + 7) * PAGE);

	/* Memory stays its owner's. */
	memset(buffer.vaddr, 1, 5 * PAGE);
	memset(same, 1, 7 * PAGE);
	munmap(same, 7 * PAGE);
	iommu_put_dmabuf(&buffer);
	iommu_put_dmabuf(&lost);
	assert_null(buffer.vaddr);
	munmap(arena, 9 * PAGE);
}

static void ctx__ranges_are_whole_pages_in_order(void **state)
{
	static const struct {
		struct iommu_iova_range in[4];
		int nr_in;
		struct iommu_iova_range out[4];
		int nr_out; /* 0: refused */
	} rows[] = {
		{{{0x10000, 0x1ffff}}, 1, {{0x10000, 0x1ffff}}, 1},
		{{{0, 0xfffff}}, 1, {{0x1000, 0xfffff}}, 1},
		{{{1, 0xfffff}}, 1, {{0x1000, 0xfffff}}, 1},
		{{{0x10800, 0x1f7ff}}, 1, {{0x11000, 0x1efff}}, 1},
		{{{0x30000, 0x3ffff}, {0x10000, 0x1ffff}},
		 2,
		 {{0x10000, 0x1ffff}, {0x30000, 0x3ffff}},
		 2},
		{{{0x20000, 0x2ffff}, {0x30000, 0x3ffff}, {0x10000, 0x1ffff}},
		 3,
		 {{0x10000, 0x3ffff}},
		 1},
		{{{0x10000, 0x107ff}, {0x20000, 0x2ffff}}, 2, {{0x20000, 0x2ffff}}, 1},
		{{{0x10000, UINT64_MAX}}, 1, {{0x10000, 0xfffffffffffff}}, 1}, /* below 2^52 */
		{{{1ul << 52, UINT64_MAX}}, 1, {{0}}, 0},
		{{{0x1000, 0x1fff}}, 1, {{0x1000, 0x1fff}}, 1},
		{{{0, 0xfff}}, 1, {{0}}, 0},
		{{{0x10001, 0x11ffe}}, 1, {{0}}, 0},
		{{{UINT64_MAX - 5, UINT64_MAX}}, 1, {{0}}, 0},
		{{{0x20000, 0x1ffff}}, 1, {{0}}, 0},
		{{{0x10000, 0x1ffff}, {0x1f000, 0x2ffff}}, 2, {{0}}, 0},
		{{{0x10000, 0x18100}, {0x18050, 0x2ffff}}, 2, {{0}}, 0}, /* within a page */
		{{{0x10000, 0x1ffff}, {0x10000, 0x1ffff}}, 2, {{0}}, 0},
		{{{0x10000, 0x1ffff}}, 0, {{0}}, 0},
		{{{0x10000, 0x1ffff}}, -1, {{0}}, 0},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct iommu_iova_range *ranges = NULL;
		struct iommu_backend_ops ops = fake_ops;
		struct iommu_ctx ctx;
		int ret;

		ops.close = NULL;
		errno = 0;
		ret = iommu_ctx_init(&ctx, &ops, rows[i].in, rows[i].nr_in);
		assert_int_equal(ret, rows[i].nr_out ? 0 : -1);
		assert_int_equal(errno, rows[i].nr_out ? 0 : EINVAL);
		assert_int_equal(iommu_ctx_valid(&ctx), rows[i].nr_out != 0);
		if (ret)
			continue;

		assert_int_equal(iommu_get_iova_ranges(&ctx, &ranges), rows[i].nr_out);
		assert_memory_equal(ranges, rows[i].out, rows[i].nr_out * sizeof(ranges[0]));
		assert_false(iommu_ctx_is_iommufd(&ctx));
		iommu_ctx_put(&ctx);
	}
}

static void ctx__default_range(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	struct iommu_iova_range *ranges = NULL;

	(void)state;
	assert_int_equal(iommu_get_iova_ranges(&fake->ctx, &ranges), 1);
	assert_int_equal(ranges[0].start, 0x10000);
	assert_int_equal(ranges[0].last, 0x7fffffffff);
	fake_destroy(fake);
}

static void map__honours_holes_between_ranges(void **state)
{
	const struct iommu_iova_range ranges[] = {{0x100000, 0x103fff}, {0x200000, 0x2fffff}};
	struct fake *fake = fake_create(ranges, 2, NULL);
	char *arena = arena_create(300 * PAGE);
	iova_t iova = 0x103000;

	(void)state;
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 2 * PAGE, &iova, IOMMU_MAP_FIXED_IOVA),
			 -1);
	assert_int_equal(errno, EINVAL);
	/* Four pages fit below the hole, the fifth does not, nor do five at once. */
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, 5 * PAGE, &iova, 0), 0);
	assert_int_equal(iova, 0x200000);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(
			iommu_map_vaddr(&fake->ctx, arena + (5 + i) * PAGE, PAGE, &iova, 0), 0);
		assert_int_equal(iova, 0x100000 + i * PAGE);
	}
	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena + 9 * PAGE, PAGE, &iova, 0), 0);
	assert_int_equal(iova, 0x205000);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, 300 * PAGE);
}

static void dmabuf__is_zeroed_whole_pages(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	struct iommu_dmabuf buffer;

	(void)state;
	memset(&buffer, 0xff, sizeof(buffer));
	assert_int_equal(iommu_get_dmabuf(&fake->ctx, &buffer, PAGE + 1, 0), 0);
	assert_ptr_equal(buffer.ctx, &fake->ctx);
	assert_int_equal(buffer.len, 2 * PAGE);
	assert_int_equal(buffer.iova, 0x10000);
	assert_int_equal((uintptr_t)buffer.vaddr % PAGE, 0);
	assert_int_equal(fake_sees(fake, 0x11000), (uintptr_t)buffer.vaddr + PAGE);
	for (size_t i = 0; i < 2 * PAGE; i++)
		assert_int_equal(((char *)buffer.vaddr)[i], 0);

	iommu_put_dmabuf(&buffer);
	assert_null(buffer.ctx);
	assert_null(buffer.vaddr);
	assert_int_equal(buffer.iova, 0);
	assert_int_equal(buffer.len, 0);
	iommu_put_dmabuf(&buffer);

	buffer.iova = 0x55000;
	assert_int_equal(iommu_get_dmabuf(&fake->ctx, &buffer, 1, IOMMU_MAP_FIXED_IOVA), 0);
	assert_int_equal(buffer.iova, 0x55000);
	assert_int_equal(buffer.len, PAGE);
	iommu_put_dmabuf(&buffer);
	fake_destroy(fake);
}

static void dmabuf__that_fails_is_all_zero(void **state)
{
	static const struct iommu_dmabuf zero;
	struct fake *fake = fake_create(NULL, 0, NULL);
	const size_t bad[] = {0, SIZE_MAX, (size_t)SSIZE_MAX};
	struct iommu_dmabuf buffer;

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		memset(&buffer, 0xff, sizeof(buffer));
		assert_int_equal(iommu_get_dmabuf(&fake->ctx, &buffer, bad[i], 0), -1);
		assert_int_equal(errno, EINVAL);
		assert_memory_equal(&buffer, &zero, sizeof(zero));
	}
	for (int i = 0; i < 1000; i++) {
		fake->fail_map = EPERM;
		memset(&buffer, 0xff, sizeof(buffer));
		assert_int_equal(iommu_get_dmabuf(&fake->ctx, &buffer, 1024 * PAGE, 0), -1);
		assert_int_equal(errno, EPERM);
		assert_memory_equal(&buffer, &zero, sizeof(zero));
	}
	fake->fail_map = 0;
	assert_pristine(fake);
	fake_destroy(fake);
}

static void dmabuf__is_put_at_the_end_of_its_scope(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);

	(void)state;
	for (int i = 0; i < 2; i++) {
		__autovar_s(iommu_dmabuf) buffer = {0};
		__autovar_s(iommu_dmabuf) unused = {0};

		assert_int_equal(iommu_get_dmabuf(&fake->ctx, &buffer, PAGE, 0), 0);
		assert_int_equal(buffer.iova, 0x10000);
		assert_int_equal(unused.len, 0);
	}
	assert_int_equal(fake->live, 0);
	fake_destroy(fake);
}

static void dmabuf__is_kept_while_the_device_may_write_to_it(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	struct iommu_dmabuf buffer;
	char *mem;

	(void)state;
	assert_int_equal(iommu_get_dmabuf(&fake->ctx, &buffer, PAGE, 0), 0);
	mem = buffer.vaddr;
	fake->fail_unmap = EIO;
	errno = 77;
	iommu_put_dmabuf(&buffer);
	assert_int_equal(errno, 77);
	assert_int_equal(buffer.len, 0);
	memset(mem, 1, PAGE); /* would end the program if it were gone */
	fake->fail_unmap = 0;
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	munmap(mem, PAGE);
	fake_destroy(fake);
}

static void same_iova__memory_is_where_the_device_sees_it(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	void *mem[20];

	(void)state;
	for (size_t i = 0; i < ROWS(mem); i++) {
		iova_t iova = 0;

		mem[i] = iommu_alloc_same_iova(&fake->ctx, i * 10000 + 1);
		assert_non_null(mem[i]);
		assert_int_equal((uintptr_t)mem[i] % PAGE, 0);
		assert_true(iommu_translate_range(&fake->ctx, mem[i], i * 10000 + 1, &iova));
		assert_int_equal(iova, (uintptr_t)mem[i]);
		assert_int_equal(iova, same_iova(mem[i]));
		assert_int_equal(fake_sees(fake, iova), (uintptr_t)mem[i]);
		for (size_t at = 0; at < i * 10000 + 1; at++)
			assert_int_equal(((char *)mem[i])[at], 0);
		memset(mem[i], 0xa5, i * 10000 + 1);
	}
	for (size_t i = 0; i < ROWS(mem); i++) {
		assert_int_equal(iommu_free_same_iova(&fake->ctx, mem[i]), 0);
		assert_int_equal(iommu_free_same_iova(&fake->ctx, mem[i]), -1);
		assert_int_equal(errno, ENOENT);
	}
	assert_pristine(fake);
	fake_destroy(fake);
}

static void same_iova__keeps_clear_of_what_is_in_use(void **state)
{
	/* 64 pages that the program uses, then 64 pages of IOVAs that are mapped, then room. */
	const size_t len = 64 * PAGE;
	struct fake *fake = fake_create(NULL, 0, NULL);
	struct iommu_iova_range range;
	struct fake *narrow;
	char *probe, *taken;
	iova_t iova;
	void *mem;

	(void)state;
	probe = iommu_alloc_same_iova(&fake->ctx, 4 * len);
	assert_non_null(probe);
	assert_int_equal(iommu_free_same_iova(&fake->ctx, probe), 0);

	range = (struct iommu_iova_range){(uintptr_t)probe, (uintptr_t)probe + 4 * len - 1};
	narrow = fake_create(&range, 1, NULL);
	taken = mmap(probe, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		     0);
	assert_ptr_equal(taken, probe);
	iova = (uintptr_t)probe + len;
	assert_int_equal(iommu_map_vaddr(&narrow->ctx, taken, len, &iova, IOMMU_MAP_FIXED_IOVA), 0);

	mem = iommu_alloc_same_iova(&narrow->ctx, len);
	assert_ptr_equal(mem, probe + 2 * len);
	assert_null(iommu_alloc_same_iova(&narrow->ctx, 2 * len));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(iommu_free_same_iova(&narrow->ctx, mem), 0);
	assert_int_equal(iommu_unmap_all(&narrow->ctx), 0);
	munmap(taken, len);
	fake_destroy(narrow);
	fake_destroy(fake);
}

static void same_iova__refuses_what_it_did_not_give(void **state)
{
	struct fake *fake = fake_create(NULL, 0, NULL);
	char *arena = arena_create(PAGE), *mem;
	struct iommu_pin pin;
	iova_t iova;

	(void)state;
	assert_null(iommu_alloc_same_iova(&fake->ctx, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(iommu_alloc_same_iova(&fake->ctx, SIZE_MAX));
	assert_int_equal(errno, EINVAL);
	assert_null(iommu_alloc_same_iova(&fake->ctx, (size_t)1 << 41));
	assert_int_equal(errno, ENOMEM);
	fake->fail_map = EPERM;
	assert_null(iommu_alloc_same_iova(&fake->ctx, PAGE));
	assert_int_equal(errno, EPERM);
	fake->fail_map = 0;

	assert_int_equal(iommu_map_vaddr(&fake->ctx, arena, PAGE, NULL, 0), 0);
	assert_int_equal(iommu_free_same_iova(&fake->ctx, arena), -1);
	assert_int_equal(errno, EINVAL);
	mem = iommu_alloc_same_iova(&fake->ctx, 2 * PAGE);
	assert_non_null(mem);
	assert_int_equal(iommu_free_same_iova(&fake->ctx, mem + PAGE), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(iommu_pin(&fake->ctx, mem, PAGE, &iova, &pin), 0);
	assert_int_equal(iommu_free_same_iova(&fake->ctx, mem), -1);
	assert_int_equal(errno, EBUSY);
	iommu_unpin(&fake->ctx, &pin);
	fake->fail_unmap = EIO;
	assert_int_equal(iommu_free_same_iova(&fake->ctx, mem), -1);
	assert_int_equal(errno, EIO);
	memset(mem, 1, 2 * PAGE);
	fake->fail_unmap = 0;
	assert_int_equal(iommu_free_same_iova(&fake->ctx, mem), 0);
	assert_int_equal(iommu_unmap_all(&fake->ctx), 0);
	fake_destroy(fake);
	munmap(arena, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ctx__ends_with_its_last_holder),
		cmocka_unit_test(ctx__pointer_is_checked_without_following_it),
		cmocka_unit_test(ctx__end_unmaps_everything),
		cmocka_unit_test(ctx__ranges_are_whole_pages_in_order),
		cmocka_unit_test(ctx__default_range),
		cmocka_unit_test(map__honours_holes_between_ranges),
		cmocka_unit_test(dmabuf__is_zeroed_whole_pages),
		cmocka_unit_test(dmabuf__that_fails_is_all_zero),
		cmocka_unit_test(dmabuf__is_put_at_the_end_of_its_scope),
		cmocka_unit_test(dmabuf__is_kept_while_the_device_may_write_to_it),
		cmocka_unit_test(same_iova__memory_is_where_the_device_sees_it),
		cmocka_unit_test(same_iova__keeps_clear_of_what_is_in_use),
		cmocka_unit_test(same_iova__refuses_what_it_did_not_give),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

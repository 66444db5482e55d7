/* SPDX-License-Identifier: MIT */
/*
 * The set of blocks that are marked uncorrectable, against one bit for each block.
 */
#include <string.h>

#include "emu/lbas.h"
#include "test.h"

#define SPACE 300u

static void lbas__adds_and_removes(void **state)
{
	struct emu_lbas set = {0};
	uint64_t found;

	(void)state;
	assert_false(emu_lbas_find(&set, 0, UINT64_MAX, &found));
	assert_int_equal(emu_lbas_add(&set, 10, 5), 0);
	assert_false(emu_lbas_find(&set, 0, 10, &found));
	assert_true(emu_lbas_find(&set, 0, 11, &found));
	assert_int_equal(found, 10);
	assert_true(emu_lbas_find(&set, 14, 1, &found));
	assert_int_equal(found, 14);
	assert_false(emu_lbas_find(&set, 15, 100, &found));
	assert_false(emu_lbas_find(&set, 12, 0, &found));

	assert_int_equal(emu_lbas_remove(&set, 12, 1), 0); /* divides it */
	assert_int_equal(set.nr, 2);
	assert_false(emu_lbas_find(&set, 12, 1, &found));
	assert_true(emu_lbas_find(&set, 12, 2, &found));
	assert_int_equal(found, 13);
	assert_int_equal(emu_lbas_add(&set, 12, 1), 0); /* joins it again */
	assert_int_equal(set.nr, 1);
	assert_int_equal(emu_lbas_add(&set, UINT64_MAX - 1, 1), 0); /* the last block */
	assert_true(emu_lbas_find(&set, UINT64_MAX - 1, 1, &found));
	emu_lbas_clear(&set);
	assert_int_equal(set.nr, 0);
}

/* The ranges are ascending, not empty, and neither overlap nor touch. */
static void check_order(const struct emu_lbas *set)
{
	for (size_t i = 0; i < set->nr; i++) {
		assert_true(set->ranges[i].first < set->ranges[i].end);
		assert_true(!i || set->ranges[i - 1].end < set->ranges[i].first);
	}
}

static void lbas__agrees_with_a_bit_map(void **state)
{
	bool marked[SPACE] = {false};
	struct emu_lbas set = {0};
	uint32_t seed = 1;

	(void)state;
	for (unsigned long round = 0; round < test_scale(20000); round++) {
		uint32_t first, nr, want;
		uint64_t found;

		seed = seed * 1664525 + 1013904223;
		first = (seed >> 8) % SPACE;
		nr = (seed >> 20) % 12;
		nr = nr < SPACE - first ? nr : SPACE - first;
		if (seed & 0x80) {
			assert_int_equal(emu_lbas_add(&set, first, nr), 0);
			memset(marked + first, true, nr);
		} else {
			assert_int_equal(emu_lbas_remove(&set, first, nr), 0);
			memset(marked + first, false, nr);
		}
		check_order(&set);

		first = (seed >> 3) % SPACE;
		for (want = first; want < SPACE && !marked[want]; want++)
			;
		assert_int_equal(emu_lbas_find(&set, first, SPACE - first, &found), want < SPACE);
		if (want < SPACE)
			assert_int_equal(found, want);
	}
	emu_lbas_clear(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lbas__adds_and_removes),
		cmocka_unit_test(lbas__agrees_with_a_bit_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

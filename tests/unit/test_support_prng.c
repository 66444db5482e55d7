/* SPDX-License-Identifier: MIT */
/*
 * The generator against published outputs of splitmix64 and xoshiro256**, as the test vectors of
 * the Rust crate rand_xoshiro and the authors' reference programs give them.
 */
#include "test.h"

#include "support/prng.h"

static void prng__splitmix64_gives_the_published_numbers(void **state)
{
	uint64_t zero = 0, other = 1477776061723855037;

	(void)state;
	assert_true(splitmix64(&zero) == 0xe220a8397b1dcdaf);
	assert_true(splitmix64(&zero) == 0x6e789e6aa1b965f4);
	assert_true(splitmix64(&zero) == 0x06c45d188009454f);
	assert_true(splitmix64(&other) == 1985237415132408290);
	assert_true(splitmix64(&other) == 2979275885539914483);
}

static void prng__xoshiro_gives_the_published_numbers(void **state)
{
	static const uint64_t expected[] = {
		11520U,
		0U,
		1509978240U,
		1215971899390074240U,
		1216172134540287360U,
		607988272756665600U,
		16172922978634559625U,
		8476171486693032832U,
		10595114339597558777U,
		2904607092377533576U,
	};
	struct prng rng = {.s = {1, 2, 3, 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_true(prng_next(&rng) == expected[i]);
}

static void prng__a_seed_fills_the_state_by_splitmix64(void **state)
{
	struct prng rng;

	(void)state;
	prng_init(&rng, 0);
	assert_true(rng.s[0] == 0xe220a8397b1dcdaf);
	assert_true(rng.s[1] == 0x6e789e6aa1b965f4);
	assert_true(rng.s[2] == 0x06c45d188009454f);
}

static void prng__a_range_is_kept_and_evenly_filled(void **state)
{
	unsigned int seen[3] = {0};
	struct prng rng;

	(void)state;
	prng_init(&rng, 1);
	for (int i = 0; i < 30000; i++) {
		uint64_t x = prng_below(&rng, 3);

		assert_true(x < 3);
		seen[x]++;
	}
	/* 10000 each; the standard deviation is 82. */
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 9500, 10500);
	assert_int_equal(prng_below(&rng, 1), 0);
}

static void prng__a_range_of_more_than_half_has_no_favourites(void **state)
{
	const uint64_t n = 3ULL << 62;
	unsigned int low = 0;
	struct prng rng;

	(void)state;
	prng_init(&rng, 2);
	for (int i = 0; i < 30000; i++) {
		uint64_t x = prng_below(&rng, n);

		assert_true(x < n);
		low += x < n / 3;
	}
	/* A third; a plain remainder would put half of them there. */
	assert_in_range(low, 9500, 10500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prng__splitmix64_gives_the_published_numbers),
		cmocka_unit_test(prng__xoshiro_gives_the_published_numbers),
		cmocka_unit_test(prng__a_seed_fills_the_state_by_splitmix64),
		cmocka_unit_test(prng__a_range_is_kept_and_evenly_filled),
		cmocka_unit_test(prng__a_range_of_more_than_half_has_no_favourites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

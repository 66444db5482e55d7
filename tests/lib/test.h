/* SPDX-License-Identifier: MIT */
/*
 * What every test program includes: cmocka with the headers that it wants before it, a skip that
 * says why, and the scale by which a slow run (valgrind, a sanitizer) shortens stress tests.
 */
#ifndef BELFRY_TESTS_LIB_TEST_H
#define BELFRY_TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/**
 * test_skip() - end the running test as skipped, with its reason in the log
 * @why: one line
 */
#define test_skip(why)                              \
	do {                                        \
		print_message("# skip: %s\n", why); \
		skip();                             \
	} while (0)

/**
 * test_scale() - the number of rounds that this run can afford
 * @rounds: rounds at full speed, at least 1
 *
 * Return: @rounds divided by BELFRY_TEST_DIVISOR (set by `./do test valgrind` and the like), at
 * least 1.
 */
static inline unsigned long test_scale(unsigned long rounds)
{
	const char *text = getenv("BELFRY_TEST_DIVISOR");
	unsigned long divisor = text ? strtoul(text, NULL, 10) : 1;

	return divisor > 1 && rounds > divisor ? rounds / divisor : divisor > 1 ? 1 : rounds;
}

/**
 * test_device() - the name of the device that the device suite is to use
 *
 * Return: BELFRY_DEV from the environment, or "emu:".
 */
static inline const char *test_device(void)
{
	const char *name = getenv("BELFRY_DEV");

	return name ? name : "emu:";
}

#endif /* BELFRY_TESTS_LIB_TEST_H */

/* SPDX-License-Identifier: MIT */
/*
 * What the programs here have in common: they say in TAP how far they came. A condition that does
 * not hold ends the program. Included after the headers under test, of which it takes <stdio.h> and
 * <stdlib.h>, as programs written for libvfn do.
 */
#ifndef BELFRY_TESTS_COMPAT_CHECK_H
#define BELFRY_TESTS_COMPAT_CHECK_H

static int check_count;

/* All that the last part was about has held. */
#define PASSED(name) printf("ok %d - %s\n", ++check_count, name)

/* There was nothing to see on this device. */
#define SKIPPED(name, why) printf("ok %d - %s # SKIP %s\n", ++check_count, name, why)

#define CHECK(cond)                                                                            \
	do {                                                                                   \
		if (!(cond)) {                                                                 \
			printf("# %s:%d: %s: %s\nnot ok %d - %s\n1..%d\n", __FILE__, __LINE__, \
			       #cond, strerror(errno), check_count + 1, __func__,              \
			       check_count + 1);                                               \
			exit(1);                                                               \
		}                                                                              \
	} while (0)

#define CHECK_FAILS(call, err)         \
	do {                           \
		errno = 0;             \
		CHECK((call) == -1);   \
		CHECK(errno == (err)); \
	} while (0)

static inline int check_done(void)
{
	printf("1..%d\n", check_count);
	return 0;
}

#endif /* BELFRY_TESTS_COMPAT_CHECK_H */

/* SPDX-License-Identifier: MIT */
/*
 * The halves of waiting that are not worth inlining.
 */
#include <sched.h>

#include <belfry/support/compiler.h>

#include "support/deadline.h"
#include "support/errno.h"

/* Some 5 to 40 us of pauses: more than an emulated controller's answer takes, and less than it costs
 * to be scheduled away and back. */
#define BACKOFF_SPINS 1000

int deadline_after_ts(const struct timespec *ts, uint64_t *deadline)
{
	uint64_t ns;

	if (!ts) {
		*deadline = DEADLINE_NEVER;
		return 0;
	}
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= NS_PER_SEC)
		return set_errno(EINVAL);

	if (__builtin_mul_overflow((uint64_t)ts->tv_sec, (uint64_t)NS_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)ts->tv_nsec, &ns))
		ns = DEADLINE_NEVER;
	*deadline = deadline_after_ns(ns);
	return 0;
}

unsigned int backoff_spins(void)
{
	static int spins = -1;
	int n = LOAD(spins);

	if (unlikely(n < 0)) {
		cpu_set_t cpus;

		/* EINVAL: more processors than the set can hold, so more than one. */
		keep_errno();
		n = BACKOFF_SPINS;
		if (!sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_COUNT(&cpus) == 1)
			n = 0;
		STORE(spins, n);
	}
	return (unsigned int)n;
}

void backoff_pause(struct backoff *b)
{
	if (b->spins < backoff_spins()) {
		b->spins++;
		cpu_relax();
	} else {
		sched_yield();
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Sleeping until a moment rather than for a time, so that signals do not add up.
 */
#include <errno.h>
#include <time.h>

#include <belfry/support/timer.h>

#include "support/deadline.h"

void __usleep(useconds_t us)
{
	struct timespec until = ns_to_timespec(deadline_after_ns(us * 1000ULL));

	/* It returns its error; errno is not touched. */
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* SPDX-License-Identifier: MIT */
/*
 * Waiting. A deadline is a moment on CLOCK_MONOTONIC in nanoseconds; sums saturate at
 * DEADLINE_NEVER instead of wrapping into the past. A wait looks, pauses by backoff_pause(), looks
 * again, and ends at its deadline:
 *
 *	struct backoff b = {};
 *
 *	while (!ready()) {
 *		if (deadline_passed(deadline))
 *			return set_errno(ETIMEDOUT);
 *		backoff_pause(&b);
 *	}
 */
#ifndef BELFRY_SRC_SUPPORT_DEADLINE_H
#define BELFRY_SRC_SUPPORT_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <belfry/support/timer.h>

#define DEADLINE_NEVER UINT64_MAX
#define NS_PER_MS      1000000ULL

/**
 * now_ns() - read CLOCK_MONOTONIC
 *
 * Context: any thread; some 20 ns where the kernel offers the clock without a syscall.
 * Return: nanoseconds since some moment in the past.
 */
static inline uint64_t now_ns(void)
{
	struct timespec ts;

	/* It cannot fail: the clock exists on all kernels and @ts is valid. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/**
 * deadline_after_ns() - the moment that is so far in the future
 * @ns: nanoseconds from now
 *
 * Context: any thread.
 * Return: the deadline; DEADLINE_NEVER when it does not fit.
 */
static inline uint64_t deadline_after_ns(uint64_t ns)
{
	uint64_t now = now_ns();

	return ns < DEADLINE_NEVER - now ? now + ns : DEADLINE_NEVER;
}

/**
 * deadline_after_ms() - the moment that is so far in the future
 * @ms: milliseconds from now
 *
 * Context: any thread.
 * Return: the deadline; DEADLINE_NEVER when it does not fit.
 */
static inline uint64_t deadline_after_ms(uint64_t ms)
{
	return ms < DEADLINE_NEVER / NS_PER_MS ? deadline_after_ns(ms * NS_PER_MS) : DEADLINE_NEVER;
}

/**
 * deadline_after_ts() - the moment that is so far in the future, as a caller gave it
 * @ts: time from now, or NULL for no limit; not trusted
 * @deadline: out: the deadline; DEADLINE_NEVER for NULL and when it does not fit
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL @ts is negative or has nanoseconds outside 0 .. 999999999; *@deadline
 *	is left alone.
 */
int deadline_after_ts(const struct timespec *ts, uint64_t *deadline);

/**
 * deadline_passed() - has the moment come
 * @deadline: from one of the functions above, or DEADLINE_NEVER
 *
 * Context: any thread.
 * Return: true from the moment on.
 */
static inline bool deadline_passed(uint64_t deadline)
{
	return deadline != DEADLINE_NEVER && now_ns() >= deadline;
}

/**
 * deadline_left_ns() - time until the moment comes
 * @deadline: as deadline_passed()
 *
 * Context: any thread.
 * Return: nanoseconds; 0 when it has come, DEADLINE_NEVER when it never will.
 */
static inline uint64_t deadline_left_ns(uint64_t deadline)
{
	uint64_t now;

	if (deadline == DEADLINE_NEVER)
		return DEADLINE_NEVER;
	now = now_ns();
	return deadline > now ? deadline - now : 0;
}

/**
 * ns_to_timespec() - nanoseconds in the form that ppoll(2) and the like want
 * @ns: nanoseconds
 *
 * Context: any.
 * Return: the same time.
 */
static inline struct timespec ns_to_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NS_PER_SEC),
		.tv_nsec = (long)(ns % NS_PER_SEC),
	};
}

/**
 * cpu_relax() - tell the processor that this thread is in a loop that waits
 *
 * Context: any thread.
 */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ __volatile__("pause" ::: "memory");
#elif defined(__aarch64__)
	__asm__ __volatile__("yield" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/**
 * struct backoff - how long a wait has been going on; zero at its start
 * @spins: pauses so far that kept the processor
 */
struct backoff {
	unsigned int spins;
};

/**
 * backoff_spins() - how many pauses are worth spending before the processor is given up
 *
 * Context: any thread; no syscall after the first call.
 * Return: 0 where this process has one processor only: what it waits for cannot happen while it
 *	spins there.
 */
unsigned int backoff_spins(void);

/**
 * backoff_pause() - wait a little: first on the processor, and when that has not helped, by letting
 *	others have it
 * @b: the wait
 *
 * Context: any thread; a syscall once the spins are used up.
 */
void backoff_pause(struct backoff *b);

#endif /* BELFRY_SRC_SUPPORT_DEADLINE_H */

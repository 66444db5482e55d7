/* SPDX-License-Identifier: MIT */
/*
 * The processor's own clock: a counter that is read in a few nanoseconds, without a syscall, and
 * runs at a constant rate on all processors of a machine (invariant TSC on x86_64, the generic
 * timer on aarch64, the time CSR on riscv64; elsewhere CLOCK_MONOTONIC in nanoseconds).
 *
 * For measuring short times. Deadlines are on CLOCK_MONOTONIC.
 */
#ifndef BELFRY_SUPPORT_TICKS_H
#define BELFRY_SUPPORT_TICKS_H

#include <stdint.h>
#include <time.h>

#include <belfry/support/timer.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * get_ticks() - read the counter
 *
 * The read may move a little against the code around it.
 *
 * Context: any thread; no syscall on the architectures named above.
 * Return: ticks since some moment in the past; see belfry_ticks_freq().
 */
static inline uint64_t get_ticks(void)
{
#if defined(__x86_64__)
	uint32_t lower, upper;

	__asm__ __volatile__("rdtsc" : "=a"(lower), "=d"(upper));
	return (uint64_t)upper << 32 | lower;
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#elif defined(__riscv) && __riscv_xlen == 64
	uint64_t ticks;

	__asm__ __volatile__("rdtime %0" : "=r"(ticks));
	return ticks;
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
#endif
}

/**
 * get_ticks_freq_arch() - the counter's rate, as far as the processor tells it
 *
 * Context: any thread.
 * Return: ticks per second, or 0 where the processor does not say.
 */
uint64_t get_ticks_freq_arch(void);

/**
 * belfry_ticks_freq() - the counter's rate
 *
 * The processor's word, or else measured against CLOCK_MONOTONIC, once in the life of the process.
 *
 * Context: any thread; the first call may sleep for 20 ms, later ones only read a variable.
 * Return: ticks per second, never 0.
 */
uint64_t belfry_ticks_freq(void);

/* A function's value and not a variable: nothing of the library runs when it is loaded. */
#define __vfn_ticks_freq belfry_ticks_freq()

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_TICKS_H */

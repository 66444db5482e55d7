/* SPDX-License-Identifier: MIT */
/*
 * The rate of the processor's counter: what the processor says, or else a measurement.
 */
#include <pthread.h>

#include <belfry/support/ticks.h>
#include <belfry/support/timer.h>

#include "support/deadline.h"

#define CALIBRATE_US 20000

#if defined(__x86_64__)
struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "0"(leaf), "2"(0));
	return r;
}
#endif

uint64_t get_ticks_freq_arch(void)
{
#if defined(__x86_64__)
	/* "Time Stamp Counter and Nominal Core Crystal Clock Information Leaf": the ratio of the two
	 * and the crystal's rate in Hz, zeroes where unknown. */
	const uint32_t leaf = 0x15;
	struct cpuid tsc;

	if (cpuid(0).eax < leaf)
		return 0;
	tsc = cpuid(leaf);
	if (!tsc.eax || !tsc.ebx || !tsc.ecx)
		return 0;
	return (uint64_t)tsc.ecx * tsc.ebx / tsc.eax;
#elif defined(__aarch64__)
	uint64_t freq;

	__asm__ __volatile__("mrs %0, cntfrq_el0" : "=r"(freq));
	return freq;
#elif defined(__riscv) && __riscv_xlen == 64
	return 0; /* the device tree knows, and does not tell user space */
#else
	return NS_PER_SEC; /* get_ticks() is the clock */
#endif
}

struct sample {
	uint64_t ticks, ns;
};

/* Both clocks at the same moment: of several tries the one that was least disturbed. */
static struct sample take_sample(void)
{
	struct sample best = {0};
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		uint64_t before = get_ticks();
		uint64_t ns = now_ns();
		uint64_t took = get_ticks() - before;

		if (took < shortest) {
			shortest = took;
			best = (struct sample){.ticks = before + took / 2, .ns = ns};
		}
	}
	return best;
}

static uint64_t calibrate(void)
{
	struct sample start = take_sample(), end;
	double freq;

	__usleep(CALIBRATE_US);
	end = take_sample();
	freq = (double)(end.ticks - start.ticks) * (double)NS_PER_SEC / (double)(end.ns - start.ns);
	return freq < 1 ? 1 : (uint64_t)freq;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t ticks_freq; /* written by @once */

static void find_freq(void)
{
	ticks_freq = get_ticks_freq_arch();
	if (!ticks_freq)
		ticks_freq = calibrate();
}

uint64_t belfry_ticks_freq(void)
{
	pthread_once(&once, find_freq);
	return ticks_freq;
}

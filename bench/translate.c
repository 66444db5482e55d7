/* SPDX-License-Identifier: MIT */
/*
 * Translation by two threads at once, against one: with no lock and nothing
 * written, two do twice the work. The floor is two threads that share nothing.
 */
#include <pthread.h>
#include <stdio.h>

#include <belfry/nvme.h>

#include "bench.h"

#define NR_MAPS	 64
#define NR_CALLS (1u << 22)

static struct nvme_ctrl ctrl;
static char *bufs[NR_MAPS];

static void *translate(void *arg)
{
	uint64_t sum = 0;
	iova_t iova;

	for (uint32_t i = 0; i < NR_CALLS; i++) {
		if (!iommu_translate_vaddr(__iommu_ctx(&ctrl), bufs[i * 7 % NR_MAPS], &iova))
			bench_die("translate");
		sum += iova;
	}
	*(uint64_t *)arg = sum;
	return NULL;
}

static void *alone(void *arg)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < 4 * NR_CALLS; i++) {
		sum += i * 7 % NR_MAPS;
		__asm__ __volatile__("" : "+r"(sum));
	}
	*(uint64_t *)arg = sum;
	return NULL;
}

/* Calls per second of @nr threads together. */
static double rate(void *(*fn)(void *), int nr)
{
	pthread_t threads[2];
	uint64_t sums[2][8]; /* a line each */
	uint64_t start = bench_now();

	for (int i = 0; i < nr; i++) {
		if (pthread_create(&threads[i], NULL, fn, sums[i]))
			bench_die("translate: thread");
	}
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	return (double)nr * NR_CALLS / ((double)(bench_now() - start) / 1e9);
}

/* What two threads do, against one, and the time of one. */
static double scaling(void *(*fn)(void *), double *low, double *high, struct bench_line *one)
{
	double ratios[BENCH_ROUNDS], single[BENCH_ROUNDS], median;

	for (int i = 0; i < BENCH_ROUNDS; i++) {
		double alone = rate(fn, 1);

		ratios[i] = rate(fn, 2) / alone;
		single[i] = 1e9 / alone;
	}
	median = bench_median(ratios, BENCH_ROUNDS);
	*low = ratios[0];
	*high = ratios[BENCH_ROUNDS - 1];
	one->value = bench_median(single, BENCH_ROUNDS);
	one->low = single[0];
	one->high = single[BENCH_ROUNDS - 1];
	return median;
}

int main(void)
{
	struct bench_line one = {.name = "one translation", .unit = "ns"};
	struct bench_line two = {
		.name = "two threads, against one", .unit = "x", .goal = 2, .goal_in_unit = true};

	if (nvme_ctrl_init(&ctrl, "emu:", NULL))
		bench_die("translate: emu:");
	for (int i = 0; i < NR_MAPS; i++) {
		if (pgmap((void **)&bufs[i], 1 << 16) < 0 ||
		    iommu_map_vaddr(__iommu_ctx(&ctrl), bufs[i], 1 << 16, NULL, 0))
			bench_die("translate: mappings");
	}

	two.floor = scaling(alone, &two.low, &two.high, &one);
	two.value = scaling(translate, &two.low, &two.high, &one);
	two.ratio = two.value / two.floor;
	bench_header();
	bench_print(&one);
	bench_print(&two);
	nvme_close(&ctrl);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The clock, the rounds and the table of every bench. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static double timed(void (*fn)(void *arg, uint64_t n), void *arg, uint64_t n)
{
	uint64_t start = bench_now();

	fn(arg, n);
	return (double)(bench_now() - start) / (double)n;
}

void bench_header(void)
{
	printf("  %-44s %9s %9s %15s %7s %6s\n", "", "ns", "floor", "spread", "ratio", "goal");
}

double bench_run(const struct bench *bench)
{
	double ns[BENCH_ROUNDS], floor[BENCH_ROUNDS], ratio[BENCH_ROUNDS];
	double median, below;
	char goal[16] = "";

	timed(bench->floor, bench->arg, bench->n);
	timed(bench->run, bench->arg, bench->n);
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		floor[i] = timed(bench->floor, bench->arg, bench->n);
		ns[i] = timed(bench->run, bench->arg, bench->n);
		ratio[i] = ns[i] / floor[i];
	}

	median = bench_median(ns, BENCH_ROUNDS);
	below = bench_median(floor, BENCH_ROUNDS);
	if (bench->goal > 0)
		snprintf(goal, sizeof(goal), "%.2f", bench->goal);
	printf("  %-44s %9.2f %9.2f %7.2f-%-7.2f %7.2f %6s\n", bench->name, median, below, ns[0],
	       ns[BENCH_ROUNDS - 1], bench_median(ratio, BENCH_ROUNDS), goal);
	fflush(stdout);
	return median;
}

void bench_die(const char *what)
{
	perror(what);
	exit(1);
}

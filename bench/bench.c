/* SPDX-License-Identifier: MIT */
/* The clock, the rounds and the table of every bench. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
	printf("  %-44s %10s %-5s %17s %9s %6s  %s\n", "", "median", "", "spread", "floor", "ratio",
	       "goal");
}

static void print_json(const struct bench_line *l)
{
	const char *path = getenv("BELFRY_BENCH_JSON");
	FILE *file = path ? fopen(path, "a") : NULL;

	if (!path)
		return;
	if (!file)
		bench_die(path);
	fprintf(file,
		"{\"bench\": \"%s\", \"name\": \"%s\", \"unit\": \"%s\", \"value\": %.6g, "
		"\"low\": %.6g, \"high\": %.6g, \"floor\": %.6g, \"ratio\": %.6g, \"goal\": %.6g, "
		"\"goal_of\": \"%s\"}\n",
		program_invocation_short_name, l->name, l->unit, l->value, l->low, l->high,
		l->floor, l->ratio, l->goal, l->goal_in_unit ? "value" : "ratio");
	if (fclose(file))
		bench_die(path);
}

void bench_print(const struct bench_line *l)
{
	char spread[40], floor[16] = "", ratio[16] = "", goal[24] = "";

	snprintf(spread, sizeof(spread), "%.4g-%.4g", l->low, l->high);
	if (l->floor > 0)
		snprintf(floor, sizeof(floor), "%.4g", l->floor);
	if (l->ratio > 0)
		snprintf(ratio, sizeof(ratio), "%.2f", l->ratio);
	if (l->goal > 0)
		snprintf(goal, sizeof(goal), l->goal_in_unit ? "%g %s" : "%g x", l->goal, l->unit);
	printf("  %-44s %10.4g %-5s %17s %9s %6s  %s\n", l->name, l->value, l->unit, spread, floor,
	       ratio, goal);
	fflush(stdout);
	print_json(l);
}

void bench_value(const char *name, const char *unit, double value, double floor)
{
	struct bench_line line = {
		.name = name,
		.unit = unit,
		.value = value,
		.low = value,
		.high = value,
		.floor = floor,
		.ratio = floor > 0 ? value / floor : 0,
	};

	bench_print(&line);
}

double bench_resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	char text[128], *second;
	unsigned long pages;

	if (!file || !fgets(text, sizeof(text), file))
		bench_die("/proc/self/statm");
	fclose(file);
	second = strchr(text, ' '); /* total, resident, ... */
	pages = second ? strtoul(second, NULL, 10) : 0;
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

void bench_run(const struct bench *bench)
{
	double ns[BENCH_ROUNDS], floor[BENCH_ROUNDS], ratio[BENCH_ROUNDS];
	struct bench_line line = {.name = bench->name, .unit = "ns"};

	timed(bench->floor, bench->arg, bench->n);
	timed(bench->run, bench->arg, bench->n);
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		floor[i] = timed(bench->floor, bench->arg, bench->n);
		ns[i] = timed(bench->run, bench->arg, bench->n);
		ratio[i] = ns[i] / floor[i];
	}

	line.value = bench_median(ns, BENCH_ROUNDS); /* sorts them */
	line.low = ns[0];
	line.high = ns[BENCH_ROUNDS - 1];
	line.floor = bench_median(floor, BENCH_ROUNDS);
	line.ratio = bench_median(ratio, BENCH_ROUNDS);
	line.goal = bench->goal_ns > 0 ? bench->goal_ns : bench->goal;
	line.goal_in_unit = bench->goal_ns > 0;
	bench_print(&line);
}

void bench_die(const char *what)
{
	perror(what);
	exit(1);
}

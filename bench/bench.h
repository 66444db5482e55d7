/* SPDX-License-Identifier: MIT */
/*
 * Measuring on a machine that other people use too: a case and its floor take
 * turns in short rounds, and each is judged by the median of its rounds. So what slows
 * one down slows the other as well, and the ratio holds where the figures do not.
 */
#ifndef BELFRY_BENCH_H
#define BELFRY_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_ROUNDS 15

/**
 * struct bench - a case and what it is held against
 * @name: printed; reads as a phrase
 * @run: do @arg's work @n times
 * @floor: the same work without the library
 * @arg: for both
 * @n: operations in a round
 * @goal: ratio to reach, 0 for none
 */
struct bench {
	const char *name;
	void (*run)(void *arg, uint64_t n);
	void (*floor)(void *arg, uint64_t n);
	void *arg;
	uint64_t n;
	double goal;
};

/**
 * bench_now() - the time
 *
 * Return: nanoseconds on the monotonic clock.
 */
uint64_t bench_now(void);

/**
 * bench_header() - print the head of the table that bench_run() fills
 */
void bench_header(void);

/**
 * bench_run() - measure one case beside its floor and print a line
 * @bench: the case
 *
 * Return: median nanoseconds of an operation.
 */
double bench_run(const struct bench *bench);

/**
 * bench_median() - the middle of some values
 * @values: values; sorted afterwards
 * @n: how many, 1 or more
 *
 * Return: the median.
 */
double bench_median(double *values, size_t n);

/**
 * bench_die() - end the program because something failed
 * @what: what failed; errno says why
 */
void bench_die(const char *what) __attribute__((noreturn));

#endif /* BELFRY_BENCH_H */

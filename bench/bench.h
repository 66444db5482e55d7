/* SPDX-License-Identifier: MIT */
/*
 * Measuring on a machine that other people use too: a case and its floor take
 * turns in short rounds, and each is judged by the median of its rounds. So what slows
 * one down slows the other as well, and the ratio holds where the figures do not.
 */
#ifndef BELFRY_BENCH_H
#define BELFRY_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ROUNDS 15

/* Most completions that are taken before the next commands go out, so that neither side waits. */
#define BENCH_AT_ONCE 8

/**
 * struct bench - a case and what it is held against
 * @name: printed; reads as a phrase
 * @run: do @arg's work @n times
 * @floor: the same work without the library
 * @arg: for both
 * @n: operations in a round
 * @goal: ratio to reach, 0 for none
 * @goal_ns: nanoseconds to reach, where the goal is not a ratio; 0 for none
 */
struct bench {
	const char *name;
	void (*run)(void *arg, uint64_t n);
	void (*floor)(void *arg, uint64_t n);
	void *arg;
	uint64_t n;
	double goal;
	double goal_ns;
};

/**
 * bench_now() - the time
 *
 * Return: nanoseconds on the monotonic clock.
 */
uint64_t bench_now(void);

/**
 * struct bench_line - a result
 * @name: reads as a phrase
 * @unit: of @value, @low, @high and @floor
 * @value: median
 * @low: least
 * @high: most
 * @floor: what it is held against, 0 for nothing
 * @ratio: median of the rounds' ratios to the floor, or other way round for rates; 0 for none
 * @goal: to reach, of @value where @goal_in_unit says so and of @ratio otherwise; 0 for none
 * @goal_in_unit: the goal is one of @value
 */
struct bench_line {
	const char *name;
	const char *unit;
	double value;
	double low, high;
	double floor;
	double ratio;
	double goal;
	bool goal_in_unit;
};

/**
 * bench_header() - print the head of the table that bench_print() fills
 */
void bench_header(void);

/**
 * bench_print() - print a line of the table
 * @line: result
 *
 * Where BELFRY_BENCH_JSON names a file, it is appended there too, as a line of JSON.
 */
void bench_print(const struct bench_line *line);

/**
 * bench_value() - bench_print() of what was measured once
 * @name: reads as a phrase
 * @unit: of the values
 * @value: result
 * @floor: what it is held against, 0 for nothing
 */
void bench_value(const char *name, const char *unit, double value, double floor);

/**
 * bench_resident() - memory of the process that is there
 *
 * Return: bytes.
 */
double bench_resident(void);

/**
 * bench_run() - measure one case beside its floor and print a line
 * @bench: the case
 */
void bench_run(const struct bench *bench);

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

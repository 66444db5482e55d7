/* SPDX-License-Identifier: MIT */
/*
 * Latency histogram: log-linear, 64 slots to an octave, so that any value is known to 0.8 %, in
 * 18 KiB. Values below 64 are exact; those of 2^40 and above are counted as the largest. The unit
 * is the caller's.
 */
#ifndef BELFRY_TOOLS_HIST_H
#define BELFRY_TOOLS_HIST_H

#include <stdint.h>

#include <belfry/support/compiler.h>

#define HIST_SUB_SHIFT 6
#define HIST_SUB       (1u << HIST_SUB_SHIFT)
#define HIST_BITS      40
#define HIST_NR_SLOTS  ((HIST_BITS - HIST_SUB_SHIFT + 1) * HIST_SUB)

/**
 * struct hist - histogram; all zero is an empty one
 * @count: values
 * @sum: of the values
 * @min: smallest value, once there is one
 * @max: largest value
 * @slots: counts
 */
struct hist {
	uint64_t count;
	uint64_t sum;
	uint64_t min;
	uint64_t max;
	uint64_t slots[HIST_NR_SLOTS];
};

/**
 * hist_slot() - the slot that a value is counted in
 * @value: any value
 *
 * Return: 0 .. HIST_NR_SLOTS - 1.
 */
static inline unsigned int hist_slot(uint64_t value)
{
	unsigned int shift;

	if (value < HIST_SUB)
		return (unsigned int)value;
	if (unlikely(value >> HIST_BITS))
		return HIST_NR_SLOTS - 1;
	shift = 63u - (unsigned int)__builtin_clzll(value) - HIST_SUB_SHIFT;
	return (shift + 1) * HIST_SUB + (unsigned int)((value >> shift) & (HIST_SUB - 1));
}

/**
 * hist_add() - count a value
 * @hist: histogram
 * @value: the value
 *
 * Context: owner of @hist.
 */
static inline void hist_add(struct hist *hist, uint64_t value)
{
	hist->count++;
	hist->sum += value;
	if (value < hist->min || hist->count == 1)
		hist->min = value;
	if (value > hist->max)
		hist->max = value;
	hist->slots[hist_slot(value)]++;
}

/**
 * hist_merge() - add all values of a histogram to another
 * @hist: histogram to grow
 * @other: histogram to add
 */
void hist_merge(struct hist *hist, const struct hist *other);

/**
 * hist_slot_low() - smallest value of a slot
 * @slot: 0 .. HIST_NR_SLOTS; the last of them is the end of the last slot
 *
 * Return: the value.
 */
uint64_t hist_slot_low(unsigned int slot);

/**
 * hist_percentile() - the value that so many of the values do not exceed
 * @hist: histogram
 * @percent: 0 to 100
 *
 * Return: the value, to 0.8 %; 0 where there are none.
 */
double hist_percentile(const struct hist *hist, double percent);

/**
 * hist_mean() - the mean
 * @hist: histogram
 *
 * Return: the mean, exact; 0 where there are no values.
 */
double hist_mean(const struct hist *hist);

/**
 * hist_chart() - draw a histogram with a row for each class of values, on standard output
 * @hist: histogram
 * @scale: nanoseconds in its unit
 *
 * The classes grow by an equal factor; the few values outside of them share the last two rows.
 */
void hist_chart(const struct hist *hist, double scale);

#endif /* BELFRY_TOOLS_HIST_H */

/* SPDX-License-Identifier: MIT */
/*
 * What two processors take to hand cache lines to each other as a driver and a polling controller do,
 * with nothing else to do: by hand, with no line of the library.
 */
#ifndef BELFRY_BENCH_HANDOFF_H
#define BELFRY_BENCH_HANDOFF_H

#include <stdint.h>

/**
 * handoff_latency() - one line there, and one back
 * @values: room for @n
 * @n: how often
 *
 * Return: median of a turn, in ns.
 */
double handoff_latency(double *values, uint32_t n);

/**
 * handoff_rate() - entries of 64 bytes there through a ring, and of 16 bytes back
 * @depth: most that are under way, less than 256
 * @n: how many
 *
 * The first takes up to BENCH_AT_ONCE of what is there, and the other all, before it tells the
 * other, by a word for each direction and a phase in each entry of the second ring, which is written
 * a line at a time. Neither asks for a line before it needs it, as driver and controller do.
 *
 * Return: millions a second.
 */
double handoff_rate(uint32_t depth, uint64_t n);

#endif /* BELFRY_BENCH_HANDOFF_H */

/* SPDX-License-Identifier: MIT */
/*
 * Progress of long work: one line on standard error that is overwritten as it goes on. It shows
 * only where standard error is a terminal, and only once the work has taken a while.
 */
#ifndef BELFRY_TOOLS_PROGRESS_H
#define BELFRY_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct progress - one piece of work
 * @what: what it is called
 * @total: how much it is, bytes; 0 where that is not known
 * @start_ns: when it began
 * @next_ns: when the line is due to be printed again
 * @shown: there is a line
 */
struct progress {
	const char *what;
	uint64_t total;
	uint64_t start_ns;
	uint64_t next_ns;
	bool shown;
};

/**
 * monotonic_ns() - the time
 *
 * Context: any thread.
 * Return: nanoseconds of the monotonic clock.
 */
uint64_t monotonic_ns(void);

/**
 * progress_start() - begin
 * @progress: out
 * @what: what it is called; must outlive @progress
 * @total: bytes, or 0
 */
void progress_start(struct progress *progress, const char *what, uint64_t total);

/**
 * progress_update() - show how far it is, if it is time to
 * @progress: work
 * @done: bytes
 */
void progress_update(struct progress *progress, uint64_t done);

/**
 * progress_end() - take the line away
 * @progress: work; harmless when it shows nothing
 */
void progress_end(struct progress *progress);

#endif /* BELFRY_TOOLS_PROGRESS_H */

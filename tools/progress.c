/* SPDX-License-Identifier: MIT */
/* Progress on a terminal. */
#include "tools/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <belfry/support/timer.h>

#include "tools/text.h"

#define FIRST_NS (NS_PER_SEC / 2)
#define EVERY_NS (NS_PER_SEC / 8)

uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

void progress_start(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){.what = what, .total = total, .start_ns = monotonic_ns()};
	progress->next_ns = isatty(STDERR_FILENO) ? progress->start_ns + FIRST_NS : UINT64_MAX;
}

void progress_update(struct progress *progress, uint64_t done)
{
	uint64_t now, elapsed;
	double rate;

	if (progress->next_ns == UINT64_MAX)
		return;
	now = monotonic_ns();
	if (now < progress->next_ns)
		return;
	progress->next_ns = now + EVERY_NS;
	progress->shown = true;

	elapsed = now - progress->start_ns;
	rate = (double)done * 1e9 / (double)elapsed;
	fprintf(stderr, "\r\033[K%s  %s", progress->what, text_bytes(done).s);
	if (progress->total)
		fprintf(stderr, " of %s, %.0f %%", text_bytes(progress->total).s,
			100.0 * (double)done / (double)progress->total);
	fprintf(stderr, ", %s/s", text_bytes((uint64_t)rate).s);
	if (progress->total > done && rate > 0)
		fprintf(stderr, ", %s to go",
			text_time((double)(progress->total - done) / rate * 1e9).s);
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
	progress->next_ns = UINT64_MAX;
}

/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "bench.h"
#include "handoff.h"

#define RING 256 /* entries */
#define LINE 64

struct command {
	uint64_t words[8];
} __attribute__((aligned(LINE)));

struct completion {
	uint64_t first, last; /* number of the command, phase in bit 63 */
} __attribute__((aligned(16)));

/* A line each, so that a line is all that moves; the doorbells share one, as those of drives do. */
static struct {
	struct command commands[RING];
	struct completion completions[RING] __attribute__((aligned(LINE)));
	struct {
		uint32_t commands, completions;
	} doorbells __attribute__((aligned(LINE)));
	uint32_t ping __attribute__((aligned(LINE)));
	uint32_t pong __attribute__((aligned(LINE)));
	bool stop __attribute__((aligned(LINE)));
} shared;

static pthread_t start(void *(*other)(void *arg))
{
	pthread_t thread;

	memset(&shared, 0, sizeof(shared));
	if (pthread_create(&thread, NULL, other, NULL))
		bench_die("handoff: thread");
	return thread;
}

static void stop(pthread_t thread)
{
	__atomic_store_n(&shared.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static bool stopped(void)
{
	return __atomic_load_n(&shared.stop, __ATOMIC_RELAXED);
}

static void *ponger(void *arg)
{
	uint32_t seen = 0;

	(void)arg;
	while (!stopped()) {
		uint32_t v = __atomic_load_n(&shared.ping, __ATOMIC_ACQUIRE);

		if (v == seen)
			continue;
		seen = v;
		__atomic_store_n(&shared.pong, v, __ATOMIC_RELEASE);
	}
	return NULL;
}

double handoff_latency(double *values, uint32_t n)
{
	pthread_t thread = start(ponger);

	for (uint32_t v = 1; v <= n; v++) {
		uint64_t begin = bench_now();

		__atomic_store_n(&shared.ping, v, __ATOMIC_RELEASE);
		while (__atomic_load_n(&shared.pong, __ATOMIC_ACQUIRE) != v)
			;
		values[v - 1] = (double)(bench_now() - begin);
	}
	stop(thread);
	return bench_median(values, n);
}

/* Completions [from, to) of commands that were copied out. */
static void complete(const struct command *taken, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i != to; i++) {
		struct completion *c = &shared.completions[i % RING];
		uint64_t phase = (uint64_t) !(i / RING & 1) << 63;

		__atomic_store_n(&c->first, i, __ATOMIC_RELAXED);
		__atomic_store_n(&c->last, taken[i % 4].words[0] | phase, __ATOMIC_RELEASE);
	}
}

static void *completer(void *arg)
{
	struct command taken[4];
	uint32_t head = 0, done = 0;

	(void)arg;
	while (!stopped()) {
		uint32_t tail = __atomic_load_n(&shared.doorbells.commands, __ATOMIC_ACQUIRE);

		while (head != tail) {
			taken[head % 4] = shared.commands[head % RING];
			head++;
			if (head % 4 && head != tail)
				continue;
			complete(taken, done, head);
			done = head;
		}
	}
	return NULL;
}

static uint32_t reap(uint32_t head)
{
	for (uint32_t end = head + BENCH_AT_ONCE; head != end; head++) {
		struct completion *c = &shared.completions[head % RING];
		uint64_t last = __atomic_load_n(&c->last, __ATOMIC_ACQUIRE);

		if (last >> 63 == (head / RING & 1))
			return head;
		if ((last << 1 >> 1) != head % RING || c->first != head)
			bench_die("handoff: order");
	}
	return head;
}

double handoff_rate(uint32_t depth, uint64_t n)
{
	pthread_t thread = start(completer);
	uint32_t posted = 0, done = 0, head;
	uint64_t begin = bench_now();

	while (done < n) {
		uint32_t first = posted;

		for (; posted < n && posted - done < depth; posted++)
			shared.commands[posted % RING] =
				(struct command){{posted % RING, posted, done, 1, 2, 3, 4, 5}};
		if (posted != first)
			__atomic_store_n(&shared.doorbells.commands, posted, __ATOMIC_RELEASE);
		head = reap(done);
		if (head != done)
			__atomic_store_n(&shared.doorbells.completions, head, __ATOMIC_RELAXED);
		done = head;
	}
	stop(thread);
	return (double)n * 1000 / (double)(bench_now() - begin);
}

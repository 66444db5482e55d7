/* SPDX-License-Identifier: MIT */
/*
 * One submission queue for many threads, on an emulated controller that moves no data: nvme_shared_*
 * with 1, 2 and 4 threads, and beside it what the same threads do with a lock around a queue of the
 * plain kind. The floor of both is one owner with no sharing at all.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "io.h"

#define QSIZE	    256
#define DEPTH	    32 /* of all threads together */
#define NR_MAX	    4
#define NR_COMMANDS (1u << 14)
#define ROUNDS	    7
#define POLL_BUDGET 32

enum kind {
	OWNER,
	LOCKED,
	SHARED,
};

struct worker {
	pthread_t thread;
	uint32_t ended __attribute__((aligned(64))); /* by any thread */
};

static struct {
	struct bench_io io;
	struct nvme_shared *sh;
	pthread_mutex_t lock;
	enum kind kind;
	uint32_t per_thread, depth;
	struct worker workers[NR_MAX];
} b = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	if (!nvme_cqe_ok(cqe))
		bench_die("shared: status");
	__atomic_fetch_add((uint32_t *)rq->opaque, 1, __ATOMIC_RELEASE);
}

/* A read of one block, described; false when no tracker is free. */
static bool post(struct worker *w)
{
	struct nvme_rq *rq =
		b.kind == SHARED ? nvme_shared_acquire(b.sh) : nvme_rq_acquire(b.io.sq);
	union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_READ, .nsid = cpu_to_le32(1)}};
	struct iovec iov;

	if (!rq)
		return false;
	iov = (struct iovec){(char *)b.io.buf.vaddr + (size_t)rq->cid * BLOCK, BLOCK};
	if (nvme_rq_mapv(&b.io.ctrl, rq, &cmd, &iov, 1))
		bench_die("shared: mapv");
	rq->opaque = &w->ended;
	if (b.kind == SHARED)
		nvme_shared_post(b.sh, rq, &cmd, ended, 0);
	else
		nvme_rq_submit(rq, &cmd, ended, 0);
	return true;
}

/* Fill up to the depth, tell the controller, and look for what has completed. Returns how many. */
static uint32_t turn(struct worker *w, uint32_t room)
{
	uint32_t nr = 0;
	int found;

	if (b.kind == LOCKED)
		pthread_mutex_lock(&b.lock);
	while (nr < room && post(w))
		nr++;
	if (b.kind == SHARED) {
		found = nvme_shared_poll(b.sh, POLL_BUDGET);
	} else {
		nvme_sq_update_tail(b.io.sq);
		found = nvme_cq_poll(b.io.sq->cq, POLL_BUDGET);
	}
	if (b.kind == LOCKED)
		pthread_mutex_unlock(&b.lock);
	/* More threads than cores are no reason to wait for the scheduler. */
	if (!nr && !found)
		sched_yield();
	return nr;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint32_t begun = 0, done;

	while ((done = __atomic_load_n(&w->ended, __ATOMIC_ACQUIRE)) < b.per_thread) {
		uint32_t room = b.depth - (begun - done), left = b.per_thread - begun;

		begun += turn(w, room < left ? room : left);
	}
	return NULL;
}

/* Millions of commands per second. */
static double rate(enum kind kind, unsigned int nr)
{
	uint64_t start;

	b.kind = kind;
	b.per_thread = NR_COMMANDS / nr;
	b.depth = DEPTH / nr;
	if (kind == SHARED) {
		b.sh = nvme_shared_create(b.io.sq);
		if (!b.sh)
			bench_die("shared: nvme_shared_create");
	}
	start = bench_now();
	for (unsigned int i = 0; i < nr; i++) {
		b.workers[i].ended = 0;
		if (pthread_create(&b.workers[i].thread, NULL, work, &b.workers[i]))
			bench_die("shared: pthread_create");
	}
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(b.workers[i].thread, NULL);
	start = bench_now() - start;
	if (kind == SHARED)
		nvme_shared_destroy(b.sh);
	return (double)NR_COMMANDS * 1000 / (double)start;
}

static void print(const char *what, unsigned int nr, double *rates, double *ratios, double floor)
{
	char name[64];
	struct bench_line line = {.name = name, .unit = "M/s", .floor = floor};

	snprintf(name, sizeof(name), "%u thread%s, %s", nr, nr > 1 ? "s" : "", what);
	line.value = bench_median(rates, ROUNDS); /* sorts them */
	line.low = rates[0];
	line.high = rates[ROUNDS - 1];
	line.ratio = ratios ? bench_median(ratios, ROUNDS) : 0;
	bench_print(&line);
}

int main(void)
{
	static const unsigned int threads[] = {1, 2, 4};

	bench_header();
	bench_io_open(&b.io, "emu:lbads=12,backend=null", QSIZE, (size_t)QSIZE * BLOCK);
	for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
		double owner[ROUNDS], locked[ROUNDS], shared[ROUNDS];
		double of_locked[ROUNDS], of_shared[ROUNDS], floor;

		for (int i = 0; i < ROUNDS; i++) {
			owner[i] = rate(OWNER, 1);
			locked[i] = rate(LOCKED, threads[t]);
			shared[i] = rate(SHARED, threads[t]);
			of_locked[i] = locked[i] / owner[i];
			of_shared[i] = shared[i] / owner[i];
		}
		floor = bench_median(owner, ROUNDS);
		print("a shared queue", threads[t], shared, of_shared, floor);
		print("a mutex around a queue", threads[t], locked, of_locked, floor);
	}
	bench_io_close(&b.io);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * One thread of a load.
 */
#ifndef BELFRY_TOOLS_PERF_WORKER_H
#define BELFRY_TOOLS_PERF_WORKER_H

#include <pthread.h>

#include "tools/perf.h"

/**
 * enum perf_pass - what a thread does
 * @PERF_PASS_FILL: write each of its chunks once, in order
 * @PERF_PASS_RUN: the load itself
 * @PERF_PASS_CHECK: read each chunk that was written, in order
 */
enum perf_pass {
	PERF_PASS_FILL,
	PERF_PASS_RUN,
	PERF_PASS_CHECK,
};

/**
 * struct perf_slot - a command in flight
 * @buf: its data
 * @meta: its metadata, NULL for none
 * @start: when it was started, ticks
 * @chunk: where
 * @generation: what its data is to be
 * @write: it is a write
 */
struct perf_slot {
	void *buf;
	void *meta;
	uint64_t start;
	uint64_t chunk;
	uint32_t generation;
	bool write;
};

/**
 * struct perf_worker - a thread and all that is its own
 *
 * Hot, written by the thread:
 * @slots: by cid
 * @random: state of its sequence of random numbers
 * @cursor: next chunk, in order
 * @in_flight: commands
 * @left: commands that may yet be started
 * @done: commands that completed; read by others
 * @batches: times that completions were found
 * @verified: commands whose data was checked
 * @failed: commands that failed, by status type
 * @nr_failed: commands that failed
 * @stop_at: when it is to end, ticks
 * @stopping: no more commands are started
 *
 * Set before the thread starts:
 * @dev: controller
 * @ns: namespace
 * @opts: load
 * @sq: submission queue
 * @cq: completion queue
 * @first: first block of its part
 * @nr_chunks: chunks in its part
 * @blocks: blocks in a chunk
 * @generations: by chunk, its word (below); NULL without verification
 * @pass: what it does
 * @run_ticks: how long it is to run, 0 for no limit
 * @read_below: random numbers of 32 bits below this mean a read
 * @stop: another thread has failed; shared, read only but for failing
 *
 * After it:
 * @began: when it started its first command, ticks
 * @ended: when it had found its last completion, ticks
 * @status: exit status
 * @side: latencies
 */
struct perf_worker {
	struct perf_slot *slots;
	uint64_t random;
	uint64_t cursor;
	uint64_t in_flight;
	uint64_t left;
	uint64_t done;
	uint64_t batches;
	uint64_t verified;
	uint64_t failed[NVME_NR_STATUS_TYPES];
	uint64_t nr_failed;
	uint64_t stop_at;
	bool stopping;

	struct dev *dev;
	const struct dev_ns *ns;
	const struct perf_opts *opts;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	uint64_t first;
	uint64_t nr_chunks;
	uint32_t blocks;
	uint32_t *generations;
	enum perf_pass pass;
	uint64_t run_ticks;
	uint64_t read_below;
	int *stop;

	pthread_t thread;
	uint64_t began, ended;
	int status;
	struct hist side[PERF_NR_SIDES];
} __attribute__((aligned(64)));

/*
 * A chunk's word: the generation that was written last, 0 for none, and what there is to say of it. No
 * generation is used again, within 2^30 of them: a write that is lost does not find its own in what
 * was there before.
 */
#define CHUNK_BUSY	  (1u << 31) /* a command is on it */
#define CHUNK_UNSURE	  (1u << 30) /* that write failed: what is there now, nobody knows */
#define CHUNK_GENERATIONS (CHUNK_UNSURE - 1)

/**
 * perf_chunk_known() - is it known what a chunk holds
 * @chunk: its word
 *
 * Return: true if it can be checked.
 */
static inline bool perf_chunk_known(uint32_t chunk)
{
	return chunk & CHUNK_GENERATIONS && !(chunk & CHUNK_UNSURE);
}

/**
 * perf_worker_run() - the thread
 * @arg: struct perf_worker
 *
 * Return: NULL.
 */
void *perf_worker_run(void *arg);

/**
 * perf_worker_calibrate() - how long the thread's own part of a command takes
 * @w: thread that has ended; its histograms are of no use afterwards
 * @per_batch: commands in a batch, 1 or more
 *
 * Return: nanoseconds.
 */
double perf_worker_calibrate(struct perf_worker *w, double per_batch);

#endif /* BELFRY_TOOLS_PERF_WORKER_H */

/* SPDX-License-Identifier: MIT */
/*
 * The loop that is measured. What it does for each command beside the library: choose a chunk, fill
 * in the command, and count the latency. Everything else is off this path, behind unlikely().
 */
#include "tools/perf_worker.h"

#include <errno.h>

#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/pattern.h"
#include "tools/xfer.h"

/* Empty polls before the thread waits in the library, which sleeps when that takes long. */
#define POLLS_BEFORE_WAIT 8192

/* Most completions that are taken before the next commands go out: the device has work meanwhile. */
#define AT_ONCE 8

/* Completions that one look at the clock is good for: within so many, nothing grows old. */
#define PER_LOOK 4

/* So often, so many: the least counts, since others may be at work on the processor too. */
#define CALIBRATE_PASSES 16
#define CALIBRATE_ROUNDS 12500

/* A random number below n, to 2^-32 * n equally often. */
static uint64_t scale_random(uint64_t random, uint64_t n)
{
	return (uint64_t)((unsigned __int128)random * n >> 64);
}

static void stop_all(struct perf_worker *w, int status)
{
	if (!w->status)
		w->status = status;
	w->stopping = true;
	STORE(*w->stop, 1);
}

static uint64_t next_in_order(struct perf_worker *w)
{
	uint64_t chunk = w->cursor++;

	if (w->cursor == w->nr_chunks)
		w->cursor = 0;
	return chunk;
}

static void choose(struct perf_worker *w, struct perf_slot *slot)
{
	uint64_t random;

	switch (w->opts->pattern) {
	case PERF_READ:
	case PERF_WRITE:
		slot->chunk = next_in_order(w);
		slot->write = w->opts->pattern == PERF_WRITE;
		return;
	default:
		random = random_next(&w->random);
		slot->chunk = scale_random(random, w->nr_chunks);
		/* The low bits: the high ones have chosen the chunk. */
		slot->write = (random & UINT32_MAX) >= w->read_below;
	}
}

static void choose_in_pass(struct perf_worker *w, struct perf_slot *slot)
{
	if (likely(w->pass == PERF_PASS_RUN)) {
		choose(w, slot);
		return;
	}
	slot->write = w->pass == PERF_PASS_FILL;
	do
		slot->chunk = next_in_order(w);
	while (w->pass == PERF_PASS_CHECK && !perf_chunk_known(w->generations[slot->chunk]));
}

static struct pattern pattern_of(const struct perf_worker *w, const struct perf_slot *slot)
{
	return (struct pattern){.lba = w->first + slot->chunk * w->blocks,
				.generation = slot->generation,
				.seed = w->opts->seed,
				.block = w->ns->block};
}

/* Take a chunk that no other command is on, and make its data. */
static void verify_begin(struct perf_worker *w, struct perf_slot *slot)
{
	while (w->generations[slot->chunk] & CHUNK_BUSY)
		slot->chunk = slot->chunk + 1 == w->nr_chunks ? 0 : slot->chunk + 1;

	slot->generation = w->generations[slot->chunk] & CHUNK_GENERATIONS;
	if (slot->write) {
		struct pattern pattern;

		slot->generation = slot->generation % CHUNK_GENERATIONS + 1;
		pattern = pattern_of(w, slot);
		pattern_fill(&pattern, slot->buf, w->blocks);
	} else {
		pattern_spoil(slot->buf, (size_t)w->blocks * w->ns->block);
	}
	w->generations[slot->chunk] |= CHUNK_BUSY;
	slot->start = get_ticks();
}

static void verify_end(struct perf_worker *w, struct perf_slot *slot, bool ok)
{
	struct pattern pattern = pattern_of(w, slot);
	uint32_t *chunk = &w->generations[slot->chunk];
	char why[160];

	*chunk &= ~CHUNK_BUSY;
	if (slot->write)
		*chunk = slot->generation | (ok ? 0 : CHUNK_UNSURE);
	if (slot->write || !ok || !perf_chunk_known(*chunk))
		return;
	w->verified++;
	if (!pattern_check(&pattern, slot->buf, w->blocks, why, sizeof(why)))
		stop_all(w, msg_fail("data is wrong: %s", why));
}

/* Fill in the command of a tracker and post it; the doorbell is rung for the whole batch. */
static int start(struct perf_worker *w, struct nvme_rq *rq, uint64_t now)
{
	struct perf_slot *slot = &w->slots[rq->cid];
	union nvme_cmd cmd = {.rw = {.nsid = cpu_to_le32(w->ns->nsid)}};
	struct iovec iov = {.iov_base = slot->buf, .iov_len = (size_t)w->blocks * w->ns->block};

	slot->start = now;
	choose_in_pass(w, slot);
	if (unlikely(w->generations))
		verify_begin(w, slot);

	cmd.opcode = slot->write ? NVM_CMD_WRITE : NVM_CMD_READ;
	cmd.rw.slba = cpu_to_le64(w->first + slot->chunk * w->blocks);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(w->blocks - 1)); /* 0's based on the wire */
	if (unlikely(slot->meta) &&
	    nvme_map_mptr(&w->dev->ctrl, &cmd, slot->meta, (size_t)w->blocks * w->ns->meta))
		return -1;
	if (unlikely(nvme_rq_mapv(&w->dev->ctrl, rq, &cmd, &iov, 1)))
		return -1;
	nvme_rq_post(rq, &cmd);
	return 0;
}

static void refill(struct perf_worker *w, uint64_t nr)
{
	uint64_t now = get_ticks();

	if (nr > w->left)
		nr = w->left;
	for (uint64_t i = 0; i < nr; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(w->sq);

		if (unlikely(!rq || start(w, rq, now))) {
			stop_all(w, msg_fail_host("a command cannot be made"));
			if (rq)
				nvme_rq_release(rq);
			break;
		}
		w->in_flight++;
		w->left--;
	}
	nvme_sq_update_tail(w->sq);
}

/* The first that fails says which it was and why; all are counted. */
static __attribute__((noinline)) void failed(struct perf_worker *w, const struct perf_slot *slot,
					     uint16_t status)
{
	w->failed[status >> 8 & 7]++;
	w->nr_failed++;
	if (!w->status)
		w->status = dev_refused_rw(slot->write, w->first + slot->chunk * w->blocks,
					   w->blocks, status);
	if (w->opts->errors && w->nr_failed >= w->opts->errors)
		stop_all(w, w->status);
}

static void finish(struct perf_worker *w, struct nvme_cqe *cqe, uint64_t now)
{
	struct nvme_rq *rq = __nvme_rq_from_cqe(w->sq, cqe);
	struct perf_slot *slot;

	if (unlikely(!rq))
		return; /* of no command of ours; the queue has counted it */
	slot = &w->slots[rq->cid];
	/* The ticks of two processors may be a few apart. */
	if (likely(nvme_cqe_ok(cqe)))
		hist_add(&w->side[slot->write], now > slot->start ? now - slot->start : 0);
	else
		failed(w, slot, nvme_cqe_status(cqe));
	if (unlikely(w->generations))
		verify_end(w, slot, nvme_cqe_ok(cqe));
	nvme_rq_release(rq);
	w->in_flight--;
}

/* What has completed, up to AT_ONCE. Returns how many commands of ours have ended. */
static uint64_t reap(struct perf_worker *w)
{
	struct nvme_cqe *cqe = nvme_cq_get_cqe(w->cq);
	uint64_t before = w->in_flight, now = 0;
	unsigned int nr = 0;

	if (!cqe)
		return 0;
	/* A completion that arrives while others are dealt with must not get their time. */
	do {
		if (nr % PER_LOOK == 0)
			now = get_ticks();
		finish(w, cqe, now);
	} while (++nr < AT_ONCE && (cqe = nvme_cq_get_cqe(w->cq)));
	nvme_cq_update_head(w->cq);

	w->batches++;
	STORE(w->done, w->done + before - w->in_flight);
	if (unlikely(now >= w->stop_at || LOAD(*w->stop) || msg_stop_asked()))
		w->stopping = true;
	return before - w->in_flight;
}

/* Nothing has come for a while. Returns -1 when nothing will. */
static int wait_long(struct perf_worker *w)
{
	struct nvme_cqe cqe;

	if (!xfer_wait(&w->dev->ctrl, w->cq, &cqe)) {
		stop_all(w, dev_silent(w->dev));
		return -1;
	}
	finish(w, &cqe, get_ticks());
	nvme_cq_update_head(w->cq);
	STORE(w->done, w->done + 1);
	if (get_ticks() >= w->stop_at || LOAD(*w->stop) || msg_stop_asked())
		w->stopping = true;
	return 0;
}

void *perf_worker_run(void *arg)
{
	struct perf_worker *w = arg;
	unsigned int empty = 0;

	w->began = get_ticks();
	w->stop_at = w->run_ticks ? w->began + w->run_ticks : UINT64_MAX;
	refill(w, w->opts->depth);
	while (w->in_flight) {
		uint64_t nr = reap(w);

		if (nr) {
			empty = 0;
		} else if (likely(++empty < POLLS_BEFORE_WAIT)) {
			continue;
		} else {
			uint64_t before = w->in_flight;

			empty = 0;
			if (wait_long(w))
				break;
			nr = before - w->in_flight;
		}
		if (likely(!w->stopping))
			refill(w, nr);
	}
	w->ended = get_ticks();
	return NULL;
}

/* A batch has one look for each PER_LOOK commands or part of that. */
static double looks_per_command(double per_batch)
{
	return per_batch < PER_LOOK ? 1 / per_batch : 1.0 / PER_LOOK;
}

/* Ticks that our part of so many commands takes, and so many looks at the clock. */
static uint64_t ticks_of_commands(struct perf_worker *w)
{
	uint64_t start = get_ticks();
	struct perf_slot slot = {0};

	for (unsigned int i = 0; i < CALIBRATE_ROUNDS; i++) {
		choose(w, &slot);
		hist_add(&w->side[slot.write], slot.chunk & 0xffff);
	}
	return get_ticks() - start;
}

static uint64_t ticks_of_looks(void)
{
	uint64_t start = get_ticks();

	for (unsigned int i = 0; i < CALIBRATE_ROUNDS; i++)
		(void)get_ticks();
	return get_ticks() - start;
}

double perf_worker_calibrate(struct perf_worker *w, double per_batch)
{
	double per_tick = 1e9 / (double)belfry_ticks_freq();
	uint64_t looks = UINT64_MAX, commands = UINT64_MAX;

	for (int pass = 0; pass < CALIBRATE_PASSES; pass++) {
		uint64_t ticks = ticks_of_commands(w);

		commands = ticks < commands ? ticks : commands;
		ticks = ticks_of_looks();
		looks = ticks < looks ? ticks : looks;
	}
	/* One look before each batch, and then as reap() does. */
	return ((double)commands + (double)looks * (1 / per_batch + looks_per_command(per_batch))) *
	       per_tick / CALIBRATE_ROUNDS;
}

/* SPDX-License-Identifier: MIT */
/*
 * A load from beginning to end: queue pairs, parts of the namespace, threads, passes, and one
 * result of all threads. What it looks like is in perf_print.c.
 */
#include "tools/perf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/pattern.h"
#include "tools/perf_worker.h"
#include "tools/progress.h"
#include "tools/text.h"

/* 256 MiB of generations. */
#define VERIFY_CHUNKS_MAX (64u << 20)

#define WATCH_US 100000

/* How often others are shown how it goes. */
#define PUBLISH_NS 250000000

const char *const perf_patterns[] = {
	[PERF_READ] = "read",		[PERF_WRITE] = "write", [PERF_RANDREAD] = "randread",
	[PERF_RANDWRITE] = "randwrite", [PERF_MIX] = "mix",	[PERF_MIX + 1] = NULL,
};

struct perf {
	struct dev *dev;
	const struct dev_ns *ns;
	const struct perf_opts *opts;
	struct perf_worker *workers;
	unsigned int nr_queues; /* queue pairs that were made */
	int stop;
	struct belfry_publisher *pub; /* NULL where nobody can be told */
	uint64_t published_ns;
};

bool perf_writes(const struct perf_opts *opts)
{
	return opts->verify || (opts->pattern != PERF_READ && opts->pattern != PERF_RANDREAD &&
				!(opts->pattern == PERF_MIX && opts->reads == 100));
}

static bool perf_reads(const struct perf_opts *opts)
{
	return opts->pattern == PERF_READ || opts->pattern == PERF_RANDREAD ||
	       (opts->pattern == PERF_MIX && opts->reads);
}

/* Chunks in the part of the namespace that is used. */
static uint64_t region_chunks(const struct dev_ns *ns, const struct perf_opts *opts)
{
	uint64_t per_chunk = opts->bs / ns->block;
	uint64_t blocks = ns->nr_blocks;
	uint64_t chunks;

	if (opts->region && opts->region / ns->block < blocks)
		blocks = opts->region / ns->block;
	chunks = blocks / per_chunk;
	return opts->verify && chunks > VERIFY_CHUNKS_MAX ? VERIFY_CHUNKS_MAX : chunks;
}

int perf_check(const struct dev *dev, const struct dev_ns *ns, const struct perf_opts *opts)
{
	uint64_t mdts = dev->ctrl.config.mdts;
	unsigned int most = (unsigned int)dev->ctrl.config.mqes;
	uint64_t chunks;

	if (opts->bs % ns->block)
		return msg_wrong("perf", "--bs %" PRIu64 ": not a multiple of the block, %u bytes",
				 opts->bs, ns->block);
	if (mdts && opts->bs > mdts)
		return msg_wrong("perf", "--bs %s: the controller takes %s at most (MDTS)",
				 text_bytes(opts->bs).s, text_bytes(mdts).s);
	if (opts->bs / ns->block > 65536)
		return msg_wrong("perf", "--bs %s: a command has 65536 blocks at most",
				 text_bytes(opts->bs).s);
	if (opts->depth > most)
		return msg_wrong("perf", "--qd %u: the controller takes %u at most (CAP.MQES)",
				 opts->depth, most);
	chunks = region_chunks(ns, opts) / opts->queues;
	if (!chunks)
		return msg_wrong("perf",
				 "no room for %s with %s each in what is used of the namespace",
				 text_things(opts->queues, "queue").s, text_bytes(opts->bs).s);
	if (opts->verify && chunks < opts->depth)
		return msg_wrong("perf",
				 "--verify: no room for %s with %u x %s in flight in what is used "
				 "of the namespace",
				 text_things(opts->queues, "queue").s, opts->depth,
				 text_bytes(opts->bs).s);
	return CMD_OK;
}

static int make_buffers(struct perf *perf, struct perf_worker *w, uint64_t *random)
{
	size_t page = __mps_to_pagesize(perf->dev->ctrl.config.mps);
	size_t stride = ALIGN_UP((size_t)perf->opts->bs, page);
	size_t meta = ALIGN_UP((size_t)w->blocks * perf->ns->meta, page);
	unsigned int depth = perf->opts->depth;
	char *bufs = dev_alloc(perf->dev, depth * stride);
	char *metas = meta ? dev_alloc(perf->dev, depth * meta) : NULL;

	w->slots = calloc(depth, sizeof(*w->slots));
	if (!bufs || (meta && !metas) || !w->slots)
		return w->slots ? CMD_FAILED : msg_fail("%s", strerror(ENOMEM));
	for (unsigned int i = 0; i < depth; i++) {
		w->slots[i].buf = bufs + i * stride;
		w->slots[i].meta = metas ? metas + i * meta : NULL;
	}
	random_fill(random, bufs, depth * stride);
	return CMD_OK;
}

static int make_worker(struct perf *perf, unsigned int index)
{
	const struct perf_opts *opts = perf->opts;
	struct perf_worker *w = &perf->workers[index];
	uint64_t random = opts->seed + index;
	int qid = (int)index + 1;

	w->dev = perf->dev;
	w->ns = perf->ns;
	w->opts = opts;
	w->stop = &perf->stop;
	w->blocks = (uint32_t)(opts->bs / perf->ns->block);
	w->nr_chunks = region_chunks(perf->ns, opts) / opts->queues;
	w->first = index * w->nr_chunks * w->blocks;
	w->read_below = opts->pattern == PERF_RANDREAD ? 1ull << 32
			: opts->pattern == PERF_MIX    ? ((uint64_t)opts->reads << 32) / 100
						       : 0;
	if (make_buffers(perf, w, &random))
		return CMD_FAILED;
	w->random = random;
	if (opts->verify) {
		w->generations = calloc(w->nr_chunks, sizeof(*w->generations));
		if (!w->generations)
			return msg_fail("--verify: %s", strerror(ENOMEM));
	}

	msg_forget();
	/* One entry of a queue always stays empty. */
	if (nvme_create_ioqpair(&perf->dev->ctrl, qid, (int)opts->depth + 1, -1, 0))
		return msg_fail_host("queue pair %d of %u entries", qid, opts->depth + 1);
	perf->nr_queues++;
	w->sq = &perf->dev->ctrl.sq[qid];
	w->cq = &perf->dev->ctrl.cq[qid];
	return CMD_OK;
}

static uint64_t count_written(const struct perf_worker *w)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < w->nr_chunks; i++)
		nr += perf_chunk_known(w->generations[i]);
	return nr;
}

/* How many commands a thread may start in a pass. */
static uint64_t budget(const struct perf *perf, unsigned int index, enum perf_pass pass)
{
	const struct perf_opts *opts = perf->opts;
	const struct perf_worker *w = &perf->workers[index];

	switch (pass) {
	case PERF_PASS_FILL:
		return w->nr_chunks;
	case PERF_PASS_CHECK:
		return count_written(w);
	default:
		if (!opts->count)
			return UINT64_MAX;
		return opts->count / opts->queues + (index < opts->count % opts->queues);
	}
}

static void reset_worker(struct perf *perf, unsigned int index, enum perf_pass pass)
{
	struct perf_worker *w = &perf->workers[index];
	bool timed = pass == PERF_PASS_RUN && perf->opts->runtime_ns;
	double ticks = (double)perf->opts->runtime_ns * (double)belfry_ticks_freq() / 1e9;

	w->pass = pass;
	w->cursor = 0;
	w->left = budget(perf, index, pass);
	w->done = 0;
	w->batches = 0;
	w->stopping = false;
	w->run_ticks = timed ? (uint64_t)ticks : 0;
	memset(w->side, 0, sizeof(w->side));
}

/* For `belfry stats`. Without it the load is the same. */
static void publish(struct perf *perf)
{
	uint64_t now = monotonic_ns();

	if (!perf->pub || now < perf->published_ns + PUBLISH_NS)
		return;
	perf->published_ns = now;
	nvme_ctrl_publish(&perf->dev->ctrl, perf->pub);
	belfry_publish_commit(perf->pub);
}

/* Show progress until all that can be done is done, or a thread is through. */
static void watch(struct perf *perf, const char *what, uint64_t total)
{
	struct progress progress;
	uint64_t until = perf->opts->runtime_ns, start = monotonic_ns(), done;

	progress_start(&progress, what, total == UINT64_MAX ? 0 : total * perf->opts->bs);
	do {
		done = 0;
		for (unsigned int i = 0; i < perf->opts->queues; i++)
			done += LOAD(perf->workers[i].done);
		progress_update(&progress, done * perf->opts->bs);
		publish(perf);
		__usleep(total == UINT64_MAX ? WATCH_US : WATCH_US / 20);
	} while (done < total && !LOAD(perf->stop) && !msg_stop_asked() &&
		 (!until || monotonic_ns() - start + WATCH_US * 1000ull < until));
	progress_end(&progress);
}

/* All threads do a pass; it is over when the last of them is through. */
static int run_pass(struct perf *perf, enum perf_pass pass, const char *what)
{
	unsigned int nr = 0;
	uint64_t total = 0;
	int status = CMD_OK, error = 0;

	for (unsigned int i = 0; i < perf->opts->queues; i++) {
		reset_worker(perf, i, pass);
		if (__builtin_add_overflow(total, perf->workers[i].left, &total))
			total = UINT64_MAX;
	}
	for (; nr < perf->opts->queues && !error; nr++)
		error = pthread_create(&perf->workers[nr].thread, NULL, perf_worker_run,
				       &perf->workers[nr]);
	if (error) {
		nr--;
		STORE(perf->stop, 1);
		status = msg_fail("thread %u: %s", nr + 1, strerror(error));
	} else {
		watch(perf, what, total);
	}
	for (unsigned int i = 0; i < nr; i++) {
		pthread_join(perf->workers[i].thread, NULL);
		status = status ? status : perf->workers[i].status;
	}
	return status;
}

static void collect(struct perf *perf, struct perf_result *result)
{
	uint64_t began = UINT64_MAX, ended = 0;

	for (unsigned int i = 0; i < perf->opts->queues; i++) {
		struct perf_worker *w = &perf->workers[i];

		began = w->began < began ? w->began : began;
		ended = w->ended > ended ? w->ended : ended;

		for (int side = 0; side < PERF_NR_SIDES; side++) {
			hist_merge(&result->side[side], &w->side[side]);
			hist_merge(&result->all, &w->side[side]);
		}
		result->ended += w->done;
		result->batches += w->batches;
		result->region += w->nr_chunks * perf->opts->bs;
	}
	if (ended > began)
		result->elapsed_ns =
			(uint64_t)((double)(ended - began) * 1e9 / (double)belfry_ticks_freq());
	if (result->ended && result->batches)
		result->own_ns = perf_worker_calibrate(
			&perf->workers[0], (double)result->ended / (double)result->batches);
}

/* What was counted on all queues that there are, and by the threads. */
static void collect_stats(const struct perf *perf, struct perf_result *result)
{
	nvme_ctrl_sum_stats(&perf->dev->ctrl, &result->sq, &result->cq);
	nvme_ctrl_get_stats(&perf->dev->ctrl, &result->ctrl);
	for (unsigned int i = 0; i < perf->opts->queues; i++) {
		result->verified += perf->workers[i].verified;
		for (int type = 0; type < NVME_NR_STATUS_TYPES; type++)
			result->failed[type] += perf->workers[i].failed[type];
	}
}

/* Commands may have failed and the load goes on: what ends it is in @stop, or a signal. */
static bool over(const struct perf *perf)
{
	return LOAD(perf->stop) || msg_stop_asked();
}

static int run_passes(struct perf *perf, struct perf_result *result)
{
	const struct perf_opts *opts = perf->opts;
	int status = CMD_OK;

	if (opts->verify && perf_reads(opts))
		status = run_pass(perf, PERF_PASS_FILL, "filling");
	if (!over(perf)) {
		status = run_pass(perf, PERF_PASS_RUN, "running");
		collect(perf, result);
	}
	if (!over(perf) && opts->verify && opts->pattern != PERF_READ &&
	    opts->pattern != PERF_RANDREAD)
		status = run_pass(perf, PERF_PASS_CHECK, "checking");
	return status || !msg_stop_asked() ? status : CMD_INTERRUPTED;
}

/* With commands in flight the queues stay until the controller is closed. */
static void destroy(struct perf *perf, bool delete_queues)
{
	for (unsigned int i = 0; i < perf->opts->queues; i++) {
		delete_queues = delete_queues && !perf->workers[i].in_flight;
		free(perf->workers[i].slots);
		free(perf->workers[i].generations);
	}
	for (unsigned int i = perf->nr_queues; delete_queues && i; i--)
		nvme_delete_ioqpair(&perf->dev->ctrl, (int)i);
	free(perf->workers);
}

int perf_run(struct dev *dev, const struct dev_ns *ns, const struct perf_opts *opts,
	     struct perf_result *result)
{
	struct perf perf = {.dev = dev, .ns = ns, .opts = opts};
	size_t size = opts->queues * sizeof(*perf.workers);
	int status = CMD_OK;

	memset(result, 0, sizeof(*result));
	if (posix_memalign((void **)&perf.workers, 64, size))
		return msg_fail("%s", strerror(ENOMEM));
	memset(perf.workers, 0, size);
	for (unsigned int i = 0; i < opts->queues && !status; i++)
		status = make_worker(&perf, i);
	perf.pub = belfry_publish_open(dev->name);
	if (status)
		perf.stop = 1;
	else
		status = run_passes(&perf, result);
	belfry_publish_close(perf.pub);
	collect_stats(&perf, result);
	result->interrupted = status == CMD_INTERRUPTED || (status && msg_stop_asked());
	destroy(&perf, !LOAD(perf.stop));
	return status;
}

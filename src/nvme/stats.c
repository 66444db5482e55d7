/* SPDX-License-Identifier: MIT */
/*
 * Statistics: read by any thread from what the owner of a queue writes for itself.
 *
 * The owner's stores are plain ones, for atomic additions would cost it instructions; aligned words
 * are read whole on every machine that this runs on. Where two words make one number (laps and
 * tail), laps is odd while they disagree.
 */
#include <belfry/nvme/stats.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/spec.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"

/* The one place that races on purpose. */
#define READS_RACY __attribute__((no_sanitize("thread"), noinline))

READS_RACY static uint64_t read64(const uint64_t *p)
{
	return *(const volatile uint64_t *)p;
}

READS_RACY static uint32_t read32(const uint32_t *p)
{
	return *(const volatile uint32_t *)p;
}

READS_RACY static uint16_t read16(const uint16_t *p)
{
	return *(const volatile uint16_t *)p;
}

/* Entries that went through a ring: whole laps, the place in this one, and what a restart carried. */
static uint64_t count(const uint64_t *laps, const uint16_t *place, const uint64_t *base, int qsize)
{
	uint64_t before, after, sum;

	do {
		before = read64(laps);
		dma_rmb(); /* laps before the rest; the other side is __nvme_sq_put() */
		sum = before / 2 * (uint64_t)qsize + read16(place) + read64(base);
		dma_rmb(); /* and again after it */
		after = read64(laps);
	} while (before != after || before & 1);
	return sum;
}

bool nvme_sq_untold(const struct nvme_sq *sq)
{
	return read16(&sq->tail) != read16(&sq->ptail);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void nvme_sq_get_stats(const struct nvme_sq *sq, struct nvme_sq_stats *stats)
{
	uint32_t fresh = (uint32_t)(read64(&sq->rq_free) >> 16) & 0xffff;

	*stats = (struct nvme_sq_stats){
		.doorbells = read64(&sq->rings),
		.timed_out = read64(&sq->timeouts),
		.aborted = read64(&sq->aborted),
		.lost = read64(&sq->lost),
		.resent = read64(&sq->resent),
		/* A tracker is used for the first time only when none of the others is free. */
		.in_use_max = sq->nr_rqs - fresh,
	};
	stats->submitted = count(&sq->laps, &sq->tail, &sq->base, sq->qsize);
	stats->spared = less(stats->submitted, stats->doorbells);
}

void nvme_cq_get_stats(const struct nvme_cq *cq, struct nvme_cq_stats *stats)
{
	*stats = (struct nvme_cq_stats){
		.spurious = read64(&cq->spurious),
		.late = read64(&cq->late),
		.doorbells = read64(&cq->rings),
		.kept_max = read32(&cq->max_kept),
	};
	for (int type = 0; type < NVME_NR_STATUS_TYPES; type++)
		stats->failed[type] = read64(&cq->failed[type]);
	stats->completed = count(&cq->laps, &cq->head, &cq->base, cq->qsize);
	stats->spared = less(stats->completed, stats->doorbells);
}

void nvme_ctrl_get_stats(const struct nvme_ctrl *ctrl, struct nvme_ctrl_stats *stats)
{
	uint64_t counts[NVME_NR_COUNTERS];

	*stats = (struct nvme_ctrl_stats){.state = nvme_ctrl_get_state(ctrl)};
	if (!ctrl->priv)
		return;
	for (int i = 0; i < NVME_NR_COUNTERS; i++)
		counts[i] = atomic_load_acquire(&ctrl->priv->counts[i]);
	*stats = (struct nvme_ctrl_stats){
		.state = stats->state,
		.timeouts = counts[NVME_COUNT_TIMEOUTS],
		.aborts = counts[NVME_COUNT_ABORTS],
		.aborted = counts[NVME_COUNT_ABORTED],
		.not_aborted = counts[NVME_COUNT_NOT_ABORTED],
		.aborts_failed = counts[NVME_COUNT_ABORTS_FAILED],
		.fatal = counts[NVME_COUNT_FATAL],
		.resets = counts[NVME_COUNT_RESETS],
		.attempts_failed = counts[NVME_COUNT_ATTEMPTS_FAILED],
		.recovered = counts[NVME_COUNT_RECOVERED],
		.resets_by_hand = counts[NVME_COUNT_BY_HAND],
		.resets_by_hand_failed = counts[NVME_COUNT_BY_HAND_FAILED],
		.sync_timeouts = counts[NVME_COUNT_SYNC_TIMEOUTS],
		.events = counts[NVME_COUNT_EVENTS],
		.keep_alives = counts[NVME_COUNT_KEEP_ALIVES],
		.keep_alives_missed = counts[NVME_COUNT_KEEP_ALIVES_MISSED],
	};
}

static void add_sq(struct nvme_sq_stats *sum, const struct nvme_sq *sq)
{
	struct nvme_sq_stats one;

	nvme_sq_get_stats(sq, &one);
	sum->submitted += one.submitted;
	sum->doorbells += one.doorbells;
	sum->spared += one.spared;
	sum->timed_out += one.timed_out;
	sum->aborted += one.aborted;
	sum->lost += one.lost;
	sum->resent += one.resent;
	if (one.in_use_max > sum->in_use_max)
		sum->in_use_max = one.in_use_max;
}

static void add_cq(struct nvme_cq_stats *sum, const struct nvme_cq *cq)
{
	struct nvme_cq_stats one;

	nvme_cq_get_stats(cq, &one);
	sum->completed += one.completed;
	for (int type = 0; type < NVME_NR_STATUS_TYPES; type++)
		sum->failed[type] += one.failed[type];
	sum->spurious += one.spurious;
	sum->late += one.late;
	sum->doorbells += one.doorbells;
	sum->spared += one.spared;
	if (one.kept_max > sum->kept_max)
		sum->kept_max = one.kept_max;
}

void nvme_ctrl_sum_stats(const struct nvme_ctrl *ctrl, struct nvme_sq_stats *sq,
			 struct nvme_cq_stats *cq)
{
	*sq = (struct nvme_sq_stats){};
	*cq = (struct nvme_cq_stats){};
	if (!ctrl->priv)
		return;
	for (int i = 1; i < ctrl->priv->nr_sqs; i++) {
		if (ctrl->sq[i].mem.vaddr)
			add_sq(sq, &ctrl->sq[i]);
	}
	for (int i = 1; i < ctrl->priv->nr_cqs; i++) {
		if (ctrl->cq[i].mem.vaddr)
			add_cq(cq, &ctrl->cq[i]);
	}
}

const char *nvme_status_type_key(int type)
{
	static const char *const keys[NVME_NR_STATUS_TYPES] = {
		[NVM_SCT_GENERIC] = "generic",
		[NVM_SCT_SPECIFIC] = "specific",
		[NVM_SCT_MEDIA] = "media",
		[NVM_SCT_PATH] = "path",
		[4] = "type4",
		[5] = "type5",
		[6] = "type6",
		[NVM_SCT_VENDOR] = "vendor",
	};

	return keys[type & (NVME_NR_STATUS_TYPES - 1)];
}

/* What @base has to be for the count to be the same when the place is 0, @laps + 2. */
static uint64_t rebase(uint64_t laps, uint16_t place, uint64_t base, int qsize)
{
	uint64_t sum = laps / 2 * (uint64_t)qsize + place + base;

	return sum - (laps + 2) / 2 * (uint64_t)qsize;
}

void nvme_sq_count_restart(struct nvme_sq *sq)
{
	uint64_t laps = sq->laps;

	atomic_store_release(&sq->laps, laps + 1);
	atomic_store_release(&sq->base, rebase(laps, sq->tail, sq->base, sq->qsize));
	atomic_store_release(&sq->tail, (uint16_t)0);
	atomic_store_release(&sq->laps, laps + 2);
}

void nvme_cq_count_restart(struct nvme_cq *cq)
{
	uint64_t laps = cq->laps;

	atomic_store_release(&cq->laps, laps + 1);
	atomic_store_release(&cq->base, rebase(laps, cq->head, cq->base, cq->qsize));
	atomic_store_release(&cq->head, (uint16_t)0);
	atomic_store_release(&cq->laps, laps + 2);
}

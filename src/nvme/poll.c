/* SPDX-License-Identifier: MIT */
/*
 * Commands with a deadline and a callback.
 *
 * A poll takes what has completed; every few polls it looks at the clock. cq->expiry_ms is a bound:
 * no watched command expires before it. A submission moves it down, and only when it has passed the
 * trackers are looked at, and the bound becomes exact again. Commands that complete in time, which is
 * all of them as a rule, leave no trace in it: so a deadline costs one comparison when it is set.
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/poll.h>
#include <belfry/nvme/rq.h>
#include <belfry/support/log.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"
#include "support/errno.h"

#define POLLS_PER_LOOK 8
#define EXPIRY_NEVER   UINT64_MAX

void nvme_cq_watch_init(struct nvme_cq *cq)
{
	struct timespec res;

	clock_getres(CLOCK_MONOTONIC_COARSE, &res);
	cq->grain_ms = (uint32_t)((res.tv_nsec + 999999) / 1000000);
	cq->expiry_ms = EXPIRY_NEVER;
	cq->polls = POLLS_PER_LOOK;
}

/* @rq expires @timeout_ms after cq->now_ms. */
static inline void set_deadline(struct nvme_cq *cq, struct nvme_rq *rq, unsigned int timeout_ms)
{
	uint64_t deadline;

	if (timeout_ms > NVME_TIMEOUT_MAX_MS)
		timeout_ms = NVME_TIMEOUT_MAX_MS;
	/* The clock may be a tick behind. */
	deadline = cq->now_ms + timeout_ms + cq->grain_ms;
	rq->deadline = (uint32_t)deadline ? (uint32_t)deadline : 1;
	if (deadline < cq->expiry_ms)
		cq->expiry_ms = deadline;
}

static unsigned int default_timeout(const struct nvme_sq *sq)
{
	return sq->timeout_ms ? sq->timeout_ms : LOAD(sq->cq->ctrl->timeout_ms);
}

void nvme_rq_submit(struct nvme_rq *rq, union nvme_cmd *cmd, nvme_rq_done_fn done,
		    unsigned int timeout_ms)
{
	struct nvme_sq *sq = rq->sq;
	struct nvme_cq *cq = sq->cq;

	/* What is posted between two doorbells is posted at the same time. */
	if (sq->tail == sq->ptail)
		cq->now_ms = nvme_coarse_ms();
	if (!timeout_ms)
		timeout_ms = default_timeout(sq);
	rq->done = done;
	rq->flags = 0;
	rq->deadline = 0;
	if (likely(timeout_ms != NVME_TIMEOUT_NEVER))
		set_deadline(cq, rq, timeout_ms);

	nvme_rq_prep_cmd(rq, cmd);
	rq->state = NVME_RQ_WATCHED;
	__nvme_sq_put(sq, cmd, rq->cid);
}

int nvme_rq_set_timeout(struct nvme_rq *rq, unsigned int timeout_ms)
{
	struct nvme_cq *cq = rq->sq->cq;

	if (!(rq->state & (NVME_RQ_INFLIGHT | NVME_RQ_WATCHED)) || !timeout_ms ||
	    (timeout_ms > NVME_TIMEOUT_MAX_MS && timeout_ms != NVME_TIMEOUT_NEVER))
		return set_errno(EINVAL);

	/* A raw command's tracker may have anything from its last use. */
	if (rq->state == NVME_RQ_INFLIGHT)
		nvme_rq_unwatch(rq);
	rq->state = NVME_RQ_WATCHED;
	rq->deadline = 0;
	if (timeout_ms == NVME_TIMEOUT_NEVER)
		return 0;
	cq->now_ms = nvme_coarse_ms();
	set_deadline(cq, rq, timeout_ms);
	return 0;
}

/* Deadline of a tracker as a full number: it is within 2^31 ms of now. */
static uint64_t deadline_of(const struct nvme_cq *cq, const struct nvme_rq *rq)
{
	return cq->now_ms + (uint64_t)(int64_t)(int32_t)(rq->deadline - (uint32_t)cq->now_ms);
}

static void expire(struct nvme_sq *sq, struct nvme_rq *rq)
{
	rq->flags |= NVME_RQ_F_EXPIRED;
	rq->deadline = 0;
	sq->timeouts++;
	log_info("sq %d cid %u: no completion by its deadline\n", sq->id, rq->cid);
}

/* Look at every watched command of a queue. */
static void sq_expire(struct nvme_cq *cq, struct nvme_sq *sq)
{
	for (uint32_t cid = 0; cid < sq->nr_rqs; cid++) {
		struct nvme_rq *rq = &sq->rqs[cid];
		uint64_t deadline;

		if (rq->state != NVME_RQ_WATCHED || !rq->deadline)
			continue;
		deadline = deadline_of(cq, rq);
		if (deadline <= cq->now_ms)
			expire(sq, rq);
		else if (deadline < cq->expiry_ms)
			cq->expiry_ms = deadline;
	}
}

static __attribute__((noinline)) void cq_look(struct nvme_cq *cq)
{
	cq->polls = POLLS_PER_LOOK;
	if (cq->expiry_ms == EXPIRY_NEVER)
		return;
	cq->now_ms = nvme_coarse_ms();
	if (cq->now_ms < cq->expiry_ms)
		return;

	cq->expiry_ms = EXPIRY_NEVER;
	for (uint32_t sqid = 0; sqid < cq->nr_sqs; sqid++) {
		if (cq->sqs[sqid].cq == cq)
			sq_expire(cq, &cq->sqs[sqid]);
	}
}

/* Tell the program. */
static inline void finish(struct nvme_rq *rq, const struct nvme_cqe *cqe)
{
	nvme_rq_done_fn done = rq->done;
	/* The entry goes back to the device when @done rings for the queue. */
	struct nvme_cqe copy = *cqe;

	rq->done = NULL;
	done(rq, &copy);
	if (rq->state == NVME_RQ_COMPLETED)
		nvme_rq_release(rq);
}

/* The tracker of an entry that was taken, if a callback waits for it. */
static inline struct nvme_rq *watched_of(const struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	uint32_t sqid = le16_to_cpu(cqe->sqid);
	uint32_t cid = cqe->cid;
	struct nvme_rq *rq;

	if (unlikely(sqid >= cq->nr_sqs || cid >= cq->sqs[sqid].nr_rqs))
		return NULL;
	rq = &cq->sqs[sqid].rqs[cid];
	return likely(rq->done && rq->state == NVME_RQ_COMPLETED) ? rq : NULL;
}

/* Not inlined, so that a poll that finds nothing has no registers to save. */
static __attribute__((noinline)) int poll_ring(struct nvme_cq *cq, int budget)
{
	int n = 0;

	/* Room first: once taken, a completion must not be lost. */
	while (n < budget && likely(!nvme_kept_reserve(cq))) {
		struct nvme_cqe *cqe;

		while ((cqe = __nvme_cq_take(cq, NVME_RQ_WATCHED, __nvme_cq_admit_watched))) {
			struct nvme_rq *rq = watched_of(cq, cqe);

			nvme_cq_count_status(cq, cqe);
			if (unlikely(!rq)) {
				nvme_cq_keep(cq, cqe);
				break;
			}
			finish(rq, cqe);
			if (++n == budget)
				break;
		}
		if (!cqe)
			break;
	}
	nvme_cq_update_head(cq);
	return n;
}

/* Those that somebody's wait came across come first. */
static __attribute__((noinline)) int poll_kept(struct nvme_cq *cq, int budget)
{
	struct nvme_rq *rq;
	struct nvme_cqe cqe;
	int n = 0;

	while (n < budget && cq->nr_kept && (rq = nvme_kept_take_watched(cq, &cqe))) {
		finish(rq, &cqe);
		n++;
	}
	return n < budget ? n + poll_ring(cq, budget - n) : n;
}

int nvme_cq_poll(struct nvme_cq *cq, int budget)
{
	if (unlikely(!--cq->polls || !budget))
		cq_look(cq);
	if (unlikely(cq->nr_kept))
		return poll_kept(cq, budget);
	if (!__nvme_cq_ready(cq, nvme_cq_head(cq)))
		return 0;
	return poll_ring(cq, budget);
}

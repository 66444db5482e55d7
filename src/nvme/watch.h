/* SPDX-License-Identifier: MIT */
/*
 * Watched commands, inside the driver: those of nvme_rq_submit(), which have a deadline, a callback
 * or both. While one is the device's, its tracker is NVME_RQ_WATCHED, with rq->done set and no flags,
 * or NVME_RQ_MARKED; from its completion to the call, NVME_RQ_COMPLETED or NVME_RQ_KEPT with rq->done
 * set. When it has ended, there are neither flags nor rq->done.
 *
 * Times are milliseconds of CLOCK_MONOTONIC_COARSE; a tracker has room for the low 32 bits, of
 * which 0 means none.
 */
#ifndef BELFRY_SRC_NVME_WATCH_H
#define BELFRY_SRC_NVME_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <belfry/nvme/poll.h>
#include <belfry/nvme/queue.h>

#include "nvme/recover.h"

/* States in which the device has a tracker's command, which has a deadline or a callback, and in which
 * it has one that will end in its time. */
#define NVME_RQ_HAS_DEADLINE (NVME_RQ_WATCHED | NVME_RQ_MARKED)
#define NVME_RQ_SUBMITTED    (NVME_RQ_INFLIGHT | NVME_RQ_HAS_DEADLINE | NVME_RQ_BY_HAND)

/* States in which the device has a tracker's command, and somebody waits for it. */
#define NVME_RQ_WITH_DEVICE (NVME_RQ_SUBMITTED | NVME_RQ_EVENT)

/* nvme_rq.flags */
#define NVME_RQ_F_EXPIRED    (1u << 0) /* its deadline has passed */
#define NVME_RQ_F_WANT_ABORT (1u << 1) /* waits for its turn to be aborted */
#define NVME_RQ_F_ABORTING   (1u << 2) /* an Abort was sent */
#define NVME_RQ_F_AGAIN	     (1u << 3) /* may be sent again after a reset */

#define NVME_TIMEOUT_MAX_MS (1u << 30)

/**
 * nvme_coarse_ms() - read the cheap clock
 *
 * Context: any thread; no syscall where the kernel offers the clock without one.
 * Return: milliseconds since some moment in the past, a tick old at most.
 */
static inline uint64_t nvme_coarse_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/**
 * nvme_rq_unwatch() - a command has ended without its callback
 * @rq: tracker
 *
 * Context: owner of the completion queue.
 */
static inline void nvme_rq_unwatch(struct nvme_rq *rq)
{
	rq->done = NULL;
	if (unlikely(rq->flags & NVME_RQ_F_EXPIRED))
		nvme_recover_ended(rq);
	rq->flags = 0;
}

/**
 * nvme_rq_may_end() - may a watched command's end be told now
 * @rq: tracker, with flags
 *
 * Not while an Abort is under way that could hit the tracker's next command.
 *
 * Context: owner of the completion queue.
 * Return: true when it may.
 */
bool nvme_rq_may_end(struct nvme_rq *rq);

/**
 * nvme_rq_finish() - tell the program that a watched command has ended
 * @rq: tracker, NVME_RQ_COMPLETED, with a callback; released afterwards, unless the callback did
 * @cqe: completion, a copy
 *
 * Context: owner of the completion queue.
 */
void nvme_rq_finish(struct nvme_rq *rq, struct nvme_cqe *cqe);

/**
 * nvme_rq_send_again() - post a watched command a second time
 * @rq: tracker of nvme_rq_submit_idempotent(), NVME_RQ_MARKED; the ring is new
 *
 * Its time begins anew.
 *
 * Context: owner of both queues.
 */
void nvme_rq_send_again(struct nvme_rq *rq);

/**
 * nvme_rq_lose() - a command has ended without the controller's word
 * @rq: tracker, of NVME_RQ_SUBMITTED
 * @status: to be told
 *
 * The completion is kept for whoever waits for it.
 *
 * Context: owner of the completion queue.
 */
void nvme_rq_lose(struct nvme_rq *rq, uint16_t status);

/**
 * nvme_cq_count_status() - count a completion by its status, unless that is success
 * @cq: completion queue
 * @cqe: completion
 *
 * Context: owner of @cq.
 */
static inline void nvme_cq_count_status(struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	uint32_t sfp = le16_to_cpu(cqe->sfp);

	if (unlikely(sfp >> 1))
		cq->failed[sfp >> 9 & 7]++;
}

/**
 * nvme_cq_watch_init() - nothing is watched yet
 * @cq: completion queue
 *
 * Context: set-up thread.
 */
void nvme_cq_watch_init(struct nvme_cq *cq);

/**
 * nvme_sq_count_restart() - start the ring anew, and keep the count of commands
 * @sq: queue; its tail goes to 0
 *
 * Context: owner of @sq.
 */
void nvme_sq_count_restart(struct nvme_sq *sq);

/**
 * nvme_cq_count_restart() - start the ring anew, and keep the count of completions
 * @cq: queue; its head goes to 0
 *
 * Context: owner of @cq.
 */
void nvme_cq_count_restart(struct nvme_cq *cq);

#endif /* BELFRY_SRC_NVME_WATCH_H */

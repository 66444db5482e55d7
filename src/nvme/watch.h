/* SPDX-License-Identifier: MIT */
/*
 * Watched commands, inside the driver: those of nvme_rq_submit(), which have a deadline, a callback
 * or both. While one is the device's, its tracker is NVME_RQ_WATCHED; from its completion to the
 * call, NVME_RQ_COMPLETED or NVME_RQ_KEPT with rq->done set.
 *
 * Times are milliseconds of CLOCK_MONOTONIC_COARSE; a tracker has room for the low 32 bits, of
 * which 0 means none.
 */
#ifndef BELFRY_SRC_NVME_WATCH_H
#define BELFRY_SRC_NVME_WATCH_H

#include <stdint.h>
#include <time.h>

#include <belfry/nvme/poll.h>
#include <belfry/nvme/queue.h>

/* States in which the device has a tracker's command, and somebody waits for it. */
#define NVME_RQ_WITH_DEVICE (NVME_RQ_INFLIGHT | NVME_RQ_WATCHED | NVME_RQ_BY_HAND | NVME_RQ_EVENT)

/* nvme_rq.flags: the deadline has passed, and was reported. */
#define NVME_RQ_F_EXPIRED (1u << 0)

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
	rq->flags = 0;
}

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

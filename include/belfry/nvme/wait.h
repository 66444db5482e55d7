/* SPDX-License-Identifier: MIT */
/*
 * Waiting for completions of a queue, whosever they are; belfry/nvme/queue.h includes it. Waiting for
 * that of one tracker is nvme_rq_wait().
 */
#ifndef BELFRY_NVME_WAIT_H
#define BELFRY_NVME_WAIT_H

#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_cq;
struct nvme_cqe;

/**
 * nvme_cq_spin() - busy-wait until the entry at the head is new
 * @cq: completion queue
 *
 * Nothing is consumed. There is no deadline: see nvme_cq_wait_cqes() for a wait
 * that ends.
 *
 * Context: owner of @cq.
 */
void nvme_cq_spin(struct nvme_cq *cq);

/**
 * nvme_cq_get_cqes() - busy-wait for exactly @n completions
 * @cq: completion queue
 * @cqes: out: @n copies, or NULL
 * @n: how many, 0 or more
 *
 * The doorbell is not written. There is no deadline.
 *
 * Context: owner of @cq.
 */
void nvme_cq_get_cqes(struct nvme_cq *cq, struct nvme_cqe *cqes, int n);

/**
 * nvme_cq_wait_cqes() - wait for @n completions, but not for ever
 * @cq: completion queue
 * @cqes: out: @n copies, or NULL
 * @n: how many, 0 or more
 * @ts: longest wait, relative, on the monotonic clock; NULL for no limit
 *
 * The doorbell is not written.
 *
 * Context: owner of @cq.
 * Return: how many were taken; fewer than @n with ETIMEDOUT, EINVAL @ts is no valid
 *	time, ENODEV the device is gone, or EIO it reports a fatal status (CSTS.CFS). Those
 *	taken are in @cqes.
 */
int nvme_cq_wait_cqes(struct nvme_cq *cq, struct nvme_cqe *cqes, int n, struct timespec *ts);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_WAIT_H */

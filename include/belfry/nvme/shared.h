/* SPDX-License-Identifier: MIT */
/*
 * One submission queue for many threads.
 *
 * Any thread submits and any thread polls; there are no owners. A command is left on a lock-free
 * stack, and whoever gets hold of the queue posts what is there, in order, with one doorbell, and
 * does the polling: at any time one thread is the queue's owner, and none waits for another. So
 * everything that holds for a queue with an owner, deadlines and recovery too, holds for this one.
 *
 * It costs a copy of the command and a few atomic operations more than a queue of one's own, which is
 * to be preferred where there are enough of them.
 */
#ifndef BELFRY_NVME_SHARED_H
#define BELFRY_NVME_SHARED_H

#include <belfry/nvme/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_shared;

/**
 * nvme_shared_create() - share a submission queue
 * @sq: created queue, the only one that completes on its completion queue, with nothing in flight
 *
 * From here on the queues are used by the functions of this header alone, until it is destroyed.
 *
 * Own: nvme_shared_destroy().
 * Context: owner of @sq and of its completion queue.
 * Return: the shared queue, or NULL: EBUSY another queue completes there too, ENOMEM.
 */
struct nvme_shared *nvme_shared_create(struct nvme_sq *sq);

/**
 * nvme_shared_destroy() - give a queue back to an owner
 * @sh: shared queue, nothing in flight; NULL is harmless
 *
 * Context: the thread that is to own the queue; nobody else using it.
 */
void nvme_shared_destroy(struct nvme_shared *sh);

/**
 * nvme_shared_acquire() - take a free tracker
 * @sh: shared queue
 *
 * Own: the caller's until its command has ended, or nvme_rq_release_atomic().
 * Context: any thread.
 * Return: as nvme_rq_acquire_atomic().
 */
struct nvme_rq *nvme_shared_acquire(struct nvme_shared *sh);

/**
 * nvme_shared_post() - leave a command for the next who gets hold of the queue
 * @sh: shared queue
 * @rq: as nvme_shared_submit()
 * @cmd: as nvme_shared_submit()
 * @done: as nvme_shared_submit()
 * @timeout_ms: as nvme_rq_submit()
 *
 * For several commands with one doorbell: the device is told with the next nvme_shared_submit() or
 * nvme_shared_poll() of any thread, so that one of these has to follow.
 *
 * Own: as nvme_shared_submit().
 * Context: any thread; no lock, allocation or syscall.
 */
void nvme_shared_post(struct nvme_shared *sh, struct nvme_rq *rq, union nvme_cmd *cmd,
		      nvme_rq_done_fn done, unsigned int timeout_ms);

/**
 * nvme_shared_submit() - have a command posted, and the device told
 * @sh: shared queue
 * @rq: tracker from nvme_shared_acquire(), opaque set, data mapped
 * @cmd: command; its cid is set
 * @done: called in whichever thread polls when the command has ended; not NULL
 * @timeout_ms: as nvme_rq_submit()
 *
 * @done may submit, also with @rq; it delays whatever else is to be done on the queue. When it
 * returns, the tracker is free again unless it was used for another command.
 *
 * Own: @cmd may go at once; buffers and their mapping must outlive the command.
 * Context: any thread; no lock that is waited for, no allocation. Where nobody else is at the
 *	queue, as nvme_rq_submit() and nvme_sq_update_tail().
 */
void nvme_shared_submit(struct nvme_shared *sh, struct nvme_rq *rq, union nvme_cmd *cmd,
			nvme_rq_done_fn done, unsigned int timeout_ms);

/**
 * nvme_shared_poll() - end the commands that have completed
 * @sh: shared queue
 * @budget: as nvme_cq_poll()
 *
 * What was left by nvme_shared_post() is posted, too.
 *
 * Context: any thread, but not in a callback.
 * Return: how many callbacks this thread called; 0 also while another polls.
 */
int nvme_shared_poll(struct nvme_shared *sh, int budget);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_SHARED_H */

/* SPDX-License-Identifier: MIT */
/*
 * Commands with a deadline and a callback, beside those that a program reaps by hand.
 *
 * A command goes out with nvme_rq_submit(), and nvme_cq_poll() calls its function when it has
 * ended. Each ends exactly once: with the controller's status, or, where the controller did not
 * complete it, with one that says so. The same thread submits to a queue and polls its
 * completion queue.
 *
 *	rq = nvme_rq_acquire(sq);
 *	rq->opaque = io;
 *	nvme_rq_mapv(ctrl, rq, &cmd, iov, niov);
 *	nvme_rq_submit(rq, &cmd, io_done, 0);
 *	nvme_sq_update_tail(sq);
 *	...
 *	nvme_cq_poll(sq->cq, 32);
 *
 * Deadlines are on a clock that is cheap to read and ticks every 1 to 10 ms: a deadline is never
 * too early, and is noticed some ticks late at most, if the thread polls. The clock is looked at in
 * one of a few polls, so that a poll that finds nothing is some ten instructions, and inline.
 */
#ifndef BELFRY_NVME_POLL_H
#define BELFRY_NVME_POLL_H

#include <limits.h>

#include <belfry/nvme/queue.h>
#include <belfry/nvme/rq.h>

#ifdef __cplusplus
extern "C" {
#endif

/* private: cold halves of the inline functions below */
void __nvme_rq_submit_odd(struct nvme_rq *rq, union nvme_cmd *cmd, nvme_rq_done_fn done,
			  unsigned int timeout_ms);
int __nvme_cq_poll_more(struct nvme_cq *cq, int budget);

/* Timeout of a command that may take as long as it likes. */
#define NVME_TIMEOUT_NEVER UINT_MAX

/**
 * nvme_rq_submit() - post a command that ends in a callback or by its deadline; the device is
 *	not told
 * @rq: tracker, acquired; its opaque is the caller's as ever
 * @cmd: command; its cid is set
 * @done: called by nvme_cq_poll() when the command has ended; NULL: none, the completion is
 *	taken as that of nvme_rq_post()
 * @timeout_ms: milliseconds, at most 2^30; 0 for the queue's (nvme_sq.timeout_ms) or the
 *	controller's (nvme_ctrl.timeout_ms), NVME_TIMEOUT_NEVER for none
 *
 * nvme_sq_update_tail() tells the device. The time begins with the first such command since it
 * did so last.
 *
 * When @done returns, the tracker is released (nvme_rq_release()), unless @done has done that
 * itself or has posted the tracker's next command. @done may do whatever the owner of the queues may, but
 * poll, wait, discard or delete them.
 *
 * Own: @cmd may go at once; buffers and their mapping must outlive the command.
 * Context: the owner of the submission queue and of its completion queue; no lock or
 *	allocation; reads a clock (no syscall on common machines) once for all commands of a doorbell,
 *	or for each where the queue's own timeout is NVME_TIMEOUT_NEVER.
 */
static inline void nvme_rq_submit(struct nvme_rq *rq, union nvme_cmd *cmd, nvme_rq_done_fn done,
				  unsigned int timeout_ms)
{
	struct nvme_sq *sq = rq->sq;
	const uint32_t deadline = sq->deadline;

	__nvme_sq_owned(sq);
	__nvme_cq_owned(sq->cq);
	if (unlikely(!deadline || timeout_ms || !done)) {
		__nvme_rq_submit_odd(rq, cmd, done, timeout_ms);
		return;
	}
	rq->done = done;
	rq->deadline = deadline;
	nvme_rq_prep_cmd(rq, cmd);
	rq->state = NVME_RQ_WATCHED;
	__nvme_sq_put(sq, cmd, rq->cid);
}

/**
 * nvme_rq_submit_idempotent() - nvme_rq_submit() of a command that may be carried out twice
 * @rq: as nvme_rq_submit()
 * @cmd: as nvme_rq_submit()
 * @done: as nvme_rq_submit()
 * @timeout_ms: as nvme_rq_submit(); it begins anew when the command is sent again
 *
 * Where the controller is reset before the command has completed, it is sent again instead of
 * ending. It is for the caller to know that this does no harm: reads, and writes of the same data
 * that nobody reads or overwrites meanwhile.
 *
 * Own: as nvme_rq_submit().
 * Context: as nvme_rq_submit(); the first use of a queue allocates.
 * Return: 0, or -1: ENOMEM, and nothing was posted.
 */
int nvme_rq_submit_idempotent(struct nvme_rq *rq, union nvme_cmd *cmd, nvme_rq_done_fn done,
			      unsigned int timeout_ms);

/**
 * nvme_rq_set_timeout() - give a command in flight another deadline
 * @rq: tracker whose command was posted by nvme_rq_submit(), nvme_rq_post() or nvme_rq_exec()
 * @timeout_ms: from now, in milliseconds, at most 2^30; NVME_TIMEOUT_NEVER for none
 *
 * Context: as nvme_rq_submit().
 * Return: 0, or -1: EINVAL no command of @rq is in flight, or @timeout_ms is 0 or too large.
 */
int nvme_rq_set_timeout(struct nvme_rq *rq, unsigned int timeout_ms);

/**
 * nvme_cq_poll() - end the commands that have completed
 * @cq: completion queue
 * @budget: most callbacks to call, 0 or more. With 0 none is called, and the clock is looked at
 *	for certain: for a thread that polls when nothing has happened for a while
 *
 * The device is told what was taken. Completions of other commands than those with a callback are
 * kept for nvme_cq_get_cqe() and for waits. Expired deadlines are noticed by the eighth call
 * after them at the latest; by the 128th where the calls before came so fast that the clock did not
 * tick in as many.
 *
 * Context: owner of @cq and of its submission queues; no lock or allocation while every
 *	command of the queue has a callback and none expires.
 * Return: how many callbacks were called; 0 with ENOMEM where completions of others cannot be
 *	kept (they stay in the queue). errno is left alone otherwise.
 */
static inline int nvme_cq_poll(struct nvme_cq *cq, int budget)
{
	__nvme_cq_owned(cq);
	/* With nothing there, as most polls find it, this is all. */
	if (likely(--cq->polls && budget && !__nvme_cq_ready(cq, nvme_cq_head(cq))))
		return 0;
	return __nvme_cq_poll_more(cq, budget);
}

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_POLL_H */

/* SPDX-License-Identifier: MIT */
/*
 * Trackers and kept completions, inside the driver.
 */
#ifndef BELFRY_SRC_NVME_RQ_H
#define BELFRY_SRC_NVME_RQ_H

#include <stdint.h>

#include <belfry/nvme/rq.h>

#include "support/deadline.h"

/* A command that may be sent again. */
struct nvme_again {
	union nvme_cmd cmd;
	unsigned int timeout_ms;
};

/* In a completion of ours: its submission queue is gone. No queue has this qid. */
#define NVME_SQID_NONE 0xffffu

/* Completions without a tracker are kept while no more than this many are kept in all. */
#define NVME_STRANGERS_MAX 65536

/* Completions in a row that are dropped, before those who take them are let go; as a queue holds. */
#define NVME_FLOOD 65536

/**
 * nvme_cqe_is_flood() - does a completion say that nothing but such as are dropped come
 * @cqe: what __nvme_cq_take() gave
 *
 * Context: owner of the queue.
 * Return: true when there is nothing else for now.
 */
static inline bool nvme_cqe_is_flood(const struct nvme_cqe *cqe)
{
	return le16_to_cpu(cqe->sqid) == NVME_SQID_NONE;
}

/**
 * nvme_rqs_init() - make the trackers of a queue
 * @sq: queue with qsize and id set
 * @ctrl: its controller, config.mps set
 *
 * List pages come in blocks, as trackers are used for the first time; the first
 * block is allocated here.
 *
 * Own: nvme_rqs_exit().
 * Context: set-up thread.
 * Return: 0, or -1: ENOMEM or as nvme_dma_alloc(); nothing is left behind.
 */
int nvme_rqs_init(struct nvme_sq *sq, struct nvme_ctrl *ctrl);

/**
 * nvme_rqs_exit() - free the trackers of a queue
 * @sq: queue that the controller does not have any more
 *
 * Context: set-up thread.
 */
void nvme_rqs_exit(struct nvme_sq *sq);

/**
 * nvme_rqs_park() - set the list pages of a queue aside until the controller is disabled
 * @sq: queue; its trackers have no pages any more
 *
 * Context: set-up thread.
 */
void nvme_rqs_park(struct nvme_sq *sq);

/**
 * nvme_rqs_restart() - what a controller reset does to trackers
 * @sq: queue
 *
 * Quarantined ones and those of event requests are free again; the others stay
 * their callers' and know that their command is gone.
 *
 * Context: set-up thread.
 */
void nvme_rqs_restart(struct nvme_sq *sq);

/**
 * nvme_rq_again() - where a tracker's command is kept for another time
 * @rq: tracker
 *
 * Context: owner of the submission queue; the first call for a queue allocates.
 * Return: the place, or NULL: ENOMEM.
 */
struct nvme_again *nvme_rq_again(struct nvme_rq *rq);

/**
 * nvme_rq_push() - put a tracker on the free stack, whoever else uses it
 * @rq: tracker
 *
 * Context: any thread.
 */
void nvme_rq_push(struct nvme_rq *rq);

/**
 * nvme_rq_of() - the tracker that a completion names
 * @cq: queue it was taken from
 * @cqe: completion
 *
 * NVME_CID_AER counts as set by us on the admin queue.
 *
 * Context: owner of @cq.
 * Return: the tracker, in whatever state, or NULL when the completion names none of ours.
 */
struct nvme_rq *nvme_rq_of(struct nvme_cq *cq, const struct nvme_cqe *cqe);

/**
 * nvme_kept_reserve() - make sure that nvme_kept_add() will succeed
 * @cq: completion queue
 *
 * Context: owner of @cq; may allocate.
 * Return: 0, or -1: ENOMEM.
 */
int nvme_kept_reserve(struct nvme_cq *cq);

/**
 * nvme_kept_add() - keep a completion for whom it belongs to
 * @cq: completion queue, after nvme_kept_reserve()
 * @rq: its tracker, NVME_RQ_COMPLETED, or NULL for a command without one
 * @cqe: completion
 *
 * Context: owner of @cq.
 */
void nvme_kept_add(struct nvme_cq *cq, struct nvme_rq *rq, const struct nvme_cqe *cqe);

/**
 * nvme_cq_keep() - keep a completion that was taken for whom it belongs to
 * @cq: completion queue, after nvme_kept_reserve()
 * @cqe: completion
 *
 * One without a tracker is dropped and counted when too many are kept.
 *
 * Context: owner of @cq.
 */
void nvme_cq_keep(struct nvme_cq *cq, const struct nvme_cqe *cqe);

/**
 * nvme_kept_take() - take the completion that was kept for a tracker
 * @rq: tracker, NVME_RQ_KEPT; NVME_RQ_COMPLETED afterwards
 * @cqe_copy: out; may be NULL
 *
 * Context: owner of the completion queue.
 */
void nvme_kept_take(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);

/**
 * nvme_kept_take_watched() - take the first kept completion that a callback waits for
 * @cq: completion queue, of which something is kept
 * @cqe_copy: out
 *
 * Context: owner of @cq.
 * Return: its tracker, NVME_RQ_COMPLETED, or NULL when there is none.
 */
struct nvme_rq *nvme_kept_take_watched(struct nvme_cq *cq, struct nvme_cqe *cqe_copy);

/**
 * nvme_sq_owner() - where it is kept who owns a submission queue
 * @sq: submission queue
 *
 * Context: any thread, @sq not being configured or discarded.
 * Return: of @sq; NULL where it is not configured.
 */
struct nvme_owner *nvme_sq_owner(const struct nvme_sq *sq);

/**
 * nvme_cq_disown() - take what the ring still holds of a submission queue that goes out of it
 * @cq: completion queue
 * @sq: submission queue that the controller does not have any more
 *
 * It must not complete a command of the next queue of that qid.
 *
 * Context: set-up thread, nobody else using @cq.
 */
void nvme_cq_disown(struct nvme_cq *cq, const struct nvme_sq *sq);

/**
 * nvme_kept_disown() - forget the kept completions of a submission queue that goes
 * @cq: completion queue
 * @sq: submission queue
 *
 * Context: set-up thread, nobody else using @cq.
 */
void nvme_kept_disown(struct nvme_cq *cq, const struct nvme_sq *sq);

/**
 * nvme_kept_exit() - free the place of kept completions
 * @cq: completion queue that goes; so do its submission queues
 *
 * Context: set-up thread.
 */
void nvme_kept_exit(struct nvme_cq *cq);

/**
 * nvme_kept_restart() - forget every kept completion, unless a callback waits for it
 * @cq: completion queue
 *
 * The trackers of kept events are free again; the others' command is canceled.
 *
 * Context: set-up thread.
 */
void nvme_kept_restart(struct nvme_cq *cq);

/* What a look at the completion queue on behalf of one tracker brought. */
enum nvme_reap {
	NVME_REAP_NOTHING,
	NVME_REAP_MINE,	 /* the completion is in the copy */
	NVME_REAP_OTHER, /* another's, kept; a copy is in the copy */
	NVME_REAP_ERROR, /* errno says why there will be none */
};

/**
 * nvme_rq_reap() - look once for a tracker's completion
 * @rq: tracker
 * @cqe_copy: out: the completion taken
 *
 * Takes at most one completion from the queue, and tells the device.
 *
 * Context: owner of the completion queue.
 * Return: see enum nvme_reap; errno with NVME_REAP_ERROR as nvme_rq_spin().
 */
enum nvme_reap nvme_rq_reap(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);

/**
 * nvme_sq_untold() - has a queue commands that the device was not told of
 * @sq: queue
 *
 * Context: any thread; a guess where it is not the owner of @sq.
 * Return: true if nvme_sq_update_tail() has something to do.
 */
bool nvme_sq_untold(const struct nvme_sq *sq);

/**
 * struct nvme_wait - a wait for the device
 * @tp: transport
 * @cq: queue that is waited on, whose owner takes part in recovery meanwhile
 * @deadline: when to give up, DEADLINE_NEVER for not at all
 * @started: when it began; 0 before the first step
 * @check_at: when to look at CSTS next
 * @backoff: pauses
 */
struct nvme_wait {
	struct transport *tp;
	struct nvme_cq *cq;
	uint64_t deadline;
	uint64_t started;
	uint64_t check_at;
	struct backoff backoff;
};

/**
 * nvme_wait_step() - one pause in a wait for the device
 * @w: wait; tp, cq and deadline set, the rest zero at its start
 *
 * Spins first, then yields, and sleeps when the wait has become long. Looks at CSTS now and
 * then, and moves the ladder on.
 *
 * Context: owner of the queue; any thread where it is the admin queue, whose lock is not held.
 * Return: 0 go on, or -1: ETIMEDOUT, ENODEV the device is gone, EIO CSTS.CFS is set.
 */
int nvme_wait_step(struct nvme_wait *w);

#endif /* BELFRY_SRC_NVME_RQ_H */

/* SPDX-License-Identifier: MIT */
/*
 * The ladder, inside the driver. It has two halves. The controller's (recover.c) is a state machine
 * that any thread may move on, under recover.lock. A queue's (follow.c) belongs to the owner of the
 * queue: it sees by recover.gen that the controller goes down (odd) or is up again (even), and does
 * to its own rings what has to be done.
 */
#ifndef BELFRY_SRC_NVME_RECOVER_H
#define BELFRY_SRC_NVME_RECOVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <belfry/nvme/recover.h>

#include "nvme/op.h"

/* Abort commands at the same time, whatever more the controller takes (ACL). */
#define NVME_NR_ABORTS 8

/* Events of one step. */
#define NVME_NR_NEWS 16

/* An Abort under way. Its target is not handed out before it has ended: it could hit the next. */
struct nvme_abort {
	struct nvme_op op;
	struct nvme_rq *target; /* read by its owner, and compared only; NULL: free */
	int sqid;
	uint16_t cid;
};

/**
 * struct nvme_recover - the controller's half
 * @lock: guards what follows, but what others read: @state, @gen, @nr_expired, @err
 * @opts: in force, with all times filled in
 * @state: of enum nvme_ctrl_state
 * @gen: even while the controller is up, odd while it is not; one more each time
 * @nr_expired: commands past their deadline that have not ended
 * @err: why it is dead
 * @deadline_ms: end of the present state
 * @not_before_ms: when to look at CSTS first
 * @resets: attempts since the last success
 * @setup: what is being set up, see nvme_setup_cmd()
 * @function_reset: the function was reset in this attempt
 * @op: of @setup
 * @aborts: Aborts under way
 * @news: to be told when the lock is released
 * @nr_news: how many
 */
struct nvme_recover {
	pthread_mutex_t lock;
	struct nvme_recovery_opts opts;
	uint32_t state;
	uint32_t gen;
	uint32_t nr_expired;
	int err;
	uint64_t deadline_ms;
	uint64_t not_before_ms;
	unsigned int resets;
	unsigned int setup;
	bool function_reset;
	struct nvme_op op;
	struct nvme_abort aborts[NVME_NR_ABORTS];
	struct nvme_recovery_info news[NVME_NR_NEWS];
	unsigned int nr_news;
};

/**
 * nvme_recover_init() - at the foot of the ladder
 * @r: out
 *
 * Own: nvme_recover_exit().
 * Context: set-up thread.
 */
void nvme_recover_init(struct nvme_recover *r);

/**
 * nvme_recover_exit() - undo nvme_recover_init()
 * @r: ladder
 *
 * Context: set-up thread.
 */
void nvme_recover_exit(struct nvme_recover *r);

/**
 * nvme_recover_step() - move the ladder on, if there is something to do and nobody else is at it
 * @ctrl: controller
 *
 * Context: any thread; does not block.
 */
void nvme_recover_step(struct nvme_ctrl *ctrl);

/**
 * nvme_recover_expired() - a deadline has passed
 * @ctrl: controller
 * @rq: tracker, NVME_RQ_WATCHED or NVME_RQ_MARKED; NVME_RQ_MARKED afterwards
 *
 * The first time it is given an Abort or else the grace, the second time the controller is reset.
 *
 * Context: owner of @rq's completion queue; takes the lock.
 * Return: milliseconds until the next deadline of @rq, or 0 for none.
 */
unsigned int nvme_recover_expired(struct nvme_ctrl *ctrl, struct nvme_rq *rq);

/**
 * nvme_recover_ended() - a command that was past its deadline has ended
 * @rq: tracker
 *
 * Context: owner of @rq's completion queue.
 */
void nvme_recover_ended(struct nvme_rq *rq);

/**
 * nvme_recover_aborting() - is an Abort under way for a tracker's command
 * @rq: tracker
 *
 * Context: owner of @rq's completion queue.
 * Return: true while it is.
 */
bool nvme_recover_aborting(const struct nvme_rq *rq);

/**
 * nvme_recover_broken() - the device is not in a state to answer
 * @ctrl: controller
 * @err: ENODEV it is gone, EIO it reports a fatal status
 *
 * Context: any thread; takes the lock.
 */
void nvme_recover_broken(struct nvme_ctrl *ctrl, int err);

/**
 * nvme_recover_queue() - the owner of a queue has made it anew, or could not
 * @ctrl: controller
 * @sqid: submission queue
 * @ok: it has; otherwise the controller is reset again
 *
 * Context: owner of the queue; takes the lock.
 */
void nvme_recover_queue(struct nvme_ctrl *ctrl, int sqid, bool ok);

/**
 * nvme_recover_for() - nvme_recover(), with the reason for the log
 * @ctrl: as nvme_recover()
 * @why: what has happened
 *
 * Context: as nvme_recover().
 * Return: as nvme_recover().
 */
int nvme_recover_for(struct nvme_ctrl *ctrl, const char *why);

/**
 * nvme_recover_forget() - the controller was reset by hand
 * @ctrl: controller, disabled; its queues are as new
 *
 * Context: set-up thread, nobody polling.
 */
void nvme_recover_forget(struct nvme_ctrl *ctrl);

/**
 * nvme_ctrl_is_down() - may no admin command be sent but by the ladder itself
 * @ctrl: controller
 *
 * Context: any thread.
 * Return: 0, or -1: EAGAIN it is being reset, ENODEV or EIO it is dead.
 */
int nvme_ctrl_is_down(const struct nvme_ctrl *ctrl);

#endif /* BELFRY_SRC_NVME_RECOVER_H */

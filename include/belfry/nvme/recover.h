/* SPDX-License-Identifier: MIT */
/*
 * What happens when a controller does not do its work: the ladder.
 *
 *	deadline passes -> Abort -> grace -> controller reset -> queues made anew ->
 *	what was in flight ends, or is sent again
 *
 * It has no thread. Whoever polls a queue (nvme_cq_poll(), nvme_rq_wait(), nvme_sync()) moves it
 * on by a step that does not block, and takes its own queues through a reset: so each queue
 * is touched by its owner alone, always. Every state has an end in time.
 *
 * A command that a reset ended without the controller's word has the status NVM_SC_HOST_ABORTED,
 * one that ended with the controller NVM_SC_HOST_PATH. In the first case the device does not touch
 * its buffers any more. In the second neither, if it is gone; one that could not be disabled may,
 * and they have to stay until nvme_close().
 */
#ifndef BELFRY_NVME_RECOVER_H
#define BELFRY_NVME_RECOVER_H

#include <stdint.h>

#include <belfry/nvme/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum nvme_ctrl_state - where on the ladder a controller is
 * @NVME_CTRL_LIVE: nothing is wrong
 * @NVME_CTRL_ABORTING: commands are past their deadline; they have been given an Abort, where that
 *	is possible, and the grace
 * @NVME_CTRL_FREEZING: it is going to be reset; the owners of the queues stop ringing
 * @NVME_CTRL_DISABLING: CC.EN is 0, CSTS.RDY is awaited to be
 * @NVME_CTRL_ENABLING: CC.EN is 1, CSTS.RDY is awaited to be
 * @NVME_CTRL_SETTING_UP: it is told again what it was told after nvme_init(); then it is live, and the
 *	owners make their queues anew
 * @NVME_CTRL_DEAD: it is gone, or could not be reset. All commands end at once
 */
enum nvme_ctrl_state {
	NVME_CTRL_LIVE,
	NVME_CTRL_ABORTING,
	NVME_CTRL_FREEZING,
	NVME_CTRL_DISABLING,
	NVME_CTRL_ENABLING,
	NVME_CTRL_SETTING_UP,
	NVME_CTRL_DEAD,
};

/**
 * enum nvme_recovery_event - what a program may want to know of
 * @NVME_RECOVERY_TIMEOUT: the deadline of a command has passed; rq is its tracker
 * @NVME_RECOVERY_ABORT_SENT: an Abort for it is under way
 * @NVME_RECOVERY_ABORTED: the controller says that it has aborted the command
 * @NVME_RECOVERY_NOT_ABORTED: it says that it has not
 * @NVME_RECOVERY_FATAL: it reports a fatal status (CSTS.CFS)
 * @NVME_RECOVERY_RESET: it is going to be reset
 * @NVME_RECOVERY_LIVE: the reset has succeeded; the queues follow
 * @NVME_RECOVERY_QUEUE: a queue has been made anew; sqid is that of one that completes on it
 * @NVME_RECOVERY_DEAD: the controller is given up on; err says why: ENODEV it is gone
 */
enum nvme_recovery_event {
	NVME_RECOVERY_TIMEOUT,
	NVME_RECOVERY_ABORT_SENT,
	NVME_RECOVERY_ABORTED,
	NVME_RECOVERY_NOT_ABORTED,
	NVME_RECOVERY_FATAL,
	NVME_RECOVERY_RESET,
	NVME_RECOVERY_LIVE,
	NVME_RECOVERY_QUEUE,
	NVME_RECOVERY_DEAD,
};

/**
 * struct nvme_recovery_info - an event
 * @event: what
 * @sqid: submission queue; -1 where it is about the controller
 * @cid: command, where it is about one
 * @rq: its tracker, in NVME_RECOVERY_TIMEOUT: to look at only; NULL otherwise
 * @err: errno of a failure, or 0
 */
struct nvme_recovery_info {
	enum nvme_recovery_event event;
	int sqid;
	uint16_t cid;
	struct nvme_rq *rq;
	int err;
};

/**
 * typedef nvme_recovery_fn - told of each step of the ladder
 * @ctrl: controller
 * @info: what has happened; valid only during the call
 * @arg: from struct nvme_recovery_opts
 *
 * Called by whichever thread polls, by several at once where several queues are concerned, without
 * a lock held. It must not poll, wait, or close.
 */
typedef void (*nvme_recovery_fn)(struct nvme_ctrl *ctrl, const struct nvme_recovery_info *info,
				 void *arg);

/**
 * enum nvme_recovery_flags - rungs to leave out
 * @NVME_RECOVERY_NO_ABORT: no Abort: the grace, and then a reset
 * @NVME_RECOVERY_NO_RESET: no reset: after the grace a command simply stays in flight. What else may
 *	happen to it is up to the program
 */
enum nvme_recovery_flags {
	NVME_RECOVERY_NO_ABORT = 1 << 0,
	NVME_RECOVERY_NO_RESET = 1 << 1,
};

/**
 * struct nvme_recovery_opts - how a controller recovers
 * @fn: told of what happens, or NULL
 * @arg: for @fn
 * @flags: of enum nvme_recovery_flags
 * @grace_ms: how long after its deadline a command may still end by itself or by an Abort, and how
 *	long an Abort may take; 0 for NVME_RECOVERY_GRACE_MS
 * @freeze_ms: how long a reset waits for owners of queues that do not poll; 0 for
 *	NVME_RECOVERY_FREEZE_MS
 * @max_resets: attempts before the controller is given up on; 0 for NVME_RECOVERY_MAX_RESETS
 */
struct nvme_recovery_opts {
	nvme_recovery_fn fn;
	void *arg;
	unsigned int flags;
	unsigned int grace_ms;
	unsigned int freeze_ms;
	unsigned int max_resets;
};

#define NVME_RECOVERY_GRACE_MS	 2000
#define NVME_RECOVERY_FREEZE_MS	 200
#define NVME_RECOVERY_MAX_RESETS 3

/**
 * nvme_set_recovery() - say how a controller recovers
 * @ctrl: open controller
 * @opts: the structure is copied; NULL for the whole ladder and the times above, which is what
 *	nvme_init() begins with
 *
 * Context: set-up thread, nobody polling.
 * Return: 0, or -1: EINVAL an unknown flag, or a time of more than 2^30 ms.
 */
int nvme_set_recovery(struct nvme_ctrl *ctrl, const struct nvme_recovery_opts *opts);

/**
 * nvme_ctrl_get_state() - where on the ladder is a controller
 * @ctrl: open controller
 *
 * Context: any thread.
 * Return: of &enum nvme_ctrl_state.
 */
enum nvme_ctrl_state nvme_ctrl_get_state(const struct nvme_ctrl *ctrl);

/**
 * nvme_ctrl_state_name() - a state in words
 * @state: of &enum nvme_ctrl_state
 *
 * Context: any; pure.
 * Return: text, "unknown" where there is no such state.
 */
const char *nvme_ctrl_state_name(enum nvme_ctrl_state state);

/**
 * nvme_recovery_event_name() - an event in words
 * @event: of &enum nvme_recovery_event
 *
 * Context: any; pure.
 * Return: text, "unknown" where there is no such event.
 */
const char *nvme_recovery_event_name(enum nvme_recovery_event event);

/**
 * nvme_recover() - start the ladder at the reset
 * @ctrl: controller, live
 *
 * For a program that has found out for itself that the controller must be reset, while others
 * use it. The reset is done by those who poll.
 *
 * Context: any thread; does not block for long.
 * Return: 0, also when it is being reset already; or -1: EPERM NVME_RECOVERY_NO_RESET is set,
 *	EINVAL there are no admin queues, or ENODEV or EIO: it is dead.
 */
int nvme_recover(struct nvme_ctrl *ctrl);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_RECOVER_H */

/* SPDX-License-Identifier: MIT */
/*
 * The ladder, the controller's half: a state machine that is moved on by those who poll. No step
 * blocks, and each state has an end in time, after which the ladder goes up one rung. What it does
 * to queues is left to their owners (follow.c), but for the admin queues, which nobody owns and the
 * admin lock guards.
 *
 * Locks: recover.lock, then admin_lock.
 */
#include "nvme/recover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/support/log.h>

#include "nvme/follow.h"
#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/setup.h"
#include "nvme/watch.h"
#include "support/errno.h"

/* A command waits so long for its turn when as many Aborts are out as may be. */
#define ABORT_RETRY_MS 10

/* Admin commands of the setting up take no longer than this. */
#define SETUP_MS 5000

static void set_state(struct nvme_recover *r, enum nvme_ctrl_state state, uint64_t ms)
{
	r->deadline_ms = nvme_coarse_ms() + ms;
	r->not_before_ms = 0;
	atomic_store_release(&r->state, state);
}

static void tell(struct nvme_recover *r, struct nvme_recovery_info info)
{
	if (r->nr_news < NVME_NR_NEWS)
		r->news[r->nr_news++] = info;
}

static void tell_ctrl(struct nvme_recover *r, enum nvme_recovery_event event, int err)
{
	tell(r, (struct nvme_recovery_info){.event = event, .sqid = -1, .err = err});
}

/* The program may call us from its function, so it is called without the lock. */
static void unlock_and_tell(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	struct nvme_recovery_info news[NVME_NR_NEWS];
	unsigned int nr = r->nr_news;

	memcpy(news, r->news, nr * sizeof(news[0]));
	r->nr_news = 0;
	pthread_mutex_unlock(&r->lock);

	for (unsigned int i = 0; i < nr; i++) {
		if (news[i].sqid < 0)
			log_info("%s: %s\n", ctrl->pci.bdf,
				 nvme_recovery_event_name(news[i].event));
		else
			log_info("%s: sq %d cid %u: %s\n", ctrl->pci.bdf, news[i].sqid, news[i].cid,
				 nvme_recovery_event_name(news[i].event));
		if (r->opts.fn)
			r->opts.fn(ctrl, &news[i], r->opts.arg);
	}
}

static void drop_ops(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	nvme_op_drop(ctrl, &r->op);
	for (int i = 0; i < NVME_NR_ABORTS; i++) {
		nvme_op_drop(ctrl, &r->aborts[i].op);
		atomic_store_release(&r->aborts[i].target, (struct nvme_rq *)NULL);
	}
}

static void die(struct nvme_ctrl *ctrl, struct nvme_recover *r, int err)
{
	log_error("%s: the controller is given up on: %s\n", ctrl->pci.bdf, strerror(err));
	drop_ops(ctrl, r);
	r->err = err;
	set_state(r, NVME_CTRL_DEAD, 0);
	if (!(r->gen & 1))
		atomic_store_release(&r->gen, r->gen + 1);
	tell_ctrl(r, NVME_RECOVERY_DEAD, err);
}

static void begin_reset(struct nvme_ctrl *ctrl, struct nvme_recover *r, const char *why)
{
	if (r->state >= NVME_CTRL_FREEZING || r->opts.flags & NVME_RECOVERY_NO_RESET)
		return;
	r->function_reset = false;
	nvme_ctrl_count(ctrl, NVME_COUNT_RESETS);
	log_error("%s: the controller is reset: %s\n", ctrl->pci.bdf, why);
	set_state(r, NVME_CTRL_FREEZING, r->opts.freeze_ms);
	/* Odd: owners let go of their doorbells. */
	atomic_store_release(&r->gen, r->gen + 1);
	tell_ctrl(r, NVME_RECOVERY_RESET, 0);
}

/* ---- reset ---- */

static void disable(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	uint32_t cc;

	/* Whether it was ready already does not matter any more: it had its time. */
	if (nvme_reg_read32(ctrl, NVM_REG_CC, &cc) ||
	    nvme_reg_write32(ctrl, NVM_REG_CC, cc & ~NVM_SET(1u, CC_EN))) {
		die(ctrl, r, ENODEV);
		return;
	}
	set_state(r, NVME_CTRL_DISABLING, nvme_ready_ms(ctrl));
	r->not_before_ms = nvme_coarse_ms() + nvme_ready_delay_ms(ctrl);
}

static void retry(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	nvme_ctrl_count(ctrl, NVME_COUNT_ATTEMPTS_FAILED);
	drop_ops(ctrl, r);
	if (++r->resets >= r->opts.max_resets)
		die(ctrl, r, EIO);
	else
		disable(ctrl, r);
}

static void step_freezing(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	/*
	 * One that does not poll may ring a queue that is not there, which the controller ignores.
	 * Its queue is made anew by itself, so that no old doorbell can meet a new queue.
	 */
	if (!nvme_all_frozen(ctrl, r->gen) && nvme_coarse_ms() < r->deadline_ms)
		return;
	drop_ops(ctrl, r);
	disable(ctrl, r);
}

/* It does no DMA now. */
static void enable(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	ctrl->priv->enabled = false;
	ctrl->priv->has_dbbuf = false;

	/* A program with rings of its own may have none. */
	if (!ctrl->adminq.cq || !ctrl->adminq.sq) {
		log_error("%s: there are no admin queues to recover with\n", ctrl->pci.bdf);
		die(ctrl, r, EIO);
		return;
	}
	pthread_mutex_lock(&ctrl->priv->admin_lock);
	nvme_cq_restart(ctrl->adminq.cq);
	nvme_sq_restart(ctrl, ctrl->adminq.sq);
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
	nvme_unpark_all(ctrl);

	if (nvme_program_adminq(ctrl) || nvme_enable_start(ctrl)) {
		die(ctrl, r, ENODEV);
		return;
	}
	set_state(r, NVME_CTRL_ENABLING, nvme_ready_ms(ctrl));
	r->not_before_ms = nvme_coarse_ms() + nvme_ready_delay_ms(ctrl);
}

static void step_disabling(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	struct transport *tp = ctrl->pci.dev.transport;
	uint32_t csts;

	if (nvme_reg_read32(ctrl, NVM_REG_CSTS, &csts)) {
		die(ctrl, r, ENODEV);
	} else if (!NVM_GET(csts, CSTS_RDY)) {
		enable(ctrl, r);
	} else if (nvme_coarse_ms() < r->deadline_ms) {
		return;
	} else if (!r->function_reset && tp->ops->reset && !tp->ops->reset(tp)) {
		r->function_reset = true;
		disable(ctrl, r);
	} else {
		nvme_ctrl_count(ctrl, NVME_COUNT_ATTEMPTS_FAILED);
		die(ctrl, r, EIO);
	}
}

static void step_enabling(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	uint32_t csts;

	if (nvme_reg_read32(ctrl, NVM_REG_CSTS, &csts)) {
		die(ctrl, r, ENODEV);
	} else if (NVM_GET(csts, CSTS_RDY) && !NVM_GET(csts, CSTS_CFS)) {
		r->setup = 0;
		set_state(r, NVME_CTRL_SETTING_UP, (uint64_t)NVME_NR_SETUPS * SETUP_MS);
	} else if (NVM_GET(csts, CSTS_CFS) || nvme_coarse_ms() >= r->deadline_ms) {
		retry(ctrl, r);
	}
}

static void live(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	nvme_ctrl_count(ctrl, NVME_COUNT_RECOVERED);
	set_state(r, NVME_CTRL_LIVE, 0);
	/* Even: owners make their queues anew. */
	atomic_store_release(&r->gen, r->gen + 1);
	tell_ctrl(r, NVME_RECOVERY_LIVE, 0);
}

/* One admin command after the other. */
static void step_setting_up(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	union nvme_cmd cmd;

	if (r->op.rq) {
		enum nvme_op_state op = nvme_op_check(ctrl, &r->op);

		if (op == NVME_OP_PENDING)
			return;
		if (op == NVME_OP_FAILED || nvme_setup_end(ctrl, r->setup, &r->op.cqe)) {
			retry(ctrl, r);
			return;
		}
		r->setup++;
	}
	while (r->setup < NVME_NR_SETUPS && !nvme_setup_cmd(ctrl, r->setup, &cmd))
		r->setup++;
	if (r->setup == NVME_NR_SETUPS)
		live(ctrl, r);
	else if (nvme_op_start(ctrl, &r->op, &cmd, SETUP_MS) && nvme_coarse_ms() >= r->deadline_ms)
		retry(ctrl, r);
}

/* ---- Abort ---- */

/* Aborts that the controller takes at once. */
static int abort_limit(const struct nvme_ctrl *ctrl)
{
	return ctrl->priv->acl + 1 < NVME_NR_ABORTS ? ctrl->priv->acl + 1 : NVME_NR_ABORTS;
}

/* False when it has to wait for its turn. */
static bool send_abort(struct nvme_ctrl *ctrl, struct nvme_recover *r, struct nvme_rq *rq)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_ABORT};

	cmd.cdw10 = cpu_to_le32(NVM_SET((uint32_t)rq->sq->id, ABORT_SQID) |
				NVM_SET((uint32_t)rq->cid, ABORT_CID));
	for (int i = 0; i < abort_limit(ctrl); i++) {
		struct nvme_abort *abort = &r->aborts[i];

		if (abort->target)
			continue;
		if (nvme_op_start(ctrl, &abort->op, &cmd, r->opts.grace_ms))
			return false;
		abort->sqid = rq->sq->id;
		abort->cid = rq->cid;
		atomic_store_release(&abort->target, rq);
		nvme_ctrl_count(ctrl, NVME_COUNT_ABORTS);
		tell(r, (struct nvme_recovery_info){.event = NVME_RECOVERY_ABORT_SENT,
						    .sqid = rq->sq->id,
						    .cid = rq->cid});
		return true;
	}
	return false;
}

static void abort_ended(struct nvme_ctrl *ctrl, struct nvme_recover *r, struct nvme_abort *abort)
{
	bool done = nvme_cqe_ok(&abort->op.cqe) &&
		    !NVM_GET(le32_to_cpu(abort->op.cqe.dw0), ABORT_NOT_ABORTED);

	nvme_ctrl_count(ctrl, done ? NVME_COUNT_ABORTED : NVME_COUNT_NOT_ABORTED);
	tell(r, (struct nvme_recovery_info){.event = done ? NVME_RECOVERY_ABORTED
							  : NVME_RECOVERY_NOT_ABORTED,
					    .sqid = abort->sqid,
					    .cid = abort->cid});
	atomic_store_release(&abort->target, (struct nvme_rq *)NULL);
}

static void step_aborting(struct nvme_ctrl *ctrl, struct nvme_recover *r)
{
	int under_way = 0;

	for (int i = 0; i < NVME_NR_ABORTS; i++) {
		struct nvme_abort *abort = &r->aborts[i];

		if (!abort->target)
			continue;
		switch (nvme_op_check(ctrl, &abort->op)) {
		case NVME_OP_DONE:
			abort_ended(ctrl, r, abort);
			break;
		case NVME_OP_PENDING:
			under_way++;
			break;
		case NVME_OP_FAILED:
			nvme_ctrl_count(ctrl, NVME_COUNT_ABORTS_FAILED);
			atomic_store_release(&abort->target, (struct nvme_rq *)NULL);
			begin_reset(ctrl, r, "an Abort is not answered");
			return;
		}
	}
	if (!under_way && !atomic_load_acquire(&r->nr_expired))
		set_state(r, NVME_CTRL_LIVE, 0);
}

/* The controller may be innocent: what it was never told of, it cannot complete. */
static void reset_for(struct nvme_ctrl *ctrl, struct nvme_recover *r, const struct nvme_rq *rq)
{
	char why[160];

	snprintf(why, sizeof(why), "sq %d cid %u did not end within its deadline and the grace%s",
		 rq->sq->id, rq->cid,
		 nvme_sq_untold(rq->sq)
			 ? "; the queue has commands that nvme_sq_update_tail() did not tell of"
			 : "");
	begin_reset(ctrl, r, why);
}

unsigned int nvme_recover_expired(struct nvme_ctrl *ctrl, struct nvme_rq *rq)
{
	struct nvme_recover *r = &ctrl->priv->recover;
	bool first = !(rq->flags & NVME_RQ_F_EXPIRED);
	unsigned int next = 0;

	pthread_mutex_lock(&r->lock);
	if (first) {
		nvme_ctrl_count(ctrl, NVME_COUNT_TIMEOUTS);
		rq->state = NVME_RQ_MARKED;
		rq->flags |= NVME_RQ_F_EXPIRED;
		/* Without a callback its tracker is released by whoever takes the completion, Abort
		 * or not. */
		if (rq->done && !(r->opts.flags & NVME_RECOVERY_NO_ABORT))
			rq->flags |= NVME_RQ_F_WANT_ABORT;
		atomic_inc(&r->nr_expired);
		tell(r, (struct nvme_recovery_info){.event = NVME_RECOVERY_TIMEOUT,
						    .sqid = rq->sq->id,
						    .cid = rq->cid,
						    .rq = rq});
	}
	if (r->state == NVME_CTRL_LIVE)
		set_state(r, NVME_CTRL_ABORTING, 4ull * r->opts.grace_ms);

	if (r->state != NVME_CTRL_ABORTING) {
		/* The reset will end it. */
	} else if (rq->flags & NVME_RQ_F_WANT_ABORT && send_abort(ctrl, r, rq)) {
		rq->flags ^= NVME_RQ_F_WANT_ABORT | NVME_RQ_F_ABORTING;
		next = r->opts.grace_ms;
	} else if (rq->flags & NVME_RQ_F_WANT_ABORT && nvme_coarse_ms() < r->deadline_ms) {
		next = ABORT_RETRY_MS;
	} else if (first) {
		next = r->opts.grace_ms;
	} else {
		reset_for(ctrl, r, rq);
	}
	unlock_and_tell(ctrl, r);
	return next;
}

void nvme_recover_ended(struct nvme_rq *rq)
{
	atomic_dec(&rq->sq->cq->ctrl->priv->recover.nr_expired);
}

bool nvme_recover_aborting(const struct nvme_rq *rq)
{
	struct nvme_recover *r = &rq->sq->cq->ctrl->priv->recover;

	for (int i = 0; i < NVME_NR_ABORTS; i++) {
		if (atomic_load_acquire(&r->aborts[i].target) == rq)
			return true;
	}
	return false;
}

/* ---- entry points ---- */

void nvme_recover_step(struct nvme_ctrl *ctrl)
{
	static void (*const steps[])(struct nvme_ctrl *, struct nvme_recover *) = {
		[NVME_CTRL_ABORTING] = step_aborting,	  [NVME_CTRL_FREEZING] = step_freezing,
		[NVME_CTRL_DISABLING] = step_disabling,	  [NVME_CTRL_ENABLING] = step_enabling,
		[NVME_CTRL_SETTING_UP] = step_setting_up,
	};
	struct nvme_recover *r = &ctrl->priv->recover;
	enum nvme_ctrl_state state = atomic_load_acquire(&r->state);
	keep_errno();

	if (state == NVME_CTRL_LIVE || state == NVME_CTRL_DEAD || pthread_mutex_trylock(&r->lock))
		return;
	/* Somebody else may have been faster. */
	if (r->state == state && nvme_coarse_ms() >= r->not_before_ms)
		steps[state](ctrl, r);
	unlock_and_tell(ctrl, r);
}

void nvme_recover_broken(struct nvme_ctrl *ctrl, int err)
{
	struct nvme_recover *r = &ctrl->priv->recover;

	pthread_mutex_lock(&r->lock);
	if (r->state == NVME_CTRL_LIVE || r->state == NVME_CTRL_ABORTING) {
		if (err == ENODEV) {
			die(ctrl, r, err);
		} else {
			nvme_ctrl_count(ctrl, NVME_COUNT_FATAL);
			tell_ctrl(r, NVME_RECOVERY_FATAL, err);
			begin_reset(ctrl, r, "it reports a fatal status (CSTS.CFS)");
		}
	}
	unlock_and_tell(ctrl, r);
}

void nvme_recover_queue(struct nvme_ctrl *ctrl, int sqid, bool ok)
{
	struct nvme_recover *r = &ctrl->priv->recover;

	pthread_mutex_lock(&r->lock);
	if (ok) {
		r->resets = 0;
		tell(r, (struct nvme_recovery_info){.event = NVME_RECOVERY_QUEUE, .sqid = sqid});
	} else if (r->state < NVME_CTRL_FREEZING) {
		if (++r->resets >= r->opts.max_resets)
			die(ctrl, r, EIO);
		else
			begin_reset(ctrl, r, "a queue could not be made anew");
	}
	unlock_and_tell(ctrl, r);
}

int nvme_recover_for(struct nvme_ctrl *ctrl, const char *why)
{
	struct nvme_recover *r;
	int ret = 0;

	if (nvme_check_open(ctrl))
		return -1;
	r = &ctrl->priv->recover;
	pthread_mutex_lock(&r->lock);
	if (r->state == NVME_CTRL_DEAD)
		ret = set_errno(r->err);
	else if (r->opts.flags & NVME_RECOVERY_NO_RESET)
		ret = set_errno(EPERM);
	else if (!ctrl->adminq.cq || !ctrl->adminq.sq)
		ret = set_errno(EINVAL);
	else
		begin_reset(ctrl, r, why);
	unlock_and_tell(ctrl, r);
	return ret;
}

int nvme_recover(struct nvme_ctrl *ctrl)
{
	return nvme_recover_for(ctrl, "the program wants it (nvme_recover())");
}

void nvme_recover_forget(struct nvme_ctrl *ctrl)
{
	struct nvme_recover *r = &ctrl->priv->recover;

	pthread_mutex_lock(&r->lock);
	drop_ops(ctrl, r);
	set_state(r, NVME_CTRL_LIVE, 0);
	r->resets = 0;
	r->gen += r->gen & 1;
	pthread_mutex_unlock(&r->lock);
}

int nvme_ctrl_is_down(const struct nvme_ctrl *ctrl)
{
	enum nvme_ctrl_state state = atomic_load_acquire(&ctrl->priv->recover.state);

	if (likely(state < NVME_CTRL_FREEZING))
		return 0;
	return set_errno(state == NVME_CTRL_DEAD ? ctrl->priv->recover.err : EAGAIN);
}

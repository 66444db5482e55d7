/* SPDX-License-Identifier: MIT */
/*
 * The ladder, a queue's half. recover.gen goes odd when the controller is going down, and even when
 * it is up again and knows nothing of I/O queues. The owner of a queue finds that out between two
 * polls, and
 *
 *  1. freezes: doorbells go to a word of memory, so that what it posts meanwhile reaches nobody;
 *  2. when the controller is up: takes what had completed before, empties its rings, ends what was
 *     in flight or posts it again, and makes the rings known;
 *  3. lets the doorbells ring.
 *
 * One that comes late to 1 does both at once: its queue is not there before 2, so a doorbell that it
 * rang in between was for a queue that does not exist, and no command was fetched.
 */
#include "nvme/follow.h"

#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/rq.h>
#include <belfry/support/log.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"

#define CREATE_MS 5000

bool nvme_all_frozen(const struct nvme_ctrl *ctrl, uint32_t gen)
{
	for (int i = 1; i < ctrl->priv->nr_cqs; i++) {
		const struct nvme_cq *cq = &ctrl->cq[i];

		if (LOAD(cq->flags) & NVME_Q_CREATED &&
		    atomic_load_acquire(&cq->follow->gen) != gen)
			return false;
	}
	return true;
}

/* The first of a completion queue's submission queues after @sq, or NULL. */
static struct nvme_sq *next_sq(const struct nvme_cq *cq, const struct nvme_sq *last)
{
	for (uint32_t sqid = last ? (uint32_t)last->id + 1 : 1; sqid < cq->nr_sqs; sqid++) {
		struct nvme_sq *sq = &cq->sqs[sqid];

		if (sq->cq == cq && sq->flags & NVME_Q_CREATED)
			return sq;
	}
	return NULL;
}

static void freeze(struct nvme_cq *cq)
{
	struct nvme_cq_follow *f = cq->follow;

	for (struct nvme_sq *sq = next_sq(cq, NULL); sq; sq = next_sq(cq, sq)) {
		sq->doorbell = &f->scratch;
		sq->asleep = NULL;
		sq->dbbuf = (struct nvme_dbbuf){};
	}
	cq->doorbell = &f->scratch;
	cq->asleep = NULL;
	cq->dbbuf = (struct nvme_dbbuf){};
	f->stage = NVME_FOLLOW_FROZEN;
}

/* What the controller completed while it could: all of it is kept, and delivered as ever. */
static void drain(struct nvme_cq *cq)
{
	for (int n = 0; n < cq->qsize && __nvme_cq_ready(cq, nvme_cq_head(cq)); n++) {
		struct nvme_rq *owner;
		struct nvme_cqe *cqe;

		if (nvme_kept_reserve(cq)) {
			log_error("cq %d: no memory for completions from before the reset\n",
				  cq->id);
			return;
		}
		cqe = __nvme_cq_take(cq, NVME_RQ_WATCHED, __nvme_cq_admit_watched, &owner);
		if (!cqe || nvme_cqe_is_flood(cqe))
			return;
		nvme_cq_count_status(cq, cqe);
		nvme_cq_keep(cq, cqe);
	}
}

static void restart_rings(struct nvme_cq *cq)
{
	struct nvme_ctrl *ctrl = cq->ctrl;
	struct nvme_dbbuf zeroed;

	nvme_cq_ring_restart(cq);
	nvme_dbbuf_assign(ctrl, &zeroed, 2 * (uint32_t)cq->id + 1);
	for (struct nvme_sq *sq = next_sq(cq, NULL); sq; sq = next_sq(cq, sq)) {
		nvme_sq_ring_restart(sq);
		/* Before the controller reads it; it rings no earlier than the registers do. */
		nvme_dbbuf_assign(ctrl, &zeroed, 2 * (uint32_t)sq->id);
	}
}

/* ---- ending ---- */

void nvme_rq_lose(struct nvme_rq *rq, uint16_t status)
{
	struct nvme_cq *cq = rq->sq->cq;
	struct nvme_cqe cqe = {
		.sqid = cpu_to_le16((uint16_t)rq->sq->id),
		.cid = rq->cid,
		.sfp = cpu_to_le16((uint16_t)(status << 1)),
	};

	rq->sq->lost++;
	rq->flags &= ~(NVME_RQ_F_WANT_ABORT | NVME_RQ_F_ABORTING);
	nvme_cq_count_status(cq, &cqe);
	if (!nvme_kept_reserve(cq)) {
		rq->state = NVME_RQ_COMPLETED;
		nvme_kept_add(cq, rq, &cqe);
		return;
	}
	/* Without memory: a wait learns of it by its tracker, a callback at once. */
	if (rq->done) {
		rq->state = NVME_RQ_COMPLETED;
		nvme_rq_finish(rq, &cqe);
	} else {
		nvme_rq_unwatch(rq);
		rq->state = NVME_RQ_CANCELED;
	}
}

void nvme_cq_end_all(struct nvme_cq *cq, uint16_t status, bool alive)
{
	for (struct nvme_sq *sq = next_sq(cq, NULL); sq; sq = next_sq(cq, sq)) {
		for (uint32_t cid = 0; cid < sq->nr_rqs; cid++) {
			struct nvme_rq *rq = &sq->rqs[cid];
			uint32_t state = __atomic_load_n(&rq->state, __ATOMIC_RELAXED);

			if (state == NVME_RQ_ABANDONED && alive)
				nvme_rq_push(rq);
			else if (state == NVME_RQ_MARKED && alive && rq->flags & NVME_RQ_F_AGAIN)
				nvme_rq_send_again(rq);
			else if (state & NVME_RQ_SUBMITTED)
				nvme_rq_lose(rq, status);
		}
	}
}

/* ---- making queues anew ---- */

static void created(struct nvme_cq *cq)
{
	struct nvme_sq *first = next_sq(cq, NULL);

	nvme_cq_connect(cq->ctrl, cq);
	for (struct nvme_sq *sq = next_sq(cq, NULL); sq; sq = next_sq(cq, sq)) {
		nvme_sq_connect(cq->ctrl, sq);
		/* Whoever told the word of memory meanwhile, has told nobody. */
		sq->ptail = 0;
		nvme_sq_update_tail(sq);
	}
	cq->follow->stage = NVME_FOLLOW_LIVE;
	nvme_recover_queue(cq->ctrl, first ? first->id : cq->id, true);
}

static void not_created(struct nvme_cq *cq)
{
	log_error("cq %d cannot be made anew after the reset\n", cq->id);
	cq->follow->stage = NVME_FOLLOW_FROZEN;
	nvme_recover_queue(cq->ctrl, cq->id, false);
}

/* Make the next of the queues known. */
static void create_next(struct nvme_cq *cq)
{
	struct nvme_cq_follow *f = cq->follow;
	struct nvme_sq *sq = f->has_cq ? next_sq(cq, f->last) : NULL;
	union nvme_cmd cmd;

	if (f->has_cq && !sq) {
		created(cq);
		return;
	}
	if (sq)
		nvme_create_sq_cmd(sq, &cmd);
	else
		nvme_create_cq_cmd(cq, &cmd);
	if (nvme_op_start(cq->ctrl, &f->op, &cmd, CREATE_MS)) {
		/* All trackers in use: at the next look, unless the controller has stopped again. */
		if (nvme_device_check(cq->transport))
			nvme_recover_broken(cq->ctrl, errno);
		else if (nvme_coarse_ms() >= f->create_ms)
			not_created(cq);
		return;
	}
	f->has_cq = true;
	f->last = sq;
	f->create_ms = nvme_coarse_ms() + 2ull * CREATE_MS;
}

static void step_create(struct nvme_cq *cq)
{
	struct nvme_cq_follow *f = cq->follow;
	enum nvme_op_state op = NVME_OP_DONE;

	if (f->op.rq) {
		op = nvme_op_check(cq->ctrl, &f->op);
		if (op == NVME_OP_PENDING)
			return;
		if (op == NVME_OP_DONE && !nvme_cqe_ok(&f->op.cqe))
			op = NVME_OP_FAILED;
	}
	if (op == NVME_OP_DONE) {
		create_next(cq);
		return;
	}
	not_created(cq);
}

static void die(struct nvme_cq *cq)
{
	if (cq->follow->stage != NVME_FOLLOW_DEAD) {
		freeze(cq);
		drain(cq);
		cq->follow->stage = NVME_FOLLOW_DEAD;
	}
	nvme_cq_end_all(cq, NVM_SC_HOST_PATH, false);
	/* What is posted from here on ends with the next poll. */
	cq->polls = 1;
}

/* The controller has gone down or come up since the last look. */
static void turn(struct nvme_cq *cq, uint32_t gen)
{
	struct nvme_cq_follow *f = cq->follow;

	nvme_op_drop(cq->ctrl, &f->op);
	freeze(cq);
	if (!(gen & 1)) {
		drain(cq);
		restart_rings(cq);
		/* What is posted from here on is in the new ring, and is sent when that is known. */
		nvme_cq_end_all(cq, NVM_SC_HOST_ABORTED, true);
		f->has_cq = false;
		f->last = NULL;
		f->create_ms = nvme_coarse_ms() + CREATE_MS;
		f->stage = NVME_FOLLOW_CREATE;
	}
	atomic_store_release(&f->gen, gen);
}

bool nvme_cq_follow(struct nvme_cq *cq)
{
	struct nvme_recover *r = &cq->ctrl->priv->recover;
	struct nvme_cq_follow *f = cq->follow;
	uint32_t gen = atomic_load_acquire(&r->gen);

	if (likely(gen == f->gen && f->stage == NVME_FOLLOW_LIVE))
		return true;
	/* Queues that the controller has never had have nothing to follow. */
	if (!(cq->flags & NVME_Q_CREATED)) {
		f->gen = gen;
		return true;
	}
	if (atomic_load_acquire(&r->state) == NVME_CTRL_DEAD) {
		die(cq);
		return false;
	}
	if (gen != f->gen)
		turn(cq, gen);
	else if (f->stage == NVME_FOLLOW_CREATE)
		step_create(cq);
	return true;
}

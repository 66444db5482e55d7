/* SPDX-License-Identifier: MIT */
/*
 * Completions that are not what the fast path hoped for, and waiting for one.
 *
 * The device writes sqid and cid; whatever they say is compared with bounds and
 * with the state of the tracker they name before anything is done with it.
 */
#include <errno.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/rq.h>
#include <belfry/nvme/status.h>
#include <belfry/nvme/util.h>
#include <belfry/support/log.h>

#include "nvme/follow.h"
#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"
#include "support/errno.h"

/* A wait that has lasted this long gives up the processor between looks. */
#define SLEEP_AFTER_NS (2 * NS_PER_MS)
#define SLEEP_NS       50000
#define CHECK_EVERY_NS (1 * NS_PER_MS)

/* The submission queue that a completion names, or NULL when it is none of ours. */
static struct nvme_sq *sq_of(const struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	uint32_t sqid = le16_to_cpu(cqe->sqid);
	struct nvme_sq *sq;

	if (sqid >= cq->nr_sqs)
		return NULL;
	sq = &cq->sqs[sqid];
	return sq->cq == cq ? sq : NULL;
}

struct nvme_rq *nvme_rq_of(struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	struct nvme_sq *sq = sq_of(cq, cqe);
	uint32_t cid = cqe->cid;

	if (sq && sq->id == NVME_AQ)
		cid &= ~(uint32_t)NVME_CID_AER;
	return sq && cid < sq->nr_rqs ? &sq->rqs[cid] : NULL;
}

static void note_sqhd(struct nvme_sq *sq, const struct nvme_cqe *cqe)
{
	uint16_t sqhd = le16_to_cpu(cqe->sqhd);

	if (sqhd < sq->qsize)
		atomic_store_release(&sq->head, sqhd);
}

/* Is all that comes to be dropped, as fast as it is? Then whoever takes it must be let go. */
static bool is_flood(struct nvme_cq *cq)
{
	uint64_t at = cq->laps / 2 * (uint64_t)cq->qsize + cq->head;

	cq->dropped = at == cq->drop_at + 1 ? cq->dropped + 1 : 1;
	cq->drop_at = at;
	if (cq->dropped < NVME_FLOOD)
		return false;
	cq->dropped = 0;
	return true;
}

/* The entry is not handed out, so nobody may ever ring for it, and a full queue would stay full. */
static bool drop(struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	/* Entries before it that were handed out may still be looked at. */
	if (cqe - (const struct nvme_cqe *)cq->mem.vaddr == cq->rung)
		nvme_cq_update_head(cq);
	return false;
}

/* The same for what no command has, of which there may be any number. */
static bool drop_stray(struct nvme_cq *cq, struct nvme_cqe *cqe)
{
	if (!is_flood(cq))
		return drop(cq, cqe);
	cqe->sqid = cpu_to_le16(NVME_SQID_NONE);
	return true;
}

bool __nvme_cq_admit(struct nvme_cq *cq, struct nvme_cqe *cqe)
{
	struct nvme_rq *rq;

	if (!__nvme_cq_admit_watched(cq, cqe))
		return false;
	/* Whoever takes it by hand has no use for a callback. */
	rq = nvme_rq_of(cq, cqe);
	if (rq && rq->state == NVME_RQ_COMPLETED)
		nvme_rq_unwatch(rq);
	return true;
}

bool __nvme_cq_admit_watched(struct nvme_cq *cq, struct nvme_cqe *cqe)
{
	struct nvme_sq *sq = sq_of(cq, cqe);
	struct nvme_rq *rq = nvme_rq_of(cq, cqe);
	bool event = rq && cqe->cid != rq->cid;

	if (le16_to_cpu(cqe->sqid) == NVME_SQID_NONE) {
		cq->late++;
		return drop_stray(cq, cqe);
	}

	switch (rq ? rq->state : NVME_RQ_FREE) {
	case NVME_RQ_EVENT:
		if (!event)
			break;
		rq->state = NVME_RQ_COMPLETED;
		note_sqhd(sq, cqe);
		return true;
	case NVME_RQ_ABANDONED:
		cq->late++;
		note_sqhd(sq, cqe);
		nvme_rq_push(rq);
		return drop(cq, cqe);
	case NVME_RQ_COMPLETED:
	case NVME_RQ_KEPT:
		break;
	case NVME_RQ_INFLIGHT:
	case NVME_RQ_WATCHED:
	case NVME_RQ_MARKED:
	case NVME_RQ_BY_HAND:
		/* The caller hoped for another of them. */
		if (!event)
			rq->state = NVME_RQ_COMPLETED;
		/* fallthrough */
	default:
		/* Of a command without a tracker, as far as anyone can tell. */
		if (sq)
			note_sqhd(sq, cqe);
		return true;
	}

	cq->spurious++;
	log_error("cq %d: spurious completion, sqid %u cid 0x%x: dropped\n", cq->id,
		  le16_to_cpu(cqe->sqid), cqe->cid);
	return drop_stray(cq, cqe);
}

struct nvme_rq *__nvme_rq_from_cqe_odd(struct nvme_sq *sq, struct nvme_cqe *cqe)
{
	struct nvme_rq *rq;

	if (cqe->cid < sq->nr_rqs && le16_to_cpu(cqe->sqid) == sq->id) {
		rq = &sq->rqs[cqe->cid];
		if (rq->state == NVME_RQ_KEPT) {
			/* The caller goes by a copy that a wait handed out. */
			nvme_rq_unwatch(rq);
			nvme_kept_take(rq, NULL);
			return rq;
		}
	}

	if (sq->cq)
		sq->cq->spurious++;
	log_error("sq %d: completion of no command in flight, sqid %u cid 0x%x\n", sq->id,
		  le16_to_cpu(cqe->sqid), cqe->cid);
	return set_errno_null(EINVAL);
}

struct nvme_rq *nvme_rq_from_cqe(struct nvme_ctrl *ctrl, struct nvme_cqe *cqe)
{
	uint32_t sqid = le16_to_cpu(cqe->sqid);

	if (sqid >= (uint32_t)ctrl->priv->nr_sqs) {
		log_error("completion of a queue that does not exist, sqid %u\n", sqid);
		return set_errno_null(EINVAL);
	}
	return __nvme_rq_from_cqe(&ctrl->sq[sqid], cqe);
}

int nvme_device_check(struct transport *tp)
{
	uint64_t csts;

	if (tp->ops->gone && tp->ops->gone(tp))
		return set_errno(ENODEV);
	if (tp->ops->reg_read(tp, NVM_REG_CSTS, 4, &csts) || (uint32_t)csts == UINT32_MAX)
		return set_errno(ENODEV);
	if (NVM_GET((uint32_t)csts, CSTS_CFS)) {
		log_error("the controller reports a fatal status (CSTS.CFS)\n");
		return set_errno(EIO);
	}
	return 0;
}

/* Is it still worth waiting? */
static int look(const struct nvme_wait *w)
{
	struct nvme_ctrl *ctrl = w->cq->ctrl;

	if (w->cq->id == NVME_AQ) {
		nvme_recover_step(ctrl);
		/* A reset cancels admin commands, and the next look at the tracker finds it. */
		if (nvme_ctrl_is_down(ctrl) && errno != EAGAIN)
			return -1;
	} else if (!nvme_cq_attend(w->cq)) {
		return 0; /* all that was in flight has ended */
	}
	return nvme_ctrl_is_down(ctrl) ? 0 : nvme_device_check(w->tp);
}

int nvme_wait_step(struct nvme_wait *w)
{
	uint64_t now;

	/* Clock and registers only when spinning has not helped. */
	if (w->backoff.spins < backoff_spins()) {
		backoff_pause(&w->backoff);
		return 0;
	}

	now = now_ns();
	if (!w->started) {
		w->started = now;
		w->check_at = now + CHECK_EVERY_NS;
	}
	if (now >= w->deadline)
		return set_errno(ETIMEDOUT);
	if (now >= w->check_at) {
		w->check_at = now + CHECK_EVERY_NS;
		if (look(w))
			return -1;
	}

	if (now - w->started >= SLEEP_AFTER_NS) {
		struct timespec ts = ns_to_timespec(SLEEP_NS);

		nanosleep(&ts, NULL);
	} else {
		backoff_pause(&w->backoff);
	}
	return 0;
}

void nvme_cq_spin(struct nvme_cq *cq)
{
	struct backoff b = {};
	__nvme_cq_owned(cq);

	__trace_probe1(nvme_cq_spin, cq);
	trace_guard(NVME_CQ_SPIN)
	{
		trace_emit("cq %d head %u\n", cq->id, cq->head);
	}
	while (!cq->nr_kept && !__nvme_cq_ready(cq, nvme_cq_head(cq)))
		backoff_pause(&b);
}

void nvme_cq_get_cqes(struct nvme_cq *cq, struct nvme_cqe *cqes, int n)
{
	for (int i = 0; i < n; i++) {
		struct nvme_cqe *cqe;

		do {
			nvme_cq_spin(cq);
			cqe = nvme_cq_get_cqe(cq);
		} while (!cqe);
		if (cqes)
			cqes[i] = *cqe;
	}
}

int nvme_cq_wait_cqes(struct nvme_cq *cq, struct nvme_cqe *cqes, int n, struct timespec *ts)
{
	struct nvme_wait w = {.tp = cq->transport, .cq = cq};
	int taken = 0;
	__nvme_cq_owned(cq);

	if (deadline_after_ts(ts, &w.deadline))
		return 0;

	while (taken < n) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(cq);

		if (!cqe) {
			if (nvme_wait_step(&w))
				break;
			continue;
		}
		if (cqes)
			cqes[taken] = *cqe;
		taken++;
	}
	return taken;
}

/* Errno for a tracker that no completion will come for. */
static int no_command(const struct nvme_rq *rq)
{
	return rq->state == NVME_RQ_CANCELED ? ECANCELED : EINVAL;
}

void nvme_cq_keep(struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	struct nvme_rq *owner = nvme_rq_of(cq, cqe);

	if (owner && owner->state != NVME_RQ_COMPLETED)
		owner = NULL;
	if (!owner)
		log_debug("cq %d: completion of no command with a tracker, sqid %u cid 0x%x\n",
			  cq->id, le16_to_cpu(cqe->sqid), cqe->cid);
	/* Somebody may ask for it, but not for any number of them. */
	if (!owner && cq->nr_kept >= NVME_STRANGERS_MAX)
		cq->spurious++;
	else
		nvme_kept_add(cq, owner, cqe);
}

enum nvme_reap nvme_rq_reap(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	struct nvme_cq *cq = rq->sq->cq;
	struct nvme_rq *owner;
	struct nvme_cqe *cqe;

	if (rq->state == NVME_RQ_KEPT) {
		nvme_rq_unwatch(rq);
		nvme_kept_take(rq, cqe_copy);
		return NVME_REAP_MINE;
	}
	if (!(rq->state & NVME_RQ_WITH_DEVICE)) {
		errno = no_command(rq);
		return NVME_REAP_ERROR;
	}

	if (!__nvme_cq_ready(cq, nvme_cq_head(cq)))
		return NVME_REAP_NOTHING;
	/* Room first: once taken, a completion must not be lost. */
	if (nvme_kept_reserve(cq))
		return NVME_REAP_ERROR;

	cqe = __nvme_cq_take(cq, NVME_RQ_INFLIGHT, __nvme_cq_admit_watched, &owner);
	if (!cqe || nvme_cqe_is_flood(cqe)) {
		nvme_cq_update_head(cq);
		return NVME_REAP_NOTHING;
	}

	owner = nvme_rq_of(cq, cqe);
	*cqe_copy = *cqe;
	nvme_cq_count_status(cq, cqe);
	if (owner == rq && rq->state == NVME_RQ_COMPLETED) {
		nvme_rq_unwatch(rq);
		nvme_cq_update_head(cq);
		return NVME_REAP_MINE;
	}
	nvme_cq_keep(cq, cqe);
	nvme_cq_update_head(cq);
	return NVME_REAP_OTHER;
}

static int wait_until(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, uint64_t deadline)
{
	struct nvme_wait w = {.tp = rq->sq->transport, .cq = rq->sq->cq, .deadline = deadline};
	struct nvme_cqe cqe;
	__nvme_cq_owned(rq->sq->cq);

	for (;;) {
		enum nvme_reap reap = nvme_rq_reap(rq, &cqe);

		if (reap == NVME_REAP_ERROR)
			return -1;
		if (reap == NVME_REAP_NOTHING) {
			if (!nvme_wait_step(&w))
				continue;
			if (errno == ETIMEDOUT && nvme_sq_untold(rq->sq))
				log_error("sq %d: has commands that nvme_sq_update_tail() did not "
					  "tell of\n",
					  rq->sq->id);
			return -1;
		}
		if (cqe_copy)
			*cqe_copy = cqe;
		if (reap == NVME_REAP_OTHER)
			return set_errno(EAGAIN);
		return nvme_set_errno_from_cqe(&cqe);
	}
}

int nvme_rq_spin(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	return wait_until(rq, cqe_copy, DEADLINE_NEVER);
}

int nvme_rq_wait(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, struct timespec *ts)
{
	uint64_t deadline;

	if (deadline_after_ts(ts, &deadline))
		return -1;
	return wait_until(rq, cqe_copy, deadline);
}

int nvme_set_errno_from_cqe(struct nvme_cqe *cqe)
{
	int err = nvme_status_errno(nvme_cqe_status(cqe));

	errno = err;
	return err ? -1 : 0;
}

int nvme_sq_try_post(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	__nvme_sq_owned(sq);

	if (nvme_sq_full(sq))
		return set_errno(EBUSY);
	nvme_sq_post(sq, cmd);
	return 0;
}

void __nvme_wake(struct transport *transport, void *doorbell, uint32_t value)
{
	transport->ops->ring(transport, doorbell, value);
}

void __nvme_sq_wrap(struct nvme_sq *sq)
{
	/* Odd while laps and tail disagree; the other side is nvme_sq_get_stats(). */
	atomic_store_release(&sq->laps, sq->laps + 1);
	atomic_store_release(&sq->tail, (uint16_t)0);
	atomic_store_release(&sq->laps, sq->laps + 1);
}

void __nvme_cq_wrap(struct nvme_cq *cq)
{
	cq->phase ^= 1;
	/* As in __nvme_sq_wrap(). */
	atomic_store_release(&cq->laps, cq->laps + 1);
	atomic_store_release(&cq->head, (uint16_t)0);
	atomic_store_release(&cq->laps, cq->laps + 1);
}

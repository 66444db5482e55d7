/* SPDX-License-Identifier: MIT */
/*
 * Commands with a deadline and a callback.
 *
 * A poll takes what has completed; every few polls it looks at the clock. cq->expiry_ms is a bound:
 * no watched command expires before it. A submission moves it down, and only when it has passed the
 * trackers are looked at, and the bound becomes exact again. Commands that complete in time, which is
 * all of them as a rule, leave no trace in it: so a deadline costs one comparison when it is set.
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/poll.h>
#include <belfry/nvme/rq.h>
#include <belfry/support/log.h>

#include "nvme/follow.h"
#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"
#include "support/errno.h"

/*
 * The clock, the controller and the ladder are looked at by one poll in so many: of those who poll all
 * the time, so that there were as many within a tick of the clock before, and of others.
 */
#define POLLS_BUSY 128
#define POLLS_IDLE 8

/* Looks that an expired deadline is put off for, while there are completions to take. */
#define DEFER_MAX 16

/* CSTS is read so long after the last completion, and as long after that. */
#define CHECK_MS 50

#define EXPIRY_NEVER UINT64_MAX

void nvme_cq_watch_init(struct nvme_cq *cq)
{
	struct timespec res;

	clock_getres(CLOCK_MONOTONIC_COARSE, &res);
	cq->grain_ms = (uint32_t)((res.tv_nsec + 999999) / 1000000);
	cq->expiry_ms = EXPIRY_NEVER;
	cq->polls = POLLS_IDLE;
}

/* Nothing that expires @timeout_ms after cq->now_ms is overlooked. Returns nvme_rq.deadline of it. */
static uint32_t deadline_after(struct nvme_cq *cq, unsigned int timeout_ms)
{
	uint64_t deadline;

	if (timeout_ms > NVME_TIMEOUT_MAX_MS)
		timeout_ms = NVME_TIMEOUT_MAX_MS;
	/* The clock may be a tick behind. */
	deadline = cq->now_ms + timeout_ms + cq->grain_ms;
	if (deadline < cq->expiry_ms)
		cq->expiry_ms = deadline;
	return (uint32_t)deadline ? (uint32_t)deadline : 1;
}

/* One that never expires is watched all the same: the device may go away. */
static void set_timeout(struct nvme_cq *cq, struct nvme_rq *rq, unsigned int timeout_ms)
{
	rq->deadline = 0;
	if (likely(timeout_ms != NVME_TIMEOUT_NEVER))
		rq->deadline = deadline_after(cq, timeout_ms);
	else if (cq->expiry_ms == EXPIRY_NEVER)
		cq->expiry_ms = cq->now_ms + NVME_TIMEOUT_MAX_MS;
}

static unsigned int default_timeout(const struct nvme_sq *sq)
{
	return sq->timeout_ms ? sq->timeout_ms : LOAD(sq->cq->ctrl->timeout_ms);
}

/* What is posted between two doorbells is posted at the same time: look at the clock once for all. */
static __attribute__((noinline)) void look_at_clock(struct nvme_sq *sq)
{
	unsigned int timeout_ms = default_timeout(sq);

	sq->cq->now_ms = nvme_coarse_ms();
	if (timeout_ms != NVME_TIMEOUT_NEVER)
		sq->deadline = deadline_after(sq->cq, timeout_ms);
}

void __nvme_rq_submit_odd(struct nvme_rq *rq, union nvme_cmd *cmd, nvme_rq_done_fn done,
			  unsigned int timeout_ms)
{
	struct nvme_sq *sq = rq->sq;

	if (!sq->deadline)
		look_at_clock(sq);
	rq->done = done;
	if (!timeout_ms && sq->deadline)
		rq->deadline = sq->deadline;
	else
		set_timeout(sq->cq, rq, timeout_ms ? timeout_ms : NVME_TIMEOUT_NEVER);

	nvme_rq_prep_cmd(rq, cmd);
	rq->state = done ? NVME_RQ_WATCHED : NVME_RQ_MARKED;
	__nvme_sq_put(sq, cmd, rq->cid);
}

int nvme_rq_submit_idempotent(struct nvme_rq *rq, union nvme_cmd *cmd, nvme_rq_done_fn done,
			      unsigned int timeout_ms)
{
	struct nvme_again *again = nvme_rq_again(rq);

	if (!again)
		return -1;
	nvme_rq_submit(rq, cmd, done, timeout_ms);
	rq->state = NVME_RQ_MARKED;
	rq->flags = NVME_RQ_F_AGAIN;
	again->cmd = *cmd;
	again->timeout_ms = timeout_ms ? timeout_ms : default_timeout(rq->sq);
	return 0;
}

void nvme_rq_send_again(struct nvme_rq *rq)
{
	const struct nvme_again *again = nvme_rq_again(rq);

	if (rq->flags & NVME_RQ_F_EXPIRED)
		nvme_recover_ended(rq);
	rq->flags = NVME_RQ_F_AGAIN;
	rq->sq->resent++;
	rq->sq->cq->now_ms = nvme_coarse_ms();
	set_timeout(rq->sq->cq, rq, again->timeout_ms);
	__nvme_sq_put(rq->sq, &again->cmd, rq->cid);
}

int nvme_rq_set_timeout(struct nvme_rq *rq, unsigned int timeout_ms)
{
	struct nvme_cq *cq = rq->sq->cq;
	__nvme_cq_owned(cq);

	if (!(rq->state & NVME_RQ_SUBMITTED) || !timeout_ms ||
	    (timeout_ms > NVME_TIMEOUT_MAX_MS && timeout_ms != NVME_TIMEOUT_NEVER))
		return set_errno(EINVAL);

	if (rq->state != NVME_RQ_WATCHED)
		rq->state = NVME_RQ_MARKED;
	cq->now_ms = nvme_coarse_ms();
	set_timeout(cq, rq, timeout_ms);
	return 0;
}

/* Deadline of a tracker as a full number: it is within 2^31 ms of now. */
static uint64_t deadline_of(const struct nvme_cq *cq, const struct nvme_rq *rq)
{
	return cq->now_ms + (uint64_t)(int64_t)(int32_t)(rq->deadline - (uint32_t)cq->now_ms);
}

static void expire(struct nvme_cq *cq, struct nvme_sq *sq, struct nvme_rq *rq)
{
	unsigned int next_ms;

	if (!(rq->flags & NVME_RQ_F_EXPIRED))
		sq->timeouts++;
	rq->deadline = 0;
	next_ms = nvme_recover_expired(cq->ctrl, rq);
	if (next_ms)
		rq->deadline = deadline_after(cq, next_ms);
}

/* Look at every watched command of a queue. Returns how many there are. */
static uint32_t sq_expire(struct nvme_cq *cq, struct nvme_sq *sq)
{
	uint32_t watched = 0;

	for (uint32_t cid = 0; cid < sq->nr_rqs; cid++) {
		struct nvme_rq *rq = &sq->rqs[cid];
		uint64_t deadline;

		/* Trackers of a shared queue are acquired by others meanwhile. */
		if (!(__atomic_load_n(&rq->state, __ATOMIC_RELAXED) & NVME_RQ_HAS_DEADLINE))
			continue;
		watched++;
		if (!rq->deadline)
			continue;
		deadline = deadline_of(cq, rq);
		if (deadline <= cq->now_ms)
			expire(cq, sq, rq);
		else if (deadline < cq->expiry_ms)
			cq->expiry_ms = deadline;
	}
	return watched;
}

/* Nothing has completed for a while. */
static bool stands_still(struct nvme_cq *cq)
{
	struct nvme_cq_follow *f = cq->follow;
	uint64_t mark = cq->laps << 16 | cq->head;

	if (mark == f->mark && cq->now_ms - f->mark_ms < CHECK_MS)
		return false;
	f->mark_ms = cq->now_ms;
	if (mark == f->mark)
		return true;
	f->mark = mark;
	return false;
}

/* Deadlines, and is the controller still there? Only while there is something to wait for. */
static void look_at_watched(struct nvme_cq *cq)
{
	uint32_t watched = 0;
	bool check;

	check = stands_still(cq);
	if (cq->now_ms < cq->expiry_ms && !check)
		return;
	/*
	 * A thread that was kept from its work for long is not to blame the controller: what has come
	 * meanwhile is taken first. But a ring that is never empty must not hide a command that is lost.
	 */
	if (__nvme_cq_ready(cq, nvme_cq_head(cq)) && cq->follow->deferred++ < DEFER_MAX) {
		cq->polls = 1;
		return;
	}
	cq->follow->deferred = 0;

	cq->expiry_ms = EXPIRY_NEVER;
	for (uint32_t sqid = 0; sqid < cq->nr_sqs; sqid++) {
		if (cq->sqs[sqid].cq != cq)
			continue;
		/* What is posted from here on moves the bound down again. */
		cq->sqs[sqid].deadline = 0;
		watched += sq_expire(cq, &cq->sqs[sqid]);
	}
	if (!watched)
		return;
	if (cq->expiry_ms == EXPIRY_NEVER)
		cq->expiry_ms = cq->now_ms + NVME_TIMEOUT_MAX_MS;
	if (check && !nvme_ctrl_is_down(cq->ctrl) && nvme_device_check(cq->transport))
		nvme_recover_broken(cq->ctrl, errno);
}

__attribute__((noinline)) bool nvme_cq_attend(struct nvme_cq *cq)
{
	struct nvme_cq_follow *f = cq->follow;
	keep_errno();

	cq->now_ms = nvme_coarse_ms();
	cq->polls = cq->now_ms == f->looked_ms && f->stage == NVME_FOLLOW_LIVE ? POLLS_BUSY
									       : POLLS_IDLE;
	if (cq->nr_kept)
		cq->polls = 1;
	f->looked_ms = cq->now_ms;
	nvme_recover_step(cq->ctrl);
	nvme_alive_step(cq->ctrl);
	if (!nvme_cq_follow(cq))
		return false;
	if (cq->expiry_ms != EXPIRY_NEVER && f->stage == NVME_FOLLOW_LIVE)
		look_at_watched(cq);
	return true;
}

bool nvme_rq_may_end(struct nvme_rq *rq)
{
	if (rq->flags & NVME_RQ_F_ABORTING && nvme_recover_aborting(rq))
		return false;
	rq->flags &= ~NVME_RQ_F_ABORTING;
	return true;
}

static void finish_odd(struct nvme_rq *rq, const struct nvme_cqe *cqe)
{
	if (rq->flags & NVME_RQ_F_EXPIRED) {
		nvme_recover_ended(rq);
		if (nvme_cqe_status(cqe) == NVM_SC_ABORT_REQUESTED)
			rq->sq->aborted++;
	}
	rq->flags = 0;
}

static inline void call(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	nvme_rq_done_fn done = rq->done;

	rq->done = NULL;
	done(rq, cqe);
}

void nvme_rq_finish(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	if (rq->flags)
		finish_odd(rq, cqe);
	call(rq, cqe);
	if (rq->state != NVME_RQ_COMPLETED)
		return;
	if (rq->sq->flags & NVME_Q_SHARED)
		nvme_rq_release_atomic(rq);
	else
		nvme_rq_release(rq);
}

/* The tracker of an entry that was taken, if a callback waits for it. */
static struct nvme_rq *watched_of(struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	struct nvme_rq *rq = nvme_rq_of(cq, cqe);

	return rq && rq->done && rq->state == NVME_RQ_COMPLETED ? rq : NULL;
}

/* Take the next completion that a callback waits for, of any queue and any status; keep others. */
static __attribute__((noinline)) struct nvme_rq *take_any(struct nvme_cq *cq, struct nvme_cqe *copy)
{
	struct nvme_cqe *cqe;
	struct nvme_rq *rq;

	/* Room first: once taken, a completion must not be lost. */
	while (__nvme_cq_ready(cq, nvme_cq_head(cq)) && !nvme_kept_reserve(cq)) {
		cqe = __nvme_cq_take(cq, NVME_RQ_WATCHED, __nvme_cq_admit_watched, &rq);
		if (!cqe)
			break;
		if (!rq && nvme_cqe_is_flood(cqe))
			break;
		if (!rq)
			rq = watched_of(cq, cqe);
		nvme_cq_count_status(cq, cqe);
		if (rq && (!rq->flags || nvme_rq_may_end(rq))) {
			*copy = *cqe;
			return rq;
		}
		nvme_cq_keep(cq, cqe);
		/* There may be no end to them. */
		if (cq->nr_kept >= NVME_STRANGERS_MAX)
			break;
	}
	return NULL;
}

/*
 * Take the next completion if it is what most are: a success, of a queue that was looked at before,
 * for a callback and nothing else. Otherwise nothing is taken. The copy is for the program: the entry
 * goes back to the device when a callback rings for the queue.
 */
static inline __attribute__((always_inline)) struct nvme_rq *
take_plain(struct nvme_cq *cq, struct nvme_sq *sq, uint16_t sqid, struct nvme_cqe *copy)
{
	const size_t head = cq->head;
	const uint16_t next = (uint16_t)(head + 1);
	struct nvme_cqe *cqe = (struct nvme_cqe *)cq->mem.vaddr + head;
	/* Acquire: as in __nvme_cq_ready(). The phase tag is all there is, where the status is 0. */
	uint32_t sfp = le16_to_cpu(atomic_load_acquire(&cqe->sfp)) ^ (uint32_t)cq->phase;
	struct nvme_rq *rq;
	size_t cid;

	if (unlikely(sfp != 1 || le16_to_cpu(cqe->sqid) != sqid))
		return NULL;
	cid = LOAD(cqe->cid);
	/* That it has 16 bits, gcc need not know: it would widen it twice. */
	__asm__("" : "+r"(cid));
	if (unlikely((uint32_t)cid >= sq->nr_rqs))
		return NULL;
	rq = &sq->rqs[cid];
	if (unlikely(rq->state != NVME_RQ_WATCHED))
		return NULL;

	if (likely(next != (uint16_t)cq->qsize)) /* as in __nvme_sq_put() */
		cq->head = next;
	else
		__nvme_cq_wrap(cq);
	__trace_probe2(nvme_cq_got_cqe, cq, cqe);
	__trace_hot(NVME_CQ_GOT_CQE, "cq %d sqid %u cid %u status 0x0\n", cq->id, sqid,
		    (uint32_t)cid);
	rq->state = NVME_RQ_COMPLETED;
	atomic_store_release(&sq->head, (uint16_t)le16_to_cpu(cqe->sqhd));
	*copy = *cqe;
	return rq;
}

/* Not inlined, so that a look at the clock has no registers to save. */
static __attribute__((noinline)) int poll_ring(struct nvme_cq *cq, const int budget)
{
	/* Of the last completion: who it was for goes by queue, as a rule. No callback deletes queues.
	 * At first, and for shared queues, it is one without trackers. */
	static struct nvme_sq none;
	struct nvme_sq *sq = &none;
	uint16_t sqid = 0;
	struct nvme_cqe cqe;
	int left;

	for (left = budget; left; left--) {
		struct nvme_rq *rq = take_plain(cq, sq, sqid, &cqe);

		if (likely(rq)) {
			call(rq, &cqe);
			if (rq->state == NVME_RQ_COMPLETED)
				__nvme_rq_put(sq, rq);
			continue;
		}
		rq = take_any(cq, &cqe);
		if (!rq)
			break;
		sq = rq->sq->flags & NVME_Q_SHARED ? &none : rq->sq;
		sqid = (uint16_t)sq->id;
		nvme_rq_finish(rq, &cqe);
	}
	nvme_cq_update_head(cq);
	return budget - left;
}

/* What was kept, or ended without the controller, comes first. */
static __attribute__((noinline)) int poll_kept(struct nvme_cq *cq, int budget)
{
	struct nvme_rq *rq;
	struct nvme_cqe cqe;
	int n = 0;

	while (n < budget && cq->nr_kept && (rq = nvme_kept_take_watched(cq, &cqe))) {
		nvme_rq_finish(rq, &cqe);
		n++;
	}
	/* What is kept for others, or for the next poll, is looked at again by that. */
	if (cq->nr_kept)
		cq->polls = 1;
	return n;
}

int __nvme_cq_poll_more(struct nvme_cq *cq, int budget)
{
	int n = 0;

	if ((!cq->polls || !budget) && !nvme_cq_attend(cq))
		return poll_kept(cq, budget);
	if (unlikely(cq->nr_kept))
		n = poll_kept(cq, budget);
	if (n >= budget || !__nvme_cq_ready(cq, nvme_cq_head(cq)))
		return n;
	return n + poll_ring(cq, budget - n);
}

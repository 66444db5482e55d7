/* SPDX-License-Identifier: MIT */
/*
 * Workers whose commands have callbacks and deadlines, on a controller that recovers by the ladder
 * while they go on: they poll, and that is all they do about it. Some commands may be sent again.
 *
 * A command ends when its callback has been called, once. With a queue that all share, that is done by
 * whichever thread polls, so the callback only leaves a note in the slot, which its worker finds.
 * What the ladder tells of has to explain how commands ended.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "soak.h"
#include "support/deadline.h"

#define PATIENCE_MS 60000 /* of any command, however many rungs it takes */

/* The epoch, for callbacks that belong to nobody. */
static struct soak *now_running;

static bool start(struct worker *w, struct slot *slot, struct nvme_rq *rq);

/* ---- the end of commands ---- */

/* What the library says when the controller has not. */
static enum soak_end end_of(struct worker *w, uint16_t status)
{
	switch (status) {
	case 0:
		w->tally.ok++;
		return END_OK;
	case NVM_SC_ABORT_REQUESTED:
		w->tally.aborted++;
		return END_CANCELED;
	case NVM_SC_HOST_ABORTED:
		w->tally.canceled++;
		return END_CANCELED;
	case NVM_SC_HOST_PATH:
		w->tally.died++;
		/* One that could not be reset may use the buffer until it is closed. */
		return worker_gone(w) ? END_CANCELED : END_TIMED_OUT;
	default:
		w->tally.refused++;
		return END_REFUSED;
	}
}

static void collect(struct worker *w, struct slot *slot)
{
	atomic_store(&slot->ends, 0);
	w->nr_busy--;
	slot_end(slot, w, end_of(w, slot->status), slot->status);
}

static void done(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct slot *slot = rq->opaque;
	struct worker *w;

	soak_check(now_running, slot && slot->rq == rq && slot->state == SLOT_BUSY,
		   "a callback for no command: sq %d cid %u", rq->sq->id, rq->cid);
	w = slot->w;
	slot->status = nvme_cqe_status(cqe);
	soak_check(w->soak, !atomic_fetch_add(&slot->ends, 1),
		   "a command ended twice: sq %d cid %u", rq->sq->id, rq->cid);
	if (w->soak->plan.shared)
		return;
	collect(w, slot);
	/* The next one with the same tracker, or the library releases it. */
	if (slot->state == SLOT_FREE && !w->soak->plan.sequential &&
	    !atomic_load(&w->soak->pause) && prng_below(&w->rng, 2))
		start(w, slot, rq);
}

static int poll(struct worker *w, int budget)
{
	int n;

	if (!w->soak->plan.shared)
		return nvme_cq_poll(w->cq, budget);

	n = nvme_shared_poll(w->soak->shared, budget);
	for (unsigned int i = 0; i < w->nr_slots; i++) {
		if (atomic_load_explicit(&w->slots[i].ends, memory_order_acquire))
			collect(w, &w->slots[i]);
	}
	return n;
}

/* ---- submitting ---- */

/* Of different lengths; some are the queue's or the controller's. */
static unsigned int pick_timeout(struct worker *w)
{
	unsigned int longest = 3 * w->soak->plan.deadline_ms;

	if (!prng_below(&w->rng, 4))
		return 0;
	if (w->soak->plan.patient)
		return prng_below(&w->rng, 2) ? NVME_TIMEOUT_NEVER : longest;
	return 1 + (unsigned int)prng_below(&w->rng, longest);
}

static bool start(struct worker *w, struct slot *slot, struct nvme_rq *rq)
{
	struct soak *soak = w->soak;
	unsigned int timeout_ms = pick_timeout(w);
	struct iovec iov;
	union nvme_cmd cmd;

	iov.iov_len = slot_start(slot, w, &cmd);
	iov.iov_base = slot->buf + slot->off;
	if (iov.iov_len && nvme_rq_mapv(&soak->ctrl, rq, &cmd, &iov, 1))
		soak_fail(soak, "mapv: %s", strerror(errno));

	rq->opaque = slot;
	slot->rq = rq;
	slot->w = w;
	slot->state = SLOT_BUSY;
	slot->deadline = now_ns() + PATIENCE_MS * NS_PER_MS;
	w->nr_busy++;
	w->tally.submitted++;
	if (soak->plan.shared)
		nvme_shared_submit(soak->shared, rq, &cmd, done, timeout_ms);
	else if (prng_below(&w->rng, 3))
		nvme_rq_submit(rq, &cmd, done, timeout_ms);
	else if (nvme_rq_submit_idempotent(rq, &cmd, done, timeout_ms))
		soak_fail(soak, "submit: %s", strerror(errno));
	return true;
}

static bool submit(struct worker *w)
{
	struct soak *soak = w->soak;
	struct nvme_sq *sq = w->sqs[prng_below(&w->rng, soak->plan.nr_sqs)];
	struct slot *slot = worker_free_slot(w);
	struct nvme_rq *rq;

	if (!slot)
		return false;
	rq = soak->plan.shared ? nvme_shared_acquire(soak->shared) : nvme_rq_acquire(sq);
	if (!rq) {
		soak_check(soak, errno == EBUSY, "acquire: %s", strerror(errno));
		return false;
	}
	soak_check(soak, !rq->opaque, "a tracker was handed out twice: sq %d cid %u", sq->id,
		   rq->cid);
	return start(w, slot, rq);
}

static void ring_all(struct worker *w)
{
	for (unsigned int i = 0; !w->soak->plan.shared && i < w->soak->plan.nr_sqs; i++)
		nvme_sq_update_tail(w->sqs[i]);
}

/* ---- the loop ---- */

static void check_late(struct worker *w)
{
	uint64_t now = now_ns();

	for (unsigned int i = 0; i < w->nr_slots; i++) {
		const struct slot *slot = &w->slots[i];

		soak_check(w->soak, slot->state != SLOT_BUSY || now < slot->deadline,
			   "a command has not ended: sq %d cid %u, the controller is %s",
			   slot->rq->sq->id, slot->rq->cid,
			   nvme_ctrl_state_name(nvme_ctrl_get_state(&w->soak->ctrl)));
	}
}

/* Nothing can follow what has ended: the controller has answered since. */
static void settle(struct worker *w)
{
	struct emu_stats stats;

	emu_get_stats(emu_ctrl_get(&w->soak->ctrl.pci.dev), &stats);
	poll(w, 4 * SOAK_MAX_SLOTS);
}

static void work(struct worker *w)
{
	struct soak *soak = w->soak;
	unsigned int turns = 0;

	while (!atomic_load_explicit(&soak->pause, memory_order_acquire)) {
		unsigned int burst = 1 + (unsigned int)prng_below(&w->rng, 8);

		if (soak->plan.sequential && !w->nr_busy)
			settle(w);
		else if (soak->plan.sequential)
			burst = 0;
		while (burst && submit(w))
			burst--;
		ring_all(w);
		if (!poll(w, (int)prng_below(&w->rng, 16)))
			sched_yield();
		if (++turns % 64)
			continue;
		check_late(w);
		if (nvme_ctrl_get_state(&soak->ctrl) == NVME_CTRL_DEAD)
			atomic_fetch_or(&soak->wanted, WANT_REOPEN);
	}
	ring_all(w);
}

/* All has ended, so all trackers are there. */
static void check_trackers(struct worker *w)
{
	unsigned int total, nr = worker_count_free(w, &total);

	soak_check(w->soak, nr == total, "%u of %u trackers are free", nr, total);
}

void *ladder_main(void *arg)
{
	struct worker *w = arg;
	struct soak *soak = w->soak;

	for (;;) {
		bool abrupt;

		work(w);
		abrupt = atomic_load(&soak->stop) && soak->plan.abrupt && !soak->plan.shared;
		while (w->nr_busy && !abrupt) {
			if (!poll(w, SOAK_MAX_SLOTS))
				sched_yield();
			check_late(w);
		}
		/* The others may need this one's polls for a reset. */
		atomic_fetch_sub(&soak->nr_polling, 1);
		while (atomic_load(&soak->nr_polling) && !abrupt) {
			poll(w, SOAK_MAX_SLOTS);
			sched_yield();
		}
		if (!abrupt && !soak->plan.shared)
			check_trackers(w);
		if (worker_stopped(w))
			return NULL;
	}
}

/* ---- what else there is to be told ---- */

static void on_step(struct nvme_ctrl *ctrl, const struct nvme_recovery_info *info, void *arg)
{
	struct soak *soak = arg;

	(void)ctrl;
	atomic_fetch_add(&soak->seen[info->event], 1);
}

static const struct event {
	uint8_t type, info, lid;
} events[] = {{0, 3, NVM_LOG_ERROR}, {1, 1, NVM_LOG_SMART}};

static void on_event(struct nvme_ctrl *ctrl, const struct nvme_event *event, void *arg)
{
	struct soak *soak = arg;
	const struct event *want = &events[event->type & 1];

	(void)ctrl;
	soak_check(soak,
		   event->type == want->type && event->info == want->info &&
			   event->lid == want->lid,
		   "event of type %u, info %u, log page %u", event->type, event->info, event->lid);
	atomic_fetch_add(&soak->delivered, 1);
}

void ladder_admin(struct worker *w)
{
	struct soak *soak = w->soak;
	const struct event *event = &events[prng_below(&w->rng, 2)];

	if (!prng_below(&w->rng, 8)) {
		atomic_fetch_add(&soak->raised, 1);
		soak_check(soak,
			   !emu_raise_event(emu_ctrl_get(&soak->ctrl.pci.dev), event->type,
					    event->info, event->lid) ||
				   errno == ENOSPC,
			   "raise: %s", strerror(errno));
	}
	nvme_admin_poll(&soak->ctrl);
}

void ladder_open(struct soak *soak)
{
	struct nvme_recovery_opts recovery = soak->plan.recovery;
	struct nvme_events_opts report = {
		.fn = on_event, .arg = soak, .flags = NVME_EVENTS_READ_LOG};

	now_running = soak;
	recovery.fn = on_step;
	recovery.arg = soak;
	soak_check(soak, !nvme_set_recovery(&soak->ctrl, &recovery), "recovery: %s",
		   strerror(errno));
	soak_check(soak, !nvme_events_start(&soak->ctrl, &report), "events: %s", strerror(errno));
	/* The first queue has a deadline of its own, others have the controller's. */
	soak->workers[0].sqs[0]->timeout_ms = 2 * soak->plan.deadline_ms;
	if (soak->plan.shared) {
		soak->shared = nvme_shared_create(soak->workers[0].sqs[0]);
		soak_check(soak, soak->shared, "shared: %s", strerror(errno));
	}
}

void ladder_account(struct soak *soak)
{
	struct tally *t = &soak->tally;

	t->expired = soak->seen[NVME_RECOVERY_TIMEOUT];
	t->aborts = soak->seen[NVME_RECOVERY_ABORT_SENT];
	t->ladders = soak->seen[NVME_RECOVERY_RESET];
	t->deaths = soak->seen[NVME_RECOVERY_DEAD];
	t->events = soak->delivered;
	if (!soak->plan.ladder)
		return;
	soak_check(soak, !t->canceled || t->ladders, "commands were canceled without a reset");
	soak_check(soak, !t->aborted || t->aborts, "commands were aborted without an Abort");
	soak_check(soak, !t->died || t->deaths, "commands died without the controller");
	soak_check(soak, !soak->plan.patient || !t->expired, "%llu deadlines have passed",
		   (unsigned long long)t->expired);
	soak_check(soak, t->events <= soak->raised, "%llu events of %llu",
		   (unsigned long long)t->events, (unsigned long long)soak->raised);
}

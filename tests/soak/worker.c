/* SPDX-License-Identifier: MIT */
/*
 * Workers: submit, reap, give up on what is late, and stop when they are told to.
 */
#include <errno.h>
#include <string.h>
#include <sched.h>

#include "soak.h"
#include "support/deadline.h"
#include "transport/transport.h"

#define MARK_S	     2
#define MAX_DELAY_NS 60000000 /* more than plans have the controller delay */

static bool want(struct soak *soak, unsigned int what)
{
	atomic_fetch_or(&soak->wanted, what);
	return true;
}

/* ---- submitting ---- */

struct slot *worker_free_slot(struct worker *w)
{
	unsigned int at = (unsigned int)prng_below(&w->rng, w->nr_slots);

	for (unsigned int i = 0; i < w->nr_slots; i++, at = (at + 1) % w->nr_slots) {
		if (w->slots[at].state == SLOT_FREE)
			return &w->slots[at];
	}
	return NULL;
}

/* Half of the time the device is told of several commands at once. */
static bool submit(struct worker *w)
{
	struct soak *soak = w->soak;
	struct nvme_sq *sq = w->sqs[prng_below(&w->rng, soak->plan.nr_sqs)];
	struct slot *slot = worker_free_slot(w);
	struct nvme_rq *rq = slot ? nvme_rq_acquire(sq) : NULL;
	struct iovec iov;
	union nvme_cmd cmd;

	if (!rq) {
		soak_check(soak, !slot || errno == EBUSY, "acquire: %s", strerror(errno));
		return false;
	}
	iov.iov_len = slot_start(slot, w, &cmd);
	iov.iov_base = slot->buf + slot->off;
	if (iov.iov_len && nvme_rq_mapv(&soak->ctrl, rq, &cmd, &iov, 1))
		soak_fail(soak, "mapv: %s", strerror(errno));

	soak_check(soak, !rq->opaque, "a tracker was handed out twice: sq %d cid %u", sq->id,
		   rq->cid);
	rq->opaque = slot;
	slot->rq = rq;
	slot->state = SLOT_BUSY;
	slot->deadline = now_ns() + soak->plan.deadline_ms * NS_PER_MS;
	w->nr_busy++;
	w->tally.submitted++;
	nvme_rq_post(rq, &cmd);
	if (prng_below(&w->rng, 2))
		nvme_sq_update_tail(sq);
	return true;
}

/* ---- the end of commands ---- */

static void end_slot(struct worker *w, struct slot *slot, enum soak_end end, uint16_t status)
{
	struct nvme_rq *rq = slot ? slot->rq : NULL;

	/* With the controller its trackers have gone. */
	soak_check(w->soak,
		   slot && slot->state == SLOT_BUSY && (end == END_CLOSED || rq->opaque == slot),
		   "a command ended twice, or none did");
	slot_end(slot, w, end, status);
	w->nr_busy--;
	w->nr_stuck += end == END_TIMED_OUT;
	w->tally.ok += end == END_OK;
	w->tally.refused += end == END_REFUSED;
	w->tally.timed_out += end == END_TIMED_OUT;
	w->tally.canceled += end == END_CANCELED;
	w->tally.closed += end == END_CLOSED;
	if (end == END_OK && w->nr_held < SOAK_MAX_HELD && prng_below(&w->rng, 2)) {
		/* Nobody's command yet, should the controller complete it once more. */
		rq->opaque = NULL;
		w->held[w->nr_held++] = rq;
	} else if (end != END_CLOSED) {
		nvme_rq_release(rq);
	}
}

static void release_held(struct worker *w)
{
	while (w->nr_held)
		nvme_rq_release(w->held[--w->nr_held]);
}

static bool reap(struct worker *w)
{
	struct nvme_cqe *cqe = nvme_cq_get_cqe(w->cq);
	struct nvme_rq *rq;
	uint16_t status;

	if (!cqe)
		return false;
	/* What is no tracker's is counted by the queue, and is nobody's. */
	rq = nvme_rq_from_cqe(&w->soak->ctrl, cqe);
	status = nvme_cqe_status(cqe);
	if (prng_below(&w->rng, 2))
		nvme_cq_update_head(w->cq);
	if (rq)
		end_slot(w, rq->opaque, status ? END_REFUSED : END_OK, status);
	return true;
}

static void expire(struct worker *w)
{
	uint64_t now = now_ns();

	for (unsigned int i = 0; i < w->nr_slots; i++) {
		struct slot *slot = &w->slots[i];

		if (slot->state == SLOT_BUSY && now >= slot->deadline)
			end_slot(w, slot, END_TIMED_OUT, 0);
	}
}

static uint32_t read_csts(const struct worker *w)
{
	struct transport *tp = w->soak->ctrl.pci.dev.transport;
	uint64_t csts = 0;

	return tp->ops->reg_read(tp, NVM_REG_CSTS, 4, &csts) ? UINT32_MAX : (uint32_t)csts;
}

bool worker_gone(const struct worker *w)
{
	return read_csts(w) == UINT32_MAX;
}

static bool broken(struct worker *w)
{
	uint32_t csts = read_csts(w);

	if (csts == UINT32_MAX)
		return want(w->soak, WANT_REOPEN);
	return NVM_GET(csts, CSTS_CFS) && want(w->soak, WANT_RESET);
}

void worker_end_all(struct worker *w, enum soak_end end)
{
	for (unsigned int i = 0; i < w->nr_slots; i++) {
		struct slot *slot = &w->slots[i];

		if (slot->state == SLOT_BUSY) {
			struct timespec none = {};

			/* The driver says so as well. */
			if (end == END_CANCELED) {
				errno = 0;
				soak_check(w->soak,
					   nvme_rq_wait(slot->rq, NULL, &none) == -1 &&
						   errno == ECANCELED,
					   "after a reset a wait says %s", strerror(errno));
			}
			end_slot(w, slot, end, 0);
		} else if (slot->state == SLOT_STUCK) {
			slot_end(slot, w, end, 0); /* its own end was the deadline */
		}
	}
	w->nr_stuck = w->nr_back = 0;
}

/* ---- the loop ---- */

/* Nothing of the commands before can follow: the controller has answered since it was idle. */
static void settle(struct worker *w)
{
	struct emu_ctrl *emu = emu_ctrl_get(&w->soak->ctrl.pci.dev);
	struct emu_stats stats;

	emu_get_stats(emu, &stats);
	while (reap(w))
		;
	nvme_cq_update_head(w->cq);
}

static void ring_all(struct worker *w)
{
	for (unsigned int i = 0; i < w->soak->plan.nr_sqs; i++)
		nvme_sq_update_tail(w->sqs[i]);
	nvme_cq_update_head(w->cq);
}

/* Load until something has to be done that needs all to stop. */
static void work(struct worker *w)
{
	struct soak *soak = w->soak;
	unsigned int idle = 0;
	bool filling = true;

	while (!atomic_load_explicit(&soak->pause, memory_order_acquire)) {
		unsigned int burst = 1 + (unsigned int)prng_below(&w->rng, 8);

		if (soak->plan.sequential && filling && !w->nr_busy)
			settle(w);
		while (burst-- && (filling = submit(w)))
			;
		while (!(soak->plan.sequential && filling) && reap(w))
			idle = 0;
		filling |= !w->nr_busy;
		if (!prng_below(&w->rng, 4))
			release_held(w);
		if (++idle < 50)
			continue;

		/* Nothing has come for a while: what was posted is rung for, at the latest now. */
		idle = 0;
		ring_all(w);
		expire(w);
		if (broken(w) || 2 * w->nr_stuck >= w->nr_slots) {
			want(soak, WANT_RESET);
			sched_yield();
		}
	}
	ring_all(w);
	release_held(w);
}

/* Wait for what is in flight, as long as its deadlines are. */
static void drain(struct worker *w)
{
	while (w->nr_busy && !broken(w)) {
		if (!reap(w)) {
			nvme_cq_update_head(w->cq);
			expire(w);
			sched_yield();
		}
	}
}

/* Execute a command behind all others of a queue; false when it was not answered. */
static bool mark(struct worker *w, struct nvme_sq *sq, struct nvme_rq *rq)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};
	struct timespec ts = {.tv_sec = MARK_S};
	struct nvme_cqe cqe = {};

	cmd.nsid = cpu_to_le32(1);
	nvme_rq_exec(rq, &cmd);
	w->tally.submitted++;
	/* Completions of others are kept for the loop. */
	while (nvme_rq_wait(rq, &cqe, &ts)) {
		if (errno == EAGAIN)
			continue;
		if (errno == ETIMEDOUT || errno == EIO || errno == ENODEV) {
			w->tally.timed_out++;
			w->nr_stuck++;
			nvme_rq_release(rq);
			return false;
		}
		break;
	}
	soak_check(w->soak, le16_to_cpu(cqe.sqid) == sq->id && cqe.cid == rq->cid,
		   "a wait ends with another's completion");
	w->tally.ok++;
	nvme_rq_release(rq);
	return true;
}

/*
 * Where every deadline that passes is explained by a fault or by a completion that comes late, let
 * those that are late come before they are counted: the controller takes the commands of a queue in
 * their order, and answers all but those it delays by then.
 */
static void catch_up(struct worker *w)
{
	struct timespec delay = {.tv_nsec = MAX_DELAY_NS};
	uint64_t patience = now_ns() + 5 * MARK_S * 1000 * NS_PER_MS;

	if (!w->soak->plan.explained || w->soak->plan.patient || !w->nr_stuck)
		return;
	for (unsigned int i = 0; i < w->soak->plan.nr_sqs; i++) {
		bool marked = false;

		while (!marked && now_ns() < patience) {
			struct nvme_rq *rq = nvme_rq_acquire(w->sqs[i]);

			if (rq)
				marked = mark(w, w->sqs[i], rq);
			else if (!reap(w))
				sched_yield();
		}
	}
	nanosleep(&delay, NULL);
	while (reap(w))
		;
	nvme_cq_update_head(w->cq);
}

unsigned int worker_count_free(struct worker *w, unsigned int *total)
{
	struct nvme_rq *rqs[2 * SOAK_MAX_SLOTS];
	unsigned int nr = 0;

	*total = 0;
	for (unsigned int i = 0; i < w->soak->plan.nr_sqs; i++) {
		*total += (unsigned int)w->soak->plan.qsize - 1;
		while ((rqs[nr] = nvme_rq_acquire(w->sqs[i])))
			nr++;
	}
	for (unsigned int i = 0; i < nr; i++)
		nvme_rq_release(rqs[i]);
	return nr;
}

/* The trackers of what is neither in flight nor in quarantine are all there. */
static void check_trackers(struct worker *w)
{
	unsigned int total, nr = worker_count_free(w, &total);

	soak_check(w->soak, nr + w->nr_busy + w->nr_stuck == total + w->nr_back,
		   "%u of %u trackers are free, %u in flight, %u were given up on, %u came back",
		   nr, total, w->nr_busy, w->nr_stuck, w->nr_back);
}

bool worker_stopped(struct worker *w)
{
	struct soak *soak = w->soak;
	bool stop;

	if (w->cq && !soak->plan.ladder) {
		release_held(w);
		w->nr_back += w->cq->late;
		w->tally.late += w->cq->late;
		w->cq->late = 0;
		check_trackers(w);
	}
	soak_barrier();
	stop = atomic_load(&soak->stop); /* later it may be the next pause's */
	soak_barrier();
	return stop;
}

void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct soak *soak = w->soak;

	for (;;) {
		work(w);
		if (atomic_load(&soak->stop) && !soak->plan.abrupt)
			drain(w);
		catch_up(w);
		if (worker_stopped(w))
			return NULL;
	}
}

/* ---- admin commands ---- */

static void identify(struct worker *w)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_CTRL}};
	static _Thread_local struct nvm_id_ctrl id;

	/* Not mapped and not whole pages: it goes through a buffer of the library's. */
	memset(&id, 0, sizeof(id));
	if (nvme_admin(&w->soak->ctrl, &cmd, &id, sizeof(id), NULL))
		return;
	soak_check(w->soak, !memcmp(id.sn, SOAK_SERIAL " ", 5), "Identify says serial '%.20s'",
		   (const char *)id.sn);
	w->tally.admin++;
}

static void get_feature(struct worker *w)
{
	union nvme_cmd cmd = {
		.features = {.opcode = NVM_ADMIN_GET_FEATURES, .fid = NVM_FEAT_NUM_QUEUES}};
	uint32_t queues = plan_queues(&w->soak->plan) - 1;
	struct nvme_cqe cqe;

	if (nvme_admin(&w->soak->ctrl, &cmd, NULL, 0, &cqe))
		return;
	soak_check(w->soak, le32_to_cpu(cqe.dw0) == (queues << 16 | queues),
		   "%u queues (0's based) and Get Features says 0x%x", queues,
		   le32_to_cpu(cqe.dw0));
	w->tally.admin++;
}

void *admin_main(void *arg)
{
	struct worker *w = arg;
	struct soak *soak = w->soak;

	for (;;) {
		while (!atomic_load_explicit(&soak->pause, memory_order_acquire)) {
			struct timespec ts = {.tv_nsec = (long)prng_below(&w->rng, 300000)};

			if (prng_below(&w->rng, 2))
				identify(w);
			else
				get_feature(w);
			if (soak->plan.ladder)
				ladder_admin(w);
			if (prng_below(&w->rng, 4) == 0)
				nanosleep(&ts, NULL);
		}
		if (worker_stopped(w))
			return NULL;
	}
}

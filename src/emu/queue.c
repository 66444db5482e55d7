/* SPDX-License-Identifier: MIT */
/*
 * Queues: rings, doorbells, fetch and completion. queue.h has the rules.
 *
 * Memory order: a doorbell is read with acquire order before the entries that it
 * announces; the word with the phase tag is written with release order after the
 * rest of its entry, and after the entries behind it that are written together with it.
 * The host does the mirror image of both.
 */
#include <string.h>

#include <belfry/support/atomic.h>

#include "emu/dma.h"
#include "emu/doorbell.h"
#include "emu/fault.h"
#include "emu/held.h"
#include "emu/irq.h"
#include "emu/queue.h"
#include "emu/remote.h"
#include "emu/ring.h"

/* Commands of one queue in a round when the host has set no limit. */
#define BURST_MAX 64u

/* Most blocks of a command that others' completions may wait for. */
#define QUICK_BLOCKS 8

/* Completion queue entries in a line. */
#define LINE_CQES (EMU_CACHE_LINE / NVM_CQE_SIZE)

/* And in a page: the next page of a queue may be anywhere. */
#define PAGE_CQES (EMU_PAGE / NVM_CQE_SIZE)

/* With so many commands still to come, completions are held back for more than a line. */
#define LATE_BACKLOG 32

/* A ring that is not there any more leaves the controller nothing to go on with. */
static bool ring_ready(struct emu_ctrl *ctrl, struct emu_ring *ring, uint64_t iova,
		       unsigned int prot)
{
	if (likely(ring->mapped) || !emu_ring_map(ctrl, ring, iova, prot))
		return true;
	emu_ctrl_fatal(ctrl, "the memory of a queue in use is not mapped");
	return false;
}

/* ---- doorbells ---- */

/* Entries from @from up to @to, in a ring of @size. */
static inline uint32_t distance(uint32_t from, uint32_t to, uint32_t size)
{
	return to >= from ? to - from : to + size - from;
}

static void doorbell_bad(struct emu_ctrl *ctrl, const char *kind, uint16_t qid, uint32_t value)
{
	emu_violation(ctrl, "invalid value %u in the %s doorbell of queue %u", value, kind, qid);
	emu_log_other_error(ctrl, NVM_SC_INVALID_FIELD);
	emu_event(ctrl, NVM_AEN_TYPE_ERROR, NVM_AEN_ERROR_DB_VAL, NVM_LOG_ERROR);
}

/* The tail moves on only: what was announced before is still announced. */
static void sq_tail_changed(struct emu_ctrl *ctrl, struct emu_sq *sq, uint32_t raw)
{
	sq->raw = raw;
	ctrl->stats.doorbells++;
	if (unlikely(raw >= sq->qsize || distance(sq->head, raw, sq->qsize) <
						 distance(sq->head, sq->tail, sq->qsize))) {
		doorbell_bad(ctrl, "tail", sq->qid, raw);
		return;
	}
	sq->tail = raw;
}

static void cq_head_look(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	uint32_t raw = emu_doorbell_read(cq->db);

	if (raw == cq->raw)
		return;
	cq->raw = raw;
	ctrl->stats.doorbells++;
	/* The head must not pass the tail. */
	if (raw >= cq->qsize ||
	    distance(cq->head, raw, cq->qsize) > distance(cq->head, cq->tail, cq->qsize)) {
		doorbell_bad(ctrl, "head", cq->qid, raw);
		return;
	}
	cq->head = raw;
}

bool emu_cq_waits(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	cq_head_look(ctrl, cq);
	return cq->head != cq->tail;
}

static inline bool cq_looks_full(const struct emu_cq *cq)
{
	uint32_t next = cq->tail + 1 == cq->qsize ? 0 : cq->tail + 1;

	return next == cq->head;
}

bool emu_cq_full(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	if (likely(!cq_looks_full(cq)))
		return false;
	cq_head_look(ctrl, cq);
	return cq_looks_full(cq);
}

/* ---- completion ---- */

/* The phase makes the entry the host's; it pairs with the host's acquire of this word. */
static inline void cqe_give(struct nvme_cqe *cqe, leint16_t sfp)
{
	atomic_store_release((uint16_t *)(void *)&cqe->sfp, (__force uint16_t)sfp);
}

static inline void cqe_write(struct nvme_cqe *cqe, const struct emu_cpl *cpl, bool phase)
{
	cqe->dw0 = cpu_to_le32(cpl->dw0);
	cqe->dw1 = cpu_to_le32(cpl->dw1);
	cqe->sqhd = cpu_to_le16(cpl->sqhd);
	cqe->sqid = cpu_to_le16(cpl->sqid);
	cqe->cid = cpl->cid;
	cqe_give(cqe, cpu_to_le16((uint16_t)(cpl->status << 1 | phase)));
}

static inline void cq_advance(struct emu_cq *cq)
{
	cq->posted++;
	if (unlikely(++cq->tail == cq->qsize)) {
		cq->tail = 0;
		cq->phase = !cq->phase;
	}
}

/*
 * Write what was held back. The host looks at the first of them all the time, and at none before that
 * is there: it goes last, and the line that the host takes away with it is written once.
 */
static void late_write(struct emu_engine *e)
{
	const struct nvme_cqe *late = e->late;
	struct nvme_cqe *cqe = e->late_cqe;

	if (!e->nr_late)
		return;
	for (uint32_t i = e->nr_late; --i;)
		cqe[i] = late[i];
	memcpy(cqe, late, offsetof(struct nvme_cqe, sfp));
	cqe_give(cqe, late->sfp);
	e->nr_late = 0;
}

static inline struct nvme_cqe *cqe_at_tail(struct emu_cq *cq)
{
	return (void *)emu_ring_entry(&cq->ring, cq->tail, NVM_CQE_SIZE);
}

void emu_post(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl, bool stale)
{
	/* What is still here has the places before it. */
	late_write(ctrl->engine);
	if (!ring_ready(ctrl, &cq->ring, cq->iova, EMU_DMA_WRITE))
		return;
	if (unlikely(cpl->status))
		ctrl->stats.errors++;
	cqe_write(cqe_at_tail(cq), cpl, cq->phase != stale);
	cq_advance(cq);
}

/*
 * Give the host @nr entries that end before the tail, where it keeps its queue in memory of its own.
 * It looks at one after the other, and at none before its phase tag is right: the word with the first
 * one's goes last, and in one piece.
 */
static void cq_push(struct emu_ctrl *ctrl, struct emu_cq *cq, uint32_t nr)
{
	const size_t most = offsetof(struct nvme_cqe, cid);
	uint32_t first = (cq->tail + cq->qsize - nr) % cq->qsize;
	uint32_t next = (first + 1) % cq->qsize;
	uint32_t to_end = cq->qsize - next < nr - 1 ? cq->qsize - next : nr - 1;
	uint8_t *entry = emu_ring_entry(&cq->ring, first, NVM_CQE_SIZE);

	if (emu_ring_push(ctrl, &cq->ring, next, to_end, NVM_CQE_SIZE) ||
	    emu_ring_push(ctrl, &cq->ring, 0, nr - 1 - to_end, NVM_CQE_SIZE) ||
	    emu_remote_move(ctrl, entry, most, EMU_TO_HOST) ||
	    emu_remote_move(ctrl, entry + most, NVM_CQE_SIZE - most, EMU_TO_HOST))
		emu_ctrl_fatal(ctrl, "the host does not take completions");
}

void emu_cq_signal(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	uint32_t nr = cq->posted;

	late_write(ctrl->engine);
	cq->posted = 0;
	if (unlikely(cq->ring.remote) && nr)
		cq_push(ctrl, cq, nr);
	if (nr && cq->irq_enabled)
		emu_irq_post(ctrl, cq, nr);
}

/* Post a completion behind those that wait. Returns false where it waits too. */
static bool post_in_turn(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl)
{
	if (unlikely(cq->blocked || emu_cq_full(ctrl, cq))) {
		emu_blocked_add(ctrl, cq, cpl);
		return false;
	}
	emu_post(ctrl, cq, cpl, false);
	return true;
}

void emu_post_or_block(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl)
{
	if (!ctrl->engine->run)
		return;
	emu_queues_refresh(ctrl);
	if (post_in_turn(ctrl, cq, cpl))
		emu_cq_signal(ctrl, cq);
}

void emu_complete(struct emu_ctrl *ctrl, uint16_t sqid, uint16_t cid, uint16_t status, uint32_t dw0)
{
	struct emu_sq *sq = &ctrl->sqs[sqid];

	if (sq->valid)
		emu_post_or_block(ctrl, sq->cq,
				  &(struct emu_cpl){
					  .sqid = sqid,
					  .sqhd = (uint16_t)sq->head,
					  .cid = cid,
					  .status = status,
					  .dw0 = dw0,
				  });
}

/* ---- commands ---- */

uint16_t emu_cmd_exec(struct emu_req *req)
{
	const bool admin = !req->sq->qid;
	uint16_t status;

	if (unlikely(admin))
		req->ctrl->stats.admin_cmds++;
	else
		req->ctrl->stats.io_cmds++;
	if (unlikely(req->cmd.flags & req->sq->bad_flags)) {
		emu_violation(req->ctrl, "command %02xh on queue %u has flags %02xh",
			      req->cmd.opcode, req->sq->qid, req->cmd.flags);
		return EMU_SC_DNR(NVM_SC_INVALID_FIELD);
	}
	status = unlikely(admin) ? emu_admin_exec(req) : emu_nvm_exec(req);
	return likely(!status) ? emu_remote_done(req) : status;
}

/*
 * May completions from before a command wait until it is done? Where that takes no longer than writing
 * them: it moves little, and what it moves is in memory of this process.
 */
static inline bool is_quick(const struct emu_ctrl *ctrl, const struct emu_req *req)
{
	const union nvme_cmd *cmd = &req->cmd;

	return req->sq->qid && (cmd->opcode == NVM_CMD_READ || cmd->opcode == NVM_CMD_WRITE) &&
	       !NVM_GET(cmd->flags, FLAGS_FUSE) && !emu_remote_any(ctrl) &&
	       le16_to_cpu(cmd->rw.nlb) < QUICK_BLOCKS &&
	       !NVM_GET(le16_to_cpu(cmd->rw.control), RW_FUA) &&
	       ctrl->cfg->backend != EMU_BACKEND_FILE;
}

/*
 * The completion of a success, written by the line of the queue or with the end of the burst: a host that
 * looks at the first entry takes the line away, and the next entry waits until it is back. While many
 * commands wait it is by four lines, since that takes the line away as often (bench: emu).
 */
static void complete_late(struct emu_req *req)
{
	struct emu_engine *e = req->ctrl->engine;
	struct emu_sq *sq = req->sq;
	struct emu_cq *cq = sq->cq;
	const struct emu_cpl cpl = emu_cpl_of(req, 0);

	if (!ring_ready(req->ctrl, &cq->ring, cq->iova, EMU_DMA_WRITE))
		return;
	if (!e->nr_late)
		e->late_cqe = cqe_at_tail(cq);
	cqe_write(&e->late[e->nr_late++], &cpl, cq->phase);
	cq_advance(cq);
	/* At the end of the queue, too, the tail is 0. */
	if (!(cq->tail % PAGE_CQES) ||
	    (!(cq->tail % LINE_CQES) && (e->nr_late > EMU_LATE_MAX - LINE_CQES ||
					 distance(sq->head, sq->tail, sq->qsize) < LATE_BACKLOG)))
		late_write(e);
}

static void complete(struct emu_req *req, uint16_t status)
{
	const struct emu_cpl cpl = emu_cpl_of(req, status);

	/* The first half of two may have taken the last entry. */
	post_in_turn(req->ctrl, req->sq->cq, &cpl);
}

static void cmd_run(struct emu_ctrl *ctrl, struct emu_sq *sq)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_req *req = &e->req;
	uint16_t status;
	bool quick;

	/* One copy: the host may write to its ring at any moment. */
	memcpy(&req->cmd, emu_ring_entry(&sq->ring, sq->head, NVM_SQE_SIZE), NVM_SQE_SIZE);
	if (unlikely(++sq->head == sq->qsize))
		sq->head = 0;
	req->sq = sq;
	req->cid = req->cmd.cid;
	req->dw0 = req->dw1 = 0;
	req->niov = 0;

	if (unlikely(e->nr_faults) && emu_fault_run(ctrl, req))
		return;
	quick = likely(!e->nr_faults) && is_quick(ctrl, req);
	if (!quick)
		late_write(e);
	status = emu_cmd_exec(req);
	if (status == EMU_NO_COMPLETION)
		return;
	if (unlikely(status))
		emu_log_error(req, status);
	if (likely(quick && !status))
		complete_late(req);
	else
		complete(req, status);
}

static uint32_t burst(const struct emu_ctrl *ctrl)
{
	return ctrl->arb_burst && ctrl->arb_burst < BURST_MAX ? ctrl->arb_burst : BURST_MAX;
}

/* Get the next burst from a host that keeps its queue in memory of its own. */
static bool sq_pull(struct emu_ctrl *ctrl, struct emu_sq *sq)
{
	uint32_t nr = distance(sq->head, sq->tail, sq->qsize), to_end = sq->qsize - sq->head;

	emu_remote_trim(ctrl);
	if (nr > burst(ctrl))
		nr = burst(ctrl);
	if (to_end > nr)
		to_end = nr;
	if (!emu_ring_pull(ctrl, &sq->ring, sq->head, to_end, NVM_SQE_SIZE) &&
	    !emu_ring_pull(ctrl, &sq->ring, 0, nr - to_end, NVM_SQE_SIZE))
		return true;
	emu_ctrl_fatal(ctrl, "the host does not give commands");
	return false;
}

static bool sq_run(struct emu_ctrl *ctrl, struct emu_sq *sq)
{
	const uint32_t most = burst(ctrl);
	uint32_t raw = emu_doorbell_read(sq->db), nr;
	struct emu_cq *cq = sq->cq;

	if (raw != sq->raw)
		sq_tail_changed(ctrl, sq, raw);
	if (sq->head == sq->tail || !ring_ready(ctrl, &sq->ring, sq->iova, EMU_DMA_READ))
		return false;
	if (unlikely(sq->ring.remote) && !sq_pull(ctrl, sq))
		return false;

	/* A command may stop the controller: a fault, or memory that is not there. */
	for (nr = 0; ctrl->engine->run && nr < most && sq->head != sq->tail; nr++) {
		if (unlikely(cq->blocked || emu_cq_full(ctrl, cq)))
			break;
		cmd_run(ctrl, sq);
	}
	emu_cq_signal(ctrl, cq);
	return nr;
}

/* ---- rounds ---- */

void emu_rings_forget(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < e->nr_sqs; i++)
		e->active_sqs[i]->ring.mapped = false;
	for (uint32_t i = 0; i < e->nr_cqs; i++)
		e->active_cqs[i]->ring.mapped = false;
}

void emu_queues_refresh(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	uint64_t gen = atomic_load_acquire(&ctrl->dom->gen);

	if (likely(gen == e->gen))
		return;
	e->gen = gen;
	/* As long as this thread has not looked at its mailbox, the memory is still there. */
	late_write(e);
	emu_rings_forget(ctrl);
	emu_dbbuf_refresh(ctrl);
}

static inline bool sq_turn(struct emu_ctrl *ctrl, uint32_t i)
{
	if (!sq_run(ctrl, ctrl->engine->active_sqs[i]))
		return false;
	ctrl->engine->first_sq = i + 1;
	return true;
}

bool emu_queues_run(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	bool worked = false;
	uint32_t start;

	emu_queues_refresh(ctrl);
	if (unlikely(e->nr_blocked))
		for (uint32_t i = 0; i < e->nr_cqs; i++)
			worked |= emu_blocked_run(ctrl, e->active_cqs[i]);
	/* A round starts behind the queue that was served last, lest the first take every entry
	 * of a shared completion queue that is nearly full. An admin command may add and remove
	 * queues. */
	start = e->first_sq < e->nr_sqs ? e->first_sq : 0;
	for (uint32_t i = start; e->run && i < e->nr_sqs; i++)
		worked |= sq_turn(ctrl, i);
	for (uint32_t i = 0; e->run && i < start && i < e->nr_sqs; i++)
		worked |= sq_turn(ctrl, i);
	return worked;
}

bool emu_queues_pending(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < e->nr_sqs; i++) {
		struct emu_sq *sq = e->active_sqs[i];

		if (emu_doorbell_read(sq->db) != sq->raw)
			return true;
		if (sq->head != sq->tail && !emu_cq_full(ctrl, sq->cq))
			return true;
	}
	for (uint32_t i = 0; e->nr_blocked && i < e->nr_cqs; i++)
		if (e->active_cqs[i]->blocked && !emu_cq_full(ctrl, e->active_cqs[i]))
			return true;
	return false;
}

void emu_queues_idle(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < e->nr_cqs; i++)
		cq_head_look(ctrl, e->active_cqs[i]);
	emu_doorbells_audit(ctrl);
}

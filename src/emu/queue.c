/* SPDX-License-Identifier: MIT */
/*
 * Queues: rings, doorbells, fetch and completion. queue.h has the rules.
 *
 * Memory order: a doorbell is read with acquire order before the entries that it
 * announces; the word with the phase tag is written with release order after the
 * rest of its entry. The host does the mirror image of both.
 */
#include <stdlib.h>
#include <string.h>

#include <belfry/support/atomic.h>

#include "emu/config.h"
#include "emu/dma.h"
#include "emu/fault.h"
#include "emu/held.h"
#include "emu/irq.h"
#include "emu/queue.h"

#define SQE_SIZE 64u
#define CQE_SIZE 16u
/* Commands of one queue in a round when the host has set no limit. */
#define BURST_MAX 64u
/* How many doorbells of queues that do not exist are looked at in a row. */
#define AUDIT_QUEUES 64u

/* ---- rings ---- */

static int ring_alloc(struct emu_ring *ring, size_t len)
{
	ring->nr_pages = (uint32_t)((len + EMU_PAGE - 1) / EMU_PAGE);
	ring->pages = calloc(ring->nr_pages, sizeof(*ring->pages));
	ring->mapped = false;
	return ring->pages ? 0 : -1;
}

static void ring_free(struct emu_ring *ring)
{
	free(ring->pages);
	*ring = (struct emu_ring){.pages = NULL};
}

static int ring_map(struct emu_ctrl *ctrl, struct emu_ring *ring, uint64_t iova, unsigned int prot)
{
	for (uint32_t i = 0; i < ring->nr_pages; i++) {
		ring->pages[i] = emu_translate(ctrl, iova + i * (uint64_t)EMU_PAGE, prot);
		if (!ring->pages[i]) {
			emu_dma_fault(ctrl, iova + i * (uint64_t)EMU_PAGE, prot);
			return -1;
		}
	}
	ring->mapped = true;
	return 0;
}

static inline uint8_t *ring_entry(const struct emu_ring *ring, uint32_t index, uint32_t size)
{
	uint64_t off = (uint64_t)index * size;

	return ring->pages[off / EMU_PAGE] + off % EMU_PAGE;
}

/* A ring that is not there any more leaves the controller nothing to go on with. */
static bool ring_ready(struct emu_ctrl *ctrl, struct emu_ring *ring, uint64_t iova,
		       unsigned int prot)
{
	if (likely(ring->mapped) || !ring_map(ctrl, ring, iova, prot))
		return true;
	emu_ctrl_fatal(ctrl, "the memory of a queue in use is not mapped");
	return false;
}

/* ---- doorbells ---- */

static uint32_t *bar_doorbell(struct emu_ctrl *ctrl, uint32_t off)
{
	return (uint32_t *)(void *)(ctrl->engine->bar + off);
}

/* A queue's place in a page of shadow doorbells or event indexes; NULL: beyond the page. */
static uint32_t *shadow_slot(struct emu_ctrl *ctrl, int buf, uint32_t bar_off)
{
	uint32_t off = bar_off - NVM_REG_DBS;
	uint8_t *page = ctrl->engine->dbbuf[buf];

	if (!page || off > EMU_PAGE - sizeof(uint32_t))
		return NULL;
	return (uint32_t *)(void *)(page + off);
}

static uint32_t *doorbell(struct emu_ctrl *ctrl, uint16_t qid, uint32_t off)
{
	uint32_t *shadow = qid ? shadow_slot(ctrl, 0, off) : NULL;

	return shadow ? shadow : bar_doorbell(ctrl, off);
}

static uint32_t sq_off(const struct emu_ctrl *ctrl, uint32_t qid)
{
	return NVM_REG_SQTDBL(qid, ctrl->cfg->dstrd);
}

static uint32_t cq_off(const struct emu_ctrl *ctrl, uint32_t qid)
{
	return NVM_REG_CQHDBL(qid, ctrl->cfg->dstrd);
}

static inline uint32_t doorbell_read(const uint32_t *db)
{
	return le32_to_cpu((__force leint32_t)atomic_load_acquire(db));
}

/* Entries from @from up to @to, in a ring of @size. */
static inline uint32_t distance(uint32_t from, uint32_t to, uint32_t size)
{
	return to >= from ? to - from : to + size - from;
}

static void doorbell_bad(struct emu_ctrl *ctrl, const char *kind, uint16_t qid, uint32_t value)
{
	emu_violation(ctrl, "invalid value %u in the %s doorbell of queue %u", value, kind, qid);
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
	uint32_t raw = doorbell_read(cq->db);

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

static inline void cq_post(struct emu_cq *cq, const struct emu_cpl *cpl, bool phase)
{
	struct nvme_cqe *cqe = (void *)ring_entry(&cq->ring, cq->tail, CQE_SIZE);
	leint16_t sfp = cpu_to_le16((uint16_t)(cpl->status << 1 | phase));

	cqe->dw0 = cpu_to_le32(cpl->dw0);
	cqe->dw1 = cpu_to_le32(cpl->dw1);
	cqe->sqhd = cpu_to_le16(cpl->sqhd);
	cqe->sqid = cpu_to_le16(cpl->sqid);
	cqe->cid = cpl->cid;
	/* The phase makes the entry the host's; it pairs with the host's acquire of this word. */
	atomic_store_release((uint16_t *)(void *)&cqe->sfp, (__force uint16_t)sfp);

	cq->posted++;
	if (unlikely(++cq->tail == cq->qsize)) {
		cq->tail = 0;
		cq->phase = !cq->phase;
	}
}

void emu_post(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl, bool stale)
{
	if (!ring_ready(ctrl, &cq->ring, cq->iova, EMU_DMA_WRITE))
		return;
	if (unlikely(cpl->status))
		ctrl->stats.errors++;
	cq_post(cq, cpl, cq->phase != stale);
}

void emu_cq_signal(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	uint32_t nr = cq->posted;

	cq->posted = 0;
	if (nr && cq->irq_enabled)
		emu_irq_post(ctrl, cq, nr);
}

void emu_post_or_block(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl)
{
	if (!ctrl->engine->run)
		return;
	emu_queues_refresh(ctrl);
	if (cq->blocked || emu_cq_full(ctrl, cq)) {
		emu_blocked_add(ctrl, cq, cpl);
		return;
	}
	emu_post(ctrl, cq, cpl, false);
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
	if (unlikely(req->cmd.flags & req->sq->bad_flags)) {
		emu_violation(req->ctrl, "command %02xh on queue %u has flags %02xh",
			      req->cmd.opcode, req->sq->qid, req->cmd.flags);
		return EMU_SC_DNR(NVM_SC_INVALID_FIELD);
	}
	if (unlikely(!req->sq->qid)) {
		req->ctrl->stats.admin_cmds++;
		return emu_admin_exec(req);
	}
	req->ctrl->stats.io_cmds++;
	return emu_nvm_exec(req);
}

static void cmd_run(struct emu_ctrl *ctrl, struct emu_sq *sq)
{
	struct emu_req *req = &ctrl->engine->req;
	uint16_t status;

	/* One copy: the host may write to its ring at any moment. */
	memcpy(&req->cmd, ring_entry(&sq->ring, sq->head, SQE_SIZE), SQE_SIZE);
	if (unlikely(++sq->head == sq->qsize))
		sq->head = 0;
	req->sq = sq;
	req->cid = req->cmd.cid;
	req->dw0 = req->dw1 = 0;
	req->niov = 0;

	if (unlikely(ctrl->engine->nr_faults) && emu_fault_run(ctrl, req))
		return;
	status = emu_cmd_exec(req);
	if (status == EMU_NO_COMPLETION)
		return;
	if (unlikely(status))
		emu_log_error(req, status);
	emu_post(ctrl, sq->cq,
		 &(struct emu_cpl){
			 .sqid = sq->qid,
			 .sqhd = (uint16_t)sq->head,
			 .cid = req->cid,
			 .status = status,
			 .dw0 = req->dw0,
			 .dw1 = req->dw1,
		 },
		 false);
}

static uint32_t burst(const struct emu_ctrl *ctrl)
{
	return ctrl->arb_burst && ctrl->arb_burst < BURST_MAX ? ctrl->arb_burst : BURST_MAX;
}

static bool sq_run(struct emu_ctrl *ctrl, struct emu_sq *sq)
{
	uint32_t raw = doorbell_read(sq->db), nr;
	struct emu_cq *cq = sq->cq;

	if (raw != sq->raw)
		sq_tail_changed(ctrl, sq, raw);
	if (sq->head == sq->tail || !ring_ready(ctrl, &sq->ring, sq->iova, EMU_DMA_READ))
		return false;

	for (nr = 0; nr < burst(ctrl) && sq->head != sq->tail; nr++) {
		if (unlikely(emu_cq_full(ctrl, cq)))
			break;
		cmd_run(ctrl, sq);
		if (unlikely(!ctrl->engine->run))
			return true;
	}
	emu_cq_signal(ctrl, cq);
	return nr;
}

/* ---- rounds ---- */

static int dbbuf_map(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (int i = 0; i < 2; i++) {
		unsigned int prot = i ? EMU_DMA_WRITE : EMU_DMA_READ;

		e->dbbuf[i] = emu_translate(ctrl, e->dbbuf_iova[i], prot);
		if (!e->dbbuf[i]) {
			emu_dma_fault(ctrl, e->dbbuf_iova[i], prot);
			return -1;
		}
	}
	return 0;
}

static void doorbells_point(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < e->nr_sqs; i++)
		e->active_sqs[i]->db =
			doorbell(ctrl, e->active_sqs[i]->qid, sq_off(ctrl, e->active_sqs[i]->qid));
	for (uint32_t i = 0; i < e->nr_cqs; i++)
		e->active_cqs[i]->db =
			doorbell(ctrl, e->active_cqs[i]->qid, cq_off(ctrl, e->active_cqs[i]->qid));
}

static void dbbuf_off(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	e->dbbuf_on = false;
	e->dbbuf[0] = e->dbbuf[1] = NULL;
	doorbells_point(ctrl);
}

void emu_queues_refresh(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	uint64_t gen = atomic_load_acquire(&ctrl->dom->gen);

	if (likely(gen == e->gen))
		return;
	e->gen = gen;
	for (uint32_t i = 0; i < e->nr_sqs; i++)
		e->active_sqs[i]->ring.mapped = false;
	for (uint32_t i = 0; i < e->nr_cqs; i++)
		e->active_cqs[i]->ring.mapped = false;
	if (!e->dbbuf_on)
		return;
	if (dbbuf_map(ctrl))
		dbbuf_off(ctrl);
	else
		doorbells_point(ctrl);
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

		if (doorbell_read(sq->db) != sq->raw)
			return true;
		if (sq->head != sq->tail && !emu_cq_full(ctrl, sq->cq))
			return true;
	}
	for (uint32_t i = 0; e->nr_blocked && i < e->nr_cqs; i++)
		if (e->active_cqs[i]->blocked && !emu_cq_full(ctrl, e->active_cqs[i]))
			return true;
	return false;
}

static void stray_doorbell(struct emu_ctrl *ctrl, const char *kind, uint16_t qid, uint32_t off)
{
	uint32_t *db = bar_doorbell(ctrl, off);

	if (!doorbell_read(db))
		return;
	STORE_PTR(db, 0);
	emu_violation(ctrl, "write to the %s doorbell of queue %u, which does not exist", kind,
		      qid);
	emu_event(ctrl, NVM_AEN_TYPE_ERROR, NVM_AEN_ERROR_DB_REG, NVM_LOG_ERROR);
}

void emu_queues_idle(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < e->nr_cqs; i++)
		cq_head_look(ctrl, e->active_cqs[i]);
	for (uint32_t i = 0; i < AUDIT_QUEUES && i <= ctrl->nr_queues; i++) {
		uint32_t qid = e->audit_qid++ % (ctrl->nr_queues + 1);

		if (!ctrl->sqs[qid].valid)
			stray_doorbell(ctrl, "tail", (uint16_t)qid, sq_off(ctrl, qid));
		if (!ctrl->cqs[qid].valid)
			stray_doorbell(ctrl, "head", (uint16_t)qid, cq_off(ctrl, qid));
	}
}

/* While the thread polls, the event indexes stay behind, so that hosts need no doorbell. */
void emu_queues_before_sleep(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	emu_queues_refresh(ctrl);
	for (uint32_t i = 0; e->dbbuf_on && i < e->nr_sqs; i++) {
		struct emu_sq *sq = e->active_sqs[i];
		uint32_t *slot = sq->qid ? shadow_slot(ctrl, 1, sq_off(ctrl, sq->qid)) : NULL;

		if (slot)
			STORE_PTR(slot, (__force uint32_t)cpu_to_le32(sq->raw));
	}
	for (uint32_t i = 0; e->dbbuf_on && i < e->nr_cqs; i++) {
		struct emu_cq *cq = e->active_cqs[i];
		uint32_t *slot = cq->qid ? shadow_slot(ctrl, 1, cq_off(ctrl, cq->qid)) : NULL;

		if (slot)
			STORE_PTR(slot, (__force uint32_t)cpu_to_le32(cq->raw));
	}
}

/* ---- life of a queue ---- */

uint16_t emu_cq_start(struct emu_ctrl *ctrl, const struct emu_cq *tmpl)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_cq *cq = &ctrl->cqs[tmpl->qid];

	if (tmpl->qid && NVM_GET(e->cc, CC_IOCQES) != 4)
		return EMU_SC_DNR(NVM_SC_QUEUE_SIZE);
	*cq = (struct emu_cq){
		.qid = tmpl->qid,
		.qsize = tmpl->qsize,
		.iova = tmpl->iova,
		.vector = tmpl->vector,
		.irq_enabled = tmpl->irq_enabled,
		.phase = true,
	};
	if (ring_alloc(&cq->ring, (size_t)cq->qsize * CQE_SIZE))
		return NVM_SC_INTERNAL;
	if (ring_map(ctrl, &cq->ring, cq->iova, EMU_DMA_WRITE)) {
		ring_free(&cq->ring);
		return NVM_SC_DATA_XFER_ERROR;
	}
	cq->db = doorbell(ctrl, cq->qid, cq_off(ctrl, cq->qid));
	STORE_PTR(bar_doorbell(ctrl, cq_off(ctrl, cq->qid)), 0);
	cq->valid = true;
	e->active_cqs[e->nr_cqs++] = cq;
	return 0;
}

/* Which of a command's flags are reserved or not supported on a queue. */
static uint8_t bad_flags(const struct emu_ctrl *ctrl, uint16_t qid)
{
	uint8_t psdt = NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT;

	/* No metadata SGLs: the upper bit of PSDT stands for those, and for reserved. */
	if (qid && ctrl->cfg->sgl)
		psdt = NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL << NVME_CMD_FLAGS_PSDT_SHIFT;
	return psdt | 0x3c;
}

uint16_t emu_sq_start(struct emu_ctrl *ctrl, const struct emu_sq *tmpl)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_sq *sq = &ctrl->sqs[tmpl->qid];

	if (tmpl->qid && NVM_GET(e->cc, CC_IOSQES) != 6)
		return EMU_SC_DNR(NVM_SC_QUEUE_SIZE);
	*sq = (struct emu_sq){
		.qid = tmpl->qid,
		.qsize = tmpl->qsize,
		.iova = tmpl->iova,
		.cqid = tmpl->cqid,
		.prio = tmpl->prio,
		.bad_flags = bad_flags(ctrl, tmpl->qid),
		.cq = &ctrl->cqs[tmpl->cqid],
	};
	if (ring_alloc(&sq->ring, (size_t)sq->qsize * SQE_SIZE))
		return NVM_SC_INTERNAL;
	if (ring_map(ctrl, &sq->ring, sq->iova, EMU_DMA_READ)) {
		ring_free(&sq->ring);
		return NVM_SC_DATA_XFER_ERROR;
	}
	sq->db = doorbell(ctrl, sq->qid, sq_off(ctrl, sq->qid));
	STORE_PTR(bar_doorbell(ctrl, sq_off(ctrl, sq->qid)), 0);
	sq->valid = true;
	sq->cq->nr_sqs++;
	e->active_sqs[e->nr_sqs++] = sq;
	return 0;
}

void emu_cq_stop(struct emu_ctrl *ctrl, uint16_t qid)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_cq *cq = &ctrl->cqs[qid];
	uint32_t i = 0;

	emu_blocked_drop(ctrl, cq, -1);
	while (e->active_cqs[i] != cq)
		i++;
	memmove(&e->active_cqs[i], &e->active_cqs[i + 1],
		(--e->nr_cqs - i) * sizeof(*e->active_cqs));
	STORE_PTR(bar_doorbell(ctrl, cq_off(ctrl, qid)), 0);
	ring_free(&cq->ring);
	*cq = (struct emu_cq){.valid = false};
}

void emu_sq_stop(struct emu_ctrl *ctrl, uint16_t qid)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_sq *sq = &ctrl->sqs[qid];
	uint32_t i = 0;

	emu_held_drop(ctrl, qid);
	emu_blocked_drop(ctrl, sq->cq, qid);
	while (e->active_sqs[i] != sq)
		i++;
	memmove(&e->active_sqs[i], &e->active_sqs[i + 1],
		(--e->nr_sqs - i) * sizeof(*e->active_sqs));
	sq->cq->nr_sqs--;
	STORE_PTR(bar_doorbell(ctrl, sq_off(ctrl, qid)), 0);
	ring_free(&sq->ring);
	*sq = (struct emu_sq){.valid = false};
}

void emu_queues_reset(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	dbbuf_off(ctrl);
	while (e->nr_sqs)
		emu_sq_stop(ctrl, e->active_sqs[e->nr_sqs - 1]->qid);
	while (e->nr_cqs)
		emu_cq_stop(ctrl, e->active_cqs[e->nr_cqs - 1]->qid);
	emu_held_drop(ctrl, -1);
}

uint16_t emu_dbbuf_config(struct emu_ctrl *ctrl, uint64_t doorbells, uint64_t eventidxs)
{
	struct emu_engine *e = ctrl->engine;

	e->dbbuf_iova[0] = doorbells;
	e->dbbuf_iova[1] = eventidxs;
	e->dbbuf_on = true;
	if (dbbuf_map(ctrl)) {
		dbbuf_off(ctrl);
		return NVM_SC_DATA_XFER_ERROR;
	}
	doorbells_point(ctrl);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: in the BAR, or in the shadow of it that the host keeps in its memory.
 *
 * Spec: NVM Express Base 2.0, "Doorbell Buffer Config command", "Updating Controller
 * Doorbell Properties using a Shadow Doorbell Buffer".
 */
#include "emu/dma.h"
#include "emu/doorbell.h"
#include "emu/remote.h"

/* How many queue identifiers are looked at in a row. */
#define AUDIT_QUEUES 64u

static uint32_t *bar_slot(struct emu_ctrl *ctrl, uint32_t off)
{
	return (uint32_t *)(void *)(ctrl->engine->bar + off);
}

/* A queue's place among the shadow doorbells or event indexes; NULL: beyond their memory page. */
static uint32_t *shadow_slot(struct emu_ctrl *ctrl, int buf, uint32_t bar_off)
{
	uint32_t off = bar_off - NVM_REG_DBS;

	if (!ctrl->engine->dbbuf_on || off >= ctrl->page_size)
		return NULL;
	return (uint32_t *)(void *)(ctrl->engine->dbbuf[buf][off / EMU_PAGE] + off % EMU_PAGE);
}

uint32_t *emu_doorbell_find(struct emu_ctrl *ctrl, uint16_t qid, uint32_t off)
{
	uint32_t *shadow = qid ? shadow_slot(ctrl, 0, off) : NULL;

	return shadow ? shadow : bar_slot(ctrl, off);
}

static int dbbuf_map_one(struct emu_ctrl *ctrl, int buf, unsigned int prot)
{
	uint8_t **pages = ctrl->engine->dbbuf[buf];
	uint64_t iova = ctrl->engine->dbbuf_iova[buf];

	for (uint32_t i = 0; i < ctrl->page_size / EMU_PAGE; i++, iova += EMU_PAGE) {
		pages[i] = emu_translate(ctrl, iova, prot);
		if (!pages[i]) {
			emu_dma_fault(ctrl, iova, prot);
			return -1;
		}
		/* No mistake of the host's, but nothing that could be polled. */
		if (emu_remote_owns(ctrl, pages[i]))
			return -1;
	}
	return 0;
}

static int dbbuf_map(struct emu_ctrl *ctrl)
{
	if (dbbuf_map_one(ctrl, 0, EMU_DMA_READ))
		return -1;
	return dbbuf_map_one(ctrl, 1, EMU_DMA_WRITE);
}

static void doorbells_point(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < e->nr_sqs; i++)
		e->active_sqs[i]->db = emu_doorbell_find(ctrl, e->active_sqs[i]->qid,
							 emu_sq_off(ctrl, e->active_sqs[i]->qid));
	for (uint32_t i = 0; i < e->nr_cqs; i++)
		e->active_cqs[i]->db = emu_doorbell_find(ctrl, e->active_cqs[i]->qid,
							 emu_cq_off(ctrl, e->active_cqs[i]->qid));
}

void emu_dbbuf_off(struct emu_ctrl *ctrl)
{
	ctrl->engine->dbbuf_on = false;
	doorbells_point(ctrl);
}

/* While the thread polls, the event indexes stay behind, so that hosts need no doorbell. */
void emu_dbbuf_before_sleep(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; e->dbbuf_on && i < e->nr_sqs; i++) {
		struct emu_sq *sq = e->active_sqs[i];
		uint32_t *slot = sq->qid ? shadow_slot(ctrl, 1, emu_sq_off(ctrl, sq->qid)) : NULL;

		if (slot)
			STORE_PTR(slot, (__force uint32_t)cpu_to_le32(sq->raw));
	}
	for (uint32_t i = 0; e->dbbuf_on && i < e->nr_cqs; i++) {
		struct emu_cq *cq = e->active_cqs[i];
		uint32_t *slot = cq->qid ? shadow_slot(ctrl, 1, emu_cq_off(ctrl, cq->qid)) : NULL;

		if (slot)
			STORE_PTR(slot, (__force uint32_t)cpu_to_le32(cq->raw));
	}
}

uint16_t emu_dbbuf_config(struct emu_ctrl *ctrl, uint64_t doorbells, uint64_t eventidxs)
{
	struct emu_engine *e = ctrl->engine;

	e->dbbuf_iova[0] = doorbells;
	e->dbbuf_iova[1] = eventidxs;
	e->dbbuf_on = true;
	if (dbbuf_map(ctrl)) {
		emu_dbbuf_off(ctrl);
		return NVM_SC_DATA_XFER_ERROR;
	}
	doorbells_point(ctrl);
	return 0;
}

/* The registers hold values of long ago: they would announce entries that are none. */
static void forget_shadows(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	emu_dbbuf_off(ctrl);
	for (uint32_t i = 0; i < e->nr_sqs; i++)
		e->active_sqs[i]->raw = emu_doorbell_read(e->active_sqs[i]->db);
	for (uint32_t i = 0; i < e->nr_cqs; i++)
		e->active_cqs[i]->raw = emu_doorbell_read(e->active_cqs[i]->db);
}

void emu_dbbuf_refresh(struct emu_ctrl *ctrl)
{
	if (!ctrl->engine->dbbuf_on)
		return;
	if (!ctrl->engine->run) { /* nothing is fetched any more until a reset */
		forget_shadows(ctrl);
		return;
	}
	if (!dbbuf_map(ctrl)) {
		doorbells_point(ctrl);
		return;
	}
	forget_shadows(ctrl);
	emu_ctrl_fatal(ctrl, "the memory of the shadow doorbells in use is not mapped");
}

void emu_doorbell_clear(struct emu_ctrl *ctrl, uint32_t off)
{
	STORE_PTR(bar_slot(ctrl, off), 0);
}

static void stray_doorbell(struct emu_ctrl *ctrl, const char *kind, uint16_t qid, uint32_t off)
{
	uint32_t *db = bar_slot(ctrl, off);

	if (!emu_doorbell_read(db))
		return;
	STORE_PTR(db, 0);
	emu_violation(ctrl, "write to the %s doorbell of queue %u, which does not exist", kind,
		      qid);
	emu_log_other_error(ctrl, NVM_SC_QID_INVALID);
	emu_event(ctrl, NVM_AEN_TYPE_ERROR, NVM_AEN_ERROR_DB_REG, NVM_LOG_ERROR);
}

void emu_doorbells_audit(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < AUDIT_QUEUES && i <= ctrl->nr_queues; i++) {
		uint32_t qid = e->audit_qid++ % (ctrl->nr_queues + 1);

		if (!ctrl->sqs[qid].valid)
			stray_doorbell(ctrl, "tail", (uint16_t)qid, emu_sq_off(ctrl, qid));
		if (!ctrl->cqs[qid].valid)
			stray_doorbell(ctrl, "head", (uint16_t)qid, emu_cq_off(ctrl, qid));
	}
}

bool emu_doorbell_ring(struct emu_ctrl *ctrl, uint32_t off, uint32_t val)
{
	if (off < NVM_REG_DBS || !emu_doorbell_exists(ctrl, off))
		return false;
	atomic_store_release(bar_slot(ctrl, off), (__force uint32_t)cpu_to_le32(val));
	emu_wake(ctrl);
	return true;
}

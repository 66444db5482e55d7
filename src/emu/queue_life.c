/* SPDX-License-Identifier: MIT */
/*
 * Queues come to life and go. What may be asked for was checked before.
 */
#include <string.h>

#include "emu/config.h"
#include "emu/dma.h"
#include "emu/doorbell.h"
#include "emu/held.h"
#include "emu/queue.h"
#include "emu/ring.h"

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
	if (emu_ring_alloc(&cq->ring, (size_t)cq->qsize * NVM_CQE_SIZE))
		return NVM_SC_INTERNAL;
	if (emu_ring_map(ctrl, &cq->ring, cq->iova, EMU_DMA_WRITE)) {
		emu_ring_free(&cq->ring);
		return NVM_SC_DATA_XFER_ERROR;
	}
	cq->db = emu_doorbell_find(ctrl, cq->qid, emu_cq_off(ctrl, cq->qid));
	emu_doorbell_clear(ctrl, emu_cq_off(ctrl, cq->qid));
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
	if (emu_ring_alloc(&sq->ring, (size_t)sq->qsize * NVM_SQE_SIZE))
		return NVM_SC_INTERNAL;
	if (emu_ring_map(ctrl, &sq->ring, sq->iova, EMU_DMA_READ)) {
		emu_ring_free(&sq->ring);
		return NVM_SC_DATA_XFER_ERROR;
	}
	sq->db = emu_doorbell_find(ctrl, sq->qid, emu_sq_off(ctrl, sq->qid));
	emu_doorbell_clear(ctrl, emu_sq_off(ctrl, sq->qid));
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
	emu_doorbell_clear(ctrl, emu_cq_off(ctrl, qid));
	emu_ring_free(&cq->ring);
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
	emu_doorbell_clear(ctrl, emu_sq_off(ctrl, qid));
	emu_ring_free(&sq->ring);
	*sq = (struct emu_sq){.valid = false};
}

void emu_queues_reset(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	emu_dbbuf_off(ctrl);
	while (e->nr_sqs)
		emu_sq_stop(ctrl, e->active_sqs[e->nr_sqs - 1]->qid);
	while (e->nr_cqs)
		emu_cq_stop(ctrl, e->active_cqs[e->nr_cqs - 1]->qid);
	emu_held_drop(ctrl, -1);
}

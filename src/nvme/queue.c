/* SPDX-License-Identifier: MIT */
/*
 * This side of a queue: its ring, its trackers, its doorbell. What the
 * controller knows of it is src/nvme/create.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/util.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "nvme/follow.h"
#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"
#include "support/errno.h"

/* Doorbell of a queue: slot 2 * qid is a tail, 2 * qid + 1 a head. */
static void *doorbell(const struct nvme_ctrl *ctrl, uint32_t slot)
{
	return (char *)ctrl->doorbells + (size_t)slot * (4u << ctrl->config.dstrd);
}

static int check_size(struct nvme_ctrl *ctrl, const char *kind, int qid, int last_qid, int qsize)
{
	/* The admin queues' limit is AQA's, not CAP.MQES. */
	int max = qid == NVME_AQ ? NVME_AQ_QSIZE_MAX : ctrl->config.mqes + 1;
	uint64_t cap;

	if (qid < 0 || qid > last_qid) {
		log_error("%s %d: there is room for 0 to %d\n", kind, qid, last_qid);
		return set_errno(EINVAL);
	}
	if (qsize < 2 || qsize > max) {
		log_error("%s %d: %d entries; the controller takes 2 to %d\n", kind, qid, qsize,
			  max);
		return set_errno(EINVAL);
	}
	if ((size_t)(2 * qid + 2) * (4u << ctrl->config.dstrd) > ctrl->priv->doorbells_len) {
		log_error("%s %d: the device has no doorbell for it\n", kind, qid);
		return set_errno(EINVAL);
	}
	return nvme_reg_read64(ctrl, NVM_REG_CAP, &cap);
}

/* What Create I/O Submission Queue knows; rings are contiguous in any case. */
#define SQ_FLAGS ((unsigned long)(NVME_Q_PC | NVME_SQ_QPRIO_LOW))

int nvme_check_sq_flags(int qid, unsigned long flags)
{
	if (!(flags & ~SQ_FLAGS))
		return 0;
	log_error("submission queue %d: flags 0x%lx: no such flag\n", qid, flags & ~SQ_FLAGS);
	return set_errno(EINVAL);
}

static int check_mem(const struct nvme_ctrl *ctrl, const char *kind, int qid,
		     const struct iommu_dmabuf *mem, size_t need)
{
	size_t page = (size_t)__mps_to_pagesize(ctrl->config.mps);

	if (nvme_check_open(ctrl))
		return -1;
	if (!mem || !mem->vaddr || (size_t)mem->len < need || mem->iova & (page - 1)) {
		log_error("%s %d: its ring needs %zu bytes of mapped memory, aligned to %zu\n",
			  kind, qid, need, page);
		return set_errno(EINVAL);
	}
	return 0;
}

static const uint32_t *asleep_flag(struct transport *tp)
{
	return tp->ops->asleep ? tp->ops->asleep(tp) : NULL;
}

void nvme_cq_connect(struct nvme_ctrl *ctrl, struct nvme_cq *cq)
{
	uint32_t slot = 2 * (uint32_t)cq->id + 1;

	cq->asleep = asleep_flag(cq->transport);
	cq->doorbell = doorbell(ctrl, slot);
	nvme_dbbuf_assign(ctrl, &cq->dbbuf, slot);
}

void nvme_sq_connect(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	uint32_t slot = 2 * (uint32_t)sq->id;

	sq->asleep = asleep_flag(sq->transport);
	sq->doorbell = doorbell(ctrl, slot);
	nvme_dbbuf_assign(ctrl, &sq->dbbuf, slot);
}

/* Does a submission queue that the controller has complete on @cq? */
bool nvme_cq_in_use(const struct nvme_ctrl *ctrl, const struct nvme_cq *cq)
{
	for (int i = 0; i < ctrl->priv->nr_sqs; i++) {
		if (ctrl->sq[i].flags & NVME_Q_CREATED && ctrl->sq[i].cq == cq)
			return true;
	}
	return false;
}

static int configure_cq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			const struct iommu_dmabuf *mem)
{
	struct nvme_cq cq = {.qsize = qsize, .id = qid, .vector = vector};
	struct nvme_cq *slot;

	if (nvme_check_open(ctrl) ||
	    check_size(ctrl, "completion queue", qid, ctrl->priv->nr_cqs - 1, qsize))
		return -1;
	if (vector < -1 || vector > UINT16_MAX) {
		log_error("completion queue %d: no interrupt vector %d\n", qid, vector);
		return set_errno(EINVAL);
	}
	slot = &ctrl->cq[qid];
	if (slot->mem.vaddr && nvme_cq_in_use(ctrl, slot)) {
		log_error("completion queue %d: submission queues still use it\n", qid);
		return set_errno(EBUSY);
	}

	cq.follow = calloc(1, sizeof(*cq.follow));
	if (!cq.follow)
		return -1;
	cq.follow->gen = atomic_load_acquire(&ctrl->priv->recover.gen);
	if (mem) {
		cq.mem = *mem;
		cq.flags = NVME_Q_MEM_PREALLOCATED;
		memset(mem->vaddr, 0, (size_t)qsize << NVME_CQES);
	} else if (nvme_dma_alloc(ctrl, &cq.mem, (size_t)qsize << NVME_CQES)) {
		free(cq.follow);
		return -1;
	}

	nvme_discard_cq(ctrl, slot);
	cq.sqs = ctrl->sq;
	cq.nr_sqs = (uint32_t)ctrl->priv->nr_sqs;
	cq.entry_size = 1u << NVME_CQES;
	cq.ctrl = ctrl;
	nvme_cq_watch_init(&cq);
	cq.transport = ctrl->pci.dev.transport;
	nvme_cq_connect(ctrl, &cq);
	*slot = cq;
	return 0;
}

static int configure_sq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			const struct iommu_dmabuf *mem)
{
	struct nvme_sq sq = {.qsize = qsize, .id = qid, .cq = cq};
	struct nvme_sq *slot;

	if (nvme_check_open(ctrl) ||
	    check_size(ctrl, "submission queue", qid, ctrl->priv->nr_sqs - 1, qsize))
		return -1;
	if (!cq || !cq->mem.vaddr) {
		log_error("submission queue %d: its completion queue is not configured\n", qid);
		return set_errno(EINVAL);
	}
	slot = &ctrl->sq[qid];

	if (mem) {
		sq.mem = *mem;
		sq.flags = NVME_Q_MEM_PREALLOCATED;
	} else if (nvme_dma_alloc(ctrl, &sq.mem, (size_t)qsize << NVME_SQES)) {
		return -1;
	}
	if (nvme_rqs_init(&sq, ctrl))
		goto free_mem;

	nvme_discard_sq(ctrl, slot);
	sq.entry_size = 1u << NVME_SQES;
	sq.transport = ctrl->pci.dev.transport;
	nvme_sq_connect(ctrl, &sq);
	*slot = sq;
	return 0;

free_mem:
	if (!mem)
		iommu_put_dmabuf(&sq.mem);
	return -1;
}

int nvme_configure_cq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector)
{
	return configure_cq(ctrl, qid, qsize, vector, NULL);
}

int nvme_configure_sq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		      unsigned long flags)
{
	if (nvme_check_sq_flags(qid, flags))
		return -1;
	return configure_sq(ctrl, qid, qsize, cq, NULL);
}

int nvme_configure_cq_mem(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			  struct iommu_dmabuf *mem)
{
	if (check_mem(ctrl, "completion queue", qid, mem,
		      (size_t)(qsize < 0 ? 0 : qsize) << NVME_CQES))
		return -1;
	return configure_cq(ctrl, qid, qsize, vector, mem);
}

int nvme_configure_sq_mem(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			  unsigned long flags, struct iommu_dmabuf *mem)
{
	if (nvme_check_sq_flags(qid, flags) ||
	    check_mem(ctrl, "submission queue", qid, mem,
		      (size_t)(qsize < 0 ? 0 : qsize) << NVME_SQES))
		return -1;
	return configure_sq(ctrl, qid, qsize, cq, mem);
}

/* AQA, ASQ and ACQ for the queues configured under qid 0. */
int nvme_program_adminq(struct nvme_ctrl *ctrl)
{
	uint32_t aqa = NVM_SET((uint32_t)ctrl->sq[NVME_AQ].qsize - 1, AQA_ASQS) |
		       NVM_SET((uint32_t)ctrl->cq[NVME_AQ].qsize - 1, AQA_ACQS);

	if (nvme_reg_write32(ctrl, NVM_REG_AQA, aqa) ||
	    nvme_reg_write64(ctrl, NVM_REG_ASQ, ctrl->sq[NVME_AQ].mem.iova) ||
	    nvme_reg_write64(ctrl, NVM_REG_ACQ, ctrl->cq[NVME_AQ].mem.iova))
		return -1;
	return 0;
}

static int configure_adminq(struct nvme_ctrl *ctrl, int cq_size, int sq_size,
			    const struct iommu_dmabuf *cq_mem, const struct iommu_dmabuf *sq_mem)
{
	if (nvme_check_open(ctrl))
		return -1;
	/* Together they are replaced, so the old pair is no user of itself. */
	nvme_discard_sq(ctrl, &ctrl->sq[NVME_AQ]);
	if (configure_cq(ctrl, NVME_AQ, cq_size, 0, cq_mem))
		goto discard_cq;
	if (configure_sq(ctrl, NVME_AQ, sq_size, &ctrl->cq[NVME_AQ], sq_mem))
		goto discard_cq;
	if (nvme_program_adminq(ctrl))
		goto discard_sq;
	/* Here alone: during a reset by the ladder others read them. */
	ctrl->adminq.sq = &ctrl->sq[NVME_AQ];
	ctrl->adminq.cq = &ctrl->cq[NVME_AQ];
	return 0;

discard_sq:
	nvme_discard_sq(ctrl, &ctrl->sq[NVME_AQ]);
discard_cq: /* the old one, maybe */
	nvme_discard_cq(ctrl, &ctrl->cq[NVME_AQ]);
	return -1;
}

int nvme_configure_adminq(struct nvme_ctrl *ctrl, unsigned long sq_flags)
{
	if (nvme_check_sq_flags(NVME_AQ, sq_flags))
		return -1;
	return configure_adminq(ctrl, NVME_AQ_QSIZE, NVME_AQ_QSIZE, NULL, NULL);
}

/* Entries that fit into @mem, as far as an admin queue can use them. */
static int entries(const struct iommu_dmabuf *mem, int log2_entry)
{
	ssize_t n = mem ? mem->len >> log2_entry : 0;

	return n > NVME_AQ_QSIZE_MAX ? NVME_AQ_QSIZE_MAX : (int)n;
}

int nvme_configure_adminq_mem(struct nvme_ctrl *ctrl, unsigned long flags,
			      struct iommu_dmabuf *cq_mem, struct iommu_dmabuf *sq_mem)
{
	if (nvme_check_sq_flags(NVME_AQ, flags) ||
	    check_mem(ctrl, "admin completion queue", NVME_AQ, cq_mem, 2u << NVME_CQES) ||
	    check_mem(ctrl, "admin submission queue", NVME_AQ, sq_mem, 2u << NVME_SQES))
		return -1;
	return configure_adminq(ctrl, entries(cq_mem, NVME_CQES), entries(sq_mem, NVME_SQES),
				cq_mem, sq_mem);
}

/* May the controller still use the memory of a queue with these flags? */
static bool in_device(const struct nvme_ctrl *ctrl, uint32_t flags, int qid)
{
	return ctrl->priv->enabled && (flags & NVME_Q_CREATED || qid == NVME_AQ);
}

void nvme_discard_cq(struct nvme_ctrl *ctrl, struct nvme_cq *cq)
{
	keep_errno();

	if (!ctrl->priv || !cq->mem.vaddr)
		return;
	if (in_device(ctrl, cq->flags, cq->id) && !(cq->flags & NVME_Q_MEM_PREALLOCATED))
		nvme_park(ctrl, &cq->mem, NULL);
	nvme_cq_free(ctrl, cq);
}

void nvme_discard_sq(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	keep_errno();

	if (!ctrl->priv || !sq->mem.vaddr)
		return;
	if (in_device(ctrl, sq->flags, sq->id)) {
		if (!(sq->flags & NVME_Q_MEM_PREALLOCATED))
			nvme_park(ctrl, &sq->mem, NULL);
		nvme_rqs_park(sq);
	}
	nvme_cq_disown(sq->cq, sq);
	nvme_sq_free(ctrl, sq);
}

void nvme_cq_free(struct nvme_ctrl *ctrl, struct nvme_cq *cq)
{
	if (!(cq->flags & NVME_Q_MEM_PREALLOCATED))
		iommu_put_dmabuf(&cq->mem);
	nvme_kept_exit(cq);
	if (cq->follow)
		nvme_op_drop(ctrl, &cq->follow->op);
	free(cq->follow);
	if (ctrl->adminq.cq == cq)
		ctrl->adminq.cq = NULL;
	memset(cq, 0, sizeof(*cq));
}

void nvme_sq_free(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	if (sq->cq)
		nvme_kept_disown(sq->cq, sq);
	nvme_rqs_exit(sq);
	if (!(sq->flags & NVME_Q_MEM_PREALLOCATED))
		iommu_put_dmabuf(&sq->mem);
	if (ctrl->adminq.sq == sq) {
		ctrl->adminq.sq = NULL;
		ctrl->priv->admin_restarts++;
		nvme_op_drop(ctrl, &ctrl->priv->alive.op);
		nvme_op_drop(ctrl, &ctrl->priv->events.op);
		nvme_recover_forget(ctrl);
	}
	memset(sq, 0, sizeof(*sq));
}

void nvme_cq_ring_restart(struct nvme_cq *cq)
{
	memset(cq->mem.vaddr, 0, (size_t)cq->qsize << NVME_CQES);
	nvme_cq_count_restart(cq);
	cq->rung = 0;
	cq->phase = 0;
}

void nvme_sq_ring_restart(struct nvme_sq *sq)
{
	nvme_sq_count_restart(sq);
	sq->ptail = 0;
	sq->head = 0;
}

void nvme_cq_restart(struct nvme_cq *cq)
{
	nvme_cq_ring_restart(cq);
	cq->flags &= ~NVME_Q_CREATED;
	nvme_kept_restart(cq);
	nvme_cq_connect(cq->ctrl, cq);
	nvme_op_drop(cq->ctrl, &cq->follow->op);
	cq->follow->stage = NVME_FOLLOW_LIVE;
	cq->follow->gen = atomic_load_acquire(&cq->ctrl->priv->recover.gen);
}

/* Its completion queue may be gone: one that could not be made anew after the last reset. */
void nvme_sq_restart(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	nvme_sq_ring_restart(sq);
	sq->flags &= ~NVME_Q_CREATED;
	nvme_sq_connect(ctrl, sq);
	if (sq->id == NVME_AQ)
		ctrl->priv->admin_restarts++;
	nvme_rqs_restart(sq);
}

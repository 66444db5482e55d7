/* SPDX-License-Identifier: MIT */
/*
 * I/O queues in the controller: create and delete. Memory goes only after the
 * controller has acknowledged that the queue is gone.
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/util.h>
#include <belfry/support/log.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "support/errno.h"

#define QPRIO_MASK NVME_SQ_QPRIO_LOW

/* May a queue of this identifier be made? Programs write to @granted: it bounds no array. */
static int check_qid(const char *kind, int qid, int granted, int nr)
{
	int last = granted + 1 < nr ? granted + 1 : nr - 1;

	if (qid >= 1 && qid <= last)
		return 0;
	log_error("%s %d: there are 1 to %d\n", kind, qid, last);
	return set_errno(EINVAL);
}

static int check_absent(const char *kind, int qid, uint32_t flags)
{
	if (!(flags & NVME_Q_CREATED))
		return 0;
	log_error("%s %d: exists already\n", kind, qid);
	return set_errno(EEXIST);
}

void nvme_create_cq_cmd(const struct nvme_cq *cq, union nvme_cmd *cmd)
{
	uint16_t flags = NVME_Q_PC;

	*cmd = (union nvme_cmd){.create_cq = {.opcode = NVM_ADMIN_CREATE_CQ}};
	if (cq->vector != -1) {
		flags |= NVME_CQ_IEN;
		cmd->create_cq.iv = cpu_to_le16((uint16_t)cq->vector);
	}
	cmd->create_cq.prp1 = cpu_to_le64(cq->mem.iova);
	cmd->create_cq.qid = cpu_to_le16((uint16_t)cq->id);
	cmd->create_cq.qsize = cpu_to_le16((uint16_t)(cq->qsize - 1)); /* 0's based */
	cmd->create_cq.qflags = cpu_to_le16(flags);
}

void nvme_create_sq_cmd(const struct nvme_sq *sq, union nvme_cmd *cmd)
{
	uint32_t prio = sq->flags >> NVME_Q_PRIO_SHIFT & QPRIO_MASK;

	*cmd = (union nvme_cmd){.create_sq = {.opcode = NVM_ADMIN_CREATE_SQ}};
	cmd->create_sq.prp1 = cpu_to_le64(sq->mem.iova);
	cmd->create_sq.qid = cpu_to_le16((uint16_t)sq->id);
	cmd->create_sq.qsize = cpu_to_le16((uint16_t)(sq->qsize - 1)); /* 0's based */
	cmd->create_sq.qflags = cpu_to_le16((uint16_t)(NVME_Q_PC | prio));
	cmd->create_sq.cqid = cpu_to_le16((uint16_t)sq->cq->id);
}

int nvme_create_iocq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector)
{
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	struct nvme_cq *cq;

	if (nvme_check_open(ctrl) ||
	    check_qid("completion queue", qid, ctrl->config.ncqa, ctrl->priv->nr_cqs))
		return -1;
	cq = &ctrl->cq[qid];
	if (check_absent("completion queue", qid, cq->flags) ||
	    nvme_configure_cq(ctrl, qid, qsize, vector))
		return -1;

	nvme_create_cq_cmd(cq, &cmd);
	/* Set before: without an answer the controller may have the queue. */
	cq->flags |= NVME_Q_CREATED;
	if (!nvme_admin(ctrl, &cmd, NULL, 0, &cqe))
		return 0;

	if (!nvme_maybe_lost(&cqe))
		cq->flags &= ~NVME_Q_CREATED;
	nvme_discard_cq(ctrl, cq);
	return -1;
}

int nvme_create_iosq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		     unsigned long flags)
{
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	struct nvme_sq *sq;

	if (nvme_check_open(ctrl) ||
	    check_qid("submission queue", qid, ctrl->config.nsqa, ctrl->priv->nr_sqs))
		return -1;
	sq = &ctrl->sq[qid];
	if (check_absent("submission queue", qid, sq->flags) ||
	    nvme_configure_sq(ctrl, qid, qsize, cq, flags))
		return -1;

	sq->flags |= (uint32_t)(flags & QPRIO_MASK) << NVME_Q_PRIO_SHIFT;
	nvme_create_sq_cmd(sq, &cmd);
	sq->flags |= NVME_Q_CREATED;
	if (!nvme_admin(ctrl, &cmd, NULL, 0, &cqe))
		return 0;

	if (!nvme_maybe_lost(&cqe))
		sq->flags &= ~NVME_Q_CREATED;
	nvme_discard_sq(ctrl, sq);
	return -1;
}

int nvme_create_ioqpair(struct nvme_ctrl *ctrl, int qid, int qsize, int vector, unsigned long flags)
{
	/* Before the controller is told of the first of them. */
	if (nvme_check_sq_flags(qid, flags) || nvme_create_iocq(ctrl, qid, qsize, vector))
		return -1;
	if (nvme_create_iosq(ctrl, qid, qsize, &ctrl->cq[qid], flags)) {
		keep_errno();

		/* After a timeout the controller may have both, and then keeps this one. */
		if (nvme_delete_iocq(ctrl, qid))
			nvme_discard_cq(ctrl, &ctrl->cq[qid]);
		return -1;
	}
	return 0;
}

static int delete_queue(struct nvme_ctrl *ctrl, uint8_t opcode, int qid)
{
	union nvme_cmd cmd = {.delete_q = {.opcode = opcode}};

	cmd.delete_q.qid = cpu_to_le16((uint16_t)qid);
	return nvme_admin(ctrl, &cmd, NULL, 0, NULL);
}

int nvme_delete_iocq(struct nvme_ctrl *ctrl, int qid)
{
	struct nvme_cq *cq;

	if (nvme_check_open(ctrl))
		return -1;
	if (qid < 1 || qid >= ctrl->priv->nr_cqs || !(ctrl->cq[qid].flags & NVME_Q_CREATED))
		return set_errno(EINVAL);
	cq = &ctrl->cq[qid];
	if (nvme_cq_in_use(ctrl, cq)) {
		log_error("completion queue %d: delete its submission queues first\n", qid);
		return set_errno(EBUSY);
	}
	if (delete_queue(ctrl, NVM_ADMIN_DELETE_CQ, qid))
		return -1;
	nvme_cq_free(ctrl, cq);
	return 0;
}

int nvme_delete_iosq(struct nvme_ctrl *ctrl, int qid)
{
	struct nvme_sq *sq;

	if (nvme_check_open(ctrl))
		return -1;
	if (qid < 1 || qid >= ctrl->priv->nr_sqs || !(ctrl->sq[qid].flags & NVME_Q_CREATED))
		return set_errno(EINVAL);
	sq = &ctrl->sq[qid];
	if (delete_queue(ctrl, NVM_ADMIN_DELETE_SQ, qid))
		return -1;
	nvme_cq_disown(sq->cq, sq);
	nvme_sq_free(ctrl, sq);
	return 0;
}

int nvme_delete_ioqpair(struct nvme_ctrl *ctrl, int qid)
{
	bool has_sq;

	if (nvme_check_open(ctrl))
		return -1;
	has_sq = qid >= 1 && qid < ctrl->priv->nr_sqs && ctrl->sq[qid].flags & NVME_Q_CREATED;
	/* A second try finds the submission queue gone already. */
	if (has_sq && nvme_delete_iosq(ctrl, qid))
		return -1;
	return nvme_delete_iocq(ctrl, qid);
}

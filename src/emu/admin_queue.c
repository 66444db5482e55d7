/* SPDX-License-Identifier: MIT */
/*
 * Create and Delete I/O Submission/Completion Queue: the rules. The engine has the queues.
 */
#include "emu/admin.h"
#include "emu/config.h"

/* Spec: "Create I/O Completion Queue command", status values, in the order of the fields. */
static uint16_t check_new_queue(const struct emu_req *req, uint32_t allocated, bool exists)
{
	const struct nvme_cmd_create_cq *cmd = &req->cmd.create_cq; /* an SQ's is alike so far */
	const uint16_t qid = le16_to_cpu(cmd->qid), qsize = le16_to_cpu(cmd->qsize);

	if (!qid || qid > allocated || exists)
		return NVM_SC_QID_INVALID;
	if (!qsize || qsize >= req->ctrl->cfg->mqes)
		return NVM_SC_QUEUE_SIZE;
	if (!(le16_to_cpu(cmd->qflags) & NVME_Q_PC))
		return NVM_SC_INVALID_FIELD; /* CAP.CQR is 1 */
	if (le64_to_cpu(cmd->prp1) & (req->ctrl->page_size - 1))
		return NVM_SC_PRP_INVALID_OFFSET;
	return 0;
}

static bool cq_exists(const struct emu_ctrl *ctrl, uint16_t qid)
{
	return qid && qid <= ctrl->nr_queues && ctrl->cqs[qid].valid;
}

static bool sq_exists(const struct emu_ctrl *ctrl, uint16_t qid)
{
	return qid && qid <= ctrl->nr_queues && ctrl->sqs[qid].valid;
}

uint16_t emu_create_cq(struct emu_req *req)
{
	const struct nvme_cmd_create_cq *cmd = &req->cmd.create_cq;
	const struct emu_cq cq = {
		.qid = le16_to_cpu(cmd->qid),
		.qsize = le16_to_cpu(cmd->qsize) + 1u,
		.iova = le64_to_cpu(cmd->prp1),
		.vector = le16_to_cpu(cmd->iv),
		.irq_enabled = le16_to_cpu(cmd->qflags) & NVME_CQ_IEN,
	};
	uint16_t status =
		check_new_queue(req, req->ctrl->admin->feat.ncqa, cq_exists(req->ctrl, cq.qid));

	if (status)
		return status;
	if (cq.irq_enabled && cq.vector >= req->ctrl->cfg->vectors)
		return NVM_SC_INVALID_VECTOR;
	return emu_cq_start(req->ctrl, &cq);
}

uint16_t emu_create_sq(struct emu_req *req)
{
	const struct nvme_cmd_create_sq *cmd = &req->cmd.create_sq;
	const struct emu_sq sq = {
		.qid = le16_to_cpu(cmd->qid),
		.qsize = le16_to_cpu(cmd->qsize) + 1u,
		.iova = le64_to_cpu(cmd->prp1),
		.cqid = le16_to_cpu(cmd->cqid),
		.prio = NVM_GET(le16_to_cpu(cmd->qflags), QFLAGS_QPRIO),
	};
	const struct emu_features *feat = &req->ctrl->admin->feat;
	uint16_t status = check_new_queue(req, feat->nsqa, sq_exists(req->ctrl, sq.qid));

	if (status)
		return status;
	if (!sq.cqid || sq.cqid > feat->ncqa)
		return NVM_SC_QID_INVALID;
	if (!cq_exists(req->ctrl, sq.cqid))
		return NVM_SC_CQ_INVALID;
	return emu_sq_start(req->ctrl, &sq);
}

uint16_t emu_delete_sq(struct emu_req *req)
{
	const uint16_t qid = le16_to_cpu(req->cmd.delete_q.qid);

	if (!sq_exists(req->ctrl, qid))
		return NVM_SC_QID_INVALID;
	emu_fused_abort(req->ctrl, qid, -1);
	emu_sq_stop(req->ctrl, qid);
	return 0;
}

uint16_t emu_delete_cq(struct emu_req *req)
{
	const uint16_t qid = le16_to_cpu(req->cmd.delete_q.qid);

	if (!cq_exists(req->ctrl, qid))
		return NVM_SC_QID_INVALID;
	if (req->ctrl->cqs[qid].nr_sqs)
		return NVM_SC_INVALID_QUEUE_DELETION;
	emu_cq_stop(req->ctrl, qid);
	return 0;
}

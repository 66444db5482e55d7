/* SPDX-License-Identifier: MIT */
/*
 * Settings that a reset takes away. See nvme/setup.h.
 */
#include "nvme/setup.h"

#include <errno.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/status.h>
#include <belfry/support/log.h>

#include "nvme/priv.h"

static void feature_cmd(union nvme_cmd *cmd, uint8_t fid, uint32_t value)
{
	cmd->features.opcode = NVM_ADMIN_SET_FEATURES;
	cmd->features.fid = fid;
	cmd->features.cdw11 = cpu_to_le32(value);
}

static void queues_cmd(struct nvme_ctrl *ctrl, union nvme_cmd *cmd)
{
	feature_cmd(cmd, NVM_FEAT_NUM_QUEUES,
		    (uint32_t)(ctrl->priv->nr_cqs - 2) << 16 | (uint32_t)(ctrl->priv->nr_sqs - 2));
}

int nvme_refused(const char *what, struct nvme_cqe *cqe)
{
	log_error("%s: refused: %s\n", what, nvme_status_str(nvme_cqe_status(cqe)));
	return nvme_set_errno_from_cqe(cqe);
}

static int queues_end(struct nvme_ctrl *ctrl, struct nvme_cqe *cqe)
{
	uint32_t granted = le32_to_cpu(cqe->dw0);

	if (!nvme_cqe_ok(cqe))
		return nvme_refused("Set Features, Number of Queues", cqe);

	ctrl->config.nsqa = (int)(granted & 0xffff);
	ctrl->config.ncqa = (int)(granted >> 16);
	/* It may grant more; there is no room here for those. */
	if (ctrl->config.nsqa > ctrl->priv->nr_sqs - 2)
		ctrl->config.nsqa = ctrl->priv->nr_sqs - 2;
	if (ctrl->config.ncqa > ctrl->priv->nr_cqs - 2)
		ctrl->config.ncqa = ctrl->priv->nr_cqs - 2;
	return 0;
}

static void dbbuf_cmd(struct nvme_ctrl *ctrl, union nvme_cmd *cmd)
{
	/* Of the queues that were there before. */
	memset(ctrl->dbbuf.doorbells.vaddr, 0, (size_t)ctrl->dbbuf.doorbells.len);
	memset(ctrl->dbbuf.eventidxs.vaddr, 0, (size_t)ctrl->dbbuf.eventidxs.len);
	cmd->opcode = NVM_ADMIN_DBBUF_CONFIG;
	cmd->dptr.prp1 = cpu_to_le64(ctrl->dbbuf.doorbells.iova);
	cmd->dptr.prp2 = cpu_to_le64(ctrl->dbbuf.eventidxs.iova);
}

bool nvme_setup_cmd(struct nvme_ctrl *ctrl, unsigned int setup, union nvme_cmd *cmd)
{
	memset(cmd, 0, sizeof(*cmd));
	switch (setup) {
	case NVME_SETUP_QUEUES:
		queues_cmd(ctrl, cmd);
		return ctrl->priv->has_io;
	case NVME_SETUP_DBBUF:
		if (!ctrl->dbbuf.eventidxs.vaddr)
			return false;
		dbbuf_cmd(ctrl, cmd);
		return true;
	case NVME_SETUP_KATO:
		feature_cmd(cmd, NVM_FEAT_KATO, LOAD(ctrl->priv->alive.kato_ms));
		return ctrl->priv->has_kato;
	case NVME_SETUP_EVENTS:
		feature_cmd(cmd, NVM_FEAT_ASYNC_EVENT, ctrl->priv->events.opts.config);
		return ctrl->priv->events.opts.config;
	default:
		return false;
	}
}

int nvme_setup_end(struct nvme_ctrl *ctrl, unsigned int setup, struct nvme_cqe *cqe)
{
	switch (setup) {
	case NVME_SETUP_QUEUES:
		return queues_end(ctrl, cqe);
	case NVME_SETUP_DBBUF:
		ctrl->priv->has_dbbuf = nvme_cqe_ok(cqe);
		if (!ctrl->priv->has_dbbuf)
			log_info("no shadow doorbells: %s\n",
				 nvme_status_str(nvme_cqe_status(cqe)));
		return 0;
	default:
		return nvme_set_errno_from_cqe(cqe);
	}
}

int nvme_setup_one(struct nvme_ctrl *ctrl, unsigned int setup)
{
	union nvme_cmd cmd;
	struct nvme_cqe cqe;

	if (!nvme_setup_cmd(ctrl, setup, &cmd))
		return 0;
	if (nvme_admin(ctrl, &cmd, NULL, 0, &cqe) && nvme_cqe_ok(&cqe))
		return -1;
	return nvme_setup_end(ctrl, setup, &cqe);
}

int nvme_setup_all(struct nvme_ctrl *ctrl)
{
	for (unsigned int setup = 0; setup < NVME_NR_SETUPS; setup++) {
		if (nvme_setup_one(ctrl, setup))
			return -1;
	}
	return 0;
}

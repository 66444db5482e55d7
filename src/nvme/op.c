/* SPDX-License-Identifier: MIT */
/*
 * Admin commands that nobody waits for. See nvme/op.h.
 */
#include "nvme/op.h"

#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/rq.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"
#include "support/errno.h"

int nvme_op_start(struct nvme_ctrl *ctrl, struct nvme_op *op, union nvme_cmd *cmd,
		  unsigned int timeout_ms)
{
	struct nvme_sq *sq = ctrl->adminq.sq;

	if (!sq)
		return set_errno(EINVAL);

	pthread_mutex_lock(&ctrl->priv->admin_lock);
	op->rq = nvme_rq_acquire_atomic(sq);
	if (op->rq)
		nvme_rq_exec(op->rq, cmd);
	pthread_mutex_unlock(&ctrl->priv->admin_lock);

	op->deadline_ms = nvme_coarse_ms() + timeout_ms;
	return op->rq ? 0 : -1;
}

/* Let go of the tracker, which is quarantined if its command is still under way. */
static void drop_locked(struct nvme_op *op)
{
	keep_errno();

	nvme_rq_release_atomic(op->rq);
	op->rq = NULL;
}

enum nvme_op_state nvme_op_check(struct nvme_ctrl *ctrl, struct nvme_op *op)
{
	enum nvme_op_state state = NVME_OP_PENDING;
	int others = ctrl->adminq.cq->qsize;
	enum nvme_reap reap;

	pthread_mutex_lock(&ctrl->priv->admin_lock);
	do
		reap = nvme_rq_reap(op->rq, &op->cqe);
	while (reap == NVME_REAP_OTHER && --others);

	if (reap == NVME_REAP_MINE) {
		state = NVME_OP_DONE;
	} else if (reap == NVME_REAP_ERROR && errno != ENOMEM) {
		state = NVME_OP_FAILED;
	} else if (nvme_coarse_ms() >= op->deadline_ms) {
		errno = ETIMEDOUT;
		state = NVME_OP_FAILED;
	}
	if (state != NVME_OP_PENDING)
		drop_locked(op);
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
	return state;
}

void nvme_op_drop(struct nvme_ctrl *ctrl, struct nvme_op *op)
{
	/* With the admin queue its trackers are gone. */
	if (!ctrl->adminq.sq)
		op->rq = NULL;
	if (!op->rq)
		return;
	pthread_mutex_lock(&ctrl->priv->admin_lock);
	drop_locked(op);
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
}

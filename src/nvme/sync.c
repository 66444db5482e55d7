/* SPDX-License-Identifier: MIT */
/*
 * Synchronous commands. Any number of threads may have one under way on the
 * admin queue: each posts and looks for its completion under the admin lock, and
 * what it finds for another is kept for that one.
 *
 * The way of the data: memory that is mapped, or that is whole pages, is used
 * where it is; anything else goes through a buffer of our own.
 */
#include <errno.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/map.h>
#include <belfry/nvme/rq.h>
#include <belfry/nvme/util.h>
#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/translate.h"
#include "nvme/map.h"
#include "nvme/priv.h"
#include "nvme/rq.h"
#include "support/deadline.h"
#include "support/errno.h"

/* Data transfer direction: bits 1:0 of the opcode. */
#define FROM_HOST 1
#define TO_HOST	  2

struct sync_data {
	void *buf;
	size_t len;
	uint8_t direction;
	iova_t iova;
	struct iommu_pin pin;
	struct iommu_dmabuf bounce; /* in place of buf */
	struct iommu_dmabuf list;   /* PRP list pages, where the tracker's does not do */
};

static bool pinnable(struct nvme_ctrl *ctrl, const void *buf, size_t len)
{
	iova_t iova;

	return iommu_translate_range(ctrl->pci.dev.ctx, buf, len, &iova) ||
	       (iommu_can_pin(ctrl->pci.dev.ctx) && ALIGNED((uintptr_t)buf, __VFN_PAGESIZE) &&
		ALIGNED(len, __VFN_PAGESIZE));
}

static int data_open(struct nvme_ctrl *ctrl, struct sync_data *data)
{
	if (pinnable(ctrl, data->buf, data->len))
		return iommu_pin(ctrl->pci.dev.ctx, data->buf, data->len, &data->iova, &data->pin);

	if (nvme_dma_alloc(ctrl, &data->bounce, data->len))
		return -1;
	if (data->direction & FROM_HOST)
		memcpy(data->bounce.vaddr, data->buf, data->len);
	data->iova = data->bounce.iova;
	return 0;
}

static int data_check(const struct nvme_ctrl *ctrl, const void *buf, size_t len)
{
	if (!buf != !len || (uintptr_t)buf + len < len)
		return set_errno(EINVAL);
	if (ctrl->config.mdts && len > ctrl->config.mdts)
		return nvme_too_long(len, ctrl->config.mdts);
	return 0;
}

/* The command has ended, or was never posted. */
static void data_close(struct nvme_ctrl *ctrl, struct sync_data *data, bool ok)
{
	keep_errno();

	if (ok && data->bounce.vaddr && data->direction & TO_HOST)
		memcpy(data->buf, data->bounce.vaddr, data->len);
	iommu_unpin(ctrl->pci.dev.ctx, &data->pin);
	iommu_put_dmabuf(&data->bounce);
	iommu_put_dmabuf(&data->list);
}

/* The controller still has the command. */
static void data_park(struct nvme_ctrl *ctrl, struct sync_data *data)
{
	nvme_park(ctrl, &data->bounce, &data->pin);
	nvme_park(ctrl, &data->list, NULL);
}

static int data_map(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		    struct sync_data *data)
{
	struct iova_vec vec = {.iova = data->iova, .len = data->len};
	size_t page = __mps_to_pagesize(ctrl->config.mps);
	size_t per_page = page / sizeof(leint64_t);
	size_t pages = data->len / page + 2;

	if (ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED && rq->sq->id != NVME_AQ)
		return nvme_rq_mapv_iova_sgl(ctrl, rq, cmd, &vec, 1);
	if (pages <= per_page)
		return nvme_rq_map_prp(ctrl, rq, cmd, data->iova, data->len);

	/* Each page of a long list spends an entry on the next. */
	pages = pages / (per_page - 1) + 1;
	if (nvme_dma_alloc(ctrl, &data->list, pages * page))
		return -1;
	return nvme_map_prp(ctrl, data->list.vaddr, (int)pages, cmd, data->iova, data->len);
}

static void lock_adminq(struct nvme_ctrl *ctrl, const struct nvme_sq *sq)
{
	if (sq->id == NVME_AQ)
		pthread_mutex_lock(&ctrl->priv->admin_lock);
}

static void unlock_adminq(struct nvme_ctrl *ctrl, const struct nvme_sq *sq)
{
	if (sq->id == NVME_AQ)
		pthread_mutex_unlock(&ctrl->priv->admin_lock);
}

static struct nvme_rq *acquire(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	struct nvme_rq *rq;

	lock_adminq(ctrl, sq);
	rq = nvme_rq_acquire_atomic(sq);
	unlock_adminq(ctrl, sq);
	return rq;
}

static void release(struct nvme_ctrl *ctrl, struct nvme_rq *rq)
{
	struct nvme_sq *sq = rq->sq;
	keep_errno();

	lock_adminq(ctrl, sq);
	nvme_rq_release_atomic(rq);
	unlock_adminq(ctrl, sq);
}

/* Wait for the completion. -1 when there is none: the tracker is still in flight. */
static int wait_mine(struct nvme_ctrl *ctrl, struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct nvme_wait w = {
		.tp = ctrl->pci.dev.transport,
		.cq = rq->sq->cq,
		.deadline = deadline_after_ms(LOAD(ctrl->timeout_ms)),
	};

	for (;;) {
		enum nvme_reap reap;
		struct nvme_cqe found;
		int others = rq->sq->cq->qsize;

		/* No more at once than the queue holds: a device that never
		 * stops talking must not keep us from looking at the clock. */
		lock_adminq(ctrl, rq->sq);
		do
			reap = nvme_rq_reap(rq, &found);
		while (reap == NVME_REAP_OTHER && --others);
		unlock_adminq(ctrl, rq->sq);

		if (reap == NVME_REAP_MINE) {
			*cqe = found;
			return 0;
		}
		/* Where there is no memory to keep another's completion it is still in the queue. */
		if ((reap == NVME_REAP_ERROR && errno != ENOMEM) || nvme_wait_step(&w))
			return -1;
	}
}

/* -1 when the controller is in no state to be sent commands: nothing was posted. */
static int exec(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd)
{
	int ret = 0;

	lock_adminq(ctrl, rq->sq);
	/* Under the lock: a reset takes away what was posted before it under the lock. */
	if (rq->sq->id == NVME_AQ)
		ret = nvme_ctrl_is_down(ctrl);
	if (!ret)
		nvme_rq_exec(rq, cmd);
	unlock_adminq(ctrl, rq->sq);
	return ret;
}

int nvme_sync(struct nvme_ctrl *ctrl, struct nvme_sq *sq, union nvme_cmd *cmd, void *buf,
	      size_t len, struct nvme_cqe *cqe_copy)
{
	struct sync_data data = {.buf = buf, .len = len, .direction = cmd->opcode & 3};
	struct nvme_cqe cqe = {};
	struct nvme_rq *rq;
	int ret = -1;

	if (cqe_copy)
		memset(cqe_copy, 0, sizeof(*cqe_copy));
	if (nvme_check_process(ctrl))
		return -1;
	if (!sq || !sq->mem.vaddr)
		return set_errno(EINVAL);
	if (data_check(ctrl, buf, len))
		return -1;

	__nvme_sq_owned(sq);
	__nvme_cq_owned(sq->cq);
	rq = acquire(ctrl, sq);
	if (!rq)
		return -1;
	if (buf && (data_open(ctrl, &data) || data_map(ctrl, rq, cmd, &data)))
		goto close_data;

	if (exec(ctrl, rq, cmd))
		goto close_data;
	if (wait_mine(ctrl, rq, &cqe)) {
		log_error("sq %d cid %u opcode 0x%02x: no completion: %m\n", sq->id, rq->cid,
			  cmd->opcode);
		if (errno == ETIMEDOUT)
			nvme_ctrl_count(ctrl, NVME_COUNT_SYNC_TIMEOUTS);
		/* Canceled by a reset: the controller does not have it any more. */
		if (errno == ECANCELED)
			goto close_data;
		data_park(ctrl, &data);
		goto release_rq;
	}
	if (cqe_copy)
		*cqe_copy = cqe;
	ret = nvme_set_errno_from_cqe(&cqe);

close_data:
	data_close(ctrl, &data, !ret);
release_rq:
	release(ctrl, rq);
	return ret;
}

int nvme_admin(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len,
	       struct nvme_cqe *cqe_copy)
{
	return nvme_sync(ctrl, ctrl->adminq.sq, cmd, buf, len, cqe_copy);
}

struct nvme_rq *nvme_aer_locked(struct nvme_ctrl *ctrl)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_ASYNC_EVENT};
	struct nvme_sq *sq = ctrl->adminq.sq;
	struct nvme_rq *rq = nvme_rq_acquire_atomic(sq);

	if (rq) {
		rq->state = NVME_RQ_EVENT;
		cmd.cid = rq->cid | NVME_CID_AER;
		nvme_sq_exec(sq, &cmd);
	}
	return rq;
}

int nvme_aer(struct nvme_ctrl *ctrl, void *opaque)
{
	struct nvme_rq *rq;

	if (nvme_check_open(ctrl))
		return -1;
	if (!ctrl->adminq.sq)
		return set_errno(EINVAL);

	pthread_mutex_lock(&ctrl->priv->admin_lock);
	rq = nvme_aer_locked(ctrl);
	if (rq)
		rq->opaque = opaque;
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
	return rq ? 0 : -1;
}

/* SPDX-License-Identifier: MIT */
/*
 * Shadow doorbells: the controller reads tails and heads from a page of memory
 * and says in another when it wants a register write after all.
 *
 * One page has room for so many; queues beyond that use their registers. So do the
 * admin queues always: some controllers do not look at their shadows.
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/util.h>

#include "nvme/priv.h"
#include "nvme/setup.h"
#include "support/errno.h"

int nvme_dbbuf_init(struct nvme_ctrl *ctrl)
{
	size_t page = __mps_to_pagesize(ctrl->config.mps);

	if (nvme_dma_alloc(ctrl, &ctrl->dbbuf.doorbells, page) ||
	    nvme_dma_alloc(ctrl, &ctrl->dbbuf.eventidxs, page))
		goto free_bufs;

	/* Refused is no error: there are the registers. */
	if (!nvme_setup_one(ctrl, NVME_SETUP_DBBUF)) {
		if (ctrl->priv->has_dbbuf)
			return 0;
		iommu_put_dmabuf(&ctrl->dbbuf.doorbells);
		iommu_put_dmabuf(&ctrl->dbbuf.eventidxs);
		return 0;
	}
	if (errno != EBUSY) {
		nvme_park(ctrl, &ctrl->dbbuf.doorbells, NULL);
		nvme_park(ctrl, &ctrl->dbbuf.eventidxs, NULL);
	}

free_bufs:
	iommu_put_dmabuf(&ctrl->dbbuf.doorbells);
	iommu_put_dmabuf(&ctrl->dbbuf.eventidxs);
	return -1;
}

void nvme_dbbuf_assign(struct nvme_ctrl *ctrl, struct nvme_dbbuf *dbbuf, uint32_t slot)
{
	size_t off = (size_t)slot * (4u << ctrl->config.dstrd);

	*dbbuf = (struct nvme_dbbuf){};
	if (!ctrl->priv->has_dbbuf || slot < 2 ||
	    off + sizeof(uint32_t) > (size_t)ctrl->dbbuf.doorbells.len)
		return;

	dbbuf->doorbell = (char *)ctrl->dbbuf.doorbells.vaddr + off;
	dbbuf->eventidx = (char *)ctrl->dbbuf.eventidxs.vaddr + off;
	/* A queue starts at 0, also the second one under a qid. */
	STORE(*(leint32_t *)dbbuf->doorbell, cpu_to_le32(0));
	STORE(*(leint32_t *)dbbuf->eventidx, cpu_to_le32(0));
}

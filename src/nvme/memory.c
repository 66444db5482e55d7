/* SPDX-License-Identifier: MIT */
/*
 * Memory that the controller reaches: allocated to its page size, and not given
 * back before it has let go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/iommu.h>
#include <belfry/nvme/util.h>
#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/mem.h"
#include "nvme/priv.h"
#include "support/errno.h"

int nvme_dma_alloc(struct nvme_ctrl *ctrl, struct iommu_dmabuf *buf, size_t len)
{
	struct iommu_ctx *ctx = ctrl->pci.dev.ctx;
	size_t page = __mps_to_pagesize(ctrl->config.mps);
	iova_t iova;
	void *vaddr;

	if (page <= __VFN_PAGESIZE)
		return iommu_get_dmabuf(ctx, buf, len, 0);

	memset(buf, 0, sizeof(*buf));
	len = iommu_mem_round(ctx, ALIGN_UP(len, page));
	vaddr = iommu_mem_alloc(ctx, NULL, len);
	if (!vaddr)
		return -1;
	if (iommu_map_vaddr_align(ctx, vaddr, len, page, &iova, 0)) {
		iommu_mem_free(vaddr, len);
		return -1;
	}
	*buf = (struct iommu_dmabuf){.ctx = ctx, .vaddr = vaddr, .iova = iova, .len = (ssize_t)len};
	return 0;
}

void nvme_park(struct nvme_ctrl *ctrl, struct iommu_dmabuf *buf, struct iommu_pin *pin)
{
	struct nvme_parked *parked;
	keep_errno();

	if (!(buf && buf->vaddr) && !(pin && pin->mapping))
		return;

	parked = calloc(1, sizeof(*parked));
	if (parked) {
		parked->ctx = ctrl->pci.dev.ctx;
		parked->buf = buf ? *buf : (struct iommu_dmabuf){};
		parked->pin = pin ? *pin : (struct iommu_pin){};
	}
	if (buf)
		memset(buf, 0, sizeof(*buf));
	if (pin)
		pin->mapping = NULL;
	if (!parked) {
		log_error("no memory to note what the controller still uses: it is never freed\n");
		return;
	}

	pthread_mutex_lock(&ctrl->priv->admin_lock);
	parked->next = ctrl->priv->parked;
	ctrl->priv->parked = parked;
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
}

void nvme_unpark_all(struct nvme_ctrl *ctrl)
{
	struct nvme_parked *parked = ctrl->priv->parked;

	ctrl->priv->parked = NULL;
	/* All pins first: they may be on the buffers, which are not freed while pinned. */
	for (struct nvme_parked *p = parked; p; p = p->next)
		iommu_unpin(p->ctx, &p->pin);
	while (parked) {
		struct nvme_parked *next = parked->next;

		iommu_put_dmabuf(&parked->buf);
		free(parked);
		parked = next;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * DMA buffers: memory and its mapping as one thing.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <belfry/iommu/dmabuf.h>
#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/ctx.h"
#include "iommu/map.h"
#include "iommu/mem.h"
#include "support/errno.h"

/* What rounding up may add at most. */
#define LEN_ROOM (2ul << 20)

int iommu_get_dmabuf(struct iommu_ctx *ctx, struct iommu_dmabuf *buffer, size_t len,
		     unsigned long flags)
{
	iova_t iova = flags & IOMMU_MAP_FIXED_IOVA ? buffer->iova : 0;
	void *vaddr;

	memset(buffer, 0, sizeof(*buffer));
	if (!ctx || !len || len > SSIZE_MAX - LEN_ROOM)
		return set_errno(EINVAL);

	len = iommu_mem_round(ctx, len);
	vaddr = iommu_mem_alloc(ctx, NULL, len);
	if (!vaddr)
		return -1;

	if (iommu_map_vaddr(ctx, vaddr, len, &iova, flags)) {
		iommu_mem_free(vaddr, len);
		return -1;
	}

	*buffer = (struct iommu_dmabuf){.ctx = ctx, .vaddr = vaddr, .iova = iova, .len = len};
	return 0;
}

void iommu_put_dmabuf(struct iommu_dmabuf *buffer)
{
	keep_errno();

	if (!buffer->len)
		return;

	if (iommu_ctx_valid(buffer->ctx) && iommu_unmap_vaddr(buffer->ctx, buffer->vaddr, NULL) &&
	    errno != ENOENT) {
		log_error("iommu: %zd bytes at %p are freed later, the device may use them: %m\n",
			  buffer->len, buffer->vaddr);
		iommu_mapping_orphan(buffer->ctx, buffer->vaddr);
	} else {
		iommu_mem_free(buffer->vaddr, buffer->len);
	}

	memset(buffer, 0, sizeof(*buffer));
}

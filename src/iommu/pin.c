/* SPDX-License-Identifier: MIT */
/*
 * Pins: a count on the caller's mapping, or a private mapping with a count of one. Counts are
 * guarded by the lock of the address space.
 */
#include <errno.h>

#include <belfry/support/align.h>
#include <belfry/support/mem.h>

#include "iommu/map.h"
#include "iommu/pin.h"
#include "iommu/translate.h"
#include "support/errno.h"

bool iommu_can_pin(const struct iommu_ctx *ctx)
{
	return !ctx->ops->place && !ctx->ops->shared;
}

static bool inside(const struct iommu_mapping *m, const void *vaddr, size_t len)
{
	return m && len <= m->len - ((uintptr_t)vaddr - m->vaddr);
}

static bool whole_pages(const void *vaddr, size_t len)
{
	return vaddr && ALIGNED((uintptr_t)vaddr | len, __VFN_PAGESIZE) &&
	       !((uint64_t)((uintptr_t)vaddr + (len - 1)) >> IOMMU_VA_BITS);
}

int iommu_pin(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t *iova, struct iommu_pin *pin)
{
	struct iommu_map_request req = {
		.vaddr = vaddr,
		.len = len,
		.align = 1,
		.flags = IOMMU_MAP_EPHEMERAL | MAPPING_PRIVATE,
	};
	struct iommu_mapping *m;

	pin->mapping = NULL;
	if (!len || (uintptr_t)vaddr + (len - 1) < (uintptr_t)vaddr)
		return set_errno(EINVAL);

	pthread_mutex_lock(&ctx->lock);
	m = iommu_mapping_at_locked(ctx, vaddr);
	if (!inside(m, vaddr, len)) {
		m = NULL;
		if (whole_pages(vaddr, len))
			m = iommu_mapping_create_locked(ctx, &req);
		else
			errno = EINVAL;
	}
	if (m) {
		m->pins++;
		*iova = m->extent->start + ((uintptr_t)vaddr - m->vaddr);
		pin->mapping = m;
	}
	pthread_mutex_unlock(&ctx->lock);
	return m ? 0 : -1;
}

void iommu_unpin(struct iommu_ctx *ctx, struct iommu_pin *pin)
{
	struct iommu_mapping *m = pin->mapping;
	keep_errno();

	if (!m)
		return;

	pthread_mutex_lock(&ctx->lock);
	m->pins--;
	if (m->flags & MAPPING_PRIVATE)
		(void)iommu_mapping_end_locked(ctx, m);
	pthread_mutex_unlock(&ctx->lock);

	pin->mapping = NULL;
}

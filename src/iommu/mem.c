/* SPDX-License-Identifier: MIT */
/*
 * Pages for a device. They are left out of core dumps no more than other memory, and a child of
 * fork() must not use the controllers of its parent.
 */
#include <errno.h>
#include <stdbool.h>

#include <belfry/support/align.h>
#include <belfry/support/mem.h>

#include "iommu/ctx.h"
#include "iommu/mem.h"
#include "support/errno.h"
#include "support/pages.h"

size_t iommu_mem_round(const struct iommu_ctx *ctx, size_t len)
{
	size_t granule = ctx->ops->granule ? ctx->ops->granule : __VFN_PAGESIZE;

	return ALIGN_UP(len, granule);
}

void *iommu_mem_alloc(struct iommu_ctx *ctx, void *at, size_t len)
{
	if (ctx->ops->alloc)
		return at ? set_errno_null(ENOTSUP) : ctx->ops->alloc(len);
	return pages_alloc(at, len, ctx->ops->shared);
}

void iommu_mem_free(void *mem, size_t len)
{
	keep_errno();

	(void)pages_free(mem, len);
}

/* SPDX-License-Identifier: MIT */
/*
 * Pages for a device. They are left out of core dumps no more than other memory, and a child of
 * fork() must not use the controllers of its parent.
 */
#include <stdbool.h>

#include "iommu/ctx.h"
#include "iommu/mem.h"
#include "support/errno.h"
#include "support/pages.h"

void *iommu_mem_alloc(struct iommu_ctx *ctx, void *at, size_t len)
{
	return pages_alloc(at, len, ctx->ops->shared);
}

void iommu_mem_free(void *mem, size_t len)
{
	keep_errno();

	(void)pages_free(mem, len);
}

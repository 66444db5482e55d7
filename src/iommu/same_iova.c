/* SPDX-License-Identifier: MIT */
/*
 * Memory whose address is its IOVA. Both have to be free: the allocator of IOVAs knows about the
 * one, only the kernel knows about the other. So addresses that are free as IOVAs are tried, in
 * growing steps past what the program has there, until the kernel agrees.
 */
#include <errno.h>

#include <belfry/support/align.h>
#include <belfry/support/mem.h>

#include "iommu/map.h"
#include "iommu/mem.h"
#include "support/errno.h"

#define SAME_IOVA_BITS 47 /* of user space on the machines that have the least */

/* Memory at @at that is mapped there as well, or NULL and EEXIST if one of the two is taken. */
static void *alloc_at(struct iommu_ctx *ctx, iova_t at, size_t len)
{
	struct iommu_map_request req = {
		.len = len,
		.iova = at,
		.flags = IOMMU_MAP_FIXED_IOVA | MAPPING_SAME_IOVA,
	};
	struct iommu_mapping *m;

	req.vaddr = iommu_mem_alloc(ctx, (void *)(uintptr_t)at, len);
	if (!req.vaddr)
		return NULL;

	pthread_mutex_lock(&ctx->lock);
	m = iommu_mapping_create_locked(ctx, &req);
	pthread_mutex_unlock(&ctx->lock);
	if (m)
		return req.vaddr;

	iommu_mem_free(req.vaddr, len);
	return NULL;
}

/* Try addresses of [@from, @end), twice as far apart each time. */
static void *alloc_between(struct iommu_ctx *ctx, iova_t from, iova_t end, size_t len)
{
	uint64_t step = len;
	iova_t at = from;
	void *mem;

	while (at < end) {
		bool found;

		pthread_mutex_lock(&ctx->lock);
		found = iova_find_hole(&ctx->space, at, len, &at);
		pthread_mutex_unlock(&ctx->lock);
		if (!found || at >= end || len > end - at)
			break;

		mem = alloc_at(ctx, at, len);
		if (mem || errno != EEXIST)
			return mem;
		if (__builtin_add_overflow(at, step, &at))
			break;
		step *= 2;
	}

	return set_errno_null(ENOMEM);
}

void *iommu_alloc_same_iova(struct iommu_ctx *ctx, size_t len)
{
	const uint64_t cap = (uint64_t)1 << SAME_IOVA_BITS, page = __VFN_PAGESIZE;
	iova_t max, quarter;
	void *mem;

	if (!ctx || !len || len > cap - page) {
		return set_errno_null(EINVAL);
	}

	len = ALIGN_UP(len, page);
	max = ctx->ranges[ctx->nr_ranges - 1].last;
	quarter = ALIGN_DOWN(max / 4 + 1, page);
	if (quarter > cap / 2)
		quarter = cap / 2;

	mem = alloc_between(ctx, quarter, cap, len);
	if (!mem && errno == ENOMEM)
		mem = alloc_between(ctx, page, quarter, len);
	return mem;
}

int iommu_free_same_iova(struct iommu_ctx *ctx, void *ptr)
{
	struct iommu_mapping *m;
	size_t len = 0;
	int ret = -1;

	if (!ctx)
		return set_errno(EINVAL);

	pthread_mutex_lock(&ctx->lock);
	m = iommu_mapping_at_locked(ctx, ptr);
	if (!m)
		goto unlock;

	if (m->pins) {
		errno = EBUSY;
	} else if (!(m->flags & MAPPING_SAME_IOVA) || m->vaddr != (uintptr_t)ptr) {
		errno = EINVAL;
	} else {
		len = m->len;
		ret = iommu_mapping_end_locked(ctx, m);
	}
unlock:
	pthread_mutex_unlock(&ctx->lock);
	if (!ret)
		iommu_mem_free(ptr, len);
	return ret;
}

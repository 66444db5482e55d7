/* SPDX-License-Identifier: MIT */
/*
 * Address spaces as objects: which there are, who holds them, which IOVAs they may use. The list of
 * live ones lets a pointer be checked without being followed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/ctx.h"
#include "iommu/map.h"
#include "iommu/table.h"
#include "iommu/translate.h"
#include "support/errno.h"

/* Guards the list, and refs and next of all that are on it. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iommu_ctx *registry;

static const struct iommu_iova_range default_range = {(iova_t)1 << 16, ((iova_t)1 << 39) - 1};

static int cmp_range(const void *a, const void *b)
{
	const struct iommu_iova_range *ra = a, *rb = b;

	return ra->start < rb->start ? -1 : ra->start > rb->start;
}

/*
 * Shrink to whole pages that an entry of the translation table can hold, without the one at 0: an
 * IOVA of 0 looks like none. False if none is left.
 */
static bool trim_range(struct iommu_iova_range *range)
{
	const iova_t mask = (iova_t)__VFN_PAGESIZE - 1, end = (iova_t)1 << IOMMU_IOVA_BITS;

	if (range->last >= end)
		range->last = end - 1;
	if (!range->start)
		range->start++;
	if (__builtin_add_overflow(range->start, mask, &range->start))
		return false;
	range->start &= ~mask;

	if ((range->last & mask) != mask) {
		if (range->last < mask)
			return false;
		range->last = (range->last & ~mask) - 1;
	}
	return range->start < range->last;
}

/* Sorted, in whole pages, adjoining ones joined; returns their number or -1. */
static int tidy_ranges(struct iommu_iova_range *ranges, int nr_ranges)
{
	uint64_t prev_last = 0;
	int n = 0;

	qsort(ranges, nr_ranges, sizeof(*ranges), cmp_range);
	for (int i = 0; i < nr_ranges; i++) {
		struct iommu_iova_range range = ranges[i];

		if (range.last < range.start || (i && range.start <= prev_last))
			goto invalid;
		prev_last = range.last;

		if (!trim_range(&range))
			continue;
		if (n && ranges[n - 1].last + 1 == range.start)
			ranges[n - 1].last = range.last;
		else
			ranges[n++] = range;
	}
	if (n)
		return n;

invalid:
	log_error("iommu: the usable iova ranges overlap, are upside down or have no whole page\n");
	return set_errno(EINVAL);
}

static int copy_ranges(struct iommu_ctx *ctx, const struct iommu_iova_range *ranges, int nr_ranges)
{
	if (!ranges) {
		ranges = &default_range;
		nr_ranges = 1;
	}
	if (nr_ranges < 1)
		return set_errno(EINVAL);

	ctx->ranges = calloc(nr_ranges, sizeof(*ranges));
	if (!ctx->ranges)
		return -1;

	memcpy(ctx->ranges, ranges, nr_ranges * sizeof(*ranges));
	ctx->nr_ranges = tidy_ranges(ctx->ranges, nr_ranges);
	if (ctx->nr_ranges > 0)
		return 0;

	free(ctx->ranges);
	return -1;
}

int iommu_ctx_init(struct iommu_ctx *ctx, const struct iommu_backend_ops *ops,
		   const struct iommu_iova_range *ranges, int nr_ranges)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->ops = ops;
	ctx->refs = 1;
	RB_INIT(&ctx->mappings);

	if (copy_ranges(ctx, ranges, nr_ranges))
		return -1;
	if (iova_space_init(&ctx->space, ctx->ranges, ctx->nr_ranges))
		goto free_ranges;
	if (iommu_table_create(ctx))
		goto close_space;

	pthread_mutex_init(&ctx->lock, NULL); /* cannot fail without attributes */
	pthread_mutex_lock(&registry_lock);
	ctx->next = registry;
	registry = ctx;
	pthread_mutex_unlock(&registry_lock);
	return 0;

close_space:
	iova_space_close(&ctx->space);
free_ranges:
	free(ctx->ranges);
	return set_errno(ENOMEM);
}

/* What points to @ctx in the list, or the end of the list. The registry's lock is held. */
static struct iommu_ctx **find_locked(const struct iommu_ctx *ctx)
{
	struct iommu_ctx **link = &registry;

	while (*link && *link != ctx)
		link = &(*link)->next;
	return link;
}

struct iommu_ctx *iommu_ctx_get(struct iommu_ctx *ctx)
{
	struct iommu_ctx *found;

	pthread_mutex_lock(&registry_lock);
	found = *find_locked(ctx);
	if (found)
		found->refs++;
	pthread_mutex_unlock(&registry_lock);

	if (!found)
		errno = EINVAL;
	return found;
}

bool iommu_ctx_valid(const struct iommu_ctx *ctx)
{
	bool found;

	pthread_mutex_lock(&registry_lock);
	found = *find_locked(ctx) != NULL;
	pthread_mutex_unlock(&registry_lock);
	return found;
}

void iommu_ctx_put(struct iommu_ctx *ctx)
{
	struct iommu_mapping *left;
	bool last = false;
	keep_errno();

	if (!ctx)
		return;

	pthread_mutex_lock(&registry_lock);
	if (!--ctx->refs) {
		*find_locked(ctx) = ctx->next;
		last = true;
	}
	pthread_mutex_unlock(&registry_lock);
	if (!last)
		return;

	if (iommu_mapping_end_all(ctx, true))
		log_error("iommu: %s is closed with mappings left: %m\n", ctx->ops->name);
	left = iommu_mapping_detach_all(ctx);
	iommu_table_destroy(ctx);
	iova_space_close(&ctx->space);
	free(ctx->ranges);
	pthread_mutex_destroy(&ctx->lock);
	if (ctx->ops->close)
		ctx->ops->close(ctx);
	iommu_mapping_free_all(left); /* the backend's end was that of its mappings */
}

bool iommu_ctx_is_iommufd(struct iommu_ctx *ctx)
{
	return ctx && ctx->ops->iommufd;
}

int iommu_get_iova_ranges(struct iommu_ctx *ctx, struct iommu_iova_range **ranges)
{
	if (!ctx)
		return set_errno(EINVAL);
	*ranges = ctx->ranges;
	return ctx->nr_ranges;
}

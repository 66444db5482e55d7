/* SPDX-License-Identifier: MIT */
/*
 * The life of a mapping. All changes are made under the lock of the address space, in an order that
 * translation, which takes no lock, and the device can live with:
 *
 *	making one				ending one
 *	1 room in the table, IOVAs		1 table cleared: translation finds it no longer
 *	2 backend map: the device sees it	2 backend unmap: the device sees it no longer
 *	3 table filled: translation finds it	3 IOVAs free, may be handed out again
 *
 * So an IOVA that translation gives is always one at which the device sees the memory, and an IOVA
 * never leads to two pieces of memory. Whatever may fail comes before anything that would be hard
 * to undo; if the backend cannot unmap, the table is filled again, which needs nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/map.h"
#include "iommu/mem.h"
#include "iommu/table.h"
#include "iommu/translate.h"
#include "support/errno.h"

#ifndef __unused /* BSD has it, and RB_GENERATE_STATIC() needs it */
#define __unused __attribute__((unused))
#endif

#define MAP_PERMISSIONS (IOMMU_MAP_NOWRITE | IOMMU_MAP_NOREAD)
#define MAP_FLAGS	(IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_EPHEMERAL | MAP_PERMISSIONS)

static int cmp_vaddr(const struct iommu_mapping *a, const struct iommu_mapping *b)
{
	return a->vaddr < b->vaddr ? -1 : a->vaddr > b->vaddr;
}

RB_GENERATE_STATIC(iommu_mapping_tree, iommu_mapping, by_vaddr, cmp_vaddr)

/* The caller's mapping that starts last at or before @va, whether it reaches @va or not. */
static struct iommu_mapping *find_at_or_below(const struct iommu_ctx *ctx, uintptr_t va)
{
	struct iommu_mapping *m = RB_ROOT(&ctx->mappings), *found = NULL;

	while (m) {
		if (m->vaddr > va) {
			m = RB_LEFT(m, by_vaddr);
		} else {
			found = m;
			m = RB_RIGHT(m, by_vaddr);
		}
	}
	return found;
}

struct iommu_mapping *iommu_mapping_at_locked(struct iommu_ctx *ctx, const void *vaddr)
{
	struct iommu_mapping *m = find_at_or_below(ctx, (uintptr_t)vaddr);

	if (!m || (uintptr_t)vaddr - m->vaddr >= m->len)
		return set_errno_null(ENOENT);
	return m;
}

/* None of the memory may be in a mapping of the caller's. */
static int check_vaddr(const struct iommu_ctx *ctx, const struct iommu_map_request *req)
{
	uintptr_t va = (uintptr_t)req->vaddr;
	const struct iommu_mapping *m = find_at_or_below(ctx, va + (req->len - 1));

	if (!m || m->vaddr + (m->len - 1) < va)
		return 0;

	log_error("iommu: cannot map %zu bytes at %p: %zu bytes at 0x%" PRIxPTR
		  " are mapped at iova 0x%" PRIx64 "\n",
		  req->len, req->vaddr, m->len, m->vaddr, (uint64_t)m->extent->start);
	return set_errno(EEXIST);
}

/* Where the memory is, which has to be where it is wanted. */
static int place(struct iommu_ctx *ctx, const struct iommu_map_request *req, iova_t *iova)
{
	if (ctx->ops->place(req->vaddr, req->len, iova))
		return -1;
	if (req->flags & IOMMU_MAP_FIXED_IOVA ? *iova == req->iova : *iova % req->align == 0)
		return 0;
	log_error("iommu: %s has %p at iova 0x%" PRIx64 ", and nowhere else\n", ctx->ops->name,
		  req->vaddr, (uint64_t)*iova);
	return set_errno(ENOTSUP);
}

static struct iova_extent *take_iova(struct iommu_ctx *ctx, const struct iommu_map_request *req,
				     struct iommu_mapping *m)
{
	enum iova_window window = req->flags & IOMMU_MAP_EPHEMERAL ? IOVA_SHORT : IOVA_LONG;
	size_t page = __VFN_PAGESIZE;
	iova_t iova = req->iova;
	struct iova_extent *extent;

	if (ctx->ops->place && place(ctx, req, &iova))
		return NULL;
	if (ctx->ops->place || req->flags & IOMMU_MAP_FIXED_IOVA) {
		extent = iova_reserve(&ctx->space, iova, req->len, m);
		if (!extent)
			log_error("iommu: no %zu bytes at iova 0x%" PRIx64 ": %s\n", req->len,
				  (uint64_t)iova,
				  errno == EINVAL ? "not in a usable range" : "in use");
	} else {
		extent = iova_alloc(&ctx->space, req->len, req->align > page ? req->align : page,
				    window, m);
		if (!extent)
			log_error("iommu: no iova left for %zu bytes\n", req->len);
	}
	return extent;
}

struct iommu_mapping *iommu_mapping_create_locked(struct iommu_ctx *ctx,
						  const struct iommu_map_request *req)
{
	bool private = req->flags & MAPPING_PRIVATE;
	uintptr_t va = (uintptr_t)req->vaddr;
	struct iommu_mapping *m;

	if (!private && (check_vaddr(ctx, req) || iommu_table_prepare(ctx, va, req->len)))
		return NULL;

	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;

	m->vaddr = va;
	m->len = req->len;
	m->flags = req->flags;
	m->extent = take_iova(ctx, req, m);
	if (!m->extent)
		goto free_mapping;

	if (ctx->ops->map(ctx, req->vaddr, req->len, m->extent->start,
			  req->flags & (MAP_PERMISSIONS | IOMMU_MAP_EPHEMERAL))) {
		log_error("iommu: %s cannot map %zu bytes at %p: %m\n", ctx->ops->name, req->len,
			  req->vaddr);
		goto free_iova;
	}

	if (!private) {
		RB_INSERT(iommu_mapping_tree, &ctx->mappings, m);
		iommu_table_fill(ctx, va, m->len, m->extent->start, m->flags);
	}
	return m;

free_iova:
	iova_free(&ctx->space, m->extent);
free_mapping:
	free(m);
	return NULL;
}

/* The device does not reach its memory any more. */
static void mapping_free(struct iommu_mapping *m)
{
	if (m->flags & MAPPING_ORPHAN)
		iommu_mem_free((void *)m->vaddr, m->len);
	free(m);
}

int iommu_mapping_end_locked(struct iommu_ctx *ctx, struct iommu_mapping *m)
{
	bool private = m->flags & MAPPING_PRIVATE;

	if (!private)
		iommu_table_clear(ctx, m->vaddr, m->len);

	if (ctx->ops->unmap(ctx, m->extent->start, m->len)) {
		log_error("iommu: %s cannot unmap %zu bytes at iova 0x%" PRIx64 ": %m\n",
			  ctx->ops->name, m->len, (uint64_t)m->extent->start);
		if (!private)
			iommu_table_fill(ctx, m->vaddr, m->len, m->extent->start, m->flags);
		return -1;
	}

	if (!private)
		RB_REMOVE(iommu_mapping_tree, &ctx->mappings, m);
	iova_free(&ctx->space, m->extent);
	mapping_free(m);
	return 0;
}

int iommu_mapping_end_all(struct iommu_ctx *ctx, bool pinned_too)
{
	struct iova_extent *e;
	uint64_t from = 0;
	int error = 0;

	pthread_mutex_lock(&ctx->lock);
	while ((e = iova_first(&ctx->space, from)) != NULL) {
		struct iommu_mapping *m = e->owner;

		from = e->last + 1; /* cannot wrap: IOVAs are below 2^52 */
		if (!m->pins || pinned_too) {
			if (!iommu_mapping_end_locked(ctx, m))
				continue;
		} else {
			errno = EBUSY;
		}
		error = error ? error : errno;
	}
	pthread_mutex_unlock(&ctx->lock);
	return error ? set_errno(error) : 0;
}

void iommu_mapping_orphan(struct iommu_ctx *ctx, const void *vaddr)
{
	struct iommu_mapping *m;

	pthread_mutex_lock(&ctx->lock);
	m = iommu_mapping_at_locked(ctx, vaddr);
	if (m)
		m->flags |= MAPPING_ORPHAN;
	pthread_mutex_unlock(&ctx->lock);
}

struct iommu_mapping *iommu_mapping_detach_all(struct iommu_ctx *ctx)
{
	struct iommu_mapping *left = NULL;
	struct iova_extent *e;
	uint64_t from = 0;

	while ((e = iova_first(&ctx->space, from)) != NULL) {
		struct iommu_mapping *m = e->owner;

		from = e->last + 1; /* cannot wrap: IOVAs are below 2^52 */
		m->next = left;
		left = m;
	}
	return left;
}

void iommu_mapping_free_all(struct iommu_mapping *left)
{
	while (left) {
		struct iommu_mapping *next = left->next;

		mapping_free(left);
		left = next;
	}
}

/* What @m has for @req, whose memory begins inside it. */
static struct iommu_view view_of(const struct iommu_mapping *m, const struct iommu_map_request *req)
{
	size_t offset = (uintptr_t)req->vaddr - m->vaddr;

	return (struct iommu_view){
		.iova = m->extent->start + offset,
		.left = m->len - offset,
		.restricted = m->flags & ~req->flags & MAP_PERMISSIONS,
	};
}

/* Whether what is mapped already is all that is asked for. The table does not know which accesses
 * are not allowed: where there are some, what it says is not enough. */
static bool satisfies(const struct iommu_view *view, const struct iommu_map_request *req)
{
	if (req->len > view->left || view->restricted)
		return false;
	if (req->flags & IOMMU_MAP_FIXED_IOVA)
		return view->iova == req->iova;
	return view->iova % req->align == 0;
}

static int check_new(const struct iommu_map_request *req)
{
	const size_t page = __VFN_PAGESIZE;
	uint64_t last = (uintptr_t)req->vaddr + (req->len - 1);

	if (!req->vaddr || !ALIGNED((uintptr_t)req->vaddr, page) || !ALIGNED(req->len, page) ||
	    !ALIGNED(req->iova, page) || last >> IOMMU_VA_BITS) {
		log_error("iommu: cannot map %zu bytes at %p (iova 0x%" PRIx64
			  "): not in whole pages of %zu bytes, or not below 2^%d\n",
			  req->len, req->vaddr, (uint64_t)req->iova, page, IOMMU_VA_BITS);
		return set_errno(EINVAL);
	}
	return 0;
}

/* Under the lock, because what the table has is neither the last word nor, of large mappings, all. */
static int map_locked(struct iommu_ctx *ctx, const struct iommu_map_request *req, iova_t *iova)
{
	struct iommu_mapping *m = iommu_mapping_at_locked(ctx, req->vaddr);
	struct iommu_view view;

	if (m) {
		view = view_of(m, req);
		if (satisfies(&view, req)) {
			*iova = view.iova;
			return 0;
		}
	}

	if (check_new(req))
		return -1;
	m = iommu_mapping_create_locked(ctx, req);
	if (!m)
		return -1;

	*iova = m->extent->start;
	return 0;
}

static int map(struct iommu_ctx *ctx, const struct iommu_map_request *req, iova_t *iova)
{
	struct iommu_view view;
	int ret;

	if (!req->len || (uintptr_t)req->vaddr + (req->len - 1) < (uintptr_t)req->vaddr ||
	    (req->flags & MAP_PERMISSIONS) == MAP_PERMISSIONS)
		return set_errno(EINVAL);

	if (iommu_lookup(ctx, (uintptr_t)req->vaddr, &view) && satisfies(&view, req)) {
		*iova = view.iova;
		return 0;
	}

	pthread_mutex_lock(&ctx->lock);
	ret = map_locked(ctx, req, iova);
	pthread_mutex_unlock(&ctx->lock);
	return ret;
}

int iommu_map_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t *iova,
		    unsigned long flags)
{
	struct iommu_map_request req = {
		.vaddr = vaddr,
		.len = len,
		.align = 1, /* what is mapped already may be looked up byte by byte */
		.flags = flags,
	};
	iova_t unwanted;

	if (!ctx || flags & ~(unsigned long)MAP_FLAGS || (flags & IOMMU_MAP_FIXED_IOVA && !iova))
		return set_errno(EINVAL);

	if (flags & IOMMU_MAP_FIXED_IOVA)
		req.iova = *iova;
	if (!iova)
		iova = &unwanted;
	return map(ctx, &req, iova);
}

int iommu_map_vaddr_align(struct iommu_ctx *ctx, void *vaddr, size_t len, size_t align,
			  iova_t *iova, unsigned long flags)
{
	struct iommu_map_request req = {
		.vaddr = vaddr,
		.len = len,
		.align = align,
		.flags = flags,
	};
	iova_t unwanted;

	if (!ctx || flags & ~(unsigned long)(MAP_FLAGS & ~IOMMU_MAP_FIXED_IOVA) || !align ||
	    align % __VFN_PAGESIZE)
		return set_errno(EINVAL);

	if (!iova)
		iova = &unwanted;
	return map(ctx, &req, iova);
}

int iommu_unmap_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t *len)
{
	struct iommu_mapping *m;
	size_t m_len;
	int ret = -1;

	if (!ctx)
		return set_errno(EINVAL);

	pthread_mutex_lock(&ctx->lock);
	m = iommu_mapping_at_locked(ctx, vaddr);
	if (!m)
		goto unlock;
	if (m->pins) {
		errno = EBUSY;
		goto unlock;
	}

	m_len = m->len;
	ret = iommu_mapping_end_locked(ctx, m);
	if (!ret && len)
		*len = m_len;
unlock:
	pthread_mutex_unlock(&ctx->lock);
	return ret;
}

int iommu_unmap_all(struct iommu_ctx *ctx)
{
	return ctx ? iommu_mapping_end_all(ctx, false) : set_errno(EINVAL);
}

ssize_t iommu_translate_iova(struct iommu_ctx *ctx, iova_t iova, void **vaddr)
{
	const struct iommu_mapping *m;
	struct iova_extent *extent;
	uintptr_t va = 0;
	ssize_t left = -1;

	if (!ctx)
		return set_errno(EINVAL);

	pthread_mutex_lock(&ctx->lock);
	extent = iova_find(&ctx->space, iova);
	if (extent) {
		m = extent->owner;
		va = m->vaddr + (iova - extent->start);
		left = m->len - (iova - extent->start);
	}
	pthread_mutex_unlock(&ctx->lock);

	if (left < 0)
		return set_errno(EINVAL);
	if (vaddr)
		*vaddr = (void *)va;
	return left;
}

/* SPDX-License-Identifier: MIT */
/*
 * The life of a mapping. The numbered steps w1 to w9 are those of iommu/translate.h, where it says
 * why they come in this order. Besides translation they serve the device: its IOVAs are handed out
 * again only after the backend has taken the old memory away from it.
 */
#include <errno.h>
#include <inttypes.h>

#include <belfry/support/align.h>
#include <belfry/support/atomic.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/map.h"
#include "iommu/table.h"
#include "support/errno.h"

#define MAP_PERMISSIONS (IOMMU_MAP_NOWRITE | IOMMU_MAP_NOREAD)
#define MAP_FLAGS	(IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_EPHEMERAL | MAP_PERMISSIONS)

static void log_taken(const struct iommu_map_request *req, const struct iommu_mapping *there)
{
	log_error("iommu: cannot map %zu bytes at %p: %zu bytes at 0x%" PRIxPTR
		  " are mapped at iova 0x%" PRIx64 "\n",
		  req->len, req->vaddr, there->len, there->vaddr, (uint64_t)there->iova);
}

static struct iova_extent *take_iova(struct iommu_ctx *ctx, const struct iommu_map_request *req,
				     struct iommu_mapping *m)
{
	enum iova_window window = req->flags & IOMMU_MAP_EPHEMERAL ? IOVA_SHORT : IOVA_LONG;
	size_t page = __VFN_PAGESIZE;
	struct iova_extent *extent;

	if (req->flags & IOMMU_MAP_FIXED_IOVA) {
		extent = iova_reserve(&ctx->space, req->iova, req->len, m);
		if (!extent)
			log_error("iommu: iova 0x%" PRIx64 " for %zu bytes: %s\n",
				  (uint64_t)req->iova, req->len,
				  errno == EEXIST   ? "in use"
				  : errno == EINVAL ? "outside of the usable ranges"
						    : "no memory");
	} else {
		extent = iova_alloc(&ctx->space, req->len, req->align > page ? req->align : page,
				    window, m);
		if (!extent)
			log_error("iommu: no iova left for %zu bytes\n", req->len);
	}
	return extent;
}

/* w4 and w5 */
static void publish(struct iommu_mapping *m, const struct iommu_map_request *req,
		    struct iova_extent *extent)
{
	const unsigned long kept = MAP_PERMISSIONS | MAPPING_PRIVATE | MAPPING_SAME_IOVA;

	m->extent = extent;
	m->pins = 0;
	atomic_store_release(&m->vaddr, (uintptr_t)req->vaddr);
	atomic_store_release(&m->len, req->len);
	atomic_store_release(&m->iova, extent->start);
	atomic_store_release(&m->flags, (uint32_t)(req->flags & kept));
	atomic_store_release(&m->seq, m->seq + 1);
}

struct iommu_mapping *iommu_mapping_create_locked(struct iommu_ctx *ctx,
						  const struct iommu_map_request *req)
{
	struct iommu_mapping *m = iommu_pool_get(&ctx->mappings);
	const struct iommu_mapping *there;
	struct iova_extent *extent;

	if (!m)
		return NULL;

	atomic_store_release(&m->seq, m->seq | 1); /* w1 */

	if (!(req->flags & MAPPING_PRIVATE) &&
	    iommu_table_insert(ctx, (uintptr_t)req->vaddr, req->len, m, &there)) { /* w2 */
		if (there)
			log_taken(req, there);
		goto put_mapping;
	}

	extent = take_iova(ctx, req, m);
	if (!extent)
		goto remove_entries;

	if (ctx->ops->map(ctx, req->vaddr, req->len, extent->start,
			  req->flags & (MAP_PERMISSIONS | IOMMU_MAP_EPHEMERAL))) { /* w3 */
		log_error("iommu: %s cannot map %zu bytes at %p: %m\n", ctx->ops->name, req->len,
			  req->vaddr);
		goto free_iova;
	}

	publish(m, req, extent);
	return m;

free_iova:
	iova_free(&ctx->space, extent);
remove_entries:
	if (!(req->flags & MAPPING_PRIVATE))
		iommu_table_remove(ctx, (uintptr_t)req->vaddr, req->len);
put_mapping:
	iommu_pool_put(&ctx->mappings, m);
	return NULL;
}

int iommu_mapping_end_locked(struct iommu_ctx *ctx, struct iommu_mapping *m)
{
	atomic_store_release(&m->seq, m->seq + 1); /* w6 */

	if (ctx->ops->unmap(ctx, m->iova, m->len)) { /* w7 */
		log_error("iommu: %s cannot unmap %zu bytes at iova 0x%" PRIx64 ": %m\n",
			  ctx->ops->name, m->len, (uint64_t)m->iova);
		atomic_store_release(&m->seq, m->seq + 1); /* the device still sees it: w5 */
		return -1;
	}

	if (!(m->flags & MAPPING_PRIVATE))
		iommu_table_remove(ctx, m->vaddr, m->len); /* w8 */
	iova_free(&ctx->space, m->extent);		   /* w9 */
	iommu_pool_put(&ctx->mappings, m);
	return 0;
}

struct iommu_mapping *iommu_mapping_at_locked(struct iommu_ctx *ctx, const void *vaddr)
{
	uintptr_t va = (uintptr_t)vaddr;
	const struct iommu_mapping *m = iommu_table_find(ctx, va);

	if (!m) {
		return set_errno_null(ENOENT);
	}

	/* Found through the extent, whose owner is not const as what readers get is. */
	return m->extent->owner;
}

int iommu_mapping_end_all(struct iommu_ctx *ctx, bool pinned_too)
{
	struct iova_extent *e;
	uint64_t from = 0;
	int error = 0;

	pthread_mutex_lock(&ctx->lock);
	while ((e = iova_first(&ctx->space, from)) != NULL) {
		struct iommu_mapping *m = e->owner;

		from = e->last; /* not beyond it: it may be the very last address */
		if (m->pins && !pinned_too)
			errno = EBUSY;
		else if (!iommu_mapping_end_locked(ctx, m))
			continue;

		error = error ? error : errno;
		if (from++ == UINT64_MAX)
			break;
	}
	pthread_mutex_unlock(&ctx->lock);
	return error ? set_errno(error) : 0;
}

/* Whether one mapping does what is asked for already; lock-free. */
static bool is_mapped(const struct iommu_ctx *ctx, const struct iommu_map_request *req,
		      iova_t *iova)
{
	const struct iommu_mapping *m = iommu_table_find(ctx, (uintptr_t)req->vaddr);
	struct iommu_view view;
	unsigned long flags;
	uint64_t seq;
	iova_t at;

	if (!m)
		return false;

	/* The flags are of the same life as the view if seq is the same before and after both. */
	seq = atomic_load_acquire(&m->seq);
	flags = atomic_load_acquire(&m->flags);
	if (!iommu_mapping_read(m, &view) || atomic_load_acquire(&m->seq) != seq ||
	    !iommu_view_translate(&view, (uintptr_t)req->vaddr, req->len, &at))
		return false;

	if (flags & ~req->flags & MAP_PERMISSIONS)
		return false;
	if (req->flags & IOMMU_MAP_FIXED_IOVA ? at != req->iova : at % req->align != 0)
		return false;

	*iova = at;
	return true;
}

static int check_new(const struct iommu_map_request *req)
{
	const size_t page = __VFN_PAGESIZE;
	uint64_t last = (uintptr_t)req->vaddr + (req->len - 1);

	if (!ALIGNED((uintptr_t)req->vaddr, page) || !ALIGNED(req->len, page) || !req->vaddr)
		goto invalid;
	if (req->flags & IOMMU_MAP_FIXED_IOVA && !ALIGNED(req->iova, page))
		goto invalid;
	if (last >> IOMMU_VA_BITS)
		goto invalid;
	return 0;

invalid:
	log_error("iommu: cannot map %zu bytes at %p (iova 0x%" PRIx64 "): not in whole pages of "
		  "%zu bytes, or not below 2^%d\n",
		  req->len, req->vaddr, (uint64_t)req->iova, page, IOMMU_VA_BITS);
	return set_errno(EINVAL);
}

static int map(struct iommu_ctx *ctx, const struct iommu_map_request *req, iova_t *iova)
{
	const struct iommu_mapping *m;
	bool found;

	if (!req->len || (uintptr_t)req->vaddr + (req->len - 1) < (uintptr_t)req->vaddr ||
	    (req->flags & MAP_PERMISSIONS) == MAP_PERMISSIONS)
		return set_errno(EINVAL);

	if (is_mapped(ctx, req, iova))
		return 0;
	if (check_new(req))
		return -1;

	pthread_mutex_lock(&ctx->lock);
	found = is_mapped(ctx, req, iova); /* by another thread, just now */
	m = found ? NULL : iommu_mapping_create_locked(ctx, req);
	if (m)
		*iova = m->iova;
	pthread_mutex_unlock(&ctx->lock);
	return found || m ? 0 : -1;
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

	pthread_mutex_lock(&ctx->lock);
	extent = iova_find(&ctx->space, iova);
	if (extent) {
		m = extent->owner;
		va = m->vaddr + (iova - m->iova);
		left = m->len - (iova - m->iova);
	}
	pthread_mutex_unlock(&ctx->lock);

	if (left < 0)
		return set_errno(EINVAL);
	if (vaddr)
		*vaddr = (void *)va;
	return left;
}

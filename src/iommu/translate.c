/* SPDX-License-Identifier: MIT */
/*
 * The seldom half of translation: buffers that span several mappings. Every mapping is read as in
 * iommu/translate.h, so that this too is safe against mappings that end meanwhile.
 */
#include "iommu/translate.h"

/* The IOVA of @va, and the bytes from there to the end of its mapping. */
static bool locate(const struct iommu_ctx *ctx, uintptr_t va, iova_t *iova, size_t *left)
{
	const struct iommu_mapping *m = iommu_table_find(ctx, va);
	struct iommu_view view;

	if (!m || !iommu_mapping_read(m, &view) || va - view.vaddr >= view.len)
		return false;

	*iova = view.iova + (va - view.vaddr);
	*left = view.len - (va - view.vaddr);
	return true;
}

bool iommu_translate_piece(const struct iommu_ctx *ctx, const void *vaddr, size_t len, iova_t *iova,
			   size_t *contig)
{
	uintptr_t va = (uintptr_t)vaddr;
	iova_t first, at;
	size_t done, left;

	if (!len || va + (len - 1) < va || !locate(ctx, va, &first, &done))
		return false;

	for (; done < len; done += left)
		if (!locate(ctx, va + done, &at, &left) || at != first + done)
			break;

	*iova = first;
	*contig = done < len ? done : len;
	return true;
}

bool iommu_translate_vaddr(struct iommu_ctx *ctx, void *vaddr, iova_t *iova)
{
	iova_t at;

	if (!iommu_translate_range(ctx, vaddr, 1, &at))
		return false;

	if (iova)
		*iova = at;
	return true;
}

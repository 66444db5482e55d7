/* SPDX-License-Identifier: MIT */
/*
 * The seldom half of translation: buffers that span several mappings, and single addresses. Every
 * mapping is looked up as in iommu/translate.h; one that ends between two look-ups ends the piece.
 */
#include "iommu/translate.h"

bool iommu_translate_piece(const struct iommu_ctx *ctx, const void *vaddr, size_t len, iova_t *iova,
			   size_t *contig)
{
	uintptr_t va = (uintptr_t)vaddr;
	struct iommu_view first, next;
	size_t done;

	if (!len || va + (len - 1) < va || !iommu_lookup(ctx, va, &first))
		return false;

	for (done = first.left; done < len; done += next.left)
		if (!iommu_lookup(ctx, va + done, &next) || next.iova != first.iova + done)
			break;

	*iova = first.iova;
	*contig = done < len ? done : len;
	return true;
}

bool iommu_translate_vaddr(struct iommu_ctx *ctx, void *vaddr, iova_t *iova)
{
	struct iommu_view view;

	if (!iommu_lookup(ctx, (uintptr_t)vaddr, &view))
		return false;

	if (iova)
		*iova = view.iova;
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory for DMA in one step: whole pages of zeroed memory, mapped. A buffer is all-zero or holds
 * memory; the all-zero one may be put any number of times. With __autovar_s() it is put when it
 * goes out of scope:
 *
 *	__autovar_s(iommu_dmabuf) buffer = {};
 */
#ifndef BELFRY_IOMMU_DMABUF_H
#define BELFRY_IOMMU_DMABUF_H

#include <stddef.h>
#include <sys/types.h>

#include <belfry/iommu/dma.h>
#include <belfry/support/autoptr.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct iommu_dmabuf - memory that a device reaches
 * @ctx: address space that it is mapped in
 * @vaddr: where the program sees it
 * @iova: where the device sees it
 * @len: bytes, a multiple of the host page; 0 when there is no memory
 */
struct iommu_dmabuf {
	struct iommu_ctx *ctx;
	void *vaddr;
	iova_t iova;
	ssize_t len;
};

/**
 * iommu_get_dmabuf() - allocate zeroed memory and map it
 * @ctx: address space
 * @buffer: out: the memory; may hold anything before; all-zero on error
 * @len: bytes, rounded up to the host page, not 0
 * @flags: enum iommu_map_flags; with IOMMU_MAP_FIXED_IOVA, @buffer->iova says where
 *
 * Own: the caller, who returns it by iommu_put_dmabuf().
 *
 * Context: any thread; takes the address space's lock; may block and make system calls.
 * Return: 0, or -1: EINVAL @ctx is NULL, or @len is 0 or too large, ENOMEM no memory; or as
 *	iommu_map_vaddr().
 */
int iommu_get_dmabuf(struct iommu_ctx *ctx, struct iommu_dmabuf *buffer, size_t len,
		     unsigned long flags);

/**
 * iommu_put_dmabuf() - unmap and free what iommu_get_dmabuf() allocated
 * @buffer: from iommu_get_dmabuf(), or all-zero; all-zero afterwards
 *
 * Commands that use the memory must have completed. A buffer that outlived its address space, or
 * was unmapped before, is only freed. If the memory cannot be unmapped it is freed only when
 * the address space closes, because the device may still write to it: the reason is logged.
 *
 * Context: any thread; takes the address space's lock; may block and make system calls. errno is
 * preserved.
 */
void iommu_put_dmabuf(struct iommu_dmabuf *buffer);

DEFINE_AUTOVAR_STRUCT(iommu_dmabuf, iommu_put_dmabuf)

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_IOMMU_DMABUF_H */

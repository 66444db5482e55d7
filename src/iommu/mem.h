/* SPDX-License-Identifier: MIT */
/*
 * All memory that this library allocates for a device comes from here, so that it is of the kind that
 * the address space wants: in files where another process is to reach it, else private.
 */
#ifndef BELFRY_IOMMU_MEM_H
#define BELFRY_IOMMU_MEM_H

#include <stddef.h>

struct iommu_ctx;

/**
 * iommu_mem_round() - the size in which memory comes
 * @ctx: address space
 * @len: bytes, 0 to SIZE_MAX less 2 MiB
 *
 * Context: any; pure.
 * Return: @len, rounded up.
 */
size_t iommu_mem_round(const struct iommu_ctx *ctx, size_t len);

/**
 * iommu_mem_alloc() - zeroed pages for a device
 * @ctx: address space that they will be mapped in
 * @at: where they have to be, aligned to the host page; NULL for anywhere
 * @len: bytes, a multiple of the host page, not 0
 *
 * Own: the caller, until iommu_mem_free().
 *
 * Context: any thread; makes a system call.
 * Return: the memory, or NULL: EEXIST something is at @at, or memory cannot be there; ENOMEM.
 */
void *iommu_mem_alloc(struct iommu_ctx *ctx, void *at, size_t len);

/**
 * iommu_mem_free() - free memory from iommu_mem_alloc()
 * @mem: the memory; no device may use it any more
 * @len: bytes, as allocated
 *
 * Context: any thread; makes a system call. errno is preserved.
 */
void iommu_mem_free(void *mem, size_t len);

#endif /* BELFRY_IOMMU_MEM_H */

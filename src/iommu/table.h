/* SPDX-License-Identifier: MIT */
/*
 * The writing side of the translation table (iommu/translate.h has the reading side). Memory of
 * the table: 8 bytes for each 4 KiB that is mapped, and at most one page for each 2 MiB, and two
 * for each GiB, in which something ever was. A mapping that covers all of a GiB takes 8 bytes of
 * the top for it, unless smaller ones were there before.
 *
 * All calls but the first and the last are made with the lock of the address space held.
 */
#ifndef BELFRY_IOMMU_TABLE_H
#define BELFRY_IOMMU_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "iommu/ctx.h"

/**
 * iommu_table_create() - give an address space an empty table
 * @ctx: address space without one
 *
 * Own: @ctx, until iommu_table_destroy().
 *
 * Context: nobody else uses @ctx yet; makes a system call.
 * Return: 0, or -1 and ENOMEM.
 */
int iommu_table_create(struct iommu_ctx *ctx);

/**
 * iommu_table_destroy() - free the table of an address space
 * @ctx: address space with one
 *
 * Context: nobody else uses @ctx any more; makes system calls.
 */
void iommu_table_destroy(struct iommu_ctx *ctx);

/**
 * iommu_table_prepare() - make sure that a range can be filled
 * @ctx: address space
 * @va: first address, aligned to 4 KiB; nothing of the range is mapped
 * @len: bytes, a multiple of 4 KiB, not 0; ends below 2^48
 *
 * Context: may make system calls. No entry changes.
 * Return: 0, or -1 and ENOMEM.
 */
int iommu_table_prepare(struct iommu_ctx *ctx, uintptr_t va, size_t len);

/**
 * iommu_table_fill() - enter a mapping for all of its memory
 * @ctx: address space
 * @va: a range that iommu_table_prepare() was called for
 * @len: its bytes
 * @iova: where the device sees @va, aligned to 4 KiB; ends below 2^52
 * @flags: with IOMMU_MAP_NOWRITE or IOMMU_MAP_NOREAD it is restricted
 *
 * Context: never fails. Translation finds the memory page by page as it goes.
 */
void iommu_table_fill(struct iommu_ctx *ctx, uintptr_t va, size_t len, iova_t iova,
		      unsigned long flags);

/**
 * iommu_table_clear() - let translation no longer find a mapping
 * @ctx: address space
 * @va: as for iommu_table_fill(), which may be called again
 * @len: as for iommu_table_fill()
 *
 * Context: may make system calls; never fails. errno is preserved.
 */
void iommu_table_clear(struct iommu_ctx *ctx, uintptr_t va, size_t len);

#endif /* BELFRY_IOMMU_TABLE_H */

/* SPDX-License-Identifier: MIT */
/*
 * The writing side of the translation table (iommu/translate.h has the reading side). Memory of
 * the table: 8 bytes for each 4 KiB that is mapped, and at most one page for each 2 MiB, and two
 * for each GiB, in which something ever was. A mapping that covers all of a GiB takes 8 bytes of
 * the top for it, unless smaller ones were there before.
 */
#ifndef BELFRY_IOMMU_TABLE_H
#define BELFRY_IOMMU_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "iommu/ctx.h"
#include "iommu/translate.h"

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
 * @ctx: address space; without a table nothing is done
 *
 * Context: nobody else uses @ctx any more; makes system calls.
 */
void iommu_table_destroy(struct iommu_ctx *ctx);

/**
 * iommu_table_insert() - enter a mapping for all of its memory
 * @ctx: address space
 * @va: first address, aligned to 4 KiB
 * @len: bytes, a multiple of 4 KiB, not 0; ends below 2^48
 * @m: the mapping; its seq is odd
 * @there: out: with EEXIST, the mapping that is in the way
 *
 * Context: lock of @ctx held; may make system calls.
 * Return: 0, or -1 and no entry changed: EEXIST something there is mapped, ENOMEM.
 */
int iommu_table_insert(struct iommu_ctx *ctx, uintptr_t va, size_t len, struct iommu_mapping *m,
		       const struct iommu_mapping **there);

/**
 * iommu_table_remove() - clear the entries of a mapping
 * @ctx: address space
 * @va: as for iommu_table_insert()
 * @len: as for iommu_table_insert()
 *
 * Context: lock of @ctx held; may make system calls; never fails. errno is preserved.
 */
void iommu_table_remove(struct iommu_ctx *ctx, uintptr_t va, size_t len);

#endif /* BELFRY_IOMMU_TABLE_H */

/* SPDX-License-Identifier: MIT */
/* What the kernel's two kinds of address space have in common: limits, and words for their errors. */
#ifndef BELFRY_IOMMU_HOST_H
#define BELFRY_IOMMU_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "iommu/ctx.h"

/**
 * iommu_ranges_cover() - does a device that joins reach all that the address space may hand out
 * @ctx: address space
 * @ranges: IOVAs that are usable with the device, in any order
 * @nr_ranges: how many
 * @who: name of the device or its group, for the message
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL it does not (logged).
 */
int iommu_ranges_cover(const struct iommu_ctx *ctx, const struct iommu_iova_range *ranges,
		       int nr_ranges, const char *who);

/**
 * iommu_explain_map() - log why the kernel would not map memory, and what to do about it
 * @ctx: address space
 * @len: bytes of the mapping that failed
 *
 * Context: any thread; errno is what the kernel gave, and is preserved.
 * Return: -1.
 */
int iommu_explain_map(const struct iommu_ctx *ctx, size_t len);

/**
 * iommu_explain_open() - log why a device node cannot be opened, and what to do about it
 * @path: the node
 *
 * Context: any thread; errno is what open(2) gave, and is preserved.
 * Return: -1.
 */
int iommu_explain_open(const char *path);

#endif /* BELFRY_IOMMU_HOST_H */

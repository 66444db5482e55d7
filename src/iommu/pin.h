/* SPDX-License-Identifier: MIT */
/*
 * Buffers of synchronous transfers: the caller of such a function passes any memory, mapped or
 * not, and it has to stay reachable until the device is done with it.
 *
 * A buffer inside a mapping of the caller's keeps that mapping from being unmapped (EBUSY). Any
 * other gets a private mapping for just this transfer, at an IOVA of its own and invisible to
 * translation: two threads that use the same buffer, or overlapping ones, do not meet.
 */
#ifndef BELFRY_IOMMU_PIN_H
#define BELFRY_IOMMU_PIN_H

#include <stdbool.h>
#include <stddef.h>

#include <belfry/iommu/dma.h>

struct iommu_ctx;
struct iommu_mapping;

/**
 * struct iommu_pin - a buffer that the device may use
 * @mapping: what keeps it reachable; NULL when nothing is pinned
 */
struct iommu_pin {
	struct iommu_mapping *mapping;
};

/**
 * iommu_can_pin() - may memory be pinned that is in no mapping
 * @ctx: address space
 *
 * Context: any; pure.
 * Return: false where a device does not reach memory of any kind, or only by messages: what has to be
 * moved goes through memory that was allocated for it.
 */
bool iommu_can_pin(const struct iommu_ctx *ctx);

/**
 * iommu_pin() - make a buffer reachable by the device until iommu_unpin()
 * @ctx: address space
 * @vaddr: start of the buffer
 * @len: bytes, not 0
 * @iova: out: where the device sees it, in one piece; unchanged on error
 * @pin: out: for iommu_unpin(); holds nothing on error
 *
 * A buffer that lies in one mapping of the caller's is used as that allows: with IOMMU_MAP_NOWRITE
 * or IOMMU_MAP_NOREAD it is up to the IOMMU to refuse.
 *
 * Own: the caller, who calls iommu_unpin() when the device is done. The memory must stay until then.
 *
 * Context: any thread; takes the lock of @ctx; may allocate and make system calls.
 * Return: 0, or -1: EINVAL @len is 0 or the buffer wraps around, or it is not in one mapping and
 * not whole pages below 2^48; ENOMEM no IOVA or memory; or what the backend reports.
 */
int iommu_pin(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t *iova, struct iommu_pin *pin);

/**
 * iommu_unpin() - let go of a buffer
 * @ctx: address space
 * @pin: from iommu_pin(); holds nothing afterwards; one that holds nothing is left alone
 *
 * If a private mapping cannot be unmapped, which is logged, it stays until the address space
 * closes.
 *
 * Context: any thread; takes the lock of @ctx; may make system calls. errno is preserved.
 */
void iommu_unpin(struct iommu_ctx *ctx, struct iommu_pin *pin);

#endif /* BELFRY_IOMMU_PIN_H */

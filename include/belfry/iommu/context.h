/* SPDX-License-Identifier: MIT */
/*
 * A DMA address space as a handle. struct iommu_ctx is opaque: it belongs to the transport that
 * reaches the controller, may be shared by several controllers, and lives until the last of them
 * is closed. Every opened controller has one; iommu_get_context() is only for programs that want
 * an address space before, or without, opening a controller.
 */
#ifndef BELFRY_IOMMU_CONTEXT_H
#define BELFRY_IOMMU_CONTEXT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iommu_ctx;

/**
 * iommu_get_context() - find or make the DMA address space that a device name belongs to
 * @name: where the controller lives, spelled as for opening it
 *
 * Own: the library. A reference is taken for the caller and kept until the process ends, so the
 * pointer stays good; there is no function to give it back.
 *
 * Context: any thread. May block, allocate, log and make system calls.
 * Return: the address space, or NULL: EINVAL @name is NULL, malformed or of an unknown kind,
 * ENOENT no such device, ENOMEM, or what the transport reports. Nothing is left behind on error.
 */
struct iommu_ctx *iommu_get_context(const char *name);

/**
 * iommu_ctx_is_iommufd() - tell whether the kernel's iommufd is behind an address space
 * @ctx: address space, not NULL
 *
 * Context: any thread; no lock, allocation or system call.
 * Return: true for iommufd; false for every other backend.
 */
bool iommu_ctx_is_iommufd(struct iommu_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_IOMMU_CONTEXT_H */

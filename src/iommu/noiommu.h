/* SPDX-License-Identifier: MIT */
/*
 * Memory for devices behind no IOMMU: they put physical addresses on the bus, and nothing keeps them
 * from any. So memory is where it is: an IOVA is not chosen but found out, a mapping has to be in
 * one piece in the machine's memory, and must not be moved by the kernel while it lives. That is so
 * of huge pages, and of no other memory that a program can have; it is refused.
 */
#ifndef BELFRY_IOMMU_NOIOMMU_H
#define BELFRY_IOMMU_NOIOMMU_H

#include <stdbool.h>
#include <stddef.h>

#include "iommu/ctx.h"

/* All memory comes in pieces of this many bytes. */
#define NOIOMMU_PIECE (2ul << 20)

/**
 * noiommu_is_group() - is an IOMMU group none
 * @path: its device node
 *
 * Context: any; pure.
 * Return: true when the kernel calls it a group, and there is no IOMMU.
 */
bool noiommu_is_group(const char *path);

/**
 * noiommu_allow() - may a device without an IOMMU be used
 * @name: its address, for messages
 *
 * Only when BELFRY_UNSAFE_NOIOMMU is set, and not without a warning.
 *
 * Context: any thread; reads the environment.
 * Return: 0, or -1: EPERM not allowed (logged, with what would).
 */
int noiommu_allow(const char *name);

/**
 * noiommu_alloc() - pages that stay where they are
 * @len: bytes, a multiple of NOIOMMU_PIECE; more than one are seldom in one piece
 *
 * Own: the caller, until munmap(2).
 * Context: any thread; a system call.
 * Return: zeroed memory, or NULL: ENOMEM there are not enough huge pages (logged).
 */
void *noiommu_alloc(size_t len);

/**
 * noiommu_place() - where memory is
 * @vaddr: start, aligned to the host page
 * @len: bytes
 * @iova: out: its physical address; unchanged on error
 *
 * Context: any thread; system calls.
 * Return: 0, or -1: ENOTSUP it is not of huge pages, or not in one piece (logged); EPERM the kernel
 * does not tell this user (logged); or what reading about it gave.
 */
int noiommu_place(const void *vaddr, size_t len, iova_t *iova);

#endif /* BELFRY_IOMMU_NOIOMMU_H */

/* SPDX-License-Identifier: MIT */
/*
 * Who has which I/O virtual addresses. The ranges that a device may use are tiled by extents, each
 * either free or allocated; free neighbours are always joined. Allocation takes the smallest
 * extent that fits, lowest address first, so addresses are reused as soon as they are free.
 *
 * The top eighth of the largest range is a window for short-lived allocations. Long-lived ones
 * never come from it, unless at an address that was asked for, and so cannot exhaust it; short-
 * lived ones spill out of it when it is full. Free extents do not reach across its border.
 *
 * All is in whole host pages. Giving addresses back cannot fail. The owner serialises all calls.
 */
#ifndef BELFRY_IOMMU_IOVA_H
#define BELFRY_IOMMU_IOVA_H

#include <stdbool.h>
#include <stddef.h>

#include <bsd/sys/tree.h>

#include <belfry/iommu/dma.h>

/**
 * struct iova_extent - a run of addresses, free or allocated
 * @by_addr: in struct iova_space.by_addr
 * @by_size: in struct iova_space.by_size of its window; only when free
 * @start: first address
 * @last: last address, inclusive
 * @owner: whoever it is allocated to; NULL when free
 */
struct iova_extent {
	RB_ENTRY(iova_extent) by_addr;
	RB_ENTRY(iova_extent) by_size;
	iova_t start, last;
	void *owner;
};

RB_HEAD(iova_addr_tree, iova_extent);
RB_HEAD(iova_size_tree, iova_extent);

/**
 * enum iova_window - which part of the address space an allocation comes from
 * @IOVA_LONG: all but the top eighth of the largest range
 * @IOVA_SHORT: that top eighth
 */
enum iova_window {
	IOVA_LONG,
	IOVA_SHORT,
};

/**
 * struct iova_space - the addresses of one address space
 * @by_addr: all extents; they tile the ranges
 * @by_size: free extents of each window, by size, then by address
 * @page: granularity in bytes
 * @border: first address of the IOVA_SHORT window
 * @window_len: its bytes; 0 when there is none
 * @spare: extent that was saved by an allocation across the border; freeing that one needs it
 */
struct iova_space {
	struct iova_addr_tree by_addr;
	struct iova_size_tree by_size[2];
	size_t page;
	iova_t border;
	uint64_t window_len;
	struct iova_extent *spare;
};

/**
 * iova_space_init() - make a space in which everything is free
 * @space: the space; may hold anything before
 * @ranges: page-aligned, sorted by address, neither overlapping nor adjoining
 * @nr_ranges: number of them, at least 1
 *
 * Own: iova_space_close() gives the memory back.
 *
 * Context: allocates.
 * Return: 0, or -1 and ENOMEM, nothing left behind.
 */
int iova_space_init(struct iova_space *space, const struct iommu_iova_range *ranges, int nr_ranges);

/**
 * iova_space_close() - free a space, whatever is allocated in it
 * @space: the space; unusable afterwards
 *
 * Context: pointers to its extents die.
 */
void iova_space_close(struct iova_space *space);

/**
 * iova_alloc() - allocate addresses
 * @space: the space
 * @len: bytes, a multiple of the page, not 0
 * @align: the first address will be a multiple of this multiple of the page, not 0
 * @window: where to look first; IOVA_SHORT spills into IOVA_LONG, never the other way round
 * @owner: who gets them; not NULL
 *
 * Own: the caller, until iova_free(); the extent does not move or change.
 *
 * Context: calls serialised by the caller; may allocate. Time grows with the logarithm of the
 * number of extents, and with their number only when alignment makes the last large ones fail.
 * Return: the extent, or NULL and ENOMEM, nothing changed.
 */
struct iova_extent *iova_alloc(struct iova_space *space, size_t len, size_t align,
			       enum iova_window window, void *owner);

/**
 * iova_reserve() - allocate given addresses
 * @space: the space
 * @start: first address, a multiple of the page
 * @len: bytes, a multiple of the page, not 0
 * @owner: who gets them; not NULL
 *
 * Own: the caller, until iova_free(); the extent does not move or change.
 *
 * Context: calls serialised by the caller; may allocate.
 * Return: the extent, or NULL, nothing changed: EINVAL not inside one range, EEXIST some of it is
 * allocated, ENOMEM.
 */
struct iova_extent *iova_reserve(struct iova_space *space, iova_t start, size_t len, void *owner);

/**
 * iova_free() - give addresses back
 * @space: the space
 * @extent: from iova_alloc() or iova_reserve(); dead afterwards
 *
 * Context: calls serialised by the caller; never fails, allocates nothing.
 */
void iova_free(struct iova_space *space, struct iova_extent *extent);

/**
 * iova_find() - the allocated extent that an address is in
 * @space: the space
 * @iova: any address
 *
 * Context: calls serialised by the caller.
 * Return: the extent, or NULL when the address is free or in no range; errno is not touched.
 */
struct iova_extent *iova_find(struct iova_space *space, iova_t iova);

/**
 * iova_first() - the allocated extent with the lowest address at or above a given one
 * @space: the space
 * @from: any address
 *
 * Context: calls serialised by the caller.
 * Return: the extent, or NULL when there is none; errno is not touched.
 */
struct iova_extent *iova_first(struct iova_space *space, iova_t from);

/**
 * iova_find_hole() - the lowest free addresses at or above a given one
 * @space: the space
 * @from: address to start at, a multiple of the page
 * @len: bytes, a multiple of the page, not 0
 * @start: out: first address of the hole; unchanged when there is none
 *
 * Nothing is allocated. A hole across the border of the windows is not seen.
 *
 * Context: calls serialised by the caller. Time grows with the number of extents passed over.
 * Return: whether there is one; errno is not touched.
 */
bool iova_find_hole(struct iova_space *space, iova_t from, size_t len, iova_t *start);

#endif /* BELFRY_IOMMU_IOVA_H */

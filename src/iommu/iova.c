/* SPDX-License-Identifier: MIT */
/*
 * The allocator of I/O virtual addresses: boundary tags in two kinds of red-black trees. One tree
 * has all extents by address, to find neighbours and owners; one per window has the free extents
 * by size. An extent is freed by joining it with its free neighbours, which gives tags back and
 * never needs one, so that freeing cannot fail.
 *
 * Sizes are kept as last - start, because a range may be all of the 64-bit space.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/mem.h>

#include "iommu/iova.h"
#include "support/errno.h"

static int cmp_addr(const struct iova_extent *a, const struct iova_extent *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

static int cmp_size(const struct iova_extent *a, const struct iova_extent *b)
{
	uint64_t a_size = a->last - a->start, b_size = b->last - b->start;

	if (a_size != b_size)
		return a_size < b_size ? -1 : 1;
	return cmp_addr(a, b);
}

#ifndef __unused /* BSD has it, and RB_GENERATE_STATIC() needs it */
#define __unused __attribute__((unused))
#endif

RB_GENERATE_STATIC(iova_addr_tree, iova_extent, by_addr, cmp_addr)
RB_GENERATE_STATIC(iova_size_tree, iova_extent, by_size, cmp_size)

static enum iova_window window_of(const struct iova_space *space, iova_t iova)
{
	return iova - space->border < space->window_len ? IOVA_SHORT : IOVA_LONG;
}

static struct iova_size_tree *size_tree(struct iova_space *space, const struct iova_extent *e)
{
	return &space->by_size[window_of(space, e->start)];
}

/* The extent with the highest start at or below @iova, whether it reaches @iova or not. */
static struct iova_extent *find_at_or_below(const struct iova_space *space, iova_t iova)
{
	struct iova_extent *e = RB_ROOT(&space->by_addr), *found = NULL;

	while (e) {
		if (e->start > iova) {
			e = RB_LEFT(e, by_addr);
		} else {
			found = e;
			e = RB_RIGHT(e, by_addr);
		}
	}
	return found;
}

/* Put the tag @e on the free addresses [@start, @last]. */
static void add_free(struct iova_space *space, struct iova_extent *e, iova_t start, iova_t last)
{
	e->start = start;
	e->last = last;
	e->owner = NULL;
	RB_INSERT(iova_addr_tree, &space->by_addr, e);
	RB_INSERT(iova_size_tree, size_tree(space, e), e);
}

/* No window at all when an eighth is less than a page. */
static void place_window(struct iova_space *space, const struct iommu_iova_range *ranges, int n)
{
	const struct iommu_iova_range *largest = ranges;
	uint64_t eighth;

	for (int i = 1; i < n; i++)
		if (ranges[i].last - ranges[i].start > largest->last - largest->start)
			largest = &ranges[i];

	eighth = (largest->last - largest->start) / 8 + 1; /* pages are multiples of 8 */
	space->window_len = eighth - eighth % space->page;
	space->border = space->window_len ? largest->last - space->window_len + 1 : 0;
}

static bool across_border(const struct iova_space *space, iova_t start, iova_t last)
{
	return start < space->border && space->border <= last;
}

int iova_space_init(struct iova_space *space, const struct iommu_iova_range *ranges, int nr_ranges)
{
	memset(space, 0, sizeof(*space));
	space->page = __VFN_PAGESIZE;
	place_window(space, ranges, nr_ranges);

	for (int i = 0; i < nr_ranges; i++) {
		bool split = across_border(space, ranges[i].start, ranges[i].last);
		struct iova_extent *e = malloc(sizeof(*e));
		struct iova_extent *behind = split ? malloc(sizeof(*behind)) : NULL;

		if (!e || (split && !behind)) {
			free(e);
			free(behind);
			iova_space_close(space);
			return set_errno(ENOMEM);
		}

		add_free(space, e, ranges[i].start, split ? space->border - 1 : ranges[i].last);
		if (split)
			add_free(space, behind, space->border, ranges[i].last);
	}
	return 0;
}

void iova_space_close(struct iova_space *space)
{
	struct iova_extent *e, *next;

	RB_FOREACH_SAFE (e, iova_addr_tree, &space->by_addr, next) {
		RB_REMOVE(iova_addr_tree, &space->by_addr, e);
		free(e);
	}
	free(space->spare);
	memset(space, 0, sizeof(*space));
}

/*
 * Allocate [@start, @last] out of the free extent @e, or out of @e and @next when it ends in the
 * free extent behind the border.
 */
static struct iova_extent *carve(struct iova_space *space, struct iova_extent *e,
				 struct iova_extent *next, iova_t start, iova_t last)
{
	bool has_left = start > e->start, has_right = last < (next ? next : e)->last;
	struct iova_extent *left = has_left ? malloc(sizeof(*left)) : NULL;
	struct iova_extent *right = has_right ? malloc(sizeof(*right)) : NULL;
	iova_t e_start = e->start, e_last = e->last;

	if ((has_left && !left) || (has_right && !right)) {
		free(left);
		free(right);
		return set_errno_null(ENOMEM);
	}

	RB_REMOVE(iova_size_tree, size_tree(space, e), e);
	if (next) {
		assert(!space->spare);
		e_last = next->last;
		RB_REMOVE(iova_size_tree, size_tree(space, next), next);
		RB_REMOVE(iova_addr_tree, &space->by_addr, next);
		space->spare = next;
	}

	/* Still between its neighbours, so its place in by_addr is right. */
	e->start = start;
	e->last = last;
	if (left)
		add_free(space, left, e_start, start - 1);
	if (right)
		add_free(space, right, last + 1, e_last);
	return e;
}

/* Whether @len bytes at a multiple of @align fit into @e, and where. */
static bool fits(const struct iova_extent *e, size_t len, size_t align, iova_t *start)
{
	uint64_t skip = e->start % align ? align - e->start % align : 0;
	uint64_t size = e->last - e->start;

	*start = e->start + skip;
	return skip <= size && len - 1 <= size - skip;
}

static struct iova_extent *best_fit(struct iova_size_tree *tree, uint64_t size)
{
	struct iova_extent key = {.last = (iova_t)size};

	return RB_NFIND(iova_size_tree, tree, &key);
}

static struct iova_extent *alloc_in(struct iova_space *space, size_t len, size_t align,
				    struct iova_size_tree *tree)
{
	struct iova_extent *e = NULL;
	uint64_t roomy;
	iova_t start;

	/* Large enough wherever it starts; the very best fit when align is a page. */
	if (!__builtin_add_overflow(len - 1, align - space->page, &roomy))
		e = best_fit(tree, roomy);
	if (e && fits(e, len, align, &start))
		return carve(space, e, NULL, start, start + (len - 1));

	/* None: then one that happens to start well. */
	for (e = best_fit(tree, len - 1); e; e = RB_NEXT(iova_size_tree, tree, e))
		if (fits(e, len, align, &start))
			return carve(space, e, NULL, start, start + (len - 1));

	return set_errno_null(ENOMEM);
}

struct iova_extent *iova_alloc(struct iova_space *space, size_t len, size_t align,
			       enum iova_window window, void *owner)
{
	struct iova_extent *e = alloc_in(space, len, align, &space->by_size[window]);

	if (!e && window == IOVA_SHORT)
		e = alloc_in(space, len, align, &space->by_size[IOVA_LONG]);
	if (e)
		e->owner = owner;
	return e;
}

struct iova_extent *iova_reserve(struct iova_space *space, iova_t start, size_t len, void *owner)
{
	struct iova_extent *e = find_at_or_below(space, start), *end = e, *next;
	iova_t last = start + (len - 1);

	if (last < start || !e || start > e->last)
		goto outside;

	for (;; end = next) {
		if (end->owner) {
			return set_errno_null(EEXIST);
		}
		if (last <= end->last)
			break;
		next = RB_NEXT(iova_addr_tree, tree, end);
		if (!next || next->start != end->last + 1)
			goto outside;
	}

	/* Free neighbours are joined except at the border, so @end is @e or the one behind it. */
	e = carve(space, e, end == e ? NULL : end, start, last);
	if (e)
		e->owner = owner;
	return e;

outside:
	return set_errno_null(EINVAL);
}

static bool joinable(const struct iova_space *space, const struct iova_extent *a,
		     const struct iova_extent *b)
{
	return a && b && !a->owner && !b->owner && a->last + 1 == b->start &&
	       window_of(space, a->start) == window_of(space, b->start);
}

/* Take the free extent @e out of the trees and give its tag back. */
static void absorb(struct iova_space *space, struct iova_extent *e)
{
	RB_REMOVE(iova_size_tree, size_tree(space, e), e);
	RB_REMOVE(iova_addr_tree, &space->by_addr, e);
	free(e);
}

/* @e is in by_addr and nowhere else. */
static void release(struct iova_space *space, struct iova_extent *e)
{
	struct iova_extent *prev = RB_PREV(iova_addr_tree, tree, e);
	struct iova_extent *next = RB_NEXT(iova_addr_tree, tree, e);

	e->owner = NULL;
	if (joinable(space, prev, e)) {
		iova_t start = prev->start;

		absorb(space, prev);
		e->start = start;
	}
	if (joinable(space, e, next)) {
		iova_t last = next->last;

		absorb(space, next);
		e->last = last;
	}
	RB_INSERT(iova_size_tree, size_tree(space, e), e);
}

void iova_free(struct iova_space *space, struct iova_extent *extent)
{
	struct iova_extent *behind;

	assert(extent->owner);
	if (across_border(space, extent->start, extent->last)) {
		/* It lay across the border: its second half gets the tag that carve() saved. */
		behind = space->spare;
		assert(behind);
		space->spare = NULL;
		behind->start = space->border;
		behind->last = extent->last;
		extent->last = space->border - 1;
		RB_INSERT(iova_addr_tree, &space->by_addr, behind);
		release(space, behind);
	}
	release(space, extent);
}

struct iova_extent *iova_find(struct iova_space *space, iova_t iova)
{
	struct iova_extent *e = find_at_or_below(space, iova);

	return e && e->owner && iova <= e->last ? e : NULL;
}

struct iova_extent *iova_first(struct iova_space *space, iova_t from)
{
	struct iova_extent *e = find_at_or_below(space, from);

	if (!e || e->last < from) {
		struct iova_extent key = {.start = from};

		e = RB_NFIND(iova_addr_tree, &space->by_addr, &key);
	}
	while (e && !e->owner)
		e = RB_NEXT(iova_addr_tree, tree, e);
	return e;
}

bool iova_find_hole(struct iova_space *space, iova_t from, size_t len, iova_t *start)
{
	struct iova_extent *e = find_at_or_below(space, from);

	if (!e)
		e = RB_MIN(iova_addr_tree, &space->by_addr);

	for (; e; e = RB_NEXT(iova_addr_tree, tree, e)) {
		iova_t at = e->start > from ? e->start : from;

		if (!e->owner && at <= e->last && len - 1 <= e->last - at) {
			*start = at;
			return true;
		}
	}
	return false;
}

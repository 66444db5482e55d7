/* SPDX-License-Identifier: MIT */
/*
 * A sparse set of logical blocks as a sorted array of ranges.
 *
 * Both changes are the same move: the ranges that the new one meets are replaced by at most two.
 */
#include "emu/lbas.h"

#include <stdlib.h>
#include <string.h>

/* Index of the first range that ends after @lba. */
static size_t lower_bound(const struct emu_lbas *set, uint64_t lba)
{
	size_t low = 0, high = set->nr;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (set->ranges[mid].end <= lba)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool emu_lbas_find(const struct emu_lbas *set, uint64_t first, uint64_t nr, uint64_t *found)
{
	const size_t i = lower_bound(set, first);

	if (!nr || i == set->nr || set->ranges[i].first >= first + nr)
		return false;
	*found = set->ranges[i].first > first ? set->ranges[i].first : first;
	return true;
}

/* Put @nr ranges in the place of those from index @from up to @to. */
static int replace(struct emu_lbas *set, size_t from, size_t to, const struct emu_lba_range *with,
		   size_t nr)
{
	const size_t left = set->nr - (to - from) + nr;

	if (left > set->cap) {
		const size_t cap = set->cap ? 2 * set->cap : 16;
		void *ranges = realloc(set->ranges, cap * sizeof(*set->ranges));

		if (!ranges)
			return -1;
		set->ranges = ranges;
		set->cap = cap;
	}
	memmove(set->ranges + from + nr, set->ranges + to, (set->nr - to) * sizeof(*set->ranges));
	memcpy(set->ranges + from, with, nr * sizeof(*set->ranges));
	set->nr = left;
	return 0;
}

int emu_lbas_add(struct emu_lbas *set, uint64_t first, uint64_t nr)
{
	struct emu_lba_range range = {first, first + nr};
	/* One block to the left: a range that only touches is joined, too. */
	size_t from = lower_bound(set, first ? first - 1 : 0), to = from;

	if (!nr)
		return 0;
	for (; to < set->nr && set->ranges[to].first <= range.end; to++) {
		if (set->ranges[to].first < range.first)
			range.first = set->ranges[to].first;
		if (set->ranges[to].end > range.end)
			range.end = set->ranges[to].end;
	}
	return replace(set, from, to, &range, 1);
}

int emu_lbas_remove(struct emu_lbas *set, uint64_t first, uint64_t nr)
{
	const uint64_t end = first + nr;
	const size_t from = lower_bound(set, first);
	struct emu_lba_range rest[2];
	size_t to = from, nr_rest = 0;

	if (!nr)
		return 0;
	for (; to < set->nr && set->ranges[to].first < end; to++) {
		const struct emu_lba_range *range = &set->ranges[to];

		/* Only the first can begin before, and only the last end after. */
		if (range->first < first)
			rest[nr_rest++] = (struct emu_lba_range){range->first, first};
		if (range->end > end)
			rest[nr_rest++] = (struct emu_lba_range){end, range->end};
	}
	return to == from ? 0 : replace(set, from, to, rest, nr_rest);
}

void emu_lbas_clear(struct emu_lbas *set)
{
	free(set->ranges);
	*set = (struct emu_lbas){0};
}

/* SPDX-License-Identifier: MIT */
/*
 * A sparse set of logical blocks: those that Write Uncorrectable has marked.
 *
 * Kept as sorted ranges that neither overlap nor touch; empty, it costs one comparison.
 */
#ifndef BELFRY_EMU_LBAS_H
#define BELFRY_EMU_LBAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emu_lba_range {
	uint64_t first;
	uint64_t end; /* one past the last */
};

struct emu_lbas {
	size_t nr;
	size_t cap;
	struct emu_lba_range *ranges;
};

/**
 * emu_lbas_find() - look for the first block of a range that is in the set
 * @set: set
 * @first: first block of the range
 * @nr: blocks in it; @first + @nr does not overflow
 * @found: out: the block
 *
 * Return: true if there is one.
 */
bool emu_lbas_find(const struct emu_lbas *set, uint64_t first, uint64_t nr, uint64_t *found);

/**
 * emu_lbas_add() - add a range of blocks
 * @set: set
 * @first: first block
 * @nr: blocks; @first + @nr does not overflow
 *
 * Context: may allocate.
 * Return: 0, or -1: ENOMEM; the set is as it was.
 */
int emu_lbas_add(struct emu_lbas *set, uint64_t first, uint64_t nr);

/**
 * emu_lbas_remove() - remove a range of blocks, in the set or not
 * @set: set
 * @first: first block
 * @nr: blocks; @first + @nr does not overflow
 *
 * Context: may allocate, when it divides a range.
 * Return: 0, or -1: ENOMEM; the set is as it was.
 */
int emu_lbas_remove(struct emu_lbas *set, uint64_t first, uint64_t nr);

/**
 * emu_lbas_clear() - empty the set and free its memory
 * @set: set
 */
void emu_lbas_clear(struct emu_lbas *set);

#endif /* BELFRY_EMU_LBAS_H */

/* SPDX-License-Identifier: MIT */
/*
 * Data that can be recognised: what a block holds is a function of its address, of how often it
 * was written, and of a seed. A block that is wrong then tells what it is instead.
 */
#ifndef BELFRY_TOOLS_PATTERN_H
#define BELFRY_TOOLS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct pattern - what the blocks of one command are to hold
 * @lba: first logical block
 * @generation: how often it was written
 * @seed: of the run
 * @block: bytes in a block, a multiple of 8, at least 64
 */
struct pattern {
	uint64_t lba;
	uint64_t generation;
	uint64_t seed;
	uint32_t block;
};

/**
 * pattern_fill() - fill blocks
 * @pattern: what they are to hold
 * @buf: out: the blocks, 8-byte aligned
 * @nr_blocks: how many
 */
void pattern_fill(const struct pattern *pattern, void *buf, uint32_t nr_blocks);

/**
 * pattern_spoil() - see to it that blocks hold no pattern
 * @buf: the blocks, 8-byte aligned
 * @len: bytes
 *
 * Before a read, so that data which did not come is not taken from what was there: a word in each 64
 * bytes becomes 0.
 */
void pattern_spoil(void *buf, size_t len);

/**
 * pattern_check() - compare blocks, every byte
 * @pattern: what they are to hold
 * @buf: the blocks, 8-byte aligned
 * @nr_blocks: how many
 * @why: out: on a difference, where it is and what is there instead; @len bytes
 * @len: bytes in @why
 *
 * Return: true when all are equal.
 */
bool pattern_check(const struct pattern *pattern, const void *buf, uint32_t nr_blocks, char *why,
		   size_t len);

/**
 * random_next() - the next of a sequence of random numbers; also a hash of one number
 * @state: in and out: any value; the same value, the same numbers (splitmix64)
 *
 * Return: the number.
 */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/**
 * random_fill() - fill memory with random bytes
 * @state: in and out: of the sequence
 * @buf: out: memory, 8-byte aligned
 * @len: bytes, a multiple of 8
 */
void random_fill(uint64_t *state, void *buf, size_t len);

/**
 * image_fill() - one part of the image that the demonstration writes
 * @seed: of the image
 * @offset: of the part, bytes, a multiple of 4096
 * @buf: out: the part, 8-byte aligned
 * @len: bytes, a multiple of 4096
 *
 * Random pages, pages of text and pages of zeros in turn, 64 KiB of each, so that half a storage
 * stack that compresses, or drops zeros, is found out.
 */
void image_fill(uint64_t seed, uint64_t offset, void *buf, size_t len);

#endif /* BELFRY_TOOLS_PATTERN_H */

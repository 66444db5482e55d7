/* SPDX-License-Identifier: MIT */
/*
 * Recognisable data. A block begins with a stamp (magic number, address, generation, seed); the
 * rest is a sequence that starts from a hash of these, so that two blocks differ all over.
 */
#include "tools/pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAGIC	    0x7972666c65622e21 /* "!.belfry" */
#define STAMP_WORDS 4
#define STAMP_BYTES sizeof(uint64_t[STAMP_WORDS])
#define IMAGE_PAGE  4096
#define IMAGE_RUN   16 /* pages of one kind in a row */

/* A linear congruential sequence: its quality hardly matters, its speed does. */
static uint64_t next_word(uint64_t word)
{
	return word * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
}

static uint64_t first_word(const uint64_t stamp[STAMP_WORDS])
{
	uint64_t hash = 0;

	for (int i = 0; i < STAMP_WORDS; i++) {
		hash ^= stamp[i];
		hash = random_next(&hash);
	}
	return hash;
}

static void make_stamp(const struct pattern *pattern, uint32_t index, uint64_t stamp[STAMP_WORDS])
{
	stamp[0] = MAGIC;
	stamp[1] = pattern->lba + index;
	stamp[2] = pattern->generation;
	stamp[3] = pattern->seed;
}

void pattern_spoil(void *buf, size_t len)
{
	uint64_t *word = buf;

	for (size_t i = 0; i < len / sizeof(*word); i += 8)
		word[i] = 0;
}

void pattern_fill(const struct pattern *pattern, void *buf, uint32_t nr_blocks)
{
	uint64_t *word = buf;

	for (uint32_t i = 0; i < nr_blocks; i++) {
		uint64_t value;

		make_stamp(pattern, i, word);
		value = first_word(word);
		word += STAMP_WORDS;
		for (uint32_t n = pattern->block / 8 - STAMP_WORDS; n; n--) {
			*word++ = value;
			value = next_word(value);
		}
	}
}

/* Index of the first byte that differs, and what it should be; @len if none does. */
static uint32_t first_difference(const uint64_t *word, const uint64_t stamp[STAMP_WORDS],
				 uint32_t len, uint8_t *expected)
{
	uint64_t value = first_word(stamp), want;

	for (uint32_t n = 0; n < len / 8; n++) {
		if (n < STAMP_WORDS) {
			want = stamp[n];
		} else {
			want = value;
			value = next_word(value);
		}
		if (word[n] != want) {
			const uint8_t *got = (const uint8_t *)&word[n];
			const uint8_t *wanted = (const uint8_t *)&want;
			uint32_t i = 0;

			while (got[i] == wanted[i])
				i++;
			*expected = wanted[i];
			return n * 8 + i;
		}
	}
	return len;
}

/* What a block is that is not what it should be. */
static void describe(const uint64_t *word, const uint64_t stamp[STAMP_WORDS], uint32_t at,
		     uint8_t expected, char *why, size_t len)
{
	if (word[0] == MAGIC && memcmp(word, stamp, STAMP_BYTES) != 0)
		snprintf(why, len,
			 "block %" PRIu64 " (generation %" PRIu64 ") holds block %" PRIu64
			 " of generation %" PRIu64 "%s",
			 stamp[1], stamp[2], word[1], word[2],
			 word[3] == stamp[3] ? "" : " of another run");
	else
		snprintf(why, len,
			 "block %" PRIu64 " (generation %" PRIu64
			 ") differs from byte %u on: 0x%02x instead of 0x%02x",
			 stamp[1], stamp[2], at, ((const uint8_t *)word)[at], expected);
}

bool pattern_check(const struct pattern *pattern, const void *buf, uint32_t nr_blocks, char *why,
		   size_t len)
{
	const uint64_t *word = buf;

	for (uint32_t i = 0; i < nr_blocks; i++, word += pattern->block / 8) {
		uint64_t stamp[STAMP_WORDS];
		uint8_t expected = 0;
		uint32_t at;

		make_stamp(pattern, i, stamp);
		at = first_difference(word, stamp, pattern->block, &expected);
		if (at < pattern->block) {
			describe(word, stamp, at, expected, why, len);
			return false;
		}
	}
	return true;
}

void random_fill(uint64_t *state, void *buf, size_t len)
{
	uint64_t *word = buf;

	for (size_t n = len / 8; n; n--)
		*word++ = random_next(state);
}

static void text_page(uint64_t seed, uint64_t page, char *buf)
{
	char line[65];

	for (int i = 0; i < IMAGE_PAGE / 64; i++) {
		memset(line, '.', 63);
		line[snprintf(line, sizeof(line), "page %" PRIu64 ", line %d of seed %" PRIu64 " ",
			      page, i, seed % 1000000)] = '.';
		line[63] = '\n';
		memcpy(buf + (ptrdiff_t)i * 64, line, 64);
	}
}

void image_fill(uint64_t seed, uint64_t offset, void *buf, size_t len)
{
	char *at = buf;

	for (uint64_t page = offset / IMAGE_PAGE; len;
	     page++, at += IMAGE_PAGE, len -= IMAGE_PAGE) {
		uint64_t state = seed ^ (page + 1) * 0xd1342543de82ef95;

		switch (page / IMAGE_RUN % 3) {
		case 0:
			random_fill(&state, at, IMAGE_PAGE);
			break;
		case 1:
			text_page(seed, page, at);
			break;
		default:
			memset(at, 0, IMAGE_PAGE);
		}
	}
}

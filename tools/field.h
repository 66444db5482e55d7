/* SPDX-License-Identifier: MIT */
/*
 * Tables that say what bits and bytes mean, and the code that prints by them: fields of registers
 * and dwords, members of the specification's data structures. All that is special about a structure
 * is its table. Offsets and sizes come from offsetof() and sizeof; nothing that a device wrote is
 * an index.
 */
#ifndef BELFRY_TOOLS_FIELD_H
#define BELFRY_TOOLS_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/nvme.h>

#include "tools/out.h"

/**
 * enum unit - how a number is said to people
 * @UNIT_NONE: as it is: the label says it all
 * @UNIT_HEX: in hexadecimal
 * @UNIT_COUNT0: 0's based count
 * @UNIT_LIMIT: count, 0 means no limit
 * @UNIT_LOG2: power of two
 * @UNIT_LOG2_BYTES: power of two, bytes
 * @UNIT_PAGES: power of two of 4 KiB pages, 2 ^ (12 + n) bytes
 * @UNIT_PAGES_LIMIT: likewise, 0 means no limit
 * @UNIT_STRIDE: doorbell stride, 2 ^ (2 + n) bytes
 * @UNIT_BYTES: bytes
 * @UNIT_4K: 4 KiB units
 * @UNIT_KELVIN: kelvins, 0 means not reported
 * @UNIT_PERCENT: percent
 * @UNIT_US: microseconds
 * @UNIT_MS: milliseconds
 * @UNIT_MS100: 100 ms units
 * @UNIT_US100: 100 us units
 * @UNIT_MS500: 500 ms units
 * @UNIT_MINUTES: minutes
 * @UNIT_HOURS: hours
 * @UNIT_DATA_UNITS: thousands of 512 bytes
 * @UNIT_CENTIWATT: hundredths of a watt
 * @UNIT_VERSION: as the VS register
 * @UNIT_TEXT: characters, padded with spaces (members only)
 * @UNIT_DIGITS: bytes, most significant last, as one hexadecimal number (members only)
 * @UNIT_ID: bytes, most significant first, as hexadecimal digits (members only)
 */
enum unit {
	UNIT_NONE,
	UNIT_HEX,
	UNIT_COUNT0,
	UNIT_LIMIT,
	UNIT_LOG2,
	UNIT_LOG2_BYTES,
	UNIT_PAGES,
	UNIT_PAGES_LIMIT,
	UNIT_STRIDE,
	UNIT_BYTES,
	UNIT_4K,
	UNIT_KELVIN,
	UNIT_PERCENT,
	UNIT_US,
	UNIT_MS,
	UNIT_MS100,
	UNIT_US100,
	UNIT_MS500,
	UNIT_MINUTES,
	UNIT_HOURS,
	UNIT_DATA_UNITS,
	UNIT_CENTIWATT,
	UNIT_VERSION,
	UNIT_TEXT,
	UNIT_DIGITS,
	UNIT_ID,
};

/**
 * struct field - bits of a number
 * @key: key
 * @shift: number of its lowest bit
 * @mask: its bits, shifted down
 * @unit: how it is said
 * @label: what it is
 * @words: what its values mean, from 0 on, ended by NULL; NULL for none
 */
struct field {
	const char *key;
	unsigned int shift;
	uint64_t mask;
	enum unit unit;
	const char *label;
	const char *const *words;
};

/* Row of a field whose NVM_*_SHIFT and _MASK exist. */
#define FIELD(key_, name, unit_, label_)                                             \
	{                                                                            \
		.key = key_, .shift = NVM_##name##_SHIFT, .mask = NVM_##name##_MASK, \
		.unit = unit_, .label = label_                                       \
	}
#define FIELD_WORDS(key_, name, label_, words_)                                      \
	{                                                                            \
		.key = key_, .shift = NVM_##name##_SHIFT, .mask = NVM_##name##_MASK, \
		.label = label_, .words = words_                                     \
	}

/**
 * struct flag - a bit that means yes
 * @mask: the bit; 0 ends a table
 * @key: what its being set is called
 */
struct flag {
	uint64_t mask;
	const char *key;
};

/**
 * struct member - a member of a data structure
 * @key: key; NULL ends a table
 * @offset: where it is
 * @size: bytes: 1 to 8, 16 for a number of 128 bits, any for text
 * @unit: how it is said
 * @label: what it is
 * @flags: what its bits mean, or NULL
 * @fields: what its fields mean, ended by a row without key, or NULL
 * @quiet: zero says that there is no such thing, and text has no line for it
 */
struct member {
	const char *key;
	size_t offset;
	size_t size;
	enum unit unit;
	const char *label;
	const struct flag *flags;
	const struct field *fields;
	bool quiet;
};

/* Row of a member of struct nvm_@type, whose name is its key. */
#define MEMBER(type, name, unit_, label_, ...)                                                  \
	{                                                                                       \
		.key = #name, .offset = offsetof(struct nvm_##type, name),                      \
		.size = sizeof(((struct nvm_##type *)0)->name), .unit = unit_, .label = label_, \
		__VA_ARGS__                                                                     \
	}

/**
 * field_get() - take a little-endian number out of memory
 * @data: its first byte
 * @size: bytes, 1 to 8
 *
 * Return: the number.
 */
uint64_t field_get(const void *data, size_t size);

/**
 * field_print() - print the fields of a number
 * @out: document; fields become its innermost object's
 * @value: number
 * @fields: table, ended by a row without key
 */
void field_print(struct out *out, uint64_t value, const struct field *fields);

/**
 * member_print() - print the members of a data structure
 * @out: document; members become its innermost object's
 * @data: the structure
 * @members: table, ended by a row without key
 *
 * Flags of a member become an array of strings with the key of the member and "_flags"; a member
 * with fields becomes an object of these and "value".
 */
void member_print(struct out *out, const void *data, const struct member *members);

/**
 * member_section() - member_print() below a heading that only text has
 * @out: document
 * @heading: the heading
 * @data: the structure
 * @members: table
 */
void member_section(struct out *out, const char *heading, const void *data,
		    const struct member *members);

#endif /* BELFRY_TOOLS_FIELD_H */

/* SPDX-License-Identifier: MIT */
/*
 * Printing by tables.
 */
#include "tools/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/text.h"

#define KELVIN_ZERO_C 273

uint64_t field_get(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t value = 0;

	for (size_t i = size; i; i--)
		value = value << 8 | bytes[i - 1];
	return value;
}

/* A count times a number of bytes or nanoseconds; what is too large to say is said so. */
static struct text scaled(uint64_t value, uint64_t unit, bool bytes)
{
	uint64_t product;

	if (__builtin_mul_overflow(value, unit, &product))
		return (struct text){"more than can be"};
	return bytes ? text_bytes(product) : text_time((double)product);
}

static struct text power(uint64_t exponent, bool bytes)
{
	struct text text;

	if (exponent > 63)
		return (struct text){"more than can be"};
	if (bytes)
		return text_bytes(1ull << exponent);
	snprintf(text.s, sizeof(text.s), "%" PRIu64, (uint64_t)1 << exponent);
	return text;
}

static struct text counted(uint64_t value, const char *unit)
{
	struct text text;

	snprintf(text.s, sizeof(text.s), "%" PRIu64 "%s", value, unit);
	return text;
}

static struct text say_time(enum unit unit, uint64_t value)
{
	switch (unit) {
	case UNIT_US:
		return scaled(value, 1000, false);
	case UNIT_US100:
		return scaled(value, 100000, false);
	case UNIT_MS:
		return scaled(value, 1000000, false);
	case UNIT_MS100:
		return scaled(value, 100000000, false);
	default:
		return scaled(value, 500000000, false);
	}
}

static struct text say_kelvin(uint64_t value)
{
	struct text text;

	if (!value)
		return (struct text){"not reported"};
	snprintf(text.s, sizeof(text.s), "%d %sC", (int)value - KELVIN_ZERO_C,
		 text_unicode() ? "°" : "");
	return text;
}

static struct text say_size(enum unit unit, uint64_t value)
{
	switch (unit) {
	case UNIT_LOG2_BYTES:
		return power(value, true);
	case UNIT_PAGES_LIMIT:
		if (!value)
			return (struct text){"no limit"};
		return power(value + 12, true);
	case UNIT_PAGES:
		return power(value + 12, true);
	case UNIT_STRIDE:
		return power(value + 2, true);
	case UNIT_4K:
		return scaled(value, 4096, true);
	case UNIT_DATA_UNITS:
		return scaled(value, 512000, true);
	default:
		return text_bytes(value);
	}
}

/* What a number means in the world; "" where the number says it. */
static struct text say(enum unit unit, uint64_t value)
{
	struct text text = {""};

	switch (unit) {
	case UNIT_COUNT0:
		return counted(value + 1, "");
	case UNIT_LIMIT:
		return value ? text : (struct text){"no limit"};
	case UNIT_LOG2:
		return power(value, false);
	case UNIT_LOG2_BYTES:
	case UNIT_PAGES:
	case UNIT_PAGES_LIMIT:
	case UNIT_STRIDE:
	case UNIT_BYTES:
	case UNIT_4K:
	case UNIT_DATA_UNITS:
		return say_size(unit, value);
	case UNIT_KELVIN:
		return say_kelvin(value);
	case UNIT_PERCENT:
		return counted(value, " %");
	case UNIT_US:
	case UNIT_US100:
	case UNIT_MS:
	case UNIT_MS100:
	case UNIT_MS500:
		return say_time(unit, value);
	case UNIT_MINUTES:
		return counted(value, " min");
	case UNIT_HOURS:
		return counted(value, " h");
	case UNIT_CENTIWATT:
		snprintf(text.s, sizeof(text.s), "%.2f W", (double)value / 100);
		return text;
	case UNIT_VERSION:
		snprintf(text.s, sizeof(text.s), "%u.%u.%u",
			 (unsigned int)NVM_GET((uint32_t)value, VS_MJR),
			 (unsigned int)NVM_GET((uint32_t)value, VS_MNR),
			 (unsigned int)NVM_GET((uint32_t)value, VS_TER));
		return text;
	default:
		return text;
	}
}

static void number(struct out *out, const char *key, uint64_t value, enum unit unit, int digits,
		   const char *label)
{
	struct text meaning = say(unit, value);
	const char *colon = meaning.s[0] ? ": " : "";

	if (unit == UNIT_HEX || unit == UNIT_VERSION)
		out_hex(out, key, value, digits, "%s%s%s", label, colon, meaning.s);
	else
		out_number(out, key, value, "%s%s%s", label, colon, meaning.s);
}

/* The word of a value, NULL if it has none. */
static const char *word(const char *const *words, uint64_t value)
{
	for (uint64_t i = 0; words && words[i]; i++) {
		if (i == value)
			return words[i];
	}
	return NULL;
}

#define WIDTH_MIN 10

void field_print(struct out *out, uint64_t value, const struct field *fields)
{
	out->width = WIDTH_MIN;
	for (; fields->key; fields++) {
		uint64_t part = (value >> fields->shift) & fields->mask;
		const char *meaning = word(fields->words, part);

		if (fields->words)
			out_number(out, fields->key, part, "%s: %s", fields->label,
				   meaning ? meaning : "reserved");
		else
			number(out, fields->key, part, fields->unit, 1, fields->label);
	}
}

static void print_flags(struct out *out, const struct member *member, uint64_t value)
{
	char names[400] = "", key[40];
	size_t used = 0;

	for (const struct flag *flag = member->flags; flag->mask && used < sizeof(names); flag++) {
		if (value & flag->mask)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", flag->key);
	}
	out_hex(out, member->key, value, (int)member->size * 2, "%s%s%s", member->label,
		used ? ": " : "", names);
	if (!out->json)
		return;

	snprintf(key, sizeof(key), "%s_flags", member->key);
	out_open_array(out, key, NULL);
	for (const struct flag *flag = member->flags; flag->mask; flag++) {
		if (value & flag->mask)
			out_text(out, NULL, flag->key, NULL);
	}
	out_close(out, false);
}

static void print_wide(struct out *out, const struct member *member, const uint8_t *data)
{
	struct text meaning = {""};

	if (!field_get(data + 8, 8))
		meaning = say(member->unit, field_get(data, 8));
	out_wide(out, member->key, data, "%s%s%s", member->label, meaning.s[0] ? ": " : "",
		 meaning.s);
}

static void print_digits(struct out *out, const struct member *member, const uint8_t *data,
			 bool last_first)
{
	char text[2 * 16 + 1];
	size_t size = member->size < 16 ? member->size : 16;

	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", data[last_first ? size - 1 - i : i]);
	out_text(out, member->key, text, "%s", member->label);
}

/* A string that may be longer than a struct text, as a qualified name is. */
static void print_text(struct out *out, const struct member *member, const char *data)
{
	char text[257];
	size_t used = 0;

	for (; used < member->size && used < sizeof(text) - 1 && data[used]; used++)
		text[used] = data[used] >= 0x20 && data[used] < 0x7f ? data[used] : '?';
	while (used && text[used - 1] == ' ')
		used--;
	text[used] = '\0';
	if (used > 40)
		out_text(out, member->key, text, NULL);
	else
		out_text(out, member->key, text, "%s", member->label);
}

/* The longest key of those on lines of their own. */
static int key_width(const struct member *members)
{
	int width = WIDTH_MIN;

	for (; members->key; members++) {
		int len = (int)strlen(members->key);

		if (len > width && !members->fields)
			width = len;
	}
	return width;
}

static bool all_zero(const uint8_t *data, size_t size)
{
	while (size && !data[size - 1])
		size--;
	return !size;
}

void member_print(struct out *out, const void *data, const struct member *members)
{
	int width = key_width(members);

	for (; members->key; members++) {
		const uint8_t *at = (const uint8_t *)data + members->offset;

		if (members->quiet && !out->json && all_zero(at, members->size))
			continue;
		out->width = width;
		if (members->unit == UNIT_TEXT) {
			print_text(out, members, (const char *)at);
		} else if (members->unit == UNIT_DIGITS || members->unit == UNIT_ID) {
			print_digits(out, members, at, members->unit == UNIT_DIGITS);
		} else if (members->size == 16) {
			print_wide(out, members, at);
		} else if (members->flags) {
			print_flags(out, members, field_get(at, members->size));
		} else if (members->fields) {
			uint64_t value = field_get(at, members->size);

			out_open(out, members->key, "%-*s  0x%0*" PRIx64 "%*s  %s", width,
				 members->key, (int)members->size * 2, value,
				 16 - (int)members->size * 2, "", members->label);
			if (out->json)
				out_number(out, "value", value, NULL);
			field_print(out, value, members->fields);
			out_close(out, true);
		} else {
			number(out, members->key, field_get(at, members->size), members->unit,
			       (int)members->size * 2, members->label);
		}
	}
}

void member_section(struct out *out, const char *heading, const void *data,
		    const struct member *members)
{
	out_section(out, "%s", heading);
	member_print(out, data, members);
	out_section_end(out);
}

/* SPDX-License-Identifier: MIT */
/*
 * Documents. In JSON each open object or array is on the stack; in text only the indent is.
 */
#include "tools/out.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/text.h"

#define KEY_WIDTH   12
#define VALUE_WIDTH 18
#define DUMP_WIDTH  16

void out_init(struct out *out, bool json)
{
	memset(out, 0, sizeof(*out));
	out->json = json;
	out->width = KEY_WIDTH;
	if (json)
		out->stack[0] = json_object_new_object();
}

static void add(struct out *out, const char *key, struct json_object *value)
{
	struct json_object *in = out->stack[out->depth];

	if (json_object_is_type(in, json_type_array))
		json_object_array_add(in, value);
	else
		json_object_object_add(in, key, value);
}

static void push(struct out *out, const char *key, struct json_object *value)
{
	add(out, key, value);
	assert(out->depth + 1 < OUT_DEPTH_MAX);
	out->stack[++out->depth] = value;
}

int out_finish(struct out *out, int status)
{
	if (out->json) {
		puts(json_object_to_json_string_ext(
			out->stack[0], JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(out->stack[0]);
	}
	errno = 0;
	if ((!fflush(stdout) && !ferror(stdout)) || status)
		return status;
	return msg_fail("standard output: %s", errno ? strerror(errno) : "some of it was lost");
}

void out_open(struct out *out, const char *key, const char *fmt, ...)
{
	va_list args;

	if (out->json) {
		push(out, key, json_object_new_object());
	} else if (fmt) {
		printf("%*s%s", out->indent, "", text_bold());
		va_start(args, fmt);
		vprintf(fmt, args);
		va_end(args);
		printf("%s\n", text_plain());
		out->indent += 2;
	}
}

void out_section(struct out *out, const char *fmt, ...)
{
	va_list args;

	if (out->json)
		return;
	printf("%s%*s%s", out->begun ? "\n" : "", out->indent, "", text_bold());
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("%s\n", text_plain());
	out->begun = true;
	out->indent += 2;
}

void out_section_end(struct out *out)
{
	if (!out->json)
		out->indent -= 2;
}

void out_open_array(struct out *out, const char *key, const char *heading)
{
	if (out->json) {
		push(out, key, json_object_new_array());
	} else if (heading) {
		printf("%*s%s%s%s\n", out->indent, "", text_bold(), heading, text_plain());
		out->indent += 2;
	}
}

void out_close(struct out *out, bool headed)
{
	if (out->json)
		out->depth--;
	else if (headed)
		out->indent -= 2;
}

static void line(struct out *out, const char *key, const char *value, const char *fmt, va_list args)
{
	printf("%*s", out->indent, "");
	if (key)
		printf("%-*s  ", out->width, key);
	if (!fmt) {
		printf("%s\n", value);
		return;
	}
	printf("%-*s  %s", VALUE_WIDTH, value, text_dim());
	vprintf(fmt, args);
	printf("%s\n", text_plain());
}

#define LINE(out, key, value, fmt)                    \
	do {                                          \
		va_list args;                         \
                                                      \
		va_start(args, fmt);                  \
		line((out), (key), value, fmt, args); \
		va_end(args);                         \
	} while (0)

void out_number(struct out *out, const char *key, uint64_t value, const char *fmt, ...)
{
	char text[32];

	if (out->json) {
		add(out, key, json_object_new_uint64(value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, value);
	LINE(out, key, text, fmt);
}

void out_hex(struct out *out, const char *key, uint64_t value, int digits, const char *fmt, ...)
{
	char text[32];

	if (out->json) {
		add(out, key, json_object_new_uint64(value));
		return;
	}
	snprintf(text, sizeof(text), "0x%0*" PRIx64, digits, value);
	LINE(out, key, text, fmt);
}

/* Long division by ten, most significant byte first. */
static void wide_digits(const uint8_t bytes[16], char text[48])
{
	uint8_t value[16];
	char *digit = text + 47;

	for (int i = 0; i < 16; i++)
		value[i] = bytes[15 - i];
	*digit = '\0';
	for (bool more = true; more;) {
		unsigned int rest = 0;

		more = false;
		for (int i = 0; i < 16; i++) {
			rest = rest << 8 | value[i];
			value[i] = (uint8_t)(rest / 10);
			rest %= 10;
			more |= value[i] != 0;
		}
		*--digit = (char)('0' + rest);
	}
	memmove(text, digit, strlen(digit) + 1);
}

void out_wide(struct out *out, const char *key, const uint8_t bytes[16], const char *fmt, ...)
{
	char text[48];

	wide_digits(bytes, text);
	if (out->json)
		add(out, key, json_object_new_double_s(strtod(text, NULL), text));
	else
		LINE(out, key, text, fmt);
}

void out_real(struct out *out, const char *key, double value)
{
	char text[40];

	/* json-c prints 17 digits otherwise, of which the last say nothing. */
	snprintf(text, sizeof(text), "%.1f", value);
	if (out->json)
		add(out, key, json_object_new_double_s(value, text));
}

/* Bytes of the character of UTF-8 that begins here; 0: there is none. */
static size_t utf8_len(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t len = *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;

	if (*c < 0x80)
		return 1;
	if (*c < 0xc2 || *c > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Longer than needed, half of a pair of UTF-16, or beyond all characters. */
	if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] >= 0xa0) ||
	    (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] >= 0x90))
		return 0;
	return len;
}

/* JSON is UTF-8, and json-c does not look: a file's name, for one, may be any bytes. */
static struct json_object *json_text(const char *value)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	char *text = malloc(3 * strlen(value) + 1);
	struct json_object *object;
	size_t used = 0;

	if (!text)
		return NULL;
	while (*value) {
		size_t len = utf8_len(value);

		memcpy(text + used, len ? value : replacement, len ? len : 3);
		used += len ? len : 3;
		value += len ? len : 1;
	}
	text[used] = '\0';
	object = json_object_new_string(text);
	free(text);
	return object;
}

void out_text(struct out *out, const char *key, const char *value, const char *fmt, ...)
{
	if (out->json)
		add(out, key, json_text(value));
	else
		LINE(out, key, value, fmt);
}

void out_bool(struct out *out, const char *key, bool value, const char *fmt, ...)
{
	if (out->json)
		add(out, key, json_object_new_boolean(value));
	else
		LINE(out, key, value ? "yes" : "no", fmt);
}

void out_hexdump(const void *data, size_t len, uint64_t offset)
{
	const unsigned char *bytes = data;

	for (size_t at = 0; at < len; at += DUMP_WIDTH) {
		printf("%08" PRIx64 " ", offset + at);
		for (size_t i = at; i < at + DUMP_WIDTH; i++) {
			if (i < len)
				printf("%s%02x", (i - at) % 8 ? " " : "  ", bytes[i]);
			else
				printf("%s  ", (i - at) % 8 ? " " : "  ");
		}
		printf("  |");
		for (size_t i = at; i < at + DUMP_WIDTH && i < len; i++)
			putchar(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
		printf("|\n");
	}
}

void out_dump(struct out *out, const char *key, const void *data, size_t len, uint64_t offset)
{
	const unsigned char *bytes = data;
	char *hex;

	if (!out->json) {
		out_hexdump(data, len, offset);
		return;
	}
	hex = malloc(2 * len + 1);
	if (!hex)
		return;
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	hex[2 * len] = '\0';
	add(out, key, json_object_new_string(hex));
	free(hex);
}

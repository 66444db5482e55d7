/* SPDX-License-Identifier: MIT */
/*
 * One document, as text for people or as JSON for programs, written by the same calls, so that
 * neither can lack what the other has. Text is printed as it comes; JSON at the end, as one object.
 *
 * A line of text is a key, a value and its meaning; in JSON it is the key and the value. Keys are
 * the specification's names in lower case and do not change between versions.
 */
#ifndef BELFRY_TOOLS_OUT_H
#define BELFRY_TOOLS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUT_DEPTH_MAX 8

struct json_object;

/**
 * struct out - a document
 * @json: JSON, not text
 *
 * @width: columns of a key in text; whoever prints several lines in a row sets it
 *
 * The rest is private: the objects and arrays that are open, and the indent of text.
 */
struct out {
	bool json;
	int width;
	struct json_object *stack[OUT_DEPTH_MAX];
	int depth;
	int indent;
	bool begun;
};

/**
 * out_init() - begin a document
 * @out: out
 * @json: JSON, not text
 *
 * Own: out_finish() frees it.
 */
void out_init(struct out *out, bool json);

/**
 * out_finish() - end a document: print it where it is JSON, see that all of it was written
 * @out: document
 * @status: exit status so far
 *
 * Return: @status, or where that is CMD_OK and standard output could not take all of it,
 *	CMD_FAILED, with a message.
 */
int out_finish(struct out *out, int status);

/**
 * out_open() - begin an object
 * @out: document
 * @key: its key; NULL in an array
 * @fmt: its heading in text, as printf(); NULL for none, which also does not indent
 */
void out_open(struct out *out, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * out_open_array() - begin an array
 * @out: document
 * @key: its key
 * @heading: in text; NULL for none, which also does not indent
 */
void out_open_array(struct out *out, const char *key, const char *heading);

/**
 * out_section() - a heading that only text has, set off from what is above it
 * @out: document
 * @fmt: the heading, as printf()
 *
 * What follows is indented until out_section_end().
 */
void out_section(struct out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * out_section_end() - end what out_section() began
 * @out: document
 */
void out_section_end(struct out *out);

/**
 * out_close() - end the innermost object or array
 * @out: document
 * @headed: it had a heading
 */
void out_close(struct out *out, bool headed);

/**
 * out_number() - a number
 * @out: document
 * @key: key; NULL in an array
 * @value: number
 * @fmt: its meaning, as printf(); NULL for none
 */
void out_number(struct out *out, const char *key, uint64_t value, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * out_hex() - a number that people read in hexadecimal; in JSON it is a number like any other
 * @out: document
 * @key: key
 * @value: number
 * @digits: least number of digits
 * @fmt: its meaning, as printf(); NULL for none
 */
void out_hex(struct out *out, const char *key, uint64_t value, int digits, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/**
 * out_wide() - a number of 128 bits
 * @out: document
 * @key: key
 * @bytes: little-endian
 * @fmt: its meaning, as printf(); NULL for none
 */
void out_wide(struct out *out, const char *key, const uint8_t bytes[16], const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * out_real() - a number with a fraction; JSON only
 * @out: document
 * @key: key
 * @value: number
 */
void out_real(struct out *out, const char *key, double value);

/**
 * out_text() - a string
 * @out: document
 * @key: key; NULL in an array
 * @value: string
 * @fmt: its meaning, as printf(); NULL for none
 */
void out_text(struct out *out, const char *key, const char *value, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * out_bool() - yes or no
 * @out: document
 * @key: key
 * @value: which
 * @fmt: its meaning, as printf(); NULL for none
 */
void out_bool(struct out *out, const char *key, bool value, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * out_dump() - bytes: in text a hexadecimal dump, in JSON a string of hexadecimal digits
 * @out: document
 * @key: key
 * @data: bytes
 * @len: how many
 * @offset: what the dump's addresses begin at
 */
void out_dump(struct out *out, const char *key, const void *data, size_t len, uint64_t offset);

/**
 * out_hexdump() - print bytes in hexadecimal and as characters, on standard output
 * @data: bytes
 * @len: how many
 * @offset: what the addresses begin at
 */
void out_hexdump(const void *data, size_t len, uint64_t offset);

#endif /* BELFRY_TOOLS_OUT_H */

/* SPDX-License-Identifier: MIT */
/*
 * Reading the little JSON that the protocol has, from a peer that may send anything. A value is read
 * by the function for what it has to be; an object by one that calls back for each member. What is
 * of no interest is skipped, and has to be valid all the same: syntax as RFC 8259 has it, nesting up
 * to JSON_DEPTH, and strings of which each byte is taken as it is. Nothing is allocated.
 */
#ifndef BELFRY_VFIO_USER_JSON_H
#define BELFRY_VFIO_USER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH 8

/**
 * struct json - a text that is being read
 * @at: next byte
 * @end: after its last one
 * @depth: objects and arrays that are open
 */
struct json {
	const char *at, *end;
	int depth;
};

/**
 * struct json_name - name of a member, as it is in the text: escapes are not resolved
 * @text: its first byte; no terminator
 * @len: bytes
 */
struct json_name {
	const char *text;
	size_t len;
};

/**
 * json_named() - is it this name
 * @name: name of a member
 * @text: plain characters
 *
 * Context: any.
 * Return: true if it is; one that is spelled with escapes never is.
 */
bool json_named(const struct json_name *name, const char *text);

/**
 * json_object() - read an object
 * @json: text; its next value is the object
 * @member: called for each member, and has to read its value or skip it; what it fails with ends all
 * @arg: for @member
 *
 * Context: any.
 * Return: 0, or -1: EPROTO no valid object, or what @member set.
 */
int json_object(struct json *json,
		int (*member)(struct json *json, const struct json_name *name, void *arg),
		void *arg);

/**
 * json_u64() - read a number that is whole, and not negative
 * @json: text; its next value is the number
 * @value: out
 *
 * Context: any.
 * Return: 0, or -1: EPROTO no such number; one with a fraction or an exponent is none.
 */
int json_u64(struct json *json, uint64_t *value);

/**
 * json_bool() - read true or false
 * @json: text; its next value is that
 * @value: out
 *
 * Context: any.
 * Return: 0, or -1: EPROTO it is not.
 */
int json_bool(struct json *json, bool *value);

/**
 * json_skip() - read a value of any kind
 * @json: text
 *
 * Context: any.
 * Return: 0, or -1: EPROTO no valid value, or nested too deeply.
 */
int json_skip(struct json *json);

/**
 * json_end() - is there nothing left of the text
 * @json: text
 *
 * Context: any.
 * Return: 0, or -1: EPROTO there is more than white space.
 */
int json_end(struct json *json);

#endif /* BELFRY_VFIO_USER_JSON_H */

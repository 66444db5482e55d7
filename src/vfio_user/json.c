/* SPDX-License-Identifier: MIT */
/*
 * A reader of JSON. Each function leaves the text after what it has read; after an error nobody
 * looks at it any more.
 */
#include <errno.h>
#include <string.h>

#include "support/errno.h"
#include "vfio_user/json.h"

static void skip_space(struct json *json)
{
	while (json->at < json->end && *json->at && strchr(" \t\n\r", *json->at))
		json->at++;
}

/* The next character that is no white space, or 0 at the end. */
static char peek(struct json *json)
{
	skip_space(json);
	return json->at < json->end ? *json->at : 0;
}

static bool take(struct json *json, char c)
{
	if (!c || peek(json) != c)
		return false;
	json->at++;
	return true;
}

static int take_word(struct json *json, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(json->end - json->at) < len || memcmp(json->at, word, len))
		return set_errno(EPROTO);
	json->at += len;
	return 0;
}

static bool is_digit(const struct json *json)
{
	return json->at < json->end && *json->at >= '0' && *json->at <= '9';
}

static bool is_hex(const struct json *json)
{
	return is_digit(json) ||
	       (json->at < json->end && *json->at && strchr("abcdefABCDEF", *json->at));
}

/* What follows a backslash. */
static int escape(struct json *json)
{
	char c = json->at < json->end ? *json->at++ : 0;

	if (c == 'u') {
		for (int i = 0; i < 4; i++, json->at++) {
			if (!is_hex(json))
				return set_errno(EPROTO);
		}
		return 0;
	}
	return c && strchr("\"\\/bfnrt", c) ? 0 : set_errno(EPROTO);
}

static int string(struct json *json, struct json_name *name)
{
	if (!take(json, '"'))
		return set_errno(EPROTO);

	name->text = json->at;
	while (json->at < json->end) {
		unsigned char c = (unsigned char)*json->at++;

		if (c == '"') {
			name->len = (size_t)(json->at - 1 - name->text);
			return 0;
		}
		if (c < 0x20 || (c == '\\' && escape(json)))
			break;
	}
	return set_errno(EPROTO);
}

bool json_named(const struct json_name *name, const char *text)
{
	return name->len == strlen(text) && !memcmp(name->text, text, name->len);
}

static int digits(struct json *json)
{
	if (!is_digit(json))
		return set_errno(EPROTO);
	while (is_digit(json))
		json->at++;
	return 0;
}

static int skip_number(struct json *json)
{
	(void)take(json, '-');
	if (json->at < json->end && *json->at == '0')
		json->at++; /* nothing but a fraction or an exponent may follow it */
	else if (digits(json))
		return -1;

	if (json->at < json->end && *json->at == '.') {
		json->at++;
		if (digits(json))
			return -1;
	}
	if (json->at < json->end && (*json->at == 'e' || *json->at == 'E')) {
		json->at++;
		if (json->at < json->end && (*json->at == '+' || *json->at == '-'))
			json->at++;
		return digits(json);
	}
	return 0;
}

int json_u64(struct json *json, uint64_t *value)
{
	const char *from;
	uint64_t sum = 0;

	skip_space(json);
	from = json->at;
	if (skip_number(json))
		return -1;
	for (; from < json->at; from++) {
		if (*from < '0' || *from > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(*from - '0'), &sum))
			return set_errno(EPROTO);
	}
	*value = sum;
	return 0;
}

int json_bool(struct json *json, bool *value)
{
	*value = peek(json) == 't';
	return take_word(json, *value ? "true" : "false");
}

/* ---- what has others inside ---- */

static int enter(struct json *json, char open)
{
	if (json->depth >= JSON_DEPTH || !take(json, open))
		return set_errno(EPROTO);
	json->depth++;
	return 0;
}

/* After an item: 1 another follows, 0 that was the last one, -1 neither. */
static int leave_or_next(struct json *json, char close)
{
	if (take(json, ','))
		return 1;
	if (!take(json, close))
		return set_errno(EPROTO);
	json->depth--;
	return 0;
}

int json_object(struct json *json,
		int (*member)(struct json *json, const struct json_name *name, void *arg),
		void *arg)
{
	struct json_name name;
	int more;

	if (enter(json, '{'))
		return -1;
	if (peek(json) == '}')
		return leave_or_next(json, '}');
	do {
		if (string(json, &name))
			return -1;
		if (!take(json, ':'))
			return set_errno(EPROTO);
		if (member(json, &name, arg))
			return -1;
		more = leave_or_next(json, '}');
	} while (more > 0);
	return more;
}

static int skip_member(struct json *json, const struct json_name *name, void *arg)
{
	(void)name, (void)arg;
	return json_skip(json);
}

static int skip_array(struct json *json)
{
	int more;

	if (enter(json, '['))
		return -1;
	if (peek(json) == ']')
		return leave_or_next(json, ']');
	do {
		if (json_skip(json))
			return -1;
		more = leave_or_next(json, ']');
	} while (more > 0);
	return more;
}

/* It calls itself through what is nested, JSON_DEPTH deep at most. */
int json_skip(struct json *json)
{
	struct json_name ignored;

	switch (peek(json)) {
	case '{':
		return json_object(json, skip_member, NULL);
	case '[':
		return skip_array(json);
	case '"':
		return string(json, &ignored);
	case 't':
		return take_word(json, "true");
	case 'f':
		return take_word(json, "false");
	case 'n':
		return take_word(json, "null");
	default:
		return skip_number(json);
	}
}

int json_end(struct json *json)
{
	skip_space(json);
	return json->at == json->end ? 0 : set_errno(EPROTO);
}

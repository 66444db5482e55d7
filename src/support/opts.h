/* SPDX-License-Identifier: MIT */
/*
 * Option strings: "size=4G,lbads=12,file=disk.img" parsed into a struct by a table.
 *
 * Items are separated by commas; each is a name and a value, which is not empty. A backslash takes
 * the character after it literally, so that a value can contain a comma. An option is given once at
 * most, unless it is an OPT_CALL. What is not in the table, or not in range, is an error whose
 * message names the option and the value and says what is known.
 */
#ifndef BELFRY_SRC_SUPPORT_OPTS_H
#define BELFRY_SRC_SUPPORT_OPTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * enum opt_type - what an option's value is, and what it is stored as
 * @OPT_BOOL: "on" or "off"; bool
 * @OPT_U32: number as opts_parse_u64() takes it; uint32_t
 * @OPT_U64: likewise; uint64_t
 * @OPT_STR: anything; char *, a copy that opts_free() frees
 * @OPT_ENUM: one of some words; uint32_t, the index of the word
 * @OPT_CALL: anything; handed to a function
 */
enum opt_type {
	OPT_BOOL,
	OPT_U32,
	OPT_U64,
	OPT_STR,
	OPT_ENUM,
	OPT_CALL,
};

/**
 * struct opt - one option
 * @name: its name; NULL ends a table
 * @type: of &enum opt_type
 * @offset: of the member that it is stored in; not for OPT_CALL
 * @min: smallest number
 * @max: largest number; 0 for as large as the type takes
 * @words: OPT_ENUM: the words, ended by NULL
 * @call: OPT_CALL: stores the value in @obj. Returns 0, or -1 with errno and with the reason in
 *	@err, @errlen bytes that are never NULL.
 * @help: one line, what it does and its default
 */
struct opt {
	const char *name;
	enum opt_type type;
	size_t offset;
	uint64_t min, max;
	const char *const *words;
	int (*call)(void *obj, const char *value, char *err, size_t errlen);
	const char *help;
};

/**
 * struct opts - a kind of option string
 * @what: what the options are for; messages begin with it
 * @table: options, at most 64, ended by one without a name
 * @sep: what separates items; 0 for a comma
 * @assign: what separates name and value; 0 for an equals sign
 */
struct opts {
	const char *what;
	const struct opt *table;
	char sep;
	char assign;
};

/**
 * opts_parse() - parse an option string
 * @opts: its kind
 * @obj: out: struct that the members are in, filled with the defaults before; strings NULL or from
 *	malloc(3)
 * @str: the string; NULL or "" for no options
 * @err: out: the message on error, "" else; NULL if not wanted
 * @errlen: bytes in @err
 *
 * Own: the strings in @obj; opts_free() frees them, after an error as well.
 * Context: any thread; allocates, logs.
 * Return: 0, or -1: EINVAL the string is wrong, ENOMEM, or what an OPT_CALL said; the message was
 *	logged. Options before the one that is wrong are stored.
 */
int opts_parse(const struct opts *opts, void *obj, const char *str, char *err, size_t errlen);

/**
 * opts_free() - free the strings that opts_parse() stored, and set them to NULL
 * @opts: kind of the options
 * @obj: struct that the members are in
 *
 * Context: any thread.
 */
void opts_free(const struct opts *opts, void *obj);

/**
 * opts_help() - write a line for each option
 * @opts: kind of the options
 * @out: stream
 *
 * Context: any thread.
 */
void opts_help(const struct opts *opts, FILE *out);

/**
 * opts_parse_u64() - parse a number
 * @text: decimal digits, or 0x and hexadecimal ones; then K, M, G or T (powers of 1024, upper or
 *	lower case) or nothing
 * @value: out: the number
 *
 * Context: any.
 * Return: 0, or -1: EINVAL it is no such text, ERANGE it is above 2^64 - 1; *@value is left alone.
 */
int opts_parse_u64(const char *text, uint64_t *value);

#endif /* BELFRY_SRC_SUPPORT_OPTS_H */

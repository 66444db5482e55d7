/* SPDX-License-Identifier: MIT */
/*
 * Numbers for people, and what the terminal can show. The functions return small strings by value,
 * so that several can be arguments of one printf().
 */
#ifndef BELFRY_TOOLS_TEXT_H
#define BELFRY_TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct text - a short string
 * @s: the characters
 */
struct text {
	char s[64];
};

/**
 * text_init() - find out what standard output can show
 *
 * Context: once, at the start.
 */
void text_init(void);

/**
 * text_unicode() - may characters beyond ASCII be printed
 *
 * Context: any thread, after text_init().
 * Return: true where the locale's character set is UTF-8.
 */
bool text_unicode(void);

/**
 * text_bold() - begin bold type
 * text_dim() - begin dim type
 * text_plain() - end both
 *
 * Context: any thread, after text_init().
 * Return: the control sequence; "" unless standard output is a terminal and NO_COLOR is not set.
 */
const char *text_bold(void);
const char *text_dim(void);
const char *text_plain(void);

/**
 * text_bytes() - a number of bytes, exactly where it is a round number: "64 MiB", "1.86 GiB"
 * @bytes: how many
 *
 * Return: the text.
 */
struct text text_bytes(uint64_t bytes);

/**
 * text_count() - a number of three significant digits: "3.21 M"
 * @count: the number
 *
 * Return: the text.
 */
struct text text_count(double count);

/**
 * text_things() - so many of a thing, exactly: "1 block", "2 blocks"
 * @nr: how many
 * @thing: the word for one of them; many have an s
 *
 * Return: the text.
 */
struct text text_things(uint64_t nr, const char *thing);

/**
 * text_time() - a time of three significant digits: "1.24 us", in UTF-8 with a mu
 * @ns: nanoseconds
 *
 * Return: the text.
 */
struct text text_time(double ns);

/**
 * text_print_right() - print a text at the right end of a column, on standard output
 * @text: the text
 * @width: columns
 */
void text_print_right(struct text text, int width);

/**
 * text_field() - characters from a device, fit to be printed
 * @field: characters, padded with spaces; need not end with a zero
 * @len: how many, at most 60 of them are used
 *
 * Control characters, and all that is not ASCII, become question marks.
 *
 * Return: the text, without the padding.
 */
struct text text_field(const char *field, size_t len);

/**
 * text_bar() - a bar for a chart
 * @part: its length, 0 to 1
 * @width: characters that 1 would take, at most 60
 * @buf: out: @width characters, padded with spaces, up to 3 bytes each, and a zero
 *
 * In eighths of a character where the locale has them.
 */
void text_bar(double part, int width, char buf[184]);

#endif /* BELFRY_TOOLS_TEXT_H */

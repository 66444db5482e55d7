/* SPDX-License-Identifier: MIT */
/*
 * Numbers for people. Only the character set is taken from the locale: numbers keep their point.
 */
#include "tools/text.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	bool unicode, colour;
} screen; /* written once, by text_init() */

void text_init(void)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	setlocale(LC_CTYPE, "");
	screen.unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
	screen.colour = isatty(STDOUT_FILENO) && !(no_color && *no_color) && term &&
			strcmp(term, "dumb") != 0;
}

bool text_unicode(void)
{
	return screen.unicode;
}

const char *text_bold(void)
{
	return screen.colour ? "\033[1m" : "";
}

const char *text_dim(void)
{
	return screen.colour ? "\033[2m" : "";
}

const char *text_plain(void)
{
	return screen.colour ? "\033[0m" : "";
}

/* Three significant digits, and no zeros that say nothing after the point of a whole number. */
static struct text significant(double value, const char *unit)
{
	struct text text;
	int digits = value >= 99.95 || value == (double)(long long)value ? 0
		     : value >= 9.995					 ? 1
									 : 2;

	snprintf(text.s, sizeof(text.s), "%.*f %s", digits, value, unit);
	return text;
}

struct text text_bytes(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	int unit = 0;

	for (; value >= 1024 && unit < 6; unit++)
		value /= 1024;
	return significant(value, units[unit]);
}

struct text text_count(double count)
{
	static const char *const units[] = {"", "k", "M", "G", "T"};
	struct text text = {""};
	size_t len;
	int unit = 0;

	/* Exact as long as that is short. */
	for (; count >= (unit ? 999.5 : 9999.5) && unit < 4; unit++)
		count /= 1000;
	if (!unit)
		snprintf(text.s, sizeof(text.s), "%.0f", count);
	else
		text = significant(count, units[unit]);
	len = strlen(text.s);
	if (len && text.s[len - 1] == ' ')
		text.s[len - 1] = '\0';
	return text;
}

struct text text_things(uint64_t nr, const char *thing)
{
	struct text text;

	snprintf(text.s, sizeof(text.s), "%" PRIu64 " %s%s", nr, thing, nr == 1 ? "" : "s");
	return text;
}

struct text text_time(double ns)
{
	if (!(ns > 0))
		return (struct text){"0 s"};
	if (ns < 999.5)
		return significant(ns, "ns");
	if (ns < 999.5e3)
		return significant(ns / 1e3, screen.unicode ? "µs" : "us");
	if (ns < 999.5e6)
		return significant(ns / 1e6, "ms");
	return significant(ns / 1e9, "s");
}

void text_print_right(struct text text, int width)
{
	int columns = 0;

	/* A character has as many bytes as it takes, and one column. */
	for (const char *c = text.s; *c; c++)
		columns += (*c & 0xc0) != 0x80;
	printf("%*s%s", columns < width ? width - columns : 0, "", text.s);
}

struct text text_field(const char *field, size_t len)
{
	struct text text = {""};
	size_t used = 0;

	if (len > 60)
		len = 60;
	while (used < len && field[used]) {
		char c = field[used];

		text.s[used++] = c >= 0x20 && c < 0x7f ? c : '?';
	}
	while (used && text.s[used - 1] == ' ')
		used--;
	text.s[used] = '\0';
	return text;
}

void text_bar(double part, int width, char buf[184])
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	int units = (int)(part * width * 8 + 0.5);
	int full, column = 0;
	size_t used = 0;

	if (part > 0 && !units)
		units = 1; /* something is not nothing */
	if (!screen.unicode)
		units = (units + 7) / 8 * 8;
	full = units / 8;

	for (; column < full && column < width; column++)
		used += (size_t)sprintf(buf + used, "%s", screen.unicode ? "█" : "#");
	if (column < width && units % 8) {
		used += (size_t)sprintf(buf + used, "%s", eighths[units % 8]);
		column++;
	}
	for (; column < width; column++)
		buf[used++] = ' ';
	buf[used] = '\0';
}

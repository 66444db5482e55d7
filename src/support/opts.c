/* SPDX-License-Identifier: MIT */
/*
 * Option strings. The string is copied and taken apart in place: an item is unescaped and ended by
 * a NUL, then split at its first assignment character.
 */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/log.h>

#include "support/errno.h"
#include "support/opts.h"

#define ERR_MAX 512

/* One opts_parse(). */
struct parse {
	const struct opts *opts;
	char sep, assign;
	void *obj;
	uint64_t seen; /* options that were given already, by index */
	char *err;
	size_t errlen;
};

/* Set the message, behind what the options are for, and errno. Return -1. */
__attribute__((format(printf, 3, 4))) static int fail(struct parse *p, int error, const char *fmt,
						      ...)
{
	va_list args;
	int len = snprintf(p->err, p->errlen, "%s: ", p->opts->what);

	if (len >= 0 && (size_t)len < p->errlen) {
		va_start(args, fmt);
		vsnprintf(p->err + len, p->errlen - (size_t)len, fmt, args);
		va_end(args);
	}
	__do_log(BELFRY_LOG_ERROR, NULL, "%s", p->err);
	return set_errno(error);
}

/* Append to a list of words. What does not fit is cut off. */
static void append(char *out, size_t len, const char *sep, const char *word)
{
	size_t used = strlen(out);

	snprintf(out + used, len - used, "%s%s", used ? sep : "", word);
}

static void append_words(char *out, size_t len, const char *sep, const char *const *words)
{
	for (; *words; words++)
		append(out, len, sep, *words);
}

static int fail_unknown(struct parse *p, const char *name)
{
	char known[ERR_MAX] = "";

	for (const struct opt *opt = p->opts->table; opt->name; opt++)
		append(known, sizeof(known), ", ", opt->name);
	return fail(p, EINVAL, "unknown option '%s'; known: %s", name, known);
}

static int fail_word(struct parse *p, const struct opt *opt, const char *value)
{
	char known[ERR_MAX] = "";

	append_words(known, sizeof(known), ", ", opt->words);
	return fail(p, EINVAL, "%s: '%s' is none of: %s", opt->name, value, known);
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return UINT32_MAX;
}

/* What the number in front of @suffix is shifted by, or -1. */
static int suffix_shift(const char *suffix)
{
	static const char suffixes[] = "kmgt";
	const char *found;

	if (!suffix[0])
		return 0;
	found = strchr(suffixes, tolower((unsigned char)suffix[0]));
	return found && !suffix[1] ? (int)(found - suffixes + 1) * 10 : -1;
}

int opts_parse_u64(const char *text, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const unsigned int base = hex ? 16 : 10;
	const char *c = hex ? text + 2 : text;
	bool overflow = false;
	uint64_t number = 0;
	int shift;

	if (digit_value(*c) >= base)
		return set_errno(EINVAL);
	for (; digit_value(*c) < base; c++)
		overflow |= __builtin_mul_overflow(number, base, &number) ||
			    __builtin_add_overflow(number, digit_value(*c), &number);

	shift = suffix_shift(c);
	if (shift < 0)
		return set_errno(EINVAL);
	if (overflow || number > UINT64_MAX >> shift)
		return set_errno(ERANGE);
	*value = number << shift;
	return 0;
}

static int set_number(struct parse *p, const struct opt *opt, const char *value, void *member)
{
	uint64_t limit = opt->type == OPT_U32 ? UINT32_MAX : UINT64_MAX;
	uint64_t max = opt->max ? opt->max : limit;
	uint64_t number;
	int ret = opts_parse_u64(value, &number);

	assert(max <= limit && opt->min <= max);
	if (ret && errno == EINVAL)
		return fail(p, EINVAL, "%s: '%s' is not a number such as 4096, 0x1000, 4K or 1G",
			    opt->name, value);
	if (ret || number < opt->min || number > max)
		return fail(p, EINVAL, "%s: '%s' is not within %llu .. %llu", opt->name, value,
			    (unsigned long long)opt->min, (unsigned long long)max);

	if (opt->type == OPT_U32)
		*(uint32_t *)member = (uint32_t)number;
	else
		*(uint64_t *)member = number;
	return 0;
}

static int set_bool(struct parse *p, const struct opt *opt, const char *value, bool *member)
{
	bool on = !strcmp(value, "on");

	if (!on && strcmp(value, "off") != 0)
		return fail(p, EINVAL, "%s: '%s' is neither on nor off", opt->name, value);
	*member = on;
	return 0;
}

static int set_word(struct parse *p, const struct opt *opt, const char *value, uint32_t *member)
{
	for (uint32_t i = 0; opt->words[i]; i++) {
		if (!strcmp(value, opt->words[i])) {
			*member = i;
			return 0;
		}
	}
	return fail_word(p, opt, value);
}

static int set_string(struct parse *p, const struct opt *opt, const char *value, char **member)
{
	char *copy = strdup(value);

	if (!copy)
		return fail(p, ENOMEM, "%s: out of memory", opt->name);
	free(*member);
	*member = copy;
	return 0;
}

static int call(struct parse *p, const struct opt *opt, const char *value)
{
	char reason[ERR_MAX] = "";

	if (!opt->call(p->obj, value, reason, sizeof(reason)))
		return 0;
	return fail(p, errno, "%s: '%s': %s", opt->name, value, reason);
}

static int set(struct parse *p, const struct opt *opt, const char *value)
{
	void *member = (char *)p->obj + opt->offset;

	switch (opt->type) {
	case OPT_BOOL:
		return set_bool(p, opt, value, member);
	case OPT_U32:
	case OPT_U64:
		return set_number(p, opt, value, member);
	case OPT_STR:
		return set_string(p, opt, value, member);
	case OPT_ENUM:
		return set_word(p, opt, value, member);
	case OPT_CALL:
		return call(p, opt, value);
	}
	assert(!"option type");
	return set_errno(EINVAL);
}

/* Unescape the item at @*pos and end it with a NUL. @*pos: the next item, or NULL after the last. */
static int next_item(struct parse *p, char **pos, char **item)
{
	char *from = *pos, *to = *pos;

	*item = to;
	for (; *from && *from != p->sep; from++) {
		if (*from == '\\' && !*++from)
			return fail(p, EINVAL, "a backslash at the end of the options");
		*to++ = *from;
	}
	*pos = *from ? from + 1 : NULL;
	*to = '\0';
	return 0;
}

static int parse_item(struct parse *p, char *item)
{
	char *assign = strchr(item, p->assign);
	const struct opt *opt = p->opts->table;
	uint64_t bit;

	if (!*item)
		return fail(p, EINVAL, "an option is empty");
	if (assign)
		*assign = '\0';

	while (opt->name && strcmp(opt->name, item) != 0)
		opt++;
	if (!opt->name)
		return fail_unknown(p, item);
	if (!assign || !assign[1])
		return fail(p, EINVAL, "%s: has no value; write %s%cVALUE", item, item, p->assign);

	assert(opt - p->opts->table < 64);
	bit = 1ULL << (opt - p->opts->table);
	if ((p->seen & bit) && opt->type != OPT_CALL)
		return fail(p, EINVAL, "%s: given twice, the second time as '%s'", item,
			    assign + 1);
	p->seen |= bit;
	return set(p, opt, assign + 1);
}

int opts_parse(const struct opts *opts, void *obj, const char *str, char *err, size_t errlen)
{
	char own_err[ERR_MAX];
	struct parse p = {
		.opts = opts,
		.sep = opts->sep ? opts->sep : ',',
		.assign = opts->assign ? opts->assign : '=',
		.obj = obj,
		.err = err && errlen ? err : own_err,
		.errlen = err && errlen ? errlen : sizeof(own_err),
	};
	char *copy, *pos, *item;
	int ret = 0;

	p.err[0] = '\0';
	if (!str || !*str)
		return 0;

	copy = strdup(str);
	if (!copy)
		return fail(&p, ENOMEM, "out of memory");
	for (pos = copy; pos && !ret;) {
		ret = next_item(&p, &pos, &item);
		if (!ret)
			ret = parse_item(&p, item);
	}

	keep_errno();
	free(copy);
	return ret;
}

void opts_free(const struct opts *opts, void *obj)
{
	for (const struct opt *opt = opts->table; opt->name; opt++) {
		if (opt->type == OPT_STR) {
			char **member = (char **)((char *)obj + opt->offset);

			free(*member);
			*member = NULL;
		}
	}
}

void opts_help(const struct opts *opts, FILE *out)
{
	static const char *const forms[] = {
		[OPT_BOOL] = "on|off", [OPT_U32] = "N",	    [OPT_U64] = "N",
		[OPT_STR] = "TEXT",    [OPT_CALL] = "TEXT",
	};
	char assign = opts->assign ? opts->assign : '=';

	for (const struct opt *opt = opts->table; opt->name; opt++) {
		char words[ERR_MAX] = "";
		char form[2 * ERR_MAX];

		if (opt->type == OPT_ENUM)
			append_words(words, sizeof(words), "|", opt->words);
		snprintf(form, sizeof(form), "%s%c%s", opt->name, assign,
			 opt->type == OPT_ENUM ? words : forms[opt->type]);
		fprintf(out, "  %-18s  %s\n", form, opt->help);
	}
}

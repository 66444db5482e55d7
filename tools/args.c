/* SPDX-License-Identifier: MIT */
/*
 * Command lines by a table. getopt_long() finds the options; what they mean, and what is wrong with
 * them, is said here, so that every message has one form and is one line.
 */
#include "tools/args.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/text.h"

#define NR_OPTIONS_MAX 32

/* getopt_long()'s value of the option in row i. */
#define VALUE_BASE 0x100
#define VALUE_HELP 'h'

struct suffix {
	const char *name;
	uint64_t factor;
};

static const struct suffix sizes[] = {
	{"", 1},	   {"b", 1},
	{"k", 1ull << 10}, {"kib", 1ull << 10},
	{"m", 1ull << 20}, {"mib", 1ull << 20},
	{"g", 1ull << 30}, {"gib", 1ull << 30},
	{"t", 1ull << 40}, {"tib", 1ull << 40},
	{NULL, 0},
};

static const struct suffix times[] = {
	{"", 1000000000},  {"ns", 1},	       {"us", 1000},	     {"ms", 1000000},
	{"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {NULL, 0},
};

static const struct suffix none[] = {{"", 1}, {NULL, 0}};

/* What a value of each type looks like, for messages. */
static const char *const forms[] = {
	[ARG_NUMBER] = "a number",
	[ARG_SIZE] = "a size, as 4K, 1M or 2G",
	[ARG_TIME] = "a time, as 500ms, 5s or 2m",
};

static bool parse_scaled(const char *text, const struct suffix *suffixes, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	unsigned long long number;
	char *end;

	/* strtoull() would take blanks and signs. */
	if (hex ? !isxdigit((unsigned char)*digits) : !isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	number = strtoull(digits, &end, hex ? 16 : 10);
	if (errno)
		return false;
	for (; suffixes->name; suffixes++) {
		if (strcasecmp(end, suffixes->name) != 0)
			continue;
		return !__builtin_mul_overflow((uint64_t)number, suffixes->factor, value);
	}
	return false;
}

bool args_number(const char *text, uint64_t *value)
{
	uint64_t number;

	if (!parse_scaled(text, none, &number))
		return false;
	*value = number;
	return true;
}

static struct text show(enum arg_type type, uint64_t value)
{
	struct text text;

	if (type == ARG_SIZE)
		return text_bytes(value);
	if (type == ARG_TIME)
		return text_time((double)value);
	snprintf(text.s, sizeof(text.s), "%llu", (unsigned long long)value);
	return text;
}

static int store_number(const struct args *args, const struct arg *arg, const char *text)
{
	const struct suffix *suffixes = arg->type == ARG_SIZE	? sizes
					: arg->type == ARG_TIME ? times
								: none;
	uint64_t value;

	if (!parse_scaled(text, suffixes, &value))
		return msg_wrong(args->command, "--%s: '%s' is not %s", arg->name, text,
				 forms[arg->type]);
	if (value < arg->min && !arg->max)
		return msg_wrong(args->command, "--%s: %s is too little, at least %s is needed",
				 arg->name, text, show(arg->type, arg->min).s);
	if (value < arg->min || (arg->max && value > arg->max))
		return msg_wrong(args->command, "--%s: %s is out of range, %s to %s", arg->name,
				 text, show(arg->type, arg->min).s, show(arg->type, arg->max).s);
	*(uint64_t *)arg->value = value;
	return 0;
}

static int store_word(const struct args *args, const struct arg *arg, const char *text)
{
	char known[256] = "";
	size_t used = 0;

	for (unsigned int i = 0; arg->words[i]; i++) {
		if (!strcmp(text, arg->words[i])) {
			*(unsigned int *)arg->value = i;
			return 0;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
						 i ? ", " : "", arg->words[i]);
	}
	return msg_wrong(args->command, "--%s: '%s' is not one of %s", arg->name, text, known);
}

static int store_more(const struct args *args, const struct arg *arg, const char *text)
{
	struct arg_list *list = arg->value;

	if (!*text)
		return msg_wrong(args->command, "--%s: %s must not be empty", arg->name,
				 arg->metavar);
	if (list->nr == ARG_LIST_MAX)
		return msg_wrong(args->command, "--%s: more than %d of them", arg->name,
				 ARG_LIST_MAX);
	list->values[list->nr++] = text;
	return 0;
}

static int store(const struct args *args, const struct arg *arg, const char *text)
{
	switch (arg->type) {
	case ARG_LIST:
		return store_more(args, arg, text);
	case ARG_FLAG:
		*(bool *)arg->value = true;
		return 0;
	case ARG_TEXT:
		if (!*text)
			return msg_wrong(args->command, "--%s: %s must not be empty", arg->name,
					 arg->metavar);
		*(const char **)arg->value = text;
		return 0;
	case ARG_WORD:
		return store_word(args, arg, text);
	default:
		return store_number(args, arg, text);
	}
}

static void print_help(const struct args *args)
{
	printf("usage: belfry %s%s%s [OPTION...]\n\n%s\n\nOptions:\n", args->command,
	       *args->operands ? " " : "", args->operands, args->about);
	for (const struct arg *arg = args->options; arg->name; arg++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", arg->letter ? '-' : ' ',
			 arg->letter ? arg->letter : ' ', arg->letter ? ',' : ' ', arg->name,
			 arg->metavar ? " " : "", arg->metavar ? arg->metavar : "");
		printf("  %-26s %s\n", left, arg->help);
	}
	printf("  %-26s %s\n\nExamples:\n%s", "-h, --help", "this text", args->examples);
}

/* The rows as getopt_long() wants them. */
static void convert(const struct arg *rows, struct option *longs, char *letters)
{
	int i = 0;

	/* '+' is not wanted: options may follow operands. ':' tells missing values apart. */
	*letters++ = ':';
	*letters++ = VALUE_HELP;
	for (; i < NR_OPTIONS_MAX && rows[i].name; i++) {
		bool takes_value = rows[i].type != ARG_FLAG;

		longs[i] = (struct option){.name = rows[i].name,
					   .has_arg = takes_value ? required_argument : no_argument,
					   .val = VALUE_BASE + i};
		if (rows[i].letter) {
			*letters++ = rows[i].letter;
			if (takes_value)
				*letters++ = ':';
		}
	}
	longs[i++] = (struct option){.name = "help", .val = VALUE_HELP};
	longs[i] = (struct option){0};
	*letters = '\0';
}

static const struct arg *find(const struct arg *rows, int value)
{
	if (value >= VALUE_BASE)
		return &rows[value - VALUE_BASE];
	for (; rows->name; rows++) {
		if (rows->letter == value)
			return rows;
	}
	return NULL;
}

/* getopt_long() found an option that is not in the table, or that lacks its value. */
static void complain(const struct args *args, int found, char **argv)
{
	const struct arg *arg = optopt ? find(args->options, optopt) : NULL;

	if (found == ':' && arg)
		msg_wrong(args->command, "--%s: %s is missing", arg->name, arg->metavar);
	else if (arg)
		msg_wrong(args->command, "--%s takes no value", arg->name);
	else if (optopt)
		msg_wrong(args->command, "unknown option -%c; 'belfry %s --help' lists them",
			  optopt, args->command);
	else
		msg_wrong(args->command, "unknown option %s; 'belfry %s --help' lists them",
			  argv[optind - 1], args->command);
}

/* getopt_long() takes the beginning of a name for the name: --time for --timeout. */
static bool abbreviated(const struct arg *arg, char *const *argv)
{
	const char *word = argv[optind - 1];
	size_t len = strlen(arg->name);

	if (optarg == word) /* the value is a word of its own */
		word = argv[optind - 2];
	return strncmp(word + 2, arg->name, len) != 0 || (word[len + 2] && word[len + 2] != '=');
}

static int check_operands(const struct args *args, int nr, char **operands)
{
	if (nr < args->min) {
		msg_wrong(args->command, "%s expected; try 'belfry %s --help'", args->operands,
			  args->command);
		return ARGS_WRONG;
	}
	if (nr > args->max) {
		msg_wrong(args->command, "'%s' is one argument too many; expected: %s",
			  operands[args->max], *args->operands ? args->operands : "none");
		return ARGS_WRONG;
	}
	for (int i = 0; i < nr; i++) {
		if (!*operands[i]) {
			msg_wrong(args->command, "an argument is empty; expected: %s",
				  args->operands);
			return ARGS_WRONG;
		}
	}
	return nr;
}

int args_parse(const struct args *args, int argc, char **argv, char ***operands)
{
	struct option longs[NR_OPTIONS_MAX + 2];
	char letters[2 * NR_OPTIONS_MAX + 3];
	int found;

	convert(args->options, longs, letters);
	opterr = 0;
	while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct arg *arg;

		if (found == VALUE_HELP) {
			print_help(args);
			return ARGS_HELP;
		}
		if (found == '?' || found == ':') {
			complain(args, found, argv);
			return ARGS_WRONG;
		}
		arg = find(args->options, found);
		if (arg && found >= VALUE_BASE && abbreviated(arg, argv)) {
			msg_wrong(args->command, "option names are written in full: --%s",
				  arg->name);
			return ARGS_WRONG;
		}
		if (!arg || store(args, arg, optarg))
			return ARGS_WRONG;
	}
	*operands = argv + optind;
	return check_operands(args, argc - optind, *operands);
}

int args_status(int parsed)
{
	return parsed == ARGS_HELP ? CMD_OK : CMD_USAGE;
}

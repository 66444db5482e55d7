/* SPDX-License-Identifier: MIT */
/*
 * Command lines by a table: parsing over getopt_long(), messages that name the wrong argument and
 * say what is expected, and the help text, all from the same rows.
 */
#ifndef BELFRY_TOOLS_ARGS_H
#define BELFRY_TOOLS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum arg_type - what an option's value is, and what it is stored as
 * @ARG_FLAG: no value; bool
 * @ARG_NUMBER: decimal, or hexadecimal after 0x; uint64_t
 * @ARG_SIZE: number with K, M, G or T (powers of 1024) or none; uint64_t, bytes
 * @ARG_TIME: number with ns, us, ms, s, m or h, seconds if none; uint64_t, nanoseconds
 * @ARG_TEXT: anything; const char *, not a copy
 * @ARG_WORD: one of some words; unsigned int, its index
 * @ARG_LIST: anything, as often as the option is given; struct arg_list, not copies
 */
enum arg_type {
	ARG_FLAG,
	ARG_NUMBER,
	ARG_SIZE,
	ARG_TIME,
	ARG_TEXT,
	ARG_WORD,
	ARG_LIST,
};

#define ARG_LIST_MAX 64

/**
 * struct arg_list - values of an option that may be given several times
 * @values: they
 * @nr: how many
 */
struct arg_list {
	const char *values[ARG_LIST_MAX];
	unsigned int nr;
};

/**
 * struct arg - an option
 * @name: long name; NULL ends a table
 * @letter: short name, 0 for none
 * @type: of &enum arg_type
 * @value: out: where the value goes; left alone when the option is not given
 * @min: smallest number
 * @max: largest number, 0 for no limit
 * @words: ARG_WORD: the words, ended by NULL
 * @metavar: what the help calls the value
 * @help: one line, with the default
 */
struct arg {
	const char *name;
	char letter;
	enum arg_type type;
	void *value;
	uint64_t min, max;
	const char *const *words;
	const char *metavar;
	const char *help;
};

/**
 * struct args - a command line
 * @command: name of the subcommand
 * @operands: what the help calls the operands, as "DEV [FILE]"
 * @min: least number of operands
 * @max: largest number of operands
 * @about: what the subcommand does, some lines
 * @options: table of options; --help is added
 * @examples: text of the examples, each followed by what it does
 */
struct args {
	const char *command;
	const char *operands;
	int min, max;
	const char *about;
	const struct arg *options;
	const char *examples;
};

/* Options that several subcommands have; the argument is where the value goes. */
#define ARG_JSON(v)                                                                         \
	{                                                                                   \
		"json", 'j', ARG_FLAG, (v), .help = "print JSON; the man page has the keys" \
	}
#define ARG_NSID(v)                                                                         \
	{                                                                                   \
		"nsid", 'n', ARG_NUMBER, (v), .min = 1, .max = 0xfffffffe, .metavar = "N",  \
					      .help = "namespace (the first that is there)" \
	}
#define ARG_SERIAL(v)                                                                   \
	{                                                                               \
		"serial", 0, ARG_TEXT, (v),                                             \
			.metavar = "SERIAL",                                            \
			.help = "write to a real device: its serial number, to be sure" \
	}
#define ARG_TIMEOUT(v)                                                                            \
	{                                                                                         \
		"timeout", 0, ARG_TIME, (v), .min = 1000000, .max = 86400000000000,               \
					     .metavar = "TIME",                                   \
					     .help = "give up on a command after this long (60s)" \
	}

/* What args_parse() returns in place of a number of operands. */
#define ARGS_HELP  (-1) /* the help was printed: end with CMD_OK */
#define ARGS_WRONG (-2) /* end with CMD_USAGE */

/**
 * args_parse() - parse a command line
 * @args: what it may be
 * @argc: as main() got it, less the program's name
 * @argv: likewise; @argv[0] is the subcommand's name; operands are moved to the end
 * @operands: out: the first operand
 *
 * Context: once in a process, main thread.
 * Return: number of operands, or ARGS_HELP or ARGS_WRONG.
 */
int args_parse(const struct args *args, int argc, char **argv, char ***operands);

/**
 * args_status() - the exit status for what args_parse() returned
 * @parsed: ARGS_HELP or ARGS_WRONG
 *
 * Return: CMD_OK or CMD_USAGE.
 */
int args_status(int parsed);

/**
 * args_number() - parse a number, decimal or hexadecimal after 0x
 * @text: the number, nothing else
 * @value: out: the number; left alone on error
 *
 * Return: true, or false when it is none or over 2^64 - 1.
 */
bool args_number(const char *text, uint64_t *value);

#endif /* BELFRY_TOOLS_ARGS_H */

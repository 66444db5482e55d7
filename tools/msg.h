/* SPDX-License-Identifier: MIT */
/*
 * What the command says on standard error, one line at a time, and how it learns that it is to
 * stop. What the library logs is kept, not printed: its first message since msg_forget() tells why
 * an operation failed better than errno does.
 */
#ifndef BELFRY_TOOLS_MSG_H
#define BELFRY_TOOLS_MSG_H

#include <stdbool.h>

/**
 * msg_init() - catch the library's messages and the signals that ask for an end
 *
 * SIGINT and SIGTERM set a flag the first time and end the process the second time.
 *
 * Context: once, before the first thread.
 */
void msg_init(void);

/**
 * msg_stop_asked() - has the user asked for an end
 *
 * Context: any thread.
 * Return: true after the first SIGINT or SIGTERM.
 */
bool msg_stop_asked(void);

/**
 * msg_forget() - forget what the library has logged so far
 *
 * Context: any thread.
 */
void msg_forget(void);

/**
 * msg_plain() - a message of the library without the name of the function that logs it
 * @msg: "function: text"
 *
 * A user has no use for that name.
 *
 * Context: any; pure.
 * Return: the text, within @msg.
 */
const char *msg_plain(const char *msg);

/**
 * msg_fail() - say what failed
 * @fmt: as printf(), without a line break
 *
 * Context: any thread.
 * Return: CMD_FAILED.
 */
int msg_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * msg_fail_host() - say what failed on this machine, and why
 * @fmt: as printf(), without a line break
 *
 * Appends the library's first message since msg_forget(), without a name that @fmt has in quotes, or
 * else the text of errno.
 *
 * Context: any thread; errno is what the failed call left.
 * Return: CMD_FAILED.
 */
int msg_fail_host(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * msg_wrong() - say which argument is wrong, and what is expected
 * @command: name of the subcommand, or NULL
 * @fmt: as printf(), without a line break
 *
 * Context: any thread.
 * Return: CMD_USAGE.
 */
int msg_wrong(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * msg_note() - say something that is worth knowing
 * @fmt: as printf(), without a line break
 *
 * Context: any thread.
 */
void msg_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* BELFRY_TOOLS_MSG_H */

/* SPDX-License-Identifier: MIT */
/*
 * Messages of the library to the program that uses it.
 *
 * The library does not print of its own accord. A message goes to the program's handler if there is
 * one, else to standard error, and either only up to the verbosity that was asked for: by
 * logv_set(), or else by the number in the environment variable LOGV (0 errors, 1 and information,
 * 2 and debugging; read at the first message), or else errors alone with a handler and nothing
 * without. Each message is one line, whatever its arguments contain, and errno survives it.
 *
 * This header gets along with <syslog.h> in either order: the levels have names of their own.
 */
#ifndef BELFRY_SUPPORT_LOG_H
#define BELFRY_SUPPORT_LOG_H

#include <stdbool.h>

#include <belfry/support/atomic.h>
#include <belfry/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum belfry_log_level - how urgent a message is
 * @BELFRY_LOG_ERROR: something failed; the message says what, and what to do
 * @BELFRY_LOG_INFO: something worth knowing happened once
 * @BELFRY_LOG_DEBUG: for those who look for a fault
 */
enum belfry_log_level {
	BELFRY_LOG_ERROR,
	BELFRY_LOG_INFO,
	BELFRY_LOG_DEBUG,
};

/**
 * struct log_state - what logv() looks at
 * @v: the highest level that is delivered, -1 for none; private values before the first use
 *
 * Written by logv_set() and log_set_handler() alone.
 */
struct log_state {
	int v;
};

extern struct log_state __log_state;

/* private: the value of __log_state.v before the first use, and what to do then */
#define __LOG_UNSET 0x7fffffff
bool __logv_first(int level);

/**
 * logv() - is a message of this level delivered at all
 * @level: of &enum belfry_log_level
 *
 * Context: any thread; no lock, and no syscall after the first call.
 * Return: true if it is.
 */
static inline bool logv(int level)
{
	int v = LOAD(__log_state.v);

	return unlikely(v == __LOG_UNSET) ? __logv_first(level) : level <= v;
}

/**
 * logv_set() - set the verbosity, whatever the environment says
 * @level: the highest level to deliver, of &enum belfry_log_level; -1 for none
 *
 * Context: any thread but from within a handler.
 */
void logv_set(int level);

/**
 * log_set_handler() - have messages delivered to a function
 * @fn: called for each message with its level, its text without a line break, and @arg; NULL for
 *	standard error again
 * @arg: passed on to @fn
 *
 * The handler may be called from any thread, also from several at once. What it logs itself is
 * dropped. When this function returns, no call of the handler before is still in progress.
 *
 * Own: @arg stays the caller's and must live until the handler was replaced.
 * Context: any thread; waits for handlers that are running.
 * Return: 0, or -1: EDEADLK called from within a handler; nothing changed.
 */
int log_set_handler(void (*fn)(int level, const char *msg, void *arg), void *arg);

/**
 * __do_log() - format and deliver a message, if its level is delivered
 * @level: of &enum belfry_log_level
 * @who: what the message begins with, before a colon; NULL for nothing
 * @fmt: as printf(); a line break at its end is dropped, control characters become spaces
 * @...: as printf()
 *
 * Longer messages are cut to 1000 bytes. errno is left alone, and "%m" is its text.
 *
 * Context: any thread, but not a signal handler; takes a lock for reading and may call a handler.
 */
void __do_log(int level, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * __do_log_fatal() - deliver an error message whatever the verbosity, and end the program
 * @who: as __do_log()
 * @fmt: as __do_log()
 * @...: as __do_log()
 *
 * For programs only: the library never calls it.
 *
 * Context: any thread; calls exit(3) with EXIT_FAILURE.
 */
void __do_log_fatal(const char *who, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

#ifndef log_fmt
/**
 * log_fmt() - what all messages begin with, as the first arguments of __do_log() after the level
 * @...: format and its arguments
 *
 * Defined by a program before it includes this header, it replaces the name of the function.
 *
 * Context: within the macros below.
 */
#define log_fmt(...) __func__, __VA_ARGS__
#endif

#define __log_if(level, ...)                          \
	do {                                          \
		if (logv(level))                      \
			__do_log(level, __VA_ARGS__); \
	} while (0)

/**
 * log_error(), log_info(), log_debug() - log a message
 * @...: format and its arguments, as printf(); not evaluated when the level is not delivered
 *
 * Context: as __do_log().
 */
#define log_error(...) __log_if(BELFRY_LOG_ERROR, log_fmt(__VA_ARGS__))
#define log_info(...)  __log_if(BELFRY_LOG_INFO, log_fmt(__VA_ARGS__))
#define log_debug(...) __log_if(BELFRY_LOG_DEBUG, log_fmt(__VA_ARGS__))

/**
 * log_fatal() - log an error and end the program
 * @...: format and its arguments, as printf()
 *
 * Context: programs only; as __do_log_fatal().
 */
#define log_fatal(...) __do_log_fatal(log_fmt(__VA_ARGS__))

/**
 * log_fatal_if() - log an error and end the program, if a condition holds
 * @cond: condition
 * @...: format and its arguments, as printf()
 *
 * Context: programs only; as __do_log_fatal().
 */
#define log_fatal_if(cond, ...)                 \
	do {                                    \
		if (unlikely(cond))             \
			log_fatal(__VA_ARGS__); \
	} while (0)

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_LOG_H */

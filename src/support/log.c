/* SPDX-License-Identifier: MIT */
/*
 * Delivery of messages. The verbosity that was asked for (by logv_set() or the environment) and the
 * handler together make __log_state.v, the one word that logv() reads; it is worked out again under
 * the lock whenever one of them changes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/io.h>
#include <belfry/support/log.h>
#include <belfry/support/rwlock.h>

#include "support/errno.h"
#include "support/log.h"

#define MSG_MAX	 1000
#define LOG_NONE (-1)

/* Held for reading while a handler runs, so that replacing it waits for it. Guards all below. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int asked = __LOG_UNSET; /* verbosity; __LOG_UNSET: nobody asked for one */
static bool env_read;
static struct {
	void (*fn)(int level, const char *msg, void *arg);
	void *arg;
} handler;

/* This thread is in a handler, and so holds the lock: what it logs must not come back to it. */
static __thread bool in_handler;

struct log_state __log_state = {.v = __LOG_UNSET};

static int verbosity_from_env(void)
{
	const char *text = getenv("LOGV");
	char *end;
	long v;

	if (!text || !*text)
		return __LOG_UNSET;

	v = strtol(text, &end, 10);
	if (*end)
		return __LOG_UNSET;
	if (v > BELFRY_LOG_DEBUG)
		return BELFRY_LOG_DEBUG;
	return v < 0 ? LOG_NONE : (int)v;
}

static void update_locked(void)
{
	int v = asked;

	if (!env_read) {
		env_read = true;
		if (v == __LOG_UNSET)
			v = asked = verbosity_from_env();
	}
	if (v == __LOG_UNSET)
		v = handler.fn ? BELFRY_LOG_ERROR : LOG_NONE;
	STORE(__log_state.v, v);
}

bool __logv_first(int level)
{
	keep_errno();

	if (in_handler)
		return false;

	__autowrlock(&lock);
	update_locked();
	return level <= __log_state.v;
}

void logv_set(int level)
{
	if (in_handler)
		return;

	__autowrlock(&lock);
	/* Not __LOG_UNSET, which is a number like any other to a caller. */
	asked = level > BELFRY_LOG_DEBUG ? BELFRY_LOG_DEBUG : level < 0 ? LOG_NONE : level;
	update_locked();
}

int log_set_handler(void (*fn)(int level, const char *msg, void *arg), void *arg)
{
	if (in_handler)
		return set_errno(EDEADLK);

	__autowrlock(&lock);
	handler.fn = fn;
	handler.arg = arg;
	update_locked();
	return 0;
}

/* Text from a device may be in there: nothing of it may end the line or steer a terminal. */
static void make_one_line(char *msg)
{
	size_t len = strlen(msg);

	while (len && (msg[len - 1] == '\n' || msg[len - 1] == '\r'))
		msg[--len] = '\0';
	for (char *c = msg; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	}
}

static void print(int level, const char *msg)
{
	static const char *const names[] = {"error", "info", "debug"};
	const char *name = names[level < 0		    ? 0
				 : level > BELFRY_LOG_DEBUG ? BELFRY_LOG_DEBUG
							    : level];
	char line[MSG_MAX + 32];
	int len = snprintf(line, sizeof(line), "belfry: %s: %s\n", name, msg);

	/* One write, so that the lines of several threads do not mix. */
	if (len > 0)
		(void)!writeallfd(2, line, (size_t)len);
}

static void deliver(bool always, int level, const char *who, const char *fmt, va_list args)
{
	char msg[MSG_MAX + 1];
	int error = errno;
	int len = who ? snprintf(msg, sizeof(msg), "%s: ", who) : 0;

	if (len < 0 || len > MSG_MAX)
		len = 0;
	errno = error; /* for "%m" */
	if (vsnprintf(msg + len, sizeof(msg) - (size_t)len, fmt, args) < 0)
		snprintf(msg + len, sizeof(msg) - (size_t)len, "message that cannot be formatted");
	make_one_line(msg);

	__autordlock(&lock);
	/* Once more: the handler that made the message wanted may be gone by now. */
	if (!always && !logv(level))
		return;
	if (handler.fn) {
		in_handler = true;
		handler.fn(level, msg, handler.arg);
		in_handler = false;
	} else {
		print(level, msg);
	}
}

void __do_log(int level, const char *who, const char *fmt, ...)
{
	va_list args;

	keep_errno();

	if (in_handler || !logv(level))
		return;

	va_start(args, fmt);
	deliver(false, level, who, fmt, args);
	va_end(args);
}

void log_always(int level, const char *who, const char *fmt, va_list args)
{
	keep_errno();

	if (!in_handler)
		deliver(true, level, who, fmt, args);
}

void __do_log_fatal(const char *who, const char *fmt, ...)
{
	va_list args;

	if (!in_handler) {
		va_start(args, fmt);
		deliver(true, BELFRY_LOG_ERROR, who, fmt, args);
		va_end(args);
	}
	exit(EXIT_FAILURE);
}

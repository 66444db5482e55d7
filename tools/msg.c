/* SPDX-License-Identifier: MIT */
/*
 * Messages and signals. The flag is the only state that a signal handler touches; the library's
 * message is guarded by a lock, since a controller's own thread may log as well.
 */
#include "tools/msg.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <belfry/support.h>

#include "tools/cmd.h"

#define LINE_MAX_BYTES 1200

/* How the library begins a message of something that is dangerous, and goes on all the same. */
#define WARNING "warning: "

static struct {
	pthread_mutex_t lock; /* guards first */
	char first[LINE_MAX_BYTES];
} library = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int stop_asked;

static void stop(int sig)
{
	(void)sig;
	STORE(stop_asked, 1);
}

bool msg_stop_asked(void)
{
	return LOAD(stop_asked);
}

const char *msg_plain(const char *msg)
{
	size_t len = strspn(msg, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len && !strncmp(msg + len, ": ", 2) ? msg + len + 2 : msg;
}

static void catch_log(int level, const char *msg, void *arg)
{
	(void)arg;
	msg = msg_plain(msg);
	/* A warning is no reason for a failure. */
	if (level > BELFRY_LOG_ERROR || !strncmp(msg, WARNING, strlen(WARNING))) {
		fprintf(stderr, "belfry: %s\n", msg);
		return;
	}
	pthread_mutex_lock(&library.lock);
	if (!library.first[0])
		snprintf(library.first, sizeof(library.first), "%s", msg);
	pthread_mutex_unlock(&library.lock);
}

void msg_init(void)
{
	struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};

	log_set_handler(catch_log, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* A reader that has gone is found by the error of the write. */
	signal(SIGPIPE, SIG_IGN);
}

void msg_forget(void)
{
	pthread_mutex_lock(&library.lock);
	library.first[0] = '\0';
	pthread_mutex_unlock(&library.lock);
}

/* One write per line, so that the lines of several threads do not mix. */
static void say(const char *command, const char *text, const char *reason)
{
	char line[2 * LINE_MAX_BYTES + 64];

	snprintf(line, sizeof(line), "belfry%s%s: %s%s%s\n", command ? " " : "",
		 command ? command : "", text, reason ? ": " : "", reason ? reason : "");
	/* An argument that is repeated here may hold a newline, or what a terminal obeys. */
	for (char *c = line; c[0] && c[1]; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	fflush(stdout);
	fputs(line, stderr);
}

/* "NAME: text" without the name, where @text has just named it, between quotes or '=' and a quote. */
static const char *strip_name(const char *reason, const char *text)
{
	const char *end = strstr(reason, ": "), *at = text;
	char name[LINE_MAX_BYTES];

	if (!end || end == reason)
		return reason;
	snprintf(name, sizeof(name), "%.*s", (int)(end - reason), reason);
	while ((at = strstr(at, name))) {
		char after = at[strlen(name)];

		if (at > text && strchr("'=", at[-1]) && after == '\'')
			return end + 2;
		at++;
	}
	return reason;
}

#define FORMAT(text, fmt)                                 \
	do {                                              \
		va_list args;                             \
                                                          \
		va_start(args, fmt);                      \
		vsnprintf(text, sizeof(text), fmt, args); \
		va_end(args);                             \
	} while (0)

int msg_fail(const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];

	FORMAT(text, fmt);
	say(NULL, text, NULL);
	return CMD_FAILED;
}

int msg_fail_host(const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], reason[LINE_MAX_BYTES];
	int error = errno;

	FORMAT(text, fmt);
	pthread_mutex_lock(&library.lock);
	snprintf(reason, sizeof(reason), "%s", library.first);
	pthread_mutex_unlock(&library.lock);
	say(NULL, text, reason[0] ? strip_name(reason, text) : strerror(error));
	return CMD_FAILED;
}

int msg_wrong(const char *command, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];

	FORMAT(text, fmt);
	say(command, text, NULL);
	return CMD_USAGE;
}

void msg_note(const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];

	FORMAT(text, fmt);
	say(NULL, text, NULL);
}

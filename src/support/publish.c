/* SPDX-License-Identifier: MIT */
/*
 * Snapshots for other processes. A file is written beside the one that is there and renamed over it;
 * the last line says that it is complete. Process and start time are in it, so that what a killed
 * process has left is known for it.
 */
#include <belfry/support/publish.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <belfry/support/io.h>
#include <belfry/support/log.h>
#include <belfry/support/timer.h>

#include "support/errno.h"

/* Publishers of one process. */
#define NR_FILES 4096

struct belfry_publisher {
	int dir;
	pid_t pid;
	uint64_t start;
	char name[BELFRY_PUBLISH_NAME];
	char file[32], next[32];
	char *text; /* of the snapshot that is being made */
	size_t len, size;
	int err;
};

/* ---- the directory ---- */

static int dir_path(char *path, size_t size)
{
	const char *run = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (run && *run == '/')
		n = snprintf(path, size, "%s/belfry", run);
	else
		n = snprintf(path, size, "/tmp/belfry-%u", (unsigned int)geteuid());
	return n < 0 || (size_t)n >= size ? set_errno(ENAMETOOLONG) : 0;
}

int belfry_publish_dir(bool create)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (dir_path(path, sizeof(path)))
		return -1;
	if (create && mkdir(path, 0700) && errno != EEXIST)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* In /tmp anybody may have been there first. */
	if (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 077) {
		log_error("%s: not a directory of this user's alone\n", path);
		close(fd);
		return set_errno(EPERM);
	}
	return fd;
}

/* ---- the snapshot ---- */

/* Field 22 of /proc/self/stat: ticks since boot. The second may have blanks, in parentheses. */
static uint64_t start_time(void)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char text[1024], *at;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

static int reserve(struct belfry_publisher *pub, size_t len)
{
	size_t size = pub->size ? pub->size : 4096;
	char *text;

	while (size - pub->len < len)
		size *= 2;
	if (size == pub->size)
		return 0;
	text = realloc(pub->text, size);
	if (!text)
		return -1;
	pub->text = text;
	pub->size = size;
	return 0;
}

__attribute__((format(printf, 2, 3))) static void append(struct belfry_publisher *pub,
							 const char *fmt, ...)
{
	va_list args;
	int n;

	if (pub->err)
		return;
	/* No line is longer. */
	if (reserve(pub, BELFRY_PUBLISH_NAME + 128)) {
		pub->err = ENOMEM;
		return;
	}
	va_start(args, fmt);
	n = vsnprintf(pub->text + pub->len, pub->size - pub->len, fmt, args);
	va_end(args);
	pub->len += n > 0 ? (size_t)n : 0;
}

/* The lines before the numbers. */
static void begin(struct belfry_publisher *pub)
{
	pub->len = 0;
	pub->err = 0;
	append(pub, BELFRY_PUBLISH_VERSION "\npid %d\nstart %" PRIu64 "\nname %s\n", (int)pub->pid,
	       pub->start, pub->name);
}

static bool is_word(const char *s, size_t size, bool underscore)
{
	if (*s < 'a' || *s > 'z')
		return false;
	for (size_t i = 0; s[i]; i++) {
		bool good = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') ||
			    (underscore && s[i] == '_');

		if (!good || i + 1 == size)
			return false;
	}
	return true;
}

void belfry_publish_number(struct belfry_publisher *pub, const char *part, const char *key,
			   uint64_t value)
{
	if (!is_word(part, BELFRY_PUBLISH_PART, false) || !is_word(key, BELFRY_PUBLISH_KEY, true))
		pub->err = EINVAL;
	append(pub, "%s.%s %" PRIu64 "\n", part, key, value);
}

static int replace(struct belfry_publisher *pub)
{
	int fd = openat(pub->dir, pub->next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int ret = -1;

	if (fd < 0)
		return -1;
	if (writeallfd(fd, pub->text, pub->len) < 0) {
		keep_errno();

		close(fd);
	} else {
		ret = close(fd);
	}
	if (!ret)
		ret = renameat(pub->dir, pub->next, pub->dir, pub->file);
	if (ret) {
		keep_errno();

		unlinkat(pub->dir, pub->next, 0);
	}
	return ret;
}

int belfry_publish_commit(struct belfry_publisher *pub)
{
	struct timespec now;
	int ret;

	if (pub->pid != getpid())
		return set_errno(EPERM);
	clock_gettime(CLOCK_MONOTONIC, &now);
	append(pub, "ns %" PRIu64 "\nend\n",
	       (uint64_t)now.tv_sec * (uint64_t)NS_PER_SEC + (uint64_t)now.tv_nsec);
	ret = pub->err ? set_errno(pub->err) : replace(pub);
	begin(pub);
	return ret;
}

/* ---- life ---- */

/* A name that is not taken, also not by what a killed process of this number has left. */
static int claim(struct belfry_publisher *pub)
{
	for (int i = 0; i < NR_FILES; i++) {
		int fd;

		snprintf(pub->file, sizeof(pub->file), "%d.%d", (int)pub->pid, i);
		snprintf(pub->next, sizeof(pub->next), ".%d.%d", (int)pub->pid, i);
		fd = openat(pub->dir, pub->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0)
			return close(fd);
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static void discard(struct belfry_publisher *pub)
{
	keep_errno();

	if (pub->dir >= 0)
		close(pub->dir);
	free(pub->text);
	free(pub);
}

struct belfry_publisher *belfry_publish_open(const char *name)
{
	struct belfry_publisher *pub = calloc(1, sizeof(*pub));

	if (!pub)
		return NULL;
	pub->pid = getpid();
	pub->start = start_time();
	snprintf(pub->name, sizeof(pub->name), "%s", name);
	for (char *c = pub->name; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;

	pub->dir = belfry_publish_dir(true);
	if (pub->dir < 0 || claim(pub))
		goto discard;
	begin(pub);
	/* So that whoever finds the file knows whose it is. */
	if (belfry_publish_commit(pub)) {
		keep_errno();

		unlinkat(pub->dir, pub->file, 0);
		goto discard;
	}
	return pub;

discard:
	discard(pub);
	return NULL;
}

void belfry_publish_close(struct belfry_publisher *pub)
{
	keep_errno();

	if (!pub)
		return;
	if (pub->pid == getpid())
		unlinkat(pub->dir, pub->file, 0);
	discard(pub);
}

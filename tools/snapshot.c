/* SPDX-License-Identifier: MIT */
/* Reading what others have written: line by line, each as strict as the writer. */
#include "tools/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The next line of @at, which moves on; NULL when there is no whole one. */
static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

/* Decimal digits and nothing else. */
static bool is_number(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* "KEY NUMBER" */
static bool is_header(const char *line, const char *key, uint64_t *value)
{
	size_t len = strlen(key);

	return line && !strncmp(line, key, len) && line[len] == ' ' &&
	       is_number(line + len + 1, value);
}

/* Copy a name up to @end, if it is one and fits. */
static bool take_name(char *to, size_t size, const char **from, char end, bool underscore)
{
	const char *s = *from;
	size_t n = 0;

	if (*s < 'a' || *s > 'z')
		return false;
	for (; s[n] != end; n++) {
		bool good = (s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') ||
			    (underscore && s[n] == '_');

		if (!good || n + 1 == size)
			return false;
		to[n] = s[n];
	}
	to[n] = '\0';
	*from = s + n + 1;
	return true;
}

/* "PART.KEY NUMBER" */
static bool take_number(const char *line, struct snapshot_number *number)
{
	return take_name(number->part, sizeof(number->part), &line, '.', false) &&
	       take_name(number->key, sizeof(number->key), &line, ' ', true) &&
	       is_number(line, &number->value);
}

static bool take_program(const char *line, struct snapshot *snap)
{
	size_t len;

	if (!line || strncmp(line, "name ", 5))
		return false;
	line += 5;
	len = strlen(line);
	if (len >= sizeof(snap->name))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (line[i] < ' ' || line[i] > '~')
			return false;
	}
	memcpy(snap->name, line, len + 1);
	return true;
}

static const char *parse_numbers(char *at, size_t most, struct snapshot *snap)
{
	char *line;

	/* A line has at least "a.a 0" and its end. */
	snap->numbers = calloc(most / 6 + 1, sizeof(*snap->numbers));
	if (!snap->numbers)
		return strerror(ENOMEM);
	while ((line = next_line(&at)) && take_number(line, &snap->numbers[snap->nr]))
		snap->nr++;
	if (!is_header(line, "ns", &snap->ns))
		return "a line is no number with its name";
	line = next_line(&at);
	if (!line || strcmp(line, "end") || *at)
		return "it does not end where it should";
	return NULL;
}

const char *snapshot_parse(char *text, size_t len, struct snapshot *snap)
{
	char *at = text, *line;

	memset(snap, 0, sizeof(*snap));
	if (memchr(text, '\0', len))
		return "it is no text";
	text[len] = '\0';
	line = next_line(&at);
	if (!line || strcmp(line, BELFRY_PUBLISH_VERSION))
		return "it is of another version";
	if (!is_header(next_line(&at), "pid", &snap->pid) || !snap->pid || snap->pid > INT32_MAX ||
	    !is_header(next_line(&at), "start", &snap->start) ||
	    !take_program(next_line(&at), snap))
		return "its first lines are wrong";
	return parse_numbers(at, len, snap);
}

static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int snapshot_read(int dir, const char *file, struct snapshot *snap, const char **why)
{
	/* A FIFO would keep us waiting. */
	int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char *text = malloc(SNAPSHOT_MAX + 1);
	struct stat st;
	ssize_t len;

	memset(snap, 0, sizeof(*snap));
	*why = NULL;
	if (fd < 0) {
		*why = errno == ENOENT ? NULL : strerror(errno);
	} else if (!text || fstat(fd, &st)) {
		*why = strerror(errno);
	} else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		*why = "it is not a file of this user's";
	} else {
		len = read_all(fd, text, SNAPSHOT_MAX);
		if (len < 0)
			*why = strerror(errno);
		else if (len == SNAPSHOT_MAX)
			*why = "it is too long";
		else if (len)
			*why = snapshot_parse(text, (size_t)len, snap);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return snap->numbers && !*why ? 0 : -1;
}

bool snapshot_alive(const struct snapshot *snap)
{
	char path[48], text[1024], *at;
	uint64_t start;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", snap->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read_all(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	/* Field 22; the second may have blanks, in parentheses. */
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	start = at ? strtoull(at, NULL, 10) : 0;
	return start == snap->start;
}

const struct snapshot_number *snapshot_find(const struct snapshot *snap,
					    const struct snapshot_number *number, size_t at)
{
	for (size_t i = 0; i < snap->nr; i++) {
		const struct snapshot_number *other = &snap->numbers[(at + i) % snap->nr];

		if (!strcmp(other->key, number->key) && !strcmp(other->part, number->part))
			return other;
	}
	return NULL;
}

void snapshot_free(struct snapshot *snap)
{
	free(snap->numbers);
	memset(snap, 0, sizeof(*snap));
}

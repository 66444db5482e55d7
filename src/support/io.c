/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing files whole.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include <belfry/support/io.h>

#include "support/errno.h"

/* After a call failed: is it to be repeated? Waits until that makes sense. */
static bool again(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	return poll(&pfd, 1, -1) >= 0 || errno == EINTR;
}

ssize_t writeallfd(int fd, const void *buf, size_t n)
{
	const char *from = buf;
	size_t left = n;

	if (n > SSIZE_MAX)
		return set_errno(EINVAL);

	while (left) {
		ssize_t done = write(fd, from, left);

		if (!done)
			return set_errno(EIO);
		if (done > 0) {
			from += done;
			left -= (size_t)done;
		} else if (!again(fd, POLLOUT)) {
			return -1;
		}
	}
	return (ssize_t)n;
}

ssize_t readmaxfd(int fd, void *buf, size_t n)
{
	char *to = buf;
	size_t left = n;

	if (n > SSIZE_MAX)
		return set_errno(EINVAL);

	while (left) {
		ssize_t done = read(fd, to, left);

		if (!done)
			break;
		if (done > 0) {
			to += done;
			left -= (size_t)done;
		} else if (!again(fd, POLLIN)) {
			return -1;
		}
	}
	return (ssize_t)(n - left);
}

ssize_t writeall(const char *path, const void *buf, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;

	if (fd < 0)
		return -1;

	done = writeallfd(fd, buf, n);
	if (done < 0) {
		keep_errno();
		close(fd);
		return -1;
	}
	/* Some file systems report a failed write only here. Even after EINTR the descriptor is
	 * closed, and the data are where they would be after a successful close. */
	if (close(fd) && errno != EINTR)
		return -1;
	return done;
}

ssize_t readmax(const char *path, void *buf, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t done;

	if (fd < 0)
		return -1;

	done = readmaxfd(fd, buf, n);
	keep_errno();
	close(fd);
	return done;
}

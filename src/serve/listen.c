/* SPDX-License-Identifier: MIT */
/*
 * The socket. Two servers that start at the same time must not both find the same socket stale:
 * looking, removing and making are one step under a lock on the folder.
 */
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <belfry/support/log.h>

#include "serve/listen.h"
#include "support/errno.h"

static int folder_lock(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd;

	memcpy(copy, path, strlen(path) + 1); /* its length was checked */
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && !flock(fd, LOCK_EX))
		return fd;
	log_error("%s: the folder cannot be used: %s\n", path, strerror(errno));
	if (fd >= 0) {
		keep_errno();

		close(fd);
	}
	return -1;
}

/* Does anybody listen: 1 yes, 0 no, -1 it cannot be told. */
static int is_live(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret = 1;

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno != EAGAIN)
		ret = errno == ECONNREFUSED ? 0 : -1;
	keep_errno();
	close(fd);
	return ret;
}

static int clear_path(const struct sockaddr_un *addr)
{
	const char *path = addr->sun_path;
	struct stat st;

	if (lstat(path, &st)) {
		if (errno == ENOENT)
			return 0;
		log_error("%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s: is there already, and is no socket\n", path);
		return set_errno(EEXIST);
	}
	switch (is_live(addr)) {
	case 0:
		break;
	case 1:
		log_error("%s: another server listens there\n", path);
		return set_errno(EADDRINUSE);
	default:
		log_error("%s: the socket that is there cannot be tried: %s\n", path,
			  strerror(errno));
		return -1;
	}
	if (unlink(path)) {
		log_error("%s: nobody listens there, but it cannot be removed: %s\n", path,
			  strerror(errno));
		return -1;
	}
	return 0;
}

/* The mode that a socket has before it is bound is that of the file: no moment with another. */
static int bind_path(struct listener *listener)
{
	const struct sockaddr *addr = (const struct sockaddr *)&listener->addr;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return -1;
	if (!fchmod(fd, 0600) && !bind(fd, addr, sizeof(listener->addr))) {
		if (!lstat(listener->addr.sun_path, &listener->made) && !listen(fd, 4)) {
			listener->fd = fd;
			return 0;
		}
		error = errno;
		unlink(listener->addr.sun_path);
		errno = error;
	}
	error = errno;
	log_error("%s: no socket can be made: %s\n", listener->addr.sun_path, strerror(error));
	close(fd);
	return set_errno(error);
}

int listen_open(struct listener *listener, const char *path)
{
	int folder, ret;

	if (!*path || strlen(path) >= sizeof(listener->addr.sun_path)) {
		log_error("%s: the path of a socket has 1 to %zu bytes\n", path,
			  sizeof(listener->addr.sun_path) - 1);
		return set_errno(ENAMETOOLONG);
	}
	listener->addr.sun_family = AF_UNIX;
	memcpy(listener->addr.sun_path, path, strlen(path) + 1);
	folder = folder_lock(path);
	if (folder < 0)
		return -1;
	ret = clear_path(&listener->addr) || bind_path(listener) ? -1 : 0;
	keep_errno();
	close(folder);
	return ret;
}

void listen_close(struct listener *listener)
{
	struct stat st;
	keep_errno();

	if (listener->fd < 0)
		return;
	if (!lstat(listener->addr.sun_path, &st) && st.st_dev == listener->made.st_dev &&
	    st.st_ino == listener->made.st_ino)
		unlink(listener->addr.sun_path);
	close(listener->fd);
	listener->fd = -1;
}

int listen_accept(struct listener *listener)
{
	return accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
}

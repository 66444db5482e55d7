/* SPDX-License-Identifier: MIT */
/*
 * The store that is a file, sparse. It is a regular one: a name of this kind must not be able to
 * overwrite a drive.
 *
 * Blocks are at the start of the file in their order, metadata that is apart from them follows.
 * The file is locked as long as it is open. A file that is longer than the namespace keeps what is
 * behind it until the namespace is erased.
 */
#include "emu/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <belfry/support/log.h>

#define BATCH 64 /* pieces in one system call */

/* Where a transfer has got to. */
struct cursor {
	const struct iovec *iov;
	int niov;
	size_t done; /* bytes of iov[0] */
};

static void cursor_advance(struct cursor *cur, size_t bytes)
{
	while (cur->niov && bytes >= cur->iov->iov_len - cur->done) {
		bytes -= cur->iov->iov_len - cur->done;
		cur->done = 0;
		cur->iov++;
		cur->niov--;
	}
	cur->done += bytes;
}

/* The next pieces, up to one that has no base (a bit bucket). */
static int cursor_batch(const struct cursor *cur, struct iovec *batch)
{
	int n = 0;

	for (; n < BATCH && n < cur->niov && cur->iov[n].iov_base; n++)
		batch[n] = cur->iov[n];
	if (n) {
		batch[0].iov_base = (uint8_t *)batch[0].iov_base + cur->done;
		batch[0].iov_len -= cur->done;
	}
	return n;
}

static int file_transfer(struct emu_store *store, uint64_t off, struct cursor *cur, bool write)
{
	struct iovec batch[BATCH];

	while (cur->niov) {
		const int n = cursor_batch(cur, batch);
		ssize_t bytes;

		if (!n)
			bytes = (ssize_t)(cur->iov->iov_len - cur->done);
		else if (write)
			bytes = pwritev(store->fd, batch, n, (off_t)off);
		else
			bytes = preadv(store->fd, batch, n, (off_t)off);

		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes < 0)
			return -1;
		if (!bytes && cur->iov->iov_len > cur->done) {
			errno = EIO; /* somebody has cut the file short */
			return -1;
		}
		off += (uint64_t)bytes;
		cursor_advance(cur, (size_t)bytes);
	}
	return 0;
}

static int file_read(struct emu_store *store, uint64_t off, const struct iovec *iov, int niov)
{
	struct cursor cur = {.iov = iov, .niov = niov};

	return file_transfer(store, off, &cur, false);
}

static int file_write(struct emu_store *store, uint64_t off, const struct iovec *iov, int niov)
{
	struct cursor cur = {.iov = iov, .niov = niov};

	return file_transfer(store, off, &cur, true);
}

static int file_zero(struct emu_store *store, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[65536];

	if (!fallocate(store->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
		       (off_t)len))
		return 0;
	if (errno != EOPNOTSUPP && errno != ENODEV && errno != EINVAL)
		return -1;

	/* No holes in this file system. */
	while (len) {
		const size_t part = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);
		const ssize_t bytes = pwrite(store->fd, zeros, part, (off_t)off);

		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes < 0)
			return -1;
		off += (uint64_t)bytes;
		len -= (uint64_t)bytes;
	}
	return 0;
}

static int file_flush(struct emu_store *store)
{
	return fdatasync(store->fd);
}

static int file_resize(struct emu_store *store, uint64_t len, bool erase)
{
	if (erase && ftruncate(store->fd, 0))
		return -1;
	if ((erase || len > store->len) && ftruncate(store->fd, (off_t)len))
		return -1;
	store->len = len;
	return 0;
}

static void file_close(struct emu_store *store)
{
	if (fdatasync(store->fd))
		log_error("file of a namespace: %m\n");
	close(store->fd); /* and with it the lock */
}

const struct emu_store_ops emu_store_file = {
	.read = file_read,
	.write = file_write,
	.zero = file_zero,
	.flush = file_flush,
	.resize = file_resize,
	.close = file_close,
};

/* How long the file is, and whether it is of a kind that can be used. */
static int measure(struct emu_store *store)
{
	struct stat st;

	if (fstat(store->fd, &st))
		return -1;
	store->len = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int emu_store_open_file(struct emu_store *store, const char *path)
{
	int err;

	*store = (struct emu_store){.ops = &emu_store_file};
	store->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (store->fd < 0) {
		log_error("%s: %m\n", path);
		return -1;
	}
	if (flock(store->fd, LOCK_EX | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			errno = EBUSY;
		goto close_fd;
	}
	if (measure(store))
		goto close_fd;
	return 0;

close_fd:
	err = errno;
	log_error("%s: %m%s\n", path,
		  err == EBUSY	  ? " (another namespace or process has it open)"
		  : err == EINVAL ? " (not a regular file)"
				  : "");
	close(store->fd);
	errno = err;
	return -1;
}

/* SPDX-License-Identifier: MIT */
/*
 * Pages and their files. The table is a tree by address whose extents do not overlap: memory that is
 * new was in no other extent, so one that it lies in was unmapped behind the table's back, and goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bsd/sys/tree.h>

#include "support/errno.h"
#include "support/pages.h"

#ifndef __unused /* BSD has it, and RB_GENERATE_STATIC() needs it */
#define __unused __attribute__((unused))
#endif

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17; older ones take the address as a hint */
#endif

/* Memory that is in a file of its own, from the file's first byte on. */
struct extent {
	RB_ENTRY(extent) by_start;
	uintptr_t start;
	size_t len;
	int fd;
};

RB_HEAD(extent_tree, extent);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct extent_tree extents = RB_INITIALIZER(&extents); /* guarded by lock */
static size_t nr_extents;				      /* guarded by lock */

static int cmp_start(const struct extent *a, const struct extent *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

RB_GENERATE_STATIC(extent_tree, extent, by_start, cmp_start)

/* The extent that starts last at or before @at, whether it reaches @at or not. */
static struct extent *find_locked(uintptr_t at)
{
	struct extent *e = RB_ROOT(&extents), *found = NULL;

	while (e) {
		if (e->start > at) {
			e = RB_LEFT(e, by_start);
		} else {
			found = e;
			e = RB_RIGHT(e, by_start);
		}
	}
	return found;
}

/* No extent has any of the @len bytes from @start afterwards. */
static void forget_locked(uintptr_t start, size_t len)
{
	struct extent *e;

	while ((e = find_locked(start + (len - 1))) && e->start + (e->len - 1) >= start) {
		RB_REMOVE(extent_tree, &extents, e);
		nr_extents--;
		close(e->fd);
		free(e);
	}
}

static void remember_locked(struct extent *e)
{
	forget_locked(e->start, e->len);
	RB_INSERT(extent_tree, &extents, e);
	nr_extents++;
}

static bool affordable(void)
{
	struct rlimit limit;
	bool ok;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return false;
	pthread_mutex_lock(&lock);
	ok = nr_extents < limit.rlim_cur / 2;
	pthread_mutex_unlock(&lock);
	return ok;
}

/* A file of @len zeros whose size nobody can change. */
static int make_file(size_t len)
{
	int fd = memfd_create("belfry", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (!ftruncate(fd, (off_t)len) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	{
		keep_errno();

		close(fd);
	}
	return -1;
}

/* mmap(2), but NULL instead of MAP_FAILED, and @at is where it is or an error. */
static void *map(void *at, size_t len, int flags, int fd)
{
	void *mem;

	mem = mmap(at, len, PROT_READ | PROT_WRITE, flags | (at ? MAP_FIXED_NOREPLACE : 0), fd, 0);
	if (mem == MAP_FAILED) {
		/* Below the lowest address that may be mapped, or above the highest. */
		if (at && (errno == EPERM || errno == EINVAL || errno == ENOMEM))
			errno = EEXIST;
		return NULL;
	}
	if (at && mem != at) {
		munmap(mem, len);
		return set_errno_null(EEXIST);
	}
	return mem;
}

static void *alloc_shared(void *at, size_t len)
{
	struct extent *e;
	void *mem;

	if (!affordable())
		return set_errno_null(EMFILE);
	e = malloc(sizeof(*e));
	if (!e)
		return NULL;
	e->fd = make_file(len);
	if (e->fd < 0)
		goto free_extent;
	e->len = len;

	/* Both under the lock: or else the memory could be unmapped and given to another thread
	 * before it is in the table, which would then have them in the wrong order. */
	pthread_mutex_lock(&lock);
	mem = map(at, len, MAP_SHARED, e->fd);
	if (mem) {
		e->start = (uintptr_t)mem;
		remember_locked(e);
	}
	pthread_mutex_unlock(&lock);
	if (mem)
		return mem; /* NOLINT(clang-analyzer-unix.Malloc): the table has it */

	{
		keep_errno();

		close(e->fd);
	}
free_extent : {
	keep_errno();

	free(e);
}
	return NULL;
}

void *pages_alloc(void *at, size_t len, bool shared)
{
	void *mem = shared ? alloc_shared(at, len) : NULL;

	if (mem || (shared && errno == EEXIST))
		return mem;
	return map(at, len, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

int pages_free(void *mem, size_t len)
{
	int ret, err = errno;

	pthread_mutex_lock(&lock);
	ret = munmap(mem, len);
	if (!ret) {
		forget_locked((uintptr_t)mem, len);
		errno = err;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

/* Another descriptor of the same file: @fd itself allows writing, one that does not is made anew. */
static int reopen(int fd, bool writable)
{
	char path[32];

	if (writable)
		return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int pages_fd(const void *mem, size_t len, bool writable, uint64_t *offset)
{
	uintptr_t start = (uintptr_t)mem;
	struct extent *e;
	int fd;

	pthread_mutex_lock(&lock);
	e = find_locked(start);
	if (e && start - e->start < e->len && len <= e->len - (start - e->start)) {
		*offset = start - e->start;
		fd = reopen(e->fd, writable);
	} else {
		fd = set_errno(ENOENT);
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

/* SPDX-License-Identifier: MIT */
/*
 * One wrapper for each call. See fail.h.
 *
 * __wrap_NAME is what the linker puts in the place of NAME, __real_NAME is libc's. Failing comes
 * first, the pretended kernel second. munmap(), close() and free() never fail: they would leave
 * nothing to do about it.
 */
#include "fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "kernel.h"
#include "wrap.h"

#define SITES_MAX 1024
#define CALLS_MAX 64

/* Changed by atomic operations only: the emulated controller has a thread of its own. */
static long left; /* calls until the one that fails; 0 is none */
static struct fail_hit hit;
static bool fired;
static long blocks, maps, pages, threads;

static const void *sites[SITES_MAX];
static unsigned int nr_sites;
static const char *calls[CALLS_MAX];

static void count(long *what, long n)
{
	__atomic_add_fetch(what, n, __ATOMIC_RELAXED);
}

static void note_site(const void *site)
{
	unsigned int i = 0;

	while (i < nr_sites && sites[i] != site)
		i++;
	if (i == nr_sites && nr_sites < SITES_MAX)
		sites[nr_sites++] = site;
}

static void note_call(const char *call)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		const char *known = __atomic_load_n(&calls[i], __ATOMIC_RELAXED);

		if (!known)
			known = __atomic_exchange_n(&calls[i], call, __ATOMIC_RELAXED);
		if (!known || !strcmp(known, call))
			return;
	}
}

/* Is this the one? Then errno is @err. */
static bool fails(const char *call, int err, const void *site)
{
	long now = __atomic_load_n(&left, __ATOMIC_RELAXED);

	note_call(call);
	do {
		if (!now)
			return false;
	} while (!__atomic_compare_exchange_n(&left, &now, now - 1, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	if (now > 1)
		return false;
	hit = (struct fail_hit){call, site};
	note_site(site);
	__atomic_store_n(&fired, true, __ATOMIC_RELEASE);
	errno = err;
	return true;
}

#define FAILS(call, err) fails(call, err, __builtin_return_address(0))

/* What a call that works leaves in errno is nobody's: here it is what none of them ever gives. */
#define SPOILT(call)                            \
	({                                      \
		__typeof__(call) _ret = (call); \
		if (_ret >= 0)                  \
			errno = FAIL_SPOILT;    \
		_ret;                           \
	})

/* A call that gives back -1 for an error. */
#define CALL(name, err, call) (FAILS(name, err) ? -1 : SPOILT(call))

void fail_arm(unsigned long nth)
{
	hit = (struct fail_hit){};
	fired = false;
	__atomic_store_n(&left, (long)nth, __ATOMIC_RELEASE);
}

struct fail_hit fail_disarm(void)
{
	__atomic_store_n(&left, 0, __ATOMIC_RELEASE);
	return fail_fired() ? hit : (struct fail_hit){};
}

bool fail_fired(void)
{
	return __atomic_load_n(&fired, __ATOMIC_ACQUIRE);
}

struct fail_held fail_held(void)
{
	return (struct fail_held){
		.blocks = __atomic_load_n(&blocks, __ATOMIC_RELAXED),
		.maps = __atomic_load_n(&maps, __ATOMIC_RELAXED),
		.pages = __atomic_load_n(&pages, __ATOMIC_RELAXED),
		.threads = __atomic_load_n(&threads, __ATOMIC_RELAXED),
	};
}

unsigned int fail_sites(void)
{
	return nr_sites;
}

bool fail_seen(const char *call)
{
	for (size_t i = 0; i < CALLS_MAX && calls[i]; i++) {
		if (!strcmp(calls[i], call))
			return true;
	}
	return false;
}

/* ---- the heap ---- */

static void *counted(void *mem)
{
	if (mem) {
		count(&blocks, 1);
		errno = FAIL_SPOILT;
	}
	return mem;
}

void *__wrap_malloc(size_t size)
{
	return FAILS("malloc", ENOMEM) ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return FAILS("calloc", ENOMEM) ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	void *mem = FAILS("realloc", ENOMEM) ? NULL : __real_realloc(old, size);

	return old ? mem : counted(mem);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return FAILS("aligned_alloc", ENOMEM) ? NULL : counted(__real_aligned_alloc(align, size));
}

int __wrap_posix_memalign(void **mem, size_t align, size_t size)
{
	int err =
		FAILS("posix_memalign", ENOMEM) ? ENOMEM : __real_posix_memalign(mem, align, size);

	if (!err)
		count(&blocks, 1);
	return err;
}

char *__wrap_strdup(const char *text)
{
	return FAILS("strdup", ENOMEM) ? NULL : counted(__real_strdup(text));
}

int __wrap_asprintf(char **text, const char *fmt, ...)
{
	va_list args;
	int n;

	if (FAILS("asprintf", ENOMEM)) {
		*text = (char *)(uintptr_t)0xdead; /* undefined, says the manual */
		return -1;
	}
	va_start(args, fmt);
	n = vasprintf(text, fmt, args);
	va_end(args);
	if (n >= 0)
		count(&blocks, 1);
	return n;
}

void __wrap_free(void *mem)
{
	if (mem)
		count(&blocks, -1);
	__real_free(mem);
}

/* ---- memory and threads ---- */

static long nr_pages(size_t len)
{
	return (long)((len + 4095) / 4096);
}

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	void *mem;

	if (FAILS("mmap", ENOMEM))
		return MAP_FAILED;
	if (!kernel_mmap(len, fd, off, &mem))
		mem = __real_mmap64(at, len, prot, flags, fd, off);
	if (mem != MAP_FAILED) {
		count(&maps, 1);
		count(&pages, nr_pages(len));
		errno = FAIL_SPOILT;
	}
	return mem;
}

int __wrap_munmap(void *mem, size_t len)
{
	count(&maps, -1);
	count(&pages, -nr_pages(len));
	return SPOILT(kernel_munmap(mem) ? 0 : __real_munmap(mem, len));
}

int __wrap_madvise(void *mem, size_t len, int advice)
{
	return CALL("madvise", EINVAL, __real_madvise(mem, len, advice));
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *),
			  void *arg)
{
	int err = FAILS("pthread_create", EAGAIN) ? EAGAIN
						  : __real_pthread_create(thread, attr, main, arg);

	if (!err)
		count(&threads, 1);
	return err;
}

int __wrap_pthread_join(pthread_t thread, void **ret)
{
	count(&threads, -1);
	return __real_pthread_join(thread, ret);
}

/* Never fails, but is in most of what gives something back. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	return SPOILT(__real_pthread_mutex_lock(lock));
}

/* Only membarrier(2) fails: some kernels have none. A futex that fails has woken for no reason. */
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == SYS_membarrier && FAILS("membarrier", ENOSYS))
		return -1;
	return SPOILT(__real_syscall(nr, a, b, c, d, e, f));
}

/* ---- files ---- */

int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	int mode = 0;

	if (FAILS("open", EMFILE))
		return -1;
	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, int);
		va_end(args);
	}
	return SPOILT(kernel_opened(path, __real_open64(kernel_path(path), flags, mode)));
}

int __wrap_close(int fd)
{
	kernel_close(fd);
	return SPOILT(__real_close(fd));
}

int __wrap_eventfd(unsigned int count0, int flags)
{
	return CALL("eventfd", EMFILE, __real_eventfd(count0, flags));
}

int __wrap_ioctl(int fd, unsigned long nr, ...)
{
	va_list args;
	void *arg;
	int ret;

	if (FAILS("ioctl", EIO))
		return -1;
	va_start(args, nr);
	arg = va_arg(args, void *);
	va_end(args);
	return SPOILT(kernel_ioctl(fd, nr, arg, &ret) ? ret : __real_ioctl(fd, nr, arg));
}

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t off)
{
	ssize_t n;

	if (FAILS("pread", EIO))
		return -1;
	return SPOILT(kernel_pread(fd, buf, len, off, &n) ? n : __real_pread64(fd, buf, len, off));
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t n;

	if (FAILS("pwrite", EIO))
		return -1;
	return SPOILT(kernel_pwrite(fd, buf, len, off, &n) ? n
							   : __real_pwrite64(fd, buf, len, off));
}

ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int niov, off_t off)
{
	return CALL("preadv", EIO, __real_preadv64(fd, iov, niov, off));
}

ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int niov, off_t off)
{
	return CALL("pwritev", ENOSPC, __real_pwritev64(fd, iov, niov, off));
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	return CALL("read", EIO, __real_read(fd, buf, len));
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	return CALL("write", EIO, __real_write(fd, buf, len));
}

int __wrap_fallocate64(int fd, int mode, off_t off, off_t len)
{
	return CALL("fallocate", ENOSPC, __real_fallocate64(fd, mode, off, len));
}

int __wrap_ftruncate64(int fd, off_t len)
{
	return CALL("ftruncate", EIO, __real_ftruncate64(fd, len));
}

int __wrap_fstat64(int fd, struct stat *st)
{
	return CALL("fstat", EIO, __real_fstat64(fd, st));
}

int __wrap_flock(int fd, int op)
{
	return CALL("flock", EWOULDBLOCK, __real_flock(fd, op));
}

int __wrap_fdatasync(int fd)
{
	return CALL("fdatasync", EIO, __real_fdatasync(fd));
}

DIR *__wrap_opendir(const char *path)
{
	return FAILS("opendir", EMFILE) ? NULL : __real_opendir(kernel_path(path));
}

ssize_t __wrap_readlink(const char *path, char *buf, size_t len)
{
	return CALL("readlink", ENOMEM, __real_readlink(kernel_path(path), buf, len));
}

int __wrap_access(const char *path, int mode)
{
	return CALL("access", EACCES, __real_access(kernel_path(path), mode));
}

/* SPDX-License-Identifier: MIT */
/*
 * The calls that fail.c stands in for: what the linker calls each of them, and what it calls libc's.
 * With 64-bit file offsets the names of some of them end in 64.
 */
#ifndef BELFRY_TESTS_INJECT_WRAP_H
#define BELFRY_TESTS_INJECT_WRAP_H

#include <dirent.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#define WRAPPED(ret, name, ...)         \
	ret __wrap_##name(__VA_ARGS__); \
	ret __real_##name(__VA_ARGS__)

WRAPPED(void *, malloc, size_t size);
WRAPPED(void *, calloc, size_t n, size_t size);
WRAPPED(void *, realloc, void *old, size_t size);
WRAPPED(void *, aligned_alloc, size_t align, size_t size);
WRAPPED(int, posix_memalign, void **mem, size_t align, size_t size);
WRAPPED(char *, strdup, const char *text);
WRAPPED(int, asprintf, char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
WRAPPED(void, free, void *mem);
WRAPPED(void *, mmap64, void *at, size_t len, int prot, int flags, int fd, off_t off);
WRAPPED(int, munmap, void *mem, size_t len);
WRAPPED(int, madvise, void *mem, size_t len, int advice);
WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *),
	void *arg);
WRAPPED(int, pthread_join, pthread_t thread, void **ret);
WRAPPED(int, pthread_mutex_lock, pthread_mutex_t *lock);
WRAPPED(long, syscall, long nr, long a, long b, long c, long d, long e, long f);
WRAPPED(int, open64, const char *path, int flags, ...);
WRAPPED(int, close, int fd);
WRAPPED(int, eventfd, unsigned int count, int flags);
WRAPPED(int, ioctl, int fd, unsigned long nr, ...);
WRAPPED(ssize_t, pread64, int fd, void *buf, size_t len, off_t off);
WRAPPED(ssize_t, pwrite64, int fd, const void *buf, size_t len, off_t off);
WRAPPED(ssize_t, preadv64, int fd, const struct iovec *iov, int niov, off_t off);
WRAPPED(ssize_t, pwritev64, int fd, const struct iovec *iov, int niov, off_t off);
WRAPPED(ssize_t, read, int fd, void *buf, size_t len);
WRAPPED(ssize_t, write, int fd, const void *buf, size_t len);
WRAPPED(int, fallocate64, int fd, int mode, off_t off, off_t len);
WRAPPED(int, ftruncate64, int fd, off_t len);
WRAPPED(int, fstat64, int fd, struct stat *st);
WRAPPED(int, flock, int fd, int op);
WRAPPED(int, fdatasync, int fd);
WRAPPED(DIR *, opendir, const char *path);
WRAPPED(ssize_t, readlink, const char *path, char *buf, size_t len);
WRAPPED(int, access, const char *path, int mode);

#endif /* BELFRY_TESTS_INJECT_WRAP_H */

/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing files whole. A call that the kernel cut short is carried on with; one that a
 * signal interrupted is repeated; on a descriptor that does not block, the thread waits.
 */
#ifndef BELFRY_SUPPORT_IO_H
#define BELFRY_SUPPORT_IO_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * writeallfd() - write all of a buffer to a file descriptor
 * @fd: open for writing; its offset moves on
 * @buf: data
 * @n: bytes, 0 to SSIZE_MAX
 *
 * Context: any thread; blocks.
 * Return: @n, or -1: EINVAL @n is too large, EIO the kernel took nothing, else as write(2). On
 *	error some of the data may have been written.
 */
ssize_t writeallfd(int fd, const void *buf, size_t n);

/**
 * writeall() - write all of a buffer to a file that exists
 * @path: name of the file; it is neither created nor cut to length first
 * @buf: data
 * @n: bytes, 0 to SSIZE_MAX
 *
 * Context: any thread; blocks.
 * Return: @n, or -1: as open(2), writeallfd() and close(2). On error some of the data may have
 *	been written.
 */
ssize_t writeall(const char *path, const void *buf, size_t n);

/**
 * readmaxfd() - read from a file descriptor until its end or until the buffer is full
 * @fd: open for reading; its offset moves on
 * @buf: out: the data, with no terminator
 * @n: bytes in @buf, 0 to SSIZE_MAX
 *
 * Context: any thread; blocks.
 * Return: bytes read, less than @n only at the end of the file, or -1: EINVAL @n is too large, else
 *	as read(2). On error @buf may have been written to.
 */
ssize_t readmaxfd(int fd, void *buf, size_t n);

/**
 * readmax() - read a file until its end or until the buffer is full
 * @path: name of the file
 * @buf: out: the data, with no terminator
 * @n: bytes in @buf, 0 to SSIZE_MAX
 *
 * Context: any thread; blocks.
 * Return: bytes read, or -1: as open(2) and readmaxfd(). On error @buf may have been written to.
 */
ssize_t readmax(const char *path, void *buf, size_t n);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_IO_H */

/* SPDX-License-Identifier: MIT */
/*
 * Whole pages that another process can be given: each allocation is a memfd of its own, so that who
 * gets its descriptor reaches that memory and no other. A table says which memory is in which file.
 *
 * A descriptor is held for each, so they are not made without limit: at most half of those that the
 * process may have are spent on it. Memory beyond that is private and anonymous, and as good as the
 * other but for not having a file. The size of a file is sealed: neither side can take pages away
 * from under the other.
 */
#ifndef BELFRY_SRC_SUPPORT_PAGES_H
#define BELFRY_SRC_SUPPORT_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * pages_alloc() - zeroed pages
 * @at: where they have to be, aligned to the host page; NULL for anywhere
 * @len: bytes, a multiple of the host page, not 0
 * @shared: in a file, if that can be had
 *
 * Own: the caller's, until pages_free().
 * Context: any thread; takes a lock when @shared; system calls.
 * Return: the memory, or NULL: EEXIST something is at @at, or memory cannot be there; ENOMEM.
 */
void *pages_alloc(void *at, size_t len, bool shared);

/**
 * pages_free() - give pages back
 * @mem: from pages_alloc()
 * @len: bytes, as they were asked for
 *
 * Part of an allocation can be given back; the rest has no file any more.
 *
 * Context: any thread; takes a lock; system calls.
 * Return: 0 and errno is left alone, or -1: as munmap(2).
 */
int pages_free(void *mem, size_t len);

/**
 * pages_fd() - the file that memory is in
 * @mem: first byte
 * @len: bytes
 * @writable: what is mapped with the descriptor may be written to
 * @offset: out: of @mem in the file
 *
 * Own: the descriptor is the caller's, who closes it.
 * Context: any thread; takes a lock; system calls.
 * Return: the descriptor, or -1: ENOENT the memory is not all in one file, or what open(2) or dup(2)
 * give.
 */
int pages_fd(const void *mem, size_t len, bool writable, uint64_t *offset);

#endif /* BELFRY_SRC_SUPPORT_PAGES_H */

/* SPDX-License-Identifier: MIT */
/*
 * Memory that its owner may take away. A file that another process has shared can be truncated, or
 * its file system can run out of space, and the next access ends the process with SIGBUS. A guarded
 * range does not: its pages are replaced by private ones of zeros, once and for all, and that is
 * told. The handler is process-wide, is set with the first range and stays; SIGBUS elsewhere goes
 * to the one that was there before.
 */
#ifndef BELFRY_SRC_SERVE_GUARD_H
#define BELFRY_SRC_SERVE_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct guard;

/**
 * guard_add() - guard a mapping
 * @mem: its begin, aligned to its pages
 * @len: bytes
 * @wake_fd: eventfd that is signalled when the mapping was lost; must stay open
 *
 * Own: guard_remove(), before the mapping is undone.
 * Context: any thread; allocates.
 * Return: the guard, or NULL: ENOMEM.
 */
struct guard *guard_add(void *mem, size_t len, int wake_fd);

/**
 * guard_remove() - stop guarding
 * @guard: guard, or NULL
 *
 * Context: any thread; no thread may still use the mapping.
 */
void guard_remove(struct guard *guard);

/**
 * guard_lost() - was the memory taken away
 * @guard: guard
 *
 * Context: any thread.
 * Return: not 0 if so.
 */
uint32_t guard_lost(const struct guard *guard);

#endif /* BELFRY_SRC_SERVE_GUARD_H */

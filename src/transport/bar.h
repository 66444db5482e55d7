/* SPDX-License-Identifier: MIT */
/*
 * Parts of BARs that are mapped: a list for each device, from which what is not unmapped in time is
 * unmapped when the device is closed.
 */
#ifndef BELFRY_TRANSPORT_BAR_H
#define BELFRY_TRANSPORT_BAR_H

#include <pthread.h>
#include <stddef.h>

struct bar_mapping;

/**
 * bar_mapping_add() - note a mapping
 * @list: of the device
 * @lock: that guards @list
 * @mem: start of its first page
 * @len: bytes, whole pages
 *
 * Own: bar_mapping_remove() or bar_mapping_clear() unmaps it.
 * Context: any thread.
 * Return: 0, or -1: ENOMEM. On error it is unmapped.
 */
int bar_mapping_add(struct bar_mapping **list, pthread_mutex_t *lock, void *mem, size_t len);

/**
 * bar_mapping_remove() - unmap
 * @list: of the device
 * @lock: that guards @list
 * @ptr: in the mapping's first page; what is in no mapping's does nothing
 *
 * Context: any thread.
 */
void bar_mapping_remove(struct bar_mapping **list, pthread_mutex_t *lock, const void *ptr);

/**
 * bar_mapping_clear() - unmap all
 * @list: of the device, which nobody else uses any more
 *
 * Context: any thread.
 */
void bar_mapping_clear(struct bar_mapping **list);

#endif /* BELFRY_TRANSPORT_BAR_H */

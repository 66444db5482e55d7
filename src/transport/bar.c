/* SPDX-License-Identifier: MIT */
/*
 * Mapped parts of BARs. See transport/bar.h.
 */
#include "transport/bar.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <belfry/support/align.h>
#include <belfry/support/mem.h>

#include "support/errno.h"

struct bar_mapping {
	void *mem;
	size_t len;
	struct bar_mapping *next;
};

int bar_mapping_add(struct bar_mapping **list, pthread_mutex_t *lock, void *mem, size_t len)
{
	struct bar_mapping *m = malloc(sizeof(*m));

	if (!m) {
		keep_errno();

		munmap(mem, len);
		return -1;
	}
	m->mem = mem;
	m->len = len;
	pthread_mutex_lock(lock);
	m->next = *list;
	*list = m;
	pthread_mutex_unlock(lock);
	return 0;
}

static void free_mapping(struct bar_mapping *m)
{
	keep_errno();

	munmap(m->mem, m->len);
	free(m);
}

void bar_mapping_remove(struct bar_mapping **list, pthread_mutex_t *lock, const void *ptr)
{
	const char *mem = (const char *)ALIGN_DOWN((uintptr_t)ptr, (uintptr_t)__VFN_PAGESIZE);
	struct bar_mapping *m;
	keep_errno();

	pthread_mutex_lock(lock);
	while (*list && (*list)->mem != mem)
		list = &(*list)->next;
	m = *list;
	if (m)
		*list = m->next;
	pthread_mutex_unlock(lock);
	if (m)
		free_mapping(m);
}

void bar_mapping_clear(struct bar_mapping **list)
{
	while (*list) {
		struct bar_mapping *m = *list;

		*list = m->next;
		free_mapping(m);
	}
}

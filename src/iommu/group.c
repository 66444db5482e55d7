/* SPDX-License-Identifier: MIT */
/*
 * The list of groups. Its lock is held while a backend takes a group in, so that two threads that
 * open functions of one group end up in one address space.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iommu/group.h"
#include "support/errno.h"

static pthread_mutex_t groups_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t groups_ended = PTHREAD_COND_INITIALIZER;
static struct iommu_group *groups; /* guarded by groups_lock */

void iommu_groups_lock(void)
{
	pthread_mutex_lock(&groups_lock);
}

void iommu_groups_unlock(void)
{
	pthread_mutex_unlock(&groups_lock);
}

static struct iommu_group *find(const char *path)
{
	struct iommu_group *group = groups;

	while (group && strcmp(group->path, path))
		group = group->next;
	return group;
}

struct iommu_group *iommu_group_find_locked(const char *path, struct iommu_ctx **ctx)
{
	struct iommu_group *group;
	keep_errno();

	*ctx = NULL;
	while ((group = find(path))) {
		*ctx = iommu_ctx_get(group->ctx);
		if (*ctx)
			break;
		pthread_cond_wait(&groups_ended, &groups_lock);
	}
	return group;
}

struct iommu_group *iommu_group_add_locked(const char *path, int fd, struct iommu_ctx *ctx)
{
	struct iommu_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->path = strdup(path);
	if (!group->path) {
		free(group);
		return set_errno_null(ENOMEM);
	}
	group->fd = fd;
	group->users = 1;
	group->ctx = ctx;
	group->next = groups;
	groups = group;
	return group;
}

void iommu_group_drop_locked(struct iommu_group *group)
{
	struct iommu_group **link = &groups;
	keep_errno();

	while (*link != group)
		link = &(*link)->next;
	*link = group->next;
	if (group->fd >= 0)
		close(group->fd);
	free(group->path);
	free(group);
}

bool iommu_group_alone_locked(const struct iommu_group *group)
{
	for (const struct iommu_group *g = groups; g; g = g->next) {
		if (g != group && g->ctx == group->ctx)
			return false;
	}
	return true;
}

struct iommu_ctx *iommu_group_ctx(const char *path)
{
	struct iommu_ctx *ctx = NULL;

	if (!path)
		return NULL;
	iommu_groups_lock();
	iommu_group_find_locked(path, &ctx);
	iommu_groups_unlock();
	return ctx;
}

void iommu_group_leave(const char *path)
{
	struct iommu_group *group;

	iommu_groups_lock();
	group = find(path);
	if (group && group->users)
		group->users--;
	iommu_groups_unlock();
}

void iommu_groups_end(struct iommu_ctx *ctx, void (*close)(struct iommu_ctx *ctx))
{
	struct iommu_group *next;
	keep_errno();

	iommu_groups_lock();
	for (struct iommu_group *group = groups; group; group = next) {
		next = group->next;
		if (group->ctx == ctx)
			iommu_group_drop_locked(group);
	}
	if (close)
		close(ctx);
	pthread_cond_broadcast(&groups_ended);
	iommu_groups_unlock();
}

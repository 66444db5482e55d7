/* SPDX-License-Identifier: MIT */
/*
 * The process's list of controllers, for programs whose parts find each other by
 * device name.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>

#include "support/errno.h"

struct entry {
	struct nvme_ctrl *ctrl;
	struct entry *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries; /* guarded by lock */

/* The link to the entry of a name; to NULL when there is none. Lock held. */
static struct entry **find(const char *bdf)
{
	struct entry **link;

	for (link = &entries; *link; link = &(*link)->next) {
		if ((*link)->ctrl->pci.bdf && !strcmp((*link)->ctrl->pci.bdf, bdf))
			break;
	}
	return link;
}

struct nvme_ctrl *nvme_get_ctrl(const char *bdf)
{
	struct nvme_ctrl *ctrl;
	struct entry *e;

	pthread_mutex_lock(&lock);
	e = *find(bdf);
	ctrl = e ? e->ctrl : NULL;
	pthread_mutex_unlock(&lock);
	return ctrl;
}

int nvme_add_ctrl(struct nvme_ctrl *ctrl)
{
	struct entry *e;

	if (!ctrl->pci.bdf)
		return set_errno(EINVAL);
	e = malloc(sizeof(*e));
	if (!e)
		return -1;

	pthread_mutex_lock(&lock);
	if (*find(ctrl->pci.bdf)) {
		pthread_mutex_unlock(&lock);
		free(e);
		return set_errno(EEXIST);
	}
	e->ctrl = ctrl;
	e->next = entries;
	entries = e;
	pthread_mutex_unlock(&lock);
	return 0;
}

int nvme_del_ctrl(struct nvme_ctrl *ctrl)
{
	struct entry **link, *e;

	pthread_mutex_lock(&lock);
	for (link = &entries; *link && (*link)->ctrl != ctrl; link = &(*link)->next)
		;
	e = *link;
	if (e)
		*link = e->next;
	pthread_mutex_unlock(&lock);

	free(e);
	return e ? 0 : set_errno(ENODEV);
}

/* SPDX-License-Identifier: MIT */
/*
 * Names to transports. This is the one place where the form of a device's name
 * is looked at, and the only one that lists the ways there are.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/iommu.h>
#include <belfry/support/log.h>
#include <belfry/vfio/device.h>

#include "iommu/ctx.h"
#include "support/errno.h"
#include "support/trace.h"
#include "transport/emu.h"
#include "transport/transport.h"
#include "transport/vfio.h"
#include "transport/vfio_user.h"

static const struct transport_ops *const transports[] = {
	&transport_emu_ops,
	&transport_vfio_ops,
	&transport_vfio_user_ops,
};

#define NR_TRANSPORTS (sizeof(transports) / sizeof(transports[0]))

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct transport *open_list; /* guarded by open_lock */

static const struct transport_ops *find_ops(const char *name)
{
	char known[160] = "";
	size_t used = 0;

	trace_init(); /* here all begins */
	for (size_t i = 0; i < NR_TRANSPORTS; i++) {
		if (name && transports[i]->match(name))
			return transports[i];
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 transports[i]->form);
	}

	log_error("device name '%s' is of no known form; known: %s\n", name ? name : "(null)",
		  known);
	errno = EINVAL;
	return NULL;
}

struct iommu_ctx *iommu_get_context(const char *name)
{
	const struct transport_ops *ops = find_ops(name);

	return ops ? ops->get_ctx(name) : NULL;
}

int transport_open(const char *name, struct vfio_pci_device *pci, struct iommu_ctx *ctx)
{
	const struct transport_ops *ops;
	struct transport *tp;
	char *bdf;

	memset(pci, 0, sizeof(*pci));
	pci->dev.fd = -1;

	ops = find_ops(name);
	if (!ops)
		goto clear;

	bdf = strdup(name);
	if (!bdf)
		goto clear;

	tp = ops->open(name, ctx, pci);
	if (!tp)
		goto free_bdf;

	pci->bdf = bdf;
	pci->dev.transport = tp;
	pci->dev.ctx = tp->ctx;

	pthread_mutex_lock(&open_lock);
	tp->pci = pci;
	tp->next = open_list;
	open_list = tp;
	pthread_mutex_unlock(&open_lock);
	return 0;

free_bdf:
	free(bdf);
clear:
	memset(pci, 0, sizeof(*pci));
	return -1;
}

void transport_close(struct vfio_pci_device *pci)
{
	struct transport *tp = pci->dev.transport;
	int saved = errno;

	if (tp) {
		pthread_mutex_lock(&open_lock);
		for (struct transport **link = &open_list; *link; link = &(*link)->next) {
			if (*link == tp) {
				*link = tp->next;
				break;
			}
		}
		pthread_mutex_unlock(&open_lock);
		tp->ops->close(tp);
	}

	free(pci->bdf);
	memset(pci, 0, sizeof(*pci));
	errno = saved;
}

bool transport_valid(const struct transport *tp, const struct vfio_pci_device *pci)
{
	const struct transport *t;
	bool valid;

	pthread_mutex_lock(&open_lock);
	for (t = open_list; t && t != tp; t = t->next)
		;
	valid = t && t->pci == pci;
	pthread_mutex_unlock(&open_lock);
	return valid;
}

/* The open transport of @dev, or NULL with ENODEV. */
static struct transport *open_transport(const struct vfio_device *dev)
{
	if (!dev->transport)
		errno = ENODEV;
	return dev->transport;
}

/* The open transport of @dev, which has these vectors, or NULL with ENODEV or EINVAL. */
static struct transport *with_vectors(const struct vfio_device *dev, int start, int count)
{
	struct transport *tp = open_transport(dev);

	if (!tp)
		return NULL;
	if (start < 0 || count < 1 || (uint32_t)start >= dev->irq_info.count ||
	    (uint32_t)count > dev->irq_info.count - (uint32_t)start) {
		log_error("%d interrupt vectors from %d: the device has %u\n", count, start,
			  dev->irq_info.count);
		return set_errno_null(EINVAL);
	}
	return tp;
}

static int set_irqs(struct vfio_device *dev, int start, int count, const int *fds)
{
	struct transport *tp = with_vectors(dev, start, count);

	return tp ? tp->ops->set_irqs(tp, start, count, fds) : -1;
}

int vfio_set_irq(struct vfio_device *dev, int *eventfds, int start, int count)
{
	if (!eventfds)
		return set_errno(EINVAL);
	return set_irqs(dev, start, count, eventfds);
}

int vfio_disable_irq(struct vfio_device *dev, int start, int count)
{
	return set_irqs(dev, start, count, NULL);
}

int vfio_disable_irq_all(struct vfio_device *dev)
{
	if (!dev->irq_info.count)
		return open_transport(dev) ? 0 : -1;
	return set_irqs(dev, 0, (int)dev->irq_info.count, NULL);
}

int vfio_rearm_irq(struct vfio_device *dev, int start, int count)
{
	struct transport *tp = with_vectors(dev, start, count);

	if (!tp)
		return -1;
	return tp->ops->rearm_irqs ? tp->ops->rearm_irqs(tp, start, count) : 0;
}

int vfio_grant_irq(struct vfio_device *dev, int count)
{
	struct transport *tp = open_transport(dev);
	uint32_t most;

	if (!tp)
		return -1;
	if (count < 1)
		return set_errno(EINVAL);
	most = dev->irq_info.count;
	if ((uint32_t)count > most)
		count = (int)most;
	return tp->ops->grant_irqs && count ? tp->ops->grant_irqs(tp, count) : count;
}

int vfio_reset(struct vfio_device *dev)
{
	struct transport *tp = open_transport(dev);

	if (!tp)
		return -1;
	if (!tp->ops->reset)
		return set_errno(ENOTSUP);
	return tp->ops->reset(tp);
}

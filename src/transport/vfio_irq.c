/* SPDX-License-Identifier: MIT */
/*
 * Interrupts. The kernel enables vectors by their first SET_IRQS and disables them by one with no
 * vectors at all; an eventfd of -1 only unties. Where it cannot grow what is enabled, all are
 * disabled and enabled again, and every eventfd is signalled once, so that an interrupt of the
 * moment in between is not lost: one too many is harmless, as what waits looks at the queue.
 *
 * INTx is a line that stays raised until the device is content. The kernel masks it when it has
 * signalled, and whoever has served the device unmasks it.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <belfry/support/endian.h>
#include <belfry/support/log.h>

#include "support/errno.h"
#include "transport/vfio.h"

/* Disable everything of one kind. */
static int disable(struct vfio_transport *vt, uint32_t index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	return ioctl(vt->fd, VFIO_DEVICE_SET_IRQS, &set) ? -1 : 0;
}

/* Tie vectors; how many there are to be had when they are fewer, 0 when all are tied, -1. */
static int tie(struct vfio_transport *vt, uint32_t index, uint32_t start, uint32_t count,
	       const int *fds)
{
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(*fds);
	struct vfio_irq_set *set = calloc(1, size);
	int ret;

	if (!set)
		return -1;
	set->argsz = (uint32_t)size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = index;
	set->start = start;
	set->count = count;
	memcpy(set->data, fds, count * sizeof(*fds));
	ret = ioctl(vt->fd, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

/*
 * How many of @wanted vectors there are, when none is enabled; none is afterwards. A kernel that
 * cannot give all may say how many it has, or only that they are not enough. All are tied to one
 * eventfd: vectors that nobody listens to cost the machine nothing, and are always to be had.
 */
static int count_vectors(struct vfio_transport *vt, uint32_t index, int wanted)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), *fds = NULL;
	int good = 0, bad = wanted + 1;

	if (fd >= 0)
		fds = malloc((size_t)wanted * sizeof(*fds));
	for (int i = 0; fds && i < wanted; i++)
		fds[i] = fd;
	for (int n = wanted; fds && good + 1 < bad; n = good + (bad - good) / 2) {
		int got = tie(vt, index, 0, (uint32_t)n, fds);

		if (!got) {
			(void)disable(vt, index);
			good = n;
		} else if (got > good && got < n) {
			bad = got + 1;
		} else {
			bad = n;
		}
	}
	{
		keep_errno();

		if (fd >= 0)
			close(fd);
	}
	if (!fds)
		return -1;
	free(fds);
	return good;
}

static int explain_few(struct vfio_transport *vt, uint32_t wanted, int got)
{
	if (got < 0 && errno == ENOSPC && !vt->irqs.enabled)
		got = count_vectors(vt, vt->irqs.info.index, (int)wanted);
	if (got < 0) {
		log_error("%s: interrupt vectors cannot be set: %m\n", vt->name);
		return -1;
	}
	log_error("%s: %u interrupt vectors wanted, the kernel can give %d\n", vt->name, wanted,
		  got);
	return set_errno(ENOSPC);
}

static uint32_t highest(const int *fds, uint32_t count)
{
	while (count && fds[count - 1] < 0)
		count--;
	return count;
}

static void signal_all(const int *fds, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			(void)eventfd_write(fds[i], 1);
	}
}

/* Enable vectors anew, [0, @count) as in @fds. On error as they were before. */
static int restart(struct vfio_transport *vt, const int *fds, uint32_t count)
{
	struct vfio_irqs *irqs = &vt->irqs;
	uint32_t before = irqs->enabled;
	int got;

	if (before && disable(vt, irqs->info.index))
		return -1;
	irqs->enabled = 0;
	got = tie(vt, irqs->info.index, 0, count, fds);
	if (!got) {
		irqs->enabled = count;
		if (before)
			signal_all(fds, count);
		return 0;
	}

	explain_few(vt, count, got);
	{
		keep_errno();

		if (before && !tie(vt, irqs->info.index, 0, before, irqs->fds)) {
			irqs->enabled = before;
			signal_all(irqs->fds, before);
		}
	}
	return -1;
}

/* Could the kernel give vectors [0, @end)? It is known only when it does. */
static int try_out(struct vfio_transport *vt, uint32_t end)
{
	int got = count_vectors(vt, vt->irqs.info.index, (int)end);

	return got == (int)end ? 0 : explain_few(vt, end, got);
}

static int change(struct vfio_transport *vt, const int *fds, uint32_t start, uint32_t count)
{
	struct vfio_irqs *irqs = &vt->irqs;
	uint32_t end = highest(fds, irqs->info.count);
	int got;

	if (!end && !irqs->enabled)
		return try_out(vt, start + count);
	if (!end) {
		if (disable(vt, irqs->info.index))
			return -1;
		irqs->enabled = 0;
		return 0;
	}
	if (end > irqs->enabled)
		return restart(vt, fds, end);

	/* Beyond what is enabled nothing is tied, and nothing is to be. */
	if (start >= irqs->enabled)
		return 0;
	if (count > irqs->enabled - start)
		count = irqs->enabled - start;
	got = tie(vt, irqs->info.index, start, count, fds + start);
	return got ? explain_few(vt, count, got) : 0;
}

int vfio_irqs_set(struct vfio_transport *vt, int start, int count, const int *fds)
{
	struct vfio_irqs *irqs = &vt->irqs;
	size_t size = irqs->info.count * sizeof(int);
	int ret, *wanted = malloc(size);

	if (!wanted)
		return -1;

	pthread_mutex_lock(&vt->lock);
	memcpy(wanted, irqs->fds, size);
	for (int i = 0; i < count; i++)
		wanted[start + i] = fds ? fds[i] : -1;
	ret = change(vt, wanted, (uint32_t)start, (uint32_t)count);
	if (!ret)
		memcpy(irqs->fds, wanted, size);
	pthread_mutex_unlock(&vt->lock);
	free(wanted);
	return ret;
}

int vfio_irqs_rearm(struct vfio_transport *vt)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};
	int ret = 0;

	if (vt->irqs.info.index != VFIO_PCI_INTX_IRQ_INDEX)
		return 0;
	pthread_mutex_lock(&vt->lock);
	if (vt->irqs.enabled)
		ret = ioctl(vt->fd, VFIO_DEVICE_SET_IRQS, &set) ? -1 : 0;
	pthread_mutex_unlock(&vt->lock);
	return ret;
}

int vfio_irqs_grant(struct vfio_transport *vt, int count)
{
	int got;

	pthread_mutex_lock(&vt->lock);
	if (vt->irqs.enabled)
		got = set_errno(EBUSY);
	else
		got = count_vectors(vt, vt->irqs.info.index, count);
	pthread_mutex_unlock(&vt->lock);
	return got;
}

/* ---- set-up ---- */

/* Of what the function does not have there are 0. */
static int get_info(struct vfio_transport *vt, uint32_t index, struct vfio_irq_info *info)
{
	*info = (struct vfio_irq_info){.argsz = sizeof(*info), .index = index};
	if (!ioctl(vt->fd, VFIO_DEVICE_GET_IRQ_INFO, info))
		return 0;
	info->count = 0;
	return errno == EINVAL ? 0 : -1;
}

/* The kernel tells what the function has; the machine may still have no messages to give. */
static bool works(struct vfio_transport *vt, uint32_t index)
{
	const int none = -1;
	int got;

	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		return true;
	got = tie(vt, index, 0, 1, &none);
	/* Where it cannot be disabled it is enabled, and has to be disabled before more are. */
	if (!got && disable(vt, index))
		vt->irqs.enabled = 1;
	return !got;
}

/* 1 when there is a kind to use, 0 when there is none, -1. */
static int pick(struct vfio_transport *vt)
{
	static const uint32_t kinds[] = {VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
					 VFIO_PCI_INTX_IRQ_INDEX};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct vfio_irq_info *info = &vt->irqs.info;

		if (get_info(vt, kinds[i], info))
			return -1;
		if (info->count && info->flags & VFIO_IRQ_INFO_EVENTFD && works(vt, kinds[i]))
			return 1;
	}
	vt->irqs.info = (struct vfio_irq_info){.argsz = sizeof(vt->irqs.info)};
	return 0;
}

/* Have the kernel signal an event of the device; *@fd is -1 where it knows of no such events. */
static int listen_to(struct vfio_transport *vt, uint32_t index, int *fd)
{
	struct vfio_irq_info info;

	if (get_info(vt, index, &info))
		return -1;
	if (!info.count)
		return 0;
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 || tie(vt, index, 0, 1, fd) ? -1 : 0;
}

int vfio_irqs_init(struct vfio_transport *vt)
{
	int picked;

	if (listen_to(vt, VFIO_PCI_ERR_IRQ_INDEX, &vt->err_fd) ||
	    listen_to(vt, VFIO_PCI_REQ_IRQ_INDEX, &vt->req_fd))
		return -1;

	picked = pick(vt);
	if (picked < 0)
		return -1;
	if (!picked) {
		log_info("%s: no interrupts: queues have to be polled\n", vt->name);
		return 0;
	}
	vt->irqs.fds = malloc(vt->irqs.info.count * sizeof(int));
	if (!vt->irqs.fds)
		return -1;
	for (uint32_t i = 0; i < vt->irqs.info.count; i++)
		vt->irqs.fds[i] = -1;
	return 0;
}

void vfio_irqs_close(struct vfio_transport *vt)
{
	keep_errno();

	if (vt->irqs.enabled)
		(void)disable(vt, vt->irqs.info.index);
	free(vt->irqs.fds);
	if (vt->err_fd >= 0)
		close(vt->err_fd);
	if (vt->req_fd >= 0)
		close(vt->req_fd);
}

/* ---- errors and requests ---- */

/*
 * The error is told when it is detected. What the kernel does about it comes later, and may be a
 * reset of the link: then the function is there, and has forgotten what it was told when it was
 * opened. So from the first error on that is looked at each time.
 */
static bool is_configured(struct vfio_transport *vt)
{
	const uint16_t wanted = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	leint16_t wire;
	uint16_t command;

	if (vfio_config_read(vt, &wire, sizeof(wire), PCI_COMMAND))
		return false;
	command = le16_to_cpu(wire);
	return command != UINT16_MAX && (command & wanted) == wanted;
}

bool vfio_broken(struct vfio_transport *vt)
{
	keep_errno();

	if (__atomic_load_n(&vt->is_broken, __ATOMIC_RELAXED))
		return true;
	if (!__atomic_load_n(&vt->is_suspect, __ATOMIC_RELAXED) || is_configured(vt))
		return false;
	if (!__atomic_exchange_n(&vt->is_broken, true, __ATOMIC_RELAXED))
		log_error(
			"%s: it has not survived an error of the bus, and is given up: close it\n",
			vt->name);
	return true;
}

bool vfio_gone(struct vfio_transport *vt)
{
	struct pollfd fds[] = {
		{.fd = vt->err_fd, .events = POLLIN},
		{.fd = vt->req_fd, .events = POLLIN},
	};
	eventfd_t count;
	keep_errno();

	if (vfio_broken(vt))
		return true;
	if (poll(fds, 2, 0) <= 0)
		return false;
	if (fds[0].revents && !eventfd_read(vt->err_fd, &count)) {
		log_error("%s: the bus reports an error of the device\n", vt->name);
		__atomic_store_n(&vt->is_suspect, true, __ATOMIC_RELAXED);
	}
	if (fds[1].revents)
		log_info("%s: the kernel asks for the device back: close it\n", vt->name);
	return fds[1].revents || vfio_broken(vt);
}

/* SPDX-License-Identifier: MIT */
/*
 * Interrupts by eventfd. A vector that is tied is also unmasked, in both ways that servers have:
 * by a command, and in the vector table of MSI-X, whose capability has to be enabled as well. What is
 * in the table besides the mask is of no meaning to anybody here.
 *
 * A server with neither MSI-X nor MSI may have the pin (INTx), a line that stays raised until the
 * device is content. The server masks it when it has signalled, and whoever has served the device
 * unmasks it.
 *
 * Spec: vfio-user Protocol Specification, "VFIO_USER_DEVICE_SET_IRQS"; PCI Local Bus 3.0, "MSI-X
 * Table Structure".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/endian.h>
#include <belfry/support/log.h>

#include "support/errno.h"
#include "transport/vfio_user.h"
#include "vfio_user/wire.h"

/* Where an interrupt controller would be. A server may look whether there is an address at all. */
#define MSI_ADDRESS 0xfee00000u

static int set_irqs(struct vu_device *dev, uint32_t flags, uint32_t start, uint32_t count,
		    const int *fds)
{
	struct vfio_user_irq_set body = {
		.argsz = sizeof(body),
		.flags = flags,
		.index = dev->irq.index,
		.start = start,
		.count = count,
	};
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DEVICE_SET_IRQS,
			.body = &body,
			.body_len = sizeof(body),
			.fds = fds,
			.nr_fds = fds ? count : 0},
	};

	return vu_call(&dev->conn, &call);
}

static int tie(struct vu_device *dev, uint32_t start, uint32_t count, const int *fds)
{
	return set_irqs(dev, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, start, count,
			fds);
}

/* ---- masks ---- */

static int write_vector(struct vu_device *dev, uint32_t vector, bool masked)
{
	const struct {
		leint32_t addr_lo, addr_hi, data, control;
	} entry = {
		.addr_lo = cpu_to_le32(MSI_ADDRESS),
		.addr_hi = cpu_to_le32(0),
		.data = cpu_to_le32(vector),
		.control = cpu_to_le32(masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0),
	};
	uint64_t at = dev->msix.table + (uint64_t)vector * PCI_MSIX_ENTRY_SIZE;

	_Static_assert(sizeof(entry) == PCI_MSIX_ENTRY_SIZE, "vector");
	/* By dwords, as a driver would. */
	for (uint32_t i = 0; i < sizeof(entry); i += 4) {
		if (vu_region_write(&dev->conn, dev->msix.bar, at + i, (const char *)&entry + i, 4))
			return -1;
	}
	return 0;
}

static bool in_table(const struct vu_device *dev, uint32_t vector)
{
	const struct vu_msix *msix = &dev->msix;
	uint64_t end = msix->table + ((uint64_t)vector + 1) * PCI_MSIX_ENTRY_SIZE;

	return dev->irq.index == VFIO_PCI_MSIX_IRQ_INDEX && msix->cap && vector < msix->nr &&
	       msix->bar < PCI_STD_NUM_BARS && end <= dev->bars[msix->bar].size;
}

/* A server that knows one of the two ways may refuse the other. */
static int unmask(struct vu_device *dev, uint32_t vector)
{
	if (dev->irq.flags & VFIO_IRQ_INFO_MASKABLE &&
	    set_irqs(dev, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, vector, 1, NULL))
		log_debug("%s: vector %u is not unmasked by command: %m\n", dev->name, vector);
	if (in_table(dev, vector) && write_vector(dev, vector, false))
		log_debug("%s: vector %u is not unmasked in its table: %m\n", dev->name, vector);
	return vu_conn_ended(&dev->conn) ? set_errno(ENODEV) : 0;
}

static int enable_msix(struct vu_device *dev, bool on)
{
	if (dev->irq.index != VFIO_PCI_MSIX_IRQ_INDEX || !dev->msix.cap)
		return 0;
	return vu_config_change16(dev, dev->msix.cap + PCI_MSIX_FLAGS,
				  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
				  on ? PCI_MSIX_FLAGS_ENABLE : 0);
}

/* ---- ties ---- */

static bool is_pin(const struct vu_device *dev)
{
	return dev->irq.index == VFIO_PCI_INTX_IRQ_INDEX;
}

static int enable(struct vu_device *dev)
{
	if (is_pin(dev))
		return vu_config_change16(dev, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 0);
	return enable_msix(dev, true);
}

static void note_tied(struct vu_device *dev, uint32_t start, uint32_t count, bool tied)
{
	for (uint32_t i = start; i < start + count; i++) {
		dev->nr_tied += (uint32_t)tied - (uint32_t)dev->tied[i];
		dev->tied[i] = tied;
	}
}

static int set_run(struct vu_device *dev, uint32_t start, uint32_t count, const int *fds)
{
	if (fds && !dev->nr_tied && enable(dev))
		return -1;
	if (tie(dev, start, count, fds))
		return -1;
	note_tied(dev, start, count, fds);
	if (is_pin(dev)) /* it is not masked when it is tied, and may have signalled since */
		return 0;
	for (uint32_t i = start; fds && i < start + count; i++) {
		if (unmask(dev, i))
			return -1;
	}
	return 0;
}

/* How many from @start are alike: all with an eventfd, as many as fit into a message, or all without. */
static uint32_t run_length(const struct vu_device *dev, const int *fds, uint32_t left)
{
	uint32_t n = 1, max = left;

	if (fds && fds[0] >= 0 && dev->conn.caps.max_msg_fds < max)
		max = (uint32_t)dev->conn.caps.max_msg_fds;
	while (fds && n < max && (fds[n] >= 0) == (fds[0] >= 0))
		n++;
	return fds ? n : left;
}

static int set_locked(struct vu_device *dev, uint32_t start, uint32_t count, const int *fds)
{
	while (count) {
		uint32_t n = run_length(dev, fds, count);

		if (set_run(dev, start, n, fds && fds[0] >= 0 ? fds : NULL))
			return -1;
		start += n;
		count -= n;
		fds = fds ? fds + n : NULL;
	}
	return dev->nr_tied ? 0 : enable_msix(dev, false);
}

int vu_irqs_set(struct vu_device *dev, int start, int count, const int *fds)
{
	int ret;

	if (fds && !dev->conn.caps.max_msg_fds) {
		log_error("%s: the server takes no file descriptors: queues have to be polled\n",
			  dev->name);
		return set_errno(ENOTSUP);
	}
	pthread_mutex_lock(&dev->lock);
	ret = set_locked(dev, (uint32_t)start, (uint32_t)count, fds);
	pthread_mutex_unlock(&dev->lock);
	return ret;
}

int vu_irqs_restore(struct vu_device *dev)
{
	int ret = 0;

	pthread_mutex_lock(&dev->lock);
	if (dev->nr_tied)
		ret = enable(dev);
	for (uint32_t i = 0; dev->nr_tied && i < dev->irq.count && !ret; i++)
		ret = dev->tied[i] ? unmask(dev, i) : 0;
	pthread_mutex_unlock(&dev->lock);
	return ret;
}

int vu_irqs_rearm(struct vu_device *dev)
{
	int ret = 0;

	if (!is_pin(dev))
		return 0;
	pthread_mutex_lock(&dev->lock);
	if (dev->nr_tied)
		ret = set_irqs(dev, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, 0, 1,
			       NULL);
	pthread_mutex_unlock(&dev->lock);
	return ret;
}

/* ---- set-up ---- */

static int get_info(struct vu_device *dev, uint32_t index)
{
	struct vfio_user_irq_info info = {.argsz = sizeof(info), .index = index};
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DEVICE_GET_IRQ_INFO,
			.body = &info,
			.body_len = sizeof(info)},
		.reply = &dev->irq,
		.room = sizeof(dev->irq),
	};

	if (vu_call(&dev->conn, &call))
		return -1;
	return dev->irq.index == index ? 0 : vu_call_lied(&dev->conn, &call);
}

int vu_irqs_init(struct vu_device *dev)
{
	static const uint32_t kinds[] = {VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
					 VFIO_PCI_INTX_IRQ_INDEX};
	/* As many as MSI-X can have. */
	const uint32_t max = PCI_MSIX_FLAGS_QSIZE + 1u;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i] >= dev->info.nr_irqs)
			continue;
		if (get_info(dev, kinds[i]))
			return -1;
		if (!dev->irq.count || !(dev->irq.flags & VFIO_IRQ_INFO_EVENTFD))
			continue;
		if (dev->irq.count > max)
			dev->irq.count = max;
		dev->tied = calloc(dev->irq.count, sizeof(*dev->tied));
		return dev->tied ? 0 : -1;
	}
	log_info("%s: neither MSI-X nor MSI nor a pin: queues have to be polled\n", dev->name);
	memset(&dev->irq, 0, sizeof(dev->irq));
	return 0;
}

void vu_irqs_close(struct vu_device *dev)
{
	free(dev->tied);
	dev->tied = NULL;
}

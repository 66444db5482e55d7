/* SPDX-License-Identifier: MIT */
/*
 * Interrupts. irq.h has the rules.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "serve/irq.h"
#include "serve/pci.h"
#include "support/errno.h"

struct irq_vector {
	int fd;
	bool masked;  /* by SET_IRQS */
	bool pending; /* of a device without set_irq */
};

int irq_init(struct irq_set *irqs)
{
	irqs->nr_tied = 0;
	irqs->table_used = irqs->all_masked = false;
	irqs->pin_client = -1;
	irqs->pin_masked = irqs->pin_off = false;
	irqs->bar_len = irqs->nr ? pci_msix_bar_size(irqs->nr) : 0;
	irqs->vectors = calloc(irqs->nr + 1ul, sizeof(*irqs->vectors));
	irqs->bar = calloc(1, irqs->bar_len + 1ul);
	if (irqs->vectors && irqs->bar)
		irqs->pin_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	else
		irqs->pin_fd = set_errno(ENOMEM);
	if (irqs->pin_fd < 0) {
		keep_errno();

		free(irqs->vectors);
		free(irqs->bar);
		return -1;
	}
	pthread_mutex_init(&irqs->lock, NULL);
	for (unsigned int i = 0; i < irqs->nr; i++)
		irqs->vectors[i].fd = -1;
	irq_reset(irqs);
	return 0;
}

void irq_exit(struct irq_set *irqs)
{
	keep_errno();

	free(irqs->vectors);
	free(irqs->bar);
	close(irqs->pin_fd);
	pthread_mutex_destroy(&irqs->lock);
}

unsigned int irq_count(const struct irq_set *irqs, uint32_t kind)
{
	if (kind == VFIO_PCI_MSIX_IRQ_INDEX)
		return irqs->nr;
	return kind == VFIO_PCI_INTX_IRQ_INDEX && irqs->has_pin ? 1 : 0;
}

/* It fails when the counter is at its end, and is readable then anyway. */
static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static void drain(int fd)
{
	uint64_t count;

	if (fd >= 0 && read(fd, &count, sizeof(count)) < 0)
		return; /* nothing was there */
}

/* ---- vectors ---- */

static uint8_t *entry_ctrl(const struct irq_set *irqs, unsigned int i)
{
	return irqs->bar + (size_t)i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL;
}

static bool vector_masked(const struct irq_set *irqs, unsigned int i)
{
	return irqs->vectors[i].masked || irqs->all_masked ||
	       (irqs->table_used && *entry_ctrl(irqs, i) & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* Let what has changed take effect. A device with set_irq is called without the lock. */
static void vector_settle(struct irq_set *irqs, unsigned int i)
{
	struct irq_vector *v = &irqs->vectors[i];
	bool masked = vector_masked(irqs, i);

	if (irqs->ops->set_irq) {
		irqs->ops->set_irq(irqs->dev, i, v->fd, masked);
		return;
	}
	pthread_mutex_lock(&irqs->lock);
	if (v->fd < 0)
		v->pending = false;
	if (v->pending && !masked) {
		v->pending = false;
		signal_fd(v->fd);
	}
	pthread_mutex_unlock(&irqs->lock);
}

static void vectors_settle(struct irq_set *irqs)
{
	for (unsigned int i = 0; i < irqs->nr; i++)
		if (irqs->vectors[i].fd >= 0)
			vector_settle(irqs, i);
}

static bool vector_pending(const struct irq_set *irqs, unsigned int i)
{
	if (irqs->vectors[i].fd < 0)
		return false;
	if (irqs->ops->irq_pending)
		return irqs->ops->irq_pending(irqs->dev, i);
	return irqs->vectors[i].pending;
}

void irq_raise(struct irq_set *irqs, unsigned int i)
{
	pthread_mutex_lock(&irqs->lock);
	if (irqs->nr_tied) {
		if (vector_masked(irqs, i))
			irqs->vectors[i].pending = irqs->vectors[i].fd >= 0;
		else
			signal_fd(irqs->vectors[i].fd);
	} else if (!i) {
		signal_fd(irqs->pin_fd);
	}
	pthread_mutex_unlock(&irqs->lock);
}

/* ---- the pin ---- */

/* A device with set_irq says through vector 0 that the pin may have changed, while nothing else is
 * tied: a client uses one kind at a time. */
static void pin_attach(struct irq_set *irqs)
{
	bool use = irqs->pin_client >= 0 && !irqs->nr_tied;

	if (irqs->has_pin && irqs->ops->set_irq && (!irqs->nr || irqs->vectors[0].fd < 0))
		irqs->ops->set_irq(irqs->dev, 0, use ? irqs->pin_fd : -1, false);
}

bool irq_pin_level(struct irq_set *irqs)
{
	return irqs->has_pin && !irqs->nr_tied && irqs->ops->intx_level(irqs->dev);
}

static void pin_settle(struct irq_set *irqs)
{
	if (irqs->pin_client < 0 || irqs->pin_masked || irqs->pin_off || !irq_pin_level(irqs))
		return;
	irqs->pin_masked = true;
	signal_fd(irqs->pin_client);
}

void irq_pin_run(struct irq_set *irqs)
{
	drain(irqs->pin_fd);
	pin_settle(irqs);
}

static void pin_tie(struct irq_set *irqs, int fd)
{
	int old = irqs->pin_client;

	pthread_mutex_lock(&irqs->lock);
	irqs->pin_client = fd;
	irqs->pin_masked = false;
	pthread_mutex_unlock(&irqs->lock);
	pin_attach(irqs);
	if (old >= 0)
		close(old);
	pin_settle(irqs);
}

/* ---- what the client says ---- */

/* Any other file could block who signals it; and so could one without O_NONBLOCK. */
static bool is_eventfd(int fd)
{
	char path[64], name[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name));
	return n > 0 && (size_t)n < sizeof(name) &&
	       !strncmp(name, "anon_inode:[eventfd]", (size_t)n);
}

static void vector_tie(struct irq_set *irqs, unsigned int i, int fd)
{
	struct irq_vector *v = &irqs->vectors[i];
	int old = v->fd;

	pthread_mutex_lock(&irqs->lock);
	irqs->nr_tied += (fd >= 0) - (old >= 0);
	v->fd = fd;
	pthread_mutex_unlock(&irqs->lock);
	vector_settle(irqs, i);
	if (old >= 0)
		close(old);
	pin_attach(irqs);
}

int irq_tie(struct irq_set *irqs, uint32_t kind, unsigned int i, int fd)
{
	if (fd >= 0 && (!is_eventfd(fd) || fcntl(fd, F_SETFL, O_NONBLOCK))) {
		close(fd);
		return set_errno(EINVAL);
	}
	if (kind == VFIO_PCI_MSIX_IRQ_INDEX)
		vector_tie(irqs, i, fd);
	else
		pin_tie(irqs, fd);
	return 0;
}

void irq_mask(struct irq_set *irqs, uint32_t kind, unsigned int i, bool masked)
{
	pthread_mutex_lock(&irqs->lock);
	if (kind == VFIO_PCI_MSIX_IRQ_INDEX)
		irqs->vectors[i].masked = masked;
	else
		irqs->pin_masked = masked;
	pthread_mutex_unlock(&irqs->lock);
	if (kind == VFIO_PCI_MSIX_IRQ_INDEX)
		vector_settle(irqs, i);
	else
		pin_settle(irqs);
}

void irq_trigger(struct irq_set *irqs, uint32_t kind, unsigned int i)
{
	signal_fd(kind == VFIO_PCI_MSIX_IRQ_INDEX ? irqs->vectors[i].fd : irqs->pin_client);
}

void irq_release(struct irq_set *irqs, uint32_t kind)
{
	if (kind == VFIO_PCI_MSIX_IRQ_INDEX || kind == IRQ_NR_KINDS) {
		for (unsigned int i = 0; i < irqs->nr; i++) {
			irqs->vectors[i].masked = false;
			if (irqs->vectors[i].fd >= 0)
				vector_tie(irqs, i, -1);
		}
	}
	if ((kind == VFIO_PCI_INTX_IRQ_INDEX || kind == IRQ_NR_KINDS) && irqs->has_pin)
		pin_tie(irqs, -1);
}

void irq_reset(struct irq_set *irqs)
{
	pthread_mutex_lock(&irqs->lock);
	memset(irqs->bar, 0, irqs->bar_len);
	for (unsigned int i = 0; i < irqs->nr; i++)
		*entry_ctrl(irqs, i) = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	irqs->table_used = irqs->all_masked = false;
	pthread_mutex_unlock(&irqs->lock);
	vectors_settle(irqs);
}

void irq_config(struct irq_set *irqs, bool all_masked, bool pin_off)
{
	bool changed = all_masked != irqs->all_masked;

	pthread_mutex_lock(&irqs->lock);
	irqs->all_masked = all_masked;
	irqs->pin_off = pin_off;
	pthread_mutex_unlock(&irqs->lock);
	if (changed)
		vectors_settle(irqs);
	pin_settle(irqs);
}

/* ---- the BAR ---- */

static void pending_show(struct irq_set *irqs)
{
	uint8_t *pba = irqs->bar + irqs->bar_len / 2;

	memset(pba, 0, (irqs->nr + 7) / 8);
	for (unsigned int i = 0; i < irqs->nr; i++)
		if (vector_pending(irqs, i))
			pba[i / 8] |= (uint8_t)(1u << i % 8);
}

void irq_bar_read(struct irq_set *irqs, uint64_t off, void *buf, size_t len)
{
	if (off + len > irqs->bar_len / 2)
		pending_show(irqs);
	memcpy(buf, irqs->bar + off, len);
}

/* Bits of an entry's control that are reserved stay 0, and so does what is behind the table. */
static void table_put(struct irq_set *irqs, uint64_t off, uint8_t val)
{
	uint64_t end = irqs->nr * (uint64_t)PCI_MSIX_ENTRY_SIZE;
	unsigned int in = off % PCI_MSIX_ENTRY_SIZE;

	if (off >= end)
		return;
	if (in == PCI_MSIX_ENTRY_VECTOR_CTRL) {
		irqs->table_used = true;
		val &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	} else if (in > PCI_MSIX_ENTRY_VECTOR_CTRL) {
		val = 0;
	} else if (!in) {
		val &= 0xfc; /* addresses are of dwords */
	}
	irqs->bar[off] = val;
}

void irq_bar_write(struct irq_set *irqs, uint64_t off, const void *buf, size_t len)
{
	const uint8_t *data = buf;
	bool was_used = irqs->table_used;
	uint64_t last = (off + len - 1) / PCI_MSIX_ENTRY_SIZE;

	pthread_mutex_lock(&irqs->lock);
	for (size_t i = 0; i < len; i++)
		table_put(irqs, off + i, data[i]);
	pthread_mutex_unlock(&irqs->lock);
	if (irqs->table_used && !was_used) {
		vectors_settle(irqs);
		return;
	}
	for (uint64_t i = off / PCI_MSIX_ENTRY_SIZE; i <= last && i < irqs->nr; i++)
		if (irqs->vectors[i].fd >= 0)
			vector_settle(irqs, (unsigned int)i);
}

void irq_unblock(struct irq_set *irqs)
{
	pthread_mutex_lock(&irqs->lock);
	for (unsigned int i = 0; i < irqs->nr; i++)
		if (irqs->vectors[i].fd >= 0 && !fcntl(irqs->vectors[i].fd, F_SETFL, O_NONBLOCK))
			drain(irqs->vectors[i].fd);
	pthread_mutex_unlock(&irqs->lock);
}

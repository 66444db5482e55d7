/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a function: MSI-X vectors and the pin, each tied to an eventfd of the client's or to
 * none, each masked or not.
 *
 * A vector is masked while the client has said so (SET_IRQS), while MSI-X masks all of them, and
 * while its entry of the table does. A client that handles the table itself, as QEMU does, never
 * writes to ours: the entries, which are masked after a reset, count from the first write on.
 * What happens while a vector is masked is pending, shows in the pending bits, and is signalled then.
 *
 * The pin masks itself when it is signalled, until the client unmasks it; if it is still asserted
 * then, it is signalled again.
 */
#ifndef BELFRY_SRC_SERVE_IRQ_H
#define BELFRY_SRC_SERVE_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/serve.h>

/* Kinds of interrupts that a client can ask for, as VFIO numbers them. */
#define IRQ_NR_KINDS 5u

struct irq_vector;

struct irq_set {
	const struct serve_ops *ops;
	void *dev;
	unsigned int nr; /* vectors of MSI-X */
	bool has_pin;
	int pin_fd; /* eventfd: the pin may have changed; the server's thread waits for it */

	pthread_mutex_t lock; /* guards the rest against serve_irq() and irq_unblock() */
	struct irq_vector *vectors;
	uint8_t *bar; /* table, and room for pending bits */
	uint32_t bar_len;
	unsigned int nr_tied;
	bool table_used, all_masked;
	int pin_client; /* eventfd, -1 */
	bool pin_masked, pin_off;
};

/**
 * irq_init() - no interrupt tied
 * @irqs: out; what is before the lock is set, but for pin_fd
 *
 * Own: irq_exit().
 * Return: 0, or -1: ENOMEM, or what eventfd(2) gives.
 */
int irq_init(struct irq_set *irqs);

/**
 * irq_exit() - undo irq_init()
 * @irqs: interrupts, none of them tied
 */
void irq_exit(struct irq_set *irqs);

/**
 * irq_count() - how many interrupts of a kind there are
 * @irqs: interrupts
 * @kind: VFIO_PCI_*_IRQ_INDEX, below IRQ_NR_KINDS
 *
 * Return: the number.
 */
unsigned int irq_count(const struct irq_set *irqs, uint32_t kind);

/**
 * irq_tie() - tie an interrupt to an eventfd
 * @irqs: interrupts
 * @kind: kind
 * @i: which, below irq_count()
 * @fd: eventfd, or -1
 *
 * Own: @fd is @irqs' now, also after an error.
 * Context: the server's thread; waits for the device.
 * Return: 0, or -1: EINVAL @fd is no eventfd.
 */
int irq_tie(struct irq_set *irqs, uint32_t kind, unsigned int i, int fd);

/**
 * irq_mask() - mask an interrupt, or unmask it
 * @irqs: interrupts
 * @kind: kind
 * @i: which, below irq_count()
 * @masked: which of the two
 *
 * Context: the server's thread; waits for the device.
 */
void irq_mask(struct irq_set *irqs, uint32_t kind, unsigned int i, bool masked);

/**
 * irq_trigger() - signal an interrupt, because the client wants it
 * @irqs: interrupts
 * @kind: kind
 * @i: which, below irq_count()
 *
 * Context: the server's thread.
 */
void irq_trigger(struct irq_set *irqs, uint32_t kind, unsigned int i);

/**
 * irq_release() - untie all
 * @irqs: interrupts
 * @kind: kind, or IRQ_NR_KINDS for all of them
 *
 * Context: the server's thread; waits for the device.
 */
void irq_release(struct irq_set *irqs, uint32_t kind);

/**
 * irq_reset() - the table as after a reset
 * @irqs: interrupts; they stay tied
 *
 * Context: the server's thread; waits for the device.
 */
void irq_reset(struct irq_set *irqs);

/**
 * irq_config() - configuration space was written to
 * @irqs: interrupts
 * @all_masked: MSI-X masks all vectors
 * @pin_off: the pin is disabled
 *
 * Context: the server's thread; waits for the device.
 */
void irq_config(struct irq_set *irqs, bool all_masked, bool pin_off);

/**
 * irq_bar_read() - read the table or the pending bits
 * @irqs: interrupts
 * @off: offset in the BAR
 * @buf: out
 * @len: bytes, within it
 *
 * Context: the server's thread; waits for the device.
 */
void irq_bar_read(struct irq_set *irqs, uint64_t off, void *buf, size_t len);

/**
 * irq_bar_write() - write to the table
 * @irqs: interrupts
 * @off: offset in the BAR
 * @buf: data
 * @len: bytes, within it
 *
 * Context: the server's thread; waits for the device.
 */
void irq_bar_write(struct irq_set *irqs, uint64_t off, const void *buf, size_t len);

/**
 * irq_pin_level() - is the pin asserted
 * @irqs: interrupts
 *
 * Context: the server's thread; waits for the device.
 * Return: true if so.
 */
bool irq_pin_level(struct irq_set *irqs);

/**
 * irq_pin_run() - pin_fd was signalled
 * @irqs: interrupts
 *
 * Context: the server's thread; waits for the device.
 */
void irq_pin_run(struct irq_set *irqs);

/**
 * irq_raise() - serve_irq()
 * @irqs: interrupts of a device without set_irq
 * @i: vector, below irq_count()
 *
 * Context: any thread.
 */
void irq_raise(struct irq_set *irqs, unsigned int i);

/**
 * irq_unblock() - let a device go on that a client blocks by filling an eventfd
 * @irqs: interrupts
 *
 * Context: any thread.
 */
void irq_unblock(struct irq_set *irqs);

#endif /* BELFRY_SRC_SERVE_IRQ_H */

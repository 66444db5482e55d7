/* SPDX-License-Identifier: MIT */
/*
 * The embedded controller as a device: what a bus would do to it.
 *
 * This is the whole of the device side that src/transport may see: a DMA
 * domain that says which memory the device can reach, a BAR, interrupts.
 */
#ifndef BELFRY_EMU_DEVICE_H
#define BELFRY_EMU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/emu.h>

/* Rights of the device in a mapping. */
#define EMU_DMA_READ  (1u << 0)
#define EMU_DMA_WRITE (1u << 1)

/* BAR numbers: registers and doorbells; controller memory buffer; persistent memory region. */
#define EMU_BAR_REGS 0
#define EMU_BAR_CMB  2
#define EMU_BAR_PMR  4

struct emu_domain;

/**
 * emu_domain_create() - a DMA address space for emulated controllers
 *
 * Own: one reference; emu_domain_put() drops it.
 * Context: any thread.
 * Return: the domain, or NULL: ENOMEM.
 */
struct emu_domain *emu_domain_create(void);

/**
 * emu_domain_get() - take one more reference
 * @dom: domain
 *
 * Context: any thread.
 */
void emu_domain_get(struct emu_domain *dom);

/**
 * emu_domain_put() - drop a reference; the last one frees the domain
 * @dom: domain, or NULL
 *
 * Context: any thread.
 */
void emu_domain_put(struct emu_domain *dom);

/**
 * emu_domain_map() - let the device reach host memory
 * @dom: domain
 * @iova: device address, page aligned, below 2^48
 * @vaddr: host address, page aligned
 * @len: bytes, a multiple of the page size (4 KiB), not 0
 * @prot: of EMU_DMA_READ (the device may read) and EMU_DMA_WRITE
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL bad alignment or range, EEXIST part of it is mapped, ENOMEM.
 *	On error nothing changed.
 */
int emu_domain_map(struct emu_domain *dom, uint64_t iova, void *vaddr, size_t len,
		   unsigned int prot);

/**
 * struct emu_remote_host - how to reach memory that is not in this process
 * @read: copy @len bytes at @iova to @buf. 0, or -1: a DMA fault
 * @write: copy them there. 0, or -1: a DMA fault
 * @arg: first argument of both
 *
 * Both are called by the controller's thread, within the mapping and its rights, and have to return
 * some time whatever the host does.
 */
struct emu_remote_host {
	int (*read)(void *arg, uint64_t iova, void *buf, size_t len);
	int (*write)(void *arg, uint64_t iova, const void *buf, size_t len);
	void *arg;
};

/**
 * emu_domain_map_remote() - let the device reach memory by functions
 * @dom: domain
 * @iova: device address, page aligned, below 2^48
 * @len: bytes, a multiple of the page size (4 KiB), not 0
 * @prot: of EMU_DMA_READ and EMU_DMA_WRITE
 * @host: how; copied
 *
 * All that the device does with memory works, but shadow doorbells: it would have to ask for them
 * all the time.
 *
 * Context: any thread.
 * Return: 0, or -1: as emu_domain_map(). On error nothing changed.
 */
int emu_domain_map_remote(struct emu_domain *dom, uint64_t iova, size_t len, unsigned int prot,
			  const struct emu_remote_host *host);

/**
 * emu_domain_unmap() - take it away again
 * @dom: domain
 * @iova: start; a mapping without memory goes as a whole
 * @len: bytes
 *
 * When it returns no controller of the domain will touch the memory any more,
 * and none is in the middle of doing so.
 *
 * Context: any thread but a controller's own; may wait for a transfer in progress.
 */
void emu_domain_unmap(struct emu_domain *dom, uint64_t iova, size_t len);

/**
 * emu_ctrl_create() - make a controller and start its thread
 * @opts: what follows "emu:" in the device's name; "" for the defaults
 * @dom: DMA domain; the controller takes a reference
 *
 * Own: emu_ctrl_destroy() frees it.
 * Context: any thread.
 * Return: the controller, disabled, or NULL: EINVAL an option is unknown or
 *	malformed (the log says which and what is known), ENOMEM, or what opening
 *	the backing file gave.
 */
struct emu_ctrl *emu_ctrl_create(const char *opts, struct emu_domain *dom);

/**
 * emu_ctrl_destroy() - stop the thread, flush the backends, free everything
 * @emu: controller, or NULL
 *
 * Context: any thread; nobody else may use @emu any more.
 */
void emu_ctrl_destroy(struct emu_ctrl *emu);

/**
 * emu_reg_read() - read a register
 * @emu: controller
 * @off: offset in BAR 0
 * @width: 4 or 8 bytes
 *
 * Context: any thread.
 * Return: the value; all-ones when the controller is gone.
 */
uint64_t emu_reg_read(struct emu_ctrl *emu, uint32_t off, unsigned int width);

/**
 * emu_reg_write() - write a register
 * @emu: controller
 * @off: offset in BAR 0
 * @width: 4 or 8 bytes
 * @val: value
 *
 * Its side effects have begun when it returns (CSTS.RDY may follow later).
 *
 * Context: any thread; waits for the controller's thread.
 */
void emu_reg_write(struct emu_ctrl *emu, uint32_t off, unsigned int width, uint64_t val);

/**
 * emu_bar() - memory behind a BAR
 * @emu: controller
 * @bar: EMU_BAR_REGS, EMU_BAR_CMB or EMU_BAR_PMR
 * @len: out: bytes
 *
 * A register may be read through it at any time. Doorbells may be written
 * through it, followed by emu_wake() if *emu_asleep() is set; without that they
 * are seen within 10 ms. CC, AQA, ASQ, ACQ and CMBMSC written through it take
 * effect likewise.
 *
 * Own: the controller's.
 * Context: any thread.
 * Return: page-aligned memory, or NULL when there is no such BAR.
 */
void *emu_bar(struct emu_ctrl *emu, int bar, size_t *len);

/**
 * emu_bar_share() - put the memory of a BAR into a file that another process can map
 * @emu: controller that no host has used yet
 * @bar: EMU_BAR_REGS or EMU_BAR_CMB
 *
 * The file has the size of the BAR, which nobody can change, and the same offsets. Of
 * EMU_BAR_REGS it has the doorbells, from 1000h on, not the registers.
 *
 * Own: the file descriptor is the controller's.
 * Context: any thread.
 * Return: a file descriptor, or -1: ENOTSUP there is no such BAR, or what memfd_create(2) and
 *	mmap(2) give.
 */
int emu_bar_share(struct emu_ctrl *emu, int bar);

/**
 * emu_doorbell_ring() - write a doorbell, and wake the controller
 * @emu: controller
 * @off: offset in BAR 0
 * @val: value
 *
 * As emu_reg_write() of four bytes, without waiting.
 *
 * Context: any thread.
 * Return: true, or false: there is no doorbell at @off, and nothing was done.
 */
bool emu_doorbell_ring(struct emu_ctrl *emu, uint32_t off, uint32_t val);

/**
 * emu_set_sleep() - how long the thread sleeps at most before it looks at the doorbells again
 * @emu: controller
 * @max_us: microseconds, 100 to 8000; 8000 at first
 *
 * For hosts that store to doorbells and cannot call emu_wake().
 *
 * Context: any thread; waits for the controller's thread.
 */
void emu_set_sleep(struct emu_ctrl *emu, uint32_t max_us);

/**
 * emu_asleep() - flag that says whether the controller's thread sleeps
 * @emu: controller
 *
 * Context: any thread; read it after the doorbell's store, no fence needed: the
 *	sleeper runs one on every thread of the process (membarrier(2)) between raising the
 *	flag and its last look at the doorbells.
 * Return: the flag, valid while the controller lives.
 */
const uint32_t *emu_asleep(struct emu_ctrl *emu);

/**
 * emu_wake() - end the sleep
 * @emu: controller
 *
 * Context: any thread.
 */
void emu_wake(struct emu_ctrl *emu);

/**
 * emu_nr_irqs() - how many interrupt vectors there are
 * @emu: controller
 *
 * Context: any thread.
 * Return: the number of vectors.
 */
int emu_nr_irqs(const struct emu_ctrl *emu);

/**
 * emu_set_irq() - tie a vector to an eventfd
 * @emu: controller
 * @vector: 0 .. emu_nr_irqs() - 1
 * @fd: eventfd, -1 for none
 *
 * Own: @fd stays the caller's and must stay open until it is replaced.
 * Context: any thread; does not wait for the controller's.
 * Return: 0, or -1: EINVAL no such vector.
 */
int emu_set_irq(struct emu_ctrl *emu, int vector, int fd);

/**
 * emu_mask_irq() - hold a vector's interrupts back
 * @emu: controller
 * @vector: 0 .. emu_nr_irqs() - 1
 * @masked: hold it back; false: signal it if it had to be in the meantime
 *
 * Vectors are not masked at first. A reset leaves it as it is, and forgets what is pending.
 *
 * Context: any thread; does not wait for the controller's.
 * Return: 0, or -1: EINVAL no such vector.
 */
int emu_mask_irq(struct emu_ctrl *emu, int vector, bool masked);

/**
 * emu_irq_pending() - was a vector to be signalled while it was masked
 * @emu: controller
 * @vector: vector
 *
 * Context: any thread; does not wait for the controller's.
 * Return: true if so.
 */
bool emu_irq_pending(struct emu_ctrl *emu, int vector);

/**
 * emu_irq_level() - state of the interrupt pin, for hosts without message-signaled interrupts
 * @emu: controller
 *
 * The pin is asserted while a queue with interrupts has entries that the host did not take, and INTMS
 * does not mask vector 0. While the controller waits for memory of the host's, the answer is no; if
 * it turns out to be yes, vector 0 is signalled then.
 *
 * Context: any thread; waits for the controller's thread, but not as long as that waits for the host.
 * Return: true if it is asserted.
 */
bool emu_irq_level(struct emu_ctrl *emu);

/**
 * emu_reset() - function-level reset
 * @emu: controller
 *
 * Everything but the namespaces' contents and the fault script starts anew;
 * when it returns the device does no more DMA.
 *
 * Context: any thread; waits for the controller's thread.
 */
void emu_reset(struct emu_ctrl *emu);

/**
 * emu_gone() - was the controller pulled out
 * @emu: controller
 *
 * Context: any thread.
 * Return: true after emu_unplug() or EMU_ACT_GONE.
 */
bool emu_gone(const struct emu_ctrl *emu);

/**
 * emu_pci_ids() - PCI vendor and device
 * @emu: controller
 * @vid: out: vendor
 * @did: out: device
 *
 * Context: any thread.
 */
void emu_pci_ids(const struct emu_ctrl *emu, uint16_t *vid, uint16_t *did);

#endif /* BELFRY_EMU_DEVICE_H */

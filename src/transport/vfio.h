/* SPDX-License-Identifier: MIT */
/*
 * A PCI function behind the kernel's vfio-pci, from the inside. What it offers is learnt once when
 * it is opened; how it was opened (through its group or its own node) matters no more afterwards.
 */
#ifndef BELFRY_TRANSPORT_VFIO_H
#define BELFRY_TRANSPORT_VFIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include <belfry/vfio/device.h>

#include "transport/transport.h"

extern const struct transport_ops transport_vfio_ops;

/**
 * struct vfio_span - part of a BAR
 * @off: first byte
 * @len: bytes
 */
struct vfio_span {
	uint64_t off, len;
};

/**
 * struct vfio_bar - what the kernel says of a BAR
 * @info: its place in the device's file, its size and flags
 * @areas: what can be mapped, where that is not all of it; NULL for all
 * @nr_areas: how many
 * @table_ok: the kernel lets the MSI-X table be mapped
 */
struct vfio_bar {
	struct vfio_region_info info;
	struct vfio_span *areas;
	uint32_t nr_areas;
	bool table_ok;
};

/**
 * struct vfio_irqs - interrupts
 * @info: the kind in use
 * @fds: eventfd of each vector, -1 for none; info.count of them
 * @enabled: vectors that the kernel has enabled, from the first
 */
struct vfio_irqs {
	struct vfio_irq_info info;
	int *fds;
	uint32_t enabled;
};

/**
 * struct vfio_transport - an open function
 * @tp: what the driver sees
 * @fd: the device
 * @name: its address
 * @group: device node of its IOMMU group
 * @config: configuration space
 * @bars: BARs
 * @table: where the MSI-X table and pending bits are, with the BAR of each; len 0 when there are none
 * @table_bar: those BARs
 * @regs: registers, mapped; NULL when they are read and written by system calls
 * @regs_len: bytes of @regs
 * @mappings: all mappings; guarded by @lock
 * @irqs: interrupts; guarded by @lock
 * @err_fd: eventfd of the bus's errors, -1 for none
 * @req_fd: eventfd by which the kernel asks for the device back, -1 for none
 * @is_suspect: the first of these has fired: registers mean something as long as the function is
 *	configured as it was
 * @is_broken: and it was not; for good
 * @next: next open function; guarded by the list's lock
 */
struct vfio_transport {
	struct transport tp;
	int fd;
	char *name, *group;
	struct vfio_region_info config;
	struct vfio_bar bars[PCI_STD_NUM_BARS];
	struct vfio_span table[2];
	int table_bar[2];
	char *regs;
	size_t regs_len;
	pthread_mutex_t lock;
	struct bar_mapping *mappings;
	struct vfio_irqs irqs;
	int err_fd, req_fd;
	bool is_suspect, is_broken;
	struct vfio_transport *next;
};

/**
 * vfio_reach() - get a function's file descriptor and put it into an address space
 * @vt: function whose @name is set; its fd, group and address space are filled in here
 * @ctx: address space to use, or NULL
 *
 * Through iommufd where the kernel and the permissions allow it, or else through the group.
 *
 * Own: vfio_leave().
 * Context: any thread; blocks.
 * Return: 0, or -1 (logged), nothing changed: ENOENT no such function, ENODEV it has no driver,
 * EBUSY it has another one than vfio's or is open elsewhere, EACCES no permission, EINVAL @ctx is no
 * address space for it, or what the kernel reports.
 */
int vfio_reach(struct vfio_transport *vt, struct iommu_ctx *ctx);

/**
 * vfio_leave() - undo vfio_reach()
 * @vt: function, mapped and interrupted no more
 *
 * Context: any thread. errno is preserved.
 */
void vfio_leave(struct vfio_transport *vt);

/**
 * vfio_config_read() - read configuration space
 * @vt: open function
 * @buf: out
 * @len: bytes
 * @off: offset
 *
 * Context: any thread; a system call.
 * Return: 0, or -1: EINVAL beyond its end, EIO the kernel gave less, or as pread(2).
 */
int vfio_config_read(struct vfio_transport *vt, void *buf, size_t len, uint64_t off);

/**
 * vfio_command() - change the command register
 * @vt: open function
 * @clear: bits of it to clear
 * @set: bits of it to set
 *
 * Context: any thread; system calls.
 * Return: 0, or -1 with errno.
 */
int vfio_command(struct vfio_transport *vt, uint16_t clear, uint16_t set);

/**
 * vfio_bars_init() - learn about BARs, configuration space and MSI-X, and map the registers
 * @vt: reached function
 *
 * Own: vfio_bars_close(), also after an error.
 * Context: any thread; allocates.
 * Return: 0, or -1 with errno.
 */
int vfio_bars_init(struct vfio_transport *vt);

/**
 * vfio_bars_close() - unmap all that is mapped
 * @vt: function
 *
 * Context: any thread. errno is preserved.
 */
void vfio_bars_close(struct vfio_transport *vt);

/**
 * vfio_bar_map() - map part of a BAR
 * @vt: open function
 * @bar: which
 * @off: first byte
 * @len: in: bytes wanted; out: bytes there are
 *
 * Own: vfio_bar_unmap(), or vfio_bars_close().
 * Context: any thread; allocates.
 * Return: pointer to the first byte, or NULL: EINVAL no such BAR or not in it; ENOTSUP it cannot be
 * mapped there.
 */
void *vfio_bar_map(struct vfio_transport *vt, int bar, uint64_t off, size_t *len);

/**
 * vfio_bar_unmap() - undo vfio_bar_map()
 * @vt: open function
 * @ptr: what it returned; anything else does nothing
 *
 * Context: any thread. errno is preserved.
 */
void vfio_bar_unmap(struct vfio_transport *vt, void *ptr);

/**
 * vfio_bar_before_table() - clip a part of a BAR to what lies before MSI-X's structures
 * @vt: open function
 * @bar: which
 * @off: first byte
 * @len: bytes
 *
 * Context: any thread.
 * Return: bytes from @off that are none of the table's.
 */
uint64_t vfio_bar_before_table(const struct vfio_transport *vt, int bar, uint64_t off,
			       uint64_t len);

/**
 * vfio_irqs_init() - pick the kind of interrupts, and listen for errors and requests
 * @vt: reached function
 *
 * Own: vfio_irqs_close(), also after an error.
 * Context: any thread; allocates.
 * Return: 0, or -1 with errno.
 */
int vfio_irqs_init(struct vfio_transport *vt);

/**
 * vfio_irqs_close() - disable all interrupts
 * @vt: function
 *
 * Context: any thread. errno is preserved.
 */
void vfio_irqs_close(struct vfio_transport *vt);

/**
 * vfio_irqs_set() - tie vectors to eventfds
 * @vt: open function
 * @start: first vector
 * @count: how many; checked to be inside
 * @fds: eventfds, -1 for none; NULL for none at all
 *
 * When none is tied any more, interrupts are disabled. Untying vectors when none is tied asks the
 * kernel whether it could give them.
 *
 * Context: any thread.
 * Return: 0, or -1: ENOSPC the kernel has fewer vectors (logged with how many), or what it reports.
 */
int vfio_irqs_set(struct vfio_transport *vt, int start, int count, const int *fds);

/**
 * vfio_irqs_rearm() - let an interrupt of the line (INTx) signal again
 * @vt: open function
 *
 * Context: any thread; a system call for INTx.
 * Return: 0, or -1: what the kernel reports.
 */
int vfio_irqs_rearm(struct vfio_transport *vt);

/**
 * vfio_irqs_grant() - how many vectors the kernel can give
 * @vt: open function
 * @count: how many are wanted, 1 to irqs.info.count
 *
 * Context: any thread; allocates; system calls.
 * Return: how many of them, or -1: EBUSY some are tied, ENOMEM, EMFILE.
 */
int vfio_irqs_grant(struct vfio_transport *vt, int count);

/**
 * vfio_gone() - is the device to be removed, or was it broken by an error of the bus
 * @vt: open function
 *
 * An error that the device has survived is logged, and no more.
 *
 * Context: any thread; system calls until it is.
 * Return: true from then on.
 */
bool vfio_gone(struct vfio_transport *vt);

/**
 * vfio_broken() - after an error of the bus: is the function no longer what it was
 * @vt: open function
 *
 * Context: any thread; a system call after an error.
 * Return: true from the moment on at which it had lost its configuration.
 */
bool vfio_broken(struct vfio_transport *vt);

/**
 * vfio_of() - the open function behind a device
 * @dev: device
 *
 * Context: any thread.
 * Return: the function, or NULL: ENODEV not open, ENOTSUP it is reached in another way.
 */
struct vfio_transport *vfio_of(const struct vfio_device *dev);

#endif /* BELFRY_TRANSPORT_VFIO_H */

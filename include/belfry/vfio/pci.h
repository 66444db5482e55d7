/* SPDX-License-Identifier: MIT */
/*
 * An open PCI function without a driver on it: its BARs, its configuration space, its interrupts
 * (belfry/vfio/device.h), and the address space that its DMA goes through.
 *
 * A controller that is opened by nvme_init() needs none of this. A function that is opened here
 * first, and handed to nvme_init() in the controller's own structure, is used as it is.
 */
#ifndef BELFRY_VFIO_PCI_H
#define BELFRY_VFIO_PCI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include <belfry/vfio/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vfio_pci_open() - open a device by name
 * @pci: device; all zero but for @pci->dev.ctx, an address space to use instead of one of its own
 * @bdf: where it lives, spelled as for nvme_init()
 *
 * Bus mastering is enabled. Interrupts are MSI-X, or MSI, or INTx, the first that the function has
 * and the machine can give; none is enabled yet.
 *
 * Own: vfio_pci_close(). @pci stays where it is until then.
 * Context: any thread; blocks.
 * Return: 0, or -1: EALREADY @pci is open, EINVAL the name or the address space makes no sense,
 *	ENOENT no such device, EACCES no permission, EBUSY in use or bound to another driver, ENODEV
 *	bound to none, or what the kernel reports; each is logged. On error @pci is all zero, or as it
 *	was with EALREADY.
 */
int vfio_pci_open(struct vfio_pci_device *pci, const char *bdf);

/**
 * vfio_pci_close() - end all DMA of a device, and close it
 * @pci: device; all zero afterwards, and harmless when it is so already
 *
 * Context: any thread, nobody else using it.
 * Return: 0.
 */
int vfio_pci_close(struct vfio_pci_device *pci);

/**
 * vfio_pci_get_irq_info() - learn about the kind of interrupts in use
 * @pci: device
 * @irq: out; in: @irq->argsz says how many bytes of it there are
 *
 * Context: any thread.
 * Return: 0, or -1: ENODEV not open, EINVAL @irq->argsz is too small.
 */
int vfio_pci_get_irq_info(struct vfio_pci_device *pci, struct vfio_irq_info *irq);

/**
 * vfio_pci_map_bar() - map part of a BAR
 * @pci: open device
 * @idx: which BAR, 0 to 5
 * @len: bytes; what is beyond the BAR's end, or the part that can be mapped, is not mapped
 * @offset: first byte
 * @prot: PROT_READ and PROT_WRITE; what is not asked for may be possible all the same
 *
 * Own: vfio_pci_unmap_bar(), or vfio_pci_close().
 * Context: any thread; blocks.
 * Return: pointer to the first byte, or NULL: ENODEV not open, EINVAL no such BAR, or @offset not in
 *	it, or @len 0, or a bad @prot; ENOTSUP it cannot be mapped there.
 */
void *vfio_pci_map_bar(struct vfio_pci_device *pci, int idx, size_t len, uint64_t offset, int prot);

/**
 * vfio_pci_unmap_bar() - undo vfio_pci_map_bar()
 * @pci: open device
 * @idx: which BAR
 * @mem: what was returned
 * @len: bytes, as they were asked for
 * @offset: first byte, as it was asked for
 *
 * Context: any thread. errno is preserved.
 */
void vfio_pci_unmap_bar(struct vfio_pci_device *pci, int idx, void *mem, size_t len,
			uint64_t offset);

/**
 * vfio_pci_read_config() - read configuration space
 * @pci: open device
 * @buf: out
 * @len: bytes
 * @offset: offset
 *
 * Context: any thread; a system call.
 * Return: bytes read, or -1: as pread(2); EBADF where the device has no configuration space.
 */
static inline ssize_t vfio_pci_read_config(struct vfio_pci_device *pci, void *buf, size_t len,
					   off_t offset)
{
	return pread(pci->dev.fd, buf, len, (off_t)pci->config_region_info.offset + offset);
}

/**
 * vfio_pci_write_config() - write configuration space
 * @pci: open device
 * @buf: data
 * @len: bytes
 * @offset: offset
 *
 * Context: any thread; a system call.
 * Return: bytes written, or -1: as pwrite(2); EBADF where the device has no configuration space.
 */
static inline ssize_t vfio_pci_write_config(struct vfio_pci_device *pci, const void *buf,
					    size_t len, off_t offset)
{
	return pwrite(pci->dev.fd, buf, len, (off_t)pci->config_region_info.offset + offset);
}

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_VFIO_PCI_H */

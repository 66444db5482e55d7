/* SPDX-License-Identifier: MIT */
/*
 * An open device, whatever it is reached through, and its interrupts.
 *
 * The structures keep the kernel's names for what a PCI function offers; where
 * the device is no PCI function of this machine (an embedded or a remote
 * controller) its transport fills them in as far as they mean anything.
 */
#ifndef BELFRY_VFIO_DEVICE_H
#define BELFRY_VFIO_DEVICE_H

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iommu_ctx;
struct transport;

/**
 * struct vfio_device - an open device
 * @fd: file descriptor of the device, -1 where it has none
 * @ctx: the address space that its DMA goes through
 * @device_info: flags and counts
 * @irq_info: the kind of interrupt in use; count is the number of vectors
 */
struct vfio_device {
	int fd;
	struct iommu_ctx *ctx;
	struct vfio_device_info device_info;
	struct vfio_irq_info irq_info;

	/* private: how the device is reached */
	struct transport *transport;
};

/* The address space of anything whose first member is, in the end, a struct vfio_device. */
#define __iommu_ctx(x) (((struct vfio_device *)(x))->ctx)

#ifndef PCI_STD_NUM_BARS
#define PCI_STD_NUM_BARS 6
#endif

/**
 * struct vfio_pci_device - an open PCI function
 * @dev: the device; first, see __iommu_ctx()
 * @classcode: base class, sub-class, interface; 0x010802 for an NVMe I/O controller
 * @bdf: the name it was opened by; NULL when closed
 * @config_region_info: where its configuration space is
 * @bar_region_info: where its BARs are
 */
struct vfio_pci_device {
	struct vfio_device dev;
	unsigned long long classcode;
	char *bdf;
	struct vfio_region_info config_region_info;
	struct vfio_region_info bar_region_info[PCI_STD_NUM_BARS];
};

/**
 * vfio_set_irq() - tie interrupt vectors to eventfds
 * @dev: open device
 * @eventfds: @count descriptors, -1 for none
 * @start: first vector, 0 or more
 * @count: how many, 1 or more
 *
 * Own: the descriptors stay the caller's and must stay open until they are
 * replaced or vfio_disable_irq().
 * Context: any thread, one at a time per device; may make a syscall.
 * Return: 0, or -1: EINVAL vectors out of range, ENOSPC the machine has fewer left (the log says
 *	how many, and so does vfio_grant_irq()), ENODEV the device is not open or gone. On error
 *	nothing changed.
 */
int vfio_set_irq(struct vfio_device *dev, int *eventfds, int start, int count);

/**
 * vfio_disable_irq() - untie interrupt vectors
 * @dev: open device
 * @start: first vector
 * @count: how many, 1 or more
 *
 * Context: as vfio_set_irq().
 * Return: as vfio_set_irq().
 */
int vfio_disable_irq(struct vfio_device *dev, int start, int count);

/**
 * vfio_disable_irq_all() - untie every interrupt vector
 * @dev: open device; one that has none is done with
 *
 * Context: as vfio_set_irq().
 * Return: as vfio_set_irq().
 */
int vfio_disable_irq_all(struct vfio_device *dev);

/**
 * vfio_rearm_irq() - let interrupt vectors signal again
 * @dev: open device
 * @start: first vector, 0 or more
 * @count: how many, 1 or more
 *
 * Where @dev->irq_info.flags has VFIO_IRQ_INFO_AUTOMASKED (INTx), a vector signals its eventfd once
 * and is masked; it signals again after this, at once if there still is a reason. So the order is:
 * read the eventfd, reap and ring the completion queue's doorbell, rearm. Other kinds of interrupt
 * need nothing, and nothing is done for them.
 *
 * Context: any thread; may make a syscall.
 * Return: 0, or -1: EINVAL vectors out of range, ENODEV the device is not open or gone.
 */
int vfio_rearm_irq(struct vfio_device *dev, int start, int count);

/**
 * vfio_grant_irq() - how many interrupt vectors can the device be given now
 * @dev: open device, none of its vectors tied
 * @count: how many are wanted, 1 or more
 *
 * The device may have more vectors than the machine has left. All of them are tried, and disabled
 * again; what others take meanwhile is not reserved.
 *
 * Context: as vfio_set_irq().
 * Return: how many of @count there are, from vector 0; or -1: EINVAL @count is 0 or less, EBUSY a
 * vector is tied, ENODEV the device is not open or gone.
 */
int vfio_grant_irq(struct vfio_device *dev, int count);

/**
 * vfio_reset() - function-level reset
 * @dev: open device
 *
 * For a controller use nvme_reset(), which also starts its queues anew.
 *
 * Context: any thread, nobody else using the device.
 * Return: 0, or -1: ENOTSUP the transport cannot, ENODEV the device is not open or gone.
 */
int vfio_reset(struct vfio_device *dev);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_VFIO_DEVICE_H */

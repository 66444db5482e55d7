/* SPDX-License-Identifier: MIT */
/*
 * How a controller is reached: one const table of operations per way, picked by
 * the form of the name. Nothing above this layer knows which one it has.
 *
 * A transport embeds struct transport first. DMA is not here: a transport makes
 * (or is given) an address space whose backend knows it (iommu/ctx.h).
 */
#ifndef BELFRY_TRANSPORT_H
#define BELFRY_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iommu_ctx;
struct transport;
struct vfio_pci_device;

struct transport_ops {
	/* What names of this kind look like, for messages: "emu:OPTIONS". */
	const char *form;

	/* Is @name one of ours? Called with no lock, any thread. */
	bool (*match)(const char *name);

	/* An address space for @name, without opening the device: one reference.
	 * NULL with errno. */
	struct iommu_ctx *(*get_ctx)(const char *name);

	/* Open @name into @tp's place and fill in @pci (classcode, irq_info).
	 * @ctx: an address space to use (a reference is taken), or NULL to make one.
	 * NULL with errno and a log message that says what is wrong. */
	struct transport *(*open)(const char *name, struct iommu_ctx *ctx,
				  struct vfio_pci_device *pci);

	/* End all DMA, then give everything back, incl. the reference on the
	 * address space. Cannot fail. */
	void (*close)(struct transport *tp);

	/* Read or write @width (4, 8) bytes at @off of the register BAR. -1 with
	 * ENODEV when the device is gone. A dead device may as well read as all-ones. */
	int (*reg_read)(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val);
	int (*reg_write)(struct transport *tp, uint32_t off, unsigned int width, uint64_t val);

	/* Pointer to [@off, @off + @len) of BAR @bar, @len clipped to what there
	 * is. NULL with errno, ENOTSUP where the BAR cannot be mapped. unmap may be NULL:
	 * pointers live as long as the transport. */
	void *(*map_bar)(struct transport *tp, int bar, uint64_t off, size_t *len);
	void (*unmap_bar)(struct transport *tp, int bar, void *ptr, size_t len);

	/* Memory that doorbells are written to, as laid out from 1000h of the
	 * register BAR: the registers themselves, or words that ring() passes on.
	 * NULL with errno. */
	void *(*doorbells)(struct transport *tp, size_t *len);

	/* The device did not see the store to @doorbell: tell it. NULL when
	 * stores are always enough. Hot-path thread. */
	void (*ring)(struct transport *tp, void *doorbell, uint32_t value);

	/* Flag that is non-zero while ring() is needed; NULL op: never. */
	const uint32_t *(*asleep)(struct transport *tp);

	/* Tie vectors [@start, @start + @count) to @fds; -1 unties, and so does @fds NULL. */
	int (*set_irqs)(struct transport *tp, int start, int count, const int *fds);

	/* Let vectors [@start, @start + @count) signal again, those that are masked when they have
	 * signalled. NULL: none is. */
	int (*rearm_irqs)(struct transport *tp, int start, int count);

	/* How many of @count vectors, 1 or more, there would be; none is tied afterwards. EBUSY when
	 * one is tied. NULL: all that irq_info says. */
	int (*grant_irqs)(struct transport *tp, int count);

	/* Function-level reset. NULL: not possible. */
	int (*reset)(struct transport *tp);

	/* Does the transport know that the device was removed? NULL: only registers tell. */
	bool (*gone)(struct transport *tp);
};

struct transport {
	const struct transport_ops *ops;
	struct iommu_ctx *ctx;
	struct transport *next;		   /* list of open ones */
	const struct vfio_pci_device *pci; /* whose it is */
	bool claimed;			   /* by a controller */
	uint16_t vid, did;		   /* PCI vendor and device */
};

/**
 * transport_open() - open a device by name
 * @name: name, see docs
 * @pci: out: everything but transport and ctx of @pci->dev is filled in here; what
 *	it held before is not looked at
 * @ctx: address space to use, or NULL
 *
 * Own: transport_close().
 * Context: any thread; may block.
 * Return: 0, or -1: EINVAL the name has no known form (logged, with those known), or what
 *	opening gave. On error @pci is all zero.
 */
int transport_open(const char *name, struct vfio_pci_device *pci, struct iommu_ctx *ctx);

/**
 * transport_close() - close an open device
 * @pci: device; all zero afterwards, harmless when it is so already
 *
 * Context: any thread, nobody else using it.
 */
void transport_close(struct vfio_pci_device *pci);

/**
 * transport_valid() - is this pointer an open transport
 * @tp: pointer of unknown origin; not dereferenced
 * @pci: structure that it was found in
 *
 * Context: any thread.
 * Return: true when it is on the list of open ones and was opened into @pci.
 */
bool transport_valid(const struct transport *tp, const struct vfio_pci_device *pci);

#endif /* BELFRY_TRANSPORT_H */

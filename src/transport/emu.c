/* SPDX-License-Identifier: MIT */
/*
 * The way to the embedded controller. The only file that knows both the driver's
 * side and src/emu: it joins the two DMA address spaces (what the driver maps,
 * the device may reach) and passes on registers, doorbells and interrupts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/emu.h>
#include <belfry/iommu.h>
#include <belfry/support/log.h>
#include <belfry/vfio/device.h>

#include "emu/device.h"
#include "iommu/ctx.h"
#include "support/errno.h"
#include "transport/emu.h"

#define SCHEME "emu:"

/* Doorbells follow the registers in BAR 0. */
#define DOORBELLS_OFFSET 0x1000u

#define NVME_CLASSCODE 0x010802

struct emu_space {
	struct iommu_ctx ctx;
	struct emu_domain *dom;
};

struct emu_transport {
	struct transport tp;
	struct emu_ctrl *emu;
};

static struct emu_transport *to_emu(struct transport *tp)
{
	return (struct emu_transport *)tp;
}

/* ---- address space ---- */

static int space_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		     unsigned long flags)
{
	unsigned int prot = EMU_DMA_READ | EMU_DMA_WRITE;

	if (flags & IOMMU_MAP_NOREAD)
		prot &= ~EMU_DMA_READ;
	if (flags & IOMMU_MAP_NOWRITE)
		prot &= ~EMU_DMA_WRITE;
	return emu_domain_map(((struct emu_space *)ctx)->dom, iova, vaddr, len, prot);
}

static int space_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	emu_domain_unmap(((struct emu_space *)ctx)->dom, iova, len);
	return 0;
}

static void space_close(struct iommu_ctx *ctx)
{
	struct emu_space *space = (struct emu_space *)ctx;

	emu_domain_put(space->dom);
	free(space);
}

static const struct iommu_backend_ops space_ops = {
	.name = "emu",
	.map = space_map,
	.unmap = space_unmap,
	.close = space_close,
};

static struct iommu_ctx *emu_get_ctx(const char *name)
{
	struct emu_space *space = calloc(1, sizeof(*space));

	(void)name; /* every emulated controller can join every such space */
	if (!space)
		return NULL;

	space->dom = emu_domain_create();
	if (!space->dom)
		goto free_space;

	if (iommu_ctx_init(&space->ctx, &space_ops, NULL, 0))
		goto put_dom;
	return &space->ctx;

put_dom:
	emu_domain_put(space->dom);
free_space:
	free(space);
	return NULL;
}

/* ---- device ---- */

static bool emu_match(const char *name)
{
	return !strncmp(name, SCHEME, strlen(SCHEME));
}

static struct transport *emu_open(const char *name, struct iommu_ctx *ctx,
				  struct vfio_pci_device *pci)
{
	struct emu_transport *et;

	if (ctx && ctx->ops != &space_ops) {
		log_error(
			"%s: the address space given is '%s', not one of an emulated controller\n",
			name, ctx->ops->name);
		errno = EINVAL;
		return NULL;
	}

	et = calloc(1, sizeof(*et));
	if (!et)
		return NULL;

	et->tp.ops = &transport_emu_ops;
	et->tp.ctx = ctx ? iommu_ctx_get(ctx) : emu_get_ctx(name);
	if (!et->tp.ctx)
		goto free_et;

	et->emu = emu_ctrl_create(name + strlen(SCHEME), ((struct emu_space *)et->tp.ctx)->dom);
	if (!et->emu)
		goto put_ctx;

	emu_pci_ids(et->emu, &et->tp.vid, &et->tp.did);
	pci->classcode = NVME_CLASSCODE;
	pci->dev.irq_info.argsz = sizeof(pci->dev.irq_info);
	pci->dev.irq_info.flags = VFIO_IRQ_INFO_EVENTFD;
	pci->dev.irq_info.index = VFIO_PCI_MSIX_IRQ_INDEX;
	pci->dev.irq_info.count = (uint32_t)emu_nr_irqs(et->emu);
	return &et->tp;

put_ctx:
	iommu_ctx_put(et->tp.ctx);
free_et:
	free(et);
	return NULL;
}

static void emu_close(struct transport *tp)
{
	struct emu_transport *et = to_emu(tp);

	emu_ctrl_destroy(et->emu);
	iommu_ctx_put(tp->ctx);
	free(et);
}

static int reg_read(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val)
{
	*val = emu_reg_read(to_emu(tp)->emu, off, width);
	return emu_gone(to_emu(tp)->emu) ? set_errno(ENODEV) : 0;
}

static int reg_write(struct transport *tp, uint32_t off, unsigned int width, uint64_t val)
{
	if (emu_gone(to_emu(tp)->emu))
		return set_errno(ENODEV);
	emu_reg_write(to_emu(tp)->emu, off, width, val);
	return 0;
}

static void *map_bar(struct transport *tp, int bar, uint64_t off, size_t *len)
{
	size_t size = 0;
	char *mem = emu_bar(to_emu(tp)->emu, bar, &size);

	if (!mem) {
		errno = ENOTSUP;
		return NULL;
	}
	if (off >= size) {
		errno = EINVAL;
		return NULL;
	}
	if (*len > size - off)
		*len = size - off;
	return mem + off;
}

static void *doorbells(struct transport *tp, size_t *len)
{
	*len = SIZE_MAX;
	return map_bar(tp, EMU_BAR_REGS, DOORBELLS_OFFSET, len);
}

static void ring(struct transport *tp, void *doorbell, uint32_t value)
{
	(void)doorbell; /* the store has been made; the controller only has to look */
	(void)value;
	emu_wake(to_emu(tp)->emu);
}

static const uint32_t *asleep(struct transport *tp)
{
	return emu_asleep(to_emu(tp)->emu);
}

static bool gone(struct transport *tp)
{
	return emu_gone(to_emu(tp)->emu);
}

static int set_irqs(struct transport *tp, int start, int count, const int *fds)
{
	if (gone(tp))
		return set_errno(ENODEV);
	for (int i = 0; i < count; i++) {
		if (emu_set_irq(to_emu(tp)->emu, start + i, fds ? fds[i] : -1))
			return -1;
	}
	return 0;
}

static int reset(struct transport *tp)
{
	emu_reset(to_emu(tp)->emu);
	return gone(tp) ? set_errno(ENODEV) : 0;
}

const struct transport_ops transport_emu_ops = {
	.form = SCHEME "OPTIONS",
	.match = emu_match,
	.get_ctx = emu_get_ctx,
	.open = emu_open,
	.close = emu_close,
	.reg_read = reg_read,
	.reg_write = reg_write,
	.map_bar = map_bar,
	.doorbells = doorbells,
	.ring = ring,
	.asleep = asleep,
	.set_irqs = set_irqs,
	.reset = reset,
	.gone = gone,
};

struct emu_ctrl *emu_ctrl_get(const struct vfio_device *dev)
{
	struct transport *tp = dev->transport;

	if (!tp || tp->ops != &transport_emu_ops) {
		errno = ENODEV;
		return NULL;
	}
	return to_emu(tp)->emu;
}

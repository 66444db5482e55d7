/* SPDX-License-Identifier: MIT */
/*
 * The emulated controller as a device that is served: the only file here that knows src/emu. BAR 0
 * has registers and doorbells, BAR 2 the controller memory buffer, BAR 4 the MSI-X table.
 *
 * A doorbell that comes by message is stored and the controller woken; nobody waits. One that is
 * stored to by the client itself is found when the controller looks: while it works at once, else
 * after a sleep, whose length is an option.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/support/endian.h>
#include <belfry/support/log.h>

#include "emu/device.h"
#include "serve/server.h"
#include "support/errno.h"

#define SCHEME	      "emu:"
#define CLASS_NVME    0x010802u
#define BAR_MSIX      4u
#define REGS_SIZE_MIN 0x4000u /* the specification's: bits 13:4 of the address are reserved */
#define DOORBELLS     0x1000u
#define SLEEP_US      1000u

struct served {
	struct emu_ctrl *emu;
	struct emu_domain *dom;
	struct serve *srv;
};

/* ---- registers ---- */

/* What is not one access to one register is read by dwords. */
static void regs_read(struct served *dev, uint64_t off, uint8_t *buf, size_t len, size_t bar_len)
{
	for (size_t i = 0; i < len;) {
		uint64_t at = off + i, in = at & 3;
		size_t n = 4 - in < len - i ? 4 - in : len - i;
		leint32_t val = cpu_to_le32(0);

		if (at < bar_len)
			val = cpu_to_le32((uint32_t)emu_reg_read(dev->emu, (uint32_t)(at - in), 4));
		memcpy(buf + i, (uint8_t *)&val + in, n);
		i += n;
	}
}

static void *cmb_at(struct served *dev, uint64_t off, size_t *len)
{
	size_t size = 0;
	uint8_t *mem = emu_bar(dev->emu, EMU_BAR_CMB, &size);

	if (off >= size)
		return NULL;
	if (*len > size - off)
		*len = size - off;
	return mem + off;
}

static int dev_read(void *opaque, unsigned int bar, uint64_t off, void *buf, size_t len)
{
	struct served *dev = opaque;
	size_t bar_len = 0, n = len;

	if (bar == EMU_BAR_REGS) {
		emu_bar(dev->emu, EMU_BAR_REGS, &bar_len);
		if (len == 8 && !(off & 7) && off < DOORBELLS) {
			leint64_t val = cpu_to_le64(emu_reg_read(dev->emu, (uint32_t)off, 8));

			memcpy(buf, &val, sizeof(val));
		} else {
			regs_read(dev, off, buf, len, bar_len);
		}
		return 0;
	}
	memset(buf, 0, len); /* a BAR may be larger than what is in it */
	if (cmb_at(dev, off, &n))
		memcpy(buf, cmb_at(dev, off, &n), n);
	return 0;
}

static void reg_write(struct served *dev, uint64_t off, const uint8_t *buf, unsigned int len)
{
	leint64_t val64 = cpu_to_le64(0);
	uint64_t val;

	memcpy(&val64, buf, len);
	val = le64_to_cpu(val64);
	if (len != 4 || off & 3 || !emu_doorbell_ring(dev->emu, (uint32_t)off, (uint32_t)val))
		emu_reg_write(dev->emu, (uint32_t)off, len, val);
}

/* Registers are written as a whole: what is longer than any is several of them. */
static int regs_write(struct served *dev, uint64_t off, const uint8_t *buf, size_t len)
{
	size_t bar_len = 0;

	emu_bar(dev->emu, EMU_BAR_REGS, &bar_len);
	if (len > 8 && (off | len) & 3)
		return set_errno(EINVAL);
	for (size_t i = 0; i < len && off + i < bar_len;) {
		unsigned int n = len > 8 ? 4 : (unsigned int)len;

		reg_write(dev, off + i, buf + i, n);
		i += n;
	}
	return 0;
}

static int dev_write(void *opaque, unsigned int bar, uint64_t off, const void *buf, size_t len)
{
	struct served *dev = opaque;
	void *mem;

	if (bar == EMU_BAR_REGS)
		return regs_write(dev, off, buf, len);
	mem = cmb_at(dev, off, &len);
	if (mem)
		memcpy(mem, buf, len);
	return 0;
}

/* ---- DMA ---- */

static int host_read(void *opaque, uint64_t iova, void *buf, size_t len)
{
	return serve_dma_message(((struct served *)opaque)->srv, iova, buf, NULL, len);
}

static int host_write(void *opaque, uint64_t iova, const void *buf, size_t len)
{
	return serve_dma_message(((struct served *)opaque)->srv, iova, NULL, buf, len);
}

static int dev_dma_map(void *opaque, const struct serve_dma *dma)
{
	struct served *dev = opaque;
	unsigned int prot = 0;

	if (dma->prot & SERVE_DMA_READ)
		prot |= EMU_DMA_READ;
	if (dma->prot & SERVE_DMA_WRITE)
		prot |= EMU_DMA_WRITE;
	if (dma->mem)
		return emu_domain_map(dev->dom, dma->iova, dma->mem, dma->len, prot);
	return emu_domain_map_remote(dev->dom, dma->iova, dma->len, prot,
				     &(struct emu_remote_host){
					     .read = host_read,
					     .write = host_write,
					     .arg = dev,
				     });
}

static void dev_dma_unmap(void *opaque, const struct serve_dma *dma)
{
	struct served *dev = opaque;

	emu_domain_unmap(dev->dom, dma->iova, dma->len);
}

/* ---- interrupts, reset ---- */

/* In this order, nothing is signalled that is to be masked. */
static void dev_set_irq(void *opaque, unsigned int vector, int fd, bool masked)
{
	struct served *dev = opaque;

	if (masked)
		emu_mask_irq(dev->emu, (int)vector, true);
	emu_set_irq(dev->emu, (int)vector, fd);
	if (!masked)
		emu_mask_irq(dev->emu, (int)vector, false);
}

static bool dev_irq_pending(void *opaque, unsigned int vector)
{
	struct served *dev = opaque;

	return emu_irq_pending(dev->emu, (int)vector);
}

static bool dev_intx_level(void *opaque)
{
	struct served *dev = opaque;

	return emu_irq_level(dev->emu);
}

static void dev_reset(void *opaque)
{
	struct served *dev = opaque;

	emu_reset(dev->emu);
}

static void dev_close(void *opaque)
{
	struct served *dev = opaque;

	emu_ctrl_destroy(dev->emu);
	emu_domain_put(dev->dom);
	free(dev);
}

static const struct serve_ops emu_ops = {
	.read = dev_read,
	.write = dev_write,
	.dma_map = dev_dma_map,
	.dma_unmap = dev_dma_unmap,
	.set_irq = dev_set_irq,
	.irq_pending = dev_irq_pending,
	.intx_level = dev_intx_level,
	.reset = dev_reset,
	.close = dev_close,
};

/* ---- life ---- */

static uint64_t power_of_two(uint64_t least, uint64_t len)
{
	while (least < len)
		least *= 2;
	return least;
}

/* A BAR, of which [@from, end) can be mapped where pages are small enough. */
static void describe_bar(struct served *dev, struct serve_bar *bar, int which, uint64_t from,
			 bool shared)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t len = 0;

	bar->fd = -1;
	if (!emu_bar(dev->emu, which, &len))
		return;
	bar->wide = true;
	bar->prefetchable = which == EMU_BAR_CMB;
	bar->size = power_of_two(which == EMU_BAR_REGS ? REGS_SIZE_MIN : page, len);
	if (!shared || from % page || len % page)
		return;
	bar->fd = emu_bar_share(dev->emu, which);
	if (bar->fd < 0)
		log_info("a BAR cannot be mapped, every access is a message: %s\n",
			 strerror(errno));
	bar->map_off = from;
	bar->map_len = len - from;
}

static void describe(struct served *dev, struct serve_pci *pci, const struct serve_options *options)
{
	bool shared = !options || !options->no_mmap;

	*pci = (struct serve_pci){
		.class_code = CLASS_NVME,
		.nr_vectors = (unsigned int)emu_nr_irqs(dev->emu),
		.msix_bar = BAR_MSIX,
		.intx = true,
	};
	emu_pci_ids(dev->emu, &pci->vid, &pci->did);
	pci->subsys_vid = pci->vid;
	pci->subsys_did = pci->did;
	for (int i = 0; i < SERVE_NR_BARS; i++)
		pci->bars[i].fd = -1;
	describe_bar(dev, &pci->bars[EMU_BAR_REGS], EMU_BAR_REGS, DOORBELLS, shared);
	describe_bar(dev, &pci->bars[EMU_BAR_CMB], EMU_BAR_CMB, 0, shared);
	if (pci->bars[EMU_BAR_REGS].fd >= 0)
		emu_set_sleep(dev->emu,
			      options && options->sleep_us ? options->sleep_us : SLEEP_US);
}

static struct served *served_create(const char *opts)
{
	struct served *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->dom = emu_domain_create();
	if (!dev->dom)
		goto free_dev;
	dev->emu = emu_ctrl_create(opts, dev->dom);
	if (dev->emu)
		return dev;
	emu_domain_put(dev->dom);
free_dev:
	free(dev);
	return NULL;
}

struct serve *serve_emu(const char *name, const struct serve_options *options)
{
	struct serve_pci pci;
	struct served *dev;
	struct serve *srv;

	if (strncmp(name, SCHEME, strlen(SCHEME)) != 0) {
		log_error("%s: cannot be served; what can is " SCHEME "OPTIONS\n", name);
		return set_errno_null(EINVAL);
	}
	dev = served_create(name + strlen(SCHEME));
	if (!dev)
		return NULL;
	describe(dev, &pci, options);
	srv = serve_open(&pci, &emu_ops, dev, options);
	if (srv) {
		dev->srv = srv; /* before there is a client */
		return srv;
	}
	keep_errno();
	dev_close(dev);
	return NULL;
}

struct emu_ctrl *serve_emu_ctrl(const struct serve *srv)
{
	if (srv->ops == &emu_ops)
		return ((struct served *)srv->dev)->emu;
	return set_errno_null(ENODEV);
}

/* SPDX-License-Identifier: MIT */
/*
 * Regions, and what follows from writing to them.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include <belfry/support/log.h>

#include "serve/region.h"

static bool is_bar(uint32_t region)
{
	return region <= VFIO_PCI_BAR5_REGION_INDEX;
}

static bool is_msix(const struct serve *srv, uint32_t region)
{
	return srv->pci.nr_vectors && region == srv->pci.msix_bar;
}

uint64_t region_size(const struct serve *srv, uint32_t region)
{
	if (is_msix(srv, region))
		return srv->irqs.bar_len;
	if (is_bar(region))
		return srv->pci.bars[region].size;
	return region == VFIO_PCI_CONFIG_REGION_INDEX ? PCI_CFG_LEN : 0;
}

const struct serve_bar *region_mappable(const struct serve *srv, uint32_t region)
{
	if (!is_bar(region) || srv->options.no_mmap || !srv->pci.bars[region].size ||
	    srv->pci.bars[region].fd < 0)
		return NULL;
	return &srv->pci.bars[region];
}

bool region_check(const struct serve *srv, uint32_t region, uint64_t off, uint64_t len)
{
	uint64_t size = region_size(srv, region);

	return len && len <= size && off <= size - len;
}

/* ---- configuration space ---- */

void region_reset(struct serve *srv)
{
	srv->ops->reset(srv->dev);
	irq_reset(&srv->irqs);
	irq_config(&srv->irqs, pci_msix_masked(&srv->cfg), pci_intx_off(&srv->cfg));
}

/* What configuration space says takes effect. */
static void config_settle(struct serve *srv)
{
	if (srv->cfg.flr) {
		srv->cfg.flr = false;
		pci_cfg_reset(&srv->cfg);
		region_reset(srv);
	}
	dma_set_master(&srv->dma, pci_master_on(&srv->cfg));
	irq_config(&srv->irqs, pci_msix_masked(&srv->cfg), pci_intx_off(&srv->cfg));
}

void region_power_on(struct serve *srv)
{
	pci_cfg_init(&srv->cfg, &srv->pci);
	dma_set_master(&srv->dma, false);
	irq_reset(&srv->irqs);
	irq_config(&srv->irqs, false, false);
}

static void config_read(struct serve *srv, uint64_t off, void *buf, size_t len)
{
	if (off <= PCI_STATUS && off + len > PCI_STATUS)
		pci_intx_show(&srv->cfg, irq_pin_level(&srv->irqs));
	memcpy(buf, srv->cfg.data + off, len);
}

/* ---- accesses ---- */

/* As on a bus where nobody answers. */
static bool unanswered(struct serve *srv)
{
	if (pci_memory_on(&srv->cfg))
		return false;
	log_info("access to a BAR while memory space is not enabled in the command register\n");
	return true;
}

int region_read(struct serve *srv, uint32_t region, uint64_t off, void *buf, size_t len)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		config_read(srv, off, buf, len);
		return 0;
	}
	if (unanswered(srv)) {
		memset(buf, 0xff, len);
		return 0;
	}
	if (is_msix(srv, region)) {
		irq_bar_read(&srv->irqs, off, buf, len);
		return 0;
	}
	return srv->ops->read(srv->dev, region, off, buf, len);
}

int region_write(struct serve *srv, uint32_t region, uint64_t off, const void *buf, size_t len)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		pci_cfg_write(&srv->cfg, off, buf, len);
		config_settle(srv);
		return 0;
	}
	if (unanswered(srv))
		return 0;
	if (is_msix(srv, region)) {
		irq_bar_write(&srv->irqs, off, buf, len);
		return 0;
	}
	return srv->ops->write(srv->dev, region, off, buf, len);
}

/* SPDX-License-Identifier: MIT */
/*
 * Configuration space. pci.h has what it is made of.
 *
 * Spec: PCI Express Base 3.1, "Configuration Space", "Function Level Reset"; PCI Local Bus 3.0,
 * "Base Addresses", "MSI-X Capability and Table Structures"; PCI Power Management 1.2.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "serve/pci.h"

/* Where the capabilities are. */
#define CAP_PM	 0x40
#define CAP_MSIX 0x50
#define CAP_EXP	 0x60

#define BAR_SIZE_MAX (1ull << 46)
#define MSIX_MAX     2048u
#define PAGE	     4096u

/* Half of a BAR for the table, half for the pending bits. */
uint32_t pci_msix_bar_size(unsigned int nr_vectors)
{
	uint32_t half = PAGE;

	while (half < nr_vectors * PCI_MSIX_ENTRY_SIZE)
		half *= 2;
	return 2 * half;
}

static const char *bar_check(const struct serve_pci *pci, unsigned int i)
{
	const struct serve_bar *bar = &pci->bars[i];

	if (!bar->size)
		return NULL;
	if (bar->size & (bar->size - 1) || bar->size < PAGE || bar->size > BAR_SIZE_MAX)
		return "the size of a BAR is no power of two from 4 KiB to 64 TiB";
	if (!bar->wide && bar->size > 1ull << 31)
		return "a BAR of 32 bits is larger than 2 GiB";
	if (bar->wide && (i + 1 == SERVE_NR_BARS || pci->bars[i + 1].size ||
			  (pci->nr_vectors && pci->msix_bar == i + 1)))
		return "the place after a BAR of 64 bits is not free";
	if (bar->fd >= 0 && (bar->map_off > bar->size || bar->map_len > bar->size - bar->map_off ||
			     bar->map_off % PAGE || bar->map_len % PAGE || !bar->map_len))
		return "what can be mapped of a BAR is no part of it in pages";
	return NULL;
}

const char *pci_cfg_check(const struct serve_pci *pci)
{
	const char *error = NULL;

	if (pci->class_code >> 24)
		return "the class code has more than 24 bits";
	if (pci->nr_vectors > MSIX_MAX)
		return "more than 2048 vectors";
	if (pci->nr_vectors && (pci->msix_bar >= SERVE_NR_BARS || pci->bars[pci->msix_bar].size))
		return "the BAR of the MSI-X table is not free";
	for (unsigned int i = 0; i < SERVE_NR_BARS && !error; i++)
		error = bar_check(pci, i);
	return error;
}

/* ---- making it ---- */

static void put(uint8_t *at, uint64_t val, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		at[i] = (uint8_t)(val >> 8 * i);
}

static uint32_t get(const struct pci_cfg *cfg, unsigned int off, unsigned int len)
{
	uint32_t val = 0;

	for (unsigned int i = 0; i < len; i++)
		val |= (uint32_t)cfg->data[off + i] << 8 * i;
	return val;
}

/* The low bits of a BAR say what it is; those of the address that its size covers are zero. */
static void add_bar(struct pci_cfg *cfg, unsigned int i, uint64_t size, bool wide, bool prefetch)
{
	unsigned int off = PCI_BASE_ADDRESS_0 + 4 * i;

	if (!size)
		return;
	cfg->data[off] = (wide ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
			 (prefetch ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
	put(&cfg->rw[off], ~(size - 1), wide ? 8 : 4);
}

/* Put a capability at the front of the list. */
static uint8_t *add_cap(struct pci_cfg *cfg, uint8_t off, uint8_t id)
{
	cfg->data[off] = id;
	cfg->data[off + 1] = cfg->data[PCI_CAPABILITY_LIST];
	cfg->data[PCI_CAPABILITY_LIST] = off;
	return &cfg->data[off];
}

/* An endpoint of one lane; its registers for slots and roots are reserved. */
static void add_exp(struct pci_cfg *cfg)
{
	uint8_t *cap = add_cap(cfg, CAP_EXP, PCI_CAP_ID_EXP), *rw = &cfg->rw[CAP_EXP];

	put(cap + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4, 2);
	put(cap + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR, 4);
	put(cap + PCI_EXP_DEVCTL,
	    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B, 2);
	put(rw + PCI_EXP_DEVCTL,
	    PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
		    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_NOSNOOP_EN |
		    PCI_EXP_DEVCTL_READRQ,
	    2);
	put(cap + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4, 4);
	put(rw + PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES, 2);
	put(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1, 2);
	put(cap + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB, 4);
	put(cap + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS_2_5GT, 2);
}

static void add_msix(struct pci_cfg *cfg, const struct serve_pci *pci)
{
	uint32_t size = pci_msix_bar_size(pci->nr_vectors);
	uint8_t *cap = add_cap(cfg, CAP_MSIX, PCI_CAP_ID_MSIX);

	cfg->has_msix = true;
	put(cap + PCI_MSIX_FLAGS, pci->nr_vectors - 1, 2); /* 0's based */
	put(&cfg->rw[CAP_MSIX + PCI_MSIX_FLAGS], PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	put(cap + PCI_MSIX_TABLE, pci->msix_bar, 4);
	put(cap + PCI_MSIX_PBA, size / 2 | pci->msix_bar, 4);
	add_bar(cfg, pci->msix_bar, size, false, false);
}

/* D0 and D3hot, and nothing is lost between them. */
static void add_pm(struct pci_cfg *cfg)
{
	uint8_t *cap = add_cap(cfg, CAP_PM, PCI_CAP_ID_PM);

	put(cap + PCI_PM_PMC, 3, 2);
	put(cap + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET, 2);
	put(&cfg->rw[CAP_PM + PCI_PM_CTRL], PCI_PM_CTRL_STATE_MASK, 2);
}

void pci_cfg_init(struct pci_cfg *cfg, const struct serve_pci *pci)
{
	uint8_t *d = cfg->data;

	memset(cfg, 0, sizeof(*cfg));
	put(d + PCI_VENDOR_ID, pci->vid, 2);
	put(d + PCI_DEVICE_ID, pci->did, 2);
	put(&cfg->rw[PCI_COMMAND],
	    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
		    PCI_COMMAND_INTX_DISABLE,
	    2);
	put(d + PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	put(&cfg->rw1c[PCI_STATUS], 0xf900, 2); /* errors: none ever happens */
	d[PCI_REVISION_ID] = pci->revision;
	put(d + PCI_CLASS_PROG, pci->class_code, 3);
	cfg->rw[PCI_CACHE_LINE_SIZE] = 0xff;
	for (unsigned int i = 0; i < SERVE_NR_BARS; i++)
		add_bar(cfg, i, pci->bars[i].size, pci->bars[i].wide, pci->bars[i].prefetchable);
	put(d + PCI_SUBSYSTEM_VENDOR_ID, pci->subsys_vid, 2);
	put(d + PCI_SUBSYSTEM_ID, pci->subsys_did, 2);
	cfg->rw[PCI_INTERRUPT_LINE] = 0xff;
	d[PCI_INTERRUPT_PIN] = pci->intx ? 1 : 0;
	add_exp(cfg);
	if (pci->nr_vectors)
		add_msix(cfg, pci);
	add_pm(cfg);
}

/* ---- using it ---- */

void pci_cfg_reset(struct pci_cfg *cfg)
{
	for (unsigned int i = 0; i < PCI_CFG_LEN; i++)
		cfg->data[i] &= (uint8_t)~cfg->rw[i];
	put(&cfg->data[CAP_EXP + PCI_EXP_DEVCTL],
	    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B, 2);
}

void pci_cfg_write(struct pci_cfg *cfg, size_t off, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t at = off + i;
		uint8_t rw = cfg->rw[at], old = cfg->data[at];

		cfg->data[at] = (uint8_t)((old & ~rw) | (buf[i] & rw));
		cfg->data[at] &= (uint8_t) ~(buf[i] & cfg->rw1c[at]);
		if (at == CAP_EXP + PCI_EXP_DEVCTL + 1 && buf[i] & PCI_EXP_DEVCTL_BCR_FLR >> 8)
			cfg->flr = true;
		/* The states between D0 and D3hot are not there, and cannot be written. */
		if (at == CAP_PM + PCI_PM_CTRL && (cfg->data[at] & PCI_PM_CTRL_STATE_MASK) % 3)
			cfg->data[at] = old;
	}
}

static bool in_d0(const struct pci_cfg *cfg)
{
	return !(get(cfg, CAP_PM + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK);
}

bool pci_memory_on(const struct pci_cfg *cfg)
{
	return get(cfg, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY && in_d0(cfg);
}

bool pci_master_on(const struct pci_cfg *cfg)
{
	return get(cfg, PCI_COMMAND, 2) & PCI_COMMAND_MASTER && in_d0(cfg);
}

bool pci_intx_off(const struct pci_cfg *cfg)
{
	return get(cfg, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;
}

bool pci_msix_masked(const struct pci_cfg *cfg)
{
	return cfg->has_msix && get(cfg, CAP_MSIX + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_MASKALL;
}

void pci_intx_show(struct pci_cfg *cfg, bool asserted)
{
	if (asserted)
		cfg->data[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		cfg->data[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
}

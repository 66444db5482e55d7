/* SPDX-License-Identifier: MIT */
/*
 * Configuration space of a PCI Express endpoint: header, power management, MSI-X and PCI Express
 * capabilities. Bytes and three masks: which bits software can write, which it clears by writing
 * ones; all others are constant. What a bit does is for others to find out after a write.
 */
#ifndef BELFRY_SRC_SERVE_PCI_H
#define BELFRY_SRC_SERVE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/serve.h>

#define PCI_CFG_LEN 4096u

struct pci_cfg {
	uint8_t data[PCI_CFG_LEN];
	uint8_t rw[PCI_CFG_LEN];   /* bits that a write sets and clears */
	uint8_t rw1c[PCI_CFG_LEN]; /* bits that a one clears */
	bool flr;		   /* a function-level reset was asked for; the reader clears it */
	bool has_msix;
};

/**
 * pci_cfg_check() - does a description make a PCI function
 * @pci: description
 *
 * Return: NULL, or what is wrong with it.
 */
const char *pci_cfg_check(const struct serve_pci *pci);

/**
 * pci_msix_bar_size() - bytes of the BAR of the MSI-X table
 * @nr_vectors: vectors
 *
 * Return: a power of two; the table is at its begin, the pending bits are at its half.
 */
uint32_t pci_msix_bar_size(unsigned int nr_vectors);

/**
 * pci_cfg_init() - configuration space after power-on
 * @cfg: out
 * @pci: description, checked
 */
void pci_cfg_init(struct pci_cfg *cfg, const struct serve_pci *pci);

/**
 * pci_cfg_reset() - function-level reset: all that software has written is gone
 * @cfg: configuration space
 */
void pci_cfg_reset(struct pci_cfg *cfg);

/**
 * pci_cfg_write() - write to it
 * @cfg: configuration space
 * @off: offset, bytes
 * @buf: data
 * @len: bytes, within it
 */
void pci_cfg_write(struct pci_cfg *cfg, size_t off, const uint8_t *buf, size_t len);

/**
 * pci_memory_on() - do the BARs answer
 * @cfg: configuration space
 *
 * Return: true with memory space enabled, in power state D0.
 */
bool pci_memory_on(const struct pci_cfg *cfg);

/**
 * pci_master_on() - may the function do DMA
 * @cfg: configuration space
 *
 * Return: true with bus mastering enabled, in power state D0.
 */
bool pci_master_on(const struct pci_cfg *cfg);

/**
 * pci_intx_off() - is the interrupt pin disabled
 * @cfg: configuration space
 *
 * Return: true if so.
 */
bool pci_intx_off(const struct pci_cfg *cfg);

/**
 * pci_msix_masked() - are all vectors of MSI-X masked
 * @cfg: configuration space
 *
 * Return: true if so.
 */
bool pci_msix_masked(const struct pci_cfg *cfg);

/**
 * pci_intx_show() - set the interrupt status bit
 * @cfg: configuration space
 * @asserted: state of the pin
 */
void pci_intx_show(struct pci_cfg *cfg, bool asserted);

#endif /* BELFRY_SRC_SERVE_PCI_H */

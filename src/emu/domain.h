/* SPDX-License-Identifier: MIT */
/*
 * DMA domain: which host memory emulated controllers reach, and where.
 *
 * A table of two levels, indexed by IOVA bits 47:30 and 29:12, holds the host
 * address of each page and the rights in it. A look-up takes no lock. Entries are
 * withdrawn before their memory goes: emu_domain_unmap() counts the generation up
 * and then waits until the thread of each controller has looked at its mailbox or
 * sleeps, for it keeps no pointer into host memory over that without comparing
 * the generation.
 */
#ifndef BELFRY_SRC_EMU_DOMAIN_H
#define BELFRY_SRC_EMU_DOMAIN_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/support/atomic.h>

#include "emu/ctrl.h"

#define EMU_IOVA_BITS 48
#define EMU_DIR_SHIFT 30
#define EMU_DIR_SIZE  (1u << (EMU_IOVA_BITS - EMU_DIR_SHIFT))
#define EMU_LEAF_SIZE (1u << (EMU_DIR_SHIFT - 12))

/* An entry is the page's host address and, in its low bits, EMU_DMA_* and one of these. */
#define EMU_PTE_PRESENT 4u
#define EMU_PTE_REMOTE	8u /* the address is that of the page's shadow; remote.h */

struct emu_remote;

struct emu_domain {
	uint64_t gen;		    /* counts unmaps; any thread reads it */
	struct emu_remote *remotes; /* mappings without memory; changed under the lock */
	uint64_t **dir;		    /* leaves appear under the lock and stay until the end */
	pthread_mutex_t lock;	    /* guards changes of the table, and ctrls */
	struct emu_ctrl *ctrls;
	uint32_t dir_used; /* leaves are below this index */
	uint32_t refs;
};

/* private: the address in the entry of an IOVA that has all of @bits, or NULL */
static inline uint8_t *__emu_domain_find(const struct emu_domain *dom, uint64_t iova, uint64_t bits)
{
	uint64_t *leaf, pte;

	if (iova >> EMU_IOVA_BITS)
		return NULL;
	leaf = atomic_load_acquire(&dom->dir[iova >> EMU_DIR_SHIFT]);
	if (!leaf)
		return NULL;
	pte = atomic_load_acquire(&leaf[(iova >> 12) & (EMU_LEAF_SIZE - 1)]);
	if ((pte & bits) != bits)
		return NULL;
	return (uint8_t *)(uintptr_t)((pte & ~(uint64_t)(EMU_PAGE - 1)) | (iova & (EMU_PAGE - 1)));
}

/**
 * emu_domain_lookup() - find the host memory of an IOVA
 * @dom: domain
 * @iova: device address
 * @prot: rights that are needed, EMU_DMA_*
 *
 * Context: any thread; lock-free. See above for how long the answer holds.
 * Return: host address, good to the end of the page of EMU_PAGE bytes; NULL if not mapped so.
 */
static inline uint8_t *emu_domain_lookup(const struct emu_domain *dom, uint64_t iova, uint64_t prot)
{
	return __emu_domain_find(dom, iova, prot | EMU_PTE_PRESENT);
}

/**
 * emu_domain_shadow() - find the shadow of an IOVA that is mapped without memory
 * @dom: domain
 * @iova: device address
 * @prot: rights that are needed, EMU_DMA_*
 *
 * Context: as emu_domain_lookup().
 * Return: address, good to the end of the page of EMU_PAGE bytes; NULL if not mapped so.
 */
uint8_t *emu_domain_shadow(const struct emu_domain *dom, uint64_t iova, uint64_t prot);

/**
 * emu_domain_attach() - let the domain know of a controller with a running thread
 * @dom: domain
 * @ctrl: controller
 *
 * Context: any thread.
 */
void emu_domain_attach(struct emu_domain *dom, struct emu_ctrl *ctrl);

/**
 * emu_domain_detach() - stop a controller's thread and forget the controller
 * @dom: domain
 * @ctrl: controller
 *
 * In one step, so that an unmap neither waits for a thread that has ended nor
 * fails to wait for one that has not.
 *
 * Context: any thread but a controller's.
 */
void emu_domain_detach(struct emu_domain *dom, struct emu_ctrl *ctrl);

#endif /* BELFRY_SRC_EMU_DOMAIN_H */

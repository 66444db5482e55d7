/* SPDX-License-Identifier: MIT */
/*
 * The controller's way to host memory: translation of IOVAs, and the walkers of
 * the data pointer (prp.c, sgl.c) that build a command's iov from it.
 *
 * What the host wrote (entries, descriptors) is read once into a local copy, for
 * it may change at any moment, and is checked there.
 */
#ifndef BELFRY_SRC_EMU_DMA_H
#define BELFRY_SRC_EMU_DMA_H

#include <stddef.h>
#include <stdint.h>

#include "emu/ctrl.h"
#include "emu/domain.h"

/* Status for what the host got wrong: the same command would fail again. */
#define EMU_SC_DNR(sc) ((uint16_t)((sc) | NVM_SET(1u, STATUS_DNR)))

/**
 * emu_own_memory() - the controller's own memory at an IOVA
 * @ctrl: controller
 * @iova: device address
 *
 * Context: the controller's thread.
 * Return: address, or NULL.
 */
uint8_t *emu_own_memory(struct emu_ctrl *ctrl, uint64_t iova);

/**
 * emu_own_update() - the controller's own memory is elsewhere now
 * @ctrl: controller whose cmb or pmr.space have changed
 *
 * Context: the controller's thread, or no thread.
 */
void emu_own_update(struct emu_ctrl *ctrl);

/**
 * emu_translate() - find the memory of an IOVA, the host's, a shadow of it, or the controller's own
 * @ctrl: controller
 * @iova: device address
 * @prot: rights that are needed, EMU_DMA_*
 *
 * Context: the controller's thread; lock-free.
 * Return: address, good to the end of the page of EMU_PAGE bytes; NULL: no such mapping.
 */
static inline uint8_t *emu_translate(struct emu_ctrl *ctrl, uint64_t iova, unsigned int prot)
{
	uint8_t *mem;

	if (unlikely(iova - ctrl->own_iova < ctrl->own_len)) {
		mem = emu_own_memory(ctrl, iova);
		if (mem)
			return mem;
	}
	mem = emu_domain_lookup(ctrl->dom, iova, prot);
	return likely(mem) ? mem : emu_domain_shadow(ctrl->dom, iova, prot);
}

/**
 * emu_dma_fault() - count and log an access that emu_translate() refused
 * @ctrl: controller
 * @iova: device address
 * @prot: rights that were needed, EMU_DMA_*
 *
 * Context: the controller's thread.
 * Return: the status for the command: Data Transfer Error.
 */
uint16_t emu_dma_fault(struct emu_ctrl *ctrl, uint64_t iova, unsigned int prot);

/**
 * emu_iov_add() - append a range of IOVAs to a command's iov
 * @req: command; @req->dir says which rights are needed
 * @iova: device address
 * @len: bytes
 *
 * Context: the controller's thread; allocates when the iov has never been this long.
 * Return: 0, or the status for the command.
 */
uint16_t emu_iov_add(struct emu_req *req, uint64_t iova, size_t len);

/**
 * emu_iov_skip() - append a hole (bit bucket) to a command's iov
 * @req: command
 * @len: bytes
 *
 * Context: as emu_iov_add().
 * Return: 0, or the status for the command.
 */
uint16_t emu_iov_skip(struct emu_req *req, size_t len);

/**
 * emu_prp_map() - walk PRP1, PRP2 and lists where the data does not fit PRP1's page
 * @req: command
 * @len: bytes
 *
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: the controller's thread.
 * Return: 0, or the status for the command.
 */
uint16_t emu_prp_map(struct emu_req *req, size_t len);

/**
 * emu_sgl_map() - walk an SGL
 * @req: command
 * @len: bytes
 *
 * Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 * Context: the controller's thread.
 * Return: 0, or the status for the command.
 */
uint16_t emu_sgl_map(struct emu_req *req, size_t len);

#endif /* BELFRY_SRC_EMU_DMA_H */

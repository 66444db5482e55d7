/* SPDX-License-Identifier: MIT */
/*
 * The memory of a queue: host addresses of its pages, which need not be adjacent.
 * They are looked up when the queue is made and again when ring->mapped says that
 * mappings were withdrawn since.
 */
#ifndef BELFRY_SRC_EMU_RING_H
#define BELFRY_SRC_EMU_RING_H

#include <stddef.h>
#include <stdint.h>

#include "emu/ctrl.h"

/**
 * emu_ring_alloc() - make room for the addresses of a queue's pages
 * @ring: out; not mapped
 * @len: bytes of the queue, not 0
 *
 * Own: emu_ring_free().
 * Return: 0, or -1: ENOMEM.
 */
int emu_ring_alloc(struct emu_ring *ring, size_t len);

/**
 * emu_ring_free() - undo emu_ring_alloc()
 * @ring: ring
 */
void emu_ring_free(struct emu_ring *ring);

/**
 * emu_ring_map() - look up the queue's pages
 * @ctrl: controller
 * @ring: ring
 * @iova: of the queue, aligned to EMU_PAGE
 * @prot: rights that are needed, EMU_DMA_*
 *
 * Context: the controller's thread.
 * Return: 0, or -1: a page is not mapped so; it was counted as a DMA fault.
 */
int emu_ring_map(struct emu_ctrl *ctrl, struct emu_ring *ring, uint64_t iova, unsigned int prot);

/**
 * emu_ring_pull() - have what the host has in a queue that it keeps in memory of its own
 * @ctrl: controller
 * @ring: ring, mapped, remote
 * @from: first entry
 * @nr: entries, up to the end of the queue
 * @size: bytes of an entry, a divisor of EMU_PAGE
 *
 * Context: the controller's thread; waits for the host.
 * Return: 0, or Data Transfer Error; it was counted as a DMA fault.
 */
uint16_t emu_ring_pull(struct emu_ctrl *ctrl, struct emu_ring *ring, uint32_t from, uint32_t nr,
		       uint32_t size);

/**
 * emu_ring_push() - the other way
 * @ctrl: controller
 * @ring: ring, mapped, remote
 * @from: first entry
 * @nr: entries, up to the end of the queue
 * @size: bytes of an entry, a divisor of EMU_PAGE
 *
 * Context: as emu_ring_pull().
 * Return: as emu_ring_pull().
 */
uint16_t emu_ring_push(struct emu_ctrl *ctrl, struct emu_ring *ring, uint32_t from, uint32_t nr,
		       uint32_t size);

/**
 * emu_ring_entry() - host address of an entry
 * @ring: ring, mapped
 * @index: entry, within the queue
 * @size: bytes of an entry, a divisor of EMU_PAGE
 *
 * Context: the controller's thread; per command, hence inline.
 * Return: its address.
 */
static inline uint8_t *emu_ring_entry(const struct emu_ring *ring, uint32_t index, uint32_t size)
{
	uint64_t off = (uint64_t)index * size;

	return ring->pages[off / EMU_PAGE] + off % EMU_PAGE;
}

#endif /* BELFRY_SRC_EMU_RING_H */

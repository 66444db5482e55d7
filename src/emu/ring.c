/* SPDX-License-Identifier: MIT */
/*
 * The memory of a queue: host addresses of its pages, which need not be adjacent.
 */
#include <stdlib.h>

#include "emu/dma.h"
#include "emu/remote.h"
#include "emu/ring.h"

int emu_ring_alloc(struct emu_ring *ring, size_t len)
{
	ring->nr_pages = (uint32_t)((len + EMU_PAGE - 1) / EMU_PAGE);
	ring->pages = calloc(ring->nr_pages, sizeof(*ring->pages));
	ring->mapped = false;
	return ring->pages ? 0 : -1;
}

void emu_ring_free(struct emu_ring *ring)
{
	free(ring->pages);
	*ring = (struct emu_ring){.pages = NULL};
}

int emu_ring_map(struct emu_ctrl *ctrl, struct emu_ring *ring, uint64_t iova, unsigned int prot)
{
	ring->remote = false;
	for (uint32_t i = 0; i < ring->nr_pages; i++) {
		ring->pages[i] = emu_translate(ctrl, iova + i * (uint64_t)EMU_PAGE, prot);
		if (!ring->pages[i]) {
			emu_dma_fault(ctrl, iova + i * (uint64_t)EMU_PAGE, prot);
			return -1;
		}
		ring->remote |= emu_remote_any(ctrl) && emu_remote_owns(ctrl, ring->pages[i]);
	}
	ring->mapped = true;
	return 0;
}

/* A page at a time: those that follow each other may be of different mappings. */
static uint16_t ring_move(struct emu_ctrl *ctrl, struct emu_ring *ring, uint32_t from, uint32_t nr,
			  uint32_t size, enum emu_dir dir)
{
	uint16_t sc = 0;

	while (nr && !sc) {
		uint32_t in_page = (EMU_PAGE - from * size % EMU_PAGE) / size;
		uint32_t n = nr < in_page ? nr : in_page;

		sc = emu_remote_move(ctrl, emu_ring_entry(ring, from, size), n * (size_t)size, dir);
		from += n;
		nr -= n;
	}
	return sc;
}

uint16_t emu_ring_pull(struct emu_ctrl *ctrl, struct emu_ring *ring, uint32_t from, uint32_t nr,
		       uint32_t size)
{
	return ring_move(ctrl, ring, from, nr, size, EMU_FROM_HOST);
}

uint16_t emu_ring_push(struct emu_ctrl *ctrl, struct emu_ring *ring, uint32_t from, uint32_t nr,
		       uint32_t size)
{
	return ring_move(ctrl, ring, from, nr, size, EMU_TO_HOST);
}

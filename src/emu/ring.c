/* SPDX-License-Identifier: MIT */
/*
 * The memory of a queue: host addresses of its pages, which need not be adjacent.
 */
#include <stdlib.h>

#include "emu/dma.h"
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
	for (uint32_t i = 0; i < ring->nr_pages; i++) {
		ring->pages[i] = emu_translate(ctrl, iova + i * (uint64_t)EMU_PAGE, prot);
		if (!ring->pages[i]) {
			emu_dma_fault(ctrl, iova + i * (uint64_t)EMU_PAGE, prot);
			return -1;
		}
	}
	ring->mapped = true;
	return 0;
}

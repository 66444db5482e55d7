/* SPDX-License-Identifier: MIT */
/*
 * Walker of PRPs. Entries after PRP1 point at whole memory pages; where the data
 * needs more than two entries PRP2 points at a list, and the last slot of a list's
 * page, if data for more than one page is left there, at the next list.
 *
 * The walk ends however the lists are chained, since every list page but the
 * first has at least one entry that covers data.
 */
#include "emu/dma.h"
#include "emu/remote.h"

/* Where the walk is in the lists. */
struct prp_list {
	uint64_t iova;	       /* of the next slot */
	const leint64_t *slot; /* host address of it, NULL: to be translated */
};

/* The next slot of the list, which stays within its memory page: the caller sees to that. */
static uint16_t list_next(struct emu_ctrl *ctrl, struct prp_list *list, uint64_t *entry)
{
	if (!list->slot || !(list->iova & (EMU_PAGE - 1))) {
		uint8_t *mem = emu_translate(ctrl, list->iova, EMU_DMA_READ);
		uint16_t sc;

		if (!mem)
			return emu_dma_fault(ctrl, list->iova, EMU_DMA_READ);
		sc = emu_remote_move(ctrl, mem, EMU_PAGE - (list->iova & (EMU_PAGE - 1)),
				     EMU_FROM_HOST);
		if (sc)
			return sc;
		list->slot = (const leint64_t *)(const void *)mem;
	}
	*entry = le64_to_cpu(LOAD_PTR(list->slot));
	list->slot++;
	list->iova += sizeof(leint64_t);
	return 0;
}

static uint16_t list_map(struct emu_req *req, uint64_t iova, size_t len)
{
	struct emu_ctrl *ctrl = req->ctrl;
	uint32_t mask = ctrl->page_size - 1;
	struct prp_list list = {.iova = iova};
	uint64_t entry = 0;

	while (len) {
		bool last_slot = (list.iova & mask) == mask + 1 - sizeof(leint64_t);
		size_t n = len < ctrl->page_size ? len : ctrl->page_size;
		uint16_t sc = list_next(ctrl, &list, &entry);

		if (sc)
			return sc;
		if (entry & mask)
			return EMU_SC_DNR(NVM_SC_PRP_INVALID_OFFSET);
		if (last_slot && len > ctrl->page_size) {
			list = (struct prp_list){.iova = entry};
			continue;
		}
		sc = emu_iov_add(req, entry, n);
		if (sc)
			return sc;
		len -= n;
	}
	return 0;
}

uint16_t emu_prp_map(struct emu_req *req, size_t len)
{
	uint32_t page_size = req->ctrl->page_size;
	uint64_t prp1 = le64_to_cpu(req->cmd.dptr.prp1);
	uint64_t prp2 = le64_to_cpu(req->cmd.dptr.prp2);
	size_t first = page_size - (prp1 & (page_size - 1));
	uint16_t sc;

	/* Refuse what is malformed before anything is looked up. */
	if (len - first <= page_size ? prp2 & (page_size - 1) : prp2 & 7)
		return EMU_SC_DNR(NVM_SC_PRP_INVALID_OFFSET);
	sc = emu_iov_add(req, prp1, first);
	if (sc)
		return sc;
	if (len - first <= page_size)
		return emu_iov_add(req, prp2, len - first);
	return list_map(req, prp2, len - first);
}

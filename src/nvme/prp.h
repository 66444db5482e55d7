/* SPDX-License-Identifier: MIT */
/*
 * PRPs are built piece by piece: a piece is contiguous in the address space.
 * The list is written as it grows; the command only by nvme_prp_finish(), when
 * everything has turned out to be in order.
 */
#ifndef BELFRY_SRC_NVME_PRP_H
#define BELFRY_SRC_NVME_PRP_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/nvme/ctrl.h>

/**
 * struct nvme_prp - PRPs being built
 * @page: bytes in a memory page (CC.MPS)
 * @shift: log2 of @page
 * @max_len: most bytes in the transfer
 * @prp1: first entry
 * @second: second entry
 * @nr: entries so far, without those that chain list pages
 * @len: bytes so far
 * @end: address behind the last piece
 * @list: page of the list that is being filled
 * @list_iova: its address
 * @first_iova: address of the list's first page
 * @slot: next entry in @list
 * @pages_left: list pages after this one
 */
struct nvme_prp {
	size_t page;
	unsigned int shift;
	uint64_t max_len;
	iova_t prp1, second;
	uint64_t nr;
	uint64_t len;
	iova_t end;
	leint64_t *list;
	iova_t list_iova;
	iova_t first_iova;
	uint32_t slot;
	int pages_left;
};

/**
 * nvme_prp_start() - no PRPs yet
 * @prp: out
 * @ctrl: controller
 * @list: list pages, contiguous
 * @list_iova: their address, aligned to the memory page
 * @pages: how many, 1 or more
 *
 * Context: any; pure.
 */
void nvme_prp_start(struct nvme_prp *prp, const struct nvme_ctrl *ctrl, leint64_t *list,
		    iova_t list_iova, int pages);

/**
 * nvme_prp_add() - add a piece
 * @prp: PRPs
 * @iova: address; 4-byte aligned, and page aligned unless it is the first piece
 * @len: bytes
 *
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: any; writes the list.
 * Return: 0, or -1: EINVAL a rule is broken, EMSGSIZE the list or MDTS is exceeded.
 */
int nvme_prp_add(struct nvme_prp *prp, iova_t iova, size_t len);

/**
 * nvme_prp_finish() - put the PRPs into a command
 * @prp: PRPs, at least one
 * @cmd: command
 *
 * Context: any.
 */
void nvme_prp_finish(const struct nvme_prp *prp, union nvme_cmd *cmd);

#endif /* BELFRY_SRC_NVME_PRP_H */

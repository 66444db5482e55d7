/* SPDX-License-Identifier: MIT */
/*
 * The short ways to say where data is: of one buffer in one mapping, for which one pair of words in the
 * command is enough. Most commands have no other, so that instructions are counted here (budget:
 * map_prp_4k, map_sgl_4k, read_4k). What they do not do is for prp.c and sgl.c.
 */
#ifndef BELFRY_SRC_NVME_SHORT_H
#define BELFRY_SRC_NVME_SHORT_H

#include <stdbool.h>
#include <stdint.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/rq.h>

#include "iommu/translate.h"
#include "nvme/map.h"

/**
 * nvme_short_prp() - one buffer within 4 KiB as PRP1
 * @ctrl: controller
 * @rq: tracker
 * @cmd: command; PRP1, PRP2 and PSDT are written
 * @iov: the buffer
 *
 * 4 KiB is the smallest page there is, so that CC.MPS and MDTS do not matter.
 *
 * Context: owner of @rq; no lock, allocation or syscall.
 * Return: true; or false where it takes more than this to tell, and nothing was written.
 */
static inline __attribute__((always_inline)) bool nvme_short_prp(const struct nvme_ctrl *ctrl,
								 const struct nvme_rq *rq,
								 union nvme_cmd *cmd,
								 const struct iovec *iov)
{
	size_t off;
	iova_t iova;

	off = (uintptr_t)iov->iov_base & 4095;
	if (iov->iov_len - 1 > 4095 - off || unlikely(off & 3) ||
	    unlikely(rq->detour & NVME_RQ_DETOUR_FAILED) ||
	    unlikely(!iommu_translate_page(ctrl->pci.dev.ctx, iov->iov_base, &iova)))
		return false;

	nvme_put_psdt(cmd, NVME_CMD_FLAGS_PSDT_PRP);
	nvme_put_words(&cmd->dptr, iova, 0);
	return true;
}

/**
 * nvme_short_sgl() - one buffer as the one descriptor in the command
 * @ctrl: controller
 * @rq: tracker
 * @cmd: command; the SGL descriptor and PSDT are written
 * @iov: the buffer
 *
 * Context: owner of @rq; no lock, allocation or syscall.
 * Return: true; or false where it takes more than this to tell, and nothing was written.
 */
static inline __attribute__((always_inline)) bool nvme_short_sgl(const struct nvme_ctrl *ctrl,
								 const struct nvme_rq *rq,
								 union nvme_cmd *cmd,
								 const struct iovec *iov)
{
	size_t len;
	iova_t iova;

	len = iov->iov_len;
	if (unlikely(len - 1 >= ctrl->sgl_one_max) || unlikely(rq->detour) ||
	    unlikely(!iommu_translate_short(ctrl->pci.dev.ctx, iov->iov_base, len, &iova)))
		return false;

	nvme_put_psdt(cmd, NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG);
	nvme_put_desc(&cmd->dptr.sgl, iova, len, NVME_SGLD_TYPE_DATA_BLOCK);
	return true;
}

#endif /* BELFRY_SRC_NVME_SHORT_H */

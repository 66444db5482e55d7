/* SPDX-License-Identifier: MIT */
/*
 * To describe a buffer the best way that the controller takes.
 */
#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/rq.h>
#include <belfry/support/log.h>

#include "nvme/short.h"

int nvme_not_mapped(const void *vaddr, size_t len)
{
	log_error("%p, %zu bytes: not all of it is mapped (iommu_map_vaddr(), "
		  "iommu_get_dmabuf())\n",
		  vaddr, len);
	return set_errno(EFAULT);
}

int nvme_too_long(uint64_t len, uint64_t max)
{
	log_error("%llu bytes: a command moves %llu at most (MDTS)\n", (unsigned long long)len,
		  (unsigned long long)max);
	return set_errno(EMSGSIZE);
}

int nvme_too_many(const char *what)
{
	log_error("more pieces than %s\n", what);
	return set_errno(EMSGSIZE);
}

int nvme_no_piece(uint64_t iova, uint64_t len)
{
	log_error("no piece of data is %llu bytes at iova 0x%llx: empty, not aligned to 4, or "
		  "too long\n",
		  (unsigned long long)len, (unsigned long long)iova);
	return set_errno(EINVAL);
}

void nvme_rq_mapped_odd(struct nvme_rq *rq)
{
	rq->detour &= (uint16_t)~NVME_RQ_DETOUR_FAILED;
	if (rq->state == NVME_RQ_UNMAPPED)
		rq->state = NVME_RQ_ACQUIRED;
}

/* All that takes longer. */
static __attribute__((noinline)) int map_long(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
					      union nvme_cmd *cmd, struct iovec *iov, int niov)
{
	/* Admin commands take PRPs only. */
	if (ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED && rq->sq->id != NVME_AQ)
		return nvme_rq_mapv_sgl(ctrl, rq, cmd, iov, niov);
	return nvme_rq_mapv_prp(ctrl, rq, cmd, iov, niov);
}

int nvme_rq_mapv(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, struct iovec *iov,
		 int niov)
{
	if (unlikely(niov != 1))
		return map_long(ctrl, rq, cmd, iov, niov);
	if (ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED ? likely(nvme_short_sgl(ctrl, rq, cmd, iov))
						     : likely(nvme_short_prp(ctrl, rq, cmd, iov)))
		return 0;
	return map_long(ctrl, rq, cmd, iov, 1);
}

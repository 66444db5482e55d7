/* SPDX-License-Identifier: MIT */
/*
 * Physical Region Pages. Spec: NVM Express Base 2.0, "Physical Region Page Entry
 * and List".
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/map.h>
#include <belfry/nvme/rq.h>
#include <belfry/nvme/util.h>

#include "iommu/translate.h"
#include "nvme/map.h"
#include "nvme/prp.h"
#include "support/errno.h"

void nvme_prp_start(struct nvme_prp *prp, const struct nvme_ctrl *ctrl, leint64_t *list,
		    iova_t list_iova, int pages)
{
	*prp = (struct nvme_prp){
		.page = __mps_to_pagesize(ctrl->config.mps),
		.max_len = ctrl->config.mdts ? ctrl->config.mdts : UINT64_MAX,
		.list = list,
		.list_iova = list_iova,
		.first_iova = list_iova,
		.pages_left = pages - 1,
	};
}

/*
 * The page is full. Its last entry turns out not to be the list's last, so it
 * moves to the next page and leaves its place to the pointer there.
 */
static int chain(struct nvme_prp *prp)
{
	leint64_t *last = &prp->list[prp->slot - 1];

	if (!prp->pages_left)
		return set_errno(EMSGSIZE);

	prp->pages_left--;
	prp->list_iova += prp->page;
	prp->list = (leint64_t *)(void *)((char *)prp->list + prp->page);
	prp->list[0] = *last;
	*last = cpu_to_le64(prp->list_iova);
	prp->slot = 1;
	return 0;
}

/* Entries for @n whole pages from @iova on. */
static int append(struct nvme_prp *prp, iova_t iova, uint64_t n)
{
	const size_t page = prp->page; /* not reloaded after each store to the list */
	uint32_t per_page = (uint32_t)(page / sizeof(leint64_t));

	/* The second entry goes into the command, unless there is a third. */
	if (prp->nr == 1 && n) {
		prp->second = iova;
		prp->nr++;
		iova += page;
		n--;
	}
	if (!n)
		return 0;
	if (prp->nr == 2)
		prp->list[prp->slot++] = cpu_to_le64(prp->second);

	prp->nr += n;
	while (n) {
		uint64_t room = per_page - prp->slot;
		uint64_t now = n < room ? n : room;
		leint64_t *slot = &prp->list[prp->slot];

		for (uint64_t i = 0; i < now; i++)
			slot[i] = cpu_to_le64(iova + i * page);
		prp->slot += (uint32_t)now;
		iova += now * page;
		n -= now;
		if (n && chain(prp))
			return -1;
	}
	return 0;
}

int nvme_prp_add(struct nvme_prp *prp, iova_t iova, size_t len)
{
	size_t mask = prp->page - 1;
	size_t off = iova & mask;
	uint64_t pages;

	if (unlikely(!len || len - 1 > UINT64_MAX - iova))
		return set_errno(EINVAL);
	if (unlikely(len > prp->max_len - prp->len))
		return set_errno(EMSGSIZE);

	pages = (len - 1) / prp->page + ((len - 1) % prp->page + off) / prp->page + 1;
	if (!prp->nr) {
		if (unlikely(iova & 3))
			return set_errno(EINVAL);
		prp->prp1 = iova;
		prp->nr = 1;
		pages--;
		iova += prp->page - off;
		prp->end = prp->prp1 + len;
	} else {
		if (unlikely(off || prp->end & mask))
			return set_errno(EINVAL);
		prp->end = iova + len;
	}
	prp->len += len;
	return append(prp, iova, pages);
}

void nvme_prp_finish(const struct nvme_prp *prp, union nvme_cmd *cmd)
{
	iova_t prp2 = prp->nr > 2 ? prp->first_iova : prp->second;

	cmd->flags &= (uint8_t) ~(NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT);
	cmd->dptr.prp1 = cpu_to_le64(prp->prp1);
	cmd->dptr.prp2 = cpu_to_le64(prp2);
}

static int map_iovas(struct nvme_prp *prp, union nvme_cmd *cmd, const struct iova_vec *iov,
		     int niov)
{
	if (niov < 1)
		return set_errno(EINVAL);
	for (int i = 0; i < niov; i++) {
		if (nvme_prp_add(prp, iov[i].iova, iov[i].len))
			return -1;
	}
	nvme_prp_finish(prp, cmd);
	return 0;
}

static int map_vaddrs(struct nvme_ctrl *ctrl, struct nvme_prp *prp, union nvme_cmd *cmd,
		      const struct iovec *iov, int niov)
{
	if (niov < 1)
		return set_errno(EINVAL);

	for (int i = 0; i < niov; i++) {
		const char *vaddr = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		do {
			iova_t iova;
			size_t len;

			if (nvme_translate(ctrl, vaddr, left, &iova, &len) ||
			    nvme_prp_add(prp, iova, len))
				return -1;
			vaddr += len;
			left -= len;
		} while (left);
	}
	nvme_prp_finish(prp, cmd);
	return 0;
}

static void start_rq(struct nvme_prp *prp, struct nvme_ctrl *ctrl, struct nvme_rq *rq)
{
	nvme_prp_start(prp, ctrl, rq->page.vaddr, rq->page.iova, 1);
}

/* One contiguous piece of no more than two pages needs no list: worth its own lines (bench: map). */
static inline bool map_two(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			   iova_t iova, size_t len)
{
	size_t page = __mps_to_pagesize(ctrl->config.mps);
	size_t first = page - (iova & (page - 1));

	if (len > first + page || iova & 3 || rq->state == NVME_RQ_UNMAPPED ||
	    (ctrl->config.mdts && len > ctrl->config.mdts))
		return false;

	cmd->flags &= (uint8_t) ~(NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT);
	cmd->dptr.prp1 = cpu_to_le64(iova);
	cmd->dptr.prp2 = cpu_to_le64(len > first ? iova + first : 0);
	return true;
}

int nvme_rq_map_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, iova_t iova,
		    size_t len)
{
	struct nvme_prp prp;

	start_rq(&prp, ctrl, rq);
	if (nvme_prp_add(&prp, iova, len))
		return nvme_rq_mapped(rq, -1);
	nvme_prp_finish(&prp, cmd);
	return nvme_rq_mapped(rq, 0);
}

int nvme_rq_mapv_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov)
{
	struct nvme_prp prp;
	iova_t iova;

	if (likely(niov == 1) &&
	    likely(iommu_translate_range(ctrl->pci.dev.ctx, iov->iov_base, iov->iov_len, &iova))) {
		if (likely(map_two(ctrl, rq, cmd, iova, iov->iov_len)))
			return 0;
		return nvme_rq_map_prp(ctrl, rq, cmd, iova, iov->iov_len);
	}

	start_rq(&prp, ctrl, rq);
	return nvme_rq_mapped(rq, map_vaddrs(ctrl, &prp, cmd, iov, niov));
}

int nvme_rq_mapv_iova_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  struct iova_vec *iov, int niov)
{
	struct nvme_prp prp;

	start_rq(&prp, ctrl, rq);
	return nvme_rq_mapped(rq, map_iovas(&prp, cmd, iov, niov));
}

/* The caller's list pages: are they where the device can read them? */
static int start_lists(struct nvme_prp *prp, struct nvme_ctrl *ctrl, leint64_t *lists, int nlists)
{
	size_t page = __mps_to_pagesize(ctrl->config.mps);
	iova_t iova;

	if (nlists < 1)
		return set_errno(EINVAL);
	if (!iommu_translate_range(ctrl->pci.dev.ctx, lists, (size_t)nlists * page, &iova))
		return set_errno(EFAULT);
	if (iova & (page - 1))
		return set_errno(EINVAL);
	nvme_prp_start(prp, ctrl, lists, iova, nlists);
	return 0;
}

int nvme_map_prp(struct nvme_ctrl *ctrl, leint64_t *prplists, int nprplists, union nvme_cmd *cmd,
		 iova_t iova, size_t len)
{
	struct iova_vec vec = {.iova = iova, .len = len};

	return nvme_mapv_iova_prp(ctrl, prplists, nprplists, cmd, &vec, 1);
}

int nvme_mapv_prp(struct nvme_ctrl *ctrl, leint64_t *prplists, int nprplists, union nvme_cmd *cmd,
		  struct iovec *iov, int niov)
{
	struct nvme_prp prp;

	if (start_lists(&prp, ctrl, prplists, nprplists))
		return -1;
	return map_vaddrs(ctrl, &prp, cmd, iov, niov);
}

int nvme_mapv_iova_prp(struct nvme_ctrl *ctrl, leint64_t *prplists, int nprplists,
		       union nvme_cmd *cmd, struct iova_vec *iov, int niov)
{
	struct nvme_prp prp;

	if (start_lists(&prp, ctrl, prplists, nprplists))
		return -1;
	return map_iovas(&prp, cmd, iov, niov);
}

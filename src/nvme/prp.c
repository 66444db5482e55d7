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
#include <belfry/support/log.h>

#include "iommu/translate.h"
#include "nvme/map.h"
#include "nvme/prp.h"
#include "nvme/short.h"
#include "support/errno.h"

void nvme_prp_start(struct nvme_prp *prp, const struct nvme_ctrl *ctrl, leint64_t *list,
		    iova_t list_iova, int pages)
{
	*prp = (struct nvme_prp){
		.page = __mps_to_pagesize(ctrl->config.mps),
		.shift = __mps_to_pageshift(ctrl->config.mps),
		.max_len = ctrl->config.mdts ? ctrl->config.mdts : UINT64_MAX,
		.list = list,
		.list_iova = list_iova,
		.first_iova = list_iova,
		.pages_left = pages - 1,
	};
}

static const char list_full[] =
	"the PRP list has room for; nvme_mapv_prp() takes more pages for it";

static __attribute__((noinline, cold)) int not_adjoining(const struct nvme_prp *prp, iova_t iova)
{
	log_error("PRPs: a piece at iova 0x%llx follows one that ends at 0x%llx: both have to be "
		  "page boundaries (%zu bytes)\n",
		  (unsigned long long)iova, (unsigned long long)prp->end, prp->page);
	return set_errno(EINVAL);
}

/*
 * The page is full. Its last entry turns out not to be the list's last, so it
 * moves to the next page and leaves its place to the pointer there.
 */
static int chain(struct nvme_prp *prp)
{
	leint64_t *last = &prp->list[prp->slot - 1];

	if (!prp->pages_left)
		return nvme_too_many(list_full);

	prp->pages_left--;
	prp->list_iova += prp->page;
	prp->list = (leint64_t *)(void *)((char *)prp->list + prp->page);
	prp->list[0] = *last;
	*last = cpu_to_le64(prp->list_iova);
	prp->slot = 1;
	return 0;
}

/* Entries for @n whole pages from @iova on. @page is no variable of the caller's that these stores
 * might change. Unrolled because a list is most of the time that a large buffer takes (bench: map).
 */
static inline void fill(leint64_t *list, iova_t iova, size_t page, uint64_t n)
{
#pragma GCC unroll 8
	for (uint64_t i = 0; i < n; i++, iova += page)
		list[i] = cpu_to_le64(iova);
}

/* Entries for @n whole pages from @iova on. */
static int append(struct nvme_prp *prp, iova_t iova, uint64_t n)
{
	const size_t page = prp->page;
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

		fill(&prp->list[prp->slot], iova, page, now);
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
		return nvme_no_piece(iova, len);
	if (unlikely(len > prp->max_len - prp->len))
		return nvme_too_long(prp->len + len, prp->max_len);

	/* Cannot wrap: the offset is in the address, and that and the length were looked at. */
	pages = ((off + (len - 1)) >> prp->shift) + 1;
	if (!prp->nr) {
		if (unlikely(iova & 3))
			return nvme_no_piece(iova, len);
		prp->prp1 = iova;
		prp->nr = 1;
		pages--;
		iova += prp->page - off;
		prp->end = prp->prp1 + len;
	} else {
		if (unlikely(off || prp->end & mask))
			return not_adjoining(prp, iova);
		prp->end = iova + len;
	}
	prp->len += len;
	return append(prp, iova, pages);
}

void nvme_prp_finish(const struct nvme_prp *prp, union nvme_cmd *cmd)
{
	iova_t prp2 = prp->nr > 2 ? prp->first_iova : prp->second;

	nvme_put_psdt(cmd, NVME_CMD_FLAGS_PSDT_PRP);
	nvme_put_words(&cmd->dptr, prp->prp1, prp2);
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

/*
 * One piece, as most buffers are: no list is built that is not needed (bench: map). False where the
 * piece is wrong in some way: the long way says in which.
 */
static bool map_piece(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, iova_t iova,
		      size_t len)
{
	const unsigned int shift = __mps_to_pageshift(ctrl->config.mps);
	const size_t page = (size_t)1 << shift, off = iova & (page - 1);
	const iova_t second = iova - off + page;
	uint64_t more; /* entries after the first */
	iova_t prp2 = 0;

	if (unlikely(!len || len - 1 > UINT64_MAX - iova || iova & 3))
		return false;
	if (unlikely(len - 1 > ctrl->config.mdts - 1)) /* 0 is no limit */
		return false;

	more = (off + (len - 1)) >> shift;
	if (more == 1) {
		prp2 = second;
	} else if (more) {
		if (unlikely(more > page / sizeof(leint64_t)))
			return false;
		fill(rq->page.vaddr, second, page, more);
		prp2 = rq->page.iova;
	}

	nvme_put_psdt(cmd, NVME_CMD_FLAGS_PSDT_PRP);
	nvme_put_words(&cmd->dptr, iova, prp2);
	return true;
}

static __attribute__((noinline)) int refuse_piece(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
						  union nvme_cmd *cmd, iova_t iova, size_t len)
{
	struct iova_vec vec = {.iova = iova, .len = len};

	return nvme_rq_mapv_iova_prp(ctrl, rq, cmd, &vec, 1);
}

__attribute__((noinline)) int nvme_rq_map_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
					      union nvme_cmd *cmd, iova_t iova, size_t len)
{
	if (unlikely(!map_piece(ctrl, rq, cmd, iova, len)))
		return refuse_piece(ctrl, rq, cmd, iova, len);
	return nvme_rq_mapped(rq, 0);
}

static __attribute__((noinline)) int map_pieces(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
						union nvme_cmd *cmd, const struct iovec *iov,
						int niov)
{
	struct nvme_prp prp;

	start_rq(&prp, ctrl, rq);
	return nvme_rq_mapped(rq, map_vaddrs(ctrl, &prp, cmd, iov, niov));
}

static __attribute__((noinline)) int map_vaddr(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
					       union nvme_cmd *cmd, const struct iovec *iov)
{
	const size_t len = iov->iov_len;
	iova_t iova;

	if (unlikely(!iommu_translate_range(ctrl->pci.dev.ctx, iov->iov_base, len, &iova)))
		return map_pieces(ctrl, rq, cmd, iov, 1);
	if (unlikely(!map_piece(ctrl, rq, cmd, iova, len)))
		return refuse_piece(ctrl, rq, cmd, iova, len);
	return nvme_rq_mapped(rq, 0);
}

int nvme_rq_mapv_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov)
{
	if (unlikely(niov != 1))
		return map_pieces(ctrl, rq, cmd, iov, niov);
	if (likely(nvme_short_prp(ctrl, rq, cmd, iov)))
		return 0;
	return map_vaddr(ctrl, rq, cmd, iov);
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
	if (!iommu_translate_range(ctrl->pci.dev.ctx, lists, (size_t)nlists * page, &iova)) {
		nvme_not_mapped(lists, (size_t)nlists * page);
		return -1;
	}
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

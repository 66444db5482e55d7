/* SPDX-License-Identifier: MIT */
/*
 * Scatter gather lists. Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 *
 * Built like PRPs: descriptors are written as pieces come, the command last. A
 * piece that continues the one before is merged with it. One descriptor goes
 * into the command; more go into segments, of which each but the last ends with
 * a descriptor of the next.
 */
#include <errno.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/map.h>
#include <belfry/nvme/rq.h>
#include <belfry/nvme/util.h>

#include "nvme/map.h"
#include "nvme/short.h"
#include "support/errno.h"

/* Most bytes in one descriptor: 32 bits, and a multiple of what any controller wants. */
#define DESC_MAX (UINT32_MAX & ~UINT64_C(4095))

__static_assert(NVME_SGL_ONE_MAX <= DESC_MAX);

struct sgl {
	const struct nvme_ctrl *ctrl;
	const struct nvme_sgl_seg *segs;
	int nsegs;

	uint64_t len;
	iova_t iova; /* the piece that is not written yet */
	uint64_t piece;

	unsigned int nr;      /* descriptors written */
	int seg;	      /* segment being filled */
	unsigned int slot;    /* next descriptor in it */
	struct nvme_sgld *up; /* descriptor that points to segment seg; NULL: the command's */
	struct nvme_sgld head;
};

static struct nvme_sgld *up_desc(struct sgl *sgl)
{
	return sgl->up ? sgl->up : &sgl->head;
}

static const char segs_full[] = "the SGL has room for; nvme_mapv_sgl_segs() takes more segments";

/* The segment is full: its last descriptor makes room for one of the next segment. */
static int next_seg(struct sgl *sgl)
{
	const struct nvme_sgl_seg *full = &sgl->segs[sgl->seg], *next = full + 1;
	struct nvme_sgld *last = &full->descs[full->nr - 1];

	if (sgl->seg + 1 >= sgl->nsegs || full->nr < 2)
		return nvme_too_many(segs_full);

	next->descs[0] = *last;
	nvme_put_desc(up_desc(sgl), full->iova, full->nr * sizeof(*last), NVME_SGLD_TYPE_SEGMENT);
	sgl->up = last;
	sgl->seg++;
	sgl->slot = 1;
	return 0;
}

static int write_desc(struct sgl *sgl, iova_t iova, uint64_t len)
{
	if (sgl->ctrl->config.msdbd && sgl->nr == sgl->ctrl->config.msdbd)
		return nvme_too_many("the controller takes (MSDBD)");

	/* The first stays in the command, unless there is a second. */
	if (!sgl->nr++) {
		nvme_put_desc(&sgl->head, iova, len, NVME_SGLD_TYPE_DATA_BLOCK);
		return 0;
	}
	if (sgl->nr == 2) {
		if (!sgl->nsegs || !sgl->segs[0].nr)
			return nvme_too_many(segs_full);
		sgl->segs[0].descs[0] = sgl->head;
		sgl->slot = 1;
	}
	if (sgl->slot == sgl->segs[sgl->seg].nr && next_seg(sgl))
		return -1;
	nvme_put_desc(&sgl->segs[sgl->seg].descs[sgl->slot++], iova, len,
		      NVME_SGLD_TYPE_DATA_BLOCK);
	return 0;
}

/* Write the pending piece, in as many descriptors as it takes. */
static int flush(struct sgl *sgl)
{
	while (sgl->piece) {
		uint64_t len = sgl->piece < DESC_MAX ? sgl->piece : DESC_MAX;

		if (write_desc(sgl, sgl->iova, len))
			return -1;
		sgl->iova += len;
		sgl->piece -= len;
	}
	return 0;
}

static int add(struct sgl *sgl, iova_t iova, size_t len)
{
	bool dwords = sgl->ctrl->flags & NVME_CTRL_F_SGLS_DWORD_ALIGNMENT;

	if (!len || len - 1 > UINT64_MAX - iova || (dwords && ((iova | len) & 3)))
		return nvme_no_piece(iova, len);
	if (sgl->ctrl->config.mdts && len > sgl->ctrl->config.mdts - sgl->len)
		return nvme_too_long(sgl->len + len, sgl->ctrl->config.mdts);
	sgl->len += len;

	if (sgl->piece && sgl->iova + sgl->piece == iova) {
		sgl->piece += len;
		return 0;
	}
	if (flush(sgl))
		return -1;
	sgl->iova = iova;
	sgl->piece = len;
	return 0;
}

static int finish(struct sgl *sgl, union nvme_cmd *cmd)
{
	if (flush(sgl))
		return -1;
	if (sgl->nr > 1)
		nvme_put_desc(up_desc(sgl), sgl->segs[sgl->seg].iova,
			      sgl->slot * sizeof(struct nvme_sgld), NVME_SGLD_TYPE_LAST_SEGMENT);

	nvme_put_psdt(cmd, NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG);
	cmd->dptr.sgl = sgl->head;
	return 0;
}

static int map_iovas(struct sgl *sgl, union nvme_cmd *cmd, const struct iova_vec *iov, int niov)
{
	if (niov < 1)
		return set_errno(EINVAL);
	for (int i = 0; i < niov; i++) {
		if (add(sgl, iov[i].iova, iov[i].len))
			return -1;
	}
	return finish(sgl, cmd);
}

static int map_vaddrs(struct sgl *sgl, union nvme_cmd *cmd, const struct iovec *iov, int niov)
{
	if (niov < 1)
		return set_errno(EINVAL);

	for (int i = 0; i < niov; i++) {
		const char *vaddr = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		do {
			iova_t iova;
			size_t len;

			if (nvme_translate(sgl->ctrl, vaddr, left, &iova, &len) ||
			    add(sgl, iova, len))
				return -1;
			vaddr += len;
			left -= len;
		} while (left);
	}
	return finish(sgl, cmd);
}

/* A tracker's page, as the one segment. */
static struct nvme_sgl_seg page_seg(const struct nvme_ctrl *ctrl, const struct nvme_rq *rq)
{
	return (struct nvme_sgl_seg){
		.descs = rq->page.vaddr,
		.iova = rq->page.iova,
		.nr = (unsigned int)(__mps_to_pagesize(ctrl->config.mps) /
				     sizeof(struct nvme_sgld)),
	};
}

static __attribute__((noinline)) int map_many(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
					      union nvme_cmd *cmd, const struct iovec *iov,
					      int niov)
{
	struct nvme_sgl_seg seg = page_seg(ctrl, rq);
	struct sgl sgl = {.ctrl = ctrl, .segs = &seg, .nsegs = 1};

	return nvme_rq_mapped(rq, map_vaddrs(&sgl, cmd, iov, niov));
}

int nvme_rq_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov)
{
	if (unlikely(niov != 1))
		return map_many(ctrl, rq, cmd, iov, niov);
	if (likely(nvme_short_sgl(ctrl, rq, cmd, iov)))
		return 0;
	return map_many(ctrl, rq, cmd, iov, 1);
}

int nvme_rq_mapv_iova_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  struct iova_vec *iov, int niov)
{
	struct nvme_sgl_seg seg = page_seg(ctrl, rq);
	struct sgl sgl = {.ctrl = ctrl, .segs = &seg, .nsegs = 1};

	return nvme_rq_mapped(rq, map_iovas(&sgl, cmd, iov, niov));
}

int nvme_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_sgld *seglist, iova_t seglist_iova,
		  union nvme_cmd *cmd, struct iovec *iov, int niov)
{
	struct nvme_sgl_seg seg = {.descs = seglist, .iova = seglist_iova};
	struct sgl sgl = {.ctrl = ctrl, .segs = &seg, .nsegs = 1};

	if (niov < 1 || seglist_iova & (sizeof(*seglist) - 1))
		return set_errno(EINVAL);
	seg.nr = (unsigned int)niov;
	return map_vaddrs(&sgl, cmd, iov, niov);
}

int nvme_mapv_iova_sgl(struct nvme_ctrl *ctrl, struct nvme_sgld *seglist, iova_t seglist_iova,
		       union nvme_cmd *cmd, struct iova_vec *iov, int niov)
{
	struct nvme_sgl_seg seg = {.descs = seglist, .iova = seglist_iova};
	struct sgl sgl = {.ctrl = ctrl, .segs = &seg, .nsegs = 1};

	if (niov < 1 || seglist_iova & (sizeof(*seglist) - 1))
		return set_errno(EINVAL);
	seg.nr = (unsigned int)niov;
	return map_iovas(&sgl, cmd, iov, niov);
}

int nvme_mapv_sgl_segs(struct nvme_ctrl *ctrl, const struct nvme_sgl_seg *segs, int nsegs,
		       union nvme_cmd *cmd, struct iovec *iov, int niov)
{
	struct sgl sgl = {.ctrl = ctrl, .segs = segs, .nsegs = nsegs};

	if (nsegs < 1)
		return set_errno(EINVAL);
	for (int i = 0; i < nsegs; i++) {
		if (!segs[i].nr || segs[i].iova & (sizeof(struct nvme_sgld) - 1))
			return set_errno(EINVAL);
	}
	return map_vaddrs(&sgl, cmd, iov, niov);
}

int nvme_map_mptr(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len)
{
	iova_t iova;
	size_t contig;

	if (nvme_translate(ctrl, buf, len, &iova, &contig))
		return -1;
	if (contig < len)
		return nvme_not_mapped(buf, len);
	if (iova & 3)
		return set_errno(EINVAL);
	cmd->mptr = cpu_to_le64(iova);
	return 0;
}

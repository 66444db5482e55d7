/* SPDX-License-Identifier: MIT */
/*
 * Walker of SGLs: the descriptor in the command, and the segments that it leads to.
 *
 * A segment's length says how many descriptors it has; only the last of them may
 * lead to another segment, and must unless the segment was announced as the last.
 * The data may be longer than the command needs (SGLS.SDLL), not shorter.
 *
 * Segments that carry no data could form a ring, so the number of descriptors is
 * limited: one for each byte that is to be transferred and SPARE_DESCS more.
 */
#include <string.h>

#include "emu/config.h"
#include "emu/dma.h"

#define SPARE_DESCS 1024

struct sgl_walk {
	struct emu_req *req;
	size_t left;	    /* bytes that the command still needs */
	uint64_t nr_descs;  /* descriptors seen */
	uint32_t nr_blocks; /* data block descriptors among them */
	uint64_t seg_iova;  /* the next segment ... */
	uint32_t seg_len;   /* ... its bytes, 0: there is none ... */
	bool seg_last;	    /* ... and whether it is the last */
};

/* A descriptor, as it was when it was read. */
struct sgl_desc {
	uint64_t addr;
	uint32_t len;
	uint8_t type;
};

static uint16_t desc_decode(struct sgl_walk *w, const struct nvme_sgld *raw, struct sgl_desc *d)
{
	struct emu_ctrl *ctrl = w->req->ctrl;

	*d = (struct sgl_desc){
		.addr = le64_to_cpu(raw->addr),
		.len = le32_to_cpu(raw->len),
		.type = raw->type >> NVME_SGLD_TYPE_SHIFT,
	};
	if (++w->nr_descs > w->req->data_len + SPARE_DESCS) {
		emu_violation(ctrl, "SGL without end");
		return EMU_SC_DNR(NVM_SC_SGL_INVALID_COUNT);
	}
	/* Sub types other than "address" are not supported, and keyed and transport
	 * descriptors are of fabrics. */
	if (raw->type & 0xf || d->type > NVME_SGLD_TYPE_LAST_SEGMENT)
		return EMU_SC_DNR(NVM_SC_SGL_INVALID_TYPE);
	if (raw->rsvd12[0] | raw->rsvd12[1] | raw->rsvd12[2] ||
	    (d->type == NVME_SGLD_TYPE_BIT_BUCKET && d->addr)) {
		emu_violation(ctrl, "reserved bytes of an SGL descriptor of type %u are set",
			      d->type);
		return EMU_SC_DNR(NVM_SC_INVALID_FIELD);
	}
	return 0;
}

static uint16_t data_add(struct sgl_walk *w, const struct sgl_desc *d)
{
	size_t n = d->len < w->left ? d->len : w->left;
	uint32_t most = w->req->ctrl->cfg->msdbd;

	if (d->type == NVME_SGLD_TYPE_BIT_BUCKET) {
		/* Has no effect where the host is the source. */
		if (w->req->dir == EMU_FROM_HOST)
			return 0;
		w->left -= n;
		return emu_iov_skip(w->req, n);
	}
	if (most && ++w->nr_blocks > most)
		return EMU_SC_DNR(NVM_SC_SGL_INVALID_COUNT);
	w->left -= n;
	return emu_iov_add(w->req, d->addr, n);
}

static uint16_t segment_set(struct sgl_walk *w, const struct sgl_desc *d)
{
	if (!d->len || d->len % sizeof(struct nvme_sgld) || d->addr & 7)
		return EMU_SC_DNR(NVM_SC_SGL_INVALID_SEG);
	w->seg_iova = d->addr;
	w->seg_len = d->len;
	w->seg_last = d->type == NVME_SGLD_TYPE_LAST_SEGMENT;
	return 0;
}

/* One descriptor of a segment; @tail: the segment ends with it. */
static uint16_t desc_add(struct sgl_walk *w, const struct nvme_sgld *raw, bool tail)
{
	bool in_last = w->seg_last;
	struct sgl_desc d;
	uint16_t sc = desc_decode(w, raw, &d);

	if (sc)
		return sc;
	if (d.type == NVME_SGLD_TYPE_SEGMENT || d.type == NVME_SGLD_TYPE_LAST_SEGMENT) {
		if (in_last)
			return EMU_SC_DNR(NVM_SC_SGL_INVALID_SEG);
		if (!tail)
			return EMU_SC_DNR(NVM_SC_SGL_INVALID_COUNT);
		return segment_set(w, &d);
	}
	if (tail && !in_last)
		return EMU_SC_DNR(NVM_SC_SGL_INVALID_SEG);
	return data_add(w, &d);
}

/* The rest of a segment need not be looked at once the command has all its bytes. */
static uint16_t segment_walk(struct sgl_walk *w)
{
	uint64_t iova = w->seg_iova;
	uint32_t len = w->seg_len;
	uint16_t sc = 0;

	w->seg_len = 0;
	for (; len && w->left && !sc; len -= sizeof(struct nvme_sgld)) {
		struct nvme_sgld raw;

		/* A descriptor may straddle two pages: segments are qword aligned. */
		sc = emu_dma(w->req->ctrl, iova, &raw, sizeof(raw), EMU_FROM_HOST);
		if (sc)
			return sc;
		sc = desc_add(w, &raw, len == sizeof(raw));
		iova += sizeof(raw);
	}
	return sc;
}

uint16_t emu_sgl_map(struct emu_req *req, size_t len)
{
	struct sgl_walk w = {.req = req, .left = len};
	struct sgl_desc d;
	uint16_t sc = desc_decode(&w, &req->cmd.dptr.sgl, &d);

	if (sc)
		return sc;
	if (d.type == NVME_SGLD_TYPE_DATA_BLOCK || d.type == NVME_SGLD_TYPE_BIT_BUCKET)
		sc = data_add(&w, &d);
	else
		sc = segment_set(&w, &d);
	while (!sc && w.left && w.seg_len)
		sc = segment_walk(&w);
	if (!sc && w.left)
		sc = EMU_SC_DNR(NVM_SC_SGL_INVALID_DATA_LEN);
	return sc;
}

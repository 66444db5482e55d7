/* SPDX-License-Identifier: MIT */
/*
 * Transfers between the controller and host memory, by a command's data pointer
 * (iov) or by a flat range of IOVAs.
 */
#include <stdlib.h>
#include <string.h>

#include <belfry/support/log.h>

#include "emu/dma.h"
#include "emu/engine.h"
#include "emu/queue.h"
#include "emu/remote.h"

static unsigned int dir_prot(enum emu_dir dir)
{
	return dir == EMU_TO_HOST ? EMU_DMA_WRITE : EMU_DMA_READ;
}

uint16_t emu_dma_fault(struct emu_ctrl *ctrl, uint64_t iova, unsigned int prot)
{
	if (emu_loud(++ctrl->stats.dma_faults))
		log_info("emu: DMA fault: %s of IOVA 0x%llx\n",
			 prot & EMU_DMA_WRITE ? "write" : "read", (unsigned long long)iova);
	return NVM_SC_DATA_XFER_ERROR;
}

uint8_t *emu_own_memory(struct emu_ctrl *ctrl, uint64_t iova)
{
	const struct emu_space *spaces[] = {&ctrl->cmb, &ctrl->pmr.space};

	for (int i = 0; i < 2; i++) {
		if (iova - spaces[i]->iova < spaces[i]->len)
			return spaces[i]->mem + (iova - spaces[i]->iova);
	}
	return NULL;
}

void emu_own_update(struct emu_ctrl *ctrl)
{
	const struct emu_space *spaces[] = {&ctrl->cmb, &ctrl->pmr.space};
	uint64_t first = UINT64_MAX, end = 0;

	/* One range for both, so that what is in neither costs one comparison. */
	for (int i = 0; i < 2; i++) {
		if (!spaces[i]->len)
			continue;
		if (spaces[i]->iova < first)
			first = spaces[i]->iova;
		if (spaces[i]->iova + spaces[i]->len > end)
			end = spaces[i]->iova + spaces[i]->len;
	}
	ctrl->own_iova = first;
	ctrl->own_len = end ? end - first : 0;
	emu_rings_forget(ctrl);
}

static int iov_grow(struct emu_req *req)
{
	struct emu_engine *e = req->ctrl->engine;
	int cap = 2 * req->iov_cap;
	struct iovec *iov = realloc(e->iov, (size_t)cap * sizeof(*iov));

	if (!iov)
		return -1;
	if (req->iov == req->iov_inline)
		memcpy(iov, req->iov_inline, sizeof(req->iov_inline));
	e->iov = iov;
	req->iov = iov;
	req->iov_cap = cap;
	return 0;
}

/* Does @base go on where @last ends; two holes are one. */
static inline bool adjacent(const struct iovec *last, const void *base)
{
	if (!base || !last->iov_base)
		return !base && !last->iov_base;
	return (const uint8_t *)last->iov_base + last->iov_len == (const uint8_t *)base;
}

static inline uint16_t iov_push(struct emu_req *req, void *base, size_t len)
{
	if (req->niov && adjacent(&req->iov[req->niov - 1], base)) {
		req->iov[req->niov - 1].iov_len += len;
		return 0;
	}
	if (unlikely(req->niov == req->iov_cap) && iov_grow(req))
		return NVM_SC_INTERNAL;
	req->iov[req->niov++] = (struct iovec){.iov_base = base, .iov_len = len};
	return 0;
}

/* Memory of the first @n bytes of a range, up to the end of its page; NULL: none, which is counted. */
static inline uint8_t *first_part(struct emu_ctrl *ctrl, uint64_t iova, size_t len,
				  unsigned int prot, size_t *n)
{
	size_t left = EMU_PAGE - (iova & (EMU_PAGE - 1));
	uint8_t *mem = emu_translate(ctrl, iova, prot);

	*n = len < left ? len : left;
	if (unlikely(!mem))
		(void)emu_dma_fault(ctrl, iova, prot);
	return mem;
}

uint16_t emu_iov_add(struct emu_req *req, uint64_t iova, size_t len)
{
	unsigned int prot = dir_prot(req->dir);

	while (len) {
		size_t n;
		uint8_t *mem = first_part(req->ctrl, iova, len, prot, &n);
		uint16_t sc;

		if (unlikely(!mem))
			return NVM_SC_DATA_XFER_ERROR;
		sc = iov_push(req, mem, n);
		if (unlikely(sc))
			return sc;
		iova += n;
		len -= n;
	}
	return 0;
}

uint16_t emu_iov_skip(struct emu_req *req, size_t len)
{
	return len ? iov_push(req, NULL, len) : 0;
}

/* Within a page, as most data is, there is one piece. */
static inline uint16_t map_range(struct emu_req *req, uint64_t iova, size_t len)
{
	uint8_t *mem;

	if ((iova & (EMU_PAGE - 1)) + len > EMU_PAGE)
		return emu_iov_add(req, iova, len);
	mem = emu_translate(req->ctrl, iova, dir_prot(req->dir));
	if (unlikely(!mem))
		return emu_dma_fault(req->ctrl, iova, dir_prot(req->dir));
	req->iov[0] = (struct iovec){.iov_base = mem, .iov_len = len};
	req->niov = 1;
	return 0;
}

/* Is the SGL one data block, and nothing about it to complain of? Its address is where PRP1 would be. */
static inline bool sgl_is_plain(const struct emu_req *req, size_t len)
{
	const struct nvme_sgld *sgl = &req->cmd.dptr.sgl;

	return !(sgl->rsvd12[0] | sgl->rsvd12[1] | sgl->rsvd12[2] | sgl->type) &&
	       le32_to_cpu(sgl->len) >= len;
}

/* Data that fits PRP1's page, or one descriptor, is the common case and needs no walk. */
static inline uint16_t map(struct emu_req *req, size_t len)
{
	uint64_t prp1 = le64_to_cpu(req->cmd.dptr.prp1);
	uint32_t page_size = req->ctrl->page_size;

	if (req->cmd.flags >> NVME_CMD_FLAGS_PSDT_SHIFT)
		return likely(sgl_is_plain(req, len)) ? map_range(req, prp1, len)
						      : emu_sgl_map(req, len);
	if (unlikely(prp1 & 3))
		return EMU_SC_DNR(NVM_SC_PRP_INVALID_OFFSET);
	if (len > page_size - (prp1 & (page_size - 1)))
		return emu_prp_map(req, len);
	return map_range(req, prp1, len);
}

uint16_t emu_data_map(struct emu_req *req, size_t len, enum emu_dir dir)
{
	uint16_t sc;

	req->niov = 0;
	req->dir = dir;
	req->data_len = len;
	if (!len)
		return 0;
	sc = map(req, len);
	if (likely(!sc))
		sc = emu_remote_mapped(req);
	if (unlikely(sc)) {
		req->niov = 0;
		req->data_len = 0;
		return sc;
	}
	if (dir == EMU_TO_HOST)
		req->ctrl->stats.read_bytes += len;
	else
		req->ctrl->stats.write_bytes += len;
	return 0;
}

/* Copy between @buf and [off, off + len) of the data; either may be a bit bucket's hole. */
static void iov_copy(struct emu_req *req, size_t off, uint8_t *buf, size_t len, enum emu_dir dir)
{
	for (int i = 0; i < req->niov && len; i++) {
		uint8_t *base = req->iov[i].iov_base;
		size_t n = req->iov[i].iov_len;

		if (off >= n) {
			off -= n;
			continue;
		}
		n -= off;
		if (n > len)
			n = len;
		if (base && dir == EMU_TO_HOST)
			memcpy(base + off, buf, n);
		else if (base)
			memcpy(buf, base + off, n);
		buf += n;
		len -= n;
		off = 0;
	}
}

void emu_data_read(struct emu_req *req, size_t off, void *dst, size_t len)
{
	iov_copy(req, off, dst, len, EMU_FROM_HOST);
}

void emu_data_write(struct emu_req *req, size_t off, const void *src, size_t len)
{
	union {
		const void *in;
		uint8_t *out;
	} buf = {.in = src}; /* not written to in this direction */

	iov_copy(req, off, buf.out, len, EMU_TO_HOST);
}

uint16_t emu_reply(struct emu_req *req, const void *src, size_t len)
{
	uint16_t sc = emu_data_map(req, len, EMU_TO_HOST);

	if (!sc)
		emu_data_write(req, 0, src, len);
	return sc;
}

uint16_t emu_fetch(struct emu_req *req, void *dst, size_t len)
{
	uint16_t sc = emu_data_map(req, len, EMU_FROM_HOST);

	if (!sc)
		emu_data_read(req, 0, dst, len);
	return sc;
}

/* Between the host's memory and the controller, within a page. */
static uint16_t copy(struct emu_ctrl *ctrl, uint8_t *mem, uint8_t *local, size_t len,
		     enum emu_dir dir)
{
	uint16_t sc;

	if (dir == EMU_TO_HOST) {
		memcpy(mem, local, len);
		return emu_remote_move(ctrl, mem, len, dir);
	}
	sc = emu_remote_move(ctrl, mem, len, dir);
	if (!sc)
		memcpy(local, mem, len);
	return sc;
}

uint16_t emu_dma(struct emu_ctrl *ctrl, uint64_t iova, void *buf, size_t len, enum emu_dir dir)
{
	unsigned int prot = dir_prot(dir);
	uint8_t *local = buf;

	while (len) {
		size_t n;
		uint8_t *mem = first_part(ctrl, iova, len, prot, &n);
		uint16_t sc;

		if (!mem)
			return NVM_SC_DATA_XFER_ERROR;
		sc = copy(ctrl, mem, local, n, dir);
		if (sc)
			return sc;
		iova += n;
		local += n;
		len -= n;
	}
	return 0;
}

uint16_t emu_dma_check(struct emu_ctrl *ctrl, uint64_t iova, size_t len, enum emu_dir dir)
{
	unsigned int prot = dir_prot(dir);

	while (len) {
		size_t n;

		if (!first_part(ctrl, iova, len, prot, &n))
			return NVM_SC_DATA_XFER_ERROR;
		iova += n;
		len -= n;
	}
	return 0;
}

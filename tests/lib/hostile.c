/* SPDX-License-Identifier: MIT */
/*
 * See hostile.h.
 */
#include "hostile.h"

#include <stdlib.h>

#include <belfry/vfio/pci.h>

static struct hostile *the; /* operations of a transport are given nothing of ours */

/* ---- registers ---- */

void hostile_set32(struct hostile *h, uint32_t off, uint32_t val)
{
	memcpy((char *)h->regs + off, &val, sizeof(val));
}

static uint32_t get32(const struct hostile *h, uint32_t off)
{
	uint32_t val;

	memcpy(&val, (const char *)h->regs + off, sizeof(val));
	return val;
}

static uint32_t csts(const struct hostile *h)
{
	uint32_t cc = get32(h, NVM_REG_CC);
	uint32_t val = NVM_GET(cc, CC_EN) ? NVM_SET(1u, CSTS_RDY) : 0;

	if (NVM_GET(cc, CC_SHN))
		val |= NVM_SET(NVM_CSTS_SHST_COMPLETE, CSTS_SHST);
	return (val | h->csts_or) & h->csts_and;
}

static int reg_read(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val)
{
	(void)tp;
	if (the->ones_after && ++the->nr_accesses >= the->ones_after)
		*val = UINT64_MAX;
	else if (off == NVM_REG_CAP)
		*val = the->cap;
	else if (off == NVM_REG_CSTS)
		*val = csts(the);
	else
		*val = get32(the, off) | (width == 8 ? (uint64_t)get32(the, off + 4) << 32 : 0);
	if (width == 4)
		*val = (uint32_t)*val;
	return 0;
}

static int reg_write(struct transport *tp, uint32_t off, unsigned int width, uint64_t val)
{
	uint32_t aqa;

	(void)tp;
	/* What these say does not change. */
	if (off == NVM_REG_CMBMSC || off == NVM_REG_PMRCTL || off == NVM_REG_PMRMSCL ||
	    off == NVM_REG_PMRMSCU)
		return 0;
	memcpy((char *)the->regs + off, &val, width);
	if (off == NVM_REG_CC && val & 1) {
		aqa = get32(the, NVM_REG_AQA);
		the->sq[0] =
			(struct hostile_ring){the->regs[NVM_REG_ASQ / 8], (aqa & 0xfff) + 1, 0, 1};
		the->cq[0] = (struct hostile_ring){the->regs[NVM_REG_ACQ / 8],
						   (aqa >> 16 & 0xfff) + 1, 0, 1};
	}
	return 0;
}

/* ---- commands ---- */

static void *mem_at(uint64_t iova)
{
	void *mem;

	return iommu_translate_iova(__iommu_ctx(&the->ctrl), (iova_t)iova, &mem) > 0 ? mem : NULL;
}

static void make_queue(const union nvme_cmd *cmd)
{
	bool sq = cmd->opcode == NVM_ADMIN_CREATE_SQ;
	uint32_t qid = le32_to_cpu(cmd->cdw10) & 0xffff, size = le32_to_cpu(cmd->cdw10) >> 16;

	if (qid && qid < HOSTILE_QUEUES)
		*(sq ? &the->sq[qid] : &the->cq[qid]) =
			(struct hostile_ring){le64_to_cpu(cmd->dptr.prp1), size + 1, 0, 1};
}

/* What the honest device does. */
static void carry_out(const union nvme_cmd *cmd, struct nvme_cqe *cqe)
{
	void *data;

	switch (cmd->opcode) {
	case NVM_ADMIN_CREATE_SQ:
	case NVM_ADMIN_CREATE_CQ:
		make_queue(cmd);
		break;
	case NVM_ADMIN_SET_FEATURES:
		if (cmd->features.fid == NVM_FEAT_NUM_QUEUES)
			cqe->dw0 = cpu_to_le32(the->nr_queues);
		break;
	case NVM_ADMIN_IDENTIFY:
		data = mem_at(le64_to_cpu(cmd->dptr.prp1));
		if (data && cmd->identify.cns == NVM_CNS_CTRL)
			memcpy(data, &the->id, sizeof(the->id));
		break;
	default:
		break;
	}
}

void hostile_complete(struct hostile *h, uint32_t qid, const struct nvme_cqe *cqe)
{
	struct hostile_ring *cq = &h->cq[qid];
	struct nvme_cqe *slot = mem_at(cq->iova + 16ull * cq->at);

	if (!slot || !cq->size)
		return;
	*slot = *cqe;
	slot->sfp = cpu_to_le16((uint16_t)(le16_to_cpu(cqe->sfp) | cq->phase));
	h->nr_answered++;
	if (++cq->at == cq->size) {
		cq->at = 0;
		cq->phase ^= 1;
	}
}

static void execute(uint32_t qid, const union nvme_cmd *cmd)
{
	struct nvme_cqe cqe = {.cid = cmd->cid};

	cqe.sqid = cpu_to_le16((uint16_t)qid);
	cqe.sqhd = cpu_to_le16((uint16_t)the->sq[qid].at);
	if (!qid)
		carry_out(cmd, &cqe);
	if (!the->answer || the->answer(the, qid, cmd, &cqe))
		hostile_complete(the, qid, &cqe);
}

static void ring(struct transport *tp, void *doorbell, uint32_t value)
{
	uint32_t stride = 1u << NVM_GET(the->cap, CAP_DSTRD);
	size_t word = (size_t)((uint32_t *)doorbell - the->doorbells) / stride;
	struct hostile_ring *sq;

	(void)tp;
	if (word >= 2 * HOSTILE_QUEUES || value >= 4096)
		abort();
	sq = &the->sq[word / 2];
	if (word % 2) {
		if (the->on_head)
			the->on_head(the, (uint32_t)word / 2);
		return;
	}
	while (sq->size && sq->at != value) {
		union nvme_cmd *cmd = mem_at(sq->iova + 64ull * sq->at), copy;

		if (!cmd)
			return;
		copy = *cmd;
		sq->at = (sq->at + 1) % sq->size;
		execute((uint32_t)word / 2, &copy);
	}
}

/* ---- the transport ---- */

static void *doorbells(struct transport *tp, size_t *len)
{
	(void)tp;
	*len = sizeof(the->doorbells);
	return the->doorbells;
}

static const uint32_t *asleep(struct transport *tp)
{
	(void)tp;
	return &the->asleep;
}

static bool gone(struct transport *tp)
{
	(void)tp;
	return false;
}

struct hostile *hostile_open(const char *name)
{
	struct hostile *h;
	struct transport *tp;

	h = calloc(1, sizeof(*h));
	assert_non_null(h);
	assert_works(vfio_pci_open(&h->ctrl.pci, name));
	tp = h->ctrl.pci.dev.transport;
	h->real = tp->ops;
	h->ops = *tp->ops;
	h->ops.reg_read = reg_read;
	h->ops.reg_write = reg_write;
	h->ops.doorbells = doorbells;
	h->ops.ring = ring;
	h->ops.asleep = asleep;
	h->ops.gone = gone;
	tp->ops = &h->ops;

	h->asleep = 1; /* so that every doorbell is passed on */
	h->cap = NVM_SET(63ull, CAP_MQES) | NVM_SET(1ull, CAP_TO) | NVM_SET(1ull, CAP_CSS) |
		 NVM_SET(4ull, CAP_MPSMAX);
	h->csts_and = UINT32_MAX;
	h->nr_queues = 0x00030003;
	the = h;
	return h;
}

void hostile_close(struct hostile *h)
{
	nvme_close(&h->ctrl);
	vfio_pci_close(&h->ctrl.pci);
	the = NULL;
	free(h);
}

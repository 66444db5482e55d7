/* SPDX-License-Identifier: MIT */
/*
 * A hostile device. Its registers, its data and its completions are the input's: the driver's way
 * from open to close, with queues and commands of each kind, against whatever they say. It is
 * answered at once, in the driver's own thread: each doorbell is passed on, by a transport that
 * stands before the emulated one. When the input is used up the device is well-behaved, so that
 * every wait ends.
 *
 * Whatever happens, the driver touches nothing that is not its own (the sanitizers see to that),
 * ends, and opens a good controller afterwards.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/iommu.h>
#include <belfry/nvme.h>
#include <belfry/vfio/pci.h>

#include "transport/transport.h"

#define NR_QUEUES   4 /* that the doorbells have room for, the admin queue included */
#define PAGE	    4096u
#define WORDS	    (2 * NR_QUEUES)
#define DEADLINE_MS 2
#define MAX_LEN	    1024 /* a lie takes a sleep, where the driver waits for the truth */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct ring {
	uint64_t iova;
	uint32_t size, at;
	uint16_t phase;
};

static struct {
	const uint8_t *in;
	size_t left;
	const struct transport_ops *real;
	struct transport_ops ops;
	struct iommu_ctx *ctx;
	uint32_t doorbells[WORDS], asleep, stride; /* stride in words, as the driver read it */
	uint64_t regs[0x1000 / 8];
	struct ring sq[NR_QUEUES], cq[NR_QUEUES];
} d = {.asleep = 1};

/* The next byte of the input; 0 when it is used up. */
static uint8_t next(void)
{
	if (!d.left)
		return 0;
	d.left--;
	return *d.in++;
}

/* Bytes of the input over what is there; no more than there are. */
static void scribble(void *to, size_t len)
{
	size_t n = len < d.left ? len : d.left;

	memcpy(to, d.in, n);
	d.in += n;
	d.left -= n;
}

/* ---- registers ---- */

static uint64_t true_reg(uint32_t off)
{
	bool on = d.regs[NVM_REG_CC / 8] >> 32 * (NVM_REG_CC / 4 % 2) & 1;
	uint32_t cc = (uint32_t)(d.regs[NVM_REG_CC / 8] >> 32 * (NVM_REG_CC / 4 % 2));

	switch (off) {
	case NVM_REG_CAP:
		return NVM_SET(63ull, CAP_MQES) | NVM_SET(1ull, CAP_TO) | NVM_SET(1ull, CAP_CSS) |
		       NVM_SET(4ull, CAP_MPSMAX);
	case NVM_REG_CSTS:
		return (on ? NVM_SET(1u, CSTS_RDY) : 0) |
		       (NVM_GET(cc, CC_SHN) ? NVM_SET(NVM_CSTS_SHST_COMPLETE, CSTS_SHST) : 0);
	default:
		return d.regs[off / 8] >> 8 * (off % 8);
	}
}

static int reg_read(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val)
{
	(void)tp;
	if (off + width > sizeof(d.regs))
		abort();
	*val = true_reg(off);
	/* Sometimes a lie. All of it, or some bits. */
	switch (next() % 8) {
	case 1:
		scribble(val, width);
		break;
	case 2:
		*val ^= 1ull << next() % 64;
		break;
	case 3:
		*val = UINT64_MAX;
		break;
	default:
		break;
	}
	if (width == 4)
		*val = (uint32_t)*val;
	if (off == NVM_REG_CAP)
		d.stride = 1u << NVM_GET(*val, CAP_DSTRD);
	return next() == 0xff ? (errno = ENODEV, -1) : 0;
}

static int reg_write(struct transport *tp, uint32_t off, unsigned int width, uint64_t val)
{
	(void)tp;
	if (off + width > sizeof(d.regs))
		abort();
	memcpy((char *)d.regs + off, &val, width);
	if (off == NVM_REG_CC && val & 1) {
		uint32_t aqa = (uint32_t)(d.regs[NVM_REG_AQA / 8] >> 32 * (NVM_REG_AQA / 4 % 2));

		d.sq[0] = (struct ring){d.regs[NVM_REG_ASQ / 8], (aqa & 0xfff) + 1, 0, 1};
		d.cq[0] = (struct ring){d.regs[NVM_REG_ACQ / 8], (aqa >> 16 & 0xfff) + 1, 0, 1};
	}
	return 0;
}

/* ---- commands ---- */

/* Memory at an IOVA, if @len bytes are mapped there: the input is not to be blamed for others. */
static void *mem_at(uint64_t iova, size_t len)
{
	void *mem;
	ssize_t room = iommu_translate_iova(d.ctx, iova, &mem);

	return room >= (ssize_t)len ? mem : NULL;
}

static void make_queue(const union nvme_cmd *cmd)
{
	bool sq = cmd->opcode == NVM_ADMIN_CREATE_SQ;
	uint32_t qid = le32_to_cpu(cmd->cdw10) & 0xffff, size = le32_to_cpu(cmd->cdw10) >> 16;

	if (qid && qid < NR_QUEUES)
		*(sq ? &d.sq[qid] : &d.cq[qid]) =
			(struct ring){le64_to_cpu(cmd->dptr.prp1), size + 1, 0, 1};
}

static void answer(uint32_t sqid, const union nvme_cmd *cmd)
{
	uint32_t cqid = sqid;
	struct ring *cq = &d.cq[cqid];
	struct nvme_cqe *cqe = mem_at(cq->iova + 16ull * cq->at, 16);

	if (!cqe || !cq->size)
		return;
	cqe->dw0 = cpu_to_le32(0x00030003); /* four queues */
	cqe->sqhd = cpu_to_le16((uint16_t)d.sq[sqid].at);
	cqe->sqid = cpu_to_le16((uint16_t)sqid);
	cqe->cid = cmd->cid;
	switch (next() % 8) {
	case 1:
		scribble(cqe, 14);
		break;
	case 2:
		cqe->cid ^= (uint16_t)(1u << next() % 16);
		break;
	case 3:
		cqe->sqid = cpu_to_le16(next() % 8);
		break;
	case 4:
		return; /* no answer */
	default:
		break;
	}
	cqe->sfp = cpu_to_le16((uint16_t)((next() % 8 == 7 ? next() << 1 : 0) | cq->phase));
	if (++cq->at == cq->size) {
		cq->at = 0;
		cq->phase ^= 1;
	}
}

static void execute(uint32_t sqid, const union nvme_cmd *cmd)
{
	void *data = mem_at(le64_to_cpu(cmd->dptr.prp1), 1);

	if (!sqid && (cmd->opcode == NVM_ADMIN_CREATE_SQ || cmd->opcode == NVM_ADMIN_CREATE_CQ))
		make_queue(cmd);
	else if (data && cmd->opcode & 2) /* to the host: as much as its page takes */
		scribble(data, PAGE - (uintptr_t)data % PAGE);
	answer(sqid, cmd);
	if (next() % 16 == 15)
		answer(sqid, cmd);
}

static void ring(struct transport *tp, void *doorbell, uint32_t value)
{
	size_t at = (size_t)((uint32_t *)doorbell - d.doorbells), word = at / d.stride;
	struct ring *sq;

	(void)tp;
	if (at >= WORDS)
		abort();
	sq = &d.sq[word / 2];
	if (word % 2)
		return; /* a head */
	for (uint32_t n = 0; sq->size && sq->at != value && n < sq->size; n++) {
		const union nvme_cmd *cmd = mem_at(sq->iova + 64ull * sq->at, 64);
		union nvme_cmd copy;

		if (!cmd)
			return; /* the driver may believe that the queue was refused, and is gone */
		copy = *cmd;
		sq->at = (sq->at + 1) % sq->size;
		execute((uint32_t)word / 2, &copy);
	}
}

/* ---- the transport ---- */

static void *doorbells(struct transport *tp, size_t *len)
{
	(void)tp;
	*len = sizeof(d.doorbells);
	return d.doorbells;
}

static const uint32_t *asleep(struct transport *tp)
{
	(void)tp;
	return &d.asleep;
}

static bool gone(struct transport *tp)
{
	(void)tp;
	return next() == 0xfe;
}

/* The driver gets a transport that looks like the emulated one, and closes that in the end. */
static void stand_before(struct vfio_pci_device *pci)
{
	struct transport *tp = pci->dev.transport;

	d.real = tp->ops;
	d.ops = *d.real;
	d.ops.reg_read = reg_read;
	d.ops.reg_write = reg_write;
	d.ops.doorbells = doorbells;
	d.ops.ring = ring;
	d.ops.asleep = asleep;
	d.ops.gone = gone;
	tp->ops = &d.ops;
	d.ctx = pci->dev.ctx;
	memset(d.regs, 0, sizeof(d.regs));
	memset(d.sq, 0, sizeof(d.sq));
	memset(d.cq, 0, sizeof(d.cq));
}

/* ---- the driver's day ---- */

static void io(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	static uint8_t buf[2 * PAGE] __attribute__((aligned(4096)));
	union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_READ}};
	struct timespec ts = {.tv_nsec = DEADLINE_MS * 1000000};
	struct nvme_rq *rq;

	(void)nvme_sync(ctrl, sq, &cmd, buf, sizeof(buf), NULL);
	(void)nvme_sync(ctrl, sq, &cmd, buf + 8, 512, NULL);
	rq = nvme_rq_acquire(sq);
	if (!rq)
		return;
	cmd.opcode = NVM_CMD_FLUSH;
	nvme_rq_exec(rq, &cmd);
	for (int i = 0; i < 8 && nvme_rq_wait(rq, NULL, &ts) && errno == EAGAIN; i++)
		;
	nvme_rq_release(rq);
	for (int i = 0; i < 8; i++) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(sq->cq);

		rq = cqe ? nvme_rq_from_cqe(ctrl, cqe) : NULL;
		if (rq)
			nvme_rq_release(rq);
	}
	nvme_cq_update_head(sq->cq);
}

static void admin(struct nvme_ctrl *ctrl)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY}};
	uint16_t cntlid;
	uint8_t page[PAGE];

	(void)nvme_admin(ctrl, &cmd, page, sizeof(page), NULL);
	(void)nvme_get_vf_cntlid(ctrl, 1, &cntlid);
	(void)nvme_aer(ctrl, NULL);
}

static void live(struct nvme_ctrl *ctrl)
{
	ctrl->timeout_ms = DEADLINE_MS;
	admin(ctrl);
	(void)nvme_configure_cmb(ctrl);
	if (!nvme_create_ioqpair(ctrl, 1, 8, -1, 0)) {
		io(ctrl, &ctrl->sq[1]);
		if (!nvme_create_iosq(ctrl, 2, 4, &ctrl->cq[1], 0))
			io(ctrl, &ctrl->sq[2]);
		(void)nvme_delete_iosq(ctrl, 2);
		(void)nvme_delete_ioqpair(ctrl, 1);
	}
	if (!nvme_reset(ctrl) && !nvme_enable(ctrl))
		admin(ctrl);
	(void)nvme_shutdown(ctrl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct nvme_ctrl_opts opts = {.nsqr = 2, .ncqr = 2, .timeout_ms = DEADLINE_MS};
	struct nvme_ctrl ctrl = {};

	if (vfio_pci_open(&ctrl.pci, "emu:queues=4,cmb=64K,size=64K"))
		abort();
	d.in = data;
	d.left = len < MAX_LEN ? len : MAX_LEN;
	stand_before(&ctrl.pci);
	if (!nvme_init(&ctrl, "emu:", &opts))
		live(&ctrl);
	nvme_close(&ctrl);
	vfio_pci_close(&ctrl.pci);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A validation tool in the manner of those who use today's libvfn and trust it with little: the
 * registers are written by hand, the memory of queues is the program's, cids are its own, data
 * pointers and their flags are set by hand, rings are looked into and their heads moved, members of
 * the controller that are called private are written; and it is done all over again in place.
 */
#include <sys/uio.h>

#include <vfn/nvme.h>

#include "check.h"

enum {
	REG_CAP = 0x0,
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
};

enum {
	DELETE_SQ = 0x00,
	CREATE_SQ = 0x01,
	DELETE_CQ = 0x04,
	CREATE_CQ = 0x05,
	SET_FEATURES = 0x09,
	KEEP_ALIVE = 0x18,
	WRITE = 0x01,
	READ = 0x02,
	FLUSH = 0x00,
};

#define AQ_SIZE 32
#define IO_SIZE 16

static struct nvme_ctrl ctrl;
static struct iommu_dmabuf rings[2];
static const char *name;

/* ---- the controller, by its registers ---- */

static void wait_ready(uint32_t want)
{
	for (int i = 0; i < 30000; i++) {
		uint32_t csts = le32_to_cpu(mmio_read32((char *)ctrl.regs + REG_CSTS));

		CHECK(csts != 0xffffffff && !(csts & 2));
		if ((csts & 1) == want)
			return;
		usleep(1000);
	}
	CHECK(!"CSTS.RDY");
}

static void disable(void)
{
	uint32_t cc = le32_to_cpu(mmio_read32((char *)ctrl.regs + REG_CC));

	mmio_write32((char *)ctrl.regs + REG_CC, cpu_to_le32(cc & ~1u));
	wait_ready(0);
}

static void set_up_adminq(void)
{
	CHECK(!iommu_get_dmabuf(__iommu_ctx(&ctrl), &rings[0], AQ_SIZE << NVME_CQES, 0x0));
	CHECK(!iommu_get_dmabuf(__iommu_ctx(&ctrl), &rings[1], AQ_SIZE << NVME_SQES, 0x0));
	memset(rings[0].vaddr, 0xff, (size_t)rings[0].len); /* stale phases of 1 */

	CHECK(!nvme_configure_cq_mem(&ctrl, NVME_AQ, AQ_SIZE, 0, &rings[0]));
	CHECK(!nvme_configure_sq_mem(&ctrl, NVME_AQ, AQ_SIZE, &ctrl.cq[NVME_AQ], 0x0, &rings[1]));
	CHECK(ctrl.cq[0].mem.vaddr == rings[0].vaddr && ctrl.sq[0].mem.iova == rings[1].iova);
	ctrl.adminq.cq = &ctrl.cq[NVME_AQ];
	ctrl.adminq.sq = &ctrl.sq[NVME_AQ];

	mmio_write32((char *)ctrl.regs + REG_AQA, cpu_to_le32((AQ_SIZE - 1) << 16 | (AQ_SIZE - 1)));
	mmio_hl_write64((char *)ctrl.regs + REG_ASQ, cpu_to_le64(ctrl.sq[0].mem.iova));
	mmio_lh_write64((char *)ctrl.regs + REG_ACQ, cpu_to_le64(ctrl.cq[0].mem.iova));
}

static void enable(void)
{
	uint32_t cc = NVME_SQES << 16 | NVME_CQES << 20 | 1;

	ctrl.config.mps = 0;
	mmio_write32((char *)ctrl.regs + REG_CC, cpu_to_le32(cc));
	wait_ready(1);
}

/* ---- commands with cids of the program's own ---- */

/* The next completion, by a look at the ring. */
static struct nvme_cqe take(struct nvme_cq *cq)
{
	struct nvme_cqe *ring = (struct nvme_cqe *)cq->mem.vaddr, cqe;

	for (int i = 0;; i++) {
		leint16_t sfp = LOAD(ring[cq->head].sfp);

		if ((le16_to_cpu(sfp) & 1) != cq->phase)
			break;
		CHECK(i < 1000000);
		usleep(10);
	}
	dma_rmb();
	cqe = ring[cq->head];
	if (++cq->head == cq->qsize) {
		cq->head = 0;
		cq->phase ^= 1;
	}
	nvme_cq_update_head(cq);
	return cqe;
}

/* The same as the library does it. */
static struct nvme_cqe get(struct nvme_cq *cq)
{
	struct nvme_cqe *cqe, copy;

	while (!(cqe = nvme_cq_get_cqe(cq)))
		;
	copy = *cqe;
	nvme_cq_update_head(cq);
	return copy;
}

static struct nvme_cqe execute(struct nvme_sq *sq, union nvme_cmd *cmd)
{
	static uint16_t cid = 0x1000;
	struct nvme_cqe cqe;

	cmd->cid = cid++;
	nvme_sq_post(sq, cmd);
	nvme_sq_update_tail(sq);
	cqe = cid & 1 ? take(sq->cq) : get(sq->cq);
	CHECK(cqe.cid == cmd->cid && le16_to_cpu(cqe.sqid) == sq->id);
	return cqe;
}

static void admin(union nvme_cmd *cmd)
{
	struct nvme_cqe cqe = execute(ctrl.adminq.sq, cmd);

	CHECK(nvme_cqe_ok(&cqe));
}

static void set_number_of_queues(void)
{
	union nvme_cmd cmd = {.features = {.opcode = SET_FEATURES, .fid = 0x07}};
	struct nvme_cqe cqe;
	uint32_t dw0;

	cmd.features.cdw11 = cpu_to_le32((uint32_t)ctrl.opts.ncqr << 16 | (uint32_t)ctrl.opts.nsqr);
	cqe = execute(ctrl.adminq.sq, &cmd);
	CHECK(nvme_cqe_ok(&cqe));
	dw0 = le32_to_cpu(cqe.dw0);
	ctrl.config.nsqa = (int)(dw0 & 0xffff);
	ctrl.config.ncqa = (int)(dw0 >> 16);
}

static void create_pair(int qid)
{
	union nvme_cmd cmd = {.create_cq = {.opcode = CREATE_CQ}};
	struct nvme_cq *cq = &ctrl.cq[qid];
	struct nvme_sq *sq = &ctrl.sq[qid];

	CHECK(!nvme_configure_cq(&ctrl, qid, IO_SIZE, -1));
	CHECK(cq->vector == -1);
	cq->vector = qid;
	cmd.create_cq.prp1 = cpu_to_le64(cq->mem.iova);
	cmd.create_cq.qid = cpu_to_le16((uint16_t)cq->id);
	cmd.create_cq.qsize = cpu_to_le16((uint16_t)(cq->qsize - 1));
	cmd.create_cq.qflags = cpu_to_le16(NVME_Q_PC);
	admin(&cmd);

	CHECK(!nvme_configure_sq(&ctrl, qid, IO_SIZE, cq, 0x0));
	memset(&cmd, 0, sizeof(cmd));
	cmd.create_sq.opcode = CREATE_SQ;
	cmd.create_sq.prp1 = cpu_to_le64(sq->mem.iova);
	cmd.create_sq.qid = cpu_to_le16((uint16_t)sq->id);
	cmd.create_sq.qsize = cpu_to_le16((uint16_t)(sq->qsize - 1));
	cmd.create_sq.qflags = cpu_to_le16(NVME_Q_PC | NVME_SQ_QPRIO_MEDIUM);
	cmd.create_sq.cqid = cpu_to_le16((uint16_t)cq->id);
	admin(&cmd);
}

static void delete_pair(int qid)
{
	const uint8_t opcodes[] = {DELETE_SQ, DELETE_CQ};
	const struct nvme_cq zero_cq = {};
	const struct nvme_sq zero_sq = {};

	for (int i = 0; i < 2; i++) {
		union nvme_cmd cmd = {.delete_q = {.opcode = opcodes[i]}};

		cmd.delete_q.qid = cpu_to_le16((uint16_t)qid);
		admin(&cmd);
	}
	nvme_discard_sq(&ctrl, &ctrl.sq[qid]);
	nvme_discard_cq(&ctrl, &ctrl.cq[qid]);
	CHECK(!memcmp(&ctrl.sq[qid], &zero_sq, sizeof(zero_sq)));
	CHECK(!memcmp(&ctrl.cq[qid], &zero_cq, sizeof(zero_cq)));
}

/* ---- what is tried ---- */

/* Entries of the ring that the device has not been told of, and one of them changed there. */
static void look_at_what_is_posted(void)
{
	struct nvme_sq *sq = &ctrl.sq[1];
	union nvme_cmd cmd = {.opcode = FLUSH, .nsid = cpu_to_le32(1)};
	union nvme_cmd *ring = (union nvme_cmd *)sq->mem.vaddr;
	int n = 0;

	for (uint16_t i = 0; i < 5; i++) {
		cmd.cid = (uint16_t)(0xa000 + i);
		nvme_sq_post(sq, &cmd);
	}
	for (int i = sq->ptail; i != sq->tail; i = (i + 1) % sq->qsize) {
		CHECK(ring[i].cid == 0xa000 + n);
		ring[i].cid = (uint16_t)(0xb000 + n++);
	}
	CHECK(n == 5);
	nvme_sq_update_tail(sq);
	CHECK(sq->tail == sq->ptail);
	for (int i = 0, left = 0x1f; i < 5; i++) {
		struct nvme_cqe cqe = i & 1 ? take(sq->cq) : get(sq->cq);

		n = cqe.cid - 0xb000; /* in any order, each once */
		CHECK(nvme_cqe_ok(&cqe) && n >= 0 && n < 5 && left & 1 << n);
		left &= ~(1 << n);
	}
	PASSED("posted, counted, changed, and then rung");
}

/* Trackers for their pages and cids; lists and flags by hand. */
static void transfer(uint8_t opcode, struct iovec *iov, int niov, bool sgl, int reaper)
{
	struct nvme_sq *sq = &ctrl.sq[1];
	struct nvme_rq *rq = nvme_rq_acquire_atomic(sq);
	union nvme_cmd cmd = {};
	struct nvme_cqe cqe;
	size_t len = 0;

	CHECK(rq && rq->page.vaddr);
	for (int i = 0; i < niov; i++)
		len += iov[i].iov_len;
	cmd.rw.opcode = opcode;
	cmd.rw.cid = rq->cid;
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / 512 - 1));
	rq->opaque = iov;

	if (sgl) {
		cmd.rw.flags |= NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG << NVME_CMD_FLAGS_PSDT_SHIFT;
		CHECK(!nvme_mapv_sgl(&ctrl, (struct nvme_sgld *)rq->page.vaddr, rq->page.iova, &cmd,
				     iov, niov));
		CHECK(cmd.dptr.sgl.type >> NVME_SGLD_TYPE_SHIFT ==
		      (niov == 1 ? NVME_SGLD_TYPE_DATA_BLOCK : NVME_SGLD_TYPE_LAST_SEGMENT));
	} else {
		CHECK(!nvme_mapv_prp(&ctrl, (leint64_t *)rq->page.vaddr, 1, &cmd, iov, niov));
	}
	CHECK(cmd.flags == (sgl ? 0x40 : 0));

	nvme_sq_post(sq, &cmd);
	nvme_sq_update_tail(sq);
	cqe = reaper ? take(sq->cq) : get(sq->cq);
	CHECK(nvme_cqe_ok(&cqe) && cqe.cid == rq->cid && rq->opaque == iov);
	nvme_rq_release_atomic(rq);
}

static void data(bool sgl)
{
	char *buf;
	ssize_t len = pgmap((void **)&buf, 4 * 8192);
	struct iovec out[3], in[3];

	CHECK(len == 4 * 8192);
	CHECK(!iommu_map_vaddr_align(__iommu_ctx(&ctrl), buf, (size_t)len, 8192, NULL, 0x0));
	for (int i = 0; i < 8192 * 3; i++)
		buf[i] = (char)(i * 7 + (i >> 9));
	for (int i = 0; i < 3; i++) {
		out[i].iov_base = buf + (2 - i) * 4096;
		out[i].iov_len = 4096;
		in[i].iov_base = buf + 16384 + (2 - i) * 4096;
		in[i].iov_len = 4096;
	}
	/* More than the queue has trackers, so none of them is lost. */
	for (int i = 0; i < 3 * IO_SIZE; i++) {
		int niov = i % 3 + 1;

		transfer(WRITE, out, niov, sgl, i & 1);
		memset(buf + 16384, 0, 12288);
		transfer(READ, in, niov, sgl, i & 2);
		CHECK(!memcmp(buf + 8192, buf + 16384 + 8192, 4096));
		CHECK(niov < 3 || !memcmp(buf, buf + 16384, 12288));
	}
	CHECK(!iommu_unmap_vaddr(__iommu_ctx(&ctrl), buf, NULL));
	pgunmap(buf, (size_t)len);
	PASSED(sgl ? "data by SGLs of the program's" : "data by PRPs of the program's");
}

static bool has_sgls(void)
{
	union nvme_cmd cmd = {.identify = {.opcode = 0x06, .cns = 0x1}};
	uint8_t id[4096];

	CHECK(!nvme_admin(&ctrl, &cmd, id, sizeof(id), NULL));
	return id[536] & 0x3;
}

/* Vectors are reserved by disabling them, and fewer are asked for until it works. */
static void reserve_vectors(void)
{
	struct vfio_irq_info info = {.argsz = sizeof(info)};
	int n = 4096;

	CHECK(!vfio_pci_get_irq_info(&ctrl.pci, &info));
	CHECK(info.count == ctrl.pci.dev.irq_info.count);
	while (n && vfio_disable_irq(&ctrl.pci.dev, 0, n))
		n /= 2;
	CHECK(n >= 1 && n <= (int)info.count && 2 * n > (int)info.count);
	CHECK(!vfio_disable_irq_all(&ctrl.pci.dev));
	PASSED("vectors are reserved before any is enabled");
}

static void session(int nr)
{
	struct nvme_ctrl_opts opts = {.nsqr = 1, .ncqr = 1};

	CHECK(!nvme_ctrl_init(&ctrl, name, &opts));
	CHECK(ctrl.config.nsqa == 0 && ctrl.config.ncqa == 0 && ctrl.config.mqes >= IO_SIZE - 1);
	CHECK(!strcmp(ctrl.pci.bdf, name));
	CHECK(!nvme_get_ctrl(name));
	CHECK(!nvme_add_ctrl(&ctrl));
	CHECK_FAILS(nvme_add_ctrl(&ctrl), EEXIST);
	CHECK(nvme_get_ctrl(name) == &ctrl);
	CHECK(le64_to_cpu(mmio_read64((char *)ctrl.regs + REG_CAP)) != ~0ULL);
	if (!nr) {
		PASSED("a controller that is only looked at");
		reserve_vectors();
	}

	disable();
	set_up_adminq();
	enable();
	set_number_of_queues();
	create_pair(1);
	if (!nr) {
		look_at_what_is_posted();
		data(false);
		if (has_sgls())
			data(true);
		else
			SKIPPED("data by SGLs of the program's", "no SGLs");
	}
	delete_pair(1);

	/* Once more the admin queue, in the same memory, after a reset by hand. */
	create_pair(1);
	disable();
	nvme_discard_sq(&ctrl, &ctrl.sq[1]);
	nvme_discard_cq(&ctrl, &ctrl.cq[1]);
	nvme_discard_sq(&ctrl, ctrl.adminq.sq);
	nvme_discard_cq(&ctrl, &ctrl.cq[0]);
	CHECK(rings[0].vaddr && rings[1].vaddr);
	iommu_put_dmabuf(&rings[0]);
	iommu_put_dmabuf(&rings[1]);
	iommu_put_dmabuf(&rings[1]); /* no harm */
	set_up_adminq();
	enable();
	create_pair(1);
	delete_pair(1);

	CHECK(!nvme_del_ctrl(&ctrl));
	CHECK_FAILS(nvme_del_ctrl(&ctrl), ENODEV);
	nvme_close(&ctrl);
	CHECK(!ctrl.pci.bdf && !ctrl.regs && !ctrl.opts.nsqr);
	iommu_put_dmabuf(&rings[0]);
	iommu_put_dmabuf(&rings[1]);
}

int main(int argc, char **argv)
{
	name = argc > 1 ? argv[1] : "emu:";
	for (int i = 0; i < 3; i++)
		session(i);
	PASSED("again and again in the same structure");
	return check_done();
}

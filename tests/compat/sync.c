/* SPDX-License-Identifier: MIT */
/*
 * A synchronous tool as those who use today's libvfn write it: one include, buffers mapped once,
 * one command at a time, trackers by hand where it is about I/O; and the admin queue with an
 * asynchronous event request on it. What it needs of libc comes with the one include.
 */
#include <vfn/nvme.h>

#include "check.h"

enum {
	IDENTIFY = 0x06,
	SET_FEATURES = 0x09,
	GET_FEATURES = 0x0a,
	GET_LOG_PAGE = 0x02,
	WRITE = 0x01,
	READ = 0x02,
	FLUSH = 0x00,
	FEAT_TEMPERATURE = 0x04,
	FEAT_EVENTS = 0x0b,
	LOG_HEALTH = 0x02,
};

static struct nvme_ctrl ctrl = {};

/* The buffer is mapped by hand, and the data pointer set by hand. */
static void identify_by_hand(void)
{
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	uint64_t iova;
	ssize_t len;
	void *buf;

	len = pgmap(&buf, 4096);
	CHECK(len == 4096);
	CHECK(!iommu_map_vaddr(__iommu_ctx(&ctrl), buf, (size_t)len, &iova, 0x0));

	memset(&cmd, 0x0, sizeof(cmd));
	cmd.identify.opcode = IDENTIFY;
	cmd.identify.cns = 0x1;
	cmd.identify.dptr.prp1 = cpu_to_le64(iova);
	CHECK(!nvme_admin(&ctrl, &cmd, NULL, 0, &cqe));
	CHECK(nvme_cqe_ok(&cqe));
	CHECK(((char *)buf)[4] > ' ');	      /* a serial number */
	CHECK(((uint8_t *)buf)[512] == 0x66); /* SQES: 64 bytes */

	CHECK(!iommu_unmap_vaddr(__iommu_ctx(&ctrl), buf, NULL));
	pgunmap(buf, (size_t)len);
	PASSED("identify into a buffer mapped by hand");
}

/* The same into any memory, from the heap as well. */
static void identify_anywhere(void)
{
	union nvme_cmd cmd = {.identify = {.opcode = IDENTIFY, .nsid = cpu_to_le32(1), .cns = 0x0}};
	void *page, *heap = zmalloc(4096);
	ssize_t len = pgmap(&page, 4096);

	CHECK(len > 0);
	CHECK(!nvme_admin(&ctrl, &cmd, page, 4096, NULL));
	CHECK(!nvme_sync(&ctrl, ctrl.adminq.sq, &cmd, heap, 4096, NULL));
	CHECK(!memcmp(page, heap, 4096));
	CHECK(*(uint64_t *)page);				       /* NSZE */
	CHECK(!iommu_translate_vaddr(__iommu_ctx(&ctrl), page, NULL)); /* nothing stays mapped */
	pgunmap(page, (size_t)len);
	free(heap);
	PASSED("identify into any memory");
}

static void refused(void)
{
	union nvme_cmd cmd = {.opcode = GET_FEATURES, .cdw10 = cpu_to_le32(0x7f)};
	struct nvme_cqe cqe;

	errno = 0;
	CHECK(nvme_admin(&ctrl, &cmd, NULL, 0, &cqe) == -1);
	CHECK(errno);
	CHECK(!nvme_cqe_ok(&cqe));
	CHECK((le16_to_cpu(cqe.sfp) >> 1 & 0xff) == 0x02); /* Invalid Field in Command */
	PASSED("a refusal has its status in the completion");
}

static struct nvme_rq *post(struct nvme_sq *sq, union nvme_cmd *cmd, iova_t iova, void *opaque)
{
	struct nvme_rq *rq = nvme_rq_acquire(sq);

	CHECK(rq);
	CHECK(!rq->opaque);
	rq->opaque = opaque;
	CHECK(!nvme_rq_map_prp(&ctrl, rq, cmd, iova, 4096));
	nvme_rq_prep_cmd(rq, cmd);
	nvme_sq_post(sq, cmd);
	return rq;
}

/* Two at a time: post, post, ring; then the completions one by one. */
static void io(void)
{
	union nvme_cmd cmds[2] = {};
	struct nvme_rq *rqs[2];
	struct nvme_cqe *cqe;
	size_t len = 8192;
	char *buf;
	iova_t iova;

	CHECK(!nvme_create_ioqpair(&ctrl, 1, 64, -1, 0x0));
	CHECK(pgmap((void **)&buf, 2 * len) > 0);
	CHECK(!iommu_map_vaddr(ctrl.pci.dev.ctx, buf, 2 * len, &iova, 0));
	memset(buf, 0x5a, len);

	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 2; i++) {
			memset(&cmds[i], 0, sizeof(cmds[i]));
			cmds[i].rw.opcode = pass ? READ : WRITE;
			cmds[i].rw.nsid = cpu_to_le32(0x1);
			cmds[i].rw.slba = cpu_to_le64((uint64_t)i * 8);
			cmds[i].rw.nlb = cpu_to_le16(7);
			rqs[i] = post(&ctrl.sq[1], &cmds[i],
				      iova + (pass ? len : 0) + (size_t)i * 4096, &cmds[i]);
			CHECK(pass || rqs[i]->cid == 62 - i); /* the highest first */
		}
		nvme_sq_update_tail(&ctrl.sq[1]);
		for (int i = 0; i < 2; i++) {
			struct nvme_rq *rq;

			do {
				cqe = nvme_cq_get_cqe(&ctrl.cq[1]);
			} while (!cqe);
			CHECK(nvme_cqe_ok(cqe));
			rq = __nvme_rq_from_cqe(&ctrl.sq[1], cqe);
			CHECK(rq && rq->sq == &ctrl.sq[1] && rq->sq->id == 1);
			CHECK(rq->opaque == &cmds[rq == rqs[0] ? 0 : 1]);
			nvme_rq_release(rq);
			nvme_cq_update_head(&ctrl.cq[1]);
		}
	}
	CHECK(!memcmp(buf, buf + len, len));
	PASSED("write and read, two at a time");

	memset(&cmds[0], 0, sizeof(cmds[0]));
	cmds[0].opcode = FLUSH;
	cmds[0].nsid = cpu_to_le32(1);
	rqs[0] = nvme_rq_acquire(&ctrl.sq[1]);
	nvme_rq_exec(rqs[0], &cmds[0]);
	CHECK(!nvme_rq_spin(rqs[0], NULL));
	nvme_rq_release(rqs[0]);
	PASSED("flush, and a spin for it");

	CHECK(!iommu_unmap_vaddr(ctrl.pci.dev.ctx, buf + 100, &len));
	CHECK(len == 16384);
	pgunmap(buf, len);
	CHECK(!nvme_delete_ioqpair(&ctrl, 1));
}

/* The event and the command that causes it, taken with one call. */
static void event(void)
{
	union nvme_cmd cmd = {.features = {.opcode = SET_FEATURES, .fid = FEAT_EVENTS}};
	struct timespec timeout = {.tv_sec = 30};
	struct nvme_cqe cqes[2];
	struct nvme_rq *rq;
	char log[512];
	int seen = 0, here;

	cmd.features.cdw11 = cpu_to_le32(0x1f); /* of health, all */
	CHECK(!nvme_admin(&ctrl, &cmd, NULL, 0, NULL));
	CHECK(!nvme_aer(&ctrl, &here));

	cmd.features.fid = FEAT_TEMPERATURE;
	cmd.features.cdw11 = cpu_to_le32(1); /* 1 K is too hot */
	rq = nvme_rq_acquire(ctrl.adminq.sq);
	CHECK(rq);
	nvme_rq_exec(rq, &cmd);
	CHECK(nvme_cq_wait_cqes(ctrl.adminq.cq, cqes, 2, &timeout) == 2);
	nvme_cq_update_head(ctrl.adminq.cq);
	for (int i = 0; i < 2; i++) {
		struct nvme_rq *done;

		if (cqes[i].cid & NVME_CID_AER) {
			uint32_t dw0 = le32_to_cpu(cqes[i].dw0);

			CHECK(NVME_AEN_TYPE(dw0) == 1 && NVME_AEN_INFO(dw0) == 1);
			CHECK(NVME_AEN_LID(dw0) == LOG_HEALTH);
			cqes[i].cid &= (uint16_t)~NVME_CID_AER;
			seen++;
		}
		done = nvme_rq_from_cqe(&ctrl, &cqes[i]);
		CHECK(done && (done == rq || done->opaque == &here));
		nvme_rq_release(done);
	}
	CHECK(seen == 1);

	memset(&cmd, 0, sizeof(cmd));
	cmd.log.opcode = GET_LOG_PAGE;
	cmd.log.nsid = cpu_to_le32(0xffffffff);
	cmd.log.lid = LOG_HEALTH;
	cmd.log.numdl = cpu_to_le16(sizeof(log) / 4 - 1);
	CHECK(!nvme_admin(&ctrl, &cmd, log, sizeof(log), NULL));
	CHECK(log[0] & 0x02); /* temperature */
	PASSED("an event and a command by one wait");
}

int main(int argc, char **argv)
{
	const struct nvme_ctrl_opts opts = {.nsqr = 3, .ncqr = 3};

	CHECK(!nvme_init(&ctrl, argc > 1 ? argv[1] : "emu:", &opts));
	CHECK(ctrl.config.nsqa <= 3 && ctrl.config.ncqa <= 3 && ctrl.config.mqes > 0);
	PASSED("bring-up");
	identify_by_hand();
	identify_anywhere();
	refused();
	io();
	event();
	nvme_close(&ctrl);
	CHECK(!ctrl.pci.bdf && !ctrl.sq && !ctrl.adminq.sq);
	PASSED("closed and zero");
	return check_done();
}

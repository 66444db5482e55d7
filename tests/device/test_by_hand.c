/* SPDX-License-Identifier: MIT */
/*
 * Bring-up step by step, as programs do that keep queues and commands in their own hands: their own
 * memory for rings, their own Create and Delete commands, their own completions.
 */
#include "dev.h"

static void enable(struct dev *dev)
{
	uint32_t granted;

	assert_works(nvme_enable(&dev->ctrl));
	assert_works(
		dev_features(dev, NVM_ADMIN_SET_FEATURES, NVM_FEAT_NUM_QUEUES, 0x10001, &granted));
	dev->ctrl.config.nsqa = (int)(granted & 0xffff);
	dev->ctrl.config.ncqa = (int)(granted >> 16);
	dev_look(dev);
	dev_need_write(dev);
}

static void create(struct dev *dev, int qid)
{
	union nvme_cmd cmd = {.create_cq = {.opcode = NVM_ADMIN_CREATE_CQ}};
	struct nvme_cq *cq = &dev->ctrl.cq[qid];
	struct nvme_sq *sq = &dev->ctrl.sq[qid];

	cmd.create_cq.prp1 = cpu_to_le64(cq->mem.iova);
	cmd.create_cq.qid = cpu_to_le16((uint16_t)qid);
	cmd.create_cq.qsize = cpu_to_le16((uint16_t)(cq->qsize - 1));
	cmd.create_cq.qflags = cpu_to_le16(NVME_Q_PC);
	assert_works(nvme_admin(&dev->ctrl, &cmd, NULL, 0, NULL));

	cmd = (union nvme_cmd){.create_sq = {.opcode = NVM_ADMIN_CREATE_SQ}};
	cmd.create_sq.prp1 = cpu_to_le64(sq->mem.iova);
	cmd.create_sq.qid = cpu_to_le16((uint16_t)qid);
	cmd.create_sq.qsize = cpu_to_le16((uint16_t)(sq->qsize - 1));
	cmd.create_sq.qflags = cpu_to_le16(NVME_Q_PC);
	cmd.create_sq.cqid = cpu_to_le16((uint16_t)cq->id);
	assert_works(nvme_admin(&dev->ctrl, &cmd, NULL, 0, NULL));
}

static void delete_pair(struct dev *dev, int qid)
{
	static const uint8_t opcodes[] = {NVM_ADMIN_DELETE_SQ, NVM_ADMIN_DELETE_CQ};

	for (size_t i = 0; i < ROWS(opcodes); i++) {
		union nvme_cmd cmd = {.delete_q = {.opcode = opcodes[i]}};

		cmd.delete_q.qid = cpu_to_le16((uint16_t)qid);
		assert_works(nvme_admin(&dev->ctrl, &cmd, NULL, 0, NULL));
	}
}

static void use(struct dev *dev, int qid, int commands)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
	struct nvme_sq *sq = &dev->ctrl.sq[qid];

	for (int i = 0; i < commands; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		assert_non_null(rq);
		assert_works(dev_exec(rq, &cmd, NULL));
		nvme_rq_release(rq);
	}
}

static void by_hand__with_the_librarys_memory(void **state)
{
	struct dev dev = {};

	(void)state;
	assert_works(nvme_ctrl_init(&dev.ctrl, test_device(), NULL));
	assert_works(nvme_reset(&dev.ctrl));
	assert_works(nvme_configure_adminq(&dev.ctrl, 0));
	assert_ptr_equal(dev.ctrl.adminq.sq, &dev.ctrl.sq[0]);
	assert_ptr_equal(dev.ctrl.adminq.cq, &dev.ctrl.cq[0]);
	enable(&dev);

	assert_works(nvme_configure_cq(&dev.ctrl, 1, 8, -1));
	assert_works(nvme_configure_sq(&dev.ctrl, 1, 16, &dev.ctrl.cq[1], 0));
	create(&dev, 1);
	use(&dev, 1, 50);
	delete_pair(&dev, 1);
	nvme_discard_sq(&dev.ctrl, &dev.ctrl.sq[1]);
	nvme_discard_cq(&dev.ctrl, &dev.ctrl.cq[1]);
	assert_null(dev.ctrl.sq[1].mem.vaddr);
	assert_null(dev.ctrl.cq[1].mem.vaddr);
	assert_int_equal(dev.ctrl.cq[1].qsize, 0);
	nvme_discard_sq(&dev.ctrl, &dev.ctrl.sq[1]); /* no harm */
	nvme_discard_cq(&dev.ctrl, &dev.ctrl.cq[1]);

	/* The common way goes on from here. */
	assert_works(nvme_create_ioqpair(&dev.ctrl, 1, 8, -1, 0));
	use(&dev, 1, 20);
	dev_close(&dev);
}

static void by_hand__with_the_callers_memory(void **state)
{
	struct iommu_ctx *ctx = iommu_get_context(test_device());
	struct iommu_dmabuf rings[4];
	struct dev dev = {};

	(void)state;
	assert_non_null(ctx);
	dev.ctrl.pci.dev.ctx = ctx;
	assert_works(nvme_ctrl_init(&dev.ctrl, test_device(), NULL));
	for (size_t i = 0; i < ROWS(rings); i++)
		rings[i] = dev_buf(&dev, 4096);
	rings[0].len = 16 * 16; /* 16 admin completions, 32 admin commands */
	rings[1].len = 32 * 64;

	assert_works(nvme_reset(&dev.ctrl));
	assert_works(nvme_configure_adminq_mem(&dev.ctrl, 0, &rings[0], &rings[1]));
	assert_int_equal(dev.ctrl.adminq.cq->qsize, 16);
	assert_int_equal(dev.ctrl.adminq.sq->qsize, 32);
	assert_ptr_equal(dev.ctrl.adminq.sq->mem.vaddr, rings[1].vaddr);
	enable(&dev);
	for (int i = 0; i < 100; i++)
		assert_works(
			dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));

	/* The largest rings that 4 KiB hold. */
	memset(rings[2].vaddr, 0xff, 4096);
	assert_works(nvme_configure_cq_mem(&dev.ctrl, 1, dev_qsize(&dev, 256), -1, &rings[2]));
	assert_works(nvme_configure_sq_mem(&dev.ctrl, 1, 64, &dev.ctrl.cq[1], 0, &rings[3]));
	assert_ptr_equal(dev.ctrl.cq[1].mem.vaddr, rings[2].vaddr);
	create(&dev, 1);
	use(&dev, 1, 600);
	dev_close(&dev);

	/* The memory is the caller's, still. */
	rings[0].len = rings[1].len = (ssize_t)(rings[3].len);
	for (size_t i = 0; i < ROWS(rings); i++) {
		assert_true(iommu_translate_vaddr(ctx, rings[i].vaddr, NULL));
		memset(rings[i].vaddr, 0, 4096);
		iommu_put_dmabuf(&rings[i]);
	}
	assert_nothing_mapped(ctx);
}

static void by_hand__bad_memory_is_refused(void **state)
{
	struct iommu_dmabuf good, bad;
	struct dev dev = {};

	(void)state;
	assert_works(nvme_ctrl_init(&dev.ctrl, test_device(), NULL));
	good = dev_buf(&dev, 4096);
	good.len = 4096;
	assert_fails(nvme_configure_cq_mem(&dev.ctrl, 1, 8, -1, NULL), EINVAL);
	assert_fails(nvme_configure_cq_mem(&dev.ctrl, 1, 257, -1, &good), EINVAL);
	bad = good;
	bad.iova += 16;
	assert_fails(nvme_configure_cq_mem(&dev.ctrl, 1, 8, -1, &bad), EINVAL);
	/* Half a page of the controller's, though it may be one of the host's. */
	bad.iova = good.iova + (iova_t)__mps_to_pagesize(dev.ctrl.config.mps) / 2;
	assert_fails(nvme_configure_cq_mem(&dev.ctrl, 1, 8, -1, &bad), EINVAL);
	assert_fails(nvme_configure_cq_mem(&dev.ctrl, 1, -8, -1, &good), EINVAL);
	assert_null(dev.ctrl.cq[1].mem.vaddr);
	assert_works(nvme_configure_cq_mem(&dev.ctrl, 1, dev_qsize(&dev, 256), -1, &good));
	assert_fails(nvme_configure_sq_mem(&dev.ctrl, 1, 8, &dev.ctrl.cq[1], 0, NULL), EINVAL);
	assert_fails(nvme_configure_sq_mem(&dev.ctrl, 1, 65, &dev.ctrl.cq[1], 0, &good), EINVAL);
	assert_fails(nvme_configure_sq_mem(&dev.ctrl, 1, 8, &dev.ctrl.cq[1], 0, &bad), EINVAL);
	assert_fails(nvme_configure_sq_mem(&dev.ctrl, 1, 8, &dev.ctrl.cq[2], 0, &good), EINVAL);
	bad = good;
	bad.len = 16;
	assert_fails(nvme_configure_adminq_mem(&dev.ctrl, 0, &bad, &good), EINVAL);
	assert_fails(nvme_configure_adminq_mem(&dev.ctrl, 0, &good, &bad), EINVAL);
	assert_fails(nvme_configure_adminq_mem(&dev.ctrl, 0, NULL, &good), EINVAL);
	assert_fails(nvme_configure_adminq_mem(&dev.ctrl, 0, &good, NULL), EINVAL);
	iommu_put_dmabuf(&good);
	nvme_close(&dev.ctrl);
}

/* Reads that completions bring are taken from the ring, the head kept by hand. */
static void by_hand__completions_from_the_ring(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_cq *cq = sq->cq;
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct nvme_cqe *cqe = nvme_cq_head(cq);
		int lap = i / 4;

		assert_ptr_equal(cqe, (struct nvme_cqe *)cq->mem.vaddr + i % 4);
		assert_int_equal(cq->phase, lap & 1); /* what is stale now */
		cmd.cid = (uint16_t)(40000 + i);
		nvme_sq_exec(sq, &cmd);
		nvme_cq_spin(cq);
		assert_int_equal(nvme_cqe_phase(cqe), !(lap & 1));
		assert_int_equal(cqe->cid, 40000 + i);
		assert_ptr_equal(nvme_cq_get_cqe(cq), cqe);
		nvme_cq_update_head(cq);
	}
	dev_close(&dev);
}

/* A program may write the tracker's cid into the command itself, and may do so again and again. */
static void by_hand__cid_of_a_tracker(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};
	struct nvme_rq *rq = nvme_rq_acquire_atomic(sq);
	struct timespec patience = {.tv_sec = DEV_PATIENCE_S};

	(void)state;
	assert_non_null(rq);
	cmd.cid = rq->cid;
	for (int i = 0; i < 20; i++) {
		struct nvme_cqe cqe;

		nvme_sq_post(sq, &cmd);
		nvme_sq_update_tail(sq);
		assert_int_equal(nvme_cq_wait_cqes(sq->cq, &cqe, 1, &patience), 1);
		nvme_cq_update_head(sq->cq);
		assert_int_equal(cqe.cid, cmd.cid);
		assert_ptr_equal(nvme_rq_from_cqe(&dev.ctrl, &cqe), rq);
	}

	/* Given up while the device has it: nobody gets the tracker before the completion came. */
	nvme_sq_exec(sq, &cmd);
	nvme_rq_release_atomic(rq);
	for (int i = 0; i < 6; i++) {
		struct nvme_rq *other = nvme_rq_acquire(sq);

		assert_non_null(other);
		assert_ptr_not_equal(other, rq);
	}
	assert_null(nvme_rq_acquire(sq));
	assert_int_equal(errno, EBUSY);
	nvme_cq_spin(sq->cq);
	assert_null(nvme_cq_get_cqe(sq->cq));
	assert_ptr_equal(nvme_rq_acquire(sq), rq);
	dev_close(&dev);
}

/* The program reads the ring and moves the head, and the trackers come back all the same. */
static void by_hand__trackers_without_the_librarys_reaping(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_cq *cq = sq->cq;
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};

	(void)state;
	for (int i = 0; i < 50; i++) {
		struct nvme_rq *rq = nvme_rq_acquire_atomic(sq), *other;
		const struct nvme_cqe *cqe;

		assert_non_null(rq);
		cmd.cid = rq->cid;
		nvme_sq_exec(sq, &cmd);
		nvme_cq_spin(cq);
		cqe = nvme_cq_head(cq);
		assert_int_equal(cqe->cid, rq->cid);
		cq->head = (uint16_t)((cq->head + 1) % cq->qsize);
		cq->phase ^= !cq->head;
		nvme_cq_update_head(cq);
		nvme_rq_release_atomic(rq);
		if (i % 3)
			continue;

		/* An older completion of the tracker is in the ring; it is not this command's. */
		rq = nvme_rq_acquire(sq);
		assert_int_equal(rq->cid, cmd.cid);
		nvme_sq_post(sq, &cmd);
		nvme_rq_release(rq);
		other = nvme_rq_acquire(sq);
		assert_ptr_not_equal(other, rq);
		nvme_sq_update_tail(sq);
		nvme_cq_spin(cq);
		assert_null(nvme_cq_get_cqe(cq));
		nvme_rq_release(other);
	}
	dev_close(&dev);
}

/* The ring has two names each; a queue that is gone has neither. */
static void by_hand__older_names_of_the_memory(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_cq *cq = sq->cq;

	(void)state;
	assert_non_null(sq->vaddr);
	assert_ptr_equal(sq->vaddr, sq->mem.vaddr);
	assert_true(sq->iova == sq->mem.iova);
	assert_non_null(cq->vaddr);
	assert_ptr_equal(cq->vaddr, cq->mem.vaddr);
	assert_true(cq->iova == cq->mem.iova);
	assert_works(nvme_delete_ioqpair(&dev.ctrl, 1));
	assert_null(sq->vaddr);
	assert_true(sq->iova == 0);
	assert_null(cq->vaddr);
	assert_true(cq->iova == 0);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand__with_the_librarys_memory),
		cmocka_unit_test(by_hand__with_the_callers_memory),
		cmocka_unit_test(by_hand__bad_memory_is_refused),
		cmocka_unit_test(by_hand__completions_from_the_ring),
		cmocka_unit_test(by_hand__cid_of_a_tracker),
		cmocka_unit_test(by_hand__trackers_without_the_librarys_reaping),
		cmocka_unit_test(by_hand__older_names_of_the_memory),
	};

	return cmocka_run_group_tests_name("by_hand", tests, NULL, NULL);
}

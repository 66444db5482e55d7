/* SPDX-License-Identifier: MIT */
/*
 * Controller resets: rings, phases and trackers start anew, what was in flight is known to be gone,
 * queues are made again without a leak, and the data is still there.
 */
#include "dev.h"

static void bring_up_again(struct dev *dev, int qsize)
{
	assert_works(nvme_reset(&dev->ctrl));
	assert_works(nvme_enable(&dev->ctrl));
	assert_works(nvme_create_ioqpair(&dev->ctrl, 1, dev_qsize(dev, qsize), -1, 0));
}

static void use(struct dev *dev, int commands)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
	struct nvme_sq *sq = &dev->ctrl.sq[1];

	for (int i = 0; i < commands; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		assert_non_null(rq);
		nvme_rq_exec(rq, &cmd);
		assert_works(dev_reap(dev, sq->cq, NULL));
	}
}

static void reset__rings_start_anew(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);

	(void)state;
	/* Somewhere on the second lap. */
	use(&dev, 11);
	assert_int_equal(sq->tail, 3);
	assert_int_equal(sq->cq->phase, 1);

	assert_works(nvme_reset(&dev.ctrl));
	assert_int_equal(sq->tail, 0);
	assert_int_equal(sq->ptail, 0);
	assert_int_equal(sq->cq->head, 0);
	assert_int_equal(sq->cq->phase, 0);
	assert_null(nvme_cq_get_cqe(sq->cq));
	assert_null(nvme_cq_get_cqe(dev.ctrl.adminq.cq));

	assert_works(nvme_enable(&dev.ctrl));
	assert_works(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	assert_works(nvme_create_ioqpair(&dev.ctrl, 1, dev_qsize(&dev, 16), -1, 0));
	assert_int_equal(dev.ctrl.sq[1].qsize, 16);
	use(&dev, 40);
	dev_close(&dev);
}

static void reset__takes_commands_away(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};
	struct nvme_rq *waited = nvme_rq_acquire(sq), *given_up = nvme_rq_acquire(sq);
	struct nvme_rq *idle = nvme_rq_acquire(sq);
	struct timespec ts = {.tv_sec = 1};

	(void)state;
	/* Posted, not rung: the device will never answer these. */
	nvme_rq_post(waited, &cmd);
	nvme_rq_post(given_up, &cmd);
	nvme_rq_release(given_up);
	assert_works(nvme_reset(&dev.ctrl));

	assert_fails(nvme_rq_spin(waited, NULL), ECANCELED);
	assert_fails(nvme_rq_wait(waited, NULL, &ts), ECANCELED);
	assert_fails(nvme_rq_wait(idle, NULL, &ts), EINVAL);

	/* Still their owners', but for the one in quarantine. */
	assert_ptr_equal(nvme_rq_acquire(sq), given_up);
	for (int i = 0; i < 4; i++)
		assert_non_null(nvme_rq_acquire(sq));
	assert_null(nvme_rq_acquire(sq));
	nvme_rq_release(waited);
	assert_ptr_equal(nvme_rq_acquire(sq), waited);
	nvme_rq_release(idle);
	assert_ptr_equal(nvme_rq_acquire(sq), idle);
	dev_close(&dev);
}

static void reset__takes_kept_completions_away(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};
	struct nvme_rq *a = nvme_rq_acquire(sq), *b = nvme_rq_acquire(sq);

	(void)state;
	nvme_rq_exec(a, &cmd);
	nvme_rq_exec(b, &cmd);
	assert_works(dev_wait(b, NULL));
	if (!sq->cq->nr_kept) {
		dev_close(&dev);
		test_skip("the device has completed the second command first");
	}
	assert_works(nvme_reset(&dev.ctrl));
	assert_int_equal(sq->cq->nr_kept, 0);
	assert_fails(nvme_rq_wait(a, NULL, NULL), ECANCELED);
	nvme_rq_release(a);
	nvme_rq_release(b);
	for (int i = 0; i < 7; i++)
		assert_non_null(nvme_rq_acquire(sq));
	assert_null(nvme_rq_acquire(sq));
	dev_close(&dev);
}

static void reset__in_the_middle_of_io(void **state)
{
	struct iommu_dmabuf buf;
	struct dev dev;

	(void)state;
	if (getenv("BELFRY_DEV_FRAGILE"))
		test_skip("the device does not survive a reset in the middle of I/O");
	dev_open_io(&dev, 64);
	buf = dev_buf(&dev, 64 * dev.block);
	for (unsigned long round = 0; round < test_scale(50); round++) {
		struct nvme_sq *sq = &dev.ctrl.sq[1];

		for (uint64_t i = 0; i < 63; i++) {
			union nvme_cmd cmd = dev_rw_cmd(&dev, NVM_CMD_WRITE, i, dev.block);
			struct nvme_rq *rq = nvme_rq_acquire(sq);

			assert_non_null(rq);
			assert_works(nvme_rq_map_prp(&dev.ctrl, rq, &cmd, buf.iova + i * dev.block,
						     dev.block));
			nvme_rq_exec(rq, &cmd);
		}
		bring_up_again(&dev, 64);
	}
	use(&dev, 100);
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
}

static void reset__the_data_stays(void **state)
{
	struct iommu_dmabuf out, in;
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	out = dev_buf(&dev, dev.block);
	in = dev_buf(&dev, dev.block);
	dev_fill(out.vaddr, dev.block, 42);
	assert_works(dev_move(&dev, &dev.ctrl.sq[1], NVM_CMD_WRITE, 3, out.vaddr, dev.block));
	bring_up_again(&dev, 8);
	assert_works(dev_move(&dev, &dev.ctrl.sq[1], NVM_CMD_READ, 3, in.vaddr, dev.block));
	assert_memory_equal(in.vaddr, out.vaddr, dev.block);
	iommu_put_dmabuf(&out);
	iommu_put_dmabuf(&in);
	dev_close(&dev);
}

static void reset__leaks_nothing(void **state)
{
	struct dev dev;
	size_t mapped = 0;
	int fds = 0;

	(void)state;
	dev_open_io(&dev, 300);
	for (unsigned long round = 0; round < 5 + test_scale(50); round++) {
		for (int i = 0; i < 200; i++)
			nvme_rq_acquire(&dev.ctrl.sq[1]);
		bring_up_again(&dev, 300);
		/* What a few rounds leave is what any number leaves. */
		if (round == 3) {
			mapped = mapped_bytes(__iommu_ctx(&dev.ctrl));
			fds = open_fds();
		}
	}
	assert_true(mapped > 0);
	assert_int_equal(mapped_bytes(__iommu_ctx(&dev.ctrl)), mapped);
	assert_int_equal(open_fds(), fds);
	dev_close(&dev);
}

/* Only CC.EN changes. */
static void reset__leaves_the_configuration(void **state)
{
	struct dev dev;
	uint32_t *cc, before;

	(void)state;
	dev_open(&dev, test_device());
	if (!dev.ctrl.regs) {
		dev_close(&dev);
		test_skip("no pointer to the registers");
	}
	cc = (uint32_t *)(void *)((char *)dev.ctrl.regs + NVM_REG_CC);
	before = le32_to_cpu(mmio_read32(cc));
	assert_int_equal(before & 1, 1);
	assert_works(nvme_reset(&dev.ctrl));
	/* Nothing else was written. A controller may clear it all with its other registers; ours does
	 * not. */
	if (dev_emu(&dev) || le32_to_cpu(mmio_read32(cc)))
		assert_int_equal(le32_to_cpu(mmio_read32(cc)), before & ~1u);
	assert_works(nvme_reset(&dev.ctrl)); /* no harm */
	assert_works(nvme_enable(&dev.ctrl));
	assert_int_equal(le32_to_cpu(mmio_read32(cc)), before);
	dev_close(&dev);
}

static void reset__of_the_function(void **state)
{
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	use(&dev, 5);
	if (vfio_reset(&dev.ctrl.pci.dev)) {
		assert_int_equal(errno, ENOTSUP);
		dev_close(&dev);
		test_skip("no function-level reset");
	}
	/* The registers of the admin queue are gone with it. */
	assert_works(nvme_reset(&dev.ctrl));
	assert_works(nvme_configure_adminq(&dev.ctrl, 0));
	assert_works(nvme_enable(&dev.ctrl));
	assert_works(nvme_create_ioqpair(&dev.ctrl, 1, 8, -1, 0));
	use(&dev, 20);
	dev_close(&dev);
}

static void reset__after_a_shutdown(void **state)
{
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	use(&dev, 3);
	assert_works(nvme_shutdown(&dev.ctrl));
	bring_up_again(&dev, 8);
	use(&dev, 20);
	dev_close(&dev);
}

/* After a reset a queue may be made anew, and fail, while one that completed on it is still known. */
static void reset__of_a_queue_without_its_completion_queue(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);

	(void)state;
	assert_works(nvme_reset(&dev.ctrl));
	assert_works(nvme_enable(&dev.ctrl));
	assert_int_equal(nvme_create_iocq(&dev.ctrl, 1, 8, 2047), -1); /* no such vector */
	assert_null(dev.ctrl.cq[1].mem.vaddr);
	assert_works(nvme_reset(&dev.ctrl));
	assert_works(nvme_enable(&dev.ctrl));
	assert_works(nvme_create_ioqpair(&dev.ctrl, 1, 8, -1, 0));
	assert_ptr_equal(sq, &dev.ctrl.sq[1]);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset__rings_start_anew),
		cmocka_unit_test(reset__takes_commands_away),
		cmocka_unit_test(reset__takes_kept_completions_away),
		cmocka_unit_test(reset__in_the_middle_of_io),
		cmocka_unit_test(reset__the_data_stays),
		cmocka_unit_test(reset__leaks_nothing),
		cmocka_unit_test(reset__leaves_the_configuration),
		cmocka_unit_test(reset__of_the_function),
		cmocka_unit_test(reset__after_a_shutdown),
		cmocka_unit_test(reset__of_a_queue_without_its_completion_queue),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}

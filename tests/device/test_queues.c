/* SPDX-License-Identifier: MIT */
/*
 * Queues: created, used, deleted and made again in all sizes; everything that cannot be is refused
 * and leaves nothing behind.
 */
#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <belfry/emu.h>

#include "dev.h"

static union nvme_cmd flush_cmd(const struct dev *dev)
{
	return (union nvme_cmd){.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
}

/* Fill the queue through trackers, empty it, a few times around. */
static void use(struct dev *dev, int qid, int commands)
{
	struct nvme_sq *sq = &dev->ctrl.sq[qid];
	union nvme_cmd cmd = flush_cmd(dev);

	while (commands > 0) {
		int n = 0;

		for (struct nvme_rq *rq; n < commands && (rq = nvme_rq_acquire(sq)); n++)
			nvme_rq_post(rq, &cmd);
		assert_true(n > 0);
		nvme_sq_update_tail(sq);
		for (int i = 0; i < n; i++)
			assert_works(dev_reap(dev, sq->cq, NULL));
		commands -= n;
	}
}

static void queues__all_sizes(void **state)
{
	static const int sizes[] = {2,	  3,	4,    5,    7,	   8,	  15,	 16,   17,  31,
				    32,	  64,	65,   100,  127,   128,	  256,	 257,  512, 1000,
				    1024, 4095, 4096, 4097, 32768, 32769, 65535, 65536};
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	for (size_t i = 0; i < ROWS(sizes); i++) {
		if (sizes[i] > dev.ctrl.config.mqes + 1)
			break;
		assert_works(nvme_create_ioqpair(&dev.ctrl, 1, sizes[i], -1, 0));
		assert_int_equal(dev.ctrl.sq[1].qsize, sizes[i]);
		assert_int_equal(dev.ctrl.cq[1].qsize, sizes[i]);
		assert_int_equal(dev.ctrl.sq[1].nr_rqs, sizes[i] - 1);
		use(&dev, 1, sizes[i] < 300 ? 3 * sizes[i] : 300);
		assert_works(nvme_delete_ioqpair(&dev.ctrl, 1));
	}
	dev_close(&dev);
}

/* A completion queue may be smaller than what is in flight: the device waits for room. */
static void queues__a_small_completion_queue(void **state)
{
	struct dev dev;
	union nvme_cmd cmd;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	cmd = flush_cmd(&dev);
	assert_works(nvme_create_iocq(&dev.ctrl, 1, 4, -1));
	assert_works(nvme_create_iosq(&dev.ctrl, 1, 64, &dev.ctrl.cq[1], 0));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 63; i++)
			nvme_rq_post(nvme_rq_acquire(&dev.ctrl.sq[1]), &cmd);
		nvme_sq_update_tail(&dev.ctrl.sq[1]);
		for (int i = 0; i < 63; i++)
			assert_works(dev_reap(&dev, &dev.ctrl.cq[1], NULL));
	}
	dev_close(&dev);
}

/* Commands that our controller has been sent; 0 for others, which do not tell. */
static uint64_t nr_admin_cmds(const struct dev *dev)
{
	struct emu_stats stats = {};

	if (dev_emu(dev))
		emu_get_stats(dev_emu(dev), &stats);
	return stats.admin_cmds;
}

static void queues__bad_qids_are_refused(void **state)
{
	struct dev dev;
	struct nvme_cq *cq;
	uint64_t cmds;
	int bad[7];

	(void)state;
	dev_open(&dev, test_device());
	bad[0] = 0;
	bad[1] = -1;
	bad[2] = dev.ctrl.config.nsqa + 2;
	bad[3] = 65535;
	bad[4] = 65536;
	bad[5] = INT_MAX;
	bad[6] = INT_MIN;
	assert_works(nvme_create_iocq(&dev.ctrl, 1, 8, -1));
	cq = &dev.ctrl.cq[1];
	cmds = nr_admin_cmds(&dev);
	for (size_t i = 0; i < ROWS(bad); i++) {
		assert_fails(nvme_create_iocq(&dev.ctrl, bad[i], 8, -1), EINVAL);
		assert_fails(nvme_create_iosq(&dev.ctrl, bad[i], 8, cq, 0), EINVAL);
		assert_fails(nvme_create_ioqpair(&dev.ctrl, bad[i], 8, -1, 0), EINVAL);
		assert_fails(nvme_delete_iosq(&dev.ctrl, bad[i]), EINVAL);
		assert_fails(nvme_delete_iocq(&dev.ctrl, bad[i]), EINVAL);
		assert_fails(nvme_delete_ioqpair(&dev.ctrl, bad[i]), EINVAL);
	}
	/* The controller was not even asked. */
	assert_int_equal(nr_admin_cmds(&dev), cmds);
	/* This side only: there is room for one qid more than the controller was asked for. */
	assert_fails(nvme_configure_cq(&dev.ctrl, dev.ctrl.opts.ncqr + 2, 8, -1), EINVAL);
	assert_fails(nvme_configure_sq(&dev.ctrl, dev.ctrl.opts.nsqr + 2, 8, cq, 0), EINVAL);
	assert_fails(nvme_configure_cq(&dev.ctrl, -1, 8, -1), EINVAL);
	assert_fails(nvme_configure_sq(&dev.ctrl, -1, 8, cq, 0), EINVAL);
	dev_close(&dev);
}

/* Flags are those of Create I/O Submission Queue: PC, which changes nothing, and a priority class. */
static void queues__unknown_flags_are_refused(void **state)
{
	static const unsigned long known[] = {NVME_Q_PC, NVME_SQ_QPRIO_LOW,
					      NVME_Q_PC | NVME_SQ_QPRIO_MEDIUM};
	static const unsigned long unknown[] = {1 << 3, 1 << 16, NVME_Q_PC | 1ul << 31, 1ul << 32,
						ULONG_MAX};
	struct iommu_dmabuf mem;
	struct nvme_ctrl *ctrl;
	struct nvme_cq *cq;
	struct dev dev;
	uint64_t cmds;

	(void)state;
	dev_open(&dev, test_device());
	ctrl = &dev.ctrl;
	cq = &ctrl->cq[1];
	mem = dev_buf(&dev, 4096);
	assert_works(nvme_create_iocq(ctrl, 1, 8, -1));
	cmds = nr_admin_cmds(&dev);
	for (size_t i = 0; i < ROWS(unknown); i++) {
		assert_fails(nvme_create_ioqpair(ctrl, 2, 8, -1, unknown[i]), EINVAL);
		assert_fails(nvme_create_iosq(ctrl, 1, 8, cq, unknown[i]), EINVAL);
		assert_fails(nvme_configure_sq(ctrl, 1, 8, cq, unknown[i]), EINVAL);
		assert_fails(nvme_configure_sq_mem(ctrl, 1, 8, cq, unknown[i], &mem), EINVAL);
		assert_fails(nvme_configure_adminq(ctrl, unknown[i]), EINVAL);
		assert_fails(nvme_configure_adminq_mem(ctrl, unknown[i], &mem, &mem), EINVAL);
	}
	/* The controller was not even asked, and the admin queue is as it was. */
	assert_int_equal(nr_admin_cmds(&dev), cmds);
	for (size_t i = 0; i < ROWS(known); i++) {
		assert_works(nvme_create_iosq(ctrl, 1, 8, cq, known[i]));
		assert_works(nvme_delete_iosq(ctrl, 1));
	}
	dev_close(&dev);
	iommu_put_dmabuf(&mem);
}

static void queues__bad_sizes_are_refused(void **state)
{
	struct dev dev;
	struct nvme_cq *cq;
	uint64_t cmds;
	int bad[7];

	(void)state;
	dev_open(&dev, test_device());
	bad[0] = 0;
	bad[1] = 1;
	bad[2] = -1;
	bad[3] = dev.ctrl.config.mqes + 2;
	bad[4] = 65537;
	bad[5] = INT_MAX;
	bad[6] = INT_MIN;
	assert_works(nvme_create_iocq(&dev.ctrl, 1, 8, -1));
	cq = &dev.ctrl.cq[1];
	cmds = nr_admin_cmds(&dev);
	for (size_t i = 0; i < ROWS(bad); i++) {
		assert_fails(nvme_create_iocq(&dev.ctrl, 2, bad[i], -1), EINVAL);
		assert_null(dev.ctrl.cq[2].mem.vaddr);
		assert_fails(nvme_create_iosq(&dev.ctrl, 1, bad[i], cq, 0), EINVAL);
		assert_null(dev.ctrl.sq[1].mem.vaddr);
		assert_fails(nvme_create_ioqpair(&dev.ctrl, 2, bad[i], -1, 0), EINVAL);
	}
	/* The controller was not even asked. */
	assert_int_equal(nr_admin_cmds(&dev), cmds);
	/* The largest works after all that. */
	assert_works(nvme_create_iosq(&dev.ctrl, 1, dev.ctrl.config.mqes + 1, cq, 0));
	dev_close(&dev);
}

static void queues__bad_vectors_are_refused(void **state)
{
	struct dev dev;
	int nr, fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	dev_open(&dev, test_device());
	nr = (int)dev.ctrl.pci.dev.irq_info.count;
	assert_fails(nvme_create_iocq(&dev.ctrl, 1, 8, -2), EINVAL);
	assert_fails(nvme_create_iocq(&dev.ctrl, 1, 8, 65536), EINVAL);
	assert_fails(nvme_create_iocq(&dev.ctrl, 1, 8, INT_MAX), EINVAL);
	assert_fails(nvme_create_iocq(&dev.ctrl, 1, 8, nr), EINVAL);
	assert_null(dev.ctrl.cq[1].mem.vaddr);

	/* A real controller has vectors only once they are enabled. */
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, &fd, nr - 1, 1));
	assert_works(nvme_create_iocq(&dev.ctrl, 1, 8, nr - 1));
	assert_works(nvme_delete_iocq(&dev.ctrl, 1));
	dev_close(&dev);
	close(fd);
}

static void queues__twice_is_an_error_and_harmless(void **state)
{
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	assert_fails(nvme_create_iocq(&dev.ctrl, 1, 16, -1), EEXIST);
	assert_fails(nvme_create_iosq(&dev.ctrl, 1, 16, &dev.ctrl.cq[1], 0), EEXIST);
	assert_fails(nvme_create_ioqpair(&dev.ctrl, 1, 16, -1, 0), EEXIST);
	assert_int_equal(dev.ctrl.sq[1].qsize, 8);
	use(&dev, 1, 30);
	dev_close(&dev);
}

static void queues__order_of_deletion(void **state)
{
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	use(&dev, 1, 10);
	assert_fails(nvme_delete_iocq(&dev.ctrl, 1), EBUSY);
	/* Nor may its ring be replaced behind the controller's back. */
	assert_fails(nvme_configure_cq(&dev.ctrl, 1, 8, -1), EBUSY);
	use(&dev, 1, 10);
	assert_works(nvme_delete_iosq(&dev.ctrl, 1));
	assert_null(dev.ctrl.sq[1].mem.vaddr);
	assert_fails(nvme_delete_iosq(&dev.ctrl, 1), EINVAL);
	/* The pair's second half is still there to be deleted. */
	assert_works(nvme_delete_ioqpair(&dev.ctrl, 1));
	assert_fails(nvme_delete_ioqpair(&dev.ctrl, 1), EINVAL);
	assert_fails(nvme_delete_iocq(&dev.ctrl, 1), EINVAL);
	dev_close(&dev);
}

/* Commands under way when their queue is deleted end with it. */
static void queues__deleted_with_commands_under_way(void **state)
{
	struct nvme_sq *sq;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 16);
	for (int round = 0; round < 20; round++) {
		union nvme_cmd cmd = flush_cmd(&dev);

		for (int i = 0; i < 15; i++)
			nvme_rq_post(nvme_rq_acquire(sq), &cmd);
		nvme_sq_update_tail(sq);
		assert_works(nvme_delete_ioqpair(&dev.ctrl, 1));
		assert_works(nvme_create_ioqpair(&dev.ctrl, 1, dev_qsize(&dev, 16), -1, 0));
	}
	use(&dev, 1, 40);
	dev_close(&dev);
}

static void queues__a_submission_queue_needs_its_completion_queue(void **state)
{
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	assert_fails(nvme_create_iosq(&dev.ctrl, 1, 8, &dev.ctrl.cq[1], 0), EINVAL);
	assert_fails(nvme_create_iosq(&dev.ctrl, 1, 8, NULL, 0), EINVAL);

	/* Here, but not in the controller: the controller says so. */
	assert_works(nvme_configure_cq(&dev.ctrl, 1, 8, -1));
	assert_fails(nvme_create_iosq(&dev.ctrl, 1, 8, &dev.ctrl.cq[1], 0), ENOENT);
	assert_null(dev.ctrl.sq[1].mem.vaddr);
	nvme_discard_cq(&dev.ctrl, &dev.ctrl.cq[1]);
	assert_null(dev.ctrl.cq[1].mem.vaddr);
	nvme_discard_cq(&dev.ctrl, &dev.ctrl.cq[1]);
	nvme_discard_sq(&dev.ctrl, &dev.ctrl.sq[1]);
	dev_close(&dev);
}

/* The second half of a pair fails: the first is gone, too. */
static void queues__half_a_pair_is_undone(void **state)
{
	struct nvme_ctrl_opts opts = {.nsqr = 0, .ncqr = 3};
	struct dev dev = {};

	(void)state;
	assert_works(nvme_init(&dev.ctrl, test_device(), &opts));
	dev_look(&dev);
	if (dev.ctrl.config.ncqa < 1) {
		dev_close(&dev);
		test_skip("one completion queue only");
	}
	assert_int_equal(dev.ctrl.config.nsqa, 0);
	assert_fails(nvme_create_ioqpair(&dev.ctrl, 2, 8, -1, 0), EINVAL);
	assert_null(dev.ctrl.cq[2].mem.vaddr);
	assert_works(nvme_create_iocq(&dev.ctrl, 2, 8, -1));
	dev_close(&dev);
}

static void queues__come_and_go_without_a_trace(void **state)
{
	struct dev dev;
	size_t mapped;

	(void)state;
	dev_open(&dev, test_device());
	mapped = mapped_bytes(__iommu_ctx(&dev.ctrl));
	for (unsigned long i = 0; i < test_scale(200); i++) {
		assert_works(nvme_create_ioqpair(&dev.ctrl, 1, dev_qsize(&dev, 300), -1, 0));
		/* Several blocks of list pages. */
		while (nvme_rq_acquire(&dev.ctrl.sq[1]))
			;
		assert_works(nvme_delete_ioqpair(&dev.ctrl, 1));
	}
	assert_int_equal(mapped_bytes(__iommu_ctx(&dev.ctrl)), mapped);
	dev_close(&dev);
}

static void queues__as_many_as_there_are(void **state)
{
	struct dev dev;
	int n;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	n = dev.ctrl.config.nsqa < dev.ctrl.config.ncqa ? dev.ctrl.config.nsqa
							: dev.ctrl.config.ncqa;
	for (int qid = n + 1; qid >= 1; qid--)
		assert_works(nvme_create_ioqpair(&dev.ctrl, qid, 4, -1, 0));
	for (int qid = 1; qid <= n + 1; qid++)
		use(&dev, qid, 9);
	for (int qid = 1; qid <= n + 1; qid += 2)
		assert_works(nvme_delete_ioqpair(&dev.ctrl, qid));
	for (int qid = 2; qid <= n + 1; qid += 2)
		use(&dev, qid, 9);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues__all_sizes),
		cmocka_unit_test(queues__a_small_completion_queue),
		cmocka_unit_test(queues__bad_qids_are_refused),
		cmocka_unit_test(queues__unknown_flags_are_refused),
		cmocka_unit_test(queues__bad_sizes_are_refused),
		cmocka_unit_test(queues__bad_vectors_are_refused),
		cmocka_unit_test(queues__twice_is_an_error_and_harmless),
		cmocka_unit_test(queues__order_of_deletion),
		cmocka_unit_test(queues__deleted_with_commands_under_way),
		cmocka_unit_test(queues__a_submission_queue_needs_its_completion_queue),
		cmocka_unit_test(queues__half_a_pair_is_undone),
		cmocka_unit_test(queues__come_and_go_without_a_trace),
		cmocka_unit_test(queues__as_many_as_there_are),
	};

	return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}

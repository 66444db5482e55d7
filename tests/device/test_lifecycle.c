/* SPDX-License-Identifier: MIT */
/* Controllers come and go: cleanly, in the middle of things, twice, two at once, and not at all. */
#include "dev.h"

static void assert_all_zero(const struct nvme_ctrl *ctrl)
{
	const unsigned char *bytes = (const void *)ctrl;

	for (size_t i = 0; i < sizeof(*ctrl); i++)
		assert_int_equal(bytes[i], 0);
}

/* 63 writes under way in a queue of 64. */
static void start_io(struct dev *dev, const struct iommu_dmabuf *buf)
{
	struct nvme_sq *sq = &dev->ctrl.sq[1];

	for (uint64_t i = 0; i < 63; i++) {
		union nvme_cmd cmd = dev_rw_cmd(dev, NVM_CMD_READ, i, dev->block);
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		assert_non_null(rq);
		assert_works(nvme_rq_map_prp(&dev->ctrl, rq, &cmd, buf->iova + i * dev->block,
					     dev->block));
		nvme_rq_post(rq, &cmd);
	}
	nvme_sq_update_tail(sq);
}

static void write_and_read(struct dev *dev, int seed)
{
	struct iommu_dmabuf out = dev_buf(dev, 4 * dev->block), in = dev_buf(dev, 4 * dev->block);
	struct nvme_sq *sq = &dev->ctrl.sq[1];
	size_t len = 4 * dev->block < dev->max_len ? 4 * dev->block : dev->block;

	dev_fill(out.vaddr, len, (uint64_t)seed);
	assert_works(dev_move(dev, sq, NVM_CMD_WRITE, 1, out.vaddr, len));
	assert_works(dev_move(dev, sq, NVM_CMD_READ, 1, in.vaddr, len));
	assert_memory_equal(in.vaddr, out.vaddr, len);
	iommu_put_dmabuf(&out);
	iommu_put_dmabuf(&in);
}

static void lifecycle__again_and_again(void **state)
{
	struct dev dev;
	int fds = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		if (i == 1)
			fds = open_fds();
		dev_open_io(&dev, 64);
		write_and_read(&dev, i);
		dev_close(&dev);
		assert_all_zero(&dev.ctrl);
		nvme_close(&dev.ctrl); /* harmless */
		assert_all_zero(&dev.ctrl);
	}
	assert_int_equal(open_fds(), fds);
}

static void lifecycle__into_garbage(void **state)
{
	static const int garbage[] = {0xff, 0xa5, 0x01, 0x7f};
	struct dev dev;

	(void)state;
	for (size_t i = 0; i < ROWS(garbage); i++) {
		memset(&dev, 0, sizeof(dev));
		memset(&dev.ctrl, garbage[i], sizeof(dev.ctrl));
		assert_works(nvme_init(&dev.ctrl, test_device(), NULL));
		dev_look(&dev);
		dev_close(&dev);

		memset(&dev.ctrl, garbage[i], sizeof(dev.ctrl));
		assert_works(nvme_ctrl_init(&dev.ctrl, test_device(), NULL));
		nvme_close(&dev.ctrl);

		memset(&dev.ctrl, garbage[i], sizeof(dev.ctrl));
		assert_fails(nvme_init(&dev.ctrl, "nowhere:", NULL), EINVAL);
		assert_all_zero(&dev.ctrl);
	}
}

/* A copy of an open controller is garbage, too: closing it must not be needed. */
static void lifecycle__into_a_copy(void **state)
{
	struct dev one, other;

	(void)state;
	dev_open(&one, test_device());
	other = one;
	if (nvme_init(&other.ctrl, test_device(), NULL)) {
		dev_close(&one);
		test_skip("the device cannot be opened twice");
	}
	dev_look(&other);
	dev_close(&one);
	assert_works(dev_features(&other, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	dev_close(&other);
}

static void lifecycle__names_that_mean_nothing(void **state)
{
	static const char *const names[] = {"",	 "nowhere:",  "emu",   "0000",
					    ":", "vfio-user", "/dev/x"};
	struct nvme_ctrl ctrl = {};

	(void)state;
	for (int i = 0; i < 10; i++) {
		for (size_t n = 0; n < ROWS(names); n++) {
			assert_fails(nvme_init(&ctrl, names[n], NULL), EINVAL);
			assert_all_zero(&ctrl);
			assert_fails(nvme_ctrl_init(&ctrl, names[n], NULL), EINVAL);
			nvme_close(&ctrl);
		}
		assert_fails(nvme_init(&ctrl, NULL, NULL), EINVAL);
	}
	assert_works(nvme_init(&ctrl, test_device(), NULL));
	nvme_close(&ctrl);
}

static void lifecycle__an_open_one_is_not_opened_again(void **state)
{
	static const struct nvme_ctrl_opts bad = {.nsqr = -1};
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	assert_fails(nvme_init(&dev.ctrl, test_device(), NULL), EBUSY);
	assert_fails(nvme_ctrl_init(&dev.ctrl, test_device(), NULL), EBUSY);
	assert_fails(nvme_init(&dev.ctrl, test_device(), &bad), EBUSY);
	/* It has not noticed. */
	write_and_read(&dev, 1);
	dev_close(&dev);
}

static void lifecycle__options(void **state)
{
	static const struct nvme_ctrl_opts bad[] = {
		{.nsqr = -1, .ncqr = 3},
		{.nsqr = 3, .ncqr = -1},
		{.nsqr = 65534, .ncqr = 3},
		{.nsqr = 3, .ncqr = 65534},
		{.nsqr = INT32_MAX, .ncqr = INT32_MAX},
	};
	struct nvme_ctrl_opts opts = {.nsqr = 2, .ncqr = 1};
	struct dev dev = {};

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		assert_fails(nvme_init(&dev.ctrl, test_device(), &bad[i]), EINVAL);
		assert_all_zero(&dev.ctrl);
	}
	assert_int_equal(nvme_ctrl_opts_default.nsqr, 63);
	assert_int_equal(nvme_ctrl_opts_default.ncqr, 63);

	/* Queues: no more than asked for, whatever is granted. */
	assert_works(nvme_init(&dev.ctrl, test_device(), &opts));
	assert_int_equal(dev.ctrl.opts.nsqr, 2);
	assert_in_range(dev.ctrl.config.nsqa, 0, 2);
	assert_in_range(dev.ctrl.config.ncqa, 0, 1);
	assert_fails(nvme_create_iocq(&dev.ctrl, 3, 8, -1), EINVAL);
	dev_close(&dev);
}

static void lifecycle__quirks(void **state)
{
	struct nvme_ctrl_opts opts = {
		.nsqr = 3, .ncqr = 3, .quirks = NVME_QUIRK_NO_SGLS | NVME_QUIRK_NO_DBBUF};
	struct dev dev = {};

	(void)state;
	assert_works(nvme_init(&dev.ctrl, test_device(), &opts));
	dev_look(&dev);
	dev_need_write(&dev);
	assert_false(dev.ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED);
	assert_null(dev.ctrl.dbbuf.doorbells.vaddr);
	assert_works(nvme_create_ioqpair(&dev.ctrl, 1, 16, -1, 0));
	assert_null(dev.ctrl.sq[1].dbbuf.doorbell);
	write_and_read(&dev, 2);
	dev_close(&dev);

	opts.quirks = NVME_QUIRK_OVERRIDE | NVME_QUIRK_BROKEN_DBBUF;
	assert_works(nvme_init(&dev.ctrl, test_device(), &opts));
	assert_null(dev.ctrl.adminq.sq->dbbuf.doorbell);
	assert_null(dev.ctrl.adminq.cq->dbbuf.doorbell);
	nvme_close(&dev.ctrl);
}

static void lifecycle__closed_in_the_middle_of_io(void **state)
{
	struct iommu_dmabuf buf;
	struct dev dev;

	(void)state;
	for (unsigned long i = 0; i < test_scale(30); i++) {
		dev_open(&dev, test_device());
		dev_need_write(&dev);
		buf = dev_buf(&dev, 64 * dev.block);
		assert_works(nvme_create_ioqpair(&dev.ctrl, 1, dev_qsize(&dev, 64), -1, 0));
		assert_works(nvme_aer(&dev.ctrl, NULL));
		start_io(&dev, &buf);
		dev_close(&dev);

		/* The device does nothing any more: the memory may be read by anybody. */
		memset(buf.vaddr, 0, (size_t)buf.len);
		iommu_put_dmabuf(&buf);
	}
}

static void lifecycle__shut_down_and_closed(void **state)
{
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	write_and_read(&dev, 3);
	assert_works(nvme_shutdown(&dev.ctrl));
	assert_works(nvme_shutdown(&dev.ctrl));
	dev_close(&dev);
}

static void lifecycle__looked_at_only(void **state)
{
	struct nvme_ctrl ctrl = {};
	struct dev dev = {};
	uint64_t cap;

	(void)state;
	assert_works(nvme_ctrl_init(&ctrl, test_device(), NULL));
	assert_int_equal(ctrl.config.nsqa, 0);
	assert_int_equal(ctrl.config.ncqa, 0);
	assert_true(ctrl.config.mqes >= 1);
	assert_null(ctrl.adminq.sq);
	assert_null(ctrl.adminq.cq);
	assert_string_equal(ctrl.pci.bdf, test_device());
	if (ctrl.regs) {
		cap = le64_to_cpu(mmio_lh_read64((char *)ctrl.regs + NVM_REG_CAP));
		assert_int_equal(ctrl.config.mqes, cap & 0xffff);
	}

	/* No admin queue: no admin command. */
	dev.ctrl = ctrl;
	assert_fails(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
		     EINVAL);
	nvme_close(&ctrl);
	assert_all_zero(&ctrl);
}

static void lifecycle__two_at_once(void **state)
{
	struct dev one, two;

	(void)state;
	dev_open_io(&one, 16);
	memset(&two, 0, sizeof(two));
	if (nvme_init(&two.ctrl, test_device(), NULL)) {
		dev_close(&one);
		test_skip("the device cannot be opened twice");
	}
	dev_look(&two);
	assert_ptr_not_equal(__iommu_ctx(&one.ctrl), __iommu_ctx(&two.ctrl));
	assert_works(nvme_create_ioqpair(&two.ctrl, 1, 16, -1, 0));
	for (int i = 0; i < 5; i++) {
		write_and_read(&one, 2 * i);
		write_and_read(&two, 2 * i + 1);
	}
	dev_close(&one);
	write_and_read(&two, 99);
	dev_close(&two);
}

static void lifecycle__two_in_one_address_space(void **state)
{
	struct iommu_dmabuf buf;
	struct dev one, two;
	size_t len;

	(void)state;
	dev_open_io(&one, 16);
	memset(&two, 0, sizeof(two));
	two.ctrl.pci.dev.ctx = __iommu_ctx(&one.ctrl);
	if (nvme_init(&two.ctrl, test_device(), NULL)) {
		dev_close(&one);
		test_skip("the device cannot be opened twice");
	}
	dev_look(&two);
	assert_ptr_equal(__iommu_ctx(&one.ctrl), __iommu_ctx(&two.ctrl));
	assert_works(nvme_create_ioqpair(&two.ctrl, 1, 16, -1, 0));

	/* One mapping serves both. */
	len = one.block;
	buf = dev_buf(&one, 3 * len);
	dev_fill(buf.vaddr, len, 5);
	assert_works(dev_move(&one, &one.ctrl.sq[1], NVM_CMD_WRITE, 0, buf.vaddr, len));
	assert_works(dev_move(&two, &two.ctrl.sq[1], NVM_CMD_WRITE, 0, buf.vaddr, len));
	assert_works(
		dev_move(&one, &one.ctrl.sq[1], NVM_CMD_READ, 0, (char *)buf.vaddr + len, len));

	/* The first goes; the address space and its mappings stay with the second. */
	dev_close(&one);
	assert_works(
		dev_move(&two, &two.ctrl.sq[1], NVM_CMD_READ, 0, (char *)buf.vaddr + 2 * len, len));
	assert_memory_equal((char *)buf.vaddr + len, buf.vaddr, len);
	assert_memory_equal((char *)buf.vaddr + 2 * len, buf.vaddr, len);
	iommu_put_dmabuf(&buf);
	write_and_read(&two, 6);
	dev_close(&two);
}

/* An address space that outlives its controllers shows what they leave: nothing. */
static void lifecycle__leaves_nothing_mapped(void **state)
{
	struct iommu_ctx *ctx = iommu_get_context(test_device());
	struct dev dev;

	(void)state;
	assert_non_null(ctx);
	for (int i = 0; i < 10; i++) {
		memset(&dev, 0, sizeof(dev));
		dev.ctrl.pci.dev.ctx = ctx;
		assert_works(nvme_init(&dev.ctrl, test_device(), NULL));
		assert_ptr_equal(__iommu_ctx(&dev.ctrl), ctx);
		dev_look(&dev);
		dev_need_write(&dev);
		assert_works(nvme_create_ioqpair(&dev.ctrl, 1, dev_qsize(&dev, 300), -1, 0));
		assert_works(nvme_aer(&dev.ctrl, NULL));
		write_and_read(&dev, i);
		while (nvme_rq_acquire(&dev.ctrl.sq[1]))
			;
		dev_close(&dev);
		assert_nothing_mapped(ctx);
	}
}

static void lifecycle__registry(void **state)
{
	struct nvme_ctrl none = {};
	struct dev dev;

	(void)state;
	assert_fails(nvme_add_ctrl(&none), EINVAL);
	assert_null(nvme_get_ctrl(test_device()));
	dev_open(&dev, test_device());
	assert_fails(nvme_del_ctrl(&dev.ctrl), ENODEV);
	assert_works(nvme_add_ctrl(&dev.ctrl));
	assert_ptr_equal(nvme_get_ctrl(test_device()), &dev.ctrl);
	assert_null(nvme_get_ctrl("nowhere:"));
	assert_fails(nvme_add_ctrl(&dev.ctrl), EEXIST);
	assert_works(nvme_del_ctrl(&dev.ctrl));
	assert_null(nvme_get_ctrl(test_device()));
	assert_fails(nvme_del_ctrl(&dev.ctrl), ENODEV);
	assert_works(nvme_add_ctrl(&dev.ctrl));
	assert_works(nvme_del_ctrl(&dev.ctrl));
	dev_close(&dev);
}

/* Programs write over what they asked for, and got. There are as many queues as there were. */
static void lifecycle__options_written_over(void **state)
{
	static const int values[] = {0, 1, 1000, 65535, -5};
	const struct nvme_ctrl_opts opts = {.nsqr = 3, .ncqr = 3};
	struct nvme_cqe stray = {.sqid = cpu_to_le16(5)};

	(void)state;
	for (size_t i = 0; i < ROWS(values); i++) {
		union nvme_cmd flush = {.opcode = NVM_CMD_FLUSH};
		struct nvme_ctrl ctrl = {};

		assert_works(nvme_init(&ctrl, test_device(), &opts));
		ctrl.opts.nsqr = ctrl.opts.ncqr = values[i];
		assert_works(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0));
		assert_fails(nvme_configure_cq(&ctrl, 5, 16, -1), EINVAL);
		assert_fails(nvme_configure_sq(&ctrl, 5, 16, &ctrl.cq[1], 0), EINVAL);
		assert_null(nvme_rq_from_cqe(&ctrl, &stray));
		assert_works(nvme_delete_ioqpair(&ctrl, 1));
		assert_fails(nvme_delete_ioqpair(&ctrl, 5), EINVAL);

		assert_works(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0));
		nvme_sq_post(&ctrl.sq[1], &flush);
		assert_works(nvme_reset(&ctrl));
		assert_int_equal(ctrl.sq[1].tail, 0);
		assert_works(nvme_enable(&ctrl));
		assert_in_range(ctrl.config.nsqa, 0, 3);
		assert_in_range(ctrl.config.ncqa, 0, 3);
		assert_works(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0));
		ctrl.config.nsqa = ctrl.config.ncqa = 65534;
		assert_fails(nvme_create_iocq(&ctrl, 60000, 16, -1), EINVAL);
		assert_fails(nvme_create_iosq(&ctrl, 60000, 16, &ctrl.cq[1], 0), EINVAL);
		assert_works(nvme_delete_ioqpair(&ctrl, 1));
		assert_works(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0));
		nvme_close(&ctrl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifecycle__again_and_again),
		cmocka_unit_test(lifecycle__into_garbage),
		cmocka_unit_test(lifecycle__into_a_copy),
		cmocka_unit_test(lifecycle__names_that_mean_nothing),
		cmocka_unit_test(lifecycle__an_open_one_is_not_opened_again),
		cmocka_unit_test(lifecycle__options),
		cmocka_unit_test(lifecycle__quirks),
		cmocka_unit_test(lifecycle__closed_in_the_middle_of_io),
		cmocka_unit_test(lifecycle__shut_down_and_closed),
		cmocka_unit_test(lifecycle__looked_at_only),
		cmocka_unit_test(lifecycle__two_at_once),
		cmocka_unit_test(lifecycle__two_in_one_address_space),
		cmocka_unit_test(lifecycle__leaves_nothing_mapped),
		cmocka_unit_test(lifecycle__registry),
		cmocka_unit_test(lifecycle__options_written_over),
	};

	return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory that host and controller lend each other: the host memory buffer, and the persistent memory
 * region. The emulated controller writes to the former and tells when the host has done so too.
 */
#include <belfry/emu.h>

#include "dev.h"

/* ---- host memory buffer ---- */

/* False when the device has none. */
static bool open_with_hmb(struct dev *dev, struct nvme_hmb_info *info)
{
	dev_open_io(dev, 8);
	assert_works(nvme_hmb_get_info(&dev->ctrl, info));
	if (!info->preferred) {
		struct nvme_hmb hmb;

		assert_fails(nvme_hmb_init(&dev->ctrl, &hmb, 0), ENOTSUP);
		assert_null(hmb.ctrl);
		dev_close(dev);
	}
	return info->preferred;
}

static int get_attrs(struct dev *dev, struct nvm_hmb_attrs *attrs, uint32_t *dw0)
{
	union nvme_cmd cmd = {
		.features = {.opcode = NVM_ADMIN_GET_FEATURES, .fid = NVM_FEAT_HOST_MEM_BUF}};
	struct nvme_cqe cqe;
	int ret = nvme_admin(&dev->ctrl, &cmd, attrs, sizeof(*attrs), &cqe);

	*dw0 = le32_to_cpu(cqe.dw0);
	return ret;
}

static void assert_given(struct dev *dev, const struct nvme_hmb *hmb)
{
	size_t page = (size_t)__mps_to_pagesize(dev->ctrl.config.mps);
	struct nvm_hmb_attrs attrs;
	uint32_t dw0;

	assert_works(get_attrs(dev, &attrs, &dw0));
	assert_int_equal(dw0 & 1, hmb->is_enabled);
	if (!hmb->is_enabled)
		return;
	assert_int_equal(le32_to_cpu(attrs.hsize), hmb->size / page);
	assert_int_equal(le32_to_cpu(attrs.hmdlal), (uint32_t)hmb->list.iova);
	assert_int_equal(le32_to_cpu(attrs.hmdlau), hmb->list.iova >> 32);
	assert_int_equal(le32_to_cpu(attrs.hmdlec), hmb->nr_chunks);
}

static void move_some(struct dev *dev)
{
	struct iommu_dmabuf buf = dev_buf(dev, 8 * dev->block);

	for (uint64_t i = 0; i < 20; i++)
		assert_works(dev_move(dev, &dev->ctrl.sq[1], i % 2 ? NVM_CMD_READ : NVM_CMD_WRITE,
				      8 * i, buf.vaddr, 8 * dev->block));
	iommu_put_dmabuf(&buf);
}

static void hmb__is_given_and_taken_back(void **state)
{
	struct nvme_hmb_info info;
	struct nvme_hmb hmb;
	struct dev dev;
	size_t mapped;

	(void)state;
	if (!open_with_hmb(&dev, &info))
		test_skip("the controller wants no host memory buffer");
	mapped = mapped_bytes(__iommu_ctx(&dev.ctrl));
	assert_works(nvme_hmb_init(&dev.ctrl, &hmb, 0));
	assert_true(hmb.size >= info.preferred);
	assert_false(hmb.is_enabled);
	assert_given(&dev, &hmb);

	assert_works(nvme_hmb_enable(&hmb));
	assert_true(hmb.is_enabled);
	for (int i = 0; i < 50; i++)
		assert_given(&dev, &hmb);
	move_some(&dev);
	assert_int_equal(nvme_hmb_enable(&hmb), -1); /* a second time: a sequence error */
	assert_true(hmb.is_enabled);

	/* Back, and given again with all that is in it. */
	for (int i = 0; i < 3; i++) {
		assert_works(nvme_hmb_disable(&hmb));
		assert_given(&dev, &hmb);
		assert_works(nvme_hmb_enable(&hmb));
		assert_given(&dev, &hmb);
	}
	nvme_hmb_close(&hmb);
	assert_null(hmb.ctrl);
	nvme_hmb_close(&hmb);
	assert_int_equal(mapped_bytes(__iommu_ctx(&dev.ctrl)), mapped);
	assert_given(&dev, &hmb);
	dev_close(&dev);
}

static void hmb__less_than_the_minimum(void **state)
{
	struct nvme_hmb_info info;
	struct nvme_hmb hmb;
	struct dev dev;

	(void)state;
	if (!open_with_hmb(&dev, &info))
		test_skip("the controller wants no host memory buffer");
	if (info.min) {
		assert_fails(nvme_hmb_init(&dev.ctrl, &hmb, (size_t)info.min - 1), EINVAL);
		assert_null(hmb.ctrl);
		assert_works(nvme_hmb_init(&dev.ctrl, &hmb, (size_t)info.min));
	} else {
		assert_works(nvme_hmb_init(&dev.ctrl, &hmb, 1));
	}
	assert_works(nvme_hmb_enable(&hmb));
	assert_given(&dev, &hmb);
	nvme_hmb_close(&hmb);
	dev_close(&dev);
}

static void hmb__through_a_reset(void **state)
{
	struct nvme_hmb_info info;
	struct nvme_hmb hmb;
	struct dev dev;
	int fds = open_fds();

	(void)state;
	if (!open_with_hmb(&dev, &info))
		test_skip("the controller wants no host memory buffer");
	assert_works(nvme_hmb_init(&dev.ctrl, &hmb, 0));
	assert_works(nvme_hmb_enable(&hmb));
	assert_works(nvme_reset(&dev.ctrl));
	assert_works(nvme_enable(&dev.ctrl));
	assert_works(nvme_hmb_enable(&hmb));
	assert_given(&dev, &hmb);

	/* Closed while the controller is disabled, and after it is gone. */
	assert_works(nvme_reset(&dev.ctrl));
	nvme_hmb_close(&hmb);
	assert_works(nvme_enable(&dev.ctrl));
	assert_works(nvme_hmb_init(&dev.ctrl, &hmb, 0));
	assert_works(nvme_hmb_enable(&hmb));
	dev_close(&dev);
	assert_fails(nvme_hmb_enable(&hmb), EINVAL);
	nvme_hmb_close(&hmb);
	assert_int_equal(open_fds(), fds);
}

/* The test of the tests: a host that writes there is found out. */
static void hmb__is_the_controllers(void **state)
{
	struct nvme_hmb_info info;
	struct emu_stats stats;
	struct nvme_hmb hmb;
	struct emu_ctrl *emu;
	struct dev dev;

	(void)state;
	if (!open_with_hmb(&dev, &info))
		test_skip("the controller wants no host memory buffer");
	emu = emu_ctrl_get(&dev.ctrl.pci.dev);
	if (!emu) {
		dev_close(&dev);
		test_skip("the device does not tell");
	}
	dev.tolerant = true;
	assert_works(nvme_hmb_init(&dev.ctrl, &hmb, 0));
	assert_works(nvme_hmb_enable(&hmb));
	emu_get_stats(emu, &stats);
	assert_int_equal(stats.violations, 0);
	memset(hmb.chunks[0].vaddr, 0, 4096);
	assert_works(nvme_hmb_disable(&hmb));
	emu_get_stats(emu, &stats);
	assert_int_equal(stats.violations, 1);
	assert_non_null(strstr(stats.last_violation, "host memory buffer"));
	nvme_hmb_close(&hmb);
	dev_close(&dev);
}

/* ---- persistent memory region ---- */

static void pmr__keeps_what_is_in_it(void **state)
{
	struct nvme_pmr pmr;
	struct dev dev;
	uint8_t *mem, wanted[256];

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	if (nvme_pmr_enable(&dev.ctrl, &pmr)) {
		assert_int_equal(errno, ENOTSUP);
		assert_null(pmr.ctrl);
		assert_fails(nvme_pmr_persist(&pmr), ENODEV);
		nvme_pmr_disable(&pmr);
		dev_close(&dev);
		test_skip("no persistent memory region");
	}
	assert_int_equal(pmr.health, 0);
	assert_true(pmr.size >= 4096);
	dev_fill(wanted, sizeof(wanted), 5);
	memcpy(pmr.vaddr, wanted, sizeof(wanted));
	mem = (uint8_t *)pmr.vaddr + pmr.size - sizeof(wanted);
	memcpy(mem, wanted, sizeof(wanted));
	assert_works(nvme_pmr_persist(&pmr));
	assert_works(nvme_reset(&dev.ctrl));
	assert_memory_equal(mem, wanted, sizeof(wanted));
	assert_works(nvme_enable(&dev.ctrl));

	nvme_pmr_disable(&pmr);
	nvme_pmr_disable(&pmr);
	assert_fails(nvme_pmr_persist(&pmr), ENODEV);
	assert_works(nvme_pmr_enable(&dev.ctrl, &pmr));
	assert_memory_equal(pmr.vaddr, wanted, sizeof(wanted));
	mem = (uint8_t *)pmr.vaddr + pmr.size - sizeof(wanted);
	assert_memory_equal(mem, wanted, sizeof(wanted));
	nvme_pmr_disable(&pmr);
	dev_close(&dev);
}

static void pmr__holds_data_of_commands(void **state)
{
	struct nvme_sq *sq;
	struct iommu_dmabuf buf;
	struct nvme_pmr pmr;
	struct dev dev;
	size_t len, mapped;

	(void)state;
	sq = dev_open_io(&dev, 8);
	mapped = mapped_bytes(__iommu_ctx(&dev.ctrl));
	if (nvme_pmr_enable(&dev.ctrl, &pmr)) {
		assert_int_equal(errno, ENOTSUP);
		dev_close(&dev);
		test_skip("no persistent memory region");
	}
	if (!pmr.is_readable || !pmr.is_writable) {
		nvme_pmr_disable(&pmr);
		dev_close(&dev);
		test_skip("commands cannot use the region here");
	}
	len = 8 * dev.block;
	assert_true(pmr.size >= 2 * len);
	buf = dev_buf(&dev, len);
	dev_fill(pmr.vaddr, len, 9);
	memcpy(buf.vaddr, pmr.vaddr, len);
	assert_works(dev_move(&dev, sq, NVM_CMD_WRITE, 3, pmr.vaddr, len));
	assert_works(dev_move(&dev, sq, NVM_CMD_COMPARE, 3, buf.vaddr, len));
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 3, (char *)pmr.vaddr + len, len));
	assert_memory_equal((char *)pmr.vaddr + len, buf.vaddr, len);
	iommu_put_dmabuf(&buf);
	nvme_pmr_disable(&pmr);
	assert_int_equal(mapped_bytes(__iommu_ctx(&dev.ctrl)), mapped);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmb__is_given_and_taken_back),
		cmocka_unit_test(hmb__less_than_the_minimum),
		cmocka_unit_test(hmb__through_a_reset),
		cmocka_unit_test(hmb__is_the_controllers),
		cmocka_unit_test(pmr__keeps_what_is_in_it),
		cmocka_unit_test(pmr__holds_data_of_commands),
	};

	return cmocka_run_group_tests_name("buffers", tests, NULL, NULL);
}

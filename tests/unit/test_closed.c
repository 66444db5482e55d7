/* SPDX-License-Identifier: MIT */
/*
 * Functions on a controller that is not open: closed, never opened, or whose bring-up failed. Nothing
 * crashes, what can say so says ENODEV, and nothing is written to the structure, which can be opened
 * afterwards.
 */
#include <belfry/emu.h>
#include <belfry/nvme/event.h>
#include <belfry/nvme/hmb.h>
#include <belfry/nvme/pmr.h>
#include <belfry/nvme/recover.h>
#include <belfry/nvme/stats.h>
#include <belfry/support/publish.h>
#include <belfry/vfio/pci.h>

#include "dev.h"

/* The ways to come by such a structure. */
static void never_opened(struct nvme_ctrl *ctrl)
{
	memset(ctrl, 0, sizeof(*ctrl));
}

static void closed(struct nvme_ctrl *ctrl)
{
	memset(ctrl, 0, sizeof(*ctrl));
	assert_works(nvme_init(ctrl, "emu:size=1M", NULL));
	assert_works(nvme_create_ioqpair(ctrl, 1, 8, -1, 0));
	nvme_close(ctrl);
}

static void not_brought_up(struct nvme_ctrl *ctrl)
{
	memset(ctrl, 0, sizeof(*ctrl));
	assert_fails(nvme_init(ctrl, "emu:fault=act=gone:op=6", NULL), ENODEV);
}

static void (*const ways[])(struct nvme_ctrl *ctrl) = {never_opened, closed, not_brought_up};

static void assert_still_closed(struct nvme_ctrl *ctrl)
{
	static const struct nvme_ctrl zero;

	assert_memory_equal(ctrl, &zero, sizeof(zero));
}

static void closed__the_controller(void **state)
{
	struct nvme_ctrl ctrl;

	(void)state;
	for (size_t i = 0; i < ROWS(ways); i++) {
		ways[i](&ctrl);
		assert_fails(nvme_reset(&ctrl), ENODEV);
		assert_fails(nvme_enable(&ctrl), ENODEV);
		assert_fails(nvme_shutdown(&ctrl), ENODEV);
		assert_fails(nvme_shutdown_abrupt(&ctrl), ENODEV);
		assert_fails(nvme_recover(&ctrl), ENODEV);
		assert_fails(nvme_set_recovery(&ctrl, NULL), ENODEV);
		assert_int_equal(nvme_ctrl_get_state(&ctrl), NVME_CTRL_DEAD);
		assert_fails(nvme_configure_cmb(&ctrl), ENODEV);
		nvme_discard_cmb(&ctrl);
		assert_fails(nvme_add_ctrl(&ctrl), EINVAL);
		assert_fails(nvme_del_ctrl(&ctrl), ENODEV);
		nvme_close(&ctrl);
		nvme_close(&ctrl);
		assert_still_closed(&ctrl);
		assert_works(nvme_init(&ctrl, "emu:size=1M", NULL));
		nvme_close(&ctrl);
	}
}

static void closed__queues(void **state)
{
	/* What &ctrl.cq[1] and &ctrl.sq[1] come to. */
	struct nvme_cq *nowhere_cq = (struct nvme_cq *)sizeof(struct nvme_cq);
	struct nvme_sq *nowhere_sq = (struct nvme_sq *)sizeof(struct nvme_sq);
	struct nvme_ctrl ctrl;
	struct nvme_cq cq;

	(void)state;
	for (size_t i = 0; i < ROWS(ways); i++) {
		struct iommu_dmabuf mem = {.vaddr = &cq, .len = 4096};

		ways[i](&ctrl);
		memset(&cq, 0, sizeof(cq));
		assert_fails(nvme_configure_cq(&ctrl, 1, 8, -1), ENODEV);
		assert_fails(nvme_configure_sq(&ctrl, 1, 8, &cq, 0), ENODEV);
		assert_fails(nvme_configure_cq_mem(&ctrl, 1, 8, -1, &mem), ENODEV);
		assert_fails(nvme_configure_sq_mem(&ctrl, 1, 8, &cq, 0, &mem), ENODEV);
		assert_fails(nvme_configure_adminq(&ctrl, 0), ENODEV);
		assert_fails(nvme_configure_adminq_mem(&ctrl, 0, &mem, &mem), ENODEV);
		assert_fails(nvme_create_iocq(&ctrl, 1, 8, -1), ENODEV);
		assert_fails(nvme_create_iosq(&ctrl, 1, 8, &cq, 0), ENODEV);
		assert_fails(nvme_create_ioqpair(&ctrl, 1, 8, -1, 0), ENODEV);
		assert_fails(nvme_delete_iocq(&ctrl, 1), ENODEV);
		assert_fails(nvme_delete_iosq(&ctrl, 1), ENODEV);
		assert_fails(nvme_delete_ioqpair(&ctrl, 1), ENODEV);
		assert_fails(nvme_create_iosq(&ctrl, 1, 8, nowhere_cq, 0), ENODEV);
		nvme_discard_cq(&ctrl, nowhere_cq);
		nvme_discard_sq(&ctrl, nowhere_sq);
		assert_still_closed(&ctrl);
	}
}

static void closed__commands_and_events(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_GET_FEATURES};
	struct nvme_events_opts opts = {};
	struct nvme_ctrl ctrl;
	struct nvme_cqe cqe;
	uint16_t cntlid;

	(void)state;
	for (size_t i = 0; i < ROWS(ways); i++) {
		ways[i](&ctrl);
		memset(&cqe, 0xff, sizeof(cqe));
		assert_fails(nvme_admin(&ctrl, &cmd, NULL, 0, &cqe), ENODEV);
		assert_true(nvme_cqe_ok(&cqe)); /* as after any that did not complete */
		assert_fails(nvme_sync(&ctrl, NULL, &cmd, NULL, 0, NULL), ENODEV);
		assert_fails(nvme_aer(&ctrl, NULL), ENODEV);
		assert_fails(nvme_vm_assign_max_flexible(&ctrl, 1), ENODEV);
		assert_fails(nvme_vm_set_online(&ctrl, 1), ENODEV);
		assert_fails(nvme_vm_set_offline(&ctrl, 1), ENODEV);
		assert_fails(nvme_get_vf_cntlid(&ctrl, 1, &cntlid), ENODEV);
		assert_fails(nvme_events_start(&ctrl, &opts), ENODEV);
		nvme_events_stop(&ctrl);
		assert_fails(nvme_set_keep_alive(&ctrl, 1000), ENODEV);
		assert_int_equal(nvme_admin_poll(&ctrl), 0);
		assert_int_equal(nvme_ctrl_poll(&ctrl, 8), 0);
		assert_still_closed(&ctrl);
	}
}

static void closed__statistics(void **state)
{
	static const struct nvme_sq_stats no_sqs;
	static const struct nvme_cq_stats no_cqs;
	static const struct nvme_ctrl_stats nothing = {.state = NVME_CTRL_DEAD};
	struct nvme_ctrl_stats stats;
	struct nvme_sq_stats sqs;
	struct nvme_cq_stats cqs;
	struct nvme_ctrl ctrl;

	(void)state;
	for (size_t i = 0; i < ROWS(ways); i++) {
		struct belfry_publisher *pub = belfry_publish_open("test_closed");

		ways[i](&ctrl);
		memset(&stats, 0xff, sizeof(stats));
		memset(&sqs, 0xff, sizeof(sqs));
		memset(&cqs, 0xff, sizeof(cqs));
		nvme_ctrl_get_stats(&ctrl, &stats);
		assert_memory_equal(&stats, &nothing, sizeof(stats));
		nvme_ctrl_sum_stats(&ctrl, &sqs, &cqs);
		assert_memory_equal(&sqs, &no_sqs, sizeof(sqs));
		assert_memory_equal(&cqs, &no_cqs, sizeof(cqs));
		assert_non_null(pub);
		nvme_ctrl_publish(&ctrl, pub);
		belfry_publish_close(pub);
		assert_still_closed(&ctrl);
	}
}

/* What has been made of a controller, and is used when that is closed. */
static void closed__what_was_made_of_it(void **state)
{
	struct nvme_ctrl ctrl = {};
	struct nvme_hmb_info info;
	struct nvme_hmb hmb;
	struct nvme_pmr pmr;
	int fds[1] = {-1};

	(void)state;
	assert_works(nvme_init(&ctrl, "emu:size=1M,pmr=64K,hmb=64K", NULL));
	assert_works(nvme_pmr_enable(&ctrl, &pmr));
	assert_works(nvme_hmb_init(&ctrl, &hmb, 0));
	assert_works(nvme_hmb_enable(&hmb));
	nvme_close(&ctrl);

	assert_fails(nvme_pmr_persist(&pmr), ENODEV);
	nvme_pmr_disable(&pmr);
	assert_null(pmr.vaddr);
	nvme_pmr_disable(&pmr);
	assert_fails(nvme_pmr_enable(&ctrl, &pmr), ENODEV);
	assert_fails(nvme_hmb_enable(&hmb), EINVAL);
	assert_fails(nvme_hmb_disable(&hmb), EINVAL);
	nvme_hmb_close(&hmb);
	assert_null(hmb.chunks);
	nvme_hmb_close(&hmb);
	assert_fails(nvme_hmb_get_info(&ctrl, &info), ENODEV);
	assert_fails(nvme_hmb_init(&ctrl, &hmb, 0), ENODEV);

	assert_fails(vfio_set_irq(&ctrl.pci.dev, fds, 0, 1), ENODEV);
	assert_fails(vfio_disable_irq_all(&ctrl.pci.dev), ENODEV);
	assert_fails(vfio_reset(&ctrl.pci.dev), ENODEV);
	errno = 0;
	assert_null(emu_ctrl_get(&ctrl.pci.dev));
	assert_int_equal(errno, ENODEV);
	assert_works(vfio_pci_close(&ctrl.pci));
	assert_still_closed(&ctrl);
}

/* __iommu_ctx() of it is NULL. */
static void closed__its_address_space(void **state)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct iommu_dmabuf buf = {.len = 7};
	struct iommu_iova_range *ranges;
	struct nvme_ctrl ctrl = {};
	struct iommu_ctx *ctx = __iommu_ctx(&ctrl);
	iova_t iova;
	void *vaddr;

	(void)state;
	assert_fails(iommu_map_vaddr(ctx, page, sizeof(page), &iova, 0), EINVAL);
	assert_fails(iommu_map_vaddr_align(ctx, page, sizeof(page), 4096, &iova, 0), EINVAL);
	assert_fails(iommu_unmap_vaddr(ctx, page, NULL), EINVAL);
	assert_fails(iommu_unmap_all(ctx), EINVAL);
	assert_fails(iommu_get_dmabuf(ctx, &buf, 4096, 0), EINVAL);
	assert_int_equal(buf.len, 0);
	iommu_put_dmabuf(&buf);
	errno = 0;
	assert_null(iommu_alloc_same_iova(ctx, 4096));
	assert_int_equal(errno, EINVAL);
	assert_fails(iommu_free_same_iova(ctx, page), EINVAL);
	assert_fails((int)iommu_translate_iova(ctx, (iova_t)0x10000, &vaddr), EINVAL);
	assert_fails(iommu_get_iova_ranges(ctx, &ranges), EINVAL);
	assert_false(iommu_ctx_is_iommufd(ctx));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed__the_controller),
		cmocka_unit_test(closed__queues),
		cmocka_unit_test(closed__commands_and_events),
		cmocka_unit_test(closed__statistics),
		cmocka_unit_test(closed__what_was_made_of_it),
		cmocka_unit_test(closed__its_address_space),
	};

	return cmocka_run_group_tests_name("closed", tests, NULL, NULL);
}

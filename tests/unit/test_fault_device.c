/* SPDX-License-Identifier: MIT */
/*
 * What the driver makes of a device that fails, hangs or goes, and of one that refuses or forgets to
 * create and delete queues: every wait ends, and memory stays as long as the device may use it.
 */
#include <sys/resource.h>
#include <time.h>

#include "fault.h"

/* ---- the device as a whole ---- */

/* Everything that waits ends with @err, long before any deadline. */
static void assert_all_end(struct fixture *f, struct nvme_rq *rq, int err)
{
	struct timespec start_at, hour = {.tv_sec = 3600};

	clock_gettime(CLOCK_MONOTONIC, &start_at);
	assert_fails(nvme_rq_spin(rq, NULL), err);
	assert_fails(nvme_rq_wait(rq, NULL, &hour), err);
	errno = 0;
	assert_int_equal(nvme_cq_wait_cqes(f->cq, NULL, 1, &hour), 0);
	assert_int_equal(errno, err);
	assert_fails(dev_features(&f->dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
		     err);
	assert_fails(nvme_create_iocq(&f->dev.ctrl, 2, 8, -1), err);
	assert_fails(nvme_delete_ioqpair(&f->dev.ctrl, 1), err);
	assert_null(nvme_cq_get_cqe(f->cq));
	assert_true(ms_since(&start_at) < 1000.0 * DEV_PATIENCE_S);
}

static void fault_device__fatal_status(void **state)
{
	struct fixture f;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_CFS, 0);
	rq = start(&f);
	assert_all_end(&f, rq, EIO);

	/* A reset clears it. */
	assert_works(nvme_reset(&f.dev.ctrl));
	assert_fails(nvme_rq_wait(rq, NULL, NULL), ECANCELED);
	nvme_rq_release(rq);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* The registers have never heard of what the shadow doorbells say, and are not asked. */
static void fault_device__hang_with_shadow_doorbells(void **state)
{
	struct iommu_dmabuf buf;
	struct fixture f;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:dbbuf=on,spin_us=1000000");
	works(&f);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_HANG, 0);
	rq = start(&f);
	assert_fails(wait_ms(rq, 10), ETIMEDOUT);
	/* An unmap has the controller look where everything is, within 50 ms. */
	buf = dev_buf(&f.dev, 4096);
	iommu_put_dmabuf(&buf);
	assert_fails(wait_ms(rq, 300), ETIMEDOUT);
	dev_check(&f.dev);
	nvme_rq_release(rq);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* After a reset the old queues are still there, until they are made anew. */
static void fault_device__reset_with_half_a_pair(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_reset(&f.dev.ctrl));
	assert_works(nvme_enable(&f.dev.ctrl));
	inject_admin(&f, NVM_ADMIN_CREATE_CQ, EMU_ACT_STATUS, 0x06);
	assert_fails(nvme_create_iocq(&f.dev.ctrl, 1, QSIZE, -1), EREMOTEIO);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

static void fault_device__hang(void **state)
{
	struct timespec start_at;
	struct fixture f;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_HANG, 0);
	rq = start(&f);
	assert_fails(wait_ms(rq, 10), ETIMEDOUT);
	f.dev.ctrl.timeout_ms = 10;
	assert_fails(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
		     ETIMEDOUT);
	f.dev.ctrl.timeout_ms = NVME_TIMEOUT_MS_DEFAULT;
	nvme_rq_release(rq);
	reset(&f);
	works(&f);

	/* Closing a hung one does not take for ever either. */
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_HANG, 0);
	start(&f);
	clock_gettime(CLOCK_MONOTONIC, &start_at);
	dev_close(&f.dev);
	assert_true(ms_since(&start_at) < 1000.0 * DEV_PATIENCE_S);
}

static void fault_device__gone(void **state)
{
	struct fixture f;
	struct nvme_rq *rq;
	int fds = open_fds();

	(void)state;
	for (int i = 0; i < 2; i++) {
		fault_open(&f, "emu:");
		if (i) {
			inject(&f, NVM_CMD_FLUSH, EMU_ACT_GONE, 0);
			rq = start(&f);
		} else {
			inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
			rq = start(&f);
			emu_unplug(f.emu);
		}
		assert_all_end(&f, rq, ENODEV);
		assert_fails(nvme_reset(&f.dev.ctrl), ENODEV);
		assert_fails(nvme_enable(&f.dev.ctrl), ENODEV);
		assert_fails(nvme_shutdown(&f.dev.ctrl), ENODEV);
		assert_fails(nvme_configure_cq(&f.dev.ctrl, 2, 8, -1), ENODEV);
		assert_fails(nvme_configure_sq(&f.dev.ctrl, 2, 8, f.cq, 0), ENODEV);
		nvme_rq_release(rq);
		dev_close(&f.dev);
		assert_null(f.dev.ctrl.priv);
	}
	if (fds != open_fds())
		fail_msg("%d descriptors, then %d", fds, open_fds());
}

/* A long wait spins at first, and sleeps then. */
static void fault_device__a_long_wait_sleeps(void **state)
{
	struct rusage before, after;
	struct fixture f;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	rq = start(&f);
	assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
	assert_fails(wait_ms(rq, 300), ETIMEDOUT);
	assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
	assert_true(after.ru_nvcsw >= before.ru_nvcsw + 10);

	inject_admin(&f, NVM_ADMIN_GET_FEATURES, EMU_ACT_DROP, 0);
	f.dev.ctrl.timeout_ms = 300;
	assert_fails(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
		     ETIMEDOUT);
	assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
	assert_true(before.ru_nvcsw >= after.ru_nvcsw + 10);
	nvme_rq_release(rq);
	dev_close(&f.dev);
}

/* ---- queues ---- */

static void fault_device__refused_creation_leaves_nothing(void **state)
{
	struct fixture f;
	size_t mapped;

	(void)state;
	fault_open(&f, "emu:");
	mapped = mapped_bytes(__iommu_ctx(&f.dev.ctrl));
	for (int i = 0; i < 10; i++) {
		inject_admin(&f, NVM_ADMIN_CREATE_CQ, EMU_ACT_STATUS, NVM_SC_INTERNAL);
		assert_fails(nvme_create_ioqpair(&f.dev.ctrl, 2, 64, -1, 0), EREMOTEIO);
		inject_admin(&f, NVM_ADMIN_CREATE_SQ, EMU_ACT_STATUS, NVM_SC_INTERNAL);
		assert_fails(nvme_create_ioqpair(&f.dev.ctrl, 2, 64, -1, 0), EREMOTEIO);
		assert_null(f.dev.ctrl.cq[2].mem.vaddr);
		assert_null(f.dev.ctrl.sq[2].mem.vaddr);
		assert_int_equal(mapped_bytes(__iommu_ctx(&f.dev.ctrl)), mapped);
	}
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 2, 64, -1, 0));
	dev_close(&f.dev);
}

/* After a timeout the controller may have the queue: its memory stays until a reset. */
static void fault_device__lost_creation_keeps_the_memory(void **state)
{
	static const uint8_t opcodes[] = {NVM_ADMIN_CREATE_CQ, NVM_ADMIN_CREATE_SQ};
	struct fixture f;
	struct iommu_ctx *ctx;
	size_t mapped;

	(void)state;
	fault_open(&f, "emu:");
	ctx = __iommu_ctx(&f.dev.ctrl);
	mapped = mapped_bytes(ctx);
	for (size_t i = 0; i < ROWS(opcodes); i++) {
		f.dev.ctrl.timeout_ms = 200;
		inject_admin(&f, opcodes[i], EMU_ACT_DROP, 0);
		assert_fails(nvme_create_ioqpair(&f.dev.ctrl, 2, 64, -1, 0), ETIMEDOUT);
		assert_null(f.dev.ctrl.sq[2].mem.vaddr);
		assert_true(mapped_bytes(ctx) > mapped);
		f.dev.ctrl.timeout_ms = NVME_TIMEOUT_MS_DEFAULT;
		works(&f);

		/* The controller has it indeed, and says so. */
		if (!i)
			assert_fails(nvme_create_iocq(&f.dev.ctrl, 2, 64, -1), EINVAL);
		reset(&f);
		assert_int_equal(mapped_bytes(ctx), mapped);
		assert_works(nvme_create_ioqpair(&f.dev.ctrl, 2, 64, -1, 0));
		assert_works(nvme_delete_ioqpair(&f.dev.ctrl, 2));
	}
	dev_close(&f.dev);
}

static void fault_device__refused_deletion_keeps_the_queue(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	inject_admin(&f, NVM_ADMIN_DELETE_SQ, EMU_ACT_STATUS, NVM_SC_INTERNAL);
	assert_fails(nvme_delete_ioqpair(&f.dev.ctrl, 1), EREMOTEIO);
	works(&f);

	/* The second half refused: the pair may be deleted once more. */
	inject_admin(&f, NVM_ADMIN_DELETE_CQ, EMU_ACT_STATUS, NVM_SC_INTERNAL);
	assert_fails(nvme_delete_ioqpair(&f.dev.ctrl, 1), EREMOTEIO);
	assert_null(f.dev.ctrl.sq[1].mem.vaddr);
	assert_non_null(f.dev.ctrl.cq[1].mem.vaddr);
	assert_works(nvme_delete_ioqpair(&f.dev.ctrl, 1));
	assert_null(f.dev.ctrl.cq[1].mem.vaddr);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_device__fatal_status),
		cmocka_unit_test(fault_device__hang_with_shadow_doorbells),
		cmocka_unit_test(fault_device__reset_with_half_a_pair),
		cmocka_unit_test(fault_device__hang),
		cmocka_unit_test(fault_device__gone),
		cmocka_unit_test(fault_device__a_long_wait_sleeps),
		cmocka_unit_test(fault_device__refused_creation_leaves_nothing),
		cmocka_unit_test(fault_device__lost_creation_keeps_the_memory),
		cmocka_unit_test(fault_device__refused_deletion_keeps_the_queue),
	};

	return cmocka_run_group_tests_name("fault_device", tests, NULL, NULL);
}

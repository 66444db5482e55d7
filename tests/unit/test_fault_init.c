/* SPDX-License-Identifier: MIT */
/*
 * Bring-up that fails: ten times for each reason, nothing stays mapped or open, the structure is all
 * zero, and then it works.
 */
#include <sys/resource.h>
#include <time.h>

#include <belfry/emu.h>

#include "fault.h"

static void assert_all_zero(const struct nvme_ctrl *ctrl)
{
	const unsigned char *bytes = (const void *)ctrl;

	for (size_t i = 0; i < sizeof(*ctrl); i++)
		assert_int_equal(bytes[i], 0);
}

static const struct {
	const char *name;
	int err;
} failures[] = {
	/* Set Features, Number of Queues */
	{"emu:fault=act=status:op=9:arg=6", EREMOTEIO},
	{"emu:fault=act=status:op=9:arg=2", EINVAL},
	{"emu:fault=act=cfs:op=9", EIO},
	{"emu:fault=act=gone:op=9", ENODEV},
	/* Identify Controller */
	{"emu:fault=act=status:op=6:arg=6", EREMOTEIO},
	{"emu:fault=act=cfs:op=6", EIO},
	{"emu:fault=act=gone:op=6", ENODEV},
	/* Doorbell Buffer Config */
	{"emu:dbbuf=on,fault=act=cfs:op=0x7c", EIO},
	{"emu:dbbuf=on,fault=act=gone:op=0x7c", ENODEV},
	/* the name */
	{"emu:what=1", EINVAL},
	{"emu:size=many", EINVAL},
	{"emu:mpsmin=3,mpsmax=1", EINVAL},
	{"emu:fault=act=explode", EINVAL},
	{"emu:file=/nonexistent/directory/image", ENOENT},
};

static void fault_init__ten_failures_leak_nothing(void **state)
{
	struct iommu_ctx *ctx = iommu_get_context("emu:");
	int fds = 0;

	(void)state;
	assert_non_null(ctx);
	for (size_t i = 0; i < ROWS(failures); i++) {
		struct nvme_ctrl ctrl = {};

		for (int n = 0; n < 10; n++) {
			ctrl.pci.dev.ctx = ctx;
			errno = 0;
			if (nvme_init(&ctrl, failures[i].name, NULL) != -1 ||
			    errno != failures[i].err)
				fail_msg("%s: %s", failures[i].name, strerror(errno));
			assert_all_zero(&ctrl);
			nvme_close(&ctrl);
			assert_nothing_mapped(ctx);
			if (!i && n == 1)
				fds = open_fds();
		}
		ctrl.pci.dev.ctx = ctx;
		assert_works(nvme_init(&ctrl, "emu:", NULL));
		nvme_close(&ctrl);
		assert_nothing_mapped(ctx);
	}
	assert_int_equal(open_fds(), fds);
}

/* Shadow doorbells that the controller refuses: there are the registers. */
static void fault_init__without_shadow_doorbells(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:dbbuf=on,fault=act=status:op=0x7c:arg=4:count=1");
	assert_null(f.sq->dbbuf.doorbell);
	assert_null(f.dev.ctrl.dbbuf.doorbells.vaddr);
	works(&f);
	dev_close(&f.dev);

	fault_open(&f, "emu:dbbuf=on");
	assert_non_null(f.sq->dbbuf.doorbell);
	works(&f);
	/* Told again after a reset, as Number of Queues is. */
	reset(&f);
	assert_non_null(f.sq->dbbuf.doorbell);
	works(&f);
	dev_close(&f.dev);
}

/* Doorbells 1 KiB apart: those of queue 1 are the last in the page, queue 2 has but its registers. */
static void fault_init__shadow_doorbells_for_some(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:dbbuf=on,dstrd=8");
	assert_ptr_equal(f.sq->dbbuf.doorbell, (char *)f.dev.ctrl.dbbuf.doorbells.vaddr + 0x800);
	assert_ptr_equal(f.cq->dbbuf.doorbell, (char *)f.dev.ctrl.dbbuf.doorbells.vaddr + 0xc00);
	works(&f);
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 2, QSIZE, -1, 0));
	f.sq = &f.dev.ctrl.sq[2];
	f.cq = f.sq->cq;
	assert_null(f.sq->dbbuf.doorbell);
	assert_null(f.sq->dbbuf.eventidx);
	assert_null(f.cq->dbbuf.doorbell);
	works(&f);
	dev_close(&f.dev);
}

/* Pages of this process. */
static long nr_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long n = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &n), 1);
	fclose(f);
	return n;
}

/* A buffer that is set aside for the controller is freed when that is disabled. */
static void fault_init__no_answer_leaks_no_memory(void **state)
{
	static const char *const names[] = {
		"emu:fault=act=cfs:op=6",
		"emu:fault=act=gone:op=6",
		"emu:fault=act=drop:op=6",
	};
	static const struct nvme_ctrl_opts opts = {.nsqr = 3, .ncqr = 3, .timeout_ms = 20};

	(void)state;
	if (getenv("BELFRY_TEST_DIVISOR"))
		test_skip("what watches this run takes memory as it likes");
	for (size_t i = 0; i < ROWS(names); i++) {
		struct nvme_ctrl ctrl = {};
		long pages = 0;

		for (int n = 0; n < 60; n++) {
			assert_int_equal(nvme_init(&ctrl, names[i], &opts), -1);
			if (n == 10)
				pages = nr_pages();
		}
		assert_true(nr_pages() < pages + 25);
	}
}

/* Commands that are never answered, or as good as never. */
static void fault_init__no_answer(void **state)
{
	static const char *const names[] = {
		"emu:fault=act=drop:op=9",	 "emu:fault=act=wrong_cid:op=9",
		"emu:fault=act=wrong_sqid:op=9", "emu:fault=act=stale_phase:op=9",
		"emu:fault=act=hang:op=9",	 "emu:fault=act=delay:op=9:arg=3000000",
		"emu:fault=act=drop:op=6",	 "emu:dbbuf=on,fault=act=drop:op=0x7c",
	};
	static const struct nvme_ctrl_opts opts = {.nsqr = 3, .ncqr = 3, .timeout_ms = 20};
	struct iommu_ctx *ctx = iommu_get_context("emu:");
	int fds = open_fds();

	(void)state;
	assert_non_null(ctx);
	for (size_t i = 0; i < ROWS(names); i++) {
		struct nvme_ctrl ctrl = {};

		for (int n = 0; n < 10; n++) {
			ctrl.pci.dev.ctx = ctx;
			assert_fails(nvme_init(&ctrl, names[i], &opts), ETIMEDOUT);
			assert_all_zero(&ctrl);
			assert_nothing_mapped(ctx);
		}
		ctrl.pci.dev.ctx = ctx;
		assert_works(nvme_init(&ctrl, "emu:", NULL));
		nvme_close(&ctrl);
	}
	assert_int_equal(open_fds(), fds);
}

static void fault_init__the_deadline_is_the_callers(void **state)
{
	static const struct nvme_ctrl_opts opts = {.nsqr = 1, .ncqr = 1, .timeout_ms = 20};
	struct nvme_ctrl ctrl = {};

	(void)state;
	assert_works(nvme_ctrl_init(&ctrl, "emu:", &opts));
	assert_int_equal(ctrl.timeout_ms, 20);
	nvme_close(&ctrl);
	assert_works(nvme_ctrl_init(&ctrl, "emu:", NULL));
	assert_int_equal(ctrl.timeout_ms, NVME_TIMEOUT_MS_DEFAULT);
	nvme_close(&ctrl);
}

static void fault_init__unknown_quirks(void **state)
{
	static const unsigned int unknown[] = {1 << 4, 1 << 29, 1u << 31, UINT32_MAX};
	struct nvme_ctrl ctrl = {};

	(void)state;
	for (size_t i = 0; i < ROWS(unknown); i++) {
		const struct nvme_ctrl_opts opts = {.quirks = unknown[i]};

		assert_fails(nvme_init(&ctrl, "emu:", &opts), EINVAL);
		assert_all_zero(&ctrl);
	}
}

/* CAP.TO is 1: 500 ms units, and one more to be sure. */
static void fault_init__never_ready(void **state)
{
	struct nvme_ctrl ctrl = {};
	struct timespec start;
	double ms;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_fails(nvme_init(&ctrl, "emu:to=1,rdy_ms=100000", NULL), ETIMEDOUT);
	ms = ms_since(&start);
	assert_all_zero(&ctrl);
	assert_true(ms >= 500);
	assert_true(ms < 1000.0 * DEV_PATIENCE_S);
	assert_works(nvme_init(&ctrl, "emu:to=1", NULL));
	nvme_close(&ctrl);
}

static void fault_init__ready_late(void **state)
{
	struct nvme_ctrl ctrl = {};
	struct timespec start;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_works(nvme_init(&ctrl, "emu:to=20,rdy_ms=100", NULL));
	assert_true(ms_since(&start) >= 100);
	nvme_close(&ctrl);
}

static void fault_init__gone_before(void **state)
{
	struct nvme_ctrl ctrl = {};

	(void)state;
	assert_works(nvme_ctrl_init(&ctrl, "emu:cmb=1M", NULL));
	emu_unplug(emu_ctrl_get(&ctrl.pci.dev));
	assert_fails(nvme_reset(&ctrl), ENODEV);
	assert_fails(nvme_configure_adminq(&ctrl, 0), ENODEV);
	assert_fails(nvme_configure_cmb(&ctrl), ENODEV);
	assert_fails(vfio_disable_irq_all(&ctrl.pci.dev), ENODEV);
	assert_fails(vfio_reset(&ctrl.pci.dev), ENODEV);
	nvme_close(&ctrl);
	assert_all_zero(&ctrl);
}

/* A program that ends unties all vectors, however many there are. */
static void fault_init__no_vectors_to_untie(void **state)
{
	struct nvme_ctrl ctrl = {};

	(void)state;
	assert_fails(vfio_disable_irq_all(&ctrl.pci.dev), ENODEV);
	assert_works(nvme_ctrl_init(&ctrl, "emu:", NULL));
	ctrl.pci.dev.irq_info.count = 0; /* as of a device without interrupts */
	assert_works(vfio_disable_irq_all(&ctrl.pci.dev));
	assert_fails(vfio_disable_irq(&ctrl.pci.dev, 0, 1), EINVAL);
	nvme_close(&ctrl);
}

/* Bit 0 of SGLS is turned over: bits 1:0 say that there are no SGLs, whatever the others say. */
static void fault_init__sgls_is_two_bits(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ};
	union nvme_cmd identify = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = 1}};
	struct nvme_ctrl ctrl = {};
	struct iommu_dmabuf buf = {};
	uint8_t id[4096];
	struct nvme_rq *rq;
	struct iovec iov;

	(void)state;
	assert_works(nvme_init(&ctrl, "emu:fault=act=corrupt:op=6:arg=536:count=2", NULL));
	assert_works(nvme_admin(&ctrl, &identify, id, sizeof(id), NULL));
	assert_memory_equal(id + 536, "\x00\x00\x05\x00", 4);
	assert_int_equal(ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED, 0);

	assert_works(nvme_create_ioqpair(&ctrl, 1, 8, -1, 0));
	assert_works(iommu_get_dmabuf(__iommu_ctx(&ctrl), &buf, 4096, 0));
	iov = (struct iovec){buf.vaddr, 4096};
	rq = nvme_rq_acquire(&ctrl.sq[1]);
	assert_works(nvme_rq_mapv(&ctrl, rq, &cmd, &iov, 1));
	assert_int_equal(cmd.flags, 0); /* PSDT: PRPs */
	nvme_rq_release(rq);
	iommu_put_dmabuf(&buf);
	nvme_close(&ctrl);
}

/* Times that this thread gave the processor away by itself. */
static long nr_sleeps(void)
{
	struct rusage use;

	assert_int_equal(getrusage(RUSAGE_THREAD, &use), 0);
	return use.ru_nvcsw;
}

/* A wait for CSTS.RDY takes half a second, and no processor for it. */
static void fault_init__waits_sleep(void **state)
{
	struct nvme_ctrl ctrl = {};
	long before;

	(void)state;
	assert_works(nvme_ctrl_init(&ctrl, "emu:rdy_ms=500", NULL));
	assert_works(nvme_reset(&ctrl));
	assert_works(nvme_configure_adminq(&ctrl, 0));
	before = nr_sleeps();
	assert_works(nvme_enable(&ctrl));
	assert_true(nr_sleeps() >= before + 20);
	nvme_close(&ctrl);
}

/* The controller grants less than was asked for, or is asked for more than it has. */
static void fault_init__few_queues(void **state)
{
	struct nvme_ctrl ctrl = {};
	struct emu_stats before, after;
	struct emu_ctrl *emu;

	(void)state;
	assert_works(nvme_init(&ctrl, "emu:queues=3", NULL));
	emu = emu_ctrl_get(&ctrl.pci.dev);
	assert_int_equal(ctrl.config.nsqa, 2); /* 0's based */
	assert_int_equal(ctrl.config.ncqa, 2);
	assert_works(nvme_create_ioqpair(&ctrl, 3, 8, -1, 0));
	/* What was not granted is not even asked for. */
	emu_get_stats(emu, &before);
	assert_fails(nvme_create_iocq(&ctrl, 4, 8, -1), EINVAL);
	assert_fails(nvme_create_iosq(&ctrl, 4, 8, &ctrl.cq[3], 0), EINVAL);
	assert_fails(nvme_create_ioqpair(&ctrl, 4, 8, -1, 0), EINVAL);
	emu_get_stats(emu, &after);
	assert_int_equal(after.admin_cmds, before.admin_cmds);
	nvme_close(&ctrl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_init__ten_failures_leak_nothing),
		cmocka_unit_test(fault_init__without_shadow_doorbells),
		cmocka_unit_test(fault_init__shadow_doorbells_for_some),
		cmocka_unit_test(fault_init__no_answer),
		cmocka_unit_test(fault_init__no_answer_leaks_no_memory),
		cmocka_unit_test(fault_init__the_deadline_is_the_callers),
		cmocka_unit_test(fault_init__unknown_quirks),
		cmocka_unit_test(fault_init__never_ready),
		cmocka_unit_test(fault_init__ready_late),
		cmocka_unit_test(fault_init__gone_before),
		cmocka_unit_test(fault_init__no_vectors_to_untie),
		cmocka_unit_test(fault_init__sgls_is_two_bits),
		cmocka_unit_test(fault_init__waits_sleep),
		cmocka_unit_test(fault_init__few_queues),
	};

	return cmocka_run_group_tests_name("fault_init", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Between the driver and the bus. Closing, as the device sees it: told to shut down, disabled, and
 * only then the memory goes. And registers and completions that say what the emulated controller's
 * never do: as all-ones, of a device that is not there any more, a register has all bits set that one
 * may wait for.
 */
#include "fault.h"

#include "iommu/ctx.h"
#include "nvme/priv.h"
#include "transport/transport.h"

/*
 * A letter for each, and repetitions are one:
 *	S  shutdown notification, s  it is complete
 *	D  CC.EN cleared,	  d  CSTS.RDY has followed
 *	C  device closed,	  u  memory unmapped
 */
static struct {
	const struct transport_ops *tp_ops;
	const struct iommu_backend_ops *ctx_ops;
	struct transport_ops tp_spy;
	struct iommu_backend_ops ctx_spy;
	char seen[32];
	bool all_ones;
	uint32_t csts; /* what CSTS reads as, ... */
	int nr_csts;   /* ... so many times */
} spy;

static void note(char letter)
{
	size_t n = strlen(spy.seen);

	assert_true(n + 1 < sizeof(spy.seen));
	if (!n || spy.seen[n - 1] != letter)
		spy.seen[n] = letter;
}

static int spy_reg_write(struct transport *tp, uint32_t off, unsigned int width, uint64_t val)
{
	if (off == NVM_REG_CC && !(val & 1))
		note('D');
	else if (off == NVM_REG_CC && (val >> 14 & 3) == 1)
		note('S');
	return spy.tp_ops->reg_write(tp, off, width, val);
}

static int spy_reg_read(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val)
{
	int ret = spy.tp_ops->reg_read(tp, off, width, val);
	size_t n = strlen(spy.seen);

	if (spy.all_ones) {
		*val = width == 4 ? UINT32_MAX : UINT64_MAX;
		return 0;
	}
	if (off == NVM_REG_CSTS && spy.nr_csts && spy.nr_csts--)
		*val = spy.csts;
	if (ret || off != NVM_REG_CSTS || !n)
		return ret;
	if (spy.seen[n - 1] == 'S' && (*val >> 2 & 3) == 2)
		note('s');
	if (spy.seen[n - 1] == 'D' && !(*val & 1))
		note('d');
	return 0;
}

static void spy_close(struct transport *tp)
{
	note('C');
	spy.tp_ops->close(tp);
}

static int spy_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	note('u');
	return spy.ctx_ops->unmap(ctx, iova, len);
}

/* From here on all is noted. */
static void watch(struct nvme_ctrl *ctrl)
{
	struct transport *tp = ctrl->pci.dev.transport;
	struct iommu_ctx *ctx = __iommu_ctx(ctrl);

	memset(&spy, 0, sizeof(spy));
	spy.tp_ops = tp->ops;
	spy.tp_spy = *tp->ops;
	spy.tp_spy.reg_read = spy_reg_read;
	spy.tp_spy.reg_write = spy_reg_write;
	spy.tp_spy.close = spy_close;
	tp->ops = &spy.tp_spy;
	spy.ctx_ops = ctx->ops;
	spy.ctx_spy = *ctx->ops;
	spy.ctx_spy.unmap = spy_unmap;
	ctx->ops = &spy.ctx_spy;
}

static void close__shuts_down_and_disables_before_memory_goes(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_aer(&f.dev.ctrl, NULL)); /* the controller would write to its queue */
	works(&f);
	watch(&f.dev.ctrl);
	dev_close(&f.dev);
	assert_string_equal(spy.seen, "SsDdCu");
}

/* One with a fatal status is not told to shut down, which it could not do, but is disabled. */
static void close__disables_a_controller_that_has_failed(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_CFS, 0);
	assert_fails(dev_wait(start(&f), NULL), EIO);
	watch(&f.dev.ctrl);
	dev_close(&f.dev);
	assert_string_equal(spy.seen, "DdCu");
}

/* Opened and not enabled: there is a queue that the controller was told of. */
static void close__disables_what_was_never_enabled(void **state)
{
	struct nvme_ctrl ctrl = {};

	(void)state;
	assert_works(nvme_ctrl_init(&ctrl, "emu:", NULL));
	assert_works(nvme_reset(&ctrl));
	assert_works(nvme_configure_adminq(&ctrl, 0));
	watch(&ctrl);
	assert_works(nvme_enable_start(&ctrl));
	nvme_close(&ctrl);
	assert_string_equal(spy.seen, "SsDdCu");
}

/* A queue's memory goes when the controller has said that it has let go of the queue. */
static void delete__memory_goes_after_the_answer(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	watch(&f.dev.ctrl);
	inject_admin(&f, NVM_ADMIN_DELETE_SQ, EMU_ACT_DROP, 0);
	f.dev.ctrl.timeout_ms = 50;
	assert_fails(nvme_delete_ioqpair(&f.dev.ctrl, 1), ETIMEDOUT);
	assert_string_equal(spy.seen, "");
	f.dev.ctrl.timeout_ms = NVME_TIMEOUT_MS_DEFAULT;
	dev_close(&f.dev);
	assert_string_equal(spy.seen, "SsDdCu");
}

static void gone__all_ones_are_no_status(void **state)
{
	struct timespec hour = {.tv_sec = 3600};
	struct nvme_ctrl *ctrl;
	struct nvme_rq *rq;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	ctrl = &f.dev.ctrl;
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	inject_admin(&f, NVM_ADMIN_GET_FEATURES, EMU_ACT_DROP, 0);
	rq = start(&f);
	watch(ctrl);
	spy.tp_spy.gone = NULL;
	spy.all_ones = true;

	/* CSTS.RDY is set, CSTS.SHST is not what it should be, CSTS.CFS says nothing. */
	assert_fails(nvme_rq_wait(rq, NULL, &hour), ENODEV);
	assert_fails(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
		     ENODEV);
	assert_fails(nvme_enable(ctrl), ENODEV);
	assert_fails(nvme_shutdown(ctrl), ENODEV);
	assert_fails(nvme_reset(ctrl), ENODEV);
	assert_fails(nvme_configure_cq(ctrl, 2, 8, -1), ENODEV); /* CAP */
	assert_null(ctrl->cq[2].mem.vaddr);
	assert_string_equal(spy.seen, "");
	nvme_rq_release(rq);
	dev_close(&f.dev);
	assert_string_equal(spy.seen, "Cu");
}

/* CSTS.CFS ends a wait at once, but for that for a reset, which is what clears it. */
static void fatal__ends_a_wait(void **state)
{
	struct nvme_ctrl *ctrl;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:to=4");
	ctrl = &f.dev.ctrl;
	watch(ctrl);
	spy.nr_csts = INT32_MAX;
	spy.csts = 0x2; /* not ready */
	assert_fails(nvme_enable(ctrl), EIO);
	spy.csts = 0x3; /* ready, not shut down */
	assert_fails(nvme_shutdown(ctrl), EIO);
	spy.nr_csts = 5; /* ready for a while yet */
	assert_works(nvme_reset(ctrl));
	assert_int_equal(spy.nr_csts, 0);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* The device says that it has fetched what is not in the queue: then nobody knows of a free slot. */
static void head__out_of_range(void **state)
{
	static const uint16_t heads[] = {QSIZE, QSIZE + 1, 0xffff};
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (size_t i = 0; i < ROWS(heads); i++) {
		struct nvme_rq *rq = nvme_rq_acquire(f.sq);
		struct nvme_cqe *cqe = nvme_cq_head(f.cq);

		/* Posted, not rung, and completed by this test: the phase tag of the first lap is 1. */
		nvme_rq_post(rq, &cmd);
		*cqe = (struct nvme_cqe){.sqhd = cpu_to_le16(heads[i]),
					 .sqid = cpu_to_le16(1),
					 .cid = rq->cid,
					 .sfp = cpu_to_le16(1)};
		assert_ptr_equal(nvme_cq_get_cqe(f.cq), cqe);
		assert_ptr_equal(nvme_rq_from_cqe(&f.dev.ctrl, cqe), rq);
		assert_true(nvme_sq_full(f.sq));
		assert_fails(nvme_sq_try_post(f.sq, &cmd), EBUSY);
		nvme_rq_release(rq);
		reset(&f);
	}
	works(&f);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close__shuts_down_and_disables_before_memory_goes),
		cmocka_unit_test(close__disables_a_controller_that_has_failed),
		cmocka_unit_test(close__disables_what_was_never_enabled),
		cmocka_unit_test(delete__memory_goes_after_the_answer),
		cmocka_unit_test(gone__all_ones_are_no_status),
		cmocka_unit_test(fatal__ends_a_wait),
		cmocka_unit_test(head__out_of_range),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}

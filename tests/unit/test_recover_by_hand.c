/* SPDX-License-Identifier: MIT */
/*
 * The ladder under what is not of nvme_rq_submit(). Commands whose cids the program wrote itself may
 * have a deadline too, and each ends once when the controller is reset. Buffers of synchronous
 * commands that were given up on are the controller's until then.
 */
#include "fault.h"

static struct nvme_rq *start_by_hand(struct fixture *f)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(f->dev.nsid)};
	struct nvme_rq *rq = nvme_rq_acquire(f->sq);

	assert_non_null(rq);
	cmd.cid = rq->cid;
	nvme_sq_exec(f->sq, &cmd);
	return rq;
}

static void recover_by_hand__each_ends_once(void **state)
{
	struct nvme_recovery_opts opts = {.grace_ms = 200};
	struct nvme_rq *rqs[3];
	struct nvme_cqe *cqe, copy;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_set_recovery(&f.dev.ctrl, &opts));
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_HANG, 0);
	for (size_t i = 0; i < ROWS(rqs); i++)
		rqs[i] = start_by_hand(&f);
	assert_works(nvme_rq_set_timeout(rqs[0], 20));

	for (int i = 0; i < 2; i++) {
		assert_fails(dev_wait(rqs[i], &copy), ECANCELED);
		assert_int_equal(copy.cid, rqs[i]->cid);
		assert_int_equal(nvme_cqe_status(&copy), NVM_SC_HOST_ABORTED);
	}
	cqe = nvme_cq_get_cqe(f.cq);
	assert_non_null(cqe);
	assert_ptr_equal(nvme_rq_from_cqe(&f.dev.ctrl, cqe), rqs[2]);
	assert_int_equal(nvme_cqe_status(cqe), NVM_SC_HOST_ABORTED);
	assert_null(nvme_cq_get_cqe(f.cq));
	for (size_t i = 0; i < ROWS(rqs); i++)
		nvme_rq_release(rqs[i]);
	works(&f);
	dev_close(&f.dev);
}

static void recover_by_hand__gives_buffers_back(void **state)
{
	struct nvme_recovery_opts opts = {.flags = NVME_RECOVERY_NO_ABORT, .grace_ms = 20};
	char *bytes = malloc(2048);
	struct iommu_ctx *ctx;
	union nvme_cmd cmd;
	struct fixture f;
	struct nvme_rq *rq;
	size_t mapped;

	(void)state;
	assert_non_null(bytes);
	fault_open(&f, "emu:");
	assert_works(nvme_set_recovery(&f.dev.ctrl, &opts));
	ctx = __iommu_ctx(&f.dev.ctrl);
	mapped = mapped_bytes(ctx);
	inject(&f, NVM_CMD_READ, EMU_ACT_DROP, 0);
	cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 512);
	f.dev.ctrl.timeout_ms = 10;
	assert_fails(nvme_sync(&f.dev.ctrl, f.sq, &cmd, bytes + 1, 512, NULL), ETIMEDOUT);
	f.dev.ctrl.timeout_ms = NVME_TIMEOUT_MS_DEFAULT;
	assert_true(mapped_bytes(ctx) > mapped);

	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	rq = start_by_hand(&f);
	assert_works(nvme_rq_set_timeout(rq, 20));
	assert_fails(dev_wait(rq, NULL), ECANCELED);
	nvme_rq_release(rq);
	assert_int_equal(mapped_bytes(ctx), mapped);
	works(&f);
	dev_close(&f.dev);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recover_by_hand__each_ends_once),
		cmocka_unit_test(recover_by_hand__gives_buffers_back),
	};

	return cmocka_run_group_tests_name("recover_by_hand", tests, NULL, NULL);
}

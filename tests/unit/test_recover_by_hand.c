/* SPDX-License-Identifier: MIT */
/*
 * The ladder under commands whose cids the program wrote itself: they may have a deadline too, and
 * each ends once when the controller is reset.
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recover_by_hand__each_ends_once),
	};

	return cmocka_run_group_tests_name("recover_by_hand", tests, NULL, NULL);
}

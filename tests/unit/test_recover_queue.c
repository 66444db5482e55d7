/* SPDX-License-Identifier: MIT */
/*
 * Queues on their way back from a reset, and a controller that stops once more before it has been
 * told of them, with every admin tracker held by a command that it does not answer: there is none
 * left for the command that makes the queue, so that nothing is late. Nor for Keep Alive.
 */
#include "fault.h"

#define NOT_ENDED 0xffff

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	uint16_t *status = rq->opaque;

	*status = nvme_cqe_status(cqe);
}

/* Returns how a command ended. */
static uint16_t flush(struct fixture *f)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(f->dev.nsid)};
	struct nvme_rq *rq = nvme_rq_acquire(f->sq);

	uint16_t status = NOT_ENDED;
	struct timespec begun;

	assert_non_null(rq);
	rq->opaque = &status;
	nvme_rq_submit(rq, &cmd, ended, 100);
	nvme_sq_update_tail(f->sq);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (status == NOT_ENDED && ms_since(&begun) < DEV_PATIENCE_S * 1000.0)
		nvme_cq_poll(f->cq, 1);
	assert_int_not_equal(status, NOT_ENDED);
	return status;
}

/* Synchronous commands that are not answered, until no tracker is left for another. */
static void use_up_adminq(struct nvme_ctrl *ctrl)
{
	union nvme_cmd cmd = {
		.features = {.opcode = NVM_ADMIN_GET_FEATURES, .fid = NVM_FEAT_NUM_QUEUES}};

	do
		assert_true(nvme_admin(ctrl, &cmd, NULL, 0, NULL));
	while (errno != EBUSY);
}

static void stop_before_the_queues(enum emu_act act)
{
	struct nvme_ctrl *ctrl;
	struct fixture f;

	fault_open(&f, "emu:");
	ctrl = &f.dev.ctrl;
	assert_int_equal(flush(&f), 0);
	assert_works(nvme_recover(ctrl));
	while (nvme_ctrl_get_state(ctrl) != NVME_CTRL_SETTING_UP)
		nvme_cq_poll(f.cq, 0);
	/* Without its queue's owner the controller goes live, and no further. */
	while (nvme_ctrl_get_state(ctrl) != NVME_CTRL_LIVE)
		nvme_admin_poll(ctrl);

	inject_admin(&f, NVM_ADMIN_GET_FEATURES, act, 0);
	ctrl->timeout_ms = 20;
	use_up_adminq(ctrl);
	/* The reset that was, and the one that has to follow. */
	assert_int_equal(flush(&f), NVM_SC_HOST_ABORTED);
	assert_int_equal(flush(&f), NVM_SC_HOST_ABORTED);
	ctrl->timeout_ms = 5000;
	assert_int_equal(flush(&f), 0);
	works(&f);
	dev_close(&f.dev);
}

static void recover_queue__fatal_status_before_it_is_back(void **state)
{
	(void)state;
	stop_before_the_queues(EMU_ACT_CFS);
}

static void recover_queue__no_answers_before_it_is_back(void **state)
{
	(void)state;
	stop_before_the_queues(EMU_ACT_HANG);
}

/* The same while all is well but the admin queue, and nothing is to be done but to keep it alive. */
static void recover_queue__no_tracker_to_keep_it_alive(void **state)
{
	struct timespec begun;
	struct nvme_ctrl *ctrl;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	ctrl = &f.dev.ctrl;
	assert_works(nvme_set_keep_alive(ctrl, 1000));
	inject_admin(&f, NVM_ADMIN_GET_FEATURES, EMU_ACT_HANG, 0);
	ctrl->timeout_ms = 10;
	use_up_adminq(ctrl);
	assert_int_equal(nvme_ctrl_get_state(ctrl), NVME_CTRL_LIVE);

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (nvme_ctrl_get_state(ctrl) == NVME_CTRL_LIVE &&
	       ms_since(&begun) < DEV_PATIENCE_S * 1000.0)
		nvme_admin_poll(ctrl);
	assert_int_not_equal(nvme_ctrl_get_state(ctrl), NVME_CTRL_LIVE);
	ctrl->timeout_ms = 5000;
	while (flush(&f) != 0)
		;
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recover_queue__fatal_status_before_it_is_back),
		cmocka_unit_test(recover_queue__no_answers_before_it_is_back),
		cmocka_unit_test(recover_queue__no_tracker_to_keep_it_alive),
	};

	return cmocka_run_group_tests_name("recover_queue", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What is counted on a controller: each thing that may happen, once, and then all of the counts.
 */
#include "fault.h"

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	(void)cqe;
	++*(int *)rq->opaque;
}

static void submit(struct nvme_sq *sq, uint32_t nsid, int *nr, unsigned int timeout_ms)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(nsid)};
	struct nvme_rq *rq = nvme_rq_acquire(sq);

	assert_non_null(rq);
	rq->opaque = nr;
	nvme_rq_submit(rq, &cmd, ended, timeout_ms);
	nvme_sq_update_tail(sq);
}

#define poll_until(f, condition)                                                   \
	do {                                                                       \
		struct timespec begun;                                             \
		clock_gettime(CLOCK_MONOTONIC, &begun);                            \
		while (!(condition) && ms_since(&begun) < DEV_PATIENCE_S * 1000.0) \
			nvme_ctrl_poll(&(f)->dev.ctrl, QSIZE);                     \
		assert_true(condition);                                            \
	} while (0)

static void assert_counts(struct fixture *f, const struct nvme_ctrl_stats *want)
{
	struct nvme_ctrl_stats got;

	nvme_ctrl_get_stats(&f->dev.ctrl, &got);
	assert_int_equal(got.state, want->state);
	assert_int_equal(got.timeouts, want->timeouts);
	assert_int_equal(got.aborts, want->aborts);
	assert_int_equal(got.aborted, want->aborted);
	assert_int_equal(got.not_aborted, want->not_aborted);
	assert_int_equal(got.aborts_failed, want->aborts_failed);
	assert_int_equal(got.fatal, want->fatal);
	assert_int_equal(got.resets, want->resets);
	assert_int_equal(got.attempts_failed, want->attempts_failed);
	assert_int_equal(got.recovered, want->recovered);
	assert_int_equal(got.resets_by_hand, want->resets_by_hand);
	assert_int_equal(got.resets_by_hand_failed, want->resets_by_hand_failed);
	assert_int_equal(got.sync_timeouts, want->sync_timeouts);
	assert_int_equal(got.events, want->events);
	assert_int_equal(got.keep_alives, want->keep_alives);
	assert_int_equal(got.keep_alives_missed, want->keep_alives_missed);
}

static void open_with(struct fixture *f, unsigned int grace_ms, unsigned int max_resets)
{
	struct nvme_recovery_opts opts = {.grace_ms = grace_ms, .max_resets = max_resets};

	fault_open(f, "emu:");
	assert_works(nvme_set_recovery(&f->dev.ctrl, &opts));
}

static bool is_live(struct fixture *f)
{
	return nvme_ctrl_get_state(&f->dev.ctrl) == NVME_CTRL_LIVE;
}

static void stats__nothing_has_happened(void **state)
{
	static const struct nvme_ctrl_stats want = {.state = NVME_CTRL_LIVE};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	works(&f);
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

static void stats__an_abort(void **state)
{
	static const struct nvme_ctrl_stats want = {.timeouts = 1, .aborts = 1, .aborted = 1};
	struct fixture f;
	int nr = 0;

	(void)state;
	open_with(&f, 20000, 0);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 60000000);
	submit(f.sq, f.dev.nsid, &nr, 10);
	wait_for_faults(&f, 1);
	poll_until(&f, nr && is_live(&f));
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

/* The Abort finds nothing, and a reset ends the command. */
static void stats__a_reset(void **state)
{
	static const struct nvme_ctrl_stats want = {
		.timeouts = 1, .aborts = 1, .not_aborted = 1, .resets = 1, .recovered = 1};
	struct fixture f;
	int nr = 0;

	(void)state;
	open_with(&f, 200, 0);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	submit(f.sq, f.dev.nsid, &nr, 10);
	poll_until(&f, nr && is_live(&f));
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

/* Neither the command is answered, nor its Abort. */
static void stats__an_abort_that_fails(void **state)
{
	static const struct nvme_ctrl_stats want = {
		.timeouts = 1, .aborts = 1, .aborts_failed = 1, .resets = 1, .recovered = 1};
	struct fixture f;
	int nr = 0;

	(void)state;
	open_with(&f, 200, 0);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_HANG, 0);
	submit(f.sq, f.dev.nsid, &nr, 10);
	poll_until(&f, nr && is_live(&f));
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

static void stats__a_fatal_status(void **state)
{
	static const struct nvme_ctrl_stats want = {.fatal = 1, .resets = 1, .recovered = 1};
	struct fixture f;
	int nr = 0;

	(void)state;
	open_with(&f, 20000, 0);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_CFS, 0);
	submit(f.sq, f.dev.nsid, &nr, 60000);
	poll_until(&f, nr && is_live(&f));
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

/* Number of Queues is refused in both attempts. */
static void stats__resets_that_fail(void **state)
{
	static const struct nvme_ctrl_stats want = {
		.state = NVME_CTRL_DEAD, .resets = 1, .attempts_failed = 2};
	struct emu_fault fault = {
		.opcode = NVM_ADMIN_SET_FEATURES, .act = EMU_ACT_STATUS, .arg = NVM_SC_INTERNAL};
	struct fixture f;

	(void)state;
	open_with(&f, 20000, 2);
	assert_works(emu_fault_add(f.emu, &fault));
	assert_works(nvme_recover(&f.dev.ctrl));
	poll_until(&f, nvme_ctrl_get_state(&f.dev.ctrl) == NVME_CTRL_DEAD);
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

static void stats__by_hand(void **state)
{
	static const struct nvme_ctrl_stats once = {.resets_by_hand = 1};
	static const struct nvme_ctrl_stats gone = {.resets_by_hand = 1,
						    .resets_by_hand_failed = 1};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	reset(&f);
	works(&f);
	assert_counts(&f, &once);
	emu_unplug(f.emu);
	assert_fails(nvme_reset(&f.dev.ctrl), ENODEV);
	assert_counts(&f, &gone);
	dev_close(&f.dev);
}

static void stats__a_synchronous_command(void **state)
{
	static const struct nvme_ctrl_stats want = {.sync_timeouts = 1};
	union nvme_cmd cmd = {
		.features = {.opcode = NVM_ADMIN_GET_FEATURES, .fid = NVM_FEAT_ARBITRATION}};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	inject_admin(&f, NVM_ADMIN_GET_FEATURES, EMU_ACT_DROP, 0);
	f.dev.ctrl.timeout_ms = 20;
	assert_fails(nvme_admin(&f.dev.ctrl, &cmd, NULL, 0, NULL), ETIMEDOUT);
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

static void on_event(struct nvme_ctrl *ctrl, const struct nvme_event *event, void *arg)
{
	(void)ctrl;
	(void)event;
	++*(int *)arg;
}

static void stats__an_event(void **state)
{
	static const struct nvme_ctrl_stats want = {.events = 1};
	int nr = 0;
	struct nvme_events_opts opts = {.fn = on_event, .arg = &nr};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_events_start(&f.dev.ctrl, &opts));
	assert_works(
		emu_raise_event(f.emu, NVM_AEN_TYPE_SMART, NVM_AEN_SMART_SPARE, NVM_LOG_SMART));
	poll_until(&f, nr);
	assert_counts(&f, &want);
	dev_close(&f.dev);
}

/* The first is answered, the second is not: the controller is reset. */
static void stats__keep_alive(void **state)
{
	struct nvme_ctrl_stats stats;
	struct fixture f;

	(void)state;
	open_with(&f, 20000, 0);
	assert_works(nvme_set_keep_alive(&f.dev.ctrl, 200));
	do {
		nvme_ctrl_poll(&f.dev.ctrl, QSIZE);
		nvme_ctrl_get_stats(&f.dev.ctrl, &stats);
	} while (!stats.keep_alives);
	assert_int_equal(stats.keep_alives_missed, 0);
	inject_admin(&f, NVM_ADMIN_KEEP_ALIVE, EMU_ACT_HANG, 0);
	do {
		nvme_ctrl_poll(&f.dev.ctrl, QSIZE);
		nvme_ctrl_get_stats(&f.dev.ctrl, &stats);
	} while (!stats.recovered);
	assert_int_equal(stats.keep_alives_missed, 1);
	assert_true(stats.keep_alives >= 2);
	assert_int_equal(stats.resets, 1);
	dev_close(&f.dev);
}

/* Three commands on one queue, one on another; a namespace that is not there is refused. */
static void stats__all_queues(void **state)
{
	struct nvme_sq_stats sq;
	struct nvme_cq_stats cq;
	struct fixture f;
	int nr = 0;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 3, QSIZE, -1, 0));
	for (int i = 0; i < 3; i++)
		submit(f.sq, f.dev.nsid, &nr, 0);
	submit(&f.dev.ctrl.sq[3], 77, &nr, 0);
	poll_until(&f, nr == 4);
	/* Programs write here; it says nothing about what there is. */
	f.dev.ctrl.opts.nsqr = f.dev.ctrl.opts.ncqr = 0;
	nvme_ctrl_sum_stats(&f.dev.ctrl, &sq, &cq);
	assert_int_equal(sq.submitted, 4);
	assert_int_equal(sq.doorbells, 4);
	assert_int_equal(sq.in_use_max, 3);
	assert_int_equal(sq.timed_out + sq.aborted + sq.lost + sq.resent, 0);
	assert_int_equal(cq.completed, 4);
	assert_int_equal(cq.failed[0], 1); /* generic: Invalid Namespace or Format */
	assert_int_equal(cq.failed[1], 0);
	assert_int_equal(cq.spurious + cq.late, 0);

	/* What was counted on a queue goes with it. */
	assert_works(nvme_delete_ioqpair(&f.dev.ctrl, 3));
	nvme_ctrl_sum_stats(&f.dev.ctrl, &sq, &cq);
	assert_int_equal(sq.submitted, 3);
	assert_int_equal(cq.failed[0], 0);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats__nothing_has_happened),
		cmocka_unit_test(stats__an_abort),
		cmocka_unit_test(stats__a_reset),
		cmocka_unit_test(stats__an_abort_that_fails),
		cmocka_unit_test(stats__a_fatal_status),
		cmocka_unit_test(stats__resets_that_fail),
		cmocka_unit_test(stats__by_hand),
		cmocka_unit_test(stats__a_synchronous_command),
		cmocka_unit_test(stats__an_event),
		cmocka_unit_test(stats__keep_alive),
		cmocka_unit_test(stats__all_queues),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}

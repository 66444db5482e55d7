/* SPDX-License-Identifier: MIT */
/*
 * The ladder, rung by rung: what is late ends by itself, by an Abort, by a reset or with the
 * controller; each command ends once, and afterwards all works again.
 */
#include <pthread.h>

#include "fault.h"

#define NR_EVENTS 64

struct seen {
	enum nvme_recovery_event events[NR_EVENTS];
	int nr;
	int err;
};

struct end {
	int nr;
	uint16_t status;
};

static void note(struct nvme_ctrl *ctrl, const struct nvme_recovery_info *info, void *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct seen *seen = arg;

	(void)ctrl;
	pthread_mutex_lock(&lock);
	if (seen->nr < NR_EVENTS)
		seen->events[seen->nr++] = info->event;
	if (info->event == NVME_RECOVERY_DEAD)
		seen->err = info->err;
	pthread_mutex_unlock(&lock);
}

static void assert_seen(const struct seen *seen, const enum nvme_recovery_event *want, int nr)
{
	for (int i = 0; i < nr && i < seen->nr; i++) {
		if (seen->events[i] != want[i])
			fail_msg("event %d: %s, not %s", i,
				 nvme_recovery_event_name(seen->events[i]),
				 nvme_recovery_event_name(want[i]));
	}
	assert_int_equal(seen->nr, nr);
}

#define assert_events(seen, ...)                                              \
	do {                                                                  \
		static const enum nvme_recovery_event want[] = {__VA_ARGS__}; \
		assert_seen(seen, want, ROWS(want));                          \
	} while (0)

/* Graces: one that nothing waits for to end, and one that a test waits for. */
#define PATIENT 20000
#define SHORT	200

static void open_recovering(struct fixture *f, const char *name, struct seen *seen,
			    unsigned int flags, unsigned int grace_ms)
{
	struct nvme_recovery_opts opts = {.fn = note,
					  .arg = seen,
					  .flags = flags,
					  .grace_ms = grace_ms,
					  .freeze_ms = PATIENT};

	fault_open(f, name);
	memset(seen, 0, sizeof(*seen));
	assert_works(nvme_set_recovery(&f->dev.ctrl, &opts));
}

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct end *end = rq->opaque;

	end->nr++;
	end->status = nvme_cqe_status(cqe);
}

static void submit(struct fixture *f, struct end *end, unsigned int timeout_ms, bool again)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(f->dev.nsid)};
	struct nvme_rq *rq = nvme_rq_acquire(f->sq);

	assert_non_null(rq);
	rq->opaque = end;
	if (again)
		assert_works(nvme_rq_submit_idempotent(rq, &cmd, ended, timeout_ms));
	else
		nvme_rq_submit(rq, &cmd, ended, timeout_ms);
	nvme_sq_update_tail(f->sq);
}

/* Poll until @flag is as wanted. */
#define poll_until(f, condition)                                                   \
	do {                                                                       \
		struct timespec begun;                                             \
		clock_gettime(CLOCK_MONOTONIC, &begun);                            \
		while (!(condition) && ms_since(&begun) < DEV_PATIENCE_S * 1000.0) \
			nvme_cq_poll((f)->cq, QSIZE);                              \
		assert_true(condition);                                            \
	} while (0)

#define state_is(f, s) (nvme_ctrl_get_state(&(f)->dev.ctrl) == (s))

/* Every tracker is there, and every command completes. */
static void works_polled(struct fixture *f)
{
	for (int round = 0; round < 3; round++) {
		struct end ends[QSIZE - 1] = {};

		for (int i = 0; i < QSIZE - 1; i++)
			submit(f, &ends[i], 5000, false);
		for (int i = 0; i < QSIZE - 1; i++) {
			poll_until(f, ends[i].nr);
			assert_int_equal(ends[i].nr, 1);
			assert_int_equal(ends[i].status, 0);
		}
	}
	works(f);
}

/* ---- Abort ---- */

static void recover__by_itself_within_the_grace(void **state)
{
	struct end end = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, NVME_RECOVERY_NO_ABORT, PATIENT);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 1000000);
	submit(&f, &end, 10, false);
	poll_until(&f, end.nr);
	assert_int_equal(end.status, 0);
	poll_until(&f, state_is(&f, NVME_CTRL_LIVE));
	assert_events(&seen, NVME_RECOVERY_TIMEOUT);
	works_polled(&f);
	dev_close(&f.dev);
}

static void recover__by_an_abort(void **state)
{
	struct nvme_sq_stats stats;
	struct end end = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, 0, PATIENT);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 60000000);
	submit(&f, &end, 10, false);
	wait_for_faults(&f, 1);
	poll_until(&f, end.nr);
	assert_int_equal(end.status, NVM_SC_ABORT_REQUESTED);
	poll_until(&f, state_is(&f, NVME_CTRL_LIVE));
	assert_events(&seen, NVME_RECOVERY_TIMEOUT, NVME_RECOVERY_ABORT_SENT,
		      NVME_RECOVERY_ABORTED);
	nvme_sq_get_stats(f.sq, &stats);
	assert_int_equal(stats.timed_out, 1);
	assert_int_equal(stats.aborted, 1);
	assert_int_equal(stats.lost, 0);
	works_polled(&f);
	assert_int_equal(end.nr, 1);
	dev_close(&f.dev);
}

/* More at once than Aborts may be: they take turns (the controller's ACL is 3). */
static void recover__by_many_aborts(void **state)
{
	struct emu_fault fault = {
		.sqid = 1, .opcode = NVM_CMD_FLUSH, .act = EMU_ACT_DELAY, .arg = 60000000};
	struct end ends[QSIZE - 1] = {};
	struct nvme_sq_stats stats;
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, 0, PATIENT);
	assert_works(emu_fault_add(f.emu, &fault));
	for (int i = 0; i < QSIZE - 1; i++)
		submit(&f, &ends[i], 10, false);
	wait_for_faults(&f, QSIZE - 1);
	for (int i = 0; i < QSIZE - 1; i++) {
		poll_until(&f, ends[i].nr);
		assert_int_equal(ends[i].status, NVM_SC_ABORT_REQUESTED);
	}
	emu_fault_clear(f.emu);
	poll_until(&f, state_is(&f, NVME_CTRL_LIVE));
	nvme_sq_get_stats(f.sq, &stats);
	assert_int_equal(stats.aborted, 7);
	works_polled(&f);
	dev_close(&f.dev);
}

/* ---- reset ---- */

/* A command that is lost without a trace: the Abort finds nothing, and the reset ends it. */
static void recover__by_a_reset(void **state)
{
	static const char *const names[] = {"emu:", "emu:dbbuf=on", "emu:sgl=off,dstrd=2"};

	(void)state;
	for (size_t i = 0; i < ROWS(names); i++) {
		struct end lost = {}, other = {};
		struct nvme_sq_stats stats;
		struct seen seen;
		struct fixture f;

		open_recovering(&f, names[i], &seen, 0, SHORT);
		inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
		submit(&f, &lost, 10, false);
		submit(&f, &other, 5000, false);
		poll_until(&f, lost.nr);
		assert_int_equal(lost.status, NVM_SC_HOST_ABORTED);
		assert_int_equal(other.nr, 1);
		assert_int_equal(other.status, 0);
		assert_true(state_is(&f, NVME_CTRL_LIVE));
		poll_until(&f, seen.nr == 6);
		assert_events(&seen, NVME_RECOVERY_TIMEOUT, NVME_RECOVERY_ABORT_SENT,
			      NVME_RECOVERY_NOT_ABORTED, NVME_RECOVERY_RESET, NVME_RECOVERY_LIVE,
			      NVME_RECOVERY_QUEUE);
		nvme_sq_get_stats(f.sq, &stats);
		assert_int_equal(stats.lost, 1);
		works_polled(&f);
		assert_int_equal(lost.nr, 1);
		dev_close(&f.dev);
	}
}

static void recover__sent_again(void **state)
{
	struct end lost = {}, other = {};
	struct nvme_sq_stats stats;
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, NVME_RECOVERY_NO_ABORT, SHORT);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	submit(&f, &lost, 10, true);
	submit(&f, &other, 10, false);
	poll_until(&f, lost.nr);
	poll_until(&f, other.nr);
	assert_int_equal(lost.status, 0);
	assert_int_equal(other.status, NVM_SC_HOST_ABORTED);
	nvme_sq_get_stats(f.sq, &stats);
	assert_int_equal(stats.resent, 1);
	assert_int_equal(stats.lost, 1);
	works_polled(&f);
	assert_int_equal(lost.nr, 1);
	dev_close(&f.dev);
}

/* A controller that has stopped, one that says so, and one whose Abort is lost as well. */
static void recover__from_a_controller_that_stops(void **state)
{
	static const enum emu_act acts[] = {EMU_ACT_HANG, EMU_ACT_CFS};

	(void)state;
	for (size_t i = 0; i < ROWS(acts); i++) {
		struct end ends[QSIZE - 1] = {};
		struct seen seen;
		struct fixture f;

		open_recovering(&f, "emu:", &seen, 0, SHORT);
		inject(&f, NVM_CMD_FLUSH, acts[i], 0);
		for (int n = 0; n < QSIZE - 1; n++)
			submit(&f, &ends[n], acts[i] == EMU_ACT_CFS ? 60000 : 100, n == 3);
		for (int n = 0; n < QSIZE - 1; n++)
			poll_until(&f, ends[n].nr);
		for (int n = 0; n < QSIZE - 1; n++)
			assert_int_equal(ends[n].status, n == 3 ? 0 : NVM_SC_HOST_ABORTED);
		works_polled(&f);
		for (int n = 0; n < QSIZE - 1; n++)
			assert_int_equal(ends[n].nr, 1);
		dev_close(&f.dev);
	}
}

/* What is reaped by hand ends too, whether somebody waits or looks. */
static void recover__raw_commands(void **state)
{
	struct nvme_rq *waited, *looked;
	struct nvme_cqe *cqe, copy;
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, 0, SHORT);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_HANG, 0);
	waited = start(&f);
	looked = start(&f);
	assert_works(nvme_rq_set_timeout(looked, 20));
	assert_fails(dev_wait(waited, &copy), ECANCELED);
	assert_int_equal(nvme_cqe_status(&copy), NVM_SC_HOST_ABORTED);
	cqe = nvme_cq_get_cqe(f.cq);
	assert_non_null(cqe);
	assert_ptr_equal(nvme_rq_from_cqe(&f.dev.ctrl, cqe), looked);
	assert_int_equal(nvme_cqe_status(cqe), NVM_SC_HOST_ABORTED);
	nvme_rq_release(waited);
	nvme_rq_release(looked);
	assert_null(nvme_cq_get_cqe(f.cq));
	works_polled(&f);
	dev_close(&f.dev);
}

/* A tracker in quarantine comes back with the reset. */
static void recover__ends_quarantine(void **state)
{
	struct end end = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, 0, SHORT);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	nvme_rq_release(start(&f));
	wait_for_faults(&f, 1);
	assert_works(nvme_recover(&f.dev.ctrl));
	poll_until(&f, seen.nr == 3);
	assert_events(&seen, NVME_RECOVERY_RESET, NVME_RECOVERY_LIVE, NVME_RECOVERY_QUEUE);
	submit(&f, &end, 0, false);
	poll_until(&f, end.nr);
	works_polled(&f);
	dev_close(&f.dev);
}

/* What is submitted while the controller is down ends as well, one way or the other. */
static void recover__submitted_during_the_reset(void **state)
{
	struct end before = {}, again = {}, plain = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:rdy_ms=80", &seen, 0, SHORT);
	submit(&f, &before, 0, false);
	poll_until(&f, before.nr);
	assert_works(nvme_recover(&f.dev.ctrl));
	poll_until(&f, state_is(&f, NVME_CTRL_ENABLING));
	submit(&f, &again, 0, true);
	submit(&f, &plain, 0, false);
	poll_until(&f, again.nr && plain.nr);
	assert_int_equal(again.status, 0);
	assert_int_equal(plain.status, NVM_SC_HOST_ABORTED);
	works_polled(&f);
	dev_close(&f.dev);
}

static void recover__without_the_reset(void **state)
{
	struct end end = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, NVME_RECOVERY_NO_RESET, SHORT);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	submit(&f, &end, 10, false);
	poll_until(&f, seen.nr == 3);
	for (int i = 0; i < 100; i++) {
		struct timespec ms = {.tv_nsec = 1000000};

		nanosleep(&ms, NULL);
		nvme_cq_poll(f.cq, QSIZE);
	}
	assert_int_equal(end.nr, 0);
	assert_events(&seen, NVME_RECOVERY_TIMEOUT, NVME_RECOVERY_ABORT_SENT,
		      NVME_RECOVERY_NOT_ABORTED);
	assert_fails(nvme_recover(&f.dev.ctrl), EPERM);

	/* By hand, then. The callback comes with the next poll. */
	assert_works(nvme_reset(&f.dev.ctrl));
	assert_int_equal(nvme_cq_poll(f.cq, QSIZE), 1);
	assert_int_equal(end.nr, 1);
	assert_int_equal(end.status, NVM_SC_HOST_ABORTED);
	reset(&f);
	f.sq = &f.dev.ctrl.sq[1];
	works_polled(&f);
	dev_close(&f.dev);
}

/* ---- the end ---- */

static void recover__from_nothing(void **state)
{
	struct end ends[QSIZE - 1] = {}, late = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, 0, SHORT);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_GONE, 0);
	for (int n = 0; n < QSIZE - 1; n++)
		submit(&f, &ends[n], n & 1 ? NVME_TIMEOUT_NEVER : 60000, n == 3);
	for (int n = 0; n < QSIZE - 1; n++) {
		poll_until(&f, ends[n].nr);
		assert_int_equal(ends[n].status, NVM_SC_HOST_PATH);
	}
	assert_events(&seen, NVME_RECOVERY_DEAD);
	assert_int_equal(seen.err, ENODEV);
	assert_true(state_is(&f, NVME_CTRL_DEAD));

	submit(&f, &late, 0, false);
	poll_until(&f, late.nr);
	assert_int_equal(late.status, NVM_SC_HOST_PATH);
	assert_fails(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
		     ENODEV);
	assert_fails(nvme_recover(&f.dev.ctrl), ENODEV);
	for (int n = 0; n < QSIZE - 1; n++)
		assert_int_equal(ends[n].nr, 1);
	f.dev.tolerant = true;
	dev_close(&f.dev);
}

/* It cannot be set up: so many attempts, and no more. */
static void recover__fails(void **state)
{
	struct end end = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, 0, SHORT);
	for (int i = 0; i < 3; i++)
		inject_admin(&f, NVM_ADMIN_SET_FEATURES, EMU_ACT_STATUS, NVM_SC_INTERNAL);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	submit(&f, &end, 10, true);
	poll_until(&f, end.nr);
	assert_int_equal(end.status, NVM_SC_HOST_PATH);
	assert_events(&seen, NVME_RECOVERY_TIMEOUT, NVME_RECOVERY_ABORT_SENT,
		      NVME_RECOVERY_NOT_ABORTED, NVME_RECOVERY_RESET, NVME_RECOVERY_DEAD);
	assert_int_equal(seen.err, EIO);
	dev_close(&f.dev);
}

static void recover__second_attempt(void **state)
{
	struct end end = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, NVME_RECOVERY_NO_ABORT, SHORT);
	inject_admin(&f, NVM_ADMIN_SET_FEATURES, EMU_ACT_STATUS, NVM_SC_INTERNAL);
	inject_admin(&f, NVM_ADMIN_CREATE_SQ, EMU_ACT_STATUS, NVM_SC_INTERNAL);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	submit(&f, &end, 10, true);
	poll_until(&f, end.nr);
	assert_int_equal(end.status, 0);
	works_polled(&f);
	dev_close(&f.dev);
}

/* ---- several owners ---- */

/* One that does not poll is not waited for; its queue is made anew when it does. */
static void recover__an_owner_that_comes_late(void **state)
{
	struct seen seen;
	struct nvme_recovery_opts opts = {
		.fn = note, .arg = &seen, .grace_ms = SHORT, .freeze_ms = 20};
	struct nvme_sq *first;
	struct end end = {};
	struct fixture f;

	(void)state;
	open_recovering(&f, "emu:", &seen, 0, SHORT);
	assert_works(nvme_set_recovery(&f.dev.ctrl, &opts));
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 2, QSIZE, -1, 0));
	first = f.sq;
	f.sq = &f.dev.ctrl.sq[2];
	submit(&f, &end, 0, false);
	nvme_rq_release(start(&f));
	while (!__nvme_cq_ready(f.sq->cq, &nvme_cq_head(f.sq->cq)[1]))
		;
	assert_works(nvme_recover(&f.dev.ctrl));
	poll_until(&f, seen.nr == 3);
	assert_events(&seen, NVME_RECOVERY_RESET, NVME_RECOVERY_LIVE, NVME_RECOVERY_QUEUE);
	f.sq = first;
	works_polled(&f);

	assert_int_equal(end.nr, 0);
	f.sq = &f.dev.ctrl.sq[2];
	f.cq = f.sq->cq;
	assert_int_equal(nvme_cq_poll(f.cq, 0), 0); /* before it rings for a queue that is gone */
	poll_until(&f, end.nr);
	assert_int_equal(end.status, 0); /* it had completed before */
	assert_int_equal(f.cq->late, 1);
	poll_until(&f, seen.nr == 4);
	works_polled(&f);
	dev_close(&f.dev);
}

#define NR_OWNERS 3

struct owner {
	pthread_t thread;
	struct nvme_ctrl *ctrl;
	struct nvme_sq *sq;
	uint32_t nsid;
	int *stop;
	int submitted, ended, ok, lost;
};

static void count_end(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct owner *owner = rq->opaque;

	owner->ended++;
	owner->ok += nvme_cqe_ok(cqe);
	owner->lost += nvme_cqe_status(cqe) == NVM_SC_HOST_ABORTED;
}

static void *own(void *arg)
{
	struct owner *owner = arg;

	while (!LOAD(*owner->stop) || owner->ended < owner->submitted) {
		union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(owner->nsid)};
		struct nvme_rq *rq = LOAD(*owner->stop) ? NULL : nvme_rq_acquire(owner->sq);

		if (rq) {
			rq->opaque = owner;
			nvme_rq_submit(rq, &cmd, count_end, 5000);
			nvme_sq_update_tail(owner->sq);
			owner->submitted++;
		}
		nvme_cq_poll(owner->sq->cq, 4);
	}
	return NULL;
}

static void recover__all_owners_take_part(void **state)
{
	struct owner owners[NR_OWNERS] = {};
	struct nvme_sq_stats stats;
	struct end end = {};
	struct seen seen;
	struct fixture f;
	int stop = 0;

	(void)state;
	open_recovering(&f, "emu:", &seen, NVME_RECOVERY_NO_ABORT, SHORT);
	for (int i = 0; i < NR_OWNERS; i++) {
		struct owner *owner = &owners[i];

		assert_works(nvme_create_ioqpair(&f.dev.ctrl, i + 2, 16, -1, 0));
		*owner = (struct owner){.ctrl = &f.dev.ctrl,
					.sq = &f.dev.ctrl.sq[i + 2],
					.nsid = f.dev.nsid,
					.stop = &stop};
		assert_int_equal(pthread_create(&owner->thread, NULL, own, owner), 0);
	}
	for (int round = 0; round < 5; round++) {
		inject(&f, NVM_CMD_FLUSH, round & 1 ? EMU_ACT_HANG : EMU_ACT_DROP, 0);
		submit(&f, &end, 10, false);
		poll_until(&f, end.nr == round + 1);
		assert_int_equal(end.status, NVM_SC_HOST_ABORTED);
	}
	STORE(stop, 1);
	for (int i = 0; i < NR_OWNERS; i++) {
		pthread_join(owners[i].thread, NULL);
		assert_int_equal(owners[i].ended, owners[i].submitted);
		assert_int_equal(owners[i].ok + owners[i].lost, owners[i].ended);
		nvme_sq_get_stats(owners[i].sq, &stats);
		assert_int_equal(stats.submitted, owners[i].submitted);
		assert_int_equal(stats.lost, owners[i].lost);
	}
	works_polled(&f);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recover__by_itself_within_the_grace),
		cmocka_unit_test(recover__by_an_abort),
		cmocka_unit_test(recover__by_many_aborts),
		cmocka_unit_test(recover__by_a_reset),
		cmocka_unit_test(recover__sent_again),
		cmocka_unit_test(recover__from_a_controller_that_stops),
		cmocka_unit_test(recover__raw_commands),
		cmocka_unit_test(recover__ends_quarantine),
		cmocka_unit_test(recover__submitted_during_the_reset),
		cmocka_unit_test(recover__without_the_reset),
		cmocka_unit_test(recover__from_nothing),
		cmocka_unit_test(recover__fails),
		cmocka_unit_test(recover__second_attempt),
		cmocka_unit_test(recover__an_owner_that_comes_late),
		cmocka_unit_test(recover__all_owners_take_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Deadlines and the ladder against a controller that is slow, but not broken: the one in BELFRY_DEV,
 * whose reads take 600 ms. Run in the guest of tests/vm/slow.sh with the name of one test as the
 * argument.
 */
#include <unistd.h>

#include "dev.h"

#define QSIZE	  8
#define NR_EVENTS 64
#define NR_READS  4
#define SLOW_MS	  600
#define NR_ROUNDS 10 /* of which the machine lets one pass in time */

struct recovery {
	struct dev dev;
	struct nvme_sq *sq;
	struct iommu_dmabuf buf;
	enum nvme_recovery_event events[NR_EVENTS];
	int nr_events;
};

struct end {
	int nr;
	uint16_t status;
};

static void note(struct nvme_ctrl *ctrl, const struct nvme_recovery_info *info, void *arg)
{
	struct recovery *r = arg;

	(void)ctrl;
	if (r->nr_events < NR_EVENTS)
		r->events[r->nr_events++] = info->event;
}

static int nr_seen(const struct recovery *r, enum nvme_recovery_event event)
{
	int n = 0;

	for (int i = 0; i < r->nr_events; i++)
		n += r->events[i] == event;
	return n;
}

static void recover_open(struct recovery *r, unsigned int flags, unsigned int grace_ms)
{
	struct nvme_recovery_opts opts = {
		.fn = note, .arg = r, .flags = flags, .grace_ms = grace_ms};

	memset(r, 0, sizeof(*r));
	r->sq = dev_open_io(&r->dev, QSIZE);
	r->buf = dev_buf(&r->dev, NR_READS * 4096ul);
	assert_works(nvme_set_recovery(&r->dev.ctrl, &opts));
}

static void recover_close(struct recovery *r)
{
	iommu_put_dmabuf(&r->buf);
	dev_close(&r->dev);
}

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct end *end = rq->opaque;

	end->nr++;
	end->status = nvme_cqe_status(cqe) & 0x7ff;
}

/* A read into the @i-th page; sent again after a reset when @again says so. */
static void submit(struct recovery *r, int i, struct end *end, unsigned int timeout_ms, bool again)
{
	union nvme_cmd cmd = dev_rw_cmd(&r->dev, NVM_CMD_READ, (uint64_t)i * 8, 4096);
	struct nvme_rq *rq = nvme_rq_acquire(r->sq);

	assert_non_null(rq);
	rq->opaque = end;
	assert_works(
		nvme_rq_map_prp(&r->dev.ctrl, rq, &cmd, r->buf.iova + (uint64_t)i * 4096, 4096));
	if (again)
		assert_works(nvme_rq_submit_idempotent(rq, &cmd, ended, timeout_ms));
	else
		nvme_rq_submit(rq, &cmd, ended, timeout_ms);
	nvme_sq_update_tail(r->sq);
}

/* Poll until all of them have ended, and the controller is live. */
static void poll_all(struct recovery *r, const struct end *ends, int n)
{
	struct timespec start;
	int left = n;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while ((left || nvme_ctrl_get_state(&r->dev.ctrl) != NVME_CTRL_LIVE) &&
	       ms_since(&start) < DEV_PATIENCE_S * 1000.0) {
		nvme_cq_poll(r->sq->cq, QSIZE);
		left = 0;
		for (int i = 0; i < n; i++)
			left += !ends[i].nr;
	}
	assert_int_equal(left, 0);
	assert_int_equal(nvme_ctrl_get_state(&r->dev.ctrl), NVME_CTRL_LIVE);
}

/* Longer than any read: what was given up on has had its time to come back. */
static void poll_on(struct recovery *r)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (ms_since(&start) < SLOW_MS + 200)
		assert_int_equal(nvme_cq_poll(r->sq->cq, QSIZE), 0);
}

/* All trackers are there, and each command ends once by itself. */
static void works(struct recovery *r)
{
	struct end ends[QSIZE - 1] = {};

	for (int i = 0; i < QSIZE - 1; i++)
		submit(r, i % NR_READS, &ends[i], 20000, false);
	assert_null(nvme_rq_acquire(r->sq));
	poll_all(r, ends, QSIZE - 1);
	for (int i = 0; i < QSIZE - 1; i++) {
		assert_int_equal(ends[i].nr, 1);
		assert_int_equal(ends[i].status, 0);
	}
}

/* In time, and with the callback. */
static void recover__in_time(void **state)
{
	struct recovery r;

	(void)state;
	recover_open(&r, 0, 0);
	works(&r);
	assert_int_equal(r.nr_events, 0);
	recover_close(&r);
}

/* Reads that are past their deadline long before they end, unless the guest has been asleep. */
static void read_late(struct recovery *r)
{
	for (int round = 0; round < NR_ROUNDS && !r->nr_events; round++) {
		struct end ends[NR_READS] = {};

		for (int i = 0; i < NR_READS; i++)
			submit(r, i, &ends[i], 20, false);
		poll_all(r, ends, NR_READS);
		poll_on(r);
		for (int i = 0; i < NR_READS; i++) {
			assert_int_equal(ends[i].nr, 1);
			if (ends[i].status)
				assert_int_equal(ends[i].status, NVM_SC_ABORT_REQUESTED);
		}
	}
	assert_in_range(nr_seen(r, NVME_RECOVERY_TIMEOUT), 1, NR_READS);
	assert_int_equal(nr_seen(r, NVME_RECOVERY_RESET), 0);
}

/* Past the deadline and within the grace, without any help. */
static void recover__by_itself(void **state)
{
	struct recovery r;

	(void)state;
	recover_open(&r, NVME_RECOVERY_NO_ABORT, 20000);
	read_late(&r);
	assert_int_equal(nr_seen(&r, NVME_RECOVERY_TIMEOUT), r.nr_events);
	works(&r);
	recover_close(&r);
}

/* Each is given an Abort. QEMU's controller knows of none that succeeds: it ends by itself. */
static void recover__by_an_abort(void **state)
{
	struct recovery r;
	int sent, aborted;

	(void)state;
	recover_open(&r, 0, 20000);
	read_late(&r);
	sent = nr_seen(&r, NVME_RECOVERY_ABORT_SENT);
	aborted = nr_seen(&r, NVME_RECOVERY_ABORTED);
	print_message("# %d deadlines, %d aborts, %d of them successful\n",
		      nr_seen(&r, NVME_RECOVERY_TIMEOUT), sent, aborted);
	assert_in_range(sent, 1, nr_seen(&r, NVME_RECOVERY_TIMEOUT));
	assert_int_equal(aborted + nr_seen(&r, NVME_RECOVERY_NOT_ABORTED), sent);
	works(&r);
	recover_close(&r);
}

/* No Abort, no grace to speak of, and a reset: one of two commands is sent again. */
static void recover__by_a_reset(void **state)
{
	int lost = 0, round = 0;
	struct recovery r;

	(void)state;
	recover_open(&r, NVME_RECOVERY_NO_ABORT, 20);
	for (; round < NR_ROUNDS && lost < 3; round++) {
		struct end ends[2] = {};

		memset(r.buf.vaddr, 0x5a, NR_READS * 4096ul);
		submit(&r, 0, &ends[0], 20, false);
		submit(&r, 1, &ends[1], 20000, true);
		poll_all(&r, ends, 2);
		poll_on(&r);
		assert_int_equal(ends[0].nr, 1);
		if (ends[0].status)
			assert_int_equal(ends[0].status, NVM_SC_HOST_ABORTED);
		lost += !!ends[0].status;
		assert_int_equal(ends[1].nr, 1);
		assert_int_equal(ends[1].status, 0);
		/* That of the second has come: the disk reads as zeroes. */
		for (int i = 0; i < 4096; i++)
			assert_int_equal(((char *)r.buf.vaddr)[4096 + i], 0);
		works(&r);
	}
	print_message("# %d commands lost in %d resets\n", lost, nr_seen(&r, NVME_RECOVERY_RESET));
	assert_int_equal(lost, 3);
	assert_in_range(nr_seen(&r, NVME_RECOVERY_RESET), 3, round);
	assert_int_equal(nr_seen(&r, NVME_RECOVERY_LIVE), nr_seen(&r, NVME_RECOVERY_RESET));
	assert_int_equal(nr_seen(&r, NVME_RECOVERY_QUEUE), nr_seen(&r, NVME_RECOVERY_RESET));
	assert_int_equal(nr_seen(&r, NVME_RECOVERY_DEAD), 0);
	recover_close(&r);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(recover__in_time),
		cmocka_unit_test(recover__by_itself),
		cmocka_unit_test(recover__by_an_abort),
		cmocka_unit_test(recover__by_a_reset),
	};

	for (size_t i = 0; argc > 1 && i < ROWS(tests); i++) {
		const struct CMUnitTest one[] = {tests[i]};

		if (!strcmp(tests[i].name, argv[1]))
			return cmocka_run_group_tests_name("recover", one, NULL, NULL);
	}
	fprintf(stderr, "usage: vm_recover TEST\n");
	return 2;
}

/* SPDX-License-Identifier: MIT */
/*
 * Commands with a callback and a deadline: each ends once, in a poll, whoever else looks at the
 * queue; deadlines are noticed; what was counted on the way is right.
 */
#include "fault.h"

struct ends {
	int nr;
	int ok;
	int again; /* commands to start from the callback */
	struct nvme_rq *last;
	struct nvme_cqe cqe;
};

static void count_end(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct ends *ends = rq->opaque;

	ends->nr++;
	ends->ok += nvme_cqe_ok(cqe);
	ends->last = rq;
	ends->cqe = *cqe;
}

static union nvme_cmd flush_cmd(struct fixture *f)
{
	return (union nvme_cmd){.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(f->dev.nsid)};
}

static struct nvme_rq *submit(struct fixture *f, nvme_rq_done_fn done, struct ends *ends,
			      unsigned int timeout_ms)
{
	union nvme_cmd cmd = flush_cmd(f);
	struct nvme_rq *rq = nvme_rq_acquire(f->sq);

	assert_non_null(rq);
	rq->opaque = ends;
	nvme_rq_submit(rq, &cmd, done, timeout_ms);
	nvme_sq_update_tail(f->sq);
	return rq;
}

/* Poll until so many have ended. */
static void poll_for(struct fixture *f, const struct ends *ends, int nr)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (ends->nr < nr && ms_since(&start) < DEV_PATIENCE_S * 1000)
		nvme_cq_poll(f->cq, QSIZE);
	assert_int_equal(ends->nr, nr);
}

/* Wait until so many completions are in the ring. */
static void let_arrive(struct fixture *f, int nr)
{
	const struct nvme_cqe *ring = f->cq->mem.vaddr;
	const struct nvme_cqe *last = &ring[(f->cq->head + nr - 1) % QSIZE];
	int stale = f->cq->head + nr - 1 < QSIZE ? f->cq->phase : !f->cq->phase;

	while ((le16_to_cpu(atomic_load_acquire(&last->sfp)) & 1) == stale)
		;
}

static void poll__ends_each_command_once(void **state)
{
	struct ends ends = {};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (int round = 1; round <= 5; round++) {
		for (int i = 0; i < QSIZE - 1; i++)
			submit(&f, count_end, &ends, 0);
		assert_null(nvme_rq_acquire(f.sq));
		poll_for(&f, &ends, round * (QSIZE - 1));
	}
	assert_int_equal(ends.ok, 35);
	assert_int_equal(nvme_cq_poll(f.cq, 100), 0);
	works(&f);
	dev_close(&f.dev);
}

static void poll__budget(void **state)
{
	struct ends ends = {};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (int i = 0; i < 5; i++)
		submit(&f, count_end, &ends, 0);
	let_arrive(&f, 5);
	assert_int_equal(nvme_cq_poll(f.cq, 0), 0);
	assert_int_equal(nvme_cq_poll(f.cq, 2), 2);
	assert_int_equal(nvme_cq_poll(f.cq, 1), 1);
	assert_int_equal(ends.nr, 3);
	assert_int_equal(nvme_cq_poll(f.cq, 7), 2);
	assert_int_equal(ends.nr, 5);
	dev_close(&f.dev);
}

/* The status is the controller's, and opaque the caller's. */
static void poll__status(void **state)
{
	struct nvme_cq_stats stats;
	struct ends ends = {};
	struct nvme_rq *rq;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_STATUS, 0x281);
	rq = submit(&f, count_end, &ends, NVME_TIMEOUT_NEVER);
	poll_for(&f, &ends, 1);
	assert_ptr_equal(ends.last, rq);
	assert_int_equal(ends.ok, 0);
	assert_int_equal(nvme_cqe_status(&ends.cqe), 0x281);
	nvme_cq_get_stats(f.cq, &stats);
	assert_int_equal(stats.failed[2], 1);
	assert_int_equal(stats.failed[0], 0);
	works(&f);
	dev_close(&f.dev);
}

static struct fixture *chained;

static void chain(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct ends *ends = rq->opaque;
	union nvme_cmd cmd = flush_cmd(chained);

	count_end(rq, cqe);
	if (!ends->again)
		return;
	ends->again--;
	nvme_rq_submit(rq, &cmd, chain, 0);
	nvme_sq_update_tail(rq->sq);
}

/* A full queue goes on: the callback's tracker is there for the next command. */
static void poll__the_next_command_from_the_callback(void **state)
{
	struct ends ends = {.again = 500};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	chained = &f;
	for (int i = 0; i < QSIZE - 1; i++)
		submit(&f, chain, &ends, 0);
	poll_for(&f, &ends, 507);
	assert_int_equal(ends.ok, 507);
	works(&f); /* all trackers are back */
	dev_close(&f.dev);
}

static void release_it(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	count_end(rq, cqe);
	nvme_rq_release(rq);
}

static void poll__released_by_the_callback(void **state)
{
	struct ends ends = {};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	submit(&f, release_it, &ends, 0);
	poll_for(&f, &ends, 1);
	works(&f);
	dev_close(&f.dev);
}

/* ---- with commands that are reaped by hand ---- */

static void poll__keeps_what_is_not_its_own(void **state)
{
	struct ends ends = {};
	struct nvme_rq *raw, *waited;
	struct nvme_cqe *cqe;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	raw = start(&f);
	submit(&f, count_end, &ends, 0);
	waited = start(&f);
	submit(&f, count_end, &ends, 0);
	let_arrive(&f, 4);
	assert_int_equal(nvme_cq_poll(f.cq, 10), 2);
	assert_int_equal(nvme_cq_poll(f.cq, 10), 0);
	assert_works(wait_ms(waited, 900));
	cqe = nvme_cq_get_cqe(f.cq);
	assert_non_null(cqe);
	assert_ptr_equal(nvme_rq_from_cqe(&f.dev.ctrl, cqe), raw);
	nvme_rq_release(raw);
	nvme_rq_release(waited);
	works(&f);
	dev_close(&f.dev);
}

/* Completions that a wait came across are delivered by the next poll. */
static void poll__takes_what_a_wait_kept(void **state)
{
	struct ends ends = {};
	struct nvme_rq *raw;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (int i = 0; i < 3; i++)
		submit(&f, count_end, &ends, 0);
	raw = start(&f);
	assert_works(dev_wait(raw, NULL));
	nvme_rq_release(raw);
	assert_int_equal(ends.nr, 0);
	assert_int_equal(nvme_cq_poll(f.cq, 2), 2);
	assert_int_equal(nvme_cq_poll(f.cq, 2), 1);
	assert_int_equal(ends.ok, 3);
	works(&f);
	dev_close(&f.dev);
}

/* Who takes the completion by hand gets it, and nobody else; the next command is a new one. */
static void poll__taken_by_hand(void **state)
{
	struct ends ends = {};
	struct nvme_rq *rq;
	struct nvme_cqe *cqe;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (int round = 0; round < 2; round++) {
		rq = submit(&f, count_end, &ends, 0);
		let_arrive(&f, 1);
		if (round) {
			assert_works(wait_ms(rq, 900));
		} else {
			cqe = nvme_cq_get_cqe(f.cq);
			assert_non_null(cqe);
			assert_ptr_equal(__nvme_rq_from_cqe(f.sq, cqe), rq);
			nvme_cq_update_head(f.cq);
		}
		nvme_rq_release(rq);
		/* The same tracker, without a callback. */
		rq = start(&f);
		let_arrive(&f, 1);
		assert_int_equal(nvme_cq_poll(f.cq, 10), 0);
		assert_works(wait_ms(rq, 900));
		nvme_rq_release(rq);
	}
	assert_int_equal(ends.nr, 0);
	works(&f);
	dev_close(&f.dev);
}

/* ---- counting ---- */

static void stats__commands_and_doorbells(void **state)
{
	union nvme_cmd cmd;
	struct nvme_sq_stats sq;
	struct nvme_cq_stats cq;
	struct nvme_rq *rqs[6];
	struct ends ends = {};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	cmd = flush_cmd(&f);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 6; i++) {
			rqs[i] = nvme_rq_acquire(f.sq);
			rqs[i]->opaque = &ends;
			nvme_rq_submit(rqs[i], &cmd, count_end, 0);
		}
		nvme_sq_update_tail(f.sq);
		let_arrive(&f, 6);
		assert_int_equal(nvme_cq_poll(f.cq, 6), 6);
	}
	nvme_sq_get_stats(f.sq, &sq);
	assert_int_equal(sq.submitted, 24);
	assert_int_equal(sq.doorbells, 4);
	assert_int_equal(sq.spared, 20);
	assert_int_equal(sq.in_use_max, 6);
	assert_int_equal(sq.timed_out, 0);
	nvme_cq_get_stats(f.cq, &cq);
	assert_int_equal(cq.completed, 24);
	assert_int_equal(cq.doorbells, 4);
	assert_int_equal(cq.spared, 20);
	assert_int_equal(cq.spurious, 0);
	assert_int_equal(cq.kept_max, 0);

	/* A ring that starts anew has not lost its past. */
	assert_works(nvme_reset(&f.dev.ctrl));
	nvme_sq_get_stats(f.sq, &sq);
	nvme_cq_get_stats(f.cq, &cq);
	assert_int_equal(sq.submitted, 24);
	assert_int_equal(cq.completed, 24);
	dev_close(&f.dev);
}

/* ---- deadlines ---- */

static uint64_t timed_out(struct fixture *f)
{
	struct nvme_sq_stats stats;

	nvme_sq_get_stats(f->sq, &stats);
	return stats.timed_out;
}

/* Poll until a deadline has passed. Returns the milliseconds that took. */
static double poll_for_timeout(struct fixture *f)
{
	uint64_t before = timed_out(f);
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (timed_out(f) == before && ms_since(&start) < DEV_PATIENCE_S * 1000)
		nvme_cq_poll(f->cq, QSIZE);
	assert_int_equal(timed_out(f), before + 1);
	return ms_since(&start);
}

static void deadline__not_before_its_time(void **state)
{
	struct ends ends = {};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 400000);
	submit(&f, count_end, &ends, 50);
	assert_true(poll_for_timeout(&f) >= 49);
	poll_for(&f, &ends, 1);
	works(&f);
	dev_close(&f.dev);
}

/* A poll so often is a look at the clock: the more seldom, the more often a thread polls. */
static void deadline__noticed_by_so_many_polls(void **state)
{
	static const struct {
		int sleep_us, before, by;
	} rows[] = {{3000, 24, 8}, {0, 1000, 128}, {3000, 160, 8}};
	struct timespec late = {.tv_nsec = 60000000};
	struct ends ends = {};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct timespec pause = {.tv_nsec = rows[i].sleep_us * 1000};
		uint64_t before = timed_out(&f);

		for (int n = 0; n < rows[i].before; n++) {
			assert_int_equal(nvme_cq_poll(f.cq, QSIZE), 0);
			if (rows[i].sleep_us)
				nanosleep(&pause, NULL);
		}
		inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 1000000);
		submit(&f, count_end, &ends, 10);
		nanosleep(&late, NULL);
		/* It may have been aborted, and have ended, before the last of them. */
		for (int n = 0; n < rows[i].by; n++)
			(void)nvme_cq_poll(f.cq, QSIZE);
		assert_int_equal(timed_out(&f), before + 1);
		poll_for(&f, &ends, (int)i + 1);
	}
	works(&f);
	dev_close(&f.dev);
}

/* Its time begins with its own post, whatever else was posted since the last doorbell. */
static void deadline__behind_a_raw_command(void **state)
{
	union nvme_cmd cmd;
	struct ends ends = {};
	struct timespec begun;
	struct nvme_rq *raw;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	cmd = flush_cmd(&f);
	cmd.opcode = NVM_CMD_WRITE_ZEROES; /* in no time */
	raw = nvme_rq_acquire(f.sq);
	assert_non_null(raw);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 100000);
	nvme_rq_post(raw, &cmd);
	submit(&f, count_end, &ends, 5000); /* rings for both */
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (ms_since(&begun) < 60)
		nvme_cq_poll(f.cq, QSIZE);
	assert_int_equal(timed_out(&f), 0);
	assert_works(dev_wait(raw, NULL));
	nvme_rq_release(raw);
	poll_for(&f, &ends, 1);
	works(&f);
	dev_close(&f.dev);
}

/* One that completed in time has no deadline any more, nor has the tracker's next command. */
static void deadline__ends_with_the_command(void **state)
{
	struct ends ends = {};
	struct timespec begun;
	struct nvme_rq *rq;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	submit(&f, count_end, &ends, 1);
	let_arrive(&f, 1);
	nvme_cq_poll(f.cq, 1);
	assert_int_equal(ends.nr, 1);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 100000);
	rq = start(&f); /* the same tracker */
	assert_ptr_equal(rq, ends.last);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (ms_since(&begun) < 60)
		nvme_cq_poll(f.cq, 1);
	assert_int_equal(timed_out(&f), 0);
	assert_works(dev_wait(rq, NULL));
	nvme_rq_release(rq);
	dev_close(&f.dev);
}

static void deadline__of_the_queue(void **state)
{
	struct ends ends = {};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	f.sq->timeout_ms = 20;
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 400000);
	submit(&f, count_end, &ends, 0);
	assert_true(poll_for_timeout(&f) < 5000);
	poll_for(&f, &ends, 1);

	f.sq->timeout_ms = 0;
	f.dev.ctrl.timeout_ms = 30;
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 400000);
	submit(&f, count_end, &ends, 0);
	assert_true(poll_for_timeout(&f) < 5000);
	poll_for(&f, &ends, 2);
	dev_close(&f.dev);
}

static void deadline__of_a_raw_command(void **state)
{
	struct nvme_rq *rq;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 300000);
	rq = start(&f);
	assert_works(nvme_rq_set_timeout(rq, 10));
	poll_for_timeout(&f);
	assert_works(dev_wait(rq, NULL));
	assert_fails(nvme_rq_set_timeout(rq, 10), EINVAL); /* it has ended */
	nvme_rq_release(rq);

	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 100000);
	rq = start(&f);
	assert_fails(nvme_rq_set_timeout(rq, 0), EINVAL);
	assert_fails(nvme_rq_set_timeout(rq, (1u << 30) + 1), EINVAL);
	assert_works(nvme_rq_set_timeout(rq, 1));
	assert_works(nvme_rq_set_timeout(rq, NVME_TIMEOUT_NEVER));
	assert_works(dev_wait(rq, NULL));
	nvme_rq_release(rq);
	assert_int_equal(timed_out(&f), 1);
	works(&f);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poll__ends_each_command_once),
		cmocka_unit_test(poll__budget),
		cmocka_unit_test(poll__status),
		cmocka_unit_test(poll__the_next_command_from_the_callback),
		cmocka_unit_test(poll__released_by_the_callback),
		cmocka_unit_test(poll__keeps_what_is_not_its_own),
		cmocka_unit_test(poll__takes_what_a_wait_kept),
		cmocka_unit_test(poll__taken_by_hand),
		cmocka_unit_test(stats__commands_and_doorbells),
		cmocka_unit_test(deadline__not_before_its_time),
		cmocka_unit_test(deadline__noticed_by_so_many_polls),
		cmocka_unit_test(deadline__behind_a_raw_command),
		cmocka_unit_test(deadline__ends_with_the_command),
		cmocka_unit_test(deadline__of_the_queue),
		cmocka_unit_test(deadline__of_a_raw_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

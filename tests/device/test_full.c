/* SPDX-License-Identifier: MIT */
/* Full queues and lap ends: nothing is overwritten, nothing is lost where 16 bits wrap. */
#include "dev.h"

/* A command without a tracker: its cid is none of theirs. */
static union nvme_cmd untracked(const struct dev *dev, uint16_t n)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};

	cmd.cid = (uint16_t)(60000 + n);
	return cmd;
}

static void full__is_seen_before_it_overruns(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);

	(void)state;
	for (int round = 0; round < 20; round++) {
		unsigned int seen = 0;
		struct nvme_cqe cqe;
		union nvme_cmd cmd;

		for (uint16_t i = 0; i < 7; i++) {
			assert_false(nvme_sq_full(sq));
			cmd = untracked(&dev, i);
			assert_works(nvme_sq_try_post(sq, &cmd));
		}
		/* Also with everything rung and even completed, until it is known here. */
		assert_true(nvme_sq_full(sq));
		nvme_sq_update_tail(sq);
		cmd = untracked(&dev, 7);
		assert_fails(nvme_sq_try_post(sq, &cmd), EBUSY);

		for (uint16_t i = 0; i < 7; i++) {
			nvme_cq_get_cqes(sq->cq, &cqe, 1);
			assert_in_range(cqe.cid, 60000, 60006); /* in any order */
			seen |= 1u << (cqe.cid - 60000);
			assert_true(nvme_cqe_ok(&cqe));
			/* It is not one of ours. */
			assert_null(nvme_rq_from_cqe(&dev.ctrl, &cqe));
		}
		nvme_cq_update_head(sq->cq);
		assert_int_equal(seen, 0x7f);
		assert_false(nvme_sq_full(sq));
	}
	dev_close(&dev);
}

static void full__trackers_run_out_before_slots(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};
	struct nvme_rq *rq;

	(void)state;
	for (int round = 0; round < 30; round++) {
		int n = 0;

		for (; (rq = nvme_rq_acquire(sq)); n++) {
			assert_false(nvme_sq_full(sq));
			nvme_rq_exec(rq, &cmd);
		}
		assert_int_equal(errno, EBUSY);
		assert_int_equal(n, 7);
		/* One comes back, one may go. */
		for (int i = 0; i < 10; i++) {
			assert_works(dev_reap(&dev, sq->cq, NULL));
			rq = nvme_rq_acquire(sq);
			assert_non_null(rq);
			assert_null(nvme_rq_acquire(sq));
			nvme_rq_exec(rq, &cmd);
		}
		for (int i = 0; i < 7; i++)
			assert_works(dev_reap(&dev, sq->cq, NULL));
		assert_null(nvme_cq_get_cqe(sq->cq));
	}
	dev_close(&dev);
}

/* Nothing is told to the device before the doorbell, one doorbell tells all. */
static void full__posting_is_not_ringing(void **state)
{
	struct timespec moment = {.tv_nsec = 20000000};
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};

	(void)state;
	for (int i = 0; i < 5; i++)
		nvme_rq_post(nvme_rq_acquire(sq), &cmd);
	assert_int_equal(sq->tail, 5);
	assert_int_equal(sq->ptail, 0);
	errno = 0;
	assert_int_equal(nvme_cq_wait_cqes(sq->cq, NULL, 1, &moment), 0);
	assert_int_equal(errno, ETIMEDOUT);
	nvme_sq_update_tail(sq);
	assert_int_equal(sq->ptail, 5);
	for (int i = 0; i < 5; i++)
		assert_works(dev_reap(&dev, sq->cq, NULL));
	dev_close(&dev);
}

static void run(struct dev *dev, struct nvme_sq *sq, uint32_t commands, uint32_t batch)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
	uint32_t posted = 0, taken = 0;

	while (taken < commands) {
		struct nvme_cqe *cqe;
		struct nvme_rq *rq;

		while (posted < commands && posted - taken < batch && (rq = nvme_rq_acquire(sq))) {
			nvme_rq_post(rq, &cmd);
			posted++;
		}
		nvme_sq_update_tail(sq);

		while ((cqe = nvme_cq_get_cqe(sq->cq))) {
			rq = __nvme_rq_from_cqe(sq, cqe);
			assert_non_null(rq);
			assert_true(nvme_cqe_ok(cqe));
			nvme_rq_release(rq);
			taken++;
		}
		nvme_cq_update_head(sq->cq);
	}
}

/* Both rings go round more than twice; at 65536 entries a 16-bit index never equals the size. */
static void wrap__the_largest_queue_goes_round(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 65536);
	uint32_t qsize = (uint32_t)sq->qsize;

	(void)state;
	run(&dev, sq, qsize - 1, 1000);
	assert_int_equal(sq->tail, qsize - 1);
	assert_int_equal(sq->cq->head, qsize - 1);
	assert_int_equal(sq->cq->phase, 0);
	run(&dev, sq, 1, 1);
	assert_int_equal(sq->tail, 0);
	assert_int_equal(sq->cq->head, 0);
	assert_int_equal(sq->cq->phase, 1);
	run(&dev, sq, 1, 1);
	assert_int_equal(sq->tail, 1);
	run(&dev, sq, qsize + 7, 500);
	assert_int_equal(sq->tail, 8);
	assert_int_equal(sq->cq->head, 8);
	assert_int_equal(sq->cq->phase, 0);
	assert_int_equal(sq->cq->spurious, 0);
	dev_close(&dev);
}

/* As full as it gets, in one doorbell, across the end of the ring. */
static void wrap__all_trackers_in_flight(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 65536);
	uint32_t n = sq->nr_rqs;

	(void)state;
	run(&dev, sq, 5, 5);
	for (int round = 0; round < 2; round++)
		run(&dev, sq, n, n);
	assert_int_equal(sq->tail, (5 + 2 * n) % (n + 1));
	dev_close(&dev);
}

static void wrap__odd_sizes_go_round(void **state)
{
	static const int sizes[] = {2, 3, 5, 7, 13, 63, 129};
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	for (size_t i = 0; i < ROWS(sizes); i++) {
		assert_works(nvme_create_ioqpair(&dev.ctrl, 1, sizes[i], -1, 0));
		run(&dev, &dev.ctrl.sq[1], 1000, (uint32_t)sizes[i]);
		assert_int_equal(dev.ctrl.sq[1].tail, 1000 % sizes[i]);
		assert_int_equal(dev.ctrl.cq[1].phase, 1000 / sizes[i] % 2);
		assert_works(nvme_delete_ioqpair(&dev.ctrl, 1));
	}
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full__is_seen_before_it_overruns),
		cmocka_unit_test(full__trackers_run_out_before_slots),
		cmocka_unit_test(full__posting_is_not_ringing),
		cmocka_unit_test(wrap__the_largest_queue_goes_round),
		cmocka_unit_test(wrap__all_trackers_in_flight),
		cmocka_unit_test(wrap__odd_sizes_go_round),
	};

	return cmocka_run_group_tests_name("full", tests, NULL, NULL);
}

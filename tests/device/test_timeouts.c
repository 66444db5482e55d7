/* SPDX-License-Identifier: MIT */
/*
 * Waits that end without a completion. An event request that nothing answers is the command that
 * never completes; where the device can abort it, it completes late.
 */
#include <time.h>

#include "dev.h"

static const struct timespec short_while = {.tv_nsec = 30000000}; /* 30 ms */

static struct nvme_rq *post_forever(struct dev *dev)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_ASYNC_EVENT};
	struct nvme_rq *rq = nvme_rq_acquire(dev->ctrl.adminq.sq);

	assert_non_null(rq);
	nvme_rq_exec(rq, &cmd);
	return rq;
}

static bool aborted(struct dev *dev, uint16_t cid)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_ABORT};
	struct nvme_cqe cqe;

	cmd.cdw10 = cpu_to_le32((uint32_t)cid << 16);
	assert_works(nvme_admin(&dev->ctrl, &cmd, NULL, 0, &cqe));
	return !(le32_to_cpu(cqe.dw0) & 1);
}

static void assert_times_out(struct nvme_rq *rq)
{
	struct timespec ts = short_while, start;
	double ms;

	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_fails(nvme_rq_wait(rq, NULL, &ts), ETIMEDOUT);
	ms = ms_since(&start);
	assert_true(ms >= 30);
	assert_true(ms < 30 + 1000.0 * DEV_PATIENCE_S);
	/* The time given is not written to. */
	assert_int_equal(ts.tv_nsec, 30000000);
}

static void timeouts__a_wait_gives_up(void **state)
{
	struct timespec none = {};
	struct dev dev;
	struct nvme_rq *rq;

	(void)state;
	dev_open(&dev, test_device());
	rq = post_forever(&dev);
	assert_times_out(rq);
	assert_times_out(rq); /* it may be waited for again */
	assert_fails(nvme_rq_wait(rq, NULL, &none), ETIMEDOUT);

	/* Others are served meanwhile. */
	assert_works(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	if (aborted(&dev, rq->cid))
		assert_fails(dev_wait(rq, NULL), ECANCELED);
	nvme_rq_release(rq);
	dev_close(&dev);
}

static void timeouts__what_was_given_up_on_is_quarantined(void **state)
{
	struct nvme_rq *rqs[64];
	struct dev dev;
	struct nvme_rq *rq;
	uint16_t cid;
	uint32_t n = 0;

	(void)state;
	dev_open(&dev, test_device());
	rq = post_forever(&dev);
	cid = rq->cid;
	assert_times_out(rq);
	nvme_rq_release(rq);

	/* All but that one. */
	for (; n < ROWS(rqs) && (rqs[n] = nvme_rq_acquire(dev.ctrl.adminq.sq)); n++)
		assert_int_not_equal(rqs[n]->cid, cid);
	assert_int_equal(n, dev.ctrl.adminq.sq->nr_rqs - 1);
	while (n)
		nvme_rq_release(rqs[--n]);

	if (!aborted(&dev, cid)) {
		dev_close(&dev);
		test_skip("the device aborts no event requests");
	}
	/* Late, and nobody's: the tracker is free again. */
	while (!dev.ctrl.adminq.cq->late)
		assert_null(nvme_cq_get_cqe(dev.ctrl.adminq.cq));
	nvme_cq_update_head(dev.ctrl.adminq.cq);
	for (; n < ROWS(rqs) && (rqs[n] = nvme_rq_acquire(dev.ctrl.adminq.sq)); n++)
		;
	assert_int_equal(n, dev.ctrl.adminq.sq->nr_rqs);
	dev_close(&dev);
}

static void timeouts__of_synchronous_commands(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_ASYNC_EVENT};
	struct timespec start;
	struct nvme_cqe cqe;
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	dev.ctrl.timeout_ms = 30;
	memset(&cqe, 0xff, sizeof(cqe));
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_fails(nvme_admin(&dev.ctrl, &cmd, NULL, 0, &cqe), ETIMEDOUT);
	assert_true(ms_since(&start) >= 30);
	/* No completion, no status. */
	assert_int_equal(le64_to_cpu(cqe.qw0), 0);
	assert_int_equal(le16_to_cpu(cqe.sfp), 0);

	/* The next is served; what the first left behind is no hindrance. */
	dev.ctrl.timeout_ms = NVME_TIMEOUT_MS_DEFAULT;
	for (int i = 0; i < 100; i++)
		assert_works(
			dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	dev_close(&dev);
}

static void timeouts__of_the_completion_queue(void **state)
{
	struct timespec ts = short_while, bad[] = {{0, 1000000000}, {-1, 0}, {0, -1}}, none = {};
	struct nvme_cqe cqes[4];
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		errno = 0;
		assert_int_equal(nvme_cq_wait_cqes(sq->cq, cqes, 1, &bad[i]), 0);
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(nvme_cq_wait_cqes(sq->cq, cqes, 0, &none), 0);
	assert_int_equal(nvme_cq_wait_cqes(sq->cq, NULL, 0, NULL), 0);

	/* Two of four come, and are not lost. */
	for (int i = 0; i < 2; i++)
		nvme_rq_exec(nvme_rq_acquire(sq), &cmd);
	nvme_cq_spin(sq->cq);
	ts = (struct timespec){.tv_sec = 1};
	errno = 0;
	assert_int_equal(nvme_cq_wait_cqes(sq->cq, cqes, 4, &ts), 2);
	assert_int_equal(errno, ETIMEDOUT);
	nvme_cq_update_head(sq->cq);
	/* In any order: a device may complete as it likes. */
	assert_int_equal(1u << cqes[0].cid | 1u << cqes[1].cid, 1u << 6 | 1u << 5);
	for (int i = 0; i < 2; i++)
		nvme_rq_release(nvme_rq_from_cqe(&dev.ctrl, &cqes[i]));
	dev_close(&dev);
}

/* A timeout that comes before the completion does, again and again: none is lost. */
static void timeouts__race_with_completions(void **state)
{
	struct timespec moment = {.tv_nsec = 1};
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};

	(void)state;
	for (unsigned long i = 0; i < test_scale(2000); i++) {
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		assert_non_null(rq);
		nvme_rq_exec(rq, &cmd);
		while (nvme_rq_wait(rq, NULL, &moment))
			assert_int_equal(errno, ETIMEDOUT);
		nvme_rq_release(rq);
	}
	assert_int_equal(sq->cq->late, 0);
	assert_int_equal(sq->cq->spurious, 0);
	dev_close(&dev);
}

static struct nvme_rq *flush(struct dev *dev, struct nvme_sq *sq)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
	struct nvme_rq *rq = nvme_rq_acquire(sq);

	assert_non_null(rq);
	nvme_rq_exec(rq, &cmd);
	return rq;
}

/* A queue full of completions that nobody gets is given back all the same. */
static void timeouts__late_ones_do_not_fill_the_queue(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	struct nvme_rq *rq;

	(void)state;
	for (uint32_t i = 0; i < sq->nr_rqs; i++)
		nvme_rq_release(flush(&dev, sq));
	while (sq->cq->late < sq->nr_rqs)
		assert_null(nvme_cq_get_cqe(sq->cq));

	rq = flush(&dev, sq);
	assert_works(dev_wait(rq, NULL));
	nvme_rq_release(rq);
	dev_close(&dev);
}

/* What was handed out stays in place until the caller is done with it. */
static void timeouts__late_ones_give_back_no_others(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	struct nvme_rq *rq = flush(&dev, sq);
	struct nvme_cqe *cqe;

	(void)state;
	while (!(cqe = nvme_cq_get_cqe(sq->cq)))
		;
	nvme_rq_release(flush(&dev, sq));
	while (!sq->cq->late)
		assert_null(nvme_cq_get_cqe(sq->cq));
	assert_int_equal(sq->cq->rung, 0);
	assert_ptr_equal(nvme_rq_from_cqe(&dev.ctrl, cqe), rq);
	nvme_rq_release(rq);
	nvme_cq_update_head(sq->cq);
	assert_int_equal(sq->cq->rung, 2);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeouts__a_wait_gives_up),
		cmocka_unit_test(timeouts__what_was_given_up_on_is_quarantined),
		cmocka_unit_test(timeouts__of_synchronous_commands),
		cmocka_unit_test(timeouts__of_the_completion_queue),
		cmocka_unit_test(timeouts__race_with_completions),
		cmocka_unit_test(timeouts__late_ones_do_not_fill_the_queue),
		cmocka_unit_test(timeouts__late_ones_give_back_no_others),
	};

	return cmocka_run_group_tests_name("timeouts", tests, NULL, NULL);
}

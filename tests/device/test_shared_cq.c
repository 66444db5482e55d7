/* SPDX-License-Identifier: MIT */
/* Several submission queues on one completion queue: the same cid of another is not yours. */
#include "dev.h"

enum {
	NR_SQS = 3,
	DEPTH = 15
};

struct shared {
	struct dev dev;
	struct nvme_cq *cq;
	struct nvme_sq *sqs[NR_SQS];
};

/* qids 3, 1 and 2, so that order does not help. */
static bool shared_open(struct shared *s)
{
	static const int qids[NR_SQS] = {3, 1, 2};

	dev_open(&s->dev, test_device());
	dev_need_write(&s->dev);
	if (s->dev.ctrl.config.nsqa + 1 < NR_SQS)
		return false;
	assert_works(nvme_create_iocq(&s->dev.ctrl, 2, 64, -1));
	s->cq = &s->dev.ctrl.cq[2];
	for (int i = 0; i < NR_SQS; i++) {
		assert_works(nvme_create_iosq(&s->dev.ctrl, qids[i], DEPTH + 1, s->cq, 0));
		s->sqs[i] = &s->dev.ctrl.sq[qids[i]];
	}
	return true;
}

static struct nvme_rq *post(struct shared *s, int i)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(s->dev.nsid)};
	struct nvme_rq *rq = nvme_rq_acquire(s->sqs[i]);

	assert_non_null(rq);
	rq->opaque = s->sqs[i];
	nvme_rq_post(rq, &cmd);
	return rq;
}

static void shared_cq__each_completion_finds_its_queue(void **state)
{
	unsigned int seen[NR_SQS][DEPTH] = {};
	struct shared s;

	(void)state;
	if (!shared_open(&s)) {
		dev_close(&s.dev);
		test_skip("fewer than three submission queues");
	}
	for (unsigned int round = 1; round <= 20; round++) {
		for (int n = 0; n < DEPTH; n++) {
			for (int i = 0; i < NR_SQS; i++)
				post(&s, i);
		}
		for (int i = 0; i < NR_SQS; i++)
			nvme_sq_update_tail(s.sqs[i]);
		for (int n = 0; n < DEPTH * NR_SQS; n++) {
			struct nvme_cqe cqe;
			struct nvme_rq *rq;

			nvme_cq_get_cqes(s.cq, &cqe, 1);
			rq = nvme_rq_from_cqe(&s.dev.ctrl, &cqe);
			assert_non_null(rq);
			assert_ptr_equal(rq->opaque, rq->sq);
			assert_int_equal(rq->sq->id, le16_to_cpu(cqe.sqid));
			for (int i = 0; i < NR_SQS; i++)
				seen[i][rq->cid] += rq->sq == s.sqs[i];
			nvme_rq_release(rq);
			nvme_cq_update_head(s.cq);
		}
		for (int i = 0; i < NR_SQS; i++) {
			for (int cid = 0; cid < DEPTH; cid++)
				assert_int_equal(seen[i][cid], round);
		}
	}
	assert_int_equal(s.cq->spurious, 0);
	dev_close(&s.dev);
}

static void shared_cq__waiting_for_one_keeps_the_others(void **state)
{
	struct nvme_rq *rqs[NR_SQS];
	struct nvme_cqe cqe;
	struct shared s;

	(void)state;
	if (!shared_open(&s)) {
		dev_close(&s.dev);
		test_skip("fewer than three submission queues");
	}
	for (int round = 0; round < 50; round++) {
		/* The same cid in each queue. */
		for (int i = 0; i < NR_SQS; i++) {
			rqs[i] = post(&s, i);
			assert_int_equal(rqs[i]->cid, DEPTH - 1);
			nvme_sq_update_tail(s.sqs[i]);
		}
		for (int i = 0; i < NR_SQS; i++) {
			int at = (i + round) % NR_SQS;

			assert_works(dev_wait(rqs[at], &cqe));
			assert_int_equal(le16_to_cpu(cqe.sqid), s.sqs[at]->id);
			nvme_rq_release(rqs[at]);
		}
		assert_null(nvme_cq_get_cqe(s.cq));
	}
	dev_close(&s.dev);
}

/* What was kept for a queue that is deleted is no danger to anybody. */
static void shared_cq__one_goes_the_others_stay(void **state)
{
	struct nvme_rq *a, *b;
	struct shared s;

	(void)state;
	if (!shared_open(&s)) {
		dev_close(&s.dev);
		test_skip("fewer than three submission queues");
	}
	a = post(&s, 0);
	nvme_sq_update_tail(s.sqs[0]);
	while (!__nvme_cq_ready(s.cq, nvme_cq_head(s.cq)))
		;
	b = post(&s, 1);
	nvme_sq_update_tail(s.sqs[1]);
	assert_works(dev_wait(b, NULL));
	nvme_rq_release(b);
	assert_int_equal(a->state, NVME_RQ_KEPT);

	/* A completion queue with users left is not deleted. */
	assert_fails(nvme_delete_iocq(&s.dev.ctrl, 2), EBUSY);
	assert_works(nvme_delete_iosq(&s.dev.ctrl, 3));
	assert_null(nvme_cq_get_cqe(s.cq));

	b = post(&s, 2);
	nvme_sq_update_tail(s.sqs[2]);
	assert_works(dev_wait(b, NULL));
	nvme_rq_release(b);
	dev_close(&s.dev);
}

/* A completion that nobody took before its queue went is not that of the next queue's command. */
static void shared_cq__the_next_of_that_qid_starts_anew(void **state)
{
	union nvme_cmd bad = {.opcode = NVM_CMD_READ, .nsid = cpu_to_le32(0xfffffff0)};
	struct nvme_rq *other, *rq;
	struct shared s;

	(void)state;
	if (!shared_open(&s)) {
		dev_close(&s.dev);
		test_skip("fewer than three submission queues");
	}
	rq = nvme_rq_acquire(s.sqs[0]);
	assert_non_null(rq);
	assert_int_equal(rq->cid, DEPTH - 1);
	nvme_rq_exec(rq, &bad);
	while (!__nvme_cq_ready(s.cq, nvme_cq_head(s.cq)))
		;
	other = post(&s, 1);
	nvme_sq_update_tail(s.sqs[1]);

	assert_works(nvme_delete_iosq(&s.dev.ctrl, 3));
	assert_works(nvme_create_iosq(&s.dev.ctrl, 3, DEPTH + 1, s.cq, 0));
	rq = post(&s, 0);
	assert_int_equal(rq->cid, DEPTH - 1);
	nvme_sq_update_tail(s.sqs[0]);
	assert_works(dev_wait(rq, NULL));
	assert_works(dev_wait(other, NULL));
	assert_int_equal(s.cq->late, 1);
	nvme_rq_release(rq);
	nvme_rq_release(other);
	dev_close(&s.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_cq__each_completion_finds_its_queue),
		cmocka_unit_test(shared_cq__waiting_for_one_keeps_the_others),
		cmocka_unit_test(shared_cq__one_goes_the_others_stay),
		cmocka_unit_test(shared_cq__the_next_of_that_qid_starts_anew),
	};

	return cmocka_run_group_tests_name("shared_cq", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Trackers by one thread: the free stack, what a tracker owns, quarantine, and checked lookup. */
#include <belfry/support/mem.h>

#include "dev.h"

static void rq__the_highest_cid_comes_first(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);

	(void)state;
	/* 8 entries, 7 trackers: 6 .. 0. */
	assert_int_equal(sq->nr_rqs, 7);
	for (int cid = 6; cid >= 0; cid--) {
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		assert_non_null(rq);
		assert_int_equal(rq->cid, cid);
		assert_ptr_equal(rq, &sq->rqs[cid]);
		assert_ptr_equal(rq->sq, sq);
		assert_null(rq->opaque);
	}
	errno = 0;
	assert_null(nvme_rq_acquire(sq));
	assert_int_equal(errno, EBUSY);
	errno = 0;
	assert_null(nvme_rq_acquire_atomic(sq));
	assert_int_equal(errno, EBUSY);
	dev_close(&dev);
}

static void rq__the_smallest_queue_has_one(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 2);
	struct nvme_rq *rq = nvme_rq_acquire(sq);

	(void)state;
	assert_non_null(rq);
	assert_int_equal(rq->cid, 0);
	assert_null(nvme_rq_acquire(sq));
	nvme_rq_release(rq);
	assert_ptr_equal(nvme_rq_acquire(sq), rq);
	dev_close(&dev);
}

static void rq__last_in_first_out(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	struct nvme_rq *a = nvme_rq_acquire(sq), *b = nvme_rq_acquire(sq);
	struct nvme_rq *c = nvme_rq_acquire_atomic(sq);

	(void)state;
	nvme_rq_release(a);
	nvme_rq_release_atomic(c);
	nvme_rq_release(b);
	assert_ptr_equal(nvme_rq_acquire_atomic(sq), b);
	assert_ptr_equal(nvme_rq_acquire(sq), c);
	assert_ptr_equal(nvme_rq_acquire(sq), a);
	/* What was used before comes before what is fresh. */
	assert_int_equal(nvme_rq_acquire(sq)->cid, 3);
	dev_close(&dev);
}

static void rq__release_clears_opaque_alone(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_rq *rq = nvme_rq_acquire(sq);
	void *page = rq->page.vaddr;
	iova_t iova = rq->page.iova;

	(void)state;
	rq->opaque = &dev;
	nvme_rq_reset(rq);
	assert_null(rq->opaque);
	rq->opaque = &dev;
	nvme_rq_release(rq);
	assert_ptr_equal(nvme_rq_acquire_atomic(sq), rq);
	assert_null(rq->opaque);
	rq->opaque = &dev;
	nvme_rq_release_atomic(rq);
	assert_ptr_equal(nvme_rq_acquire(sq), rq);
	assert_null(rq->opaque);
	assert_ptr_equal(rq->page.vaddr, page);
	assert_int_equal(rq->page.iova, iova);
	dev_close(&dev);
}

static void rq__releasing_twice_changes_nothing(void **state)
{
	struct nvme_rq *a, *b, *c;
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);

	(void)state;
	a = nvme_rq_acquire(sq);
	b = nvme_rq_acquire(sq);
	nvme_rq_release(a);
	nvme_rq_release(a);
	nvme_rq_release_atomic(a);
	nvme_rq_release(b);
	nvme_rq_release_atomic(b);

	/* Three trackers, three different ones, and no fourth. */
	a = nvme_rq_acquire(sq);
	b = nvme_rq_acquire(sq);
	c = nvme_rq_acquire(sq);
	assert_non_null(c);
	assert_ptr_not_equal(a, b);
	assert_ptr_not_equal(b, c);
	assert_ptr_not_equal(a, c);
	assert_null(nvme_rq_acquire(sq));
	dev_close(&dev);
}

/* Every tracker has a page of its own, mapped, on both sides of the borders of blocks. */
static void rq__pages_are_their_own(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 300);
	size_t page = (size_t)__mps_to_pagesize(dev.ctrl.config.mps);
	int n = (int)sq->nr_rqs;

	(void)state;
	for (int i = 0; i < n; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(sq);
		iova_t iova;

		assert_non_null(rq);
		assert_int_equal((uintptr_t)rq % 64, 0);
		assert_int_equal(rq->page.iova % page, 0);
		assert_true(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl), rq->page.vaddr, &iova));
		assert_int_equal(iova, rq->page.iova);
		assert_true(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl),
						  (char *)rq->page.vaddr + page - 1, &iova));
		assert_int_equal(iova, rq->page.iova + page - 1);
		memset(rq->page.vaddr, rq->cid & 0xff, page);
	}
	for (int i = 0; i < n; i++) {
		unsigned char *bytes = sq->rqs[i].page.vaddr;

		for (size_t at = 0; at < page; at += 64)
			assert_int_equal(bytes[at], i & 0xff);
	}
	dev_close(&dev);
}

static void rq__memory_follows_use(void **state)
{
	struct nvme_rq **rqs;
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 65536);
	uint32_t n = sq->nr_rqs;

	(void)state;
	if (n != 65535) {
		dev_close(&dev);
		test_skip("no queue of 65536");
	}
	/* Not 65535 pages. */
	assert_true(sq->pages.len <= 256 * 1024);
	rqs = calloc(n, sizeof(*rqs));
	assert_non_null(rqs);
	for (uint32_t i = 0; i < 64; i++)
		rqs[i] = nvme_rq_acquire(sq);
	assert_null(sq->rqs[0].page.vaddr);

	/* All of them all the same, each once. */
	for (uint32_t i = 64; i < n; i++) {
		rqs[i] = nvme_rq_acquire(sq);
		assert_non_null(rqs[i]);
		assert_int_equal(rqs[i]->cid, n - 1 - i);
	}
	assert_null(nvme_rq_acquire(sq));
	for (uint32_t i = 0; i < n; i++)
		nvme_rq_release(rqs[i]);
	assert_int_equal(nvme_rq_acquire(sq)->cid, 0);
	free(rqs);
	dev_close(&dev);
}

static void rq__prepared_but_not_posted_may_be_released(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_rq *rq = nvme_rq_acquire(sq);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};

	(void)state;
	nvme_rq_prep_cmd(rq, &cmd);
	assert_int_equal(cmd.cid, 2);
	assert_int_equal(cmd.flags, 0);
	nvme_rq_release(rq);
	assert_ptr_equal(nvme_rq_acquire(sq), rq);
	dev_close(&dev);
}

/* Posted and not rung: in flight for the driver, unknown to the device. */
static struct nvme_rq *in_flight(struct dev *dev, struct nvme_sq *sq)
{
	struct nvme_rq *rq = nvme_rq_acquire(sq);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};

	assert_non_null(rq);
	nvme_rq_post(rq, &cmd);
	return rq;
}

static void rq__in_flight_is_not_free(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_rq *rq = in_flight(&dev, sq);
	uint16_t cid = rq->cid;

	(void)state;
	rq->opaque = &dev;
	nvme_rq_release(rq); /* quarantine */
	nvme_rq_release(rq); /* no way out of it */
	nvme_rq_release_atomic(rq);
	assert_int_equal(nvme_rq_acquire(sq)->cid, 1);
	assert_int_equal(nvme_rq_acquire_atomic(sq)->cid, 0);
	assert_null(nvme_rq_acquire(sq));

	/* The completion ends it. */
	nvme_sq_update_tail(sq);
	while (!sq->cq->late)
		assert_null(nvme_cq_get_cqe(sq->cq));
	nvme_cq_update_head(sq->cq);
	rq = nvme_rq_acquire(sq);
	assert_non_null(rq);
	assert_int_equal(rq->cid, cid);
	assert_null(rq->opaque);
	assert_int_equal(sq->cq->late, 1);
	assert_int_equal(sq->cq->spurious, 0);
	dev_close(&dev);
}

static void rq__lookup_is_checked(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_rq *rq = in_flight(&dev, sq);
	struct nvme_cqe cqe;
	/* 3 trackers: a cid of 3 is one past the end. */
	static const struct {
		uint16_t sqid, cid;
	} bad[] = {
		{1, 3},	 {1, 4},  {1, 65535}, {1, 0x8002}, {1, 1 /* free */},  {2, 2},
		{64, 2}, {65, 2}, {66, 2},    {65535, 2},  {0, 2 /* admin */}, {65535, 65535},
	};

	(void)state;
	/* Memory behind the trackers, which looks like one whose command has completed. */
	assert_int_equal(sq->nr_rqs, 3);
	sq->rqs[3] = (struct nvme_rq){.sq = sq, .cid = 3, .state = NVME_RQ_COMPLETED};
	for (size_t i = 0; i < ROWS(bad); i++) {
		cqe = (struct nvme_cqe){.sqid = cpu_to_le16(bad[i].sqid), .cid = bad[i].cid};
		errno = 0;
		assert_null(nvme_rq_from_cqe(&dev.ctrl, &cqe));
		assert_int_equal(errno, EINVAL);
		errno = 0;
		assert_null(__nvme_rq_from_cqe(sq, &cqe));
		assert_int_equal(errno, EINVAL);
	}

	/* Not before the completion was taken from the queue. */
	cqe = (struct nvme_cqe){.sqid = cpu_to_le16(1), .cid = rq->cid};
	assert_null(nvme_rq_from_cqe(&dev.ctrl, &cqe));
	nvme_sq_update_tail(sq);
	nvme_cq_get_cqes(sq->cq, &cqe, 1);
	nvme_cq_update_head(sq->cq);
	assert_ptr_equal(nvme_rq_from_cqe(&dev.ctrl, &cqe), rq);
	assert_ptr_equal(__nvme_rq_from_cqe(sq, &cqe), rq);
	assert_true(sq->cq->spurious > 0);
	cqe.sqid = cpu_to_le16(2); /* another's, by that name */
	assert_null(__nvme_rq_from_cqe(sq, &cqe));
	cqe.sqid = cpu_to_le16(1);

	/* Nor after the tracker was given back. */
	nvme_rq_release(rq);
	assert_null(nvme_rq_from_cqe(&dev.ctrl, &cqe));
	dev_close(&dev);
}

static void rq__waits_need_a_command(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_rq *rq = nvme_rq_acquire(sq);
	struct timespec bad[] = {{0, 1000000000}, {-1, 0}, {0, -1}};
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};

	(void)state;
	assert_fails(nvme_rq_spin(rq, NULL), EINVAL);
	assert_fails(nvme_rq_wait(rq, NULL, NULL), EINVAL);
	nvme_rq_prep_cmd(rq, &cmd);
	assert_fails(nvme_rq_spin(rq, NULL), EINVAL);
	nvme_rq_exec(rq, &cmd);
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_fails(nvme_rq_wait(rq, NULL, &bad[i]), EINVAL);
	assert_works(nvme_rq_spin(rq, NULL));
	assert_fails(nvme_rq_spin(rq, NULL), EINVAL); /* it has completed */

	/* One tracker, one command after the other. */
	assert_works(dev_exec(rq, &cmd, NULL));
	assert_works(dev_exec(rq, &cmd, NULL));
	nvme_rq_release(rq);
	dev_close(&dev);
}

/* A completion for another is kept: for its wait, and for nvme_cq_get_cqe(). */
static void rq__anothers_completion_is_kept(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	struct nvme_rq *rqs[4];
	struct nvme_cqe cqe, *got;

	(void)state;
	for (int i = 0; i < 4; i++)
		rqs[i] = in_flight(&dev, sq);
	nvme_sq_update_tail(sq);

	/* Waiting for the last takes the three before it, in their order. */
	for (int i = 0; i < 3; i++) {
		assert_fails(nvme_rq_spin(rqs[3], &cqe), EAGAIN);
		assert_int_equal(cqe.cid, rqs[i]->cid);
	}
	assert_works(nvme_rq_spin(rqs[3], &cqe));
	assert_int_equal(cqe.cid, rqs[3]->cid);

	/* The second's wait finds it; the others come out of the queue's end. */
	assert_works(nvme_rq_wait(rqs[1], &cqe, NULL));
	assert_int_equal(cqe.cid, rqs[1]->cid);
	got = nvme_cq_get_cqe(sq->cq);
	assert_non_null(got);
	assert_int_equal(got->cid, rqs[0]->cid);
	assert_ptr_equal(nvme_rq_from_cqe(&dev.ctrl, got), rqs[0]);
	got = nvme_cq_get_cqe(sq->cq);
	assert_non_null(got);
	assert_ptr_equal(nvme_rq_from_cqe(&dev.ctrl, got), rqs[2]);
	assert_null(nvme_cq_get_cqe(sq->cq));

	for (int i = 0; i < 4; i++)
		nvme_rq_release(rqs[i]);
	dev_close(&dev);
}

/* The copy that came with EAGAIN may be used to find the tracker. */
static void rq__a_copy_finds_its_tracker(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	struct nvme_rq *a = in_flight(&dev, sq), *b = in_flight(&dev, sq);
	struct nvme_cqe cqe;

	(void)state;
	nvme_sq_update_tail(sq);
	assert_fails(nvme_rq_spin(b, &cqe), EAGAIN);
	assert_ptr_equal(nvme_rq_from_cqe(&dev.ctrl, &cqe), a);
	nvme_rq_release(a);
	assert_works(nvme_rq_spin(b, NULL));
	nvme_rq_release(b);
	/* And it is not delivered a second time. */
	assert_null(nvme_cq_get_cqe(sq->cq));
	dev_close(&dev);
}

/* Released while its completion is kept: free, and the completion is gone. */
static void rq__a_kept_one_may_be_released(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	struct nvme_rq *a = in_flight(&dev, sq), *b = in_flight(&dev, sq);

	(void)state;
	nvme_sq_update_tail(sq);
	assert_fails(nvme_rq_spin(b, NULL), EAGAIN);
	nvme_rq_release(a);
	assert_ptr_equal(nvme_rq_acquire(sq), a);
	nvme_rq_release(a);
	assert_works(nvme_rq_spin(b, NULL));
	nvme_rq_release(b);
	assert_null(nvme_cq_get_cqe(sq->cq));
	dev_close(&dev);
}

/* Hundreds are kept while one waits; holes are closed; nothing is lost or comes twice. */
static void rq__many_are_kept(void **state)
{
	enum {
		NR = 255
	};
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, NR + 1);
	struct nvme_rq *rqs[NR];
	unsigned char seen[NR] = {};
	struct nvme_cqe *cqe;

	(void)state;
	for (int round = 0; round < 3; round++) {
		memset(seen, 0, sizeof(seen));
		for (int i = 0; i < NR; i++)
			rqs[i] = in_flight(&dev, sq);
		nvme_sq_update_tail(sq);
		/* From the last to the first, every third; then the rest from the queue. */
		for (int i = NR - 1; i >= 0; i -= 3) {
			assert_works(dev_wait(rqs[i], NULL));
			seen[rqs[i]->cid]++;
			nvme_rq_release(rqs[i]);
		}
		while ((cqe = nvme_cq_get_cqe(sq->cq))) {
			struct nvme_rq *rq = nvme_rq_from_cqe(&dev.ctrl, cqe);

			assert_non_null(rq);
			seen[rq->cid]++;
			nvme_rq_release(rq);
		}
		nvme_cq_update_head(sq->cq);
		for (int i = 0; i < NR; i++)
			assert_int_equal(seen[i], 1);
	}
	dev_close(&dev);
}

/* Room for 16 is full of holes and closes up: the others are where their waits look. */
static void rq__holes_are_closed(void **state)
{
	struct nvme_rq *a[16], *b[6];
	struct nvme_cqe cqe;
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 64);

	(void)state;
	for (int i = 0; i < 16; i++)
		a[i] = in_flight(&dev, sq);
	nvme_sq_update_tail(sq);
	assert_works(dev_wait(a[15], NULL));
	assert_int_equal(sq->cq->nr_kept, 15);
	for (int i = 0; i < 8; i++)
		assert_works(nvme_rq_wait(a[i], NULL, NULL));

	for (int i = 0; i < 6; i++)
		b[i] = in_flight(&dev, sq);
	nvme_sq_update_tail(sq);
	assert_works(dev_wait(b[5], NULL));
	assert_int_equal(sq->cq->nr_kept, 12);
	for (int i = 14; i >= 8; i--) {
		assert_works(nvme_rq_wait(a[i], &cqe, NULL));
		assert_int_equal(cqe.cid, a[i]->cid);
	}
	for (int i = 0; i < 5; i++) {
		assert_works(nvme_rq_wait(b[i], &cqe, NULL));
		assert_int_equal(cqe.cid, b[i]->cid);
	}
	assert_null(nvme_cq_get_cqe(sq->cq));
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rq__the_highest_cid_comes_first),
		cmocka_unit_test(rq__the_smallest_queue_has_one),
		cmocka_unit_test(rq__last_in_first_out),
		cmocka_unit_test(rq__release_clears_opaque_alone),
		cmocka_unit_test(rq__releasing_twice_changes_nothing),
		cmocka_unit_test(rq__pages_are_their_own),
		cmocka_unit_test(rq__memory_follows_use),
		cmocka_unit_test(rq__prepared_but_not_posted_may_be_released),
		cmocka_unit_test(rq__in_flight_is_not_free),
		cmocka_unit_test(rq__lookup_is_checked),
		cmocka_unit_test(rq__waits_need_a_command),
		cmocka_unit_test(rq__anothers_completion_is_kept),
		cmocka_unit_test(rq__a_copy_finds_its_tracker),
		cmocka_unit_test(rq__a_kept_one_may_be_released),
		cmocka_unit_test(rq__many_are_kept),
		cmocka_unit_test(rq__holes_are_closed),
	};

	return cmocka_run_group_tests_name("rq", tests, NULL, NULL);
}

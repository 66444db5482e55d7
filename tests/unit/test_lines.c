/* SPDX-License-Identifier: MIT */
/*
 * Cache lines: what two threads with a queue pair each write must not be on one line, or each would
 * take it from the other with every command. Worked out from addresses, on the structures that a
 * controller really has.
 */
#include <belfry/nvme.h>

#include "test.h"

#define LINE	64u
#define NR	4
#define QSIZE	32
#define DEV	"emu:queues=8,dstrd=4"
#define MAX_RGN 64

/* Memory that the owner of one queue pair writes, or that others write for it, per command. */
struct region {
	int queue;
	uintptr_t first, last; /* lines */
};

static struct region regions[MAX_RGN];
static int nr_regions;

static void add(int queue, const void *start, size_t len)
{
	uintptr_t at = (uintptr_t)start;

	assert_true(nr_regions < MAX_RGN);
	regions[nr_regions++] = (struct region){queue, at / LINE, (at + len - 1) / LINE};
}

static void open_queues(struct nvme_ctrl *ctrl, const char *name)
{
	*ctrl = (struct nvme_ctrl){};
	assert_int_equal(nvme_init(ctrl, name, NULL), 0);
	for (int i = 1; i <= NR; i++)
		assert_int_equal(nvme_create_ioqpair(ctrl, i, QSIZE, -1, 0), 0);
}

static void lines__no_line_is_shared_between_queues(void **state)
{
	struct nvme_ctrl ctrl;

	(void)state;
	open_queues(&ctrl, DEV);
	nr_regions = 0;
	for (int i = 1; i <= NR; i++) {
		struct nvme_sq *sq = &ctrl.sq[i];
		struct nvme_cq *cq = &ctrl.cq[i];

		add(i, sq, sizeof(*sq));
		add(i, cq, sizeof(*cq));
		add(i, sq->mem.vaddr, (size_t)sq->mem.len);
		add(i, cq->mem.vaddr, (size_t)cq->mem.len);
		add(i, sq->rqs, sq->nr_rqs * sizeof(*sq->rqs));
		add(i, sq->pages.vaddr, (size_t)sq->pages.len);
		add(i, sq->doorbell, 4);
		add(i, cq->doorbell, 4);
	}
	assert_int_equal(nr_regions, 32);
	for (int a = 0; a < nr_regions; a++) {
		for (int b = 0; b < a; b++) {
			if (regions[a].queue != regions[b].queue)
				assert_true(regions[a].last < regions[b].first ||
					    regions[b].last < regions[a].first);
		}
	}
	nvme_close(&ctrl);
}

static void lines__a_queues_two_doorbells_are_apart(void **state)
{
	struct nvme_ctrl ctrl;

	(void)state;
	open_queues(&ctrl, DEV);
	/* 4 << DSTRD bytes from one doorbell to the next: 64 with dstrd=4, 4 with the default. */
	assert_int_equal((char *)ctrl.cq[1].doorbell - (char *)ctrl.sq[1].doorbell, 64);
	assert_int_equal((uintptr_t)ctrl.sq[1].doorbell % LINE, 0);
	nvme_close(&ctrl);

	open_queues(&ctrl, "emu:");
	assert_int_equal((char *)ctrl.cq[1].doorbell - (char *)ctrl.sq[1].doorbell, 4);
	nvme_close(&ctrl);
}

static void lines__a_tracker_is_a_line(void **state)
{
	struct nvme_ctrl ctrl;

	(void)state;
	assert_int_equal(sizeof(struct nvme_rq), 64);
	open_queues(&ctrl, DEV);
	assert_int_equal((uintptr_t)ctrl.sq[1].rqs % LINE, 0);
	nvme_close(&ctrl);
}

/* What threads that only submit share through the atomic pair is apart from what the owner writes. */
static void lines__free_trackers_are_apart_from_the_rest(void **state)
{
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq;

	(void)state;
	open_queues(&ctrl, DEV);
	sq = &ctrl.sq[1];
	assert_int_equal((uintptr_t)&sq->rq_free % LINE, 0);
	assert_true((uintptr_t)&sq->tail / LINE != (uintptr_t)&sq->rq_free / LINE);
	assert_true((uintptr_t)&sq->rqs / LINE != (uintptr_t)&sq->rq_free / LINE);
	nvme_close(&ctrl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines__no_line_is_shared_between_queues),
		cmocka_unit_test(lines__a_queues_two_doorbells_are_apart),
		cmocka_unit_test(lines__a_tracker_is_a_line),
		cmocka_unit_test(lines__free_trackers_are_apart_from_the_rest),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Two owners on one queue are caught, each time; one after the other is none of that. This program
 * looks at the inline functions whatever the library was built for, at all of them where it was built
 * with -Downer_check=enabled.
 */
#ifndef BELFRY_OWNER_CHECK
#define BELFRY_OWNER_CHECK
#define OF_LIBRARY false
#else
#define OF_LIBRARY true
#endif

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault.h"

struct told {
	struct nvme_owner_violation last;
	int nr;
};

static void on_violation(const struct nvme_owner_violation *violation, void *arg)
{
	struct told *told = arg;

	told->last = *violation;
	told->nr++;
}

static void open_told(struct fixture *f, struct told *told)
{
	fault_open(f, "emu:");
	memset(told, 0, sizeof(*told));
	nvme_set_owner_handler(on_violation, told);
}

static void close_told(struct fixture *f)
{
	nvme_set_owner_handler(NULL, NULL);
	f->dev.trespasses = nvme_owner_violations();
	dev_close(&f->dev);
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	pthread_join(thread, NULL);
}

static int self_tid(void)
{
	return (int)syscall(SYS_gettid);
}

/* A command from its tracker to its completion: both queues are used. */
static void *use_both(void *arg)
{
	struct fixture *f = arg;
	struct nvme_cqe *cqe;

	start(f);
	do
		cqe = nvme_cq_get_cqe(f->cq);
	while (!cqe);
	nvme_cq_update_head(f->cq);
	nvme_rq_release(nvme_rq_from_cqe(&f->dev.ctrl, cqe));
	return NULL;
}

static void *ring(void *arg)
{
	struct fixture *f = arg;

	nvme_sq_update_tail(f->sq);
	return NULL;
}

static void *ring_head(void *arg)
{
	struct fixture *f = arg;

	nvme_cq_update_head(f->cq);
	return NULL;
}

static void *poll(void *arg)
{
	struct fixture *f = arg;

	nvme_cq_poll(f->cq, 1);
	return NULL;
}

static void owner__the_same_thread_may(void **state)
{
	uint64_t before = nvme_owner_violations();
	struct told told;
	struct fixture f;

	(void)state;
	open_told(&f, &told);
	for (int i = 0; i < 3 * QSIZE; i++)
		use_both(&f);
	works(&f);
	assert_int_equal(told.nr, 0);
	assert_int_equal(nvme_owner_violations() - before, 0);
	close_told(&f);
}

static void owner__another_thread_is_caught_each_time(void **state)
{
	uint64_t before = nvme_owner_violations();
	struct told told;
	struct fixture f;

	(void)state;
	open_told(&f, &told);
	use_both(&f);
	for (int i = 1; i <= 5; i++) {
		in_thread(ring, &f);
		assert_int_equal(told.nr, i);
	}
	assert_int_equal(nvme_owner_violations() - before, 5);
	assert_ptr_equal(told.last.sq, f.sq);
	assert_null(told.last.cq);
	assert_string_equal(told.last.function, "nvme_sq_update_tail");
	assert_int_equal(told.last.owner, self_tid());
	assert_int_not_equal(told.last.tid, self_tid());
	assert_false(told.last.overlap);

	in_thread(ring_head, &f);
	assert_int_equal(told.nr, 6);
	assert_ptr_equal(told.last.cq, f.cq);
	assert_null(told.last.sq);
	/* It is not the intruder's now. */
	use_both(&f);
	assert_int_equal(told.nr, 6);
	close_told(&f);
}

static void owner__of_a_thread_that_has_ended(void **state)
{
	struct told told;
	struct fixture f;

	(void)state;
	open_told(&f, &told);
	for (int i = 0; i < 50; i++)
		in_thread(use_both, &f);
	use_both(&f);
	assert_int_equal(told.nr, 0);
	close_told(&f);
}

static void owner__handed_over(void **state)
{
	struct told told;
	struct fixture f;

	(void)state;
	open_told(&f, &told);
	use_both(&f);
	nvme_sq_hand_over(f.sq);
	nvme_cq_hand_over(f.cq);
	in_thread(use_both, &f);
	use_both(&f);
	assert_int_equal(told.nr, 0);

	/* One of the two is not both. */
	nvme_sq_hand_over(f.sq);
	in_thread(ring, &f);
	in_thread(ring_head, &f);
	assert_int_equal(told.nr, 1);
	assert_ptr_equal(told.last.cq, f.cq);
	close_told(&f);
}

static void owner__a_new_queue_is_nobodys(void **state)
{
	struct told told;
	struct fixture f;

	(void)state;
	open_told(&f, &told);
	use_both(&f);
	assert_works(nvme_delete_ioqpair(&f.dev.ctrl, 1));
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 1, QSIZE, -1, 0));
	in_thread(use_both, &f);
	assert_int_equal(told.nr, 0);
	close_told(&f);
}

struct meeting {
	struct fixture f;
	struct told told;
};

/* Told in the first thread, which is inside: let a second one in. */
static void meet(const struct nvme_owner_violation *violation, void *arg)
{
	struct meeting *m = arg;

	on_violation(violation, &m->told);
	if (m->told.nr == 1)
		in_thread(ring, &m->f);
}

static void owner__inside_at_the_same_time(void **state)
{
	struct meeting m = {};

	(void)state;
	fault_open(&m.f, "emu:");
	nvme_set_owner_handler(meet, &m);
	use_both(&m.f);
	in_thread(ring, &m.f);
	assert_int_equal(m.told.nr, 2);
	assert_true(m.told.last.overlap);
	assert_int_not_equal(m.told.last.owner, self_tid());
	close_told(&m.f);
}

static void owner__the_functions_of_the_library(void **state)
{
	struct told told;
	struct fixture f;

	(void)state;
	if (!OF_LIBRARY)
		test_skip("the library was built without -Downer_check=enabled");
	open_told(&f, &told);
	use_both(&f);
	in_thread(poll, &f);
	assert_true(told.nr > 0);
	assert_string_equal(told.last.function, "nvme_cq_poll");
	close_told(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owner__the_same_thread_may),
		cmocka_unit_test(owner__another_thread_is_caught_each_time),
		cmocka_unit_test(owner__of_a_thread_that_has_ended),
		cmocka_unit_test(owner__handed_over),
		cmocka_unit_test(owner__a_new_queue_is_nobodys),
		cmocka_unit_test(owner__inside_at_the_same_time),
		cmocka_unit_test(owner__the_functions_of_the_library),
	};

	return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * One submission queue for many threads: every command ends once, in order where one thread sends
 * them, and through a reset.
 */
#include <pthread.h>
#include <sched.h>

#include "fault.h"

#define NR_THREADS 4

struct shared_fixture {
	struct fixture f;
	struct nvme_shared *sh;
};

struct io {
	struct sender *sender;
	int ended;
	uint16_t status;
};

struct sender {
	pthread_t thread;
	struct shared_fixture *sf;
	struct io *ios;
	unsigned int nr;
	unsigned int ended; /* by any thread */
};

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct io *io = rq->opaque;

	io->ended++;
	io->status = nvme_cqe_status(cqe);
	atomic_inc(&io->sender->ended);
}

static void open_shared(struct shared_fixture *sf)
{
	struct nvme_recovery_opts opts = {.grace_ms = 200};

	fault_open(&sf->f, "emu:");
	assert_works(nvme_set_recovery(&sf->f.dev.ctrl, &opts));
	sf->sh = nvme_shared_create(sf->f.sq);
	assert_non_null(sf->sh);
}

static void close_shared(struct shared_fixture *sf)
{
	nvme_shared_destroy(sf->sh);
	works(&sf->f); /* it has an owner again, and all its trackers */
	dev_close(&sf->f.dev);
}

static void *send(void *arg)
{
	struct sender *s = arg;

	for (unsigned int i = 0; i < s->nr;) {
		union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH,
				      .nsid = cpu_to_le32(s->sf->f.dev.nsid)};
		struct nvme_rq *rq = nvme_shared_acquire(s->sf->sh);

		if (!rq) {
			if (!nvme_shared_poll(s->sf->sh, 4))
				sched_yield();
			continue;
		}
		s->ios[i].sender = s;
		rq->opaque = &s->ios[i++];
		if (i & 1)
			nvme_shared_submit(s->sf->sh, rq, &cmd, ended, 0);
		else
			nvme_shared_post(s->sf->sh, rq, &cmd, ended, 0);
	}
	while (atomic_load_acquire(&s->ended) < s->nr) {
		if (!nvme_shared_poll(s->sf->sh, 4))
			sched_yield();
	}
	return NULL;
}

/* @nr commands by each of the threads. Returns how many did not succeed. */
static unsigned int run(struct shared_fixture *sf, unsigned int nr)
{
	struct sender senders[NR_THREADS] = {};
	unsigned int bad = 0;

	for (int i = 0; i < NR_THREADS; i++) {
		senders[i].sf = sf;
		senders[i].nr = nr;
		senders[i].ios = calloc(nr, sizeof(struct io));
		assert_non_null(senders[i].ios);
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send, &senders[i]), 0);
	}
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(senders[i].thread, NULL);
		for (unsigned int n = 0; n < nr; n++) {
			assert_int_equal(senders[i].ios[n].ended, 1);
			bad += senders[i].ios[n].status != 0;
		}
		free(senders[i].ios);
	}
	return bad;
}

static void shared__each_command_ends_once(void **state)
{
	struct nvme_sq_stats stats;
	struct shared_fixture sf;
	unsigned int nr = test_scale(20000);

	(void)state;
	open_shared(&sf);
	assert_int_equal(run(&sf, nr), 0);
	nvme_sq_get_stats(sf.f.sq, &stats);
	assert_int_equal(stats.submitted, (uint64_t)NR_THREADS * nr);
	close_shared(&sf);
}

/* A command of the sender's, by nvme_shared_post() or nvme_shared_submit(). */
static void one_more(struct shared_fixture *sf, struct sender *sender, struct io *io,
		     __typeof__(nvme_shared_post) *how)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(sf->f.dev.nsid)};
	struct nvme_rq *rq = nvme_shared_acquire(sf->sh);

	assert_non_null(rq);
	io->sender = sender;
	rq->opaque = io;
	how(sf->sh, rq, &cmd, ended, 0);
}

/* What is left with nvme_shared_post() goes out with the next poll, with one doorbell for all. */
static void shared__several_with_one_doorbell(void **state)
{
	struct sender sender = {};
	struct nvme_sq_stats stats;
	struct shared_fixture sf;
	struct io ios[7] = {};

	(void)state;
	open_shared(&sf);
	for (int i = 0; i < 7; i++)
		one_more(&sf, &sender, &ios[i], nvme_shared_post);
	nvme_sq_get_stats(sf.f.sq, &stats);
	assert_int_equal(stats.submitted, 0);
	while (sender.ended < 7)
		nvme_shared_poll(sf.sh, 7);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(ios[i].ended, 1);
		assert_int_equal(ios[i].status, 0);
	}
	nvme_sq_get_stats(sf.f.sq, &stats);
	assert_int_equal(stats.submitted, 7);
	assert_int_equal(stats.doorbells, 1);
	close_shared(&sf);
}

/* The same, where the last of them is submitted: it goes out last, and with the others. */
static void shared__several_and_a_submission_with_one_doorbell(void **state)
{
	struct sender sender = {};
	struct nvme_sq_stats stats;
	struct shared_fixture sf;
	struct io ios[7] = {};

	(void)state;
	open_shared(&sf);
	for (int i = 0; i < 7; i++)
		one_more(&sf, &sender, &ios[i], i < 6 ? nvme_shared_post : nvme_shared_submit);
	nvme_sq_get_stats(sf.f.sq, &stats);
	assert_int_equal(stats.submitted, 7);
	assert_int_equal(stats.doorbells, 1);
	while (sender.ended < 7)
		nvme_shared_poll(sf.sh, 7);
	close_shared(&sf);
}

/* A lost command, and the reset that ends it, in the middle. */
static void shared__through_a_reset(void **state)
{
	struct emu_fault fault = {
		.sqid = 1, .opcode = NVM_CMD_FLUSH, .nth = 100, .count = 1, .act = EMU_ACT_HANG};
	struct shared_fixture sf;
	unsigned int bad;

	(void)state;
	open_shared(&sf);
	sf.f.sq->timeout_ms = 300;
	assert_works(emu_fault_add(sf.f.emu, &fault));
	bad = run(&sf, 200);
	assert_true(bad >= 1 && bad < 100);
	close_shared(&sf);
}

static struct shared_fixture *again_in;

static void again(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(again_in->f.dev.nsid)};
	int *left = rq->opaque;

	assert_true(nvme_cqe_ok(cqe));
	if (--*left)
		nvme_shared_submit(again_in->sh, rq, &cmd, again, 0);
}

static void shared__the_next_command_from_the_callback(void **state)
{
	union nvme_cmd cmd;
	struct shared_fixture sf;
	struct nvme_rq *rq;
	int left = 1000;

	(void)state;
	open_shared(&sf);
	again_in = &sf;
	cmd = (union nvme_cmd){.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(sf.f.dev.nsid)};
	rq = nvme_shared_acquire(sf.sh);
	assert_non_null(rq);
	rq->opaque = &left;
	nvme_shared_submit(sf.sh, rq, &cmd, again, 0);
	while (left)
		nvme_shared_poll(sf.sh, 1);
	close_shared(&sf);
}

static void shared__not_with_another_queue(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_create_iosq(&f.dev.ctrl, 2, QSIZE, f.cq, 0));
	errno = 0;
	assert_null(nvme_shared_create(f.sq));
	assert_int_equal(errno, EBUSY);
	nvme_shared_destroy(NULL);
	works(&f);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared__each_command_ends_once),
		cmocka_unit_test(shared__several_with_one_doorbell),
		cmocka_unit_test(shared__several_and_a_submission_with_one_doorbell),
		cmocka_unit_test(shared__through_a_reset),
		cmocka_unit_test(shared__the_next_command_from_the_callback),
		cmocka_unit_test(shared__not_with_another_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

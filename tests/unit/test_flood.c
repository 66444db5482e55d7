/* SPDX-License-Identifier: MIT */
/*
 * A device that never stops talking: it fills the admin completion queue with completions of
 * commands that nobody sent, as fast as they are taken. Waits end at their deadline all the same,
 * and memory does not grow without end.
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "dev.h"

struct flood {
	struct nvme_ctrl ctrl;
	uint32_t tail __attribute__((aligned(8))), head; /* doorbells */
	int stop;
	pthread_t thread;
};

static void *device(void *arg)
{
	struct flood *f = arg;
	struct nvme_cq *cq = f->ctrl.adminq.cq;
	struct nvme_cqe *ring = cq->mem.vaddr;
	uint32_t qsize = (uint32_t)cq->qsize, slot = 0;
	unsigned int phase = 1;

	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		uint32_t next = (slot + 1) % qsize;

		if (next == __atomic_load_n(&f->head, __ATOMIC_ACQUIRE)) {
			sched_yield();
			continue;
		}
		ring[slot].cid = 0x4000;
		__atomic_store_n(&ring[slot].sfp, cpu_to_le16((uint16_t)phase), __ATOMIC_RELEASE);
		phase ^= next == 0;
		slot = next;
	}
	return NULL;
}

static void start(struct flood *f)
{
	memset(f, 0, sizeof(*f));
	assert_works(nvme_ctrl_init(&f->ctrl, "emu:", NULL));
	assert_works(nvme_configure_adminq(&f->ctrl, 0));
	f->ctrl.adminq.sq->doorbell = &f->tail;
	f->ctrl.adminq.sq->asleep = NULL;
	f->ctrl.adminq.cq->doorbell = &f->head;
	f->ctrl.adminq.cq->asleep = NULL;
	assert_int_equal(pthread_create(&f->thread, NULL, device, f), 0);
}

static void stop(struct flood *f)
{
	__atomic_store_n(&f->stop, 1, __ATOMIC_RELEASE);
	pthread_join(f->thread, NULL);
	nvme_close(&f->ctrl);
}

static void flood__synchronous_commands_end(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_GET_FEATURES};
	struct timespec before;
	struct flood f;

	(void)state;
	start(&f);
	f.ctrl.timeout_ms = 200;
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < 3; i++)
		assert_fails(nvme_admin(&f.ctrl, &cmd, NULL, 0, NULL), ETIMEDOUT);
	assert_true(ms_since(&before) < 1000.0 * DEV_PATIENCE_S);
	assert_true(f.ctrl.adminq.cq->nr_kept > 0);
	assert_true(f.ctrl.adminq.cq->nr_kept <= 65536);
	stop(&f);
}

static void flood__no_more_are_kept_than_there_is_room_for(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_GET_FEATURES};
	struct nvme_rq *rq;
	struct flood f;

	(void)state;
	start(&f);
	rq = nvme_rq_acquire(f.ctrl.adminq.sq);
	nvme_rq_exec(rq, &cmd);
	for (int i = 0; i < 65536 + 100; i++)
		assert_fails(nvme_rq_spin(rq, NULL), EAGAIN);
	assert_int_equal(f.ctrl.adminq.cq->nr_kept, 65536);
	assert_int_equal(f.ctrl.adminq.cq->spurious, 100);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flood__synchronous_commands_end),
		cmocka_unit_test(flood__no_more_are_kept_than_there_is_room_for),
	};

	return cmocka_run_group_tests_name("flood", tests, NULL, NULL);
}

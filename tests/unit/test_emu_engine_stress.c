/* SPDX-License-Identifier: MIT */
/*
 * The emulated controller under load from several sides: sleep and wake, calls,
 * mappings that go away, two controllers on one domain, one processor.
 */
#include "emu_host.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <belfry/support/atomic.h>

#include "emu/engine.h"
#include "support/deadline.h"
#include "support/prng.h"

static const union nvme_cmd flush = {.rw = {.opcode = 0x00, .nsid = CPU_TO_LE32(1)}};

static union nvme_cmd rw_cmd(uint8_t opcode, uint32_t blocks, uint64_t iova)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode, .nsid = CPU_TO_LE32(1)}};

	cmd.flags = 0x40; /* SGL */
	cmd.rw.nlb = cpu_to_le16((uint16_t)(blocks - 1));
	cmd.dptr.sgl.addr = cpu_to_le64(iova);
	cmd.dptr.sgl.len = cpu_to_le32(blocks * 512);
	return cmd;
}

/* From now on nothing but a wake ends a sleep: a doorbell that is lost is lost for good. */
static void sleep_for_good(struct emu_ctrl *ctrl, void *arg)
{
	struct emu_engine *e = ctrl->engine;

	(void)arg;
	assert_true(e->membarrier);
	e->sleep_max_ns = 1000 * 1000000000ull;
	e->sleep_min_ns = e->sleep_max_ns;
	e->sleep_ns = e->sleep_max_ns;
	e->tick_ns = e->sleep_max_ns;
	e->next_tick = now_ns() + e->tick_ns;
}

static void pause_ns(uint64_t ns)
{
	uint64_t deadline = deadline_after_ns(ns);

	while (!deadline_passed(deadline))
		cpu_relax();
}

/* Commands after pauses that end at any point of the controller's way into sleep. */
static void sleep__no_doorbell_is_lost(void **state)
{
	unsigned long rounds = test_scale(40000);
	struct emu_stats st;
	struct emu_host h;
	struct prng rng;

	(void)state;
	prng_init(&rng, 1);
	emu_host_start(&h, "spin_us=0");
	emu_host_create_queues(&h, 1, 16);
	emu_call(h.emu, sleep_for_good, NULL);
	for (unsigned long i = 0; i < rounds; i++) {
		emu_host_exec(&h, 1, &flush);
		pause_ns(prng_below(&rng, 20000));
	}
	emu_get_stats(h.emu, &st);
	assert_int_equal(st.io_cmds, rounds);
	assert_true(st.sleeps > 0);
	assert_int_equal(st.violations, 0);
	emu_host_close(&h);
}

static void *call_main(void *arg)
{
	struct emu_host *h = arg;
	unsigned long rounds = test_scale(10000);
	struct emu_stats st;
	struct prng rng;

	prng_init(&rng, 2);
	for (unsigned long i = 0; i < rounds; i++) {
		emu_get_stats(h->emu, &st);
		if (prng_below(&rng, 4) == 0)
			pause_ns(prng_below(&rng, 20000));
		(void)emu_reg_read(h->emu, NVM_REG_CSTS, 4);
	}
	return NULL;
}

static void sleep__no_call_is_lost(void **state)
{
	unsigned long rounds = test_scale(10000);
	pthread_t callers[3];
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "spin_us=0");
	emu_host_create_queues(&h, 1, 16);
	emu_call(h.emu, sleep_for_good, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, call_main, &h), 0);
	for (unsigned long i = 0; i < rounds; i++)
		emu_host_exec(&h, 1, &flush);
	for (int i = 0; i < 3; i++)
		pthread_join(callers[i], NULL);
	emu_host_close(&h);
}

static void sleep__costs_nothing(void **state)
{
	struct timespec before, after;
	struct emu_stats st[2];
	struct emu_host h;
	int64_t ns;

	(void)state;
	emu_host_start(&h, "");
	emu_host_create_queues(&h, 1, 16);
	emu_host_exec(&h, 1, &flush);
	usleep(50000);
	emu_get_stats(h.emu, &st[0]);
	usleep(50000); /* asleep again */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	usleep(1000000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	emu_get_stats(h.emu, &st[1]);
	ns = (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec;
	print_message("# idle: %lld us of CPU time in a second, %llu sleeps\n",
		      (long long)ns / 1000, (unsigned long long)(st[1].sleeps - st[0].sleeps));
	/* It sleeps, and looks up some 130 times. What that takes is not the same on all machines. */
	assert_true(st[1].sleeps > st[0].sleeps);
	assert_true(st[1].sleeps - st[0].sleeps < 300);
	emu_host_close(&h);
}

#define WINDOW_IOVA 0x300000000ull
#define WINDOW_LEN  (128u << 10)

struct unmapper {
	struct emu_domain *dom;
	uint32_t stop;
	unsigned long rounds;
};

/* Takes the window away and gives it back; in between, touching its memory is a crash. */
static void *unmap_main(void *arg)
{
	struct unmapper *u = arg;
	struct prng rng;

	prng_init(&rng, 3);
	while (!atomic_load_acquire(&u->stop)) {
		void *mem = mmap(NULL, WINDOW_LEN, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (mem == MAP_FAILED ||
		    emu_domain_map(u->dom, WINDOW_IOVA, mem, WINDOW_LEN, EMU_DMA_WRITE))
			return arg;
		pause_ns(prng_below(&rng, 2000000));
		emu_domain_unmap(u->dom, WINDOW_IOVA, WINDOW_LEN);
		munmap(mem, WINDOW_LEN);
		u->rounds++;
	}
	return NULL;
}

static void domain__unmap_during_transfers(void **state)
{
	unsigned long rounds = test_scale(5000), done = 0, refused = 0;
	struct unmapper u = {.stop = 0};
	struct emu_host h;
	pthread_t thread;
	void *failed;

	(void)state;
	emu_host_start(&h, "size=16M");
	emu_host_create_queues(&h, 1, 16);
	u.dom = h.dom;
	assert_int_equal(pthread_create(&thread, NULL, unmap_main, &u), 0);
	for (unsigned long i = 0; i < rounds || !done || !refused; i++) {
		union nvme_cmd cmd = rw_cmd(0x02, WINDOW_LEN / 512, WINDOW_IOVA);
		uint16_t status = emu_host_status(&h, 1, &cmd);

		assert_true(status == 0 || status == 0x004);
		done += !status;
		refused += !!status;
	}
	atomic_store_release(&u.stop, 1);
	pthread_join(thread, &failed);
	assert_null(failed);
	print_message("# %lu reads done, %lu refused, %lu unmaps\n", done, refused, u.rounds);
	emu_host_close(&h);
}

struct worker {
	struct emu_host *host;
	uint64_t base; /* IOVA of its rings and data */
	int failed;
};

/* A second controller on the domain of the first, with memory of its own. */
static void second_open(struct emu_host *h, const struct emu_host *first, uint64_t iova)
{
	size_t len;

	*h = (struct emu_host){.dom = first->dom, .next_cid = 1};
	h->mem = mmap(NULL, EMU_HOST_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	assert_ptr_not_equal(h->mem, MAP_FAILED);
	assert_int_equal(
		emu_domain_map(h->dom, iova, h->mem, EMU_HOST_MEM, EMU_DMA_READ | EMU_DMA_WRITE),
		0);
	h->emu = emu_ctrl_create("", h->dom);
	assert_non_null(h->emu);
	h->bar = emu_bar(h->emu, EMU_BAR_REGS, &len);
	emu_host_q_init(h, 0, 32, 32);
	emu_reg_write(h->emu, NVM_REG_AQA, 4, 0x001f001f);
	emu_reg_write(h->emu, NVM_REG_ASQ, 8, iova);
	emu_reg_write(h->emu, NVM_REG_ACQ, 8, iova + EMU_HOST_RING / 2);
	emu_reg_write(h->emu, NVM_REG_CC, 4, 0x00460001);
	emu_host_wait_csts(h, 1, 1);
}

static void *admin_main(void *arg)
{
	struct worker *w = arg;
	union nvme_cmd cmd = {.identify = {.opcode = 0x06, .cns = 0x01}};
	unsigned long rounds = test_scale(5000);

	cmd.dptr.prp1 = cpu_to_le64(w->base + EMU_HOST_DATA);
	for (unsigned long i = 0; i < rounds; i++)
		w->failed |= emu_host_status(w->host, 0, &cmd);
	return NULL;
}

static void domain__of_two_controllers(void **state)
{
	const uint64_t iova = 0x200000000;
	struct emu_host a, b;
	struct worker wa = {.host = &a, .base = EMU_HOST_IOVA};
	struct worker wb = {.host = &b, .base = iova};
	struct unmapper u = {.stop = 0};
	pthread_t threads[3];
	struct emu_stats st;

	(void)state;
	emu_host_start(&a, "");
	second_open(&b, &a, iova);
	u.dom = a.dom;
	assert_int_equal(pthread_create(&threads[0], NULL, admin_main, &wa), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, admin_main, &wb), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, unmap_main, &u), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	atomic_store_release(&u.stop, 1);
	pthread_join(threads[2], NULL);
	assert_int_equal(wa.failed | wb.failed, 0);

	/* One goes, the other does not notice. */
	emu_ctrl_destroy(b.emu);
	emu_domain_unmap(a.dom, iova, EMU_HOST_MEM);
	munmap(b.mem, EMU_HOST_MEM);
	admin_main(&wa);
	assert_int_equal(wa.failed, 0);
	emu_get_stats(a.emu, &st);
	assert_int_equal(st.dma_faults, 0);
	emu_host_close(&a);
}

static void life__destroyed_at_work(void **state)
{
	unsigned long rounds = test_scale(200);
	struct emu_host h;

	(void)state;
	for (unsigned long i = 0; i < rounds; i++) {
		emu_host_start(&h, "size=1M,fault=act=delay:arg=1000000:nth=5:sq=1");
		emu_host_create_queues(&h, 1, 64);
		for (int n = 0; n < 63; n++)
			emu_host_post(&h, 1, &flush);
		emu_host_ring(&h, 1);
		emu_host_close(&h);
	}
}

static void life__on_one_processor(void **state)
{
	unsigned long rounds = test_scale(2000);
	cpu_set_t all, one;
	struct emu_host h;
	uint64_t before;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	emu_host_start(&h, "");
	emu_host_create_queues(&h, 1, 16);
	before = now_ns();
	for (unsigned long i = 0; i < rounds; i++)
		emu_host_exec(&h, 1, &flush);
	print_message("# %llu us per command\n",
		      (unsigned long long)((now_ns() - before) / rounds / 1000));
	emu_host_close(&h);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleep__no_doorbell_is_lost),
		cmocka_unit_test(sleep__no_call_is_lost),
		cmocka_unit_test(sleep__costs_nothing),
		cmocka_unit_test(domain__unmap_during_transfers),
		cmocka_unit_test(domain__of_two_controllers),
		cmocka_unit_test(life__destroyed_at_work),
		cmocka_unit_test(life__on_one_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

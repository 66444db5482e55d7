/* SPDX-License-Identifier: MIT */
/*
 * Trackers by many threads at once. Every tracker carries the stamp of its owner: one that is
 * handed out twice shows at once. A free list without a version is corrupted by this within a
 * second.
 */
#include <pthread.h>
#include <sched.h>

#include "dev.h"
#include "support/prng.h"

#define NR_THREADS 4
#define HOLD_MAX   3

struct shared {
	struct nvme_sq *sq;
	uint32_t *stamps; /* by cid: owner, 0 nobody */
	unsigned long rounds;
	int go;
};

struct worker {
	pthread_t thread;
	struct shared *shared;
	uint32_t me;
	unsigned long taken;
	const char *wrong; /* what went wrong, for the main thread to say */
};

static bool take(struct worker *w, struct nvme_rq **held)
{
	struct nvme_rq *rq = nvme_rq_acquire_atomic(w->shared->sq);

	if (!rq) {
		if (errno != EBUSY)
			w->wrong = "acquire failed, not with EBUSY";
		return false;
	}
	if (rq->cid >= w->shared->sq->nr_rqs || rq != &w->shared->sq->rqs[rq->cid] ||
	    !rq->page.vaddr)
		w->wrong = "not a whole tracker";
	else if (__atomic_exchange_n(&w->shared->stamps[rq->cid], w->me, __ATOMIC_ACQ_REL))
		w->wrong = "handed out twice";
	/* Not atomic: who owns it may, and a race shows under a sanitizer. */
	if (rq->opaque)
		w->wrong = "not reset";
	rq->opaque = w;
	*held = rq;
	w->taken++;
	return true;
}

static void give(struct worker *w, struct nvme_rq *rq)
{
	if (rq->opaque != w)
		w->wrong = "somebody else's, before it was given back";
	if (__atomic_exchange_n(&w->shared->stamps[rq->cid], 0, __ATOMIC_ACQ_REL) != w->me)
		w->wrong = "somebody else's stamp";
	nvme_rq_release_atomic(rq);
}

/*
 * One step at a time, and back in any order: what was on top is often there again while what was
 * under it is out, which is when a list without a version breaks.
 */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct nvme_rq *held[HOLD_MAX];
	struct prng rng;
	size_t n = 0;

	prng_init(&rng, w->me);
	while (!__atomic_load_n(&w->shared->go, __ATOMIC_ACQUIRE))
		sched_yield();
	while (w->taken < w->shared->rounds && !w->wrong) {
		uint64_t draw = prng_next(&rng);

		if (n < HOLD_MAX && draw & 1) {
			if (take(w, &held[n]))
				n++;
			else if (!n)
				sched_yield(); /* to those who have them */
		} else if (n) {
			size_t at = (draw >> 1) % n;

			give(w, held[at]);
			held[at] = held[--n];
		}
	}
	while (n)
		give(w, held[--n]);
	return NULL;
}

static void stress(int qsize, unsigned long rounds)
{
	struct worker workers[NR_THREADS];
	struct dev dev;
	struct shared shared = {.sq = dev_open_io(&dev, qsize), .rounds = test_scale(rounds)};
	unsigned char *seen;

	shared.stamps = calloc(shared.sq->nr_rqs, sizeof(*shared.stamps));
	seen = calloc(shared.sq->nr_rqs, 1);
	assert_non_null(shared.stamps);
	assert_non_null(seen);
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){.shared = &shared, .me = i + 1};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	__atomic_store_n(&shared.go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (int i = 0; i < NR_THREADS; i++) {
		if (workers[i].wrong)
			fail_msg("thread %d, after %lu: %s", i, workers[i].taken, workers[i].wrong);
		assert_true(workers[i].taken >= shared.rounds);
	}

	/* All are there, each once. */
	for (uint32_t i = 0; i < shared.sq->nr_rqs; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(shared.sq);

		assert_non_null(rq);
		assert_int_equal(seen[rq->cid]++, 0);
	}
	assert_null(nvme_rq_acquire(shared.sq));
	free(shared.stamps);
	free(seen);
	dev_close(&dev);
}

static void rq_atomic__three_trackers_for_four_threads(void **state)
{
	(void)state;
	stress(4, 500000);
}

static void rq_atomic__one_tracker_for_four_threads(void **state)
{
	(void)state;
	stress(2, 100000);
}

static void rq_atomic__enough_for_all(void **state)
{
	(void)state;
	stress(33, 500000);
}

/* The fresh ones run out in the middle of it: slow and fast ways mix. */
static void rq_atomic__fresh_ones_mixed_in(void **state)
{
	(void)state;
	for (unsigned long i = 0; i < test_scale(100); i++)
		stress(20, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rq_atomic__three_trackers_for_four_threads),
		cmocka_unit_test(rq_atomic__one_tracker_for_four_threads),
		cmocka_unit_test(rq_atomic__enough_for_all),
		cmocka_unit_test(rq_atomic__fresh_ones_mixed_in),
	};

	return cmocka_run_group_tests_name("rq_atomic", tests, NULL, NULL);
}

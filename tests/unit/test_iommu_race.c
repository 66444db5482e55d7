/* SPDX-License-Identifier: MIT */
/*
 * An address space in the hands of several threads. What a thread sees is checked against what no
 * order of events allows; the sanitizers check the rest. Threads count what is wrong and the test
 * looks at the count, because cmocka's asserts are for its own thread only.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <belfry/iommu.h>

#include "iommu/pin.h"
#include "iommu/translate.h"
#include "test.h"
#include "test_iommu_fake.h"

#define SLOTS	   64ul
#define SLOT_PAGES 8ul
#define SLOT	   (SLOT_PAGES * PAGE)
#define PLANES	   4ul

struct race {
	struct fake *fake;
	struct iommu_ctx *ctx;
	char *arena; /* SLOTS slots, and as much again for each owner */
	pthread_barrier_t barrier;
	unsigned long rounds;
	unsigned long wrong; /* what no order of events allows */
	unsigned long found, wins, same;
	iova_t iova[2];
	int stop;
};

struct worker {
	struct race *race;
	pthread_t thread;
	unsigned int nr;
	uint64_t rng;
};

static unsigned int rnd(struct worker *w, unsigned int n)
{
	uint64_t z = w->rng += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

static void count(unsigned long *counter, bool happened)
{
	if (happened)
		__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void expect(struct race *race, bool right)
{
	count(&race->wrong, !right);
}

/* Go on for all rounds, and then until the others have had their turn, but not for ever. */
static bool again(struct race *race, unsigned long round, unsigned long *counter)
{
	if (round < race->rounds)
		return true;
	sched_yield();
	return !__atomic_load_n(counter, __ATOMIC_RELAXED) && round < race->rounds + 1000000;
}

static void race_run(struct race *race, void *(*const fn[])(void *), unsigned int n)
{
	struct worker worker[8];

	assert_true(n <= ROWS(worker));
	for (unsigned int i = 0; i < n; i++) {
		worker[i] = (struct worker){.race = race, .nr = i, .rng = 1000 + i};
		assert_int_equal(pthread_create(&worker[i].thread, NULL, fn[i], &worker[i]), 0);
	}
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(pthread_join(worker[i].thread, NULL), 0);
	assert_int_equal(race->wrong, 0);
}

static void race_begin(struct race *race, size_t arena)
{
	*race = (struct race){.fake = fake_create(NULL, 0, NULL), .arena = arena_create(arena)};
	race->ctx = &race->fake->ctx;
}

static void race_end(struct race *race, size_t arena)
{
	assert_pristine(race->fake);
	fake_destroy(race->fake);
	munmap(race->arena, arena);
}

/*
 * Some pages of a slot, at the same offset in one of several planes of IOVAs: so any IOVA that is
 * not a whole number of planes away from its address is made of two mappings.
 */
static void *map_and_unmap_slots(void *arg)
{
	struct worker *w = arg;
	struct race *race = w->race;

	for (unsigned long i = 0; again(race, i, &race->found); i++) {
		size_t first = rnd(w, SLOT_PAGES), n = 1 + rnd(w, SLOT_PAGES - first);
		size_t offset = rnd(w, SLOTS) * SLOT + first * PAGE;
		iova_t want = (1 + rnd(w, PLANES)) * GIB + offset, iova = want;

		if (iommu_map_vaddr(race->ctx, race->arena + offset, n * PAGE, &iova,
				    IOMMU_MAP_FIXED_IOVA))
			expect(race, errno == EEXIST && iova == want);
		else
			expect(race, iova == want);

		if (iommu_unmap_vaddr(race->ctx, race->arena + rnd(w, SLOTS * SLOT), NULL))
			expect(race, errno == ENOENT);
	}
	__atomic_store_n(&race->stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *translate_slots(void *arg)
{
	struct worker *w = arg;
	struct race *race = w->race;

	while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
		size_t offset = rnd(w, SLOTS * SLOT), len = 1 + rnd(w, SLOT + PAGE), contig = 0;
		char *vaddr = race->arena + offset;
		void *back;
		iova_t iova = 0;

		if (iommu_translate_range(race->ctx, vaddr, len, &iova)) {
			expect(race, (iova - offset) % GIB == 0 && iova / GIB <= PLANES);
			expect(race, offset / SLOT == (offset + len - 1) / SLOT);
			count(&race->found, true);
		}
		if (iommu_translate_piece(race->ctx, vaddr, len, &iova, &contig))
			expect(race, (iova - offset) % GIB == 0 && contig && contig <= len);
		/* An owner's memory may have found room between the slots' IOVAs. */
		if (iommu_translate_iova(race->ctx, GIB + offset, &back) > 0)
			expect(race, back == vaddr || (char *)back >= race->arena + SLOTS * SLOT);
	}
	return NULL;
}

/* Memory that only this thread maps: what it finds there is never a matter of luck. */
static void *map_own_memory(void *arg)
{
	struct worker *w = arg;
	struct race *race = w->race;
	char *arena = race->arena + (1 + w->nr) * SLOTS * SLOT;

	while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
		size_t first = rnd(w, 50), n = 1 + rnd(w, 50), len = 0;
		char *vaddr = arena + first * PAGE;
		iova_t iova = 0, at = 0;

		expect(race, !iommu_map_vaddr(race->ctx, vaddr, n * PAGE, &iova,
					      rnd(w, 2) ? IOMMU_MAP_EPHEMERAL : 0));
		expect(race, fake_sees(race->fake, iova) == (uintptr_t)vaddr);
		expect(race, iommu_translate_range(race->ctx, vaddr, n * PAGE, &at) && at == iova);
		expect(race, !iommu_translate_range(race->ctx, vaddr, n * PAGE + 1, &at));
		expect(race, !iommu_unmap_vaddr(race->ctx, vaddr + rnd(w, n * PAGE), &len));
		expect(race, len == n * PAGE);
		expect(race, !iommu_translate_range(race->ctx, vaddr, 1, &at));
		expect(race, fake_sees(race->fake, iova) != (uintptr_t)vaddr);
	}
	return NULL;
}

static void race__translation_never_mixes_mappings(void **state)
{
	void *(*const fn[])(void *) = {map_and_unmap_slots, map_and_unmap_slots, translate_slots,
				       translate_slots,	    map_own_memory,	 map_own_memory};
	const size_t arena = 8 * SLOTS * SLOT;
	struct race race;

	(void)state;
	race_begin(&race, arena);
	race.rounds = test_scale(200000);
	race_run(&race, fn, ROWS(fn));
	assert_true(race.found > 0);
	assert_int_equal(iommu_unmap_all(race.ctx), 0);
	race_end(&race, arena);
}

static void *map_and_unmap_together(void *arg)
{
	struct worker *w = arg;
	struct race *race = w->race;

	for (unsigned long i = 0; i < race->rounds; i++) {
		char *vaddr = race->arena + i % 16 * PAGE;

		pthread_barrier_wait(&race->barrier);
		expect(race, !iommu_map_vaddr(race->ctx, vaddr, 4 * PAGE, &race->iova[w->nr], 0));
		pthread_barrier_wait(&race->barrier);
		if (w->nr == 0) {
			count(&race->same, race->iova[0] == race->iova[1]);
			expect(race, race->fake->maps == i + 1);
		}
		pthread_barrier_wait(&race->barrier);
		if (!iommu_unmap_vaddr(race->ctx, vaddr + w->nr * PAGE, NULL))
			count(&race->wins, true);
		else
			expect(race, errno == ENOENT);
	}
	return NULL;
}

static void race__two_that_map_get_one_mapping_and_one_of_two_unmaps_wins(void **state)
{
	void *(*const fn[])(void *) = {map_and_unmap_together, map_and_unmap_together};
	struct race race;

	(void)state;
	race_begin(&race, 20 * PAGE);
	race.rounds = test_scale(5000);
	race.fake->map_us = 20; /* so that the other one comes while it maps */
	assert_int_equal(pthread_barrier_init(&race.barrier, NULL, 2), 0);
	race_run(&race, fn, 2);
	assert_int_equal(race.same, race.rounds);
	assert_int_equal(race.wins, race.rounds);
	assert_int_equal(race.fake->unmaps, race.rounds);
	pthread_barrier_destroy(&race.barrier);
	race_end(&race, 20 * PAGE);
}

static void *pin_shared_memory(void *arg)
{
	struct worker *w = arg;
	struct race *race = w->race;

	for (unsigned long i = 0; again(race, i, &race->wins); i++) {
		size_t first = rnd(w, 8), n = 1 + rnd(w, 8 - first);
		char *vaddr = race->arena + first * PAGE;
		struct iommu_pin pin;
		iova_t iova = 0;

		if (iommu_pin(race->ctx, vaddr, n * PAGE, &iova, &pin)) {
			expect(race, false);
			continue;
		}
		/* All of it, for as long as it is pinned, whatever the others do. */
		for (size_t look = 0; look < 3 * n; look++)
			expect(race, fake_sees(race->fake, iova + look % n * PAGE) ==
					     (uintptr_t)vaddr + look % n * PAGE);
		iommu_unpin(race->ctx, &pin);
	}
	__atomic_store_n(&race->stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *map_shared_memory(void *arg)
{
	struct worker *w = arg;
	struct race *race = w->race;

	while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
		expect(race,
		       !iommu_map_vaddr(race->ctx, race->arena + 2 * PAGE, 4 * PAGE, NULL, 0));
		while (iommu_unmap_vaddr(race->ctx, race->arena + 3 * PAGE, NULL)) {
			expect(race, errno == EBUSY);
			count(&race->found, true);
		}
		count(&race->wins, true);
	}
	return NULL;
}

static void race__pinned_memory_stays_visible(void **state)
{
	void *(*const fn[])(void *) = {pin_shared_memory, pin_shared_memory, pin_shared_memory,
				       map_shared_memory};
	struct race race;

	(void)state;
	race_begin(&race, 8 * PAGE);
	race.rounds = test_scale(50000);
	race_run(&race, fn, ROWS(fn));
	assert_true(race.wins > 0);
	race_end(&race, 8 * PAGE);
}

static void *get_and_put_memory(void *arg)
{
	struct worker *w = arg;
	struct race *race = w->race;

	for (unsigned long i = 0; i < race->rounds; i++) {
		struct iommu_dmabuf buffer;
		size_t len = 1 + rnd(w, 20000);
		void *mem;

		expect(race, !iommu_get_dmabuf(race->ctx, &buffer, len, 0));
		mem = iommu_alloc_same_iova(race->ctx, len);
		expect(race, mem != NULL);
		memset(buffer.vaddr, w->nr, len);
		if (mem)
			memset(mem, w->nr, len);
		iommu_put_dmabuf(&buffer);
		expect(race, !iommu_free_same_iova(race->ctx, mem));
		expect(race, iommu_ctx_get(race->ctx) == race->ctx);
		expect(race, iommu_ctx_valid(race->ctx));
		iommu_ctx_put(race->ctx);
	}
	return NULL;
}

static void race__memory_comes_and_goes(void **state)
{
	void *(*const fn[])(void *) = {get_and_put_memory, get_and_put_memory, get_and_put_memory};
	struct race race;

	(void)state;
	race_begin(&race, PAGE);
	race.rounds = test_scale(3000);
	race_run(&race, fn, ROWS(fn));
	race_end(&race, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(race__translation_never_mixes_mappings),
		cmocka_unit_test(race__two_that_map_get_one_mapping_and_one_of_two_unmaps_wins),
		cmocka_unit_test(race__pinned_memory_stays_visible),
		cmocka_unit_test(race__memory_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Two owners on one queue, caught.
 *
 * Threads are numbered by the place in a table that each takes when it is first seen and gives back
 * when it ends, and by how often the place has been taken: so whether an owner still lives is known
 * for certain, which the kernel's thread ids, that are used again, would not tell. Atomic variables
 * are relaxed on purpose: what orders two owners has to be the program's, and a thread sanitizer must
 * go on seeing where nothing does.
 */
#include "nvme/owner.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <belfry/nvme/queue.h>
#include <belfry/support/log.h>

#include "nvme/follow.h"
#include "nvme/rq.h"
#include "support/errno.h"

#define PLACES	   4096 /* threads beyond are not checked */
#define PLACE_BITS 12

/* A thread's number: generation 63:12, odd while it lives; place 11:0. */
static struct {
	uint64_t gen;
	int tid;
} places[PLACES];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local uint64_t me;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static nvme_owner_fn handler; /* guarded by lock */
static void *handler_arg;     /* likewise */
static uint64_t violations;

static uint64_t get(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* False where it was not @old, which is then what it is. */
static bool swap(uint64_t *word, uint64_t *old, uint64_t val)
{
	return __atomic_compare_exchange_n(word, old, val, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

static size_t place_of(uint64_t thread)
{
	return (size_t)(thread & (PLACES - 1));
}

static bool alive(uint64_t thread)
{
	return get(&places[place_of(thread)].gen) == thread >> PLACE_BITS;
}

static int tid_of(uint64_t thread)
{
	return __atomic_load_n(&places[place_of(thread)].tid, __ATOMIC_RELAXED);
}

/* The thread ends: its place is free, and what it owned is nobody's. */
static void give_back(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&places[place_of(me)].gen, 1, __ATOMIC_RELAXED);
	me = 0;
}

static void make_key(void)
{
	if (pthread_key_create(&key, give_back))
		log_error("owners of queues are not checked: no key\n");
}

/* This thread's number, 0 when there is no place for it. */
static uint64_t self(void)
{
	if (likely(me))
		return me;
	pthread_once(&once, make_key);
	for (size_t i = 0; i < PLACES; i++) {
		uint64_t gen = get(&places[i].gen);

		if (gen & 1 || !swap(&places[i].gen, &gen, gen + 1))
			continue;
		me = (gen + 1) << PLACE_BITS | i;
		__atomic_store_n(&places[i].tid, (int)syscall(SYS_gettid), __ATOMIC_RELAXED);
		if (pthread_setspecific(key, &places[i]))
			give_back(NULL);
		break;
	}
	return me;
}

static void report(struct nvme_owner_violation *v, uint64_t thread, uint64_t other, bool overlap)
{
	nvme_owner_fn fn;
	void *arg;

	v->tid = tid_of(thread);
	v->owner = tid_of(other);
	v->overlap = overlap;
	log_error("%s %d: %s() by thread %d, while thread %d %s\n", v->sq ? "sq" : "cq",
		  v->sq ? v->sq->id : v->cq->id, v->function, v->tid, v->owner,
		  overlap ? "is inside" : "owns it");
	__atomic_add_fetch(&violations, 1, __ATOMIC_RELAXED);

	pthread_mutex_lock(&lock);
	fn = handler;
	arg = handler_arg;
	pthread_mutex_unlock(&lock);
	if (fn)
		fn(v, arg);
}

/* Returns what __nvme_owner_leave() is to leave. */
static struct nvme_owner *enter(struct nvme_owner *o, struct nvme_owner_violation v)
{
	uint64_t thread = self(), inside = 0, owner;
	keep_errno();

	if (!thread)
		return NULL;
	if (!swap(&o->inside, &inside, thread)) {
		if (inside == thread) {
			o->depth++;
			return o;
		}
		report(&v, thread, inside, true);
		return NULL;
	}
	owner = get(&o->owner);
	while (owner != thread) {
		if (owner && alive(owner)) {
			report(&v, thread, owner, false);
			break;
		}
		if (swap(&o->owner, &owner, thread))
			break;
	}
	return o;
}

struct nvme_owner *__nvme_sq_enter(const struct nvme_sq *sq, const char *function)
{
	struct nvme_owner *o = sq->id == NVME_AQ ? NULL : nvme_sq_owner(sq);

	if (!o)
		return NULL;
	return enter(o, (struct nvme_owner_violation){.sq = sq, .function = function});
}

struct nvme_owner *__nvme_cq_enter(const struct nvme_cq *cq, const char *function)
{
	if (!cq || cq->id == NVME_AQ || !cq->follow)
		return NULL;
	return enter(&cq->follow->owner,
		     (struct nvme_owner_violation){.cq = cq, .function = function});
}

void __nvme_owner_leave(struct nvme_owner **owner)
{
	struct nvme_owner *o = *owner;

	if (!o)
		return;
	if (o->depth)
		o->depth--;
	else
		__atomic_store_n(&o->inside, 0, __ATOMIC_RELAXED);
}

void __nvme_sq_forget_owner(const struct nvme_sq *sq)
{
	struct nvme_owner *o = nvme_sq_owner(sq);

	if (o)
		__atomic_store_n(&o->owner, 0, __ATOMIC_RELAXED);
}

void __nvme_cq_forget_owner(const struct nvme_cq *cq)
{
	if (cq->follow)
		__atomic_store_n(&cq->follow->owner.owner, 0, __ATOMIC_RELAXED);
}

void nvme_set_owner_handler(nvme_owner_fn fn, void *arg)
{
	pthread_mutex_lock(&lock);
	handler = fn;
	handler_arg = arg;
	pthread_mutex_unlock(&lock);
}

uint64_t nvme_owner_violations(void)
{
	return get(&violations);
}

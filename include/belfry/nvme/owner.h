/* SPDX-License-Identifier: MIT */
/*
 * Two owners on one queue, caught; belfry/nvme/queue.h includes it.
 *
 * A library that was built with -Downer_check=enabled, and programs that were compiled with
 * BELFRY_OWNER_CHECK, which its pkg-config file says, look at the calling thread in each function that
 * is a queue owner's. The first thread that uses a queue after it was configured owns it, until that
 * thread ends or hands it over. Another one is a violation, and two that are inside at the same time
 * are in any case. It is logged, counted and told; the call goes on as if nothing had been.
 *
 * Otherwise nothing is looked at, and nothing costs anything. Structures are the same either way.
 */
#ifndef BELFRY_NVME_OWNER_H
#define BELFRY_NVME_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_cq;
struct nvme_owner;
struct nvme_sq;

/**
 * struct nvme_owner_violation - a thread where it may not be
 * @sq: submission queue, or NULL
 * @cq: completion queue, or NULL
 * @function: that was called
 * @tid: of the calling thread (gettid(2))
 * @owner: of the queue's owner, or of the thread inside
 * @overlap: the other was inside at the same time
 */
struct nvme_owner_violation {
	const struct nvme_sq *sq;
	const struct nvme_cq *cq;
	const char *function;
	int tid;
	int owner;
	bool overlap;
};

/**
 * typedef nvme_owner_fn - told of a violation
 * @violation: valid only during the call
 * @arg: from nvme_set_owner_handler()
 *
 * Called in the thread that is wrong, before the function does its work. It may end the process, and
 * it must not use the queue.
 */
typedef void (*nvme_owner_fn)(const struct nvme_owner_violation *violation, void *arg);

/**
 * nvme_set_owner_handler() - have violations told, of all queues of the process
 * @fn: function, or NULL for none
 * @arg: for @fn
 *
 * Context: any thread.
 */
void nvme_set_owner_handler(nvme_owner_fn fn, void *arg);

/**
 * nvme_owner_violations() - how many there were, in the process
 *
 * Context: any thread.
 * Return: their number; 0 where nothing is looked at.
 */
uint64_t nvme_owner_violations(void);

/* private: what the macros below do */
struct nvme_owner *__nvme_sq_enter(const struct nvme_sq *sq, const char *function);
struct nvme_owner *__nvme_cq_enter(const struct nvme_cq *cq, const char *function);
void __nvme_owner_leave(struct nvme_owner **owner);
void __nvme_sq_forget_owner(const struct nvme_sq *sq);
void __nvme_cq_forget_owner(const struct nvme_cq *cq);

/* private: at the top of a function: from here to its end the thread is inside a queue */
#if defined(BELFRY_OWNER_CHECK) && !defined(__CHECKER__)
#define __nvme_sq_owned(sq)                                                    \
	struct nvme_owner *__sq_owner                                          \
		__attribute__((__cleanup__(__nvme_owner_leave), __unused__)) = \
			__nvme_sq_enter(sq, __func__)
#define __nvme_cq_owned(cq)                                                    \
	struct nvme_owner *__cq_owner                                          \
		__attribute__((__cleanup__(__nvme_owner_leave), __unused__)) = \
			__nvme_cq_enter(cq, __func__)
#else
#define __nvme_sq_owned(sq) ((void)0)
#define __nvme_cq_owned(cq) ((void)0)
#endif

/**
 * nvme_sq_hand_over() - let another thread own a submission queue
 * @sq: queue; the next thread that uses it owns it
 *
 * Context: owner of @sq. How the other one learns of it, and sees what this one has done, is up to the
 *	program, as ever. Costs nothing unless owners are checked.
 */
static inline void nvme_sq_hand_over(struct nvme_sq *sq)
{
	(void)sq;
#ifdef BELFRY_OWNER_CHECK
	__nvme_sq_owned(sq);
	__nvme_sq_forget_owner(sq);
#endif
}

/**
 * nvme_cq_hand_over() - let another thread own a completion queue
 * @cq: queue; the next thread that uses it owns it
 *
 * Context: owner of @cq; as nvme_sq_hand_over().
 */
static inline void nvme_cq_hand_over(struct nvme_cq *cq)
{
	(void)cq;
#ifdef BELFRY_OWNER_CHECK
	__nvme_cq_owned(cq);
	__nvme_cq_forget_owner(cq);
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_OWNER_H */

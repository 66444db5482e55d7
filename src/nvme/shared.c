/* SPDX-License-Identifier: MIT */
/*
 * One submission queue for many threads: flat combining. A submitter becomes the owner and posts, or,
 * where there is one, writes what it wants into a place of its tracker's own, pushes the tracker onto
 * a stack, and tries again. The owner takes the whole stack, turns it round, and posts.
 *
 * That nothing is left lying (the numbers are beside the lines):
 *  1. a submitter pushes, and then tries the lock, if not at once then when it polls;
 *  2. an owner unlocks, and then looks at the stack;
 *  both are sequentially consistent. If the submitter does not get the lock, the owner had not
 *  unlocked at that time, so its look at 2 comes after the push at 1 and sees it.
 *
 * The stack has no ABA: it is pushed onto and taken whole, and a tracker on it is nobody else's.
 */
#include <belfry/nvme/shared.h>

#include <errno.h>
#include <stdlib.h>

#include <belfry/nvme/poll.h>
#include <belfry/nvme/rq.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"
#include "support/errno.h"

/* What a submitter wants; by cid. */
struct wish {
	union nvme_cmd cmd;
	nvme_rq_done_fn done;
	unsigned int timeout_ms;
	uint32_t next; /* cid + 1 of the next on the stack, 0 ends */
};

struct nvme_shared {
	struct nvme_sq *sq;
	struct wish *wishes;

	/* Each on a line of its own: both are written by everybody. */
	uint32_t stack __attribute__((aligned(64))); /* cid + 1 of the top */
	uint32_t owned __attribute__((aligned(64))); /* is there an owner now */
};

/* The next owner is another thread, most likely. */
static void hand_over(struct nvme_shared *sh)
{
	nvme_sq_hand_over(sh->sq);
	nvme_cq_hand_over(sh->sq->cq);
}

struct nvme_shared *nvme_shared_create(struct nvme_sq *sq)
{
	struct nvme_shared *sh;
	void *mem;
	int err;

	for (uint32_t i = 0; i < sq->cq->nr_sqs; i++) {
		if (&sq->cq->sqs[i] != sq && sq->cq->sqs[i].cq == sq->cq)
			return set_errno_null(EBUSY);
	}
	err = posix_memalign(&mem, 64, sizeof(*sh));
	if (err)
		return set_errno_null(err);
	sh = mem;
	*sh = (struct nvme_shared){.sq = sq};
	sh->wishes = calloc(sq->nr_rqs, sizeof(*sh->wishes));
	if (!sh->wishes) {
		free(sh);
		return set_errno_null(ENOMEM);
	}
	sq->flags |= NVME_Q_SHARED;
	hand_over(sh);
	return sh;
}

void nvme_shared_destroy(struct nvme_shared *sh)
{
	if (!sh)
		return;
	sh->sq->flags &= ~NVME_Q_SHARED;
	free(sh->wishes);
	free(sh);
}

struct nvme_rq *nvme_shared_acquire(struct nvme_shared *sh)
{
	return nvme_rq_acquire_atomic(sh->sq);
}

static bool try_own(struct nvme_shared *sh)
{
	return !__atomic_load_n(&sh->owned, __ATOMIC_RELAXED) &&
	       !__atomic_exchange_n(&sh->owned, 1, __ATOMIC_SEQ_CST);
}

/* Owner: post all that is on the stack, oldest first; the device is not told. */
static void post_all(struct nvme_shared *sh)
{
	uint32_t top = __atomic_exchange_n(&sh->stack, 0, __ATOMIC_SEQ_CST);
	uint32_t oldest = 0;

	if (!top)
		return;
	while (top) {
		struct wish *wish = &sh->wishes[top - 1];
		uint32_t next = wish->next;

		wish->next = oldest;
		oldest = top;
		top = next;
	}
	while (oldest) {
		struct wish *wish = &sh->wishes[oldest - 1];

		nvme_rq_submit(&sh->sq->rqs[oldest - 1], &wish->cmd, wish->done, wish->timeout_ms);
		oldest = wish->next;
	}
}

/* Owner: stop being it, with nothing left on the stack that nobody will look at. */
static void disown(struct nvme_shared *sh)
{
	do {
		post_all(sh);
		nvme_sq_update_tail(sh->sq);
		hand_over(sh);
		__atomic_store_n(&sh->owned, 0, __ATOMIC_SEQ_CST); /* 2 */
	} while (unlikely(__atomic_load_n(&sh->stack, __ATOMIC_SEQ_CST)) && try_own(sh));
}

void nvme_shared_post(struct nvme_shared *sh, struct nvme_rq *rq, union nvme_cmd *cmd,
		      nvme_rq_done_fn done, unsigned int timeout_ms)
{
	struct wish *wish = &sh->wishes[rq->cid];
	uint32_t top = __atomic_load_n(&sh->stack, __ATOMIC_RELAXED);

	cmd->cid = rq->cid;
	wish->cmd = *cmd;
	wish->done = done;
	wish->timeout_ms = timeout_ms;
	/* A callback submits with its own tracker again: it is not to be released. */
	if (rq->state == NVME_RQ_COMPLETED)
		rq->state = NVME_RQ_ACQUIRED;
	do
		wish->next = top;
	while (!__atomic_compare_exchange_n(&sh->stack, &top, rq->cid + 1u, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED)); /* 1 */
}

void nvme_shared_submit(struct nvme_shared *sh, struct nvme_rq *rq, union nvme_cmd *cmd,
			nvme_rq_done_fn done, unsigned int timeout_ms)
{
	/* With nobody else at it, the command needs no place on the stack; what is there came first. */
	if (try_own(sh)) {
		post_all(sh);
		nvme_rq_submit(rq, cmd, done, timeout_ms);
		disown(sh);
		return;
	}
	nvme_shared_post(sh, rq, cmd, done, timeout_ms);
	if (try_own(sh))
		disown(sh);
}

int nvme_shared_poll(struct nvme_shared *sh, int budget)
{
	int n;

	if (!try_own(sh))
		return 0;
	n = nvme_cq_poll(sh->sq->cq, budget);
	disown(sh);
	return n;
}

/* SPDX-License-Identifier: MIT */
/*
 * Completions that a wait came across and that belong to somebody else.
 *
 * They stand in the order of arrival in an array that grows as needed. One that
 * its owner's wait picks out leaves a hole; nvme_cq_get_cqe() takes from the
 * front. The array is empty again as soon as nothing is kept, which is the rule
 * and what nvme_cq_get_cqe() tests for.
 */
#include <errno.h>
#include <stdlib.h>

#include <belfry/nvme/queue.h>

#include "nvme/rq.h"
#include "nvme/watch.h"

#define KEPT_MIN 16

struct kept_slot {
	struct nvme_rq *rq; /* NULL: of a command without a tracker */
	struct nvme_cqe cqe;
	bool live;
};

struct nvme_cq_kept {
	uint32_t first; /* no live slot before it */
	uint32_t end;	/* none from here on */
	uint32_t cap;
	struct kept_slot slots[];
};

/* Close the holes. */
static void compact(struct nvme_cq_kept *kept)
{
	uint32_t to = 0;

	for (uint32_t from = kept->first; from < kept->end; from++) {
		struct kept_slot *slot = &kept->slots[from];

		if (!slot->live)
			continue;
		if (slot->rq)
			slot->rq->kept_slot = to;
		kept->slots[to++] = *slot;
	}
	kept->first = 0;
	kept->end = to;
}

int nvme_kept_reserve(struct nvme_cq *cq)
{
	struct nvme_cq_kept *kept = cq->kept;
	uint32_t cap = kept ? kept->cap : 0;

	if (kept && kept->end < cap)
		return 0;

	/* Mostly holes: closing them is enough, and is paid for by those who left them. */
	if (kept && cq->nr_kept <= cap / 2) {
		compact(kept);
		return 0;
	}

	cap = cap ? 2 * cap : KEPT_MIN;
	kept = realloc(kept, sizeof(*kept) + cap * sizeof(kept->slots[0]));
	if (!kept)
		return -1;
	if (!cq->kept)
		kept->first = kept->end = 0;
	kept->cap = cap;
	cq->kept = kept;
	return 0;
}

void nvme_kept_add(struct nvme_cq *cq, struct nvme_rq *rq, const struct nvme_cqe *cqe)
{
	struct nvme_cq_kept *kept = cq->kept;

	kept->slots[kept->end] = (struct kept_slot){.rq = rq, .cqe = *cqe, .live = true};
	if (rq) {
		rq->state = NVME_RQ_KEPT;
		rq->kept_slot = kept->end;
	}
	kept->end++;
	if (++cq->nr_kept > cq->max_kept)
		cq->max_kept = cq->nr_kept;
	cq->polls = 1; /* the next one finds it */
}

/* Take a slot out. Its entry stays readable until something else is kept. */
static struct nvme_cqe *take(struct nvme_cq *cq, uint32_t at)
{
	struct nvme_cq_kept *kept = cq->kept;
	struct kept_slot *slot = &kept->slots[at];

	slot->live = false;
	if (slot->rq)
		slot->rq->state = NVME_RQ_COMPLETED;
	if (!--cq->nr_kept)
		kept->first = kept->end = 0;
	return &slot->cqe;
}

void nvme_kept_take(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	struct nvme_cqe *cqe = take(rq->sq->cq, rq->kept_slot);

	if (cqe_copy)
		*cqe_copy = *cqe;
}

struct nvme_cqe *__nvme_cq_get_kept(struct nvme_cq *cq)
{
	struct nvme_cq_kept *kept = cq->kept;
	struct nvme_rq *rq;

	while (!kept->slots[kept->first].live)
		kept->first++;
	rq = kept->slots[kept->first].rq;
	if (rq)
		nvme_rq_unwatch(rq);
	return take(cq, kept->first);
}

struct nvme_rq *nvme_kept_take_watched(struct nvme_cq *cq, struct nvme_cqe *cqe_copy)
{
	struct nvme_cq_kept *kept = cq->kept;

	for (uint32_t i = kept->first; i < kept->end; i++) {
		struct kept_slot *slot = &kept->slots[i];

		if (slot->live && slot->rq && slot->rq->done &&
		    (!slot->rq->flags || nvme_rq_may_end(slot->rq))) {
			*cqe_copy = *take(cq, i);
			return slot->rq;
		}
	}
	return NULL;
}

void nvme_cq_disown(struct nvme_cq *cq, const struct nvme_sq *sq)
{
	struct nvme_cqe *ring = cq->mem.vaddr;
	int at = cq->head, stale = cq->phase;

	for (int n = 0; n < cq->qsize; n++) {
		if ((le16_to_cpu(atomic_load_acquire(&ring[at].sfp)) & 1) == stale)
			break;
		/* For __nvme_cq_admit() to drop. */
		if (le16_to_cpu(ring[at].sqid) == sq->id)
			ring[at].sqid = cpu_to_le16(NVME_SQID_NONE);
		if (++at == cq->qsize) {
			at = 0;
			stale ^= 1;
		}
	}
}

void nvme_kept_disown(struct nvme_cq *cq, const struct nvme_sq *sq)
{
	struct nvme_cq_kept *kept = cq->kept;

	for (uint32_t i = kept ? kept->first : 0; kept && i < kept->end; i++) {
		if (kept->slots[i].live && le16_to_cpu(kept->slots[i].cqe.sqid) == sq->id)
			take(cq, i);
	}
}

void nvme_kept_restart(struct nvme_cq *cq)
{
	struct nvme_cq_kept *kept = cq->kept;

	for (uint32_t i = kept ? kept->first : 0; kept && i < kept->end; i++) {
		struct kept_slot *slot = &kept->slots[i];
		struct nvme_rq *rq = slot->rq;

		if (!slot->live || (rq && rq->done))
			continue;
		take(cq, i);
		if (!rq)
			continue;
		/* Of an event that nobody took, the completion is all there was to find its
		 * tracker by. */
		if (slot->cqe.cid != rq->cid)
			nvme_rq_push(rq);
		else
			rq->state = NVME_RQ_CANCELED;
	}
}

void nvme_kept_exit(struct nvme_cq *cq)
{
	free(cq->kept);
	cq->kept = NULL;
	cq->nr_kept = 0;
}

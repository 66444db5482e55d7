/* SPDX-License-Identifier: MIT */
/*
 * Trackers: the free stack's slow half and the pages that trackers own.
 *
 * sq->rq_free holds, in one word that is changed as a whole, the top of the
 * stack of trackers that were used before (cid + 1), how many were never used
 * ("fresh", handed out from the highest cid downwards), and a version that
 * every pop through the atomic pair moves on. So a new queue costs nothing per tracker: neither
 * the array nor the list pages of what is fresh have been touched.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <belfry/nvme/rq.h>
#include <belfry/nvme/util.h>
#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "nvme/map.h"
#include "nvme/owner.h"
#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/watch.h"
#include "support/errno.h"
#include "support/pages.h"

#define TOP(head)     ((uint32_t)((head)&0xffff))
#define FRESH(head)   ((uint32_t)((head) >> 16 & 0xffff))
#define FRESH_ONE     (UINT64_C(1) << 16)
#define VERSION_ONE   (UINT64_C(1) << 32)
#define NOT_TOP(head) ((head) & ~UINT64_C(0xffff))

/* List pages are allocated in blocks of this many bytes, at least a page. */
#define BLOCK_BYTES (256u << 10)

/*
 * The list pages of a queue. Block b serves the trackers nr_rqs - 1 - b *
 * per_block and below, since trackers are first used from the top down. Block 0
 * is sq->pages.
 */
struct nvme_sq_slabs {
	pthread_mutex_t lock; /* guards blocks */
	struct nvme_ctrl *ctrl;
	size_t page_size;
	uint32_t per_block;
	uint32_t nr_blocks;
	struct nvme_owner owner;      /* where that is checked */
	struct nvme_again *again;     /* by cid; NULL before the first use */
	struct iommu_dmabuf blocks[]; /* but the first */
};

static uint32_t block_of(const struct nvme_sq *sq, uint32_t cid)
{
	return (sq->nr_rqs - 1 - cid) / sq->slabs->per_block;
}

/* Pages of block @block; the last one may have fewer trackers to serve. */
static uint32_t block_pages(const struct nvme_sq *sq, uint32_t block)
{
	uint32_t left = sq->nr_rqs - block * sq->slabs->per_block;

	return left < sq->slabs->per_block ? left : sq->slabs->per_block;
}

static struct iommu_dmabuf *block_buf(struct nvme_sq *sq, uint32_t block)
{
	return block ? &sq->slabs->blocks[block - 1] : &sq->pages;
}

static int block_alloc(struct nvme_sq *sq, uint32_t block)
{
	struct nvme_sq_slabs *slabs = sq->slabs;
	struct iommu_dmabuf *buf = block_buf(sq, block);

	if (buf->vaddr)
		return 0;
	return nvme_dma_alloc(slabs->ctrl, buf, block_pages(sq, block) * slabs->page_size);
}

/* Give a tracker that was never used what it keeps for good. */
static void fresh_init(struct nvme_sq *sq, struct nvme_rq *rq, uint32_t cid)
{
	uint32_t block = block_of(sq, cid);
	struct iommu_dmabuf *buf = block_buf(sq, block);
	/* Within a block pages and cids go up together. */
	uint32_t first = sq->nr_rqs - block * sq->slabs->per_block - block_pages(sq, block);
	size_t off = (cid - first) * sq->slabs->page_size;

	rq->sq = sq;
	rq->cid = (uint16_t)cid;
	rq->place = (uint16_t)(cid + 1);
	rq->detour = sq->id == NVME_AQ ? NVME_RQ_DETOUR_ADMIN : 0;
	rq->page.vaddr = (char *)buf->vaddr + off;
	rq->page.iova = buf->iova + off;
}

struct nvme_rq *__nvme_rq_acquire_fresh(struct nvme_sq *sq)
{
	uint64_t head = atomic_load_acquire(&sq->rq_free);
	struct nvme_rq *rq = NULL;

	if (!TOP(head) && !FRESH(head)) {
		if (!sq->slabs)
			log_error("a tracker of a queue that is not there: nvme_create_iosq()\n");
		return set_errno_null(sq->slabs ? EBUSY : EINVAL);
	}

	pthread_mutex_lock(&sq->slabs->lock);
	while (!rq) {
		uint64_t next;

		if (TOP(head)) {
			/* Somebody released one meanwhile. */
			rq = &sq->rqs[TOP(head) - 1];
			next = (NOT_TOP(head) + VERSION_ONE) |
			       __atomic_load_n(&rq->next, __ATOMIC_RELAXED);
		} else if (FRESH(head)) {
			if (block_alloc(sq, block_of(sq, FRESH(head) - 1)))
				break;
			rq = &sq->rqs[FRESH(head) - 1];
			next = head - FRESH_ONE;
		} else {
			errno = EBUSY;
			break;
		}

		if (!__atomic_compare_exchange_n(&sq->rq_free, &head, next, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_ACQUIRE))
			rq = NULL;
		else if (!rq->sq)
			fresh_init(sq, rq, FRESH(next));
	}
	pthread_mutex_unlock(&sq->slabs->lock);

	if (rq)
		__atomic_store_n(&rq->state, (uint32_t)NVME_RQ_ACQUIRED, __ATOMIC_RELAXED);
	return rq;
}

void nvme_rq_push(struct nvme_rq *rq)
{
	__atomic_store_n(&rq->state, (uint32_t)NVME_RQ_ACQUIRED, __ATOMIC_RELAXED);
	nvme_rq_release_atomic(rq);
}

/* Where the next completion will be, of two laps: entries of one lap differ from the next's. */
static uint32_t cq_place(const struct nvme_cq *cq)
{
	return (cq->phase ? (uint32_t)cq->qsize : 0) + cq->head;
}

void __nvme_rq_by_hand(struct nvme_rq *rq)
{
	nvme_rq_unwatch(rq);
	rq->kept_slot = cq_place(rq->sq->cq);
	rq->state = NVME_RQ_BY_HAND;
}

/*
 * Has the program taken the completion of a command that it posted by hand from the ring by hand as
 * well, so that nvme_cq_get_cqe() never saw it? What the head has passed since then is newer.
 */
static bool taken_by_hand(const struct nvme_rq *rq)
{
	const struct nvme_cq *cq = rq->sq->cq;
	const struct nvme_cqe *ring = cq->mem.vaddr;
	uint32_t laps = 2 * (uint32_t)cq->qsize;
	uint32_t passed = (cq_place(cq) + laps - rq->kept_slot) % laps;

	if (passed > (uint32_t)cq->qsize)
		passed = (uint32_t)cq->qsize;
	for (uint32_t i = 1; i <= passed; i++) {
		const struct nvme_cqe *cqe =
			&ring[(cq->head + (uint32_t)cq->qsize - i) % (uint32_t)cq->qsize];

		if (cqe->cid == rq->cid && le16_to_cpu(cqe->sqid) == rq->sq->id)
			return true;
	}
	return false;
}

struct nvme_owner *nvme_sq_owner(const struct nvme_sq *sq)
{
	return sq->slabs ? &sq->slabs->owner : NULL;
}

void __nvme_rq_release_odd(struct nvme_rq *rq)
{
	__nvme_cq_owned(rq->sq->cq);

	if (rq->state == NVME_RQ_BY_HAND && taken_by_hand(rq)) {
		nvme_rq_push(rq);
		return;
	}

	switch (rq->state) {
	case NVME_RQ_WATCHED:
	case NVME_RQ_MARKED:
		nvme_rq_unwatch(rq);
		/* fallthrough */
	case NVME_RQ_INFLIGHT:
	case NVME_RQ_BY_HAND:
	case NVME_RQ_EVENT:
		rq->state = NVME_RQ_ABANDONED;
		log_debug("sq %d cid %u released while in flight: quarantined\n", rq->sq->id,
			  rq->cid);
		break;
	case NVME_RQ_KEPT:
		nvme_kept_take(rq, NULL);
		nvme_rq_unwatch(rq);
		nvme_rq_push(rq);
		break;
	default:
		log_error("sq %d cid %u released twice\n", rq->sq->id, rq->cid);
	}
}

static size_t rqs_len(uint32_t nr_rqs)
{
	return ALIGN_UP(nr_rqs * sizeof(struct nvme_rq), __VFN_PAGESIZE);
}

int nvme_rqs_init(struct nvme_sq *sq, struct nvme_ctrl *ctrl)
{
	size_t page_size = __mps_to_pagesize(ctrl->config.mps);
	uint32_t nr_rqs = (uint32_t)sq->qsize - 1;
	uint32_t per_block = page_size < BLOCK_BYTES ? (uint32_t)(BLOCK_BYTES / page_size) : 1;
	uint32_t nr_blocks = (nr_rqs + per_block - 1) / per_block;
	struct nvme_sq_slabs *slabs;
	void *rqs;

	slabs = calloc(1, sizeof(*slabs) + (nr_blocks - 1) * sizeof(slabs->blocks[0]));
	if (!slabs)
		return -1;

	/* Pages that nobody has touched cost nothing. */
	rqs = pages_alloc(NULL, rqs_len(nr_rqs), false);
	if (!rqs)
		goto free_slabs;

	slabs->ctrl = ctrl;
	slabs->page_size = page_size;
	slabs->per_block = per_block;
	slabs->nr_blocks = nr_blocks;
	pthread_mutex_init(&slabs->lock, NULL);

	sq->slabs = slabs;
	sq->rqs = rqs;
	sq->nr_rqs = nr_rqs;
	sq->rq_free = (uint64_t)nr_rqs << 16;
	if (block_alloc(sq, 0))
		goto unmap_rqs;
	return 0;

unmap_rqs:
	pthread_mutex_destroy(&slabs->lock);
	pages_free(rqs, rqs_len(nr_rqs));
free_slabs:
	free(slabs);
	sq->slabs = NULL;
	sq->rqs = NULL;
	sq->nr_rqs = 0;
	return -1;
}

void nvme_rqs_exit(struct nvme_sq *sq)
{
	struct nvme_sq_slabs *slabs = sq->slabs;

	if (!slabs)
		return;
	for (uint32_t block = 0; block < slabs->nr_blocks; block++)
		iommu_put_dmabuf(block_buf(sq, block));
	pthread_mutex_destroy(&slabs->lock);
	if (slabs->again)
		pgunmap(slabs->again, sq->nr_rqs * sizeof(*slabs->again));
	pages_free(sq->rqs, rqs_len(sq->nr_rqs));
	free(slabs);
	sq->slabs = NULL;
	sq->rqs = NULL;
	sq->nr_rqs = 0;
}

struct nvme_again *nvme_rq_again(struct nvme_rq *rq)
{
	struct nvme_sq *sq = rq->sq;
	void *mem;

	if (unlikely(!sq->slabs->again)) {
		if (pgmap(&mem, sq->nr_rqs * sizeof(struct nvme_again)) < 0)
			return NULL;
		sq->slabs->again = mem;
	}
	return &sq->slabs->again[rq->cid];
}

void nvme_rqs_park(struct nvme_sq *sq)
{
	struct nvme_sq_slabs *slabs = sq->slabs;

	for (uint32_t block = 0; slabs && block < slabs->nr_blocks; block++)
		nvme_park(slabs->ctrl, block_buf(sq, block), NULL);
}

void nvme_rqs_restart(struct nvme_sq *sq)
{
	uint32_t fresh = sq->slabs ? FRESH(sq->rq_free) : 0;

	for (uint32_t cid = fresh; cid < sq->nr_rqs; cid++) {
		struct nvme_rq *rq = &sq->rqs[cid];

		if (rq->state & NVME_RQ_HAS_DEADLINE && rq->done) {
			nvme_rq_lose(rq, NVM_SC_HOST_ABORTED);
			continue;
		}
		/* A callback that waits for a kept completion gets it. */
		if (rq->state == NVME_RQ_KEPT && rq->done)
			continue;
		nvme_rq_unwatch(rq);
		/* nvme_aer() gives its tracker to nobody. */
		if (rq->state & (NVME_RQ_ABANDONED | NVME_RQ_EVENT))
			nvme_rq_push(rq);
		else if (rq->state & (NVME_RQ_WITH_DEVICE | NVME_RQ_KEPT))
			rq->state = NVME_RQ_CANCELED;
	}
}

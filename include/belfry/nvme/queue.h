/* SPDX-License-Identifier: MIT */
/*
 * Submission and completion queues, and the tracker that ties an entry of one
 * to an entry of the other.
 *
 * A submission queue has one owner thread and so has a completion queue; they
 * may be different threads, and several submission queues may share one
 * completion queue. Posting an entry and ringing the doorbell are separate, so
 * that one doorbell serves a batch.
 *
 * nvme_cq_get_cqe() is the one place where a completion is taken from the
 * device. It is there that a tracked command stops being in flight: the
 * tracker's state goes from NVME_RQ_INFLIGHT to NVME_RQ_COMPLETED. Nothing in
 * the entry is used as an index before it was compared with a bound.
 */
#ifndef BELFRY_NVME_QUEUE_H
#define BELFRY_NVME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <belfry/support/atomic.h>
#include <belfry/support/barrier.h>
#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>
#include <belfry/support/mmio.h>
#include <belfry/support/trace.h>
#include <belfry/iommu/dmabuf.h>
#include <belfry/nvme/copy.h>
#include <belfry/nvme/dbbuf.h>
#include <belfry/nvme/owner.h>
#include <belfry/nvme/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Queue identifier of the admin queues. */
#define NVME_AQ 0

/* Entry sizes as powers of two, as CC.IOSQES and CC.IOCQES want them. */
#define NVME_SQES 6
#define NVME_CQES 4

/**
 * enum nvme_q_flags - how a queue came by its memory
 * @NVME_Q_MEM_PREALLOCATED: the ring belongs to the caller and is not freed
 */
enum nvme_q_flags {
	NVME_Q_MEM_PREALLOCATED = 1 << 0,
};

/**
 * enum nvme_rq_state - where a tracker is in the life of a command
 * @NVME_RQ_FREE: on the free stack
 * @NVME_RQ_ACQUIRED: the caller's; no command
 * @NVME_RQ_UNMAPPED: the caller's, whose last attempt to map data failed
 * @NVME_RQ_PREPARED: the caller's; its cid is in a command that was not posted yet
 * @NVME_RQ_INFLIGHT: its command is the device's
 * @NVME_RQ_COMPLETED: the completion was taken from the queue
 * @NVME_RQ_KEPT: the completion was taken by somebody else's wait and is kept
 * @NVME_RQ_ABANDONED: released while in flight; quarantined until the completion
 *	arrives or the controller is reset
 * @NVME_RQ_EVENT: its command, an asynchronous event request, is the device's
 * @NVME_RQ_CANCELED: the caller's, whose command went away with a reset
 * @NVME_RQ_WATCHED: its command is the device's and ends in a callback: see nvme_rq_submit()
 * @NVME_RQ_BY_HAND: the device's, as NVME_RQ_INFLIGHT, posted by a program that writes cids into
 *	commands itself, and may take completions from the ring itself
 * @NVME_RQ_MARKED: as NVME_RQ_WATCHED, and there is more to its end than a call: a deadline but no
 *	callback, a deadline that has passed, an Abort, or it may be sent again
 *
 * Bits, so that one test asks for several. Written by the submission queue's
 * owner up to NVME_RQ_INFLIGHT or NVME_RQ_WATCHED and by the completion queue's
 * owner from there.
 */
enum nvme_rq_state {
	NVME_RQ_FREE = 0,
	NVME_RQ_ACQUIRED = 1 << 0,
	NVME_RQ_PREPARED = 1 << 1,
	NVME_RQ_INFLIGHT = 1 << 2,
	NVME_RQ_COMPLETED = 1 << 3,
	NVME_RQ_KEPT = 1 << 4,
	NVME_RQ_ABANDONED = 1 << 5,
	NVME_RQ_UNMAPPED = 1 << 6,
	NVME_RQ_EVENT = 1 << 7,
	NVME_RQ_CANCELED = 1 << 8,
	NVME_RQ_WATCHED = 1 << 9,
	NVME_RQ_BY_HAND = 1 << 10,
	NVME_RQ_MARKED = 1 << 11,
};

struct nvme_ctrl;
struct nvme_rq;
struct nvme_sq;
struct nvme_cq_follow;
struct nvme_cq_kept;
struct transport;

/**
 * typedef nvme_rq_done_fn - what a program does when a command has ended
 * @rq: its tracker, the program's until the function returns
 * @cqe: a copy of the completion
 *
 * See nvme_rq_submit().
 */
typedef void (*nvme_rq_done_fn)(struct nvme_rq *rq, struct nvme_cqe *cqe);

/**
 * struct nvme_rq - request tracker: one slot for a command in flight
 * @opaque: the caller's; cleared when the tracker is released
 * @sq: queue that the tracker belongs to
 * @page: one memory page of the controller (CC.MPS) for PRP lists and SGL segments
 * @cid: command identifier, 0 .. qsize - 2; never changes
 *
 * One cache line each, in one array indexed by cid.
 */
struct nvme_rq {
	void *opaque;

	/* set when first acquired */
	struct nvme_sq *sq;
	struct {
		void *vaddr;
		iova_t iova;
	} page;
	uint16_t cid;

	/* private: why data is not to be mapped the short way (src/nvme/map.h); slot in the
	 * kept ring or, posted by hand, where the completion queue was */
	uint16_t detour;
	uint32_t kept_slot;

	/* private: next free (cid + 1, 0 ends) and state. As one, with NVME_RQ_FREE: next */
	union {
		struct {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			uint32_t next, state;
#else
			uint32_t state, next;
#endif
		};
		uint64_t freed;
	};

	/* private: of a watched command: whom to tell; ms, 0 for none; what there is to its end
	 * (src/nvme/watch.h), 0 unless it is or was NVME_RQ_MARKED */
	nvme_rq_done_fn done;
	uint32_t deadline;
	uint16_t flags;

	uint16_t place; /* private: cid + 1, as on the free stack */
} __attribute__((aligned(64)));

/* private: the states in which a tracker is its owner's, and no command of its is the device's */
#define __NVME_RQ_RELEASABLE                                                          \
	(NVME_RQ_ACQUIRED | NVME_RQ_UNMAPPED | NVME_RQ_PREPARED | NVME_RQ_COMPLETED | \
	 NVME_RQ_CANCELED)

/**
 * struct nvme_cq - completion queue
 * @mem: the ring
 * @vaddr: @mem.vaddr, by its older name
 * @iova: @mem.iova, by its older name
 * @head: next entry to look at
 * @rung: head that the device was last told of
 * @phase: value that the phase tag of a *stale* entry has on this lap; 0 on the first
 * @qsize: entries, 2 .. 65536
 * @id: queue identifier
 * @vector: interrupt vector, -1 for none
 * @entry_size: bytes in an entry
 * @doorbell: head doorbell, or a scratch word where it cannot be mapped
 * @dbbuf: shadow doorbell
 * @flags: of enum nvme_q_flags
 * @spurious: completions that belong to no command in flight
 * @late: completions of commands that their owner had given up on
 */
struct nvme_cq {
	/* hot; written by the owner */
	union {
		struct iommu_dmabuf mem;
		struct {
			struct iommu_ctx *__ctx;
			void *vaddr;
			iova_t iova;
		};
	};
	uint16_t head, rung;
	int phase;
	int qsize;
	uint32_t nr_kept;
	void *doorbell;

	/* set at creation */
	struct nvme_sq *sqs;
	uint32_t nr_sqs;
	int id;
	const uint32_t *asleep;
	struct transport *transport;
	struct nvme_dbbuf dbbuf;
	size_t entry_size;
	int vector;
	uint32_t flags;

	/* private: for nvme_cq_poll(); written by the owner. Nothing watched
	 * expires before expiry_ms. The clock, the controller and what is kept are
	 * looked at when polls is 0; while something is kept, it is 1 at most. */
	uint64_t expiry_ms __attribute__((aligned(64)));
	uint64_t now_ms;
	struct nvme_ctrl *ctrl;
	struct nvme_cq_follow *follow;
	uint32_t polls;
	uint32_t grain_ms;

	/* private: counted by the owner, read by any thread: nvme_cq_get_stats() */
	uint64_t laps;
	uint64_t rings;
	uint64_t base;

	/* cold */
	struct nvme_cq_kept *kept;
	uint64_t spurious;
	uint64_t late;
	uint64_t failed[8];
	uint64_t drop_at; /* place of the last that was dropped, and how many in a row */
	uint32_t dropped;
	uint32_t max_kept;
} __attribute__((aligned(64)));

/**
 * struct nvme_sq - submission queue
 * @cq: queue that the completions arrive on
 * @mem: the ring
 * @vaddr: @mem.vaddr, by its older name
 * @iova: @mem.iova, by its older name
 * @pages: first of the pages that the trackers own (see struct nvme_rq)
 * @tail: next entry to fill
 * @ptail: tail that the device was last told of
 * @head: first entry that the device may not have fetched yet
 * @qsize: entries, 2 .. 65536; at most qsize - 1 are ever filled
 * @id: queue identifier
 * @entry_size: bytes in an entry
 * @doorbell: tail doorbell, or a scratch word where it cannot be mapped
 * @dbbuf: shadow doorbell
 * @rqs: trackers, by cid
 * @nr_rqs: how many: qsize - 1
 * @flags: of enum nvme_q_flags
 * @timeout_ms: deadline of a command of nvme_rq_submit() that was given none, in
 *	milliseconds; 0 for the controller's. The owner may change it at any time; it is
 *	looked at once for all commands of a doorbell
 */
struct nvme_sq {
	/* hot; written by the owner */
	union {
		struct iommu_dmabuf mem;
		struct {
			struct iommu_ctx *__ctx;
			void *vaddr;
			iova_t iova;
		};
	};
	uint16_t tail, ptail;
	uint16_t head;
	int qsize;
	/* private: of a command that is submitted now without a timeout of its own, as
	 * nvme_rq.deadline; 0: the clock was not looked at since the last doorbell */
	uint32_t deadline;
	void *doorbell;
	const uint32_t *asleep;

	/* set at creation */
	struct nvme_rq *rqs;
	uint32_t nr_rqs;
	int id;
	struct nvme_cq *cq;
	struct transport *transport;
	struct nvme_dbbuf dbbuf;
	struct iommu_dmabuf pages;
	size_t entry_size;
	uint32_t flags;
	unsigned int timeout_ms;

	/* private: counted by the owner, read by any thread: nvme_sq_get_stats() */
	uint64_t laps __attribute__((aligned(64)));
	uint64_t rings;
	uint64_t base;
	uint64_t timeouts;
	uint64_t aborted;
	uint64_t lost;
	uint64_t resent;

	/* Free trackers: version 63:32, never used yet 31:16, top of the
	 * stack (cid + 1) 15:0. Any thread, through the atomic pair; so on a
	 * line of its own. The plain pair changes the top alone. */
	union {
		uint64_t rq_free;
		uint16_t rq_free_part[4];
	} __attribute__((aligned(64)));
	struct nvme_sq_slabs *slabs;
} __attribute__((aligned(64)));

__static_assert(sizeof(struct nvme_rq) == 64);

/* private: where in nvme_sq.rq_free_part the top of the stack is */
#define __NVME_RQ_FREE_TOP (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 3)
__static_assert(offsetof(struct nvme_cq, vaddr) == offsetof(struct nvme_cq, mem.vaddr));
__static_assert(offsetof(struct nvme_cq, iova) == offsetof(struct nvme_cq, mem.iova));
__static_assert(offsetof(struct nvme_sq, vaddr) == offsetof(struct nvme_sq, mem.vaddr));
__static_assert(offsetof(struct nvme_sq, iova) == offsetof(struct nvme_sq, mem.iova));

/* private: cold halves of the inline functions below */
void __nvme_wake(struct transport *transport, void *doorbell, uint32_t value);
void __nvme_sq_wrap(struct nvme_sq *sq);
void __nvme_cq_wrap(struct nvme_cq *cq);
bool __nvme_cq_admit(struct nvme_cq *cq, struct nvme_cqe *cqe);
void __nvme_rq_by_hand(struct nvme_rq *rq);
bool __nvme_cq_admit_watched(struct nvme_cq *cq, struct nvme_cqe *cqe);
struct nvme_cqe *__nvme_cq_get_kept(struct nvme_cq *cq);

/* private: store to a doorbell, and wake a device that does not watch it */
static inline void __nvme_ring(void *doorbell, uint32_t value, const uint32_t *asleep,
			       struct transport *transport)
{
	mmio_write32(doorbell, cpu_to_le32(value));
	/* No fence between the store and the load: the sleeper forces one on
	 * this thread (membarrier) after it raised the flag and before it
	 * looks at the doorbells for the last time. Program order is enough. */
	barrier();
	if (asleep && unlikely(atomic_load_acquire(asleep)))
		__nvme_wake(transport, doorbell, value);
}

/**
 * nvme_sq_full() - would one more entry overrun the device
 * @sq: submission queue
 *
 * What the device has fetched is known from the completions seen so far, so the
 * answer errs on the side of true. A tracker per command makes the question
 * moot: there are qsize - 1 trackers.
 *
 * Context: owner of @sq.
 * Return: true when no slot is known to be free.
 */
static inline bool nvme_sq_full(const struct nvme_sq *sq)
{
	uint32_t next = sq->tail + 1u;
	uint32_t head;
	__nvme_sq_owned(sq);

	if (next == (uint32_t)sq->qsize)
		next = 0;
	head = atomic_load_acquire(&sq->head);
	/* The device wrote it: what cannot be is no room. */
	return next == head || head >= (uint32_t)sq->qsize;
}

/* private: copy a command into the next slot */
static inline void __nvme_sq_put(struct nvme_sq *sq, const union nvme_cmd *cmd, uint16_t cid)
{
	const uint16_t tail = sq->tail, next = (uint16_t)(tail + 1);

	__trace_probe2(nvme_sq_post, sq, cmd);
	__trace_hot(NVME_SQ_POST, "sq %d slot %u opcode 0x%02x cid %u\n", sq->id, tail, cmd->opcode,
		    cid);
	__nvme_cmd_copy((union nvme_cmd *)sq->mem.vaddr + tail, cmd, cid);
	/* 65536 entries are 0 in 16 bits, and so is the tail that follows the last of them. */
	if (likely(next != (uint16_t)sq->qsize))
		sq->tail = next;
	else
		__nvme_sq_wrap(sq);
}

/**
 * nvme_sq_post() - copy a command into the next slot; the device is not told
 * @sq: submission queue
 * @cmd: command, 64 bytes
 *
 * There is no check for a full queue (see nvme_sq_full() and nvme_sq_try_post()).
 * Where the command carries the cid of a tracker that somebody has acquired, be it
 * from nvme_rq_prep_cmd() or written there by hand, the tracker is in flight from here on. By hand,
 * it ends with nvme_cq_get_cqe() or with a move of @sq->cq->head past the completion.
 *
 * Context: owner of @sq; no lock, allocation or syscall.
 */
static inline void nvme_sq_post(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	__nvme_sq_owned(sq);
	if (cmd->cid < sq->nr_rqs) {
		struct nvme_rq *rq = &sq->rqs[cmd->cid];

		if (rq->state == NVME_RQ_PREPARED)
			rq->state = NVME_RQ_INFLIGHT;
		else if (rq->state & (__NVME_RQ_RELEASABLE | NVME_RQ_BY_HAND))
			__nvme_rq_by_hand(rq);
	}
	__nvme_sq_put(sq, cmd, cmd->cid);
}

/*
 * The device has had the lines of the next slots since it fetched what was there: ask for them, and
 * the next commands need not wait (bench: emu). For one command after the other it is one.
 */
static inline void __nvme_sq_ask_for_slots(struct nvme_sq *sq, bool many)
{
	const union nvme_cmd *slot = (union nvme_cmd *)sq->mem.vaddr + sq->tail;

	__prefetch_write(slot);
	if (!many || sq->tail + 8 > sq->qsize)
		return;
#pragma GCC unroll 8
	for (int i = 1; i < 8; i++)
		__prefetch_write(slot + i);
}

/**
 * nvme_sq_update_tail() - tell the device of everything posted since the last time
 * @sq: submission queue
 *
 * One doorbell write at most, none when nothing was posted.
 *
 * Context: owner of @sq; no lock or allocation; a syscall only to wake an
 *	emulated controller that sleeps.
 */
static inline void nvme_sq_update_tail(struct nvme_sq *sq)
{
	__nvme_sq_owned(sq);
	if (sq->tail == sq->ptail)
		return;

	if (nvme_try_dbbuf(sq->tail, &sq->dbbuf)) {
		/* Entries before the doorbell; the other side is the device's
		 * fetch of those entries. */
		wmb();
		__nvme_ring(sq->doorbell, sq->tail, sq->asleep, sq->transport);
		sq->rings++;
	}
	__nvme_sq_ask_for_slots(sq, (uint16_t)(sq->tail - sq->ptail) != 1);
	sq->ptail = sq->tail;
	sq->deadline = 0;
	__trace_probe1(nvme_sq_update_tail, sq);
	__trace_hot(NVME_SQ_UPDATE_TAIL, "sq %d tail %u\n", sq->id, sq->tail);
}

/**
 * nvme_sq_exec() - post a command and tell the device
 * @sq: submission queue
 * @cmd: command, 64 bytes
 *
 * Context: as nvme_sq_post() and nvme_sq_update_tail().
 */
static inline void nvme_sq_exec(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	nvme_sq_post(sq, cmd);
	nvme_sq_update_tail(sq);
}

/**
 * nvme_sq_try_post() - nvme_sq_post() unless the queue is full
 * @sq: submission queue
 * @cmd: command, 64 bytes
 *
 * Context: as nvme_sq_post().
 * Return: 0, or -1: EBUSY the queue is full and nothing was written.
 */
int nvme_sq_try_post(struct nvme_sq *sq, const union nvme_cmd *cmd);

/**
 * nvme_cq_head() - the slot that the next completion will be in
 * @cq: completion queue
 *
 * Context: owner of @cq.
 * Return: pointer into the ring; whether the entry is new is not looked at.
 */
static inline struct nvme_cqe *nvme_cq_head(struct nvme_cq *cq)
{
	__nvme_cq_owned(cq);
	return (struct nvme_cqe *)cq->mem.vaddr + cq->head;
}

/* private: is the entry at the head new? Ordered before the entry's other fields. */
static inline bool __nvme_cq_ready(const struct nvme_cq *cq, const struct nvme_cqe *cqe)
{
	/* Acquire: the phase tag is read before the rest of the entry. The
	 * other side is the device, which writes the tag last. */
	return (le16_to_cpu(atomic_load_acquire(&cqe->sfp)) & 1) != cq->phase;
}

/*
 * private: the next completion of the ring alone. @state is that of the trackers
 * that most completions are for, and @owner then such a tracker; what else comes is for
 * @admit, and @owner NULL.
 */
static inline __attribute__((always_inline)) struct nvme_cqe *
__nvme_cq_take(struct nvme_cq *cq, uint32_t state,
	       bool (*admit)(struct nvme_cq *cq, struct nvme_cqe *cqe), struct nvme_rq **owner)
{
	struct nvme_cqe *cqe;

	for (;;) {
		const uint16_t head = cq->head, next = (uint16_t)(head + 1);
		uint32_t sqid, cid;

		cqe = (struct nvme_cqe *)cq->mem.vaddr + head;
		if (!__nvme_cq_ready(cq, cqe))
			return NULL;

		if (likely(next != (uint16_t)cq->qsize)) /* as in __nvme_sq_put() */
			cq->head = next;
		else
			__nvme_cq_wrap(cq);

		sqid = le16_to_cpu(cqe->sqid);
		cid = cqe->cid;
		__trace_probe2(nvme_cq_got_cqe, cq, cqe);
		__trace_hot(NVME_CQ_GOT_CQE, "cq %d sqid %u cid %u status 0x%x\n", cq->id, sqid,
			    cid, nvme_cqe_status(cqe));
		if (likely(sqid < cq->nr_sqs && cid < cq->sqs[sqid].nr_rqs)) {
			struct nvme_sq *sq = &cq->sqs[sqid];
			struct nvme_rq *rq = &sq->rqs[cid];

			if (likely(rq->state == state && sq->cq == cq)) {
				rq->state = NVME_RQ_COMPLETED;
				atomic_store_release(&sq->head, (uint16_t)le16_to_cpu(cqe->sqhd));
				*owner = rq;
				return cqe;
			}
		}
		*owner = NULL;
		if (admit(cq, cqe))
			return cqe;
	}
}

/**
 * nvme_cq_get_cqe() - take the next completion
 * @cq: completion queue
 *
 * The device learns of it with the next nvme_cq_update_head(). Completions that
 * somebody's wait kept for others come first. A completion whose tracker was
 * given up on ends the tracker's quarantine and is not returned (@cq->late
 * counts it); a second completion of a command is not returned either
 * (@cq->spurious). Where none but such were taken since the last
 * nvme_cq_update_head(), the device is told at once: the caller has seen nothing
 * that it would do so for. Completions of commands without a tracker are returned as
 * they are. Of a command of nvme_rq_submit(), the completion is handed out too, and
 * its callback is not called then. Of 65536 in a row that belong to no command the last is
 * returned, as of no queue that there is: a device that writes such without end keeps nobody here.
 *
 * Own: the entry stays valid until the next nvme_cq_update_head() and, where it
 * was a kept one, the next call on @cq.
 * Context: owner of @cq; no lock or allocation; a syscall only as
 *	nvme_cq_update_head(), for what is not returned.
 * Return: the entry, or NULL when there is none. errno is left alone.
 */
static inline struct nvme_cqe *nvme_cq_get_cqe(struct nvme_cq *cq)
{
	struct nvme_rq *owner;
	__nvme_cq_owned(cq);

	if (!TRACE_NVME_CQ_GET_CQE_DISABLED) {
		__trace_probe1(nvme_cq_get_cqe, cq);
	}
	__trace_hot(NVME_CQ_GET_CQE, "cq %d head %u\n", cq->id, cq->head);
	if (unlikely(cq->nr_kept))
		return __nvme_cq_get_kept(cq);
	return __nvme_cq_take(cq, NVME_RQ_INFLIGHT, __nvme_cq_admit, &owner);
}

/**
 * nvme_cq_update_head() - give the consumed entries back to the device
 * @cq: completion queue
 *
 * Context: owner of @cq; no lock or allocation; a syscall only to wake an
 *	emulated controller that sleeps.
 */
static inline void nvme_cq_update_head(struct nvme_cq *cq)
{
	__nvme_cq_owned(cq);
	__trace_probe1(nvme_cq_update_head, cq);
	__trace_hot(NVME_CQ_UPDATE_HEAD, "cq %d head %u\n", cq->id, cq->head);
	if (nvme_try_dbbuf(cq->head, &cq->dbbuf)) {
		__nvme_ring(cq->doorbell, cq->head, cq->asleep, cq->transport);
		cq->rings++;
	}
	cq->rung = cq->head;
}

#ifdef __cplusplus
}
#endif

#include <belfry/nvme/wait.h>

#endif /* BELFRY_NVME_QUEUE_H */

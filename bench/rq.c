/* SPDX-License-Identifier: MIT */
/*
 * The way of a command through the driver's own part, without a device: acquire,
 * prepare, post, ring (once for 32), reap, find the tracker, release. A function in
 * this file completes what was posted, the cheapest way there is; it is part of
 * both figures.
 *
 * The floor is the same by hand: a stack of identifiers, a copy of 64 bytes, a
 * store to a doorbell, a look at the phase, and nothing checked. Where many threads may acquire and
 * release there is no doing with less than an exchange for each: so the atomic pair is held against
 * a stack of exchanges by hand, too.
 */
#include <stdio.h>
#include <string.h>

#include <belfry/nvme.h>

#include "bench.h"

#define QSIZE 256
#define BATCH 32

struct pair {
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	uint32_t sq_doorbell, cq_doorbell;

	/* the completer */
	uint32_t head, tail;
	uint16_t phase;

	/* the floor's own trackers */
	uint16_t free_cids[QSIZE];
	uint32_t nr_free;
	uint64_t free_top; /* cid + 1, and a version from bit 32 on */
	uint16_t free_next[QSIZE];
	void *opaque[QSIZE];

	uint64_t done;
};

static void start_rings(struct pair *p)
{
	memset(p->sq->mem.vaddr, 0, QSIZE * sizeof(union nvme_cmd));
	memset(p->cq->mem.vaddr, 0, QSIZE * sizeof(struct nvme_cqe));
	p->sq->tail = p->sq->ptail = 0;
	p->cq->head = 0;
	p->cq->phase = 0;
	p->head = p->tail = 0;
	p->phase = 1;
}

/* Complete everything between the last tail and the doorbell's. */
static inline void complete(struct pair *p)
{
	const union nvme_cmd *cmds = p->sq->mem.vaddr;
	struct nvme_cqe *cqes = p->cq->mem.vaddr;
	uint32_t tail = __atomic_load_n(&p->sq_doorbell, __ATOMIC_ACQUIRE);

	while (p->head != tail) {
		struct nvme_cqe *cqe = &cqes[p->tail];

		cqe->cid = cmds[p->head].cid;
		cqe->sqid = cpu_to_le16(1);
		p->head = (p->head + 1) % QSIZE;
		cqe->sqhd = cpu_to_le16((uint16_t)p->head);
		__atomic_store_n((uint16_t *)&cqe->sfp, p->phase, __ATOMIC_RELEASE);
		if (++p->tail == QSIZE) {
			p->tail = 0;
			p->phase ^= 1;
		}
	}
}

/* Inlined into both, so that @atomic costs neither anything. */
static inline __attribute__((always_inline)) void run(struct pair *p, uint64_t n, bool atomic)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ};
	struct nvme_sq *sq = p->sq;
	struct nvme_cq *cq = p->cq;

	start_rings(p);
	for (uint64_t i = 0; i < n; i += BATCH) {
		for (int j = 0; j < BATCH; j++) {
			struct nvme_rq *rq =
				atomic ? nvme_rq_acquire_atomic(sq) : nvme_rq_acquire(sq);

			rq->opaque = p;
			nvme_rq_post(rq, &cmd);
		}
		nvme_sq_update_tail(sq);
		complete(p);
		for (int j = 0; j < BATCH; j++) {
			struct nvme_cqe *cqe = nvme_cq_get_cqe(cq);
			struct nvme_rq *rq = __nvme_rq_from_cqe(sq, cqe);

			p->done += rq->opaque == p;
			if (atomic)
				nvme_rq_release_atomic(rq);
			else
				nvme_rq_release(rq);
		}
		nvme_cq_update_head(cq);
	}
}

static void run_plain(void *arg, uint64_t n)
{
	run(arg, n, false);
}

static void run_atomic(void *arg, uint64_t n)
{
	run(arg, n, true);
}

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct pair *p = rq->opaque;

	(void)cqe;
	p->done++;
}

/* With a deadline and a callback. */
static void run_watched(void *arg, uint64_t n)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ};
	struct pair *p = arg;

	start_rings(p);
	for (uint64_t i = 0; i < n; i += BATCH) {
		for (int j = 0; j < BATCH; j++) {
			struct nvme_rq *rq = nvme_rq_acquire(p->sq);

			rq->opaque = p;
			nvme_rq_submit(rq, &cmd, ended, 0);
		}
		nvme_sq_update_tail(p->sq);
		complete(p);
		if (nvme_cq_poll(p->cq, BATCH) != BATCH)
			bench_die("rq: poll");
	}
}

/* Reap one by hand. Returns the identifier. */
static inline uint16_t reap_by_hand(struct nvme_cqe *cqes, uint32_t *head, uint32_t *phase)
{
	struct nvme_cqe *cqe = &cqes[*head];

	while ((__atomic_load_n((uint16_t *)&cqe->sfp, __ATOMIC_ACQUIRE) & 1) != *phase)
		;
	if (++*head == QSIZE) {
		*head = 0;
		*phase ^= 1;
	}
	return cqe->cid;
}

static inline uint16_t pop_by_hand(struct pair *p)
{
	uint64_t top = __atomic_load_n(&p->free_top, __ATOMIC_ACQUIRE), next;

	do
		next = ((top >> 32) + 1) << 32 | p->free_next[(uint32_t)top - 1];
	while (!__atomic_compare_exchange_n(&p->free_top, &top, next, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_ACQUIRE));
	return (uint16_t)(top - 1);
}

static inline void push_by_hand(struct pair *p, uint16_t cid)
{
	uint64_t top = __atomic_load_n(&p->free_top, __ATOMIC_RELAXED), next;

	do {
		p->free_next[cid] = (uint16_t)top;
		next = top >> 32 << 32 | (cid + 1u);
	} while (!__atomic_compare_exchange_n(&p->free_top, &top, next, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

static inline __attribute__((always_inline)) void by_hand(struct pair *p, uint64_t n, bool atomic)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ}, *ring = p->sq->mem.vaddr;
	uint32_t tail = 0, head = 0, phase = 1;

	start_rings(p);
	for (uint64_t i = 0; i < n; i += BATCH) {
		for (int j = 0; j < BATCH; j++) {
			uint16_t cid = atomic ? pop_by_hand(p) : p->free_cids[--p->nr_free];

			p->opaque[cid] = p;
			cmd.cid = cid;
			ring[tail] = cmd;
			tail = tail + 1 == QSIZE ? 0 : tail + 1;
		}
		__atomic_store_n(&p->sq_doorbell, tail, __ATOMIC_RELEASE);
		complete(p);
		for (int j = 0; j < BATCH; j++) {
			uint16_t cid = reap_by_hand(p->cq->mem.vaddr, &head, &phase);

			p->done += p->opaque[cid] == p;
			if (atomic)
				push_by_hand(p, cid);
			else
				p->free_cids[p->nr_free++] = cid;
		}
		__atomic_store_n(&p->cq_doorbell, head, __ATOMIC_RELEASE);
	}
}

static void floor_plain(void *arg, uint64_t n)
{
	by_hand(arg, n, false);
}

static void floor_atomic(void *arg, uint64_t n)
{
	by_hand(arg, n, true);
}

static void run_empty_poll(void *arg, uint64_t n)
{
	struct pair *p = arg;

	start_rings(p);
	for (uint64_t i = 0; i < n; i++)
		p->done += nvme_cq_get_cqe(p->cq) != NULL;
}

static void run_empty_watched(void *arg, uint64_t n)
{
	struct pair *p = arg;

	start_rings(p);
	for (uint64_t i = 0; i < n; i++)
		p->done += (uint64_t)nvme_cq_poll(p->cq, BATCH);
}

static void floor_empty_poll(void *arg, uint64_t n)
{
	struct pair *p = arg;
	const struct nvme_cqe *cqe = p->cq->mem.vaddr;

	start_rings(p);
	for (uint64_t i = 0; i < n; i++)
		p->done += __atomic_load_n((const uint16_t *)&cqe->sfp, __ATOMIC_ACQUIRE) & 1;
}

static void open_pair(struct pair *p)
{
	/* Queues on this side only: nobody else touches the rings. */
	if (nvme_ctrl_init(&p->ctrl, "emu:", NULL) || nvme_configure_cq(&p->ctrl, 1, QSIZE, -1) ||
	    nvme_configure_sq(&p->ctrl, 1, QSIZE, &p->ctrl.cq[1], 0))
		bench_die("rq: queues");

	p->sq = &p->ctrl.sq[1];
	p->cq = &p->ctrl.cq[1];
	p->sq->doorbell = &p->sq_doorbell;
	p->cq->doorbell = &p->cq_doorbell;
	p->sq->asleep = p->cq->asleep = NULL;
	for (uint16_t i = 0; i < QSIZE - 1; i++) {
		p->free_cids[p->nr_free++] = i;
		push_by_hand(p, i);
	}
}

int main(void)
{
	static struct pair p;
	static const struct bench benches[] = {
		{
			.name = "a command, plain acquire and release",
			.run = run_plain,
			.floor = floor_plain,
			.arg = &p,
			.n = 1 << 18,
			.goal = 1.2,
		},
		{
			.name = "a command, atomic acquire and release",
			.run = run_atomic,
			.floor = floor_plain,
			.arg = &p,
			.n = 1 << 18,
			.goal = 1.5,
		},
		{
			.name = "  against exchanges by hand",
			.run = run_atomic,
			.floor = floor_atomic,
			.arg = &p,
			.n = 1 << 18,
			.goal = 1.5,
		},
		{
			.name = "a command with deadline and callback",
			.run = run_watched,
			.floor = floor_plain,
			.arg = &p,
			.n = 1 << 18,
		},
		{
			.name = "an empty poll",
			.run = run_empty_poll,
			.floor = floor_empty_poll,
			.arg = &p,
			.n = 1 << 20,
		},
		{
			.name = "an empty poll, deadlines looked at",
			.run = run_empty_watched,
			.floor = floor_empty_poll,
			.arg = &p,
			.n = 1 << 20,
		},
	};

	open_pair(&p);
	bench_header();
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		bench_run(&benches[i]);
	nvme_close(&p.ctrl);
	return 0;
}

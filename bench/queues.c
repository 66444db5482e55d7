/* SPDX-License-Identifier: MIT */
/*
 * Many queues: what a queue pair takes to make, in time and in memory, how work over several queues
 * goes in two threads, and how it goes on one emulated controller. A queue is paid for when it is used:
 * so one of 65536 entries costs what a small one does until it is filled.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/nvme.h>

#include "bench.h"
#include "io.h"

#define DEPTH 16
#define QSIZE 256
#define NR_IO 8

/* @nr queue pairs of @qsize entries; time and memory of one. */
static void make(int nr, int qsize)
{
	struct nvme_ctrl_opts opts = {.nsqr = nr, .ncqr = nr};
	struct nvme_ctrl ctrl = {};
	char name[64], dev[64];
	uint64_t start;
	double before;

	snprintf(dev, sizeof(dev), "emu:queues=%d", nr);
	if (nvme_init(&ctrl, dev, &opts))
		bench_die(dev);
	before = bench_resident();
	start = bench_now();
	for (int i = 1; i <= nr; i++) {
		if (nvme_create_ioqpair(&ctrl, i, qsize, -1, 0))
			bench_die("queues: nvme_create_ioqpair");
	}
	snprintf(name, sizeof(name), "%d pair%s of %d: time of one", nr, nr > 1 ? "s" : "", qsize);
	bench_value(name, "us", (double)(bench_now() - start) / 1000 / nr, 0);
	snprintf(name, sizeof(name), "%d pair%s of %d: memory of one", nr, nr > 1 ? "s" : "",
		 qsize);
	bench_value(name, "KiB", (bench_resident() - before) / 1024 / nr, 0);
	nvme_close(&ctrl);
}

/* ---- the driver alone: what was posted is completed by the thread that posted it ---- */

#define BATCH	32
#define BATCHES (1u << 13) /* of each queue in a round */

struct alone {
	struct nvme_sq *sq;
	uint32_t sq_doorbell, cq_doorbell;
	uint32_t head, tail;
	uint16_t phase;
	uint64_t done;
} __attribute__((aligned(64)));

static struct alone alone[NR_IO];

static void complete(struct alone *a)
{
	const uint32_t qsize = (uint32_t)a->sq->qsize;
	const union nvme_cmd *cmds = a->sq->mem.vaddr;
	struct nvme_cqe *cqes = a->sq->cq->mem.vaddr;

	while (a->head != a->sq_doorbell) {
		struct nvme_cqe *cqe = &cqes[a->tail];

		cqe->cid = cmds[a->head].cid;
		cqe->sqid = cpu_to_le16((uint16_t)a->sq->id);
		a->head = (a->head + 1) % qsize;
		cqe->sqhd = cpu_to_le16((uint16_t)a->head);
		__atomic_store_n((uint16_t *)&cqe->sfp, a->phase, __ATOMIC_RELEASE);
		if (++a->tail == qsize) {
			a->tail = 0;
			a->phase ^= 1;
		}
	}
}

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct alone *a = rq->opaque;

	(void)cqe;
	a->done++;
}

/* Some queues, one batch after the other. */
struct share {
	int first, nr;
};

static void *drive(void *arg)
{
	const struct share *share = arg;
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ};

	for (uint32_t i = 0; i < BATCHES; i++) {
		for (int q = share->first; q < share->first + share->nr; q++) {
			struct alone *a = &alone[q];

			for (int j = 0; j < BATCH; j++) {
				struct nvme_rq *rq = nvme_rq_acquire(a->sq);

				rq->opaque = a;
				nvme_rq_submit(rq, &cmd, ended, 0);
			}
			nvme_sq_update_tail(a->sq);
			complete(a);
			if (nvme_cq_poll(a->sq->cq, BATCH) != BATCH)
				bench_die("queues: poll");
		}
	}
	return NULL;
}

/* The same lines by hand: commands, completions, and nothing of the driver. */
static void *by_hand(void *arg)
{
	static union nvme_cmd rings[NR_IO][QSIZE] __attribute__((aligned(4096)));
	static struct nvme_cqe cqes[NR_IO][QSIZE] __attribute__((aligned(4096)));
	const struct share *share = arg;
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ};

	for (uint32_t i = 0; i < BATCHES; i++) {
		const uint32_t at = i * BATCH % QSIZE;

		for (int q = share->first; q < share->first + share->nr; q++) {
			for (uint16_t j = 0; j < BATCH; j++) {
				cmd.cid = j;
				rings[q][at + j] = cmd;
			}
			__atomic_store_n(&alone[q].sq_doorbell, at, __ATOMIC_RELEASE);
			for (int j = 0; j < BATCH; j++)
				__atomic_store_n(&cqes[q][at + j].cid, rings[q][at + j].cid,
						 __ATOMIC_RELEASE);
			for (int j = 0; j < BATCH; j++)
				alone[q].done +=
					__atomic_load_n(&cqes[q][at + j].cid, __ATOMIC_ACQUIRE);
		}
	}
	return NULL;
}

/* Millions of commands per second of all queues, shared out among @nr threads. */
static double driven_by(int nr, void *(*fn)(void *))
{
	struct share shares[2];
	pthread_t threads[2];
	uint64_t start = bench_now();

	for (int i = 0; i < nr; i++) {
		shares[i] = (struct share){i * NR_IO / nr, NR_IO / nr};
		if (pthread_create(&threads[i], NULL, fn, &shares[i]))
			bench_die("queues: thread");
	}
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	return (double)NR_IO * BATCHES * BATCH * 1000 / (double)(bench_now() - start);
}

/* What two threads do, against one; no line of one queue is another's. */
static double two_against_one(void *(*fn)(void *), struct bench_line *one, struct bench_line *two)
{
	double rates[BENCH_ROUNDS], ratios[BENCH_ROUNDS];

	for (int i = 0; i < BENCH_ROUNDS; i++) {
		rates[i] = driven_by(1, fn);
		ratios[i] = driven_by(2, fn) / rates[i];
	}
	one->value = bench_median(rates, BENCH_ROUNDS);
	one->low = rates[0];
	one->high = rates[BENCH_ROUNDS - 1];
	two->value = bench_median(ratios, BENCH_ROUNDS);
	two->low = ratios[0];
	two->high = ratios[BENCH_ROUNDS - 1];
	return two->value;
}

static void work_alone(void)
{
	struct bench_line one = {.name = "8 queues, the driver alone, one thread", .unit = "M/s"};
	struct bench_line two = {.name = "  two threads, four each, against one",
				 .unit = "x",
				 .goal = 2,
				 .goal_in_unit = true};
	struct nvme_ctrl ctrl = {};

	if (nvme_init(&ctrl, "emu:", NULL))
		bench_die("queues: emu:");
	for (int q = 0; q < NR_IO; q++) {
		struct alone *a = &alone[q];

		if (nvme_configure_cq(&ctrl, q + 1, QSIZE, -1) ||
		    nvme_configure_sq(&ctrl, q + 1, QSIZE, &ctrl.cq[q + 1], 0))
			bench_die("queues: queues");
		*a = (struct alone){.sq = &ctrl.sq[q + 1], .phase = 1};
		a->sq->doorbell = &a->sq_doorbell;
		a->sq->cq->doorbell = &a->cq_doorbell;
		a->sq->asleep = a->sq->cq->asleep = NULL;
		a->sq->dbbuf = a->sq->cq->dbbuf = (struct nvme_dbbuf){};
	}
	two.floor = two_against_one(by_hand, &one, &two);
	two.ratio = two_against_one(drive, &one, &two) / two.floor;
	bench_print(&one);
	bench_print(&two);
	nvme_close(&ctrl);
}

/* ---- on the emulated controller ---- */

static struct nvme_ctrl io_ctrl;
static struct iommu_dmabuf io_buf;

static void submit(struct nvme_sq *sq)
{
	union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_READ, .nsid = cpu_to_le32(1)}};
	struct nvme_rq *rq = nvme_rq_acquire(sq);
	struct iovec iov = {(char *)io_buf.vaddr + (size_t)rq->cid % DEPTH * BLOCK, BLOCK};

	if (nvme_rq_mapv(&io_ctrl, rq, &cmd, &iov, 1))
		bench_die("queues: mapv");
	nvme_rq_post(rq, &cmd);
}

/* Millions of commands per second over @nr queues; @done has the share of each. */
static double spread_over(int nr, uint64_t n, uint64_t *done)
{
	uint64_t start = bench_now(), total = 0;

	memset(done, 0, NR_IO * sizeof(*done));
	for (int q = 1; q <= nr; q++) {
		for (int i = 0; i < DEPTH; i++)
			submit(&io_ctrl.sq[q]);
		nvme_sq_update_tail(&io_ctrl.sq[q]);
	}
	while (total < n) {
		for (int q = 1; q <= nr; q++) {
			uint32_t got = bench_reap(&io_ctrl.sq[q]);

			for (uint32_t i = 0; i < got; i++)
				submit(&io_ctrl.sq[q]);
			nvme_sq_update_tail(&io_ctrl.sq[q]);
			done[q - 1] += got;
			total += got;
		}
	}
	for (int q = 1; q <= nr; q++) {
		for (uint32_t left = DEPTH; left; left -= bench_reap(&io_ctrl.sq[q]))
			;
	}
	return (double)total * 1000 / (double)(bench_now() - start);
}

static void work(int nr)
{
	double rates[9], worst = 1;
	uint64_t done[NR_IO];
	struct bench_line line = {.unit = "M/s"};
	char name[64];

	for (int i = 0; i < 9; i++) {
		uint64_t least = UINT64_MAX, most = 0;

		rates[i] = spread_over(nr, 1 << 18, done);
		for (int q = 0; q < nr; q++) {
			least = done[q] < least ? done[q] : least;
			most = done[q] > most ? done[q] : most;
		}
		if ((double)least / (double)most < worst)
			worst = (double)least / (double)most;
	}
	snprintf(name, sizeof(name), "%d queue%s of one thread, depth %d each", nr,
		 nr > 1 ? "s" : "", DEPTH);
	line.name = name;
	line.value = bench_median(rates, 9);
	line.low = rates[0];
	line.high = rates[8];
	bench_print(&line);
	if (nr > 1)
		bench_value("  least served queue, against the most", "x", worst, 0);
}

int main(void)
{
	bench_header();
	make(1, 256);
	make(64, 256);
	make(1024, 256);
	make(1, 65536);
	work_alone();

	if (nvme_init(&io_ctrl, "emu:lbads=12,backend=null", NULL) ||
	    iommu_get_dmabuf(__iommu_ctx(&io_ctrl), &io_buf, (size_t)DEPTH * BLOCK, 0))
		bench_die("queues: emu:");
	for (int q = 1; q <= NR_IO; q++) {
		if (nvme_create_ioqpair(&io_ctrl, q, 64, -1, 0))
			bench_die("queues: nvme_create_ioqpair");
	}
	work(1);
	work(NR_IO);
	iommu_put_dmabuf(&io_buf);
	nvme_close(&io_ctrl);
	return 0;
}

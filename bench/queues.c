/* SPDX-License-Identifier: MIT */
/*
 * Many queues: what a queue pair takes to make, in time and in memory, and how work over several
 * queues goes on one emulated controller. A queue is paid for when it is used: so one of 65536
 * entries costs what a small one does until it is filled.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/nvme.h>

#include "bench.h"
#include "io.h"

#define DEPTH 16
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

/* SPDX-License-Identifier: MIT */
/*
 * The whole way to the embedded controller and back: one thread submits and
 * reaps, the other is the controller. Figures of an emulated controller, never
 * those of a drive.
 *
 * The floors are two threads that hand cache lines to each other and have nothing else to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/nvme.h>

#include "bench.h"
#include "handoff.h"
#include "io.h"

#define QSIZE	256
#define QD1_OPS 20000 /* and as many turns of the floor */

/* Median latency of one command at a time, in ns. */
static double latency(struct bench_io *io, uint8_t opcode, double *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t start = bench_now();

		bench_post(io, opcode, i % 1024);
		nvme_sq_update_tail(io->sq);
		while (!bench_reap(io->sq))
			;
		values[i] = (double)(bench_now() - start);
	}
	return bench_median(values, n);
}

/* Commands per second, in millions, with @depth of them under way. */
static double throughput(struct bench_io *io, uint8_t opcode, uint32_t depth, uint64_t n)
{
	uint64_t posted = 0, done = 0, start = bench_now();

	while (done < n) {
		while (posted < n && posted - done < depth)
			bench_post(io, opcode, posted++ % 1024);
		nvme_sq_update_tail(io->sq);
		done += bench_reap(io->sq);
	}
	return (double)n * 1000 / (double)(bench_now() - start);
}

static void bench_latency(void)
{
	static double values[QD1_OPS];
	struct bench_line line = {.name = "QD1 4 KiB read", .unit = "ns", .goal = 3};
	double trips[5], floor[5];
	struct bench_io io;

	bench_io_open(&io, "emu:lbads=12", QSIZE, QSIZE * BLOCK);
	latency(&io, NVM_CMD_READ, values, QD1_OPS);
	for (int i = 0; i < 5; i++) {
		floor[i] = handoff_latency(values, QD1_OPS);
		trips[i] = latency(&io, NVM_CMD_READ, values, QD1_OPS);
	}
	bench_io_close(&io);

	line.value = bench_median(trips, 5);
	line.low = trips[0];
	line.high = trips[4];
	line.floor = bench_median(floor, 5);
	line.ratio = line.value / line.floor;
	bench_print(&line);
}

static void bench_throughput(const char *what, const char *name, uint8_t opcode, uint32_t depth,
			     double goal)
{
	struct bench_line line = {.name = what, .unit = "M/s", .goal = goal, .goal_in_unit = true};
	double rates[9], floors[9], ratios[9];
	struct bench_io io;

	bench_io_open(&io, name, QSIZE, QSIZE * BLOCK);
	throughput(&io, opcode, depth, 1 << 18);
	for (int i = 0; i < 9; i++) {
		floors[i] = handoff_rate(depth, 1 << 19);
		rates[i] = throughput(&io, opcode, depth, 1 << 20);
		ratios[i] = rates[i] / floors[i];
	}
	bench_io_close(&io);

	line.value = bench_median(rates, 9);
	line.low = rates[0];
	line.high = rates[8];
	line.floor = bench_median(floors, 9);
	line.ratio = bench_median(ratios, 9);
	bench_print(&line);
}

#define LARGE	 (1ul << 20)
#define NR_LARGE 8

/* GiB per second of reads of 1 MiB, 4 of them under way. */
static double large_reads(struct bench_io *io, uint64_t n)
{
	uint64_t posted = 0, done = 0, start = bench_now();

	while (done < n) {
		while (posted < n && posted - done < 4) {
			struct nvme_rq *rq = nvme_rq_acquire(io->sq);
			struct iovec iov = {(char *)io->buf.vaddr + posted % NR_LARGE * LARGE,
					    LARGE};
			union nvme_cmd cmd = {
				.rw = {.opcode = NVM_CMD_READ, .nsid = cpu_to_le32(1)}};

			cmd.rw.slba = cpu_to_le64(posted % NR_LARGE * (LARGE / BLOCK));
			cmd.rw.nlb = cpu_to_le16(LARGE / BLOCK - 1);
			if (nvme_rq_mapv(&io->ctrl, rq, &cmd, &iov, 1))
				bench_die("emu: mapv");
			nvme_rq_post(rq, &cmd);
			posted++;
		}
		nvme_sq_update_tail(io->sq);
		done += bench_reap(io->sq);
	}
	return (double)n * LARGE / (double)(bench_now() - start) * 1e9 / (1u << 30);
}

static double large_copies(char *to, const char *from, uint64_t n)
{
	uint64_t start = bench_now();

	for (uint64_t i = 0; i < n; i++) {
		memcpy(to + i % NR_LARGE * LARGE, from + i % NR_LARGE * LARGE, LARGE);
		__asm__ __volatile__("" ::: "memory");
	}
	return (double)n * LARGE / (double)(bench_now() - start) * 1e9 / (1u << 30);
}

static void fill_blocks(struct bench_io *io)
{
	for (uint32_t i = 0; i < NR_LARGE; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(io->sq);
		struct iovec iov = {(char *)io->buf.vaddr + i * LARGE, LARGE};
		union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_WRITE, .nsid = cpu_to_le32(1)}};

		memset(iov.iov_base, (int)i + 1, LARGE);
		cmd.rw.slba = cpu_to_le64(i * (LARGE / BLOCK));
		cmd.rw.nlb = cpu_to_le16(LARGE / BLOCK - 1);
		if (nvme_rq_mapv(&io->ctrl, rq, &cmd, &iov, 1))
			bench_die("emu: mapv");
		nvme_rq_exec(rq, &cmd);
		while (!bench_reap(io->sq))
			;
	}
}

static void bench_large(void)
{
	struct bench_line line = {.name = "1 MiB reads, against memcpy()", .unit = "GiB/s"};
	double rates[9], copies[9], ratios[9];
	char *from = malloc((size_t)NR_LARGE * LARGE);
	struct bench_io io;

	if (!from)
		bench_die("emu: large");
	bench_io_open(&io, "emu:lbads=12", 16, NR_LARGE * LARGE);
	memset(from, 0x5a, (size_t)NR_LARGE * LARGE);
	/* Blocks that were never written are no memory to copy from. */
	fill_blocks(&io);
	large_reads(&io, 64);
	for (int i = 0; i < 9; i++) {
		copies[i] = large_copies(io.buf.vaddr, from, 512);
		rates[i] = large_reads(&io, 512);
		ratios[i] = rates[i] / copies[i];
	}
	bench_io_close(&io);
	free(from);

	line.value = bench_median(rates, 9);
	line.low = rates[0];
	line.high = rates[8];
	line.floor = bench_median(copies, 9);
	line.ratio = bench_median(ratios, 9);
	bench_print(&line);
}

/* Processor time of a second in which nobody uses the controller. */
static void bench_idle(void)
{
	struct timespec second = {.tv_sec = 1}, before, after;
	struct bench_io io;

	bench_io_open(&io, "emu:", QSIZE, QSIZE * BLOCK);
	nanosleep(&second, NULL); /* it polls for a while after its last work */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	nanosleep(&second, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	bench_io_close(&io);
	bench_value("idle: processor time in a second", "ms",
		    (double)(after.tv_sec - before.tv_sec) * 1e3 +
			    (double)(after.tv_nsec - before.tv_nsec) / 1e6,
		    0);
}

int main(void)
{
	bench_header();
	bench_latency();
	bench_throughput("QD32 4 KiB write, null", "emu:lbads=12,backend=null", NVM_CMD_WRITE, 32,
			 10);
	bench_throughput("QD128 4 KiB read, null", "emu:lbads=12,backend=null", NVM_CMD_READ, 128,
			 14);
	bench_throughput("QD128 4 KiB read, memory", "emu:lbads=12", NVM_CMD_READ, 128, 0);
	bench_large();
	bench_idle();
	return 0;
}

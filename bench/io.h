/* SPDX-License-Identifier: MIT */
/*
 * Blocks of 4 KiB through one queue pair, each into the place of its tracker, for the benches of
 * whole controllers. Inline, as a program of this kind would have it.
 */
#ifndef BELFRY_BENCH_IO_H
#define BELFRY_BENCH_IO_H

#include <string.h>

#include <belfry/nvme.h>

#include "bench.h"

#define BLOCK 4096ul

struct bench_io {
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq;
	struct iommu_dmabuf buf;
};

/**
 * bench_io_open() - open a controller, with a queue pair and a buffer
 * @io: out
 * @name: device; its blocks have 4 KiB
 * @qsize: entries of both queues
 * @len: bytes of the buffer; they are written to
 */
static inline void bench_io_open(struct bench_io *io, const char *name, int qsize, size_t len)
{
	memset(io, 0, sizeof(*io));
	if (nvme_init(&io->ctrl, name, NULL) || nvme_create_ioqpair(&io->ctrl, 1, qsize, -1, 0) ||
	    iommu_get_dmabuf(__iommu_ctx(&io->ctrl), &io->buf, len, 0))
		bench_die(name);
	io->sq = &io->ctrl.sq[1];
	memset(io->buf.vaddr, 0x5a, len);
}

/**
 * bench_io_close() - undo bench_io_open()
 * @io: what it opened
 */
static inline void bench_io_close(struct bench_io *io)
{
	iommu_put_dmabuf(&io->buf);
	nvme_close(&io->ctrl);
}

/**
 * bench_post() - post a command for one block; the controller is not told
 * @io: controller, with a tracker free; its buffer has a block for each
 * @opcode: NVM_CMD_READ or NVM_CMD_WRITE
 * @slba: block
 */
static inline void bench_post(struct bench_io *io, uint8_t opcode, uint64_t slba)
{
	struct nvme_rq *rq = nvme_rq_acquire(io->sq);
	struct iovec iov = {(char *)io->buf.vaddr + (size_t)rq->cid * BLOCK, BLOCK};
	union nvme_cmd cmd = {.rw = {.opcode = opcode, .nsid = cpu_to_le32(1)}};

	cmd.rw.slba = cpu_to_le64(slba);
	if (nvme_rq_mapv(&io->ctrl, rq, &cmd, &iov, 1))
		bench_die("mapv");
	nvme_rq_post(rq, &cmd);
}

/**
 * bench_reap() - take what has completed, up to BENCH_AT_ONCE
 * @sq: the only queue of its completion queue
 *
 * Return: how many commands that were.
 */
static inline uint32_t bench_reap(struct nvme_sq *sq)
{
	struct nvme_cqe *cqe;
	uint32_t n = 0;

	while (n < BENCH_AT_ONCE && (cqe = nvme_cq_get_cqe(sq->cq))) {
		if (!nvme_cqe_ok(cqe))
			bench_die("status");
		nvme_rq_release(__nvme_rq_from_cqe(sq, cqe));
		n++;
	}
	if (n)
		nvme_cq_update_head(sq->cq);
	return n;
}

#endif /* BELFRY_BENCH_IO_H */

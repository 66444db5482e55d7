/* SPDX-License-Identifier: MIT */
/*
 * An engine that keeps 32 commands under way: write a region, read it back, check it.
 *
 *	build/examples/async
 *
 * Each command moves 12 KiB from or to two places in memory. One doorbell tells the
 * controller of everything posted since the last one, another of everything reaped.
 */
#include <stdint.h>
#include <stdio.h>

#include <belfry/nvme.h>

#define QID	 1
#define QSIZE	 33 /* a queue has one tracker less than entries: 32 */
#define BLOCK	 512u
#define HEAD_LEN ((size_t)4096)
#define BODY_LEN ((size_t)8192)
#define IO_LEN	 (HEAD_LEN + BODY_LEN)
#define NR_IOS	 4096u

struct engine {
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	struct iommu_dmabuf heads, bodies; /* a piece of each for every tracker, by cid */
	uint8_t opcode;
	uint32_t posted, done, bad;
};

static void pieces(struct engine *e, const struct nvme_rq *rq, struct iovec iov[2])
{
	iov[0] = (struct iovec){(char *)e->heads.vaddr + rq->cid * HEAD_LEN, HEAD_LEN};
	iov[1] = (struct iovec){(char *)e->bodies.vaddr + rq->cid * BODY_LEN, BODY_LEN};
}

/* The data of I/O number @nr: words that are nowhere else. Returns whether they were there. */
static bool pattern(const struct iovec iov[2], uint32_t nr)
{
	uint64_t value = (uint64_t)nr << 32, differ = 0;

	for (int i = 0; i < 2; i++) {
		uint64_t *words = iov[i].iov_base;

		for (size_t n = 0; n < iov[i].iov_len / sizeof(*words); n++, value++) {
			differ |= words[n] ^ value;
			words[n] = value;
		}
	}
	return !differ;
}

/* Post the next I/O; the controller is not told yet. 0, 1 no tracker is free, -1 error. */
static int post_one(struct engine *e)
{
	union nvme_cmd cmd = {.rw = {.opcode = e->opcode}};
	struct nvme_rq *rq = nvme_rq_acquire(e->sq);
	struct iovec iov[2];

	if (!rq)
		return errno == EBUSY ? 1 : -1;
	pieces(e, rq, iov);
	/* Before a read something else, so that old data is not taken for new. */
	pattern(iov, e->opcode == NVM_CMD_WRITE ? e->posted : UINT32_MAX);
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64((uint64_t)e->posted * (IO_LEN / BLOCK));
	cmd.rw.nlb = cpu_to_le16(IO_LEN / BLOCK - 1); /* 0's based */
	if (nvme_rq_mapv(&e->ctrl, rq, &cmd, iov, 2)) {
		nvme_rq_release(rq);
		return -1;
	}
	rq->opaque = (void *)(uintptr_t)e->posted++;
	nvme_rq_post(rq, &cmd);
	return 0;
}

static int reap_one(struct engine *e, struct nvme_cqe *cqe)
{
	struct nvme_rq *rq = nvme_rq_from_cqe(&e->ctrl, cqe);
	struct iovec iov[2];

	if (!rq)
		return -1;
	e->done++;
	pieces(e, rq, iov);
	if (!nvme_cqe_ok(cqe)) {
		fprintf(stderr, "%s\n", nvme_status_str(nvme_cqe_status(cqe)));
		e->bad++;
	} else if (!pattern(iov, (uint32_t)(uintptr_t)rq->opaque)) {
		e->bad++;
	}
	nvme_rq_release(rq);
	return 0;
}

/* All I/Os of one kind: fill the queue, ring once, reap what there is, ring once. */
static int run(struct engine *e, uint8_t opcode)
{
	struct timespec limit = {.tv_sec = 10};

	e->opcode = opcode;
	e->posted = e->done = 0;
	while (e->done < NR_IOS) {
		struct nvme_cqe *cqe, first;
		int full = 0;

		while (e->posted < NR_IOS && !full) {
			full = post_one(e);
			if (full < 0)
				return -1;
		}
		nvme_sq_update_tail(e->sq);

		/* Nothing can be done before one completes. This wait ends in any case. */
		if (nvme_cq_wait_cqes(e->cq, &first, 1, &limit) != 1 || reap_one(e, &first))
			return -1;
		while ((cqe = nvme_cq_get_cqe(e->cq))) {
			if (reap_one(e, cqe))
				return -1;
		}
		nvme_cq_update_head(e->cq);
	}
	printf("opcode %02xh: %u commands of %zu bytes, %u bad\n", opcode, e->done, IO_LEN, e->bad);
	return 0;
}

int main(void)
{
	struct engine e = {};
	int ret = 1;

	if (nvme_init(&e.ctrl, "emu:size=64M", NULL) ||
	    nvme_create_ioqpair(&e.ctrl, QID, QSIZE, -1, 0) ||
	    iommu_get_dmabuf(__iommu_ctx(&e.ctrl), &e.heads, (QSIZE - 1) * HEAD_LEN, 0) ||
	    iommu_get_dmabuf(__iommu_ctx(&e.ctrl), &e.bodies, (QSIZE - 1) * BODY_LEN, 0))
		goto close;
	e.sq = &e.ctrl.sq[QID];
	e.cq = &e.ctrl.cq[QID];
	ret = run(&e, NVM_CMD_WRITE) || run(&e, NVM_CMD_READ) || e.bad;
close:
	if (ret && !e.bad)
		perror("async");
	nvme_close(&e.ctrl); /* first, so that no command uses the buffers any more */
	iommu_put_dmabuf(&e.heads);
	iommu_put_dmabuf(&e.bodies);
	return ret;
}

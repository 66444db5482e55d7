/* SPDX-License-Identifier: MIT */
/*
 * An asynchronous engine in the manner of those who use libvfn 5.1.0: as many queue pairs as there
 * are, an eventfd each, all commands through trackers with iovecs, every buffer mapped or looked up
 * again for every command, and results of mappings ignored. It knows the older forms alone: three
 * arguments of vfio_set_irq(), one of vfio_disable_irq(), memory of queues without "mem".
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <vfn/support.h>
#include <vfn/iommu.h>
#include <vfn/vfio.h>
#include <vfn/nvme.h>

#include "check.h"

#define NR_QPAIRS 64
#define DEPTH	  8
#define ROUNDS	  4
#define PIECE	  4096u
#define IO_LEN	  (3 * PIECE) /* of a command: three pieces, in another order in memory */
#define POOL_LEN  ((size_t)NR_QPAIRS * DEPTH * IO_LEN)

enum {
	IDENTIFY = 0x06,
	WRITE = 0x01,
	READ = 0x02,
};

struct request {
	struct queue *queue;
	struct iovec iov[3];
	uint64_t slba;
	char *buf;
	bool done;
};

struct queue {
	struct nvme_ctrl *ctrl;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	int fd;
	struct request reqs[DEPTH];
	int in_flight;
};

static struct nvme_ctrl ctrl;
static struct queue queues[NR_QPAIRS];
static int nr_queues;
static unsigned int lbads;
static char *pool, *pattern;
static uint64_t pool_iova;

static void look(void)
{
	union nvme_cmd cmd = {.identify = {.opcode = IDENTIFY, .nsid = cpu_to_le32(1)}};
	uint8_t id[4096];

	CHECK(!nvme_admin(&ctrl, &cmd, id, sizeof(id), NULL));
	lbads = id[128 + 4 * (id[26] & 0xf) + 2];
	CHECK(lbads >= 9 && lbads <= 12);
}

static void set_up(const char *name)
{
	struct nvme_ctrl_opts opts = {.nsqr = NR_QPAIRS - 1, .ncqr = NR_QPAIRS - 1};
	int *fds, count;

	CHECK(!nvme_init(&ctrl, name, &opts));
	look();
	nr_queues = (ctrl.config.nsqa < ctrl.config.ncqa ? ctrl.config.nsqa : ctrl.config.ncqa) + 1;
	count = (int)ctrl.pci.dev.irq_info.count;
	if (nr_queues > count - 1)
		nr_queues = count - 1;
	CHECK(nr_queues >= 1 && nr_queues <= NR_QPAIRS);
	printf("# %d queue pairs, %d vectors\n", nr_queues, count);

	fds = new_t(int, nr_queues + 1);
	fds[0] = -1; /* the admin queue's */
	for (int i = 0; i < nr_queues; i++) {
		queues[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		CHECK(queues[i].fd >= 0);
		fds[i + 1] = queues[i].fd;
	}
	CHECK(!vfio_set_irq(&ctrl.pci.dev, fds, nr_queues + 1));
	free(fds);

	for (int i = 0; i < nr_queues; i++) {
		CHECK(!nvme_create_ioqpair(&ctrl, i + 1, DEPTH + 1, i + 1, 0x0));
		queues[i].ctrl = &ctrl;
		queues[i].sq = &ctrl.sq[i + 1];
		queues[i].cq = &ctrl.cq[i + 1];
		CHECK(queues[i].sq->vaddr && queues[i].sq->iova);
		CHECK(queues[i].cq->vaddr && queues[i].cq->iova);
		CHECK(queues[i].sq->pages.vaddr && queues[i].sq->pages.iova);
	}
	PASSED("queue pairs and their eventfds");
}

static void set_up_buffers(void)
{
	CHECK(pgmap((void **)&pool, POOL_LEN) == (ssize_t)POOL_LEN);
	CHECK(!iommu_map_vaddr(ctrl.pci.dev.ctx, pool, POOL_LEN, &pool_iova, 0));
	pattern = new_t(char, POOL_LEN);
	for (size_t i = 0; i < POOL_LEN; i++)
		pattern[i] = (char)(i >> 12 ^ i * 37);

	for (int i = 0; i < nr_queues; i++) {
		for (int j = 0; j < DEPTH; j++) {
			struct request *req = &queues[i].reqs[j];
			size_t at = (size_t)(i * DEPTH + j) * IO_LEN;

			req->queue = &queues[i];
			req->buf = pool + at;
			req->slba = at >> lbads;
			for (int k = 0; k < 3; k++) {
				req->iov[k].iov_base = req->buf + (2 - k) * PIECE;
				req->iov[k].iov_len = PIECE;
			}
		}
	}
}

/* What is mapped is found, wherever it begins and however long it is. */
static void map_or_look_up(void)
{
	static const struct {
		size_t off, len;
	} parts[] = {{0, 1}, {1, 1}, {4095, 2}, {512, POOL_LEN - 1024}, {POOL_LEN - 7, 7}};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint64_t iova;

		CHECK(!iommu_map_vaddr(ctrl.pci.dev.ctx, pool + parts[i].off, parts[i].len, &iova,
				       0x0));
		CHECK(iova == pool_iova + parts[i].off);
	}
	PASSED("mapped memory is looked up by any part of it");
}

static void submit(struct request *req, uint8_t opcode, int niov)
{
	struct nvme_rq *rq = nvme_rq_acquire(req->queue->sq);
	union nvme_cmd cmd = {};

	CHECK(rq);
	rq->opaque = req;
	for (int i = 0; i < niov; i++) {
		uint64_t iova;

		CHECK(!iommu_map_vaddr(ctrl.pci.dev.ctx, req->iov[i].iov_base, req->iov[i].iov_len,
				       &iova, 0));
	}
	cmd.rw.opcode = opcode;
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(req->slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(((unsigned int)niov * PIECE >> lbads) - 1));
	(void)nvme_rq_mapv(req->queue->ctrl, rq, &cmd, req->iov, niov);
	nvme_rq_exec(rq, &cmd);
	req->done = false;
	req->queue->in_flight++;
}

static int reap(struct queue *queue, int max)
{
	int n = 0;

	while (n < max) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(queue->cq);
		struct request *req;
		struct nvme_rq *rq;

		if (!cqe)
			break;
		rq = __nvme_rq_from_cqe(queue->sq, cqe);
		CHECK(rq);
		req = (struct request *)rq->opaque;
		CHECK(req->queue == queue && !req->done);
		CHECK(nvme_cqe_ok(cqe));
		req->done = true;
		nvme_rq_release(rq);
		n++;
	}
	if (n)
		nvme_cq_update_head(queue->cq);
	queue->in_flight -= n;
	return n;
}

/* Sleep until eventfds say that there is something, and take it from those queues. */
static void wait_all(void)
{
	struct pollfd pfds[NR_QPAIRS];
	int left = 0;

	for (int i = 0; i < nr_queues; i++) {
		pfds[i].fd = queues[i].fd;
		pfds[i].events = POLLIN;
		left += queues[i].in_flight;
	}
	while (left) {
		CHECK(poll(pfds, (nfds_t)nr_queues, 30000) > 0);
		for (int i = 0; i < nr_queues; i++) {
			eventfd_t count;

			if (!(pfds[i].revents & POLLIN))
				continue;
			CHECK(!eventfd_read(queues[i].fd, &count));
			left -= reap(&queues[i], DEPTH);
		}
	}
}

static void transfer(uint8_t opcode)
{
	for (int i = 0; i < nr_queues; i++) {
		for (int j = 0; j < DEPTH; j++)
			submit(&queues[i].reqs[j], opcode, 3);
		CHECK(!nvme_rq_acquire(queues[i].sq) && errno == EBUSY);
	}
	wait_all();
}

static void run(void)
{
	size_t used = (size_t)nr_queues * DEPTH * IO_LEN;

	for (int round = 0; round < ROUNDS; round++) {
		pattern[round] ^= 1;
		memcpy(pool, pattern, used);
		transfer(WRITE);
		memset(pool, 0, used);
		transfer(READ);
		CHECK(!memcmp(pool, pattern, used));
	}
	PASSED("data through all queue pairs, woken by eventfds");
}

/* A buffer that is not mapped; the program submits all the same. Nothing may be transferred. */
static void submit_all_the_same(void)
{
	struct request *req = &queues[0].reqs[0];
	struct iovec iov = {.iov_base = pattern, .iov_len = PIECE};
	union nvme_cmd cmd = {};
	struct nvme_cqe *cqe;
	struct nvme_rq *rq = nvme_rq_acquire(queues[0].sq);

	CHECK(rq);
	cmd.rw.opcode = READ;
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(req->slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)((PIECE >> lbads) - 1));
	cmd.rw.dptr.prp1 = cpu_to_le64(pool_iova); /* of an earlier command, say */
	memset(pool, 0x77, PIECE);
	(void)nvme_rq_mapv(&ctrl, rq, &cmd, &iov, 1);
	nvme_rq_exec(rq, &cmd);
	while (!(cqe = nvme_cq_get_cqe(queues[0].cq)))
		;
	CHECK(!nvme_cqe_ok(cqe));
	CHECK(__nvme_rq_from_cqe(queues[0].sq, cqe) == rq);
	nvme_rq_release(rq);
	nvme_cq_update_head(queues[0].cq);
	for (size_t i = 0; i < PIECE; i++)
		CHECK(pool[i] == 0x77);
	PASSED("a failed mapping that is submitted transfers nothing");
}

static void tear_down(void)
{
	size_t len;

	for (int i = 0; i < nr_queues; i++) {
		CHECK(!nvme_delete_ioqpair(&ctrl, i + 1));
		CHECK(!queues[i].sq->vaddr && !queues[i].cq->vaddr && !queues[i].sq->pages.vaddr);
	}
	/* Not before the queues are gone: QEMU 7.2 ends by an assertion when one of vector 32 or
	 * above is left without MSI-X. */
	CHECK(!vfio_disable_irq(&ctrl.pci.dev));
	for (int i = 0; i < nr_queues; i++)
		close(queues[i].fd);
	CHECK(!iommu_unmap_vaddr(ctrl.pci.dev.ctx, pool, &len));
	CHECK(len == POOL_LEN);
	pgunmap(pool, len);
	free(pattern);
	nvme_close(&ctrl);
	PASSED("all given back");
}

int main(int argc, char **argv)
{
	set_up(argc > 1 ? argv[1] : "emu:");
	set_up_buffers();
	map_or_look_up();
	run();
	submit_all_the_same();
	tear_down();
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * A ring of slots, each with a buffer. Slot n % depth carries the n-th command: it is filled and
 * posted at the head of the ring, may complete in any order, and is retired at the tail.
 */
#include "tools/xfer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/progress.h"
#include "tools/text.h"

#define QID	     1
#define WAIT_STEP_NS 100000000
#define STOP_WAIT_NS 1000000000 /* who was interrupted waits no longer than that */
#define NS_PER_MS    1000000

struct xfer_slot {
	char *buf;
	void *meta; /* NULL where blocks have none of their own */
	uint64_t slba;
	uint32_t nr_blocks;
	bool busy;
	bool ok;
};

struct ring {
	struct xfer *xfer;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	struct xfer_slot slots[XFER_DEPTH];
	uint32_t chunk;
	uint64_t head, tail; /* commands posted, commands retired */
	uint64_t left;	     /* blocks that are not in a command yet */
	bool at_end;	     /* of the data to be written */
	int status;
};

uint32_t xfer_chunk(const struct dev *dev, const struct dev_ns *ns)
{
	uint64_t max = XFER_CHUNK_MAX;

	if (dev->ctrl.config.mdts && dev->ctrl.config.mdts < max)
		max = dev->ctrl.config.mdts;
	return max > ns->block ? (uint32_t)max / ns->block : 1;
}

static int ring_init(struct ring *ring, struct xfer *xfer)
{
	struct dev *dev = xfer->dev;
	size_t page = __mps_to_pagesize(dev->ctrl.config.mps);
	uint64_t nr_blocks = xfer->nr_blocks ? xfer->nr_blocks : 1; /* nothing has a buffer, too */
	size_t stride, meta, depth = XFER_DEPTH;
	char *bufs, *metas = NULL;

	*ring = (struct ring){.xfer = xfer,
			      .sq = &dev->ctrl.sq[QID],
			      .cq = &dev->ctrl.cq[QID],
			      .chunk = xfer_chunk(dev, xfer->ns),
			      .left = xfer->nr_blocks};
	/* Memory to lock may be scarce: a slot that no command will be in has no buffer of its own. */
	if (ring->chunk > nr_blocks)
		ring->chunk = (uint32_t)nr_blocks;
	if (nr_blocks < depth * ring->chunk)
		depth = (size_t)((nr_blocks + ring->chunk - 1) / ring->chunk);
	stride = ALIGN_UP((size_t)ring->chunk * xfer->ns->block, page);
	meta = ALIGN_UP((size_t)ring->chunk * xfer->ns->meta, page);
	bufs = dev_alloc(dev, depth * stride);
	if (meta)
		metas = dev_alloc(dev, depth * meta);
	if (!bufs || (meta && !metas))
		return CMD_FAILED;
	for (size_t i = 0; i < XFER_DEPTH; i++) {
		ring->slots[i].buf = bufs + i % depth * stride;
		ring->slots[i].meta = metas ? metas + i % depth * meta : NULL;
	}
	return CMD_OK;
}

static void fail(struct ring *ring, int status)
{
	if (!ring->status)
		ring->status = status;
}

/* Ask for the data of a command to write. The last block is filled up with zeros. */
static void fill(struct ring *ring, struct xfer_slot *slot)
{
	struct xfer *xfer = ring->xfer;
	size_t want = (size_t)slot->nr_blocks * xfer->ns->block;
	ssize_t got = xfer->move(xfer->arg, slot->buf, want);

	if (got < 0) {
		fail(ring, CMD_FAILED);
		slot->nr_blocks = 0;
		return;
	}
	if ((size_t)got < want) {
		size_t used = (size_t)got;
		size_t rest = used % xfer->ns->block;

		ring->at_end = true;
		if (rest) {
			memset(slot->buf + used, 0, xfer->ns->block - rest);
			used += xfer->ns->block - rest;
		}
		slot->nr_blocks = (uint32_t)(used / xfer->ns->block);
	}
}

static int post(struct ring *ring, struct nvme_rq *rq, struct xfer_slot *slot)
{
	struct xfer *xfer = ring->xfer;
	struct nvme_ctrl *ctrl = &xfer->dev->ctrl;
	union nvme_cmd cmd = {.rw = {.opcode = xfer->write ? NVM_CMD_WRITE : NVM_CMD_READ,
				     .nsid = cpu_to_le32(xfer->ns->nsid)}};
	struct iovec iov = {.iov_base = slot->buf,
			    .iov_len = (size_t)slot->nr_blocks * xfer->ns->block};

	slot->slba = xfer->slba + (xfer->nr_blocks - ring->left);
	cmd.rw.slba = cpu_to_le64(slot->slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(slot->nr_blocks - 1)); /* 0's based on the wire */
	cmd.rw.control = cpu_to_le16(xfer->control);
	if (slot->meta &&
	    nvme_map_mptr(ctrl, &cmd, slot->meta, (size_t)slot->nr_blocks * xfer->ns->meta))
		return -1;
	if (nvme_rq_mapv(ctrl, rq, &cmd, &iov, 1))
		return -1;
	rq->opaque = slot;
	nvme_rq_post(rq, &cmd);
	return 0;
}

/* Fill the head of the ring, then ring the doorbell once for all of it. */
static void submit(struct ring *ring)
{
	while (!ring->status && !ring->at_end && ring->left &&
	       ring->head - ring->tail < XFER_DEPTH) {
		struct xfer_slot *slot = &ring->slots[ring->head % XFER_DEPTH];
		struct nvme_rq *rq;

		slot->nr_blocks = ring->left < ring->chunk ? (uint32_t)ring->left : ring->chunk;
		if (ring->xfer->write)
			fill(ring, slot);
		if (!slot->nr_blocks)
			break;

		rq = nvme_rq_acquire(ring->sq);
		if (!rq || post(ring, rq, slot)) {
			fail(ring,
			     msg_fail_host("block %" PRIu64,
					   ring->xfer->slba + ring->xfer->nr_blocks - ring->left));
			if (rq)
				nvme_rq_release(rq);
			break;
		}
		slot->busy = true;
		ring->left -= slot->nr_blocks;
		ring->head++;
	}
	nvme_sq_update_tail(ring->sq);
}

bool xfer_wait(struct nvme_ctrl *ctrl, struct nvme_cq *cq, struct nvme_cqe *cqe)
{
	struct timespec step = {.tv_nsec = WAIT_STEP_NS};
	uint64_t deadline = monotonic_ns() + (uint64_t)ctrl->timeout_ms * NS_PER_MS;
	uint64_t stop_at = 0;

	while (nvme_cq_wait_cqes(cq, cqe, 1, &step) != 1) {
		uint64_t now = monotonic_ns();

		if (errno != ETIMEDOUT)
			return false;
		if (!stop_at && msg_stop_asked())
			stop_at = now + STOP_WAIT_NS;
		if (now >= deadline || (stop_at && now >= stop_at)) {
			errno = now >= deadline ? ETIMEDOUT : EINTR;
			return false;
		}
	}
	return true;
}

static void complete(struct ring *ring, struct nvme_cqe *cqe)
{
	struct xfer *xfer = ring->xfer;
	struct nvme_rq *rq = nvme_rq_from_cqe(&xfer->dev->ctrl, cqe);
	struct xfer_slot *slot;

	if (!rq)
		return; /* of no command of ours; the queue has counted it */
	slot = rq->opaque;
	slot->busy = false;
	slot->ok = nvme_cqe_ok(cqe);
	xfer->cmds++;
	if (!slot->ok && !ring->status)
		fail(ring, dev_refused_rw(xfer->write, slot->slba, slot->nr_blocks,
					  nvme_cqe_status(cqe)));
	nvme_rq_release(rq);
}

/* At least one completion, then all there are. -1: none came, none is to be waited for. */
static int reap(struct ring *ring)
{
	struct nvme_cqe *cqe = nvme_cq_get_cqe(ring->cq);
	struct nvme_cqe copy;

	if (!cqe) {
		if (!xfer_wait(&ring->xfer->dev->ctrl, ring->cq, &copy)) {
			fail(ring, dev_silent(ring->xfer->dev));
			ring->xfer->silent = true;
			return -1;
		}
		complete(ring, &copy);
	}
	for (; cqe; cqe = nvme_cq_get_cqe(ring->cq))
		complete(ring, cqe);
	nvme_cq_update_head(ring->cq);
	return 0;
}

/* Hand on what has completed at the tail of the ring. */
static void retire(struct ring *ring)
{
	struct xfer *xfer = ring->xfer;

	while (ring->tail < ring->head && !ring->slots[ring->tail % XFER_DEPTH].busy) {
		struct xfer_slot *slot = &ring->slots[ring->tail++ % XFER_DEPTH];
		size_t len = (size_t)slot->nr_blocks * xfer->ns->block;

		if (!slot->ok || (ring->status && ring->status != CMD_INTERRUPTED))
			continue;
		if (!xfer->write && xfer->move(xfer->arg, slot->buf, len) < 0) {
			fail(ring, CMD_FAILED);
			continue;
		}
		xfer->done += slot->nr_blocks;
	}
}

int xfer_run(struct xfer *xfer)
{
	struct progress progress;
	struct ring ring;
	uint64_t start = monotonic_ns();

	xfer->done = xfer->cmds = 0;
	xfer->silent = false;
	if (ring_init(&ring, xfer))
		return CMD_FAILED;
	msg_forget();
	progress_start(&progress, xfer->what ? xfer->what : "",
		       xfer->nr_blocks == UINT64_MAX ? 0 : xfer->nr_blocks * xfer->ns->block);
	if (!xfer->what)
		progress_end(&progress);

	for (submit(&ring); ring.tail < ring.head; submit(&ring)) {
		if (reap(&ring))
			break;
		retire(&ring);
		progress_update(&progress, xfer->done * xfer->ns->block);
		if (msg_stop_asked())
			fail(&ring, CMD_INTERRUPTED);
	}
	progress_end(&progress);
	xfer->elapsed_ns = monotonic_ns() - start;
	return ring.status;
}

int xfer_flush(struct dev *dev, const struct dev_ns *ns)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(ns->nsid)};
	struct nvme_cqe cqe;

	msg_forget();
	if (!nvme_sync(&dev->ctrl, &dev->ctrl.sq[QID], &cmd, NULL, 0, &cqe))
		return CMD_OK;
	return nvme_cqe_ok(&cqe) ? msg_fail_host("Flush")
				 : dev_refused("Flush", nvme_cqe_status(&cqe));
}

/* SPDX-License-Identifier: MIT */
/*
 * A hostile device writes completions; a program acquires, posts, reaps, waits
 * and releases as the input says. Whatever the entries claim: no tracker is
 * handed out twice, no more come out than there are, and nothing outside the
 * queues is touched (the sanitizers see to that).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/nvme.h>

#define QSIZE  8
#define NR_SQS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct nvme_ctrl ctrl;
static uint32_t doorbells[2 * (NR_SQS + 2)];

/* Trackers that the program holds, by queue and cid. */
static struct nvme_rq *held[NR_SQS + 1][QSIZE];

struct device {
	uint32_t tail;
	uint16_t phase;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* Queues on this side only, whose doorbells lead nowhere: the device is this file. */
static void start(struct device *dev)
{
	if (!ctrl.priv)
		must(!nvme_ctrl_init(&ctrl, "emu:", NULL));
	must(!nvme_configure_cq(&ctrl, 1, QSIZE, -1));
	ctrl.cq[1].doorbell = &doorbells[0];
	ctrl.cq[1].asleep = NULL;
	for (int qid = 1; qid <= NR_SQS; qid++) {
		must(!nvme_configure_sq(&ctrl, qid, QSIZE, &ctrl.cq[1], 0));
		ctrl.sq[qid].doorbell = &doorbells[qid];
		ctrl.sq[qid].asleep = NULL;
	}
	memset(held, 0, sizeof(held));
	*dev = (struct device){.phase = 1};
}

static void hold(struct nvme_rq *rq, int qid)
{
	must(rq->sq == &ctrl.sq[qid] && rq->cid < QSIZE - 1);
	must(!held[qid][rq->cid]);
	held[qid][rq->cid] = rq;
}

static void let_go(struct nvme_rq *rq)
{
	must(held[rq->sq->id][rq->cid] == rq);
	held[rq->sq->id][rq->cid] = NULL;
	nvme_rq_release(rq);
}

static void acquire_and_post(int qid, bool post)
{
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[qid]);
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};

	if (!rq) {
		must(errno == EBUSY);
		return;
	}
	hold(rq, qid);
	if (post)
		nvme_rq_exec(rq, &cmd);
}

static void device_writes(struct device *dev, const uint8_t *in)
{
	struct nvme_cqe *cqe = (struct nvme_cqe *)ctrl.cq[1].mem.vaddr + dev->tail;
	/* Mostly plausible, so that what is behind the first check is reached as well. */
	bool wild = in[0] & 0x80;

	cqe->sqid = cpu_to_le16((uint16_t)(wild ? in[1] << 8 | in[0] : in[1] % 4));
	cqe->cid = (uint16_t)(wild ? in[2] << 8 | in[1] : in[2] % (QSIZE + 1));
	cqe->sqhd = cpu_to_le16((uint16_t)(in[3] * 257));
	cqe->sfp = cpu_to_le16((uint16_t)((in[3] & 0xf0) << 1 | dev->phase));
	if (++dev->tail == QSIZE) {
		dev->tail = 0;
		dev->phase ^= 1;
	}
}

static void reap(void)
{
	struct nvme_cqe *cqe = nvme_cq_get_cqe(&ctrl.cq[1]);
	struct nvme_rq *rq;

	if (!cqe)
		return;
	rq = nvme_rq_from_cqe(&ctrl, cqe);
	if (rq)
		let_go(rq);
	nvme_cq_update_head(&ctrl.cq[1]);
}

static void wait_for(int qid, uint16_t cid)
{
	struct timespec none = {};
	struct nvme_rq *rq = held[qid][cid % QSIZE];

	if (rq && !nvme_rq_wait(rq, NULL, &none))
		let_go(rq);
}

static void give_up(int qid, uint16_t cid)
{
	struct nvme_rq *rq = held[qid][cid % QSIZE];

	if (rq)
		let_go(rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct device dev;

	start(&dev);
	for (; len >= 5; data += 5, len -= 5) {
		int qid = 1 + (data[0] >> 3 & 1);

		switch (data[0] & 7) {
		case 0:
		case 1:
			acquire_and_post(qid, data[0] & 1);
			break;
		case 2:
		case 3:
			device_writes(&dev, data + 1);
			break;
		case 4:
		case 5:
			reap();
			break;
		case 6:
			wait_for(qid, data[1]);
			break;
		default:
			give_up(qid, data[1]);
		}
	}
	return 0;
}

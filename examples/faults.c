/* SPDX-License-Identifier: MIT */
/*
 * A laboratory: make the embedded controller misbehave, and see what a program sees.
 *
 *	build/examples/faults
 *
 * Four experiments with a read of one block: refused by the medium, late (after its waiter
 * has given up), lost, and a controller that stops. Each ends with a read that works.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <belfry/emu.h>
#include <belfry/nvme.h>

#define QID   1
#define QSIZE 8 /* 7 trackers */

static struct nvme_ctrl ctrl;
static struct iommu_dmabuf buf;
static struct emu_ctrl *emu;

/* Read block 0, waiting for @ms. Releases the tracker whatever happens. */
static int read_block(long ms)
{
	union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_READ}};
	struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	struct iovec iov = {.iov_base = buf.vaddr, .iov_len = 512};
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[QID]);
	int ret;

	if (!rq)
		return -1;
	cmd.rw.nsid = cpu_to_le32(1);
	ret = nvme_rq_mapv(&ctrl, rq, &cmd, &iov, 1);
	if (!ret) {
		nvme_rq_exec(rq, &cmd);
		ret = nvme_rq_wait(rq, NULL, &limit);
	}
	nvme_rq_release(rq);
	return ret;
}

/* How many trackers can be had: those in quarantine cannot. */
static int nr_free(void)
{
	struct nvme_rq *rqs[QSIZE];
	int n = 0;

	while (n < QSIZE && (rqs[n] = nvme_rq_acquire(&ctrl.sq[QID])))
		n++;
	for (int i = n; i--;)
		nvme_rq_release(rqs[i]);
	return n;
}

static int inject(const char *text)
{
	struct emu_fault fault;

	printf("%s\n", text);
	return emu_fault_parse(text, &fault) || emu_fault_add(emu, &fault) ? -1 : 0;
}

/* What the read did, and what it was to do; @want is an errno, 0 for success. */
static int expect(const char *what, int ret, int want)
{
	int got = ret ? errno : 0;

	printf("  %-28s %-24s %d of %d trackers free, %lu late\n", what, got ? strerror(got) : "ok",
	       nr_free(), QSIZE - 1, (unsigned long)ctrl.cq[QID].late);
	if (got != want) {
		errno = got ? got : EPROTO;
		return -1;
	}
	return 0;
}

static int refused(void)
{
	/* Type 2 (media), code 81h: Unrecovered Read Error */
	if (inject("act=status,arg=0x281,sq=1,op=2,count=1"))
		return -1;
	return expect("the read", read_block(5000), EIO) || expect("again", read_block(5000), 0);
}

static int late(void)
{
	if (inject("act=delay,arg=200000,sq=1,op=2,count=1") ||
	    expect("the read, given 20 ms", read_block(20), ETIMEDOUT) ||
	    expect("again", read_block(5000), 0))
		return -1;

	/* A look at the queue takes the late completion, which is nobody's, and frees its tracker. */
	for (int i = 0; i < 500 && !ctrl.cq[QID].late; i++) {
		poll(NULL, 0, 10);
		if (nvme_cq_get_cqe(&ctrl.cq[QID]))
			return -1;
	}
	nvme_cq_update_head(&ctrl.cq[QID]);
	return expect("when it has come in", read_block(5000), 0) || nr_free() != QSIZE - 1;
}

/* Disable, enable, queues anew: what is in quarantine is free again. */
static int reset(void)
{
	return nvme_reset(&ctrl) || nvme_enable(&ctrl) ||
	       nvme_create_ioqpair(&ctrl, QID, QSIZE, -1, 0);
}

static int lost(void)
{
	return inject("act=drop,sq=1,op=2,count=1") ||
	       expect("the read, given 20 ms", read_block(20), ETIMEDOUT) || reset() ||
	       expect("after a reset", read_block(5000), 0) || nr_free() != QSIZE - 1;
}

static int stopped(void)
{
	return inject("act=cfs,sq=1,op=2,count=1") ||
	       expect("the read, given 5 s", read_block(5000), EIO) || reset() ||
	       expect("after a reset", read_block(5000), 0);
}

int main(void)
{
	int ret = 1;

	if (nvme_init(&ctrl, "emu:size=1M", NULL)) {
		perror("emu:");
		return 1;
	}
	emu = emu_ctrl_get(&ctrl.pci.dev);
	if (emu && !iommu_get_dmabuf(__iommu_ctx(&ctrl), &buf, 4096, 0) &&
	    !nvme_create_ioqpair(&ctrl, QID, QSIZE, -1, 0))
		ret = refused() || late() || lost() || stopped();
	if (ret)
		perror("faults");
	nvme_close(&ctrl);
	iommu_put_dmabuf(&buf);
	return ret;
}

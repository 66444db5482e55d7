/* SPDX-License-Identifier: MIT */
/*
 * What each step of a command's way costs in instructions, counted by callgrind. scripts/check-budget
 * runs this and holds the counts to tests/perf/budgets.
 *
 * Nothing is measured here. callgrind counts inside of functions called count_NAME, and writes the
 * count out at the end of line_NAME, which calls the former CALLS times. Each does BATCH operations
 * in a loop; what a loop costs is a line too, "nothing", and is taken off the others. Counts do not
 * depend on the machine or on who else uses it, but they do on the compiler.
 *
 * There is no device: what was posted is completed by a function that is not counted, and the
 * doorbells are two words.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/nvme.h>

#define QSIZE	256
#define BATCH	32
#define CALLS	64
#define BUF_LEN (128u << 10)

/* callgrind knows them by their names. */
#define COUNTED	  static __attribute__((noinline))
#define BARRIER() __asm__ __volatile__("" ::: "memory")

static struct nvme_ctrl ctrl;
static struct nvme_sq *sq;
static struct nvme_cq *cq;
static uint32_t sq_doorbell, cq_doorbell;
static struct nvme_rq *rqs[BATCH];
static union nvme_cmd cmds[BATCH];
static char *buf;

/* ---- the device ---- */

static uint32_t dev_head, dev_tail;
static bool dev_phase = true;

static void complete_all(void)
{
	const union nvme_cmd *sqes = sq->mem.vaddr;
	struct nvme_cqe *cqes = cq->mem.vaddr;

	while (dev_head != sq_doorbell) {
		struct nvme_cqe *cqe = &cqes[dev_tail];

		cqe->cid = sqes[dev_head].cid;
		cqe->sqid = cpu_to_le16(1);
		dev_head = (dev_head + 1) % QSIZE;
		cqe->sqhd = cpu_to_le16((uint16_t)dev_head);
		cqe->sfp = cpu_to_le16(dev_phase);
		if (++dev_tail == QSIZE) {
			dev_tail = 0;
			dev_phase = !dev_phase;
		}
	}
}

/* ---- the steps, one batch of each ---- */

COUNTED void count_nothing(void)
{
	for (int i = 0; i < BATCH; i++)
		BARRIER();
}

COUNTED void count_submit(struct nvme_sq *q)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(q);

		rq->opaque = q;
		nvme_rq_post(rq, &cmds[i]);
		BARRIER();
	}
	nvme_sq_update_tail(q);
}

COUNTED void count_submit_atomic(struct nvme_sq *q)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = nvme_rq_acquire_atomic(q);

		rq->opaque = q;
		nvme_rq_post(rq, &cmds[i]);
		BARRIER();
	}
	nvme_sq_update_tail(q);
}

COUNTED void count_exec(struct nvme_sq *q)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(q);

		rq->opaque = q;
		nvme_rq_exec(rq, &cmds[i]);
		BARRIER();
	}
}

COUNTED void count_reap(struct nvme_sq *q, struct nvme_cq *c)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(c);
		struct nvme_rq *rq = __nvme_rq_from_cqe(q, cqe);

		if (rq->opaque != q)
			abort();
		nvme_rq_release(rq);
		BARRIER();
	}
	nvme_cq_update_head(c);
}

COUNTED void count_reap_atomic(struct nvme_sq *q, struct nvme_cq *c)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(c);
		struct nvme_rq *rq = __nvme_rq_from_cqe(q, cqe);

		if (rq->opaque != q)
			abort();
		nvme_rq_release_atomic(rq);
		BARRIER();
	}
	nvme_cq_update_head(c);
}

COUNTED void count_empty_poll(struct nvme_cq *c)
{
	for (int i = 0; i < BATCH; i++) {
		if (nvme_cq_get_cqe(c))
			abort();
		BARRIER();
	}
}

COUNTED void count_translate(struct iommu_ctx *ctx, void *vaddr)
{
	for (int i = 0; i < BATCH; i++) {
		iova_t iova;

		if (!iommu_translate_vaddr(ctx, vaddr, &iova))
			abort();
	}
}

/* Inlined, so that @map is called by its name. */
#define INLINED inline __attribute__((always_inline))
typedef int map_fn(struct nvme_ctrl *, struct nvme_rq *, union nvme_cmd *, struct iovec *, int);

static INLINED void map_batch(map_fn *map, size_t len)
{
	struct iovec iov = {buf, len};

	for (int i = 0; i < BATCH; i++) {
		if (map(&ctrl, rqs[0], &cmds[0], &iov, 1))
			abort();
	}
}

COUNTED void count_map_prp_4k(void)
{
	map_batch(nvme_rq_mapv_prp, 4096);
}

COUNTED void count_map_prp_8k(void)
{
	map_batch(nvme_rq_mapv_prp, 8192);
}

COUNTED void count_map_prp_128k(void)
{
	map_batch(nvme_rq_mapv_prp, BUF_LEN);
}

COUNTED void count_map_sgl_4k(void)
{
	map_batch(nvme_rq_mapv_sgl, 4096);
}

COUNTED void count_map_sgl_128k(void)
{
	map_batch(nvme_rq_mapv_sgl, BUF_LEN);
}

/* The callback of a read: one instruction. */
static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	__asm__ __volatile__("" : : "r"(rq), "r"(cqe));
}

/*
 * A read of 4 KiB as a program would write it, with a deadline and a callback where it is @watched. The
 * way back is in count_reap() and count_poll().
 */
static INLINED void submit_reads(struct nvme_sq *q, map_fn *map, bool watched)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(q);
		struct iovec iov = {buf, 4096};
		union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_READ, .nsid = cpu_to_le32(1)}};

		cmd.rw.slba = cpu_to_le64((uint64_t)i);
		cmd.rw.nlb = cpu_to_le16(0);
		rq->opaque = q;
		if (map(&ctrl, rq, &cmd, &iov, 1))
			abort();
		if (watched)
			nvme_rq_submit(rq, &cmd, ended, 0);
		else
			nvme_rq_post(rq, &cmd);
		BARRIER();
	}
	nvme_sq_update_tail(q);
}

COUNTED void count_read_prp(struct nvme_sq *q)
{
	submit_reads(q, nvme_rq_mapv_prp, false);
}

COUNTED void count_read_sgl(struct nvme_sq *q)
{
	submit_reads(q, nvme_rq_mapv_sgl, false);
}

COUNTED void count_read_any(struct nvme_sq *q)
{
	submit_reads(q, nvme_rq_mapv, false);
}

COUNTED void count_read_watched_prp(struct nvme_sq *q)
{
	submit_reads(q, nvme_rq_mapv_prp, true);
}

COUNTED void count_read_watched_sgl(struct nvme_sq *q)
{
	submit_reads(q, nvme_rq_mapv_sgl, true);
}

COUNTED void count_read_watched(struct nvme_sq *q)
{
	submit_reads(q, nvme_rq_mapv, true);
}

/*
 * What the program does for itself in submit_reads() and, unless a callback does, in count_reap(): fill
 * the command in, attach what is its own, look at results. Taken off what a read takes.
 */
static INLINED void program(struct nvme_sq *q, bool watched)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = rqs[i];
		struct iovec iov = {buf, 4096};
		union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_READ, .nsid = cpu_to_le32(1)}};
		int ret = 0;

		cmd.rw.slba = cpu_to_le64((uint64_t)i);
		cmd.rw.nlb = cpu_to_le16(0);
		rq->opaque = q;
		__asm__ __volatile__("" : "+r"(ret), "+r"(rq) : "r"(&iov), "r"(&cmd) : "memory");
		if (ret || (!watched && rq->opaque != q))
			abort();
	}
}

COUNTED void count_program(struct nvme_sq *q)
{
	program(q, false);
}

COUNTED void count_program_watched(struct nvme_sq *q)
{
	program(q, true);
}

/* With a deadline and a callback, as most programs would have it. */
static void read_done(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	if (rq->opaque != sq || !nvme_cqe_ok(cqe))
		abort();
}

COUNTED void count_submit_watched(struct nvme_sq *q)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(q);

		rq->opaque = q;
		nvme_rq_submit(rq, &cmds[i], read_done, 0);
		BARRIER();
	}
	nvme_sq_update_tail(q);
}

COUNTED void count_poll(struct nvme_cq *c)
{
	if (nvme_cq_poll(c, BATCH) != BATCH)
		abort();
}

COUNTED void count_poll_nothing(struct nvme_cq *c)
{
	for (int i = 0; i < BATCH; i++) {
		if (nvme_cq_poll(c, BATCH))
			abort();
	}
}

/* ---- the lines ---- */

/* What is not counted of a line, beside what is. */
static void submit_uncounted(void)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		rq->opaque = sq;
		nvme_rq_post(rq, &cmds[i]);
	}
	nvme_sq_update_tail(sq);
}

static void submit_watched_uncounted(void)
{
	for (int i = 0; i < BATCH; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		rq->opaque = sq;
		nvme_rq_submit(rq, &cmds[i], read_done, 0);
	}
	nvme_sq_update_tail(sq);
}

static void reap_uncounted(void)
{
	for (int i = 0; i < BATCH; i++)
		nvme_rq_release(__nvme_rq_from_cqe(sq, nvme_cq_get_cqe(cq)));
	nvme_cq_update_head(cq);
}

#define LINE(name, ...)                           \
	COUNTED void line_##name(void)            \
	{                                         \
		for (int i = 0; i < CALLS; i++) { \
			__VA_ARGS__               \
		}                                 \
	}

LINE(nothing, count_nothing();)
LINE(program, count_program(sq);)
LINE(submit, count_submit(sq); complete_all(); reap_uncounted();)
LINE(submit_atomic, count_submit_atomic(sq); complete_all(); reap_uncounted();)
LINE(submit_ring_each, count_exec(sq); complete_all(); reap_uncounted();)
LINE(reap, submit_uncounted(); complete_all(); count_reap(sq, cq);)
LINE(reap_atomic, submit_uncounted(); complete_all(); count_reap_atomic(sq, cq);)
LINE(submit_watched, count_submit_watched(sq); complete_all(); nvme_cq_poll(cq, BATCH);)
LINE(poll, submit_watched_uncounted(); complete_all(); count_poll(cq);)
LINE(poll_nothing, count_poll_nothing(cq);)
LINE(empty_poll, count_empty_poll(cq);)
LINE(translate, count_translate(__iommu_ctx(&ctrl), buf);)
LINE(map_prp_4k, count_map_prp_4k();)
LINE(map_prp_8k, count_map_prp_8k();)
LINE(map_prp_128k, count_map_prp_128k();)
LINE(map_sgl_4k, count_map_sgl_4k();)
LINE(map_sgl_128k, count_map_sgl_128k();)
LINE(read_4k_prp, count_read_prp(sq); complete_all(); count_reap(sq, cq);)
LINE(read_4k_sgl, count_read_sgl(sq); complete_all(); count_reap(sq, cq);)
LINE(program_watched, count_program_watched(sq);)
LINE(read_4k_watched_prp, count_read_watched_prp(sq); complete_all(); count_poll(cq);)
LINE(read_4k_watched_sgl, count_read_watched_sgl(sq); complete_all(); count_poll(cq);)
LINE(read_4k_watched, count_read_watched(sq); complete_all(); count_poll(cq);)
LINE(read_4k, count_read_any(sq); complete_all(); count_reap(sq, cq);)

/* ---- */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void set_up(void)
{
	/* Queues on this side only: nobody else touches the rings. */
	if (nvme_init(&ctrl, "emu:lbads=12", NULL) || nvme_configure_cq(&ctrl, 1, QSIZE, -1) ||
	    nvme_configure_sq(&ctrl, 1, QSIZE, &ctrl.cq[1], 0))
		fail("budget: emu:");
	if (pgmap((void **)&buf, BUF_LEN) < 0 ||
	    iommu_map_vaddr(__iommu_ctx(&ctrl), buf, BUF_LEN, NULL, 0))
		fail("budget: memory");

	sq = &ctrl.sq[1];
	cq = &ctrl.cq[1];
	sq->doorbell = &sq_doorbell;
	cq->doorbell = &cq_doorbell;
	sq->asleep = cq->asleep = NULL;
	sq->dbbuf = cq->dbbuf = (struct nvme_dbbuf){};

	/* A tracker's first use is another matter. */
	for (int i = 0; i < BATCH; i++) {
		rqs[i] = nvme_rq_acquire(sq);
		if (!rqs[i])
			fail("budget: trackers");
	}
	for (int i = 1; i < BATCH; i++)
		nvme_rq_release(rqs[i]);
	submit_uncounted();
	complete_all();
	reap_uncounted();
}

int main(void)
{
	set_up();
	line_nothing();
	line_program();
	line_submit();
	line_submit_atomic();
	line_submit_ring_each();
	line_reap();
	line_reap_atomic();
	line_submit_watched();
	line_poll();
	line_poll_nothing();
	line_empty_poll();
	line_translate();
	line_map_prp_4k();
	line_map_prp_8k();
	line_map_prp_128k();
	line_map_sgl_4k();
	line_map_sgl_128k();
	line_read_4k_prp();
	line_read_4k_sgl();
	line_read_4k();
	line_program_watched();
	line_read_4k_watched_prp();
	line_read_4k_watched_sgl();
	line_read_4k_watched();
	nvme_close(&ctrl);
	return 0;
}

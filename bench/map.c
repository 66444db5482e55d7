/* SPDX-License-Identifier: MIT */
/*
 * Mapping a buffer into a command, with few and with many mappings in the address
 * space. Buffers are taken from all mappings in turn, in an order that no
 * prefetcher guesses.
 *
 * The floor knows where the device sees each buffer and writes the same entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <belfry/nvme.h>

#include "bench.h"

#define BUF_LEN	 (128u << 10)
#define NR_ORDER 8192

enum what {
	PRP,
	SGL
};

struct maps {
	struct nvme_ctrl ctrl;
	struct nvme_rq *rq;
	size_t len;
	char **bufs;
	iova_t *iovas;
	uint32_t nr;
	uint32_t order[NR_ORDER];
	union nvme_cmd cmd;
};

static void run_prp(void *arg, uint64_t n)
{
	struct maps *m = arg;

	for (uint64_t i = 0; i < n; i++) {
		struct iovec iov = {m->bufs[m->order[i % NR_ORDER]], m->len};

		if (nvme_rq_mapv_prp(&m->ctrl, m->rq, &m->cmd, &iov, 1))
			bench_die("mapv_prp");
	}
}

static void run_sgl(void *arg, uint64_t n)
{
	struct maps *m = arg;

	for (uint64_t i = 0; i < n; i++) {
		struct iovec iov = {m->bufs[m->order[i % NR_ORDER]], m->len};

		if (nvme_rq_mapv_sgl(&m->ctrl, m->rq, &m->cmd, &iov, 1))
			bench_die("mapv_sgl");
	}
}

static void floor_prp(void *arg, uint64_t n)
{
	struct maps *m = arg;
	leint64_t *list = m->rq->page.vaddr;

	for (uint64_t i = 0; i < n; i++) {
		iova_t iova = m->iovas[m->order[i % NR_ORDER]];

		m->cmd.dptr.prp1 = cpu_to_le64(iova);
		m->cmd.dptr.prp2 = cpu_to_le64(m->len > 8192 ? m->rq->page.iova : 0);
		for (size_t off = 4096; off < m->len; off += 4096)
			*list++ = cpu_to_le64(iova + off);
		list = m->rq->page.vaddr;
		__asm__ __volatile__("" ::: "memory");
	}
}

static void floor_sgl(void *arg, uint64_t n)
{
	struct maps *m = arg;

	for (uint64_t i = 0; i < n; i++) {
		m->cmd.dptr.sgl = (struct nvme_sgld){
			.addr = cpu_to_le64(m->iovas[m->order[i % NR_ORDER]]),
			.len = cpu_to_le32((uint32_t)m->len),
		};
		__asm__ __volatile__("" ::: "memory");
	}
}

/* Each mapping apart from its neighbours in memory, as a program's would be. */
static void map_buffers(struct maps *m, uint32_t nr)
{
	size_t stride = 2 * (size_t)BUF_LEN;
	char *mem = mmap(NULL, nr * stride, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	m->bufs = calloc(nr, sizeof(*m->bufs));
	m->iovas = calloc(nr, sizeof(*m->iovas));
	if (mem == MAP_FAILED || !m->bufs || !m->iovas)
		bench_die("map: memory");
	for (uint32_t i = 0; i < nr; i++) {
		m->bufs[i] = mem + i * stride;
		if (iommu_map_vaddr(__iommu_ctx(&m->ctrl), m->bufs[i], BUF_LEN, &m->iovas[i], 0))
			bench_die("map: iommu_map_vaddr");
	}
	m->nr = nr;
	srand(1);
	for (int i = 0; i < NR_ORDER; i++)
		m->order[i] = (uint32_t)rand() % nr;
}

static void open_maps(struct maps *m, uint32_t nr)
{
	if (nvme_ctrl_init(&m->ctrl, "emu:", NULL) || nvme_configure_cq(&m->ctrl, 1, 16, -1) ||
	    nvme_configure_sq(&m->ctrl, 1, 16, &m->ctrl.cq[1], 0))
		bench_die("map: queues");
	m->rq = nvme_rq_acquire(&m->ctrl.sq[1]);
	map_buffers(m, nr);
}

static void one(struct maps *m, enum what what, size_t len, double goal_ns)
{
	char name[64];
	struct bench b = {
		.name = name,
		.run = what == PRP ? run_prp : run_sgl,
		.floor = what == PRP ? floor_prp : floor_sgl,
		.arg = m,
		.n = 1 << 17,
		.goal_ns = goal_ns,
	};

	snprintf(name, sizeof(name), "%s, %zu KiB, %u mapping%s", what == PRP ? "PRP" : "SGL",
		 len >> 10, m->nr, m->nr > 1 ? "s" : "");
	m->len = len;
	bench_run(&b);
}

int main(void)
{
	static const uint32_t nrs[] = {1, 64, 4096};

	bench_header();
	for (size_t i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++) {
		static struct maps m;

		open_maps(&m, nrs[i]);
		one(&m, PRP, 4096, 8);
		one(&m, PRP, BUF_LEN, 25);
		one(&m, SGL, 4096, 5);
		nvme_close(&m.ctrl);
	}
	return 0;
}

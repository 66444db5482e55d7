/* SPDX-License-Identifier: MIT */
/*
 * The address space at sizes that no program reaches by accident: translation with one to a million
 * mappings, in mappings of 4 KiB to 1 GiB; what a map and an unmap take; what the table's memory is.
 *
 * The floor of a translation is one load from an array of as many words, in the same order: what the
 * caches take, whoever asks. Maps and unmaps are the emulated transport's: what a real IOMMU adds is
 * the kernel's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <belfry/nvme.h>

#include "bench.h"

#define PAGE	 4096ul
#define NR_ORDER (1u << 16)

struct space {
	struct nvme_ctrl ctrl;
	char *mem;
	size_t stride;
	uint32_t nr;
	uint32_t order[NR_ORDER];
	uint64_t *words;
	uint64_t sum;
};

static void run_translate(void *arg, uint64_t n)
{
	struct space *s = arg;
	iova_t iova;

	for (uint64_t i = 0; i < n; i++) {
		if (!iommu_translate_vaddr(__iommu_ctx(&s->ctrl),
					   s->mem + s->order[i % NR_ORDER] * s->stride, &iova))
			bench_die("space: translate");
		s->sum += iova;
	}
}

static void floor_translate(void *arg, uint64_t n)
{
	struct space *s = arg;

	for (uint64_t i = 0; i < n; i++)
		s->sum += __atomic_load_n(&s->words[s->order[i % NR_ORDER]], __ATOMIC_RELAXED);
}

static void open_space(struct space *s, uint32_t nr, size_t stride)
{
	memset(&s->ctrl, 0, sizeof(s->ctrl));
	if (nvme_ctrl_init(&s->ctrl, "emu:", NULL))
		bench_die("space: emu:");
	s->nr = nr;
	s->stride = stride;
	s->mem = mmap(NULL, nr * stride, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	s->words = malloc(nr * sizeof(*s->words));
	if (s->mem == MAP_FAILED || !s->words)
		bench_die("space: memory");
	memset(s->words, 0x5a, nr * sizeof(*s->words));
	srand(1);
	for (uint32_t i = 0; i < NR_ORDER; i++)
		s->order[i] =
			(uint32_t)(((uint64_t)(uint32_t)rand() << 15 ^ (uint32_t)rand()) % nr);
}

static void close_space(struct space *s)
{
	nvme_close(&s->ctrl);
	munmap(s->mem, s->nr * s->stride);
	free(s->words);
}

static void map_all(struct space *s, size_t len)
{
	for (uint32_t i = 0; i < s->nr; i++) {
		if (iommu_map_vaddr(__iommu_ctx(&s->ctrl), s->mem + i * s->stride, len, NULL, 0))
			bench_die("space: iommu_map_vaddr");
	}
}

static void unmap_all(struct space *s)
{
	for (uint32_t i = 0; i < s->nr; i++) {
		if (iommu_unmap_vaddr(__iommu_ctx(&s->ctrl), s->mem + i * s->stride, NULL))
			bench_die("space: iommu_unmap_vaddr");
	}
}

/* Mappings of one page, each two pages from the next. */
static void translate_in(struct space *s, uint32_t nr)
{
	char name[64];
	struct bench b = {
		.name = name,
		.run = run_translate,
		.floor = floor_translate,
		.arg = s,
		.n = NR_ORDER,
	};

	open_space(s, nr, 2 * PAGE);
	map_all(s, PAGE);
	snprintf(name, sizeof(name), "translate, %u mapping%s of 4 KiB", nr, nr > 1 ? "s" : "");
	bench_run(&b);
	close_space(s);
}

/* A map and an unmap of @len bytes in an address space with @nr mappings. */
static void change(struct space *s, uint32_t nr, size_t len)
{
	double map[BENCH_ROUNDS], unmap[BENCH_ROUNDS];
	struct bench_line line = {.unit = "ns"};
	char name[64];

	open_space(s, nr, len + PAGE);
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		uint64_t start = bench_now(), middle;

		map_all(s, len);
		middle = bench_now();
		unmap_all(s);
		map[i] = (double)(middle - start) / nr;
		unmap[i] = (double)(bench_now() - middle) / nr;
	}
	close_space(s);

	snprintf(name, sizeof(name), "map, %zu KiB, %u of them", len >> 10, nr);
	line.name = name;
	line.value = bench_median(map, BENCH_ROUNDS);
	line.low = map[0];
	line.high = map[BENCH_ROUNDS - 1];
	bench_print(&line);
	snprintf(name, sizeof(name), "unmap, %zu KiB, %u of them", len >> 10, nr);
	line.value = bench_median(unmap, BENCH_ROUNDS);
	line.low = unmap[0];
	line.high = unmap[BENCH_ROUNDS - 1];
	bench_print(&line);
}

/* Memory for one mapping of @len bytes, which nobody touches; the floor is a word for each 4 KiB. */
static void footprint(struct space *s, size_t len)
{
	char name[64];
	double before;

	open_space(s, 1, len);
	before = bench_resident();
	map_all(s, len);
	snprintf(name, sizeof(name), "memory of a mapping of %zu MiB", len >> 20);
	bench_value(name, "KiB", (bench_resident() - before) / 1024, (double)len / PAGE * 8 / 1024);
	close_space(s);
}

int main(void)
{
	static struct space s;
	static const uint32_t nrs[] = {1, 64, 4096, 65536, 1u << 20};

	bench_header();
	for (size_t i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++)
		translate_in(&s, nrs[i]);
	change(&s, 1024, PAGE);
	change(&s, 65536, PAGE);
	change(&s, 256, 1ul << 20);
	change(&s, 4, 1ul << 30);
	footprint(&s, 1ul << 20);
	footprint(&s, 64ul << 20);
	footprint(&s, 1ul << 30);
	footprint(&s, 16ul << 30);
	return 0;
}

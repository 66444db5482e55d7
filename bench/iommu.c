/* SPDX-License-Identifier: MIT */
/*
 * What a map and an unmap take with a real IOMMU: the library's beside the kernel's call alone, for
 * the same memory at the same IOVAs in the same address space, in turns. BELFRY_DEV names the
 * function, bound to vfio-pci; VFN_IOMMU_FORCE_VFIO chooses the container (type 1).
 *
 * tests/vm/maps.sh runs it in a guest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <belfry/iommu.h>
#include <belfry/vfio.h>

#include "bench.h"
#include "iommu/iommufd.h"
#include "iommu/uapi.h"

#define PAGE 4096ul
#define MIB  (1ul << 20)
#define HUGE (2 * MIB)

struct space {
	struct vfio_pci_device pci;
	struct iommu_ctx *ctx;
	int fd;	       /* container or iommufd */
	uint32_t ioas; /* of the iommufd; unused with a container */
	char *mem;
	size_t len, stride;
	uint32_t nr;
	iova_t *iovas;
};

/* ---- the kernel's calls ---- */

static int type1_map(const struct space *s, uint32_t i)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)(s->mem + i * s->stride),
		.iova = (uint64_t)s->iovas[i],
		.size = s->len,
	};

	return ioctl(s->fd, VFIO_IOMMU_MAP_DMA, &map);
}

static int type1_unmap(const struct space *s, uint32_t i)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = (uint64_t)s->iovas[i],
		.size = s->len,
	};

	return ioctl(s->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static int iommufd_map(const struct space *s, uint32_t i)
{
	struct uapi_iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = UAPI_IOMMU_IOAS_MAP_FIXED_IOVA | UAPI_IOMMU_IOAS_MAP_READABLE |
			 UAPI_IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = s->ioas,
		.user_va = (uintptr_t)(s->mem + i * s->stride),
		.length = s->len,
		.iova = (uint64_t)s->iovas[i],
	};

	return ioctl(s->fd, UAPI_IOMMU_IOAS_MAP, &map);
}

static int iommufd_unmap(const struct space *s, uint32_t i)
{
	struct uapi_iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = s->ioas,
		.iova = (uint64_t)s->iovas[i],
		.length = s->len,
	};

	return ioctl(s->fd, UAPI_IOMMU_IOAS_UNMAP, &unmap);
}

/* ---- the library's ---- */

static int lib_map(const struct space *s, uint32_t i)
{
	return iommu_map_vaddr(s->ctx, s->mem + i * s->stride, s->len, &s->iovas[i], 0);
}

static int lib_unmap(const struct space *s, uint32_t i)
{
	return iommu_unmap_vaddr(s->ctx, s->mem + i * s->stride, NULL);
}

/* Nanoseconds for each of them. */
static double timed(const struct space *s, int (*call)(const struct space *s, uint32_t i))
{
	uint64_t start = bench_now();

	for (uint32_t i = 0; i < s->nr; i++) {
		if (call(s, i))
			bench_die("iommu: map or unmap");
	}
	return (double)(bench_now() - start) / s->nr;
}

/* ---- lines ---- */

struct samples {
	double lib[BENCH_ROUNDS], bare[BENCH_ROUNDS], ratio[BENCH_ROUNDS];
};

static void print(const struct space *s, const char *what, struct samples *t, const char *pages)
{
	struct bench_line line = {.unit = "us"};
	char name[64];

	for (int i = 0; i < BENCH_ROUNDS; i++) {
		t->ratio[i] = t->lib[i] / t->bare[i];
		t->lib[i] /= 1e3;
		t->bare[i] /= 1e3;
	}
	snprintf(name, sizeof(name), "%s, %zu KiB%s", what, s->len >> 10, pages);
	line.name = name;
	line.value = bench_median(t->lib, BENCH_ROUNDS);
	line.low = t->lib[0];
	line.high = t->lib[BENCH_ROUNDS - 1];
	line.floor = bench_median(t->bare, BENCH_ROUNDS);
	line.ratio = bench_median(t->ratio, BENCH_ROUNDS);
	bench_print(&line);
}

static void measure(struct space *s, const char *pages)
{
	bool iommufd = iommu_ctx_is_iommufd(s->ctx);
	struct samples map, unmap;

	/* Which finds the IOVAs, and has each page there. */
	timed(s, lib_map);
	timed(s, lib_unmap);
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		map.bare[i] = timed(s, iommufd ? iommufd_map : type1_map);
		unmap.bare[i] = timed(s, iommufd ? iommufd_unmap : type1_unmap);
		map.lib[i] = timed(s, lib_map);
		unmap.lib[i] = timed(s, lib_unmap);
	}
	print(s, "map", &map, pages);
	print(s, "unmap", &unmap, pages);
}

/* @nr mappings of @len bytes, of memory that is there already. */
static void one(struct space *s, size_t len, uint32_t nr, bool huge)
{
	size_t size;
	char *mem;

	s->len = len;
	s->nr = nr;
	s->stride = huge ? len : len + PAGE;
	size = s->stride * nr + HUGE;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s->iovas = calloc(nr, sizeof(*s->iovas));
	if (mem == MAP_FAILED || !s->iovas)
		bench_die("iommu: memory");
	s->mem = mem + (HUGE - (uintptr_t)mem % HUGE) % HUGE;
	(void)madvise(mem, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(s->mem, 1, s->stride * nr);
	measure(s, huge ? ", huge pages" : "");
	free((void *)s->iovas);
	munmap(mem, size);
}

/* ---- the address space ---- */

/* The descriptor of the container that the library has open. */
static int find_container(void)
{
	char link[64], path[64];

	for (int fd = 0; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
		if (!strcmp(path, "/dev/vfio/vfio"))
			return fd;
	}
	errno = ENOENT;
	bench_die("iommu: container");
}

static void open_space(struct space *s)
{
	const char *name = getenv("BELFRY_DEV");

	errno = EINVAL;
	if (!name || vfio_pci_open(&s->pci, name))
		bench_die("iommu: BELFRY_DEV has to name a function bound to vfio-pci");
	s->ctx = s->pci.dev.ctx;
	if (iommu_ctx_is_iommufd(s->ctx)) {
		const struct iommufd *iommufd = (const struct iommufd *)s->ctx;

		s->fd = iommufd->fd;
		s->ioas = iommufd->ioas;
	} else {
		s->fd = find_container();
	}
}

/* The largest that three quarters of the free memory have room for, at most 1 GiB. */
static size_t largest(void)
{
	struct sysinfo info;
	size_t len = 1024 * MIB;

	if (sysinfo(&info))
		bench_die("sysinfo");
	while (len > HUGE && len > info.freeram / 4 * 3 * info.mem_unit)
		len /= 2;
	return len;
}

int main(void)
{
	static struct space s;

	open_space(&s);
	bench_header();
	one(&s, PAGE, 1024, false);
	one(&s, 64ul << 10, 256, false);
	one(&s, HUGE, 16, false);
	one(&s, HUGE, 16, true);
	one(&s, largest(), 1, false);
	vfio_pci_close(&s.pci);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Physical addresses, from /proc/self/pagemap, and whether they stay, from /proc/kpageflags. Both
 * are for root alone, as is all of this.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/noiommu.h"
#include "support/errno.h"

#define ENV_ALLOW "BELFRY_UNSAFE_NOIOMMU"

#define PAGEMAP	   "/proc/self/pagemap"
#define KPAGEFLAGS "/proc/kpageflags"

/* An entry of pagemap. */
#define PM_PRESENT (UINT64_C(1) << 63)
#define PM_PFN	   ((UINT64_C(1) << 55) - 1)

/* An entry of kpageflags: a huge page that the program asked for as such. */
#define KPF_HUGE (UINT64_C(1) << 17)

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

bool noiommu_is_group(const char *path)
{
	return strstr(path, "/noiommu-") != NULL;
}

int noiommu_allow(const char *name)
{
	if (!getenv(ENV_ALLOW)) {
		log_error(
			"%s: behind no IOMMU: it would reach all of the machine's memory; turn the "
			"IOMMU on, or set " ENV_ALLOW "=1 to have it so\n",
			name);
		return set_errno(EPERM);
	}
	log_error("warning: %s: behind no IOMMU, as " ENV_ALLOW
		  " asks for: it reaches all of the machine's memory\n",
		  name);
	return 0;
}

void *noiommu_alloc(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT) |
				 MAP_POPULATE,
			 -1, 0);

	if (mem != MAP_FAILED)
		return mem;
	log_error("no huge pages of 2 MiB for %zu bytes: as root, 'echo 64 "
		  ">/proc/sys/vm/nr_hugepages'\n",
		  len);
	return set_errno_null(ENOMEM);
}

/* Entry @index of a file of 64-bit numbers. */
static int read_entry(int fd, uint64_t index, uint64_t *entry)
{
	ssize_t n = pread(fd, entry, sizeof(*entry), (off_t)(index * sizeof(*entry)));

	return n == sizeof(*entry) ? 0 : n < 0 ? -1 : set_errno(ENOTSUP);
}

/* The page frame of an address that is in a huge page. */
static int find_frame(int pagemap, int flags, uintptr_t va, uint64_t *pfn)
{
	uint64_t entry, flag;

	if (read_entry(pagemap, va >> __VFN_PAGESHIFT, &entry))
		return -1;
	*pfn = entry & PM_PFN;
	if (entry & PM_PRESENT && !*pfn)
		return set_errno(EPERM); /* the kernel keeps it to itself */
	if (!(entry & PM_PRESENT) || read_entry(flags, *pfn, &flag) || !(flag & KPF_HUGE))
		return set_errno(ENOTSUP);
	return 0;
}

static int find_frames(int pagemap, int flags, uintptr_t va, size_t len, uint64_t *first)
{
	uint64_t pfn;

	if (find_frame(pagemap, flags, va, first))
		return -1;
	for (size_t i = 1; i < len >> __VFN_PAGESHIFT; i++) {
		if (find_frame(pagemap, flags, va + (i << __VFN_PAGESHIFT), &pfn))
			return -1;
		if (pfn != *first + i)
			return set_errno(ENOTSUP);
	}
	return 0;
}

int noiommu_place(const void *vaddr, size_t len, iova_t *iova)
{
	int pagemap = open(PAGEMAP, O_RDONLY | O_CLOEXEC);
	int flags = open(KPAGEFLAGS, O_RDONLY | O_CLOEXEC), ret = -1;
	uint64_t first;

	if (pagemap >= 0 && flags >= 0)
		ret = find_frames(pagemap, flags, (uintptr_t)vaddr, len, &first);
	{
		keep_errno();

		if (pagemap >= 0)
			close(pagemap);
		if (flags >= 0)
			close(flags);
	}
	if (!ret) {
		*iova = (iova_t)(first << __VFN_PAGESHIFT);
		return 0;
	}
	if (errno == ENOTSUP)
		log_error(
			"%zu bytes at %p: without an IOMMU a device can use huge pages only, that "
			"are in one piece: take memory from iommu_get_dmabuf(), up to 2 MiB\n",
			len, vaddr);
	else
		log_error("where memory is cannot be found out: " PAGEMAP ", " KPAGEFLAGS ": %m\n");
	return -1;
}

/* SPDX-License-Identifier: MIT */
/*
 * Pages for a device. They are left out of core dumps no more than other memory, and a child of
 * fork() gets a copy: it must not use the controllers of its parent.
 */
#include <errno.h>
#include <sys/mman.h>

#include "iommu/mem.h"
#include "support/errno.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17; older ones take the address as a hint */
#endif

void *iommu_mem_alloc(struct iommu_ctx *ctx, void *at, size_t len)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED_NOREPLACE : 0);
	void *mem;

	(void)ctx; /* every backend so far takes memory of any kind */

	mem = mmap(at, len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (mem == MAP_FAILED) {
		/* Below the lowest address that may be mapped, or above the highest. */
		if (at && (errno == EPERM || errno == EINVAL || errno == ENOMEM))
			return set_errno_null(EEXIST);
		return NULL;
	}
	if (at && mem != at) {
		munmap(mem, len);
		return set_errno_null(EEXIST);
	}
	return mem;
}

void iommu_mem_free(void *mem, size_t len)
{
	keep_errno();

	(void)munmap(mem, len);
}

/* SPDX-License-Identifier: MIT */
/*
 * The kernel's errors in words. The number alone seldom says enough: ENOMEM is mostly the limit on
 * locked memory, EFAULT mostly memory of a device.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <belfry/support/io.h>
#include <belfry/support/log.h>

#include "iommu/host.h"
#include "support/errno.h"

#define KIB 1024

static bool covers(const struct iommu_iova_range *ranges, int nr_ranges,
		   const struct iommu_iova_range *part)
{
	for (int i = 0; i < nr_ranges; i++) {
		if (ranges[i].start <= part->start && ranges[i].last >= part->last)
			return true;
	}
	return false;
}

int iommu_ranges_cover(const struct iommu_ctx *ctx, const struct iommu_iova_range *ranges,
		       int nr_ranges, const char *who)
{
	for (int i = 0; i < ctx->nr_ranges; i++) {
		if (covers(ranges, nr_ranges, &ctx->ranges[i]))
			continue;
		log_error("%s: cannot share the address space: it does not reach iova 0x%llx to "
			  "0x%llx; open it first, or by itself\n",
			  who, (unsigned long long)ctx->ranges[i].start,
			  (unsigned long long)ctx->ranges[i].last);
		return set_errno(EINVAL);
	}
	return 0;
}

/* A line "KEY: N kB" of /proc/self/status, in KiB; 0 when there is none. */
static unsigned long long status_kib(const char *key)
{
	char text[4096], *line;
	ssize_t n = readmax("/proc/self/status", text, sizeof(text) - 1);

	if (n < 0)
		return 0;
	text[n] = '\0';
	line = strstr(text, key);
	return line ? strtoull(line + strlen(key), NULL, 10) : 0;
}

static void explain_memlock(const struct iommu_ctx *ctx, size_t len)
{
	unsigned long long locked, need = (len + KIB - 1) / KIB;
	struct rlimit limit;

	/* Kept apart by the kernel: one counts as locked memory, the other as pinned. */
	locked = status_kib(ctx->ops->iommufd ? "\nVmPin:" : "\nVmLck:");
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY) {
		log_error("no memory to map %llu KiB for a device, %llu KiB are mapped\n", need,
			  locked);
		return;
	}
	log_error("cannot map %llu KiB for a device: %llu KiB of locked memory needed with what is "
		  "mapped, %llu KiB allowed; raise 'ulimit -l' (memlock in "
		  "/etc/security/limits.conf)\n",
		  need, need + locked, (unsigned long long)limit.rlim_cur / KIB);
}

int iommu_explain_map(const struct iommu_ctx *ctx, size_t len)
{
	keep_errno();

	switch (errno) {
	case ENOMEM:
		explain_memlock(ctx, len);
		break;
	case ENOSPC:
		log_error("the kernel allows no more mappings for a device; unmap some, or raise "
			  "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit\n");
		break;
	case EFAULT:
		if (ctx->ops->iommufd)
			log_error("iommufd cannot map this memory: it is not the process's, or it "
				  "is a device's, which this kernel maps with type1 only "
				  "(VFN_IOMMU_FORCE_VFIO=1)\n");
		else
			log_error("the memory to map for a device is not the process's\n");
		break;
	default:
		log_error("%s: %zu bytes cannot be mapped for a device: %m\n", ctx->ops->name, len);
	}
	return -1;
}

int iommu_explain_open(const char *path)
{
	keep_errno();

	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		log_error("%s: no such node: load the module by 'modprobe vfio-pci', and bind the "
			  "function by 'belfry bind'\n",
			  path);
		break;
	case EACCES:
	case EPERM:
		log_error("%s: no permission: as root, 'chown USER %s', or add a udev rule\n", path,
			  path);
		break;
	case EBUSY:
		log_error("%s: in use by another process\n", path);
		break;
	default:
		log_error("%s: %m\n", path);
	}
	return -1;
}

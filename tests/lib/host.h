/* SPDX-License-Identifier: MIT */
/*
 * The host's half alone, for tests of data pointers: an address space whose backend agrees to
 * everything, a controller structure filled in by hand, a tracker, and list memory at an address
 * that tests can spell out.
 */
#ifndef BELFRY_TESTS_LIB_HOST_H
#define BELFRY_TESTS_LIB_HOST_H

#include <string.h>
#include <sys/mman.h>

#include <belfry/nvme.h>

#include "dev.h"
#include "iommu/ctx.h"

#define PAGE 4096ul

/* Where the list memory is in the address space, and how much of it there is at most. */
#define LIST	    0x40000000ul
#define LIST_PAGES  2200
#define CMD_POISON  0xa5
#define LIST_POISON 0x5a

struct host {
	struct iommu_ctx ctx;
	struct nvme_ctrl ctrl;
	struct nvme_sq sq;
	struct nvme_rq rq;
	union nvme_cmd cmd;
	char *list;
	char *arena; /* address space that is not mapped */
};

#define HOST_ARENA (16 * PAGE)

static int host_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		    unsigned long flags)
{
	(void)ctx, (void)vaddr, (void)len, (void)iova, (void)flags;
	return 0;
}

static int host_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	(void)ctx, (void)iova, (void)len;
	return 0;
}

static void host_free(struct iommu_ctx *ctx)
{
	free(ctx);
}

static const struct iommu_backend_ops host_ops = {
	.name = "host",
	.map = host_map,
	.unmap = host_unmap,
	.close = host_free,
};

static inline char *host_reserve(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

static inline void host_map_at(struct host *host, void *vaddr, size_t len, iova_t iova)
{
	assert_works(iommu_map_vaddr(&host->ctx, vaddr, len, &iova, IOMMU_MAP_FIXED_IOVA));
}

/* Memory that the device sees at 0x100000 up to 0x400000, so that rows of IOVAs have addresses. */
#define SEEN_FIRST 0x100000ul
#define SEEN_LEN   0x300000ul

static inline char *host_map_seen(struct host *host)
{
	char *mem = host_reserve(SEEN_LEN);

	host_map_at(host, mem, SEEN_LEN, SEEN_FIRST);
	return mem;
}

/* The addresses of @n pieces; false when one is not all there. */
static inline bool host_seen(char *mem, const struct iova_vec *iova, int n, struct iovec *iov)
{
	for (int i = 0; i < n; i++) {
		if (iova[i].iova < SEEN_FIRST || iova[i].iova >= SEEN_FIRST + SEEN_LEN ||
		    iova[i].len > SEEN_FIRST + SEEN_LEN - iova[i].iova)
			return false;
		iov[i] = (struct iovec){mem + (iova[i].iova - SEEN_FIRST), iova[i].len};
	}
	return true;
}

/* A command and a list that show where they were written, and a tracker that may be used. */
static inline void host_renew(struct host *host)
{
	memset(&host->cmd, CMD_POISON, sizeof(host->cmd));
	memset(host->list, LIST_POISON, 2 * PAGE);
	host->rq.state = NVME_RQ_ACQUIRED;
}

static inline struct host *host_create(void)
{
	struct host *host = aligned_alloc(64, sizeof(*host));

	assert_non_null(host);
	memset(host, 0, sizeof(*host));
	assert_works(iommu_ctx_init(&host->ctx, &host_ops, NULL, 0));

	host->list = host_reserve(LIST_PAGES * PAGE);
	host->arena = host_reserve(HOST_ARENA);
	host_map_at(host, host->list, LIST_PAGES * PAGE, LIST);

	host->ctrl.pci.dev.ctx = &host->ctx;
	host->ctrl.sgl_one_max = 0xbffff000; /* as nvme_init() has it with no MDTS */
	host->sq.id = 1;
	host->rq.sq = &host->sq;
	host->rq.cid = 5;
	host->rq.page.vaddr = host->list;
	host->rq.page.iova = LIST;
	host_renew(host);
	return host;
}

static inline void host_destroy(struct host *host)
{
	munmap(host->list, LIST_PAGES * PAGE);
	munmap(host->arena, HOST_ARENA);
	iommu_ctx_put(&host->ctx);
}

/* Nothing of the command was written. */
static inline void assert_cmd_untouched(const struct host *host)
{
	union nvme_cmd poison;

	memset(&poison, CMD_POISON, sizeof(poison));
	assert_memory_equal(&host->cmd, &poison, sizeof(poison));
}

/* Of the command, the data pointer and PSDT were written, and nothing else. */
static inline void assert_cmd_mapped(const struct host *host, unsigned int psdt)
{
	union nvme_cmd want;

	memset(&want, CMD_POISON, sizeof(want));
	want.flags = (uint8_t)((CMD_POISON & 0x3f) | psdt << 6);
	want.dptr = host->cmd.dptr;
	assert_memory_equal(&host->cmd, &want, sizeof(want));
}

#endif /* BELFRY_TESTS_LIB_HOST_H */

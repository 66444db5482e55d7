/* SPDX-License-Identifier: MIT */
/*
 * The client's memory. dma.h has the rules.
 */
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <belfry/support/log.h>

#include "serve/dma.h"
#include "serve/guard.h"
#include "support/errno.h"

#define PAGE_MASK 4095u

struct dma_region {
	struct serve_dma dma;
	struct guard *guard;
	bool live; /* the device has it */
};

void dma_init(struct dma_table *table)
{
	pthread_rwlock_init(&table->lock, NULL);
	table->regions = NULL;
	table->nr = table->room = 0;
	table->total = 0;
	table->master = false;
}

void dma_exit(struct dma_table *table)
{
	free(table->regions);
	pthread_rwlock_destroy(&table->lock);
}

/* The first mapping that ends behind @iova: where one that begins there is, or would go. */
static size_t find(const struct dma_table *table, uint64_t iova)
{
	size_t low = 0, high = table->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct serve_dma *dma = &table->regions[mid].dma;

		if (dma->iova + (dma->len - 1) < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ---- files ---- */

/* A file of memory, long enough; one whose owner can stop who reads it is none. */
static int check_file(int fd, uint64_t off, uint64_t len)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return -1;
	if (!S_ISREG(st.st_mode) || fs.f_type == FUSE_SUPER_MAGIC) {
		log_error("the client shares memory in what is no file of memory\n");
		return set_errno(EINVAL);
	}
	if (off & PAGE_MASK || off > (uint64_t)st.st_size || len > (uint64_t)st.st_size - off) {
		log_error("the client shares %llu bytes at %llu of a file of %llu\n",
			  (unsigned long long)len, (unsigned long long)off,
			  (unsigned long long)st.st_size);
		return set_errno(EINVAL);
	}
	return 0;
}

static int region_map(struct dma_table *table, struct dma_region *region, int fd, uint64_t off)
{
	int prot = 0;
	void *mem;

	if (check_file(fd, off, region->dma.len))
		return -1;
	if (region->dma.prot & SERVE_DMA_READ)
		prot |= PROT_READ;
	if (region->dma.prot & SERVE_DMA_WRITE)
		prot |= PROT_READ | PROT_WRITE;
	mem = mmap(NULL, region->dma.len, prot, MAP_SHARED | MAP_NORESERVE, fd, (off_t)off);
	if (mem == MAP_FAILED)
		return -1;
	region->guard = guard_add(mem, region->dma.len, table->lost_fd);
	if (!region->guard) {
		munmap(mem, region->dma.len);
		return set_errno(ENOMEM);
	}
	region->dma.mem = mem;
	return 0;
}

static void region_unmap(struct dma_region *region)
{
	keep_errno();

	guard_remove(region->guard);
	if (region->dma.mem)
		munmap(region->dma.mem, region->dma.len);
}

/* ---- what the device has ---- */

static int region_give(struct dma_table *table, struct dma_region *region)
{
	if (table->ops->dma_map && table->ops->dma_map(table->dev, &region->dma))
		return -1;
	region->live = true;
	return 0;
}

static void region_take(struct dma_table *table, struct dma_region *region)
{
	if (region->live && table->ops->dma_unmap)
		table->ops->dma_unmap(table->dev, &region->dma);
	region->live = false;
}

/*
 * The device is called without the lock: it may be in the middle of an access, which has it. The
 * table is changed by one thread only, the one that calls.
 */
static void set_live(struct dma_table *table, bool master)
{
	pthread_rwlock_wrlock(&table->lock);
	table->master = master;
	pthread_rwlock_unlock(&table->lock);
}

void dma_set_master(struct dma_table *table, bool on)
{
	if (on == table->master)
		return;
	set_live(table, on);
	for (size_t i = 0; i < table->nr; i++) {
		struct dma_region *region = &table->regions[i];

		if (!on)
			region_take(table, region);
		else if (region_give(table, region))
			log_error(
				"the device cannot use %llu bytes of the client's at 0x%llx: %s\n",
				(unsigned long long)region->dma.len,
				(unsigned long long)region->dma.iova, strerror(errno));
	}
}

/* ---- the table ---- */

static int make_room(struct dma_table *table)
{
	size_t room = table->room ? 2 * table->room : 16;
	struct dma_region *regions;

	if (table->nr < table->room)
		return 0;
	regions = realloc(table->regions, room * sizeof(*regions));
	if (!regions)
		return -1;
	table->regions = regions;
	table->room = room;
	return 0;
}

static int check_new(const struct dma_table *table, const struct serve_dma *dma, size_t at)
{
	if (!dma->len || (dma->iova | dma->len) & PAGE_MASK ||
	    dma->iova > UINT64_MAX - (dma->len - 1) || !dma->prot ||
	    dma->prot & ~(SERVE_DMA_READ | SERVE_DMA_WRITE))
		return set_errno(EINVAL);
	if (at < table->nr && table->regions[at].dma.iova <= dma->iova + (dma->len - 1))
		return set_errno(EEXIST);
	if (table->nr == DMA_MAPS_MAX || dma->len > table->max - table->total) {
		log_error("the client shares too much: %zu mappings, %llu bytes, and %llu more\n",
			  table->nr, (unsigned long long)table->total,
			  (unsigned long long)dma->len);
		return set_errno(ENOSPC);
	}
	return 0;
}

static int insert(struct dma_table *table, const struct dma_region *region, size_t at)
{
	int ret;

	pthread_rwlock_wrlock(&table->lock);
	ret = make_room(table);
	if (!ret) {
		memmove(&table->regions[at + 1], &table->regions[at],
			(table->nr - at) * sizeof(*region));
		table->regions[at] = *region;
		table->nr++;
		table->total += region->dma.len;
	}
	pthread_rwlock_unlock(&table->lock);
	return ret;
}

static void erase(struct dma_table *table, size_t at)
{
	pthread_rwlock_wrlock(&table->lock);
	table->total -= table->regions[at].dma.len;
	table->nr--;
	memmove(&table->regions[at], &table->regions[at + 1],
		(table->nr - at) * sizeof(*table->regions));
	pthread_rwlock_unlock(&table->lock);
}

int dma_add(struct dma_table *table, const struct serve_dma *dma, int fd, uint64_t off)
{
	struct dma_region region = {.dma = *dma};
	size_t at = find(table, dma->iova);

	if (check_new(table, dma, at))
		return -1;
	region.dma.mem = NULL;
	if (fd >= 0 && !table->by_message && region_map(table, &region, fd, off))
		return -1;
	if (table->master && region_give(table, &region))
		goto unmap;
	if (!insert(table, &region, at))
		return 0;
	region_take(table, &region);
unmap:
	region_unmap(&region);
	return -1;
}

/* Not in the table first: who is in the middle of an access has the lock, and nobody gets there. */
static void remove_at(struct dma_table *table, size_t at)
{
	struct dma_region region = table->regions[at];

	erase(table, at);
	region_take(table, &region);
	region_unmap(&region);
}

int dma_remove(struct dma_table *table, uint64_t iova, uint64_t len)
{
	size_t at = find(table, iova);

	if (at == table->nr || table->regions[at].dma.iova != iova ||
	    table->regions[at].dma.len != len)
		return set_errno(ENOENT);
	remove_at(table, at);
	return 0;
}

void dma_clear(struct dma_table *table)
{
	while (table->nr)
		remove_at(table, table->nr - 1);
}

/* ---- access ---- */

static int copy(struct dma_table *table, const struct dma_region *region, uint64_t iova, void *to,
		const void *from, size_t len)
{
	unsigned char *mem = region->dma.mem;

	if (!mem)
		return to ? conn_dma_read(table->conn, iova, to, len)
			  : conn_dma_write(table->conn, iova, from, len);
	if (to)
		memcpy(to, mem + (iova - region->dma.iova), len);
	else
		memcpy(mem + (iova - region->dma.iova), from, len);
	return 0;
}

static int access_locked(struct dma_table *table, uint64_t iova, unsigned char *to,
			 const unsigned char *from, size_t len)
{
	unsigned int prot = to ? SERVE_DMA_READ : SERVE_DMA_WRITE;

	while (len) {
		size_t at = find(table, iova), n;
		const struct dma_region *region = &table->regions[at];
		uint64_t left;

		if (!table->master || at == table->nr || region->dma.iova > iova ||
		    !(region->dma.prot & prot))
			return set_errno(EFAULT);
		left = region->dma.len - (iova - region->dma.iova);
		n = len < left ? len : (size_t)left;
		if (copy(table, region, iova, to, from, n))
			return -1;
		to = to ? to + n : NULL;
		from = from ? from + n : NULL;
		iova += n;
		len -= n;
	}
	return 0;
}

int dma_access(struct dma_table *table, uint64_t iova, void *to, const void *from, size_t len)
{
	int ret;

	if (len && iova > UINT64_MAX - (len - 1))
		return set_errno(EFAULT);
	pthread_rwlock_rdlock(&table->lock);
	ret = access_locked(table, iova, to, from, len);
	pthread_rwlock_unlock(&table->lock);
	return ret;
}

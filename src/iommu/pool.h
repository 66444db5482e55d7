/* SPDX-License-Identifier: MIT */
/*
 * Objects of one size whose memory keeps its type: an object that was put back is reused only as
 * another object of the same pool, and no memory returns to the system before the pool is closed.
 * A thread that still holds a pointer to a freed object may therefore read it and find, by the
 * object's own sequence number, that it is stale.
 *
 * Only the first pointer of a free object is overwritten. An object is all-zero the first time it
 * is handed out and afterwards keeps what it had. Objects are aligned to 64 bytes if their size is
 * a multiple of that. The owner of the pool serialises all calls.
 */
#ifndef BELFRY_IOMMU_POOL_H
#define BELFRY_IOMMU_POOL_H

#include <stddef.h>

struct iommu_pool_chunk;

/**
 * struct iommu_pool - objects of one size
 * @obj_size: bytes, at least a pointer and a multiple of its alignment
 * @free: objects that were put back, linked through their first pointer
 * @fresh: next object that was never handed out
 * @fresh_end: end of the chunk that @fresh is in
 * @chunks: all memory of the pool
 */
struct iommu_pool {
	size_t obj_size;
	void *free;
	char *fresh, *fresh_end;
	struct iommu_pool_chunk *chunks;
};

/**
 * iommu_pool_init() - make an empty pool
 * @pool: the pool; may hold anything before
 * @obj_size: bytes, a multiple of 8, 8 to 4096
 *
 * Context: allocates nothing.
 */
void iommu_pool_init(struct iommu_pool *pool, size_t obj_size);

/**
 * iommu_pool_close() - free all memory of a pool
 * @pool: the pool; empty afterwards
 *
 * Context: nobody may hold an object any more.
 */
void iommu_pool_close(struct iommu_pool *pool);

/**
 * iommu_pool_get() - take an object
 * @pool: the pool
 *
 * Own: the caller, until iommu_pool_put() or the pool is closed.
 *
 * Context: calls serialised by the caller; may allocate.
 * Return: the object, or NULL and ENOMEM.
 */
void *iommu_pool_get(struct iommu_pool *pool);

/**
 * iommu_pool_put() - give an object back
 * @pool: the pool that it is from
 * @obj: the object; NULL does nothing
 *
 * Context: calls serialised by the caller; never fails.
 */
void iommu_pool_put(struct iommu_pool *pool, void *obj);

#endif /* BELFRY_IOMMU_POOL_H */

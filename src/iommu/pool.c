/* SPDX-License-Identifier: MIT */
/*
 * Type-stable pool: chunks from the heap, each up to twice the size of the one before, handed out
 * front to back and then through a free list. Memory is touched only when it is handed out.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iommu/pool.h"

#define CACHE_LINE     64u
#define CHUNK_SIZE_MIN ((size_t)8 << 10)
#define CHUNK_SIZE_MAX ((size_t)1 << 20)

/* Takes one cache line, so that the objects behind it stay aligned. */
struct iommu_pool_chunk {
	struct iommu_pool_chunk *next;
	size_t size;
};

void iommu_pool_init(struct iommu_pool *pool, size_t obj_size)
{
	memset(pool, 0, sizeof(*pool));
	pool->obj_size = obj_size;
}

void iommu_pool_close(struct iommu_pool *pool)
{
	struct iommu_pool_chunk *chunk = pool->chunks, *next;

	for (; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	iommu_pool_init(pool, pool->obj_size);
}

static int grow(struct iommu_pool *pool)
{
	size_t size = pool->chunks ? pool->chunks->size * 2 : CHUNK_SIZE_MIN;
	struct iommu_pool_chunk *chunk;

	if (size > CHUNK_SIZE_MAX)
		size = CHUNK_SIZE_MAX;

	chunk = aligned_alloc(CACHE_LINE, size);
	if (!chunk)
		return -1; /* errno is ENOMEM */

	chunk->next = pool->chunks;
	chunk->size = size;
	pool->chunks = chunk;
	pool->fresh = (char *)chunk + CACHE_LINE;
	pool->fresh_end = (char *)chunk + size;
	return 0;
}

void *iommu_pool_get(struct iommu_pool *pool)
{
	void *obj = pool->free;

	if (obj) {
		memcpy(&pool->free, obj, sizeof(pool->free));
		return obj;
	}

	if ((size_t)(pool->fresh_end - pool->fresh) < pool->obj_size && grow(pool))
		return NULL;

	obj = pool->fresh;
	pool->fresh += pool->obj_size;
	return memset(obj, 0, pool->obj_size);
}

void iommu_pool_put(struct iommu_pool *pool, void *obj)
{
	if (!obj)
		return;

	memcpy(obj, &pool->free, sizeof(pool->free));
	pool->free = obj;
}

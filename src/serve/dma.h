/* SPDX-License-Identifier: MIT */
/*
 * Memory that the client has given the device: a sorted table of mappings that do not overlap. The
 * device has them only while bus mastering is on. A mapping that comes with a file is mapped into
 * this process and guarded; one without is reached by messages.
 *
 * The server's thread changes the table, the device's threads read it: under the lock.
 */
#ifndef BELFRY_SRC_SERVE_DMA_H
#define BELFRY_SRC_SERVE_DMA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/serve.h>

#include "serve/conn.h"

/* Most mappings at a time. */
#define DMA_MAPS_MAX 16384u

struct dma_region;

struct dma_table {
	const struct serve_ops *ops;
	void *dev;
	uint64_t max;	   /* bytes, of all mappings */
	bool by_message;   /* files are not used */
	int lost_fd;	   /* eventfd: a client took memory away */
	struct conn *conn; /* for DMA by message; set while there are mappings */

	pthread_rwlock_t lock; /* guards the rest */
	struct dma_region *regions;
	size_t nr, room;
	uint64_t total;
	bool master; /* the device has the mappings */
};

/**
 * dma_init() - no mappings
 * @table: out; what is before the lock is set
 */
void dma_init(struct dma_table *table);

/**
 * dma_exit() - undo dma_init()
 * @table: table without mappings
 */
void dma_exit(struct dma_table *table);

/**
 * dma_add() - add a mapping
 * @table: table
 * @dma: iova, len and prot, as the client gave them
 * @fd: file that the memory is in, or -1; stays the caller's
 * @off: where in it
 *
 * Context: the server's thread.
 * Return: 0, or -1: EINVAL not aligned, empty, without rights, beyond the file's end, or no file
 *	of memory (logged); EEXIST it overlaps another; ENOSPC too many or too much (logged), or
 *	what mmap(2) and the device give.
 */
int dma_add(struct dma_table *table, const struct serve_dma *dma, int fd, uint64_t off);

/**
 * dma_remove() - take a mapping away from the device, and forget it
 * @table: table
 * @iova: its address
 * @len: its bytes
 *
 * Context: the server's thread; waits for the device.
 * Return: 0, or -1: ENOENT there is none that is just so.
 */
int dma_remove(struct dma_table *table, uint64_t iova, uint64_t len);

/**
 * dma_clear() - take all mappings away
 * @table: table
 *
 * Context: the server's thread; waits for the device.
 */
void dma_clear(struct dma_table *table);

/**
 * dma_set_master() - bus mastering is on, or off
 * @table: table
 * @on: give the device all mappings, or take them away
 *
 * Context: the server's thread; waits for the device.
 */
void dma_set_master(struct dma_table *table, bool on);

/**
 * dma_access() - copy between the client's memory and the device
 * @table: table
 * @iova: device address
 * @to: out: data read, or NULL to write
 * @from: data to write, or NULL
 * @len: bytes
 *
 * Context: any thread of the device's.
 * Return: as serve_dma_read().
 */
int dma_access(struct dma_table *table, uint64_t iova, void *to, const void *from, size_t len);

#endif /* BELFRY_SRC_SERVE_DMA_H */

/* SPDX-License-Identifier: MIT */
/*
 * Where a namespace keeps its bytes: a flat store of a fixed length behind one table of operations.
 *
 * A store knows nothing of blocks, metadata or errors of the medium; ns.c lays blocks and their
 * metadata out in it and range-checks every access. What was never written, or was zeroed, reads
 * as zeros. All of it runs on the controller's thread, or before that starts and after it ended.
 */
#ifndef BELFRY_EMU_BACKEND_H
#define BELFRY_EMU_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "emu/config.h"

struct emu_store;

/*
 * All but read and write may be NULL, which means that there is nothing to do. Results are 0, or
 * -1 with errno.
 */
struct emu_store_ops {
	/* Copy the bytes from @off on into the pieces; a piece without a base is skipped. */
	int (*read)(struct emu_store *store, uint64_t off, const struct iovec *iov, int niov);
	/* Copy the pieces to the bytes from @off on. */
	int (*write)(struct emu_store *store, uint64_t off, const struct iovec *iov, int niov);
	/* Make @len bytes read as zeros, giving their space back where that is possible. */
	int (*zero)(struct emu_store *store, uint64_t off, uint64_t len);
	/* Make everything written so far survive a loss of power. */
	int (*flush)(struct emu_store *store);
	/* Change the length to @len and set store->len. With @erase all bytes become zero; without
	 * it the store was just opened, and the bytes that it had stay. */
	int (*resize)(struct emu_store *store, uint64_t len, bool erase);
	/* Give everything back; the store is not used again. */
	void (*close)(struct emu_store *store);
};

struct emu_store {
	const struct emu_store_ops *ops;
	uint64_t len; /* bytes; after opening those that exist already, 0 for a new store */
	uint8_t *mem; /* memory: the mapping, of len bytes */
	int fd;	      /* file */
};

extern const struct emu_store_ops emu_store_mem;
extern const struct emu_store_ops emu_store_null;
extern const struct emu_store_ops emu_store_file;

/**
 * emu_store_open() - open the store of a namespace
 * @store: out
 * @cfg: kind of store; file name
 * @nsid: namespace; part of the file's name when there may be several
 *
 * A new store has length 0. A file keeps its contents and may be longer than what is asked for
 * later. A file is locked, so that no two namespaces write to it.
 *
 * Own: emu_store_close().
 * Context: may open a file.
 * Return: 0, or -1: EBUSY the file is in use, EINVAL it is neither a regular file nor a block
 *	device, ENOMEM, or what open(2) gave. Nothing is left behind then.
 */
int emu_store_open(struct emu_store *store, const struct emu_config *cfg, uint32_t nsid);

/**
 * emu_store_open_file() - open the store that is a file
 * @store: out
 * @path: path; created if it is not there
 *
 * Own: emu_store_close().
 * Context: opens a file.
 * Return: as emu_store_open().
 */
int emu_store_open_file(struct emu_store *store, const char *path);

/**
 * emu_store_resize() - change the length of a store
 * @store: store
 * @len: bytes, not 0
 * @erase: all bytes become zero; false only for a store that was just opened, whose bytes stay
 *
 * Return: 0, or -1: ENOMEM, ENOSPC a block device is too small, or what ftruncate(2) gave.
 */
int emu_store_resize(struct emu_store *store, uint64_t len, bool erase);

/**
 * emu_store_zero() - make bytes read as zeros
 * @store: store
 * @off: first byte
 * @len: bytes; @off + @len is within the store
 *
 * Return: 0, or -1 with the errno of the write that failed.
 */
int emu_store_zero(struct emu_store *store, uint64_t off, uint64_t len);

/**
 * emu_store_flush() - make everything written so far survive a loss of power
 * @store: store
 *
 * Context: may wait for a disk.
 * Return: 0, or -1 with the errno of fdatasync(2).
 */
int emu_store_flush(struct emu_store *store);

/**
 * emu_store_close() - close a store
 * @store: store that was opened, or all zero
 */
void emu_store_close(struct emu_store *store);

#endif /* BELFRY_EMU_BACKEND_H */

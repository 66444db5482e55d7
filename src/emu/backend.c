/* SPDX-License-Identifier: MIT */
/*
 * Choice of a store, the parts that all of them share, and the two that need no file: memory and
 * nothing at all.
 *
 * Memory is one mapping without reserve: it takes up pages as they are written and gives them back
 * when they are zeroed.
 */
#include "emu/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "support/errno.h"

static int mem_read(struct emu_store *store, uint64_t off, const struct iovec *iov, int niov)
{
	const uint8_t *src = store->mem + off;

	for (int i = 0; i < niov; i++) {
		if (iov[i].iov_base)
			memcpy(iov[i].iov_base, src, iov[i].iov_len);
		src += iov[i].iov_len;
	}
	return 0;
}

static int mem_write(struct emu_store *store, uint64_t off, const struct iovec *iov, int niov)
{
	uint8_t *dst = store->mem + off;

	for (int i = 0; i < niov; i++) {
		memcpy(dst, iov[i].iov_base, iov[i].iov_len);
		dst += iov[i].iov_len;
	}
	return 0;
}

/* Whole pages are given back, which also zeroes them; the ends are cleared by hand. */
static int mem_zero(struct emu_store *store, uint64_t off, uint64_t len)
{
	const uint64_t page = belfry_page_size();
	const uint64_t first = ALIGN_UP(off, page), last = ALIGN_DOWN(off + len, page);

	if (first >= last || madvise(store->mem + first, last - first, MADV_DONTNEED)) {
		memset(store->mem + off, 0, len);
		return 0;
	}
	memset(store->mem + off, 0, first - off);
	memset(store->mem + last, 0, off + len - last);
	return 0;
}

/* Memory that is not new is only ever resized to be erased. */
static int mem_resize(struct emu_store *store, uint64_t len, bool erase)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)erase;
	if (mem == MAP_FAILED)
		return set_errno(ENOMEM); /* whatever a system calls it */
	if (store->mem)
		munmap(store->mem, store->len);
	store->mem = mem;
	store->len = len;
	return 0;
}

static void mem_close(struct emu_store *store)
{
	if (store->mem)
		munmap(store->mem, store->len);
}

const struct emu_store_ops emu_store_mem = {
	.read = mem_read,
	.write = mem_write,
	.zero = mem_zero,
	.resize = mem_resize,
	.close = mem_close,
};

static int null_io(struct emu_store *store, uint64_t off, const struct iovec *iov, int niov)
{
	(void)store;
	(void)off;
	(void)iov;
	(void)niov;
	return 0;
}

static int null_resize(struct emu_store *store, uint64_t len, bool erase)
{
	(void)erase;
	store->len = len;
	return 0;
}

const struct emu_store_ops emu_store_null = {
	.read = null_io,
	.write = null_io,
	.resize = null_resize,
};

/* The name of a namespace's file: cfg->file as it is where there is but one of them. */
static int open_numbered_file(struct emu_store *store, const struct emu_config *cfg, uint32_t nsid)
{
	char *path;
	int ret;

	if (cfg->ns <= 1 && nsid == 1)
		return emu_store_open_file(store, cfg->file);
	if (asprintf(&path, "%s.%u", cfg->file, nsid) < 0)
		return set_errno(ENOMEM);
	ret = emu_store_open_file(store, path);
	free(path);
	return ret;
}

int emu_store_open(struct emu_store *store, const struct emu_config *cfg, uint32_t nsid)
{
	*store = (struct emu_store){.fd = -1};
	switch ((enum emu_backend)cfg->backend) {
	case EMU_BACKEND_FILE:
		return open_numbered_file(store, cfg, nsid);
	case EMU_BACKEND_NULL:
		store->ops = &emu_store_null;
		return 0;
	case EMU_BACKEND_MEM:
		break;
	}
	store->ops = &emu_store_mem;
	return 0;
}

int emu_store_resize(struct emu_store *store, uint64_t len, bool erase)
{
	if (len > SIZE_MAX / 2)
		return set_errno(ENOMEM);
	return store->ops->resize(store, len, erase);
}

int emu_store_zero(struct emu_store *store, uint64_t off, uint64_t len)
{
	return store->ops->zero && len ? store->ops->zero(store, off, len) : 0;
}

int emu_store_flush(struct emu_store *store)
{
	return store->ops->flush ? store->ops->flush(store) : 0;
}

void emu_store_close(struct emu_store *store)
{
	keep_errno();

	if (store->ops && store->ops->close)
		store->ops->close(store);
	*store = (struct emu_store){.fd = -1};
}

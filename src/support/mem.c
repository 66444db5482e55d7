/* SPDX-License-Identifier: MIT */
/*
 * Whole pages, and the end of a program without memory.
 */
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

#include <belfry/support/align.h>
#include <belfry/support/compiler.h>
#include <belfry/support/mem.h>

#include "support/errno.h"
#include "support/pages.h"

size_t belfry_page_size(void)
{
	static size_t cached;
	size_t size = LOAD(cached);

	if (unlikely(!size)) {
		size = (size_t)sysconf(_SC_PAGESIZE);
		STORE(cached, size);
	}
	return size;
}

int belfry_page_shift(void)
{
	return __builtin_ctzll(belfry_page_size());
}

ssize_t pgmap(void **mem, size_t sz)
{
	size_t len = ALIGN_UP(sz, belfry_page_size());

	*mem = MAP_FAILED;
	if (!sz)
		return set_errno(EINVAL);
	if (!len || len > SSIZE_MAX) /* 0: the rounding wrapped */
		return set_errno(ENOMEM);

	*mem = pages_alloc(NULL, len, true);
	if (*mem)
		return (ssize_t)len;
	*mem = MAP_FAILED;
	return -1;
}

ssize_t pgmapn(void **mem, unsigned int n, size_t sz)
{
	if (would_overflow(n, sz)) {
		*mem = MAP_FAILED;
		return set_errno(ENOMEM);
	}
	return pgmap(mem, n * sz);
}

int pgunmap(void *mem, size_t len)
{
	return pages_free(mem, len);
}

void backtrace_abort(void)
{
#ifdef __GLIBC__
	void *frames[64];

	backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
#endif
	abort();
}

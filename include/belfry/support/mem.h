/* SPDX-License-Identifier: MIT */
/*
 * Memory: whole pages for devices, and allocation for programs that would rather end than go on
 * without memory. The library itself uses only the first kind and no function here that aborts.
 */
#ifndef BELFRY_SUPPORT_MEM_H
#define BELFRY_SUPPORT_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>

#include <belfry/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * belfry_page_size() - size of a page of this machine
 *
 * Context: any thread; no syscall after the first call.
 * Return: bytes, a power of two.
 */
size_t belfry_page_size(void);

/**
 * belfry_page_shift() - size of a page of this machine as a power of two
 *
 * Context: any thread; no syscall after the first call.
 * Return: log2 of belfry_page_size().
 */
int belfry_page_shift(void);

/* A function's value and not a variable: nothing of the library runs when it is loaded. */
#define __VFN_PAGESIZE	belfry_page_size()
#define __VFN_PAGESHIFT belfry_page_shift()

/**
 * pgmap() - allocate zeroed memory in whole pages
 * @mem: out: address of the memory, page-aligned
 * @sz: bytes, 1 or more; rounded up to pages
 *
 * Where it can be had, the memory is in a file that a controller in another process is given when the
 * memory is mapped for it. So a child of fork() does not get a copy, but the memory itself.
 *
 * Own: the caller's, who frees it with pgunmap(), giving it the length returned.
 * Context: any thread; a syscall.
 * Return: the rounded length, or -1 and *@mem is MAP_FAILED: EINVAL @sz is 0, ENOMEM.
 */
ssize_t pgmap(void **mem, size_t sz);

/**
 * pgmapn() - allocate zeroed memory for an array, in whole pages
 * @mem: out: address of the memory, page-aligned
 * @n: elements, 1 or more
 * @sz: bytes in an element, 1 or more
 *
 * Own: as pgmap().
 * Context: any thread; a syscall.
 * Return: as pgmap(); ENOMEM also when @n * @sz overflows.
 */
ssize_t pgmapn(void **mem, unsigned int n, size_t sz);

/**
 * pgunmap() - free memory from pgmap() or pgmapn()
 * @mem: address that was returned
 * @len: length that was returned
 *
 * Context: any thread; a syscall.
 * Return: 0 and errno is left alone, or -1: as munmap(2); the memory is still there. Never aborts.
 */
int pgunmap(void *mem, size_t len);

/**
 * would_overflow() - is an array too large for a size_t
 * @n: elements
 * @sz: bytes in an element
 *
 * Context: any.
 * Return: true if @n * @sz overflows.
 */
static inline bool would_overflow(size_t n, size_t sz)
{
	size_t product;

	return __builtin_mul_overflow(n, sz, &product);
}

/**
 * backtrace_abort() - write the call chain to standard error and abort
 *
 * For programs only: the library never calls it, nor anything below, which does.
 *
 * Context: any thread; does not return.
 */
void backtrace_abort(void) __attribute__((noreturn));

/* private: abort if an array of @n elements of @sz bytes is too large for a size_t */
static inline void __abort_on_overflow(size_t n, size_t sz)
{
	if (unlikely(would_overflow(n, sz)))
		backtrace_abort();
}

/**
 * xmalloc() - malloc(3) or abort
 * @sz: bytes, 0 or more
 *
 * Own: the caller's, who frees it with free(3).
 * Context: programs only.
 * Return: the memory; never NULL.
 */
static inline void *xmalloc(size_t sz)
{
	void *mem = malloc(sz ? sz : 1);

	if (unlikely(!mem))
		backtrace_abort();
	return mem;
}

/**
 * zmalloc() - allocate zeroed memory or abort
 * @sz: bytes, 0 or more
 *
 * Own: as xmalloc().
 * Context: programs only.
 * Return: the memory; never NULL.
 */
static inline void *zmalloc(size_t sz)
{
	void *mem = calloc(1, sz ? sz : 1);

	if (unlikely(!mem))
		backtrace_abort();
	return mem;
}

/**
 * mallocn(), zmallocn() - allocate an array, the second zeroed, or abort
 * @n: elements, 0 or more
 * @sz: bytes in an element, 0 or more
 *
 * Own: as xmalloc().
 * Context: programs only.
 * Return: the memory; never NULL.
 */
static inline void *mallocn(size_t n, size_t sz)
{
	__abort_on_overflow(n, sz);
	return xmalloc(n * sz);
}

static inline void *zmallocn(size_t n, size_t sz)
{
	__abort_on_overflow(n, sz);
	return zmalloc(n * sz);
}

/**
 * reallocn() - change the size of an array or abort
 * @mem: from one of these functions or malloc(3), or NULL
 * @n: elements, 0 or more
 * @sz: bytes in an element, 0 or more
 *
 * Own: as xmalloc(); @mem is gone.
 * Context: programs only.
 * Return: the memory, what is new of it not initialised; never NULL.
 */
static inline void *reallocn(void *mem, size_t n, size_t sz)
{
	__abort_on_overflow(n, sz);
	mem = realloc(mem, n && sz ? n * sz : 1);
	if (unlikely(!mem))
		backtrace_abort();
	return mem;
}

/**
 * new_t(), znew_t() - allocate an array of a type, the second zeroed, or abort
 * @t: type
 * @n: elements, 0 or more
 *
 * Own: as xmalloc().
 * Context: programs only.
 * Return: a t pointer; never NULL.
 */
#define new_t(t, n)  ((t *)mallocn((n), sizeof(t)))
#define znew_t(t, n) ((t *)zmallocn((n), sizeof(t)))

/* private: @mem is the address of a pointer of any type, hence an alias of all of them */
typedef void *__attribute__((may_alias)) __autofree_ptr;

static inline void __autofree_cleanup(void *mem)
{
	free(*(__autofree_ptr *)mem);
}

/* Marks a pointer variable that is given to free(3) at the end of its scope; initialise it. */
#define __autofree __attribute__((cleanup(__autofree_cleanup)))

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_MEM_H */

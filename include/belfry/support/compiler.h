/* SPDX-License-Identifier: MIT */
/*
 * What the compiler offers beyond the language, under names of ours: token pasting, single memory
 * accesses, branch hints, the marks that sparse reads, and an assertion at compile time that works
 * in C and in C++.
 */
#ifndef BELFRY_SUPPORT_COMPILER_H
#define BELFRY_SUPPORT_COMPILER_H

#define __glue(x, y) x##y

/**
 * glue() - paste two tokens into one after expanding macros in them
 * @x: first half
 * @y: second half
 *
 * Context: any; preprocessor.
 * Return: the token xy.
 */
#define glue(x, y) __glue(x, y)

/* sparse checks types here; its idea of the builtins knows plain integers only. */
#ifdef __CHECKER__
#define __atomic_get(ptr, order)      (*(ptr))
#define __atomic_set(ptr, val, order) ((void)(*(ptr) = (val)))
#else
#define __atomic_get(ptr, order)      __atomic_load_n(ptr, order)
#define __atomic_set(ptr, val, order) __atomic_store_n(ptr, val, order)
#endif

/*
 * A volatile access so that the compiler neither drops, repeats nor merges it, and an atomic one so
 * that it is never split and that thread sanitizer sees no race in it. By way of void, because a
 * cast that adds a qualifier below a pointer to a pointer is warned about.
 */
#define __LOAD_PTR(ptr)                                                                 \
	__atomic_get((const volatile __typeof__(*(ptr)) *)(const volatile void *)(ptr), \
		     __ATOMIC_RELAXED)
#define __STORE_PTR(ptr, val) \
	__atomic_set((volatile __typeof__(*(ptr)) *)(volatile void *)(ptr), (val), __ATOMIC_RELAXED)
#define __LOAD(v)	__LOAD_PTR(&(v))
#define __STORE(v, val) __STORE_PTR(&(v), (val))

/**
 * LOAD(), LOAD_PTR() - read memory that somebody else may write, exactly once
 * @v: variable of an integer or pointer type
 * @ptr: address of such a variable
 *
 * Orders nothing but itself: see belfry/support/barrier.h and atomic_load_acquire().
 *
 * Context: any thread.
 * Return: the value.
 */
#define LOAD(v)	      __LOAD(v)
#define LOAD_PTR(ptr) __LOAD_PTR(ptr)

/**
 * STORE(), STORE_PTR() - write memory that somebody else may read, exactly once
 * @v: variable of an integer or pointer type
 * @ptr: address of such a variable
 * @val: new value
 *
 * Orders nothing but itself: see belfry/support/barrier.h and atomic_store_release().
 *
 * Context: any thread.
 * Return: nothing.
 */
#define STORE(v, val)	    __STORE(v, val)
#define STORE_PTR(ptr, val) __STORE_PTR(ptr, val)

/* Other headers of a program may have these; all of them mean the same. */
#ifndef likely
/**
 * likely(), unlikely() - say which way a condition usually goes
 * @x: condition
 *
 * Context: any.
 * Return: 1 if @x is true, else 0.
 */
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/*
 * Ask for a cache line that will be written to; nothing happens where there is none. What compilers make
 * of the builtin for any x86-64 processor fetches it for reading. Those that do not know this
 * instruction skip it.
 */
#if defined(__x86_64__)
#define __prefetch_write(addr) __asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)(addr)))
#else
#define __prefetch_write(addr) __builtin_prefetch(addr, 1)
#endif

/* Marks for sparse: a type that mixes with no other, and a cast that is meant. */
#ifndef __bitwise
#ifdef __CHECKER__
#define __bitwise __attribute__((bitwise))
#else
#define __bitwise
#endif
#endif
#ifndef __force
#ifdef __CHECKER__
#define __force __attribute__((force))
#else
#define __force
#endif
#endif

/**
 * __static_assert() - refuse to compile unless a constant condition holds
 * @x: constant expression
 *
 * Context: file or block scope.
 */
#ifdef __cplusplus
#define __static_assert(x) static_assert(x, #x)
#else
#define __static_assert(x) _Static_assert(x, #x)
#endif

#endif /* BELFRY_SUPPORT_COMPILER_H */

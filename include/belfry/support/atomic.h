/* SPDX-License-Identifier: MIT */
/*
 * Atomic operations on plain integers and pointers, so that a struct of the public API needs no
 * _Atomic members, which C++ does not have. Loads and stores have acquire and release order; the
 * rest are sequentially consistent.
 */
#ifndef BELFRY_SUPPORT_ATOMIC_H
#define BELFRY_SUPPORT_ATOMIC_H

#include <belfry/support/compiler.h>

/**
 * atomic_load_acquire() - read; what follows in the program is done after it
 * @ptr: address of an integer or pointer
 *
 * Context: any thread; pairs with atomic_store_release().
 * Return: the value.
 */
#define atomic_load_acquire(ptr) __atomic_get(ptr, __ATOMIC_ACQUIRE)

/**
 * atomic_store_release() - write; what precedes in the program is done before it
 * @ptr: address of an integer or pointer
 * @val: new value
 *
 * Context: any thread; pairs with atomic_load_acquire().
 * Return: nothing.
 */
#define atomic_store_release(ptr, val) __atomic_set(ptr, val, __ATOMIC_RELEASE)

/**
 * atomic_inc_fetch(), atomic_dec_fetch() - add or subtract 1
 * @ptr: address of an integer
 *
 * Context: any thread.
 * Return: the new value.
 */
#define atomic_inc_fetch(ptr) __atomic_add_fetch(ptr, 1, __ATOMIC_SEQ_CST)
#define atomic_dec_fetch(ptr) __atomic_sub_fetch(ptr, 1, __ATOMIC_SEQ_CST)

/**
 * atomic_inc(), atomic_dec() - add or subtract 1 and forget the result
 * @ptr: address of an integer
 *
 * Context: any thread.
 * Return: nothing.
 */
#define atomic_inc(ptr) ((void)atomic_inc_fetch(ptr))
#define atomic_dec(ptr) ((void)atomic_dec_fetch(ptr))

/**
 * atomic_cmpxchg() - write a value if the present one is as expected
 * @ptr: address of an integer or pointer
 * @expected: variable (not an expression) of the same type; in: the value expected, out, on failure
 *	only: the value found
 * @desired: new value
 *
 * Context: any thread.
 * Return: true if @desired was written. It never fails for no reason.
 */
#define atomic_cmpxchg(ptr, expected, desired)                                      \
	__atomic_compare_exchange_n(ptr, &(expected), desired, 0, __ATOMIC_SEQ_CST, \
				    __ATOMIC_SEQ_CST)

#endif /* BELFRY_SUPPORT_ATOMIC_H */

/* SPDX-License-Identifier: MIT */
/*
 * errno as part of the control flow: failing in one statement, and clean-up that keeps the error
 * which led to it.
 */
#ifndef BELFRY_SRC_SUPPORT_ERRNO_H
#define BELFRY_SRC_SUPPORT_ERRNO_H

#include <errno.h>

#include <belfry/support/compiler.h>

/**
 * set_errno() - fail
 * @err: error number, not 0
 *
 * Context: any thread.
 * Return: -1, with errno set.
 */
static inline int set_errno(int err)
{
	errno = err;
	return -1;
}

/**
 * set_errno_null() - fail in a function that returns a pointer
 * @err: error number, not 0
 *
 * Context: any thread.
 * Return: NULL, with errno set.
 */
static inline void *set_errno_null(int err)
{
	errno = err;
	return (void *)0;
}

/* private: the end of a keep_errno() scope */
static inline void __restore_errno(const int *saved)
{
	errno = *saved;
}

/**
 * keep_errno() - restore errno at the end of the scope to what it is now
 *
 * A statement, first in the function or block that cleans up. Expressions of a return statement
 * are evaluated before errno is restored.
 */
#define keep_errno()                                                                              \
	const int glue(__errno_, __COUNTER__) __attribute__((cleanup(__restore_errno), unused)) = \
		errno

#endif /* BELFRY_SRC_SUPPORT_ERRNO_H */

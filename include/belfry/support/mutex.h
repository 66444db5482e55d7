/* SPDX-License-Identifier: MIT */
/*
 * A mutex held until the end of the scope.
 */
#ifndef BELFRY_SUPPORT_MUTEX_H
#define BELFRY_SUPPORT_MUTEX_H

#include <pthread.h>

#include <belfry/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* private: the two ends of __autolock(); they fail only where the lock is misused */
static inline pthread_mutex_t *__autolock_begin(pthread_mutex_t *lock)
{
	return pthread_mutex_lock(lock) ? NULL : lock;
}

static inline void __autolock_end(pthread_mutex_t **lock)
{
	if (*lock)
		pthread_mutex_unlock(*lock);
}

/**
 * __autolock() - lock a mutex, and unlock it when the scope ends
 * @lock: pthread_mutex_t pointer, initialised
 *
 * errno is left alone.
 *
 * Context: block scope; blocks.
 */
#define __autolock(lock)                                \
	pthread_mutex_t *glue(__autolock_, __COUNTER__) \
		__attribute__((cleanup(__autolock_end), unused)) = __autolock_begin(lock)

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_MUTEX_H */

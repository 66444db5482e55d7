/* SPDX-License-Identifier: MIT */
/*
 * A read-write lock held until the end of the scope.
 */
#ifndef BELFRY_SUPPORT_RWLOCK_H
#define BELFRY_SUPPORT_RWLOCK_H

#include <pthread.h>

#include <belfry/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* private: the ends of the guards; they fail only where the lock is misused */
static inline pthread_rwlock_t *__autordlock_begin(pthread_rwlock_t *lock)
{
	return pthread_rwlock_rdlock(lock) ? NULL : lock;
}

static inline pthread_rwlock_t *__autowrlock_begin(pthread_rwlock_t *lock)
{
	return pthread_rwlock_wrlock(lock) ? NULL : lock;
}

static inline void __autorwlock_end(pthread_rwlock_t **lock)
{
	if (*lock)
		pthread_rwlock_unlock(*lock);
}

#define __autorwlock(begin, lock)                          \
	pthread_rwlock_t *glue(__autorwlock_, __COUNTER__) \
		__attribute__((cleanup(__autorwlock_end), unused)) = begin(lock)

/**
 * __autordlock() - lock for reading, and unlock when the scope ends
 * @lock: pthread_rwlock_t pointer, initialised
 *
 * errno is left alone.
 *
 * Context: block scope; blocks.
 */
#define __autordlock(lock) __autorwlock(__autordlock_begin, lock)

/**
 * __autowrlock() - lock for writing, and unlock when the scope ends
 * @lock: pthread_rwlock_t pointer, initialised
 *
 * errno is left alone.
 *
 * Context: block scope; blocks.
 */
#define __autowrlock(lock) __autorwlock(__autowrlock_begin, lock)

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_RWLOCK_H */

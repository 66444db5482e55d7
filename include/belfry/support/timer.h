/* SPDX-License-Identifier: MIT */
/*
 * Units of time, and a sleep that a signal does not cut short.
 */
#ifndef BELFRY_SUPPORT_TIMER_H
#define BELFRY_SUPPORT_TIMER_H

#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NS_PER_SEC 1000000000LL
#define US_PER_SEC 1000000LL
#define MS_PER_SEC 1000LL

/**
 * __usleep() - sleep at least so long, on the monotonic clock
 * @us: microseconds, 0 or more
 *
 * Context: any thread; blocks. A signal does not end it. errno is left alone.
 */
void __usleep(useconds_t us);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_TIMER_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/support/timer.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_TIMER_H
#define VFN_SUPPORT_TIMER_H

#include <belfry/support/timer.h>

#endif /* VFN_SUPPORT_TIMER_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/support/ticks.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_TICKS_H
#define VFN_SUPPORT_TICKS_H

#include <belfry/support/ticks.h>

#endif /* VFN_SUPPORT_TICKS_H */

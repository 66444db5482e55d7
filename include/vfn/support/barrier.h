/* SPDX-License-Identifier: MIT */
/* As <belfry/support/barrier.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_BARRIER_H
#define VFN_SUPPORT_BARRIER_H

#include <belfry/support/barrier.h>

#endif /* VFN_SUPPORT_BARRIER_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/support/atomic.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_ATOMIC_H
#define VFN_SUPPORT_ATOMIC_H

#include <belfry/support/atomic.h>

#endif /* VFN_SUPPORT_ATOMIC_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/support/rwlock.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_RWLOCK_H
#define VFN_SUPPORT_RWLOCK_H

#include <belfry/support/rwlock.h>

#endif /* VFN_SUPPORT_RWLOCK_H */

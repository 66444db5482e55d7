/* SPDX-License-Identifier: MIT */
/* As <belfry/support/mutex.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_MUTEX_H
#define VFN_SUPPORT_MUTEX_H

#include <belfry/support/mutex.h>

#endif /* VFN_SUPPORT_MUTEX_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/support/autoptr.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_AUTOPTR_H
#define VFN_SUPPORT_AUTOPTR_H

#include <belfry/support/autoptr.h>

#endif /* VFN_SUPPORT_AUTOPTR_H */

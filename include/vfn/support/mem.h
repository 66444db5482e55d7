/* SPDX-License-Identifier: MIT */
/* As <belfry/support/mem.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_MEM_H
#define VFN_SUPPORT_MEM_H

#include <belfry/support/mem.h>

#endif /* VFN_SUPPORT_MEM_H */

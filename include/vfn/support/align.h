/* SPDX-License-Identifier: MIT */
/* As <belfry/support/align.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_ALIGN_H
#define VFN_SUPPORT_ALIGN_H

#include <belfry/support/align.h>

#endif /* VFN_SUPPORT_ALIGN_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/support/endian.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_ENDIAN_H
#define VFN_SUPPORT_ENDIAN_H

#include <belfry/support/endian.h>

#endif /* VFN_SUPPORT_ENDIAN_H */

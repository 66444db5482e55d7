/* SPDX-License-Identifier: MIT */
/* As <belfry/support/mmio.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_MMIO_H
#define VFN_SUPPORT_MMIO_H

#include <belfry/support/mmio.h>

#endif /* VFN_SUPPORT_MMIO_H */

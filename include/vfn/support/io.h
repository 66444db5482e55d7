/* SPDX-License-Identifier: MIT */
/* As <belfry/support/io.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_IO_H
#define VFN_SUPPORT_IO_H

#include <belfry/support/io.h>

#endif /* VFN_SUPPORT_IO_H */

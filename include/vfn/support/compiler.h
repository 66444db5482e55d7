/* SPDX-License-Identifier: MIT */
/* As <belfry/support/compiler.h>, by its name in libvfn. */
#ifndef VFN_SUPPORT_COMPILER_H
#define VFN_SUPPORT_COMPILER_H

#include <belfry/support/compiler.h>

#endif /* VFN_SUPPORT_COMPILER_H */

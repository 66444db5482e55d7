/* SPDX-License-Identifier: MIT */
/* As <belfry/nvme/types.h>, by its name in libvfn. */
#ifndef VFN_NVME_TYPES_H
#define VFN_NVME_TYPES_H

#include <belfry/nvme/types.h>

#endif /* VFN_NVME_TYPES_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/nvme/util.h>, by its name in libvfn; lists in the caller's memory are here too. */
#ifndef VFN_NVME_UTIL_H
#define VFN_NVME_UTIL_H

#include <belfry/nvme/map.h>
#include <belfry/nvme/util.h>

#endif /* VFN_NVME_UTIL_H */

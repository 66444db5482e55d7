/* SPDX-License-Identifier: MIT */
/* As <belfry/nvme/ctrl.h>, by its name in libvfn. */
#ifndef VFN_NVME_CTRL_H
#define VFN_NVME_CTRL_H

#include <belfry/nvme/ctrl.h>

#endif /* VFN_NVME_CTRL_H */

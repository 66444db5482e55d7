/* SPDX-License-Identifier: MIT */
/* As <belfry/nvme/rq.h>, by its name in libvfn. */
#ifndef VFN_NVME_RQ_H
#define VFN_NVME_RQ_H

#include <belfry/nvme/rq.h>

#endif /* VFN_NVME_RQ_H */

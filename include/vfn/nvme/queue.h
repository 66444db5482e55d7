/* SPDX-License-Identifier: MIT */
/* As <belfry/nvme/queue.h>, by its name in libvfn. */
#ifndef VFN_NVME_QUEUE_H
#define VFN_NVME_QUEUE_H

#include <belfry/nvme/queue.h>

#endif /* VFN_NVME_QUEUE_H */

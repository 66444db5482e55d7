/* SPDX-License-Identifier: MIT */
/* The NVMe driver: all of belfry/nvme/ and what it stands on. */
#ifndef BELFRY_NVME_H
#define BELFRY_NVME_H

#include <belfry/support.h>
#include <belfry/iommu.h>
#include <belfry/vfio.h>
#include <belfry/nvme/types.h>
#include <belfry/nvme/spec.h>
#include <belfry/nvme/status.h>
#include <belfry/nvme/owner.h>
#include <belfry/nvme/queue.h>
#include <belfry/nvme/rq.h>
#include <belfry/nvme/map.h>
#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/hmb.h>
#include <belfry/nvme/pmr.h>
#include <belfry/nvme/util.h>
#include <belfry/nvme/poll.h>
#include <belfry/nvme/event.h>
#include <belfry/nvme/recover.h>
#include <belfry/nvme/shared.h>
#include <belfry/nvme/stats.h>

#endif /* BELFRY_NVME_H */

/* SPDX-License-Identifier: MIT */
/*
 * The driver. Of Belfry's own headers only those are here that libvfn has too, so that no name of
 * the others (belfry/nvme/spec.h with the specification's structures, belfry/nvme/status.h) meets
 * one of a program that was written without knowing of them.
 */
#ifndef VFN_NVME_H
#define VFN_NVME_H

#include <vfn/support.h>
#include <vfn/trace.h>
#include <vfn/iommu.h>
#include <vfn/vfio.h>
#include <vfn/nvme/types.h>
#include <vfn/nvme/queue.h>
#include <vfn/nvme/rq.h>
#include <vfn/nvme/ctrl.h>
#include <vfn/nvme/util.h>

#endif /* VFN_NVME_H */

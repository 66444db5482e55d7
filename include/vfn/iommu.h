/* SPDX-License-Identifier: MIT */
/* DMA address spaces. */
#ifndef VFN_IOMMU_H
#define VFN_IOMMU_H

#include <vfn/support.h>
#include <vfn/iommu/context.h>
#include <vfn/iommu/dma.h>
#include <vfn/iommu/dmabuf.h>

#endif /* VFN_IOMMU_H */

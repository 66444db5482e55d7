/* SPDX-License-Identifier: MIT */
/* As <belfry/iommu/dma.h>, by its name in libvfn. */
#ifndef VFN_IOMMU_DMA_H
#define VFN_IOMMU_DMA_H

#include <belfry/iommu/dma.h>

#endif /* VFN_IOMMU_DMA_H */

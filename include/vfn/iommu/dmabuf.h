/* SPDX-License-Identifier: MIT */
/* As <belfry/iommu/dmabuf.h>, by its name in libvfn. */
#ifndef VFN_IOMMU_DMABUF_H
#define VFN_IOMMU_DMABUF_H

#include <belfry/iommu/dmabuf.h>

#endif /* VFN_IOMMU_DMABUF_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/iommu/context.h>, by its name in libvfn. */
#ifndef VFN_IOMMU_CONTEXT_H
#define VFN_IOMMU_CONTEXT_H

#include <belfry/iommu/context.h>

#endif /* VFN_IOMMU_CONTEXT_H */

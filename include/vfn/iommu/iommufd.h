/* SPDX-License-Identifier: MIT */
/* As <belfry/iommu/iommufd.h>, by its name in libvfn. */
#ifndef VFN_IOMMU_IOMMUFD_H
#define VFN_IOMMU_IOMMUFD_H

#include <belfry/iommu/iommufd.h>

#endif /* VFN_IOMMU_IOMMUFD_H */

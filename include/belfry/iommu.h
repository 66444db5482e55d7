/* SPDX-License-Identifier: MIT */
/*
 * Everything about DMA address spaces: what a device may reach, and at which address. A program
 * maps memory (belfry/iommu/dma.h), or takes memory that is mapped already
 * (belfry/iommu/dmabuf.h), in an address space that belongs to one or more controllers
 * (belfry/iommu/context.h).
 */
#ifndef BELFRY_IOMMU_H
#define BELFRY_IOMMU_H

#include <belfry/iommu/context.h>
#include <belfry/iommu/dma.h>
#include <belfry/iommu/dmabuf.h>
#include <belfry/iommu/iommufd.h>

#endif /* BELFRY_IOMMU_H */

/* SPDX-License-Identifier: MIT */
/*
 * The trace events that there are; belfry/support/trace.h says what they are for. Of each:
 *
 *	TRACE_x			1: there is such an event
 *	TRACE_x_DISABLED	1: its text is left out by the compiler, and for an event of an empty
 *				poll also its probe, but not in code that is compiled with
 *				-DTRACE_x_DISABLED=0
 *	TRACE_x_ACTIVE		its text is wanted; read it by trace_guard() alone
 *
 * The probe of an event is belfry:x, in lower case. Its first argument is the queue (for
 * NVME_SKIP_MMIO its struct nvme_dbbuf), its second what is posted or completed; those of mappings
 * have address, length and IOVA, as far as there are such.
 */
#ifndef BELFRY_SUPPORT_TRACE_EVENTS_H
#define BELFRY_SUPPORT_TRACE_EVENTS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Somebody looks for a completion, found or not. */
#define TRACE_NVME_CQ_GET_CQE 1
#ifndef TRACE_NVME_CQ_GET_CQE_DISABLED
#define TRACE_NVME_CQ_GET_CQE_DISABLED 1
#endif
extern bool TRACE_NVME_CQ_GET_CQE_ACTIVE;

/* A completion was taken from the ring. */
#define TRACE_NVME_CQ_GOT_CQE 1
#ifndef TRACE_NVME_CQ_GOT_CQE_DISABLED
#define TRACE_NVME_CQ_GOT_CQE_DISABLED 0
#endif
extern bool TRACE_NVME_CQ_GOT_CQE_ACTIVE;

/* A busy wait for a completion begins. */
#define TRACE_NVME_CQ_SPIN 1
#ifndef TRACE_NVME_CQ_SPIN_DISABLED
#define TRACE_NVME_CQ_SPIN_DISABLED 0
#endif
extern bool TRACE_NVME_CQ_SPIN_ACTIVE;

/* Consumed entries are given back to the device. */
#define TRACE_NVME_CQ_UPDATE_HEAD 1
#ifndef TRACE_NVME_CQ_UPDATE_HEAD_DISABLED
#define TRACE_NVME_CQ_UPDATE_HEAD_DISABLED 0
#endif
extern bool TRACE_NVME_CQ_UPDATE_HEAD_ACTIVE;

/* A command was copied into the ring. */
#define TRACE_NVME_SQ_POST 1
#ifndef TRACE_NVME_SQ_POST_DISABLED
#define TRACE_NVME_SQ_POST_DISABLED 0
#endif
extern bool TRACE_NVME_SQ_POST_ACTIVE;

/* The device is told of what was posted. */
#define TRACE_NVME_SQ_UPDATE_TAIL 1
#ifndef TRACE_NVME_SQ_UPDATE_TAIL_DISABLED
#define TRACE_NVME_SQ_UPDATE_TAIL_DISABLED 0
#endif
extern bool TRACE_NVME_SQ_UPDATE_TAIL_ACTIVE;

/* A shadow doorbell took the place of the register. */
#define TRACE_NVME_SKIP_MMIO 1
#ifndef TRACE_NVME_SKIP_MMIO_DISABLED
#define TRACE_NVME_SKIP_MMIO_DISABLED 0
#endif
extern bool TRACE_NVME_SKIP_MMIO_ACTIVE;

/* Memory is mapped by iommufd. */
#define TRACE_IOMMUFD_IOAS_MAP_DMA 1
#ifndef TRACE_IOMMUFD_IOAS_MAP_DMA_DISABLED
#define TRACE_IOMMUFD_IOAS_MAP_DMA_DISABLED 0
#endif
extern bool TRACE_IOMMUFD_IOAS_MAP_DMA_ACTIVE;

/* A mapping of iommufd is undone. */
#define TRACE_IOMMUFD_IOAS_UNMAP_DMA 1
#ifndef TRACE_IOMMUFD_IOAS_UNMAP_DMA_DISABLED
#define TRACE_IOMMUFD_IOAS_UNMAP_DMA_DISABLED 0
#endif
extern bool TRACE_IOMMUFD_IOAS_UNMAP_DMA_ACTIVE;

/* Memory is mapped in a VFIO container. */
#define TRACE_VFIO_IOMMU_TYPE1_MAP_DMA 1
#ifndef TRACE_VFIO_IOMMU_TYPE1_MAP_DMA_DISABLED
#define TRACE_VFIO_IOMMU_TYPE1_MAP_DMA_DISABLED 0
#endif
extern bool TRACE_VFIO_IOMMU_TYPE1_MAP_DMA_ACTIVE;

/* A mapping of a VFIO container is undone. */
#define TRACE_VFIO_IOMMU_TYPE1_UNMAP_DMA 1
#ifndef TRACE_VFIO_IOMMU_TYPE1_UNMAP_DMA_DISABLED
#define TRACE_VFIO_IOMMU_TYPE1_UNMAP_DMA_DISABLED 0
#endif
extern bool TRACE_VFIO_IOMMU_TYPE1_UNMAP_DMA_ACTIVE;

/* Never: each IOVA of a short-lived mapping is used again as soon as it is free. */
#define TRACE_VFIO_IOMMU_TYPE1_RECYCLE_EPHEMERAL_IOVAS 1
#ifndef TRACE_VFIO_IOMMU_TYPE1_RECYCLE_EPHEMERAL_IOVAS_DISABLED
#define TRACE_VFIO_IOMMU_TYPE1_RECYCLE_EPHEMERAL_IOVAS_DISABLED 0
#endif
extern bool TRACE_VFIO_IOMMU_TYPE1_RECYCLE_EPHEMERAL_IOVAS_ACTIVE;

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_TRACE_EVENTS_H */

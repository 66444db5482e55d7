/* SPDX-License-Identifier: MIT */
/*
 * The parts of linux/iommufd.h, and of newer versions of linux/vfio.h, that are used here. Headers
 * of older distributions lack them, and what the running kernel has is found out at run time. The
 * names are the kernel's in lower case behind "uapi_", so that they never meet the real ones.
 */
#ifndef BELFRY_IOMMU_UAPI_H
#define BELFRY_IOMMU_UAPI_H

#include <stdint.h>
#include <sys/ioctl.h>

#define UAPI_IOMMU_DESTROY	     _IO(';', 0x80)
#define UAPI_IOMMU_IOAS_ALLOC	     _IO(';', 0x81)
#define UAPI_IOMMU_IOAS_IOVA_RANGES  _IO(';', 0x84)
#define UAPI_IOMMU_IOAS_MAP	     _IO(';', 0x85)
#define UAPI_IOMMU_IOAS_UNMAP	     _IO(';', 0x86)
#define UAPI_IOMMU_HWPT_ALLOC	     _IO(';', 0x89)
#define UAPI_IOMMU_FAULT_QUEUE_ALLOC _IO(';', 0x8e)

#define UAPI_VFIO_DEVICE_BIND_IOMMUFD	   _IO(';', 100 + 18)
#define UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(';', 100 + 19)
#define UAPI_VFIO_DEVICE_DETACH_IOMMUFD_PT _IO(';', 100 + 20)

#define UAPI_IOMMU_IOAS_MAP_FIXED_IOVA (1u << 0)
#define UAPI_IOMMU_IOAS_MAP_WRITEABLE  (1u << 1)
#define UAPI_IOMMU_IOAS_MAP_READABLE   (1u << 2)

#define UAPI_IOMMU_HWPT_FAULT_ID_VALID (1u << 2)

#define UAPI_VFIO_DEVICE_BIND_FLAG_TOKEN (1u << 0)

struct uapi_iommu_destroy {
	uint32_t size;
	uint32_t id;
};

struct uapi_iommu_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas_id;
};

struct uapi_iommu_iova_range {
	uint64_t start __attribute__((aligned(8)));
	uint64_t last __attribute__((aligned(8)));
};

struct uapi_iommu_ioas_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t reserved;
	uint64_t allowed_iovas __attribute__((aligned(8)));
	uint64_t out_iova_alignment __attribute__((aligned(8)));
};

struct uapi_iommu_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va __attribute__((aligned(8)));
	uint64_t length __attribute__((aligned(8)));
	uint64_t iova __attribute__((aligned(8)));
};

struct uapi_iommu_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova __attribute__((aligned(8)));
	uint64_t length __attribute__((aligned(8)));
};

struct uapi_iommu_hwpt_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t pt_id;
	uint32_t out_hwpt_id;
	uint32_t reserved;
	uint32_t data_type;
	uint32_t data_len;
	uint64_t data_uptr __attribute__((aligned(8)));
	uint32_t fault_id;
	uint32_t reserved2;
};

struct uapi_iommu_fault_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_fault_id;
	uint32_t out_fault_fd;
};

struct uapi_vfio_device_bind_iommufd {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_devid;
	uint64_t token_uuid_ptr __attribute__((aligned(8)));
};

/* Before there were tokens. */
#define UAPI_VFIO_DEVICE_BIND_IOMMUFD_MINSZ 16

struct uapi_vfio_device_attach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id;
};

struct uapi_vfio_device_detach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
};

/* The kernel takes structures by their size: an accident of padding would be another structure. */
_Static_assert(sizeof(struct uapi_iommu_ioas_alloc) == 12, "uapi");
_Static_assert(sizeof(struct uapi_iommu_ioas_iova_ranges) == 32, "uapi");
_Static_assert(sizeof(struct uapi_iommu_ioas_map) == 40, "uapi");
_Static_assert(sizeof(struct uapi_iommu_ioas_unmap) == 24, "uapi");
_Static_assert(sizeof(struct uapi_iommu_hwpt_alloc) == 48, "uapi");
_Static_assert(sizeof(struct uapi_iommu_fault_alloc) == 16, "uapi");
_Static_assert(sizeof(struct uapi_vfio_device_bind_iommufd) == 24, "uapi");
_Static_assert(sizeof(struct uapi_vfio_device_attach_iommufd_pt) == 12, "uapi");

#endif /* BELFRY_IOMMU_UAPI_H */

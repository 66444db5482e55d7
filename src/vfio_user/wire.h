/* SPDX-License-Identifier: MIT */
/*
 * The vfio-user protocol as it is on the socket: numbers and layouts, nothing else. Both ends are on
 * one host, and all fields are in its byte order; what is inside of a region (registers,
 * configuration space) is in the order of that region. Flags that are those of the kernel's vfio
 * (VFIO_REGION_INFO_*, VFIO_IRQ_*, VFIO_IRQ_SET_*) have their names from <linux/vfio.h>.
 *
 * Spec: vfio-user Protocol Specification (QEMU, docs/interop/vfio-user.rst), "Protocol
 * Specification". Every offset is asserted below the layout that it belongs to.
 */
#ifndef BELFRY_VFIO_USER_WIRE_H
#define BELFRY_VFIO_USER_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* The version that is spoken; a later minor one is compatible. */
#define VFIO_USER_MAJOR 0
#define VFIO_USER_MINOR 1

/* What holds for a peer that does not say otherwise. */
#define VFIO_USER_DEFAULT_MSG_FDS  1u
#define VFIO_USER_DEFAULT_XFER	   1048576u
#define VFIO_USER_DEFAULT_DMA_MAPS 65535u
#define VFIO_USER_DEFAULT_PGSIZES  4096u

/**
 * enum vfio_user_cmd - commands
 * @VFIO_USER_VERSION: client: the first message, struct vfio_user_version
 * @VFIO_USER_DMA_MAP: client: struct vfio_user_dma_map
 * @VFIO_USER_DMA_UNMAP: client: struct vfio_user_dma_unmap
 * @VFIO_USER_DEVICE_GET_INFO: client: struct vfio_user_device_info
 * @VFIO_USER_DEVICE_GET_REGION_INFO: client: struct vfio_user_region_info
 * @VFIO_USER_DEVICE_GET_REGION_IO_FDS: client: optional
 * @VFIO_USER_DEVICE_GET_IRQ_INFO: client: struct vfio_user_irq_info
 * @VFIO_USER_DEVICE_SET_IRQS: client: struct vfio_user_irq_set
 * @VFIO_USER_REGION_READ: client: struct vfio_user_region_access
 * @VFIO_USER_REGION_WRITE: client: struct vfio_user_region_access, data
 * @VFIO_USER_DMA_READ: server: struct vfio_user_dma_access
 * @VFIO_USER_DMA_WRITE: server: struct vfio_user_dma_access, data
 * @VFIO_USER_DEVICE_RESET: client: no data
 * @VFIO_USER_REGION_WRITE_MULTI: client: struct vfio_user_write_multi
 * @VFIO_USER_DEVICE_FEATURE: client: migration
 * @VFIO_USER_MIG_DATA_READ: client: migration
 * @VFIO_USER_MIG_DATA_WRITE: client: migration
 */
enum vfio_user_cmd {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS = 6,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DMA_READ = 11,
	VFIO_USER_DMA_WRITE = 12,
	VFIO_USER_DEVICE_RESET = 13,
	VFIO_USER_REGION_WRITE_MULTI = 15,
	VFIO_USER_DEVICE_FEATURE = 16,
	VFIO_USER_MIG_DATA_READ = 17,
	VFIO_USER_MIG_DATA_WRITE = 18,
};

/* ---- header ---- */

#define VFIO_USER_TYPE	   0xfu /* mask */
#define VFIO_USER_COMMAND  0x0u
#define VFIO_USER_REPLY	   0x1u
#define VFIO_USER_NO_REPLY (1u << 4) /* of a command */
#define VFIO_USER_ERROR	   (1u << 5) /* of a reply */

/**
 * struct vfio_user_header - what every message begins with
 * @id: the sender's, given back in the reply
 * @cmd: enum vfio_user_cmd; of a reply, that of the command
 * @size: bytes of the message, these included
 * @flags: VFIO_USER_TYPE, VFIO_USER_NO_REPLY, VFIO_USER_ERROR
 * @error: of a reply with VFIO_USER_ERROR: an errno, or 0
 */
struct vfio_user_header {
	uint16_t id;
	uint16_t cmd;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
};
_Static_assert(sizeof(struct vfio_user_header) == 16, "header");

/**
 * struct vfio_user_version - version, and after it a JSON text with its terminator, or nothing
 * @major: has to be that of the peer
 * @minor: of a reply, not above that of the command
 */
struct vfio_user_version {
	uint16_t major;
	uint16_t minor;
};
_Static_assert(sizeof(struct vfio_user_version) == 4, "version");

/* ---- DMA ---- */

#define VFIO_USER_DMA_READABLE	(1u << 0)
#define VFIO_USER_DMA_WRITEABLE (1u << 1)

/**
 * struct vfio_user_dma_map - memory that the server may use; no data in the reply
 * @argsz: bytes of this structure
 * @flags: VFIO_USER_DMA_*, as the device sees it
 * @offset: in the file, 0 without one
 * @address: where it is for the device
 * @size: bytes
 */
struct vfio_user_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t size;
};
_Static_assert(offsetof(struct vfio_user_dma_map, address) == 16, "DMA_MAP");
_Static_assert(sizeof(struct vfio_user_dma_map) == 32, "DMA_MAP");

/**
 * struct vfio_user_dma_unmap - memory that it may not use any more; sent back in the reply
 * @argsz: bytes of the reply that are wanted
 * @flags: 0
 * @address: of a mapping
 * @size: of that mapping
 */
struct vfio_user_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};
_Static_assert(sizeof(struct vfio_user_dma_unmap) == 24, "DMA_UNMAP");

/**
 * struct vfio_user_dma_access - DMA_READ and DMA_WRITE, and their replies
 * @address: where it is for the device
 * @count: bytes; they follow in the reply to DMA_READ and in the command DMA_WRITE
 */
struct vfio_user_dma_access {
	uint64_t address;
	uint64_t count;
};
_Static_assert(sizeof(struct vfio_user_dma_access) == 16, "DMA_READ, DMA_WRITE");

/* The specification has only four bytes of count in the reply to DMA_WRITE. */
#define VFIO_USER_DMA_WRITE_REPLY_MIN 12u

/* ---- device ---- */

/**
 * struct vfio_user_device_info - what the device is
 * @argsz: command: bytes of reply that are wanted; reply: bytes that there are
 * @flags: reply: VFIO_DEVICE_FLAGS_*
 * @nr_regions: reply
 * @nr_irqs: reply: kinds of interrupts
 */
struct vfio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t nr_regions;
	uint32_t nr_irqs;
};
_Static_assert(sizeof(struct vfio_user_device_info) == 16, "DEVICE_GET_INFO");

/**
 * struct vfio_user_region_info - what a region is; capabilities follow in the reply
 * @argsz: command: bytes of reply that are wanted; reply: bytes that there are
 * @flags: reply: VFIO_REGION_INFO_FLAG_*
 * @index: which
 * @cap_offset: reply: of the first capability, from here
 * @size: reply: bytes
 * @offset: reply: in the file that comes with it
 */
struct vfio_user_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};
_Static_assert(sizeof(struct vfio_user_region_info) == 32, "DEVICE_GET_REGION_INFO");

/**
 * struct vfio_user_cap - a capability of a region
 * @id: VFIO_REGION_INFO_CAP_*
 * @version: of what follows
 * @next: offset of the next one from the region info, 0 at the end
 */
struct vfio_user_cap {
	uint16_t id;
	uint16_t version;
	uint32_t next;
};

/**
 * struct vfio_user_area - part of a region that can be mapped
 * @offset: in the region
 * @size: bytes
 */
struct vfio_user_area {
	uint64_t offset;
	uint64_t size;
};

/**
 * struct vfio_user_sparse - capability: the parts of a region that can be mapped, which follow
 * @cap: VFIO_REGION_INFO_CAP_SPARSE_MMAP, version 1
 * @nr_areas: how many
 * @reserved: 0
 */
struct vfio_user_sparse {
	struct vfio_user_cap cap;
	uint32_t nr_areas;
	uint32_t reserved;
};
_Static_assert(sizeof(struct vfio_user_sparse) == 16, "sparse areas");

/**
 * struct vfio_user_irq_info - what a kind of interrupts is
 * @argsz: command: bytes of reply that are wanted; reply: bytes that there are
 * @flags: reply: VFIO_IRQ_INFO_*
 * @index: which kind
 * @count: reply: how many
 */
struct vfio_user_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};
_Static_assert(sizeof(struct vfio_user_irq_info) == 16, "DEVICE_GET_IRQ_INFO");

/**
 * struct vfio_user_irq_set - what to do with interrupts; no data in the reply
 * @argsz: bytes of this structure and what follows
 * @flags: one VFIO_IRQ_SET_DATA_*, one VFIO_IRQ_SET_ACTION_*
 * @index: which kind
 * @start: first one
 * @count: how many; one byte for each follows with VFIO_IRQ_SET_DATA_BOOL
 */
struct vfio_user_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};
_Static_assert(sizeof(struct vfio_user_irq_set) == 20, "DEVICE_SET_IRQS");

/**
 * struct vfio_user_region_access - REGION_READ and REGION_WRITE, and their replies
 * @offset: in the region
 * @region: which
 * @count: bytes; they follow in the reply to REGION_READ and in the command REGION_WRITE
 */
struct vfio_user_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};
_Static_assert(sizeof(struct vfio_user_region_access) == 16, "REGION_READ, REGION_WRITE");

/**
 * struct vfio_user_one_write - one of the writes of REGION_WRITE_MULTI
 * @offset: in the region
 * @region: which
 * @count: bytes of @data that count, 1 to 8
 * @data: from its first byte on
 */
struct vfio_user_one_write {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[8];
};
_Static_assert(sizeof(struct vfio_user_one_write) == 24, "REGION_WRITE_MULTI");

/**
 * struct vfio_user_write_multi - several writes, which follow in the command
 * @nr: command: how many; reply: how many were done
 */
struct vfio_user_write_multi {
	uint64_t nr;
};
_Static_assert(sizeof(struct vfio_user_write_multi) == 8, "REGION_WRITE_MULTI");

#endif /* BELFRY_VFIO_USER_WIRE_H */

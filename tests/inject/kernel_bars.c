/* SPDX-License-Identifier: MIT */
/*
 * What the pretended kernel says of the function's BARs, and where its MSI-X table is. See kernel.h.
 */
#ifdef __clang__
/* The kernel's capabilities end in arrays, and what is in those follows in a structure of ours. */
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#endif

#include "kernel.h"

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include <belfry/support/endian.h>

#include "emu/device.h"

#define MSIX_AT 0x40

static struct kernel_bar2 bar2;

/* BAR 0: its doorbells can be mapped, its registers cannot. */
static int bar0_info(struct vfio_region_info *info)
{
	enum {
		AREA_AT = 32,
		SIZE = AREA_AT + sizeof(struct vfio_region_info_cap_sparse_mmap) +
		       sizeof(struct vfio_region_sparse_mmap_area)
	};
	uint8_t all[SIZE] __attribute__((aligned(8))) = {0};
	struct vfio_region_info *head = (void *)all;
	struct vfio_region_info_cap_sparse_mmap *cap = (void *)(all + AREA_AT);
	size_t len;

	emu_bar(kernel_emu(), EMU_BAR_REGS, &len);
	head->argsz = SIZE;
	head->index = info->index;
	head->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		      VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	head->size = len;
	head->offset = KERNEL_REGION(0);
	head->cap_offset = info->argsz < SIZE ? 0 : AREA_AT;
	cap->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	cap->header.version = 1;
	cap->nr_areas = 1;
	cap->areas[0] =
		(struct vfio_region_sparse_mmap_area){KERNEL_DOORBELLS, len - KERNEL_DOORBELLS};
	memcpy(info, all, info->argsz < SIZE ? sizeof(*info) : SIZE);
	return 0;
}

/* BAR 2, as it was set; that the table may be mapped is a capability without contents. */
static int bar2_info(struct vfio_region_info *info, size_t len)
{
	struct {
		struct vfio_region_info head;
		struct vfio_info_cap_header cap;
	} all = {.head = *info, .cap = {.id = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, .version = 1}};
	bool room = info->argsz >= sizeof(all);

	all.head.size = len;
	all.head.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (!bar2.no_mmap)
		all.head.flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (bar2.table_ok) {
		all.head.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		all.head.argsz = sizeof(all);
		all.head.cap_offset = room ? offsetof(typeof(all), cap) : 0;
	}
	memcpy(info, &all, room ? sizeof(all) : sizeof(*info));
	return 0;
}

int kernel_region_info(struct vfio_region_info *info)
{
	size_t len = 0;

	info->offset = KERNEL_REGION(info->index);
	info->flags = 0;
	info->size = 0;
	if (info->index == EMU_BAR_REGS)
		return bar0_info(info);
	if (info->index == VFIO_PCI_CONFIG_REGION_INDEX) {
		info->size = KERNEL_CONFIG_LEN;
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	} else if (info->index == EMU_BAR_CMB && emu_bar(kernel_emu(), EMU_BAR_CMB, &len)) {
		return bar2_info(info, len);
	}
	return 0;
}

/* The capability: 65 vectors in BAR 2, or one in BAR 4 where @table is 0; the number is 0's based. */
static void put_msix(uint32_t table, uint32_t pending)
{
	const uint32_t bar = table ? EMU_BAR_CMB : 4;
	const leint32_t where[2] = {cpu_to_le32(table | bar),
				    cpu_to_le32((table ? pending : 0x2000) | bar)};
	const uint8_t head[] = {PCI_CAP_ID_MSIX, 0, table ? 64 : 0, 0};

	kernel_config()[PCI_CAPABILITY_LIST] = MSIX_AT;
	memcpy(kernel_config() + MSIX_AT, head, sizeof(head));
	memcpy(kernel_config() + MSIX_AT + sizeof(head), where, sizeof(where));
}

void kernel_set_bar2(const struct kernel_bar2 *to)
{
	bar2 = *to;
	put_msix(to->table, to->pending);
}

/* SPDX-License-Identifier: MIT */
/*
 * BARs and configuration space. A BAR is mapped where the kernel says that it can be: all of it,
 * or its sparse areas, and never over the MSI-X table unless it says that this is harmless. Pages
 * are the host's: what is wanted may lie in the middle of one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <belfry/support/align.h>
#include <belfry/support/endian.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "support/errno.h"
#include "transport/bar.h"
#include "transport/cap.h"
#include "transport/vfio.h"

/* More than any kernel has to say of a region; it is the kernel that fills it in. */
#define INFO_MAX (1u << 20)

/* ---- configuration space ---- */

int vfio_config_read(struct vfio_transport *vt, void *buf, size_t len, uint64_t off)
{
	ssize_t n;

	if (off > vt->config.size || len > vt->config.size - off)
		return set_errno(EINVAL);
	n = pread(vt->fd, buf, len, (off_t)(vt->config.offset + off));
	return n == (ssize_t)len ? 0 : n < 0 ? -1 : set_errno(EIO);
}

int vfio_command(struct vfio_transport *vt, uint16_t clear, uint16_t set)
{
	leint16_t wire;
	ssize_t n;

	if (vfio_config_read(vt, &wire, sizeof(wire), PCI_COMMAND))
		return -1;
	wire = cpu_to_le16((uint16_t)((le16_to_cpu(wire) & ~clear) | set));
	n = pwrite(vt->fd, &wire, sizeof(wire), (off_t)(vt->config.offset + PCI_COMMAND));
	return n == sizeof(wire) ? 0 : n < 0 ? -1 : set_errno(EIO);
}

static int read_cap(void *vt, uint64_t off, void *buf, size_t len)
{
	return vfio_config_read(vt, buf, len, off);
}

/* Where the MSI-X table and its pending bits are. */
static void find_table(struct vfio_transport *vt)
{
	uint8_t at = transport_find_cap(read_cap, vt, PCI_CAP_ID_MSIX);
	leint32_t place[2];
	leint16_t ctrl;
	uint32_t nr;

	if (!at || vfio_config_read(vt, &ctrl, sizeof(ctrl), at + PCI_MSIX_FLAGS) ||
	    vfio_config_read(vt, place, sizeof(place), at + PCI_MSIX_TABLE))
		return;

	nr = (le16_to_cpu(ctrl) & PCI_MSIX_FLAGS_QSIZE) + 1u; /* 0's based */
	for (int i = 0; i < 2; i++) {
		vt->table_bar[i] = (int)(le32_to_cpu(place[i]) & PCI_MSIX_TABLE_BIR);
		vt->table[i].off = le32_to_cpu(place[i]) & PCI_MSIX_TABLE_OFFSET;
	}
	vt->table[0].len = (uint64_t)nr * PCI_MSIX_ENTRY_SIZE;
	vt->table[1].len = (uint64_t)(nr + 63) / 64 * 8;
}

uint64_t vfio_bar_before_table(const struct vfio_transport *vt, int bar, uint64_t off, uint64_t len)
{
	for (int i = 0; i < 2; i++) {
		const struct vfio_span *table = &vt->table[i];

		if (!table->len || vt->table_bar[i] != bar || off >= table->off + table->len)
			continue;
		if (off >= table->off)
			return 0;
		if (len > table->off - off)
			len = table->off - off;
	}
	return len;
}

/* ---- regions ---- */

static const struct vfio_info_cap_header *
next_cap(const struct vfio_region_info *info, const struct vfio_info_cap_header *cap, size_t *room)
{
	uint32_t prev = cap ? (uint32_t)((const char *)cap - (const char *)info) : 0;
	uint32_t off = cap ? cap->next : info->cap_offset;

	/* Offsets ascend, so that a chain which does not is the end. */
	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS) || off <= prev || off < sizeof(*info) ||
	    off > info->argsz - sizeof(*cap))
		return NULL;
	*room = info->argsz - off;
	return (const void *)((const char *)info + off);
}

static int read_areas(struct vfio_bar *bar, const struct vfio_info_cap_header *cap, size_t room)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse = (const void *)cap;

	if (room < sizeof(*sparse) ||
	    sparse->nr_areas > (room - sizeof(*sparse)) / sizeof(sparse->areas[0]))
		return set_errno(EPROTO);

	free(bar->areas);
	bar->nr_areas = sparse->nr_areas;
	bar->areas = calloc(sparse->nr_areas + 1u, sizeof(*bar->areas));
	if (!bar->areas)
		return -1;
	for (uint32_t i = 0; i < sparse->nr_areas; i++)
		bar->areas[i] = (struct vfio_span){sparse->areas[i].offset, sparse->areas[i].size};
	return 0;
}

static int read_caps(struct vfio_bar *bar, const struct vfio_region_info *info)
{
	const struct vfio_info_cap_header *cap = NULL;
	size_t room;

	while ((cap = next_cap(info, cap, &room))) {
		if (cap->id == VFIO_REGION_INFO_CAP_MSIX_MAPPABLE)
			bar->table_ok = true;
		if (cap->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP && read_areas(bar, cap, room))
			return -1;
	}
	return 0;
}

static int read_bar(struct vfio_transport *vt, uint32_t index)
{
	struct vfio_bar *bar = &vt->bars[index];
	struct vfio_region_info *info, head = {.argsz = sizeof(head), .index = index};
	int ret;

	if (ioctl(vt->fd, VFIO_DEVICE_GET_REGION_INFO, &head))
		return -1;
	bar->info = head;
	if (head.argsz <= sizeof(head))
		return 0;
	if (head.argsz > INFO_MAX)
		return set_errno(EPROTO);

	info = calloc(1, head.argsz);
	if (!info)
		return -1;
	*info = head;
	ret = ioctl(vt->fd, VFIO_DEVICE_GET_REGION_INFO, info);
	if (info->argsz > head.argsz)
		info->argsz = head.argsz;
	if (!ret)
		ret = read_caps(bar, info);
	free(info);
	return ret;
}

/* ---- mappings ---- */

/* The mappable part of a BAR that @off is in. */
static struct vfio_span mappable(const struct vfio_bar *bar, uint64_t off)
{
	struct vfio_span all = {0, bar->info.size};

	if (!(bar->info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return (struct vfio_span){0};
	if (!bar->areas)
		return all;
	for (uint32_t i = 0; i < bar->nr_areas; i++) {
		struct vfio_span area = bar->areas[i];

		if (area.off > all.len || area.len > all.len - area.off)
			continue;
		if (off >= area.off && off - area.off < area.len)
			return area;
	}
	return (struct vfio_span){0};
}

/* Clip [first, end) so that no page of it holds the table. */
static uint64_t spare_table(const struct vfio_transport *vt, int bar, uint64_t first, uint64_t end)
{
	uint64_t len;

	if (vt->bars[bar].table_ok || vt->bars[bar].areas)
		return end;
	len = vfio_bar_before_table(vt, bar, first, end - first);
	return len < end - first ? ALIGN_DOWN(first + len, (uint64_t)__VFN_PAGESIZE) : end;
}

void *vfio_bar_map(struct vfio_transport *vt, int index, uint64_t off, size_t *len)
{
	uint64_t first, end;
	struct vfio_span span;
	struct vfio_bar *bar;
	char *mem;

	if (index < 0 || index >= PCI_STD_NUM_BARS || off >= vt->bars[index].info.size || !*len)
		return set_errno_null(EINVAL);

	bar = &vt->bars[index];
	span = mappable(bar, off);
	first = ALIGN_DOWN(off, (uint64_t)__VFN_PAGESIZE);
	end = span.off + span.len;
	if (end > off && *len < end - off)
		end = off + *len;
	end = spare_table(vt, index, first, end);
	if (end <= off || first < span.off)
		return set_errno_null(ENOTSUP);

	mem = mmap(NULL, end - first, PROT_READ | PROT_WRITE, MAP_SHARED, vt->fd,
		   (off_t)(bar->info.offset + first));
	if (mem == MAP_FAILED) {
		keep_errno();

		log_error("%s: BAR %d cannot be mapped: %m\n", vt->name, index);
		return NULL;
	}
	if (bar_mapping_add(&vt->mappings, &vt->lock, mem, end - first))
		return NULL;
	*len = end - off;
	return mem + (off - first);
}

void vfio_bar_unmap(struct vfio_transport *vt, void *ptr)
{
	bar_mapping_remove(&vt->mappings, &vt->lock, ptr);
}

int vfio_bars_init(struct vfio_transport *vt)
{
	size_t len;

	vt->config.argsz = sizeof(vt->config);
	vt->config.index = VFIO_PCI_CONFIG_REGION_INDEX;
	if (ioctl(vt->fd, VFIO_DEVICE_GET_REGION_INFO, &vt->config))
		return -1;
	for (uint32_t i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (read_bar(vt, i))
			return -1;
	}
	find_table(vt);

	/* A BAR that cannot be mapped here is still read and written through the file. */
	len = vfio_bar_before_table(vt, 0, 0, vt->bars[0].info.size);
	vt->regs = len ? vfio_bar_map(vt, 0, 0, &len) : NULL;
	vt->regs_len = vt->regs ? len : 0;
	return 0;
}

void vfio_bars_close(struct vfio_transport *vt)
{
	bar_mapping_clear(&vt->mappings);
	for (int i = 0; i < PCI_STD_NUM_BARS; i++)
		free(vt->bars[i].areas);
}

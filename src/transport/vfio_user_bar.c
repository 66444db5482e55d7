/* SPDX-License-Identifier: MIT */
/*
 * Regions: BARs and configuration space. What can be mapped is as the server says, in whole pages of
 * the host, and inside of the file that comes with it: memory behind the end of a file is a signal
 * that ends the process. Before anything else a device gets what firmware would give it: an address
 * for each BAR, memory space, bus mastering. Servers may refuse DMA and registers until then.
 *
 * Spec: vfio-user Protocol Specification, "VFIO_USER_DEVICE_GET_REGION_INFO"; PCI Local Bus 3.0,
 * "Base Addresses".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <belfry/support/align.h>
#include <belfry/support/endian.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "support/errno.h"
#include "transport/bar.h"
#include "transport/cap.h"
#include "transport/vfio_user.h"
#include "vfio_user/wire.h"

/* More than a server has to say of a region. */
#define INFO_ROOM 4096

/* Where BARs are put. Nobody decodes these addresses; they have to look like what firmware gives. */
#define BAR_BASE_32 0xc0000000ull
#define BAR_END_32  0xfe000000ull
#define BAR_BASE_64 0x8000000000ull

/* ---- configuration space ---- */

static int config_read(struct vu_device *dev, uint64_t off, void *buf, uint32_t len)
{
	if (off > dev->config_size || len > dev->config_size - off)
		return set_errno(EINVAL);
	return vu_region_read(&dev->conn, VFIO_PCI_CONFIG_REGION_INDEX, off, buf, len);
}

static int config_write(struct vu_device *dev, uint64_t off, const void *buf, uint32_t len)
{
	if (off > dev->config_size || len > dev->config_size - off)
		return set_errno(EINVAL);
	return vu_region_write(&dev->conn, VFIO_PCI_CONFIG_REGION_INDEX, off, buf, len);
}

int vu_config_read16(struct vu_device *dev, uint64_t off, uint16_t *val)
{
	leint16_t wire;

	if (config_read(dev, off, &wire, sizeof(wire)))
		return -1;
	*val = le16_to_cpu(wire);
	return 0;
}

int vu_config_change16(struct vu_device *dev, uint64_t off, uint16_t clear, uint16_t set)
{
	leint16_t wire;
	uint16_t val;

	if (vu_config_read16(dev, off, &val))
		return -1;
	wire = cpu_to_le16((uint16_t)((val & ~clear) | set));
	return config_write(dev, off, &wire, sizeof(wire));
}

static int config_read32(struct vu_device *dev, uint64_t off, uint32_t *val)
{
	leint32_t wire;

	if (config_read(dev, off, &wire, sizeof(wire)))
		return -1;
	*val = le32_to_cpu(wire);
	return 0;
}

static int config_write32(struct vu_device *dev, uint64_t off, uint32_t val)
{
	leint32_t wire = cpu_to_le32(val);

	return config_write(dev, off, &wire, sizeof(wire));
}

static int read_cap(void *dev, uint64_t off, void *buf, size_t len)
{
	return config_read(dev, off, buf, (uint32_t)len);
}

static int find_msix(struct vu_device *dev)
{
	struct vu_msix *msix = &dev->msix;
	uint32_t table;
	uint16_t ctrl;

	msix->cap = transport_find_cap(read_cap, dev, PCI_CAP_ID_MSIX);
	if (!msix->cap)
		return vu_conn_ended(&dev->conn) ? set_errno(ENODEV) : 0;
	if (vu_config_read16(dev, msix->cap + PCI_MSIX_FLAGS, &ctrl) ||
	    config_read32(dev, msix->cap + PCI_MSIX_TABLE, &table))
		return -1;
	msix->nr = (ctrl & PCI_MSIX_FLAGS_QSIZE) + 1u; /* 0's based */
	msix->bar = table & PCI_MSIX_TABLE_BIR;
	msix->table = table & PCI_MSIX_TABLE_OFFSET;
	return 0;
}

/* ---- what the server says of regions ---- */

/* The areas that can be mapped, as far as they are inside of the region, in whole pages. */
static int keep_areas(struct vu_bar *bar, const struct vfio_user_area *areas, uint32_t nr)
{
	const uint64_t mask = __VFN_PAGESIZE - 1;

	free(bar->areas);
	bar->nr_areas = 0;
	bar->areas = calloc(nr + 1u, sizeof(*areas));
	if (!bar->areas)
		return -1;
	for (uint32_t i = 0; i < nr; i++) {
		struct vfio_user_area area;

		memcpy(&area, &areas[i], sizeof(area));
		if (area.size && area.offset < bar->size && area.size <= bar->size - area.offset &&
		    !(area.offset & mask))
			bar->areas[bar->nr_areas++] = area;
	}
	return 0;
}

static int read_sparse(struct vu_bar *bar, const char *at, size_t room)
{
	struct vfio_user_sparse sparse;

	if (room < sizeof(sparse))
		return set_errno(EPROTO);
	memcpy(&sparse, at, sizeof(sparse));
	if (sparse.nr_areas > (room - sizeof(sparse)) / sizeof(struct vfio_user_area))
		return set_errno(EPROTO);
	return keep_areas(bar, (const void *)(at + sizeof(sparse)), sparse.nr_areas);
}

/* The capabilities in @len bytes of reply. Offsets ascend, or else the list would not end. */
static int read_caps(struct vu_bar *bar, const char *reply, size_t len, uint32_t off)
{
	size_t end = sizeof(struct vfio_user_region_info);
	struct vfio_user_cap cap;

	while (off) {
		if (off < end || off > len || len - off < sizeof(cap))
			return set_errno(EPROTO);
		memcpy(&cap, reply + off, sizeof(cap));
		if (cap.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP &&
		    read_sparse(bar, reply + off, len - off))
			return -1;
		end = off + sizeof(cap);
		off = cap.next;
	}
	return 0;
}

/* May all that is said to be mappable be mapped, as far as the file goes? */
static bool file_covers(const struct vu_bar *bar)
{
	struct stat st;

	if (bar->offset & (__VFN_PAGESIZE - 1) || fstat(bar->fd, &st) || !S_ISREG(st.st_mode))
		return false;
	for (uint32_t i = 0; i < bar->nr_areas; i++) {
		uint64_t end = bar->areas[i].offset + bar->areas[i].size;

		if (bar->offset > (uint64_t)st.st_size || end > (uint64_t)st.st_size - bar->offset)
			return false;
	}
	return true;
}

static int check_mappable(struct vu_device *dev, struct vu_bar *bar, uint32_t index)
{
	struct vfio_user_area all = {.size = bar->size};

	if (!(bar->flags & VFIO_REGION_INFO_FLAG_MMAP) || bar->fd < 0)
		return 0;
	if (!bar->areas && keep_areas(bar, &all, 1))
		return -1;
	if (file_covers(bar))
		return 0;
	log_error("%s: region %u is said to be mappable where its file has nothing: it is not\n",
		  dev->name, index);
	bar->nr_areas = 0;
	return 0;
}

/* @bar is empty; what it has afterwards is closed by vu_bars_close(). */
static int read_region(struct vu_device *dev, uint32_t index, struct vu_bar *bar)
{
	struct vfio_user_region_info info = {.argsz = INFO_ROOM, .index = index};
	union {
		struct vfio_user_region_info info;
		char room[INFO_ROOM];
	} reply;
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DEVICE_GET_REGION_INFO,
			.body = &info,
			.body_len = sizeof(info)},
		.reply = &reply,
		.room = sizeof(reply),
		.fds = &bar->fd,
		.fds_room = 1,
	};

	if (vu_call_upto(&dev->conn, &call))
		return -1;
	if (call.len < sizeof(info) || reply.info.index != index ||
	    reply.info.size > INT64_MAX - reply.info.offset)
		return vu_call_lied(&dev->conn, &call);

	bar->size = reply.info.size;
	bar->flags = reply.info.flags;
	bar->offset = reply.info.offset;
	if (bar->flags & VFIO_REGION_INFO_FLAG_CAPS &&
	    read_caps(bar, reply.room, call.len, reply.info.cap_offset))
		return errno == EPROTO ? vu_call_lied(&dev->conn, &call) : -1;
	return check_mappable(dev, bar, index);
}

static int read_config_size(struct vu_device *dev)
{
	struct vu_bar config = {.fd = -1};
	int ret = read_region(dev, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	keep_errno();

	dev->config_size = config.size;
	if (config.fd >= 0)
		close(config.fd);
	free(config.areas);
	return ret;
}

static void describe(const struct vu_bar *bar, uint32_t index, struct vfio_region_info *info)
{
	info->argsz = sizeof(*info);
	info->index = index;
	info->flags = bar->flags & ~(uint32_t)VFIO_REGION_INFO_FLAG_CAPS;
	info->size = bar->size;
}

int vu_bars_init(struct vu_device *dev, struct vfio_pci_device *pci)
{
	if (dev->info.nr_regions <= VFIO_PCI_CONFIG_REGION_INDEX) {
		log_error("%s: the server has %u regions, and none for configuration space\n",
			  dev->name, dev->info.nr_regions);
		return set_errno(EPROTO);
	}
	for (uint32_t i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (read_region(dev, i, &dev->bars[i]))
			return -1;
		describe(&dev->bars[i], i, &pci->bar_region_info[i]);
	}
	if (read_config_size(dev) || find_msix(dev))
		return -1;
	pci->config_region_info.argsz = sizeof(pci->config_region_info);
	pci->config_region_info.index = VFIO_PCI_CONFIG_REGION_INDEX;
	pci->config_region_info.size = dev->config_size;
	return 0;
}

/* ---- firmware's part ---- */

/* The next address of @size bytes, which is aligned to its size, from @next on. */
static uint64_t place(uint64_t size, uint64_t *next)
{
	uint64_t unit = 16, at;

	while (unit < size)
		unit <<= 1;
	at = ALIGN_UP(*next, unit);
	*next = at + unit;
	return at;
}

static int set_bar(struct vu_device *dev, int i, uint32_t bits, uint64_t at)
{
	uint64_t off = PCI_BASE_ADDRESS_0 + 4u * (unsigned)i;

	if (config_write32(dev, off, (uint32_t)at | (bits & 0xf)))
		return -1;
	if (bits & PCI_BASE_ADDRESS_SPACE_IO || !(bits & PCI_BASE_ADDRESS_MEM_TYPE_64))
		return 0;
	return config_write32(dev, off + 4, (uint32_t)(at >> 32));
}

int vu_bars_enable(struct vu_device *dev)
{
	const uint16_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	uint64_t low = BAR_BASE_32, high = BAR_BASE_64, io = 0x1000;
	uint32_t bits = 0;

	if (vu_config_change16(dev, PCI_COMMAND, on | PCI_COMMAND_IO, 0))
		return -1;
	for (int i = 0; i < PCI_STD_NUM_BARS; i++) {
		uint64_t size = dev->bars[i].size, *next = &low;

		/* The upper half of a 64-bit BAR is no region. */
		if (!size)
			continue;
		if (config_read32(dev, PCI_BASE_ADDRESS_0 + 4u * (unsigned)i, &bits))
			return -1;
		if (bits & PCI_BASE_ADDRESS_SPACE_IO)
			next = &io;
		else if (bits & PCI_BASE_ADDRESS_MEM_TYPE_64 && size > (BAR_END_32 - low) / 2)
			next = &high;
		if (size > INT64_MAX / 4 || set_bar(dev, i, bits, place(size, next)))
			return size > INT64_MAX / 4 ? set_errno(EPROTO) : -1;
	}
	return vu_config_change16(dev, PCI_COMMAND, 0, on);
}

/* ---- mappings ---- */

static const struct vfio_user_area *area_of(const struct vu_bar *bar, uint64_t off)
{
	for (uint32_t i = 0; i < bar->nr_areas; i++) {
		const struct vfio_user_area *area = &bar->areas[i];

		if (off >= area->offset && off - area->offset < area->size)
			return area;
	}
	return NULL;
}

static void *map_file(struct vu_device *dev, const struct vu_bar *bar, uint64_t off, size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bar->fd,
			 (off_t)(bar->offset + off));

	if (mem != MAP_FAILED)
		return bar_mapping_add(&dev->mappings, &dev->lock, mem, len) ? NULL : mem;
	log_error("%s: %zu bytes at 0x%" PRIx64 " of a region cannot be mapped: %m\n", dev->name,
		  len, off);
	return set_errno_null(ENOTSUP);
}

void *vu_bar_map(struct vu_device *dev, int index, uint64_t off, size_t *len)
{
	const struct vfio_user_area *area;
	struct vu_bar *bar;
	uint64_t first, end;
	char *mem;

	if (index < 0 || index >= PCI_STD_NUM_BARS || off >= dev->bars[index].size || !*len)
		return set_errno_null(EINVAL);
	bar = &dev->bars[index];
	area = dev->opt.mmap ? area_of(bar, off) : NULL;
	if (!area)
		return set_errno_null(ENOTSUP);

	first = ALIGN_DOWN(off, (uint64_t)__VFN_PAGESIZE); /* areas begin at a page */
	end = area->offset + area->size;
	if (*len < end - off)
		end = off + *len;
	mem = map_file(dev, bar, first, end - first);
	if (!mem)
		return NULL;
	*len = end - off;
	return mem + (off - first);
}

void vu_bar_unmap(struct vu_device *dev, void *ptr)
{
	bar_mapping_remove(&dev->mappings, &dev->lock, ptr);
}

void vu_bars_close(struct vu_device *dev)
{
	keep_errno();

	bar_mapping_clear(&dev->mappings);
	for (int i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (dev->bars[i].fd >= 0)
			close(dev->bars[i].fd);
		dev->bars[i].fd = -1;
		free(dev->bars[i].areas);
		dev->bars[i].areas = NULL;
	}
}

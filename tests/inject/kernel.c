/* SPDX-License-Identifier: MIT */
/*
 * The pretended kernel. See kernel.h.
 *
 * Descriptors are real ones, of empty files, so that numbers and their counts are the real kernel's;
 * a table says what each of them is to vfio. The lock is held for each call: the driver's threads
 * and the emulated controller's may be in here at once.
 */
#ifdef __clang__
/* The kernel's capabilities end in arrays, and what is in those follows in a structure of ours. */
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#endif

#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emu/device.h"
#include "iommu/uapi.h"
#include "support/errno.h"
#include "test.h"
#include "wrap.h"

#define SYSFS	"/sys/bus/pci/devices/" KERNEL_BDF
#define NR_FDS	16
#define NR_DMA	4096
#define IOAS_ID 7u

enum kind {
	NONE,
	CONTAINER,
	GROUP,
	DEVICE,
	NODE, /* a device that is not bound to an iommufd yet */
	IOMMUFD
};

static struct {
	pthread_mutex_t lock;
	struct emu_domain *dom;
	struct emu_ctrl *emu;
	char root[64];
	struct {
		int fd;
		enum kind kind;
	} fds[NR_FDS];
	struct {
		uint64_t iova, len;
	} dma[NR_DMA];
	unsigned int nr_dma;
	uint32_t irqs; /* MSI-X vectors that are enabled */
	uint8_t config[KERNEL_CONFIG_LEN];
} k = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Usable IOVAs: all but the interrupts' window, as on most machines. */
static const uint64_t ranges[2][2] = {{0, 0xfedfffff}, {0xfef00000, (1ull << 39) - 1}};

/* ---- descriptors ---- */

static enum kind kind_of(int fd)
{
	for (int i = 0; i < NR_FDS; i++) {
		if (k.fds[i].kind && k.fds[i].fd == fd)
			return k.fds[i].kind;
	}
	return NONE;
}

static bool is_open(enum kind kind)
{
	for (int i = 0; i < NR_FDS; i++) {
		if (k.fds[i].kind == kind)
			return true;
	}
	return false;
}

static void set_kind(int fd, enum kind kind)
{
	int slot = -1;

	for (int i = 0; i < NR_FDS; i++) {
		if (k.fds[i].kind ? k.fds[i].fd == fd : slot < 0)
			slot = i;
	}
	assert_true(slot >= 0);
	k.fds[slot].fd = fd;
	k.fds[slot].kind = kind;
}

static int new_fd(enum kind kind)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/device", k.root);
	fd = __real_open64(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	set_kind(fd, kind);
	return fd;
}

const char *kernel_path(const char *path)
{
	static _Thread_local char moved[256];

	if (!k.root[0] || (strncmp(path, "/dev/", 5) && strncmp(path, "/sys/", 5)))
		return path;
	snprintf(moved, sizeof(moved), "%s%s", k.root, path);
	return moved;
}

int kernel_opened(const char *path, int fd)
{
	static const struct {
		const char *path;
		enum kind kind;
	} nodes[] = {
		{"/dev/vfio/vfio", CONTAINER},
		{"/dev/vfio/26", GROUP},
		{"/dev/vfio/devices/vfio3", NODE},
		{"/dev/iommu", IOMMUFD},
	};

	for (size_t i = 0; fd >= 0 && i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		if (strcmp(path, nodes[i].path))
			continue;
		pthread_mutex_lock(&k.lock);
		set_kind(fd, nodes[i].kind);
		pthread_mutex_unlock(&k.lock);
	}
	return fd;
}

static void unmap_all(void)
{
	for (unsigned int i = 0; i < k.nr_dma; i++)
		emu_domain_unmap(k.dom, k.dma[i].iova, k.dma[i].len);
	k.nr_dma = 0;
}

void kernel_close(int fd)
{
	enum kind kind;

	pthread_mutex_lock(&k.lock);
	kind = kind_of(fd);
	if (kind) {
		set_kind(fd, NONE);
		if (kind == DEVICE) {
			emu_reset(k.emu);
			k.irqs = 0;
		}
		if (kind == CONTAINER || kind == IOMMUFD)
			unmap_all();
	}
	pthread_mutex_unlock(&k.lock);
}

/* ---- DMA ---- */

static int dma_map(uint64_t iova, uint64_t vaddr, uint64_t len, bool read, bool write)
{
	unsigned int prot = (read ? EMU_DMA_READ : 0) | (write ? EMU_DMA_WRITE : 0);

	for (size_t i = 0; i < 2; i++) {
		if (iova < ranges[i][0] || iova + len - 1 > ranges[i][1])
			continue;
		if (k.nr_dma == NR_DMA)
			return set_errno(ENOSPC);
		/* The structures of the kernel's interface have addresses as numbers. */
		if (emu_domain_map(k.dom, iova, (void *)(uintptr_t)vaddr, len, prot))
			return -1;
		k.dma[k.nr_dma].iova = iova;
		k.dma[k.nr_dma++].len = len;
		return 0;
	}
	return set_errno(EINVAL);
}

/* A mapping goes as a whole. */
static int dma_unmap(uint64_t iova, uint64_t len)
{
	for (unsigned int i = 0; i < k.nr_dma; i++) {
		if (k.dma[i].iova != iova || k.dma[i].len != len)
			continue;
		emu_domain_unmap(k.dom, iova, len);
		k.dma[i] = k.dma[--k.nr_dma];
		return 0;
	}
	return set_errno(ENOENT);
}

static int type1_info(struct vfio_iommu_type1_info *info)
{
	enum {
		AVAIL_AT = 24,
		RANGES_AT = 40,
		SIZE = RANGES_AT + sizeof(struct vfio_iommu_type1_info_cap_iova_range) +
		       sizeof(ranges)
	};
	uint8_t all[SIZE] __attribute__((aligned(8))) = {0};
	struct vfio_iommu_type1_info *head = (void *)all;
	struct vfio_iommu_type1_info_dma_avail *avail = (void *)(all + AVAIL_AT);
	struct vfio_iommu_type1_info_cap_iova_range *cap = (void *)(all + RANGES_AT);

	head->argsz = SIZE;
	head->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	head->iova_pgsizes = 0x40201000;
	head->cap_offset = AVAIL_AT;
	avail->header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	avail->header.next = RANGES_AT;
	avail->avail = NR_DMA - k.nr_dma;
	cap->header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	cap->nr_iovas = 2;
	memcpy(cap->iova_ranges, ranges, sizeof(ranges));
	memcpy(info, all, info->argsz < SIZE ? sizeof(*info) : SIZE);
	return 0;
}

static int container_ioctl(unsigned long nr, void *arg)
{
	const struct vfio_iommu_type1_dma_map *map = arg;
	const struct vfio_iommu_type1_dma_unmap *unmap = arg;

	switch (nr) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)arg == VFIO_TYPE1v2_IOMMU;
	case VFIO_SET_IOMMU:
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return type1_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		return dma_map(map->iova, map->vaddr, map->size,
			       map->flags & VFIO_DMA_MAP_FLAG_READ,
			       map->flags & VFIO_DMA_MAP_FLAG_WRITE);
	case VFIO_IOMMU_UNMAP_DMA:
		return dma_unmap(unmap->iova, unmap->size);
	default:
		return set_errno(ENOTTY);
	}
}

static int group_ioctl(unsigned long nr, void *arg)
{
	switch (nr) {
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags = VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return kind_of(*(const int *)arg) == CONTAINER ? 0 : set_errno(EBADF);
	case VFIO_GROUP_UNSET_CONTAINER:
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		return strcmp(arg, KERNEL_BDF) ? set_errno(ENODEV) : new_fd(DEVICE);
	default:
		return set_errno(ENOTTY);
	}
}

static int iova_ranges(struct uapi_iommu_ioas_iova_ranges *get)
{
	bool room = get->num_iovas >= 2;

	get->num_iovas = 2;
	get->out_iova_alignment = 4096;
	if (room)
		memcpy((void *)(uintptr_t)get->allowed_iovas, ranges, sizeof(ranges));
	return room ? 0 : set_errno(EMSGSIZE);
}

static int iommufd_ioctl(unsigned long nr, void *arg)
{
	const struct uapi_iommu_ioas_map *map = arg;
	const struct uapi_iommu_ioas_unmap *unmap = arg;

	switch (nr) {
	case UAPI_IOMMU_IOAS_ALLOC:
		((struct uapi_iommu_ioas_alloc *)arg)->out_ioas_id = IOAS_ID;
		return 0;
	case UAPI_IOMMU_IOAS_IOVA_RANGES:
		return iova_ranges(arg);
	case UAPI_IOMMU_IOAS_MAP:
		return dma_map(map->iova, map->user_va, map->length,
			       map->flags & UAPI_IOMMU_IOAS_MAP_READABLE,
			       map->flags & UAPI_IOMMU_IOAS_MAP_WRITEABLE);
	case UAPI_IOMMU_IOAS_UNMAP:
		return dma_unmap(unmap->iova, unmap->length);
	default:
		return set_errno(ENOTTY);
	}
}

/* ---- the device ---- */

static int irq_info(struct vfio_irq_info *info)
{
	if (info->index == VFIO_PCI_MSIX_IRQ_INDEX || info->index == VFIO_PCI_MSI_IRQ_INDEX)
		info->count = (uint32_t)emu_nr_irqs(k.emu);
	else if (info->index == VFIO_PCI_ERR_IRQ_INDEX || info->index == VFIO_PCI_REQ_IRQ_INDEX)
		info->count = 1;
	else
		return set_errno(EINVAL);
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	return 0;
}

static int set_irqs(const struct vfio_irq_set *set)
{
	uint32_t end = set->start + set->count;
	int fds[64];

	if (set->index != VFIO_PCI_MSIX_IRQ_INDEX && set->index != VFIO_PCI_MSI_IRQ_INDEX)
		return set->count == 1 ? 0 : set_errno(EINVAL);
	if (set->flags & VFIO_IRQ_SET_DATA_NONE) {
		for (uint32_t i = 0; i < k.irqs; i++)
			assert_int_equal(emu_set_irq(k.emu, (int)i, -1), 0);
		k.irqs = 0;
		return 0;
	}
	/* What is enabled does not grow. */
	if (set->count > 64 || end > (k.irqs ? k.irqs : (uint32_t)emu_nr_irqs(k.emu)))
		return set_errno(EINVAL);
	memcpy(fds, set->data, set->count * sizeof(int));
	for (uint32_t i = 0; i < set->count; i++)
		assert_int_equal(emu_set_irq(k.emu, (int)(set->start + i), fds[i]), 0);
	if (!k.irqs)
		k.irqs = end;
	return 0;
}

static int device_ioctl(unsigned long nr, void *arg)
{
	struct vfio_device_info *info = arg;

	switch (nr) {
	case VFIO_DEVICE_GET_INFO:
		info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
		info->num_regions = VFIO_PCI_NUM_REGIONS;
		info->num_irqs = VFIO_PCI_NUM_IRQS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return kernel_region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_DEVICE_RESET:
		emu_reset(k.emu);
		return 0;
	case UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return ((struct uapi_vfio_device_attach_iommufd_pt *)arg)->pt_id == IOAS_ID
			       ? 0
			       : set_errno(ENOENT);
	default:
		return set_errno(ENOTTY);
	}
}

static int node_ioctl(int fd, unsigned long nr, const void *arg)
{
	const struct uapi_vfio_device_bind_iommufd *bind = arg;

	if (nr != UAPI_VFIO_DEVICE_BIND_IOMMUFD || kind_of(bind->iommufd) != IOMMUFD ||
	    is_open(DEVICE))
		return set_errno(EINVAL);
	set_kind(fd, DEVICE);
	return 0;
}

bool kernel_ioctl(int fd, unsigned long nr, void *arg, int *ret)
{
	enum kind kind;

	pthread_mutex_lock(&k.lock);
	kind = kind_of(fd);
	if (kind == CONTAINER)
		*ret = container_ioctl(nr, arg);
	else if (kind == GROUP)
		*ret = group_ioctl(nr, arg);
	else if (kind == IOMMUFD)
		*ret = iommufd_ioctl(nr, arg);
	else if (kind == DEVICE)
		*ret = device_ioctl(nr, arg);
	else if (kind == NODE)
		*ret = node_ioctl(fd, nr, arg);
	pthread_mutex_unlock(&k.lock);
	return kind != NONE;
}

static bool ours(int fd, enum kind kind)
{
	bool is;

	pthread_mutex_lock(&k.lock);
	is = kind_of(fd) == kind;
	pthread_mutex_unlock(&k.lock);
	return is;
}

bool kernel_pread(int fd, void *buf, size_t len, off_t off, ssize_t *ret)
{
	uint64_t at = (uint64_t)off & (KERNEL_REGION(1) - 1);

	if (!ours(fd, DEVICE))
		return false;
	*ret = (ssize_t)len;
	if ((uint64_t)off >= KERNEL_REGION(VFIO_PCI_CONFIG_REGION_INDEX)) {
		assert_true(at + len <= KERNEL_CONFIG_LEN);
		memcpy(buf, k.config + at, len);
	} else {
		uint64_t val = emu_reg_read(k.emu, (uint32_t)at, (unsigned int)len);

		memcpy(buf, &val, len); /* little-endian hosts have one byte order less to mix up */
	}
	return true;
}

bool kernel_pwrite(int fd, const void *buf, size_t len, off_t off, ssize_t *ret)
{
	uint64_t at = (uint64_t)off & (KERNEL_REGION(1) - 1), val = 0;

	if (!ours(fd, DEVICE))
		return false;
	*ret = (ssize_t)len;
	if ((uint64_t)off >= KERNEL_REGION(VFIO_PCI_CONFIG_REGION_INDEX)) {
		assert_true(at + len <= KERNEL_CONFIG_LEN);
		memcpy(k.config + at, buf, len);
	} else {
		memcpy(&val, buf, len);
		emu_reg_write(k.emu, (uint32_t)at, (unsigned int)len, val);
	}
	return true;
}

bool kernel_mmap(size_t len, int fd, off_t off, void **mem)
{
	size_t room = 0, at = (size_t)((uint64_t)off & (KERNEL_REGION(1) - 1));
	char *bar;

	if (fd < 0 || !ours(fd, DEVICE))
		return false;
	bar = emu_bar(k.emu, (int)((uint64_t)off >> 40), &room);
	assert_true(bar && at + len <= room &&
		    ((uint64_t)off >= KERNEL_REGION(1) || at >= KERNEL_DOORBELLS));
	*mem = bar + at;
	return true;
}

bool kernel_munmap(void *mem)
{
	for (int bar = EMU_BAR_REGS; k.emu && bar <= EMU_BAR_CMB; bar += EMU_BAR_CMB) {
		size_t len = 0;
		char *first = emu_bar(k.emu, bar, &len);

		if (first && (char *)mem >= first && (char *)mem < first + len)
			return true;
	}
	return false;
}

/* ---- life ---- */

static void make(const char *path)
{
	char command[512];

	snprintf(command, sizeof(command), "cd %s && %s", k.root, path);
	assert_int_equal(system(command), 0);
}

void kernel_start(const char *opts, bool iommufd)
{
	static const uint8_t head[] = {0x36, 0x1b, 0x10, 0, 0, 0, 0x10, 0, 2, 2, 8, 1};

	memset(k.config, 0, sizeof(k.config));
	memcpy(k.config, head, sizeof(head));
	kernel_set_bar2(&(struct kernel_bar2){0});

	snprintf(k.root, sizeof(k.root), "/tmp/belfry-kernel-XXXXXX");
	assert_non_null(mkdtemp(k.root));
	make("mkdir -p dev/vfio sys/bus/pci/drivers/vfio-pci sys/kernel/iommu_groups/26 ." SYSFS
	     " && touch dev/vfio/vfio dev/vfio/26 && cd ." SYSFS " && "
	     "ln -s ../../../../bus/pci/drivers/vfio-pci driver && "
	     "ln -s ../../../../kernel/iommu_groups/26 iommu_group && "
	     "echo 0x1b36 >vendor && echo 0x0010 >device");
	if (iommufd)
		make("mkdir -p dev/vfio/devices ." SYSFS "/vfio-dev/vfio3 && "
		     "touch dev/iommu dev/vfio/devices/vfio3");

	k.dom = emu_domain_create();
	assert_non_null(k.dom);
	k.emu = emu_ctrl_create(opts, k.dom);
	assert_non_null(k.emu);
}

void kernel_stop(void)
{
	assert_int_equal(kernel_held(), 0);
	make("rm -rf dev sys device && cd / && rmdir \"$OLDPWD\"");
	k.root[0] = '\0';
	emu_ctrl_destroy(k.emu);
	k.emu = NULL;
	emu_domain_put(k.dom);
	k.dom = NULL;
}

struct emu_ctrl *kernel_emu(void)
{
	return k.emu;
}

uint8_t *kernel_config(void)
{
	return k.config;
}

unsigned long kernel_held(void)
{
	unsigned long held;

	pthread_mutex_lock(&k.lock);
	held = k.nr_dma;
	for (int i = 0; i < NR_FDS; i++)
		held += k.fds[i].kind != NONE;
	pthread_mutex_unlock(&k.lock);
	return held;
}

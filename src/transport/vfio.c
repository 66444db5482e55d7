/* SPDX-License-Identifier: MIT */
/*
 * The way to a PCI function of this machine, through the kernel's vfio-pci. Registers and doorbells
 * are plain loads and stores; the kernel is asked only to open, to map, and for interrupts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <belfry/pci.h>
#include <belfry/support/endian.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>
#include <belfry/support/mmio.h>

#include "iommu/ctx.h"
#include "iommu/group.h"
#include "pci/sysfs.h"
#include "support/errno.h"
#include "transport/vfio.h"

#define REGISTERS_BAR 0

/* Doorbells follow the registers. */
#define DOORBELLS_OFFSET 0x1000u

static struct vfio_transport *to_vfio(struct transport *tp)
{
	return (struct vfio_transport *)tp;
}

/*
 * Functions that this process has open. Through a group the kernel would open one twice, and two
 * drivers of one controller are the end of it.
 */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vfio_transport *open_list; /* guarded by open_lock */

static int enlist(struct vfio_transport *vt)
{
	struct vfio_transport *other;

	pthread_mutex_lock(&open_lock);
	for (other = open_list; other && strcmp(other->name, vt->name); other = other->next)
		;
	if (!other) {
		vt->next = open_list;
		open_list = vt;
	}
	pthread_mutex_unlock(&open_lock);
	if (!other)
		return 0;
	log_error("%s: this process has it open already\n", vt->name);
	return set_errno(EBUSY);
}

static void delist(struct vfio_transport *vt)
{
	struct vfio_transport **link = &open_list;

	pthread_mutex_lock(&open_lock);
	while (*link && *link != vt)
		link = &(*link)->next;
	if (*link)
		*link = vt->next;
	pthread_mutex_unlock(&open_lock);
}

static void destroy(struct vfio_transport *vt)
{
	keep_errno();

	delist(vt);
	pthread_mutex_destroy(&vt->lock);
	free(vt->group);
	free(vt->name);
	free(vt);
}

/* A function that is reached, but neither configured nor able to do anything. */
static struct vfio_transport *create(const char *name, struct iommu_ctx *ctx)
{
	struct vfio_transport *vt = calloc(1, sizeof(*vt));

	if (!vt)
		return NULL;
	pthread_mutex_init(&vt->lock, NULL);
	vt->tp.ops = &transport_vfio_ops;
	vt->err_fd = vt->req_fd = -1;
	vt->name = strdup(name);
	if (vt->name && !enlist(vt) && !vfio_reach(vt, ctx))
		return vt;
	destroy(vt);
	return NULL;
}

/* Unless its group is in an address space, the way to one is through the device, which goes again. */
static struct iommu_ctx *vfio_get_ctx(const char *name)
{
	__autofree char *group = pci_get_iommu_group(name);
	struct iommu_ctx *ctx = iommu_group_ctx(group);
	struct vfio_transport *vt;

	if (ctx)
		return ctx;
	vt = create(name, NULL);
	if (!vt)
		return NULL;
	ctx = iommu_ctx_get(vt->tp.ctx);
	vfio_leave(vt);
	destroy(vt);
	return ctx;
}

static int read_ids(struct vfio_transport *vt, struct vfio_pci_device *pci)
{
	struct {
		leint16_t vid, did, command, status;
		uint8_t revision, class[3];
	} head;

	_Static_assert(sizeof(head) == 12, "configuration space");
	if (vfio_config_read(vt, &head, sizeof(head), 0))
		return -1;
	vt->tp.vid = le16_to_cpu(head.vid);
	vt->tp.did = le16_to_cpu(head.did);
	pci->classcode =
		(unsigned)head.class[2] << 16 | (unsigned)head.class[1] << 8 | head.class[0];
	return 0;
}

static int set_up(struct vfio_transport *vt, struct vfio_pci_device *pci)
{
	struct vfio_device_info *info = &pci->dev.device_info;

	info->argsz = sizeof(*info);
	if (ioctl(vt->fd, VFIO_DEVICE_GET_INFO, info))
		return -1;
	if (!(info->flags & VFIO_DEVICE_FLAGS_PCI)) {
		log_error("%s: no PCI function to vfio\n", vt->name);
		return set_errno(EINVAL);
	}
	if (vfio_bars_init(vt) || read_ids(vt, pci) || vfio_irqs_init(vt))
		return -1;

	pci->dev.fd = vt->fd;
	pci->dev.irq_info = vt->irqs.info;
	pci->config_region_info = vt->config;
	for (int i = 0; i < PCI_STD_NUM_BARS; i++)
		pci->bar_region_info[i] = vt->bars[i].info;
	return vfio_command(vt, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void vfio_close(struct transport *tp)
{
	struct vfio_transport *vt = to_vfio(tp);

	/* No DMA from here on; a device that is gone does none either. */
	(void)vfio_command(vt, PCI_COMMAND_MASTER, 0);
	vfio_irqs_close(vt);
	vfio_bars_close(vt);
	vfio_leave(vt);
	destroy(vt);
}

static struct transport *vfio_open(const char *name, struct iommu_ctx *ctx,
				   struct vfio_pci_device *pci)
{
	struct vfio_transport *vt = create(name, ctx);

	if (!vt)
		return NULL;
	if (!set_up(vt, pci))
		return &vt->tp;
	{
		keep_errno();

		log_error("%s: cannot be set up: %m\n", name);
		vfio_close(&vt->tp);
	}
	return NULL;
}

/* ---- registers ---- */

/* After an error of the bus they read as 0 as well as all-ones, and neither is true. */
static int check(struct vfio_transport *vt, unsigned int width)
{
	if (vfio_broken(vt))
		return set_errno(ENODEV);
	return width == 4 || width == 8 ? 0 : set_errno(EINVAL);
}

static int reg_read(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val)
{
	struct vfio_transport *vt = to_vfio(tp);
	leint64_t wire = cpu_to_le64(0);

	if (check(vt, width))
		return -1;
	if (off + width <= vt->regs_len) {
		*val = width == 4 ? le32_to_cpu(mmio_read32(vt->regs + off))
				  : le64_to_cpu(mmio_lh_read64(vt->regs + off));
		return 0;
	}
	if (off + width > vt->bars[REGISTERS_BAR].info.size)
		return set_errno(EINVAL);
	if (pread(vt->fd, &wire, width, (off_t)(vt->bars[REGISTERS_BAR].info.offset + off)) !=
	    (ssize_t)width)
		return set_errno(ENODEV);
	*val = le64_to_cpu(wire);
	return 0;
}

static int reg_write(struct transport *tp, uint32_t off, unsigned int width, uint64_t val)
{
	struct vfio_transport *vt = to_vfio(tp);
	leint64_t wire = cpu_to_le64(val);

	if (check(vt, width))
		return -1;
	if (off + width <= vt->regs_len) {
		/* Where it matters, a register takes effect when its lower half is written. */
		if (width == 4)
			mmio_write32(vt->regs + off, cpu_to_le32((uint32_t)val));
		else
			mmio_hl_write64(vt->regs + off, cpu_to_le64(val));
		return 0;
	}
	if (off + width > vt->bars[REGISTERS_BAR].info.size)
		return set_errno(EINVAL);
	if (pwrite(vt->fd, &wire, width, (off_t)(vt->bars[REGISTERS_BAR].info.offset + off)) !=
	    (ssize_t)width)
		return set_errno(ENODEV);
	return 0;
}

static void *map_bar(struct transport *tp, int bar, uint64_t off, size_t *len)
{
	return vfio_bar_map(to_vfio(tp), bar, off, len);
}

static void unmap_bar(struct transport *tp, int bar, void *ptr, size_t len)
{
	(void)bar;
	(void)len;
	vfio_bar_unmap(to_vfio(tp), ptr);
}

static void *doorbells(struct transport *tp, size_t *len)
{
	struct vfio_transport *vt = to_vfio(tp);
	uint64_t size = vt->bars[REGISTERS_BAR].info.size;

	if (size <= DOORBELLS_OFFSET) {
		log_error("%s: BAR 0 has no doorbells, its size is %llu\n", vt->name,
			  (unsigned long long)size);
		return set_errno_null(EINVAL);
	}
	*len = vfio_bar_before_table(vt, REGISTERS_BAR, DOORBELLS_OFFSET, size - DOORBELLS_OFFSET);
	return vfio_bar_map(vt, REGISTERS_BAR, DOORBELLS_OFFSET, len);
}

/* ---- the rest ---- */

static int set_irqs(struct transport *tp, int start, int count, const int *fds)
{
	return vfio_irqs_set(to_vfio(tp), start, count, fds);
}

static int rearm_irqs(struct transport *tp, int start, int count)
{
	(void)start; /* what has to be rearmed has one vector */
	(void)count;
	return vfio_irqs_rearm(to_vfio(tp));
}

static int grant_irqs(struct transport *tp, int count)
{
	return vfio_irqs_grant(to_vfio(tp), count);
}

static int reset(struct transport *tp)
{
	struct vfio_transport *vt = to_vfio(tp);
	struct vfio_device_info info = {.argsz = sizeof(info)};

	if (ioctl(vt->fd, VFIO_DEVICE_GET_INFO, &info))
		return set_errno(ENODEV);
	if (!(info.flags & VFIO_DEVICE_FLAGS_RESET))
		return set_errno(ENOTSUP);
	if (ioctl(vt->fd, VFIO_DEVICE_RESET))
		return -1;
	return vfio_command(vt, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static bool gone(struct transport *tp)
{
	return vfio_gone(to_vfio(tp));
}

const struct transport_ops transport_vfio_ops = {
	.form = "DDDD:BB:DD.F (a PCI address)",
	.match = pci_is_bdf,
	.get_ctx = vfio_get_ctx,
	.open = vfio_open,
	.close = vfio_close,
	.reg_read = reg_read,
	.reg_write = reg_write,
	.map_bar = map_bar,
	.unmap_bar = unmap_bar,
	.doorbells = doorbells,
	.set_irqs = set_irqs,
	.rearm_irqs = rearm_irqs,
	.grant_irqs = grant_irqs,
	.reset = reset,
	.gone = gone,
};

struct vfio_transport *vfio_of(const struct vfio_device *dev)
{
	struct transport *tp = dev->transport;

	if (!tp)
		return set_errno_null(ENODEV);
	return tp->ops == &transport_vfio_ops ? to_vfio(tp) : set_errno_null(ENOTSUP);
}

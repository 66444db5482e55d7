/* SPDX-License-Identifier: MIT */
/*
 * iommufd. An address space goes on without devices, so devices come and go as they like; only the
 * functions of one group have to be in the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/support/log.h>
#include <belfry/support/mem.h>
#include <belfry/support/trace.h>

#include "iommu/group.h"
#include "iommu/host.h"
#include "iommu/iommufd.h"
#include "iommu/uapi.h"
#include "support/errno.h"

/* More than any kernel has to say; it is the kernel that fills them in. */
#define RANGES_MAX 4096

_Static_assert(sizeof(struct uapi_iommu_iova_range) == sizeof(struct iommu_iova_range), "uapi");

static pthread_mutex_t fd_lock = PTHREAD_MUTEX_INITIALIZER;
static int the_fd = -1;	     /* guarded by fd_lock */
static unsigned int fd_refs; /* likewise */

int iommufd_get(void)
{
	int fd;

	pthread_mutex_lock(&fd_lock);
	if (!fd_refs)
		the_fd = open(IOMMUFD_NODE, O_RDWR | O_CLOEXEC);
	fd = the_fd;
	fd_refs += fd >= 0;
	pthread_mutex_unlock(&fd_lock);
	return fd < 0 ? iommu_explain_open(IOMMUFD_NODE) : fd;
}

void iommufd_put(void)
{
	keep_errno();

	pthread_mutex_lock(&fd_lock);
	if (!--fd_refs)
		close(the_fd);
	pthread_mutex_unlock(&fd_lock);
}

void iommufd_destroy(int fd, uint32_t id)
{
	struct uapi_iommu_destroy destroy = {.size = sizeof(destroy), .id = id};
	keep_errno();

	if (ioctl(fd, UAPI_IOMMU_DESTROY, &destroy))
		log_info("iommufd: object %u stays: %m\n", id);
}

static int iommufd_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		       unsigned long flags)
{
	struct iommufd *iommufd = (struct iommufd *)ctx;
	struct uapi_iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = UAPI_IOMMU_IOAS_MAP_FIXED_IOVA | UAPI_IOMMU_IOAS_MAP_READABLE |
			 UAPI_IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = iommufd->ioas,
		.user_va = (uintptr_t)vaddr,
		.length = len,
		.iova = iova,
	};

	if (flags & IOMMU_MAP_NOREAD)
		map.flags &= ~UAPI_IOMMU_IOAS_MAP_READABLE;
	if (flags & IOMMU_MAP_NOWRITE)
		map.flags &= ~UAPI_IOMMU_IOAS_MAP_WRITEABLE;
	__trace_probe3(iommufd_ioas_map_dma, vaddr, len, iova);
	trace_guard(IOMMUFD_IOAS_MAP_DMA)
	{
		trace_emit("vaddr %p len %zu iova 0x%llx flags 0x%x\n", vaddr, len,
			   (unsigned long long)iova, map.flags);
	}
	return ioctl(iommufd->fd, UAPI_IOMMU_IOAS_MAP, &map) ? iommu_explain_map(ctx, len) : 0;
}

static int iommufd_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	struct iommufd *iommufd = (struct iommufd *)ctx;
	struct uapi_iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = iommufd->ioas,
		.iova = iova,
		.length = len,
	};

	__trace_probe2(iommufd_ioas_unmap_dma, iova, len);
	trace_guard(IOMMUFD_IOAS_UNMAP_DMA)
	{
		trace_emit("iova 0x%llx len %zu\n", (unsigned long long)iova, len);
	}
	return ioctl(iommufd->fd, UAPI_IOMMU_IOAS_UNMAP, &unmap) ? -1 : 0;
}

static void free_objects(struct iommufd_object *object)
{
	while (object) {
		struct iommufd_object *next = object->next;

		free(object);
		object = next;
	}
}

static void iommufd_close(struct iommu_ctx *ctx)
{
	struct iommufd *iommufd = (struct iommufd *)ctx;

	iommu_groups_end(ctx, NULL);
	free_objects(iommufd->devices);
	for (struct iommufd_object *hwpt = iommufd->hwpts; hwpt; hwpt = hwpt->next)
		iommufd_destroy(iommufd->fd, hwpt->id);
	free_objects(iommufd->hwpts);
	iommufd_destroy(iommufd->fd, iommufd->ioas);
	iommufd_put();
	free(iommufd);
}

static const struct iommu_backend_ops iommufd_ops = {
	.name = "iommufd",
	.iommufd = true,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.close = iommufd_close,
};

struct iommufd *iommufd_of(struct iommu_ctx *ctx)
{
	return ctx->ops == &iommufd_ops ? (struct iommufd *)ctx : NULL;
}

/* Usable IOVAs of an IOAS, to be freed. Their number, or -1. */
static int get_ranges(int fd, uint32_t ioas, struct iommu_iova_range **ranges)
{
	struct uapi_iommu_ioas_iova_ranges get = {.size = sizeof(get), .ioas_id = ioas};

	/* Asked with room for none, it says how many there are. */
	if (ioctl(fd, UAPI_IOMMU_IOAS_IOVA_RANGES, &get) && errno != EMSGSIZE)
		return -1;
	if (!get.num_iovas || get.num_iovas > RANGES_MAX)
		return set_errno(EPROTO);

	*ranges = calloc(get.num_iovas, sizeof(**ranges));
	if (!*ranges)
		return -1;
	get.allowed_iovas = (uintptr_t)*ranges;
	if (!ioctl(fd, UAPI_IOMMU_IOAS_IOVA_RANGES, &get) && get.num_iovas <= RANGES_MAX)
		return (int)get.num_iovas;
	{
		keep_errno();

		free(*ranges);
	}
	*ranges = NULL;
	return -1;
}

/* What the kernel calls the device from now on, in *@id. */
static int bind_device(const struct iommufd_device *dev, int iommufd, uint32_t *id)
{
	struct uapi_vfio_device_bind_iommufd bind = {
		.argsz = dev->token ? sizeof(bind) : UAPI_VFIO_DEVICE_BIND_IOMMUFD_MINSZ,
		.flags = dev->token ? UAPI_VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
		.iommufd = iommufd,
		.token_uuid_ptr = (uintptr_t)dev->token,
	};
	int ret = ioctl(dev->fd, UAPI_VFIO_DEVICE_BIND_IOMMUFD, &bind);

	/* Kernels before 6.18 know of no token here, and do not ask for one. */
	if (ret && dev->token && errno == EINVAL) {
		bind.argsz = UAPI_VFIO_DEVICE_BIND_IOMMUFD_MINSZ;
		bind.flags = 0;
		ret = ioctl(dev->fd, UAPI_VFIO_DEVICE_BIND_IOMMUFD, &bind);
	}
	*id = bind.out_devid;
	if (!ret)
		return 0;
	/* That is how the kernel says that somebody has bound it already. */
	if (errno == EINVAL)
		errno = EBUSY;
	log_error("%s: cannot be bound to an iommufd: %m\n", dev->name);
	return -1;
}

/* Where another device had the descriptor before, it is closed. */
static int note_device(struct iommufd *iommufd, int fd, uint32_t id)
{
	struct iommufd_object *device = iommufd->devices;

	while (device && device->fd != fd)
		device = device->next;
	if (!device) {
		device = calloc(1, sizeof(*device));
		if (!device)
			return -1;
		device->fd = fd;
		device->next = iommufd->devices;
		iommufd->devices = device;
	}
	device->id = id;
	return 0;
}

int iommufd_attach(int devfd, uint32_t id)
{
	struct uapi_vfio_device_attach_iommufd_pt pt = {.argsz = sizeof(pt), .pt_id = id};

	return ioctl(devfd, UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt) ? -1 : 0;
}

static int attach(const struct iommufd_device *dev, struct iommufd *iommufd)
{
	uint32_t id;

	if (bind_device(dev, iommufd->fd, &id) || note_device(iommufd, dev->fd, id))
		return -1;
	if (!iommufd_attach(dev->fd, iommufd->ioas))
		return 0;
	log_error("%s: cannot be attached to an address space: %m\n", dev->name);
	return -1;
}

static void detach(const struct iommufd_device *dev)
{
	struct uapi_vfio_device_detach_iommufd_pt pt = {.argsz = sizeof(pt)};
	keep_errno();

	(void)ioctl(dev->fd, UAPI_VFIO_DEVICE_DETACH_IOMMUFD_PT, &pt);
}

/* A new address space with the device in it, which has one reference. */
static struct iommu_ctx *create(const struct iommufd_device *dev)
{
	struct uapi_iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	__autofree struct iommu_iova_range *ranges = NULL;
	struct iommufd *iommufd = calloc(1, sizeof(*iommufd));
	int nr_ranges;

	if (!iommufd)
		return NULL;
	iommufd->fd = iommufd_get();
	if (iommufd->fd < 0)
		goto free_iommufd;
	if (ioctl(iommufd->fd, UAPI_IOMMU_IOAS_ALLOC, &alloc))
		goto put_fd;
	iommufd->ioas = alloc.out_ioas_id;

	/* Which IOVAs can be used is known when the device is there. */
	if (attach(dev, iommufd))
		goto destroy_ioas;
	nr_ranges = get_ranges(iommufd->fd, iommufd->ioas, &ranges);
	if (nr_ranges > 0 && !iommu_ctx_init(&iommufd->ctx, &iommufd_ops, ranges, nr_ranges))
		return &iommufd->ctx;

	detach(dev);
destroy_ioas:
	iommufd_destroy(iommufd->fd, iommufd->ioas);
put_fd:
	iommufd_put();
free_iommufd:
	free_objects(iommufd->devices);
	free(iommufd);
	return NULL;
}

/* Attach one more device. When that fails it is its descriptor's end that detaches it. */
static struct iommu_ctx *extend(struct iommu_ctx *ctx, const struct iommufd_device *dev)
{
	struct iommufd *iommufd = (struct iommufd *)ctx;
	__autofree struct iommu_iova_range *ranges = NULL;
	int nr_ranges, ret = -1;

	if (attach(dev, iommufd))
		return NULL;

	pthread_mutex_lock(&ctx->lock);
	nr_ranges = get_ranges(iommufd->fd, iommufd->ioas, &ranges);
	if (nr_ranges > 0)
		ret = iommu_ranges_cover(ctx, ranges, nr_ranges, dev->name);
	pthread_mutex_unlock(&ctx->lock);
	return ret ? NULL : iommu_ctx_get(ctx);
}

static struct iommu_ctx *join_new_locked(const struct iommufd_device *dev, struct iommu_ctx *ctx)
{
	struct iommu_group *group = iommu_group_add_locked(dev->group, -1, NULL);

	if (!group)
		return NULL;
	group->ctx = ctx ? extend(ctx, dev) : create(dev);
	if (group->ctx)
		return group->ctx;
	iommu_group_drop_locked(group);
	return NULL;
}

struct iommu_ctx *iommu_iommufd_join(const struct iommufd_device *dev, struct iommu_ctx *ctx)
{
	struct iommu_ctx *in, *ret = NULL;
	struct iommu_group *group;

	if (ctx && ctx->ops != &iommufd_ops) {
		log_error("%s: the address space given is '%s', not of an iommufd\n", dev->name,
			  ctx->ops->name);
		return set_errno_null(EINVAL);
	}

	iommu_groups_lock();
	group = iommu_group_find_locked(dev->group, &in);
	if (group && in->ops != &iommufd_ops && !ctx) {
		log_error("%s: its group is in a VFIO container\n", dev->name);
		errno = EBUSY;
	} else if (group && group->users && ctx && ctx != in) {
		log_error("%s: its group is in another address space, with a device that is open\n",
			  dev->name);
		errno = EBUSY;
	} else if (group && (!ctx || ctx == in)) {
		ret = extend(in, dev);
		group->users += ret != NULL;
	} else {
		if (group)
			iommu_group_drop_locked(group);
		ret = join_new_locked(dev, ctx);
	}
	iommu_groups_unlock();

	iommu_ctx_put(in);
	return ret;
}

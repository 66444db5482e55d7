/* SPDX-License-Identifier: MIT */
/*
 * VFIO containers. The container's IOMMU exists only while a group is in it, and its mappings go
 * when the last group leaves: so the first group stays until the address space ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <belfry/support/log.h>
#include <belfry/support/trace.h>

#include "iommu/group.h"
#include "iommu/host.h"
#include "iommu/noiommu.h"
#include "iommu/type1.h"
#include "support/errno.h"

#define CONTAINER "/dev/vfio/vfio"

/* More than any kernel has to say; it is the kernel that fills it in. */
#define INFO_MAX (1u << 20)

struct type1 {
	struct iommu_ctx ctx;
	int fd;
};

static int type1_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		     unsigned long flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)vaddr,
		.iova = (uint64_t)iova,
		.size = len,
	};

	if (flags & IOMMU_MAP_NOREAD)
		map.flags &= ~VFIO_DMA_MAP_FLAG_READ;
	if (flags & IOMMU_MAP_NOWRITE)
		map.flags &= ~VFIO_DMA_MAP_FLAG_WRITE;
	__trace_probe3(vfio_iommu_type1_map_dma, vaddr, len, iova);
	trace_guard(VFIO_IOMMU_TYPE1_MAP_DMA)
	{
		trace_emit("vaddr %p len %zu iova 0x%llx flags 0x%x\n", vaddr, len,
			   (unsigned long long)iova, map.flags);
	}
	if (ioctl(((struct type1 *)ctx)->fd, VFIO_IOMMU_MAP_DMA, &map))
		return iommu_explain_map(ctx, len);
	return 0;
}

static int type1_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = (uint64_t)iova,
		.size = len,
	};

	__trace_probe2(vfio_iommu_type1_unmap_dma, iova, len);
	trace_guard(VFIO_IOMMU_TYPE1_UNMAP_DMA)
	{
		trace_emit("iova 0x%llx len %zu\n", (unsigned long long)iova, len);
	}
	return ioctl(((struct type1 *)ctx)->fd, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -1 : 0;
}

static void close_container(struct iommu_ctx *ctx)
{
	close(((struct type1 *)ctx)->fd);
}

static void type1_close(struct iommu_ctx *ctx)
{
	iommu_groups_end(ctx, close_container);
	free(ctx);
}

static const struct iommu_backend_ops type1_ops = {
	.name = "vfio type1",
	.map = type1_map,
	.unmap = type1_unmap,
	.close = type1_close,
};

/* Without an IOMMU the kernel maps nothing, and has nothing to say of addresses. */
static int noiommu_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		       unsigned long flags)
{
	(void)ctx;
	(void)vaddr;
	(void)len;
	(void)iova;
	(void)flags;
	return 0;
}

static int noiommu_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	(void)ctx;
	(void)iova;
	(void)len;
	return 0;
}

static const struct iommu_backend_ops noiommu_ops = {
	.name = "vfio noiommu",
	.granule = NOIOMMU_PIECE,
	.alloc = noiommu_alloc,
	.place = noiommu_place,
	.map = noiommu_map,
	.unmap = noiommu_unmap,
	.close = type1_close,
};

static bool is_container(const struct iommu_ctx *ctx)
{
	return ctx->ops == &type1_ops || ctx->ops == &noiommu_ops;
}

/* All that the container says of its IOMMU, to be freed. */
static struct vfio_iommu_type1_info *get_info(int container)
{
	struct vfio_iommu_type1_info *info, head = {.argsz = sizeof(head)};

	if (ioctl(container, VFIO_IOMMU_GET_INFO, &head))
		return NULL;
	if (head.argsz < sizeof(head) || head.argsz > INFO_MAX)
		return set_errno_null(EPROTO);

	info = calloc(1, head.argsz);
	if (!info)
		return NULL;
	info->argsz = head.argsz;
	if (!ioctl(container, VFIO_IOMMU_GET_INFO, info)) {
		if (info->argsz > head.argsz) /* grew in between: what there is, is enough */
			info->argsz = head.argsz;
		return info;
	}
	{
		keep_errno();

		free(info);
	}
	return NULL;
}

/* A capability of the chain, @size bytes of it in reach, or NULL. */
static const void *find_cap(const struct vfio_iommu_type1_info *info, uint16_t id, size_t size)
{
	uint32_t off = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
	const char *base = (const char *)info;

	/* Offsets ascend, so that a chain which does not is the end. */
	while (off >= sizeof(*info) && off <= info->argsz - sizeof(struct vfio_info_cap_header)) {
		const struct vfio_info_cap_header *cap = (const void *)(base + off);

		if (cap->id == id)
			return size <= info->argsz - off ? cap : NULL;
		if (cap->next <= off)
			break;
		off = cap->next;
	}
	return NULL;
}

static int parse_ranges(const struct vfio_iommu_type1_info *info, struct iommu_iova_range **ranges,
			int *nr)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;

	cap = find_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, sizeof(*cap));
	if (!cap || !cap->nr_iovas)
		return 0;
	if (cap->nr_iovas > (info->argsz - sizeof(*cap)) / sizeof(cap->iova_ranges[0]))
		return set_errno(EPROTO);

	*ranges = calloc(cap->nr_iovas, sizeof(**ranges));
	if (!*ranges)
		return -1;
	for (uint32_t i = 0; i < cap->nr_iovas; i++) {
		(*ranges)[i].start = (iova_t)cap->iova_ranges[i].start;
		(*ranges)[i].last = (iova_t)cap->iova_ranges[i].end;
	}
	*nr = (int)cap->nr_iovas;
	return 0;
}

/* Usable IOVAs, to be freed; *nr 0 when the kernel does not say. -1 on error. */
static int get_ranges(int container, bool noiommu, struct iommu_iova_range **ranges, int *nr)
{
	struct vfio_iommu_type1_info *info;
	int ret;

	*ranges = NULL;
	*nr = 0;
	if (noiommu)
		return 0;
	info = get_info(container);
	if (!info)
		return -1;
	ret = parse_ranges(info, ranges, nr);
	free(info);
	return ret;
}

static void log_limits(int container, const char *group)
{
	const struct vfio_iommu_type1_info_dma_avail *avail;
	struct vfio_iommu_type1_info *info = get_info(container);

	avail = info ? find_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(*avail)) : NULL;
	if (avail)
		log_debug("%s: the kernel allows %u mappings\n", group, avail->avail);
	free(info);
}

/* The group's node, open and viable. */
static int open_group(const char *group)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	int fd = open(group, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return iommu_explain_open(group);
	if (ioctl(fd, VFIO_GROUP_GET_STATUS, &status))
		goto close_fd;
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return fd;

	log_error("%s: not usable: a device of the group has a driver other than vfio's; "
		  "'belfry list' shows them\n",
		  group);
	errno = EPERM;
close_fd : {
	keep_errno();

	close(fd);
}
	return -1;
}

static int open_container(bool noiommu)
{
	int fd = open(CONTAINER, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return iommu_explain_open(CONTAINER);
	if (ioctl(fd, VFIO_GET_API_VERSION) == VFIO_API_VERSION &&
	    (noiommu || ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) == 1))
		return fd;

	log_error("the kernel has no VFIO type 1 IOMMU: load vfio_iommu_type1, and see that the "
		  "IOMMU is on\n");
	close(fd);
	return set_errno(ENOTSUP);
}

/* Of a physical address nothing is reserved: memory is where it is. */
static const struct iommu_iova_range all_iovas = {(iova_t)0, (iova_t)-1};

/* A new address space with one group in it, which has one reference and no entry in the list yet. */
static struct iommu_ctx *create(const char *path, int group)
{
	struct type1 *type1 = calloc(1, sizeof(*type1));
	bool noiommu = noiommu_is_group(path);
	struct iommu_iova_range *ranges;
	int nr_ranges, ret;

	if (!type1)
		return NULL;
	type1->fd = open_container(noiommu);
	if (type1->fd < 0)
		goto free_type1;

	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &type1->fd) ||
	    ioctl(type1->fd, VFIO_SET_IOMMU, noiommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU)) {
		log_error("%s: no address space for it: %m\n", path);
		goto close_container;
	}
	if (get_ranges(type1->fd, noiommu, &ranges, &nr_ranges))
		goto close_container;

	if (noiommu) {
		ret = iommu_ctx_init(&type1->ctx, &noiommu_ops, &all_iovas, 1);
	} else {
		log_limits(type1->fd, path);
		ret = iommu_ctx_init(&type1->ctx, &type1_ops, ranges, nr_ranges);
	}
	free(ranges);
	if (!ret)
		return &type1->ctx;

close_container : {
	keep_errno();

	close(type1->fd);
}
free_type1:
	free(type1);
	return NULL;
}

/* Bring one more group into a container. */
static int extend(struct iommu_ctx *ctx, const char *path, int group)
{
	struct type1 *type1 = (struct type1 *)ctx;
	struct iommu_iova_range *ranges;
	int nr_ranges, ret;

	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &type1->fd)) {
		log_error("%s: cannot share the address space: %m\n", path);
		return -1;
	}

	/* No mapping is made meanwhile at an IOVA that the group does not reach. */
	pthread_mutex_lock(&ctx->lock);
	ret = get_ranges(type1->fd, ctx->ops == &noiommu_ops, &ranges, &nr_ranges);
	if (!ret && nr_ranges)
		ret = iommu_ranges_cover(ctx, ranges, nr_ranges, path);
	pthread_mutex_unlock(&ctx->lock);
	free(ranges);
	if (ret) {
		keep_errno();

		ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
	}
	return ret ? -1 : 0;
}

/* Take a group out of the address space that nobody uses it in, for another one. */
static int release_locked(struct iommu_group *group)
{
	if (group->users || iommu_group_alone_locked(group)) {
		log_error("%s: it is in another address space, and has to stay there\n",
			  group->path);
		return set_errno(EBUSY);
	}
	iommu_group_drop_locked(group);
	return 0;
}

static struct iommu_ctx *join_new_locked(const char *path, struct iommu_ctx *ctx, int *fd)
{
	struct iommu_group *group;

	*fd = open_group(path);
	if (*fd < 0)
		return NULL;
	group = iommu_group_add_locked(path, *fd, NULL);
	if (!group) {
		close(*fd);
		return set_errno_null(ENOMEM);
	}

	if (ctx)
		ctx = extend(ctx, path, *fd) ? NULL : iommu_ctx_get(ctx);
	else
		ctx = create(path, *fd);
	group->ctx = ctx;
	if (!ctx)
		iommu_group_drop_locked(group);
	return ctx;
}

struct iommu_ctx *iommu_type1_join(const char *path, struct iommu_ctx *ctx, int *fd)
{
	struct iommu_ctx *in, *ret = NULL;
	struct iommu_group *group;

	if (ctx && !is_container(ctx)) {
		log_error("%s: the address space given is '%s', not of a VFIO container\n", path,
			  ctx->ops->name);
		return set_errno_null(EINVAL);
	}

	iommu_groups_lock();
	group = iommu_group_find_locked(path, &in);
	if (group && !is_container(in) && !ctx) {
		log_error("%s: the group is in an address space of an iommufd\n", path);
		errno = EBUSY;
	} else if (group && (!ctx || ctx == in)) {
		group->users++;
		*fd = group->fd;
		ret = in;
		in = NULL;
	} else if (!group || !release_locked(group)) {
		ret = join_new_locked(path, ctx, fd);
	}
	iommu_groups_unlock();

	iommu_ctx_put(in);
	return ret;
}

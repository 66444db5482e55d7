/* SPDX-License-Identifier: MIT */
/*
 * Page faults: a device is attached to a page table that was made with a queue, instead of to the
 * address space at large. The memory that it reaches is the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <belfry/iommu.h>
#include <belfry/support/log.h>

#include "iommu/group.h"
#include "iommu/iommufd.h"
#include "iommu/uapi.h"
#include "support/errno.h"

int iommufd_alloc_fault_queue(struct iommufd_fault_queue *fq)
{
	struct uapi_iommu_fault_alloc alloc = {.size = sizeof(alloc)};
	int fd;

	*fq = (struct iommufd_fault_queue){.fault_fd = -1};
	fd = iommufd_get();
	if (fd < 0)
		return -1;
	if (!ioctl(fd, UAPI_IOMMU_FAULT_QUEUE_ALLOC, &alloc)) {
		fq->fault_id = (int)alloc.out_fault_id;
		fq->fault_fd = (int)alloc.out_fault_fd;
		return 0;
	}
	if (errno == ENOTTY)
		errno = ENOTSUP;
	iommufd_put();
	return -1;
}

void iommufd_free_fault_queue(struct iommufd_fault_queue *fq)
{
	keep_errno();

	if (fq->fault_fd < 0)
		return;
	/* The object lives as long as its descriptor. */
	close(fq->fault_fd);
	fq->fault_fd = -1;
	iommufd_destroy(iommufd_get(), (uint32_t)fq->fault_id);
	iommufd_put(); /* of the line above */
	iommufd_put(); /* of the allocation */
}

static const struct iommufd_object *find_device_locked(const struct iommufd *iommufd, int fd)
{
	const struct iommufd_object *device = iommufd->devices;

	while (device && device->fd != fd)
		device = device->next;
	return device;
}

static int set_locked(struct iommufd *iommufd, const struct iommufd_fault_queue *fq, int devfd)
{
	const struct iommufd_object *device = find_device_locked(iommufd, devfd);
	struct uapi_iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.flags = UAPI_IOMMU_HWPT_FAULT_ID_VALID,
		.pt_id = iommufd->ioas,
		.fault_id = (uint32_t)fq->fault_id,
	};
	struct iommufd_object *hwpt;

	if (!device)
		return set_errno(EINVAL);
	alloc.dev_id = device->id;
	hwpt = calloc(1, sizeof(*hwpt));
	if (!hwpt)
		return -1;
	if (ioctl(iommufd->fd, UAPI_IOMMU_HWPT_ALLOC, &alloc))
		goto free_hwpt;
	if (iommufd_attach(devfd, alloc.out_hwpt_id))
		goto destroy_hwpt;

	hwpt->id = alloc.out_hwpt_id;
	hwpt->next = iommufd->hwpts;
	iommufd->hwpts = hwpt;
	return 0;

destroy_hwpt:
	iommufd_destroy(iommufd->fd, alloc.out_hwpt_id);
free_hwpt:
	free(hwpt);
	return -1;
}

int iommufd_set_fault_queue(struct iommu_ctx *ctx, struct iommufd_fault_queue *fq, int devfd)
{
	struct iommufd *iommufd = ctx ? iommufd_of(ctx) : NULL;
	int ret;

	if (!iommufd || fq->fault_fd < 0)
		return set_errno(EINVAL);
	iommu_groups_lock();
	ret = set_locked(iommufd, fq, devfd);
	iommu_groups_unlock();
	if (ret)
		log_error("the faults of a device cannot be told: %m\n");
	return ret;
}

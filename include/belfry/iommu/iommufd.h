/* SPDX-License-Identifier: MIT */
/*
 * I/O page faults, where iommufd, the IOMMU and the device have them: an access to memory that is
 * not mapped is told to the program, which may map it and let the device go on.
 *
 * What is read from a queue's descriptor, and written to it as the answer, is the kernel's struct
 * iommu_hwpt_pgfault and struct iommu_hwpt_page_response (linux/iommufd.h).
 */
#ifndef BELFRY_IOMMU_IOMMUFD_H
#define BELFRY_IOMMU_IOMMUFD_H

#ifdef __cplusplus
extern "C" {
#endif

struct iommu_ctx;

/**
 * struct iommufd_fault_queue - a queue of page faults
 * @fault_id: what the kernel calls it
 * @fault_fd: readable when there is a fault; -1 when there is no queue
 */
struct iommufd_fault_queue {
	int fault_id;
	int fault_fd;
};

/**
 * iommufd_alloc_fault_queue() - have the kernel make a queue
 * @fq: out
 *
 * Own: iommufd_free_fault_queue(). A program that closes @fq->fault_fd instead keeps the process's
 * iommufd open until it ends.
 * Context: any thread; makes system calls.
 * Return: 0, or -1: ENOENT or EACCES /dev/iommu cannot be opened (logged), ENOTSUP the kernel has no
 * such queues (Linux has since 6.11), or what it reports. On error @fq->fault_fd is -1.
 */
int iommufd_alloc_fault_queue(struct iommufd_fault_queue *fq);

/**
 * iommufd_set_fault_queue() - tell the faults of a device to a queue
 * @ctx: address space, of iommufd
 * @fq: queue
 * @devfd: the device's descriptor (struct vfio_device.fd), in @ctx
 *
 * The device keeps its address space, and goes on.
 *
 * Context: any thread; makes system calls.
 * Return: 0, or -1, nothing changed: EINVAL @ctx is of another kind, or the device is not in it;
 * EOPNOTSUPP the IOMMU or the device has no page faults, or what the kernel reports.
 */
int iommufd_set_fault_queue(struct iommu_ctx *ctx, struct iommufd_fault_queue *fq, int devfd);

/**
 * iommufd_free_fault_queue() - undo iommufd_alloc_fault_queue()
 * @fq: queue of devices that are closed; or one whose @fault_fd is -1
 *
 * Context: any thread; makes system calls. errno is preserved.
 */
void iommufd_free_fault_queue(struct iommufd_fault_queue *fq);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_IOMMU_IOMMUFD_H */

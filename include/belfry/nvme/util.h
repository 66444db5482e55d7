/* SPDX-License-Identifier: MIT */
/*
 * Commands that complete before the function returns, asynchronous events, and
 * small things about completions.
 */
#ifndef BELFRY_NVME_UTIL_H
#define BELFRY_NVME_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/nvme/queue.h>
#include <belfry/nvme/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_ctrl;

/**
 * NVME_VERSION() - a version as the VS register and Identify Controller spell it
 * @major: major version
 * @minor: minor version
 * @tertiary: tertiary version
 */
#define NVME_VERSION(major, minor, tertiary) \
	((uint32_t)(major) << 16 | (uint32_t)(minor) << 8 | (uint32_t)(tertiary))

/* Set in the cid of asynchronous event requests. */
#define NVME_CID_AER (1 << 15)

/* Memory page size from CC.MPS: as a power of two, and in bytes. */
#define __mps_to_pageshift(mps) (12 + (mps))
#define __mps_to_pagesize(mps)	(1ULL << __mps_to_pageshift(mps))

/**
 * nvme_crc64() - the NVMe 64-bit CRC
 * @crc: register before @buf: ~0 to start, the complement of the previous result to continue
 * @buf: bytes
 * @len: how many
 *
 * Reflected polynomial 9A6C9329AC4BC9B5h; the result is inverted.
 *
 * Spec: NVM Command Set 1.0, "64b CRC".
 * Context: any thread; pure.
 * Return: the CRC.
 */
uint64_t nvme_crc64(uint64_t crc, const unsigned char *buf, size_t len);

/**
 * nvme_cqe_ok() - did the command succeed
 * @cqe: completion
 *
 * Context: any.
 * Return: true when the status field is 0.
 */
static inline bool nvme_cqe_ok(struct nvme_cqe *cqe)
{
	return !(le16_to_cpu(cqe->sfp) >> 1);
}

/**
 * nvme_set_errno_from_cqe() - turn a completion's status into the result of a function
 * @cqe: completion
 *
 * Context: any thread.
 * Return: 0 with errno 0, or -1 with the errno of the status (nvme_status_errno()).
 */
int nvme_set_errno_from_cqe(struct nvme_cqe *cqe);

/**
 * nvme_sync() - execute a command and wait for it
 * @ctrl: controller
 * @sq: submission queue
 * @cmd: command; its cid and, with @buf, its data pointer are set
 * @buf: data, or NULL for none (then the data pointer is left alone)
 * @len: bytes
 * @cqe_copy: out: the completion; may be NULL. All zero where the command did not complete
 *
 * @buf may be any memory. What is mapped is used as it is; whole pages are mapped
 * for the time of the command; anything else goes through a buffer of the library's. A
 * command that does not complete within @ctrl->timeout_ms stays with the
 * controller, and so do the mapping and the tracker: until it completes or the
 * controller is reset, @buf must not be freed.
 *
 * Context: any thread on the admin queue, also several at once; else the owner of
 *	@sq and of its completion queue. Allocates and makes syscalls; sleeps while it waits long.
 * Return: 0, or -1: EBUSY no tracker is free, EAGAIN the controller is being reset (@sq is the admin
 *	queue), ECANCELED a reset took the command away, ETIMEDOUT, ENODEV the device is gone
 *	or @ctrl is not open, EIO it reports a fatal status (CSTS.CFS) and @cqe_copy is all zero, EPERM
 *	another process has opened it, EINVAL @buf
 *	is not aligned to 4 bytes, or @len does not match or goes past the end of the address
 *	space, EMSGSIZE @len over MDTS, ENOMEM, the errno of mapping @buf, or the errno of the status in @cqe_copy. In each case nothing
 *	stays mapped and no tracker taken, but where the command was sent and did not complete
 *	(ETIMEDOUT, ENODEV, EIO without a status): then as said above.
 */
int nvme_sync(struct nvme_ctrl *ctrl, struct nvme_sq *sq, union nvme_cmd *cmd, void *buf,
	      size_t len, struct nvme_cqe *cqe_copy);

/**
 * nvme_admin() - execute an admin command and wait for it
 * @ctrl: controller
 * @cmd: command; its cid and, with @buf, its data pointer are set
 * @buf: data, or NULL for none
 * @len: bytes
 * @cqe_copy: out: the completion; may be NULL
 *
 * Context: any thread, also several at once; see nvme_sync().
 * Return: as nvme_sync().
 */
int nvme_admin(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len,
	       struct nvme_cqe *cqe_copy);

/**
 * nvme_aer() - post an Asynchronous Event Request
 * @ctrl: controller
 * @opaque: kept in the tracker
 *
 * The request completes when something happens; its cid is that of its tracker
 * with NVME_CID_AER set. Take it from the admin completion queue, e.g. with
 * nvme_cq_wait_cqes(), clear the flag, find the tracker with nvme_rq_from_cqe() and release it.
 * Synchronous admin commands that come across the completion keep it for you. A
 * controller reset ends the request without a completion, and frees its tracker.
 *
 * Spec: NVM Express Base 2.0, "Asynchronous Event Request command".
 * Context: any thread.
 * Return: 0, or -1: EBUSY no tracker is free, EINVAL there is no admin queue, ENODEV
 *	@ctrl is not open.
 */
int nvme_aer(struct nvme_ctrl *ctrl, void *opaque);

/**
 * nvme_vm_assign_max_flexible() - give a secondary controller all flexible resources it can take
 * @pf: primary controller
 * @scid: identifier of the secondary controller, offline
 *
 * Spec: NVM Express Base 2.0, "Virtualization Management command".
 * Context: as nvme_admin().
 * Return: as nvme_admin().
 */
int nvme_vm_assign_max_flexible(struct nvme_ctrl *pf, uint16_t scid);

/**
 * nvme_vm_set_online() - put a secondary controller online
 * @pf: primary controller
 * @scid: identifier of the secondary controller
 *
 * Spec: NVM Express Base 2.0, "Virtualization Management command".
 * Context: as nvme_admin().
 * Return: as nvme_admin().
 */
int nvme_vm_set_online(struct nvme_ctrl *pf, uint16_t scid);

/**
 * nvme_vm_set_offline() - put a secondary controller offline
 * @pf: primary controller
 * @scid: identifier of the secondary controller
 *
 * Spec: NVM Express Base 2.0, "Virtualization Management command".
 * Context: as nvme_admin().
 * Return: as nvme_admin().
 */
int nvme_vm_set_offline(struct nvme_ctrl *pf, uint16_t scid);

/**
 * nvme_get_vf_cntlid() - find the controller identifier of a virtual function
 * @pf: primary controller
 * @vfnum: number of the virtual function, 1 or more
 * @cntlid: out: controller identifier
 *
 * Spec: NVM Express Base 2.0, "Secondary Controller list (CNS 15h)".
 * Context: as nvme_admin().
 * Return: as nvme_admin(); -1 ENOENT there is no such function.
 */
int nvme_get_vf_cntlid(struct nvme_ctrl *pf, int vfnum, uint16_t *cntlid);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_UTIL_H */

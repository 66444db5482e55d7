/* SPDX-License-Identifier: MIT */
/*
 * What the driver keeps about a controller that its users do not see, and the
 * registers.
 */
#ifndef BELFRY_SRC_NVME_PRIV_H
#define BELFRY_SRC_NVME_PRIV_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/spec.h>
#include <belfry/nvme/util.h>

#include "iommu/pin.h"
#include "transport/transport.h"

/* Entries in each of the admin queues. */
#define NVME_AQ_QSIZE	  32
#define NVME_AQ_QSIZE_MAX 4096 /* AQA.ASQS and AQA.ACQS have 12 bits */

/* Queues exist in the controller too, not only here (flags of nvme_sq and nvme_cq). */
#define NVME_Q_CREATED (1u << 16)

/* Memory that the controller may still use: given back when it is disabled. */
struct nvme_parked {
	struct iommu_ctx *ctx;
	struct iommu_dmabuf buf;
	struct iommu_pin pin;
	struct nvme_parked *next;
};

/**
 * struct nvme_ctrl_priv - the driver's own part of a controller
 * @admin_lock: guards the admin queues: posting to one, taking from the other; and @parked
 * @parked: memory set aside
 * @cap: the CAP register
 * @quirks: in force; of enum nvme_quirks
 * @shutdown_ms: how long a shutdown may take
 * @doorbells_len: bytes behind ctrl->doorbells
 * @enabled: CC.EN was set by us and not cleared since
 * @has_dbbuf: shadow doorbells are configured
 */
struct nvme_ctrl_priv {
	pthread_mutex_t admin_lock;
	struct nvme_parked *parked;
	uint64_t cap;
	unsigned int quirks;
	unsigned int shutdown_ms;
	size_t doorbells_len;
	bool enabled;
	bool has_dbbuf;
};

/**
 * nvme_reg_read32() - read a register
 * @ctrl: open controller
 * @off: offset
 * @val: out: value
 *
 * Context: any thread.
 * Return: 0, or -1: ENODEV the device is gone (or reads as all-ones).
 */
int nvme_reg_read32(struct nvme_ctrl *ctrl, uint32_t off, uint32_t *val);

/**
 * nvme_reg_read64() - read a 64-bit register
 * @ctrl: open controller
 * @off: offset
 * @val: out: value
 *
 * Context: any thread.
 * Return: 0, or -1: ENODEV the device is gone (or reads as all-ones).
 */
int nvme_reg_read64(struct nvme_ctrl *ctrl, uint32_t off, uint64_t *val);

/**
 * nvme_reg_write32() - write a register
 * @ctrl: open controller
 * @off: offset
 * @val: value
 *
 * Context: any thread.
 * Return: 0, or -1: ENODEV the device is gone.
 */
int nvme_reg_write32(struct nvme_ctrl *ctrl, uint32_t off, uint32_t val);

/**
 * nvme_reg_write64() - write a 64-bit register
 * @ctrl: open controller
 * @off: offset
 * @val: value
 *
 * Context: any thread.
 * Return: 0, or -1: ENODEV the device is gone.
 */
int nvme_reg_write64(struct nvme_ctrl *ctrl, uint32_t off, uint64_t val);

/**
 * nvme_device_check() - is the device in a state to answer
 * @tp: transport
 *
 * Context: any thread; reads CSTS.
 * Return: 0, or -1: ENODEV it is gone (all-ones, or the transport knows), EIO CSTS.CFS is set.
 */
int nvme_device_check(struct transport *tp);

/**
 * nvme_park() - set memory aside until the controller is disabled
 * @ctrl: controller
 * @buf: memory to free then; all zero afterwards; may be NULL or empty
 * @pin: pin to undo then; holds nothing afterwards; may be NULL
 *
 * Context: any thread; takes the admin lock; allocates. Where there is no memory for
 *	the note, the memory and the pin stay for ever: a leak is better than a device
 *	that writes into freed memory.
 */
void nvme_park(struct nvme_ctrl *ctrl, struct iommu_dmabuf *buf, struct iommu_pin *pin);

/**
 * nvme_unpark_all() - give back what was set aside
 * @ctrl: controller that does no DMA any more
 *
 * Context: set-up thread.
 */
void nvme_unpark_all(struct nvme_ctrl *ctrl);

/**
 * nvme_dma_alloc() - zeroed memory that the controller can reach
 * @ctrl: controller
 * @buf: out
 * @len: bytes
 *
 * As iommu_get_dmabuf(), and aligned to the controller's page in the address space also
 * where that is larger than the host's.
 *
 * Own: iommu_put_dmabuf().
 * Context: any thread; allocates and makes syscalls.
 * Return: 0, or -1: as iommu_get_dmabuf(). On error @buf is all zero.
 */
int nvme_dma_alloc(struct nvme_ctrl *ctrl, struct iommu_dmabuf *buf, size_t len);

/**
 * nvme_maybe_lost() - may the controller still have a synchronous command that failed
 * @cqe: what the failed nvme_admin() gave as the completion
 *
 * Context: right after the call: errno is looked at.
 * Return: true when it was sent (or may have been) and did not complete: what it points at must
 *	be set aside.
 */
static inline bool nvme_maybe_lost(struct nvme_cqe *cqe)
{
	return nvme_cqe_ok(cqe) && errno != EBUSY;
}

/**
 * nvme_find_quirks() - quirks known for a device
 * @vid: PCI vendor
 * @did: PCI device
 *
 * Context: any; pure.
 * Return: of enum nvme_quirks.
 */
unsigned int nvme_find_quirks(uint16_t vid, uint16_t did);

/**
 * nvme_sq_free() - free this side of a submission queue at once
 * @ctrl: controller that does no DMA to the queue any more
 * @sq: queue, all zero afterwards
 *
 * Context: set-up thread.
 */
void nvme_sq_free(struct nvme_ctrl *ctrl, struct nvme_sq *sq);

/**
 * nvme_cq_free() - free this side of a completion queue at once
 * @ctrl: controller that does no DMA to the queue any more
 * @cq: queue, all zero afterwards
 *
 * Context: set-up thread.
 */
void nvme_cq_free(struct nvme_ctrl *ctrl, struct nvme_cq *cq);

/**
 * nvme_sq_restart() - a submission queue as after its creation
 * @sq: configured queue that the controller does not have any more
 *
 * See nvme_reset() for what happens to trackers.
 *
 * Context: set-up thread.
 */
void nvme_sq_restart(struct nvme_sq *sq);

/**
 * nvme_cq_restart() - a completion queue as after its creation
 * @cq: configured queue that the controller does not have any more
 *
 * Context: set-up thread.
 */
void nvme_cq_restart(struct nvme_cq *cq);

/**
 * nvme_cq_in_use() - has the controller a submission queue that completes here
 * @ctrl: controller
 * @cq: completion queue
 *
 * Context: set-up thread.
 * Return: true when it has one of ours.
 */
bool nvme_cq_in_use(const struct nvme_ctrl *ctrl, const struct nvme_cq *cq);

/**
 * nvme_dbbuf_init() - set up shadow doorbells
 * @ctrl: controller, enabled, that supports them
 *
 * Context: set-up thread.
 * Return: 0, or -1 with errno; nothing changed.
 */
int nvme_dbbuf_init(struct nvme_ctrl *ctrl);

/**
 * nvme_dbbuf_assign() - give a queue its shadow doorbell, where it has one
 * @ctrl: controller
 * @dbbuf: out
 * @slot: 2 * qid, plus 1 for a completion queue
 *
 * Context: set-up thread.
 */
void nvme_dbbuf_assign(struct nvme_ctrl *ctrl, struct nvme_dbbuf *dbbuf, uint32_t slot);

#endif /* BELFRY_SRC_NVME_PRIV_H */

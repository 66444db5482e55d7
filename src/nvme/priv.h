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
#include <sys/types.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/spec.h>
#include <belfry/nvme/util.h>
#include <belfry/support/atomic.h>

#include "iommu/pin.h"
#include "nvme/event.h"
#include "nvme/recover.h"
#include "transport/transport.h"

/* Entries in each of the admin queues. */
#define NVME_AQ_QSIZE	  32
#define NVME_AQ_QSIZE_MAX 4096 /* AQA.ASQS and AQA.ACQS have 12 bits */

/* Queues exist in the controller too, not only here (flags of nvme_sq and nvme_cq). */
#define NVME_Q_CREATED (1u << 16)

/* Of a submission queue: trackers are acquired by many threads. */
#define NVME_Q_SHARED (1u << 17)

/* Priority class of a submission queue, as the command has it, from this bit of its flags on. */
#define NVME_Q_PRIO_SHIFT 20

/* Memory that the controller may still use: given back when it is disabled. */
struct nvme_parked {
	struct iommu_ctx *ctx;
	struct iommu_dmabuf buf;
	struct iommu_pin pin;
	struct nvme_parked *next;
};

/**
 * enum nvme_counter - what is counted on a controller, see &struct nvme_ctrl_stats
 */
enum nvme_counter {
	NVME_COUNT_TIMEOUTS,
	NVME_COUNT_ABORTS,
	NVME_COUNT_ABORTED,
	NVME_COUNT_NOT_ABORTED,
	NVME_COUNT_ABORTS_FAILED,
	NVME_COUNT_FATAL,
	NVME_COUNT_RESETS,
	NVME_COUNT_ATTEMPTS_FAILED,
	NVME_COUNT_RECOVERED,
	NVME_COUNT_BY_HAND,
	NVME_COUNT_BY_HAND_FAILED,
	NVME_COUNT_SYNC_TIMEOUTS,
	NVME_COUNT_EVENTS,
	NVME_COUNT_KEEP_ALIVES,
	NVME_COUNT_KEEP_ALIVES_MISSED,
	NVME_NR_COUNTERS,
};

/**
 * struct nvme_ctrl_priv - the driver's own part of a controller
 * @admin_lock: guards the admin queues: posting to one, taking from the other; and @parked
 * @parked: memory set aside
 * @cap: the CAP register
 * @quirks: in force; of enum nvme_quirks
 * @shutdown_ms: how long a shutdown may take
 * @doorbells_len: bytes behind ctrl->doorbells
 * @nr_sqs: how many ctrl->sq has, the admin queue's included; whatever ctrl->opts, which programs
 *	write to, says by now
 * @nr_cqs: how many ctrl->cq has, likewise
 * @recover: the ladder
 * @events: asynchronous events
 * @alive: Keep Alive
 * @counts: by enum nvme_counter
 * @admin_restarts: how often the admin queues were started anew; under the admin lock
 * @aerl: Asynchronous Event Requests at the same time, 0's based
 * @pid: process that opened it
 * @acl: Abort commands at the same time, 0's based
 * @enabled: CC.EN was set by us and not cleared since
 * @has_dbbuf: shadow doorbells are configured
 * @has_io: Number of Queues was set
 * @has_kato: the Keep Alive Timer was set
 */
struct nvme_ctrl_priv {
	pthread_mutex_t admin_lock;
	struct nvme_parked *parked;
	uint64_t cap;
	unsigned int quirks;
	unsigned int shutdown_ms;
	size_t doorbells_len;
	int nr_sqs;
	int nr_cqs;
	struct nvme_recover recover;
	struct nvme_events events;
	struct nvme_alive alive;
	uint64_t counts[NVME_NR_COUNTERS];
	uint32_t admin_restarts;
	pid_t pid;
	uint8_t aerl;
	uint8_t acl;
	bool enabled;
	bool has_dbbuf;
	bool has_io;
	bool has_kato;
};

/**
 * nvme_ctrl_count() - count something that does not happen to every command
 * @ctrl: open controller
 * @what: what has happened
 *
 * Context: any thread.
 */
static inline void nvme_ctrl_count(struct nvme_ctrl *ctrl, enum nvme_counter what)
{
	atomic_inc(&ctrl->priv->counts[what]);
}

/**
 * nvme_check_open() - is a controller open
 * @ctrl: controller; all zero when it is not
 *
 * For programs that go on after a close, or a bring-up that failed. What is done for each command does
 * not ask.
 *
 * Context: any thread.
 * Return: 0, or -1: ENODEV it is not.
 */
static inline int nvme_check_open(const struct nvme_ctrl *ctrl)
{
	if (likely(ctrl->priv))
		return 0;
	errno = ENODEV;
	return -1;
}

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
 * nvme_check_process() - is this the process that opened a controller
 * @ctrl: controller
 *
 * After fork() a child has the structures, but not what is behind them.
 *
 * Context: any thread; a syscall.
 * Return: 0, or -1: EPERM it is not; logged; ENODEV @ctrl is not open.
 */
int nvme_check_process(const struct nvme_ctrl *ctrl);

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
 * nvme_identify_ctrl() - Identify Controller
 * @ctrl: enabled controller
 * @buf: out: memory with a struct nvm_id_ctrl
 *
 * Own: iommu_put_dmabuf().
 * Spec: NVM Express Base 2.0, "Identify command".
 * Context: any thread; blocks until the command has completed.
 * Return: 0, or -1: as nvme_dma_alloc() and nvme_admin(). On error @buf is all zero; memory that the
 *	controller may still write to is set aside.
 */
int nvme_identify_ctrl(struct nvme_ctrl *ctrl, struct iommu_dmabuf *buf);

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
 * nvme_check_sq_flags() - are these flags that a submission queue can be made with
 * @qid: queue identifier, for the log
 * @flags: of enum nvme_cmd_create_q_flags
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL they are not; logged.
 */
int nvme_check_sq_flags(int qid, unsigned long flags);

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
 * nvme_cq_connect() - tie a completion queue to its doorbell
 * @ctrl: controller
 * @cq: queue
 *
 * Context: owner of @cq.
 */
void nvme_cq_connect(struct nvme_ctrl *ctrl, struct nvme_cq *cq);

/**
 * nvme_sq_connect() - tie a submission queue to its doorbell
 * @ctrl: controller
 * @sq: queue
 *
 * Context: owner of @sq.
 */
void nvme_sq_connect(struct nvme_ctrl *ctrl, struct nvme_sq *sq);

/**
 * nvme_cq_ring_restart() - an empty ring, at its first lap
 * @cq: queue that the controller does not have any more
 *
 * Context: owner of @cq.
 */
void nvme_cq_ring_restart(struct nvme_cq *cq);

/**
 * nvme_sq_ring_restart() - an empty ring
 * @sq: queue that the controller does not have any more; trackers are as they were
 *
 * Context: owner of @sq.
 */
void nvme_sq_ring_restart(struct nvme_sq *sq);

/**
 * nvme_create_cq_cmd() - the command that makes a configured queue known
 * @cq: queue
 * @cmd: out
 *
 * Context: any.
 */
void nvme_create_cq_cmd(const struct nvme_cq *cq, union nvme_cmd *cmd);

/**
 * nvme_create_sq_cmd() - the command that makes a configured queue known
 * @sq: queue
 * @cmd: out
 *
 * Context: any.
 */
void nvme_create_sq_cmd(const struct nvme_sq *sq, union nvme_cmd *cmd);

/**
 * nvme_program_adminq() - tell a controller of its admin queues: AQA, ASQ and ACQ
 * @ctrl: controller, disabled
 *
 * Context: set-up thread, or under recover.lock.
 * Return: 0, or -1: ENODEV the device is gone.
 */
int nvme_program_adminq(struct nvme_ctrl *ctrl);

/**
 * nvme_stop() - nvme_reset() that is not counted, for bring-up and close
 * @ctrl: controller
 *
 * Context: as nvme_reset().
 * Return: as nvme_reset().
 */
int nvme_stop(struct nvme_ctrl *ctrl);

/**
 * nvme_enable_start() - set CC.EN
 * @ctrl: controller, disabled
 *
 * Context: as nvme_program_adminq().
 * Return: 0, or -1: ENODEV the device is gone, ENOTSUP no common page size or command set.
 */
int nvme_enable_start(struct nvme_ctrl *ctrl);

/**
 * nvme_ready_ms() - how long CSTS.RDY may take to follow CC.EN
 * @ctrl: controller
 *
 * Context: any thread; may read a register.
 * Return: milliseconds.
 */
uint64_t nvme_ready_ms(struct nvme_ctrl *ctrl);

/**
 * nvme_ready_delay_ms() - how long CSTS must not be looked at after a change of CC.EN
 * @ctrl: controller
 *
 * Context: any thread.
 * Return: milliseconds, 0 but for a few controllers.
 */
uint64_t nvme_ready_delay_ms(const struct nvme_ctrl *ctrl);

/**
 * nvme_sq_restart() - a submission queue as after its creation
 * @ctrl: controller
 * @sq: configured queue that the controller does not have any more
 *
 * See nvme_reset() for what happens to trackers.
 *
 * Context: set-up thread.
 */
void nvme_sq_restart(struct nvme_ctrl *ctrl, struct nvme_sq *sq);

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

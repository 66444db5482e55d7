/* SPDX-License-Identifier: MIT */
/*
 * An admin command that nobody waits for: started by one step of something that must not block, and
 * looked at by later ones.
 */
#ifndef BELFRY_SRC_NVME_OP_H
#define BELFRY_SRC_NVME_OP_H

#include <stdint.h>

#include <belfry/nvme/queue.h>

/**
 * struct nvme_op - an admin command under way
 * @rq: its tracker; NULL when there is none
 * @deadline_ms: on nvme_coarse_ms()
 * @cqe: the completion, when nvme_op_check() has said that it has ended
 */
struct nvme_op {
	struct nvme_rq *rq;
	uint64_t deadline_ms;
	struct nvme_cqe cqe;
};

enum nvme_op_state {
	NVME_OP_DONE, /* completed; the status is in op->cqe */
	NVME_OP_PENDING,
	NVME_OP_FAILED, /* no completion: errno says why */
};

/**
 * nvme_op_start() - send an admin command
 * @ctrl: controller
 * @op: nothing under way
 * @cmd: command; its cid is set
 * @timeout_ms: when to give up on it
 *
 * Own: nvme_op_check() until it has ended, or nvme_op_drop().
 * Context: any thread, one at a time for @op; takes the admin lock.
 * Return: 0, or -1: EBUSY no tracker is free, EINVAL there is no admin queue.
 */
int nvme_op_start(struct nvme_ctrl *ctrl, struct nvme_op *op, union nvme_cmd *cmd,
		  unsigned int timeout_ms);

/**
 * nvme_op_check() - look whether an admin command has ended
 * @ctrl: controller
 * @op: under way; nothing afterwards, unless NVME_OP_PENDING
 *
 * Context: as nvme_op_start().
 * Return: see enum nvme_op_state; errno with NVME_OP_FAILED: ETIMEDOUT (its tracker is quarantined),
 *	ECANCELED it went away with a reset.
 */
enum nvme_op_state nvme_op_check(struct nvme_ctrl *ctrl, struct nvme_op *op);

/**
 * nvme_op_drop() - give up on an admin command
 * @ctrl: controller
 * @op: under way or not; nothing afterwards
 *
 * Context: as nvme_op_start().
 */
void nvme_op_drop(struct nvme_ctrl *ctrl, struct nvme_op *op);

#endif /* BELFRY_SRC_NVME_OP_H */

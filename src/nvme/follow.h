/* SPDX-License-Identifier: MIT */
/*
 * The ladder, a queue's half: what the owner of a completion queue does to it, and to the submission
 * queues that complete on it, when the controller goes down and comes up again. See nvme/recover.h.
 */
#ifndef BELFRY_SRC_NVME_FOLLOW_H
#define BELFRY_SRC_NVME_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include <belfry/nvme/queue.h>

#include "nvme/op.h"
#include "nvme/owner.h"

/* Where a queue is in a reset. */
enum nvme_follow_stage {
	NVME_FOLLOW_LIVE,
	NVME_FOLLOW_FROZEN, /* doorbells go nowhere; the controller may still have the queue */
	NVME_FOLLOW_CREATE, /* the rings are empty, and being made known to the controller */
	NVME_FOLLOW_DEAD,   /* for good: what is posted ends at once */
};

/**
 * struct nvme_cq_follow - a completion queue on its way through a reset; written by its owner
 * @stage: of enum nvme_follow_stage
 * @gen: recover.gen as far as this queue has followed it; read by others
 * @has_cq: the completion queue is made known
 * @last: submission queue that was made known last; NULL: none
 * @op: making it known
 * @create_ms: by when the next has to be under way
 * @scratch: where doorbells go meanwhile
 * @mark: completions taken when there was progress last
 * @mark_ms: when that was, or when CSTS was looked at since
 * @looked_ms: when the clock was looked at last
 * @deferred: looks that an expired deadline was put off for
 * @owner: of the queue, where that is checked
 */
struct nvme_cq_follow {
	enum nvme_follow_stage stage;
	uint32_t gen;
	bool has_cq;
	const struct nvme_sq *last;
	struct nvme_op op;
	uint64_t create_ms;
	uint64_t scratch;
	uint64_t mark;
	uint64_t mark_ms;
	uint64_t looked_ms;
	unsigned int deferred;
	struct nvme_owner owner;
};

/**
 * nvme_all_frozen() - have all owners let go of their doorbells
 * @ctrl: controller
 * @gen: of the going down
 *
 * Context: any thread.
 * Return: true when every queue that the controller has, has followed to @gen.
 */
bool nvme_all_frozen(const struct nvme_ctrl *ctrl, uint32_t gen);

/**
 * nvme_cq_follow() - do for a queue what the state of the controller asks for
 * @cq: completion queue
 *
 * Context: owner of @cq and of its submission queues.
 * Return: false when nothing may be taken from the ring any more: the controller is dead.
 */
bool nvme_cq_follow(struct nvme_cq *cq);

/**
 * nvme_cq_attend() - look at the clock, the controller and the ladder
 * @cq: completion queue
 *
 * What a poll does now and then, for waits.
 *
 * Context: as nvme_cq_follow().
 * Return: as nvme_cq_follow().
 */
bool nvme_cq_attend(struct nvme_cq *cq);

/**
 * nvme_cq_end_all() - end what is in flight on a queue, or send it again
 * @cq: completion queue; its ring is empty
 * @status: of what ends
 * @alive: the controller has the queues, as new: so quarantine ends, and what may be sent again is
 *
 * Completions of those that end are kept, and delivered like others.
 *
 * Context: as nvme_cq_follow().
 */
void nvme_cq_end_all(struct nvme_cq *cq, uint16_t status, bool alive);

#endif /* BELFRY_SRC_NVME_FOLLOW_H */

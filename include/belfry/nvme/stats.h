/* SPDX-License-Identifier: MIT */
/*
 * What has happened on a queue and on a controller, readable at any time from any thread.
 *
 * What the way of a command knows anyway is not counted a second time: commands are laps and
 * tail of a ring, the high-water mark of trackers is how many were ever used. So statistics cost
 * nothing per command, and one addition per doorbell.
 */
#ifndef BELFRY_NVME_STATS_H
#define BELFRY_NVME_STATS_H

#include <stdint.h>

#include <belfry/nvme/queue.h>
#include <belfry/nvme/recover.h>

#ifdef __cplusplus
extern "C" {
#endif

struct belfry_publisher;
struct nvme_ctrl;

/**
 * struct nvme_sq_stats - a submission queue since it was configured
 * @submitted: commands posted
 * @doorbells: registers written to tell of them
 * @spared: posts that needed no register: told of with another's, or in a shadow doorbell
 * @timed_out: deadlines that passed
 * @aborted: commands that the controller ended on our Abort
 * @lost: commands that ended without the controller completing them
 * @resent: commands that were sent again after a reset
 * @in_use_max: most trackers that were ever acquired at the same time
 */
struct nvme_sq_stats {
	uint64_t submitted;
	uint64_t doorbells;
	uint64_t spared;
	uint64_t timed_out;
	uint64_t aborted;
	uint64_t lost;
	uint64_t resent;
	uint32_t in_use_max;
};

/* Status types: generic, command specific, media, path, and so on; see NVM_SCT_*. */
#define NVME_NR_STATUS_TYPES 8

/**
 * struct nvme_cq_stats - a completion queue since it was configured
 * @completed: entries taken
 * @failed: of these, those whose status is not 0, by status type; counted by polls and waits.
 *	What nvme_cq_get_cqe() hands out is for the program to look at
 * @spurious: of these, those that belong to no command in flight
 * @late: of these, those of commands that were given up on
 * @doorbells: registers written to give entries back
 * @spared: entries that needed none
 * @kept_max: most completions that were kept for others at the same time
 */
struct nvme_cq_stats {
	uint64_t completed;
	uint64_t failed[NVME_NR_STATUS_TYPES];
	uint64_t spurious;
	uint64_t late;
	uint64_t doorbells;
	uint64_t spared;
	uint32_t kept_max;
};

/**
 * struct nvme_ctrl_stats - a controller since it was opened
 * @state: where on the ladder it is
 * @timeouts: deadlines of commands that passed
 * @aborts: Aborts sent
 * @aborted: of these, those that the controller says hit their command
 * @not_aborted: of these, those that it says did not
 * @aborts_failed: of these, those that ended in no answer. What is left is under way, or a reset
 *	came first
 * @fatal: times that the ladder found a fatal status (CSTS.CFS)
 * @resets: resets that the ladder began
 * @attempts_failed: attempts of these in which the controller did not come up again
 * @recovered: of @resets, those after which it was live
 * @resets_by_hand: nvme_reset() of the program that succeeded
 * @resets_by_hand_failed: those that did not
 * @sync_timeouts: synchronous commands that nobody answered in time
 * @events: events delivered by nvme_admin_poll()
 * @keep_alives: Keep Alives sent
 * @keep_alives_missed: of these, those that were not answered in time
 */
struct nvme_ctrl_stats {
	enum nvme_ctrl_state state;
	uint64_t timeouts;
	uint64_t aborts;
	uint64_t aborted;
	uint64_t not_aborted;
	uint64_t aborts_failed;
	uint64_t fatal;
	uint64_t resets;
	uint64_t attempts_failed;
	uint64_t recovered;
	uint64_t resets_by_hand;
	uint64_t resets_by_hand_failed;
	uint64_t sync_timeouts;
	uint64_t events;
	uint64_t keep_alives;
	uint64_t keep_alives_missed;
};

/**
 * nvme_sq_get_stats() - read what was counted on a submission queue
 * @sq: configured queue
 * @stats: out
 *
 * Each number was right at some moment of the call; together they are no snapshot.
 *
 * Context: any thread, while the queue is not discarded; the owner may use it.
 */
void nvme_sq_get_stats(const struct nvme_sq *sq, struct nvme_sq_stats *stats);

/**
 * nvme_cq_get_stats() - read what was counted on a completion queue
 * @cq: configured queue
 * @stats: out
 *
 * As nvme_sq_get_stats().
 *
 * Context: as nvme_sq_get_stats().
 */
void nvme_cq_get_stats(const struct nvme_cq *cq, struct nvme_cq_stats *stats);

/**
 * nvme_ctrl_get_stats() - read what was counted on a controller
 * @ctrl: open controller
 * @stats: out
 *
 * Resets change none of it. As nvme_sq_get_stats() otherwise.
 *
 * Context: any thread; takes no lock.
 */
void nvme_ctrl_get_stats(const struct nvme_ctrl *ctrl, struct nvme_ctrl_stats *stats);

/**
 * nvme_ctrl_sum_stats() - add up what was counted on all I/O queues that there are now
 * @ctrl: open controller
 * @sq: out: sums, but in_use_max, which is the largest
 * @cq: out: sums, but kept_max, which is the largest
 *
 * What was counted on a queue goes with the queue.
 *
 * Context: any thread, while none configures or discards a queue; the owners may use theirs.
 */
void nvme_ctrl_sum_stats(const struct nvme_ctrl *ctrl, struct nvme_sq_stats *sq,
			 struct nvme_cq_stats *cq);

/* Queues of each kind that nvme_ctrl_publish() shows one by one. */
#define NVME_PUBLISH_QUEUES 64

/**
 * nvme_status_type_key() - a status type as a key
 * @type: index of failed in &struct nvme_cq_stats
 *
 * Context: any; pure.
 * Return: "generic", "specific" to the command, "media", "path", "vendor", or "type4" to "type6",
 *	which have no name.
 */
const char *nvme_status_type_key(int type);

/**
 * nvme_ctrl_publish() - put all that is counted on a controller into a snapshot
 * @ctrl: open controller
 * @pub: publisher; see belfry/support/publish.h. The snapshot is yet to be committed
 *
 * Its parts are ctrl, sqs and cqs, which are sums of the I/O queues, and sqN and cqN for the first
 * NVME_PUBLISH_QUEUES of these; the keys are the names of the members of the structures above.
 *
 * Context: as nvme_ctrl_sum_stats(); one thread at a time for @pub.
 */
void nvme_ctrl_publish(const struct nvme_ctrl *ctrl, struct belfry_publisher *pub);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_STATS_H */

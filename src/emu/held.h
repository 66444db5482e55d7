/* SPDX-License-Identifier: MIT */
/*
 * Completions that come later: delayed by a fault, or blocked by a full queue.
 */
#ifndef BELFRY_SRC_EMU_HELD_H
#define BELFRY_SRC_EMU_HELD_H

#include <stdint.h>

#include "emu/engine.h"

/* One of them, in the list of the engine (by due, then by age) or of its queue (by age). */
struct emu_held {
	struct emu_held *next;
	uint64_t due; /* monotonic clock, ns */
	struct emu_cpl cpl;
};

/**
 * emu_hold() - complete a command later
 * @ctrl: controller
 * @cpl: its completion; the queue's head is taken anew when it is posted
 * @delay_us: how much later, microseconds
 *
 * Without memory it completes at once.
 *
 * Context: the controller's thread.
 */
void emu_hold(struct emu_ctrl *ctrl, const struct emu_cpl *cpl, uint64_t delay_us);

/**
 * emu_held_run() - post the completions that are due
 * @ctrl: controller
 * @now_ns: monotonic clock
 *
 * Context: the controller's thread.
 */
void emu_held_run(struct emu_ctrl *ctrl, uint64_t now_ns);

/**
 * emu_held_drop() - forget the completions of one submission queue
 * @ctrl: controller
 * @sqid: queue, or -1 for all
 *
 * Context: the controller's thread.
 */
void emu_held_drop(struct emu_ctrl *ctrl, int sqid);

/**
 * emu_blocked_add() - let a completion wait for a free entry
 * @ctrl: controller
 * @cq: queue; full
 * @cpl: the completion
 *
 * Without memory the controller's status turns fatal: a completion must not be lost.
 *
 * Context: the controller's thread.
 */
void emu_blocked_add(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl);

/**
 * emu_blocked_run() - post what waits for free entries of a queue
 * @ctrl: controller
 * @cq: queue
 *
 * Context: the controller's thread.
 * Return: true if anything was posted.
 */
bool emu_blocked_run(struct emu_ctrl *ctrl, struct emu_cq *cq);

/**
 * emu_blocked_drop() - forget what waits for free entries of a queue
 * @ctrl: controller
 * @cq: queue
 * @sqid: only completions of this submission queue, or -1 for all
 *
 * Context: the controller's thread.
 */
void emu_blocked_drop(struct emu_ctrl *ctrl, struct emu_cq *cq, int sqid);

#endif /* BELFRY_SRC_EMU_HELD_H */

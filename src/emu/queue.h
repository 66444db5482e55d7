/* SPDX-License-Identifier: MIT */
/*
 * Queues: rings in host memory or controller memory, doorbells, fetch, completion.
 *
 * A command is fetched only when its completion queue has a free entry, so that
 * a full queue holds its submission queues up and loses nothing. Completions of
 * commands that were held back (events, faults) wait in the queue's blocked list.
 * Those of quick commands have their entry at once, and are written to it a cache
 * line or four at a time, none across the end of a page, or with the end of the burst.
 */
#ifndef BELFRY_SRC_EMU_QUEUE_H
#define BELFRY_SRC_EMU_QUEUE_H

#include <stdbool.h>

#include "emu/engine.h"

/**
 * emu_queues_run() - one round: a burst of commands from each submission queue
 * @ctrl: controller; ctrl->engine->run is set
 *
 * Context: the controller's thread, between looks at the mailbox.
 * Return: true if anything was done.
 */
bool emu_queues_run(struct emu_ctrl *ctrl);

/**
 * emu_queues_pending() - would emu_queues_run() do anything
 * @ctrl: controller
 *
 * Context: the controller's thread, as the last look before it sleeps.
 * Return: true if so.
 */
bool emu_queues_pending(struct emu_ctrl *ctrl);

/**
 * emu_queues_idle() - look after what can wait: head doorbells, stray doorbells
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_queues_idle(struct emu_ctrl *ctrl);

/**
 * emu_rings_forget() - have the queues' memory looked up anew before its next use
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_rings_forget(struct emu_ctrl *ctrl);

/**
 * emu_queues_refresh() - forget pointers into host memory if mappings were withdrawn
 * @ctrl: controller
 *
 * Context: the controller's thread, before it uses such a pointer for the first time since it
 *	has looked at its mailbox.
 */
void emu_queues_refresh(struct emu_ctrl *ctrl);

/**
 * emu_queues_reset() - stop all queues, forget held commands and shadow doorbells
 * @ctrl: controller
 *
 * Context: the controller's thread, or no thread.
 */
void emu_queues_reset(struct emu_ctrl *ctrl);

/**
 * emu_cmd_exec() - have a command carried out by its command set
 * @req: command
 *
 * Context: the controller's thread.
 * Return: 15-bit status field, or EMU_NO_COMPLETION.
 */
uint16_t emu_cmd_exec(struct emu_req *req);

/**
 * emu_cpl_of() - what the completion of a command says
 * @req: command, carried out
 * @status: its status
 */
static inline struct emu_cpl emu_cpl_of(const struct emu_req *req, uint16_t status)
{
	return (struct emu_cpl){
		.sqid = req->sq->qid,
		.sqhd = (uint16_t)req->sq->head,
		.cid = req->cid,
		.status = status,
		.dw0 = req->dw0,
		.dw1 = req->dw1,
	};
}

/**
 * emu_post() - write a completion queue entry
 * @ctrl: controller
 * @cq: queue; not full
 * @cpl: what it says
 * @stale: write the old phase tag
 *
 * Context: the controller's thread.
 */
void emu_post(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl, bool stale);

/**
 * emu_post_or_block() - write a completion queue entry now or when there is a free one
 * @ctrl: controller
 * @cq: queue
 * @cpl: what it says
 *
 * Context: the controller's thread; allocates when the queue is full.
 */
void emu_post_or_block(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl);

/**
 * emu_cq_signal() - write what is late, of any queue, and raise the interrupt for the entries
 *	posted since the last time
 * @ctrl: controller
 * @cq: queue
 *
 * Context: the controller's thread; a syscall if there is an eventfd.
 */
void emu_cq_signal(struct emu_ctrl *ctrl, struct emu_cq *cq);

/**
 * emu_cq_full() - is there no free entry
 * @ctrl: controller
 * @cq: queue; its head doorbell is looked at if need be
 *
 * Context: the controller's thread.
 * Return: true if not.
 */
bool emu_cq_full(struct emu_ctrl *ctrl, struct emu_cq *cq);

/**
 * emu_cq_waits() - are there entries that the host has not taken
 * @ctrl: controller; emu_queues_refresh() was called
 * @cq: queue; its head doorbell is looked at
 *
 * Context: the controller's thread.
 * Return: true if so.
 */
bool emu_cq_waits(struct emu_ctrl *ctrl, struct emu_cq *cq);

#endif /* BELFRY_SRC_EMU_QUEUE_H */

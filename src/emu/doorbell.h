/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: in the BAR, or in the shadow of it that the host keeps in its memory.
 *
 * A queue's db points at the one that counts. With shadow doorbells that is the
 * shadow, for I/O queues whose place is within the page; the one in the BAR is then
 * only the bell that ends a sleep.
 */
#ifndef BELFRY_SRC_EMU_DOORBELL_H
#define BELFRY_SRC_EMU_DOORBELL_H

#include <stdint.h>

#include <belfry/support/atomic.h>

#include "emu/config.h"
#include "emu/engine.h"

/**
 * emu_sq_off() - where a tail doorbell is
 * @ctrl: controller
 * @qid: queue
 *
 * Return: offset in BAR 0.
 */
static inline uint32_t emu_sq_off(const struct emu_ctrl *ctrl, uint32_t qid)
{
	return NVM_REG_SQTDBL(qid, ctrl->cfg->dstrd);
}

/**
 * emu_cq_off() - where a head doorbell is
 * @ctrl: controller
 * @qid: queue
 *
 * Return: offset in BAR 0.
 */
static inline uint32_t emu_cq_off(const struct emu_ctrl *ctrl, uint32_t qid)
{
	return NVM_REG_CQHDBL(qid, ctrl->cfg->dstrd);
}

/**
 * emu_doorbell_exists() - is there a doorbell
 * @ctrl: controller
 * @off: offset in BAR 0, not below NVM_REG_DBS
 *
 * Context: any thread.
 * Return: true when a doorbell of a queue that may exist begins there.
 */
static inline bool emu_doorbell_exists(const struct emu_ctrl *ctrl, uint32_t off)
{
	uint32_t stride = 4u << ctrl->cfg->dstrd, rel = off - NVM_REG_DBS;

	return !(rel & (stride - 1)) && rel / stride / 2 <= ctrl->nr_queues;
}

/**
 * emu_doorbell_read() - read a doorbell, and then see what was written before it
 * @db: doorbell
 *
 * Context: the controller's thread; pairs with the host's release of the doorbell.
 * Return: its value.
 */
static inline uint32_t emu_doorbell_read(const uint32_t *db)
{
	return le32_to_cpu((__force leint32_t)atomic_load_acquire(db));
}

/**
 * emu_doorbell_find() - the doorbell of a queue that counts
 * @ctrl: controller
 * @qid: queue
 * @off: its offset in BAR 0
 *
 * Context: the controller's thread.
 * Return: its address, good until the mappings' generation changes.
 */
uint32_t *emu_doorbell_find(struct emu_ctrl *ctrl, uint16_t qid, uint32_t off);

/**
 * emu_doorbell_clear() - set a doorbell in the BAR to 0
 * @ctrl: controller
 * @off: its offset in BAR 0
 *
 * Context: the controller's thread.
 */
void emu_doorbell_clear(struct emu_ctrl *ctrl, uint32_t off);

/**
 * emu_doorbells_audit() - find writes to doorbells of queues that do not exist
 * @ctrl: controller
 *
 * Some queue identifiers at a time.
 *
 * Context: the controller's thread.
 */
void emu_doorbells_audit(struct emu_ctrl *ctrl);

/**
 * emu_dbbuf_off() - use the doorbells in the BAR again
 * @ctrl: controller
 *
 * Context: the controller's thread, or no thread.
 */
void emu_dbbuf_off(struct emu_ctrl *ctrl);

/**
 * emu_dbbuf_refresh() - look up the shadow's memory anew; that it is gone is fatal (CSTS.CFS)
 * @ctrl: controller
 *
 * A controller that has been shut down, or has stopped for another reason, lets go of it.
 *
 * Context: the controller's thread.
 */
void emu_dbbuf_refresh(struct emu_ctrl *ctrl);

/**
 * emu_dbbuf_before_sleep() - ask for a doorbell write from hosts that use shadow doorbells
 * @ctrl: controller; emu_queues_refresh() was called
 *
 * Context: the controller's thread, before the barrier before the last look.
 */
void emu_dbbuf_before_sleep(struct emu_ctrl *ctrl);

#endif /* BELFRY_SRC_EMU_DOORBELL_H */

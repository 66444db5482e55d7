/* SPDX-License-Identifier: MIT */
/*
 * Controller properties (registers) and the state machine behind CC and CSTS.
 *
 * BAR 0 holds what software sees, in little-endian, and is read by any thread.
 * What took effect is in struct emu_engine. CC and CMBMSC stored to the BAR
 * directly are found by comparing the two; AQA, ASQ and ACQ are taken from the
 * BAR when the controller is enabled.
 */
#ifndef BELFRY_SRC_EMU_REGS_H
#define BELFRY_SRC_EMU_REGS_H

#include <stdbool.h>
#include <stdint.h>

#include "emu/engine.h"

/* How much a reset resets. */
enum emu_reset_kind {
	EMU_RESET_CC,	     /* CC.EN cleared: all but AQA, ASQ, ACQ, CMBMSC */
	EMU_RESET_FUNCTION,  /* everything */
	EMU_RESET_SUBSYSTEM, /* everything, and CSTS.NSSRO tells */
};

/**
 * emu_regs_init() - make the BARs
 * @ctrl: controller with cfg and engine set
 *
 * Own: emu_regs_exit().
 * Return: 0, or -1: ENOMEM.
 */
int emu_regs_init(struct emu_ctrl *ctrl);

/**
 * emu_regs_exit() - undo emu_regs_init()
 * @ctrl: controller
 */
void emu_regs_exit(struct emu_ctrl *ctrl);

/**
 * emu_reg_store32() - set what software reads in a register
 * @e: the engine's state; of a controller that is gone it stays as it is
 * @off: register
 * @val: value
 *
 * Context: the controller's thread, or no thread.
 */
void emu_reg_store32(struct emu_engine *e, uint32_t off, uint32_t val);

/**
 * emu_regs_dirty() - was CC or CMBMSC stored to directly
 * @ctrl: controller
 *
 * Context: the controller's thread.
 * Return: true if so.
 */
bool emu_regs_dirty(const struct emu_ctrl *ctrl);

/**
 * emu_regs_sync() - let direct stores to CC and CMBMSC take effect
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_regs_sync(struct emu_ctrl *ctrl);

/**
 * emu_regs_audit() - find direct stores to AQA, ASQ and ACQ that came too late
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_regs_audit(struct emu_ctrl *ctrl);

/**
 * emu_regs_run() - state changes whose time has come: CSTS.RDY, CSTS.SHST
 * @ctrl: controller
 * @now_ns: monotonic clock
 *
 * Context: the controller's thread.
 */
void emu_regs_run(struct emu_ctrl *ctrl, uint64_t now_ns);

/**
 * emu_ctrl_reset() - controller level reset
 * @ctrl: controller
 * @kind: how much
 *
 * Context: the controller's thread, or no thread.
 */
void emu_ctrl_reset(struct emu_ctrl *ctrl, enum emu_reset_kind kind);

#endif /* BELFRY_SRC_EMU_REGS_H */

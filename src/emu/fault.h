/* SPDX-License-Identifier: MIT */
/*
 * Fault script: which commands meet with what. belfry/emu.h has the kinds.
 */
#ifndef BELFRY_SRC_EMU_FAULT_H
#define BELFRY_SRC_EMU_FAULT_H

#include <stdbool.h>

#include "emu/ctrl.h"

#define EMU_MAX_FAULTS 64

/**
 * emu_faults_init() - make the script, with the lines of cfg->fault
 * @ctrl: controller with cfg and engine set
 *
 * Own: emu_faults_exit().
 * Return: 0, or -1: EINVAL a line is wrong (logged), ENOMEM.
 */
int emu_faults_init(struct emu_ctrl *ctrl);

/**
 * emu_faults_exit() - undo emu_faults_init()
 * @ctrl: controller
 */
void emu_faults_exit(struct emu_ctrl *ctrl);

/**
 * emu_fault_run() - let the script act on a command
 * @ctrl: controller; the script is not empty
 * @req: command, fetched and not carried out yet
 *
 * Context: the controller's thread.
 * Return: true if a line has acted: nothing more is to be done about the command.
 */
bool emu_fault_run(struct emu_ctrl *ctrl, struct emu_req *req);

#endif /* BELFRY_SRC_EMU_FAULT_H */

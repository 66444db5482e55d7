/* SPDX-License-Identifier: MIT */
/*
 * Memory of the BARs. It is private to the process until emu_bar_share() (device.h) puts what a
 * host in another process may store to into a file: doorbells and controller memory buffer, never
 * the registers.
 */
#ifndef BELFRY_SRC_EMU_BAR_H
#define BELFRY_SRC_EMU_BAR_H

#include "emu/engine.h"

/**
 * emu_bars_init() - make the BARs' memory, all zero
 * @ctrl: controller with cfg and engine set
 *
 * Own: emu_bars_exit().
 * Return: 0, or -1: ENOMEM.
 */
int emu_bars_init(struct emu_ctrl *ctrl);

/**
 * emu_bars_exit() - undo emu_bars_init()
 * @ctrl: controller
 *
 * Context: errno is preserved.
 */
void emu_bars_exit(struct emu_ctrl *ctrl);

#endif /* BELFRY_SRC_EMU_BAR_H */

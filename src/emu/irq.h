/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: vectors tied to eventfds, masking by INTMS, coalescing.
 *
 * A vector without an eventfd is disabled: nothing stays pending for it. One that
 * is masked (by the bus, or by INTMS, which covers vectors 0 to 31) keeps its interrupt
 * until it is not.
 *
 * A host ties and masks while a command is carried out, which may be waiting for that very host: so
 * what has to do with eventfds is behind a lock, and not the controller's thread's alone.
 */
#ifndef BELFRY_SRC_EMU_IRQ_H
#define BELFRY_SRC_EMU_IRQ_H

#include <stdint.h>

#include "emu/engine.h"

/**
 * emu_irq_init() - make the vectors
 * @ctrl: controller with cfg and engine set
 *
 * Own: emu_irq_exit().
 * Return: 0, or -1: ENOMEM.
 */
int emu_irq_init(struct emu_ctrl *ctrl);

/**
 * emu_irq_exit() - undo emu_irq_init()
 * @ctrl: controller
 */
void emu_irq_exit(struct emu_ctrl *ctrl);

/**
 * emu_irq_reset() - forget what is pending, unmask, switch coalescing off
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_irq_reset(struct emu_ctrl *ctrl);

/**
 * emu_irq_post() - completions were posted
 * @ctrl: controller
 * @cq: queue with interrupts enabled
 * @nr: how many
 *
 * Context: the controller's thread; a syscall if there is an eventfd.
 */
void emu_irq_post(struct emu_ctrl *ctrl, const struct emu_cq *cq, uint32_t nr);

/**
 * emu_irq_run() - signal what coalescing has held back for long enough
 * @ctrl: controller
 * @now_ns: monotonic clock
 *
 * Context: the controller's thread.
 */
void emu_irq_run(struct emu_ctrl *ctrl, uint64_t now_ns);

/**
 * emu_irq_due() - when emu_irq_run() will have something to do
 * @ctrl: controller
 *
 * Context: the controller's thread.
 * Return: monotonic clock, ns; EMU_NEVER.
 */
uint64_t emu_irq_due(const struct emu_ctrl *ctrl);

/**
 * emu_irq_mask() - INTMS and INTMC
 * @ctrl: controller
 * @mask: vectors 0 to 31 that are masked from now on
 *
 * Context: the controller's thread; signals what was pending.
 */
void emu_irq_mask(struct emu_ctrl *ctrl, uint32_t mask);

/**
 * emu_irq_count() - how often an eventfd was signalled
 * @ctrl: controller
 *
 * Context: any thread.
 * Return: the number.
 */
uint64_t emu_irq_count(struct emu_ctrl *ctrl);

#endif /* BELFRY_SRC_EMU_IRQ_H */

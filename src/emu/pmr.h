/* SPDX-License-Identifier: MIT */
/* Persistent memory region: registers, and where the controller finds its own memory. */
#ifndef BELFRY_SRC_EMU_PMR_H
#define BELFRY_SRC_EMU_PMR_H

#include <stdint.h>

#include "emu/ctrl.h"

/**
 * emu_pmr_write() - a write to one of the region's registers
 * @ctrl: controller
 * @off: NVM_REG_PMRCTL, NVM_REG_PMRMSCL or NVM_REG_PMRMSCU
 * @val: value
 *
 * Context: the controller's thread.
 */
void emu_pmr_write(struct emu_ctrl *ctrl, uint32_t off, uint32_t val);

/**
 * emu_pmr_reset() - registers as after a function level reset; what is in the region stays
 * @ctrl: controller
 *
 * Context: the controller's thread, or no thread.
 */
void emu_pmr_reset(struct emu_ctrl *ctrl);

#endif /* BELFRY_SRC_EMU_PMR_H */

/* SPDX-License-Identifier: MIT */
/*
 * Persistent memory region. It is ready as soon as it is enabled, and persistent as long as the
 * controller lives: through every reset.
 *
 * Spec: NVM Express Base 2.0, "Persistent Memory Region", "Controller Properties".
 */
#include "emu/pmr.h"

#include "emu/config.h"
#include "emu/dma.h"
#include "emu/regs.h"

#define TIMEOUT_UNITS 2 /* of 500 ms */

static uint32_t cap_value(const struct emu_ctrl *ctrl)
{
	if (!ctrl->pmr.len)
		return 0;
	return NVM_SET(1u, PMRCAP_RDS) | NVM_SET(1u, PMRCAP_WDS) |
	       NVM_SET((uint32_t)EMU_BAR_PMR, PMRCAP_BIR) |
	       NVM_SET(NVM_PMRCAP_PMRWBM_READ | NVM_PMRCAP_PMRWBM_PMRSTS, PMRCAP_PMRWBM) |
	       NVM_SET((uint32_t)TIMEOUT_UNITS, PMRCAP_PMRTO) | NVM_SET(1u, PMRCAP_CMSS);
}

/* What follows from the registers: the others, and where the region is. */
static void update(struct emu_ctrl *ctrl)
{
	struct emu_pmr *pmr = &ctrl->pmr;
	bool enabled = NVM_GET(pmr->ctl, PMRCTL_EN), placed = NVM_GET(pmr->mscl, PMRMSCL_CMSE);
	uint64_t base = (uint64_t)pmr->mscu << 32 | (pmr->mscl & ~(EMU_PAGE - 1));
	bool bad = placed && base > UINT64_MAX - pmr->len;

	pmr->space.iova = base;
	pmr->space.len = enabled && placed && !bad ? pmr->len : 0;
	emu_reg_store32(ctrl->engine, NVM_REG_PMRCTL, pmr->ctl);
	emu_reg_store32(ctrl->engine, NVM_REG_PMRMSCL, pmr->mscl);
	emu_reg_store32(ctrl->engine, NVM_REG_PMRMSCU, pmr->mscu);
	emu_reg_store32(ctrl->engine, NVM_REG_PMRSTS,
			NVM_SET(pmr->len && !enabled ? 1u : 0u, PMRSTS_NRDY) |
				NVM_SET(bad ? 1u : 0u, PMRSTS_CBAI));
	emu_own_update(ctrl);
}

void emu_pmr_write(struct emu_ctrl *ctrl, uint32_t off, uint32_t val)
{
	struct emu_pmr *pmr = &ctrl->pmr;
	uint32_t known = off == NVM_REG_PMRCTL ? NVM_SET(~0u, PMRCTL_EN)
			 : off == NVM_REG_PMRMSCL
				 ? NVM_SET(~0u, PMRMSCL_CMSE) | NVM_SET(~0u, PMRMSCL_CBA)
				 : ~0u;

	if (!pmr->len || val & ~known) {
		emu_violation(ctrl, "register 0x%x: reserved bits are set in 0x%x", off, val);
		val = pmr->len ? val & known : 0;
	}
	if (off == NVM_REG_PMRCTL)
		pmr->ctl = val;
	else if (off == NVM_REG_PMRMSCL)
		pmr->mscl = val;
	else
		pmr->mscu = val;
	update(ctrl);
}

void emu_pmr_reset(struct emu_ctrl *ctrl)
{
	ctrl->pmr.ctl = ctrl->pmr.mscl = ctrl->pmr.mscu = 0;
	emu_reg_store32(ctrl->engine, NVM_REG_PMRCAP, cap_value(ctrl));
	emu_reg_store32(ctrl->engine, NVM_REG_PMREBS, 0);
	emu_reg_store32(ctrl->engine, NVM_REG_PMRSWTP, 0);
	update(ctrl);
}

/* SPDX-License-Identifier: MIT */
/*
 * Controller properties (registers) and the state machine behind CC and CSTS.
 *
 * Spec: NVM Express Base 2.0, "Controller Properties", "Controller Initialization",
 * "Controller Shutdown", "Resets".
 */
#include <string.h>

#include <belfry/support/align.h>
#include <belfry/support/atomic.h>
#include <belfry/support/log.h>

#include "emu/bar.h"
#include "emu/config.h"
#include "emu/dma.h"
#include "emu/doorbell.h"
#include "emu/irq.h"
#include "emu/pmr.h"
#include "emu/queue.h"
#include "emu/regs.h"
#include "support/deadline.h"
#include "support/errno.h"

#define VS_2_0 (NVM_SET(2u, VS_MJR) | NVM_SET(0u, VS_MNR))

/* What may only change while the controller is disabled, and all that is not reserved. */
#define CC_FIXED (NVM_SET(~0u, CC_CSS) | NVM_SET(~0u, CC_MPS) | NVM_SET(~0u, CC_AMS))
#define CC_KNOWN                                                                           \
	(CC_FIXED | NVM_SET(~0u, CC_EN) | NVM_SET(~0u, CC_SHN) | NVM_SET(~0u, CC_IOSQES) | \
	 NVM_SET(~0u, CC_IOCQES))

static uint32_t load32(const struct emu_engine *e, uint32_t off)
{
	const uint32_t *reg = (const uint32_t *)(const void *)(e->bar + off);

	return le32_to_cpu((__force leint32_t)atomic_load_acquire(reg));
}

static uint64_t load64(const struct emu_engine *e, uint32_t off)
{
	const uint64_t *reg = (const uint64_t *)(const void *)(e->bar + off);

	return le64_to_cpu((__force leint64_t)atomic_load_acquire(reg));
}

/* A controller that is gone keeps its all-ones. */
void emu_reg_store32(struct emu_engine *e, uint32_t off, uint32_t val)
{
	uint32_t *reg = (uint32_t *)(void *)(e->bar + off);

	if (!e->gone)
		atomic_store_release(reg, (__force uint32_t)cpu_to_le32(val));
}

static void store64(struct emu_engine *e, uint32_t off, uint64_t val)
{
	uint64_t *reg = (uint64_t *)(void *)(e->bar + off);

	if (!e->gone)
		atomic_store_release(reg, (__force uint64_t)cpu_to_le64(val));
}

static void csts_set(struct emu_engine *e, uint32_t mask, uint32_t val)
{
	e->csts = (e->csts & ~mask) | val;
	emu_reg_store32(e, NVM_REG_CSTS, e->csts);
}

/* ---- life ---- */

static uint64_t cap_value(const struct emu_config *cfg)
{
	return NVM_SET(cfg->mqes - 1ull, CAP_MQES) | NVM_SET(1ull, CAP_CQR) |
	       NVM_SET((uint64_t)cfg->to, CAP_TO) | NVM_SET((uint64_t)cfg->dstrd, CAP_DSTRD) |
	       NVM_SET(1ull, CAP_NSSRS) |
	       NVM_SET(0ull + (NVM_CAP_CSS_NVM | NVM_CAP_CSS_IOCSS), CAP_CSS) |
	       NVM_SET((uint64_t)cfg->mpsmin, CAP_MPSMIN) |
	       NVM_SET((uint64_t)cfg->mpsmax, CAP_MPSMAX) |
	       NVM_SET(cfg->cmb ? 1ull : 0ull, CAP_CMBS) |
	       NVM_SET(cfg->pmr ? 1ull : 0ull, CAP_PMRS) |
	       NVM_SET(0ull + NVM_CAP_CRMS_CRWMS, CAP_CRMS);
}

int emu_regs_init(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	if (emu_bars_init(ctrl))
		return -1;
	e->cap = cap_value(ctrl->cfg);
	emu_ctrl_reset(ctrl, EMU_RESET_FUNCTION);
	return 0;
}

void emu_regs_exit(struct emu_ctrl *ctrl)
{
	emu_bars_exit(ctrl);
}

/* ---- controller memory buffer ---- */

/* CMBLOC and CMBSZ tell nothing until CMBMSC.CRE is set. */
static void cmb_show(struct emu_ctrl *ctrl, bool show)
{
	struct emu_engine *e = ctrl->engine;
	uint32_t loc = NVM_SET((uint32_t)EMU_BAR_CMB, CMBLOC_BIR) | NVM_SET(1u, CMBLOC_CQMMS) |
		       NVM_SET(1u, CMBLOC_CQPDS) | NVM_SET(1u, CMBLOC_CDPMLS) |
		       NVM_SET(1u, CMBLOC_CDPCILS) | NVM_SET(1u, CMBLOC_CDMMMS) |
		       NVM_SET(1u, CMBLOC_CQDA);
	uint32_t sz = NVM_SET(1u, CMBSZ_SQS) | NVM_SET(1u, CMBSZ_CQS) | NVM_SET(1u, CMBSZ_LISTS) |
		      NVM_SET(1u, CMBSZ_RDS) | NVM_SET(1u, CMBSZ_WDS) |
		      NVM_SET((uint32_t)(e->cmb_len / EMU_PAGE), CMBSZ_SZ);

	emu_reg_store32(e, NVM_REG_CMBLOC, show ? loc : 0);
	emu_reg_store32(e, NVM_REG_CMBSZ, show ? sz : 0);
}

static void cmbmsc_write(struct emu_ctrl *ctrl, uint64_t val)
{
	struct emu_engine *e = ctrl->engine;
	uint64_t known = NVM_SET(~0ull, CMBMSC_CRE) | NVM_SET(~0ull, CMBMSC_CMSE) |
			 NVM_SET(~0ull, CMBMSC_CBA);
	uint64_t base = NVM_GET(val, CMBMSC_CBA) << NVM_CMBMSC_CBA_SHIFT;
	bool on, bad;

	if (!e->cmb_len || val & ~known) {
		emu_violation(ctrl, "CMBMSC: reserved bits are set in 0x%llx",
			      (unsigned long long)val);
		val = e->cmb_len ? val & known : 0;
	}
	on = NVM_GET(val, CMBMSC_CRE) && NVM_GET(val, CMBMSC_CMSE);
	bad = on && base > UINT64_MAX - e->cmb_len;
	e->cmbmsc = val;
	store64(e, NVM_REG_CMBMSC, val);
	emu_reg_store32(e, NVM_REG_CMBSTS, NVM_SET(bad ? 1u : 0u, CMBSTS_CBAI));
	cmb_show(ctrl, NVM_GET(val, CMBMSC_CRE));
	ctrl->cmb.iova = base;
	ctrl->cmb.len = on && !bad ? e->cmb_len : 0;
	emu_own_update(ctrl);
}

/* ---- enable, disable, shutdown ---- */

static const char *enable_error(struct emu_ctrl *ctrl, uint32_t cc)
{
	const struct emu_engine *e = ctrl->engine;
	const struct emu_config *cfg = ctrl->cfg;
	uint32_t mps = NVM_GET(cc, CC_MPS), css = NVM_GET(cc, CC_CSS);
	uint32_t sqes = NVM_GET(cc, CC_IOSQES), cqes = NVM_GET(cc, CC_IOCQES);
	uint64_t mask = (1ull << (12 + mps)) - 1;

	if (mps < cfg->mpsmin || mps > cfg->mpsmax)
		return "CC.MPS is not supported";
	if (css != NVM_CC_CSS_NVM && css != NVM_CC_CSS_ALL)
		return "CC.CSS is not supported";
	if (NVM_GET(cc, CC_AMS) != NVM_CC_AMS_RR)
		return "CC.AMS is not supported";
	/* They may also be set later, before the first I/O queue is made. */
	if ((sqes && sqes != 6) || (cqes && cqes != 4))
		return "CC.IOSQES or CC.IOCQES is not supported";
	if (!NVM_GET(e->aqa, AQA_ASQS) || !NVM_GET(e->aqa, AQA_ACQS))
		return "AQA: a queue needs two entries or more";
	if (e->asq & mask || e->acq & mask)
		return "ASQ or ACQ is not page aligned";
	return NULL;
}

static void ready(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	bool en = NVM_GET(e->cc, CC_EN);

	e->rdy_at = EMU_NEVER;
	ctrl->enabled = en;
	e->run = en;
	csts_set(e, NVM_SET(~0u, CSTS_RDY), NVM_SET(en ? 1u : 0u, CSTS_RDY));
}

/* CSTS.RDY follows CC.EN, at once or after the delay that is asked for. */
static void ready_later(struct emu_ctrl *ctrl)
{
	if (ctrl->cfg->rdy_ms)
		ctrl->engine->rdy_at = deadline_after_ms(ctrl->cfg->rdy_ms);
	else
		ready(ctrl);
}

static void enable(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	const char *error;

	e->aqa = load32(e, NVM_REG_AQA);
	e->asq = load64(e, NVM_REG_ASQ);
	e->acq = load64(e, NVM_REG_ACQ);
	error = enable_error(ctrl, e->cc);
	if (error) {
		emu_violation(ctrl, "enable: %s", error);
		emu_ctrl_fatal(ctrl, error);
		return;
	}
	ctrl->page_size = 1u << (12 + NVM_GET(e->cc, CC_MPS));
	emu_queues_refresh(ctrl);
	if (emu_cq_start(ctrl,
			 &(struct emu_cq){
				 .qsize = NVM_GET(e->aqa, AQA_ACQS) + 1, /* 0's based */
				 .iova = e->acq,
				 .irq_enabled = true,
			 }) ||
	    emu_sq_start(ctrl, &(struct emu_sq){
				       .qsize = NVM_GET(e->aqa, AQA_ASQS) + 1,
				       .iova = e->asq,
			       })) {
		emu_ctrl_fatal(ctrl, "an admin queue is not mapped");
		return;
	}
	ready_later(ctrl);
}

void emu_ctrl_reset(struct emu_ctrl *ctrl, enum emu_reset_kind kind)
{
	struct emu_engine *e = ctrl->engine;

	e->run = false;
	ctrl->enabled = false;
	ctrl->page_size = EMU_PAGE << ctrl->cfg->mpsmin;
	emu_queues_reset(ctrl);
	emu_irq_reset(ctrl);
	if (ctrl->admin)
		emu_admin_reset(ctrl);
	e->rdy_at = EMU_NEVER;
	e->shn_pending = false;
	emu_reg_store32(e, NVM_REG_INTMS, 0);
	emu_reg_store32(e, NVM_REG_INTMC, 0);
	store64(e, NVM_REG_CAP, e->cap);
	emu_reg_store32(e, NVM_REG_VS, VS_2_0);
	emu_reg_store32(e, NVM_REG_CRTO, NVM_SET(ctrl->cfg->to, CRTO_CRWMT));
	if (kind == EMU_RESET_CC) {
		csts_set(e, ~NVM_SET(~0u, CSTS_RDY) & ~NVM_SET(~0u, CSTS_NSSRO), 0);
		return;
	}
	e->cc = 0;
	e->cmbmsc = 0;
	ctrl->cmb.len = 0;
	emu_own_update(ctrl);
	emu_pmr_reset(ctrl);
	emu_reg_store32(e, NVM_REG_CC, 0);
	emu_reg_store32(e, NVM_REG_AQA, 0);
	store64(e, NVM_REG_ASQ, 0);
	store64(e, NVM_REG_ACQ, 0);
	store64(e, NVM_REG_CMBMSC, 0);
	emu_reg_store32(e, NVM_REG_CMBSTS, 0);
	cmb_show(ctrl, false);
	csts_set(e, ~0u, NVM_SET(kind == EMU_RESET_SUBSYSTEM ? 1u : 0u, CSTS_NSSRO));
}

static void shutdown_begin(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	e->run = false;
	e->shn_pending = true;
	csts_set(e, NVM_SET(~0u, CSTS_SHST), NVM_SET((uint32_t)NVM_CSTS_SHST_OCCUR, CSTS_SHST));
}

static void shutdown_end(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	e->shn_pending = false;
	if (NVM_GET(e->cc, CC_SHN) == NVM_CC_SHN_NORMAL)
		emu_admin_shutdown(ctrl);
	csts_set(e, NVM_SET(~0u, CSTS_SHST), NVM_SET((uint32_t)NVM_CSTS_SHST_COMPLETE, CSTS_SHST));
}

static uint32_t cc_checked(struct emu_ctrl *ctrl, uint32_t cc)
{
	uint32_t old = ctrl->engine->cc;

	if (cc & ~CC_KNOWN) {
		emu_violation(ctrl, "CC: reserved bits are set in 0x%x", cc);
		cc &= CC_KNOWN;
	}
	if (NVM_GET(old, CC_EN) && NVM_GET(cc, CC_EN) && (cc ^ old) & CC_FIXED) {
		emu_violation(ctrl, "CC: CSS, MPS or AMS changed while enabled");
		cc = (cc & ~CC_FIXED) | (old & CC_FIXED);
	}
	/* A notification that was given before the reset is not a new one. */
	if (!NVM_GET(old, CC_EN) && NVM_GET(cc, CC_EN) &&
	    NVM_GET(cc, CC_SHN) == NVM_GET(old, CC_SHN))
		cc &= ~NVM_SET(~0u, CC_SHN);
	return cc;
}

static void cc_write(struct emu_ctrl *ctrl, uint32_t val)
{
	struct emu_engine *e = ctrl->engine;
	uint32_t old = e->cc, cc = cc_checked(ctrl, val);
	bool was = NVM_GET(old, CC_EN), en = NVM_GET(cc, CC_EN);

	if (was != en && e->rdy_at != EMU_NEVER)
		emu_violation(ctrl, "CC.EN changed again before CSTS.RDY has followed");
	e->cc = cc;
	emu_reg_store32(e, NVM_REG_CC, cc);
	if (en && !was) {
		enable(ctrl);
	} else if (was && !en) {
		emu_ctrl_reset(ctrl, EMU_RESET_CC);
		ready_later(ctrl);
	}
	if (NVM_GET(cc, CC_SHN) && NVM_GET(cc, CC_SHN) != NVM_GET(old, CC_SHN))
		shutdown_begin(ctrl);
}

void emu_regs_run(struct emu_ctrl *ctrl, uint64_t now_ns)
{
	struct emu_engine *e = ctrl->engine;

	if (e->rdy_at <= now_ns)
		ready(ctrl);
	if (e->shn_pending)
		shutdown_end(ctrl);
}

void emu_ctrl_fatal(struct emu_ctrl *ctrl, const char *why)
{
	log_info("emu: controller fatal status: %s\n", why);
	ctrl->engine->run = false;
	csts_set(ctrl->engine, 0, NVM_SET(1u, CSTS_CFS));
}

void emu_ctrl_hang(struct emu_ctrl *ctrl)
{
	ctrl->engine->run = false;
}

void emu_ctrl_gone(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	e->run = false;
	/* The flag first: who reads all-ones may ask at once whether it is gone. */
	atomic_store_release(&e->gone, true);
	for (uint32_t off = 0; off < NVM_REG_DBS; off += sizeof(uint64_t))
		atomic_store_release((uint64_t *)(void *)(e->bar + off), UINT64_MAX);
}

/* ---- accesses ---- */

bool emu_regs_dirty(const struct emu_ctrl *ctrl)
{
	const struct emu_engine *e = ctrl->engine;

	return unlikely(load32(e, NVM_REG_CC) != e->cc || load64(e, NVM_REG_CMBMSC) != e->cmbmsc) &&
	       !e->gone;
}

void emu_regs_sync(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	uint64_t cmbmsc = load64(e, NVM_REG_CMBMSC);
	uint32_t cc = load32(e, NVM_REG_CC);

	if (cmbmsc != e->cmbmsc)
		cmbmsc_write(ctrl, cmbmsc);
	if (cc != e->cc)
		cc_write(ctrl, cc);
}

void emu_regs_audit(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	if (!NVM_GET(e->cc, CC_EN) || e->gone)
		return;
	if (load32(e, NVM_REG_AQA) == e->aqa && load64(e, NVM_REG_ASQ) == e->asq &&
	    load64(e, NVM_REG_ACQ) == e->acq)
		return;
	emu_violation(ctrl, "AQA, ASQ or ACQ written while enabled");
	emu_reg_store32(e, NVM_REG_AQA, e->aqa);
	store64(e, NVM_REG_ASQ, e->asq);
	store64(e, NVM_REG_ACQ, e->acq);
}

/* Put half of a 64-bit register in place. */
static uint64_t merge(uint64_t old, uint32_t off, unsigned int width, uint64_t val)
{
	if (width == 8)
		return val;
	if (off & 4)
		return (old & UINT32_MAX) | val << 32;
	return (old & ~(uint64_t)UINT32_MAX) | (val & UINT32_MAX);
}

static void aq_write(struct emu_ctrl *ctrl, uint32_t off, unsigned int width, uint64_t val)
{
	struct emu_engine *e = ctrl->engine;
	uint32_t aqa_known = NVM_SET(~0u, AQA_ASQS) | NVM_SET(~0u, AQA_ACQS);
	uint32_t reg = off & ~7u;

	if (NVM_GET(e->cc, CC_EN)) {
		emu_violation(ctrl, "AQA, ASQ or ACQ written while enabled");
		return;
	}
	if (off == NVM_REG_AQA) {
		if (val & ~(uint64_t)aqa_known)
			emu_violation(ctrl, "AQA: reserved bits are set");
		emu_reg_store32(e, NVM_REG_AQA, (uint32_t)val & aqa_known);
		return;
	}
	val = merge(load64(e, reg), off, width, val);
	if (val & NVM_AQ_BASE_RSVD)
		emu_violation(ctrl, "ASQ or ACQ: reserved bits are set");
	store64(e, reg, val);
}

static void csts_write(struct emu_ctrl *ctrl, uint32_t val)
{
	if (val & ~NVM_SET(~0u, CSTS_NSSRO))
		emu_violation(ctrl, "CSTS: read-only bits written");
	csts_set(ctrl->engine, val & NVM_SET(~0u, CSTS_NSSRO), 0);
}

static void mask_write(struct emu_ctrl *ctrl, uint32_t mask)
{
	emu_irq_mask(ctrl, mask);
	emu_reg_store32(ctrl->engine, NVM_REG_INTMS, mask);
	emu_reg_store32(ctrl->engine, NVM_REG_INTMC, mask);
}

static void doorbell_write(struct emu_ctrl *ctrl, uint32_t off, uint32_t val)
{
	if (!emu_doorbell_exists(ctrl, off))
		emu_violation(ctrl, "write to 0x%x, where no doorbell is", off);
	else
		emu_reg_store32(ctrl->engine, off, val);
}

static bool is_64bit(uint32_t off)
{
	uint32_t reg = off & ~7u;

	return reg == NVM_REG_CAP || reg == NVM_REG_ASQ || reg == NVM_REG_ACQ ||
	       reg == NVM_REG_BPMBL || reg == NVM_REG_CMBMSC;
}

/* Registers are accessed as a whole, those of 64 bits also by halves. */
static bool access_ok(const struct emu_engine *e, uint32_t off, unsigned int width)
{
	if (off >= e->bar_len || (width != 4 && width != 8) || off & (width - 1))
		return false;
	return width == 4 || (off < NVM_REG_DBS && is_64bit(off));
}

static void reg_write(struct emu_ctrl *ctrl, uint32_t off, unsigned int width, uint64_t val)
{
	struct emu_engine *e = ctrl->engine;

	if (off >= NVM_REG_DBS) {
		doorbell_write(ctrl, off, (uint32_t)val);
		return;
	}
	switch (off) {
	case NVM_REG_INTMS:
		mask_write(ctrl, e->intm | (uint32_t)val);
		break;
	case NVM_REG_INTMC:
		mask_write(ctrl, e->intm & ~(uint32_t)val);
		break;
	case NVM_REG_CC:
		cc_write(ctrl, (uint32_t)val);
		break;
	case NVM_REG_CSTS:
		csts_write(ctrl, (uint32_t)val);
		break;
	case NVM_REG_NSSR:
		if ((uint32_t)val == NVM_NSSR_RESET)
			emu_ctrl_reset(ctrl, EMU_RESET_SUBSYSTEM);
		break;
	case NVM_REG_AQA:
	case NVM_REG_ASQ:
	case NVM_REG_ASQ + 4:
	case NVM_REG_ACQ:
	case NVM_REG_ACQ + 4:
		aq_write(ctrl, off, width, val);
		break;
	case NVM_REG_CMBMSC:
	case NVM_REG_CMBMSC + 4:
		cmbmsc_write(ctrl, merge(e->cmbmsc, off, width, val));
		break;
	case NVM_REG_PMRCTL:
	case NVM_REG_PMRMSCL:
	case NVM_REG_PMRMSCU:
		emu_pmr_write(ctrl, off, (uint32_t)val);
		break;
	default:
		emu_violation(ctrl, "write to read-only or reserved register 0x%x", off);
	}
}

struct reg_msg {
	uint32_t off;
	unsigned int width;
	uint64_t val;
	bool read;
};

static void reg_write_msg(struct emu_ctrl *ctrl, void *arg)
{
	struct reg_msg *msg = arg;

	if (ctrl->engine->gone)
		return;
	if (!access_ok(ctrl->engine, msg->off, msg->width))
		emu_violation(ctrl, "%s of %u bytes at 0x%x", msg->read ? "read" : "write",
			      msg->width, msg->off);
	else if (!msg->read)
		reg_write(ctrl, msg->off, msg->width, msg->val);
}

uint64_t emu_reg_read(struct emu_ctrl *ctrl, uint32_t off, unsigned int width)
{
	struct emu_engine *e = ctrl->engine;

	if (emu_gone(ctrl))
		return width == 4 ? UINT32_MAX : UINT64_MAX;
	if (!access_ok(e, off, width)) {
		emu_call(ctrl, reg_write_msg,
			 &(struct reg_msg){.off = off, .width = width, .read = true});
		return 0;
	}
	return width == 4 ? load32(e, off) : load64(e, off);
}

void emu_reg_write(struct emu_ctrl *ctrl, uint32_t off, unsigned int width, uint64_t val)
{
	emu_call(ctrl, reg_write_msg, &(struct reg_msg){.off = off, .width = width, .val = val});
}

bool emu_gone(const struct emu_ctrl *ctrl)
{
	return atomic_load_acquire(&ctrl->engine->gone);
}

/* SPDX-License-Identifier: MIT */
/*
 * The controller's state: enable, disable, shut down. Every wait ends, by the
 * time the controller itself gives as its limit, and notices when the device is
 * gone.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/util.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/setup.h"
#include "support/deadline.h"
#include "support/errno.h"

#define POLL_NS	       100000
#define QUIRK_DELAY_MS 2300

static void sleep_ns(uint64_t ns)
{
	struct timespec ts = ns_to_timespec(ns);

	nanosleep(&ts, NULL);
}

/* Wait until (CSTS & @mask) == @want. Fatal status ends it unless it is what a reset clears. */
static int wait_csts(struct nvme_ctrl *ctrl, uint32_t mask, uint32_t want, uint64_t deadline,
		     bool fatal_ends)
{
	for (;;) {
		/* Before the look: so that there is one after the deadline. */
		bool last = deadline_passed(deadline);
		uint32_t csts;

		if (nvme_reg_read32(ctrl, NVM_REG_CSTS, &csts))
			return -1;
		if ((csts & mask) == want)
			return 0;
		if (fatal_ends && NVM_GET(csts, CSTS_CFS)) {
			log_error("the controller reports a fatal status (CSTS.CFS)\n");
			return set_errno(EIO);
		}
		if (last)
			return set_errno(ETIMEDOUT);
		sleep_ns(POLL_NS);
	}
}

/* CAP.TO, or CRTO where the controller has that and it is longer; bounded, as it is 9 hours at most. */
uint64_t nvme_ready_ms(struct nvme_ctrl *ctrl)
{
	uint64_t units = NVM_GET(ctrl->priv->cap, CAP_TO) + 1;
	uint32_t crto;

	if (NVM_GET(ctrl->priv->cap, CAP_CRMS) && !nvme_reg_read32(ctrl, NVM_REG_CRTO, &crto) &&
	    NVM_GET(crto, CRTO_CRWMT) + 1 > units)
		units = NVM_GET(crto, CRTO_CRWMT) + 1;
	return 500 * units < NVME_READY_MAX_MS ? 500 * units : NVME_READY_MAX_MS;
}

uint64_t nvme_ready_delay_ms(const struct nvme_ctrl *ctrl)
{
	return ctrl->priv->quirks & NVME_QUIRK_DELAY_CHK_RDY ? QUIRK_DELAY_MS : 0;
}

static int wait_ready(struct nvme_ctrl *ctrl, bool ready)
{
	uint32_t want = ready ? NVM_SET(1u, CSTS_RDY) : 0;
	uint64_t deadline = deadline_after_ms(nvme_ready_ms(ctrl));

	if (nvme_ready_delay_ms(ctrl))
		sleep_ns(nvme_ready_delay_ms(ctrl) * NS_PER_MS);

	if (wait_csts(ctrl, NVM_SET(1u, CSTS_RDY), want, deadline, ready)) {
		if (errno == ETIMEDOUT)
			log_error("the controller is not %s within CAP.TO\n",
				  ready ? "ready" : "disabled");
		return -1;
	}
	return 0;
}

static int disable(struct nvme_ctrl *ctrl)
{
	uint32_t cc;

	if (nvme_reg_read32(ctrl, NVM_REG_CC, &cc))
		return -1;
	/* Enabled, but not there yet: CC.EN may not change before CSTS.RDY has. */
	if (NVM_GET(cc, CC_EN)) {
		uint32_t csts;

		if (nvme_reg_read32(ctrl, NVM_REG_CSTS, &csts))
			return -1;
		if (!NVM_GET(csts, CSTS_RDY) && !NVM_GET(csts, CSTS_CFS) &&
		    wait_ready(ctrl, true) && errno == ENODEV)
			return -1;
		if (nvme_reg_write32(ctrl, NVM_REG_CC, cc & ~NVM_SET(1u, CC_EN)))
			return -1;
	}
	return wait_ready(ctrl, false);
}

int nvme_stop(struct nvme_ctrl *ctrl)
{
	if (disable(ctrl))
		return -1;

	ctrl->priv->enabled = false;
	ctrl->priv->has_dbbuf = false;
	nvme_recover_forget(ctrl);
	for (int i = 0; i < ctrl->priv->nr_cqs; i++) {
		if (ctrl->cq[i].mem.vaddr)
			nvme_cq_restart(&ctrl->cq[i]);
	}
	for (int i = 0; i < ctrl->priv->nr_sqs; i++) {
		if (ctrl->sq[i].mem.vaddr)
			nvme_sq_restart(ctrl, &ctrl->sq[i]);
	}
	nvme_unpark_all(ctrl);
	return 0;
}

int nvme_reset(struct nvme_ctrl *ctrl)
{
	int ret;

	if (nvme_check_process(ctrl))
		return -1;
	ret = nvme_stop(ctrl);
	nvme_ctrl_count(ctrl, ret ? NVME_COUNT_BY_HAND_FAILED : NVME_COUNT_BY_HAND);
	return ret;
}

/* The command set to select: all of them where there are several, else NVM. */
static int pick_css(struct nvme_ctrl *ctrl, uint32_t *css)
{
	uint32_t sets = (uint32_t)NVM_GET(ctrl->priv->cap, CAP_CSS);

	if (sets & NVM_CAP_CSS_IOCSS)
		*css = NVM_CC_CSS_ALL;
	else if (sets & NVM_CAP_CSS_NVM)
		*css = NVM_CC_CSS_NVM;
	else if (sets & NVM_CAP_CSS_NOIOCSS)
		*css = NVM_CC_CSS_ADMIN;
	else {
		log_error("no known command set in CAP.CSS 0x%x\n", sets);
		return set_errno(ENOTSUP);
	}
	return 0;
}

static int check_mps(struct nvme_ctrl *ctrl)
{
	int min = (int)NVM_GET(ctrl->priv->cap, CAP_MPSMIN);
	int max = (int)NVM_GET(ctrl->priv->cap, CAP_MPSMAX);

	if (ctrl->config.mps < min || ctrl->config.mps > max) {
		log_error("memory page size 2^%d: the controller takes 2^%d to 2^%d\n",
			  12 + ctrl->config.mps, 12 + min, 12 + max);
		return set_errno(ENOTSUP);
	}
	return 0;
}

int nvme_enable_start(struct nvme_ctrl *ctrl)
{
	uint32_t css, cc;

	if (check_mps(ctrl) || pick_css(ctrl, &css))
		return -1;

	cc = NVM_SET((uint32_t)ctrl->config.mps, CC_MPS) | NVM_SET(css, CC_CSS) |
	     NVM_SET(NVM_CC_AMS_RR, CC_AMS) | NVM_SET(NVME_SQES, CC_IOSQES) |
	     NVM_SET(NVME_CQES, CC_IOCQES) | NVM_SET(1u, CC_EN);

	/* Set before: from the write on the controller may use its queues. */
	ctrl->priv->enabled = true;
	return nvme_reg_write32(ctrl, NVM_REG_CC, cc);
}

int nvme_enable(struct nvme_ctrl *ctrl)
{
	if (nvme_check_open(ctrl) || nvme_enable_start(ctrl) || wait_ready(ctrl, true))
		return -1;
	return nvme_setup_all(ctrl);
}

static int shutdown(struct nvme_ctrl *ctrl, uint32_t shn)
{
	uint32_t cc;

	if (nvme_check_open(ctrl) || nvme_reg_read32(ctrl, NVM_REG_CC, &cc))
		return -1;
	if (!NVM_GET(cc, CC_EN))
		return 0;

	cc &= ~NVM_SET(-1u, CC_SHN);
	cc |= NVM_SET(shn, CC_SHN);
	if (nvme_reg_write32(ctrl, NVM_REG_CC, cc))
		return -1;
	return wait_csts(ctrl, NVM_SET(-1u, CSTS_SHST), NVM_SET(NVM_CSTS_SHST_COMPLETE, CSTS_SHST),
			 deadline_after_ms(ctrl->priv->shutdown_ms), true);
}

int nvme_shutdown(struct nvme_ctrl *ctrl)
{
	return shutdown(ctrl, NVM_CC_SHN_NORMAL);
}

int nvme_shutdown_abrupt(struct nvme_ctrl *ctrl)
{
	return shutdown(ctrl, NVM_CC_SHN_ABRUPT);
}

/* SPDX-License-Identifier: MIT */
/*
 * Persistent memory region. It has a BAR for itself, so that its size is the BAR's. As with the
 * controller memory buffer the controller is told where the address space has it (PMRMSC.CBA), so
 * that its commands take the short way.
 *
 * Spec: NVM Express Base 2.0, "Persistent Memory Region".
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <belfry/iommu.h>
#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/pmr.h>
#include <belfry/support/align.h>
#include <belfry/support/barrier.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>
#include <belfry/support/mmio.h>

#include "nvme/priv.h"
#include "support/deadline.h"
#include "support/errno.h"

#define POLL_NS 100000

/* PMRSTS.HSTS */
static const char *const health_names[8] = {
	"good", "its contents were lost", "it is read-only", "it is unreliable", "?", "?", "?", "?",
};

/* Bounded, as it is 4 hours at most. */
static uint64_t timeout_ms(uint32_t cap)
{
	uint64_t unit = NVM_GET(cap, PMRCAP_PMRTU) == NVM_PMRCAP_PMRTU_MINUTES ? 60000 : 500;
	uint64_t ms = unit * NVM_GET(cap, PMRCAP_PMRTO);

	return ms < NVME_READY_MAX_MS ? ms : NVME_READY_MAX_MS;
}

static int wait_ready(struct nvme_ctrl *ctrl, uint32_t cap, uint32_t *sts)
{
	uint64_t deadline = deadline_after_ms(timeout_ms(cap));

	for (;;) {
		bool last = deadline_passed(deadline);
		struct timespec ts = {.tv_nsec = POLL_NS};

		if (nvme_reg_read32(ctrl, NVM_REG_PMRSTS, sts))
			return -1;
		if (!NVM_GET(*sts, PMRSTS_NRDY))
			return 0;
		if (last) {
			log_error("the persistent memory region is not ready after %llu ms\n",
				  (unsigned long long)timeout_ms(cap));
			return set_errno(ETIMEDOUT);
		}
		nanosleep(&ts, NULL);
	}
}

/* A value in bytes, KiB, MiB or GiB; 0 where the unit is none of these. */
static uint64_t in_units(uint32_t value, uint32_t unit)
{
	return unit > 3 ? 0 : (uint64_t)value << 10 * unit;
}

static int read_limits(struct nvme_pmr *pmr)
{
	uint32_t ebs, swtp;

	if (nvme_reg_read32(pmr->ctrl, NVM_REG_PMREBS, &ebs) ||
	    nvme_reg_read32(pmr->ctrl, NVM_REG_PMRSWTP, &swtp))
		return -1;
	pmr->elasticity = in_units(NVM_GET(ebs, PMREBS_PMRWBZ), NVM_GET(ebs, PMREBS_PMRSZU));
	pmr->throughput = in_units(NVM_GET(swtp, PMRSWTP_PMRSWTV), NVM_GET(swtp, PMRSWTP_PMRSWTU));
	return 0;
}

/* Where the controller's commands find it; an address of 0 with @enable false for nowhere. */
static int set_base(struct nvme_ctrl *ctrl, iova_t iova, bool enable)
{
	uint64_t base = (uint64_t)iova;

	if (nvme_reg_write32(ctrl, NVM_REG_PMRMSCU, (uint32_t)(base >> 32)))
		return -1;
	return nvme_reg_write32(ctrl, NVM_REG_PMRMSCL,
				(uint32_t)base | NVM_SET(enable ? 1u : 0u, PMRMSCL_CMSE));
}

/* The memory of a device may be of a kind that cannot be mapped for one; then it is the program's. */
static int map_for_devices(struct nvme_pmr *pmr)
{
	struct nvme_ctrl *ctrl = pmr->ctrl;
	uint32_t sts;

	if (iommu_map_vaddr(ctrl->pci.dev.ctx, pmr->vaddr, pmr->size, &pmr->iova, 0)) {
		log_info("the persistent memory region is not in the address space: %m\n");
		pmr->iova = 0;
		return errno == EFAULT || errno == ENOTSUP ? 0 : -1;
	}
	pmr->is_mapped = true;
	if (!NVM_GET(pmr->cap, PMRCAP_CMSS))
		return 0;

	if (set_base(ctrl, pmr->iova, true) || nvme_reg_read32(ctrl, NVM_REG_PMRSTS, &sts))
		return -1;
	if (NVM_GET(sts, PMRSTS_CBAI)) {
		log_error("the controller refuses 0x%llx as the address of its persistent memory\n",
			  (unsigned long long)pmr->iova);
		return set_errno(EINVAL);
	}
	pmr->is_readable = NVM_GET(pmr->cap, PMRCAP_WDS);
	pmr->is_writable = NVM_GET(pmr->cap, PMRCAP_RDS);
	return 0;
}

static int map_bar(struct nvme_pmr *pmr)
{
	struct transport *tp = pmr->ctrl->pci.dev.transport;
	size_t len = SIZE_MAX;

	pmr->bar = (int)NVM_GET(pmr->cap, PMRCAP_BIR);
	if (pmr->bar < 2 || pmr->bar > 5 || !NVM_GET(pmr->cap, PMRCAP_PMRWBM)) {
		log_error("PMRCAP 0x%08x makes no sense\n", pmr->cap);
		return set_errno(EINVAL);
	}
	if (!tp->ops->map_bar)
		return set_errno(ENOTSUP);
	pmr->vaddr = tp->ops->map_bar(tp, pmr->bar, 0, &len);
	if (!pmr->vaddr)
		return -1;
	pmr->size = ALIGN_DOWN(len, __VFN_PAGESIZE);
	return pmr->size ? 0 : set_errno(EINVAL);
}

int nvme_pmr_enable(struct nvme_ctrl *ctrl, struct nvme_pmr *pmr)
{
	uint32_t sts;

	memset(pmr, 0, sizeof(*pmr));
	if (nvme_check_open(ctrl))
		return -1;
	if (!NVM_GET(ctrl->priv->cap, CAP_PMRS))
		return set_errno(ENOTSUP);
	if (nvme_reg_read32(ctrl, NVM_REG_PMRCAP, &pmr->cap))
		return -1;

	pmr->ctrl = ctrl;
	if (nvme_reg_write32(ctrl, NVM_REG_PMRCTL, NVM_SET(1u, PMRCTL_EN)) ||
	    wait_ready(ctrl, pmr->cap, &sts) || map_bar(pmr) || read_limits(pmr) ||
	    map_for_devices(pmr)) {
		nvme_pmr_disable(pmr);
		return -1;
	}
	pmr->health = NVM_GET(sts, PMRSTS_HSTS);
	if (pmr->health)
		log_error("the persistent memory region says: %s\n", health_names[pmr->health]);
	return 0;
}

int nvme_pmr_persist(struct nvme_pmr *pmr)
{
	uint32_t sts;

	if (!pmr->vaddr || !pmr->ctrl->priv)
		return set_errno(ENODEV);

	/* The stores first; then the read that the controller answers when they are safe. */
	mb();
	if (NVM_GET(pmr->cap, PMRCAP_PMRWBM) & NVM_PMRCAP_PMRWBM_READ)
		(void)mmio_read32(pmr->vaddr);
	if (nvme_reg_read32(pmr->ctrl, NVM_REG_PMRSTS, &sts))
		return -1;
	if (!NVM_GET(sts, PMRSTS_ERR) && NVM_GET(sts, PMRSTS_HSTS) == pmr->health)
		return 0;
	log_error("the persistent memory region reports error 0x%02x, and says: %s\n",
		  NVM_GET(sts, PMRSTS_ERR), health_names[NVM_GET(sts, PMRSTS_HSTS)]);
	return set_errno(EIO);
}

void nvme_pmr_disable(struct nvme_pmr *pmr)
{
	struct nvme_ctrl *ctrl = pmr->ctrl;
	struct transport *tp;
	keep_errno();

	if (!ctrl)
		return;
	/* The device took the mapping with it. */
	if (!ctrl->priv) {
		memset(pmr, 0, sizeof(*pmr));
		return;
	}
	tp = ctrl->pci.dev.transport;
	if (NVM_GET(pmr->cap, PMRCAP_CMSS))
		(void)set_base(ctrl, (iova_t)0, false);
	if (pmr->is_mapped)
		(void)iommu_unmap_vaddr(ctrl->pci.dev.ctx, pmr->vaddr, NULL);
	if (pmr->vaddr && tp->ops->unmap_bar)
		tp->ops->unmap_bar(tp, pmr->bar, pmr->vaddr, pmr->size);
	(void)nvme_reg_write32(ctrl, NVM_REG_PMRCTL, 0);
	memset(pmr, 0, sizeof(*pmr));
}

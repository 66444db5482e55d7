/* SPDX-License-Identifier: MIT */
/*
 * Controller memory buffer: memory of the controller's that queues, lists and
 * data may live in. It is mapped here and in the address space like memory of
 * our own, and the controller is told that this is where it is (CMBMSC.CBA), so
 * that it takes the short way.
 *
 * Spec: NVM Express Base 2.0, "Controller Memory Buffer".
 */
#include <errno.h>

#include <belfry/iommu.h>
#include <belfry/nvme/ctrl.h>
#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "nvme/priv.h"
#include "support/errno.h"

struct cmb_place {
	int bar;
	uint64_t offset;
	uint64_t size;
};

/* Does it begin among the registers, or the doorbells of the queues that were granted? */
static bool over_registers(const struct nvme_ctrl *ctrl, const struct cmb_place *place)
{
	int last = ctrl->config.nsqa > ctrl->config.ncqa ? ctrl->config.nsqa : ctrl->config.ncqa;
	uint64_t doorbells = (uint64_t)(last + 2) * 2 * (4u << ctrl->config.dstrd);

	return place->bar == 0 && place->offset < NVM_REG_DBS + doorbells;
}

/* Where CMBLOC and CMBSZ say the buffer is. Size 0: there is none. */
static int find(struct nvme_ctrl *ctrl, struct cmb_place *place)
{
	uint32_t loc, sz;
	uint64_t unit;

	if (nvme_reg_read32(ctrl, NVM_REG_CMBLOC, &loc) ||
	    nvme_reg_read32(ctrl, NVM_REG_CMBSZ, &sz))
		return -1;

	if (NVM_GET(sz, CMBSZ_SZU) > 6) {
		log_error("CMBSZ 0x%08x: no such unit\n", sz);
		return set_errno(EINVAL);
	}
	unit = UINT64_C(1) << (12 + 4 * NVM_GET(sz, CMBSZ_SZU));
	place->bar = (int)NVM_GET(loc, CMBLOC_BIR);
	place->offset = unit * NVM_GET(loc, CMBLOC_OFST);
	place->size = unit * NVM_GET(sz, CMBSZ_SZ);
	if (place->size && (place->bar == 1 || place->bar > 5)) {
		log_error("CMBLOC 0x%08x: no such BAR\n", loc);
		return set_errno(EINVAL);
	}
	if (place->size && over_registers(ctrl, place)) {
		log_error("CMBLOC 0x%08x: the registers are there\n", loc);
		return set_errno(EINVAL);
	}
	return 0;
}

/* Tell the controller where in the address space its buffer is. */
static int program(struct nvme_ctrl *ctrl)
{
	iova_t cba = ctrl->cmb.iova;
	uint32_t sts;

	if (nvme_reg_write64(ctrl, NVM_REG_CMBMSC,
			     (uint64_t)cba | NVM_SET(1ull, CMBMSC_CRE) |
				     NVM_SET(1ull, CMBMSC_CMSE)) ||
	    nvme_reg_read32(ctrl, NVM_REG_CMBSTS, &sts))
		return -1;
	if (NVM_GET(sts, CMBSTS_CBAI)) {
		log_error("the controller refuses 0x%llx as the address of its memory buffer\n",
			  (unsigned long long)cba);
		return set_errno(EINVAL);
	}
	return 0;
}

static int map(struct nvme_ctrl *ctrl, const struct cmb_place *place)
{
	struct transport *tp = ctrl->pci.dev.transport;
	size_t len = place->size;
	iova_t iova;
	void *vaddr;

	vaddr = tp->ops->map_bar(tp, place->bar, place->offset, &len);
	if (!vaddr)
		return -1;

	/* What does not fit into the BAR cannot be used. */
	len = ALIGN_DOWN(len, __VFN_PAGESIZE);
	if (iommu_map_vaddr(ctrl->pci.dev.ctx, vaddr, len, &iova, 0)) {
		/* The memory is there: it is of a kind that cannot be mapped for a device. */
		if (errno == EFAULT)
			errno = ENOTSUP;
		if (tp->ops->unmap_bar)
			tp->ops->unmap_bar(tp, place->bar, vaddr, len);
		return -1;
	}

	ctrl->cmb.bar = place->bar;
	ctrl->cmb.vaddr = vaddr;
	ctrl->cmb.iova = iova;
	ctrl->cmb.size = len;
	return 0;
}

int nvme_configure_cmb(struct nvme_ctrl *ctrl)
{
	struct transport *tp = ctrl->pci.dev.transport;
	struct cmb_place place;
	int ret;

	if (nvme_check_open(ctrl))
		return -1;
	if (ctrl->cmb.vaddr || !NVM_GET(ctrl->priv->cap, CAP_CMBS))
		return 0;
	if (!tp->ops->map_bar)
		return set_errno(ENOTSUP);

	/* CMBLOC and CMBSZ read as zero until they are enabled. */
	if (nvme_reg_write64(ctrl, NVM_REG_CMBMSC, NVM_SET(1ull, CMBMSC_CRE)))
		return -1;
	ret = find(ctrl, &place);
	if (!ret && place.size)
		ret = map(ctrl, &place);
	if (!ctrl->cmb.vaddr) {
		keep_errno();

		nvme_reg_write64(ctrl, NVM_REG_CMBMSC, 0);
		return ret;
	}
	if (program(ctrl)) {
		nvme_discard_cmb(ctrl);
		return -1;
	}
	return 0;
}

void nvme_discard_cmb(struct nvme_ctrl *ctrl)
{
	struct transport *tp = ctrl->pci.dev.transport;
	keep_errno();

	if (!ctrl->cmb.vaddr)
		return;

	nvme_reg_write64(ctrl, NVM_REG_CMBMSC, 0);
	iommu_unmap_vaddr(ctrl->pci.dev.ctx, ctrl->cmb.vaddr, NULL);
	if (tp->ops->unmap_bar)
		tp->ops->unmap_bar(tp, ctrl->cmb.bar, ctrl->cmb.vaddr, ctrl->cmb.size);
	ctrl->cmb.vaddr = NULL;
	ctrl->cmb.iova = 0;
	ctrl->cmb.size = 0;
	ctrl->cmb.bar = 0;
}

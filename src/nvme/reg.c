/* SPDX-License-Identifier: MIT */
/*
 * Registers. All-ones is what a bus answers for a device that is not there; no
 * register that is read here can have that value otherwise.
 */
#include <errno.h>

#include "nvme/priv.h"
#include "support/errno.h"

static int reg_read(struct nvme_ctrl *ctrl, uint32_t off, unsigned int width, uint64_t *val)
{
	struct transport *tp = ctrl->pci.dev.transport;

	return tp->ops->reg_read(tp, off, width, val);
}

int nvme_reg_read32(struct nvme_ctrl *ctrl, uint32_t off, uint32_t *val)
{
	uint64_t v;

	if (reg_read(ctrl, off, 4, &v))
		return -1;
	*val = (uint32_t)v;
	return *val == UINT32_MAX ? set_errno(ENODEV) : 0;
}

int nvme_reg_read64(struct nvme_ctrl *ctrl, uint32_t off, uint64_t *val)
{
	if (reg_read(ctrl, off, 8, val))
		return -1;
	return *val == UINT64_MAX ? set_errno(ENODEV) : 0;
}

int nvme_reg_write32(struct nvme_ctrl *ctrl, uint32_t off, uint32_t val)
{
	struct transport *tp = ctrl->pci.dev.transport;

	return tp->ops->reg_write(tp, off, 4, val);
}

int nvme_reg_write64(struct nvme_ctrl *ctrl, uint32_t off, uint64_t val)
{
	struct transport *tp = ctrl->pci.dev.transport;

	return tp->ops->reg_write(tp, off, 8, val);
}

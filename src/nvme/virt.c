/* SPDX-License-Identifier: MIT */
/*
 * Secondary controllers: the virtual functions of an SR-IOV drive, managed
 * through the primary controller. Spec: NVM Express Base 2.0, "Virtualization
 * Enhancements".
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/util.h>

#include "nvme/priv.h"
#include "support/errno.h"

static int virt_mgmt(struct nvme_ctrl *pf, uint16_t scid, uint8_t action, uint8_t resource,
		     uint16_t nr)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_VIRT_MGMT};

	cmd.cdw10 = cpu_to_le32(NVM_SET((uint32_t)action, VIRT_MGMT_ACT) |
				NVM_SET((uint32_t)resource, VIRT_MGMT_RT) |
				NVM_SET((uint32_t)scid, VIRT_MGMT_CNTLID));
	cmd.cdw11 = cpu_to_le32(NVM_SET((uint32_t)nr, VIRT_MGMT_NR));
	return nvme_admin(pf, &cmd, NULL, 0, NULL);
}

/* An Identify data structure, 4096 bytes, in memory that is freed by iommu_put_dmabuf(). */
static int identify(struct nvme_ctrl *ctrl, uint8_t cns, uint16_t cntid, struct iommu_dmabuf *buf)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = cns}};
	struct nvme_cqe cqe;

	if (nvme_check_open(ctrl) || nvme_dma_alloc(ctrl, buf, 4096))
		return -1;
	cmd.identify.ctrlid = cpu_to_le16(cntid);
	if (!nvme_admin(ctrl, &cmd, buf->vaddr, 4096, &cqe))
		return 0;

	if (nvme_maybe_lost(&cqe))
		nvme_park(ctrl, buf, NULL);
	iommu_put_dmabuf(buf);
	return -1;
}

int nvme_vm_assign_max_flexible(struct nvme_ctrl *pf, uint16_t scid)
{
	struct nvm_primary_ctrl_cap *cap;
	struct iommu_dmabuf buf;
	uint16_t vq, vi;

	if (identify(pf, NVM_CNS_PRIMARY_CTRL_CAP, 0, &buf))
		return -1;
	cap = buf.vaddr;
	vq = le16_to_cpu(cap->vqfrsm);
	vi = le16_to_cpu(cap->vifrsm);
	iommu_put_dmabuf(&buf);

	if (virt_mgmt(pf, scid, NVM_VIRT_MGMT_ACT_SEC_ASSIGN, NVM_VIRT_MGMT_RT_VQ, vq))
		return -1;
	return virt_mgmt(pf, scid, NVM_VIRT_MGMT_ACT_SEC_ASSIGN, NVM_VIRT_MGMT_RT_VI, vi);
}

int nvme_vm_set_online(struct nvme_ctrl *pf, uint16_t scid)
{
	return virt_mgmt(pf, scid, NVM_VIRT_MGMT_ACT_SEC_ONLINE, 0, 0);
}

int nvme_vm_set_offline(struct nvme_ctrl *pf, uint16_t scid)
{
	return virt_mgmt(pf, scid, NVM_VIRT_MGMT_ACT_SEC_OFFLINE, 0, 0);
}

/* Look through one list of up to 127. Returns how many it had, and the last identifier. */
static int search_list(struct nvme_ctrl *pf, uint16_t from, int vfnum, uint16_t *cntlid,
		       uint16_t *last, bool *found)
{
	struct nvm_secondary_ctrl_list *list;
	struct iommu_dmabuf buf;
	int n;

	if (identify(pf, NVM_CNS_SECONDARY_CTRL_LIST, from, &buf))
		return -1;

	list = buf.vaddr;
	n = list->num;
	if (n > (int)(sizeof(list->entry) / sizeof(list->entry[0])))
		n = (int)(sizeof(list->entry) / sizeof(list->entry[0]));
	for (int i = 0; i < n && !*found; i++) {
		*last = le16_to_cpu(list->entry[i].scid);
		if (le16_to_cpu(list->entry[i].vfn) == vfnum) {
			*cntlid = *last;
			*found = true;
		}
	}
	iommu_put_dmabuf(&buf);
	return n;
}

int nvme_get_vf_cntlid(struct nvme_ctrl *pf, int vfnum, uint16_t *cntlid)
{
	uint16_t from = 0, last = 0;
	bool found = false;

	if (vfnum < 1 || vfnum > UINT16_MAX)
		return set_errno(ENOENT);

	for (;;) {
		int n = search_list(pf, from, vfnum, cntlid, &last, &found);

		if (n < 0)
			return -1;
		if (found)
			return 0;
		/* Identifiers ascend; a list that does not get on is the end. */
		if (!n || last < from || last == UINT16_MAX)
			return set_errno(ENOENT);
		from = (uint16_t)(last + 1);
	}
}

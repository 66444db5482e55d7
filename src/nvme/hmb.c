/* SPDX-License-Identifier: MIT */
/*
 * Host memory buffer. The controller may read and write it at any time while it has it, so it is
 * freed only when the controller has given it back, or has been disabled.
 *
 * Spec: NVM Express Base 2.0, "Host Memory Buffer".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/iommu.h>
#include <belfry/nvme/hmb.h>
#include <belfry/nvme/util.h>
#include <belfry/support/align.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "nvme/priv.h"
#include "support/errno.h"

/* Unit of the sizes in Identify. */
#define HMB_UNIT 4096ull

/* Where the controller sets no limit. */
#define MAX_CHUNKS 1024u

int nvme_hmb_get_info(struct nvme_ctrl *ctrl, struct nvme_hmb_info *info)
{
	const struct nvm_id_ctrl *id;
	struct iommu_dmabuf buf;

	memset(info, 0, sizeof(*info));
	if (nvme_check_open(ctrl) || nvme_identify_ctrl(ctrl, &buf))
		return -1;
	id = buf.vaddr;
	info->preferred = HMB_UNIT * le32_to_cpu(id->hmpre);
	info->min = HMB_UNIT * le32_to_cpu(id->hmmin);
	info->min_chunk = HMB_UNIT * le32_to_cpu(id->hmminds);
	info->max_chunks = le16_to_cpu(id->hmmaxd);
	iommu_put_dmabuf(&buf);
	return 0;
}

static void free_memory(struct nvme_hmb *hmb)
{
	keep_errno();

	for (int i = 0; i < hmb->nr_chunks; i++)
		iommu_put_dmabuf(&hmb->chunks[i]);
	free(hmb->chunks);
	iommu_put_dmabuf(&hmb->list);
	memset(hmb, 0, sizeof(*hmb));
}

/* Pieces of @unit, at least @min_chunk, until there are @size bytes: the largest first. */
static int alloc_chunks(struct nvme_hmb *hmb, size_t size, size_t unit, size_t min_chunk,
			unsigned int max_chunks)
{
	size_t chunk = size;

	hmb->chunks = calloc(max_chunks, sizeof(*hmb->chunks));
	if (!hmb->chunks)
		return -1;
	while (hmb->size < size) {
		size_t left = size - hmb->size;

		/* What is left may be less than the controller takes for a piece. */
		if (chunk > left)
			chunk = left > min_chunk ? left : min_chunk;
		if ((unsigned int)hmb->nr_chunks == max_chunks)
			return set_errno(ENOMEM);
		if (!nvme_dma_alloc(hmb->ctrl, &hmb->chunks[hmb->nr_chunks], chunk)) {
			hmb->size += (size_t)hmb->chunks[hmb->nr_chunks++].len;
		} else {
			if (errno != ENOMEM || chunk / 2 < min_chunk || chunk / 2 < unit)
				return -1;
			chunk = ALIGN_UP(chunk / 2, unit);
		}
	}
	return 0;
}

static int write_list(struct nvme_hmb *hmb, size_t page)
{
	struct nvm_hmb_desc *desc;

	if (nvme_dma_alloc(hmb->ctrl, &hmb->list, (size_t)hmb->nr_chunks * sizeof(*desc)))
		return -1;
	desc = hmb->list.vaddr;
	for (int i = 0; i < hmb->nr_chunks; i++) {
		desc[i].badd = cpu_to_le64((uint64_t)hmb->chunks[i].iova);
		desc[i].bsize = cpu_to_le32((uint32_t)((size_t)hmb->chunks[i].len / page));
	}
	return 0;
}

/* How much to allocate for @asked; 0: what the controller says makes no sense, or too much. */
static size_t pick_size(const struct nvme_hmb_info *info, size_t asked, size_t page, size_t unit,
			size_t min_chunk)
{
	size_t max = asked > NVME_HMB_DEFAULT_MAX ? asked : NVME_HMB_DEFAULT_MAX;
	size_t size = asked ? asked : info->preferred < max ? info->preferred : max;

	if (size >= info->min && size <= SIZE_MAX - unit && (size + unit) / page <= UINT32_MAX &&
	    min_chunk <= ALIGN_UP(max, unit))
		return size < min_chunk ? min_chunk : ALIGN_UP(size, unit);
	log_error("a host memory buffer of %zu bytes: the controller wants %llu, at least %llu, in "
		  "pieces of at least %zu\n",
		  size, (unsigned long long)info->preferred, (unsigned long long)info->min,
		  min_chunk);
	return 0;
}

int nvme_hmb_init(struct nvme_ctrl *ctrl, struct nvme_hmb *hmb, size_t size)
{
	size_t page, unit, min_chunk;
	struct nvme_hmb_info info;

	memset(hmb, 0, sizeof(*hmb));
	if (nvme_hmb_get_info(ctrl, &info))
		return -1;
	if (!info.preferred)
		return set_errno(ENOTSUP);

	page = __mps_to_pagesize(ctrl->config.mps);
	unit = page > __VFN_PAGESIZE ? page : __VFN_PAGESIZE;
	min_chunk = ALIGN_UP(info.min_chunk ? info.min_chunk : unit, unit);
	size = pick_size(&info, size, page, unit, min_chunk);
	if (!size)
		return set_errno(EINVAL);

	hmb->ctrl = ctrl;
	if (alloc_chunks(hmb, size, unit, min_chunk,
			 info.max_chunks && info.max_chunks < MAX_CHUNKS ? info.max_chunks
									 : MAX_CHUNKS) ||
	    write_list(hmb, page)) {
		free_memory(hmb);
		return -1;
	}
	return 0;
}

/* Set Features; *lost: whether the controller has seen it is not known. */
static int set_feature(struct nvme_hmb *hmb, bool enable, bool *lost)
{
	struct nvme_ctrl *ctrl = hmb->ctrl;
	size_t page = __mps_to_pagesize(ctrl->config.mps);
	uint64_t list = (uint64_t)hmb->list.iova;
	union nvme_cmd cmd = {
		.features = {.opcode = NVM_ADMIN_SET_FEATURES, .fid = NVM_FEAT_HOST_MEM_BUF}};
	struct nvme_cqe cqe;
	int ret;

	if (enable) {
		cmd.features.cdw11 = cpu_to_le32(NVM_SET(1u, HOST_MEM_BUF_EHM) |
						 NVM_SET(hmb->is_known ? 1u : 0u, HOST_MEM_BUF_MR));
		cmd.features.cdw12 = cpu_to_le32((uint32_t)(hmb->size / page));
		cmd.features.cdw13 = cpu_to_le32((uint32_t)list);
		cmd.features.cdw14 = cpu_to_le32((uint32_t)(list >> 32));
		cmd.features.cdw15 = cpu_to_le32((uint32_t)hmb->nr_chunks);
	}
	ret = nvme_admin(ctrl, &cmd, NULL, 0, &cqe);
	*lost = ret && nvme_maybe_lost(&cqe);
	return ret;
}

int nvme_hmb_enable(struct nvme_hmb *hmb)
{
	bool lost;

	if (!hmb->ctrl || !hmb->ctrl->priv)
		return set_errno(EINVAL);
	if (!set_feature(hmb, true, &lost)) {
		hmb->is_enabled = hmb->is_known = true;
		return 0;
	}
	if (lost)
		hmb->is_enabled = true;
	return -1;
}

int nvme_hmb_disable(struct nvme_hmb *hmb)
{
	bool lost;

	if (!hmb->ctrl || !hmb->ctrl->priv)
		return set_errno(EINVAL);
	if (set_feature(hmb, false, &lost))
		return -1;
	hmb->is_enabled = false;
	return 0;
}

void nvme_hmb_close(struct nvme_hmb *hmb)
{
	struct nvme_ctrl *ctrl = hmb->ctrl;
	keep_errno();

	if (!ctrl)
		return;
	/* A controller that is closed, or disabled, has nothing of ours. */
	if (hmb->is_enabled && ctrl->priv && ctrl->priv->enabled && nvme_hmb_disable(hmb)) {
		log_error("the host memory buffer stays until the controller is disabled: %m\n");
		for (int i = 0; i < hmb->nr_chunks; i++)
			nvme_park(ctrl, &hmb->chunks[i], NULL);
		nvme_park(ctrl, &hmb->list, NULL);
	}
	free_memory(hmb);
}

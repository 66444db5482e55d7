/* SPDX-License-Identifier: MIT */
/*
 * What the two ways to say where data is have in common.
 */
#ifndef BELFRY_SRC_NVME_MAP_H
#define BELFRY_SRC_NVME_MAP_H

#include <errno.h>
#include <string.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/rq.h>

#include "iommu/translate.h"
#include "support/errno.h"

/* nvme_ctrl.sgl_one_max where the controller has no limit. */
#define NVME_SGL_ONE_MAX IOMMU_SHORT_MAX

/**
 * nvme_not_mapped() - log that the device does not see all of a buffer
 * @vaddr: start of the buffer, or of what is left of it
 * @len: bytes
 *
 * Context: any thread, as log_error().
 * Return: -1: EFAULT.
 */
int nvme_not_mapped(const void *vaddr, size_t len);

/**
 * nvme_too_long() - log that a command's data is too long
 * @len: bytes
 * @max: what MDTS allows
 *
 * Context: any thread, as log_error().
 * Return: -1: EMSGSIZE.
 */
int nvme_too_long(uint64_t len, uint64_t max);

/**
 * nvme_too_many() - log that a command's data is in too many pieces
 * @what: "more pieces than ..."
 *
 * Context: any thread, as log_error().
 * Return: -1: EMSGSIZE.
 */
int nvme_too_many(const char *what);

/**
 * nvme_no_piece() - log that no data can be there
 * @iova: device address, 0 where it is not known
 * @len: bytes
 *
 * Context: any thread, as log_error().
 * Return: -1: EINVAL.
 */
int nvme_no_piece(uint64_t iova, uint64_t len);

/**
 * nvme_translate() - where the device sees the first part of a buffer
 * @ctrl: controller
 * @vaddr: start of the buffer
 * @len: bytes
 * @iova: out: its address
 * @contig: out: bytes that are contiguous there, 1 or more
 *
 * Context: any thread; no lock.
 * Return: 0, or -1: EINVAL @len is 0, EFAULT not mapped.
 */
static inline int nvme_translate(const struct nvme_ctrl *ctrl, const void *vaddr, size_t len,
				 iova_t *iova, size_t *contig)
{
	*contig = len;
	if (likely(iommu_translate_range(ctrl->pci.dev.ctx, vaddr, len, iova)))
		return 0;
	if (!len)
		nvme_no_piece(0, 0);
	else if (iommu_translate_piece(ctrl->pci.dev.ctx, vaddr, len, iova, contig))
		return 0;
	else
		nvme_not_mapped(vaddr, len);
	return -1;
}

/**
 * nvme_put_psdt() - write what kind of data pointer a command has
 * @cmd: command; its other flags stay
 * @psdt: NVME_CMD_FLAGS_PSDT_...
 *
 * Context: any.
 */
static inline void nvme_put_psdt(union nvme_cmd *cmd, unsigned int psdt)
{
	unsigned int others = cmd->flags & ~(NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT);

	cmd->flags = (uint8_t)(others | psdt << NVME_CMD_FLAGS_PSDT_SHIFT);
}

/**
 * nvme_put_words() - write two PRP entries, or an SGL descriptor, with one store
 * @to: 16 bytes
 * @first: lower 8 bytes: PRP1, or an address
 * @second: upper 8 bytes: PRP2, or length, reserved bytes and type
 *
 * They are copied with one load soon after (__nvme_cmd_copy()), which would have to wait for two
 * stores.
 *
 * Context: any.
 */
static inline void nvme_put_words(void *to, uint64_t first, uint64_t second)
{
#ifdef __CHECKER__ /* sparse knows no vectors */
	typedef struct {
		uint64_t first, second;
	} pair;
#else
	typedef uint64_t pair __attribute__((vector_size(16)));
#endif
	const pair words = {(__force uint64_t)cpu_to_le64(first),
			    (__force uint64_t)cpu_to_le64(second)};

	memcpy(to, &words, sizeof(words));
}

/**
 * nvme_put_desc() - write an SGL descriptor with one store
 * @desc: out
 * @iova: address
 * @len: bytes, less than 2^32
 * @type: NVME_SGLD_TYPE_...
 *
 * Context: any.
 */
static inline void nvme_put_desc(struct nvme_sgld *desc, iova_t iova, uint64_t len, uint8_t type)
{
	nvme_put_words(desc, iova, len | (uint64_t)type << (56 + NVME_SGLD_TYPE_SHIFT));
}

/*
 * nvme_rq.detour: why data of a tracker is not to be mapped the short way. Those of the admin queue,
 * which takes no SGLs, have the first for good. With the second there may be a failure to take back.
 */
#define NVME_RQ_DETOUR_ADMIN  (1 << 0)
#define NVME_RQ_DETOUR_FAILED (1 << 1)

/**
 * nvme_rq_mapped_odd() - the cold half of nvme_rq_mapped(): take a failure back
 * @rq: tracker, of which nvme_rq.detour is not 0
 *
 * Context: owner of @rq.
 */
void nvme_rq_mapped_odd(struct nvme_rq *rq);

/**
 * nvme_rq_mapped() - note on a tracker how mapping data through it went
 * @rq: tracker
 * @ret: 0 or -1
 *
 * Context: owner of @rq.
 * Return: @ret; errno is left alone.
 */
static inline int nvme_rq_mapped(struct nvme_rq *rq, int ret)
{
	if (unlikely(ret)) {
		rq->state = NVME_RQ_UNMAPPED;
		rq->detour |= NVME_RQ_DETOUR_FAILED;
		return ret;
	}
	if (unlikely(rq->detour))
		nvme_rq_mapped_odd(rq);
	return 0;
}

#endif /* BELFRY_SRC_NVME_MAP_H */

/* SPDX-License-Identifier: MIT */
/*
 * Host memory buffer: memory of the host's that a controller without enough of its own uses for
 * itself. From nvme_hmb_enable() to nvme_hmb_disable(), or a reset, it belongs to the controller.
 *
 *	struct nvme_hmb hmb;
 *
 *	nvme_hmb_init(&ctrl, &hmb, 0);	as much as the controller likes
 *	nvme_hmb_enable(&hmb);		and again after each nvme_reset() and nvme_enable()
 *	...
 *	nvme_hmb_close(&hmb);		before nvme_close()
 */
#ifndef BELFRY_NVME_HMB_H
#define BELFRY_NVME_HMB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/iommu/dmabuf.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_ctrl;

/**
 * struct nvme_hmb_info - what a controller wants for a host memory buffer
 * @preferred: bytes; 0: it wants none
 * @min: bytes; with less it makes no use of it
 * @min_chunk: bytes of the smallest piece that it takes; 0: any
 * @max_chunks: most pieces; 0: no limit
 */
struct nvme_hmb_info {
	uint64_t preferred, min, min_chunk;
	unsigned int max_chunks;
};

/**
 * struct nvme_hmb - memory for a controller
 * @ctrl: controller; NULL when there is no memory
 * @size: bytes in all
 * @chunks: the pieces
 * @nr_chunks: how many
 * @list: their descriptors
 * @is_enabled: the controller was given the memory, and has not given it back
 */
struct nvme_hmb {
	struct nvme_ctrl *ctrl;
	size_t size;
	struct iommu_dmabuf *chunks;
	int nr_chunks;
	struct iommu_dmabuf list;
	bool is_enabled;

	/* private: the controller had it before, as it is now */
	bool is_known;
};

/**
 * nvme_hmb_get_info() - ask a controller what it wants
 * @ctrl: controller, enabled
 * @info: out
 *
 * Spec: NVM Express Base 2.0, "Identify Controller data structure", HMPRE, HMMIN, HMMINDS, HMMAXD.
 * Context: set-up thread; blocks up to ctrl->timeout_ms.
 * Return: 0, or -1: what Identify gave.
 */
int nvme_hmb_get_info(struct nvme_ctrl *ctrl, struct nvme_hmb_info *info);

/* What a controller gets at most for the asking alone: it may be broken, or lie. */
#define NVME_HMB_DEFAULT_MAX (128ul << 20)

/**
 * nvme_hmb_init() - allocate memory for a controller
 * @ctrl: controller, enabled
 * @hmb: out; may hold anything before; all zero on error
 * @size: bytes; 0 for what the controller prefers, NVME_HMB_DEFAULT_MAX at most
 *
 * In one piece, or where there is none so large, in as few as there are. Rounded up to whole pages.
 *
 * Own: nvme_hmb_close().
 * Context: set-up thread; allocates, and blocks up to ctrl->timeout_ms.
 * Return: 0, or -1: ENOTSUP the controller wants none; EINVAL @size is less than its minimum, more
 * than can be described, or less than its smallest piece, where that is more than
 * NVME_HMB_DEFAULT_MAX; ENOMEM; or what mapping, or Identify, gave.
 */
int nvme_hmb_init(struct nvme_ctrl *ctrl, struct nvme_hmb *hmb, size_t size);

/**
 * nvme_hmb_enable() - give the memory to the controller
 * @hmb: memory
 *
 * The second time, after nvme_hmb_disable() or a reset, the controller is told that it gets back
 * what it had: do not write to it.
 *
 * Spec: NVM Express Base 2.0, "Host Memory Buffer".
 * Context: as nvme_hmb_init(), without allocating.
 * Return: 0, or -1: EINVAL @hmb has no memory; or the errno of Set Features (it has been enabled
 * already, the controller refuses it).
 */
int nvme_hmb_enable(struct nvme_hmb *hmb);

/**
 * nvme_hmb_disable() - take the memory back
 * @hmb: memory
 *
 * Context: as nvme_hmb_enable().
 * Return: 0: the controller does not touch it any more; or -1 as nvme_hmb_enable(): it may.
 */
int nvme_hmb_disable(struct nvme_hmb *hmb);

/**
 * nvme_hmb_close() - take the memory back, and free it
 * @hmb: memory; all zero afterwards, harmless when it is so already
 *
 * When the controller does not give it back, it is freed when the controller is disabled. After
 * nvme_close() it is freed as well; the structure of the controller must still be there.
 *
 * Context: set-up thread; blocks up to ctrl->timeout_ms. errno is preserved.
 */
void nvme_hmb_close(struct nvme_hmb *hmb);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_HMB_H */

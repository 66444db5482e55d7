/* SPDX-License-Identifier: MIT */
/*
 * Data pointers whose lists live in the caller's memory.
 *
 * The same rules and the same code as the tracker's mapping functions
 * (belfry/nvme/rq.h), for lists longer than a tracker's page and for commands
 * that have no tracker. On error the command is unchanged.
 */
#ifndef BELFRY_NVME_MAP_H
#define BELFRY_NVME_MAP_H

#include <sys/uio.h>

#include <belfry/iommu/dma.h>
#include <belfry/nvme/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_ctrl;

/**
 * nvme_map_prp() - point a command at one contiguous buffer, list in caller's pages
 * @ctrl: controller
 * @prplists: list pages (CC.MPS each), contiguous, page aligned and mapped
 * @nprplists: how many pages, 1 or more
 * @cmd: command; PRP1, PRP2 and PSDT are written
 * @iova: device address of the buffer, 4-byte aligned
 * @len: bytes, 1 or more
 *
 * Where the list takes several pages, the last entry of each but the last page
 * points to the next.
 *
 * Own: buffer and list pages stay the caller's and must outlive the command.
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: any thread that owns @cmd and @prplists; no lock, allocation or syscall.
 * Return: 0, or -1: EINVAL misaligned @iova, @len 0 or wrapping, @nprplists below 1,
 *	EFAULT the list pages are not mapped, EMSGSIZE more than the pages or MDTS
 *	hold. On error @cmd is unchanged.
 */
int nvme_map_prp(struct nvme_ctrl *ctrl, leint64_t *prplists, int nprplists, union nvme_cmd *cmd,
		 iova_t iova, size_t len);

/**
 * nvme_mapv_prp() - map an iovec of virtual addresses as PRPs, list in caller's pages
 * @ctrl: controller
 * @prplists: list pages (CC.MPS each), contiguous, page aligned and mapped
 * @nprplists: how many pages, 1 or more
 * @cmd: command; PRP1, PRP2 and PSDT are written
 * @iov: buffers, under the rules of nvme_rq_mapv_prp()
 * @niov: how many, 1 or more
 *
 * Own: as nvme_map_prp().
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: as nvme_map_prp().
 * Return: as nvme_map_prp(); EFAULT also when some byte of a buffer is not mapped.
 */
int nvme_mapv_prp(struct nvme_ctrl *ctrl, leint64_t *prplists, int nprplists, union nvme_cmd *cmd,
		  struct iovec *iov, int niov);

/**
 * nvme_mapv_iova_prp() - map a vector of I/O virtual addresses as PRPs, list in caller's pages
 * @ctrl: controller
 * @prplists: list pages (CC.MPS each), contiguous, page aligned and mapped
 * @nprplists: how many pages, 1 or more
 * @cmd: command; PRP1, PRP2 and PSDT are written
 * @iov: buffers, under the rules of nvme_rq_mapv_prp()
 * @niov: how many, 1 or more
 *
 * Own: as nvme_map_prp().
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: as nvme_map_prp().
 * Return: as nvme_map_prp().
 */
int nvme_mapv_iova_prp(struct nvme_ctrl *ctrl, leint64_t *prplists, int nprplists,
		       union nvme_cmd *cmd, struct iova_vec *iov, int niov);

/**
 * nvme_mapv_sgl() - map an iovec of virtual addresses as an SGL, segment in caller's memory
 * @ctrl: controller
 * @seglist: room for @niov descriptors
 * @seglist_iova: device address of @seglist, 16-byte aligned
 * @cmd: command; the SGL descriptor and PSDT are written
 * @iov: buffers, under the rules of nvme_rq_mapv_sgl()
 * @niov: how many, 1 or more
 *
 * One descriptor in the command itself, more in one last segment. A buffer that
 * takes several descriptors (see nvme_rq_mapv_sgl()) fits where another was
 * merged with its neighbour; use nvme_mapv_sgl_segs() where that may not do.
 *
 * Own: buffers and @seglist stay the caller's and must outlive the command.
 * Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 * Context: as nvme_map_prp().
 * Return: 0, or -1: EFAULT some byte is not mapped, EINVAL bad alignment, no or empty buffers,
 *	EMSGSIZE more than @niov descriptors, MSDBD or MDTS. On error @cmd is unchanged.
 */
int nvme_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_sgld *seglist, iova_t seglist_iova,
		  union nvme_cmd *cmd, struct iovec *iov, int niov);

/**
 * nvme_mapv_iova_sgl() - map a vector of I/O virtual addresses as an SGL, segment in caller's memory
 * @ctrl: controller
 * @seglist: room for @niov descriptors
 * @seglist_iova: device address of @seglist, 16-byte aligned
 * @cmd: command; the SGL descriptor and PSDT are written
 * @iov: buffers, taken as they are
 * @niov: how many, 1 or more
 *
 * Own: as nvme_mapv_sgl().
 * Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 * Context: as nvme_map_prp().
 * Return: as nvme_mapv_sgl(), without EFAULT.
 */
int nvme_mapv_iova_sgl(struct nvme_ctrl *ctrl, struct nvme_sgld *seglist, iova_t seglist_iova,
		       union nvme_cmd *cmd, struct iova_vec *iov, int niov);

/**
 * struct nvme_sgl_seg - memory for one segment of an SGL
 * @descs: descriptors
 * @iova: device address of @descs, 16-byte aligned
 * @nr: how many fit, 2 or more unless it is the last
 */
struct nvme_sgl_seg {
	struct nvme_sgld *descs;
	iova_t iova;
	unsigned int nr;
};

/**
 * nvme_mapv_sgl_segs() - map an iovec of virtual addresses as an SGL of chained segments
 * @ctrl: controller
 * @segs: segments to fill, in order
 * @nsegs: how many, 1 or more
 * @cmd: command; the SGL descriptor and PSDT are written
 * @iov: buffers, under the rules of nvme_rq_mapv_sgl()
 * @niov: how many, 1 or more
 *
 * The last descriptor of a full segment points to the next one; the segment
 * descriptor that points to the last is a Last Segment descriptor.
 *
 * Own: as nvme_mapv_sgl().
 * Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 * Context: as nvme_map_prp().
 * Return: as nvme_mapv_sgl(), EMSGSIZE when all segments are full.
 */
int nvme_mapv_sgl_segs(struct nvme_ctrl *ctrl, const struct nvme_sgl_seg *segs, int nsegs,
		       union nvme_cmd *cmd, struct iovec *iov, int niov);

/**
 * nvme_map_mptr() - point a command at its metadata
 * @ctrl: controller
 * @cmd: command; MPTR is written
 * @buf: metadata, contiguous in the address space, 4-byte aligned and mapped
 * @len: bytes, 1 or more
 *
 * The metadata pointer is an address whichever way the data is mapped, so this
 * may come before or after mapping the data.
 *
 * Own: @buf stays the caller's and must outlive the command.
 * Spec: NVM Express Base 2.0, "Metadata Pointer (MPTR)".
 * Context: as nvme_map_prp().
 * Return: 0, or -1: EINVAL misaligned or empty, EFAULT not mapped, or not in one piece. On
 *	error @cmd is unchanged.
 */
int nvme_map_mptr(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_MAP_H */

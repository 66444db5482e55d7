/* SPDX-License-Identifier: MIT */
/*
 * Request trackers: acquire and release, find the tracker of a completion,
 * prepare, post and execute a command, map its data, wait for it.
 *
 * A submission queue of qsize entries has qsize - 1 trackers (struct nvme_rq),
 * so that a queue filled through trackers never overruns. A tracker is the
 * caller's from acquire to release. Released while its command is in flight, it
 * is quarantined: it comes back to the free stack when the completion arrives
 * or the controller is reset, and not before.
 *
 *	rq = nvme_rq_acquire(sq);
 *	nvme_rq_mapv(ctrl, rq, &cmd, iov, niov);
 *	nvme_rq_exec(rq, &cmd);
 *	...
 *	cqe = nvme_cq_get_cqe(cq);
 *	rq = nvme_rq_from_cqe(ctrl, cqe);
 *	nvme_rq_release(rq);
 */
#ifndef BELFRY_NVME_RQ_H
#define BELFRY_NVME_RQ_H

#include <errno.h>
#include <sys/uio.h>

#include <belfry/iommu/dma.h>
#include <belfry/nvme/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_ctrl;

/* private: cold halves of the inline functions below */
struct nvme_rq *__nvme_rq_acquire_fresh(struct nvme_sq *sq);
void __nvme_rq_release_odd(struct nvme_rq *rq);
struct nvme_rq *__nvme_rq_from_cqe_odd(struct nvme_sq *sq, struct nvme_cqe *cqe);

/**
 * nvme_rq_reset() - forget what the caller attached to a tracker
 * @rq: tracker
 *
 * Context: owner of @rq.
 */
static inline void nvme_rq_reset(struct nvme_rq *rq)
{
	rq->opaque = NULL;
}

/**
 * nvme_rq_acquire() - take a free tracker
 * @sq: submission queue
 *
 * The first tracker taken from a new queue has the highest cid.
 *
 * Own: the tracker is the caller's until nvme_rq_release().
 * Context: owner of @sq, while no other thread uses the atomic pair on @sq. The
 *	first use of a tracker may allocate and map list pages; no lock, allocation
 *	or syscall otherwise.
 * Return: a tracker, or NULL: EBUSY none is free, EINVAL the queue was not created, ENOMEM no
 *	memory for list pages.
 */
static inline struct nvme_rq *nvme_rq_acquire(struct nvme_sq *sq)
{
	size_t top = sq->rq_free_part[__NVME_RQ_FREE_TOP];
	struct nvme_rq *rq;
	__nvme_sq_owned(sq);

	if (unlikely(!top))
		return __nvme_rq_acquire_fresh(sq);

	rq = &sq->rqs[top - 1];
	sq->rq_free_part[__NVME_RQ_FREE_TOP] = (uint16_t)rq->next;
	rq->state = NVME_RQ_ACQUIRED;
	return rq;
}

/**
 * nvme_rq_acquire_atomic() - nvme_rq_acquire() for many threads
 * @sq: submission queue
 *
 * Lock-free (compare-and-swap). A version travels with the top of the stack, so
 * a tracker that was taken and put back meanwhile is noticed (no ABA).
 *
 * Own: as nvme_rq_acquire().
 * Context: any thread; mixes with nvme_rq_release_atomic() of others, not with
 *	the plain pair. The first use of a tracker takes a lock.
 * Return: as nvme_rq_acquire().
 */
static inline struct nvme_rq *nvme_rq_acquire_atomic(struct nvme_sq *sq)
{
	uint64_t head = __atomic_load_n(&sq->rq_free, __ATOMIC_ACQUIRE);
	struct nvme_rq *rq;
	uint64_t next;

	do {
		uint32_t top = head & 0xffff;

		if (unlikely(!top))
			return __nvme_rq_acquire_fresh(sq);

		rq = &sq->rqs[top - 1];
		/* May be stale, when another thread was faster: then the
		 * version has moved on and the exchange fails. */
		next = __atomic_load_n(&rq->next, __ATOMIC_RELAXED);
		next |= (head & ~UINT64_C(0xffff)) + (UINT64_C(1) << 32);
	} while (unlikely(!__atomic_compare_exchange_n(&sq->rq_free, &head, next, false,
						       __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)));

	/* The owner of the completion queue may be looking for deadlines. */
	__atomic_store_n(&rq->state, (uint32_t)NVME_RQ_ACQUIRED, __ATOMIC_RELAXED);
	return rq;
}

/* private: put a tracker on the free stack, on behalf of the queue's owner */
static inline void __nvme_rq_put(struct nvme_sq *sq, struct nvme_rq *rq)
{
	nvme_rq_reset(rq);
	rq->freed = sq->rq_free_part[__NVME_RQ_FREE_TOP];
	sq->rq_free_part[__NVME_RQ_FREE_TOP] = rq->place;
}

/**
 * nvme_rq_release() - give a tracker back
 * @rq: tracker; not to be touched afterwards
 *
 * @rq->opaque is cleared. Released while the command is in flight, the tracker
 * is quarantined. Released twice, it is put back once; the second call changes
 * nothing and is logged.
 *
 * Context: owner of the submission queue, while no other thread uses the atomic
 *	pair on it; for a command in flight also owner of the completion queue.
 */
static inline void nvme_rq_release(struct nvme_rq *rq)
{
	__nvme_sq_owned(rq->sq);
	if (likely(rq->state & __NVME_RQ_RELEASABLE)) {
		__nvme_rq_put(rq->sq, rq);
		return;
	}
	nvme_rq_reset(rq);
	__nvme_rq_release_odd(rq);
}

/**
 * nvme_rq_release_atomic() - nvme_rq_release() for many threads
 * @rq: tracker; not to be touched afterwards
 *
 * Lock-free (compare-and-swap).
 *
 * Context: any thread; mixes with nvme_rq_acquire_atomic() of others, not with
 *	the plain pair. For a command in flight the owner of the completion queue.
 */
static inline void nvme_rq_release_atomic(struct nvme_rq *rq)
{
	struct nvme_sq *sq = rq->sq;
	uint64_t head, next;

	nvme_rq_reset(rq);
	if (unlikely(!(rq->state & __NVME_RQ_RELEASABLE))) {
		__nvme_rq_release_odd(rq);
		return;
	}

	head = __atomic_load_n(&sq->rq_free, __ATOMIC_RELAXED);
	do {
		__atomic_store_n(&rq->freed, (uint64_t)(uint16_t)head, __ATOMIC_RELAXED);
		next = (head & ~UINT64_C(0xffff)) | rq->place;
		/* Release: the next owner sees the tracker as we left it. The
		 * version moves only on acquire; that is enough, since a top
		 * can come back only by being acquired first. */
	} while (unlikely(!__atomic_compare_exchange_n(&sq->rq_free, &head, next, false,
						       __ATOMIC_RELEASE, __ATOMIC_RELAXED)));
}

/**
 * __nvme_rq_from_cqe() - find the tracker of a completion of a known queue
 * @sq: submission queue that the completion's sqid names
 * @cqe: completion, from nvme_cq_get_cqe() or a wait
 *
 * The entry comes from the device: sqid and cid must fit @sq and the tracker's
 * command must have been in flight, else the completion is counted as spurious.
 *
 * Context: owner of the completion queue.
 * Return: the tracker, or NULL: EINVAL the completion belongs to no command that was
 *	in flight on @sq.
 */
static inline struct nvme_rq *__nvme_rq_from_cqe(struct nvme_sq *sq, struct nvme_cqe *cqe)
{
	__nvme_cq_owned(sq->cq);
	if (likely(cqe->cid < sq->nr_rqs && le16_to_cpu(cqe->sqid) == sq->id)) {
		struct nvme_rq *rq = &sq->rqs[cqe->cid];

		if (likely(rq->state == NVME_RQ_COMPLETED))
			return rq;
	}
	return __nvme_rq_from_cqe_odd(sq, cqe);
}

/**
 * nvme_rq_from_cqe() - find the tracker of a completion
 * @ctrl: controller
 * @cqe: completion, from nvme_cq_get_cqe() or a wait
 *
 * As __nvme_rq_from_cqe(), and finds the submission queue too. Of a completed
 * asynchronous event request, NVME_CID_AER is to be taken out of the cid first.
 *
 * Context: owner of the completion queue.
 * Return: the tracker, or NULL: EINVAL the completion belongs to no command that was
 *	in flight.
 */
struct nvme_rq *nvme_rq_from_cqe(struct nvme_ctrl *ctrl, struct nvme_cqe *cqe);

/**
 * nvme_rq_prep_cmd() - tie a command to a tracker
 * @rq: tracker
 * @cmd: command; its cid is set
 *
 * With nvme_sq_post() the command is in flight. Where the last attempt to map
 * data through @rq failed, the command gets the reserved PSDT value 11b as well:
 * a caller that did not look at the result sees the controller refuse the
 * command (Invalid Field) instead of moving data through a stale pointer.
 *
 * Context: owner of @rq.
 */
static inline void nvme_rq_prep_cmd(struct nvme_rq *rq, union nvme_cmd *cmd)
{
	cmd->cid = rq->cid;
	if (unlikely(rq->state == NVME_RQ_UNMAPPED))
		cmd->flags |= NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT;
	rq->state = NVME_RQ_PREPARED;
}

/**
 * nvme_rq_post() - prepare a command and post it; the device is not told
 * @rq: tracker
 * @cmd: command; its cid is set
 *
 * Context: owner of the submission queue; no lock, allocation or syscall.
 */
static inline void nvme_rq_post(struct nvme_rq *rq, union nvme_cmd *cmd)
{
	__nvme_sq_owned(rq->sq);
	nvme_rq_prep_cmd(rq, cmd);
	rq->state = NVME_RQ_INFLIGHT;
	__nvme_sq_put(rq->sq, cmd, rq->cid);
}

/**
 * nvme_rq_exec() - prepare a command, post it and ring the doorbell
 * @rq: tracker
 * @cmd: command; its cid is set
 *
 * Context: as nvme_rq_post() and nvme_sq_update_tail().
 */
static inline void nvme_rq_exec(struct nvme_rq *rq, union nvme_cmd *cmd)
{
	nvme_rq_post(rq, cmd);
	nvme_sq_update_tail(rq->sq);
}

/**
 * nvme_rq_map_prp() - point a command's data pointer at one contiguous buffer
 * @ctrl: controller
 * @rq: tracker; its page is overwritten when the buffer needs a list
 * @cmd: command; PRP1, PRP2 and PSDT are written
 * @iova: device address of the buffer, 4-byte aligned
 * @len: bytes, 1 to 513 pages less the offset into the first; at most what MDTS allows
 *
 * Own: the buffer and its mapping stay the caller's and must outlive the command.
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: owner of @rq; no lock, allocation or syscall.
 * Return: 0, or -1: EINVAL misaligned @iova, @len 0 or wrapping past the end of the address
 *	space, EMSGSIZE more than the list or MDTS holds. On error @cmd is unchanged and
 *	nvme_rq_prep_cmd() will mark what is executed through @rq as invalid.
 */
int nvme_rq_map_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, iova_t iova,
		    size_t len);

/**
 * nvme_rq_mapv_prp() - map an iovec of virtual addresses as PRPs
 * @ctrl: controller
 * @rq: tracker; its page is overwritten when the buffer needs a list
 * @cmd: command; PRP1, PRP2 and PSDT are written
 * @iov: buffers, all of them mapped in the controller's address space. The first may
 *	start at any multiple of 4 bytes and must end on a page boundary unless it is
 *	the only one; the others start on a page boundary and, but for the last, end on one
 * @niov: how many, 1 or more
 *
 * Entries of length 0 are not allowed. "Page" is the controller's (CC.MPS).
 *
 * Own: the buffers and their mappings stay the caller's and must outlive the command.
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: owner of @rq; no lock, allocation or syscall.
 * Return: 0, or -1: EFAULT some byte is not mapped, EINVAL a rule above is broken, EMSGSIZE more
 *	than the list or MDTS holds. On error as nvme_rq_map_prp().
 */
int nvme_rq_mapv_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov);

/**
 * nvme_rq_mapv_iova_prp() - map a vector of I/O virtual addresses as PRPs
 * @ctrl: controller
 * @rq: tracker
 * @cmd: command; PRP1, PRP2 and PSDT are written
 * @iov: buffers, under the rules of nvme_rq_mapv_prp(); taken as they are
 * @niov: how many, 1 or more
 *
 * Own: as nvme_rq_mapv_prp().
 * Spec: NVM Express Base 2.0, "Physical Region Page Entry and List".
 * Context: as nvme_rq_mapv_prp().
 * Return: as nvme_rq_mapv_prp(), without EFAULT.
 */
int nvme_rq_mapv_iova_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  struct iova_vec *iov, int niov);

/**
 * nvme_rq_mapv_sgl() - map an iovec of virtual addresses as an SGL
 * @ctrl: controller
 * @rq: tracker; its page holds the segment when there is more than one descriptor
 * @cmd: command; the SGL descriptor and PSDT are written
 * @iov: buffers, all of them mapped in the controller's address space; any alignment,
 *	unless the controller wants multiples of 4 bytes (NVME_CTRL_F_SGLS_DWORD_ALIGNMENT)
 * @niov: how many, 1 or more
 *
 * A buffer over several mappings, or longer than a descriptor's 32 bits can
 * say, takes several descriptors. Whether the controller supports SGLs at all
 * is not asked: see nvme_rq_mapv().
 *
 * Own: as nvme_rq_mapv_prp().
 * Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 * Context: as nvme_rq_mapv_prp().
 * Return: 0, or -1: EFAULT some byte is not mapped, EINVAL bad alignment, no or empty buffers,
 *	EMSGSIZE more descriptors than the page (256 of 4 KiB) or the controller (MSDBD)
 *	holds, or more bytes than MDTS allows. On error as nvme_rq_map_prp().
 */
int nvme_rq_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov);

/**
 * nvme_rq_mapv_iova_sgl() - map a vector of I/O virtual addresses as an SGL
 * @ctrl: controller
 * @rq: tracker
 * @cmd: command; the SGL descriptor and PSDT are written
 * @iov: buffers, taken as they are
 * @niov: how many, 1 or more
 *
 * Own: as nvme_rq_mapv_prp().
 * Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 * Context: as nvme_rq_mapv_prp().
 * Return: as nvme_rq_mapv_sgl(), without EFAULT.
 */
int nvme_rq_mapv_iova_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  struct iova_vec *iov, int niov);

/**
 * nvme_rq_mapv() - map an iovec the best way that the controller takes
 * @ctrl: controller
 * @rq: tracker
 * @cmd: command; data pointer and PSDT are written
 * @iov: buffers, all of them mapped in the controller's address space
 * @niov: how many, 1 or more
 *
 * An SGL where the controller supports them and @rq is not the admin queue's, PRPs
 * otherwise.
 *
 * Own: as nvme_rq_mapv_prp().
 * Spec: NVM Express Base 2.0, "Identify Controller data structure", SGLS bits 1:0.
 * Context: as nvme_rq_mapv_prp().
 * Return: as nvme_rq_mapv_sgl() or nvme_rq_mapv_prp().
 */
int nvme_rq_mapv(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, struct iovec *iov,
		 int niov);

/**
 * nvme_rq_spin() - spin for one completion, hoping that it is this tracker's
 * @rq: tracker whose command is in flight
 * @cqe_copy: out: the completion; may be NULL
 *
 * Takes one completion from the tracker's completion queue and gives the slot
 * back to the device. Where it is another tracker's it is kept for that one,
 * whose wait, or else the next nvme_cq_get_cqe(), finds it; what is in @cqe_copy is
 * then a copy to look at. One that is no tracker's is kept for nvme_cq_get_cqe(), as
 * long as fewer than 65536 are; further ones are dropped and counted as spurious.
 *
 * There is no deadline, but a device that is gone ends it.
 *
 * Context: owner of the completion queue.
 * Return: 0, or -1: EAGAIN the completion was another's (call again), ENODEV the device is
 *	gone, EIO it reports a fatal status (CSTS.CFS), ECANCELED the command went away
 *	with a reset, EINVAL no command of @rq is in flight, ENOMEM no room to keep
 *	another's completion (it is still in the queue), or the errno of the status in
 *	@cqe_copy (nvme_status_errno()).
 */
int nvme_rq_spin(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);

/**
 * nvme_rq_wait() - wait for this tracker's completion, but not for ever
 * @rq: tracker whose command is in flight
 * @cqe_copy: out: the completion; may be NULL
 * @ts: longest wait, relative, on the monotonic clock; NULL for no limit
 *
 * Like nvme_rq_spin(), but gives up after @ts. After a timeout the command is
 * still in flight: wait again, or release the tracker, which quarantines it.
 * The buffer remains the device's until the completion or a reset.
 *
 * Context: owner of the completion queue.
 * Return: as nvme_rq_spin(); also ETIMEDOUT, and EINVAL where @ts is no valid time.
 */
int nvme_rq_wait(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, struct timespec *ts);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_RQ_H */

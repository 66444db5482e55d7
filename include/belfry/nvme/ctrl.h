/* SPDX-License-Identifier: MIT */
/*
 * Controllers: bring-up, reset, shutdown, and the making of queues.
 *
 * The structure is the caller's memory, the rest is the library's until
 * nvme_close(). What the controller was told of (rings, lists, buffers) is
 * freed only after it has acknowledged the deletion or has been disabled.
 *
 * On a structure that is not open (all zero, as after nvme_close() or a bring-up that failed) what
 * returns 0 or -1 says ENODEV, or EINVAL where the structure counts as an argument, and the rest does
 * nothing: what a program calls late does no harm. What is done for each command (belfry/nvme/queue.h,
 * rq.h, map.h) does not look.
 *
 * Set-up functions of one controller are for one thread at a time. Synchronous
 * admin commands (nvme_admin(), and everything here that sends one) may come
 * from any number of threads.
 */
#ifndef BELFRY_NVME_CTRL_H
#define BELFRY_NVME_CTRL_H

#include <belfry/iommu/dma.h>
#include <belfry/iommu/dmabuf.h>
#include <belfry/nvme/queue.h>
#include <belfry/vfio/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum nvme_quirks - what to do differently for a controller
 * @NVME_QUIRK_BROKEN_DBBUF: no shadow doorbells on the admin queue (which Belfry
 *	never uses anyway)
 * @NVME_QUIRK_NO_DBBUF: no shadow doorbells at all
 * @NVME_QUIRK_NO_SGLS: PRPs even where SGLs are said to be supported
 * @NVME_QUIRK_DELAY_CHK_RDY: wait 2.3 s before looking at CSTS.RDY after a change of CC.EN
 * @NVME_QUIRK_OVERRIDE: exactly the quirks given, whatever the table of known
 *	controllers says
 */
enum nvme_quirks {
	NVME_QUIRK_BROKEN_DBBUF = 1 << 0,
	NVME_QUIRK_NO_DBBUF = 1 << 1,
	NVME_QUIRK_NO_SGLS = 1 << 2,
	NVME_QUIRK_DELAY_CHK_RDY = 1 << 3,
	NVME_QUIRK_OVERRIDE = 1 << 30,
};

/* Default of struct nvme_ctrl_opts' timeout_ms. */
#define NVME_TIMEOUT_MS_DEFAULT 60000

/**
 * struct nvme_ctrl_opts - what to ask a controller for
 * @nsqr: I/O submission queues, 0's based
 * @ncqr: I/O completion queues, 0's based
 * @quirks: of enum nvme_quirks; added to those known for the controller
 * @timeout_ms: deadline of each synchronous command, in milliseconds, from the
 *	bring-up on; 0 for NVME_TIMEOUT_MS_DEFAULT
 */
struct nvme_ctrl_opts {
	int nsqr, ncqr;
	unsigned int quirks;
	unsigned int timeout_ms;
};

static const struct nvme_ctrl_opts nvme_ctrl_opts_default = {63, 63, 0, 0};

/**
 * enum nvme_ctrl_feature_flags - what a controller turned out to be
 * @NVME_CTRL_F_ADMINISTRATIVE: an administrative controller; it has no I/O queues
 * @NVME_CTRL_F_SGLS_SUPPORTED: SGLs may be used in I/O commands
 * @NVME_CTRL_F_SGLS_DWORD_ALIGNMENT: but only in multiples of 4 bytes
 */
enum nvme_ctrl_feature_flags {
	NVME_CTRL_F_ADMINISTRATIVE = 1 << 0,
	NVME_CTRL_F_SGLS_SUPPORTED = 1 << 1,
	NVME_CTRL_F_SGLS_DWORD_ALIGNMENT = 1 << 2,
};

/* Unused; kept for source compatibility. */
#define NVME_CTRL_MPS 0

struct nvme_ctrl_priv;

/**
 * struct nvme_ctrl - controller
 * @pci: the device; first, see __iommu_ctx()
 * @regs: registers, where they can be reached by a pointer, else NULL
 * @sq: submission queues by qid; opts.nsqr + 2 of them
 * @cq: completion queues by qid; opts.ncqr + 2 of them
 * @adminq: the admin queues, after nvme_configure_adminq()
 * @doorbells: doorbell registers, where they can be reached by a pointer, else NULL
 * @dbbuf: shadow doorbells
 * @opts: what was asked for; what is written here afterwards changes nothing
 * @config: what was got: number of submission and completion queues (0's based),
 *	most entries in a queue (0's based), memory page size (2 ^ (12 + mps)), most bytes
 *	in one transfer (0: no limit), most SGL descriptors of a command (msdbd, 0: no limit; the
 *	caller's to set, where it knows of one: Identify has it for fabrics only), log2 of the
 *	distance of two doorbells in 4 bytes
 * @flags: of enum nvme_ctrl_feature_flags
 * @cmb: controller memory buffer, after nvme_configure_cmb()
 * @timeout_ms: deadline of each synchronous command, in milliseconds, at least 1; the
 *	caller may change it at any time
 *
 * All zero after nvme_close().
 */
struct nvme_ctrl {
	struct vfio_pci_device pci;
	void *regs;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	struct {
		struct nvme_sq *sq;
		struct nvme_cq *cq;
	} adminq;
	void *doorbells;
	struct {
		struct iommu_dmabuf doorbells, eventidxs;
	} dbbuf;
	struct nvme_ctrl_opts opts;
	struct {
		int nsqa, ncqa;
		int mqes;
		int mps;
		uint64_t mdts;
		uint32_t msdbd;
		int dstrd;
	} config;
	unsigned long flags;
	struct {
		int bar;
		void *vaddr;
		iova_t iova;
		size_t size;
	} cmb;
	unsigned int timeout_ms;

	/* private: this many bytes at most fit one SGL descriptor whatever their alignment; 0: look
	 * at @config and @flags */
	size_t sgl_one_max;
	struct nvme_ctrl_priv *priv;
};

/* ---- life cycle ---- */

/**
 * nvme_init() - open a controller and bring it up
 * @ctrl: out; may hold anything before. A device that vfio_pci_open() left in
 *	@ctrl->pci is used as it is, and so is an address space in @ctrl->pci.dev.ctx
 * @bdf: where the controller lives; the README has the forms
 * @opts: what to ask for; NULL for nvme_ctrl_opts_default
 *
 * Open, reset, admin queue, enable, Number of Queues, Identify Controller, shadow
 * doorbells. An administrative controller is left after enable.
 *
 * Own: nvme_close() undoes it. After an error there is nothing to undo and @ctrl
 * is all zero, but for EBUSY.
 * Spec: NVM Express Base 2.0, "Memory-based Controller Initialization (PCIe)".
 * Context: any thread; blocks for up to CAP.TO and the deadline of each command.
 * Return: 0, or -1: EBUSY @ctrl is open already, and stays so; EINVAL @bdf makes no sense
 *	(the log says how), @opts out of range or no NVMe controller; ENODEV there is none or it is gone; ETIMEDOUT it did not become
 *	ready; EIO it reported a fatal status; ENOTSUP it cannot do what is needed (page
 *	size, command set); ENOMEM; or what opening the device gave.
 */
int nvme_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts);

/**
 * nvme_ctrl_init() - open a controller and look at it, no more
 * @ctrl: out; as for nvme_init()
 * @bdf: where the controller lives
 * @opts: how many queues to make room for; NULL for nvme_ctrl_opts_default
 *
 * No reset, no enable: config.mqes and config.mps are what CAP says; config.nsqa
 * and config.ncqa stay 0.
 *
 * Own: nvme_close() undoes it.
 * Context: any thread.
 * Return: as nvme_init().
 */
int nvme_ctrl_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts);

/**
 * nvme_pci_init() - open a controller and map its registers
 * @ctrl: out; as for nvme_init()
 * @bdf: where the controller lives
 *
 * Use nvme_ctrl_init().
 *
 * Own: nvme_close() undoes it.
 * Context: any thread.
 * Return: as nvme_init().
 */
int nvme_pci_init(struct nvme_ctrl *ctrl, const char *bdf) __attribute__((deprecated));

/**
 * nvme_close() - shut the controller down and give everything back
 * @ctrl: controller; all zero afterwards, harmless when it is so already
 *
 * In a child of the process that opened the controller, only @ctrl is zeroed: it is the parent's.
 *
 * Shutdown notification, CC.EN = 0, wait; then the memory. Where the controller
 * does not answer, its DMA is ended by closing the device before memory goes.
 * Trackers, queues and mappings of the address space, unless it is shared, are
 * gone.
 *
 * Spec: NVM Express Base 2.0, "Memory-based Controller Shutdown (PCIe)".
 * Context: one thread, nobody else using @ctrl; blocks as nvme_reset() does.
 */
void nvme_close(struct nvme_ctrl *ctrl);

/* What a controller asks for itself is waited for, up to this: it may be broken, or lie. */
#define NVME_READY_MAX_MS \
	300000 /* of CRTO, and of PMRCAP.PMRTO; CAP.TO cannot say more than 128 s */
#define NVME_SHUTDOWN_MAX_MS 60000 /* of RTD3E */

/**
 * nvme_reset() - disable the controller and start its queues anew
 * @ctrl: controller
 *
 * Only CC.EN changes. Afterwards no queue exists in the controller; the rings
 * here are empty, at their first lap; commands that were in flight are gone:
 * waits for them end with ECANCELED, quarantined trackers and those of event
 * requests are free again, the others are still their callers' to release.
 * Re-creating a queue under the same qid replaces it. Commands of nvme_rq_submit() with a
 * callback end with NVM_SC_HOST_ABORTED by the next nvme_cq_poll(): poll before re-creating. A reset
 * by the ladder (nvme_recover()) needs nothing of this.
 *
 * Spec: NVM Express Base 2.0, "Controller Level Reset".
 * Context: one thread, nobody else using @ctrl; waits up to 500 ms * (CAP.TO + 1), or as CRTO says
 *	where that is longer, and no longer than NVME_READY_MAX_MS; sleeping.
 * Return: 0, or -1: ENODEV the device is gone, ETIMEDOUT it did not disable (it still owns its
 *	queues, so they are as they were), EPERM another process has opened it.
 */
int nvme_reset(struct nvme_ctrl *ctrl);

/**
 * nvme_enable() - enable the controller and wait until it is ready
 * @ctrl: controller, disabled, its admin queue configured
 *
 * What was set before a reset is set again: number of queues, shadow doorbells, Keep Alive Timer,
 * Asynchronous Event Configuration.
 *
 * Spec: NVM Express Base 2.0, "Memory-based Controller Initialization (PCIe)".
 * Context: as nvme_reset().
 * Return: 0, or -1: ENODEV the device is gone, ETIMEDOUT not ready within CAP.TO, EIO CSTS.CFS,
 *	ENOTSUP no common page size or command set, or as nvme_admin().
 */
int nvme_enable(struct nvme_ctrl *ctrl);

/**
 * nvme_shutdown() - let the controller prepare for power off
 * @ctrl: controller, enabled
 *
 * A normal shutdown: CC.SHN = 01b, wait for CSTS.SHST = 10b. nvme_close() does it too.
 *
 * Spec: NVM Express Base 2.0, "Memory-based Controller Shutdown (PCIe)".
 * Context: one thread; sleeps, up to RTD3E, but no less than 10 s and no more than
 *	NVME_SHUTDOWN_MAX_MS.
 * Return: 0, or -1: ENODEV the device is gone, ETIMEDOUT, EIO CSTS.CFS.
 */
int nvme_shutdown(struct nvme_ctrl *ctrl);

/**
 * nvme_shutdown_abrupt() - nvme_shutdown() when there is no time left
 * @ctrl: controller, enabled
 *
 * CC.SHN = 10b: what the controller would do at leisure is left out.
 *
 * Spec: NVM Express Base 2.0, "Memory-based Controller Shutdown (PCIe)".
 * Context: as nvme_shutdown().
 * Return: as nvme_shutdown().
 */
int nvme_shutdown_abrupt(struct nvme_ctrl *ctrl);

/**
 * nvme_get_ctrl() - find a controller in the process's registry
 * @bdf: the name that it was opened by
 *
 * Context: any thread.
 * Return: the controller, or NULL when there is none; errno is left alone.
 */
struct nvme_ctrl *nvme_get_ctrl(const char *bdf);

/**
 * nvme_add_ctrl() - put a controller into the process's registry
 * @ctrl: open controller; remove it before it is closed
 *
 * Context: any thread.
 * Return: 0, or -1: EEXIST one of that name is there, EINVAL @ctrl is not open, ENOMEM.
 */
int nvme_add_ctrl(struct nvme_ctrl *ctrl);

/**
 * nvme_del_ctrl() - take a controller out of the process's registry
 * @ctrl: controller
 *
 * Context: any thread.
 * Return: 0, or -1: ENODEV it is not there.
 */
int nvme_del_ctrl(struct nvme_ctrl *ctrl);

/* ---- queues: this side only ---- */

/**
 * nvme_configure_cq() - make a completion queue on this side only
 * @ctrl: controller
 * @qid: queue identifier, 0 .. opts.ncqr + 1
 * @qsize: entries, 2 .. config.mqes + 1
 * @vector: interrupt vector, -1 for none
 *
 * What was configured under @qid before is discarded (nvme_discard_cq()).
 *
 * Own: the ring is freed by nvme_discard_cq() or nvme_close().
 * Context: set-up thread.
 * Return: 0, or -1: EINVAL @qid, @qsize or @vector out of range, EBUSY the queue of that @qid
 *	still has submission queues, ENODEV the device is gone, ENOMEM. On error nothing changed.
 */
int nvme_configure_cq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector);

/**
 * nvme_configure_sq() - make a submission queue on this side only
 * @ctrl: controller
 * @qid: queue identifier, 0 .. opts.nsqr + 1
 * @qsize: entries, 2 .. config.mqes + 1
 * @cq: completion queue that completions arrive on, configured
 * @flags: as for nvme_create_iosq(); they are the command's, and mean nothing on this side
 *
 * Own: as nvme_configure_cq().
 * Context: set-up thread.
 * Return: as nvme_configure_cq(); EINVAL also for other @flags.
 */
int nvme_configure_sq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		      unsigned long flags);

/**
 * nvme_configure_cq_mem() - nvme_configure_cq() with the caller's memory for the ring
 * @ctrl: controller
 * @qid: queue identifier
 * @qsize: entries
 * @vector: interrupt vector, -1 for none
 * @mem: ring, mapped, aligned to the controller's page (config.mps) in the address space, at
 *	least 16 * @qsize bytes; the structure is copied
 *
 * Own: the memory stays the caller's and must outlive the queue.
 * Context: set-up thread.
 * Return: as nvme_configure_cq(); EINVAL also when @mem is NULL, too small or misaligned.
 */
int nvme_configure_cq_mem(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			  struct iommu_dmabuf *mem);

/**
 * nvme_configure_sq_mem() - nvme_configure_sq() with the caller's memory for the ring
 * @ctrl: controller
 * @qid: queue identifier
 * @qsize: entries
 * @cq: completion queue, configured
 * @flags: as for nvme_configure_sq()
 * @mem: ring, mapped and aligned as for nvme_configure_cq_mem(), at least 64 * @qsize bytes; the
 *	structure is copied
 *
 * Own: the memory stays the caller's and must outlive the queue.
 * Context: set-up thread.
 * Return: as nvme_configure_cq_mem() and nvme_configure_sq().
 */
int nvme_configure_sq_mem(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			  unsigned long flags, struct iommu_dmabuf *mem);

/**
 * nvme_configure_adminq() - make the admin queues and program AQA, ASQ and ACQ
 * @ctrl: controller, disabled
 * @sq_flags: as for nvme_configure_sq()
 *
 * Own: as nvme_configure_cq().
 * Context: set-up thread.
 * Return: as nvme_configure_sq(), but after an error there are no admin queues.
 */
int nvme_configure_adminq(struct nvme_ctrl *ctrl, unsigned long sq_flags);

/**
 * nvme_configure_adminq_mem() - nvme_configure_adminq() with the caller's memory for the rings
 * @ctrl: controller, disabled
 * @flags: as for nvme_configure_sq()
 * @cq_mem: completion ring; its length gives the size, 2 .. 4096 entries
 * @sq_mem: submission ring; likewise
 *
 * Own: the memory stays the caller's and must outlive the queues.
 * Context: set-up thread.
 * Return: as nvme_configure_sq_mem().
 */
int nvme_configure_adminq_mem(struct nvme_ctrl *ctrl, unsigned long flags,
			      struct iommu_dmabuf *cq_mem, struct iommu_dmabuf *sq_mem);

/**
 * nvme_discard_cq() - forget a completion queue on this side
 * @ctrl: controller
 * @cq: queue; all zero afterwards, harmless when it is so already
 *
 * Where nvme_create_iocq() or nvme_create_iosq() made the queue in the controller
 * and it still has it, the ring is set aside until the controller is disabled.
 *
 * Context: set-up thread, nobody else using the queue.
 */
void nvme_discard_cq(struct nvme_ctrl *ctrl, struct nvme_cq *cq);

/**
 * nvme_discard_sq() - forget a submission queue on this side
 * @ctrl: controller
 * @sq: queue; all zero afterwards, harmless when it is so already
 *
 * As nvme_discard_cq(). Its trackers are gone, and so are completions that nobody has taken.
 *
 * Context: set-up thread, nobody else using the queue or its completion queue.
 */
void nvme_discard_sq(struct nvme_ctrl *ctrl, struct nvme_sq *sq);

/* ---- queues: here and in the controller ---- */

/**
 * nvme_create_iocq() - make an I/O completion queue, here and in the controller
 * @ctrl: controller, enabled
 * @qid: queue identifier, 1 .. config.ncqa + 1
 * @qsize: entries, 2 .. config.mqes + 1
 * @vector: interrupt vector, -1 for none
 *
 * Own: nvme_delete_iocq() or nvme_close().
 * Spec: NVM Express Base 2.0, "Create I/O Completion Queue command".
 * Context: set-up thread; blocks up to ctrl->timeout_ms.
 * Return: 0, or -1: as nvme_configure_cq(), EEXIST the controller has a queue @qid of ours
 *	already, or the errno of the command. On error nothing is left behind.
 */
int nvme_create_iocq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector);

/**
 * nvme_create_iosq() - make an I/O submission queue, here and in the controller
 * @ctrl: controller, enabled
 * @qid: queue identifier, 1 .. config.nsqa + 1
 * @qsize: entries, 2 .. config.mqes + 1
 * @cq: completion queue, created
 * @flags: of enum nvme_cmd_create_q_flags: the NVME_SQ_QPRIO_ class, and NVME_Q_PC, which is set
 *	in any case; others are EINVAL
 *
 * Own: nvme_delete_iosq() or nvme_close().
 * Spec: NVM Express Base 2.0, "Create I/O Submission Queue command".
 * Context: as nvme_create_iocq().
 * Return: as nvme_create_iocq().
 */
int nvme_create_iosq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		     unsigned long flags);

/**
 * nvme_create_ioqpair() - make a completion queue and a submission queue of one qid
 * @ctrl: controller, enabled
 * @qid: queue identifier
 * @qsize: entries in each
 * @vector: interrupt vector, -1 for none
 * @flags: as for nvme_create_iosq()
 *
 * Own: nvme_delete_ioqpair() or nvme_close().
 * Context: as nvme_create_iocq().
 * Return: as nvme_create_iocq(); on error neither is left behind.
 */
int nvme_create_ioqpair(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			unsigned long flags);

/**
 * nvme_delete_iocq() - delete an I/O completion queue, in the controller and here
 * @ctrl: controller
 * @qid: queue identifier; no submission queue uses it any more
 *
 * Spec: NVM Express Base 2.0, "Delete I/O Completion Queue command".
 * Context: as nvme_create_iocq().
 * Return: 0, or -1: EINVAL no such queue, EBUSY it has submission queues, or the errno of
 *	the command. On error the queue is as it was, and its memory stays.
 */
int nvme_delete_iocq(struct nvme_ctrl *ctrl, int qid);

/**
 * nvme_delete_iosq() - delete an I/O submission queue, in the controller and here
 * @ctrl: controller
 * @qid: queue identifier
 *
 * Its trackers are gone with it, and so are completions that nobody has taken.
 *
 * Spec: NVM Express Base 2.0, "Delete I/O Submission Queue command".
 * Context: as nvme_create_iocq(), nobody else using the queue or its completion queue.
 * Return: 0, or -1: EINVAL no such queue, or the errno of the command. On error the queue is
 *	as it was, and its memory stays.
 */
int nvme_delete_iosq(struct nvme_ctrl *ctrl, int qid);

/**
 * nvme_delete_ioqpair() - delete what nvme_create_ioqpair() made
 * @ctrl: controller
 * @qid: queue identifier
 *
 * Context: as nvme_delete_iosq().
 * Return: as nvme_delete_iosq() and nvme_delete_iocq(); the call may be repeated.
 */
int nvme_delete_ioqpair(struct nvme_ctrl *ctrl, int qid);

/* ---- controller memory buffer ---- */

/**
 * nvme_configure_cmb() - make the controller memory buffer usable
 * @ctrl: controller
 *
 * Maps the buffer here and for DMA, and programs CMBMSC where the controller has it.
 *
 * Own: @ctrl->cmb until nvme_discard_cmb() or nvme_close().
 * Spec: NVM Express Base 2.0, "Controller Memory Buffer".
 * Context: set-up thread.
 * Return: 0, also where there is none: then @ctrl->cmb.vaddr is NULL; or -1: ENOTSUP it cannot
 *	be mapped, EINVAL its place or size makes no sense, ENOMEM.
 */
int nvme_configure_cmb(struct nvme_ctrl *ctrl);

/**
 * nvme_discard_cmb() - undo nvme_configure_cmb()
 * @ctrl: controller; harmless when there is nothing to undo
 *
 * Context: set-up thread, nothing in the buffer being used any more.
 */
void nvme_discard_cmb(struct nvme_ctrl *ctrl);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_CTRL_H */

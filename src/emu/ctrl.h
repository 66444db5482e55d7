/* SPDX-License-Identifier: MIT */
/*
 * The embedded controller from the inside.
 *
 * Everything in struct emu_ctrl belongs to the controller's own thread unless
 * its comment says otherwise; other threads get at it by having that thread
 * run a function for them (emu_call()). So there is no lock on the way of a
 * command.
 *
 * The engine (engine.c, regs.c, queue.c, dma.c, irq.c, fault.c, config.c) moves
 * commands, data and completions; the command sets (admin*.c, nvm*.c, ns*.c,
 * log*.c, feature.c, identify.c, event.c) carry them out. The seam between the
 * two is struct emu_req and the functions declared at the end.
 */
#ifndef BELFRY_EMU_CTRL_H
#define BELFRY_EMU_CTRL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <belfry/nvme/spec.h>
#include <belfry/nvme/types.h>

#include "emu/device.h"

#define EMU_MAX_NS 256
/* Commands that may be held without an answer: AERs, delayed completions. */
#define EMU_MAX_AERS 16
/* Granularity of the domain's mappings; memory pages (ctrl->page_size) are multiples of it. */
#define EMU_PAGE 4096u

struct emu_ns;	   /* namespace; ns.h */
struct emu_admin;  /* state of the admin command set: features, logs, events; admin.h */
struct emu_config; /* parsed options; config.h */
struct emu_faults; /* fault script; fault.h */
struct emu_held;   /* completion that is held back; held.h */

/* The memory of a queue. */
struct emu_ring {
	uint8_t **pages; /* host addresses of its pages of EMU_PAGE bytes */
	uint32_t nr_pages;
	bool mapped; /* pages[] is right for the present mappings of the domain ... */
	bool remote; /* ... and has pages of a shadow */
};

/* A completion queue as the controller sees it. */
struct emu_cq {
	bool valid;
	bool irq_enabled;
	bool phase;
	uint16_t qid;
	uint16_t vector;
	uint32_t qsize;
	uint32_t head; /* last value of the head doorbell that made sense */
	uint32_t tail;
	uint64_t iova;
	uint32_t nr_sqs; /* submission queues that complete here */

	/* the engine's own */
	uint32_t *db;	 /* head doorbell: in the BAR or the shadow of it */
	uint32_t raw;	 /* what was last read there */
	uint32_t posted; /* entries posted since interrupts were last looked after */
	struct emu_ring ring;
	struct emu_held *blocked; /* completions that wait for a free entry, oldest first */
};

/* A submission queue as the controller sees it. */
struct emu_sq {
	bool valid;
	uint8_t prio;
	uint8_t bad_flags; /* bits of a command's flags that must not be set on this queue */
	uint16_t qid;
	uint16_t cqid;
	uint32_t qsize;
	uint32_t head;
	uint32_t tail; /* last value of the tail doorbell that made sense */
	uint64_t iova;

	/* the engine's own */
	uint32_t *db;
	uint32_t raw;
	struct emu_cq *cq;
	struct emu_ring ring;
};

/* Direction of a transfer, seen from the host's memory. */
enum emu_dir {
	EMU_FROM_HOST, /* the device reads host memory */
	EMU_TO_HOST,   /* the device writes host memory */
};

/*
 * A command being carried out. It lives from fetch to completion; the command
 * sets fill in dw0 and dw1 and return the status.
 */
struct emu_req {
	struct emu_ctrl *ctrl;
	struct emu_sq *sq;
	union nvme_cmd cmd;
	uint16_t cid;
	uint32_t dw0, dw1;

	/* The data pointer, walked: filled by emu_data_map(). iov_base NULL is a
	 * bit bucket. */
	struct iovec *iov;
	int niov;
	size_t data_len;
	enum emu_dir dir;

	/* Buffer behind iov where it is longer than the inline one. */
	struct iovec iov_inline[8];
	int iov_cap;
};

/* Returned by a command set instead of a status: the completion comes later,
 * through emu_complete(). */
#define EMU_NO_COMPLETION 0xffffu

/* Memory of the controller's that its commands can use. */
struct emu_space {
	uint8_t *mem;  /* NULL: there is none */
	uint64_t iova; /* where in the address space, ... */
	uint64_t len;  /* ... and how much of it; 0: none now */
};

/* The persistent memory region; pmr.c. */
struct emu_pmr {
	struct emu_space space;
	uint64_t len; /* bytes that there are */
	uint32_t ctl, mscl, mscu;
};

struct emu_ctrl {
	/* hot: the engine's loop */
	struct emu_domain *dom;
	struct emu_sq *sqs; /* by qid; nr_queues + 1 of each */
	struct emu_cq *cqs;
	uint32_t nr_queues; /* I/O queue pairs that the controller has */
	uint32_t page_size; /* from CC.MPS, bytes */
	uint32_t arb_burst; /* commands taken from a queue in a row; Arbitration feature */
	bool enabled;	    /* CC.EN and CSTS.RDY */

	/* IOVAs from the first to the last that never leave the controller; own_len 0: none now */
	uint64_t own_iova;
	uint64_t own_len;
	struct emu_space cmb;
	struct emu_pmr pmr;

	struct emu_config *cfg;		   /* set at creation, read-only */
	struct emu_ns *ns[EMU_MAX_NS + 1]; /* by NSID; NULL: not allocated */
	struct emu_admin *admin;
	struct emu_faults *faults;
	struct emu_stats stats;

	/* the engine's own: thread, mailbox, BARs, interrupts, shadow doorbells */
	struct emu_engine *engine;
};

/* ---- what the engine gives to the command sets ---- */

/**
 * emu_data_map() - walk a command's PRPs or SGL and translate every byte
 * @req: command
 * @len: bytes that the command transfers; 0 is allowed
 * @dir: direction
 *
 * Own: req->iov is the engine's until the command completes.
 * Context: the controller's thread.
 * Return: 0, or the NVMe status that the command must end with (15-bit status field).
 */
uint16_t emu_data_map(struct emu_req *req, size_t len, enum emu_dir dir);

/**
 * emu_data_read() - copy from the host's buffer
 * @req: command, mapped with EMU_FROM_HOST
 * @off: offset in the buffer, bytes
 * @dst: where to
 * @len: bytes
 *
 * Context: the controller's thread.
 */
void emu_data_read(struct emu_req *req, size_t off, void *dst, size_t len);

/**
 * emu_data_write() - copy to the host's buffer
 * @req: command, mapped with EMU_TO_HOST
 * @off: offset in the buffer, bytes
 * @src: where from
 * @len: bytes
 *
 * Context: the controller's thread.
 */
void emu_data_write(struct emu_req *req, size_t off, const void *src, size_t len);

/**
 * emu_reply() - map and copy an answer of the controller's to the host in one step
 * @req: command
 * @src: the answer
 * @len: bytes
 *
 * Context: the controller's thread.
 * Return: 0 or the NVMe status.
 */
uint16_t emu_reply(struct emu_req *req, const void *src, size_t len);

/**
 * emu_fetch() - map and copy the host's whole buffer in one step
 * @req: command
 * @dst: where to
 * @len: bytes
 *
 * Context: the controller's thread.
 * Return: 0 or the NVMe status.
 */
uint16_t emu_fetch(struct emu_req *req, void *dst, size_t len);

/**
 * emu_dma() - copy between a flat range of IOVAs and the controller (metadata pointer)
 * @ctrl: controller
 * @iova: device address, any alignment
 * @buf: the controller's side
 * @len: bytes
 * @dir: direction
 *
 * Context: the controller's thread.
 * Return: 0 or the NVMe status (Data Transfer Error).
 */
uint16_t emu_dma(struct emu_ctrl *ctrl, uint64_t iova, void *buf, size_t len, enum emu_dir dir);

/**
 * emu_dma_check() - would emu_dma() find all of a range
 * @ctrl: controller
 * @iova: device address, any alignment
 * @len: bytes
 * @dir: direction
 *
 * A client that is asked for its memory may refuse it all the same.
 *
 * Context: the controller's thread.
 * Return: 0 or the NVMe status (Data Transfer Error), and the fault is counted.
 */
uint16_t emu_dma_check(struct emu_ctrl *ctrl, uint64_t iova, size_t len, enum emu_dir dir);

/**
 * emu_complete() - post a completion of a command that was held back
 * @ctrl: controller
 * @sqid: submission queue that the command came from
 * @cid: its command identifier
 * @status: 15-bit status field
 * @dw0: command-specific result
 *
 * Context: the controller's thread.
 */
void emu_complete(struct emu_ctrl *ctrl, uint16_t sqid, uint16_t cid, uint16_t status,
		  uint32_t dw0);

/**
 * emu_abort_held() - end a command whose completion a fault delays
 * @ctrl: controller
 * @sqid: submission queue
 * @cid: command identifier
 *
 * Context: the controller's thread.
 * Return: true when there was such a command; it completes with Command Abort Requested.
 */
bool emu_abort_held(struct emu_ctrl *ctrl, uint16_t sqid, uint16_t cid);

/**
 * emu_violation() - the driver did what the specification forbids
 * @ctrl: controller
 * @fmt: what, printf style
 * @...: its arguments
 *
 * Counted, logged, and kept as the last one.
 *
 * Context: the controller's thread.
 */
void emu_violation(struct emu_ctrl *ctrl, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Queues: the engine has the mechanism, the admin command set the rules. */

/**
 * emu_cq_start() - bring a completion queue to life
 * @ctrl: controller
 * @cq: template with qid, qsize, iova, vector and irq_enabled set; all checked
 *
 * Context: the controller's thread.
 * Return: 0 or the NVMe status (ring not reachable: Data Transfer Error).
 */
uint16_t emu_cq_start(struct emu_ctrl *ctrl, const struct emu_cq *cq);

/**
 * emu_sq_start() - bring a submission queue to life
 * @ctrl: controller
 * @sq: template with qid, qsize, iova, cqid and prio set; all checked
 *
 * Context: the controller's thread.
 * Return: 0 or the NVMe status.
 */
uint16_t emu_sq_start(struct emu_ctrl *ctrl, const struct emu_sq *sq);

/**
 * emu_cq_stop() - forget a completion queue
 * @ctrl: controller
 * @qid: queue; valid, with no submission queue left
 *
 * Context: the controller's thread.
 */
void emu_cq_stop(struct emu_ctrl *ctrl, uint16_t qid);

/**
 * emu_sq_stop() - forget a submission queue, and every held command of it
 * @ctrl: controller
 * @qid: queue; valid
 *
 * Context: the controller's thread.
 */
void emu_sq_stop(struct emu_ctrl *ctrl, uint16_t qid);

/**
 * emu_dbbuf_config() - use shadow doorbells from now on
 * @ctrl: controller
 * @doorbells: IOVA of the shadow doorbell page, checked for alignment
 * @eventidxs: IOVA of the event index page
 *
 * Context: the controller's thread.
 * Return: 0 or the NVMe status.
 */
uint16_t emu_dbbuf_config(struct emu_ctrl *ctrl, uint64_t doorbells, uint64_t eventidxs);

/**
 * emu_irq_coalesce() - the Interrupt Coalescing feature
 * @ctrl: controller
 * @thr: aggregation threshold, completions, 0's based; 0 switches coalescing off
 * @time_100us: aggregation time, units of 100 microseconds; 0 switches coalescing off
 *
 * Spec: NVM Express Base 2.0, "Interrupt Coalescing".
 * Context: the controller's thread.
 */
void emu_irq_coalesce(struct emu_ctrl *ctrl, uint8_t thr, uint8_t time_100us);

/**
 * emu_irq_coalesce_vector() - the Interrupt Vector Configuration feature
 * @ctrl: controller
 * @vector: vector, below cfg->vectors
 * @disable: Coalescing Disable
 *
 * Spec: NVM Express Base 2.0, "Interrupt Vector Configuration".
 * Context: the controller's thread.
 */
void emu_irq_coalesce_vector(struct emu_ctrl *ctrl, uint16_t vector, bool disable);

/**
 * emu_call() - run a function on the controller's thread and wait for it
 * @ctrl: controller
 * @fn: function
 * @arg: its argument
 *
 * Context: any thread but the controller's.
 */
void emu_call(struct emu_ctrl *ctrl, void (*fn)(struct emu_ctrl *ctrl, void *arg), void *arg);

/* ---- what the command sets give to the engine ---- */

/**
 * emu_admin_init() - state of the admin command set, and the namespaces of cfg
 * @ctrl: controller with cfg set
 *
 * Context: before the thread starts.
 * Return: 0, or -1 with errno of what failed and nothing left behind.
 */
int emu_admin_init(struct emu_ctrl *ctrl);

/**
 * emu_admin_exit() - flush and close the namespaces, free the state
 * @ctrl: controller
 *
 * Context: after the thread has stopped.
 */
void emu_admin_exit(struct emu_ctrl *ctrl);

/**
 * emu_admin_reset() - what a controller reset does to features, logs and events
 * @ctrl: controller
 *
 * Outstanding event requests are forgotten, features return to their saved or
 * default values.
 *
 * Context: the controller's thread.
 */
void emu_admin_reset(struct emu_ctrl *ctrl);

/**
 * emu_admin_shutdown() - prepare for power off: flush every namespace
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_admin_shutdown(struct emu_ctrl *ctrl);

/**
 * emu_admin_tick() - time passes: keep-alive timer, pending events
 * @ctrl: controller
 * @now_ns: monotonic clock
 *
 * Context: the controller's thread, a few times a second at least while enabled.
 */
void emu_admin_tick(struct emu_ctrl *ctrl, uint64_t now_ns);

/**
 * emu_admin_exec() - carry out an admin command
 * @req: command
 *
 * Context: the controller's thread.
 * Return: 15-bit status field, or EMU_NO_COMPLETION.
 */
uint16_t emu_admin_exec(struct emu_req *req);

/**
 * emu_nvm_exec() - carry out an NVM command (incl. the pairing of fused commands)
 * @req: command
 *
 * Context: the controller's thread.
 * Return: 15-bit status field, or EMU_NO_COMPLETION.
 */
uint16_t emu_nvm_exec(struct emu_req *req);

/**
 * emu_log_error() - add an entry to the Error Information log
 * @req: command that ended with an error
 * @status: its status
 *
 * Context: the controller's thread.
 */
void emu_log_error(struct emu_req *req, uint16_t status);

/**
 * emu_log_other_error() - add an entry about an error that is no command's
 * @ctrl: controller
 * @status: the status that says best what it is
 *
 * Spec: NVM Express Base 2.0, "Error Information".
 * Context: the controller's thread.
 */
void emu_log_other_error(struct emu_ctrl *ctrl, uint16_t status);

/**
 * emu_event() - an asynchronous event has happened
 * @ctrl: controller
 * @type: event type
 * @info: event information
 * @lid: log page that tells more
 *
 * Context: the controller's thread.
 * Return: 0, or -1: ENOSPC too many wait.
 */
int emu_event(struct emu_ctrl *ctrl, unsigned int type, unsigned int info, unsigned int lid);

#endif /* BELFRY_EMU_CTRL_H */

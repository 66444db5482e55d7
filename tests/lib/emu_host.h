/* SPDX-License-Identifier: MIT */
/*
 * A host for the emulated controller's own tests: raw rings in mapped memory and
 * nothing of the driver, so that the two are not tested against each other's
 * mistakes.
 *
 * Memory at host->mem[0 .. EMU_HOST_MEM) is mapped at IOVA EMU_HOST_IOVA, read
 * and write. The first part of it is for queues, a megabyte of ring space to each
 * of the first EMU_HOST_QUEUES queue identifiers (SQ first half, CQ second
 * half); from EMU_HOST_DATA on it is the test's. Every wait ends after
 * EMU_HOST_TIMEOUT_MS with a failed assertion.
 */
#ifndef BELFRY_TESTS_LIB_EMU_HOST_H
#define BELFRY_TESTS_LIB_EMU_HOST_H

#include "test.h"

#include <stdbool.h>

#include <belfry/nvme/spec.h>
#include <belfry/nvme/types.h>

#include "emu/device.h"

#define EMU_HOST_TIMEOUT_MS 10000
#define EMU_HOST_IOVA	    0x100000000ull
#define EMU_HOST_QUEUES	    8u
#define EMU_HOST_RING	    (1u << 20) /* ring space of one queue identifier */
#define EMU_HOST_DATA	    (EMU_HOST_QUEUES * EMU_HOST_RING)
#define EMU_HOST_MEM	    (EMU_HOST_DATA + (64u << 20))

/* A submission queue and a completion queue of the same identifier. */
struct emu_host_q {
	uint16_t qid;
	uint32_t sq_size, cq_size; /* entries */
	uint32_t sq_tail, cq_head;
	bool phase; /* phase tag of the next new entry */
	union nvme_cmd *sq;
	struct nvme_cqe *cq;
};

struct emu_host {
	struct emu_domain *dom;
	struct emu_ctrl *emu;
	uint8_t *mem;
	uint8_t *bar;
	uint32_t dstrd;
	uint16_t next_cid;
	struct emu_host_q q[EMU_HOST_QUEUES]; /* by qid */
};

/**
 * emu_host_open() - make a domain, a controller and memory; leave it disabled
 * @host: out
 * @opts: options of the controller
 */
void emu_host_open(struct emu_host *host, const char *opts);

/**
 * emu_host_close() - undo emu_host_open()
 * @host: host
 */
void emu_host_close(struct emu_host *host);

/**
 * emu_host_start() - emu_host_open() and emu_host_enable() with 32 admin entries
 * @host: out
 * @opts: options of the controller
 */
void emu_host_start(struct emu_host *host, const char *opts);

/**
 * emu_host_enable() - set up the admin queue, set CC.EN, wait for CSTS.RDY
 * @host: host, controller disabled
 * @entries: of the admin queues, 2 .. 4096
 */
void emu_host_enable(struct emu_host *host, uint32_t entries);

/**
 * emu_host_disable() - clear CC.EN and wait for CSTS.RDY to follow
 * @host: host
 */
void emu_host_disable(struct emu_host *host);

/**
 * emu_host_wait_csts() - wait for bits of CSTS
 * @host: host
 * @mask: bits to look at
 * @want: their values
 */
void emu_host_wait_csts(struct emu_host *host, uint32_t mask, uint32_t want);

/**
 * emu_host_create_queues() - make an I/O queue pair by admin commands
 * @host: host, controller enabled
 * @qid: 1 .. EMU_HOST_QUEUES - 1
 * @entries: of both, 2 .. 8192 (the SQ's share of the ring space)
 */
void emu_host_create_queues(struct emu_host *host, uint16_t qid, uint32_t entries);

/**
 * emu_host_create_cq() - make a completion queue by an admin command
 * @host: host, controller enabled
 * @qid: queue
 * @iova: of its memory, contiguous
 * @entries: 2 .. 65536
 * @vector: interrupt vector; the queue's interrupts are on
 */
void emu_host_create_cq(struct emu_host *host, uint16_t qid, uint64_t iova, uint32_t entries,
			uint16_t vector);

/**
 * emu_host_create_sq() - make a submission queue by an admin command
 * @host: host, controller enabled
 * @qid: queue
 * @cqid: its completion queue
 * @iova: of its memory, contiguous
 * @entries: 2 .. 65536
 */
void emu_host_create_sq(struct emu_host *host, uint16_t qid, uint16_t cqid, uint64_t iova,
			uint32_t entries);

/**
 * emu_host_q_init() - set a queue pair's state to that of a new one and clear its memory
 * @host: host
 * @qid: below EMU_HOST_QUEUES
 * @sq_size: entries, up to 8192
 * @cq_size: entries, up to 32768
 *
 * Return: the queue pair; nothing was said to the controller.
 */
struct emu_host_q *emu_host_q_init(struct emu_host *host, uint16_t qid, uint32_t sq_size,
				   uint32_t cq_size);

/**
 * emu_host_sq_iova(), emu_host_cq_iova() - where the rings of a queue pair are
 * @qid: below EMU_HOST_QUEUES
 */
uint64_t emu_host_sq_iova(uint16_t qid);
uint64_t emu_host_cq_iova(uint16_t qid);

/**
 * emu_host_post() - copy a command to the ring with a fresh cid; no doorbell
 * @host: host
 * @qid: queue
 * @cmd: command; its cid is ignored
 *
 * Return: the cid.
 */
uint16_t emu_host_post(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd);

/**
 * emu_host_ring() - write the tail doorbell, wake the controller if it sleeps
 * @host: host
 * @qid: queue
 */
void emu_host_ring(struct emu_host *host, uint16_t qid);

/**
 * emu_host_doorbell() - write any value to any doorbell, wake the controller if it sleeps
 * @host: host
 * @off: offset in BAR 0
 * @val: value
 */
void emu_host_doorbell(struct emu_host *host, uint32_t off, uint32_t val);

/**
 * emu_host_peek() - is there a new completion
 * @host: host
 * @qid: queue
 * @cqe: out: a copy; the head stays
 *
 * Return: true if there is.
 */
bool emu_host_peek(struct emu_host *host, uint16_t qid, struct nvme_cqe *cqe);

/**
 * emu_host_pop() - move the head over one completion; no doorbell
 * @host: host
 * @qid: queue
 */
void emu_host_pop(struct emu_host *host, uint16_t qid);

/**
 * emu_host_reap() - wait for the next completion, move the head, write its doorbell
 * @host: host
 * @qid: queue
 *
 * Return: the completion.
 */
struct nvme_cqe emu_host_reap(struct emu_host *host, uint16_t qid);

/**
 * emu_host_quiet() - check that no completion comes for a while
 * @host: host
 * @qid: queue
 * @ms: how long
 */
void emu_host_quiet(struct emu_host *host, uint16_t qid, unsigned int ms);

/**
 * emu_host_exec() - carry out a command: post, ring, reap, check cid and sqid
 * @host: host
 * @qid: queue
 * @cmd: command
 *
 * Return: the completion.
 */
struct nvme_cqe emu_host_exec(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd);

/**
 * emu_host_status() - emu_host_exec(), of which only the status matters
 * @host: host
 * @qid: queue
 * @cmd: command
 *
 * Return: status type and code, without DNR, M and CRD.
 */
uint16_t emu_host_status(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd);

/**
 * emu_host_stats() - the controller's counters
 * @host: host
 *
 * Return: a copy of them.
 */
struct emu_stats emu_host_stats(struct emu_host *host);

/**
 * emu_host_data(), emu_host_iova() - the test's memory, for the host and for the device
 * @host: host
 * @off: offset from EMU_HOST_DATA
 */
void *emu_host_data(struct emu_host *host, uint32_t off);
uint64_t emu_host_iova(uint32_t off);

#endif /* BELFRY_TESTS_LIB_EMU_HOST_H */

/* SPDX-License-Identifier: MIT */
/*
 * A device that lies, for tests that say what about: a transport before the emulated one, whose
 * registers are words of memory and whose commands are answered at once, in the thread that rings.
 * What a test does not change is what a plain, honest controller has: 64 entries in a queue, pages of
 * 4 KiB, no SGLs, no namespaces.
 */
#ifndef BELFRY_TESTS_LIB_HOSTILE_H
#define BELFRY_TESTS_LIB_HOSTILE_H

#include "dev.h"
#include "transport/transport.h"

#define HOSTILE_QUEUES 4 /* that there are doorbells for, the admin queue included */

struct hostile_ring {
	uint64_t iova;
	uint32_t size, at;
	uint16_t phase;
};

/**
 * struct hostile - the device, and the driver's side of it
 * @ctrl: the controller, for nvme_init() or nvme_ctrl_init()
 * @cap: register; others are in @regs, and written to by the driver
 * @csts_or: bits that CSTS has whatever the device is doing
 * @csts_and: bits of CSTS that are left of it
 * @regs: what else registers read as
 * @ones_after: from this register access on all read as all-ones; 0: never
 * @nr_accesses: register accesses so far
 * @id: Identify Controller
 * @nr_queues: dword 0 of Set Features, Number of Queues
 * @answer: called for each command before it is answered; false: no answer. May be NULL
 * @on_head: called when the driver rings for a completion queue, with the queue identifier. May be
 *	NULL
 * @nr_answered: commands answered
 */
struct hostile {
	struct nvme_ctrl ctrl;

	uint64_t cap;
	uint32_t csts_or, csts_and;
	uint64_t regs[0x1000 / 8];
	unsigned int ones_after, nr_accesses;
	struct nvm_id_ctrl id;
	uint32_t nr_queues;
	bool (*answer)(struct hostile *h, uint32_t sqid, const union nvme_cmd *cmd,
		       struct nvme_cqe *cqe);
	void (*on_head)(struct hostile *h, uint32_t qid);
	uint64_t nr_answered;

	/* the device's own */
	const struct transport_ops *real;
	struct transport_ops ops;
	uint32_t doorbells[2 * HOSTILE_QUEUES], asleep;
	struct hostile_ring sq[HOSTILE_QUEUES], cq[HOSTILE_QUEUES];
};

/**
 * hostile_open() - the device, honest, and opened into @ctrl.pci
 * @name: of the emulated controller behind it, whose BARs and address space there are
 *
 * There is one at a time.
 *
 * Return: it.
 */
struct hostile *hostile_open(const char *name);

/**
 * hostile_close() - close it
 * @h: device; @h->ctrl may be open
 */
void hostile_close(struct hostile *h);

/**
 * hostile_complete() - write a completion, asked for or not
 * @h: device
 * @qid: completion queue, that there is room in
 * @cqe: completion, without the phase tag
 */
void hostile_complete(struct hostile *h, uint32_t qid, const struct nvme_cqe *cqe);

/**
 * hostile_set32() - what a register of 32 bits reads as
 * @h: device
 * @off: its offset
 * @val: value
 */
void hostile_set32(struct hostile *h, uint32_t off, uint32_t val);

#endif /* BELFRY_TESTS_LIB_HOSTILE_H */

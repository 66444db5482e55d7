/* SPDX-License-Identifier: MIT */
/*
 * The engine's own state: thread, mailbox, sleep, registers, interrupts.
 *
 * Everything belongs to the controller's thread but for the words of the first
 * two groups, each on a cache line of its own: what other threads poll or
 * write must not share a line with what the loop writes for every command.
 */
#ifndef BELFRY_SRC_EMU_ENGINE_H
#define BELFRY_SRC_EMU_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "emu/ctrl.h"

#define EMU_CACHE_LINE 64
#define EMU_NEVER      UINT64_MAX

/* Most completions that are held back at a time: four lines of a queue. */
#define EMU_LATE_MAX 16

/* Pages of EMU_PAGE in the largest memory page (CAP.MPSMAX). */
#define EMU_DBBUF_PAGES 16

/* What emu_asleep() points at: not zero means "ring the bell after the doorbell's store". */
enum emu_sleep {
	EMU_AWAKE,
	EMU_DOZING, /* about to sleep; may still look at memory for a last time */
	EMU_ASLEEP, /* in the kernel; touches nothing until it is awake again */
};

/* A call that another thread wants made; that of emu_call() lies on that thread's stack. */
struct emu_msg {
	void (*fn)(struct emu_ctrl *ctrl, void *arg);
	void *arg;
	struct emu_msg *next;
	uint32_t state; /* futex word: 0 posted, 1 done, 2 posted and the caller sleeps */
};

/* One interrupt vector. */
struct emu_vector {
	int fd;		/* irq_lock, as the next two */
	bool masked;	/* by the bus: emu_mask_irq() */
	bool pending;	/* masked while it had to be signalled */
	bool no_coal;	/* Coalescing Disable */
	uint32_t count; /* completions that were not signalled yet */
	uint64_t due;	/* when they must be at the latest, if count is not 0 */
};

/* What a completion says, before it is a queue entry. */
struct emu_cpl {
	uint16_t sqid;
	uint16_t sqhd;
	uint16_t cid;
	uint16_t status; /* 15 bits */
	uint32_t dw0, dw1;
};

struct emu_engine {
	/* written by other threads */
	uint32_t asleep __attribute__((aligned(EMU_CACHE_LINE))); /* enum emu_sleep; futex word */
	struct emu_msg *mailbox __attribute__((aligned(EMU_CACHE_LINE))); /* newest first */

	/* read by other threads, seldom written */
	uint8_t *bar __attribute__((aligned(EMU_CACHE_LINE)));
	size_t bar_len;
	size_t cmb_len;
	bool gone;
	int bar_fd, cmb_fd; /* memory of the BARs, -1 where it is not shared */

	/* the loop */
	bool run __attribute__((aligned(EMU_CACHE_LINE))); /* commands are fetched and completed */
	bool stop;
	bool membarrier;
	uint64_t gen; /* of the domain's mappings, as the cached pointers have it */
	struct emu_sq **active_sqs;
	struct emu_cq **active_cqs;
	uint32_t nr_sqs, nr_cqs;
	uint32_t first_sq;   /* where this round started */
	uint32_t nr_faults;  /* lines of the fault script */
	uint32_t nr_blocked; /* completions in the queues' blocked lists */
	uint32_t nr_coal;    /* vectors with a count */
	uint32_t nr_late;    /* completions, from the entry @late_cqe on, that are still here */
	struct nvme_cqe *late_cqe;
	struct nvme_cqe late[EMU_LATE_MAX];
	struct emu_held *held,
		*held_last; /* delayed completions, the one that is due first first */
	uint64_t spin_ns, sleep_min_ns, sleep_max_ns, tick_ns; /* set before the thread starts */
	uint64_t last_work, next_tick, sleep_ns;
	uint32_t audit_qid; /* where the search for stray doorbells goes on */

	/* registers, as they took effect; the BAR has what software sees */
	uint32_t cc, csts, intm, aqa;
	uint64_t cap, cmbmsc, asq, acq;
	uint64_t rdy_at;  /* when CSTS.RDY follows CC.EN; EMU_NEVER: it has */
	bool shn_pending; /* CSTS.SHST goes from 01b to 10b in the next round */

	/* shadow doorbells; [0] doorbells, [1] event indexes: a memory page each, where it is */
	uint64_t dbbuf_iova[2];
	uint8_t *dbbuf[2][EMU_DBBUF_PAGES];
	bool dbbuf_on;

	/* interrupts */
	pthread_mutex_t irq_lock; /* guards what of the vectors has it, nr_irqs, changes of intm */
	struct emu_vector *vectors;
	uint32_t nr_vectors;
	uint64_t nr_irqs;	  /* eventfds signalled */
	struct emu_msg level_msg; /* asks for the pin's level; irq_lock guards what follows */
	bool level_asked;	  /* it is posted */
	bool level_late;	  /* who asked has not waited: vector 0 is signalled if it is up */
	bool level;
	bool in_host; /* the thread waits for memory of the host's; read by others */
	uint8_t coal_thr;
	uint64_t coal_ns;

	struct emu_req req; /* the command that is carried out */
	struct iovec *iov;  /* its iov when that is longer than the inline one, kept */
	int iov_cap;

	pthread_t thread;
	struct emu_ctrl *dom_next; /* list of the domain, under its lock */
};

/**
 * emu_thread_main() - the controller's thread
 * @ctrl: struct emu_ctrl
 *
 * Return: NULL, when told to stop.
 */
void *emu_thread_main(void *ctrl);

/**
 * emu_thread_stop() - end the thread and join it
 * @ctrl: controller with its thread running
 *
 * Context: any thread but the controller's; calls that wait are carried out first.
 */
void emu_thread_stop(struct emu_ctrl *ctrl);

/**
 * emu_ctrl_fatal() - give up: CSTS.CFS until reset
 * @ctrl: controller
 * @why: for the log
 *
 * Context: the controller's thread.
 */
void emu_ctrl_fatal(struct emu_ctrl *ctrl, const char *why);

/**
 * emu_ctrl_hang() - fetch and complete nothing more until reset
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_ctrl_hang(struct emu_ctrl *ctrl);

/**
 * emu_ctrl_gone() - be pulled out
 * @ctrl: controller
 *
 * Context: the controller's thread.
 */
void emu_ctrl_gone(struct emu_ctrl *ctrl);

/**
 * emu_loud() - shall the nth message of a kind be logged
 * @n: its number, from 1
 *
 * Return: true for the first 16 and then for each power of two.
 */
static inline bool emu_loud(uint64_t n)
{
	return n <= 16 || !(n & (n - 1));
}

/**
 * emu_msg_post() - have a function run on the controller's thread, and do not wait for it
 * @ctrl: controller
 * @msg: function and argument, and state 0; the function may post it again
 *
 * Own: @msg is the controller's until the function runs, and must stay as long as the controller.
 * Context: any thread.
 */
void emu_msg_post(struct emu_ctrl *ctrl, struct emu_msg *msg);

#endif /* BELFRY_SRC_EMU_ENGINE_H */

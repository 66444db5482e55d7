/* SPDX-License-Identifier: MIT */
/*
 * A soak: load on an emulated controller that misbehaves, and a checker that believes nobody.
 *
 * It goes on in epochs. An epoch has a plan (plan.c), drawn from the seed and its number alone: the
 * controller's options, its faults, the threads. Each worker (worker.c) owns a completion queue and
 * one or two submission queues on it; each of its slots (slot.c) is a buffer with blocks of its own
 * on the disk, so that what a command may have done to memory and disk is known at any moment. The
 * main thread (main.c) stops the workers for resets and queues made anew, and does the accounts. In
 * every other epoch commands have callbacks and deadlines instead, and nobody stops for a reset: the
 * ladder goes on below the load (ladder.c).
 *
 * What is checked: each command that was submitted ended exactly once; a buffer is changed by its
 * command alone, only where it says, and never after its end; the disk has what was written; no
 * command gets lost, that is, times out though no fault explains it; and memory, mappings, IOVAs,
 * threads and descriptors return to where they started.
 */
#ifndef BELFRY_TESTS_SOAK_SOAK_H
#define BELFRY_TESTS_SOAK_SOAK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <belfry/emu.h>
#include <belfry/iommu.h>
#include <belfry/nvme.h>

#include "support/prng.h"

#define SOAK_BLOCK	 512u
#define SOAK_SLOT_BYTES	 32768u
#define SOAK_SLOT_BLOCKS 32u /* of the disk; a command has half of a slot's bytes at most */
#define SOAK_MAX_SLOTS	 64
#define SOAK_MAX_WORKERS 4
#define SOAK_MAX_FAULTS	 4
#define SOAK_MAX_HELD	 8
#define SOAK_SERIAL	 "SOAK"

/**
 * struct plan - what an epoch does
 * @seed: of its random numbers
 * @name: the device
 * @faults: lines of the fault script
 * @nr_faults: how many
 * @nr_workers: threads with I/O queues
 * @nr_sqs: submission queues of each, 1 or 2
 * @nr_admin: threads that send synchronous admin commands
 * @qsize: entries of a queue
 * @deadline_ms: of an I/O command
 * @run_ms: how long there is load
 * @pause_ms: time between two pauses, on average
 * @explained: commands may end only as the faults say, one for one
 * @patient: no fault keeps a command from completing in time
 * @sequential: a worker submits the next batch when the last has ended and nothing can follow
 * @abrupt: it is closed with commands in flight
 * @single: one kind of fault at most
 * @ladder: commands have callbacks and deadlines, and the controller recovers by the ladder
 * @shared: the workers have one queue together
 * @recovery: how it recovers, where that is by the ladder
 */
struct plan {
	uint64_t seed;
	char name[160];
	struct emu_fault faults[SOAK_MAX_FAULTS];
	unsigned int nr_faults;
	unsigned int nr_workers, nr_sqs, nr_admin;
	int qsize;
	unsigned int deadline_ms, run_ms, pause_ms;
	bool explained, patient, sequential, abrupt;
	bool single, ladder, shared;
	struct nvme_recovery_opts recovery;
};

/**
 * struct tally - what happened; all epochs' are added up
 * @submitted: I/O commands
 * @ok: ended with success
 * @refused: ended with another status
 * @timed_out: given up on after their deadline: their trackers went into quarantine
 * @canceled: ended by a reset
 * @closed: in flight when the controller was closed
 * @aborted: ended by an Abort
 * @died: ended with the controller, by the ladder
 * @late: completions of those given up on
 * @spurious: completions of no command in flight
 * @corrupt: reads with the bit flipped that the fault flips
 * @lost: commands whose end nothing explains
 * @admin: admin commands that completed
 * @faults: that the controller made
 * @expired: deadlines that the ladder was told of
 * @aborts: that it sent
 * @ladders: resets of its own
 * @deaths: controllers that it gave up on
 * @events: asynchronous events that were delivered
 * @resets: of the controller, by hand
 * @reopens: after it was pulled out
 * @requeues: queues deleted and made anew
 */
struct tally {
	uint64_t submitted, ok, refused, timed_out, canceled, closed, aborted, died;
	uint64_t late, spurious, corrupt, lost, admin;
	uint64_t faults, expired, aborts, ladders, deaths, events, resets, reopens, requeues;
};

struct worker;

enum slot_state {
	SLOT_FREE,
	SLOT_BUSY,
	SLOT_STUCK, /* given up on; the controller may still have it */
};

/**
 * struct slot - a buffer, its blocks on the disk, and the command that uses both
 * @state: of it
 * @buf: SOAK_SLOT_BYTES of memory
 * @lba: first of SOAK_SLOT_BLOCKS blocks
 * @version: what each block holds: 0 is zeros
 * @maybe: or this, where a write has failed; else the same
 * @next_version: of the next write
 * @poison: what the buffer is filled with outside of a command
 * @guarded: it cannot even be read
 * @rq: tracker while busy
 * @w: worker that it belongs to
 * @ends: callbacks since it was submitted
 * @status: that the last one was given
 * @opcode: of the command
 * @off: bytes of the buffer before the data
 * @first: block of the slot that the command begins with
 * @nr: blocks of the command
 * @differs: a compare of something else
 * @deadline: on now_ns()
 */
struct slot {
	enum slot_state state;
	uint8_t *buf;
	uint64_t lba;
	uint32_t version[SOAK_SLOT_BLOCKS], maybe[SOAK_SLOT_BLOCKS];
	uint32_t next_version;
	uint64_t poison;
	bool guarded;
	struct nvme_rq *rq;
	struct worker *w;
	atomic_uint ends;
	uint16_t status;
	uint8_t opcode;
	uint32_t off, first, nr;
	bool differs;
	uint64_t deadline;
};

enum soak_end {
	END_OK,
	END_REFUSED,
	END_TIMED_OUT,
	END_CANCELED,
	END_CLOSED,
};

struct soak;

/**
 * struct worker - a thread and what it owns
 * @soak: everything
 * @rng: its random numbers
 * @index: of its kind, from 0
 * @cq: completion queue
 * @sqs: submission queues, of plan.nr_sqs
 * @mem: the slots' buffers
 * @slots: of plan.nr_sqs * (qsize - 1) at most
 * @nr_slots: how many
 * @nr_busy: commands in flight
 * @nr_stuck: given up on since the last reset
 * @nr_back: of these, that have come back
 * @held: trackers whose commands have ended, and that are released later
 * @nr_held: how many
 * @tally: its own
 */
struct worker {
	struct soak *soak;
	struct prng rng;
	unsigned int index;
	struct nvme_cq *cq;
	struct nvme_sq *sqs[2];
	struct iommu_dmabuf mem;
	struct slot slots[SOAK_MAX_SLOTS];
	unsigned int nr_slots, nr_busy, nr_stuck, nr_back;
	struct nvme_rq *held[SOAK_MAX_HELD];
	unsigned int nr_held;
	struct tally tally;
};

/* What the workers ask the main thread for. */
enum {
	WANT_RESET = 1,
	WANT_REOPEN = 2,
};

/**
 * struct soak - an epoch
 * @plan: what to do
 * @epoch: its number
 * @ctx: address space, the same for all epochs
 * @ctrl: the controller
 * @rng: the main thread's random numbers
 * @workers: with I/O queues first, then those with admin commands
 * @pause: the workers are to stop at the barrier
 * @stop: and then to end
 * @wanted: of WANT_*
 * @shared: the queue of all, with plan.shared
 * @nr_polling: workers that have commands in flight, at a pause with the ladder
 * @raised: asynchronous events that the controller was told to report
 * @seen: what the ladder tells: of enum nvme_recovery_event, and how often
 * @delivered: events, likewise
 * @tally: sum of the epoch
 */
struct soak {
	struct plan plan;
	unsigned int epoch;
	struct iommu_ctx *ctx;
	struct nvme_ctrl ctrl;
	struct prng rng;
	struct worker workers[2 * SOAK_MAX_WORKERS];
	atomic_bool pause, stop;
	atomic_uint wanted;
	struct nvme_shared *shared;
	atomic_uint nr_polling;
	atomic_ullong raised, delivered, seen[NVME_RECOVERY_DEAD + 1];
	struct tally tally;
};

/**
 * soak_fail() - say what is wrong and how to see it again, and abort
 * @soak: epoch
 * @fmt: as of printf()
 */
void soak_fail(const struct soak *soak, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

#define soak_check(soak, ok, ...)                       \
	do {                                            \
		if (!(ok))                              \
			soak_fail((soak), __VA_ARGS__); \
	} while (0)

/**
 * plan_epoch() - draw the plan of an epoch
 * @plan: out
 * @seed: of the soak
 * @epoch: number; the first ones have one kind of fault each, in turn. Odd ones are the ladder's
 */
void plan_epoch(struct plan *plan, uint64_t seed, unsigned int epoch);

/**
 * plan_queues() - submission queues of an epoch
 * @plan: plan
 *
 * Return: how many.
 */
unsigned int plan_queues(const struct plan *plan);

/**
 * plan_print() - a plan in a line
 * @plan: plan
 * @text: out
 * @len: bytes of @text
 */
void plan_print(const struct plan *plan, char *text, size_t len);

/**
 * slot_init() - a slot that was never used
 * @slot: out
 * @buf: its memory
 * @lba: its blocks
 */
void slot_init(struct slot *slot, uint8_t *buf, uint64_t lba);

/**
 * slot_erased() - the disk is a new one
 * @slot: free slot
 */
void slot_erased(struct slot *slot);

/**
 * slot_start() - choose a command, and fill the buffer for it
 * @slot: free slot; that nobody has touched its buffer since is checked
 * @w: its worker
 * @cmd: out: the command, without its data pointer
 *
 * Return: bytes of data at @slot->buf + @slot->off, or 0.
 */
size_t slot_start(struct slot *slot, struct worker *w, union nvme_cmd *cmd);

/**
 * slot_end() - check what a command has left behind
 * @slot: busy or stuck slot; free afterwards, or stuck
 * @w: its worker
 * @end: how it ended
 * @status: status field, with END_REFUSED
 */
void slot_end(struct slot *slot, struct worker *w, enum soak_end end, uint16_t status);

/**
 * slot_check() - nobody has touched the buffer since its command ended
 * @slot: free slot
 * @soak: epoch
 */
void slot_check(struct slot *slot, const struct soak *soak);

/**
 * worker_main() - thread of a worker with I/O queues
 * @arg: worker
 */
void *worker_main(void *arg);

/**
 * admin_main() - thread of a worker with admin commands
 * @arg: worker
 */
void *admin_main(void *arg);

/**
 * worker_free_slot() - a slot without a command
 * @w: worker
 *
 * Return: any of those, or NULL.
 */
struct slot *worker_free_slot(struct worker *w);

/**
 * worker_stopped() - stand still while the main thread does what it has to do
 * @w: worker
 *
 * Return: true when this was the end.
 */
bool worker_stopped(struct worker *w);

/**
 * worker_gone() - does the controller read as all-ones
 * @w: worker
 *
 * Return: true when it does.
 */
bool worker_gone(const struct worker *w);

/**
 * worker_count_free() - how many trackers of a worker's queues are free
 * @w: worker, its owner calls
 * @total: out: how many there are
 *
 * Return: the number; all of them are free again.
 */
unsigned int worker_count_free(struct worker *w, unsigned int *total);

/**
 * ladder_open() - have a controller recover by the ladder, and report its events
 * @soak: epoch, its controller open and without faults
 */
void ladder_open(struct soak *soak);

/**
 * ladder_main() - thread of a worker whose commands have callbacks
 * @arg: worker
 */
void *ladder_main(void *arg);

/**
 * ladder_admin() - raise an event, perhaps, and have what there is delivered
 * @w: worker with admin commands
 */
void ladder_admin(struct worker *w);

/**
 * ladder_account() - does what the ladder told explain how commands ended
 * @soak: epoch, over
 */
void ladder_account(struct soak *soak);

/**
 * worker_end_all() - every command of a worker has ended
 * @w: worker, stopped
 * @end: END_CANCELED after a reset, END_CLOSED after the close
 */
void worker_end_all(struct worker *w, enum soak_end end);

/**
 * soak_barrier() - wait for the others
 */
void soak_barrier(void);

#endif /* BELFRY_TESTS_SOAK_SOAK_H */

/* SPDX-License-Identifier: MIT */
/*
 * The controller's thread: rounds of work, calls by other threads, sleep.
 *
 * It polls for cfg->spin_us after the last work and then sleeps on a futex, so
 * that no doorbell is lost without a fence in the host's doorbell write:
 *
 *	controller			host
 *	(1) asleep = DOZING		(a) doorbell = tail
 *	(2) membarrier			(b) if (asleep)
 *	(3) last look at doorbells	(c)	asleep = AWAKE, wake
 *	(4) asleep: DOZING -> ASLEEP
 *	(5) wait while ASLEEP
 *
 * The membarrier is a full barrier on every thread of the process: either (a)
 * comes before it, and (3) sees the doorbell, or (b) comes after it, and sees
 * (1). tests/model/emu_sleep.c has the proof. Without membarrier(2), and for
 * hosts that do not look at the flag, the wait is short enough to be the remedy.
 */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <belfry/support/atomic.h>

#include "emu/config.h"
#include "emu/doorbell.h"
#include "emu/held.h"
#include "emu/irq.h"
#include "emu/queue.h"
#include "emu/regs.h"
#include "support/deadline.h"
#include "support/errno.h"

#define SLEEP_BLIND_NS 1000000ull /* without membarrier a doorbell may be found by time alone */
#define CLOCK_ROUNDS   64	  /* rounds between looks at the clock */
#define CALL_SPINS     2000

/* What a call's state can be. */
enum {
	MSG_POSTED,
	MSG_DONE,
	MSG_WAITING
};

/* A wait that was over before it began is no error of the caller's (EAGAIN). */
static void futex_wait(uint32_t *word, uint32_t val, const struct timespec *timeout)
{
	keep_errno();

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, val, timeout, NULL, 0);
}

static void futex_wake(uint32_t *word)
{
	keep_errno();

	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- calls ---- */

void emu_msg_post(struct emu_ctrl *ctrl, struct emu_msg *msg)
{
	struct emu_engine *e = ctrl->engine;

	msg->next = __atomic_load_n(&e->mailbox, __ATOMIC_RELAXED);
	while (!atomic_cmpxchg(&e->mailbox, msg->next, msg))
		;
	emu_wake(ctrl);
}

void emu_call(struct emu_ctrl *ctrl, void (*fn)(struct emu_ctrl *ctrl, void *arg), void *arg)
{
	struct emu_msg msg = {.fn = fn, .arg = arg, .state = MSG_POSTED};
	uint32_t state = MSG_POSTED;

	emu_msg_post(ctrl, &msg);

	for (unsigned int i = 0; i < CALL_SPINS && backoff_spins(); i++) {
		if (atomic_load_acquire(&msg.state) == MSG_DONE)
			return;
		cpu_relax();
	}
	if (!atomic_cmpxchg(&msg.state, state, MSG_WAITING))
		return;
	while (atomic_load_acquire(&msg.state) != MSG_DONE)
		futex_wait(&msg.state, MSG_WAITING, NULL);
}

/* Once it is done the message is its owner's again, and may be gone: a wake too many is harmless. */
static void msg_done(struct emu_msg *msg)
{
	if (__atomic_exchange_n(&msg->state, MSG_DONE, __ATOMIC_ACQ_REL) == MSG_WAITING)
		futex_wake(&msg->state);
}

/* In the order in which they were posted. */
static void mailbox_run(struct emu_ctrl *ctrl)
{
	struct emu_msg *msg, *next, *fifo = NULL;

	msg = __atomic_exchange_n(&ctrl->engine->mailbox, NULL, __ATOMIC_ACQUIRE);
	for (; msg; msg = next) {
		next = msg->next;
		msg->next = fifo;
		fifo = msg;
	}
	for (; fifo; fifo = next) {
		next = fifo->next;
		fifo->fn(ctrl, fifo->arg);
		msg_done(fifo);
	}
}

/* ---- sleep ---- */

const uint32_t *emu_asleep(struct emu_ctrl *ctrl)
{
	return &ctrl->engine->asleep;
}

void emu_wake(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	if (__atomic_load_n(&e->asleep, __ATOMIC_SEQ_CST) == EMU_AWAKE)
		return;
	if (__atomic_exchange_n(&e->asleep, EMU_AWAKE, __ATOMIC_SEQ_CST) == EMU_ASLEEP)
		futex_wake(&e->asleep);
}

static void sleep_set(struct emu_ctrl *ctrl, void *arg)
{
	struct emu_engine *e = ctrl->engine;
	const uint32_t *max_us = arg;

	e->sleep_max_ns = *max_us * 1000ull;
	if (e->sleep_max_ns < e->sleep_min_ns)
		e->sleep_max_ns = e->sleep_min_ns;
}

void emu_set_sleep(struct emu_ctrl *ctrl, uint32_t max_us)
{
	if (max_us > 8000) /* what is promised for stores without a wake */
		max_us = 8000;
	emu_call(ctrl, sleep_set, &max_us);
}

static bool work_waits(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	return __atomic_load_n(&e->mailbox, __ATOMIC_SEQ_CST) || emu_regs_dirty(ctrl) ||
	       (e->run && emu_queues_pending(ctrl));
}

/* When there is something to do even if nobody asks for it. */
static uint64_t next_due(const struct emu_ctrl *ctrl)
{
	const struct emu_engine *e = ctrl->engine;
	uint64_t due = e->next_tick, irq = emu_irq_due(ctrl);

	if (e->shn_pending)
		return 0;
	if (e->rdy_at < due)
		due = e->rdy_at;
	if (e->run && e->held && e->held->due < due)
		due = e->held->due;
	return irq < due ? irq : due;
}

static uint64_t sleep_length(struct emu_ctrl *ctrl, uint64_t now)
{
	struct emu_engine *e = ctrl->engine;
	uint64_t due = next_due(ctrl), max = e->membarrier ? e->sleep_max_ns : SLEEP_BLIND_NS;
	uint64_t len = e->sleep_ns < max ? e->sleep_ns : max;

	if (due <= now)
		return 0;
	return due - now < len ? due - now : len;
}

/* Sleep until there is work, or for a while. */
static void doze(struct emu_ctrl *ctrl, uint64_t now)
{
	struct emu_engine *e = ctrl->engine;
	uint64_t len = sleep_length(ctrl, now);
	uint32_t expected = EMU_DOZING;
	struct timespec ts = ns_to_timespec(len);

	if (!len)
		return;
	__atomic_exchange_n(&e->asleep, EMU_DOZING, __ATOMIC_SEQ_CST); /* (1) */
	if (e->run) {
		emu_queues_refresh(ctrl);
		emu_dbbuf_before_sleep(ctrl);
	}
	if (e->membarrier)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); /* (2) */
	if (!work_waits(ctrl) &&						 /* (3) */
	    atomic_cmpxchg(&e->asleep, expected, EMU_ASLEEP)) {			 /* (4) */
		ctrl->stats.sleeps++;
		futex_wait(&e->asleep, EMU_ASLEEP, &ts); /* (5) */
		if (e->sleep_ns < e->sleep_max_ns)	 /* not for ever: it would end at 0 */
			e->sleep_ns *= 2;
	}
	__atomic_exchange_n(&e->asleep, EMU_AWAKE, __ATOMIC_SEQ_CST);
}

/* ---- rounds ---- */

static bool timers_run(struct emu_ctrl *ctrl, uint64_t now)
{
	struct emu_engine *e = ctrl->engine;

	emu_regs_run(ctrl, now);
	if (e->run && e->held) {
		emu_queues_refresh(ctrl);
		emu_held_run(ctrl, now);
	}
	if (e->nr_coal)
		emu_irq_run(ctrl, now);
	if (now >= e->next_tick) {
		e->next_tick = now + e->tick_ns;
		emu_regs_audit(ctrl);
		if (ctrl->enabled) {
			emu_queues_refresh(ctrl);
			emu_queues_idle(ctrl);
			emu_admin_tick(ctrl, now);
		}
	}
	return e->held || e->nr_coal || e->shn_pending || e->rdy_at != EMU_NEVER;
}

static bool one_cpu(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) == 1;
}

static void thread_prepare(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	e->membarrier = !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	e->spin_ns = one_cpu() ? 0 : ctrl->cfg->spin_us * 1000ull;
	e->last_work = now_ns();
	e->sleep_ns = e->sleep_min_ns;
}

/* Nothing was done for a while: let others run, and sleep when the time has come. */
static void idle(struct emu_ctrl *ctrl, uint64_t now)
{
	struct emu_engine *e = ctrl->engine;

	if (ctrl->enabled)
		emu_queues_idle(ctrl);
	if (now - e->last_work >= e->spin_ns)
		doze(ctrl, now);
}

static bool round_run(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	bool worked = false;

	if (unlikely(__atomic_load_n(&e->mailbox, __ATOMIC_RELAXED))) {
		mailbox_run(ctrl);
		worked = true;
	}
	if (unlikely(emu_regs_dirty(ctrl))) {
		emu_regs_sync(ctrl);
		worked = true;
	}
	if (likely(e->run))
		worked |= emu_queues_run(ctrl);
	return worked;
}

void *emu_thread_main(void *arg)
{
	struct emu_ctrl *ctrl = arg;
	struct emu_engine *e = ctrl->engine;
	bool worked = false, timers = true;

	thread_prepare(ctrl);
	for (unsigned int round = 1; !e->stop; round++) {
		bool did = round_run(ctrl);
		uint64_t now;

		worked |= did;
		if (likely(!timers && round % CLOCK_ROUNDS && (did || e->spin_ns)))
			continue;
		now = now_ns();
		timers = timers_run(ctrl, now) || e->shn_pending;
		if (worked) {
			e->last_work = now;
			e->sleep_ns = e->sleep_min_ns;
			worked = false;
		} else {
			idle(ctrl, now);
		}
	}
	mailbox_run(ctrl);
	return NULL;
}

static void thread_stop(struct emu_ctrl *ctrl, void *arg)
{
	(void)arg;
	ctrl->engine->stop = true;
}

void emu_thread_stop(struct emu_ctrl *ctrl)
{
	emu_call(ctrl, thread_stop, NULL);
	pthread_join(ctrl->engine->thread, NULL);
}

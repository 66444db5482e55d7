/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: vectors tied to eventfds, masking, coalescing. irq.h has the rules.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "emu/config.h"
#include "emu/irq.h"
#include "emu/queue.h"
#include "support/deadline.h"
#include "support/errno.h"

#define NR_MASKABLE   32u
#define LEVEL_LOOK_NS 50000 /* between looks whether the pin's level is known */

int emu_irq_init(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	e->nr_vectors = ctrl->cfg->vectors;
	e->vectors = calloc(e->nr_vectors, sizeof(*e->vectors));
	if (!e->vectors)
		return -1;
	for (uint32_t i = 0; i < e->nr_vectors; i++)
		e->vectors[i].fd = -1;
	pthread_mutex_init(&e->irq_lock, NULL);
	return 0;
}

void emu_irq_exit(struct emu_ctrl *ctrl)
{
	pthread_mutex_destroy(&ctrl->engine->irq_lock);
	free(ctrl->engine->vectors);
	ctrl->engine->vectors = NULL;
}

/* Signal a vector, or note that it has to be. */
static void signal_locked(struct emu_engine *e, struct emu_vector *v)
{
	size_t index = (size_t)(v - e->vectors);
	uint64_t one = 1;

	v->pending = false;
	if (v->fd < 0)
		return;
	if (v->masked || (index < NR_MASKABLE && e->intm >> index & 1)) {
		v->pending = true;
		return;
	}
	/* It fails when the counter is at its end, and is readable then anyway. */
	if (write(v->fd, &one, sizeof(one)) == sizeof(one))
		e->nr_irqs++;
}

/* A host that polls costs no lock: nothing is pending without an eventfd. */
static void vector_signal(struct emu_ctrl *ctrl, struct emu_vector *v)
{
	struct emu_engine *e = ctrl->engine;

	if (v->count)
		e->nr_coal--;
	v->count = 0;
	if (__atomic_load_n(&v->fd, __ATOMIC_RELAXED) < 0)
		return;
	pthread_mutex_lock(&e->irq_lock);
	signal_locked(e, v);
	pthread_mutex_unlock(&e->irq_lock);
}

void emu_irq_post(struct emu_ctrl *ctrl, const struct emu_cq *cq, uint32_t nr)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_vector *v = &e->vectors[cq->vector];

	/* Coalescing does not apply to the admin queue. */
	if (!e->coal_thr || !e->coal_ns || v->no_coal || !cq->qid) {
		vector_signal(ctrl, v);
		return;
	}
	if (!v->count) {
		v->due = deadline_after_ns(e->coal_ns);
		e->nr_coal++;
	}
	v->count += nr;
	if (v->count > e->coal_thr) /* 0's based */
		vector_signal(ctrl, v);
}

void emu_irq_run(struct emu_ctrl *ctrl, uint64_t now_ns)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; e->nr_coal && i < e->nr_vectors; i++)
		if (e->vectors[i].count && e->vectors[i].due <= now_ns)
			vector_signal(ctrl, &e->vectors[i]);
}

uint64_t emu_irq_due(const struct emu_ctrl *ctrl)
{
	const struct emu_engine *e = ctrl->engine;
	uint64_t due = EMU_NEVER;

	for (uint32_t i = 0; e->nr_coal && i < e->nr_vectors; i++)
		if (e->vectors[i].count && e->vectors[i].due < due)
			due = e->vectors[i].due;
	return due;
}

void emu_irq_mask(struct emu_ctrl *ctrl, uint32_t mask)
{
	struct emu_engine *e = ctrl->engine;

	pthread_mutex_lock(&e->irq_lock);
	e->intm = mask;
	for (uint32_t i = 0; i < NR_MASKABLE && i < e->nr_vectors; i++)
		if (e->vectors[i].pending && !(mask >> i & 1))
			signal_locked(e, &e->vectors[i]);
	pthread_mutex_unlock(&e->irq_lock);
}

void emu_irq_reset(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	pthread_mutex_lock(&e->irq_lock);
	for (uint32_t i = 0; i < e->nr_vectors; i++) {
		struct emu_vector *v = &e->vectors[i];

		v->pending = v->no_coal = false;
		v->count = 0;
		v->due = 0;
	}
	e->intm = 0;
	pthread_mutex_unlock(&e->irq_lock);
	e->nr_coal = 0;
	e->coal_thr = 0;
	e->coal_ns = 0;
}

void emu_irq_coalesce(struct emu_ctrl *ctrl, uint8_t thr, uint8_t time_100us)
{
	struct emu_engine *e = ctrl->engine;

	e->coal_thr = thr;
	e->coal_ns = time_100us * 100000ull;
	for (uint32_t i = 0; e->nr_coal && i < e->nr_vectors; i++)
		if (e->vectors[i].count)
			vector_signal(ctrl, &e->vectors[i]);
}

void emu_irq_coalesce_vector(struct emu_ctrl *ctrl, uint16_t vector, bool disable)
{
	struct emu_vector *v = &ctrl->engine->vectors[vector];

	v->no_coal = disable;
	if (disable && v->count)
		vector_signal(ctrl, v);
}

/* ---- what other threads want: no more than the lock, so that none of it waits for a command ---- */

static struct emu_vector *vector_get(struct emu_ctrl *ctrl, int vector)
{
	if (vector < 0 || vector >= emu_nr_irqs(ctrl))
		return set_errno_null(EINVAL);
	return &ctrl->engine->vectors[vector];
}

int emu_nr_irqs(const struct emu_ctrl *ctrl)
{
	return (int)ctrl->engine->nr_vectors;
}

int emu_set_irq(struct emu_ctrl *ctrl, int vector, int fd)
{
	struct emu_vector *v = vector_get(ctrl, vector);

	if (!v)
		return -1;
	pthread_mutex_lock(&ctrl->engine->irq_lock);
	__atomic_store_n(&v->fd, fd < 0 ? -1 : fd, __ATOMIC_RELAXED);
	if (fd < 0)
		v->pending = false;
	pthread_mutex_unlock(&ctrl->engine->irq_lock);
	return 0;
}

int emu_mask_irq(struct emu_ctrl *ctrl, int vector, bool masked)
{
	struct emu_vector *v = vector_get(ctrl, vector);

	if (!v)
		return -1;
	pthread_mutex_lock(&ctrl->engine->irq_lock);
	v->masked = masked;
	if (v->pending)
		signal_locked(ctrl->engine, v);
	pthread_mutex_unlock(&ctrl->engine->irq_lock);
	return 0;
}

bool emu_irq_pending(struct emu_ctrl *ctrl, int vector)
{
	struct emu_vector *v = vector_get(ctrl, vector);
	bool pending;

	if (!v)
		return false;
	pthread_mutex_lock(&ctrl->engine->irq_lock);
	pending = v->pending;
	pthread_mutex_unlock(&ctrl->engine->irq_lock);
	return pending;
}

uint64_t emu_irq_count(struct emu_ctrl *ctrl)
{
	uint64_t count;

	pthread_mutex_lock(&ctrl->engine->irq_lock);
	count = ctrl->engine->nr_irqs;
	pthread_mutex_unlock(&ctrl->engine->irq_lock);
	return count;
}

/* ---- the pin ---- */

static bool level_now(struct emu_ctrl *ctrl)
{
	const struct emu_engine *e = ctrl->engine;

	if (!e->run || e->intm & 1)
		return false;
	emu_queues_refresh(ctrl);
	for (uint32_t i = 0; i < e->nr_cqs; i++)
		if (e->active_cqs[i]->irq_enabled && emu_cq_waits(ctrl, e->active_cqs[i]))
			return true;
	return false;
}

static void level_answer(struct emu_ctrl *ctrl, void *arg)
{
	struct emu_engine *e = ctrl->engine;
	bool level = level_now(ctrl);

	(void)arg;
	pthread_mutex_lock(&e->irq_lock);
	e->level = level;
	if (level && e->level_late)
		signal_locked(e, &e->vectors[0]);
	e->level_asked = e->level_late = false;
	pthread_mutex_unlock(&e->irq_lock);
}

/* Until there is an answer, or there will be none before the host has given one. */
static void level_wait_locked(struct emu_engine *e)
{
	while (e->level_asked && !__atomic_load_n(&e->in_host, __ATOMIC_RELAXED)) {
		pthread_mutex_unlock(&e->irq_lock);
		nanosleep(&(struct timespec){.tv_nsec = LEVEL_LOOK_NS}, NULL);
		pthread_mutex_lock(&e->irq_lock);
	}
}

bool emu_irq_level(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	bool level = false, ask;

	pthread_mutex_lock(&e->irq_lock);
	ask = !e->level_asked;
	e->level_asked = true;
	if (ask) {
		e->level_msg.fn = level_answer;
		emu_msg_post(ctrl, &e->level_msg);
	}
	level_wait_locked(e);
	if (e->level_asked)
		e->level_late = true;
	else
		level = e->level;
	pthread_mutex_unlock(&e->irq_lock);
	return level;
}

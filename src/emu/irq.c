/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: vectors tied to eventfds, masking, coalescing. irq.h has the rules.
 */
#include <stdlib.h>
#include <unistd.h>

#include "emu/config.h"
#include "emu/irq.h"
#include "emu/queue.h"
#include "support/deadline.h"
#include "support/errno.h"

#define NR_MASKABLE 32u

int emu_irq_init(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	e->nr_vectors = ctrl->cfg->vectors;
	e->vectors = calloc(e->nr_vectors, sizeof(*e->vectors));
	if (!e->vectors)
		return -1;
	for (uint32_t i = 0; i < e->nr_vectors; i++)
		e->vectors[i].fd = -1;
	return 0;
}

void emu_irq_exit(struct emu_ctrl *ctrl)
{
	free(ctrl->engine->vectors);
	ctrl->engine->vectors = NULL;
}

static void vector_signal(struct emu_ctrl *ctrl, struct emu_vector *v)
{
	struct emu_engine *e = ctrl->engine;
	size_t index = (size_t)(v - e->vectors);
	uint64_t one = 1;

	if (v->count)
		e->nr_coal--;
	v->count = 0;
	v->pending = false;
	if (v->fd < 0)
		return;
	if (v->masked || (index < NR_MASKABLE && e->intm >> index & 1)) {
		v->pending = true;
		return;
	}
	/* It fails when the counter is at its end, and is readable then anyway. */
	if (write(v->fd, &one, sizeof(one)) == sizeof(one))
		ctrl->stats.irqs++;
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

	e->intm = mask;
	for (uint32_t i = 0; i < NR_MASKABLE && i < e->nr_vectors; i++)
		if (e->vectors[i].pending && !(mask >> i & 1))
			vector_signal(ctrl, &e->vectors[i]);
}

void emu_irq_reset(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;

	for (uint32_t i = 0; i < e->nr_vectors; i++)
		e->vectors[i] = (struct emu_vector){
			.fd = e->vectors[i].fd,
			.masked = e->vectors[i].masked,
		};
	e->intm = 0;
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

struct irq_msg {
	struct emu_vector *vector;
	int fd;
	bool flag; /* in: masked; out: what was asked for */
};

/* Have the controller's thread do @fn to a vector. */
static int vector_call(struct emu_ctrl *ctrl, int vector,
		       void (*fn)(struct emu_ctrl *ctrl, void *arg), struct irq_msg *msg)
{
	if (vector < 0 || vector >= emu_nr_irqs(ctrl))
		return set_errno(EINVAL);
	msg->vector = &ctrl->engine->vectors[vector];
	emu_call(ctrl, fn, msg);
	return 0;
}

static void irq_set(struct emu_ctrl *ctrl, void *arg)
{
	struct irq_msg *msg = arg;

	(void)ctrl;
	msg->vector->fd = msg->fd;
	if (msg->fd < 0)
		msg->vector->pending = false;
}

int emu_nr_irqs(const struct emu_ctrl *ctrl)
{
	return (int)ctrl->engine->nr_vectors;
}

int emu_set_irq(struct emu_ctrl *ctrl, int vector, int fd)
{
	struct irq_msg msg = {.fd = fd < 0 ? -1 : fd};

	return vector_call(ctrl, vector, irq_set, &msg);
}

static void irq_mask(struct emu_ctrl *ctrl, void *arg)
{
	struct irq_msg *msg = arg;

	msg->vector->masked = msg->flag;
	if (msg->vector->pending && !msg->flag)
		vector_signal(ctrl, msg->vector);
}

int emu_mask_irq(struct emu_ctrl *ctrl, int vector, bool masked)
{
	struct irq_msg msg = {.flag = masked};

	return vector_call(ctrl, vector, irq_mask, &msg);
}

static void irq_pending(struct emu_ctrl *ctrl, void *arg)
{
	struct irq_msg *msg = arg;

	(void)ctrl;
	msg->flag = msg->vector->pending;
}

bool emu_irq_pending(struct emu_ctrl *ctrl, int vector)
{
	struct irq_msg msg = {.fd = -1};

	return !vector_call(ctrl, vector, irq_pending, &msg) && msg.flag;
}

static void irq_level(struct emu_ctrl *ctrl, void *arg)
{
	const struct emu_engine *e = ctrl->engine;
	bool *level = arg;

	*level = false;
	if (!e->run || e->intm & 1)
		return;
	emu_queues_refresh(ctrl);
	for (uint32_t i = 0; i < e->nr_cqs && !*level; i++)
		*level = e->active_cqs[i]->irq_enabled && emu_cq_waits(ctrl, e->active_cqs[i]);
}

bool emu_irq_level(struct emu_ctrl *ctrl)
{
	bool level;

	emu_call(ctrl, irq_level, &level);
	return level;
}

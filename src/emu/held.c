/* SPDX-License-Identifier: MIT */
/*
 * Completions that come later. Both lists are in order; delays of one fault are
 * alike, so that an insertion is an append as a rule.
 */
#include <stdlib.h>

#include "emu/held.h"
#include "emu/queue.h"
#include "support/deadline.h"

static struct emu_held *held_new(const struct emu_cpl *cpl)
{
	struct emu_held *h = calloc(1, sizeof(*h));

	if (h)
		h->cpl = *cpl;
	return h;
}

static void held_post(struct emu_ctrl *ctrl, struct emu_cpl *cpl)
{
	struct emu_sq *sq = &ctrl->sqs[cpl->sqid];

	cpl->sqhd = (uint16_t)sq->head;
	emu_post_or_block(ctrl, sq->cq, cpl);
}

void emu_hold(struct emu_ctrl *ctrl, const struct emu_cpl *cpl, uint64_t delay_us)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_held **link = &e->held, *h = held_new(cpl);

	if (!h) {
		emu_post_or_block(ctrl, ctrl->sqs[cpl->sqid].cq, cpl);
		return;
	}
	h->due = deadline_after_ns(delay_us > UINT64_MAX / 1000 ? UINT64_MAX : delay_us * 1000);
	if (e->held && e->held_last->due <= h->due)
		link = &e->held_last->next;
	while (*link && (*link)->due <= h->due)
		link = &(*link)->next;
	h->next = *link;
	*link = h;
	if (!h->next)
		e->held_last = h;
}

/* After an entry was taken out from anywhere but the front. */
static void held_find_last(struct emu_engine *e)
{
	e->held_last = e->held;
	while (e->held_last && e->held_last->next)
		e->held_last = e->held_last->next;
}

void emu_held_run(struct emu_ctrl *ctrl, uint64_t now_ns)
{
	struct emu_engine *e = ctrl->engine;

	while (e->run && e->held && e->held->due <= now_ns) {
		struct emu_held *h = e->held;

		e->held = h->next;
		held_post(ctrl, &h->cpl);
		free(h);
	}
}

void emu_held_drop(struct emu_ctrl *ctrl, int sqid)
{
	struct emu_engine *e = ctrl->engine;
	struct emu_held **link = &e->held;

	while (*link) {
		struct emu_held *h = *link;

		if (sqid >= 0 && h->cpl.sqid != sqid) {
			link = &h->next;
			continue;
		}
		*link = h->next;
		free(h);
	}
	held_find_last(e);
}

bool emu_abort_held(struct emu_ctrl *ctrl, uint16_t sqid, uint16_t cid)
{
	struct emu_engine *e = ctrl->engine;

	for (struct emu_held **link = &e->held; *link; link = &(*link)->next) {
		struct emu_held *h = *link;

		if (h->cpl.sqid != sqid || h->cpl.cid != cid)
			continue;
		*link = h->next;
		held_find_last(e);
		h->cpl.status = NVM_SC_ABORT_REQUESTED;
		h->cpl.dw0 = h->cpl.dw1 = 0;
		held_post(ctrl, &h->cpl);
		free(h);
		return true;
	}
	return false;
}

void emu_blocked_add(struct emu_ctrl *ctrl, struct emu_cq *cq, const struct emu_cpl *cpl)
{
	struct emu_held **link = &cq->blocked, *h = held_new(cpl);

	if (!h) {
		emu_ctrl_fatal(ctrl, "no memory for a completion that waits");
		return;
	}
	while (*link)
		link = &(*link)->next;
	*link = h;
	ctrl->engine->nr_blocked++;
}

bool emu_blocked_run(struct emu_ctrl *ctrl, struct emu_cq *cq)
{
	bool posted = false;

	while (ctrl->engine->run && cq->blocked && !emu_cq_full(ctrl, cq)) {
		struct emu_held *h = cq->blocked;

		cq->blocked = h->next;
		ctrl->engine->nr_blocked--;
		emu_post(ctrl, cq, &h->cpl, false);
		free(h);
		posted = true;
	}
	if (posted)
		emu_cq_signal(ctrl, cq);
	return posted;
}

void emu_blocked_drop(struct emu_ctrl *ctrl, struct emu_cq *cq, int sqid)
{
	struct emu_held **link = &cq->blocked;

	while (*link) {
		struct emu_held *h = *link;

		if (sqid >= 0 && h->cpl.sqid != sqid) {
			link = &h->next;
			continue;
		}
		*link = h->next;
		ctrl->engine->nr_blocked--;
		free(h);
	}
}

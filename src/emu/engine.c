/* SPDX-License-Identifier: MIT */
/*
 * Life of an emulated controller, and what may be asked of it at any time.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/atomic.h>
#include <belfry/support/log.h>

#include "emu/config.h"
#include "emu/domain.h"
#include "emu/engine.h"
#include "emu/fault.h"
#include "emu/irq.h"
#include "emu/queue.h"
#include "emu/regs.h"
#include "support/errno.h"

void emu_violation(struct emu_ctrl *ctrl, const char *fmt, ...)
{
	struct emu_stats *stats = &ctrl->stats;
	va_list args;

	va_start(args, fmt);
	vsnprintf(stats->last_violation, sizeof(stats->last_violation), fmt, args);
	va_end(args);
	if (emu_loud(++stats->violations))
		log_info("emu: violation: %s\n", stats->last_violation);
}

/* ---- life ---- */

static struct emu_engine *engine_alloc(uint32_t nr_queues)
{
	struct emu_engine *e = aligned_alloc(EMU_CACHE_LINE, sizeof(*e));

	if (!e)
		return NULL;
	*e = (struct emu_engine){
		.bar_fd = -1,
		.cmb_fd = -1,
		.rdy_at = EMU_NEVER,
		.sleep_min_ns = 100000,
		.sleep_max_ns = 8000000, /* promised for stores without a wake are 10 ms */
		.tick_ns = 50000000,
	};
	e->req.iov = e->req.iov_inline;
	e->req.iov_cap = sizeof(e->req.iov_inline) / sizeof(e->req.iov_inline[0]);
	e->active_sqs = calloc(nr_queues + 1ul, sizeof(struct emu_sq *));
	e->active_cqs = calloc(nr_queues + 1ul, sizeof(struct emu_cq *));
	if (e->active_sqs && e->active_cqs)
		return e;
	free(e->active_sqs);
	free(e->active_cqs);
	free(e);
	return NULL;
}

static void engine_free(struct emu_engine *e)
{
	free(e->active_sqs);
	free(e->active_cqs);
	free(e->iov);
	free(e);
}

/* The memory of a controller with options @cfg, which it takes over if it succeeds. */
static struct emu_ctrl *ctrl_alloc(struct emu_config *cfg)
{
	struct emu_ctrl *ctrl = calloc(1, sizeof(*ctrl));

	if (!ctrl)
		return NULL;
	ctrl->cfg = cfg;
	ctrl->nr_queues = cfg->queues;
	ctrl->engine = engine_alloc(cfg->queues);
	ctrl->sqs = calloc(cfg->queues + 1ul, sizeof(*ctrl->sqs));
	ctrl->cqs = calloc(cfg->queues + 1ul, sizeof(*ctrl->cqs));
	if (ctrl->engine && ctrl->sqs && ctrl->cqs) {
		ctrl->engine->req.ctrl = ctrl;
		return ctrl;
	}
	if (ctrl->engine)
		engine_free(ctrl->engine);
	free(ctrl->sqs);
	free(ctrl->cqs);
	free(ctrl);
	return set_errno_null(ENOMEM);
}

static void ctrl_free(struct emu_ctrl *ctrl)
{
	keep_errno();

	engine_free(ctrl->engine);
	free(ctrl->sqs);
	free(ctrl->cqs);
	emu_config_free(ctrl->cfg);
	free(ctrl);
}

static int ctrl_start(struct emu_ctrl *ctrl, struct emu_domain *dom)
{
	int error;

	if (emu_irq_init(ctrl))
		return -1;
	if (emu_regs_init(ctrl))
		goto exit_irq;
	if (emu_faults_init(ctrl))
		goto exit_regs;
	if (emu_admin_init(ctrl))
		goto exit_faults;
	ctrl->dom = dom;
	error = pthread_create(&ctrl->engine->thread, NULL, emu_thread_main, ctrl);
	if (!error) {
		emu_domain_get(dom);
		emu_domain_attach(dom, ctrl);
		return 0;
	}
	errno = error;
	emu_admin_exit(ctrl);
exit_faults:
	emu_faults_exit(ctrl);
exit_regs:
	emu_regs_exit(ctrl);
exit_irq:
	emu_irq_exit(ctrl);
	return -1;
}

struct emu_ctrl *emu_ctrl_create(const char *opts, struct emu_domain *dom)
{
	struct emu_config *cfg = emu_config_parse(opts);
	struct emu_ctrl *ctrl;

	if (!cfg)
		return NULL;
	ctrl = ctrl_alloc(cfg);
	if (!ctrl) {
		emu_config_free(cfg);
		return set_errno_null(ENOMEM);
	}
	if (ctrl_start(ctrl, dom)) {
		ctrl_free(ctrl);
		return NULL;
	}
	return ctrl;
}

void emu_ctrl_destroy(struct emu_ctrl *ctrl)
{
	if (!ctrl)
		return;
	emu_domain_detach(ctrl->dom, ctrl);
	emu_queues_reset(ctrl);
	emu_admin_exit(ctrl);
	emu_faults_exit(ctrl);
	emu_regs_exit(ctrl);
	emu_irq_exit(ctrl);
	emu_domain_put(ctrl->dom);
	ctrl_free(ctrl);
}

/* ---- what may be asked of it ---- */

void emu_pci_ids(const struct emu_ctrl *ctrl, uint16_t *vid, uint16_t *did)
{
	*vid = (uint16_t)ctrl->cfg->vid;
	*did = (uint16_t)ctrl->cfg->did;
}

static void reset(struct emu_ctrl *ctrl, void *arg)
{
	(void)arg;
	emu_ctrl_reset(ctrl, EMU_RESET_FUNCTION);
}

void emu_reset(struct emu_ctrl *ctrl)
{
	emu_call(ctrl, reset, NULL);
}

static void unplug(struct emu_ctrl *ctrl, void *arg)
{
	(void)arg;
	emu_ctrl_gone(ctrl);
}

void emu_unplug(struct emu_ctrl *ctrl)
{
	emu_call(ctrl, unplug, NULL);
}

static void stats_get(struct emu_ctrl *ctrl, void *arg)
{
	struct emu_stats *stats = arg;

	*stats = ctrl->stats;
	stats->irqs = emu_irq_count(ctrl);
}

void emu_get_stats(struct emu_ctrl *ctrl, struct emu_stats *stats)
{
	emu_call(ctrl, stats_get, stats);
}

struct event_msg {
	unsigned int type, info, lid;
	int error;
};

static void event_raise(struct emu_ctrl *ctrl, void *arg)
{
	struct event_msg *msg = arg;

	msg->error = emu_event(ctrl, msg->type, msg->info, msg->lid) ? errno : 0;
}

int emu_raise_event(struct emu_ctrl *ctrl, unsigned int type, unsigned int info, unsigned int lid)
{
	struct event_msg msg = {.type = type, .info = info, .lid = lid};

	if (type > 7 || info > UINT8_MAX || lid > UINT8_MAX)
		return set_errno(EINVAL);
	emu_call(ctrl, event_raise, &msg);
	return msg.error ? set_errno(msg.error) : 0;
}

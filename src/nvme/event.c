/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous events. A poll arms what is not armed, takes one completed request, reads its log page
 * if that is wanted, and delivers it; the next one's turn comes after that, so that events are
 * delivered in their order and one buffer is enough.
 */
#include "nvme/event.h"

#include <errno.h>
#include <string.h>

#include <belfry/iommu.h>
#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/poll.h>
#include <belfry/nvme/rq.h>
#include <belfry/nvme/status.h>
#include <belfry/support/log.h>

#include "nvme/priv.h"
#include "nvme/rq.h"
#include "nvme/setup.h"
#include "support/errno.h"

#define LOG_MS 5000

/* Enough of any log page to know what has changed; reading a part of it counts as reading it. */
#define LOG_BYTES 512
#define LOG_MAX	  4096

static const char *const types[] = {
	[NVM_AEN_TYPE_ERROR] = "error",	       [NVM_AEN_TYPE_SMART] = "SMART / health",
	[NVM_AEN_TYPE_NOTICE] = "notice",      [NVM_AEN_TYPE_IMMEDIATE] = "immediate",
	[NVM_AEN_TYPE_ONE_SHOT] = "one-shot",  [NVM_AEN_TYPE_IO] = "I/O command specific",
	[NVM_AEN_TYPE_VS] = "vendor specific",
};

const char *nvme_event_type_name(uint8_t type)
{
	return type < sizeof(types) / sizeof(types[0]) && types[type] ? types[type] : "unknown";
}

/* ---- requests ---- */

/* False while there is no controller to ask. */
static bool arm_locked(struct nvme_ctrl *ctrl, struct nvme_events *ev)
{
	if (!ctrl->adminq.sq || nvme_ctrl_is_down(ctrl))
		return false;
	if (ev->restarts != ctrl->priv->admin_restarts) {
		memset(ev->rqs, 0, sizeof(ev->rqs));
		ev->restarts = ctrl->priv->admin_restarts;
	}
	for (unsigned int i = 0; i < ev->nr; i++) {
		if (!ev->rqs[i])
			ev->rqs[i] = nvme_aer_locked(ctrl);
	}
	return true;
}

/* Take one that has completed. */
static bool collect_locked(struct nvme_events *ev, struct nvme_cqe *cqe)
{
	for (unsigned int i = 0; i < NVME_NR_AERS; i++) {
		struct nvme_rq *rq = ev->rqs[i];

		if (!rq || nvme_rq_reap(rq, cqe) != NVME_REAP_MINE)
			continue;
		nvme_rq_release_atomic(rq);
		ev->rqs[i] = NULL;
		return true;
	}
	return false;
}

/* Take an event, if there is one. */
static bool next_event(struct nvme_ctrl *ctrl, struct nvme_events *ev)
{
	struct nvme_cqe cqe;
	bool found = false;
	uint32_t dw0;

	pthread_mutex_lock(&ctrl->priv->admin_lock);
	if (arm_locked(ctrl, ev))
		found = collect_locked(ev, &cqe);
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
	if (!found)
		return false;

	if (!nvme_cqe_ok(&cqe)) {
		log_error("event request refused: %s\n", nvme_status_str(nvme_cqe_status(&cqe)));
		/* Once more would be refused as well. */
		if (nvme_cqe_status(&cqe) != NVM_SC_ABORT_REQUESTED && ev->nr)
			ev->nr--;
		return false;
	}
	dw0 = le32_to_cpu(cqe.dw0);
	ev->event = (struct nvme_event){
		.type = NVME_AEN_TYPE(dw0), .info = NVME_AEN_INFO(dw0), .lid = NVME_AEN_LID(dw0)};
	return true;
}

/* ---- log page ---- */

static void start_log(struct nvme_ctrl *ctrl, struct nvme_events *ev)
{
	union nvme_cmd cmd = {.log = {.opcode = NVM_ADMIN_GET_LOG, .lid = ev->event.lid}};
	size_t len = ev->event.lid == NVM_LOG_CHANGED_NS ? LOG_MAX : LOG_BYTES;

	cmd.nsid = cpu_to_le32(NVM_NSID_ALL);
	cmd.dptr.prp1 = cpu_to_le64(ev->buf.iova);
	cmd.log.numdl = cpu_to_le16((uint16_t)(len / 4 - 1)); /* 0's based */
	if (nvme_op_start(ctrl, &ev->op, &cmd, LOG_MS))
		return; /* no tracker is free: at the next poll */
	ev->event.log_len = len;
}

/* False while the log page is being read. */
static bool finish_log(struct nvme_ctrl *ctrl, struct nvme_events *ev)
{
	if (!ev->op.rq) {
		start_log(ctrl, ev);
		return false;
	}
	switch (nvme_op_check(ctrl, &ev->op)) {
	case NVME_OP_PENDING:
		return false;
	case NVME_OP_DONE:
		if (nvme_cqe_ok(&ev->op.cqe))
			ev->event.log = ev->buf.vaddr;
		break;
	case NVME_OP_FAILED:
		/* The controller may still write there, so it is not used again. */
		if (errno == ETIMEDOUT)
			ev->opts.flags &= ~(unsigned int)NVME_EVENTS_READ_LOG;
	}
	if (!ev->event.log)
		ev->event.log_len = 0;
	return true;
}

static int deliver(struct nvme_ctrl *ctrl, struct nvme_events *ev)
{
	int nr = 0;

	/* A device that has always one more must not keep us here. */
	while (nr < NVME_NR_AERS && (ev->pending || next_event(ctrl, ev))) {
		bool wants_log = ev->opts.flags & NVME_EVENTS_READ_LOG && ev->event.lid;

		ev->pending = true;
		if (wants_log && !finish_log(ctrl, ev))
			break;
		ev->pending = false;
		nvme_ctrl_count(ctrl, NVME_COUNT_EVENTS);
		ev->opts.fn(ctrl, &ev->event, ev->opts.arg);
		nr++;
	}
	/* Who polls when there is an interrupt waits for the next one. */
	pthread_mutex_lock(&ctrl->priv->admin_lock);
	arm_locked(ctrl, ev);
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
	return nr;
}

/* ---- entry points ---- */

int nvme_events_start(struct nvme_ctrl *ctrl, const struct nvme_events_opts *opts)
{
	struct nvme_events *ev;

	if (nvme_check_open(ctrl))
		return -1;
	ev = &ctrl->priv->events;
	if (!opts->fn || opts->flags & ~(unsigned int)NVME_EVENTS_READ_LOG)
		return set_errno(EINVAL);
	if (ev->opts.fn)
		return set_errno(EALREADY);
	if (opts->flags && !ev->buf.vaddr && nvme_dma_alloc(ctrl, &ev->buf, LOG_MAX))
		return -1;

	ev->opts = *opts;
	if (nvme_setup_one(ctrl, NVME_SETUP_EVENTS)) {
		ev->opts = (struct nvme_events_opts){};
		return -1;
	}
	ev->nr = ctrl->priv->aerl + 1u < NVME_NR_AERS ? ctrl->priv->aerl + 1u : NVME_NR_AERS;
	pthread_mutex_lock(&ctrl->priv->admin_lock);
	ev->restarts = ctrl->priv->admin_restarts;
	arm_locked(ctrl, ev);
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
	return 0;
}

void nvme_events_stop(struct nvme_ctrl *ctrl)
{
	struct nvme_events *ev;
	keep_errno();

	if (nvme_check_open(ctrl))
		return;
	ev = &ctrl->priv->events;
	nvme_op_drop(ctrl, &ev->op);
	pthread_mutex_lock(&ctrl->priv->admin_lock);
	for (int i = 0; i < NVME_NR_AERS; i++) {
		if (ev->rqs[i] && ev->restarts == ctrl->priv->admin_restarts)
			nvme_rq_release_atomic(ev->rqs[i]);
		ev->rqs[i] = NULL;
	}
	pthread_mutex_unlock(&ctrl->priv->admin_lock);
	ev->opts = (struct nvme_events_opts){};
	ev->pending = false;
}

int nvme_admin_poll(struct nvme_ctrl *ctrl)
{
	struct nvme_events *ev;
	int nr = 0;
	keep_errno();

	if (nvme_check_open(ctrl))
		return 0;
	ev = &ctrl->priv->events;
	nvme_recover_step(ctrl);
	nvme_alive_step(ctrl);
	if (pthread_mutex_trylock(&ev->lock))
		return 0;
	if (ev->opts.fn)
		nr = deliver(ctrl, ev);
	pthread_mutex_unlock(&ev->lock);
	return nr;
}

int nvme_ctrl_poll(struct nvme_ctrl *ctrl, int budget)
{
	int n = 0;

	if (!ctrl->priv)
		return 0;
	nvme_admin_poll(ctrl);
	for (int i = 1; i < ctrl->priv->nr_cqs; i++) {
		if (ctrl->cq[i].mem.vaddr)
			n += nvme_cq_poll(&ctrl->cq[i], budget - n);
	}
	return n;
}

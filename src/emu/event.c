/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous events: requests that wait for an event, and events that wait for a request.
 *
 * An event that is reported masks its type until the log page that it names is read without Retain
 * Asynchronous Event (types without a log page mask nothing). An event that waits only for a request is dropped when its log page is read
 * first; one that waits because of the mask is reported after the read.
 *
 * Spec: NVM Express Base 2.0, "Asynchronous Event Request command".
 */
#include "emu/admin.h"

#include <errno.h>
#include <string.h>

#include "emu/config.h"
#include "support/errno.h"

static uint32_t nr_requests_allowed(const struct emu_ctrl *ctrl)
{
	return ctrl->cfg->aerl < EMU_AERL ? ctrl->cfg->aerl + 1u : EMU_AERL + 1u;
}

static uint16_t take_request(struct emu_events *ev, uint32_t i)
{
	const uint16_t cid = ev->aers[i];

	memmove(&ev->aers[i], &ev->aers[i + 1], (--ev->nr_aers - i) * sizeof(ev->aers[0]));
	return cid;
}

static void drop_event(struct emu_events *ev, uint32_t i)
{
	memmove(&ev->waiting[i], &ev->waiting[i + 1],
		(--ev->nr_waiting - i) * sizeof(ev->waiting[0]));
}

/* Report all events that may be, as long as there are requests. */
static void deliver(struct emu_ctrl *ctrl)
{
	struct emu_events *ev = &ctrl->admin->events;
	uint32_t i = 0;

	while (i < ev->nr_waiting && ev->nr_aers) {
		const struct emu_event event = ev->waiting[i];

		if (ev->masked[event.type]) {
			i++;
			continue;
		}
		drop_event(ev, i);
		ev->masked[event.type] =
			event.type != NVM_AEN_TYPE_IMMEDIATE && event.type != NVM_AEN_TYPE_ONE_SHOT;
		ev->masked_lid[event.type] = event.lid;
		emu_complete(ctrl, 0, take_request(ev, 0), NVM_SC_SUCCESS,
			     NVM_SET(event.type, AEN_TYPE) | NVM_SET(event.info, AEN_INFO) |
				     NVM_SET((uint32_t)event.lid, AEN_LID));
	}
}

/* The bit of Asynchronous Event Configuration that enables an event; 0: always enabled. */
static uint32_t config_bit(unsigned int type, unsigned int info)
{
	static const uint8_t smart[] = {
		[NVM_AEN_SMART_RELIABILITY] = NVM_SMART_CW_RELIABILITY,
		[NVM_AEN_SMART_TEMPERATURE] = NVM_SMART_CW_TEMPERATURE,
		[NVM_AEN_SMART_SPARE] = NVM_SMART_CW_SPARE,
	};

	if (type == NVM_AEN_TYPE_SMART && info < sizeof(smart))
		return smart[info];
	/* Notices 0 to 6 have the bits from 8 on in their order. */
	if (type == NVM_AEN_TYPE_NOTICE && info <= NVM_AEN_NOTICE_ENDGRP_AGGREGATE)
		return NVM_SET(1, ASYNC_EVENT_NAN) << info;
	return 0;
}

int emu_event(struct emu_ctrl *ctrl, unsigned int type, unsigned int info, unsigned int lid)
{
	struct emu_events *ev = &ctrl->admin->events;
	const uint32_t bit = config_bit(type, info);

	if (bit && !(emu_feature(ctrl, NVM_FEAT_ASYNC_EVENT) & bit))
		return 0;
	if (type >= EMU_NR_EVENT_TYPES || ev->nr_waiting == EMU_MAX_EVENTS)
		return set_errno(type >= EMU_NR_EVENT_TYPES ? EINVAL : ENOSPC);
	ev->waiting[ev->nr_waiting++] =
		(struct emu_event){(uint8_t)type, (uint8_t)info, (uint8_t)lid};
	deliver(ctrl);
	return 0;
}

uint16_t emu_aer(struct emu_req *req)
{
	struct emu_events *ev = &req->ctrl->admin->events;

	if (ev->nr_aers == nr_requests_allowed(req->ctrl))
		return NVM_SC_ASYNC_EVENT_LIMIT;
	ev->aers[ev->nr_aers++] = req->cid;
	deliver(req->ctrl);
	return EMU_NO_COMPLETION;
}

bool emu_aer_abort(struct emu_ctrl *ctrl, uint16_t cid)
{
	struct emu_events *ev = &ctrl->admin->events;

	for (uint32_t i = 0; i < ev->nr_aers; i++) {
		if (ev->aers[i] == cid) {
			take_request(ev, i);
			emu_complete(ctrl, 0, cid, NVM_SC_ABORT_REQUESTED, 0);
			return true;
		}
	}
	return false;
}

void emu_events_read(struct emu_ctrl *ctrl, uint8_t lid)
{
	struct emu_events *ev = &ctrl->admin->events;

	for (uint32_t i = ev->nr_waiting; i--;) {
		if (ev->waiting[i].lid == lid && !ev->masked[ev->waiting[i].type])
			drop_event(ev, i);
	}
	for (unsigned int type = 0; type < EMU_NR_EVENT_TYPES; type++) {
		if (ev->masked_lid[type] == lid)
			ev->masked[type] = false;
	}
	if (lid == NVM_LOG_CHANGED_NS)
		memset(ev->changed, 0, sizeof(ev->changed));
	deliver(ctrl);
}

void emu_events_ns_changed(struct emu_ctrl *ctrl, uint32_t nsid)
{
	struct emu_events *ev = &ctrl->admin->events;

	ev->changed[nsid / 8] |= (uint8_t)(1u << nsid % 8);

	/* The log lists all that have changed: one event that waits, or is unread, is enough. */
	if (ev->masked[NVM_AEN_TYPE_NOTICE] &&
	    ev->masked_lid[NVM_AEN_TYPE_NOTICE] == NVM_LOG_CHANGED_NS)
		return;
	for (uint32_t i = 0; i < ev->nr_waiting; i++) {
		if (ev->waiting[i].lid == NVM_LOG_CHANGED_NS)
			return;
	}
	emu_event(ctrl, NVM_AEN_TYPE_NOTICE, NVM_AEN_NOTICE_NS_CHANGED, NVM_LOG_CHANGED_NS);
}

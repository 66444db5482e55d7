/* SPDX-License-Identifier: MIT */
/*
 * The admin command set: its state from creation to end, dispatch, and the commands that are too
 * small for a file of their own.
 *
 * Every command here completes at once but for Asynchronous Event Request, so that there is little
 * for Abort to find.
 */
#include "emu/admin.h"

#include <stdlib.h>

#include "emu/config.h"
#include "emu/feature.h"
#include "emu/engine.h"
#include "emu/ns.h"
#include "support/deadline.h"
#include "support/errno.h"

static void admin_free(struct emu_ctrl *ctrl)
{
	struct emu_admin *adm = ctrl->admin;

	emu_features_exit(ctrl);
	free(adm->fused);
	free(adm->scratch);
	free(adm->scratch2);
	free(adm);
	ctrl->admin = NULL;
}

int emu_admin_init(struct emu_ctrl *ctrl)
{
	struct emu_admin *adm = calloc(1, sizeof(*adm));

	if (!adm)
		return -1;
	ctrl->admin = adm;
	adm->fail_lba = UINT64_MAX;
	adm->max_transfer =
		ctrl->cfg->mdts ? 4096ull << ctrl->cfg->mpsmin << ctrl->cfg->mdts : UINT64_MAX;
	adm->power_on_ns = adm->now_ns = now_ns();
	adm->fused = calloc(ctrl->cfg->queues + 1, sizeof(*adm->fused));
	adm->scratch = malloc(EMU_SCRATCH);
	adm->scratch2 = malloc(EMU_SCRATCH);
	if (!adm->fused || !adm->scratch || !adm->scratch2) {
		errno = ENOMEM; /* whichever it was */
		goto unwind;
	}
	if (emu_features_init(ctrl) || emu_ns_open_all(ctrl))
		goto unwind;
	emu_admin_reset(ctrl);
	return 0;

unwind:
	emu_admin_exit(ctrl);
	return -1;
}

void emu_admin_exit(struct emu_ctrl *ctrl)
{
	keep_errno();

	if (!ctrl->admin)
		return;
	emu_ns_close_all(ctrl);
	admin_free(ctrl);
}

void emu_admin_reset(struct emu_ctrl *ctrl)
{
	struct emu_admin *adm = ctrl->admin;

	adm->events = (struct emu_events){0};
	for (uint32_t qid = 0; qid <= ctrl->cfg->queues; qid++)
		adm->fused[qid].valid = false;
	adm->nr_fused = 0;
	adm->kato_ns = 0;
	emu_features_reset(ctrl);
}

void emu_admin_shutdown(struct emu_ctrl *ctrl)
{
	emu_ns_flush_all(ctrl);
}

static void keep_alive(struct emu_admin *adm)
{
	adm->kato_due = now_ns() + adm->kato_ns;
}

void emu_admin_tick(struct emu_ctrl *ctrl, uint64_t now_ns)
{
	struct emu_admin *adm = ctrl->admin;

	adm->now_ns = now_ns;
	emu_hmb_use(ctrl);
	if (!adm->kato_ns || !ctrl->enabled || now_ns < adm->kato_due)
		return;
	adm->kato_ns = 0;
	/* The timer runs as long as nobody has told the controller to shut down. */
	if (NVM_GET(ctrl->engine->cc, CC_SHN))
		return;
	emu_log_other_error(ctrl, NVM_SC_KAT_EXPIRED);
	emu_ctrl_fatal(ctrl, "the Keep Alive Timer has expired");
}

uint16_t emu_dnr(uint16_t status)
{
	switch (status & NVM_SET(-1, STATUS_CODE)) {
	case NVM_SC_SUCCESS:
	case NVM_SC_DATA_XFER_ERROR:
	case NVM_SC_POWER_LOSS:
	case NVM_SC_INTERNAL:
	case NVM_SC_ABORT_REQUESTED:
	case NVM_SC_ABORT_SQ_DELETED:
	case NVM_SC_ABORT_FAILED_FUSED:
	case NVM_SC_WRITE_FAULT:
		return status;
	default:
		return status | NVM_SET(1, STATUS_DNR);
	}
}

/*
 * Commands are carried out one after the other, so what can still be aborted is what waits for
 * something: an event, the other half of a fused operation, or a fault that delays it.
 */
static uint16_t admin_abort(struct emu_req *req)
{
	struct emu_ctrl *ctrl = req->ctrl;
	const uint32_t cdw10 = le32_to_cpu(req->cmd.cdw10);
	const uint16_t sqid = NVM_GET(cdw10, ABORT_SQID), cid = NVM_GET(cdw10, ABORT_CID);
	bool aborted;

	if (sqid > ctrl->nr_queues || !ctrl->sqs[sqid].valid)
		return NVM_SC_INVALID_FIELD;
	aborted = (!sqid && emu_aer_abort(ctrl, cid)) ||
		  (sqid && emu_fused_abort(ctrl, sqid, cid)) || emu_abort_held(ctrl, sqid, cid);
	req->dw0 = aborted ? 0 : NVM_SET(1, ABORT_NOT_ABORTED);
	return 0;
}

static uint16_t admin_keep_alive(struct emu_req *req)
{
	keep_alive(req->ctrl->admin);
	return 0;
}

static uint16_t admin_dbbuf_config(struct emu_req *req)
{
	const uint64_t doorbells = le64_to_cpu(req->cmd.dptr.prp1);
	const uint64_t eventidxs = le64_to_cpu(req->cmd.dptr.prp2);

	if ((doorbells | eventidxs) & (req->ctrl->page_size - 1))
		return NVM_SC_INVALID_FIELD;
	return emu_dbbuf_config(req->ctrl, doorbells, eventidxs);
}

static uint16_t dispatch(struct emu_req *req)
{
	switch (req->cmd.opcode) {
	case NVM_ADMIN_DELETE_SQ:
		return emu_delete_sq(req);
	case NVM_ADMIN_CREATE_SQ:
		return emu_create_sq(req);
	case NVM_ADMIN_GET_LOG:
		return emu_get_log(req);
	case NVM_ADMIN_DELETE_CQ:
		return emu_delete_cq(req);
	case NVM_ADMIN_CREATE_CQ:
		return emu_create_cq(req);
	case NVM_ADMIN_IDENTIFY:
		return emu_identify(req);
	case NVM_ADMIN_ABORT:
		return admin_abort(req);
	case NVM_ADMIN_SET_FEATURES:
		return emu_set_features(req);
	case NVM_ADMIN_GET_FEATURES:
		return emu_get_features(req);
	case NVM_ADMIN_ASYNC_EVENT:
		return emu_aer(req);
	case NVM_ADMIN_NS_MGMT:
		return emu_ns_mgmt(req);
	case NVM_ADMIN_NS_ATTACH:
		return emu_ns_attach(req);
	case NVM_ADMIN_KEEP_ALIVE:
		return admin_keep_alive(req);
	case NVM_ADMIN_FORMAT:
		return emu_ns_format_cmd(req);
	case NVM_ADMIN_DBBUF_CONFIG:
		return req->ctrl->cfg->dbbuf ? admin_dbbuf_config(req) : NVM_SC_INVALID_OPCODE;
	default:
		return NVM_SC_INVALID_OPCODE;
	}
}

/* These have no use for a namespace; a host that gives one has most likely mixed something up. */
static bool takes_no_nsid(uint8_t opcode)
{
	switch (opcode) {
	case NVM_ADMIN_DELETE_SQ:
	case NVM_ADMIN_CREATE_SQ:
	case NVM_ADMIN_DELETE_CQ:
	case NVM_ADMIN_CREATE_CQ:
	case NVM_ADMIN_ABORT:
	case NVM_ADMIN_ASYNC_EVENT:
	case NVM_ADMIN_KEEP_ALIVE:
	case NVM_ADMIN_DBBUF_CONFIG:
		return true;
	default:
		return false;
	}
}

uint16_t emu_admin_exec(struct emu_req *req)
{
	uint16_t status;

	/* Over PCIe admin commands use PRPs and are never fused; the other bits are reserved. */
	if (req->cmd.flags)
		return emu_dnr(NVM_SC_INVALID_FIELD);
	if (takes_no_nsid(req->cmd.opcode) && le32_to_cpu(req->cmd.nsid))
		emu_violation(req->ctrl, "admin command %02xh takes no NSID and has %u",
			      req->cmd.opcode, le32_to_cpu(req->cmd.nsid));

	status = dispatch(req);
	return status == EMU_NO_COMPLETION ? status : emu_dnr(status);
}

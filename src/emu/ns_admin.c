/* SPDX-License-Identifier: MIT */
/*
 * Commands about whole namespaces: Namespace Management, Namespace Attachment, Format NVM.
 *
 * Spec: NVM Express Base 2.0, sections of those names; NVM Command Set 1.0 for their data.
 */
#include "emu/ns.h"

#include <errno.h>

#include "emu/admin.h"

/* ---- Namespace Management ---- */

static uint32_t free_nsid(const struct emu_ctrl *ctrl)
{
	for (uint32_t nsid = 1; nsid <= EMU_MAX_NS; nsid++) {
		if (!ctrl->ns[nsid])
			return nsid;
	}
	return 0;
}

static uint16_t check_create(const struct nvm_ns_mgmt *data)
{
	const uint64_t nsze = le64_to_cpu(data->nsze), ncap = le64_to_cpu(data->ncap);

	if (!emu_ns_check_flbas(data->flbas) || data->dps)
		return NVM_SC_INVALID_FORMAT; /* no such format, or protection information */
	if (!nsze || ncap > nsze || data->nmic & ~NVM_NMIC_SHRNS || le32_to_cpu(data->anagrpid) ||
	    le16_to_cpu(data->nvmsetid) || le16_to_cpu(data->endgid) || le64_to_cpu(data->lbstm))
		return NVM_SC_INVALID_FIELD;
	return ncap < nsze ? NVM_SC_THIN_PROV_NOT_SUPPORTED : 0;
}

static uint16_t ns_create(struct emu_req *req)
{
	struct emu_ctrl *ctrl = req->ctrl;
	struct nvm_ns_mgmt *data = (void *)ctrl->admin->scratch;
	uint16_t status = emu_fetch(req, data, sizeof(*data));
	const uint32_t nsid = free_nsid(ctrl);
	struct emu_ns *ns;
	uint64_t bytes;

	if (status)
		return status;
	if (NVM_GET(le32_to_cpu(req->cmd.cdw11), NS_MGMT_CSI) != NVM_CSI_NVM)
		return NVM_SC_IOCS_NOT_SUPPORTED;
	status = check_create(data);
	if (status)
		return status;
	if (__builtin_mul_overflow(le64_to_cpu(data->nsze),
				   1u << emu_formats[emu_ns_format_index(data->flbas)].lbads,
				   &bytes) ||
	    bytes > emu_ns_capacity(ctrl)) {
		ctrl->admin->fail_info = bytes; /* what would have been needed */
		return NVM_SC_NS_INSUFFICIENT_CAP;
	}
	if (!nsid)
		return NVM_SC_NSID_UNAVAILABLE;
	ns = emu_ns_create(ctrl, nsid, le64_to_cpu(data->nsze), data->flbas);
	if (!ns)
		return NVM_SC_INTERNAL;
	ns->nmic = data->nmic;
	req->dw0 = nsid;
	return 0;
}

static void ns_delete(struct emu_ctrl *ctrl, struct emu_ns *ns)
{
	const uint32_t nsid = ns->nsid;
	const bool attached = ns->attached;

	emu_ns_destroy(ctrl, ns);
	if (attached)
		emu_events_ns_changed(ctrl, nsid);
}

static uint16_t ns_delete_cmd(struct emu_req *req)
{
	struct emu_ctrl *ctrl = req->ctrl;
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);

	if (nsid != NVM_NSID_ALL && (!nsid || nsid > EMU_MAX_NS))
		return NVM_SC_INVALID_NS;
	if (nsid != NVM_NSID_ALL && !ctrl->ns[nsid])
		return NVM_SC_INVALID_FIELD;
	for (uint32_t i = 1; i <= EMU_MAX_NS; i++) {
		if (ctrl->ns[i] && (nsid == NVM_NSID_ALL || nsid == i))
			ns_delete(ctrl, ctrl->ns[i]);
	}
	return 0;
}

uint16_t emu_ns_mgmt(struct emu_req *req)
{
	switch (NVM_GET(le32_to_cpu(req->cmd.cdw10), NS_MGMT_SEL)) {
	case NVM_NS_MGMT_SEL_CREATE:
		return ns_create(req);
	case NVM_NS_MGMT_SEL_DELETE:
		return ns_delete_cmd(req);
	default:
		return NVM_SC_INVALID_FIELD;
	}
}

/* ---- Namespace Attachment ---- */

/* There is one controller, so the list can only be that one. */
static uint16_t fetch_ctrl_list(struct emu_req *req)
{
	const struct nvm_ctrl_list *list = (void *)req->ctrl->admin->scratch;
	uint16_t status = emu_fetch(req, req->ctrl->admin->scratch, sizeof(*list));

	if (status)
		return status;
	return le16_to_cpu(list->num) == 1 && le16_to_cpu(list->id[0]) == EMU_CNTLID
		       ? 0
		       : NVM_SC_CTRL_LIST_INVALID;
}

uint16_t emu_ns_attach(struct emu_req *req)
{
	struct emu_ctrl *ctrl = req->ctrl;
	const unsigned int sel = NVM_GET(le32_to_cpu(req->cmd.cdw10), NS_ATTACH_SEL);
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	const bool attach = sel == NVM_NS_ATTACH_SEL_ATTACH;
	struct emu_ns *ns;
	uint16_t status;

	if (sel > NVM_NS_ATTACH_SEL_DETACH || nsid == NVM_NSID_ALL)
		return NVM_SC_INVALID_FIELD;
	if (!nsid || nsid > EMU_MAX_NS)
		return NVM_SC_INVALID_NS;
	ns = ctrl->ns[nsid];
	if (!ns)
		return NVM_SC_INVALID_FIELD;
	status = fetch_ctrl_list(req);
	if (status)
		return status;
	if (ns->attached == attach)
		return attach ? NVM_SC_NS_ALREADY_ATTACHED : NVM_SC_NS_NOT_ATTACHED;

	/* A namespace that goes must not come back with less than the host was told it had. */
	if (!attach && emu_store_flush(&ns->store))
		return NVM_SC_INTERNAL;
	ns->attached = attach;
	emu_events_ns_changed(ctrl, nsid);
	return 0;
}

/* ---- Format NVM ---- */

static uint16_t format_one(struct emu_ctrl *ctrl, struct emu_ns *ns, uint8_t flbas)
{
	const bool changed = ns->flbas != flbas;

	if (emu_ns_format(ns, flbas))
		return errno == EINVAL ? NVM_SC_INVALID_FORMAT : NVM_SC_INTERNAL;
	if (changed && ns->attached)
		emu_events_ns_changed(ctrl, ns->nsid);
	return 0;
}

/* With or without secure erase: the contents are gone, and read as zeros. */
uint16_t emu_ns_format_cmd(struct emu_req *req)
{
	struct emu_ctrl *ctrl = req->ctrl;
	const uint32_t cdw10 = le32_to_cpu(req->cmd.cdw10);
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	const uint8_t flbas = NVM_GET(cdw10, FORMAT_LBAFL) |
			      NVM_SET(NVM_GET(cdw10, FORMAT_MSET), FLBAS_EXT) |
			      NVM_SET(NVM_GET(cdw10, FORMAT_LBAFU), FLBAS_HIGH);
	uint16_t status = 0;

	if (NVM_GET(cdw10, FORMAT_SES) > NVM_FORMAT_SES_CRYPTO)
		return NVM_SC_INVALID_FIELD;
	if (!emu_ns_check_flbas(flbas) || NVM_GET(cdw10, FORMAT_PI))
		return NVM_SC_INVALID_FORMAT;
	if (nsid != NVM_NSID_ALL && (!nsid || nsid > EMU_MAX_NS))
		return NVM_SC_INVALID_NS;
	if (nsid != NVM_NSID_ALL && !ctrl->ns[nsid])
		return NVM_SC_INVALID_FIELD;
	for (uint32_t i = 1; i <= EMU_MAX_NS && !status; i++) {
		if (ctrl->ns[i] && (nsid == i || (nsid == NVM_NSID_ALL && ctrl->ns[i]->attached)))
			status = format_one(ctrl, ctrl->ns[i], flbas);
	}
	return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * Identify, as far as it is about the controller. What it says about namespaces is in
 * identify_ns.c.
 *
 * The bits that say what is supported are kept in step with what is: a command or feature that
 * comes or goes must be looked up here and in log_effects.c.
 *
 * Spec: NVM Express Base 2.0, "Identify command"; NVM Command Set 1.0, "Identify Data Structures".
 */
#include "emu/admin.h"

#include <stdio.h>
#include <string.h>

#include "emu/config.h"
#include "emu/ns.h"

/* ASCII, padded with spaces, no final zero. */
static void put_text(char *field, size_t len, const char *text)
{
	const size_t nr = text ? strnlen(text, len) : 0;

	memset(field, ' ', len);
	if (nr)
		memcpy(field, text, nr);
}

static void controller_capabilities(const struct emu_ctrl *ctrl, struct nvm_id_ctrl *id)
{
	const struct emu_config *cfg = ctrl->cfg;

	id->vid = cpu_to_le16((uint16_t)cfg->vid);
	id->ssvid = cpu_to_le16((uint16_t)cfg->vid);
	put_text(id->sn, sizeof(id->sn), cfg->serial);
	put_text(id->mn, sizeof(id->mn), cfg->model);
	put_text(id->fr, sizeof(id->fr), cfg->firmware);
	id->rab = 6;
	for (int i = 0; i < 3; i++)
		id->ieee[i] = (uint8_t)EMU_OUI[2 - i];
	id->mdts = (uint8_t)cfg->mdts;
	id->cntlid = cpu_to_le16(EMU_CNTLID);
	id->ver = cpu_to_le32(NVM_SET(2, VS_MJR));
	id->rtd3r = cpu_to_le32(500000);
	id->rtd3e = cpu_to_le32(cfg->rtd3e);
	id->oaes = cpu_to_le32(NVM_SET(1u, ASYNC_EVENT_NAN));
	id->ctratt = cpu_to_le32(NVM_CTRATT_HIDS | NVM_CTRATT_NG | NVM_CTRATT_ULIST);
	id->cntrltype = NVM_CNTRLTYPE_IO;
}

static void admin_capabilities(const struct emu_ctrl *ctrl, struct nvm_id_ctrl *id)
{
	const struct emu_config *cfg = ctrl->cfg;

	id->oacs = cpu_to_le16(NVM_OACS_FNVMS | NVM_OACS_NMS | (cfg->dbbuf ? NVM_OACS_DBCS : 0));
	id->acl = EMU_ACL;
	id->aerl = (uint8_t)(cfg->aerl < EMU_AERL ? cfg->aerl : EMU_AERL);
	id->frmw = NVM_SET(1, FRMW_FFSRO) | NVM_SET(1, FRMW_NOFS);
	id->lpa = NVM_LPA_CSES | NVM_LPA_LPEDS | NVM_LPA_MLPS;
	id->elpe = EMU_ERROR_ENTRIES - 1;
	id->wctemp = cpu_to_le16(EMU_WARN_TEMP);
	id->cctemp = cpu_to_le16(EMU_CRIT_TEMP);
	emu_put_le128(id->tnvmcap, ctrl->admin->tnvmcap);
	emu_put_le128(id->unvmcap, emu_ns_capacity(ctrl));
	id->kas = cpu_to_le16(EMU_KATO_UNIT_MS / 100);
	if (ctrl->cfg->hmb) {
		id->hmpre = cpu_to_le32((uint32_t)(ctrl->cfg->hmb / 4096));
		id->hmmin = cpu_to_le32((uint32_t)(ctrl->cfg->hmbmin / 4096));
		id->hmmaxd = cpu_to_le16((uint16_t)ctrl->cfg->hmmaxd);
	}
}

static void nvm_capabilities(const struct emu_ctrl *ctrl, struct nvm_id_ctrl *id)
{
	const struct emu_config *cfg = ctrl->cfg;

	id->sqes = 0x66; /* required and largest: 2 ^ 6 and 2 ^ 4 bytes */
	id->cqes = 0x44;
	id->nn = cpu_to_le32(EMU_MAX_NS);
	id->mnan = cpu_to_le32(EMU_MAX_NS);
	id->oncs = cpu_to_le16(NVM_ONCS_NVMCMPS | NVM_ONCS_NVMWUSV | NVM_ONCS_NVMDSMSV |
			       NVM_ONCS_NVMWZSV | NVM_ONCS_SSFS | NVM_ONCS_TSS | NVM_ONCS_NVMVFYS |
			       NVM_ONCS_NVMCPYS);
	id->fuses = cpu_to_le16(NVM_FUSES_FCWS);
	id->fna = NVM_FNA_CRYES;
	id->vwc = (uint8_t)(NVM_SET(cfg->vwc, VWC_VWCP) | NVM_SET(NVM_VWC_FB_YES, VWC_FB));
	/* Commands are carried out one after the other, so each of them is atomic as such; after a
	 * loss of power (AWUPF) a single block is all that is promised. */
	id->awun = cpu_to_le16(0xffff);
	id->acwu = cpu_to_le16(0xffff);
	id->ocfs = cpu_to_le16(1 << 0); /* Copy descriptor format 0h */
	if (cfg->sgl)
		id->sgls = cpu_to_le32(NVM_SET(NVM_SGLS_SGLS_BYTE, SGLS_SGLS) |
				       NVM_SET(1u, SGLS_SBBDS) | NVM_SET(1u, SGLS_SDLL));
	id->msdbd = (uint8_t)(cfg->msdbd < UINT8_MAX ? cfg->msdbd : UINT8_MAX);
}

/* The subsystem's name is made of a UUID, so that two controllers are never taken for one. */
static void subsystem_name(const struct emu_ctrl *ctrl, char subnqn[256])
{
	uint8_t u[16];

	emu_identifier(ctrl, 2, u);
	u[6] = 0x80 | (u[6] & 0x0f); /* RFC 9562: version 8, variant 10b */
	u[8] = 0x80 | (u[8] & 0x3f);
	snprintf(subnqn, 256,
		 "nqn.2014-08.org.nvmexpress:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
}

static uint16_t identify_ctrl(struct emu_req *req, void *out)
{
	struct nvm_id_ctrl *id = out;

	controller_capabilities(req->ctrl, id);
	admin_capabilities(req->ctrl, id);
	nvm_capabilities(req->ctrl, id);
	subsystem_name(req->ctrl, id->subnqn);
	id->psd[0].mp = cpu_to_le16(2500); /* 25 W */
	return 0;
}

/* As ONCS says that the commands are there, all limits of nvm_id_ctrl_nvm are advice: "none", but
 * for what keeps the controller busy for long. */
static uint16_t identify_csi_ctrl(struct emu_req *req, void *out)
{
	struct nvm_id_ctrl_nvm *id = out;

	if (req->cmd.identify.csi != NVM_CSI_NVM)
		return NVM_SC_INVALID_FIELD;
	id->vsl = EMU_VSL;
	return 0;
}

/* This controller is the only one of its subsystem. */
static uint16_t identify_ctrl_list(struct emu_req *req, void *out)
{
	struct nvm_ctrl_list *list = out;

	if (le16_to_cpu(req->cmd.identify.ctrlid) <= EMU_CNTLID) {
		list->num = cpu_to_le16(1);
		list->id[0] = cpu_to_le16(EMU_CNTLID);
	}
	return 0;
}

static uint16_t identify_ns_ctrl_list(struct emu_req *req, void *out)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	uint16_t status;

	if (nsid == NVM_NSID_ALL)
		return NVM_SC_INVALID_FIELD;
	if (!emu_ns_find(req->ctrl, nsid, &status)) {
		/* Allocated, but attached to nobody: an empty list. */
		return nsid <= EMU_MAX_NS && req->ctrl->ns[nsid] ? 0 : status;
	}
	return identify_ctrl_list(req, out);
}

/* A primary controller without resources to give, and without secondary controllers. */
static uint16_t identify_primary(struct emu_req *req, void *out)
{
	struct nvm_primary_ctrl_cap *cap = out;

	(void)req;
	cap->cntlid = cpu_to_le16(EMU_CNTLID);
	return 0;
}

static uint16_t identify_nothing(struct emu_req *req, void *out)
{
	(void)req;
	(void)out;
	return 0;
}

/* One identifier, of this kind of controller; no command or feature makes use of it. */
static uint16_t identify_uuid_list(struct emu_req *req, void *out)
{
	static const uint8_t uuid[16] = {0x5d, 0x0c, 0x9a, 0x4e, 0x31, 0x7b, 0x8f, 0x02,
					 0xb3, 0x66, 0x02, 0xbe, 0x1f, 0x00, 0x00, 0x01};
	struct nvm_id_uuid_list *list = out;

	(void)req;
	list->entry[0].header = 1; /* associated with the PCI vendor */
	memcpy(list->entry[0].uuid, uuid, sizeof(uuid));
	return 0;
}

static uint16_t identify_csi_list(struct emu_req *req, void *out)
{
	struct nvm_id_csi_list *list = out;
	const uint16_t cntlid = le16_to_cpu(req->cmd.identify.ctrlid);

	/* FFFFh is the controller that processes the command. */
	if (cntlid != EMU_CNTLID && cntlid != UINT16_MAX)
		return NVM_SC_INVALID_FIELD;
	list->iocsc[0] = cpu_to_le64(1ull << NVM_CSI_NVM);
	return 0;
}

static uint16_t (*find(uint8_t cns))(struct emu_req *req, void *out)
{
	switch (cns) {
	case NVM_CNS_CTRL:
		return identify_ctrl;
	case NVM_CNS_CSI_CTRL:
		return identify_csi_ctrl;
	case NVM_CNS_NS_CTRL_LIST:
		return identify_ns_ctrl_list;
	case NVM_CNS_CTRL_LIST:
		return identify_ctrl_list;
	case NVM_CNS_PRIMARY_CTRL_CAP:
		return identify_primary;
	case NVM_CNS_SECONDARY_CTRL_LIST:
		return identify_nothing;
	case NVM_CNS_UUID_LIST:
		return identify_uuid_list;
	case NVM_CNS_CSI_LIST:
		return identify_csi_list;
	default:
		return emu_identify_ns;
	}
}

uint16_t emu_identify(struct emu_req *req)
{
	void *out = req->ctrl->admin->scratch;
	uint16_t status;

	memset(out, 0, NVM_IDENTIFY_SIZE);
	status = find(req->cmd.identify.cns)(req, out);
	return status ? status : emu_reply(req, out, NVM_IDENTIFY_SIZE);
}

/* SPDX-License-Identifier: MIT */
/*
 * Get and Set Features: one table with every feature that there is, the rules that hold for all
 * of them, and those that are no more than a dword.
 *
 * Spec: NVM Express Base 2.0, "Get Features command", "Set Features command", "Feature Values".
 */
#include "emu/feature.h"

#include "emu/config.h"
#include "emu/ns.h"

#define SAVE  NVM_FEATURES_CAP_SAVEABLE
#define PERNS NVM_FEATURES_CAP_NS
#define CHG   NVM_FEATURES_CAP_CHANGEABLE

/* The events that are implemented: SMART warnings, and the namespace attribute notice. */
#define EVENTS_SUPPORTED                                                            \
	(NVM_SMART_CW_SPARE | NVM_SMART_CW_TEMPERATURE | NVM_SMART_CW_RELIABILITY | \
	 NVM_SMART_CW_READ_ONLY | NVM_SMART_CW_BACKUP | NVM_SET(1u, ASYNC_EVENT_NAN))

static void apply_arbitration(struct emu_ctrl *ctrl, uint32_t value)
{
	const unsigned int ab = NVM_GET(value, ARBITRATION_AB);

	ctrl->arb_burst = ab == NVM_ARBITRATION_AB_NONE ? UINT32_MAX : 1u << ab;
}

static void apply_vwc(struct emu_ctrl *ctrl, uint32_t value)
{
	struct emu_admin *adm = ctrl->admin;
	const bool off = !NVM_GET(value, VWC_WCE) || !ctrl->cfg->vwc;

	/* What is still in the cache goes where everything goes from now on. */
	if (off && !adm->write_through)
		emu_ns_flush_all(ctrl);
	adm->write_through = off;
}

static void apply_irq_coalesce(struct emu_ctrl *ctrl, uint32_t value)
{
	emu_irq_coalesce(ctrl, NVM_GET(value, IRQ_COALESCE_THR), NVM_GET(value, IRQ_COALESCE_TIME));
}

static void apply_kato(struct emu_ctrl *ctrl, uint32_t value)
{
	struct emu_admin *adm = ctrl->admin;
	const uint64_t units = (value + (EMU_KATO_UNIT_MS - 1ull)) / EMU_KATO_UNIT_MS;

	adm->kato_ns = units * EMU_KATO_UNIT_MS * 1000000;
	adm->kato_due = adm->now_ns + adm->kato_ns;
}

/* The order is that of emu_features.current and .saved. */
static const struct emu_feature_desc features[EMU_NR_FEATURES] = {
	{NVM_FEAT_ARBITRATION, SAVE | CHG, .def = NVM_SET(6, ARBITRATION_AB), .mask = 0xffffff07,
	 .apply = apply_arbitration},
	{NVM_FEAT_POWER_MGMT, SAVE | CHG, .mask = NVM_SET(-1u, POWER_MGMT_WH)},
	{NVM_FEAT_TEMP_THRESH, SAVE | CHG, .ops = &emu_feat_temperature},
	{NVM_FEAT_ERR_RECOVERY, SAVE | CHG | PERNS, .ops = &emu_feat_err_recovery},
	{NVM_FEAT_VWC, SAVE | CHG, .def = NVM_SET(1, VWC_WCE), .mask = NVM_SET(1, VWC_WCE),
	 .apply = apply_vwc},
	{NVM_FEAT_NUM_QUEUES, CHG, .ops = &emu_feat_queues},
	{NVM_FEAT_IRQ_COALESCE, SAVE | CHG, .mask = 0xffff, .apply = apply_irq_coalesce},
	{NVM_FEAT_IRQ_CONFIG, CHG, .ops = &emu_feat_irq_config},
	{NVM_FEAT_WRITE_ATOMIC, SAVE | CHG, .mask = NVM_SET(1, WRITE_ATOMIC_DN)},
	{NVM_FEAT_ASYNC_EVENT, SAVE | CHG, .def = EVENTS_SUPPORTED, .mask = EVENTS_SUPPORTED},
	{NVM_FEAT_HOST_MEM_BUF, CHG, .ops = &emu_feat_hmb},
	{NVM_FEAT_TIMESTAMP, CHG, .ops = &emu_feat_timestamp},
	{NVM_FEAT_KATO, CHG, .mask = UINT32_MAX, .apply = apply_kato},
	{NVM_FEAT_HOST_BEHAVIOR, CHG, .ops = &emu_feat_behavior},
	{NVM_FEAT_IOCS_PROFILE, CHG, .ops = &emu_feat_profile},
	{NVM_FEAT_SW_PROGRESS, SAVE | CHG, .mask = NVM_SET(-1u, SW_PROGRESS_PBSLC)},
	{NVM_FEAT_HOST_ID, CHG, .ops = &emu_feat_host_id},
};

static const struct emu_feature_desc *find(const struct emu_ctrl *ctrl, uint8_t fid)
{
	if (fid == NVM_FEAT_VWC && !ctrl->cfg->vwc)
		return NULL;
	if (fid == NVM_FEAT_HOST_MEM_BUF && !ctrl->cfg->hmb)
		return NULL;
	for (unsigned int i = 0; i < EMU_NR_FEATURES; i++) {
		if (features[i].fid == fid)
			return &features[i];
	}
	return NULL;
}

uint32_t emu_feature(const struct emu_ctrl *ctrl, uint8_t fid)
{
	const struct emu_feature_desc *feature = find(ctrl, fid);

	return feature ? ctrl->admin->feat.current[feature - features] : 0;
}

static uint16_t set_simple(struct emu_req *req, const struct emu_feature_desc *feature,
			   uint32_t value, bool save)
{
	struct emu_features *feat = &req->ctrl->admin->feat;
	const long i = feature - features;

	if (value & ~feature->mask)
		return NVM_SC_INVALID_FIELD;
	feat->current[i] = value;
	if (save)
		feat->saved[i] = value;
	if (feature->apply)
		feature->apply(req->ctrl, value);
	return 0;
}

uint16_t emu_set_features(struct emu_req *req)
{
	const uint32_t cdw10 = le32_to_cpu(req->cmd.cdw10), cdw11 = le32_to_cpu(req->cmd.cdw11);
	const struct emu_feature_desc *feature = find(req->ctrl, NVM_GET(cdw10, FEATURES_FID));
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	const bool save = NVM_GET(cdw10, FEATURES_SV);
	uint16_t status;

	if (!feature)
		return NVM_SC_INVALID_FIELD;
	if (save && !(feature->caps & SAVE))
		return NVM_SC_FEAT_NOT_SAVEABLE;
	if (feature->caps & PERNS) {
		if (nsid != NVM_NSID_ALL && !emu_ns_find(req->ctrl, nsid, &status))
			return status;
	} else if (nsid && nsid != NVM_NSID_ALL) {
		return nsid > EMU_MAX_NS ? NVM_SC_INVALID_NS : NVM_SC_FEAT_NOT_NS_SPECIFIC;
	}
	return feature->ops ? feature->ops->set(req, cdw11, save)
			    : set_simple(req, feature, cdw11, save);
}

static uint32_t get_simple(const struct emu_features *feat, const struct emu_feature_desc *feature,
			   unsigned int sel)
{
	switch (sel) {
	case NVM_FEATURES_SEL_DEFAULT:
		return feature->def;
	case NVM_FEATURES_SEL_SAVED:
		return feat->saved[feature - features];
	default:
		return feat->current[feature - features];
	}
}

uint16_t emu_get_features(struct emu_req *req)
{
	const uint32_t cdw10 = le32_to_cpu(req->cmd.cdw10);
	const struct emu_feature_desc *feature = find(req->ctrl, NVM_GET(cdw10, FEATURES_FID));
	const unsigned int sel = NVM_GET(cdw10, FEATURES_SEL);
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	uint16_t status;

	if (!feature || sel > NVM_FEATURES_SEL_SUPPORTED)
		return NVM_SC_INVALID_FIELD;
	if (sel == NVM_FEATURES_SEL_SUPPORTED) {
		req->dw0 = feature->caps;
		return 0;
	}
	/* There is no one value of all namespaces. */
	if ((feature->caps & PERNS) && nsid == NVM_NSID_ALL)
		return NVM_SC_INVALID_NS;
	if ((feature->caps & PERNS) && !emu_ns_find(req->ctrl, nsid, &status))
		return status;
	if (feature->ops)
		return feature->ops->get(req, le32_to_cpu(req->cmd.cdw11), sel);
	req->dw0 = get_simple(&req->ctrl->admin->feat, feature, sel);
	return 0;
}

int emu_features_init(struct emu_ctrl *ctrl)
{
	struct emu_features *feat = &ctrl->admin->feat;

	for (unsigned int i = 0; i < EMU_NR_FEATURES; i++)
		feat->saved[i] = features[i].def;
	return emu_feat_data_init(ctrl);
}

void emu_features_exit(struct emu_ctrl *ctrl)
{
	emu_feat_data_exit(ctrl);
}

void emu_features_reset(struct emu_ctrl *ctrl)
{
	struct emu_features *feat = &ctrl->admin->feat;

	for (unsigned int i = 0; i < EMU_NR_FEATURES; i++) {
		feat->current[i] = feat->saved[i];
		if (features[i].apply)
			features[i].apply(ctrl, feat->current[i]);
	}
	emu_feat_data_reset(ctrl);
}

void emu_features_log(const struct emu_ctrl *ctrl, struct nvm_log_fid_effects *log)
{
	for (unsigned int i = 0; i < EMU_NR_FEATURES; i++) {
		const struct emu_feature_desc *feature = &features[i];
		const uint32_t scope = feature->caps & PERNS ? NVM_SCOPE_NS : NVM_SCOPE_CTRL;

		if (find(ctrl, feature->fid))
			log->fids[feature->fid] =
				cpu_to_le32(NVM_SET(1, FSE_FSUPP) | NVM_SET(scope, FSE_FSP));
	}
}

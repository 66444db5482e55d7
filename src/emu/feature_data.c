/* SPDX-License-Identifier: MIT */
/*
 * The features that are more than a dword: those that have several values, that come with data, or
 * that may be changed at certain times only.
 */
#include "emu/feature.h"

#include <stdlib.h>
#include <string.h>

#include "emu/config.h"
#include "emu/ns.h"
#include "support/deadline.h"

/* ---- Temperature Threshold: over and under the one composite temperature ---- */

static const uint16_t default_threshold[2] = {
	[NVM_TEMP_THRESH_THSEL_OVER] = EMU_WARN_TEMP,
	[NVM_TEMP_THRESH_THSEL_UNDER] = 0,
};

bool emu_temperature_warning(const struct emu_ctrl *ctrl)
{
	const uint16_t *threshold = ctrl->admin->feat.temp_thresh;

	return EMU_TEMPERATURE >= threshold[NVM_TEMP_THRESH_THSEL_OVER] ||
	       EMU_TEMPERATURE <= threshold[NVM_TEMP_THRESH_THSEL_UNDER];
}

/* An event when a threshold becomes crossed, not as long as it is. */
static void check_temperature(struct emu_ctrl *ctrl)
{
	struct emu_features *feat = &ctrl->admin->feat;
	const bool now = emu_temperature_warning(ctrl), before = feat->too_hot_or_cold;

	feat->too_hot_or_cold = now;
	if (now && !before)
		emu_event(ctrl, NVM_AEN_TYPE_SMART, NVM_AEN_SMART_TEMPERATURE, NVM_LOG_SMART);
}

static uint16_t set_temperature(struct emu_req *req, uint32_t cdw11, bool save)
{
	struct emu_features *feat = &req->ctrl->admin->feat;
	const unsigned int sensor = NVM_GET(cdw11, TEMP_THRESH_TMPSEL);
	const unsigned int which = NVM_GET(cdw11, TEMP_THRESH_THSEL);

	if ((sensor && sensor != NVM_TEMP_THRESH_TMPSEL_ALL) ||
	    which > NVM_TEMP_THRESH_THSEL_UNDER || NVM_GET(cdw11, TEMP_THRESH_TMPTHH))
		return NVM_SC_INVALID_FIELD;
	feat->temp_thresh[which] = NVM_GET(cdw11, TEMP_THRESH_TMPTH);
	if (save)
		feat->temp_thresh_saved[which] = feat->temp_thresh[which];
	check_temperature(req->ctrl);
	return 0;
}

static uint16_t get_temperature(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	const struct emu_features *feat = &req->ctrl->admin->feat;
	const unsigned int which = NVM_GET(cdw11, TEMP_THRESH_THSEL);
	const uint16_t *values = sel == NVM_FEATURES_SEL_DEFAULT ? default_threshold
				 : sel == NVM_FEATURES_SEL_SAVED ? feat->temp_thresh_saved
								 : feat->temp_thresh;

	if (NVM_GET(cdw11, TEMP_THRESH_TMPSEL) || which > NVM_TEMP_THRESH_THSEL_UNDER)
		return NVM_SC_INVALID_FIELD;
	req->dw0 = values[which] | NVM_SET(which, TEMP_THRESH_THSEL);
	return 0;
}

const struct emu_feature_ops emu_feat_temperature = {.set = set_temperature,
						     .get = get_temperature};

/* ---- Error Recovery, for each namespace ---- */

static uint16_t set_err_recovery(struct emu_req *req, uint32_t cdw11, bool save)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);

	/* TLER only: no namespace reports deallocated blocks as errors (NSFEAT). */
	if (cdw11 & ~NVM_SET(-1u, ERR_RECOVERY_TLER))
		return NVM_SC_INVALID_FIELD;
	for (uint32_t i = 1; i <= EMU_MAX_NS; i++) {
		struct emu_ns *ns = req->ctrl->ns[i];

		if (!ns || !ns->attached || (nsid != NVM_NSID_ALL && nsid != i))
			continue;
		ns->err_recovery = cdw11;
		if (save)
			ns->err_recovery_saved = cdw11;
	}
	return 0;
}

static uint16_t get_err_recovery(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	const struct emu_ns *ns = req->ctrl->ns[le32_to_cpu(req->cmd.nsid)];

	(void)cdw11;
	req->dw0 = sel == NVM_FEATURES_SEL_DEFAULT ? 0
		   : sel == NVM_FEATURES_SEL_SAVED ? ns->err_recovery_saved
						   : ns->err_recovery;
	return 0;
}

const struct emu_feature_ops emu_feat_err_recovery = {.set = set_err_recovery,
						      .get = get_err_recovery};

/* ---- Number of Queues ---- */

static bool any_io_queue(const struct emu_ctrl *ctrl)
{
	for (uint32_t qid = 1; qid <= ctrl->nr_queues; qid++) {
		if (ctrl->cqs[qid].valid || ctrl->sqs[qid].valid)
			return true;
	}
	return false;
}

/* Counts to 0's based fields. */
static uint32_t num_queues(uint32_t nsq, uint32_t ncq)
{
	return NVM_SET(nsq - 1, NUM_QUEUES_NSQ) | NVM_SET(ncq - 1, NUM_QUEUES_NCQ);
}

static uint16_t set_queues(struct emu_req *req, uint32_t cdw11, bool save)
{
	struct emu_features *feat = &req->ctrl->admin->feat;
	const uint32_t nsq = NVM_GET(cdw11, NUM_QUEUES_NSQ) + 1u;
	const uint32_t ncq = NVM_GET(cdw11, NUM_QUEUES_NCQ) + 1u;
	const uint32_t most = req->ctrl->cfg->queues;

	(void)save;
	if (any_io_queue(req->ctrl))
		return NVM_SC_CMD_SEQ_ERROR;
	if (nsq > UINT16_MAX || ncq > UINT16_MAX)
		return NVM_SC_INVALID_FIELD;
	feat->nsqa = nsq < most ? nsq : most;
	feat->ncqa = ncq < most ? ncq : most;
	req->dw0 = num_queues(feat->nsqa, feat->ncqa);
	return 0;
}

static uint16_t get_queues(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	const struct emu_features *feat = &req->ctrl->admin->feat;
	const uint32_t most = req->ctrl->cfg->queues;

	(void)cdw11;
	req->dw0 = sel == NVM_FEATURES_SEL_CURRENT ? num_queues(feat->nsqa, feat->ncqa)
						   : num_queues(most, most);
	return 0;
}

const struct emu_feature_ops emu_feat_queues = {.set = set_queues, .get = get_queues};

/* ---- Interrupt Vector Configuration ---- */

static uint16_t set_irq_config(struct emu_req *req, uint32_t cdw11, bool save)
{
	const uint16_t vector = NVM_GET(cdw11, IRQ_CONFIG_IV);
	const bool disable = NVM_GET(cdw11, IRQ_CONFIG_CD);

	(void)save;
	if (vector >= req->ctrl->cfg->vectors || cdw11 >> 17)
		return NVM_SC_INVALID_FIELD;
	req->ctrl->admin->feat.no_coalescing[vector] = disable;
	emu_irq_coalesce_vector(req->ctrl, vector, disable);
	return 0;
}

static uint16_t get_irq_config(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	const uint16_t vector = NVM_GET(cdw11, IRQ_CONFIG_IV);
	bool disable;

	if (vector >= req->ctrl->cfg->vectors)
		return NVM_SC_INVALID_FIELD;
	disable = sel == NVM_FEATURES_SEL_CURRENT && req->ctrl->admin->feat.no_coalescing[vector];
	req->dw0 = vector | NVM_SET(disable, IRQ_CONFIG_CD);
	return 0;
}

const struct emu_feature_ops emu_feat_irq_config = {.set = set_irq_config, .get = get_irq_config};

/* ---- Timestamp ---- */

static uint16_t set_timestamp(struct emu_req *req, uint32_t cdw11, bool save)
{
	struct emu_features *feat = &req->ctrl->admin->feat;
	struct nvm_timestamp data;
	uint16_t status = emu_fetch(req, &data, sizeof(data));
	uint64_t ms = 0;

	(void)cdw11;
	(void)save;
	if (status)
		return status;
	for (int i = 5; i >= 0; i--)
		ms = ms << 8 | data.timestamp[i];
	feat->timestamp_ms = ms;
	feat->timestamp_ns = now_ns();
	feat->timestamp_host = true;
	return 0;
}

static uint16_t get_timestamp(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	const struct emu_features *feat = &req->ctrl->admin->feat;
	struct nvm_timestamp data = {0};
	uint64_t ms = feat->timestamp_ms + (now_ns() - feat->timestamp_ns) / NS_PER_MS;

	(void)cdw11;
	if (sel == NVM_FEATURES_SEL_CURRENT) {
		for (int i = 0; i < 6; i++, ms >>= 8)
			data.timestamp[i] = (uint8_t)ms;
		data.attributes = NVM_SET(feat->timestamp_host ? NVM_TIMESTAMP_ORIGIN_HOST
							       : NVM_TIMESTAMP_ORIGIN_RESET,
					  TIMESTAMP_ORIGIN);
	}
	return emu_reply(req, &data, sizeof(data));
}

const struct emu_feature_ops emu_feat_timestamp = {.set = set_timestamp, .get = get_timestamp};

/* ---- Host Behavior Support ---- */

static uint16_t set_behavior(struct emu_req *req, uint32_t cdw11, bool save)
{
	static const uint8_t zeros[sizeof(struct nvm_host_behavior)];
	struct nvm_host_behavior data;
	uint16_t status = emu_fetch(req, &data, sizeof(data));

	(void)cdw11;
	(void)save;
	if (status)
		return status;
	/* No telemetry, formats or copies that a host would have to be prepared for. */
	if (data.acre > 1 ||
	    memcmp(&data.etdas, zeros, sizeof(data) - offsetof(struct nvm_host_behavior, etdas)))
		return NVM_SC_INVALID_FIELD;
	req->ctrl->admin->feat.behavior = data;
	return 0;
}

static uint16_t get_behavior(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	static const struct nvm_host_behavior none;

	(void)cdw11;
	return emu_reply(req,
			 sel == NVM_FEATURES_SEL_CURRENT ? &req->ctrl->admin->feat.behavior : &none,
			 sizeof(none));
}

const struct emu_feature_ops emu_feat_behavior = {.set = set_behavior, .get = get_behavior};

/* ---- I/O Command Set Profile: there is but one combination ---- */

static uint16_t set_profile(struct emu_req *req, uint32_t cdw11, bool save)
{
	(void)req;
	(void)save;
	return NVM_GET(cdw11, IOCS_PROFILE_IOCSCI) ? NVM_SC_IOCS_COMBINATION : 0;
}

static uint16_t get_profile(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	(void)cdw11;
	(void)sel;
	req->dw0 = 0;
	return 0;
}

const struct emu_feature_ops emu_feat_profile = {.set = set_profile, .get = get_profile};

/* ---- Host Identifier ---- */

static uint16_t set_host_id(struct emu_req *req, uint32_t cdw11, bool save)
{
	struct emu_features *feat = &req->ctrl->admin->feat;
	uint64_t id[2] = {0};
	uint16_t status = emu_fetch(req, id, NVM_GET(cdw11, HOST_ID_EXHID) ? 16 : 8);

	(void)save;
	if (!status)
		memcpy(feat->host_id, id, sizeof(id));
	return status;
}

static uint16_t get_host_id(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	static const uint64_t none[2];
	const uint64_t *id = req->ctrl->admin->feat.host_id;

	return emu_reply(req, sel == NVM_FEATURES_SEL_CURRENT ? id : none,
			 NVM_GET(cdw11, HOST_ID_EXHID) ? 16 : 8);
}

const struct emu_feature_ops emu_feat_host_id = {.set = set_host_id, .get = get_host_id};

/* ---- life ---- */

int emu_feat_data_init(struct emu_ctrl *ctrl)
{
	struct emu_features *feat = &ctrl->admin->feat;

	memcpy(feat->temp_thresh_saved, default_threshold, sizeof(default_threshold));
	feat->no_coalescing = calloc(ctrl->cfg->vectors, sizeof(*feat->no_coalescing));
	return feat->no_coalescing ? 0 : -1;
}

void emu_feat_data_exit(struct emu_ctrl *ctrl)
{
	free(ctrl->admin->feat.no_coalescing);
	emu_hmb_exit(ctrl);
}

void emu_feat_data_reset(struct emu_ctrl *ctrl)
{
	struct emu_features *feat = &ctrl->admin->feat;

	emu_hmb_reset(ctrl);
	memcpy(feat->temp_thresh, feat->temp_thresh_saved, sizeof(feat->temp_thresh));
	feat->too_hot_or_cold = emu_temperature_warning(ctrl);
	feat->nsqa = feat->ncqa = ctrl->cfg->queues;
	for (uint32_t vector = 0; vector < ctrl->cfg->vectors; vector++) {
		if (feat->no_coalescing[vector])
			emu_irq_coalesce_vector(ctrl, (uint16_t)vector, false);
		feat->no_coalescing[vector] = 0;
	}
	for (uint32_t nsid = 1; nsid <= EMU_MAX_NS; nsid++) {
		if (ctrl->ns[nsid])
			ctrl->ns[nsid]->err_recovery = ctrl->ns[nsid]->err_recovery_saved;
	}
	memset(feat->host_id, 0, sizeof(feat->host_id));
	memset(&feat->behavior, 0, sizeof(feat->behavior));
	feat->timestamp_ms = 0;
	feat->timestamp_ns = now_ns();
	feat->timestamp_host = false;
}

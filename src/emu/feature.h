/* SPDX-License-Identifier: MIT */
/*
 * Features, between the table (feature.c) and those that are more than a dword (feature_data.c).
 */
#ifndef BELFRY_EMU_FEATURE_H
#define BELFRY_EMU_FEATURE_H

#include "emu/admin.h"

/*
 * A feature. A simple one is a dword: it is checked against mask, kept, and applied. One that is
 * more has functions of its own, which get the dword with the command's arguments.
 */
struct emu_feature_desc {
	uint8_t fid;
	uint8_t caps;  /* NVM_FEATURES_CAP_* */
	uint32_t def;  /* simple: default */
	uint32_t mask; /* simple: bits that can be other than 0 */
	/* Simple: a new value takes effect, also at a reset. NULL: it has none but to be read. */
	void (*apply)(struct emu_ctrl *ctrl, uint32_t value);
	/* Not simple: Set Features; @save is allowed. Returns an NVMe status. */
	uint16_t (*set)(struct emu_req *req, uint32_t cdw11, bool save);
	/* Not simple: Get Features; @sel is current, default or saved. Returns an NVMe status. */
	uint16_t (*get)(struct emu_req *req, uint32_t cdw11, unsigned int sel);
};

/**
 * emu_feat_set_temperature(), emu_feat_get_temperature() and so on - features that are not simple
 * @req: command
 * @cdw11: its dword 11
 * @save: also keep the value over resets
 * @sel: which value: NVM_FEATURES_SEL_CURRENT, _DEFAULT or _SAVED
 *
 * Return: NVMe status.
 */
uint16_t emu_feat_set_temperature(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_temperature(struct emu_req *req, uint32_t cdw11, unsigned int sel);
uint16_t emu_feat_set_err_recovery(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_err_recovery(struct emu_req *req, uint32_t cdw11, unsigned int sel);
uint16_t emu_feat_set_queues(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_queues(struct emu_req *req, uint32_t cdw11, unsigned int sel);
uint16_t emu_feat_set_irq_config(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_irq_config(struct emu_req *req, uint32_t cdw11, unsigned int sel);
uint16_t emu_feat_set_timestamp(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_timestamp(struct emu_req *req, uint32_t cdw11, unsigned int sel);
uint16_t emu_feat_set_behavior(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_behavior(struct emu_req *req, uint32_t cdw11, unsigned int sel);
uint16_t emu_feat_set_profile(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_profile(struct emu_req *req, uint32_t cdw11, unsigned int sel);
uint16_t emu_feat_set_host_id(struct emu_req *req, uint32_t cdw11, bool save);
uint16_t emu_feat_get_host_id(struct emu_req *req, uint32_t cdw11, unsigned int sel);

/**
 * emu_feat_data_init() - defaults of the features that are not simple
 * @ctrl: controller
 *
 * Own: emu_feat_data_exit(), also after a failure.
 * Return: 0, or -1: ENOMEM.
 */
int emu_feat_data_init(struct emu_ctrl *ctrl);

/**
 * emu_feat_data_exit() - free what emu_feat_data_init() allocated
 * @ctrl: controller
 */
void emu_feat_data_exit(struct emu_ctrl *ctrl);

/**
 * emu_feat_data_reset() - features that are not simple at their saved values or defaults
 * @ctrl: controller
 */
void emu_feat_data_reset(struct emu_ctrl *ctrl);

#endif /* BELFRY_EMU_FEATURE_H */

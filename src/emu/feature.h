/* SPDX-License-Identifier: MIT */
/*
 * Features, between the table (feature.c) and those that are more than a dword (feature_data.c).
 */
#ifndef BELFRY_EMU_FEATURE_H
#define BELFRY_EMU_FEATURE_H

#include "emu/admin.h"

/* What a feature that is more than a dword does; both return an NVMe status. */
struct emu_feature_ops {
	/* Set Features with the arguments in @cdw11; @save only if the feature is saveable. */
	uint16_t (*set)(struct emu_req *req, uint32_t cdw11, bool save);
	/* Get Features; @sel is NVM_FEATURES_SEL_CURRENT, _DEFAULT or _SAVED. */
	uint16_t (*get)(struct emu_req *req, uint32_t cdw11, unsigned int sel);
};

/* A feature. A simple one is a dword: it is checked against mask, kept, and applied. */
struct emu_feature_desc {
	uint8_t fid;
	uint8_t caps;			   /* NVM_FEATURES_CAP_* */
	uint32_t def;			   /* simple: default */
	uint32_t mask;			   /* simple: bits that can be other than 0 */
	const struct emu_feature_ops *ops; /* not simple, else NULL */
	/* Simple: a new value takes effect, also at a reset. NULL: it has none but to be read. */
	void (*apply)(struct emu_ctrl *ctrl, uint32_t value);
};

/* The features that are not simple. */
extern const struct emu_feature_ops emu_feat_temperature;
extern const struct emu_feature_ops emu_feat_err_recovery;
extern const struct emu_feature_ops emu_feat_queues;
extern const struct emu_feature_ops emu_feat_irq_config;
extern const struct emu_feature_ops emu_feat_hmb; /* hmb.c */
extern const struct emu_feature_ops emu_feat_timestamp;
extern const struct emu_feature_ops emu_feat_behavior;
extern const struct emu_feature_ops emu_feat_profile;
extern const struct emu_feature_ops emu_feat_host_id;

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

/**
 * emu_hmb_use() - read and write a page of the host memory buffer, if there is one
 * @ctrl: controller
 *
 * What the host changed in it is a violation; what it does not let the controller reach, a fault.
 *
 * Context: the controller's thread.
 */
void emu_hmb_use(struct emu_ctrl *ctrl);

/**
 * emu_hmb_reset() - the host memory buffer is the host's again, with what is in it
 * @ctrl: controller
 */
void emu_hmb_reset(struct emu_ctrl *ctrl);

/**
 * emu_hmb_exit() - free what is known of it
 * @ctrl: controller
 */
void emu_hmb_exit(struct emu_ctrl *ctrl);

#endif /* BELFRY_EMU_FEATURE_H */

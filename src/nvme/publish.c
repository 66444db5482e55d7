/* SPDX-License-Identifier: MIT */
/*
 * Statistics of a controller as numbers with names, for those who look from outside.
 */
#include <stdio.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/stats.h>
#include <belfry/support/publish.h>

#include "nvme/priv.h"

static void publish_sq(struct belfry_publisher *pub, const char *part,
		       const struct nvme_sq_stats *stats)
{
	belfry_publish_number(pub, part, "submitted", stats->submitted);
	belfry_publish_number(pub, part, "doorbells", stats->doorbells);
	belfry_publish_number(pub, part, "spared", stats->spared);
	belfry_publish_number(pub, part, "timed_out", stats->timed_out);
	belfry_publish_number(pub, part, "aborted", stats->aborted);
	belfry_publish_number(pub, part, "lost", stats->lost);
	belfry_publish_number(pub, part, "resent", stats->resent);
	belfry_publish_number(pub, part, "in_use_max", stats->in_use_max);
}

static void publish_cq(struct belfry_publisher *pub, const char *part,
		       const struct nvme_cq_stats *stats)
{
	char key[BELFRY_PUBLISH_KEY];

	belfry_publish_number(pub, part, "completed", stats->completed);
	for (int type = 0; type < NVME_NR_STATUS_TYPES; type++) {
		snprintf(key, sizeof(key), "failed_%s", nvme_status_type_key(type));
		belfry_publish_number(pub, part, key, stats->failed[type]);
	}
	belfry_publish_number(pub, part, "spurious", stats->spurious);
	belfry_publish_number(pub, part, "late", stats->late);
	belfry_publish_number(pub, part, "doorbells", stats->doorbells);
	belfry_publish_number(pub, part, "spared", stats->spared);
	belfry_publish_number(pub, part, "kept_max", stats->kept_max);
}

static void publish_ctrl(struct belfry_publisher *pub, const struct nvme_ctrl_stats *stats)
{
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"state", stats->state},
		{"timeouts", stats->timeouts},
		{"aborts", stats->aborts},
		{"aborted", stats->aborted},
		{"not_aborted", stats->not_aborted},
		{"aborts_failed", stats->aborts_failed},
		{"fatal", stats->fatal},
		{"resets", stats->resets},
		{"attempts_failed", stats->attempts_failed},
		{"recovered", stats->recovered},
		{"resets_by_hand", stats->resets_by_hand},
		{"resets_by_hand_failed", stats->resets_by_hand_failed},
		{"sync_timeouts", stats->sync_timeouts},
		{"events", stats->events},
		{"keep_alives", stats->keep_alives},
		{"keep_alives_missed", stats->keep_alives_missed},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		belfry_publish_number(pub, "ctrl", rows[i].key, rows[i].value);
}

static void publish_each(struct belfry_publisher *pub, const struct nvme_ctrl *ctrl)
{
	char part[BELFRY_PUBLISH_PART];
	int nr_sqs = 0, nr_cqs = 0;

	if (!ctrl->priv)
		return;
	for (int i = 1; i < ctrl->priv->nr_sqs && nr_sqs < NVME_PUBLISH_QUEUES; i++) {
		struct nvme_sq_stats stats;

		if (!ctrl->sq[i].mem.vaddr)
			continue;
		nr_sqs++;
		nvme_sq_get_stats(&ctrl->sq[i], &stats);
		snprintf(part, sizeof(part), "sq%u", (unsigned int)i);
		publish_sq(pub, part, &stats);
	}
	for (int i = 1; i < ctrl->priv->nr_cqs && nr_cqs < NVME_PUBLISH_QUEUES; i++) {
		struct nvme_cq_stats stats;

		if (!ctrl->cq[i].mem.vaddr)
			continue;
		nr_cqs++;
		nvme_cq_get_stats(&ctrl->cq[i], &stats);
		snprintf(part, sizeof(part), "cq%u", (unsigned int)i);
		publish_cq(pub, part, &stats);
	}
}

void nvme_ctrl_publish(const struct nvme_ctrl *ctrl, struct belfry_publisher *pub)
{
	struct nvme_ctrl_stats stats;
	struct nvme_sq_stats sqs;
	struct nvme_cq_stats cqs;

	nvme_ctrl_get_stats(ctrl, &stats);
	publish_ctrl(pub, &stats);
	nvme_ctrl_sum_stats(ctrl, &sqs, &cqs);
	publish_sq(pub, "sqs", &sqs);
	publish_cq(pub, "cqs", &cqs);
	publish_each(pub, ctrl);
}

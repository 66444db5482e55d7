/* SPDX-License-Identifier: MIT */
/*
 * The ladder as its users see it: options, states and events by name.
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/recover.h>
#include <belfry/support/log.h>

#include "nvme/priv.h"
#include "nvme/recover.h"
#include "nvme/watch.h"
#include "support/errno.h"

static const char *const states[] = {
	[NVME_CTRL_LIVE] = "live",	   [NVME_CTRL_ABORTING] = "aborting",
	[NVME_CTRL_FREEZING] = "freezing", [NVME_CTRL_DISABLING] = "disabling",
	[NVME_CTRL_ENABLING] = "enabling", [NVME_CTRL_SETTING_UP] = "setting up",
	[NVME_CTRL_DEAD] = "dead",
};

static const char *const events[] = {
	[NVME_RECOVERY_TIMEOUT] = "deadline has passed",
	[NVME_RECOVERY_ABORT_SENT] = "Abort sent",
	[NVME_RECOVERY_ABORTED] = "aborted",
	[NVME_RECOVERY_NOT_ABORTED] = "not aborted",
	[NVME_RECOVERY_FATAL] = "fatal status",
	[NVME_RECOVERY_RESET] = "reset begins",
	[NVME_RECOVERY_LIVE] = "live again",
	[NVME_RECOVERY_QUEUE] = "queue is back",
	[NVME_RECOVERY_DEAD] = "dead",
};

const char *nvme_ctrl_state_name(enum nvme_ctrl_state state)
{
	return (size_t)state < sizeof(states) / sizeof(states[0]) ? states[state] : "unknown";
}

const char *nvme_recovery_event_name(enum nvme_recovery_event event)
{
	return (size_t)event < sizeof(events) / sizeof(events[0]) ? events[event] : "unknown";
}

static unsigned int or_default(unsigned int given, unsigned int otherwise)
{
	return given ? given : otherwise;
}

/* Nothing said is the default. */
static struct nvme_recovery_opts complete(const struct nvme_recovery_opts *opts)
{
	struct nvme_recovery_opts all = *opts;

	all.grace_ms = or_default(opts->grace_ms, NVME_RECOVERY_GRACE_MS);
	all.freeze_ms = or_default(opts->freeze_ms, NVME_RECOVERY_FREEZE_MS);
	all.max_resets = or_default(opts->max_resets, NVME_RECOVERY_MAX_RESETS);
	return all;
}

int nvme_set_recovery(struct nvme_ctrl *ctrl, const struct nvme_recovery_opts *opts)
{
	static const struct nvme_recovery_opts none;
	struct nvme_recover *r;

	if (nvme_check_open(ctrl))
		return -1;
	r = &ctrl->priv->recover;
	if (!opts)
		opts = &none;
	if (opts->flags & ~(NVME_RECOVERY_NO_ABORT | NVME_RECOVERY_NO_RESET) ||
	    opts->grace_ms > NVME_TIMEOUT_MAX_MS || opts->freeze_ms > NVME_TIMEOUT_MAX_MS) {
		log_error("recovery: flags 0x%x, grace %u ms, freeze %u ms make no sense\n",
			  opts->flags, opts->grace_ms, opts->freeze_ms);
		return set_errno(EINVAL);
	}
	pthread_mutex_lock(&r->lock);
	r->opts = complete(opts);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

void nvme_recover_init(struct nvme_recover *r)
{
	static const struct nvme_recovery_opts none;

	pthread_mutex_init(&r->lock, NULL);
	r->opts = complete(&none);
}

void nvme_recover_exit(struct nvme_recover *r)
{
	pthread_mutex_destroy(&r->lock);
}

enum nvme_ctrl_state nvme_ctrl_get_state(const struct nvme_ctrl *ctrl)
{
	if (!ctrl->priv)
		return NVME_CTRL_DEAD;
	return (enum nvme_ctrl_state)atomic_load_acquire(&ctrl->priv->recover.state);
}

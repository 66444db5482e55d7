/* SPDX-License-Identifier: MIT */
/*
 * Keep Alive: sent at half of the time that the controller is told, by whoever polls. What was sent
 * and is not answered by the time that the next is due, means that the controller does not do its
 * work; so does what cannot be sent for as long, because nothing of the admin queue is answered.
 */
#include <errno.h>

#include <belfry/nvme/ctrl.h>
#include <belfry/support/log.h>

#include "nvme/event.h"
#include "nvme/priv.h"
#include "nvme/setup.h"
#include "nvme/watch.h"

static void step(struct nvme_ctrl *ctrl, struct nvme_alive *alive)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_KEEP_ALIVE};
	uint64_t now = nvme_coarse_ms();

	if (alive->op.rq && nvme_op_check(ctrl, &alive->op) == NVME_OP_FAILED &&
	    errno == ETIMEDOUT) {
		nvme_ctrl_count(ctrl, NVME_COUNT_KEEP_ALIVES_MISSED);
		log_error("%s: no answer to Keep Alive\n", ctrl->pci.bdf);
		nvme_recover_for(ctrl, "no answer to Keep Alive");
	}
	if (alive->op.rq || now < alive->due_ms || nvme_ctrl_is_down(ctrl))
		return;
	if (!nvme_op_start(ctrl, &alive->op, &cmd, alive->kato_ms)) {
		nvme_ctrl_count(ctrl, NVME_COUNT_KEEP_ALIVES);
		alive->due_ms = now + alive->kato_ms / 2;
	} else if (now >= alive->due_ms + alive->kato_ms) {
		/* All trackers have been set aside, or wait for as long. */
		nvme_recover_for(ctrl, "Keep Alive finds no tracker free");
	}
}

void nvme_alive_step(struct nvme_ctrl *ctrl)
{
	struct nvme_alive *alive = &ctrl->priv->alive;

	if (likely(!LOAD(alive->kato_ms)) || pthread_mutex_trylock(&alive->lock))
		return;
	step(ctrl, alive);
	pthread_mutex_unlock(&alive->lock);
}

int nvme_set_keep_alive(struct nvme_ctrl *ctrl, unsigned int kato_ms)
{
	struct nvme_alive *alive;
	unsigned int before;

	if (nvme_check_open(ctrl))
		return -1;
	alive = &ctrl->priv->alive;
	before = alive->kato_ms;
	STORE(alive->kato_ms, kato_ms);
	ctrl->priv->has_kato = true;
	if (nvme_setup_one(ctrl, NVME_SETUP_KATO)) {
		STORE(alive->kato_ms, before);
		ctrl->priv->has_kato = before != 0;
		return -1;
	}
	pthread_mutex_lock(&alive->lock);
	alive->due_ms = nvme_coarse_ms() + kato_ms / 2;
	pthread_mutex_unlock(&alive->lock);
	ctrl->priv->has_kato = kato_ms != 0;
	return 0;
}

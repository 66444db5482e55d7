/* SPDX-License-Identifier: MIT */
/*
 * What a controller is told after it was enabled, and has forgotten after a reset. Only what the
 * program asked for once is told again.
 */
#ifndef BELFRY_SRC_NVME_SETUP_H
#define BELFRY_SRC_NVME_SETUP_H

#include <stdbool.h>

#include <belfry/nvme/queue.h>

/* In the order in which they are sent. */
enum nvme_setup {
	NVME_SETUP_QUEUES, /* Number of Queues */
	NVME_SETUP_DBBUF,  /* Doorbell Buffer Config */
	NVME_SETUP_KATO,   /* Keep Alive Timer */
	NVME_SETUP_EVENTS, /* Asynchronous Event Configuration */
	NVME_NR_SETUPS,
};

/**
 * nvme_setup_cmd() - the command of a setting
 * @ctrl: controller
 * @setup: of enum nvme_setup
 * @cmd: out
 *
 * Context: set-up thread, or under recover.lock.
 * Return: false when there is nothing to tell.
 */
bool nvme_setup_cmd(struct nvme_ctrl *ctrl, unsigned int setup, union nvme_cmd *cmd);

/**
 * nvme_setup_end() - the command has completed
 * @ctrl: controller
 * @setup: of enum nvme_setup
 * @cqe: completion
 *
 * Context: as nvme_setup_cmd().
 * Return: 0, or -1: the errno of the status, where the controller cannot be used without it.
 */
int nvme_setup_end(struct nvme_ctrl *ctrl, unsigned int setup, struct nvme_cqe *cqe);

/**
 * nvme_refused() - say that the controller has refused what it cannot be used without
 * @what: the command's name
 * @cqe: completion, of an error
 *
 * Context: as nvme_setup_cmd().
 * Return: -1, with the errno of the status.
 */
int nvme_refused(const char *what, struct nvme_cqe *cqe);

/**
 * nvme_setup_all() - tell everything, and wait
 * @ctrl: controller, ready
 *
 * Context: set-up thread.
 * Return: 0, or -1: as nvme_admin().
 */
int nvme_setup_all(struct nvme_ctrl *ctrl);

/**
 * nvme_setup_one() - tell one thing, and wait
 * @ctrl: controller, ready
 * @setup: of enum nvme_setup
 *
 * Context: set-up thread.
 * Return: 0, also when there is nothing to tell; or -1: as nvme_admin().
 */
int nvme_setup_one(struct nvme_ctrl *ctrl, unsigned int setup);

#endif /* BELFRY_SRC_NVME_SETUP_H */

/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous events and Keep Alive, inside the driver.
 */
#ifndef BELFRY_SRC_NVME_EVENT_H
#define BELFRY_SRC_NVME_EVENT_H

#include <pthread.h>
#include <stdbool.h>

#include <belfry/nvme/event.h>

#include "nvme/op.h"

/* Event requests at the same time, whatever more the controller takes (AERL). */
#define NVME_NR_AERS 4

/**
 * struct nvme_events - events of a controller
 * @lock: guards what follows
 * @opts: in force; fn is NULL while none are delivered
 * @nr: event requests to keep armed
 * @rqs: their trackers; NULL: to be armed
 * @restarts: of the admin queue when they were armed: a restart takes them away
 * @pending: @event waits for its log page
 * @event: to be delivered
 * @op: reads the log page into @buf
 * @buf: page for it
 */
struct nvme_events {
	pthread_mutex_t lock;
	struct nvme_events_opts opts;
	unsigned int nr;
	struct nvme_rq *rqs[NVME_NR_AERS];
	uint32_t restarts;
	bool pending;
	struct nvme_event event;
	struct nvme_op op;
	struct iommu_dmabuf buf;
};

/**
 * struct nvme_alive - Keep Alive of a controller
 * @lock: guards @op and @due_ms
 * @kato_ms: how long the controller may hear nothing; 0: none is sent
 * @due_ms: when to send the next
 * @op: the last one
 */
struct nvme_alive {
	pthread_mutex_t lock;
	unsigned int kato_ms;
	uint64_t due_ms;
	struct nvme_op op;
};

/**
 * nvme_alive_step() - send Keep Alive when it is time
 * @ctrl: controller
 *
 * Context: any thread; does not block.
 */
void nvme_alive_step(struct nvme_ctrl *ctrl);

/**
 * nvme_aer_locked() - post an Asynchronous Event Request
 * @ctrl: controller
 *
 * Context: admin lock held.
 * Return: its tracker, or NULL: EBUSY none is free.
 */
struct nvme_rq *nvme_aer_locked(struct nvme_ctrl *ctrl);

#endif /* BELFRY_SRC_NVME_EVENT_H */

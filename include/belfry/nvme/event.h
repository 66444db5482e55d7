/* SPDX-License-Identifier: MIT */
/*
 * What a program has done for it beside its commands: asynchronous events by callback, Keep Alive,
 * and one poll for everything of a controller.
 *
 * Event requests are kept armed, as many as the controller takes, and armed again after a reset. They
 * share the admin queue with synchronous commands of any number of threads: neither gets the
 * other's completion.
 */
#ifndef BELFRY_NVME_EVENT_H
#define BELFRY_NVME_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/nvme/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nvme_event - an asynchronous event
 * @type: NVM_AEN_TYPE_*
 * @info: what exactly, by type: NVM_AEN_ERROR_*, NVM_AEN_SMART_*, NVM_AEN_NOTICE_*, and so on
 * @lid: log page that has more
 * @log: its first bytes, with NVME_EVENTS_READ_LOG; NULL where it could not be read
 * @log_len: how many
 *
 * Spec: NVM Express Base 2.0, "Asynchronous Event Request command".
 */
struct nvme_event {
	uint8_t type;
	uint8_t info;
	uint8_t lid;
	const void *log;
	size_t log_len;
};

/**
 * typedef nvme_event_fn - told of an event
 * @ctrl: controller
 * @event: valid only during the call
 * @arg: from struct nvme_events_opts
 *
 * Called by nvme_admin_poll() or nvme_ctrl_poll(), in one thread at a time, without the admin lock:
 * it may send admin commands. It must not stop the events.
 */
typedef void (*nvme_event_fn)(struct nvme_ctrl *ctrl, const struct nvme_event *event, void *arg);

/**
 * enum nvme_events_flags - what to do with an event
 * @NVME_EVENTS_READ_LOG: read the log page before the callback is called. That lets the controller
 *	report the next event of the type; otherwise reading it is up to the program
 */
enum nvme_events_flags {
	NVME_EVENTS_READ_LOG = 1 << 0,
};

/**
 * struct nvme_events_opts - how events are delivered
 * @fn: told of each event
 * @arg: for @fn
 * @flags: of enum nvme_events_flags
 * @config: value of the feature Asynchronous Event Configuration, also after a reset; 0: it is
 *	left alone
 */
struct nvme_events_opts {
	nvme_event_fn fn;
	void *arg;
	unsigned int flags;
	uint32_t config;
};

/**
 * nvme_events_start() - have asynchronous events delivered
 * @ctrl: controller, enabled
 * @opts: the structure is copied
 *
 * Own: nvme_events_stop() or nvme_close().
 * Context: set-up thread; blocks as nvme_admin() does.
 * Return: 0, or -1: EINVAL no @opts->fn or an unknown flag, EALREADY they are delivered already,
 *	ENOMEM, or as nvme_admin(). On error none are delivered.
 */
int nvme_events_start(struct nvme_ctrl *ctrl, const struct nvme_events_opts *opts);

/**
 * nvme_events_stop() - end what nvme_events_start() began
 * @ctrl: controller
 *
 * Requests stay with the controller until they complete, and are then forgotten.
 *
 * Context: set-up thread, nobody in nvme_admin_poll() or nvme_ctrl_poll().
 */
void nvme_events_stop(struct nvme_ctrl *ctrl);

/**
 * nvme_event_type_name() - an event's type in words
 * @type: of struct nvme_event
 *
 * Context: any; pure.
 * Return: text.
 */
const char *nvme_event_type_name(uint8_t type);

/**
 * nvme_set_keep_alive() - have the controller notice when the program is gone
 * @ctrl: controller, enabled
 * @kato_ms: how long it may hear nothing, in milliseconds; 0 ends it
 *
 * Keep Alive commands are sent by those who poll, each half of that time; also after a reset. One
 * that is not answered in time starts the ladder.
 *
 * Spec: NVM Express Base 2.0, "Keep Alive".
 * Context: set-up thread; blocks as nvme_admin() does.
 * Return: 0, or -1: as nvme_admin(), and nothing is sent.
 */
int nvme_set_keep_alive(struct nvme_ctrl *ctrl, unsigned int kato_ms);

/**
 * nvme_admin_poll() - do for a controller what is to be done now
 * @ctrl: controller
 *
 * Events are delivered, a few at a time, Keep Alive is sent, the ladder is moved on.
 *
 * Context: any thread; one of several at once does the work. Does not block, but for callbacks.
 * Return: how many events were delivered.
 */
int nvme_admin_poll(struct nvme_ctrl *ctrl);

/**
 * nvme_ctrl_poll() - nvme_admin_poll(), and nvme_cq_poll() of all I/O queues
 * @ctrl: controller
 * @budget: most callbacks of commands to call
 *
 * Context: the one thread that owns all queues.
 * Return: how many callbacks of commands were called.
 */
int nvme_ctrl_poll(struct nvme_ctrl *ctrl, int budget);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_EVENT_H */

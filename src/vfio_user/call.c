/* SPDX-License-Identifier: MIT */
/*
 * Commands and their replies. A call is in the list from before its command is sent until it is
 * done, and lives on the stack of the thread that waits: whoever finds it there holds the lock.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <belfry/support/log.h>

#include "support/deadline.h"
#include "support/errno.h"
#include "vfio_user/call.h"

/* Larger ones are no errno. */
#define ERRNO_MAX 4095

void vfio_user_calls_init(struct vfio_user_calls *calls)
{
	memset(calls, 0, sizeof(*calls));
	pthread_mutex_init(&calls->lock, NULL); /* cannot fail without attributes */
}

void vfio_user_calls_close(struct vfio_user_calls *calls)
{
	pthread_mutex_destroy(&calls->lock);
}

static void unlink_locked(struct vfio_user_calls *calls, const struct vfio_user_call *call)
{
	struct vfio_user_call **link = &calls->first;

	while (*link && *link != call)
		link = &(*link)->next;
	if (*link)
		*link = call->next;
}

static struct vfio_user_call *find_locked(struct vfio_user_calls *calls, uint16_t id)
{
	struct vfio_user_call *call = calls->first;

	while (call && call->out.id != id)
		call = call->next;
	return call;
}

static void finish_locked(struct vfio_user_calls *calls, struct vfio_user_call *call, int error)
{
	unlink_locked(calls, call);
	call->error = error;
	call->done = true;
	pthread_cond_signal(&call->cond);
}

static void fail_locked(struct vfio_user_calls *calls, int error)
{
	if (!calls->error)
		calls->error = error;
	while (calls->first)
		finish_locked(calls, calls->first, calls->error);
}

void vfio_user_calls_fail(struct vfio_user_calls *calls, int error)
{
	pthread_mutex_lock(&calls->lock);
	fail_locked(calls, error);
	pthread_mutex_unlock(&calls->lock);
}

int vfio_user_calls_error(struct vfio_user_calls *calls)
{
	int error;
	keep_errno();

	pthread_mutex_lock(&calls->lock);
	error = calls->error;
	pthread_mutex_unlock(&calls->lock);
	return error;
}

/* ---- the one who waits ---- */

/* 65536 threads do not wait at the same time: an id is free. */
static int enlist(struct vfio_user_calls *calls, struct vfio_user_call *call)
{
	int error;

	pthread_mutex_lock(&calls->lock);
	error = calls->error;
	if (!error) {
		while (find_locked(calls, calls->id))
			calls->id++;
		call->out.id = calls->id++;
		call->next = calls->first;
		calls->first = call;
	}
	pthread_mutex_unlock(&calls->lock);
	return error ? set_errno(error) : 0;
}

static void await_reply(struct vfio_user_calls *calls, struct vfio_user_sock *sock,
			struct vfio_user_call *call)
{
	uint64_t deadline = deadline_after_ms(call->timeout_ms);
	struct timespec until = ns_to_timespec(deadline);

	pthread_mutex_lock(&calls->lock);
	while (!call->done && !deadline_passed(deadline))
		pthread_cond_timedwait(&call->cond, &calls->lock, &until);
	if (!call->done) {
		log_error("no reply to command %u within %u ms: the connection is given up\n",
			  call->out.cmd, call->timeout_ms);
		finish_locked(calls, call, ETIMEDOUT);
		fail_locked(calls, ENODEV);
		vfio_user_sock_shutdown(sock);
	}
	pthread_mutex_unlock(&calls->lock);
}

static void cancel(struct vfio_user_calls *calls, struct vfio_user_call *call, int error)
{
	pthread_mutex_lock(&calls->lock);
	if (!call->done)
		finish_locked(calls, call, error);
	if (error != EMSGSIZE) /* or else nothing was sent */
		fail_locked(calls, ENODEV);
	pthread_mutex_unlock(&calls->lock);
}

static void init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int vfio_user_call(struct vfio_user_calls *calls, struct vfio_user_sock *sock,
		   struct vfio_user_call *call)
{
	call->out.flags = VFIO_USER_COMMAND;
	call->done = false;
	call->len = 0;
	call->nr_fds = 0;
	init_cond(&call->cond);
	if (enlist(calls, call)) {
		pthread_cond_destroy(&call->cond);
		return -1;
	}

	if (vfio_user_send(sock, &call->out))
		cancel(calls, call, errno);
	else
		await_reply(calls, sock, call);
	pthread_cond_destroy(&call->cond);
	return call->error ? set_errno(call->error) : 0;
}

/* ---- the one who receives ---- */

/* What the peer says of itself must not be taken for what this end knows. */
static int peer_error(uint32_t error)
{
	switch (error) {
	case 0:
	case ENODEV:
	case ETIMEDOUT:
	case EAGAIN:
	case EINTR:
		return EREMOTEIO;
	default:
		return error <= ERRNO_MAX ? (int)error : EREMOTEIO;
	}
}

static void accept_reply(struct vfio_user_call *call, struct vfio_user_msg *msg)
{
	if (msg->len)
		memcpy(call->reply, msg->payload, msg->len);
	call->len = msg->len;
	while (call->nr_fds < call->fds_room && call->nr_fds < msg->nr_fds) {
		call->fds[call->nr_fds] = vfio_user_msg_take_fd(msg, call->nr_fds);
		call->nr_fds++;
	}
}

int vfio_user_calls_reply(struct vfio_user_calls *calls, struct vfio_user_msg *msg)
{
	bool refused = msg->hdr.flags & VFIO_USER_ERROR;
	struct vfio_user_call *call;
	int ret = 0;

	pthread_mutex_lock(&calls->lock);
	call = find_locked(calls, msg->hdr.id);
	if (!call || call->out.cmd != msg->hdr.cmd || (!refused && msg->len > call->room)) {
		log_error(
			"the peer sent a reply of %zu bytes to command %u that nobody waits for\n",
			msg->len, msg->hdr.cmd);
		ret = set_errno(EPROTO);
	} else if (refused) {
		finish_locked(calls, call, peer_error(msg->hdr.error));
	} else {
		accept_reply(call, msg);
		finish_locked(calls, call, 0);
	}
	pthread_mutex_unlock(&calls->lock);
	return ret;
}

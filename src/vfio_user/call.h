/* SPDX-License-Identifier: MIT */
/*
 * Commands and their replies. A thread sends a command and sleeps until another, which receives all
 * that comes on the socket, hands it the reply. Replies may come in any order.
 *
 * A reply is believed when it has the id and the command of one that is waited for, and is not longer
 * than that one expects. Any other is a lie, after which nothing that the peer says can be relied
 * on; and so is one that does not come in time, since its id can never be used again. Either ends
 * the connection: whoever waits gets an error, and so does whoever comes later.
 */
#ifndef BELFRY_VFIO_USER_CALL_H
#define BELFRY_VFIO_USER_CALL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/sock.h"

struct vfio_user_call;

/**
 * struct vfio_user_calls - commands of a connection that are under way
 * @lock: guards all of this, and what is in the list
 * @first: those that are waited for
 * @id: of the next one
 * @error: errno that the connection ended with, or 0
 */
struct vfio_user_calls {
	pthread_mutex_t lock;
	struct vfio_user_call *first;
	uint16_t id;
	int error;
};

/**
 * struct vfio_user_call - a command and what comes back
 * @out: the command; id and flags are filled in
 * @timeout_ms: for the reply
 * @reply: room for what follows its header; may be NULL without @room
 * @room: bytes of it; more in a reply is a lie
 * @len: out: bytes of it that came
 * @fds: room for file descriptors; may be NULL without @fds_room. Others are closed
 * @fds_room: how many
 * @nr_fds: out: how many came; they are the caller's to close, also after an error
 * @done: private: the reply or the end has come
 * @error: private: errno, 0 for success
 * @cond: private: signalled when @done is set
 * @next: private: in struct vfio_user_calls
 */
struct vfio_user_call {
	struct vfio_user_out out;
	unsigned int timeout_ms;
	void *reply;
	size_t room;
	size_t len;
	int *fds;
	unsigned int fds_room;
	unsigned int nr_fds;

	bool done;
	int error;
	pthread_cond_t cond;
	struct vfio_user_call *next;
};

/**
 * vfio_user_calls_init() - no commands under way
 * @calls: out
 *
 * Own: vfio_user_calls_close().
 * Context: any thread.
 */
void vfio_user_calls_init(struct vfio_user_calls *calls);

/**
 * vfio_user_calls_close() - the end
 * @calls: commands, none of them under way
 *
 * Context: any thread, nobody else using it.
 */
void vfio_user_calls_close(struct vfio_user_calls *calls);

/**
 * vfio_user_call() - send a command and wait for the reply
 * @calls: commands of the connection
 * @sock: connection, on which another thread receives
 * @call: the command, with room for the reply
 *
 * Context: any thread but the one that receives; blocks.
 * Return: 0, or -1: ETIMEDOUT no reply came, and the connection is ended; what
 * vfio_user_calls_fail() was told; EREMOTEIO the peer refuses and does not say why, or gives an
 * errno that speaks of this end (ENODEV, ETIMEDOUT, EAGAIN, EINTR); or the errno that it gives;
 * EMSGSIZE as vfio_user_send().
 */
int vfio_user_call(struct vfio_user_calls *calls, struct vfio_user_sock *sock,
		   struct vfio_user_call *call);

/**
 * vfio_user_calls_reply() - hand a reply to who waits for it
 * @calls: commands of the connection
 * @msg: reply that came in
 *
 * Context: the thread that receives.
 * Return: 0, or -1: EPROTO nobody waits for it, or it is longer than it may be (logged): the caller
 * is to end the connection.
 */
int vfio_user_calls_reply(struct vfio_user_calls *calls, struct vfio_user_msg *msg);

/**
 * vfio_user_calls_fail() - no replies come any more
 * @calls: commands of the connection; those that wait fail, and those to come
 * @error: errno that they fail with, unless an earlier one ended the connection
 *
 * Context: any thread. errno is preserved.
 */
void vfio_user_calls_fail(struct vfio_user_calls *calls, int error);

/**
 * vfio_user_calls_error() - has the connection ended
 * @calls: commands of the connection
 *
 * Context: any thread.
 * Return: errno that it ended with, or 0.
 */
int vfio_user_calls_error(struct vfio_user_calls *calls);

#endif /* BELFRY_VFIO_USER_CALL_H */

/* SPDX-License-Identifier: MIT */
/*
 * Messages over a UNIX stream socket: whole ones, with the file descriptors that travel with them.
 *
 * What comes in is the peer's and hostile. A message is taken only when its size, its type and the
 * number of its descriptors are within limits that this end has set; the first that is not ends the
 * connection, because where the next one would begin is not known any more. What is in a message is
 * for its reader to check.
 *
 * One thread receives at a time; any number may send, each message is written in one piece. A peer
 * that stops in the middle of a message, or that does not take what is sent, is given up after
 * @patience_ms: the socket is shut down, and all calls on it fail from then on.
 */
#ifndef BELFRY_VFIO_USER_SOCK_H
#define BELFRY_VFIO_USER_SOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/wire.h"

/* File descriptors that this end takes with one message. */
#define VFIO_USER_MSG_FDS 16

/**
 * struct vfio_user_sock - one end of a connection
 * @fd: socket, -1 when closed
 * @patience_ms: for a message that has begun, either way
 * @max_payload: bytes after the header that are taken
 * @send_lock: held while a message is written
 */
struct vfio_user_sock {
	int fd;
	unsigned int patience_ms;
	size_t max_payload;
	pthread_mutex_t send_lock;
};

/**
 * struct vfio_user_msg - a message that came in
 * @hdr: its header; size and type are checked
 * @payload: what follows the header, aligned to 8 bytes
 * @len: bytes of it
 * @size: room at @payload
 * @fds: what came with it, -1 where it was taken
 * @nr_fds: how many came
 */
struct vfio_user_msg {
	struct vfio_user_header hdr;
	unsigned char *payload;
	size_t len;
	size_t size;
	int fds[VFIO_USER_MSG_FDS];
	unsigned int nr_fds;
};

/**
 * struct vfio_user_out - a message to be sent; what is not named is not there
 * @id: for the reply
 * @cmd: enum vfio_user_cmd
 * @flags: VFIO_USER_COMMAND or VFIO_USER_REPLY, and the rest
 * @error: of a reply with VFIO_USER_ERROR
 * @body: first part of what follows the header
 * @body_len: bytes
 * @data: second part
 * @data_len: bytes
 * @fds: descriptors to send along; they stay the caller's
 * @nr_fds: how many; that the peer takes so many is for the caller to know
 */
struct vfio_user_out {
	uint16_t id;
	uint16_t cmd;
	uint32_t flags;
	uint32_t error;
	const void *body;
	size_t body_len;
	const void *data;
	size_t data_len;
	const int *fds;
	unsigned int nr_fds;
};

/**
 * vfio_user_sock_init() - make a connection of a connected socket
 * @sock: out
 * @fd: the socket
 * @max_payload: most bytes after a header that this end takes
 * @patience_ms: see above
 *
 * Own: @fd is @sock's from now on; vfio_user_sock_close().
 * Context: any thread.
 */
void vfio_user_sock_init(struct vfio_user_sock *sock, int fd, size_t max_payload,
			 unsigned int patience_ms);

/**
 * vfio_user_sock_shutdown() - end a connection; whoever waits on it wakes up
 * @sock: connection; the peer sees its end as well
 *
 * Context: any thread. errno is preserved.
 */
void vfio_user_sock_shutdown(struct vfio_user_sock *sock);

/**
 * vfio_user_sock_close() - close a connection that nobody uses any more
 * @sock: connection
 *
 * Context: any thread. errno is preserved.
 */
void vfio_user_sock_close(struct vfio_user_sock *sock);

/**
 * vfio_user_msg_init() - room for messages
 * @msg: out: empty
 * @max_payload: bytes, as those of the connections it is for
 *
 * Own: vfio_user_msg_free().
 * Context: any thread; allocates.
 * Return: 0, or -1: ENOMEM.
 */
int vfio_user_msg_init(struct vfio_user_msg *msg, size_t max_payload);

/**
 * vfio_user_msg_free() - give the room back, and close what was not taken
 * @msg: message; empty and without room afterwards
 *
 * Context: any thread. errno is preserved.
 */
void vfio_user_msg_free(struct vfio_user_msg *msg);

/**
 * vfio_user_msg_close_fds() - close the file descriptors that were not taken
 * @msg: message; has none afterwards
 *
 * Context: any thread. errno is preserved.
 */
void vfio_user_msg_close_fds(struct vfio_user_msg *msg);

/**
 * vfio_user_msg_take_fd() - take a file descriptor out of a message
 * @msg: message
 * @i: which
 *
 * Own: the caller's, who closes it.
 * Context: any thread.
 * Return: the descriptor, or -1: EPROTO there is none, or it was taken.
 */
int vfio_user_msg_take_fd(struct vfio_user_msg *msg, uint64_t i);

/**
 * vfio_user_recv() - receive a message
 * @sock: connection
 * @msg: out; descriptors that the one before left in it are closed
 * @deadline: for its first byte; see support/deadline.h
 *
 * Context: one thread at a time; blocks.
 * Return: 0, or -1: ETIMEDOUT nothing has come until @deadline, and the connection is as before; or
 * ENODEV the peer or this end has closed it, EPROTO what came is no message (logged), or the peer
 * stopped in the middle of one: it is shut down then.
 */
int vfio_user_recv(struct vfio_user_sock *sock, struct vfio_user_msg *msg, uint64_t deadline);

/**
 * vfio_user_send() - send a message
 * @sock: connection
 * @out: the message
 *
 * Context: any thread; takes the send lock; blocks for @patience_ms at most once it has that.
 * Return: 0, or -1: EMSGSIZE it is longer than a header can say, or has more descriptors than can be
 * sent, and nothing was; ENODEV the peer or this end has closed the connection; ETIMEDOUT the peer
 * does not take it (logged), or what sendmsg(2) gives: it is shut down then.
 */
int vfio_user_send(struct vfio_user_sock *sock, const struct vfio_user_out *out);

/**
 * vfio_user_reply() - answer a command
 * @sock: connection that it came from
 * @msg: the command; nothing is sent when it asks for no reply
 * @body: data, may be NULL
 * @body_len: bytes
 * @data: more data, may be NULL
 * @data_len: bytes
 *
 * Context: as vfio_user_send().
 * Return: as vfio_user_send().
 */
int vfio_user_reply(struct vfio_user_sock *sock, const struct vfio_user_msg *msg, const void *body,
		    size_t body_len, const void *data, size_t data_len);

/**
 * vfio_user_reply_error() - refuse a command
 * @sock: connection that it came from
 * @msg: the command; nothing is sent when it asks for no reply
 * @err: errno, not 0
 *
 * Context: as vfio_user_send().
 * Return: as vfio_user_send().
 */
int vfio_user_reply_error(struct vfio_user_sock *sock, const struct vfio_user_msg *msg, int err);

#endif /* BELFRY_VFIO_USER_SOCK_H */

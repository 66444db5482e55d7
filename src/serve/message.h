/* SPDX-License-Identifier: MIT */
/*
 * What the commands of a client do. All that a command says is checked here; what is refused has
 * changed nothing.
 */
#ifndef BELFRY_SRC_SERVE_MESSAGE_H
#define BELFRY_SRC_SERVE_MESSAGE_H

#include "serve/server.h"

/**
 * message_hello() - the first message: agree on version and capabilities
 * @srv: server; its connection has just begun
 *
 * Context: the server's thread; waits for the message, as long as the client has for any.
 * Return: 0, or -1: EPROTO no such message, or one that cannot be agreed on (logged), or as
 *	vfio_user_recv() and vfio_user_send().
 */
int message_hello(struct serve *srv);

/**
 * message_run() - carry a command out and reply to it
 * @srv: server
 * @msg: command
 *
 * Context: the server's thread; waits for the device.
 */
void message_run(struct serve *srv, struct vfio_user_msg *msg);

#endif /* BELFRY_SRC_SERVE_MESSAGE_H */

/* SPDX-License-Identifier: MIT */
/*
 * The socket that clients connect to. Who may open it is who may have the controller: it is made
 * with mode 0600, in one step. One that nobody listens on is replaced, any other file is not.
 */
#ifndef BELFRY_SRC_SERVE_LISTEN_H
#define BELFRY_SRC_SERVE_LISTEN_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/un.h>

struct listener {
	int fd; /* -1: none */
	struct sockaddr_un addr;
	struct stat made; /* the file, as it was made */
};

/**
 * listen_open() - listen at a path
 * @listener: out; its fd is -1
 * @path: path
 *
 * Own: listen_close().
 * Context: any thread.
 * Return: 0, or -1: ENAMETOOLONG, EADDRINUSE somebody listens there, EEXIST what is there is no
 *	socket (all logged), or what the system calls give (logged).
 */
int listen_open(struct listener *listener, const char *path);

/**
 * listen_close() - stop listening, remove the socket if it is still the one that was made
 * @listener: listener
 *
 * Context: any thread. errno is preserved.
 */
void listen_close(struct listener *listener);

/**
 * listen_accept() - take the client that waits
 * @listener: listener
 *
 * Own: the socket is the caller's.
 * Context: any thread; does not block.
 * Return: connected socket, or -1: EAGAIN none waits, or what accept(2) gives.
 */
int listen_accept(struct listener *listener);

#endif /* BELFRY_SRC_SERVE_LISTEN_H */

/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: commands that come in, and DMA commands that go out.
 *
 * The server's thread takes commands and carries them out; a device's thread may at the same time
 * send a DMA command and wait for its reply. Where both directions share one socket, whoever has
 * nothing better to do receives: the server's thread while it waits for a command, else the one
 * that waits for a reply. What one of them receives for the other is left for it: commands in a
 * queue, in order, a reply in the place that was made for it. So a command that waits for the
 * device (a register, an unmap) and a device that waits for a reply cannot block each other.
 *
 * File descriptors that nobody takes are closed with the message that they came with: one of them may
 * be the client's end of this very connection, which then would never end.
 *
 * The first error ends the connection for all: what waits fails, and so does what comes later.
 */
#ifndef BELFRY_SRC_SERVE_CONN_H
#define BELFRY_SRC_SERVE_CONN_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/sock.h"
#include "vfio_user/version.h"

/* Most bytes of data in a message, either way. */
#define CONN_XFER_MAX VFIO_USER_DEFAULT_XFER

/* What may come in one message after its header. */
#define CONN_PAYLOAD_MAX (CONN_XFER_MAX + 64)

struct conn_call;
struct conn_cmd;

struct conn {
	struct vfio_user_sock sock;
	struct vfio_user_sock twin; /* commands to the client; fd -1: they go through @sock */
	struct vfio_user_msg cmd;   /* the server's thread's */
	struct vfio_user_msg rx;    /* that of who waits for a reply, under call_lock */
	uint64_t xfer_max;	    /* bytes of data that the client takes in one message */
	unsigned int timeout_ms;

	pthread_mutex_t call_lock; /* one DMA command at a time */
	pthread_mutex_t lock;	   /* guards the rest */
	pthread_cond_t changed;
	bool receiving; /* a thread receives on @sock, or waits for something to be there */
	int error;	/* errno that the connection ended with */
	struct conn_cmd *first, *last;
	size_t queued; /* bytes in the queue */
	struct conn_call *call;
	uint16_t next_id;
};

/**
 * conn_init() - begin a connection
 * @conn: out
 * @fd: connected socket
 * @timeout_ms: a client that is slower than that is given up
 *
 * Own: @fd is @conn's, also after an error; conn_close().
 * Context: the server's thread; allocates.
 * Return: 0, or -1: ENOMEM.
 */
int conn_init(struct conn *conn, int fd, unsigned int timeout_ms);

/**
 * conn_close() - end it
 * @conn: connection that no other thread uses
 *
 * Context: the server's thread.
 */
void conn_close(struct conn *conn);

/**
 * conn_fail() - give the client up
 * @conn: connection
 * @error: errno for who waits, unless an earlier one ended it
 *
 * Context: any thread.
 */
void conn_fail(struct conn *conn, int error);

/**
 * conn_next() - wait for the next command, or for something else
 * @conn: connection
 * @wake: what else to wait for: POLLIN on each
 * @nr_wake: how many
 *
 * Context: the server's thread. @wake is looked at only when no command is there.
 * Return: 0: conn->cmd is a command; 1: one of @wake is ready (revents are set); -1: the connection
 *	has ended: ENODEV the client has closed it, EPROTO what it sent is no message.
 */
int conn_next(struct conn *conn, struct pollfd *wake, unsigned int nr_wake);

/**
 * conn_dma_read() - read from the client's memory by messages
 * @conn: connection
 * @iova: device address; mapped so
 * @buf: out
 * @len: bytes
 *
 * Context: any thread that makes no command wait which conn_next() has returned to another.
 * Return: 0, or -1: EFAULT the client refuses; ENODEV it is gone, ETIMEDOUT it does not answer,
 *	EPROTO its answer is none: the connection has ended.
 */
int conn_dma_read(struct conn *conn, uint64_t iova, void *buf, size_t len);

/**
 * conn_dma_write() - write to the client's memory by messages
 * @conn: connection
 * @iova: device address; mapped so
 * @buf: data
 * @len: bytes
 *
 * Context: as conn_dma_read().
 * Return: as conn_dma_read().
 */
int conn_dma_write(struct conn *conn, uint64_t iova, const void *buf, size_t len);

#endif /* BELFRY_SRC_SERVE_CONN_H */

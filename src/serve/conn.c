/* SPDX-License-Identifier: MIT */
/*
 * Connections. conn.h has who receives what.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <belfry/support/log.h>

#include "serve/conn.h"
#include "support/deadline.h"
#include "support/errno.h"

/* Commands that may wait while the device waits for a reply, bytes. */
#define QUEUE_MAX (16u << 20)

/*
 * Most bytes of data in one DMA command, whatever the client takes: so many fit into a socket that is
 * empty. Replies that do not have been seen to stop in the middle (QEMU 11.1).
 */
#define DMA_PIECE (64u << 10)

/* A command that was received for the server's thread. */
struct conn_cmd {
	struct conn_cmd *next;
	struct vfio_user_header hdr;
	size_t len;
	unsigned int nr_fds;
	int fds[VFIO_USER_MSG_FDS];
	unsigned char payload[];
};

/* A DMA command that waits for its reply. */
struct conn_call {
	uint16_t id;
	uint16_t cmd;
	struct vfio_user_dma_access access;
	void *buf; /* where the data of DMA_READ goes */
	bool done;
	int error;
};

int conn_init(struct conn *conn, int fd, unsigned int timeout_ms)
{
	pthread_condattr_t attr;

	memset(conn, 0, sizeof(*conn));
	conn->timeout_ms = timeout_ms;
	conn->xfer_max = CONN_XFER_MAX;
	vfio_user_sock_init(&conn->sock, fd, CONN_PAYLOAD_MAX, timeout_ms);
	conn->twin.fd = -1;
	pthread_mutex_init(&conn->call_lock, NULL);
	pthread_mutex_init(&conn->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&conn->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (!vfio_user_msg_init(&conn->cmd, CONN_PAYLOAD_MAX) &&
	    !vfio_user_msg_init(&conn->rx, CONN_PAYLOAD_MAX))
		return 0;
	conn_close(conn);
	return -1;
}

static void cmd_free(struct conn_cmd *cmd)
{
	for (unsigned int i = 0; i < cmd->nr_fds; i++)
		close(cmd->fds[i]);
	free(cmd);
}

void conn_close(struct conn *conn)
{
	struct conn_cmd *next;
	keep_errno();

	for (struct conn_cmd *cmd = conn->first; cmd; cmd = next) {
		next = cmd->next;
		cmd_free(cmd);
	}
	vfio_user_msg_free(&conn->cmd);
	vfio_user_msg_free(&conn->rx);
	vfio_user_sock_close(&conn->sock);
	vfio_user_sock_close(&conn->twin);
	pthread_cond_destroy(&conn->changed);
	pthread_mutex_destroy(&conn->lock);
	pthread_mutex_destroy(&conn->call_lock);
}

static void fail_locked(struct conn *conn, int error)
{
	if (conn->error)
		return;
	conn->error = error;
	vfio_user_sock_shutdown(&conn->sock);
	if (conn->twin.fd >= 0)
		vfio_user_sock_shutdown(&conn->twin);
	pthread_cond_broadcast(&conn->changed);
}

void conn_fail(struct conn *conn, int error)
{
	pthread_mutex_lock(&conn->lock);
	fail_locked(conn, error);
	pthread_mutex_unlock(&conn->lock);
}

/* ---- what was received ---- */

/* Is @msg the reply to @call: with all that a reply must have. */
static bool reply_ok(const struct conn_call *call, const struct vfio_user_msg *msg)
{
	struct vfio_user_dma_access access;

	if (call->cmd == VFIO_USER_DMA_WRITE)
		return msg->len >= VFIO_USER_DMA_WRITE_REPLY_MIN;
	if (msg->len != sizeof(access) + call->access.count)
		return false;
	memcpy(&access, msg->payload, sizeof(access));
	return access.address == call->access.address && access.count == call->access.count;
}

/* Give a reply to who waits for it. 0, or the errno of the connection's end. */
static int reply_take(struct conn_call *call, const struct vfio_user_msg *msg)
{
	if (!call || msg->hdr.id != call->id || msg->hdr.cmd != call->cmd) {
		log_error("the client sent a reply to command %u that nobody waits for\n",
			  msg->hdr.cmd);
		return EPROTO;
	}
	if (msg->hdr.flags & VFIO_USER_ERROR) {
		call->error = EFAULT;
	} else if (!reply_ok(call, msg)) {
		log_error("the client's reply to a DMA command of %llu bytes has %zu bytes, or is "
			  "not of it\n",
			  (unsigned long long)call->access.count, msg->len);
		return EPROTO;
	} else if (call->buf) {
		memcpy(call->buf, msg->payload + sizeof(call->access), call->access.count);
	}
	call->done = true;
	return 0;
}

/* Keep a command for the server's thread. 0, or the errno of the connection's end. */
static int queue_add(struct conn *conn, struct vfio_user_msg *msg)
{
	size_t size = sizeof(struct conn_cmd) + msg->len;
	struct conn_cmd *cmd = NULL;

	if (conn->queued + size <= QUEUE_MAX)
		cmd = malloc(size);
	if (!cmd) {
		log_error("the client sends commands and does not answer those of the device\n");
		return ENOMEM;
	}
	cmd->next = NULL;
	cmd->hdr = msg->hdr;
	cmd->len = msg->len;
	cmd->nr_fds = msg->nr_fds;
	memcpy(cmd->payload, msg->payload, msg->len);
	memcpy(cmd->fds, msg->fds, sizeof(cmd->fds));
	msg->nr_fds = 0; /* they are @cmd's now */
	if (conn->last)
		conn->last->next = cmd;
	else
		conn->first = cmd;
	conn->last = cmd;
	conn->queued += size;
	return 0;
}

static void queue_take(struct conn *conn)
{
	struct conn_cmd *cmd = conn->first;
	struct vfio_user_msg *msg = &conn->cmd;

	conn->first = cmd->next;
	if (!conn->first)
		conn->last = NULL;
	conn->queued -= sizeof(*cmd) + cmd->len;
	vfio_user_msg_close_fds(msg);
	msg->hdr = cmd->hdr;
	msg->len = cmd->len;
	memcpy(msg->payload, cmd->payload, cmd->len);
	msg->nr_fds = cmd->nr_fds;
	memcpy(msg->fds, cmd->fds, sizeof(msg->fds));
	free(cmd);
}

static bool is_reply(const struct vfio_user_msg *msg)
{
	return (msg->hdr.flags & VFIO_USER_TYPE) == VFIO_USER_REPLY;
}

/* ---- the server's thread ---- */

/* Wait for a message, or one of @wake. 1: of those; 0: a message may be there. */
static int await(struct conn *conn, struct pollfd *wake, unsigned int nr_wake)
{
	struct pollfd fds[8] = {{.fd = conn->sock.fd, .events = POLLIN}};
	int n;

	for (unsigned int i = 0; i < nr_wake; i++)
		fds[1 + i] = (struct pollfd){.fd = wake[i].fd, .events = POLLIN};
	do
		n = poll(fds, 1 + nr_wake, -1);
	while (n < 0 && errno == EINTR);
	for (unsigned int i = 0; i < nr_wake; i++)
		wake[i].revents = fds[1 + i].revents;
	return n > 0 && !fds[0].revents;
}

/* Receive, with the lock given up for so long. 0, 1 as await(), -1 the connection has ended. */
static int receive_locked(struct conn *conn, struct pollfd *wake, unsigned int nr_wake)
{
	int ret, error = 0;

	conn->receiving = true;
	pthread_mutex_unlock(&conn->lock);
	ret = await(conn, wake, nr_wake);
	if (!ret && vfio_user_recv(&conn->sock, &conn->cmd, now_ns())) {
		ret = -1;
		error = errno;
	}
	pthread_mutex_lock(&conn->lock);
	conn->receiving = false;
	pthread_cond_broadcast(&conn->changed);
	if (ret < 0 && error != ETIMEDOUT) /* that is: nothing was there */
		fail_locked(conn, error);
	return ret;
}

static int next_locked(struct conn *conn, struct pollfd *wake, unsigned int nr_wake)
{
	while (!conn->error) {
		int ret;

		if (conn->first) {
			queue_take(conn);
			return 0;
		}
		if (conn->receiving) {
			pthread_cond_wait(&conn->changed, &conn->lock);
			continue;
		}
		ret = receive_locked(conn, wake, nr_wake);
		if (ret > 0)
			return 1;
		if (ret < 0)
			continue;
		if (!is_reply(&conn->cmd))
			return 0;
		ret = reply_take(conn->call, &conn->cmd);
		vfio_user_msg_close_fds(&conn->cmd);
		if (ret)
			fail_locked(conn, ret);
		pthread_cond_broadcast(&conn->changed);
	}
	return set_errno(conn->error);
}

int conn_next(struct conn *conn, struct pollfd *wake, unsigned int nr_wake)
{
	int ret;

	pthread_mutex_lock(&conn->lock);
	ret = next_locked(conn, wake, nr_wake);
	pthread_mutex_unlock(&conn->lock);
	return ret;
}

/* ---- DMA commands ---- */

/* Receive what the reply may be among, where the server's thread has other things to do. */
static void pump_locked(struct conn *conn, uint64_t deadline)
{
	int error = 0;

	conn->receiving = true;
	pthread_mutex_unlock(&conn->lock);
	if (vfio_user_recv(&conn->sock, &conn->rx, deadline))
		error = errno;
	pthread_mutex_lock(&conn->lock);
	conn->receiving = false;
	if (!error)
		error = is_reply(&conn->rx) ? reply_take(conn->call, &conn->rx)
					    : queue_add(conn, &conn->rx);
	vfio_user_msg_close_fds(&conn->rx);
	if (error)
		fail_locked(conn, error);
	pthread_cond_broadcast(&conn->changed);
}

static void await_reply(struct conn *conn, struct conn_call *call, uint64_t deadline)
{
	struct timespec until = ns_to_timespec(deadline);

	pthread_mutex_lock(&conn->lock);
	while (!call->done && !conn->error) {
		if (deadline_passed(deadline))
			fail_locked(conn, ETIMEDOUT);
		else if (conn->receiving)
			pthread_cond_timedwait(&conn->changed, &conn->lock, &until);
		else
			pump_locked(conn, deadline);
	}
	if (!call->done)
		call->error = conn->error;
	conn->call = NULL;
	pthread_mutex_unlock(&conn->lock);
}

/* With a socket of their own, replies are all that comes there. */
static void await_twin(struct conn *conn, struct conn_call *call, uint64_t deadline)
{
	int error = 0;

	if (vfio_user_recv(&conn->twin, &conn->rx, deadline))
		error = errno;
	else if (is_reply(&conn->rx))
		error = reply_take(call, &conn->rx);
	else
		error = EPROTO;
	vfio_user_msg_close_fds(&conn->rx);
	if (!error)
		return;
	conn_fail(conn, error);
	call->error = error;
}

static int call_start(struct conn *conn, struct conn_call *call)
{
	int error;

	pthread_mutex_lock(&conn->lock);
	error = conn->error;
	call->id = conn->next_id++;
	if (conn->twin.fd < 0 && !error)
		conn->call = call;
	pthread_mutex_unlock(&conn->lock);
	return error ? set_errno(error) : 0;
}

static int call(struct conn *conn, struct conn_call *call, const void *data, size_t len)
{
	bool twin = conn->twin.fd >= 0;
	uint64_t deadline = deadline_after_ms(conn->timeout_ms);
	struct vfio_user_out out = {
		.cmd = call->cmd,
		.flags = VFIO_USER_COMMAND,
		.body = &call->access,
		.body_len = sizeof(call->access),
		.data = data,
		.data_len = len,
	};

	if (call_start(conn, call))
		return -1;
	out.id = call->id;
	if (vfio_user_send(twin ? &conn->twin : &conn->sock, &out))
		conn_fail(conn, errno);
	if (twin)
		await_twin(conn, call, deadline);
	else
		await_reply(conn, call, deadline);
	return call->error ? set_errno(call->error) : 0;
}

static int dma(struct conn *conn, uint16_t cmd, uint64_t iova, void *in, const void *out,
	       size_t len)
{
	const unsigned char *from = out;
	unsigned char *to = in;
	size_t most = conn->xfer_max < DMA_PIECE ? (size_t)conn->xfer_max : DMA_PIECE;
	int ret = 0;

	pthread_mutex_lock(&conn->call_lock);
	for (size_t off = 0; off < len && !ret;) {
		size_t n = len - off < most ? len - off : most;
		struct conn_call one = {
			.cmd = cmd,
			.access = {.address = iova + off, .count = n},
			.buf = to ? to + off : NULL,
		};

		ret = call(conn, &one, from ? from + off : NULL, from ? n : 0);
		off += n;
	}
	pthread_mutex_unlock(&conn->call_lock);
	return ret;
}

int conn_dma_read(struct conn *conn, uint64_t iova, void *buf, size_t len)
{
	return dma(conn, VFIO_USER_DMA_READ, iova, buf, NULL, len);
}

int conn_dma_write(struct conn *conn, uint64_t iova, const void *buf, size_t len)
{
	return dma(conn, VFIO_USER_DMA_WRITE, iova, NULL, buf, len);
}

/* SPDX-License-Identifier: MIT */
/*
 * Framing. Nothing is read beyond the message that is being received: descriptors come with the
 * bytes that they were sent with, and would be taken for those of the wrong one.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <belfry/support/log.h>

#include "support/deadline.h"
#include "support/errno.h"
#include "vfio_user/sock.h"

/* As many as the kernel passes with one sendmsg(2). */
#define FDS_MAX 253

void vfio_user_sock_init(struct vfio_user_sock *sock, int fd, size_t max_payload,
			 unsigned int patience_ms)
{
	sock->fd = fd;
	sock->max_payload = max_payload;
	sock->patience_ms = patience_ms;
	pthread_mutex_init(&sock->send_lock, NULL); /* cannot fail without attributes */
}

void vfio_user_sock_shutdown(struct vfio_user_sock *sock)
{
	keep_errno();

	(void)shutdown(sock->fd, SHUT_RDWR);
}

void vfio_user_sock_close(struct vfio_user_sock *sock)
{
	keep_errno();

	if (sock->fd < 0)
		return;
	close(sock->fd);
	sock->fd = -1;
	pthread_mutex_destroy(&sock->send_lock);
}

/* ---- messages ---- */

int vfio_user_msg_init(struct vfio_user_msg *msg, size_t max_payload)
{
	memset(msg, 0, sizeof(*msg));
	msg->payload = malloc(max_payload ? max_payload : 1);
	if (!msg->payload)
		return -1;
	msg->size = max_payload;
	return 0;
}

void vfio_user_msg_close_fds(struct vfio_user_msg *msg)
{
	keep_errno();

	for (unsigned int i = 0; i < msg->nr_fds; i++) {
		if (msg->fds[i] >= 0)
			close(msg->fds[i]);
	}
	msg->nr_fds = 0;
}

void vfio_user_msg_free(struct vfio_user_msg *msg)
{
	keep_errno();

	vfio_user_msg_close_fds(msg);
	free(msg->payload);
	memset(msg, 0, sizeof(*msg));
}

int vfio_user_msg_take_fd(struct vfio_user_msg *msg, uint64_t i)
{
	int fd;

	if (i >= msg->nr_fds || msg->fds[i] < 0)
		return set_errno(EPROTO);
	fd = msg->fds[i];
	msg->fds[i] = -1;
	return fd;
}

/* ---- waiting ---- */

/* Until the socket is ready for @events. -1 with ETIMEDOUT, or with what poll(2) says. */
static int await(int fd, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = events};
		struct timespec left = ns_to_timespec(deadline_left_ns(deadline));
		int n = ppoll(&pfd, 1, deadline == DEADLINE_NEVER ? NULL : &left, NULL);

		if (n > 0)
			return 0;
		if (!n && deadline_passed(deadline))
			return set_errno(ETIMEDOUT);
		if (n < 0 && errno != EINTR)
			return -1;
	}
}

/* ---- receiving ---- */

union fds_room {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int) * VFIO_USER_MSG_FDS)];
};

/* Move the descriptors that came with @mh to @msg. More than there is room for are too many. */
static int collect_fds(struct vfio_user_msg *msg, struct msghdr *mh)
{
	bool too_many = mh->msg_flags & MSG_CTRUNC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t nr;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (msg->nr_fds < VFIO_USER_MSG_FDS) {
				msg->fds[msg->nr_fds++] = fd;
			} else {
				close(fd);
				too_many = true;
			}
		}
	}
	if (!too_many)
		return 0;
	log_error("the peer sent more than %d file descriptors with a message\n",
		  VFIO_USER_MSG_FDS);
	return set_errno(EPROTO);
}

/* One recvmsg(2): bytes received, or -1: EAGAIN nothing is there, ENODEV the end. */
static ssize_t recv_some(struct vfio_user_sock *sock, struct vfio_user_msg *msg, void *buf,
			 size_t len)
{
	union fds_room control;
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(sock->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -1;
	if (n <= 0)
		return set_errno(ENODEV);
	return collect_fds(msg, &mh) ? -1 : n;
}

/* All of @len bytes until @deadline; its passing is ETIMEDOUT. */
static int recv_all(struct vfio_user_sock *sock, struct vfio_user_msg *msg, void *buf, size_t len,
		    uint64_t deadline)
{
	char *to = buf;

	while (len) {
		ssize_t n = recv_some(sock, msg, to, len);

		if (n < 0 && (errno != EAGAIN || await(sock->fd, POLLIN, deadline)))
			return -1;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int check_header(const struct vfio_user_sock *sock, const struct vfio_user_msg *msg)
{
	const struct vfio_user_header *hdr = &msg->hdr;
	uint32_t type = hdr->flags & VFIO_USER_TYPE;
	size_t max = sock->max_payload < msg->size ? sock->max_payload : msg->size;

	if (hdr->size < sizeof(*hdr) || hdr->size - sizeof(*hdr) > max) {
		log_error("the peer sent a message of %u bytes, command %u; from %zu to %zu are "
			  "possible\n",
			  hdr->size, hdr->cmd, sizeof(*hdr), sizeof(*hdr) + max);
		return set_errno(EPROTO);
	}
	if (type != VFIO_USER_COMMAND && type != VFIO_USER_REPLY) {
		log_error("the peer sent a message of type %u, neither a command nor a reply\n",
			  type);
		return set_errno(EPROTO);
	}
	return 0;
}

/* What is left of a message whose first @have bytes are there. */
static int recv_rest(struct vfio_user_sock *sock, struct vfio_user_msg *msg, size_t have)
{
	uint64_t deadline = deadline_after_ms(sock->patience_ms);

	if (recv_all(sock, msg, (char *)&msg->hdr + have, sizeof(msg->hdr) - have, deadline) ||
	    check_header(sock, msg))
		return -1;
	msg->len = msg->hdr.size - sizeof(msg->hdr);
	return recv_all(sock, msg, msg->payload, msg->len, deadline);
}

int vfio_user_recv(struct vfio_user_sock *sock, struct vfio_user_msg *msg, uint64_t deadline)
{
	ssize_t n;

	vfio_user_msg_close_fds(msg);
	while ((n = recv_some(sock, msg, &msg->hdr, sizeof(msg->hdr))) < 0 && errno == EAGAIN) {
		if (!await(sock->fd, POLLIN, deadline))
			continue;
		if (errno == ETIMEDOUT)
			return -1;
		break;
	}
	if (n > 0 && !recv_rest(sock, msg, (size_t)n))
		return 0;

	if (errno == ETIMEDOUT) {
		log_error("the peer stopped in the middle of a message\n");
		errno = EPROTO;
	}
	vfio_user_msg_close_fds(msg);
	vfio_user_sock_shutdown(sock);
	return -1;
}

/* ---- sending ---- */

/* Leave out of @iov the @n bytes that are sent. */
static void advance(struct msghdr *mh, size_t n)
{
	while (mh->msg_iovlen && n >= mh->msg_iov->iov_len) {
		n -= mh->msg_iov->iov_len;
		mh->msg_iov++;
		mh->msg_iovlen--;
	}
	if (n) {
		mh->msg_iov->iov_base = (char *)mh->msg_iov->iov_base + n;
		mh->msg_iov->iov_len -= n;
	}
}

static int send_all(struct vfio_user_sock *sock, struct msghdr *mh)
{
	uint64_t deadline = deadline_after_ms(sock->patience_ms);

	while (mh->msg_iovlen) {
		ssize_t n = sendmsg(sock->fd, mh, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			advance(mh, (size_t)n);
			mh->msg_control = NULL; /* has gone with the first byte */
			mh->msg_controllen = 0;
		} else if (errno == EAGAIN) {
			if (await(sock->fd, POLLOUT, deadline))
				return -1;
		} else if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
			return set_errno(ENODEV);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

static void put_fds(struct msghdr *mh, const struct vfio_user_out *out, void *room)
{
	size_t len = out->nr_fds * sizeof(int);
	struct cmsghdr *c;

	memset(room, 0, CMSG_SPACE(len));
	mh->msg_control = room;
	mh->msg_controllen = CMSG_SPACE(len);
	c = CMSG_FIRSTHDR(mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), out->fds, len);
}

/* sendmsg(2) only reads them. */
static void *unconst(const void *buf)
{
	return (void *)(uintptr_t)buf;
}

int vfio_user_send(struct vfio_user_sock *sock, const struct vfio_user_out *out)
{
	struct vfio_user_header hdr = {
		.id = out->id,
		.cmd = out->cmd,
		.flags = out->flags,
		.error = out->error,
	};
	struct iovec iov[] = {
		{.iov_base = &hdr, .iov_len = sizeof(hdr)},
		{.iov_base = unconst(out->body), .iov_len = out->body_len},
		{.iov_base = unconst(out->data), .iov_len = out->data_len},
	};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 3};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control; /* filled in only when something is to go into it */
	int ret;

	if (out->body_len > UINT32_MAX - sizeof(hdr) ||
	    out->data_len > UINT32_MAX - sizeof(hdr) - out->body_len || out->nr_fds > FDS_MAX)
		return set_errno(EMSGSIZE);
	hdr.size = (uint32_t)(sizeof(hdr) + out->body_len + out->data_len);
	if (out->nr_fds)
		put_fds(&mh, out, &control);

	pthread_mutex_lock(&sock->send_lock);
	ret = send_all(sock, &mh);
	if (ret) {
		if (errno == ETIMEDOUT)
			log_error("the peer does not take messages: given up after %u ms\n",
				  sock->patience_ms);
		vfio_user_sock_shutdown(sock);
	}
	pthread_mutex_unlock(&sock->send_lock);
	return ret;
}

int vfio_user_reply(struct vfio_user_sock *sock, const struct vfio_user_msg *msg, const void *body,
		    size_t body_len, const void *data, size_t data_len)
{
	struct vfio_user_out out = {
		.id = msg->hdr.id,
		.cmd = msg->hdr.cmd,
		.flags = VFIO_USER_REPLY,
		.body = body,
		.body_len = body_len,
		.data = data,
		.data_len = data_len,
	};

	return msg->hdr.flags & VFIO_USER_NO_REPLY ? 0 : vfio_user_send(sock, &out);
}

int vfio_user_reply_error(struct vfio_user_sock *sock, const struct vfio_user_msg *msg, int err)
{
	struct vfio_user_out out = {
		.id = msg->hdr.id,
		.cmd = msg->hdr.cmd,
		.flags = VFIO_USER_REPLY | VFIO_USER_ERROR,
		.error = (uint32_t)err,
	};

	return msg->hdr.flags & VFIO_USER_NO_REPLY ? 0 : vfio_user_send(sock, &out);
}

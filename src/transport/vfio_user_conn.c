/* SPDX-License-Identifier: MIT */
/*
 * Connections to servers. A thread of its own receives all that comes: replies, which it hands to
 * those who wait for them, and commands, which are about memory and which it answers at once. So the
 * server is answered whatever the callers do. The thread sleeps in the kernel, and never waits for
 * the server but to send an answer, which has a limit.
 *
 * Spec: vfio-user Protocol Specification, "Connection Initiation", "Socket".
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "support/deadline.h"
#include "support/errno.h"
#include "transport/vfio_user.h"
#include "vfio_user/wire.h"

/* Most bytes of a register or the like. */
#define REGION_READ_MAX 64

bool vu_conn_ended(const struct vu_conn *conn)
{
	return __atomic_load_n(&conn->ended, __ATOMIC_ACQUIRE);
}

void vu_conn_end(struct vu_conn *conn, int error)
{
	bool again = __atomic_exchange_n(&conn->ended, true, __ATOMIC_ACQ_REL);
	keep_errno();

	/* Whose call fails finds that the connection has ended. */
	vfio_user_calls_fail(&conn->calls, error);
	if (again)
		return;
	vfio_user_sock_shutdown(&conn->main);
	if (conn->twin.fd >= 0)
		vfio_user_sock_shutdown(&conn->twin);
}

/* ---- what the server asks for ---- */

static int dma_read(struct vu_conn *conn, struct vfio_user_sock *sock,
		    const struct vfio_user_dma_access *access)
{
	if (conn->msg.len != sizeof(*access) || access->count > VU_MAX_XFER)
		return vfio_user_reply_error(sock, &conn->msg, EINVAL);
	if (vu_space_read(conn->space, access->address, conn->reply, access->count))
		return vfio_user_reply_error(sock, &conn->msg, errno);
	return vfio_user_reply(sock, &conn->msg, access, sizeof(*access), conn->reply,
			       access->count);
}

static int dma_write(struct vu_conn *conn, struct vfio_user_sock *sock,
		     const struct vfio_user_dma_access *access)
{
	if (conn->msg.len - sizeof(*access) != access->count)
		return vfio_user_reply_error(sock, &conn->msg, EINVAL);
	if (vu_space_write(conn->space, access->address, conn->msg.payload + sizeof(*access),
			   access->count))
		return vfio_user_reply_error(sock, &conn->msg, errno);
	return vfio_user_reply(sock, &conn->msg, access, sizeof(*access), NULL, 0);
}

static int answer(struct vu_conn *conn, struct vfio_user_sock *sock)
{
	struct vfio_user_dma_access access;

	if (conn->msg.hdr.cmd != VFIO_USER_DMA_READ && conn->msg.hdr.cmd != VFIO_USER_DMA_WRITE)
		return vfio_user_reply_error(sock, &conn->msg, EOPNOTSUPP);
	if (conn->msg.len < sizeof(access))
		return vfio_user_reply_error(sock, &conn->msg, EINVAL);
	memcpy(&access, conn->msg.payload, sizeof(access));
	return conn->msg.hdr.cmd == VFIO_USER_DMA_READ ? dma_read(conn, sock, &access)
						       : dma_write(conn, sock, &access);
}

static int receive(struct vu_conn *conn, struct vfio_user_sock *sock)
{
	if (vfio_user_recv(sock, &conn->msg, 0))
		return errno == ETIMEDOUT ? 0 : -1; /* nothing there after all */
	if ((conn->msg.hdr.flags & VFIO_USER_TYPE) == VFIO_USER_COMMAND)
		return answer(conn, sock);
	if (sock == &conn->main)
		return vfio_user_calls_reply(&conn->calls, &conn->msg);
	log_error("%s: the server replies to what was not sent\n", conn->name);
	return set_errno(EPROTO);
}

static void *receive_all(void *arg)
{
	struct vu_conn *conn = arg;
	struct pollfd fds[] = {
		{.fd = conn->main.fd, .events = POLLIN},
		{.fd = conn->twin.fd, .events = POLLIN}, /* not looked at when it is -1 */
	};
	int ret = 0;

	while (!ret) {
		if (poll(fds, 2, -1) < 0) {
			ret = errno == EINTR ? 0 : -1;
			continue;
		}
		if (fds[0].revents)
			ret = receive(conn, &conn->main);
		if (!ret && fds[1].revents)
			ret = receive(conn, &conn->twin);
	}
	if (!vu_conn_ended(conn))
		log_error("%s: the connection has ended: %m\n", conn->name);
	vu_conn_end(conn, errno == EPROTO ? EPROTO : ENODEV);
	return NULL;
}

/* Signals are for the program's threads. */
static int start_thread(struct vu_conn *conn)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&conn->thread, NULL, receive_all, conn);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return set_errno(err);
	conn->has_thread = true;
	return 0;
}

/* ---- the beginning ---- */

static int explain_connect(const struct vu_conn *conn)
{
	keep_errno();

	if (errno == ENOENT || errno == ECONNREFUSED)
		log_error("%s: nobody serves at '%s': start the server first\n", conn->name,
			  conn->opt->path);
	else
		log_error("%s: cannot connect to '%s': %m\n", conn->name, conn->opt->path);
	return -1;
}

static int connect_to(struct vu_conn *conn)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	uint64_t deadline = deadline_after_ms(conn->opt->timeout_ms);
	size_t len = strlen(conn->opt->path);
	int fd;

	if (len >= sizeof(addr.sun_path)) {
		log_error("%s: the path of a socket has %zu characters at most\n", conn->name,
			  sizeof(addr.sun_path) - 1);
		return set_errno(ENAMETOOLONG);
	}
	memcpy(addr.sun_path, conn->opt->path, len);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		/* EAGAIN: so many wait already to be served. */
		if ((errno != EAGAIN && errno != EINTR) || deadline_passed(deadline)) {
			explain_connect(conn);
			goto close_fd;
		}
		poll(NULL, 0, 1);
	}
	vfio_user_sock_init(&conn->main, fd, VU_MAX_XFER + sizeof(struct vfio_user_region_access),
			    conn->opt->timeout_ms);
	return 0;

close_fd : {
	keep_errno();

	close(fd);
}
	return -1;
}

static int say_version(struct vu_conn *conn)
{
	struct vfio_user_caps caps = {
		.major = VFIO_USER_MAJOR,
		.minor = VFIO_USER_MINOR,
		.max_msg_fds = VFIO_USER_MSG_FDS,
		.max_xfer = VU_MAX_XFER,
		.max_dma_maps = VFIO_USER_DEFAULT_DMA_MAPS,
		.pgsizes = __VFN_PAGESIZE,
		.twin = conn->opt->twin,
		.twin_fd_index = VFIO_USER_NO_FD_INDEX,
	};
	unsigned char buf[VFIO_USER_VERSION_ROOM];
	struct vfio_user_out out = {.cmd = VFIO_USER_VERSION, .body = buf};

	out.body_len = vfio_user_version_write(&caps, buf);
	return vfio_user_send(&conn->main, &out);
}

/* The socket of the server's commands, which has to be one. */
static int take_twin(struct vu_conn *conn)
{
	int fd, domain = 0, type = 0;
	socklen_t len = sizeof(int);

	if (!conn->opt->twin) {
		log_error("%s: the server uses a second socket that was not offered\n", conn->name);
		return set_errno(EPROTO);
	}
	fd = vfio_user_msg_take_fd(&conn->msg, conn->caps.twin_fd_index);
	if (fd < 0) {
		log_error("%s: the server's second socket did not come\n", conn->name);
		return -1;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) || domain != AF_UNIX ||
	    type != SOCK_STREAM) {
		log_error("%s: the server's second socket is none\n", conn->name);
		close(fd);
		return set_errno(EPROTO);
	}
	vfio_user_sock_init(&conn->twin, fd, conn->main.max_payload, conn->main.patience_ms);
	return 0;
}

static int hear_version(struct vu_conn *conn)
{
	const struct vfio_user_header *hdr = &conn->msg.hdr;
	struct vfio_user_caps *caps = &conn->caps;

	if (vfio_user_recv(&conn->main, &conn->msg, deadline_after_ms(conn->opt->timeout_ms))) {
		log_error("%s: no answer from '%s': %m; a server may serve one client at a time\n",
			  conn->name, conn->opt->path);
		return -1;
	}
	if ((hdr->flags & VFIO_USER_TYPE) != VFIO_USER_REPLY || hdr->cmd != VFIO_USER_VERSION ||
	    hdr->id) {
		log_error("%s: the server does not begin with its version\n", conn->name);
		return set_errno(EPROTO);
	}
	if (hdr->flags & VFIO_USER_ERROR) {
		log_error("%s: the server refuses version %u.%u: error %u\n", conn->name,
			  VFIO_USER_MAJOR, VFIO_USER_MINOR, hdr->error);
		return set_errno(EPROTO);
	}
	if (vfio_user_version_read(caps, conn->msg.payload, conn->msg.len))
		return -1;
	if (caps->major != VFIO_USER_MAJOR || caps->minor > VFIO_USER_MINOR) {
		log_error("%s: the server speaks version %u.%u, %u.%u was asked for\n", conn->name,
			  caps->major, caps->minor, VFIO_USER_MAJOR, VFIO_USER_MINOR);
		return set_errno(EPROTO);
	}
	if (!(caps->pgsizes & (2 * (uint64_t)__VFN_PAGESIZE - 1))) {
		log_error("%s: the server maps pages of 0x%" PRIx64 " bytes, here they have %zu\n",
			  conn->name, caps->pgsizes, __VFN_PAGESIZE);
		return set_errno(EPROTO);
	}
	return caps->twin ? take_twin(conn) : 0;
}

int vu_conn_open(struct vu_conn *conn, const char *name, const struct vu_options *opt,
		 struct vu_space *space)
{
	memset(conn, 0, sizeof(*conn));
	conn->name = name;
	conn->opt = opt;
	conn->space = space;
	conn->main.fd = conn->twin.fd = -1;
	vfio_user_calls_init(&conn->calls);

	conn->reply = malloc(VU_MAX_XFER);
	if (!conn->reply ||
	    vfio_user_msg_init(&conn->msg, VU_MAX_XFER + sizeof(struct vfio_user_region_access)))
		return -1;
	return connect_to(conn) || say_version(conn) || hear_version(conn) || start_thread(conn)
		       ? -1
		       : 0;
}

void vu_conn_close(struct vu_conn *conn)
{
	keep_errno();

	if (conn->has_thread) {
		vu_conn_end(conn, ENODEV);
		pthread_join(conn->thread, NULL);
	}
	vfio_user_sock_close(&conn->main);
	vfio_user_sock_close(&conn->twin);
	vfio_user_calls_close(&conn->calls);
	vfio_user_msg_free(&conn->msg);
	free(conn->reply);
	conn->reply = NULL;
}

/* ---- what this end asks for ---- */

int vu_call_upto(struct vu_conn *conn, struct vfio_user_call *call)
{
	int ret;

	call->timeout_ms = conn->opt->timeout_ms;
	ret = vfio_user_call(&conn->calls, &conn->main, call);
	/* A reply that did not come has ended the calls, and so it ends the connection. */
	if (ret && vfio_user_calls_error(&conn->calls))
		vu_conn_end(conn, ENODEV);
	return ret;
}

int vu_call_lied(struct vu_conn *conn, const struct vfio_user_call *call)
{
	log_error("%s: the server's reply to command %u makes no sense: given up\n", conn->name,
		  call->out.cmd);
	vu_conn_end(conn, EPROTO);
	return set_errno(EPROTO);
}

int vu_call(struct vu_conn *conn, struct vfio_user_call *call)
{
	if (vu_call_upto(conn, call))
		return -1;
	return call->len == call->room ? 0 : vu_call_lied(conn, call);
}

int vu_region_read(struct vu_conn *conn, uint32_t region, uint64_t off, void *buf, uint32_t len)
{
	struct vfio_user_region_access access = {.offset = off, .region = region, .count = len};
	struct {
		struct vfio_user_region_access access;
		unsigned char data[REGION_READ_MAX];
	} reply;
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_REGION_READ, .body = &access, .body_len = sizeof(access)},
		.reply = &reply,
		.room = sizeof(access) + len,
	};

	if (len > REGION_READ_MAX)
		return set_errno(EINVAL);
	if (vu_call(conn, &call))
		return -1;
	if (memcmp(&reply.access, &access, sizeof(access)))
		return vu_call_lied(conn, &call);
	memcpy(buf, reply.data, len);
	return 0;
}

int vu_region_write(struct vu_conn *conn, uint32_t region, uint64_t off, const void *buf,
		    uint32_t len)
{
	struct vfio_user_region_access access = {.offset = off, .region = region, .count = len};
	struct vfio_user_region_access reply = {};
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_REGION_WRITE,
			.body = &access,
			.body_len = sizeof(access),
			.data = buf,
			.data_len = len},
		.reply = &reply,
		.room = sizeof(reply),
	};

	if (vu_call(conn, &call))
		return -1;
	return memcmp(&reply, &access, sizeof(access)) ? vu_call_lied(conn, &call) : 0;
}

void vu_region_post(struct vu_conn *conn, uint32_t region, uint64_t off, const void *buf,
		    uint32_t len)
{
	struct vfio_user_region_access access = {.offset = off, .region = region, .count = len};
	struct vfio_user_out out = {
		.cmd = VFIO_USER_REGION_WRITE,
		.flags = VFIO_USER_COMMAND | VFIO_USER_NO_REPLY,
		.body = &access,
		.body_len = sizeof(access),
		.data = buf,
		.data_len = len,
	};
	keep_errno();

	if (vfio_user_send(&conn->main, &out))
		vu_conn_end(conn, ENODEV);
}

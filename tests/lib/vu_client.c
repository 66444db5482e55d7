/* SPDX-License-Identifier: MIT */
/*
 * A client that sends bytes. vu_client.h says why it is apart from the library.
 */
#include "vu_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATIENCE_MS 20000

void vu_open_fd(struct vu_client *c, int fd)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->data = malloc(VU_ROOM);
	assert_non_null(c->data);
}

void vu_open(struct vu_client *c, struct serve *srv)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	serve_connect(srv, fds[1]);
	vu_open_fd(c, fds[0]);
}

static void close_fds(struct vu_client *c)
{
	while (c->nr_fds)
		close(c->fds[--c->nr_fds]);
}

void vu_close(struct vu_client *c)
{
	if (c->fd < 0)
		return;
	close_fds(c);
	close(c->fd);
	free(c->data);
	c->fd = -1;
}

void vu_bytes(struct vu_client *c, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		ssize_t n = send(c->fd, from, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		from += n;
		len -= (size_t)n;
	}
}

static void send_with_fds(struct vu_client *c, const void *data, size_t len, const int *fds,
			  unsigned int nr)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(64 * sizeof(int))];
	} control = {.room = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = CMSG_SPACE(nr * sizeof(int))};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&mh);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, nr * sizeof(int));
	assert_int_equal(sendmsg(c->fd, &mh, MSG_NOSIGNAL), len);
}

void vu_send(struct vu_client *c, const struct vu_out *out)
{
	struct vu_header hdr = {
		.id = out->flags & VU_REPLY ? c->hdr.id : ++c->id,
		.cmd = out->cmd,
		.size = (uint32_t)(sizeof(hdr) + out->len),
		.flags = out->flags,
	};

	if (out->nr_fds)
		send_with_fds(c, &hdr, sizeof(hdr), out->fds, out->nr_fds);
	else
		vu_bytes(c, &hdr, sizeof(hdr));
	vu_bytes(c, out->data, out->len);
}

/* One recvmsg(2). Bytes; 0 at the end of the connection. */
static size_t receive_some(struct vu_client *c, void *buf, size_t len)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(c->fds))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control)};
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
	struct cmsghdr *cmsg;
	ssize_t n;

	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	n = recvmsg(c->fd, &mh, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return 0;
	cmsg = CMSG_FIRSTHDR(&mh);
	if (cmsg) {
		assert_int_equal(c->nr_fds, 0);
		c->nr_fds = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(c->fds, CMSG_DATA(cmsg), c->nr_fds * sizeof(int));
	}
	return (size_t)n;
}

static bool receive_all(struct vu_client *c, void *buf, size_t len)
{
	char *to = buf;

	while (len) {
		size_t n = receive_some(c, to, len);

		if (!n)
			return false;
		to += n;
		len -= n;
	}
	return true;
}

bool vu_receive(struct vu_client *c)
{
	close_fds(c);
	if (!receive_all(c, &c->hdr, sizeof(c->hdr)))
		return false;
	assert_in_range(c->hdr.size, sizeof(c->hdr), VU_ROOM);
	c->len = c->hdr.size - sizeof(c->hdr);
	assert_true(receive_all(c, c->data, c->len));
	return true;
}

uint32_t vu_call(struct vu_client *c, const struct vu_out *out)
{
	vu_send(c, out);
	assert_true(vu_receive(c));
	assert_int_equal(c->hdr.id, c->id);
	assert_int_equal(c->hdr.cmd, out->cmd);
	if (c->hdr.flags == VU_REPLY) {
		assert_int_equal(c->hdr.error, 0);
		return 0;
	}
	assert_int_equal(c->hdr.flags, VU_REPLY | VU_ERROR);
	assert_int_equal(c->len, 0);
	assert_int_not_equal(c->hdr.error, 0);
	return c->hdr.error;
}

bool vu_hung_up(struct vu_client *c)
{
	char byte;

	return !receive_some(c, &byte, 1);
}

void vu_hello(struct vu_client *c, const char *json)
{
	char data[512] = {0, 0, 1, 0}; /* 0.1 */
	size_t len = 4;

	if (json) {
		strcpy(data + 4, json);
		len += strlen(json) + 1;
	}
	assert_int_equal(vu_call(c, &(struct vu_out){.cmd = VU_VERSION, .data = data, .len = len}),
			 0);
	assert_memory_equal(c->data, "\0\0\1\0{", 5);
}

void vu_start(struct vu_client *c, struct serve *srv)
{
	vu_open(c, srv);
	vu_hello(c, NULL);
}

/* ---- commands ---- */

struct access {
	uint64_t off;
	uint32_t region;
	uint32_t count;
	uint64_t val;
};

uint64_t vu_read(struct vu_client *c, uint32_t region, uint64_t off, uint32_t len)
{
	struct access access = {.off = off, .region = region, .count = len};
	uint64_t val = 0;

	assert_int_equal(
		vu_call(c, &(struct vu_out){.cmd = VU_REGION_READ, .data = &access, .len = 16}), 0);
	assert_int_equal(c->len, 16 + len);
	assert_memory_equal(c->data, &access, 16);
	memcpy(&val, c->data + 16, len < 8 ? len : 8);
	return val;
}

uint32_t vu_write(struct vu_client *c, uint32_t region, uint64_t off, uint64_t val, uint32_t len)
{
	struct access access = {.off = off, .region = region, .count = len, .val = val};

	return vu_call(c,
		       &(struct vu_out){.cmd = VU_REGION_WRITE, .data = &access, .len = 16 + len});
}

uint32_t vu_map(struct vu_client *c, uint64_t iova, uint64_t len, uint32_t flags, int fd,
		uint64_t off)
{
	struct {
		uint32_t argsz, flags;
		uint64_t off, iova, len;
	} map = {32, flags, off, iova, len};

	return vu_call(c, &(struct vu_out){.cmd = VU_DMA_MAP,
					   .data = &map,
					   .len = sizeof(map),
					   .fds = &fd,
					   .nr_fds = fd >= 0});
}

uint32_t vu_unmap(struct vu_client *c, uint64_t iova, uint64_t len)
{
	struct {
		uint32_t argsz, flags;
		uint64_t iova, len;
	} unmap = {24, 0, iova, len};
	uint32_t error = vu_call(
		c, &(struct vu_out){.cmd = VU_DMA_UNMAP, .data = &unmap, .len = sizeof(unmap)});

	if (!error) {
		assert_int_equal(c->len, sizeof(unmap));
		assert_memory_equal(c->data, &unmap, sizeof(unmap));
	}
	return error;
}

uint32_t vu_irqs(struct vu_client *c, uint32_t flags, uint32_t index, uint32_t start,
		 uint32_t count, const int *fds, unsigned int nr_fds)
{
	uint32_t set[] = {20, flags, index, start, count};

	return vu_call(c, &(struct vu_out){.cmd = VU_SET_IRQS,
					   .data = set,
					   .len = sizeof(set),
					   .fds = fds,
					   .nr_fds = nr_fds});
}

uint64_t vu_counter(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

uint64_t vu_wait_counter(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	return vu_counter(fd);
}

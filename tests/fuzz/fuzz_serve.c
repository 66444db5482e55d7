/* SPDX-License-Identifier: MIT */
/*
 * A hostile client of the server, with the emulated controller behind it: sequences of messages, most
 * of them nearly right, with file descriptors of all kinds, wrong lengths, and answers to the
 * controller's own commands that may be lies. Whatever is said, the next client is served.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vu_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MAX_MESSAGES 48
#define CONFIG	     7
#define SHARED	     0x100000ull
#define REMOTE	     0x300000ull
#define SIZE	     0x10000ull

/* What a message is besides its command. */
enum {
	HOW_TAME = 0x01,     /* a template, with some bytes changed; else bytes of the input */
	HOW_FD = 0x02,	     /* with descriptors */
	HOW_NO_REPLY = 0x04, /* wants no reply */
	HOW_SIZE = 0x08,     /* the header has another length */
	HOW_REPLY = 0x10,    /* is a reply */
	HOW_LIE = 0x20,	     /* the next answers to the controller are wrong */
};

struct input {
	const uint8_t *at, *end;
};

static uint8_t next(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

struct fuzz {
	int fd, shared, event;
	bool lie, over;
};

/* Templates: 64-bit words that a command may have, chosen by a byte of the input. */
#define WORDS 5
struct form {
	uint8_t cmd;
	uint8_t len;
	uint64_t words[WORDS];
};

#define TWO(low, high) ((uint64_t)(low) | (uint64_t)(high) << 32)

static const struct form forms[] = {
	{VU_VERSION, 4, {1 << 16}},
	{VU_DMA_MAP, 32, {TWO(32, 3), 0, SHARED, SIZE}},
	{VU_DMA_MAP, 32, {TWO(32, 3), 0, REMOTE, SIZE}},
	{VU_DMA_MAP, 32, {TWO(32, 3), 0, SHARED + SIZE, SIZE}},
	{VU_DMA_UNMAP, 24, {24, SHARED, SIZE}},
	{VU_DMA_UNMAP, 24, {24, REMOTE, SIZE}},
	{VU_DMA_UNMAP, 24, {TWO(24, 2), 0, 0}},
	{VU_GET_INFO, 16, {16}},
	{VU_GET_REGION_INFO, 32, {64}},
	{VU_GET_IRQ_INFO, 16, {16, 2}},
	{VU_SET_IRQS, 20, {TWO(20, 0x24), 2, 1}},
	{VU_SET_IRQS, 20, {TWO(20, 0x24), 0, 1}},
	{VU_SET_IRQS, 20, {TWO(20, 0x09), 2, 1}},
	{VU_SET_IRQS, 20, {TWO(20, 0x11), 2, 1}},
	{VU_SET_IRQS, 22, {TWO(22, 0x22), 2, TWO(2, 0x0101)}},
	{VU_REGION_READ, 16, {0, TWO(0, 64)}},
	{VU_REGION_READ, 16, {0, TWO(CONFIG, 256)}},
	{VU_REGION_READ, 16, {0x1000, TWO(4, 8)}},
	{VU_REGION_WRITE, 20, {4, TWO(CONFIG, 4), 6}},
	{VU_REGION_WRITE, 20, {0x68, TWO(CONFIG, 4), 0x8000}}, /* function-level reset */
	{VU_REGION_WRITE, 20, {0x52, TWO(CONFIG, 4), 0xc000}},
	{VU_REGION_WRITE, 20, {12, TWO(4, 4), 0}},
	{VU_REGION_WRITE, 20, {0x24, TWO(0, 4), 0x000f000f}},
	{VU_REGION_WRITE, 24, {0x28, TWO(0, 8), SHARED}},
	{VU_REGION_WRITE, 24, {0x30, TWO(0, 8), SHARED + 0x1000}},
	{VU_REGION_WRITE, 24, {0x28, TWO(0, 8), REMOTE}},
	{VU_REGION_WRITE, 24, {0x30, TWO(0, 8), REMOTE + 0x1000}},
	{VU_REGION_WRITE, 20, {0x14, TWO(0, 4), 0x00460001}},
	{VU_REGION_WRITE, 20, {0x14, TWO(0, 4), 0}},
	{VU_REGION_WRITE, 20, {0x1000, TWO(0, 4), 3}},
	{VU_REGION_WRITE, 24, {0, TWO(2, 8), 0x0102030405060708}},
	{VU_WRITE_MULTI, 32, {1, 0x1000, TWO(0, 4), 1}},
	{VU_RESET, 0, {0}},
	{VU_FEATURE, 8, {TWO(16, 0x10001)}},
	{VU_DMA_READ, 16, {0, 4}},
	{VU_DIRTY_PAGES, 16, {0}},
	{99, 8, {0}},
};

#define NR_FORMS (sizeof(forms) / sizeof(forms[0]))

/* ---- what the server sends ---- */

/* To receive no bytes would still wait for some to be there. */
static bool receive(int fd, void *buf, size_t len)
{
	return !len || recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

/* The controller wants something: answer, as the client of an honest mind would or not. */
static void answer(struct fuzz *f, const struct vu_header *hdr, const uint64_t *body)
{
	static uint8_t reply[16 + 16 + (1 << 20)];
	uint64_t count = hdr->cmd == VU_DMA_READ ? body[1] : 0;
	struct vu_header out = {hdr->id, hdr->cmd, (uint32_t)(32 + count), VU_REPLY, 0};

	if (f->lie) {
		out.id ^= body[0] >> 12 & 1;
		out.cmd ^= body[0] >> 13 & 1;
		out.flags |= body[0] >> 8 & VU_ERROR;
		out.size -= body[0] >> 14 & 1;
	}
	memcpy(reply, &out, 16);
	memcpy(reply + 16, body, 16);
	if (send(f->fd, reply, out.size, MSG_NOSIGNAL) != (ssize_t)out.size)
		f->over = true;
}

/* Take one message that has begun to come. */
static void take(struct fuzz *f)
{
	static uint8_t payload[(1 << 20) + 64];
	struct vu_header hdr;

	if (!receive(f->fd, &hdr, sizeof(hdr)) || hdr.size < 16 ||
	    hdr.size - 16 > sizeof(payload) || !receive(f->fd, payload, hdr.size - 16)) {
		f->over = true;
		return;
	}
	if (!(hdr.flags & VU_REPLY) && hdr.size >= 32) {
		uint64_t body[2];

		memcpy(body, payload, sizeof(body));
		answer(f, &hdr, body);
	}
}

static void take_all(struct fuzz *f)
{
	char byte;

	while (!f->over && recv(f->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
		take(f);
}

/* ---- what the client sends ---- */

static void send_message(struct fuzz *f, const struct vu_header *hdr, const void *payload,
			 size_t len, int fd, unsigned int nr_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(20 * sizeof(int))];
	} control = {.room = {0}};
	struct iovec iov[] = {{(void *)(uintptr_t)hdr, sizeof(*hdr)},
			      {(void *)(uintptr_t)payload, len}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};

	if (nr_fds) {
		struct cmsghdr *cmsg;

		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		for (unsigned int i = 0; i < nr_fds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(int));
	}
	if (sendmsg(f->fd, &mh, MSG_NOSIGNAL) < 0)
		f->over = true;
}

static int pick_fd(const struct fuzz *f, uint8_t which)
{
	switch (which & 3) {
	case 0:
		return f->shared;
	case 1:
		return f->event;
	case 2:
		return STDERR_FILENO;
	default:
		return f->fd;
	}
}

static void message(struct fuzz *f, struct input *in)
{
	const struct form *form = &forms[next(in) % NR_FORMS];
	uint8_t how = next(in), which = next(in), payload[64] = {0};
	struct vu_header hdr = {.id = which, .cmd = form->cmd};
	size_t len = form->len;
	unsigned int nr_fds = 0;

	memcpy(payload, form->words, sizeof(form->words));
	if (how & HOW_TAME) {
		for (uint8_t i = which & 3; i > 1; i--) {
			uint8_t at = next(in) % sizeof(payload);

			payload[at] = next(in);
		}
	} else {
		len = next(in) % sizeof(payload);
		for (size_t i = 0; i < sizeof(payload); i++)
			payload[i] = i < len ? next(in) : 0;
	}
	f->lie = how & HOW_LIE;
	hdr.flags = (how & HOW_NO_REPLY ? VU_NO_REPLY : 0) | (how & HOW_REPLY ? VU_REPLY : 0);
	hdr.size = (uint32_t)(16 + len);
	if (how & HOW_SIZE)
		hdr.size += next(in);
	if (how & HOW_FD)
		nr_fds = which & 0x80 ? 1 : next(in) % 20;
	send_message(f, &hdr, payload, len, pick_fd(f, which >> 2), nr_fds);
}

/* ---- the server ---- */

static struct serve *server(void)
{
	static struct serve *srv;
	const struct serve_options options = {.timeout_ms = 2000, .dma_max = 1 << 30};

	if (!srv)
		srv = serve_emu("emu:size=1M,queues=2,cmb=64K,spin_us=0", &options);
	if (!srv)
		__builtin_trap();
	return srv;
}

static int connect_client(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		__builtin_trap();
	serve_connect(server(), fds[1]);
	return fds[0];
}

/* A client that means well: it finds the controller as it always is. */
static void check(void)
{
	static const uint8_t ask[] = {1, 0, 1, 0, 20, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				      1, 0, 2, 0, 9,  0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				      0, 0, 0, 0, 0,  0, 0,  0, 7, 0, 0, 0, 8, 0, 0, 0};
	static const uint8_t config[] = {0x36, 0x1b, 0x10, 0, 0, 0, 0x10, 0};
	struct vu_header hdr;
	uint8_t reply[512];
	int fd = connect_client();

	if (send(fd, ask, sizeof(ask), MSG_NOSIGNAL) != sizeof(ask) ||
	    !receive(fd, &hdr, sizeof(hdr)) || hdr.size > sizeof(reply) ||
	    !receive(fd, reply, hdr.size - 16) || !receive(fd, &hdr, sizeof(hdr)) ||
	    hdr.size != 40 || !receive(fd, reply, 24) || memcmp(reply + 16, config, 8) != 0)
		__builtin_trap();
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t hello[] = {1, 0, 1, 0, 20, 0, 0, 0, 0, 0,
					0, 0, 0, 0, 0,	0, 0, 0, 1, 0};
	struct input in = {data, data + len};
	struct fuzz f = {
		.fd = connect_client(),
		.shared = memfd_create("fuzz", MFD_CLOEXEC),
		.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};

	if (f.shared < 0 || f.event < 0 || ftruncate(f.shared, (off_t)SIZE))
		__builtin_trap();
	if (next(&in) & 7)
		send_message(&f, (const void *)hello, hello + 16, 4, -1, 0);
	for (int i = 0; i < MAX_MESSAGES && in.at < in.end && !f.over; i++) {
		message(&f, &in);
		take_all(&f);
	}
	/* Some stay to hear the last answers, others just go. */
	if (!(len & 1))
		shutdown(f.fd, SHUT_WR);
	while (!(len & 1) && !f.over)
		take(&f);
	close(f.fd);
	close(f.shared);
	close(f.event);
	check();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a vfio-user server may say: capabilities that are no JSON, bytes that are no messages, and
 * replies to a real client with some bytes changed. It is an error or it works, it ends in time, and
 * nothing is left behind.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <belfry/vfio.h>

#include "dev.h"
#include "fake_server.h"
#include "transport/transport.h"
#include "vfio_user/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fuzz_version(const uint8_t *data, size_t len)
{
	struct vfio_user_caps caps;

	errno = 0;
	if (vfio_user_version_read(&caps, data, len) && errno != EPROTO)
		abort();
}

/* The same with JSON around it, so that it gets further. */
static void fuzz_caps(const uint8_t *data, size_t len)
{
	static const char *const pieces[] = {
		"{",
		"}",
		"[",
		"]",
		":",
		",",
		"\"capabilities\"",
		"\"max_msg_fds\"",
		"\"twin_socket\"",
		"\"supported\"",
		"\"fd_index\"",
		"true",
		"false",
		"null",
		"1",
		"18446744073709551615",
		"-0.5e+3",
		"\"\\u00e4\"",
		" ",
		"\"x\"",
		"\"pgsizes\"",
		"\"write_multiple\"",
	};
	char *text = calloc(len + 1, 32);

	if (!text)
		return;
	memcpy(text, "\0\0\1\0", 4);
	for (size_t i = 0; i < len; i++)
		strcat(text + 4, pieces[data[i] % ROWS(pieces)]);
	fuzz_version((const uint8_t *)text, 4 + strlen(text + 4) + 1);
	free(text);
}

static void fuzz_stream(const uint8_t *data, size_t len)
{
	struct vfio_user_calls calls;
	struct vfio_user_sock sock;
	struct vfio_user_msg msg;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || vfio_user_msg_init(&msg, 256))
		abort();
	vfio_user_calls_init(&calls);
	vfio_user_sock_init(&sock, fds[0], 256, 1000);
	if (send(fds[1], data, len, 0) != (ssize_t)len || shutdown(fds[1], SHUT_WR))
		abort();
	while (!vfio_user_recv(&sock, &msg, 0)) {
		if (msg.len > 256 || !vfio_user_calls_reply(&calls, &msg))
			abort();
	}
	if (errno != EPROTO && errno != ENODEV)
		abort();
	vfio_user_sock_close(&sock);
	vfio_user_calls_close(&calls);
	vfio_user_msg_free(&msg);
	close(fds[1]);
}

static void use(struct vfio_pci_device *pci)
{
	struct transport *tp = pci->dev.transport;
	int fd = eventfd(0, EFD_CLOEXEC);
	struct iommu_dmabuf buf = {};
	size_t len = 0;
	uint64_t val;

	(void)iommu_get_dmabuf(pci->dev.ctx, &buf, 4096, 0);
	(void)tp->ops->reg_read(tp, 0, 8, &val);
	(void)vfio_set_irq(&pci->dev, &fd, 0, 1);
	(void)tp->ops->doorbells(tp, &len);
	(void)vfio_reset(&pci->dev);
	iommu_put_dmabuf(&buf);
	close(fd);
}

static void fuzz_client(const uint8_t *data, size_t len)
{
	struct fake_opts opts = {
		.mmap = len & 1, .twin = len & 2, .change = data, .change_len = len};
	struct vfio_pci_device pci = {};
	static struct fake fake;
	int fds = open_fds();

	fake_start(&fake, &opts, ",timeout_ms=20");
	if (!vfio_pci_open(&pci, fake.name)) {
		use(&pci);
		vfio_pci_close(&pci);
	} else if (!errno) {
		abort();
	}
	fake_stop(&fake);
	if (open_fds() != fds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len)
		return 0;
	switch (data[0] % 4) {
	case 0:
		fuzz_version(data + 1, len - 1);
		break;
	case 1:
		fuzz_caps(data + 1, len > 200 ? 199 : len - 1);
		break;
	case 2:
		fuzz_stream(data + 1, len > 4096 ? 4095 : len - 1);
		break;
	default:
		fuzz_client(data + 1, len - 1);
	}
	return 0;
}

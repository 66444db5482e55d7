/* SPDX-License-Identifier: MIT */
/* What a test asks of the server that obeys: what came, and commands to the client. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_server.h"

const struct fake_msg *fake_find(struct fake *fake, uint16_t cmd, unsigned int nth)
{
	const struct fake_msg *found = NULL;

	pthread_mutex_lock(&fake->lock);
	for (unsigned int i = 0; i < fake->nr_log && i < FAKE_LOG && !found; i++) {
		if (fake->log[i].hdr.cmd == cmd && !nth--)
			found = &fake->log[i];
	}
	pthread_mutex_unlock(&fake->lock);
	return found;
}

static int ask(struct fake *fake, struct vfio_user_call *call)
{
	call->timeout_ms = 10000;
	return vfio_user_call(&fake->calls, fake->twin.fd >= 0 ? &fake->twin : &fake->main, call);
}

int fake_dma_read(struct fake *fake, uint64_t iova, void *buf, size_t len)
{
	struct vfio_user_dma_access access = {.address = iova, .count = len};
	unsigned char *data = malloc(sizeof(access) + len);
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DMA_READ, .body = &access, .body_len = sizeof(access)},
		.reply = data,
		.room = sizeof(access) + len,
	};
	int ret = ask(fake, &call);

	if (!ret && (call.len != call.room || memcmp(data, &access, sizeof(access)))) {
		errno = EPROTO;
		ret = -1;
	}
	if (!ret)
		memcpy(buf, data + sizeof(access), len);
	free(data);
	return ret;
}

int fake_dma_write(struct fake *fake, uint64_t iova, const void *buf, size_t len)
{
	struct vfio_user_dma_access access = {.address = iova, .count = len}, data;
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DMA_WRITE,
			.body = &access,
			.body_len = sizeof(access),
			.data = buf,
			.data_len = len},
		.reply = &data,
		.room = sizeof(data),
	};

	if (ask(fake, &call))
		return -1;
	if (call.len == sizeof(data) && !memcmp(&data, &access, sizeof(data)))
		return 0;
	errno = EPROTO;
	return -1;
}

int fake_ask(struct fake *fake, uint16_t cmd, const void *body, size_t len)
{
	struct vfio_user_call call = {.out = {.cmd = cmd, .body = body, .body_len = len}};

	return ask(fake, &call);
}

/* SPDX-License-Identifier: MIT */
/* Negotiation: the one place where the protocol has text in it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <belfry/support/log.h>

#include "support/errno.h"
#include "vfio_user/json.h"
#include "vfio_user/version.h"
#include "vfio_user/wire.h"

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

/* A capability that is not there is not named either: a peer may never have heard of it. */
static void write_twin(const struct vfio_user_caps *caps, char *text, size_t room)
{
	char fd_index[48] = "";

	text[0] = '\0';
	if (caps->twin_fd_index != VFIO_USER_NO_FD_INDEX)
		snprintf(fd_index, sizeof(fd_index), ",\"fd_index\":%" PRIu64, caps->twin_fd_index);
	if (caps->twin)
		snprintf(text, room, ",\"twin_socket\":{\"supported\":true%s}", fd_index);
}

size_t vfio_user_version_write(const struct vfio_user_caps *caps,
			       unsigned char buf[VFIO_USER_VERSION_ROOM])
{
	struct vfio_user_version version = {.major = caps->major, .minor = caps->minor};
	char *text = (char *)buf + sizeof(version), twin[96];
	size_t room = VFIO_USER_VERSION_ROOM - sizeof(version);
	int len;

	write_twin(caps, twin, sizeof(twin));
	memcpy(buf, &version, sizeof(version));
	len = snprintf(text, room,
		       "{\"capabilities\":{\"max_msg_fds\":%" PRIu64
		       ",\"max_data_xfer_size\":%" PRIu64 ",\"max_dma_maps\":%" PRIu64
		       ",\"pgsizes\":%" PRIu64 "%s,\"write_multiple\":%s}}",
		       caps->max_msg_fds, caps->max_xfer, caps->max_dma_maps, caps->pgsizes, twin,
		       truth(caps->write_multi));
	return sizeof(version) + (size_t)len + 1;
}

static int read_twin(struct json *json, const struct json_name *name, void *arg)
{
	struct vfio_user_caps *caps = arg;

	if (json_named(name, "supported"))
		return json_bool(json, &caps->twin);
	if (json_named(name, "fd_index"))
		return json_u64(json, &caps->twin_fd_index);
	return json_skip(json);
}

static int read_cap(struct json *json, const struct json_name *name, void *arg)
{
	struct vfio_user_caps *caps = arg;

	if (json_named(name, "max_msg_fds"))
		return json_u64(json, &caps->max_msg_fds);
	if (json_named(name, "max_data_xfer_size"))
		return json_u64(json, &caps->max_xfer);
	if (json_named(name, "max_dma_maps"))
		return json_u64(json, &caps->max_dma_maps);
	if (json_named(name, "pgsizes"))
		return json_u64(json, &caps->pgsizes);
	if (json_named(name, "twin_socket"))
		return json_object(json, read_twin, caps);
	if (json_named(name, "write_multiple"))
		return json_bool(json, &caps->write_multi);
	return json_skip(json);
}

static int read_member(struct json *json, const struct json_name *name, void *arg)
{
	if (json_named(name, "capabilities"))
		return json_object(json, read_cap, arg);
	return json_skip(json);
}

static int read_text(struct vfio_user_caps *caps, const char *text, size_t len)
{
	struct json json = {.at = text, .end = text + len - 1};

	if (text[len - 1]) {
		log_error("the peer's capabilities have no terminator\n");
		return set_errno(EPROTO);
	}
	if (!json_object(&json, read_member, caps) && !json_end(&json))
		return 0;
	log_error("the peer's capabilities are not as they should be from byte %zd on: %.*s\n",
		  json.at - text, (int)len, text);
	return -1;
}

int vfio_user_version_read(struct vfio_user_caps *caps, const void *data, size_t len)
{
	struct vfio_user_version version;

	*caps = (struct vfio_user_caps){
		.max_msg_fds = VFIO_USER_DEFAULT_MSG_FDS,
		.max_xfer = VFIO_USER_DEFAULT_XFER,
		.max_dma_maps = VFIO_USER_DEFAULT_DMA_MAPS,
		.pgsizes = VFIO_USER_DEFAULT_PGSIZES,
		.twin_fd_index = VFIO_USER_NO_FD_INDEX,
	};
	if (len < sizeof(version)) {
		log_error("the peer's version is %zu bytes long, %zu are the least\n", len,
			  sizeof(version));
		return set_errno(EPROTO);
	}
	memcpy(&version, data, sizeof(version));
	caps->major = version.major;
	caps->minor = version.minor;
	len -= sizeof(version);
	return len ? read_text(caps, (const char *)data + sizeof(version), len) : 0;
}

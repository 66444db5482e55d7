/* SPDX-License-Identifier: MIT */
/*
 * Negotiation: what the two ends tell each other in the first message and its reply.
 *
 * Numbers are of what the sender takes; what it does not say is the specification's default. They
 * are a peer's, and as large or as small as it likes: who uses one, clips it to what it can use.
 */
#ifndef BELFRY_VFIO_USER_VERSION_H
#define BELFRY_VFIO_USER_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for what vfio_user_version_write() writes, whatever the numbers are. */
#define VFIO_USER_VERSION_ROOM 512

/* No file descriptor of the message is the second socket. */
#define VFIO_USER_NO_FD_INDEX UINT64_MAX

/**
 * struct vfio_user_caps - version and capabilities of one end
 * @major: version
 * @minor: version
 * @max_msg_fds: most file descriptors in one message
 * @max_xfer: most bytes of data in one message
 * @max_dma_maps: most mappings at a time
 * @pgsizes: page sizes that mappings may have, or'ed together
 * @twin: commands to the client have a socket of their own: command: can they; reply: do they
 * @twin_fd_index: reply: which file descriptor of the message is that socket, or
 *	VFIO_USER_NO_FD_INDEX
 * @write_multi: VFIO_USER_REGION_WRITE_MULTI is known
 */
struct vfio_user_caps {
	uint16_t major, minor;
	uint64_t max_msg_fds;
	uint64_t max_xfer;
	uint64_t max_dma_maps;
	uint64_t pgsizes;
	bool twin;
	uint64_t twin_fd_index;
	bool write_multi;
};

/**
 * vfio_user_version_write() - write the data of the message
 * @caps: what to say
 * @buf: out: the data, with the terminator
 *
 * Spec: vfio-user Protocol Specification, "VFIO_USER_VERSION".
 * Context: any.
 * Return: bytes of it.
 */
size_t vfio_user_version_write(const struct vfio_user_caps *caps,
			       unsigned char buf[VFIO_USER_VERSION_ROOM]);

/**
 * vfio_user_version_read() - read the data of the peer's message
 * @caps: out: what it says, and the defaults for what it does not
 * @data: the data
 * @len: bytes
 *
 * Members that are not known are skipped. That the versions fit is for the caller to see.
 *
 * Spec: as vfio_user_version_write().
 * Context: any.
 * Return: 0, or -1: EPROTO it is too short, not terminated, no valid JSON, or a member is not of its
 * type (logged). @caps may have been written to.
 */
int vfio_user_version_read(struct vfio_user_caps *caps, const void *data, size_t len);

#endif /* BELFRY_VFIO_USER_VERSION_H */

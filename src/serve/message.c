/* SPDX-License-Identifier: MIT */
/*
 * Commands of a client, one function each.
 *
 * Spec: vfio-user Protocol Specification, "Protocol Specification"; <linux/vfio.h>.
 */
#include <linux/vfio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <belfry/support/log.h>

#include "serve/message.h"
#include "serve/region.h"
#include "support/deadline.h"
#include "support/errno.h"

/* Copy what a command begins with; there may be more. */
static int take(const struct vfio_user_msg *msg, void *buf, size_t len)
{
	if (msg->len < len)
		return set_errno(EINVAL);
	memcpy(buf, msg->payload, len);
	return 0;
}

/* ---- the first message ---- */

static int check_version(const struct vfio_user_caps *peer)
{
	if (peer->major == VFIO_USER_MAJOR && peer->max_xfer)
		return 0;
	log_error("the client speaks version %u.%u, with %llu bytes in a message\n", peer->major,
		  peer->minor, (unsigned long long)peer->max_xfer);
	return set_errno(EPROTO);
}

/* A second socket for the device's commands. Its other end is @peer_fd, to be sent and closed. */
static int make_twin(struct conn *conn, int *peer_fd)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -1;
	vfio_user_sock_init(&conn->twin, fds[0], CONN_PAYLOAD_MAX, conn->timeout_ms);
	*peer_fd = fds[1];
	return 0;
}

static int hello_reply(struct serve *srv, const struct vfio_user_caps *peer)
{
	struct conn *conn = &srv->conn;
	struct vfio_user_caps caps = {
		.major = VFIO_USER_MAJOR,
		.minor = peer->minor < VFIO_USER_MINOR ? peer->minor : VFIO_USER_MINOR,
		.max_msg_fds = VFIO_USER_MSG_FDS,
		.max_xfer = CONN_XFER_MAX,
		.max_dma_maps = DMA_MAPS_MAX,
		.pgsizes = VFIO_USER_DEFAULT_PGSIZES,
		.twin = peer->twin && peer->max_msg_fds && !srv->options.no_twin,
		.twin_fd_index = VFIO_USER_NO_FD_INDEX,
		.write_multi = peer->write_multi,
	};
	unsigned char data[VFIO_USER_VERSION_ROOM];
	struct vfio_user_out out = {
		.id = conn->cmd.hdr.id,
		.cmd = VFIO_USER_VERSION,
		.flags = VFIO_USER_REPLY,
		.body = data,
	};
	int fd = -1, ret;

	if (caps.twin) {
		if (make_twin(conn, &fd))
			return -1;
		caps.twin_fd_index = 0;
		out.fds = &fd;
		out.nr_fds = 1;
	}
	out.body_len = vfio_user_version_write(&caps, data);
	ret = vfio_user_send(&conn->sock, &out);
	if (fd >= 0) {
		keep_errno();

		close(fd);
	}
	return ret;
}

int message_hello(struct serve *srv)
{
	struct conn *conn = &srv->conn;
	struct vfio_user_msg *msg = &conn->cmd;
	struct vfio_user_caps peer;

	if (vfio_user_recv(&conn->sock, msg, deadline_after_ms(conn->timeout_ms)))
		return -1;
	if (msg->hdr.cmd != VFIO_USER_VERSION ||
	    (msg->hdr.flags & VFIO_USER_TYPE) != VFIO_USER_COMMAND) {
		log_error("the client's first message is command %u, not the version\n",
			  msg->hdr.cmd);
		return set_errno(EPROTO);
	}
	if (vfio_user_version_read(&peer, msg->payload, msg->len) || check_version(&peer))
		return -1;
	if (peer.max_xfer < conn->xfer_max)
		conn->xfer_max = peer.max_xfer;
	return hello_reply(srv, &peer);
}

/* ---- DMA ---- */

static int run_dma_map(struct serve *srv, struct vfio_user_msg *msg)
{
	struct vfio_user_dma_map map;
	int fd;

	if (take(msg, &map, sizeof(map)) || msg->nr_fds > 1 ||
	    map.flags & ~(VFIO_USER_DMA_READABLE | VFIO_USER_DMA_WRITEABLE))
		return set_errno(EINVAL);
	fd = msg->nr_fds ? msg->fds[0] : -1;
	if (dma_add(&srv->dma,
		    &(struct serve_dma){
			    .iova = map.address,
			    .len = map.size,
			    .prot = (map.flags & VFIO_USER_DMA_READABLE ? SERVE_DMA_READ : 0) |
				    (map.flags & VFIO_USER_DMA_WRITEABLE ? SERVE_DMA_WRITE : 0),
		    },
		    fd, map.offset))
		return -1;
	vfio_user_reply(&srv->conn.sock, msg, NULL, 0, NULL, 0);
	return 0;
}

/* All mappings go with the flag that VFIO has for it, with no address and no size. */
static int run_dma_unmap(struct serve *srv, struct vfio_user_msg *msg)
{
	struct vfio_user_dma_unmap unmap;

	if (take(msg, &unmap, sizeof(unmap)) || unmap.argsz < sizeof(unmap))
		return set_errno(EINVAL);
	if (unmap.flags == VFIO_DMA_UNMAP_FLAG_ALL && !unmap.address && !unmap.size)
		dma_clear(&srv->dma);
	else if (unmap.flags)
		return set_errno(ENOTSUP);
	else if (dma_remove(&srv->dma, unmap.address, unmap.size))
		return -1;
	vfio_user_reply(&srv->conn.sock, msg, &unmap, sizeof(unmap), NULL, 0);
	return 0;
}

/* ---- what there is ---- */

static int run_device_info(struct serve *srv, struct vfio_user_msg *msg)
{
	struct vfio_user_device_info info;

	if (take(msg, &info, sizeof(info)) || info.argsz < sizeof(info))
		return set_errno(EINVAL);
	info = (struct vfio_user_device_info){
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		.nr_regions = VFIO_PCI_NUM_REGIONS,
		.nr_irqs = IRQ_NR_KINDS,
	};
	vfio_user_reply(&srv->conn.sock, msg, &info, sizeof(info), NULL, 0);
	return 0;
}

/* The reply for a region that can be mapped in part. */
struct mappable_info {
	struct vfio_user_region_info info;
	struct vfio_user_sparse sparse;
	struct vfio_user_area area;
};

/* A client that has not asked for enough learns how much that is, and asks again. QEMU refuses a
 * reply that has no place for the capabilities, even if they are not there yet. */
static int run_region_info(struct serve *srv, struct vfio_user_msg *msg)
{
	struct mappable_info reply = {.area = {.offset = 0}};
	struct vfio_user_region_info *info = &reply.info;
	const struct serve_bar *bar;
	struct vfio_user_out out = {
		.id = msg->hdr.id,
		.cmd = msg->hdr.cmd,
		.flags = VFIO_USER_REPLY,
		.body = &reply,
		.body_len = sizeof(*info),
	};
	uint32_t argsz;

	if (take(msg, info, sizeof(*info)) || info->argsz < sizeof(*info) ||
	    info->index >= VFIO_PCI_NUM_REGIONS)
		return set_errno(EINVAL);
	argsz = info->argsz;
	*info = (struct vfio_user_region_info){
		.argsz = sizeof(*info),
		.index = info->index,
		.size = region_size(srv, info->index),
	};
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	bar = region_mappable(srv, info->index);
	if (bar) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
		info->argsz = sizeof(reply);
		info->cap_offset = sizeof(*info);
	}
	if (bar && argsz >= sizeof(reply)) {
		reply.sparse.cap.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		reply.sparse.cap.version = 1;
		reply.sparse.nr_areas = 1;
		reply.area.offset = bar->map_off;
		reply.area.size = bar->map_len;
		out.body_len = sizeof(reply);
		out.fds = &bar->fd;
		out.nr_fds = 1;
	}
	if (!(msg->hdr.flags & VFIO_USER_NO_REPLY))
		vfio_user_send(&srv->conn.sock, &out);
	return 0;
}

static int run_irq_info(struct serve *srv, struct vfio_user_msg *msg)
{
	struct vfio_user_irq_info info;

	if (take(msg, &info, sizeof(info)) || info.argsz < sizeof(info) ||
	    info.index >= IRQ_NR_KINDS)
		return set_errno(EINVAL);
	info = (struct vfio_user_irq_info){
		.argsz = sizeof(info),
		.index = info.index,
		.count = irq_count(&srv->irqs, info.index),
	};
	if (info.count)
		info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX && info.count)
		info.flags |= VFIO_IRQ_INFO_AUTOMASKED;
	vfio_user_reply(&srv->conn.sock, msg, &info, sizeof(info), NULL, 0);
	return 0;
}

/* ---- interrupts ---- */

/* One eventfd for each, or none for all of them. */
static int set_eventfds(struct serve *srv, const struct vfio_user_irq_set *set,
			struct vfio_user_msg *msg)
{
	if ((set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return set_errno(ENOTSUP);
	if (!set->count || (msg->nr_fds && msg->nr_fds != set->count))
		return set_errno(EINVAL);
	for (uint32_t i = 0; i < set->count; i++) {
		int fd = msg->nr_fds ? vfio_user_msg_take_fd(msg, i) : -1;

		if (irq_tie(&srv->irqs, set->index, set->start + i, fd))
			return -1;
	}
	return 0;
}

static void act(struct serve *srv, const struct vfio_user_irq_set *set, uint32_t i)
{
	switch (set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) {
	case VFIO_IRQ_SET_ACTION_MASK:
		irq_mask(&srv->irqs, set->index, i, true);
		break;
	case VFIO_IRQ_SET_ACTION_UNMASK:
		irq_mask(&srv->irqs, set->index, i, false);
		break;
	default:
		irq_trigger(&srv->irqs, set->index, i);
	}
}

static int set_action(struct serve *srv, const struct vfio_user_irq_set *set,
		      const struct vfio_user_msg *msg)
{
	const unsigned char *wanted = msg->payload + sizeof(*set);
	bool some = set->flags & VFIO_IRQ_SET_DATA_BOOL;

	if (msg->nr_fds || (some && msg->len - sizeof(*set) < set->count))
		return set_errno(EINVAL);
	if (!set->count) {
		/* All of them, when nothing at all is said. */
		if (some || set->start ||
		    (set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
			return set_errno(EINVAL);
		irq_release(&srv->irqs, set->index);
		return 0;
	}
	for (uint32_t i = 0; i < set->count; i++)
		if (!some || wanted[i])
			act(srv, set, set->start + i);
	return 0;
}

static bool one_bit(uint32_t flags)
{
	return flags && !(flags & (flags - 1));
}

static int run_set_irqs(struct serve *srv, struct vfio_user_msg *msg)
{
	struct vfio_user_irq_set set;
	uint32_t nr;

	if (take(msg, &set, sizeof(set)) || set.index >= IRQ_NR_KINDS ||
	    set.flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK) ||
	    !one_bit(set.flags & VFIO_IRQ_SET_DATA_TYPE_MASK) ||
	    !one_bit(set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK))
		return set_errno(EINVAL);
	nr = irq_count(&srv->irqs, set.index);
	if (set.start > nr || set.count > nr - set.start)
		return set_errno(EINVAL);
	if (set.flags & VFIO_IRQ_SET_DATA_EVENTFD ? set_eventfds(srv, &set, msg)
						  : set_action(srv, &set, msg))
		return -1;
	vfio_user_reply(&srv->conn.sock, msg, NULL, 0, NULL, 0);
	return 0;
}

/* ---- accesses ---- */

static int take_access(const struct serve *srv, const struct vfio_user_msg *msg,
		       struct vfio_user_region_access *access)
{
	if (take(msg, access, sizeof(*access)) || access->count > CONN_XFER_MAX ||
	    !region_check(srv, access->region, access->offset, access->count))
		return set_errno(EINVAL);
	return 0;
}

/* The command is not needed any more when its room is filled with the data. */
static int run_region_read(struct serve *srv, struct vfio_user_msg *msg)
{
	struct vfio_user_region_access access;

	if (take_access(srv, msg, &access) ||
	    region_read(srv, access.region, access.offset, msg->payload, access.count))
		return -1;
	vfio_user_reply(&srv->conn.sock, msg, &access, sizeof(access), msg->payload, access.count);
	return 0;
}

static int run_region_write(struct serve *srv, struct vfio_user_msg *msg)
{
	struct vfio_user_region_access access;

	if (take_access(srv, msg, &access))
		return -1;
	if (msg->len - sizeof(access) != access.count)
		return set_errno(EINVAL);
	if (region_write(srv, access.region, access.offset, msg->payload + sizeof(access),
			 access.count))
		return -1;
	vfio_user_reply(&srv->conn.sock, msg, &access, sizeof(access), NULL, 0);
	return 0;
}

static bool multi_ok(const struct serve *srv, const struct vfio_user_one_write *one)
{
	return one->count <= sizeof(one->data) &&
	       region_check(srv, one->region, one->offset, one->count);
}

/* All of them are looked at before the first is done. */
static int run_write_multi(struct serve *srv, struct vfio_user_msg *msg)
{
	const struct vfio_user_one_write *writes =
		(const void *)(msg->payload + sizeof(struct vfio_user_write_multi));
	struct vfio_user_write_multi multi;

	if (take(msg, &multi, sizeof(multi)) || (msg->len - sizeof(multi)) % sizeof(*writes) ||
	    multi.nr != (msg->len - sizeof(multi)) / sizeof(*writes))
		return set_errno(EINVAL);
	for (uint64_t i = 0; i < multi.nr; i++)
		if (!multi_ok(srv, &writes[i]))
			return set_errno(EINVAL);
	for (uint64_t i = 0; i < multi.nr; i++)
		if (region_write(srv, writes[i].region, writes[i].offset, writes[i].data,
				 writes[i].count))
			return -1;
	vfio_user_reply(&srv->conn.sock, msg, &multi, sizeof(multi), NULL, 0);
	return 0;
}

static int run_reset(struct serve *srv, struct vfio_user_msg *msg)
{
	region_reset(srv);
	vfio_user_reply(&srv->conn.sock, msg, NULL, 0, NULL, 0);
	return 0;
}

/* As the kernel's VFIO says that a feature is not there. */
static int run_feature(struct serve *srv, struct vfio_user_msg *msg)
{
	(void)srv;
	(void)msg;
	return set_errno(ENOTTY);
}

static int (*const commands[])(struct serve *srv, struct vfio_user_msg *msg) = {
	[VFIO_USER_DMA_MAP] = run_dma_map,
	[VFIO_USER_DMA_UNMAP] = run_dma_unmap,
	[VFIO_USER_DEVICE_GET_INFO] = run_device_info,
	[VFIO_USER_DEVICE_GET_REGION_INFO] = run_region_info,
	[VFIO_USER_DEVICE_GET_IRQ_INFO] = run_irq_info,
	[VFIO_USER_DEVICE_SET_IRQS] = run_set_irqs,
	[VFIO_USER_REGION_READ] = run_region_read,
	[VFIO_USER_REGION_WRITE] = run_region_write,
	[VFIO_USER_DEVICE_RESET] = run_reset,
	[VFIO_USER_REGION_WRITE_MULTI] = run_write_multi,
	[VFIO_USER_DEVICE_FEATURE] = run_feature,
};

/* A reply that cannot be sent has ended the connection, which who waits for commands finds out. */
void message_run(struct serve *srv, struct vfio_user_msg *msg)
{
	size_t nr = sizeof(commands) / sizeof(commands[0]);
	int error;

	if (msg->hdr.cmd < nr && commands[msg->hdr.cmd]) {
		if (!commands[msg->hdr.cmd](srv, msg))
			return;
		error = errno;
	} else {
		error = ENOTSUP;
	}
	log_debug("command %u is refused: %s\n", msg->hdr.cmd, strerror(error));
	vfio_user_reply_error(&srv->conn.sock, msg, error ? error : EIO);
}

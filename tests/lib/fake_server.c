/* SPDX-License-Identifier: MIT */
/*
 * The server that does what it is told to. What goes wrong here ends the connection, and the test
 * sees that; nothing is asserted but in fake_start() and fake_stop(), which the test calls.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "dev.h"
#include "fake_server.h"
#include "support/deadline.h"
#include "vfio_user/version.h"

#define MAX_PAYLOAD (1024 * 1024 + 64)
#define PATIENCE_MS 10000

/* ---- replies, and what happens instead ---- */

static int send_raw(const struct fake *fake, const void *data, size_t len)
{
	return send(fake->main.fd, data, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

/* Until the client has gone, or the test has had enough. */
static int wait_for_end(const struct fake *fake)
{
	struct pollfd pfd = {.fd = fake->main.fd, .events = POLLRDHUP};

	while (!__atomic_load_n(&fake->stop, __ATOMIC_ACQUIRE) && poll(&pfd, 1, 10) == 0)
		;
	return -1;
}

static int send_many_fds(struct fake *fake, struct vfio_user_out *out)
{
	int fds[VFIO_USER_MSG_FDS + 5];

	for (size_t i = 0; i < ROWS(fds); i++)
		fds[i] = fake->bar_fd;
	out->fds = fds;
	out->nr_fds = ROWS(fds);
	return vfio_user_send(&fake->main, out);
}

/* The reply as bytes, for what is not quite one. */
static size_t as_bytes(const struct vfio_user_out *out, unsigned char *buf)
{
	struct vfio_user_header hdr = {
		.id = out->id,
		.cmd = out->cmd,
		.size = (uint32_t)(sizeof(hdr) + out->body_len + out->data_len),
		.flags = out->flags,
		.error = out->error,
	};

	memcpy(buf, &hdr, sizeof(hdr));
	if (out->body_len)
		memcpy(buf + sizeof(hdr), out->body, out->body_len);
	if (out->data_len)
		memcpy(buf + sizeof(hdr) + out->body_len, out->data, out->data_len);
	return hdr.size;
}

static int send_changed(struct fake *fake, const struct vfio_user_out *out, enum fake_fault fault)
{
	unsigned char buf[8192] = {};
	size_t len = as_bytes(out, buf);
	uint32_t size = (uint32_t)len;

	switch (fault) {
	case FAKE_CLOSE_INSIDE:
		(void)send_raw(fake, buf, len / 2);
		return -1;
	case FAKE_STOP_INSIDE:
		(void)send_raw(fake, buf, len / 2);
		return wait_for_end(fake);
	case FAKE_GARBAGE:
		memset(buf, 0xa5, sizeof(buf));
		return send_raw(fake, buf, 100);
	case FAKE_HUGE:
		size = UINT32_MAX;
		break;
	case FAKE_TINY:
		size = 15;
		break;
	case FAKE_SHORTER:
		size = (uint32_t)(len > 20 ? len - 4 : 16);
		len = size;
		break;
	case FAKE_LONGER:
		size = (uint32_t)(len + 4096);
		len = size;
		break;
	default: /* FAKE_INVERTED */
		for (size_t i = 16; i < len; i++)
			buf[i] = (unsigned char)~buf[i];
	}
	memcpy(buf + 4, &size, sizeof(size));
	return send_raw(fake, buf, len);
}

static int send_wrong(struct fake *fake, struct vfio_user_out *out)
{
	switch (fake->opts.fault) {
	case FAKE_CLOSE:
		return -1;
	case FAKE_STOP:
		return wait_for_end(fake);
	case FAKE_WRONG_ID:
		out->id ^= 0x5555;
		return vfio_user_send(&fake->main, out);
	case FAKE_WRONG_CMD:
		out->cmd ^= 1;
		return vfio_user_send(&fake->main, out);
	case FAKE_WRONG_TYPE:
		out->flags ^= 3;
		return vfio_user_send(&fake->main, out);
	case FAKE_REFUSE:
		*out = (struct vfio_user_out){
			.id = out->id,
			.cmd = out->cmd,
			.flags = VFIO_USER_REPLY | VFIO_USER_ERROR,
			.error = EIO,
		};
		return vfio_user_send(&fake->main, out);
	case FAKE_MANY_FDS:
		return send_many_fds(fake, out);
	case FAKE_TWICE:
		return vfio_user_send(&fake->main, out) || vfio_user_send(&fake->main, out) ? -1
											    : 0;
	default:
		return send_changed(fake, out, fake->opts.fault);
	}
}

/* One byte is another one, in one of four replies. */
static int send_random(const struct fake *fake, const struct vfio_user_out *out)
{
	size_t nr = 3 * (size_t)(fake->nr_log - 1);
	unsigned char buf[8192];
	size_t len = as_bytes(out, buf);

	if (nr + 3 <= fake->opts.change_len && fake->opts.change[nr + 2] % 4 == 0)
		buf[fake->opts.change[nr] % len] = fake->opts.change[nr + 1];
	return send_raw(fake, buf, len);
}

static int reply(struct fake *fake, const struct vfio_user_msg *msg, struct vfio_user_out *out)
{
	bool wrong = fake->opts.fault && fake->nr_log - 1 == fake->opts.fault_at;

	if (msg->hdr.flags & VFIO_USER_NO_REPLY)
		return wrong && fake->opts.fault == FAKE_CLOSE ? -1 : 0;
	out->id = msg->hdr.id;
	out->cmd = msg->hdr.cmd;
	out->flags |= VFIO_USER_REPLY;
	if (fake->opts.change && !out->nr_fds)
		return send_random(fake, out);
	return wrong ? send_wrong(fake, out) : vfio_user_send(&fake->main, out);
}

static int reply_with(struct fake *fake, const struct vfio_user_msg *msg, const void *body,
		      size_t len)
{
	struct vfio_user_out out = {.body = body, .body_len = len};

	return reply(fake, msg, &out);
}

static int refuse(struct fake *fake, const struct vfio_user_msg *msg, int err)
{
	struct vfio_user_out out = {.flags = VFIO_USER_ERROR, .error = (uint32_t)err};

	return reply(fake, msg, &out);
}

/* ---- commands ---- */

static int version(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct vfio_user_caps caps = {
		.minor = fake->opts.minor,
		.max_msg_fds = fake->opts.max_msg_fds ? fake->opts.max_msg_fds : 16,
		.max_xfer = 1024 * 1024,
		.max_dma_maps = fake->opts.max_dma_maps ? fake->opts.max_dma_maps : FAKE_MAPS,
		.pgsizes = 4096,
		.twin = fake->opts.twin,
		.twin_fd_index = fake->opts.twin ? 0 : VFIO_USER_NO_FD_INDEX,
	};
	unsigned char buf[VFIO_USER_VERSION_ROOM];
	struct vfio_user_out out = {.body = buf};
	int pair[2], ret;

	if (caps.max_msg_fds == FAKE_NO_FDS)
		caps.max_msg_fds = 0;
	out.body_len = vfio_user_version_write(&caps, buf);
	if (fake->opts.version) {
		memcpy(buf + 4, fake->opts.version, strlen(fake->opts.version) + 1);
		out.body_len = 4 + strlen(fake->opts.version) + 1;
	}
	if (!fake->opts.twin)
		return reply(fake, msg, &out);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	vfio_user_sock_init(&fake->twin, pair[0], MAX_PAYLOAD, PATIENCE_MS);
	out.fds = &pair[1];
	out.nr_fds = 1;
	ret = reply(fake, msg, &out);
	close(pair[1]);
	return ret;
}

static int device_info(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct vfio_user_device_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_PCI,
		.nr_regions = VFIO_PCI_NUM_REGIONS,
		.nr_irqs = VFIO_PCI_NUM_IRQS,
	};

	if (!fake->opts.no_reset)
		info.flags |= VFIO_DEVICE_FLAGS_RESET;
	return reply_with(fake, msg, &info, sizeof(info));
}

static int region_info(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct {
		struct vfio_user_region_info info;
		struct vfio_user_sparse sparse;
		struct vfio_user_area area;
	} data = {};
	struct vfio_user_out out = {.body = &data, .body_len = sizeof(data.info)};

	memcpy(&data.info, msg->payload, sizeof(data.info));
	data.info.argsz = sizeof(data.info);
	if (data.info.index == VFIO_PCI_CONFIG_REGION_INDEX)
		data.info.size = sizeof(fake->config);
	if (data.info.index == 0)
		data.info.size = FAKE_BAR_SIZE;
	if (data.info.size)
		data.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (data.info.index == 0 && fake->opts.mmap) {
		data.info.argsz = sizeof(data);
		data.info.flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
		data.info.cap_offset = sizeof(data.info);
		data.sparse.cap.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		data.sparse.cap.version = 1;
		data.sparse.nr_areas = 1;
		data.area = (struct vfio_user_area){FAKE_DOORBELLS, 0x1000};
		if (fake->opts.area.size)
			data.area = fake->opts.area;
		out.body_len = sizeof(data);
		out.fds = &fake->bar_fd;
		out.nr_fds = 1;
	}
	return reply(fake, msg, &out);
}

static int irq_info(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct vfio_user_irq_info info;

	memcpy(&info, msg->payload, sizeof(info));
	info.argsz = sizeof(info);
	info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE;
	info.count =
		info.index == VFIO_PCI_MSIX_IRQ_INDEX && !fake->opts.no_msix ? FAKE_VECTORS : 0;
	return reply_with(fake, msg, &info, sizeof(info));
}

static int set_irqs(struct fake *fake, struct vfio_user_msg *msg)
{
	struct vfio_user_irq_set set;

	memcpy(&set, msg->payload, sizeof(set));
	if (set.index != VFIO_PCI_MSIX_IRQ_INDEX || set.start > FAKE_VECTORS ||
	    set.count > FAKE_VECTORS - set.start || (msg->nr_fds && msg->nr_fds != set.count))
		return refuse(fake, msg, EINVAL);
	for (uint32_t i = 0; i < set.count; i++) {
		if (set.flags & VFIO_IRQ_SET_ACTION_UNMASK) {
			fake->unmasked[set.start + i] = true;
			continue;
		}
		if (fake->irqs[set.start + i] >= 0)
			close(fake->irqs[set.start + i]);
		fake->irqs[set.start + i] = msg->nr_fds ? vfio_user_msg_take_fd(msg, i) : -1;
	}
	return reply_with(fake, msg, NULL, 0);
}

static unsigned char *region(struct fake *fake, const struct vfio_user_region_access *access)
{
	size_t size = access->region == 0			       ? FAKE_BAR_SIZE
		      : access->region == VFIO_PCI_CONFIG_REGION_INDEX ? sizeof(fake->config)
								       : 0;

	if (access->offset > size || access->count > size - access->offset)
		return NULL;
	return (access->region ? fake->config : fake->bar) + access->offset;
}

static int region_read(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct vfio_user_region_access access;
	struct vfio_user_out out = {.body = &access, .body_len = sizeof(access)};

	memcpy(&access, msg->payload, sizeof(access));
	out.data = region(fake, &access);
	out.data_len = access.count;
	return out.data ? reply(fake, msg, &out) : refuse(fake, msg, EINVAL);
}

static int region_write(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct vfio_user_region_access access;
	unsigned char *at;

	memcpy(&access, msg->payload, sizeof(access));
	at = region(fake, &access);
	if (!at || msg->len != sizeof(access) + access.count)
		return refuse(fake, msg, EINVAL);
	memcpy(at, msg->payload + sizeof(access), access.count);
	return reply_with(fake, msg, &access, sizeof(access));
}

static int dma_map(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct fake_map *m = &fake->maps[fake->nr_maps];
	int prot = PROT_READ;

	if (fake->nr_maps == FAKE_MAPS)
		return refuse(fake, msg, ENOSPC);
	memcpy(&m->map, msg->payload, sizeof(m->map));
	m->mem = NULL;
	if (m->map.flags & VFIO_USER_DMA_WRITEABLE)
		prot |= PROT_WRITE;
	if (msg->nr_fds == 1) {
		m->mem = mmap(NULL, m->map.size, prot, MAP_SHARED, msg->fds[0],
			      (off_t)m->map.offset);
		if (m->mem == MAP_FAILED)
			return refuse(fake, msg, errno);
	}
	fake->nr_maps++;
	return reply_with(fake, msg, NULL, 0);
}

static void drop_map(struct fake *fake, unsigned int i)
{
	if (fake->maps[i].mem)
		munmap(fake->maps[i].mem, fake->maps[i].map.size);
	fake->maps[i] = fake->maps[--fake->nr_maps];
}

static int dma_unmap(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct vfio_user_dma_unmap unmap;

	memcpy(&unmap, msg->payload, sizeof(unmap));
	for (unsigned int i = 0; i < fake->nr_maps; i++) {
		if (fake->maps[i].map.address == unmap.address &&
		    fake->maps[i].map.size == unmap.size) {
			drop_map(fake, i);
			return reply_with(fake, msg, &unmap, sizeof(unmap));
		}
	}
	return refuse(fake, msg, ENOENT);
}

static int command(struct fake *fake, struct vfio_user_msg *msg)
{
	switch (msg->hdr.cmd) {
	case VFIO_USER_VERSION:
		return version(fake, msg);
	case VFIO_USER_DMA_MAP:
		return dma_map(fake, msg);
	case VFIO_USER_DMA_UNMAP:
		return dma_unmap(fake, msg);
	case VFIO_USER_DEVICE_GET_INFO:
		return device_info(fake, msg);
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		return region_info(fake, msg);
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return irq_info(fake, msg);
	case VFIO_USER_DEVICE_SET_IRQS:
		return set_irqs(fake, msg);
	case VFIO_USER_REGION_READ:
		return region_read(fake, msg);
	case VFIO_USER_REGION_WRITE:
		return region_write(fake, msg);
	case VFIO_USER_DEVICE_RESET:
		fake->resets++;
		return reply_with(fake, msg, NULL, 0);
	default:
		return refuse(fake, msg, EOPNOTSUPP);
	}
}

static void keep(struct fake *fake, const struct vfio_user_msg *msg)
{
	struct fake_msg *kept = &fake->log[fake->nr_log % FAKE_LOG];

	kept->hdr = msg->hdr;
	memset(kept->data, 0, sizeof(kept->data));
	memcpy(kept->data, msg->payload,
	       msg->len < sizeof(kept->data) ? msg->len : sizeof(kept->data));
	kept->nr_fds = msg->nr_fds;
	fake->nr_log++;
}

/* ---- connections ---- */

/* Replies of the client, where they have a socket of their own. */
static void *serve_twin(void *arg)
{
	struct fake *fake = arg;
	struct vfio_user_msg msg;

	if (vfio_user_msg_init(&msg, MAX_PAYLOAD))
		return NULL;
	while (!vfio_user_recv(&fake->twin, &msg, DEADLINE_NEVER) &&
	       !vfio_user_calls_reply(&fake->calls, &msg))
		;
	vfio_user_calls_fail(&fake->calls, ENODEV);
	vfio_user_msg_free(&msg);
	return NULL;
}

static int serve_one(struct fake *fake, struct vfio_user_msg *msg)
{
	int ret;

	if (vfio_user_recv(&fake->main, msg, DEADLINE_NEVER))
		return -1;
	if ((msg->hdr.flags & VFIO_USER_TYPE) == VFIO_USER_REPLY)
		return vfio_user_calls_reply(&fake->calls, msg);
	pthread_mutex_lock(&fake->lock);
	keep(fake, msg);
	ret = command(fake, msg);
	pthread_mutex_unlock(&fake->lock);
	return ret;
}

static void forget_client(struct fake *fake)
{
	pthread_mutex_lock(&fake->lock);
	while (fake->nr_maps)
		drop_map(fake, 0);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++) {
		if (fake->irqs[i] >= 0)
			close(fake->irqs[i]);
		fake->irqs[i] = -1;
		fake->unmasked[i] = false;
	}
	pthread_mutex_unlock(&fake->lock);
}

static void serve(struct fake *fake, int fd)
{
	struct vfio_user_msg msg;
	bool has_twin = false;

	if (vfio_user_msg_init(&msg, MAX_PAYLOAD))
		return;
	pthread_mutex_lock(&fake->lock);
	vfio_user_calls_init(&fake->calls);
	vfio_user_sock_init(&fake->main, fd, MAX_PAYLOAD, PATIENCE_MS);
	fake->twin.fd = -1;
	fake->nr_log = 0;
	fake->connected = true;
	pthread_mutex_unlock(&fake->lock);

	while (!__atomic_load_n(&fake->stop, __ATOMIC_ACQUIRE) && !serve_one(fake, &msg)) {
		if (fake->twin.fd >= 0 && !has_twin)
			has_twin = !pthread_create(&fake->twin_thread, NULL, serve_twin, fake);
	}

	vfio_user_calls_fail(&fake->calls, ENODEV);
	forget_client(fake);
	pthread_mutex_lock(&fake->lock);
	fake->connected = false;
	if (fake->twin.fd >= 0)
		vfio_user_sock_shutdown(&fake->twin);
	if (has_twin)
		pthread_join(fake->twin_thread, NULL);
	vfio_user_sock_close(&fake->twin);
	vfio_user_sock_close(&fake->main);
	vfio_user_calls_close(&fake->calls);
	pthread_mutex_unlock(&fake->lock);
	vfio_user_msg_free(&msg);
}

static void *serve_all(void *arg)
{
	struct fake *fake = arg;
	int fd;

	while (!__atomic_load_n(&fake->stop, __ATOMIC_ACQUIRE)) {
		fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve(fake, fd);
	}
	return NULL;
}

/* ---- for the test ---- */

static void fill_config(struct fake *fake)
{
	static const unsigned char head[] = {
		0xf4, 0x1a, 0x36, 0x1b, 0, 0, 0x10, 0, 1, 0x02, 0x08, 0x01, 0, 0, 0, 0, 4,
	};
	static const unsigned char msix[] = {
		PCI_CAP_ID_MSIX, 0, FAKE_VECTORS - 1, 0, 0x00, 0x20, 0, 0, 0x00, 0x30, 0, 0,
	};

	memset(fake->config, 0, sizeof(fake->config));
	memcpy(fake->config, head, sizeof(head));
	if (fake->opts.no_msix)
		return;
	fake->config[PCI_CAPABILITY_LIST] = FAKE_MSIX_CAP;
	memcpy(fake->config + FAKE_MSIX_CAP, msix, sizeof(msix));
}

void fake_start(struct fake *fake, const struct fake_opts *opts, const char *options)
{
	static unsigned int nr;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memset(fake, 0, sizeof(*fake));
	fake->opts = *opts;
	fake->main.fd = fake->twin.fd = -1;
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		fake->irqs[i] = -1;
	pthread_mutex_init(&fake->lock, NULL);
	snprintf(fake->path, sizeof(fake->path), "/tmp/belfry-fake-%d-%u", getpid(), nr++);
	snprintf(fake->name, sizeof(fake->name), "vfio-user:%s%s", fake->path, options);

	fake->bar_fd = memfd_create("bar", MFD_CLOEXEC);
	assert_true(fake->bar_fd >= 0);
	assert_int_equal(ftruncate(fake->bar_fd, FAKE_BAR_SIZE), 0);
	fake->bar = mmap(NULL, FAKE_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fake->bar_fd, 0);
	assert_ptr_not_equal(fake->bar, MAP_FAILED);
	if (opts->file_len) {
		munmap(fake->bar, FAKE_BAR_SIZE);
		fake->bar = mmap(NULL, FAKE_BAR_SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_int_equal(ftruncate(fake->bar_fd, (off_t)opts->file_len), 0);
	}
	fill_config(fake);

	fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(addr.sun_path, fake->path);
	unlink(fake->path);
	assert_int_equal(bind(fake->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fake->listen_fd, 4), 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, serve_all, fake), 0);
}

void fake_stop(struct fake *fake)
{
	__atomic_store_n(&fake->stop, true, __ATOMIC_RELEASE);
	/* It holds the lock while it stops in the middle of something, which ends by itself. */
	pthread_mutex_lock(&fake->lock);
	if (fake->connected)
		vfio_user_sock_shutdown(&fake->main);
	pthread_mutex_unlock(&fake->lock);
	shutdown(fake->listen_fd, SHUT_RDWR); /* ends accept() */
	pthread_join(fake->thread, NULL);
	close(fake->listen_fd);
	unlink(fake->path);
	munmap(fake->bar, FAKE_BAR_SIZE);
	close(fake->bar_fd);
	pthread_mutex_destroy(&fake->lock);
}

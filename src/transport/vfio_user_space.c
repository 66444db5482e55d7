/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of controllers in other processes. Each mapping is told to every server that has
 * joined: with the file that the memory is in, so that the server maps it too, or, where there is no
 * file, without one, and then the server asks for every byte.
 *
 * The table of mappings is read by the connections' threads, under a lock of its own that is never
 * held while a server is waited for: a server may finish its transfers before it answers an unmap.
 * So a mapping enters the table before any server is told of it, and leaves it after all of them have
 * answered. What a server asks for is looked up there, byte by byte, with the rights of the mapping.
 *
 * A server that will not unmap, or does not say that it has, is given up: the end of the connection
 * ends its mappings. A file cannot be taken away from it; that is what a program that shares its
 * memory trusts the server with.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/sys/tree.h>

#include <belfry/support/barrier.h>
#include <belfry/support/log.h>

#include "iommu/ctx.h"
#include "support/errno.h"
#include "support/pages.h"
#include "transport/vfio_user.h"
#include "vfio_user/wire.h"

#ifndef __unused /* BSD has it, and RB_GENERATE_STATIC() needs it */
#define __unused __attribute__((unused))
#endif

/* Memory that the servers reach. It does not change while it is in the table. */
struct mapping {
	RB_ENTRY(mapping) by_iova;
	uint64_t iova;
	size_t len;
	char *vaddr;
	uint32_t rights; /* VFIO_USER_DMA_* */
};

RB_HEAD(mapping_tree, mapping);

struct vu_space {
	struct iommu_ctx ctx;
	struct vu_conn *conns; /* that have joined; guarded by ctx.lock */
	uint64_t nr_mappings;  /* guarded by ctx.lock */
	pthread_mutex_t lock;  /* guards the tree; changes of it hold ctx.lock as well */
	struct mapping_tree mappings;
};

static int cmp_iova(const struct mapping *a, const struct mapping *b)
{
	return a->iova < b->iova ? -1 : a->iova > b->iova;
}

RB_GENERATE_STATIC(mapping_tree, mapping, by_iova, cmp_iova)

static struct mapping *find_locked(struct vu_space *space, uint64_t iova)
{
	struct mapping *m = RB_ROOT(&space->mappings);

	while (m && !(iova >= m->iova && iova - m->iova < m->len))
		m = iova < m->iova ? RB_LEFT(m, by_iova) : RB_RIGHT(m, by_iova);
	return m;
}

/* ---- what servers are told ---- */

/* The file that a server is given for a mapping, or -1 when it gets none. */
static int file_of(const struct vu_conn *conn, const struct mapping *m, uint64_t *offset)
{
	int fd;

	*offset = 0;
	if (!conn->opt->share || !conn->caps.max_msg_fds)
		return -1;
	fd = pages_fd(m->vaddr, m->len, m->rights & VFIO_USER_DMA_WRITEABLE, offset);
	if (fd < 0) {
		*offset = 0;
		log_debug("%s: %zu bytes at %p have no file of their own: DMA goes by messages\n",
			  conn->name, m->len, (void *)m->vaddr);
	}
	return fd;
}

static int tell_map(struct vu_conn *conn, const struct mapping *m)
{
	struct vfio_user_dma_map body = {
		.argsz = sizeof(body),
		.flags = m->rights,
		.address = m->iova,
		.size = m->len,
	};
	int ret, fd = file_of(conn, m, &body.offset);
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DMA_MAP,
			.body = &body,
			.body_len = sizeof(body),
			.fds = &fd,
			.nr_fds = fd >= 0},
	};

	ret = vu_call(conn, &call);
	{
		keep_errno();

		if (ret && !vu_conn_ended(conn))
			log_error(
				"%s: the server does not map %zu bytes %s a file at iova 0x%" PRIx64
				": %m%s\n",
				conn->name, m->len, fd >= 0 ? "of" : "without", m->iova,
				fd >= 0 ? ""
					: "; use memory of pgmap() or iommu_get_dmabuf(), which "
					  "has one");
		if (fd >= 0)
			close(fd);
	}
	return ret;
}

static void tell_unmap(struct vu_conn *conn, const struct mapping *m)
{
	struct vfio_user_dma_unmap body = {
		.argsz = sizeof(body), .address = m->iova, .size = m->len};
	struct vfio_user_dma_unmap reply = {};
	struct vfio_user_call call = {
		.out = {.cmd = VFIO_USER_DMA_UNMAP, .body = &body, .body_len = sizeof(body)},
		.reply = &reply,
		.room = sizeof(reply),
	};

	if (vu_conn_ended(conn))
		return;
	if (!vu_call_upto(conn, &call) &&
	    (!call.len || (call.len == sizeof(reply) && reply.address == m->iova)))
		return;
	if (!vu_conn_ended(conn))
		log_error("%s: the server does not unmap iova 0x%" PRIx64 ": given up\n",
			  conn->name, m->iova);
	vu_conn_end(conn, EPROTO);
}

/* ---- the backend ---- */

static struct vu_space *to_space(struct iommu_ctx *ctx)
{
	return (struct vu_space *)ctx;
}

static int check_room(const struct vu_space *space, const struct vu_conn *conn, uint64_t nr)
{
	if (nr <= conn->caps.max_dma_maps)
		return 0;
	log_error("%s: the server takes %" PRIu64 " mappings, there are %" PRIu64 "\n", conn->name,
		  conn->caps.max_dma_maps, space->nr_mappings);
	return set_errno(ENOSPC);
}

static bool any_left(const struct vu_space *space)
{
	const struct vu_conn *conn = space->conns;

	while (conn && vu_conn_ended(conn))
		conn = conn->next;
	return conn;
}

/* False where it refuses, or is gone and was the last. To those who remain, it had gone before. */
static bool told_map(const struct vu_space *space, struct vu_conn *conn, const struct mapping *m)
{
	return !tell_map(conn, m) || (vu_conn_ended(conn) && any_left(space));
}

/* Tell those who are there. If one refuses, those who were told before are told otherwise. */
static int tell_all(struct vu_space *space, const struct mapping *m)
{
	struct vu_conn *conn, *told;

	for (conn = space->conns; conn; conn = conn->next) {
		if (vu_conn_ended(conn))
			continue;
		if (check_room(space, conn, space->nr_mappings) || !told_map(space, conn, m))
			break;
	}
	if (!conn)
		return 0;
	{
		keep_errno();

		for (told = space->conns; told != conn; told = told->next)
			tell_unmap(told, m);
	}
	return -1;
}

static struct mapping *create(struct vu_space *space, void *vaddr, size_t len, iova_t iova,
			      unsigned long flags)
{
	struct mapping *m = malloc(sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct mapping){.iova = iova, .len = len, .vaddr = vaddr};
	if (!(flags & IOMMU_MAP_NOREAD))
		m->rights |= VFIO_USER_DMA_READABLE;
	if (!(flags & IOMMU_MAP_NOWRITE))
		m->rights |= VFIO_USER_DMA_WRITEABLE;

	pthread_mutex_lock(&space->lock);
	RB_INSERT(mapping_tree, &space->mappings, m);
	pthread_mutex_unlock(&space->lock);
	space->nr_mappings++;
	return m;
}

static void destroy(struct vu_space *space, struct mapping *m)
{
	keep_errno();

	pthread_mutex_lock(&space->lock);
	RB_REMOVE(mapping_tree, &space->mappings, m);
	pthread_mutex_unlock(&space->lock);
	space->nr_mappings--;
	free(m);
}

static int space_map(struct iommu_ctx *ctx, void *vaddr, size_t len, iova_t iova,
		     unsigned long flags)
{
	struct vu_space *space = to_space(ctx);
	struct mapping *m = create(space, vaddr, len, iova, flags);

	if (!m)
		return -1;
	if (!tell_all(space, m))
		return 0; /* NOLINT(clang-analyzer-unix.Malloc): the tree has it */
	destroy(space, m);
	return -1;
}

static int space_unmap(struct iommu_ctx *ctx, iova_t iova, size_t len)
{
	struct vu_space *space = to_space(ctx);
	struct mapping *m;

	(void)len; /* it is what was mapped */
	pthread_mutex_lock(&space->lock);
	m = find_locked(space, iova);
	pthread_mutex_unlock(&space->lock);

	for (struct vu_conn *conn = space->conns; conn; conn = conn->next)
		tell_unmap(conn, m);
	destroy(space, m);
	return 0;
}

static void space_close(struct iommu_ctx *ctx)
{
	struct vu_space *space = to_space(ctx);

	pthread_mutex_destroy(&space->lock);
	free(space);
}

static const struct iommu_backend_ops space_ops = {
	.name = "vfio-user",
	.shared = true,
	.map = space_map,
	.unmap = space_unmap,
	.close = space_close,
};

struct iommu_ctx *vu_space_create(void)
{
	struct vu_space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	if (iommu_ctx_init(&space->ctx, &space_ops, NULL, 0)) {
		keep_errno();

		free(space);
		return NULL;
	}
	pthread_mutex_init(&space->lock, NULL); /* cannot fail without attributes */
	RB_INIT(&space->mappings);
	return &space->ctx;
}

struct vu_space *vu_space_of(struct iommu_ctx *ctx)
{
	return ctx->ops == &space_ops ? to_space(ctx) : set_errno_null(EINVAL);
}

/* ---- who is there ---- */

int vu_space_join(struct vu_conn *conn)
{
	struct vu_space *space = conn->space;
	struct mapping *m;
	int ret;

	pthread_mutex_lock(&space->ctx.lock);
	ret = check_room(space, conn, space->nr_mappings);
	/* Nobody changes the tree meanwhile: that takes the lock of the address space. */
	for (m = RB_MIN(mapping_tree, &space->mappings); m && !ret;
	     m = RB_NEXT(mapping_tree, &space->mappings, m))
		ret = tell_map(conn, m);
	if (!ret) {
		conn->next = space->conns;
		space->conns = conn;
	}
	pthread_mutex_unlock(&space->ctx.lock);
	return ret;
}

void vu_space_leave(struct vu_conn *conn)
{
	struct vu_conn **link = &conn->space->conns;
	keep_errno();

	pthread_mutex_lock(&conn->space->ctx.lock);
	while (*link && *link != conn)
		link = &(*link)->next;
	if (*link)
		*link = conn->next;
	pthread_mutex_unlock(&conn->space->ctx.lock);
}

/* ---- what servers ask for ---- */

/* All of it is mapped, and for this. */
static int check_locked(struct vu_space *space, uint64_t iova, size_t len, uint32_t right)
{
	while (len) {
		const struct mapping *m = find_locked(space, iova);
		size_t left;

		if (!m)
			return set_errno(EFAULT);
		if (!(m->rights & right))
			return set_errno(EACCES);
		left = m->len - (iova - m->iova);
		if (left > len)
			left = len;
		iova += left;
		len -= left;
	}
	return 0;
}

/*
 * The two ends of a transfer, as a device makes it: by words where the memory is aligned, each after
 * the one before, and without anything that orders them with what the program's threads do but the
 * doorbell and the completion. ThreadSanitizer would see races in them, as it would in a device's;
 * volatile, because it looks at atomic accesses in any case.
 */
#define AS_A_DEVICE __attribute__((no_sanitize("thread"), noinline))

AS_A_DEVICE static void store(char *to, const char *from, size_t len)
{
	uint64_t word;
	size_t n;

	for (; len; len -= n, from += n, to += n) {
		n = len >= sizeof(word) && !((uintptr_t)to % sizeof(word)) ? sizeof(word) : 1;
		if (n == 1) {
			*(volatile char *)to = *from;
			continue;
		}
		memcpy(&word, from, sizeof(word));
		/* What came before is visible before this; the other side is the load of the
		 * phase of a completion. */
		dma_wmb();
		*(volatile uint64_t *)(void *)to = word;
	}
}

AS_A_DEVICE static void load(char *to, const char *from, size_t len)
{
	uint64_t word;
	size_t n;

	for (; len; len -= n, from += n, to += n) {
		n = len >= sizeof(word) && !((uintptr_t)from % sizeof(word)) ? sizeof(word) : 1;
		if (n == 1) {
			*to = *(const volatile char *)from;
			continue;
		}
		word = *(const volatile uint64_t *)(const void *)from;
		memcpy(to, &word, sizeof(word));
	}
}

/* The memory at @iova, which is checked, and how much of it is in one piece, @len at most. */
static char *piece_locked(struct vu_space *space, uint64_t iova, size_t len, size_t *n)
{
	const struct mapping *m = find_locked(space, iova);
	size_t left = m->len - (iova - m->iova);

	*n = left < len ? left : len;
	return m->vaddr + (iova - m->iova);
}

int vu_space_read(struct vu_space *space, uint64_t iova, void *buf, size_t len)
{
	char *to = buf;
	int ret;

	pthread_mutex_lock(&space->lock);
	ret = check_locked(space, iova, len, VFIO_USER_DMA_READABLE);
	for (size_t done = 0, n; !ret && done < len; done += n) {
		const char *from = piece_locked(space, iova + done, len - done, &n);

		load(to + done, from, n);
	}
	pthread_mutex_unlock(&space->lock);
	return ret;
}

int vu_space_write(struct vu_space *space, uint64_t iova, const void *buf, size_t len)
{
	const char *from = buf;
	int ret;

	pthread_mutex_lock(&space->lock);
	ret = check_locked(space, iova, len, VFIO_USER_DMA_WRITEABLE);
	for (size_t done = 0, n; !ret && done < len; done += n) {
		char *to = piece_locked(space, iova + done, len - done, &n);

		store(to, from + done, n);
	}
	pthread_mutex_unlock(&space->lock);
	return ret;
}

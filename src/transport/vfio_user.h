/* SPDX-License-Identifier: MIT */
/*
 * A controller in another process, from the inside: a connection, the address space that it shares
 * with others, its regions and its interrupts.
 *
 * The server is another program, and may be anybody's. What it says is checked where it comes in;
 * a lie, a silence or an end of the connection ends it for good: every call fails from then on, and
 * those that wait fail at once. No call waits longer than the time that the name sets.
 */
#ifndef BELFRY_TRANSPORT_VFIO_USER_H
#define BELFRY_TRANSPORT_VFIO_USER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/vfio/device.h>

#include "iommu/ctx.h"
#include "transport/transport.h"
#include "vfio_user/call.h"
#include "vfio_user/sock.h"
#include "vfio_user/version.h"

extern const struct transport_ops transport_vfio_user_ops;

/* Most data in one message that is taken, and offered to take. */
#define VU_MAX_XFER ((size_t)1 << 20)

struct vu_space;

/**
 * struct vu_options - what a name says after the path
 * @path: of the socket
 * @mmap: map regions where the server offers it; else everything goes by messages
 * @share: give the server the descriptors of memory that has one; else it asks for every byte
 * @twin: offer a socket of its own for the server's commands
 * @timeout_ms: for the reply to a command, and for a message to be sent
 */
struct vu_options {
	char *path;
	bool mmap, share, twin;
	uint32_t timeout_ms;
};

/**
 * struct vu_conn - a connection
 * @name: of the device, for messages
 * @opt: options of the name; the owner's
 * @main: socket of the client's commands, and of the server's where it has no other
 * @twin: socket of the server's commands; its fd is -1 without one
 * @caps: what the server can; within what this end can
 * @calls: commands that wait for their replies
 * @msg: what was received; the receiving thread's
 * @reply: room for what it answers
 * @thread: receives
 * @has_thread: it was started
 * @ended: the connection; set once, by any thread
 * @space: where what the server asks for is looked up; set before the thread starts
 * @next: next one of the address space; guarded by the lock of that
 */
struct vu_conn {
	const char *name;
	const struct vu_options *opt;
	struct vfio_user_sock main, twin;
	struct vfio_user_caps caps;
	struct vfio_user_calls calls;
	struct vfio_user_msg msg;
	unsigned char *reply;
	pthread_t thread;
	bool has_thread;
	bool ended;
	struct vu_space *space;
	struct vu_conn *next;
};

/**
 * struct vu_bar - a region
 * @size: bytes; 0 there is none
 * @flags: VFIO_REGION_INFO_FLAG_*
 * @fd: file to map, -1 for none
 * @offset: of the region in it
 * @areas: what can be mapped, checked to be inside of the region
 * @nr_areas: how many
 */
struct vu_bar {
	uint64_t size;
	uint32_t flags;
	int fd;
	uint64_t offset;
	struct vfio_user_area *areas;
	uint32_t nr_areas;
};

/**
 * struct vu_msix - where MSI-X is
 * @cap: offset of the capability in configuration space; 0 there is none
 * @bar: region of the vector table
 * @table: offset of it
 * @nr: vectors
 */
struct vu_msix {
	uint16_t cap;
	uint32_t bar;
	uint64_t table;
	uint32_t nr;
};

/**
 * struct vu_device - an open controller in another process
 * @tp: what the driver sees
 * @name: as it was opened
 * @opt: what the name says
 * @conn: connection to the server
 * @info: what the device is
 * @bars: BARs
 * @config_size: bytes of configuration space
 * @msix: where MSI-X is
 * @lock: guards the following, and lets one thread at a time set interrupts
 * @irq: the kind of interrupts in use
 * @tied: vectors that have an eventfd; irq.count of them
 * @nr_tied: how many of them
 * @mappings: what is mapped of regions
 * @words: private words that stand in for doorbells; NULL where they are mapped
 * @words_len: bytes of them
 */
struct vu_device {
	struct transport tp;
	char *name;
	struct vu_options opt;
	struct vu_conn conn;
	struct vfio_user_device_info info;
	struct vu_bar bars[PCI_STD_NUM_BARS];
	uint64_t config_size;
	struct vu_msix msix;
	pthread_mutex_t lock;
	struct vfio_user_irq_info irq;
	bool *tied;
	uint32_t nr_tied;
	struct bar_mapping *mappings;
	char *words;
	size_t words_len;
};

/* ---- connection: vfio_user_conn.c ---- */

/**
 * vu_conn_open() - connect, and agree on a version
 * @conn: out
 * @name: of the device, for messages; must outlive @conn
 * @opt: options; must outlive @conn
 * @space: address space that the server's requests are about; must outlive @conn
 *
 * Own: vu_conn_close(), also after an error.
 * Context: any thread; blocks, for the time of the options at most; starts a thread.
 * Return: 0, or -1 (logged): ENOENT, ECONNREFUSED nobody serves there, EACCES no permission,
 * ENAMETOOLONG the path, ETIMEDOUT no answer, EPROTO the server speaks something else, ENODEV it
 * closed the connection, or what socket(2) and the like give.
 */
int vu_conn_open(struct vu_conn *conn, const char *name, const struct vu_options *opt,
		 struct vu_space *space);

/**
 * vu_conn_close() - end a connection and its thread
 * @conn: connection; nobody uses it
 *
 * Context: any thread but its own; waits for that. errno is preserved.
 */
void vu_conn_close(struct vu_conn *conn);

/**
 * vu_conn_end() - give a connection up
 * @conn: connection; harmless when it has ended
 * @error: errno that every call on it fails with from now on, unless it has ended
 *
 * Context: any thread. errno is preserved.
 */
void vu_conn_end(struct vu_conn *conn, int error);

/**
 * vu_conn_ended() - has the connection ended
 * @conn: connection
 *
 * Context: any thread.
 * Return: true from then on.
 */
bool vu_conn_ended(const struct vu_conn *conn);

/**
 * vu_call_upto() - a command whose reply is of any size that there is room for
 * @conn: connection
 * @call: the command; the timeout is filled in
 *
 * Context: any thread but the connection's; blocks.
 * Return: as vfio_user_call().
 */
int vu_call_upto(struct vu_conn *conn, struct vfio_user_call *call);

/**
 * vu_call_lied() - the reply makes no sense: give the connection up
 * @conn: connection
 * @call: the command
 *
 * Context: any thread.
 * Return: -1: EPROTO (logged).
 */
int vu_call_lied(struct vu_conn *conn, const struct vfio_user_call *call);

/**
 * vu_call() - a command whose reply is of a known size
 * @conn: connection
 * @call: the command; the timeout is filled in
 *
 * Context: any thread but the connection's; blocks.
 * Return: as vfio_user_call(), EPROTO the reply is of another size (logged) and the connection has
 * ended.
 */
int vu_call(struct vu_conn *conn, struct vfio_user_call *call);

/**
 * vu_region_read() - read from a region by message
 * @conn: connection
 * @region: which
 * @off: offset
 * @buf: out
 * @len: bytes, some few
 *
 * Context: as vu_call().
 * Return: as vu_call(); EINVAL more than 64 bytes.
 */
int vu_region_read(struct vu_conn *conn, uint32_t region, uint64_t off, void *buf, uint32_t len);

/**
 * vu_region_write() - write to a region by message
 * @conn: connection
 * @region: which
 * @off: offset
 * @buf: data
 * @len: bytes
 *
 * Context: as vu_call().
 * Return: as vu_call().
 */
int vu_region_write(struct vu_conn *conn, uint32_t region, uint64_t off, const void *buf,
		    uint32_t len);

/**
 * vu_region_post() - write to a region by message, and do not wait for it to be done
 * @conn: connection
 * @region: which
 * @off: offset
 * @buf: data
 * @len: bytes
 *
 * What is read or written later comes after it.
 *
 * Context: any thread; blocks when the server is behind. errno is preserved.
 */
void vu_region_post(struct vu_conn *conn, uint32_t region, uint64_t off, const void *buf,
		    uint32_t len);

/* ---- address space: vfio_user_space.c ---- */

/**
 * vu_space_create() - an address space that no server knows of
 *
 * Context: any thread.
 * Return: one reference to it, or NULL: ENOMEM.
 */
struct iommu_ctx *vu_space_create(void);

/**
 * vu_space_of() - the same, as this file knows it
 * @ctx: any address space
 *
 * Context: any thread.
 * Return: it, or NULL: EINVAL it is of another kind.
 */
struct vu_space *vu_space_of(struct iommu_ctx *ctx);

/**
 * vu_space_join() - let a server reach all that is mapped, and will be
 * @conn: connection
 *
 * Context: any thread but the connection's; blocks; takes the lock of the address space.
 * Return: 0, or -1: ENOSPC it takes fewer mappings than there are (logged), or as vu_call().
 */
int vu_space_join(struct vu_conn *conn);

/**
 * vu_space_leave() - undo vu_space_join(); the server forgets its mappings when the connection ends
 * @conn: connection; harmless when it has not joined
 *
 * Context: any thread; takes the lock of the address space. errno is preserved.
 */
void vu_space_leave(struct vu_conn *conn);

/**
 * vu_space_read() - memory as the device sees it
 * @space: address space
 * @iova: first byte
 * @buf: out
 * @len: bytes
 *
 * Context: any thread; takes a lock that is held for copying only.
 * Return: 0, or -1: EFAULT some of it is not mapped, EACCES not for reading. On error @buf may have
 * been written to.
 */
int vu_space_read(struct vu_space *space, uint64_t iova, void *buf, size_t len);

/**
 * vu_space_write() - write to memory as the device sees it
 * @space: address space
 * @iova: first byte
 * @buf: data
 * @len: bytes
 *
 * Aligned words of 8 bytes become visible in the order of their addresses: a completion's phase not
 * before the rest of it.
 *
 * Context: as vu_space_read().
 * Return: 0, or -1 and nothing was written: EFAULT some of it is not mapped, EACCES not for writing.
 */
int vu_space_write(struct vu_space *space, uint64_t iova, const void *buf, size_t len);

/* ---- regions and configuration space: vfio_user_bar.c ---- */

/**
 * vu_bars_init() - learn about the regions, and give the BARs addresses, as firmware would
 * @dev: device whose connection is open
 * @pci: out: what the regions are
 *
 * Own: vu_bars_close(), also after an error.
 * Context: any thread; blocks.
 * Return: 0, or -1 with errno: EPROTO what the server says makes no sense (logged).
 */
int vu_bars_init(struct vu_device *dev, struct vfio_pci_device *pci);

/**
 * vu_bars_enable() - set the BARs' addresses, memory space and bus mastering
 * @dev: device, as after a reset
 *
 * Context: any thread; blocks.
 * Return: 0, or -1 with errno.
 */
int vu_bars_enable(struct vu_device *dev);

/**
 * vu_bars_close() - unmap all that is mapped
 * @dev: device
 *
 * Context: any thread. errno is preserved.
 */
void vu_bars_close(struct vu_device *dev);

/**
 * vu_bar_map() - map part of a BAR
 * @dev: device
 * @bar: which
 * @off: first byte
 * @len: in: bytes wanted; out: bytes there are
 *
 * Own: vu_bar_unmap(), or vu_bars_close().
 * Context: any thread; allocates.
 * Return: pointer to the first byte, or NULL: EINVAL no such BAR or not in it; ENOTSUP it cannot be
 * mapped there, or is not to be.
 */
void *vu_bar_map(struct vu_device *dev, int bar, uint64_t off, size_t *len);

/**
 * vu_bar_unmap() - undo vu_bar_map()
 * @dev: device
 * @ptr: what it returned; anything else does nothing
 *
 * Context: any thread. errno is preserved.
 */
void vu_bar_unmap(struct vu_device *dev, void *ptr);

/**
 * vu_config_read16() - read a word of configuration space
 * @dev: device
 * @off: offset
 * @val: out
 *
 * Context: as vu_call().
 * Return: as vu_call(); EINVAL beyond its end.
 */
int vu_config_read16(struct vu_device *dev, uint64_t off, uint16_t *val);

/**
 * vu_config_change16() - change bits of a word of configuration space
 * @dev: device
 * @off: offset
 * @clear: bits to clear
 * @set: bits to set
 *
 * Context: as vu_call().
 * Return: as vu_config_read16().
 */
int vu_config_change16(struct vu_device *dev, uint64_t off, uint16_t clear, uint16_t set);

/* ---- interrupts: vfio_user_irq.c ---- */

/**
 * vu_irqs_init() - pick the kind of interrupts
 * @dev: device whose regions are known
 *
 * Own: vu_irqs_close(), also after an error.
 * Context: any thread; blocks.
 * Return: 0, or -1 with errno.
 */
int vu_irqs_init(struct vu_device *dev);

/**
 * vu_irqs_close() - forget about interrupts; the server does when the connection ends
 * @dev: device
 *
 * Context: any thread.
 */
void vu_irqs_close(struct vu_device *dev);

/**
 * vu_irqs_set() - tie vectors to eventfds, and unmask them
 * @dev: device
 * @start: first vector
 * @count: how many; checked to be inside
 * @fds: eventfds, -1 for none; NULL for none at all
 *
 * Context: any thread; blocks.
 * Return: 0, or -1: as vu_call(); some of them may be tied then.
 */
int vu_irqs_set(struct vu_device *dev, int start, int count, const int *fds);

/**
 * vu_irqs_restore() - after a reset of the device, unmask what is tied
 * @dev: device
 *
 * Context: any thread; blocks.
 * Return: as vu_irqs_set().
 */
int vu_irqs_restore(struct vu_device *dev);

/**
 * vu_irqs_rearm() - let an interrupt of the pin (INTx) signal again
 * @dev: device
 *
 * Context: any thread; blocks where the pin is in use, and returns at once where not.
 * Return: as vu_irqs_set().
 */
int vu_irqs_rearm(struct vu_device *dev);

#endif /* BELFRY_TRANSPORT_VFIO_USER_H */

/* SPDX-License-Identifier: MIT */
/*
 * Serving a controller to another process: a PCI function behind a vfio-user socket, for QEMU, for
 * the vfio-user: transport of this library, or for any other client of that protocol. docs/vfio-user.md
 * is the guide.
 *
 * serve_emu() serves an emulated controller. serve_open() serves a device of the program's own, which
 * is a table of functions and a description; the server does what is not the device's: the socket and
 * its one client at a time, configuration space with its capabilities, the MSI-X table, masking, the
 * memory that the client shares, bus mastering, resets.
 *
 * A server has a thread, which makes all calls into the device. Everything that the client sends is
 * checked before the device sees it: offsets and lengths are within the BAR, vectors exist. When the
 * client goes, however it goes, its memory is taken from the device, the device is reset, and the
 * next client is served.
 *
 * A client can take away memory that it has shared, by truncating the file; the next access would
 * end the process with SIGBUS. So the first memory that a client shares sets a handler for SIGBUS,
 * for the whole process: it puts zeros in place of such memory and gives up the client. Other SIGBUS
 * are handed on to the handler that was there before.
 */
#ifndef BELFRY_SERVE_H
#define BELFRY_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct emu_ctrl;
struct serve;

/* Rights of the device in the client's memory. */
#define SERVE_DMA_READ	(1u << 0)
#define SERVE_DMA_WRITE (1u << 1)

#define SERVE_NR_BARS 6

/**
 * struct serve_dma - memory of the client's
 * @iova: where it is for the device, a multiple of 4096
 * @len: bytes, a multiple of 4096
 * @mem: where it is in this process; NULL: only serve_dma_read() and serve_dma_write() reach it
 * @prot: of SERVE_DMA_READ and SERVE_DMA_WRITE
 */
struct serve_dma {
	uint64_t iova;
	uint64_t len;
	void *mem;
	unsigned int prot;
};

/**
 * struct serve_bar - a BAR of memory
 * @size: bytes, a power of two from 4096 to 2^46; 0: there is no such BAR
 * @wide: 64 bits, takes the place of the next one, too
 * @prefetchable: reading has no side effects
 * @fd: file with the same offsets that the client may map a part of, or -1; stays the device's
 * @map_off: begin of that part, a multiple of the page size
 * @map_len: bytes of it, likewise
 */
struct serve_bar {
	uint64_t size;
	bool wide, prefetchable;
	int fd;
	uint64_t map_off, map_len;
};

/**
 * struct serve_pci - what the PCI function looks like
 * @vid: vendor
 * @did: device
 * @subsys_vid: subsystem's vendor
 * @subsys_did: subsystem
 * @class_code: 24 bits, e.g. 010802h
 * @revision: revision
 * @nr_vectors: MSI-X vectors, 0 to 2048; with 0 there is no MSI-X
 * @msix_bar: BAR of the MSI-X table, which is the server's, all of it: its size is to be 0 in @bars
 * @intx: there is an interrupt pin
 * @bars: BARs
 */
struct serve_pci {
	uint16_t vid, did;
	uint16_t subsys_vid, subsys_did;
	uint32_t class_code;
	uint8_t revision;
	unsigned int nr_vectors;
	unsigned int msix_bar;
	bool intx;
	struct serve_bar bars[SERVE_NR_BARS];
};

/**
 * struct serve_ops - a device
 * @read: read @len bytes at @off of BAR @bar, which are within it, to @buf. The length is what the
 *	client asked for: 1, 2, 4 and 8 are what processors do. 0, or -1 with errno, which the client
 *	gets
 * @write: likewise, the other way
 * @dma_map: the device may use @dma from now on. 0, or -1 with errno: it cannot. May be NULL
 * @dma_unmap: take it away again: when it returns, the device has stopped using it. NULL if and
 *	only if @dma_map is
 * @set_irq: tie @vector to the eventfd @fd, -1 for none; while @masked, remember instead of
 *	signalling, and signal then. What is pending is forgotten when @fd changes to -1. NULL: the
 *	device calls serve_irq()
 * @irq_pending: was @vector to be signalled while masked. NULL if and only if @set_irq is
 * @intx_level: is the interrupt pin asserted. The server asks after vector 0 was signalled or
 *	serve_irq() was called for it, and when the client unmasks the pin. A
 *	device that would have to wait for the client says no, and signals vector 0 later if it is.
 *	NULL if there is no pin
 * @reset: function-level reset; when it returns the device uses no memory of the client's
 * @close: the end of the device, after the last call of any other. May be NULL
 *
 * The first argument of each is @dev as given to serve_open(). All are called by the server's thread
 * but @close, which serve_close() calls, and @reset and @set_irq of nothing, which both do.
 */
struct serve_ops {
	int (*read)(void *dev, unsigned int bar, uint64_t off, void *buf, size_t len);
	int (*write)(void *dev, unsigned int bar, uint64_t off, const void *buf, size_t len);
	int (*dma_map)(void *dev, const struct serve_dma *dma);
	void (*dma_unmap)(void *dev, const struct serve_dma *dma);
	void (*set_irq)(void *dev, unsigned int vector, int fd, bool masked);
	bool (*irq_pending)(void *dev, unsigned int vector);
	bool (*intx_level)(void *dev);
	void (*reset)(void *dev);
	void (*close)(void *dev);
};

/**
 * struct serve_options - how to serve; all zero is a good choice
 * @no_mmap: the client cannot map the BARs: every access is a message
 * @no_shared_dma: file descriptors of memory are not used: all DMA is by message
 * @no_twin: commands to the client go through the one socket, even if it could have two
 * @timeout_ms: a client that does not answer, or stops in the middle of a message, is given up
 *	after so long; 0: 10000
 * @dma_max: most bytes of memory that a client may have mapped at a time; 0: 2^38, 256 GiB. The
 *	emulated controller needs a 512th part of it for its table
 * @sleep_us: serve_emu(): how long the controller sleeps at most before it looks at doorbells that
 *	the client has mapped, 100 to 8000; 0: 1000
 */
struct serve_options {
	bool no_mmap;
	bool no_shared_dma;
	bool no_twin;
	unsigned int timeout_ms;
	uint64_t dma_max;
	unsigned int sleep_us;
};

/**
 * serve_open() - make a server for a device of one's own
 * @pci: what it looks like; copied
 * @ops: what it does; must stay
 * @dev: first argument of @ops
 * @options: how, or NULL; copied
 *
 * Clients come through serve_listen() or serve_connect().
 *
 * Own: serve_close(). @dev is the server's until then; when opening fails it is the caller's.
 * Spec: vfio-user Protocol Specification, version 0.1 (QEMU, docs/interop/vfio-user.rst).
 * Context: any thread; starts one.
 * Return: the server, or NULL: EINVAL @pci or @ops make no sense (logged), ENOMEM, or what
 *	eventfd(2) and pthread_create(3) give.
 */
struct serve *serve_open(const struct serve_pci *pci, const struct serve_ops *ops, void *dev,
			 const struct serve_options *options);

/**
 * serve_emu() - make a server for an emulated controller
 * @name: "emu:OPTIONS", see docs/emu.md
 * @options: how, or NULL; copied
 *
 * Own: serve_close(), which flushes the namespaces' files.
 * Context: any thread; starts two.
 * Return: the server, or NULL: EINVAL @name is none of an emulated controller or has an option that
 *	is not known (logged), or as serve_open().
 */
struct serve *serve_emu(const char *name, const struct serve_options *options);

/**
 * serve_listen() - let clients come through a socket
 * @srv: server
 * @path: where it is made, with mode 0600. A socket that nobody listens on any more is replaced
 *
 * Context: any thread, once.
 * Return: 0, or -1: EADDRINUSE a server listens at @path (logged), EEXIST something else is there
 *	(logged), ENAMETOOLONG (logged), EALREADY @srv listens already, or what open(2), socket(2)
 *	and bind(2) give (logged).
 */
int serve_listen(struct serve *srv, const char *path);

/**
 * serve_emu_ctrl() - the emulated controller that is served
 * @srv: server
 *
 * Own: the controller ends with the server.
 * Context: any thread.
 * Return: the controller, for the functions of <belfry/emu.h>, or NULL: ENODEV another is served.
 */
struct emu_ctrl *serve_emu_ctrl(const struct serve *srv);

/**
 * serve_connect() - serve a client on a socket that is connected already
 * @srv: server
 * @fd: UNIX stream socket
 *
 * Own: @fd is the server's from now on.
 * Context: any thread but the server's and the device's; waits until the client before it has gone.
 */
void serve_connect(struct serve *srv, int fd);

/**
 * serve_close() - end a server
 * @srv: server, or NULL
 *
 * The client is given up, the device is reset and closed, the socket removed.
 *
 * Context: any thread but the server's and the device's; nobody else may use @srv any more.
 */
void serve_close(struct serve *srv);

/**
 * serve_dma_read() - read from the client's memory
 * @srv: server
 * @iova: device address
 * @buf: out
 * @len: bytes; may cross from one mapping to the next
 *
 * Context: any thread of the device's; may send messages and wait for the answers, @timeout_ms for
 *	each at most.
 * Return: 0, or -1: EFAULT not mapped so, bus mastering is off, or the client refuses; ENODEV the
 *	client is gone, ETIMEDOUT it does not answer, EPROTO its answer is none. @buf may have been
 *	written to.
 */
int serve_dma_read(struct serve *srv, uint64_t iova, void *buf, size_t len);

/**
 * serve_dma_write() - write to the client's memory
 * @srv: server
 * @iova: device address
 * @buf: data
 * @len: bytes; may cross from one mapping to the next
 *
 * Context: as serve_dma_read().
 * Return: as serve_dma_read(); a part may have been written.
 */
int serve_dma_write(struct serve *srv, uint64_t iova, const void *buf, size_t len);

/**
 * serve_irq() - signal an interrupt vector of a device without set_irq
 * @srv: server
 * @vector: vector of MSI-X; 0 also stands for the pin, when that is what the client uses
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL no such vector, or the device has set_irq.
 */
int serve_irq(struct serve *srv, unsigned int vector);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SERVE_H */

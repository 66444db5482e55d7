/* SPDX-License-Identifier: MIT */
/*
 * A vfio-user server that does what it is told to: a PCI function with registers that only hold what
 * is written to them, which answers every message as it should, but for one, at which it lies, stops
 * or goes. It keeps what it was sent, for the test to look at, and asks the client for memory when the
 * test wants that.
 *
 * It serves one client at a time, in a thread of its own.
 */
#ifndef BELFRY_TESTS_LIB_FAKE_SERVER_H
#define BELFRY_TESTS_LIB_FAKE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/call.h"
#include "vfio_user/sock.h"
#include "vfio_user/wire.h"

/* BAR 0: registers, doorbells, the table of MSI-X, its pending bits. */
#define FAKE_BAR_SIZE	0x4000u
#define FAKE_DOORBELLS	0x1000u
#define FAKE_MSIX_TABLE 0x2000u
#define FAKE_MSIX_PBA	0x3000u
#define FAKE_VECTORS	4u
#define FAKE_MSIX_CAP	0x40u

/* Messages that are kept, and mappings. */
#define FAKE_LOG  512
#define FAKE_MAPS 64

/**
 * enum fake_fault - what happens instead of a reply
 * @FAKE_NONE: nothing, it is sent
 * @FAKE_CLOSE: the connection is closed
 * @FAKE_CLOSE_INSIDE: it is closed after half of the reply
 * @FAKE_STOP: nothing is sent, and nothing received
 * @FAKE_STOP_INSIDE: the same, after half of the reply
 * @FAKE_GARBAGE: bytes that are no message
 * @FAKE_HUGE: a header that announces 4 GiB
 * @FAKE_TINY: a header that announces fewer bytes than it has
 * @FAKE_WRONG_ID: of another command
 * @FAKE_WRONG_CMD: to another command
 * @FAKE_WRONG_TYPE: neither command nor reply
 * @FAKE_SHORTER: the last bytes are missing, the header knows
 * @FAKE_LONGER: with more data than there can be
 * @FAKE_INVERTED: all bits of the data are wrong
 * @FAKE_REFUSE: an error
 * @FAKE_MANY_FDS: more file descriptors with it than anybody takes
 * @FAKE_TWICE: two of the same
 * @FAKE_FAULTS: how many there are
 */
enum fake_fault {
	FAKE_NONE,
	FAKE_CLOSE,
	FAKE_CLOSE_INSIDE,
	FAKE_STOP,
	FAKE_STOP_INSIDE,
	FAKE_GARBAGE,
	FAKE_HUGE,
	FAKE_TINY,
	FAKE_WRONG_ID,
	FAKE_WRONG_CMD,
	FAKE_WRONG_TYPE,
	FAKE_SHORTER,
	FAKE_LONGER,
	FAKE_INVERTED,
	FAKE_REFUSE,
	FAKE_MANY_FDS,
	FAKE_TWICE,
	FAKE_FAULTS,
};

/**
 * struct fake_opts - what the server is like
 * @version: text instead of its capabilities; NULL for those that fit the rest
 * @minor: of the version
 * @max_msg_fds: capability; 0 for 16, FAKE_NO_FDS for none
 * @max_dma_maps: capability; 0 for FAKE_MAPS
 * @twin: it uses a second socket
 * @mmap: doorbells can be mapped
 * @no_reset: it cannot be reset
 * @no_msix: it has no interrupts
 * @file_len: bytes of the file behind BAR 0; 0 for all of it
 * @area: the area that can be mapped; size 0 for the page of the doorbells
 * @fault: what it does wrong
 * @fault_at: number of the message, from 0
 * @change: three bytes for each reply change one of its bytes: where, to what, and whether at all
 * @change_len: bytes of that; replies beyond are right
 */
struct fake_opts {
	const char *version;
	uint16_t minor;
	uint64_t max_msg_fds;
	uint64_t max_dma_maps;
	bool twin, mmap, no_reset, no_msix;
	size_t file_len;
	struct vfio_user_area area;
	enum fake_fault fault;
	unsigned int fault_at;
	const unsigned char *change;
	size_t change_len;
};

#define FAKE_NO_FDS UINT64_MAX

/**
 * struct fake_msg - a message that came
 * @hdr: header
 * @data: first bytes of what followed
 * @nr_fds: file descriptors that came with it
 */
struct fake_msg {
	struct vfio_user_header hdr;
	unsigned char data[64];
	unsigned int nr_fds;
};

/**
 * struct fake_map - memory of the client
 * @map: as it was told
 * @mem: the memory, mapped; NULL when it came without a file
 */
struct fake_map {
	struct vfio_user_dma_map map;
	unsigned char *mem;
};

/**
 * struct fake - the server
 * @opts: what it is like; the test may change it while no client is there
 * @path: of the socket
 * @name: of the device
 * @bar: BAR 0
 * @config: configuration space
 * @log: what came
 * @nr_log: how many
 * @maps: the client's memory
 * @nr_maps: how many
 * @irqs: eventfds of the vectors, -1 for none
 * @unmasked: vectors that were unmasked by command
 * @resets: how often it was reset
 * @main: private, like all that follows
 *
 * All but @opts is guarded by @lock while a client is there.
 */
struct fake {
	struct fake_opts opts;
	char path[108];
	char name[160];
	unsigned char *bar;
	unsigned char config[256];
	struct fake_msg log[FAKE_LOG];
	unsigned int nr_log;
	struct fake_map maps[FAKE_MAPS];
	unsigned int nr_maps;
	int irqs[FAKE_VECTORS];
	bool unmasked[FAKE_VECTORS];
	unsigned int resets;

	struct vfio_user_sock main, twin;
	struct vfio_user_calls calls;
	pthread_mutex_t lock;
	pthread_t thread, twin_thread;
	int listen_fd, bar_fd;
	bool stop, connected;
};

/**
 * fake_start() - start a server
 * @fake: out
 * @opts: what it is like
 * @options: of the client, behind the path in the name: "" or ",twin=off"
 */
void fake_start(struct fake *fake, const struct fake_opts *opts, const char *options);

/**
 * fake_stop() - stop it; a client that is there loses it
 * @fake: server
 */
void fake_stop(struct fake *fake);

/**
 * fake_find() - a message that came
 * @fake: server
 * @cmd: command
 * @nth: which of those, from 0
 *
 * Return: it, or NULL.
 */
const struct fake_msg *fake_find(struct fake *fake, uint16_t cmd, unsigned int nth);

/**
 * fake_dma_read() - ask the client for memory
 * @fake: server
 * @iova: where
 * @buf: out
 * @len: bytes
 *
 * Return: 0, or -1 with errno.
 */
int fake_dma_read(struct fake *fake, uint64_t iova, void *buf, size_t len);

/**
 * fake_dma_write() - have the client write to memory
 * @fake: server
 * @iova: where
 * @buf: data
 * @len: bytes
 *
 * Return: 0, or -1 with errno.
 */
int fake_dma_write(struct fake *fake, uint64_t iova, const void *buf, size_t len);

/**
 * fake_ask() - send the client any command, and wait for the reply
 * @fake: server
 * @cmd: command
 * @body: data
 * @len: bytes
 *
 * Return: 0, or -1 with errno, that of the reply where it has one.
 */
int fake_ask(struct fake *fake, uint16_t cmd, const void *body, size_t len);

#endif /* BELFRY_TESTS_LIB_FAKE_SERVER_H */

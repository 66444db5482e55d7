/* SPDX-License-Identifier: MIT */
/*
 * A client of a vfio-user server that sends what it is told to, right or wrong: a socket and bytes.
 * It knows none of the library's own code for the protocol, so that the two cannot agree on a
 * mistake. All of it fails the test when the server does not answer within some seconds.
 */
#ifndef BELFRY_TESTS_LIB_VU_CLIENT_H
#define BELFRY_TESTS_LIB_VU_CLIENT_H

#include "test.h"

#include <stdbool.h>

#include <belfry/serve.h>

#define VU_ROOM (2u << 20)

/* Commands and flags, as the specification numbers them. */
enum {
	VU_VERSION = 1,
	VU_DMA_MAP,
	VU_DMA_UNMAP,
	VU_GET_INFO,
	VU_GET_REGION_INFO,
	VU_GET_REGION_IO_FDS,
	VU_GET_IRQ_INFO,
	VU_SET_IRQS,
	VU_REGION_READ,
	VU_REGION_WRITE,
	VU_DMA_READ,
	VU_DMA_WRITE,
	VU_RESET,
	VU_DIRTY_PAGES,
	VU_WRITE_MULTI,
	VU_FEATURE,
};

#define VU_REPLY    1u
#define VU_NO_REPLY 0x10u
#define VU_ERROR    0x20u

struct vu_header {
	uint16_t id;
	uint16_t cmd;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
};

struct vu_client {
	int fd;
	uint16_t id; /* of the last command */
	/* the message that came last */
	struct vu_header hdr;
	unsigned char *data;
	size_t len;
	int fds[16];
	unsigned int nr_fds;
};

/* A command, or a reply, to be sent: header fields and what follows. */
struct vu_out {
	uint16_t cmd;
	uint32_t flags;
	const void *data;
	size_t len;
	const int *fds;
	unsigned int nr_fds;
};

/**
 * vu_open() - connect to a server by a pair of sockets
 * @c: out
 * @srv: server
 */
void vu_open(struct vu_client *c, struct serve *srv);

/**
 * vu_open_fd() - be the client on a socket
 * @c: out
 * @fd: connected socket; it is @c's
 */
void vu_open_fd(struct vu_client *c, int fd);

/**
 * vu_close() - hang up
 * @c: client; harmless if it has
 */
void vu_close(struct vu_client *c);

/**
 * vu_hello() - agree on version 0.1
 * @c: client, new
 * @json: capabilities, or NULL for no text at all
 */
void vu_hello(struct vu_client *c, const char *json);

/**
 * vu_start() - connect, and say hello without capabilities
 * @c: out
 * @srv: server
 */
void vu_start(struct vu_client *c, struct serve *srv);

/**
 * vu_bytes() - send bytes
 * @c: client
 * @data: bytes
 * @len: how many
 */
void vu_bytes(struct vu_client *c, const void *data, size_t len);

/**
 * vu_send() - send a message with the next id
 * @c: client
 * @out: the message
 */
void vu_send(struct vu_client *c, const struct vu_out *out);

/**
 * vu_receive() - receive a message
 * @c: client; header, data and file descriptors of the message are in it
 *
 * Return: true, or false: the server has hung up.
 */
bool vu_receive(struct vu_client *c);

/**
 * vu_call() - send a command and receive its reply
 * @c: client
 * @out: the command
 *
 * Return: errno of the reply, 0 for success.
 */
uint32_t vu_call(struct vu_client *c, const struct vu_out *out);

/**
 * vu_hung_up() - does the server end the connection now
 * @c: client
 *
 * Return: true if nothing comes but the end.
 */
bool vu_hung_up(struct vu_client *c);

/* Commands. Each returns the errno of the reply; vu_read() fails the test unless that is 0. */
uint64_t vu_read(struct vu_client *c, uint32_t region, uint64_t off, uint32_t len);
uint32_t vu_write(struct vu_client *c, uint32_t region, uint64_t off, uint64_t val, uint32_t len);
uint32_t vu_map(struct vu_client *c, uint64_t iova, uint64_t len, uint32_t flags, int fd,
		uint64_t off);
uint32_t vu_unmap(struct vu_client *c, uint64_t iova, uint64_t len);
uint32_t vu_irqs(struct vu_client *c, uint32_t flags, uint32_t index, uint32_t start,
		 uint32_t count, const int *fds, unsigned int nr_fds);

/**
 * vu_counter() - take what an eventfd has counted
 * @fd: eventfd, not blocking
 *
 * Return: the count, 0 for nothing.
 */
uint64_t vu_counter(int fd);

/**
 * vu_wait_counter() - wait until an eventfd was signalled
 * @fd: eventfd
 *
 * Return: the count.
 */
uint64_t vu_wait_counter(int fd);

#endif /* BELFRY_TESTS_LIB_VU_CLIENT_H */

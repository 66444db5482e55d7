/* SPDX-License-Identifier: MIT */
/*
 * A server: one PCI function, one socket, one client at a time, one thread. All of it is the
 * thread's but what serve.h lets other threads call, and what the lock guards.
 *
 * Parts: pci.h configuration space, irq.h interrupts, dma.h the client's memory, conn.h the
 * connection, listen.h the socket, message.h what each command does.
 */
#ifndef BELFRY_SRC_SERVE_SERVER_H
#define BELFRY_SRC_SERVE_SERVER_H

#include <pthread.h>

#include <belfry/serve.h>

#include "serve/conn.h"
#include "serve/dma.h"
#include "serve/irq.h"
#include "serve/listen.h"
#include "serve/pci.h"

struct serve {
	const struct serve_ops *ops;
	void *dev;
	struct serve_pci pci;
	struct serve_options options;
	struct pci_cfg cfg;
	struct irq_set irqs;
	struct dma_table dma;
	struct listener listener;
	struct conn conn;
	pthread_t thread;
	int wake_fd; /* eventfd: @stop or @next_fd has changed */

	pthread_mutex_t lock;	/* guards the rest */
	pthread_cond_t changed; /* a client has gone, or is taken up */
	bool stop;
	bool connected; /* @conn is one */
	int next_fd;	/* from serve_connect(), -1 */
};

/**
 * serve_check() - does what a device is make sense
 * @pci: description
 * @ops: functions
 *
 * Context: any thread.
 * Return: 0, or -1: EINVAL (logged).
 */
int serve_check(const struct serve_pci *pci, const struct serve_ops *ops);

/**
 * serve_init() - make a server, without a socket and without a thread
 * @srv: out
 * @pci: as for serve_open(), checked
 * @ops: likewise
 * @dev: likewise
 * @options: likewise
 *
 * Own: serve_exit().
 * Context: any thread.
 * Return: 0, or -1: ENOMEM, or what eventfd(2) gives.
 */
int serve_init(struct serve *srv, const struct serve_pci *pci, const struct serve_ops *ops,
	       void *dev, const struct serve_options *options);

/**
 * serve_exit() - undo serve_init()
 * @srv: server without a client; the device is not closed
 *
 * Context: any thread. errno is preserved.
 */
void serve_exit(struct serve *srv);

/**
 * serve_client() - serve a client until it goes
 * @srv: server
 * @fd: connected socket
 *
 * Own: @fd is the server's, also after an error.
 * Context: the server's thread.
 */
void serve_client(struct serve *srv, int fd);

/**
 * serve_dma_message() - reach the client's memory by messages
 * @srv: server with a client
 * @iova: device address; mapped so
 * @to: out: data read, or NULL to write
 * @from: data to write, or NULL
 * @len: bytes
 *
 * Context: a device's thread, between dma_map and the return of dma_unmap.
 * Return: as serve_dma_read().
 */
int serve_dma_message(struct serve *srv, uint64_t iova, void *to, const void *from, size_t len);

#endif /* BELFRY_SRC_SERVE_SERVER_H */

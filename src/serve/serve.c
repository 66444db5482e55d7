/* SPDX-License-Identifier: MIT */
/*
 * Life of a server, its thread, and the life of a client.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <belfry/support/log.h>

#include "serve/message.h"
#include "serve/region.h"
#include "serve/server.h"
#include "support/errno.h"

#define DEFAULT_TIMEOUT_MS 10000u
#define DEFAULT_DMA_MAX	   (1ull << 38)

/* What the thread waits for beside a client's messages. */
enum {
	WAKE_SELF,
	WAKE_LOST,
	WAKE_PIN,
	WAKE_LISTENER,
	NR_WAKE
};

static void drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* nothing was there */
}

static void wake(struct serve *srv)
{
	uint64_t one = 1;
	keep_errno();

	if (write(srv->wake_fd, &one, sizeof(one)) < 0)
		return; /* its counter is at the end: it is readable */
}

/* ---- a client ---- */

static bool stopping(struct serve *srv)
{
	bool stop;

	pthread_mutex_lock(&srv->lock);
	stop = srv->stop;
	pthread_mutex_unlock(&srv->lock);
	return stop;
}

static int listener_fd(struct serve *srv)
{
	int fd;

	pthread_mutex_lock(&srv->lock);
	fd = srv->listener.fd;
	pthread_mutex_unlock(&srv->lock);
	return fd;
}

/* One at a time: who comes in between is told so by being hung up on. */
static void refuse_next(struct serve *srv, struct pollfd *listener)
{
	int fd = listen_accept(&srv->listener);

	if (fd >= 0) {
		log_error("%s: another client was refused: the controller has one\n",
			  srv->listener.addr.sun_path);
		close(fd);
	} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		listener->fd = -1; /* not as long as this client is there */
	}
}

/* Something other than a message. Return false when the client is to be given up. */
static bool woken(struct serve *srv, struct pollfd *wakes)
{
	if (wakes[WAKE_PIN].revents)
		irq_pin_run(&srv->irqs);
	if (wakes[WAKE_LISTENER].revents)
		refuse_next(srv, &wakes[WAKE_LISTENER]);
	if (wakes[WAKE_LOST].revents) {
		drain(srv->dma.lost_fd);
		log_error("the client has taken away memory that it shared\n");
		return false;
	}
	if (wakes[WAKE_SELF].revents)
		drain(srv->wake_fd);
	return !stopping(srv);
}

/* Why a connection has ended, by its errno; 0: this end has given it up. */
static void log_end(int error)
{
	const char *why = strerror(error);

	if (!error)
		why = "given up";
	else if (error == ENODEV)
		why = "it has hung up";
	else if (error == ETIMEDOUT)
		why = "it does not answer, or does not finish a message";
	else if (error == EPROTO)
		why = "it does not keep to the protocol";
	log_info("the client has gone: %s\n", why);
}

static void client_run(struct serve *srv)
{
	struct pollfd wakes[NR_WAKE] = {
		[WAKE_SELF] = {.fd = srv->wake_fd},
		[WAKE_LOST] = {.fd = srv->dma.lost_fd},
		[WAKE_PIN] = {.fd = srv->irqs.pin_fd},
		[WAKE_LISTENER] = {.fd = listener_fd(srv)},
	};
	int ret;

	ret = message_hello(srv);
	vfio_user_msg_close_fds(&srv->conn.cmd);
	if (ret) {
		log_end(errno);
		return;
	}
	log_info("a client has come\n");
	while ((ret = conn_next(&srv->conn, wakes, NR_WAKE)) >= 0) {
		if (ret && !woken(srv, wakes))
			break;
		if (!ret)
			message_run(srv, &srv->conn.cmd);
		vfio_user_msg_close_fds(&srv->conn.cmd);
	}
	log_end(ret < 0 ? errno : 0);
}

static bool set_connected(struct serve *srv, bool connected)
{
	bool stop;

	pthread_mutex_lock(&srv->lock);
	srv->connected = connected;
	stop = srv->stop;
	pthread_cond_broadcast(&srv->changed);
	pthread_mutex_unlock(&srv->lock);
	return !stop;
}

/* A device may be waiting for this client: for a reply, or because it filled an eventfd. */
void serve_client(struct serve *srv, int fd)
{
	if (conn_init(&srv->conn, fd, srv->options.timeout_ms)) {
		log_error("no memory for a client\n");
		return;
	}
	if (set_connected(srv, true))
		client_run(srv);
	conn_fail(&srv->conn, ENODEV);
	irq_unblock(&srv->irqs);
	irq_release(&srv->irqs, IRQ_NR_KINDS);
	srv->ops->reset(srv->dev);
	dma_clear(&srv->dma);
	region_power_on(srv);
	drain(srv->dma.lost_fd);
	set_connected(srv, false);
	conn_close(&srv->conn);
}

/* ---- the thread ---- */

static int next_given(struct serve *srv)
{
	int fd;

	pthread_mutex_lock(&srv->lock);
	fd = srv->next_fd;
	srv->next_fd = -1;
	pthread_mutex_unlock(&srv->lock);
	return fd;
}

/* Without file descriptors to spare the client waits, and so does this thread. */
static int accept_next(struct serve *srv)
{
	int fd = listen_accept(&srv->listener);

	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		log_error("%s: a client cannot be taken: %s\n", srv->listener.addr.sun_path,
			  strerror(errno));
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	return fd;
}

static void *thread_main(void *arg)
{
	struct serve *srv = arg;

	while (!stopping(srv)) {
		struct pollfd fds[] = {
			{.fd = srv->wake_fd, .events = POLLIN},
			{.fd = listener_fd(srv), .events = POLLIN},
		};
		int fd;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			drain(srv->wake_fd);
		fd = next_given(srv);
		if (fd < 0 && fds[1].revents && !stopping(srv))
			fd = accept_next(srv);
		if (fd >= 0)
			serve_client(srv, fd);
	}
	return NULL;
}

/* ---- life ---- */

int serve_check(const struct serve_pci *pci, const struct serve_ops *ops)
{
	const char *error = pci_cfg_check(pci);

	if (!error && (!ops->read || !ops->write || !ops->reset))
		error = "the device cannot be read, written or reset";
	if (!error && (!ops->dma_map != !ops->dma_unmap || !ops->set_irq != !ops->irq_pending))
		error = "the device has half of a pair of functions";
	if (!error && pci->intx && !ops->intx_level)
		error = "the device has a pin, and no function that tells its level";
	if (!error)
		return 0;
	log_error("this device cannot be served: %s\n", error);
	return set_errno(EINVAL);
}

int serve_init(struct serve *srv, const struct serve_pci *pci, const struct serve_ops *ops,
	       void *dev, const struct serve_options *options)
{
	memset(srv, 0, sizeof(*srv));
	srv->ops = ops;
	srv->dev = dev;
	srv->pci = *pci;
	if (options)
		srv->options = *options;
	if (!srv->options.timeout_ms)
		srv->options.timeout_ms = DEFAULT_TIMEOUT_MS;
	srv->listener.fd = srv->next_fd = -1;
	srv->irqs = (struct irq_set){
		.ops = ops, .dev = dev, .nr = pci->nr_vectors, .has_pin = pci->intx};
	srv->dma = (struct dma_table){
		.ops = ops,
		.dev = dev,
		.max = srv->options.dma_max ? srv->options.dma_max : DEFAULT_DMA_MAX,
		.by_message = srv->options.no_shared_dma,
		.conn = &srv->conn,
	};
	if (irq_init(&srv->irqs))
		return -1;
	srv->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	srv->dma.lost_fd = srv->wake_fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dma_init(&srv->dma);
	pthread_mutex_init(&srv->lock, NULL);
	pthread_cond_init(&srv->changed, NULL);
	region_power_on(srv);
	if (srv->wake_fd >= 0 && srv->dma.lost_fd >= 0)
		return 0;
	serve_exit(srv);
	return -1;
}

void serve_exit(struct serve *srv)
{
	keep_errno();

	listen_close(&srv->listener);
	if (srv->next_fd >= 0)
		close(srv->next_fd);
	if (srv->wake_fd >= 0)
		close(srv->wake_fd);
	if (srv->dma.lost_fd >= 0)
		close(srv->dma.lost_fd);
	pthread_cond_destroy(&srv->changed);
	pthread_mutex_destroy(&srv->lock);
	dma_exit(&srv->dma);
	irq_exit(&srv->irqs);
}

struct serve *serve_open(const struct serve_pci *pci, const struct serve_ops *ops, void *dev,
			 const struct serve_options *options)
{
	struct serve *srv;
	int error;

	if (serve_check(pci, ops))
		return NULL;
	srv = calloc(1, sizeof(*srv));
	if (!srv)
		return NULL;
	if (serve_init(srv, pci, ops, dev, options))
		goto free_srv;
	error = pthread_create(&srv->thread, NULL, thread_main, srv);
	if (!error)
		return srv;
	errno = error;
	serve_exit(srv);
free_srv:
	free(srv);
	return NULL;
}

int serve_listen(struct serve *srv, const char *path)
{
	int ret;

	pthread_mutex_lock(&srv->lock);
	if (srv->listener.fd >= 0)
		ret = set_errno(EALREADY);
	else
		ret = listen_open(&srv->listener, path);
	pthread_mutex_unlock(&srv->lock);
	wake(srv);
	return ret;
}

void serve_connect(struct serve *srv, int fd)
{
	pthread_mutex_lock(&srv->lock);
	while (srv->connected || srv->next_fd >= 0)
		pthread_cond_wait(&srv->changed, &srv->lock);
	srv->next_fd = fd;
	pthread_mutex_unlock(&srv->lock);
	wake(srv);
}

/* The device's thread may be blocked by the client again and again, until the server's ends. */
static void thread_stop(struct serve *srv)
{
	struct timespec until;

	pthread_mutex_lock(&srv->lock);
	srv->stop = true;
	if (srv->connected)
		conn_fail(&srv->conn, ENODEV);
	pthread_mutex_unlock(&srv->lock);
	wake(srv);
	do {
		irq_unblock(&srv->irqs);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 20000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
	} while (pthread_timedjoin_np(srv->thread, NULL, &until));
}

void serve_close(struct serve *srv)
{
	keep_errno();

	if (!srv)
		return;
	thread_stop(srv);
	if (srv->ops->close)
		srv->ops->close(srv->dev);
	serve_exit(srv);
	free(srv);
}

/* ---- for devices ---- */

int serve_dma_message(struct serve *srv, uint64_t iova, void *to, const void *from, size_t len)
{
	return to ? conn_dma_read(&srv->conn, iova, to, len)
		  : conn_dma_write(&srv->conn, iova, from, len);
}

int serve_dma_read(struct serve *srv, uint64_t iova, void *buf, size_t len)
{
	return dma_access(&srv->dma, iova, buf, NULL, len);
}

int serve_dma_write(struct serve *srv, uint64_t iova, const void *buf, size_t len)
{
	return dma_access(&srv->dma, iova, NULL, buf, len);
}

int serve_irq(struct serve *srv, unsigned int vector)
{
	if (srv->ops->set_irq || (vector && vector >= srv->pci.nr_vectors))
		return set_errno(EINVAL);
	irq_raise(&srv->irqs, vector);
	return 0;
}

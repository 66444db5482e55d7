/* SPDX-License-Identifier: MIT */
/*
 * Either side is killed at every message of the other. The server is a process of its own; what the
 * two say to each other goes through this one, which counts messages, passes descriptors on, and
 * kills when the number has come. Who is left over ends what it is doing, and works again with a new
 * peer.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belfry/serve.h>

#include "dev.h"
#include "support/deadline.h"
#include "vfio_user/sock.h"

#define MAX_PAYLOAD (1024 * 1024 + 64)
#define PATIENCE_MS 10000

enum victim {
	NOBODY,
	SERVER,
	CLIENT,
};

static struct {
	char path[64], served[64];
	int listen_fd;
	pid_t server, client;
	enum victim victim;
	unsigned int kill_at, count;
	struct vfio_user_sock up, down; /* to the server, to the client */
	struct vfio_user_sock up2, down2;
	pthread_mutex_t lock;
	pthread_t thread;
} proxy;

/* ---- the server ---- */

static int serve_main(const char *path)
{
	struct serve *srv = serve_emu("emu:size=1M,queues=2", NULL);

	if (!srv || serve_listen(srv, path))
		return 1;
	for (;;)
		pause();
}

/* This program once more, in the role of one of the two. */
static pid_t spawn(const char *role, const char *path, const char *options)
{
	char self[512] = "";
	pid_t pid;

	/* Looked up here: valgrind answers this with the program, and exec() with itself. */
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	pid = fork();
	if (!pid) {
		execl(self, "vfio_user_kill", role, path, options, NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static void start_server(void)
{
	unlink(proxy.served);
	proxy.server = spawn("serve", proxy.served, "");
}

static void stop_server(void)
{
	kill(proxy.server, SIGKILL);
	waitpid(proxy.server, NULL, 0);
}

/* ---- the proxy ---- */

static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = -1;

	strcpy(addr.sun_path, path);
	for (int i = 0; i < 1000; i++) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fd;
		close(fd);
		poll(NULL, 0, 5);
	}
	return -1;
}

/* The victim's time has come before this message, and it is not passed on. */
static bool time_has_come(void)
{
	bool now;

	pthread_mutex_lock(&proxy.lock);
	now = proxy.victim && proxy.count == proxy.kill_at;
	proxy.count++;
	if (now)
		kill(proxy.victim == SERVER ? proxy.server : proxy.client, SIGKILL);
	pthread_mutex_unlock(&proxy.lock);
	return now;
}

/*
 * The second socket that the server sends with its version is the proxy's: the client gets another
 * one, in its place.
 */
static int split_twin(struct vfio_user_msg *msg)
{
	int pair[2];

	if (msg->hdr.cmd != VFIO_USER_VERSION || !msg->nr_fds)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	vfio_user_sock_init(&proxy.up2, vfio_user_msg_take_fd(msg, 0), MAX_PAYLOAD, PATIENCE_MS);
	vfio_user_sock_init(&proxy.down2, pair[0], MAX_PAYLOAD, PATIENCE_MS);
	msg->fds[0] = pair[1];
	return 0;
}

static int pass_on(struct vfio_user_sock *from, struct vfio_user_sock *to,
		   struct vfio_user_msg *msg)
{
	struct vfio_user_out out = {};

	if (vfio_user_recv(from, msg, 0))
		return errno == ETIMEDOUT ? 0 : -1;
	if (time_has_come() || split_twin(msg))
		return -1;
	out.id = msg->hdr.id;
	out.cmd = msg->hdr.cmd;
	out.flags = msg->hdr.flags;
	out.error = msg->hdr.error;
	out.body = msg->payload;
	out.body_len = msg->len;
	out.fds = msg->fds;
	out.nr_fds = msg->nr_fds;
	return vfio_user_send(to, &out);
}

static void pass_all(struct vfio_user_msg *msg)
{
	struct vfio_user_sock *const from[] = {&proxy.down, &proxy.up, &proxy.up2, &proxy.down2};
	struct vfio_user_sock *const to[] = {&proxy.up, &proxy.down, &proxy.down2, &proxy.up2};
	struct pollfd fds[4];

	for (;;) {
		for (int i = 0; i < 4; i++)
			fds[i] = (struct pollfd){.fd = from[i]->fd, .events = POLLIN};
		if (poll(fds, 4, -1) < 0)
			return;
		for (int i = 0; i < 4; i++) {
			if (fds[i].revents && pass_on(from[i], to[i], msg))
				return;
		}
	}
}

/* One connection. */
static void *proxy_main(void *arg)
{
	struct vfio_user_sock *const socks[] = {&proxy.up, &proxy.down, &proxy.up2, &proxy.down2};
	struct vfio_user_msg msg;
	int down = accept4(proxy.listen_fd, NULL, NULL, SOCK_CLOEXEC), up;

	(void)arg;
	if (down < 0)
		return NULL;
	up = connect_to(proxy.served);
	proxy.up2.fd = proxy.down2.fd = -1;
	vfio_user_sock_init(&proxy.down, down, MAX_PAYLOAD, PATIENCE_MS);
	vfio_user_sock_init(&proxy.up, up, MAX_PAYLOAD, PATIENCE_MS);
	if (up >= 0 && !vfio_user_msg_init(&msg, MAX_PAYLOAD)) {
		pass_all(&msg);
		vfio_user_msg_free(&msg);
	}
	for (size_t i = 0; i < ROWS(socks); i++)
		vfio_user_sock_close(socks[i]);
	return NULL;
}

static void start_proxy(enum victim victim, unsigned int kill_at)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	proxy.victim = victim;
	proxy.kill_at = kill_at;
	proxy.count = 0;
	unlink(proxy.path);
	strcpy(addr.sun_path, proxy.path);
	proxy.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(proxy.listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(proxy.listen_fd, 1), 0);
	assert_int_equal(pthread_create(&proxy.thread, NULL, proxy_main, NULL), 0);
}

static void stop_proxy(void)
{
	shutdown(proxy.listen_fd, SHUT_RDWR);
	pthread_join(proxy.thread, NULL);
	close(proxy.listen_fd);
	unlink(proxy.path);
}

/* ---- the client ---- */

/* A short life with everything in it. 0, or the errno of what failed first. */
static int live(const char *path, const char *options)
{
	struct nvme_ctrl ctrl = {};
	struct nvme_ctrl_opts opts = {.nsqr = 1, .ncqr = 1, .timeout_ms = 2000};
	struct iommu_dmabuf buf = {};
	struct nvm_id_ctrl id;
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_CTRL}};
	char name[160];
	int err = 0;

	snprintf(name, sizeof(name), "vfio-user:%s%s", path, options);
	if (nvme_init(&ctrl, name, &opts))
		return errno;
	if (nvme_create_ioqpair(&ctrl, 1, 4, -1, 0) ||
	    iommu_get_dmabuf(__iommu_ctx(&ctrl), &buf, 4096, 0) ||
	    nvme_admin(&ctrl, &cmd, &id, sizeof(id), NULL) || nvme_delete_ioqpair(&ctrl, 1))
		err = errno;
	if (!err && memcmp(id.sn, "BELFRY0001", 10))
		err = EBADMSG;
	iommu_put_dmabuf(&buf);
	nvme_close(&ctrl);
	return err;
}

static int setup(void **state)
{
	(void)state;
	pthread_mutex_init(&proxy.lock, NULL);
	snprintf(proxy.path, sizeof(proxy.path), "/tmp/belfry-kill-%d", getpid());
	snprintf(proxy.served, sizeof(proxy.served), "/tmp/belfry-kill-%d-served", getpid());
	start_server();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop_server();
	unlink(proxy.served);
	return 0;
}

/* Messages of a life, all of which work. */
static unsigned int messages_of_a_life(const char *options)
{
	int err;

	start_proxy(NOBODY, 0);
	err = live(proxy.path, options);
	stop_proxy();
	if (err)
		fail_msg("nobody was killed: %s", strerror(err));
	return proxy.count;
}

/* All of them, or as many as a slow run can afford, evenly spread. */
static unsigned int step_of(unsigned int nr)
{
	unsigned int tries = (unsigned int)test_scale(nr > 100 ? 100 : nr);

	return nr / tries ? nr / tries : 1;
}

static void kill_server_at_each(const char *options)
{
	unsigned int nr = messages_of_a_life(options), failed = 0, tried = 0;
	int fds = open_fds();

	for (unsigned int at = 0; at < nr; at += step_of(nr)) {
		struct timespec begin;
		int err;

		start_proxy(SERVER, at);
		clock_gettime(CLOCK_MONOTONIC, &begin);
		err = live(proxy.path, options);
		if (err && err != ENODEV && err != EPROTO)
			fail_msg("killed at message %u of %u: %s", at, nr, strerror(err));
		if (ms_since(&begin) > 20000)
			fail_msg("killed at message %u: noticed after %.0f ms", at,
				 ms_since(&begin));
		stop_proxy();
		assert_int_equal(open_fds(), fds);
		failed += !!err;
		tried++;
		stop_server();
		start_server();
	}
	/* Those at the very end are of the close, which does not fail. */
	assert_true(failed >= tried * 3 / 4);
	assert_true(messages_of_a_life(options) > nr / 2);
}

static void kill__the_server_at_each_message(void **state)
{
	(void)state;
	kill_server_at_each(",mmap=off");
}

static void kill__the_server_at_each_message_about_memory(void **state)
{
	(void)state;
	kill_server_at_each(",mmap=off,share=off");
}

static void kill_client_at_each(const char *options)
{
	unsigned int nr = messages_of_a_life(options);

	for (unsigned int at = 0; at < nr; at += step_of(nr)) {
		int status;

		start_proxy(CLIENT, at);
		pthread_mutex_lock(&proxy.lock);
		proxy.client = spawn("live", proxy.path, options);
		pthread_mutex_unlock(&proxy.lock);
		assert_int_equal(waitpid(proxy.client, &status, 0), proxy.client);
		stop_proxy();
		assert_true(WIFSIGNALED(status) || !WEXITSTATUS(status));
		assert_int_equal(waitpid(proxy.server, &status, WNOHANG), 0); /* it lives */
	}
	/* And serves the next one. */
	assert_true(messages_of_a_life(options) > nr / 2);
}

static void kill__the_client_at_each_message(void **state)
{
	(void)state;
	kill_client_at_each(",mmap=off");
}

static void kill__the_client_at_each_message_about_memory(void **state)
{
	(void)state;
	kill_client_at_each(",mmap=off,share=off,twin=off");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kill__the_server_at_each_message, setup, teardown),
		cmocka_unit_test_setup_teardown(kill__the_server_at_each_message_about_memory,
						setup, teardown),
		cmocka_unit_test_setup_teardown(kill__the_client_at_each_message, setup, teardown),
		cmocka_unit_test_setup_teardown(kill__the_client_at_each_message_about_memory,
						setup, teardown),
	};

	if (argc == 4)
		return strcmp(argv[1], "serve") ? live(argv[2], argv[3]) : serve_main(argv[2]);
	return cmocka_run_group_tests_name("vfio_user_kill", tests, NULL, NULL);
}

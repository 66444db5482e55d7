/* SPDX-License-Identifier: MIT */
/*
 * The socket of a server, and the clients that come through it: who is let in, who waits, and what
 * happens when one goes at any moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "served_device.h"
#include "support/deadline.h"
#include "test.h"
#include "vu_client.h"

#define CONFIG 7

static char folder[] = "/tmp/belfry-serve-XXXXXX";
static char path[64];

static int setup_group(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	return 0;
}

static int teardown_group(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct sockaddr_un address(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, path);
	return addr;
}

static int try_connect(void)
{
	struct sockaddr_un addr = address();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static void come(struct vu_client *c)
{
	int fd = try_connect();

	assert_true(fd >= 0);
	vu_open_fd(c, fd);
}

static void open_at_path(struct served_device *dev, const struct serve_options *options)
{
	served_open(dev, options);
	assert_int_equal(serve_listen(dev->srv, path), 0);
}

/* ---- the socket ---- */

static void socket__mode_and_end(void **state)
{
	mode_t old = umask(0);
	struct served_device dev;
	struct stat st;

	(void)state;
	open_at_path(&dev, NULL);
	umask(old);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	errno = 0;
	assert_int_equal(serve_listen(dev.srv, path), -1);
	assert_int_equal(errno, EALREADY);
	served_close(&dev);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(errno, ENOENT);
}

static void refused_at(const char *where, int error)
{
	struct served_device dev;

	served_open(&dev, NULL);
	errno = 0;
	assert_int_equal(serve_listen(dev.srv, where), -1);
	assert_int_equal(errno, error);
	served_close(&dev);
}

static void socket__where_none_can_be(void **state)
{
	char deep[200] = "/tmp/";
	struct served_device dev;
	struct stat st;
	int fd;

	(void)state;
	memset(deep + 5, 'x', 150);
	refused_at(deep, ENAMETOOLONG);
	refused_at("", ENAMETOOLONG);
	refused_at("/nowhere/at/all", ENOENT);

	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	refused_at(path, EEXIST);
	assert_int_equal(lstat(path, &st), 0); /* it is still there */
	unlink(path);
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	refused_at(path, EEXIST);
	unlink(path);

	open_at_path(&dev, NULL);
	refused_at(path, EADDRINUSE);
	close(try_connect()); /* it goes on */
	served_close(&dev);
}

static void socket__that_nobody_listens_on(void **state)
{
	struct sockaddr_un addr = address();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct served_device dev;
	struct vu_client c;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd); /* the file stays */
	open_at_path(&dev, NULL);
	come(&c);
	vu_hello(&c, NULL);
	vu_close(&c);
	served_close(&dev);
}

/* Somebody else has put another in its place: that one is not removed. */
static void socket__of_another_is_left_alone(void **state)
{
	struct sockaddr_un addr = address();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct served_device dev;
	struct stat st;

	(void)state;
	open_at_path(&dev, NULL);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	served_close(&dev);
	assert_int_equal(lstat(path, &st), 0);
	close(fd);
	unlink(path);
}

/* ---- clients ---- */

static void client__a_second_is_refused(void **state)
{
	struct vu_client first, second;
	struct served_device dev;

	(void)state;
	open_at_path(&dev, NULL);
	come(&first);
	vu_hello(&first, NULL);
	come(&second);
	assert_true(vu_hung_up(&second));
	vu_close(&second);
	vu_read(&first, CONFIG, 0, 4);
	vu_close(&first);
	served_close(&dev);
}

/* One that comes when the one before has just gone is never refused, however quick it is. */
static void client__one_after_the_other(void **state)
{
	unsigned long rounds = test_scale(200);
	struct served_device dev;

	(void)state;
	open_at_path(&dev, NULL);
	for (unsigned long i = 0; i < rounds; i++) {
		struct vu_client c;

		come(&c);
		vu_hello(&c, NULL);
		vu_write(&c, CONFIG, 4, 6, 2);
		vu_close(&c);
	}
	served_close(&dev);
}

static void client__that_says_nothing(void **state)
{
	uint64_t begin = now_ns();
	struct served_device dev;
	struct vu_client c;

	(void)state;
	open_at_path(&dev, &(struct serve_options){.timeout_ms = 200});
	come(&c);
	assert_true(vu_hung_up(&c));
	assert_in_range(now_ns() - begin, 150 * NS_PER_MS, 20000 * NS_PER_MS);
	vu_close(&c);
	come(&c);
	vu_hello(&c, NULL);
	/* Between two messages it may take its time; within one it may not. */
	usleep(400000);
	vu_read(&c, CONFIG, 0, 4);
	vu_bytes(&c, "\1\0\4\0", 4);
	assert_true(vu_hung_up(&c));
	vu_close(&c);
	served_close(&dev);
}

static void client__is_there_when_the_server_ends(void **state)
{
	struct served_device dev;
	struct vu_client c;

	(void)state;
	open_at_path(&dev, NULL);
	come(&c);
	vu_hello(&c, NULL);
	served_close(&dev);
	assert_true(vu_hung_up(&c));
	vu_close(&c);
	open_at_path(&dev, NULL);
	come(&c); /* has said nothing yet */
	served_close(&dev);
	assert_true(vu_hung_up(&c));
	vu_close(&c);
}

/* A hostile one fills an eventfd that blocks: the device hangs in its signal, until the end comes. */
static void client__blocks_an_eventfd(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	struct vu_client c;
	struct serve *srv = serve_emu("emu:size=1M", NULL);
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	assert_non_null(srv);
	vu_start(&c, srv);
	assert_int_equal(vu_irqs(&c, 0x24, 2, 0, 1, &fd, 1), 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	/* The client's own trigger is such a signal. */
	vu_send(&c, &(struct vu_out){.cmd = 8, .data = (uint32_t[]){20, 0x21, 2, 0, 1}, .len = 20});
	usleep(100000);
	serve_close(srv);
	vu_close(&c);
	close(fd);
}

/* A client whose end the server itself has in its hands is gone all the same. */
static void client__sends_its_own_end(void **state)
{
	struct served_device dev;
	struct vu_client c;

	(void)state;
	open_at_path(&dev, NULL);
	come(&c);
	vu_send(&c,
		&(struct vu_out){
			.cmd = VU_VERSION, .data = "\0\0\1", .len = 4, .fds = &c.fd, .nr_fds = 1});
	assert_true(vu_receive(&c));
	vu_close(&c);
	come(&c);
	vu_hello(&c, NULL);
	vu_send(&c, &(struct vu_out){.cmd = VU_RESET, .fds = &c.fd, .nr_fds = 1});
	assert_true(vu_receive(&c));
	vu_close(&c);
	come(&c);
	vu_hello(&c, NULL);
	vu_close(&c);
	served_close(&dev);
}

/* ---- kill -9 at every message ---- */

/* The conversation of a client that sets up a controller, until it is @stop messages long. */
static void converse(struct vu_client *c, int stop)
{
	int fd = memfd_create("client", MFD_CLOEXEC), event = eventfd(0, EFD_NONBLOCK), step = 0;
	const uint32_t ask[] = {64, 0, 0, 0, 0, 0, 0, 0};

	assert_int_equal(ftruncate(fd, 1 << 20), 0);
#define STEP(what)                               \
	do {                                     \
		if (step++ == stop)              \
			kill(getpid(), SIGKILL); \
		what;                            \
	} while (0)
	STEP(vu_hello(c, NULL));
	STEP(vu_call(c, &(struct vu_out){.cmd = VU_GET_INFO, .data = ask, .len = 16}));
	STEP(vu_call(c, &(struct vu_out){.cmd = VU_GET_REGION_INFO, .data = ask, .len = 32}));
	STEP(vu_write(c, CONFIG, 4, 6, 2));
	STEP(vu_map(c, 0x100000, 1 << 20, 3, fd, 0));
	STEP(vu_map(c, 0x300000, 1 << 20, 3, -1, 0));
	STEP(vu_irqs(c, 0x24, 2, 0, 1, &event, 1));
	STEP(vu_write(c, 0, 0x24, 0x000f000f, 4)); /* AQA */
	STEP(vu_write(c, 0, 0x28, 0x100000, 8));   /* ASQ */
	STEP(vu_write(c, 0, 0x30, 0x101000, 8));   /* ACQ */
	STEP(vu_write(c, 0, 0x14, 0x00460001, 4)); /* CC */
	STEP(vu_write(c, 0, 0x1000, 1, 4));	   /* a doorbell */
	STEP(vu_write(c, 0, 0x1000, 9, 4));
	STEP(vu_irqs(c, 0x09, 2, 0, 1, NULL, 0));
	STEP(vu_unmap(c, 0x300000, 1 << 20));
	STEP(vu_call(c, &(struct vu_out){.cmd = VU_RESET}));
	STEP(vu_unmap(c, 0x100000, 1 << 20));
#undef STEP
	_exit(77); /* it was longer than all of that */
}

/* After the header of the next message, and in the middle of it. */
static void die_in_a_message(struct vu_client *c, size_t bytes)
{
	const struct vu_header hdr = {9, VU_REGION_WRITE, 36, 0, 0};

	vu_hello(c, NULL);
	vu_bytes(c, &hdr, bytes);
	kill(getpid(), SIGKILL);
}

static int run_victim(int stop)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct vu_client c;

		come(&c);
		if (stop < 0)
			die_in_a_message(&c, (size_t)-stop);
		converse(&c, stop);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The next client finds a controller that is disabled, with nothing in its registers. */
static void expect_new(void)
{
	struct vu_client c;

	come(&c);
	vu_hello(&c, NULL);
	assert_int_equal(vu_read(&c, CONFIG, 4, 2), 0);
	vu_write(&c, CONFIG, 4, 6, 2);
	assert_int_equal(vu_read(&c, 0, 0x1c, 4), 0); /* CSTS */
	assert_int_equal(vu_read(&c, 0, 0x28, 8), 0); /* ASQ */
	vu_close(&c);
}

static void killed__at_every_message(void **state)
{
	struct serve *srv = serve_emu("emu:size=1M", NULL);
	int status, stop = 0;

	(void)state;
	assert_non_null(srv);
	assert_int_equal(serve_listen(srv, path), 0);
	while (status = run_victim(stop), WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		expect_new();
		stop++;
	}
	assert_int_equal(WEXITSTATUS(status), 77);
	assert_int_equal(stop, 17);
	for (int bytes = 1; bytes <= 16; bytes += 5) {
		assert_true(WIFSIGNALED(run_victim(-bytes)));
		expect_new();
	}
	serve_close(srv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(socket__mode_and_end),
		cmocka_unit_test(socket__where_none_can_be),
		cmocka_unit_test(socket__that_nobody_listens_on),
		cmocka_unit_test(socket__of_another_is_left_alone),
		cmocka_unit_test(client__a_second_is_refused),
		cmocka_unit_test(client__one_after_the_other),
		cmocka_unit_test(client__that_says_nothing),
		cmocka_unit_test(client__is_there_when_the_server_ends),
		cmocka_unit_test(client__blocks_an_eventfd),
		cmocka_unit_test(client__sends_its_own_end),
		cmocka_unit_test(killed__at_every_message),
	};

	return cmocka_run_group_tests_name("serve_listen", tests, setup_group, teardown_group);
}

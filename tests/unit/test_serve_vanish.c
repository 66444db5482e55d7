/* SPDX-License-Identifier: MIT */
/*
 * A client that takes away memory which it has shared. One test, in a program of its own: cmocka sets
 * a handler for SIGBUS before each test, and the server's has to come after it.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "served_device.h"
#include "test.h"
#include "vu_client.h"

#define CONFIG 7
#define PAGE   4096ull
#define R      1u
#define W      2u

static void start(struct vu_client *client, struct served_device *dev)
{
	vu_start(client, dev->srv);
	assert_int_equal(vu_write(client, CONFIG, 4, 6, 2), 0);
}

static void vanished__ends_the_client_and_not_the_process(void **state)
{
	struct served_device dev, other;
	struct vu_client client, bystander;
	int fd = memfd_create("client", MFD_CLOEXEC);
	/* The handler wants no room on the stack of whoever made the access. */
	static char room[1 << 16];
	const stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};
	char buf[8] = "filled";

	(void)state;
	assert_int_equal(sigaltstack(&stack, NULL), 0);
	served_open(&dev, NULL);
	served_open(&other, NULL);
	start(&client, &dev);
	start(&bystander, &other);
	assert_int_equal(ftruncate(fd, 16 * PAGE), 0);
	assert_int_equal(pwrite(fd, "\xaa\xaa\xaa\xaa", 4, 0), 4);
	assert_int_equal(vu_map(&client, 0, 16 * PAGE, R | W, fd, 0), 0);
	assert_int_equal(vu_map(&client, 1ull << 20, PAGE, R | W, fd, 0), 0);
	assert_int_equal(vu_map(&bystander, 0, PAGE, R | W, fd, 0), 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(serve_dma_read(dev.srv, 8 * PAGE, buf, 4), 0);
	assert_memory_equal(buf, "\0\0\0\0ed", 6);
	assert_true(vu_hung_up(&client));
	vu_close(&client);

	/* The other server's client has nothing to do with it. */
	assert_int_equal(serve_dma_read(other.srv, 0, buf, 4), 0);
	assert_memory_equal(buf, "\xaa\xaa\xaa\xaa", 4);
	vu_read(&bystander, CONFIG, 0, 4);

	/* The next client is served, and its memory is there. So is the guard, by writing too. */
	start(&client, &dev);
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, fd, 0), 0);
	assert_int_equal(serve_dma_read(dev.srv, 0, buf, 4), 0);
	assert_memory_equal(buf, "\xaa\xaa\xaa\xaa", 4);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(serve_dma_write(dev.srv, 16, buf, 4), 0);
	assert_true(vu_hung_up(&client));
	vu_close(&client);
	vu_close(&bystander);
	served_close(&dev);
	served_close(&other);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vanished__ends_the_client_and_not_the_process),
	};

	return cmocka_run_group_tests_name("serve_vanish", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The client's memory: mapped by descriptor, taken away again, and what is refused. The device is the
 * test's, and so are its accesses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "served_device.h"
#include "test.h"
#include "vu_client.h"

#define CONFIG 7
#define PAGE   4096ull
#define R      1u
#define W      2u

static struct served_device dev;
static struct vu_client client;
static int mem_fd;
static unsigned char *mem; /* 16 pages of it */

static int setup(void **state)
{
	(void)state;
	served_open(&dev, NULL);
	vu_start(&client, dev.srv);
	assert_int_equal(vu_write(&client, CONFIG, 4, 6, 2), 0);
	mem_fd = memfd_create("client", MFD_CLOEXEC);
	assert_true(mem_fd >= 0);
	assert_int_equal(ftruncate(mem_fd, 16 * PAGE), 0);
	mem = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0);
	assert_true(mem != MAP_FAILED);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_close(&client);
	served_close(&dev);
	munmap(mem, 16 * PAGE);
	close(mem_fd);
	return 0;
}

/* ---- by descriptor ---- */

static void shared__is_the_clients_memory(void **state)
{
	char buf[8] = "";

	(void)state;
	assert_int_equal(vu_map(&client, 0x100000, 2 * PAGE, R | W, mem_fd, 3 * PAGE), 0);
	assert_int_equal(dev.nr_maps, 1);
	assert_int_equal(dev.last_map.iova, 0x100000);
	assert_int_equal(dev.last_map.len, 2 * PAGE);
	assert_int_equal(dev.last_map.prot, SERVE_DMA_READ | SERVE_DMA_WRITE);
	memcpy(mem + 4 * PAGE - 4, "acrosspg", 8);
	assert_int_equal(served_dma_read(&dev, 0x100ffc, buf, 8), 0);
	assert_memory_equal(buf, "acrosspg", 8);
	assert_int_equal(served_dma_write(&dev, 0x101ff8, "the end.", 8), 0);
	assert_memory_equal(mem + 5 * PAGE - 8, "the end.", 8);
	assert_int_equal(served_dma_read(&dev, 0x101ff9, buf, 8), EFAULT);
	assert_int_equal(served_dma_read(&dev, 0xfffff, buf, 8), EFAULT);
	assert_int_equal(served_dma_read(&dev, UINT64_MAX - 3, buf, 8), EFAULT);
	assert_int_equal(vu_unmap(&client, 0x100000, 2 * PAGE), 0);
	assert_int_equal(dev.nr_unmaps, 1);
	assert_int_equal(served_dma_read(&dev, 0x100ffc, buf, 8), EFAULT);
}

static void shared__rights(void **state)
{
	char buf[4] = "";

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, R, mem_fd, 0), 0);
	assert_int_equal(vu_map(&client, PAGE, PAGE, W, mem_fd, PAGE), 0);
	assert_int_equal(served_dma_read(&dev, 0, buf, 4), 0);
	assert_int_equal(served_dma_write(&dev, 0, buf, 4), EFAULT);
	assert_int_equal(served_dma_read(&dev, PAGE, buf, 4), EFAULT);
	assert_int_equal(served_dma_write(&dev, PAGE, buf, 4), 0);
	assert_int_equal(served_dma_write(&dev, PAGE - 2, buf, 4), EFAULT);
}

static void shared__a_file_for_reading_only(void **state)
{
	char path[32];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mem_fd);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, fd, 0), EACCES);
	assert_int_equal(vu_map(&client, 0, PAGE, R, fd, 0), 0);
	close(fd);
}

static void shared__bus_mastering_is_off(void **state)
{
	char buf[4] = "";

	(void)state;
	vu_write(&client, CONFIG, 4, 2, 2);
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, mem_fd, 0), 0);
	assert_int_equal(vu_map(&client, PAGE, PAGE, R | W, mem_fd, PAGE), 0);
	assert_int_equal(dev.nr_maps, 0);
	assert_int_equal(served_dma_read(&dev, 0, buf, 4), EFAULT);
	vu_write(&client, CONFIG, 4, 6, 2);
	assert_int_equal(dev.nr_maps, 2);
	assert_int_equal(served_dma_read(&dev, 0, buf, 4), 0);
	vu_write(&client, CONFIG, 0x44, 3, 2); /* D3hot */
	assert_int_equal(dev.nr_unmaps, 2);
	assert_int_equal(served_dma_read(&dev, 0, buf, 4), EFAULT);
	assert_int_equal(vu_unmap(&client, 0, PAGE), 0);
	assert_int_equal(dev.nr_unmaps, 2); /* the device had it no more */
}

static void shared__the_device_refuses(void **state)
{
	(void)state;
	dev.fail_map = ENOMEM;
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, mem_fd, 0), ENOMEM);
	dev.fail_map = 0;
	assert_int_equal(vu_unmap(&client, 0, PAGE), ENOENT);
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, mem_fd, 0), 0);
}

/* ---- what is refused ---- */

struct bad_map {
	const char *what;
	uint64_t iova, len;
	uint32_t flags;
	uint64_t off;
	uint32_t error;
};

static const struct bad_map bad_maps[] = {
	{"nothing", 0x10000, 0, R | W, 0, EINVAL},
	{"half a page", 0x10000, PAGE / 2, R | W, 0, EINVAL},
	{"not at a page", 0x10800, PAGE, R | W, 0, EINVAL},
	{"the file's offset is not at a page", 0x10000, PAGE, R | W, 2048, EINVAL},
	{"no rights", 0x10000, PAGE, 0, 0, EINVAL},
	{"rights of the future", 0x10000, PAGE, R | W | 4, 0, EINVAL},
	{"beyond the file's end", 0x10000, 2 * PAGE, R | W, 15 * PAGE, EINVAL},
	{"far beyond it", 0x10000, PAGE, R | W, 1ull << 62, EINVAL},
	{"the offset wraps", 0x10000, PAGE, R | W, ~0ull - 4095, EINVAL},
	{"the end wraps", ~0ull - 4095, 2 * PAGE, R | W, 0, EINVAL},
	{"more than there may be", 1ull << 40, 1ull << 39, R | W, 0, ENOSPC},
	{"just there", 0x20000, 2 * PAGE, R | W, 0, EEXIST},
	{"over its begin", 0x1f000, 2 * PAGE, R | W, 0, EEXIST},
	{"over its end", 0x21000, 2 * PAGE, R | W, 0, EEXIST},
	{"around it", 0x10000, 32 * PAGE, R | W, 0, EEXIST},
	{"within it", 0x21000, PAGE, R, 0, EEXIST},
};

static void refused__mappings(void **state)
{
	(void)state;
	assert_int_equal(vu_map(&client, 0x20000, 2 * PAGE, R | W, mem_fd, 0), 0);
	for (size_t i = 0; i < sizeof(bad_maps) / sizeof(bad_maps[0]); i++) {
		const struct bad_map *bad = &bad_maps[i];

		print_message("# %s\n", bad->what);
		assert_int_equal(vu_map(&client, bad->iova, bad->len, bad->flags, mem_fd, bad->off),
				 bad->error);
	}
	assert_int_equal(dev.nr_maps, 1);
	/* On both sides of it there is room. */
	assert_int_equal(vu_map(&client, 0x1f000, PAGE, R | W, mem_fd, 0), 0);
	assert_int_equal(vu_map(&client, 0x22000, PAGE, R | W, mem_fd, 0), 0);
}

static void refused__what_is_no_memory(void **state)
{
	int pipes[2], null = open("/dev/zero", O_RDWR | O_CLOEXEC);
	const int two[] = {mem_fd, mem_fd};
	const uint64_t map[] = {32 | (uint64_t)(R | W) << 32, 0, 0, PAGE};

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, pipes[0], 0), EINVAL);
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, null, 0), EINVAL);
	assert_int_equal(vu_map(&client, 0, PAGE, R | W, client.fd, 0), EINVAL);
	assert_int_equal(vu_call(&client, &(struct vu_out){.cmd = VU_DMA_MAP,
							   .data = map,
							   .len = 32,
							   .fds = two,
							   .nr_fds = 2}),
			 EINVAL);
	assert_int_equal(
		vu_call(&client, &(struct vu_out){.cmd = VU_DMA_MAP, .data = map, .len = 31}),
		EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	close(null);
}

static void refused__unmaps(void **state)
{
	uint64_t all[] = {24 | 2ull << 32, 0, 0};
	struct vu_out out = {.cmd = VU_DMA_UNMAP, .data = all, .len = 24};

	(void)state;
	assert_int_equal(vu_map(&client, 0x20000, 2 * PAGE, R | W, mem_fd, 0), 0);
	assert_int_equal(vu_map(&client, 0x40000, 2 * PAGE, R | W, mem_fd, 0), 0);
	assert_int_equal(vu_unmap(&client, 0x20000, PAGE), ENOENT);
	assert_int_equal(vu_unmap(&client, 0x21000, PAGE), ENOENT);
	assert_int_equal(vu_unmap(&client, 0x20000, 3 * PAGE), ENOENT);
	assert_int_equal(vu_unmap(&client, 0x30000, 2 * PAGE), ENOENT);
	assert_int_equal(vu_unmap(&client, ~0ull, 1), ENOENT);
	assert_int_equal(vu_unmap(&client, 0, 0), ENOENT);
	all[0] = 24 | 1ull << 32; /* with a bitmap of dirty pages */
	assert_int_equal(vu_call(&client, &out), ENOTSUP);
	all[0] = 24 | 2ull << 32; /* all, and yet only some */
	all[1] = 0x20000;
	assert_int_equal(vu_call(&client, &out), ENOTSUP);
	all[0] = 23;
	assert_int_equal(vu_call(&client, &out), EINVAL);
	assert_int_equal(dev.nr_unmaps, 0);
	all[0] = 24 | 2ull << 32;
	all[1] = 0;
	assert_int_equal(vu_call(&client, &out), 0);
	assert_int_equal(dev.nr_unmaps, 2);
}

/* ---- the client goes ---- */

static void gone__with_the_client(void **state)
{
	char buf[4] = "";

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, R, mem_fd, 0), 0);
	assert_int_equal(vu_map(&client, PAGE, PAGE, R, -1, 0), 0);
	vu_close(&client);
	vu_start(&client, dev.srv);
	assert_int_equal(dev.nr_unmaps, 2);
	vu_write(&client, CONFIG, 4, 6, 2);
	assert_int_equal(served_dma_read(&dev, 0, buf, 4), EFAULT);
	assert_int_equal(served_dma_read(&dev, PAGE, buf, 4), EFAULT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shared__is_the_clients_memory),   TEST(shared__rights),
		TEST(shared__a_file_for_reading_only), TEST(shared__bus_mastering_is_off),
		TEST(shared__the_device_refuses),      TEST(refused__mappings),
		TEST(refused__what_is_no_memory),      TEST(refused__unmaps),
		TEST(gone__with_the_client),
	};

	return cmocka_run_group_tests_name("serve_dma", tests, NULL, NULL);
}

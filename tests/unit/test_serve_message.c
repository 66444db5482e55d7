/* SPDX-License-Identifier: MIT */
/*
 * A server and a client that sends bytes: what is agreed on, what there is, accesses, and what is
 * refused. Expected bytes are the specification's, by hand.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "served_device.h"
#include "test.h"
#include "vu_client.h"

#define CONFIG 7

static struct served_device dev;
static struct vu_client client;

static int setup(void **state)
{
	(void)state;
	served_open(&dev, NULL);
	vu_open(&client, dev.srv);
	return 0;
}

static int setup_hello(void **state)
{
	setup(state);
	vu_hello(&client, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_close(&client);
	served_close(&dev);
	return 0;
}

/* ---- the first message ---- */

static void hello__defaults(void **state)
{
	/* What the client may never have heard of is not named: QEMU warns of that. */
	static const char reply[] = "\0\0\1\0{\"capabilities\":{\"max_msg_fds\":16,"
				    "\"max_data_xfer_size\":1048576,\"max_dma_maps\":16384,"
				    "\"pgsizes\":4096,\"write_multiple\":false}}";

	(void)state;
	vu_hello(&client, NULL);
	assert_int_equal(client.nr_fds, 0);
	assert_int_equal(client.len, sizeof(reply)); /* with the terminator */
	assert_memory_equal(client.data, reply, sizeof(reply));
}

static void hello__what_the_client_can(void **state)
{
	struct stat st;

	(void)state;
	vu_hello(&client, "{\"capabilities\":{\"max_msg_fds\":8,\"write_multiple\":true,"
			  "\"twin_socket\":{\"supported\":true}}}");
	assert_non_null(strstr((char *)client.data + 4, "\"write_multiple\":true"));
	assert_non_null(strstr((char *)client.data + 4, "{\"supported\":true,\"fd_index\":0}"));
	assert_int_equal(client.nr_fds, 1);
	assert_int_equal(fstat(client.fds[0], &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
}

static void hello__a_later_minor_version_is_ours(void **state)
{
	(void)state;
	assert_int_equal(
		vu_call(&client, &(struct vu_out){.cmd = VU_VERSION, .data = "\0\0\7\0", .len = 4}),
		0);
	assert_memory_equal(client.data, "\0\0\1\0", 4);
}

static void hello__version_0_0_stays_that(void **state)
{
	(void)state;
	assert_int_equal(
		vu_call(&client, &(struct vu_out){.cmd = VU_VERSION, .data = "\0\0\0\0", .len = 4}),
		0);
	assert_memory_equal(client.data, "\0\0\0\0", 4);
}

struct bad_hello {
	const char *what;
	uint16_t cmd;
	uint32_t flags;
	const char *data;
	size_t len;
};

static const struct bad_hello bad_hellos[] = {
	{"another major version", VU_VERSION, 0, "\1\0\0\0", 4},
	{"no version", VU_VERSION, 0, "", 0},
	{"half a version", VU_VERSION, 0, "\0\0", 2},
	{"no JSON", VU_VERSION, 0, "\0\0\1\0{\"cap", 9},
	{"JSON without its end", VU_VERSION, 0, "\0\0\1\0{}", 6},
	{"nothing at all in a message", VU_VERSION, 0,
	 "\0\0\1\0{\"capabilities\":{\"max_data_xfer_size\":0}}", 46},
	{"another command", VU_GET_INFO, 0, "\20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16},
	{"a reply", VU_VERSION, VU_REPLY, "\0\0\1\0", 4},
};

static void hello__what_cannot_be_agreed_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_hellos) / sizeof(bad_hellos[0]); i++) {
		const struct bad_hello *bad = &bad_hellos[i];

		print_message("# %s\n", bad->what);
		vu_send(&client, &(struct vu_out){.cmd = bad->cmd,
						  .flags = bad->flags,
						  .data = bad->data,
						  .len = bad->len});
		assert_true(vu_hung_up(&client));
		vu_close(&client);
		vu_open(&client, dev.srv);
	}
	vu_hello(&client, "{}");
}

/* ---- what there is ---- */

static void expect(uint16_t cmd, const uint32_t *words, size_t len, const void *reply,
		   size_t reply_len)
{
	assert_int_equal(vu_call(&client, &(struct vu_out){.cmd = cmd, .data = words, .len = len}),
			 0);
	assert_int_equal(client.len, reply_len);
	assert_memory_equal(client.data, reply, reply_len);
}

static void info__device(void **state)
{
	const uint32_t ask[] = {16, 0, 0, 0};
	const uint32_t reply[] = {16, 3, 9, 5}; /* reset, PCI; 9 regions, 5 kinds of interrupts */

	(void)state;
	expect(VU_GET_INFO, ask, sizeof(ask), reply, sizeof(reply));
}

static void info__regions(void **state)
{
	/* index, flags, size: BAR 4 has the table of vectors, 7 is configuration space */
	static const uint32_t regions[][3] = {
		{0, 3, 8192}, {1, 0, 0}, {3, 0, 0},    {4, 3, 8192},
		{5, 0, 0},    {6, 0, 0}, {7, 3, 4096}, {8, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		const uint32_t ask[] = {32, 0, regions[i][0], 0, 0, 0, 0, 0};
		const uint32_t reply[] = {32, regions[i][1], regions[i][0], 0, regions[i][2], 0, 0,
					  0};

		expect(VU_GET_REGION_INFO, ask, sizeof(ask), reply, sizeof(reply));
		assert_int_equal(client.nr_fds, 0);
	}
}

static void info__a_region_that_can_be_mapped(void **state)
{
	const uint32_t little[] = {32, 0, 2, 0, 0, 0, 0, 0}, enough[] = {64, 0, 2, 0, 0, 0, 0, 0};
	/* It is known at once that 64 bytes are needed, that it can be mapped, and that there are
	 * capabilities; and where they will be, without which QEMU goes no further. */
	const uint32_t head[] = {64, 15, 2, 32, 65536, 0, 0, 0};
	/* One capability: sparse areas (1), version 1, the last; one area. */
	const uint32_t all[] = {64,	     15, 2, 32, 65536, 0, 0,	0,
				1 | 1 << 16, 0,	 1, 0,	4096,  0, 4096, 0};
	unsigned char *mem;

	(void)state;
	expect(VU_GET_REGION_INFO, little, sizeof(little), head, sizeof(head));
	assert_int_equal(client.nr_fds, 0);
	expect(VU_GET_REGION_INFO, enough, sizeof(enough), all, sizeof(all));
	assert_int_equal(client.nr_fds, 1);
	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, client.fds[0], 4096);
	assert_true(mem != MAP_FAILED);
	mem[5] = 0xa5;
	assert_int_equal(vu_write(&client, CONFIG, 4, 2, 2), 0);
	assert_int_equal(vu_read(&client, 2, 4096 + 5, 1), 0xa5);
	munmap(mem, 4096);
}

static void info__interrupts(void **state)
{
	/* kind, flags, count: the pin masks itself; neither MSI nor errors nor requests */
	static const uint32_t kinds[][3] = {{0, 7, 1}, {1, 0, 0}, {2, 3, 3}, {3, 0, 0}, {4, 0, 0}};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		const uint32_t ask[] = {16, 0, kinds[i][0], 0};
		const uint32_t reply[] = {16, kinds[i][1], kinds[i][0], kinds[i][2]};

		expect(VU_GET_IRQ_INFO, ask, sizeof(ask), reply, sizeof(reply));
	}
}

/* ---- accesses ---- */

static void access__a_bar(void **state)
{
	(void)state;
	assert_int_equal(vu_write(&client, CONFIG, 4, 2, 2), 0);
	assert_int_equal(vu_write(&client, 0, 0x1ff8, 0x1122334455667788, 8), 0);
	assert_memory_equal(dev.bar0 + 0x1ff8, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	assert_int_equal(vu_read(&client, 0, 0x1ffe, 2), 0x1122);
	assert_int_equal(dev.last_bar, 0);
	assert_int_equal(dev.last_off, 0x1ffe);
	assert_int_equal(dev.last_len, 2);
	vu_read(&client, 2, 0, 65536);
	assert_int_equal(dev.last_bar, 2);
	assert_int_equal(dev.last_len, 65536);
}

static void access__memory_space_is_off(void **state)
{
	(void)state;
	assert_int_equal(vu_read(&client, 0, 0, 4), 0xffffffff);
	assert_int_equal(vu_write(&client, 0, 0, 0x12345678, 4), 0);
	assert_int_equal(vu_write(&client, CONFIG, 4, 2, 2), 0);
	assert_int_equal(vu_read(&client, 0, 0, 4), 0);
	/* D3hot is as good as off. */
	assert_int_equal(vu_write(&client, CONFIG, 0x44, 3, 2), 0);
	assert_int_equal(vu_read(&client, 0, 0, 4), 0xffffffff);
	assert_int_equal(vu_write(&client, CONFIG, 0x44, 0, 2), 0);
	assert_int_equal(vu_read(&client, 0, 0, 4), 0);
}

static void access__without_a_reply(void **state)
{
	const struct {
		uint64_t off;
		uint32_t region, count, val;
	} write = {16, 0, 4, 77};

	(void)state;
	vu_write(&client, CONFIG, 4, 2, 2);
	vu_send(&client,
		&(struct vu_out){
			.cmd = VU_REGION_WRITE, .flags = VU_NO_REPLY, .data = &write, .len = 20});
	/* Not even when it is refused. */
	vu_send(&client,
		&(struct vu_out){
			.cmd = VU_REGION_WRITE, .flags = VU_NO_REPLY, .data = &write, .len = 19});
	assert_int_equal(vu_read(&client, 0, 16, 4), 77);
}

static void access__several_writes(void **state)
{
	struct {
		uint64_t nr;
		struct {
			uint64_t off;
			uint32_t region, count;
			uint64_t val;
		} one[2];
	} multi = {2, {{0, 0, 4, 0xaabbccdd}, {9, 0, 1, 0xee}}};
	struct vu_out out = {.cmd = VU_WRITE_MULTI, .data = &multi, .len = 56};

	(void)state;
	vu_write(&client, CONFIG, 4, 2, 2);
	assert_int_equal(vu_call(&client, &out), 0);
	assert_int_equal(client.len, 8);
	assert_memory_equal(client.data, "\2\0\0\0\0\0\0\0", 8);
	assert_memory_equal(dev.bar0, "\xdd\xcc\xbb\xaa\0\0\0\0\0\xee\0", 11);
	/* If one of them is wrong, none is done. */
	multi.one[0].val = 1;
	multi.one[1].count = 9;
	assert_int_equal(vu_call(&client, &out), EINVAL);
	multi.one[1].count = 8;
	multi.one[1].off = 8185;
	assert_int_equal(vu_call(&client, &out), EINVAL);
	multi.one[1].off = 0;
	multi.nr = 1ull << 61; /* times 24 is 0 again in 64 bits, but for the carry */
	assert_int_equal(vu_call(&client, &out), EINVAL);
	multi.nr = 1;
	assert_int_equal(vu_call(&client, &out), EINVAL);
	assert_memory_equal(dev.bar0, "\xdd", 1);
}

struct bad_command {
	const char *what;
	uint16_t cmd;
	uint32_t words[12];
	size_t len;
	uint32_t error;
};

static const struct bad_command bad_commands[] = {
	{"a second version", VU_VERSION, {1 << 16}, 4, ENOTSUP},
	{"command 0", 0, {0}, 0, ENOTSUP},
	{"dirty pages, of an older version", VU_DIRTY_PAGES, {8}, 8, ENOTSUP},
	{"eventfds for regions", VU_GET_REGION_IO_FDS, {16}, 16, ENOTSUP},
	{"migration", VU_FEATURE, {16, 1 | 1 << 16}, 8, ENOTTY},
	{"a command of the server's", VU_DMA_READ, {0}, 16, ENOTSUP},
	{"a command of the future", 999, {0}, 0, ENOTSUP},
	{"device info: short", VU_GET_INFO, {16}, 12, EINVAL},
	{"device info: no room", VU_GET_INFO, {15}, 16, EINVAL},
	{"region info: short", VU_GET_REGION_INFO, {32}, 31, EINVAL},
	{"region info: no room", VU_GET_REGION_INFO, {31}, 32, EINVAL},
	{"region info: region 9", VU_GET_REGION_INFO, {32, 0, 9}, 32, EINVAL},
	{"interrupt info: short", VU_GET_IRQ_INFO, {16}, 15, EINVAL},
	{"interrupt info: no room", VU_GET_IRQ_INFO, {15}, 16, EINVAL},
	{"interrupt info: kind 5", VU_GET_IRQ_INFO, {16, 0, 5}, 16, EINVAL},
	{"read: short", VU_REGION_READ, {0, 0, 0, 4}, 15, EINVAL},
	{"read: nothing", VU_REGION_READ, {0, 0, 0, 0}, 16, EINVAL},
	{"read: the last byte is beyond", VU_REGION_READ, {8189, 0, 0, 4}, 16, EINVAL},
	{"read: offset and length wrap", VU_REGION_READ, {~3u, ~0u, 0, 8}, 16, EINVAL},
	{"read: no such BAR", VU_REGION_READ, {0, 0, 1, 4}, 16, EINVAL},
	{"read: region 9", VU_REGION_READ, {0, 0, 9, 4}, 16, EINVAL},
	{"read: region 4294967295", VU_REGION_READ, {0, 0, ~0u, 4}, 16, EINVAL},
	{"read: more than fits a message", VU_REGION_READ, {0, 0, 2, 1048577}, 16, EINVAL},
	{"write: short", VU_REGION_WRITE, {0, 0, 0, 4}, 15, EINVAL},
	{"write: less data than it says", VU_REGION_WRITE, {0, 0, 0, 4}, 19, EINVAL},
	{"write: more data than it says", VU_REGION_WRITE, {0, 0, 0, 4}, 21, EINVAL},
	{"write: configuration space is over", VU_REGION_WRITE, {4096, 0, 7, 4}, 20, EINVAL},
	{"several writes: short", VU_WRITE_MULTI, {0}, 7, EINVAL},
	{"several writes: half of one", VU_WRITE_MULTI, {1}, 20, EINVAL},
	{"interrupts: short", VU_SET_IRQS, {20, 0x21, 2, 0, 1}, 19, EINVAL},
	{"interrupts: no data type", VU_SET_IRQS, {20, 0x20, 2, 0, 1}, 20, EINVAL},
	{"interrupts: two data types", VU_SET_IRQS, {20, 0x23, 2, 0, 1}, 20, EINVAL},
	{"interrupts: no action", VU_SET_IRQS, {20, 0x01, 2, 0, 1}, 20, EINVAL},
	{"interrupts: two actions", VU_SET_IRQS, {20, 0x31, 2, 0, 1}, 20, EINVAL},
	{"interrupts: a flag of the future", VU_SET_IRQS, {20, 0x61, 2, 0, 1}, 20, EINVAL},
	{"interrupts: kind 5", VU_SET_IRQS, {20, 0x21, 5, 0, 0}, 20, EINVAL},
	{"interrupts: one too many", VU_SET_IRQS, {20, 0x21, 2, 1, 3}, 20, EINVAL},
	{"interrupts: start and count wrap", VU_SET_IRQS, {20, 0x21, 2, 2, ~0u}, 20, EINVAL},
	{"interrupts: starts behind the last", VU_SET_IRQS, {20, 0x21, 2, 4, 0}, 20, EINVAL},
	{"interrupts: a kind that is not there", VU_SET_IRQS, {20, 0x21, 1, 0, 1}, 20, EINVAL},
	{"interrupts: booleans are missing", VU_SET_IRQS, {20, 0x22, 2, 0, 3, 0}, 22, EINVAL},
	{"interrupts: none are masked", VU_SET_IRQS, {20, 0x09, 2, 0, 0}, 20, EINVAL},
	{"interrupts: eventfds for the mask", VU_SET_IRQS, {20, 0x0c, 2, 0, 1}, 20, ENOTSUP},
	{"interrupts: no eventfds for none", VU_SET_IRQS, {20, 0x24, 2, 0, 0}, 20, EINVAL},
};

static void refused__what_makes_no_sense(void **state)
{
	(void)state;
	vu_write(&client, CONFIG, 4, 2, 2);
	for (size_t i = 0; i < sizeof(bad_commands) / sizeof(bad_commands[0]); i++) {
		const struct bad_command *bad = &bad_commands[i];

		print_message("# %s\n", bad->what);
		assert_int_equal(vu_call(&client, &(struct vu_out){.cmd = bad->cmd,
								   .data = bad->words,
								   .len = bad->len}),
				 bad->error);
	}
	assert_int_equal(vu_read(&client, 0, 0, 4), 0);
}

struct bad_header {
	const char *what;
	struct vu_header hdr;
};

static const struct bad_header bad_headers[] = {
	{"shorter than a header", {1, VU_GET_INFO, 15, 0, 0}},
	{"of no size", {1, VU_GET_INFO, 0, 0, 0}},
	{"longer than any", {1, VU_REGION_WRITE, 1048576 + 16 + 65, 0, 0}},
	{"of 4 GiB", {1, VU_REGION_WRITE, 0xffffffff, 0, 0}},
	{"neither a command nor a reply", {1, VU_GET_INFO, 16, 2, 0}},
	{"a reply to nothing", {1, VU_DMA_READ, 16, VU_REPLY, 0}},
	{"a reply with an error to nothing", {1, VU_DMA_WRITE, 16, VU_REPLY | VU_ERROR, 5}},
};

static void hung_up__what_is_no_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_headers) / sizeof(bad_headers[0]); i++) {
		print_message("# %s\n", bad_headers[i].what);
		vu_bytes(&client, &bad_headers[i].hdr, sizeof(bad_headers[i].hdr));
		assert_true(vu_hung_up(&client));
		vu_close(&client);
		vu_start(&client, dev.srv);
	}
}

/* More than 16 descriptors; the server keeps none of them. */
static void hung_up__too_many_descriptors(void **state)
{
	struct vu_header hdr = {1, VU_RESET, 16, 0, 0};
	int pipes[2], fds[17];
	char byte;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < 17; i++)
		fds[i] = pipes[1];
	vu_send(&client, &(struct vu_out){.cmd = hdr.cmd, .fds = fds, .nr_fds = 17});
	assert_true(vu_hung_up(&client));
	vu_close(&client);
	vu_start(&client, dev.srv);
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 0); /* the end: nobody else could write */
	close(pipes[0]);
}

/* Descriptors that a command has no use for are closed. */
static void descriptors__are_not_kept(void **state)
{
	int pipes[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(
		vu_call(&client, &(struct vu_out){.cmd = VU_RESET, .fds = &pipes[1], .nr_fds = 1}),
		0);
	close(pipes[1]);
	vu_read(&client, CONFIG, 0, 4); /* the message after it */
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

/* ---- resets, and the next client ---- */

static void reset__leaves_configuration_space(void **state)
{
	(void)state;
	vu_write(&client, CONFIG, 4, 6, 2);
	vu_write(&client, CONFIG, 0x10, 0xe0000000, 4);
	assert_int_equal(vu_call(&client, &(struct vu_out){.cmd = VU_RESET}), 0);
	assert_int_equal(client.len, 0);
	assert_int_equal(dev.resets, 1);
	assert_int_equal(vu_read(&client, CONFIG, 4, 2), 6);
	assert_int_equal(vu_read(&client, CONFIG, 0x10, 4), 0xe0000000);
}

static void next_client__finds_a_new_device(void **state)
{
	(void)state;
	vu_write(&client, CONFIG, 4, 6, 2);
	vu_write(&client, CONFIG, 0x3c, 11, 1);
	vu_close(&client);
	vu_start(&client, dev.srv);
	assert_int_equal(dev.resets, 1);
	assert_int_equal(vu_read(&client, CONFIG, 4, 2), 0);
	assert_int_equal(vu_read(&client, CONFIG, 0x3c, 1), 0);
}

#define TEST(name)	 cmocka_unit_test_setup_teardown(name, setup_hello, teardown)
#define TEST_HELLO(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_HELLO(hello__defaults),
		TEST_HELLO(hello__what_the_client_can),
		TEST_HELLO(hello__a_later_minor_version_is_ours),
		TEST_HELLO(hello__version_0_0_stays_that),
		TEST_HELLO(hello__what_cannot_be_agreed_on),
		TEST(info__device),
		TEST(info__regions),
		TEST(info__a_region_that_can_be_mapped),
		TEST(info__interrupts),
		TEST(access__a_bar),
		TEST(access__memory_space_is_off),
		TEST(access__without_a_reply),
		TEST(access__several_writes),
		TEST(refused__what_makes_no_sense),
		TEST(hung_up__what_is_no_message),
		TEST(hung_up__too_many_descriptors),
		TEST(descriptors__are_not_kept),
		TEST(reset__leaves_configuration_space),
		TEST(next_client__finds_a_new_device),
	};

	return cmocka_run_group_tests_name("serve_message", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The client's memory by messages: what the server asks for, what a client may answer, and what it
 * must not. The device is the test's; its accesses are made by a thread of their own, since the
 * client, the test's thread, has to answer.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "served_device.h"
#include "support/deadline.h"
#include "test.h"
#include "vu_client.h"

#define CONFIG 7
#define PAGE   4096ull
#define PIECE  65536u /* most that the server asks for at once */
#define R      1u
#define W      2u

static struct served_device dev;
static struct vu_client client;

static void open_with(const struct serve_options *options)
{
	served_open(&dev, options);
	vu_start(&client, dev.srv);
	assert_int_equal(vu_write(&client, CONFIG, 4, 6, 2), 0);
}

static int setup(void **state)
{
	(void)state;
	open_with(NULL);
	return 0;
}

static int setup_impatient(void **state)
{
	(void)state;
	open_with(&(struct serve_options){.timeout_ms = 300});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_close(&client);
	served_close(&dev);
	return 0;
}

/* An access by a thread of the device's, while the test is the client. */
struct job {
	pthread_t thread;
	uint64_t iova;
	char buf[PIECE + 64];
	size_t len;
	bool write;
	int error;
};

static void *job_main(void *arg)
{
	struct job *job = arg;

	job->error = job->write ? served_dma_write(&dev, job->iova, job->buf, job->len)
				: served_dma_read(&dev, job->iova, job->buf, job->len);
	return NULL;
}

static void job_start(struct job *job)
{
	assert_int_equal(pthread_create(&job->thread, NULL, job_main, job), 0);
}

static int job_end(struct job *job)
{
	pthread_join(job->thread, NULL);
	return job->error;
}

static void expect_access(struct vu_client *c, uint16_t cmd, uint64_t iova, uint64_t count)
{
	const uint64_t body[] = {iova, count};

	assert_true(vu_receive(c));
	assert_int_equal(c->hdr.cmd, cmd);
	assert_int_equal(c->hdr.flags, 0);
	assert_int_equal(c->len, cmd == VU_DMA_WRITE ? 16 + count : 16);
	assert_memory_equal(c->data, body, 16);
}

static void answer(struct vu_client *c, uint16_t cmd, uint64_t iova, uint64_t count,
		   const char *data)
{
	struct {
		uint64_t iova, count;
		char data[PIECE];
	} reply = {iova, count, ""};

	if (data)
		memcpy(reply.data, data, count);
	vu_send(c, &(struct vu_out){.cmd = cmd,
				    .flags = VU_REPLY,
				    .data = &reply,
				    .len = 16 + (data ? count : 0)});
}

static void message__read_and_write(void **state)
{
	struct job job = {.iova = 0x100010, .len = 5};

	(void)state;
	assert_int_equal(vu_map(&client, 0x100000, PAGE, R | W, -1, 0), 0);
	assert_null(dev.last_map.mem);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 0x100010, 5);
	answer(&client, VU_DMA_READ, 0x100010, 5, "hello");
	assert_int_equal(job_end(&job), 0);
	assert_memory_equal(job.buf, "hello", 5);
	job.write = true;
	job_start(&job);
	expect_access(&client, VU_DMA_WRITE, 0x100010, 5);
	assert_memory_equal(client.data + 16, "hello", 5);
	answer(&client, VU_DMA_WRITE, 0x100010, 5, NULL);
	assert_int_equal(job_end(&job), 0);
}

/* The specification has 12 bytes in the reply to DMA_WRITE; others send 16. */
static void message__a_short_reply_to_a_write(void **state)
{
	struct job job = {.iova = 0, .len = 1, .write = true};

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, W, -1, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_WRITE, 0, 1);
	vu_send(&client, &(struct vu_out){.cmd = VU_DMA_WRITE,
					  .flags = VU_REPLY,
					  .data = "\0\0\0\0\0\0\0\0\1\0\0\0",
					  .len = 12});
	assert_int_equal(job_end(&job), 0);
}

static void message__the_client_refuses(void **state)
{
	struct job job = {.iova = 0, .len = 4};

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 0, 4);
	vu_send(&client, &(struct vu_out){.cmd = VU_DMA_READ, .flags = VU_REPLY | VU_ERROR});
	assert_int_equal(job_end(&job), EFAULT);
	vu_read(&client, CONFIG, 0, 4); /* it goes on */
}

/* Commands and replies in any order: the server answers while its device waits. */
static void message__among_commands(void **state)
{
	struct job job = {.iova = 0, .len = 4};
	uint16_t id;

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 0, 4);
	id = client.hdr.id;
	for (uint32_t i = 0; i < 200; i++) {
		vu_write(&client, CONFIG, 0x3c, i & 0xff, 1);
		assert_int_equal(vu_read(&client, CONFIG, 0x3c, 1), i & 0xff);
	}
	client.hdr.id = id;
	answer(&client, VU_DMA_READ, 0, 4, "late");
	assert_int_equal(job_end(&job), 0);
	assert_memory_equal(job.buf, "late", 4);
}

static void message__by_the_second_socket(void **state)
{
	struct job job = {.iova = 0, .len = 4};
	struct vu_client twin;

	(void)state;
	vu_close(&client);
	vu_open(&client, dev.srv);
	vu_hello(&client, "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}");
	assert_int_equal(client.nr_fds, 1);
	vu_open_fd(&twin, dup(client.fds[0]));
	vu_write(&client, CONFIG, 4, 6, 2);
	assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
	job_start(&job);
	expect_access(&twin, VU_DMA_READ, 0, 4);
	vu_read(&client, CONFIG, 0, 4);
	answer(&twin, VU_DMA_READ, 0, 4, "twin");
	assert_int_equal(job_end(&job), 0);
	assert_memory_equal(job.buf, "twin", 4);
	/* A command has no business there. */
	job_start(&job);
	expect_access(&twin, VU_DMA_READ, 0, 4);
	vu_send(&twin, &(struct vu_out){.cmd = VU_RESET});
	assert_int_equal(job_end(&job), EPROTO);
	assert_true(vu_hung_up(&client));
	vu_close(&twin);
}

static void message__no_more_than_the_client_takes(void **state)
{
	struct job job = {.iova = 0, .len = 10};

	(void)state;
	vu_close(&client);
	vu_open(&client, dev.srv);
	vu_hello(&client, "{\"capabilities\":{\"max_data_xfer_size\":4}}");
	vu_write(&client, CONFIG, 4, 6, 2);
	assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 0, 4);
	answer(&client, VU_DMA_READ, 0, 4, "abcd");
	expect_access(&client, VU_DMA_READ, 4, 4);
	answer(&client, VU_DMA_READ, 4, 4, "efgh");
	expect_access(&client, VU_DMA_READ, 8, 2);
	answer(&client, VU_DMA_READ, 8, 2, "ij");
	assert_int_equal(job_end(&job), 0);
	assert_memory_equal(job.buf, "abcdefghij", 10);
}

/* A client of QEMU's kind does not get a larger reply through its socket. */
static void message__no_more_than_a_socket_takes(void **state)
{
	static char data[PIECE + 5];
	struct job job = {.iova = 16, .len = sizeof(data)};

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i % 251);
	assert_int_equal(vu_map(&client, 0, 17 * PAGE, R, -1, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 16, PIECE);
	answer(&client, VU_DMA_READ, 16, PIECE, data);
	expect_access(&client, VU_DMA_READ, 16 + PIECE, 5);
	answer(&client, VU_DMA_READ, 16 + PIECE, 5, data + PIECE);
	assert_int_equal(job_end(&job), 0);
	assert_memory_equal(job.buf, data, sizeof(data));
}

struct lie {
	const char *what;
	uint16_t id_off, cmd;
	uint64_t iova, count;
	size_t len;
};

static const struct lie lies[] = {
	{"another id", 1, VU_DMA_READ, 0, 4, 20},
	{"another command", 0, VU_DMA_WRITE, 0, 4, 20},
	{"another address", 0, VU_DMA_READ, 8, 4, 20},
	{"another count", 0, VU_DMA_READ, 0, 5, 20},
	{"less data", 0, VU_DMA_READ, 0, 4, 19},
	{"more data", 0, VU_DMA_READ, 0, 4, 21},
	{"no data", 0, VU_DMA_READ, 0, 4, 0},
};

static void message__lies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie *lie = &lies[i];
		struct job job = {.iova = 0, .len = 4};
		uint64_t reply[4] = {lie->iova, lie->count};

		print_message("# %s\n", lie->what);
		assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
		job_start(&job);
		expect_access(&client, VU_DMA_READ, 0, 4);
		client.hdr.id = (uint16_t)(client.hdr.id + lie->id_off);
		vu_send(&client, &(struct vu_out){.cmd = lie->cmd,
						  .flags = VU_REPLY,
						  .data = reply,
						  .len = lie->len});
		assert_int_equal(job_end(&job), EPROTO);
		assert_true(vu_hung_up(&client));
		vu_close(&client);
		vu_start(&client, dev.srv);
		vu_write(&client, CONFIG, 4, 6, 2);
	}
}

static void message__no_answer(void **state)
{
	struct job job = {.iova = 0, .len = 4};
	uint64_t begin = now_ns();

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
	job_start(&job);
	assert_int_equal(job_end(&job), ETIMEDOUT);
	assert_in_range(now_ns() - begin, 250 * NS_PER_MS, 20000 * NS_PER_MS);
	expect_access(&client, VU_DMA_READ, 0, 4); /* it had been asked */
	assert_true(vu_hung_up(&client));
}

static void message__half_an_answer(void **state)
{
	struct job job = {.iova = 0, .len = 4};

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 0, 4);
	vu_bytes(&client, &client.hdr, 7);
	assert_int_not_equal(job_end(&job), 0);
	assert_true(vu_hung_up(&client));
}

static void message__the_client_dies(void **state)
{
	struct job job = {.iova = 0, .len = 4};

	(void)state;
	assert_int_equal(vu_map(&client, 0, PAGE, R, -1, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 0, 4);
	vu_close(&client);
	assert_int_equal(job_end(&job), ENODEV);
	vu_start(&client, dev.srv);
}

/* Descriptors are there and are not used: the memory is reached all the same. */
static void message__instead_of_descriptors(void **state)
{
	struct job job = {.iova = 0, .len = 4};
	int mem_fd = memfd_create("client", MFD_CLOEXEC);

	teardown(state);
	open_with(&(struct serve_options){.no_shared_dma = true});
	assert_int_equal(ftruncate(mem_fd, PAGE), 0);
	assert_int_equal(vu_map(&client, 0, PAGE, R, mem_fd, 0), 0);
	job_start(&job);
	expect_access(&client, VU_DMA_READ, 0, 4);
	answer(&client, VU_DMA_READ, 0, 4, "text");
	assert_int_equal(job_end(&job), 0);
	close(mem_fd);
}

#define TEST(name)	 cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_SHORT(name) cmocka_unit_test_setup_teardown(name, setup_impatient, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(message__read_and_write),
		TEST(message__a_short_reply_to_a_write),
		TEST(message__the_client_refuses),
		TEST(message__among_commands),
		TEST(message__by_the_second_socket),
		TEST(message__no_more_than_the_client_takes),
		TEST(message__no_more_than_a_socket_takes),
		TEST(message__lies),
		TEST_SHORT(message__no_answer),
		TEST_SHORT(message__half_an_answer),
		TEST(message__the_client_dies),
		TEST(message__instead_of_descriptors),
	};

	return cmocka_run_group_tests_name("serve_dma_message", tests, NULL, NULL);
}

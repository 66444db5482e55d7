/* SPDX-License-Identifier: MIT */
/*
 * A client that does not share its memory and answers no DMA command while it waits for a reply, as
 * QEMU. The controller waits for it in the middle of a command; what the client asks for meanwhile
 * must not wait for the controller.
 */
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "vu_client.h"

#define BAR0   0
#define BAR4   4
#define CONFIG 7
#define PAGE   4096ull

#define MEM	 0x100000ull /* submission queue, then completion queue */
#define MEM_LEN	 (16 * PAGE)
#define NEW_MEM	 0x200000ull
#define MSIX_CTL 12 /* of the first entry */

#define INTX	     0u
#define MSIX	     2u
#define EVENTFD	     0x24u /* VFIO_IRQ_SET_DATA_EVENTFD, _ACTION_TRIGGER */
#define MASK	     0x09u /* VFIO_IRQ_SET_DATA_NONE, _ACTION_MASK */
#define UNMASK	     0x11u
#define TRIGGER	     0x21u
#define TRIES	     1000
#define MSIX_ENABLE  0x8000u
#define MSIX_MASKALL 0x4000u

static struct serve *srv;
static struct vu_client client;

/* The DMA command that waits for its answer. */
static struct {
	bool there;
	uint16_t id, cmd;
	uint64_t body[2];
} held;

static int setup(void **state)
{
	(void)state;
	srv = serve_emu("emu:size=1M", NULL);
	assert_non_null(srv);
	vu_start(&client, srv);
	assert_int_equal(vu_write(&client, CONFIG, 4, 6, 2), 0);
	assert_int_equal(vu_map(&client, MEM, MEM_LEN, 3, -1, 0), 0);
	held.there = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_close(&client);
	serve_close(srv);
	return 0;
}

static bool is_dma(void)
{
	return !(client.hdr.flags & VU_REPLY) &&
	       (client.hdr.cmd == VU_DMA_READ || client.hdr.cmd == VU_DMA_WRITE);
}

static void hold(void)
{
	assert_false(held.there);
	held.there = true;
	held.id = client.hdr.id;
	held.cmd = client.hdr.cmd;
	memcpy(held.body, client.data, sizeof(held.body));
}

/* Send a command, and wait for its reply: a DMA command that comes before is left alone. */
static void ask(const struct vu_out *out)
{
	uint16_t id;

	vu_send(&client, out);
	id = client.id;
	assert_true(vu_receive(&client));
	if (is_dma()) {
		hold();
		assert_true(vu_receive(&client));
	}
	assert_int_equal(client.hdr.id, id);
	assert_int_equal(client.hdr.cmd, out->cmd);
	assert_int_equal(client.hdr.flags, VU_REPLY);
}

struct access {
	uint64_t off;
	uint32_t region, count;
	uint64_t val;
};

static uint64_t ask_read(uint32_t region, uint64_t off, uint32_t len)
{
	struct access access = {off, region, len, 0};
	uint64_t val = 0;

	ask(&(struct vu_out){.cmd = VU_REGION_READ, .data = &access, .len = 16});
	assert_int_equal(client.len, 16 + len);
	memcpy(&val, client.data + 16, len);
	return val;
}

static void ask_write(uint32_t region, uint64_t off, uint64_t val, uint32_t len)
{
	struct access access = {off, region, len, val};

	ask(&(struct vu_out){.cmd = VU_REGION_WRITE, .data = &access, .len = 16 + len});
}

static void ask_irqs(uint32_t kind, uint32_t flags, const int *fd)
{
	uint32_t set[] = {20, flags, kind, 0, 1};

	ask(&(struct vu_out){
		.cmd = VU_SET_IRQS, .data = set, .len = 20, .fds = fd, .nr_fds = fd ? 1 : 0});
}

static void ask_map(uint64_t iova, int fd)
{
	struct {
		uint32_t argsz, flags;
		uint64_t off, iova, len;
	} map = {32, 3, 0, iova, PAGE};

	ask(&(struct vu_out){
		.cmd = VU_DMA_MAP, .data = &map, .len = 32, .fds = &fd, .nr_fds = fd >= 0});
}

/* Enable the controller, and have it wait for the first entry of its queue. */
static void start_command(void)
{
	int tries = TRIES;

	assert_int_equal(vu_write(&client, BAR0, 0x24, 0x000f000f, 4), 0); /* AQA */
	assert_int_equal(vu_write(&client, BAR0, 0x28, MEM, 8), 0);	   /* ASQ */
	assert_int_equal(vu_write(&client, BAR0, 0x30, MEM + PAGE, 8), 0); /* ACQ */
	assert_int_equal(vu_write(&client, BAR0, 0x14, 0x00460001, 4), 0); /* CC */
	while (!(vu_read(&client, BAR0, 0x1c, 4) & 1) && tries--)
		usleep(10000);
	assert_true(tries > 0);
	ask_write(BAR0, 0x1000, 1, 4); /* tail of the admin queue */
	if (!held.there) {
		assert_true(vu_receive(&client));
		assert_true(is_dma());
		hold();
	}
	assert_int_equal(held.cmd, VU_DMA_READ);
	assert_int_equal(held.body[0], MEM);
}

/* Zeros: an entry of opcode 00h, Delete I/O Submission Queue, that names no queue. */
static void answer(void)
{
	struct {
		uint64_t body[2];
		char data[PAGE];
	} reply = {{held.body[0], held.body[1]}, ""};
	bool read = held.cmd == VU_DMA_READ;

	assert_true(held.body[1] <= sizeof(reply.data));
	held.there = false;
	client.hdr.id = held.id;
	vu_send(&client, &(struct vu_out){.cmd = held.cmd,
					  .flags = VU_REPLY,
					  .data = &reply,
					  .len = 16 + (read ? held.body[1] : 0)});
}

/* Answer until a completion was written, to its end. */
static void finish_command(void)
{
	bool completed = false;
	static uint64_t end;

	end = held.body[0] == MEM ? MEM + PAGE + 16 : end + 16;

	while (!completed) {
		if (!held.there) {
			assert_true(vu_receive(&client));
			assert_true(is_dma());
			hold();
		}
		completed = held.cmd == VU_DMA_WRITE && held.body[0] + held.body[1] == end;
		answer();
	}
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static void hold__eventfds(void **state)
{
	int fd = new_eventfd(), other = new_eventfd();

	(void)state;
	start_command();
	ask_irqs(MSIX, EVENTFD, &other);
	ask_irqs(MSIX, MASK, NULL);
	ask_irqs(MSIX, UNMASK, NULL);
	ask_irqs(MSIX, TRIGGER, NULL);
	assert_int_equal(vu_counter(other), 1);
	ask_irqs(MSIX, EVENTFD, NULL); /* none */
	ask_irqs(MSIX, EVENTFD, &fd);
	assert_true(held.there);
	finish_command();
	/* What was tied meanwhile is what counts. */
	assert_int_equal(vu_wait_counter(fd), 1);
	assert_int_equal(vu_counter(other), 0);
	close(fd);
	close(other);
}

static void hold__masks_and_pending_bits(void **state)
{
	int fd = new_eventfd(), tries = TRIES;
	uint64_t cap;

	(void)state;
	assert_int_equal(vu_irqs(&client, EVENTFD, MSIX, 0, 1, &fd, 1), 0);
	cap = vu_read(&client, CONFIG, 0x34, 1);
	while (vu_read(&client, CONFIG, cap, 1) != 0x11)
		cap = vu_read(&client, CONFIG, cap + 1, 1);
	start_command();
	ask_write(BAR4, MSIX_CTL, 1, 4);
	ask_write(BAR4, MSIX_CTL, 0, 4);
	ask_write(CONFIG, cap + 2, MSIX_ENABLE | MSIX_MASKALL, 2);
	assert_int_equal(ask_read(BAR4, (ask_read(CONFIG, cap + 8, 4) & ~7ull), 8), 0);
	assert_true(held.there);
	finish_command();
	while (!(vu_read(&client, BAR4, vu_read(&client, CONFIG, cap + 8, 4) & ~7ull, 8) & 1) &&
	       tries--)
		usleep(10000);
	assert_int_equal(vu_counter(fd), 0);
	assert_int_equal(vu_write(&client, CONFIG, cap + 2, MSIX_ENABLE, 2), 0);
	assert_int_equal(vu_wait_counter(fd), 1);
	close(fd);
}

static void hold__the_pin(void **state)
{
	int fd = new_eventfd(), other = new_eventfd();

	(void)state;
	assert_int_equal(vu_irqs(&client, EVENTFD, INTX, 0, 1, &other, 1), 0);
	start_command();
	ask_irqs(INTX, EVENTFD, &fd);
	ask_irqs(INTX, MASK, NULL);
	ask_irqs(INTX, UNMASK, NULL);
	assert_int_equal(ask_read(CONFIG, 6, 2) & 8, 0); /* status: no interrupt */
	assert_true(held.there);
	finish_command();
	assert_int_equal(vu_wait_counter(fd), 1);
	assert_int_equal(vu_read(&client, CONFIG, 6, 2) & 8, 8);
	/* It is up, and unmasked when the controller cannot say so: that is made up for. */
	ask_write(BAR0, 0x1000, 2, 4);
	if (!held.there) {
		assert_true(vu_receive(&client));
		assert_true(is_dma());
		hold();
	}
	ask_irqs(INTX, UNMASK, NULL);
	assert_int_equal(vu_counter(fd), 0);
	finish_command();
	assert_int_equal(vu_wait_counter(fd), 1);
	assert_int_equal(vu_counter(other), 0);
	close(fd);
	close(other);
}

static void hold__what_else_does_not_wait(void **state)
{
	uint32_t irq_info[] = {16, 0, MSIX, 0}, info[4] = {16, 0, 0, 0};
	uint64_t region_info[4] = {32, 0, 0, 0};
	int fd = memfd_create("client", MFD_CLOEXEC), irq = new_eventfd();

	(void)state;
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(vu_irqs(&client, EVENTFD, MSIX, 0, 1, &irq, 1), 0);
	start_command();
	ask(&(struct vu_out){.cmd = VU_GET_INFO, .data = info, .len = 16});
	ask(&(struct vu_out){.cmd = VU_GET_REGION_INFO, .data = region_info, .len = 32});
	ask(&(struct vu_out){.cmd = VU_GET_IRQ_INFO, .data = irq_info, .len = 16});
	ask_map(NEW_MEM, fd);
	ask_map(NEW_MEM + PAGE, -1);
	assert_int_equal(ask_read(BAR0, 0x1c, 4), 1); /* CSTS: ready */
	assert_int_equal(ask_read(BAR0, 0x30, 8), MEM + PAGE);
	assert_int_equal(ask_read(CONFIG, 4, 4) & 0xffff, 6);
	ask_write(CONFIG, 0x3c, 5, 1);
	ask_write(BAR0, 0x1004, 0, 4); /* a doorbell */
	assert_true(held.there);
	finish_command();
	close(fd);
	close(irq);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hold__eventfds),
		TEST(hold__masks_and_pending_bits),
		TEST(hold__the_pin),
		TEST(hold__what_else_does_not_wait),
	};

	return cmocka_run_group_tests_name("serve_hold", tests, NULL, NULL);
}

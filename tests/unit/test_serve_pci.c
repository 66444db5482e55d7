/* SPDX-License-Identifier: MIT */
/*
 * Configuration space and interrupts of a served device, as a client sees them. Expected values are
 * the PCI specifications', by hand: offsets and bits are literal.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "served_device.h"
#include "test.h"
#include "vu_client.h"

#define CONFIG 7
#define TABLE  4      /* BAR of the vectors' table */
#define PBA    0x1000 /* in that BAR */

#define PIN	0
#define VECTORS 2

/* SET_IRQS flags */
#define NONE	0x01u
#define BOOL	0x02u
#define EVENTFD 0x04u
#define MASK	0x08u
#define UNMASK	0x10u
#define TRIGGER 0x20u

static struct served_device dev;
static struct vu_client client;
static int fds[SERVED_VECTORS];

static int setup(void **state)
{
	(void)state;
	served_open(&dev, NULL);
	vu_start(&client, dev.srv);
	for (unsigned int i = 0; i < SERVED_VECTORS; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK);
		assert_true(fds[i] >= 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_close(&client);
	served_close(&dev);
	for (unsigned int i = 0; i < SERVED_VECTORS; i++)
		close(fds[i]);
	return 0;
}

static uint32_t config(uint32_t off, uint32_t len)
{
	return (uint32_t)vu_read(&client, CONFIG, off, len);
}

static void config_set(uint32_t off, uint32_t val, uint32_t len)
{
	assert_int_equal(vu_write(&client, CONFIG, off, val, len), 0);
}

/* ---- configuration space ---- */

static void config__header(void **state)
{
	(void)state;
	assert_int_equal(config(0x00, 4), 0x56781234);
	assert_int_equal(config(0x04, 4), 0x00100000); /* capabilities; nothing is on */
	assert_int_equal(config(0x08, 4), 0x01080207);
	assert_int_equal(config(0x0c, 4), 0);
	assert_int_equal(config(0x2c, 4), 0xdef09abc);
	assert_int_equal(config(0x30, 4), 0);	  /* no ROM */
	assert_int_equal(config(0x3c, 2), 0x100); /* INTA */
	assert_int_equal(config(0x100, 4), 0);	  /* no extended capabilities */
}

static void config__capabilities(void **state)
{
	(void)state;
	assert_int_equal(config(0x34, 1), 0x40);
	/* Power management, version 3, D0 and D3 only; nothing is lost on the way back. */
	assert_int_equal(config(0x40, 4), 0x00035001);
	assert_int_equal(config(0x44, 2), 0x0008);
	/* MSI-X: 3 vectors (0's based), off; table and pending bits in BAR 4. */
	assert_int_equal(config(0x50, 4), 0x00026011);
	assert_int_equal(config(0x54, 4), 0x00000004);
	assert_int_equal(config(0x58, 4), 0x00001004);
	/* PCI Express endpoint, version 2; errors by role, function-level reset. */
	assert_int_equal(config(0x60, 4), 0x00020010);
	assert_int_equal(config(0x64, 4), 0x10008000);
	assert_int_equal(config(0x6c, 4), 0x00000011); /* one lane, 2.5 GT/s */
}

static void config__what_is_constant_stays(void **state)
{
	static const uint16_t constant[] = {0x00, 0x08, 0x2c, 0x30, 0x34, 0x40,
					    0x54, 0x58, 0x64, 0x6c, 0x100};

	(void)state;
	for (size_t i = 0; i < sizeof(constant) / sizeof(constant[0]); i++) {
		uint32_t before = config(constant[i], 4);

		config_set(constant[i], ~before, 4);
		assert_int_equal(config(constant[i], 4), before);
	}
}

struct bar {
	uint32_t off;
	uint32_t ones, zeros; /* what is read after they were written */
};

static void config__bars_tell_their_size(void **state)
{
	static const struct bar bars[] = {
		{0x10, 0xffffe000, 0}, /* 8 KiB, 32 bits */
		{0x14, 0, 0},
		{0x18, 0xffff000c, 0xc}, /* 64 KiB, 64 bits, prefetchable */
		{0x1c, 0xffffffff, 0},
		{0x20, 0xffffe000, 0}, /* the table: 4 KiB and as much for pending bits */
		{0x24, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		config_set(bars[i].off, 0xffffffff, 4);
		assert_int_equal(config(bars[i].off, 4), bars[i].ones);
		config_set(bars[i].off, 0, 4);
		assert_int_equal(config(bars[i].off, 4), bars[i].zeros);
	}
}

static void config__command(void **state)
{
	(void)state;
	config_set(0x04, 0xffff, 2);
	assert_int_equal(config(0x04, 2), 0x0546); /* memory, master, parity, SERR, no pin */
	config_set(0x06, 0xffff, 2);
	assert_int_equal(config(0x06, 2), 0x0010);
	config_set(0x05, 0, 1); /* by bytes */
	assert_int_equal(config(0x04, 2), 0x0046);
}

static void config__power_states(void **state)
{
	(void)state;
	config_set(0x44, 3, 2);
	assert_int_equal(config(0x44, 2), 0x000b);
	config_set(0x44, 1, 2); /* D1 is not there: nothing changes */
	assert_int_equal(config(0x44, 2), 0x000b);
	config_set(0x44, 0, 2);
	assert_int_equal(config(0x44, 2), 0x0008);
}

static void config__function_level_reset(void **state)
{
	(void)state;
	config_set(0x04, 6, 2);
	config_set(0x10, 0xe0000000, 4);
	config_set(0x3c, 11, 1);
	config_set(0x52, 0xc000, 2);
	config_set(0x68, 0x8000 | 0x2810, 2);
	assert_int_equal(dev.resets, 1);
	assert_int_equal(config(0x68, 2), 0x2810); /* it reads as 0, and the rest is the default */
	assert_int_equal(config(0x04, 2), 0);
	assert_int_equal(config(0x10, 4), 0);
	assert_int_equal(config(0x3c, 1), 0);
	assert_int_equal(config(0x52, 2), 0x0002);
}

/* ---- what is no device ---- */

static void device__that_makes_no_sense(void **state)
{
	struct serve_pci pci;
	struct serve_ops ops = served_ops;

	(void)state;
#define REFUSED(change)                                          \
	do {                                                     \
		served_describe(&pci);                           \
		change;                                          \
		errno = 0;                                       \
		assert_null(serve_open(&pci, &ops, &dev, NULL)); \
		assert_int_equal(errno, EINVAL);                 \
	} while (0)
	REFUSED(pci.class_code = 0x1000000);
	REFUSED(pci.nr_vectors = 2049);
	REFUSED(pci.msix_bar = 6);
	REFUSED(pci.msix_bar = 0); /* is taken */
	REFUSED(pci.msix_bar = 3); /* half of BAR 2 */
	REFUSED(pci.bars[0].size = 2048);
	REFUSED(pci.bars[0].size = 12288);
	REFUSED(pci.bars[0].size = 1ull << 32);
	REFUSED(pci.bars[2].size = 1ull << 47);
	REFUSED(pci.bars[3].size = 4096);
	REFUSED((pci.bars[5].size = 4096, pci.bars[5].wide = true));
	REFUSED((pci.bars[2].fd = 0, pci.bars[2].map_len = 0));
	REFUSED((pci.bars[2].fd = 0, pci.bars[2].map_len = 100));
	REFUSED((pci.bars[2].fd = 0, pci.bars[2].map_off = 65536));
	REFUSED(ops.read = NULL);
	ops = served_ops;
	REFUSED(ops.dma_map = NULL);
	ops = served_ops;
	REFUSED(ops.intx_level = NULL);
#undef REFUSED
}

/* ---- vectors ---- */

static void tie_all(void)
{
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 3, fds, 3), 0);
}

static void raise_irq(unsigned int vector)
{
	assert_int_equal(serve_irq(dev.srv, vector), 0);
}

static void vector__signals_what_it_is_tied_to(void **state)
{
	(void)state;
	raise_irq(1); /* nobody */
	tie_all();
	raise_irq(1);
	raise_irq(1);
	raise_irq(2);
	assert_int_equal(vu_counter(fds[0]), 0);
	assert_int_equal(vu_counter(fds[1]), 2);
	assert_int_equal(vu_counter(fds[2]), 1);
	assert_int_equal(serve_irq(dev.srv, 3), -1);
	assert_int_equal(errno, EINVAL);
}

static void vector__is_untied(void **state)
{
	(void)state;
	tie_all();
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 1, 1, NULL, 0), 0);
	raise_irq(0);
	raise_irq(1);
	assert_int_equal(vu_counter(fds[0]), 1);
	assert_int_equal(vu_counter(fds[1]), 0);
	assert_int_equal(vu_irqs(&client, NONE | TRIGGER, VECTORS, 0, 0, NULL, 0), 0);
	raise_irq(0);
	assert_int_equal(vu_counter(fds[0]), 0);
}

/* All or nothing; and nothing that could block who signals it. */
static void vector__wrong_descriptors(void **state)
{
	int pair[2], pipes[2];

	(void)state;
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 3, fds, 2), EINVAL);
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 2, fds, 3), EINVAL);
	assert_int_equal(vu_irqs(&client, NONE | TRIGGER, VECTORS, 0, 1, fds, 1), EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 1, &pipes[1], 1), EINVAL);
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 1, &pair[0], 1), EINVAL);
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(pair[i]);
	}
	raise_irq(0);
}

static void vector__the_client_triggers(void **state)
{
	const uint32_t some[] = {23, BOOL | TRIGGER, VECTORS, 0, 3, 0x010001};

	(void)state;
	tie_all();
	assert_int_equal(vu_irqs(&client, NONE | TRIGGER, VECTORS, 1, 1, NULL, 0), 0);
	assert_int_equal(vu_counter(fds[1]), 1);
	assert_int_equal(
		vu_call(&client, &(struct vu_out){.cmd = VU_SET_IRQS, .data = some, .len = 23}), 0);
	assert_int_equal(vu_counter(fds[0]), 1);
	assert_int_equal(vu_counter(fds[1]), 0);
	assert_int_equal(vu_counter(fds[2]), 1);
}

static uint32_t pending(void)
{
	return (uint32_t)vu_read(&client, TABLE, PBA, 4);
}

static void vector__masked_by_a_message(void **state)
{
	(void)state;
	config_set(0x04, 2, 2);
	tie_all();
	assert_int_equal(vu_irqs(&client, NONE | MASK, VECTORS, 0, 2, NULL, 0), 0);
	raise_irq(0);
	raise_irq(1);
	raise_irq(1);
	raise_irq(2);
	assert_int_equal(vu_counter(fds[0]) + vu_counter(fds[1]), 0);
	assert_int_equal(vu_counter(fds[2]), 1);
	assert_int_equal(pending(), 3);
	assert_int_equal(vu_irqs(&client, NONE | UNMASK, VECTORS, 1, 1, NULL, 0), 0);
	assert_int_equal(vu_counter(fds[1]), 1); /* once, however often it was */
	assert_int_equal(pending(), 1);
}

/* Entries are masked after a reset, but only a client that writes to them has them count. */
static void vector__masked_by_the_table(void **state)
{
	(void)state;
	config_set(0x04, 2, 2);
	assert_int_equal(vu_read(&client, TABLE, 12, 4), 1);
	tie_all();
	raise_irq(0);
	assert_int_equal(vu_counter(fds[0]), 1);
	vu_write(&client, TABLE, 16, 0xfee00003, 4);
	assert_int_equal(vu_read(&client, TABLE, 16, 4), 0xfee00000);
	raise_irq(0);
	assert_int_equal(vu_counter(fds[0]), 1);
	vu_write(&client, TABLE, 12, 0xfffffffe, 4); /* unmask the first: now it is in use */
	assert_int_equal(vu_read(&client, TABLE, 12, 4), 0);
	raise_irq(0);
	raise_irq(1);
	assert_int_equal(vu_counter(fds[0]), 1);
	assert_int_equal(vu_counter(fds[1]), 0);
	assert_int_equal(pending(), 2);
	vu_write(&client, TABLE, 28, 0, 4);
	assert_int_equal(vu_counter(fds[1]), 1);
	assert_int_equal(pending(), 0);
	/* The pending bits cannot be written, nor what is behind the table. */
	vu_write(&client, TABLE, PBA, 0xff, 4);
	vu_write(&client, TABLE, 48, 0xff, 4);
	assert_int_equal(pending(), 0);
	assert_int_equal(vu_read(&client, TABLE, 48, 4), 0);
}

static void vector__masked_all_at_once(void **state)
{
	(void)state;
	config_set(0x04, 2, 2);
	tie_all();
	config_set(0x52, 0xc000, 2);
	raise_irq(2);
	assert_int_equal(pending(), 4);
	assert_int_equal(vu_counter(fds[2]), 0);
	config_set(0x52, 0x8000, 2);
	assert_int_equal(vu_counter(fds[2]), 1);
}

/* What is pending goes with its vector; a client that ties another eventfd meanwhile gets it. */
static void vector__tied_anew_while_pending(void **state)
{
	(void)state;
	tie_all();
	vu_irqs(&client, NONE | MASK, VECTORS, 0, 1, NULL, 0);
	raise_irq(0);
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 1, &fds[1], 1), 0);
	vu_irqs(&client, NONE | UNMASK, VECTORS, 0, 1, NULL, 0);
	assert_int_equal(vu_counter(fds[0]), 0);
	assert_int_equal(vu_counter(fds[1]), 1);
	vu_irqs(&client, NONE | MASK, VECTORS, 0, 1, NULL, 0);
	raise_irq(0);
	vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 1, NULL, 0);
	vu_irqs(&client, EVENTFD | TRIGGER, VECTORS, 0, 1, &fds[1], 1);
	vu_irqs(&client, NONE | UNMASK, VECTORS, 0, 1, NULL, 0);
	assert_int_equal(vu_counter(fds[1]), 0);
}

/* ---- the pin ---- */

static void set_level(bool level)
{
	__atomic_store_n(&dev.level, level, __ATOMIC_RELEASE);
	raise_irq(0);
}

static void tie_pin(void)
{
	assert_int_equal(vu_irqs(&client, EVENTFD | TRIGGER, PIN, 0, 1, fds, 1), 0);
}

static void pin__masks_itself(void **state)
{
	(void)state;
	tie_pin();
	set_level(true);
	assert_int_equal(vu_wait_counter(fds[0]), 1);
	set_level(true);
	assert_int_equal(config(0x06, 2), 0x0018); /* asserted */
	assert_int_equal(vu_counter(fds[0]), 0);
	/* Still asserted when it is unmasked: once more. */
	assert_int_equal(vu_irqs(&client, NONE | UNMASK, PIN, 0, 1, NULL, 0), 0);
	assert_int_equal(vu_counter(fds[0]), 1);
	set_level(false);
	assert_int_equal(vu_irqs(&client, NONE | UNMASK, PIN, 0, 1, NULL, 0), 0);
	assert_int_equal(vu_counter(fds[0]), 0);
	assert_int_equal(config(0x06, 2), 0x0010);
	set_level(true);
	assert_int_equal(vu_wait_counter(fds[0]), 1);
}

static void pin__masked_and_disabled(void **state)
{
	(void)state;
	tie_pin();
	assert_int_equal(vu_irqs(&client, NONE | MASK, PIN, 0, 1, NULL, 0), 0);
	set_level(true);
	config(0, 4);
	assert_int_equal(vu_counter(fds[0]), 0);
	config_set(0x04, 0x0400, 2); /* interrupt disable */
	assert_int_equal(vu_irqs(&client, NONE | UNMASK, PIN, 0, 1, NULL, 0), 0);
	assert_int_equal(vu_counter(fds[0]), 0);
	config_set(0x04, 0, 2);
	assert_int_equal(vu_counter(fds[0]), 1);
}

static void pin__level_when_it_is_tied(void **state)
{
	(void)state;
	set_level(true);
	tie_pin();
	assert_int_equal(vu_wait_counter(fds[0]), 1);
	assert_int_equal(vu_irqs(&client, NONE | TRIGGER, PIN, 0, 0, NULL, 0), 0);
	set_level(true);
	config(0, 4);
	assert_int_equal(vu_counter(fds[0]), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config__header),
		TEST(config__capabilities),
		TEST(config__what_is_constant_stays),
		TEST(config__bars_tell_their_size),
		TEST(config__command),
		TEST(config__power_states),
		TEST(config__function_level_reset),
		TEST(device__that_makes_no_sense),
		TEST(vector__signals_what_it_is_tied_to),
		TEST(vector__is_untied),
		TEST(vector__wrong_descriptors),
		TEST(vector__the_client_triggers),
		TEST(vector__masked_by_a_message),
		TEST(vector__masked_by_the_table),
		TEST(vector__masked_all_at_once),
		TEST(vector__tied_anew_while_pending),
		TEST(pin__masks_itself),
		TEST(pin__masked_and_disabled),
		TEST(pin__level_when_it_is_tied),
	};

	return cmocka_run_group_tests_name("serve_pci", tests, NULL, NULL);
}

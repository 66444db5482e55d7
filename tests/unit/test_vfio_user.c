/* SPDX-License-Identifier: MIT */
/*
 * The client of vfio-user against a server that does what it is told to: how it begins, registers,
 * doorbells, interrupts.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "test_vfio_user.h"

/* ---- the beginning ---- */

static uint32_t config32(unsigned int off)
{
	uint32_t val;

	memcpy(&val, fake.config + off, sizeof(val));
	return val;
}

static void open__does_what_firmware_does(void **state)
{
	(void)state;
	open_with(&plain, "");
	assert_int_equal(config32(0x10), 0xc0000004); /* the first address, 64-bit memory */
	assert_int_equal(config32(0x14), 0);
	assert_int_equal(config32(0x04) & 0xffff, 6); /* memory space, bus master */
	assert_int_equal(fake.resets, 1);
	vfio_pci_close(&pci);
	assert_int_equal(config32(0x04) & 0xffff, 2);
	stop();
}

static void open__says_what_there_is(void **state)
{
	(void)state;
	open_with(&plain, "");
	assert_int_equal(pci.classcode, 0x010802);
	assert_int_equal(tp()->vid, 0x1af4);
	assert_int_equal(tp()->did, 0x1b36);
	assert_int_equal(pci.dev.irq_info.index, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(pci.dev.irq_info.count, FAKE_VECTORS);
	assert_int_equal(pci.bar_region_info[0].size, FAKE_BAR_SIZE);
	assert_int_equal(pci.config_region_info.size, 256);
	assert_int_equal(pci.dev.device_info.num_regions, VFIO_PCI_NUM_REGIONS);
	close_all();
}

static void open__can_do_without_reset_and_interrupts(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	open_with(&(struct fake_opts){.no_reset = true, .no_msix = true}, "");
	assert_int_equal(fake.resets, 0);
	assert_int_equal(pci.dev.irq_info.count, 0);
	assert_fails(vfio_reset(&pci.dev), ENOTSUP);
	assert_fails(vfio_set_irq(&pci.dev, &fd, 0, 1), EINVAL);
	close(fd);
	fds_before--;
	close_all();
}

static void name__is_a_path_and_options(void **state)
{
	static const struct {
		const char *name;
		int error;
	} rows[] = {
		{"vfio-user:", EINVAL},
		{"vfio-user:,mmap=on", EINVAL},
		{"vfio-user:/nowhere,speed=9", EINVAL},
		{"vfio-user:/nowhere,mmap=maybe", EINVAL},
		{"vfio-user:/nowhere,timeout_ms=0", EINVAL},
		{"vfio-user:/nowhere,timeout_ms=3600001", EINVAL},
		{"vfio-user:/nowhere", ENOENT},
		{"vfio-user:/nowhere\\,mmap=maybe", ENOENT},
		{"vfio-user:/nowhere,mmap=off,share=off,twin=off,timeout_ms=3600000", ENOENT},
		{"vfio-user:/dev/null", ECONNREFUSED},
	};
	char name[128];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		memset(&pci, 0, sizeof(pci));
		errno = 0;
		if (vfio_pci_open(&pci, rows[i].name) != -1 || errno != rows[i].error)
			fail_msg("%s: %s", rows[i].name, strerror(errno));
	}
	/* 107 characters fit into an address, 108 do not. */
	memset(name, 0, sizeof(name));
	memcpy(name, "vfio-user:/", 11);
	memset(name + 11, 'x', 106);
	assert_fails(vfio_pci_open(&pci, name), ENOENT);
	name[117] = 'x';
	assert_fails(vfio_pci_open(&pci, name), ENAMETOOLONG);
}

static void open__that_fails_closes_nothing_of_the_program_s(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(dup2(null, 0), 0);
	memset(&pci, 0, sizeof(pci));
	assert_fails(vfio_pci_open(&pci, "vfio-user:/nowhere"), ENOENT);
	assert_int_equal(fcntl(0, F_GETFD), 0);
	close(null);
}

static void version__has_to_fit(void **state)
{
	static const struct {
		const char *what;
		struct fake_opts opts;
		const char *options;
	} rows[] = {
		{"a minor version that was not asked for", {.minor = 2}, ""},
		{"no JSON", {.version = "capabilities"}, ""},
		{"pages larger than ours",
		 {.version = "{\"capabilities\":{\"pgsizes\":2097152}}"},
		 ""},
		{"no pages", {.version = "{\"capabilities\":{\"pgsizes\":0}}"}, ""},
		{"a second socket that did not come",
		 {.version = "{\"capabilities\":{\"twin_socket\":{\"supported\":true,"
			     "\"fd_index\":0}}}"},
		 ""},
		{"a second socket without a place",
		 {.twin = true,
		  .version = "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}"},
		 ""},
		{"a second socket elsewhere",
		 {.twin = true,
		  .version = "{\"capabilities\":{\"twin_socket\":{\"supported\":true,"
			     "\"fd_index\":1}}}"},
		 ""},
		{"a second socket that was not offered", {.twin = true}, ",twin=off"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		start(&rows[i].opts, rows[i].options);
		errno = 0;
		if (try_open() != -1 || errno != EPROTO)
			fail_msg("%s: %s", rows[i].what, strerror(errno));
		stop();
	}
}

static void version__of_an_older_server_will_do(void **state)
{
	(void)state;
	open_with(&(struct fake_opts){.version = "{}"}, "");
	assert_true(fake_find(&fake, VFIO_USER_VERSION, 0)->hdr.size > 20);
	close_all();
}

/* ---- registers and doorbells ---- */

static void registers__are_messages(void **state)
{
	uint64_t val = 0;

	(void)state;
	open_with(&(struct fake_opts){.mmap = true}, "");
	memcpy(fake.bar + 0x14, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	assert_works(read_reg(0x14, 4, &val));
	assert_int_equal(val, 0x67452301);
	assert_works(read_reg(0x14, 8, &val));
	assert_true(val == 0xefcdab8967452301);
	assert_works(tp()->ops->reg_write(tp(), 0x24, 8, 0x1122334455667788));
	assert_memory_equal(fake.bar + 0x24, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	assert_works(tp()->ops->reg_write(tp(), 0x24, 4, 0x99aabbcc));
	assert_memory_equal(fake.bar + 0x24, "\xcc\xbb\xaa\x99\x44", 5);

	assert_works(read_reg(FAKE_BAR_SIZE - 4, 4, &val));
	assert_fails(read_reg(FAKE_BAR_SIZE - 4, 8, &val), EINVAL);
	assert_fails(read_reg(UINT32_MAX, 8, &val), EINVAL);
	assert_fails(read_reg(0, 2, &val), EINVAL);
	assert_fails(tp()->ops->reg_write(tp(), FAKE_BAR_SIZE, 4, 0), EINVAL);
	assert_false(tp()->ops->gone(tp()));
	close_all();
}

static void doorbells__are_stores_where_they_can_be(void **state)
{
	size_t len = 0;
	uint32_t *words;

	(void)state;
	open_with(&(struct fake_opts){.mmap = true}, "");
	words = tp()->ops->doorbells(tp(), &len);
	assert_non_null(words);
	assert_int_equal(len, 0x1000);
	assert_null(tp()->ops->asleep(tp()));
	words[3] = 0x1234;
	assert_memory_equal(fake.bar + 0x100c, "\x34\x12\0\0", 4);
	close_all();
}

static void doorbells_as_messages(const struct fake_opts *opts, const char *options)
{
	const struct fake_msg *msg;
	size_t len = 0;
	uint64_t val;
	uint32_t *words;

	open_with(opts, options);
	words = tp()->ops->doorbells(tp(), &len);
	assert_non_null(words);
	assert_int_equal(len, 0x1000); /* up to the vector table */
	assert_int_equal(*tp()->ops->asleep(tp()), 1);
	words[3] = 0x1234;
	tp()->ops->ring(tp(), &words[3], 0x1234);
	assert_works(read_reg(0x100c, 4, &val)); /* is answered after it */
	assert_int_equal(val, 0x1234);

	msg = fake_find(&fake, VFIO_USER_REGION_WRITE, 0);
	for (unsigned int i = 0; msg && !(msg->hdr.flags & VFIO_USER_NO_REPLY); i++)
		msg = fake_find(&fake, VFIO_USER_REGION_WRITE, i);
	assert_non_null(msg);
	assert_memory_equal(msg->data, "\x0c\x10\0\0\0\0\0\0\0\0\0\0\4\0\0\0\x34\x12\0\0", 20);
	close_all();
}

static void doorbells__are_messages_where_they_must_be(void **state)
{
	(void)state;
	doorbells_as_messages(&plain, "");
	doorbells_as_messages(&(struct fake_opts){.mmap = true}, ",mmap=off");
}

static void doorbells__are_not_mapped_where_there_is_nothing(void **state)
{
	static const struct fake_opts rows[] = {
		{.mmap = true, .file_len = 0x1000},			 /* ends before them */
		{.mmap = true, .area = {0x1800, 0x800}},		 /* not a page */
		{.mmap = true, .area = {0x1000, 0x10000}},		 /* beyond the region */
		{.mmap = true, .area = {UINT64_MAX & ~0xffful, 0x2000}}, /* wraps */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		doorbells_as_messages(&rows[i], "");
}

static void bar__is_mapped_in_its_area_only(void **state)
{
	size_t len = 0x4000;
	char *mem;

	(void)state;
	open_with(&(struct fake_opts){.mmap = true}, "");
	assert_null(tp()->ops->map_bar(tp(), 0, 0, &len));
	assert_int_equal(errno, ENOTSUP);
	assert_null(tp()->ops->map_bar(tp(), 0, 0x2000, &len));
	assert_int_equal(errno, ENOTSUP);
	assert_null(tp()->ops->map_bar(tp(), 0, 0x4000, &len));
	assert_int_equal(errno, EINVAL);
	assert_null(tp()->ops->map_bar(tp(), 1, 0, &len));
	assert_int_equal(errno, EINVAL);
	assert_null(tp()->ops->map_bar(tp(), 6, 0, &len));
	assert_int_equal(errno, EINVAL);
	mem = tp()->ops->map_bar(tp(), 0, 0x1010, &len);
	assert_non_null(mem);
	assert_int_equal(len, 0xff0);
	mem[0] = 7;
	assert_int_equal(fake.bar[0x1010], 7);
	tp()->ops->unmap_bar(tp(), 0, mem, len);
	close_all();
}

/* ---- interrupts ---- */

static bool fired(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t count;

	return poll(&pfd, 1, 0) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static void fire(unsigned int vector)
{
	assert_int_equal(eventfd_write(fake.irqs[vector], 1), 0);
}

static void irqs__reach_their_eventfds(void **state)
{
	int fds[FAKE_VECTORS];

	(void)state;
	open_with(&plain, "");
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memset(fake.bar + FAKE_MSIX_TABLE, 0xff, 16 * FAKE_VECTORS);
	assert_works(vfio_set_irq(&pci.dev, fds, 0, FAKE_VECTORS));
	for (unsigned int i = 0; i < FAKE_VECTORS; i++) {
		fire(i);
		for (unsigned int j = 0; j < FAKE_VECTORS; j++)
			assert_int_equal(fired(fds[j]), i == j);
		/* unmasked in both ways */
		assert_true(fake.unmasked[i]);
		assert_int_equal(fake.bar[FAKE_MSIX_TABLE + 16 * i + 12] & 1, 0);
	}
	assert_int_equal(fake.config[FAKE_MSIX_CAP + 3] & 0xc0, 0x80); /* enabled, not masked */

	assert_works(vfio_disable_irq(&pci.dev, 1, 2));
	assert_true(fake.irqs[0] >= 0);
	assert_int_equal(fake.irqs[1], -1);
	assert_int_equal(fake.irqs[2], -1);
	assert_works(vfio_disable_irq_all(&pci.dev));
	assert_int_equal(fake.irqs[3], -1);
	assert_int_equal(fake.config[FAKE_MSIX_CAP + 3] & 0xc0, 0);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		close(fds[i]);
	close_all();
}

static void irqs__may_be_tied_in_part(void **state)
{
	int fds[FAKE_VECTORS] = {-1, -1, -1, -1};

	(void)state;
	open_with(&(struct fake_opts){.max_msg_fds = 1}, "");
	fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_works(vfio_set_irq(&pci.dev, fds, 0, FAKE_VECTORS));
	assert_int_equal(fake.irqs[0], -1);
	assert_int_equal(fake.irqs[3], -1);
	fire(1);
	assert_true(fired(fds[1]));
	fire(2);
	assert_true(fired(fds[2]));
	/* one descriptor in a message is all that this server takes */
	for (unsigned int i = 0; fake_find(&fake, VFIO_USER_DEVICE_SET_IRQS, i); i++)
		assert_true(fake_find(&fake, VFIO_USER_DEVICE_SET_IRQS, i)->nr_fds <= 1);
	assert_fails(vfio_set_irq(&pci.dev, fds, 1, FAKE_VECTORS), EINVAL);
	close(fds[1]);
	close(fds[2]);
	close_all();
}

static void irqs__are_back_after_a_reset(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	open_with(&plain, "");
	assert_works(vfio_set_irq(&pci.dev, &fd, 2, 1));
	/* what a reset does to configuration space and the table */
	memset(fake.config + 4, 0, 2);
	memset(fake.config + 0x11, 0, 7);
	fake.config[FAKE_MSIX_CAP + 3] = 0;
	memset(fake.bar + FAKE_MSIX_TABLE, 0xff, 16 * FAKE_VECTORS);
	fake.unmasked[2] = false;
	assert_works(vfio_reset(&pci.dev));
	assert_int_equal(fake.resets, 2);
	assert_int_equal(config32(0x10), 0xc0000004);
	assert_int_equal(config32(0x04) & 0xffff, 6);
	assert_int_equal(fake.config[FAKE_MSIX_CAP + 3], 0x80);
	assert_true(fake.unmasked[2]);
	assert_int_equal(fake.bar[FAKE_MSIX_TABLE + 16 * 2 + 12] & 1, 0);
	assert_int_equal(fake.bar[FAKE_MSIX_TABLE + 16 * 1 + 12] & 1, 1);
	close(fd);
	fds_before--;
	close_all();
}

static void irqs__need_descriptors(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	open_with(&(struct fake_opts){.max_msg_fds = FAKE_NO_FDS}, "");
	assert_fails(vfio_set_irq(&pci.dev, &fd, 0, 1), ENOTSUP);
	assert_works(vfio_disable_irq_all(&pci.dev));
	close(fd);
	fds_before--;
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__does_what_firmware_does),
		cmocka_unit_test(open__says_what_there_is),
		cmocka_unit_test(open__can_do_without_reset_and_interrupts),
		cmocka_unit_test(name__is_a_path_and_options),
		cmocka_unit_test(open__that_fails_closes_nothing_of_the_program_s),
		cmocka_unit_test(version__has_to_fit),
		cmocka_unit_test(version__of_an_older_server_will_do),
		cmocka_unit_test(registers__are_messages),
		cmocka_unit_test(doorbells__are_stores_where_they_can_be),
		cmocka_unit_test(doorbells__are_messages_where_they_must_be),
		cmocka_unit_test(doorbells__are_not_mapped_where_there_is_nothing),
		cmocka_unit_test(bar__is_mapped_in_its_area_only),
		cmocka_unit_test(irqs__reach_their_eventfds),
		cmocka_unit_test(irqs__may_be_tied_in_part),
		cmocka_unit_test(irqs__are_back_after_a_reset),
		cmocka_unit_test(irqs__need_descriptors),
	};

	return cmocka_run_group_tests_name("vfio_user", tests, NULL, NULL);
}

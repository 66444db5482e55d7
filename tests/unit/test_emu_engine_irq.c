/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of the emulated controller: vectors, masks, coalescing.
 */
#include "emu_host.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support/deadline.h"

static const union nvme_cmd flush = {.rw = {.opcode = 0x00, .nsid = CPU_TO_LE32(1)}};

static union nvme_cmd identify(uint32_t off)
{
	union nvme_cmd cmd = {.identify = {.opcode = 0x06, .cns = 0x01}};

	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(off));
	return cmd;
}

static void irq__masked(void **state)
{
	union nvme_cmd cmd = identify(0);
	struct emu_host h;
	struct pollfd pfd = {.events = POLLIN};
	struct emu_stats st;
	uint64_t count;

	(void)state;
	pfd.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(pfd.fd >= 0);
	emu_host_start(&h, "");
	assert_int_equal(emu_set_irq(h.emu, 65, pfd.fd), -1);
	assert_int_equal(emu_set_irq(h.emu, -1, pfd.fd), -1);
	assert_int_equal(emu_set_irq(h.emu, 0, pfd.fd), 0);

	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_int_equal(read(pfd.fd, &count, sizeof(count)), sizeof(count));

	emu_reg_write(h.emu, 0x0c, 4, 0x00000011);
	assert_int_equal(emu_reg_read(h.emu, 0x0c, 4), 0x11);
	emu_reg_write(h.emu, 0x10, 4, 0x00000010);
	assert_int_equal(emu_reg_read(h.emu, 0x10, 4), 0x01);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	assert_int_equal(poll(&pfd, 1, 30), 0);
	emu_reg_write(h.emu, 0x10, 4, 0x00000001);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_int_equal(read(pfd.fd, &count, sizeof(count)), sizeof(count));

	assert_int_equal(emu_set_irq(h.emu, 0, -1), 0);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	assert_int_equal(poll(&pfd, 1, 30), 0);
	emu_get_stats(h.emu, &st);
	assert_int_equal(st.irqs, 2);
	emu_host_close(&h);
	close(pfd.fd);
}

static uint64_t eventfd_count(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void irq__coalesced(void **state)
{
	union nvme_cmd cmd = {.features = {.opcode = 0x09, .fid = 0x08}};
	struct pollfd pfd = {.events = POLLIN};
	struct emu_host h;
	uint64_t before;

	(void)state;
	pfd.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(pfd.fd >= 0);
	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 16, 16);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 16, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 16);
	assert_int_equal(emu_set_irq(h.emu, 1, pfd.fd), 0);

	cmd.features.cdw11 = cpu_to_le32(0x6403); /* four completions, or 10 ms */
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	for (int i = 0; i < 4; i++)
		emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	for (int i = 0; i < 4; i++)
		emu_host_reap(&h, 1);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_int_equal(eventfd_count(pfd.fd), 1);
	assert_true(emu_host_stats(&h).irqs == 1);

	before = now_ns();
	emu_host_status(&h, 1, &flush);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_true(now_ns() - before >= 9 * NS_PER_MS);
	assert_int_equal(eventfd_count(pfd.fd), 1);

	/* What has been held back is signalled when the feature is switched off. */
	cmd.features.cdw11 = cpu_to_le32(0xff03);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	emu_host_status(&h, 1, &flush);
	cmd.features.cdw11 = cpu_to_le32(0);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	assert_int_equal(eventfd_count(pfd.fd), 1);
	cmd.features.cdw11 = cpu_to_le32(0x6403);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);

	/* Coalescing Disable for vector 1 */
	cmd.features.fid = 0x09;
	cmd.features.cdw11 = cpu_to_le32(0x10001);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	for (int i = 0; i < 3; i++) {
		emu_host_status(&h, 1, &flush);
		assert_int_equal(poll(&pfd, 1, 5000), 1);
		assert_int_equal(eventfd_count(pfd.fd), 1);
	}
	assert_int_equal(emu_host_stats(&h).irqs, 6);
	emu_host_close(&h);
	close(pfd.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(irq__masked),
		cmocka_unit_test(irq__coalesced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * A host that the controller reaches by functions only: queues, lists, data and completions. Each
 * access of the controller's is counted and checked against what is mapped; the host's memory is
 * never in the controller's hands.
 */
#include <errno.h>
#include <string.h>

#include "emu_cmd.h"
#include "emu_host.h"
#include "support/deadline.h"

#define IOVA	0x700000000ull
#define LEN	0x40000u
#define ASQ	0x0000u
#define ACQ	0x1000u
#define DATA	0x8000u
#define LIST	0x4000u
#define ENTRIES 4u /* small, so that the queues go round */

struct access {
	uint64_t iova;
	size_t len;
	bool write;
};

static struct {
	struct emu_domain *dom;
	struct emu_ctrl *emu;
	uint8_t mem[LEN];
	struct access log[64];
	unsigned int nr;   /* accesses so far */
	unsigned int fail; /* the access of this number fails; 0 for none */
	uint32_t tail, head;
	uint16_t cid;
} host;

static int host_access(uint64_t iova, size_t len, bool write)
{
	unsigned int i = __atomic_fetch_add(&host.nr, 1, __ATOMIC_RELAXED);

	assert_in_range(iova, IOVA, IOVA + LEN - len);
	host.log[i % 64] = (struct access){iova, len, write};
	return host.fail && i + 1 == host.fail ? -1 : 0;
}

static int host_read(void *arg, uint64_t iova, void *buf, size_t len)
{
	assert_ptr_equal(arg, &host);
	if (host_access(iova, len, false))
		return -1;
	memcpy(buf, host.mem + (iova - IOVA), len);
	return 0;
}

static int host_write(void *arg, uint64_t iova, const void *buf, size_t len)
{
	assert_ptr_equal(arg, &host);
	if (host_access(iova, len, true))
		return -1;
	if (len == 4)
		__atomic_store((uint32_t *)(void *)(host.mem + (iova - IOVA)),
			       (uint32_t *)(uintptr_t)buf, __ATOMIC_RELEASE);
	else
		memcpy(host.mem + (iova - IOVA), buf, len);
	return 0;
}

static const struct emu_remote_host functions = {
	.read = host_read,
	.write = host_write,
	.arg = &host,
};

static void enable(void)
{
	uint64_t deadline = deadline_after_ms(EMU_HOST_TIMEOUT_MS);

	emu_reg_write(host.emu, NVM_REG_AQA, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	emu_reg_write(host.emu, NVM_REG_ASQ, 8, IOVA + ASQ);
	emu_reg_write(host.emu, NVM_REG_ACQ, 8, IOVA + ACQ);
	emu_reg_write(host.emu, NVM_REG_CC, 4, 0x00460001);
	while (!(emu_reg_read(host.emu, NVM_REG_CSTS, 4) & 1))
		assert_false(deadline_passed(deadline));
}

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	host.dom = emu_domain_create();
	assert_non_null(host.dom);
	assert_int_equal(emu_domain_map_remote(host.dom, IOVA, LEN, EMU_DMA_READ | EMU_DMA_WRITE,
					       &functions),
			 0);
	host.emu = emu_ctrl_create("size=4M,spin_us=0", host.dom);
	assert_non_null(host.emu);
	enable();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	emu_ctrl_destroy(host.emu);
	emu_domain_put(host.dom);
	return 0;
}

static void ring(void)
{
	assert_true(emu_doorbell_ring(host.emu, 0x1000, host.tail % ENTRIES));
}

static void post(const union nvme_cmd *cmd)
{
	union nvme_cmd *slot = (void *)(host.mem + ASQ + host.tail++ % ENTRIES * 64);

	*slot = *cmd;
	slot->cid = ++host.cid;
}

/* Wait for the next completion. Its status. */
static uint16_t reap(void)
{
	const uint32_t *dw3 = (void *)(host.mem + ACQ + host.head % ENTRIES * 16 + 12);
	uint32_t phase = host.head / ENTRIES % 2 ? 0 : 1, val;
	uint64_t deadline = deadline_after_ms(EMU_HOST_TIMEOUT_MS);

	while (val = __atomic_load_n(dw3, __ATOMIC_ACQUIRE), (val >> 16 & 1) != phase)
		assert_false(deadline_passed(deadline));
	host.head++;
	assert_true(emu_doorbell_ring(host.emu, 0x1004, host.head % ENTRIES));
	return (uint16_t)(val >> 17);
}

static uint16_t exec(const union nvme_cmd *cmd)
{
	post(cmd);
	ring();
	return reap();
}

static union nvme_cmd identify(uint64_t prp1, uint64_t prp2)
{
	union nvme_cmd cmd = {.opcode = 0x06, .cdw10 = cpu_to_le32(1)};

	cmd.dptr.prp1 = cpu_to_le64(prp1);
	cmd.dptr.prp2 = cpu_to_le64(prp2);
	return cmd;
}

static void expect_access(unsigned int i, uint64_t off, size_t len, bool write)
{
	assert_int_equal(host.log[i].iova, IOVA + off);
	assert_int_equal(host.log[i].len, len);
	assert_int_equal(host.log[i].write, write);
}

/* The command, the data, the completion; and of that the word with the phase tag apart, and last. */
static void remote__one_command(void **state)
{
	union nvme_cmd cmd = identify(IOVA + DATA, 0);

	(void)state;
	assert_int_equal(exec(&cmd), 0);
	assert_int_equal(host.nr, 4);
	expect_access(0, ASQ, 64, false);
	expect_access(1, DATA, 4096, true);
	expect_access(2, ACQ, 12, true);
	expect_access(3, ACQ + 12, 4, true);
	assert_memory_equal(host.mem + DATA + 4, "BELFRY0001          ", 20);
}

/* Round and round, and several at a time across the end. */
static void remote__queues_wrap(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		union nvme_cmd cmd = identify(IOVA + DATA, 0);
		unsigned int nr = i % 3 + 1;

		for (unsigned int j = 0; j < nr; j++)
			post(&cmd);
		ring();
		for (unsigned int j = 0; j < nr; j++)
			assert_int_equal(reap(), 0);
	}
}

static void remote__data_in_pieces(void **state)
{
	union nvme_cmd cmd = identify(IOVA + DATA + 0x800, IOVA + DATA + 0x10000);

	(void)state;
	assert_int_equal(exec(&cmd), 0);
	assert_memory_equal(host.mem + DATA + 0x804, "BELFRY0001", 10);
	assert_int_equal(host.nr, 5);
	expect_access(1, DATA + 0x800, 0x800, true);
	expect_access(2, DATA + 0x10000, 0x800, true);
}

static void remote__a_list_of_prps(void **state)
{
	leint64_t *list = (void *)(host.mem + LIST + 0xff0);
	union nvme_cmd cmd = {.opcode = 0x02};

	(void)state;
	/* The health log has 512 bytes; asked for more, the controller goes on with zeros. */
	cmd.cdw10 = cpu_to_le32((12288 / 4 - 1) << 16 | 0x02);
	cmd.nsid = cpu_to_le32(0xffffffff);
	cmd.dptr.prp1 = cpu_to_le64(IOVA + DATA);
	cmd.dptr.prp2 = cpu_to_le64(IOVA + LIST + 0xff0);
	list[0] = cpu_to_le64(IOVA + DATA + 0x4000);
	list[1] = cpu_to_le64(IOVA + DATA + 0x2000);
	memset(host.mem + DATA, 0xee, 0x6000);
	assert_int_equal(exec(&cmd), 0);
	expect_access(1, LIST + 0xff0, 16, false); /* to the end of its page */
	assert_int_equal(host.mem[DATA + 0x4fff], 0);
	assert_int_equal(host.mem[DATA + 0x2000], 0);
	assert_int_equal(host.mem[DATA + 0x3000], 0xee);
}

/* What the host refuses is a failed transfer, and the data that was asked for stays what it was. */
static void remote__the_host_refuses_data(void **state)
{
	union nvme_cmd cmd = identify(IOVA + DATA, 0);

	(void)state;
	host.fail = 2;
	assert_int_equal(exec(&cmd), 0x0004); /* Data Transfer Error */
	assert_int_equal(host.mem[DATA + 4], 0);
	assert_int_equal(exec(&cmd), 0);
}

static void expect_fatal(void)
{
	uint64_t deadline = deadline_after_ms(EMU_HOST_TIMEOUT_MS);

	while (!(emu_reg_read(host.emu, NVM_REG_CSTS, 4) & 2))
		assert_false(deadline_passed(deadline));
}

static void remote__the_host_refuses_commands(void **state)
{
	union nvme_cmd cmd = identify(IOVA + DATA, 0);

	(void)state;
	host.fail = 1;
	post(&cmd);
	ring();
	expect_fatal();
}

static void remote__the_host_refuses_completions(void **state)
{
	union nvme_cmd cmd = identify(IOVA + DATA, 0);

	(void)state;
	host.fail = 3;
	post(&cmd);
	ring();
	expect_fatal();
}

/* A page beyond, and one of which nothing is mapped: faults, and no access. */
static void remote__beyond_its_end(void **state)
{
	union nvme_cmd cmd = identify(IOVA + LEN - 0x800, IOVA + LEN);
	struct emu_stats stats;

	(void)state;
	assert_int_equal(exec(&cmd), 0x0004);
	emu_get_stats(host.emu, &stats);
	assert_int_equal(stats.dma_faults, 1);
}

static void remote__shadow_doorbells_are_refused(void **state)
{
	union nvme_cmd cmd = {.opcode = 0x7c};

	(void)state;
	teardown(state);
	memset(&host, 0, sizeof(host));
	host.dom = emu_domain_create();
	assert_int_equal(emu_domain_map_remote(host.dom, IOVA, LEN, EMU_DMA_READ | EMU_DMA_WRITE,
					       &functions),
			 0);
	host.emu = emu_ctrl_create("size=4M,dbbuf=on", host.dom);
	enable();
	cmd.dptr.prp1 = cpu_to_le64(IOVA + DATA);
	cmd.dptr.prp2 = cpu_to_le64(IOVA + DATA + 0x1000);
	assert_int_equal(exec(&cmd), 0x0004);
}

static void remote__overlaps_and_goes(void **state)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));

	(void)state;
	assert_int_equal(emu_domain_map(host.dom, IOVA + 0x1000, page, 4096, EMU_DMA_READ), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(
		emu_domain_map_remote(host.dom, IOVA - 0x1000, 0x2000, EMU_DMA_READ, &functions),
		-1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(emu_domain_map_remote(host.dom, IOVA + 8, 0x1000, 1, &functions), -1);
	assert_int_equal(errno, EINVAL);
	emu_domain_unmap(host.dom, IOVA, LEN);
	assert_int_equal(emu_domain_map(host.dom, IOVA + 0x1000, page, 4096, EMU_DMA_READ), 0);
	emu_domain_unmap(host.dom, IOVA + 0x1000, 4096);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(remote__one_command),
		TEST(remote__queues_wrap),
		TEST(remote__data_in_pieces),
		TEST(remote__a_list_of_prps),
		TEST(remote__the_host_refuses_data),
		TEST(remote__the_host_refuses_commands),
		TEST(remote__the_host_refuses_completions),
		TEST(remote__beyond_its_end),
		TEST(remote__shadow_doorbells_are_refused),
		TEST(remote__overlaps_and_goes),
	};

	return cmocka_run_group_tests_name("emu_remote", tests, NULL, NULL);
}

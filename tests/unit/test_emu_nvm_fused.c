/* SPDX-License-Identifier: MIT */
/*
 * Fused Compare and Write on the emulated controller: pairs, and halves without the other.
 *
 * Spec: NVM Express Base 2.0, "Fused Operations".
 */
#include <string.h>

#include "emu_cmd.h"

enum {
	FLUSH = 0x00,
	WRITE = 0x01,
	READ = 0x02,
	COMPARE = 0x05,
};

/* What to compare with is at the first page of the test's memory, what to write at the second. */
static union nvme_cmd half(uint8_t opcode, uint8_t fuse, uint64_t slba, uint32_t nr)
{
	union nvme_cmd cmd = emu_cmd_rw(opcode, 1, slba, nr);

	cmd.flags = fuse;
	if (fuse == 2)
		cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(4096));
	return cmd;
}

static void expect(struct emu_host *host, uint16_t qid, uint16_t cid, uint16_t status)
{
	const struct nvme_cqe cqe = emu_host_reap(host, qid);

	assert_int_equal(cqe.cid, cid);
	assert_int_equal((le16_to_cpu(cqe.sfp) >> 1) & 0x7ff, status);
}

/* Post two commands at once and see how they end, in their order. */
static void pair(struct emu_host *host, union nvme_cmd first, union nvme_cmd second,
		 uint16_t first_status, uint16_t second_status)
{
	const uint16_t cid1 = emu_host_post(host, 1, &first);
	const uint16_t cid2 = emu_host_post(host, 1, &second);

	emu_host_ring(host, 1);
	expect(host, 1, cid1, first_status);
	expect(host, 1, cid2, second_status);
}

static uint8_t first_byte(struct emu_host *host, uint64_t slba)
{
	union nvme_cmd cmd = emu_cmd_rw(READ, 1, slba, 1);

	emu_cmd_data(host, &cmd, 65536, 512);
	emu_cmd_send(host, 1, &cmd, 0, "read");
	return *(uint8_t *)emu_host_data(host, 65536);
}

static void fused__writes_if_equal(void **state)
{
	uint8_t *data;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "");
	data = emu_host_data(&host, 0);
	memset(data + 4096, 0x11, 4096);
	pair(&host, half(COMPARE, 1, 5, 8), half(WRITE, 2, 5, 8), 0, 0);
	assert_int_equal(first_byte(&host, 5), 0x11);

	memset(data + 4096, 0x22, 4096);
	pair(&host, half(COMPARE, 1, 5, 8), half(WRITE, 2, 5, 8), 0x285, 0x009);
	assert_int_equal(first_byte(&host, 5), 0x11);
	memset(data, 0x11, 4096);
	pair(&host, half(COMPARE, 1, 5, 8), half(WRITE, 2, 5, 8), 0, 0);
	assert_int_equal(first_byte(&host, 5), 0x22);

	/* The first half fails for another reason, or the second does. */
	pair(&host, half(COMPARE, 1, UINT64_MAX, 8), half(WRITE, 2, UINT64_MAX, 8), 0x080, 0x009);
	union nvme_cmd write = half(WRITE, 2, 5, 8);
	write.dptr.prp1 = cpu_to_le64(0x1000);
	memset(data, 0x22, 4096);
	pair(&host, half(COMPARE, 1, 5, 8), write, 0, 0x004);
	emu_host_close(&host);
}

static void fused__halves_must_belong_together(void **state)
{
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "ns=2,size=1M");
	pair(&host, half(COMPARE, 1, 5, 8), half(WRITE, 2, 6, 8), 0x002, 0x002);
	pair(&host, half(COMPARE, 1, 5, 8), half(WRITE, 2, 5, 7), 0x002, 0x002);
	pair(&host, half(WRITE, 1, 5, 8), half(COMPARE, 2, 5, 8), 0x002, 0x002);
	pair(&host, half(READ, 1, 5, 8), half(WRITE, 2, 5, 8), 0x002, 0x002);
	union nvme_cmd write = half(WRITE, 2, 5, 8);
	write.nsid = cpu_to_le32(2);
	pair(&host, half(COMPARE, 1, 5, 8), write, 0x002, 0x002);

	/* one half without the other */
	pair(&host, half(COMPARE, 1, 5, 8), half(READ, 0, 5, 8), 0x00a, 0);
	pair(&host, half(WRITE, 2, 5, 8), half(READ, 0, 5, 8), 0x00a, 0);
	pair(&host, half(READ, 3, 5, 8), half(READ, 0, 5, 8), 0x002, 0);
	emu_host_close(&host);
}

static void fused__two_first_halves(void **state)
{
	const union nvme_cmd first = half(COMPARE, 1, 5, 8), second = half(WRITE, 2, 5, 8);
	struct emu_host host;
	uint16_t cid[3];

	(void)state;
	emu_cmd_start(&host, "");
	cid[0] = emu_host_post(&host, 1, &first);
	cid[1] = emu_host_post(&host, 1, &first);
	cid[2] = emu_host_post(&host, 1, &second);
	emu_host_ring(&host, 1);
	expect(&host, 1, cid[0], 0x00a);
	expect(&host, 1, cid[1], 0);
	expect(&host, 1, cid[2], 0);
	emu_host_close(&host);
}

static void fused__a_refused_command_comes_between(void **state)
{
	const union nvme_cmd first = half(COMPARE, 1, 5, 8), second = half(WRITE, 2, 5, 8);
	union nvme_cmd illegal = half(READ, 0, 5, 8);
	struct emu_host host;
	uint16_t cid[3];

	(void)state;
	emu_cmd_start(&host, "");
	illegal.flags = 0xc0;	       /* PSDT 11b is reserved */
	for (int i = 0; i < 50; i++) { /* on every slot of the ring */
		cid[0] = emu_host_post(&host, 1, &first);
		cid[1] = emu_host_post(&host, 1, &illegal);
		cid[2] = emu_host_post(&host, 1, &second);
		emu_host_ring(&host, 1);
		expect(&host, 1, cid[1], 0x002);
		expect(&host, 1, cid[0], 0x00a);
		expect(&host, 1, cid[2], 0x00a);
		cid[0] = emu_host_post(&host, 1, &first);
		cid[1] = emu_host_post(&host, 1, &second);
		emu_host_ring(&host, 1);
		expect(&host, 1, cid[0], 0);
		expect(&host, 1, cid[1], 0);
	}
	emu_host_close(&host);
}

static void fused__queues_do_not_mix(void **state)
{
	const union nvme_cmd first = half(COMPARE, 1, 5, 8), second = half(WRITE, 2, 5, 8);
	struct emu_host host;
	uint16_t cid[2];

	(void)state;
	emu_cmd_start(&host, "");
	emu_host_create_queues(&host, 2, 16);
	cid[0] = emu_host_post(&host, 1, &first);
	emu_host_ring(&host, 1);
	emu_host_quiet(&host, 1, 10);
	emu_cmd_send(&host, 2, &second, 0x00a, "second half on another queue");
	const union nvme_cmd flush = emu_cmd(FLUSH, 1, 0, 0);
	emu_cmd_send(&host, 2, &flush, 0, "another queue is not held up");

	cid[1] = emu_host_post(&host, 1, &second);
	emu_host_ring(&host, 1);
	expect(&host, 1, cid[0], 0);
	expect(&host, 1, cid[1], 0);
	emu_host_close(&host);
}

static void fused__a_lonely_first_half_can_be_aborted(void **state)
{
	const union nvme_cmd first = half(COMPARE, 1, 5, 8), second = half(WRITE, 2, 5, 8);
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_cmd_start(&host, "");
	cid = emu_host_post(&host, 1, &first);
	emu_host_ring(&host, 1);
	emu_host_quiet(&host, 1, 10);
	assert_int_equal(emu_cmd_admin(&host, 0x08, 0, (uint32_t)cid << 16 | 1, 0, 0), 0);
	expect(&host, 1, cid, 0x007);
	emu_cmd_send(&host, 1, &second, 0x00a, "its second half comes too late");

	/* Deleting the queue forgets it. */
	emu_host_post(&host, 1, &first);
	emu_host_ring(&host, 1);
	emu_host_quiet(&host, 1, 10);
	emu_cmd_admin(&host, 0x00, 0, 1, 0, 0);
	emu_cmd_admin(&host, 0x04, 0, 1, 0, 0);
	emu_host_create_queues(&host, 1, 16);
	emu_cmd_send(&host, 1, &second, 0x00a, "of a new queue");
	emu_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fused__writes_if_equal),
		cmocka_unit_test(fused__halves_must_belong_together),
		cmocka_unit_test(fused__two_first_halves),
		cmocka_unit_test(fused__a_refused_command_comes_between),
		cmocka_unit_test(fused__queues_do_not_mix),
		cmocka_unit_test(fused__a_lonely_first_half_can_be_aborted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

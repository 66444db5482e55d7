/* SPDX-License-Identifier: MIT */
/*
 * Bursts: commands of all kinds behind one doorbell. The controller holds completions of quick ones
 * back until a cache line of them is full, or four where many commands wait; whatever comes between,
 * each command has its own entry, in order, and no entry is written twice.
 */
#include "emu_host.h"

#include <string.h>

#define BURST 8	  /* short: no more than a line is held back */
#define LONG  100 /* of which the controller carries out 64 at a time */
#define PAGE  4096u

enum kind {
	GOOD,
	PAST_END,
	NOT_MAPPED,
	NO_NAMESPACE,
	LARGE,
	FLUSH,
	NR_KINDS,
};

static const uint16_t statuses[NR_KINDS] = {
	[PAST_END] = NVM_SC_LBA_RANGE,
	[NOT_MAPPED] = NVM_SC_DATA_XFER_ERROR,
	[NO_NAMESPACE] = NVM_SC_INVALID_FIELD, /* one that is not active */
};

static union nvme_cmd command(enum kind kind)
{
	union nvme_cmd cmd = {.rw = {.opcode = NVM_CMD_READ, .nsid = cpu_to_le32(1)}};

	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	switch (kind) {
	case PAST_END:
		cmd.rw.slba = cpu_to_le64(UINT64_MAX);
		break;
	case NOT_MAPPED:
		cmd.dptr.prp1 = cpu_to_le64(0x7000000000);
		break;
	case NO_NAMESPACE:
		cmd.rw.nsid = cpu_to_le32(7);
		break;
	case LARGE:
		cmd.rw.nlb = cpu_to_le16(15);
		cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(4096));
		break;
	case FLUSH:
		cmd = (union nvme_cmd){.rw = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(1)}};
		break;
	default:
		break;
	}
	return cmd;
}

static void burst(struct emu_host *h, uint16_t qid, const enum kind *kinds, int nr)
{
	uint16_t cids[LONG];

	for (int i = 0; i < nr; i++) {
		union nvme_cmd cmd = command(kinds[i]);

		cids[i] = emu_host_post(h, qid, &cmd);
	}
	emu_host_ring(h, qid);
	for (int i = 0; i < nr; i++) {
		struct nvme_cqe cqe = emu_host_reap(h, qid);

		assert_int_equal(cqe.cid, cids[i]);
		assert_int_equal(le16_to_cpu(cqe.sfp) >> 1 & 0x7ff, statuses[kinds[i]]);
		assert_int_equal(le16_to_cpu(cqe.sqid), qid);
	}
}

/* Queues whose lines end at other places on each lap, and every pattern of eight. */
static void burst__each_command_has_its_entry(void **state)
{
	static const uint32_t sizes[] = {9, 13, 16, 64};
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	for (uint16_t q = 0; q < sizeof(sizes) / sizeof(sizes[0]); q++) {
		emu_host_create_queues(&h, (uint16_t)(q + 1), sizes[q]);
		for (int kind = PAST_END; kind < NR_KINDS; kind++) {
			for (unsigned int mask = 0; mask < 1u << BURST; mask++) {
				enum kind kinds[BURST];

				for (int i = 0; i < BURST; i++)
					kinds[i] = mask >> i & 1 ? (enum kind)kind : GOOD;
				burst(&h, (uint16_t)(q + 1), kinds, BURST);
			}
		}
	}
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

/* One that is not like the others at each place, and the queue's end at each place as well. */
static void burst__long_and_one_other(void **state)
{
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	emu_host_create_queues(&h, 1, LONG + 1);
	emu_host_create_queues(&h, 2, 128);
	for (int kind = GOOD; kind < NR_KINDS; kind++) {
		for (int at = 0; at < LONG; at++) {
			enum kind kinds[LONG] = {[0] = GOOD};

			kinds[at] = (enum kind)kind;
			burst(&h, 1, kinds, LONG);
			burst(&h, 2, kinds, LONG);
		}
	}
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

/*
 * A queue of two pages that follow each other for the device and not for the host, and bursts that go
 * on from one to the other at each place of a line of it.
 */
static void burst__pages_of_a_queue_are_not_adjacent(void **state)
{
	const uint32_t size = 2 * PAGE / sizeof(struct nvme_cqe);
	const uint64_t iova = 0x200000000;
	struct nvme_cqe *pages[2];
	struct emu_host h;
	uint8_t *between;

	(void)state;
	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 128, size);
	between = emu_host_data(&h, PAGE);
	for (int i = 0; i < 2; i++) {
		pages[i] = emu_host_data(&h, 2 * (uint32_t)i * PAGE);
		assert_int_equal(emu_domain_map(h.dom, iova + (uint64_t)i * PAGE, pages[i], PAGE,
						EMU_DMA_READ | EMU_DMA_WRITE),
				 0);
	}
	memset(between, 0xaa, PAGE);
	emu_host_create_cq(&h, 1, iova, size, 0);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 128);

	for (int lap = 0; lap < 64; lap++) {
		uint16_t cids[LONG];

		for (int i = 0; i < LONG; i++) {
			union nvme_cmd cmd = command(GOOD);

			cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(4 * PAGE));
			cids[i] = emu_host_post(&h, 1, &cmd);
		}
		emu_host_ring(&h, 1);
		for (int i = 0; i < LONG; i++) {
			uint32_t head = h.q[1].cq_head;
			struct nvme_cqe cqe;

			/* The host of these tests knows queues of one piece. */
			h.q[1].cq = head < size / 2 ? pages[0] : pages[1] - size / 2;
			cqe = emu_host_reap(&h, 1);
			assert_int_equal(cqe.cid, cids[i]);
		}
	}
	for (uint32_t i = 0; i < PAGE; i++)
		assert_int_equal(between[i], 0xaa);
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

/* Compare and Write end together, and the queue has room for one of them at a time. */
static void burst__two_halves_and_room_for_one(void **state)
{
	union nvme_cmd first = {.rw = {.opcode = NVM_CMD_COMPARE, .nsid = cpu_to_le32(1)}}, second;
	struct emu_host h;
	uint16_t cids[6];

	(void)state;
	first.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	second = first;
	second.opcode = NVM_CMD_WRITE;
	first.flags = NVM_FUSE_FIRST;
	second.flags = NVM_FUSE_SECOND;

	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 16, 2);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 2, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 16);
	for (int i = 0; i < 6; i++)
		cids[i] = emu_host_post(&h, 1, i & 1 ? &second : &first);
	emu_host_ring(&h, 1);
	for (int i = 0; i < 6; i++) {
		struct nvme_cqe cqe = emu_host_reap(&h, 1);

		assert_int_equal(cqe.cid, cids[i]);
		assert_int_equal(le16_to_cpu(cqe.sfp) >> 1, 0);
	}
	emu_host_quiet(&h, 1, 20);
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst__each_command_has_its_entry),
		cmocka_unit_test(burst__long_and_one_other),
		cmocka_unit_test(burst__pages_of_a_queue_are_not_adjacent),
		cmocka_unit_test(burst__two_halves_and_room_for_one),
	};

	return cmocka_run_group_tests_name("emu_burst", tests, NULL, NULL);
}

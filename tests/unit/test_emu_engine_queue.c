/* SPDX-License-Identifier: MIT */
/*
 * Queues of the emulated controller: wrap, full, shared, doorbells that make no
 * sense, shadow doorbells, events.
 */
#include "emu_host.h"

#include <string.h>
#include <unistd.h>

#include <belfry/support/atomic.h>

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static const union nvme_cmd flush = {.rw = {.opcode = 0x00, .nsid = CPU_TO_LE32(1)}};

static union nvme_cmd read_cmd(void)
{
	union nvme_cmd cmd = {.rw = {.opcode = 0x02}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.nlb = cpu_to_le16(7); /* 8 blocks of 512 bytes */
	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	return cmd;
}

static void queue__wraps(void **state)
{
	static const uint32_t sizes[] = {2, 3, 16, 4097};
	union nvme_cmd cmd = read_cmd();
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "backend=null");
	for (uint16_t i = 0; i < ROWS(sizes); i++) {
		uint16_t qid = (uint16_t)(i + 1);

		emu_host_create_queues(&h, qid, sizes[i]);
		for (uint32_t n = 1; n <= 3 * sizes[i]; n++) {
			struct nvme_cqe cqe = emu_host_exec(&h, qid, &cmd);

			assert_int_equal(le16_to_cpu(cqe.sfp) >> 1, 0);
			assert_int_equal(le16_to_cpu(cqe.sqhd), n % sizes[i]);
		}
	}
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

static void queue__largest_wraps(void **state)
{
	const uint32_t entries = 65536;
	struct emu_host h;
	struct emu_host_q *q;

	(void)state;
	emu_host_start(&h, "backend=null");
	q = emu_host_q_init(&h, 1, entries, entries);
	q->sq = emu_host_data(&h, 0);
	q->cq = emu_host_data(&h, 8u << 20);
	emu_host_create_cq(&h, 1, emu_host_iova(8u << 20), entries, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_iova(0), entries);
	for (int lap = 0; lap < 2; lap++) {
		for (uint32_t n = 0; n < entries - 1; n++)
			emu_host_post(&h, 1, &flush);
		emu_host_ring(&h, 1);
		for (uint32_t n = 0; n < entries - 1; n++)
			assert_int_equal(le16_to_cpu(emu_host_reap(&h, 1).sfp) >> 1, 0);
	}
	assert_int_equal(emu_host_stats(&h).io_cmds, 2 * 65535);
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

static void queue__full_completion_queue_loses_nothing(void **state)
{
	struct emu_host h;
	struct nvme_cqe cqe;
	uint16_t cids[15];

	(void)state;
	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 16, 4);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 4, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 16);
	for (int i = 0; i < 15; i++)
		cids[i] = emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);

	/* Three fit. Nothing else comes, not even when the controller has gone to sleep. */
	for (int i = 0; i < 3; i++) {
		while (!emu_host_peek(&h, 1, &cqe))
			;
		assert_int_equal(cqe.cid, cids[i]);
		assert_int_equal(le16_to_cpu(cqe.sqhd), i + 1);
		emu_host_pop(&h, 1);
	}
	emu_host_quiet(&h, 1, 50);
	assert_int_equal(emu_host_stats(&h).io_cmds, 3);

	emu_host_doorbell(&h, NVM_REG_CQHDBL(1, 0), 3);
	for (int i = 3; i < 15; i++)
		assert_int_equal(emu_host_reap(&h, 1).cid, cids[i]);
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

static void queue__shared_completion_queue_is_fair(void **state)
{
	unsigned int got[3] = {0};
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 64, 2); /* room for one completion at a time */
	emu_host_q_init(&h, 2, 64, 2);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 2, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 64);
	emu_host_create_sq(&h, 2, 1, emu_host_sq_iova(2), 64);
	for (int i = 0; i < 40; i++) {
		emu_host_post(&h, 1, &flush);
		emu_host_post(&h, 2, &flush);
	}
	emu_host_ring(&h, 1);
	emu_host_ring(&h, 2);
	for (int i = 0; i < 80; i++) {
		uint16_t sqid = le16_to_cpu(emu_host_reap(&h, 1).sqid);

		assert_in_range(sqid, 1, 2);
		got[sqid]++;
		if (i == 39) {
			assert_true(got[1] >= 10);
			assert_true(got[2] >= 10);
		}
	}
	assert_int_equal(got[1], 40);
	emu_host_close(&h);
}

/* Post an event request; returns its cid. */
static uint16_t aer_post(struct emu_host *h)
{
	union nvme_cmd cmd = {.opcode = 0x0c};
	uint16_t cid = emu_host_post(h, 0, &cmd);

	emu_host_ring(h, 0);
	return cid;
}

/* Read the Error Information log, which lets the next event of the kind come. */
static void event_clear(struct emu_host *h)
{
	union nvme_cmd cmd = {.log = {.opcode = 0x02, .lid = 0x01}};

	cmd.log.nsid = cpu_to_le32(0xffffffff);
	cmd.log.numdl = cpu_to_le16(15);
	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0x10000));
	assert_int_equal(emu_host_status(h, 0, &cmd), 0);
}

static void queue__invalid_doorbells(void **state)
{
	static const struct {
		const char *name;
		uint32_t off, val;
		uint32_t dw0; /* of the event: log page 01h, information, type 0 (error) */
	} rows[] = {
		{"tail equal to the queue's size", 0x1008, 16, 0x00010100},
		{"tail with reserved bits", 0x1008, 0x10001, 0x00010100},
		{"head beyond the tail", 0x100c, 5, 0x00010100},
		{"head equal to the queue's size", 0x100c, 16, 0x00010100},
		{"tail of a queue that is not there", 0x1010, 1, 0x00010000},
		{"head of a queue that is not there", 0x1014, 1, 0x00010000},
		{"tail of the last possible queue", 0x1200, 7, 0x00010000},
	};
	struct nvme_cqe cqe;
	struct emu_host h;
	uint16_t cid;

	(void)state;
	emu_host_start(&h, "");
	emu_host_create_queues(&h, 1, 16);
	assert_int_equal(emu_host_status(&h, 1, &flush), 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i].name);
		cid = aer_post(&h);
		emu_host_doorbell(&h, rows[i].off, rows[i].val);
		cqe = emu_host_reap(&h, 0);
		assert_int_equal(cqe.cid, cid);
		assert_int_equal(le32_to_cpu(cqe.dw0), rows[i].dw0);
		assert_int_equal(emu_host_stats(&h).violations, i + 1);
		event_clear(&h);
		/* The queue goes on from where it was. */
		assert_int_equal(emu_host_status(&h, 1, &flush), 0);
	}
	emu_host_close(&h);
}

static void queue__tail_cannot_go_back(void **state)
{
	struct nvme_cqe cqe;
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 16, 2);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 2, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 16);
	for (int i = 0; i < 5; i++)
		emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	/* One fits the completion queue, and entries 1 to 4 stay announced. */
	while (!emu_host_peek(&h, 1, &cqe))
		;
	emu_host_doorbell(&h, NVM_REG_SQTDBL(1, 0), 3);
	while (!emu_host_stats(&h).violations)
		;
	for (int i = 0; i < 5; i++)
		emu_host_reap(&h, 1);
	assert_int_equal(emu_host_stats(&h).violations, 1);
	emu_host_close(&h);
}

static void fault_add(struct emu_host *h, const char *text)
{
	struct emu_fault fault;

	assert_int_equal(emu_fault_parse(text, &fault), 0);
	assert_int_equal(emu_fault_add(h->emu, &fault), 0);
}

static void queue_delete(struct emu_host *h, uint8_t opcode, uint16_t qid)
{
	union nvme_cmd cmd = {.delete_q = {.opcode = opcode}};

	cmd.delete_q.qid = cpu_to_le16(qid);
	assert_int_equal(emu_host_status(h, 0, &cmd), 0);
}

/* Each command completes twice, and there is room for one completion at a time. */
static void queue__completions_wait_for_room(void **state)
{
	struct emu_host h;
	struct nvme_cqe cqe;
	uint16_t cids[3];

	(void)state;
	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 16, 2);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 2, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 16);
	fault_add(&h, "act=twice:sq=1");
	for (int i = 0; i < 3; i++)
		cids[i] = emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(emu_host_reap(&h, 1).cid, cids[i / 2]);
		usleep(3000); /* the controller sleeps when the head moves */
	}

	/* What waits goes with its queue ... */
	emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	while (!emu_host_peek(&h, 1, &cqe))
		;
	queue_delete(&h, 0x00, 1);
	queue_delete(&h, 0x04, 1);
	emu_host_create_queues(&h, 1, 16);
	emu_host_quiet(&h, 1, 20);

	/* ... and in a reset. */
	queue_delete(&h, 0x00, 1);
	queue_delete(&h, 0x04, 1);
	emu_host_q_init(&h, 1, 16, 2);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 2, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 16);
	emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	while (!emu_host_peek(&h, 1, &cqe))
		;
	emu_host_disable(&h);
	emu_fault_clear(h.emu);
	emu_host_enable(&h, 32);
	emu_host_create_queues(&h, 1, 16);
	assert_int_equal(emu_host_status(&h, 1, &flush), 0);
	emu_host_quiet(&h, 1, 20);
	assert_int_equal(emu_host_stats(&h).violations, 0);
	emu_host_close(&h);
}

/* Two queues share a completion queue; only what belongs to the one that goes is forgotten. */
static void queue__deleting_one_of_two_keeps_the_other(void **state)
{
	struct emu_host h;
	struct nvme_cqe cqe;
	uint16_t cid;

	(void)state;
	emu_host_start(&h, "");
	emu_host_q_init(&h, 1, 16, 3);
	emu_host_q_init(&h, 2, 16, 3);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 3, 1);
	emu_host_create_sq(&h, 1, 1, emu_host_sq_iova(1), 16);
	emu_host_create_sq(&h, 2, 1, emu_host_sq_iova(2), 16);
	fault_add(&h, "act=delay:arg=200000:sq=1:count=1");
	fault_add(&h, "act=delay:arg=200000:sq=2:count=1");
	emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	cid = emu_host_post(&h, 2, &flush);
	emu_host_ring(&h, 2);
	while (emu_host_stats(&h).faults != 2)
		;
	queue_delete(&h, 0x00, 1);
	cqe = emu_host_reap(&h, 1);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le16_to_cpu(cqe.sqid), 2);
	emu_host_quiet(&h, 1, 30);
	emu_host_close(&h);
}

static void queue__events_are_raised(void **state)
{
	struct emu_host h;
	struct nvme_cqe cqe;
	uint16_t cid;

	(void)state;
	emu_host_start(&h, "");
	cid = aer_post(&h);
	emu_host_quiet(&h, 0, 20);
	assert_int_equal(emu_raise_event(h.emu, 8, 0, 0), -1);
	assert_int_equal(emu_raise_event(h.emu, 0, 256, 0), -1);
	assert_int_equal(emu_raise_event(h.emu, 0, 0, 256), -1);
	assert_int_equal(emu_raise_event(h.emu, 0, 3, 1), 0);
	cqe = emu_host_reap(&h, 0);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le32_to_cpu(cqe.dw0), 0x00010300);
	emu_host_close(&h);
}

static void queue__reserved_flags(void **state)
{
	static const struct {
		const char *name;
		uint16_t qid;
		uint8_t flags;
		uint16_t status;
	} rows[] = {
		{"reserved bit 2", 1, 0x04, 0x002},
		{"reserved bit 5", 1, 0x20, 0x002},
		{"PSDT 11b", 1, 0xc0, 0x002},
		{"PSDT 10b, metadata SGL", 1, 0x80, 0x002},
		{"PSDT 01b on the admin queue", 0, 0x40, 0x002},
		{"no flags", 1, 0x00, 0x000},
	};
	union nvme_cmd cmd = read_cmd();
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	emu_host_create_queues(&h, 1, 16);
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i].name);
		cmd.flags = rows[i].flags;
		assert_int_equal(emu_host_status(&h, rows[i].qid, &cmd), rows[i].status);
	}
	assert_int_equal(emu_host_stats(&h).violations, ROWS(rows) - 1);
	emu_host_close(&h);
}

static void queue__needs_entry_sizes(void **state)
{
	union nvme_cmd cmd = {.create_cq = {.opcode = 0x05}};
	struct emu_host h;

	(void)state;
	emu_host_open(&h, "");
	emu_host_q_init(&h, 0, 32, 32);
	emu_reg_write(h.emu, NVM_REG_AQA, 4, 0x001f001f);
	emu_reg_write(h.emu, NVM_REG_ASQ, 8, emu_host_sq_iova(0));
	emu_reg_write(h.emu, NVM_REG_ACQ, 8, emu_host_cq_iova(0));
	emu_reg_write(h.emu, NVM_REG_CC, 4, 0x00000001);
	emu_host_wait_csts(&h, 1, 1);
	cmd.create_cq.prp1 = cpu_to_le64(emu_host_cq_iova(1));
	cmd.create_cq.qid = cpu_to_le16(1);
	cmd.create_cq.qsize = cpu_to_le16(15);
	cmd.create_cq.qflags = cpu_to_le16(NVME_Q_PC);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0x102); /* Invalid Queue Size */
	emu_reg_write(h.emu, NVM_REG_CC, 4, 0x00460001);
	emu_host_create_queues(&h, 1, 16);
	emu_host_close(&h);
}

static void queue__memory_taken_away(void **state)
{
	struct emu_host h;
	struct emu_stats st;

	(void)state;
	emu_host_start(&h, "");
	emu_host_create_queues(&h, 1, 16);
	emu_domain_unmap(h.dom, emu_host_sq_iova(1), EMU_HOST_RING);
	assert_int_equal(emu_reg_read(h.emu, NVM_REG_CSTS, 4), 1);
	emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	emu_host_wait_csts(&h, 2, 2);
	st = emu_host_stats(&h);
	assert_int_equal(st.dma_faults, 1);
	assert_int_equal(st.io_cmds, 0);
	emu_host_disable(&h);
	assert_int_equal(emu_reg_read(h.emu, NVM_REG_CSTS, 4), 0);
	emu_host_close(&h);
}

/* Two mappings whose IOVAs are adjacent and whose memory is not. */
static void queue__in_scattered_memory(void **state)
{
	const uint64_t iova = 0x40000000;
	struct emu_host h;
	struct emu_host_q *q;
	uint8_t *low, *high;

	(void)state;
	emu_host_start(&h, "");
	high = emu_host_data(&h, 0x1000);
	low = emu_host_data(&h, 0x8000);
	assert_int_equal(emu_domain_map(h.dom, iova, low, 0x1000, EMU_DMA_READ), 0);
	assert_int_equal(emu_domain_map(h.dom, iova + 0x1000, high, 0x1000, EMU_DMA_READ), 0);
	q = emu_host_q_init(&h, 1, 65, 128);
	emu_host_create_cq(&h, 1, emu_host_cq_iova(1), 128, 1);
	emu_host_create_sq(&h, 1, 1, iova,
			   65); /* 64 entries on the first page, one on the second */
	for (int i = 0; i < 200; i++) {
		union nvme_cmd *slot = (void *)(q->sq_tail < 64 ? low + q->sq_tail * 64 : high);

		q->sq = slot - q->sq_tail;
		assert_int_equal(emu_host_status(&h, 1, &flush), 0);
	}
	emu_host_close(&h);
}

static void queue__shadow_doorbells(void **state)
{
	union nvme_cmd config = {.opcode = 0x7c};
	uint32_t *db, *ei;
	struct emu_host h;
	struct nvme_cqe cqe;

	(void)state;
	emu_host_start(&h, "dbbuf=on");
	db = emu_host_data(&h, 0);
	ei = emu_host_data(&h, 0x1000);
	config.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	config.dptr.prp2 = cpu_to_le64(emu_host_iova(0x1000));
	assert_int_equal(emu_host_status(&h, 0, &config), 0);
	emu_host_create_queues(&h, 1, 16);

	/* The shadow counts and the doorbell is but a bell; without it the controller looks
	 * every few milliseconds all the same. */
	for (uint32_t i = 1; i <= 3; i++) {
		emu_host_post(&h, 1, &flush);
		atomic_store_release(&db[2], i);
		if (i == 1)
			emu_host_doorbell(&h, NVM_REG_SQTDBL(1, 0), i);
		while (!emu_host_peek(&h, 1, &cqe))
			;
		emu_host_pop(&h, 1);
		atomic_store_release(&db[3], i);
	}
	/* Asleep, it wants the bell for the next change. */
	while (LOAD(ei[2]) != 3 || LOAD(ei[3]) != 3)
		usleep(1000);
	assert_int_equal(emu_host_stats(&h).violations, 0);

	/* The memory goes: a fault, and there is no telling what was announced. */
	emu_domain_unmap(h.dom, emu_host_iova(0), 0x2000);
	emu_host_post(&h, 1, &flush);
	emu_host_doorbell(&h, NVM_REG_SQTDBL(1, 0), 4);
	emu_host_wait_csts(&h, 2, 2); /* CFS */
	emu_host_quiet(&h, 1, 20);
	assert_int_equal(emu_host_stats(&h).dma_faults, 1);
	emu_host_close(&h);
}

/* The buffers are a memory page, whatever that is: here 16 KiB, with the doorbells of queue 4 from 8 KiB on. */
static void queue__shadow_doorbells_fill_a_memory_page(void **state)
{
	union nvme_cmd config = {.opcode = 0x7c};
	uint32_t *db, *ei;
	struct emu_host h;
	struct nvme_cqe cqe;

	(void)state;
	emu_host_start(&h, "dbbuf=on,dstrd=8");
	emu_host_disable(&h);
	emu_host_q_init(&h, 0, 32, 32);
	emu_reg_write(h.emu, 0x14, 4, 0x00460101); /* CC.MPS: 2 */
	emu_host_wait_csts(&h, 1, 1);
	config.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	config.dptr.prp2 = cpu_to_le64(emu_host_iova(0x4000));
	assert_int_equal(emu_host_status(&h, 0, &config), 0);
	emu_host_create_queues(&h, 4, 16);
	db = emu_host_data(&h, 0x2000);
	ei = emu_host_data(&h, 0x6000);

	for (uint32_t i = 1; i <= 3; i++) {
		emu_host_post(&h, 4, &flush);
		atomic_store_release(&db[0], i);
		if (i == 1) /* a bell, which the shadow is not read from */
			emu_host_doorbell(&h, NVM_REG_SQTDBL(4, 8), i);
		for (int ms = 0; !emu_host_peek(&h, 4, &cqe); ms++) {
			assert_true(ms < 5000);
			usleep(1000);
		}
		emu_host_pop(&h, 4);
		atomic_store_release(&db[256], i); /* the head's is 1 KiB on */
	}
	while (LOAD(ei[0]) != 3 || LOAD(ei[256]) != 3)
		usleep(1000);
	assert_int_equal(emu_host_stats(&h).violations, 0);
	assert_int_equal(emu_host_stats(&h).dma_faults, 0);

	/* One of its four pages goes: that is enough. */
	emu_domain_unmap(h.dom, emu_host_iova(0x3000), 0x1000);
	emu_host_wait_csts(&h, 2, 2); /* CFS */
	assert_int_equal(emu_host_stats(&h).dma_faults, 1);
	emu_host_close(&h);
}

/* A host that is off takes its memory back, as Linux does with the bus master bit. */
static void queue__shadow_doorbells_end_with_a_shutdown(void **state)
{
	union nvme_cmd config = {.opcode = 0x7c};
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "dbbuf=on");
	config.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	config.dptr.prp2 = cpu_to_le64(emu_host_iova(0x1000));
	assert_int_equal(emu_host_status(&h, 0, &config), 0);
	emu_host_create_queues(&h, 1, 16);
	emu_reg_write(h.emu, 0x14, 4, 0x00464001); /* CC: normal shutdown */
	emu_host_wait_csts(&h, 0xc, 0x8);
	emu_domain_unmap(h.dom, emu_host_iova(0), 0x2000);
	emu_host_quiet(&h, 1, 200);			     /* it looks about every 50 ms */
	assert_int_equal(emu_reg_read(h.emu, 0x1c, 4), 0x9); /* no CFS */
	assert_int_equal(emu_host_stats(&h).dma_faults, 0);
	emu_host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue__wraps),
		cmocka_unit_test(queue__largest_wraps),
		cmocka_unit_test(queue__full_completion_queue_loses_nothing),
		cmocka_unit_test(queue__shared_completion_queue_is_fair),
		cmocka_unit_test(queue__invalid_doorbells),
		cmocka_unit_test(queue__tail_cannot_go_back),
		cmocka_unit_test(queue__completions_wait_for_room),
		cmocka_unit_test(queue__deleting_one_of_two_keeps_the_other),
		cmocka_unit_test(queue__events_are_raised),
		cmocka_unit_test(queue__reserved_flags),
		cmocka_unit_test(queue__needs_entry_sizes),
		cmocka_unit_test(queue__memory_taken_away),
		cmocka_unit_test(queue__in_scattered_memory),
		cmocka_unit_test(queue__shadow_doorbells),
		cmocka_unit_test(queue__shadow_doorbells_fill_a_memory_page),
		cmocka_unit_test(queue__shadow_doorbells_end_with_a_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

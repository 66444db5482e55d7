/* SPDX-License-Identifier: MIT */
/*
 * A host for the emulated controller's own tests. See emu_host.h.
 */
#include "emu_host.h"

#include <string.h>
#include <sys/mman.h>

#include <belfry/support/atomic.h>

#include "support/deadline.h"

void emu_host_open(struct emu_host *host, const char *opts)
{
	size_t len;

	*host = (struct emu_host){.next_cid = 1};
	host->dom = emu_domain_create();
	assert_non_null(host->dom);
	host->mem = mmap(NULL, EMU_HOST_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	assert_ptr_not_equal(host->mem, MAP_FAILED);
	assert_int_equal(emu_domain_map(host->dom, EMU_HOST_IOVA, host->mem, EMU_HOST_MEM,
					EMU_DMA_READ | EMU_DMA_WRITE),
			 0);
	host->emu = emu_ctrl_create(opts, host->dom);
	assert_non_null(host->emu);
	host->bar = emu_bar(host->emu, EMU_BAR_REGS, &len);
	host->dstrd = (uint32_t)NVM_GET(emu_reg_read(host->emu, NVM_REG_CAP, 8), CAP_DSTRD);
}

void emu_host_close(struct emu_host *host)
{
	emu_ctrl_destroy(host->emu);
	emu_domain_put(host->dom);
	munmap(host->mem, EMU_HOST_MEM);
}

void emu_host_start(struct emu_host *host, const char *opts)
{
	emu_host_open(host, opts);
	emu_host_enable(host, 32);
}

uint64_t emu_host_sq_iova(uint16_t qid)
{
	return EMU_HOST_IOVA + (uint64_t)qid * EMU_HOST_RING;
}

uint64_t emu_host_cq_iova(uint16_t qid)
{
	return emu_host_sq_iova(qid) + EMU_HOST_RING / 2;
}

struct emu_host_q *emu_host_q_init(struct emu_host *host, uint16_t qid, uint32_t sq_size,
				   uint32_t cq_size)
{
	uint8_t *ring = host->mem + (size_t)qid * EMU_HOST_RING;
	struct emu_host_q *q = &host->q[qid];

	memset(ring, 0, EMU_HOST_RING);
	*q = (struct emu_host_q){
		.qid = qid,
		.sq_size = sq_size,
		.cq_size = cq_size,
		.phase = true,
		.sq = (void *)ring,
		.cq = (void *)(ring + EMU_HOST_RING / 2),
	};
	return q;
}

void emu_host_wait_csts(struct emu_host *host, uint32_t mask, uint32_t want)
{
	uint64_t deadline = deadline_after_ms(EMU_HOST_TIMEOUT_MS);
	struct backoff b = {0};

	while (((uint32_t)emu_reg_read(host->emu, NVM_REG_CSTS, 4) & mask) != want) {
		assert_false(deadline_passed(deadline));
		backoff_pause(&b);
	}
}

void emu_host_enable(struct emu_host *host, uint32_t entries)
{
	emu_host_q_init(host, 0, entries, entries);
	emu_reg_write(host->emu, NVM_REG_AQA, 4, (entries - 1) << 16 | (entries - 1));
	emu_reg_write(host->emu, NVM_REG_ASQ, 8, emu_host_sq_iova(0));
	emu_reg_write(host->emu, NVM_REG_ACQ, 8, emu_host_cq_iova(0));
	/* EN, CSS and MPS 0, 64 byte submission and 16 byte completion entries */
	emu_reg_write(host->emu, NVM_REG_CC, 4, 0x00460001);
	emu_host_wait_csts(host, 1, 1);
}

void emu_host_disable(struct emu_host *host)
{
	emu_reg_write(host->emu, NVM_REG_CC, 4, 0x00460000);
	emu_host_wait_csts(host, 1, 0);
}

void emu_host_create_cq(struct emu_host *host, uint16_t qid, uint64_t iova, uint32_t entries,
			uint16_t vector)
{
	union nvme_cmd cmd = {.create_cq = {.opcode = 0x05}};

	cmd.create_cq.prp1 = cpu_to_le64(iova);
	cmd.create_cq.qid = cpu_to_le16(qid);
	cmd.create_cq.qsize = cpu_to_le16((uint16_t)(entries - 1));
	cmd.create_cq.qflags = cpu_to_le16(NVME_Q_PC | NVME_CQ_IEN);
	cmd.create_cq.iv = cpu_to_le16(vector);
	assert_int_equal(emu_host_status(host, 0, &cmd), 0);
}

void emu_host_create_sq(struct emu_host *host, uint16_t qid, uint16_t cqid, uint64_t iova,
			uint32_t entries)
{
	union nvme_cmd cmd = {.create_sq = {.opcode = 0x01}};

	cmd.create_sq.prp1 = cpu_to_le64(iova);
	cmd.create_sq.qid = cpu_to_le16(qid);
	cmd.create_sq.qsize = cpu_to_le16((uint16_t)(entries - 1));
	cmd.create_sq.qflags = cpu_to_le16(NVME_Q_PC);
	cmd.create_sq.cqid = cpu_to_le16(cqid);
	assert_int_equal(emu_host_status(host, 0, &cmd), 0);
}

void emu_host_create_queues(struct emu_host *host, uint16_t qid, uint32_t entries)
{
	emu_host_q_init(host, qid, entries, entries);
	emu_host_create_cq(host, qid, emu_host_cq_iova(qid), entries, 0);
	emu_host_create_sq(host, qid, qid, emu_host_sq_iova(qid), entries);
}

struct emu_stats emu_host_stats(struct emu_host *host)
{
	struct emu_stats stats;

	emu_get_stats(host->emu, &stats);
	return stats;
}

uint16_t emu_host_post(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd)
{
	struct emu_host_q *q = &host->q[qid];
	union nvme_cmd *slot = &q->sq[q->sq_tail];

	*slot = *cmd;
	slot->cid = host->next_cid++;
	q->sq_tail = q->sq_tail + 1 == q->sq_size ? 0 : q->sq_tail + 1;
	return slot->cid;
}

void emu_host_doorbell(struct emu_host *host, uint32_t off, uint32_t val)
{
	uint32_t *db = (uint32_t *)(void *)(host->bar + off);

	atomic_store_release(db, (__force uint32_t)cpu_to_le32(val));
	if (__atomic_load_n(emu_asleep(host->emu), __ATOMIC_RELAXED))
		emu_wake(host->emu);
}

void emu_host_ring(struct emu_host *host, uint16_t qid)
{
	emu_host_doorbell(host, NVM_REG_SQTDBL(qid, host->dstrd), host->q[qid].sq_tail);
}

bool emu_host_peek(struct emu_host *host, uint16_t qid, struct nvme_cqe *cqe)
{
	struct emu_host_q *q = &host->q[qid];
	struct nvme_cqe *slot = &q->cq[q->cq_head];
	uint16_t *word = (uint16_t *)(void *)&slot->sfp;
	leint16_t sfp = (__force leint16_t)atomic_load_acquire(word);

	if ((le16_to_cpu(sfp) & 1) != q->phase)
		return false;
	cqe->qw0 = slot->qw0;
	cqe->sqhd = slot->sqhd;
	cqe->sqid = slot->sqid;
	cqe->cid = slot->cid;
	cqe->sfp = sfp;
	return true;
}

void emu_host_pop(struct emu_host *host, uint16_t qid)
{
	struct emu_host_q *q = &host->q[qid];

	if (++q->cq_head == q->cq_size) {
		q->cq_head = 0;
		q->phase = !q->phase;
	}
}

struct nvme_cqe emu_host_reap(struct emu_host *host, uint16_t qid)
{
	uint64_t deadline = deadline_after_ms(EMU_HOST_TIMEOUT_MS);
	struct backoff b = {0};
	struct nvme_cqe cqe;

	while (!emu_host_peek(host, qid, &cqe)) {
		assert_false(deadline_passed(deadline));
		backoff_pause(&b);
	}
	emu_host_pop(host, qid);
	emu_host_doorbell(host, NVM_REG_CQHDBL(qid, host->dstrd), host->q[qid].cq_head);
	return cqe;
}

void emu_host_quiet(struct emu_host *host, uint16_t qid, unsigned int ms)
{
	uint64_t deadline = deadline_after_ms(ms);
	struct backoff b = {0};
	struct nvme_cqe cqe;

	while (!deadline_passed(deadline)) {
		assert_false(emu_host_peek(host, qid, &cqe));
		backoff_pause(&b);
	}
}

struct nvme_cqe emu_host_exec(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd)
{
	uint16_t cid = emu_host_post(host, qid, cmd);
	struct nvme_cqe cqe;

	emu_host_ring(host, qid);
	cqe = emu_host_reap(host, qid);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le16_to_cpu(cqe.sqid), qid);
	return cqe;
}

uint16_t emu_host_status(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd)
{
	struct nvme_cqe cqe = emu_host_exec(host, qid, cmd);

	return (uint16_t)NVM_GET(le16_to_cpu(cqe.sfp) >> 1, STATUS_CODE);
}

void *emu_host_data(struct emu_host *host, uint32_t off)
{
	return host->mem + EMU_HOST_DATA + off;
}

uint64_t emu_host_iova(uint32_t off)
{
	return EMU_HOST_IOVA + EMU_HOST_DATA + off;
}

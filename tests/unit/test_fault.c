/* SPDX-License-Identifier: MIT */
/*
 * What the driver makes of a device that misbehaves, one kind of fault after the other: the
 * completion that comes late, never, twice, with another's name, or unseen. Nothing is lost that
 * came, nothing is believed that cannot be, and every wait ends.
 */
#include "fault.h"

/* ---- status ---- */

static void fault__status_has_an_errno(void **state)
{
	static const struct {
		uint16_t status;
		int err;
	} rows[] = {
		{0x0281, EIO},	     /* unrecovered read error */
		{0x4281, EIO},	     /* the same, do not retry */
		{0x0004, ECOMM},     /* data transfer error */
		{0x0007, ECANCELED}, /* abort requested */
		{0x0080, ERANGE},    /* LBA out of range */
		{0x0282, EILSEQ},    /* guard check */
		{0x0285, EBADMSG},   /* compare failure */
		{0x07c0, EIO},	     /* vendor's own */
		{0x000b, ENXIO},     /* invalid namespace or format */
	};
	struct nvme_cqe cqe;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct nvme_rq *rq;

		inject(&f, NVM_CMD_FLUSH, EMU_ACT_STATUS, rows[i].status);
		rq = start(&f);
		assert_fails(dev_wait(rq, &cqe), rows[i].err);
		assert_int_equal(nvme_cqe_status(&cqe), rows[i].status);
		assert_false(nvme_cqe_ok(&cqe));
		nvme_rq_release(rq);
	}
	works(&f);
	assert_int_equal(f.cq->spurious, 0);
	dev_close(&f.dev);
}

/* ---- late ---- */

static void fault__late_but_waited_for(void **state)
{
	struct fixture f;
	struct nvme_rq *slow, *quick;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 500000);
	slow = start(&f);
	quick = start(&f);
	assert_fails(nvme_rq_spin(slow, NULL), EAGAIN); /* the quick one's */
	assert_fails(wait_ms(slow, 5), ETIMEDOUT);
	assert_works(wait_ms(quick, 5)); /* kept for it */
	assert_works(dev_wait(slow, NULL));
	nvme_rq_release(slow);
	nvme_rq_release(quick);
	assert_int_equal(f.cq->late, 0);
	works(&f);
	dev_close(&f.dev);
}

static void fault__late_and_given_up_on(void **state)
{
	struct fixture f;
	struct nvme_rq *rq, *others[QSIZE];
	int n = 0;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 500000);
	rq = start(&f);
	assert_fails(wait_ms(rq, 1), ETIMEDOUT);
	nvme_rq_release(rq);

	/* It is not handed out, and completes nobody else's command. */
	for (; n < QSIZE && (others[n] = nvme_rq_acquire(f.sq)); n++)
		assert_ptr_not_equal(others[n], rq);
	assert_int_equal(n, QSIZE - 2);
	while (n)
		nvme_rq_release(others[--n]);

	while (!f.cq->late)
		assert_null(nvme_cq_get_cqe(f.cq));
	nvme_cq_update_head(f.cq);
	assert_int_equal(f.cq->late, 1);
	assert_ptr_equal(nvme_rq_acquire(f.sq), rq);
	nvme_rq_release(rq);
	works(&f);
	assert_int_equal(f.cq->spurious, 0);
	dev_close(&f.dev);
}

/* The late one comes while somebody waits for another. */
static void fault__late_in_anothers_wait(void **state)
{
	struct fixture f;
	struct nvme_rq *late, *other;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 30000);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DELAY, 90000);
	late = start(&f);
	nvme_rq_release(late);
	other = start(&f);
	assert_works(dev_wait(other, NULL));
	assert_int_equal(f.cq->late, 1);
	nvme_rq_release(other);
	works(&f);
	dev_close(&f.dev);
}

/* ---- lost ---- */

static void fault__lost(void **state)
{
	struct timespec ts = {.tv_nsec = 5000000};
	struct fixture f;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_DROP, 0);
	rq = start(&f);
	assert_fails(wait_ms(rq, 5), ETIMEDOUT);
	errno = 0;
	assert_int_equal(nvme_cq_wait_cqes(f.cq, NULL, 1, &ts), 0);
	assert_int_equal(errno, ETIMEDOUT);
	nvme_rq_release(rq);

	/* One tracker less, until the controller is reset. */
	for (int i = 0; i < QSIZE - 2; i++)
		assert_ptr_not_equal(nvme_rq_acquire(f.sq), rq);
	assert_null(nvme_rq_acquire(f.sq));
	assert_works(nvme_reset(&f.dev.ctrl));
	assert_ptr_equal(nvme_rq_acquire(f.sq), rq);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* What a synchronous command left with the device stays mapped until a reset. */
static void fault__lost_synchronous_commands(void **state)
{
	union nvme_cmd cmd;
	struct iommu_ctx *ctx;
	struct fixture f;
	struct nvme_cqe cqe;
	size_t mapped;
	char *mem, *bytes = malloc(2048);

	(void)state;
	fault_open(&f, "emu:");
	ctx = __iommu_ctx(&f.dev.ctrl);
	assert_non_null(bytes);
	assert_true(pgmap((void **)&mem, 4096) > 0);
	assert_works(iommu_map_vaddr(ctx, mem, 4096, NULL, 0));
	mapped = mapped_bytes(ctx);
	f.dev.ctrl.timeout_ms = 10;

	/* The caller's mapping: it cannot be unmapped under the device's hands. */
	inject(&f, NVM_CMD_READ, EMU_ACT_DROP, 0);
	cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 512);
	memset(&cqe, 0xff, sizeof(cqe));
	assert_fails(nvme_sync(&f.dev.ctrl, f.sq, &cmd, mem, 512, &cqe), ETIMEDOUT);
	assert_int_equal(cqe.cid, 0);
	assert_fails(iommu_unmap_vaddr(ctx, mem, NULL), EBUSY);

	/* A buffer of the library's in place of the caller's bytes. */
	inject(&f, NVM_CMD_READ, EMU_ACT_DROP, 0);
	cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 512);
	assert_fails(nvme_sync(&f.dev.ctrl, f.sq, &cmd, bytes + 1, 512, NULL), ETIMEDOUT);
	assert_true(mapped_bytes(ctx) > mapped);
	free(bytes);

	/* The queue serves others meanwhile. */
	f.dev.ctrl.timeout_ms = NVME_TIMEOUT_MS_DEFAULT;
	cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 512);
	assert_works(nvme_sync(&f.dev.ctrl, f.sq, &cmd, mem, 512, NULL));

	reset(&f);
	assert_int_equal(mapped_bytes(ctx), mapped);
	assert_works(iommu_unmap_vaddr(ctx, mem, NULL));
	works(&f);
	assert_works(pgunmap(mem, 4096));
	dev_close(&f.dev);
}

/* ---- twice ---- */

static void fault__twice_and_still_ours(void **state)
{
	struct fixture f;
	struct nvme_cqe *cqe;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_TWICE, 0);
	rq = start(&f);
	nvme_cq_spin(f.cq);
	cqe = nvme_cq_get_cqe(f.cq);
	assert_non_null(cqe);
	assert_ptr_equal(nvme_rq_from_cqe(&f.dev.ctrl, cqe), rq);
	while (!f.cq->spurious)
		assert_null(nvme_cq_get_cqe(f.cq));
	nvme_cq_update_head(f.cq);
	assert_int_equal(f.cq->spurious, 1);
	nvme_rq_release(rq);
	works(&f);
	dev_close(&f.dev);
}

static void fault__twice_and_given_back(void **state)
{
	struct fixture f;
	struct nvme_cqe *cqe;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_TWICE, 0);
	rq = start(&f);
	assert_works(dev_wait(rq, NULL));
	nvme_rq_release(rq);

	/* It looks like that of a command without a tracker, and finds none. */
	nvme_cq_spin(f.cq);
	cqe = nvme_cq_get_cqe(f.cq);
	assert_non_null(cqe);
	errno = 0;
	assert_null(nvme_rq_from_cqe(&f.dev.ctrl, cqe));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(f.cq->spurious, 1);
	nvme_cq_update_head(f.cq);
	works(&f);
	dev_close(&f.dev);
}

static void fault__twice_in_anothers_wait(void **state)
{
	struct fixture f;
	struct nvme_rq *a, *b;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_TWICE, 0);
	a = start(&f);
	b = start(&f);
	assert_works(dev_wait(b, NULL)); /* keeps the first, drops the second */
	assert_int_equal(f.cq->spurious, 1);
	assert_works(dev_wait(a, NULL));
	assert_null(nvme_cq_get_cqe(f.cq));
	nvme_rq_release(a);
	nvme_rq_release(b);
	works(&f);
	dev_close(&f.dev);
}

/* ---- another's name ---- */

/* A completion that names no command of ours: handed out as it is, and not found. */
static void stranger(struct fixture *f, enum emu_act act, uint64_t arg, uint16_t sqid, uint16_t cid)
{
	struct nvme_rq *rq;
	struct nvme_cqe cqe;

	reset(f); /* queues anew: nothing is counted, and the first tracker is 6 */
	f->sq->rqs[7].state = NVME_RQ_INFLIGHT; /* memory behind them, as it may look */
	inject(f, NVM_CMD_FLUSH, act, arg);
	rq = start(f);
	assert_int_equal(rq->cid, 6);
	nvme_cq_get_cqes(f->cq, &cqe, 1);
	nvme_cq_update_head(f->cq);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le16_to_cpu(cqe.sqid), sqid);
	errno = 0;
	assert_null(nvme_rq_from_cqe(&f->dev.ctrl, &cqe));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(__nvme_rq_from_cqe(f->sq, &cqe));
	assert_int_equal(errno, EINVAL);
	assert_true(f->cq->spurious);
	assert_int_equal(f->sq->rqs[7].state, NVME_RQ_INFLIGHT);

	/* The command is still in flight, for all that is known. */
	assert_fails(wait_ms(rq, 1), ETIMEDOUT);
	nvme_rq_release(rq);
	assert_int_equal(rq->state, NVME_RQ_ABANDONED);
	reset(f);
	works(f);
}

static void fault__wrong_cid(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	stranger(&f, EMU_ACT_WRONG_CID, 0, 1, 0xfff9);	    /* inverted */
	stranger(&f, EMU_ACT_WRONG_CID, 1, 1, 7);	    /* qsize - 1: one past the end */
	stranger(&f, EMU_ACT_WRONG_CID, 2, 1, 8);	    /* qsize */
	stranger(&f, EMU_ACT_WRONG_CID, 0xffff, 1, 5);	    /* a tracker that was never used */
	stranger(&f, EMU_ACT_WRONG_CID, 0x8000, 1, 0x8006); /* no event on an I/O queue */
	dev_close(&f.dev);
}

static void fault__wrong_sqid(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	stranger(&f, EMU_ACT_WRONG_SQID, 0, 0xfffe, 6); /* inverted */
	stranger(&f, EMU_ACT_WRONG_SQID, 1, 2, 6);	/* a queue that does not exist */
	stranger(&f, EMU_ACT_WRONG_SQID, 0xffff, 0, 6); /* the admin queue: elsewhere */
	stranger(&f, EMU_ACT_WRONG_SQID, 64, 65, 6);	/* one past the array */
	stranger(&f, EMU_ACT_WRONG_SQID, 63, 64, 6);	/* its last */
	dev_close(&f.dev);
}

/* The name of a command in flight whose completions arrive on another queue. */
static void fault__a_command_of_another_completion_queue(void **state)
{
	struct emu_fault slow = {.sqid = 2,
				 .opcode = EMU_ANY,
				 .act = EMU_ACT_DELAY,
				 .arg = 100000,
				 .nth = 1,
				 .count = 1};
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};
	struct nvme_rq *ours, *other;
	struct nvme_cqe cqe;
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 2, QSIZE, -1, 0));
	assert_works(emu_fault_add(f.emu, &slow));
	other = nvme_rq_acquire(&f.dev.ctrl.sq[2]);
	cmd.nsid = cpu_to_le32(f.dev.nsid);
	nvme_rq_exec(other, &cmd);

	inject(&f, NVM_CMD_FLUSH, EMU_ACT_WRONG_SQID, 1); /* 1 says that it is 2 */
	ours = start(&f);
	assert_int_equal(ours->cid, other->cid);
	nvme_cq_get_cqes(f.cq, &cqe, 1);
	nvme_cq_update_head(f.cq);
	assert_int_equal(le16_to_cpu(cqe.sqid), 2);
	assert_null(nvme_rq_from_cqe(&f.dev.ctrl, &cqe));
	assert_int_equal(other->state, NVME_RQ_INFLIGHT);
	assert_works(dev_wait(other, NULL));
	nvme_rq_release(other);
	nvme_rq_release(ours);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* 64 trackers end with a page; nothing is there to be looked at behind them. */
static void fault__one_past_a_whole_page_of_trackers(void **state)
{
	struct fixture f;
	struct nvme_cqe cqe;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_delete_ioqpair(&f.dev.ctrl, 1));
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 1, 65, -1, 0));
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_WRONG_CID, 1);
	assert_int_equal(start(&f)->cid, 63);
	nvme_cq_get_cqes(f.cq, &cqe, 1);
	assert_int_equal(cqe.cid, 64);
	assert_null(nvme_rq_from_cqe(&f.dev.ctrl, &cqe));
	assert_null(__nvme_rq_from_cqe(f.sq, &cqe));
	dev_close(&f.dev);
}

/* A neighbour's name: the neighbour completes, and what is left over shows up. */
static void fault__a_neighbours_cid(void **state)
{
	struct fixture f;
	struct nvme_rq *a, *b;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_WRONG_CID, 0xffff); /* 6 says that it is 5 */
	a = start(&f);
	b = start(&f);
	assert_works(dev_wait(b, NULL));
	/* b's own is one too many; a's never comes. */
	while (!f.cq->spurious)
		assert_fails(wait_ms(a, 5), ETIMEDOUT);
	assert_int_equal(f.cq->spurious, 1);
	nvme_rq_release(a);
	nvme_rq_release(b);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* The waiting functions do not stumble over strangers. */
static void fault__strangers_in_a_wait(void **state)
{
	struct fixture f;
	struct nvme_rq *lost, *good;
	struct nvme_cqe cqe, *kept;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_WRONG_SQID, 0);
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_WRONG_CID, 2);
	lost = start(&f);
	nvme_rq_release(lost);
	lost = start(&f);
	nvme_rq_release(lost);
	good = start(&f);
	assert_fails(nvme_rq_spin(good, &cqe), EAGAIN);
	assert_int_equal(le16_to_cpu(cqe.sqid), 0xfffe);
	assert_fails(nvme_rq_spin(good, &cqe), EAGAIN);
	assert_works(nvme_rq_spin(good, &cqe));
	nvme_rq_release(good);

	/* Kept for whom it may concern. */
	kept = nvme_cq_get_cqe(f.cq);
	assert_non_null(kept);
	assert_null(nvme_rq_from_cqe(&f.dev.ctrl, kept));
	kept = nvme_cq_get_cqe(f.cq);
	assert_non_null(kept);
	assert_null(nvme_rq_from_cqe(&f.dev.ctrl, kept));
	assert_null(nvme_cq_get_cqe(f.cq));
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* On the admin queue, where bit 15 of a cid means something. */
static void fault__wrong_cids_of_admin_commands(void **state)
{
	static const uint16_t args[] = {0, 1, 31, 0x8000, 0x8001};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	for (size_t i = 0; i < ROWS(args); i++) {
		f.dev.ctrl.timeout_ms = 10;
		inject_admin(&f, NVM_ADMIN_GET_FEATURES, EMU_ACT_WRONG_CID, args[i]);
		assert_fails(
			dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL),
			ETIMEDOUT);
		f.dev.ctrl.timeout_ms = NVME_TIMEOUT_MS_DEFAULT;
		for (int n = 0; n < 40; n++)
			assert_works(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES,
						  NVM_FEAT_ARBITRATION, 0, NULL));
	}
	dev_close(&f.dev);
}

/* ---- unseen ---- */

static void fault__stale_phase(void **state)
{
	struct fixture f;
	struct nvme_rq *a, *b;

	(void)state;
	fault_open(&f, "emu:");
	inject(&f, NVM_CMD_FLUSH, EMU_ACT_STALE_PHASE, 0);
	a = start(&f);
	assert_fails(wait_ms(a, 5), ETIMEDOUT);
	/* The next completion is behind the slot that is still empty. */
	b = start(&f);
	assert_fails(wait_ms(b, 5), ETIMEDOUT);
	assert_null(nvme_cq_get_cqe(f.cq));
	assert_int_equal(f.cq->head, 0);

	nvme_rq_release(a);
	nvme_rq_release(b);
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

/* ---- all together ---- */

static void fault__many_delays_and_refusals(void **state)
{
	static const struct emu_fault script[] = {
		{.sqid = 1,
		 .opcode = EMU_ANY,
		 .prob = 300000,
		 .seed = 1,
		 .act = EMU_ACT_DELAY,
		 .arg = 200},
		{.sqid = 1,
		 .opcode = EMU_ANY,
		 .prob = 100000,
		 .seed = 2,
		 .act = EMU_ACT_STATUS,
		 .arg = 0x281},
		{.sqid = 1,
		 .opcode = EMU_ANY,
		 .prob = 50000,
		 .seed = 3,
		 .act = EMU_ACT_DELAY,
		 .arg = 2000},
	};
	unsigned long posted = 0, done = 0, refused = 0, rounds = test_scale(5000);
	struct fixture f;
	struct nvme_cqe *cqe;

	(void)state;
	fault_open(&f, "emu:");
	for (size_t i = 0; i < ROWS(script); i++)
		assert_works(emu_fault_add(f.emu, &script[i]));
	while (done < rounds) {
		while (posted < rounds && posted - done < QSIZE - 1) {
			start(&f);
			posted++;
		}
		while ((cqe = nvme_cq_get_cqe(f.cq))) {
			struct nvme_rq *rq = nvme_rq_from_cqe(&f.dev.ctrl, cqe);

			assert_non_null(rq);
			refused += !nvme_cqe_ok(cqe);
			nvme_rq_release(rq);
			done++;
		}
		nvme_cq_update_head(f.cq);
	}
	if (rounds >= 1000)
		assert_in_range(refused, rounds / 30, rounds / 8); /* about 7 % */
	assert_int_equal(f.cq->spurious, 0);
	assert_int_equal(f.cq->late, 0);
	emu_fault_clear(f.emu);
	works(&f);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault__status_has_an_errno),
		cmocka_unit_test(fault__late_but_waited_for),
		cmocka_unit_test(fault__late_and_given_up_on),
		cmocka_unit_test(fault__late_in_anothers_wait),
		cmocka_unit_test(fault__lost),
		cmocka_unit_test(fault__lost_synchronous_commands),
		cmocka_unit_test(fault__twice_and_still_ours),
		cmocka_unit_test(fault__twice_and_given_back),
		cmocka_unit_test(fault__twice_in_anothers_wait),
		cmocka_unit_test(fault__wrong_cid),
		cmocka_unit_test(fault__wrong_sqid),
		cmocka_unit_test(fault__a_command_of_another_completion_queue),
		cmocka_unit_test(fault__one_past_a_whole_page_of_trackers),
		cmocka_unit_test(fault__a_neighbours_cid),
		cmocka_unit_test(fault__strangers_in_a_wait),
		cmocka_unit_test(fault__wrong_cids_of_admin_commands),
		cmocka_unit_test(fault__stale_phase),
		cmocka_unit_test(fault__many_delays_and_refusals),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}

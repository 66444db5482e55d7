/* SPDX-License-Identifier: MIT */
/*
 * Devices that say what cannot be: in registers, in Identify, in completions. What makes no sense is
 * refused with an errno, what is more than the driver can use is not used, and every call ends.
 */
#include <belfry/nvme/event.h>
#include <belfry/nvme/hmb.h>
#include <belfry/nvme/pmr.h>
#include <belfry/nvme/poll.h>
#include <belfry/nvme/recover.h>

#include "hostile.h"

/* From a bring-up to a shutdown, as far as it gets. */
static int live(struct hostile *h)
{
	static const struct nvme_ctrl_opts opts = {.nsqr = 2, .ncqr = 2, .timeout_ms = 50};
	struct nvme_ctrl *ctrl = &h->ctrl;
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};

	if (nvme_init(ctrl, "emu:", &opts) || nvme_create_ioqpair(ctrl, 1, 2, -1, 0) ||
	    nvme_sync(ctrl, &ctrl->sq[1], &cmd, NULL, 0, NULL) || nvme_configure_cmb(ctrl) ||
	    nvme_delete_ioqpair(ctrl, 1) || nvme_reset(ctrl) || nvme_enable(ctrl))
		return -1;
	return nvme_shutdown(ctrl);
}

static uint64_t cap(uint64_t mqes, uint64_t dstrd, uint64_t css, uint64_t mpsmin, uint64_t mpsmax)
{
	return NVM_SET(mqes, CAP_MQES) | NVM_SET(dstrd, CAP_DSTRD) | NVM_SET(css, CAP_CSS) |
	       NVM_SET(mpsmin, CAP_MPSMIN) | NVM_SET(mpsmax, CAP_MPSMAX);
}

static void hostile__capabilities(void **state)
{
	const struct {
		const char *name;
		uint64_t cap;
		int err;
	} rows[] = {
		{"all zero", 0, EINVAL},
		{"all ones", UINT64_MAX, ENODEV},
		{"all ones but one", UINT64_MAX - 1, EINVAL},
		{"queues of one entry", cap(0, 0, 1, 0, 0), EINVAL},
		{"queues of two entries", cap(1, 0, 1, 0, 0), 0},
		{"doorbells 128 KiB apart", cap(63, 15, 1, 0, 0), EINVAL},
		{"no command set", cap(63, 0, 0, 0, 0), ENOTSUP},
		{"pages of 64 KiB at least and 4 KiB at most", cap(63, 0, 1, 4, 0), EINVAL},
		{"pages of 128 MiB", cap(63, 0, 1, 15, 15), 0},
		{"pages of any size", cap(63, 0, 1, 0, 15), 0},
		{"ready in no time", cap(63, 0, 1, 0, 4), 0},
		{"ready in 128 s", cap(63, 0, 1, 0, 4) | NVM_SET(255ull, CAP_TO), 0},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hostile *h = hostile_open("emu:size=64K");

		h->cap = rows[i].cap;
		print_message("# %s\n", rows[i].name);
		if (rows[i].err)
			assert_fails(live(h), rows[i].err);
		else
			assert_works(live(h));
		hostile_close(h);
	}
}

/* The device goes away at each access to a register that there is. */
static void hostile__gone_at_each_access(void **state)
{
	unsigned int nr;

	(void)state;
	for (nr = 1; nr < 1000; nr++) {
		struct hostile *h = hostile_open("emu:size=64K,cmb=64K");
		int ret;

		h->cap |= NVM_SET(1ull, CAP_CMBS);
		hostile_set32(h, NVM_REG_CMBLOC, 2);
		hostile_set32(h, NVM_REG_CMBSZ, NVM_SET(16u, CMBSZ_SZ));
		h->ones_after = nr;
		errno = 0;
		ret = live(h);
		if (ret)
			assert_int_equal(errno, ENODEV);
		hostile_close(h);
		if (!ret)
			break;
	}
	assert_true(nr > 15); /* that many there are */
	assert_true(nr < 1000);
}

static bool fatal_from(struct hostile *h, uint32_t sqid, const union nvme_cmd *cmd,
		       struct nvme_cqe *cqe)
{
	(void)sqid, (void)cmd, (void)cqe;
	h->csts_or = NVM_SET(1u, CSTS_CFS);
	return false;
}

static void hostile__fatal_with_the_first_command(void **state)
{
	struct hostile *h = hostile_open("emu:size=64K");

	(void)state;
	h->answer = fatal_from;
	assert_fails(live(h), EIO);
	hostile_close(h);
}

static void hostile__memory_buffer(void **state)
{
	static const struct {
		const char *name;
		uint32_t loc, sz;
		int err;
		size_t size;
	} rows[] = {
		{"none", 0, 0, 0, 0},
		{"16 pages, and that is all of the BAR", 2, NVM_SET(16u, CMBSZ_SZ), 0, 0x10000},
		{"larger than the BAR", 2, NVM_SET(0xfffffu, CMBSZ_SZ), 0, 0x10000},
		{"2^56 bytes", 2, NVM_SET(0xfffffu, CMBSZ_SZ) | NVM_SET(6u, CMBSZ_SZU), 0, 0x10000},
		{"a unit that there is not", 2, NVM_SET(1u, CMBSZ_SZ) | NVM_SET(7u, CMBSZ_SZU),
		 EINVAL, 0},
		{"the last page", 2 | NVM_SET(15u, CMBLOC_OFST), NVM_SET(16u, CMBSZ_SZ), 0, 0x1000},
		{"behind the BAR", 2 | NVM_SET(16u, CMBLOC_OFST), NVM_SET(1u, CMBSZ_SZ), EINVAL, 0},
		{"far behind it", 2 | NVM_SET(0xfffffu, CMBLOC_OFST),
		 NVM_SET(1u, CMBSZ_SZ) | NVM_SET(6u, CMBSZ_SZU), EINVAL, 0},
		{"BAR 1, the upper half of another", 1, NVM_SET(1u, CMBSZ_SZ), EINVAL, 0},
		{"BAR 7", 7, NVM_SET(1u, CMBSZ_SZ), EINVAL, 0},
		{"over the registers", 0, NVM_SET(1u, CMBSZ_SZ), EINVAL, 0},
		{"over the doorbells", NVM_SET(1u, CMBLOC_OFST), NVM_SET(1u, CMBSZ_SZ), EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hostile *h = hostile_open("emu:size=64K,cmb=64K");

		print_message("# %s\n", rows[i].name);
		h->cap |= NVM_SET(1ull, CAP_CMBS);
		hostile_set32(h, NVM_REG_CMBLOC, rows[i].loc);
		hostile_set32(h, NVM_REG_CMBSZ, rows[i].sz);
		assert_works(nvme_ctrl_init(&h->ctrl, "emu:", NULL));
		if (rows[i].err)
			assert_fails(nvme_configure_cmb(&h->ctrl), rows[i].err);
		else
			assert_works(nvme_configure_cmb(&h->ctrl));
		assert_int_equal(h->ctrl.cmb.size, rows[i].size);
		assert_true(!h->ctrl.cmb.vaddr == !rows[i].size);
		hostile_close(h);
	}
}

static void hostile__persistent_memory(void **state)
{
	const uint32_t wbm = NVM_SET(NVM_PMRCAP_PMRWBM_READ, PMRCAP_PMRWBM);
	const struct {
		const char *name;
		uint32_t cap, sts;
		int err;
	} rows[] = {
		{"in BAR 0", wbm, 0, EINVAL},
		{"in BAR 1", wbm | NVM_SET(1u, PMRCAP_BIR), 0, EINVAL},
		{"in BAR 7", wbm | NVM_SET(7u, PMRCAP_BIR), 0, EINVAL},
		{"in a BAR that there is not", wbm | NVM_SET(5u, PMRCAP_BIR), 0, ENOTSUP},
		{"no way to make it persistent", NVM_SET(4u, PMRCAP_BIR), 0, EINVAL},
		{"never ready", wbm | NVM_SET(4u, PMRCAP_BIR), NVM_SET(1u, PMRSTS_NRDY), ETIMEDOUT},
		{"its address is refused", wbm | NVM_SET(4u, PMRCAP_BIR) | NVM_SET(1u, PMRCAP_CMSS),
		 NVM_SET(1u, PMRSTS_CBAI), EINVAL},
		{"a health that there is not", wbm | NVM_SET(4u, PMRCAP_BIR),
		 NVM_SET(7u, PMRSTS_HSTS), 0},
		{"gone", UINT32_MAX, 0, ENODEV},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hostile *h = hostile_open("emu:size=64K,pmr=64K");
		struct nvme_pmr pmr;

		print_message("# %s\n", rows[i].name);
		h->cap |= NVM_SET(1ull, CAP_PMRS);
		hostile_set32(h, NVM_REG_PMRCAP, rows[i].cap);
		hostile_set32(h, NVM_REG_PMRSTS, rows[i].sts);
		assert_works(nvme_ctrl_init(&h->ctrl, "emu:", NULL));
		if (rows[i].err) {
			assert_fails(nvme_pmr_enable(&h->ctrl, &pmr), rows[i].err);
			assert_null(pmr.vaddr);
		} else {
			assert_works(nvme_pmr_enable(&h->ctrl, &pmr));
			assert_int_equal(pmr.size, 0x10000);
			nvme_pmr_disable(&pmr);
		}
		hostile_close(h);
	}
}

static void hostile__identify_controller(void **state)
{
	static const struct {
		const char *name;
		uint8_t mpsmin, mdts;
		uint32_t sgls;
		uint64_t want_mdts;
		unsigned long want_flags;
	} rows[] = {
		{"no limit", 0, 0, 0, 0, 0},
		{"2^63 bytes", 0, 51, 0, 1ull << 63, 0},
		{"2^64 bytes", 0, 52, 0, 0, 0},
		{"2^267 bytes", 0, 255, 0, 0, 0},
		{"2^64 bytes, of larger pages", 4, 48, 0, 0, 0},
		{"SGLs of a kind that there is not", 0, 0, 3, 0, 0},
		{"none, and all else that goes with them", 0, 0, 0xfffffffc, 0, 0},
		{"dword aligned, and all reserved bits", 0, 0, 0xfffffffe, 0,
		 NVME_CTRL_F_SGLS_SUPPORTED | NVME_CTRL_F_SGLS_DWORD_ALIGNMENT},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hostile *h = hostile_open("emu:size=64K");

		print_message("# %s\n", rows[i].name);
		h->cap |= NVM_SET((uint64_t)rows[i].mpsmin, CAP_MPSMIN);
		memset(&h->id, 0xff, sizeof(h->id));
		h->id.mdts = rows[i].mdts;
		h->id.sgls = cpu_to_le32(rows[i].sgls);
		assert_works(nvme_init(&h->ctrl, "emu:", NULL));
		assert_true(h->ctrl.config.mdts == rows[i].want_mdts);
		assert_int_equal(h->ctrl.flags, rows[i].want_flags);
		hostile_close(h);
	}
}

/* It grants more queues than it was asked for, and than there can be. */
static void hostile__queues_without_number(void **state)
{
	static const struct nvme_ctrl_opts opts = {.nsqr = 1, .ncqr = 0};
	struct hostile *h = hostile_open("emu:size=64K");

	(void)state;
	h->nr_queues = UINT32_MAX;
	assert_works(nvme_init(&h->ctrl, "emu:", &opts));
	assert_int_equal(h->ctrl.config.nsqa, 1);
	assert_int_equal(h->ctrl.config.ncqa, 0);
	assert_fails(nvme_create_ioqpair(&h->ctrl, 2, 8, -1, 0), EINVAL);
	assert_works(nvme_create_ioqpair(&h->ctrl, 1, 8, -1, 0));
	hostile_close(h);
}

/* ---- completions ---- */

#define FLOOD 300000

/* The completion of command 6 of queue 1, once more, as soon as there is room. */
static void once_more(struct hostile *h, uint32_t qid)
{
	struct nvme_cqe cqe = {.sqid = cpu_to_le16(1), .cid = 6};

	/* A test that fails, not one that hangs. */
	if (qid == 1 && h->nr_answered < FLOOD)
		hostile_complete(h, qid, &cqe);
}

static bool no_answer(struct hostile *h, uint32_t sqid, const union nvme_cmd *cmd,
		      struct nvme_cqe *cqe)
{
	(void)h, (void)cmd, (void)cqe;
	return !sqid;
}

static struct nvme_rq *open_completed(struct hostile *h)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};
	struct nvme_rq *rq;

	assert_works(nvme_init(&h->ctrl, "emu:", NULL));
	assert_works(nvme_create_ioqpair(&h->ctrl, 1, 8, -1, 0));
	rq = nvme_rq_acquire(&h->ctrl.sq[1]);
	assert_int_equal(rq->cid, 6);
	nvme_rq_exec(rq, &cmd);
	assert_works(nvme_rq_spin(rq, NULL));
	h->on_head = once_more;
	once_more(h, 1);
	return rq;
}

static void hostile__completions_without_end(void **state)
{
	struct hostile *h = hostile_open("emu:size=64K");
	struct timespec soon = {.tv_nsec = 20000000};
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};
	struct nvme_rq *rq, *other;
	struct nvme_cqe *cqe;
	struct nvme_cq *cq;

	(void)state;
	rq = open_completed(h);
	cq = rq->sq->cq;
	cqe = nvme_cq_get_cqe(cq);
	assert_true(h->nr_answered < FLOOD);
	assert_non_null(cqe);
	assert_null(nvme_rq_from_cqe(&h->ctrl, cqe));
	nvme_cq_update_head(cq);

	/* And by each of the other ways. */
	h->nr_answered = 0;
	assert_int_equal(nvme_cq_poll(cq, 8), 0);
	assert_true(h->nr_answered < FLOOD);
	h->nr_answered = 0;
	h->answer = no_answer;
	other = nvme_rq_acquire(rq->sq);
	nvme_rq_exec(other, &cmd);
	assert_fails(nvme_rq_wait(other, NULL, &soon), ETIMEDOUT);
	assert_int_equal(cq->nr_kept, 0);

	/* When it stops, all is well. */
	h->on_head = NULL;
	h->answer = NULL;
	assert_null(nvme_cq_get_cqe(cq));
	assert_works(nvme_sync(&h->ctrl, rq->sq, &cmd, NULL, 0, NULL));
	nvme_rq_release(rq);
	nvme_rq_release(other);
	hostile_close(h);
}

/* ---- events ---- */

static struct nvme_event last_event;
static uint64_t nr_events;

static void note_event(struct nvme_ctrl *ctrl, const struct nvme_event *event, void *arg)
{
	(void)ctrl, (void)arg;
	last_event = *event;
	nr_events++;
}

/* An event of a type and a log page that there are not, as soon as it is asked for. */
static bool answer_events(struct hostile *h, uint32_t sqid, const union nvme_cmd *cmd,
			  struct nvme_cqe *cqe)
{
	(void)h;
	/* A test that fails, not one that hangs. */
	if (!sqid && cmd->opcode == NVM_ADMIN_ASYNC_EVENT && nr_events < 100000)
		cqe->dw0 = cpu_to_le32(0xffffffff);
	return sqid || cmd->opcode != NVM_ADMIN_ASYNC_EVENT || nr_events < 100000;
}

static void hostile__events_without_end(void **state)
{
	const struct nvme_events_opts opts = {.fn = note_event};
	struct hostile *h = hostile_open("emu:size=64K");
	int nr;

	(void)state;
	nr_events = 0;
	h->id.aerl = 255;
	h->answer = answer_events;
	assert_works(nvme_init(&h->ctrl, "emu:", NULL));
	assert_works(nvme_events_start(&h->ctrl, &opts));
	for (int i = 1; i <= 3; i++) {
		nr = nvme_admin_poll(&h->ctrl);
		assert_true(nr > 0 && nr <= 16);
	}
	assert_int_equal(last_event.type, 7);
	assert_int_equal(last_event.info, 0xff);
	assert_int_equal(last_event.lid, 0xff);
	assert_string_equal(nvme_event_type_name(last_event.type), "vendor specific");
	assert_string_equal(nvme_event_type_name(5), "unknown");
	/* Other commands get through. */
	assert_works(nvme_create_ioqpair(&h->ctrl, 1, 8, -1, 0));
	nvme_events_stop(&h->ctrl);
	hostile_close(h);
}

/* ---- host memory buffer ---- */

static void hostile__host_memory_buffer(void **state)
{
	static const struct {
		const char *name;
		uint32_t pre, min, minds; /* in 4 KiB */
		uint16_t maxd;
		size_t ask;
		int err;
		size_t size;
	} rows[] = {
		{"none", 0, 0, 0, 0, 0, ENOTSUP, 0},
		{"more needed than wanted", 16, 32, 0, 0, 0, EINVAL, 0},
		{"the same, and it is given what it needs", 16, 32, 0, 0, 32 * 4096, 0, 32 * 4096},
		/* 16 TiB: it gets no more than is given without being asked for. */
		{"all there is", UINT32_MAX, 16, 0, 0, 0, 0, NVME_HMB_DEFAULT_MAX},
		{"all there is, and in one piece", UINT32_MAX, 16, 0, 1, 0, 0,
		 NVME_HMB_DEFAULT_MAX},
		{"all there is, and nothing less", UINT32_MAX, UINT32_MAX, 0, 0, 0, EINVAL, 0},
		{"pieces larger than all of it", 16, 16, UINT32_MAX, 0, 0, EINVAL, 0},
		{"pieces larger than what is asked for", 1024, 16, 256, 0, 64 * 4096, 0,
		 256 * 4096},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hostile *h = hostile_open("emu:size=64K");
		struct nvme_hmb hmb;

		print_message("# %s\n", rows[i].name);
		h->id.hmpre = cpu_to_le32(rows[i].pre);
		h->id.hmmin = cpu_to_le32(rows[i].min);
		h->id.hmminds = cpu_to_le32(rows[i].minds);
		h->id.hmmaxd = cpu_to_le16(rows[i].maxd);
		assert_works(nvme_init(&h->ctrl, "emu:", NULL));
		if (rows[i].err) {
			assert_fails(nvme_hmb_init(&h->ctrl, &hmb, rows[i].ask), rows[i].err);
			assert_null(hmb.chunks);
		} else {
			assert_works(nvme_hmb_init(&h->ctrl, &hmb, rows[i].ask));
			assert_int_equal(hmb.size, rows[i].size);
			assert_works(nvme_hmb_enable(&hmb));
		}
		nvme_hmb_close(&hmb);
		hostile_close(h);
	}
}

/* The ladder needs admin queues; without them a program is told, and so is one that polls. */
static void hostile__no_admin_queue_to_recover_with(void **state)
{
	struct hostile *h = hostile_open("emu:size=64K");

	(void)state;
	assert_works(nvme_ctrl_init(&h->ctrl, "emu:", NULL));
	assert_fails(nvme_recover(&h->ctrl), EINVAL);
	for (int i = 0; i < 100; i++)
		nvme_admin_poll(&h->ctrl);
	assert_int_equal(nvme_ctrl_get_state(&h->ctrl), NVME_CTRL_LIVE);

	/* They go before a poll moves the ladder on. */
	assert_works(nvme_configure_adminq(&h->ctrl, 0));
	assert_works(nvme_enable(&h->ctrl));
	assert_works(nvme_recover(&h->ctrl));
	nvme_discard_sq(&h->ctrl, h->ctrl.adminq.sq);
	for (int i = 0; i < 100; i++)
		nvme_admin_poll(&h->ctrl);
	hostile_close(h);
}

static void note_end(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	(void)rq, (void)cqe;
}

/* A program whose admin queues are its own affair, and a device that fails. */
static void hostile__fatal_without_an_admin_queue(void **state)
{
	struct hostile *h = hostile_open("emu:size=64K");
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};
	struct timespec start;
	struct nvme_ctrl *ctrl = &h->ctrl;

	(void)state;
	assert_works(nvme_ctrl_init(ctrl, "emu:", NULL));
	assert_works(nvme_configure_cq(ctrl, 1, 8, -1));
	assert_works(nvme_configure_sq(ctrl, 1, 8, &ctrl->cq[1], 0));
	nvme_rq_submit(nvme_rq_acquire(&ctrl->sq[1]), &cmd, note_end, 0);
	nvme_sq_update_tail(&ctrl->sq[1]);
	h->csts_or = NVM_SET(1u, CSTS_CFS);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (nvme_ctrl_get_state(ctrl) != NVME_CTRL_DEAD &&
	       ms_since(&start) < DEV_PATIENCE_S * 1000)
		nvme_ctrl_poll(ctrl, 8);
	assert_int_equal(nvme_ctrl_get_state(ctrl), NVME_CTRL_DEAD);
	assert_fails(nvme_recover(ctrl), EIO);
	hostile_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile__capabilities),
		cmocka_unit_test(hostile__gone_at_each_access),
		cmocka_unit_test(hostile__fatal_with_the_first_command),
		cmocka_unit_test(hostile__memory_buffer),
		cmocka_unit_test(hostile__persistent_memory),
		cmocka_unit_test(hostile__identify_controller),
		cmocka_unit_test(hostile__queues_without_number),
		cmocka_unit_test(hostile__completions_without_end),
		cmocka_unit_test(hostile__events_without_end),
		cmocka_unit_test(hostile__host_memory_buffer),
		cmocka_unit_test(hostile__no_admin_queue_to_recover_with),
		cmocka_unit_test(hostile__fatal_without_an_admin_queue),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}

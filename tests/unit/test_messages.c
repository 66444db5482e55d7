/* SPDX-License-Identifier: MIT */
/*
 * What the library says when a program, or a controller, does something wrong: the words that tell a
 * reader where to look, for mistakes that errno alone does not tell apart.
 */
#include <belfry/support/log.h>

#include "fault.h"

static struct {
	char text[4096];
	size_t len;
} said;

static void note(int level, const char *msg, void *arg)
{
	size_t room = sizeof(said.text) - said.len;
	int n;

	(void)arg;
	if (level != BELFRY_LOG_ERROR)
		return;
	n = snprintf(said.text + said.len, room, "%s\n", msg);
	said.len += n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static int listen_to_log(void **state)
{
	(void)state;
	said.len = 0;
	said.text[0] = '\0';
	return log_set_handler(note, NULL);
}

static int stop_listening(void **state)
{
	(void)state;
	return log_set_handler(NULL, NULL);
}

static void assert_said(const char *words)
{
	if (!strstr(said.text, words))
		fail_msg("'%s' is not in: %s", words, said.text);
}

/* ---- a program's mistakes ---- */

static void messages__of_a_buffer_that_is_not_mapped(void **state)
{
	static const char *const names[] = {"emu:", "emu:sgl=off"};
	void *buf = NULL;
	char where[32];

	(void)state;
	assert_int_equal(posix_memalign(&buf, 4096, 8192), 0);
	snprintf(where, sizeof(where), "%p, 4096 bytes", buf);
	for (size_t i = 0; i < ROWS(names); i++) {
		struct iovec iov = {buf, 4096};
		struct fixture f;
		union nvme_cmd cmd;
		struct nvme_rq *rq;

		listen_to_log(NULL);
		fault_open(&f, names[i]);
		cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 4096);
		rq = nvme_rq_acquire(f.sq);
		assert_fails(nvme_rq_mapv(&f.dev.ctrl, rq, &cmd, &iov, 1), EFAULT);
		assert_said(where);
		nvme_rq_release(rq);
		dev_close(&f.dev);
	}
	free(buf);
}

static void messages__of_too_much_data(void **state)
{
	/* mdts=1: two pages of 4 KiB */
	static const char *const names[] = {"emu:mdts=1", "emu:mdts=1,sgl=off"};

	(void)state;
	for (size_t i = 0; i < ROWS(names); i++) {
		struct iommu_dmabuf buf;
		union nvme_cmd cmd;
		struct nvme_rq *rq;
		struct iovec iov;
		struct fixture f;

		listen_to_log(NULL);
		fault_open(&f, names[i]);
		buf = dev_buf(&f.dev, 3 * 4096);
		iov = (struct iovec){buf.vaddr, 3 * 4096};
		cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 3 * 4096);
		rq = nvme_rq_acquire(f.sq);
		assert_fails(nvme_rq_mapv(&f.dev.ctrl, rq, &cmd, &iov, 1), EMSGSIZE);
		assert_said("12288 bytes: a command moves 8192 at most (MDTS)");
		nvme_rq_release(rq);
		iommu_put_dmabuf(&buf);
		dev_close(&f.dev);
	}
}

/* Rows: what PRPs, or the controller, do not allow; each is said in words of its own. */
static void messages__of_pieces_that_do_not_fit(void **state)
{
	static const struct {
		const char *name;
		size_t offs[2], lens[2]; /* in a buffer at a page boundary */
		int niov;
		const char *words;
	} rows[] = {
		{"emu:sgl=off", {0, 8192}, {512, 3584}, 2, "page boundaries (4096 bytes)"},
		{"emu:sgl=off", {0, 8704}, {4096, 512}, 2, "page boundaries (4096 bytes)"},
		{"emu:sgl=off", {2}, {512}, 1, "not aligned to 4"},
		{"emu:sgl=off", {0}, {0}, 1, "0 bytes at iova"},
		{"emu:", {0, 8192}, {512, 0}, 2, "0 bytes at iova"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct iovec iov[2];
		struct iommu_dmabuf buf;
		struct fixture f;
		union nvme_cmd cmd;
		struct nvme_rq *rq;

		listen_to_log(NULL);
		fault_open(&f, rows[i].name);
		buf = dev_buf(&f.dev, 16384);
		for (int n = 0; n < rows[i].niov; n++)
			iov[n] = (struct iovec){(char *)buf.vaddr + rows[i].offs[n],
						rows[i].lens[n]};
		cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 4096);
		rq = nvme_rq_acquire(f.sq);
		assert_fails(nvme_rq_mapv(&f.dev.ctrl, rq, &cmd, iov, rows[i].niov), EINVAL);
		assert_said(rows[i].words);
		nvme_rq_release(rq);
		iommu_put_dmabuf(&buf);
		dev_close(&f.dev);
	}
}

/* A tracker's page holds 512 PRP entries after the first, and 256 SGL descriptors. */
static void messages__of_more_pieces_than_there_is_room_for(void **state)
{
	static const struct {
		const char *name;
		size_t stride;
		int niov;
		const char *words;
	} rows[] = {
		{"emu:mdts=0,sgl=off", 4096, 514, "more pieces than the PRP list has room for"},
		{"emu:mdts=0", 8192, 257, "more pieces than the SGL has room for"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct iommu_dmabuf buf;
		struct iovec iov[514];
		struct fixture f;
		union nvme_cmd cmd;
		struct nvme_rq *rq;

		listen_to_log(NULL);
		fault_open(&f, rows[i].name);
		buf = dev_buf(&f.dev, 514 * 8192);
		for (int n = 0; n < rows[i].niov; n++)
			iov[n] = (struct iovec){(char *)buf.vaddr + n * rows[i].stride, 4096};
		cmd = dev_rw_cmd(&f.dev, NVM_CMD_READ, 0, 4096);
		rq = nvme_rq_acquire(f.sq);
		assert_fails(nvme_rq_mapv(&f.dev.ctrl, rq, &cmd, iov, rows[i].niov), EMSGSIZE);
		assert_said(rows[i].words);
		nvme_rq_release(rq);
		iommu_put_dmabuf(&buf);
		dev_close(&f.dev);
	}
}

static void messages__of_a_queue_that_is_not_there(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	errno = 0;
	assert_null(nvme_rq_acquire(&f.dev.ctrl.sq[2]));
	assert_int_equal(errno, EINVAL);
	assert_said("a queue that is not there");
	dev_close(&f.dev);
}

static void messages__of_a_doorbell_that_was_forgotten(void **state)
{
	struct fixture f;
	union nvme_cmd cmd;
	struct nvme_rq *rq;

	(void)state;
	fault_open(&f, "emu:");
	cmd = (union nvme_cmd){.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(f.dev.nsid)};
	rq = nvme_rq_acquire(f.sq);
	nvme_rq_post(rq, &cmd);
	assert_fails(wait_ms(rq, 10), ETIMEDOUT);
	assert_said("sq 1: has commands that nvme_sq_update_tail() did not tell of");
	nvme_sq_update_tail(f.sq);
	assert_works(dev_wait(rq, NULL));
	nvme_rq_release(rq);
	dev_close(&f.dev);
}

/* ---- why a controller is reset ---- */

static void ended(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	*(int *)rq->opaque = 1 + nvme_cqe_status(cqe);
}

/* Submit a command that will not complete, and poll until the ladder has ended it. */
static void lose_one(struct fixture *f, unsigned int timeout_ms, bool ring)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(f->dev.nsid)};
	struct nvme_recovery_opts opts = {.flags = NVME_RECOVERY_NO_ABORT, .grace_ms = 10};
	struct nvme_rq *rq = nvme_rq_acquire(f->sq);
	struct timespec begun;
	int end = 0;

	assert_works(nvme_set_recovery(&f->dev.ctrl, &opts));
	assert_int_equal(rq->cid, QSIZE - 2);
	rq->opaque = &end;
	nvme_rq_submit(rq, &cmd, ended, timeout_ms);
	if (ring)
		nvme_sq_update_tail(f->sq);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (!end && ms_since(&begun) < DEV_PATIENCE_S * 1000.0)
		nvme_cq_poll(f->cq, 1);
	assert_int_equal(end, 1 + NVM_SC_HOST_ABORTED);
}

static void messages__of_a_reset(void **state)
{
	static const struct {
		enum emu_act act;
		unsigned int timeout_ms;
		bool ring;
		const char *words;
	} rows[] = {
		{EMU_ACT_DROP, 10, true,
		 "is reset: sq 1 cid 6 did not end within its deadline and the grace\n"},
		{EMU_ACT_DROP, 10, false,
		 "the grace; the queue has commands that nvme_sq_update_tail() did not tell of\n"},
		{EMU_ACT_CFS, 60000, true, "is reset: it reports a fatal status (CSTS.CFS)\n"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct fixture f;

		listen_to_log(NULL);
		fault_open(&f, "emu:");
		inject(&f, NVM_CMD_FLUSH, rows[i].act, 0);
		lose_one(&f, rows[i].timeout_ms, rows[i].ring);
		assert_said(rows[i].words);
		emu_fault_clear(f.emu);
		works(&f);
		dev_close(&f.dev);
	}
}

static void messages__of_a_reset_that_was_asked_for(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_recover(&f.dev.ctrl));
	assert_said("is reset: the program wants it (nvme_recover())");
	dev_close(&f.dev);
}

/* ---- bring-up ---- */

static void messages__of_a_bring_up_that_is_refused(void **state)
{
	static const struct {
		const char *name, *words;
	} rows[] = {
		{"emu:fault=act=status:arg=0x6:sq=0:op=6",
		 "Identify Controller: refused: internal error"},
		{"emu:fault=act=status:arg=0x6:sq=0:op=9",
		 "Set Features, Number of Queues: refused: internal error"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct nvme_ctrl ctrl = {};

		listen_to_log(NULL);
		assert_int_equal(nvme_init(&ctrl, rows[i].name, NULL), -1);
		assert_said(rows[i].words);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, listen_to_log, stop_listening)
	const struct CMUnitTest tests[] = {
		TEST(messages__of_a_buffer_that_is_not_mapped),
		TEST(messages__of_too_much_data),
		TEST(messages__of_pieces_that_do_not_fit),
		TEST(messages__of_more_pieces_than_there_is_room_for),
		TEST(messages__of_a_queue_that_is_not_there),
		TEST(messages__of_a_doorbell_that_was_forgotten),
		TEST(messages__of_a_reset),
		TEST(messages__of_a_reset_that_was_asked_for),
		TEST(messages__of_a_bring_up_that_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

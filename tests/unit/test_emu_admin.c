/* SPDX-License-Identifier: MIT */
/*
 * The admin command set of the emulated controller: queues, Identify Controller, Abort, and what is
 * refused. Expected values are those of NVM Express Base 2.0, written out.
 */
#include <string.h>

#include "emu_cmd.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* Opcodes of this file */
enum {
	DELETE_SQ = 0x00,
	CREATE_SQ = 0x01,
	DELETE_CQ = 0x04,
	CREATE_CQ = 0x05,
	ABORT = 0x08,
	SET_FEATURES = 0x09,
	AER = 0x0c,
};

struct queue_row {
	const char *name;
	uint8_t opcode;
	uint32_t cdw10, cdw11;
	uint64_t prp1;
	uint16_t status;
};

static void run_rows(struct emu_host *host, const struct queue_row *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		union nvme_cmd cmd = emu_cmd(rows[i].opcode, 0, rows[i].cdw10, rows[i].cdw11);

		if (rows[i].prp1)
			cmd.dptr.prp1 = cpu_to_le64(rows[i].prp1);
		emu_cmd_send(host, 0, &cmd, rows[i].status, rows[i].name);
	}
}

static void admin_queues__every_error_of_creation_and_deletion(void **state)
{
	static const struct queue_row rows[] = {
		/* name, opcode, qsize << 16 | qid, iv or cqid << 16 | flags, PRP1, status */
		{"CQ 0", CREATE_CQ, 15 << 16 | 0, 1, 0, 0x101},
		{"CQ beyond the allocated", CREATE_CQ, 15 << 16 | 5, 1, 0, 0x101},
		{"CQ of one entry", CREATE_CQ, 0 << 16 | 1, 1, 0, 0x102},
		{"CQ larger than MQES", CREATE_CQ, 64u << 16 | 1, 1, 0, 0x102},
		{"CQ not contiguous", CREATE_CQ, 15 << 16 | 1, 0, 0, 0x002},
		{"CQ not page aligned", CREATE_CQ, 15 << 16 | 1, 1, 0x100000040, 0x013},
		{"CQ with a vector too large", CREATE_CQ, 15 << 16 | 1, 3 << 16 | 3, 0, 0x108},
		{"CQ in unmapped memory", CREATE_CQ, 15 << 16 | 1, 1, 0x5000, 0x004},
		{"SQ before its CQ", CREATE_SQ, 15 << 16 | 1, 1 << 16 | 1, 0, 0x100},
		{"CQ of all entries allowed", CREATE_CQ, 63 << 16 | 1, 2 << 16 | 3, 0, 0},
		{"CQ twice", CREATE_CQ, 15 << 16 | 1, 1, 0, 0x101},
		{"CQ without interrupts, any vector", CREATE_CQ, 15 << 16 | 2, 9 << 16 | 1, 0, 0},
		{"SQ 0", CREATE_SQ, 15 << 16 | 0, 1 << 16 | 1, 0, 0x101},
		{"SQ beyond the allocated", CREATE_SQ, 15 << 16 | 5, 1 << 16 | 1, 0, 0x101},
		{"SQ of one entry", CREATE_SQ, 0 << 16 | 1, 1 << 16 | 1, 0, 0x102},
		{"SQ larger than MQES", CREATE_SQ, 64u << 16 | 1, 1 << 16 | 1, 0, 0x102},
		{"SQ not contiguous", CREATE_SQ, 15 << 16 | 1, 1 << 16 | 0, 0, 0x002},
		{"SQ not page aligned", CREATE_SQ, 15 << 16 | 1, 1 << 16 | 1, 0x100000800, 0x013},
		{"SQ of the admin CQ", CREATE_SQ, 15 << 16 | 1, 0 << 16 | 1, 0, 0x101},
		{"SQ of a CQ beyond the allocated", CREATE_SQ, 15 << 16 | 1, 5 << 16 | 1, 0, 0x101},
		{"SQ in unmapped memory", CREATE_SQ, 15 << 16 | 1, 1 << 16 | 1, 0x5000, 0x004},
		{"SQ, low priority", CREATE_SQ, 15 << 16 | 1, 1 << 16 | 7, 0, 0},
		{"SQ twice", CREATE_SQ, 15 << 16 | 1, 1 << 16 | 1, 0, 0x101},
		{"second SQ of the same CQ", CREATE_SQ, 15 << 16 | 3, 1 << 16 | 1, 0, 0},
		{"delete a CQ in use", DELETE_CQ, 1, 0, 0, 0x10c},
		{"delete SQ 0", DELETE_SQ, 0, 0, 0, 0x101},
		{"delete CQ 0", DELETE_CQ, 0, 0, 0, 0x101},
		{"delete an SQ that is not there", DELETE_SQ, 2, 0, 0, 0x101},
		{"delete a CQ that is not there", DELETE_CQ, 3, 0, 0, 0x101},
		{"delete an SQ far beyond", DELETE_SQ, 0xffff, 0, 0, 0x101},
		{"delete a CQ far beyond", DELETE_CQ, 0xffff, 0, 0, 0x101},
		{"delete the first SQ", DELETE_SQ, 1, 0, 0, 0},
		{"delete a CQ still in use", DELETE_CQ, 1, 0, 0, 0x10c},
		{"delete the second SQ", DELETE_SQ, 3, 0, 0, 0},
		{"delete the CQ", DELETE_CQ, 1, 0, 0, 0},
		{"delete it again", DELETE_CQ, 1, 0, 0, 0x101},
		{"create it again", CREATE_CQ, 15 << 16 | 1, 1, 0, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "queues=4,mqes=64,vectors=3,ns=0");
	run_rows(&host, rows, ROWS(rows));
	emu_host_close(&host);
}

static void admin_queues__no_more_than_were_allocated(void **state)
{
	static const struct queue_row rows[] = {
		{"CQ 3 of 2", CREATE_CQ, 15 << 16 | 3, 1, 0, 0x101},
		{"CQ 2 of 2", CREATE_CQ, 15 << 16 | 2, 1, 0, 0},
		{"SQ 2 of 1", CREATE_SQ, 15 << 16 | 2, 2 << 16 | 1, 0, 0x101},
		{"SQ 1 of 1", CREATE_SQ, 15 << 16 | 1, 2 << 16 | 1, 0, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "queues=8,ns=0");
	/* Number of Queues: one submission queue and two completion queues, 0's based */
	assert_int_equal(emu_cmd_admin(&host, SET_FEATURES, 0, 0x07, 1 << 16 | 0, 0), 1 << 16);
	run_rows(&host, rows, ROWS(rows));
	emu_host_close(&host);
}

static void admin__refuses_what_it_does_not_know(void **state)
{
	/* Firmware, self-test, directives, virtualization, fabrics, security, sanitize, vendor */
	static const uint8_t opcodes[] = {0x03, 0x07, 0x0b, 0x10, 0x11, 0x14, 0x19, 0x1a, 0x1c,
					  0x7c, 0x7f, 0x81, 0x82, 0x84, 0x86, 0xc0, 0xff};
	union nvme_cmd cmd = emu_cmd(0x06, 0, 0x01, 0);
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=1");
	for (size_t i = 0; i < sizeof(opcodes); i++)
		emu_cmd_admin(&host, opcodes[i], 0, 0, 0, 0x001);

	cmd.flags = 0x01;
	emu_cmd_send(&host, 0, &cmd, 0x002, "fused");
	cmd.flags = 0x40;
	emu_cmd_send(&host, 0, &cmd, 0x002, "SGL");
	cmd.flags = 0x04;
	emu_cmd_send(&host, 0, &cmd, 0x002, "reserved bit");
	emu_cmd_admin(&host, 0x06, 0, 0x01, 0, 0);
	emu_host_close(&host);
}

static void identify_controller__says_what_it_is(void **state)
{
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=2,size=1M,serial=S123,model=M x,firmware=F.7,mdts=5,aerl=7,"
			      "vid=0x1234,capacity=8M");
	id = emu_cmd_identify(&host, 0x01, 0);
	assert_memory_equal(id, "\x34\x12\x34\x12", 4);
	assert_memory_equal(id + 4, "S123                ", 20);
	assert_memory_equal(id + 24, "M x                                     ", 40);
	assert_memory_equal(id + 64, "F.7     ", 8);
	assert_int_equal(id[77], 5);				/* MDTS */
	assert_memory_equal(id + 80, "\x00\x00\x02\x00", 4);	/* VER: 2.0 */
	assert_memory_equal(id + 92, "\x00\x01\x00\x00", 4);	/* OAES: namespace attributes */
	assert_memory_equal(id + 96, "\x81\x02\x00\x00", 4);	/* CTRATT: HIDS, NG, ULIST */
	assert_int_equal(id[111], 1);				/* CNTRLTYPE: I/O */
	assert_memory_equal(id + 256, "\x0a\x00", 2);		/* OACS: format, namespaces */
	assert_int_equal(id[258], 3);				/* ACL */
	assert_int_equal(id[259], 7);				/* AERL */
	assert_int_equal(id[260], 0x03);			/* FRMW: one slot, read-only */
	assert_int_equal(id[261], 0x26);			/* LPA */
	assert_int_equal(id[262], 63);				/* ELPE */
	assert_memory_equal(id + 266, "\x57\x01\x61\x01", 4);	/* WCTEMP 343, CCTEMP 353 */
	assert_memory_equal(id + 280, "\0\0\x80\0\0\0\0\0", 8); /* TNVMCAP: 8 MiB */
	assert_memory_equal(id + 296, "\0\0\x60\0\0\0\0\0", 8); /* UNVMCAP: 6 MiB */
	assert_int_equal(id[320], 1);				/* KAS: 100 ms */
	assert_int_equal(id[512], 0x66);			/* SQES */
	assert_int_equal(id[513], 0x44);			/* CQES */
	assert_memory_equal(id + 516, "\x00\x01\x00\x00", 4);	/* NN 256 */
	assert_memory_equal(id + 520, "\xdf\x01", 2);		/* ONCS: all but reservations */
	assert_memory_equal(id + 522, "\x01\x00", 2);		/* FUSES */
	assert_int_equal(id[524], 0x04);			/* FNA: cryptographic erase */
	assert_int_equal(id[525], 0x07);			/* VWC: present, flush of all */
	assert_memory_equal(id + 534, "\x01\x00", 2);		/* OCFS: format 0 */
	assert_memory_equal(id + 536, "\x01\x00\x05\x00", 4);	/* SGLS */
	assert_memory_equal(id + 768, "nqn.2014-08.org.nvmexpress:uuid:", 32);
	assert_int_equal(strlen((const char *)id + 768), 32 + 36);
	assert_memory_equal(id + 2048, "\xc4\x09", 2); /* power state 0: 25 W */
	emu_host_close(&host);
}

static void identify_controller__follows_the_options(void **state)
{
	char nqn[80];
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "sgl=off,vwc=off,dbbuf=on,mdts=0,serial=A");
	id = emu_cmd_identify(&host, 0x01, 0);
	assert_memory_equal(id + 536, "\0\0\0\0", 4); /* SGLS */
	assert_int_equal(id[525], 0x06);	      /* VWC: not present */
	assert_memory_equal(id + 256, "\x0a\x01", 2); /* OACS: and Doorbell Buffer Config */
	assert_int_equal(id[77], 0);
	memcpy(nqn, id + 768, sizeof(nqn));
	emu_host_close(&host);

	emu_host_start(&host, "serial=B");
	id = emu_cmd_identify(&host, 0x01, 0);
	assert_string_not_equal((const char *)id + 768, nqn);
	emu_host_close(&host);
}

static void identify__other_structures(void **state)
{
	static const uint8_t zeros[4096];
	union nvme_cmd cmd;
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	id = emu_cmd_identify(&host, 0x06, 0); /* NVM command set: VSL only */
	assert_memory_equal(id, "\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	id = emu_cmd_identify(&host, 0x13, 0); /* controllers: this one, 0 */
	assert_memory_equal(id, "\x01\0\0\0\0\0", 6);
	id = emu_cmd_identify(&host, 0x14, 0); /* primary controller: nothing flexible */
	assert_memory_equal(id, zeros, sizeof(zeros));
	id = emu_cmd_identify(&host, 0x15, 0); /* secondary controllers: none */
	assert_memory_equal(id, zeros, sizeof(zeros));
	id = emu_cmd_identify(&host, 0x16, 0); /* granularity, by format: a block */
	assert_memory_equal(id, "\x01\0\0\0\x07", 5);
	assert_memory_equal(id + 32, "\0\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0", 16);
	assert_memory_equal(id + 32 + 4 * 16, "\0\x10\0\0\0\0\0\0\0\x10\0\0\0\0\0\0", 16);
	id = emu_cmd_identify(&host, 0x17, 0); /* UUIDs: one, then the end */
	assert_int_equal(id[32], 1);
	assert_memory_not_equal(id + 48, zeros, 16);
	assert_memory_equal(id + 64, zeros, 32);
	id = emu_cmd_identify(&host, 0x1c, 0); /* command sets: NVM */
	assert_memory_equal(id, "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);

	/* controllers from 1 on: none */
	emu_cmd_admin(&host, 0x06, 0, 1 << 16 | 0x13, 0, 0);
	assert_memory_equal(emu_host_data(&host, 0), zeros, 4);
	/* CNS that are not there, and a command set that is not */
	emu_cmd_admin(&host, 0x06, 0, 0x04, 0, 0x002);
	emu_cmd_admin(&host, 0x06, 0, 0x18, 0, 0x002);
	emu_cmd_admin(&host, 0x06, 0, 0x1d, 0, 0x002);
	emu_cmd_admin(&host, 0x06, 0, 0xff, 0, 0x002);
	emu_cmd_admin(&host, 0x06, 0, 0x06, 0x02000000, 0x002);
	emu_cmd_admin(&host, 0x06, 0, 7 << 16 | 0x1c, 0, 0x002);
	/* a buffer that the controller must not write to, and one at an odd address */
	cmd = emu_cmd(0x06, 0, 0x01, 0);
	cmd.dptr.prp1 = cpu_to_le64(0x1000);
	emu_cmd_send(&host, 0, &cmd, 0x004, "unmapped");
	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(2));
	emu_cmd_send(&host, 0, &cmd, 0x013, "not a dword's address");
	emu_host_close(&host);
}

static void abort__finds_an_event_request(void **state)
{
	const union nvme_cmd aer = emu_cmd(AER, 0, 0, 0);
	union nvme_cmd abort;
	struct nvme_cqe cqe;
	struct emu_host host;
	uint16_t first, second, cid;

	(void)state;
	emu_host_start(&host, "");
	first = emu_host_post(&host, 0, &aer);
	second = emu_host_post(&host, 0, &aer);
	emu_host_ring(&host, 0);
	emu_host_quiet(&host, 0, 20);

	/* The aborted command completes, with Command Abort Requested, before the Abort does. */
	abort = emu_cmd(ABORT, 0, (uint32_t)second << 16 | 0, 0);
	cid = emu_host_post(&host, 0, &abort);
	emu_host_ring(&host, 0);
	cqe = emu_host_reap(&host, 0);
	assert_int_equal(cqe.cid, second);
	assert_int_equal(le16_to_cpu(cqe.sfp) >> 1, 0x007);
	cqe = emu_host_reap(&host, 0);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le16_to_cpu(cqe.sfp) >> 1, 0);
	assert_int_equal(le32_to_cpu(cqe.dw0) & 1, 0);

	/* Gone already, and never there: success, "not aborted". */
	assert_int_equal(emu_cmd_admin(&host, ABORT, 0, (uint32_t)second << 16, 0, 0), 1);
	assert_int_equal(emu_cmd_admin(&host, ABORT, 0, 0x7fff0000, 0, 0), 1);
	/* No such queue */
	emu_cmd_admin(&host, ABORT, 0, (uint32_t)first << 16 | 1, 0, 0x002);
	emu_cmd_admin(&host, ABORT, 0, (uint32_t)first << 16 | 0xffff, 0, 0x002);
	emu_host_close(&host);
}

static void abort__finds_a_delayed_command(void **state)
{
	const union nvme_cmd read = emu_cmd_rw(0x02, 1, 0, 1);
	struct nvme_cqe cqe;
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_cmd_start(&host, "fault=act=delay:sq=1:op=2:arg=8000000");
	cid = emu_host_post(&host, 1, &read);
	emu_host_ring(&host, 1);
	emu_host_quiet(&host, 1, 20);
	assert_int_equal(emu_cmd_admin(&host, ABORT, 0, (uint32_t)cid << 16 | 1, 0, 0), 0);
	cqe = emu_host_reap(&host, 1);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le16_to_cpu(cqe.sfp) >> 1 & 0x7ff, 0x007);
	emu_host_close(&host);
}

static void keep_alive__an_expired_timer_is_fatal(void **state)
{
	const uint8_t *page;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	/* 250 ms are rounded up to 300. */
	emu_cmd_admin(&host, SET_FEATURES, 0, 0x0f, 250, 0);
	emu_host_wait_csts(&host, 2, 0);
	for (int i = 0; i < 5; i++) {
		emu_host_quiet(&host, 0, 100);
		emu_cmd_admin(&host, 0x18, 0, 0, 0, 0);
	}
	emu_host_wait_csts(&host, 2, 2); /* CSTS.CFS */
	emu_host_disable(&host);
	emu_host_enable(&host, 32);
	page = emu_cmd_log(&host, 0x01, 64, false); /* why */
	assert_memory_equal(page, "\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\x32\0",
			    14);       /* 19h, one bit up */
	emu_host_quiet(&host, 0, 500); /* off again after a reset */
	emu_cmd_admin(&host, 0x18, 0, 0, 0, 0);
	emu_host_close(&host);
}

/* A host that has shut the controller down sends no Keep Alive any more. */
static void keep_alive__ends_with_a_shutdown(void **state)
{
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	emu_cmd_admin(&host, SET_FEATURES, 0, 0x0f, 100, 0);
	emu_reg_write(host.emu, 0x14, 4, 0x00464001); /* CC: normal shutdown */
	emu_host_wait_csts(&host, 0xc, 0x8);
	emu_host_quiet(&host, 0, 500);
	assert_int_equal(emu_reg_read(host.emu, 0x1c, 4), 0x9); /* complete, ready, no CFS */
	emu_host_close(&host);
}

static void dbbuf_config__checks_its_pages(void **state)
{
	union nvme_cmd cmd = emu_cmd(0x7c, 0, 0, 0);
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "dbbuf=on,ns=0");
	cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(4096));
	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(4));
	emu_cmd_send(&host, 0, &cmd, 0x002, "doorbells not aligned");
	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(4096 + 8));
	emu_cmd_send(&host, 0, &cmd, 0x002, "event indexes not aligned");
	cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(4096));
	emu_cmd_send(&host, 0, &cmd, 0, "two pages");
	emu_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admin_queues__every_error_of_creation_and_deletion),
		cmocka_unit_test(admin_queues__no_more_than_were_allocated),
		cmocka_unit_test(admin__refuses_what_it_does_not_know),
		cmocka_unit_test(identify_controller__says_what_it_is),
		cmocka_unit_test(identify_controller__follows_the_options),
		cmocka_unit_test(identify__other_structures),
		cmocka_unit_test(abort__finds_an_event_request),
		cmocka_unit_test(abort__finds_a_delayed_command),
		cmocka_unit_test(keep_alive__an_expired_timer_is_fatal),
		cmocka_unit_test(keep_alive__ends_with_a_shutdown),
		cmocka_unit_test(dbbuf_config__checks_its_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

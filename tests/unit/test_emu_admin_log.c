/* SPDX-License-Identifier: MIT */
/*
 * Log pages and asynchronous events of the emulated controller. Expected values are those of NVM
 * Express Base 2.0, written out.
 */
#include <errno.h>
#include <string.h>

#include "emu_cmd.h"

#define ALL 0xffffffffu

enum {
	GET_LOG = 0x02,
	AER = 0x0c,
};

static uint16_t post_aer(struct emu_host *host)
{
	const union nvme_cmd aer = emu_cmd(AER, 0, 0, 0);
	const uint16_t cid = emu_host_post(host, 0, &aer);

	emu_host_ring(host, 0);
	return cid;
}

static void expect_event(struct emu_host *host, uint16_t cid, uint32_t dw0)
{
	const struct nvme_cqe cqe = emu_host_reap(host, 0);

	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le16_to_cpu(cqe.sfp) >> 1, 0);
	assert_int_equal(le32_to_cpu(cqe.dw0), dw0);
}

static uint32_t dword(const void *page, size_t off)
{
	leint32_t value;

	memcpy(&value, (const uint8_t *)page + off, sizeof(value));
	return le32_to_cpu(value);
}

static void log__which_pages_there_are(void **state)
{
	static const uint8_t there[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x12, 0x13};
	const uint8_t *page;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	page = emu_cmd_log(&host, 0x00, 1024, false);
	for (unsigned int lid = 0; lid < 256; lid++) {
		const bool supported = memchr(there, (int)lid, sizeof(there));
		leint32_t lids;

		memcpy(&lids, page + 4 * lid, sizeof(lids));
		assert_int_equal(le32_to_cpu(lids), supported);
	}
	for (unsigned int lid = 0; lid < 256; lid++) {
		const bool supported = memchr(there, (int)lid, sizeof(there));

		emu_cmd_admin(&host, GET_LOG, 0, lid, 0, supported ? 0 : 0x109);
	}
	emu_host_close(&host);
}

static void log__offset_length_and_scope(void **state)
{
	uint8_t whole[512];
	union nvme_cmd cmd;
	uint8_t *data;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "mdts=1");
	data = emu_host_data(&host, 0);
	memcpy(whole, emu_cmd_log(&host, 0x03, 512, false), sizeof(whole));
	assert_memory_equal(whole,
			    "\x01\0\0\0\0\0\0\0"
			    "1.0     \0",
			    17);

	/* 16 bytes from offset 8 on, and nothing behind them */
	memset(data, 0xee, 64);
	cmd = emu_cmd(GET_LOG, ALL, 3 << 16 | 0x03, 0);
	cmd.cdw12 = cpu_to_le32(8);
	emu_cmd_send(&host, 0, &cmd, 0, "offset 8");
	assert_memory_equal(data, whole + 8, 16);
	assert_int_equal(data[16], 0xee);

	/* beyond the end: zeros */
	memset(data, 0xee, 64);
	cmd.cdw12 = cpu_to_le32(504);
	emu_cmd_send(&host, 0, &cmd, 0, "over the end");
	assert_memory_equal(data, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xee", 17);
	cmd.cdw12 = cpu_to_le32(512);
	emu_cmd_send(&host, 0, &cmd, 0, "at the end");
	cmd.cdw12 = cpu_to_le32(516);
	emu_cmd_send(&host, 0, &cmd, 0x002, "after the end");
	cmd.cdw12 = cpu_to_le32(2);
	emu_cmd_send(&host, 0, &cmd, 0x002, "no dword's offset");
	cmd.cdw12 = cpu_to_le32(0);
	cmd.cdw13 = cpu_to_le32(1);
	emu_cmd_send(&host, 0, &cmd, 0x002, "offset of 4 GiB");
	cmd.cdw13 = cpu_to_le32(0);
	cmd.cdw14 = cpu_to_le32(1 << 23);
	emu_cmd_send(&host, 0, &cmd, 0x002, "index offset");
	cmd.cdw14 = cpu_to_le32(0);

	/* MDTS is 8 KiB */
	cmd = emu_cmd(GET_LOG, 0, 2047u << 16 | 0x02, 0);
	cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(4096));
	emu_cmd_send(&host, 0, &cmd, 0, "8 KiB");
	cmd.cdw10 = cpu_to_le32(2048u << 16 | 0x02);
	emu_cmd_send(&host, 0, &cmd, 0x002, "more than MDTS");
	cmd.cdw10 = cpu_to_le32(0x02);
	cmd.cdw11 = cpu_to_le32(1); /* NUMDU */
	emu_cmd_send(&host, 0, &cmd, 0x002, "256 KiB");

	emu_cmd_admin(&host, GET_LOG, 1, 127 << 16 | 0x02, 0, 0x002); /* SMART by namespace */
	emu_cmd_admin(&host, GET_LOG, 257, 127 << 16 | 0x02, 0, 0x00b);
	emu_host_close(&host);
}

static void error_log__newest_first(void **state)
{
	const uint8_t *page;
	union nvme_cmd cmd;
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_cmd_start(&host, "size=1M");
	emu_cmd_admin(&host, 0xc1, 0, 0, 0, 0x001);
	cid = host.next_cid;
	emu_cmd_io(&host, 0x02, 0x123456789a, 1, 0x080); /* read out of range */

	page = emu_cmd_log(&host, 0x01, 4096, false);
	assert_int_equal(dword(page, 0), 2);
	assert_memory_equal(page + 8, "\x01\x00", 2); /* SQ 1 */
	assert_int_equal(page[10] | page[11] << 8, cid);
	/* phase 0, LBA Out of Range and Do Not Retry, one bit up */
	assert_int_equal(page[12] | page[13] << 8, (0x080 | 0x4000) << 1);
	assert_memory_equal(page + 14, "\xff\xff", 2);
	assert_memory_equal(page + 16, "\x9a\x78\x56\x34\x12\0\0\0", 8);
	assert_int_equal(dword(page, 24), 1); /* NSID */
	assert_int_equal(page[31], 0x02);     /* opcode */
	assert_int_equal(page[63], 1);	      /* version */
	page += 64;
	assert_int_equal(dword(page, 0), 1);
	assert_memory_equal(page + 8, "\0\0", 2);
	assert_int_equal(page[12] | page[13] << 8, (0x001 | 0x4000) << 1);
	assert_int_equal(page[31], 0xc1);
	page += 64;
	assert_int_equal(dword(page, 0), 0);

	/* 64 entries, then the oldest is gone. The count goes on, also over a reset. */
	cmd = emu_cmd(0xc1, 0, 0, 0);
	for (int i = 0; i < 70; i++)
		emu_cmd_send(&host, 0, &cmd, 0x001, "again");
	emu_host_disable(&host);
	emu_host_enable(&host, 32);
	page = emu_cmd_log(&host, 0x01, 4096, false);
	assert_int_equal(dword(page, 0), 72);
	assert_int_equal(dword(page, 63 * 64), 9);
	page = emu_cmd_log(&host, 0x02, 512, false);
	assert_int_equal(dword(page, 176), 72);
	emu_host_close(&host);
}

static void smart_log__counts(void **state)
{
	const uint8_t *page;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "");
	page = emu_cmd_log(&host, 0x02, 512, false);
	assert_memory_equal(page, "\x00\x39\x01\x64\x0a\x00", 6); /* 313 K, spare 100 over 10 */
	assert_int_equal(dword(page, 32), 0);
	assert_int_equal(dword(page, 112), 1); /* power cycles */

	for (int i = 0; i < 1001; i++)
		emu_cmd_io(&host, 0x01, 0, 1, 0);
	for (int i = 0; i < 999; i++)
		emu_cmd_io(&host, 0x02, 0, 1, 0);
	emu_cmd_io(&host, 0x05, 0, 1, 0);     /* compare counts as a read */
	emu_cmd_io(&host, 0x08, 0, 1, 0);     /* zeroes do not count */
	emu_cmd_io(&host, 0x04, 9, 1, 0);     /* nor does uncorrectable, */
	emu_cmd_io(&host, 0x02, 9, 1, 0x281); /* but reading it is a media error */

	page = emu_cmd_log(&host, 0x02, 512, false);
	assert_int_equal(dword(page, 32), 1); /* 1000 units */
	assert_int_equal(dword(page, 48), 2); /* 1001 units */
	assert_int_equal(dword(page, 64), 1000);
	assert_int_equal(dword(page, 80), 1001);
	assert_int_equal(dword(page, 160), 1);
	assert_int_equal(dword(page, 176), 1);
	emu_host_close(&host);
}

/* NVM Command Set 1.0: Copy is a User Data In and a User Data Out command, Verify reads data. */
static void smart_log__counts_copies_and_verifications(void **state)
{
	const uint8_t *page;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M");
	memset(emu_host_data(&host, 0), 0, 4096); /* one range: block 0, one block */
	emu_cmd_io(&host, 0x19, 1, 1, 0);
	page = emu_cmd_log(&host, 0x02, 512, false);
	assert_int_equal(dword(page, 32), 0); /* data units read */
	assert_int_equal(dword(page, 48), 1); /* and written */
	assert_int_equal(dword(page, 64), 1); /* commands that read */
	assert_int_equal(dword(page, 80), 1); /* and wrote */

	emu_cmd_io(&host, 0x0c, 0, 1, 0);
	page = emu_cmd_log(&host, 0x02, 512, false);
	assert_int_equal(dword(page, 32), 1);
	assert_int_equal(dword(page, 64), 1);
	emu_host_close(&host);
}

/* Data that differs is an error of the command's, and the medium has none. */
static void smart_log__a_difference_is_no_media_error(void **state)
{
	const uint8_t *page;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M");
	memset(emu_host_data(&host, 0), 0xee, 512);
	emu_cmd_io(&host, 0x05, 0, 1, 0x285);
	page = emu_cmd_log(&host, 0x02, 512, false);
	assert_int_equal(dword(page, 64), 1);
	assert_int_equal(dword(page, 160), 0);
	assert_int_equal(dword(page, 176), 1); /* it has an entry in the error log */
	emu_host_close(&host);
}

static void effects_log__agrees_with_what_is_refused(void **state)
{
	leint32_t acs[256], iocs[256];
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M,dbbuf=on");
	memcpy(acs, emu_cmd_log(&host, 0x05, 4096, false), sizeof(acs));
	memcpy(iocs, (const uint8_t *)emu_host_data(&host, 0) + 1024, sizeof(iocs));
	/* From bit 20 on the scope: bit 0 a namespace, 1 the controller, 5 the subsystem. */
	assert_int_equal(le32_to_cpu(acs[0x06]), 0x00200001);
	assert_int_equal(le32_to_cpu(acs[0x80]), 0x00110007); /* content, namespace, alone on it */
	assert_int_equal(le32_to_cpu(acs[0x0d]), 0x0200000b); /* content, inventory */
	assert_int_equal(le32_to_cpu(acs[0x15]), 0x00200009); /* inventory */
	assert_int_equal(le32_to_cpu(acs[0x7c]), 0x00200001);
	assert_int_equal(le32_to_cpu(iocs[0x01]), 0x00000003);
	assert_int_equal(le32_to_cpu(iocs[0x02]), 0x00000001);

	for (unsigned int opcode = 0; opcode < 256; opcode++) {
		/* an impossible NSID and offset, so that none of them does anything */
		union nvme_cmd cmd = emu_cmd((uint8_t)opcode, 0x1000, 0, 0);
		uint16_t status;

		if (opcode != AER) {
			status = emu_host_status(&host, 0, &cmd);
			assert_int_equal(status == 0x001, !(le32_to_cpu(acs[opcode]) & 1));
		}
		status = emu_host_status(&host, 1, &cmd);
		assert_int_equal(status == 0x001, !(le32_to_cpu(iocs[opcode]) & 1));
	}

	/* of another command set: the admin commands only */
	union nvme_cmd cmd = emu_cmd(GET_LOG, 0, 1023u << 16 | 0x05, 0);
	cmd.cdw14 = cpu_to_le32(0x02000000);
	emu_cmd_send(&host, 0, &cmd, 0, "effects of zoned namespaces");
	assert_int_equal(dword(emu_host_data(&host, 0), 4 * 0x06), 0x00200001);
	assert_int_equal(dword(emu_host_data(&host, 0), 1024 + 4 * 0x02), 0);
	emu_host_close(&host);
}

/* Commands of the Management Interface: none. */
static void management_log__is_empty(void **state)
{
	static const uint8_t zeros[4096];
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	memset(emu_host_data(&host, 0), 0xee, 4096);
	assert_memory_equal(emu_cmd_log(&host, 0x13, 4096, false), zeros, 4096);
	emu_cmd_admin(&host, 0x1d, 0, 0, 0, 0x001); /* NVMe-MI Send ... */
	emu_cmd_admin(&host, 0x1e, 0, 0, 0, 0x001); /* ... and Receive */
	emu_host_close(&host);
}

static void features_log__agrees_with_what_is_refused(void **state)
{
	leint32_t fids[256];
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	memcpy(fids, emu_cmd_log(&host, 0x12, 1024, false), sizeof(fids));
	assert_int_equal(le32_to_cpu(fids[0x01]), 0x00200001); /* scope: controller */
	assert_int_equal(le32_to_cpu(fids[0x05]), 0x00100001); /* scope: namespace */
	for (unsigned int fid = 0; fid < 256; fid++)
		emu_cmd_admin(&host, 0x0a, 0, 0x300 | fid, 0, le32_to_cpu(fids[fid]) ? 0 : 0x002);
	emu_host_close(&host);
}

static void events__one_of_a_type_until_its_log_is_read(void **state)
{
	struct emu_host host;
	uint16_t cid[4];

	(void)state;
	emu_host_start(&host, "");
	for (int i = 0; i < 4; i++)
		cid[i] = post_aer(&host);
	emu_host_quiet(&host, 0, 10);
	emu_cmd_admin(&host, AER, 0, 0, 0, 0x105); /* AERL is 3: four at once */

	assert_int_equal(emu_raise_event(host.emu, 7, 0x11, 0xc1), 0);
	expect_event(&host, cid[0], 0xc11107);
	/* Of the same type: held. Of another: not. */
	assert_int_equal(emu_raise_event(host.emu, 7, 0x12, 0xc2), 0);
	assert_int_equal(emu_raise_event(host.emu, 0, 0x03, 0x01), 0);
	expect_event(&host, cid[1], 0x010300);
	emu_host_quiet(&host, 0, 10);

	/* The error log is read, but the event retained; then it is not. */
	assert_int_equal(emu_raise_event(host.emu, 0, 0x04, 0x01), 0);
	emu_cmd_log(&host, 0x01, 64, true);
	emu_host_quiet(&host, 0, 10);
	/* the event comes before the completion of what made way for it */
	const union nvme_cmd get = emu_cmd(GET_LOG, ALL, 15 << 16 | 0x01, 0);
	emu_host_post(&host, 0, &get);
	emu_host_ring(&host, 0);
	expect_event(&host, cid[2], 0x010400);
	assert_int_equal(le16_to_cpu(emu_host_reap(&host, 0).sfp) >> 1, 0);
	emu_host_close(&host);
}

static void events__wait_for_a_request(void **state)
{
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_host_start(&host, "");
	assert_int_equal(emu_raise_event(host.emu, 0, 0x03, 0x01), 0);
	cid = post_aer(&host);
	expect_event(&host, cid, 0x010300);
	emu_cmd_log(&host, 0x01, 64, false);

	/* Its log is read before there is a request: no event. */
	assert_int_equal(emu_raise_event(host.emu, 0, 0x04, 0x01), 0);
	emu_cmd_log(&host, 0x01, 64, false);
	post_aer(&host);
	emu_host_quiet(&host, 0, 10);
	emu_host_close(&host);
}

static void events__only_so_many_wait(void **state)
{
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	for (int i = 0; i < 64; i++)
		assert_int_equal(emu_raise_event(host.emu, 7, 0, 0xc0), 0);
	errno = 0;
	assert_int_equal(emu_raise_event(host.emu, 7, 0, 0xc0), -1);
	assert_int_equal(errno, ENOSPC);
	errno = 0;
	assert_int_equal(emu_raise_event(host.emu, 8, 0, 0xc0), -1);
	assert_int_equal(errno, EINVAL);

	/* A reset forgets events and requests. */
	emu_host_disable(&host);
	emu_host_enable(&host, 32);
	post_aer(&host);
	emu_host_quiet(&host, 0, 10);
	emu_host_close(&host);
}

static void events__can_be_switched_off(void **state)
{
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_host_start(&host, "");
	cid = post_aer(&host);
	emu_cmd_admin(&host, 0x09, 0, 0x0b, 0x100, 0); /* namespace notices only */
	assert_int_equal(emu_raise_event(host.emu, 1, 0x00, 0x02), 0);
	assert_int_equal(emu_raise_event(host.emu, 1, 0x01, 0x02), 0);
	assert_int_equal(emu_raise_event(host.emu, 1, 0x02, 0x02), 0);
	assert_int_equal(emu_raise_event(host.emu, 2, 0x01, 0x03), 0);
	emu_host_quiet(&host, 0, 10);
	assert_int_equal(emu_raise_event(host.emu, 2, 0x00, 0x04), 0);
	expect_event(&host, cid, 0x040002);
	emu_host_close(&host);
}

/* The newest entry of the log is about no command. Reading it is what lets the next event come. */
static void expect_other_error(struct emu_host *host, uint32_t count, uint16_t status)
{
	static const uint8_t zeros[64];
	const uint8_t *page = emu_cmd_log(host, 0x01, 64, false);

	assert_int_equal(dword(page, 0), count);
	assert_memory_equal(page + 8, "\xff\xff\xff\xff", 4); /* SQ and command */
	assert_int_equal(page[12] | page[13] << 8, status << 1);
	assert_memory_equal(page + 16, zeros, 16); /* LBA, namespace, opcode */
}

static void events__a_doorbell_out_of_range(void **state)
{
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_cmd_start(&host, "");
	cid = post_aer(&host);
	emu_host_doorbell(&host, 0x1008, 64); /* tail of queue 1, which has 64 entries */
	expect_event(&host, cid, 0x010100);   /* error, invalid value, log page 1 */
	expect_other_error(&host, 1, 0x002);

	cid = post_aer(&host);
	emu_host_doorbell(&host, 0x1010, 1); /* tail of queue 2, which does not exist */
	expect_event(&host, cid, 0x010000);
	expect_other_error(&host, 2, 0x101);
	emu_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log__which_pages_there_are),
		cmocka_unit_test(log__offset_length_and_scope),
		cmocka_unit_test(error_log__newest_first),
		cmocka_unit_test(smart_log__counts),
		cmocka_unit_test(smart_log__counts_copies_and_verifications),
		cmocka_unit_test(smart_log__a_difference_is_no_media_error),
		cmocka_unit_test(effects_log__agrees_with_what_is_refused),
		cmocka_unit_test(management_log__is_empty),
		cmocka_unit_test(features_log__agrees_with_what_is_refused),
		cmocka_unit_test(events__one_of_a_type_until_its_log_is_read),
		cmocka_unit_test(events__wait_for_a_request),
		cmocka_unit_test(events__only_so_many_wait),
		cmocka_unit_test(events__can_be_switched_off),
		cmocka_unit_test(events__a_doorbell_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

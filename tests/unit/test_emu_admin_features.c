/* SPDX-License-Identifier: MIT */
/*
 * Get and Set Features of the emulated controller. Expected values are those of NVM Express Base
 * 2.0, "Feature Identifiers", written out.
 */
#include <string.h>

#include "emu_cmd.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define SAVE	(1u << 31)
#define ALL	0xffffffffu

enum {
	SET = 0x09,
	GET = 0x0a,
};

/* What Get Features returns: current, default, saved, capabilities */
enum {
	CURRENT = 0 << 8,
	DEFAULT = 1 << 8,
	SAVED = 2 << 8,
	CAPS = 3 << 8,
};

struct row {
	const char *name;
	uint8_t opcode;
	uint32_t nsid, cdw10, cdw11;
	uint16_t status;
	uint32_t dw0;
};

static void run_rows(struct emu_host *host, const struct row *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct row *row = &rows[i];
		const union nvme_cmd cmd = emu_cmd(row->opcode, row->nsid, row->cdw10, row->cdw11);
		const uint32_t dw0 = emu_cmd_send(host, 0, &cmd, row->status, row->name);

		if (dw0 != row->dw0)
			fail_msg("%s: dword 0 is %x instead of %x", row->name, dw0, row->dw0);
	}
}

static void features__capabilities_of_each(void **state)
{
	/* bit 0 saveable, bit 1 namespace specific, bit 2 changeable */
	static const struct row rows[] = {
		{"arbitration", GET, 0, CAPS | 0x01, 0, 0, 5},
		{"power management", GET, 0, CAPS | 0x02, 0, 0, 5},
		{"LBA range type", GET, 0, CAPS | 0x03, 0, 0x002, 0},
		{"temperature threshold", GET, 0, CAPS | 0x04, 0, 0, 5},
		{"error recovery", GET, 0, CAPS | 0x05, 0, 0, 7},
		{"volatile write cache", GET, 0, CAPS | 0x06, 0, 0, 5},
		{"number of queues", GET, 0, CAPS | 0x07, 0, 0, 4},
		{"interrupt coalescing", GET, 0, CAPS | 0x08, 0, 0, 5},
		{"interrupt vectors", GET, 0, CAPS | 0x09, 0, 0, 4},
		{"write atomicity", GET, 0, CAPS | 0x0a, 0, 0, 5},
		{"asynchronous events", GET, 0, CAPS | 0x0b, 0, 0, 5},
		{"autonomous power", GET, 0, CAPS | 0x0c, 0, 0x002, 0},
		{"host memory buffer", GET, 0, CAPS | 0x0d, 0, 0x002, 0},
		{"timestamp", GET, 0, CAPS | 0x0e, 0, 0, 4},
		{"keep alive", GET, 0, CAPS | 0x0f, 0, 0, 4},
		{"host behavior", GET, 0, CAPS | 0x16, 0, 0, 4},
		{"sanitize config", GET, 0, CAPS | 0x17, 0, 0x002, 0},
		{"command set profile", GET, 0, CAPS | 0x19, 0, 0, 4},
		{"software progress", GET, 0, CAPS | 0x80, 0, 0, 5},
		{"host identifier", GET, 0, CAPS | 0x81, 0, 0, 4},
		{"reservation mask", GET, 0, CAPS | 0x82, 0, 0x002, 0},
		{"feature 0", GET, 0, CAPS | 0x00, 0, 0x002, 0},
		{"select 4", GET, 0, 4 << 8 | 0x01, 0, 0x002, 0},
		{"set of feature 0", SET, 0, 0x00, 0, 0x002, 0},
		{"set of one that is not there", SET, 0, 0xc0, 0, 0x002, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	run_rows(&host, rows, ROWS(rows));
	emu_host_close(&host);
}

static void features__simple_ones_are_checked_and_kept(void **state)
{
	static const struct row rows[] = {
		{"burst of 64 by default", GET, 0, 0x01, 0, 0, 6},
		{"weights and no burst limit", SET, 0, 0x01, 0x03020107, 0, 0},
		{"are kept", GET, 0, 0x01, 0, 0, 0x03020107},
		{"the default stays", GET, 0, DEFAULT | 0x01, 0, 0, 6},
		{"nothing was saved", GET, 0, SAVED | 0x01, 0, 0, 6},
		{"a reserved bit", SET, 0, 0x01, 0x08, 0x002, 0},
		{"changed nothing", GET, 0, 0x01, 0, 0, 0x03020107},
		{"power state 0", SET, 0, 0x02, 0x00, 0, 0},
		{"power state 1", SET, 0, 0x02, 0x01, 0x002, 0},
		{"workload hint", SET, 0, 0x02, 0x20, 0, 0},
		{"cache on by default", GET, 0, 0x06, 0, 0, 1},
		{"cache off", SET, 0, 0x06, 0, 0, 0},
		{"is off", GET, 0, 0x06, 0, 0, 0},
		{"cache 2", SET, 0, 0x06, 2, 0x002, 0},
		{"coalescing", SET, 0, 0x08, 0x0a05, 0, 0},
		{"is kept", GET, 0, 0x08, 0, 0, 0x0a05},
		{"coalescing, reserved bit", SET, 0, 0x08, 0x10000, 0x002, 0},
		{"atomicity", SET, 0, 0x0a, 1, 0, 0},
		{"all events by default", GET, 0, 0x0b, 0, 0, 0x11f},
		{"an event that is not there", SET, 0, 0x0b, 0x400, 0x002, 0},
		{"events", SET, 0, 0x0b, 0x102, 0, 0},
		{"are kept", GET, 0, 0x0b, 0, 0, 0x102},
		{"profile 0", SET, 0, 0x19, 0, 0, 0},
		{"is 0", GET, 0, 0x19, 0, 0, 0},
		{"profile 1", SET, 0, 0x19, 1, 0x12b, 0},
		{"software progress", SET, 0, 0x80, 3, 0, 0},
		{"is kept", GET, 0, 0x80, 0, 0, 3},
		{"software progress, reserved bit", SET, 0, 0x80, 0x100, 0x002, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	run_rows(&host, rows, ROWS(rows));
	emu_host_close(&host);
}

static void features__namespace_rules(void **state)
{
	static const struct row rows[] = {
		/* scope of the controller: no NSID or all */
		{"for all", SET, ALL, 0x01, 6, 0, 0},
		{"for a namespace", SET, 1, 0x01, 6, 0x10f, 0},
		{"for an inactive namespace", SET, 9, 0x01, 6, 0x10f, 0},
		{"for an impossible namespace", SET, 257, 0x01, 6, 0x00b, 0},
		{"read for a namespace", GET, 1, 0x01, 0, 0, 6},
		/* scope of a namespace */
		{"error recovery of none", SET, 0, 0x05, 5, 0x00b, 0},
		{"error recovery of an inactive one", SET, 3, 0x05, 5, 0x002, 0},
		{"error recovery of an impossible one", SET, 300, 0x05, 5, 0x00b, 0},
		{"error recovery of one", SET, 1, 0x05, 5, 0, 0},
		{"is kept", GET, 1, 0x05, 0, 0, 5},
		{"the other has its own", GET, 2, 0x05, 0, 0, 0},
		{"error recovery of all", SET, ALL, 0x05, 7, 0, 0},
		{"first of all", GET, 1, 0x05, 0, 0, 7},
		{"second of all", GET, 2, 0x05, 0, 0, 7},
		{"all have no one value", GET, ALL, 0x05, 0, 0x00b, 0},
		{"none has none", GET, 0, 0x05, 0, 0x00b, 0},
		{"inactive has none", GET, 3, 0x05, 0, 0x002, 0},
		{"default", GET, 1, DEFAULT | 0x05, 0, 0, 0},
		{"deallocated block error, not supported", SET, 1, 0x05, 0x10000, 0x002, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=2,size=1M");
	run_rows(&host, rows, ROWS(rows));
	emu_host_close(&host);
}

static void features__saved_values_survive_a_reset(void **state)
{
	static const struct row before[] = {
		{"save arbitration", SET, 0, SAVE | 0x01, 3, 0, 0},
		{"then change it", SET, 0, 0x01, 4, 0, 0},
		{"current", GET, 0, 0x01, 0, 0, 4},
		{"saved", GET, 0, SAVED | 0x01, 0, 0, 3},
		{"change the cache", SET, 0, 0x06, 0, 0, 0},
		{"save error recovery", SET, 1, SAVE | 0x05, 9, 0, 0},
		{"then change it", SET, 1, 0x05, 1, 0, 0},
		{"save the threshold", SET, 0, SAVE | 0x04, 340, 0, 0},
		{"then change it", SET, 0, 0x04, 350, 0, 0},
		{"save number of queues", SET, 0, SAVE | 0x07, 0, 0x10d, 0},
		{"save timestamp", SET, 0, SAVE | 0x0e, 0, 0x10d, 0},
		{"save keep alive", SET, 0, SAVE | 0x0f, 0, 0x10d, 0},
		{"fewer queues", SET, 0, 0x07, 0, 0, 0},
	};
	static const struct row after[] = {
		{"saved", GET, 0, 0x01, 0, 0, 3},
		{"back to the default", GET, 0, 0x06, 0, 0, 1},
		{"error recovery", GET, 1, 0x05, 0, 0, 9},
		{"threshold", GET, 0, 0x04, 0, 0, 340},
		{"all queues again", GET, 0, 0x07, 0, 0, 7 << 16 | 7},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "queues=8");
	run_rows(&host, before, ROWS(before));
	emu_host_disable(&host);
	emu_host_enable(&host, 32);
	run_rows(&host, after, ROWS(after));
	emu_host_close(&host);
}

static void number_of_queues__is_negotiated_once(void **state)
{
	static const struct row rows[] = {
		{"all at first", GET, 0, 0x07, 0, 0, 7 << 16 | 7},
		{"65536 submission queues", SET, 0, 0x07, 0xffff, 0x002, 0},
		{"65536 completion queues", SET, 0, 0x07, 0xffff0000, 0x002, 0},
		{"more than there are", SET, 0, 0x07, 99u << 16 | 4, 0, 7 << 16 | 4},
		{"is kept", GET, 0, 0x07, 0, 0, 7 << 16 | 4},
		{"again, no queue exists yet", SET, 0, 0x07, 3 << 16 | 99, 0, 3 << 16 | 7},
		{"default", GET, 0, DEFAULT | 0x07, 0, 0, 7 << 16 | 7},
	};
	static const struct row late[] = {
		{"too late", SET, 0, 0x07, 1 << 16 | 1, 0x00c, 0},
		{"is kept", GET, 0, 0x07, 0, 0, 3 << 16 | 7},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "queues=8");
	run_rows(&host, rows, ROWS(rows));
	emu_host_create_queues(&host, 1, 16);
	run_rows(&host, late, ROWS(late));
	emu_host_close(&host);
}

static void interrupt_vectors__each_has_its_own(void **state)
{
	static const struct row rows[] = {
		{"on by default", GET, 0, 0x09, 2, 0, 2},
		{"off for one", SET, 0, 0x09, 0x10002, 0, 0},
		{"is off", GET, 0, 0x09, 2, 0, 0x10002},
		{"default", GET, 0, DEFAULT | 0x09, 2, 0, 2},
		{"another is on", GET, 0, 0x09, 1, 0, 1},
		{"no such vector", SET, 0, 0x09, 3, 0x002, 0},
		{"no such vector", GET, 0, 0x09, 3, 0x002, 0},
		{"reserved bit", SET, 0, 0x09, 0x20001, 0x002, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "vectors=3");
	run_rows(&host, rows, ROWS(rows));
	emu_host_disable(&host);
	emu_host_enable(&host, 32);
	run_rows(&host, rows, 1); /* on again */
	emu_host_close(&host);
}

static void no_cache__no_feature(void **state)
{
	static const struct row rows[] = {
		{"get", GET, 0, 0x06, 0, 0x002, 0},
		{"set", SET, 0, 0x06, 1, 0x002, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "vwc=off");
	run_rows(&host, rows, ROWS(rows));
	emu_host_close(&host);
}

static void temperature__crossing_a_threshold_is_an_event(void **state)
{
	static const struct row rows[] = {
		{"over: WCTEMP by default", GET, 0, 0x04, 0, 0, 343},
		{"under: 0 by default", GET, 0, 0x04, 1 << 20, 0, 1 << 20},
		{"sensor 1 is not there", SET, 0, 0x04, 1 << 16 | 300, 0x002, 0},
		{"all sensors cannot be read", GET, 0, 0x04, 0xf << 16, 0x002, 0},
		{"threshold 2", SET, 0, 0x04, 2 << 20 | 300, 0x002, 0},
		{"one kelvin more", SET, 0, 0x04, 314, 0, 0},
	};
	const union nvme_cmd aer = emu_cmd(0x0c, 0, 0, 0);
	struct nvme_cqe cqe;
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_host_start(&host, "");
	cid = emu_host_post(&host, 0, &aer);
	emu_host_ring(&host, 0);
	run_rows(&host, rows, ROWS(rows));
	assert_int_equal(((const uint8_t *)emu_cmd_log(&host, 0x02, 512, false))[0], 0);

	/* 313 K: the temperature. Type SMART, information "threshold", log page 2 */
	const union nvme_cmd set = emu_cmd(SET, 0, 0x04, 0xf << 16 | 313);
	emu_host_post(&host, 0, &set);
	emu_host_ring(&host, 0);
	cqe = emu_host_reap(&host, 0);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le32_to_cpu(cqe.dw0), 0x020101);
	assert_int_equal(le16_to_cpu(emu_host_reap(&host, 0).sfp) >> 1, 0);
	assert_int_equal(((const uint8_t *)emu_cmd_log(&host, 0x02, 512, false))[0], 0x02);
	emu_host_close(&host);
}

static void timestamp__goes_on_from_what_was_set(void **state)
{
	static const uint8_t when[8] = {0x00, 0x10, 0x32, 0x54, 0x76, 0x01, 0xff, 0xff};
	const uint8_t *now;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	now = emu_host_data(&host, 0);
	emu_cmd_admin(&host, GET, 0, 0x0e, 0, 0);
	assert_memory_equal(now + 3, "\0\0\0\0\0", 5); /* under 16777 s; counts from the reset */

	memcpy(emu_host_data(&host, 0), when, sizeof(when));
	emu_cmd_admin(&host, SET, 0, 0x0e, 0, 0);
	emu_host_quiet(&host, 0, 20);
	emu_cmd_admin(&host, GET, 0, 0x0e, 0, 0);
	assert_true(now[0] >= 20 || now[1] > 0x10);	 /* 20 ms later */
	assert_memory_equal(now + 3, "\x54\x76\x01", 3); /* but less than 65 s */
	assert_int_equal(now[6], 0x02);			 /* origin: set by the host */
	assert_int_equal(now[7], 0);
	emu_host_close(&host);
}

static void host_behavior__only_what_there_is(void **state)
{
	uint8_t *data;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	data = emu_host_data(&host, 0);
	data[0] = 1; /* ACRE */
	emu_cmd_admin(&host, SET, 0, 0x16, 0, 0);
	data[0] = 0;
	emu_cmd_admin(&host, GET, 0, 0x16, 0, 0);
	assert_int_equal(data[0], 1);
	emu_cmd_admin(&host, GET, 0, DEFAULT | 0x16, 0, 0);
	assert_int_equal(data[0], 0);
	data[0] = 2;
	emu_cmd_admin(&host, SET, 0, 0x16, 0, 0x002);
	data[0] = 1;
	data[2] = 1; /* LBAFEE */
	emu_cmd_admin(&host, SET, 0, 0x16, 0, 0x002);
	emu_host_close(&host);
}

static void host_identifier__of_both_sizes(void **state)
{
	static const char id[] = "0123456789abcdef";
	uint8_t *data;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	data = emu_host_data(&host, 0);
	memcpy(data, id, 16);
	emu_cmd_admin(&host, SET, 0, 0x81, 1, 0);
	memset(data, 0xee, 32);
	emu_cmd_admin(&host, GET, 0, 0x81, 1, 0);
	assert_memory_equal(data, id, 16);
	assert_int_equal(data[16], 0xee);
	memset(data, 0xee, 32);
	emu_cmd_admin(&host, GET, 0, 0x81, 0, 0);
	assert_memory_equal(data, id, 8);
	assert_int_equal(data[8], 0xee);
	emu_host_close(&host);
}

/* A list of two pieces, of three pages and of one, and what is wrong with others. */
static void host_memory__is_checked(void **state)
{
	static const struct {
		const char *name;
		uint32_t cdw11, hsize, list_off, count, badd, bsize;
		uint16_t status;
	} rows[] = {
		{"a reserved bit", 4 | 1, 4, 0, 2, 0, 3, 0x002},
		{"returned, and never had", 3, 4, 0, 2, 0, 3, 0x002},
		{"less than needed", 1, 3, 0, 2, 0, 2, 0x002},
		{"more than preferred", 1, 9, 0, 2, 0, 8, 0x002},
		{"no entries", 1, 4, 0, 0, 0, 3, 0x002},
		{"too many entries", 1, 4, 0, 3, 0, 3, 0x002},
		{"list not aligned", 1, 4, 8, 2, 0, 3, 0x002},
		{"piece not aligned", 1, 4, 0, 2, 16, 3, 0x002},
		{"an empty piece", 1, 4, 0, 2, 0, 0, 0x002},
		{"less than it says", 1, 5, 0, 2, 0, 3, 0x002},
		{"more than it says", 1, 4, 0, 2, 0, 4, 0x002},
		{"not mapped", 1, 4, 0, 2, 0xf0000000, 3, 0x004},
		{"none to take back", 0, 0, 0, 0, 0, 3, 0},
		{"as it should be", 1, 4, 0, 2, 0, 3, 0},
		{"twice", 1, 4, 0, 2, 0, 3, 0x00c},
		{"taken back", 0, 0, 0, 0, 0, 3, 0},
		{"returned, but less", 3, 3, 0, 2, 0, 3, 0x002},
		{"returned", 3, 4, 0, 2, 0, 3, 0},
	};
	struct emu_host host;
	struct nvm_hmb_desc *list;

	(void)state;
	emu_host_start(&host, "hmb=32K,hmbmin=16K,hmmaxd=2");
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t at = emu_host_iova(0x10000) + rows[i].list_off;
		union nvme_cmd cmd = emu_cmd(SET, 0, 0x0d, rows[i].cdw11);

		list = emu_host_data(&host, 0x10000);
		list[0].badd = cpu_to_le64(emu_host_iova(0x20000) + rows[i].badd);
		list[0].bsize = cpu_to_le32(rows[i].bsize);
		list[1].badd = cpu_to_le64(emu_host_iova(0x30000));
		list[1].bsize = cpu_to_le32(1);
		cmd.cdw12 = cpu_to_le32(rows[i].hsize);
		cmd.cdw13 = cpu_to_le32((uint32_t)at);
		cmd.cdw14 = cpu_to_le32((uint32_t)(at >> 32));
		cmd.cdw15 = cpu_to_le32(rows[i].count);
		emu_cmd_send(&host, 0, &cmd, rows[i].status, rows[i].name);
	}
	emu_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features__capabilities_of_each),
		cmocka_unit_test(features__simple_ones_are_checked_and_kept),
		cmocka_unit_test(features__namespace_rules),
		cmocka_unit_test(features__saved_values_survive_a_reset),
		cmocka_unit_test(number_of_queues__is_negotiated_once),
		cmocka_unit_test(interrupt_vectors__each_has_its_own),
		cmocka_unit_test(no_cache__no_feature),
		cmocka_unit_test(temperature__crossing_a_threshold_is_an_event),
		cmocka_unit_test(timestamp__goes_on_from_what_was_set),
		cmocka_unit_test(host_behavior__only_what_there_is),
		cmocka_unit_test(host_identifier__of_both_sizes),
		cmocka_unit_test(host_memory__is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Namespaces of the emulated controller: what Identify says of them, their management, attachment
 * and formats. Expected values are those of NVM Express Base 2.0 and the NVM Command Set 1.0.
 */
#include <string.h>

#include "emu_cmd.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define ALL	0xffffffffu

enum {
	IDENTIFY = 0x06,
	AER = 0x0c,
	MGMT = 0x0d,
	ATTACH = 0x15,
	FORMAT = 0x80,
};

static const uint8_t zeros[4096];

static uint64_t qword(const void *page, size_t off)
{
	leint64_t value;

	memcpy(&value, (const uint8_t *)page + off, sizeof(value));
	return le64_to_cpu(value);
}

static void identify__a_namespace(void **state)
{
	uint8_t other[4096];
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=2,size=1M,lbads=12,ms=8");
	memcpy(other, emu_cmd_identify(&host, 0x00, 2), sizeof(other));
	id = emu_cmd_identify(&host, 0x00, 1);
	assert_int_equal(qword(id, 0), 256);	       /* NSZE */
	assert_int_equal(qword(id, 8), 256);	       /* NCAP */
	assert_int_equal(qword(id, 16), 256);	       /* NUSE */
	assert_int_equal(id[24], 0x18);		       /* NSFEAT: no reuse, optimal sizes */
	assert_int_equal(id[25], 7);		       /* NLBAF, 0's based */
	assert_int_equal(id[26], 5);		       /* FLBAS: 4096 + 8, apart */
	assert_int_equal(id[27], 0x03);		       /* MC: both */
	assert_int_equal(id[28], 0);		       /* DPC */
	assert_int_equal(id[33], 0x09);		       /* DLFEAT: zeros, and by Write Zeroes */
	assert_int_equal(qword(id, 48), 1 << 20);      /* NVMCAP */
	assert_memory_equal(id + 74, "\0\x04", 2);     /* MSSRL 1024 */
	assert_memory_equal(id + 76, "\0\x10\0\0", 4); /* MCL 4096 */
	assert_int_equal(id[80], 127);		       /* MSRC, 0's based */
	assert_memory_equal(id + 128, "\x00\x00\x09\x01", 4); /* LBAF 0: 512 + 0 */
	assert_memory_equal(id + 132, "\x08\x00\x09\x01", 4); /* LBAF 1: 512 + 8 */
	assert_memory_equal(id + 144, "\x00\x00\x0c\x00", 4); /* LBAF 4: 4096 + 0 */
	assert_memory_equal(id + 156, "\x40\x00\x0c\x00", 4); /* LBAF 7: 4096 + 64 */
	assert_memory_equal(id + 160, zeros, 4);
	assert_memory_not_equal(id + 104, zeros, 16); /* NGUID */
	assert_memory_not_equal(id + 120, zeros, 8);  /* EUI64 */
	assert_memory_not_equal(id + 104, other + 104, 16);
	assert_memory_not_equal(id + 120, other + 120, 8);
	assert_memory_equal(id, other, 104);

	/* What all namespaces have in common */
	id = emu_cmd_identify(&host, 0x00, ALL);
	assert_int_equal(qword(id, 0), 0);
	assert_int_equal(id[25], 7);
	assert_memory_equal(id + 104, zeros, 24);
	emu_host_close(&host);
}

static void identify__is_the_same_in_every_run(void **state)
{
	uint8_t first[4096];
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "serial=X");
	memcpy(first, emu_cmd_identify(&host, 0x00, 1), sizeof(first));
	emu_host_close(&host);
	emu_host_start(&host, "serial=X");
	assert_memory_equal(emu_cmd_identify(&host, 0x00, 1), first, sizeof(first));
	emu_host_close(&host);
	emu_host_start(&host, "serial=Y");
	assert_memory_not_equal((const uint8_t *)emu_cmd_identify(&host, 0x00, 1) + 104,
				first + 104, 16);
	emu_host_close(&host);
}

static void identify__identifiers_as_descriptors(void **state)
{
	uint8_t ns[4096];
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	memcpy(ns, emu_cmd_identify(&host, 0x00, 1), sizeof(ns));
	id = emu_cmd_identify(&host, 0x03, 1);
	assert_memory_equal(id, "\x01\x08\0\0", 4);
	assert_memory_equal(id + 4, ns + 120, 8);
	assert_memory_equal(id + 12, "\x02\x10\0\0", 4);
	assert_memory_equal(id + 16, ns + 104, 16);
	assert_memory_equal(id + 32, "\x03\x10\0\0", 4);
	assert_int_equal(id[36 + 6] & 0xf0, 0x80); /* UUID: version, variant */
	assert_int_equal(id[36 + 8] & 0xc0, 0x80);
	assert_memory_equal(id + 52, "\x04\x01\0\0\0", 5); /* command set: NVM */
	assert_memory_equal(id + 57, zeros, 64);
	emu_host_close(&host);
}

static void identify__lists(void **state)
{
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=3,size=1M");
	id = emu_cmd_identify(&host, 0x02, 0);
	assert_memory_equal(id, "\1\0\0\0\2\0\0\0\3\0\0\0\0\0\0\0", 16);
	id = emu_cmd_identify(&host, 0x02, 2);
	assert_memory_equal(id, "\3\0\0\0\0\0\0\0", 8);
	id = emu_cmd_identify(&host, 0x02, 3);
	assert_memory_equal(id, zeros, 8);
	id = emu_cmd_identify(&host, 0x07, 1); /* of the NVM command set */
	assert_memory_equal(id, "\2\0\0\0\3\0\0\0\0\0\0\0", 12);
	id = emu_cmd_identify(&host, 0x10, 1); /* allocated */
	assert_memory_equal(id, "\2\0\0\0\3\0\0\0\0\0\0\0", 12);
	id = emu_cmd_identify(&host, 0x12, 2); /* controllers that it is attached to */
	assert_memory_equal(id, "\1\0\0\0\0\0", 6);
	id = emu_cmd_identify(&host, 0x05, 1);
	assert_memory_equal(id, zeros, 4096);
	id = emu_cmd_identify(&host, 0x08, 1); /* NSFEAT, FPI, NSTAT ready */
	assert_memory_equal(id, "\x08\0\0\x80\0\0\0\0\0\0\0\0\0\0\x01\0", 16);
	id = emu_cmd_identify(&host, 0x09, 0);
	assert_int_equal(id[25], 7);
	emu_host_close(&host);
}

static void identify__nsid_rules(void **state)
{
	static const struct {
		uint8_t cns;
		uint32_t nsid;
		uint16_t status;
	} rows[] = {
		{0x00, 0, 0x00b},   {0x00, 2, 0},
		{0x00, 257, 0x00b}, {0x02, 0xfffffffe, 0x00b},
		{0x02, ALL, 0x00b}, {0x03, 0, 0x00b},
		{0x03, 2, 0x002},   {0x03, 257, 0x00b},
		{0x03, ALL, 0x00b}, {0x05, 2, 0},
		{0x05, 257, 0x00b}, {0x05, ALL, 0},
		{0x07, ALL, 0x00b}, {0x08, 2, 0},
		{0x08, 0, 0x00b},   {0x10, 0xfffffffe, 0x00b},
		{0x11, 2, 0},	    {0x11, 257, 0x00b},
		{0x11, ALL, 0x00b}, {0x12, 2, 0x002},
		{0x12, 0, 0x00b},   {0x12, ALL, 0x002},
		{0x1a, ALL, 0x00b}, {0x1b, 257, 0x00b},
		{0x1b, 1, 0},
	};
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "");
	for (size_t i = 0; i < ROWS(rows); i++) {
		memset(emu_host_data(&host, 0), 0xee, 4096);
		emu_cmd_admin(&host, IDENTIFY, rows[i].nsid, rows[i].cns, 0, rows[i].status);
		/* a valid NSID that is not in use is described by zeros */
		if (rows[i].nsid == 2 && !rows[i].status)
			assert_memory_equal(emu_host_data(&host, 0), zeros, 4096);
	}
	/* another command set than the NVM one */
	emu_cmd_admin(&host, IDENTIFY, 1, 0x05, 0x02000000, 0x12c);
	emu_cmd_admin(&host, IDENTIFY, 0, 0x07, 0x02000000, 0x002);
	/* format 8 of 8 */
	emu_cmd_admin(&host, IDENTIFY, 0, 0x09, 8, 0x002);
	emu_cmd_admin(&host, IDENTIFY, 0, 0x0a, 8, 0x002);
	emu_cmd_admin(&host, IDENTIFY, 0, 0x0a, 7, 0);
	emu_host_close(&host);
}

/* Namespace Management, create; returns the NSID. */
static uint32_t create(struct emu_host *host, uint64_t nsze, uint64_t ncap, uint8_t flbas,
		       uint16_t status)
{
	uint8_t *data = emu_host_data(host, 0);
	const leint64_t sizes[2] = {cpu_to_le64(nsze), cpu_to_le64(ncap)};

	memset(data, 0, 4096);
	memcpy(data, sizes, sizeof(sizes));
	data[26] = flbas;
	return emu_cmd_admin(host, MGMT, 0, 0, 0, status);
}

/* Namespace Attachment to a list of controllers. */
static void attach(struct emu_host *host, uint32_t nsid, uint32_t sel, uint16_t nr, uint16_t cntlid,
		   uint16_t status)
{
	const leint16_t list[2] = {cpu_to_le16(nr), cpu_to_le16(cntlid)};

	memset(emu_host_data(host, 0), 0, 4096);
	memcpy(emu_host_data(host, 0), list, sizeof(list));
	emu_cmd_admin(host, ATTACH, nsid, sel, 0, status);
}

static void management__life_of_a_namespace(void **state)
{
	uint8_t nguid[16];
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "ns=0,capacity=8M");
	assert_int_equal(create(&host, 1024, 1024, 4, 0), 1); /* 4 MiB */
	id = emu_cmd_identify(&host, 0x01, 0);
	assert_int_equal(qword(id, 280), 8 << 20);
	assert_int_equal(qword(id, 296), 4 << 20);

	/* allocated, but not active */
	assert_memory_equal(emu_cmd_identify(&host, 0x02, 0), zeros, 8);
	assert_memory_equal(emu_cmd_identify(&host, 0x10, 0), "\1\0\0\0\0\0\0\0", 8);
	assert_memory_equal(emu_cmd_identify(&host, 0x00, 1), zeros, 4096);
	assert_memory_equal(emu_cmd_identify(&host, 0x12, 1), zeros, 4);
	id = emu_cmd_identify(&host, 0x11, 1);
	assert_int_equal(qword(id, 0), 1024);
	memcpy(nguid, id + 104, sizeof(nguid));
	emu_cmd_io(&host, 0x02, 0, 1, 0x002);

	attach(&host, 1, 0, 1, 0, 0);
	assert_memory_equal(emu_cmd_identify(&host, 0x02, 0), "\1\0\0\0\0\0\0\0", 8);
	memset(emu_host_data(&host, 0), 0x5a, 4096);
	emu_cmd_io(&host, 0x01, 1023, 1, 0);
	attach(&host, 1, 1, 1, 0, 0);
	emu_cmd_io(&host, 0x02, 1023, 1, 0x002);
	attach(&host, 1, 0, 1, 0, 0);
	memset(emu_host_data(&host, 0), 0, 4096);
	emu_cmd_io(&host, 0x02, 1023, 1, 0); /* the contents are still there */
	assert_int_equal(*(uint8_t *)emu_host_data(&host, 4095), 0x5a);

	assert_int_equal(create(&host, 8192, 8192, 0, 0), 2); /* the other 4 MiB */
	create(&host, 1, 1, 0, 0x115);
	emu_cmd_admin(&host, MGMT, 1, 1, 0, 0); /* delete, though it is attached */
	emu_cmd_io(&host, 0x02, 0, 1, 0x002);
	assert_int_equal(create(&host, 1024, 1024, 4, 0), 1);
	attach(&host, 1, 0, 1, 0, 0);
	id = emu_cmd_identify(&host, 0x00, 1);
	assert_memory_not_equal(id + 104, nguid, 16);
	emu_cmd_io(&host, 0x02, 1023, 1, 0);
	assert_memory_equal(emu_host_data(&host, 0), zeros, 4096);

	emu_cmd_admin(&host, MGMT, ALL, 1, 0, 0); /* delete all */
	assert_memory_equal(emu_cmd_identify(&host, 0x10, 0), zeros, 8);
	assert_int_equal(qword(emu_cmd_identify(&host, 0x01, 0), 296), 8 << 20);
	emu_host_close(&host);
}

static void management__every_error(void **state)
{
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=1,size=1M,capacity=64M");
	create(&host, 0, 0, 0, 0x002);
	create(&host, 16, 8, 0, 0x11b); /* thin provisioning */
	create(&host, 8, 16, 0, 0x002);
	create(&host, 8, 8, 8, 0x10a); /* no such format */
	create(&host, 8, 8, 0x20, 0x10a);
	create(&host, 126 * 1024 + 1, 126 * 1024 + 1, 0, 0x115); /* a block too many */
	create(&host, UINT64_MAX, UINT64_MAX, 4, 0x115);
	memset(emu_host_data(&host, 0), 0, 4096);
	*(uint8_t *)emu_host_data(&host, 0) = 8;
	*(uint8_t *)emu_host_data(&host, 8) = 8;
	*(uint8_t *)emu_host_data(&host, 29) = 1; /* DPS: protection information */
	emu_cmd_admin(&host, MGMT, 0, 0, 0, 0x10a);
	*(uint8_t *)emu_host_data(&host, 29) = 0;
	emu_cmd_admin(&host, MGMT, 0, 0, 0x02000000, 0x129); /* zoned */
	emu_cmd_admin(&host, MGMT, 0, 2, 0, 0x002);	     /* neither create nor delete */
	emu_cmd_admin(&host, MGMT, 0, 1, 0, 0x00b);
	emu_cmd_admin(&host, MGMT, 2, 1, 0, 0x002);
	emu_cmd_admin(&host, MGMT, 257, 1, 0, 0x00b);

	assert_int_equal(create(&host, 126 * 1024, 126 * 1024, 0, 0), 2); /* all that is left */
	attach(&host, 2, 0, 0, 0, 0x11c);
	attach(&host, 2, 0, 2, 0, 0x11c);
	attach(&host, 2, 0, 1, 1, 0x11c);
	attach(&host, 2, 0, 0xffff, 0, 0x11c);
	attach(&host, 2, 1, 1, 0, 0x11a); /* detach, not attached */
	attach(&host, 2, 0, 1, 0, 0);
	attach(&host, 2, 0, 1, 0, 0x118);
	attach(&host, 2, 2, 1, 0, 0x002);
	attach(&host, 3, 0, 1, 0, 0x002);
	attach(&host, 0, 0, 1, 0, 0x00b);
	attach(&host, 257, 0, 1, 0, 0x00b);
	attach(&host, ALL, 0, 1, 0, 0x002);
	emu_host_close(&host);
}

static void management__all_namespaces(void **state)
{
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=255,size=4K,capacity=2M");
	assert_int_equal(create(&host, 1, 1, 0, 0), 256);
	create(&host, 1, 1, 0, 0x116); /* no identifier left */
	emu_cmd_admin(&host, MGMT, 7, 1, 0, 0);
	assert_int_equal(create(&host, 1, 1, 0, 0), 7);
	emu_host_close(&host);
}

static void management__changes_are_events(void **state)
{
	const union nvme_cmd aer = emu_cmd(AER, 0, 0, 0);
	const union nvme_cmd delete = emu_cmd(MGMT, 2, 1, 0);
	struct nvme_cqe cqe;
	struct emu_host host;
	uint16_t cid;

	(void)state;
	emu_host_start(&host, "ns=3,size=1M");
	cid = emu_host_post(&host, 0, &aer);
	emu_host_post(&host, 0, &delete);
	emu_host_ring(&host, 0);
	cqe = emu_host_reap(&host, 0);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le32_to_cpu(cqe.dw0), 0x040002); /* notice, attributes, log page 4 */
	emu_host_reap(&host, 0);

	/* More of them: the same event, which was not read yet */
	emu_host_post(&host, 0, &aer);
	emu_host_ring(&host, 0);
	attach(&host, 3, 1, 1, 0, 0);
	assert_memory_equal(emu_cmd_log(&host, 0x04, 4096, true), "\2\0\0\0\3\0\0\0\0\0\0\0", 12);
	assert_memory_equal(emu_cmd_log(&host, 0x04, 4096, false), "\2\0\0\0\3\0\0\0\0\0\0\0", 12);
	assert_memory_equal(emu_cmd_log(&host, 0x04, 4096, false), zeros, 4096);
	emu_host_quiet(&host, 0, 10);

	/* What is not attached is of no interest. */
	emu_cmd_admin(&host, MGMT, 3, 1, 0, 0);
	create(&host, 8, 8, 0, 0);
	emu_host_quiet(&host, 0, 10);
	emu_host_close(&host);
}

static void format__changes_the_geometry_and_erases(void **state)
{
	const uint8_t *id;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M");
	memset(emu_host_data(&host, 0), 0x5a, 4096);
	emu_cmd_io(&host, 0x01, 0, 8, 0);
	emu_cmd_io(&host, 0x04, 100, 1, 0);

	emu_cmd_admin(&host, FORMAT, 1, 4, 0, 0); /* 4096 + 0 */
	id = emu_cmd_identify(&host, 0x00, 1);
	assert_int_equal(qword(id, 0), 256);
	assert_int_equal(id[26], 4);
	emu_cmd_io(&host, 0x02, 0, 1, 0);
	assert_memory_equal(emu_host_data(&host, 0), zeros, 4096);
	emu_cmd_io(&host, 0x02, 255, 1, 0);
	emu_cmd_io(&host, 0x02, 256, 1, 0x080);
	emu_cmd_io(&host, 0x02, 12, 1, 0); /* was marked uncorrectable */

	memset(emu_host_data(&host, 0), 0x5a, 4096);
	emu_cmd_io(&host, 0x01, 0, 1, 0);
	emu_cmd_admin(&host, FORMAT, 1, 1 << 9 | 4, 0, 0); /* user data erase, same format */
	emu_cmd_io(&host, 0x02, 0, 1, 0);
	assert_memory_equal(emu_host_data(&host, 0), zeros, 4096);
	emu_cmd_admin(&host, FORMAT, 1, 2 << 9 | 0x10 | 1, 0, 0); /* 512 + 8, extended */
	id = emu_cmd_identify(&host, 0x00, 1);
	assert_int_equal(qword(id, 0), 2048);
	assert_int_equal(id[26], 0x11);
	emu_cmd_io(&host, 0x02, 0, 1, 0);
	emu_host_close(&host);
}

static void format__every_error(void **state)
{
	struct emu_host host;

	(void)state;
	emu_host_start(&host, "ns=2,size=1M");
	emu_cmd_admin(&host, FORMAT, 1, 8, 0, 0x10a);	       /* no such format */
	emu_cmd_admin(&host, FORMAT, 1, 1 << 12, 0, 0x10a);    /* 16 neither */
	emu_cmd_admin(&host, FORMAT, 1, 1 << 5 | 1, 0, 0x10a); /* protection information */
	emu_cmd_admin(&host, FORMAT, 1, 3 << 9, 0, 0x002);     /* secure erase settings */
	emu_cmd_admin(&host, FORMAT, 0, 0, 0, 0x00b);
	emu_cmd_admin(&host, FORMAT, 3, 0, 0, 0x002);
	emu_cmd_admin(&host, FORMAT, 257, 0, 0, 0x00b);
	emu_cmd_admin(&host, FORMAT, ALL, 4, 0, 0); /* all */
	assert_int_equal(((const uint8_t *)emu_cmd_identify(&host, 0x00, 1))[26], 4);
	assert_int_equal(((const uint8_t *)emu_cmd_identify(&host, 0x00, 2))[26], 4);
	emu_host_close(&host);

	/* One block of 512 bytes has no room for one of 4096. */
	emu_host_start(&host, "ns=0,capacity=1M");
	assert_int_equal(create(&host, 1, 1, 0, 0), 1);
	emu_cmd_admin(&host, FORMAT, 1, 4, 0, 0x10a);
	assert_int_equal(qword(emu_cmd_identify(&host, 0x11, 1), 0), 1);
	emu_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identify__a_namespace),
		cmocka_unit_test(identify__is_the_same_in_every_run),
		cmocka_unit_test(identify__identifiers_as_descriptors),
		cmocka_unit_test(identify__lists),
		cmocka_unit_test(identify__nsid_rules),
		cmocka_unit_test(management__life_of_a_namespace),
		cmocka_unit_test(management__every_error),
		cmocka_unit_test(management__all_namespaces),
		cmocka_unit_test(management__changes_are_events),
		cmocka_unit_test(format__changes_the_geometry_and_erases),
		cmocka_unit_test(format__every_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The NVM command set of the emulated controller: where data goes, and what is refused. Expected
 * values are those of the NVM Command Set 1.0.
 */
#include <string.h>

#include "emu_cmd.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define ALL	0xffffffffu

enum {
	FLUSH = 0x00,
	WRITE = 0x01,
	READ = 0x02,
	UNCORRECTABLE = 0x04,
	COMPARE = 0x05,
	ZEROES = 0x08,
	DSM = 0x09,
	VERIFY = 0x0c,
	COPY = 0x19,
};

static const uint8_t zeros[8192];

/* Bytes that tell where they belong. */
static void fill(uint8_t *data, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
}

static void rw__every_byte_comes_back(void **state)
{
	static const struct {
		uint64_t slba;
		uint32_t nr;
	} rows[] = {{0, 1}, {1, 8}, {9, 16}, {100, 17}, {1000, 256}, {7000, 1192}};
	const uint32_t back = 8 << 20;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=4M"); /* 8192 blocks */
	for (size_t i = 0; i < ROWS(rows); i++) {
		union nvme_cmd cmd = emu_cmd_rw(WRITE, 1, rows[i].slba, rows[i].nr);

		fill(emu_host_data(&host, 0), rows[i].nr * 512, (uint32_t)i);
		emu_cmd_data(&host, &cmd, 0, rows[i].nr * 512);
		emu_cmd_send(&host, 1, &cmd, 0, "write");
	}
	for (size_t i = 0; i < ROWS(rows); i++) {
		union nvme_cmd cmd = emu_cmd_rw(READ, 1, rows[i].slba, rows[i].nr);

		fill(emu_host_data(&host, 0), rows[i].nr * 512, (uint32_t)i);
		emu_cmd_data(&host, &cmd, back, rows[i].nr * 512);
		emu_cmd_send(&host, 1, &cmd, 0, "read");
		assert_memory_equal(emu_host_data(&host, 0), emu_host_data(&host, back),
				    rows[i].nr * 512);
		cmd.opcode = COMPARE;
		emu_cmd_send(&host, 1, &cmd, 0, "compare");
		((uint8_t *)emu_host_data(&host, back))[rows[i].nr * 512 - 1] ^= 1;
		emu_cmd_send(&host, 1, &cmd, 0x285, "compare, the last bit differs");
	}
	/* Never written: zeros */
	emu_cmd_io(&host, READ, 500, 8, 0);
	assert_memory_equal(emu_host_data(&host, 0), zeros, 4096);
	emu_host_close(&host);
}

struct error_row {
	const char *name;
	uint8_t opcode;
	uint32_t nsid;
	uint64_t slba;
	uint32_t cdw12;
	uint16_t status;
};

static void rw__errors(void **state)
{
	static const struct error_row rows[] = {
		{"last block", READ, 1, 2047, 0, 0},
		{"one after the last", READ, 1, 2048, 0, 0x080},
		{"over the end", READ, 1, 2047, 1, 0x080},
		{"last LBA there could be", READ, 1, UINT64_MAX, 0, 0x080},
		{"a range that overflows", READ, 1, UINT64_MAX, 0xf, 0x080},
		{"no namespace", READ, 0, 0, 0, 0x00b},
		{"inactive namespace", READ, 2, 0, 0, 0x002},
		{"impossible namespace", READ, 257, 0, 0, 0x00b},
		{"all namespaces", READ, ALL, 0, 0, 0x002},
		{"more than MDTS", READ, 1, 0, 16, 0x002},
		{"write over the end", WRITE, 1, 2047, 1, 0x080},
		{"write more than MDTS", WRITE, 1, 0, 16, 0x002},
		{"write, limited retry and FUA", WRITE, 1, 0, 0xc0000000, 0},
		{"write, protection bits without protection", WRITE, 1, 0, 0x3c000000, 0},
		{"read, protection bits without protection", READ, 1, 0, 0x3c000000, 0},
		{"write with a directive", WRITE, 1, 0, 0x00100000, 0x002},
		{"write to all", WRITE, ALL, 0, 0, 0x002},
		{"compare over the end", COMPARE, 1, 2048, 0, 0x080},
		{"compare more than MDTS", COMPARE, 1, 0, 16, 0x002},
		{"zeroes over the end", ZEROES, 1, 2040, 8, 0x080},
		{"zeroes more than MDTS", ZEROES, 1, 0, 2047, 0},
		{"uncorrectable over the end", UNCORRECTABLE, 1, 2048, 0, 0x080},
		{"verify over the end", VERIFY, 1, 2048, 0, 0x080},
		{"verify more than MDTS", VERIFY, 1, 0, 2047, 0},
		{"flush", FLUSH, 1, 0, 0, 0},
		{"flush all", FLUSH, ALL, 0, 0, 0},
		{"flush nothing", FLUSH, 0, 0, 0, 0x00b},
		{"flush what is not active", FLUSH, 2, 0, 0, 0x002},
		{"flush what cannot be", FLUSH, 257, 0, 0, 0x00b},
		{"reservation register", 0x0d, 1, 0, 0, 0x001},
		{"no such command", 0x7f, 1, 0, 0, 0x001},
		{"vendor specific", 0x80, 1, 0, 0, 0x001},
	};
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M,mdts=1"); /* 2048 blocks; 16 of them at once */
	for (size_t i = 0; i < ROWS(rows); i++) {
		union nvme_cmd cmd = emu_cmd_rw(rows[i].opcode, rows[i].nsid, rows[i].slba, 1);

		emu_cmd_data(&host, &cmd, 0, 8192);
		cmd.cdw12 = cpu_to_le32(rows[i].cdw12);
		emu_cmd_send(&host, 1, &cmd, rows[i].status, rows[i].name);
	}
	emu_host_close(&host);
}

static void rw__extended_blocks(void **state)
{
	union nvme_cmd cmd;
	uint8_t *data;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M,ms=8,ext=on,mdts=1"); /* blocks of 520 bytes */
	data = emu_host_data(&host, 0);
	fill(data, 15 * 520, 1);
	cmd = emu_cmd_rw(WRITE, 1, 3, 15);
	emu_cmd_data(&host, &cmd, 0, 15 * 520);
	emu_cmd_send(&host, 1, &cmd, 0, "write");
	cmd.cdw12 = cpu_to_le32(15); /* 16 blocks are 8320 bytes, more than MDTS */
	emu_cmd_send(&host, 1, &cmd, 0x002, "metadata counts for MDTS");
	cmd = emu_cmd_rw(READ, 1, 4, 1);
	emu_cmd_data(&host, &cmd, 16384, 520);
	emu_cmd_send(&host, 1, &cmd, 0, "the second block");
	assert_memory_equal(data + 16384, data + 520, 520);
	assert_memory_equal(data + 16384 + 520, zeros, 8);
	emu_host_close(&host);
}

static void rw__metadata_apart(void **state)
{
	union nvme_cmd cmd;
	uint8_t *meta;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M,ms=8");
	meta = emu_host_data(&host, 16384);
	fill(meta, 64, 7);
	cmd = emu_cmd_rw(WRITE, 1, 5, 8);
	cmd.mptr = cpu_to_le64(emu_host_iova(16384));
	emu_cmd_send(&host, 1, &cmd, 0, "write");

	cmd = emu_cmd_rw(READ, 1, 6, 2);
	cmd.mptr = cpu_to_le64(emu_host_iova(20480));
	emu_cmd_send(&host, 1, &cmd, 0, "read two of them");
	assert_memory_equal(meta + 4096, meta + 8, 16);
	assert_memory_equal(meta + 4096 + 16, zeros, 8);

	cmd = emu_cmd_rw(COMPARE, 1, 5, 8);
	cmd.mptr = cpu_to_le64(emu_host_iova(16384));
	emu_cmd_send(&host, 1, &cmd, 0, "compare");
	meta[63] ^= 1;
	emu_cmd_send(&host, 1, &cmd, 0x285, "compare, other metadata");

	cmd.opcode = READ;
	cmd.mptr = cpu_to_le64(emu_host_iova(16385));
	emu_cmd_send(&host, 1, &cmd, 0x002, "no dword's address");
	cmd.mptr = cpu_to_le64(0x1000);
	emu_cmd_send(&host, 1, &cmd, 0x004, "unmapped");
	cmd.opcode = WRITE;
	emu_cmd_send(&host, 1, &cmd, 0x004, "unmapped");

	/* Deallocation takes the metadata along. */
	cmd = emu_cmd_rw(ZEROES, 1, 6, 1);
	emu_cmd_send(&host, 1, &cmd, 0, "zeroes");
	cmd = emu_cmd_rw(READ, 1, 5, 3);
	cmd.mptr = cpu_to_le64(emu_host_iova(20480));
	emu_cmd_send(&host, 1, &cmd, 0, "read");
	assert_memory_equal(meta + 4096, meta, 8);
	assert_memory_equal(meta + 4104, zeros, 8);
	assert_memory_equal(meta + 4112, meta + 16, 8);
	emu_host_close(&host);
}

/* More metadata than the controller handles in one step */
static void rw__much_metadata(void **state)
{
	const uint32_t nr = 4096; /* blocks; 2 MiB and 256 KiB */
	union nvme_cmd cmd;
	uint8_t *meta;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=16M,ms=64,mdts=0");
	meta = emu_host_data(&host, 8 << 20);
	fill(emu_host_data(&host, 0), nr * 512, 1);
	fill(meta, nr * 64, 2);
	cmd = emu_cmd_rw(WRITE, 1, 10, nr);
	emu_cmd_data(&host, &cmd, 0, nr * 512);
	cmd.mptr = cpu_to_le64(emu_host_iova(8 << 20));
	emu_cmd_send(&host, 1, &cmd, 0, "write");
	cmd.opcode = COMPARE;
	emu_cmd_send(&host, 1, &cmd, 0, "compare");
	cmd.opcode = READ;
	emu_cmd_data(&host, &cmd, 16 << 20, nr * 512);
	cmd.mptr = cpu_to_le64(emu_host_iova(24 << 20));
	emu_cmd_send(&host, 1, &cmd, 0, "read");
	assert_memory_equal(emu_host_data(&host, 0), emu_host_data(&host, 16 << 20), nr * 512);
	assert_memory_equal(meta, emu_host_data(&host, 24 << 20), nr * 64);
	emu_host_close(&host);
}

/* Of 256 KiB of metadata the host has mapped the first half. Nothing is written, and nothing read. */
static void rw__metadata_that_is_half_there(void **state)
{
	const uint32_t nr = 4096, meta = 8 << 20, back = 16 << 20, meta_back = 24 << 20;
	const uint64_t half = emu_host_iova((64 << 20) - (128 << 10));
	union nvme_cmd cmd;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=16M,ms=64,mdts=0");
	fill(emu_host_data(&host, 0), nr * 512, 1);
	fill(emu_host_data(&host, meta), nr * 64, 2);
	cmd = emu_cmd_rw(WRITE, 1, 10, nr);
	emu_cmd_data(&host, &cmd, 0, nr * 512);
	cmd.mptr = cpu_to_le64(emu_host_iova(meta));
	emu_cmd_send(&host, 1, &cmd, 0, "write");

	memset(emu_host_data(&host, back), 0x5a, nr * 512);
	memset(emu_host_data(&host, (64 << 20) - (128 << 10)), 0x5a, 128 << 10);
	emu_cmd_data(&host, &cmd, back, nr * 512);
	cmd.mptr = cpu_to_le64(half);
	emu_cmd_send(&host, 1, &cmd, 0x004, "write with half of the metadata");
	cmd.opcode = READ;
	emu_cmd_send(&host, 1, &cmd, 0x004, "read with half of the metadata");
	assert_int_equal(((uint8_t *)emu_host_data(&host, back))[0], 0x5a);
	assert_int_equal(((uint8_t *)emu_host_data(&host, (64 << 20) - (128 << 10)))[0], 0x5a);

	cmd.mptr = cpu_to_le64(emu_host_iova(meta_back));
	emu_cmd_send(&host, 1, &cmd, 0, "read");
	assert_memory_equal(emu_host_data(&host, 0), emu_host_data(&host, back), nr * 512);
	assert_memory_equal(emu_host_data(&host, meta), emu_host_data(&host, meta_back), nr * 64);
	emu_host_close(&host);
}

static void null__moves_no_data_but_checks_pointers(void **state)
{
	union nvme_cmd cmd;
	uint8_t *data;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "backend=null,size=1T");
	data = emu_host_data(&host, 0);
	memset(data, 0x5a, 4096);
	emu_cmd_io(&host, WRITE, 0, 8, 0);
	memset(data, 0xa5, 4096);
	emu_cmd_io(&host, READ, 0, 8, 0);
	assert_int_equal(data[0], 0xa5);
	emu_cmd_io(&host, COMPARE, 0, 8, 0);
	emu_cmd_io(&host, ZEROES, 0, 65536, 0);
	emu_cmd_io(&host, READ, 1ull << 31, 1, 0x080);
	cmd = emu_cmd_rw(READ, 1, 0, 8);
	cmd.dptr.prp1 = cpu_to_le64(0x1000);
	emu_cmd_send(&host, 1, &cmd, 0x004, "unmapped");
	emu_host_close(&host);
}

static void uncorrectable__until_written(void **state)
{
	union nvme_cmd cmd;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M");
	emu_cmd_io(&host, UNCORRECTABLE, 10, 10, 0);
	emu_cmd_io(&host, READ, 9, 1, 0);
	emu_cmd_io(&host, READ, 9, 2, 0x281);
	emu_cmd_io(&host, READ, 19, 1, 0x281);
	emu_cmd_io(&host, READ, 20, 1, 0);
	emu_cmd_io(&host, VERIFY, 0, 100, 0x281);
	emu_cmd_io(&host, COMPARE, 12, 1, 0x281);
	emu_cmd_io(&host, WRITE, 12, 2, 0);
	emu_cmd_io(&host, READ, 12, 2, 0);
	emu_cmd_io(&host, READ, 12, 3, 0x281);
	emu_cmd_io(&host, ZEROES, 10, 2, 0);
	emu_cmd_io(&host, READ, 10, 4, 0);

	/* the error log names the block */
	emu_cmd_io(&host, READ, 8, 8, 0x281);
	assert_memory_equal((const uint8_t *)emu_cmd_log(&host, 0x01, 64, false) + 16,
			    "\x0e\0\0\0\0\0\0\0", 8);

	/* Deallocation does not write. */
	memset(emu_host_data(&host, 0), 0, 16);
	*(uint8_t *)emu_host_data(&host, 4) = 100;
	cmd = emu_cmd(DSM, 1, 0, 4);
	emu_cmd_send(&host, 1, &cmd, 0, "deallocate 0 to 99");
	emu_cmd_io(&host, READ, 15, 1, 0x281);
	emu_host_close(&host);
}

struct range {
	leint32_t cattr;
	leint32_t length;
	leint64_t slba;
};

static void put_range(struct emu_host *host, unsigned int i, uint64_t slba, uint32_t length)
{
	struct range *ranges = emu_host_data(host, 0);

	ranges[i].cattr = cpu_to_le32(0);
	ranges[i].length = cpu_to_le32(length);
	ranges[i].slba = cpu_to_le64(slba);
}

static void deallocate__all_ranges_or_none(void **state)
{
	uint8_t *data;
	union nvme_cmd cmd;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M");
	data = emu_host_data(&host, 0);
	for (uint64_t slba = 0; slba < 64; slba += 8) {
		memset(data, 0x5a, 4096);
		emu_cmd_io(&host, WRITE, slba, 8, 0);
	}

	put_range(&host, 0, 0, 8);
	put_range(&host, 1, 2040, 9);
	cmd = emu_cmd(DSM, 1, 1, 4);
	emu_cmd_send(&host, 1, &cmd, 0x080, "second range over the end");
	emu_cmd_io(&host, READ, 0, 1, 0);
	assert_int_equal(data[0], 0x5a);

	put_range(&host, 0, 1, 9);
	put_range(&host, 1, 2040, 8);
	put_range(&host, 2, 2048, 0);
	put_range(&host, 3, UINT64_MAX, 0xffffffff);
	cmd = emu_cmd(DSM, 1, 2, 3); /* integral dataset hints only */
	emu_cmd_send(&host, 1, &cmd, 0, "hints");
	emu_cmd_io(&host, READ, 1, 8, 0);
	assert_int_equal(data[0], 0x5a);

	put_range(&host, 0, 1, 9);
	put_range(&host, 1, 2040, 8);
	put_range(&host, 2, 2048, 0);
	put_range(&host, 3, UINT64_MAX, 0xffffffff);
	cmd = emu_cmd(DSM, 1, 2, 4);
	emu_cmd_send(&host, 1, &cmd, 0, "three ranges");
	emu_cmd_io(&host, READ, 0, 8, 0);
	assert_int_equal(data[511], 0x5a);
	assert_memory_equal(data + 512, zeros, 7 * 512);
	emu_cmd_io(&host, READ, 8, 8, 0);
	assert_memory_equal(data, zeros, 2 * 512);
	assert_int_equal(data[1024], 0x5a);

	put_range(&host, 3, UINT64_MAX, 0xffffffff);
	cmd = emu_cmd(DSM, 1, 3, 4);
	emu_cmd_send(&host, 1, &cmd, 0x080, "a range that overflows");
	cmd = emu_cmd(DSM, ALL, 0, 4);
	emu_cmd_send(&host, 1, &cmd, 0x002, "all namespaces");
	cmd = emu_cmd(DSM, 1, 0, 4);
	cmd.dptr.prp1 = cpu_to_le64(0x1000);
	emu_cmd_send(&host, 1, &cmd, 0x004, "unmapped");
	emu_host_close(&host);
}

/* A source range of Copy, descriptor format 0 */
static void put_source(struct emu_host *host, unsigned int i, uint64_t slba, uint32_t nr)
{
	uint8_t *range = (uint8_t *)emu_host_data(host, 0) + 32 * i;
	const leint64_t le_slba = cpu_to_le64(slba);
	const leint16_t le_nlb = cpu_to_le16((uint16_t)(nr - 1));

	memset(range, 0, 32);
	memcpy(range + 8, &le_slba, sizeof(le_slba));
	memcpy(range + 16, &le_nlb, sizeof(le_nlb));
}

static void copy_to(struct emu_host *host, uint64_t sdlba, uint32_t nr_ranges, uint32_t cdw12,
		    uint16_t status)
{
	union nvme_cmd cmd = emu_cmd_rw(COPY, 1, sdlba, 1);

	cmd.cdw12 = cpu_to_le32((nr_ranges - 1) | cdw12);
	emu_cmd_data(host, &cmd, 0, 8192);
	emu_cmd_send(host, 1, &cmd, status, "copy");
}

static void copy__gathers_ranges(void **state)
{
	const uint32_t keep = 1 << 20;
	union nvme_cmd cmd;
	uint8_t *all;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=1M,ms=8");
	all = emu_host_data(&host, keep);
	fill(all, 32 * 512, 3);
	fill(all + 65536, 32 * 8, 4);
	cmd = emu_cmd_rw(WRITE, 1, 0, 32);
	emu_cmd_data(&host, &cmd, keep, 32 * 512);
	cmd.mptr = cpu_to_le64(emu_host_iova(keep + 65536));
	emu_cmd_send(&host, 1, &cmd, 0, "write");

	put_source(&host, 0, 10, 2);
	put_source(&host, 1, 4, 1);
	put_source(&host, 2, 9, 3);
	copy_to(&host, 8, 3, 0, 0); /* into the middle of its sources */
	cmd = emu_cmd_rw(READ, 1, 7, 8);
	emu_cmd_data(&host, &cmd, 2 * keep, 8 * 512);
	cmd.mptr = cpu_to_le64(emu_host_iova(2 * keep + 65536));
	emu_cmd_send(&host, 1, &cmd, 0, "read");

	static const unsigned int expected[8] = {7, 10, 11, 4, 9, 10, 11, 14};
	for (unsigned int i = 0; i < 8; i++) {
		assert_memory_equal(all + keep + 512 * i, all + 512 * expected[i], 512);
		assert_memory_equal(all + keep + 65536 + 8 * i, all + 65536 + 8 * expected[i], 8);
	}
	emu_host_close(&host);
}

static void copy__limits_and_errors(void **state)
{
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=8M"); /* 16384 blocks */
	for (unsigned int i = 0; i < 129; i++)
		put_source(&host, i, 0, 1);
	copy_to(&host, 100, 128, 0, 0);
	copy_to(&host, 100, 129, 0, 0x183); /* MSRC */
	put_source(&host, 0, 0, 1024);
	copy_to(&host, 2000, 1, 0, 0);
	put_source(&host, 0, 0, 1025);
	copy_to(&host, 2000, 1, 0, 0x183); /* MSSRL */
	for (unsigned int i = 0; i < 5; i++)
		put_source(&host, i, 0, 1024);
	copy_to(&host, 2000, 4, 0, 0);
	put_source(&host, 4, 0, 1);
	copy_to(&host, 2000, 5, 0, 0x183); /* MCL */

	put_source(&host, 0, 16383, 1);
	copy_to(&host, 0, 1, 0, 0);
	put_source(&host, 0, 16383, 2);
	copy_to(&host, 0, 1, 0, 0x080);
	put_source(&host, 0, 0, 2);
	copy_to(&host, 16383, 1, 0, 0x080);
	copy_to(&host, 0, 1, 1 << 8, 0x002);  /* descriptor format 1 */
	copy_to(&host, 0, 1, 1 << 20, 0x002); /* directive */
	copy_to(&host, 0, 1, 1u << 30, 0);    /* FUA */

	emu_cmd_io(&host, UNCORRECTABLE, 50, 1, 0);
	put_source(&host, 0, 49, 2);
	copy_to(&host, 200, 1, 0, 0x281);
	put_source(&host, 0, 0, 1);
	copy_to(&host, 50, 1, 0, 0); /* writes it */
	emu_cmd_io(&host, READ, 50, 1, 0);
	emu_host_close(&host);
}

/* ONCS says that there is Verify, so VSL (2 ^ 10 pages of 4 KiB) is advice and no limit. */
static void verify__of_more_than_is_recommended(void **state)
{
	union nvme_cmd cmd = emu_cmd_rw(VERIFY, 1, 0, 8192);
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, "size=64M");
	emu_cmd_send(&host, 1, &cmd, 0, "as much as is recommended");
	cmd = emu_cmd_rw(VERIFY, 1, 0, 65536);
	emu_cmd_send(&host, 1, &cmd, 0, "as much as a command can say");
	emu_cmd_io(&host, 0x04, 65535, 1, 0); /* Write Uncorrectable */
	emu_cmd_send(&host, 1, &cmd, 0x281, "up to the last block");

	cmd = emu_cmd_rw(VERIFY, 1, 0, 1);
	cmd.rw.control = cpu_to_le16(1 << 13); /* PRACT */
	emu_cmd_send(&host, 1, &cmd, 0x002, "an action with protection information");
	emu_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rw__every_byte_comes_back),
		cmocka_unit_test(rw__errors),
		cmocka_unit_test(rw__extended_blocks),
		cmocka_unit_test(rw__metadata_apart),
		cmocka_unit_test(rw__much_metadata),
		cmocka_unit_test(rw__metadata_that_is_half_there),
		cmocka_unit_test(null__moves_no_data_but_checks_pointers),
		cmocka_unit_test(uncorrectable__until_written),
		cmocka_unit_test(deallocate__all_ranges_or_none),
		cmocka_unit_test(copy__gathers_ranges),
		cmocka_unit_test(copy__limits_and_errors),
		cmocka_unit_test(verify__of_more_than_is_recommended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The emulated controller's walker of SGLs: where every byte must be, or the status.
 */
#include "emu_walk.h"

#include <string.h>

struct desc {
	uint64_t at; /* 0: in the command */
	uint64_t addr;
	uint32_t len;
	uint8_t type;
	uint8_t rsvd;
};

struct sgl_row {
	const char *name;
	uint32_t len;
	struct desc descs[6];
	uint16_t status;
	uint64_t faults, violations;
	struct walk_piece pieces[5];
};

/* A descriptor, at 0: in the command. */
#define D(at, addr, len, type)         \
	{                              \
		at, addr, len, type, 0 \
	}

#define BLOCK	0x00
#define BUCKET	0x10
#define SEGMENT 0x20
#define LAST	0x30

static void put_desc(struct emu_host *h, union nvme_cmd *cmd, const struct desc *d)
{
	struct nvme_sgld *sgld = d->at ? walk_mem(h, d->at) : &cmd->dptr.sgl;

	memset(sgld, 0, sizeof(*sgld));
	sgld->addr = cpu_to_le64(d->addr);
	sgld->len = cpu_to_le32(d->len);
	sgld->rsvd12[1] = d->rsvd;
	sgld->type = d->type;
}

static void run_sgl_row(struct emu_host *h, const struct sgl_row *row)
{
	union nvme_cmd cmd = walk_cmd(0x02, row->len);
	struct emu_stats before = walk_stats(h), after;

	print_message("# %s\n", row->name);
	walk_clear(h);
	for (size_t i = 0; i < ROWS(row->descs) && (!i || row->descs[i].at); i++)
		put_desc(h, &cmd, &row->descs[i]);
	cmd.flags = 0x40;
	assert_int_equal(emu_host_status(h, 1, &cmd), row->status);
	walk_check(h, row->pieces, ROWS(row->pieces));
	after = walk_stats(h);
	assert_int_equal(after.dma_faults - before.dma_faults, row->faults);
	assert_int_equal(after.violations - before.violations, row->violations);
}

static const struct sgl_row sgl_rows[] = {
	{.name = "one data block",
	 .len = 0x1000,
	 .descs = {D(0, WALK_DST + 1, 0x1000, BLOCK)},
	 .pieces = {{1, 0x1000}}},
	{.name = "one data block, longer than the data",
	 .len = 0x200,
	 .descs = {D(0, WALK_DST + 0x3ff, 0x5000, BLOCK)},
	 .pieces = {{0x3ff, 0x200}}},
	{.name = "three data blocks of odd lengths",
	 .len = 0x400,
	 .descs = {D(0, WALK_LIST, 48, LAST), D(WALK_LIST, WALK_DST + 0x7001, 1, BLOCK),
		   D(WALK_LIST + 16, WALK_DST + 0x33, 999, BLOCK),
		   D(WALK_LIST + 32, WALK_DST + 0x5000, 24, BLOCK)},
	 .pieces = {{0x7001, 1}, {0x33, 999}, {0x5000, 24}}},
	{.name = "an empty data block among others",
	 .len = 0x400,
	 .descs = {D(0, WALK_LIST, 48, LAST), D(WALK_LIST, WALK_DST, 0x200, BLOCK),
		   D(WALK_LIST + 16, WALK_NOT_MAPPED, 0, BLOCK),
		   D(WALK_LIST + 32, WALK_DST + 0x200, 0x200, BLOCK)},
	 .pieces = {{0, 0x400}}},
	{.name = "two segments",
	 .len = 0x600,
	 .descs = {D(0, WALK_LIST, 32, SEGMENT), D(WALK_LIST, WALK_DST + 0x1000, 0x200, BLOCK),
		   D(WALK_LIST + 16, WALK_LIST + 0x800, 32, LAST),
		   D(WALK_LIST + 0x800, WALK_DST + 0x3000, 0x300, BLOCK),
		   D(WALK_LIST + 0x810, WALK_DST + 0x2000, 0x100, BLOCK)},
	 .pieces = {{0x1000, 0x200}, {0x3000, 0x300}, {0x2000, 0x100}}},
	{.name = "a segment that only leads on",
	 .len = 0x200,
	 .descs = {D(0, WALK_LIST, 16, SEGMENT), D(WALK_LIST, WALK_LIST + 0x100, 16, LAST),
		   D(WALK_LIST + 0x100, WALK_DST, 0x200, BLOCK)},
	 .pieces = {{0, 0x200}}},
	{.name = "a segment across a page's end",
	 .len = 0x400,
	 .descs = {D(0, WALK_LIST + 0xff8, 32, LAST), D(WALK_LIST + 0xff8, WALK_DST, 0x100, BLOCK),
		   D(WALK_LIST + 0x1008, WALK_DST + 0x1000, 0x300, BLOCK)},
	 .pieces = {{0, 0x100}, {0x1000, 0x300}}},
	{.name = "a bit bucket throws away",
	 .len = 0x600,
	 .descs = {D(0, WALK_LIST, 48, LAST), D(WALK_LIST, WALK_DST, 0x100, BLOCK),
		   D(WALK_LIST + 16, 0, 0x301, BUCKET),
		   D(WALK_LIST + 32, WALK_DST + 0x2000, 0x1ff, BLOCK)},
	 .pieces = {{0, 0x100}, {WALK_HOLE, 0x301}, {0x2000, 0x1ff}}},
	{.name = "nothing but a bit bucket", .len = 0x1000, .descs = {D(0, 0, 0x1000, BUCKET)}},
	{.name = "what comes after the data does not matter",
	 .len = 0x200,
	 .descs = {D(0, WALK_LIST, 32, LAST), D(WALK_LIST, WALK_DST, 0x200, BLOCK),
		   D(WALK_LIST + 16, WALK_DST, 0x200, 0xf7)},
	 .pieces = {{0, 0x200}}},

	{.name = "data block too short",
	 .len = 0x400,
	 .descs = {D(0, WALK_DST, 0x3ff, BLOCK)},
	 .status = 0x00f},
	{.name = "data blocks of a segment too short",
	 .len = 0x400,
	 .descs = {D(0, WALK_LIST, 32, LAST), D(WALK_LIST, WALK_DST, 0x200, BLOCK),
		   D(WALK_LIST + 16, WALK_DST + 0x200, 0x1ff, BLOCK)},
	 .status = 0x00f},
	{.name = "no data at all", .len = 0x200, .descs = {D(0, 0, 0, BLOCK)}, .status = 0x00f},
	{.name = "empty segment",
	 .len = 0x200,
	 .descs = {D(0, WALK_LIST, 0, LAST)},
	 .status = 0x00d},
	{.name = "segment of one descriptor and a half",
	 .len = 0x200,
	 .descs = {D(0, WALK_LIST, 24, LAST)},
	 .status = 0x00d},
	{.name = "segment not qword aligned",
	 .len = 0x200,
	 .descs = {D(0, WALK_LIST + 4, 16, LAST)},
	 .status = 0x00d},
	{.name = "segment that ends with data but is not the last",
	 .len = 0x400,
	 .descs = {D(0, WALK_LIST, 32, SEGMENT), D(WALK_LIST, WALK_DST, 0x200, BLOCK),
		   D(WALK_LIST + 16, WALK_DST, 0x200, BLOCK)},
	 .status = 0x00d},
	{.name = "last segment that leads on",
	 .len = 0x400,
	 .descs = {D(0, WALK_LIST, 32, LAST), D(WALK_LIST, WALK_DST, 0x200, BLOCK),
		   D(WALK_LIST + 16, WALK_LIST + 0x100, 16, LAST)},
	 .status = 0x00d},
	{.name = "segment that leads on in its middle",
	 .len = 0x400,
	 .descs = {D(0, WALK_LIST, 32, SEGMENT), D(WALK_LIST, WALK_LIST + 0x100, 16, LAST),
		   D(WALK_LIST + 16, WALK_DST, 0x200, BLOCK)},
	 .status = 0x00e},
	{.name = "keyed data block",
	 .len = 0x200,
	 .descs = {D(0, WALK_DST, 0x200, 0x40)},
	 .status = 0x011},
	{.name = "transport data block",
	 .len = 0x200,
	 .descs = {D(0, 0, 0x200, 0x5a)},
	 .status = 0x011},
	{.name = "vendor's descriptor",
	 .len = 0x200,
	 .descs = {D(0, WALK_DST, 0x200, 0xf0)},
	 .status = 0x011},
	{.name = "data block by offset",
	 .len = 0x200,
	 .descs = {D(0, 0, 0x200, 0x01)},
	 .status = 0x011},
	{.name = "reserved byte set",
	 .len = 0x200,
	 .descs = {{0, WALK_DST, 0x200, BLOCK, 1}},
	 .status = 0x002,
	 .violations = 1},
	{.name = "bit bucket with an address",
	 .len = 0x200,
	 .descs = {D(0, WALK_DST, 0x200, BUCKET)},
	 .status = 0x002,
	 .violations = 1},
	{.name = "data not mapped",
	 .len = 0x200,
	 .descs = {D(0, WALK_NOT_MAPPED, 0x200, BLOCK)},
	 .status = 0x004,
	 .faults = 1},
	{.name = "data runs out of the mapping",
	 .len = 0x2000,
	 .descs = {D(0, EMU_HOST_IOVA + EMU_HOST_MEM - 0x1000, 0x2000, BLOCK)},
	 .status = 0x004,
	 .faults = 1},
	{.name = "data wraps around the address space",
	 .len = 0x2000,
	 .descs = {D(0, 0xfffffffffffff000, 0x2000, BLOCK)},
	 .status = 0x004,
	 .faults = 1},
	{.name = "segment not mapped",
	 .len = 0x200,
	 .descs = {D(0, WALK_NOT_MAPPED, 16, LAST)},
	 .status = 0x004,
	 .faults = 1},
	{.name = "segment that leads to itself",
	 .len = 0x200,
	 .descs = {D(0, WALK_LIST, 32, SEGMENT), D(WALK_LIST, 0, 0, BLOCK),
		   D(WALK_LIST + 16, WALK_LIST, 32, SEGMENT)},
	 .status = 0x00e,
	 .violations = 1},
};

static void sgl__descriptors(void **state)
{
	struct emu_host h;

	(void)state;
	walk_start(&h, "mdts=0");
	for (size_t i = 0; i < ROWS(sgl_rows); i++)
		run_sgl_row(&h, &sgl_rows[i]);
	emu_host_close(&h);
}

static void sgl__limited_descriptors(void **state)
{
	static const struct sgl_row rows[] = {
		{.name = "two data blocks",
		 .len = 0x400,
		 .descs = {D(0, WALK_LIST, 48, LAST), D(WALK_LIST, WALK_DST, 0x100, BLOCK),
			   D(WALK_LIST + 16, 0, 0x100, BUCKET),
			   D(WALK_LIST + 32, WALK_DST + 0x100, 0x200, BLOCK)},
		 .pieces = {{0, 0x100}, {WALK_HOLE, 0x100}, {0x100, 0x200}}},
		{.name = "three",
		 .len = 0x400,
		 .descs = {D(0, WALK_LIST, 48, LAST), D(WALK_LIST, WALK_DST, 0x100, BLOCK),
			   D(WALK_LIST + 16, WALK_DST, 0x100, BLOCK),
			   D(WALK_LIST + 32, WALK_DST, 0x200, BLOCK)},
		 .status = 0x00e},
	};
	struct emu_host h;

	(void)state;
	walk_start(&h, "mdts=0,msdbd=2");
	for (size_t i = 0; i < ROWS(rows); i++)
		run_sgl_row(&h, &rows[i]);
	emu_host_close(&h);
}

static void sgl__bit_bucket_of_a_write_has_no_effect(void **state)
{
	union nvme_cmd wr = walk_cmd(0x01, 0x400), rd = walk_cmd(0x02, 0x400);
	struct emu_host h;
	static const struct desc descs[] = {
		D(0, WALK_LIST, 48, LAST),
		D(WALK_LIST, WALK_DST, 0x300, BLOCK),
		D(WALK_LIST + 16, 0, 0x100, BUCKET),
		D(WALK_LIST + 32, WALK_DST + 0x1000, 0x100, BLOCK),
	};

	(void)state;
	walk_start(&h, "");
	memset(walk_mem(&h, WALK_DST), 0x11, 0x300);
	memset(walk_mem(&h, WALK_DST + 0x1000), 0x22, 0x100);
	for (size_t i = 0; i < ROWS(descs); i++)
		put_desc(&h, &wr, &descs[i]);
	wr.flags = 0x40;
	assert_int_equal(emu_host_status(&h, 1, &wr), 0);
	rd.dptr.prp1 = cpu_to_le64(WALK_DST + 0x2000);
	assert_int_equal(emu_host_status(&h, 1, &rd), 0);
	assert_memory_equal(walk_mem(&h, WALK_DST + 0x2000), walk_mem(&h, WALK_DST), 0x300);
	assert_memory_equal(walk_mem(&h, WALK_DST + 0x2300), walk_mem(&h, WALK_DST + 0x1000),
			    0x100);
	emu_host_close(&h);
}

static void sgl__not_supported(void **state)
{
	union nvme_cmd cmd = walk_cmd(0x02, 0x200);
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "sgl=off");
	emu_host_create_queues(&h, 1, 16);
	cmd.flags = 0x40;
	cmd.dptr.sgl.addr = cpu_to_le64(WALK_DST);
	cmd.dptr.sgl.len = cpu_to_le32(0x200);
	assert_int_equal(emu_host_status(&h, 1, &cmd), 0x002);
	emu_host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sgl__descriptors),
		cmocka_unit_test(sgl__limited_descriptors),
		cmocka_unit_test(sgl__bit_bucket_of_a_write_has_no_effect),
		cmocka_unit_test(sgl__not_supported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

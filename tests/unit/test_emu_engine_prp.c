/* SPDX-License-Identifier: MIT */
/*
 * The emulated controller's walker of PRPs: where every byte must be, or the status.
 */
#include "emu_walk.h"

#include <string.h>

struct prp_row {
	const char *name;
	uint32_t len;
	uint64_t prp1, prp2;
	struct {
		uint64_t at, value;
	} entries[5];
	uint16_t status;
	uint64_t faults;
	struct walk_piece pieces[5];
};

static void run_prp_row(struct emu_host *h, const struct prp_row *row)
{
	union nvme_cmd cmd = walk_cmd(0x02, row->len);
	struct emu_stats before = walk_stats(h), after;

	print_message("# %s\n", row->name);
	walk_clear(h);
	for (size_t i = 0; i < ROWS(row->entries) && row->entries[i].at; i++)
		*(leint64_t *)walk_mem(h, row->entries[i].at) = cpu_to_le64(row->entries[i].value);
	cmd.dptr.prp1 = cpu_to_le64(row->prp1);
	cmd.dptr.prp2 = cpu_to_le64(row->prp2);
	assert_int_equal(emu_host_status(h, 1, &cmd), row->status);
	walk_check(h, row->pieces, ROWS(row->pieces));
	after = walk_stats(h);
	assert_int_equal(after.dma_faults - before.dma_faults, row->faults);
	assert_int_equal(after.read_bytes - before.read_bytes, row->status ? 0 : row->len);
}

static void prp__pages_of_4k(void **state)
{
	static const struct prp_row rows[] = {
		{.name = "one aligned page, PRP2 not looked at",
		 .len = 0x1000,
		 .prp1 = WALK_DST,
		 .prp2 = 0x123456789abcdef,
		 .pieces = {{0, 0x1000}}},
		{.name = "ends with its page",
		 .len = 0x200,
		 .prp1 = WALK_DST + 0xe00,
		 .pieces = {{0xe00, 0x200}}},
		{.name = "dword aligned offset",
		 .len = 0x200,
		 .prp1 = WALK_DST + 0x104,
		 .pieces = {{0x104, 0x200}}},
		{.name = "offset spills into PRP2",
		 .len = 0x1000,
		 .prp1 = WALK_DST + 0x204,
		 .prp2 = WALK_DST + 0x5000,
		 .pieces = {{0x204, 0xdfc}, {0x5000, 0x204}}},
		{.name = "two pages",
		 .len = 0x2000,
		 .prp1 = WALK_DST + 0x4000,
		 .prp2 = WALK_DST,
		 .pieces = {{0x4000, 0x1000}, {0, 0x1000}}},
		{.name = "three pages need a list",
		 .len = 0x3000,
		 .prp1 = WALK_DST + 0x8000,
		 .prp2 = WALK_LIST,
		 .entries = {{WALK_LIST, WALK_DST + 0x3000}, {WALK_LIST + 8, WALK_DST + 0x1000}},
		 .pieces = {{0x8000, 0x1000}, {0x3000, 0x1000}, {0x1000, 0x1000}}},
		{.name = "last entry of a list partly used",
		 .len = 0x2400,
		 .prp1 = WALK_DST + 0x800,
		 .prp2 = WALK_LIST + 0x100,
		 .entries = {{WALK_LIST + 0x100, WALK_DST + 0x3000},
			     {WALK_LIST + 0x108, WALK_DST + 0x9000}},
		 .pieces = {{0x800, 0x800}, {0x3000, 0x1000}, {0x9000, 0xc00}}},
		{.name = "list fits the last two slots of its page",
		 .len = 0x3000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST + 0xff0,
		 .entries = {{WALK_LIST + 0xff0, WALK_DST + 0x2000},
			     {WALK_LIST + 0xff8, WALK_DST + 0x1000}},
		 .pieces = {{0, 0x1000}, {0x2000, 0x1000}, {0x1000, 0x1000}}},
		{.name = "list does not, and is continued elsewhere",
		 .len = 0x4000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST + 0xff0,
		 .entries = {{WALK_LIST + 0xff0, WALK_DST + 0x2000},
			     {WALK_LIST + 0xff8, WALK_LIST + 0x4000},
			     {WALK_LIST + 0x4000, WALK_DST + 0x6000},
			     {WALK_LIST + 0x4008, WALK_DST + 0x4000}},
		 .pieces = {{0, 0x1000}, {0x2000, 0x1000}, {0x6000, 0x1000}, {0x4000, 0x1000}}},
		{.name = "list begins with the slot that continues it",
		 .len = 0x3000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST + 0xff8,
		 .entries = {{WALK_LIST + 0xff8, WALK_LIST + 0x2000},
			     {WALK_LIST + 0x2000, WALK_DST + 0x7000},
			     {WALK_LIST + 0x2008, WALK_DST + 0x6000}},
		 .pieces = {{0, 0x1000}, {0x7000, 0x1000}, {0x6000, 0x1000}}},
		{.name = "four bytes on the first page",
		 .len = 0x1000,
		 .prp1 = WALK_DST + 0xffc,
		 .prp2 = WALK_DST + 0x2000,
		 .pieces = {{0xffc, 4}, {0x2000, 0xffc}}},

		{.name = "PRP1 not dword aligned",
		 .len = 0x200,
		 .prp1 = WALK_DST + 2,
		 .status = 0x013},
		{.name = "PRP2 as entry with an offset",
		 .len = 0x2000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_DST + 0x1004,
		 .status = 0x013},
		{.name = "PRP2 as list not qword aligned",
		 .len = 0x3000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST + 4,
		 .status = 0x013},
		{.name = "entry with an offset",
		 .len = 0x3000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST,
		 .entries = {{WALK_LIST, WALK_DST + 0x1000}, {WALK_LIST + 8, WALK_DST + 0x2008}},
		 .status = 0x013},
		{.name = "pointer to the next list with an offset",
		 .len = 0x4000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST + 0xff8,
		 .entries = {{WALK_LIST + 0xff8, WALK_LIST + 0x2008}},
		 .status = 0x013},
		{.name = "PRP1 not mapped",
		 .len = 0x1000,
		 .prp1 = WALK_NOT_MAPPED,
		 .status = 0x004,
		 .faults = 1},
		{.name = "PRP1 above 48 bits",
		 .len = 0x1000,
		 .prp1 = 0x1000000000000 + WALK_DST,
		 .status = 0x004,
		 .faults = 1},
		{.name = "PRP1 at the end of everything",
		 .len = 0x1000,
		 .prp1 = 0xfffffffffffff000,
		 .status = 0x004,
		 .faults = 1},
		{.name = "PRP2 not mapped: nothing is transferred",
		 .len = 0x2000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_NOT_MAPPED,
		 .status = 0x004,
		 .faults = 1},
		{.name = "list not mapped",
		 .len = 0x3000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_NOT_MAPPED,
		 .status = 0x004,
		 .faults = 1},
		{.name = "entry not mapped",
		 .len = 0x3000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST,
		 .entries = {{WALK_LIST, WALK_DST + 0x1000}, {WALK_LIST + 8, WALK_NOT_MAPPED}},
		 .status = 0x004,
		 .faults = 1},
		{.name = "next list not mapped",
		 .len = 0x3000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_LIST + 0xff8,
		 .entries = {{WALK_LIST + 0xff8, WALK_NOT_MAPPED}},
		 .status = 0x004,
		 .faults = 1},
	};
	struct emu_host h;

	(void)state;
	walk_start(&h, "mdts=0");
	for (size_t i = 0; i < ROWS(rows); i++)
		run_prp_row(&h, &rows[i]);
	assert_int_equal(walk_stats(&h).violations, 0);
	emu_host_close(&h);
}

static void prp__pages_of_64k(void **state)
{
	static const struct prp_row rows[] = {
		{.name = "sixteen times 4 KiB are one page",
		 .len = 0x10000,
		 .prp1 = WALK_DST,
		 .pieces = {{0, 0x10000}}},
		{.name = "offset spills into PRP2",
		 .len = 0x8000,
		 .prp1 = WALK_DST + 0xf200,
		 .prp2 = WALK_DST + 0x10000,
		 .pieces = {{0xf200, 0xe00}, {0x10000, 0x7200}}},
		{.name = "a list that crosses 4 KiB",
		 .len = 0x10400,
		 .prp1 = WALK_DST + 0xfe00,
		 .prp2 = WALK_LIST + 0xff8,
		 .entries = {{WALK_LIST + 0xff8, WALK_DST + 0x10000},
			     {WALK_LIST + 0x1000, WALK_DST}},
		 .pieces = {{0xfe00, 0x200}, {0x10000, 0x10000}, {0, 0x200}}},
		{.name = "PRP2 on 4 KiB only",
		 .len = 0x20000,
		 .prp1 = WALK_DST,
		 .prp2 = WALK_DST + 0x1000,
		 .status = 0x013},
	};
	struct emu_host h;

	(void)state;
	walk_start(&h, "mdts=0");
	emu_host_disable(&h);
	emu_host_q_init(&h, 0, 32, 32);
	emu_reg_write(h.emu, NVM_REG_CC, 4, 0x00460201); /* MPS 4 */
	emu_host_wait_csts(&h, 1, 1);
	emu_host_create_queues(&h, 1, 16);
	for (size_t i = 0; i < ROWS(rows); i++)
		run_prp_row(&h, &rows[i]);
	emu_host_close(&h);
}

/* Lists of several pages: page n of the data goes to page nr_pages - 1 - n of the buffer. */
static void prp__long_lists(void **state)
{
	static const struct {
		const char *name;
		uint32_t nr_pages;
		uint32_t chains[2]; /* pages of data before each continuation; 0: none */
	} rows[] = {
		{"a full list page", 513, {0}},
		{"one entry more", 514, {512}},
		{"two full list pages", 1024, {512}},
		{"one entry more again", 1025, {512, 1023}},
	};
	const uint64_t buf = 0x100c00000;
	struct emu_host h;

	(void)state;
	walk_start(&h, "mdts=0");
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t nr = rows[i].nr_pages;
		union nvme_cmd cmd = walk_cmd(0x02, nr * 0x1000);
		leint64_t *slot = walk_mem(&h, WALK_LIST);
		uint64_t list = WALK_LIST;

		print_message("# %s\n", rows[i].name);
		memset(walk_mem(&h, buf), WALK_UNTOUCHED, WALK_SRC_LEN + 0x1000);
		for (uint32_t n = 1; n < nr; n++) {
			if (n == rows[i].chains[0] || n == rows[i].chains[1]) {
				list += 0x3000;
				*slot = cpu_to_le64(list);
				slot = walk_mem(&h, list);
			}
			*slot++ = cpu_to_le64(buf + (nr - 1 - n) * 0x1000ull);
		}
		cmd.dptr.prp1 = cpu_to_le64(buf + (nr - 1) * 0x1000ull);
		cmd.dptr.prp2 = cpu_to_le64(WALK_LIST);
		assert_int_equal(emu_host_status(&h, 1, &cmd), 0);
		for (uint32_t n = 0; n < nr && n < WALK_SRC_LEN / 0x1000; n++)
			assert_memory_equal(walk_mem(&h, buf + (nr - 1 - n) * 0x1000ull),
					    walk_source() + n * 0x1000, 0x1000);
	}
	assert_int_equal(walk_stats(&h).dma_faults, 0);
	emu_host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prp__pages_of_4k),
		cmocka_unit_test(prp__pages_of_64k),
		cmocka_unit_test(prp__long_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

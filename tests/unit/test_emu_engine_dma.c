/* SPDX-License-Identifier: MIT */
/*
 * The emulated controller's way to memory: rights, the domain's arguments, memory buffer.
 */
#include "emu_walk.h"

#include <errno.h>
#include <string.h>

static void dma__rights(void **state)
{
	const uint64_t readable = 0x10000, writable = 0x20000, neither = 0x30000;
	const struct {
		const char *name;
		uint8_t opcode;
		uint64_t iova;
		uint16_t status;
	} rows[] = {
		{"read into memory that is readable", 0x02, readable, 0x004},
		{"read into memory that is writable", 0x02, writable, 0},
		{"write from memory that is readable", 0x01, readable, 0},
		{"write from memory that is writable", 0x01, writable, 0x004},
		{"read into memory without rights", 0x02, neither, 0x004},
		{"write from memory without rights", 0x01, neither, 0x004},
	};
	struct emu_host h;
	uint8_t *page;

	(void)state;
	walk_start(&h, "");
	page = emu_host_data(&h, 0x3000000);
	memset(page, WALK_UNTOUCHED, 0x3000);
	assert_int_equal(emu_domain_map(h.dom, readable, page, 0x1000, EMU_DMA_READ), 0);
	assert_int_equal(emu_domain_map(h.dom, writable, page + 0x1000, 0x1000, EMU_DMA_WRITE), 0);
	assert_int_equal(emu_domain_map(h.dom, neither, page + 0x2000, 0x1000, 0), 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		union nvme_cmd cmd = walk_cmd(rows[i].opcode, 0x1000);

		print_message("# %s\n", rows[i].name);
		cmd.dptr.prp1 = cpu_to_le64(rows[i].iova);
		assert_int_equal(emu_host_status(&h, 1, &cmd), rows[i].status);
	}
	assert_int_equal(page[0], WALK_UNTOUCHED);
	assert_memory_equal(page + 0x1000, walk_source(), 0x1000);
	assert_int_equal(walk_stats(&h).dma_faults, 4);
	emu_host_close(&h);
}

static void domain__arguments(void **state)
{
	static uint8_t pages[4 * 4096] __attribute__((aligned(4096)));
	const uint64_t end = 1ull << 48;
	const struct {
		const char *name;
		uint64_t iova;
		uint8_t *vaddr;
		size_t len;
		unsigned int prot;
		int error;
	} rows[] = {
		{"IOVA not aligned", 0x1800, pages, 0x1000, 3, EINVAL},
		{"address not aligned", 0x1000, pages + 8, 0x1000, 3, EINVAL},
		{"length not aligned", 0x1000, pages, 0x800, 3, EINVAL},
		{"no length", 0x1000, pages, 0, 3, EINVAL},
		{"no address", 0x1000, NULL, 0x1000, 3, EINVAL},
		{"no such right", 0x1000, pages, 0x1000, 4, EINVAL},
		{"beyond 48 bits", end, pages, 0x1000, 3, EINVAL},
		{"across 48 bits", end - 0x1000, pages, 0x2000, 3, EINVAL},
		{"longer than everything", 0x1000, pages, SIZE_MAX - 0xfff, 3, EINVAL},
		{"the last page", end - 0x1000, pages, 0x1000, 3, 0},
		{"two pages", 0x1000, pages, 0x2000, 3, 0},
		{"the same again", 0x1000, pages, 0x2000, 3, EEXIST},
		{"overlaps at its start", 0x2000, pages, 0x2000, 1, EEXIST},
		{"overlaps at its end", 0, pages, 0x2000, 1, EEXIST},
		{"just behind", 0x3000, pages, 0x1000, 1, 0},
		{"across a gigabyte", 0x3ffff000, pages, 0x2000, 1, 0},
		{"second half of that", 0x40000000, pages, 0x1000, 1, EEXIST},
	};
	struct emu_domain *dom = emu_domain_create();

	(void)state;
	assert_non_null(dom);
	for (size_t i = 0; i < ROWS(rows); i++) {
		int ret =
			emu_domain_map(dom, rows[i].iova, rows[i].vaddr, rows[i].len, rows[i].prot);

		print_message("# %s\n", rows[i].name);
		assert_int_equal(ret, rows[i].error ? -1 : 0);
		if (ret)
			assert_int_equal(errno, rows[i].error);
	}
	/* What a failure left: nothing. What an unmap leaves: the rest. */
	emu_domain_unmap(dom, 0x2000, 0x1000);
	assert_int_equal(emu_domain_map(dom, 0x2000, pages, 0x1000, 1), 0);
	assert_int_equal(emu_domain_map(dom, 0x1000, pages, 0x1000, 1), -1);
	assert_int_equal(emu_domain_map(dom, 0, pages, 0x1000, 1), 0);
	emu_domain_unmap(dom, 0, UINT64_MAX);
	assert_int_equal(emu_domain_map(dom, end - 0x1000, pages, 0x1000, 1), 0);
	emu_domain_get(dom);
	emu_domain_put(dom);
	emu_domain_put(dom);
	emu_domain_put(NULL);
}

/* Everything a command needs is in the controller's own memory. */
static void dma__memory_buffer(void **state)
{
	const uint64_t cba = 0x600000000000;
	union nvme_cmd cmd = walk_cmd(0x02, 0x3000);
	struct emu_host h;
	uint8_t *cmb;
	size_t len;

	(void)state;
	walk_start(&h, "cmb=1M");
	emu_reg_write(h.emu, NVM_REG_CMBMSC, 8, cba | 3);
	cmb = emu_bar(h.emu, EMU_BAR_CMB, &len);
	((leint64_t *)(void *)cmb)[0] = cpu_to_le64(cba + 0x8000);
	((leint64_t *)(void *)cmb)[1] = cpu_to_le64(WALK_DST);
	cmd.dptr.prp1 = cpu_to_le64(cba + 0x4000);
	cmd.dptr.prp2 = cpu_to_le64(cba);
	assert_int_equal(emu_host_status(&h, 1, &cmd), 0);
	assert_memory_equal(cmb + 0x4000, walk_source(), 0x1000);
	assert_memory_equal(cmb + 0x8000, walk_source() + 0x1000, 0x1000);
	assert_memory_equal(walk_mem(&h, WALK_DST), walk_source() + 0x2000, 0x1000);
	emu_host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dma__rights),
		cmocka_unit_test(domain__arguments),
		cmocka_unit_test(dma__memory_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

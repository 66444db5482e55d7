/* SPDX-License-Identifier: MIT */
/*
 * Registers of the emulated controller: values, access rules, enable, reset,
 * shutdown, memory buffer. Offsets and values are written out as numbers here.
 */
#include "emu_host.h"

#include <string.h>
#include <unistd.h>

#include <belfry/support/atomic.h>

#define RDY   0x1u
#define CFS   0x2u
#define SHST  0xcu
#define NSSRO 0x10u

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t rd(struct emu_host *h, uint32_t off)
{
	return (uint32_t)emu_reg_read(h->emu, off, 4);
}

static void wr(struct emu_host *h, uint32_t off, uint32_t val)
{
	emu_reg_write(h->emu, off, 4, val);
}

static uint64_t violations(struct emu_host *h)
{
	struct emu_stats st;

	emu_get_stats(h->emu, &st);
	return st.violations;
}

/* Store to the BAR directly, as a host with a mapping of it would. */
static void poke32(struct emu_host *h, uint32_t off, uint32_t val)
{
	atomic_store_release((uint32_t *)(void *)(h->bar + off), val);
}

static void poke64(struct emu_host *h, uint32_t off, uint64_t val)
{
	atomic_store_release((uint64_t *)(void *)(h->bar + off), val);
}

static union nvme_cmd identify(uint32_t off)
{
	union nvme_cmd cmd = {.identify = {.opcode = 0x06, .cns = 0x01}};

	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(off));
	return cmd;
}

static void regs__values(void **state)
{
	struct emu_host h;
	uint16_t vid, did;

	(void)state;
	emu_host_open(&h, "mqes=1024,queues=4,to=30,dstrd=2,mpsmax=1,vid=0x1234,did=0x5678");
	assert_int_equal(emu_reg_read(h.emu, 0x00, 8), 0x081008321e0103ffull);
	assert_int_equal(rd(&h, 0x00), 0x1e0103ff);
	assert_int_equal(rd(&h, 0x04), 0x08100832);
	assert_int_equal(rd(&h, 0x08), 0x00020000);
	assert_int_equal(rd(&h, 0x68), 30);
	assert_int_equal(rd(&h, 0x14), 0);
	assert_int_equal(rd(&h, 0x1c), 0);
	assert_int_equal(emu_nr_irqs(h.emu), 5);
	emu_pci_ids(h.emu, &vid, &did);
	assert_int_equal(vid, 0x1234);
	assert_int_equal(did, 0x5678);
	assert_int_equal(violations(&h), 0);
	emu_host_close(&h);
}

static void regs__enable_and_disable(void **state)
{
	struct emu_host h;
	union nvme_cmd cmd = identify(0);

	(void)state;
	emu_host_start(&h, "");
	assert_int_equal(rd(&h, 0x1c), RDY);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	emu_host_disable(&h);
	assert_int_equal(rd(&h, 0x1c), 0);
	assert_int_equal(rd(&h, 0x24), 0x001f001f);
	assert_int_equal(emu_reg_read(h.emu, 0x28, 8), emu_host_sq_iova(0));
	emu_host_enable(&h, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	assert_int_equal(violations(&h), 0);
	emu_host_close(&h);
}

static void regs__ready_comes_later(void **state)
{
	struct emu_host h;

	(void)state;
	emu_host_open(&h, "rdy_ms=500");
	emu_host_q_init(&h, 0, 4, 4);
	wr(&h, 0x24, 0x00030003);
	emu_reg_write(h.emu, 0x28, 8, emu_host_sq_iova(0));
	emu_reg_write(h.emu, 0x30, 8, emu_host_cq_iova(0));
	wr(&h, 0x14, 0x00460001);
	assert_int_equal(rd(&h, 0x1c), 0);
	emu_host_wait_csts(&h, RDY, RDY);
	wr(&h, 0x14, 0x00460000);
	assert_int_equal(rd(&h, 0x1c), RDY);
	emu_host_wait_csts(&h, RDY, 0);
	assert_int_equal(violations(&h), 0);

	wr(&h, 0x14, 0x00460001);
	wr(&h, 0x14, 0x00460000);
	assert_int_equal(violations(&h), 1);
	emu_host_wait_csts(&h, RDY | CFS, 0);
	emu_host_close(&h);
}

static void regs__refuses_to_be_enabled(void **state)
{
	static const struct {
		const char *name;
		uint32_t cc, aqa;
		uint64_t asq_off, acq_off;
	} rows[] = {
		{"MPS above MPSMAX", 0x00460101, 0x001f001f, 0, 0},
		{"MPS below MPSMIN", 0x00460001, 0x001f001f, 0, 0},
		{"CSS of no command set", 0x004600f1, 0x001f001f, 0, 0},
		{"CSS reserved", 0x00460091, 0x001f001f, 0, 0},
		{"weighted round robin", 0x00460881, 0x001f001f, 0, 0},
		{"IOSQES of 128 bytes", 0x00470081, 0x001f001f, 0, 0},
		{"IOCQES of 32 bytes", 0x00560081, 0x001f001f, 0, 0},
		{"admin SQ of one entry", 0x00460081, 0x001f0000, 0, 0},
		{"admin CQ of one entry", 0x00460081, 0x0000001f, 0, 0},
		{"ASQ not on a page of 8 KiB", 0x00460081, 0x001f001f, 0x1000, 0},
		{"ACQ not on a page of 8 KiB", 0x00460081, 0x001f001f, 0, 0x1000},
		{"ASQ not mapped", 0x00460081, 0x001f001f, EMU_HOST_MEM, 0},
		{"ACQ not mapped", 0x00460081, 0x001f001f, 0, EMU_HOST_MEM},
	};
	struct emu_host h;

	(void)state;
	emu_host_open(&h, "mpsmin=1,mpsmax=1");
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i].name);
		wr(&h, 0x24, rows[i].aqa);
		emu_reg_write(h.emu, 0x28, 8, emu_host_sq_iova(0) + rows[i].asq_off);
		emu_reg_write(h.emu, 0x30, 8, emu_host_cq_iova(0) + rows[i].acq_off);
		wr(&h, 0x14, rows[i].cc);
		assert_int_equal(rd(&h, 0x1c), CFS);
		wr(&h, 0x14, rows[i].cc & ~1u);
		assert_int_equal(rd(&h, 0x1c), 0);
	}
	wr(&h, 0x24, 0x001f001f);
	emu_reg_write(h.emu, 0x28, 8, emu_host_sq_iova(0));
	emu_reg_write(h.emu, 0x30, 8, emu_host_cq_iova(0));
	wr(&h, 0x14, 0x004600e1); /* CSS 110b: all command sets */
	assert_int_equal(rd(&h, 0x1c), RDY);
	emu_host_close(&h);
}

static void regs__not_to_be_written(void **state)
{
	static const struct {
		const char *name;
		uint32_t off;
	} rows[] = {
		{"CAP", 0x00},	   {"CAP, upper half", 0x04}, {"VS", 0x08},	   {"CMBLOC", 0x38},
		{"CMBSZ", 0x3c},   {"BPINFO", 0x40},	      {"CMBSTS", 0x58},	   {"CRTO", 0x68},
		{"PMRCAP", 0xe00}, {"reserved", 0x18},	      {"reserved", 0x100},
	};
	struct emu_host h;

	(void)state;
	emu_host_open(&h, "");
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t before = rd(&h, rows[i].off);

		print_message("# %s\n", rows[i].name);
		wr(&h, rows[i].off, 0xffffffff);
		assert_int_equal(rd(&h, rows[i].off), before);
		assert_int_equal(violations(&h), i + 1);
	}
	emu_host_close(&h);
}

static void regs__access_rules(void **state)
{
	struct emu_host h;
	uint64_t asq = 0x123456789000;
	size_t len;

	(void)state;
	emu_host_open(&h, "queues=1,cmb=0");
	emu_bar(h.emu, EMU_BAR_REGS, &len);
	assert_int_equal(len, 0x2000);
	assert_null(emu_bar(h.emu, EMU_BAR_CMB, &len));
	assert_null(emu_bar(h.emu, 1, &len));

	wr(&h, 0x28, (uint32_t)asq);
	wr(&h, 0x2c, (uint32_t)(asq >> 32));
	assert_int_equal(emu_reg_read(h.emu, 0x28, 8), asq);
	assert_int_equal(violations(&h), 0);

	assert_int_equal(emu_reg_read(h.emu, 0x08, 8), 0); /* VS and INTMS at once */
	assert_int_equal(emu_reg_read(h.emu, 0x02, 4), 0);
	assert_int_equal(emu_reg_read(h.emu, 0x00, 2), 0);
	assert_int_equal(emu_reg_read(h.emu, 0x2000, 4), 0);
	emu_reg_write(h.emu, 0x10, 8, 0);
	emu_reg_write(h.emu, 0x14, 1, 1);
	emu_reg_write(h.emu, 0x2c, 8, 1);
	emu_reg_write(h.emu, 0xfffffffc, 4, 1);
	emu_reg_write(h.emu, 0x1010, 4, 1); /* behind the last doorbell */
	assert_int_equal(violations(&h), 9);
	assert_int_equal(rd(&h, 0x14), 0);

	wr(&h, 0x28, 0x1001);
	wr(&h, 0x24, 0xf000f000);
	wr(&h, 0x14, 0x80000000);
	assert_int_equal(violations(&h), 12);
	assert_int_equal(rd(&h, 0x24), 0);
	assert_int_equal(rd(&h, 0x14), 0);
	emu_host_close(&h);
}

static void regs__fixed_while_enabled(void **state)
{
	struct emu_host h;
	union nvme_cmd cmd = identify(0);

	(void)state;
	emu_host_start(&h, "");
	wr(&h, 0x14, 0x00460081); /* MPS 1 */
	assert_int_equal(rd(&h, 0x14), 0x00460001);
	wr(&h, 0x24, 0x00010001);
	emu_reg_write(h.emu, 0x28, 8, 0);
	emu_reg_write(h.emu, 0x30, 8, 0);
	assert_int_equal(rd(&h, 0x24), 0x001f001f);
	assert_int_equal(emu_reg_read(h.emu, 0x30, 8), emu_host_cq_iova(0));
	wr(&h, 0x1c, 0x1);
	assert_int_equal(rd(&h, 0x1c), RDY);
	assert_int_equal(violations(&h), 5);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	emu_host_close(&h);
}

static void regs__shutdown(void **state)
{
	static const struct {
		const char *name;
		uint32_t cc;
	} rows[] = {{"normal", 0x00464001}, {"abrupt", 0x00468001}};
	union nvme_cmd cmd = identify(0);
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i].name);
		wr(&h, 0x14, rows[i].cc);
		emu_host_wait_csts(&h, SHST, 0x8);
		assert_int_equal(rd(&h, 0x1c), RDY | 0x8);
		emu_host_post(&h, 0, &cmd);
		emu_host_ring(&h, 0);
		emu_host_quiet(&h, 0, 30);

		wr(&h, 0x14, rows[i].cc & ~1u);
		emu_host_wait_csts(&h, RDY, 0);
		assert_int_equal(rd(&h, 0x1c), 0);
		/* Enabled with the old notification still in CC: it counts no more. */
		emu_host_q_init(&h, 0, 32, 32);
		wr(&h, 0x14, rows[i].cc);
		emu_host_wait_csts(&h, RDY, RDY);
		assert_int_equal(rd(&h, 0x14), 0x00460001);
		assert_int_equal(rd(&h, 0x1c), RDY);
		assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	}
	emu_host_close(&h);
}

static void regs__subsystem_reset(void **state)
{
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "cmb=64K");
	emu_reg_write(h.emu, 0x50, 8, 0x200000000003);
	wr(&h, 0x20, 0x4e564d64); /* not quite "NVMe" */
	assert_int_equal(rd(&h, 0x1c), RDY);
	wr(&h, 0x20, 0x4e564d65);
	assert_int_equal(rd(&h, 0x1c), NSSRO);
	assert_int_equal(rd(&h, 0x14), 0);
	assert_int_equal(rd(&h, 0x24), 0);
	assert_int_equal(emu_reg_read(h.emu, 0x50, 8), 0);
	emu_host_enable(&h, 32);
	assert_int_equal(rd(&h, 0x1c), RDY | NSSRO);
	wr(&h, 0x1c, NSSRO);
	assert_int_equal(rd(&h, 0x1c), RDY);
	assert_int_equal(violations(&h), 0);
	emu_host_close(&h);
}

static void regs__function_reset(void **state)
{
	union nvme_cmd cmd = identify(0);
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	emu_host_create_queues(&h, 3, 16);
	emu_reset(h.emu);
	assert_int_equal(rd(&h, 0x14), 0);
	assert_int_equal(rd(&h, 0x1c), 0);
	assert_int_equal(rd(&h, 0x24), 0);
	assert_int_equal(emu_reg_read(h.emu, 0x28, 8), 0);
	emu_host_enable(&h, 32);
	emu_host_create_queues(&h, 3, 16);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	emu_host_close(&h);
}

static void regs__direct_stores(void **state)
{
	union nvme_cmd cmd = identify(0);
	struct emu_host h;

	(void)state;
	emu_host_open(&h, "");
	emu_host_q_init(&h, 0, 32, 32);
	poke32(&h, 0x24, 0x001f001f);
	poke64(&h, 0x28, emu_host_sq_iova(0));
	poke64(&h, 0x30, emu_host_cq_iova(0));
	poke32(&h, 0x14, 0x00460001);
	emu_host_wait_csts(&h, RDY, RDY);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	assert_int_equal(violations(&h), 0);

	/* Too late, and undone when it is noticed. */
	poke32(&h, 0x24, 0x00010001);
	for (int i = 0; rd(&h, 0x24) != 0x001f001f; i++) {
		assert_true(i < 10000);
		usleep(1000);
	}
	assert_int_equal(violations(&h), 1);
	poke32(&h, 0x14, 0x00460000);
	emu_host_wait_csts(&h, RDY, 0);
	emu_host_close(&h);
}

static void regs__gone(void **state)
{
	struct emu_host h;

	(void)state;
	emu_host_start(&h, "");
	assert_false(emu_gone(h.emu));
	emu_unplug(h.emu);
	assert_true(emu_gone(h.emu));
	assert_int_equal(rd(&h, 0x1c), 0xffffffff);
	assert_true(emu_reg_read(h.emu, 0x00, 8) == UINT64_MAX);
	assert_int_equal(atomic_load_acquire((uint32_t *)(void *)(h.bar + 0x14)), 0xffffffff);
	wr(&h, 0x14, 0);
	poke32(&h, 0x14, 0);
	emu_reset(h.emu);
	assert_int_equal(rd(&h, 0x1c), 0xffffffff);
	assert_true(emu_gone(h.emu));
	emu_host_close(&h);
}

static void regs__memory_buffer(void **state)
{
	union nvme_cmd cmd = {.identify = {.opcode = 0x06, .cns = 0x01}};
	uint64_t cba = 0x700000000000;
	struct emu_host h;
	uint8_t *cmb;
	size_t len;

	(void)state;
	emu_host_start(&h, "cmb=1M");
	assert_true(emu_reg_read(h.emu, 0x00, 8) >> 57 & 1);
	assert_int_equal(rd(&h, 0x38), 0);
	assert_int_equal(rd(&h, 0x3c), 0);
	emu_reg_write(h.emu, 0x50, 8, 1);
	assert_int_equal(rd(&h, 0x38), 0x1fa);
	assert_int_equal(rd(&h, 0x3c), 0x10001f);

	/* Not enabled yet: the address is that of nothing. */
	cmd.dptr.prp1 = cpu_to_le64(cba + 0xff000);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0x004);
	emu_reg_write(h.emu, 0x50, 8, cba | 3);
	cmb = emu_bar(h.emu, EMU_BAR_CMB, &len);
	assert_int_equal(len, 1 << 20);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0);
	assert_int_not_equal(cmb[0xff000 + 77], 0); /* MDTS */
	cmd.dptr.prp1 = cpu_to_le64(cba + 0x100000);
	assert_int_equal(emu_host_status(&h, 0, &cmd), 0x004);

	/* A controller reset leaves it where it is, in halves it moves. */
	emu_host_disable(&h);
	assert_int_equal(emu_reg_read(h.emu, 0x50, 8), cba | 3);
	wr(&h, 0x54, 0x6000);
	assert_int_equal(emu_reg_read(h.emu, 0x50, 8), 0x600000000003);
	wr(&h, 0x58, 0);
	assert_int_equal(rd(&h, 0x58), 0);
	emu_reg_write(h.emu, 0x50, 8, 0xfffffffffff01003);
	assert_int_equal(rd(&h, 0x58), 1);
	emu_reg_write(h.emu, 0x50, 8, 0);
	assert_int_equal(rd(&h, 0x58), 0);
	assert_int_equal(rd(&h, 0x38), 0);
	emu_host_close(&h);
}

static void regs__no_memory_buffer(void **state)
{
	struct emu_host h;

	(void)state;
	emu_host_open(&h, "");
	emu_reg_write(h.emu, 0x50, 8, 3);
	assert_int_equal(violations(&h), 1);
	assert_int_equal(emu_reg_read(h.emu, 0x50, 8), 0);
	emu_host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regs__values),
		cmocka_unit_test(regs__enable_and_disable),
		cmocka_unit_test(regs__ready_comes_later),
		cmocka_unit_test(regs__refuses_to_be_enabled),
		cmocka_unit_test(regs__not_to_be_written),
		cmocka_unit_test(regs__access_rules),
		cmocka_unit_test(regs__fixed_while_enabled),
		cmocka_unit_test(regs__shutdown),
		cmocka_unit_test(regs__subsystem_reset),
		cmocka_unit_test(regs__function_reset),
		cmocka_unit_test(regs__direct_stores),
		cmocka_unit_test(regs__gone),
		cmocka_unit_test(regs__memory_buffer),
		cmocka_unit_test(regs__no_memory_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

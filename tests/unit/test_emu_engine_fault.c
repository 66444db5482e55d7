/* SPDX-License-Identifier: MIT */
/*
 * Faults of the emulated controller: the script's text, when a line acts, and
 * what each act does. Options that are wrong.
 */
#include "emu_host.h"

#include <errno.h>
#include <string.h>

#include "emu/config.h"
#include "support/deadline.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static const union nvme_cmd flush = {.rw = {.opcode = 0x00, .nsid = CPU_TO_LE32(1)}};

static void start(struct emu_host *h, const char *opts)
{
	emu_host_start(h, opts);
	emu_host_create_queues(h, 1, 16);
}

static void add(struct emu_host *h, const char *text)
{
	struct emu_fault fault;

	assert_int_equal(emu_fault_parse(text, &fault), 0);
	assert_int_equal(emu_fault_add(h->emu, &fault), 0);
}

/* Post a flush on queue 1; returns its cid. */
static uint16_t post(struct emu_host *h)
{
	uint16_t cid = emu_host_post(h, 1, &flush);

	emu_host_ring(h, 1);
	return cid;
}

static void fault__text(void **state)
{
	struct emu_fault f;

	(void)state;
	assert_int_equal(emu_fault_parse("act=drop", &f), 0);
	assert_int_equal(f.act, EMU_ACT_DROP);
	assert_int_equal(f.sqid, EMU_ANY);
	assert_int_equal(f.opcode, EMU_ANY);
	assert_int_equal(f.nth, 0);
	assert_int_equal(f.count, 0);
	assert_int_equal(f.prob, 0);

	assert_int_equal(emu_fault_parse("act=status:arg=0x4004:sq=3,op=0x02:nth=5:count=7:"
					 "prob=250000:seed=99",
					 &f),
			 0);
	assert_int_equal(f.act, EMU_ACT_STATUS);
	assert_int_equal(f.arg, 0x4004);
	assert_int_equal(f.sqid, 3);
	assert_int_equal(f.opcode, 2);
	assert_int_equal(f.nth, 5);
	assert_int_equal(f.count, 7);
	assert_int_equal(f.prob, 250000);
	assert_int_equal(f.seed, 99);

	assert_int_equal(emu_fault_parse("act=status,arg=0x7fff", &f), 0);
	assert_int_equal(f.arg, 0x7fff);

	assert_int_equal(emu_fault_parse("act=gone,sq=any,op=any", &f), 0);
	assert_int_equal(f.act, EMU_ACT_GONE);
	assert_int_equal(f.sqid, EMU_ANY);
}

static void fault__wrong_text(void **state)
{
	static const char *const rows[] = {
		"",
		"sq=1",
		"act=explode",
		"act=drop,sq=65536",
		"act=drop,sq=-1",
		"act=drop:op=256",
		"act=drop:nth=x",
		"act=drop,prob=1000001",
		"act=drop,act=cfs",
		"drop",
		"act=drop,colour=red",
		"act=drop,",
		"act=status", /* a status of 0 is no error */
		"act=status:arg=0x8000",
		"act=status:arg=0x10006",
		"act=wrong_cid:arg=0x10000", /* 16 bits: that is the right one */
		"act=wrong_sqid:arg=0x10000",
	};
	const struct emu_fault untouched = {.sqid = 77};
	struct emu_fault f = untouched;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# '%s'\n", rows[i]);
		errno = 0;
		assert_int_equal(emu_fault_parse(rows[i], &f), -1);
		assert_int_equal(errno, EINVAL);
		assert_memory_equal(&f, &untouched, sizeof(f));
	}
}

static void fault__out_of_range(void **state)
{
	static const struct emu_fault rows[] = {
		{.sqid = -2, .act = EMU_ACT_DROP},
		{.sqid = 65536, .act = EMU_ACT_DROP},
		{.opcode = 256, .act = EMU_ACT_DROP},
		{.prob = 1000001, .act = EMU_ACT_DROP},
		{.act = (enum emu_act)12},
		{.act = EMU_ACT_STATUS, .arg = 0},
		{.act = EMU_ACT_STATUS, .arg = 0x8000},
		{.act = EMU_ACT_WRONG_CID, .arg = 0x10000},
	};
	struct emu_fault ok = {.act = EMU_ACT_DROP, .sqid = 5};
	struct emu_host h;

	(void)state;
	emu_host_open(&h, "");
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(emu_fault_add(h.emu, &rows[i]), -1);
		assert_int_equal(errno, EINVAL);
	}
	for (int i = 0; i < 64; i++)
		assert_int_equal(emu_fault_add(h.emu, &ok), 0);
	assert_int_equal(emu_fault_add(h.emu, &ok), -1);
	assert_int_equal(errno, ENOSPC);
	emu_fault_clear(h.emu);
	assert_int_equal(emu_fault_add(h.emu, &ok), 0);
	emu_host_close(&h);
}

/* Which of ten commands a line acts on. */
static void fault__when(void **state)
{
	static const struct {
		const char *name, *text;
		const char *acts; /* x: acts, .: does not */
	} rows[] = {
		{"always", "act=status:arg=6", "xxxxxxxxxx"},
		{"the third", "act=status:arg=6:nth=3:count=1", "..x......."},
		{"from the third on", "act=status:arg=6:nth=3", "..xxxxxxxx"},
		{"the first four", "act=status:arg=6:count=4", "xxxx......"},
		{"another queue", "act=status:arg=6:sq=2", ".........."},
		{"this queue and opcode", "act=status:arg=6:sq=1:op=0", "xxxxxxxxxx"},
		{"another opcode", "act=status:arg=6:op=1", ".........."},
		{"second line after the first is spent",
		 "act=status:arg=6:count=2/act=status:arg=6:nth=3:count=1", "xx..x....."},
	};
	struct emu_host h;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i].name);
		start(&h, "");
		for (const char *t = rows[i].text; t;) {
			char line[100];
			size_t len = strcspn(t, "/");

			snprintf(line, sizeof(line), "%.*s", (int)len, t);
			add(&h, line);
			t = t[len] ? t + len + 1 : NULL;
		}
		for (int n = 0; n < 10; n++)
			assert_int_equal(emu_host_status(&h, 1, &flush),
					 rows[i].acts[n] == 'x' ? 0x006 : 0);
		emu_host_close(&h);
	}
}

static void fault__probability_is_reproducible(void **state)
{
	const char *text = "act=status:arg=6:sq=1:prob=300000:seed=7";
	bool first[200];
	unsigned int acted = 0;
	struct emu_host h;

	(void)state;
	for (int run = 0; run < 2; run++) {
		start(&h, "");
		add(&h, text);
		for (int i = 0; i < 200; i++) {
			bool acts = emu_host_status(&h, 1, &flush) == 6;

			if (run)
				assert_int_equal(acts, first[i]);
			first[i] = acts;
			acted += acts;
		}
		emu_host_close(&h);
	}
	/* 60 expected in each run, standard deviation 6.5 */
	assert_in_range(acted, 2 * 35, 2 * 85);
}

/* Which of 64 commands fail, one bit each. */
static uint64_t draws(const char *opts)
{
	struct emu_host h;
	uint64_t acted = 0;

	start(&h, opts);
	for (int i = 0; i < 64; i++)
		acted |= (uint64_t)(emu_host_status(&h, 1, &flush) == 6) << i;
	emu_host_close(&h);
	return acted;
}

static void fault__lines_without_a_seed_follow_the_controllers(void **state)
{
	uint64_t five = draws("seed=5,fault=act=status:arg=6:sq=1:prob=500000");

	(void)state;
	assert_true(five == draws("seed=5,fault=act=status:arg=6:sq=1:prob=500000"));
	assert_false(five == draws("seed=6,fault=act=status:arg=6:sq=1:prob=500000"));
	assert_false(five == draws("seed=5,fault=act=drop:sq=9/act=status:arg=6:sq=1:prob=500000"));
	assert_true(draws("seed=5,fault=act=status:arg=6:sq=1:prob=500000:seed=3") ==
		    draws("seed=6,fault=act=status:arg=6:sq=1:prob=500000:seed=3"));
}

static void fault__status_by_name(void **state)
{
	struct emu_host h;
	struct nvme_cqe cqe;

	(void)state;
	start(&h, "fault=act=status:arg=0x4281:sq=1:nth=2:count=1/act=drop:sq=2");
	assert_int_equal(emu_host_status(&h, 1, &flush), 0);
	cqe = emu_host_exec(&h, 1, &flush);
	assert_int_equal(le16_to_cpu(cqe.sfp) >> 1, 0x4281); /* DNR, Unrecovered Read Error */
	assert_int_equal(emu_host_status(&h, 1, &flush), 0);
	assert_int_equal(emu_host_stats(&h).faults, 1);
	assert_int_equal(emu_host_stats(&h).errors, 1);
	emu_host_close(&h);
}

static void fault__delay(void **state)
{
	struct emu_host h;
	uint16_t slow, fast;
	uint64_t before;

	(void)state;
	start(&h, "");
	add(&h, "act=delay:arg=30000:sq=1:count=1");
	before = now_ns();
	slow = post(&h);
	fast = post(&h);
	assert_int_equal(emu_host_reap(&h, 1).cid, fast);
	assert_int_equal(emu_host_reap(&h, 1).cid, slow);
	assert_true(now_ns() - before >= 30 * NS_PER_MS);
	emu_host_close(&h);
}

/* Delays of different length end in their order, and die with their queue. */
static void fault__delays_in_order(void **state)
{
	union nvme_cmd del = {.delete_q = {.opcode = 0x00}};
	struct emu_host h;
	uint16_t cid[4];

	(void)state;
	start(&h, "");
	add(&h, "act=delay:arg=250000:sq=1:count=1");
	add(&h, "act=delay:arg=20000:sq=1:count=1");
	add(&h, "act=delay:arg=130000:sq=1:count=1");
	add(&h, "act=delay:arg=900000:sq=1:count=1");
	for (int i = 0; i < 4; i++)
		cid[i] = emu_host_post(&h, 1, &flush);
	emu_host_ring(&h, 1);
	assert_int_equal(emu_host_reap(&h, 1).cid, cid[1]);
	assert_int_equal(emu_host_reap(&h, 1).cid, cid[2]);
	assert_int_equal(emu_host_reap(&h, 1).cid, cid[0]);
	del.delete_q.qid = cpu_to_le16(1);
	assert_int_equal(emu_host_status(&h, 0, &del), 0);
	emu_host_quiet(&h, 1, 950);
	emu_host_close(&h);
}

static void fault__delayed_command_is_aborted(void **state)
{
	union nvme_cmd abort = {.opcode = 0x08};
	struct nvme_cqe cqe;
	struct emu_host h;
	uint16_t cid;

	(void)state;
	start(&h, "");
	add(&h, "act=delay:arg=10000000:sq=1");
	cid = post(&h);
	while (!emu_host_stats(&h).faults)
		;
	abort.cdw10 = cpu_to_le32((uint32_t)cid << 16 | 1);
	cqe = emu_host_exec(&h, 0, &abort);
	assert_int_equal(le32_to_cpu(cqe.dw0) & 1, 0);
	cqe = emu_host_reap(&h, 1);
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(le16_to_cpu(cqe.sfp) >> 1 & 0x7ff, 0x007);
	/* There is nothing left to abort. */
	cqe = emu_host_exec(&h, 0, &abort);
	assert_int_equal(le32_to_cpu(cqe.dw0) & 1, 1);
	emu_host_close(&h);
}

static void fault__drop(void **state)
{
	struct emu_host h;

	(void)state;
	start(&h, "");
	add(&h, "act=drop:sq=1:count=1");
	post(&h);
	emu_host_quiet(&h, 1, 30);
	assert_int_equal(emu_host_stats(&h).io_cmds, 1);
	assert_int_equal(emu_host_status(&h, 1, &flush), 0);
	emu_host_close(&h);
}

static void fault__twice(void **state)
{
	struct emu_host h;
	uint16_t cid;

	(void)state;
	start(&h, "");
	add(&h, "act=twice:sq=1:count=1");
	cid = post(&h);
	assert_int_equal(emu_host_reap(&h, 1).cid, cid);
	assert_int_equal(emu_host_reap(&h, 1).cid, cid);
	emu_host_quiet(&h, 1, 20);
	emu_host_close(&h);
}

static void fault__wrong_identifiers(void **state)
{
	static const struct {
		const char *text;
		int cid_add, sqid;
	} rows[] = {
		{"act=wrong_cid:arg=3:sq=1", 3, 1},
		{"act=wrong_sqid:arg=7:sq=1", 0, 8},
		{"act=wrong_sqid:sq=1", 0, 0xfffe},
	};
	struct nvme_cqe cqe;
	struct emu_host h;
	uint16_t cid;

	(void)state;
	start(&h, "");
	for (size_t i = 0; i < ROWS(rows); i++) {
		add(&h, rows[i].text);
		cid = post(&h);
		cqe = emu_host_reap(&h, 1);
		assert_int_equal(cqe.cid, cid + rows[i].cid_add);
		assert_int_equal(le16_to_cpu(cqe.sqid), rows[i].sqid);
		emu_fault_clear(h.emu);
	}
	add(&h, "act=wrong_cid:sq=1");
	cid = post(&h);
	assert_int_equal(emu_host_reap(&h, 1).cid, cid ^ 0xffff);
	emu_host_close(&h);
}

static void fault__stale_phase(void **state)
{
	struct emu_host h;
	uint16_t cid;

	(void)state;
	start(&h, "");
	add(&h, "act=stale_phase:sq=1:count=1");
	cid = post(&h);
	emu_host_quiet(&h, 1, 30);
	assert_int_equal(h.q[1].cq[0].cid, cid);
	/* The next entry is written behind it. */
	cid = post(&h);
	while (emu_host_stats(&h).io_cmds != 2)
		;
	assert_int_equal(h.q[1].cq[1].cid, cid);
	assert_int_equal(le16_to_cpu(h.q[1].cq[1].sfp), 1);
	emu_host_close(&h);
}

static void fault__corrupt(void **state)
{
	union nvme_cmd cmd = {.rw = {.opcode = 0x02, .nsid = CPU_TO_LE32(1)}};
	uint8_t *data;
	struct emu_host h;

	(void)state;
	start(&h, "");
	data = emu_host_data(&h, 0);
	cmd.rw.nlb = cpu_to_le16(15);
	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(0x3000));
	add(&h, "act=corrupt:arg=0x1004:sq=1:count=1");
	assert_int_equal(emu_host_status(&h, 1, &cmd), 0);
	assert_int_equal(data[0x3003], 0);
	assert_int_equal(data[0x3004], 1);
	assert_int_equal(data[0x3005], 0);
	assert_int_equal(emu_host_status(&h, 1, &cmd), 0);
	assert_int_equal(data[0x3004], 0);
	emu_host_close(&h);
}

static void fault__stops_the_controller(void **state)
{
	static const struct {
		const char *text;
		uint32_t csts;
	} rows[] = {
		{"act=cfs:sq=1:count=1", 0x3},
		{"act=hang:sq=1:count=1", 0x1},
	};
	struct emu_host h;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i].text);
		start(&h, "");
		add(&h, rows[i].text);
		post(&h);
		post(&h);
		emu_host_quiet(&h, 1, 30);
		assert_int_equal(emu_reg_read(h.emu, NVM_REG_CSTS, 4), rows[i].csts);
		assert_int_equal(emu_host_stats(&h).io_cmds, 0);
		/* A reset is the way out. */
		emu_host_disable(&h);
		assert_int_equal(emu_reg_read(h.emu, NVM_REG_CSTS, 4), 0);
		emu_host_enable(&h, 32);
		emu_host_create_queues(&h, 1, 16);
		assert_int_equal(emu_host_status(&h, 1, &flush), 0);
		add(&h, rows[i].text);
		post(&h);
		emu_host_close(&h); /* destroying it as it hangs is no problem */
	}
}

static void fault__gone(void **state)
{
	struct emu_host h;

	(void)state;
	start(&h, "");
	add(&h, "act=gone:sq=1");
	post(&h);
	emu_host_wait_csts(&h, 0xffffffff, 0xffffffff);
	assert_true(emu_gone(h.emu));
	emu_host_quiet(&h, 1, 20);
	emu_host_close(&h);
}

static void config__wrong_options(void **state)
{
	static const char *const rows[] = {
		"colour=red",
		"size=1000",
		"size=0",
		"lbads=10",
		"ms=7",
		"ns=257",
		"queues=0",
		"queues=65536",
		"mqes=1",
		"mqes=65537",
		"backend=tape",
		"backend=file",
		"file=/x,backend=null",
		"cmb=1000",
		"mpsmin=3,mpsmax=2",
		"sgl=maybe",
		"dstrd=16",
		"fault=act=boom",
		"fault=act=drop/sq=1",
		"fault=/",
		"fault=/act=drop",
		"fault=act=drop/",
		"fault=act=drop//act=cfs",
		"aerl=16",
		"size=1G,size=2G",
		"vectors=0",
		"fault=act=status:arg=0",
		"capacity=1M,size=2M",
		"capacity=4K", /* and one namespace of 1 GiB */
		"serial=123456789012345678901",
		"model=12345678901234567890123456789012345678901",
		"firmware=123456789",
		"serial=tab\there",
		"model=\xc3\xb6",
		"to=256",
		"size",
	};
	struct emu_domain *dom = emu_domain_create();
	struct emu_ctrl *ctrl;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("# %s\n", rows[i]);
		errno = 0;
		assert_null(emu_ctrl_create(rows[i], dom));
		assert_int_equal(errno, EINVAL);
	}
	assert_non_null(
		ctrl = emu_ctrl_create("capacity=1G,serial=12345678901234567890,firmware=12345678,"
				       "model=1234567890123456789012345678901234567890",
				       dom));
	emu_ctrl_destroy(ctrl);
	assert_null(emu_ctrl_create("file=/nonexistent/dir/disk.img", dom));
	assert_int_equal(errno, ENOENT);
	emu_domain_put(dom);
}

static void config__help_has_every_option(void **state)
{
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");
	static const char *const names[] = {
		"size",	 "ns",	   "lbads",  "ms",	 "ext",	   "backend", "file",	 "capacity",
		"mdts",	 "sgl",	   "msdbd",  "dbbuf",	 "cmb",	   "queues",  "mqes",	 "vectors",
		"dstrd", "mpsmin", "mpsmax", "to",	 "rdy_ms", "aerl",    "vwc",	 "vid",
		"did",	 "serial", "model",  "firmware", "fault",  "seed",    "spin_us",
	};

	(void)state;
	assert_non_null(out);
	emu_config_help(out);
	fclose(out);
	for (size_t i = 0; i < ROWS(names); i++)
		assert_non_null(strstr(text, names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault__text),
		cmocka_unit_test(fault__wrong_text),
		cmocka_unit_test(fault__out_of_range),
		cmocka_unit_test(fault__when),
		cmocka_unit_test(fault__probability_is_reproducible),
		cmocka_unit_test(fault__lines_without_a_seed_follow_the_controllers),
		cmocka_unit_test(fault__status_by_name),
		cmocka_unit_test(fault__delay),
		cmocka_unit_test(fault__delays_in_order),
		cmocka_unit_test(fault__delayed_command_is_aborted),
		cmocka_unit_test(fault__drop),
		cmocka_unit_test(fault__twice),
		cmocka_unit_test(fault__wrong_identifiers),
		cmocka_unit_test(fault__stale_phase),
		cmocka_unit_test(fault__corrupt),
		cmocka_unit_test(fault__stops_the_controller),
		cmocka_unit_test(fault__gone),
		cmocka_unit_test(config__wrong_options),
		cmocka_unit_test(config__help_has_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

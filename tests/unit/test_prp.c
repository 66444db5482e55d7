/* SPDX-License-Identifier: MIT */
/* PRPs: literal entries for every rule, list capacities, chaining, and what an error leaves. */
#include "host.h"

#define NR_LIST 4 /* entries that a row spells out */

struct row {
	const char *name;
	struct iova_vec iov[4];
	int err;
	uint64_t prp1, prp2;
	uint64_t list[NR_LIST];
};

static const struct row rows[] = {
	{"one aligned page", {{0x100000, 0x1000}}, 0, 0x100000, 0, {}},
	{"one byte", {{0x100000, 1}}, 0, 0x100000, 0, {}},
	{"an odd length", {{0x100004, 0xffb}}, 0, 0x100004, 0, {}},
	{"an offset, up to the end of the page", {{0x100200, 0xe00}}, 0, 0x100200, 0, {}},
	{"an offset, one byte into the next", {{0x100200, 0xe01}}, 0, 0x100200, 0x101000, {}},
	{"one page and one byte", {{0x100000, 0x1001}}, 0, 0x100000, 0x101000, {}},
	{"two pages", {{0x100000, 0x2000}}, 0, 0x100000, 0x101000, {}},
	{"the last dword and one page", {{0x100ffc, 0x1004}}, 0, 0x100ffc, 0x101000, {}},
	{"the last dword, a page and a byte",
	 {{0x100ffc, 0x1005}},
	 0,
	 0x100ffc,
	 LIST,
	 {0x101000, 0x102000}},
	{"three pages need a list", {{0x100000, 0x3000}}, 0, 0x100000, LIST, {0x101000, 0x102000}},
	{"two pages and a byte", {{0x100000, 0x2001}}, 0, 0x100000, LIST, {0x101000, 0x102000}},
	{"five pages",
	 {{0x100000, 0x5000}},
	 0,
	 0x100000,
	 LIST,
	 {0x101000, 0x102000, 0x103000, 0x104000}},
	{"two pages apart", {{0x100000, 0x1000}, {0x200000, 0x1000}}, 0, 0x100000, 0x200000, {}},
	{"4K and 6K are three entries",
	 {{0x100000, 0x1000}, {0x200000, 0x1800}},
	 0,
	 0x100000,
	 LIST,
	 {0x200000, 0x201000}},
	{"the first ends with its page",
	 {{0x100e00, 0x200}, {0x200000, 0x1000}},
	 0,
	 0x100e00,
	 0x200000,
	 {}},
	{"the last is short and odd",
	 {{0x100000, 0x2000}, {0x200000, 0x123}},
	 0,
	 0x100000,
	 LIST,
	 {0x101000, 0x200000}},
	{"pieces out of order",
	 {{0x300000, 0x1000}, {0x200000, 0x1000}, {0x100000, 0x1000}},
	 0,
	 0x300000,
	 LIST,
	 {0x200000, 0x100000}},
	{"addresses above 32 bits",
	 {{0x123400000000, 0x3000}},
	 0,
	 0x123400000000,
	 LIST,
	 {0x123400001000, 0x123400002000}},
	{"the very last page", {{0xfffffffffffff000, 0x1000}}, 0, 0xfffffffffffff000, 0, {}},

	{"512 bytes, then 4K", {{0x100000, 0x200}, {0x200000, 0x1000}}, EINVAL, 0, 0, {}},
	{"the second starts in a page", {{0x100000, 0x1000}, {0x200200, 0xe00}}, EINVAL, 0, 0, {}},
	{"the second is off by a dword", {{0x100000, 0x1000}, {0x200004, 0x4}}, EINVAL, 0, 0, {}},
	{"the middle one is short",
	 {{0x100000, 0x1000}, {0x200000, 0x800}, {0x300000, 0x1000}},
	 EINVAL,
	 0,
	 0,
	 {}},
	{"off by one byte", {{0x100001, 0x1000}}, EINVAL, 0, 0, {}},
	{"off by two bytes", {{0x100002, 0x1000}}, EINVAL, 0, 0, {}},
	{"off by three bytes", {{0x100003, 0x1}}, EINVAL, 0, 0, {}},
	{"nothing", {{0x100000, 0}}, EINVAL, 0, 0, {}},
	{"wraps by a byte", {{0xfffffffffffff000, 0x1001}}, EINVAL, 0, 0, {}},
	{"wraps all around", {{0x100000, SIZE_MAX}}, EINVAL, 0, 0, {}},
	{"4 GiB and 4 KiB are not 4 KiB", {{0x100000, 0x100001000}}, EMSGSIZE, 0, 0, {}},
	{"513 pages and a byte", {{0x100000, 0x201001}}, EMSGSIZE, 0, 0, {}},
	{"as many entries, from an offset", {{0x100800, 0x200801}}, EMSGSIZE, 0, 0, {}},
};

static int nr_pieces(const struct row *row)
{
	int n = 1;

	while (n < 4 && row->iov[n].iova)
		n++;
	return n;
}

static void assert_list(const struct host *host, const uint64_t *want)
{
	const leint64_t *list = (const void *)host->list;

	for (int i = 0; i < NR_LIST; i++)
		assert_int_equal(le64_to_cpu(list[i]), want[i] ? want[i] : 0x5a5a5a5a5a5a5a5a);
}

static void assert_row(struct host *host, const struct row *row, int ret)
{
	if (row->err) {
		if (ret != -1 || errno != row->err)
			fail_msg("%s: %d, %s", row->name, ret, strerror(errno));
		assert_cmd_untouched(host);
		return;
	}
	if (ret)
		fail_msg("%s: %s", row->name, strerror(errno));
	assert_cmd_mapped(host, 0);
	if (le64_to_cpu(host->cmd.dptr.prp1) != row->prp1 ||
	    le64_to_cpu(host->cmd.dptr.prp2) != row->prp2)
		fail_msg("%s: 0x%llx 0x%llx", row->name,
			 (unsigned long long)le64_to_cpu(host->cmd.dptr.prp1),
			 (unsigned long long)le64_to_cpu(host->cmd.dptr.prp2));
	assert_list(host, row->list);
}

static void prp__iova_vectors_have_these_entries(void **state)
{
	struct host *host = host_create();

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct iova_vec iov[4];
		int n = nr_pieces(&rows[i]);

		memcpy(iov, rows[i].iov, sizeof(iov));
		host_renew(host);
		errno = 0;
		assert_row(host, &rows[i],
			   nvme_rq_mapv_iova_prp(&host->ctrl, &host->rq, &host->cmd, iov, n));
		host_renew(host);
		errno = 0;
		assert_row(host, &rows[i],
			   nvme_mapv_iova_prp(&host->ctrl, (leint64_t *)(void *)host->list, 1,
					      &host->cmd, iov, n));
	}
	host_destroy(host);
}

static void prp__virtual_addresses_have_the_same_entries(void **state)
{
	struct host *host = host_create();
	char *mem = host_map_seen(host);
	int n = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct iovec iov[4];
		int niov = nr_pieces(&rows[i]);

		if (!host_seen(mem, rows[i].iov, niov, iov))
			continue;
		host_renew(host);
		errno = 0;
		assert_row(host, &rows[i],
			   nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, iov, niov));
		host_renew(host);
		errno = 0;
		assert_row(host, &rows[i],
			   nvme_mapv_prp(&host->ctrl, (leint64_t *)(void *)host->list, 1,
					 &host->cmd, iov, niov));
		n++;
	}
	assert_true(n >= 25);
	munmap(mem, SEEN_LEN);
	host_destroy(host);
}

static void prp__a_single_range_has_the_same_entries(void **state)
{
	struct host *host = host_create();

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (nr_pieces(&rows[i]) > 1)
			continue;
		host_renew(host);
		errno = 0;
		assert_row(host, &rows[i],
			   nvme_rq_map_prp(&host->ctrl, &host->rq, &host->cmd, rows[i].iov[0].iova,
					   rows[i].iov[0].len));
	}
	host_destroy(host);
}

static void prp__a_vector_has_at_least_one_piece(void **state)
{
	struct host *host = host_create();
	struct iova_vec iova = {0x100000, 0x1000};
	struct iovec iov = {host->arena, PAGE};
	leint64_t *list = (leint64_t *)(void *)host->list;

	(void)state;
	host_map_at(host, host->arena, PAGE, 0x100000);
	for (int n = 0; n >= -1; n--) {
		assert_fails(nvme_rq_mapv_iova_prp(&host->ctrl, &host->rq, &host->cmd, &iova, n),
			     EINVAL);
		assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, n), EINVAL);
		assert_fails(nvme_mapv_prp(&host->ctrl, list, 1, &host->cmd, &iov, n), EINVAL);
	}
	assert_cmd_untouched(host);
	host_destroy(host);
}

/* Bytes that a list of some pages takes: page 0 has 512 entries, each page more 511. */
static const struct {
	int pages;
	size_t data_pages; /* PRP1 included */
} capacity[] = {{1, 513}, {2, 1024}, {3, 1535}, {4, 2046}};

/* Data page @n, from 0, of a buffer at 0x80000000, as the list of these pages has it. */
static void assert_entry(const struct host *host, size_t n, bool last_of_all)
{
	const leint64_t *list = (const void *)host->list;
	size_t page = (n - 1) / 511, slot = (n - 1) % 511;

	/* A full page's last slot has data only when nothing follows. */
	if (last_of_all && !slot && page) {
		page--;
		slot = 511;
	}
	assert_int_equal(le64_to_cpu(list[page * 512 + slot]), 0x80000000 + n * PAGE);
}

static void assert_full_list(const struct host *host, size_t data_pages)
{
	const leint64_t *list = (const void *)host->list;

	for (size_t n = 1; n < data_pages; n++)
		assert_entry(host, n, n == data_pages - 1);
	/* Chains: the last slot of each page but the last. */
	for (size_t page = 0; (page + 1) * 511 + 1 < data_pages - 1; page++)
		assert_int_equal(le64_to_cpu(list[page * 512 + 511]), LIST + (page + 1) * PAGE);
}

static void prp__list_pages_fill_exactly(void **state)
{
	struct host *host = host_create();
	leint64_t *list = (leint64_t *)(void *)host->list;

	(void)state;
	for (size_t i = 0; i < ROWS(capacity); i++) {
		size_t full = capacity[i].data_pages * PAGE;

		for (size_t len = full - PAGE; len <= full; len += PAGE) {
			host_renew(host);
			assert_works(nvme_map_prp(&host->ctrl, list, capacity[i].pages, &host->cmd,
						  0x80000000, len));
			assert_int_equal(le64_to_cpu(host->cmd.dptr.prp1), 0x80000000);
			assert_int_equal(le64_to_cpu(host->cmd.dptr.prp2), LIST);
			assert_full_list(host, len / PAGE);
		}

		host_renew(host);
		assert_fails(nvme_map_prp(&host->ctrl, list, capacity[i].pages, &host->cmd,
					  0x80000000, full + 1),
			     EMSGSIZE);
		assert_cmd_untouched(host);
		/* From the last dword of a page on it is all one entry more. */
		assert_fails(nvme_map_prp(&host->ctrl, list, capacity[i].pages, &host->cmd,
					  0x80000ffc, full),
			     EMSGSIZE);
		assert_works(nvme_map_prp(&host->ctrl, list, capacity[i].pages, &host->cmd,
					  0x80000ffc, full - PAGE + 4));
	}
	host_destroy(host);
}

static void prp__chains_spelled_out(void **state)
{
	struct host *host = host_create();
	leint64_t *list = (leint64_t *)(void *)host->list;

	(void)state;
	/* 513 pages: PRP1 and 512 entries fill the page, no chain. */
	assert_works(nvme_map_prp(&host->ctrl, list, 2, &host->cmd, 0x80000000, 0x201000));
	assert_int_equal(le64_to_cpu(list[511]), 0x80200000);

	/* One more: the last slot points to the second page, which has the last two. */
	assert_works(nvme_map_prp(&host->ctrl, list, 2, &host->cmd, 0x80000000, 0x202000));
	assert_int_equal(le64_to_cpu(list[510]), 0x801ff000);
	assert_int_equal(le64_to_cpu(list[511]), 0x40001000);
	assert_int_equal(le64_to_cpu(list[512]), 0x80200000);
	assert_int_equal(le64_to_cpu(list[513]), 0x80201000);
	host_destroy(host);
}

static void prp__chains_grow_across_pieces(void **state)
{
	enum {
		NR = 1024
	};
	struct host *host = host_create();
	leint64_t *list = (leint64_t *)(void *)host->list;
	struct iova_vec iov[NR + 1];

	(void)state;
	for (size_t i = 0; i <= NR; i++)
		iov[i] = (struct iova_vec){0x80000000 + i * PAGE, PAGE};

	assert_works(nvme_mapv_iova_prp(&host->ctrl, list, 2, &host->cmd, iov, 513));
	assert_full_list(host, 513);
	assert_works(nvme_mapv_iova_prp(&host->ctrl, list, 2, &host->cmd, iov, 514));
	assert_full_list(host, 514);
	assert_works(nvme_mapv_iova_prp(&host->ctrl, list, 2, &host->cmd, iov, NR));
	assert_full_list(host, NR);
	host_renew(host);
	assert_fails(nvme_mapv_iova_prp(&host->ctrl, list, 2, &host->cmd, iov, NR + 1), EMSGSIZE);
	assert_cmd_untouched(host);
	host_destroy(host);
}

/* 4 GiB + 4 KiB: 1048577 pages, PRP1 and 2052 list pages of 511 and one of 4. */
static void prp__lengths_have_64_bits(void **state)
{
	struct host *host = host_create();
	leint64_t *list = (leint64_t *)(void *)host->list;

	(void)state;
	assert_works(nvme_map_prp(&host->ctrl, list, 2053, &host->cmd, 0x100000000, 0x100001000));
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp1), 0x100000000);
	assert_int_equal(le64_to_cpu(list[0]), 0x100001000);
	assert_int_equal(le64_to_cpu(list[2051 * 512 + 511]), 0x40000000 + 2052 * 0x1000);
	assert_int_equal(le64_to_cpu(list[2052 * 512 + 2]), 0x1fffff000);
	assert_int_equal(le64_to_cpu(list[2052 * 512 + 3]), 0x200000000);

	host_renew(host);
	assert_fails(nvme_map_prp(&host->ctrl, list, 2052, &host->cmd, 0x100000000, 0x100001000),
		     EMSGSIZE);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void prp__mdts_is_a_limit(void **state)
{
	struct host *host = host_create();
	struct iova_vec two[] = {{0x100000, 0x1000}, {0x200000, 0x1000}};
	struct iova_vec more[] = {{0x100000, 0x1000}, {0x200000, 0x1001}};
	struct iovec iov = {host->arena, 0x2001};

	(void)state;
	host->ctrl.config.mdts = 0x2000;
	host_map_at(host, host->arena, 4 * PAGE, 0x300000);

	assert_works(nvme_rq_map_prp(&host->ctrl, &host->rq, &host->cmd, 0x100000, 0x2000));
	assert_works(nvme_rq_mapv_iova_prp(&host->ctrl, &host->rq, &host->cmd, two, 2));
	host_renew(host);
	assert_fails(nvme_rq_map_prp(&host->ctrl, &host->rq, &host->cmd, 0x100000, 0x2001),
		     EMSGSIZE);
	assert_fails(nvme_rq_mapv_iova_prp(&host->ctrl, &host->rq, &host->cmd, more, 2), EMSGSIZE);
	assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, 1), EMSGSIZE);
	/* Less than two pages, and too much all the same. */
	host->ctrl.config.mdts = 0x1000;
	host->rq.state = NVME_RQ_ACQUIRED;
	iov.iov_len = 0x1001;
	assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, 1), EMSGSIZE);
	assert_cmd_untouched(host);
	iov.iov_len = 0x1000;
	assert_works(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	host_destroy(host);
}

static void prp__pages_are_the_controllers(void **state)
{
	struct host *host = host_create();
	leint64_t *list = (leint64_t *)(void *)host->list;
	struct iova_vec halves[] = {{0x100000, 0x1000}, {0x102000, 0x1000}};
	struct iova_vec ends[] = {{0x101000, 0x1000}, {0x104000, 0x3000}};

	(void)state;
	host->ctrl.config.mps = 1; /* 8 KiB */
	assert_works(nvme_rq_map_prp(&host->ctrl, &host->rq, &host->cmd, 0x101000, 0x1000));
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp1), 0x101000);
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp2), 0);
	assert_works(nvme_rq_map_prp(&host->ctrl, &host->rq, &host->cmd, 0x101000, 0x1001));
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp2), 0x102000);
	assert_fails(nvme_rq_mapv_iova_prp(&host->ctrl, &host->rq, &host->cmd, halves, 2), EINVAL);
	assert_works(nvme_rq_mapv_iova_prp(&host->ctrl, &host->rq, &host->cmd, ends, 2));
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp2), LIST);
	assert_int_equal(le64_to_cpu(list[0]), 0x104000);
	assert_int_equal(le64_to_cpu(list[1]), 0x106000);

	/* A list page has 1024 entries. */
	assert_works(
		nvme_rq_map_prp(&host->ctrl, &host->rq, &host->cmd, 0x80000000, 1025 * 0x2000));
	assert_int_equal(le64_to_cpu(list[1023]), 0x80800000);
	assert_fails(
		nvme_rq_map_prp(&host->ctrl, &host->rq, &host->cmd, 0x80000000, 1025 * 0x2000 + 1),
		EMSGSIZE);

	/* Caller's list pages: 8 KiB aligned, all of them mapped. */
	assert_fails(nvme_map_prp(&host->ctrl, list + 512, 1, &host->cmd, 0x100000, 0x1000),
		     EINVAL);
	host_destroy(host);
}

static void prp__buffers_cross_mappings(void **state)
{
	struct host *host = host_create();
	leint64_t *list = (leint64_t *)(void *)host->list;
	struct iovec iov = {host->arena + 0x800, 0x3000};

	(void)state;
	host_map_at(host, host->arena, 2 * PAGE, 0x200000);
	host_map_at(host, host->arena + 2 * PAGE, 2 * PAGE, 0x900000);

	assert_works(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp1), 0x200800);
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp2), LIST);
	assert_int_equal(le64_to_cpu(list[0]), 0x201000);
	assert_int_equal(le64_to_cpu(list[1]), 0x900000);
	assert_int_equal(le64_to_cpu(list[2]), 0x901000);

	/* Two pages, one in each mapping. */
	iov = (struct iovec){host->arena + PAGE, 2 * PAGE};
	assert_works(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp1), 0x201000);
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp2), 0x900000);
	host_destroy(host);
}

static void prp__every_byte_must_be_mapped(void **state)
{
	struct host *host = host_create();
	char *arena = host->arena;
	struct iovec bad[] = {
		{arena + 4 * PAGE, 1},		      /* behind */
		{arena + 3 * PAGE, PAGE + 1},	      /* the tail */
		{arena, 5 * PAGE},		      /* the last page */
		{arena + 6 * PAGE, PAGE},	      /* nothing */
		{arena, SIZE_MAX},		      /* around the end of memory */
		{arena, SIZE_MAX - (uintptr_t)arena}, /* up to it */
	};
	struct iovec good_then_bad[] = {{arena, PAGE}, {arena + 8 * PAGE, PAGE}};
	struct iovec empty = {arena, 0};

	(void)state;
	host_map_at(host, arena, 4 * PAGE, 0x200000);
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &bad[i], 1),
			     EFAULT);
	assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, good_then_bad, 2),
		     EFAULT);
	assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &empty, 1), EINVAL);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void prp__callers_list_pages_are_checked(void **state)
{
	struct host *host = host_create();
	leint64_t *list = (leint64_t *)(void *)host->list;
	leint64_t *outside = (leint64_t *)(void *)(host->arena + 8 * PAGE);

	(void)state;
	assert_fails(nvme_map_prp(&host->ctrl, list, 0, &host->cmd, 0x100000, 0x1000), EINVAL);
	assert_fails(nvme_map_prp(&host->ctrl, list, -1, &host->cmd, 0x100000, 0x1000), EINVAL);
	assert_fails(nvme_map_prp(&host->ctrl, outside, 1, &host->cmd, 0x100000, 0x1000), EFAULT);
	assert_fails(nvme_map_prp(&host->ctrl, list, LIST_PAGES + 1, &host->cmd, 0x100000, 0x1000),
		     EFAULT);
	assert_fails(nvme_map_prp(&host->ctrl, list + 1, 1, &host->cmd, 0x100000, 0x1000), EINVAL);
	assert_cmd_untouched(host);
	host_destroy(host);
}

/* Callers that ignore the result and submit anyway must not move data by a stale pointer. */
static void prp__a_failed_mapping_cannot_look_like_a_good_one(void **state)
{
	struct host *host = host_create();
	union nvme_cmd cmd = {.opcode = NVM_CMD_WRITE};
	struct iovec iov = {host->arena, 8};

	(void)state;
	assert_fails(nvme_rq_map_prp(&host->ctrl, &host->rq, &cmd, 0x100001, 0x1000), EINVAL);
	nvme_rq_prep_cmd(&host->rq, &cmd);
	assert_int_equal(cmd.flags, 0xc0);
	assert_int_equal(cmd.cid, 5);

	/* The next command of the tracker has no part in it. */
	host_renew(host);
	cmd.flags = 0;
	assert_fails(nvme_rq_map_prp(&host->ctrl, &host->rq, &cmd, 0x100001, 0x1000), EINVAL);
	assert_works(nvme_rq_map_prp(&host->ctrl, &host->rq, &cmd, 0x100000, 0x1000));
	nvme_rq_prep_cmd(&host->rq, &cmd);
	assert_int_equal(cmd.flags, 0);

	/* Nor has it when the next is the most common kind. */
	host_renew(host);
	assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &cmd, &iov, 1), EFAULT);
	host_map_at(host, host->arena, PAGE, 0x200000);
	assert_works(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &cmd, &iov, 1));
	nvme_rq_prep_cmd(&host->rq, &cmd);
	assert_int_equal(cmd.flags, 0);
	host_destroy(host);
}

static void prp__metadata_pointer(void **state)
{
	struct host *host = host_create();
	char *arena = host->arena;

	(void)state;
	host_map_at(host, arena, PAGE, 0x200000);
	host_map_at(host, arena + PAGE, PAGE, 0x201000);
	host_map_at(host, arena + 2 * PAGE, PAGE, 0x900000);

	assert_works(nvme_map_mptr(&host->ctrl, &host->cmd, arena + 0x10, 64));
	assert_int_equal(le64_to_cpu(host->cmd.mptr), 0x200010);
	assert_int_equal(host->cmd.flags, CMD_POISON);
	/* Over two mappings that are neighbours in the address space, too. */
	assert_works(nvme_map_mptr(&host->ctrl, &host->cmd, arena + PAGE - 8, 16));
	assert_int_equal(le64_to_cpu(host->cmd.mptr), 0x200ff8);

	host_renew(host);
	assert_fails(nvme_map_mptr(&host->ctrl, &host->cmd, arena + 2, 64), EINVAL);
	assert_fails(nvme_map_mptr(&host->ctrl, &host->cmd, arena, 0), EINVAL);
	assert_fails(nvme_map_mptr(&host->ctrl, &host->cmd, arena + 2 * PAGE - 8, 16), EFAULT);
	assert_fails(nvme_map_mptr(&host->ctrl, &host->cmd, arena + 3 * PAGE - 8, 16), EFAULT);
	assert_fails(nvme_map_mptr(&host->ctrl, &host->cmd, arena + 8 * PAGE, 8), EFAULT);
	assert_cmd_untouched(host);
	host_destroy(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prp__iova_vectors_have_these_entries),
		cmocka_unit_test(prp__virtual_addresses_have_the_same_entries),
		cmocka_unit_test(prp__a_single_range_has_the_same_entries),
		cmocka_unit_test(prp__a_vector_has_at_least_one_piece),
		cmocka_unit_test(prp__list_pages_fill_exactly),
		cmocka_unit_test(prp__chains_spelled_out),
		cmocka_unit_test(prp__chains_grow_across_pieces),
		cmocka_unit_test(prp__lengths_have_64_bits),
		cmocka_unit_test(prp__mdts_is_a_limit),
		cmocka_unit_test(prp__pages_are_the_controllers),
		cmocka_unit_test(prp__buffers_cross_mappings),
		cmocka_unit_test(prp__every_byte_must_be_mapped),
		cmocka_unit_test(prp__callers_list_pages_are_checked),
		cmocka_unit_test(prp__a_failed_mapping_cannot_look_like_a_good_one),
		cmocka_unit_test(prp__metadata_pointer),
	};

	return cmocka_run_group_tests_name("prp", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* SGLs: literal descriptors, merging, splitting, chained segments, and what an error leaves. */
#include "host.h"

#define DATA 0x00
#define SEGM 0x20
#define LAST 0x30

struct desc {
	uint64_t addr;
	uint32_t len;
	uint8_t type;
};

struct row {
	const char *name;
	struct iova_vec iov[4];
	bool dwords;
	int err;
	struct desc head;
	struct desc list[4];
};

static const struct row rows[] = {
	{"one buffer", {{0x100000, 0x1000}}, false, 0, {0x100000, 0x1000, DATA}, {}},
	{"one byte anywhere", {{0x100001, 1}}, false, 0, {0x100001, 1, DATA}, {}},
	{"addresses above 32 bits",
	 {{0x123400000003, 0x5001}},
	 false,
	 0,
	 {0x123400000003, 0x5001, DATA},
	 {}},
	{"the last byte there is", {{UINT64_MAX, 1}}, false, 0, {UINT64_MAX, 1, DATA}, {}},
	{"two buffers",
	 {{0x100000, 0x200}, {0x200000, 0x1000}},
	 false,
	 0,
	 {LIST, 32, LAST},
	 {{0x100000, 0x200, DATA}, {0x200000, 0x1000, DATA}}},
	{"three buffers of any alignment",
	 {{0x100001, 0x1ff}, {0x200003, 1}, {0x300000, 0x1001}},
	 false,
	 0,
	 {LIST, 48, LAST},
	 {{0x100001, 0x1ff, DATA}, {0x200003, 1, DATA}, {0x300000, 0x1001, DATA}}},
	{"neighbours merge",
	 {{0x100000, 0x1000}, {0x101000, 0x234}},
	 false,
	 0,
	 {0x100000, 0x1234, DATA},
	 {}},
	{"neighbours merge at the start",
	 {{0x100000, 0x10}, {0x100010, 0x10}, {0x200000, 0x10}},
	 false,
	 0,
	 {LIST, 32, LAST},
	 {{0x100000, 0x20, DATA}, {0x200000, 0x10, DATA}}},
	{"neighbours merge at the end",
	 {{0x200000, 0x10}, {0x100000, 0x10}, {0x100010, 0x10}},
	 false,
	 0,
	 {LIST, 32, LAST},
	 {{0x200000, 0x10, DATA}, {0x100000, 0x20, DATA}}},
	{"the same buffer twice does not merge",
	 {{0x100000, 0x10}, {0x100000, 0x10}},
	 false,
	 0,
	 {LIST, 32, LAST},
	 {{0x100000, 0x10, DATA}, {0x100000, 0x10, DATA}}},
	{"what comes before does not merge",
	 {{0x100010, 0x10}, {0x100000, 0x10}},
	 false,
	 0,
	 {LIST, 32, LAST},
	 {{0x100010, 0x10, DATA}, {0x100000, 0x10, DATA}}},
	{"the longest single descriptor",
	 {{0x100000000, 0xfffff000}},
	 false,
	 0,
	 {0x100000000, 0xfffff000, DATA},
	 {}},
	{"4 GiB and 4 KiB are not 4 KiB",
	 {{0x100000000, 0x100001000}},
	 false,
	 0,
	 {LIST, 32, LAST},
	 {{0x100000000, 0xfffff000, DATA}, {0x1fffff000, 0x2000, DATA}}},
	{"12 GiB in three and a bit",
	 {{0x100000000, 0x300000000}},
	 false,
	 0,
	 {LIST, 64, LAST},
	 {{0x100000000, 0xfffff000, DATA},
	  {0x1fffff000, 0xfffff000, DATA},
	  {0x2ffffe000, 0xfffff000, DATA},
	  {0x3ffffd000, 0x3000, DATA}}},
	{"dwords are kept",
	 {{0x100004, 0x8}, {0x200000, 0x4}},
	 true,
	 0,
	 {LIST, 32, LAST},
	 {{0x100004, 0x8, DATA}, {0x200000, 0x4, DATA}}},

	{"not a dword's address", {{0x100002, 0x8}}, true, EINVAL, {}, {}},
	{"not dwords of length", {{0x100000, 0x6}}, true, EINVAL, {}, {}},
	{"nor in the second", {{0x100000, 0x8}, {0x200000, 0x7}}, true, EINVAL, {}, {}},
	{"nothing", {{0x100000, 0}}, false, EINVAL, {}, {}},
	{"nothing in the second", {{0x100000, 8}, {0x200000, 0}}, false, EINVAL, {}, {}},
	{"wraps by a byte", {{UINT64_MAX, 2}}, false, EINVAL, {}, {}},
	{"wraps all around", {{0x100000, SIZE_MAX}}, false, EINVAL, {}, {}},
};

static int nr_pieces(const struct row *row)
{
	int n = 1;

	while (n < 4 && row->iov[n].iova)
		n++;
	return n;
}

/* All 16 bytes: reserved ones are zero whatever the memory held before. */
static void assert_desc(const void *got, const struct desc *want)
{
	const struct nvme_sgld desc = {
		.addr = cpu_to_le64(want->addr), .len = cpu_to_le32(want->len), .type = want->type};

	assert_memory_equal(got, &desc, 16);
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
	assert_cmd_mapped(host, NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG);
	assert_desc(&host->cmd.dptr, &row->head);
	for (int i = 0; i < 4; i++) {
		if (row->list[i].addr)
			assert_desc(host->list + 16 * i, &row->list[i]);
		else
			assert_int_equal(host->list[16 * i], LIST_POISON);
	}
}

static void sgl__iova_vectors_have_these_descriptors(void **state)
{
	struct host *host = host_create();

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct iova_vec iov[4];
		int n = nr_pieces(&rows[i]);

		memcpy(iov, rows[i].iov, sizeof(iov));
		host->ctrl.flags = rows[i].dwords ? NVME_CTRL_F_SGLS_DWORD_ALIGNMENT : 0;
		host_renew(host);
		errno = 0;
		assert_row(host, &rows[i],
			   nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, n));
	}
	host_destroy(host);
}

static void sgl__virtual_addresses_have_the_same_descriptors(void **state)
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
		host->ctrl.flags = rows[i].dwords ? NVME_CTRL_F_SGLS_DWORD_ALIGNMENT : 0;
		host->ctrl.sgl_one_max = rows[i].dwords ? 0 : 0xbffff000;
		host_renew(host);
		errno = 0;
		assert_row(host, &rows[i],
			   nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, iov, niov));
		n++;
	}
	assert_true(n >= 14);
	munmap(mem, SEEN_LEN);
	host_destroy(host);
}

static void sgl__a_vector_has_at_least_one_piece(void **state)
{
	struct host *host = host_create();
	struct iova_vec iova = {0x100000, 0x1000};
	struct iovec iov = {host->arena, PAGE};
	struct nvme_sgld *list = (void *)host->list;

	(void)state;
	host_map_at(host, host->arena, PAGE, 0x100000);
	for (int n = 0; n >= -1; n--) {
		assert_fails(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, &iova, n),
			     EINVAL);
		assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &iov, n), EINVAL);
		assert_fails(nvme_mapv_sgl(&host->ctrl, list, LIST, &host->cmd, &iov, n), EINVAL);
		assert_fails(nvme_mapv_iova_sgl(&host->ctrl, list, LIST, &host->cmd, &iova, n),
			     EINVAL);
	}
	assert_cmd_untouched(host);
	host_destroy(host);
}

/* Buffers that do not touch, 16 bytes each at 0x100000, 0x100020, ... */
static void apart(struct iova_vec *iov, size_t n)
{
	for (size_t i = 0; i < n; i++)
		iov[i] = (struct iova_vec){0x100000 + 32 * i, 16};
}

static void sgl__a_trackers_page_holds_256(void **state)
{
	struct host *host = host_create();
	struct iova_vec iov[257];

	(void)state;
	apart(iov, 257);
	for (int n = 255; n <= 256; n++) {
		host_renew(host);
		assert_works(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, n));
		assert_desc(&host->cmd.dptr, &(struct desc){LIST, 16u * (uint32_t)n, LAST});
		assert_desc(host->list + 16 * (n - 1),
			    &(struct desc){0x100000 + 32ull * ((unsigned int)n - 1), 16, DATA});
	}
	assert_int_equal((unsigned char)host->list[4096], LIST_POISON);
	host_renew(host);
	assert_fails(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, 257), EMSGSIZE);
	assert_cmd_untouched(host);
	assert_int_equal((unsigned char)host->list[4096], LIST_POISON);

	/* As many more as merge. */
	iov[1] = (struct iova_vec){0x100010, 16};
	assert_works(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, 257));
	host_destroy(host);
}

static void sgl__callers_list(void **state)
{
	struct host *host = host_create();
	struct nvme_sgld *list = (void *)(host->list + 16);
	struct iova_vec iov[3];
	struct iovec vaddr[2] = {{host->arena, 100}, {host->arena + 200, 100}};

	(void)state;
	apart(iov, 3);
	assert_works(nvme_mapv_iova_sgl(&host->ctrl, list, LIST + 16, &host->cmd, iov, 3));
	assert_desc(&host->cmd.dptr, &(struct desc){LIST + 16, 48, LAST});
	assert_desc(list, &(struct desc){0x100000, 16, DATA});
	assert_desc(list + 2, &(struct desc){0x100040, 16, DATA});

	host_map_at(host, host->arena, PAGE, 0x200000);
	assert_works(nvme_mapv_sgl(&host->ctrl, list, LIST + 16, &host->cmd, vaddr, 2));
	assert_desc(&host->cmd.dptr, &(struct desc){LIST + 16, 32, LAST});
	assert_desc(list + 1, &(struct desc){0x2000c8, 100, DATA});

	host_renew(host);
	assert_fails(nvme_mapv_iova_sgl(&host->ctrl, list, LIST + 8, &host->cmd, iov, 3), EINVAL);
	assert_fails(nvme_mapv_sgl(&host->ctrl, list, LIST + 1, &host->cmd, vaddr, 2), EINVAL);
	assert_cmd_untouched(host);

	/* Room for one descriptor per buffer, and a buffer that takes two. */
	iov[0] = (struct iova_vec){0x100000000, 0x100001000};
	assert_fails(nvme_mapv_iova_sgl(&host->ctrl, list, LIST + 16, &host->cmd, iov, 1),
		     EMSGSIZE);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void sgl__segments_chain(void **state)
{
	struct host *host = host_create();
	struct nvme_sgl_seg segs[3];
	struct iovec iov[8];
	char *list = host->list;

	(void)state;
	host_map_at(host, host->arena, PAGE, 0x200000);
	for (size_t i = 0; i < 8; i++)
		iov[i] = (struct iovec){host->arena + 32 * i, 16};
	/* 3 + 3 + 2 descriptors at LIST, LIST + 256 and LIST + 512. */
	for (size_t i = 0; i < 3; i++)
		segs[i] = (struct nvme_sgl_seg){(void *)(list + 256 * i), LIST + 256 * i,
						i < 2 ? 3 : 2};

	/* One: in the command. */
	assert_works(nvme_mapv_sgl_segs(&host->ctrl, segs, 3, &host->cmd, iov, 1));
	assert_desc(&host->cmd.dptr, &(struct desc){0x200000, 16, DATA});
	assert_int_equal(list[0], LIST_POISON);

	/* Three fill the first segment: it is the last. */
	assert_works(nvme_mapv_sgl_segs(&host->ctrl, segs, 3, &host->cmd, iov, 3));
	assert_desc(&host->cmd.dptr, &(struct desc){LIST, 48, LAST});
	assert_desc(list + 32, &(struct desc){0x200040, 16, DATA});

	/* Four: the third moves to the second segment. */
	assert_works(nvme_mapv_sgl_segs(&host->ctrl, segs, 3, &host->cmd, iov, 4));
	assert_cmd_mapped(host, NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG);
	assert_desc(&host->cmd.dptr, &(struct desc){LIST, 48, SEGM});
	assert_desc(list, &(struct desc){0x200000, 16, DATA});
	assert_desc(list + 16, &(struct desc){0x200020, 16, DATA});
	assert_desc(list + 32, &(struct desc){LIST + 256, 32, LAST});
	assert_desc(list + 256, &(struct desc){0x200040, 16, DATA});
	assert_desc(list + 272, &(struct desc){0x200060, 16, DATA});

	/* Six are all there is room for: 2, 2 and 2. */
	assert_works(nvme_mapv_sgl_segs(&host->ctrl, segs, 3, &host->cmd, iov, 6));
	assert_desc(&host->cmd.dptr, &(struct desc){LIST, 48, SEGM});
	assert_desc(list + 32, &(struct desc){LIST + 256, 48, SEGM});
	assert_desc(list + 256 + 32, &(struct desc){LIST + 512, 32, LAST});
	assert_desc(list + 512, &(struct desc){0x200080, 16, DATA});
	assert_desc(list + 528, &(struct desc){0x2000a0, 16, DATA});

	host_renew(host);
	assert_fails(nvme_mapv_sgl_segs(&host->ctrl, segs, 3, &host->cmd, iov, 7), EMSGSIZE);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void sgl__segments_are_checked(void **state)
{
	struct host *host = host_create();
	struct nvme_sgl_seg segs[2] = {{(void *)host->list, LIST, 4},
				       {(void *)(host->list + 256), LIST + 256, 4}};
	struct iovec iov = {host->arena, PAGE};

	(void)state;
	host_map_at(host, host->arena, PAGE, 0x200000);
	assert_fails(nvme_mapv_sgl_segs(&host->ctrl, segs, 0, &host->cmd, &iov, 1), EINVAL);
	segs[1].nr = 0;
	assert_fails(nvme_mapv_sgl_segs(&host->ctrl, segs, 2, &host->cmd, &iov, 1), EINVAL);
	segs[1] = (struct nvme_sgl_seg){(void *)(host->list + 264), LIST + 264, 4};
	assert_fails(nvme_mapv_sgl_segs(&host->ctrl, segs, 2, &host->cmd, &iov, 1), EINVAL);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void sgl__a_first_segment_of_one_chains_nowhere(void **state)
{
	struct host *host = host_create();
	struct nvme_sgl_seg segs[2] = {{(void *)host->list, LIST, 1},
				       {(void *)(host->list + 256), LIST + 256, 4}};
	struct iovec iov[2] = {{host->arena, 8}, {host->arena + 16, 8}};

	(void)state;
	host_map_at(host, host->arena, PAGE, 0x200000);
	assert_works(nvme_mapv_sgl_segs(&host->ctrl, segs, 2, &host->cmd, iov, 1));
	host_renew(host);
	assert_fails(nvme_mapv_sgl_segs(&host->ctrl, segs, 2, &host->cmd, iov, 2), EMSGSIZE);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void sgl__limits_of_the_controller(void **state)
{
	struct host *host = host_create();
	struct iova_vec iov[4];
	struct iova_vec long_one = {0x100000, 33};
	struct iovec vaddr = {host->arena, 33};

	(void)state;
	apart(iov, 4);
	host->ctrl.config.msdbd = 3;
	assert_works(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, 3));
	host_renew(host);
	assert_fails(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, 4), EMSGSIZE);
	assert_cmd_untouched(host);

	host->ctrl.config.mdts = host->ctrl.sgl_one_max = 32;
	assert_works(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, 2));
	host_renew(host);
	assert_fails(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, iov, 3), EMSGSIZE);
	assert_fails(nvme_rq_mapv_iova_sgl(&host->ctrl, &host->rq, &host->cmd, &long_one, 1),
		     EMSGSIZE);
	host_map_at(host, host->arena, PAGE, 0x200000);
	host->rq.state = NVME_RQ_ACQUIRED;
	assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &vaddr, 1), EMSGSIZE);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void sgl__buffers_cross_mappings(void **state)
{
	struct host *host = host_create();
	struct iovec iov = {host->arena + 0x801, 0x2000};

	(void)state;
	host_map_at(host, host->arena, PAGE, 0x200000);
	host_map_at(host, host->arena + PAGE, PAGE, 0x201000); /* a neighbour there, too */
	host_map_at(host, host->arena + 2 * PAGE, PAGE, 0x900000);

	assert_works(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	assert_desc(&host->cmd.dptr, &(struct desc){LIST, 32, LAST});
	assert_desc(host->list, &(struct desc){0x200801, 0x17ff, DATA});
	assert_desc(host->list + 16, &(struct desc){0x900000, 0x801, DATA});

	iov = (struct iovec){host->arena, 2 * PAGE};
	assert_works(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	assert_desc(&host->cmd.dptr, &(struct desc){0x200000, 0x2000, DATA});
	host_destroy(host);
}

static void sgl__every_byte_must_be_mapped(void **state)
{
	struct host *host = host_create();
	char *arena = host->arena;
	struct iovec bad[] = {
		{arena + 4 * PAGE, 1},
		{arena + 3 * PAGE, PAGE + 1},
		{arena, 5 * PAGE},
		{arena, SIZE_MAX},
	};
	struct iovec good_then_bad[] = {{arena, 1}, {arena + 8 * PAGE, 1}};
	struct iovec empty = {arena, 0};

	(void)state;
	host_map_at(host, arena, 4 * PAGE, 0x200000);
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &bad[i], 1),
			     EFAULT);
	assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, good_then_bad, 2),
		     EFAULT);
	assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &empty, 1), EINVAL);
	assert_cmd_untouched(host);
	host_destroy(host);
}

static void sgl__lengths_that_wrap_are_not_short(void **state)
{
	/* The first page of two is where a length just below 2^64 would end. */
	const size_t lens[] = {SIZE_MAX, SIZE_MAX - 0x1ff, SIZE_MAX - 0xfff, (size_t)1 << 63};
	struct host *host = host_create();
	struct iovec iov = {host->arena + 0x200, 0};

	(void)state;
	host_map_at(host, host->arena, 2 * PAGE, 0x200000);
	assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &iov, 1), EINVAL);
	host_renew(host);
	assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, 1), EINVAL);
	for (size_t i = 0; i < ROWS(lens); i++) {
		iov.iov_len = lens[i];
		host_renew(host);
		assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &iov, 1), EFAULT);
		assert_cmd_untouched(host);
		host_renew(host);
		assert_fails(nvme_rq_mapv_prp(&host->ctrl, &host->rq, &host->cmd, &iov, 1), EFAULT);
		assert_cmd_untouched(host);
	}
	host_destroy(host);
}

/* An entry of the table tells of 2^20 - 1 pages at most, from the start of its GiB on. */
static void sgl__more_pages_than_an_entry_tells_of(void **state)
{
	const size_t gib = (size_t)1 << 30;
	const size_t lens[] = {2 * gib + PAGE + 1, 3 * gib, 3 * gib + PAGE, 3 * gib + 2 * PAGE,
			       4 * gib - PAGE,	   4 * gib, 5 * gib};
	struct host *host = host_create();
	char *mem = host_reserve(5 * gib);
	char *first = (char *)(((uintptr_t)mem + gib - 1) & ~(gib - 1));
	struct iovec iov = {first + gib - PAGE, 2 * gib + PAGE};

	(void)state;
	host_map_at(host, first, 3 * gib, 0x200000000);
	assert_works(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	assert_desc(&host->cmd.dptr, &(struct desc){0x23ffff000, 0x80001000, DATA});
	for (size_t i = 0; i < ROWS(lens); i++) {
		iov.iov_len = lens[i];
		host_renew(host);
		assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &host->cmd, &iov, 1), EFAULT);
		assert_cmd_untouched(host);
	}
	host_destroy(host);
	munmap(mem, 5 * gib);
}

static void sgl__a_failed_mapping_cannot_look_like_a_good_one(void **state)
{
	struct host *host = host_create();
	struct iovec bad = {host->arena, 8}, good = {host->arena, 8};
	union nvme_cmd cmd = {.opcode = NVM_CMD_WRITE};

	(void)state;
	assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &cmd, &bad, 1), EFAULT);
	nvme_rq_prep_cmd(&host->rq, &cmd);
	assert_int_equal(cmd.flags, 0xc0);

	host_renew(host);
	cmd.flags = 0;
	assert_fails(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &cmd, &bad, 1), EFAULT);
	host_map_at(host, host->arena, PAGE, 0x200000);
	assert_works(nvme_rq_mapv_sgl(&host->ctrl, &host->rq, &cmd, &good, 1));
	nvme_rq_prep_cmd(&host->rq, &cmd);
	assert_int_equal(cmd.flags, 0x40);
	host_destroy(host);
}

static void sgl__mapv_picks_what_the_controller_takes(void **state)
{
	struct host *host = host_create();
	struct iovec iov = {host->arena, 0x1804};

	(void)state;
	host_map_at(host, host->arena, 2 * PAGE, 0x200000);

	assert_works(nvme_rq_mapv(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	assert_cmd_mapped(host, NVME_CMD_FLAGS_PSDT_PRP);
	assert_int_equal(le64_to_cpu(host->cmd.dptr.prp2), 0x201000);

	host_renew(host);
	host->ctrl.flags = NVME_CTRL_F_SGLS_SUPPORTED;
	assert_works(nvme_rq_mapv(&host->ctrl, &host->rq, &host->cmd, &iov, 1));
	assert_cmd_mapped(host, NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG);
	assert_desc(&host->cmd.dptr, &(struct desc){0x200000, 0x1804, DATA});
	host_destroy(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sgl__iova_vectors_have_these_descriptors),
		cmocka_unit_test(sgl__virtual_addresses_have_the_same_descriptors),
		cmocka_unit_test(sgl__a_vector_has_at_least_one_piece),
		cmocka_unit_test(sgl__a_trackers_page_holds_256),
		cmocka_unit_test(sgl__callers_list),
		cmocka_unit_test(sgl__segments_chain),
		cmocka_unit_test(sgl__segments_are_checked),
		cmocka_unit_test(sgl__a_first_segment_of_one_chains_nowhere),
		cmocka_unit_test(sgl__limits_of_the_controller),
		cmocka_unit_test(sgl__buffers_cross_mappings),
		cmocka_unit_test(sgl__every_byte_must_be_mapped),
		cmocka_unit_test(sgl__lengths_that_wrap_are_not_short),
		cmocka_unit_test(sgl__more_pages_than_an_entry_tells_of),
		cmocka_unit_test(sgl__a_failed_mapping_cannot_look_like_a_good_one),
		cmocka_unit_test(sgl__mapv_picks_what_the_controller_takes),
	};

	return cmocka_run_group_tests_name("sgl", tests, NULL, NULL);
}

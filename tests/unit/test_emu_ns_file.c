/* SPDX-License-Identifier: MIT */
/*
 * Namespaces of the emulated controller that are kept in files.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu_cmd.h"

#define PATH_LEN 64
#define BACK	 (8u << 20)

enum {
	FLUSH = 0x00,
	WRITE = 0x01,
	READ = 0x02,
	COMPARE = 0x05,
	ZEROES = 0x08,
	VERIFY = 0x0c,
	FORMAT = 0x80,
};

static const uint8_t zeros[4096];
static char dir[PATH_LEN];
static unsigned int nr_syncs;

/* In place of libc's: what a flush comes to is counted. */
int fdatasync(int fd)
{
	__atomic_add_fetch(&nr_syncs, 1, __ATOMIC_RELAXED);
	return fsync(fd);
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/belfry-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[PATH_LEN + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char path[2 * PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* The options of a controller whose file is in the test's directory. */
static const char *opts_of(const char *name, const char *more)
{
	static char opts[4 * PATH_LEN];

	snprintf(opts, sizeof(opts), "file=%s,%s", path_of(name), more);
	return opts;
}

static off_t file_size(const char *name)
{
	struct stat st;

	assert_int_equal(stat(path_of(name), &st), 0);
	return st.st_size;
}

static void fill(uint8_t *data, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
}

/* Data pointer at pages in descending order, so that no two of them are one piece. */
static void scattered_data(struct emu_host *host, union nvme_cmd *cmd, uint32_t off, uint32_t pages)
{
	leint64_t *list = emu_host_data(host, EMU_CMD_LIST);

	cmd->dptr.prp1 = cpu_to_le64(emu_host_iova(off + (pages - 1) * 4096));
	for (uint32_t i = 1; i < pages; i++)
		list[i - 1] = cpu_to_le64(emu_host_iova(off + (pages - 1 - i) * 4096));
	cmd->dptr.prp2 = cpu_to_le64(emu_host_iova(EMU_CMD_LIST));
}

static void file__keeps_what_was_written(void **state)
{
	union nvme_cmd cmd;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, opts_of("keeps", "size=4M,ms=8"));
	fill(emu_host_data(&host, 0), 1 << 20, 1);
	fill(emu_host_data(&host, BACK), 2048 * 8, 2);
	cmd = emu_cmd_rw(WRITE, 1, 6144, 2048);
	cmd.mptr = cpu_to_le64(emu_host_iova(BACK));
	scattered_data(&host, &cmd, 0, 256);
	emu_cmd_send(&host, 1, &cmd, 0, "write 1 MiB in 256 pieces");
	emu_cmd_io(&host, FLUSH, 0, 1, 0);
	emu_host_close(&host);
	assert_int_equal(file_size("keeps"), 8192 * (512 + 8));

	/* The size is that of the file. */
	emu_cmd_start(&host, opts_of("keeps", "ms=8"));
	assert_memory_equal(emu_cmd_identify(&host, 0x00, 1), "\0\x20\0\0\0\0\0\0", 8);
	fill(emu_host_data(&host, 0), 1 << 20, 1);
	fill(emu_host_data(&host, BACK), 2048 * 8, 2);
	cmd = emu_cmd_rw(COMPARE, 1, 6144, 2048);
	cmd.mptr = cpu_to_le64(emu_host_iova(BACK));
	scattered_data(&host, &cmd, 0, 256);
	emu_cmd_send(&host, 1, &cmd, 0, "compare");
	cmd.opcode = READ;
	cmd.mptr = cpu_to_le64(emu_host_iova(BACK + (4 << 20)));
	scattered_data(&host, &cmd, 2 << 20, 256);
	emu_cmd_send(&host, 1, &cmd, 0, "read");
	assert_memory_equal(emu_host_data(&host, 0), emu_host_data(&host, 2 << 20), 1 << 20);
	assert_memory_equal(emu_host_data(&host, BACK), emu_host_data(&host, BACK + (4 << 20)),
			    2048 * 8);
	emu_host_close(&host);
}

static void file__blocks_are_in_order_from_its_start(void **state)
{
	uint8_t block[512];
	struct emu_host host;
	int fd;

	(void)state;
	fd = open(path_of("image"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	memset(block, 0x5a, sizeof(block));
	assert_int_equal(pwrite(fd, block, 512, 10 * 512), 512);
	assert_int_equal(ftruncate(fd, 100 * 512 + 100), 0);

	emu_cmd_start(&host, opts_of("image", "vwc=off"));
	emu_cmd_io(&host, READ, 10, 1, 0);
	assert_memory_equal(emu_host_data(&host, 0), block, 512);
	memset(emu_host_data(&host, 0), 0xa5, 512);
	emu_cmd_io(&host, WRITE, 99, 1, 0);
	emu_cmd_io(&host, WRITE, 100, 1, 0x080);
	emu_host_close(&host);

	assert_int_equal(file_size("image"), 100 * 512 + 100);
	assert_int_equal(pread(fd, block, 512, 99 * 512), 512);
	assert_int_equal(block[0], 0xa5);
	assert_int_equal(block[511], 0xa5);
	close(fd);
}

static void file__is_used_by_one_at_a_time(void **state)
{
	struct emu_domain *dom = emu_domain_create();
	struct emu_host host;

	(void)state;
	emu_host_start(&host, opts_of("lock", "size=1M"));
	errno = 0;
	assert_null(emu_ctrl_create(opts_of("lock", "size=1M"), dom));
	assert_int_equal(errno, EBUSY);
	emu_host_close(&host);
	emu_host_start(&host, opts_of("lock", "size=1M"));
	emu_host_close(&host);
	emu_domain_put(dom);
}

static void file__errors_of_opening(void **state)
{
	struct emu_domain *dom = emu_domain_create();

	(void)state;
	errno = 0;
	assert_null(emu_ctrl_create(opts_of("no/such/dir", "ns=1"), dom));
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_null(emu_ctrl_create(opts_of(".", "ns=1"), dom));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	errno = 0;
	assert_null(emu_ctrl_create(opts_of("fifo", "ns=1"), dom));
	assert_int_equal(errno, EINVAL);
	close(open(path_of("tiny"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(truncate(path_of("tiny"), 511), 0);
	errno = 0;
	assert_null(emu_ctrl_create(opts_of("tiny", "ns=1"), dom));
	assert_int_equal(errno, EINVAL);
	/* The second namespace's file is in the way: the first is closed again. */
	assert_int_equal(mkdir(path_of("two.2"), 0700), 0);
	errno = 0;
	assert_null(emu_ctrl_create(opts_of("two", "ns=2,size=1M"), dom));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(rmdir(path_of("two.2")), 0);
	emu_domain_put(dom);
}

static void file__one_for_each_namespace(void **state)
{
	struct emu_host host;

	(void)state;
	emu_host_start(&host, opts_of("two", "ns=2,size=1M,capacity=4M"));
	assert_int_equal(file_size("two.1"), 1 << 20);
	assert_int_equal(file_size("two.2"), 1 << 20);
	*(uint8_t *)emu_host_data(&host, 1) = 0x08; /* 2048 blocks */
	*(uint8_t *)emu_host_data(&host, 9) = 0x08;
	assert_int_equal(emu_cmd_admin(&host, 0x0d, 0, 0, 0, 0), 3); /* create */
	assert_int_equal(file_size("two.3"), 1 << 20);
	emu_host_close(&host);
}

static void file__zeroed_blocks_take_no_space(void **state)
{
	struct stat before, after;
	union nvme_cmd cmd;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, opts_of("sparse", "size=4M"));
	memset(emu_host_data(&host, 0), 0x5a, 1 << 20);
	cmd = emu_cmd_rw(WRITE, 1, 0, 2048);
	emu_cmd_data(&host, &cmd, 0, 1 << 20);
	emu_cmd_send(&host, 1, &cmd, 0, "write");
	emu_cmd_io(&host, FLUSH, 0, 1, 0);
	assert_int_equal(stat(path_of("sparse"), &before), 0);
	emu_cmd_io(&host, ZEROES, 1, 2046, 0);
	assert_int_equal(stat(path_of("sparse"), &after), 0);
	assert_true(after.st_blocks + 1900 < before.st_blocks);
	emu_cmd_io(&host, READ, 1, 8, 0);
	assert_memory_equal(emu_host_data(&host, 0), zeros, 4096);
	emu_cmd_io(&host, READ, 2047, 1, 0);
	assert_int_equal(*(uint8_t *)emu_host_data(&host, 0), 0x5a);
	emu_cmd_io(&host, READ, 0, 1, 0);
	assert_int_equal(*(uint8_t *)emu_host_data(&host, 511), 0x5a);

	emu_cmd_admin(&host, FORMAT, 1, 4, 0, 0);
	emu_cmd_io(&host, READ, 0, 1, 0);
	assert_memory_equal(emu_host_data(&host, 0), zeros, 4096);
	assert_int_equal(file_size("sparse"), 4 << 20);
	emu_host_close(&host);
}

static void file__that_was_cut_short_is_a_media_error(void **state)
{
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, opts_of("short", "size=1M"));
	assert_int_equal(truncate(path_of("short"), 4096), 0);
	emu_cmd_io(&host, READ, 0, 8, 0);
	emu_cmd_io(&host, READ, 8, 1, 0x281);
	emu_cmd_io(&host, READ, 7, 2, 0x281);
	emu_cmd_io(&host, COMPARE, 8, 1, 0x281);
	emu_cmd_io(&host, VERIFY, 8, 1, 0x281);
	emu_host_close(&host);
}

/* RLIMIT_FSIZE stands for the disk that is full. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void file__that_cannot_be_written_is_a_write_fault(void **state)
{
	union nvme_cmd cmd;
	struct emu_host host;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	emu_cmd_start(&host, opts_of("full", "size=1M,capacity=2M"));
	limit_files(65536);
	emu_cmd_io(&host, WRITE, 120, 8, 0);
	emu_cmd_io(&host, WRITE, 128, 8, 0x280);
	emu_cmd_io(&host, WRITE, 121, 8, 0x280); /* the first seven could be written */
	memset(emu_host_data(&host, 0), 0, 32);
	cmd = emu_cmd_rw(0x19, 1, 128, 1); /* copy of one block, 0 */
	emu_cmd_send(&host, 1, &cmd, 0x280, "copy");

	/* A namespace that there is no room for, and a format that fails half way */
	*(uint8_t *)emu_host_data(&host, 1) = 0x08;
	*(uint8_t *)emu_host_data(&host, 9) = 0x08;
	emu_cmd_admin(&host, 0x0d, 0, 0, 0, 0x006);
	assert_memory_equal(emu_cmd_identify(&host, 0x10, 1), zeros, 4096);
	emu_cmd_admin(&host, FORMAT, 1, 4, 0, 0x006);
	assert_int_equal(((const uint8_t *)emu_cmd_identify(&host, 0x00, 1))[26], 0);
	emu_cmd_io(&host, READ, 0, 1, 0x281);
	limit_files(RLIM_INFINITY);
	emu_cmd_admin(&host, FORMAT, 1, 4, 0, 0);
	emu_cmd_io(&host, WRITE, 255, 1, 0);
	emu_host_close(&host);

	/* Metadata is behind the data. */
	emu_cmd_start(&host, opts_of("full.meta", "size=1M,ms=8"));
	limit_files(1 << 20);
	cmd = emu_cmd_rw(WRITE, 1, 0, 1);
	cmd.mptr = cpu_to_le64(emu_host_iova(4096));
	emu_cmd_send(&host, 1, &cmd, 0x280, "metadata");
	limit_files(RLIM_INFINITY);
	emu_cmd_send(&host, 1, &cmd, 0, "metadata");
	emu_host_close(&host);
}

static void file__is_complete_after_a_shutdown(void **state)
{
	struct emu_host host;
	uint8_t block[512];
	int fd;

	(void)state;
	emu_cmd_start(&host, opts_of("shutdown", "size=1M"));
	memset(emu_host_data(&host, 0), 0x5a, 512);
	emu_cmd_io(&host, WRITE, 2047, 1, 0);
	emu_reg_write(host.emu, 0x14, 4, 0x00464001); /* CC.SHN: normal */
	emu_host_wait_csts(&host, 0xc, 0x8);	      /* CSTS.SHST: complete */
	fd = open(path_of("shutdown"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, block, 512, 2047 * 512), 512);
	assert_int_equal(block[0], 0x5a);
	close(fd);
	emu_host_close(&host);
}

static void file__force_unit_access_reaches_the_disk(void **state)
{
	static const struct {
		const char *name;
		uint8_t opcode;
		uint32_t control;
		unsigned int syncs;
	} rows[] = {
		{"write", WRITE, 0, 0},
		{"write, FUA", WRITE, 1u << 30, 1},
		{"read", READ, 0, 0},
		{"read, FUA", READ, 1u << 30, 1},
		{"compare", COMPARE, 0, 0},
		{"compare, FUA", COMPARE, 1u << 30, 1},
		{"write zeroes, FUA", ZEROES, 1u << 30, 1},
		{"verify", VERIFY, 0, 0},
		{"verify, FUA", VERIFY, 1u << 30, 1},
		{"flush", FLUSH, 0, 1},
	};
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, opts_of("fua", "size=1M"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union nvme_cmd cmd = emu_cmd_rw(rows[i].opcode, 1, 0, 1);

		cmd.cdw12 = cpu_to_le32(rows[i].control);
		if (rows[i].opcode <= COMPARE && rows[i].opcode != FLUSH)
			emu_cmd_data(&host, &cmd, 0, 512);
		nr_syncs = 0;
		emu_cmd_send(&host, 1, &cmd, 0, rows[i].name);
		if (nr_syncs != rows[i].syncs)
			fail_msg("%s: %u flushes of the file", rows[i].name, nr_syncs);
	}
	emu_host_close(&host);
}

static void memory__that_is_too_large_is_refused(void **state)
{
	struct emu_domain *dom = emu_domain_create();

	(void)state;
	errno = 0;
	assert_null(emu_ctrl_create("size=512T", dom));
	assert_int_equal(errno, ENOMEM);
	emu_domain_put(dom);
}

static void file__bit_buckets_swallow_bytes(void **state)
{
	union nvme_cmd cmd = emu_cmd_rw(READ, 1, 0, 8);
	struct nvme_sgld *list;
	uint8_t *data;
	struct emu_host host;

	(void)state;
	emu_cmd_start(&host, opts_of("bucket", "size=1M"));
	data = emu_host_data(&host, 0);
	fill(data, 4096, 9);
	emu_cmd_io(&host, WRITE, 0, 8, 0);
	memset(emu_host_data(&host, BACK), 0xee, 4096);

	/* 100 bytes, a bucket of 1000, the other 2996; one last segment */
	list = emu_host_data(&host, EMU_CMD_LIST);
	memset(list, 0, 3 * sizeof(*list));
	list[0].addr = cpu_to_le64(emu_host_iova(BACK));
	list[0].len = cpu_to_le32(100);
	list[1].len = cpu_to_le32(1000);
	list[1].type = 0x10;
	list[2].addr = cpu_to_le64(emu_host_iova(BACK + 100));
	list[2].len = cpu_to_le32(2996);
	cmd.flags = 0x40;
	cmd.dptr.sgl.addr = cpu_to_le64(emu_host_iova(EMU_CMD_LIST));
	cmd.dptr.sgl.len = cpu_to_le32(3 * sizeof(*list));
	cmd.dptr.sgl.type = 0x30;
	emu_cmd_send(&host, 1, &cmd, 0, "read");
	assert_memory_equal(emu_host_data(&host, BACK), data, 100);
	assert_memory_equal(emu_host_data(&host, BACK + 100), data + 1100, 2996);
	assert_int_equal(*(uint8_t *)emu_host_data(&host, BACK + 3096), 0xee);
	emu_host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file__keeps_what_was_written),
		cmocka_unit_test(file__blocks_are_in_order_from_its_start),
		cmocka_unit_test(file__is_used_by_one_at_a_time),
		cmocka_unit_test(file__errors_of_opening),
		cmocka_unit_test(file__one_for_each_namespace),
		cmocka_unit_test(file__zeroed_blocks_take_no_space),
		cmocka_unit_test(file__that_was_cut_short_is_a_media_error),
		cmocka_unit_test(file__that_cannot_be_written_is_a_write_fault),
		cmocka_unit_test(file__is_complete_after_a_shutdown),
		cmocka_unit_test(file__force_unit_access_reaches_the_disk),
		cmocka_unit_test(memory__that_is_too_large_is_refused),
		cmocka_unit_test(file__bit_buckets_swallow_bytes),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

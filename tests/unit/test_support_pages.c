/* SPDX-License-Identifier: MIT */
/* Pages that have a file: which one, what of it, for whom, and how many. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <belfry/support/mem.h>

#include "dev.h"
#include "support/pages.h"

#define PAGE 4096ul

/* The same memory once more, as another process would have it. */
static unsigned char *map_again(unsigned char *mem, size_t len)
{
	uint64_t offset = 0;
	int fd = pages_fd(mem, len, true, &offset);
	void *again;

	assert_true(fd >= 0);
	again = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	assert_ptr_not_equal(again, MAP_FAILED);
	close(fd);
	return again;
}

static void pages__are_in_a_file(void **state)
{
	int fds = open_fds();
	unsigned char *mem, *again;
	uint64_t offset = 1;
	int fd;

	(void)state;
	assert_int_equal(pgmap((void **)&mem, 3 * PAGE), 3 * PAGE);
	mem[0] = 1;
	again = map_again(mem, 3 * PAGE);
	assert_int_equal(again[0], 1);
	again[3 * PAGE - 1] = 2;
	assert_int_equal(mem[3 * PAGE - 1], 2);
	munmap(again, 3 * PAGE);

	fd = pages_fd(mem + PAGE + 5, 2 * PAGE - 5, true, &offset);
	assert_true(fd >= 0);
	assert_int_equal(offset, PAGE + 5);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_works(pgunmap(mem, 3 * PAGE));
	assert_fails(pages_fd(mem, PAGE, true, &offset), ENOENT);
	assert_int_equal(open_fds(), fds);
}

static void pages__of_two_files_are_in_none(void **state)
{
	unsigned char *first, *second, *hole;
	uint64_t offset;

	(void)state;
	hole = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(hole, 3 * PAGE);
	first = pages_alloc(hole, PAGE, true);
	second = pages_alloc(hole + PAGE, PAGE, true);
	assert_ptr_equal(first, hole);
	assert_ptr_equal(second, hole + PAGE);
	assert_fails(pages_fd(first, 2 * PAGE, true, &offset), ENOENT);
	assert_fails(pages_fd(first + PAGE - 1, 2, true, &offset), ENOENT);
	assert_fails(pages_fd(second, PAGE + 1, true, &offset), ENOENT);
	assert_fails(pages_fd(first - 1, 2, true, &offset), ENOENT);
	assert_fails(pages_fd(first, SIZE_MAX, true, &offset), ENOENT);
	assert_null(pages_alloc(first, PAGE, true));
	assert_int_equal(errno, EEXIST);
	pages_free(first, PAGE);
	pages_free(second, PAGE);
}

static void pages__that_went_behind_our_back_are_forgotten(void **state)
{
	unsigned char *mem, *fresh, *again;

	(void)state;
	mem = pages_alloc(NULL, 2 * PAGE, true);
	assert_non_null(mem);
	munmap(mem, 2 * PAGE); /* what a program should not do */
	fresh = pages_alloc(mem + PAGE, PAGE, true);
	assert_ptr_equal(fresh, mem + PAGE);
	again = map_again(fresh, PAGE);
	fresh[7] = 7;
	assert_int_equal(again[7], 7);
	munmap(again, PAGE);
	pages_free(fresh, PAGE);
}

static void pages__keep_their_size(void **state)
{
	uint64_t offset;
	void *mem;
	int fd;

	(void)state;
	assert_true(pgmap(&mem, PAGE) > 0);
	fd = pages_fd(mem, PAGE, true, &offset);
	assert_fails(ftruncate(fd, 0), EPERM);
	assert_fails(ftruncate(fd, 2 * PAGE), EPERM);
	assert_fails(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	close(fd);

	fd = pages_fd(mem, PAGE, false, &offset);
	assert_true(fd >= 0);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, EACCES);
	close(fd);
	pgunmap(mem, PAGE);
}

static void pages__may_be_private(void **state)
{
	int fds = open_fds();
	void *mem = pages_alloc(NULL, PAGE, false);
	uint64_t offset;

	(void)state;
	assert_non_null(mem);
	assert_int_equal(open_fds(), fds);
	assert_fails(pages_fd(mem, PAGE, true, &offset), ENOENT);
	pages_free(mem, PAGE);
}

static void pages__leave_descriptors_to_the_program(void **state)
{
	struct rlimit before, few;
	unsigned char *mem[64];
	int fds = open_fds();

	(void)state;
	assert_works(getrlimit(RLIMIT_NOFILE, &before));
	few = before;
	few.rlim_cur = 64;
	assert_works(setrlimit(RLIMIT_NOFILE, &few));
	for (size_t i = 0; i < ROWS(mem); i++) {
		assert_true(pgmap((void **)&mem[i], PAGE) == PAGE);
		mem[i][0] = (unsigned char)i;
	}
	assert_int_equal(open_fds(), fds + 32);
	for (size_t i = 0; i < ROWS(mem); i++) {
		assert_int_equal(mem[i][0], i);
		assert_works(pgunmap(mem[i], PAGE));
	}
	assert_works(setrlimit(RLIMIT_NOFILE, &before));
	assert_int_equal(open_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages__are_in_a_file),
		cmocka_unit_test(pages__of_two_files_are_in_none),
		cmocka_unit_test(pages__that_went_behind_our_back_are_forgotten),
		cmocka_unit_test(pages__keep_their_size),
		cmocka_unit_test(pages__may_be_private),
		cmocka_unit_test(pages__leave_descriptors_to_the_program),
	};

	return cmocka_run_group_tests_name("support_pages", tests, NULL, NULL);
}

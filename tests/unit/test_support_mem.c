/* SPDX-License-Identifier: MIT */
/*
 * Memory in whole pages, the allocators that abort, and files read and written whole.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belfry/support/io.h>
#include <belfry/support/mem.h>
#include <belfry/support/timer.h>

static void mem__page_size_and_shift_agree_with_the_machine(void **state)
{
	(void)state;
	assert_int_equal(__VFN_PAGESIZE, getpagesize());
	assert_int_equal(1UL << __VFN_PAGESHIFT, getpagesize());
}

static void pgmap__rounds_up_to_zeroed_pages(void **state)
{
	size_t page = belfry_page_size();
	unsigned char *bytes;
	void *mem;

	(void)state;
	assert_int_equal(pgmap(&mem, 1), page);
	assert_int_equal((uintptr_t)mem % page, 0);
	bytes = mem;
	for (size_t i = 0; i < page; i++)
		assert_int_equal(bytes[i], 0);
	bytes[page - 1] = 1;
	errno = ENOSPC;
	assert_int_equal(pgunmap(mem, page), 0);
	assert_int_equal(errno, ENOSPC);

	assert_int_equal(pgmap(&mem, page), page);
	pgunmap(mem, page);
	assert_int_equal(pgmap(&mem, page + 1), 2 * page);
	pgunmap(mem, 2 * page);
	assert_int_equal(pgmapn(&mem, 3, page / 2 + 1), 2 * page);
	pgunmap(mem, 2 * page);
}

static void pgmap__refuses_what_cannot_be(void **state)
{
	static const struct {
		size_t sz;
		unsigned int n;
		int error;
	} rows[] = {
		{0, 1, EINVAL},
		{4096, 0, EINVAL},
		{SIZE_MAX, 1, ENOMEM},
		{SIZE_MAX / 2, 1, ENOMEM},
		{SIZE_MAX / 2 + 2, 2, ENOMEM},
		{SIZE_MAX / 4, 16, ENOMEM},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *mem = NULL;

		errno = 0;
		assert_int_equal(pgmapn(&mem, rows[i].n, rows[i].sz), -1);
		assert_int_equal(errno, rows[i].error);
		assert_ptr_equal(mem, MAP_FAILED);
	}
}

static void pgunmap__reports_an_error_and_goes_on(void **state)
{
	char unaligned[2];

	(void)state;
	errno = 0;
	assert_int_equal(pgunmap(&unaligned[((uintptr_t)unaligned & 1) ^ 1], 4096), -1);
	assert_int_equal(errno, EINVAL);
}

static void mem__array_sizes_that_overflow_are_seen(void **state)
{
	(void)state;
	assert_false(would_overflow(0, SIZE_MAX));
	assert_false(would_overflow(1, SIZE_MAX));
	assert_true(would_overflow(2, SIZE_MAX));
	assert_false(would_overflow(1UL << 31, 1UL << 32));
	assert_true(would_overflow(1UL << 32, 1UL << 32));
}

static void mem__allocators_return_memory(void **state)
{
	uint32_t *array;
	char *empty;

	(void)state;
	array = znew_t(uint32_t, 3);
	assert_int_equal(array[0] | array[1] | array[2], 0);
	array[2] = 7;
	array = reallocn(array, 100, sizeof(*array));
	assert_int_equal(array[2], 7);
	array[99] = 1;
	free(array);

	array = new_t(uint32_t, 2);
	array[1] = 1;
	free(array);

	empty = xmalloc(0);
	assert_non_null(empty);
	empty = reallocn(empty, 0, 5);
	assert_non_null(empty);
	free(empty);
	empty = zmalloc(0);
	assert_non_null(empty);
	free(empty);
}

static bool dies(void (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(open("/dev/null", O_WRONLY), 2);
		signal(SIGABRT, SIG_DFL);
		child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void overflow(void)
{
	free(mallocn(SIZE_MAX / 2, 3));
}

static void overflow_zeroed(void)
{
	free(zmallocn(SIZE_MAX / 2, 3));
}

static void overflow_again(void)
{
	free(reallocn(NULL, SIZE_MAX / 2, 3));
}

static void do_nothing(void)
{
}

static void mem__allocators_abort_rather_than_return_null(void **state)
{
	(void)state;
	assert_true(dies(backtrace_abort));
	assert_true(dies(overflow));
	assert_true(dies(overflow_zeroed));
	assert_true(dies(overflow_again));
	assert_false(dies(do_nothing));
}

static void mem__autofree_frees_and_takes_null(void **state)
{
	/* That it frees is seen by the leak check of the sanitizer and valgrind runs. */
	__autofree char *text = realpath("/", NULL);
	__autofree uint64_t *none = NULL;

	(void)state;
	assert_non_null(text);
	assert_null(none);
}

static char path[] = "/tmp/belfry-test-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	return close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void io__what_was_written_is_read(void **state)
{
	char buf[8] = "xxxxxxx";

	(void)state;
	assert_int_equal(writeall(path, "hello", 5), 5);
	assert_int_equal(readmax(path, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "helloxx", 8);

	/* It is not cut to length first. */
	assert_int_equal(writeall(path, "J", 1), 1);
	assert_int_equal(readmax(path, buf, 3), 3);
	assert_memory_equal(buf, "Jellox", 6);
	assert_int_equal(writeall(path, "", 0), 0);
	assert_int_equal(readmax(path, buf, 0), 0);
}

static void io__errors_are_the_kernels_and_leave_nothing_open(void **state)
{
	int next = dup(0);
	char buf[4];

	(void)state;
	close(next);
	errno = 0;
	assert_int_equal(writeall("/nonexistent/file", "x", 1), -1);
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_int_equal(readmax("/nonexistent/file", buf, 1), -1);
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_int_equal(writeall("/dev/full", "x", 1), -1);
	assert_int_equal(errno, ENOSPC);
	errno = 0;
	assert_int_equal(readmax("/tmp", buf, 1), -1);
	assert_int_equal(errno, EISDIR);
	errno = 0;
	assert_int_equal(writeallfd(-1, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	errno = 0;
	assert_int_equal(readmaxfd(-1, buf, 1), -1);
	assert_int_equal(errno, EBADF);
	errno = 0;
	assert_int_equal(writeallfd(1, "x", (size_t)SSIZE_MAX + 1), -1);
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_int_equal(readmaxfd(0, buf, (size_t)SSIZE_MAX + 1), -1);
	assert_int_equal(errno, EINVAL);

	assert_int_equal(dup(0), next);
	close(next);
}

/* More than a pipe holds, so that each side has to wait for the other many times. */
#define PIPE_BYTES 1000000

static void *write_to_pipe(void *arg)
{
	const int *fds = arg;
	char *data = malloc(PIPE_BYTES);

	for (size_t i = 0; i < PIPE_BYTES; i++)
		data[i] = (char)(i * 7 + i / 256);
	if (writeallfd(fds[1], data, PIPE_BYTES) != PIPE_BYTES)
		abort();
	close(fds[1]);
	free(data);
	return NULL;
}

static void pass_through_pipe(int flags)
{
	char *data = malloc(PIPE_BYTES + 1);
	pthread_t thread;
	int fds[2];

	assert_non_null(data);
	assert_int_equal(pipe2(fds, flags), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_to_pipe, fds), 0);
	assert_int_equal(readmaxfd(fds[0], data, PIPE_BYTES + 1), PIPE_BYTES);
	for (size_t i = 0; i < PIPE_BYTES; i++) {
		if (data[i] != (char)(i * 7 + i / 256))
			fail_msg("byte %zu differs", i);
	}
	pthread_join(thread, NULL);
	close(fds[0]);
	free(data);
}

static void io__carries_on_after_short_transfers(void **state)
{
	(void)state;
	pass_through_pipe(0);
}

static void io__waits_on_a_descriptor_that_does_not_block(void **state)
{
	(void)state;
	pass_through_pipe(O_NONBLOCK);
}

/* The handler stays: a signal may still be on its way when the timer is off. */
static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void *write_late(void *arg)
{
	const int *fds = arg;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	__usleep(50000);
	if (writeallfd(fds[1], "late", 4) != 4)
		abort();
	close(fds[1]);
	return NULL;
}

static void io__a_signal_does_not_end_a_read(void **state)
{
	const struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
	const struct itimerval every_ms = {.it_interval = {0, 1000}, .it_value = {0, 1000}};
	const struct itimerval off = {0};
	pthread_t thread;
	char buf[8];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_late, fds), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	setitimer(ITIMER_REAL, &every_ms, NULL);
	assert_int_equal(readmaxfd(fds[0], buf, sizeof(buf)), 4);
	setitimer(ITIMER_REAL, &off, NULL);
	pthread_join(thread, NULL);
	close(fds[0]);

	assert_memory_equal(buf, "late", 4);
	assert_true(alarms > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mem__page_size_and_shift_agree_with_the_machine),
		cmocka_unit_test(pgmap__rounds_up_to_zeroed_pages),
		cmocka_unit_test(pgmap__refuses_what_cannot_be),
		cmocka_unit_test(pgunmap__reports_an_error_and_goes_on),
		cmocka_unit_test(mem__array_sizes_that_overflow_are_seen),
		cmocka_unit_test(mem__allocators_return_memory),
		cmocka_unit_test(mem__allocators_abort_rather_than_return_null),
		cmocka_unit_test(mem__autofree_frees_and_takes_null),
		cmocka_unit_test(io__what_was_written_is_read),
		cmocka_unit_test(io__errors_are_the_kernels_and_leave_nothing_open),
		cmocka_unit_test(io__carries_on_after_short_transfers),
		cmocka_unit_test(io__waits_on_a_descriptor_that_does_not_block),
		cmocka_unit_test(io__a_signal_does_not_end_a_read),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}

/* SPDX-License-Identifier: MIT */
/*
 * Logging. What the log is told once holds for the life of a process, so each case runs in a child
 * of its own, whose standard error is kept, and which starts with a log that was never used.
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <syslog.h>

#include <belfry/support/atomic.h>
#include <belfry/support/io.h>
#include <belfry/support/log.h>

/* The headers get along: syslog's names are still its own. */
_Static_assert(LOG_INFO == 6 && LOG_DEBUG == 7, "syslog's levels");
_Static_assert(BELFRY_LOG_ERROR == 0 && BELFRY_LOG_INFO == 1 && BELFRY_LOG_DEBUG == 2, "ours");

static char output[16384];

/* Run @child with LOGV=@logv (NULL: not set), keep what it prints, return its exit status. */
static int run(const char *logv, int (*child)(void))
{
	int fds[2], status;
	ssize_t len;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL); /* a child that calls exit() must have nothing to print twice */
	pid = fork();
	if (!pid) {
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		if (logv)
			setenv("LOGV", logv, 1);
		else
			unsetenv("LOGV");
		_exit(child());
	}
	close(fds[1]);
	len = readmaxfd(fds[0], output, sizeof(output) - 1);
	assert_true(len >= 0);
	output[len] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int log_all_levels(void)
{
	log_error("bad %d\n", 1);
	log_info("news %d\n", 2);
	log_debug("detail %d\n", 3);
	return 0;
}

static void log__verbosity_is_what_the_environment_says(void **state)
{
	static const struct {
		const char *logv, *output;
	} rows[] = {
		{NULL, ""},
		{"", ""},
		{"yes", ""},
		{"1x", ""},
		{"-1", ""},
		{"0", "belfry: error: log_all_levels: bad 1\n"},
		{"1", "belfry: error: log_all_levels: bad 1\n"
		      "belfry: info: log_all_levels: news 2\n"},
		{"2", "belfry: error: log_all_levels: bad 1\n"
		      "belfry: info: log_all_levels: news 2\n"
		      "belfry: debug: log_all_levels: detail 3\n"},
		{"99999999999999999999", "belfry: error: log_all_levels: bad 1\n"
					 "belfry: info: log_all_levels: news 2\n"
					 "belfry: debug: log_all_levels: detail 3\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(rows[i].logv, log_all_levels), 0);
		assert_string_equal(output, rows[i].output);
	}
}

static int set_info(void)
{
	logv_set(BELFRY_LOG_INFO);
	log_all_levels();
	logv_set(-1);
	log_all_levels();
	return logv(BELFRY_LOG_ERROR);
}

static void log__the_program_overrides_the_environment(void **state)
{
	static const char expected[] = "belfry: error: log_all_levels: bad 1\n"
				       "belfry: info: log_all_levels: news 2\n";

	(void)state;
	assert_int_equal(run(NULL, set_info), 0);
	assert_string_equal(output, expected);
	assert_int_equal(run("2", set_info), 0);
	assert_string_equal(output, expected);
	assert_int_equal(run("-1", set_info), 0);
	assert_string_equal(output, expected);
}

static int calls;

static int count(void)
{
	return ++calls;
}

static int arguments(void)
{
	log_error("%d\n", count());
	return calls;
}

static void log__arguments_of_a_message_not_wanted_are_not_evaluated(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, arguments), 0);
	assert_int_equal(run("0", arguments), 1);
}

static int keep_errno_text(void)
{
	errno = ENOSPC;
	log_error("write: %m\n");
	return errno == ENOSPC ? 0 : 1;
}

static void log__errno_survives_and_has_a_text(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, keep_errno_text), 0);
	assert_string_equal(output, "");
	assert_int_equal(run("0", keep_errno_text), 0);
	assert_string_equal(output,
			    "belfry: error: keep_errno_text: write: No space left on device\n");
}

static int hostile_text(void)
{
	__do_log(BELFRY_LOG_ERROR, "id", "serial '%s'\r\n\n", "A\nbelfry: info: B\x1b[2J\x7f");
	__do_log(BELFRY_LOG_ERROR, NULL, "bare");
	return 0;
}

static void log__a_message_is_one_line_of_text(void **state)
{
	(void)state;
	assert_int_equal(run("0", hostile_text), 0);
	assert_string_equal(output, "belfry: error: id: serial 'A belfry: info: B [2J '\n"
				    "belfry: error: bare\n");
}

static int long_text(void)
{
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	__do_log(BELFRY_LOG_ERROR, "long", "%s", text);
	__do_log(BELFRY_LOG_ERROR, text, "%s", "who is too long");
	return 0;
}

static void log__a_long_message_is_cut(void **state)
{
	(void)state;
	assert_int_equal(run("0", long_text), 0);
	/* "belfry: error: ", 1000 bytes that begin with "long: ", "\n" */
	assert_int_equal(strcspn(output, "\n"), 15 + 1000);
	assert_memory_equal(output, "belfry: error: long: xxx", 24);
	assert_string_equal(output + 15 + 1000 + 1, "belfry: error: who is too long\n");
}

static struct {
	int level[8];
	char msg[8][64];
	int n;
} got;

static void keep(int level, const char *msg, void *arg)
{
	got.level[got.n] = level;
	snprintf(got.msg[got.n], sizeof(got.msg[0]), "%s:%s", (const char *)arg, msg);
	got.n++;
	errno = EBADF;
}

static int handle_default(void)
{
	char arg[] = "arg";

	if (log_set_handler(keep, arg))
		return 1;
	errno = EBUSY;
	log_all_levels();
	if (errno != EBUSY)
		return 2;
	if (got.n != 1 || got.level[0] != 0 || strcmp(got.msg[0], "arg:log_all_levels: bad 1") != 0)
		return 3;
	logv_set(2);
	log_all_levels();
	if (got.n != 4 || got.level[3] != 2 ||
	    strcmp(got.msg[3], "arg:log_all_levels: detail 3") != 0)
		return 4;
	if (log_set_handler(NULL, NULL))
		return 5;
	log_error("to the terminal again\n");
	return got.n == 4 ? 0 : 6;
}

static void log__a_handler_gets_errors_and_what_else_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, handle_default), 0);
	assert_string_equal(output, "belfry: error: handle_default: to the terminal again\n");
}

static int handle_silenced(void)
{
	char arg[] = "arg";

	if (log_set_handler(keep, arg))
		return 1;
	log_all_levels();
	return got.n;
}

static void log__a_handler_obeys_the_verbosity(void **state)
{
	(void)state;
	assert_int_equal(run("-1", handle_silenced), 0);
	assert_int_equal(run("1", handle_silenced), 2);
}

static int inner_result;

static void log_again(int level, const char *msg, void *arg)
{
	int *n = arg;

	(void)level;
	(void)msg;
	if (++*n > 1)
		_exit(9);
	log_error("from within\n");
	logv_set(-1);
	errno = 0;
	inner_result = log_set_handler(NULL, NULL) == -1 && errno == EDEADLK;
}

static int handle_recursion(void)
{
	int n = 0;

	log_set_handler(log_again, &n);
	log_error("outer\n");
	if (n != 1 || !inner_result)
		return 1;
	n = 0;
	log_error("outer again\n");
	return n == 1 ? 0 : 2;
}

static void log__a_handler_that_logs_is_not_called_again(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, handle_recursion), 0);
	assert_string_equal(output, "");
}

static void check_alive(int level, const char *msg, void *arg)
{
	(void)level;
	(void)msg;
	if (*(volatile int *)arg != 1)
		_exit(7);
}

static int stop;

static void *log_for_ever(void *arg)
{
	(void)arg;
	while (!atomic_load_acquire(&stop))
		log_error("message\n");
	return NULL;
}

static int replace_under_load(void)
{
	pthread_t threads[2];
	unsigned long n = test_scale(2000);

	log_set_handler(NULL, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, log_for_ever, NULL);
	for (unsigned long i = 0; i < n; i++) {
		int *arg = malloc(sizeof(*arg));

		*arg = 1;
		log_set_handler(check_alive, arg);
		if (i % 16 == 0)
			sched_yield();
		log_set_handler(NULL, NULL);
		*arg = 0; /* nobody may look any more */
		free(arg);
	}
	atomic_store_release(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void log__a_handler_that_was_replaced_is_never_running(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, replace_under_load), 0);
	assert_string_equal(output, "");
}

static int fatal(void)
{
	log_fatal_if(1 + 1 == 3, "not this");
	log_fatal_if(1 + 1 == 2, "sum is %d\n", 2);
	return 5;
}

static void log__fatal_is_seen_and_ends_the_program(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, fatal), EXIT_FAILURE);
	assert_string_equal(output, "belfry: error: fatal: sum is 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log__verbosity_is_what_the_environment_says),
		cmocka_unit_test(log__the_program_overrides_the_environment),
		cmocka_unit_test(log__arguments_of_a_message_not_wanted_are_not_evaluated),
		cmocka_unit_test(log__errno_survives_and_has_a_text),
		cmocka_unit_test(log__a_message_is_one_line_of_text),
		cmocka_unit_test(log__a_long_message_is_cut),
		cmocka_unit_test(log__a_handler_gets_errors_and_what_else_is_asked_for),
		cmocka_unit_test(log__a_handler_obeys_the_verbosity),
		cmocka_unit_test(log__a_handler_that_logs_is_not_called_again),
		cmocka_unit_test(log__a_handler_that_was_replaced_is_never_running),
		cmocka_unit_test(log__fatal_is_seen_and_ends_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

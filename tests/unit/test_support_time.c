/* SPDX-License-Identifier: MIT */
/*
 * Deadlines, sleeping, waiting and the processor's counter.
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belfry/support/atomic.h>
#include <belfry/support/ticks.h>
#include <belfry/support/timer.h>

#include "support/deadline.h"

static void deadline__lies_as_far_ahead_as_asked(void **state)
{
	uint64_t before = now_ns();
	uint64_t in_5_s = deadline_after_ns(5000000000);
	uint64_t in_7_s = deadline_after_ms(7000);
	uint64_t after = now_ns();

	(void)state;
	assert_in_range(in_5_s, before + 5000000000, after + 5000000000);
	assert_in_range(in_7_s, before + 7000000000, after + 7000000000);
	assert_false(deadline_passed(in_5_s));
	assert_in_range(deadline_left_ns(in_5_s), 1, 5000000000);
}

static void deadline__has_passed_when_it_is_now(void **state)
{
	uint64_t now = deadline_after_ns(0);

	(void)state;
	assert_true(deadline_passed(now));
	assert_int_equal(deadline_left_ns(now), 0);
	assert_true(deadline_passed(0));
}

static void deadline__saturates_instead_of_wrapping(void **state)
{
	(void)state;
	assert_int_equal(deadline_after_ns(UINT64_MAX), DEADLINE_NEVER);
	assert_int_equal(deadline_after_ns(UINT64_MAX - 1), DEADLINE_NEVER);
	assert_int_equal(deadline_after_ms(UINT64_MAX), DEADLINE_NEVER);
	assert_int_equal(deadline_after_ms(UINT64_MAX / 1000000), DEADLINE_NEVER);
	assert_int_equal(deadline_after_ms(UINT64_MAX / 1000000 + 1), DEADLINE_NEVER);
	assert_false(deadline_passed(DEADLINE_NEVER));
	assert_int_equal(deadline_left_ns(DEADLINE_NEVER), DEADLINE_NEVER);
}

static void deadline__a_callers_time_is_checked(void **state)
{
	static const struct timespec bad[] = {
		{.tv_sec = -1},	 {.tv_nsec = -1}, {.tv_nsec = 1000000000},
		{1, 2000000000}, {-1, 999},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t deadline = 42;

		errno = 0;
		assert_int_equal(deadline_after_ts(&bad[i], &deadline), -1);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(deadline, 42);
	}
}

static void deadline__a_callers_time_is_relative(void **state)
{
	const struct timespec in_3_s = {.tv_sec = 2, .tv_nsec = 999999999};
	const struct timespec for_ever = {.tv_sec = INT64_MAX, .tv_nsec = 999999999};
	uint64_t before = now_ns(), deadline;

	(void)state;
	assert_int_equal(deadline_after_ts(&in_3_s, &deadline), 0);
	assert_in_range(deadline, before + 2999999999, now_ns() + 2999999999);
	assert_int_equal(deadline_after_ts(&for_ever, &deadline), 0);
	assert_int_equal(deadline, DEADLINE_NEVER);
	assert_int_equal(deadline_after_ts(NULL, &deadline), 0);
	assert_int_equal(deadline, DEADLINE_NEVER);
}

static void deadline__nanoseconds_become_a_timespec(void **state)
{
	struct timespec ts = ns_to_timespec(3000000007);

	(void)state;
	assert_int_equal(ts.tv_sec, 3);
	assert_int_equal(ts.tv_nsec, 7);
}

static void ignore(int sig)
{
	(void)sig;
}

static void timer__signals_do_not_cut_a_sleep_short(void **state)
{
	const struct sigaction action = {.sa_handler = ignore};
	const struct itimerval every_ms = {.it_interval = {0, 1000}, .it_value = {0, 1000}};
	const struct itimerval off = {0};
	uint64_t before, took;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	setitimer(ITIMER_REAL, &every_ms, NULL);
	errno = ENOSPC;
	before = now_ns();
	__usleep(20000);
	took = now_ns() - before;
	assert_int_equal(errno, ENOSPC);
	setitimer(ITIMER_REAL, &off, NULL);

	assert_true(took >= 20000000);
	assert_true(took < 10000000000);
}

static void timer__units_are_consistent(void **state)
{
	(void)state;
	assert_int_equal(NS_PER_SEC, 1000000000);
	assert_int_equal(US_PER_SEC, 1000000);
	assert_int_equal(MS_PER_SEC, 1000);
}

/* The rate is right if ticks and clock agree on how long a sleep was. */
static void ticks__rate_agrees_with_the_clock(void **state)
{
	uint64_t freq = __vfn_ticks_freq;
	uint64_t ns = now_ns(), ticks = get_ticks();
	double by_clock, by_ticks;

	(void)state;
	assert_true(freq > 0);
	__usleep(100000);
	by_ticks = (double)(get_ticks() - ticks) / (double)freq;
	by_clock = (double)(now_ns() - ns) / 1e9;
	/* 2 %: the thread may be taken off the processor between the two readings. */
	assert_true(by_ticks > by_clock * 0.98 && by_ticks < by_clock * 1.02);
}

static void *read_freq(void *arg)
{
	*(uint64_t *)arg = belfry_ticks_freq();
	return NULL;
}

/* In a process that has not asked before: the parent's answer would be inherited. */
static int ask_from_four_threads(void)
{
	uint64_t freq[4], arch = get_ticks_freq_arch();
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, read_freq, &freq[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	if (!freq[0] || freq[1] != freq[0] || freq[2] != freq[0] || freq[3] != freq[0])
		return 1;
	return arch && arch != freq[0] ? 2 : 0;
}

static void ticks__rate_is_found_once_for_all_threads(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(ask_from_four_threads());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void *set_flag(void *arg)
{
	atomic_store_release((int *)arg, 1);
	return NULL;
}

/* Wait for another thread; with one processor it gets to run only if the wait lets go. */
static int wait_for_thread(void)
{
	uint64_t deadline = deadline_after_ms(30000);
	struct backoff b = {0};
	pthread_t thread;
	int flag = 0;

	pthread_create(&thread, NULL, set_flag, &flag);
	while (!atomic_load_acquire(&flag)) {
		if (deadline_passed(deadline))
			return 3;
		backoff_pause(&b);
	}
	pthread_join(thread, NULL);
	return b.spins > backoff_spins();
}

static int on_one_processor(void)
{
	cpu_set_t cpus, one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return 1;
	errno = ENOSPC;
	if (backoff_spins() != 0 || errno != ENOSPC)
		return 2;
	return wait_for_thread();
}

static void backoff__does_not_spin_on_one_processor(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(on_one_processor());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void backoff__spins_a_while_and_then_lets_go(void **state)
{
	struct backoff b = {0};

	(void)state;
	assert_int_equal(wait_for_thread(), 0);
	for (int i = 0; i < 5000; i++)
		backoff_pause(&b);
	assert_int_equal(b.spins, backoff_spins());
	assert_true(backoff_spins() == 0 || backoff_spins() == 1000);
	cpu_relax();
}

int main(void)
{
	/* Those with a child come first: it must find nothing cached. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks__rate_is_found_once_for_all_threads),
		cmocka_unit_test(backoff__does_not_spin_on_one_processor),
		cmocka_unit_test(backoff__spins_a_while_and_then_lets_go),
		cmocka_unit_test(ticks__rate_agrees_with_the_clock),
		cmocka_unit_test(deadline__lies_as_far_ahead_as_asked),
		cmocka_unit_test(deadline__has_passed_when_it_is_now),
		cmocka_unit_test(deadline__saturates_instead_of_wrapping),
		cmocka_unit_test(deadline__a_callers_time_is_checked),
		cmocka_unit_test(deadline__a_callers_time_is_relative),
		cmocka_unit_test(deadline__nanoseconds_become_a_timespec),
		cmocka_unit_test(timer__signals_do_not_cut_a_sleep_short),
		cmocka_unit_test(timer__units_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

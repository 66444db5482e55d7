/* SPDX-License-Identifier: MIT */
/*
 * The macros and inline functions of belfry/support/: rounding, atomics, byte order, registers,
 * and variables that clean up.
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belfry/support.h>

#include "support/errno.h"

static void align__rounds_to_powers_of_two(void **state)
{
	static const struct {
		uint64_t n, m, down, up;
		bool aligned;
	} rows[] = {
		{0, 4096, 0, 0, true},
		{1, 4096, 0, 4096, false},
		{4095, 4096, 0, 4096, false},
		{4096, 4096, 4096, 4096, true},
		{4097, 4096, 4096, 8192, false},
		{7, 1, 7, 7, true},
		{0xffffffff, 0x10000, 0xffff0000, 0x100000000, false},
		{0x123456789abcd, 0x1000, 0x123456789a000, 0x123456789b000, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ALIGN_DOWN(rows[i].n, rows[i].m), rows[i].down);
		assert_int_equal(ALIGN_UP(rows[i].n, rows[i].m), rows[i].up);
		assert_int_equal(ALIGNED(rows[i].n, rows[i].m), rows[i].aligned);
	}
}

static void align__a_narrow_multiple_keeps_the_upper_bits(void **state)
{
	uint64_t n = 0xabcd00000fff;
	uint32_t m = 0x1000;
	int signed_m = 0x1000;

	(void)state;
	assert_int_equal(ALIGN_DOWN(n, m), 0xabcd00000000);
	assert_int_equal(ALIGN_UP(n, m), 0xabcd00001000);
	assert_int_equal(ALIGN_DOWN(n, signed_m), 0xabcd00000000);
	assert_int_equal(ALIGN_UP((uint32_t)0xfff, (uint64_t)0x100000000), 0x100000000);
}

static void align__evaluates_its_number_once(void **state)
{
	size_t calls = 5;

	(void)state;
	assert_int_equal(ALIGN_UP(calls++, 4), 8);
	assert_int_equal(calls, 6);
	assert_int_equal(ROUND_UP(calls++, 4), 8);
	assert_int_equal(calls, 7);
}

static void align__is_a_constant_expression(void **state)
{
	static const char room[ALIGN_UP(5, 8) + ROUND_UP(5, 3)];

	(void)state;
	assert_int_equal(sizeof(room), 14);
}

static void round__takes_any_multiple(void **state)
{
	static const struct {
		unsigned int n, m, down, up, nearest;
	} rows[] = {
		{0, 3, 0, 0, 0},
		{1, 3, 0, 3, 0},
		{2, 3, 0, 3, 3},
		{3, 3, 3, 3, 3},
		{10, 4, 8, 12, 12},
		{9, 4, 8, 12, 8},
		{11, 4, 8, 12, 12},
		{1499, 1000, 1000, 2000, 1000},
		{1500, 1000, 1000, 2000, 2000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ROUND_DOWN(rows[i].n, rows[i].m), rows[i].down);
		assert_int_equal(ROUND_UP(rows[i].n, rows[i].m), rows[i].up);
		assert_int_equal(ROUND(rows[i].n, rows[i].m), rows[i].nearest);
	}
}

static void atomic__counts_and_exchanges(void **state)
{
	uint32_t v = 5, expected = 5;

	(void)state;
	assert_int_equal(atomic_inc_fetch(&v), 6);
	assert_int_equal(atomic_dec_fetch(&v), 5);
	atomic_inc(&v);
	assert_int_equal(atomic_load_acquire(&v), 6);
	atomic_dec(&v);
	assert_true(atomic_cmpxchg(&v, expected, 9));
	assert_int_equal(expected, 5);
	assert_int_equal(v, 9);
	assert_false(atomic_cmpxchg(&v, expected, 1));
	assert_int_equal(expected, 9);
	assert_int_equal(v, 9);
	atomic_store_release(&v, 2);
	assert_int_equal(v, 2);
}

#define ADDS 100000

static void *add_in_two_ways(void *arg)
{
	uint64_t *counter = arg;

	for (unsigned long i = 0, n = test_scale(ADDS); i < n; i++) {
		uint64_t old = LOAD(*counter);

		atomic_inc(counter);
		while (!atomic_cmpxchg(counter, old, old + 2))
			;
		atomic_dec(counter);
	}
	return NULL;
}

static void atomic__loses_no_update_between_threads(void **state)
{
	pthread_t threads[2];
	uint64_t counter = 0;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_in_two_ways, &counter), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* Two threads; each round adds 1, then 2, and takes 1 away. */
	assert_int_equal(counter, 4 * test_scale(ADDS));
}

static void compiler__loads_and_stores_through_names_and_pointers(void **state)
{
	uint16_t v = 1;
	void *p = NULL;

	(void)state;
	STORE(v, 0xbeef);
	assert_int_equal(LOAD(v), 0xbeef);
	STORE_PTR(&v, 0xcafe);
	assert_int_equal(LOAD_PTR(&v), 0xcafe);
	STORE(p, &v);
	assert_ptr_equal(LOAD(p), &v);
	assert_int_equal(likely(4), 1);
	assert_int_equal(unlikely(0), 0);
}

static void compiler__glue_expands_before_it_pastes(void **state)
{
#define SECOND 2
	int name2 = 7;

	(void)state;
	assert_int_equal(glue(name, SECOND), 7);
}

static void endian__bytes_lie_as_the_name_says(void **state)
{
	leint16_t le16 = cpu_to_le16(0x0102);
	leint32_t le32 = cpu_to_le32(0x01020304);
	leint64_t le64 = cpu_to_le64(0x0102030405060708);
	beint16_t be16 = cpu_to_be16(0x0102);
	beint32_t be32 = cpu_to_be32(0x01020304);
	beint64_t be64 = cpu_to_be64(0x0102030405060708);

	(void)state;
	assert_memory_equal(&le16, "\2\1", 2);
	assert_memory_equal(&le32, "\4\3\2\1", 4);
	assert_memory_equal(&le64, "\10\7\6\5\4\3\2\1", 8);
	assert_memory_equal(&be16, "\1\2", 2);
	assert_memory_equal(&be32, "\1\2\3\4", 4);
	assert_memory_equal(&be64, "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(le16_to_cpu(le16), 0x0102);
	assert_int_equal(le32_to_cpu(le32), 0x01020304);
	assert_int_equal(le64_to_cpu(le64), 0x0102030405060708);
	assert_int_equal(be16_to_cpu(be16), 0x0102);
	assert_int_equal(be32_to_cpu(be32), 0x01020304);
	assert_int_equal(be64_to_cpu(be64), 0x0102030405060708);
}

static void endian__macros_are_constants(void **state)
{
	static const struct {
		leint16_t le16;
		beint16_t be16;
		leint32_t le32;
		beint32_t be32;
		leint64_t le64;
		beint64_t be64;
	} __attribute__((packed)) wire = {
		CPU_TO_LE16(0x0102),
		CPU_TO_BE16(0x0102),
		CPU_TO_LE32(0x01020304),
		CPU_TO_BE32(0x01020304),
		CPU_TO_LE64(0x0102030405060708),
		CPU_TO_BE64(0x0102030405060708),
	};

	(void)state;
	assert_memory_equal(&wire,
			    "\2\1"
			    "\1\2"
			    "\4\3\2\1"
			    "\1\2\3\4"
			    "\10\7\6\5\4\3\2\1"
			    "\1\2\3\4\5\6\7\10",
			    28);
	__static_assert(LE16_TO_CPU(CPU_TO_LE16(0x0102)) == 0x0102);
	__static_assert(LE32_TO_CPU(CPU_TO_LE32(0x01020304)) == 0x01020304);
	__static_assert(LE64_TO_CPU(CPU_TO_LE64(0x0102030405060708)) == 0x0102030405060708);
	__static_assert(BE16_TO_CPU(CPU_TO_BE16(0x0102)) == 0x0102);
	__static_assert(BE32_TO_CPU(CPU_TO_BE32(0x01020304)) == 0x01020304);
	__static_assert(BE64_TO_CPU(CPU_TO_BE64(0x0102030405060708)) == 0x0102030405060708);
}

static void endian__be48_at_any_address(void **state)
{
	uint8_t buf[8] = {0xee, 0, 0, 0, 0, 0, 0, 0xee};

	(void)state;
	put_unaligned_be48(0xffff010203040506, buf + 1);
	assert_memory_equal(buf, "\xee\1\2\3\4\5\6\xee", 8);
	assert_int_equal(get_unaligned_be48(buf + 1), 0x010203040506);
}

static void mmio__registers_are_little_endian(void **state)
{
	uint8_t regs[8] __attribute__((aligned(8))) = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	assert_int_equal(le32_to_cpu(mmio_read32(regs + 4)), 0x08070605);
	assert_int_equal(le64_to_cpu(mmio_lh_read64(regs)), 0x0807060504030201);
	assert_int_equal(le64_to_cpu(mmio_read64(regs)), 0x0807060504030201);

	mmio_write32(regs + 4, cpu_to_le32(0xaabbccdd));
	assert_memory_equal(regs, "\1\2\3\4\xdd\xcc\xbb\xaa", 8);
	mmio_lh_write64(regs, cpu_to_le64(0x1122334455667788));
	assert_memory_equal(regs, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	mmio_hl_write64(regs, cpu_to_le64(0x0102030405060708));
	assert_memory_equal(regs, "\10\7\6\5\4\3\2\1", 8);
}

static void exit_42(int sig)
{
	(void)sig;
	_exit(42);
}

/*
 * Write a 64-bit register whose halves lie on both sides of a page boundary, in a process that may
 * not write to one of the pages. What the other half holds afterwards tells which one went first.
 */
static uint32_t other_half(void (*write64)(volatile void *, leint64_t), bool upper_denied)
{
	size_t page = belfry_page_size();
	char *mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	leint32_t other;
	int status;
	pid_t pid;

	assert_ptr_not_equal(mem, MAP_FAILED);
	pid = fork();
	if (!pid) {
		signal(SIGSEGV, exit_42);
		mprotect(mem + (upper_denied ? page : 0), page, PROT_NONE);
		write64(mem + page - 4, cpu_to_le64(0x2222222211111111));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	memcpy(&other, mem + page - (upper_denied ? 4 : 0), 4);
	munmap(mem, 2 * page);
	return le32_to_cpu(other);
}

static void mmio__halves_are_written_in_the_order_of_the_name(void **state)
{
	(void)state;
	assert_int_equal(other_half(mmio_lh_write64, true), 0x11111111);
	assert_int_equal(other_half(mmio_lh_write64, false), 0);
	assert_int_equal(other_half(mmio_hl_write64, true), 0);
	assert_int_equal(other_half(mmio_hl_write64, false), 0x22222222);
}

/* One thread fills a slot and publishes it, the other must never see it half filled. */
struct channel {
	uint64_t payload[6];
	uint32_t seq;
};

#define MESSAGES 20000

static void *publish(void *arg)
{
	struct channel *ch = arg;

	for (uint32_t seq = 1, n = (uint32_t)test_scale(MESSAGES); seq <= n; seq++) {
		/* An even sequence number means that the slot is the writer's. */
		while (LOAD(ch->seq) != 2 * seq - 2)
			sched_yield();
		mb();
		for (int i = 0; i < 6; i++)
			STORE(ch->payload[i], seq + (uint64_t)i);
		wmb();
		STORE(ch->seq, 2 * seq - 1);
	}
	return NULL;
}

static void barrier__a_published_slot_is_whole(void **state)
{
	struct channel ch = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, publish, &ch), 0);
	for (uint32_t seq = 1, n = (uint32_t)test_scale(MESSAGES); seq <= n; seq++) {
		while (LOAD(ch.seq) != 2 * seq - 1)
			sched_yield();
		if (seq & 1)
			rmb();
		else
			dma_rmb();
		for (int i = 0; i < 6; i++)
			assert_int_equal(LOAD(ch.payload[i]), seq + (uint64_t)i);
		mb();
		STORE(ch.seq, 2 * seq);
	}
	pthread_join(thread, NULL);
	barrier();
	dma_wmb();
}

typedef struct counted {
	int *closed;
} counted;

static void counted_close(counted *c)
{
	(*c->closed)++;
}

static void counted_fini(struct counted *c)
{
	(*c->closed) += 10;
}

DEFINE_AUTOPTR(counted, counted_close)
DEFINE_AUTOVAR_STRUCT(counted, counted_fini)

static int leave_early(int *closed, bool early, bool steal)
{
	counted c = {.closed = closed};
	__autoptr(counted) ptr = &c;
	__autovar_s(counted) var = {.closed = closed};

	assert_ptr_equal(var.closed, closed);
	if (early)
		return *ptr->closed;
	if (steal)
		ptr = NULL;
	return -1;
}

static void autoptr__cleans_up_however_the_scope_is_left(void **state)
{
	int closed = 0;

	(void)state;
	assert_int_equal(leave_early(&closed, true, false), 0);
	assert_int_equal(closed, 11);
	leave_early(&closed, false, false);
	assert_int_equal(closed, 22);
}

static void autoptr__null_is_left_alone(void **state)
{
	int closed = 0;

	(void)state;
	leave_early(&closed, false, true);
	assert_int_equal(closed, 10);
}

static void mutex__is_held_until_the_scope_ends(void **state)
{
	pthread_mutex_t lock;

	(void)state;
	assert_int_equal(pthread_mutex_init(&lock, NULL), 0);
	{
		__autolock(&lock);
		assert_int_equal(pthread_mutex_trylock(&lock), EBUSY);
	}
	assert_int_equal(pthread_mutex_trylock(&lock), 0);
	pthread_mutex_unlock(&lock);
}

static void rwlock__is_shared_or_exclusive_until_the_scope_ends(void **state)
{
	static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

	(void)state;
	{
		__autordlock(&lock);
		__autordlock(&lock);
		assert_int_equal(pthread_rwlock_trywrlock(&lock), EBUSY);
	}
	{
		__autowrlock(&lock);
		assert_int_equal(pthread_rwlock_tryrdlock(&lock), EBUSY);
	}
	assert_int_equal(pthread_rwlock_trywrlock(&lock), 0);
	pthread_rwlock_unlock(&lock);
}

static int fail_and_clean_up(void)
{
	set_errno(ENOSPC);
	keep_errno();
	errno = EBADF;
	return -1;
}

static void errno__clean_up_keeps_the_first_error(void **state)
{
	(void)state;
	errno = 0;
	assert_int_equal(set_errno(EBUSY), -1);
	assert_int_equal(errno, EBUSY);
	assert_null(set_errno_null(ENODEV));
	assert_int_equal(errno, ENODEV);
	assert_int_equal(fail_and_clean_up(), -1);
	assert_int_equal(errno, ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(align__rounds_to_powers_of_two),
		cmocka_unit_test(align__a_narrow_multiple_keeps_the_upper_bits),
		cmocka_unit_test(align__evaluates_its_number_once),
		cmocka_unit_test(align__is_a_constant_expression),
		cmocka_unit_test(round__takes_any_multiple),
		cmocka_unit_test(atomic__counts_and_exchanges),
		cmocka_unit_test(atomic__loses_no_update_between_threads),
		cmocka_unit_test(compiler__loads_and_stores_through_names_and_pointers),
		cmocka_unit_test(compiler__glue_expands_before_it_pastes),
		cmocka_unit_test(endian__bytes_lie_as_the_name_says),
		cmocka_unit_test(endian__macros_are_constants),
		cmocka_unit_test(endian__be48_at_any_address),
		cmocka_unit_test(mmio__registers_are_little_endian),
		cmocka_unit_test(mmio__halves_are_written_in_the_order_of_the_name),
		cmocka_unit_test(barrier__a_published_slot_is_whole),
		cmocka_unit_test(autoptr__cleans_up_however_the_scope_is_left),
		cmocka_unit_test(autoptr__null_is_left_alone),
		cmocka_unit_test(mutex__is_held_until_the_scope_ends),
		cmocka_unit_test(rwlock__is_shared_or_exclusive_until_the_scope_ends),
		cmocka_unit_test(errno__clean_up_keeps_the_first_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

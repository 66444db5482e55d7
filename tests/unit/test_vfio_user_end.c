/* SPDX-License-Identifier: MIT */
/*
 * How the client of vfio-user ends: with a server that goes, stops or lies, at each message of a life.
 */
#include <pthread.h>
#include <sys/eventfd.h>

#include "test_vfio_user.h"

/* ---- the end ---- */

static void end__of_the_server_ends_every_call(void **state)
{
	struct iommu_dmabuf buf;
	uint64_t val;
	iova_t iova;
	int fd = eventfd(0, EFD_CLOEXEC);
	unsigned char *mem = private_pages(PAGE);

	(void)state;
	open_with(&plain, "");
	fds_before--;
	assert_works(iommu_get_dmabuf(pci.dev.ctx, &buf, PAGE, 0));
	fake_stop(&fake);
	assert_fails(read_reg(0, 4, &val), ENODEV);
	assert_fails(tp()->ops->reg_write(tp(), 0, 4, 0), ENODEV);
	assert_fails(vfio_set_irq(&pci.dev, &fd, 0, 1), ENODEV);
	assert_fails(vfio_reset(&pci.dev), ENODEV);
	assert_true(tp()->ops->gone(tp()));
	/* Nobody is left to be told. */
	assert_works(iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, 0));
	assert_works(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL));
	iommu_put_dmabuf(&buf);
	vfio_pci_close(&pci);
	munmap(mem, PAGE);
	close(fd);
	assert_int_equal(open_fds(), fds_before);
}

struct waiter {
	pthread_t thread;
	int error;
};

static void *wait_for_register(void *arg)
{
	struct waiter *w = arg;
	uint64_t val;

	w->error = read_reg(0, 4, &val) ? errno : 0;
	return NULL;
}

static void end__wakes_all_that_wait(void **state)
{
	struct waiter waiters[4] = {};
	struct timespec begin;
	unsigned int timed_out = 0;

	(void)state;
	open_with(&plain, ",timeout_ms=100");
	fake.opts.fault = FAKE_STOP;
	fake.opts.fault_at = fake.nr_log;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < ROWS(waiters); i++)
		assert_int_equal(
			pthread_create(&waiters[i].thread, NULL, wait_for_register, &waiters[i]),
			0);
	for (size_t i = 0; i < ROWS(waiters); i++) {
		pthread_join(waiters[i].thread, NULL);
		timed_out += waiters[i].error == ETIMEDOUT;
		if (waiters[i].error != ETIMEDOUT)
			assert_int_equal(waiters[i].error, ENODEV);
	}
	assert_true(timed_out >= 1);
	assert_true(ms_since(&begin) >= 100);
	assert_true(ms_since(&begin) < 5000);
	assert_true(tp()->ops->gone(tp()));
	close_all();
}

/* A life of a client: everything that sends a message. Whatever fails, the rest is tried. */
static void live(unsigned int *failures)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	unsigned char *mem = private_pages(PAGE);
	struct iommu_dmabuf buf = {};
	uint64_t val = 0;
	size_t len = 0;
	uint32_t *words;
	iova_t iova;

	*failures = 1;
	if (!try_open()) {
		*failures = !!iommu_get_dmabuf(pci.dev.ctx, &buf, PAGE, 0);
		*failures += !!iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, 0);
		*failures += !!read_reg(0x10, 4, &val);
		*failures += val != 0;
		*failures += !!vfio_set_irq(&pci.dev, &fd, 1, 1);
		words = tp()->ops->doorbells(tp(), &len);
		*failures += !words;
		if (words && tp()->ops->asleep(tp()))
			tp()->ops->ring(tp(), words, 0);
		*failures += !!tp()->ops->reg_write(tp(), 0x10, 4, 0);
		*failures += !!vfio_disable_irq_all(&pci.dev);
		*failures += !!iommu_unmap_vaddr(pci.dev.ctx, mem, NULL);
		*failures += !!vfio_reset(&pci.dev);
		iommu_put_dmabuf(&buf);
		*failures += tp()->ops->gone(tp());
		vfio_pci_close(&pci);
	}
	munmap(mem, PAGE);
	close(fd);
}

static unsigned int messages_of_a_life(const struct fake_opts *opts)
{
	unsigned int failures, nr;

	start(opts, "");
	live(&failures);
	assert_int_equal(failures, 0);
	nr = fake.nr_log;
	stop();
	return nr;
}

/*
 * At each message of a life, each of the faults. Nothing hangs, nothing leaks, and what the faults
 * did to the reply is noticed; but for a reply that did not matter.
 */
static void live_with_faults(struct fake_opts opts, enum fake_fault from, enum fake_fault end)
{
	unsigned int nr = messages_of_a_life(&opts), failures, noticed = 0, tried = 0;

	assert_true(nr > 30);
	for (unsigned int fault = from; fault < end; fault++) {
		for (unsigned int at = 0; at < nr; at++) {
			struct timespec begin;

			opts.fault = fault;
			opts.fault_at = at;
			start(&opts, ",timeout_ms=30");
			clock_gettime(CLOCK_MONOTONIC, &begin);
			live(&failures);
			if (ms_since(&begin) > 5000)
				fail_msg("fault %u at message %u took %.0f ms", fault, at,
					 ms_since(&begin));
			stop();
			noticed += !!failures;
			tried++;
		}
	}
	/* A posted write has no reply, and closing asks for none that it waits for in vain. */
	assert_true(noticed >= tried * 3 / 4);
}

static void faults__end_or_stop_at_each_message(void **state)
{
	(void)state;
	live_with_faults((struct fake_opts){.twin = true}, FAKE_CLOSE, FAKE_GARBAGE);
}

static void faults__lie_at_each_message(void **state)
{
	(void)state;
	live_with_faults((struct fake_opts){.mmap = true}, FAKE_GARBAGE, FAKE_FAULTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(end__of_the_server_ends_every_call),
		cmocka_unit_test(end__wakes_all_that_wait),
		cmocka_unit_test(faults__end_or_stop_at_each_message),
		cmocka_unit_test(faults__lie_at_each_message),
	};

	return cmocka_run_group_tests_name("vfio_user_end", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The interrupt pin of a controller in another process that has nothing else: the client of vfio-user
 * at one end, and a device of the test's behind the server at the other.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <belfry/vfio.h>

#include "served_device.h"
#include "test.h"
#include "transport/transport.h"

#define PATIENCE_MS 10000
#define QUIET_MS    50

static char dir[] = "/tmp/belfry-pin-XXXXXX";
static struct served_device dev;
static struct vfio_pci_device pci;
static struct pollfd pin = {.events = POLLIN};

static int setup(void **state)
{
	struct serve_pci desc;
	char path[64], name[80];

	(void)state;
	memset(&dev, 0, sizeof(dev));
	memset(&pci, 0, sizeof(pci));
	served_describe(&desc);
	desc.nr_vectors = 0;
	desc.bars[2].size = 0;
	dev.srv = serve_open(&desc, &served_ops, &dev, NULL);
	assert_non_null(dev.srv);
	snprintf(path, sizeof(path), "%s/socket", dir);
	assert_int_equal(serve_listen(dev.srv, path), 0);
	snprintf(name, sizeof(name), "vfio-user:%s", path);
	assert_int_equal(vfio_pci_open(&pci, name), 0);
	pin.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(pin.fd >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vfio_pci_close(&pci);
	serve_close(dev.srv);
	close(pin.fd);
	return 0;
}

static void set_level(bool level)
{
	__atomic_store_n(&dev.level, level, __ATOMIC_RELEASE);
	if (level)
		assert_int_equal(serve_irq(dev.srv, 0), 0);
}

static void expect_signal(void)
{
	eventfd_t count;

	assert_int_equal(poll(&pin, 1, PATIENCE_MS), 1);
	assert_int_equal(eventfd_read(pin.fd, &count), 0);
	assert_int_equal(count, 1);
}

static void expect_none(void)
{
	assert_int_equal(poll(&pin, 1, QUIET_MS), 0);
}

static void pin__is_the_kind_in_use(void **state)
{
	(void)state;
	assert_int_equal(pci.dev.irq_info.index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_int_equal(pci.dev.irq_info.count, 1);
	assert_true(pci.dev.irq_info.flags & VFIO_IRQ_INFO_EVENTFD);
	assert_true(pci.dev.irq_info.flags & VFIO_IRQ_INFO_AUTOMASKED);
	assert_int_equal(vfio_rearm_irq(&pci.dev, 0, 1), 0); /* none is tied */
	assert_int_equal(vfio_rearm_irq(&pci.dev, 1, 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(vfio_set_irq(&pci.dev, &pin.fd, 1, 1), -1);
	assert_int_equal(errno, EINVAL);
}

static void pin__signals_once_until_it_is_rearmed(void **state)
{
	(void)state;
	assert_int_equal(vfio_set_irq(&pci.dev, &pin.fd, 0, 1), 0);
	expect_none();
	set_level(true);
	expect_signal();
	set_level(true);
	expect_none(); /* it is masked */
	assert_int_equal(vfio_rearm_irq(&pci.dev, 0, 1), 0);
	expect_signal(); /* for the line is still up */
	set_level(false);
	assert_int_equal(vfio_rearm_irq(&pci.dev, 0, 1), 0);
	expect_none();
	set_level(true);
	expect_signal();
}

static void pin__is_up_when_it_is_tied(void **state)
{
	(void)state;
	set_level(true);
	assert_int_equal(vfio_set_irq(&pci.dev, &pin.fd, 0, 1), 0);
	expect_signal(); /* once */
	assert_int_equal(vfio_disable_irq(&pci.dev, 0, 1), 0);
	assert_int_equal(vfio_rearm_irq(&pci.dev, 0, 1), 0);
	expect_none();
	assert_int_equal(vfio_set_irq(&pci.dev, &pin.fd, 0, 1), 0);
	expect_signal();
	assert_int_equal(vfio_disable_irq_all(&pci.dev), 0);
	set_level(true);
	expect_none();
}

/* A reset leaves it tied; what was masked by a signal before works again. */
static void pin__after_a_reset(void **state)
{
	struct transport *tp = pci.dev.transport;

	(void)state;
	assert_int_equal(vfio_set_irq(&pci.dev, &pin.fd, 0, 1), 0);
	set_level(true);
	expect_signal();
	set_level(false);
	assert_int_equal(tp->ops->reset(tp), 0);
	set_level(true);
	expect_signal();
}

static int setup_group(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown_group(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pin__is_the_kind_in_use),
		TEST(pin__signals_once_until_it_is_rearmed),
		TEST(pin__is_up_when_it_is_tied),
		TEST(pin__after_a_reset),
	};

	return cmocka_run_group_tests_name("vfio_user_pin", tests, setup_group, teardown_group);
}

/* SPDX-License-Identifier: MIT */
/*
 * PCI utilities where there is nothing to find: names are checked before a file is touched, and what
 * is not there has its errno. What they do to functions is shown in a guest, tests/vm.
 */
#include <errno.h>
#include <stdbool.h>

#include <belfry/pci.h>
#include <belfry/vfio.h>

#include "test.h"

/* No machine has this: the last function of the last device of the last bus of the last domain. */
#define NOWHERE "fffe:ff:1f.7"

static const char *const no_addresses[] = {
	"",
	"0000:01:00",
	"01:00.0",
	"0000:01:00.8",
	"0000:01:00.00",
	"0000:0g:00.0",
	"0000:0A:00.0",
	"0000/01/00.0",
	" 0000:01:00.0",
	"0000:01:00.0/",
	"../../../etc",
};

static void pci__what_is_no_address_is_refused(void **state)
{
	struct vfio_pci_device pci = {};
	unsigned long long value;

	(void)state;
	for (size_t i = 0; i < sizeof(no_addresses) / sizeof(no_addresses[0]); i++) {
		const char *name = no_addresses[i];

		errno = 0;
		assert_int_equal(pci_device_info_get_ull(name, "class", &value), -1);
		assert_int_equal(errno, EINVAL);
		errno = 0;
		assert_null(pci_get_driver(name));
		assert_int_equal(errno, EINVAL);
		errno = 0;
		assert_int_equal(pci_bind(name, "vfio-pci"), -1);
		assert_int_equal(errno, EINVAL);
		errno = 0;
		assert_int_equal(pci_unbind(name), -1);
		assert_int_equal(errno, EINVAL);
		errno = 0;
		assert_int_equal(vfio_pci_open(&pci, name), -1);
		assert_int_equal(errno, EINVAL);
		assert_null(pci.bdf);
	}
}

static void pci__files_are_below_the_function(void **state)
{
	static const char *const files[] = {"../0000:00:00.0/class", "/etc/passwd", "a/../../b"};
	unsigned long long value;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		errno = 0;
		assert_int_equal(pci_device_info_get_ull(NOWHERE, files[i], &value), -1);
		assert_int_equal(errno, EINVAL);
	}
	errno = 0;
	assert_int_equal(pci_driver_new_id("../x", 0x1b36, 0x10), -1);
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_int_equal(pci_driver_remove_id("", 0x1b36, 0x10), -1);
	assert_int_equal(errno, EINVAL);
}

static void pci__what_is_not_there_says_so(void **state)
{
	struct vfio_pci_device pci = {};
	unsigned long long value;

	(void)state;
	errno = 0;
	assert_int_equal(pci_device_info_get_ull(NOWHERE, "class", &value), -1);
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_null(pci_get_iommu_group(NOWHERE));
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_null(pci_get_device_vfio_id(NOWHERE));
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_int_equal(pci_bind(NOWHERE, "vfio-pci"), -1);
	assert_int_equal(errno, ENOENT);
	errno = 0;
	assert_int_equal(pci_vf_get_vfnum(NOWHERE), -1);
	assert_int_equal(errno, ENOENT);
	assert_false(pci_is_vf(NOWHERE));
	assert_false(pci_is_pf(NOWHERE));
	assert_false(pci_is_sriov_supported(NOWHERE));
	errno = 0;
	assert_int_equal(vfio_pci_open(&pci, NOWHERE), -1);
	assert_int_equal(errno, ENOENT);
}

static void pci__an_embedded_controller_is_a_device_too(void **state)
{
	struct vfio_irq_info irq = {.argsz = sizeof(irq)};
	struct vfio_pci_device pci = {};
	char byte;

	(void)state;
	errno = 0;
	assert_int_equal(vfio_pci_get_irq_info(&pci, &irq), -1);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(vfio_pci_open(&pci, "emu:"), 0);
	errno = 0;
	assert_int_equal(vfio_pci_open(&pci, "emu:"), -1);
	assert_int_equal(errno, EALREADY);
	assert_int_equal(pci.classcode, 0x010802);
	assert_int_equal(vfio_pci_get_irq_info(&pci, &irq), 0);
	assert_true(irq.count > 0);
	irq.argsz = 4;
	errno = 0;
	assert_int_equal(vfio_pci_get_irq_info(&pci, &irq), -1);
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_int_equal(vfio_pci_read_config(&pci, &byte, 1, 0), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(vfio_pci_close(&pci), 0);
	assert_int_equal(vfio_pci_close(&pci), 0);
	assert_null(pci.bdf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci__what_is_no_address_is_refused),
		cmocka_unit_test(pci__files_are_below_the_function),
		cmocka_unit_test(pci__what_is_not_there_says_so),
		cmocka_unit_test(pci__an_embedded_controller_is_a_device_too),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}

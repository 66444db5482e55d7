/* SPDX-License-Identifier: MIT */
/*
 * BARs of a pretended vfio-pci: mapped where the kernel says that they can be, and never over the
 * MSI-X table unless it says that this is harmless.
 */
#include <belfry/vfio.h>

#include "dev.h"
#include "kernel.h"
#include "transport/transport.h"

/* Bytes of BAR 2, 64 KiB of it, that can be mapped from @off on; -1 with errno for none. */
static long mappable(struct vfio_pci_device *pci, uint64_t off)
{
	struct transport *tp = pci->dev.transport;
	size_t len = 64 * KIB;
	char *mem = tp->ops->map_bar(tp, 2, off, &len);

	if (!mem)
		return -1;
	mem[0] = mem[len - 1] = 1;
	tp->ops->unmap_bar(tp, 2, mem, len);
	return (long)len;
}

/* A page that the table or the pending bits are in is not mapped, unless the kernel says it may be. */
static void bars__are_mapped_as_the_kernel_says(void **state)
{
	static const struct {
		const char *name;
		struct kernel_bar2 bar2;
		long from_0, from_3000, from_4000, from_5010;
	} rows[] = {
		{"all of it", {0}, 0x10000, 0xd000, 0xc000, 0xaff0},
		{"none of it", {.no_mmap = true}, -1, -1, -1, -1},
		{"the table's page and that of its pending bits",
		 {.table = 0x3000, .pending = 0x4800},
		 0x3000,
		 -1,
		 -1,
		 0xaff0},
		{"the table in the middle of a page, up to the next",
		 {.table = 0x3c00, .pending = 0x3800},
		 0x3000,
		 -1,
		 -1,
		 0xaff0},
		{"the table, which may be mapped",
		 {.table = 0x3000, .pending = 0x4800, .table_ok = true},
		 0x10000,
		 0xd000,
		 0xc000,
		 0xaff0},
		{"none of it, whatever is said of the table",
		 {.no_mmap = true, .table = 0x3000, .pending = 0x4800, .table_ok = true},
		 -1,
		 -1,
		 -1,
		 -1},
	};

	(void)state;
	kernel_start("size=1M,queues=4,cmb=64K", false);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct vfio_pci_device pci = {};

		print_message("# %s\n", rows[i].name);
		kernel_set_bar2(&rows[i].bar2);
		assert_works(vfio_pci_open(&pci, KERNEL_BDF));
		assert_int_equal(mappable(&pci, 0), rows[i].from_0);
		assert_int_equal(mappable(&pci, 0x3000), rows[i].from_3000);
		assert_int_equal(mappable(&pci, 0x4000), rows[i].from_4000);
		assert_int_equal(mappable(&pci, 0x5010), rows[i].from_5010);
		assert_int_equal(mappable(&pci, 0x10000), -1);
		vfio_pci_close(&pci);
	}
	kernel_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars__are_mapped_as_the_kernel_says),
	};

	return cmocka_run_group_tests_name("bars", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What only a PCI function behind vfio-pci has: BARs, configuration space, real interrupts, address
 * spaces that the kernel keeps, several functions in one of them. Run in the guest by cases of
 * tests/vm, with two controllers in BELFRY_DEV and BELFRY_DEV2, serial numbers belfry0 and belfry1.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <belfry/pci.h>
#include <belfry/vfio.h>

#include "dev.h"

#define NR_FDS 4

static const char *second_device(void)
{
	const char *name = getenv("BELFRY_DEV2");

	assert_non_null(name);
	return name;
}

static void make_fds(int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_true(fds[i] >= 0);
	}
}

static void close_fds(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

/* ---- the function ---- */

static void vfio__config_space_and_bars(void **state)
{
	struct vfio_pci_device pci = {};
	struct vfio_irq_info irq = {.argsz = sizeof(irq)};
	volatile uint32_t *regs;
	uint16_t word;
	int fds;

	(void)state;
	fds = open_fds();
	assert_works(vfio_pci_open(&pci, test_device()));
	assert_fails(vfio_pci_open(&pci, test_device()), EALREADY);
	assert_int_equal(pci.classcode, 0x010802);
	assert_string_equal(pci.bdf, test_device());

	assert_int_equal(vfio_pci_read_config(&pci, &word, 2, PCI_COMMAND), 2);
	assert_int_equal(word & 6, 6); /* memory space, bus master */
	assert_works(vfio_pci_get_irq_info(&pci, &irq));
	assert_int_equal(irq.index, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(irq.count, 65);

	regs = vfio_pci_map_bar(&pci, 0, SIZE_MAX, 0, PROT_READ | PROT_WRITE);
	assert_non_null(regs);
	assert_int_equal(regs[2], 0x00010400); /* VS: 1.4 */
	vfio_pci_unmap_bar(&pci, 0, (void *)(uintptr_t)regs, SIZE_MAX, 0);
	assert_null(vfio_pci_map_bar(&pci, 6, 4096, 0, PROT_READ));
	assert_int_equal(errno, EINVAL);
	assert_null(vfio_pci_map_bar(&pci, 0, 4096, UINT64_C(1) << 40, PROT_READ));
	assert_int_equal(errno, EINVAL);
	assert_works(vfio_pci_close(&pci));
	assert_null(pci.bdf);
	assert_int_equal(open_fds(), fds);
}

static void vfio__opened_before_its_driver(void **state)
{
	struct dev dev;

	(void)state;
	memset(&dev, 0, sizeof(dev));
	assert_works(vfio_pci_open(&dev.ctrl.pci, test_device()));
	assert_works(nvme_init(&dev.ctrl, test_device(), NULL));
	dev_look(&dev);
	dev_close(&dev);
}

static void vfio__function_level_reset(void **state)
{
	struct iommu_dmabuf buf;
	struct nvme_sq *sq;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 8);
	buf = dev_buf(&dev, 4096);
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));
	assert_works(vfio_reset(&dev.ctrl.pci.dev));
	assert_works(nvme_reset(&dev.ctrl));
	assert_works(nvme_enable(&dev.ctrl));
	assert_works(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
}

/* ---- interrupts ---- */

/* A flush on a queue with this vector signals this descriptor, or none. */
static bool interrupts(struct dev *dev, int vector, int fd)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
	struct nvme_rq *rq;
	bool seen;

	assert_works(nvme_create_ioqpair(&dev->ctrl, 1, 8, vector, 0));
	rq = nvme_rq_acquire(&dev->ctrl.sq[1]);
	nvme_rq_exec(rq, &cmd);
	seen = fd_signalled(fd, 2000);
	assert_works(dev_wait(rq, NULL));
	nvme_rq_release(rq);
	assert_works(nvme_delete_ioqpair(&dev->ctrl, 1));
	while (fd_signalled(fd, 0)) /* what came late is no interrupt of the next queue */
		;
	return seen;
}

static void vfio__interrupts_by_vector(void **state)
{
	struct dev dev;
	int fds[NR_FDS];

	(void)state;
	dev_open(&dev, test_device());
	make_fds(fds, NR_FDS);

	/* Vectors 2 and 3; then 1 as well; then more than there were. */
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, &fds[2], 2, 2));
	assert_true(interrupts(&dev, 2, fds[2]));
	assert_true(interrupts(&dev, 3, fds[3]));
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, &fds[1], 1, 1));
	assert_true(interrupts(&dev, 1, fds[1]));
	assert_true(interrupts(&dev, 3, fds[3]));
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, &fds[0], 20, 1));
	assert_true(interrupts(&dev, 20, fds[0]));
	assert_true(interrupts(&dev, 2, fds[2]));

	/* One taken away is silent, and its neighbours are not. */
	assert_works(vfio_disable_irq(&dev.ctrl.pci.dev, 2, 1));
	assert_false(interrupts(&dev, 2, fds[2]));
	assert_true(interrupts(&dev, 3, fds[3]));
	assert_works(vfio_disable_irq_all(&dev.ctrl.pci.dev));
	dev_close(&dev);
	close_fds(fds, NR_FDS);
}

static bool msix_is_enabled(struct vfio_pci_device *pci)
{
	uint8_t at, cap[4];

	assert_int_equal(vfio_pci_read_config(pci, &at, 1, PCI_CAPABILITY_LIST), 1);
	while (at) {
		assert_int_equal(vfio_pci_read_config(pci, cap, 4, at), 4);
		if (cap[0] == PCI_CAP_ID_MSIX)
			return cap[3] & 0x80;
		at = cap[1];
	}
	fail_msg("no MSI-X");
	return false;
}

static void vfio__disabled_interrupts_are_off(void **state)
{
	struct vfio_pci_device pci = {};
	int fds[NR_FDS];

	(void)state;
	assert_works(vfio_pci_open(&pci, test_device()));
	make_fds(fds, NR_FDS);
	assert_false(msix_is_enabled(&pci));
	assert_works(vfio_set_irq(&pci.dev, fds, 0, NR_FDS));
	assert_true(msix_is_enabled(&pci));
	assert_works(vfio_disable_irq(&pci.dev, 0, 2));
	assert_true(msix_is_enabled(&pci));
	assert_works(vfio_disable_irq(&pci.dev, 2, 2));
	assert_false(msix_is_enabled(&pci));

	/* On none at all it asks whether there could be so many, and leaves them off. */
	assert_works(vfio_disable_irq(&pci.dev, 0, 65));
	assert_false(msix_is_enabled(&pci));
	assert_fails(vfio_disable_irq(&pci.dev, 0, 66), EINVAL);
	assert_fails(vfio_set_irq(&pci.dev, fds, 64, 2), EINVAL);
	assert_fails(vfio_set_irq(&pci.dev, fds, -1, 1), EINVAL);
	assert_works(vfio_pci_close(&pci));
	close_fds(fds, NR_FDS);
}

/* ---- address spaces ---- */

static void vfio__reserved_iovas_are_left_out(void **state)
{
	struct iommu_iova_range *ranges;
	iova_t msi = 0xfee00000;
	struct dev dev;
	void *mem;
	int n;

	(void)state;
	dev_open(&dev, test_device());
	n = iommu_get_iova_ranges(dev.ctrl.pci.dev.ctx, &ranges);
	assert_true(n >= 2); /* around the window of x86's message-signalled interrupts */
	for (int i = 0; i < n; i++)
		assert_true(ranges[i].last < msi || ranges[i].start > 0xfeefffff);

	assert_true(pgmap(&mem, 4096) == 4096);
	assert_fails(iommu_map_vaddr(dev.ctrl.pci.dev.ctx, mem, 4096, &msi, IOMMU_MAP_FIXED_IOVA),
		     EINVAL);
	pgunmap(mem, 4096);
	dev_close(&dev);
}

static void vfio__permissions_of_mappings(void **state)
{
	struct nvme_sq *sq;
	struct dev dev;
	iova_t iova;
	void *mem;

	(void)state;
	sq = dev_open_io(&dev, 8);
	assert_true(pgmap(&mem, 4096) == 4096);
	assert_works(iommu_map_vaddr(dev.ctrl.pci.dev.ctx, mem, 4096, &iova, IOMMU_MAP_NOWRITE));
	assert_works(dev_move(&dev, sq, NVM_CMD_WRITE, 0, mem, 4096));
	memset(mem, 0x5a, 4096);
	/* The IOMMU stands in the way, and the controller says so or does not: memory is safe. */
	(void)dev_move(&dev, sq, NVM_CMD_READ, 0, mem, 4096);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(((unsigned char *)mem)[i], 0x5a);
	assert_works(iommu_unmap_vaddr(dev.ctrl.pci.dev.ctx, mem, NULL));
	pgunmap(mem, 4096);
	dev_close(&dev);
}

static void vfio__thousands_of_mappings_come_and_go(void **state)
{
	const size_t n = 2000, page = 4096;
	struct dev dev;
	iova_t iova;
	void *mem;

	(void)state;
	dev_open(&dev, test_device());
	assert_true(pgmap(&mem, n * page) > 0);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < n; i++)
			assert_works(iommu_map_vaddr(dev.ctrl.pci.dev.ctx, (char *)mem + i * page,
						     page, &iova, 0));
		for (size_t i = 0; i < n; i++)
			assert_works(iommu_unmap_vaddr(dev.ctrl.pci.dev.ctx, (char *)mem + i * page,
						       NULL));
	}
	pgunmap(mem, n * page);
	dev_close(&dev);
}

/* One address space, two controllers: what is mapped once is read by one and written by the other. */
static void vfio__two_controllers_share(void **state)
{
	struct iommu_dmabuf buf;
	struct dev a, b;
	struct nvme_sq *sq;
	int fds;

	(void)state;
	fds = open_fds();
	sq = dev_open_io(&a, 8);
	dev_open_beside(&b, second_device(), &a);

	buf = dev_buf(&a, 8192);
	dev_fill(buf.vaddr, 4096, 7);
	assert_works(dev_move(&a, sq, NVM_CMD_WRITE, 5, buf.vaddr, 4096));
	assert_works(dev_move(&b, &b.ctrl.sq[1], NVM_CMD_READ, 5, (char *)buf.vaddr + 4096, 4096));
	assert_works(dev_move(&a, sq, NVM_CMD_READ, 5, (char *)buf.vaddr + 4096, 4096));
	assert_memory_equal(buf.vaddr, (char *)buf.vaddr + 4096, 4096);

	/* The first that goes does not take the other's memory along. */
	iommu_put_dmabuf(&buf);
	dev_close(&a);
	buf = dev_buf(&b, 4096);
	assert_works(dev_move(&b, &b.ctrl.sq[1], NVM_CMD_READ, 5, buf.vaddr, 4096));
	iommu_put_dmabuf(&buf);
	dev_close(&b);
	assert_int_equal(open_fds(), fds);
}

static void vfio__twice_is_refused(void **state)
{
	struct nvme_ctrl again = {};
	struct nvme_sq *sq;
	struct iommu_dmabuf buf;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 8);
	assert_fails(nvme_init(&again, test_device(), NULL), EBUSY);
	buf = dev_buf(&dev, 4096);
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
}

static void vfio__memory_of_the_controller(void **state)
{
	struct nvme_sq *sq;
	struct iommu_dmabuf buf;
	struct dev dev;

	(void)state;
	sq = dev_open_io(&dev, 8);
	if (nvme_configure_cmb(&dev.ctrl)) {
		assert_int_equal(errno, ENOTSUP);
		assert_true(iommu_ctx_is_iommufd(dev.ctrl.pci.dev.ctx));
		dev_close(&dev);
		test_skip("this kernel's iommufd does not map a device's memory");
	}
	assert_non_null(dev.ctrl.cmb.vaddr);
	assert_int_equal(dev.ctrl.cmb.size, 16 * MIB);

	/* Through the controller's own memory: to the disk, and back into the host's. */
	buf = dev_buf(&dev, 4096);
	dev_fill(buf.vaddr, 4096, 3);
	memcpy(dev.ctrl.cmb.vaddr, buf.vaddr, 4096);
	assert_works(dev_move(&dev, sq, NVM_CMD_WRITE, 9, dev.ctrl.cmb.vaddr, 4096));
	assert_works(dev_move(&dev, sq, NVM_CMD_COMPARE, 9, buf.vaddr, 4096));
	memset(dev.ctrl.cmb.vaddr, 0, 4096);
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 9, dev.ctrl.cmb.vaddr, 4096));
	assert_memory_equal(dev.ctrl.cmb.vaddr, buf.vaddr, 4096);
	iommu_put_dmabuf(&buf);
	nvme_discard_cmb(&dev.ctrl);
	dev_close(&dev);
}

/* One controller reads into the memory of the other; the host's has no part in it. */
static void vfio__from_one_controller_to_the_other(void **state)
{
	struct iommu_dmabuf buf;
	struct dev a, b;

	(void)state;
	dev_open_io(&a, 8);
	if (nvme_configure_cmb(&a.ctrl)) {
		dev_close(&a);
		test_skip("this kernel's iommufd does not map a device's memory");
	}
	dev_open_beside(&b, second_device(), &a);

	buf = dev_buf(&b, 4096);
	dev_fill(buf.vaddr, 4096, 21);
	assert_works(dev_move(&b, &b.ctrl.sq[1], NVM_CMD_WRITE, 7, buf.vaddr, 4096));
	memset(a.ctrl.cmb.vaddr, 0, 4096);
	assert_works(dev_move(&b, &b.ctrl.sq[1], NVM_CMD_READ, 7, a.ctrl.cmb.vaddr, 4096));
	assert_memory_equal(a.ctrl.cmb.vaddr, buf.vaddr, 4096);
	assert_works(dev_move(&a, &a.ctrl.sq[1], NVM_CMD_WRITE, 7, a.ctrl.cmb.vaddr, 4096));
	assert_works(dev_move(&a, &a.ctrl.sq[1], NVM_CMD_COMPARE, 7, buf.vaddr, 4096));
	iommu_put_dmabuf(&buf);
	nvme_discard_cmb(&a.ctrl);
	dev_close(&b);
	dev_close(&a);
}

/* ---- page faults ---- */

static void vfio__faults_are_told_or_refused(void **state)
{
	struct iommufd_fault_queue fq;
	struct iommu_dmabuf buf;
	struct nvme_sq *sq;
	struct dev dev;
	int fds = open_fds(), devfd, ret;

	(void)state;
	sq = dev_open_io(&dev, 8);
	devfd = dev.ctrl.pci.dev.fd;
	if (iommufd_alloc_fault_queue(&fq)) {
		assert_true(errno == ENOTSUP || errno == ENOENT);
		assert_int_equal(fq.fault_fd, -1);
		iommufd_free_fault_queue(&fq);
		dev_close(&dev);
		test_skip("this kernel has no queues of page faults");
	}
	assert_true(fq.fault_fd >= 0);
	assert_false(fd_signalled(fq.fault_fd, 0));
	assert_fails(iommufd_set_fault_queue(dev.ctrl.pci.dev.ctx, &fq, -1), EINVAL);
	errno = 0;
	ret = iommufd_set_fault_queue(dev.ctrl.pci.dev.ctx, &fq, devfd);
	if (!iommu_ctx_is_iommufd(dev.ctrl.pci.dev.ctx)) {
		assert_int_equal(ret, -1);
		assert_int_equal(errno, EINVAL);
	} else if (ret) {
		/* QEMU's IOMMU and its controllers have no page requests. */
		assert_int_equal(errno, EOPNOTSUPP);
	}

	/* With it or without, the device works as before. */
	buf = dev_buf(&dev, 4096);
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, 4096));
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
	iommufd_free_fault_queue(&fq);
	assert_int_equal(open_fds(), fds);
}

/* ---- names ---- */

static void vfio__what_sysfs_says(void **state)
{
	unsigned long long value;
	char *text;

	(void)state;
	assert_works(pci_device_info_get_ull(test_device(), "class", &value));
	assert_int_equal(value, 0x010802);
	assert_fails(pci_device_info_get_ull(test_device(), "../../../version", &value), EINVAL);
	assert_fails(pci_device_info_get_ull("0000:00:1f.9", "class", &value), EINVAL);
	assert_fails(pci_device_info_get_ull("0000:7f:1f.7", "class", &value), ENOENT);
	text = pci_get_driver(test_device());
	assert_string_equal(text, "vfio-pci");
	free(text);
	text = pci_get_iommu_group(test_device());
	assert_int_equal(access(text, R_OK | W_OK), 0);
	free(text);
	assert_false(pci_is_vf(test_device()));
	assert_false(pci_is_pf(test_device()));
	assert_null(pci_get_vf_bdf(test_device(), 1));
	assert_int_equal(errno, ENOENT);
	assert_null(pci_get_vf_bdf(test_device(), 0));
	assert_int_equal(errno, EINVAL);
	assert_works(pci_bind(test_device(), "vfio-pci"));
	assert_fails(pci_bind(test_device(), "no-such-driver"), ENOENT);
	assert_fails(pci_bind("0000:7f:1f.7", "vfio-pci"), ENOENT);
}

/* An identifier that no function of the guest has. */
static void vfio__identifiers_of_a_driver(void **state)
{
	(void)state;
	assert_works(pci_driver_new_id("vfio-pci", 0x1234, 0xfffe));
	assert_fails(pci_driver_new_id("vfio-pci", 0x1234, 0xfffe), EEXIST);
	assert_works(pci_driver_remove_id("vfio-pci", 0x1234, 0xfffe));
	assert_fails(pci_driver_remove_id("vfio-pci", 0x1234, 0xfffe), ENODEV);
	assert_fails(pci_driver_new_id("no-such-driver", 0x1234, 0xfffe), ENOENT);
}

static void vfio__wrong_names(void **state)
{
	struct nvme_ctrl ctrl = {};
	struct dev dev;

	(void)state;
	assert_fails(nvme_init(&ctrl, "0000:7f:1f.7", NULL), ENOENT);
	assert_fails(nvme_init(&ctrl, "0000:00:00.0", NULL), ENODEV);
	dev_open(&dev, test_device());
	dev_close(&dev);
}

/* All of them, or the one that is named. */
int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vfio__config_space_and_bars),
		cmocka_unit_test(vfio__opened_before_its_driver),
		cmocka_unit_test(vfio__function_level_reset),
		cmocka_unit_test(vfio__interrupts_by_vector),
		cmocka_unit_test(vfio__disabled_interrupts_are_off),
		cmocka_unit_test(vfio__reserved_iovas_are_left_out),
		cmocka_unit_test(vfio__permissions_of_mappings),
		cmocka_unit_test(vfio__thousands_of_mappings_come_and_go),
		cmocka_unit_test(vfio__two_controllers_share),
		cmocka_unit_test(vfio__twice_is_refused),
		cmocka_unit_test(vfio__memory_of_the_controller),
		cmocka_unit_test(vfio__from_one_controller_to_the_other),
		cmocka_unit_test(vfio__faults_are_told_or_refused),
		cmocka_unit_test(vfio__what_sysfs_says),
		cmocka_unit_test(vfio__identifiers_of_a_driver),
		cmocka_unit_test(vfio__wrong_names),
	};

	for (size_t i = 0; argc > 1 && i < ROWS(tests); i++) {
		const struct CMUnitTest one[] = {tests[i]};

		if (!strcmp(tests[i].name, argv[1]))
			return cmocka_run_group_tests_name("vfio", one, NULL, NULL);
	}
	return argc > 1 ? 2 : cmocka_run_group_tests_name("vfio", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The kinds of interrupt. Run in the guest by cases of tests/vm with the name of one test as the
 * argument, because which kinds there are is the machine's. BELFRY_DEV is the controller, and
 * BELFRY_EDU QEMU's device for education: it has one message (MSI) and a line (INTx), and raises
 * what is written to one of its registers until that is written to another.
 */
#include <dirent.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <belfry/vfio.h>

#include "dev.h"

#define EDU_RAISE 0x60
#define EDU_ACK	  0x64

struct edu {
	struct vfio_pci_device pci;
	volatile uint32_t *regs;
	int fd;
};

static void edu_open(struct edu *edu)
{
	const char *name = getenv("BELFRY_EDU");

	assert_non_null(name);
	memset(edu, 0, sizeof(*edu));
	assert_works(vfio_pci_open(&edu->pci, name));
	edu->regs = vfio_pci_map_bar(&edu->pci, 0, 4096, 0, PROT_READ | PROT_WRITE);
	assert_non_null(edu->regs);
	assert_int_equal(edu->regs[0] & 0xff, 0xed);
	edu->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(edu->fd >= 0);
}

static void edu_close(struct edu *edu)
{
	assert_works(vfio_pci_close(&edu->pci));
	close(edu->fd);
}

static void edu_raise(struct edu *edu)
{
	edu->regs[EDU_RAISE / 4] = 1;
}

static void edu_ack(struct edu *edu)
{
	edu->regs[EDU_ACK / 4] = 1;
}

/*
 * Messages that the kernel has for the function: they are off when there are none. The capability
 * does not tell, the kernel answers for it.
 */
static int nr_messages(const struct vfio_pci_device *pci)
{
	char path[128];
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", pci->bdf);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* A function without MSI-X. */
static void irq__one_message(void **state)
{
	struct edu edu;

	(void)state;
	edu_open(&edu);
	assert_int_equal(edu.pci.dev.irq_info.index, VFIO_PCI_MSI_IRQ_INDEX);
	assert_int_equal(edu.pci.dev.irq_info.count, 1);
	assert_int_equal(nr_messages(&edu.pci), 0);
	assert_int_equal(vfio_grant_irq(&edu.pci.dev, 8), 1);
	assert_int_equal(nr_messages(&edu.pci), 0);
	assert_works(vfio_set_irq(&edu.pci.dev, &edu.fd, 0, 1));
	assert_int_equal(nr_messages(&edu.pci), 1);
	for (int i = 0; i < 3; i++) {
		edu_raise(&edu);
		assert_true(fd_signalled(edu.fd, 20000));
		edu_ack(&edu);
	}
	assert_works(vfio_rearm_irq(&edu.pci.dev, 0, 1)); /* nothing to do */
	assert_false(fd_signalled(edu.fd, 50));

	assert_works(vfio_disable_irq_all(&edu.pci.dev));
	assert_int_equal(nr_messages(&edu.pci), 0);
	edu_close(&edu);
}

/* A machine without messages. */
static void irq__a_line(void **state)
{
	struct edu edu;

	(void)state;
	edu_open(&edu);
	assert_int_equal(edu.pci.dev.irq_info.index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_int_equal(edu.pci.dev.irq_info.count, 1);
	assert_true(edu.pci.dev.irq_info.flags & VFIO_IRQ_INFO_AUTOMASKED);
	assert_works(vfio_set_irq(&edu.pci.dev, &edu.fd, 0, 1));

	/* It signals once; again when it is rearmed, for the line is still up. */
	edu_raise(&edu);
	assert_true(fd_signalled(edu.fd, 20000));
	assert_false(fd_signalled(edu.fd, 200));
	assert_works(vfio_rearm_irq(&edu.pci.dev, 0, 1));
	assert_true(fd_signalled(edu.fd, 20000));

	/* Served and rearmed, it is silent until there is a reason. */
	edu_ack(&edu);
	assert_works(vfio_rearm_irq(&edu.pci.dev, 0, 1));
	assert_false(fd_signalled(edu.fd, 200));
	edu_raise(&edu);
	assert_true(fd_signalled(edu.fd, 20000));
	edu_ack(&edu);
	assert_works(vfio_rearm_irq(&edu.pci.dev, 0, 1));
	assert_fails(vfio_rearm_irq(&edu.pci.dev, 1, 1), EINVAL);

	assert_works(vfio_disable_irq_all(&edu.pci.dev));
	edu_raise(&edu);
	assert_false(fd_signalled(edu.fd, 200));
	edu_ack(&edu);
	assert_works(vfio_rearm_irq(&edu.pci.dev, 0, 1)); /* none is tied */
	edu_close(&edu);
}

/* The controller has more vectors than the machine. */
static void irq__fewer_than_wanted(void **state)
{
	struct vfio_pci_device pci = {};
	int fds[512], fd, most, granted;

	(void)state;
	assert_works(vfio_pci_open(&pci, test_device()));
	assert_int_equal(pci.dev.irq_info.index, VFIO_PCI_MSIX_IRQ_INDEX);
	most = (int)pci.dev.irq_info.count;
	assert_int_equal(most, ROWS(fds));
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < most; i++)
		fds[i] = fd;

	granted = vfio_grant_irq(&pci.dev, most);
	print_message("# %d of %d vectors\n", granted, most);
	assert_true(granted > 0);
	assert_true(granted < most);
	assert_int_equal(nr_messages(&pci), 0);
	assert_fails(vfio_set_irq(&pci.dev, fds, 0, most), ENOSPC);
	assert_int_equal(nr_messages(&pci), 0);
	assert_fails(vfio_disable_irq(&pci.dev, 0, most), ENOSPC); /* asks, when none is tied */

	assert_works(vfio_set_irq(&pci.dev, fds, 0, granted));
	assert_fails(vfio_grant_irq(&pci.dev, 1), EBUSY);
	/* A failure leaves what was there. */
	assert_fails(vfio_set_irq(&pci.dev, fds, 0, most), ENOSPC);
	assert_int_equal(nr_messages(&pci), granted);
	assert_works(vfio_disable_irq_all(&pci.dev));
	assert_int_equal(nr_messages(&pci), 0);
	assert_fails(vfio_grant_irq(&pci.dev, 0), EINVAL);
	assert_works(vfio_pci_close(&pci));
	assert_fails(vfio_grant_irq(&pci.dev, 1), ENODEV);
	close(fd);
}

/* Reads and writes, each awaited by its interrupt. */
static void irq__io_by_a_line(void **state)
{
	struct iommu_dmabuf buf;
	struct nvme_sq *sq;
	struct nvme_cqe *cqe;
	struct dev dev;
	int fd;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	assert_int_equal(dev.ctrl.pci.dev.irq_info.index, VFIO_PCI_INTX_IRQ_INDEX);
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, &fd, 0, 1));
	assert_works(nvme_create_ioqpair(&dev.ctrl, 1, 8, 0, 0));
	sq = &dev.ctrl.sq[1];
	buf = dev_buf(&dev, 4096);
	/* What the admin queue has raised so far. */
	(void)fd_signalled(fd, 100);
	assert_works(vfio_rearm_irq(&dev.ctrl.pci.dev, 0, 1));

	for (int i = 0; i < 50; i++) {
		union nvme_cmd cmd =
			dev_rw_cmd(&dev, i % 2 ? NVM_CMD_READ : NVM_CMD_WRITE, 8, 4096);
		struct nvme_rq *rq = nvme_rq_acquire(sq);

		assert_works(nvme_rq_map_prp(&dev.ctrl, rq, &cmd, buf.iova, 4096));
		nvme_rq_exec(rq, &cmd);
		do
			assert_true(fd_signalled(fd, 5000));
		while (!(cqe = nvme_cq_get_cqe(sq->cq)) &&
		       !vfio_rearm_irq(&dev.ctrl.pci.dev, 0, 1));
		assert_true(nvme_cqe_ok(cqe));
		assert_ptr_equal(nvme_rq_from_cqe(&dev.ctrl, cqe), rq);
		nvme_rq_release(rq);
		nvme_cq_update_head(sq->cq);
		assert_works(vfio_rearm_irq(&dev.ctrl.pci.dev, 0, 1));
	}
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(irq__one_message),
		cmocka_unit_test(irq__a_line),
		cmocka_unit_test(irq__fewer_than_wanted),
		cmocka_unit_test(irq__io_by_a_line),
	};

	for (size_t i = 0; argc > 1 && i < ROWS(tests); i++) {
		const struct CMUnitTest one[] = {tests[i]};

		if (!strcmp(tests[i].name, argv[1]))
			return cmocka_run_group_tests_name("irq", one, NULL, NULL);
	}
	fprintf(stderr, "usage: vm_irq TEST\n");
	return 2;
}

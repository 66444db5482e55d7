/* SPDX-License-Identifier: MIT */
/*
 * Ways beside the common one: metadata, interrupts, shadow doorbells, the controller's memory
 * buffer. Each is skipped where the device does not have it.
 */
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <belfry/nvme/map.h>

#include "dev.h"

static union nvme_cmd flush_cmd(const struct dev *dev)
{
	return (union nvme_cmd){.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev->nsid)};
}

/* ---- metadata ---- */

static void metadata__goes_and_comes_back(void **state)
{
	struct iommu_dmabuf data, meta;
	struct nvme_rq *rq;
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	size_t len, ms;
	char *out, *in;

	(void)state;
	if (!dev.ms) {
		dev_close(&dev);
		test_skip("no metadata in a buffer of its own");
	}
	data = dev_buf(&dev, 16 * dev.block);
	meta = dev_buf(&dev, 4096);
	out = meta.vaddr;
	in = out + 2048;
	rq = nvme_rq_acquire(sq);
	for (size_t n = 1; n <= 8; n++) {
		union nvme_cmd cmd = dev_rw_cmd(&dev, NVM_CMD_WRITE, n, n * dev.block);
		size_t off = 4 * n; /* any dword */

		len = n * dev.block;
		ms = n * dev.ms;
		dev_fill(data.vaddr, len, n);
		dev_fill(out + off, ms, 100 + n);
		assert_works(nvme_rq_map_prp(&dev.ctrl, rq, &cmd, data.iova, len));
		assert_works(nvme_map_mptr(&dev.ctrl, &cmd, out + off, ms));
		assert_works(dev_exec(rq, &cmd, NULL));

		memset(in, 0x99, ms + 8);
		cmd = dev_rw_cmd(&dev, NVM_CMD_READ, n, len);
		assert_works(nvme_map_mptr(&dev.ctrl, &cmd, in + 4, ms));
		assert_works(nvme_rq_map_prp(&dev.ctrl, rq, &cmd, data.iova + 8 * dev.block, len));
		assert_works(dev_exec(rq, &cmd, NULL));
		assert_memory_equal(in + 4, out + off, ms);
		assert_memory_equal((char *)data.vaddr + 8 * dev.block, data.vaddr, len);
		assert_int_equal((unsigned char)in[3], 0x99);
		assert_int_equal((unsigned char)in[4 + ms], 0x99);
	}
	nvme_rq_release(rq);
	iommu_put_dmabuf(&data);
	iommu_put_dmabuf(&meta);
	dev_close(&dev);
}

/* ---- interrupts ---- */

static void irq__tells_of_completions(void **state)
{
	union nvme_cmd cmd;
	struct dev dev;
	struct nvme_cq *cq;
	int fds[2];

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	if (dev.ctrl.pci.dev.irq_info.count < 2) {
		dev_close(&dev);
		test_skip("fewer than two interrupt vectors");
	}
	fds[0] = eventfd(0, EFD_NONBLOCK);
	fds[1] = eventfd(0, EFD_NONBLOCK);
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, fds, 0, 2));
	assert_works(nvme_create_ioqpair(&dev.ctrl, 1, 8, 1, 0));
	cq = &dev.ctrl.cq[1];
	assert_int_equal(cq->vector, 1);
	/* The admin queue has vector 0. */
	assert_true(fd_signalled(fds[0], 1000 * DEV_PATIENCE_S));
	while (fd_signalled(fds[0], 50)) /* they may trail the completions */
		;
	assert_false(fd_signalled(fds[1], 0));

	cmd = flush_cmd(&dev);
	for (int i = 0; i < 20; i++) {
		nvme_rq_exec(nvme_rq_acquire(&dev.ctrl.sq[1]), &cmd);
		assert_true(fd_signalled(fds[1], 1000 * DEV_PATIENCE_S));
		assert_works(dev_reap(&dev, cq, NULL));
	}
	assert_false(fd_signalled(fds[0], 0));

	/* Untied: completions, but no signal. */
	assert_works(vfio_disable_irq(&dev.ctrl.pci.dev, 1, 1));
	nvme_rq_exec(nvme_rq_acquire(&dev.ctrl.sq[1]), &cmd);
	assert_works(dev_reap(&dev, cq, NULL));
	assert_false(fd_signalled(fds[1], 20));
	assert_works(vfio_disable_irq_all(&dev.ctrl.pci.dev));
	dev_close(&dev);
	close(fds[0]);
	close(fds[1]);
}

static void irq__a_queue_without_a_vector_signals_nothing(void **state)
{
	union nvme_cmd cmd;
	struct dev dev;
	int fd;

	(void)state;
	dev_open_io(&dev, 8);
	cmd = flush_cmd(&dev);
	fd = eventfd(0, EFD_NONBLOCK);
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, &fd, 0, 1));
	nvme_rq_exec(nvme_rq_acquire(&dev.ctrl.sq[1]), &cmd);
	assert_works(dev_reap(&dev, &dev.ctrl.cq[1], NULL));
	assert_false(fd_signalled(fd, 20));
	assert_works(vfio_disable_irq_all(&dev.ctrl.pci.dev));
	dev_close(&dev);
	close(fd);
}

static void irq__vectors_out_of_range_are_refused(void **state)
{
	struct vfio_device closed = {};
	struct dev dev;
	int fds[2] = {-1, -1}, n;

	(void)state;
	dev_open(&dev, test_device());
	n = (int)dev.ctrl.pci.dev.irq_info.count;
	assert_fails(vfio_set_irq(&dev.ctrl.pci.dev, fds, -1, 1), EINVAL);
	assert_fails(vfio_set_irq(&dev.ctrl.pci.dev, fds, n, 1), EINVAL);
	assert_fails(vfio_set_irq(&dev.ctrl.pci.dev, fds, n - 1, 2), EINVAL);
	assert_fails(vfio_set_irq(&dev.ctrl.pci.dev, fds, 0, 0), EINVAL);
	assert_fails(vfio_set_irq(&dev.ctrl.pci.dev, fds, 0, -1), EINVAL);
	assert_fails(vfio_set_irq(&dev.ctrl.pci.dev, fds, 1, INT32_MAX), EINVAL);
	assert_fails(vfio_set_irq(&dev.ctrl.pci.dev, NULL, 0, 1), EINVAL);
	assert_fails(vfio_disable_irq(&dev.ctrl.pci.dev, n, 1), EINVAL);
	assert_works(vfio_set_irq(&dev.ctrl.pci.dev, fds, n - 1, 1)); /* -1: none */
	assert_in_range(vfio_grant_irq(&dev.ctrl.pci.dev, INT32_MAX), 1, n);
	assert_int_equal(vfio_grant_irq(&dev.ctrl.pci.dev, 1), 1);
	assert_fails(vfio_grant_irq(&dev.ctrl.pci.dev, 0), EINVAL);
	assert_works(vfio_rearm_irq(&dev.ctrl.pci.dev, 0, n));
	assert_fails(vfio_rearm_irq(&dev.ctrl.pci.dev, n, 1), EINVAL);
	dev_close(&dev);
	assert_fails(vfio_rearm_irq(&closed, 0, 1), ENODEV);
	assert_fails(vfio_set_irq(&closed, fds, 0, 1), ENODEV);
	assert_fails(vfio_disable_irq_all(&closed), ENODEV);
}

/* ---- shadow doorbells ---- */

static void dbbuf__queues_go_round(void **state)
{
	struct timespec nap = {.tv_nsec = 15000000};
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 5);
	union nvme_cmd cmd = flush_cmd(&dev);

	(void)state;
	if (!dev.ctrl.dbbuf.doorbells.vaddr) {
		dev_close(&dev);
		test_skip("no shadow doorbells");
	}
	assert_non_null(sq->dbbuf.doorbell);
	assert_non_null(sq->dbbuf.eventidx);
	assert_non_null(sq->cq->dbbuf.doorbell);
	assert_ptr_not_equal(sq->cq->dbbuf.doorbell, sq->dbbuf.doorbell);
	/* Some controllers do not look at those of the admin queue. */
	assert_null(dev.ctrl.adminq.sq->dbbuf.doorbell);
	assert_null(dev.ctrl.adminq.cq->dbbuf.doorbell);

	for (int i = 0; i < 1000; i++) {
		int n = 1 + i % 4;

		for (int k = 0; k < n; k++)
			nvme_rq_post(nvme_rq_acquire(sq), &cmd);
		nvme_sq_update_tail(sq);
		for (int k = 0; k < n; k++)
			assert_works(dev_reap(&dev, sq->cq, NULL));
		/* Long enough for a device to sleep, which must not miss a doorbell. */
		if (i % 100 == 99)
			nanosleep(&nap, NULL);
	}
	assert_int_equal(le32_to_cpu(*(leint32_t *)sq->dbbuf.doorbell), sq->tail);
	assert_int_equal(le32_to_cpu(*(leint32_t *)sq->cq->dbbuf.doorbell), sq->cq->head);
	dev_close(&dev);
}

/* A queue made again under a qid starts at 0, in the shadow too. */
static void dbbuf__queues_are_made_again(void **state)
{
	struct dev dev;
	union nvme_cmd cmd;

	(void)state;
	dev_open_io(&dev, 16);
	cmd = flush_cmd(&dev);
	for (int round = 0; round < 20; round++) {
		struct nvme_sq *sq = &dev.ctrl.sq[1];

		for (int i = 0; i < 7 + round; i++) {
			nvme_rq_exec(nvme_rq_acquire(sq), &cmd);
			assert_works(dev_reap(&dev, sq->cq, NULL));
		}
		assert_works(nvme_delete_ioqpair(&dev.ctrl, 1));
		assert_works(nvme_create_ioqpair(&dev.ctrl, 1, dev_qsize(&dev, 16), -1, 0));
	}
	dev_close(&dev);
}

/* A sleeping device is woken by whatever doorbell there is. */
static void doorbell__wakes_the_device(void **state)
{
	struct timespec nap = {.tv_nsec = 5000000};
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 5);
	union nvme_cmd cmd = flush_cmd(&dev);

	(void)state;
	for (int i = 0; i < 20; i++) {
		nanosleep(&nap, NULL);
		nvme_rq_exec(nvme_rq_acquire(sq), &cmd);
		assert_works(dev_reap(&dev, sq->cq, NULL));
		nanosleep(&nap, NULL);
		assert_works(
			dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	}
	dev_close(&dev);
}

/* ---- controller memory buffer ---- */

/* The way to a device may be one by which its memory cannot be mapped. */
static void need_cmb(struct dev *dev)
{
	if (nvme_configure_cmb(&dev->ctrl)) {
		assert_int_equal(errno, ENOTSUP);
		dev_close(dev);
		test_skip("the memory of a device cannot be mapped for it");
	}
}

static void cmb__holds_data_and_lists(void **state)
{
	struct nvme_rq *rq;
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 8);
	size_t page = (size_t)__mps_to_pagesize(dev.ctrl.config.mps), len;
	struct iommu_dmabuf buf;
	union nvme_cmd cmd;
	struct iovec iov;
	char *cmb;

	(void)state;
	need_cmb(&dev);
	if (!dev.ctrl.cmb.vaddr) {
		nvme_discard_cmb(&dev.ctrl);
		dev_close(&dev);
		test_skip("no controller memory buffer");
	}
	assert_works(nvme_configure_cmb(&dev.ctrl)); /* it is there */
	cmb = dev.ctrl.cmb.vaddr;
	len = 4 * page / dev.block * dev.block;
	if (len > dev.max_len)
		len = dev.max_len;
	assert_true(dev.ctrl.cmb.size >= 6 * page);

	/* Data from the controller's own memory, found like any mapped memory. */
	buf = dev_buf(&dev, 6 * page);
	dev_fill(cmb, len, 77);
	iov = (struct iovec){cmb, len};
	assert_works(dev_rw(&dev, sq, NVM_CMD_WRITE, 0, &iov, 1));
	assert_works(dev_move(&dev, sq, NVM_CMD_READ, 0, buf.vaddr, len));
	assert_memory_equal(buf.vaddr, cmb, len);

	/* And into it, by a list that is in it. */
	rq = nvme_rq_acquire(sq);
	memset(cmb, 0, len);
	cmd = dev_rw_cmd(&dev, NVM_CMD_READ, 0, len);
	assert_works(nvme_map_prp(&dev.ctrl, (leint64_t *)(void *)(cmb + 5 * page), 1, &cmd,
				  dev.ctrl.cmb.iova, len));
	assert_works(dev_exec(rq, &cmd, NULL));
	assert_memory_equal(buf.vaddr, cmb, len);
	nvme_rq_release(rq);
	iommu_put_dmabuf(&buf);

	nvme_discard_cmb(&dev.ctrl);
	assert_null(dev.ctrl.cmb.vaddr);
	assert_works(nvme_configure_cmb(&dev.ctrl)); /* and closed with it in place */
	assert_non_null(dev.ctrl.cmb.vaddr);
	dev_close(&dev);
}

static void cmb__leaves_nothing_mapped(void **state)
{
	struct dev dev;
	size_t mapped;

	(void)state;
	dev_open(&dev, test_device());
	need_cmb(&dev);
	nvme_discard_cmb(&dev.ctrl);
	mapped = mapped_bytes(__iommu_ctx(&dev.ctrl));
	for (int i = 0; i < 10; i++) {
		assert_works(nvme_configure_cmb(&dev.ctrl));
		nvme_discard_cmb(&dev.ctrl);
		nvme_discard_cmb(&dev.ctrl);
		assert_int_equal(mapped_bytes(__iommu_ctx(&dev.ctrl)), mapped);
	}
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metadata__goes_and_comes_back),
		cmocka_unit_test(irq__tells_of_completions),
		cmocka_unit_test(irq__a_queue_without_a_vector_signals_nothing),
		cmocka_unit_test(irq__vectors_out_of_range_are_refused),
		cmocka_unit_test(dbbuf__queues_go_round),
		cmocka_unit_test(dbbuf__queues_are_made_again),
		cmocka_unit_test(doorbell__wakes_the_device),
		cmocka_unit_test(cmb__holds_data_and_lists),
		cmocka_unit_test(cmb__leaves_nothing_mapped),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}

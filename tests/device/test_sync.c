/* SPDX-License-Identifier: MIT */
/*
 * Synchronous transfers: any memory will do, mapped or not, aligned or not, shared or not; nothing
 * stays mapped, and no tracker taken.
 */
#include <pthread.h>

#include <belfry/support/mem.h>

#include "dev.h"

static int sync_rw(struct dev *dev, int qid, uint8_t opcode, uint64_t slba, void *buf, size_t len)
{
	union nvme_cmd cmd = dev_rw_cmd(dev, opcode, slba, len);

	return nvme_sync(&dev->ctrl, &dev->ctrl.sq[qid], &cmd, buf, len, NULL);
}

static void there_and_back(struct dev *dev, void *out, void *in, size_t len)
{
	dev_fill(out, len, len ^ (uintptr_t)out);
	memset(in, 0, len);
	if (sync_rw(dev, 1, NVM_CMD_WRITE, 2, out, len) ||
	    sync_rw(dev, 1, NVM_CMD_READ, 2, in, len))
		fail_msg("%zu bytes: %s", len, strerror(errno));
	assert_memory_equal(in, out, len);
}

static void sync__memory_of_any_alignment(void **state)
{
	struct dev dev;
	char *out, *in;

	(void)state;
	dev_open_io(&dev, 8);
	out = xmalloc(8 * dev.block + 64);
	in = xmalloc(8 * dev.block + 64);
	for (size_t off = 0; off < 9; off++) {
		for (size_t n = 1; n <= 8 && n * dev.block <= dev.max_len; n++)
			there_and_back(&dev, out + off, in + 8 - off, n * dev.block);
	}
	free(out);
	free(in);
	assert_int_equal(dev.ctrl.sq[1].nr_rqs, 7);
	for (int i = 0; i < 7; i++)
		assert_non_null(nvme_rq_acquire(&dev.ctrl.sq[1]));
	dev_close(&dev);
}

static void sync__bytes_around_are_left_alone(void **state)
{
	struct dev dev;
	unsigned char *in;

	(void)state;
	dev_open_io(&dev, 8);
	in = xmalloc(dev.block + 128);
	memset(in, 0x77, dev.block + 128);
	assert_works(sync_rw(&dev, 1, NVM_CMD_READ, 0, in + 63, dev.block));
	for (int i = 0; i < 63; i++)
		assert_int_equal(in[i], 0x77);
	for (size_t i = 0; i < 65; i++)
		assert_int_equal(in[63 + dev.block + i], 0x77);
	free(in);
	dev_close(&dev);
}

static void sync__whole_pages_mapped_or_not(void **state)
{
	struct iommu_dmabuf mapped;
	struct dev dev;
	void *out, *in;
	size_t len;

	(void)state;
	dev_open_io(&dev, 8);
	len = dev.max_len < 64 * KIB ? dev.max_len : 64 * KIB;
	len -= len % dev.block;
	assert_true(pgmap(&out, len) > 0);
	assert_true(pgmap(&in, len) > 0);
	mapped = dev_buf(&dev, len);

	there_and_back(&dev, out, in, len);
	there_and_back(&dev, mapped.vaddr, in, len);
	there_and_back(&dev, out, mapped.vaddr, len);
	assert_false(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl), out, NULL));
	assert_false(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl), in, NULL));
	assert_true(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl), mapped.vaddr, NULL));

	/* A mapping of the caller's is used, and may be unmapped afterwards. */
	assert_works(
		iommu_map_vaddr(__iommu_ctx(&dev.ctrl), out, len % 4096 ? 4096 : len, NULL, 0));
	there_and_back(&dev, out, in, len);
	assert_works(iommu_unmap_vaddr(__iommu_ctx(&dev.ctrl), out, NULL));

	iommu_put_dmabuf(&mapped);
	assert_works(pgunmap(out, len));
	assert_works(pgunmap(in, len));
	dev_close(&dev);
}

/* Half of it mapped: neither the mapping nor the pages alone will do. */
static void sync__half_mapped(void **state)
{
	struct dev dev;
	char *out, *in;
	size_t len;

	(void)state;
	dev_open_io(&dev, 8);
	len = dev.block > 4096 ? dev.block : 8192 / dev.block * dev.block;
	if (len > dev.max_len) {
		dev_close(&dev);
		test_skip("transfers of two pages are too long");
	}
	assert_true(pgmap((void **)&out, 16384) > 0);
	assert_true(pgmap((void **)&in, 16384) > 0);
	assert_works(iommu_map_vaddr(__iommu_ctx(&dev.ctrl), out, 4096, NULL, 0));
	assert_works(iommu_map_vaddr(__iommu_ctx(&dev.ctrl), in + 4096, 4096, NULL, 0));
	there_and_back(&dev, out, in, len);
	there_and_back(&dev, out + 8, in + 100, len);
	assert_works(iommu_unmap_vaddr(__iommu_ctx(&dev.ctrl), out, NULL));
	assert_works(iommu_unmap_vaddr(__iommu_ctx(&dev.ctrl), in + 4096, NULL));
	assert_works(pgunmap(out, 16384));
	assert_works(pgunmap(in, 16384));
	dev_close(&dev);
}

static void sync__as_much_as_goes(void **state)
{
	struct dev dev;
	void *out, *in;
	size_t len;

	(void)state;
	dev_open_io(&dev, 8);
	/* No limit: 9 MiB need several PRP list pages. */
	len = dev.ctrl.config.mdts ? (size_t)dev.ctrl.config.mdts : 9 * MIB;
	len -= len % dev.block;
	if (len > 65536 * dev.block)
		len = 65536 * dev.block;
	if (dev.ms)
		len = dev.max_len; /* as much as there is memory for metadata */
	assert_true(pgmap(&out, len + 4096) > 0);
	assert_true(pgmap(&in, len + 4096) > 0);
	there_and_back(&dev, out, in, len);
	there_and_back(&dev, (char *)out + 12, (char *)in + 1, len);
	if (dev.ctrl.config.mdts) {
		union nvme_cmd cmd = {.opcode = NVM_CMD_READ};

		assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, in,
				       (size_t)dev.ctrl.config.mdts + 4, NULL),
			     EMSGSIZE);
	}
	assert_works(pgunmap(out, len + 4096));
	assert_works(pgunmap(in, len + 4096));
	dev_close(&dev);
}

static void sync__bad_arguments(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ};
	struct dev dev;
	char byte[16];

	(void)state;
	dev_open_io(&dev, 8);
	assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, (void *)-16, 4096, NULL), EINVAL);
	assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, byte, SIZE_MAX, NULL), EINVAL);
	if (dev.ctrl.config.mdts) {
		/* More than there is memory for, by a long way: it is not asked for. */
		assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, byte, SIZE_MAX / 2, NULL),
			     EMSGSIZE);
	}
	assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, NULL, 512, NULL), EINVAL);
	assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, byte, 0, NULL), EINVAL);
	assert_fails(nvme_sync(&dev.ctrl, NULL, &cmd, byte, 16, NULL), EINVAL);
	assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[2], &cmd, byte, 16, NULL), EINVAL);
	dev_close(&dev);
}

/* No tracker is free: nothing stays mapped. */
static void sync__no_tracker(void **state)
{
	struct dev dev;
	struct nvme_sq *sq = dev_open_io(&dev, 4);
	struct nvme_rq *rqs[3];
	struct nvme_cqe cqe;
	union nvme_cmd cmd;
	void *mem;

	(void)state;
	assert_true(pgmap(&mem, 16 * KIB) > 0);
	for (int i = 0; i < 3; i++)
		rqs[i] = nvme_rq_acquire(sq);
	cmd = dev_rw_cmd(&dev, NVM_CMD_READ, 0, dev.block);
	memset(&cqe, 0xff, sizeof(cqe));
	assert_fails(nvme_sync(&dev.ctrl, sq, &cmd, mem, dev.block, &cqe), EBUSY);
	assert_int_equal(le64_to_cpu(cqe.qw0), 0);
	assert_int_equal(cqe.cid, 0);
	assert_false(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl), mem, NULL));
	for (int i = 0; i < 3; i++)
		nvme_rq_release(rqs[i]);
	assert_works(sync_rw(&dev, 1, NVM_CMD_READ, 0, mem, dev.block));
	assert_works(pgunmap(mem, 16 * KIB));
	dev_close(&dev);
}

static void sync__refusals(void **state)
{
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	struct dev dev;
	unsigned char *in;

	(void)state;
	dev_open_io(&dev, 8);
	in = xmalloc(dev.block);
	memset(in, 0x33, dev.block);
	cmd = dev_rw_cmd(&dev, NVM_CMD_READ, dev.nr_blocks, dev.block);
	assert_fails(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, in, dev.block, &cqe), ERANGE);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_LBA_RANGE);
	/* What did not arrive is not copied either. */
	for (size_t i = 0; i < dev.block; i++)
		assert_int_equal(in[i], 0x33);

	/* Without data, the data pointer is the caller's. */
	cmd = (union nvme_cmd){.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(dev.nsid)};
	assert_works(nvme_sync(&dev.ctrl, &dev.ctrl.sq[1], &cmd, NULL, 0, &cqe));
	assert_true(nvme_cqe_ok(&cqe));
	free(in);
	dev_close(&dev);
}

struct mover {
	pthread_t thread;
	struct dev *dev;
	int qid;
	void *buf;
	size_t len;
	unsigned long rounds;
	int err;
};

static void *move(void *arg)
{
	struct mover *m = arg;

	for (unsigned long i = 0; i < m->rounds && !m->err; i++) {
		if (sync_rw(m->dev, m->qid, NVM_CMD_WRITE, (uint64_t)m->qid * 16, m->buf, m->len))
			m->err = errno;
	}
	return NULL;
}

/* Two threads send from the same memory, which neither has mapped. */
static void sync__one_buffer_and_two_threads(void **state)
{
	struct mover movers[2];
	struct dev dev;
	void *mem, *in;
	size_t len;

	(void)state;
	dev_open_io(&dev, 8);
	if (dev.ctrl.config.nsqa < 1) {
		dev_close(&dev);
		test_skip("one queue only");
	}
	assert_works(nvme_create_ioqpair(&dev.ctrl, 2, 8, -1, 0));
	len = dev.block > 4096 ? dev.block : 4096 / dev.block * dev.block;
	assert_true(pgmap(&mem, 8192) > 0);
	assert_true(pgmap(&in, 8192) > 0);
	dev_fill(mem, len, 8);
	for (int i = 0; i < 2; i++) {
		movers[i] = (struct mover){.dev = &dev,
					   .qid = i + 1,
					   .buf = mem,
					   .len = len,
					   .rounds = test_scale(1000)};
		assert_int_equal(pthread_create(&movers[i].thread, NULL, move, &movers[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(movers[i].thread, NULL);
		assert_int_equal(movers[i].err, 0);
		assert_works(sync_rw(&dev, 1, NVM_CMD_READ, (uint64_t)(i + 1) * 16, in, len));
		assert_memory_equal(in, mem, len);
	}
	assert_false(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl), mem, NULL));
	assert_works(pgunmap(mem, 8192));
	assert_works(pgunmap(in, 8192));
	dev_close(&dev);
}

static void sync__leaves_nothing_behind(void **state)
{
	struct dev dev;
	size_t mapped;
	void *mem;

	(void)state;
	dev_open_io(&dev, 8);
	assert_true(pgmap(&mem, 32 * KIB) > 0);
	mapped = mapped_bytes(__iommu_ctx(&dev.ctrl));
	for (unsigned long i = 0; i < test_scale(2000); i++) {
		assert_works(sync_rw(&dev, 1, NVM_CMD_READ, 0, mem, dev.block));
		assert_works(sync_rw(&dev, 1, NVM_CMD_READ, 0, (char *)mem + 3, dev.block));
		assert_fails(sync_rw(&dev, 1, NVM_CMD_READ, dev.nr_blocks, mem, dev.block), ERANGE);
	}
	assert_int_equal(mapped_bytes(__iommu_ctx(&dev.ctrl)), mapped);
	assert_works(pgunmap(mem, 32 * KIB));
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sync__memory_of_any_alignment),
		cmocka_unit_test(sync__bytes_around_are_left_alone),
		cmocka_unit_test(sync__whole_pages_mapped_or_not),
		cmocka_unit_test(sync__half_mapped),
		cmocka_unit_test(sync__as_much_as_goes),
		cmocka_unit_test(sync__bad_arguments),
		cmocka_unit_test(sync__no_tracker),
		cmocka_unit_test(sync__refusals),
		cmocka_unit_test(sync__one_buffer_and_two_threads),
		cmocka_unit_test(sync__leaves_nothing_behind),
	};

	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}

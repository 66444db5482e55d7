/* SPDX-License-Identifier: MIT */
/*
 * Memory of devices behind no IOMMU. Run in the guest of tests/vm/noiommu.sh, with two controllers
 * in BELFRY_DEV and BELFRY_DEV2.
 */
#include <sys/mman.h>

#include "dev.h"

static void noiommu__memory_is_where_it_is(void **state)
{
	struct iommu_dmabuf a, b;
	struct iommu_ctx *ctx;
	struct dev dev;
	iova_t iova = 0x40000000;
	void *mem;

	(void)state;
	dev_open(&dev, test_device());
	ctx = dev.ctrl.pci.dev.ctx;
	assert_false(iommu_ctx_is_iommufd(ctx));
	a = dev_buf(&dev, 4096);
	b = dev_buf(&dev, 2 * MIB);
	assert_int_equal(a.len, 2 * MIB);
	assert_int_equal(a.iova % (2 * MIB), 0);
	assert_int_not_equal(a.iova, b.iova);
	assert_true(a.iova < 8 * GIB); /* the guest has no more */
	assert_int_equal(iommu_translate_iova(ctx, a.iova + 5, &mem), 2 * MIB - 5);
	assert_ptr_equal(mem, (char *)a.vaddr + 5);

	/* Other memory, another place: refused. */
	assert_true(pgmap(&mem, 4096) == 4096);
	memset(mem, 1, 4096);
	assert_fails(iommu_map_vaddr(ctx, mem, 4096, NULL, 0), ENOTSUP);
	assert_fails(iommu_map_vaddr(ctx, mem, 4096, &iova, IOMMU_MAP_FIXED_IOVA), ENOTSUP);
	pgunmap(mem, 4096);
	assert_null(iommu_alloc_same_iova(ctx, 4096));
	assert_int_equal(errno, ENOTSUP);

	/* More than a piece is in one piece, or refused. */
	mem = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	if (iommu_map_vaddr(ctx, mem, 4 * MIB, &iova, 0)) {
		assert_int_equal(errno, ENOTSUP);
	} else {
		assert_int_equal(iova % (2 * MIB), 0);
		assert_works(iommu_unmap_vaddr(ctx, mem, NULL));
	}
	assert_works(iommu_map_vaddr(ctx, (char *)mem + 2 * MIB, 2 * MIB, &iova, 0));
	assert_works(iommu_unmap_vaddr(ctx, (char *)mem + 2 * MIB, NULL));
	munmap(mem, 4 * MIB);

	iommu_put_dmabuf(&a);
	iommu_put_dmabuf(&b);
	dev_close(&dev);
}

static void noiommu__two_controllers_share(void **state)
{
	struct iommu_dmabuf buf;
	struct nvme_sq *sq;
	struct dev a, b;
	int fds;

	(void)state;
	fds = open_fds();
	sq = dev_open_io(&a, 8);
	dev_open_beside(&b, getenv("BELFRY_DEV2"), &a);
	buf = dev_buf(&a, 8192);
	dev_fill(buf.vaddr, 4096, 7);
	assert_works(dev_move(&b, &b.ctrl.sq[1], NVM_CMD_WRITE, 5, buf.vaddr, 4096));
	assert_works(dev_move(&b, &b.ctrl.sq[1], NVM_CMD_READ, 5, (char *)buf.vaddr + 4096, 4096));
	assert_memory_equal(buf.vaddr, (char *)buf.vaddr + 4096, 4096);
	assert_works(dev_move(&a, sq, NVM_CMD_WRITE, 5, buf.vaddr, 4096));
	iommu_put_dmabuf(&buf);
	dev_close(&a);
	dev_close(&b);
	assert_int_equal(open_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noiommu__memory_is_where_it_is),
		cmocka_unit_test(noiommu__two_controllers_share),
	};

	return cmocka_run_group_tests_name("noiommu", tests, NULL, NULL);
}

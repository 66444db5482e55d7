/* SPDX-License-Identifier: MIT */
/* What a controller says about itself, and that the driver has understood it. */
#include <belfry/support/mem.h>

#include "dev.h"
#include "nvme/priv.h"

static int identify(struct dev *dev, uint8_t cns, uint32_t nsid, void *data, struct nvme_cqe *cqe)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = cns}};

	cmd.nsid = cpu_to_le32(nsid);
	return nvme_admin(&dev->ctrl, &cmd, data, NVM_IDENTIFY_SIZE, cqe);
}

static void identify__controller(void **state)
{
	struct dev dev;
	uint32_t vs;

	(void)state;
	dev_open(&dev, test_device());
	assert_works(nvme_reg_read32(&dev.ctrl, NVM_REG_VS, &vs));
	assert_int_equal(le32_to_cpu(dev.id.ver), vs);
	assert_true(vs >= NVME_VERSION(1, 0, 0));

	/* Entries of 64 and 16 bytes: required, and no other is asked for by the driver. */
	assert_int_equal(dev.id.sqes & 0xf, 6);
	assert_int_equal(dev.id.cqes & 0xf, 4);
	assert_true(dev.id.sqes >> 4 >= 6);
	assert_true(dev.id.cqes >> 4 >= 4);

	/* ASCII, padded with spaces. */
	for (size_t i = 0; i < sizeof(dev.id.sn); i++)
		assert_in_range(dev.id.sn[i], 0x20, 0x7e);
	for (size_t i = 0; i < sizeof(dev.id.mn); i++)
		assert_in_range(dev.id.mn[i], 0x20, 0x7e);
	dev_close(&dev);
}

static void identify__the_driver_has_understood(void **state)
{
	struct dev dev;
	uint64_t cap;
	uint32_t sgls;

	(void)state;
	dev_open(&dev, test_device());
	assert_works(nvme_reg_read64(&dev.ctrl, NVM_REG_CAP, &cap));
	assert_int_equal(dev.ctrl.config.mqes, cap & 0xffff);
	assert_int_equal(dev.ctrl.config.dstrd, cap >> 32 & 0xf);
	assert_in_range(dev.ctrl.config.mps, cap >> 48 & 0xf, cap >> 52 & 0xf);

	if (dev.id.mdts)
		assert_int_equal(dev.ctrl.config.mdts,
				 1ull << (12 + (cap >> 48 & 0xf) + dev.id.mdts));
	else
		assert_int_equal(dev.ctrl.config.mdts, 0);

	/* Bits 1:0, not "not zero". */
	sgls = le32_to_cpu(dev.id.sgls) & 3;
	assert_int_equal(!!(dev.ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED), sgls == 1 || sgls == 2);
	assert_int_equal(!!(dev.ctrl.flags & NVME_CTRL_F_SGLS_DWORD_ALIGNMENT), sgls == 2);

	assert_in_range(dev.ctrl.config.nsqa, 0, dev.ctrl.opts.nsqr);
	assert_in_range(dev.ctrl.config.ncqa, 0, dev.ctrl.opts.ncqr);
	assert_int_equal(dev.ctrl.timeout_ms, NVME_TIMEOUT_MS_DEFAULT);
	dev_close(&dev);
}

static void identify__namespaces(void **state)
{
	struct dev dev;
	leint32_t list[1024];
	struct nvm_id_ns ns;

	(void)state;
	dev_open(&dev, test_device());
	if (!dev.nsid) {
		dev_close(&dev);
		test_skip("no active namespace");
	}

	assert_works(identify(&dev, NVM_CNS_ACTIVE_NS_LIST, 0, list, NULL));
	for (int i = 0; i < 1024 && le32_to_cpu(list[i]); i++) {
		uint32_t nsid = le32_to_cpu(list[i]);

		assert_in_range(nsid, i ? le32_to_cpu(list[i - 1]) + 1 : 1, le32_to_cpu(dev.id.nn));
		assert_works(identify(&dev, NVM_CNS_NS, nsid, &ns, NULL));
		assert_true(le64_to_cpu(ns.nsze) > 0);
		assert_true(le64_to_cpu(ns.ncap) <= le64_to_cpu(ns.nsze));
		assert_true(le64_to_cpu(ns.nuse) <= le64_to_cpu(ns.ncap));
		assert_in_range(ns.flbas & 0xf, 0, ns.nlbaf);
		assert_true(ns.lbaf[ns.flbas & 0xf].lbads >= 9);
	}
	dev_close(&dev);
}

static void identify__refusals_have_a_status_and_an_errno(void **state)
{
	struct nvme_cqe cqe;
	struct dev dev;
	char data[4096];

	(void)state;
	dev_open(&dev, test_device());
	assert_fails(identify(&dev, 0xbf, 0, data, &cqe), EINVAL); /* a reserved CNS */
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_INVALID_FIELD);

	assert_fails(identify(&dev, NVM_CNS_NS, 0xfffffffe, data, &cqe), ENXIO);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_INVALID_NS);
	dev_close(&dev);
}

/* The buffer may be any memory: the library finds a way to make it reachable. */
static void identify__into_any_memory(void **state)
{
	struct iommu_dmabuf mapped;
	struct dev dev;
	char *heap = xmalloc(2 * NVM_IDENTIFY_SIZE);
	char stack[NVM_IDENTIFY_SIZE];
	void *pages;

	(void)state;
	dev_open(&dev, test_device());
	mapped = dev_buf(&dev, NVM_IDENTIFY_SIZE);
	assert_true(pgmap(&pages, NVM_IDENTIFY_SIZE) == NVM_IDENTIFY_SIZE);

	assert_works(identify(&dev, NVM_CNS_CTRL, 0, stack, NULL));
	assert_works(identify(&dev, NVM_CNS_CTRL, 0, heap + 1, NULL));
	assert_works(identify(&dev, NVM_CNS_CTRL, 0, pages, NULL));
	assert_works(identify(&dev, NVM_CNS_CTRL, 0, mapped.vaddr, NULL));
	assert_memory_equal(stack, &dev.id, sizeof(dev.id));
	assert_memory_equal(heap + 1, &dev.id, sizeof(dev.id));
	assert_memory_equal(pages, &dev.id, sizeof(dev.id));
	assert_memory_equal(mapped.vaddr, &dev.id, sizeof(dev.id));

	/* Nothing of it stays mapped. */
	assert_false(iommu_translate_vaddr(__iommu_ctx(&dev.ctrl), pages, NULL));
	assert_works(pgunmap(pages, NVM_IDENTIFY_SIZE));
	iommu_put_dmabuf(&mapped);
	free(heap);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identify__controller),
		cmocka_unit_test(identify__the_driver_has_understood),
		cmocka_unit_test(identify__namespaces),
		cmocka_unit_test(identify__refusals_have_a_status_and_an_errno),
		cmocka_unit_test(identify__into_any_memory),
	};

	return cmocka_run_group_tests_name("identify", tests, NULL, NULL);
}

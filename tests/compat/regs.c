/* SPDX-License-Identifier: MIT */
/*
 * A tool that shows registers and uses the controller's memory buffer, in the manner of libvfn's
 * examples: registers through a mapped BAR, ranges of IOVAs, memory whose address is its IOVA, the
 * buffer for data and for a queue.
 */
#include <vfn/nvme.h>
#include <vfn/pci.h>

#include "check.h"

enum {
	REG_CAP = 0x0,
	REG_VS = 0x8,
	REG_CSTS = 0x1c,
	IDENTIFY = 0x06,
	WRITE = 0x01,
	READ = 0x02,
};

static struct nvme_ctrl ctrl;

static void registers(void)
{
	uint64_t cap = le64_to_cpu(mmio_read64((char *)ctrl.regs + REG_CAP));
	uint32_t vs = le32_to_cpu(mmio_read32((char *)ctrl.regs + REG_VS));
	void *bar;

	CHECK((int)(cap & 0xffff) == ctrl.config.mqes);
	CHECK(le64_to_cpu(mmio_lh_read64((char *)ctrl.regs + REG_CAP)) == cap);
	CHECK(vs >= NVME_VERSION(1, 0, 0) && vs < NVME_VERSION(3, 0, 0));
	CHECK(le32_to_cpu(mmio_read32((char *)ctrl.regs + REG_CSTS)) & 1);
	CHECK(ctrl.pci.classcode == 0x010802);

	bar = vfio_pci_map_bar(&ctrl.pci, 0, 0x1000, 0, PROT_READ | PROT_WRITE);
	CHECK(bar);
	CHECK(le32_to_cpu(mmio_read32((char *)bar + REG_VS)) == vs);
	vfio_pci_unmap_bar(&ctrl.pci, 0, bar, 0x1000, 0);
	errno = 0;
	CHECK(!vfio_pci_map_bar(&ctrl.pci, 6, 0x1000, 0, PROT_READ) && errno);
	PASSED("registers by two mappings");
}

static void config_space(void)
{
	uint16_t ids[2], command;

	if (vfio_pci_read_config(&ctrl.pci, ids, sizeof(ids), 0) != sizeof(ids)) {
		CHECK(errno == EBADF);
		SKIPPED("configuration space", "the device has none");
		return;
	}
	CHECK(ids[0] != 0xffff && ids[0]);
	CHECK(vfio_pci_read_config(&ctrl.pci, &command, 2, 4) == 2);
	CHECK(command & 0x4); /* bus master */
	CHECK(vfio_pci_write_config(&ctrl.pci, &command, 2, 4) == 2);
	PASSED("configuration space");
}

/* iommufd where there is one, unless the environment says otherwise; and it can be told. */
static void kind_of_address_space(void)
{
	bool kernel = strchr(ctrl.pci.bdf, '.') && ctrl.pci.dev.fd >= 0;
	bool iommufd = kernel && !getenv("VFN_IOMMU_FORCE_VFIO") &&
		       !access("/dev/vfio/devices", F_OK) && !access("/dev/iommu", F_OK);

	CHECK(iommu_ctx_is_iommufd(__iommu_ctx(&ctrl)) == iommufd);
	PASSED(iommufd ? "iommufd" : "no iommufd");
}

static void addresses(void)
{
	struct iommu_iova_range *ranges;
	int n = iommu_get_iova_ranges(__iommu_ctx(&ctrl), &ranges);
	union nvme_cmd cmd = {.identify = {.opcode = IDENTIFY, .cns = 0x1}};
	iova_t iova;
	void *mem, *vaddr;

	CHECK(n >= 1);
	for (int i = 0; i < n; i++)
		CHECK(ranges[i].start <= ranges[i].last);

	mem = iommu_alloc_same_iova(__iommu_ctx(&ctrl), 5000);
	CHECK(mem);
	CHECK(iommu_translate_vaddr(__iommu_ctx(&ctrl), mem, &iova) && iova == same_iova(mem));
	cmd.dptr.prp1 = cpu_to_le64(same_iova(mem));
	CHECK(!nvme_admin(&ctrl, &cmd, NULL, 0, NULL));
	CHECK(((uint8_t *)mem)[512] == 0x66);
	CHECK(iommu_translate_iova(__iommu_ctx(&ctrl), same_iova(mem) + 4096, &vaddr) == 4096);
	CHECK(vaddr == (char *)mem + 4096);
	CHECK(!iommu_free_same_iova(__iommu_ctx(&ctrl), mem));
	CHECK_FAILS(iommu_translate_iova(__iommu_ctx(&ctrl), iova, &vaddr), EINVAL);

	CHECK(pgmap(&mem, __VFN_PAGESIZE) == (ssize_t)__VFN_PAGESIZE);
	iova = ALIGN_UP(ranges[0].start, 1ULL << 20);
	CHECK(!iommu_map_vaddr(__iommu_ctx(&ctrl), mem, __VFN_PAGESIZE, &iova,
			       IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_NOWRITE));
	CHECK(iova == ALIGN_UP(ranges[0].start, 1ULL << 20));
	CHECK(!iommu_unmap_vaddr(__iommu_ctx(&ctrl), mem, NULL));
	CHECK_FAILS(iommu_unmap_vaddr(__iommu_ctx(&ctrl), mem, NULL), ENOENT);
	pgunmap(mem, __VFN_PAGESIZE);
	PASSED("ranges, same IOVA, fixed IOVA");
}

static void rw(uint8_t opcode, iova_t iova)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode, .nsid = cpu_to_le32(1)}};
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[1]);
	struct iova_vec iov = {iova, 512};
	uint64_t end = get_ticks() + 30 * __vfn_ticks_freq;

	CHECK(rq);
	CHECK(!nvme_rq_mapv_iova_prp(&ctrl, rq, &cmd, &iov, 1));
	nvme_rq_exec(rq, &cmd);
	while (nvme_rq_spin(rq, NULL))
		CHECK(errno == EAGAIN && get_ticks() < end);
	nvme_rq_release(rq);
}

/* A buffer of the controller's own, as the source and as the target of data. */
static void memory_buffer(void)
{
	uint64_t cap = le64_to_cpu(mmio_read64((char *)ctrl.regs + REG_CAP));
	char *mem;

	CHECK(!nvme_configure_cmb(&ctrl) || errno == ENOTSUP);
	if (!ctrl.cmb.vaddr) {
		SKIPPED("controller memory buffer", cap >> 57 & 1 ? "it cannot be mapped" : "none");
		return;
	}
	CHECK(cap >> 57 & 1);
	CHECK(ctrl.cmb.size >= 8192 && ctrl.cmb.bar >= 0 && ctrl.cmb.iova);
	mem = (char *)ctrl.cmb.vaddr;
	for (int i = 0; i < 512; i++)
		STORE(mem[i], (char)(i ^ 0x3c));
	memset(mem + 4096, 0, 512);
	CHECK(!nvme_create_ioqpair(&ctrl, 1, 4, -1, 0x0));
	rw(WRITE, ctrl.cmb.iova);
	rw(READ, ctrl.cmb.iova + 4096);
	CHECK(!memcmp(mem, mem + 4096, 512));
	CHECK(!nvme_delete_ioqpair(&ctrl, 1));
	nvme_discard_cmb(&ctrl);
	CHECK(!ctrl.cmb.vaddr);
	PASSED("controller memory buffer");
}

int main(int argc, char **argv)
{
	CHECK(!nvme_init(&ctrl, argc > 1 ? argv[1] : "emu:cmb=1M", NULL));
	registers();
	config_space();
	kind_of_address_space();
	addresses();
	memory_buffer();
	if (!vfio_reset(&ctrl.pci.dev))
		PASSED("function-level reset");
	else
		CHECK(errno == ENOTSUP);
	nvme_close(&ctrl);
	return check_done();
}

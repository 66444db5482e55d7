/* SPDX-License-Identifier: MIT */
/* Several namespaces of one controller, each with blocks of its own size and kind. */
#include "dev.h"

#define NS_MAX 8
#define LBA    4

struct one {
	uint32_t nsid;
	size_t len;  /* bytes of one block in the data buffer */
	size_t meta; /* bytes of its metadata in a buffer of their own */
};

static struct nvm_id_ns look_at(struct dev *dev, uint32_t nsid)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_NS}};
	struct nvm_id_ns id;

	cmd.nsid = cpu_to_le32(nsid);
	assert_works(nvme_admin(&dev->ctrl, &cmd, &id, sizeof(id), NULL));
	return id;
}

static int find_all(struct dev *dev, struct one *all)
{
	union nvme_cmd cmd = {
		.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_ACTIVE_NS_LIST}};
	leint32_t list[1024];
	int n = 0;

	assert_works(nvme_admin(&dev->ctrl, &cmd, list, sizeof(list), NULL));
	while (n < NS_MAX && le32_to_cpu(list[n])) {
		struct nvm_id_ns id = look_at(dev, le32_to_cpu(list[n]));
		const struct nvm_lbaf *lbaf = &id.lbaf[id.flbas & 0xf];
		size_t ms = le16_to_cpu(lbaf->ms);
		bool ext = id.flbas & 0x10;

		all[n].nsid = le32_to_cpu(list[n]);
		all[n].len = ((size_t)1 << lbaf->lbads) + (ext ? ms : 0);
		all[n].meta = ext ? 0 : ms;
		n++;
	}
	return n;
}

static void move_one(struct dev *dev, const struct one *ns, uint8_t opcode,
		     struct iommu_dmabuf *buf, struct iommu_dmabuf *meta)
{
	union nvme_cmd cmd = {
		.rw = {.opcode = opcode, .nsid = cpu_to_le32(ns->nsid), .slba = cpu_to_le64(LBA)}};
	struct nvme_rq *rq = nvme_rq_acquire(&dev->ctrl.sq[1]);
	struct iovec iov = {buf->vaddr, ns->len};

	assert_non_null(rq);
	if (ns->meta)
		cmd.rw.mptr = cpu_to_le64((uint64_t)meta->iova);
	assert_works(nvme_rq_mapv(&dev->ctrl, rq, &cmd, &iov, 1));
	assert_works(dev_exec(rq, &cmd, NULL));
	nvme_rq_release(rq);
}

/* The same block of each has what was written to it, and the last one's is not in the others'. */
static void namespaces__are_apart(void **state)
{
	struct iommu_dmabuf buf, meta;
	struct one all[NS_MAX];
	uint8_t wanted[8192];
	struct dev dev;
	int n;

	(void)state;
	dev_open_io(&dev, 8);
	n = find_all(&dev, all);
	if (n < 2) {
		dev_close(&dev);
		test_skip("less than two namespaces");
	}
	buf = dev_buf(&dev, sizeof(wanted));
	meta = dev_buf(&dev, 4096);
	for (int i = 0; i < n; i++) {
		dev_fill(buf.vaddr, all[i].len, 100 + (uint64_t)i);
		dev_fill(meta.vaddr, all[i].meta, 200 + (uint64_t)i);
		move_one(&dev, &all[i], NVM_CMD_WRITE, &buf, &meta);
	}
	for (int i = 0; i < n; i++) {
		memset(buf.vaddr, 0, sizeof(wanted));
		memset(meta.vaddr, 0, 4096);
		move_one(&dev, &all[i], NVM_CMD_READ, &buf, &meta);
		dev_fill(wanted, all[i].len, 100 + (uint64_t)i);
		assert_memory_equal(buf.vaddr, wanted, all[i].len);
		dev_fill(wanted, all[i].meta, 200 + (uint64_t)i);
		assert_memory_equal(meta.vaddr, wanted, all[i].meta);
	}
	iommu_put_dmabuf(&meta);
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces__are_apart),
	};

	return cmocka_run_group_tests_name("namespaces", tests, NULL, NULL);
}

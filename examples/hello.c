/* SPDX-License-Identifier: MIT */
/*
 * One block out, one block back, by a tracker each.
 *
 *	build/examples/hello
 *	build/examples/hello emu:lbads=12,file=/tmp/disk.img
 *
 * The argument is the name of a controller. Block 0 of namespace 1 is overwritten: only
 * the embedded controller is taken.
 */
#include <stdio.h>
#include <string.h>

#include <belfry/nvme.h>

#define NSID	 1
#define QID	 1
#define BUF_SIZE ((size_t)4096)

/* Bytes in a block of namespace 1, or 0. */
static size_t block_size(struct nvme_ctrl *ctrl)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_NS}};
	struct nvm_id_ns id;

	cmd.identify.nsid = cpu_to_le32(NSID);
	if (nvme_admin(ctrl, &cmd, &id, sizeof(id), NULL))
		return 0;
	return (size_t)1 << id.lbaf[id.flbas & 0xf].lbads;
}

/* Read or write block 0. @buf is mapped for the device and holds a block. */
static int transfer(struct nvme_ctrl *ctrl, uint8_t opcode, void *buf, size_t len)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}}; /* slba 0, nlb 0: one block */
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl->sq[QID]);
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct timespec limit = {.tv_sec = 5};
	struct nvme_cqe cqe = {};
	int ret;

	if (!rq)
		return -1;

	cmd.rw.nsid = cpu_to_le32(NSID);
	ret = nvme_rq_mapv(ctrl, rq, &cmd, &iov, 1);
	if (!ret) {
		nvme_rq_exec(rq, &cmd);
		ret = nvme_rq_wait(rq, &cqe, &limit);
		if (ret && !nvme_cqe_ok(&cqe))
			fprintf(stderr, "opcode %02xh: %s\n", opcode,
				nvme_status_str(nvme_cqe_status(&cqe)));
	}
	nvme_rq_release(rq); /* in flight still, after a timeout: then it is quarantined */
	return ret;
}

static int hello(struct nvme_ctrl *ctrl, struct iommu_dmabuf *buf)
{
	size_t len = block_size(ctrl);
	char *out, *in;

	if (!len || len > BUF_SIZE || nvme_create_ioqpair(ctrl, QID, 64, -1, 0) ||
	    iommu_get_dmabuf(__iommu_ctx(ctrl), buf, 2 * BUF_SIZE, 0))
		return -1;

	out = buf->vaddr;
	in = out + BUF_SIZE;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(i * 7);
	snprintf(out, len, "hello from block 0");

	if (transfer(ctrl, NVM_CMD_WRITE, out, len) || transfer(ctrl, NVM_CMD_READ, in, len))
		return -1;
	if (memcmp(out, in, len) != 0) {
		errno = EBADMSG;
		return -1;
	}
	printf("%s: %zu bytes written, read back and compared\n", in, len);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "emu:";
	struct nvme_ctrl ctrl = {};
	struct iommu_dmabuf buf = {};
	int ret;

	if (argc > 2 || strncmp(name, "emu:", 4) != 0) {
		fprintf(stderr, "usage: hello [emu:OPTIONS]\n");
		return 2;
	}
	logv_set(BELFRY_LOG_ERROR); /* the library says why something failed */
	if (nvme_init(&ctrl, name, NULL)) {
		perror(name);
		return 1;
	}

	ret = hello(&ctrl, &buf);
	if (ret)
		perror(name);
	nvme_close(&ctrl); /* first, so that no command uses the buffer any more */
	iommu_put_dmabuf(&buf);
	return ret ? 1 : 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Devices under test. The one thing known here about a kind of device is that an emulated one may
 * be written to without asking, and counts what the driver does wrong.
 */
#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <belfry/emu.h>
#include <belfry/serve.h>

#include "dev.h"
#include "nvme/priv.h"
#include "support/prng.h"

static void identify(struct dev *dev, uint8_t cns, uint32_t nsid, void *data)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = cns}};

	cmd.nsid = cpu_to_le32(nsid);
	assert_works(nvme_admin(&dev->ctrl, &cmd, data, NVM_IDENTIFY_SIZE, NULL));
}

static void look_at_ns(struct dev *dev)
{
	const struct nvm_lbaf *lbaf;
	leint32_t list[1024];
	size_t ms;

	identify(dev, NVM_CNS_ACTIVE_NS_LIST, 0, list);
	dev->nsid = le32_to_cpu(list[0]);
	if (!dev->nsid)
		return;

	identify(dev, NVM_CNS_NS, dev->nsid, &dev->ns);
	lbaf = &dev->ns.lbaf[dev->ns.flbas & 0xf];
	ms = le16_to_cpu(lbaf->ms);
	dev->block = (size_t)1 << lbaf->lbads;
	if (dev->ns.flbas & (1 << 4))
		dev->block += ms;
	else
		dev->ms = ms;
	dev->nr_blocks = le64_to_cpu(dev->ns.nsze);
}

void dev_look(struct dev *dev)
{
	identify(dev, NVM_CNS_CTRL, 0, &dev->id);
	look_at_ns(dev);

	dev->max_len = MIB;
	if (dev->ctrl.config.mdts && dev->ctrl.config.mdts < dev->max_len)
		dev->max_len = (size_t)dev->ctrl.config.mdts;
	if (dev->block)
		dev->max_len -= dev->max_len % dev->block;
	if (dev->ms)
		dev->meta = dev_buf(dev, dev->max_len / dev->block * dev->ms);
}

/* The name that a controller served by this process has. */
static const char *serve(struct dev *dev, const char *name)
{
	const char *options = getenv("BELFRY_SERVE");
	static char served[160];
	static unsigned int nr;
	char path[64];

	if (!options || strncmp(name, "emu:", 4))
		return name;
	snprintf(path, sizeof(path), "/tmp/belfry-served-%d-%u", getpid(), nr++);
	dev->srv = serve_emu(name, NULL);
	assert_non_null(dev->srv);
	assert_works(serve_listen(dev->srv, path));
	snprintf(served, sizeof(served), "vfio-user:%s%s", path, options);
	return served;
}

struct emu_ctrl *dev_emu(const struct dev *dev)
{
	return dev->srv ? serve_emu_ctrl(dev->srv) : emu_ctrl_get(&dev->ctrl.pci.dev);
}

void dev_open(struct dev *dev, const char *name)
{
	memset(dev, 0, sizeof(*dev));
	dev->trespasses = nvme_owner_violations();
	assert_works(nvme_init(&dev->ctrl, serve(dev, name), NULL));
	dev_look(dev);
}

void dev_check(struct dev *dev)
{
	struct emu_ctrl *emu = dev_emu(dev);
	struct emu_stats stats;

	assert_int_equal(nvme_owner_violations(), dev->trespasses);
	if (!emu || dev->tolerant)
		return;
	emu_get_stats(emu, &stats);
	if (stats.violations)
		fail_msg("%llu violations, the last one: %s", (unsigned long long)stats.violations,
			 stats.last_violation);
	assert_int_equal(stats.dma_faults, 0);
}

void dev_close(struct dev *dev)
{
	dev_check(dev);
	iommu_put_dmabuf(&dev->meta);
	nvme_close(&dev->ctrl);
	serve_close(dev->srv);
	dev->srv = NULL;
}

void dev_need_write(struct dev *dev)
{
	const char *serial = getenv("BELFRY_DEV_SERIAL");
	size_t len = serial ? strlen(serial) : 0;
	bool named = len && len <= sizeof(dev->id.sn) && !memcmp(dev->id.sn, serial, len);

	for (size_t i = len; named && i < sizeof(dev->id.sn); i++)
		named = dev->id.sn[i] == ' ';

	if (!dev_emu(dev) && !named) {
		dev_close(dev);
		test_skip("BELFRY_DEV_SERIAL does not name this drive: nothing is written to it");
	}
	if (!dev->nsid) {
		dev_close(dev);
		test_skip("no active namespace");
	}
}

struct nvme_sq *dev_open_beside(struct dev *dev, const char *name, const struct dev *beside)
{
	memset(dev, 0, sizeof(*dev));
	dev->ctrl.pci.dev.ctx = beside->ctrl.pci.dev.ctx;
	assert_works(nvme_init(&dev->ctrl, name, NULL));
	dev_look(dev);
	assert_ptr_equal(dev->ctrl.pci.dev.ctx, beside->ctrl.pci.dev.ctx);
	assert_works(nvme_create_ioqpair(&dev->ctrl, 1, 8, -1, 0));
	return &dev->ctrl.sq[1];
}

int dev_qsize(const struct dev *dev, int qsize)
{
	int max = dev->ctrl.config.mqes + 1;

	return qsize < max ? qsize : max;
}

struct nvme_sq *dev_open_io(struct dev *dev, int qsize)
{
	dev_open(dev, test_device());
	dev_need_write(dev);
	assert_works(nvme_create_ioqpair(&dev->ctrl, 1, dev_qsize(dev, qsize), -1, 0));
	return &dev->ctrl.sq[1];
}

struct iommu_dmabuf dev_buf(struct dev *dev, size_t len)
{
	struct iommu_dmabuf buf;

	assert_works(nvme_dma_alloc(&dev->ctrl, &buf, len));
	return buf;
}

void dev_fill(void *buf, size_t len, uint64_t seed)
{
	unsigned char *bytes = buf;
	struct prng rng;

	prng_init(&rng, seed);
	while (len) {
		uint64_t word = prng_next(&rng);
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(bytes, &word, n);
		bytes += n;
		len -= n;
	}
}

union nvme_cmd dev_rw_cmd(const struct dev *dev, uint8_t opcode, uint64_t slba, size_t len)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode, .nsid = cpu_to_le32(dev->nsid)}};

	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.mptr = cpu_to_le64(dev->meta.iova);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / dev->block - 1)); /* 0's based */
	return cmd;
}

int dev_wait(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	struct timespec patience = {.tv_sec = DEV_PATIENCE_S};
	int ret;

	do
		ret = nvme_rq_wait(rq, cqe, &patience);
	while (ret && errno == EAGAIN);
	return ret;
}

int dev_exec(struct nvme_rq *rq, union nvme_cmd *cmd, struct nvme_cqe *cqe)
{
	nvme_rq_exec(rq, cmd);
	return dev_wait(rq, cqe);
}

int dev_rw(struct dev *dev, struct nvme_sq *sq, uint8_t opcode, uint64_t slba, struct iovec *iov,
	   int niov)
{
	struct nvme_rq *rq = nvme_rq_acquire(sq);
	union nvme_cmd cmd;
	size_t len = 0;
	int ret, err;

	if (!rq)
		return -1;
	for (int i = 0; i < niov; i++)
		len += iov[i].iov_len;

	cmd = dev_rw_cmd(dev, opcode, slba, len);
	ret = nvme_rq_mapv(&dev->ctrl, rq, &cmd, iov, niov);
	if (!ret)
		ret = dev_exec(rq, &cmd, NULL);
	err = errno;
	nvme_rq_release(rq);
	errno = err;
	return ret;
}

int dev_move(struct dev *dev, struct nvme_sq *sq, uint8_t opcode, uint64_t slba, void *buf,
	     size_t len)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};

	return dev_rw(dev, sq, opcode, slba, &iov, 1);
}

int dev_reap(struct dev *dev, struct nvme_cq *cq, struct nvme_cqe *cqe)
{
	struct timespec patience = {.tv_sec = DEV_PATIENCE_S};
	struct nvme_cqe copy;
	struct nvme_rq *rq;

	if (nvme_cq_wait_cqes(cq, &copy, 1, &patience) != 1)
		return -1;
	nvme_cq_update_head(cq);
	if (cqe)
		*cqe = copy;
	rq = nvme_rq_from_cqe(&dev->ctrl, &copy);
	if (!rq)
		return -1;
	nvme_rq_release(rq);
	return nvme_set_errno_from_cqe(&copy);
}

int dev_features(struct dev *dev, uint8_t opcode, uint8_t fid, uint32_t cdw11, uint32_t *dw0)
{
	union nvme_cmd cmd = {.features = {.opcode = opcode, .fid = fid}};
	struct nvme_cqe cqe;
	int ret;

	cmd.features.cdw11 = cpu_to_le32(cdw11);
	ret = nvme_admin(&dev->ctrl, &cmd, NULL, 0, &cqe);
	if (dw0)
		*dw0 = le32_to_cpu(cqe.dw0);
	return ret;
}

int dev_get_log(struct dev *dev, uint8_t lid, void *buf, size_t len)
{
	union nvme_cmd cmd = {.log = {.opcode = NVM_ADMIN_GET_LOG, .lid = lid}};
	size_t numd = len / 4 - 1; /* 0's based */

	cmd.nsid = cpu_to_le32(NVM_NSID_ALL);
	cmd.log.numdl = cpu_to_le16((uint16_t)numd);
	cmd.log.numdu = cpu_to_le16((uint16_t)(numd >> 16));
	return nvme_admin(&dev->ctrl, &cmd, buf, len, NULL);
}

int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

bool fd_signalled(int fd, int ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	eventfd_t count;

	if (poll(&pfd, 1, ms) != 1)
		return false;
	assert_works(eventfd_read(fd, &count));
	return true;
}

void assert_nothing_mapped(struct iommu_ctx *ctx)
{
	struct iommu_iova_range *ranges;
	struct iommu_dmabuf buf;

	assert_true(iommu_get_iova_ranges(ctx, &ranges) >= 1);
	assert_works(iommu_get_dmabuf(ctx, &buf, 1, 0));
	assert_int_equal(buf.iova, ranges[0].start);
	iommu_put_dmabuf(&buf);
}

size_t mapped_bytes(struct iommu_ctx *ctx)
{
	struct iommu_iova_range *ranges;
	size_t sum = 0;
	iova_t iova;

	assert_true(iommu_get_iova_ranges(ctx, &ranges) >= 1);
	iova = ranges[0].start;
	while (iova < ranges[0].start + 128 * MIB) {
		ssize_t len = iommu_translate_iova(ctx, iova, NULL);

		sum += len > 0 ? (size_t)len : 0;
		iova += len > 0 ? (size_t)len : 4096;
	}
	return sum;
}

double ms_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) * 1e3 +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e6;
}

// SPDX-License-Identifier: MIT
//
// A C++ program: objects that own what the library gives, the headers among those of the standard
// library, both forms of what has two, threads that share a queue's trackers, and every helper
// macro in a place where C++ is stricter than C.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/eventfd.h>
#include <sys/uio.h>
#include <syslog.h>

#include <vfn/nvme.h>
#include <vfn/pci.h>

#include "check.h"

namespace
{

class Controller
{
      public:
	explicit Controller(const std::string &name)
	{
		struct nvme_ctrl_opts opts = {};

		opts.nsqr = opts.ncqr = 3;
		if (nvme_init(&ctrl, name.c_str(), &opts))
			throw std::runtime_error(std::string("nvme_init: ") + strerror(errno));
	}

	~Controller()
	{
		nvme_close(&ctrl);
	}

	Controller(const Controller &) = delete;
	Controller &operator=(const Controller &) = delete;

	struct nvme_ctrl ctrl = {};
};

class Buffer
{
      public:
	Buffer(struct iommu_ctx *ctx, size_t len)
	{
		if (iommu_get_dmabuf(ctx, &buf, len, 0))
			throw std::bad_alloc();
	}

	~Buffer()
	{
		iommu_put_dmabuf(&buf);
	}

	Buffer(const Buffer &) = delete;
	Buffer &operator=(const Buffer &) = delete;

	struct iommu_dmabuf buf = {};
};

void identify(Controller &c)
{
	Buffer data(__iommu_ctx(&c.ctrl), 4096);
	union nvme_cmd cmd = {};
	struct nvme_cqe cqe;

	cmd.identify.opcode = 0x06;
	cmd.identify.cns = 0x1;
	CHECK(!nvme_admin(&c.ctrl, &cmd, data.buf.vaddr, 4096, &cqe));
	CHECK(nvme_cqe_ok(&cqe) && cqe.qw0 == cqe.dw0);
	CHECK(static_cast<uint8_t *>(data.buf.vaddr)[512] == 0x66);
	PASSED("identify");
}

void interrupts(Controller &c)
{
	std::vector<int> fds(2, -1);

	fds[1] = eventfd(0, EFD_CLOEXEC);
	CHECK(!vfio_set_irq(&c.ctrl.pci.dev, fds.data(), 2));
	CHECK(!vfio_set_irq(&c.ctrl.pci.dev, fds.data(), 0, 1));
	CHECK(!vfio_disable_irq(&c.ctrl.pci.dev, 0, 1));
	CHECK(!vfio_disable_irq(&c.ctrl.pci.dev));
	close(fds[1]);
	PASSED("both forms of both functions");
}

// Threads acquire, exchange and release trackers of one queue; no two have the same.
void trackers(Controller &c)
{
	constexpr int rounds = 20000;
	std::vector<std::atomic<int>> owners(64);
	std::vector<std::thread> threads;
	std::atomic<bool> twice{false};

	CHECK(!nvme_create_ioqpair(&c.ctrl, 1, 64, -1, 0x0));
	for (int t = 0; t < 3; t++)
		threads.emplace_back([&] {
			for (int i = 0; i < rounds; i++) {
				struct nvme_rq *rq = nvme_rq_acquire_atomic(&c.ctrl.sq[1]);

				if (!rq)
					continue;
				if (owners[rq->cid]++)
					twice = true;
				owners[rq->cid]--;
				nvme_rq_release_atomic(rq);
			}
		});
	for (auto &thread : threads)
		thread.join();
	CHECK(!twice);
	PASSED("trackers for several threads");
}

void transfer(Controller &c)
{
	auto out = std::make_unique<Buffer>(c.ctrl.pci.dev.ctx, 8192);
	Buffer in(c.ctrl.pci.dev.ctx, 8192);
	struct nvme_sq *sq = &c.ctrl.sq[1];

	memset(out->buf.vaddr, 0x42, 8192);
	for (auto *buffer : {out.get(), &in}) {
		struct iovec iov[2] = {{buffer->buf.vaddr, 4096},
				       {static_cast<char *>(buffer->buf.vaddr) + 4096, 4096}};
		struct nvme_rq *rq = nvme_rq_acquire(sq);
		union nvme_cmd cmd = {};
		struct nvme_cqe *cqe;

		CHECK(rq && sq->vaddr == sq->mem.vaddr && sq->iova == sq->mem.iova);
		cmd.rw.opcode = buffer == &in ? 0x02 : 0x01;
		cmd.rw.nsid = cpu_to_le32(1);
		cmd.rw.nlb = cpu_to_le16(15);
		rq->opaque = buffer;
		CHECK(!nvme_rq_mapv(&c.ctrl, rq, &cmd, iov, 2));
		nvme_rq_exec(rq, &cmd);
		do {
			cqe = nvme_cq_get_cqe(sq->cq);
		} while (!cqe);
		CHECK(nvme_cqe_ok(cqe) && nvme_rq_from_cqe(&c.ctrl, cqe) == rq);
		CHECK(static_cast<Buffer *>(rq->opaque) == buffer);
		nvme_rq_release(rq);
		nvme_cq_update_head(sq->cq);
	}
	CHECK(!memcmp(out->buf.vaddr, in.buf.vaddr, 8192));
	PASSED("data");
}

struct counted {
	int refs;
};

int cleaned;

void counted_put(struct counted *c)
{
	if (!--c->refs)
		delete c;
	cleaned++;
}

void counted_fini(struct counted *)
{
	cleaned++;
}

DEFINE_AUTOPTR(counted, counted_put)
DEFINE_AUTOVAR_STRUCT(counted, counted_fini)

void helpers()
{
	static const leint64_t constant = CPU_TO_LE64(0x0102030405060708ULL);
	static const unsigned char zeros[4096] = {};
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
	uint8_t be[6];
	int value = 1, expected = 1;

	{
		__autoptr(counted) p = new counted{1};
		__autovar_s(counted) v = {};
		__autovar_s(iommu_dmabuf) b = {};
		__autofree void *mem = zmalloc(100);
		__autofree int *ints = znew_t(int, 10);
		__autolock(&mutex);
		__autordlock(&rwlock);

		CHECK(p->refs == 1 && !v.refs && !b.len && mem && !ints[9]);
		CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
	}
	CHECK(cleaned == 2);
	CHECK(!pthread_mutex_trylock(&mutex));
	{
		__autowrlock(&rwlock);
		CHECK(pthread_rwlock_trywrlock(&rwlock));
	}

	CHECK(atomic_cmpxchg(&value, expected, 5) && value == 5);
	CHECK(!atomic_cmpxchg(&value, expected, 6) && expected == 5);
	CHECK(atomic_inc_fetch(&value) == 6 && atomic_dec_fetch(&value) == 5);
	atomic_inc(&value);
	atomic_dec(&value);
	atomic_store_release(&value, 9);
	CHECK(atomic_load_acquire(&value) == 9 && LOAD(value) == 9);
	STORE(value, 10);
	CHECK(LOAD_PTR(&value) == 10);
	CHECK(le64_to_cpu(constant) == 0x0102030405060708ULL);
	put_unaligned_be48(0x010203040506, be);
	CHECK(be[0] == 1 && be[5] == 6 && get_unaligned_be48(be) == 0x010203040506);
	CHECK(ALIGN_UP(4097, 4096) == 8192 && ROUND_UP(10, 3) == 12 && ALIGNED(8192, 4096));
	CHECK(nvme_crc64(~0ULL, zeros, sizeof(zeros)) == 0x6482d367eb22b64eULL);
	CHECK(static_cast<int>(LOG_ERROR) == 0 && LOG_INFO == 6); /* <syslog.h> was first */
	logv_set(LOG_ERROR);
	CHECK(logv(LOG_ERROR) && !logv(1));
	log_debug("not seen: %d\n", value);
	trace_guard(NVME_SQ_POST)
	{
		trace_emit("not seen: %d\n", value);
	}
	PASSED("helpers");
}

} // namespace

int main(int argc, char **argv)
{
	try {
		Controller c(argc > 1 ? argv[1] : "emu:");

		identify(c);
		interrupts(c);
		trackers(c);
		transfer(c);
	} catch (const std::exception &e) {
		printf("# %s\nnot ok %d - exception\n", e.what(), check_count + 1);
		return 1;
	}
	helpers();
	return check_done();
}

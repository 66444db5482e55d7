/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of all sizes and alignments: what was written comes back, the bytes around it
 * stay, and everything that can be wrong with a command is an error.
 */
#include <belfry/nvme/map.h>

#include "dev.h"
#include "support/prng.h"

/* A buffer between guards, so that a byte too many shows. */
#define GUARD 0xc5

struct io {
	struct dev dev;
	struct nvme_sq *sq;
	struct iommu_dmabuf out, in;
	size_t page; /* the controller's */
	size_t cap;  /* bytes that can be moved from any offset of out and in */
};

static void io_open(struct io *io, int qsize)
{
	io->sq = dev_open_io(&io->dev, qsize);
	io->page = (size_t)__mps_to_pagesize(io->dev.ctrl.config.mps);
	io->cap = io->dev.max_len;
	io->out = dev_buf(&io->dev, io->cap + 4 * io->page);
	io->in = dev_buf(&io->dev, io->cap + 4 * io->page);
}

static void io_close(struct io *io)
{
	iommu_put_dmabuf(&io->out);
	iommu_put_dmabuf(&io->in);
	dev_close(&io->dev);
}

/* Write from one offset, read to another, compare, and look at what is around it. */
static void there_and_back(struct io *io, uint64_t slba, size_t out_off, size_t in_off, size_t len)
{
	char *out = (char *)io->out.vaddr + out_off, *in = (char *)io->in.vaddr + in_off;
	unsigned char *base = io->in.vaddr;

	dev_fill(out, len, slba << 32 ^ len ^ out_off << 16);
	memset(base, GUARD, in_off + len + 64);
	if (dev_move(&io->dev, io->sq, NVM_CMD_WRITE, slba, out, len) ||
	    dev_move(&io->dev, io->sq, NVM_CMD_READ, slba, in, len))
		fail_msg("slba %llu, %zu bytes, offsets %zu and %zu: %s", (unsigned long long)slba,
			 len, out_off, in_off, strerror(errno));

	assert_memory_equal(in, out, len);
	for (size_t i = 0; i < in_off; i++)
		assert_int_equal(base[i], GUARD);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(base[in_off + len + i], GUARD);
}

static void io__every_size_up_to_two_lists_pages(void **state)
{
	struct io io;
	size_t step, max;

	(void)state;
	io_open(&io, 8);
	step = test_scale(4) == 4 ? io.dev.block : io.page / io.dev.block * io.dev.block;
	max = io.dev.max_len < 64 * KIB ? io.dev.max_len : 64 * KIB;
	for (size_t len = io.dev.block; len <= max; len += step)
		there_and_back(&io, len / io.dev.block % 64, 0, 0, len);
	io_close(&io);
}

static void io__sizes_around_powers_of_two(void **state)
{
	struct io io;

	(void)state;
	io_open(&io, 8);
	for (size_t n = 1; n * io.dev.block <= io.dev.max_len; n *= 2) {
		for (size_t nlb = n > 1 ? n - 1 : n; nlb <= n + 1; nlb++) {
			if (nlb * io.dev.block <= io.dev.max_len)
				there_and_back(&io, 3, 0, 0, nlb * io.dev.block);
		}
	}
	there_and_back(&io, 0, 0, 0, io.dev.max_len);
	io_close(&io);
}

static void io__dword_offsets_in_the_page(void **state)
{
	static const size_t offsets[] = {4, 8, 60, 512, 516, 2048, 4088, 4092};
	struct io io;
	size_t step;

	(void)state;
	io_open(&io, 8);
	step = io.page / io.dev.block > 2 ? (io.page / io.dev.block - 1) * io.dev.block
					  : io.dev.block;
	for (size_t i = 0; i < ROWS(offsets); i++) {
		for (size_t len = io.dev.block; len <= 3 * io.page && len <= io.dev.max_len;
		     len += step)
			there_and_back(&io, i, offsets[i], offsets[ROWS(offsets) - 1 - i], len);
	}
	/* The longest from the worst place, where the tracker's page can list it. */
	if (io.dev.max_len <= 512 * io.page)
		there_and_back(&io, 1, io.page - 4, 4, io.dev.max_len);
	io_close(&io);
}

static void io__byte_offsets_need_an_sgl(void **state)
{
	struct iovec iov;
	struct io io;

	(void)state;
	io_open(&io, 8);
	iov = (struct iovec){(char *)io.out.vaddr + 1, io.dev.block};
	if (!(io.dev.ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED) ||
	    io.dev.ctrl.flags & NVME_CTRL_F_SGLS_DWORD_ALIGNMENT) {
		assert_fails(dev_rw(&io.dev, io.sq, NVM_CMD_READ, 0, &iov, 1), EINVAL);
	} else {
		for (size_t off = 1; off < 4; off++)
			there_and_back(&io, 5, off, 4 - off, 3 * io.dev.block);
	}
	io_close(&io);
}

/* One way to cut a buffer into pieces that PRPs can say: whole pages but at both ends. */
static int cut(struct io *io, char *base, size_t off, size_t len, struct iovec *iov)
{
	int n = 0;

	while (len) {
		size_t room = io->page - off % io->page;
		size_t now = len < room ? len : room;

		/* Every other page of the buffer, so that no two pieces are neighbours. */
		iov[n++] = (struct iovec){base + off, now};
		off += now + io->page;
		len -= now;
	}
	return n;
}

static void io__scattered_pages(void **state)
{
	struct iovec out[20], in[20];
	struct io io;
	char *flat_out, *flat_in;

	(void)state;
	io_open(&io, 8);
	io.cap = 16 * io.page < io.dev.max_len ? 16 * io.page : io.dev.max_len;
	iommu_put_dmabuf(&io.out);
	iommu_put_dmabuf(&io.in);
	io.out = dev_buf(&io.dev, 40 * io.page);
	io.in = dev_buf(&io.dev, 40 * io.page);
	flat_out = malloc(io.cap);
	flat_in = malloc(io.cap);
	assert_non_null(flat_out);
	assert_non_null(flat_in);

	for (size_t len = io.dev.block; len <= io.cap; len += io.dev.block) {
		int nout = cut(&io, io.out.vaddr, len % 7 * 8, len, out);
		int nin = cut(&io, io.in.vaddr, 0, len, in);
		size_t at = 0;

		dev_fill(flat_out, len, len);
		for (int i = 0; i < nout; at += out[i++].iov_len)
			memcpy(out[i].iov_base, flat_out + at, out[i].iov_len);
		assert_works(dev_rw(&io.dev, io.sq, NVM_CMD_WRITE, 7, out, nout));
		assert_works(dev_rw(&io.dev, io.sq, NVM_CMD_READ, 7, in, nin));
		at = 0;
		for (int i = 0; i < nin; at += in[i++].iov_len)
			memcpy(flat_in + at, in[i].iov_base, in[i].iov_len);
		assert_memory_equal(flat_in, flat_out, len);
	}
	free(flat_out);
	free(flat_in);
	io_close(&io);
}

/* PRPs whatever mapv() would pick, with lists of the tracker's and of the caller's. */
static void io__prps_by_hand(void **state)
{
	struct iommu_dmabuf lists;
	struct nvme_rq *rq;
	union nvme_cmd cmd;
	struct io io;
	size_t len;

	(void)state;
	io_open(&io, 8);
	lists = dev_buf(&io.dev, 4 * io.page);
	len = io.dev.max_len;
	dev_fill(io.out.vaddr, len, 99);

	rq = nvme_rq_acquire(io.sq);
	cmd = dev_rw_cmd(&io.dev, NVM_CMD_WRITE, 11, len);
	assert_works(nvme_map_prp(&io.dev.ctrl, lists.vaddr, 4, &cmd, io.out.iova, len));
	assert_works(dev_exec(rq, &cmd, NULL));

	/* What completed may be used again. */
	cmd = dev_rw_cmd(&io.dev, NVM_CMD_READ, 11, len < 512 * io.page ? len : 8 * io.page);
	len = (le16_to_cpu(cmd.rw.nlb) + 1) * io.dev.block;
	assert_works(nvme_rq_map_prp(&io.dev.ctrl, rq, &cmd, io.in.iova + 4, len));
	assert_works(dev_exec(rq, &cmd, NULL));
	assert_memory_equal((char *)io.in.vaddr + 4, io.out.vaddr, len);
	nvme_rq_release(rq);
	iommu_put_dmabuf(&lists);
	io_close(&io);
}

static void io__sgl_segments_by_hand(void **state)
{
	struct nvme_sgl_seg segs[4];
	struct iommu_dmabuf lists;
	struct iovec iov[24];
	struct nvme_rq *rq;
	union nvme_cmd cmd;
	struct io io;
	size_t len = 0;

	(void)state;
	io_open(&io, 8);
	if (!(io.dev.ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED) ||
	    io.dev.max_len < 24 * io.dev.block) {
		io_close(&io);
		test_skip("no SGLs, or no commands of 24 blocks");
	}
	lists = dev_buf(&io.dev, io.page);
	/* Of falling size: QEMU takes a segment for the last one when the descriptor at the place
	 * that led to it leads to the last. */
	for (size_t i = 0; i < 4; i++)
		segs[i] = (struct nvme_sgl_seg){(void *)((char *)lists.vaddr + 256 * i),
						lists.iova + 256 * i, i < 3 ? 8 - i : 8};
	for (size_t i = 0; i < 24; i++) {
		iov[i] = (struct iovec){(char *)io.out.vaddr + len + 8 * i, io.dev.block};
		dev_fill(iov[i].iov_base, io.dev.block, i);
		len += io.dev.block;
	}

	rq = nvme_rq_acquire(io.sq);
	cmd = dev_rw_cmd(&io.dev, NVM_CMD_WRITE, 2, len);
	assert_works(nvme_mapv_sgl_segs(&io.dev.ctrl, segs, 4, &cmd, iov, 24));
	assert_works(dev_exec(rq, &cmd, NULL));
	nvme_rq_release(rq);

	assert_works(dev_move(&io.dev, io.sq, NVM_CMD_READ, 2, io.in.vaddr, len));
	for (size_t i = 0; i < 24; i++)
		assert_memory_equal((char *)io.in.vaddr + i * io.dev.block, iov[i].iov_base,
				    io.dev.block);
	iommu_put_dmabuf(&lists);
	io_close(&io);
}

static void io__many_at_once(void **state)
{
	enum {
		DEPTH = 32
	};
	struct nvme_cqe cqe;
	struct io io;
	size_t len;

	(void)state;
	io_open(&io, DEPTH + 1);
	len = io.page / io.dev.block ? io.page / io.dev.block * io.dev.block : io.dev.block;
	if (len * DEPTH > io.cap)
		len = io.dev.block;
	for (int pass = 0; pass < 2; pass++) {
		uint8_t opcode = pass ? NVM_CMD_READ : NVM_CMD_WRITE;
		char *buf = pass ? io.in.vaddr : io.out.vaddr;

		dev_fill(io.out.vaddr, len * DEPTH, 4711);
		for (size_t i = 0; i < DEPTH; i++) {
			struct iovec iov = {buf + i * len, len};
			struct nvme_rq *rq = nvme_rq_acquire(io.sq);
			union nvme_cmd cmd =
				dev_rw_cmd(&io.dev, opcode, 50 + i * (len / io.dev.block), len);

			assert_non_null(rq);
			assert_works(nvme_rq_mapv(&io.dev.ctrl, rq, &cmd, &iov, 1));
			nvme_rq_post(rq, &cmd);
		}
		nvme_sq_update_tail(io.sq);
		for (int i = 0; i < DEPTH; i++)
			assert_works(dev_reap(&io.dev, io.sq->cq, &cqe));
	}
	assert_memory_equal(io.in.vaddr, io.out.vaddr, len * DEPTH);
	io_close(&io);
}

static void io__random_mix(void **state)
{
	struct prng rng;
	struct io io;
	char *image;
	size_t nr = 256;

	(void)state;
	io_open(&io, 16);
	if (nr > io.dev.nr_blocks)
		nr = (size_t)io.dev.nr_blocks;
	image = calloc(nr, io.dev.block);
	assert_non_null(image);
	prng_init(&rng, 20261122);

	for (size_t i = 0; i < nr; i++) {
		dev_fill(image + i * io.dev.block, io.dev.block, i);
		memcpy(io.out.vaddr, image + i * io.dev.block, io.dev.block);
		assert_works(
			dev_move(&io.dev, io.sq, NVM_CMD_WRITE, i, io.out.vaddr, io.dev.block));
	}
	for (unsigned long i = 0; i < test_scale(4000); i++) {
		size_t n = 1 + prng_below(&rng, 32);
		size_t off = 4 * prng_below(&rng, io.page / 4);
		size_t slba, len;

		if (n * io.dev.block > io.dev.max_len || n > nr)
			n = 1;
		slba = prng_below(&rng, nr - n + 1);
		len = n * io.dev.block;
		if (prng_below(&rng, 2)) {
			char *out = (char *)io.out.vaddr + off;

			dev_fill(out, len, prng_next(&rng));
			memcpy(image + slba * io.dev.block, out, len);
			assert_works(dev_move(&io.dev, io.sq, NVM_CMD_WRITE, slba, out, len));
		} else {
			char *in = (char *)io.in.vaddr + off;

			assert_works(dev_move(&io.dev, io.sq, NVM_CMD_READ, slba, in, len));
			assert_memory_equal(in, image + slba * io.dev.block, len);
		}
	}
	free(image);
	io_close(&io);
}

static void io__errors_of_the_device(void **state)
{
	struct nvme_rq *rq;
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	struct iovec iov;
	struct io io;

	(void)state;
	io_open(&io, 8);
	iov = (struct iovec){io.in.vaddr, io.dev.block};
	assert_fails(
		dev_move(&io.dev, io.sq, NVM_CMD_READ, io.dev.nr_blocks, io.in.vaddr, io.dev.block),
		ERANGE);
	assert_fails(dev_move(&io.dev, io.sq, NVM_CMD_READ, UINT64_MAX, io.in.vaddr, io.dev.block),
		     ERANGE);

	rq = nvme_rq_acquire(io.sq);
	cmd = dev_rw_cmd(&io.dev, NVM_CMD_READ, 0, io.dev.block);
	assert_works(nvme_rq_mapv(&io.dev.ctrl, rq, &cmd, &iov, 1));
	cmd.nsid = cpu_to_le32(0xfffffff0);
	assert_fails(dev_exec(rq, &cmd, &cqe), ENXIO);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_INVALID_NS);

	cmd = (union nvme_cmd){.opcode = 0x7f, .nsid = cpu_to_le32(io.dev.nsid)};
	assert_fails(dev_exec(rq, &cmd, &cqe), EOPNOTSUPP);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_INVALID_OPCODE);
	nvme_rq_release(rq);

	/* The queue works as before. */
	there_and_back(&io, 0, 0, 0, io.dev.block);
	io_close(&io);
}

/* A caller that does not look at the result of the mapping. */
static void io__an_unmapped_buffer_is_refused_twice(void **state)
{
	struct nvme_rq *rq;
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	struct io io;
	char stack[16];
	struct iovec iov = {stack, sizeof(stack)};

	(void)state;
	io_open(&io, 8);
	io.dev.tolerant = true; /* of the reserved PSDT */
	there_and_back(&io, 9, 0, 0, io.dev.block);

	rq = nvme_rq_acquire(io.sq);
	cmd = dev_rw_cmd(&io.dev, NVM_CMD_WRITE, 9, io.dev.block);
	cmd.dptr.prp1 = cpu_to_le64(io.out.iova); /* stale */
	dev_fill(io.out.vaddr, io.dev.block, 666);
	assert_fails(nvme_rq_mapv(&io.dev.ctrl, rq, &cmd, &iov, 1), EFAULT);
	assert_fails(dev_exec(rq, &cmd, &cqe), EINVAL);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_INVALID_FIELD);
	nvme_rq_release(rq);

	/* No data has moved. */
	assert_works(dev_move(&io.dev, io.sq, NVM_CMD_READ, 9, io.out.vaddr, io.dev.block));
	assert_memory_equal(io.in.vaddr, io.out.vaddr, io.dev.block);
	io_close(&io);
}

/* Mapped again, or with its next command, a tracker does what others do. */
static void io__a_failure_to_map_is_over_with_the_next_success(void **state)
{
	struct nvme_rq *rq;
	union nvme_cmd cmd;
	struct io io;
	char stack[16];
	struct iovec bad = {stack, sizeof(stack)}, good;

	(void)state;
	io_open(&io, 8);
	there_and_back(&io, 9, 0, 0, io.dev.block);
	good = (struct iovec){io.in.vaddr, io.dev.block};

	for (int i = 0; i < 4; i++) {
		bool release = i & 1;

		memset(io.in.vaddr, 0, io.dev.block);
		rq = nvme_rq_acquire(io.sq);
		cmd = dev_rw_cmd(&io.dev, NVM_CMD_READ, 9, io.dev.block);
		assert_fails(nvme_rq_mapv(&io.dev.ctrl, rq, &cmd, &bad, 1), EFAULT);
		if (release) {
			nvme_rq_release(rq);
			assert_ptr_equal(nvme_rq_acquire(io.sq), rq);
		}
		assert_works(nvme_rq_mapv(&io.dev.ctrl, rq, &cmd, &good, 1));
		assert_works(dev_exec(rq, &cmd, NULL));
		assert_memory_equal(io.in.vaddr, io.out.vaddr, io.dev.block);
		nvme_rq_release(rq);
	}
	io_close(&io);
}

static void io__admin_commands_take_prps(void **state)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_CTRL}};
	struct nvme_rq *rq;
	struct iovec iov;
	struct io io;

	(void)state;
	io_open(&io, 8);
	iov = (struct iovec){io.in.vaddr, 4096};
	rq = nvme_rq_acquire(io.dev.ctrl.adminq.sq);
	for (int i = 0; i < 2; i++) {
		assert_works(nvme_rq_mapv(&io.dev.ctrl, rq, &cmd, &iov, 1));
		assert_int_equal(cmd.flags, 0);
		assert_int_equal(le64_to_cpu(cmd.dptr.prp1), io.in.iova);
		assert_works(dev_exec(rq, &cmd, NULL));
		assert_memory_equal(io.in.vaddr, &io.dev.id, 4096);
	}
	nvme_rq_release(rq);
	io_close(&io);
}

static void io__more_than_mdts_is_refused_here(void **state)
{
	struct iommu_dmabuf buf;
	struct nvme_rq *rq;
	union nvme_cmd cmd = {.opcode = NVM_CMD_READ}, before = cmd;
	struct iovec iov;
	struct io io;

	(void)state;
	io_open(&io, 8);
	if (!io.dev.ctrl.config.mdts || io.dev.ctrl.config.mdts > 64 * MIB) {
		io_close(&io);
		test_skip("no MDTS");
	}
	buf = dev_buf(&io.dev, (size_t)io.dev.ctrl.config.mdts + io.page);
	iov = (struct iovec){buf.vaddr, (size_t)io.dev.ctrl.config.mdts + 4};
	rq = nvme_rq_acquire(io.sq);
	assert_fails(nvme_rq_mapv(&io.dev.ctrl, rq, &cmd, &iov, 1), EMSGSIZE);
	assert_memory_equal(&cmd, &before, sizeof(cmd));
	nvme_rq_release(rq);
	iommu_put_dmabuf(&buf);
	io_close(&io);
}

static void io__compare_and_flush(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH};
	struct nvme_rq *rq;
	struct io io;

	(void)state;
	io_open(&io, 8);
	there_and_back(&io, 20, 0, 0, 2 * io.dev.block);
	if (le16_to_cpu(io.dev.id.oncs) & NVM_ONCS_NVMCMPS) {
		assert_works(dev_move(&io.dev, io.sq, NVM_CMD_COMPARE, 20, io.out.vaddr,
				      2 * io.dev.block));
		((char *)io.out.vaddr)[2 * io.dev.block - 1] ^= 1;
		assert_fails(dev_move(&io.dev, io.sq, NVM_CMD_COMPARE, 20, io.out.vaddr,
				      2 * io.dev.block),
			     EBADMSG);
	}

	rq = nvme_rq_acquire(io.sq);
	cmd.nsid = cpu_to_le32(io.dev.nsid);
	assert_works(dev_exec(rq, &cmd, NULL));
	nvme_rq_release(rq);
	assert_works(dev_move(&io.dev, io.sq, NVM_CMD_READ, 20, io.out.vaddr, 2 * io.dev.block));
	assert_memory_equal(io.in.vaddr, io.out.vaddr, 2 * io.dev.block);
	io_close(&io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(io__every_size_up_to_two_lists_pages),
		cmocka_unit_test(io__sizes_around_powers_of_two),
		cmocka_unit_test(io__dword_offsets_in_the_page),
		cmocka_unit_test(io__byte_offsets_need_an_sgl),
		cmocka_unit_test(io__scattered_pages),
		cmocka_unit_test(io__prps_by_hand),
		cmocka_unit_test(io__sgl_segments_by_hand),
		cmocka_unit_test(io__many_at_once),
		cmocka_unit_test(io__random_mix),
		cmocka_unit_test(io__errors_of_the_device),
		cmocka_unit_test(io__an_unmapped_buffer_is_refused_twice),
		cmocka_unit_test(io__a_failure_to_map_is_over_with_the_next_success),
		cmocka_unit_test(io__admin_commands_take_prps),
		cmocka_unit_test(io__more_than_mdts_is_refused_here),
		cmocka_unit_test(io__compare_and_flush),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}

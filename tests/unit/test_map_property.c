/* SPDX-License-Identifier: MIT */
/*
 * Random layouts, mapped by PRP and SGL in every form there is, and executed: the emulated
 * controller's walker, which shares no code with the mapper, moves the bytes, and each of them must
 * be where the layout says. What the rules forbid is refused with the errno that says why.
 *
 * A layout is drawn in terms of the address space: mappings scattered so that memory that is
 * contiguous here is not there, pieces that begin and end anywhere, or where PRPs allow it.
 */
#include <belfry/emu.h>
#include <belfry/nvme/map.h>
#include <belfry/support/mem.h>

#include "dev.h"
#include "support/prng.h"

#define ARENA	  MIB /* memory that data comes from and goes to */
#define PIECES	  24
#define NR_BLOCKS 512ul /* of 512 bytes: 256 KiB at most in a command */

enum form {
	RQ_PRP,
	RQ_SGL,
	LIST_PRP,
	LIST_SGL,
	SEGS_SGL,
	RQ_ANY,
	NR_FORMS
};

struct prop {
	struct dev dev;
	struct nvme_sq *sq;
	struct prng rng;
	char *arena;
	struct iommu_dmabuf lists;
	size_t page;
	char flat[NR_BLOCKS * 512], got[NR_BLOCKS * 512];
	struct iovec iov[PIECES];
	int niov;
	size_t len;
	unsigned long accepted, refused;
};

/*
 * The arena in mappings of 1 to 8 controller pages, at IOVAs in random order: neighbours here are
 * hardly ever neighbours there, and never so by a piece of a page.
 */
static void scatter(struct prop *p)
{
	size_t nr = 0, at = 0, starts[ARENA / 4096 + 1];

	while (at < ARENA) {
		starts[nr++] = at;
		at += (1 + prng_below(&p->rng, 8)) * p->page;
	}
	starts[nr] = ARENA;
	for (size_t left = nr; left; left--) {
		static bool done[ARENA / 4096 + 1];
		size_t pick = prng_below(&p->rng, left), i = 0;

		if (left == nr)
			memset(done, 0, sizeof(done));
		for (;; i++) {
			if (!done[i] && !pick--)
				break;
		}
		done[i] = true;
		assert_works(iommu_map_vaddr_align(__iommu_ctx(&p->dev.ctrl), p->arena + starts[i],
						   starts[i + 1] - starts[i], p->page, NULL, 0));
	}
}

static void unscatter(struct prop *p)
{
	struct iommu_ctx *ctx = __iommu_ctx(&p->dev.ctrl);

	for (size_t at = 0, len; at < ARENA; at += len)
		assert_works(iommu_unmap_vaddr(ctx, p->arena + at, &len));
}

/* Pieces for PRPs: whole pages inside, a dword's offset at the start, any end. */
static void draw_prp(struct prop *p)
{
	size_t left = (1 + prng_below(&p->rng, NR_BLOCKS)) * 512;
	size_t off = prng_below(&p->rng, 2) ? 4 * prng_below(&p->rng, p->page / 4) : 0;

	p->len = left;
	p->niov = 0;
	while (left) {
		size_t room = ARENA / p->page - 1, pages = 1 + prng_below(&p->rng, 40), start, len;

		if (p->niov == PIECES - 1)
			pages = left / p->page + 2;
		if (pages > room)
			pages = room;
		start = prng_below(&p->rng, room - pages + 1) * p->page + off;
		len = pages * p->page - off;
		if (len > left)
			len = left;
		p->iov[p->niov++] = (struct iovec){p->arena + start, len};
		left -= len;
		off = 0;
	}
}

/* Pieces for SGLs: any bytes; now and then the next one goes on where the last one ended. */
static void draw_sgl(struct prop *p)
{
	size_t left = (1 + prng_below(&p->rng, NR_BLOCKS)) * 512;

	p->len = left;
	p->niov = 0;
	while (left) {
		size_t len = 1 + prng_below(&p->rng, prng_below(&p->rng, 2) ? 64 : 32768), start;

		if (len > left || p->niov == PIECES - 1)
			len = left;
		start = prng_below(&p->rng, ARENA - len + 1);
		if (p->niov && !prng_below(&p->rng, 4)) {
			struct iovec *last = &p->iov[p->niov - 1];
			size_t end = (size_t)((char *)last->iov_base - p->arena) + last->iov_len;

			if (end + len <= ARENA)
				start = end;
		}
		p->iov[p->niov++] = (struct iovec){p->arena + start, len};
		left -= len;
	}
}

/* Pieces may overlap; so what is in them is gathered after they are all filled. */
static void gather(const struct prop *p, char *flat)
{
	for (int i = 0; i < p->niov; i++) {
		memcpy(flat, p->iov[i].iov_base, p->iov[i].iov_len);
		flat += p->iov[i].iov_len;
	}
}

static int map(struct prop *p, enum form form, struct nvme_rq *rq, union nvme_cmd *cmd)
{
	struct nvme_ctrl *ctrl = &p->dev.ctrl;
	struct nvme_sgl_seg segs[40];

	switch (form) {
	case RQ_PRP:
		return nvme_rq_mapv_prp(ctrl, rq, cmd, p->iov, p->niov);
	case RQ_SGL:
		return nvme_rq_mapv_sgl(ctrl, rq, cmd, p->iov, p->niov);
	case LIST_PRP:
		return nvme_mapv_prp(ctrl, p->lists.vaddr, 2, cmd, p->iov, p->niov);
	case LIST_SGL:
		return nvme_mapv_sgl(ctrl, p->lists.vaddr, p->lists.iova, cmd, p->iov, p->niov);
	case SEGS_SGL:
		/* Short segments, so that they chain: 2 to 9 descriptors in each. */
		for (size_t i = 0; i < ROWS(segs); i++)
			segs[i] = (struct nvme_sgl_seg){
				(void *)((char *)p->lists.vaddr + 160 * i),
				p->lists.iova + 160 * i,
				2 + (unsigned int)prng_below(&p->rng, 8),
			};
		return nvme_mapv_sgl_segs(ctrl, segs, (int)ROWS(segs), cmd, p->iov, p->niov);
	default:
		return nvme_rq_mapv(ctrl, rq, cmd, p->iov, p->niov);
	}
}

/* Execute in this form. Returns false where the list was too short. */
static bool execute(struct prop *p, enum form form, uint8_t opcode, uint64_t slba)
{
	struct nvme_rq *rq = nvme_rq_acquire(p->sq);
	union nvme_cmd cmd = dev_rw_cmd(&p->dev, opcode, slba, p->len);
	int ret = map(p, form, rq, &cmd);

	if (ret) {
		/* Several mappings in a piece: more descriptors than the caller has room for. */
		if (errno != EMSGSIZE || form == RQ_PRP || form == LIST_PRP)
			fail_msg("form %d, %d pieces, %zu bytes: %s", form, p->niov, p->len,
				 strerror(errno));
		nvme_rq_release(rq);
		p->refused++;
		return false;
	}
	if (dev_exec(rq, &cmd, NULL))
		fail_msg("form %d, %d pieces, %zu bytes: the device says %s", form, p->niov, p->len,
			 strerror(errno));
	nvme_rq_release(rq);
	p->accepted++;
	return true;
}

/* The namespace, read and written through one flat buffer that needs no mapper to get right. */
static void flat_io(struct prop *p, uint8_t opcode, uint64_t slba, char *buf)
{
	union nvme_cmd cmd = dev_rw_cmd(&p->dev, opcode, slba, p->len);

	assert_works(nvme_sync(&p->dev.ctrl, p->sq, &cmd, buf, p->len, NULL));
}

static void one_write(struct prop *p, enum form form, bool prp)
{
	uint64_t slba = prng_below(&p->rng, 64);

	prp ? draw_prp(p) : draw_sgl(p);
	for (int i = 0; i < p->niov; i++)
		dev_fill(p->iov[i].iov_base, p->iov[i].iov_len, prng_next(&p->rng));
	gather(p, p->flat);
	if (!execute(p, form, NVM_CMD_WRITE, slba))
		return;
	flat_io(p, NVM_CMD_READ, slba, p->got);
	assert_memory_equal(p->got, p->flat, p->len);
}

/* No byte of the arena changes but those of the layout. */
static void one_read(struct prop *p, enum form form, bool prp)
{
	static char want[ARENA];
	uint64_t slba = prng_below(&p->rng, 64);
	char *from = p->flat;

	prp ? draw_prp(p) : draw_sgl(p);
	dev_fill(p->flat, p->len, prng_next(&p->rng));
	flat_io(p, NVM_CMD_WRITE, slba, p->flat);

	memcpy(want, p->arena, ARENA);
	for (int i = 0; i < p->niov; i++) {
		memcpy(want + ((char *)p->iov[i].iov_base - p->arena), from, p->iov[i].iov_len);
		from += p->iov[i].iov_len;
	}
	if (!execute(p, form, NVM_CMD_READ, slba))
		return;
	assert_memory_equal(p->arena, want, ARENA);
}

static void start(struct prop *p, const char *name, uint64_t seed)
{
	dev_open(&p->dev, name);
	assert_works(nvme_create_ioqpair(&p->dev.ctrl, 1, 8, -1, 0));
	p->sq = &p->dev.ctrl.sq[1];
	p->page = (size_t)__mps_to_pagesize(p->dev.ctrl.config.mps);
	p->lists = dev_buf(&p->dev, 2 * p->page > 8192 ? 2 * p->page : 8192);
	p->accepted = p->refused = 0;
	prng_init(&p->rng, seed);
	assert_true(pgmap((void **)&p->arena, ARENA) > 0);
}

static void stop(struct prop *p)
{
	assert_works(pgunmap(p->arena, ARENA));
	iommu_put_dmabuf(&p->lists);
	dev_close(&p->dev);
}

static void run(const char *name, uint64_t seed)
{
	struct prop *p = calloc(1, sizeof(*p));
	unsigned long rounds = test_scale(1000);

	assert_non_null(p);
	start(p, name, seed);
	for (unsigned long i = 0; i < rounds; i++) {
		enum form form = (enum form)prng_below(&p->rng, NR_FORMS);
		bool prp = form == RQ_PRP || form == LIST_PRP ||
			   (form == RQ_ANY && !(p->dev.ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED));

		if (!(p->dev.ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED) && !prp)
			continue;
		/* Another address space now and then. */
		if (i % 50 == 0) {
			if (i)
				unscatter(p);
			scatter(p);
		}
		if (prng_below(&p->rng, 2))
			one_write(p, form, prp);
		else
			one_read(p, form, prp);
	}
	unscatter(p);
	/* Most of them must have meant something. */
	assert_true(p->accepted > p->refused);
	stop(p);
	free(p);
}

static void map_property__pages_of_4_kib(void **state)
{
	(void)state;
	run("emu:", 1);
	run("emu:", 2);
}

static void map_property__pages_of_8_and_64_kib(void **state)
{
	(void)state;
	run("emu:mpsmin=1", 3);
	run("emu:mpsmin=4", 4);
}

static void map_property__prps_alone(void **state)
{
	(void)state;
	run("emu:sgl=off", 5);
}

/* Layouts that break one rule of PRPs are refused, and name it. */
static void map_property__broken_layouts_are_refused(void **state)
{
	struct prop *p = calloc(1, sizeof(*p));
	unsigned long rounds = test_scale(2000);

	(void)state;
	assert_non_null(p);
	start(p, "emu:", 6);
	scatter(p);
	for (unsigned long i = 0; i < rounds; i++) {
		union nvme_cmd cmd = {.opcode = NVM_CMD_READ}, before = cmd;
		struct nvme_rq *rq = nvme_rq_acquire(p->sq);
		int at, err = EINVAL;

		do
			draw_prp(p);
		while (p->niov < 3);
		at = 1 + (int)prng_below(&p->rng, (uint64_t)p->niov - 2);
		switch (prng_below(&p->rng, 5)) {
		case 0: /* not a dword */
			p->iov[0].iov_base =
				(char *)p->iov[0].iov_base + 1 + prng_below(&p->rng, 3);
			p->iov[0].iov_len -= 3;
			break;
		case 1: /* starts inside a page */
			p->iov[at].iov_base = (char *)p->iov[at].iov_base + 4;
			p->iov[at].iov_len -= 4;
			break;
		case 2: /* ends inside a page */
			p->iov[at].iov_len -= 1 + prng_below(&p->rng, 4095);
			break;
		case 3: /* nothing */
			p->iov[at].iov_len = 0;
			break;
		default: /* not mapped */
			p->iov[at].iov_base = p->flat;
			err = EFAULT;
		}
		assert_fails(nvme_rq_mapv_prp(&p->dev.ctrl, rq, &cmd, p->iov, p->niov), err);
		assert_memory_equal(&cmd, &before, sizeof(cmd));
		nvme_rq_release(rq);
	}
	unscatter(p);
	stop(p);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_property__pages_of_4_kib),
		cmocka_unit_test(map_property__pages_of_8_and_64_kib),
		cmocka_unit_test(map_property__prps_alone),
		cmocka_unit_test(map_property__broken_layouts_are_refused),
	};

	return cmocka_run_group_tests_name("map_property", tests, NULL, NULL);
}

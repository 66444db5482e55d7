/* SPDX-License-Identifier: MIT */
/*
 * Threads: two in synchronous admin commands, one that submits and one that reaps, a queue each.
 * What is asserted is asserted by the main thread; the others say what went wrong.
 */
#include <pthread.h>
#include <sched.h>

#include "dev.h"

/* ---- synchronous admin commands ---- */

struct asker {
	pthread_t thread;
	struct dev *dev;
	unsigned long rounds;
	int err;
	bool mixed_up;
};

static void *ask(void *arg)
{
	struct asker *asker = arg;
	struct nvm_id_ctrl *id = malloc(sizeof(*id));

	for (unsigned long i = 0; i < asker->rounds && !asker->err; i++) {
		union nvme_cmd cmd = {
			.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_CTRL}};

		memset(id, 0, sizeof(*id));
		if (nvme_admin(&asker->dev->ctrl, &cmd, id, sizeof(*id), NULL))
			asker->err = errno;
		else if (memcmp(id, &asker->dev->id, sizeof(*id)))
			asker->mixed_up = true;
	}
	free(id);
	return NULL;
}

static void threads__in_synchronous_admin_commands(void **state)
{
	struct asker askers[3];
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	for (size_t i = 0; i < ROWS(askers); i++) {
		askers[i] = (struct asker){.dev = &dev, .rounds = test_scale(500)};
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
	}
	for (size_t i = 0; i < ROWS(askers); i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].err, 0);
		assert_false(askers[i].mixed_up);
	}
	assert_int_equal(dev.ctrl.adminq.cq->nr_kept, 0);
	assert_int_equal(dev.ctrl.adminq.cq->spurious, 0);
	dev_close(&dev);
}

/* ---- two owners ---- */

enum {
	DEPTH = 31
};

struct pipe {
	struct dev *dev;
	struct nvme_sq *sq;
	struct iommu_dmabuf *buf; /* a block per tracker */
	unsigned long rounds;
	const char *wrong;
};

/* The owner of the submission queue. */
static void *submit(void *arg)
{
	struct pipe *p = arg;
	size_t block = p->dev->block;

	for (unsigned long i = 0; i < p->rounds;) {
		struct nvme_rq *rq = nvme_rq_acquire_atomic(p->sq);
		union nvme_cmd cmd;
		struct iovec iov;

		if (!rq) {
			sched_yield();
			continue;
		}
		iov = (struct iovec){(char *)p->buf->vaddr + rq->cid * block, block};
		memset(iov.iov_base, (int)(i & 0xff), block);
		rq->opaque = (void *)(uintptr_t)(i + 1);
		cmd = dev_rw_cmd(p->dev, NVM_CMD_WRITE, rq->cid, block);
		if (nvme_rq_mapv(&p->dev->ctrl, rq, &cmd, &iov, 1)) {
			p->wrong = "not mapped";
			break;
		}
		nvme_rq_exec(rq, &cmd);
		i++;
	}
	return NULL;
}

/* The owner of the completion queue: the main thread. */
static void reap(struct pipe *p)
{
	unsigned long done = 0;
	uint64_t sum = 0;

	while (done < p->rounds) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(p->sq->cq);
		struct nvme_rq *rq;

		if (!cqe) {
			sched_yield();
			continue;
		}
		rq = nvme_rq_from_cqe(&p->dev->ctrl, cqe);
		assert_non_null(rq);
		assert_true(nvme_cqe_ok(cqe));
		assert_non_null(rq->opaque);
		sum += (uintptr_t)rq->opaque;
		nvme_cq_update_head(p->sq->cq);
		nvme_rq_release_atomic(rq);
		done++;
	}
	/* 1 + 2 + ... + rounds: each came once. */
	assert_int_equal(sum, (uint64_t)p->rounds * (p->rounds + 1) / 2);
}

static void threads__one_submits_and_one_reaps(void **state)
{
	struct iommu_dmabuf buf;
	struct dev dev;
	struct pipe p = {.sq = dev_open_io(&dev, DEPTH + 1), .rounds = test_scale(20000)};
	pthread_t submitter;

	(void)state;
	buf = dev_buf(&dev, DEPTH * dev.block);
	p.dev = &dev;
	p.buf = &buf;
	assert_int_equal(pthread_create(&submitter, NULL, submit, &p), 0);
	reap(&p);
	pthread_join(submitter, NULL);
	assert_null(p.wrong);
	assert_null(nvme_cq_get_cqe(p.sq->cq));
	assert_int_equal(p.sq->cq->spurious, 0);
	iommu_put_dmabuf(&buf);
	dev_close(&dev);
}

/* ---- a queue each ---- */

struct owner {
	pthread_t thread;
	struct dev *dev;
	int qid;
	unsigned long rounds;
	struct iommu_dmabuf buf;
	int err;
	bool wrong_data;
};

static void *own(void *arg)
{
	struct owner *o = arg;
	struct nvme_sq *sq = &o->dev->ctrl.sq[o->qid];
	size_t block = o->dev->block;
	char *out = o->buf.vaddr, *in = out + block;

	for (unsigned long i = 0; i < o->rounds && !o->err; i++) {
		uint64_t slba = (uint64_t)o->qid * 64 + i % 64;

		dev_fill(out, block, i << 8 | (unsigned int)o->qid);
		if (dev_move(o->dev, sq, NVM_CMD_WRITE, slba, out, block) ||
		    dev_move(o->dev, sq, NVM_CMD_READ, slba, in, block))
			o->err = errno;
		else if (memcmp(in, out, block))
			o->wrong_data = true;
	}
	return NULL;
}

static void threads__a_queue_each(void **state)
{
	struct owner owners[3];
	struct dev dev;
	int n = (int)ROWS(owners);

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	if (dev.ctrl.config.nsqa + 1 < n)
		n = dev.ctrl.config.nsqa + 1;
	for (int i = 0; i < n; i++) {
		assert_works(nvme_create_ioqpair(&dev.ctrl, i + 1, 4, -1, 0));
		owners[i] = (struct owner){.dev = &dev,
					   .qid = i + 1,
					   .rounds = test_scale(1000),
					   .buf = dev_buf(&dev, 2 * dev.block)};
	}
	for (int i = 0; i < n; i++)
		assert_int_equal(pthread_create(&owners[i].thread, NULL, own, &owners[i]), 0);
	for (int i = 0; i < n; i++) {
		pthread_join(owners[i].thread, NULL);
		assert_int_equal(owners[i].err, 0);
		assert_false(owners[i].wrong_data);
		iommu_put_dmabuf(&owners[i].buf);
	}
	dev_close(&dev);
}

/* ---- mapping while others move data ---- */

struct mapper {
	pthread_t thread;
	struct dev *dev;
	unsigned long rounds;
	int err;
};

static void *map_and_unmap(void *arg)
{
	struct mapper *m = arg;

	for (unsigned long i = 0; i < m->rounds && !m->err; i++) {
		struct iommu_dmabuf buf;

		if (iommu_get_dmabuf(__iommu_ctx(&m->dev->ctrl), &buf, 4096 * (1 + i % 5), 0))
			m->err = errno;
		else
			iommu_put_dmabuf(&buf);
	}
	return NULL;
}

static void threads__one_maps_while_one_moves(void **state)
{
	struct owner owner;
	struct mapper mapper;
	struct dev dev;

	(void)state;
	dev_open_io(&dev, 8);
	mapper = (struct mapper){.dev = &dev, .rounds = test_scale(500)};
	owner = (struct owner){.dev = &dev,
			       .qid = 1,
			       .rounds = test_scale(1000),
			       .buf = dev_buf(&dev, 2 * dev.block)};
	assert_int_equal(pthread_create(&mapper.thread, NULL, map_and_unmap, &mapper), 0);
	assert_int_equal(pthread_create(&owner.thread, NULL, own, &owner), 0);
	pthread_join(mapper.thread, NULL);
	pthread_join(owner.thread, NULL);
	assert_int_equal(mapper.err, 0);
	assert_int_equal(owner.err, 0);
	assert_false(owner.wrong_data);
	iommu_put_dmabuf(&owner.buf);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads__in_synchronous_admin_commands),
		cmocka_unit_test(threads__one_submits_and_one_reaps),
		cmocka_unit_test(threads__a_queue_each),
		cmocka_unit_test(threads__one_maps_while_one_moves),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}

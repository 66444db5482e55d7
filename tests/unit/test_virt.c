/* SPDX-License-Identifier: MIT */
/*
 * Secondary controllers, against a scripted device: a thread that stands behind the rings of the
 * admin queue, expects certain dwords and has its answers ready.
 */
#include <pthread.h>
#include <sched.h>

#include "dev.h"

struct step {
	uint8_t opcode;
	uint32_t cdw10, cdw11;
	uint16_t status; /* field of the completion */
	void (*fill)(uint8_t *data);
};

struct script {
	struct nvme_ctrl ctrl;
	const struct step *steps;
	int nr;
	uint32_t tail __attribute__((aligned(8))), head; /* doorbells */
	pthread_t thread;
	int wrong; /* steps that were not as expected */
};

static void answer(struct script *s, int i)
{
	const union nvme_cmd *cmd = (union nvme_cmd *)s->ctrl.adminq.sq->mem.vaddr + i;
	struct nvme_cqe *cqe = (struct nvme_cqe *)s->ctrl.adminq.cq->mem.vaddr + i;
	const struct step *step = &s->steps[i];
	void *data;

	s->wrong += cmd->opcode != step->opcode || le32_to_cpu(cmd->cdw10) != step->cdw10 ||
		    le32_to_cpu(cmd->cdw11) != step->cdw11;
	if (step->fill) {
		if (iommu_translate_iova(__iommu_ctx(&s->ctrl), le64_to_cpu(cmd->dptr.prp1),
					 &data) >= 4096)
			step->fill(data);
		else
			s->wrong++;
	}
	cqe->cid = cmd->cid;
	cqe->sqhd = cpu_to_le16((uint16_t)(i + 1));
	/* Phase 1: the first lap. */
	__atomic_store_n(&cqe->sfp, cpu_to_le16((uint16_t)(step->status << 1 | 1)),
			 __ATOMIC_RELEASE);
}

static void *device(void *arg)
{
	struct script *s = arg;

	for (int i = 0; i < s->nr; i++) {
		while (__atomic_load_n(&s->tail, __ATOMIC_ACQUIRE) != (uint32_t)i + 1)
			sched_yield();
		answer(s, i);
	}
	return NULL;
}

/* No more steps than the queue has entries. */
static void start(struct script *s, const struct step *steps, int nr)
{
	memset(s, 0, sizeof(*s));
	assert_works(nvme_ctrl_init(&s->ctrl, "emu:", NULL));
	assert_works(nvme_configure_adminq(&s->ctrl, 0));
	s->ctrl.adminq.sq->doorbell = &s->tail;
	s->ctrl.adminq.sq->asleep = NULL;
	s->ctrl.adminq.cq->doorbell = &s->head;
	s->ctrl.adminq.cq->asleep = NULL;
	s->steps = steps;
	s->nr = nr;
	assert_int_equal(pthread_create(&s->thread, NULL, device, s), 0);
}

/* All steps were taken, and all were as expected. */
static void stop(struct script *s)
{
	pthread_join(s->thread, NULL);
	assert_int_equal(s->wrong, 0);
	assert_int_equal(s->head, s->nr);
	nvme_close(&s->ctrl);
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void fill_capabilities(uint8_t *data)
{
	memset(data, 0xff, 4096);
	put16(data + 44, 0x0123); /* VQFRSM */
	put16(data + 76, 0x0045); /* VIFRSM */
}

static void virt__assigns_what_a_secondary_can_take(void **state)
{
	static const struct step steps[] = {
		{0x06, 0x00000014, 0, 0, fill_capabilities},
		{0x1c, 0x00050008, 0x0123, 0, NULL}, /* queues */
		{0x1c, 0x00050108, 0x0045, 0, NULL}, /* interrupts */
	};
	struct script s;

	(void)state;
	start(&s, steps, 3);
	assert_works(nvme_vm_assign_max_flexible(&s.ctrl, 5));
	stop(&s);
}

static void virt__assignment_ends_where_it_fails(void **state)
{
	static const struct step steps[] = {
		{0x06, 0x00000014, 0, NVM_SC_INVALID_FIELD, NULL},
		{0x06, 0x00000014, 0, 0, fill_capabilities},
		{0x1c, 0x00050008, 0x0123, NVM_SC_INVALID_CTRL_ID, NULL},
		{0x06, 0x00000014, 0, 0, fill_capabilities},
		{0x1c, 0x00050008, 0x0123, 0, NULL},
		{0x1c, 0x00050108, 0x0045, NVM_SC_INVALID_SEC_CTRL_STATE, NULL},
	};
	struct script s;
	size_t mapped;

	(void)state;
	start(&s, steps, 6);
	mapped = mapped_bytes(__iommu_ctx(&s.ctrl));
	assert_fails(nvme_vm_assign_max_flexible(&s.ctrl, 5), EINVAL);
	assert_fails(nvme_vm_assign_max_flexible(&s.ctrl, 5), EINVAL);
	assert_fails(nvme_vm_assign_max_flexible(&s.ctrl, 5), EPERM);
	assert_int_equal(mapped_bytes(__iommu_ctx(&s.ctrl)), mapped);
	stop(&s);
}

static void virt__online_and_offline(void **state)
{
	static const struct step steps[] = {
		{0x1c, 0x00050009, 0, 0, NULL},
		{0x1c, 0xffff0007, 0, 0, NULL},
		{0x1c, 0x00010009, 0, NVM_SC_INVALID_SEC_CTRL_STATE, NULL},
	};
	struct script s;

	(void)state;
	start(&s, steps, 3);
	assert_works(nvme_vm_set_online(&s.ctrl, 5));
	assert_works(nvme_vm_set_offline(&s.ctrl, 0xffff));
	assert_fails(nvme_vm_set_online(&s.ctrl, 1), EPERM);
	stop(&s);
}

/* Entry @i of a Secondary Controller List. */
static void put_secondary(uint8_t *data, int i, unsigned int scid, unsigned int vfn)
{
	put16(data + 32 + 32 * i, scid);
	put16(data + 32 + 32 * i + 8, vfn);
}

static void fill_three(uint8_t *data)
{
	memset(data, 0, 4096);
	data[0] = 3;
	put_secondary(data, 0, 7, 1);
	put_secondary(data, 1, 9, 2);
	put_secondary(data, 2, 12, 3);
	put_secondary(data, 3, 13, 4); /* not one of three */
}

static void fill_full(uint8_t *data)
{
	memset(data, 0, 4096);
	data[0] = 127;
	for (int i = 0; i < 127; i++)
		put_secondary(data, i, 100u + (unsigned int)i, 1u + (unsigned int)i);
}

static void fill_rest(uint8_t *data)
{
	memset(data, 0, 4096);
	data[0] = 1;
	put_secondary(data, 0, 227, 128);
}

static void fill_none(uint8_t *data)
{
	memset(data, 0, 4096);
}

/* More entries than a list has room for, identifiers that do not ascend. */
static void fill_lies(uint8_t *data)
{
	memset(data, 0, 4096);
	data[0] = 255;
}

static void virt__finds_a_function(void **state)
{
	static const struct step steps[] = {
		{0x06, 0x00000015, 0, 0, fill_three},
		{0x06, 0x00000015, 0, 0, fill_three}, /* not there: go on behind the last, 12 */
		{0x06, 0x000d0015, 0, 0, fill_none},
		/* The second list of two. */
		{0x06, 0x00000015, 0, 0, fill_full},
		{0x06, 0x00e30015, 0, 0, fill_rest},
		{0x06, 0x00000015, 0, NVM_SC_INVALID_FIELD, NULL},
		{0x06, 0x00000015, 0, 0, fill_none},
	};
	struct script s;
	uint16_t cntlid = 0xffff;

	(void)state;
	start(&s, steps, 7);
	assert_works(nvme_get_vf_cntlid(&s.ctrl, 2, &cntlid));
	assert_int_equal(cntlid, 9);
	assert_fails(nvme_get_vf_cntlid(&s.ctrl, 4, &cntlid), ENOENT);
	assert_works(nvme_get_vf_cntlid(&s.ctrl, 128, &cntlid));
	assert_int_equal(cntlid, 227);
	assert_fails(nvme_get_vf_cntlid(&s.ctrl, 1, &cntlid), EINVAL);
	assert_fails(nvme_get_vf_cntlid(&s.ctrl, 1, &cntlid), ENOENT);
	/* No function has these numbers; nobody is asked. */
	assert_fails(nvme_get_vf_cntlid(&s.ctrl, 0, &cntlid), ENOENT);
	assert_fails(nvme_get_vf_cntlid(&s.ctrl, -1, &cntlid), ENOENT);
	assert_fails(nvme_get_vf_cntlid(&s.ctrl, 65536, &cntlid), ENOENT);
	stop(&s);
}

static void virt__a_list_that_lies_ends_the_search(void **state)
{
	static const struct step steps[] = {
		{0x06, 0x00000015, 0, 0, fill_lies},
		{0x06, 0x00010015, 0, 0, fill_lies}, /* 0 again, behind 0 */
	};
	struct script s;
	uint16_t cntlid;

	(void)state;
	start(&s, steps, 2);
	assert_fails(nvme_get_vf_cntlid(&s.ctrl, 1, &cntlid), ENOENT);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virt__assigns_what_a_secondary_can_take),
		cmocka_unit_test(virt__assignment_ends_where_it_fails),
		cmocka_unit_test(virt__online_and_offline),
		cmocka_unit_test(virt__finds_a_function),
		cmocka_unit_test(virt__a_list_that_lies_ends_the_search),
	};

	return cmocka_run_group_tests_name("virt", tests, NULL, NULL);
}

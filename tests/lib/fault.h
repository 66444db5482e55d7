/* SPDX-License-Identifier: MIT */
/*
 * What the tests of faults have in common: an emulated controller with a small queue pair, faults
 * for the next command, commands without data, and the proof that all works again.
 */
#ifndef BELFRY_TESTS_LIB_FAULT_H
#define BELFRY_TESTS_LIB_FAULT_H

#include <belfry/emu.h>

#include "dev.h"

#define QSIZE 8 /* 7 trackers, cids 6 .. 0 */

struct fixture {
	struct dev dev;
	struct emu_ctrl *emu;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
};

static inline void fault_open(struct fixture *f, const char *name)
{
	memset(f, 0, sizeof(*f));
	dev_open(&f->dev, name);
	f->emu = dev_emu(&f->dev);
	assert_non_null(f->emu);
	assert_works(nvme_create_ioqpair(&f->dev.ctrl, 1, QSIZE, -1, 0));
	f->sq = &f->dev.ctrl.sq[1];
	f->cq = f->sq->cq;
}

/* The next command of that opcode on I/O queue 1, once. */
static inline void inject(struct fixture *f, uint8_t opcode, enum emu_act act, uint64_t arg)
{
	struct emu_fault fault = {
		.sqid = 1, .opcode = opcode, .nth = 1, .count = 1, .act = act, .arg = arg};

	assert_works(emu_fault_add(f->emu, &fault));
}

static inline void inject_admin(struct fixture *f, uint8_t opcode, enum emu_act act, uint64_t arg)
{
	struct emu_fault fault = {
		.sqid = 0, .opcode = opcode, .nth = 1, .count = 1, .act = act, .arg = arg};

	assert_works(emu_fault_add(f->emu, &fault));
}

/* The script has acted so often: the controller has these commands, and an Abort finds them. */
static inline void wait_for_faults(struct fixture *f, uint64_t nr)
{
	struct emu_stats stats;

	do
		emu_get_stats(f->emu, &stats);
	while (stats.faults < nr);
}

static inline struct nvme_rq *start(struct fixture *f)
{
	union nvme_cmd cmd = {.opcode = NVM_CMD_FLUSH, .nsid = cpu_to_le32(f->dev.nsid)};
	struct nvme_rq *rq = nvme_rq_acquire(f->sq);

	assert_non_null(rq);
	nvme_rq_exec(rq, &cmd);
	return rq;
}

static inline int wait_ms(struct nvme_rq *rq, long ms)
{
	struct timespec ts = {.tv_nsec = ms * 1000000};

	return nvme_rq_wait(rq, NULL, &ts);
}

/* As many commands as there are trackers. */
static inline void works(struct fixture *f)
{
	struct nvme_rq *rqs[QSIZE - 1];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < QSIZE - 1; i++)
			rqs[i] = start(f);
		for (int i = 0; i < QSIZE - 1; i++) {
			assert_works(dev_wait(rqs[i], NULL));
			nvme_rq_release(rqs[i]);
		}
	}
}

static inline void reset(struct fixture *f)
{
	assert_works(nvme_reset(&f->dev.ctrl));
	assert_works(nvme_enable(&f->dev.ctrl));
	assert_works(nvme_create_ioqpair(&f->dev.ctrl, 1, QSIZE, -1, 0));
}

#endif /* BELFRY_TESTS_LIB_FAULT_H */

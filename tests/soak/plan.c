/* SPDX-License-Identifier: MIT */
/*
 * Plans. The first epochs have one kind of fault each, and the very first none; later ones have up
 * to SOAK_MAX_FAULTS kinds at once. Even epochs are reaped and reset by hand, odd ones recover by the
 * ladder.
 */
#include <stdio.h>
#include <string.h>

#include "soak.h"

/*
 * Identifiers that are wrong are inverted, so that they are nobody's. One that is another command's
 * cannot be told from the truth by any driver.
 */
static const struct kind {
	enum emu_act act;
	const char *name;
	bool explained; /* the command is answered, or times out: one fault, one command */
	bool patient;	/* it is answered */
	bool admin;	/* may hit admin commands too */
	uint32_t prob;	/* out of a million commands */
} kinds[] = {
	{EMU_ACT_STATUS, "status", true, true, true, 5000},
	{EMU_ACT_DELAY, "delay", true, true, true, 2000},
	{EMU_ACT_DROP, "drop", true, false, true, 1000},
	{EMU_ACT_TWICE, "twice", true, true, false, 3000},
	{EMU_ACT_WRONG_CID, "wrong_cid", true, false, false, 1000},
	{EMU_ACT_WRONG_SQID, "wrong_sqid", true, false, false, 1000},
	{EMU_ACT_STALE_PHASE, "stale_phase", false, false, false, 500},
	{EMU_ACT_CORRUPT, "corrupt", true, true, false, 3000},
	{EMU_ACT_CFS, "cfs", false, false, true, 300},
	{EMU_ACT_HANG, "hang", false, false, true, 300},
	{EMU_ACT_GONE, "gone", false, false, true, 200},
};

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Half a slot at most is moved, which mdts=3, 32 KiB, allows. */
static const char *const options[] = {
	"", ",sgl=off,mdts=3", ",dbbuf=on,dstrd=2", ",mpsmin=2", ",spin_us=0", ",sgl=off,dbbuf=on",
};

static struct emu_fault make_fault(const struct kind *kind, struct prng *rng, unsigned int sqs,
				   bool alone)
{
	struct emu_fault fault = {
		.sqid = kind->admin && !alone && !prng_below(rng, 4)
				? 0
				: (int)(1 + prng_below(rng, sqs)),
		.opcode = EMU_ANY,
		.nth = 1,
		.prob = kind->prob / 2 + (uint32_t)prng_below(rng, kind->prob),
		.seed = prng_next(rng),
		.act = kind->act,
	};

	/* Admin commands are few, and so is all of an epoch with one kind. */
	if (!fault.sqid || alone)
		fault.prob *= 10;
	if (kind->act == EMU_ACT_STATUS)
		fault.arg = NVM_SC_INTERNAL;
	if (kind->act == EMU_ACT_DELAY)
		fault.arg = prng_below(rng, 5000);
	if (kind->act == EMU_ACT_CORRUPT) {
		fault.opcode = NVM_CMD_READ;
		fault.arg = prng_below(rng, SOAK_BLOCK);
	}
	return fault;
}

/*
 * The ladder waits for 5 s for the commands that set a controller up, so that these are seldom the ones
 * that are late.
 */
static void aim(struct emu_fault *fault, struct prng *rng)
{
	static const uint8_t opcodes[] = {NVM_ADMIN_IDENTIFY, NVM_ADMIN_GET_FEATURES,
					  NVM_ADMIN_GET_LOG, NVM_ADMIN_ABORT};
	bool late = fault->act == EMU_ACT_DROP || fault->act == EMU_ACT_HANG;

	if (!fault->sqid && late && prng_below(rng, 16))
		fault->opcode = opcodes[prng_below(rng, sizeof(opcodes))];
}

static void add_fault(struct plan *plan, const struct kind *kind, struct prng *rng, bool alone)
{
	plan->faults[plan->nr_faults] = make_fault(kind, rng, plan_queues(plan), alone);
	if (plan->ladder)
		aim(&plan->faults[plan->nr_faults], rng);
	/* Commands wait longer for this than for their deadlines, sometimes. */
	if (kind->act == EMU_ACT_DELAY && !plan->patient)
		plan->faults[plan->nr_faults].arg *= 10;
	plan->nr_faults++;
}

static void pick_faults(struct plan *plan, struct prng *rng, unsigned int epoch)
{
	unsigned int nr = epoch <= NR_KINDS ? epoch > 0 : 2 + (unsigned int)prng_below(rng, 3);
	const struct kind *picked[SOAK_MAX_FAULTS];

	plan->explained = plan->patient = true;
	for (unsigned int i = 0; i < nr; i++) {
		picked[i] = &kinds[epoch <= NR_KINDS ? epoch - 1 : prng_below(rng, NR_KINDS)];
		plan->explained &= picked[i]->explained;
		plan->patient &= picked[i]->patient;
		plan->sequential |= picked[i]->act == EMU_ACT_TWICE;
	}
	/* What follows a command would be the next one's, which may be another thread's. */
	plan->shared &= !plan->sequential;
	for (unsigned int i = 0; i < nr; i++)
		add_fault(plan, picked[i], rng, epoch <= NR_KINDS);
}

unsigned int plan_queues(const struct plan *plan)
{
	return plan->shared ? 1 : plan->nr_workers * plan->nr_sqs;
}

/* How it recovers. A reset waits for those that poll for longer than any is kept from it. */
static void pick_recovery(struct plan *plan, struct prng *rng)
{
	plan->ladder = true;
	plan->shared = plan->nr_sqs == 1 && prng_below(rng, 2);
	plan->run_ms *= 3;
	plan->recovery = (struct nvme_recovery_opts){
		.flags = prng_below(rng, 4) ? 0 : NVME_RECOVERY_NO_ABORT,
		.grace_ms = 5 + (unsigned int)prng_below(rng, 40),
		.freeze_ms = 10000,
		.max_resets = 1 + (unsigned int)prng_below(rng, 4),
	};
}

void plan_epoch(struct plan *plan, uint64_t seed, unsigned int epoch)
{
	struct prng rng;
	uint64_t mix = seed ^ (uint64_t)epoch << 32;

	memset(plan, 0, sizeof(*plan));
	plan->seed = splitmix64(&mix);
	prng_init(&rng, plan->seed);

	plan->nr_workers = 1 + (unsigned int)prng_below(&rng, SOAK_MAX_WORKERS);
	plan->nr_sqs = 1 + (unsigned int)prng_below(&rng, 2);
	plan->nr_admin = (unsigned int)prng_below(&rng, 3);
	plan->qsize = 2 + (int)prng_below(&rng, SOAK_MAX_SLOTS / plan->nr_sqs - 1);
	plan->run_ms = 100 + (unsigned int)prng_below(&rng, 300);
	plan->pause_ms = 20 + (unsigned int)prng_below(&rng, 200);
	plan->abrupt = prng_below(&rng, 2);
	if (epoch & 1)
		pick_recovery(plan, &rng);
	plan->single = epoch / 2 <= NR_KINDS;
	pick_faults(plan, &rng, epoch / 2);
	/* Where everything is answered, a command that is not is lost, however slow the machine. */
	plan->deadline_ms = plan->patient ? 30000 : 10 + (unsigned int)prng_below(&rng, 30);
	snprintf(plan->name, sizeof(plan->name), "emu:serial=" SOAK_SERIAL ",size=16M,queues=%u%s",
		 plan_queues(plan),
		 options[prng_below(&rng, sizeof(options) / sizeof(options[0]))]);
}

void plan_print(const struct plan *plan, char *text, size_t len)
{
	size_t used =
		(size_t)snprintf(text, len, "%s %u+%u threads, %u queues of %d%s%s", plan->name,
				 plan->nr_workers, plan->nr_admin, plan_queues(plan), plan->qsize,
				 plan->ladder ? ", ladder" : "", plan->shared ? ", shared" : "");

	for (unsigned int i = 0; i < plan->nr_faults && used < len; i++) {
		const struct emu_fault *f = &plan->faults[i];

		used += (size_t)snprintf(text + used, len - used, ", %s sq=%d prob=%u",
					 kinds[f->act].name, f->sqid, f->prob);
	}
}

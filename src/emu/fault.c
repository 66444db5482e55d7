/* SPDX-License-Identifier: MIT */
/*
 * Fault script: lines are tried in order, the first that matches acts. Each line
 * counts the commands that it matches and draws from a sequence of its own, so
 * that what a script does depends on the commands and the seeds alone.
 */
#include <stdlib.h>
#include <string.h>

#include <belfry/support/log.h>

#include "emu/config.h"
#include "emu/fault.h"
#include "emu/held.h"
#include "emu/queue.h"
#include "emu/remote.h"
#include "support/errno.h"
#include "support/opts.h"
#include "support/prng.h"

struct fault_line {
	struct emu_fault fault;
	struct prng rng;
	uint64_t matched, acted;
};

struct emu_faults {
	struct fault_line lines[EMU_MAX_FAULTS];
};

/* ---- text form ---- */

static const char *const act_words[] = {
	[EMU_ACT_STATUS] = "status",
	[EMU_ACT_DELAY] = "delay",
	[EMU_ACT_DROP] = "drop",
	[EMU_ACT_TWICE] = "twice",
	[EMU_ACT_WRONG_CID] = "wrong_cid",
	[EMU_ACT_WRONG_SQID] = "wrong_sqid",
	[EMU_ACT_STALE_PHASE] = "stale_phase",
	[EMU_ACT_CORRUPT] = "corrupt",
	[EMU_ACT_CFS] = "cfs",
	[EMU_ACT_HANG] = "hang",
	[EMU_ACT_GONE] = "gone",
	[EMU_ACT_SKIP] = "skip",
	[EMU_ACT_SKIP + 1] = NULL,
};

#define ACT_UNSET UINT32_MAX

/* What the text is parsed into: the types are those of the option table. */
struct fault_text {
	uint32_t act;
	int sqid, opcode;
	uint32_t nth, count, prob;
	uint64_t arg, seed;
};

static int parse_id(int *id, const char *value, int max, char *err, size_t errlen)
{
	uint64_t number;

	if (!strcmp(value, "any")) {
		*id = EMU_ANY;
		return 0;
	}
	if (opts_parse_u64(value, &number) || number > (uint64_t)max) {
		snprintf(err, errlen, "neither any nor a number within 0 .. %d", max);
		return set_errno(EINVAL);
	}
	*id = (int)number;
	return 0;
}

static int parse_sq(void *obj, const char *value, char *err, size_t errlen)
{
	return parse_id(&((struct fault_text *)obj)->sqid, value, UINT16_MAX, err, errlen);
}

static int parse_op(void *obj, const char *value, char *err, size_t errlen)
{
	return parse_id(&((struct fault_text *)obj)->opcode, value, UINT8_MAX, err, errlen);
}

#define FIELD(member) .offset = offsetof(struct fault_text, member)

static const struct opt fault_table[] = {
	{.name = "act", .type = OPT_ENUM, FIELD(act), .words = act_words, .help = "what it does"},
	{.name = "arg", .type = OPT_U64, FIELD(arg), .help = "argument of act, default 0"},
	{.name = "sq", .type = OPT_CALL, .call = parse_sq, .help = "submission queue, default any"},
	{.name = "op", .type = OPT_CALL, .call = parse_op, .help = "opcode, default any"},
	{.name = "nth", .type = OPT_U32, FIELD(nth), .help = "from the nth command on"},
	{.name = "count", .type = OPT_U32, FIELD(count), .help = "how often, default 0: no end"},
	{.name = "prob", .type = OPT_U32, FIELD(prob), .max = 1000000, .help = "out of a million"},
	{.name = "seed", .type = OPT_U64, FIELD(seed), .help = "of the sequence for prob"},
	{.name = NULL},
};

static const struct opts fault_opts = {.what = "fault", .table = fault_table};

#define STATUS_MAX 0x7fff /* SC 7:0, SCT 10:8, CRD 12:11, More 13, DNR 14 */

/* What is wrong with it; NULL: nothing. */
static const char *fault_error(const struct emu_fault *f)
{
	if (f->sqid < EMU_ANY || f->sqid > UINT16_MAX)
		return "no such queue";
	if (f->opcode < EMU_ANY || f->opcode > UINT8_MAX)
		return "no such opcode";
	if (f->prob > 1000000)
		return "prob is more than a million";
	if ((unsigned int)f->act > EMU_ACT_SKIP)
		return "no such act";
	if (f->act == EMU_ACT_STATUS && (!f->arg || f->arg > STATUS_MAX))
		return "arg is no status of an error, 0x1 to 0x7fff";
	if ((f->act == EMU_ACT_WRONG_CID || f->act == EMU_ACT_WRONG_SQID) && f->arg > UINT16_MAX)
		return "arg is more than an identifier has, 0xffff";
	return NULL;
}

int emu_fault_parse(const char *text, struct emu_fault *fault)
{
	struct fault_text t = {.act = ACT_UNSET, .sqid = EMU_ANY, .opcode = EMU_ANY};
	char *copy = strdup(text);
	struct emu_fault parsed;
	const char *error;
	int ret;

	if (!copy)
		return -1;
	for (char *c = copy; (c = strchr(c, ':'));)
		*c = ',';
	ret = opts_parse(&fault_opts, &t, copy, NULL, 0);
	free(copy);
	if (ret)
		return -1;
	if (t.act == ACT_UNSET) {
		log_error("fault: '%s' has no act=\n", text);
		return set_errno(EINVAL);
	}
	parsed = (struct emu_fault){
		.sqid = t.sqid,
		.opcode = t.opcode,
		.nth = t.nth,
		.count = t.count,
		.prob = t.prob,
		.seed = t.seed,
		.act = (enum emu_act)t.act,
		.arg = t.arg,
	};
	error = fault_error(&parsed);
	if (error) {
		log_error("fault: '%s': %s\n", text, error);
		return set_errno(EINVAL);
	}
	*fault = parsed;
	return 0;
}

/* ---- the script ---- */

static int fault_append(struct emu_ctrl *ctrl, const struct emu_fault *fault)
{
	struct emu_engine *e = ctrl->engine;
	struct fault_line *line;

	if (e->nr_faults == EMU_MAX_FAULTS)
		return ENOSPC;
	line = &ctrl->faults->lines[e->nr_faults];
	*line = (struct fault_line){.fault = *fault};
	/* Lines without a seed differ from each other, and from run to run only by seed=. */
	prng_init(&line->rng, fault->seed ? fault->seed : ctrl->cfg->seed + e->nr_faults);
	e->nr_faults++;
	return 0;
}

struct fault_msg {
	const struct emu_fault *fault;
	int error;
};

static void fault_add(struct emu_ctrl *ctrl, void *arg)
{
	struct fault_msg *msg = arg;

	msg->error = fault_append(ctrl, msg->fault);
}

int emu_fault_add(struct emu_ctrl *ctrl, const struct emu_fault *fault)
{
	struct fault_msg msg = {.fault = fault};

	if (fault_error(fault))
		return set_errno(EINVAL);
	emu_call(ctrl, fault_add, &msg);
	return msg.error ? set_errno(msg.error) : 0;
}

static void fault_clear(struct emu_ctrl *ctrl, void *arg)
{
	(void)arg;
	ctrl->engine->nr_faults = 0;
}

void emu_fault_clear(struct emu_ctrl *ctrl)
{
	emu_call(ctrl, fault_clear, NULL);
}

static int fault_append_text(struct emu_ctrl *ctrl, const char *text)
{
	struct emu_fault fault;
	int error;

	if (emu_fault_parse(text, &fault))
		return -1;
	error = fault_append(ctrl, &fault);
	if (error) {
		log_error("fault: '%s': a script has %d lines at most\n", text, EMU_MAX_FAULTS);
		return set_errno(error);
	}
	return 0;
}

int emu_faults_init(struct emu_ctrl *ctrl)
{
	char *script, *rest, *text;
	int ret = 0;

	ctrl->faults = calloc(1, sizeof(*ctrl->faults));
	if (!ctrl->faults)
		return -1;
	if (!ctrl->cfg->fault)
		return 0;
	script = strdup(ctrl->cfg->fault);
	if (!script) {
		emu_faults_exit(ctrl);
		return -1;
	}
	/* A line that is empty is one that somebody forgot. */
	for (rest = script; !ret && (text = strsep(&rest, "/"));)
		ret = fault_append_text(ctrl, text);
	free(script);
	if (ret)
		emu_faults_exit(ctrl);
	return ret;
}

void emu_faults_exit(struct emu_ctrl *ctrl)
{
	keep_errno();

	free(ctrl->faults);
	ctrl->faults = NULL;
	ctrl->engine->nr_faults = 0;
}

/* ---- acting ---- */

static bool line_matches(struct fault_line *line, const struct emu_req *req)
{
	const struct emu_fault *f = &line->fault;

	if (f->sqid != EMU_ANY && f->sqid != req->sq->qid)
		return false;
	if (f->opcode != EMU_ANY && f->opcode != req->cmd.opcode)
		return false;
	if (++line->matched < f->nth || (f->count && line->acted == f->count))
		return false;
	if (f->prob && prng_below(&line->rng, 1000000) >= f->prob)
		return false;
	line->acted++;
	return true;
}

static uint16_t corrupt(struct emu_req *req, uint64_t off)
{
	if (req->dir != EMU_TO_HOST)
		return 0;
	for (int i = 0; i < req->niov; i++) {
		if (off < req->iov[i].iov_len && req->iov[i].iov_base) {
			((uint8_t *)req->iov[i].iov_base)[off] ^= 1;
			return emu_remote_done(req);
		}
		if (off < req->iov[i].iov_len)
			return 0;
		off -= req->iov[i].iov_len;
	}
	return 0;
}

/* Acts that stop the controller, or answer without carrying the command out. */
static bool act_instead(struct emu_ctrl *ctrl, struct emu_req *req, const struct emu_fault *f,
			uint16_t *status)
{
	switch (f->act) {
	case EMU_ACT_STATUS:
		*status = (uint16_t)f->arg;
		return false;
	case EMU_ACT_SKIP:
		*status = NVM_SC_SUCCESS;
		return false;
	case EMU_ACT_CFS:
		emu_ctrl_fatal(ctrl, "a fault said so");
		return true;
	case EMU_ACT_HANG:
		emu_ctrl_hang(ctrl);
		return true;
	case EMU_ACT_GONE:
		emu_ctrl_gone(ctrl);
		return true;
	default:
		*status = emu_cmd_exec(req);
		return f->act == EMU_ACT_DROP || *status == EMU_NO_COMPLETION;
	}
}

static uint16_t other_id(uint16_t id, uint64_t arg)
{
	return arg ? (uint16_t)(id + arg) : (uint16_t)~id;
}

/* The completion, with what the fault does to it. */
static void act_post(struct emu_ctrl *ctrl, struct emu_req *req, const struct emu_fault *f,
		     struct emu_cpl *cpl)
{
	struct emu_cq *cq = req->sq->cq;

	if (f->act == EMU_ACT_DELAY) {
		emu_hold(ctrl, cpl, f->arg);
		return;
	}
	if (f->act == EMU_ACT_WRONG_CID)
		cpl->cid = other_id(cpl->cid, f->arg);
	if (f->act == EMU_ACT_WRONG_SQID)
		cpl->sqid = other_id(cpl->sqid, f->arg);
	emu_post(ctrl, cq, cpl, f->act == EMU_ACT_STALE_PHASE);
	if (f->act == EMU_ACT_TWICE)
		emu_post_or_block(ctrl, cq, cpl);
}

static void act(struct emu_ctrl *ctrl, struct emu_req *req, const struct emu_fault *f)
{
	uint16_t status = 0;
	struct emu_cpl cpl;

	ctrl->stats.faults++;
	if (act_instead(ctrl, req, f, &status))
		return;
	if (status)
		emu_log_error(req, status);
	else if (f->act == EMU_ACT_CORRUPT)
		status = corrupt(req, f->arg);
	cpl = emu_cpl_of(req, status);
	act_post(ctrl, req, f, &cpl);
}

bool emu_fault_run(struct emu_ctrl *ctrl, struct emu_req *req)
{
	for (uint32_t i = 0; i < ctrl->engine->nr_faults; i++) {
		struct fault_line *line = &ctrl->faults->lines[i];

		if (line_matches(line, req)) {
			act(ctrl, req, &line->fault);
			return true;
		}
	}
	return false;
}

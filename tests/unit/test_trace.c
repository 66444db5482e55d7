/* SPDX-License-Identifier: MIT */
/*
 * Trace events: which are active, where their text goes, and that a command leaves them in order.
 * The environment is looked at once in the life of a process, so each case of that has a process of
 * its own. This file is compiled as a debug build of a program is.
 */
#define DEBUG
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belfry/nvme.h>
#include <belfry/support/log.h>
#include <belfry/support/trace.h>

#include "test.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static char text[4096];

static void collect(int level, const char *msg, void *arg)
{
	size_t used = strlen(text);

	(void)arg;
	snprintf(text + used, sizeof(text) - used, "%d %s\n", level, msg);
}

static int listen_and_forget(void **state)
{
	(void)state;
	text[0] = '\0';
	trace_event_set_active("", false);
	logv_set(-1);
	return log_set_handler(collect, NULL);
}

static void trace__prefix_chooses_events(void **state)
{
	(void)state;
	assert_int_equal(trace_event_set_active("nvme_cq_", true), 4);
	assert_true(TRACE_NVME_CQ_GET_CQE_ACTIVE);
	assert_true(TRACE_NVME_CQ_GOT_CQE_ACTIVE);
	assert_true(TRACE_NVME_CQ_SPIN_ACTIVE);
	assert_true(TRACE_NVME_CQ_UPDATE_HEAD_ACTIVE);
	assert_false(TRACE_NVME_SQ_POST_ACTIVE);
	assert_int_equal(trace_event_set_active("NVME_CQ_G", false), 2);
	assert_false(TRACE_NVME_CQ_GET_CQE_ACTIVE);
	assert_false(TRACE_NVME_CQ_GOT_CQE_ACTIVE);
	assert_true(TRACE_NVME_CQ_SPIN_ACTIVE);
	assert_int_equal(trace_event_set_active("nvme_cq_spinning", true), 0);
	assert_int_equal(trace_event_set_active("", true), 12);
	assert_true(TRACE_VFIO_IOMMU_TYPE1_RECYCLE_EPHEMERAL_IOVAS_ACTIVE);
	assert_true(TRACE_IOMMUFD_IOAS_MAP_DMA_ACTIVE);
}

/* Whatever the verbosity, as a message of debugging; nothing is evaluated while not active. */
static void trace__text_goes_to_the_handler(void **state)
{
	int evaluated = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		trace_guard(NVME_SQ_POST)
		{
			trace_emit("number %d\n", ++evaluated);
		}
	}
	assert_int_equal(evaluated, 0);
	assert_string_equal(text, "");

	trace_event_set_active("nvme_sq_post", true);
	errno = ENOSPC;
	for (int i = 0; i < 5; i++) {
		trace_guard(NVME_SQ_POST)
		{
			trace_emit("number %d\n", ++evaluated);
			if (evaluated == 2)
				break; /* ends the loop around it */
		}
	}
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(text, "2 trace__text_goes_to_the_handler: number 1\n"
				  "2 trace__text_goes_to_the_handler: number 2\n");
}

static void trace__disabled_means_left_out(void **state)
{
	(void)state;
	assert_int_equal(TRACE_NVME_CQ_GET_CQE, 1);
	assert_int_equal(TRACE_NVME_CQ_GET_CQE_DISABLED, 1);
	assert_int_equal(TRACE_NVME_CQ_GOT_CQE_DISABLED, 0);
	trace_event_set_active("nvme_cq_get_cqe", true);
	trace_guard(NVME_CQ_GET_CQE)
	{
		fail();
	}
}

static void emit(int tag)
{
	trace_emitrl(3600, tag, "tag %d\n", tag);
}

static void trace__rate_is_limited_by_tag(void **state)
{
	(void)state;
	emit(7);
	emit(7);
	emit(7);
	emit(8);
	emit(8);
	emit(7);
	assert_string_equal(text, "2 emit: tag 7\n2 emit: tag 8\n2 emit: tag 7\n");
	for (int i = 0; i < 3; i++)
		trace_emitrl(0, 9, "now\n");
	assert_string_equal(text, "2 emit: tag 7\n2 emit: tag 8\n2 emit: tag 7\n"
				  "2 trace__rate_is_limited_by_tag: now\n"
				  "2 trace__rate_is_limited_by_tag: now\n"
				  "2 trace__rate_is_limited_by_tag: now\n");
}

static void trace__one_command(void **state)
{
	union nvme_cmd cmd = {.opcode = NVM_ADMIN_GET_FEATURES};
	struct nvme_ctrl ctrl = {};
	struct nvme_cqe *cqe;
	struct nvme_rq *rq;

	(void)state;
	assert_int_equal(nvme_init(&ctrl, "emu:", NULL), 0);
	rq = nvme_rq_acquire(ctrl.adminq.sq);
	assert_non_null(rq);
	cmd.cdw10 = cpu_to_le32(NVM_FEAT_ARBITRATION);
	trace_event_set_active("nvme", true);
	text[0] = '\0';
	nvme_rq_exec(rq, &cmd);
	while (!(cqe = nvme_cq_get_cqe(ctrl.adminq.cq)))
		;
	nvme_cq_update_head(ctrl.adminq.cq);
	trace_event_set_active("nvme", false);
	assert_int_equal(cqe->cid, 30);
	/* Number of Queues and Identify went before, by tracker 30 and slots 0 and 1. */
	assert_string_equal(text, "2 __nvme_sq_put: sq 0 slot 2 opcode 0x0a cid 30\n"
				  "2 nvme_sq_update_tail: sq 0 tail 3\n"
				  "2 __nvme_cq_take: cq 0 sqid 0 cid 30 status 0x0\n"
				  "2 nvme_cq_update_head: cq 0 head 3\n");
	nvme_rq_release(rq);
	nvme_close(&ctrl);
}

/* Which events are active in a process that starts with this environment, a bit each. */
static unsigned int started_with(const char *env)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		struct nvme_ctrl ctrl = {};

		setenv("VFN_TRACE_EVENTS", env, 1);
		log_set_handler(NULL, NULL);
		logv_set(-1);
		if (nvme_ctrl_init(&ctrl, "emu:", NULL))
			_exit(255);
		nvme_close(&ctrl);
		_exit(TRACE_NVME_CQ_GET_CQE_ACTIVE | TRACE_NVME_CQ_GOT_CQE_ACTIVE << 1 |
		      TRACE_NVME_SQ_POST_ACTIVE << 2 | TRACE_IOMMUFD_IOAS_MAP_DMA_ACTIVE << 3 |
		      TRACE_VFIO_IOMMU_TYPE1_MAP_DMA_ACTIVE << 4 |
		      TRACE_VFIO_IOMMU_TYPE1_UNMAP_DMA_ACTIVE << 5);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void trace__environment_chooses_events(void **state)
{
	static const struct {
		const char *name, *env;
		unsigned int active;
	} rows[] = {
		{"nothing", "", 0},
		{"a name", "nvme_sq_post", 4},
		{"a beginning, in upper case", "NVME_CQ", 3},
		{"a plus is for looks", "+nvme_cq_got_cqe", 2},
		{"several", "iommufd,vfio_iommu_type1_map", 24},
		{"a minus takes away", "nvme,-nvme_cq_get", 6},
		{"the later one wins", "-nvme,nvme,-nvme_sq", 3},
		{"empty ones mean nothing", ",,+,-,vfio_iommu_type1_u,", 32},
		{"an unknown one does no harm", "nvmf,iommufd", 8},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned int active = started_with(rows[i].env);

		if (active != rows[i].active)
			fail_msg("%s: %u, not %u", rows[i].name, active, rows[i].active);
	}
}

int main(void)
{
	/* First of all: a child of a process that has not looked at its environment. */
	const struct CMUnitTest fresh[] = {
		cmocka_unit_test(trace__environment_chooses_events),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(trace__prefix_chooses_events, listen_and_forget),
		cmocka_unit_test_setup(trace__text_goes_to_the_handler, listen_and_forget),
		cmocka_unit_test_setup(trace__disabled_means_left_out, listen_and_forget),
		cmocka_unit_test_setup(trace__rate_is_limited_by_tag, listen_and_forget),
		cmocka_unit_test_setup(trace__one_command, listen_and_forget),
	};

	return cmocka_run_group_tests_name("trace_env", fresh, NULL, NULL) |
	       cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}

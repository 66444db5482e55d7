/* SPDX-License-Identifier: MIT */
/*
 * A controller that asks for hours: the waits are bounded. Nobody waits for it here: while it lies, the clock is the
 * machine's, plus all that was slept, and sleeping takes no time. Each sleep counts as 50 ms or more, so
 * that minutes are not many.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include <belfry/nvme/pmr.h>

#include "fault.h"
#include "transport/transport.h"

#define SLEEP_NS 50000000

static int fast;	  /* while registers lie: nothing that takes real time is waited for then */
static uint64_t slept_ns; /* by threads that wait for the controller, and by itself */

/* In place of libc's, for the library as well. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	uint64_t slept = __atomic_load_n(&slept_ns, __ATOMIC_SEQ_CST);
	int ret = (int)syscall(SYS_clock_gettime, clock, ts);

	ts->tv_sec += (time_t)(slept / 1000000000);
	ts->tv_nsec += (long)(slept % 1000000000);
	ts->tv_sec += ts->tv_nsec / 1000000000;
	ts->tv_nsec %= 1000000000;
	return ret;
}

int nanosleep(const struct timespec *ts, struct timespec *left)
{
	uint64_t ns = (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_nsec;

	if (!__atomic_load_n(&fast, __ATOMIC_SEQ_CST))
		return (int)syscall(SYS_nanosleep, ts, left);
	__atomic_fetch_add(&slept_ns, ns < SLEEP_NS ? SLEEP_NS : ns, __ATOMIC_SEQ_CST);
	return 0;
}

static double slept_minutes(void)
{
	return (double)__atomic_load_n(&slept_ns, __ATOMIC_SEQ_CST) / 60e9;
}

/* ---- the lies: registers as the device has them, but for these ---- */

static struct {
	const struct transport_ops *real;
	struct transport_ops ops;
	uint64_t crto;
	uint32_t csts_and; /* what is left of CSTS */
	uint32_t pmrcap;   /* 0: as it is; else PMRSTS says not ready too */
	double ready_at;   /* CSTS.RDY is set from then on; 0: as it is */
} lies;

static int lying_read(struct transport *tp, uint32_t off, unsigned int width, uint64_t *val)
{
	int ret = lies.real->reg_read(tp, off, width, val);

	if (off == NVM_REG_CRTO)
		*val = lies.crto;
	if (off == NVM_REG_CSTS)
		*val &= lies.csts_and;
	if (off == NVM_REG_PMRCAP && lies.pmrcap)
		*val = lies.pmrcap;
	if (off == NVM_REG_PMRSTS && lies.pmrcap)
		*val |= NVM_SET(1u, PMRSTS_NRDY);
	if (off == NVM_REG_CSTS && lies.ready_at > 0 && slept_minutes() >= lies.ready_at)
		*val |= NVM_SET(1u, CSTS_RDY);
	return ret;
}

static void lie(struct nvme_ctrl *ctrl, uint32_t crto, uint32_t csts_and)
{
	struct transport *tp = ctrl->pci.dev.transport;

	lies.real = tp->ops;
	lies.ops = *tp->ops;
	lies.ops.reg_read = lying_read;
	lies.crto = crto;
	lies.csts_and = csts_and;
	lies.pmrcap = 0;
	lies.ready_at = 0;
	__atomic_store_n(&fast, 1, __ATOMIC_SEQ_CST);
	tp->ops = &lies.ops;
}

static void tell_the_truth(struct nvme_ctrl *ctrl)
{
	__atomic_store_n(&fast, 0, __ATOMIC_SEQ_CST);
	ctrl->pci.dev.transport->ops = lies.real;
}

/* CRTO.CRWMT = ffffh is 9 hours and 6 minutes. */
static void liar__never_ready(void **state)
{
	struct nvme_ctrl ctrl = {};
	double before;

	(void)state;
	assert_works(nvme_ctrl_init(&ctrl, "emu:to=1", NULL));
	lie(&ctrl, 0xffff, ~NVM_SET(1u, CSTS_RDY));
	assert_works(nvme_reset(&ctrl));
	assert_works(nvme_configure_adminq(&ctrl, 0));
	before = slept_minutes();
	assert_fails(nvme_enable(&ctrl), ETIMEDOUT);
	assert_true(slept_minutes() - before > 2.5);
	assert_true(slept_minutes() - before < 5.5);
	tell_the_truth(&ctrl);
	nvme_close(&ctrl);
}

/* A time that is long, and no lie: CRTO says 60 s, CAP.TO 1 s. */
static void liar__slow_is_no_lie(void **state)
{
	struct nvme_ctrl ctrl = {};

	(void)state;
	assert_works(nvme_ctrl_init(&ctrl, "emu:to=1", NULL));
	lie(&ctrl, 120, ~NVM_SET(1u, CSTS_RDY));
	assert_works(nvme_reset(&ctrl));
	assert_works(nvme_configure_adminq(&ctrl, 0));
	lies.ready_at = slept_minutes() + 50.0 / 60;
	assert_works(nvme_enable(&ctrl));
	tell_the_truth(&ctrl);
	nvme_close(&ctrl);
}

/* The ladder waits no longer. Two attempts, each disabling at once, and enabling for 5 minutes. */
static void liar__on_the_ladder(void **state)
{
	static const struct nvme_recovery_opts opts = {.max_resets = 2};
	const struct timespec nap = {.tv_nsec = 100000000};
	struct nvme_ctrl ctrl = {};
	double before;

	(void)state;
	assert_works(nvme_init(&ctrl, "emu:to=1", NULL));
	assert_works(nvme_set_recovery(&ctrl, &opts));
	lie(&ctrl, 0xffff, ~NVM_SET(1u, CSTS_RDY));
	assert_works(nvme_recover(&ctrl));
	before = slept_minutes();
	while (nvme_ctrl_get_state(&ctrl) != NVME_CTRL_DEAD && slept_minutes() - before < 100) {
		nvme_admin_poll(&ctrl);
		nanosleep(&nap, NULL);
	}
	assert_int_equal(nvme_ctrl_get_state(&ctrl), NVME_CTRL_DEAD);
	assert_true(slept_minutes() - before > 5);
	assert_true(slept_minutes() - before < 10.5);
	tell_the_truth(&ctrl);
	nvme_close(&ctrl);
}

/* RTD3E in microseconds, and how many minutes a shutdown waits that never ends. */
static void liar__never_shut_down(void **state)
{
	static const struct {
		const char *name;
		double minutes;
	} rows[] = {
		{"emu:rtd3e=0", 10.0 / 60},  /* none given */
		{"emu:rtd3e=30000000", 0.5}, /* 30 s */
		{"emu:rtd3e=60000000", 1},   {"emu:rtd3e=61000000", 1},
		{"emu:rtd3e=4294967295", 1}, /* 71 minutes */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct nvme_ctrl ctrl = {};
		double before;

		assert_works(nvme_init(&ctrl, rows[i].name, NULL));
		lie(&ctrl, 0, ~NVM_SET(-1u, CSTS_SHST));
		before = slept_minutes();
		assert_fails(nvme_shutdown(&ctrl), ETIMEDOUT);
		assert_true(slept_minutes() - before > 0.5 * rows[i].minutes);
		assert_true(slept_minutes() - before < 1.2 * rows[i].minutes);
		tell_the_truth(&ctrl);
		nvme_close(&ctrl);
	}
}

/* PMRTO = 255 in units of minutes is 4 hours and 15 minutes. */
static void liar__persistent_memory_never_ready(void **state)
{
	static const struct {
		uint32_t unit, nr;
		double minutes;
	} rows[] = {
		{NVM_PMRCAP_PMRTU_MINUTES, 2, 2},
		{NVM_PMRCAP_PMRTU_MINUTES, 255, 5},
		{0, 255, 127.5 / 60},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct nvme_ctrl ctrl = {};
		struct nvme_pmr pmr;
		double before;

		assert_works(nvme_ctrl_init(&ctrl, "emu:pmr=64K", NULL));
		lie(&ctrl, 0, UINT32_MAX);
		lies.pmrcap = NVM_SET(4u, PMRCAP_BIR) | NVM_SET(1u, PMRCAP_PMRWBM) |
			      NVM_SET(rows[i].unit, PMRCAP_PMRTU) |
			      NVM_SET(rows[i].nr, PMRCAP_PMRTO);
		before = slept_minutes();
		assert_fails(nvme_pmr_enable(&ctrl, &pmr), ETIMEDOUT);
		assert_true(slept_minutes() - before > 0.5 * rows[i].minutes);
		assert_true(slept_minutes() - before < 1.2 * rows[i].minutes);
		tell_the_truth(&ctrl);
		nvme_close(&ctrl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(liar__never_ready),
		cmocka_unit_test(liar__slow_is_no_lie),
		cmocka_unit_test(liar__on_the_ladder),
		cmocka_unit_test(liar__never_shut_down),
		cmocka_unit_test(liar__persistent_memory_never_ready),
	};

	return cmocka_run_group_tests_name("liar", tests, NULL, NULL);
}

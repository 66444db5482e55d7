/* SPDX-License-Identifier: MIT */
/*
 * Events by callback and Keep Alive: none is lost to a synchronous command, to a full supply of
 * requests or to a reset, and the controller hears of the program for as long as it polls.
 */
#include <pthread.h>

#include "fault.h"

#define NR_SEEN 32

struct seen {
	struct nvme_event events[NR_SEEN];
	uint8_t first_byte[NR_SEEN];
	int nr;
};

static void note(struct nvme_ctrl *ctrl, const struct nvme_event *event, void *arg)
{
	struct seen *seen = arg;

	(void)ctrl;
	if (seen->nr == NR_SEEN)
		return;
	seen->events[seen->nr] = *event;
	seen->first_byte[seen->nr] = event->log ? *(const uint8_t *)event->log : 0xee;
	seen->nr++;
}

static void open_events(struct fixture *f, const char *name, struct seen *seen, unsigned int flags)
{
	struct nvme_events_opts opts = {.fn = note, .arg = seen, .flags = flags, .config = 0x11f};

	memset(seen, 0, sizeof(*seen));
	fault_open(f, name);
	assert_works(nvme_events_start(&f->dev.ctrl, &opts));
	assert_fails(nvme_events_start(&f->dev.ctrl, &opts), EALREADY);
}

static void poll_for(struct fixture *f, const struct seen *seen, int nr)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (seen->nr < nr && ms_since(&start) < DEV_PATIENCE_S * 1000)
		nvme_ctrl_poll(&f->dev.ctrl, 10);
	assert_int_equal(seen->nr, nr);
}

static void raise_smart(struct fixture *f)
{
	assert_works(
		emu_raise_event(f->emu, NVM_AEN_TYPE_SMART, NVM_AEN_SMART_SPARE, NVM_LOG_SMART));
}

static void event__with_its_log_page(void **state)
{
	struct seen seen;
	struct fixture f;

	(void)state;
	open_events(&f, "emu:", &seen, NVME_EVENTS_READ_LOG);
	/* Reading the page lets the next one come, of the same type. */
	for (int nr = 1; nr <= 10; nr++) {
		raise_smart(&f);
		poll_for(&f, &seen, nr);
		assert_int_equal(seen.events[nr - 1].type, NVM_AEN_TYPE_SMART);
		assert_int_equal(seen.events[nr - 1].info, NVM_AEN_SMART_SPARE);
		assert_int_equal(seen.events[nr - 1].lid, NVM_LOG_SMART);
		assert_non_null(seen.events[nr - 1].log);
		assert_int_equal(seen.events[nr - 1].log_len, 512);
		assert_int_equal(seen.first_byte[nr - 1], 0); /* no critical warning */
	}
	dev_close(&f.dev);
}

static void event__without_its_log_page(void **state)
{
	struct seen seen;
	struct fixture f;
	char page[512];

	(void)state;
	open_events(&f, "emu:aerl=0", &seen, 0);
	raise_smart(&f);
	raise_smart(&f);
	poll_for(&f, &seen, 1);
	assert_null(seen.events[0].log);
	for (int i = 0; i < 1000; i++)
		nvme_admin_poll(&f.dev.ctrl);
	assert_int_equal(seen.nr, 1); /* the second waits for the page to be read */
	assert_works(dev_get_log(&f.dev, NVM_LOG_SMART, page, sizeof(page)));
	poll_for(&f, &seen, 2);
	dev_close(&f.dev);
}

static void event__log_page_refused(void **state)
{
	struct seen seen;
	struct fixture f;

	(void)state;
	open_events(&f, "emu:", &seen, NVME_EVENTS_READ_LOG);
	inject_admin(&f, NVM_ADMIN_GET_LOG, EMU_ACT_STATUS, NVM_SC_INTERNAL);
	raise_smart(&f);
	poll_for(&f, &seen, 1);
	assert_null(seen.events[0].log);
	assert_int_equal(seen.events[0].log_len, 0);
	dev_close(&f.dev);
}

struct sender {
	pthread_t thread;
	struct dev *dev;
	int failed;
};

static void *send(void *arg)
{
	struct sender *s = arg;

	for (unsigned int i = 0; i < test_scale(300); i++)
		s->failed += dev_features(s->dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0,
					  NULL) != 0;
	return NULL;
}

/* Synchronous commands of several threads come across the events, and leave them alone. */
static void event__beside_synchronous_commands(void **state)
{
	struct sender senders[3] = {};
	struct seen seen;
	struct fixture f;

	(void)state;
	open_events(&f, "emu:", &seen, NVME_EVENTS_READ_LOG);
	for (int i = 0; i < 3; i++) {
		senders[i].dev = &f.dev;
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send, &senders[i]), 0);
	}
	for (int nr = 1; nr <= 20; nr++) {
		raise_smart(&f);
		poll_for(&f, &seen, nr);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(senders[i].thread, NULL);
		assert_int_equal(senders[i].failed, 0);
	}
	dev_close(&f.dev);
}

static void event__after_a_reset(void **state)
{
	struct seen seen;
	struct fixture f;
	uint32_t config;

	(void)state;
	open_events(&f, "emu:", &seen, NVME_EVENTS_READ_LOG);
	raise_smart(&f);
	poll_for(&f, &seen, 1);

	/* By the ladder, and by hand. */
	for (int nr = 2; nr <= 3; nr++) {
		if (nr == 2) {
			assert_works(nvme_recover(&f.dev.ctrl));
			do
				nvme_ctrl_poll(&f.dev.ctrl, 1);
			while (nvme_ctrl_get_state(&f.dev.ctrl) != NVME_CTRL_LIVE);
		} else {
			reset(&f);
		}
		nvme_admin_poll(&f.dev.ctrl);
		assert_works(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ASYNC_EVENT, 0,
					  &config));
		assert_int_equal(config & 0x1f, 0x1f);
		raise_smart(&f);
		poll_for(&f, &seen, nr);
	}
	nvme_events_stop(&f.dev.ctrl);
	raise_smart(&f);
	assert_int_equal(nvme_admin_poll(&f.dev.ctrl), 0);
	assert_int_equal(seen.nr, 3);
	dev_close(&f.dev);
}

static void event__names(void **state)
{
	(void)state;
	assert_string_equal(nvme_event_type_name(0), "error");
	assert_string_equal(nvme_event_type_name(1), "SMART / health");
	assert_string_equal(nvme_event_type_name(5), "unknown");
	assert_string_equal(nvme_event_type_name(7), "vendor specific");
	assert_string_equal(nvme_event_type_name(8), "unknown");
}

/* ---- Keep Alive ---- */

static void poll_ms(struct fixture *f, double ms)
{
	struct timespec start, pause = {.tv_nsec = 1000000};

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (ms_since(&start) < ms) {
		nvme_ctrl_poll(&f->dev.ctrl, 10);
		nanosleep(&pause, NULL);
	}
}

static void alive__while_somebody_polls(void **state)
{
	struct fixture f;
	uint32_t csts;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_set_keep_alive(&f.dev.ctrl, 2000));
	poll_ms(&f, 3000);
	assert_int_equal(nvme_ctrl_get_state(&f.dev.ctrl), NVME_CTRL_LIVE);
	works(&f);

	/* Also after a reset, which takes the timer away. */
	reset(&f);
	assert_works(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_KATO, 0, &csts));
	assert_int_equal(csts, 2000);
	assert_works(nvme_set_keep_alive(&f.dev.ctrl, 0));
	dev_close(&f.dev);
}

/* Nobody polls for longer than the controller waits: it has stopped, and is reset. */
static void alive__not_heard_of(void **state)
{
	struct timespec second = {.tv_sec = 1};
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_set_keep_alive(&f.dev.ctrl, 200));
	nanosleep(&second, NULL);
	assert_fails(dev_features(&f.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_KATO, 0, NULL), EIO);
	dev_close(&f.dev);
}

static void shutdown__abrupt(void **state)
{
	struct fixture f;

	(void)state;
	fault_open(&f, "emu:");
	assert_works(nvme_shutdown_abrupt(&f.dev.ctrl));
	reset(&f);
	works(&f);
	dev_close(&f.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(event__with_its_log_page),
		cmocka_unit_test(event__without_its_log_page),
		cmocka_unit_test(event__log_page_refused),
		cmocka_unit_test(event__beside_synchronous_commands),
		cmocka_unit_test(event__after_a_reset),
		cmocka_unit_test(event__names),
		cmocka_unit_test(alive__while_somebody_polls),
		cmocka_unit_test(alive__not_heard_of),
		cmocka_unit_test(shutdown__abrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

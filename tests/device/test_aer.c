/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous events: requested, triggered through the temperature threshold, and never eaten by a
 * synchronous command.
 */
#include <pthread.h>

#include "dev.h"

#define OVER(kelvins) ((uint32_t)(kelvins))

struct aer {
	struct dev dev;
	struct nvme_cq *cq; /* of the admin queue */
	uint32_t threshold; /* as it was */
	uint32_t below;	    /* under what the device has now: an event */
};

/* Skips where the temperature cannot trigger events. */
static void aer_open(struct aer *aer)
{
	struct nvm_log_smart smart;
	unsigned int now;

	dev_open(&aer->dev, test_device());
	dev_need_write(&aer->dev);
	aer->cq = aer->dev.ctrl.adminq.cq;
	assert_works(dev_get_log(&aer->dev, NVM_LOG_SMART, &smart, sizeof(smart)));
	now = (unsigned int)smart.composite_temperature[0] |
	      (unsigned int)smart.composite_temperature[1] << 8;
	if (now < 100 || dev_features(&aer->dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_TEMP_THRESH, 0,
				      &aer->threshold)) {
		dev_close(&aer->dev);
		test_skip("no temperature, or no threshold for it");
	}
	aer->threshold &= 0xffff;
	aer->below = now - 50;
	assert_works(dev_features(&aer->dev, NVM_ADMIN_SET_FEATURES, NVM_FEAT_ASYNC_EVENT,
				  NVM_SMART_CW_TEMPERATURE, NULL));
}

static void set_threshold(struct aer *aer, uint32_t kelvins)
{
	assert_works(dev_features(&aer->dev, NVM_ADMIN_SET_FEATURES, NVM_FEAT_TEMP_THRESH,
				  OVER(kelvins), NULL));
}

/* The threshold as it was, and the log page read, which arms the event again. */
static void calm_down(struct aer *aer)
{
	struct nvm_log_smart smart;

	set_threshold(aer, aer->threshold);
	assert_works(dev_get_log(&aer->dev, NVM_LOG_SMART, &smart, sizeof(smart)));
}

/* The next completion of the admin queue is the temperature's event; its tracker is released. */
static void *take_event(struct aer *aer)
{
	struct timespec patience = {.tv_sec = DEV_PATIENCE_S};
	struct nvme_cqe cqe;
	struct nvme_rq *rq;
	uint32_t dw0;
	void *opaque;

	assert_int_equal(nvme_cq_wait_cqes(aer->cq, &cqe, 1, &patience), 1);
	nvme_cq_update_head(aer->cq);
	assert_true(cqe.cid & NVME_CID_AER);
	assert_true(nvme_cqe_ok(&cqe));
	dw0 = le32_to_cpu(cqe.dw0);
	assert_int_equal(NVME_AEN_TYPE(dw0), 1); /* SMART / health */
	assert_int_equal(NVME_AEN_INFO(dw0), 1); /* temperature */
	assert_int_equal(NVME_AEN_LID(dw0), 2);	 /* SMART log */

	cqe.cid &= (uint16_t)~NVME_CID_AER;
	rq = nvme_rq_from_cqe(&aer->dev.ctrl, &cqe);
	assert_non_null(rq);
	opaque = rq->opaque;
	nvme_rq_release_atomic(rq);
	return opaque;
}

static void aer__an_event_arrives(void **state)
{
	struct aer aer;
	int mark;

	(void)state;
	aer_open(&aer);
	for (int round = 0; round < 5; round++) {
		struct timespec now = {};

		assert_works(nvme_aer(&aer.dev.ctrl, &mark));
		errno = 0;
		assert_int_equal(nvme_cq_wait_cqes(aer.cq, NULL, 1, &now), 0);
		assert_int_equal(errno, ETIMEDOUT);
		set_threshold(&aer, aer.below);
		assert_ptr_equal(take_event(&aer), &mark);
		calm_down(&aer);
	}
	dev_close(&aer.dev);
}

/* Both completions by one call, as programs do it that submit by hand. */
static void aer__among_completions_taken_by_hand(void **state)
{
	union nvme_cmd cmd = {
		.features = {.opcode = NVM_ADMIN_SET_FEATURES, .fid = NVM_FEAT_TEMP_THRESH}};
	struct timespec patience = {.tv_sec = DEV_PATIENCE_S};
	struct nvme_cqe cqes[2];
	struct nvme_rq *rq;
	struct aer aer;
	int events = 0;

	(void)state;
	aer_open(&aer);
	assert_works(nvme_aer(&aer.dev.ctrl, NULL));
	rq = nvme_rq_acquire(aer.dev.ctrl.adminq.sq);
	cmd.features.cdw11 = cpu_to_le32(OVER(aer.below));
	nvme_rq_exec(rq, &cmd);
	assert_int_equal(nvme_cq_wait_cqes(aer.cq, cqes, 2, &patience), 2);
	nvme_cq_update_head(aer.cq);
	for (int i = 0; i < 2; i++) {
		events += !!(cqes[i].cid & NVME_CID_AER);
		cqes[i].cid &= (uint16_t)~NVME_CID_AER;
		rq = nvme_rq_from_cqe(&aer.dev.ctrl, &cqes[i]);
		assert_non_null(rq);
		nvme_rq_release(rq);
	}
	assert_int_equal(events, 1);
	calm_down(&aer);
	dev_close(&aer.dev);
}

static void aer__a_synchronous_command_does_not_eat_it(void **state)
{
	struct aer aer;
	int mark;

	(void)state;
	aer_open(&aer);
	assert_works(nvme_aer(&aer.dev.ctrl, &mark));
	set_threshold(&aer, aer.below);
	/* Whatever comes first, all of these find their own completion. */
	for (int i = 0; i < 100; i++)
		assert_works(dev_features(&aer.dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0,
					  NULL));
	assert_ptr_equal(take_event(&aer), &mark);
	calm_down(&aer);
	dev_close(&aer.dev);
}

struct asker {
	pthread_t thread;
	struct dev *dev;
	unsigned long rounds;
	int err;
};

static void *ask(void *arg)
{
	struct asker *asker = arg;

	for (unsigned long i = 0; i < asker->rounds && !asker->err; i++) {
		if (dev_features(asker->dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL))
			asker->err = errno;
	}
	return NULL;
}

static void aer__during_synchronous_commands_of_two_threads(void **state)
{
	struct asker askers[2];
	struct aer aer;
	int mark;

	(void)state;
	aer_open(&aer);
	for (int i = 0; i < 2; i++) {
		askers[i] = (struct asker){.dev = &aer.dev, .rounds = test_scale(2000)};
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
	}
	assert_works(nvme_aer(&aer.dev.ctrl, &mark));
	set_threshold(&aer, aer.below);
	for (int i = 0; i < 2; i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].err, 0);
	}
	assert_ptr_equal(take_event(&aer), &mark);
	calm_down(&aer);
	dev_close(&aer.dev);
}

static void aer__too_many_are_refused_by_the_device(void **state)
{
	struct nvme_cqe cqe;
	struct dev dev;
	struct nvme_rq *rq;

	(void)state;
	dev_open(&dev, test_device());
	for (int i = 0; i <= dev.id.aerl; i++) /* 0's based */
		assert_works(nvme_aer(&dev.ctrl, &dev));
	assert_works(nvme_aer(&dev.ctrl, &cqe));
	nvme_cq_get_cqes(dev.ctrl.adminq.cq, &cqe, 1);
	nvme_cq_update_head(dev.ctrl.adminq.cq);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_ASYNC_EVENT_LIMIT);
	assert_true(cqe.cid & NVME_CID_AER);
	cqe.cid &= (uint16_t)~NVME_CID_AER;
	rq = nvme_rq_from_cqe(&dev.ctrl, &cqe);
	assert_non_null(rq);
	assert_ptr_equal(rq->opaque, &cqe);
	nvme_rq_release(rq);
	dev_close(&dev);
}

/* Trackers of requests that a reset took away come back: nobody else has them. */
static void aer__resets_do_not_use_up_trackers(void **state)
{
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	for (unsigned int i = 0; i < 2 * dev.ctrl.adminq.sq->nr_rqs; i++) {
		assert_works(nvme_aer(&dev.ctrl, &dev));
		assert_works(nvme_reset(&dev.ctrl));
		assert_works(nvme_enable(&dev.ctrl));
	}
	assert_works(nvme_aer(&dev.ctrl, &dev));
	assert_works(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
	dev_close(&dev);
}

/* The same when the event had arrived, and waited to be taken. */
static void aer__resets_do_not_use_up_kept_events(void **state)
{
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	for (unsigned int i = 0; i < 2 * dev.ctrl.adminq.sq->nr_rqs; i++) {
		/* The last one is refused at once, and kept by the command after it. */
		for (int n = 0; n <= dev.id.aerl + 1; n++)
			assert_works(nvme_aer(&dev.ctrl, &dev));
		assert_works(
			dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, NULL));
		assert_int_equal(dev.ctrl.adminq.cq->nr_kept, 1);
		assert_works(nvme_reset(&dev.ctrl));
		assert_works(nvme_enable(&dev.ctrl));
		assert_int_equal(dev.ctrl.adminq.cq->nr_kept, 0);
	}
	dev_close(&dev);
}

static void aer__needs_an_admin_queue_and_a_tracker(void **state)
{
	struct nvme_ctrl ctrl;
	struct dev dev;

	(void)state;
	memset(&ctrl, 0, sizeof(ctrl));
	assert_works(nvme_ctrl_init(&ctrl, test_device(), NULL));
	assert_fails(nvme_aer(&ctrl, NULL), EINVAL);
	nvme_close(&ctrl);

	dev_open(&dev, test_device());
	while (nvme_rq_acquire(dev.ctrl.adminq.sq))
		;
	assert_fails(nvme_aer(&dev.ctrl, NULL), EBUSY);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aer__an_event_arrives),
		cmocka_unit_test(aer__among_completions_taken_by_hand),
		cmocka_unit_test(aer__a_synchronous_command_does_not_eat_it),
		cmocka_unit_test(aer__during_synchronous_commands_of_two_threads),
		cmocka_unit_test(aer__too_many_are_refused_by_the_device),
		cmocka_unit_test(aer__resets_do_not_use_up_trackers),
		cmocka_unit_test(aer__resets_do_not_use_up_kept_events),
		cmocka_unit_test(aer__needs_an_admin_queue_and_a_tracker),
	};

	return cmocka_run_group_tests_name("aer", tests, NULL, NULL);
}

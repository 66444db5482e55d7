/* SPDX-License-Identifier: MIT */
/* Features and log pages, as far as a driver's user meets them. */
#include "dev.h"

static void features__are_set_and_read_back(void **state)
{
	uint32_t before, now;
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	/* Arbitration burst, bits 2:0. */
	assert_works(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, &before));
	if (dev_features(&dev, NVM_ADMIN_SET_FEATURES, NVM_FEAT_ARBITRATION, before, NULL)) {
		assert_int_equal(errno, EPERM);
		dev_close(&dev);
		test_skip("arbitration cannot be changed");
	}
	for (uint32_t burst = 0; burst <= 7; burst++) {
		assert_works(dev_features(&dev, NVM_ADMIN_SET_FEATURES, NVM_FEAT_ARBITRATION,
					  (before & ~7u) | burst, NULL));
		assert_works(
			dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_ARBITRATION, 0, &now));
		assert_int_equal(now & 7, burst);
	}
	assert_works(
		dev_features(&dev, NVM_ADMIN_SET_FEATURES, NVM_FEAT_ARBITRATION, before, NULL));
	dev_close(&dev);
}

static void features__the_number_of_queues_is_what_the_driver_has(void **state)
{
	struct dev dev;
	uint32_t dw0;

	(void)state;
	dev_open(&dev, test_device());
	assert_works(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_NUM_QUEUES, 0, &dw0));
	assert_true((int)(dw0 & 0xffff) >= dev.ctrl.config.nsqa);
	assert_true((int)(dw0 >> 16) >= dev.ctrl.config.ncqa);
	dev_close(&dev);
}

static void features__the_write_cache_is_where_identify_says(void **state)
{
	struct dev dev;
	uint32_t dw0;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	if (!(dev.id.vwc & 1)) {
		assert_fails(dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_VWC, 0, &dw0),
			     EINVAL);
	} else {
		for (uint32_t on = 0; on <= 1; on++) {
			assert_works(
				dev_features(&dev, NVM_ADMIN_SET_FEATURES, NVM_FEAT_VWC, on, NULL));
			assert_works(
				dev_features(&dev, NVM_ADMIN_GET_FEATURES, NVM_FEAT_VWC, 0, &dw0));
			assert_int_equal(dw0 & 1, on);
		}
	}
	dev_close(&dev);
}

/* Its value travels in a buffer. */
static void features__timestamp(void **state)
{
	union nvme_cmd cmd = {
		.features = {.opcode = NVM_ADMIN_SET_FEATURES, .fid = NVM_FEAT_TIMESTAMP}};
	leint64_t ts = cpu_to_le64(0x123456789a);
	struct dev dev;
	uint64_t ms;

	(void)state;
	dev_open(&dev, test_device());
	dev_need_write(&dev);
	if (!(le16_to_cpu(dev.id.oncs) & NVM_ONCS_TSS)) {
		dev_close(&dev);
		test_skip("no timestamp");
	}
	assert_works(nvme_admin(&dev.ctrl, &cmd, &ts, sizeof(ts), NULL));
	cmd = (union nvme_cmd){
		.features = {.opcode = NVM_ADMIN_GET_FEATURES, .fid = NVM_FEAT_TIMESTAMP}};
	assert_works(nvme_admin(&dev.ctrl, &cmd, &ts, sizeof(ts), NULL));
	ms = le64_to_cpu(ts) & 0xffffffffffff;
	assert_in_range(ms, 0x123456789a, 0x123456789a + 1000 * DEV_PATIENCE_S);
	assert_int_equal(le64_to_cpu(ts) >> 48 & 0xf, 2); /* set by the host, never stopped */
	dev_close(&dev);
}

static void features__unknown_ones_are_refused(void **state)
{
	struct nvme_cqe cqe;
	union nvme_cmd cmd = {.features = {.opcode = NVM_ADMIN_GET_FEATURES, .fid = 0x70}};
	struct dev dev;

	(void)state;
	dev_open(&dev, test_device());
	assert_fails(nvme_admin(&dev.ctrl, &cmd, NULL, 0, &cqe), EINVAL);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_INVALID_FIELD);
	cmd.opcode = 0x7b; /* no such command */
	assert_fails(nvme_admin(&dev.ctrl, &cmd, NULL, 0, &cqe), EOPNOTSUPP);
	assert_int_equal(nvme_cqe_status(&cqe) & 0x7ff, NVM_SC_INVALID_OPCODE);
	dev_close(&dev);
}

static void log__pages(void **state)
{
	struct nvm_log_error errors[1];
	struct nvm_log_fw_slot slots;
	struct nvm_log_smart smart;
	struct dev dev;
	char data[512];

	(void)state;
	dev_open(&dev, test_device());
	assert_works(dev_get_log(&dev, NVM_LOG_SMART, &smart, sizeof(smart)));
	assert_works(dev_get_log(&dev, NVM_LOG_ERROR, errors, sizeof(errors)));
	assert_works(dev_get_log(&dev, NVM_LOG_FW_SLOT, &slots, sizeof(slots)));
	assert_in_range(slots.afi & 7, 1, 7);
	/* A piece of a page. */
	assert_works(dev_get_log(&dev, NVM_LOG_SMART, data, 4));
	/* Invalid Log Page, or Invalid Field for want of a better one. */
	assert_int_equal(dev_get_log(&dev, 0xbe, data, sizeof(data)), -1);
	assert_true(errno == ENOENT || errno == EINVAL);
	dev_close(&dev);
}

/* A command that failed is in the error log, with its queue and name. */
static void log__errors_are_written_down(void **state)
{
	struct nvm_log_error before, after;
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	struct dev dev;
	struct nvme_sq *sq;

	(void)state;
	sq = dev_open_io(&dev, 8);
	assert_works(dev_get_log(&dev, NVM_LOG_ERROR, &before, sizeof(before)));
	cmd = dev_rw_cmd(&dev, NVM_CMD_WRITE_UNCOR, dev.nr_blocks, dev.block);
	if (!(le16_to_cpu(dev.id.oncs) & NVM_ONCS_NVMWUSV)) {
		dev_close(&dev);
		test_skip("no command without data that can fail");
	}
	assert_fails(nvme_sync(&dev.ctrl, sq, &cmd, NULL, 0, &cqe), ERANGE);
	assert_works(dev_get_log(&dev, NVM_LOG_ERROR, &after, sizeof(after)));
	assert_int_equal(le64_to_cpu(after.error_count), le64_to_cpu(before.error_count) + 1);
	assert_int_equal(le16_to_cpu(after.sqid), 1);
	assert_int_equal(after.cid, cqe.cid);
	dev_close(&dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features__are_set_and_read_back),
		cmocka_unit_test(features__the_number_of_queues_is_what_the_driver_has),
		cmocka_unit_test(features__the_write_cache_is_where_identify_says),
		cmocka_unit_test(features__timestamp),
		cmocka_unit_test(features__unknown_ones_are_refused),
		cmocka_unit_test(log__pages),
		cmocka_unit_test(log__errors_are_written_down),
	};

	return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}

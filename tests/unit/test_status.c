/* SPDX-License-Identifier: MIT */
/*
 * Names, texts and errno of statuses: rows that callers depend on, and over all 2048 values
 * of type and code the claims that the header makes.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <belfry/nvme/status.h>

#include "test.h"

static const struct {
	uint16_t status;
	int err;
	const char *name;
} rows[] = {
	{0x000, 0, "SUCCESS"},
	{0x001, EOPNOTSUPP, "INVALID_OPCODE"},
	{0x002, EINVAL, "INVALID_FIELD"},
	{0x003, EEXIST, "CID_CONFLICT"},
	{0x004, ECOMM, "DATA_XFER_ERROR"},
	{0x006, EREMOTEIO, "INTERNAL"},
	{0x007, ECANCELED, "ABORT_REQUESTED"},
	{0x008, ECANCELED, "ABORT_SQ_DELETED"},
	{0x009, ECANCELED, "ABORT_FAILED_FUSED"},
	{0x00a, EPROTO, "ABORT_MISSING_FUSED"},
	{0x00b, ENXIO, "INVALID_NS"},
	{0x00c, EPROTO, "CMD_SEQ_ERROR"},
	{0x00d, EINVAL, "SGL_INVALID_SEG"},
	{0x00f, EMSGSIZE, "SGL_INVALID_DATA_LEN"},
	{0x013, EINVAL, "PRP_INVALID_OFFSET"},
	{0x016, EINVAL, "SGL_INVALID_OFFSET"},
	{0x018, EINVAL, "HOSTID_FORMAT"},
	{0x020, EROFS, "NS_WRITE_PROTECTED"},
	{0x021, ERESTART, "CMD_INTERRUPTED"},
	{0x02a, EINVAL, "INVALID_PH_LIST"},
	{0x080, ERANGE, "LBA_RANGE"},
	{0x081, ENOSPC, "CAP_EXCEEDED"},
	{0x082, EBUSY, "NS_NOT_READY"},
	{0x083, EBADE, "RESERVATION_CONFLICT"},
	{0x084, EBUSY, "FORMAT_IN_PROGRESS"},
	{0x089, EEXIST, "KV_KEY_EXISTS"},
	{0x100, ENOENT, "CQ_INVALID"},
	{0x101, EINVAL, "QID_INVALID"},
	{0x102, EINVAL, "QUEUE_SIZE"},
	{0x103, EBUSY, "ABORT_LIMIT"},
	{0x105, EBUSY, "ASYNC_EVENT_LIMIT"},
	{0x108, EINVAL, "INVALID_VECTOR"},
	{0x109, ENOENT, "INVALID_LOG_PAGE"},
	{0x10a, EINVAL, "INVALID_FORMAT"},
	{0x10c, EBUSY, "INVALID_QUEUE_DELETION"},
	{0x10d, EOPNOTSUPP, "FEAT_NOT_SAVEABLE"},
	{0x10e, EPERM, "FEAT_NOT_CHANGEABLE"},
	{0x10f, EINVAL, "FEAT_NOT_NS_SPECIFIC"},
	{0x115, ENOSPC, "NS_INSUFFICIENT_CAP"},
	{0x118, EEXIST, "NS_ALREADY_ATTACHED"},
	{0x11a, ENOTCONN, "NS_NOT_ATTACHED"},
	{0x11c, EINVAL, "CTRL_LIST_INVALID"},
	{0x13b, ENOBUFS, "CDQ_FULL"},
	{0x180, EINVAL, "CONFLICTING_ATTRS"},
	{0x181, EINVAL, "INVALID_PI"},
	{0x182, EROFS, "READ_ONLY_RANGE"},
	{0x183, EMSGSIZE, "CMD_SIZE_LIMIT"},
	{0x187, EINVAL, "OVERLAPPING_IO_RANGE"},
	{0x19c, EUCLEAN, "MEDIA_VERIFICATION_READ"},
	{0x1b8, ERANGE, "ZONE_BOUNDARY"},
	{0x1bf, EPERM, "ZONE_INVALID_TRANSITION"},
	{0x280, EIO, "WRITE_FAULT"},
	{0x281, EIO, "READ_ERROR"},
	{0x282, EILSEQ, "GUARD_CHECK"},
	{0x285, EBADMSG, "COMPARE_FAILED"},
	{0x286, EACCES, "ACCESS_DENIED"},
	{0x287, ENODATA, "UNWRITTEN_BLOCK"},
	{0x288, EILSEQ, "STORAGE_TAG_CHECK"},
	{0x300, ENOLINK, "INTERNAL_PATH"},
	{0x303, EBUSY, "ANA_TRANSITION"},
	{0x360, ENOLINK, "CTRL_PATH"},
	{0x370, ENOLINK, "HOST_PATH"},
	{0x371, ECANCELED, "HOST_ABORTED"},
	{0x017, EIO, "UNKNOWN_GENERIC"},
	{0x0bf, EIO, "UNKNOWN_GENERIC"},
	{0x0c0, EIO, "VENDOR_SPECIFIC"},
	{0x104, EIO, "UNKNOWN_SPECIFIC"},
	{0x1ff, EIO, "VENDOR_SPECIFIC"},
	{0x200, EIO, "UNKNOWN_MEDIA"},
	{0x304, ENOLINK, "UNKNOWN_PATH"},
	{0x400, EIO, "UNKNOWN_TYPE_4"},
	{0x500, EIO, "UNKNOWN_TYPE_5"},
	{0x600, EIO, "UNKNOWN_TYPE_6"},
	{0x700, EIO, "VENDOR_SPECIFIC"},
	{0x7ff, EIO, "VENDOR_SPECIFIC"},
};

/* Codes with a meaning of their own: NVM Express Base 2.2, figures 102 to 107 */
static const struct {
	uint16_t first;
	uint16_t last;
} defined[] = {
	{0x000, 0x016}, {0x018, 0x02a}, {0x080, 0x089}, {0x100, 0x103},
	{0x105, 0x116}, {0x118, 0x13b}, {0x180, 0x19c}, {0x1b8, 0x1bf},
	{0x280, 0x288}, {0x300, 0x303}, {0x360, 0x360}, {0x370, 0x371},
};

static bool is_defined(uint16_t code)
{
	for (size_t i = 0; i < sizeof(defined) / sizeof(defined[0]); i++) {
		if (code >= defined[i].first && code <= defined[i].last)
			return true;
	}

	return false;
}

static bool is_catch_all(const char *name)
{
	return !strncmp(name, "UNKNOWN_", 8) || !strcmp(name, "VENDOR_SPECIFIC");
}

static void status__rows(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(nvme_status_name(rows[i].status), rows[i].name);
		assert_int_equal(nvme_status_errno(rows[i].status), rows[i].err);
	}
}

static void status__texts(void **state)
{
	(void)state;

	assert_string_equal(nvme_status_str(0x000), "success");
	assert_string_equal(nvme_status_str(0x002), "invalid field in command");
	assert_string_equal(nvme_status_str(0x080), "LBA out of range");
	assert_string_equal(nvme_status_str(0x101), "queue identifier is invalid");
	assert_string_equal(nvme_status_str(0x285), "compare failure");
	assert_string_equal(nvme_status_str(0x2ff), "vendor specific status");
	assert_string_equal(nvme_status_str(0x2bf), "unknown media or data integrity error");
}

static void status__all_that_is_defined_has_a_name(void **state)
{
	(void)state;

	for (uint16_t code = 0; code < 0x800; code++) {
		assert_non_null(nvme_status_name(code));
		assert_int_equal(is_defined(code), !is_catch_all(nvme_status_name(code)));
	}
}

static void status__names_are_unique(void **state)
{
	(void)state;

	for (uint16_t a = 0; a < 0x800; a++) {
		if (!is_defined(a))
			continue;

		for (uint16_t b = a + 1; b < 0x800; b++)
			assert_string_not_equal(nvme_status_name(a), nvme_status_name(b));
	}
}

static void status__texts_are_one_line(void **state)
{
	(void)state;

	for (uint16_t code = 0; code < 0x800; code++) {
		const char *text = nvme_status_str(code);
		size_t len = strlen(text);

		assert_in_range(len, 7, 75);
		assert_null(strchr(text, '\n'));
		assert_int_not_equal(text[len - 1], '.');
	}
}

/* ENODEV, ETIMEDOUT and EAGAIN are the host's to report; only success is 0. */
static void status__errno_is_the_devices_own(void **state)
{
	(void)state;

	for (uint16_t code = 1; code < 0x800; code++) {
		int err = nvme_status_errno(code);

		assert_true(err > 0);
		assert_int_not_equal(err, ENODEV);
		assert_int_not_equal(err, ETIMEDOUT);
		assert_int_not_equal(err, EAGAIN);
	}
}

static void status__retry_bits_make_no_difference(void **state)
{
	(void)state;

	for (uint16_t high = 0; high < 32; high++) {
		assert_string_equal(nvme_status_name((uint16_t)(high << 11 | 0x002)),
				    "INVALID_FIELD");
		assert_int_equal(nvme_status_errno((uint16_t)(high << 11 | 0x280)), EIO);
		assert_int_equal(nvme_status_errno((uint16_t)(high << 11)), 0);
	}
}

static void status__leaves_errno_alone(void **state)
{
	(void)state;

	errno = 4711;
	nvme_status_errno(0x002);
	nvme_status_str(0x7ff);
	nvme_status_name(0x104);
	assert_int_equal(errno, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status__rows),
		cmocka_unit_test(status__texts),
		cmocka_unit_test(status__all_that_is_defined_has_a_name),
		cmocka_unit_test(status__names_are_unique),
		cmocka_unit_test(status__texts_are_one_line),
		cmocka_unit_test(status__errno_is_the_devices_own),
		cmocka_unit_test(status__retry_bits_make_no_difference),
		cmocka_unit_test(status__leaves_errno_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * nvme_crc64() against published values, and against a bit at a time version where the
 * published ones do not reach: every byte value at every place of the eight byte step.
 */
#include <string.h>

#include <belfry/nvme/util.h>

#include "test.h"

/* One bit a step, from the polynomial alone. */
static uint64_t crc64_bitwise(uint64_t crc, const unsigned char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= buf[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x9a6c9329ac4bc9b5ull : crc >> 1;
	}

	return ~crc;
}

/* NVM Command Set 1.0, "64b CRC Test Cases": 4 KiB each */
static void crc64__matches_the_specification(void **state)
{
	unsigned char buf[4096];

	(void)state;

	memset(buf, 0, sizeof(buf));
	assert_int_equal(nvme_crc64(~0ull, buf, sizeof(buf)), 0x6482d367eb22b64eull);

	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(nvme_crc64(~0ull, buf, sizeof(buf)), 0xc0ddba7302eca3acull);

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)i;
	assert_int_equal(nvme_crc64(~0ull, buf, sizeof(buf)), 0x3e729f5f6750449cull);

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(0xff - i);
	assert_int_equal(nvme_crc64(~0ull, buf, sizeof(buf)), 0x9a2df64b8e9e517eull);
}

/* The check value of CRC-64/NVME in the RevEng catalogue of CRC algorithms */
static void crc64__matches_the_catalogue(void **state)
{
	static const unsigned char check[] = "123456789";

	(void)state;

	assert_int_equal(nvme_crc64(~0ull, check, 9), 0xae8b14860a799888ull);
}

static void crc64__of_nothing_is_zero(void **state)
{
	(void)state;

	assert_int_equal(nvme_crc64(~0ull, NULL, 0), 0);
}

static void crc64__continues_from_the_complement(void **state)
{
	static const unsigned char check[] = "The quick brown fox 123456789";
	const unsigned char *digits = check + 20;

	(void)state;

	for (size_t cut = 0; cut <= 9; cut++) {
		uint64_t crc = nvme_crc64(~0ull, digits, cut);

		crc = nvme_crc64(~crc, digits + cut, 9 - cut);
		assert_int_equal(crc, 0xae8b14860a799888ull);
	}
}

static void crc64__every_byte_in_every_place(void **state)
{
	(void)state;

	for (size_t place = 0; place < 8; place++) {
		for (unsigned int value = 0; value < 256; value++) {
			unsigned char buf[8] = {0};

			buf[place] = (unsigned char)value;
			assert_int_equal(nvme_crc64(0, buf, 8), crc64_bitwise(0, buf, 8));
		}
	}
}

static void crc64__any_length_and_alignment(void **state)
{
	unsigned char buf[64];

	(void)state;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * 37 + 11);

	for (size_t start = 0; start < 9; start++) {
		for (size_t len = 0; start + len <= sizeof(buf); len++)
			assert_int_equal(nvme_crc64(~0ull, buf + start, len),
					 crc64_bitwise(~0ull, buf + start, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc64__matches_the_specification),
		cmocka_unit_test(crc64__matches_the_catalogue),
		cmocka_unit_test(crc64__of_nothing_is_zero),
		cmocka_unit_test(crc64__continues_from_the_complement),
		cmocka_unit_test(crc64__every_byte_in_every_place),
		cmocka_unit_test(crc64__any_length_and_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

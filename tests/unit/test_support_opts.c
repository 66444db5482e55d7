/* SPDX-License-Identifier: MIT */
/*
 * Option strings.
 */
#include "test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <belfry/support/log.h>

#include "support/opts.h"

struct config {
	bool sgl;
	uint32_t lbads;
	uint32_t queues;
	uint64_t size;
	uint32_t backend;
	char *file;
	char faults[64];
};

static int add_fault(void *obj, const char *value, char *err, size_t errlen)
{
	struct config *cfg = obj;
	size_t used = strlen(cfg->faults);

	if (!strcmp(value, "bad")) {
		snprintf(err, errlen, "no such fault");
		errno = ENOENT;
		return -1;
	}
	snprintf(cfg->faults + used, sizeof(cfg->faults) - used, "[%s]", value);
	return 0;
}

static const char *const backends[] = {"mem", "file", "null", NULL};

#define AT(member) .offset = offsetof(struct config, member)

static const struct opt table[] = {
	{"sgl", OPT_BOOL, AT(sgl), .help = "SGLs; default on"},
	{"lbads", OPT_U32, AT(lbads), .min = 9, .max = 16, .help = "block size"},
	{"queues", OPT_U32, AT(queues), .help = "queue pairs"},
	{"size", OPT_U64, AT(size), .min = 512, .help = "bytes"},
	{"backend", OPT_ENUM, AT(backend), .words = backends, .help = "where data are"},
	{"file", OPT_STR, AT(file), .help = "path"},
	{"fault", OPT_CALL, .call = add_fault, .help = "fault; may be repeated"},
	{0},
};

static const struct opts emu = {.what = "emu", .table = table};

static void opts__stores_every_type(void **state)
{
	struct config cfg = {.sgl = true, .queues = 64};
	char err[32] = "old";

	(void)state;
	assert_int_equal(opts_parse(&emu, &cfg,
				    "sgl=off,lbads=12,size=4G,backend=null,file=/tmp/a=b,fault=x",
				    err, sizeof(err)),
			 0);
	assert_string_equal(err, "");
	assert_false(cfg.sgl);
	assert_int_equal(cfg.lbads, 12);
	assert_int_equal(cfg.queues, 64);
	assert_int_equal(cfg.size, 4294967296);
	assert_int_equal(cfg.backend, 2);
	assert_string_equal(cfg.file, "/tmp/a=b");
	assert_string_equal(cfg.faults, "[x]");
	opts_free(&emu, &cfg);
	assert_null(cfg.file);
}

static void opts__nothing_changes_nothing(void **state)
{
	struct config cfg = {.lbads = 9};

	(void)state;
	assert_int_equal(opts_parse(&emu, &cfg, "", NULL, 0), 0);
	assert_int_equal(opts_parse(&emu, &cfg, NULL, NULL, 0), 0);
	assert_int_equal(cfg.lbads, 9);
	opts_free(&emu, &cfg);
}

static void opts__limits_are_inclusive(void **state)
{
	struct config cfg = {0};

	(void)state;
	assert_int_equal(opts_parse(&emu, &cfg, "lbads=9,size=512", NULL, 0), 0);
	assert_int_equal(opts_parse(&emu, &cfg, "lbads=16,queues=4294967295", NULL, 0), 0);
	assert_int_equal(cfg.lbads, 16);
	assert_int_equal(cfg.queues, 4294967295);
	assert_int_equal(opts_parse(&emu, &cfg, "size=0xffffffffffffffff", NULL, 0), 0);
	assert_true(cfg.size == 0xffffffffffffffff);
}

static void opts__a_backslash_takes_the_next_character_literally(void **state)
{
	struct config cfg = {0};

	(void)state;
	assert_int_equal(opts_parse(&emu, &cfg, "file=a\\,b\\\\c\\d\\=,lbads=10", NULL, 0), 0);
	assert_string_equal(cfg.file, "a,b\\cd=");
	assert_int_equal(cfg.lbads, 10);
	opts_free(&emu, &cfg);
}

static void opts__a_call_may_be_repeated(void **state)
{
	struct config cfg = {0};

	(void)state;
	assert_int_equal(opts_parse(&emu, &cfg, "fault=a\\,b,lbads=9,fault=c", NULL, 0), 0);
	assert_string_equal(cfg.faults, "[a,b][c]");
}

static void opts__separators_can_be_others(void **state)
{
	const struct opts other = {.what = "fault", .table = table, .sep = ';', .assign = ':'};
	struct config cfg = {0};

	(void)state;
	assert_int_equal(opts_parse(&other, &cfg, "lbads:11;file:a=b,c\\;d", NULL, 0), 0);
	assert_int_equal(cfg.lbads, 11);
	assert_string_equal(cfg.file, "a=b,c;d");
	opts_free(&other, &cfg);
}

static char logged[512];

static void keep(int level, const char *msg, void *arg)
{
	(void)arg;
	assert_int_equal(level, BELFRY_LOG_ERROR);
	snprintf(logged, sizeof(logged), "%s", msg);
}

static void opts__an_error_names_the_option_and_says_what_is_known(void **state)
{
	static const struct {
		const char *opts, *err;
		int error;
	} rows[] = {
		{"siz=1",
		 "emu: unknown option 'siz'; known: sgl, lbads, queues, size, backend, "
		 "file, fault",
		 EINVAL},
		{"=1",
		 "emu: unknown option ''; known: sgl, lbads, queues, size, backend, file, "
		 "fault",
		 EINVAL},
		{"lbads=8", "emu: lbads: '8' is not within 9 .. 16", EINVAL},
		{"lbads=17", "emu: lbads: '17' is not within 9 .. 16", EINVAL},
		{"queues=4G", "emu: queues: '4G' is not within 0 .. 4294967295", EINVAL},
		{"size=16777216T",
		 "emu: size: '16777216T' is not within 512 .. "
		 "18446744073709551615",
		 EINVAL},
		{"size=-1", "emu: size: '-1' is not a number such as 4096, 0x1000, 4K or 1G",
		 EINVAL},
		{"sgl=yes", "emu: sgl: 'yes' is neither on nor off", EINVAL},
		{"backend=disk", "emu: backend: 'disk' is none of: mem, file, null", EINVAL},
		{"fault=bad", "emu: fault: 'bad': no such fault", ENOENT},
		{"sgl", "emu: sgl: has no value; write sgl=VALUE", EINVAL},
		{"file=", "emu: file: has no value; write file=VALUE", EINVAL},
		{"lbads=9,", "emu: an option is empty", EINVAL},
		{",lbads=9", "emu: an option is empty", EINVAL},
		{"lbads=9,lbads=12", "emu: lbads: given twice, the second time as '12'", EINVAL},
		{"file=a,file=b", "emu: file: given twice, the second time as 'b'", EINVAL},
		{"file=a\\", "emu: a backslash at the end of the options", EINVAL},
	};

	(void)state;
	log_set_handler(keep, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config cfg = {0};
		char err[256] = "";

		logged[0] = '\0';
		errno = 0;
		assert_int_equal(opts_parse(&emu, &cfg, rows[i].opts, err, sizeof(err)), -1);
		assert_int_equal(errno, rows[i].error);
		assert_string_equal(err, rows[i].err);
		assert_string_equal(logged, rows[i].err);
		opts_free(&emu, &cfg);
	}
	log_set_handler(NULL, NULL);
}

static void opts__a_message_is_cut_to_the_callers_buffer(void **state)
{
	struct config cfg = {0};
	char err[9] = {[8] = 'x'};

	(void)state;
	assert_int_equal(opts_parse(&emu, &cfg, "siz=1", err, 8), -1);
	assert_memory_equal(err, "emu: un\0x", 9);
	assert_int_equal(opts_parse(&emu, &cfg, "siz=1", err, 1), -1);
	assert_string_equal(err, "");
}

static void opts__what_came_before_an_error_is_stored(void **state)
{
	struct config cfg = {0};

	(void)state;
	assert_int_equal(opts_parse(&emu, &cfg, "file=a,lbads=10,siz=1,queues=3", NULL, 0), -1);
	assert_string_equal(cfg.file, "a");
	assert_int_equal(cfg.lbads, 10);
	assert_int_equal(cfg.queues, 0);
	opts_free(&emu, &cfg);
}

static void opts__help_has_a_line_for_each_option(void **state)
{
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	opts_help(&emu, out);
	fclose(out);
	assert_string_equal(text, "  sgl=on|off          SGLs; default on\n"
				  "  lbads=N             block size\n"
				  "  queues=N            queue pairs\n"
				  "  size=N              bytes\n"
				  "  backend=mem|file|null  where data are\n"
				  "  file=TEXT           path\n"
				  "  fault=TEXT          fault; may be repeated\n");
}

static void number__with_suffixes(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} rows[] = {
		{"0", 0},
		{"010", 10},
		{"4096", 4096},
		{"0x1000", 4096},
		{"0XfF", 255},
		{"1k", 1024},
		{"1K", 1024},
		{"3M", 3145728},
		{"2g", 2147483648},
		{"5T", 5497558138880},
		{"0x10K", 16384},
		{"18446744073709551615", UINT64_MAX},
		{"16777215T", 0xffffff0000000000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 1;

		assert_int_equal(opts_parse_u64(rows[i].text, &value), 0);
		assert_true(value == rows[i].value);
	}
}

static void number__everything_else_is_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{"", EINVAL},
		{"K", EINVAL},
		{"-1", EINVAL},
		{"+1", EINVAL},
		{" 1", EINVAL},
		{"1 ", EINVAL},
		{"1.5", EINVAL},
		{"1KB", EINVAL},
		{"1KK", EINVAL},
		{"1P", EINVAL},
		{"0x", EINVAL},
		{"0xK", EINVAL},
		{"0x0x1", EINVAL},
		{"1e3", EINVAL},
		{"ff", EINVAL},
		{"18446744073709551616", ERANGE},
		{"99999999999999999999999", ERANGE},
		{"16777216T", ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 77;

		errno = 0;
		assert_int_equal(opts_parse_u64(rows[i].text, &value), -1);
		assert_int_equal(errno, rows[i].error);
		assert_int_equal(value, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opts__stores_every_type),
		cmocka_unit_test(opts__nothing_changes_nothing),
		cmocka_unit_test(opts__limits_are_inclusive),
		cmocka_unit_test(opts__a_backslash_takes_the_next_character_literally),
		cmocka_unit_test(opts__a_call_may_be_repeated),
		cmocka_unit_test(opts__separators_can_be_others),
		cmocka_unit_test(opts__an_error_names_the_option_and_says_what_is_known),
		cmocka_unit_test(opts__a_message_is_cut_to_the_callers_buffer),
		cmocka_unit_test(opts__what_came_before_an_error_is_stored),
		cmocka_unit_test(opts__help_has_a_line_for_each_option),
		cmocka_unit_test(number__with_suffixes),
		cmocka_unit_test(number__everything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

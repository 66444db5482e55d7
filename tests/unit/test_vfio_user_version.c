/* SPDX-License-Identifier: MIT */
/* What two ends of vfio-user tell each other first: the text byte by byte, and what may not be read. */
#include <string.h>

#include "dev.h"
#include "vfio_user/json.h"
#include "vfio_user/version.h"
#include "vfio_user/wire.h"

static int read_text(struct vfio_user_caps *caps, const char *text)
{
	unsigned char data[1024] = {0, 0, 1, 0};
	size_t len = strlen(text) + 1;

	assert_true(len + 4 <= sizeof(data));
	memcpy(data + 4, text, len);
	return vfio_user_version_read(caps, data, len + 4);
}

static void version__is_written_as_specified(void **state)
{
	static const char text[] =
		"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,"
		"\"max_dma_maps\":65535,\"pgsizes\":4096,\"twin_socket\":{\"supported\":true,"
		"\"fd_index\":0},\"write_multiple\":false}}";
	struct vfio_user_caps caps = {
		.minor = 1,
		.max_msg_fds = 8,
		.max_xfer = 1048576,
		.max_dma_maps = 65535,
		.pgsizes = 4096,
		.twin = true,
	};
	unsigned char buf[VFIO_USER_VERSION_ROOM];

	(void)state;
	assert_int_equal(vfio_user_version_write(&caps, buf), 4 + sizeof(text));
	assert_memory_equal(buf, "\0\0\1\0", 4);
	assert_string_equal((char *)buf + 4, text);
}

static void version__fits_with_the_largest_numbers(void **state)
{
	struct vfio_user_caps caps = {
		.major = UINT16_MAX,
		.max_msg_fds = UINT64_MAX,
		.max_xfer = UINT64_MAX,
		.max_dma_maps = UINT64_MAX,
		.pgsizes = UINT64_MAX,
		.twin = true,
		.twin_fd_index = UINT64_MAX - 1,
	};
	unsigned char buf[VFIO_USER_VERSION_ROOM];
	struct vfio_user_caps back;
	size_t len = vfio_user_version_write(&caps, buf);

	(void)state;
	assert_true(len <= sizeof(buf));
	assert_works(vfio_user_version_read(&back, buf, len));
	assert_int_equal(back.major, UINT16_MAX);
	assert_true(back.pgsizes == UINT64_MAX);
	assert_true(back.twin_fd_index == UINT64_MAX - 1);
}

static void version__has_defaults(void **state)
{
	struct vfio_user_caps caps;

	(void)state;
	assert_works(vfio_user_version_read(&caps, "\1\0\2\0", 4));
	assert_int_equal(caps.major, 1);
	assert_int_equal(caps.minor, 2);
	assert_int_equal(caps.max_msg_fds, 1);
	assert_int_equal(caps.max_xfer, 1048576);
	assert_int_equal(caps.max_dma_maps, 65535);
	assert_int_equal(caps.pgsizes, 4096);
	assert_false(caps.twin);
	assert_false(caps.write_multi);
	assert_true(caps.twin_fd_index == VFIO_USER_NO_FD_INDEX);
}

static void version__reads_what_peers_write(void **state)
{
	struct vfio_user_caps caps;

	(void)state;
	assert_works(read_text(&caps,
			       "{ \"other\" : [ 1 , {} , [] , null , -0.5e+3 ] ,\n"
			       "\t\"capabilities\" : { \"migration\" : { \"pgsize\" : 4096 } "
			       ", \"max_msg_fds\" : 16 ,\r\n"
			       "\"twin_socket\" : { \"supported\" : true , "
			       "\"fd_index\" : 1 , \"x\" : \"\\u00e4\\\"\" } ,"
			       "\"write_multiple\" : true , \"pgsizes\" : 0 } } "));
	assert_int_equal(caps.max_msg_fds, 16);
	assert_true(caps.twin);
	assert_int_equal(caps.twin_fd_index, 1);
	assert_true(caps.write_multi);
	assert_int_equal(caps.pgsizes, 0);

	assert_works(read_text(&caps, "{}"));
	assert_works(read_text(&caps, "{\"capabilities\":{}}"));
	assert_works(read_text(&caps, "{\"capabilities\":{\"max_msg_fds\":18446744073709551615}}"));
	assert_true(caps.max_msg_fds == UINT64_MAX);
}

static void version__refuses_what_is_no_json(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"[]",
		"1",
		"{",
		"{}}",
		"{} x",
		"{\"capabilities\":1}",
		"{\"capabilities\":{\"max_msg_fds\":-1}}",
		"{\"capabilities\":{\"max_msg_fds\":1.0}}",
		"{\"capabilities\":{\"max_msg_fds\":1e3}}",
		"{\"capabilities\":{\"max_msg_fds\":\"1\"}}",
		"{\"capabilities\":{\"max_msg_fds\":18446744073709551616}}",
		"{\"capabilities\":{\"max_msg_fds\":}}",
		"{\"capabilities\":{\"max_msg_fds\":01}}",
		"{\"capabilities\":{\"write_multiple\":1}}",
		"{\"capabilities\":{\"write_multiple\":truth}}",
		"{\"capabilities\":{\"twin_socket\":true}}",
		"{\"capabilities\":{\"twin_socket\":{\"supported\":\"true\"}}}",
		"{\"a\":1,}",
		"{\"a\" 1}",
		"{a:1}",
		"{\"a\":[1,]}",
		"{\"a\":[1 2]}",
		"{\"a\":nul}",
		"{\"a\":-}",
		"{\"a\":1.}",
		"{\"a\":.5}",
		"{\"a\":1e}",
		"{\"a\":+1}",
		"{\"a\":\"\n\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"",
		"{\"a\":\"\\",
		"{\"a\":\"\\u12",
		"{\"a",
		"{\"a\":[[[[[[[[1]]]]]]]]}", /* nine deep */
	};
	struct vfio_user_caps caps;

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		errno = 0;
		if (read_text(&caps, bad[i]) != -1 || errno != EPROTO)
			fail_msg("%s: was read", bad[i]);
	}
	assert_works(read_text(&caps, "{\"a\":[[[[[[[1]]]]]]]}")); /* eight */
}

static void version__needs_its_terminator(void **state)
{
	struct vfio_user_caps caps;

	(void)state;
	assert_fails(vfio_user_version_read(&caps, "", 0), EPROTO);
	assert_fails(vfio_user_version_read(&caps, "\0\0\1", 3), EPROTO);
	assert_fails(vfio_user_version_read(&caps, "\0\0\1\0{}", 6), EPROTO);
	assert_fails(vfio_user_version_read(&caps, "\0\0\1\0{\0}\0", 8), EPROTO);
	assert_fails(vfio_user_version_read(&caps, "\0\0\1\0\0", 5), EPROTO);
	assert_works(vfio_user_version_read(&caps, "\0\0\1\0{}\0", 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version__is_written_as_specified),
		cmocka_unit_test(version__fits_with_the_largest_numbers),
		cmocka_unit_test(version__has_defaults),
		cmocka_unit_test(version__reads_what_peers_write),
		cmocka_unit_test(version__refuses_what_is_no_json),
		cmocka_unit_test(version__needs_its_terminator),
	};

	return cmocka_run_group_tests_name("vfio_user_version", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Messages and calls between two ends of a socket pair, with a peer that is right, that lies, that
 * stops, and that goes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dev.h"
#include "support/deadline.h"
#include "vfio_user/call.h"

#define MAX_PAYLOAD 4096
#define PATIENCE_MS 100

static struct vfio_user_sock sock;
static struct vfio_user_msg msg;
static int peer, fds_before;

static int setup(void **state)
{
	int fds[2];

	(void)state;
	fds_before = open_fds();
	assert_works(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	vfio_user_sock_init(&sock, fds[0], MAX_PAYLOAD, PATIENCE_MS);
	peer = fds[1];
	return vfio_user_msg_init(&msg, MAX_PAYLOAD);
}

static int teardown(void **state)
{
	(void)state;
	vfio_user_msg_free(&msg);
	vfio_user_sock_close(&sock);
	if (peer >= 0)
		close(peer);
	assert_int_equal(open_fds(), fds_before);
	return 0;
}

/* What the peer writes: bytes, and descriptors with them. */
static void peer_send(const void *data, size_t len, const int *fds, size_t nr_fds)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 32)];
	} control = {};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nr_fds) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * nr_fds);
	}
	assert_int_equal(sendmsg(peer, &mh, 0), len);
}

static void peer_close(void)
{
	close(peer);
	peer = -1;
}

/* id 7, REGION_READ (9), 16 + 4 bytes, a command */
static const unsigned char command[] = {7, 0, 9, 0, 20, 0, 0,	0,   0,	  0,
					0, 0, 0, 0, 0,	0, 'd', 'a', 't', 'a'};

static int recv_soon(void)
{
	return vfio_user_recv(&sock, &msg, deadline_after_ms(PATIENCE_MS));
}

static void recv__takes_a_message_apart(void **state)
{
	(void)state;
	peer_send(command, sizeof(command), NULL, 0);
	assert_works(recv_soon());
	assert_int_equal(msg.hdr.id, 7);
	assert_int_equal(msg.hdr.cmd, VFIO_USER_REGION_READ);
	assert_int_equal(msg.hdr.flags & VFIO_USER_TYPE, VFIO_USER_COMMAND);
	assert_int_equal(msg.len, 4);
	assert_memory_equal(msg.payload, "data", 4);
	assert_int_equal(msg.nr_fds, 0);
}

static void *send_slowly(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(command); i++) {
		if (write(peer, command + i, 1) != 1)
			return (void *)1;
		usleep(500);
	}
	return NULL;
}

static void recv__joins_what_comes_in_pieces(void **state)
{
	pthread_t thread;
	void *ret;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, send_slowly, NULL), 0);
	assert_works(vfio_user_recv(&sock, &msg, DEADLINE_NEVER));
	assert_memory_equal(msg.payload, "data", 4);
	pthread_join(thread, &ret);
	assert_null(ret);
}

static void recv__keeps_descriptors_with_their_message(void **state)
{
	int fds[2], got;

	(void)state;
	assert_works(pipe2(fds, O_CLOEXEC));
	peer_send(command, sizeof(command), NULL, 0);
	peer_send(command, sizeof(command), fds, 2);
	peer_send(command, sizeof(command), fds, 1);
	assert_works(recv_soon());
	assert_int_equal(msg.nr_fds, 0);
	assert_works(recv_soon());
	assert_int_equal(msg.nr_fds, 2);
	got = vfio_user_msg_take_fd(&msg, 1);
	assert_true(got >= 0);
	assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got, "x", 1), 1);
	assert_fails(vfio_user_msg_take_fd(&msg, 1), EPROTO);
	assert_fails(vfio_user_msg_take_fd(&msg, 2), EPROTO);
	assert_fails(vfio_user_msg_take_fd(&msg, UINT64_MAX), EPROTO);
	close(got);
	assert_works(recv_soon());
	assert_int_equal(msg.nr_fds, 1); /* teardown sees that all were closed */
	close(fds[0]);
	close(fds[1]);
}

static void recv__refuses_too_many_descriptors(void **state)
{
	int fds[VFIO_USER_MSG_FDS + 1];

	(void)state;
	for (size_t i = 0; i < ROWS(fds); i++)
		fds[i] = peer;
	peer_send(command, sizeof(command), fds, ROWS(fds));
	assert_fails(recv_soon(), EPROTO);
	assert_fails(recv_soon(), ENODEV);
}

static void recv__takes_as_many_descriptors_as_there_is_room_for(void **state)
{
	int fds[VFIO_USER_MSG_FDS];

	(void)state;
	for (size_t i = 0; i < ROWS(fds); i++)
		fds[i] = peer;
	peer_send(command, sizeof(command), fds, ROWS(fds));
	assert_works(recv_soon());
	assert_int_equal(msg.nr_fds, VFIO_USER_MSG_FDS);
}

/* Each is a header that must not be believed. */
static void recv__refuses_lies(void **state)
{
	static const struct {
		const char *what;
		uint32_t size, flags;
	} rows[] = {
		{"no size", 0, 0},
		{"shorter than a header", 15, 0},
		{"longer than is taken", 16 + MAX_PAYLOAD + 1, 0},
		{"4 GiB", UINT32_MAX, 0},
		{"neither command nor reply", 16, 2},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct vfio_user_header hdr = {
			.cmd = 1, .size = rows[i].size, .flags = rows[i].flags};

		peer_send(&hdr, sizeof(hdr), NULL, 0);
		errno = 0;
		if (recv_soon() != -1 || errno != EPROTO)
			fail_msg("%s: was taken", rows[i].what);
		assert_fails(recv_soon(), ENODEV);
		teardown(state);
		setup(state);
	}
}

static void recv__takes_the_longest_message(void **state)
{
	static unsigned char data[16 + MAX_PAYLOAD] = {0, 0, 9, 0, 0x10, 0x10};

	(void)state;
	peer_send(data, sizeof(data), NULL, 0);
	assert_works(recv_soon());
	assert_int_equal(msg.len, MAX_PAYLOAD);
}

static void recv__gives_up_one_that_stops(void **state)
{
	for (size_t part = 1; part < sizeof(command); part += 6) {
		struct timespec start;

		peer_send(command, part, NULL, 0);
		clock_gettime(CLOCK_MONOTONIC, &start);
		assert_fails(vfio_user_recv(&sock, &msg, DEADLINE_NEVER), EPROTO);
		assert_true(ms_since(&start) >= PATIENCE_MS);
		assert_fails(recv_soon(), ENODEV);
		teardown(state);
		setup(state);
	}
}

static void recv__ends_with_the_peer(void **state)
{
	for (size_t part = 0; part < sizeof(command); part += 5) {
		peer_send(command, part, NULL, 0);
		peer_close();
		assert_fails(vfio_user_recv(&sock, &msg, DEADLINE_NEVER), ENODEV);
		assert_fails(recv_soon(), ENODEV);
		teardown(state);
		setup(state);
	}
}

static void recv__waits_no_longer_than_it_should(void **state)
{
	(void)state;
	assert_fails(recv_soon(), ETIMEDOUT);
	peer_send(command, sizeof(command), NULL, 0); /* and all is as before */
	assert_works(recv_soon());
}

static void send__writes_header_body_and_data(void **state)
{
	static const unsigned char want[] = {0x34, 0x12, 10, 0, 21, 0,	 0,   0,   0x11, 0,  0,
					     0,	   0,	 0,  0, 0,  'b', 'd', 'a', 't',	 'a'};
	struct vfio_user_out out = {
		.id = 0x1234,
		.cmd = VFIO_USER_REGION_WRITE,
		.flags = VFIO_USER_REPLY | VFIO_USER_NO_REPLY,
		.body = "b",
		.body_len = 1,
		.data = "data",
		.data_len = 4,
	};
	unsigned char got[64];

	(void)state;
	assert_works(vfio_user_send(&sock, &out));
	assert_int_equal(read(peer, got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void send__gives_up_a_peer_that_does_not_read(void **state)
{
	static unsigned char data[MAX_PAYLOAD];
	struct vfio_user_out out = {.cmd = 1, .data = data, .data_len = sizeof(data)};
	struct timespec start;
	int ret;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		ret = vfio_user_send(&sock, &out);
	while (!ret);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(ms_since(&start) >= PATIENCE_MS);
	assert_fails(vfio_user_send(&sock, &out), ENODEV);
}

static void send__ends_with_the_peer(void **state)
{
	struct vfio_user_out out = {.cmd = 1};

	(void)state;
	peer_close();
	assert_fails(vfio_user_send(&sock, &out), ENODEV);
}

static void send__refuses_what_no_header_can_say(void **state)
{
	struct vfio_user_out out = {.cmd = 1, .data = "", .data_len = UINT32_MAX - 15};
	static const int fds[254];

	(void)state;
	assert_fails(vfio_user_send(&sock, &out), EMSGSIZE);
	out = (struct vfio_user_out){.cmd = 1, .fds = fds, .nr_fds = 254};
	assert_fails(vfio_user_send(&sock, &out), EMSGSIZE);
	assert_fails(recv_soon(), ETIMEDOUT); /* the connection is as it was */
}

static void reply__echoes_id_and_command(void **state)
{
	static const unsigned char fine[] = {7, 0, 9, 0, 18, 0, 0, 0,	1,
					     0, 0, 0, 0, 0,  0, 0, 'o', 'k'};
	static const unsigned char refused[] = {7,    0, 9, 0, 16, 0, 0, 0,
						0x21, 0, 0, 0, 22, 0, 0, 0};
	unsigned char got[64];

	(void)state;
	peer_send(command, sizeof(command), NULL, 0);
	assert_works(recv_soon());
	assert_works(vfio_user_reply(&sock, &msg, "o", 1, "k", 1));
	assert_int_equal(read(peer, got, sizeof(got)), sizeof(fine));
	assert_memory_equal(got, fine, sizeof(fine));
	assert_works(vfio_user_reply_error(&sock, &msg, EINVAL));
	assert_int_equal(read(peer, got, sizeof(got)), sizeof(refused));
	assert_memory_equal(got, refused, sizeof(refused));

	msg.hdr.flags |= VFIO_USER_NO_REPLY;
	assert_works(vfio_user_reply(&sock, &msg, "o", 1, "k", 1));
	assert_works(vfio_user_reply_error(&sock, &msg, EINVAL));
	assert_int_equal(recv(peer, got, sizeof(got), MSG_DONTWAIT), -1);
}

/* ---- calls ---- */

static struct vfio_user_calls calls;

/* Receives and hands over, as both ends do, until the connection ends. */
static void *receiver(void *arg)
{
	(void)arg;
	while (!vfio_user_recv(&sock, &msg, DEADLINE_NEVER)) {
		if (vfio_user_calls_reply(&calls, &msg))
			break;
	}
	vfio_user_calls_fail(&calls, errno);
	vfio_user_sock_shutdown(&sock);
	return NULL;
}

static pthread_t receiver_thread;

static int calls_setup(void **state)
{
	vfio_user_calls_init(&calls);
	if (setup(state))
		return -1;
	return pthread_create(&receiver_thread, NULL, receiver, NULL);
}

static int calls_teardown(void **state)
{
	vfio_user_sock_shutdown(&sock);
	pthread_join(receiver_thread, NULL);
	vfio_user_calls_close(&calls);
	return teardown(state);
}

struct answer {
	struct vfio_user_header hdr;
	char data[8];
	int fds[2];
	size_t nr_fds;
};

/* One command is read from the socket and answered with what @answer has, its id added. */
static void *answer_one(void *arg)
{
	struct answer *answer = arg;
	size_t len = answer->hdr.size > 24 ? 24 : answer->hdr.size;
	struct vfio_user_header hdr;

	if (read(peer, &hdr, sizeof(hdr)) != sizeof(hdr))
		return NULL;
	answer->hdr.id = (uint16_t)(answer->hdr.id + hdr.id);
	peer_send(answer, len, answer->fds, answer->nr_fds);
	return NULL;
}

static int call_with(struct answer answer, struct vfio_user_call *call)
{
	pthread_t thread;
	int ret, err;

	assert_int_equal(pthread_create(&thread, NULL, answer_one, &answer), 0);
	ret = vfio_user_call(&calls, &sock, call);
	err = errno;
	pthread_join(thread, NULL);
	errno = err;
	return ret;
}

static struct answer good_answer(void)
{
	return (struct answer){{.cmd = 4, .size = 20, .flags = 1}, "four", {-1, -1}, 0};
}

static void call__brings_the_reply(void **state)
{
	char reply[4];
	struct vfio_user_call call = {
		.out.cmd = 4, .timeout_ms = 10000, .reply = reply, .room = sizeof(reply)};

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_works(call_with(good_answer(), &call));
		assert_int_equal(call.len, 4);
		assert_memory_equal(reply, "four", 4);
	}
}

static void call__knows_a_refusal(void **state)
{
	static const struct {
		uint32_t error;
		int want;
	} rows[] = {
		{EEXIST, EEXIST},	{0, EREMOTEIO},		 {ENODEV, EREMOTEIO},
		{ETIMEDOUT, EREMOTEIO}, {EAGAIN, EREMOTEIO},	 {EINTR, EREMOTEIO},
		{4096, EREMOTEIO},	{UINT32_MAX, EREMOTEIO},
	};
	struct vfio_user_call call = {.out.cmd = 4, .timeout_ms = 10000};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct answer no = {{.cmd = 4, .size = 16, .flags = 0x21}, "", {-1, -1}, 0};

		no.hdr.error = rows[i].error;
		assert_fails(call_with(no, &call), rows[i].want);
	}
	assert_int_equal(vfio_user_calls_error(&calls), 0);
}

static void call__ends_the_connection_after_a_lie(void **state)
{
	static const struct {
		const char *what;
		struct answer answer;
	} rows[] = {
		{"another id", {{.id = 1, .cmd = 4, .size = 16, .flags = 1}, "", {-1, -1}, 0}},
		{"another command", {{.cmd = 5, .size = 16, .flags = 1}, "", {-1, -1}, 0}},
		{"longer than there is room for",
		 {{.cmd = 4, .size = 21, .flags = 1}, "fivef", {-1, -1}, 0}},
		{"a size that no message has",
		 {{.cmd = 4, .size = 1 << 30, .flags = 1}, "", {-1, -1}, 0}},
	};
	char reply[4];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct vfio_user_call call = {
			.out.cmd = 4, .timeout_ms = 10000, .reply = reply, .room = sizeof(reply)};

		errno = 0;
		if (call_with(rows[i].answer, &call) != -1 || errno != EPROTO)
			fail_msg("%s: %s", rows[i].what, strerror(errno));
		assert_fails(vfio_user_call(&calls, &sock, &call), EPROTO);
		calls_teardown(state);
		calls_setup(state);
	}
}

static void call__does_not_wait_for_ever(void **state)
{
	struct vfio_user_call call = {.out.cmd = 4, .timeout_ms = 50};
	struct timespec start;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_fails(vfio_user_call(&calls, &sock, &call), ETIMEDOUT);
	assert_true(ms_since(&start) >= 50);
	assert_fails(vfio_user_call(&calls, &sock, &call), ENODEV);
}

static void call__ends_with_the_peer(void **state)
{
	struct vfio_user_call call = {.out.cmd = 4, .timeout_ms = 10000};

	(void)state;
	peer_close();
	assert_fails(vfio_user_call(&calls, &sock, &call), ENODEV);
	assert_fails(vfio_user_call(&calls, &sock, &call), ENODEV);
}

static void call__takes_descriptors(void **state)
{
	struct answer answer = good_answer();
	int fds[1] = {-1};
	char reply[4];
	struct vfio_user_call call = {
		.out.cmd = 4,
		.timeout_ms = 10000,
		.reply = reply,
		.room = sizeof(reply),
		.fds = fds,
		.fds_room = 1,
	};
	int sent[2];

	(void)state;
	assert_works(pipe2(sent, O_CLOEXEC));
	answer.fds[0] = sent[0];
	answer.fds[1] = sent[1];
	answer.nr_fds = 2;
	assert_works(call_with(answer, &call));
	assert_int_equal(call.nr_fds, 1);
	close(fds[0]);
	close(sent[0]);
	close(sent[1]);
}

#define WITH_SOCK(test)	 cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH_CALLS(test) cmocka_unit_test_setup_teardown(test, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SOCK(recv__takes_a_message_apart),
		WITH_SOCK(recv__joins_what_comes_in_pieces),
		WITH_SOCK(recv__keeps_descriptors_with_their_message),
		WITH_SOCK(recv__refuses_too_many_descriptors),
		WITH_SOCK(recv__takes_as_many_descriptors_as_there_is_room_for),
		WITH_SOCK(recv__refuses_lies),
		WITH_SOCK(recv__takes_the_longest_message),
		WITH_SOCK(recv__gives_up_one_that_stops),
		WITH_SOCK(recv__ends_with_the_peer),
		WITH_SOCK(recv__waits_no_longer_than_it_should),
		WITH_SOCK(send__writes_header_body_and_data),
		WITH_SOCK(send__gives_up_a_peer_that_does_not_read),
		WITH_SOCK(send__ends_with_the_peer),
		WITH_SOCK(send__refuses_what_no_header_can_say),
		WITH_SOCK(reply__echoes_id_and_command),
		WITH_CALLS(call__brings_the_reply),
		WITH_CALLS(call__knows_a_refusal),
		WITH_CALLS(call__ends_the_connection_after_a_lie),
		WITH_CALLS(call__does_not_wait_for_ever),
		WITH_CALLS(call__ends_with_the_peer),
		WITH_CALLS(call__takes_descriptors),
	};

	return cmocka_run_group_tests_name("vfio_user_sock", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What a program publishes: the file, letter by letter, and the directory that it is in.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"

static char root[64]; /* in place of the user's own */

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/belfry-test-XXXXXX");
	return mkdtemp(root) ? setenv("XDG_RUNTIME_DIR", root, 1) : -1;
}

static int tear_down(void **state)
{
	char dir[96];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/belfry", root);
	rmdir(dir);
	return rmdir(root);
}

static void path_of(int nr, char *path, size_t size)
{
	snprintf(path, size, "%s/belfry/%d.%d", root, (int)getpid(), nr);
}

/* What is in the file of this process's publisher @nr; "" when there is none. */
static void slurp(int nr, char *text, size_t size)
{
	char path[128];
	ssize_t n = 0;
	int fd;

	path_of(nr, path, sizeof(path));
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

static int nr_files(void)
{
	char path[96];
	DIR *dir;
	int nr = 0;

	snprintf(path, sizeof(path), "%s/belfry", root);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr - 2; /* . and .. */
}

static void publish__a_snapshot_after_the_other(void **state)
{
	struct belfry_publisher *pub = belfry_publish_open("emu:size=1M\n\033");
	unsigned long long start, ns;
	char text[1024], path[128];
	struct stat st;
	int len = 0, pid;

	(void)state;
	assert_non_null(pub);
	path_of(0, path, sizeof(path));
	assert_works(stat(path, &st));
	assert_int_equal(st.st_mode & 07777, 0600);

	belfry_publish_number(pub, "sq1", "in_use_max", 7);
	belfry_publish_number(pub, "mine", "x", UINT64_MAX);
	assert_works(belfry_publish_commit(pub));
	slurp(0, text, sizeof(text));
	assert_int_equal(sscanf(text, "belfry-stats 1\npid %d\nstart %llu\nname emu:size=1M??\n%n",
				&pid, &start, &len),
			 2);
	assert_int_equal(pid, getpid());
	assert_true(start > 0);
	assert_true(len > 0);
	memmove(text, text + len, strlen(text + len) + 1);
	len = 0;
	assert_int_equal(sscanf(text,
				"sq1.in_use_max 7\nmine.x 18446744073709551615\nns %llu\nend\n%n",
				&ns, &len),
			 1);
	assert_int_equal(len, strlen(text));

	/* Nothing is left of the one before, nor beside it. */
	assert_works(belfry_publish_commit(pub));
	slurp(0, text, sizeof(text));
	assert_null(strstr(text, "mine"));
	assert_non_null(strstr(text, "\nend\n"));
	assert_int_equal(nr_files(), 1);
	belfry_publish_close(pub);
	assert_int_equal(nr_files(), 0);
	belfry_publish_close(NULL);
}

static void publish__several(void **state)
{
	struct belfry_publisher *one = belfry_publish_open("one"),
				*two = belfry_publish_open("two");
	char text[1024];

	(void)state;
	assert_non_null(one);
	assert_non_null(two);
	slurp(0, text, sizeof(text));
	assert_non_null(strstr(text, "name one\n"));
	slurp(1, text, sizeof(text));
	assert_non_null(strstr(text, "name two\n"));
	belfry_publish_close(one);
	assert_int_equal(nr_files(), 1);
	belfry_publish_close(two);
}

static void publish__names(void **state)
{
	static const struct {
		const char *part, *key;
	} bad[] = {
		{"", "key"},
		{"1part", "key"},
		{"part", ""},
		{"part", "Key"},
		{"pa.rt", "key"},
		{"pa_rt", "key"},
		{"part", "a b"},
		{"part", "a\nend"},
		{"abcdefghijklmnop", "key"},
		{"part", "abcdefghijklmnopqrstuvwxyzabcdef"},
	};
	struct belfry_publisher *pub = belfry_publish_open("it");
	char text[1024];

	(void)state;
	assert_non_null(pub);
	belfry_publish_number(pub, "abcdefghijklmno", "abcdefghijklmnopqrstuvwxyzabcde", 1);
	assert_works(belfry_publish_commit(pub));
	for (size_t i = 0; i < ROWS(bad); i++) {
		belfry_publish_number(pub, bad[i].part, bad[i].key, 1);
		belfry_publish_number(pub, "part", "key", 1);
		assert_fails(belfry_publish_commit(pub), EINVAL);
	}
	/* The one before is still there, and the next is good. */
	slurp(0, text, sizeof(text));
	assert_non_null(strstr(text, "\nabcdefghijklmno.abcdefghijklmnopqrstuvwxyzabcde 1\n"));
	assert_works(belfry_publish_commit(pub));
	belfry_publish_close(pub);
}

static void publish__a_child_has_no_part_in_it(void **state)
{
	struct belfry_publisher *pub = belfry_publish_open("it");
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(pub);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		bool refused = belfry_publish_commit(pub) == -1 && errno == EPERM;

		belfry_publish_close(pub);
		_exit(refused ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(nr_files(), 1);
	assert_works(belfry_publish_commit(pub));
	belfry_publish_close(pub);
}

static void publish__the_directory(void **state)
{
	char dir[96], other[96];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/belfry", root);
	snprintf(other, sizeof(other), "%s/other", root);
	rmdir(dir);
	assert_fails(belfry_publish_dir(false), ENOENT);

	/* Open to others, a link, a file. */
	assert_works(mkdir(dir, 0700));
	assert_works(chmod(dir, 0710));
	assert_null(belfry_publish_open("it"));
	assert_int_equal(errno, EPERM);
	assert_works(rmdir(dir));
	assert_works(mkdir(other, 0700));
	assert_works(symlink(other, dir));
	assert_null(belfry_publish_open("it"));
	assert_works(unlink(dir));
	assert_works(rmdir(other));
	assert_works(close(open(dir, O_CREAT | O_WRONLY, 0600)));
	assert_null(belfry_publish_open("it"));
	assert_works(unlink(dir));
}

/* Each number of a controller is there, under the name of its member. */
static void publish__a_controller(void **state)
{
	static const char *const lines[] = {
		"ctrl.state 0",	    "ctrl.resets_by_hand 1", "sqs.submitted 42",
		"sq1.submitted 21", "sq5.submitted 21",	     "cqs.completed 42",
		"cq1.completed 21", "cq5.failed_media 0",    "sqs.in_use_max 7",
	};
	struct belfry_publisher *pub = belfry_publish_open("it");
	char text[8192], line[64];
	struct nvme_sq *first;
	struct fixture f;

	(void)state;
	assert_non_null(pub);
	fault_open(&f, "emu:");
	reset(&f);
	assert_works(nvme_create_ioqpair(&f.dev.ctrl, 5, QSIZE, -1, 0));
	works(&f); /* three times all seven trackers */
	first = f.sq;
	f.sq = &f.dev.ctrl.sq[5];
	f.cq = f.sq->cq;
	works(&f);
	f.sq = first;
	nvme_ctrl_publish(&f.dev.ctrl, pub);
	assert_works(belfry_publish_commit(pub));
	slurp(0, text, sizeof(text));
	for (size_t i = 0; i < ROWS(lines); i++) {
		snprintf(line, sizeof(line), "\n%s\n", lines[i]);
		if (!strstr(text, line))
			fail_msg("no '%s' in:\n%s", lines[i], text);
	}
	assert_null(strstr(text, "\nsq2."));
	dev_close(&f.dev);
	belfry_publish_close(pub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publish__a_snapshot_after_the_other),
		cmocka_unit_test(publish__several),
		cmocka_unit_test(publish__names),
		cmocka_unit_test(publish__a_child_has_no_part_in_it),
		cmocka_unit_test(publish__the_directory),
		cmocka_unit_test(publish__a_controller),
	};

	return cmocka_run_group_tests_name("publish", tests, set_up, tear_down);
}

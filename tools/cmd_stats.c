/* SPDX-License-Identifier: MIT */
/* belfry stats: what programs have counted that drive controllers, while they do. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <belfry/nvme/recover.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/out.h"
#include "tools/progress.h"
#include "tools/snapshot.h"
#include "tools/text.h"

#define NR_MAX	 256
#define SLICE_NS 100000000ull

struct job {
	const char *which; /* NULL: all */
	bool json, queues;
	uint64_t interval, count;
};

struct set {
	struct snapshot snaps[NR_MAX];
	unsigned int nr;
};

static int parse(struct job *job, int argc, char **argv)
{
	const struct arg options[] = {
		{"queues", 'q', ARG_FLAG, &job->queues, .help = "each queue, not only their sums"},
		{"interval", 'i', ARG_TIME, &job->interval, .min = 1000000, .max = 3600000000000,
		 .metavar = "TIME", .help = "again and again, with what has changed per second"},
		{"count", 'c', ARG_NUMBER, &job->count, .min = 1, .metavar = "N",
		 .help = "with --interval: so many times (until it is interrupted)"},
		ARG_JSON(&job->json),
		{.name = NULL},
	};
	const struct args args = {
		.command = "stats",
		.operands = "[PID|NAME]",
		.max = 1,
		.about = "Show what programs of this user count on the controllers that they "
			 "drive,\n"
			 "while they run: belfry perf, belfry serve, and programs that publish it\n"
			 "by belfry/support/publish.h. Choose some by process or by device.",
		.options = options,
		.examples = "  belfry stats\n"
			    "      all there are\n"
			    "  belfry stats 4711 --interval 1s\n"
			    "      one program, every second, with rates\n"
			    "  belfry stats --json | jq '.programs[].sqs.submitted'\n"
			    "      for a script\n",
	};
	char **operands;
	int nr = args_parse(&args, argc, argv, &operands);

	if (nr < 0)
		return nr;
	job->which = nr ? operands[0] : NULL;
	if (!job->count || job->interval)
		return 0;
	msg_wrong("stats", "--count without --interval");
	return ARGS_WRONG;
}

/* ---- what there is ---- */

static bool is_wanted(const struct job *job, const struct snapshot *snap)
{
	char pid[24];

	snprintf(pid, sizeof(pid), "%" PRIu64, snap->pid);
	return !job->which || !strcmp(job->which, pid) || !strcmp(job->which, snap->name);
}

static void take(struct set *set, const struct job *job, int dir, const char *file)
{
	struct snapshot *snap = &set->snaps[set->nr];
	const char *why;

	if (snapshot_read(dir, file, snap, &why)) {
		if (why)
			msg_note("%s cannot be used: %s", text_field(file, strlen(file)).s, why);
	} else if (!snapshot_alive(snap)) {
		/* Its process was killed: nobody else will. */
		unlinkat(dir, file, 0);
	} else if (is_wanted(job, snap)) {
		set->nr++;
		return;
	}
	snapshot_free(snap);
}

static int collect(struct set *set, const struct job *job)
{
	int fd = belfry_publish_dir(false);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? CMD_OK : msg_fail_host("the directory of statistics");
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return msg_fail("the directory of statistics: %s", strerror(ENOMEM));
	}
	while (set->nr < NR_MAX && (entry = readdir(dir))) {
		/* A point is before what is being written. */
		if (entry->d_name[0] != '.')
			take(set, job, fd, entry->d_name);
	}
	closedir(dir);
	return CMD_OK;
}

static void discard(struct set *set)
{
	while (set->nr)
		snapshot_free(&set->snaps[--set->nr]);
}

/* ---- what it looks like ---- */

/* "sq3", and not "sqs" */
static bool is_queue(const char *part)
{
	return (part[0] == 's' || part[0] == 'c') && part[1] == 'q' && part[2] >= '0' &&
	       part[2] <= '9';
}

static const struct snapshot *earlier(const struct set *before, const struct snapshot *snap)
{
	for (unsigned int i = 0; i < before->nr; i++) {
		const struct snapshot *other = &before->snaps[i];

		if (other->pid == snap->pid && other->start == snap->start &&
		    !strcmp(other->name, snap->name) && other->ns < snap->ns)
			return other;
	}
	return NULL;
}

static void show_number(struct out *out, const struct snapshot *snap, size_t i,
			const struct snapshot *before)
{
	const struct snapshot_number *number = &snap->numbers[i];
	const struct snapshot_number *old = before ? snapshot_find(before, number, i) : NULL;

	if (!strcmp(number->part, "ctrl") && !strcmp(number->key, "state"))
		out_text(out, "state",
			 number->value > NVME_CTRL_DEAD
				 ? "unknown"
				 : nvme_ctrl_state_name((enum nvme_ctrl_state)number->value),
			 NULL);
	else if (old && old->value < number->value)
		out_number(out, number->key, number->value, "%s/s",
			   text_count((double)(number->value - old->value) * 1e9 /
				      (double)(snap->ns - before->ns))
				   .s);
	else
		out_number(out, number->key, number->value, NULL);
}

static void show(struct out *out, const struct job *job, const struct snapshot *snap,
		 const struct snapshot *before)
{
	uint64_t now = monotonic_ns(), age = now > snap->ns ? now - snap->ns : 0;
	const char *part = "";

	out_open(out, NULL, "%s, process %" PRIu64 ", %s ago", snap->name, snap->pid,
		 text_time((double)age).s);
	if (out->json) {
		out_text(out, "name", snap->name, NULL);
		out_number(out, "pid", snap->pid, NULL);
		out_number(out, "age_ns", age, NULL);
	}
	for (size_t i = 0; i < snap->nr; i++) {
		if (!out->json && !job->queues && is_queue(snap->numbers[i].part))
			continue;
		if (strcmp(part, snap->numbers[i].part)) {
			if (*part)
				out_close(out, true);
			part = snap->numbers[i].part;
			out_open(out, part, "%s", part);
		}
		show_number(out, snap, i, before);
	}
	if (*part)
		out_close(out, true);
	out_close(out, true);
}

static int show_all(const struct job *job, const struct set *set, const struct set *before)
{
	struct out out;

	out_init(&out, job->json);
	out.width = 22;
	out_open_array(&out, "programs", NULL);
	for (unsigned int i = 0; i < set->nr; i++)
		show(&out, job, &set->snaps[i], earlier(before, &set->snaps[i]));
	out_close(&out, false);
	if (!set->nr && !job->json)
		printf("no program publishes statistics\n");
	return out_finish(&out, CMD_OK);
}

/* ---- again and again ---- */

/* In slices, for a signal may come before the sleep. */
static void pause_for(uint64_t ns)
{
	uint64_t until = monotonic_ns() + ns, now;

	while (!msg_stop_asked() && (now = monotonic_ns()) < until) {
		uint64_t left = until - now < SLICE_NS ? until - now : SLICE_NS;
		struct timespec ts = {.tv_nsec = (long)left};

		nanosleep(&ts, NULL);
	}
}

static int run(const struct job *job, struct set *now, struct set *before)
{
	for (uint64_t i = 1;; i++) {
		int status = collect(now, job);
		struct set *swap = before;

		if (!status && job->which && !now->nr)
			status = msg_fail("no program publishes statistics of '%s'", job->which);
		if (!status && i > 1 && !job->json)
			printf("%s", isatty(STDOUT_FILENO) ? "\033[H\033[J" : "\n");
		if (!status)
			status = show_all(job, now, before);
		if (status || !job->interval || i == job->count)
			return status;
		pause_for(job->interval);
		if (msg_stop_asked())
			return CMD_INTERRUPTED;
		discard(before);
		before = now;
		now = swap;
	}
}

int cmd_stats(int argc, char **argv)
{
	struct job job = {.which = NULL};
	struct set *sets;
	int status = parse(&job, argc, argv);

	if (status)
		return args_status(status);
	sets = calloc(2, sizeof(*sets));
	if (!sets)
		return msg_fail("%s", strerror(ENOMEM));
	status = run(&job, &sets[0], &sets[1]);
	discard(&sets[0]);
	discard(&sets[1]);
	free(sets);
	return status;
}

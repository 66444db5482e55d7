/* SPDX-License-Identifier: MIT */
/*
 * What a load looks like: a line for reads and one for writes, latencies below each other, and a
 * chart of all of them.
 */
#include <inttypes.h>
#include <stdio.h>

#include <belfry/support/ticks.h>

#include "tools/perf.h"
#include "tools/text.h"

static const struct {
	const char *key, *heading;
	double percent;
} percentiles[] = {
	{"p50", "p50", 50},
	{"p99", "p99", 99},
	{"p999", "p99.9", 99.9},
};

#define NR_PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

static void cell(struct text text, int width)
{
	putchar(' ');
	text_print_right(text, width);
}

static void text_side(const char *name, const struct hist *hist, double seconds, uint64_t bs)
{
	struct text rate = text_bytes((uint64_t)((double)hist->count * (double)bs / seconds));

	printf("  %-7s", name);
	cell(text_count((double)hist->count / seconds), 9);
	printf(" %12s/s", rate.s);
	cell(text_count((double)hist->count), 9);
	printf("\n");
}

static void text_latency(const char *name, const struct hist *hist, double scale)
{
	printf("  %-7s", name);
	cell(text_time((double)hist->min * scale), 9);
	cell(text_time(hist_mean(hist) * scale), 9);
	for (size_t i = 0; i < NR_PERCENTILES; i++)
		cell(text_time(hist_percentile(hist, percentiles[i].percent) * scale), 9);
	cell(text_time((double)hist->max * scale), 9);
	printf("\n");
}

static void text_failed(const struct perf_result *result)
{
	const char *sep = "  Commands that failed, by type of status: ";
	bool any = false;

	for (int type = 0; type < NVME_NR_STATUS_TYPES; type++) {
		if (!result->failed[type])
			continue;
		printf("%s%s %" PRIu64, sep, nvme_status_type_key(type), result->failed[type]);
		sep = ", ";
		any = true;
	}
	if (any)
		printf(".\n");
}

static void print_text(const struct perf_opts *opts, const struct perf_result *result, double scale)
{
	const struct hist *reads = &result->side[PERF_SIDE_READ];
	const struct hist *writes = &result->side[PERF_SIDE_WRITE];
	double seconds = (double)result->elapsed_ns / 1e9;
	double per_command;

	if (!result->all.count) {
		printf("  no command succeeded\n");
		text_failed(result);
		return;
	}
	printf("  %s%-7s %9s %14s %9s%s\n", text_dim(), "", "IOPS", "bandwidth", "commands",
	       text_plain());
	if (reads->count)
		text_side("reads", reads, seconds, opts->bs);
	if (writes->count)
		text_side("writes", writes, seconds, opts->bs);
	if (reads->count && writes->count)
		text_side("both", &result->all, seconds, opts->bs);

	printf("\n  %s%-7s %9s %9s %9s %9s %9s %9s%s\n", text_dim(), "latency", "min", "mean",
	       "p50", "p99", "p99.9", "max", text_plain());
	if (reads->count)
		text_latency("reads", reads, scale);
	if (writes->count)
		text_latency("writes", writes, scale);
	printf("\n");
	hist_chart(&result->all, scale);

	per_command = (double)result->elapsed_ns * opts->queues / (double)result->ended;
	printf("\n  %sA command took %s of its queue's time; %s of these are this program's "
	       "own.%s\n",
	       text_dim(), text_time(per_command).s, text_time(result->own_ns).s, text_plain());
	printf("  %sDoorbells: %s to submit %s commands, %s to take %s completions; at most %u in "
	       "use "
	       "at a time in a queue.%s\n",
	       text_dim(), text_count((double)result->sq.doorbells).s,
	       text_count((double)result->sq.submitted).s,
	       text_count((double)result->cq.doorbells).s,
	       text_count((double)result->cq.completed).s, result->sq.in_use_max, text_plain());
	if (result->cq.spurious || result->cq.late)
		printf("  Completions of no command: %s; of commands given up on: %s.\n",
		       text_count((double)result->cq.spurious).s,
		       text_count((double)result->cq.late).s);
	text_failed(result);
	if (opts->verify)
		printf("  Data of %s commands was checked.\n",
		       text_count((double)result->verified).s);
}

static void json_side(struct out *out, const char *key, const struct hist *hist, double seconds,
		      uint64_t bs)
{
	double scale = 1e9 / (double)belfry_ticks_freq();

	out_open(out, key, NULL);
	out_number(out, "commands", hist->count, NULL);
	out_number(out, "bytes", hist->count * bs, NULL);
	out_real(out, "iops", seconds > 0 ? (double)hist->count / seconds : 0);
	out_real(out, "bytes_per_second", seconds > 0 ? (double)(hist->count * bs) / seconds : 0);
	out_open(out, "latency_ns", NULL);
	out_real(out, "min", (double)hist->min * scale);
	out_real(out, "mean", hist_mean(hist) * scale);
	for (size_t i = 0; i < NR_PERCENTILES; i++)
		out_real(out, percentiles[i].key,
			 hist_percentile(hist, percentiles[i].percent) * scale);
	out_real(out, "max", (double)hist->max * scale);
	out_close(out, false);
	out_close(out, false);
}

static void json_queues(struct out *out, const struct perf_result *result)
{
	out_open(out, "queue_stats", NULL);
	out_number(out, "submitted", result->sq.submitted, NULL);
	out_number(out, "submission_doorbells", result->sq.doorbells, NULL);
	out_number(out, "submission_doorbells_spared", result->sq.spared, NULL);
	out_number(out, "trackers_in_use_max", result->sq.in_use_max, NULL);
	out_number(out, "completed", result->cq.completed, NULL);
	out_number(out, "completion_doorbells", result->cq.doorbells, NULL);
	out_number(out, "completion_doorbells_spared", result->cq.spared, NULL);
	out_number(out, "spurious", result->cq.spurious, NULL);
	out_number(out, "late", result->cq.late, NULL);
	out_open(out, "failed", NULL);
	for (int type = 0; type < NVME_NR_STATUS_TYPES; type++)
		out_number(out, nvme_status_type_key(type), result->failed[type], NULL);
	out_close(out, false);
	out_close(out, false);
}

static void json_ctrl(struct out *out, const struct nvme_ctrl_stats *stats)
{
	out_open(out, "ctrl_stats", NULL);
	out_text(out, "state", nvme_ctrl_state_name(stats->state), NULL);
	out_number(out, "timeouts", stats->timeouts, NULL);
	out_number(out, "aborts", stats->aborts, NULL);
	out_number(out, "resets", stats->resets, NULL);
	out_number(out, "fatal", stats->fatal, NULL);
	out_number(out, "events", stats->events, NULL);
	out_close(out, false);
}

static void json_histogram(struct out *out, const struct hist *hist, double scale)
{
	out_open_array(out, "histogram", NULL);
	for (unsigned int i = 0; i < HIST_NR_SLOTS; i++) {
		if (!hist->slots[i])
			continue;
		out_open(out, NULL, NULL);
		out_real(out, "from_ns", (double)hist_slot_low(i) * scale);
		out_real(out, "to_ns", (double)hist_slot_low(i + 1) * scale);
		out_number(out, "count", hist->slots[i], NULL);
		out_close(out, false);
	}
	out_close(out, false);
}

void perf_print(struct out *out, const struct perf_opts *opts, const struct perf_result *result)
{
	double scale = 1e9 / (double)belfry_ticks_freq();
	double seconds = (double)result->elapsed_ns / 1e9;

	if (!out->json) {
		print_text(opts, result, scale);
		return;
	}
	out_number(out, "elapsed_ns", result->elapsed_ns, NULL);
	out_bool(out, "interrupted", result->interrupted, NULL);
	json_side(out, "read", &result->side[PERF_SIDE_READ], seconds, opts->bs);
	json_side(out, "write", &result->side[PERF_SIDE_WRITE], seconds, opts->bs);
	json_side(out, "all", &result->all, seconds, opts->bs);
	out_number(out, "verified_commands", result->verified, NULL);
	json_queues(out, result);
	json_ctrl(out, &result->ctrl);
	out_real(out, "own_ns_per_command", result->own_ns);
	json_histogram(out, &result->all, scale);
}

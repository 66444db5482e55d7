/* SPDX-License-Identifier: MIT */
/* belfry perf: load on a namespace, and how fast it was. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/dev.h"
#include "tools/msg.h"
#include "tools/out.h"
#include "tools/perf.h"
#include "tools/text.h"

#define DEFAULT_RUNTIME_NS 5000000000
#define DEFAULT_READS	   70
#define NOT_GIVEN	   UINT64_MAX

struct options {
	bool json, verify;
	const char *serial;
	uint64_t nsid, timeout, bs, depth, queues, runtime, count, size, region, reads, seed,
		errors;
	unsigned int pattern;
};

static const char about[] =
	"Put load on a namespace and show how fast it was: commands per second,\n"
	"bandwidth, latencies and their histogram. Each queue has a thread of its own.\n"
	"\n"
	"Patterns: read and write go through the namespace in order, randread, randwrite\n"
	"and mix go anywhere. With --verify blocks carry their address and a generation,\n"
	"and every read is checked: what is to be read is written first, and what was\n"
	"written is read in the end. That takes time of its own.";

static const char examples[] =
	"  belfry perf emu:\n"
	"      random reads of 4 KiB, 32 at a time, for 5 seconds\n"
	"  belfry perf emu:backend=null --pattern write --bs 128K --qd 8 --runtime 2s\n"
	"      how fast large writes get through when nothing keeps the data\n"
	"  belfry perf emu:size=256M --pattern mix --reads 70 --verify --count 100000\n"
	"      100000 reads and writes anywhere, every byte checked\n"
	"  belfry perf emu: --queues 2 --qd 1 --json | jq .all.latency_ns\n"
	"      latencies of two queues with one command each, for a script\n";

static int parse(int argc, char **argv, struct options *o, char ***operands)
{
	const struct arg table[] = {
		{"pattern", 'p', ARG_WORD, &o->pattern, .words = perf_patterns,
		 .metavar = "PATTERN",
		 .help = "read, write, randread, randwrite or mix (randread)"},
		{"reads", 'r', ARG_NUMBER, &o->reads, .max = 100, .metavar = "PERCENT",
		 .help = "how many of a mix are reads (70)"},
		{"bs", 'b', ARG_SIZE, &o->bs, .min = 512, .max = 1ull << 30, .metavar = "SIZE",
		 .help = "bytes per command (4K, or a block where that is more)"},
		{"qd", 'q', ARG_NUMBER, &o->depth, .min = 1, .max = 65535, .metavar = "N",
		 .help = "commands in flight per queue (32)"},
		{"queues", 'Q', ARG_NUMBER, &o->queues, .min = 1, .max = 1024, .metavar = "N",
		 .help = "queue pairs, with a thread each (1)"},
		{"runtime", 't', ARG_TIME, &o->runtime, .min = 1000000,
		 .max = 86400000000000ull * 30, .metavar = "TIME",
		 .help = "how long, as 500ms, 5s or 2m (5s)"},
		{"count", 'c', ARG_NUMBER, &o->count, .min = 1, .metavar = "N",
		 .help = "stop after so many commands"},
		{"size", 's', ARG_SIZE, &o->size, .min = 1, .metavar = "SIZE",
		 .help = "stop after so many bytes"},
		{"region", 0, ARG_SIZE, &o->region, .min = 512, .metavar = "SIZE",
		 .help = "use the first SIZE bytes of the namespace only"},
		{"verify", 'v', ARG_FLAG, &o->verify, .help = "check the data of every read"},
		{"seed", 0, ARG_NUMBER, &o->seed, .metavar = "N",
		 .help = "of what is random; the same seed, the same commands (1)"},
		{"errors", 'e', ARG_NUMBER, &o->errors, .metavar = "N",
		 .help = "end when N commands of a queue have failed, 0: never (1)"},
		ARG_NSID(&o->nsid),
		ARG_SERIAL(&o->serial),
		ARG_TIMEOUT(&o->timeout),
		ARG_JSON(&o->json),
		{.name = NULL},
	};
	const struct args args = {"perf", "DEV", 1, 1, about, table, examples};

	return args_parse(&args, argc, argv, operands);
}

static int limits(const struct options *o, struct perf_opts *opts)
{
	if (o->count && o->size)
		return msg_wrong("perf", "--count and --size: give one of them");
	if (o->size && o->size < opts->bs)
		return msg_wrong("perf", "--size %s is less than one command moves, %s",
				 text_bytes(o->size).s, text_bytes(opts->bs).s);
	opts->count = o->size ? o->size / opts->bs : o->count;
	opts->runtime_ns = o->runtime ? o->runtime : opts->count ? 0 : DEFAULT_RUNTIME_NS;
	return CMD_OK;
}

static void heading(const struct dev *dev, const struct dev_ns *ns, const struct perf_opts *opts)
{
	char limit[80], what[80];

	if (opts->count)
		snprintf(limit, sizeof(limit), "%s commands", text_count((double)opts->count).s);
	else
		snprintf(limit, sizeof(limit), "%s", text_time((double)opts->runtime_ns).s);
	if (opts->pattern == PERF_MIX)
		snprintf(what, sizeof(what), "mix, %u %% reads", opts->reads);
	else
		snprintf(what, sizeof(what), "%s", perf_patterns[opts->pattern]);
	printf("%s%s of %s, depth %u, %u queue%s, %s%s%s\n", text_bold(), what,
	       text_bytes(opts->bs).s, opts->depth, opts->queues, opts->queues > 1 ? "s" : "",
	       limit, opts->verify ? ", verified" : "", text_plain());
	printf("%s%s, namespace %u of %s, seed %" PRIu64 "%s\n\n", text_dim(), dev->name, ns->nsid,
	       text_bytes(ns->nr_blocks * ns->data).s, opts->seed, text_plain());
	fflush(stdout);
}

static void describe(struct out *out, const struct dev *dev, const struct dev_ns *ns,
		     const struct perf_opts *opts)
{
	if (!out->json) {
		heading(dev, ns, opts);
		return;
	}
	out_text(out, "device", dev->name, NULL);
	out_number(out, "nsid", ns->nsid, NULL);
	out_text(out, "pattern", perf_patterns[opts->pattern], NULL);
	if (opts->pattern == PERF_MIX)
		out_number(out, "reads_percent", opts->reads, NULL);
	out_number(out, "block_size", opts->bs, NULL);
	out_number(out, "depth", opts->depth, NULL);
	out_number(out, "queues", opts->queues, NULL);
	out_bool(out, "verify", opts->verify, NULL);
	out_number(out, "seed", opts->seed, NULL);
}

static int run(struct dev *dev, const struct options *o, struct perf_opts *opts)
{
	struct perf_result result;
	struct dev_ns ns;
	struct out out;
	int status = dev_find_ns(dev, (uint32_t)o->nsid, &ns);

	if (status)
		return status;
	if (opts->region > ns.nr_blocks * ns.block)
		return msg_wrong("perf", "--region %s: namespace %u has %s",
				 text_bytes(opts->region).s, ns.nsid,
				 text_bytes(ns.nr_blocks * ns.block).s);
	if (!opts->bs)
		opts->bs = ns.block <= 4096 ? 4096 / ns.block * ns.block : ns.block;
	status = limits(o, opts);
	if (!status)
		status = perf_check(dev, &ns, opts);
	if (!status && perf_writes(opts))
		status = dev_may_write(dev, o->serial);
	if (status)
		return status;

	out_init(&out, o->json);
	describe(&out, dev, &ns, opts);
	status = perf_run(dev, &ns, opts, &result);
	if (o->json)
		out_number(&out, "region", result.region, NULL);
	perf_print(&out, opts, &result);
	if (result.interrupted && !o->json)
		printf("  Interrupted.\n");
	return out_finish(&out, status);
}

int cmd_perf(int argc, char **argv)
{
	struct options o = {.pattern = PERF_RANDREAD,
			    .depth = 32,
			    .queues = 1,
			    .reads = NOT_GIVEN,
			    .seed = 1,
			    .errors = 1};
	struct dev_opts dev_opts;
	struct perf_opts opts;
	struct dev dev;
	char **operands;
	int status = parse(argc, argv, &o, &operands);

	if (status < 0)
		return args_status(status);
	if (o.reads != NOT_GIVEN && o.pattern != PERF_MIX)
		return msg_wrong("perf", "--reads is for --pattern mix");
	if (o.reads == NOT_GIVEN)
		o.reads = DEFAULT_READS;
	opts = (struct perf_opts){.pattern = o.pattern,
				  .reads = (unsigned int)o.reads,
				  .bs = o.bs,
				  .depth = (unsigned int)o.depth,
				  .queues = (unsigned int)o.queues,
				  .region = o.region,
				  .verify = o.verify,
				  .seed = o.seed,
				  .errors = o.errors};
	/* What can be known to be wrong is said before the device is touched. */
	if (o.count && o.size)
		return limits(&o, &opts);

	dev_opts = (struct dev_opts){.queues = opts.queues, .timeout_ns = o.timeout};
	status = dev_open(&dev, operands[0], &dev_opts);
	if (!status)
		status = run(&dev, &o, &opts);
	dev_close(&dev);
	return status;
}

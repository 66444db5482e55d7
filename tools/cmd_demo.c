/* SPDX-License-Identifier: MIT */
/*
 * belfry demo: the driver at work where there is no drive. A file, or an image that is made here,
 * goes through request trackers to the embedded controller and back into other buffers; every byte
 * is compared; then some load shows how fast it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/dev.h"
#include "tools/msg.h"
#include "tools/out.h"
#include "tools/pattern.h"
#include "tools/perf.h"
#include "tools/text.h"
#include "tools/xfer.h"

#define MIB		(1ull << 20)
#define IMAGE_SIZE	(64 * MIB)
#define NS_SIZE_MIN	(64 * MIB)
#define LOAD_RUNTIME_NS 3000000000
#define LOAD_READS	70
#define LOAD_REGION	(256 * MIB)

struct options {
	bool json;
	uint64_t seed, runtime;
};

/* What is written and compared with: a file, or memory. */
struct source {
	const char *name; /* of the file, or NULL */
	int fd;
	struct stat st;
	char *image;
	uint64_t size;
	uint64_t at;	   /* of the pass that is going on */
	char *expected;	   /* what a chunk that was read back should be */
	uint64_t mismatch; /* offset of the first byte that differs, UINT64_MAX none */
};

/* ---- the source ---- */

static int open_file(struct source *source)
{
	source->fd = open(source->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, &source->st))
		return msg_fail("%s: %s", source->name, strerror(errno));
	if (S_ISDIR(source->st.st_mode))
		return msg_fail("%s: is a directory; a file is needed", source->name);
	if (!S_ISREG(source->st.st_mode))
		return msg_fail("%s: is not a regular file, so its size is not known",
				source->name);
	source->size = (uint64_t)source->st.st_size;
	return CMD_OK;
}

static int make_image(struct source *source, uint64_t seed)
{
	source->size = IMAGE_SIZE;
	source->image = malloc(IMAGE_SIZE);
	if (!source->image)
		return msg_fail("%s for the image: %s", text_bytes(IMAGE_SIZE).s, strerror(errno));
	image_fill(seed, 0, source->image, IMAGE_SIZE);
	return CMD_OK;
}

static int open_source(struct source *source, const struct options *o)
{
	int status = source->name ? open_file(source) : make_image(source, o->seed);

	source->mismatch = UINT64_MAX;
	source->expected = malloc(XFER_CHUNK_MAX);
	if (!status && !source->expected)
		status = msg_fail("%s", strerror(ENOMEM));
	return status;
}

static void close_source(struct source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	free(source->image);
	free(source->expected);
}

/* The next bytes of the source: @len of them, or as many as there are. -1 after a message. */
static ssize_t next_bytes(struct source *source, void *buf, size_t len)
{
	uint64_t left = source->size - source->at;
	size_t want = len < left ? len : (size_t)left, got = 0;

	if (source->image) {
		memcpy(buf, source->image + source->at, want);
		got = want;
	}
	while (got < want) {
		ssize_t n =
			pread(source->fd, (char *)buf + got, want - got, (off_t)(source->at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return msg_fail("%s: %s", source->name, strerror(errno)), -1;
		if (!n)
			return msg_fail("%s: became shorter while it was read", source->name), -1;
		got += (size_t)n;
	}
	source->at += want;
	return (ssize_t)want;
}

static ssize_t give(void *arg, void *buf, size_t len)
{
	return next_bytes(arg, buf, len);
}

/* A file that somebody writes to meanwhile cannot be compared with. */
static bool changed(const struct source *source)
{
	struct stat st;

	return source->name && (fstat(source->fd, &st) || st.st_size != source->st.st_size ||
				st.st_mtim.tv_sec != source->st.st_mtim.tv_sec ||
				st.st_mtim.tv_nsec != source->st.st_mtim.tv_nsec);
}

/* Compare what was read back, with zeros after the end of the source. */
static ssize_t compare(void *arg, void *buf, size_t len)
{
	struct source *source = arg;
	const char *got = buf;
	uint64_t start = source->at;
	ssize_t have;

	memset(source->expected, 0, len);
	have = next_bytes(source, source->expected, len);
	if (have < 0)
		return -1;
	if (!memcmp(got, source->expected, len))
		return (ssize_t)len;

	source->mismatch = start;
	for (size_t i = 0; got[i] == source->expected[i]; i++)
		source->mismatch++;
	if (changed(source))
		msg_fail("%s: was changed while it was compared with", source->name);
	else
		msg_fail("byte %" PRIu64 " came back as 0x%02x and was written as 0x%02x",
			 source->mismatch, (unsigned char)got[source->mismatch - start],
			 (unsigned char)source->expected[source->mismatch - start]);
	return -1;
}

/* ---- what it says ---- */

static void show_controller(struct out *out, const struct dev *dev, const struct dev_ns *ns)
{
	const struct nvme_ctrl *ctrl = &dev->ctrl;
	uint32_t version = le32_to_cpu(dev->id.ver);
	struct text limit = text_bytes(ctrl->config.mdts);
	bool sgl = ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED;

	if (out->json) {
		out_text(out, "device", dev->name, NULL);
		out_text(out, "model", text_field(dev->id.mn, sizeof(dev->id.mn)).s, NULL);
		out_text(out, "serial", text_field(dev->id.sn, sizeof(dev->id.sn)).s, NULL);
		out_number(out, "nsid", ns->nsid, NULL);
		out_number(out, "block_size", ns->block, NULL);
		out_number(out, "blocks", ns->nr_blocks, NULL);
		return;
	}
	printf("%sController%s  %s\n", text_bold(), text_plain(), dev->name);
	printf("  model       %s, firmware %s\n", text_field(dev->id.mn, sizeof(dev->id.mn)).s,
	       text_field(dev->id.fr, sizeof(dev->id.fr)).s);
	printf("  serial      %s\n", text_field(dev->id.sn, sizeof(dev->id.sn)).s);
	printf("  NVMe        %u.%u, %s, %d entries in a queue, %s in a command\n",
	       NVM_GET(version, VS_MJR), NVM_GET(version, VS_MNR), sgl ? "SGLs" : "PRPs",
	       ctrl->config.mqes + 1, ctrl->config.mdts ? limit.s : "any number of bytes");
	printf("  namespace   %u: %s, %" PRIu64 " blocks of %u bytes\n\n", ns->nsid,
	       text_bytes(ns->nr_blocks * ns->data).s, ns->nr_blocks, ns->data);
	fflush(stdout);
}

static void show_source(struct out *out, const struct source *source, const struct options *o)
{
	if (out->json) {
		out_text(out, "source", source->name ? source->name : "generated", NULL);
		out_number(out, "bytes", source->size, NULL);
	} else if (source->name) {
		printf("%sData%s        %s, %s\n", text_bold(), text_plain(), source->name,
		       text_bytes(source->size).s);
	} else {
		printf("%sData%s        %s: noise, text and zeros, seed %" PRIu64 "\n", text_bold(),
		       text_plain(), text_bytes(source->size).s, o->seed);
	}
}

static void show_pass(struct out *out, const char *key, const char *name, const struct xfer *xfer,
		      const struct source *source)
{
	double seconds = (double)xfer->elapsed_ns / 1e9;

	if (out->json) {
		out_open(out, key, NULL);
		out_number(out, "commands", xfer->cmds, NULL);
		out_number(out, "elapsed_ns", xfer->elapsed_ns, NULL);
		out_real(out, "bytes_per_second", (double)source->size / seconds);
		out_close(out, false);
		return;
	}
	if (!xfer->cmds)
		return;
	printf("  %-11s %s of up to %s, %d at a time: ", name, text_things(xfer->cmds, "command").s,
	       text_bytes((uint64_t)xfer_chunk(xfer->dev, xfer->ns) * xfer->ns->block).s,
	       XFER_DEPTH);
	printf("%s, ", text_time((double)xfer->elapsed_ns).s);
	printf("%s/s\n", text_bytes((uint64_t)((double)source->size / seconds)).s);
	fflush(stdout);
}

/* ---- what it does ---- */

static int pass(struct dev *dev, const struct dev_ns *ns, struct source *source, struct xfer *xfer)
{
	uint64_t blocks = (source->size + ns->block - 1) / ns->block;

	*xfer = (struct xfer){.dev = dev,
			      .ns = ns,
			      .write = xfer->write,
			      .nr_blocks = blocks,
			      .move = xfer->write ? give : compare,
			      .arg = source,
			      .what = xfer->write ? "writing" : "reading back"};
	source->at = 0;
	return xfer_run(xfer);
}

static int round_trip(struct dev *dev, const struct dev_ns *ns, struct source *source,
		      struct out *out)
{
	struct xfer xfer = {.write = true};
	int status;

	msg_forget();
	if (nvme_create_ioqpair(&dev->ctrl, 1, XFER_DEPTH + 1, -1, 0))
		return msg_fail_host("queue pair of %u entries", XFER_DEPTH + 1);
	status = pass(dev, ns, source, &xfer);
	if (status)
		return status;
	show_pass(out, "write", "write", &xfer, source);

	xfer.write = false;
	status = pass(dev, ns, source, &xfer);
	if (out->json)
		out_bool(out, "equal", !status, NULL);
	if (status)
		return status;
	show_pass(out, "read", "read back", &xfer, source);
	if (!out->json)
		printf("  compare     %sall %" PRIu64 " bytes are equal%s\n\n", text_bold(),
		       source->size, text_plain());
	if (nvme_delete_ioqpair(&dev->ctrl, 1))
		return msg_fail_host("delete the queue pair");
	return CMD_OK;
}

static int load(struct dev *dev, const struct dev_ns *ns, const struct options *o, struct out *out)
{
	const struct perf_opts opts = {.pattern = PERF_MIX,
				       .reads = LOAD_READS,
				       .bs = 4096,
				       .depth = XFER_DEPTH,
				       .queues = 1,
				       .runtime_ns = o->runtime,
				       .region = LOAD_REGION,
				       .seed = o->seed};
	struct perf_result result;
	int status = perf_check(dev, ns, &opts);

	if (status)
		return status;
	if (!out->json) {
		printf("%sLoad%s        %s of reads (%u %%) and writes of 4 KiB anywhere, %u at a "
		       "time\n\n",
		       text_bold(), text_plain(), text_time((double)opts.runtime_ns).s, opts.reads,
		       opts.depth);
		fflush(stdout);
	}
	status = perf_run(dev, ns, &opts, &result);
	out_open(out, "load", NULL);
	perf_print(out, &opts, &result);
	out_close(out, false);
	return status;
}

/* The namespace lives in memory, and so does what is written to it. */
static int check_memory(const struct source *source)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "MemAvailable:", 13))
			kib = strtoull(line + 13, NULL, 10);
	}
	if (file)
		fclose(file);
	if (kib && source->size / 1024 > kib - kib / 8)
		return msg_fail(
			"%s: %s is more than the memory that is available, %s; the embedded "
			"controller keeps it there",
			source->name, text_bytes(source->size).s, text_bytes(kib * 1024).s);
	return CMD_OK;
}

static int run(struct source *source, const struct options *o)
{
	uint64_t size = source->size > NS_SIZE_MIN ? source->size : NS_SIZE_MIN;
	const struct dev_opts dev_opts = {.queues = 1};
	struct dev_ns ns;
	struct dev dev;
	struct out out;
	char name[64];
	int status;

	snprintf(name, sizeof(name), "emu:size=%" PRIu64 "%s",
		 (uint64_t)(size % MIB ? ALIGN_UP(size, 4096) : size / MIB), size % MIB ? "" : "M");
	status = dev_open(&dev, name, &dev_opts);
	if (!status)
		status = dev_find_ns(&dev, 0, &ns);
	if (!status) {
		out_init(&out, o->json);
		show_controller(&out, &dev, &ns);
		show_source(&out, source, o);
		status = round_trip(&dev, &ns, source, &out);
		if (!status)
			status = load(&dev, &ns, o, &out);
		status = out_finish(&out, status);
	}
	dev_close(&dev);
	return status;
}

int cmd_demo(int argc, char **argv)
{
	static const char about[] =
		"Show the driver at work, without a drive and without being root: write FILE, or\n"
		"an image that is made for it, to the embedded controller, read it back into "
		"other\n"
		"buffers, compare every byte, then measure a mixed load. The exit status is 0 "
		"only\n"
		"if every byte was equal.";
	static const char examples[] = "  belfry demo\n"
				       "      64 MiB of noise, text and zeros\n"
				       "  belfry demo /bin/bash\n"
				       "      a file\n";
	struct options o = {.seed = 1, .runtime = LOAD_RUNTIME_NS};
	const struct arg table[] = {
		{"seed", 0, ARG_NUMBER, &o.seed, .metavar = "N",
		 .help = "of the image and the load (1)"},
		{"runtime", 't', ARG_TIME, &o.runtime, .min = 1000000, .max = 3600000000000,
		 .metavar = "TIME", .help = "of the load (3s)"},
		ARG_JSON(&o.json),
		{.name = NULL},
	};
	const struct args args = {"demo", "[FILE]", 0, 1, about, table, examples};
	struct source source = {.fd = -1};
	char **operands;
	int status = args_parse(&args, argc, argv, &operands);

	if (status < 0)
		return args_status(status);
	source.name = status ? operands[0] : NULL;
	status = open_source(&source, &o);
	if (!status && source.name)
		status = check_memory(&source);
	if (!status)
		status = run(&source, &o);
	close_source(&source);
	return status;
}

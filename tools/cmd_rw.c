/* SPDX-License-Identifier: MIT */
/* belfry read and belfry write: blocks of a namespace from and to files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/dev.h"
#include "tools/msg.h"
#include "tools/out.h"
#include "tools/text.h"
#include "tools/xfer.h"

struct options {
	bool json, hex, fua, pad;
	const char *serial, *file;
	uint64_t nsid, timeout, slba, blocks, size;
	bool is_read;
};

/* The other end of a transfer. */
struct end {
	const char *name;
	int fd;
	bool hex;
	uint64_t offset; /* of the namespace, bytes; for the dump */
	uint64_t bytes;	 /* of data that passed */
};

#define COMMON_OPTIONS(o)                                                                         \
	{"slba", 's', ARG_NUMBER, &(o)->slba, .metavar = "LBA", .help = "first block (0)"},       \
		{"blocks",                                                                        \
		 'c',                                                                             \
		 ARG_NUMBER,                                                                      \
		 &(o)->blocks,                                                                    \
		 .min = 1,                                                                        \
		 .metavar = "N",                                                                  \
		 .help = "how many blocks"},                                                      \
	{                                                                                         \
		"size", 'z', ARG_SIZE, &(o)->size, .min = 1, .metavar = "SIZE",                   \
						   .help = "how many bytes, in place of --blocks" \
	}

static int parse_read(int argc, char **argv, struct options *o, char ***operands)
{
	const struct arg table[] = {
		COMMON_OPTIONS(o),
		{"output", 'o', ARG_TEXT, &o->file, .metavar = "FILE",
		 .help = "where the data goes (standard output)"},
		{"hex", 'x', ARG_FLAG, &o->hex,
		 .help = "as a hexadecimal dump; on a terminal it always is"},
		ARG_NSID(&o->nsid),
		ARG_TIMEOUT(&o->timeout),
		ARG_JSON(&o->json),
		{.name = NULL},
	};
	static const char about[] =
		"Read blocks of a namespace, any number of them; one is the default. Where blocks\n"
		"have metadata at their end, it is part of the data.";
	static const char examples[] =
		"  belfry read emu:file=disk.img --slba 0 --blocks 1\n"
		"      look at the first block\n"
		"  belfry read emu:file=disk.img --slba 2048 --size 1G --output part.img\n"
		"      copy a gigabyte from block 2048 on into a file\n"
		"  belfry read emu:file=disk.img --blocks 8 | sha256sum\n"
		"      hand the data on\n";
	const struct args args = {"read", "DEV", 1, 1, about, table, examples};

	return args_parse(&args, argc, argv, operands);
}

static int parse_write(int argc, char **argv, struct options *o, char ***operands)
{
	const struct arg table[] = {
		COMMON_OPTIONS(o),
		{"input", 'i', ARG_TEXT, &o->file, .metavar = "FILE",
		 .help = "where the data comes from (standard input)"},
		{"pad", 0, ARG_FLAG, &o->pad, .help = "fill the last block up with zeros"},
		{"fua", 0, ARG_FLAG, &o->fua, .help = "force unit access: past the write cache"},
		ARG_NSID(&o->nsid),
		ARG_SERIAL(&o->serial),
		ARG_TIMEOUT(&o->timeout),
		ARG_JSON(&o->json),
		{.name = NULL},
	};
	static const char about[] =
		"Write to blocks of a namespace, as many as there is data for unless --blocks or\n"
		"--size says less, then flush. The controller's embedded emulation (emu:) is\n"
		"written to as it is; a real device only when its serial number is repeated.";
	static const char examples[] =
		"  belfry write emu:file=disk.img --input part.img\n"
		"      write a file to the start of the namespace\n"
		"  echo hello | belfry write emu:file=disk.img --slba 8 --pad\n"
		"      one block from standard input, the rest of it zeros\n"
		"  belfry write 0000:01:00.0 --serial S4EWNX0N123456 --input part.img\n"
		"      a real device\n";
	const struct args args = {"write", "DEV", 1, 1, about, table, examples};

	return args_parse(&args, argc, argv, operands);
}

/* ---- the other end ---- */

static ssize_t take(void *arg, void *buf, size_t len)
{
	struct end *end = arg;

	if (end->hex)
		out_hexdump(buf, len, end->offset + end->bytes);
	else if (writeallfd(end->fd, buf, len) < 0)
		return msg_fail("%s: %s", end->name, strerror(errno)), -1;
	end->bytes += len;
	return (ssize_t)len;
}

static ssize_t give(void *arg, void *buf, size_t len)
{
	struct end *end = arg;
	ssize_t got = readmaxfd(end->fd, buf, len);

	if (got < 0)
		return msg_fail("%s: %s", end->name, strerror(errno)), -1;
	end->bytes += (uint64_t)got;
	return got;
}

static int open_end(const struct options *o, struct end *end)
{
	const char *std = o->is_read ? "standard output" : "standard input";
	struct stat st;

	*end = (struct end){.name = o->file ? o->file : std,
			    .fd = o->is_read ? STDOUT_FILENO : STDIN_FILENO,
			    .hex = o->hex};
	if (o->file && strcmp(o->file, "-") != 0)
		end->fd = o->is_read ? open(o->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
				     : open(o->file, O_RDONLY | O_CLOEXEC);
	else if (o->is_read && !o->json && isatty(STDOUT_FILENO))
		end->hex = true;
	if (end->fd < 0)
		return msg_fail("%s: %s", end->name, strerror(errno));
	if (!fstat(end->fd, &st) && S_ISDIR(st.st_mode)) {
		close(end->fd);
		return msg_fail("%s: %s", end->name, strerror(EISDIR));
	}
	return CMD_OK;
}

static int close_end(const struct options *o, struct end *end, int status)
{
	if (end->fd <= STDERR_FILENO)
		return status;
	/* A file system may say only now that it had no room. */
	if (close(end->fd) && o->is_read && !status)
		return msg_fail("%s: %s", end->name, strerror(errno));
	return status;
}

/* ---- how much ---- */

static int check_range(const struct options *o, const struct dev_ns *ns, uint64_t *blocks)
{
	const char *name = o->is_read ? "read" : "write";
	uint64_t left;

	if (o->slba >= ns->nr_blocks)
		return msg_wrong(name, "--slba %" PRIu64 ": namespace %u has %s", o->slba, ns->nsid,
				 text_things(ns->nr_blocks, "block").s);
	left = ns->nr_blocks - o->slba;
	if (o->size % ns->block)
		return msg_wrong(name, "--size %" PRIu64 ": not a multiple of the block, %u bytes",
				 o->size, ns->block);
	*blocks = o->size ? o->size / ns->block : o->blocks;
	if (*blocks > left)
		return msg_wrong(
			name, "--%s: namespace %u has %s, and not %" PRIu64 " from %" PRIu64 " on",
			o->size ? "size" : "blocks", ns->nsid,
			text_things(ns->nr_blocks, "block").s, *blocks, o->slba);
	if (!*blocks)
		*blocks = o->is_read ? 1 : left;
	return CMD_OK;
}

/* What is known of a file's size is looked at before anything is written. */
static int check_input(const struct options *o, const struct dev_ns *ns, const struct end *end,
		       uint64_t blocks)
{
	bool asked = o->size || o->blocks;
	struct stat st;
	uint64_t size;
	off_t at;

	if (fstat(end->fd, &st) || !S_ISREG(st.st_mode))
		return CMD_OK;
	at = lseek(end->fd, 0, SEEK_CUR);
	size = at >= 0 && st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
	if (!asked && size > blocks * ns->block)
		return msg_fail("%s: %s do not fit into the %s from block %" PRIu64
				" on; --size takes a part",
				end->name, text_bytes(size).s, text_bytes(blocks * ns->block).s,
				o->slba);
	if (asked && size < blocks * ns->block)
		return msg_fail("%s: has %s, less than the %s asked for", end->name,
				text_bytes(size).s, text_bytes(blocks * ns->block).s);
	if (!asked && size % ns->block && !o->pad)
		return msg_fail("%s: %" PRIu64
				" bytes are no multiple of the block, %u bytes; --pad "
				"fills the last one up with zeros",
				end->name, size, ns->block);
	return CMD_OK;
}

/* A stream that had more than there was room for, or less than was asked for. */
static int check_end(const struct options *o, const struct xfer *xfer, struct end *end)
{
	bool asked = o->size || o->blocks;
	char more;

	if (!asked && xfer->done == xfer->nr_blocks && readmaxfd(end->fd, &more, 1) == 1)
		return msg_fail("%s: more data than the namespace has room for; %s written",
				end->name, text_things(xfer->done, "block").s);
	if (asked && xfer->done < xfer->nr_blocks)
		return msg_fail("%s: ended after %" PRIu64 " of %s", end->name, xfer->done,
				text_things(xfer->nr_blocks, "block").s);
	return CMD_OK;
}

/* ---- the commands ---- */

/* A stream's last block: whether it is whole is known only when it comes. */
struct strict {
	struct end *end;
	uint32_t block;
	bool pad;
};

static ssize_t give_whole(void *arg, void *buf, size_t len)
{
	struct strict *strict = arg;
	ssize_t got = give(strict->end, buf, len);

	if (got <= 0 || strict->pad || (size_t)got % strict->block == 0)
		return got;
	return msg_fail(
		       "%s: ended %zu bytes into a block of %u bytes, which was not written; --pad "
		       "fills it up with zeros",
		       strict->end->name, (size_t)got % strict->block, strict->block),
	       -1;
}

static void summary(const struct options *o, const struct xfer *xfer, const struct end *end)
{
	double seconds = (double)xfer->elapsed_ns / 1e9;
	uint64_t bytes = xfer->done * xfer->ns->block;
	struct out out;

	if (!o->json) {
		if (isatty(STDERR_FILENO) && !end->hex)
			msg_note("%s %s in %s, %s/s", o->is_read ? "read" : "wrote",
				 text_bytes(bytes).s, text_time((double)xfer->elapsed_ns).s,
				 text_bytes((uint64_t)((double)bytes / seconds)).s);
		return;
	}
	out_init(&out, true);
	out_text(&out, "device", xfer->dev->name, NULL);
	out_number(&out, "nsid", xfer->ns->nsid, NULL);
	out_number(&out, "slba", o->slba, NULL);
	out_number(&out, "blocks", xfer->done, NULL);
	out_number(&out, "block_size", xfer->ns->block, NULL);
	out_number(&out, "bytes", bytes, NULL);
	out_number(&out, "commands", xfer->cmds, NULL);
	out_number(&out, "elapsed_ns", xfer->elapsed_ns, NULL);
	out_finish(&out, CMD_OK);
}

static int transfer(struct dev *dev, const struct options *o, const struct dev_ns *ns,
		    struct end *end, uint64_t blocks)
{
	struct strict strict = {.end = end, .block = ns->block, .pad = o->pad};
	struct xfer xfer = {.dev = dev,
			    .ns = ns,
			    .write = !o->is_read,
			    .control = (uint16_t)NVM_SET((unsigned int)o->fua, RW_FUA),
			    .slba = o->slba,
			    .nr_blocks = blocks,
			    .move = o->is_read ? take : give_whole,
			    .arg = o->is_read ? (void *)end : (void *)&strict,
			    .what = o->is_read ? "reading" : "writing"};
	int status;

	msg_forget();
	if (nvme_create_ioqpair(&dev->ctrl, 1, XFER_DEPTH + 1, -1, 0))
		return msg_fail_host("queue pair of %u entries", XFER_DEPTH + 1);
	end->offset = o->slba * ns->block;
	status = xfer_run(&xfer);
	if (!o->is_read && !status)
		status = check_end(o, &xfer, end);
	if (!o->is_read && status != CMD_FAILED && !xfer.silent) {
		int flushed = xfer_flush(dev, ns);

		status = status ? status : flushed;
	}
	summary(o, &xfer, end);
	return status;
}

static int run(struct dev *dev, const struct options *o)
{
	struct dev_ns ns;
	struct end end;
	uint64_t blocks = 0;
	int status = dev_find_ns(dev, (uint32_t)o->nsid, &ns);

	if (!status && !o->is_read)
		status = dev_may_write(dev, o->serial);
	if (!status)
		status = check_range(o, &ns, &blocks);
	if (!status)
		status = open_end(o, &end);
	if (status)
		return status;
	if (!o->is_read)
		status = check_input(o, &ns, &end, blocks);
	if (!status)
		status = transfer(dev, o, &ns, &end, blocks);
	return close_end(o, &end, status);
}

static int open_and_run(const struct options *o, const char *name)
{
	struct dev_opts dev_opts = {.queues = 1, .timeout_ns = o->timeout};
	const char *command = o->is_read ? "read" : "write";
	struct dev dev;
	int status;

	if (o->blocks && o->size)
		return msg_wrong(command, "--blocks and --size: give one of them");
	if (o->is_read && o->json && (!o->file || !strcmp(o->file, "-")))
		return msg_wrong(command,
				 "--json: the data needs a place of its own, --output FILE");
	if (o->is_read && o->hex && o->file)
		return msg_wrong(command,
				 "--hex is for standard output, --output for the data as it is");

	status = dev_open(&dev, name, &dev_opts);
	if (!status)
		status = run(&dev, o);
	dev_close(&dev);
	return status;
}

int cmd_read(int argc, char **argv)
{
	struct options o = {.is_read = true};
	char **operands;
	int parsed = parse_read(argc, argv, &o, &operands);

	return parsed < 0 ? args_status(parsed) : open_and_run(&o, operands[0]);
}

int cmd_write(int argc, char **argv)
{
	struct options o = {.is_read = false};
	char **operands;
	int parsed = parse_write(argc, argv, &o, &operands);

	return parsed < 0 ? args_status(parsed) : open_and_run(&o, operands[0]);
}

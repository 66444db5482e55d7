/* SPDX-License-Identifier: MIT */
/*
 * A controller in another process, served by this library, beside the same controller in this one:
 * with doorbells and memory shared, with doorbells by message, and with everything by message. All
 * of them take turns in short rounds. Figures of an emulated controller, never those of a drive.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belfry/nvme.h>
#include <belfry/serve.h>

#include "bench.h"
#include "io.h"
#include "transport/transport.h"

#define QSIZE	 256
#define ROUNDS	 7
#define ROUND_NS 100000000ull

#define EMU "emu:lbads=12"

struct way {
	const char *what, *options; /* NULL: in this process */
	struct bench_io io;
	pid_t server;
	char path[64];
};

static struct way ways[] = {
	{.what = "in this process"},
	{.what = "all shared", .options = ""},
	{.what = "doorbells by message", .options = ",mmap=off"},
	{.what = "all by message", .options = ",mmap=off,share=off"},
};

#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

static void serve(const char *path)
{
	struct serve *srv = serve_emu(EMU, NULL);

	if (!srv || serve_listen(srv, path))
		_exit(1);
	for (;;)
		pause();
}

static void start_server(struct way *way, int nr)
{
	snprintf(way->path, sizeof(way->path), "/tmp/belfry-bench-%d-%d", getpid(), nr);
	way->server = fork();
	if (way->server < 0)
		bench_die("vfio_user: fork");
	if (!way->server)
		serve(way->path);
	for (int i = 0; i < 500 && access(way->path, F_OK); i++)
		usleep(10000);
}

static void open_way(struct way *way)
{
	char name[128] = EMU;

	if (way->options)
		snprintf(name, sizeof(name), "vfio-user:%s%s", way->path, way->options);
	bench_io_open(&way->io, name, QSIZE, QSIZE * BLOCK);
}

static void close_way(struct way *way)
{
	bench_io_close(&way->io);
	if (!way->options)
		return;
	kill(way->server, SIGKILL);
	waitpid(way->server, NULL, 0);
	unlink(way->path);
}

/* Nanoseconds for a 4 KiB read, with @depth of them under way. */
static double reads(struct way *way, uint32_t depth)
{
	uint64_t start = bench_now(), end = start + ROUND_NS, now = start;
	uint64_t posted = 0, done = 0;

	while (now < end || done < posted) {
		while (now < end && posted - done < depth)
			bench_post(&way->io, NVM_CMD_READ, posted++ % 1024);
		nvme_sq_update_tail(way->io.sq);
		done += bench_reap(way->io.sq);
		now = bench_now();
	}
	return (double)(now - start) / (double)done;
}

/* Nanoseconds for reading CSTS. */
static double registers(struct way *way, uint32_t unused)
{
	struct transport *tp = way->io.ctrl.pci.dev.transport;
	uint64_t start = bench_now(), now = start, n = 0, val;

	(void)unused;
	while (now < start + ROUND_NS) {
		if (tp->ops->reg_read(tp, 0x1c, 4, &val))
			bench_die("vfio_user: register");
		now = bench_now();
		n++;
	}
	return (double)(now - start) / (double)n;
}

static void compare(const char *what, double (*measure)(struct way *way, uint32_t arg),
		    uint32_t arg)
{
	double ns[NR_WAYS][ROUNDS], floor = 0;
	char name[64];

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < NR_WAYS; i++)
			ns[i][round] = measure(&ways[i], arg);
	}
	for (size_t i = 0; i < NR_WAYS; i++) {
		double median = bench_median(ns[i], ROUNDS);
		struct bench_line line = {.name = name,
					  .unit = "ns",
					  .value = median,
					  .low = ns[i][0],
					  .high = ns[i][ROUNDS - 1]};

		snprintf(name, sizeof(name), "%s, %s", what, ways[i].what);
		if (i) {
			line.floor = floor;
			line.ratio = median / floor;
		} else {
			floor = median;
		}
		bench_print(&line);
	}
}

int main(void)
{
	/* Servers first: they are forked, and there are no threads yet. */
	for (size_t i = 0; i < NR_WAYS; i++) {
		if (ways[i].options)
			start_server(&ways[i], (int)i);
	}
	for (size_t i = 0; i < NR_WAYS; i++)
		open_way(&ways[i]);
	bench_header();
	compare("QD1 4 KiB read", reads, 1);
	compare("QD32 4 KiB read", reads, 32);
	compare("QD128 4 KiB read", reads, 128);
	compare("register read", registers, 0);
	for (size_t i = 0; i < NR_WAYS; i++)
		close_way(&ways[i]);
	return 0;
}

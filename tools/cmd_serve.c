/* SPDX-License-Identifier: MIT */
/*
 * belfry serve: emulated controllers for other processes, each on a socket of its own, until a
 * signal ends it. The signals are taken by this thread, in one place: all others have them blocked.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <belfry/emu.h>
#include <belfry/serve.h>
#include <belfry/support/log.h>
#include <belfry/support/publish.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/text.h"

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull

struct job {
	char **names; /* of controllers */
	struct arg_list sockets;
	unsigned int nr;
	bool no_mmap, no_shared_dma, no_twin, verbose;
	uint64_t timeout, dma_max, sleep; /* ns, bytes, ns */
};

static int parse(struct job *job, int argc, char **argv)
{
	const struct arg options[] = {
		{"socket", 's', ARG_LIST, &job->sockets, .metavar = "PATH",
		 .help = "where to listen; once for each controller, in their order"},
		{"no-mmap", 0, ARG_FLAG, &job->no_mmap,
		 .help = "doorbells are messages: slower, and no polling when idle"},
		{"no-shared-dma", 0, ARG_FLAG, &job->no_shared_dma,
		 .help = "use no file descriptors of memory: all DMA is messages"},
		{"no-twin", 0, ARG_FLAG, &job->no_twin,
		 .help = "one socket for both directions, always"},
		{"sleep", 0, ARG_TIME, &job->sleep, .min = 100 * NS_PER_US, .max = 8 * NS_PER_MS,
		 .metavar = "TIME", .help = "most time between looks at idle doorbells (1ms)"},
		{"timeout", 0, ARG_TIME, &job->timeout, .min = NS_PER_MS, .max = 3600000000000,
		 .metavar = "TIME", .help = "give up a client that does not answer (10s)"},
		{"max-memory", 0, ARG_SIZE, &job->dma_max, .min = 4096, .metavar = "SIZE",
		 .help = "most memory that a client may share (256G)"},
		{"verbose", 'v', ARG_FLAG, &job->verbose, .help = "say more, on standard error"},
		{.name = NULL},
	};
	const struct args args = {
		.command = "serve",
		.operands = "DEV...",
		.min = 1,
		.max = ARG_LIST_MAX,
		.about = "Serve emulated controllers over vfio-user sockets, until SIGINT or\n"
			 "SIGTERM. A socket is made with mode 0600: who may open it has the\n"
			 "controller. One client at a time; when it goes, the next is served.",
		.options = options,
		.examples =
			"  belfry serve emu:size=1G --socket /tmp/nvme.sock\n"
			"      a gigabyte in memory; 'belfry identify vfio-user:/tmp/nvme.sock'\n"
			"      in another terminal sees it, and docs/vfio-user.md attaches QEMU\n"
			"  belfry serve emu:file=a.img emu:file=b.img -s a.sock -s b.sock\n"
			"      two controllers in one process\n",
	};
	int nr = args_parse(&args, argc, argv, &job->names);

	if (nr < 0)
		return nr;
	job->nr = (unsigned int)nr;
	if (job->nr == job->sockets.nr)
		return 0;
	msg_wrong("serve", "each DEV needs a --socket PATH: %u and %u were given", job->nr,
		  job->sockets.nr);
	return ARGS_WRONG;
}

/* One line for each message, and no more than the library has to say. */
static void print_log(int level, const char *msg, void *arg)
{
	(void)level;
	(void)arg;
	msg_note("%s", msg_plain(msg));
}

/* What an emulated controller has seen, for `belfry stats`: the driver is in another process. */
static void publish(struct serve *server, struct belfry_publisher *pub)
{
	struct emu_stats stats;

	if (!pub)
		return;
	emu_get_stats(serve_emu_ctrl(server), &stats);
	belfry_publish_number(pub, "emu", "admin_cmds", stats.admin_cmds);
	belfry_publish_number(pub, "emu", "io_cmds", stats.io_cmds);
	belfry_publish_number(pub, "emu", "errors", stats.errors);
	belfry_publish_number(pub, "emu", "read_bytes", stats.read_bytes);
	belfry_publish_number(pub, "emu", "write_bytes", stats.write_bytes);
	belfry_publish_number(pub, "emu", "dma_faults", stats.dma_faults);
	belfry_publish_number(pub, "emu", "violations", stats.violations);
	belfry_publish_number(pub, "emu", "faults", stats.faults);
	belfry_publish_number(pub, "emu", "irqs", stats.irqs);
	belfry_publish_number(pub, "emu", "doorbells", stats.doorbells);
	belfry_publish_number(pub, "emu", "sleeps", stats.sleeps);
	belfry_publish_commit(pub);
}

static void wait_for_signal(const struct job *job, struct serve **servers, const sigset_t *signals)
{
	static const struct timespec second = {.tv_sec = 1};
	struct belfry_publisher *pubs[ARG_LIST_MAX];
	char name[BELFRY_PUBLISH_NAME];

	for (unsigned int i = 0; i < job->nr; i++) {
		snprintf(name, sizeof(name), "%s at %s", job->names[i], job->sockets.values[i]);
		pubs[i] = belfry_publish_open(name);
	}
	do {
		for (unsigned int i = 0; i < job->nr; i++)
			publish(servers[i], pubs[i]);
	} while (sigtimedwait(signals, NULL, &second) < 0);
	for (unsigned int i = 0; i < job->nr; i++)
		belfry_publish_close(pubs[i]);
}

/* Closed in any order: they have nothing in common. */
static void close_all(struct serve **servers, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		serve_close(servers[i]);
}

static int serve_all(const struct job *job, const struct serve_options *options)
{
	struct serve *servers[ARG_LIST_MAX];
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	for (unsigned int i = 0; i < job->nr; i++) {
		servers[i] = serve_emu(job->names[i], options);
		if (!servers[i] || serve_listen(servers[i], job->sockets.values[i])) {
			int ret = servers[i] || errno != EINVAL ? CMD_FAILED : CMD_USAGE;

			msg_fail_host("'%s' cannot be served at '%s'", job->names[i],
				      job->sockets.values[i]);

			close_all(servers, i + 1);
			return ret;
		}
	}
	for (unsigned int i = 0; i < job->nr; i++)
		printf("serving %s at %s\n", job->names[i], job->sockets.values[i]);
	fflush(stdout);
	log_set_handler(print_log, NULL);
	wait_for_signal(job, servers, &signals);
	close_all(servers, job->nr);
	return CMD_OK;
}

int cmd_serve(int argc, char **argv)
{
	struct job job = {.nr = 0};
	struct serve_options options;
	int parsed = parse(&job, argc, argv);

	if (parsed)
		return args_status(parsed);
	if (job.verbose)
		logv_set(BELFRY_LOG_INFO);
	options = (struct serve_options){
		.no_mmap = job.no_mmap,
		.no_shared_dma = job.no_shared_dma,
		.no_twin = job.no_twin,
		.timeout_ms = (unsigned int)(job.timeout / NS_PER_MS),
		.dma_max = job.dma_max,
		.sleep_us = (unsigned int)(job.sleep / NS_PER_US),
	};
	return serve_all(&job, &options);
}

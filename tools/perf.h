/* SPDX-License-Identifier: MIT */
/*
 * Load on a namespace, and how the controller stood it. Each queue pair has a thread of its own,
 * with its own part of the namespace, buffers, sequence of random numbers and histograms: threads
 * share nothing that is written.
 *
 * The thread's loop is made to measure the library and the controller, not itself: it takes a
 * few completions, starts as many commands, and rings one doorbell each for them, with a few looks
 * at the clock and no system call.
 *
 * With verification, blocks carry their address, generation and seed. Each thread remembers the
 * generation of each of its chunks (a chunk is what one command moves) and never has two commands
 * on one chunk, so that every read has but one right answer.
 */
#ifndef BELFRY_TOOLS_PERF_H
#define BELFRY_TOOLS_PERF_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/dev.h"
#include "tools/hist.h"
#include "tools/out.h"

/**
 * enum perf_pattern - what commands, and where
 * @PERF_READ: read, one chunk after the other
 * @PERF_WRITE: write, one chunk after the other
 * @PERF_RANDREAD: read anywhere
 * @PERF_RANDWRITE: write anywhere
 * @PERF_MIX: read or write anywhere
 */
enum perf_pattern {
	PERF_READ,
	PERF_WRITE,
	PERF_RANDREAD,
	PERF_RANDWRITE,
	PERF_MIX,
};

/**
 * struct perf_opts - a load
 * @pattern: of &enum perf_pattern
 * @reads: percent of the commands that read; PERF_MIX
 * @bs: bytes per command, a multiple of the block size
 * @depth: commands in flight per queue
 * @queues: queue pairs, and threads
 * @runtime_ns: how long; 0 for no limit
 * @count: how many commands in all; 0 for no limit
 * @region: most bytes of the namespace that are used, from its start; 0 for all
 * @verify: blocks can be recognised and every read is checked
 * @seed: of all that is random
 * @errors: it is over when so many commands of a queue have failed; 0 for no limit
 */
struct perf_opts {
	unsigned int pattern;
	unsigned int reads;
	uint64_t bs;
	unsigned int depth;
	unsigned int queues;
	uint64_t runtime_ns;
	uint64_t count;
	uint64_t region;
	bool verify;
	uint64_t seed;
	uint64_t errors;
};

/* Index of perf_result.side. */
enum perf_side {
	PERF_SIDE_READ,
	PERF_SIDE_WRITE,
	PERF_NR_SIDES,
};

/**
 * struct perf_result - what came of it
 * @elapsed_ns: how long it ran
 * @region: bytes of the namespace that were used
 * @side: latencies of reads and writes, ticks; their counts are the numbers of commands that succeeded
 * @all: both together
 * @ended: commands that succeeded or failed
 * @batches: times that completions were found
 * @verified: commands whose data was checked
 * @sq: what was counted on the submission queues, in all passes
 * @cq: what was counted on the completion queues, in all passes
 * @ctrl: what was counted on the controller
 * @failed: commands that failed, by status type, in all passes
 * @own_ns: of the time of a command, how much this program takes without the library
 * @interrupted: it was ended before its time
 */
struct perf_result {
	uint64_t elapsed_ns;
	uint64_t region;
	struct hist side[PERF_NR_SIDES];
	struct hist all;
	uint64_t ended;
	uint64_t batches;
	uint64_t verified;
	struct nvme_sq_stats sq;
	struct nvme_cq_stats cq;
	struct nvme_ctrl_stats ctrl;
	uint64_t failed[NVME_NR_STATUS_TYPES];
	double own_ns;
	bool interrupted;
};

extern const char *const perf_patterns[];

/**
 * perf_writes() - does a load write to the namespace
 * @opts: load
 *
 * Return: true if so; a verified load always does.
 */
bool perf_writes(const struct perf_opts *opts);

/**
 * perf_check() - can this be done to this namespace
 * @dev: controller
 * @ns: namespace
 * @opts: load
 *
 * Return: CMD_OK, or CMD_USAGE with a message.
 */
int perf_check(const struct dev *dev, const struct dev_ns *ns, const struct perf_opts *opts);

/**
 * perf_run() - do it
 * @dev: controller; queue pairs 1 to @opts->queues do not exist
 * @ns: namespace, as perf_check() liked it
 * @opts: load
 * @result: out: as far as it came, also after an error
 *
 * Context: main thread.
 * Return: CMD_OK, CMD_FAILED with a message, or CMD_INTERRUPTED.
 */
int perf_run(struct dev *dev, const struct dev_ns *ns, const struct perf_opts *opts,
	     struct perf_result *result);

/**
 * perf_print() - show what came of a load
 * @out: document; keys become its innermost object's
 * @opts: load
 * @result: what came of it
 */
void perf_print(struct out *out, const struct perf_opts *opts, const struct perf_result *result);

#endif /* BELFRY_TOOLS_PERF_H */

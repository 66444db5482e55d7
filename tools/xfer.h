/* SPDX-License-Identifier: MIT */
/*
 * Moving a run of blocks to or from a namespace: split into commands, several of them in flight,
 * each with a request tracker and a buffer of its own. Data is asked for, and handed on, in the
 * order of the blocks, whatever the order in which the commands complete.
 */
#ifndef BELFRY_TOOLS_XFER_H
#define BELFRY_TOOLS_XFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/dev.h"

#define XFER_DEPTH     32
#define XFER_CHUNK_MAX (256u << 10)

struct xfer_slot;

/**
 * struct xfer - one transfer
 * @dev: controller; a queue pair 1 of XFER_DEPTH + 1 entries or more exists
 * @ns: namespace
 * @write: to the namespace, not from it
 * @control: rw.control, as NVM_SET(1, RW_FUA)
 * @slba: first block
 * @nr_blocks: blocks; of a write it may be more than there is data for
 * @move: write: fills @buf with the next @len bytes and returns how many it had, fewer only at the
 *	end. Read: takes the next @len bytes and returns @len. -1 after a message.
 * @arg: passed to @move
 * @what: what it is called, for the line of progress; NULL for none
 *
 * Out:
 * @done: blocks that were moved, in one run from @slba on
 * @cmds: commands that completed
 * @elapsed_ns: how long it took
 * @silent: commands are in flight, and not waited for any more
 */
struct xfer {
	struct dev *dev;
	const struct dev_ns *ns;
	bool write;
	uint16_t control;
	uint64_t slba;
	uint64_t nr_blocks;
	ssize_t (*move)(void *arg, void *buf, size_t len);
	void *arg;
	const char *what;

	uint64_t done;
	uint64_t cmds;
	uint64_t elapsed_ns;
	bool silent;
};

/**
 * xfer_chunk() - how many blocks one command moves
 * @dev: controller
 * @ns: namespace
 *
 * Return: blocks, 1 or more: what MDTS and XFER_CHUNK_MAX allow.
 */
uint32_t xfer_chunk(const struct dev *dev, const struct dev_ns *ns);

/**
 * xfer_run() - do it
 * @xfer: the transfer
 *
 * After an error, or when the user asks for an end, commands in flight are waited for.
 *
 * Context: owner of queue pair 1.
 * Return: CMD_OK, CMD_FAILED with a message, or CMD_INTERRUPTED.
 */
int xfer_run(struct xfer *xfer);

/**
 * xfer_flush() - make what was written permanent
 * @dev: controller
 * @ns: namespace
 *
 * Context: owner of queue pair 1.
 * Return: CMD_OK, or CMD_FAILED with a message.
 */
int xfer_flush(struct dev *dev, const struct dev_ns *ns);

/**
 * xfer_wait() - wait for a completion, as long as a command may take
 * @ctrl: controller
 * @cq: completion queue
 * @cqe: out: the completion
 *
 * Context: owner of @cq.
 * Return: true, or false with errno: ETIMEDOUT, ENODEV the device is gone.
 */
bool xfer_wait(struct nvme_ctrl *ctrl, struct nvme_cq *cq, struct nvme_cqe *cqe);

#endif /* BELFRY_TOOLS_XFER_H */

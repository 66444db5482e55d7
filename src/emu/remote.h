/* SPDX-License-Identifier: MIT */
/*
 * Host memory that is reached by functions, not by pointers: emu_domain_map_remote().
 *
 * Such a mapping has a shadow in the process, of the same length, to which the controller has
 * pointers like any other: its queues, lists and data are there. What it is about to read is pulled
 * from the host first, what it has written is pushed to it after. A pointer says by itself whether
 * it is into a shadow, so both do nothing for other memory.
 *
 * Shadows take up memory where they were touched, and are emptied when that is much. They are apart
 * from each other and from all else by pages that nobody may touch.
 */
#ifndef BELFRY_SRC_EMU_REMOTE_H
#define BELFRY_SRC_EMU_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/support/atomic.h>

#include "emu/ctrl.h"
#include "emu/domain.h"

/* A mapping. Everything but next and touched is set before others see it. */
struct emu_remote {
	struct emu_remote *next;
	struct emu_remote *gone; /* list of those that are about to be freed */
	struct emu_remote_host host;
	uint64_t iova;
	size_t len;
	uint8_t *shadow;
	size_t touched; /* bytes since it was emptied; the controller's thread's */
};

/**
 * emu_remote_create() - make a mapping with its shadow
 * @host: how the host's memory is reached; copied
 * @iova: device address
 * @len: bytes, a multiple of EMU_PAGE
 *
 * Own: emu_remote_free().
 * Return: the mapping, or NULL: ENOMEM.
 */
struct emu_remote *emu_remote_create(const struct emu_remote_host *host, uint64_t iova, size_t len);

/**
 * emu_remote_free() - undo emu_remote_create()
 * @remote: mapping, or NULL
 */
void emu_remote_free(struct emu_remote *remote);

/* private: the slow halves of what follows */
uint16_t __emu_remote_move(struct emu_ctrl *ctrl, uint8_t *mem, size_t len, enum emu_dir dir);
uint16_t __emu_remote_mapped(struct emu_req *req);
uint16_t __emu_remote_done(struct emu_req *req);

static inline bool emu_remote_any(const struct emu_ctrl *ctrl)
{
	return unlikely(atomic_load_acquire(&ctrl->dom->remotes) != NULL);
}

/**
 * emu_remote_move() - make a shadow and the host's memory agree
 * @ctrl: controller
 * @mem: memory, in a shadow or anywhere
 * @len: bytes; all in the same shadow or in none
 * @dir: EMU_FROM_HOST: the shadow becomes what the host has; EMU_TO_HOST: the other way
 *
 * Context: the controller's thread; may wait for the host.
 * Return: 0, or the status for a command: Data Transfer Error.
 */
static inline uint16_t emu_remote_move(struct emu_ctrl *ctrl, uint8_t *mem, size_t len,
				       enum emu_dir dir)
{
	return emu_remote_any(ctrl) ? __emu_remote_move(ctrl, mem, len, dir) : 0;
}

/**
 * emu_remote_owns() - is it in a shadow
 * @ctrl: controller
 * @mem: memory
 *
 * Context: the controller's thread.
 * Return: true if so.
 */
bool emu_remote_owns(struct emu_ctrl *ctrl, const void *mem);

/**
 * emu_remote_mapped() - a command's iov was made: pull the data that it is about to read
 * @req: command
 *
 * Context: the controller's thread; may wait for the host.
 * Return: 0, or the status for the command.
 */
static inline uint16_t emu_remote_mapped(struct emu_req *req)
{
	return emu_remote_any(req->ctrl) ? __emu_remote_mapped(req) : 0;
}

/**
 * emu_remote_done() - a command was carried out: push the data that it has written
 * @req: command that has not failed
 *
 * Context: the controller's thread; may wait for the host.
 * Return: 0, or the status for the command.
 */
static inline uint16_t emu_remote_done(struct emu_req *req)
{
	return emu_remote_any(req->ctrl) ? __emu_remote_done(req) : 0;
}

/**
 * emu_remote_trim() - give back the memory of shadows, if it has become much
 * @ctrl: controller
 *
 * Context: the controller's thread, when nothing in a shadow is needed any more.
 */
void emu_remote_trim(struct emu_ctrl *ctrl);

#endif /* BELFRY_SRC_EMU_REMOTE_H */

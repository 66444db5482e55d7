/* SPDX-License-Identifier: MIT */
/*
 * Memory that is reached by functions. remote.h has the rules.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "emu/config.h"
#include "emu/dma.h"
#include "emu/engine.h"
#include "emu/remote.h"
#include "support/errno.h"

/* A shadow is emptied after so many bytes. */
#define TOUCHED_MAX (16u << 20)

struct emu_remote *emu_remote_create(const struct emu_remote_host *host, uint64_t iova, size_t len)
{
	struct emu_remote *remote = calloc(1, sizeof(*remote));
	uint8_t *mem;

	if (!remote)
		return NULL;
	mem = mmap(NULL, len + 2 * (size_t)EMU_PAGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		goto free_remote;
	remote->host = *host;
	remote->iova = iova;
	remote->len = len;
	remote->shadow = mem + EMU_PAGE;
	if (!mprotect(remote->shadow, len, PROT_READ | PROT_WRITE))
		return remote;
	munmap(mem, len + 2 * (size_t)EMU_PAGE);
free_remote:
	free(remote);
	return set_errno_null(ENOMEM);
}

void emu_remote_free(struct emu_remote *remote)
{
	keep_errno();

	if (!remote)
		return;
	munmap(remote->shadow - EMU_PAGE, remote->len + 2 * (size_t)EMU_PAGE);
	free(remote);
}

static struct emu_remote *find(struct emu_ctrl *ctrl, const uint8_t *mem)
{
	struct emu_remote *remote = atomic_load_acquire(&ctrl->dom->remotes);

	while (remote && (mem < remote->shadow || mem >= remote->shadow + remote->len))
		remote = atomic_load_acquire(&remote->next);
	return remote;
}

bool emu_remote_owns(struct emu_ctrl *ctrl, const void *mem)
{
	return find(ctrl, mem);
}

uint16_t __emu_remote_move(struct emu_ctrl *ctrl, uint8_t *mem, size_t len, enum emu_dir dir)
{
	struct emu_remote *remote = find(ctrl, mem);
	uint64_t iova;
	int ret;

	if (!remote)
		return 0;
	iova = remote->iova + (uint64_t)(mem - remote->shadow);
	remote->touched += len;
	__atomic_store_n(&ctrl->engine->in_host, true, __ATOMIC_RELAXED);
	if (dir == EMU_FROM_HOST)
		ret = remote->host.read(remote->host.arg, iova, mem, len);
	else
		ret = remote->host.write(remote->host.arg, iova, mem, len);
	__atomic_store_n(&ctrl->engine->in_host, false, __ATOMIC_RELAXED);
	if (!ret)
		return 0;
	return emu_dma_fault(ctrl, iova, dir == EMU_TO_HOST ? EMU_DMA_WRITE : EMU_DMA_READ);
}

static uint16_t move_iov(struct emu_req *req, enum emu_dir dir)
{
	uint16_t sc = 0;

	for (int i = 0; i < req->niov && !sc; i++)
		if (req->iov[i].iov_base)
			sc = __emu_remote_move(req->ctrl, req->iov[i].iov_base, req->iov[i].iov_len,
					       dir);
	return sc;
}

/* A store that keeps nothing leaves the host's buffer as it is: that has to be known, then. */
uint16_t __emu_remote_mapped(struct emu_req *req)
{
	if (req->dir == EMU_TO_HOST && req->ctrl->cfg->backend != EMU_BACKEND_NULL)
		return 0;
	return move_iov(req, EMU_FROM_HOST);
}

uint16_t __emu_remote_done(struct emu_req *req)
{
	uint16_t sc = req->dir == EMU_TO_HOST ? move_iov(req, EMU_TO_HOST) : 0;

	/* Else the rest of a burst of commands is in a shadow, and the queue sees to it. */
	if (!req->sq->ring.remote)
		emu_remote_trim(req->ctrl);
	return sc;
}

void emu_remote_trim(struct emu_ctrl *ctrl)
{
	struct emu_remote *remote = atomic_load_acquire(&ctrl->dom->remotes);

	for (; remote; remote = atomic_load_acquire(&remote->next)) {
		if (remote->touched < TOUCHED_MAX)
			continue;
		remote->touched = 0;
		madvise(remote->shadow, remote->len, MADV_DONTNEED);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory of the BARs. bar.h has what is shared.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <belfry/support/align.h>

#include "emu/bar.h"
#include "emu/config.h"
#include "support/errno.h"

static void *bar_alloc(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

int emu_bars_init(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	size_t end = NVM_REG_SQTDBL((size_t)ctrl->nr_queues + 1, ctrl->cfg->dstrd);

	e->bar_len = ALIGN_UP(end, (size_t)EMU_PAGE);
	e->bar = bar_alloc(e->bar_len);
	if (!e->bar)
		return set_errno(ENOMEM);
	e->cmb_len = ctrl->cfg->cmb;
	ctrl->pmr.len = ctrl->cfg->pmr;
	if (e->cmb_len)
		ctrl->cmb.mem = bar_alloc(e->cmb_len);
	if (ctrl->pmr.len)
		ctrl->pmr.space.mem = bar_alloc(ctrl->pmr.len);
	if (!e->cmb_len == !ctrl->cmb.mem && !ctrl->pmr.len == !ctrl->pmr.space.mem)
		return 0;
	emu_bars_exit(ctrl);
	return set_errno(ENOMEM);
}

void emu_bars_exit(struct emu_ctrl *ctrl)
{
	struct emu_engine *e = ctrl->engine;
	keep_errno();

	munmap(e->bar, e->bar_len);
	if (ctrl->cmb.mem)
		munmap(ctrl->cmb.mem, e->cmb_len);
	if (ctrl->pmr.space.mem)
		munmap(ctrl->pmr.space.mem, ctrl->pmr.len);
	if (e->bar_fd >= 0)
		close(e->bar_fd);
	if (e->cmb_fd >= 0)
		close(e->cmb_fd);
}

void *emu_bar(struct emu_ctrl *ctrl, int bar, size_t *len)
{
	const struct emu_engine *e = ctrl->engine;

	if (bar == EMU_BAR_REGS) {
		*len = e->bar_len;
		return e->bar;
	}
	if (bar == EMU_BAR_CMB && ctrl->cmb.mem) {
		*len = e->cmb_len;
		return ctrl->cmb.mem;
	}
	if (bar == EMU_BAR_PMR && ctrl->pmr.space.mem) {
		*len = ctrl->pmr.len;
		return ctrl->pmr.space.mem;
	}
	return NULL;
}

/* Put [@from, @len) of a BAR into a file whose size stays what it is: nobody can take it away. */
static int share(uint8_t *mem, size_t from, size_t len)
{
	int fd = memfd_create("belfry-bar", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;

	if (fd < 0)
		return -1;
	if (!ftruncate(fd, (off_t)len) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) &&
	    mmap(mem + from, len - from, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, (off_t)from) != MAP_FAILED)
		return fd;
	error = errno;
	close(fd);
	return set_errno(error);
}

int emu_bar_share(struct emu_ctrl *ctrl, int bar)
{
	struct emu_engine *e = ctrl->engine;
	int *fd = bar == EMU_BAR_REGS ? &e->bar_fd : &e->cmb_fd;

	if (bar != EMU_BAR_REGS && (bar != EMU_BAR_CMB || !ctrl->cmb.mem))
		return set_errno(ENOTSUP);
	if (*fd >= 0)
		return *fd;
	if (bar == EMU_BAR_REGS)
		*fd = share(e->bar, NVM_REG_DBS, e->bar_len);
	else
		*fd = share(ctrl->cmb.mem, 0, e->cmb_len);
	return *fd;
}

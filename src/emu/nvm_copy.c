/* SPDX-License-Identifier: MIT */
/*
 * The Copy command: everything is gathered before anything is written, so that ranges may overlap
 * and a command that fails has copied nothing.
 *
 * Spec: NVM Express NVM Command Set 1.0, "Copy command".
 */
#include "emu/nvm.h"

#include <stdlib.h>

/* A copy in progress: the blocks, and behind them their metadata if that is apart. */
struct copy {
	const struct nvm_copy_range *ranges;
	uint32_t nr_ranges;
	uint64_t blocks;
	uint8_t *data;
	uint8_t *meta;
};

static uint16_t check_ranges(struct emu_req *req, struct emu_ns *ns, struct copy *copy)
{
	uint16_t status = 0;

	for (uint32_t i = 0; i < copy->nr_ranges; i++) {
		const uint32_t nr = le16_to_cpu(copy->ranges[i].nlb) + 1u;

		copy->blocks += nr;
		if (nr > EMU_COPY_RANGE_BLOCKS || copy->blocks > EMU_COPY_BLOCKS)
			return NVM_SC_CMD_SIZE_LIMIT;
	}
	for (uint32_t i = 0; i < copy->nr_ranges && !status; i++) {
		const uint32_t nr = le16_to_cpu(copy->ranges[i].nlb) + 1u;
		const uint64_t slba = le64_to_cpu(copy->ranges[i].slba);

		status = emu_nvm_range(ns, slba, nr);
		if (status)
			req->ctrl->admin->fail_lba = slba;
		else
			status = emu_nvm_readable(req, ns, slba, nr);
	}
	return status;
}

static uint16_t gather(struct emu_ns *ns, const struct copy *copy)
{
	uint64_t done = 0;

	for (uint32_t i = 0; i < copy->nr_ranges; i++) {
		const size_t nr = le16_to_cpu(copy->ranges[i].nlb) + 1u;
		const uint64_t slba = le64_to_cpu(copy->ranges[i].slba);
		const struct iovec data = {copy->data + done * ns->block, nr * ns->block};
		const struct iovec meta = {copy->meta + done * ns->meta, nr * ns->meta};

		if (ns->store.ops->read(&ns->store, slba * ns->block, &data, 1))
			return NVM_SC_READ_ERROR;
		if (ns->meta &&
		    ns->store.ops->read(&ns->store, ns->meta_off + slba * ns->meta, &meta, 1))
			return NVM_SC_READ_ERROR;
		done += nr;
	}
	return 0;
}

static uint16_t scatter(struct emu_ns *ns, const struct copy *copy, uint64_t sdlba)
{
	const struct iovec data = {copy->data, copy->blocks * ns->block};
	const struct iovec meta = {copy->meta, copy->blocks * ns->meta};

	if (ns->store.ops->write(&ns->store, sdlba * ns->block, &data, 1))
		return NVM_SC_WRITE_FAULT;
	if (ns->meta && ns->store.ops->write(&ns->store, ns->meta_off + sdlba * ns->meta, &meta, 1))
		return NVM_SC_WRITE_FAULT;
	return 0;
}

static uint16_t move(struct emu_req *req, struct emu_ns *ns, struct copy *copy)
{
	const uint64_t sdlba = le64_to_cpu(req->cmd.rw.slba);
	const bool fua = NVM_GET(le32_to_cpu(req->cmd.cdw12), COPY_FUA);
	uint16_t status = emu_nvm_range(ns, sdlba, copy->blocks);

	if (status)
		return status;
	copy->data = calloc(copy->blocks, ns->block + ns->meta);
	if (!copy->data)
		return NVM_SC_INTERNAL;
	copy->meta = copy->data + copy->blocks * ns->block;

	status = gather(ns, copy);
	if (!status)
		status = scatter(ns, copy, sdlba);
	free(copy->data);
	if (!status)
		status = emu_nvm_written(req, ns, sdlba, copy->blocks, fua);
	if (!status) {
		/* It is among the commands that read and that write, and its data among the written. */
		req->ctrl->admin->cmds_read++;
		req->ctrl->admin->cmds_written++;
		req->ctrl->admin->bytes_written += copy->blocks * ns->data;
	}
	return status;
}

uint16_t emu_copy(struct emu_req *req, struct emu_ns *ns)
{
	const uint32_t cdw12 = le32_to_cpu(req->cmd.cdw12);
	struct nvm_copy_range *ranges = (void *)req->ctrl->admin->scratch;
	struct copy copy = {.ranges = ranges, .nr_ranges = NVM_GET(cdw12, COPY_NR) + 1u};
	uint16_t status;

	/* Descriptor format 0h is the only one (OCFS), and there are no directives. */
	if (NVM_GET(cdw12, COPY_DESFMT) || NVM_GET(cdw12, COPY_DTYPE))
		return NVM_SC_INVALID_FIELD;
	if (copy.nr_ranges > EMU_COPY_RANGES)
		return NVM_SC_CMD_SIZE_LIMIT;
	status = emu_fetch(req, ranges, copy.nr_ranges * sizeof(*ranges));
	if (!status)
		status = check_ranges(req, ns, &copy);
	return status ? status : move(req, ns, &copy);
}

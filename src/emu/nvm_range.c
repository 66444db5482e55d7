/* SPDX-License-Identifier: MIT */
/*
 * NVM commands that are about ranges of blocks and move no data of the host's: Write Zeroes, Write
 * Uncorrectable, Dataset Management, Verify.
 *
 * Blocks that were deallocated read as zeros (DLFEAT). A block that is marked uncorrectable stays
 * so until it is written, by Write, Write Zeroes or Copy, or its namespace is formatted.
 */
#include "emu/nvm.h"

uint16_t emu_write_zeroes(struct emu_req *req, struct emu_ns *ns)
{
	const uint64_t slba = le64_to_cpu(req->cmd.rw.slba);
	const uint16_t control = le16_to_cpu(req->cmd.rw.control);
	const uint32_t nr = emu_nvm_nr_blocks(req);
	uint16_t status = emu_nvm_range(ns, slba, nr);

	/* With DEAC or without: zeroed blocks give their space back. */
	if (!status)
		status = emu_nvm_zero(ns, slba, nr);
	return status ? status : emu_nvm_written(req, ns, slba, nr, NVM_GET(control, RW_FUA));
}

uint16_t emu_write_uncorrectable(struct emu_req *req, struct emu_ns *ns)
{
	const uint64_t slba = le64_to_cpu(req->cmd.rw.slba);
	const uint32_t nr = emu_nvm_nr_blocks(req);
	uint16_t status = emu_nvm_range(ns, slba, nr);

	if (!status && emu_lbas_add(&ns->uncorrectable, slba, nr))
		status = NVM_SC_INTERNAL;
	return status;
}

uint16_t emu_dsm(struct emu_req *req, struct emu_ns *ns)
{
	const uint32_t nr = NVM_GET(le32_to_cpu(req->cmd.cdw10), DSM_NR) + 1u;
	struct nvm_dsm_range *ranges = (void *)req->ctrl->admin->scratch;
	uint16_t status = emu_fetch(req, ranges, nr * sizeof(*ranges));

	/* All ranges first, so that a bad one changes nothing. */
	for (uint32_t i = 0; i < nr && !status; i++) {
		const uint64_t slba = le64_to_cpu(ranges[i].slba);

		status = emu_nvm_range(ns, slba, le32_to_cpu(ranges[i].length));
		if (status)
			req->ctrl->admin->fail_lba = slba;
	}
	if (!NVM_GET(le32_to_cpu(req->cmd.cdw11), DSM_AD))
		return status; /* the other attributes are hints */
	for (uint32_t i = 0; i < nr && !status; i++)
		status = emu_nvm_zero(ns, le64_to_cpu(ranges[i].slba),
				      le32_to_cpu(ranges[i].length));
	return status;
}

/* Read @len bytes from @off on, and do nothing with them. */
static uint16_t read_through(struct emu_req *req, struct emu_ns *ns, uint64_t off, uint64_t len)
{
	struct iovec iov = {.iov_base = req->ctrl->admin->scratch};

	for (; len; len -= iov.iov_len, off += iov.iov_len) {
		iov.iov_len = len < EMU_SCRATCH ? len : EMU_SCRATCH;
		if (ns->store.ops->read(&ns->store, off, &iov, 1))
			return NVM_SC_READ_ERROR;
	}
	return 0;
}

uint16_t emu_verify(struct emu_req *req, struct emu_ns *ns)
{
	const uint64_t slba = le64_to_cpu(req->cmd.rw.slba);
	const uint32_t nr = emu_nvm_nr_blocks(req);
	uint16_t status = emu_nvm_range(ns, slba, nr);

	if (status)
		return status;
	/* The one command of which the specification wants this, whatever the format. */
	if (NVM_GET(le16_to_cpu(req->cmd.rw.control), RW_PRACT))
		return NVM_SC_INVALID_FIELD;
	status = emu_nvm_readable(req, ns, slba, nr);
	if (!status)
		status = emu_nvm_commit(req, ns);
	if (!status)
		status = read_through(req, ns, slba * ns->block, (uint64_t)nr * ns->block);
	if (!status)
		status = read_through(req, ns, ns->meta_off + slba * ns->meta,
				      (uint64_t)nr * ns->meta);
	if (!status)
		req->ctrl->admin->bytes_read += (uint64_t)nr * ns->data;
	return status;
}

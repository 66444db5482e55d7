/* SPDX-License-Identifier: MIT */
/*
 * The NVM command set: dispatch, and the commands that every program uses: Read, Write, Flush.
 *
 * Data goes straight between the host's memory and the store, whose pieces the engine has found;
 * metadata that is apart goes through scratch memory.
 *
 * Without a format that has protection information, PRACT, PRCHK and the tags mean nothing and are
 * ignored, as the specification wants it, but for PRACT in Verify; so are the hints of DSM, and
 * Limited Retry.
 *
 * Spec: NVM Express NVM Command Set 1.0.
 */
#include "emu/nvm.h"

#include <belfry/support/compiler.h>

uint16_t emu_nvm_mptr(const struct emu_req *req, uint64_t *iova)
{
	*iova = le64_to_cpu(req->cmd.mptr);
	return *iova & 3 ? NVM_SC_INVALID_FIELD : 0;
}

uint16_t emu_nvm_readable(struct emu_req *req, const struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	if (likely(!ns->uncorrectable.nr) ||
	    !emu_lbas_find(&ns->uncorrectable, slba, nr, &req->ctrl->admin->fail_lba))
		return 0;
	return NVM_SC_READ_ERROR;
}

uint16_t emu_nvm_commit(const struct emu_req *req, struct emu_ns *ns)
{
	if (likely(!NVM_GET(le16_to_cpu(req->cmd.rw.control), RW_FUA)))
		return 0;
	return emu_store_flush(&ns->store) ? NVM_SC_WRITE_FAULT : 0;
}

uint16_t emu_nvm_written(struct emu_req *req, struct emu_ns *ns, uint64_t slba, uint64_t nr,
			 bool fua)
{
	if (unlikely(ns->uncorrectable.nr) && emu_lbas_remove(&ns->uncorrectable, slba, nr))
		return NVM_SC_INTERNAL;
	if (unlikely(fua || req->ctrl->admin->write_through) && emu_store_flush(&ns->store))
		return NVM_SC_WRITE_FAULT;
	return 0;
}

uint16_t emu_nvm_zero(struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	if (emu_store_zero(&ns->store, slba * ns->block, nr * ns->block) ||
	    emu_store_zero(&ns->store, ns->meta_off + slba * ns->meta, nr * ns->meta))
		return NVM_SC_WRITE_FAULT;
	return 0;
}

/* Before anything is moved: a command whose metadata is nowhere leaves no half of it. */
static uint16_t check_metadata(struct emu_req *req, const struct emu_ns *ns, uint32_t nr,
			       enum emu_dir dir)
{
	uint64_t iova;
	uint16_t status = emu_nvm_mptr(req, &iova);

	return status ? status : emu_dma_check(req->ctrl, iova, (size_t)nr * ns->meta, dir);
}

/* Metadata that is apart, a scratch buffer at a time. */
static uint16_t transfer_metadata(struct emu_req *req, struct emu_ns *ns, uint64_t slba,
				  uint32_t nr, enum emu_dir dir)
{
	uint64_t off = ns->meta_off + slba * ns->meta, left = (uint64_t)nr * ns->meta, iova;
	struct iovec iov = {.iov_base = req->ctrl->admin->scratch};
	uint16_t status = emu_nvm_mptr(req, &iova);

	for (; left && !status; left -= iov.iov_len) {
		iov.iov_len = left < EMU_SCRATCH ? left : EMU_SCRATCH;
		if (dir == EMU_TO_HOST && ns->store.ops->read(&ns->store, off, &iov, 1))
			return NVM_SC_READ_ERROR;
		status = emu_dma(req->ctrl, iova, iov.iov_base, iov.iov_len, dir);
		if (dir == EMU_FROM_HOST && !status &&
		    ns->store.ops->write(&ns->store, off, &iov, 1))
			return NVM_SC_WRITE_FAULT;
		iova += iov.iov_len;
		off += iov.iov_len;
	}
	return status;
}

static uint16_t nvm_read(struct emu_req *req, struct emu_ns *ns)
{
	struct emu_admin *adm = req->ctrl->admin;
	const uint64_t slba = le64_to_cpu(req->cmd.rw.slba);
	const uint32_t nr = emu_nvm_nr_blocks(req);
	const uint64_t len = (uint64_t)nr * ns->block;
	uint16_t status;

	if (unlikely(emu_mdts_exceeded(req->ctrl, len)))
		return NVM_SC_INVALID_FIELD;
	if (unlikely(emu_nvm_range(ns, slba, nr)))
		return NVM_SC_LBA_RANGE;
	status = emu_data_map(req, len, EMU_TO_HOST);
	if (unlikely(!status && ns->meta))
		status = check_metadata(req, ns, nr, EMU_TO_HOST);
	if (unlikely(status))
		return status;
	status = emu_nvm_readable(req, ns, slba, nr);
	if (likely(!status))
		status = emu_nvm_commit(req, ns);
	if (unlikely(status))
		return status;
	if (unlikely(ns->store.ops->read(&ns->store, slba * ns->block, req->iov, req->niov)))
		return NVM_SC_READ_ERROR;

	adm->cmds_read++;
	adm->bytes_read += (uint64_t)nr * ns->data;
	return ns->meta ? transfer_metadata(req, ns, slba, nr, EMU_TO_HOST) : 0;
}

static uint16_t nvm_write(struct emu_req *req, struct emu_ns *ns)
{
	struct emu_admin *adm = req->ctrl->admin;
	const uint64_t slba = le64_to_cpu(req->cmd.rw.slba);
	const uint16_t control = le16_to_cpu(req->cmd.rw.control);
	const uint32_t nr = emu_nvm_nr_blocks(req);
	const uint64_t len = (uint64_t)nr * ns->block;
	uint16_t status;

	/* Directives are not supported. */
	if (unlikely(emu_mdts_exceeded(req->ctrl, len) || NVM_GET(control, RW_DTYPE)))
		return NVM_SC_INVALID_FIELD;
	if (unlikely(emu_nvm_range(ns, slba, nr)))
		return NVM_SC_LBA_RANGE;
	status = emu_data_map(req, len, EMU_FROM_HOST);
	if (unlikely(status))
		return status;
	if (unlikely(ns->meta)) {
		status = check_metadata(req, ns, nr, EMU_FROM_HOST);
		if (!status)
			status = transfer_metadata(req, ns, slba, nr, EMU_FROM_HOST);
		if (status)
			return status;
	}
	if (unlikely(ns->store.ops->write(&ns->store, slba * ns->block, req->iov, req->niov)))
		return NVM_SC_WRITE_FAULT;

	adm->cmds_written++;
	adm->bytes_written += (uint64_t)nr * ns->data;
	return emu_nvm_written(req, ns, slba, nr, NVM_GET(control, RW_FUA));
}

/* The one command that may be meant for all namespaces. */
static uint16_t nvm_flush(struct emu_req *req)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	struct emu_ns *ns;
	uint16_t status;

	if (nsid == NVM_NSID_ALL)
		return emu_ns_flush_all(req->ctrl);
	ns = emu_ns_find(req->ctrl, nsid, &status);
	if (!ns)
		return status;
	return emu_store_flush(&ns->store) ? NVM_SC_WRITE_FAULT : 0;
}

uint16_t emu_nvm_dispatch(struct emu_req *req)
{
	uint16_t (*exec)(struct emu_req * req, struct emu_ns * ns);
	struct emu_ns *ns;
	uint16_t status;

	switch (req->cmd.opcode) {
	case NVM_CMD_READ:
		exec = nvm_read;
		break;
	case NVM_CMD_WRITE:
		exec = nvm_write;
		break;
	case NVM_CMD_FLUSH:
		return nvm_flush(req);
	case NVM_CMD_COMPARE:
		exec = emu_compare;
		break;
	case NVM_CMD_WRITE_ZEROES:
		exec = emu_write_zeroes;
		break;
	case NVM_CMD_WRITE_UNCOR:
		exec = emu_write_uncorrectable;
		break;
	case NVM_CMD_DSM:
		exec = emu_dsm;
		break;
	case NVM_CMD_VERIFY:
		exec = emu_verify;
		break;
	case NVM_CMD_COPY:
		exec = emu_copy;
		break;
	default:
		return NVM_SC_INVALID_OPCODE;
	}
	ns = emu_ns_find(req->ctrl, le32_to_cpu(req->cmd.nsid), &status);
	return likely(ns) ? exec(req, ns) : status;
}

uint16_t emu_nvm_exec(struct emu_req *req)
{
	uint16_t status;

	if (likely(!NVM_GET(req->cmd.flags, FLAGS_FUSE) && !req->ctrl->admin->nr_fused))
		status = emu_nvm_dispatch(req);
	else
		status = emu_fused_exec(req);
	return likely(!status) || status == EMU_NO_COMPLETION ? status : emu_dnr(status);
}

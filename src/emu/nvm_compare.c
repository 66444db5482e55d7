/* SPDX-License-Identifier: MIT */
/*
 * Compare, and the one fused operation: Compare and Write.
 *
 * The halves of a fused operation are next to each other in their queue. The first is kept until
 * the next command of that queue comes: the second half, and then both are carried out with no
 * other command between them, or something else, and then the first has failed.
 *
 * Spec: NVM Express Base 2.0, "Fused Operations"; NVM Command Set 1.0, "Compare command".
 */
#include "emu/nvm.h"

#include <string.h>

/* Compare @len bytes of the store with host memory that is at one place. */
static uint16_t compare_flat(struct emu_req *req, struct emu_ns *ns, uint64_t off,
			     const uint8_t *host, uint64_t len)
{
	struct iovec iov = {.iov_base = req->ctrl->admin->scratch};

	for (; len; len -= iov.iov_len, off += iov.iov_len, host += iov.iov_len) {
		iov.iov_len = len < EMU_SCRATCH ? len : EMU_SCRATCH;
		if (ns->store.ops->read(&ns->store, off, &iov, 1))
			return NVM_SC_READ_ERROR;
		if (memcmp(iov.iov_base, host, iov.iov_len))
			return NVM_SC_COMPARE_FAILED;
	}
	return 0;
}

static uint16_t compare_metadata(struct emu_req *req, struct emu_ns *ns, uint64_t slba, uint32_t nr)
{
	uint64_t off = ns->meta_off + slba * ns->meta, left = (uint64_t)nr * ns->meta, iova;
	uint8_t *host = req->ctrl->admin->scratch2;
	uint16_t status = emu_nvm_mptr(req, &iova);
	uint64_t part;

	for (; left && !status; left -= part, off += part, iova += part) {
		part = left < EMU_SCRATCH ? left : EMU_SCRATCH;
		status = emu_dma(req->ctrl, iova, host, part, EMU_FROM_HOST);
		if (!status)
			status = compare_flat(req, ns, off, host, part);
	}
	return status;
}

uint16_t emu_compare(struct emu_req *req, struct emu_ns *ns)
{
	struct emu_admin *adm = req->ctrl->admin;
	const uint64_t slba = le64_to_cpu(req->cmd.rw.slba);
	const uint32_t nr = emu_nvm_nr_blocks(req);
	const uint64_t len = (uint64_t)nr * ns->block;
	uint64_t off = slba * ns->block;
	uint16_t status;

	if (emu_mdts_exceeded(req->ctrl, len))
		return NVM_SC_INVALID_FIELD;
	status = emu_nvm_range(ns, slba, nr);
	if (!status)
		status = emu_data_map(req, len, EMU_FROM_HOST);
	if (!status)
		status = emu_nvm_readable(req, ns, slba, nr);
	if (!status)
		status = emu_nvm_commit(req, ns);
	/* A store that keeps nothing has nothing that could differ. */
	if (status || ns->store.ops == &emu_store_null)
		return status;

	for (int i = 0; i < req->niov && !status; i++) {
		status = compare_flat(req, ns, off, req->iov[i].iov_base, req->iov[i].iov_len);
		off += req->iov[i].iov_len;
	}
	if (!status && ns->meta)
		status = compare_metadata(req, ns, slba, nr);
	if (!status || status == NVM_SC_COMPARE_FAILED) {
		adm->cmds_read++;
		adm->bytes_read += (uint64_t)nr * ns->data;
	}
	return status;
}

static void fused_drop(struct emu_admin *adm, uint16_t sqid)
{
	adm->nr_fused -= adm->fused[sqid].valid;
	adm->fused[sqid].valid = false;
}

bool emu_fused_abort(struct emu_ctrl *ctrl, uint16_t sqid, int cid)
{
	struct emu_fused *first = &ctrl->admin->fused[sqid];

	if (!first->valid || (cid >= 0 && first->cmd.cid != cid))
		return false;
	fused_drop(ctrl->admin, sqid);
	if (cid >= 0)
		emu_complete(ctrl, sqid, (uint16_t)cid, NVM_SC_ABORT_REQUESTED, 0);
	return true;
}

/* Complete the first half, whose command is in @req for the moment. */
static void complete_first(struct emu_req *req, uint16_t status)
{
	if (status)
		emu_log_error(req, status);
	emu_complete(req->ctrl, req->sq->qid, req->cid, status ? emu_dnr(status) : 0, req->dw0);
}

static void swap_command(struct emu_req *req, const union nvme_cmd *cmd)
{
	req->cmd = *cmd;
	req->cid = cmd->cid;
	req->dw0 = req->dw1 = 0;
}

/* The one combination there is, about the same blocks. */
static bool compare_and_write(const union nvme_cmd *first, const union nvme_cmd *second)
{
	return first->opcode == NVM_CMD_COMPARE && second->opcode == NVM_CMD_WRITE &&
	       first->nsid == second->nsid && first->rw.slba == second->rw.slba &&
	       first->rw.nlb == second->rw.nlb;
}

static uint16_t fused_pair(struct emu_req *req, const union nvme_cmd *first)
{
	const union nvme_cmd second = req->cmd;
	const bool legal = compare_and_write(first, &second);
	uint16_t status;

	swap_command(req, first);
	status = legal ? emu_nvm_dispatch(req) : NVM_SC_INVALID_FIELD;
	complete_first(req, status);
	swap_command(req, &second);
	if (!legal)
		return NVM_SC_INVALID_FIELD;
	return status ? NVM_SC_ABORT_FAILED_FUSED : emu_nvm_dispatch(req);
}

/* The slot of the command that is carried out; the queue's head is past it already. */
static uint32_t slot_of(const struct emu_req *req)
{
	return (req->sq->head ? req->sq->head : req->sq->qsize) - 1;
}

/* Commands that ended before they got here, refused by the engine, leave a gap. */
static bool is_second_half(const struct emu_req *req, const struct emu_fused *first)
{
	return NVM_GET(req->cmd.flags, FLAGS_FUSE) == NVM_FUSE_SECOND &&
	       slot_of(req) == first->slot;
}

/* A first half waits, and what came is not its second. */
static void fail_lonely_first(struct emu_req *req, const union nvme_cmd *first)
{
	const union nvme_cmd next = req->cmd;

	swap_command(req, first);
	complete_first(req, NVM_SC_ABORT_MISSING_FUSED);
	swap_command(req, &next);
}

uint16_t emu_fused_exec(struct emu_req *req)
{
	struct emu_admin *adm = req->ctrl->admin;
	struct emu_fused *fused = &adm->fused[req->sq->qid];
	const struct emu_fused first = *fused;

	fused_drop(adm, req->sq->qid);
	if (first.valid && is_second_half(req, &first))
		return fused_pair(req, &first.cmd);
	if (first.valid)
		fail_lonely_first(req, &first.cmd);

	switch (NVM_GET(req->cmd.flags, FLAGS_FUSE)) {
	case NVM_FUSE_NONE:
		return emu_nvm_dispatch(req);
	case NVM_FUSE_FIRST:
		*fused = (struct emu_fused){.valid = true, .slot = req->sq->head, .cmd = req->cmd};
		adm->nr_fused++;
		return EMU_NO_COMPLETION;
	case NVM_FUSE_SECOND:
		return NVM_SC_ABORT_MISSING_FUSED;
	default:
		return NVM_SC_INVALID_FIELD;
	}
}

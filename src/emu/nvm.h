/* SPDX-License-Identifier: MIT */
/*
 * The NVM command set, between its files: nvm.c has the way of reads and writes, nvm_range.c the
 * commands about ranges of blocks, nvm_compare.c Compare and fused operations, nvm_copy.c Copy.
 *
 * A command is checked completely before the first block changes: its namespace, its range, its
 * size, and every byte of its data pointer.
 */
#ifndef BELFRY_EMU_NVM_H
#define BELFRY_EMU_NVM_H

#include "emu/admin.h"
#include "emu/ns.h"

/**
 * emu_nvm_dispatch() - carry out an NVM command that is not fused, or one half that is
 * @req: command
 *
 * Return: NVMe status.
 */
uint16_t emu_nvm_dispatch(struct emu_req *req);

/**
 * emu_compare() - the Compare command
 * @req: command
 * @ns: namespace
 *
 * Return: NVMe status.
 */
uint16_t emu_compare(struct emu_req *req, struct emu_ns *ns);

/**
 * emu_write_zeroes() - the Write Zeroes command
 * @req: command
 * @ns: namespace
 *
 * Return: NVMe status.
 */
uint16_t emu_write_zeroes(struct emu_req *req, struct emu_ns *ns);

/**
 * emu_write_uncorrectable() - the Write Uncorrectable command
 * @req: command
 * @ns: namespace
 *
 * Return: NVMe status.
 */
uint16_t emu_write_uncorrectable(struct emu_req *req, struct emu_ns *ns);

/**
 * emu_dsm() - the Dataset Management command
 * @req: command
 * @ns: namespace
 *
 * Return: NVMe status.
 */
uint16_t emu_dsm(struct emu_req *req, struct emu_ns *ns);

/**
 * emu_verify() - the Verify command
 * @req: command
 * @ns: namespace
 *
 * Return: NVMe status.
 */
uint16_t emu_verify(struct emu_req *req, struct emu_ns *ns);

/**
 * emu_copy() - the Copy command
 * @req: command
 * @ns: namespace
 *
 * Return: NVMe status.
 */
uint16_t emu_copy(struct emu_req *req, struct emu_ns *ns);

/**
 * emu_fused_exec() - carry out an NVM command while fused operations are in the making
 * @req: command
 *
 * Return: NVMe status or EMU_NO_COMPLETION.
 */
uint16_t emu_fused_exec(struct emu_req *req);

/**
 * emu_nvm_range() - is a range of blocks within a namespace
 * @ns: namespace
 * @slba: first block
 * @nr: blocks
 *
 * Return: 0 or LBA Out of Range.
 */
static inline uint16_t emu_nvm_range(const struct emu_ns *ns, uint64_t slba, uint64_t nr)
{
	return slba <= ns->nsze && nr <= ns->nsze - slba ? 0 : NVM_SC_LBA_RANGE;
}

/**
 * emu_nvm_nr_blocks() - the number of blocks of a command shaped like Read
 * @req: command
 *
 * Return: count, 1 to 65536.
 */
static inline uint32_t emu_nvm_nr_blocks(const struct emu_req *req)
{
	return le16_to_cpu(req->cmd.rw.nlb) + 1u; /* 0's based on the wire */
}

/**
 * emu_nvm_readable() - does a range have no block that is marked uncorrectable
 * @req: command that reads it; learns the block for the error log
 * @ns: namespace
 * @slba: first block
 * @nr: blocks
 *
 * Return: 0 or Unrecovered Read Error.
 */
uint16_t emu_nvm_readable(struct emu_req *req, const struct emu_ns *ns, uint64_t slba, uint64_t nr);

/**
 * emu_nvm_commit() - what a command that reads has to do first with FUA: make durable what it reads
 * @req: command shaped like Read
 * @ns: namespace
 *
 * Return: 0 or Write Fault.
 */
uint16_t emu_nvm_commit(const struct emu_req *req, struct emu_ns *ns);

/**
 * emu_nvm_written() - blocks have been written: what follows from that
 * @req: command
 * @ns: namespace
 * @slba: first block
 * @nr: blocks
 * @fua: the data has to be durable before the command completes
 *
 * Return: 0 or NVMe status.
 */
uint16_t emu_nvm_written(struct emu_req *req, struct emu_ns *ns, uint64_t slba, uint64_t nr,
			 bool fua);

/**
 * emu_nvm_zero() - make blocks and their metadata read as zeros
 * @ns: namespace
 * @slba: first block
 * @nr: blocks, within the namespace
 *
 * Return: 0 or Write Fault.
 */
uint16_t emu_nvm_zero(struct emu_ns *ns, uint64_t slba, uint64_t nr);

/**
 * emu_nvm_mptr() - the metadata pointer of a command, checked
 * @req: command
 * @iova: out
 *
 * Return: 0, or Invalid Field: it is not a dword's address.
 */
uint16_t emu_nvm_mptr(const struct emu_req *req, uint64_t *iova);

#endif /* BELFRY_EMU_NVM_H */

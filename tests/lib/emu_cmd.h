/* SPDX-License-Identifier: MIT */
/*
 * Commands for the tests of the emulated controller's command sets, made of dwords as the
 * specification numbers them, and the few sequences that many tests begin with.
 *
 * Data is in the test's memory of emu_host.h from offset 0 on; PRP lists are at EMU_CMD_LIST.
 */
#ifndef BELFRY_TESTS_LIB_EMU_CMD_H
#define BELFRY_TESTS_LIB_EMU_CMD_H

#include "emu_host.h"

#define EMU_CMD_LIST (60u << 20)

/**
 * emu_cmd() - a command whose data is one page at offset 0 of the test's memory
 * @opcode: opcode
 * @nsid: namespace
 * @cdw10: command dword 10
 * @cdw11: command dword 11
 *
 * Return: the command, everything else zero.
 */
union nvme_cmd emu_cmd(uint8_t opcode, uint32_t nsid, uint32_t cdw10, uint32_t cdw11);

/**
 * emu_cmd_rw() - a command of the shape of Read
 * @opcode: opcode
 * @nsid: namespace
 * @slba: first block
 * @nr: blocks, a count
 *
 * Return: the command, with PRP1 as emu_cmd().
 */
union nvme_cmd emu_cmd_rw(uint8_t opcode, uint32_t nsid, uint64_t slba, uint32_t nr);

/**
 * emu_cmd_data() - point a command at data
 * @host: host
 * @cmd: command
 * @off: offset in the test's memory, page aligned
 * @len: bytes; with more than two pages a list is written, of one page at most
 */
void emu_cmd_data(struct emu_host *host, union nvme_cmd *cmd, uint32_t off, size_t len);

/**
 * emu_cmd_send() - execute a command, and see whether its status is what it must be
 * @host: host
 * @qid: queue
 * @cmd: command
 * @want: status type and code
 * @what: said when it is another
 *
 * Every error must have Do Not Retry, but for those that may go away: these are NVM_SC_WRITE_FAULT,
 * data transfer, internal and aborted ones.
 *
 * Return: completion dword 0.
 */
uint32_t emu_cmd_send(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd, uint16_t want,
		      const char *what);

/**
 * emu_cmd_admin() - emu_cmd() and emu_cmd_send() on the admin queue
 * @host: host
 * @opcode: opcode
 * @nsid: namespace
 * @cdw10: command dword 10
 * @cdw11: command dword 11
 * @want: status type and code
 *
 * Return: completion dword 0.
 */
uint32_t emu_cmd_admin(struct emu_host *host, uint8_t opcode, uint32_t nsid, uint32_t cdw10,
		       uint32_t cdw11, uint16_t want);

/**
 * emu_cmd_io() - emu_cmd_rw() and emu_cmd_send() on queue 1
 * @host: host
 * @opcode: opcode
 * @slba: first block of namespace 1
 * @nr: blocks, a count
 * @want: status type and code
 */
void emu_cmd_io(struct emu_host *host, uint8_t opcode, uint64_t slba, uint32_t nr, uint16_t want);

/**
 * emu_cmd_identify() - Identify
 * @host: host
 * @cns: structure
 * @nsid: namespace
 *
 * Return: the 4096 bytes, at offset 0 of the test's memory.
 */
const void *emu_cmd_identify(struct emu_host *host, uint8_t cns, uint32_t nsid);

/**
 * emu_cmd_log() - Get Log Page for the whole controller, at most a page
 * @host: host
 * @lid: log page
 * @len: bytes, a multiple of 4
 * @rae: retain asynchronous event
 *
 * Return: the page, at offset 0 of the test's memory.
 */
const void *emu_cmd_log(struct emu_host *host, uint8_t lid, uint32_t len, bool rae);

/**
 * emu_cmd_start() - emu_host_start(), and queue pair 1 with 64 entries
 * @host: out
 * @opts: options of the controller
 */
void emu_cmd_start(struct emu_host *host, const char *opts);

#endif /* BELFRY_TESTS_LIB_EMU_CMD_H */

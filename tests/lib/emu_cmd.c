/* SPDX-License-Identifier: MIT */
/*
 * Commands for the tests of the emulated controller's command sets. See emu_cmd.h.
 */
#include "emu_cmd.h"

#include <stdio.h>
#include <string.h>

#define PAGE 4096u

union nvme_cmd emu_cmd(uint8_t opcode, uint32_t nsid, uint32_t cdw10, uint32_t cdw11)
{
	union nvme_cmd cmd;

	memset(&cmd, 0, sizeof(cmd));
	cmd.opcode = opcode;
	cmd.nsid = cpu_to_le32(nsid);
	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	cmd.cdw10 = cpu_to_le32(cdw10);
	cmd.cdw11 = cpu_to_le32(cdw11);
	return cmd;
}

union nvme_cmd emu_cmd_rw(uint8_t opcode, uint32_t nsid, uint64_t slba, uint32_t nr)
{
	union nvme_cmd cmd = emu_cmd(opcode, nsid, (uint32_t)slba, (uint32_t)(slba >> 32));

	cmd.cdw12 = cpu_to_le32(nr - 1);
	return cmd;
}

void emu_cmd_data(struct emu_host *host, union nvme_cmd *cmd, uint32_t off, size_t len)
{
	const size_t pages = (len + PAGE - 1) / PAGE;
	leint64_t *list = emu_host_data(host, EMU_CMD_LIST);

	cmd->dptr.prp1 = cpu_to_le64(emu_host_iova(off));
	cmd->dptr.prp2 = cpu_to_le64(0);
	if (pages == 2)
		cmd->dptr.prp2 = cpu_to_le64(emu_host_iova(off + PAGE));
	if (pages <= 2)
		return;
	assert_true(pages - 1 <= PAGE / 8);
	for (size_t i = 1; i < pages; i++)
		list[i - 1] = cpu_to_le64(emu_host_iova(off + (uint32_t)i * PAGE));
	cmd->dptr.prp2 = cpu_to_le64(emu_host_iova(EMU_CMD_LIST));
}

static bool may_go_away(uint16_t code)
{
	/* Data Transfer Error .. Aborted due to Failed Fused Command, Write Fault */
	return (code >= 0x004 && code <= 0x009) || code == 0x280;
}

uint32_t emu_cmd_send(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd, uint16_t want,
		      const char *what)
{
	const struct nvme_cqe cqe = emu_host_exec(host, qid, cmd);
	const uint16_t status = le16_to_cpu(cqe.sfp) >> 1;

	if ((status & 0x7ff) != want)
		fail_msg("%s: status %03xh instead of %03xh", what, status & 0x7ff, want);
	assert_int_equal(status >> 14, want && !may_go_away(want));
	return le32_to_cpu(cqe.dw0);
}

uint32_t emu_cmd_admin(struct emu_host *host, uint8_t opcode, uint32_t nsid, uint32_t cdw10,
		       uint32_t cdw11, uint16_t want)
{
	const union nvme_cmd cmd = emu_cmd(opcode, nsid, cdw10, cdw11);
	char what[64];

	snprintf(what, sizeof(what), "opcode %02xh nsid %x cdw10 %x cdw11 %x", opcode, nsid, cdw10,
		 cdw11);
	return emu_cmd_send(host, 0, &cmd, want, what);
}

void emu_cmd_io(struct emu_host *host, uint8_t opcode, uint64_t slba, uint32_t nr, uint16_t want)
{
	const union nvme_cmd cmd = emu_cmd_rw(opcode, 1, slba, nr);
	char what[64];

	snprintf(what, sizeof(what), "opcode %02xh slba %llx blocks %u", opcode,
		 (unsigned long long)slba, nr);
	emu_cmd_send(host, 1, &cmd, want, what);
}

const void *emu_cmd_identify(struct emu_host *host, uint8_t cns, uint32_t nsid)
{
	memset(emu_host_data(host, 0), 0xee, PAGE);
	emu_cmd_admin(host, 0x06, nsid, cns, 0, 0);
	return emu_host_data(host, 0);
}

const void *emu_cmd_log(struct emu_host *host, uint8_t lid, uint32_t len, bool rae)
{
	memset(emu_host_data(host, 0), 0xee, PAGE);
	emu_cmd_admin(host, 0x02, 0xffffffff, lid | (uint32_t)rae << 15 | (len / 4 - 1) << 16, 0,
		      0);
	return emu_host_data(host, 0);
}

void emu_cmd_start(struct emu_host *host, const char *opts)
{
	emu_host_start(host, opts);
	emu_host_create_queues(host, 1, 64);
}

/* SPDX-License-Identifier: MIT */
/*
 * A driver that means well for a moment: sequences of commands that mostly do something, among
 * them those that have no answer of their own (event requests, first halves of fused operations)
 * and those that take namespaces and queues away. fuzz_command.c has the driver that never does.
 *
 * Each command is carried out, and in the end the controller answers as ever.
 */
#include <string.h>

#include <belfry/emu.h>

#include "emu_cmd.h"
#include "support/deadline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ENTRY	     65 /* bytes of input that make a command */
#define MAX_COMMANDS 32

/* Opcodes that do something, so that not most of the input is refused at once. */
static const uint8_t admin_opcodes[] = {0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09,
					0x0a, 0x0c, 0x0d, 0x15, 0x18, 0x7c, 0x80};
static const uint8_t io_opcodes[] = {0x00, 0x01, 0x02, 0x04, 0x05, 0x08, 0x09, 0x0c, 0x19};

/*
 * One command. The first byte says which queue it is for and how tame it is; a tame one has data
 * pointers at the test's memory, a small namespace and small numbers.
 */
static union nvme_cmd make_command(const uint8_t *data, uint8_t how)
{
	union nvme_cmd cmd;

	memcpy(&cmd, data, sizeof(cmd));
	if (how & 0x02)
		cmd.opcode = how & 0x01 ? io_opcodes[cmd.opcode % sizeof(io_opcodes)]
					: admin_opcodes[cmd.opcode % sizeof(admin_opcodes)];
	if (how & 0x04)
		cmd.flags &= how & 0x01 ? 0x03 : 0x00;
	if (how & 0x08)
		cmd.nsid = cpu_to_le32((le32_to_cpu(cmd.nsid) & 1) + 1);
	if (how & 0x10) {
		cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(data[1] * 64u));
		cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(data[2] * 4096u));
		cmd.mptr = cpu_to_le64(emu_host_iova(data[3] * 4u));
	}
	if (how & 0x20) {
		cmd.cdw10 = cpu_to_le32(le32_to_cpu(cmd.cdw10) & 0x001f001f);
		cmd.cdw11 = cpu_to_le32(how & 0x01 ? 0 : le32_to_cpu(cmd.cdw11) & 0x00070007);
	}
	if (how & 0x40)
		cmd.cdw12 = cpu_to_le32(le32_to_cpu(cmd.cdw12) & 0xc200000f);
	/* The Keep Alive Timer may end the controller, which is right but ends the input, too. */
	if (!(how & 0x01) && cmd.opcode == 0x09 && (le32_to_cpu(cmd.cdw10) & 0xff) == 0x0f)
		cmd.cdw11 = cpu_to_le32(0);
	return cmd;
}

/* Commands that the controller has carried out; it answers between two of them. */
static uint64_t nr_done(struct emu_host *host)
{
	struct emu_stats stats;

	emu_get_stats(host->emu, &stats);
	return stats.admin_cmds + stats.io_cmds;
}

/*
 * Give the controller a command and wait until it was carried out; the answer, if one comes, is
 * taken and not looked at. @nr is the number of the command, counting from the first.
 */
static void send(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd, uint64_t nr)
{
	const uint64_t deadline = deadline_after_ms(EMU_HOST_TIMEOUT_MS);
	struct nvme_cqe cqe;
	bool done = false;

	emu_host_post(host, qid, cmd);
	emu_host_ring(host, qid);
	for (int i = 0; i < 20000 && !done; i++)
		done = emu_host_peek(host, qid, &cqe);
	while (!done) {
		done = nr_done(host) >= nr;
		assert_false(deadline_passed(deadline));
	}
	for (uint16_t q = 0; q <= 1; q++) {
		while (emu_host_peek(host, q, &cqe))
			emu_host_reap(host, q);
	}
}

/* Every completion is here, and the controller identifies itself as ever. */
static void still_alive(struct emu_host *host)
{
	const union nvme_cmd identify = emu_cmd(0x06, 0, 0x01, 0);
	const uint16_t cid = emu_host_post(host, 0, &identify);
	struct nvme_cqe cqe;

	emu_host_ring(host, 0);
	do {
		cqe = emu_host_reap(host, 0);
	} while (cqe.cid != cid);
	assert_int_equal(le16_to_cpu(cqe.sfp) >> 1, 0);
	assert_memory_equal((const uint8_t *)emu_host_data(host, 0) + 4, "FUZZ   ", 7);
}

/* Deleting queue 1, or its doorbells' place, is allowed; a reset makes it as it was. */
static void start_over(struct emu_host *host)
{
	emu_host_disable(host);
	emu_host_enable(host, 32);
	emu_host_create_queues(host, 1, 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const opts[] = {
		"serial=FUZZ,ns=2,size=1M,dbbuf=on",
		"serial=FUZZ,ns=2,size=1M,ms=8,capacity=4M,mdts=2",
		"serial=FUZZ,ns=2,size=64K,ms=64,ext=on,mdts=0",
		"serial=FUZZ,ns=2,size=1M,backend=null,lbads=12",
	};
	uint64_t nr = 2; /* two commands have made the queues */
	struct emu_host host;

	if (!len)
		return 0;
	emu_cmd_start(&host, opts[data[0] % 4]);
	for (size_t pos = 1; pos + ENTRY <= len && pos < MAX_COMMANDS * ENTRY; pos += ENTRY) {
		const union nvme_cmd cmd = make_command(data + pos + 1, data[pos]);
		const size_t rest = len - pos - ENTRY < 8192 ? len - pos - ENTRY : 8192;
		const bool admin = !(data[pos] & 0x01);

		memcpy(emu_host_data(&host, 0), data + pos + ENTRY, rest);
		send(&host, !admin, &cmd, ++nr);
		if (admin && (cmd.opcode == 0x00 || cmd.opcode == 0x7c)) {
			start_over(&host);
			nr += 2;
		}
	}
	still_alive(&host);
	emu_host_close(&host);
	return 0;
}

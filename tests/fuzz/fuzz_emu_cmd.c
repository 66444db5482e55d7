/* SPDX-License-Identifier: MIT */
/*
 * Any command that a driver could send: the input is taken as submission queue entries for the
 * admin queue and an I/O queue of an emulated controller, and as the data that they point to.
 *
 * Whatever comes, each command ends, or is one that waits (an event request, the first half of a
 * fused operation), the controller still answers, and nothing outside its memory is touched.
 */
#include <string.h>

#include "emu_cmd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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
		cmd.flags &= 0x03;
	if (how & 0x08)
		cmd.nsid = cpu_to_le32(le32_to_cpu(cmd.nsid) % 4);
	if (how & 0x10) {
		cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(data[1] * 64u));
		cmd.dptr.prp2 = cpu_to_le64(emu_host_iova(data[2] * 4096u));
		cmd.mptr = cpu_to_le64(emu_host_iova(data[3] * 4u));
	}
	if (how & 0x20) {
		cmd.cdw10 = cpu_to_le32(le32_to_cpu(cmd.cdw10) & 0x001f001f);
		cmd.cdw11 = cpu_to_le32(le32_to_cpu(cmd.cdw11) & 0x00070007);
	}
	/* The Keep Alive Timer may end the controller, which is right but ends the input, too. */
	if (!(how & 0x01) && cmd.opcode == 0x09 && (le32_to_cpu(cmd.cdw10) & 0xff) == 0x0f)
		cmd.cdw11 = cpu_to_le32(0);
	return cmd;
}

/* Give the controller a command; the answer, if one comes, is taken and not looked at. */
static void send(struct emu_host *host, uint16_t qid, const union nvme_cmd *cmd)
{
	struct nvme_cqe cqe;

	emu_host_post(host, qid, cmd);
	emu_host_ring(host, qid);
	/* Registers are read by the controller's own thread or after it: an order of magnitude more
	 * than a command takes, so that most have completed. */
	for (int i = 0; i < 200 && !emu_host_peek(host, qid, &cqe); i++)
		emu_reg_read(host->emu, 0x1c, 4);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const opts[] = {
		"serial=FUZZ,ns=2,size=1M,dbbuf=on,spin_us=0",
		"serial=FUZZ,ns=2,size=1M,ms=8,capacity=4M,mdts=2",
		"serial=FUZZ,ns=2,size=64K,ms=64,ext=on,mdts=0",
		"serial=FUZZ,ns=2,size=1M,backend=null,lbads=12",
	};
	struct emu_host host;
	size_t pos = 1;

	if (!len)
		return 0;
	emu_cmd_start(&host, opts[data[0] % 4]);
	for (; pos + 65 <= len; pos += 65) {
		const union nvme_cmd cmd = make_command(data + pos + 1, data[pos]);
		const size_t rest = len - pos - 65 < 8192 ? len - pos - 65 : 8192;

		memcpy(emu_host_data(&host, 0), data + pos + 65, rest);
		send(&host, data[pos] & 0x01, &cmd);
		/* Deleting queue 1 is allowed; then it is made again. */
		if (!(data[pos] & 0x01) && (cmd.opcode == 0x00 || cmd.opcode == 0x7c)) {
			emu_host_disable(&host);
			emu_host_enable(&host, 32);
			emu_host_create_queues(&host, 1, 64);
		}
	}
	still_alive(&host);
	emu_host_close(&host);
	return 0;
}

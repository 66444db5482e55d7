/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver: commands made of the input, on the admin queue and on an I/O
 * queue, with pointers into memory that is full of more of the input. The
 * controller answers each with some status and is as good as new afterwards.
 */
#include <stdint.h>
#include <string.h>

#include "emu_host.h"

#define DATA_WINDOW (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct emu_host host;

/* Addresses that may hit: with bit 0 of @sel set, moved into the test's memory. */
static uint64_t aim(uint64_t addr, uint8_t sel)
{
	return sel & 1 ? emu_host_iova((uint32_t)(addr % DATA_WINDOW)) &
				 ~(uint64_t)(sel & 2 ? 0xfff : 3)
		       : addr;
}

static void fill(const uint8_t *data, size_t len)
{
	uint8_t *mem = emu_host_data(&host, 0);
	uint64_t *words = (uint64_t *)(void *)mem;

	if (len > DATA_WINDOW)
		len = DATA_WINDOW;
	memcpy(mem, data, len);
	/* Every other word is an address that lists and segments may lead to. */
	for (size_t i = 0; i < len / sizeof(*words); i += 2)
		words[i] = aim(words[i], (uint8_t)(words[i] >> 56));
}

static void send(const uint8_t *data, size_t len, uint8_t sel)
{
	union nvme_cmd cmd = {};
	uint16_t qid = sel & 0x10 ? 1 : 0;

	memcpy(&cmd, data, len < sizeof(cmd) ? len : sizeof(cmd));
	if (sel & 0x20)
		cmd.nsid = cpu_to_le32(1);
	if (sel & 0x40)
		cmd.flags &= 0x40;
	/* These never answer, or take the queue away under the test. */
	if (!qid && (cmd.opcode == NVM_ADMIN_ASYNC_EVENT || cmd.opcode == NVM_ADMIN_DELETE_SQ))
		return;
	/* A fused first half is answered with its second. */
	cmd.flags &= (uint8_t)~3;
	cmd.dptr.prp1 = cpu_to_le64(aim(le64_to_cpu(cmd.dptr.prp1), sel));
	cmd.dptr.prp2 = cpu_to_le64(aim(le64_to_cpu(cmd.dptr.prp2), (uint8_t)(sel >> 2)));
	emu_host_exec(&host, qid, &cmd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const union nvme_cmd identify = {
		.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_CTRL}};
	union nvme_cmd cmd = identify;

	emu_host_start(&host, "size=1M,mdts=4,queues=4,mqes=64,rdy_ms=0");
	emu_host_create_queues(&host, 1, 32);
	fill(data, len);
	for (; len > 1; data += 1 + (len > 64 ? 64 : len - 1), len -= 1 + (len > 64 ? 64 : len - 1))
		send(data + 1, len - 1, data[0]);

	cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0));
	assert_int_equal(emu_host_status(&host, 0, &cmd), 0);
	emu_host_close(&host);
	return 0;
}

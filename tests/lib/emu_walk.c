/* SPDX-License-Identifier: MIT */
/*
 * Reads whose data pointer is laid out by hand. See emu_walk.h.
 */
#include "emu_walk.h"

#include <string.h>

static uint8_t source[WALK_SRC_LEN];

const uint8_t *walk_source(void)
{
	return source;
}

void *walk_mem(struct emu_host *h, uint64_t iova)
{
	return h->mem + (iova - EMU_HOST_IOVA);
}

union nvme_cmd walk_cmd(uint8_t opcode, uint32_t len)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / 512 - 1));
	return cmd;
}

struct emu_stats walk_stats(struct emu_host *h)
{
	struct emu_stats st;

	emu_get_stats(h->emu, &st);
	return st;
}

void walk_start(struct emu_host *h, const char *opts)
{
	union nvme_cmd cmd = walk_cmd(0x01, WALK_SRC_LEN);

	emu_host_start(h, opts);
	emu_host_create_queues(h, 1, 16);
	for (uint32_t i = 0; i < WALK_SRC_LEN; i++)
		source[i] = (uint8_t)((i * 2654435761u) >> 13 ^ i >> 9);
	memcpy(emu_host_data(h, 0x800000), source, WALK_SRC_LEN);
	for (uint32_t off = 0; off < WALK_SRC_LEN; off += 0x1000) {
		cmd = walk_cmd(0x01, 0x1000);
		cmd.rw.slba = cpu_to_le64(off / 512);
		cmd.dptr.prp1 = cpu_to_le64(emu_host_iova(0x800000 + off));
		assert_int_equal(emu_host_status(h, 1, &cmd), 0);
	}
}

void walk_clear(struct emu_host *h)
{
	memset(walk_mem(h, WALK_DST), WALK_UNTOUCHED, WALK_DST_LEN);
	memset(walk_mem(h, WALK_LIST), 0xff, 0x10000);
}

void walk_check(struct emu_host *h, const struct walk_piece *pieces, size_t nr)
{
	static uint8_t want[WALK_DST_LEN];
	uint32_t pos = 0;

	memset(want, WALK_UNTOUCHED, sizeof(want));
	for (size_t i = 0; i < nr && pieces[i].len; i++) {
		if (pieces[i].off != WALK_HOLE)
			memcpy(want + pieces[i].off, source + pos, pieces[i].len);
		pos += pieces[i].len;
	}
	assert_memory_equal(walk_mem(h, WALK_DST), want, sizeof(want));
}

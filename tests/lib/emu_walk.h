/* SPDX-License-Identifier: MIT */
/*
 * Reads whose data pointer is laid out by hand, and where every byte must be
 * afterwards: for tests of the emulated controller's walkers.
 *
 * A read goes to WALK_DST and beyond, lists and segments lie at WALK_LIST, both
 * IOVAs in the host's mapped memory. WALK_NOT_MAPPED is the IOVA of nothing.
 */
#ifndef BELFRY_TESTS_LIB_EMU_WALK_H
#define BELFRY_TESTS_LIB_EMU_WALK_H

#include "emu_host.h"

#define WALK_DST	0x100900000ull
#define WALK_LIST	0x100a00000ull
#define WALK_NOT_MAPPED 0x7f0000000000ull

#define WALK_DST_LEN   0x20000u /* looked at after each read */
#define WALK_SRC_LEN   (4u << 20)
#define WALK_UNTOUCHED 0xee

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* Bytes of the data, in order: where they must be, as an offset from WALK_DST. */
struct walk_piece {
	uint32_t off, len;
};

#define WALK_HOLE UINT32_MAX /* in place of off: the bytes are thrown away */

/**
 * walk_start() - open and enable a host with queue pair 1 and a namespace that has walk_source()
 * @h: out
 * @opts: options of the controller
 */
void walk_start(struct emu_host *h, const char *opts);

/**
 * walk_source() - what the namespace begins with, WALK_SRC_LEN bytes
 */
const uint8_t *walk_source(void);

/**
 * walk_mem() - the host's memory at an IOVA
 * @h: host
 * @iova: mapped by emu_host_open()
 */
void *walk_mem(struct emu_host *h, uint64_t iova);

/**
 * walk_cmd() - a read or write from block 0 of namespace 1 on, without data pointer
 * @opcode: 02h, 01h
 * @len: bytes, a multiple of 512
 */
union nvme_cmd walk_cmd(uint8_t opcode, uint32_t len);

/**
 * walk_stats() - the controller's counters
 * @h: host
 */
struct emu_stats walk_stats(struct emu_host *h);

/**
 * walk_clear() - prepare the memory at WALK_DST and WALK_LIST for the next read
 * @h: host
 */
void walk_clear(struct emu_host *h);

/**
 * walk_check() - check that the data is where it must be, and nothing else has changed
 * @h: host
 * @pieces: up to the first without length
 * @nr: how many at most
 */
void walk_check(struct emu_host *h, const struct walk_piece *pieces, size_t nr);

#endif /* BELFRY_TESTS_LIB_EMU_WALK_H */

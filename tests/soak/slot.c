/* SPDX-License-Identifier: MIT */
/*
 * Slots: what a command may do to memory and to the disk, and whether it did just that.
 *
 * Each block on the disk says which one it is and which of its versions, in all of its words. A
 * write that failed may have happened, or not, or to some of its blocks; the next command of the
 * slot is a read then, which finds out. Outside of a command the buffer holds poison; now and then
 * it is taken away altogether, and a controller that touches it ends the program.
 */
#include <string.h>
#include <sys/mman.h>

#include "soak.h"
#include "support/deadline.h"

#define WORDS	   (SOAK_BLOCK / 8)
#define STEP	   UINT64_C(0x9e3779b97f4a7c15)
#define GUARD_RATE 32
#define SC_COMPARE 0x285

static uint64_t first_word(uint64_t lba, uint32_t version)
{
	uint64_t mix = lba << 32 | version;

	return version ? splitmix64(&mix) : 0;
}

static void fill_block(uint8_t *at, uint64_t lba, uint32_t version)
{
	uint64_t word = first_word(lba, version);

	for (unsigned int i = 0; i < WORDS; i++, word += version ? STEP : 0)
		memcpy(at + 8ul * i, &word, 8);
}

/* Byte of the first difference to a version, -1 when there is none. */
static int block_differs(const uint8_t *at, uint64_t lba, uint32_t version)
{
	uint8_t want[SOAK_BLOCK];

	fill_block(want, lba, version);
	for (int i = 0; i < (int)SOAK_BLOCK; i++) {
		if (at[i] != want[i])
			return i;
	}
	return -1;
}

static void fill_poison(uint8_t *from, const uint8_t *to, uint64_t poison)
{
	for (; from < to; from += 4, poison += STEP) {
		uint32_t word = (uint32_t)(poison >> 32);

		memcpy(from, &word, 4);
	}
}

/* Offset of the first byte of [from, to) that is not poison, -1 when there is none. */
static long poison_differs(const struct slot *slot, uint32_t from, uint32_t to)
{
	uint64_t poison = slot->poison + STEP * (from / 4);

	for (; from < to; from += 4, poison += STEP) {
		uint32_t word, want = (uint32_t)(poison >> 32);

		memcpy(&word, slot->buf + from, 4);
		if (word != want)
			return from;
	}
	return -1;
}

static void new_poison(struct slot *slot)
{
	slot->poison = splitmix64(&slot->poison);
	fill_poison(slot->buf, slot->buf + SOAK_SLOT_BYTES, slot->poison);
}

void slot_init(struct slot *slot, uint8_t *buf, uint64_t lba)
{
	*slot = (struct slot){.buf = buf, .lba = lba, .next_version = 1, .poison = lba};
	new_poison(slot);
}

void slot_erased(struct slot *slot)
{
	memset(slot->version, 0, sizeof(slot->version));
	memset(slot->maybe, 0, sizeof(slot->maybe));
}

void slot_check(struct slot *slot, const struct soak *soak)
{
	long at;

	if (slot->guarded) {
		soak_check(soak, !mprotect(slot->buf, SOAK_SLOT_BYTES, PROT_READ | PROT_WRITE),
			   "mprotect");
		slot->guarded = false;
	}
	at = poison_differs(slot, 0, SOAK_SLOT_BYTES);
	soak_check(soak, at < 0,
		   "byte %ld of a buffer was changed after its command had ended: opcode 0x%02x, "
		   "%u blocks at byte %u",
		   at, slot->opcode, slot->nr, slot->off);
}

static bool is_uncertain(const struct slot *slot)
{
	return memcmp(slot->version, slot->maybe, sizeof(slot->version)) != 0;
}

/* Reads all of what is uncertain. */
static void pick(struct slot *slot, struct prng *rng)
{
	static const uint8_t opcodes[] = {NVM_CMD_READ,	   NVM_CMD_READ,	 NVM_CMD_READ,
					  NVM_CMD_WRITE,   NVM_CMD_WRITE,	 NVM_CMD_WRITE,
					  NVM_CMD_COMPARE, NVM_CMD_WRITE_ZEROES, NVM_CMD_FLUSH};

	slot->opcode = opcodes[prng_below(rng, sizeof(opcodes))];
	slot->first = (uint32_t)prng_below(rng, SOAK_SLOT_BLOCKS);
	slot->nr = 1 + (uint32_t)prng_below(rng, SOAK_SLOT_BLOCKS - slot->first);
	/* Most commands are small. */
	if (slot->nr > 8 && prng_below(rng, 4))
		slot->nr = 8;
	if (is_uncertain(slot)) {
		slot->opcode = NVM_CMD_READ;
		slot->first = 0;
		slot->nr = SOAK_SLOT_BLOCKS;
	}
	slot->off = 4 * (uint32_t)prng_below(rng, SOAK_SLOT_BYTES / 8);
	slot->differs = slot->opcode == NVM_CMD_COMPARE && !prng_below(rng, 4);
}

static bool has_data(const struct slot *slot)
{
	return slot->opcode == NVM_CMD_READ || slot->opcode == NVM_CMD_WRITE ||
	       slot->opcode == NVM_CMD_COMPARE;
}

/* What the buffer holds of block @i for a command that sends it. */
static uint32_t sent_version(const struct slot *slot, uint32_t i)
{
	if (slot->opcode == NVM_CMD_WRITE || slot->differs)
		return slot->next_version;
	return slot->version[slot->first + i];
}

size_t slot_start(struct slot *slot, struct worker *w, union nvme_cmd *cmd)
{
	uint8_t *data;

	slot_check(slot, w->soak);
	pick(slot, &w->rng);
	data = slot->buf + slot->off;
	if (slot->opcode == NVM_CMD_WRITE || slot->opcode == NVM_CMD_COMPARE) {
		for (uint32_t i = 0; i < slot->nr; i++)
			fill_block(data + i * SOAK_BLOCK, slot->lba + slot->first + i,
				   sent_version(slot, i));
	}

	*cmd = (union nvme_cmd){.rw = {.opcode = slot->opcode}};
	cmd->nsid = cpu_to_le32(1);
	if (slot->opcode != NVM_CMD_FLUSH) {
		cmd->rw.slba = cpu_to_le64(slot->lba + slot->first);
		cmd->rw.nlb = cpu_to_le16((uint16_t)(slot->nr - 1));
	}
	return has_data(slot) ? slot->nr * SOAK_BLOCK : 0;
}

/* ---- the end of a command ---- */

static void check_around(const struct slot *slot, const struct soak *soak)
{
	uint32_t end = slot->off + (has_data(slot) ? slot->nr * SOAK_BLOCK : 0);
	long at = poison_differs(slot, 0, slot->off);

	if (at < 0)
		at = poison_differs(slot, end, SOAK_SLOT_BYTES);
	soak_check(soak, at < 0,
		   "opcode 0x%02x with %u blocks at byte %u of its buffer changed byte %ld",
		   slot->opcode, slot->nr, slot->off, at);
}

/* Is the only difference the bit that a fault flips? */
static bool is_flipped(const struct soak *soak, uint8_t *at, uint32_t byte, uint64_t lba,
		       uint32_t version)
{
	bool same = false;

	for (unsigned int i = 0; i < soak->plan.nr_faults; i++) {
		if (soak->plan.faults[i].act != EMU_ACT_CORRUPT || soak->plan.faults[i].arg != byte)
			continue;
		at[byte] ^= 1;
		same |= block_differs(at, lba, version) < 0;
		at[byte] ^= 1;
	}
	return same;
}

static void check_read(struct slot *slot, struct worker *w)
{
	uint8_t *at = slot->buf + slot->off;
	bool flipped = false;

	for (uint32_t i = 0; i < slot->nr; i++, at += SOAK_BLOCK) {
		uint32_t block = slot->first + i, *version = &slot->version[block];
		uint64_t lba = slot->lba + block;
		int differs = block_differs(at, lba, *version);

		if (differs >= 0 && block_differs(at, lba, slot->maybe[block]) < 0) {
			*version = slot->maybe[block];
			differs = -1;
		}
		/* The fault's byte is one of the data; the blocks before it are as they were. */
		if (differs >= 0 && !i && !flipped) {
			flipped = is_flipped(w->soak, at, (uint32_t)differs, lba, *version);
			if (!flipped &&
			    is_flipped(w->soak, at, (uint32_t)differs, lba, slot->maybe[block])) {
				flipped = true;
				*version = slot->maybe[block];
			}
			if (flipped)
				differs = -1;
		}
		soak_check(w->soak, differs < 0,
			   "block %llu, %u of %u: byte %d is 0x%02x, of neither version %u nor %u",
			   (unsigned long long)lba, i, slot->nr, differs, at[differs], *version,
			   slot->maybe[block]);
		slot->maybe[block] = *version;
	}
	w->tally.corrupt += flipped;
}

/* The data of a command that only sends them. */
static void check_unchanged(const struct slot *slot, const struct soak *soak)
{
	for (uint32_t i = 0; i < slot->nr; i++) {
		int differs = block_differs(slot->buf + slot->off + i * SOAK_BLOCK,
					    slot->lba + slot->first + i, sent_version(slot, i));

		soak_check(soak, differs < 0, "opcode 0x%02x changed byte %d of its data",
			   slot->opcode, differs);
	}
}

/* Of a write: the blocks are new, or nobody knows. */
static void written(struct slot *slot, bool ok)
{
	uint32_t version = slot->opcode == NVM_CMD_WRITE ? slot->next_version : 0;

	for (uint32_t i = slot->first; i < slot->first + slot->nr; i++) {
		slot->maybe[i] = version;
		if (ok)
			slot->version[i] = version;
	}
}

static void check_status(const struct slot *slot, const struct soak *soak, enum soak_end end,
			 uint16_t status)
{
	bool expected = false;

	if (end == END_OK)
		soak_check(soak, !slot->differs, "a compare finds no difference");
	if (end != END_REFUSED)
		return;
	for (unsigned int i = 0; i < soak->plan.nr_faults; i++)
		expected |= soak->plan.faults[i].act == EMU_ACT_STATUS &&
			    soak->plan.faults[i].arg == status;
	expected |= slot->differs && (status & 0x7ff) == SC_COMPARE;
	soak_check(soak, expected, "opcode 0x%02x: unexpected status 0x%03x", slot->opcode, status);
}

void slot_end(struct slot *slot, struct worker *w, enum soak_end end, uint16_t status)
{
	bool writes = slot->opcode == NVM_CMD_WRITE || slot->opcode == NVM_CMD_WRITE_ZEROES;

	if (end == END_TIMED_OUT) {
		slot->state = SLOT_STUCK;
		return;
	}
	check_status(slot, w->soak, end, status);
	check_around(slot, w->soak);
	if (slot->opcode == NVM_CMD_READ && end == END_OK)
		check_read(slot, w);
	if (slot->opcode == NVM_CMD_WRITE || slot->opcode == NVM_CMD_COMPARE)
		check_unchanged(slot, w->soak);
	if (writes)
		written(slot, end == END_OK);
	slot->next_version++;

	slot->state = SLOT_FREE;
	slot->rq = NULL;
	new_poison(slot);
	if (!prng_below(&w->rng, GUARD_RATE)) {
		slot->guarded = true;
		soak_check(w->soak, !mprotect(slot->buf, SOAK_SLOT_BYTES, PROT_NONE), "mprotect");
	}
}

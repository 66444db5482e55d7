/* SPDX-License-Identifier: MIT */
/*
 * How a command gets into its slot of a submission queue. Nothing here is for programs: nvme_sq_post()
 * and nvme_rq_post() are.
 */
#ifndef BELFRY_NVME_COPY_H
#define BELFRY_NVME_COPY_H

#include <stdint.h>
#include <string.h>

#include <belfry/support/endian.h>
#include <belfry/nvme/types.h>

typedef volatile uint64_t __nvme_word __attribute__((may_alias));

/* private: copy two words with two loads and one store, so far as the processor has that */
static inline void __nvme_copy_pair(__nvme_word *to, const __nvme_word *from)
{
#if defined(__SSE2__) && defined(__x86_64__) && !defined(__CHECKER__)
	typedef uint64_t pair __attribute__((vector_size(16), aligned(8), may_alias));
	pair words;

	__asm__("movq {%1, %0|%0, %1}; movhps {%2, %0|%0, %2}"
		: "=&x"(words)
		: "m"(from[0]), "m"(from[1]));
	*(volatile pair *)to = words;
#else
	to[0] = from[0];
	to[1] = from[1];
#endif
}

/*
 * private: copy a command into a slot. It is loaded in the pieces in which it was most likely written:
 * a load that takes in several recent stores waits until the last of them is in the cache, and that
 * is longer than all the rest of a submission (bench: rq, read). Hence no memcpy() of the whole;
 * volatile, so that the compiler does not merge the pieces. And it is stored in few pieces, because
 * stores are what a submission is made of.
 */
static inline void __nvme_cmd_copy(union nvme_cmd *slot, const union nvme_cmd *cmd, uint16_t cid)
{
	const __nvme_word *from = (const __nvme_word *)(const void *)cmd;
	__nvme_word *to = (__nvme_word *)(void *)slot;
	/* In the entry's order of bytes; the cid is in the processor's, as it will come back. */
	const uint32_t cdw0 = *(const volatile uint8_t *)&cmd->opcode |
			      (uint32_t) * (const volatile uint8_t *)&cmd->flags << 8 |
			      (uint32_t)(__force uint16_t)cpu_to_le16(cid) << 16;

	*(volatile leint32_t *)(void *)slot = cpu_to_le32(cdw0);
	*(volatile leint32_t *)&slot->nsid = *(const volatile leint32_t *)&cmd->nsid;
	__nvme_copy_pair(to + 1, from + 1);
	memcpy(&slot->dptr, &cmd->dptr, sizeof(slot->dptr)); /* written as one */
	to[5] = from[5];
	memcpy(&slot->cdw12, &cmd->cdw12, 16);
}

#endif /* BELFRY_NVME_COPY_H */

/* SPDX-License-Identifier: MIT */
/*
 * Who owns a queue, where that is checked: belfry/nvme/owner.h.
 */
#ifndef BELFRY_SRC_NVME_OWNER_H
#define BELFRY_SRC_NVME_OWNER_H

#include <stdint.h>

#include <belfry/nvme/owner.h>

/**
 * struct nvme_owner - of a queue, all zero when it is configured
 * @owner: thread that owns it, as src/nvme/owner.c numbers threads; 0 for none
 * @inside: thread that is in a function of it; 0 for none
 * @depth: how many functions deep; that thread's
 */
struct nvme_owner {
	uint64_t owner;
	uint64_t inside;
	uint32_t depth;
};

#endif /* BELFRY_SRC_NVME_OWNER_H */

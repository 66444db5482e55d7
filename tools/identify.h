/* SPDX-License-Identifier: MIT */
/*
 * Identify data structures, printed: tables of their members.
 */
#ifndef BELFRY_TOOLS_IDENTIFY_H
#define BELFRY_TOOLS_IDENTIFY_H

#include <stdint.h>

#include <belfry/nvme.h>

#include "tools/out.h"

/**
 * identify_format() - the format that a namespace has
 * @id: Identify Namespace
 *
 * Return: index of @id->lbaf, 0 to 63.
 */
unsigned int identify_format(const struct nvm_id_ns *id);

/**
 * identify_print_ctrl() - print Identify Controller
 * @out: document; members become its innermost object's
 * @name: of the device
 * @id: the structure
 */
void identify_print_ctrl(struct out *out, const char *name, const struct nvm_id_ctrl *id);

/**
 * identify_print_ns() - print Identify Namespace
 * @out: document; members become its innermost object's
 * @nsid: the namespace
 * @id: the structure
 */
void identify_print_ns(struct out *out, uint32_t nsid, const struct nvm_id_ns *id);

#endif /* BELFRY_TOOLS_IDENTIFY_H */

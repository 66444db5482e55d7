/* SPDX-License-Identifier: MIT */
/* Who uses a function: a part of host.h, apart for its size. */
#ifndef BELFRY_TOOLS_HOST_USER_H
#define BELFRY_TOOLS_HOST_USER_H

#include <stdbool.h>

#include "tools/host.h"

/**
 * host_block_user() - who uses a namespace of a function that the kernel's driver has
 * @fn: function; its address is known, user and fix are filled in
 *
 * A file system, swap, a device on top of it (LVM, RAID, LUKS, a loop), or whoever has it open, as
 * far as this user may look.
 *
 * Return: true when somebody does.
 */
bool host_block_user(struct host_fn *fn);

/**
 * host_process_user() - the process that has a function open through vfio
 * @fn: function; its address, driver and group are known, user and fix are filled in
 *
 * Return: true when one has, and this user may look at it.
 */
bool host_process_user(struct host_fn *fn);

#endif /* BELFRY_TOOLS_HOST_USER_H */

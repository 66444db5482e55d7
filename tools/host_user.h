/* SPDX-License-Identifier: MIT */
/* Who uses a function: a part of host.h, apart for its size. */
#ifndef BELFRY_TOOLS_HOST_USER_H
#define BELFRY_TOOLS_HOST_USER_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/host.h"

/**
 * host_process_user() - the process that has a function open through vfio
 * @fn: function; its address and group are known
 * @user: out: for people; "" when nobody has it, or nobody that this user may look at
 * @len: bytes of @user
 *
 * Return: true when one has.
 */
bool host_process_user(const struct host_fn *fn, char *user, size_t len);

#endif /* BELFRY_TOOLS_HOST_USER_H */

/* SPDX-License-Identifier: MIT */
/*
 * All of belfry/support/: what the library is built on and knows nothing of NVMe.
 */
#ifndef BELFRY_SUPPORT_H
#define BELFRY_SUPPORT_H

#include <belfry/support/align.h>
#include <belfry/support/atomic.h>
#include <belfry/support/autoptr.h>
#include <belfry/support/barrier.h>
#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>
#include <belfry/support/io.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>
#include <belfry/support/mmio.h>
#include <belfry/support/mutex.h>
#include <belfry/support/publish.h>
#include <belfry/support/rwlock.h>
#include <belfry/support/ticks.h>
#include <belfry/support/timer.h>
#include <belfry/support/trace.h>

#endif /* BELFRY_SUPPORT_H */

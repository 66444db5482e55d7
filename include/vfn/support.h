/* SPDX-License-Identifier: MIT */
/*
 * All of vfn/support/, and the headers of the system that programs rely on finding here.
 */
#ifndef VFN_SUPPORT_H
#define VFN_SUPPORT_H

#include <assert.h>
#include <byteswap.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vfn/support/align.h>
#include <vfn/support/atomic.h>
#include <vfn/support/autoptr.h>
#include <vfn/support/barrier.h>
#include <vfn/support/compiler.h>
#include <vfn/support/endian.h>
#include <vfn/support/io.h>
#include <vfn/support/log.h>
#include <vfn/support/mem.h>
#include <vfn/support/mmio.h>
#include <vfn/support/mutex.h>
#include <vfn/support/rwlock.h>
#include <vfn/support/ticks.h>
#include <vfn/support/timer.h>

#endif /* VFN_SUPPORT_H */

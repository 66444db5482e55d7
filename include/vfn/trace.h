/* SPDX-License-Identifier: MIT */
/* As <belfry/support/trace.h>, by its name in libvfn. */
#ifndef VFN_TRACE_H
#define VFN_TRACE_H

#include <belfry/support/trace.h>
#include <vfn/trace/events.h>

#endif /* VFN_TRACE_H */

/* SPDX-License-Identifier: MIT */
/* As <belfry/support/trace_events.h>, by its name in libvfn. */
#ifndef VFN_TRACE_EVENTS_H
#define VFN_TRACE_EVENTS_H

#include <belfry/support/trace_events.h>

#endif /* VFN_TRACE_EVENTS_H */

/* SPDX-License-Identifier: MIT */
/* What the library itself needs of its trace events: to have read what the environment asks for. */
#ifndef BELFRY_SRC_SUPPORT_TRACE_H
#define BELFRY_SRC_SUPPORT_TRACE_H

/**
 * trace_init() - make the events active that VFN_TRACE_EVENTS names
 *
 * Called wherever the library is entered by opening something, as nothing runs when it is loaded.
 *
 * Context: any thread; the work is done once in the life of the process.
 */
void trace_init(void);

#endif /* BELFRY_SRC_SUPPORT_TRACE_H */

/* SPDX-License-Identifier: MIT */
/*
 * As <belfry/support/log.h>, by its name in libvfn, with the levels' names there.
 *
 * Two of these names are <syslog.h>'s as well, with other values. In a program that has both headers
 * they are the system's, whichever comes first, and stand for "everything" in logv_set(); what
 * log_info() and log_debug() do is the same.
 */
#ifndef VFN_SUPPORT_LOG_H
#define VFN_SUPPORT_LOG_H

#include <belfry/support/log.h>

/**
 * enum __log_level - the levels' names
 * @LOG_ERROR: as BELFRY_LOG_ERROR
 * @LOG_INFO: as BELFRY_LOG_INFO
 * @LOG_DEBUG: as BELFRY_LOG_DEBUG
 */
enum __log_level {
	LOG_ERROR = BELFRY_LOG_ERROR,
#ifndef LOG_INFO
	LOG_INFO = BELFRY_LOG_INFO,
#endif
#ifndef LOG_DEBUG
	LOG_DEBUG = BELFRY_LOG_DEBUG,
#endif
};

#endif /* VFN_SUPPORT_LOG_H */

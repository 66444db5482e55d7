/* SPDX-License-Identifier: MIT */
/* Messages that were asked for in another way than by a verbosity. */
#ifndef BELFRY_SRC_SUPPORT_LOG_H
#define BELFRY_SRC_SUPPORT_LOG_H

#include <stdarg.h>

/**
 * log_always() - format and deliver a message, whatever the verbosity
 * @level: of &enum belfry_log_level
 * @who: as __do_log()
 * @fmt: as __do_log()
 * @args: of @fmt
 *
 * Context: as __do_log(); errno is left alone.
 */
void log_always(int level, const char *who, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif /* BELFRY_SRC_SUPPORT_LOG_H */

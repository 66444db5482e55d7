/* SPDX-License-Identifier: MIT */
/*
 * Which trace events are active, and their text. An event's flag is a variable of its own, so that
 * code that asks for it reads one byte; the table here finds it by name.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <belfry/support/log.h>
#include <belfry/support/trace.h>

#include "support/deadline.h"
#include "support/errno.h"
#include "support/log.h"
#include "support/trace.h"

#define EVENTS(X)                     \
	X(NVME_CQ_GET_CQE)            \
	X(NVME_CQ_GOT_CQE)            \
	X(NVME_CQ_SPIN)               \
	X(NVME_CQ_UPDATE_HEAD)        \
	X(NVME_SQ_POST)               \
	X(NVME_SQ_UPDATE_TAIL)        \
	X(NVME_SKIP_MMIO)             \
	X(IOMMUFD_IOAS_MAP_DMA)       \
	X(IOMMUFD_IOAS_UNMAP_DMA)     \
	X(VFIO_IOMMU_TYPE1_MAP_DMA)   \
	X(VFIO_IOMMU_TYPE1_UNMAP_DMA) \
	X(VFIO_IOMMU_TYPE1_RECYCLE_EPHEMERAL_IOVAS)

#define FLAG(name) bool TRACE_##name##_ACTIVE;
EVENTS(FLAG)

#define ROW(name) {#name, &TRACE_##name##_ACTIVE},
static const struct {
	const char *name;
	bool *active;
} events[] = {EVENTS(ROW)};

#define NR_EVENTS (sizeof(events) / sizeof(events[0]))

static int set_active(const char *prefix, size_t len, bool active)
{
	int n = 0;

	for (size_t i = 0; i < NR_EVENTS; i++) {
		if (!strncasecmp(events[i].name, prefix, len)) {
			STORE_PTR(events[i].active, active);
			n++;
		}
	}
	return n;
}

static void read_env(void)
{
	const char *item = getenv("VFN_TRACE_EVENTS");
	keep_errno();

	while (item && *item) {
		size_t len = strcspn(item, ",");
		size_t sign = *item == '-' || *item == '+';

		/* A lone sign, or nothing between two commas, would stand for all events. */
		if (len > sign && !set_active(item + sign, len - sign, *item != '-'))
			log_error("VFN_TRACE_EVENTS: no event begins with '%.*s'\n",
				  (int)(len - sign), item + sign);
		item += len;
		item += *item == ',';
	}
}

void trace_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_env);
}

int trace_event_set_active(const char *prefix, bool active)
{
	trace_init();
	return set_active(prefix, strlen(prefix), active);
}

void __trace_emit(const char *who, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_always(BELFRY_LOG_DEBUG, who, fmt, args);
	va_end(args);
}

bool __trace_ratelimited(struct trace_ratelimit_state *state, unsigned int interval, uint64_t tag)
{
	uint64_t now = now_ns();

	if (LOAD(state->tag) == tag && now < LOAD(state->next_ns))
		return true;
	STORE(state->tag, tag);
	STORE(state->next_ns, now + interval * (uint64_t)NS_PER_SEC);
	return false;
}

/* SPDX-License-Identifier: MIT */
/*
 * Trace events: what the driver does, command by command, to be watched from outside or as text.
 *
 * Each event of belfry/support/trace_events.h is a static probe of the provider "belfry": a nop and
 * a note about it in the ELF file, which bpftrace, perf, gdb and systemtap know how to find. It
 * costs that nop, reads nothing, and its arguments are what is in registers anyhow. The probes of
 * inline functions are in the program that was compiled with them, provided that <sys/sdt.h> was
 * there (Debian: systemtap-sdt-dev).
 *
 * The text of an event goes to the handler of log_set_handler(), or to standard error, as a message
 * of level BELFRY_LOG_DEBUG whatever the verbosity, for as long as the event is active: by
 * trace_event_set_active(), or by the environment variable VFN_TRACE_EVENTS. That is a list of
 * beginnings of names, separated by commas, each with a "-" in front to make events inactive
 * again, or with a "+" for looks; upper and lower case are the same, and later ones win:
 *
 *	VFN_TRACE_EVENTS=nvme,-nvme_cq_get
 *
 * It is read when the first device or address space is opened. What happens once in a while has
 * text in every build; what happens for each command only in code that is compiled with -DDEBUG,
 * since to ask whether an event is active is a load and a branch.
 */
#ifndef BELFRY_SUPPORT_TRACE_H
#define BELFRY_SUPPORT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/trace_events.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A probe: a nop, and a note that says where it is, what it is called and where its arguments are,
 * in the form that systemtap's <sys/sdt.h> has set. Its macros are not used because gcc takes them
 * for long code, and then no longer makes inline what has a probe in it ("asm inline" says that it
 * is short); and so that the probes are there on machines without that header. Arguments are 64
 * bits wide: pointers, size_t, iova_t. "The previous section's group" (the question mark) is for
 * code that the linker may throw away.
 */
#if defined(__ELF__) && __SIZEOF_POINTER__ == 8 && !defined(__CHECKER__)
#define __TRACE_NOTE(name, args)                                                     \
	"990:	nop\n"                                                                 \
	"	.pushsection .note.stapsdt, \"?\", \"note\"\n"                             \
	"	.balign 4\n"                                                               \
	"	.4byte 992f - 991f, 994f - 993f, 3\n"                                      \
	"991:	.asciz \"stapsdt\"\n"                                                  \
	"992:	.balign 4\n"                                                           \
	"993:	.8byte 990b, _.stapsdt.base, 0\n"                                      \
	"	.asciz \"belfry\"\n"                                                       \
	"	.asciz \"" #name "\"\n"                                              \
	"	.asciz \"" args "\"\n"                                               \
	"994:	.balign 4\n"                                                           \
	"	.popsection\n"                                                             \
	"	.ifndef _.stapsdt.base\n"                                                  \
	"	.pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n" \
	"	.weak _.stapsdt.base\n"                                                    \
	"	.hidden _.stapsdt.base\n"                                                  \
	"_.stapsdt.base: .space 1\n"                                                 \
	"	.size _.stapsdt.base, 1\n"                                                 \
	"	.popsection\n"                                                             \
	"	.endif\n"
#ifdef __clang__ /* which would rather store an argument than leave it in its register */
#define __TRACE_ARG(x) "nr"(x)
#else
#define __TRACE_ARG(x) "nor"(x)
#endif
#define __trace_probe1(name, a) \
	__asm__ __inline__ __volatile__(__TRACE_NOTE(name, "8@%0")::__TRACE_ARG(a))
#define __trace_probe2(name, a, b)                                                       \
	__asm__ __inline__ __volatile__(__TRACE_NOTE(name, "8@%0 8@%1")::__TRACE_ARG(a), \
					__TRACE_ARG(b))
#define __trace_probe3(name, a, b, c)                                                         \
	__asm__ __inline__ __volatile__(__TRACE_NOTE(name, "8@%0 8@%1 8@%2")::__TRACE_ARG(a), \
					__TRACE_ARG(b), __TRACE_ARG(c))
#else
#define __trace_probe1(name, a)	      ((void)(a))
#define __trace_probe2(name, a, b)    ((void)(a), (void)(b))
#define __trace_probe3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

/**
 * trace_guard() - carry out the statement that follows only while an event is active
 * @NAME: event, in upper case
 *
 *	trace_guard(NVME_SQ_POST) {
 *		trace_emit("q%d\n", sq->id);
 *	}
 *
 * Context: any thread; a load, and a branch that is expected not to be taken.
 */
#define trace_guard(NAME)                                            \
	if (!TRACE_##NAME || TRACE_##NAME##_DISABLED ||              \
	    likely(!LOAD(TRACE_##NAME##_ACTIVE))) { /* not active */ \
	} else

/* private: the text of an event that happens for each command */
#ifdef DEBUG
#define __trace_hot(NAME, ...)                   \
	do {                                     \
		trace_guard(NAME)                \
		{                                \
			trace_emit(__VA_ARGS__); \
		}                                \
	} while (0)
#else
#define __trace_hot(NAME, ...) ((void)0)
#endif

/**
 * trace_emit() - deliver the text of an event, after trace_guard()
 * @...: format and its arguments, as printf()
 *
 * Context: as __do_log(); errno is left alone.
 */
#define trace_emit(...) __trace_emit(__func__, __VA_ARGS__)

/**
 * __trace_emit() - deliver a text, whatever the verbosity
 * @who: what it begins with, before a colon; NULL for nothing
 * @fmt: as printf(); a line break at its end is dropped
 * @...: as printf()
 *
 * Context: as __do_log(); errno is left alone.
 */
void __trace_emit(const char *who, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * struct trace_ratelimit_state - when a place in the program last emitted a text
 * @next_ns: when it may do so again, on the monotonic clock; 0 at first
 * @tag: what it was about then
 *
 * Written by __trace_ratelimited() alone.
 */
struct trace_ratelimit_state {
	uint64_t next_ns;
	uint64_t tag;
};

/**
 * __trace_ratelimited() - would a text come too soon after the last
 * @state: of the place in the program
 * @interval: seconds that are to pass between two texts with the same @tag
 * @tag: what the text is about, any number; a text about something else is never too soon
 *
 * Context: any thread. Of two threads at the same moment both may be told to go on.
 * Return: true if it is to be left out; false if it is to be emitted, which is noted.
 */
bool __trace_ratelimited(struct trace_ratelimit_state *state, unsigned int interval, uint64_t tag);

/**
 * trace_emitrl() - trace_emit(), but not too often
 * @interval: seconds that are to pass between two texts with the same @tag
 * @tag: what the text is about, a number or a pointer
 * @...: format and its arguments, as printf()
 *
 * Context: as trace_emit().
 */
#define trace_emitrl(interval, tag, ...)                                                          \
	do {                                                                                      \
		static struct trace_ratelimit_state __trace_state;                                \
		if (!__trace_ratelimited(&__trace_state, (interval), (uint64_t)(uintptr_t)(tag))) \
			trace_emit(__VA_ARGS__);                                                  \
	} while (0)

/**
 * trace_event_set_active() - choose the events whose text is wanted
 * @prefix: what their names begin with, in either case; "" for all
 * @active: whether it is
 *
 * Goes before VFN_TRACE_EVENTS, whenever it is called.
 *
 * Context: any thread.
 * Return: how many events there are of that kind.
 */
int trace_event_set_active(const char *prefix, bool active);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_TRACE_H */

/* SPDX-License-Identifier: MIT */
/*
 * The emulated controller's sleep (src/emu/thread.c), searched exhaustively.
 *
 * Three threads: the controller; a host, which writes a doorbell by a plain store
 * and then looks at the controller's flag, twice; and a caller, which posts to the
 * mailbox by a locked exchange and then looks at the flag. Memory is that of a
 * total-store-order machine: the host's store waits in a buffer, from which it may
 * reach memory at any later moment, and must when the host does a locked operation
 * or the controller runs membarrier.
 *
 * Lost is a doorbell or a call if the controller waits in the kernel, nobody is
 * left to wake it, and what it has seen is not what is there. There must be no
 * such state; and to show that the search would find one, it must find one as soon
 * as the membarrier, the last look, or the order of flag and last look is gone.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_RINGS 2

enum sleep {
	AWAKE,
	DOZING,
	ASLEEP
};

enum ctrl_pc {
	POLL,
	RAISE,
	BARRIER,
	LOOK,
	SETTLE,
	WAIT,
	LOWER
};
enum host_pc {
	STORE,
	CHECK,
	WAKE,
	HOST_DONE
};
enum call_pc {
	POST,
	CALL_CHECK,
	CALL_WAKE,
	CALL_DONE
};

/* What the protocol has. */
struct protocol {
	const char *name;
	bool membarrier;
	bool last_look;
	bool flag_first; /* the flag is raised before the last look, not after it */
	bool loses;	 /* what the search must find */
};

struct state {
	uint8_t ctrl, host, call; /* program counters */
	uint8_t asleep;
	uint8_t blocked; /* the controller waits in the kernel */
	uint8_t db, buf; /* doorbell in memory; in the host's store buffer, 0 if empty */
	uint8_t box;	 /* mailbox */
	uint8_t seen_db, seen_box;
	uint8_t rings;
};

#define MAX_STATES (1u << 16)

struct search {
	const struct protocol *p;
	struct state states[MAX_STATES];
	uint32_t nr, done;
	uint32_t lost;
};

static void add(struct search *s, const struct state *st)
{
	for (uint32_t i = 0; i < s->nr; i++)
		if (!memcmp(&s->states[i], st, sizeof(*st)))
			return;
	if (s->nr == MAX_STATES) {
		fprintf(stderr, "too many states\n");
		exit(EXIT_FAILURE);
	}
	s->states[s->nr++] = *st;
}

static void drain(struct state *st)
{
	if (st->buf)
		st->db = st->buf;
	st->buf = 0;
}

static bool work(const struct state *st)
{
	return st->db != st->seen_db || st->box != st->seen_box;
}

/* One step of the controller. */
static void step_ctrl(struct search *s, struct state st)
{
	const struct protocol *p = s->p;

	switch ((enum ctrl_pc)st.ctrl) {
	case POLL:
		/* It may go to sleep after any round, so that this is both ends of one. */
		st.seen_db = st.db;
		st.seen_box = st.box;
		st.ctrl = p->flag_first ? RAISE : LOOK;
		break;
	case RAISE:
		st.asleep = DOZING;
		st.ctrl = BARRIER;
		break;
	case BARRIER:
		if (p->membarrier)
			drain(&st);
		st.ctrl = p->flag_first ? LOOK : SETTLE;
		break;
	case LOOK:
		if (p->last_look && work(&st))
			st.ctrl = LOWER;
		else
			st.ctrl = p->flag_first ? SETTLE : RAISE;
		break;
	case SETTLE:
		st.ctrl = st.asleep == DOZING ? WAIT : LOWER;
		if (st.asleep == DOZING)
			st.asleep = ASLEEP;
		break;
	case WAIT:
		if (!st.blocked && st.asleep == ASLEEP)
			st.blocked = 1;
		else if (!st.blocked)
			st.ctrl = LOWER;
		else
			return;
		break;
	case LOWER:
		st.asleep = AWAKE;
		st.ctrl = POLL;
		break;
	}
	add(s, &st);
}

static void wake(struct state *st)
{
	if (st->asleep == ASLEEP)
		st->blocked = 0;
	st->asleep = AWAKE;
}

static void step_host(struct search *s, struct state st)
{
	switch ((enum host_pc)st.host) {
	case STORE:
		drain(&st); /* the buffer is a queue of one here */
		st.buf = ++st.rings;
		st.host = CHECK;
		break;
	case CHECK:
		st.host = st.asleep ? WAKE : st.rings < HOST_RINGS ? STORE : HOST_DONE;
		break;
	case WAKE:
		drain(&st);
		wake(&st);
		st.host = st.rings < HOST_RINGS ? STORE : HOST_DONE;
		break;
	case HOST_DONE:
		return;
	}
	add(s, &st);
}

static void step_call(struct search *s, struct state st)
{
	switch ((enum call_pc)st.call) {
	case POST:
		st.box = 1;
		st.call = CALL_CHECK;
		break;
	case CALL_CHECK:
		st.call = st.asleep ? CALL_WAKE : CALL_DONE;
		break;
	case CALL_WAKE:
		wake(&st);
		st.call = CALL_DONE;
		break;
	case CALL_DONE:
		return;
	}
	add(s, &st);
}

static void step_memory(struct search *s, struct state st)
{
	if (!st.buf)
		return;
	drain(&st);
	add(s, &st);
}

static bool lost(const struct state *st)
{
	return st->blocked && st->host == HOST_DONE && st->call == CALL_DONE && !st->buf &&
	       work(st);
}

static int run(const struct protocol *p)
{
	static struct search s;
	struct state first;

	memset(&first, 0, sizeof(first)); /* states are compared by memcmp() */
	memset(&s, 0, sizeof(s));
	s.p = p;
	add(&s, &first);
	for (; s.done < s.nr; s.done++) {
		struct state st = s.states[s.done];

		s.lost += lost(&st);
		step_ctrl(&s, st);
		step_host(&s, st);
		step_call(&s, st);
		step_memory(&s, st);
	}
	printf("%-36s %5u states, %3u lost: %s\n", p->name, s.nr, s.lost,
	       !!s.lost == p->loses ? "as it must be" : "WRONG");
	return !!s.lost == p->loses ? 0 : -1;
}

int main(void)
{
	static const struct protocol protocols[] = {
		{"as it is", .membarrier = true, .last_look = true, .flag_first = true},
		{"without membarrier", .last_look = true, .flag_first = true, .loses = true},
		{"without the last look", .membarrier = true, .flag_first = true, .loses = true},
		{"last look before the flag", .membarrier = true, .last_look = true, .loses = true},
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		failed |= run(&protocols[i]);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

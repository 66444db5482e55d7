/* SPDX-License-Identifier: MIT */
/*
 * Publication in the translation table (src/iommu/map.c, table.c, translate.h): one thread maps and
 * unmaps, another translates without a lock. Those who map do so under the address space's lock, at
 * whose release all their stores are in memory: so they are one thread here, that does anything.
 *
 * The memory has two pages. Mappings come and go there: one of both pages, one of each; the table
 * has a slot of the top, which leads to a leaf or, for a mapping of all of it, is the entry itself.
 * A writer's stores wait in a buffer, in their order, and reach memory at any later moment, but not
 * later than what the backend does (a system call, or a lock) nor than the lock's release.
 *
 * Whatever a reader gets must be true at the moment in which it loads the word: the device sees the
 * page, through that mapping, and to the end that the word says.
 *
 * FILL_FIRST: the table is filled before the device sees the memory.
 * UNMAP_FIRST: the device loses the memory before the table is cleared.
 * NO_DRAIN: the backend does not wait for stores.
 * TWO_WORDS: IOVA and length are words of their own.
 *
 * fails: FILL_FIRST UNMAP_FIRST NO_DRAIN TWO_WORDS
 */
#define NR_MAPPINGS 3 /* 1: both pages, 2: the first, 3: the second; 0 is none */
#define ROUNDS	    5
#define BUFFER	    4

#define LEAF 4 /* in the slot: there is a leaf */

byte slot;	    /* 0, LEAF, or a mapping of all */
byte entry[2];	    /* of the leaf: mapping */
byte length[2];	    /* of the leaf, with TWO_WORDS: pages to the end */
bool device[4];	    /* by mapping: the device sees it */
byte top;	    /* the slot as the writer knows it */
bool done;

/* Pages from @page to the end of mapping @m, which has it. */
#define LEFT(m, page) ((m) == 1 -> 2 - (page) : 1)

/* A store buffer: what to store where. 0 .. 1 entries, 2 .. 3 lengths, 4 the slot. */
typedef store {
	byte where, what
}

inline drain_one() {
	atomic {
		if
		:: buf[0].where < 2 -> entry[buf[0].where] = buf[0].what
		:: buf[0].where == 2 || buf[0].where == 3 -> length[buf[0].where - 2] = buf[0].what
		:: buf[0].where == 4 -> slot = buf[0].what
		fi;
		i = 1;
		do
		:: i < nr -> buf[i - 1].where = buf[i].where; buf[i - 1].what = buf[i].what; i++
		:: else -> break
		od;
		nr--;
		i = 0
	}
}

inline drain() {
	do
	:: nr > 0 -> drain_one()
	:: nr == 0 -> break
	od
}

inline put(a, b) {
	do
	:: nr > 0 -> drain_one() /* any number of those before, at any time */
	:: nr < BUFFER -> break
	od;
	atomic {
		buf[nr].where = a;
		buf[nr].what = b;
		nr++
	}
}

inline backend(which, sees) {
#ifndef NO_DRAIN
	drain();
#endif
	device[which] = sees
}

/* What mapping @which leaves in the table: @val is that, or 0. */
inline table(which, val) {
	if
	:: which == 1 && whole -> put(4, val)
	:: which == 1 && !whole ->
		put(0, val);
		put(2, (val -> 2 : 0));
		put(1, val);
		put(3, (val -> 1 : 0))
	:: which == 2 -> put(0, val); put(2, (val -> 1 : 0))
	:: which == 3 -> put(1, val); put(3, (val -> 1 : 0))
	fi
}

inline map(m) {
	/* The slot of a mapping of all is its own, unless a leaf is there. */
	whole = (m == 1 && top != LEAF);
	if
	:: m != 1 && top == 0 -> put(4, LEAF); top = LEAF
	:: whole -> top = 1
	:: else
	fi;
#ifdef FILL_FIRST
	table(m, m);
	backend(m, true)
#else
	backend(m, true);
	table(m, m)
#endif
}

inline unmap(m) {
	whole = (m == 1 && top != LEAF);
#ifdef UNMAP_FIRST
	backend(m, false);
	table(m, 0);
#else
	table(m, 0);
	backend(m, false);
#endif
	if
	:: whole -> top = 0
	:: else
	fi
}

active proctype writer() {
	store buf[BUFFER];
	byte nr, i, m, round;
	bool whole, mapped[4];

	do
	:: round < ROUNDS ->
		if
		:: mapped[1] || (!mapped[2] && !mapped[3]) -> m = 1
		:: mapped[2] || !mapped[1] -> m = 2
		:: mapped[3] || !mapped[1] -> m = 3
		fi;
		if
		:: mapped[m] -> unmap(m)
		:: else -> map(m)
		fi;
		mapped[m] = !mapped[m];
		drain(); /* the lock is released */
		round++
	:: round == ROUNDS -> break
	od;
	done = true
}

#define TRUE_NOW(m, page) (device[m] && ((m) == 1 || (m) == (page) + 2))

active proctype reader() {
	byte s, word, left, page;

	do
	:: !done ->
		if
		:: page = 0
		:: page = 1
		fi;
		atomic {
			s = slot;
			assert(s == 0 || s == LEAF || TRUE_NOW(s, page))
		};
		if
		:: s == LEAF ->
#ifdef TWO_WORDS
			word = entry[page];
			left = length[page];
			assert(word == 0 || left == 0 || left == LEFT(word, page))
#else
			atomic {
				word = entry[page];
				left = (word -> LEFT(word, page) : 0);
				assert(word == 0 || TRUE_NOW(word, page))
			}
#endif
		:: else
		fi
	:: done -> break
	od
}

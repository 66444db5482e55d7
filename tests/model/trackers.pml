/* SPDX-License-Identifier: MIT */
/*
 * The stack of free trackers (nvme_rq_acquire_atomic() and nvme_rq_release_atomic() in
 * include/belfry/nvme/rq.h, __nvme_rq_acquire_fresh() in src/nvme/rq.c).
 *
 * The free word has the top, the number of trackers never used, and the version. Loads and stores of
 * the word and of each tracker's link are single steps; so is a compare-and-swap; anything may
 * happen between two of them. Each thread takes trackers and gives them back, holding two at once.
 * No tracker may have two owners, and in the end none may be missing.
 *
 * NO_VERSION: popping leaves the version alone.
 * RELEASE_TOO: for comparison, giving back moves the version on as well, which is not needed.
 *
 * fails: NO_VERSION
 * holds: RELEASE_TOO
 */
#define TRACKERS 3
#define THREADS	 2
#define ROUNDS	 2

#define NONE 255

byte top, fresh = TRACKERS, version; /* the free word */
byte link[TRACKERS];	  /* what is below: tracker + 1, 0 nothing */
bool owned[TRACKERS];
bool lock;		  /* slabs->lock, around the first use of a tracker */
byte done;

#ifdef NO_VERSION
#define POPPED(v) (v)
#else
#define POPPED(v) ((v) + 1)
#endif

#ifdef RELEASE_TOO
#define PUSHED(v) ((v) + 1)
#else
#define PUSHED(v) (v)
#endif

/* The word is what it was. */
#define SAME (top == t && fresh == f && version == v)

inline load_word() {
	d_step {
		t = top;
		f = fresh;
		v = version
	}
}

inline own(which) {
	d_step {
		assert(!owned[which]);
		owned[which] = true
	}
}

/* One tracker, or NONE. */
inline acquire(got) {
	got = NONE;
	load_word();
	do
	:: t > 0 ->
		next = link[t - 1]; /* stale, if somebody was faster */
		if
		:: atomic { SAME -> top = next; version = POPPED(v) };
			got = t - 1;
			own(got);
			break
		:: atomic { else -> load_word() }
		fi
	:: t == 0 && f == 0 -> break
	:: t == 0 && f > 0 ->
		atomic { !lock -> lock = true };
		load_word();
		if
		:: t == 0 && f > 0 ->
			if
			:: atomic { SAME -> fresh = f - 1 };
				got = f - 1;
				own(got);
				lock = false;
				break
			:: atomic { else -> load_word() }
			fi
		:: else
		fi;
		lock = false
	od
}

inline release(which) {
	owned[which] = false;
	load_word();
	do
	:: link[which] = t;
		if
		:: atomic { SAME -> top = which + 1; version = PUSHED(v) };
			break
		:: atomic { else -> load_word() }
		fi
	od
}

active [THREADS] proctype thread() {
	byte t, f, v, next, a, b, round;

	do
	:: round < ROUNDS ->
		acquire(a);
		acquire(b);
		/* Given back in either order. */
		if
		:: a != NONE -> release(a); a = NONE
		:: b != NONE -> release(b); b = NONE
		:: a == NONE && b == NONE
		fi;
		if
		:: a != NONE -> release(a)
		:: b != NONE -> release(b)
		:: a == NONE && b == NONE
		fi;
		round++
	:: round == ROUNDS -> break
	od;
	done++
}

/* Free trackers are the fresh ones and those of the stack, each once. */
active proctype check() {
	byte nr, at;

	done == THREADS;
	nr = fresh;
	at = top;
	do
	:: at > 0 && nr <= TRACKERS -> nr++; at = link[at - 1]
	:: else -> break
	od;
	assert(nr == TRACKERS)
}

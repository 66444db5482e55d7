/* SPDX-License-Identifier: MIT */
/*
 * Calls to libc that fail when they are told to. The linker sends every call that the library makes
 * for memory, files, threads and to the kernel through here (--wrap; the list is in
 * tests/meson.build). One call, the n-th after fail_arm(), fails as it would where the machine has
 * run out of something; all others go on to libc, or to the pretended kernel (kernel.h).
 *
 * A call that works may still change errno, and those here do (FAIL_SPOILT; not free(), which POSIX
 * says does not, nor what gives back an error as its value): an error that is not kept over the
 * clean-up that it leads to is found the first time, and not when the machine is busy.
 *
 * What is taken and given back is counted, so that a leak is seen at once and in every build.
 */
#ifndef BELFRY_TESTS_INJECT_FAIL_H
#define BELFRY_TESTS_INJECT_FAIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define FAIL_SPOILT ENOANO /* left by calls that work; none fails with it */

/**
 * struct fail_hit - the call that failed
 * @call: its name, NULL when none did
 * @site: where it was called from
 */
struct fail_hit {
	const char *call;
	const void *site;
};

/**
 * struct fail_held - what the process holds through the calls that are looked at
 * @blocks: of the heap
 * @maps: calls of mmap() less those of munmap()
 * @pages: of 4 KiB in them
 * @threads: that were not joined
 */
struct fail_held {
	long blocks, maps, pages, threads;
};

/**
 * fail_arm() - let a call fail
 * @nth: how many calls from now, 1 or more; 0 lets none fail
 *
 * Context: one thread; calls of all threads count.
 */
void fail_arm(unsigned long nth);

/**
 * fail_disarm() - let no call fail any more
 *
 * Context: as fail_arm().
 * Return: the call that failed.
 */
struct fail_hit fail_disarm(void);

/**
 * fail_fired() - has the call failed yet
 *
 * Context: any thread.
 * Return: true since the call failed.
 */
bool fail_fired(void);

/**
 * fail_held() - what the process holds
 *
 * Context: any thread.
 * Return: counts.
 */
struct fail_held fail_held(void);

/**
 * fail_sites() - from how many places in the code a call has failed so far
 *
 * Context: any thread.
 * Return: their number.
 */
unsigned int fail_sites(void);

/**
 * fail_seen() - has a call ever been made
 * @call: its name
 *
 * Context: any thread.
 * Return: true when it was, failing or not.
 */
bool fail_seen(const char *call);

#endif /* BELFRY_TESTS_INJECT_FAIL_H */

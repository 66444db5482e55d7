/* SPDX-License-Identifier: MIT */
/*
 * Numbers of a running program, for others to read: `belfry stats` shows them.
 *
 * Statistics live in the process that drives a controller. A program that wants them seen from
 * outside makes a publisher, and now and then, from a thread of its choice, puts a snapshot together
 * and commits it. A snapshot is a small file of text that takes the place of the one before it at
 * once (rename(2)), so whoever reads has a whole one, and reading costs the program nothing.
 *
 * The files are in $XDG_RUNTIME_DIR/belfry, or else in /tmp/belfry-UID, a directory that must be the
 * user's and closed to others. docs/program.md has the format, which begins with its version.
 */
#ifndef BELFRY_SUPPORT_PUBLISH_H
#define BELFRY_SUPPORT_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first line of a file. */
#define BELFRY_PUBLISH_VERSION "belfry-stats 1"

/* Bytes, the zero included, of the names of a part and of a number, and of a program. */
#define BELFRY_PUBLISH_PART 16
#define BELFRY_PUBLISH_KEY  32
#define BELFRY_PUBLISH_NAME 256

struct belfry_publisher;

/**
 * belfry_publish_dir() - the directory of the files
 * @create: make it where it is not there
 *
 * Own: close(2).
 * Context: any thread.
 * Return: a descriptor of the directory, or -1: EPERM it is somebody else's, or open to others
 *	(logged), ENAMETOOLONG, or what mkdir(2) and open(2) give.
 */
int belfry_publish_dir(bool create);

/**
 * belfry_publish_open() - begin to publish
 * @name: what the numbers are about, as the name of a device; what is not printable ASCII is replaced
 *
 * Own: belfry_publish_close().
 * Context: any thread.
 * Return: the publisher, or NULL: as belfry_publish_dir(), ENOMEM, or what open(2) gives.
 */
struct belfry_publisher *belfry_publish_open(const char *name);

/**
 * belfry_publish_number() - add a number to the snapshot that is being made
 * @pub: publisher
 * @part: what it belongs to: a letter, then letters and digits, in lower case
 * @key: what it is, likewise and '_'
 * @value: it
 *
 * What fails here is told by belfry_publish_commit(): EINVAL a name is not as said above, or too
 * long; ENOMEM.
 *
 * Context: one thread at a time.
 */
void belfry_publish_number(struct belfry_publisher *pub, const char *part, const char *key,
			   uint64_t value);

/**
 * belfry_publish_commit() - show the snapshot, and begin a new one
 * @pub: publisher
 *
 * Context: one thread at a time; some syscalls.
 * Return: 0, or -1: what went wrong since the last one, EPERM another process has opened it, or
 *	what open(2), write(2) and rename(2) give; the earlier snapshot is still there then.
 */
int belfry_publish_commit(struct belfry_publisher *pub);

/**
 * belfry_publish_close() - publish no longer: the file is removed
 * @pub: publisher, freed; NULL is harmless. In a child of the process that opened it, the file stays
 *
 * Context: one thread.
 */
void belfry_publish_close(struct belfry_publisher *pub);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_SUPPORT_PUBLISH_H */

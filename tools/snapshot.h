/* SPDX-License-Identifier: MIT */
/*
 * Snapshots that running programs publish (belfry/support/publish.h), as they are read: none of it
 * is believed before it was checked.
 */
#ifndef BELFRY_TOOLS_SNAPSHOT_H
#define BELFRY_TOOLS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/support/publish.h>

/* Bytes of a file: more than NVME_PUBLISH_QUEUES of each kind can take. */
#define SNAPSHOT_MAX (1u << 20)

/**
 * struct snapshot_number - a number
 * @part: what it belongs to
 * @key: what it is
 * @value: it
 */
struct snapshot_number {
	char part[BELFRY_PUBLISH_PART];
	char key[BELFRY_PUBLISH_KEY];
	uint64_t value;
};

/**
 * struct snapshot - what a program has published
 * @pid: process
 * @start: when it was started, ticks since boot
 * @ns: when this was written, nanoseconds of the monotonic clock
 * @name: printable ASCII
 * @numbers: in the order of the file
 * @nr: how many
 */
struct snapshot {
	uint64_t pid;
	uint64_t start;
	uint64_t ns;
	char name[BELFRY_PUBLISH_NAME];
	struct snapshot_number *numbers;
	size_t nr;
};

/**
 * snapshot_parse() - check and take apart the text of a file
 * @text: text, and room for a zero; changed
 * @len: bytes of it
 * @snap: out
 *
 * Own: snapshot_free(), also after an error.
 * Return: NULL, or what is wrong with it.
 */
const char *snapshot_parse(char *text, size_t len, struct snapshot *snap);

/**
 * snapshot_read() - read a file
 * @dir: directory
 * @file: name in it
 * @snap: out
 * @why: out: what is wrong with it, NULL where it is merely not there, or empty yet
 *
 * Own: snapshot_free(), also after an error.
 * Return: 0 or -1.
 */
int snapshot_read(int dir, const char *file, struct snapshot *snap, const char **why);

/**
 * snapshot_alive() - does the process live that has written this
 * @snap: snapshot
 *
 * Return: false when it is gone, or another has its number.
 */
bool snapshot_alive(const struct snapshot *snap);

/**
 * snapshot_find() - a number of an earlier snapshot
 * @snap: snapshot
 * @number: names to look for
 * @at: where it is if nothing has changed
 *
 * Return: the number, or NULL.
 */
const struct snapshot_number *snapshot_find(const struct snapshot *snap,
					    const struct snapshot_number *number, size_t at);

/**
 * snapshot_free() - free what a snapshot has
 * @snap: snapshot; all zero afterwards
 */
void snapshot_free(struct snapshot *snap);

#endif /* BELFRY_TOOLS_SNAPSHOT_H */

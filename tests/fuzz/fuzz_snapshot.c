/* SPDX-License-Identifier: MIT */
/*
 * What `belfry stats` reads of other programs: whatever is in the file, it is refused with a reason, or
 * each number in it has names that fit and can be printed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyz0123456789"

static void check_name(const char *name, size_t size, const char *alphabet)
{
	size_t n = strnlen(name, size);

	if (!n || n == size || name[0] < 'a' || name[0] > 'z' || strspn(name, alphabet) != n)
		abort();
}

static void check(const struct snapshot *snap)
{
	if (!snap->pid || snap->pid > INT32_MAX ||
	    strnlen(snap->name, sizeof(snap->name)) == sizeof(snap->name))
		abort();
	for (const char *c = snap->name; *c; c++) {
		if (*c < ' ' || *c > '~')
			abort();
	}
	for (size_t i = 0; i < snap->nr; i++) {
		check_name(snap->numbers[i].part, sizeof(snap->numbers[i].part), ALPHANUMERIC);
		check_name(snap->numbers[i].key, sizeof(snap->numbers[i].key), ALPHANUMERIC "_");
		if (!snapshot_find(snap, &snap->numbers[i], i))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snapshot snap;
	char *text = malloc(len + 1);

	if (!text)
		return 0;
	memcpy(text, data, len);
	if (!snapshot_parse(text, len, &snap))
		check(&snap);
	snapshot_free(&snap);
	free(text);
	return 0;
}

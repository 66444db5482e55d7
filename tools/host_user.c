/* SPDX-License-Identifier: MIT */
/*
 * Who uses a function. A namespace is used when something is mounted from it or its partitions,
 * swaps to it, is stacked on it, or has opened it for itself alone; the last is what the kernel
 * itself goes by, the others say it in words.
 */
#include "tools/host_user.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/pci.h>
#include <belfry/support.h>

/* The first entry of a folder, "" when there is none. */
static void first_entry(const char *path, char *name, size_t len)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	*name = '\0';
	while (dir && !*name && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			snprintf(name, len, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Is it in the table? @column is where device names, or numbers, are. */
static bool in_table(const char *table, int column, const char *wanted, int also, char *value,
		     size_t len)
{
	FILE *file = fopen(table, "re");
	char line[4096];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *save, *word = strtok_r(line, " \t\n", &save);

		*value = '\0';
		for (int i = 0; word; i++, word = strtok_r(NULL, " \t\n", &save)) {
			found |= i == column && !strcmp(word, wanted);
			if (i == also)
				snprintf(value, len, "%s", word);
		}
	}
	if (file)
		fclose(file);
	return found;
}

/* A disk or a partition. */
static bool block_user(const char *name, char *user, size_t len)
{
	char path[300], number[32], other[HOST_TEXT];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/block/%s/holders", name);
	first_entry(path, other, sizeof(other));
	if (*other) {
		snprintf(user, len, "%s is part of %s", name, other);
		return true;
	}

	host_read(number, sizeof(number), "/sys/class/block/%s/dev", name);
	if (*number && in_table("/proc/self/mountinfo", 2, number, 4, other, sizeof(other))) {
		snprintf(user, len, "%s is mounted on %s", name, other);
		return true;
	}

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (in_table("/proc/swaps", 0, path, 1, other, sizeof(other))) {
		snprintf(user, len, "%s is swapped on", name);
		return true;
	}

	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
	} else if (errno == EBUSY) {
		snprintf(user, len, "%s is in use by the kernel or a program", name);
		return true;
	}
	return false;
}

/* A disk and its partitions: those say it better. */
static bool disk_user(const char *disk, char *user, size_t len)
{
	struct dirent *entry;
	bool used = false;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/block/%s", disk);
	dir = opendir(path);
	while (dir && !used && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, disk, strlen(disk)))
			used = block_user(entry->d_name, user, len);
	}
	if (dir)
		closedir(dir);
	return used || block_user(disk, user, len);
}

/* The name of the disk, from that of its path through one controller: nvme0c1n2 is nvme0n2. */
static void disk_name(char *disk, size_t len, const char *path)
{
	const char *c = strchr(path, 'c'), *rest = c;

	while (rest && *++rest && isdigit((unsigned char)*rest))
		;
	if (c)
		snprintf(disk, len, "%.*s%s", (int)(c - path), path, rest);
	else
		snprintf(disk, len, "%s", path);
}

/* All disks in a controller's folder. */
static bool controller_user(const char *controller, char *user, size_t len)
{
	struct dirent *entry;
	bool used = false;
	DIR *dir = opendir(controller);

	while (dir && !used && (entry = readdir(dir))) {
		char disk[HOST_TEXT];

		if (strncmp(entry->d_name, "nvme", 4))
			continue;
		disk_name(disk, sizeof(disk), entry->d_name);
		used = disk_user(disk, user, len);
	}
	if (dir)
		closedir(dir);
	return used;
}

bool host_block_user(const char *bdf, char *user, size_t len)
{
	struct dirent *entry;
	bool used = false;
	char path[64];
	DIR *dir;

	*user = '\0';
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme", bdf);
	dir = opendir(path);
	while (dir && !used && (entry = readdir(dir))) {
		char controller[400];

		if (strncmp(entry->d_name, "nvme", 4))
			continue;
		snprintf(controller, sizeof(controller), "%s/%s", path, entry->d_name);
		used = controller_user(controller, user, len);
	}
	if (dir)
		closedir(dir);
	return used;
}

/* Has the process one of these nodes open? */
static bool has_open(const char *pid, const char *a, const char *b)
{
	char path[64], link[512], target[256];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = n > 0 && (!strcmp(target, a) || !strcmp(target, b));
	}
	if (dir)
		closedir(dir);
	return found;
}

bool host_process_user(const struct host_fn *fn, char *user, size_t len)
{
	char group[64], node[64], name[HOST_TEXT];
	__autofree char *id = pci_get_device_vfio_id(fn->bdf);
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	*user = '\0';
	if (!*fn->group || !strstr(fn->driver, "vfio"))
		return false;
	snprintf(group, sizeof(group), "/dev/vfio/%s", fn->group);
	snprintf(node, sizeof(node), "/dev/vfio/devices/%s", id ? id : "");

	dir = opendir("/proc");
	while (dir && !found && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !has_open(entry->d_name, group, node))
			continue;
		host_read(name, sizeof(name), "/proc/%s/comm", entry->d_name);
		snprintf(user, len, "process %.20s (%s)", entry->d_name, name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

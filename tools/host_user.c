/* SPDX-License-Identifier: MIT */
/*
 * Who uses a function. A namespace is used when something is mounted from it or its partitions,
 * swaps to it, is stacked on it, has opened it for itself alone, or has it open at all. The kernel itself
 * goes by the fourth only; the others say it in words, and with the command that ends it.
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

/* Block devices on top of each other: more than anybody stacks. */
#define MAX_LEVELS 16

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

/* Mounted, or swapped on. */
static bool plainly_used(struct host_fn *fn, const char *name)
{
	char number[32], path[300], other[HOST_TEXT];

	host_read(number, sizeof(number), "/sys/class/block/%s/dev", name);
	if (*number && in_table("/proc/self/mountinfo", 2, number, 4, other, sizeof(other))) {
		snprintf(fn->user, sizeof(fn->user), "%s is mounted on %s", name, other);
		snprintf(fn->fix, sizeof(fn->fix), "umount %s", other);
		return true;
	}

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (!in_table("/proc/swaps", 0, path, 1, other, sizeof(other)))
		return false;
	snprintf(fn->user, sizeof(fn->user), "%s is swapped on", name);
	snprintf(fn->fix, sizeof(fn->fix), "swapoff %s", path);
	return true;
}

/* What has to go first: that which is on top. */
static void fix_stack(struct host_fn *fn, const char *holder)
{
	char top[HOST_TEXT], next[HOST_TEXT], name[HOST_TEXT], path[300];

	snprintf(top, sizeof(top), "%s", holder);
	for (int level = 0; level < MAX_LEVELS; level++) {
		snprintf(path, sizeof(path), "/sys/class/block/%s/holders", top);
		first_entry(path, next, sizeof(next));
		if (!*next)
			break;
		snprintf(top, sizeof(top), "%s", next);
	}

	if (plainly_used(fn, top))
		return;
	host_read(name, sizeof(name), "/sys/class/block/%s/dm/name", top);
	if (*name)
		snprintf(fn->fix, sizeof(fn->fix), "dmsetup remove %s", name);
	else
		snprintf(fn->fix, sizeof(fn->fix), "mdadm --stop /dev/%s", top);
}

static bool stacked_on(struct host_fn *fn, const char *name)
{
	char path[300], holder[HOST_TEXT];

	snprintf(path, sizeof(path), "/sys/class/block/%s/holders", name);
	first_entry(path, holder, sizeof(holder));
	if (!*holder)
		return false;
	fix_stack(fn, holder);
	snprintf(fn->user, sizeof(fn->user), "%s is part of %s", name, holder);
	return true;
}

/* A loop device is no holder, and has it open as no process has. */
static bool looped(struct host_fn *fn, const char *name)
{
	char path[300], file[HOST_TEXT];
	DIR *dir = opendir("/sys/class/block");
	struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof(path), "/dev/%s", name);
	while (dir && !found && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "loop", 4))
			continue;
		host_read(file, sizeof(file), "/sys/class/block/%s/loop/backing_file",
			  entry->d_name);
		if (strcmp(file, path))
			continue;
		snprintf(fn->user, sizeof(fn->user), "%s is what %.15s is made of", name,
			 entry->d_name);
		snprintf(fn->fix, sizeof(fn->fix), "losetup -d /dev/%.15s", entry->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* A disk or a partition. */
static bool block_user(struct host_fn *fn, const char *name)
{
	char path[300];
	int fd;

	if (stacked_on(fn, name) || plainly_used(fn, name) || looped(fn, name))
		return true;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
	} else if (errno == EBUSY) {
		snprintf(fn->user, sizeof(fn->user), "%s is in use by the kernel or a program",
			 name);
		snprintf(fn->fix, sizeof(fn->fix), "fuser -v %s", path);
		return true;
	}
	return false;
}

/* A disk and its partitions: those say it better. */
static bool disk_user(struct host_fn *fn, const char *disk)
{
	struct dirent *entry;
	bool used = false;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/block/%s", disk);
	dir = opendir(path);
	while (dir && !used && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, disk, strlen(disk)))
			used = block_user(fn, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return used || block_user(fn, disk);
}

/* ---- processes ---- */

/* Paths that count: nodes of vfio, or with @disk those of a namespace. */
struct nodes {
	char group[64], own[64];
	const char *disk;
};

static bool is_node(const struct nodes *nodes, const char *path)
{
	size_t len = nodes->disk ? strlen(nodes->disk) : 0;

	if (!nodes->disk)
		return !strcmp(path, nodes->group) || !strcmp(path, nodes->own);
	if (strncmp(path, "/dev/", 5))
		return false;
	path += 5;
	/* nvme0n1, its partition nvme0n1p1, and its other form ng0n1. */
	if (!strncmp(path, nodes->disk, len))
		return !path[len] || path[len] == 'p';
	return !strncmp(path, "ng", 2) && !strcmp(path + 2, nodes->disk + 4);
}

/* Which of the nodes has the process open? */
static bool has_open(const char *pid, const struct nodes *nodes, char *target, size_t len)
{
	char path[64], link[512];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		n = readlink(link, target, len - 1);
		target[n > 0 ? n : 0] = '\0';
		found = n > 0 && is_node(nodes, target);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool process_user(struct host_fn *fn, const struct nodes *nodes)
{
	char name[HOST_TEXT], target[HOST_TEXT];
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !has_open(entry->d_name, nodes, target, sizeof(target)))
			continue;
		host_read(name, sizeof(name), "/proc/%s/comm", entry->d_name);
		snprintf(fn->user, sizeof(fn->user), "process %.20s (%.32s)%s%.64s", entry->d_name,
			 name, nodes->disk ? " has " : "", nodes->disk ? target : "");
		snprintf(fn->fix, sizeof(fn->fix), "kill %.20s", entry->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool disk_process(struct host_fn *fn, const char *disk)
{
	const struct nodes nodes = {.disk = disk};

	return process_user(fn, &nodes);
}

/* ---- disks of a function ---- */

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

/* Of all disks in a controller's folder: the first that @uses says so of. */
static bool in_controller(struct host_fn *fn, const char *controller,
			  bool (*uses)(struct host_fn *fn, const char *disk))
{
	struct dirent *entry;
	bool used = false;
	DIR *dir = opendir(controller);

	while (dir && !used && (entry = readdir(dir))) {
		char disk[HOST_TEXT];

		if (strncmp(entry->d_name, "nvme", 4))
			continue;
		disk_name(disk, sizeof(disk), entry->d_name);
		used = uses(fn, disk);
	}
	if (dir)
		closedir(dir);
	return used;
}

static bool in_function(struct host_fn *fn, bool (*uses)(struct host_fn *fn, const char *disk))
{
	struct dirent *entry;
	bool used = false;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme", fn->bdf);
	dir = opendir(path);
	while (dir && !used && (entry = readdir(dir))) {
		char controller[400];

		if (strncmp(entry->d_name, "nvme", 4))
			continue;
		snprintf(controller, sizeof(controller), "%s/%s", path, entry->d_name);
		used = in_controller(fn, controller, uses);
	}
	if (dir)
		closedir(dir);
	return used;
}

bool host_block_user(struct host_fn *fn)
{
	return in_function(fn, disk_user) || in_function(fn, disk_process);
}

bool host_process_user(struct host_fn *fn)
{
	__autofree char *id = pci_get_device_vfio_id(fn->bdf);
	struct nodes nodes = {.disk = NULL};

	if (!*fn->group || !strstr(fn->driver, "vfio"))
		return false;
	snprintf(nodes.group, sizeof(nodes.group), "/dev/vfio/%s", fn->group);
	snprintf(nodes.own, sizeof(nodes.own), "/dev/vfio/devices/%s", id ? id : "");
	return process_user(fn, &nodes);
}

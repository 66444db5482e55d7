/* SPDX-License-Identifier: MIT */
/*
 * Has a block device in use, in one of the ways that are not a file system: for itself alone until it
 * is killed, as a mounted one has; just open, for as long; or under a device of the device mapper, as
 * LVM and LUKS have it.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dm-ioctl.h>
#include <linux/fs.h>

#define DM_NAME "held"

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char params[128];
};

static int dm(unsigned long what, const char *disk, uint64_t sectors)
{
	struct request req = {
		.head = {.version = {DM_VERSION_MAJOR, 0, 0},
			 .data_size = sizeof(req),
			 .data_start = offsetof(struct request, target),
			 .target_count = disk ? 1 : 0,
			 .name = DM_NAME},
		.target = {.length = sectors, .target_type = "linear"},
	};
	int fd = open("/dev/mapper/control", O_RDWR), ret;

	if (disk)
		snprintf(req.params, sizeof(req.params), "%s 0", disk);
	ret = fd < 0 ? -1 : ioctl(fd, what, &req);
	if (ret)
		perror("/dev/mapper/control");
	if (fd >= 0)
		close(fd);
	return ret ? 1 : 0;
}

static int stack_on(const char *disk)
{
	uint64_t bytes;
	int fd = open(disk, O_RDONLY);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes)) {
		perror(disk);
		return 1;
	}
	close(fd);
	return dm(DM_DEV_CREATE, NULL, 0) || dm(DM_TABLE_LOAD, disk, bytes / 512) ||
	       dm(DM_DEV_SUSPEND, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *how = argc == 3 ? argv[2] : "alone";

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: vm_hold DISK [alone | open | stack | unstack]\n");
		return 2;
	}
	if (!strcmp(how, "stack"))
		return stack_on(argv[1]);
	if (!strcmp(how, "unstack"))
		return dm(DM_DEV_REMOVE, NULL, 0);
	if (open(argv[1], O_RDWR | (strcmp(how, "open") ? O_EXCL : 0)) < 0) {
		perror(argv[1]);
		return 1;
	}
	pause();
	return 0;
}

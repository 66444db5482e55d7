/* SPDX-License-Identifier: MIT */
/* Has a block device for itself alone, as a mounted file system has, until it is killed. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 2 || open(argv[1], O_RDWR | O_EXCL) < 0) {
		perror(argc == 2 ? argv[1] : "usage: vm_hold DISK");
		return 1;
	}
	pause();
	return 0;
}

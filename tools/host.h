/* SPDX-License-Identifier: MIT */
/*
 * The machine that the command runs on, as sysfs and /proc show it: which NVMe functions there are,
 * who drives them, and who uses what they hold. Nothing here changes anything.
 */
#ifndef BELFRY_TOOLS_HOST_H
#define BELFRY_TOOLS_HOST_H

#include <stdbool.h>
#include <stddef.h>

#define HOST_BDF   16
#define HOST_TEXT  256
#define HOST_FNS   256
#define HOST_PEERS 32

/**
 * struct host_fn - an NVMe function
 * @bdf: address
 * @driver: what it is bound to, "" for nothing
 * @group: number of its IOMMU group, "" for none
 * @peers: other functions of the group
 * @nr_peers: how many
 * @model: as the kernel's driver knows it, "" when it has not got it
 * @serial: likewise
 * @node: NUMA node, -1 for none
 * @user: who uses it: a mount point, another block device, a process; "" for nobody known
 * @fix: the command that ends that, or at least begins to; "" for nobody known
 */
struct host_fn {
	char bdf[HOST_BDF];
	char driver[HOST_TEXT];
	char group[HOST_BDF];
	char peers[HOST_PEERS][HOST_BDF];
	int nr_peers;
	char model[HOST_TEXT];
	char serial[HOST_TEXT];
	int node;
	char user[2 * HOST_TEXT];
	char fix[2 * HOST_TEXT];
};

/**
 * host_list() - find all NVMe functions
 * @fns: out: HOST_FNS of them, sorted by address
 *
 * Return: how many there are, or -1 with errno.
 */
int host_list(struct host_fn *fns);

/**
 * host_look() - learn about one function
 * @fn: out
 * @bdf: address
 *
 * Return: 0, or -1: ENOENT no such function, ENODEV it is no NVMe controller, EINVAL @bdf is no
 * address.
 */
int host_look(struct host_fn *fn, const char *bdf);

/**
 * host_read() - the first line of a small file
 * @text: out: without blanks at its end; "" when there is no such file
 * @len: bytes of @text
 * @fmt: its path, as printf()
 */
void host_read(char *text, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif /* BELFRY_TOOLS_HOST_H */

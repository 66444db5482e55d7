/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the driver have in common: a device opened by name and looked at, buffers,
 * commands built and executed, and a count of what a process holds.
 *
 * Everything here asserts that it works; a test that wants to see an error calls the library
 * itself. Nothing may be called from a second thread unless it says so, because an assertion that
 * fails leaves the test by a long jump.
 */
#ifndef BELFRY_TESTS_LIB_DEV_H
#define BELFRY_TESTS_LIB_DEV_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <belfry/iommu.h>
#include <belfry/nvme.h>

#include "test.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define KIB	1024ul
#define MIB	(1024ul * KIB)
#define GIB	(1024ul * MIB)

struct emu_ctrl;
struct serve;

/* Long enough for anything that does end, under valgrind too. */
#define DEV_PATIENCE_S 60

/**
 * struct dev - a device under test
 * @ctrl: the controller
 * @id: Identify Controller
 * @ns: Identify Namespace of @nsid
 * @nsid: the first active namespace
 * @block: bytes that a block takes in the data buffer
 * @ms: metadata bytes per block in a buffer of their own
 * @nr_blocks: size of the namespace
 * @meta: where the metadata of dev_rw_cmd() goes, unless the caller says otherwise
 * @max_len: most bytes to move with one command: what MDTS allows, 1 MiB at most, whole blocks
 * @tolerant: the test makes the driver do what the specification forbids
 * @trespasses: threads that were caught on a queue of another's, as many as there are to be
 * @srv: server of this process that the device is reached through, or NULL
 */
struct dev {
	struct nvme_ctrl ctrl;
	struct nvm_id_ctrl id;
	struct nvm_id_ns ns;
	uint32_t nsid;
	size_t block;
	size_t ms;
	struct iommu_dmabuf meta;
	uint64_t nr_blocks;
	size_t max_len;
	bool tolerant;
	uint64_t trespasses;
	struct serve *srv;
};

/**
 * dev_open() - open a device and identify it and its first namespace
 * @dev: out
 * @name: its name
 *
 * With BELFRY_SERVE in the environment, an emulated controller is served by this process and reached
 * through vfio-user; the value is what follows the path of the socket in its name.
 */
void dev_open(struct dev *dev, const char *name);

/**
 * dev_emu() - the emulated controller behind a device
 * @dev: device
 *
 * Return: it, or NULL: the device is none.
 */
struct emu_ctrl *dev_emu(const struct dev *dev);

/**
 * dev_look() - the part of dev_open() after nvme_init()
 * @dev: device whose @ctrl is up; the rest is filled in
 */
void dev_look(struct dev *dev);

/**
 * dev_close() - close a device
 * @dev: device
 *
 * Where the device can tell what the driver did wrong, it did nothing wrong.
 */
void dev_close(struct dev *dev);

/**
 * dev_check() - the device has seen nothing that the specification forbids
 * @dev: device; one that cannot tell passes
 */
void dev_check(struct dev *dev);

/**
 * dev_need_write() - skip the test unless the namespace may be written to
 * @dev: device
 *
 * Emulated ones may. Any other needs its serial number in BELFRY_DEV_SERIAL.
 */
void dev_need_write(struct dev *dev);

/**
 * dev_open_io() - dev_open() of the device under test, for writing, with an I/O queue pair
 * @dev: out
 * @qsize: entries in each queue; clipped to what the controller takes
 *
 * Return: the submission queue, of qid 1.
 */
struct nvme_sq *dev_open_io(struct dev *dev, int qsize);

/**
 * dev_open_beside() - open another device in a device's address space, with an I/O queue pair
 * @dev: out
 * @name: its name
 * @beside: open device
 *
 * Return: the submission queue, of qid 1 and 8 entries.
 */
struct nvme_sq *dev_open_beside(struct dev *dev, const char *name, const struct dev *beside);

/**
 * dev_qsize() - clip a queue size to what the controller takes
 * @dev: device
 * @qsize: entries
 *
 * Return: @qsize or less.
 */
int dev_qsize(const struct dev *dev, int qsize);

/**
 * dev_buf() - zeroed memory that the device reaches
 * @dev: device
 * @len: bytes
 *
 * Aligned to the controller's page in the address space.
 *
 * Return: the memory, to be returned by iommu_put_dmabuf().
 */
struct iommu_dmabuf dev_buf(struct dev *dev, size_t len);

/**
 * dev_fill() - fill memory with bytes that tell where they belong
 * @buf: memory
 * @len: bytes
 * @seed: another seed, other bytes
 *
 * Context: any thread.
 */
void dev_fill(void *buf, size_t len, uint64_t seed);

/**
 * dev_rw_cmd() - build a command of the shape of Read and Write
 * @dev: device
 * @opcode: NVM_CMD_*
 * @slba: first block
 * @len: bytes of data buffer, whole blocks
 *
 * Context: any thread.
 * Return: the command, without a data pointer; with one for metadata, of which nothing is kept.
 */
union nvme_cmd dev_rw_cmd(const struct dev *dev, uint8_t opcode, uint64_t slba, size_t len);

/**
 * dev_wait() - wait for a tracker's command through those of others
 * @rq: tracker in flight
 * @cqe: out: the completion; may be NULL
 *
 * Context: owner of the completion queue, any thread.
 * Return: as nvme_rq_wait(), but never EAGAIN; ETIMEDOUT after DEV_PATIENCE_S.
 */
int dev_wait(struct nvme_rq *rq, struct nvme_cqe *cqe);

/**
 * dev_exec() - execute a command that has its data pointer, and wait
 * @rq: tracker
 * @cmd: command
 * @cqe: out: the completion; may be NULL
 *
 * Context: as dev_wait().
 * Return: as dev_wait().
 */
int dev_exec(struct nvme_rq *rq, union nvme_cmd *cmd, struct nvme_cqe *cqe);

/**
 * dev_rw() - move data, through a tracker and nvme_rq_mapv()
 * @dev: device
 * @sq: queue
 * @opcode: NVM_CMD_READ, _WRITE or _COMPARE
 * @slba: first block
 * @iov: buffers, mapped
 * @niov: how many
 *
 * Context: owner of both queues, any thread.
 * Return: 0, or -1 with errno of what failed.
 */
int dev_rw(struct dev *dev, struct nvme_sq *sq, uint8_t opcode, uint64_t slba, struct iovec *iov,
	   int niov);

/**
 * dev_move() - dev_rw() of one buffer
 * @dev: device
 * @sq: queue
 * @opcode: NVM_CMD_READ, _WRITE or _COMPARE
 * @slba: first block
 * @buf: buffer, mapped
 * @len: bytes, whole blocks
 *
 * Context: as dev_rw().
 * Return: as dev_rw().
 */
int dev_move(struct dev *dev, struct nvme_sq *sq, uint8_t opcode, uint64_t slba, void *buf,
	     size_t len);

/**
 * dev_reap() - take one completion, its tracker released
 * @dev: device
 * @cq: completion queue
 * @cqe: out: copy of the completion; may be NULL
 *
 * Context: owner of @cq, any thread.
 * Return: 0, or -1 with errno: ETIMEDOUT none came, EINVAL it belongs to no tracker, or that of the
 * status.
 */
int dev_reap(struct dev *dev, struct nvme_cq *cq, struct nvme_cqe *cqe);

/**
 * dev_features() - Get or Set Features of a dword
 * @dev: device
 * @opcode: NVM_ADMIN_GET_FEATURES or NVM_ADMIN_SET_FEATURES
 * @fid: feature
 * @cdw11: argument
 * @dw0: out: what came back; may be NULL
 *
 * Return: as nvme_admin().
 */
int dev_features(struct dev *dev, uint8_t opcode, uint8_t fid, uint32_t cdw11, uint32_t *dw0);

/**
 * dev_get_log() - read a log page
 * @dev: device
 * @lid: log page
 * @buf: out
 * @len: bytes, a multiple of 4
 *
 * Return: as nvme_admin().
 */
int dev_get_log(struct dev *dev, uint8_t lid, void *buf, size_t len);

/**
 * open_fds() - count this process's file descriptors
 *
 * Return: how many are open.
 */
int open_fds(void);

/**
 * fd_signalled() - wait for an eventfd, and take what it counts
 * @fd: eventfd
 * @ms: how long, in milliseconds
 *
 * Return: false when nothing was counted by then.
 */
bool fd_signalled(int fd, int ms);

/**
 * assert_nothing_mapped() - an address space is as good as new
 * @ctx: address space of which nothing is in use
 *
 * The next mapping gets the lowest IOVA that there is.
 */
void assert_nothing_mapped(struct iommu_ctx *ctx);

/**
 * mapped_bytes() - how much is mapped low in an address space
 * @ctx: address space
 *
 * Return: bytes in the first 128 MiB of the IOVAs, where long-lived mappings begin.
 */
size_t mapped_bytes(struct iommu_ctx *ctx);

/**
 * ms_since() - time since a moment
 * @start: the moment, on CLOCK_MONOTONIC
 *
 * Context: any thread.
 * Return: milliseconds.
 */
double ms_since(const struct timespec *start);

/* A call that must fail with an errno. */
#define assert_fails(call, err)               \
	do {                                  \
		errno = 0;                    \
		assert_int_equal(call, -1);   \
		assert_int_equal(errno, err); \
	} while (0)

/* A call that must work; says why when it does not. */
#define assert_works(call)                                          \
	do {                                                        \
		if (call)                                           \
			fail_msg("%s: %s", #call, strerror(errno)); \
	} while (0)

#endif /* BELFRY_TESTS_LIB_DEV_H */

/* SPDX-License-Identifier: MIT */
/*
 * A controller as the subcommands see it: open, with what Identify Controller said, and memory for
 * DMA that lives exactly as long as the controller may reach it. What fails is said on standard
 * error, with what to do about it where that is known.
 *
 * A device whose name does not begin with "emu:" may hold somebody's data. Nothing is written to
 * one, and no setting of it changed, unless dev_may_write() was given its serial number.
 */
#ifndef BELFRY_TOOLS_DEV_H
#define BELFRY_TOOLS_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/nvme.h>

/**
 * struct dev - an open controller
 * @ctrl: controller
 * @name: its name, as the user gave it
 * @id: Identify Controller
 * @admin: memory for the data of admin commands
 * @bufs: memory from dev_alloc(), a list
 */
struct dev {
	struct nvme_ctrl ctrl;
	const char *name;
	struct nvm_id_ctrl id;
	struct iommu_dmabuf admin;
	struct dev_buf *bufs;
};

/**
 * struct dev_opts - how to open a controller
 * @queues: I/O queue pairs that must be there, 0 or more
 * @timeout_ns: deadline of a command; 0 for the library's default
 * @look: do not bring it up; only its registers can be looked at then
 */
struct dev_opts {
	unsigned int queues;
	uint64_t timeout_ns;
	bool look;
};

/**
 * struct dev_ns - a namespace
 * @nsid: its identifier
 * @nr_blocks: its size, logical blocks
 * @block: bytes that a logical block takes in a buffer: data, and metadata where it follows it
 * @data: bytes of data in a logical block
 * @meta: bytes of metadata in a logical block that go through a buffer of their own
 */
struct dev_ns {
	uint32_t nsid;
	uint64_t nr_blocks;
	uint32_t block;
	uint32_t data;
	uint32_t meta;
};

/**
 * dev_open() - open a controller and, unless told otherwise, bring it up
 * @dev: out
 * @name: where the controller lives
 * @opts: how
 *
 * Own: dev_close(), also after an error.
 * Return: CMD_OK, or CMD_USAGE the name makes no sense, or CMD_FAILED.
 */
int dev_open(struct dev *dev, const char *name, const struct dev_opts *opts);

/**
 * dev_close() - close a controller and free all memory that it could reach
 * @dev: controller; harmless after a dev_open() that failed, or a second time
 */
void dev_close(struct dev *dev);

/**
 * dev_is_emulated() - is it the embedded controller, whose data is nobody's
 * @name: where the controller lives
 *
 * Return: true for "emu:".
 */
bool dev_is_emulated(const char *name);

/**
 * dev_may_write() - refuse to change a real device whose serial number was not given
 * @dev: controller
 * @serial: what the user gave, or NULL
 *
 * Return: CMD_OK, or CMD_USAGE.
 */
int dev_may_write(const struct dev *dev, const char *serial);

/**
 * dev_alloc() - zeroed memory that the controller reaches
 * @dev: controller
 * @len: bytes, 1 or more
 *
 * Own: freed by dev_close().
 * Return: page-aligned memory, or NULL, with a message.
 */
void *dev_alloc(struct dev *dev, size_t len);

/**
 * dev_admin() - execute an admin command and wait for it
 * @dev: controller
 * @cmd: command
 * @len: bytes of data, 0 for none; the data is at @dev->admin.vaddr
 * @dw0: out: dword 0 of the completion; may be NULL
 * @what: what it is for, for the message
 *
 * Return: CMD_OK, or CMD_FAILED.
 */
int dev_admin(struct dev *dev, union nvme_cmd *cmd, size_t len, uint32_t *dw0, const char *what);

/**
 * dev_try_admin() - dev_admin() that leaves what the controller refuses to the caller
 * @dev: controller
 * @cmd: command
 * @len: bytes of data, 0 for none
 * @dw0: out: dword 0 of the completion; may be NULL
 * @status: out: the status field, 0 for success
 * @what: what it is for, for the message
 *
 * Return: CMD_OK the command completed, see @status; or CMD_FAILED.
 */
int dev_try_admin(struct dev *dev, union nvme_cmd *cmd, size_t len, uint32_t *dw0, uint16_t *status,
		  const char *what);

/**
 * dev_identify() - Identify
 * @dev: controller
 * @cns: structure wanted
 * @nsid: namespace, or 0
 * @data: out: NVM_IDENTIFY_SIZE bytes
 *
 * Return: CMD_OK, or CMD_FAILED.
 */
int dev_identify(struct dev *dev, uint8_t cns, uint32_t nsid, void *data);

/**
 * dev_find_ns() - learn what is needed to read and write a namespace
 * @dev: controller
 * @nsid: namespace; 0 for the first active one
 * @ns: out
 *
 * Return: CMD_OK, or CMD_FAILED there is none, or its format is beyond this command.
 */
int dev_find_ns(struct dev *dev, uint32_t nsid, struct dev_ns *ns);

/**
 * dev_refused() - say that the controller completed a command with an error
 * @what: what the command was for
 * @status: status field
 *
 * Return: CMD_FAILED.
 */
int dev_refused(const char *what, uint16_t status);

/**
 * dev_refused_rw() - dev_refused() of a Read or Write
 * @write: which
 * @slba: first block
 * @nr_blocks: how many
 * @status: status field
 *
 * Return: CMD_FAILED.
 */
int dev_refused_rw(bool write, uint64_t slba, uint32_t nr_blocks, uint16_t status);

/**
 * dev_silent() - say that a completion did not come
 * @dev: controller
 *
 * Context: errno says why: ETIMEDOUT, ENODEV, EINTR.
 * Return: CMD_FAILED, or CMD_INTERRUPTED.
 */
int dev_silent(const struct dev *dev);

#endif /* BELFRY_TOOLS_DEV_H */

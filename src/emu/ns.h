/* SPDX-License-Identifier: MIT */
/*
 * Namespaces of the embedded controller: their geometry, their contents and their life.
 *
 * A namespace is allocated while it is in emu_ctrl.ns, and active while it is attached as well.
 * Its store has the blocks in their order, each with its metadata if that is interleaved
 * (extended blocks), and behind them, on a 4 KiB boundary, the metadata that is apart. All
 * functions here belong to the controller's thread, or to the time before it starts.
 */
#ifndef BELFRY_EMU_NS_H
#define BELFRY_EMU_NS_H

#include <stdbool.h>
#include <stdint.h>

#include <belfry/nvme/spec.h>

#include "emu/backend.h"
#include "emu/ctrl.h"
#include "emu/lbas.h"

/* The formats that every namespace supports, LBAF 0 to EMU_NR_FORMATS - 1. */
#define EMU_NR_FORMATS 8

struct emu_format {
	uint8_t lbads; /* log2 of the data bytes in a block */
	uint8_t ms;    /* metadata bytes in a block */
};

extern const struct emu_format emu_formats[EMU_NR_FORMATS];

/* Copy: ranges in a command, blocks in a range, blocks in a command. */
#define EMU_COPY_RANGES	      128
#define EMU_COPY_RANGE_BLOCKS 1024
#define EMU_COPY_BLOCKS	      4096

/* Verify: recommended bytes in a command, 2 ^ EMU_VSL pages of CAP.MPSMIN. */
#define EMU_VSL 10

struct emu_ns {
	/* hot: read for every command */
	uint64_t nsze;	/* blocks */
	uint32_t block; /* bytes of a block as it is transferred and stored: data, extended */
	uint32_t data;	/* of these, bytes of data */
	uint32_t meta;	/* metadata bytes in a buffer of its own, or 0 */
	bool attached;
	struct emu_store store;
	struct emu_lbas uncorrectable;

	/* set when it is created or formatted */
	uint32_t nsid;
	uint8_t flbas;
	uint8_t nmic;
	uint64_t nvmcap;   /* bytes that it takes from the controller's capacity */
	uint64_t meta_off; /* where the metadata that is apart starts in the store */
	uint8_t eui64[8];
	uint8_t nguid[16];
	uint8_t uuid[16];

	/* the Error Recovery feature, which each namespace has for itself */
	uint32_t err_recovery;
	uint32_t err_recovery_saved;
};

/**
 * emu_ns_open_all() - create the namespaces that the configuration asks for, all attached
 * @ctrl: controller with cfg and admin set
 *
 * Own: emu_ns_close_all(), also after a failure.
 * Return: 0, or -1: EINVAL a backing file is too small for a block, or what opening the store
 *	gave.
 */
int emu_ns_open_all(struct emu_ctrl *ctrl);

/**
 * emu_ns_close_all() - close and free every namespace
 * @ctrl: controller
 */
void emu_ns_close_all(struct emu_ctrl *ctrl);

/**
 * emu_ns_flush_all() - flush every namespace
 * @ctrl: controller
 *
 * Return: 0 or the NVMe status of the first failure.
 */
uint16_t emu_ns_flush_all(struct emu_ctrl *ctrl);

/**
 * emu_ns_find() - look an active namespace up
 * @ctrl: controller
 * @nsid: as it stands in a command
 * @status: out when there is none: Invalid Namespace or Format if @nsid could never be one,
 *	Invalid Field if it is not active or means all
 *
 * Spec: NVM Express Base 2.0, "Namespace Identifiers".
 * Return: the namespace or NULL.
 */
static inline struct emu_ns *emu_ns_find(const struct emu_ctrl *ctrl, uint32_t nsid,
					 uint16_t *status)
{
	struct emu_ns *ns = nsid <= EMU_MAX_NS ? ctrl->ns[nsid] : NULL;

	if (ns && ns->attached)
		return ns;
	*status = nsid == NVM_NSID_ALL || (nsid && nsid <= EMU_MAX_NS) ? NVM_SC_INVALID_FIELD
								       : NVM_SC_INVALID_NS;
	return NULL;
}

/**
 * emu_ns_create() - create a namespace that is not attached; its blocks read as zeros
 * @ctrl: controller
 * @nsid: 1 to EMU_MAX_NS, not in use
 * @nsze: blocks, 1 or more
 * @flbas: format; checked with emu_ns_check_flbas()
 *
 * Own: the controller's, in emu_ctrl.ns; emu_ns_destroy().
 * Return: the namespace, or NULL with the errno of the store.
 */
struct emu_ns *emu_ns_create(struct emu_ctrl *ctrl, uint32_t nsid, uint64_t nsze, uint8_t flbas);

/**
 * emu_ns_destroy() - take a namespace out of the controller and free it
 * @ctrl: controller
 * @ns: namespace
 */
void emu_ns_destroy(struct emu_ctrl *ctrl, struct emu_ns *ns);

/**
 * emu_ns_check_flbas() - is this a format that namespaces can have
 * @flbas: format, as NVM_FLBAS_*
 *
 * Return: true if it is.
 */
bool emu_ns_check_flbas(uint8_t flbas);

/**
 * emu_ns_format_index() - the format of a namespace
 * @flbas: format, as NVM_FLBAS_*
 *
 * Return: its LBAF, 0 to 63.
 */
static inline unsigned int emu_ns_format_index(uint8_t flbas)
{
	return NVM_GET(flbas, FLBAS_LOW) | NVM_GET(flbas, FLBAS_HIGH) << 4;
}

/**
 * emu_ns_format() - format a namespace: all contents are lost
 * @ns: namespace
 * @flbas: new format, checked
 *
 * The new size is what its capacity (NVMCAP) has room for.
 *
 * Return: 0, or -1: EINVAL that is not even one block, or the errno of the store. The format is as
 *	it was then; the contents may be lost.
 */
int emu_ns_format(struct emu_ns *ns, uint8_t flbas);

/**
 * emu_ns_capacity() - the capacity of the controller that no namespace has
 * @ctrl: controller
 *
 * Return: bytes.
 */
uint64_t emu_ns_capacity(const struct emu_ctrl *ctrl);

/**
 * emu_ns_mgmt() - the Namespace Management command
 * @req: command
 *
 * Return: NVMe status.
 */
uint16_t emu_ns_mgmt(struct emu_req *req);

/**
 * emu_ns_attach() - the Namespace Attachment command
 * @req: command
 *
 * Return: NVMe status.
 */
uint16_t emu_ns_attach(struct emu_req *req);

/**
 * emu_ns_format_cmd() - the Format NVM command
 * @req: command
 *
 * Return: NVMe status.
 */
uint16_t emu_ns_format_cmd(struct emu_req *req);

#endif /* BELFRY_EMU_NS_H */

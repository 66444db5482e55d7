/* SPDX-License-Identifier: MIT */
/*
 * State of the command sets: features, logs, events, the halves of fused commands, scratch memory.
 *
 * All of it belongs to the controller's thread. What survives a controller reset, because a real
 * controller would keep it in non-volatile memory, is marked so.
 */
#ifndef BELFRY_EMU_ADMIN_H
#define BELFRY_EMU_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include <belfry/nvme/spec.h>

#include "emu/ctrl.h"

#define EMU_CNTLID	   0
#define EMU_OUI		   "\x02\xbe\x1f" /* locally administered; most significant byte first */
#define EMU_DEFAULT_SIZE   (1ull << 30)	  /* bytes of a namespace */
#define EMU_ACL		   3		  /* Abort Command Limit, 0's based */
#define EMU_ERROR_ENTRIES  64
#define EMU_MAX_EVENTS	   64 /* events that wait to be reported */
#define EMU_AERL	   (EMU_MAX_AERS - 1)
#define EMU_SCRATCH	   65536 /* bytes of each of the two scratch buffers */
#define EMU_TEMPERATURE	   313	 /* kelvins, always */
#define EMU_WARN_TEMP	   343
#define EMU_CRIT_TEMP	   353
#define EMU_KATO_UNIT_MS   100
#define EMU_NR_FEATURES	   17
#define EMU_NR_EVENT_TYPES 8

/* The first half of a fused operation, waiting for the second, by queue. */
struct emu_fused {
	bool valid;
	uint32_t slot; /* where in its ring the second half must be */
	union nvme_cmd cmd;
};

/* Values of the features. Simple ones are dwords in the order of the table in feature.c. */
struct emu_features {
	uint32_t current[EMU_NR_FEATURES];
	uint32_t saved[EMU_NR_FEATURES]; /* survives resets */

	uint16_t temp_thresh[2];       /* over, under */
	uint16_t temp_thresh_saved[2]; /* survives resets */
	bool too_hot_or_cold;	       /* a threshold is crossed, and was reported */
	uint32_t nsqa, ncqa;	       /* I/O queues allocated */
	uint8_t *no_coalescing;	       /* by vector */
	uint64_t host_id[2];	       /* as the host's bytes */
	struct nvm_host_behavior behavior;
	uint64_t timestamp_ms; /* what the host set, or 0 at the reset ... */
	uint64_t timestamp_ns; /* ... and when, on the monotonic clock */
	bool timestamp_host;
};

struct emu_event {
	uint8_t type, info, lid;
};

struct emu_events {
	uint16_t aers[EMU_MAX_AERS]; /* cids of outstanding requests, oldest first */
	uint32_t nr_aers;
	struct emu_event waiting[EMU_MAX_EVENTS]; /* oldest first */
	uint32_t nr_waiting;
	bool masked[EMU_NR_EVENT_TYPES]; /* reported, and its log page not read yet */
	uint8_t masked_lid[EMU_NR_EVENT_TYPES];
	uint8_t changed[EMU_MAX_NS / 8 + 1]; /* Changed Namespace List, by NSID */
};

/* Host memory buffer; hmb.c. What it was survives resets, that it is the controller's does not. */
struct emu_hmb {
	bool enabled;
	uint32_t hsize; /* memory pages, as they were given */
	uint32_t page_size;
	uint64_t list;	   /* address of the descriptors */
	uint32_t nr_descs; /* 0: there was none */
	uint64_t *pages;   /* its memory pages */
	uint64_t *uses;	   /* how often each was written */
	uint32_t next;	   /* page to use next */
};

struct emu_admin {
	/* hot: for SMART; all survive resets */
	uint64_t bytes_read, bytes_written;
	uint64_t cmds_read, cmds_written;
	uint32_t nr_fused;     /* valid entries of fused */
	bool write_through;    /* every write is flushed: the cache is off */
	uint64_t max_transfer; /* bytes, from MDTS */

	struct emu_fused *fused; /* by sqid */
	uint8_t *scratch;	 /* for one command at a time */
	uint8_t *scratch2;

	struct emu_features feat;
	struct emu_events events;
	struct emu_hmb hmb;

	uint64_t fail_lba;  /* block that made the command fail, or UINT64_MAX; for the error log */
	uint64_t fail_info; /* command specific information, likewise */

	/* survives resets */
	struct nvm_log_error errors[EMU_ERROR_ENTRIES]; /* ring; entry count % size */
	uint64_t nr_errors;
	uint64_t media_errors;
	uint64_t power_on_ns;
	uint64_t tnvmcap;
	uint64_t nr_created; /* namespaces */

	uint64_t kato_ns; /* 0: off */
	uint64_t kato_due;
	uint64_t now_ns; /* of the last tick */
};

/**
 * emu_identifier() - bytes that are the same in each run and differ for each controller and use
 * @ctrl: controller; its serial number goes in
 * @what: number of the use
 * @id: out
 */
void emu_identifier(const struct emu_ctrl *ctrl, uint64_t what, uint8_t id[16]);

/**
 * emu_put_le128() - store a number in a field of 128 bits
 * @field: the field, zeroed
 * @value: number
 */
static inline void emu_put_le128(uint8_t field[16], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		field[i] = (uint8_t)(value >> 8 * i);
}

/**
 * emu_mdts_exceeded() - is a transfer larger than the controller takes
 * @ctrl: controller
 * @len: bytes
 *
 * Spec: NVM Express Base 2.0, "Identify Controller data structure", MDTS.
 * Return: true if so; the command ends with Invalid Field.
 */
static inline bool emu_mdts_exceeded(const struct emu_ctrl *ctrl, uint64_t len)
{
	return len > ctrl->admin->max_transfer;
}

/**
 * emu_dnr() - the status field of a command that failed
 * @status: code and type, or the field already complete
 *
 * Return: with Do Not Retry, unless the same command may well succeed later.
 */
uint16_t emu_dnr(uint16_t status);

/* Admin commands, each in the file of its subject. */

/**
 * emu_create_cq(), emu_create_sq(), emu_delete_cq(), emu_delete_sq() - queue commands
 * @req: command
 *
 * Spec: NVM Express Base 2.0, "Create I/O Completion Queue command" and the like.
 * Return: NVMe status.
 */
uint16_t emu_create_cq(struct emu_req *req);
uint16_t emu_create_sq(struct emu_req *req);
uint16_t emu_delete_cq(struct emu_req *req);
uint16_t emu_delete_sq(struct emu_req *req);

/**
 * emu_identify() - the Identify command
 * @req: command
 *
 * Return: NVMe status.
 */
uint16_t emu_identify(struct emu_req *req);

/**
 * emu_identify_ns() - what Identify says about namespaces
 * @req: command
 * @out: out: NVM_IDENTIFY_SIZE bytes, zeroed
 *
 * Return: NVMe status; Invalid Field for a CNS that is not about namespaces.
 */
uint16_t emu_identify_ns(struct emu_req *req, void *out);

/**
 * emu_get_log() - the Get Log Page command
 * @req: command
 *
 * Return: NVMe status.
 */
uint16_t emu_get_log(struct emu_req *req);

/**
 * emu_log_cmd_effects() - the Commands Supported and Effects page
 * @ctrl: controller
 * @csi: I/O command set that is asked for; one that is not supported has no commands
 * @log: out, zeroed
 */
void emu_log_cmd_effects(const struct emu_ctrl *ctrl, uint8_t csi, struct nvm_log_cmd_effects *log);

/* Features. */

/**
 * emu_set_features(), emu_get_features() - the commands
 * @req: command
 *
 * Return: NVMe status.
 */
uint16_t emu_set_features(struct emu_req *req);
uint16_t emu_get_features(struct emu_req *req);

/**
 * emu_features_init() - all features at their defaults, saved and current
 * @ctrl: controller with admin set
 *
 * Own: emu_features_exit(), also after a failure.
 * Return: 0, or -1: ENOMEM.
 */
int emu_features_init(struct emu_ctrl *ctrl);

/**
 * emu_features_exit() - free what emu_features_init() allocated
 * @ctrl: controller
 */
void emu_features_exit(struct emu_ctrl *ctrl);

/**
 * emu_features_reset() - all features at their saved values, or their defaults
 * @ctrl: controller
 */
void emu_features_reset(struct emu_ctrl *ctrl);

/**
 * emu_features_log() - the Feature Identifiers Supported and Effects page
 * @ctrl: controller
 * @log: out, zeroed
 */
void emu_features_log(const struct emu_ctrl *ctrl, struct nvm_log_fid_effects *log);

/**
 * emu_feature() - the current value of a simple feature
 * @ctrl: controller
 * @fid: feature that is in the table and has no data
 *
 * Return: dword.
 */
uint32_t emu_feature(const struct emu_ctrl *ctrl, uint8_t fid);

/**
 * emu_temperature_warning() - is the temperature beyond a threshold
 * @ctrl: controller
 *
 * Return: true if so.
 */
bool emu_temperature_warning(const struct emu_ctrl *ctrl);

/* Events. */

/**
 * emu_aer() - the Asynchronous Event Request command
 * @req: command
 *
 * Return: EMU_NO_COMPLETION or an NVMe status.
 */
uint16_t emu_aer(struct emu_req *req);

/**
 * emu_aer_abort() - abort an outstanding event request
 * @ctrl: controller
 * @cid: its command identifier
 *
 * Return: true when there was one; it has completed.
 */
bool emu_aer_abort(struct emu_ctrl *ctrl, uint16_t cid);

/**
 * emu_events_read() - a log page was read without Retain Asynchronous Event
 * @ctrl: controller
 * @lid: log page
 */
void emu_events_read(struct emu_ctrl *ctrl, uint8_t lid);

/**
 * emu_events_ns_changed() - a namespace has changed: list it, and report it
 * @ctrl: controller
 * @nsid: namespace
 */
void emu_events_ns_changed(struct emu_ctrl *ctrl, uint32_t nsid);

/* NVM command set. */

/**
 * emu_fused_abort() - forget the first half of a fused operation
 * @ctrl: controller
 * @sqid: submission queue
 * @cid: its command identifier; negative: whatever it is, and without a completion
 *
 * Return: true when there was one; with a @cid it completed with Command Abort Requested.
 */
bool emu_fused_abort(struct emu_ctrl *ctrl, uint16_t sqid, int cid);

#endif /* BELFRY_EMU_ADMIN_H */

/* SPDX-License-Identifier: MIT */
/*
 * Status: the values a completion's status field may have.
 *
 * NVM_SC_* hold type and code together, as they stand in the status field (type in
 * bits 10:8, code in bits 7:0), so that none is ambiguous. Names and texts for people,
 * and what they mean as errno, are in belfry/nvme/status.h.
 *
 * Spec: NVM Express Base 2.2, "Status Field Definition", figures for generic, command
 * specific, media and path related values.
 */
#ifndef BELFRY_NVME_SPEC_STATUS_H
#define BELFRY_NVME_SPEC_STATUS_H

/* Fields of the status field, that is of cqe->sfp >> 1 */
#define NVM_STATUS_SC_SHIFT   0 /* code */
#define NVM_STATUS_SC_MASK    0xffu
#define NVM_STATUS_SCT_SHIFT  8 /* type */
#define NVM_STATUS_SCT_MASK   0x7u
#define NVM_STATUS_CODE_SHIFT 0 /* type and code: one of NVM_SC_* */
#define NVM_STATUS_CODE_MASK  0x7ffu
#define NVM_STATUS_CRD_SHIFT  11 /* which command retry delay, 0 none */
#define NVM_STATUS_CRD_MASK   0x3u
#define NVM_STATUS_M_SHIFT    13 /* more in the Error Information log */
#define NVM_STATUS_M_MASK     0x1u
#define NVM_STATUS_DNR_SHIFT  14 /* do not retry */
#define NVM_STATUS_DNR_MASK   0x1u

/* Types */
#define NVM_SCT_GENERIC	 0
#define NVM_SCT_SPECIFIC 1 /* command specific */
#define NVM_SCT_MEDIA	 2 /* media and data integrity errors */
#define NVM_SCT_PATH	 3 /* path related */
#define NVM_SCT_VENDOR	 7

/* Codes from here on are vendor specific, whatever the type */
#define NVM_SC_VENDOR_FIRST 0xc0

/* Generic */
#define NVM_SC_SUCCESS		       0x000
#define NVM_SC_INVALID_OPCODE	       0x001
#define NVM_SC_INVALID_FIELD	       0x002
#define NVM_SC_CID_CONFLICT	       0x003
#define NVM_SC_DATA_XFER_ERROR	       0x004
#define NVM_SC_POWER_LOSS	       0x005
#define NVM_SC_INTERNAL		       0x006
#define NVM_SC_ABORT_REQUESTED	       0x007
#define NVM_SC_ABORT_SQ_DELETED	       0x008
#define NVM_SC_ABORT_FAILED_FUSED      0x009
#define NVM_SC_ABORT_MISSING_FUSED     0x00a
#define NVM_SC_INVALID_NS	       0x00b
#define NVM_SC_CMD_SEQ_ERROR	       0x00c
#define NVM_SC_SGL_INVALID_SEG	       0x00d
#define NVM_SC_SGL_INVALID_COUNT       0x00e
#define NVM_SC_SGL_INVALID_DATA_LEN    0x00f
#define NVM_SC_SGL_INVALID_META_LEN    0x010
#define NVM_SC_SGL_INVALID_TYPE	       0x011
#define NVM_SC_CMB_INVALID_USE	       0x012
#define NVM_SC_PRP_INVALID_OFFSET      0x013
#define NVM_SC_AWU_EXCEEDED	       0x014
#define NVM_SC_OP_DENIED	       0x015
#define NVM_SC_SGL_INVALID_OFFSET      0x016
#define NVM_SC_HOSTID_FORMAT	       0x018
#define NVM_SC_KAT_EXPIRED	       0x019
#define NVM_SC_KAT_INVALID	       0x01a
#define NVM_SC_ABORT_PREEMPT	       0x01b
#define NVM_SC_SANITIZE_FAILED	       0x01c
#define NVM_SC_SANITIZE_IN_PROGRESS    0x01d
#define NVM_SC_SGL_INVALID_GRANULARITY 0x01e
#define NVM_SC_CMB_CMD_NOT_SUPPORTED   0x01f
#define NVM_SC_NS_WRITE_PROTECTED      0x020
#define NVM_SC_CMD_INTERRUPTED	       0x021
#define NVM_SC_TRANSIENT_TRANSPORT     0x022
#define NVM_SC_LOCKDOWN		       0x023
#define NVM_SC_MEDIA_NOT_READY	       0x024
#define NVM_SC_INVALID_KEY_TAG	       0x025
#define NVM_SC_HDISNS_NOT_ENABLED      0x026
#define NVM_SC_HOSTID_NOT_INITIALIZED  0x027
#define NVM_SC_INCORRECT_KEY	       0x028
#define NVM_SC_FDP_DISABLED	       0x029
#define NVM_SC_INVALID_PH_LIST	       0x02a
#define NVM_SC_LBA_RANGE	       0x080
#define NVM_SC_CAP_EXCEEDED	       0x081
#define NVM_SC_NS_NOT_READY	       0x082
#define NVM_SC_RESERVATION_CONFLICT    0x083
#define NVM_SC_FORMAT_IN_PROGRESS      0x084
#define NVM_SC_KV_VALUE_SIZE	       0x085
#define NVM_SC_KV_KEY_SIZE	       0x086
#define NVM_SC_KV_NO_KEY	       0x087
#define NVM_SC_KV_UNRECOVERED	       0x088
#define NVM_SC_KV_KEY_EXISTS	       0x089

/* Command specific, admin commands */
#define NVM_SC_CQ_INVALID		 0x100
#define NVM_SC_QID_INVALID		 0x101
#define NVM_SC_QUEUE_SIZE		 0x102
#define NVM_SC_ABORT_LIMIT		 0x103
#define NVM_SC_ASYNC_EVENT_LIMIT	 0x105
#define NVM_SC_FW_SLOT			 0x106
#define NVM_SC_FW_IMAGE			 0x107
#define NVM_SC_INVALID_VECTOR		 0x108
#define NVM_SC_INVALID_LOG_PAGE		 0x109
#define NVM_SC_INVALID_FORMAT		 0x10a
#define NVM_SC_FW_NEEDS_CONV_RESET	 0x10b
#define NVM_SC_INVALID_QUEUE_DELETION	 0x10c
#define NVM_SC_FEAT_NOT_SAVEABLE	 0x10d
#define NVM_SC_FEAT_NOT_CHANGEABLE	 0x10e
#define NVM_SC_FEAT_NOT_NS_SPECIFIC	 0x10f
#define NVM_SC_FW_NEEDS_SUBSYS_RESET	 0x110
#define NVM_SC_FW_NEEDS_RESET		 0x111
#define NVM_SC_FW_NEEDS_MAX_TIME	 0x112
#define NVM_SC_FW_ACTIVATION_PROHIBITED	 0x113
#define NVM_SC_OVERLAPPING_RANGE	 0x114
#define NVM_SC_NS_INSUFFICIENT_CAP	 0x115
#define NVM_SC_NSID_UNAVAILABLE		 0x116
#define NVM_SC_NS_ALREADY_ATTACHED	 0x118
#define NVM_SC_NS_IS_PRIVATE		 0x119
#define NVM_SC_NS_NOT_ATTACHED		 0x11a
#define NVM_SC_THIN_PROV_NOT_SUPPORTED	 0x11b
#define NVM_SC_CTRL_LIST_INVALID	 0x11c
#define NVM_SC_SELF_TEST_IN_PROGRESS	 0x11d
#define NVM_SC_BP_WRITE_PROHIBITED	 0x11e
#define NVM_SC_INVALID_CTRL_ID		 0x11f
#define NVM_SC_INVALID_SEC_CTRL_STATE	 0x120
#define NVM_SC_INVALID_CTRL_RESOURCES	 0x121
#define NVM_SC_INVALID_RESOURCE_ID	 0x122
#define NVM_SC_SANITIZE_PMR		 0x123
#define NVM_SC_ANA_GROUP_INVALID	 0x124
#define NVM_SC_ANA_ATTACH_FAILED	 0x125
#define NVM_SC_INSUFFICIENT_CAP		 0x126
#define NVM_SC_NS_ATTACH_LIMIT		 0x127
#define NVM_SC_PROHIBITION_NOT_SUPPORTED 0x128
#define NVM_SC_IOCS_NOT_SUPPORTED	 0x129
#define NVM_SC_IOCS_NOT_ENABLED		 0x12a
#define NVM_SC_IOCS_COMBINATION		 0x12b
#define NVM_SC_INVALID_IOCS		 0x12c
#define NVM_SC_ID_UNAVAILABLE		 0x12d
#define NVM_SC_NS_DISPERSED		 0x12e
#define NVM_SC_INVALID_DISCOVERY_INFO	 0x12f
#define NVM_SC_ZONING_LOCKED		 0x130
#define NVM_SC_ZONING_NOT_FOUND		 0x131
#define NVM_SC_DISCOVERY_RESOURCES	 0x132
#define NVM_SC_FUNCTION_DISABLED	 0x133
#define NVM_SC_ZONEGROUP_ORIGINATOR	 0x134
#define NVM_SC_INVALID_HOST		 0x135
#define NVM_SC_INVALID_SUBSYS		 0x136
#define NVM_SC_INVALID_CDQ		 0x137
#define NVM_SC_NOT_ENOUGH_RESOURCES	 0x138
#define NVM_SC_CTRL_SUSPENDED		 0x139
#define NVM_SC_CTRL_NOT_SUSPENDED	 0x13a
#define NVM_SC_CDQ_FULL			 0x13b

/* Command specific, I/O commands */
#define NVM_SC_CONFLICTING_ATTRS	0x180
#define NVM_SC_INVALID_PI		0x181
#define NVM_SC_READ_ONLY_RANGE		0x182
#define NVM_SC_CMD_SIZE_LIMIT		0x183
#define NVM_SC_INVALID_CID		0x184
#define NVM_SC_INCOMPATIBLE_NS		0x185
#define NVM_SC_FAST_COPY_NOT_POSSIBLE	0x186
#define NVM_SC_OVERLAPPING_IO_RANGE	0x187
#define NVM_SC_NS_NOT_REACHABLE		0x188
#define NVM_SC_INSUFFICIENT_RESOURCES	0x189
#define NVM_SC_PROGRAM_RESOURCES	0x18a
#define NVM_SC_INVALID_MEM_NS		0x18b
#define NVM_SC_INVALID_MRS		0x18c
#define NVM_SC_INVALID_MRS_ID		0x18d
#define NVM_SC_INVALID_PROGRAM_DATA	0x18e
#define NVM_SC_INVALID_PROGRAM_INDEX	0x18f
#define NVM_SC_INVALID_PROGRAM_TYPE	0x190
#define NVM_SC_MAX_MEM_RANGES		0x191
#define NVM_SC_MAX_MRS			0x192
#define NVM_SC_MAX_PROGRAMS		0x193
#define NVM_SC_MAX_PROGRAM_BYTES	0x194
#define NVM_SC_MRS_IN_USE		0x195
#define NVM_SC_NO_PROGRAM		0x196
#define NVM_SC_OVERLAPPING_MEM_RANGES	0x197
#define NVM_SC_PROGRAM_NOT_ACTIVATED	0x198
#define NVM_SC_PROGRAM_IN_USE		0x199
#define NVM_SC_PROGRAM_NOT_DOWNLOADABLE 0x19a
#define NVM_SC_PROGRAM_TOO_BIG		0x19b
#define NVM_SC_MEDIA_VERIFICATION_READ	0x19c
#define NVM_SC_ZONE_BOUNDARY		0x1b8
#define NVM_SC_ZONE_FULL		0x1b9
#define NVM_SC_ZONE_READ_ONLY		0x1ba
#define NVM_SC_ZONE_OFFLINE		0x1bb
#define NVM_SC_ZONE_INVALID_WRITE	0x1bc
#define NVM_SC_ZONE_TOO_MANY_ACTIVE	0x1bd
#define NVM_SC_ZONE_TOO_MANY_OPEN	0x1be
#define NVM_SC_ZONE_INVALID_TRANSITION	0x1bf

/* Media and data integrity errors */
#define NVM_SC_WRITE_FAULT	 0x280
#define NVM_SC_READ_ERROR	 0x281
#define NVM_SC_GUARD_CHECK	 0x282
#define NVM_SC_APPTAG_CHECK	 0x283
#define NVM_SC_REFTAG_CHECK	 0x284
#define NVM_SC_COMPARE_FAILED	 0x285
#define NVM_SC_ACCESS_DENIED	 0x286
#define NVM_SC_UNWRITTEN_BLOCK	 0x287
#define NVM_SC_STORAGE_TAG_CHECK 0x288

/* Path related */
#define NVM_SC_INTERNAL_PATH	   0x300
#define NVM_SC_ANA_PERSISTENT_LOSS 0x301
#define NVM_SC_ANA_INACCESSIBLE	   0x302
#define NVM_SC_ANA_TRANSITION	   0x303
#define NVM_SC_CTRL_PATH	   0x360
#define NVM_SC_HOST_PATH	   0x370
#define NVM_SC_HOST_ABORTED	   0x371

#endif /* BELFRY_NVME_SPEC_STATUS_H */

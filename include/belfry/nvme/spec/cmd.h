/* SPDX-License-Identifier: MIT */
/*
 * Commands: opcodes, the fields of their dwords, and the structures that Dataset
 * Management and Copy take as data.
 *
 * Fields are for NVM_GET() and NVM_SET() and say which dword they belong to; those
 * of the 16 bit rw.control are relative to it. Values follow their field.
 *
 * Spec: NVM Express Base 2.0 and 2.1, "Admin Command Set"; NVM Command Set 1.0 and
 * 1.1, "NVM Command Set I/O Commands".
 */
#ifndef BELFRY_NVME_SPEC_CMD_H
#define BELFRY_NVME_SPEC_CMD_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NVM_SQE_SIZE 64 /* bytes of a submission queue entry */
#define NVM_CQE_SIZE 16 /* bytes of a completion queue entry */

#define NVM_NSID_NONE 0u
#define NVM_NSID_ALL  0xffffffffu /* broadcast */
#define NVM_NSID_MAX  0xfffffffeu

/* Opcode, bits 1:0: which way data goes, seen from the host */
#define NVM_OPC_DATA_NONE  0
#define NVM_OPC_DATA_WRITE 1 /* host to controller */
#define NVM_OPC_DATA_READ  2 /* controller to host */
#define NVM_OPC_DATA_BIDIR 3
#define NVM_OPC_DATA_SHIFT 0
#define NVM_OPC_DATA_MASK  0x3u

/* Command dword 0, byte 1: fused operation (PSDT is in belfry/nvme/types.h) */
#define NVM_FLAGS_FUSE_SHIFT 0
#define NVM_FLAGS_FUSE_MASK  0x3u
#define NVM_FUSE_NONE	     0
#define NVM_FUSE_FIRST	     1
#define NVM_FUSE_SECOND	     2

/* Admin opcodes */
#define NVM_ADMIN_DELETE_SQ	   0x00
#define NVM_ADMIN_CREATE_SQ	   0x01
#define NVM_ADMIN_GET_LOG	   0x02
#define NVM_ADMIN_DELETE_CQ	   0x04
#define NVM_ADMIN_CREATE_CQ	   0x05
#define NVM_ADMIN_IDENTIFY	   0x06
#define NVM_ADMIN_ABORT		   0x08
#define NVM_ADMIN_SET_FEATURES	   0x09
#define NVM_ADMIN_GET_FEATURES	   0x0a
#define NVM_ADMIN_ASYNC_EVENT	   0x0c
#define NVM_ADMIN_NS_MGMT	   0x0d
#define NVM_ADMIN_FW_COMMIT	   0x10
#define NVM_ADMIN_FW_DOWNLOAD	   0x11
#define NVM_ADMIN_SELF_TEST	   0x14
#define NVM_ADMIN_NS_ATTACH	   0x15
#define NVM_ADMIN_KEEP_ALIVE	   0x18
#define NVM_ADMIN_DIRECTIVE_SEND   0x19
#define NVM_ADMIN_DIRECTIVE_RECV   0x1a
#define NVM_ADMIN_VIRT_MGMT	   0x1c
#define NVM_ADMIN_MI_SEND	   0x1d
#define NVM_ADMIN_MI_RECV	   0x1e
#define NVM_ADMIN_CAPACITY_MGMT	   0x20
#define NVM_ADMIN_DISCOVERY_INFO   0x21
#define NVM_ADMIN_LOCKDOWN	   0x24
#define NVM_ADMIN_TRACK_SEND	   0x3d
#define NVM_ADMIN_TRACK_RECV	   0x3e
#define NVM_ADMIN_MIGRATION_SEND   0x41
#define NVM_ADMIN_MIGRATION_RECV   0x42
#define NVM_ADMIN_CTRL_DATA_QUEUE  0x45
#define NVM_ADMIN_DBBUF_CONFIG	   0x7c
#define NVM_ADMIN_FABRICS	   0x7f
#define NVM_ADMIN_FORMAT	   0x80
#define NVM_ADMIN_SECURITY_SEND	   0x81
#define NVM_ADMIN_SECURITY_RECV	   0x82
#define NVM_ADMIN_SANITIZE	   0x84
#define NVM_ADMIN_LOAD_PROGRAM	   0x85
#define NVM_ADMIN_GET_LBA_STATUS   0x86
#define NVM_ADMIN_PROGRAM_ACT_MGMT 0x88
#define NVM_ADMIN_MEM_RANGE_MGMT   0x89

/* NVM command set opcodes */
#define NVM_CMD_FLUSH	      0x00
#define NVM_CMD_WRITE	      0x01
#define NVM_CMD_READ	      0x02
#define NVM_CMD_WRITE_UNCOR   0x04
#define NVM_CMD_COMPARE	      0x05
#define NVM_CMD_WRITE_ZEROES  0x08
#define NVM_CMD_DSM	      0x09
#define NVM_CMD_VERIFY	      0x0c
#define NVM_CMD_RESV_REGISTER 0x0d
#define NVM_CMD_RESV_REPORT   0x0e
#define NVM_CMD_RESV_ACQUIRE  0x11
#define NVM_CMD_IO_MGMT_RECV  0x12
#define NVM_CMD_RESV_RELEASE  0x15
#define NVM_CMD_CANCEL	      0x18
#define NVM_CMD_COPY	      0x19
#define NVM_CMD_IO_MGMT_SEND  0x1d

/* Abort: CDW10; bit 0 of completion dword 0 set: not aborted */
#define NVM_ABORT_SQID_SHIFT	    0
#define NVM_ABORT_SQID_MASK	    0xffffu
#define NVM_ABORT_CID_SHIFT	    16
#define NVM_ABORT_CID_MASK	    0xffffu
#define NVM_ABORT_NOT_ABORTED_SHIFT 0
#define NVM_ABORT_NOT_ABORTED_MASK  0x1u

/* Identify: CNS, the structure wanted */
#define NVM_CNS_NS		    0x00 /* struct nvm_id_ns; nsid active, or all */
#define NVM_CNS_CTRL		    0x01 /* struct nvm_id_ctrl */
#define NVM_CNS_ACTIVE_NS_LIST	    0x02 /* struct nvm_id_ns_list; above nsid */
#define NVM_CNS_NS_DESC_LIST	    0x03 /* struct nvm_id_ns_desc, ... */
#define NVM_CNS_NVMSET_LIST	    0x04
#define NVM_CNS_CSI_NS		    0x05 /* by CSI: struct nvm_id_ns_nvm */
#define NVM_CNS_CSI_CTRL	    0x06 /* by CSI: struct nvm_id_ctrl_nvm */
#define NVM_CNS_CSI_ACTIVE_NS_LIST  0x07 /* struct nvm_id_ns_list of one command set */
#define NVM_CNS_INDEP_NS	    0x08 /* struct nvm_id_ns_indep */
#define NVM_CNS_FORMAT_NS	    0x09 /* struct nvm_id_ns of one format */
#define NVM_CNS_CSI_FORMAT_NS	    0x0a /* struct nvm_id_ns_nvm of one format */
#define NVM_CNS_ALLOC_NS_LIST	    0x10 /* struct nvm_id_ns_list; above nsid */
#define NVM_CNS_ALLOC_NS	    0x11 /* struct nvm_id_ns; nsid allocated */
#define NVM_CNS_NS_CTRL_LIST	    0x12 /* struct nvm_ctrl_list; nsid, from cntid on */
#define NVM_CNS_CTRL_LIST	    0x13 /* struct nvm_ctrl_list; from cntid on */
#define NVM_CNS_PRIMARY_CTRL_CAP    0x14 /* struct nvm_primary_ctrl_cap */
#define NVM_CNS_SECONDARY_CTRL_LIST 0x15 /* struct nvm_secondary_ctrl_list; from cntid on */
#define NVM_CNS_NS_GRANULARITY	    0x16 /* struct nvm_id_ns_granularity_list */
#define NVM_CNS_UUID_LIST	    0x17 /* struct nvm_id_uuid_list */
#define NVM_CNS_DOMAIN_LIST	    0x18
#define NVM_CNS_ENDGRP_LIST	    0x19
#define NVM_CNS_CSI_ALLOC_NS_LIST   0x1a /* struct nvm_id_ns_list of one command set */
#define NVM_CNS_CSI_ALLOC_NS	    0x1b /* struct nvm_id_ns_nvm; nsid allocated */
#define NVM_CNS_CSI_LIST	    0x1c /* struct nvm_id_csi_list */

/* Identify: CDW10 and CDW11 */
#define NVM_IDENTIFY_CNS_SHIFT	   0
#define NVM_IDENTIFY_CNS_MASK	   0xffu
#define NVM_IDENTIFY_CNTID_SHIFT   16
#define NVM_IDENTIFY_CNTID_MASK	   0xffffu
#define NVM_IDENTIFY_CNSSPEC_SHIFT 0
#define NVM_IDENTIFY_CNSSPEC_MASK  0xffffu
#define NVM_IDENTIFY_CSI_SHIFT	   24
#define NVM_IDENTIFY_CSI_MASK	   0xffu

#define NVM_IDENTIFY_SIZE 4096 /* bytes, of every structure */

/* I/O command sets (CSI) */
#define NVM_CSI_NVM  0x00
#define NVM_CSI_KV   0x01
#define NVM_CSI_ZNS  0x02
#define NVM_CSI_SLM  0x03
#define NVM_CSI_CPNS 0x04

/* Create I/O Completion/Submission Queue and Delete: CDW10 */
#define NVM_QUEUE_QID_SHIFT   0
#define NVM_QUEUE_QID_MASK    0xffffu
#define NVM_QUEUE_QSIZE_SHIFT 16 /* 0's based */
#define NVM_QUEUE_QSIZE_MASK  0xffffu

/* Create I/O Completion/Submission Queue: low half of CDW11 */
#define NVM_QFLAGS_PC_SHIFT    0 /* both: physically contiguous */
#define NVM_QFLAGS_PC_MASK     0x1u
#define NVM_QFLAGS_IEN_SHIFT   1 /* CQ: interrupts enabled */
#define NVM_QFLAGS_IEN_MASK    0x1u
#define NVM_QFLAGS_QPRIO_SHIFT 1 /* SQ: 0 urgent, 1 high, 2 medium, 3 low */
#define NVM_QFLAGS_QPRIO_MASK  0x3u

/* Get Log Page: CDW10, CDW11, CDW14 */
#define NVM_GET_LOG_LID_SHIFT	0
#define NVM_GET_LOG_LID_MASK	0xffu
#define NVM_GET_LOG_LSP_SHIFT	8 /* log specific */
#define NVM_GET_LOG_LSP_MASK	0x7fu
#define NVM_GET_LOG_RAE_SHIFT	15 /* retain asynchronous event */
#define NVM_GET_LOG_RAE_MASK	0x1u
#define NVM_GET_LOG_NUMDL_SHIFT 16 /* dwords, 0's based, lower half */
#define NVM_GET_LOG_NUMDL_MASK	0xffffu
#define NVM_GET_LOG_NUMDU_SHIFT 0 /* CDW11: upper half */
#define NVM_GET_LOG_NUMDU_MASK	0xffffu
#define NVM_GET_LOG_LSI_SHIFT	16 /* CDW11: log specific identifier */
#define NVM_GET_LOG_LSI_MASK	0xffffu
#define NVM_GET_LOG_UUIDX_SHIFT 0 /* CDW14 */
#define NVM_GET_LOG_UUIDX_MASK	0x7fu
#define NVM_GET_LOG_OT_SHIFT	23 /* CDW14: the offset is an index */
#define NVM_GET_LOG_OT_MASK	0x1u
#define NVM_GET_LOG_CSI_SHIFT	24 /* CDW14 */
#define NVM_GET_LOG_CSI_MASK	0xffu

/* Log page identifiers */
#define NVM_LOG_SUPPORTED_PAGES	 0x00 /* struct nvm_log_supported_pages */
#define NVM_LOG_ERROR		 0x01 /* struct nvm_log_error, ... newest first */
#define NVM_LOG_SMART		 0x02 /* struct nvm_log_smart */
#define NVM_LOG_FW_SLOT		 0x03 /* struct nvm_log_fw_slot */
#define NVM_LOG_CHANGED_NS	 0x04 /* struct nvm_id_ns_list; see NVM_LOG_CHANGED_NS_MANY */
#define NVM_LOG_CMD_EFFECTS	 0x05 /* struct nvm_log_cmd_effects */
#define NVM_LOG_SELF_TEST	 0x06 /* struct nvm_log_self_test */
#define NVM_LOG_TELEMETRY_HOST	 0x07
#define NVM_LOG_TELEMETRY_CTRL	 0x08
#define NVM_LOG_ENDGRP		 0x09
#define NVM_LOG_PLM_NVMSET	 0x0a
#define NVM_LOG_PLM_AGGREGATE	 0x0b
#define NVM_LOG_ANA		 0x0c
#define NVM_LOG_PERSISTENT_EVENT 0x0d
#define NVM_LOG_LBA_STATUS	 0x0e
#define NVM_LOG_ENDGRP_AGGREGATE 0x0f
#define NVM_LOG_MEDIA_UNIT	 0x10
#define NVM_LOG_SUPPORTED_CAP	 0x11
#define NVM_LOG_FID_EFFECTS	 0x12 /* struct nvm_log_fid_effects */
#define NVM_LOG_MI_CMD_EFFECTS	 0x13
#define NVM_LOG_LOCKDOWN	 0x14
#define NVM_LOG_BOOT_PARTITION	 0x15
#define NVM_LOG_ROTATIONAL_MEDIA 0x16
#define NVM_LOG_DISPERSED_NS	 0x17
#define NVM_LOG_MGMT_ADDR_LIST	 0x18
#define NVM_LOG_PHY_EYE		 0x19
#define NVM_LOG_REACH_GROUPS	 0x1a
#define NVM_LOG_REACH_ASSOC	 0x1b
#define NVM_LOG_CHANGED_ALLOC_NS 0x1c
#define NVM_LOG_FDP_CONFIGS	 0x20
#define NVM_LOG_FDP_RUH_USAGE	 0x21
#define NVM_LOG_FDP_STATS	 0x22
#define NVM_LOG_FDP_EVENTS	 0x23
#define NVM_LOG_DISCOVERY	 0x70
#define NVM_LOG_HOST_DISCOVERY	 0x71
#define NVM_LOG_AVE_DISCOVERY	 0x72
#define NVM_LOG_PULL_DDC_REQ	 0x73
#define NVM_LOG_RESERVATION	 0x80
#define NVM_LOG_SANITIZE	 0x81
#define NVM_LOG_CHANGED_ZONES	 0xbf

/* Namespace Management: CDW10 and CDW11; create returns the NSID in dword 0 */
#define NVM_NS_MGMT_SEL_SHIFT  0
#define NVM_NS_MGMT_SEL_MASK   0xfu
#define NVM_NS_MGMT_CSI_SHIFT  24 /* CDW11 */
#define NVM_NS_MGMT_CSI_MASK   0xffu
#define NVM_NS_MGMT_SEL_CREATE 0 /* data: struct nvm_ns_mgmt */
#define NVM_NS_MGMT_SEL_DELETE 1

/* Namespace Attachment: CDW10; data: struct nvm_ctrl_list */
#define NVM_NS_ATTACH_SEL_SHIFT	 0
#define NVM_NS_ATTACH_SEL_MASK	 0xfu
#define NVM_NS_ATTACH_SEL_ATTACH 0
#define NVM_NS_ATTACH_SEL_DETACH 1

/* Format NVM: CDW10 */
#define NVM_FORMAT_LBAFL_SHIFT 0 /* format index, bits 3:0 */
#define NVM_FORMAT_LBAFL_MASK  0xfu
#define NVM_FORMAT_MSET_SHIFT  4 /* metadata with the data (extended block) */
#define NVM_FORMAT_MSET_MASK   0x1u
#define NVM_FORMAT_PI_SHIFT    5 /* protection information type, 0 none */
#define NVM_FORMAT_PI_MASK     0x7u
#define NVM_FORMAT_PIL_SHIFT   8 /* protection information first in the metadata */
#define NVM_FORMAT_PIL_MASK    0x1u
#define NVM_FORMAT_SES_SHIFT   9 /* secure erase settings */
#define NVM_FORMAT_SES_MASK    0x7u
#define NVM_FORMAT_LBAFU_SHIFT 12 /* format index, bits 5:4 */
#define NVM_FORMAT_LBAFU_MASK  0x3u
#define NVM_FORMAT_SES_NONE    0
#define NVM_FORMAT_SES_USER    1
#define NVM_FORMAT_SES_CRYPTO  2

/* Firmware Commit: CDW10; Firmware Image Download: CDW10 dwords 0's based, CDW11 dword offset */
#define NVM_FW_COMMIT_FS_SHIFT	 0 /* firmware slot */
#define NVM_FW_COMMIT_FS_MASK	 0x7u
#define NVM_FW_COMMIT_CA_SHIFT	 3 /* commit action */
#define NVM_FW_COMMIT_CA_MASK	 0x7u
#define NVM_FW_COMMIT_BPID_SHIFT 31
#define NVM_FW_COMMIT_BPID_MASK	 0x1u

/* Device Self-test: CDW10 */
#define NVM_SELF_TEST_STC_SHIFT 0
#define NVM_SELF_TEST_STC_MASK	0xfu
#define NVM_SELF_TEST_SHORT	0x1
#define NVM_SELF_TEST_EXTENDED	0x2
#define NVM_SELF_TEST_VS	0xe
#define NVM_SELF_TEST_ABORT	0xf

/* Sanitize: CDW10; CDW11 is the overwrite pattern */
#define NVM_SANITIZE_SANACT_SHIFT  0
#define NVM_SANITIZE_SANACT_MASK   0x7u
#define NVM_SANITIZE_AUSE_SHIFT	   3 /* allow unrestricted sanitize exit */
#define NVM_SANITIZE_AUSE_MASK	   0x1u
#define NVM_SANITIZE_OWPASS_SHIFT  4 /* overwrite passes, 0 is 16 */
#define NVM_SANITIZE_OWPASS_MASK   0xfu
#define NVM_SANITIZE_OIPBP_SHIFT   8 /* invert the pattern between passes */
#define NVM_SANITIZE_OIPBP_MASK	   0x1u
#define NVM_SANITIZE_NDAS_SHIFT	   9 /* no deallocate after sanitize */
#define NVM_SANITIZE_NDAS_MASK	   0x1u
#define NVM_SANITIZE_SANACT_EXIT   1 /* exit failure mode */
#define NVM_SANITIZE_SANACT_BLOCK  2
#define NVM_SANITIZE_SANACT_OWRITE 3
#define NVM_SANITIZE_SANACT_CRYPTO 4

/* Virtualization Management: CDW10 and CDW11; dword 0: resources modified */
#define NVM_VIRT_MGMT_ACT_SHIFT	       0
#define NVM_VIRT_MGMT_ACT_MASK	       0xfu
#define NVM_VIRT_MGMT_RT_SHIFT	       8 /* resource type */
#define NVM_VIRT_MGMT_RT_MASK	       0x7u
#define NVM_VIRT_MGMT_CNTLID_SHIFT     16
#define NVM_VIRT_MGMT_CNTLID_MASK      0xffffu
#define NVM_VIRT_MGMT_NR_SHIFT	       0 /* CDW11: number of resources */
#define NVM_VIRT_MGMT_NR_MASK	       0xffffu
#define NVM_VIRT_MGMT_ACT_PRI_FLEXIBLE 0x1 /* primary: flexible resources, after a reset */
#define NVM_VIRT_MGMT_ACT_SEC_OFFLINE  0x7
#define NVM_VIRT_MGMT_ACT_SEC_ASSIGN   0x8 /* secondary: flexible resources */
#define NVM_VIRT_MGMT_ACT_SEC_ONLINE   0x9
#define NVM_VIRT_MGMT_RT_VQ	       0 /* queues */
#define NVM_VIRT_MGMT_RT_VI	       1 /* interrupts */

/* Read, Write and their like: rw.control, the upper half of CDW12 */
#define NVM_RW_DTYPE_SHIFT 4 /* directive type; not for Read */
#define NVM_RW_DTYPE_MASK  0xfu
#define NVM_RW_STC_SHIFT   8 /* storage tag check */
#define NVM_RW_STC_MASK	   0x1u
#define NVM_RW_DEAC_SHIFT  9 /* Write Zeroes: deallocate */
#define NVM_RW_DEAC_MASK   0x1u
#define NVM_RW_PRCHK_SHIFT 10 /* protection information checks */
#define NVM_RW_PRCHK_MASK  0x7u
#define NVM_RW_PRACT_SHIFT 13 /* protection information is the controller's own affair */
#define NVM_RW_PRACT_MASK  0x1u
#define NVM_RW_FUA_SHIFT   14 /* force unit access */
#define NVM_RW_FUA_MASK	   0x1u
#define NVM_RW_LR_SHIFT	   15 /* limited retry */
#define NVM_RW_LR_MASK	   0x1u

#define NVM_PRCHK_REFTAG (1 << 0)
#define NVM_PRCHK_APPTAG (1 << 1)
#define NVM_PRCHK_GUARD	 (1 << 2)

/* Read and Write: rw.dsm, hints */
#define NVM_RW_DSM_AF_SHIFT	0 /* access frequency */
#define NVM_RW_DSM_AF_MASK	0xfu
#define NVM_RW_DSM_AL_SHIFT	4 /* access latency */
#define NVM_RW_DSM_AL_MASK	0x3u
#define NVM_RW_DSM_SR_SHIFT	6 /* sequential request */
#define NVM_RW_DSM_SR_MASK	0x1u
#define NVM_RW_DSM_INCPRS_SHIFT 7 /* incompressible */
#define NVM_RW_DSM_INCPRS_MASK	0x1u

/* Dataset Management: CDW10 and CDW11 */
#define NVM_DSM_NR_SHIFT  0 /* ranges, 0's based */
#define NVM_DSM_NR_MASK	  0xffu
#define NVM_DSM_IDR_SHIFT 0 /* CDW11: integral dataset for read */
#define NVM_DSM_IDR_MASK  0x1u
#define NVM_DSM_IDW_SHIFT 1 /* CDW11: integral dataset for write */
#define NVM_DSM_IDW_MASK  0x1u
#define NVM_DSM_AD_SHIFT  2 /* CDW11: deallocate */
#define NVM_DSM_AD_MASK	  0x1u

#define NVM_DSM_RANGES_MAX 256

/**
 * struct nvm_dsm_range - one range of Dataset Management
 * @cattr: context attributes; a hint
 * @length: logical blocks, a plain count
 * @slba: first logical block
 */
struct nvm_dsm_range {
	leint32_t cattr;
	leint32_t length;
	leint64_t slba;
};

__static_assert(sizeof(struct nvm_dsm_range) == 16);

/* Copy: CDW12; CDW10 and CDW11 are SDLBA, the first logical block to write */
#define NVM_COPY_NR_SHIFT      0 /* ranges, 0's based */
#define NVM_COPY_NR_MASK       0xffu
#define NVM_COPY_DESFMT_SHIFT  8 /* descriptor format */
#define NVM_COPY_DESFMT_MASK   0xfu
#define NVM_COPY_PRINFOR_SHIFT 12 /* protection information of the read part */
#define NVM_COPY_PRINFOR_MASK  0xfu
#define NVM_COPY_DTYPE_SHIFT   20
#define NVM_COPY_DTYPE_MASK    0xfu
#define NVM_COPY_STCW_SHIFT    24 /* storage tag check of the write part */
#define NVM_COPY_STCW_MASK     0x1u
#define NVM_COPY_STCR_SHIFT    25 /* storage tag check of the read part */
#define NVM_COPY_STCR_MASK     0x1u
#define NVM_COPY_PRINFOW_SHIFT 26 /* protection information of the write part */
#define NVM_COPY_PRINFOW_MASK  0xfu
#define NVM_COPY_FUA_SHIFT     30
#define NVM_COPY_FUA_MASK      0x1u
#define NVM_COPY_LR_SHIFT      31
#define NVM_COPY_LR_MASK       0x1u

#define NVM_COPY_SOPT_FCO (1 << 15) /* fast copy only */

/**
 * struct nvm_copy_range - Copy source range, descriptor formats 0h and 2h
 * @snsid: source namespace (2h), else reserved
 * @rsvd4: reserved
 * @slba: first logical block
 * @nlb: logical blocks, 0's based
 * @rsvd18: reserved
 * @sopt: source options (2h), else reserved
 * @elbt: expected initial reference tag and storage tag
 * @elbat: expected application tag
 * @elbatm: expected application tag mask
 */
struct nvm_copy_range {
	leint32_t snsid;
	uint8_t rsvd4[4];
	leint64_t slba;
	leint16_t nlb;
	uint8_t rsvd18[4];
	leint16_t sopt;
	leint32_t elbt;
	leint16_t elbat;
	leint16_t elbatm;
};

__static_assert(sizeof(struct nvm_copy_range) == 32);
__static_assert(offsetof(struct nvm_copy_range, slba) == 8);
__static_assert(offsetof(struct nvm_copy_range, sopt) == 22);
__static_assert(offsetof(struct nvm_copy_range, elbat) == 28);

/**
 * struct nvm_copy_range_ext - Copy source range, descriptor formats 1h and 3h
 * @snsid: source namespace (3h), else reserved
 * @rsvd4: reserved
 * @slba: first logical block
 * @nlb: logical blocks, 0's based
 * @rsvd18: reserved
 * @sopt: source options (3h), else reserved
 * @rsvd24: reserved
 * @elbt: expected initial reference tag and storage tag, 80 bits, big-endian
 * @elbat: expected application tag
 * @elbatm: expected application tag mask
 */
struct nvm_copy_range_ext {
	leint32_t snsid;
	uint8_t rsvd4[4];
	leint64_t slba;
	leint16_t nlb;
	uint8_t rsvd18[4];
	leint16_t sopt;
	uint8_t rsvd24[2];
	uint8_t elbt[10];
	leint16_t elbat;
	leint16_t elbatm;
};

__static_assert(sizeof(struct nvm_copy_range_ext) == 40);
__static_assert(offsetof(struct nvm_copy_range_ext, elbt) == 26);
__static_assert(offsetof(struct nvm_copy_range_ext, elbat) == 36);

/* SGL descriptors: low nibble of the type byte (the types are in belfry/nvme/types.h) */
#define NVM_SGLD_SUBTYPE_SHIFT	   0
#define NVM_SGLD_SUBTYPE_MASK	   0xfu
#define NVM_SGLD_SUBTYPE_ADDRESS   0x0
#define NVM_SGLD_SUBTYPE_OFFSET	   0x1 /* fabrics: into the capsule */
#define NVM_SGLD_SUBTYPE_TRANSPORT 0xa /* and up */

/* SGL descriptor types that PCIe does not use */
#define NVM_SGLD_TYPE_KEYED	0x4
#define NVM_SGLD_TYPE_TRANSPORT 0x5
#define NVM_SGLD_TYPE_VS	0xf

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_SPEC_CMD_H */

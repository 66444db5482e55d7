/* SPDX-License-Identifier: MIT */
/*
 * Features and asynchronous events: identifiers, the fields of a feature's CDW11
 * (which Get Features returns in completion dword 0), and the data structures of
 * those that have one.
 *
 * Spec: NVM Express Base 2.0 and 2.1, "Feature Specific Information", "Asynchronous
 * Event Request command"; NVM Command Set 1.0, "Feature Specific Information".
 */
#ifndef BELFRY_NVME_SPEC_FEAT_H
#define BELFRY_NVME_SPEC_FEAT_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Get Features and Set Features: CDW10 */
#define NVM_FEATURES_FID_SHIFT 0
#define NVM_FEATURES_FID_MASK  0xffu
#define NVM_FEATURES_SEL_SHIFT 8 /* get: which value */
#define NVM_FEATURES_SEL_MASK  0x7u
#define NVM_FEATURES_SV_SHIFT  31 /* set: save */
#define NVM_FEATURES_SV_MASK   0x1u

#define NVM_FEATURES_SEL_CURRENT   0
#define NVM_FEATURES_SEL_DEFAULT   1
#define NVM_FEATURES_SEL_SAVED	   2
#define NVM_FEATURES_SEL_SUPPORTED 3 /* NVM_FEATURES_CAP_* in dword 0 */

#define NVM_FEATURES_CAP_SAVEABLE   (1 << 0)
#define NVM_FEATURES_CAP_NS	    (1 << 1) /* namespace specific */
#define NVM_FEATURES_CAP_CHANGEABLE (1 << 2)

/* Feature identifiers */
#define NVM_FEAT_ARBITRATION	  0x01
#define NVM_FEAT_POWER_MGMT	  0x02
#define NVM_FEAT_LBA_RANGE	  0x03
#define NVM_FEAT_TEMP_THRESH	  0x04
#define NVM_FEAT_ERR_RECOVERY	  0x05
#define NVM_FEAT_VWC		  0x06
#define NVM_FEAT_NUM_QUEUES	  0x07
#define NVM_FEAT_IRQ_COALESCE	  0x08
#define NVM_FEAT_IRQ_CONFIG	  0x09
#define NVM_FEAT_WRITE_ATOMIC	  0x0a
#define NVM_FEAT_ASYNC_EVENT	  0x0b
#define NVM_FEAT_AUTO_PST	  0x0c
#define NVM_FEAT_HOST_MEM_BUF	  0x0d
#define NVM_FEAT_TIMESTAMP	  0x0e
#define NVM_FEAT_KATO		  0x0f
#define NVM_FEAT_HCTM		  0x10
#define NVM_FEAT_NOPSC		  0x11
#define NVM_FEAT_RRL		  0x12
#define NVM_FEAT_PLM_CONFIG	  0x13
#define NVM_FEAT_PLM_WINDOW	  0x14
#define NVM_FEAT_LBA_STATUS	  0x15
#define NVM_FEAT_HOST_BEHAVIOR	  0x16
#define NVM_FEAT_SANITIZE_CONFIG  0x17
#define NVM_FEAT_ENDGRP_EVENT	  0x18
#define NVM_FEAT_IOCS_PROFILE	  0x19
#define NVM_FEAT_SPINUP_CONTROL	  0x1a
#define NVM_FEAT_POWER_LOSS	  0x1b
#define NVM_FEAT_PERF		  0x1c
#define NVM_FEAT_FDP		  0x1d
#define NVM_FEAT_FDP_EVENTS	  0x1e
#define NVM_FEAT_NS_ADMIN_LABEL	  0x1f
#define NVM_FEAT_CTRL_DATA_QUEUE  0x21
#define NVM_FEAT_EMBEDDED_MGMT	  0x78
#define NVM_FEAT_HOST_MGMT_AGENT  0x79
#define NVM_FEAT_ENH_CTRL_META	  0x7d
#define NVM_FEAT_CTRL_META	  0x7e
#define NVM_FEAT_NS_META	  0x7f
#define NVM_FEAT_SW_PROGRESS	  0x80
#define NVM_FEAT_HOST_ID	  0x81
#define NVM_FEAT_RESV_MASK	  0x82
#define NVM_FEAT_RESV_PERSIST	  0x83
#define NVM_FEAT_WRITE_PROTECT	  0x84
#define NVM_FEAT_BP_WRITE_PROTECT 0x85

/* Arbitration */
#define NVM_ARBITRATION_AB_SHIFT  0 /* burst, 2 ^ AB commands */
#define NVM_ARBITRATION_AB_MASK	  0x7u
#define NVM_ARBITRATION_LPW_SHIFT 8 /* low priority weight, 0's based */
#define NVM_ARBITRATION_LPW_MASK  0xffu
#define NVM_ARBITRATION_MPW_SHIFT 16 /* medium priority weight, 0's based */
#define NVM_ARBITRATION_MPW_MASK  0xffu
#define NVM_ARBITRATION_HPW_SHIFT 24 /* high priority weight, 0's based */
#define NVM_ARBITRATION_HPW_MASK  0xffu
#define NVM_ARBITRATION_AB_NONE	  7 /* no limit */

/* Power Management */
#define NVM_POWER_MGMT_PS_SHIFT 0 /* power state */
#define NVM_POWER_MGMT_PS_MASK	0x1fu
#define NVM_POWER_MGMT_WH_SHIFT 5 /* workload hint */
#define NVM_POWER_MGMT_WH_MASK	0x7u

/* Temperature Threshold */
#define NVM_TEMP_THRESH_TMPTH_SHIFT  0 /* kelvins */
#define NVM_TEMP_THRESH_TMPTH_MASK   0xffffu
#define NVM_TEMP_THRESH_TMPSEL_SHIFT 16 /* 0 composite, 1 to 8 sensors, 0xf all (set) */
#define NVM_TEMP_THRESH_TMPSEL_MASK  0xfu
#define NVM_TEMP_THRESH_THSEL_SHIFT  20 /* 0 over, 1 under */
#define NVM_TEMP_THRESH_THSEL_MASK   0x3u
#define NVM_TEMP_THRESH_TMPTHH_SHIFT 22 /* hysteresis, kelvins */
#define NVM_TEMP_THRESH_TMPTHH_MASK  0x7u
#define NVM_TEMP_THRESH_TMPSEL_ALL   0xf
#define NVM_TEMP_THRESH_THSEL_OVER   0
#define NVM_TEMP_THRESH_THSEL_UNDER  1

/* Error Recovery */
#define NVM_ERR_RECOVERY_TLER_SHIFT  0 /* time limited, 100 ms units, 0 is no limit */
#define NVM_ERR_RECOVERY_TLER_MASK   0xffffu
#define NVM_ERR_RECOVERY_DULBE_SHIFT 16 /* deallocated or unwritten block error enable */
#define NVM_ERR_RECOVERY_DULBE_MASK  0x1u

/* Volatile Write Cache */
#define NVM_VWC_WCE_SHIFT 0 /* enable */
#define NVM_VWC_WCE_MASK  0x1u

/* Number of Queues: requested in CDW11, allocated in dword 0; without the admin queue */
#define NVM_NUM_QUEUES_NSQ_SHIFT 0 /* submission queues, 0's based; 0xffff is not allowed */
#define NVM_NUM_QUEUES_NSQ_MASK	 0xffffu
#define NVM_NUM_QUEUES_NCQ_SHIFT 16 /* completion queues, 0's based; 0xffff is not allowed */
#define NVM_NUM_QUEUES_NCQ_MASK	 0xffffu

/* Interrupt Coalescing */
#define NVM_IRQ_COALESCE_THR_SHIFT  0 /* completions, 0's based */
#define NVM_IRQ_COALESCE_THR_MASK   0xffu
#define NVM_IRQ_COALESCE_TIME_SHIFT 8 /* 100 us units, 0 is no delay */
#define NVM_IRQ_COALESCE_TIME_MASK  0xffu

/* Interrupt Vector Configuration */
#define NVM_IRQ_CONFIG_IV_SHIFT 0 /* vector */
#define NVM_IRQ_CONFIG_IV_MASK	0xffffu
#define NVM_IRQ_CONFIG_CD_SHIFT 16 /* coalescing disable */
#define NVM_IRQ_CONFIG_CD_MASK	0x1u

/* Write Atomicity Normal */
#define NVM_WRITE_ATOMIC_DN_SHIFT 0 /* AWUN and NAWUN need not hold */
#define NVM_WRITE_ATOMIC_DN_MASK  0x1u

/* Asynchronous Event Configuration */
#define NVM_ASYNC_EVENT_SMART_SHIFT   0 /* NVM_SMART_CW_* */
#define NVM_ASYNC_EVENT_SMART_MASK    0xffu
#define NVM_ASYNC_EVENT_NAN_SHIFT     8 /* attached namespace attribute notices */
#define NVM_ASYNC_EVENT_NAN_MASK      0x1u
#define NVM_ASYNC_EVENT_FAN_SHIFT     9 /* firmware activation notices */
#define NVM_ASYNC_EVENT_FAN_MASK      0x1u
#define NVM_ASYNC_EVENT_TLN_SHIFT     10 /* telemetry log notices */
#define NVM_ASYNC_EVENT_TLN_MASK      0x1u
#define NVM_ASYNC_EVENT_ANACN_SHIFT   11 /* ANA change notices */
#define NVM_ASYNC_EVENT_ANACN_MASK    0x1u
#define NVM_ASYNC_EVENT_PLEAN_SHIFT   12 /* predictable latency event aggregate notices */
#define NVM_ASYNC_EVENT_PLEAN_MASK    0x1u
#define NVM_ASYNC_EVENT_LSIN_SHIFT    13 /* LBA status information notices */
#define NVM_ASYNC_EVENT_LSIN_MASK     0x1u
#define NVM_ASYNC_EVENT_EGEAN_SHIFT   14 /* endurance group event aggregate notices */
#define NVM_ASYNC_EVENT_EGEAN_MASK    0x1u
#define NVM_ASYNC_EVENT_NNSSHDN_SHIFT 15 /* normal NVM subsystem shutdown */
#define NVM_ASYNC_EVENT_NNSSHDN_MASK  0x1u

/* Autonomous Power State Transition, Host Memory Buffer, Non-Operational Power State Config */
#define NVM_AUTO_PST_APSTE_SHIFT   0 /* enable */
#define NVM_AUTO_PST_APSTE_MASK	   0x1u
#define NVM_HOST_MEM_BUF_EHM_SHIFT 0 /* enable host memory */
#define NVM_HOST_MEM_BUF_EHM_MASK  0x1u
#define NVM_HOST_MEM_BUF_MR_SHIFT  1 /* memory return */
#define NVM_HOST_MEM_BUF_MR_MASK   0x1u
#define NVM_NOPSC_NOPPME_SHIFT	   0 /* non-operational power state permissive mode */
#define NVM_NOPSC_NOPPME_MASK	   0x1u

/* Host Controlled Thermal Management, kelvins */
#define NVM_HCTM_TMT2_SHIFT 0
#define NVM_HCTM_TMT2_MASK  0xffffu
#define NVM_HCTM_TMT1_SHIFT 16
#define NVM_HCTM_TMT1_MASK  0xffffu

/* Sanitize Config, I/O Command Set Profile, Host Identifier, Namespace Write Protection */
#define NVM_SANITIZE_CONFIG_NODRM_SHIFT 0 /* no-deallocate response mode */
#define NVM_SANITIZE_CONFIG_NODRM_MASK	0x1u
#define NVM_IOCS_PROFILE_IOCSCI_SHIFT	0 /* combination index */
#define NVM_IOCS_PROFILE_IOCSCI_MASK	0x1ffu
#define NVM_HOST_ID_EXHID_SHIFT		0 /* 16 bytes instead of 8 */
#define NVM_HOST_ID_EXHID_MASK		0x1u
#define NVM_WRITE_PROTECT_WPS_SHIFT	0 /* state */
#define NVM_WRITE_PROTECT_WPS_MASK	0x7u
#define NVM_WRITE_PROTECT_WPS_NONE	0
#define NVM_WRITE_PROTECT_WPS_WP	1
#define NVM_WRITE_PROTECT_WPS_CYCLE	2 /* until power cycle */
#define NVM_WRITE_PROTECT_WPS_PERMANENT 3

/* Software Progress Marker */
#define NVM_SW_PROGRESS_PBSLC_SHIFT 0 /* pre-boot software load count */
#define NVM_SW_PROGRESS_PBSLC_MASK  0xffu

/**
 * struct nvm_hmb_desc - entry of a Host Memory Descriptor List
 * @badd: address, aligned to the memory page size (CC.MPS)
 * @bsize: memory pages
 * @rsvd12: reserved
 */
struct nvm_hmb_desc {
	leint64_t badd;
	leint32_t bsize;
	uint8_t rsvd12[4];
};

__static_assert(sizeof(struct nvm_hmb_desc) == 16);

/**
 * struct nvm_hmb_attrs - what Get Features says of the host memory buffer
 * @hsize: memory pages in all
 * @hmdlal: address of the list, lower half
 * @hmdlau: upper half
 * @hmdlec: entries of the list
 * @rsvd16: reserved
 */
struct nvm_hmb_attrs {
	leint32_t hsize;
	leint32_t hmdlal;
	leint32_t hmdlau;
	leint32_t hmdlec;
	uint8_t rsvd16[4080];
};

__static_assert(sizeof(struct nvm_hmb_attrs) == 4096);

/**
 * struct nvm_timestamp - data of the Timestamp feature
 * @timestamp: milliseconds, 48 bits, little-endian; since 1970-01-01 UTC if the host set it
 * @attributes: NVM_TIMESTAMP_* when read; reserved when set
 * @rsvd7: reserved
 */
struct nvm_timestamp {
	uint8_t timestamp[6];
	uint8_t attributes;
	uint8_t rsvd7;
};

__static_assert(sizeof(struct nvm_timestamp) == 8);

#define NVM_TIMESTAMP_SYNCH_SHIFT  0 /* the clock may have stopped since */
#define NVM_TIMESTAMP_SYNCH_MASK   0x1u
#define NVM_TIMESTAMP_ORIGIN_SHIFT 1
#define NVM_TIMESTAMP_ORIGIN_MASK  0x7u
#define NVM_TIMESTAMP_ORIGIN_RESET 0 /* counts from zero at a controller level reset */
#define NVM_TIMESTAMP_ORIGIN_HOST  1 /* set by the host */

/**
 * struct nvm_host_behavior - data of the Host Behavior Support feature
 * @acre: advanced command retry enable: 1 to allow Command Interrupted and CRD
 * @etdas: extended telemetry data area 4 supported
 * @lbafee: LBA format extension enable: 1 to allow formats over 15 and extended PI
 * @hdisns: host dispersed namespace support
 * @cdfe: copy descriptor formats enable, a bit for each of formats 2h to 4h
 * @rsvd6: reserved
 */
struct nvm_host_behavior {
	uint8_t acre;
	uint8_t etdas;
	uint8_t lbafee;
	uint8_t hdisns;
	leint16_t cdfe;
	uint8_t rsvd6[506];
};

__static_assert(sizeof(struct nvm_host_behavior) == 512);

/**
 * struct nvm_lba_range - entry of the LBA Range Type feature
 * @type: what the range is used for
 * @attributes: bit 0 may be overwritten, bit 1 to be hidden from the host's OS
 * @rsvd2: reserved
 * @slba: first logical block
 * @nlb: logical blocks, 0's based
 * @guid: unique identifier
 * @rsvd48: reserved
 */
struct nvm_lba_range {
	uint8_t type;
	uint8_t attributes;
	uint8_t rsvd2[14];
	leint64_t slba;
	leint64_t nlb;
	uint8_t guid[16];
	uint8_t rsvd48[16];
};

__static_assert(sizeof(struct nvm_lba_range) == 64);

/* Asynchronous events, completion dword 0 */
#define NVM_AEN_TYPE_SHIFT 0
#define NVM_AEN_TYPE_MASK  0x7u
#define NVM_AEN_INFO_SHIFT 8
#define NVM_AEN_INFO_MASK  0xffu
#define NVM_AEN_LID_SHIFT  16
#define NVM_AEN_LID_MASK   0xffu

#define NVM_AEN_TYPE_ERROR     0
#define NVM_AEN_TYPE_SMART     1
#define NVM_AEN_TYPE_NOTICE    2
#define NVM_AEN_TYPE_IMMEDIATE 3
#define NVM_AEN_TYPE_ONE_SHOT  4
#define NVM_AEN_TYPE_IO	       6
#define NVM_AEN_TYPE_VS	       7

#define NVM_AEN_ERROR_DB_REG	 0x00 /* write to an invalid doorbell register */
#define NVM_AEN_ERROR_DB_VAL	 0x01 /* invalid doorbell write value */
#define NVM_AEN_ERROR_DIAG	 0x02
#define NVM_AEN_ERROR_PERSISTENT 0x03
#define NVM_AEN_ERROR_TRANSIENT	 0x04
#define NVM_AEN_ERROR_FW_LOAD	 0x05

#define NVM_AEN_SMART_RELIABILITY 0x00
#define NVM_AEN_SMART_TEMPERATURE 0x01
#define NVM_AEN_SMART_SPARE	  0x02

#define NVM_AEN_NOTICE_NS_CHANGED	0x00
#define NVM_AEN_NOTICE_FW_ACTIVATION	0x01
#define NVM_AEN_NOTICE_TELEMETRY	0x02
#define NVM_AEN_NOTICE_ANA		0x03
#define NVM_AEN_NOTICE_PLM_AGGREGATE	0x04
#define NVM_AEN_NOTICE_LBA_STATUS	0x05
#define NVM_AEN_NOTICE_ENDGRP_AGGREGATE 0x06
#define NVM_AEN_NOTICE_REACH_GROUP	0x07
#define NVM_AEN_NOTICE_REACH_ASSOC	0x08
#define NVM_AEN_NOTICE_ALLOC_NS_CHANGED 0x09
#define NVM_AEN_NOTICE_ZONE_DESC	0xef
#define NVM_AEN_NOTICE_DISCOVERY	0xf0
#define NVM_AEN_NOTICE_HOST_DISCOVERY	0xf1
#define NVM_AEN_NOTICE_AVE_DISCOVERY	0xf2
#define NVM_AEN_NOTICE_PULL_DDC		0xf3

#define NVM_AEN_IMMEDIATE_SHUTDOWN 0x00 /* normal NVM subsystem shutdown */

#define NVM_AEN_IO_RESERVATION	    0x00
#define NVM_AEN_IO_SANITIZE_DONE    0x01
#define NVM_AEN_IO_SANITIZE_DEALLOC 0x02 /* done, with unexpected deallocation */

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_SPEC_FEAT_H */

/* SPDX-License-Identifier: MIT */
/*
 * Log pages: the structures that Get Log Page returns.
 *
 * 128 bit counters are byte arrays, little-endian. Which page is which: NVM_LOG_* in
 * belfry/nvme/spec/cmd.h.
 *
 * Spec: NVM Express Base 2.0 and 2.1, "Get Log Page command".
 */
#ifndef BELFRY_NVME_SPEC_LOG_H
#define BELFRY_NVME_SPEC_LOG_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nvm_log_supported_pages - Supported Log Pages
 * @lids: by log page identifier: NVM_LIDS_* of belfry/nvme/spec/log.h
 */
struct nvm_log_supported_pages {
	leint32_t lids[256];
};

__static_assert(sizeof(struct nvm_log_supported_pages) == 1024);

#define NVM_LIDS_LSUPP_SHIFT 0 /* supported */
#define NVM_LIDS_LSUPP_MASK  0x1u
#define NVM_LIDS_IOS_SHIFT   1 /* offset may be an index */
#define NVM_LIDS_IOS_MASK    0x1u
#define NVM_LIDS_LIDSP_SHIFT 16 /* identifier specific parameter */
#define NVM_LIDS_LIDSP_MASK  0xffffu

/**
 * struct nvm_log_error - entry of Error Information
 * @error_count: unique, counts up from 1; 0 is an unused entry
 * @sqid: queue of the command, or FFFFh
 * @cid: identifier of the command, host order, or FFFFh
 * @status: status field in bits 15:1, phase tag in bit 0
 * @peloc: parameter error location, NVM_PELOC_*, or FFFFh
 * @lba: first logical block with the error
 * @nsid: namespace of the error
 * @vsia: vendor specific log page, or 0
 * @trtype: transport type, 0 if not given
 * @csi: command set of the command
 * @opc: opcode of the command, valid with @lpver 1 and up
 * @csinfo: command specific information
 * @ttsi: transport type specific information
 * @rsvd42: reserved
 * @lpver: version of this entry
 */
struct nvm_log_error {
	leint64_t error_count;
	leint16_t sqid;
	uint16_t cid;
	leint16_t status;
	leint16_t peloc;
	leint64_t lba;
	leint32_t nsid;
	uint8_t vsia;
	uint8_t trtype;
	uint8_t csi;
	uint8_t opc;
	leint64_t csinfo;
	leint16_t ttsi;
	uint8_t rsvd42[21];
	uint8_t lpver;
};

__static_assert(sizeof(struct nvm_log_error) == 64);
__static_assert(offsetof(struct nvm_log_error, lba) == 16);
__static_assert(offsetof(struct nvm_log_error, csinfo) == 32);
__static_assert(offsetof(struct nvm_log_error, lpver) == 63);

#define NVM_PELOC_BYTE_SHIFT 0 /* byte of the command */
#define NVM_PELOC_BYTE_MASK  0xffu
#define NVM_PELOC_BIT_SHIFT  8 /* bit of the byte */
#define NVM_PELOC_BIT_MASK   0x7u

/**
 * struct nvm_log_smart - SMART / Health Information
 * @critical_warning: NVM_SMART_CW_*
 * @composite_temperature: kelvins, little-endian, not aligned
 * @avail_spare: percent
 * @avail_spare_thresh: percent
 * @percent_used: percent of the endurance, may pass 100
 * @endgrp_critical_warning: summary for endurance groups
 * @rsvd7: reserved
 * @data_units_read: thousands of 512 byte units, rounded up
 * @data_units_written: thousands of 512 byte units, rounded up
 * @host_read_cmds: commands
 * @host_write_cmds: commands
 * @ctrl_busy_time: minutes
 * @power_cycles: count
 * @power_on_hours: hours
 * @unsafe_shutdowns: count
 * @media_errors: count
 * @num_err_entries: Error Information entries over the life of the controller
 * @warning_temp_time: minutes over WCTEMP
 * @critical_temp_time: minutes over CCTEMP
 * @temp_sensor: kelvins, 0 if not there
 * @tmt1_transitions: transitions of thermal management 1
 * @tmt2_transitions: transitions of thermal management 2
 * @tmt1_time: seconds of thermal management 1
 * @tmt2_time: seconds of thermal management 2
 * @rsvd232: reserved
 */
struct nvm_log_smart {
	uint8_t critical_warning;
	uint8_t composite_temperature[2];
	uint8_t avail_spare;
	uint8_t avail_spare_thresh;
	uint8_t percent_used;
	uint8_t endgrp_critical_warning;
	uint8_t rsvd7[25];
	uint8_t data_units_read[16];
	uint8_t data_units_written[16];
	uint8_t host_read_cmds[16];
	uint8_t host_write_cmds[16];
	uint8_t ctrl_busy_time[16];
	uint8_t power_cycles[16];
	uint8_t power_on_hours[16];
	uint8_t unsafe_shutdowns[16];
	uint8_t media_errors[16];
	uint8_t num_err_entries[16];
	leint32_t warning_temp_time;
	leint32_t critical_temp_time;
	leint16_t temp_sensor[8];
	leint32_t tmt1_transitions;
	leint32_t tmt2_transitions;
	leint32_t tmt1_time;
	leint32_t tmt2_time;
	uint8_t rsvd232[280];
};

__static_assert(sizeof(struct nvm_log_smart) == 512);
__static_assert(offsetof(struct nvm_log_smart, data_units_read) == 32);
__static_assert(offsetof(struct nvm_log_smart, num_err_entries) == 176);
__static_assert(offsetof(struct nvm_log_smart, warning_temp_time) == 192);
__static_assert(offsetof(struct nvm_log_smart, temp_sensor) == 200);
__static_assert(offsetof(struct nvm_log_smart, tmt2_time) == 228);

#define NVM_SMART_CW_SPARE	 (1 << 0) /* spare below threshold */
#define NVM_SMART_CW_TEMPERATURE (1 << 1) /* over or under threshold */
#define NVM_SMART_CW_RELIABILITY (1 << 2)
#define NVM_SMART_CW_READ_ONLY	 (1 << 3)
#define NVM_SMART_CW_BACKUP	 (1 << 4) /* volatile memory backup failed */
#define NVM_SMART_CW_PMR	 (1 << 5) /* persistent memory region read-only */

/**
 * struct nvm_log_fw_slot - Firmware Slot Information
 * @afi: active firmware: slot in bits 2:0, slot after the next reset in bits 6:4
 * @rsvd1: reserved
 * @frs: revision by slot, the first is slot 1; ASCII, padded with spaces, zeros if empty
 * @rsvd64: reserved
 */
struct nvm_log_fw_slot {
	uint8_t afi;
	uint8_t rsvd1[7];
	char frs[7][8];
	uint8_t rsvd64[448];
};

__static_assert(sizeof(struct nvm_log_fw_slot) == 512);

#define NVM_AFI_CAFS_SHIFT  0 /* current active firmware slot */
#define NVM_AFI_CAFS_MASK   0x7u
#define NVM_AFI_NRCLR_SHIFT 4 /* active after the next controller level reset, 0 as now */
#define NVM_AFI_NRCLR_MASK  0x7u

/* Changed Attached Namespace List: first entry if there are more than 1024, the others are 0 */
#define NVM_LOG_CHANGED_NS_MANY 0xffffffffu

/**
 * struct nvm_log_cmd_effects - Commands Supported and Effects
 * @acs: by admin opcode: NVM_CSE_*
 * @iocs: by I/O opcode of the command set asked for: NVM_CSE_*
 * @rsvd2048: reserved
 */
struct nvm_log_cmd_effects {
	leint32_t acs[256];
	leint32_t iocs[256];
	uint8_t rsvd2048[2048];
};

__static_assert(sizeof(struct nvm_log_cmd_effects) == 4096);

#define NVM_CSE_CSUPP_SHIFT 0 /* supported */
#define NVM_CSE_CSUPP_MASK  0x1u
#define NVM_CSE_LBCC_SHIFT  1 /* logical block content change */
#define NVM_CSE_LBCC_MASK   0x1u
#define NVM_CSE_NCC_SHIFT   2 /* namespace capability change */
#define NVM_CSE_NCC_MASK    0x1u
#define NVM_CSE_NIC_SHIFT   3 /* namespace inventory change */
#define NVM_CSE_NIC_MASK    0x1u
#define NVM_CSE_CCC_SHIFT   4 /* controller capability change */
#define NVM_CSE_CCC_MASK    0x1u
#define NVM_CSE_CSER_SHIFT  14 /* execution relaxations */
#define NVM_CSE_CSER_MASK   0x3u
#define NVM_CSE_CSE_SHIFT   16 /* submission and execution */
#define NVM_CSE_CSE_MASK    0x7u
#define NVM_CSE_USS_SHIFT   19 /* UUID selection supported */
#define NVM_CSE_USS_MASK    0x1u
#define NVM_CSE_CSP_SHIFT   20 /* scope */
#define NVM_CSE_CSP_MASK    0xfffu

#define NVM_CSE_CSE_NONE 0
#define NVM_CSE_CSE_NS	 1 /* alone, of the commands that affect the namespace */
#define NVM_CSE_CSE_ALL	 2 /* alone, of the commands that affect any namespace */

/**
 * struct nvm_log_fid_effects - Feature Identifiers Supported and Effects
 * @fids: by feature identifier: NVM_FSE_*
 */
struct nvm_log_fid_effects {
	leint32_t fids[256];
};

__static_assert(sizeof(struct nvm_log_fid_effects) == 1024);

#define NVM_FSE_FSUPP_SHIFT 0 /* supported */
#define NVM_FSE_FSUPP_MASK  0x1u
#define NVM_FSE_UDCC_SHIFT  1 /* user data content change */
#define NVM_FSE_UDCC_MASK   0x1u
#define NVM_FSE_NCC_SHIFT   2 /* namespace capability change */
#define NVM_FSE_NCC_MASK    0x1u
#define NVM_FSE_NIC_SHIFT   3 /* namespace inventory change */
#define NVM_FSE_NIC_MASK    0x1u
#define NVM_FSE_CCC_SHIFT   4 /* controller capability change */
#define NVM_FSE_CCC_MASK    0x1u
#define NVM_FSE_USS_SHIFT   19 /* UUID selection supported */
#define NVM_FSE_USS_MASK    0x1u
#define NVM_FSE_FSP_SHIFT   20 /* scope */
#define NVM_FSE_FSP_MASK    0xfffu

/* Scope of a command or a feature (CSP, FSP) */
#define NVM_SCOPE_NS	 (1 << 0)
#define NVM_SCOPE_CTRL	 (1 << 1)
#define NVM_SCOPE_NVMSET (1 << 2)
#define NVM_SCOPE_ENDGRP (1 << 3)
#define NVM_SCOPE_DOMAIN (1 << 4)
#define NVM_SCOPE_SUBSYS (1 << 5)

/**
 * struct nvm_self_test_result - one result of Device Self-test
 * @dsts: result in bits 3:0 (0 passed, Fh unused entry), self-test code in bits 7:4
 * @seg: number of the failed segment
 * @vdi: which of the fields below are valid: bit 0 nsid, 1 flba, 2 sct, 3 sc
 * @rsvd3: reserved
 * @poh: power on hours
 * @nsid: namespace
 * @flba: failing logical block, little-endian, not aligned
 * @sct: status code type
 * @sc: status code
 * @vs: vendor specific
 */
struct nvm_self_test_result {
	uint8_t dsts;
	uint8_t seg;
	uint8_t vdi;
	uint8_t rsvd3;
	uint8_t poh[8];
	leint32_t nsid;
	uint8_t flba[8];
	uint8_t sct;
	uint8_t sc;
	uint8_t vs[2];
};

__static_assert(sizeof(struct nvm_self_test_result) == 28);
__static_assert(offsetof(struct nvm_self_test_result, nsid) == 12);

/**
 * struct nvm_log_self_test - Device Self-test
 * @current_operation: bits 3:0; 0 is none
 * @current_completion: percent, bits 6:0
 * @rsvd2: reserved
 * @result: newest first
 */
struct nvm_log_self_test {
	uint8_t current_operation;
	uint8_t current_completion;
	uint8_t rsvd2[2];
	struct nvm_self_test_result result[20];
};

__static_assert(sizeof(struct nvm_log_self_test) == 564);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_SPEC_LOG_H */

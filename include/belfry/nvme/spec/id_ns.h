/* SPDX-License-Identifier: MIT */
/*
 * Identify: the structures that describe namespaces, and the one of Namespace
 * Management, which is shaped after them.
 *
 * Which structure belongs to which request: NVM_CNS_* in belfry/nvme/spec/cmd.h.
 *
 * Spec: NVM Express Base 2.0, "Identify command", "Namespace Management command";
 * NVM Command Set 1.0, "Identify Data Structures". Fields that later revisions added
 * are reserved here.
 */
#ifndef BELFRY_NVME_SPEC_ID_NS_H
#define BELFRY_NVME_SPEC_ID_NS_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nvm_lbaf - LBA format
 * @ms: metadata bytes per block
 * @lbads: log2 of the data bytes per block, at least 9; 0 is not available
 * @rp: bits 1:0: relative performance, 0 is best
 */
struct nvm_lbaf {
	leint16_t ms;
	uint8_t lbads;
	uint8_t rp;
};

__static_assert(sizeof(struct nvm_lbaf) == 4);

/**
 * struct nvm_id_ns - Identify Namespace of the NVM command set
 * @nsze: size, blocks
 * @ncap: capacity, blocks
 * @nuse: blocks in use
 * @nsfeat: NVM_NSFEAT_*
 * @nlbaf: LBA formats, 0's based
 * @flbas: formatted with: NVM_FLBAS_*
 * @mc: metadata capabilities: NVM_MC_*
 * @dpc: protection information capabilities: NVM_DPC_*
 * @dps: protection information settings: NVM_DPS_*
 * @nmic: bit 0: may be shared by controllers
 * @rescap: reservation capabilities
 * @fpi: format progress: bit 7 supported, bits 6:0 percent that remain
 * @dlfeat: deallocation: NVM_DLFEAT_*
 * @nawun: atomic write unit normal, blocks, 0's based
 * @nawupf: atomic write unit power fail, blocks, 0's based
 * @nacwu: atomic compare and write unit, blocks, 0's based
 * @nabsn: atomic boundary size normal, blocks, 0's based
 * @nabo: atomic boundary offset, blocks
 * @nabspf: atomic boundary size power fail, blocks, 0's based
 * @noiob: optimal I/O boundary, blocks
 * @nvmcap: capacity, bytes, 128 bits
 * @npwg: preferred write granularity, blocks, 0's based
 * @npwa: preferred write alignment, blocks, 0's based
 * @npdg: preferred deallocate granularity, blocks, 0's based
 * @npda: preferred deallocate alignment, blocks, 0's based
 * @nows: optimal write size, blocks, 0's based
 * @mssrl: Copy: blocks in a range
 * @mcl: Copy: blocks in a command
 * @msrc: Copy: ranges, 0's based
 * @rsvd81: reserved
 * @nulbaf: LBA formats with capabilities of their own, a plain count
 * @rsvd83: reserved
 * @anagrpid: ANA group
 * @rsvd96: reserved
 * @nsattr: bit 0: write protected
 * @nvmsetid: NVM Set
 * @endgid: endurance group
 * @nguid: globally unique identifier, big-endian
 * @eui64: extended unique identifier, big-endian
 * @lbaf: LBA formats
 * @vs: vendor specific
 */
struct nvm_id_ns {
	leint64_t nsze;
	leint64_t ncap;
	leint64_t nuse;
	uint8_t nsfeat;
	uint8_t nlbaf;
	uint8_t flbas;
	uint8_t mc;
	uint8_t dpc;
	uint8_t dps;
	uint8_t nmic;
	uint8_t rescap;
	uint8_t fpi;
	uint8_t dlfeat;
	leint16_t nawun;
	leint16_t nawupf;
	leint16_t nacwu;
	leint16_t nabsn;
	leint16_t nabo;
	leint16_t nabspf;
	leint16_t noiob;
	uint8_t nvmcap[16];
	leint16_t npwg;
	leint16_t npwa;
	leint16_t npdg;
	leint16_t npda;
	leint16_t nows;
	leint16_t mssrl;
	leint32_t mcl;
	uint8_t msrc;
	uint8_t rsvd81;
	uint8_t nulbaf;
	uint8_t rsvd83[9];
	leint32_t anagrpid;
	uint8_t rsvd96[3];
	uint8_t nsattr;
	leint16_t nvmsetid;
	leint16_t endgid;
	uint8_t nguid[16];
	uint8_t eui64[8];
	struct nvm_lbaf lbaf[64];
	uint8_t vs[3712];
};

__static_assert(sizeof(struct nvm_id_ns) == 4096);
__static_assert(offsetof(struct nvm_id_ns, nsfeat) == 24);
__static_assert(offsetof(struct nvm_id_ns, dlfeat) == 33);
__static_assert(offsetof(struct nvm_id_ns, nvmcap) == 48);
__static_assert(offsetof(struct nvm_id_ns, mssrl) == 74);
__static_assert(offsetof(struct nvm_id_ns, anagrpid) == 92);
__static_assert(offsetof(struct nvm_id_ns, nguid) == 104);
__static_assert(offsetof(struct nvm_id_ns, lbaf) == 128);
__static_assert(offsetof(struct nvm_id_ns, vs) == 384);

/* Namespace features (NSFEAT) */
#define NVM_NSFEAT_THINP    (1 << 0) /* thin provisioning */
#define NVM_NSFEAT_NSABP    (1 << 1) /* the atomic write fields of the namespace count */
#define NVM_NSFEAT_DAE	    (1 << 2) /* deallocated or unwritten block error supported */
#define NVM_NSFEAT_UIDREUSE (1 << 3) /* NGUID and EUI64 are never reused */
#define NVM_NSFEAT_OPTPERF  (1 << 4) /* NPWG to NOWS are valid */

/* Formatted LBA size (FLBAS) */
#define NVM_FLBAS_LOW_SHIFT  0 /* format index, bits 3:0 */
#define NVM_FLBAS_LOW_MASK   0xfu
#define NVM_FLBAS_EXT_SHIFT  4 /* metadata at the end of the data (extended block) */
#define NVM_FLBAS_EXT_MASK   0x1u
#define NVM_FLBAS_HIGH_SHIFT 5 /* format index, bits 5:4 */
#define NVM_FLBAS_HIGH_MASK  0x3u

/* Metadata capabilities (MC) */
#define NVM_MC_MTELBA (1 << 0) /* at the end of the data (extended block) */
#define NVM_MC_MTSMB  (1 << 1) /* in a buffer of its own */

/* Protection information capabilities and settings (DPC, DPS) */
#define NVM_DPC_PIT1S	  (1 << 0) /* type 1 */
#define NVM_DPC_PIT2S	  (1 << 1) /* type 2 */
#define NVM_DPC_PIT3S	  (1 << 2) /* type 3 */
#define NVM_DPC_PIIFB	  (1 << 3) /* in the first bytes of the metadata */
#define NVM_DPC_PIILB	  (1 << 4) /* in the last bytes of the metadata */
#define NVM_DPS_PIT_SHIFT 0	   /* type, 0 is disabled */
#define NVM_DPS_PIT_MASK  0x7u
#define NVM_DPS_PIP_SHIFT 3 /* in the first bytes of the metadata */
#define NVM_DPS_PIP_MASK  0x1u

#define NVM_NMIC_SHRNS (1 << 0) /* may be attached to several controllers at once */

/* Deallocate features (DLFEAT) */
#define NVM_DLFEAT_DULBRB_SHIFT 0 /* what a read of a deallocated block returns */
#define NVM_DLFEAT_DULBRB_MASK	0x7u
#define NVM_DLFEAT_WZDS_SHIFT	3 /* Write Zeroes may deallocate */
#define NVM_DLFEAT_WZDS_MASK	0x1u
#define NVM_DLFEAT_GDS_SHIFT	4 /* guard of a deallocated block: 1 a valid CRC, 0 FFh */
#define NVM_DLFEAT_GDS_MASK	0x1u
#define NVM_DLFEAT_DULBRB_NONE	0 /* not reported */
#define NVM_DLFEAT_DULBRB_ZEROS 1
#define NVM_DLFEAT_DULBRB_ONES	2

#define NVM_NSATTR_CWP (1 << 0) /* currently write protected */

/**
 * struct nvm_id_ns_nvm - Identify Namespace, NVM command set specific
 * @lbstm: logical block storage tag mask
 * @pic: protection information capabilities
 * @rsvd9: reserved
 * @elbaf: extended LBA formats: NVM_ELBAF_*
 * @rsvd268: reserved
 */
struct nvm_id_ns_nvm {
	leint64_t lbstm;
	uint8_t pic;
	uint8_t rsvd9[3];
	leint32_t elbaf[64];
	uint8_t rsvd268[3828];
};

__static_assert(sizeof(struct nvm_id_ns_nvm) == 4096);
__static_assert(offsetof(struct nvm_id_ns_nvm, elbaf) == 12);

#define NVM_ELBAF_STS_SHIFT 0 /* storage tag size, bits */
#define NVM_ELBAF_STS_MASK  0x7fu
#define NVM_ELBAF_PIF_SHIFT 7 /* protection information format */
#define NVM_ELBAF_PIF_MASK  0x3u
#define NVM_ELBAF_PIF_16B   0
#define NVM_ELBAF_PIF_32B   1
#define NVM_ELBAF_PIF_64B   2

/**
 * struct nvm_id_ns_indep - Identify Namespace, independent of the command set
 * @nsfeat: bits 3 and up as &struct nvm_id_ns; bit 3: identifiers are never reused
 * @nmic: bit 0: may be shared by controllers
 * @rescap: reservation capabilities
 * @fpi: format progress: bit 7 supported, bits 6:0 percent that remain
 * @anagrpid: ANA group
 * @nsattr: bit 0: write protected
 * @rsvd9: reserved
 * @nvmsetid: NVM Set
 * @endgid: endurance group
 * @nstat: bit 0: ready
 * @rsvd15: reserved
 */
struct nvm_id_ns_indep {
	uint8_t nsfeat;
	uint8_t nmic;
	uint8_t rescap;
	uint8_t fpi;
	leint32_t anagrpid;
	uint8_t nsattr;
	uint8_t rsvd9;
	leint16_t nvmsetid;
	leint16_t endgid;
	uint8_t nstat;
	uint8_t rsvd15[4081];
};

__static_assert(sizeof(struct nvm_id_ns_indep) == 4096);
__static_assert(offsetof(struct nvm_id_ns_indep, nstat) == 14);

#define NVM_NSTAT_NRDY (1 << 0) /* ready, in spite of its name */

/**
 * struct nvm_id_ns_desc - header of an entry of the Namespace Identification Descriptor list
 * @nidt: type of the identifier that follows: NVM_NIDT_*; 0 ends the list
 * @nidl: its length, bytes
 * @rsvd2: reserved
 */
struct nvm_id_ns_desc {
	uint8_t nidt;
	uint8_t nidl;
	uint8_t rsvd2[2];
};

__static_assert(sizeof(struct nvm_id_ns_desc) == 4);

#define NVM_NIDT_EUI64	   0x1
#define NVM_NIDT_NGUID	   0x2
#define NVM_NIDT_UUID	   0x3
#define NVM_NIDT_CSI	   0x4
#define NVM_NIDT_EUI64_LEN 8
#define NVM_NIDT_NGUID_LEN 16
#define NVM_NIDT_UUID_LEN  16
#define NVM_NIDT_CSI_LEN   1

/**
 * struct nvm_id_ns_list - Namespace List
 * @nsid: ascending, unused entries are 0
 */
struct nvm_id_ns_list {
	leint32_t nsid[1024];
};

__static_assert(sizeof(struct nvm_id_ns_list) == 4096);

/**
 * struct nvm_id_csi_list - I/O Command Set data structure
 * @iocsc: combinations that can be selected, bit n for command set n; unused entries are 0
 */
struct nvm_id_csi_list {
	leint64_t iocsc[512];
};

__static_assert(sizeof(struct nvm_id_csi_list) == 4096);

/**
 * struct nvm_id_ns_granularity - entry of the Namespace Granularity List
 * @nszeg: granularity of the size, bytes
 * @ncapg: granularity of the capacity, bytes
 */
struct nvm_id_ns_granularity {
	leint64_t nszeg;
	leint64_t ncapg;
};

__static_assert(sizeof(struct nvm_id_ns_granularity) == 16);

/**
 * struct nvm_id_ns_granularity_list - Namespace Granularity List
 * @nga: bit 0: the list is by LBA format; else its one entry is for all of them
 * @nod: entries, 0's based
 * @rsvd5: reserved
 * @desc: entries
 * @rsvd288: reserved
 */
struct nvm_id_ns_granularity_list {
	leint32_t nga;
	uint8_t nod;
	uint8_t rsvd5[27];
	struct nvm_id_ns_granularity desc[16];
	uint8_t rsvd288[3808];
};

__static_assert(sizeof(struct nvm_id_ns_granularity_list) == 4096);

/**
 * struct nvm_id_uuid - entry of the UUID List
 * @header: bits 1:0 association: 0 none, 1 vendor of the PCI function, 2 of the subsystem
 * @rsvd1: reserved
 * @uuid: big-endian; all zero ends the list
 */
struct nvm_id_uuid {
	uint8_t header;
	uint8_t rsvd1[15];
	uint8_t uuid[16];
};

__static_assert(sizeof(struct nvm_id_uuid) == 32);

/**
 * struct nvm_id_uuid_list - UUID List
 * @rsvd0: reserved
 * @entry: the first is UUID index 1
 */
struct nvm_id_uuid_list {
	uint8_t rsvd0[32];
	struct nvm_id_uuid entry[127];
};

__static_assert(sizeof(struct nvm_id_uuid_list) == 4096);

/**
 * struct nvm_ns_mgmt - data of Namespace Management, create
 * @nsze: size, blocks
 * @ncap: capacity, blocks
 * @rsvd16: reserved
 * @flbas: format: NVM_FLBAS_*
 * @rsvd27: reserved
 * @dps: protection information: NVM_DPS_*
 * @nmic: bit 0: may be shared by controllers
 * @rsvd31: reserved
 * @anagrpid: ANA group; 0 lets the controller choose
 * @rsvd96: reserved
 * @nvmsetid: NVM Set; 0 lets the controller choose
 * @endgid: endurance group; 0 lets the controller choose
 * @rsvd104: reserved
 * @lbstm: logical block storage tag mask
 * @rsvd392: reserved
 */
struct nvm_ns_mgmt {
	leint64_t nsze;
	leint64_t ncap;
	uint8_t rsvd16[10];
	uint8_t flbas;
	uint8_t rsvd27[2];
	uint8_t dps;
	uint8_t nmic;
	uint8_t rsvd31[61];
	leint32_t anagrpid;
	uint8_t rsvd96[4];
	leint16_t nvmsetid;
	leint16_t endgid;
	uint8_t rsvd104[280];
	leint64_t lbstm;
	uint8_t rsvd392[3704];
};

__static_assert(sizeof(struct nvm_ns_mgmt) == 4096);
__static_assert(offsetof(struct nvm_ns_mgmt, flbas) == 26);
__static_assert(offsetof(struct nvm_ns_mgmt, nmic) == 30);
__static_assert(offsetof(struct nvm_ns_mgmt, anagrpid) == 92);
__static_assert(offsetof(struct nvm_ns_mgmt, lbstm) == 384);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_SPEC_ID_NS_H */

/* SPDX-License-Identifier: MIT */
/*
 * Identify: the structures that describe a controller and other controllers.
 *
 * 128 bit capacities are byte arrays, little-endian. Character arrays are ASCII,
 * padded with spaces and without a final zero, but for subnqn. Which structure
 * belongs to which request: NVM_CNS_* in belfry/nvme/spec/cmd.h.
 *
 * Spec: NVM Express Base 2.0, "Identify command"; NVM Command Set 1.0, "Identify
 * Data Structures". Fields that later revisions added are reserved here.
 */
#ifndef BELFRY_NVME_SPEC_ID_CTRL_H
#define BELFRY_NVME_SPEC_ID_CTRL_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nvm_id_psd - power state descriptor
 * @mp: maximum power, centiwatts, or 0.1 mW by flags
 * @rsvd2: reserved
 * @flags: bit 0 unit of @mp (MXPS), bit 1 non-operational (NOPS)
 * @enlat: entry latency, microseconds
 * @exlat: exit latency, microseconds
 * @rrt: relative read throughput
 * @rrl: relative read latency
 * @rwt: relative write throughput
 * @rwl: relative write latency
 * @idlp: idle power
 * @ips: bits 7:6: unit of @idlp
 * @rsvd19: reserved
 * @actp: active power
 * @apw_aps: bits 2:0 workload, bits 7:6 unit of @actp
 * @rsvd23: reserved
 */
struct nvm_id_psd {
	leint16_t mp;
	uint8_t rsvd2;
	uint8_t flags;
	leint32_t enlat;
	leint32_t exlat;
	uint8_t rrt;
	uint8_t rrl;
	uint8_t rwt;
	uint8_t rwl;
	leint16_t idlp;
	uint8_t ips;
	uint8_t rsvd19;
	leint16_t actp;
	uint8_t apw_aps;
	uint8_t rsvd23[9];
};

__static_assert(sizeof(struct nvm_id_psd) == 32);

/**
 * struct nvm_id_ctrl - Identify Controller
 * @vid: PCI vendor
 * @ssvid: PCI subsystem vendor
 * @sn: serial number
 * @mn: model number
 * @fr: firmware revision
 * @rab: recommended arbitration burst, log2
 * @ieee: OUI, little-endian
 * @cmic: NVM_CMIC_*
 * @mdts: maximum data transfer size, 2 ^ MDTS pages of CAP.MPSMIN; 0 is no limit
 * @cntlid: controller identifier
 * @ver: as VS
 * @rtd3r: resume latency, microseconds
 * @rtd3e: entry latency, microseconds
 * @oaes: optional asynchronous events: the bits of NVM_ASYNC_EVENT_*
 * @ctratt: NVM_CTRATT_*
 * @rrls: read recovery levels
 * @rsvd102: reserved
 * @cntrltype: NVM_CNTRLTYPE_*
 * @fguid: FRU identifier
 * @crdt1: command retry delay 1, 100 ms units
 * @crdt2: command retry delay 2, 100 ms units
 * @crdt3: command retry delay 3, 100 ms units
 * @rsvd134: reserved
 * @nvmsr: NVM subsystem report
 * @vwci: VPD write cycle information
 * @mec: management endpoint capabilities
 * @oacs: optional admin commands: NVM_OACS_*
 * @acl: Abort commands outstanding, 0's based
 * @aerl: Asynchronous Event Requests outstanding, 0's based
 * @frmw: firmware updates: NVM_FRMW_*
 * @lpa: log page attributes: NVM_LPA_*
 * @elpe: Error Information entries, 0's based
 * @npss: power states, 0's based
 * @avscc: vendor specific admin commands have the standard format
 * @apsta: autonomous power state transitions
 * @wctemp: warning temperature, kelvins
 * @cctemp: critical temperature, kelvins
 * @mtfa: maximum time for firmware activation, 100 ms units
 * @hmpre: preferred host memory buffer, 4 KiB units
 * @hmmin: minimum host memory buffer, 4 KiB units
 * @tnvmcap: total capacity, bytes
 * @unvmcap: unallocated capacity, bytes
 * @rpmbs: replay protected memory block
 * @edstt: extended self-test time, minutes
 * @dsto: self-test options
 * @fwug: firmware update granularity, 4 KiB units
 * @kas: keep alive granularity, 100 ms units; 0 is not supported
 * @hctma: host controlled thermal management
 * @mntmt: minimum thermal management temperature, kelvins
 * @mxtmt: maximum thermal management temperature, kelvins
 * @sanicap: sanitize capabilities
 * @hmminds: host memory buffer minimum descriptor size, 4 KiB units
 * @hmmaxd: host memory buffer maximum descriptors
 * @nsetidmax: highest NVM Set
 * @endgidmax: highest endurance group
 * @anatt: ANA transition time, seconds
 * @anacap: ANA capabilities
 * @anagrpmax: highest ANA group
 * @nanagrpid: number of ANA groups
 * @pels: persistent event log size, 64 KiB units
 * @domainid: domain
 * @rsvd358: reserved
 * @megcap: largest endurance group, bytes
 * @rsvd384: reserved
 * @sqes: log2 of the submission queue entry size: bits 3:0 required, 7:4 maximum
 * @cqes: log2 of the completion queue entry size: bits 3:0 required, 7:4 maximum
 * @maxcmd: commands outstanding; 0 is not reported
 * @nn: highest NSID
 * @oncs: optional NVM commands: NVM_ONCS_*
 * @fuses: fused operations: NVM_FUSES_*
 * @fna: format attributes: NVM_FNA_*
 * @vwc: NVM_VWC_*
 * @awun: atomic write unit normal, blocks, 0's based
 * @awupf: atomic write unit power fail, blocks, 0's based
 * @icsvscc: vendor specific I/O commands have the standard format
 * @nwpc: namespace write protection
 * @acwu: atomic compare and write unit, blocks, 0's based
 * @ocfs: Copy descriptor formats, bit n for format n
 * @sgls: NVM_SGLS_*
 * @mnan: namespaces allowed; 0 is @nn
 * @maxdna: attachments in the domain
 * @maxcna: attachments to this controller
 * @rsvd564: reserved
 * @subnqn: NVM subsystem name, UTF-8, ended by a zero
 * @rsvd1024: reserved
 * @ioccsz: fabrics: I/O queue command capsule size, 16 byte units
 * @iorcsz: fabrics: I/O queue response capsule size, 16 byte units
 * @icdoff: fabrics: in-capsule data offset, 16 byte units
 * @fcatt: fabrics: controller attributes
 * @msdbd: fabrics: maximum SGL data block descriptors
 * @ofcs: fabrics: optional commands
 * @dctype: discovery controller type
 * @rsvd1807: reserved
 * @psd: power states
 * @vs: vendor specific
 */
struct nvm_id_ctrl {
	leint16_t vid;
	leint16_t ssvid;
	char sn[20];
	char mn[40];
	char fr[8];
	uint8_t rab;
	uint8_t ieee[3];
	uint8_t cmic;
	uint8_t mdts;
	leint16_t cntlid;
	leint32_t ver;
	leint32_t rtd3r;
	leint32_t rtd3e;
	leint32_t oaes;
	leint32_t ctratt;
	leint16_t rrls;
	uint8_t rsvd102[9];
	uint8_t cntrltype;
	uint8_t fguid[16];
	leint16_t crdt1;
	leint16_t crdt2;
	leint16_t crdt3;
	uint8_t rsvd134[119];
	uint8_t nvmsr;
	uint8_t vwci;
	uint8_t mec;

	leint16_t oacs;
	uint8_t acl;
	uint8_t aerl;
	uint8_t frmw;
	uint8_t lpa;
	uint8_t elpe;
	uint8_t npss;
	uint8_t avscc;
	uint8_t apsta;
	leint16_t wctemp;
	leint16_t cctemp;
	leint16_t mtfa;
	leint32_t hmpre;
	leint32_t hmmin;
	uint8_t tnvmcap[16];
	uint8_t unvmcap[16];
	leint32_t rpmbs;
	leint16_t edstt;
	uint8_t dsto;
	uint8_t fwug;
	leint16_t kas;
	leint16_t hctma;
	leint16_t mntmt;
	leint16_t mxtmt;
	leint32_t sanicap;
	leint32_t hmminds;
	leint16_t hmmaxd;
	leint16_t nsetidmax;
	leint16_t endgidmax;
	uint8_t anatt;
	uint8_t anacap;
	leint32_t anagrpmax;
	leint32_t nanagrpid;
	leint32_t pels;
	leint16_t domainid;
	uint8_t rsvd358[10];
	uint8_t megcap[16];
	uint8_t rsvd384[128];

	uint8_t sqes;
	uint8_t cqes;
	leint16_t maxcmd;
	leint32_t nn;
	leint16_t oncs;
	leint16_t fuses;
	uint8_t fna;
	uint8_t vwc;
	leint16_t awun;
	leint16_t awupf;
	uint8_t icsvscc;
	uint8_t nwpc;
	leint16_t acwu;
	leint16_t ocfs;
	leint32_t sgls;
	leint32_t mnan;
	uint8_t maxdna[16];
	leint32_t maxcna;
	uint8_t rsvd564[204];
	char subnqn[256];
	uint8_t rsvd1024[768];

	leint32_t ioccsz;
	leint32_t iorcsz;
	leint16_t icdoff;
	uint8_t fcatt;
	uint8_t msdbd;
	leint16_t ofcs;
	uint8_t dctype;
	uint8_t rsvd1807[241];

	struct nvm_id_psd psd[32];
	uint8_t vs[1024];
};

__static_assert(sizeof(struct nvm_id_ctrl) == 4096);
__static_assert(offsetof(struct nvm_id_ctrl, mdts) == 77);
__static_assert(offsetof(struct nvm_id_ctrl, cntrltype) == 111);
__static_assert(offsetof(struct nvm_id_ctrl, oacs) == 256);
__static_assert(offsetof(struct nvm_id_ctrl, tnvmcap) == 280);
__static_assert(offsetof(struct nvm_id_ctrl, kas) == 320);
__static_assert(offsetof(struct nvm_id_ctrl, megcap) == 368);
__static_assert(offsetof(struct nvm_id_ctrl, sqes) == 512);
__static_assert(offsetof(struct nvm_id_ctrl, sgls) == 536);
__static_assert(offsetof(struct nvm_id_ctrl, subnqn) == 768);
__static_assert(offsetof(struct nvm_id_ctrl, ioccsz) == 1792);
__static_assert(offsetof(struct nvm_id_ctrl, psd) == 2048);

/* Multi-path I/O and namespace sharing capabilities (CMIC) */
#define NVM_CMIC_MPORTS (1 << 0) /* more than one port */
#define NVM_CMIC_MCTRS	(1 << 1) /* more than one controller */
#define NVM_CMIC_FT	(1 << 2) /* this is an SR-IOV virtual function */
#define NVM_CMIC_ANARS	(1 << 3) /* reports ANA */

/* Controller attributes (CTRATT) */
#define NVM_CTRATT_HIDS	  (1u << 0)  /* 128 bit host identifiers */
#define NVM_CTRATT_NOPSPM (1u << 1)  /* non-operational power state permissive mode */
#define NVM_CTRATT_NSETS  (1u << 2)  /* NVM Sets */
#define NVM_CTRATT_RRLVLS (1u << 3)  /* read recovery levels */
#define NVM_CTRATT_EGS	  (1u << 4)  /* endurance groups */
#define NVM_CTRATT_PLM	  (1u << 5)  /* predictable latency mode */
#define NVM_CTRATT_TBKAS  (1u << 6)  /* traffic based keep alive */
#define NVM_CTRATT_NG	  (1u << 7)  /* namespace granularity */
#define NVM_CTRATT_SQA	  (1u << 8)  /* SQ associations */
#define NVM_CTRATT_ULIST  (1u << 9)  /* UUID list */
#define NVM_CTRATT_MDS	  (1u << 10) /* multiple domains */
#define NVM_CTRATT_FCM	  (1u << 11) /* fixed capacity management */
#define NVM_CTRATT_VCM	  (1u << 12) /* variable capacity management */
#define NVM_CTRATT_DEG	  (1u << 13) /* delete endurance group */
#define NVM_CTRATT_DNVMS  (1u << 14) /* delete NVM Set */
#define NVM_CTRATT_ELBAS  (1u << 15) /* extended LBA formats */
#define NVM_CTRATT_MEM	  (1u << 16) /* MDTS excludes metadata */
#define NVM_CTRATT_HMBR	  (1u << 17) /* host memory buffer restrict */
#define NVM_CTRATT_RHII	  (1u << 18) /* reservations and host identifier interaction */
#define NVM_CTRATT_FDPS	  (1u << 19) /* flexible data placement */

#define NVM_CNTRLTYPE_IO	1
#define NVM_CNTRLTYPE_DISCOVERY 2
#define NVM_CNTRLTYPE_ADMIN	3

/* Optional admin commands (OACS) */
#define NVM_OACS_SSRS  (1 << 0)	 /* Security Send and Receive */
#define NVM_OACS_FNVMS (1 << 1)	 /* Format NVM */
#define NVM_OACS_FWDS  (1 << 2)	 /* Firmware Commit and Image Download */
#define NVM_OACS_NMS   (1 << 3)	 /* Namespace Management and Attachment */
#define NVM_OACS_DSTS  (1 << 4)	 /* Device Self-test */
#define NVM_OACS_DIRS  (1 << 5)	 /* Directives */
#define NVM_OACS_NSRS  (1 << 6)	 /* NVMe-MI Send and Receive */
#define NVM_OACS_VMS   (1 << 7)	 /* Virtualization Management */
#define NVM_OACS_DBCS  (1 << 8)	 /* Doorbell Buffer Config */
#define NVM_OACS_GLSS  (1 << 9)	 /* Get LBA Status */
#define NVM_OACS_CFLS  (1 << 10) /* Command and Feature Lockdown */
#define NVM_OACS_HMLMS (1 << 11) /* host managed live migration */

/* Firmware updates (FRMW) */
#define NVM_FRMW_FFSRO_SHIFT 0 /* slot 1 is read-only */
#define NVM_FRMW_FFSRO_MASK  0x1u
#define NVM_FRMW_NOFS_SHIFT  1 /* slots, 1 to 7 */
#define NVM_FRMW_NOFS_MASK   0x7u
#define NVM_FRMW_FAWR_SHIFT  4 /* activation without reset */
#define NVM_FRMW_FAWR_MASK   0x1u
#define NVM_FRMW_SMUD_SHIFT  5 /* detects overlapping updates */
#define NVM_FRMW_SMUD_MASK   0x1u

/* Log page attributes (LPA) */
#define NVM_LPA_SMARTS (1 << 0) /* SMART per namespace */
#define NVM_LPA_CSES   (1 << 1) /* Commands Supported and Effects */
#define NVM_LPA_LPEDS  (1 << 2) /* offset and more than 12 bits of length */
#define NVM_LPA_TS     (1 << 3) /* telemetry */
#define NVM_LPA_PES    (1 << 4) /* persistent event */
#define NVM_LPA_MLPS   (1 << 5) /* Supported Log Pages, Feature Identifiers Effects, ... */
#define NVM_LPA_DA4S   (1 << 6) /* telemetry data area 4 */

/* Optional NVM commands (ONCS) */
#define NVM_ONCS_NVMCMPS  (1 << 0)  /* Compare */
#define NVM_ONCS_NVMWUSV  (1 << 1)  /* Write Uncorrectable */
#define NVM_ONCS_NVMDSMSV (1 << 2)  /* Dataset Management */
#define NVM_ONCS_NVMWZSV  (1 << 3)  /* Write Zeroes */
#define NVM_ONCS_SSFS	  (1 << 4)  /* save and select of features */
#define NVM_ONCS_RESERVS  (1 << 5)  /* reservations */
#define NVM_ONCS_TSS	  (1 << 6)  /* Timestamp feature */
#define NVM_ONCS_NVMVFYS  (1 << 7)  /* Verify */
#define NVM_ONCS_NVMCPYS  (1 << 8)  /* Copy */
#define NVM_ONCS_NVMCSA	  (1 << 9)  /* Copy is a single atomic write */
#define NVM_ONCS_NVMAFC	  (1 << 10) /* all copies are fast copies */
#define NVM_ONCS_MAXWZD	  (1 << 11) /* Write Zeroes with deallocate has its own limit */
#define NVM_ONCS_NSZS	  (1 << 12) /* Write Zeroes of a whole namespace */

#define NVM_FUSES_FCWS (1 << 0) /* Compare and Write */

/* Format attributes (FNA) */
#define NVM_FNA_FNS    (1 << 0) /* a format formats all namespaces */
#define NVM_FNA_SENS   (1 << 1) /* a secure erase erases all namespaces */
#define NVM_FNA_CRYES  (1 << 2) /* cryptographic erase */
#define NVM_FNA_FNVMBS (1 << 3) /* broadcast is NOT supported */

/* Volatile write cache (VWC) */
#define NVM_VWC_VWCP_SHIFT     0 /* present */
#define NVM_VWC_VWCP_MASK      0x1u
#define NVM_VWC_FB_SHIFT       1 /* Flush to NSID FFFFFFFFh */
#define NVM_VWC_FB_MASK	       0x3u
#define NVM_VWC_FB_UNSPECIFIED 0
#define NVM_VWC_FB_NO	       2
#define NVM_VWC_FB_YES	       3

/* SGL support (SGLS) */
#define NVM_SGLS_SGLS_SHIFT   0 /* supported, and how aligned; nothing else says so */
#define NVM_SGLS_SGLS_MASK    0x3u
#define NVM_SGLS_KSDBDS_SHIFT 2 /* keyed data blocks */
#define NVM_SGLS_KSDBDS_MASK  0x1u
#define NVM_SGLS_SDT_SHIFT    8 /* recommended most descriptors in a command */
#define NVM_SGLS_SDT_MASK     0xffu
#define NVM_SGLS_SBBDS_SHIFT  16 /* bit buckets */
#define NVM_SGLS_SBBDS_MASK   0x1u
#define NVM_SGLS_MBA_SHIFT    17 /* metadata buffer may be byte aligned */
#define NVM_SGLS_MBA_MASK     0x1u
#define NVM_SGLS_SDLL_SHIFT   18 /* longer than the data is allowed */
#define NVM_SGLS_SDLL_MASK    0x1u
#define NVM_SGLS_MPCSD_SHIFT  19 /* metadata pointer may be an SGL segment */
#define NVM_SGLS_MPCSD_MASK   0x1u
#define NVM_SGLS_AOSDS_SHIFT  20 /* address may be an offset */
#define NVM_SGLS_AOSDS_MASK   0x1u
#define NVM_SGLS_TSDBDS_SHIFT 21 /* transport data blocks */
#define NVM_SGLS_TSDBDS_MASK  0x1u
#define NVM_SGLS_SGLS_NO      0
#define NVM_SGLS_SGLS_BYTE    1 /* any alignment */
#define NVM_SGLS_SGLS_DWORD   2 /* addresses and lengths are multiples of 4 */

/**
 * struct nvm_id_ctrl_nvm - Identify Controller of the NVM command set
 * @vsl: Verify limit, 2 ^ VSL pages of CAP.MPSMIN; 0 is not reported
 * @wzsl: Write Zeroes limit, likewise
 * @wusl: Write Uncorrectable limit, likewise
 * @dmrl: Dataset Management ranges; 0 is not reported
 * @dmrsl: blocks in a range of Dataset Management
 * @dmsl: blocks in all ranges of Dataset Management
 * @rsvd16: reserved
 */
struct nvm_id_ctrl_nvm {
	uint8_t vsl;
	uint8_t wzsl;
	uint8_t wusl;
	uint8_t dmrl;
	leint32_t dmrsl;
	leint64_t dmsl;
	uint8_t rsvd16[4080];
};

__static_assert(sizeof(struct nvm_id_ctrl_nvm) == 4096);

/**
 * struct nvm_primary_ctrl_cap - Primary Controller Capabilities
 * @cntlid: controller identifier
 * @portid: port
 * @crt: resource types: bit 0 queues, bit 1 interrupts
 * @rsvd5: reserved
 * @vqfrt: flexible queues in all
 * @vqrfa: flexible queues assigned
 * @vqrfap: flexible queues of the primary controller
 * @vqprt: private queues of the primary controller
 * @vqfrsm: most flexible queues of a secondary controller
 * @vqgran: preferred granularity of queues
 * @rsvd48: reserved
 * @vifrt: flexible interrupts in all
 * @virfa: flexible interrupts assigned
 * @virfap: flexible interrupts of the primary controller
 * @viprt: private interrupts of the primary controller
 * @vifrsm: most flexible interrupts of a secondary controller
 * @vigran: preferred granularity of interrupts
 * @rsvd80: reserved
 */
struct nvm_primary_ctrl_cap {
	leint16_t cntlid;
	leint16_t portid;
	uint8_t crt;
	uint8_t rsvd5[27];
	leint32_t vqfrt;
	leint32_t vqrfa;
	leint16_t vqrfap;
	leint16_t vqprt;
	leint16_t vqfrsm;
	leint16_t vqgran;
	uint8_t rsvd48[16];
	leint32_t vifrt;
	leint32_t virfa;
	leint16_t virfap;
	leint16_t viprt;
	leint16_t vifrsm;
	leint16_t vigran;
	uint8_t rsvd80[4016];
};

__static_assert(sizeof(struct nvm_primary_ctrl_cap) == 4096);
__static_assert(offsetof(struct nvm_primary_ctrl_cap, vifrt) == 64);

/**
 * struct nvm_secondary_ctrl - entry of the Secondary Controller List
 * @scid: secondary controller identifier
 * @pcid: primary controller identifier
 * @scs: bit 0: online
 * @rsvd5: reserved
 * @vfn: virtual function number, from 1; 0 is none
 * @nvq: queues assigned
 * @nvi: interrupts assigned
 * @rsvd14: reserved
 */
struct nvm_secondary_ctrl {
	leint16_t scid;
	leint16_t pcid;
	uint8_t scs;
	uint8_t rsvd5[3];
	leint16_t vfn;
	leint16_t nvq;
	leint16_t nvi;
	uint8_t rsvd14[18];
};

__static_assert(sizeof(struct nvm_secondary_ctrl) == 32);

/**
 * struct nvm_secondary_ctrl_list - Secondary Controller List
 * @num: entries that follow
 * @rsvd1: reserved
 * @entry: ascending by @scid
 */
struct nvm_secondary_ctrl_list {
	uint8_t num;
	uint8_t rsvd1[31];
	struct nvm_secondary_ctrl entry[127];
};

__static_assert(sizeof(struct nvm_secondary_ctrl_list) == 4096);

/**
 * struct nvm_ctrl_list - Controller List
 * @num: identifiers that follow
 * @id: ascending
 */
struct nvm_ctrl_list {
	leint16_t num;
	leint16_t id[2047];
};

__static_assert(sizeof(struct nvm_ctrl_list) == 4096);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_SPEC_ID_CTRL_H */

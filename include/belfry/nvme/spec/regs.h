/* SPDX-License-Identifier: MIT */
/*
 * Controller registers: offsets, fields and their values.
 *
 * A field F is described by NVM_F_SHIFT and by NVM_F_MASK, the mask after the
 * shift, whose type is that of the register (unsigned, or unsigned long long for
 * registers of 64 bits). NVM_GET() and NVM_SET() are all that is needed to use
 * them; they serve the fields of commands and data structures as well.
 *
 * Spec: NVM Express Base 2.0, "Controller Properties".
 */
#ifndef BELFRY_NVME_SPEC_REGS_H
#define BELFRY_NVME_SPEC_REGS_H

/**
 * NVM_GET() - take a field out of a value
 * @value: register, dword or byte; CPU order
 * @field: field name without NVM_, as in NVM_GET(cap, CAP_MQES)
 *
 * Context: pure.
 * Return: the field, shifted down.
 */
#define NVM_GET(value, field) (((value) >> NVM_##field##_SHIFT) & NVM_##field##_MASK)

/**
 * NVM_SET() - put a number where a field is
 * @value: what the field shall hold; bits that do not fit are cut off
 * @field: field name without NVM_, as in NVM_SET(1, CC_EN)
 *
 * The field in place, as a mask: NVM_SET(-1, CC_EN).
 *
 * Context: pure.
 * Return: @value, masked and shifted up, to be or-ed with other fields.
 */
#define NVM_SET(value, field) (((value)&NVM_##field##_MASK) << NVM_##field##_SHIFT)

/* Offsets from the start of BAR0. 64 bit: CAP, ASQ, ACQ, BPMBL, CMBMSC; others 32 bit. */
#define NVM_REG_CAP	0x0000 /* controller capabilities */
#define NVM_REG_VS	0x0008 /* version */
#define NVM_REG_INTMS	0x000c /* interrupt mask set */
#define NVM_REG_INTMC	0x0010 /* interrupt mask clear */
#define NVM_REG_CC	0x0014 /* controller configuration */
#define NVM_REG_CSTS	0x001c /* controller status */
#define NVM_REG_NSSR	0x0020 /* NVM subsystem reset */
#define NVM_REG_AQA	0x0024 /* admin queue attributes */
#define NVM_REG_ASQ	0x0028 /* admin submission queue base address */
#define NVM_REG_ACQ	0x0030 /* admin completion queue base address */
#define NVM_REG_CMBLOC	0x0038 /* controller memory buffer location */
#define NVM_REG_CMBSZ	0x003c /* controller memory buffer size */
#define NVM_REG_BPINFO	0x0040 /* boot partition information */
#define NVM_REG_BPRSEL	0x0044 /* boot partition read select */
#define NVM_REG_BPMBL	0x0048 /* boot partition memory buffer location */
#define NVM_REG_CMBMSC	0x0050 /* controller memory buffer memory space control */
#define NVM_REG_CMBSTS	0x0058 /* controller memory buffer status */
#define NVM_REG_CMBEBS	0x005c /* controller memory buffer elasticity buffer size */
#define NVM_REG_CMBSWTP 0x0060 /* controller memory buffer sustained write throughput */
#define NVM_REG_NSSD	0x0064 /* NVM subsystem shutdown */
#define NVM_REG_CRTO	0x0068 /* controller ready timeouts */
#define NVM_REG_PMRCAP	0x0e00 /* persistent memory region capabilities */
#define NVM_REG_PMRCTL	0x0e04 /* persistent memory region control */
#define NVM_REG_PMRSTS	0x0e08 /* persistent memory region status */
#define NVM_REG_PMREBS	0x0e0c /* persistent memory region elasticity buffer size */
#define NVM_REG_PMRSWTP 0x0e10 /* persistent memory region sustained write throughput */
#define NVM_REG_PMRMSCL 0x0e14 /* persistent memory region memory space control, lower */
#define NVM_REG_PMRMSCU 0x0e18 /* persistent memory region memory space control, upper */
#define NVM_REG_DBS	0x1000 /* doorbells: SQ 0 tail, CQ 0 head, SQ 1 tail, ... */

/**
 * NVM_REG_SQTDBL() - offset of a submission queue's tail doorbell
 * @qid: queue identifier
 * @dstrd: CAP.DSTRD
 *
 * Context: pure.
 * Return: offset from the start of BAR0, bytes.
 */
#define NVM_REG_SQTDBL(qid, dstrd) (NVM_REG_DBS + (2u * (qid) + 0u) * (4u << (dstrd)))

/**
 * NVM_REG_CQHDBL() - offset of a completion queue's head doorbell
 * @qid: queue identifier
 * @dstrd: CAP.DSTRD
 *
 * Context: pure.
 * Return: offset from the start of BAR0, bytes.
 */
#define NVM_REG_CQHDBL(qid, dstrd) (NVM_REG_DBS + (2u * (qid) + 1u) * (4u << (dstrd)))

/* CAP */
#define NVM_CAP_MQES_SHIFT   0 /* maximum queue entries supported, 0's based */
#define NVM_CAP_MQES_MASK    0xffffull
#define NVM_CAP_CQR_SHIFT    16 /* contiguous queues required */
#define NVM_CAP_CQR_MASK     0x1ull
#define NVM_CAP_AMS_SHIFT    17 /* arbitration mechanisms supported besides round robin */
#define NVM_CAP_AMS_MASK     0x3ull
#define NVM_CAP_TO_SHIFT     24 /* timeout for CSTS.RDY to follow CC.EN, 500 ms units */
#define NVM_CAP_TO_MASK	     0xffull
#define NVM_CAP_DSTRD_SHIFT  32 /* doorbell stride, 2 ^ (2 + DSTRD) bytes */
#define NVM_CAP_DSTRD_MASK   0xfull
#define NVM_CAP_NSSRS_SHIFT  36 /* NVM subsystem reset supported */
#define NVM_CAP_NSSRS_MASK   0x1ull
#define NVM_CAP_CSS_SHIFT    37 /* command sets supported */
#define NVM_CAP_CSS_MASK     0xffull
#define NVM_CAP_BPS_SHIFT    45 /* boot partition support */
#define NVM_CAP_BPS_MASK     0x1ull
#define NVM_CAP_CPS_SHIFT    46 /* controller power scope */
#define NVM_CAP_CPS_MASK     0x3ull
#define NVM_CAP_MPSMIN_SHIFT 48 /* smallest memory page size, 2 ^ (12 + MPSMIN) bytes */
#define NVM_CAP_MPSMIN_MASK  0xfull
#define NVM_CAP_MPSMAX_SHIFT 52 /* largest memory page size, 2 ^ (12 + MPSMAX) bytes */
#define NVM_CAP_MPSMAX_MASK  0xfull
#define NVM_CAP_PMRS_SHIFT   56 /* persistent memory region supported */
#define NVM_CAP_PMRS_MASK    0x1ull
#define NVM_CAP_CMBS_SHIFT   57 /* controller memory buffer supported */
#define NVM_CAP_CMBS_MASK    0x1ull
#define NVM_CAP_NSSS_SHIFT   58 /* NVM subsystem shutdown supported */
#define NVM_CAP_NSSS_MASK    0x1ull
#define NVM_CAP_CRMS_SHIFT   59 /* controller ready modes supported */
#define NVM_CAP_CRMS_MASK    0x3ull
#define NVM_CAP_NSSES_SHIFT  61 /* NVM subsystem shutdown enhancements supported */
#define NVM_CAP_NSSES_MASK   0x1ull

#define NVM_CAP_AMS_WRR	    (1 << 0) /* weighted round robin with urgent priority class */
#define NVM_CAP_AMS_VS	    (1 << 1) /* vendor specific */
#define NVM_CAP_CSS_NVM	    (1 << 0) /* NVM command set */
#define NVM_CAP_CSS_IOCSS   (1 << 6) /* one or more I/O command sets, see Identify CNS 1Ch */
#define NVM_CAP_CSS_NOIOCSS (1 << 7) /* no I/O command set */
#define NVM_CAP_CRMS_CRWMS  (1 << 0) /* ready with media */
#define NVM_CAP_CRMS_CRIMS  (1 << 1) /* ready independent of media */

/* VS, and VER of Identify Controller */
#define NVM_VS_TER_SHIFT 0 /* tertiary */
#define NVM_VS_TER_MASK	 0xffu
#define NVM_VS_MNR_SHIFT 8 /* minor */
#define NVM_VS_MNR_MASK	 0xffu
#define NVM_VS_MJR_SHIFT 16 /* major */
#define NVM_VS_MJR_MASK	 0xffffu

/* CC */
#define NVM_CC_EN_SHIFT	    0 /* enable */
#define NVM_CC_EN_MASK	    0x1u
#define NVM_CC_CSS_SHIFT    4 /* I/O command set selected */
#define NVM_CC_CSS_MASK	    0x7u
#define NVM_CC_MPS_SHIFT    7 /* memory page size, 2 ^ (12 + MPS) bytes */
#define NVM_CC_MPS_MASK	    0xfu
#define NVM_CC_AMS_SHIFT    11 /* arbitration mechanism selected */
#define NVM_CC_AMS_MASK	    0x7u
#define NVM_CC_SHN_SHIFT    14 /* shutdown notification */
#define NVM_CC_SHN_MASK	    0x3u
#define NVM_CC_IOSQES_SHIFT 16 /* I/O submission queue entry size, log2 of bytes */
#define NVM_CC_IOSQES_MASK  0xfu
#define NVM_CC_IOCQES_SHIFT 20 /* I/O completion queue entry size, log2 of bytes */
#define NVM_CC_IOCQES_MASK  0xfu
#define NVM_CC_CRIME_SHIFT  24 /* controller ready independent of media enable */
#define NVM_CC_CRIME_MASK   0x1u

#define NVM_CC_CSS_NVM	  0 /* NVM command set */
#define NVM_CC_CSS_ALL	  6 /* all supported I/O command sets */
#define NVM_CC_CSS_ADMIN  7 /* admin command set only */
#define NVM_CC_AMS_RR	  0 /* round robin */
#define NVM_CC_AMS_WRR	  1 /* weighted round robin with urgent priority class */
#define NVM_CC_AMS_VS	  7 /* vendor specific */
#define NVM_CC_SHN_NONE	  0
#define NVM_CC_SHN_NORMAL 1
#define NVM_CC_SHN_ABRUPT 2

/* CSTS */
#define NVM_CSTS_RDY_SHIFT   0 /* ready */
#define NVM_CSTS_RDY_MASK    0x1u
#define NVM_CSTS_CFS_SHIFT   1 /* controller fatal status */
#define NVM_CSTS_CFS_MASK    0x1u
#define NVM_CSTS_SHST_SHIFT  2 /* shutdown status */
#define NVM_CSTS_SHST_MASK   0x3u
#define NVM_CSTS_NSSRO_SHIFT 4 /* NVM subsystem reset occurred; write 1 to clear */
#define NVM_CSTS_NSSRO_MASK  0x1u
#define NVM_CSTS_PP_SHIFT    5 /* processing paused */
#define NVM_CSTS_PP_MASK     0x1u
#define NVM_CSTS_ST_SHIFT    6 /* shutdown type: 0 of the controller, 1 of the subsystem */
#define NVM_CSTS_ST_MASK     0x1u

#define NVM_CSTS_SHST_NORMAL   0 /* no shutdown requested */
#define NVM_CSTS_SHST_OCCUR    1 /* shutdown processing */
#define NVM_CSTS_SHST_COMPLETE 2 /* shutdown complete */

/* What to write to NSSR and NSSD: "NVMe", "Nrml" and "Abpt" */
#define NVM_NSSR_RESET	0x4e564d65u
#define NVM_NSSD_NORMAL 0x4e726d6cu
#define NVM_NSSD_ABRUPT 0x41627074u

/* AQA */
#define NVM_AQA_ASQS_SHIFT 0 /* admin submission queue size, 0's based */
#define NVM_AQA_ASQS_MASK  0xfffu
#define NVM_AQA_ACQS_SHIFT 16 /* admin completion queue size, 0's based */
#define NVM_AQA_ACQS_MASK  0xfffu

/* ASQ and ACQ: page aligned; the low 12 bits are reserved */
#define NVM_AQ_BASE_RSVD 0xfffull

/* CMBLOC */
#define NVM_CMBLOC_BIR_SHIFT	 0 /* BAR number: 0, 2 to 5 */
#define NVM_CMBLOC_BIR_MASK	 0x7u
#define NVM_CMBLOC_CQMMS_SHIFT	 3 /* queues may be partly in the buffer */
#define NVM_CMBLOC_CQMMS_MASK	 0x1u
#define NVM_CMBLOC_CQPDS_SHIFT	 4 /* queues need not be physically contiguous */
#define NVM_CMBLOC_CQPDS_MASK	 0x1u
#define NVM_CMBLOC_CDPMLS_SHIFT	 5 /* pointer lists may be partly in the buffer */
#define NVM_CMBLOC_CDPMLS_MASK	 0x1u
#define NVM_CMBLOC_CDPCILS_SHIFT 6 /* data pointers and command independent locations */
#define NVM_CMBLOC_CDPCILS_MASK	 0x1u
#define NVM_CMBLOC_CDMMMS_SHIFT	 7 /* data and metadata may be partly in the buffer */
#define NVM_CMBLOC_CDMMMS_MASK	 0x1u
#define NVM_CMBLOC_CQDA_SHIFT	 8 /* queue dword alignment */
#define NVM_CMBLOC_CQDA_MASK	 0x1u
#define NVM_CMBLOC_OFST_SHIFT	 12 /* offset in the BAR, in units of CMBSZ.SZU */
#define NVM_CMBLOC_OFST_MASK	 0xfffffu

/* CMBSZ */
#define NVM_CMBSZ_SQS_SHIFT   0 /* submission queues supported */
#define NVM_CMBSZ_SQS_MASK    0x1u
#define NVM_CMBSZ_CQS_SHIFT   1 /* completion queues supported */
#define NVM_CMBSZ_CQS_MASK    0x1u
#define NVM_CMBSZ_LISTS_SHIFT 2 /* PRP and SGL lists supported */
#define NVM_CMBSZ_LISTS_MASK  0x1u
#define NVM_CMBSZ_RDS_SHIFT   3 /* data of reads supported */
#define NVM_CMBSZ_RDS_MASK    0x1u
#define NVM_CMBSZ_WDS_SHIFT   4 /* data of writes supported */
#define NVM_CMBSZ_WDS_MASK    0x1u
#define NVM_CMBSZ_SZU_SHIFT   8 /* unit of SZ and OFST, 2 ^ (12 + 4 * SZU) bytes */
#define NVM_CMBSZ_SZU_MASK    0xfu
#define NVM_CMBSZ_SZ_SHIFT    12 /* size, in units of SZU */
#define NVM_CMBSZ_SZ_MASK     0xfffffu

/* BPINFO, BPRSEL, BPMBL */
#define NVM_BPINFO_BPSZ_SHIFT  0 /* size, 128 KiB units */
#define NVM_BPINFO_BPSZ_MASK   0x7fffu
#define NVM_BPINFO_BRS_SHIFT   24 /* read status: none, in progress, done, failed */
#define NVM_BPINFO_BRS_MASK    0x3u
#define NVM_BPINFO_ABPID_SHIFT 31 /* active partition */
#define NVM_BPINFO_ABPID_MASK  0x1u
#define NVM_BPRSEL_BPRSZ_SHIFT 0 /* read size, 4 KiB units */
#define NVM_BPRSEL_BPRSZ_MASK  0x3ffu
#define NVM_BPRSEL_BPROF_SHIFT 10 /* read offset, 4 KiB units */
#define NVM_BPRSEL_BPROF_MASK  0xfffffu
#define NVM_BPRSEL_BPID_SHIFT  31 /* partition */
#define NVM_BPRSEL_BPID_MASK   0x1u
#define NVM_BPMBL_BMBBA_SHIFT  12 /* buffer address, 4 KiB units */
#define NVM_BPMBL_BMBBA_MASK   0xfffffffffffffull

/* CMBMSC, CMBSTS, CMBEBS, CMBSWTP */
#define NVM_CMBMSC_CRE_SHIFT	  0 /* capability registers enabled */
#define NVM_CMBMSC_CRE_MASK	  0x1ull
#define NVM_CMBMSC_CMSE_SHIFT	  1 /* controller memory space enable */
#define NVM_CMBMSC_CMSE_MASK	  0x1ull
#define NVM_CMBMSC_CBA_SHIFT	  12 /* controller base address, 4 KiB units */
#define NVM_CMBMSC_CBA_MASK	  0xfffffffffffffull
#define NVM_CMBSTS_CBAI_SHIFT	  0 /* controller base address invalid */
#define NVM_CMBSTS_CBAI_MASK	  0x1u
#define NVM_CMBEBS_CMBSZU_SHIFT	  0 /* units: bytes, KiB, MiB, GiB */
#define NVM_CMBEBS_CMBSZU_MASK	  0xfu
#define NVM_CMBEBS_CMBRBB_SHIFT	  4 /* reads bypass the elasticity buffer */
#define NVM_CMBEBS_CMBRBB_MASK	  0x1u
#define NVM_CMBEBS_CMBWBZ_SHIFT	  8 /* size of the elasticity buffer */
#define NVM_CMBEBS_CMBWBZ_MASK	  0xffffffu
#define NVM_CMBSWTP_CMBSWTU_SHIFT 0 /* units: bytes, KiB, MiB, GiB per second */
#define NVM_CMBSWTP_CMBSWTU_MASK  0xfu
#define NVM_CMBSWTP_CMBSWTV_SHIFT 8 /* throughput */
#define NVM_CMBSWTP_CMBSWTV_MASK  0xffffffu

/* CRTO */
#define NVM_CRTO_CRWMT_SHIFT 0 /* ready with media timeout, 500 ms units */
#define NVM_CRTO_CRWMT_MASK  0xffffu
#define NVM_CRTO_CRIMT_SHIFT 16 /* ready independent of media timeout, 500 ms units */
#define NVM_CRTO_CRIMT_MASK  0xffffu

/* PMRCAP */
#define NVM_PMRCAP_RDS_SHIFT	3 /* data of reads supported */
#define NVM_PMRCAP_RDS_MASK	0x1u
#define NVM_PMRCAP_WDS_SHIFT	4 /* data of writes supported */
#define NVM_PMRCAP_WDS_MASK	0x1u
#define NVM_PMRCAP_BIR_SHIFT	5 /* BAR number */
#define NVM_PMRCAP_BIR_MASK	0x7u
#define NVM_PMRCAP_PMRTU_SHIFT	8 /* unit of PMRTO: 0 500 ms, 1 minutes */
#define NVM_PMRCAP_PMRTU_MASK	0x3u
#define NVM_PMRCAP_PMRWBM_SHIFT 10 /* write barrier mechanisms */
#define NVM_PMRCAP_PMRWBM_MASK	0xfu
#define NVM_PMRCAP_PMRTO_SHIFT	16 /* timeout */
#define NVM_PMRCAP_PMRTO_MASK	0xffu
#define NVM_PMRCAP_CMSS_SHIFT	24 /* controller memory space supported */
#define NVM_PMRCAP_CMSS_MASK	0x1u

#define NVM_PMRCAP_PMRWBM_READ	 1u /* a read of the region */
#define NVM_PMRCAP_PMRWBM_PMRSTS 2u /* a read of PMRSTS */
#define NVM_PMRCAP_PMRTU_MINUTES 1

/* PMRCTL, PMRSTS, PMREBS, PMRSWTP, PMRMSCL */
#define NVM_PMRCTL_EN_SHIFT	  0 /* enable */
#define NVM_PMRCTL_EN_MASK	  0x1u
#define NVM_PMRSTS_ERR_SHIFT	  0 /* nonzero: the last write may have failed */
#define NVM_PMRSTS_ERR_MASK	  0xffu
#define NVM_PMRSTS_NRDY_SHIFT	  8 /* not ready */
#define NVM_PMRSTS_NRDY_MASK	  0x1u
#define NVM_PMRSTS_HSTS_SHIFT	  9 /* health status */
#define NVM_PMRSTS_HSTS_MASK	  0x7u
#define NVM_PMRSTS_CBAI_SHIFT	  12 /* controller base address invalid */
#define NVM_PMRSTS_CBAI_MASK	  0x1u
#define NVM_PMREBS_PMRSZU_SHIFT	  0 /* units: bytes, KiB, MiB, GiB */
#define NVM_PMREBS_PMRSZU_MASK	  0xfu
#define NVM_PMREBS_PMRRBB_SHIFT	  4 /* reads bypass the elasticity buffer */
#define NVM_PMREBS_PMRRBB_MASK	  0x1u
#define NVM_PMREBS_PMRWBZ_SHIFT	  8 /* size of the elasticity buffer */
#define NVM_PMREBS_PMRWBZ_MASK	  0xffffffu
#define NVM_PMRSWTP_PMRSWTU_SHIFT 0 /* units: bytes, KiB, MiB, GiB per second */
#define NVM_PMRSWTP_PMRSWTU_MASK  0xfu
#define NVM_PMRSWTP_PMRSWTV_SHIFT 8 /* throughput */
#define NVM_PMRSWTP_PMRSWTV_MASK  0xffffffu
#define NVM_PMRMSCL_CMSE_SHIFT	  1 /* controller memory space enable */
#define NVM_PMRMSCL_CMSE_MASK	  0x1u
#define NVM_PMRMSCL_CBA_SHIFT	  12 /* controller base address, bits 31:12 */
#define NVM_PMRMSCL_CBA_MASK	  0xfffffu

#endif /* BELFRY_NVME_SPEC_REGS_H */

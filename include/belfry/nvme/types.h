/* SPDX-License-Identifier: MIT */
/*
 * Wire types of the queues: submission and completion queue entries and what a
 * data pointer is made of, as host and controller exchange them in memory.
 *
 * Every multi-byte field is little-endian (leint*_t, checked by sparse) but for
 * two: the command identifier, which the controller echoes without looking at
 * it and which therefore stays in host order, and the big-endian protection
 * information. Fields carry the specification's names and its units (0's based
 * where it says so). Reserved fields are to be zero. Sizes and offsets are
 * asserted below. The rest of the specification is in belfry/nvme/spec.h.
 */
#ifndef BELFRY_NVME_TYPES_H
#define BELFRY_NVME_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <belfry/support/compiler.h>
#include <belfry/support/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum nvme_sgld_type - SGL descriptor types, bits 7:4 of the last byte of a descriptor
 * @NVME_SGLD_TYPE_DATA_BLOCK: one piece of the data buffer
 * @NVME_SGLD_TYPE_BIT_BUCKET: bytes of a read that the controller throws away
 * @NVME_SGLD_TYPE_SEGMENT: the next segment, which is not the last
 * @NVME_SGLD_TYPE_LAST_SEGMENT: the next segment, which is the last
 */
enum nvme_sgld_type {
	NVME_SGLD_TYPE_DATA_BLOCK = 0x0,
	NVME_SGLD_TYPE_BIT_BUCKET = 0x1,
	NVME_SGLD_TYPE_SEGMENT = 0x2,
	NVME_SGLD_TYPE_LAST_SEGMENT = 0x3,
};

#define NVME_SGLD_TYPE_SHIFT 4
#define NVME_SGLD_TYPE_MASK  0xf

/**
 * struct nvme_sgld - SGL descriptor
 * @addr: device address, of the data or of the next segment
 * @len: bytes
 * @rsvd12: reserved
 * @type: &enum nvme_sgld_type in bits 7:4, sub type (0 is "address") in bits 3:0
 *
 * Spec: NVM Express Base 2.0, "Scatter Gather List (SGL)".
 */
struct nvme_sgld {
	leint64_t addr;
	leint32_t len;
	uint8_t rsvd12[3];
	uint8_t type;
};

__static_assert(sizeof(struct nvme_sgld) == 16);
__static_assert(offsetof(struct nvme_sgld, type) == 15);

/**
 * union nvme_dptr - where a command's data is: two PRP entries or one SGL descriptor
 * @prp1: first PRP entry; the only one that may have an offset into its page
 * @prp2: second PRP entry, or the address of a PRP list, or reserved
 * @sgl: first SGL descriptor; chosen by PSDT, see &enum nvme_cmd_flags
 */
union nvme_dptr {
	struct {
		leint64_t prp1;
		leint64_t prp2;
	};
	struct nvme_sgld sgl;
};

__static_assert(sizeof(union nvme_dptr) == 16);

/**
 * enum nvme_cmd_flags - values of PSDT, bits 7:6 of a command's flags
 * @NVME_CMD_FLAGS_PSDT_PRP: PRPs; the metadata pointer is a contiguous buffer
 * @NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG: SGL; the metadata pointer is a contiguous buffer
 * @NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL: SGL; the metadata pointer is the address of an SGL segment
 *
 * To be shifted left by NVME_CMD_FLAGS_PSDT_SHIFT.
 */
enum nvme_cmd_flags {
	NVME_CMD_FLAGS_PSDT_PRP = 0x0,
	NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG = 0x1,
	NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL = 0x2,
};

#define NVME_CMD_FLAGS_PSDT_SHIFT 6
#define NVME_CMD_FLAGS_PSDT_MASK  0x3

/**
 * enum nvme_cmd_create_q_flags - queue flags of Create I/O Completion/Submission Queue
 * @NVME_Q_PC: the queue is physically contiguous (both)
 * @NVME_CQ_IEN: interrupts are enabled (CQ)
 * @NVME_SQ_QPRIO_URGENT: priority class urgent (SQ)
 * @NVME_SQ_QPRIO_HIGH: priority class high (SQ)
 * @NVME_SQ_QPRIO_MEDIUM: priority class medium (SQ)
 * @NVME_SQ_QPRIO_LOW: priority class low (SQ)
 *
 * Priorities count only under weighted round robin with urgent priority class.
 */
enum nvme_cmd_create_q_flags {
	NVME_Q_PC = 1 << 0,
	NVME_CQ_IEN = 1 << 1,
	NVME_SQ_QPRIO_URGENT = 0 << 1,
	NVME_SQ_QPRIO_HIGH = 1 << 1,
	NVME_SQ_QPRIO_MEDIUM = 2 << 1,
	NVME_SQ_QPRIO_LOW = 3 << 1,
};

/**
 * struct nvme_cmd_identify - Identify command
 * @opcode: 06h
 * @flags: zero: admin commands use PRPs, unless over a fabric
 * @cid: command identifier, host order
 * @nsid: namespace identifier, as @cns wants it
 * @rsvd2: reserved
 * @dptr: 4096 byte buffer
 * @cns: controller or namespace structure: what to identify
 * @rsvd3: reserved
 * @ctrlid: controller identifier, as @cns wants it (CNTID)
 * @rsvd11: low bytes of CDW11: CNS specific identifier (bytes 0 and 1), reserved
 * @csi: command set identifier
 * @rsvd12: CDW12 to CDW15 (CDW14 bits 6:0 are the UUID index)
 *
 * Spec: NVM Express Base 2.0, "Identify command".
 */
struct nvme_cmd_identify {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint64_t rsvd2[2];
	union nvme_dptr dptr;
	uint8_t cns;
	uint8_t rsvd3;
	leint16_t ctrlid;
	uint8_t rsvd11[3];
	uint8_t csi;
	leint32_t rsvd12[4];
};

__static_assert(sizeof(struct nvme_cmd_identify) == 64);
__static_assert(offsetof(struct nvme_cmd_identify, dptr) == 24);
__static_assert(offsetof(struct nvme_cmd_identify, cns) == 40);
__static_assert(offsetof(struct nvme_cmd_identify, csi) == 47);

/**
 * struct nvme_cmd_create_cq - Create I/O Completion Queue command
 * @opcode: 05h
 * @flags: zero
 * @cid: command identifier, host order
 * @rsvd1: reserved
 * @prp1: the queue's memory, or a PRP list of it unless NVME_Q_PC
 * @rsvd8: reserved
 * @qid: queue identifier, 1 to 65535
 * @qsize: entries, 0's based
 * @qflags: NVME_Q_PC, NVME_CQ_IEN
 * @iv: interrupt vector
 * @rsvd12: reserved
 *
 * Spec: NVM Express Base 2.0, "Create I/O Completion Queue command".
 */
struct nvme_cmd_create_cq {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t rsvd1[5];
	leint64_t prp1;
	leint64_t rsvd8;
	leint16_t qid;
	leint16_t qsize;
	leint16_t qflags;
	leint16_t iv;
	leint32_t rsvd12[4];
};

__static_assert(sizeof(struct nvme_cmd_create_cq) == 64);
__static_assert(offsetof(struct nvme_cmd_create_cq, prp1) == 24);
__static_assert(offsetof(struct nvme_cmd_create_cq, qid) == 40);

/**
 * struct nvme_cmd_create_sq - Create I/O Submission Queue command
 * @opcode: 01h
 * @flags: zero
 * @cid: command identifier, host order
 * @rsvd1: reserved
 * @prp1: the queue's memory, or a PRP list of it unless NVME_Q_PC
 * @rsvd8: reserved
 * @qid: queue identifier, 1 to 65535
 * @qsize: entries, 0's based
 * @qflags: NVME_Q_PC, priority
 * @cqid: completion queue that takes this queue's completions; must exist
 * @rsvd12: reserved (CDW12 bits 15:0 are the NVM Set identifier)
 *
 * Spec: NVM Express Base 2.0, "Create I/O Submission Queue command".
 */
struct nvme_cmd_create_sq {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t rsvd1[5];
	leint64_t prp1;
	leint64_t rsvd8;
	leint16_t qid;
	leint16_t qsize;
	leint16_t qflags;
	leint16_t cqid;
	leint32_t rsvd12[4];
};

__static_assert(sizeof(struct nvme_cmd_create_sq) == 64);
__static_assert(offsetof(struct nvme_cmd_create_sq, prp1) == 24);
__static_assert(offsetof(struct nvme_cmd_create_sq, cqid) == 46);

/**
 * struct nvme_cmd_delete_q - Delete I/O Submission/Completion Queue command
 * @opcode: 00h (SQ) or 04h (CQ)
 * @flags: zero
 * @cid: command identifier, host order
 * @rsvd1: reserved
 * @qid: queue identifier
 * @rsvd10: reserved
 * @rsvd11: reserved
 *
 * Spec: NVM Express Base 2.0, "Delete I/O Completion Queue command".
 */
struct nvme_cmd_delete_q {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t rsvd1[9];
	leint16_t qid;
	leint16_t rsvd10;
	leint32_t rsvd11[5];
};

__static_assert(sizeof(struct nvme_cmd_delete_q) == 64);
__static_assert(offsetof(struct nvme_cmd_delete_q, qid) == 40);

/**
 * struct nvme_cmd_features - Get Features and Set Features commands
 * @opcode: 0Ah (get) or 09h (set)
 * @flags: PSDT and fused operation
 * @cid: command identifier, host order
 * @nsid: namespace identifier
 * @rsvd2: reserved
 * @dptr: buffer, for features that have one
 * @fid: feature identifier
 * @sel: get: select (current, default, saved, capabilities) in bits 2:0
 * @rsvd42: high half of CDW10 (set: bit 15 is "save")
 * @cdw11: as the feature defines it
 * @cdw12: as the feature defines it
 * @cdw13: as the feature defines it
 * @cdw14: as the feature defines it; bits 6:0 are the UUID index
 * @cdw15: as the feature defines it
 *
 * Spec: NVM Express Base 2.0, "Get Features command", "Set Features command".
 */
struct nvme_cmd_features {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint64_t rsvd2[2];
	union nvme_dptr dptr;
	uint8_t fid;
	uint8_t sel;
	uint16_t rsvd42;
	leint32_t cdw11;
	leint32_t cdw12;
	leint32_t cdw13;
	leint32_t cdw14;
	leint32_t cdw15;
};

__static_assert(sizeof(struct nvme_cmd_features) == 64);
__static_assert(offsetof(struct nvme_cmd_features, fid) == 40);
__static_assert(offsetof(struct nvme_cmd_features, cdw11) == 44);

/**
 * struct nvme_cmd_log - Get Log Page command
 * @opcode: 02h
 * @flags: PSDT and fused operation
 * @cid: command identifier, host order
 * @nsid: namespace identifier
 * @rsvd2: reserved
 * @dptr: buffer
 * @lid: log page identifier
 * @lsp: log specific field in bits 6:0, retain asynchronous event in bit 7
 * @numdl: dwords to transfer, 0's based, low half
 * @numdu: dwords to transfer, high half
 * @lsi: log specific identifier
 * @lpol: offset in bytes (or index, by bit 23 of @cdw14), low half
 * @lpou: offset, high half
 * @rsvd14: UUID index in bits 6:0 of byte 0, offset type in bit 7 of byte 2
 * @csi: command set identifier
 * @cdw14: the same as one dword
 * @cdw15: reserved
 *
 * Spec: NVM Express Base 2.0, "Get Log Page command".
 */
struct nvme_cmd_log {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint64_t rsvd2[2];
	union nvme_dptr dptr;
	uint8_t lid;
	uint8_t lsp;
	leint16_t numdl;
	leint16_t numdu;
	leint16_t lsi;
	leint32_t lpol;
	leint32_t lpou;
	union {
		struct {
			uint8_t rsvd14[3];
			uint8_t csi;
		};
		leint32_t cdw14;
	};
	leint32_t cdw15;
};

__static_assert(sizeof(struct nvme_cmd_log) == 64);
__static_assert(offsetof(struct nvme_cmd_log, lid) == 40);
__static_assert(offsetof(struct nvme_cmd_log, lpol) == 48);
__static_assert(offsetof(struct nvme_cmd_log, csi) == 59);

/**
 * struct nvme_cmd_rw - Read, Write and the NVM commands shaped like them
 * @opcode: 02h (read), 01h (write), ...
 * @flags: PSDT and fused operation
 * @cid: command identifier, host order
 * @nsid: namespace identifier
 * @cdw2: upper bits of storage and reference tags
 * @cdw3: upper bits of storage and reference tags
 * @mptr: metadata pointer
 * @dptr: data pointer
 * @slba: first logical block
 * @nlb: logical blocks, 0's based
 * @control: high half of CDW12: limited retry, FUA, protection information, directive type
 * @dsm: low half of CDW13: dataset management hints
 * @dspec: high half of CDW13: directive specific; named so that an initialiser clears it
 * @reftag: expected initial logical block reference tag
 * @apptag: expected logical block application tag
 * @appmask: expected logical block application tag mask
 *
 * Spec: NVM Express NVM Command Set 1.0, "Read command", "Write command".
 */
struct nvme_cmd_rw {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint32_t cdw2;
	leint32_t cdw3;
	leint64_t mptr;
	union nvme_dptr dptr;
	leint64_t slba;
	leint16_t nlb;
	leint16_t control;
	leint16_t dsm;
	leint16_t dspec;
	leint32_t reftag;
	leint16_t apptag;
	leint16_t appmask;
};

__static_assert(sizeof(struct nvme_cmd_rw) == 64);
__static_assert(offsetof(struct nvme_cmd_rw, mptr) == 16);
__static_assert(offsetof(struct nvme_cmd_rw, slba) == 40);
__static_assert(offsetof(struct nvme_cmd_rw, dsm) == 52);
__static_assert(offsetof(struct nvme_cmd_rw, reftag) == 56);
__static_assert(offsetof(struct nvme_cmd_rw, appmask) == 62);

/**
 * union nvme_cmd - submission queue entry: the common format and views of it
 * @opcode: command
 * @flags: PSDT in bits 7:6, fused operation in bits 1:0
 * @cid: command identifier, host order
 * @nsid: namespace identifier
 * @cdw2: command dword 2
 * @cdw3: command dword 3
 * @mptr: metadata pointer
 * @dptr: data pointer
 * @cdw10: command dword 10
 * @cdw11: command dword 11
 * @cdw12: command dword 12
 * @cdw13: command dword 13
 * @cdw14: command dword 14
 * @cdw15: command dword 15
 * @identify: as Identify
 * @create_cq: as Create I/O Completion Queue
 * @create_sq: as Create I/O Submission Queue
 * @delete_q: as Delete I/O Completion/Submission Queue
 * @features: as Get/Set Features
 * @log: as Get Log Page
 * @rw: as Read/Write
 *
 * Spec: NVM Express Base 2.0, "Submission Queue Entry".
 */
union nvme_cmd {
	struct {
		uint8_t opcode;
		uint8_t flags;
		uint16_t cid;
		leint32_t nsid;
		leint32_t cdw2;
		leint32_t cdw3;
		leint64_t mptr;
		union nvme_dptr dptr;
		leint32_t cdw10;
		leint32_t cdw11;
		leint32_t cdw12;
		leint32_t cdw13;
		leint32_t cdw14;
		leint32_t cdw15;
	};

	struct nvme_cmd_identify identify;
	struct nvme_cmd_create_cq create_cq;
	struct nvme_cmd_create_sq create_sq;
	struct nvme_cmd_delete_q delete_q;
	struct nvme_cmd_features features;
	struct nvme_cmd_log log;
	struct nvme_cmd_rw rw;
};

__static_assert(sizeof(union nvme_cmd) == 64);
__static_assert(offsetof(union nvme_cmd, mptr) == 16);
__static_assert(offsetof(union nvme_cmd, dptr) == 24);
__static_assert(offsetof(union nvme_cmd, cdw10) == 40);

/**
 * struct nvme_cqe - completion queue entry
 * @dw0: command specific
 * @dw1: command specific
 * @qw0: @dw0 and @dw1 as one
 * @sqhd: the submission queue's head, as of this completion
 * @sqid: submission queue the command was fetched from
 * @cid: the command's identifier, host order
 * @sfp: phase in bit 0, status field in bits 15:1
 *
 * Written by the controller: @sqid and @cid are hints until checked against what is in flight.
 *
 * Spec: NVM Express Base 2.0, "Completion Queue Entry".
 */
struct nvme_cqe {
	union {
		struct {
			leint32_t dw0;
			leint32_t dw1;
		};
		leint64_t qw0;
	};
	leint16_t sqhd;
	leint16_t sqid;
	uint16_t cid;
	leint16_t sfp;
};

__static_assert(sizeof(struct nvme_cqe) == 16);
__static_assert(offsetof(struct nvme_cqe, sqhd) == 8);
__static_assert(offsetof(struct nvme_cqe, cid) == 12);
__static_assert(offsetof(struct nvme_cqe, sfp) == 14);

/**
 * struct nvme_crc64_pi_tuple - protection information with a 64 bit guard
 * @guard: CRC-64 of the data, see nvme_crc64()
 * @apptag: application tag
 * @sr: storage tag and reference tag, 48 bits, big-endian
 *
 * Spec: NVM Express NVM Command Set 1.0, "64b Guard Protection Information".
 */
struct nvme_crc64_pi_tuple {
	beint64_t guard;
	beint16_t apptag;
	uint8_t sr[6];
};

__static_assert(sizeof(struct nvme_crc64_pi_tuple) == 16);
__static_assert(offsetof(struct nvme_crc64_pi_tuple, sr) == 10);

/**
 * typedef cqe_handler - what to do with one completion
 * @cqe: the entry; valid only during the call
 */
typedef void (*cqe_handler)(struct nvme_cqe *cqe);

/**
 * NVME_AEN_TYPE() - event type of an asynchronous event, NVM_AEN_TYPE_*
 * @dw0: CQE dword 0, CPU order
 *
 * Context: pure.
 * Return: bits 2:0.
 */
#define NVME_AEN_TYPE(dw0) ((dw0)&0x7)

/**
 * NVME_AEN_INFO() - what happened, within the event's type
 * @dw0: CQE dword 0, CPU order
 *
 * Context: pure.
 * Return: bits 15:8.
 */
#define NVME_AEN_INFO(dw0) (((dw0) >> 8) & 0xff)

/**
 * NVME_AEN_LID() - log page to read, which also re-arms the event
 * @dw0: CQE dword 0, CPU order
 *
 * Context: pure.
 * Return: bits 23:16.
 */
#define NVME_AEN_LID(dw0) (((dw0) >> 16) & 0xff)

/**
 * nvme_cqe_status() - take the status field out of a completion
 * @cqe: completion, in the ring or a copy of it
 *
 * Context: any thread; pure.
 * Return: 15 bits: SC 7:0, SCT 10:8, CRD 12:11, More 13, DNR 14; 0 is success. For
 * nvme_status_str() and its like.
 */
static inline uint16_t nvme_cqe_status(const struct nvme_cqe *cqe)
{
	return (uint16_t)(le16_to_cpu(cqe->sfp) >> 1);
}

/**
 * nvme_cqe_phase() - take the phase bit out of a completion
 * @cqe: completion, in the ring or a copy of it
 *
 * An entry of the ring may change under the caller: read its sfp once, by LOAD(), and the
 * other fields only after a dma_rmb().
 *
 * Context: any thread; pure.
 * Return: 0 or 1.
 */
static inline int nvme_cqe_phase(const struct nvme_cqe *cqe)
{
	return le16_to_cpu(cqe->sfp) & 1;
}

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_TYPES_H */

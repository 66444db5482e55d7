/* SPDX-License-Identifier: MIT */
/*
 * Wire types and constants: commands written by field and compared with the bytes that the
 * specification draws, completions read from bytes, structures read from bytes at the
 * offsets the specification gives, and the field macros.
 */
#include <string.h>

#include <belfry/nvme/spec.h>
#include <belfry/nvme/types.h>

#include "test.h"

static void types__identify_bytes(void **state)
{
	static const unsigned char want[64] = {
		[0] = 0x06,  [2] = 0x42,  [3] = 0x42,  [4] = 0x01,  [24] = 0x00,
		[25] = 0x10, [26] = 0xef, [27] = 0xcd, [28] = 0xab, [40] = 0x05,
		[42] = 0x22, [43] = 0x11, [47] = 0x02,
	};
	union nvme_cmd cmd = {
		.identify =
			{
				.opcode = NVM_ADMIN_IDENTIFY,
				.cid = 0x4242, /* host order: the same in both */
				.nsid = cpu_to_le32(1),
				.dptr.prp1 = cpu_to_le64(0xabcdef1000),
				.cns = NVM_CNS_CSI_NS,
				.ctrlid = cpu_to_le16(0x1122),
				.csi = NVM_CSI_ZNS,
			},
	};

	(void)state;

	assert_memory_equal(&cmd, want, 64);
}

static void types__create_queue_bytes(void **state)
{
	static const unsigned char want_cq[64] = {
		[0] = 0x05,  [25] = 0x20, [26] = 0x01, [40] = 0x03,
		[42] = 0xff, [43] = 0x03, [44] = 0x03, [46] = 0x07,
	};
	static const unsigned char want_sq[64] = {
		[0] = 0x01,  [25] = 0x30, [40] = 0x03, [42] = 0xff,
		[43] = 0xff, [44] = 0x07, [46] = 0x05, [47] = 0x01,
	};
	static const unsigned char want_del[64] = {[0] = 0x04, [40] = 0xfe, [41] = 0xff};
	union nvme_cmd cq = {.create_cq = {.opcode = NVM_ADMIN_CREATE_CQ,
					   .prp1 = cpu_to_le64(0x12000),
					   .qid = cpu_to_le16(3),
					   .qsize = cpu_to_le16(1023),
					   .qflags = cpu_to_le16(NVME_Q_PC | NVME_CQ_IEN),
					   .iv = cpu_to_le16(7)}};
	union nvme_cmd sq = {.create_sq = {.opcode = NVM_ADMIN_CREATE_SQ,
					   .prp1 = cpu_to_le64(0x3000),
					   .qid = cpu_to_le16(3),
					   .qsize = cpu_to_le16(65535),
					   .qflags = cpu_to_le16(NVME_Q_PC | NVME_SQ_QPRIO_LOW),
					   .cqid = cpu_to_le16(0x105)}};
	union nvme_cmd del = {
		.delete_q = {.opcode = NVM_ADMIN_DELETE_CQ, .qid = cpu_to_le16(65534)}};

	(void)state;

	assert_memory_equal(&cq, want_cq, 64);
	assert_memory_equal(&sq, want_sq, 64);
	assert_memory_equal(&del, want_del, 64);
}

static void types__features_and_log_bytes(void **state)
{
	static const unsigned char want_set[64] = {
		[0] = 0x09, [40] = 0x07, [44] = 0x3f, [46] = 0x1f, [48] = 0x01, [60] = 0x02};
	static const unsigned char want_log[64] = {
		[0] = 0x02,  [4] = 0xff,  [5] = 0xff,  [6] = 0xff,  [7] = 0xff,
		[40] = 0x02, [41] = 0x80, [42] = 0x7f, [44] = 0x01, [46] = 0x09,
		[48] = 0x10, [52] = 0x01, [59] = 0x02,
	};
	union nvme_cmd set = {.features = {.opcode = NVM_ADMIN_SET_FEATURES,
					   .fid = NVM_FEAT_NUM_QUEUES,
					   .cdw11 = cpu_to_le32(0x1f003f),
					   .cdw12 = cpu_to_le32(1),
					   .cdw15 = cpu_to_le32(2)}};
	union nvme_cmd log = {.log = {.opcode = NVM_ADMIN_GET_LOG,
				      .nsid = cpu_to_le32(NVM_NSID_ALL),
				      .lid = NVM_LOG_SMART,
				      .lsp = 0x80,
				      .numdl = cpu_to_le16(127),
				      .numdu = cpu_to_le16(1),
				      .lsi = cpu_to_le16(9),
				      .lpol = cpu_to_le32(16),
				      .lpou = cpu_to_le32(1),
				      .csi = NVM_CSI_ZNS}};

	(void)state;

	assert_memory_equal(&set, want_set, 64);
	assert_memory_equal(&log, want_log, 64);
	assert_int_equal(NVM_GET(le32_to_cpu(log.cdw10), GET_LOG_RAE), 1);
	assert_int_equal(NVM_GET(le32_to_cpu(log.cdw10), GET_LOG_NUMDL), 127);
	assert_int_equal(NVM_GET(le32_to_cpu(log.cdw11), GET_LOG_LSI), 9);
	assert_int_equal(NVM_GET(le32_to_cpu(log.cdw14), GET_LOG_CSI), 2);
}

static void types__rw_bytes(void **state)
{
	static const unsigned char want[64] = {
		[0] = 0x02,  [1] = 0x40,  [4] = 0x01,  [16] = 0x00, [17] = 0x40, [24] = 0x00,
		[25] = 0x50, [32] = 0x00, [33] = 0x02, [39] = 0x00, [40] = 0x88, [41] = 0x77,
		[42] = 0x66, [43] = 0x55, [44] = 0x44, [45] = 0x33, [46] = 0x22, [47] = 0x11,
		[48] = 0x07, [51] = 0x40, [52] = 0x43, [54] = 0xcd, [55] = 0xab, [56] = 0xef,
		[57] = 0xbe, [58] = 0xad, [59] = 0xde, [60] = 0x01, [61] = 0x02, [62] = 0x03,
		[63] = 0x04,
	};
	const union nvme_cmd cmd = {
		.rw =
			{
				.opcode = NVM_CMD_READ,
				.flags = NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG
					 << NVME_CMD_FLAGS_PSDT_SHIFT,
				.nsid = cpu_to_le32(1),
				.mptr = cpu_to_le64(0x4000),
				.dptr.sgl = {.addr = cpu_to_le64(0x5000),
					     .len = cpu_to_le32(0x200),
					     .type = NVME_SGLD_TYPE_DATA_BLOCK
						     << NVME_SGLD_TYPE_SHIFT},
				.slba = cpu_to_le64(0x1122334455667788),
				.nlb = cpu_to_le16(7),
				.control = cpu_to_le16(NVM_SET(1, RW_FUA)),
				.dsm = cpu_to_le16(0x43),
				.dspec = cpu_to_le16(0xabcd),
				.reftag = cpu_to_le32(0xdeadbeef),
				.apptag = cpu_to_le16(0x0201),
				.appmask = cpu_to_le16(0x0403),
			},
	};

	(void)state;

	assert_memory_equal(&cmd, want, 64);
	assert_int_equal(le32_to_cpu(cmd.cdw12) & 1u << 30, 1u << 30); /* FUA is bit 30 */
}

static void types__sgl_segment_type(void **state)
{
	static const unsigned char want[16] = {[1] = 0x60, [8] = 0x20, [15] = 0x30};
	const struct nvme_sgld sgld = {
		.addr = cpu_to_le64(0x6000),
		.len = cpu_to_le32(32),
		.type = NVME_SGLD_TYPE_LAST_SEGMENT << NVME_SGLD_TYPE_SHIFT,
	};

	(void)state;

	assert_memory_equal(&sgld, want, 16);
}

static void types__cqe_from_bytes(void **state)
{
	static const unsigned char bytes[16] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
						0x10, 0x00, 0x02, 0x01, 0x00, 0x00, 0x05, 0xc3};
	struct nvme_cqe cqe;

	(void)state;

	memcpy(&cqe, bytes, sizeof(cqe));
	assert_int_equal(le32_to_cpu(cqe.dw0), 0x04030201);
	assert_int_equal(le32_to_cpu(cqe.dw1), 0x08070605);
	assert_int_equal(le64_to_cpu(cqe.qw0), 0x0807060504030201);
	assert_int_equal(le16_to_cpu(cqe.sqhd), 16);
	assert_int_equal(le16_to_cpu(cqe.sqid), 0x0102);
	/* c305h: phase 1, DNR, More, Attempted Write to Read Only Range */
	assert_int_equal(nvme_cqe_phase(&cqe), 1);
	assert_int_equal(nvme_cqe_status(&cqe), 0x6182);
	assert_int_equal(NVM_GET(nvme_cqe_status(&cqe), STATUS_DNR), 1);
	assert_int_equal(NVM_GET(nvme_cqe_status(&cqe), STATUS_M), 1);
	assert_int_equal(NVM_GET(nvme_cqe_status(&cqe), STATUS_CRD), 0);
	assert_int_equal(NVM_GET(nvme_cqe_status(&cqe), STATUS_CODE), NVM_SC_READ_ONLY_RANGE);
}

static void types__async_event_fields(void **state)
{
	(void)state;

	assert_int_equal(NVME_AEN_TYPE(0x00040002u), NVM_AEN_TYPE_NOTICE);
	assert_int_equal(NVME_AEN_INFO(0x00040102u), NVM_AEN_NOTICE_FW_ACTIVATION);
	assert_int_equal(NVME_AEN_LID(0xff04ff02u), NVM_LOG_CHANGED_NS);
}

static void types__register_fields(void **state)
{
	/* 2048 entries, contiguous, 7.5 s, stride 4, NVM command set, 4 KiB to 64 KiB pages, CMB */
	const uint64_t cap = 0x0240002000000000ull | 0x0f0107ffull;
	uint32_t cc = 0;

	(void)state;

	assert_int_equal(NVM_GET(cap, CAP_MQES), 2047);
	assert_int_equal(NVM_GET(cap, CAP_CQR), 1);
	assert_int_equal(NVM_GET(cap, CAP_TO), 15);
	assert_int_equal(NVM_GET(cap, CAP_DSTRD), 0);
	assert_int_equal(NVM_GET(cap, CAP_CSS), NVM_CAP_CSS_NVM);
	assert_int_equal(NVM_GET(cap, CAP_MPSMIN), 0);
	assert_int_equal(NVM_GET(cap, CAP_MPSMAX), 4);
	assert_int_equal(NVM_GET(cap, CAP_CMBS), 1);

	cc |= NVM_SET(1, CC_EN) | NVM_SET(6, CC_IOSQES) | NVM_SET(4, CC_IOCQES);
	assert_int_equal(cc, 0x00460001);
	cc |= NVM_SET(NVM_CC_SHN_NORMAL, CC_SHN);
	assert_int_equal(cc, 0x00464001);
	cc &= ~NVM_SET(-1, CC_EN);
	assert_int_equal(cc, 0x00464000);

	assert_int_equal(NVM_SET(0x12345, CC_EN), 1); /* what does not fit is cut off */
	assert_int_equal(NVM_SET(-1, CMBMSC_CBA), 0xfffffffffffff000ull);
	assert_int_equal(NVM_SET(31, AQA_ASQS) | NVM_SET(31, AQA_ACQS), 0x001f001f);
}

static void types__doorbell_offsets(void **state)
{
	(void)state;

	assert_int_equal(NVM_REG_SQTDBL(0, 0), 0x1000);
	assert_int_equal(NVM_REG_CQHDBL(0, 0), 0x1004);
	assert_int_equal(NVM_REG_SQTDBL(1, 0), 0x1008);
	assert_int_equal(NVM_REG_CQHDBL(3, 0), 0x101c);
	assert_int_equal(NVM_REG_SQTDBL(1, 4), 0x1080);
	assert_int_equal(NVM_REG_CQHDBL(65535, 0), 0x80ffc);
}

static void types__identify_controller_offsets(void **state)
{
	static unsigned char bytes[4096];
	struct nvm_id_ctrl id;

	(void)state;

	memcpy(&bytes[4], "SERIAL", 6);
	bytes[77] = 5;	  /* MDTS */
	bytes[78] = 0x34; /* CNTLID */
	bytes[79] = 0x12;
	bytes[256] = 0x0a; /* OACS */
	bytes[257] = 0x01;
	bytes[259] = 3;	   /* AERL */
	bytes[516] = 16;   /* NN */
	bytes[520] = 0x5f; /* ONCS */
	bytes[525] = 7;	   /* VWC */
	bytes[536] = 1;	   /* SGLS */
	bytes[538] = 1;
	memcpy(&bytes[768], "nqn.", 4);
	bytes[2048] = 0x84; /* PSD 0: MP */

	memcpy(&id, bytes, sizeof(id));
	assert_memory_equal(id.sn, "SERIAL", 6);
	assert_int_equal(id.mdts, 5);
	assert_int_equal(le16_to_cpu(id.cntlid), 0x1234);
	assert_int_equal(le16_to_cpu(id.oacs), NVM_OACS_FNVMS | NVM_OACS_NMS | NVM_OACS_DBCS);
	assert_int_equal(id.aerl, 3);
	assert_int_equal(le32_to_cpu(id.nn), 16);
	assert_true(le16_to_cpu(id.oncs) & NVM_ONCS_TSS);
	assert_false(le16_to_cpu(id.oncs) & NVM_ONCS_RESERVS);
	assert_int_equal(NVM_GET(id.vwc, VWC_FB), NVM_VWC_FB_YES);
	assert_int_equal(NVM_GET(le32_to_cpu(id.sgls), SGLS_SGLS), NVM_SGLS_SGLS_BYTE);
	assert_int_equal(NVM_GET(le32_to_cpu(id.sgls), SGLS_SBBDS), 1);
	assert_memory_equal(id.subnqn, "nqn.", 5);
	assert_int_equal(le16_to_cpu(id.psd[0].mp), 0x84);
}

static void types__identify_namespace_offsets(void **state)
{
	static unsigned char bytes[4096];
	struct nvm_id_ns id;

	(void)state;

	bytes[1] = 0x10;     /* NSZE */
	bytes[24] = 0x10;    /* NSFEAT */
	bytes[25] = 2;	     /* NLBAF */
	bytes[26] = 0x31;    /* FLBAS: format 17, extended */
	bytes[46] = 0xff;    /* NOIOB */
	bytes[80] = 127;     /* MSRC */
	bytes[104] = 0xaa;   /* NGUID */
	bytes[120] = 0xbb;   /* EUI64 */
	bytes[128 + 4] = 8;  /* LBAF 1: MS */
	bytes[128 + 6] = 12; /* LBAF 1: LBADS */
	bytes[128 + 63 * 4 + 2] = 9;

	memcpy(&id, bytes, sizeof(id));
	assert_int_equal(le64_to_cpu(id.nsze), 0x1000);
	assert_int_equal(id.nsfeat, NVM_NSFEAT_OPTPERF);
	assert_int_equal(id.nlbaf, 2);
	assert_int_equal(NVM_GET(id.flbas, FLBAS_LOW) | NVM_GET(id.flbas, FLBAS_HIGH) << 4, 17);
	assert_int_equal(NVM_GET(id.flbas, FLBAS_EXT), 1);
	assert_int_equal(le16_to_cpu(id.noiob), 0xff);
	assert_int_equal(id.msrc, 127);
	assert_int_equal(id.nguid[0], 0xaa);
	assert_int_equal(id.eui64[0], 0xbb);
	assert_int_equal(le16_to_cpu(id.lbaf[1].ms), 8);
	assert_int_equal(id.lbaf[1].lbads, 12);
	assert_int_equal(id.lbaf[63].lbads, 9);
}

static void types__smart_offsets(void **state)
{
	static unsigned char bytes[512];
	struct nvm_log_smart log;

	(void)state;

	bytes[0] = 0x02;
	bytes[1] = 0x36; /* 310 K, not aligned */
	bytes[2] = 0x01;
	bytes[5] = 101;
	bytes[112] = 9;	 /* power cycles */
	bytes[160] = 4;	 /* media errors */
	bytes[202] = 77; /* temperature sensor 2 */

	memcpy(&log, bytes, sizeof(log));
	assert_int_equal(log.critical_warning, NVM_SMART_CW_TEMPERATURE);
	assert_int_equal(log.composite_temperature[0] | log.composite_temperature[1] << 8, 310);
	assert_int_equal(log.percent_used, 101);
	assert_int_equal(log.power_cycles[0], 9);
	assert_int_equal(log.media_errors[0], 4);
	assert_int_equal(le16_to_cpu(log.temp_sensor[1]), 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types__identify_bytes),
		cmocka_unit_test(types__create_queue_bytes),
		cmocka_unit_test(types__features_and_log_bytes),
		cmocka_unit_test(types__rw_bytes),
		cmocka_unit_test(types__sgl_segment_type),
		cmocka_unit_test(types__cqe_from_bytes),
		cmocka_unit_test(types__async_event_fields),
		cmocka_unit_test(types__register_fields),
		cmocka_unit_test(types__doorbell_offsets),
		cmocka_unit_test(types__identify_controller_offsets),
		cmocka_unit_test(types__identify_namespace_offsets),
		cmocka_unit_test(types__smart_offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

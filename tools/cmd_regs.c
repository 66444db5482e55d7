/* SPDX-License-Identifier: MIT */
/*
 * belfry regs: the registers of a controller. Without --init the controller is left as it is found,
 * which is what one wants of a controller that is in trouble.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/dev.h"
#include "tools/field.h"
#include "tools/msg.h"
#include "tools/out.h"

#define F FIELD
#define W FIELD_WORDS

static const char *const cc_css[] = {"NVM command set",
				     "reserved",
				     "reserved",
				     "reserved",
				     "reserved",
				     "reserved",
				     "all I/O command sets",
				     "admin commands only",
				     NULL};
static const char *const cc_ams[] = {"round robin", "weighted round robin", NULL};
static const char *const cc_shn[] = {"none", "normal", "abrupt", NULL};
static const char *const csts_shst[] = {"none", "going on", "complete", NULL};
static const char *const bpinfo_brs[] = {"none", "in progress", "done", "failed", NULL};

static const struct field cap[] = {
	F("mqes", CAP_MQES, UNIT_COUNT0, "most entries of a queue"),
	F("cqr", CAP_CQR, UNIT_NONE, "queues must be contiguous"),
	F("ams", CAP_AMS, UNIT_NONE, "arbitration: 1 weighted, 2 vendor's"),
	F("to", CAP_TO, UNIT_MS500, "CSTS.RDY follows within"),
	F("dstrd", CAP_DSTRD, UNIT_STRIDE, "doorbells are apart by"),
	F("nssrs", CAP_NSSRS, UNIT_NONE, "subsystem reset"),
	F("css", CAP_CSS, UNIT_HEX, "command sets: bit 0 NVM, 6 several, 7 none"),
	F("bps", CAP_BPS, UNIT_NONE, "boot partitions"),
	F("cps", CAP_CPS, UNIT_NONE, "power scope"),
	F("mpsmin", CAP_MPSMIN, UNIT_PAGES, "smallest memory page"),
	F("mpsmax", CAP_MPSMAX, UNIT_PAGES, "largest memory page"),
	F("pmrs", CAP_PMRS, UNIT_NONE, "persistent memory region"),
	F("cmbs", CAP_CMBS, UNIT_NONE, "controller memory buffer"),
	F("nsss", CAP_NSSS, UNIT_NONE, "subsystem shutdown"),
	F("crms", CAP_CRMS, UNIT_NONE, "ready modes: 1 with media, 2 without"),
	F("nsses", CAP_NSSES, UNIT_NONE, "subsystem shutdown enhancements"),
	{.key = NULL},
};

static const struct field vs[] = {
	F("mjr", VS_MJR, UNIT_NONE, "major"),
	F("mnr", VS_MNR, UNIT_NONE, "minor"),
	F("ter", VS_TER, UNIT_NONE, "tertiary"),
	{.key = NULL},
};

static const struct field cc[] = {
	F("en", CC_EN, UNIT_NONE, "enabled"),
	W("css", CC_CSS, "command set", cc_css),
	F("mps", CC_MPS, UNIT_PAGES, "memory page"),
	W("ams", CC_AMS, "arbitration", cc_ams),
	W("shn", CC_SHN, "shutdown asked for", cc_shn),
	F("iosqes", CC_IOSQES, UNIT_LOG2_BYTES, "I/O submission queue entry"),
	F("iocqes", CC_IOCQES, UNIT_LOG2_BYTES, "I/O completion queue entry"),
	F("crime", CC_CRIME, UNIT_NONE, "ready without media is enough"),
	{.key = NULL},
};

static const struct field csts[] = {
	F("rdy", CSTS_RDY, UNIT_NONE, "ready"),
	F("cfs", CSTS_CFS, UNIT_NONE, "fatal status"),
	W("shst", CSTS_SHST, "shutdown", csts_shst),
	F("nssro", CSTS_NSSRO, UNIT_NONE, "a subsystem reset occurred"),
	F("pp", CSTS_PP, UNIT_NONE, "processing is paused"),
	F("st", CSTS_ST, UNIT_NONE, "shutdown of: 0 controller, 1 subsystem"),
	{.key = NULL},
};

static const struct field aqa[] = {
	F("asqs", AQA_ASQS, UNIT_COUNT0, "admin submission queue entries"),
	F("acqs", AQA_ACQS, UNIT_COUNT0, "admin completion queue entries"),
	{.key = NULL},
};

static const struct field cmbloc[] = {
	F("bir", CMBLOC_BIR, UNIT_NONE, "BAR"),
	F("cqmms", CMBLOC_CQMMS, UNIT_NONE, "queues may be partly in it"),
	F("cqpds", CMBLOC_CQPDS, UNIT_NONE, "queues need not be contiguous"),
	F("cdpmls", CMBLOC_CDPMLS, UNIT_NONE, "lists may be partly in it"),
	F("cdpcils", CMBLOC_CDPCILS, UNIT_NONE, "lists and data may be apart"),
	F("cdmmms", CMBLOC_CDMMMS, UNIT_NONE, "data may be partly in it"),
	F("cqda", CMBLOC_CQDA, UNIT_NONE, "queues are aligned to dwords"),
	F("ofst", CMBLOC_OFST, UNIT_NONE, "offset, units of CMBSZ.SZU"),
	{.key = NULL},
};

static const struct field cmbsz[] = {
	F("sqs", CMBSZ_SQS, UNIT_NONE, "for submission queues"),
	F("cqs", CMBSZ_CQS, UNIT_NONE, "for completion queues"),
	F("lists", CMBSZ_LISTS, UNIT_NONE, "for PRP and SGL lists"),
	F("rds", CMBSZ_RDS, UNIT_NONE, "for data of reads"),
	F("wds", CMBSZ_WDS, UNIT_NONE, "for data of writes"),
	F("szu", CMBSZ_SZU, UNIT_NONE, "unit, 2 ^ (12 + 4 * SZU) bytes"),
	F("sz", CMBSZ_SZ, UNIT_NONE, "size, units"),
	{.key = NULL},
};

static const struct field cmbmsc[] = {
	F("cre", CMBMSC_CRE, UNIT_NONE, "capability registers enabled"),
	F("cmse", CMBMSC_CMSE, UNIT_NONE, "memory space enabled"),
	F("cba", CMBMSC_CBA, UNIT_HEX, "base address, 4 KiB units"),
	{.key = NULL},
};

static const struct field cmbsts[] = {
	F("cbai", CMBSTS_CBAI, UNIT_NONE, "base address is invalid"),
	{.key = NULL},
};

static const struct field bpinfo[] = {
	F("bpsz", BPINFO_BPSZ, UNIT_NONE, "size, 128 KiB units"),
	W("brs", BPINFO_BRS, "read", bpinfo_brs),
	F("abpid", BPINFO_ABPID, UNIT_NONE, "active partition"),
	{.key = NULL},
};

static const struct field bprsel[] = {
	F("bprsz", BPRSEL_BPRSZ, UNIT_4K, "read"),
	F("bprof", BPRSEL_BPROF, UNIT_4K, "from"),
	F("bpid", BPRSEL_BPID, UNIT_NONE, "partition"),
	{.key = NULL},
};

static const struct field crto[] = {
	F("crwmt", CRTO_CRWMT, UNIT_MS500, "ready with media within"),
	F("crimt", CRTO_CRIMT, UNIT_MS500, "ready without media within"),
	{.key = NULL},
};

static const struct field pmrcap[] = {
	F("rds", PMRCAP_RDS, UNIT_NONE, "for data of reads"),
	F("wds", PMRCAP_WDS, UNIT_NONE, "for data of writes"),
	F("bir", PMRCAP_BIR, UNIT_NONE, "BAR"),
	F("pmrtu", PMRCAP_PMRTU, UNIT_NONE, "unit of PMRTO: 0 500 ms, 1 minutes"),
	F("pmrwbm", PMRCAP_PMRWBM, UNIT_HEX, "write barriers"),
	F("pmrto", PMRCAP_PMRTO, UNIT_NONE, "ready within"),
	F("cmss", PMRCAP_CMSS, UNIT_NONE, "memory space"),
	{.key = NULL},
};

static const struct field pmrctl[] = {F("en", PMRCTL_EN, UNIT_NONE, "enabled"), {.key = NULL}};

static const struct field pmrsts[] = {
	F("err", PMRSTS_ERR, UNIT_HEX, "error"),
	F("nrdy", PMRSTS_NRDY, UNIT_NONE, "not ready"),
	F("hsts", PMRSTS_HSTS, UNIT_NONE, "health"),
	F("cbai", PMRSTS_CBAI, UNIT_NONE, "base address is invalid"),
	{.key = NULL},
};

static const struct field no_fields[] = {{.key = NULL}};

#define HAS(field) NVM_SET(~0ull, field)

/* A register is there when CAP has one of the bits in needs, or always. */
static const struct reg {
	const char *key;
	uint32_t offset;
	unsigned int width;
	const char *label;
	const struct field *fields;
	uint64_t needs;
} regs[] = {
	{"cap", NVM_REG_CAP, 8, "controller capabilities", cap, 0},
	{"vs", NVM_REG_VS, 4, "version", vs, 0},
	{"intms", NVM_REG_INTMS, 4, "interrupt mask set", no_fields, 0},
	{"intmc", NVM_REG_INTMC, 4, "interrupt mask clear", no_fields, 0},
	{"cc", NVM_REG_CC, 4, "controller configuration", cc, 0},
	{"csts", NVM_REG_CSTS, 4, "controller status", csts, 0},
	{"nssr", NVM_REG_NSSR, 4, "subsystem reset", no_fields, HAS(CAP_NSSRS)},
	{"aqa", NVM_REG_AQA, 4, "admin queue attributes", aqa, 0},
	{"asq", NVM_REG_ASQ, 8, "admin submission queue", no_fields, 0},
	{"acq", NVM_REG_ACQ, 8, "admin completion queue", no_fields, 0},
	{"cmbloc", NVM_REG_CMBLOC, 4, "controller memory buffer location", cmbloc, HAS(CAP_CMBS)},
	{"cmbsz", NVM_REG_CMBSZ, 4, "controller memory buffer size", cmbsz, HAS(CAP_CMBS)},
	{"bpinfo", NVM_REG_BPINFO, 4, "boot partition information", bpinfo, HAS(CAP_BPS)},
	{"bprsel", NVM_REG_BPRSEL, 4, "boot partition read select", bprsel, HAS(CAP_BPS)},
	{"bpmbl", NVM_REG_BPMBL, 8, "boot partition buffer", no_fields, HAS(CAP_BPS)},
	{"cmbmsc", NVM_REG_CMBMSC, 8, "controller memory buffer control", cmbmsc, HAS(CAP_CMBS)},
	{"cmbsts", NVM_REG_CMBSTS, 4, "controller memory buffer status", cmbsts, HAS(CAP_CMBS)},
	{"nssd", NVM_REG_NSSD, 4, "subsystem shutdown", no_fields, HAS(CAP_NSSS)},
	{"crto", NVM_REG_CRTO, 4, "ready timeouts", crto, HAS(CAP_CRMS)},
	{"pmrcap", NVM_REG_PMRCAP, 4, "persistent memory capabilities", pmrcap, HAS(CAP_PMRS)},
	{"pmrctl", NVM_REG_PMRCTL, 4, "persistent memory control", pmrctl, HAS(CAP_PMRS)},
	{"pmrsts", NVM_REG_PMRSTS, 4, "persistent memory status", pmrsts, HAS(CAP_PMRS)},
	{"pmrmscl", NVM_REG_PMRMSCL, 4, "persistent memory address, low", no_fields, HAS(CAP_PMRS)},
	{"pmrmscu", NVM_REG_PMRMSCU, 4, "persistent memory address, high", no_fields,
	 HAS(CAP_PMRS)},
};

static uint64_t read_reg(const struct dev *dev, uint32_t offset, unsigned int width)
{
	char *base = dev->ctrl.regs;

	if (width == 8)
		return le64_to_cpu(mmio_lh_read64(base + offset));
	return le32_to_cpu(mmio_read32(base + offset));
}

static int show(struct dev *dev, struct out *out)
{
	uint64_t cap_value;

	if (!dev->ctrl.regs)
		return msg_fail("%s: its registers cannot be read from here", dev->name);
	cap_value = read_reg(dev, NVM_REG_CAP, 8);
	if (cap_value == UINT64_MAX)
		return msg_fail("%s: registers read as all-ones: the device is gone", dev->name);

	if (out->json)
		out_text(out, "device", dev->name, NULL);
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		const struct reg *reg = &regs[i];
		uint64_t value;

		if (reg->needs && !(cap_value & reg->needs))
			continue;
		value = read_reg(dev, reg->offset, reg->width);
		out_open(out, reg->key, "%-12s  0x%0*" PRIx64 "%*s  %s, at 0x%02x", reg->key,
			 (int)reg->width * 2, value, 16 - (int)reg->width * 2, "", reg->label,
			 reg->offset);
		if (out->json) {
			out_number(out, "offset", reg->offset, NULL);
			out_number(out, "value", value, NULL);
		}
		field_print(out, value, reg->fields);
		out_close(out, true);
	}
	return CMD_OK;
}

int cmd_regs(int argc, char **argv)
{
	static const char about[] =
		"Show the registers of a controller and the fields in them. The controller is "
		"left\n"
		"as it is found, which for the embedded one is disabled; --init brings it up.";
	static const char examples[] = "  belfry regs emu:\n"
				       "      as after power on\n"
				       "  belfry regs emu: --init\n"
				       "      as the driver has set it up\n"
				       "  belfry regs emu:mqes=1024 --json | jq .cap.mqes\n"
				       "      one field, for a script\n";
	bool json = false, init = false;
	const struct arg table[] = {
		{"init", 'i', ARG_FLAG, &init, .help = "reset and enable the controller first"},
		ARG_JSON(&json),
		{.name = NULL},
	};
	const struct args args = {"regs", "DEV", 1, 1, about, table, examples};
	struct dev_opts dev_opts;
	char **operands;
	struct dev dev;
	struct out out;
	int status = args_parse(&args, argc, argv, &operands);

	if (status < 0)
		return args_status(status);
	dev_opts = (struct dev_opts){.look = !init};
	status = dev_open(&dev, operands[0], &dev_opts);
	if (!status) {
		out_init(&out, json);
		status = out_finish(&out, show(&dev, &out));
	}
	dev_close(&dev);
	return status;
}

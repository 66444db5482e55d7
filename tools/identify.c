/* SPDX-License-Identifier: MIT */
/*
 * What is in Identify Controller and Identify Namespace.
 */
#include "tools/identify.h"

#include <stdio.h>

#include "tools/field.h"
#include "tools/text.h"

#define M(name, unit, label, ...) MEMBER(id_ctrl, name, unit, label, __VA_ARGS__)
#define N(name, unit, label, ...) MEMBER(id_ns, name, unit, label, __VA_ARGS__)

static const struct flag cmic[] = {
	{NVM_CMIC_MPORTS, "several ports"},
	{NVM_CMIC_MCTRS, "several controllers"},
	{NVM_CMIC_FT, "virtual function"},
	{NVM_CMIC_ANARS, "ANA"},
	{0},
};

static const struct flag oaes[] = {
	{NVM_SET(-1u, ASYNC_EVENT_NAN), "namespace attributes"},
	{NVM_SET(-1u, ASYNC_EVENT_FAN), "firmware activation"},
	{NVM_SET(-1u, ASYNC_EVENT_TLN), "telemetry"},
	{NVM_SET(-1u, ASYNC_EVENT_ANACN), "ANA change"},
	{NVM_SET(-1u, ASYNC_EVENT_PLEAN), "predictable latency"},
	{NVM_SET(-1u, ASYNC_EVENT_LSIN), "LBA status"},
	{NVM_SET(-1u, ASYNC_EVENT_EGEAN), "endurance groups"},
	{NVM_SET(-1u, ASYNC_EVENT_NNSSHDN), "subsystem shutdown"},
	{0},
};

static const struct flag ctratt[] = {
	{NVM_CTRATT_HIDS, "128 bit host identifiers"},
	{NVM_CTRATT_NOPSPM, "non-operational permissive mode"},
	{NVM_CTRATT_NSETS, "NVM sets"},
	{NVM_CTRATT_RRLVLS, "read recovery levels"},
	{NVM_CTRATT_EGS, "endurance groups"},
	{NVM_CTRATT_PLM, "predictable latency mode"},
	{NVM_CTRATT_TBKAS, "traffic based keep alive"},
	{NVM_CTRATT_NG, "namespace granularity"},
	{NVM_CTRATT_SQA, "SQ associations"},
	{NVM_CTRATT_ULIST, "UUID list"},
	{NVM_CTRATT_MDS, "multiple domains"},
	{NVM_CTRATT_FCM, "fixed capacity management"},
	{NVM_CTRATT_VCM, "variable capacity management"},
	{NVM_CTRATT_DEG, "delete endurance group"},
	{NVM_CTRATT_DNVMS, "delete NVM set"},
	{NVM_CTRATT_ELBAS, "extended LBA formats"},
	{NVM_CTRATT_MEM, "MDTS without metadata"},
	{NVM_CTRATT_HMBR, "host memory buffer restrict"},
	{NVM_CTRATT_RHII, "reservations by host identifier"},
	{NVM_CTRATT_FDPS, "flexible data placement"},
	{0},
};

static const struct flag oacs[] = {
	{NVM_OACS_SSRS, "security"},
	{NVM_OACS_FNVMS, "format"},
	{NVM_OACS_FWDS, "firmware"},
	{NVM_OACS_NMS, "namespace management"},
	{NVM_OACS_DSTS, "self-test"},
	{NVM_OACS_DIRS, "directives"},
	{NVM_OACS_NSRS, "NVMe-MI"},
	{NVM_OACS_VMS, "virtualization"},
	{NVM_OACS_DBCS, "doorbell buffers"},
	{NVM_OACS_GLSS, "LBA status"},
	{NVM_OACS_CFLS, "lockdown"},
	{NVM_OACS_HMLMS, "live migration"},
	{0},
};

static const struct flag lpa[] = {
	{NVM_LPA_SMARTS, "SMART by namespace"},	  {NVM_LPA_CSES, "effects"},
	{NVM_LPA_LPEDS, "offset and long pages"}, {NVM_LPA_TS, "telemetry"},
	{NVM_LPA_PES, "persistent events"},	  {NVM_LPA_MLPS, "supported pages"},
	{NVM_LPA_DA4S, "telemetry area 4"},	  {0},
};

static const struct flag oncs[] = {
	{NVM_ONCS_NVMCMPS, "compare"},
	{NVM_ONCS_NVMWUSV, "write uncorrectable"},
	{NVM_ONCS_NVMDSMSV, "dataset management"},
	{NVM_ONCS_NVMWZSV, "write zeroes"},
	{NVM_ONCS_SSFS, "save features"},
	{NVM_ONCS_RESERVS, "reservations"},
	{NVM_ONCS_TSS, "timestamp"},
	{NVM_ONCS_NVMVFYS, "verify"},
	{NVM_ONCS_NVMCPYS, "copy"},
	{NVM_ONCS_NVMCSA, "single atomic copy"},
	{NVM_ONCS_NVMAFC, "all copies fast"},
	{NVM_ONCS_MAXWZD, "deallocate limit"},
	{NVM_ONCS_NSZS, "zero a namespace"},
	{0},
};

static const struct flag fuses[] = {{NVM_FUSES_FCWS, "compare and write"}, {0}};

static const struct flag fna[] = {
	{NVM_FNA_FNS, "format formats all"},
	{NVM_FNA_SENS, "erase erases all"},
	{NVM_FNA_CRYES, "cryptographic erase"},
	{NVM_FNA_FNVMBS, "no broadcast"},
	{0},
};

static const struct flag vwc[] = {
	{NVM_SET(-1u, VWC_VWCP), "present"},
	{NVM_SET(2u, VWC_FB), "broadcast flush is defined"},
	{NVM_SET(1u, VWC_FB), "broadcast flush"},
	{0},
};

static const char *const sgl_words[] = {"no", "yes, any alignment", "yes, multiples of 4 bytes",
					NULL};

static const struct field sgls[] = {
	FIELD_WORDS("sgls", SGLS_SGLS, "SGLs for I/O", sgl_words),
	FIELD("sdt", SGLS_SDT, UNIT_LIMIT, "recommended descriptors"),
	FIELD("ksdbds", SGLS_KSDBDS, UNIT_NONE, "keyed data blocks"),
	FIELD("sbbds", SGLS_SBBDS, UNIT_NONE, "bit buckets"),
	FIELD("mba", SGLS_MBA, UNIT_NONE, "metadata at any byte"),
	FIELD("sdll", SGLS_SDLL, UNIT_NONE, "longer than the data is allowed"),
	FIELD("mpcsd", SGLS_MPCSD, UNIT_NONE, "metadata by SGL"),
	FIELD("aosds", SGLS_AOSDS, UNIT_NONE, "address as an offset"),
	FIELD("tsdbds", SGLS_TSDBDS, UNIT_NONE, "transport data blocks"),
	{.key = NULL},
};

static const struct field frmw[] = {
	FIELD("ffsro", FRMW_FFSRO, UNIT_NONE, "slot 1 is read-only"),
	FIELD("nofs", FRMW_NOFS, UNIT_NONE, "slots"),
	FIELD("fawr", FRMW_FAWR, UNIT_NONE, "activation without reset"),
	FIELD("smud", FRMW_SMUD, UNIT_NONE, "detects overlapping updates"),
	{.key = NULL},
};

static const struct member identity[] = {
	M(mn, UNIT_TEXT, "model number"),
	M(sn, UNIT_TEXT, "serial number"),
	M(fr, UNIT_TEXT, "firmware revision"),
	M(ver, UNIT_VERSION, "NVM Express version"),
	M(vid, UNIT_HEX, "PCI vendor"),
	M(ssvid, UNIT_HEX, "PCI subsystem vendor", .quiet = true),
	M(ieee, UNIT_DIGITS, "vendor's IEEE OUI"),
	M(cntlid, UNIT_NONE, "controller identifier"),
	M(cntrltype, UNIT_NONE, "type: 1 I/O, 2 discovery, 3 administrative"),
	M(cmic, UNIT_HEX, "multi-path", .flags = cmic, .quiet = true),
	M(ctratt, UNIT_HEX, "attributes", .flags = ctratt),
	M(fguid, UNIT_ID, "field replaceable unit", .quiet = true),
	M(subnqn, UNIT_TEXT, "name of the subsystem"),
	{.key = NULL},
};

static const struct member limits[] = {
	M(mdts, UNIT_PAGES_LIMIT, "largest transfer"),
	M(nn, UNIT_NONE, "highest namespace identifier"),
	M(mnan, UNIT_NONE, "namespaces allowed"),
	M(maxcmd, UNIT_LIMIT, "commands in a queue", .quiet = true),
	M(rab, UNIT_LOG2, "recommended arbitration burst"),
	M(sqes, UNIT_HEX, "SQ entry sizes, log2: largest, required"),
	M(cqes, UNIT_HEX, "CQ entry sizes, log2: largest, required"),
	M(acl, UNIT_COUNT0, "Abort commands at once"),
	M(aerl, UNIT_COUNT0, "event requests at once"),
	M(elpe, UNIT_COUNT0, "error log entries"),
	M(awun, UNIT_COUNT0, "atomic write, blocks"),
	M(awupf, UNIT_COUNT0, "atomic at power failure, blocks"),
	M(acwu, UNIT_COUNT0, "atomic compare and write, blocks"),
	M(msdbd, UNIT_LIMIT, "SGL data blocks in a command"),
	M(tnvmcap, UNIT_BYTES, "capacity"),
	M(unvmcap, UNIT_BYTES, "capacity not in a namespace"),
	{.key = NULL},
};

static const struct member capabilities[] = {
	M(oacs, UNIT_HEX, "admin commands", .flags = oacs),
	M(oncs, UNIT_HEX, "I/O commands", .flags = oncs),
	M(fuses, UNIT_HEX, "fused", .flags = fuses),
	M(fna, UNIT_HEX, "format", .flags = fna),
	M(vwc, UNIT_HEX, "volatile write cache", .flags = vwc),
	M(oaes, UNIT_HEX, "events", .flags = oaes),
	M(lpa, UNIT_HEX, "log pages", .flags = lpa),
	M(ocfs, UNIT_HEX, "copy formats, a bit for each"),
	M(sgls, UNIT_HEX, "scatter gather lists", .fields = sgls),
	M(frmw, UNIT_HEX, "firmware updates", .fields = frmw),
	{.key = NULL},
};

static const struct member upkeep[] = {
	M(kas, UNIT_MS100, "keep alive granularity", .quiet = true),
	M(rtd3r, UNIT_US, "resume from D3 takes"),
	M(rtd3e, UNIT_US, "entry to D3 takes"),
	M(wctemp, UNIT_KELVIN, "warning temperature"),
	M(cctemp, UNIT_KELVIN, "critical temperature"),
	M(mtfa, UNIT_MS100, "longest firmware activation", .quiet = true),
	M(npss, UNIT_COUNT0, "power states"),
	M(apsta, UNIT_NONE, "autonomous power state transitions", .quiet = true),
	M(hmpre, UNIT_4K, "host memory buffer, preferred", .quiet = true),
	M(hmmin, UNIT_4K, "host memory buffer, minimum", .quiet = true),
	M(edstt, UNIT_MINUTES, "extended self-test takes", .quiet = true),
	M(sanicap, UNIT_HEX, "sanitize", .quiet = true),
	M(anacap, UNIT_HEX, "ANA", .quiet = true),
	M(nwpc, UNIT_HEX, "namespace write protection", .quiet = true),
	M(crdt1, UNIT_MS100, "command retry delay 1", .quiet = true),
	M(crdt2, UNIT_MS100, "command retry delay 2", .quiet = true),
	M(crdt3, UNIT_MS100, "command retry delay 3", .quiet = true),
	{.key = NULL},
};

static const struct member power_state[] = {
	MEMBER(id_psd, mp, UNIT_CENTIWATT, "maximum power"),
	MEMBER(id_psd, flags, UNIT_HEX, "flags"),
	MEMBER(id_psd, enlat, UNIT_US, "entry latency"),
	MEMBER(id_psd, exlat, UNIT_US, "exit latency"),
	{.key = NULL},
};

static void print_power_states(struct out *out, const struct nvm_id_ctrl *id)
{
	unsigned int nr = id->npss < 32 ? id->npss + 1u : 32; /* 0's based */

	out_section(out, "Power states");
	out_open_array(out, "psd", NULL);
	for (unsigned int i = 0; i < nr; i++) {
		const struct nvm_id_psd *psd = &id->psd[i];

		if (!out->json) {
			printf("  %-10u  up to %.2f W, entry %s, exit %s\n", i,
			       le16_to_cpu(psd->mp) / (psd->flags & 1 ? 10000.0 : 100.0),
			       text_time(le32_to_cpu(psd->enlat) * 1e3).s,
			       text_time(le32_to_cpu(psd->exlat) * 1e3).s);
			continue;
		}
		out_open(out, NULL, NULL);
		member_print(out, psd, power_state);
		out_close(out, false);
	}
	out_close(out, false);
	out_section_end(out);
}

void identify_print_ctrl(struct out *out, const char *name, const struct nvm_id_ctrl *id)
{
	static const struct {
		const char *heading;
		const struct member *members;
	} parts[] = {
		{"Controller", identity},
		{"Limits", limits},
		{"Capabilities", capabilities},
		{"Upkeep", upkeep},
	};

	if (out->json)
		out_text(out, "device", name, NULL);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		member_section(out, parts[i].heading, id, parts[i].members);
	print_power_states(out, id);
}

/* ---- namespaces ---- */

static const struct flag nsfeat[] = {
	{NVM_NSFEAT_THINP, "thin provisioning"},
	{NVM_NSFEAT_NSABP, "atomicity of its own"},
	{NVM_NSFEAT_DAE, "deallocated block errors"},
	{NVM_NSFEAT_UIDREUSE, "identifiers are not reused"},
	{NVM_NSFEAT_OPTPERF, "preferred sizes"},
	{0},
};

static const struct flag mc[] = {
	{NVM_MC_MTELBA, "after the data"},
	{NVM_MC_MTSMB, "in a buffer of its own"},
	{0},
};

static const struct flag dpc[] = {
	{NVM_DPC_PIT1S, "type 1"}, {NVM_DPC_PIT2S, "type 2"}, {NVM_DPC_PIT3S, "type 3"},
	{NVM_DPC_PIIFB, "first"},  {NVM_DPC_PIILB, "last"},   {0},
};

static const struct flag nmic[] = {{NVM_NMIC_SHRNS, "shared"}, {0}};
static const struct flag nsattr[] = {{NVM_NSATTR_CWP, "write protected"}, {0}};

static const char *const dulbrb_words[] = {"not reported", "zeros", "ones", NULL};

static const struct field dlfeat[] = {
	FIELD_WORDS("dulbrb", DLFEAT_DULBRB, "reads of deallocated blocks give", dulbrb_words),
	FIELD("wzds", DLFEAT_WZDS, UNIT_NONE, "Write Zeroes may deallocate"),
	FIELD("gds", DLFEAT_GDS, UNIT_NONE, "guard of a deallocated block is a CRC"),
	{.key = NULL},
};

static const struct member ns_size[] = {
	N(nsze, UNIT_NONE, "size, blocks"),
	N(ncap, UNIT_NONE, "capacity, blocks"),
	N(nuse, UNIT_NONE, "in use, blocks"),
	N(nvmcap, UNIT_BYTES, "capacity", .quiet = true),
	N(nlbaf, UNIT_COUNT0, "formats"),
	N(flbas, UNIT_HEX, "formatted with"),
	N(nguid, UNIT_ID, "globally unique identifier", .quiet = true),
	N(eui64, UNIT_ID, "extended unique identifier", .quiet = true),
	{.key = NULL},
};

static const struct member ns_capabilities[] = {
	N(nsfeat, UNIT_HEX, "features", .flags = nsfeat),
	N(mc, UNIT_HEX, "metadata can be", .flags = mc),
	N(dpc, UNIT_HEX, "protection information can be", .flags = dpc, .quiet = true),
	N(dps, UNIT_HEX, "protection information is", .quiet = true),
	N(nmic, UNIT_HEX, "multi-path", .flags = nmic, .quiet = true),
	N(nsattr, UNIT_HEX, "attributes", .flags = nsattr, .quiet = true),
	N(rescap, UNIT_HEX, "reservations", .quiet = true),
	N(fpi, UNIT_HEX, "format progress"),
	N(dlfeat, UNIT_HEX, "deallocation", .fields = dlfeat),
	{.key = NULL},
};

static const struct member ns_limits[] = {
	N(nawun, UNIT_COUNT0, "atomic write, blocks"),
	N(nawupf, UNIT_COUNT0, "atomic at power failure, blocks"),
	N(nacwu, UNIT_COUNT0, "atomic compare and write, blocks"),
	N(noiob, UNIT_NONE, "optimal I/O boundary, blocks", .quiet = true),
	N(npwg, UNIT_COUNT0, "preferred write granularity, blocks", .quiet = true),
	N(npwa, UNIT_COUNT0, "preferred write alignment, blocks", .quiet = true),
	N(npdg, UNIT_COUNT0, "preferred deallocate granularity, blocks", .quiet = true),
	N(npda, UNIT_COUNT0, "preferred deallocate alignment, blocks", .quiet = true),
	N(nows, UNIT_COUNT0, "optimal write size, blocks", .quiet = true),
	N(mssrl, UNIT_NONE, "copy: blocks in a range", .quiet = true),
	N(mcl, UNIT_NONE, "copy: blocks in a command", .quiet = true),
	N(msrc, UNIT_COUNT0, "copy: ranges", .quiet = true),
	N(anagrpid, UNIT_NONE, "ANA group", .quiet = true),
	N(nvmsetid, UNIT_NONE, "NVM set", .quiet = true),
	N(endgid, UNIT_NONE, "endurance group", .quiet = true),
	{.key = NULL},
};

static const struct member format[] = {
	MEMBER(lbaf, lbads, UNIT_LOG2_BYTES, "data"),
	MEMBER(lbaf, ms, UNIT_BYTES, "metadata"),
	MEMBER(lbaf, rp, UNIT_NONE, "performance, 0 is best"),
	{.key = NULL},
};

unsigned int identify_format(const struct nvm_id_ns *id)
{
	return NVM_GET(id->flbas, FLBAS_LOW) | NVM_GET(id->flbas, FLBAS_HIGH) << 4;
}

static void print_formats(struct out *out, const struct nvm_id_ns *id)
{
	unsigned int nr = id->nlbaf < 64 ? id->nlbaf + 1u : 64; /* 0's based */

	out_section(out, "Formats");
	out_open_array(out, "lbaf", NULL);
	for (unsigned int i = 0; i < nr; i++) {
		const struct nvm_lbaf *lbaf = &id->lbaf[i];

		if (!out->json) {
			printf("  %-10u  %5s + %2u B, performance %u%s\n", i,
			       lbaf->lbads < 32 ? text_bytes(1ull << lbaf->lbads).s : "?",
			       le16_to_cpu(lbaf->ms), lbaf->rp & 3u,
			       i == identify_format(id) ? ", in use" : "");
			continue;
		}
		out_open(out, NULL, NULL);
		member_print(out, lbaf, format);
		out_close(out, false);
	}
	out_close(out, false);
	out_section_end(out);
}

void identify_print_ns(struct out *out, uint32_t nsid, const struct nvm_id_ns *id)
{
	char heading[32];

	snprintf(heading, sizeof(heading), "Namespace %u", nsid);
	member_section(out, heading, id, ns_size);
	member_section(out, "Capabilities", id, ns_capabilities);
	member_section(out, "Limits", id, ns_limits);
	print_formats(out, id);
}

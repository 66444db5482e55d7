/* SPDX-License-Identifier: MIT */
/*
 * Identify, as far as it is about namespaces.
 *
 * Three kinds of NSID are told apart throughout: active ones have contents, others within NN (not
 * active, and for most requests not allocated) give zeros or an error, the rest are invalid.
 *
 * Spec: NVM Express Base 2.0, "Identify command"; NVM Command Set 1.0, "Identify Data Structures".
 */
#include "emu/admin.h"

#include <string.h>

#include "emu/config.h"
#include "emu/ns.h"

/* What all namespaces have in common: formats and capabilities. */
static void common_capabilities(struct nvm_id_ns *id)
{
	id->nlbaf = EMU_NR_FORMATS - 1;
	id->mc = NVM_MC_MTELBA | NVM_MC_MTSMB;
	id->nsfeat = NVM_NSFEAT_UIDREUSE;
	id->dlfeat = NVM_SET(NVM_DLFEAT_DULBRB_ZEROS, DLFEAT_DULBRB) | NVM_SET(1, DLFEAT_WZDS);
	id->fpi = 1 << 7; /* supported, nothing left to do */
	id->mssrl = cpu_to_le16(EMU_COPY_RANGE_BLOCKS);
	id->mcl = cpu_to_le32(EMU_COPY_BLOCKS);
	id->msrc = EMU_COPY_RANGES - 1;
	for (unsigned int i = 0; i < EMU_NR_FORMATS; i++) {
		id->lbaf[i].ms = cpu_to_le16(emu_formats[i].ms);
		id->lbaf[i].lbads = emu_formats[i].lbads;
		id->lbaf[i].rp = emu_formats[i].lbads == 12 ? 0 : 1;
	}
}

/* Small blocks are best written in multiples of a page, which is what stores are made of. */
static void optimal_sizes(const struct emu_ns *ns, struct nvm_id_ns *id)
{
	const unsigned int blocks = 4096 / ns->data;

	id->nsfeat |= NVM_NSFEAT_OPTPERF;
	id->npwg = id->npwa = id->npdg = id->npda = id->nows = cpu_to_le16((uint16_t)(blocks - 1));
}

static void describe(const struct emu_ns *ns, struct nvm_id_ns *id)
{
	common_capabilities(id);
	id->nsze = id->ncap = id->nuse = cpu_to_le64(ns->nsze);
	id->flbas = ns->flbas;
	id->nmic = ns->nmic;
	emu_put_le128(id->nvmcap, ns->nvmcap);
	memcpy(id->nguid, ns->nguid, sizeof(id->nguid));
	memcpy(id->eui64, ns->eui64, sizeof(id->eui64));
	optimal_sizes(ns, id);
}

/* An NSID that is valid but has nothing behind it is described by zeros. */
static uint16_t zeros_unless_invalid(uint32_t nsid)
{
	return nsid && nsid <= EMU_MAX_NS ? 0 : NVM_SC_INVALID_NS;
}

static uint16_t identify_ns(struct emu_req *req, void *out)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	const struct emu_ns *ns;
	uint16_t status;

	if (nsid == NVM_NSID_ALL) {
		common_capabilities(out);
		return 0;
	}
	ns = emu_ns_find(req->ctrl, nsid, &status);
	if (!ns)
		return zeros_unless_invalid(nsid);
	describe(ns, out);
	return 0;
}

static uint16_t identify_allocated_ns(struct emu_req *req, void *out)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);

	if (nsid && nsid <= EMU_MAX_NS && req->ctrl->ns[nsid])
		describe(req->ctrl->ns[nsid], out);
	return zeros_unless_invalid(nsid);
}

/* The format's number stands where other requests have the CNS specific identifier. */
static uint16_t identify_format(struct emu_req *req, void *out)
{
	if (NVM_GET(le32_to_cpu(req->cmd.cdw11), IDENTIFY_CNSSPEC) >= EMU_NR_FORMATS)
		return NVM_SC_INVALID_FIELD;
	common_capabilities(out);
	return 0;
}

static uint16_t identify_csi_format(struct emu_req *req, void *out)
{
	(void)out; /* no storage tags, no protection information: all zero */
	return req->cmd.identify.csi != NVM_CSI_NVM || NVM_GET(le32_to_cpu(req->cmd.cdw11),
							       IDENTIFY_CNSSPEC) >= EMU_NR_FORMATS
		       ? NVM_SC_INVALID_FIELD
		       : 0;
}

static uint16_t ns_list(struct emu_req *req, struct nvm_id_ns_list *list, bool allocated)
{
	const uint32_t above = le32_to_cpu(req->cmd.nsid);
	unsigned int nr = 0;

	if (above >= NVM_NSID_MAX)
		return NVM_SC_INVALID_NS;
	for (uint64_t nsid = (uint64_t)above + 1; nsid <= EMU_MAX_NS; nsid++) {
		const struct emu_ns *ns = req->ctrl->ns[nsid];

		if (ns && (ns->attached || allocated))
			list->nsid[nr++] = cpu_to_le32((uint32_t)nsid);
	}
	return 0;
}

/* Lists and structures of one command set exist only for the one that there is. */
static bool csi_ok(const struct emu_req *req)
{
	return req->cmd.identify.csi == NVM_CSI_NVM;
}

static uint8_t *put_descriptor(uint8_t *to, uint8_t nidt, const void *id, uint8_t nidl)
{
	const struct nvm_id_ns_desc head = {.nidt = nidt, .nidl = nidl};

	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), id, nidl);
	return to + sizeof(head) + nidl;
}

static uint16_t identify_descriptors(struct emu_req *req, void *out)
{
	static const uint8_t csi = NVM_CSI_NVM;
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	const struct emu_ns *ns;
	uint16_t status;
	uint8_t *to = out;

	/* Here the broadcast value is no valid one. */
	if (nsid == NVM_NSID_ALL)
		return NVM_SC_INVALID_NS;
	ns = emu_ns_find(req->ctrl, nsid, &status);
	if (!ns)
		return status;
	to = put_descriptor(to, NVM_NIDT_EUI64, ns->eui64, sizeof(ns->eui64));
	to = put_descriptor(to, NVM_NIDT_NGUID, ns->nguid, sizeof(ns->nguid));
	to = put_descriptor(to, NVM_NIDT_UUID, ns->uuid, sizeof(ns->uuid));
	put_descriptor(to, NVM_NIDT_CSI, &csi, sizeof(csi));
	return 0;
}

/* What the NVM command set adds is about protection information, and there is none: zeros. */
static uint16_t identify_csi_ns(struct emu_req *req)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);

	if (!csi_ok(req))
		return NVM_SC_INVALID_IOCS;
	return nsid == NVM_NSID_ALL ? 0 : zeros_unless_invalid(nsid);
}

static uint16_t identify_independent(struct emu_req *req, void *out)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);
	struct nvm_id_ns_indep *id = out;
	const struct emu_ns *ns;
	uint16_t status;

	ns = emu_ns_find(req->ctrl, nsid, &status);
	if (!ns)
		return zeros_unless_invalid(nsid);
	id->nsfeat = NVM_NSFEAT_UIDREUSE;
	id->nmic = ns->nmic;
	id->fpi = 1 << 7;
	id->nstat = NVM_NSTAT_NRDY;
	return 0;
}

/* Namespaces are made of blocks; anything else is rounded by nobody. */
static uint16_t identify_granularity(struct emu_req *req, void *out)
{
	struct nvm_id_ns_granularity_list *list = out;

	(void)req;
	list->nga = cpu_to_le32(1); /* a descriptor for each format */
	list->nod = EMU_NR_FORMATS - 1;
	for (unsigned int i = 0; i < EMU_NR_FORMATS; i++)
		list->desc[i].nszeg = list->desc[i].ncapg =
			cpu_to_le64(1ull << emu_formats[i].lbads);
	return 0;
}

uint16_t emu_identify_ns(struct emu_req *req, void *out)
{
	switch (req->cmd.identify.cns) {
	case NVM_CNS_NS:
		return identify_ns(req, out);
	case NVM_CNS_ACTIVE_NS_LIST:
		return ns_list(req, out, false);
	case NVM_CNS_NS_DESC_LIST:
		return identify_descriptors(req, out);
	case NVM_CNS_CSI_NS:
		return identify_csi_ns(req);
	case NVM_CNS_CSI_ACTIVE_NS_LIST:
		return csi_ok(req) ? ns_list(req, out, false) : NVM_SC_INVALID_FIELD;
	case NVM_CNS_INDEP_NS:
		return identify_independent(req, out);
	case NVM_CNS_FORMAT_NS:
		return identify_format(req, out);
	case NVM_CNS_CSI_FORMAT_NS:
		return identify_csi_format(req, out);
	case NVM_CNS_ALLOC_NS_LIST:
		return ns_list(req, out, true);
	case NVM_CNS_ALLOC_NS:
		return identify_allocated_ns(req, out);
	case NVM_CNS_NS_GRANULARITY:
		return identify_granularity(req, out);
	case NVM_CNS_CSI_ALLOC_NS_LIST:
		return csi_ok(req) ? ns_list(req, out, true) : NVM_SC_INVALID_FIELD;
	case NVM_CNS_CSI_ALLOC_NS:
		return csi_ok(req) ? zeros_unless_invalid(le32_to_cpu(req->cmd.nsid))
				   : NVM_SC_INVALID_IOCS;
	default:
		return NVM_SC_INVALID_FIELD;
	}
}

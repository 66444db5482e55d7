/* SPDX-License-Identifier: MIT */
/*
 * Get Log Page, and the logs that are written as things happen: errors, health.
 *
 * Each page is built whole in scratch memory, and the part that was asked for is copied from there;
 * what is asked for beyond its end is zeros.
 *
 * Spec: NVM Express Base 2.0, "Get Log Page command".
 */
#include "emu/admin.h"

#include <string.h>

#include "emu/config.h"
#include "emu/ns.h"
#include "support/deadline.h"

/* A page: how it is made, and how long it is. */
struct page {
	uint8_t lid;
	size_t (*build)(struct emu_req *req, void *out); /* out is zeroed; returns bytes */
};

static size_t build_supported_pages(struct emu_req *req, void *out);

static struct nvm_log_error *error_slot(struct emu_admin *adm, uint64_t nr)
{
	return &adm->errors[nr % EMU_ERROR_ENTRIES];
}

/* The newest entry first; unused entries are zero. */
static size_t build_errors(struct emu_req *req, void *out)
{
	struct emu_admin *adm = req->ctrl->admin;
	struct nvm_log_error *log = out;
	const uint64_t nr = adm->nr_errors < EMU_ERROR_ENTRIES ? adm->nr_errors : EMU_ERROR_ENTRIES;

	for (uint64_t i = 0; i < nr; i++)
		log[i] = *error_slot(adm, adm->nr_errors - i);
	return EMU_ERROR_ENTRIES * sizeof(*log);
}

/* Thousands of 512 byte units, rounded up. */
static uint64_t data_units(uint64_t bytes)
{
	return bytes / 512000 + (bytes % 512000 != 0);
}

static size_t build_smart(struct emu_req *req, void *out)
{
	const struct emu_admin *adm = req->ctrl->admin;
	struct nvm_log_smart *log = out;

	if (emu_temperature_warning(req->ctrl))
		log->critical_warning |= NVM_SMART_CW_TEMPERATURE;
	log->composite_temperature[0] = EMU_TEMPERATURE & 0xff;
	log->composite_temperature[1] = EMU_TEMPERATURE >> 8;
	log->avail_spare = 100;
	log->avail_spare_thresh = 10;
	emu_put_le128(log->data_units_read, data_units(adm->bytes_read));
	emu_put_le128(log->data_units_written, data_units(adm->bytes_written));
	emu_put_le128(log->host_read_cmds, adm->cmds_read);
	emu_put_le128(log->host_write_cmds, adm->cmds_written);
	emu_put_le128(log->power_cycles, 1);
	emu_put_le128(log->power_on_hours, (now_ns() - adm->power_on_ns) / 3600000000000ull);
	emu_put_le128(log->media_errors, adm->media_errors);
	emu_put_le128(log->num_err_entries, adm->nr_errors);
	return sizeof(*log);
}

static size_t build_fw_slot(struct emu_req *req, void *out)
{
	const char *firmware = req->ctrl->cfg->firmware;
	struct nvm_log_fw_slot *log = out;

	log->afi = NVM_SET(1, AFI_CAFS);
	memset(log->frs[0], ' ', sizeof(log->frs[0]));
	if (firmware)
		memcpy(log->frs[0], firmware, strnlen(firmware, sizeof(log->frs[0])));
	return sizeof(*log);
}

static size_t build_changed_ns(struct emu_req *req, void *out)
{
	const uint8_t *changed = req->ctrl->admin->events.changed;
	struct nvm_id_ns_list *log = out;
	unsigned int nr = 0;

	for (uint32_t nsid = 1; nsid <= EMU_MAX_NS; nsid++) {
		if (changed[nsid / 8] & (1u << nsid % 8))
			log->nsid[nr++] = cpu_to_le32(nsid);
	}
	return sizeof(*log);
}

static size_t build_cmd_effects(struct emu_req *req, void *out)
{
	emu_log_cmd_effects(req->ctrl, req->cmd.log.csi, out);
	return sizeof(struct nvm_log_cmd_effects);
}

static size_t build_fid_effects(struct emu_req *req, void *out)
{
	emu_features_log(req->ctrl, out);
	return sizeof(struct nvm_log_fid_effects);
}

/* LPA promises it together with the other pages about support; there are no commands in it. */
static size_t build_mi_effects(struct emu_req *req, void *out)
{
	(void)req;
	(void)out;
	return 4096;
}

static const struct page pages[] = {
	{NVM_LOG_SUPPORTED_PAGES, build_supported_pages},
	{NVM_LOG_ERROR, build_errors},
	{NVM_LOG_SMART, build_smart},
	{NVM_LOG_FW_SLOT, build_fw_slot},
	{NVM_LOG_CHANGED_NS, build_changed_ns},
	{NVM_LOG_CMD_EFFECTS, build_cmd_effects},
	{NVM_LOG_FID_EFFECTS, build_fid_effects},
	{NVM_LOG_MI_CMD_EFFECTS, build_mi_effects},
};

#define NR_PAGES (sizeof(pages) / sizeof(pages[0]))

static size_t build_supported_pages(struct emu_req *req, void *out)
{
	struct nvm_log_supported_pages *log = out;

	(void)req;
	for (unsigned int i = 0; i < NR_PAGES; i++)
		log->lids[pages[i].lid] = cpu_to_le32(NVM_SET(1, LIDS_LSUPP));
	return sizeof(*log);
}

/* Copy @len bytes of the page from @off on to the host, zeros after its end. */
static uint16_t send_page(struct emu_req *req, const uint8_t *page, size_t size, uint64_t off,
			  uint64_t len)
{
	static const uint8_t zeros[4096];
	const size_t have = size - off < len ? (size_t)(size - off) : (size_t)len;
	uint16_t status = emu_data_map(req, len, EMU_TO_HOST);

	if (status)
		return status;
	emu_data_write(req, 0, page + off, have);
	for (size_t done = have; done < len;) {
		const size_t part = len - done < sizeof(zeros) ? len - done : sizeof(zeros);

		emu_data_write(req, done, zeros, part);
		done += part;
	}
	return 0;
}

/* All pages are about the controller as a whole; LPA says that there is no SMART by namespace. */
static uint16_t check_scope(const struct emu_req *req)
{
	const uint32_t nsid = le32_to_cpu(req->cmd.nsid);

	if (!nsid || nsid == NVM_NSID_ALL)
		return 0;
	return nsid > EMU_MAX_NS ? NVM_SC_INVALID_NS : NVM_SC_INVALID_FIELD;
}

uint16_t emu_get_log(struct emu_req *req)
{
	const struct nvme_cmd_log *cmd = &req->cmd.log;
	const uint64_t len =
		((uint64_t)le16_to_cpu(cmd->numdu) << 16 | le16_to_cpu(cmd->numdl)) * 4 + 4;
	const uint64_t off = (uint64_t)le32_to_cpu(cmd->lpou) << 32 | le32_to_cpu(cmd->lpol);
	void *page = req->ctrl->admin->scratch;
	unsigned int i = 0;
	uint16_t status;
	size_t size;

	while (i < NR_PAGES && pages[i].lid != cmd->lid)
		i++;
	if (i == NR_PAGES)
		return NVM_SC_INVALID_LOG_PAGE;
	status = check_scope(req);
	if (status)
		return status;
	/* No page is indexed (IOS is 0), so the offset is one of bytes. */
	if (NVM_GET(le32_to_cpu(cmd->cdw14), GET_LOG_OT) || off % 4 ||
	    emu_mdts_exceeded(req->ctrl, len))
		return NVM_SC_INVALID_FIELD;

	memset(page, 0, EMU_SCRATCH);
	size = pages[i].build(req, page);
	if (off > size)
		return NVM_SC_INVALID_FIELD;
	status = send_page(req, page, size, off, len);
	if (!status && !(cmd->lsp & 0x80)) /* not Retain Asynchronous Event */
		emu_events_read(req->ctrl, cmd->lid);
	return status;
}

/* Of the statuses about media, those that say that data could not be written or is not intact. */
static bool data_is_lost(uint16_t status)
{
	switch (NVM_GET(status, STATUS_CODE)) {
	case NVM_SC_WRITE_FAULT:
	case NVM_SC_READ_ERROR:
	case NVM_SC_GUARD_CHECK:
	case NVM_SC_APPTAG_CHECK:
	case NVM_SC_REFTAG_CHECK:
	case NVM_SC_STORAGE_TAG_CHECK:
		return true;
	default:
		return false;
	}
}

static struct nvm_log_error *add_error(struct emu_admin *adm, uint16_t status)
{
	struct nvm_log_error *entry = error_slot(adm, ++adm->nr_errors);

	*entry = (struct nvm_log_error){
		.error_count = cpu_to_le64(adm->nr_errors),
		.sqid = cpu_to_le16(UINT16_MAX), /* no command's */
		.cid = UINT16_MAX,
		.status = cpu_to_le16((uint16_t)(status << 1)),
		.peloc = cpu_to_le16(UINT16_MAX), /* not about one field */
		.lpver = 1,
	};
	return entry;
}

void emu_log_error(struct emu_req *req, uint16_t status)
{
	struct emu_admin *adm = req->ctrl->admin;
	struct nvm_log_error *entry = add_error(adm, status);

	entry->sqid = cpu_to_le16(req->sq->qid);
	entry->cid = req->cid;
	entry->nsid = req->cmd.nsid;
	entry->opc = req->cmd.opcode;
	entry->csinfo = cpu_to_le64(adm->fail_info);
	if (adm->fail_lba != UINT64_MAX)
		entry->lba = cpu_to_le64(adm->fail_lba);
	else if (req->sq->qid)
		entry->lba = req->cmd.rw.slba;
	if (data_is_lost(status))
		adm->media_errors++;
	adm->fail_lba = UINT64_MAX;
	adm->fail_info = 0;
}

void emu_log_other_error(struct emu_ctrl *ctrl, uint16_t status)
{
	add_error(ctrl->admin, status);
}

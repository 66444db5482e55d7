/* SPDX-License-Identifier: MIT */
/* belfry log: log pages. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/dev.h"
#include "tools/field.h"
#include "tools/msg.h"
#include "tools/out.h"
#include "tools/text.h"

#define RAW_DEFAULT	   512
#define RAW_MAX		   (16u << 20)
#define LONG_PAGES_VERSION NVME_VERSION(1, 3, 0)

struct options {
	bool json, raw, clear;
	uint64_t nsid, timeout, lid, len, offset, lsp;
};

/* ---- pages ---- */

static const struct member error_entry[] = {
	MEMBER(log_error, error_count, UNIT_NONE, "number of the error"),
	MEMBER(log_error, sqid, UNIT_NONE, "submission queue"),
	MEMBER(log_error, cid, UNIT_NONE, "command"),
	MEMBER(log_error, nsid, UNIT_NONE, "namespace"),
	MEMBER(log_error, lba, UNIT_NONE, "first block with the error"),
	MEMBER(log_error, peloc, UNIT_HEX, "place in the command: byte, bit"),
	MEMBER(log_error, opc, UNIT_HEX, "opcode"),
	MEMBER(log_error, csinfo, UNIT_HEX, "command specific"),
	{.key = NULL},
};

static void print_errors(struct out *out, const void *data, size_t len)
{
	const struct nvm_log_error *entry = data;
	unsigned int nr = 0;

	out_open_array(out, "errors", NULL);
	for (; len >= sizeof(*entry); entry++, len -= sizeof(*entry)) {
		uint16_t status = le16_to_cpu(entry->status) >> 1;

		if (!entry->error_count)
			continue;
		nr++;
		out_open(out, NULL, "%s", nvme_status_str(status));
		out_hex(out, "status", status, 4, "%s", nvme_status_name(status));
		if (out->json)
			out_text(out, "status_name", nvme_status_name(status), NULL);
		member_print(out, entry, error_entry);
		out_close(out, true);
	}
	out_close(out, false);
	if (!nr && !out->json)
		printf("no errors\n");
}

static const struct flag critical_warning[] = {
	{NVM_SMART_CW_SPARE, "spare is low"},
	{NVM_SMART_CW_TEMPERATURE, "temperature"},
	{NVM_SMART_CW_RELIABILITY, "reliability is degraded"},
	{NVM_SMART_CW_READ_ONLY, "read-only"},
	{NVM_SMART_CW_BACKUP, "backup has failed"},
	{NVM_SMART_CW_PMR, "persistent memory is read-only"},
	{0},
};

#define S(name, unit, label, ...) MEMBER(log_smart, name, unit, label, __VA_ARGS__)

static const struct member smart[] = {
	S(critical_warning, UNIT_HEX, "critical warning", .flags = critical_warning),
	S(composite_temperature, UNIT_KELVIN, "temperature"),
	S(avail_spare, UNIT_PERCENT, "spare"),
	S(avail_spare_thresh, UNIT_PERCENT, "spare is low below"),
	S(percent_used, UNIT_PERCENT, "of the endurance is used"),
	S(data_units_read, UNIT_DATA_UNITS, "read"),
	S(data_units_written, UNIT_DATA_UNITS, "written"),
	S(host_read_cmds, UNIT_NONE, "commands that read"),
	S(host_write_cmds, UNIT_NONE, "commands that wrote"),
	S(ctrl_busy_time, UNIT_MINUTES, "busy"),
	S(power_cycles, UNIT_NONE, "power cycles"),
	S(power_on_hours, UNIT_HOURS, "powered on"),
	S(unsafe_shutdowns, UNIT_NONE, "unsafe shutdowns"),
	S(media_errors, UNIT_NONE, "media errors"),
	S(num_err_entries, UNIT_NONE, "errors logged in its life"),
	S(warning_temp_time, UNIT_MINUTES, "over the warning temperature"),
	S(critical_temp_time, UNIT_MINUTES, "over the critical temperature"),
	{.key = NULL},
};

static void print_smart(struct out *out, const void *data, size_t len)
{
	const struct nvm_log_smart *log = data;

	(void)len;
	member_print(out, log, smart);
	out_open_array(out, "temp_sensor", NULL);
	for (int i = 0; i < 8; i++) {
		uint16_t kelvin = le16_to_cpu(log->temp_sensor[i]);

		if (out->json)
			out_number(out, NULL, kelvin, NULL);
		else if (kelvin)
			printf("sensor %d: %d C\n", i + 1, kelvin - 273);
	}
	out_close(out, false);
}

static void print_firmware(struct out *out, const void *data, size_t len)
{
	const struct nvm_log_fw_slot *log = data;
	unsigned int active = NVM_GET(log->afi, AFI_CAFS), next = NVM_GET(log->afi, AFI_NRCLR);

	(void)len;
	if (out->json) {
		out_number(out, "active_slot", active, NULL);
		out_number(out, "next_slot", next, NULL);
	}
	out_open_array(out, "slots", "Firmware slots");
	for (unsigned int slot = 1; slot <= 7; slot++) {
		struct text revision = text_field(log->frs[slot - 1], 8);

		if (!revision.s[0])
			continue;
		if (!out->json) {
			printf("  slot %u  %-8s%s%s\n", slot, revision.s,
			       slot == active ? "  active" : "",
			       slot == next ? "  after the next reset" : "");
			continue;
		}
		out_open(out, NULL, NULL);
		out_number(out, "slot", slot, NULL);
		out_text(out, "revision", revision.s, NULL);
		out_close(out, false);
	}
	out_close(out, true);
}

static void print_changed(struct out *out, const void *data, size_t len)
{
	const struct nvm_id_ns_list *list = data;
	bool many = le32_to_cpu(list->nsid[0]) == NVM_LOG_CHANGED_NS_MANY;

	(void)len;
	if (out->json)
		out_bool(out, "many", many, NULL);
	else if (many)
		printf("more than 1024 namespaces have changed\n");
	out_open_array(out, "namespaces", NULL);
	for (int i = 0; i < 1024 && list->nsid[i] && !many; i++)
		out_number(out, out->json ? NULL : "namespace", le32_to_cpu(list->nsid[i]), NULL);
	if (!many && !list->nsid[0] && !out->json)
		printf("no namespace has changed\n");
	out_close(out, false);
}

/* ---- effects ---- */

struct opcode {
	uint8_t opcode;
	const char *name;
};

static const struct opcode admin_opcodes[] = {
	{NVM_ADMIN_DELETE_SQ, "Delete I/O Submission Queue"},
	{NVM_ADMIN_CREATE_SQ, "Create I/O Submission Queue"},
	{NVM_ADMIN_GET_LOG, "Get Log Page"},
	{NVM_ADMIN_DELETE_CQ, "Delete I/O Completion Queue"},
	{NVM_ADMIN_CREATE_CQ, "Create I/O Completion Queue"},
	{NVM_ADMIN_IDENTIFY, "Identify"},
	{NVM_ADMIN_ABORT, "Abort"},
	{NVM_ADMIN_SET_FEATURES, "Set Features"},
	{NVM_ADMIN_GET_FEATURES, "Get Features"},
	{NVM_ADMIN_ASYNC_EVENT, "Asynchronous Event Request"},
	{NVM_ADMIN_NS_MGMT, "Namespace Management"},
	{NVM_ADMIN_FW_COMMIT, "Firmware Commit"},
	{NVM_ADMIN_FW_DOWNLOAD, "Firmware Image Download"},
	{NVM_ADMIN_SELF_TEST, "Device Self-test"},
	{NVM_ADMIN_NS_ATTACH, "Namespace Attachment"},
	{NVM_ADMIN_KEEP_ALIVE, "Keep Alive"},
	{NVM_ADMIN_DIRECTIVE_SEND, "Directive Send"},
	{NVM_ADMIN_DIRECTIVE_RECV, "Directive Receive"},
	{NVM_ADMIN_VIRT_MGMT, "Virtualization Management"},
	{NVM_ADMIN_DBBUF_CONFIG, "Doorbell Buffer Config"},
	{NVM_ADMIN_FORMAT, "Format NVM"},
	{NVM_ADMIN_SECURITY_SEND, "Security Send"},
	{NVM_ADMIN_SECURITY_RECV, "Security Receive"},
	{NVM_ADMIN_SANITIZE, "Sanitize"},
	{0, NULL},
};

static const struct opcode io_opcodes[] = {
	{NVM_CMD_FLUSH, "Flush"},
	{NVM_CMD_WRITE, "Write"},
	{NVM_CMD_READ, "Read"},
	{NVM_CMD_WRITE_UNCOR, "Write Uncorrectable"},
	{NVM_CMD_COMPARE, "Compare"},
	{NVM_CMD_WRITE_ZEROES, "Write Zeroes"},
	{NVM_CMD_DSM, "Dataset Management"},
	{NVM_CMD_VERIFY, "Verify"},
	{NVM_CMD_RESV_REGISTER, "Reservation Register"},
	{NVM_CMD_RESV_REPORT, "Reservation Report"},
	{NVM_CMD_RESV_ACQUIRE, "Reservation Acquire"},
	{NVM_CMD_RESV_RELEASE, "Reservation Release"},
	{NVM_CMD_COPY, "Copy"},
	{0, NULL},
};

static const struct flag effects[] = {
	{NVM_SET(-1u, CSE_LBCC), "changes blocks"},
	{NVM_SET(-1u, CSE_NCC), "changes a namespace's capabilities"},
	{NVM_SET(-1u, CSE_NIC), "changes the inventory of namespaces"},
	{NVM_SET(-1u, CSE_CCC), "changes the controller's capabilities"},
	{NVM_SET(NVM_CSE_CSE_NS, CSE_CSE), "alone on its namespace"},
	{NVM_SET(NVM_CSE_CSE_ALL, CSE_CSE), "alone"},
	{0},
};

static const char *opcode_name(const struct opcode *opcodes, unsigned int opcode)
{
	for (; opcodes->name; opcodes++) {
		if (opcodes->opcode == opcode)
			return opcodes->name;
	}
	return opcode >= 0xc0 ? "vendor specific" : "?";
}

static void print_effect(struct out *out, unsigned int opcode, const char *name, uint32_t value)
{
	const char *sep = ": ";

	if (!out->json)
		printf("  0x%02x  %s", opcode, name);
	out_open(out, NULL, NULL);
	if (out->json) {
		out_number(out, "opcode", opcode, NULL);
		out_text(out, "name", name, NULL);
		out_number(out, "value", value, NULL);
	}
	out_open_array(out, "effects", NULL);
	for (const struct flag *flag = effects; flag->mask; flag++) {
		if (!(value & flag->mask))
			continue;
		if (out->json) {
			out_text(out, NULL, flag->key, NULL);
		} else {
			printf("%s%s", sep, flag->key);
			sep = ", ";
		}
	}
	out_close(out, false);
	out_close(out, false);
	if (!out->json)
		printf("\n");
}

static void print_effects(struct out *out, const void *data, size_t len)
{
	const struct nvm_log_cmd_effects *log = data;
	const struct {
		const char *key, *heading;
		const leint32_t *values;
		const struct opcode *opcodes;
	} sets[] = {
		{"acs", "Admin commands", log->acs, admin_opcodes},
		{"iocs", "I/O commands", log->iocs, io_opcodes},
	};

	(void)len;
	for (int set = 0; set < 2; set++) {
		out_open_array(out, sets[set].key, sets[set].heading);
		for (unsigned int opcode = 0; opcode < 256; opcode++) {
			uint32_t value = le32_to_cpu(sets[set].values[opcode]);

			if (NVM_GET(value, CSE_CSUPP))
				print_effect(out, opcode, opcode_name(sets[set].opcodes, opcode),
					     value);
		}
		out_close(out, true);
	}
}

/* ---- which pages there are ---- */

static const struct page {
	const char *name;
	uint8_t lid;
	size_t len; /* 0: as many error entries as there are */
	void (*print)(struct out *out, const void *data, size_t len);
	const char *help;
} pages[] = {
	{"error", NVM_LOG_ERROR, 0, print_errors, "Error Information"},
	{"smart", NVM_LOG_SMART, sizeof(struct nvm_log_smart), print_smart,
	 "SMART / Health Information"},
	{"firmware", NVM_LOG_FW_SLOT, sizeof(struct nvm_log_fw_slot), print_firmware,
	 "Firmware Slot Information"},
	{"changed-ns", NVM_LOG_CHANGED_NS, sizeof(struct nvm_id_ns_list), print_changed,
	 "Changed Namespace List"},
	{"effects", NVM_LOG_CMD_EFFECTS, sizeof(struct nvm_log_cmd_effects), print_effects,
	 "Commands Supported and Effects"},
};

#define NR_PAGES (sizeof(pages) / sizeof(pages[0]))

static void print_supported(struct out *out, const void *data)
{
	const struct nvm_log_supported_pages *log = data;

	out_open_array(out, "pages", "Log pages");
	for (unsigned int lid = 0; lid < 256; lid++) {
		const char *name = "";

		if (!NVM_GET(le32_to_cpu(log->lids[lid]), LIDS_LSUPP))
			continue;
		for (size_t i = 0; i < NR_PAGES; i++)
			name = pages[i].lid == lid ? pages[i].name : name;
		if (out->json)
			out_number(out, NULL, lid, NULL);
		else
			printf("  0x%02x%s%s\n", lid, *name ? "  " : "", name);
	}
	out_close(out, true);
}

/* ---- the command ---- */

static int get_log(struct dev *dev, const struct options *o, uint8_t lid, size_t len)
{
	union nvme_cmd cmd = {.log = {.opcode = NVM_ADMIN_GET_LOG, .lid = lid}};
	uint32_t dwords = (uint32_t)((len + 3) / 4 - 1); /* 0's based */
	char what[48];

	cmd.log.nsid = cpu_to_le32(o->nsid ? (uint32_t)o->nsid : NVM_NSID_ALL);
	cmd.log.lsp = (uint8_t)o->lsp;
	/* Looking is not acknowledging: the event that told of a page stays, unless asked. */
	if (!o->clear && le32_to_cpu(dev->id.ver) >= LONG_PAGES_VERSION)
		cmd.log.lsp |= NVM_SET(1u, GET_LOG_RAE) >> 8;
	cmd.log.numdl = cpu_to_le16((uint16_t)dwords);
	cmd.log.numdu = cpu_to_le16((uint16_t)(dwords >> 16));
	cmd.log.lpol = cpu_to_le32((uint32_t)o->offset);
	cmd.log.lpou = cpu_to_le32((uint32_t)(o->offset >> 32));
	snprintf(what, sizeof(what), "Get Log Page 0x%02x", lid);
	return dev_admin(dev, &cmd, ((size_t)dwords + 1) * 4, NULL, what);
}

static int show(struct dev *dev, const struct options *o, const struct page *page)
{
	size_t len = o->len ? o->len : page && page->len ? page->len : RAW_DEFAULT;
	uint8_t lid = page ? page->lid : (uint8_t)o->lid;
	struct out out;
	int status;

	if (page && !page->len)
		len = (dev->id.elpe + 1u) * sizeof(struct nvm_log_error); /* 0's based */
	if (!page && lid == NVM_LOG_SUPPORTED_PAGES && !o->len)
		len = sizeof(struct nvm_log_supported_pages);
	status = get_log(dev, o, lid, len);
	if (status)
		return status;
	if (o->raw) {
		fwrite(dev->admin.vaddr, 1, len, stdout);
		return CMD_OK;
	}
	out_init(&out, o->json);
	if (o->json) {
		out_text(&out, "device", dev->name, NULL);
		out_number(&out, "lid", lid, NULL);
	}
	if (page)
		page->print(&out, dev->admin.vaddr, len);
	else if (lid == NVM_LOG_SUPPORTED_PAGES && !o->len && !o->offset)
		print_supported(&out, dev->admin.vaddr);
	else
		out_dump(&out, "data", dev->admin.vaddr, len, o->offset);
	return out_finish(&out, CMD_OK);
}

static const char about[] =
	"Show a log page. PAGE is one of these, or its number:\n"
	"  error       what went wrong lately\n"
	"  smart       health, wear, temperature\n"
	"  firmware    firmware slots\n"
	"  changed-ns  namespaces that have changed\n"
	"  effects     commands that are supported, and what they change\n"
	"  supported   which pages there are\n"
	"Other pages are dumped in hexadecimal. Looking at a page does not acknowledge\n"
	"the event that told of it, unless --clear is given.";

static const char examples[] = "  belfry log emu: smart\n"
			       "      health\n"
			       "  belfry log emu: smart --json | jq .composite_temperature\n"
			       "      one number, for a script; kelvins\n"
			       "  belfry log emu: 0x02 --len 64\n"
			       "      the first 64 bytes of any page, as they are\n"
			       "  belfry log emu: effects --raw >effects.bin\n"
			       "      a page into a file\n";

/* A name, or a number: then a page without a table, even where it has a name. */
static int find_page(const char *name, struct options *o, const struct page **page)
{
	*page = NULL;
	for (size_t i = 0; i < NR_PAGES; i++) {
		if (!strcmp(name, pages[i].name))
			*page = &pages[i];
	}
	if (*page)
		return CMD_OK;
	if (!strcmp(name, "supported")) {
		o->lid = NVM_LOG_SUPPORTED_PAGES;
		return CMD_OK;
	}
	if (!args_number(name, &o->lid) || o->lid > 0xff)
		return msg_wrong("log",
				 "'%s' is no page: error, smart, firmware, changed-ns, "
				 "effects, supported, or a number up to 0xff",
				 name);
	return CMD_OK;
}

int cmd_log(int argc, char **argv)
{
	struct options o = {0};
	const struct arg table[] = {
		{"len", 'L', ARG_SIZE, &o.len, .min = 4, .max = RAW_MAX, .metavar = "SIZE",
		 .help = "bytes of a page given by number (512)"},
		{"offset", 'O', ARG_SIZE, &o.offset, .metavar = "SIZE",
		 .help = "where to begin, of a page given by number (0)"},
		{"lsp", 0, ARG_NUMBER, &o.lsp, .max = 0x7f, .metavar = "N",
		 .help = "log specific field (0)"},
		{"raw", 0, ARG_FLAG, &o.raw, .help = "write the bytes themselves"},
		{"clear", 0, ARG_FLAG, &o.clear, .help = "acknowledge the event that told of it"},
		{"nsid", 'n', ARG_NUMBER, &o.nsid, .min = 1, .max = 0xffffffff, .metavar = "N",
		 .help = "of a namespace, where the page has that (the controller)"},
		ARG_TIMEOUT(&o.timeout),
		ARG_JSON(&o.json),
		{.name = NULL},
	};
	const struct args args = {"log", "DEV PAGE", 2, 2, about, table, examples};
	const struct page *page;
	struct dev_opts dev_opts;
	char **operands;
	struct dev dev;
	int status = args_parse(&args, argc, argv, &operands);

	if (status < 0)
		return args_status(status);
	status = find_page(operands[1], &o, &page);
	if (status)
		return status;
	if (page && (o.len || o.offset))
		return msg_wrong("log",
				 "--len and --offset: for pages given by number, here 0x%02x",
				 page->lid);
	if (o.offset % 4 || o.len % 4)
		return msg_wrong("log", "--len and --offset: must be multiples of 4");
	if (o.raw && o.json)
		return msg_wrong("log", "--raw and --json: give one of them");

	dev_opts = (struct dev_opts){.timeout_ns = o.timeout};
	status = dev_open(&dev, operands[0], &dev_opts);
	if (!status)
		status = show(&dev, &o, page);
	dev_close(&dev);
	return status;
}

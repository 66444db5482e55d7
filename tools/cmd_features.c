/* SPDX-License-Identifier: MIT */
/* belfry features: settings of a controller; what they are, and new values for them. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/dev.h"
#include "tools/feature.h"
#include "tools/msg.h"
#include "tools/out.h"

#define NR_ASKED_MAX 64

struct options {
	bool json, save;
	const char *serial;
	uint64_t nsid, timeout, cdw11;
	unsigned int sel;
};

/* One FEATURE or FEATURE=VALUE of the command line. */
struct asked {
	const struct feature *feature;
	struct feature unknown; /* @feature, where the table has none of that number */
	const char *value;
	uint64_t number;
	uint8_t data[16]; /* of the value, where the feature has data */
	size_t len;
};

static const char *const selects[] = {"current", "default", "saved", "supported", NULL};

/* ---- the command line ---- */

static int parse_host_id(struct asked *asked)
{
	size_t digits = strspn(asked->value, "0123456789abcdefABCDEF");

	if (asked->value[digits] || (digits != 16 && digits != 32))
		return msg_wrong("features", "host-id=%s: 16 or 32 hexadecimal digits expected",
				 asked->value);
	asked->len = digits / 2;
	for (size_t i = 0; i < asked->len; i++) {
		char byte[] = {asked->value[2 * i], asked->value[2 * i + 1], '\0'};

		asked->data[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	asked->number = NVM_SET(asked->len == 16 ? 1u : 0u, HOST_ID_EXHID);
	return CMD_OK;
}

static int parse_timestamp(struct asked *asked)
{
	uint64_t ms;
	struct timespec now;

	if (!strcmp(asked->value, "now")) {
		clock_gettime(CLOCK_REALTIME, &now);
		ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	} else if (!args_number(asked->value, &ms) || ms >> 48) {
		return msg_wrong("features",
				 "timestamp=%s: milliseconds since 1970 expected, or 'now'",
				 asked->value);
	}
	for (int i = 0; i < 6; i++)
		asked->data[i] = (uint8_t)(ms >> 8 * i);
	asked->len = sizeof(struct nvm_timestamp);
	return CMD_OK;
}

static int parse_value(struct asked *asked)
{
	if (!asked->value)
		return CMD_OK;
	if (asked->feature->fid == NVM_FEAT_HOST_ID)
		return parse_host_id(asked);
	if (asked->feature->fid == NVM_FEAT_TIMESTAMP)
		return parse_timestamp(asked);
	if (asked->feature->data_len)
		return msg_wrong("features",
				 "%s: its value is more than a number, and cannot be set",
				 asked->feature->name);
	if (!args_number(asked->value, &asked->number) || asked->number > UINT32_MAX)
		return msg_wrong("features", "%s=%s: a number of 32 bits expected",
				 asked->feature->name, asked->value);
	return CMD_OK;
}

static int parse_operand(char *text, struct asked *asked)
{
	char *equals = strchr(text, '=');
	uint64_t fid;

	*asked = (struct asked){0};
	if (equals) {
		*equals = '\0';
		asked->value = equals + 1;
	}
	asked->feature = feature_find(text);
	if (!asked->feature) {
		if (!args_number(text, &fid) || !fid || fid > 0xff)
			return msg_wrong("features",
					 "'%s' is no feature; 'belfry features emu:' lists them, "
					 "others go by number up to 0xff",
					 text);
		asked->unknown = (struct feature){.name = text, .fid = (uint8_t)fid, .label = ""};
		asked->feature = feature_find_fid((uint8_t)fid);
	}
	return CMD_OK;
}

/* ---- the controller ---- */

static uint32_t nsid_of(const struct feature *feature, const struct options *o)
{
	if (o->nsid)
		return (uint32_t)o->nsid;
	return feature->per_ns ? 1 : 0;
}

/* What a feature's Get wants in CDW11 beyond what the user said. */
static uint32_t get_cdw11(const struct dev *dev, const struct feature *feature,
			  const struct options *o)
{
	uint32_t cdw11 = (uint32_t)o->cdw11;

	if (feature->fid == NVM_FEAT_HOST_ID && le32_to_cpu(dev->id.ctratt) & NVM_CTRATT_HIDS)
		cdw11 |= NVM_SET(1u, HOST_ID_EXHID);
	return cdw11;
}

static int get(struct dev *dev, const struct feature *feature, const struct options *o,
	       uint32_t *value, uint16_t *refused)
{
	union nvme_cmd cmd = {.features = {.opcode = NVM_ADMIN_GET_FEATURES,
					   .nsid = cpu_to_le32(nsid_of(feature, o)),
					   .fid = feature->fid,
					   .sel = (uint8_t)o->sel,
					   .cdw11 = cpu_to_le32(get_cdw11(dev, feature, o))}};
	size_t len = o->sel == NVM_FEATURES_SEL_SUPPORTED ? 0 : feature->data_len;

	memset(dev->admin.vaddr, 0, (size_t)dev->admin.len);
	return dev_try_admin(dev, &cmd, len, value, refused, "Get Features");
}

static int set(struct dev *dev, const struct asked *asked, const struct options *o)
{
	const struct feature *feature = asked->feature;
	union nvme_cmd cmd = {.features = {.opcode = NVM_ADMIN_SET_FEATURES,
					   .nsid = cpu_to_le32(nsid_of(feature, o)),
					   .cdw11 = cpu_to_le32((uint32_t)asked->number)}};
	char what[64];

	cmd.cdw10 = cpu_to_le32(NVM_SET((uint32_t)feature->fid, FEATURES_FID) |
				NVM_SET((uint32_t)o->save, FEATURES_SV));
	memcpy(dev->admin.vaddr, asked->data, asked->len);
	snprintf(what, sizeof(what), "Set Features %s", feature->name);
	return dev_admin(dev, &cmd, asked->len, NULL, what);
}

static void print(struct out *out, const struct dev *dev, const struct feature *feature,
		  const struct options *o, uint32_t value)
{
	size_t len = feature->data_len;

	if (feature->fid == NVM_FEAT_HOST_ID && !(le32_to_cpu(dev->id.ctratt) & NVM_CTRATT_HIDS))
		len = 8;
	if (o->sel == NVM_FEATURES_SEL_SUPPORTED)
		feature_print_caps(out, feature, value);
	else
		feature_print(out, feature, value, dev->admin.vaddr, len);
}

static int show_one(struct dev *dev, struct out *out, const struct feature *feature,
		    const struct options *o)
{
	uint16_t refused = 0;
	uint32_t value;
	char what[64];
	int status = get(dev, feature, o, &value, &refused);

	if (status)
		return status;
	if (refused) {
		snprintf(what, sizeof(what), "Get Features %s", feature->name);
		return dev_refused(what, refused);
	}
	print(out, dev, feature, o, value);
	return CMD_OK;
}

/* Those that the controller has; that it refuses one means that it has it not. */
static int show_all(struct dev *dev, struct out *out, const struct options *o)
{
	for (const struct feature *feature = features; feature->name; feature++) {
		uint16_t refused = 0;
		uint32_t value;
		int status = get(dev, feature, o, &value, &refused);

		if (status)
			return status;
		if (!refused)
			print(out, dev, feature, o, value);
	}
	return CMD_OK;
}

static int run(struct dev *dev, struct out *out, const struct options *o, struct asked *asked,
	       int nr)
{
	bool writes = false;
	int status = CMD_OK;

	for (int i = 0; i < nr; i++)
		writes |= asked[i].value != NULL;
	if (writes)
		status = dev_may_write(dev, o->serial);
	for (int i = 0; i < nr && !status; i++) {
		if (asked[i].value)
			status = set(dev, &asked[i], o);
	}
	if (status)
		return status;

	if (out->json)
		out_text(out, "device", dev->name, NULL);
	out_open_array(out, "features", NULL);
	if (!nr)
		status = show_all(dev, out, o);
	for (int i = 0; i < nr && !status; i++)
		status = show_one(dev, out, asked[i].feature, o);
	out_close(out, false);
	return status;
}

static const char about[] =
	"Show the features of a controller: all that it has, or those that are named, by\n"
	"name or number. FEATURE=VALUE sets one first; VALUE is the number that goes into\n"
	"command dword 11. The features of the embedded controller last as long as the\n"
	"command does.";

static const char examples[] =
	"  belfry features emu:\n"
	"      all of them\n"
	"  belfry features emu: vwc=0 arbitration\n"
	"      turn the write cache off, then show it and one more\n"
	"  belfry features emu: timestamp=now host-id=0123456789abcdef0123456789abcdef\n"
	"      features whose value is not a number\n"
	"  belfry features emu: --select supported --json\n"
	"      which of them can be changed and saved\n";

int cmd_features(int argc, char **argv)
{
	struct options o = {0};
	const struct arg table[] = {
		{"select", 's', ARG_WORD, &o.sel, .words = selects, .metavar = "WHICH",
		 .help = "current, default, saved or supported (current)"},
		{"save", 0, ARG_FLAG, &o.save, .help = "set: keep the value over a reset"},
		{"cdw11", 0, ARG_NUMBER, &o.cdw11, .max = UINT32_MAX, .metavar = "N",
		 .help = "show: which vector, threshold, ... is meant (0)"},
		ARG_NSID(&o.nsid),
		ARG_SERIAL(&o.serial),
		ARG_TIMEOUT(&o.timeout),
		ARG_JSON(&o.json),
		{.name = NULL},
	};
	const struct args args = {
		"features", "DEV [FEATURE[=VALUE]...]", 1, 1 + NR_ASKED_MAX, about, table,
		examples};
	struct asked asked[NR_ASKED_MAX];
	struct dev_opts dev_opts;
	char **operands;
	struct dev dev;
	struct out out;
	int nr = args_parse(&args, argc, argv, &operands), status;

	if (nr < 0)
		return args_status(nr);
	for (int i = 1; i < nr; i++) {
		status = parse_operand(operands[i], &asked[i - 1]);
		if (status)
			return status;
		if (!asked[i - 1].feature)
			asked[i - 1].feature = &asked[i - 1].unknown;
		status = parse_value(&asked[i - 1]);
		if (status)
			return status;
	}

	dev_opts = (struct dev_opts){.timeout_ns = o.timeout};
	status = dev_open(&dev, operands[0], &dev_opts);
	if (!status) {
		out_init(&out, o.json);
		status = out_finish(&out, run(&dev, &out, &o, asked, nr - 1));
	}
	dev_close(&dev);
	return status;
}

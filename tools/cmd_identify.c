/* SPDX-License-Identifier: MIT */
/* belfry identify: what a controller, or one of its namespaces, says that it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/dev.h"
#include "tools/field.h"
#include "tools/identify.h"
#include "tools/msg.h"
#include "tools/out.h"
#include "tools/text.h"

struct options {
	bool json, list;
	uint64_t nsid, timeout;
};

static const char about[] =
	"Show what a controller is and can do; with --nsid a namespace, with --list all\n"
	"namespaces. Keys are the specification's names.";

static const char examples[] = "  belfry identify emu:\n"
			       "      the controller\n"
			       "  belfry identify emu:ns=3,lbads=12 --list\n"
			       "      its namespaces, a line each\n"
			       "  belfry identify emu: --nsid 1 --json | jq .nsze\n"
			       "      one number, for a script\n";

/* ---- list ---- */

static void list_one(struct out *out, uint32_t nsid, const struct nvm_id_ns *id)
{
	const struct nvm_lbaf *lbaf = &id->lbaf[identify_format(id)];
	uint64_t blocks = le64_to_cpu(id->nsze);
	unsigned int data = lbaf->lbads < 32 ? 1u << lbaf->lbads : 0;
	unsigned int meta = le16_to_cpu(lbaf->ms);

	if (!out->json) {
		printf("  %-10u %10s %16" PRIu64 "   %u", nsid, text_bytes(blocks * data).s, blocks,
		       data);
		printf(meta ? " + %u\n" : "%.0u\n", meta);
		return;
	}
	out_open(out, NULL, NULL);
	out_number(out, "nsid", nsid, NULL);
	out_number(out, "nsze", blocks, NULL);
	out_number(out, "nuse", le64_to_cpu(id->nuse), NULL);
	out_number(out, "block_size", data, NULL);
	out_number(out, "metadata_size", meta, NULL);
	out_close(out, false);
}

/* All namespaces, list after list; a list that does not ascend would have no end. */
static int list_all(struct dev *dev, struct out *out)
{
	struct nvm_id_ns_list list;
	uint32_t after = 0;

	for (;;) {
		int status = dev_identify(dev, NVM_CNS_ACTIVE_NS_LIST, after, &list);

		if (status)
			return status;
		for (int i = 0; i < 1024; i++) {
			uint32_t nsid = le32_to_cpu(list.nsid[i]);
			struct nvm_id_ns id;

			if (!nsid)
				return CMD_OK;
			if (nsid <= after)
				return msg_fail("%s: namespace list: %u comes after %u", dev->name,
						nsid, after);
			status = dev_identify(dev, NVM_CNS_NS, nsid, &id);
			if (status)
				return status;
			list_one(out, nsid, &id);
			after = nsid;
		}
		if (after >= NVM_NSID_MAX)
			return CMD_OK;
	}
}

static int show_list(struct dev *dev, struct out *out)
{
	int status;

	if (!out->json)
		printf("%s  %-10s %10s %16s   %s%s\n", text_bold(), "namespace", "size", "blocks",
		       "block", text_plain());
	out_open_array(out, "namespaces", NULL);
	status = list_all(dev, out);
	out_close(out, false);
	return status;
}

/* ---- namespace ---- */

static int show_ns(struct dev *dev, struct out *out, uint32_t nsid)
{
	struct nvm_id_ns id;
	int status = dev_identify(dev, NVM_CNS_NS, nsid, &id);

	if (status)
		return status;
	if (!id.nsze)
		return msg_fail("there is no namespace %u; --list shows those that there are",
				nsid);
	if (out->json)
		out_number(out, "nsid", nsid, NULL);
	identify_print_ns(out, nsid, &id);
	return CMD_OK;
}

int cmd_identify(int argc, char **argv)
{
	struct options o = {0};
	const struct arg table[] = {
		ARG_NSID(&o.nsid),
		{"list", 'l', ARG_FLAG, &o.list, .help = "list the namespaces"},
		ARG_TIMEOUT(&o.timeout),
		ARG_JSON(&o.json),
		{.name = NULL},
	};
	const struct args args = {"identify", "DEV", 1, 1, about, table, examples};
	struct dev_opts dev_opts;
	char **operands;
	struct dev dev;
	struct out out;
	int status = args_parse(&args, argc, argv, &operands);

	if (status < 0)
		return args_status(status);
	if (o.list && o.nsid)
		return msg_wrong("identify", "--list and --nsid: give one of them");

	dev_opts = (struct dev_opts){.timeout_ns = o.timeout};
	status = dev_open(&dev, operands[0], &dev_opts);
	if (!status) {
		out_init(&out, o.json);
		if (o.list)
			status = show_list(&dev, &out);
		else if (o.nsid)
			status = show_ns(&dev, &out, (uint32_t)o.nsid);
		else
			identify_print_ctrl(&out, dev.name, &dev.id);
		status = out_finish(&out, status);
	}
	dev_close(&dev);
	return status;
}

/* SPDX-License-Identifier: MIT */
/* belfry list: every NVMe function of this machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/host.h"
#include "tools/msg.h"
#include "tools/out.h"

static void show(struct out *out, const struct host_fn *fn)
{
	out_open(out, NULL, "%s", fn->bdf);
	if (out->json)
		out_text(out, "address", fn->bdf, NULL);
	if (*fn->model || out->json)
		out_text(out, "model", fn->model, NULL);
	if (*fn->serial || out->json)
		out_text(out, "serial", fn->serial, NULL);
	out_text(out, "driver", *fn->driver ? fn->driver : "none", NULL);
	out_text(out, "group", *fn->group ? fn->group : "none",
		 *fn->group ? NULL : "the IOMMU is off; see 'belfry doctor'");
	out_open_array(out, "group_peers", fn->nr_peers ? "with" : NULL);
	for (int i = 0; i < fn->nr_peers; i++)
		out_text(out, NULL, fn->peers[i], NULL);
	out_close(out, fn->nr_peers > 0);
	if (fn->node >= 0)
		out_number(out, "node", (uint64_t)fn->node, NULL);
	out_text(out, "used_by", *fn->user ? fn->user : "nobody", NULL);
	out_close(out, true);
}

int cmd_list(int argc, char **argv)
{
	static const char about[] =
		"List the NVMe functions of this machine: model and serial number where the "
		"kernel's\n"
		"driver has read them, the driver, the IOMMU group and who else is in it, the "
		"NUMA\n"
		"node, and what uses it.";
	static const char examples[] = "  belfry list\n"
				       "      for people\n"
				       "  belfry list --json | jq -r '.functions[].address'\n"
				       "      for a script\n";
	bool json = false;
	const struct arg table[] = {ARG_JSON(&json), {.name = NULL}};
	const struct args args = {"list", "", 0, 0, about, table, examples};
	char **operands;
	int n = args_parse(&args, argc, argv, &operands);
	struct host_fn *fns;
	struct out out;

	if (n < 0)
		return args_status(n);
	fns = calloc(HOST_FNS, sizeof(*fns));
	n = fns ? host_list(fns) : -1;
	if (n < 0) {
		n = msg_fail("the functions cannot be listed: %s", strerror(errno));
		free(fns);
		return n;
	}

	out_init(&out, json);
	out_open_array(&out, "functions", NULL);
	for (int i = 0; i < n; i++)
		show(&out, &fns[i]);
	out_close(&out, false);
	if (!n && !json)
		printf("no NVMe functions on this machine\n");
	free(fns);
	return out_finish(&out, CMD_OK);
}

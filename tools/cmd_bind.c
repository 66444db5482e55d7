/* SPDX-License-Identifier: MIT */
/*
 * belfry bind and unbind: a function from the kernel's driver to vfio-pci, and back. It is the only
 * one that changes hands, and it does not while something uses it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <belfry/pci.h>
#include <belfry/support.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/host.h"
#include "tools/msg.h"
#include "tools/out.h"

static int look(struct host_fn *fn, const char *bdf)
{
	if (!host_look(fn, bdf))
		return CMD_OK;
	if (errno == EINVAL)
		return msg_wrong(NULL, "'%s' is no PCI address; one is 0000:01:00.0", bdf);
	if (errno == ENODEV)
		return msg_fail("%s: no NVMe controller; 'belfry list' shows those there are", bdf);
	return msg_fail("%s: there is no such function; 'belfry list' shows those there are", bdf);
}

static int check_free(const struct host_fn *fn)
{
	if (!*fn->user)
		return CMD_OK;
	return msg_fail("%s is in use, and stays as it is: %s", fn->bdf, fn->user);
}

/* After the change: who has it now. */
static int report(const char *bdf, bool json)
{
	struct host_fn fn;
	struct out out;

	if (host_look(&fn, bdf))
		return msg_fail("%s: gone", bdf);
	if (!json) {
		printf("%s: %s\n", bdf, *fn.driver ? fn.driver : "no driver");
		return CMD_OK;
	}
	out_init(&out, true);
	out_text(&out, "address", bdf, NULL);
	out_text(&out, "driver", *fn.driver ? fn.driver : "none", NULL);
	out_text(&out, "group", *fn.group ? fn.group : "none", NULL);
	return out_finish(&out, CMD_OK);
}

/* The other functions of the group must not be another driver's. */
static void note_peers(const struct host_fn *fn)
{
	for (int i = 0; i < fn->nr_peers; i++) {
		__autofree char *driver = pci_get_driver(fn->peers[i]);

		if (driver && !strstr(driver, "vfio") && strcmp(driver, "pcieport"))
			msg_note("%s is in the same IOMMU group and bound to '%s': neither can be "
				 "used by vfio until that is unbound",
				 fn->peers[i], driver);
	}
}

static int bind(const struct host_fn *fn, const char *driver, bool json)
{
	int status = check_free(fn);

	if (status)
		return status;
	if (!strcmp(fn->driver, driver))
		return report(fn->bdf, json);
	if (pci_bind(fn->bdf, driver))
		return msg_fail_host("%s: not bound to '%s'", fn->bdf, driver);
	note_peers(fn);
	return report(fn->bdf, json);
}

static int unbind(const struct host_fn *fn, bool json)
{
	int status = check_free(fn);

	if (status)
		return status;
	if (*fn->driver && pci_unbind(fn->bdf))
		return msg_fail_host("%s: not unbound", fn->bdf);
	/* Whichever driver is made for it takes it. */
	if (writeall("/sys/bus/pci/drivers_probe", fn->bdf, strlen(fn->bdf)) < 0)
		return msg_fail_host("%s: unbound, and not offered to other drivers", fn->bdf);
	return report(fn->bdf, json);
}

int cmd_bind(int argc, char **argv)
{
	static const char about[] =
		"Give one PCI function to vfio-pci, and no other of its kind. A controller that "
		"holds\n"
		"a mounted file system, swap, or anything else in use is refused.";
	static const char examples[] = "  belfry bind 0000:01:00.0\n"
				       "      then 0000:01:00.0 is a DEV for the other commands\n"
				       "  belfry unbind 0000:01:00.0\n"
				       "      back to the kernel's driver\n";
	const char *driver = "vfio-pci";
	bool json = false;
	const struct arg table[] = {
		{"driver", 'd', ARG_TEXT, &driver, .metavar = "NAME",
		 .help = "another driver than vfio-pci"},
		ARG_JSON(&json),
		{.name = NULL},
	};
	const struct args args = {"bind", "BDF", 1, 1, about, table, examples};
	struct host_fn fn;
	char **operands;
	int n = args_parse(&args, argc, argv, &operands);

	if (n < 0)
		return args_status(n);
	n = look(&fn, operands[0]);
	return n ? n : bind(&fn, driver, json);
}

int cmd_unbind(int argc, char **argv)
{
	static const char about[] =
		"Take one PCI function from its driver, and give it back to the kernel's.";
	static const char examples[] = "  belfry unbind 0000:01:00.0\n"
				       "      what 'belfry bind 0000:01:00.0' did is undone\n";
	bool json = false;
	const struct arg table[] = {ARG_JSON(&json), {.name = NULL}};
	const struct args args = {"unbind", "BDF", 1, 1, about, table, examples};
	struct host_fn fn;
	char **operands;
	int n = args_parse(&args, argc, argv, &operands);

	if (n < 0)
		return args_status(n);
	n = look(&fn, operands[0]);
	return n ? n : unbind(&fn, json);
}

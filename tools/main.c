/* SPDX-License-Identifier: MIT */
/*
 * The command `belfry`: one table of subcommands.
 */
#include <stdio.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/out.h"
#include "tools/text.h"

static const struct cmd commands[] = {
	{"demo", cmd_demo, "move a file through the embedded controller and back, then measure"},
	{"identify", cmd_identify, "what a controller or a namespace is"},
	{"read", cmd_read, "blocks of a namespace to a file"},
	{"write", cmd_write, "a file to blocks of a namespace"},
	{"log", cmd_log, "log pages: errors, health, firmware, changes, effects, or any other"},
	{"features", cmd_features, "features: all with their meaning, one of them, or a new value"},
	{"regs", cmd_regs, "registers of a controller, decoded"},
	{"perf", cmd_perf, "load on a namespace: throughput, latencies, verification"},
	{"serve", cmd_serve, "an emulated controller for other processes: QEMU, or belfry"},
	{"stats", cmd_stats, "what programs that drive controllers count, while they run"},
	{"list", cmd_list, "the NVMe functions of this machine, and who has them"},
	{"bind", cmd_bind, "give a function to vfio-pci, unless it is in use"},
	{"unbind", cmd_unbind, "give a function back to the kernel's driver"},
	{"doctor", cmd_doctor, "what is missing to drive a controller of this machine"},
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(void)
{
	printf("usage: belfry COMMAND DEV [OPTION...]\n\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("  help       this text, or that of a command\n"
	      "\n"
	      "DEV is where the controller lives:\n"
	      "  emu:                  the embedded controller: a gigabyte in memory\n"
	      "  emu:size=4G,ns=2,...  with options; belfry(1) and docs/emu.md have them all\n"
	      "  0000:01:00.0          a PCI function of this machine; see 'belfry list'\n"
	      "  vfio-user:/path       a controller in another process; see 'belfry serve'\n"
	      "\n"
	      "'belfry COMMAND --help' teaches a command by example. Try:\n"
	      "  belfry demo\n"
	      "  belfry identify emu:\n"
	      "  belfry perf emu: --pattern mix --verify\n",
	      stdout);
	return CMD_OK;
}

static const struct cmd *find(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

static int run(int argc, char **argv)
{
	const struct cmd *cmd = find(argv[0]);

	if (!cmd)
		return msg_wrong(NULL, "'%s' is no command; 'belfry help' lists them", argv[0]);
	return cmd->run(argc, argv);
}

static int dispatch(int argc, char **argv)
{
	char help[] = "--help";

	if (argc < 2)
		return msg_wrong(NULL, "a command is missing; 'belfry help' lists them");
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("belfry %s\n", BELFRY_VERSION);
		return CMD_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		char *of_command[] = {argv[2], help, NULL};

		return argc > 2 ? run(2, of_command) : usage();
	}
	return run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct out out;

	text_init();
	msg_init();
	/* Whatever was printed must have arrived. */
	out_init(&out, false);
	return out_finish(&out, dispatch(argc, argv));
}

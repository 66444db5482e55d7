/* SPDX-License-Identifier: MIT */
/*
 * The subcommands and the exit statuses they end with. Each subcommand is one file; the table of
 * them is in main.c. A function that returns an exit status has said on standard error why, unless
 * it is CMD_OK.
 */
#ifndef BELFRY_TOOLS_CMD_H
#define BELFRY_TOOLS_CMD_H

/**
 * enum cmd_status - exit statuses
 * @CMD_OK: done
 * @CMD_FAILED: the device refused, or this machine failed
 * @CMD_USAGE: the arguments are wrong; nothing was done
 * @CMD_INTERRUPTED: ended by SIGINT or SIGTERM; what there was has been printed
 */
enum cmd_status {
	CMD_OK = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2,
	CMD_INTERRUPTED = 130,
};

/**
 * struct cmd - a subcommand
 * @name: what it is called by
 * @run: does it; @argv[0] is its name, and the arguments follow. Returns an exit status.
 * @help: one line
 */
struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

/* The run of each: options and examples are in its help, belfry COMMAND --help. */
int cmd_bind(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_features(int argc, char **argv);
int cmd_identify(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_perf(int argc, char **argv);
int cmd_read(int argc, char **argv);
int cmd_regs(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_unbind(int argc, char **argv);
int cmd_write(int argc, char **argv);

#endif /* BELFRY_TOOLS_CMD_H */

/* SPDX-License-Identifier: MIT */
/*
 * The command's subcommands that show what a device says: arguments out of the input's choice, and
 * for each data structure that they ask the controller for, bytes of the input. They end with one of
 * the exit statuses, and every line of JSON is one that a parser takes.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/nvme.h>

#include "tools/cmd.h"
#include "tools/msg.h"
#include "tools/text.h"

#define MAX_ARGS 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int __real_nvme_admin(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len,
		      struct nvme_cqe *cqe);
int __wrap_nvme_admin(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len,
		      struct nvme_cqe *cqe);

static const uint8_t *input;
static size_t left;

static uint8_t next(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

/* The controller's answer is the input's, over what it was. */
int __wrap_nvme_admin(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len,
		      struct nvme_cqe *cqe)
{
	int ret = __real_nvme_admin(ctrl, cmd, buf, len, cqe);
	size_t n = len < left ? len : left;

	if (!ret && buf && cmd->opcode & 2) {
		memcpy(buf, input, n);
		input += n;
		left -= n;
	}
	if (!ret && cqe && cmd->opcode == NVM_ADMIN_GET_FEATURES)
		cqe->dw0 =
			cpu_to_le32((uint32_t)(next() << 24 | next() << 16 | next() << 8 | next()));
	return ret;
}

static int (*const commands[])(int argc, char **argv) = {cmd_identify, cmd_log, cmd_features,
							 cmd_regs};

static const char *const pieces[] = {
	"--json",     "--nsid",
	"1",	      "2",
	"0",	      "-1",
	"0xfffffffe", "--raw",
	"error",      "smart",
	"fw",	      "changed",
	"effects",    "0x01",
	"2",	      "--len",
	"4096",	      "-n",
	"--csi",      "--cns",
	"0x1c",	      "--lid",
	"--lsp",      "--set",
	"--value",    "18446744073709551616",
	"--help",     "--",
	"",	      "--timeout",
	"1s",	      "emu:ns=2",
	"power",      "0x0e",
	"--sel",      "default",
	"-j",	      "--xyzzy",
	"list",	      "health",
};

/* What was printed: text is text, JSON is JSON. */
static void check_output(FILE *file, bool json)
{
	static char text[1 << 22];
	struct json_object *object;
	size_t n;

	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	if (!json || !n)
		return;
	object = json_tokener_parse(text);
	if (!object)
		abort();
	json_object_put(object);
}

static int run(int command, int argc, char **argv, FILE *file)
{
	int out = dup(STDOUT_FILENO), ret;

	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	optind = 0;
	ret = commands[command](argc, argv);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char words[MAX_ARGS + 2][32] = {"show", "emu:ns=2,size=1M"};
	char *argv[MAX_ARGS + 3] = {words[0], words[1]};
	FILE *file = tmpfile();
	bool json = false, raw = false, help = false;
	int argc = 2, command, ret;

	if (!file)
		abort();
	input = data;
	left = len;
	command = next() % (int)(sizeof(commands) / sizeof(commands[0]));
	for (int nr = next() % MAX_ARGS; nr > 0; nr--) {
		const char *piece = pieces[next() % (sizeof(pieces) / sizeof(pieces[0]))];

		json |= !strcmp(piece, "--json") || !strcmp(piece, "-j");
		raw |= !strcmp(piece, "--raw");
		help |= !strcmp(piece, "--help");
		snprintf(words[argc], sizeof(words[0]), "%s", piece);
		argv[argc] = words[argc];
		argc++;
	}
	ret = run(command, argc, argv, file);
	if (ret != CMD_OK && ret != CMD_FAILED && ret != CMD_USAGE)
		abort();
	check_output(file, ret == CMD_OK && json && !raw && !help);
	fclose(file);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Device names and fault scripts as a user may mistype them: an error or a
 * device, never a crash, and the same answer for the same text.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/emu.h>
#include <belfry/nvme.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Pieces that make sense alone; the input says which to join, and what to put between. */
static const char *const pieces[] = {
	"emu:",
	"size=",
	"lbads=",
	"ns=",
	"mdts=",
	"sgl=",
	"mqes=",
	"queues=",
	"fault=",
	"act=drop",
	"act=",
	"sq=",
	"op=",
	"nth=",
	"prob=",
	"seed=",
	"backend=",
	"null",
	"1G",
	"4096",
	"0",
	"12",
	"-1",
	"on",
	"off",
	",",
	"/",
	":",
	"=",
	"\\",
	"x",
	"1e9",
	"0x10",
	"spin_us=",
	"ms=",
	"8",
	"18446744073709551616",
	"64K",
	"vfio-user:/x",
	"0000:01:00.0",
	"cmb=",
	"dstrd=",
};

static char *join(const uint8_t *data, size_t len)
{
	char *text = calloc(len + 1, 32);

	for (size_t i = 0; text && i < len; i++) {
		if (data[i] < 0xf0)
			strcat(text, pieces[data[i] % (sizeof(pieces) / sizeof(pieces[0]))]);
		else
			strncat(text, (const char *)&data[i], 1);
	}
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct nvme_ctrl_opts few = {.nsqr = 1, .ncqr = 1};
	struct nvme_ctrl ctrl = {};
	struct emu_fault fault;
	char *text;

	text = join(data, len > 64 ? 64 : len);
	if (!text)
		return 0;
	/* A file by a random name is not what anybody wants. */
	if (!strstr(text, "file=")) {
		if (!nvme_ctrl_init(&ctrl, text, &few))
			nvme_close(&ctrl);
		else if (!errno)
			abort();
	}
	if (emu_fault_parse(text, &fault) && errno != EINVAL)
		abort();
	free(text);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The options of an emulated controller: the one table that has them all.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/log.h>

#include "emu/config.h"
#include "support/errno.h"
#include "support/opts.h"

#define GIB		(1ull << 30)
#define EMU_MAX_VECTORS 2048u /* of MSI-X */

static const char *const backend_words[] = {
	[EMU_BACKEND_MEM] = "mem",
	[EMU_BACKEND_FILE] = "file",
	[EMU_BACKEND_NULL] = "null",
	[EMU_BACKEND_NULL + 1] = NULL,
};

#define F(member, kind) \
	.name = #member, .type = (kind), .offset = offsetof(struct emu_config, member)

static const struct opt table[] = {
	{F(size, OPT_U64), .min = 4096, .max = 1ull << 50,
	 .help = "bytes per namespace (that of an existing file, else 1G)"},
	{F(ns, OPT_U32), .max = 256, .help = "namespaces (1)"},
	{F(lbads, OPT_U32), .min = 9, .max = 12, .help = "log2 of the block size, 9 or 12 (9)"},
	{F(ms, OPT_U32), .max = 64, .help = "metadata bytes per block: 0, 8, 16 or 64 (0)"},
	{F(ext, OPT_BOOL), .help = "metadata at the end of each block (off)"},
	{F(backend, OPT_ENUM), .words = backend_words, .help = "where data is kept (mem)"},
	{F(file, OPT_STR), .help = "file that keeps the data; with ns > 1 '.<nsid>' is added"},
	{F(capacity, OPT_U64), .max = 1ull << 56, .help = "bytes of NVM in all (size * ns)"},
	{F(mdts, OPT_U32), .max = 16,
	 .help = "most bytes of a transfer, log2 of pages; 0: any (8)"},
	{F(sgl, OPT_BOOL), .help = "SGLs for I/O commands (on)"},
	{F(msdbd, OPT_U32), .max = 65535, .help = "most SGL data blocks of a command; 0: any (0)"},
	{F(dbbuf, OPT_BOOL), .help = "Doorbell Buffer Config: shadow doorbells (off)"},
	{F(cmb, OPT_U64), .max = 4 * GIB - 4096, .help = "bytes of controller memory buffer (0)"},
	{F(pmr, OPT_U64), .max = 4 * GIB, .help = "bytes of persistent memory region (0)"},
	{F(hmb, OPT_U64), .max = GIB, .help = "bytes of host memory buffer that it prefers (0)"},
	{F(hmbmin, OPT_U64), .max = GIB, .help = "bytes of it that it needs (0)"},
	{F(hmmaxd, OPT_U32), .min = 1, .max = 65535, .help = "most pieces of it (16)"},
	{F(queues, OPT_U32), .min = 1, .max = 65535, .help = "I/O queue pairs (64)"},
	{F(mqes, OPT_U32), .min = 2, .max = 65536, .help = "most entries of a queue (65536)"},
	{F(vectors, OPT_U32), .min = 1, .max = 2048, .help = "interrupt vectors (queues + 1)"},
	{F(dstrd, OPT_U32), .max = 10, .help = "CAP.DSTRD, log2 of the doorbell stride less 2 (0)"},
	{F(mpsmin, OPT_U32), .max = 4, .help = "CAP.MPSMIN, log2 of pages of 4 KiB (0)"},
	{F(mpsmax, OPT_U32), .max = 4, .help = "CAP.MPSMAX (4)"},
	{F(to, OPT_U32), .min = 1, .max = 255, .help = "CAP.TO, 500 ms units (20)"},
	{F(rdy_ms, OPT_U32), .max = 120000, .help = "ms from CC.EN to CSTS.RDY (0)"},
	{F(rtd3e, OPT_U32), .help = "RTD3E: us that a shutdown may take (500000)"},
	{F(aerl, OPT_U32), .max = 15, .help = "most event requests, 0's based (3)"},
	{F(vwc, OPT_BOOL), .help = "volatile write cache (on)"},
	{F(vid, OPT_U32), .max = 0xffff, .help = "PCI vendor (0x1b36)"},
	{F(did, OPT_U32), .max = 0xffff, .help = "PCI device (0x0010)"},
	{F(serial, OPT_STR), .help = "serial number, up to 20 characters"},
	{F(model, OPT_STR), .help = "model number, up to 40 characters"},
	{F(firmware, OPT_STR), .help = "firmware revision, up to 8 characters"},
	{F(fault, OPT_STR), .help = "fault script, e.g. act=drop:sq=1:nth=3/act=cfs:op=2"},
	{F(seed, OPT_U64), .help = "of fault lines without a seed of their own (0)"},
	{F(spin_us, OPT_U32), .max = 1000000, .help = "polls this long before it sleeps (50)"},
	{.name = NULL},
};

static const struct opts opts_emu = {.what = "emu", .table = table};

/* Identify has so many characters for it, and takes no others. */
static bool fits_identify(const char *text, size_t max)
{
	size_t len = 0;

	while (text[len] >= 0x20 && text[len] < 0x7f)
		len++;
	return !text[len] && len <= max;
}

/* What a range cannot say. */
static const char *config_error(const struct emu_config *cfg)
{
	uint64_t block = (1ull << cfg->lbads) + (cfg->ext ? cfg->ms : 0);

	if (cfg->lbads != 9 && cfg->lbads != 12)
		return "lbads: neither 9 nor 12";
	if (cfg->ms != 0 && cfg->ms != 8 && cfg->ms != 16 && cfg->ms != 64)
		return "ms: none of 0, 8, 16 and 64";
	if (cfg->size && (cfg->size % (1ull << cfg->lbads) || cfg->size < block))
		return "size: no multiple of the block size";
	if (cfg->cmb % 4096)
		return "cmb: no multiple of 4096";
	if (cfg->pmr % 4096)
		return "pmr: no multiple of 4096";
	if (cfg->hmb % 4096 || cfg->hmbmin % 4096 || cfg->hmbmin > cfg->hmb)
		return "hmb, hmbmin: no multiples of 4096, or more needed than preferred";
	if (cfg->mpsmin > cfg->mpsmax)
		return "mpsmin: larger than mpsmax";
	if (cfg->backend == EMU_BACKEND_FILE && !cfg->file)
		return "backend=file: needs file=";
	if (cfg->backend != EMU_BACKEND_FILE && cfg->file)
		return "file: for another backend than file";
	if (cfg->capacity && cfg->capacity < cfg->size * cfg->ns)
		return "capacity: less than size * ns";
	if (!fits_identify(cfg->serial, 20))
		return "serial: more than 20 characters, or others than printable ASCII";
	if (!fits_identify(cfg->model, 40))
		return "model: more than 40 characters, or others than printable ASCII";
	if (!fits_identify(cfg->firmware, 8))
		return "firmware: more than 8 characters, or others than printable ASCII";
	return NULL;
}

static int set_default(char **text, const char *value)
{
	if (!*text)
		*text = strdup(value);
	return *text ? 0 : -1;
}

#define BACKEND_UNSET UINT32_MAX

/* Defaults that depend on what was given. */
static int config_finish(struct emu_config *cfg)
{
	if (cfg->backend == BACKEND_UNSET)
		cfg->backend = cfg->file ? EMU_BACKEND_FILE : EMU_BACKEND_MEM;
	if (!cfg->vectors)
		cfg->vectors = cfg->queues < EMU_MAX_VECTORS ? cfg->queues + 1 : EMU_MAX_VECTORS;
	return set_default(&cfg->serial, "BELFRY0001") ||
	       set_default(&cfg->model, "Belfry Emulated NVMe") ||
	       set_default(&cfg->firmware, "1.0");
}

struct emu_config *emu_config_parse(const char *opts)
{
	struct emu_config *cfg = malloc(sizeof(*cfg));
	const char *error;

	if (!cfg)
		return NULL;
	*cfg = (struct emu_config){
		.ns = 1,
		.lbads = 9,
		.backend = BACKEND_UNSET,
		.mdts = 8,
		.sgl = true,
		.hmmaxd = 16,
		.queues = 64,
		.mqes = 65536,
		.mpsmax = 4,
		.to = 20,
		.rtd3e = 500000,
		.aerl = 3,
		.vwc = true,
		.vid = 0x1b36,
		.did = 0x0010,
		.spin_us = 50,
	};
	if (opts_parse(&opts_emu, cfg, opts, NULL, 0) || config_finish(cfg))
		goto free_cfg;
	error = config_error(cfg);
	if (!error)
		return cfg;
	log_error("emu: %s\n", error);
	errno = EINVAL;
free_cfg:
	emu_config_free(cfg);
	return NULL;
}

void emu_config_free(struct emu_config *cfg)
{
	keep_errno();

	if (!cfg)
		return;
	opts_free(&opts_emu, cfg);
	free(cfg);
}

void emu_config_help(FILE *out)
{
	opts_help(&opts_emu, out);
}

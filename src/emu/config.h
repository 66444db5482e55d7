/* SPDX-License-Identifier: MIT */
/*
 * The options of an emulated controller, parsed: what follows "emu:" in its name.
 * One table in config.c has every option with its range and help; docs/emu.md
 * shows the same table.
 */
#ifndef BELFRY_EMU_CONFIG_H
#define BELFRY_EMU_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum emu_backend {
	EMU_BACKEND_MEM,  /* sparse memory */
	EMU_BACKEND_FILE, /* file= */
	EMU_BACKEND_NULL, /* writes are dropped, reads leave the buffer alone */
};

struct emu_config {
	/* namespaces */
	uint64_t size;	   /* bytes of each namespace; 0: not given, that of the file or 1G */
	uint32_t ns;	   /* how many; default 1, 0 .. 256 */
	uint32_t lbads;	   /* log2 of the block size, 9 or 12; default 9 */
	uint32_t ms;	   /* metadata bytes per block, 0, 8, 16 or 64; default 0 */
	bool ext;	   /* metadata at the end of each block instead of apart */
	uint32_t backend;  /* enum emu_backend; file= selects EMU_BACKEND_FILE */
	char *file;	   /* path; with ns > 1, ".<nsid>" is appended */
	uint64_t capacity; /* bytes of NVM for Namespace Management; 0: size * ns */

	/* controller */
	uint32_t mdts;		 /* 0 none, else log2 of pages; default 8 (1 MiB) */
	bool sgl;		 /* default on */
	uint32_t msdbd;		 /* most SGL data block descriptors; 0 no limit */
	bool dbbuf;		 /* Doorbell Buffer Config; default off */
	uint64_t cmb;		 /* bytes of controller memory buffer; default 0 */
	uint64_t pmr;		 /* bytes of persistent memory region; default 0 */
	uint64_t hmb;		 /* bytes of host memory buffer that it prefers; default 0 */
	uint64_t hmbmin;	 /* and needs; default 0 */
	uint32_t hmmaxd;	 /* most pieces of it; default 16 */
	uint32_t queues;	 /* I/O queue pairs; default 64 */
	uint32_t mqes;		 /* entries in a queue, 2 .. 65536; default 65536 */
	uint32_t vectors;	 /* interrupt vectors; default queues + 1 */
	uint32_t dstrd;		 /* CAP.DSTRD; default 0 */
	uint32_t mpsmin, mpsmax; /* CAP.MPSMIN/MAX; default 0 and 4 */
	uint32_t to;		 /* CAP.TO in 500 ms; default 20 */
	uint32_t rdy_ms;	 /* delay between CC.EN and CSTS.RDY; default 0 */
	uint32_t rtd3e;		 /* RTD3 entry latency, us; default 500000 */
	uint32_t aerl;		 /* zero-based limit of event requests; default 3 */
	bool vwc;		 /* volatile write cache; default on */
	uint32_t vid, did;
	char *serial, *model, *firmware;

	/* test aids */
	char *fault; /* fault script: faults separated by '/' */
	uint64_t seed;
	uint32_t spin_us; /* how long the thread polls before it sleeps; default 50, 0 on one CPU */
};

/**
 * emu_config_parse() - parse an option string
 * @opts: options; "" for the defaults
 *
 * Own: emu_config_free().
 * Return: the configuration, or NULL: EINVAL (logged: which option, what is known), ENOMEM.
 */
struct emu_config *emu_config_parse(const char *opts);

/**
 * emu_config_free() - free a configuration
 * @cfg: configuration, or NULL
 */
void emu_config_free(struct emu_config *cfg);

/**
 * emu_config_help() - write a line for each option
 * @out: stream
 */
void emu_config_help(FILE *out);

#endif /* BELFRY_EMU_CONFIG_H */

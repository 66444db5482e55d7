/* SPDX-License-Identifier: MIT */
/*
 * Namespaces: geometry, identifiers, creation and end. What commands do to them as a whole is in
 * ns_admin.c, what they do to their blocks in nvm*.c.
 *
 * Identifiers come from the controller's serial number, the NSID and a count of the namespaces
 * created so far, so that they are the same in every run and never used twice.
 */
#include "emu/ns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/support/align.h>
#include <belfry/support/log.h>

#include "emu/admin.h"
#include "emu/config.h"
#include "support/errno.h"

#define META_ALIGN 4096 /* of the metadata that is apart, in the store */

const struct emu_format emu_formats[EMU_NR_FORMATS] = {
	{9, 0}, {9, 8}, {9, 16}, {9, 64}, {12, 0}, {12, 8}, {12, 16}, {12, 64},
};

bool emu_ns_check_flbas(uint8_t flbas)
{
	return emu_ns_format_index(flbas) < EMU_NR_FORMATS && !(flbas >> 7);
}

/* Set what follows from a format and a number of blocks. Return the store's length. */
static uint64_t set_geometry(struct emu_ns *ns, uint8_t flbas, uint64_t nsze)
{
	const struct emu_format *format = &emu_formats[emu_ns_format_index(flbas)];
	const bool ext = NVM_GET(flbas, FLBAS_EXT) && format->ms;

	ns->flbas = flbas;
	ns->nsze = nsze;
	ns->data = 1u << format->lbads;
	ns->block = ns->data + (ext ? format->ms : 0);
	ns->meta = ext ? 0 : format->ms;
	ns->meta_off = ALIGN_UP(nsze * ns->block, META_ALIGN);
	return ns->meta ? ns->meta_off + nsze * ns->meta : nsze * ns->block;
}

/* The most blocks of a format that fit into a store of @len bytes. */
static uint64_t blocks_in(uint64_t len, uint8_t flbas)
{
	struct emu_ns ns;
	uint64_t nsze;

	/* One block at first, to learn what a block takes; then the padding may cost some. */
	set_geometry(&ns, flbas, 1);
	nsze = len / (ns.block + ns.meta);
	while (nsze && set_geometry(&ns, flbas, nsze) > len)
		nsze--;
	return nsze;
}

static uint8_t configured_flbas(const struct emu_config *cfg)
{
	unsigned int i = 0;

	while (i < EMU_NR_FORMATS - 1 &&
	       (emu_formats[i].lbads != cfg->lbads || emu_formats[i].ms != cfg->ms))
		i++;
	return (uint8_t)(i | NVM_SET(cfg->ext, FLBAS_EXT));
}

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	while (len--)
		hash = (hash ^ *bytes++) * 0x100000001b3; /* FNV-1a */
	return hash;
}

void emu_identifier(const struct emu_ctrl *ctrl, uint64_t what, uint8_t id[16])
{
	const char *serial = ctrl->cfg->serial ? ctrl->cfg->serial : "";

	for (size_t half = 0; half < 2; half++) {
		uint64_t hash = mix(0xcbf29ce484222325, serial, strlen(serial));

		hash = mix(hash, &what, sizeof(what));
		hash = mix(hash, &half, sizeof(half));
		memcpy(id + 8 * half, &hash, sizeof(hash));
	}
}

static void set_identifiers(const struct emu_ctrl *ctrl, struct emu_ns *ns)
{
	const uint64_t what = ctrl->admin->nr_created << 16 | ns->nsid << 2;

	/* EUI64: OUI, then 5 bytes. NGUID: 8 bytes, OUI, then 5 bytes. */
	emu_identifier(ctrl, what, ns->nguid);
	memcpy(ns->nguid + 8, EMU_OUI, 3);
	memcpy(ns->eui64, ns->nguid + 8, sizeof(ns->eui64));

	/* RFC 9562: version 8, made in a way of its own; variant 10b. */
	emu_identifier(ctrl, what | 1, ns->uuid);
	ns->uuid[6] = 0x80 | (ns->uuid[6] & 0x0f);
	ns->uuid[8] = 0x80 | (ns->uuid[8] & 0x3f);
}

static void ns_free(struct emu_ns *ns)
{
	emu_store_close(&ns->store);
	emu_lbas_clear(&ns->uncorrectable);
	free(ns);
}

/* A namespace with an open store, and no geometry yet. */
static struct emu_ns *ns_new(struct emu_ctrl *ctrl, uint32_t nsid)
{
	struct emu_ns *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return NULL;
	ns->nsid = nsid;
	if (emu_store_open(&ns->store, ctrl->cfg, nsid)) {
		free(ns);
		return NULL;
	}
	return ns;
}

static void ns_publish(struct emu_ctrl *ctrl, struct emu_ns *ns)
{
	ns->nvmcap = ns->nsze * ns->data;
	ctrl->admin->nr_created++;
	set_identifiers(ctrl, ns);
	ctrl->ns[ns->nsid] = ns;
}

struct emu_ns *emu_ns_create(struct emu_ctrl *ctrl, uint32_t nsid, uint64_t nsze, uint8_t flbas)
{
	struct emu_ns *ns = ns_new(ctrl, nsid);

	if (!ns)
		return NULL;
	if (emu_store_resize(&ns->store, set_geometry(ns, flbas, nsze), true)) {
		int err = errno;

		ns_free(ns);
		errno = err;
		return NULL;
	}
	ns_publish(ctrl, ns);
	return ns;
}

/* A namespace that is there from the start: a file that has contents keeps them. */
static int open_one(struct emu_ctrl *ctrl, uint32_t nsid)
{
	const uint8_t flbas = configured_flbas(ctrl->cfg);
	struct emu_ns *ns = ns_new(ctrl, nsid);
	uint64_t nsze;
	int err;

	if (!ns)
		return -1;
	if (ctrl->cfg->size)
		nsze = ctrl->cfg->size >> ctrl->cfg->lbads;
	else if (ns->store.len)
		nsze = blocks_in(ns->store.len, flbas);
	else
		nsze = EMU_DEFAULT_SIZE >> ctrl->cfg->lbads;

	errno = EINVAL;
	if (!nsze || emu_store_resize(&ns->store, set_geometry(ns, flbas, nsze), false)) {
		err = errno;
		log_error("namespace %u of %llu blocks: %m\n", nsid, (unsigned long long)nsze);
		ns_free(ns);
		errno = err;
		return -1;
	}
	ns->attached = true;
	ns_publish(ctrl, ns);
	return 0;
}

int emu_ns_open_all(struct emu_ctrl *ctrl)
{
	uint64_t used = 0;

	for (uint32_t nsid = 1; nsid <= ctrl->cfg->ns && nsid <= EMU_MAX_NS; nsid++) {
		if (open_one(ctrl, nsid))
			return -1;
		used += ctrl->ns[nsid]->nvmcap;
	}
	ctrl->admin->tnvmcap = ctrl->cfg->capacity;
	if (!ctrl->cfg->capacity && !ctrl->cfg->ns) /* room for the first */
		ctrl->admin->tnvmcap = ctrl->cfg->size ? ctrl->cfg->size : EMU_DEFAULT_SIZE;
	/* With size= it is looked at earlier; here there is what files and defaults have. */
	if (ctrl->cfg->capacity && ctrl->cfg->capacity < used) {
		log_error("emu: capacity: less than the %llu bytes of the namespaces\n",
			  (unsigned long long)used);
		return set_errno(EINVAL);
	}
	if (ctrl->admin->tnvmcap < used)
		ctrl->admin->tnvmcap = used;
	return 0;
}

void emu_ns_destroy(struct emu_ctrl *ctrl, struct emu_ns *ns)
{
	ctrl->ns[ns->nsid] = NULL;
	ns_free(ns);
}

void emu_ns_close_all(struct emu_ctrl *ctrl)
{
	for (uint32_t nsid = 1; nsid <= EMU_MAX_NS; nsid++) {
		if (ctrl->ns[nsid])
			emu_ns_destroy(ctrl, ctrl->ns[nsid]);
	}
}

uint16_t emu_ns_flush_all(struct emu_ctrl *ctrl)
{
	uint16_t status = 0;

	for (uint32_t nsid = 1; nsid <= EMU_MAX_NS; nsid++) {
		struct emu_ns *ns = ctrl->ns[nsid];

		if (ns && ns->attached && emu_store_flush(&ns->store) && !status)
			status = NVM_SC_WRITE_FAULT;
	}
	return status;
}

int emu_ns_format(struct emu_ns *ns, uint8_t flbas)
{
	const uint64_t old_nsze = ns->nsze;
	const uint8_t old_flbas = ns->flbas;
	const uint64_t nsze = ns->nvmcap >> emu_formats[emu_ns_format_index(flbas)].lbads;

	errno = EINVAL;
	if (!nsze || emu_store_resize(&ns->store, set_geometry(ns, flbas, nsze), true)) {
		const int err = errno;

		set_geometry(ns, old_flbas, old_nsze);
		errno = err;
		return -1;
	}
	emu_lbas_clear(&ns->uncorrectable);
	return 0;
}

uint64_t emu_ns_capacity(const struct emu_ctrl *ctrl)
{
	uint64_t used = 0;

	for (uint32_t nsid = 1; nsid <= EMU_MAX_NS; nsid++)
		used += ctrl->ns[nsid] ? ctrl->ns[nsid]->nvmcap : 0;
	return ctrl->admin->tnvmcap - used;
}

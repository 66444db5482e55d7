/* SPDX-License-Identifier: MIT */
/*
 * Host memory buffer. A controller in software has no need of one, so it does with it what shows
 * whether the host keeps its side: each page has in its first bytes its own address, and how often
 * it was used; one is read, compared and written at each tick of the controller's clock, and all of
 * them when the host takes the buffer back.
 *
 * Spec: NVM Express Base 2.0, "Host Memory Buffer".
 */
#include <stdlib.h>
#include <string.h>

#include "emu/config.h"
#include "emu/dma.h"
#include "emu/feature.h"
#include "support/errno.h"

struct stamp {
	leint64_t iova;
	leint64_t uses;
};

/* Sizes are in units of 4 KiB in Identify, and in memory pages here. */
#define UNIT 4096ull

static uint16_t write_stamp(struct emu_ctrl *ctrl, uint32_t page)
{
	const struct emu_hmb *hmb = &ctrl->admin->hmb;
	struct stamp stamp = {cpu_to_le64(hmb->pages[page]), cpu_to_le64(hmb->uses[page])};

	return emu_dma(ctrl, hmb->pages[page], &stamp, sizeof(stamp), EMU_TO_HOST);
}

/* Is the page what it was; a violation when it is not. */
static void check_stamp(struct emu_ctrl *ctrl, uint32_t page)
{
	const struct emu_hmb *hmb = &ctrl->admin->hmb;
	struct stamp stamp;

	if (emu_dma(ctrl, hmb->pages[page], &stamp, sizeof(stamp), EMU_FROM_HOST))
		return;
	if (le64_to_cpu(stamp.iova) != hmb->pages[page] ||
	    le64_to_cpu(stamp.uses) != hmb->uses[page])
		emu_violation(ctrl, "page 0x%llx of the host memory buffer was changed by the host",
			      (unsigned long long)hmb->pages[page]);
}

static uint32_t nr_pages(const struct emu_hmb *hmb)
{
	return hmb->nr_descs ? hmb->hsize : 0;
}

static void check_all(struct emu_ctrl *ctrl)
{
	for (uint32_t i = 0; i < nr_pages(&ctrl->admin->hmb); i++)
		check_stamp(ctrl, i);
}

void emu_hmb_use(struct emu_ctrl *ctrl)
{
	struct emu_hmb *hmb = &ctrl->admin->hmb;
	uint32_t nr = nr_pages(hmb);

	if (!nr || !hmb->enabled || !ctrl->enabled)
		return;
	hmb->next = (hmb->next + 1) % nr;
	check_stamp(ctrl, hmb->next);
	hmb->uses[hmb->next]++;
	(void)write_stamp(ctrl, hmb->next);
}

static void forget(struct emu_hmb *hmb)
{
	keep_errno();

	free(hmb->pages);
	free(hmb->uses);
	memset(hmb, 0, sizeof(*hmb));
}

void emu_hmb_reset(struct emu_ctrl *ctrl)
{
	ctrl->admin->hmb.enabled = false;
}

void emu_hmb_exit(struct emu_ctrl *ctrl)
{
	forget(&ctrl->admin->hmb);
}

/* The pages of @hmb from the list of descriptors. */
static uint16_t read_list(struct emu_ctrl *ctrl, struct emu_hmb *hmb)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < hmb->nr_descs; i++) {
		struct nvm_hmb_desc desc;
		uint64_t iova;
		uint32_t size;
		uint16_t status = emu_dma(ctrl, hmb->list + i * sizeof(desc), &desc, sizeof(desc),
					  EMU_FROM_HOST);

		if (status)
			return status;
		iova = le64_to_cpu(desc.badd);
		size = le32_to_cpu(desc.bsize);
		if (iova % hmb->page_size || !size || size > hmb->hsize - n)
			return NVM_SC_INVALID_FIELD;
		for (; size; size--, iova += hmb->page_size)
			hmb->pages[n++] = iova;
	}
	return n == hmb->hsize ? 0 : NVM_SC_INVALID_FIELD;
}

/* Memory that the controller has not had before. */
static uint16_t take_new(struct emu_ctrl *ctrl, struct emu_hmb *hmb)
{
	uint16_t status;

	hmb->pages = calloc(hmb->hsize, sizeof(*hmb->pages));
	hmb->uses = calloc(hmb->hsize, sizeof(*hmb->uses));
	status = hmb->pages && hmb->uses ? read_list(ctrl, hmb) : NVM_SC_INTERNAL;
	if (status) {
		forget(hmb);
		return status;
	}
	forget(&ctrl->admin->hmb);
	ctrl->admin->hmb = *hmb;
	for (uint32_t i = 0; !status && i < hmb->hsize; i++)
		status = write_stamp(ctrl, i);
	if (status)
		forget(&ctrl->admin->hmb);
	return status;
}

/* Memory that it had before a reset, or before it gave it back: the same, with what was in it. */
static uint16_t take_back(struct emu_ctrl *ctrl, const struct emu_hmb *hmb)
{
	const struct emu_hmb *had = &ctrl->admin->hmb;

	if (!had->nr_descs || had->hsize != hmb->hsize || had->list != hmb->list ||
	    had->nr_descs != hmb->nr_descs || had->page_size != hmb->page_size)
		return NVM_SC_INVALID_FIELD;
	check_all(ctrl);
	return 0;
}

static uint16_t enable(struct emu_req *req, uint32_t cdw11)
{
	const struct emu_config *cfg = req->ctrl->cfg;
	struct emu_hmb hmb = {
		.hsize = le32_to_cpu(req->cmd.cdw12),
		.page_size = req->ctrl->page_size,
		.list = le32_to_cpu(req->cmd.cdw13) | (uint64_t)le32_to_cpu(req->cmd.cdw14) << 32,
		.nr_descs = le32_to_cpu(req->cmd.cdw15),
	};
	uint64_t size = (uint64_t)hmb.hsize * hmb.page_size;
	uint16_t status;

	if (req->ctrl->admin->hmb.enabled)
		return NVM_SC_CMD_SEQ_ERROR;
	/* More than it prefers it has no use for, but for what fills a page. */
	if (!hmb.hsize || size < cfg->hmbmin || size >= cfg->hmb + hmb.page_size || hmb.list % 16 ||
	    !hmb.nr_descs || hmb.nr_descs > cfg->hmmaxd)
		return NVM_SC_INVALID_FIELD;
	status = NVM_GET(cdw11, HOST_MEM_BUF_MR) ? take_back(req->ctrl, &hmb)
						 : take_new(req->ctrl, &hmb);
	if (!status)
		req->ctrl->admin->hmb.enabled = true;
	return status;
}

static uint16_t set_hmb(struct emu_req *req, uint32_t cdw11, bool save)
{
	(void)save;
	if (cdw11 & ~(NVM_SET(~0u, HOST_MEM_BUF_EHM) | NVM_SET(~0u, HOST_MEM_BUF_MR)))
		return NVM_SC_INVALID_FIELD;
	if (NVM_GET(cdw11, HOST_MEM_BUF_EHM))
		return enable(req, cdw11);
	if (req->ctrl->admin->hmb.enabled)
		check_all(req->ctrl);
	req->ctrl->admin->hmb.enabled = false;
	return 0;
}

static uint16_t get_hmb(struct emu_req *req, uint32_t cdw11, unsigned int sel)
{
	const struct emu_hmb *hmb = &req->ctrl->admin->hmb;
	struct nvm_hmb_attrs attrs = {};

	(void)cdw11;
	emu_hmb_use(req->ctrl);
	if (sel == NVM_FEATURES_SEL_CURRENT && hmb->enabled) {
		attrs.hsize = cpu_to_le32(hmb->hsize);
		attrs.hmdlal = cpu_to_le32((uint32_t)hmb->list);
		attrs.hmdlau = cpu_to_le32((uint32_t)(hmb->list >> 32));
		attrs.hmdlec = cpu_to_le32(hmb->nr_descs);
		req->dw0 = NVM_SET(1u, HOST_MEM_BUF_EHM);
	}
	return emu_reply(req, &attrs, sizeof(attrs));
}

const struct emu_feature_ops emu_feat_hmb = {.set = set_hmb, .get = get_hmb};

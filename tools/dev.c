/* SPDX-License-Identifier: MIT */
/*
 * Opening, admin commands, namespaces. Data of admin commands goes through memory of the device,
 * which a command that timed out may still write to until the controller is closed.
 */
#include "tools/dev.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/identify.h"
#include "tools/msg.h"
#include "tools/text.h"

#define EMULATED   "emu:"
#define ADMIN_SIZE 4096
#define NS_PER_MS  1000000

struct dev_buf {
	struct dev_buf *next;
	struct iommu_dmabuf mem;
};

bool dev_is_emulated(const char *name)
{
	return !strncmp(name, EMULATED, strlen(EMULATED));
}

static int check_queues(const struct dev *dev, unsigned int queues)
{
	unsigned int nsq = (unsigned int)dev->ctrl.config.nsqa + 1;
	unsigned int ncq = (unsigned int)dev->ctrl.config.ncqa + 1;
	unsigned int got = nsq < ncq ? nsq : ncq;

	if (dev->ctrl.flags & NVME_CTRL_F_ADMINISTRATIVE)
		return queues ? msg_fail("%s: an administrative controller has no I/O queues",
					 dev->name)
			      : CMD_OK;
	if (got < queues)
		return msg_wrong(NULL, "'%s': %u I/O queues wanted, the controller grants %u",
				 dev->name, queues, got);
	return CMD_OK;
}

int dev_open(struct dev *dev, const char *name, const struct dev_opts *opts)
{
	int queues = opts->queues ? (int)opts->queues : 1;
	struct nvme_ctrl_opts ctrl_opts = {
		.nsqr = queues - 1,
		.ncqr = queues - 1,
		.timeout_ms = (unsigned int)(opts->timeout_ns / NS_PER_MS),
	};
	int status;

	memset(dev, 0, sizeof(*dev));
	dev->name = name;
	msg_forget();
	if (opts->look ? nvme_ctrl_init(&dev->ctrl, name, &ctrl_opts)
		       : nvme_init(&dev->ctrl, name, &ctrl_opts)) {
		status = errno == EINVAL ? CMD_USAGE : CMD_FAILED;
		msg_fail_host("cannot open '%s'", name);
		return status;
	}
	if (opts->look)
		return CMD_OK;
	if (iommu_get_dmabuf(__iommu_ctx(&dev->ctrl), &dev->admin, ADMIN_SIZE, 0))
		return msg_fail_host("%s: no memory for DMA", name);

	status = dev_identify(dev, NVM_CNS_CTRL, 0, &dev->id);
	return status ? status : check_queues(dev, opts->queues);
}

void dev_close(struct dev *dev)
{
	/* First the controller, then the memory that it may still be writing to. */
	nvme_close(&dev->ctrl);
	iommu_put_dmabuf(&dev->admin);
	while (dev->bufs) {
		struct dev_buf *buf = dev->bufs;

		dev->bufs = buf->next;
		iommu_put_dmabuf(&buf->mem);
		free(buf);
	}
}

int dev_may_write(const struct dev *dev, const char *serial)
{
	struct text own = text_field(dev->id.sn, sizeof(dev->id.sn));

	if (dev_is_emulated(dev->name))
		return CMD_OK;
	if (!serial)
		return msg_wrong(NULL,
				 "'%s' is a real device: to write to it, repeat its serial number "
				 "as 'belfry identify %s' shows it: --serial SERIAL",
				 dev->name, dev->name);
	if (strcmp(serial, own.s) != 0)
		return msg_wrong(NULL, "--serial %s: the serial number of '%s' is another one",
				 serial, dev->name);
	return CMD_OK;
}

void *dev_alloc(struct dev *dev, size_t len)
{
	struct dev_buf *buf = calloc(1, sizeof(*buf));

	msg_forget();
	if (!buf || iommu_get_dmabuf(__iommu_ctx(&dev->ctrl), &buf->mem, len, 0)) {
		msg_fail_host("%s: no %s of memory for DMA", dev->name, text_bytes(len).s);
		free(buf);
		return NULL;
	}
	buf->next = dev->bufs;
	dev->bufs = buf;
	return buf->mem.vaddr;
}

static struct text timeout_text(const struct dev *dev)
{
	return text_time((double)dev->ctrl.timeout_ms * NS_PER_MS);
}

int dev_refused(const char *what, uint16_t status)
{
	return msg_fail("%s: %s: %s%s", what, nvme_status_name(status), nvme_status_str(status),
			NVM_GET(status, STATUS_DNR) ? " (do not retry)" : "");
}

int dev_refused_rw(bool write, uint64_t slba, uint32_t nr_blocks, uint16_t status)
{
	char what[80];

	if (nr_blocks == 1)
		snprintf(what, sizeof(what), "%s, block %" PRIu64, write ? "Write" : "Read", slba);
	else
		snprintf(what, sizeof(what), "%s, blocks %" PRIu64 " to %" PRIu64,
			 write ? "Write" : "Read", slba, slba + nr_blocks - 1);
	return dev_refused(what, status);
}

int dev_silent(const struct dev *dev)
{
	if (errno == EINTR) {
		msg_note("%s: interrupted, with commands that did not complete", dev->name);
		return CMD_INTERRUPTED;
	}
	if (errno == ENODEV)
		return msg_fail("%s: the controller is gone", dev->name);
	if (errno == ETIMEDOUT)
		return msg_fail("%s: a command did not complete within %s (--timeout)", dev->name,
				timeout_text(dev).s);
	return msg_fail_host("%s: waiting for a completion", dev->name);
}

/* Admin data of any length; it only grows. */
static int reserve(struct dev *dev, size_t len)
{
	if (len <= (size_t)dev->admin.len)
		return CMD_OK;
	iommu_put_dmabuf(&dev->admin);
	msg_forget();
	if (iommu_get_dmabuf(__iommu_ctx(&dev->ctrl), &dev->admin, len, 0))
		return msg_fail_host("%s: no %s of memory for DMA", dev->name, text_bytes(len).s);
	return CMD_OK;
}

int dev_try_admin(struct dev *dev, union nvme_cmd *cmd, size_t len, uint32_t *dw0, uint16_t *status,
		  const char *what)
{
	struct nvme_cqe cqe;
	int ret = reserve(dev, len);

	if (ret)
		return ret;
	msg_forget();
	*status = 0;
	if (nvme_admin(&dev->ctrl, cmd, len ? dev->admin.vaddr : NULL, len, &cqe)) {
		if (nvme_cqe_ok(&cqe) && errno == ETIMEDOUT)
			return msg_fail("%s: %s did not complete within %s (--timeout)", dev->name,
					what, timeout_text(dev).s);
		if (nvme_cqe_ok(&cqe))
			return msg_fail_host("%s: %s", dev->name, what);
		*status = nvme_cqe_status(&cqe);
	}
	if (dw0)
		*dw0 = le32_to_cpu(cqe.dw0);
	return CMD_OK;
}

int dev_admin(struct dev *dev, union nvme_cmd *cmd, size_t len, uint32_t *dw0, const char *what)
{
	uint16_t refused;
	int status = dev_try_admin(dev, cmd, len, dw0, &refused, what);

	if (!status && refused)
		return dev_refused(what, refused);
	return status;
}

int dev_identify(struct dev *dev, uint8_t cns, uint32_t nsid, void *data)
{
	union nvme_cmd cmd = {
		.identify = {.opcode = NVM_ADMIN_IDENTIFY, .nsid = cpu_to_le32(nsid), .cns = cns}};
	char what[64];
	int status;

	snprintf(what, sizeof(what),
		 nsid ? "Identify CNS 0x%02x, namespace %u" : "Identify CNS 0x%02x", cns, nsid);
	status = dev_admin(dev, &cmd, NVM_IDENTIFY_SIZE, NULL, what);
	if (!status)
		memcpy(data, dev->admin.vaddr, NVM_IDENTIFY_SIZE);
	return status;
}

static int set_format(struct dev_ns *ns, const struct nvm_id_ns *id)
{
	unsigned int format = identify_format(id), nr_formats = id->nlbaf + id->nulbaf + 1u;
	const struct nvm_lbaf *lbaf = &id->lbaf[format];
	uint32_t meta = le16_to_cpu(lbaf->ms);

	if (!id->nsze)
		return msg_fail("there is no namespace %u; 'belfry identify DEV --list' shows them",
				ns->nsid);
	if (format >= nr_formats)
		return msg_fail("namespace %u: format %u makes no sense, there are %u", ns->nsid,
				format, nr_formats);
	if (lbaf->lbads < 9 || lbaf->lbads > 24)
		return msg_fail("namespace %u: blocks of 2 ^ %u bytes make no sense", ns->nsid,
				lbaf->lbads);
	if (NVM_GET(id->dps, DPS_PIT))
		return msg_fail("namespace %u: protection information is beyond this command",
				ns->nsid);
	ns->nr_blocks = le64_to_cpu(id->nsze);
	ns->data = 1u << lbaf->lbads;
	ns->block = ns->data;
	if (NVM_GET(id->flbas, FLBAS_EXT))
		ns->block += meta;
	else
		ns->meta = meta;
	/* Sizes in bytes are reckoned with everywhere. */
	if (ns->nr_blocks > INT64_MAX / ns->block)
		return msg_fail("namespace %u: %" PRIu64 " blocks make no sense", ns->nsid,
				ns->nr_blocks);
	return CMD_OK;
}

int dev_find_ns(struct dev *dev, uint32_t nsid, struct dev_ns *ns)
{
	struct nvm_id_ns_list list;
	struct nvm_id_ns id;
	int status;

	*ns = (struct dev_ns){.nsid = nsid};
	if (!nsid) {
		status = dev_identify(dev, NVM_CNS_ACTIVE_NS_LIST, 0, &list);
		if (status)
			return status;
		ns->nsid = le32_to_cpu(list.nsid[0]);
		if (!ns->nsid)
			return msg_fail("%s has no namespace", dev->name);
	}
	status = dev_identify(dev, NVM_CNS_NS, ns->nsid, &id);
	return status ? status : set_format(ns, &id);
}

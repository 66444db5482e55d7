/* SPDX-License-Identifier: MIT */
/*
 * Bring-up and close. Each step undoes what came before when it fails, so that a
 * failed init leaves a structure of zeroes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belfry/iommu.h>
#include <belfry/nvme/ctrl.h>
#include <belfry/nvme/util.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/ctx.h"
#include "nvme/map.h"
#include "nvme/priv.h"
#include "nvme/setup.h"
#include "support/errno.h"

#define CLASS_NVME	0x0108u
#define PROGIF_NVME_IO	0x02u
#define PROGIF_NVME_ADM 0x03u
#define SHUTDOWN_MS	10000
#define QUIRKS                                                                               \
	((unsigned int)(NVME_QUIRK_BROKEN_DBBUF | NVME_QUIRK_NO_DBBUF | NVME_QUIRK_NO_SGLS | \
			NVME_QUIRK_DELAY_CHK_RDY | NVME_QUIRK_OVERRIDE))
#define NR_QUEUES_MAX 65534 /* a qid has 16 bits, and there is room for two more */

/* Queues are arrays of cache lines; calloc() knows nothing of that. */
static void *zalloc_lines(size_t n, size_t size)
{
	void *mem;
	int err = posix_memalign(&mem, 64, n * size);

	if (err)
		return set_errno_null(err);
	return memset(mem, 0, n * size);
}

static int check_opts(const struct nvme_ctrl_opts *opts)
{
	if (opts->nsqr < 0 || opts->nsqr >= NR_QUEUES_MAX || opts->ncqr < 0 ||
	    opts->ncqr >= NR_QUEUES_MAX) {
		log_error("%d submission and %d completion queues asked for (0's based): 0 to %d\n",
			  opts->nsqr, opts->ncqr, NR_QUEUES_MAX - 1);
		return set_errno(EINVAL);
	}
	if (opts->quirks & ~QUIRKS) {
		log_error("quirks 0x%x: no such quirk\n", opts->quirks & ~QUIRKS);
		return set_errno(EINVAL);
	}
	return 0;
}

/*
 * Open the device, unless it is open already. What @ctrl->pci holds is trusted
 * only when the transport layer knows it; it may be anything.
 */
static int open_device(struct nvme_ctrl *ctrl, const char *bdf)
{
	struct vfio_pci_device pci = ctrl->pci;
	bool is_open = transport_valid(pci.dev.transport, &ctrl->pci);
	struct iommu_ctx *ctx = iommu_ctx_valid(pci.dev.ctx) ? pci.dev.ctx : NULL;

	if (is_open && pci.dev.transport->claimed) {
		log_error("%s: the controller is open already; close it first\n", pci.bdf);
		return set_errno(EBUSY);
	}

	memset(ctrl, 0, sizeof(*ctrl));
	if (!is_open)
		return transport_open(bdf, &ctrl->pci, ctx);
	ctrl->pci = pci;
	return 0;
}

static int check_class(struct nvme_ctrl *ctrl, const char *bdf)
{
	unsigned int progif = ctrl->pci.classcode & 0xff;

	if (ctrl->pci.classcode >> 8 != CLASS_NVME ||
	    (progif != PROGIF_NVME_IO && progif != PROGIF_NVME_ADM)) {
		log_error("%s: class 0x%06llx is no NVMe controller\n", bdf, ctrl->pci.classcode);
		return set_errno(EINVAL);
	}
	if (progif == PROGIF_NVME_ADM)
		ctrl->flags |= NVME_CTRL_F_ADMINISTRATIVE;
	return 0;
}

/* The host's page where the controller takes it, else the nearest that it does. */
static int pick_mps(uint64_t cap)
{
	int want = __VFN_PAGESHIFT - 12;
	int min = (int)NVM_GET(cap, CAP_MPSMIN);
	int max = (int)NVM_GET(cap, CAP_MPSMAX);

	return want < min ? min : want > max ? max : want;
}

static int read_cap(struct nvme_ctrl *ctrl, const char *bdf)
{
	uint64_t cap;

	if (nvme_reg_read64(ctrl, NVM_REG_CAP, &cap)) {
		log_error("%s: CAP reads as all-ones: the device is gone\n", bdf);
		return -1;
	}
	if (!NVM_GET(cap, CAP_MQES) || NVM_GET(cap, CAP_MPSMIN) > NVM_GET(cap, CAP_MPSMAX)) {
		log_error("%s: CAP 0x%016llx makes no sense\n", bdf, (unsigned long long)cap);
		return set_errno(EINVAL);
	}

	ctrl->priv->cap = cap;
	ctrl->config.mqes = (int)NVM_GET(cap, CAP_MQES);
	ctrl->config.dstrd = (int)NVM_GET(cap, CAP_DSTRD);
	ctrl->config.mps = pick_mps(cap);
	ctrl->sgl_one_max = NVME_SGL_ONE_MAX; /* no other limit is known yet */
	return 0;
}

static int map_registers(struct nvme_ctrl *ctrl)
{
	struct transport *tp = ctrl->pci.dev.transport;
	const struct nvme_ctrl_priv *priv = ctrl->priv;
	uint32_t queues = (uint32_t)(priv->nr_sqs > priv->nr_cqs ? priv->nr_sqs : priv->nr_cqs);
	size_t need = (size_t)2 * queues * (4u << ctrl->config.dstrd);
	size_t len = NVM_REG_DBS;

	/* A transport may have no pointer to offer here. */
	ctrl->regs = tp->ops->map_bar ? tp->ops->map_bar(tp, 0, 0, &len) : NULL;

	ctrl->doorbells = tp->ops->doorbells(tp, &len);
	if (!ctrl->doorbells)
		return -1;
	if (len < need)
		log_debug("doorbells for %zu of %u queues\n",
			  len / ((size_t)8 << ctrl->config.dstrd), queues);
	ctrl->priv->doorbells_len = len;
	return 0;
}

static int alloc_queues(struct nvme_ctrl *ctrl)
{
	ctrl->sq = zalloc_lines((size_t)ctrl->priv->nr_sqs, sizeof(*ctrl->sq));
	if (!ctrl->sq)
		return -1;
	ctrl->cq = zalloc_lines((size_t)ctrl->priv->nr_cqs, sizeof(*ctrl->cq));
	return ctrl->cq ? 0 : -1;
}

int nvme_ctrl_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts)
{
	struct nvme_ctrl_priv *priv;

	if (!opts)
		opts = &nvme_ctrl_opts_default;
	if (open_device(ctrl, bdf))
		return -1;

	priv = check_opts(opts) ? NULL : calloc(1, sizeof(*priv));
	if (!priv) {
		transport_close(&ctrl->pci);
		return -1;
	}
	pthread_mutex_init(&priv->admin_lock, NULL);
	nvme_recover_init(&priv->recover);
	pthread_mutex_init(&priv->events.lock, NULL);
	pthread_mutex_init(&priv->alive.lock, NULL);
	priv->shutdown_ms = SHUTDOWN_MS;
	priv->pid = getpid();
	ctrl->priv = priv;
	ctrl->opts = *opts;
	priv->nr_sqs = opts->nsqr + 2;
	priv->nr_cqs = opts->ncqr + 2;
	ctrl->timeout_ms = opts->timeout_ms ? opts->timeout_ms : NVME_TIMEOUT_MS_DEFAULT;
	ctrl->pci.dev.transport->claimed = true;

	if (!(opts->quirks & NVME_QUIRK_OVERRIDE))
		priv->quirks = nvme_find_quirks(ctrl->pci.dev.transport->vid,
						ctrl->pci.dev.transport->did);
	priv->quirks |= opts->quirks;

	if (check_class(ctrl, bdf) || read_cap(ctrl, bdf) || map_registers(ctrl) ||
	    alloc_queues(ctrl)) {
		nvme_close(ctrl);
		return -1;
	}
	return 0;
}

int nvme_pci_init(struct nvme_ctrl *ctrl, const char *bdf)
{
	return nvme_ctrl_init(ctrl, bdf, NULL);
}

static void use_identify(struct nvme_ctrl *ctrl, const struct nvm_id_ctrl *id)
{
	uint32_t sgls = le32_to_cpu(id->sgls) & 3;
	uint32_t rtd3e = le32_to_cpu(id->rtd3e);
	int mpsmin = (int)NVM_GET(ctrl->priv->cap, CAP_MPSMIN);

	/* MDTS: log2, in units of the smallest page; what overflows is no limit. */
	if (id->mdts && id->mdts < 64 - __mps_to_pageshift(mpsmin))
		ctrl->config.mdts = __mps_to_pagesize(mpsmin) << id->mdts;
	ctrl->priv->acl = id->acl;
	ctrl->priv->aerl = id->aerl;
	if (ctrl->config.mdts && ctrl->config.mdts < ctrl->sgl_one_max)
		ctrl->sgl_one_max = (size_t)ctrl->config.mdts;
	if (rtd3e / 1000 > NVME_SHUTDOWN_MAX_MS)
		ctrl->priv->shutdown_ms = NVME_SHUTDOWN_MAX_MS;
	else if (rtd3e / 1000 > SHUTDOWN_MS)
		ctrl->priv->shutdown_ms = rtd3e / 1000;

	if (ctrl->priv->quirks & NVME_QUIRK_NO_SGLS)
		return;
	if (sgls == 1 || sgls == 2)
		ctrl->flags |= NVME_CTRL_F_SGLS_SUPPORTED;
	if (sgls == 2) {
		ctrl->flags |= NVME_CTRL_F_SGLS_DWORD_ALIGNMENT;
		ctrl->sgl_one_max = 0;
	}
}

int nvme_identify_ctrl(struct nvme_ctrl *ctrl, struct iommu_dmabuf *buf)
{
	union nvme_cmd cmd = {.identify = {.opcode = NVM_ADMIN_IDENTIFY, .cns = NVM_CNS_CTRL}};
	struct nvme_cqe cqe;

	if (nvme_dma_alloc(ctrl, buf, sizeof(struct nvm_id_ctrl)))
		return -1;
	if (!nvme_admin(ctrl, &cmd, buf->vaddr, sizeof(struct nvm_id_ctrl), &cqe))
		return 0;
	if (nvme_maybe_lost(&cqe))
		nvme_park(ctrl, buf, NULL);
	else if (!nvme_cqe_ok(&cqe))
		nvme_refused("Identify Controller", &cqe);
	iommu_put_dmabuf(buf);
	return -1;
}

static int identify(struct nvme_ctrl *ctrl)
{
	const struct nvm_id_ctrl *id;
	struct iommu_dmabuf buf;
	int ret = 0;

	if (nvme_identify_ctrl(ctrl, &buf))
		return -1;
	id = buf.vaddr;
	use_identify(ctrl, id);
	if (le16_to_cpu(id->oacs) & NVM_OACS_DBCS && !(ctrl->priv->quirks & NVME_QUIRK_NO_DBBUF))
		ret = nvme_dbbuf_init(ctrl);
	iommu_put_dmabuf(&buf);
	return ret;
}

int nvme_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts)
{
	if (nvme_ctrl_init(ctrl, bdf, opts))
		return -1;

	if (nvme_stop(ctrl) || nvme_configure_adminq(ctrl, 0) || nvme_enable(ctrl))
		goto close;
	if (ctrl->flags & NVME_CTRL_F_ADMINISTRATIVE)
		return 0;
	ctrl->priv->has_io = true;
	if (nvme_setup_one(ctrl, NVME_SETUP_QUEUES) || identify(ctrl))
		goto close;
	return 0;

close:
	log_error("%s: bring-up failed: %m\n", bdf);
	nvme_close(ctrl);
	return -1;
}

static void free_memory(struct nvme_ctrl *ctrl)
{
	for (int i = 0; ctrl->sq && i < ctrl->priv->nr_sqs; i++) {
		if (ctrl->sq[i].mem.vaddr)
			nvme_sq_free(ctrl, &ctrl->sq[i]);
	}
	for (int i = 0; ctrl->cq && i < ctrl->priv->nr_cqs; i++) {
		if (ctrl->cq[i].mem.vaddr)
			nvme_cq_free(ctrl, &ctrl->cq[i]);
	}
	iommu_put_dmabuf(&ctrl->dbbuf.doorbells);
	iommu_put_dmabuf(&ctrl->dbbuf.eventidxs);
	iommu_put_dmabuf(&ctrl->priv->events.buf);
	nvme_unpark_all(ctrl);
}

/* May the controller have been told of memory of ours? */
static bool owns_memory(const struct nvme_ctrl *ctrl)
{
	return ctrl->priv->enabled || (ctrl->sq && ctrl->cq && ctrl->sq[NVME_AQ].mem.vaddr);
}

int nvme_check_process(const struct nvme_ctrl *ctrl)
{
	if (nvme_check_open(ctrl))
		return -1;
	if (likely(ctrl->priv->pid == getpid()))
		return 0;
	log_error("%s: process %d has opened it; a child cannot use it\n", ctrl->pci.bdf,
		  (int)ctrl->priv->pid);
	return set_errno(EPERM);
}

void nvme_close(struct nvme_ctrl *ctrl)
{
	struct iommu_ctx *ctx;
	keep_errno();

	if (!ctrl->priv)
		return;
	/* It is the parent's: whatever is given back here, is taken from there. */
	if (nvme_check_process(ctrl)) {
		memset(ctrl, 0, sizeof(*ctrl));
		return;
	}

	/* Each may fail on a controller that is broken or gone; closing the
	 * device is what ends its DMA then. */
	if (owns_memory(ctrl)) {
		if (!nvme_device_check(ctrl->pci.dev.transport) && nvme_shutdown(ctrl))
			log_info("%s: no orderly shutdown: %m\n", ctrl->pci.bdf);
		if (nvme_stop(ctrl))
			log_info("%s: cannot be disabled: %m\n", ctrl->pci.bdf);
	}
	nvme_discard_cmb(ctrl);

	ctx = iommu_ctx_get(ctrl->pci.dev.ctx);
	transport_close(&ctrl->pci);
	free_memory(ctrl);
	iommu_ctx_put(ctx);

	free(ctrl->sq);
	free(ctrl->cq);
	nvme_recover_exit(&ctrl->priv->recover);
	pthread_mutex_destroy(&ctrl->priv->events.lock);
	pthread_mutex_destroy(&ctrl->priv->alive.lock);
	pthread_mutex_destroy(&ctrl->priv->admin_lock);
	free(ctrl->priv);
	memset(ctrl, 0, sizeof(*ctrl));
}

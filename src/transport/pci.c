/* SPDX-License-Identifier: MIT */
/* Devices that are opened without a driver on them; see belfry/vfio/pci.h. Any transport will do. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <belfry/iommu.h>
#include <belfry/vfio/pci.h>

#include "iommu/ctx.h"
#include "support/errno.h"
#include "transport/transport.h"

int vfio_pci_open(struct vfio_pci_device *pci, const char *bdf)
{
	struct iommu_ctx *ctx = pci->dev.ctx;

	if (pci->bdf)
		return set_errno(EALREADY);
	if (ctx && !iommu_ctx_valid(ctx)) {
		memset(pci, 0, sizeof(*pci));
		return set_errno(EINVAL);
	}
	return transport_open(bdf, pci, ctx);
}

int vfio_pci_close(struct vfio_pci_device *pci)
{
	transport_close(pci);
	return 0;
}

int vfio_pci_get_irq_info(struct vfio_pci_device *pci, struct vfio_irq_info *irq)
{
	uint32_t size = irq->argsz;

	if (!pci->dev.transport)
		return set_errno(ENODEV);
	if (size < sizeof(*irq))
		return set_errno(EINVAL);
	*irq = pci->dev.irq_info;
	irq->argsz = size;
	return 0;
}

void *vfio_pci_map_bar(struct vfio_pci_device *pci, int idx, size_t len, uint64_t offset, int prot)
{
	struct transport *tp = pci->dev.transport;

	if (!tp)
		return set_errno_null(ENODEV);
	if (!len || !prot || prot & ~(PROT_READ | PROT_WRITE))
		return set_errno_null(EINVAL);
	return tp->ops->map_bar ? tp->ops->map_bar(tp, idx, offset, &len) : set_errno_null(ENOTSUP);
}

void vfio_pci_unmap_bar(struct vfio_pci_device *pci, int idx, void *mem, size_t len,
			uint64_t offset)
{
	struct transport *tp = pci->dev.transport;

	(void)offset;
	if (tp && tp->ops->unmap_bar && mem)
		tp->ops->unmap_bar(tp, idx, mem, len);
}

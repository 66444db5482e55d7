/* SPDX-License-Identifier: MIT */
/*
 * Persistent memory region: memory of the controller's, behind a BAR, whose contents outlive a loss
 * of power. The program reads and writes it directly; commands can, where the controller supports
 * it and the address space can hold the memory of a device.
 *
 *	struct nvme_pmr pmr;
 *
 *	nvme_pmr_enable(&ctrl, &pmr);
 *	memcpy(pmr.vaddr, record, len);
 *	nvme_pmr_persist(&pmr);		what was stored before is now persistent
 *	nvme_pmr_disable(&pmr);		before nvme_close()
 */
#ifndef BELFRY_NVME_PMR_H
#define BELFRY_NVME_PMR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/iommu/dma.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_ctrl;

/**
 * struct nvme_pmr - an enabled persistent memory region
 * @ctrl: its controller; NULL when there is none
 * @bar: BAR that it is behind
 * @vaddr: where the program sees it
 * @size: bytes
 * @iova: where devices of the address space see it; only when @is_mapped
 * @is_mapped: it is in the address space, and commands of other controllers may use it
 * @is_readable: commands of its own controller may take data from it (a write, to the controller)
 * @is_writable: commands of its own controller may put data into it
 * @health: PMRSTS.HSTS as it was enabled: 0 good, 1 contents were lost, 2 read-only, 3 unreliable
 * @elasticity: bytes that may be written at full speed (PMREBS); 0: not said
 * @throughput: bytes per second of writes beyond that (PMRSWTP); 0: not said
 */
struct nvme_pmr {
	struct nvme_ctrl *ctrl;
	int bar;
	void *vaddr;
	size_t size;
	iova_t iova;
	bool is_mapped, is_readable, is_writable;
	unsigned int health;
	uint64_t elasticity, throughput;

	/* private: PMRCAP */
	uint32_t cap;
};

/**
 * nvme_pmr_enable() - enable a controller's persistent memory region
 * @ctrl: controller, open; enabled or not
 * @pmr: out; may hold anything before; all zero on error
 *
 * It stays enabled through nvme_reset().
 *
 * Own: nvme_pmr_disable(), before nvme_close().
 * Spec: NVM Express Base 2.0, "Persistent Memory Region".
 * Context: set-up thread; sleeps until the region is ready, up to PMRCAP.PMRTO, and no longer than
 *	NVME_READY_MAX_MS.
 * Return: 0, or -1: ENOTSUP the controller has none, or its BAR cannot be mapped here; EINVAL the
 * registers make no sense (logged); ETIMEDOUT it did not become ready; ENODEV the device is gone; or
 * what mapping it gave. That the address space cannot hold it is no error, see @pmr->is_mapped.
 */
int nvme_pmr_enable(struct nvme_ctrl *ctrl, struct nvme_pmr *pmr);

/**
 * nvme_pmr_persist() - wait until all that was stored is persistent
 * @pmr: enabled region
 *
 * Spec: NVM Express Base 2.0, PMRCAP.PMRWBM: by a read of the region, or of PMRSTS.
 * Context: any thread, after its own stores.
 * Return: 0, or -1: EIO the region reports an error, or is no longer healthy (logged): what was
 * stored may not be there; ENODEV the device is gone, or @pmr holds no region.
 */
int nvme_pmr_persist(struct nvme_pmr *pmr);

/**
 * nvme_pmr_disable() - disable a region
 * @pmr: region, all zero afterwards; harmless when it is so already. With
 *	@pmr->ctrl closed nothing is left to do, unless another controller shares its address space: there
 *	the region stays mapped
 *
 * Context: set-up thread, nobody else using it. errno is preserved.
 */
void nvme_pmr_disable(struct nvme_pmr *pmr);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_PMR_H */

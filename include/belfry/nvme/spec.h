/* SPDX-License-Identifier: MIT */
/*
 * The NVM Express specification as C: everything that host and controller agree on
 * beside the queue entries of belfry/nvme/types.h. Constants and structures only; what
 * is here serves the driver, the embedded controller and programs alike.
 *
 * Names: NVM_* and struct nvm_*, so that these headers and those of libnvme, which own
 * NVME_* and struct nvme_*, can be included together. Fields of registers, dwords and
 * bytes are used through NVM_GET() and NVM_SET(). Members are spelled as the
 * specification spells them and keep its units; wire fields are leint*_t.
 */
#ifndef BELFRY_NVME_SPEC_H
#define BELFRY_NVME_SPEC_H

#include <belfry/nvme/spec/regs.h>
#include <belfry/nvme/spec/cmd.h>
#include <belfry/nvme/spec/feat.h>
#include <belfry/nvme/spec/status.h>
#include <belfry/nvme/spec/id_ctrl.h>
#include <belfry/nvme/spec/id_ns.h>
#include <belfry/nvme/spec/log.h>

#endif /* BELFRY_NVME_SPEC_H */

/* SPDX-License-Identifier: MIT */
/*
 * A first program as a README would have it: opcodes, registers and structures are libnvme's, whose
 * header may come first or last, and nothing is cleared before it is used.
 */
#ifdef LIBNVME_FIRST
#include <nvme/types.h>
#include <syslog.h>
#endif
#include <vfn/nvme.h>
#ifndef LIBNVME_FIRST
#include <nvme/types.h>
#include <syslog.h>
#endif

#include "check.h"

int main(int argc, char **argv)
{
	struct nvme_id_ctrl *id;
	struct nvme_ctrl ctrl;
	union nvme_cmd cmd;
	uint64_t cap;
	void *vaddr;

	memset(&ctrl, 0xa5, sizeof(ctrl)); /* as a stack may be */
	memset(&cmd, 0xa5, sizeof(cmd));
	CHECK(!nvme_init(&ctrl, argc > 1 ? argv[1] : "emu:", NULL));
	CHECK(pgmap(&vaddr, NVME_IDENTIFY_DATA_SIZE) == NVME_IDENTIFY_DATA_SIZE);

	cmd.identify = (struct nvme_cmd_identify){
		.opcode = nvme_admin_identify,
		.cns = NVME_IDENTIFY_CNS_CTRL,
	};
	CHECK(!nvme_admin(&ctrl, &cmd, vaddr, NVME_IDENTIFY_DATA_SIZE, NULL));
	id = (struct nvme_id_ctrl *)vaddr;
	CHECK(id->sqes == 0x66 && id->cqes == 0x44 && le32_to_cpu(id->nn) >= 1);

	cap = le64_to_cpu(mmio_read64((char *)ctrl.regs + NVME_REG_CAP));
	CHECK((int)NVME_CAP_MQES(cap) == ctrl.config.mqes);
	CHECK(NVME_CSTS_RDY(le32_to_cpu(mmio_read32((char *)ctrl.regs + NVME_REG_CSTS))));
	CHECK(nvme_cmd_read == 0x02 && LOG_INFO == 6 && LOG_ERROR == 0);
	nvme_close(&ctrl);
	pgunmap(vaddr, NVME_IDENTIFY_DATA_SIZE);
	PASSED("with libnvme's constants");
	return check_done();
}

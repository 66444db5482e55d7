/* SPDX-License-Identifier: MIT */
/*
 * The Commands Supported and Effects log: which commands there are, what they do, and what
 * they are about (LPA, bit 5).
 *
 * Spec: NVM Express Base 2.0, "Commands Supported and Effects".
 */
#include "emu/admin.h"

#include "emu/config.h"

#define SUPPORTED NVM_SET(1u, CSE_CSUPP)
#define OF_CTRL	  (SUPPORTED | NVM_SET(NVM_SCOPE_CTRL, CSE_CSP))
#define OF_NS	  (SUPPORTED | NVM_SET(NVM_SCOPE_NS, CSE_CSP))
#define OF_SUBSYS (SUPPORTED | NVM_SET(NVM_SCOPE_SUBSYS, CSE_CSP))
#define CONTENT	  NVM_SET(1u, CSE_LBCC)
#define NS_CAPS	  NVM_SET(1u, CSE_NCC)
#define INVENTORY NVM_SET(1u, CSE_NIC)
#define ALONE_NS  NVM_SET(NVM_CSE_CSE_NS, CSE_CSE)

struct effect {
	uint8_t opcode;
	uint32_t effects;
};

static const struct effect admin_effects[] = {
	{NVM_ADMIN_DELETE_SQ, OF_CTRL},
	{NVM_ADMIN_CREATE_SQ, OF_CTRL},
	{NVM_ADMIN_GET_LOG, OF_CTRL},
	{NVM_ADMIN_DELETE_CQ, OF_CTRL},
	{NVM_ADMIN_CREATE_CQ, OF_CTRL},
	{NVM_ADMIN_IDENTIFY, OF_CTRL},
	{NVM_ADMIN_ABORT, OF_CTRL},
	{NVM_ADMIN_SET_FEATURES, OF_CTRL},
	{NVM_ADMIN_GET_FEATURES, OF_CTRL},
	{NVM_ADMIN_ASYNC_EVENT, OF_CTRL},
	{NVM_ADMIN_NS_MGMT, OF_SUBSYS | CONTENT | INVENTORY},
	{NVM_ADMIN_NS_ATTACH, OF_CTRL | INVENTORY},
	{NVM_ADMIN_KEEP_ALIVE, OF_CTRL},
	{NVM_ADMIN_FORMAT, OF_NS | CONTENT | NS_CAPS | ALONE_NS},
};

/* Each is about one namespace, and none says so: Linux takes the scope of an I/O command for an effect
 * of it that is unusual, and warns. */
static const struct effect nvm_effects[] = {
	{NVM_CMD_FLUSH, SUPPORTED},	     {NVM_CMD_WRITE, SUPPORTED | CONTENT},
	{NVM_CMD_READ, SUPPORTED},	     {NVM_CMD_WRITE_UNCOR, SUPPORTED | CONTENT},
	{NVM_CMD_COMPARE, SUPPORTED},	     {NVM_CMD_WRITE_ZEROES, SUPPORTED | CONTENT},
	{NVM_CMD_DSM, SUPPORTED | CONTENT},  {NVM_CMD_VERIFY, SUPPORTED},
	{NVM_CMD_COPY, SUPPORTED | CONTENT},
};

void emu_log_cmd_effects(const struct emu_ctrl *ctrl, uint8_t csi, struct nvm_log_cmd_effects *log)
{
	for (size_t i = 0; i < sizeof(admin_effects) / sizeof(admin_effects[0]); i++)
		log->acs[admin_effects[i].opcode] = cpu_to_le32(admin_effects[i].effects);
	if (ctrl->cfg->dbbuf)
		log->acs[NVM_ADMIN_DBBUF_CONFIG] = cpu_to_le32(OF_CTRL);
	if (csi != NVM_CSI_NVM)
		return;
	for (size_t i = 0; i < sizeof(nvm_effects) / sizeof(nvm_effects[0]); i++)
		log->iocs[nvm_effects[i].opcode] = cpu_to_le32(nvm_effects[i].effects);
}

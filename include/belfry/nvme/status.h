/* SPDX-License-Identifier: MIT */
/*
 * Status of commands for people and for callers that know errno: a name, a text and an
 * errno for every status of NVM Express Base 2.x, its NVM command set 1.x and the other
 * I/O command sets.
 *
 * All take the 15 bit status field that nvme_cqe_status() returns, or an NVM_SC_* of
 * belfry/nvme/spec/status.h, and look at its type and code only: retry delay, More and
 * Do Not Retry make no difference. A code that is not known is described by its type.
 */
#ifndef BELFRY_NVME_STATUS_H
#define BELFRY_NVME_STATUS_H

#include <stdint.h>

#include <belfry/nvme/spec/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nvme_status_name() - name a status as its constant does
 * @status: status field of a completion; any value
 *
 * Own: a constant of the library, never to be freed.
 * Spec: NVM Express Base 2.2, "Status Field Definition".
 *
 * Context: any thread; no lock, allocation or syscall.
 * Return: NVM_SC_* without its prefix, as "INVALID_FIELD"; "VENDOR_SPECIFIC" or, with the
 * type, "UNKNOWN_GENERIC" and its like for what is not known; never NULL.
 */
const char *nvme_status_name(uint16_t status);

/**
 * nvme_status_str() - describe a status in one line
 * @status: status field of a completion; any value
 *
 * Own: a constant of the library, never to be freed.
 * Spec: NVM Express Base 2.2, "Status Field Definition".
 *
 * Context: any thread; no lock, allocation or syscall.
 * Return: a text without a full stop or newline; never NULL.
 */
const char *nvme_status_str(uint16_t status);

/**
 * nvme_status_errno() - translate a status
 * @status: status field of a completion; any value
 *
 * The errno says what the device said, as closely as errno can. ENODEV, ETIMEDOUT and
 * EAGAIN are never used, so that those always mean the host's side: the device is gone,
 * a deadline passed, not yet. EIO is left for failures of the medium and for codes that
 * are not known (ENOLINK if they are path related).
 *
 * Context: any thread; no lock, allocation or syscall. Does not touch errno.
 * Return: 0 for success, else an errno value.
 */
int nvme_status_errno(uint16_t status);

#ifdef __cplusplus
}
#endif

#endif /* BELFRY_NVME_STATUS_H */

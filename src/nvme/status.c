/* SPDX-License-Identifier: MIT */
/*
 * Status codes as names, texts and errno: one table, sorted by type and code.
 *
 * Codes 80h and up of the command specific type mean something else for Fabrics commands,
 * which this driver never sends; the I/O commands' meaning is the one given.
 *
 * How an errno is chosen: whose fault it is, then what a caller can do about it. EINVAL is a
 * field that is wrong in itself, ENXIO, ENOENT and ENOTCONN something that is not there, EBUSY
 * something to try again later, ERESTART to try again now, ECANCELED a command that somebody
 * aborted, EILSEQ protection information that does not match, EBADMSG data that does not
 * compare. The block layer of Linux is followed where it is as specific.
 */
#include <errno.h>
#include <stdlib.h>

#include <belfry/nvme/spec/regs.h>
#include <belfry/nvme/status.h>

struct status {
	uint16_t code; /* NVM_SC_* */
	uint16_t err;
	const char *name;
	const char *text;
};

#define S(code, err, text)                      \
	{                                       \
		NVM_SC_##code, err, #code, text \
	}

static const struct status table[] = {
	/* generic */
	S(SUCCESS, 0, "success"),
	S(INVALID_OPCODE, EOPNOTSUPP, "invalid command opcode"),
	S(INVALID_FIELD, EINVAL, "invalid field in command"),
	S(CID_CONFLICT, EEXIST, "command identifier is in use"),
	S(DATA_XFER_ERROR, ECOMM, "data transfer error"),
	S(POWER_LOSS, ESHUTDOWN, "command aborted due to power loss notification"),
	S(INTERNAL, EREMOTEIO, "internal error of the controller"),
	S(ABORT_REQUESTED, ECANCELED, "command aborted by request"),
	S(ABORT_SQ_DELETED, ECANCELED, "command aborted due to deletion of its submission queue"),
	S(ABORT_FAILED_FUSED, ECANCELED, "command aborted because the other fused command failed"),
	S(ABORT_MISSING_FUSED, EPROTO,
	  "command aborted because the other fused command is missing"),
	S(INVALID_NS, ENXIO, "invalid namespace or format"),
	S(CMD_SEQ_ERROR, EPROTO, "command sequence error"),
	S(SGL_INVALID_SEG, EINVAL, "invalid SGL segment descriptor"),
	S(SGL_INVALID_COUNT, EINVAL, "invalid number of SGL descriptors"),
	S(SGL_INVALID_DATA_LEN, EMSGSIZE, "length of the data SGL is invalid"),
	S(SGL_INVALID_META_LEN, EMSGSIZE, "length of the metadata SGL is invalid"),
	S(SGL_INVALID_TYPE, EOPNOTSUPP, "type of an SGL descriptor is invalid"),
	S(CMB_INVALID_USE, EOPNOTSUPP, "invalid use of the controller memory buffer"),
	S(PRP_INVALID_OFFSET, EINVAL, "offset of a PRP entry is invalid"),
	S(AWU_EXCEEDED, EMSGSIZE, "atomic write unit exceeded"),
	S(OP_DENIED, EPERM, "operation denied"),
	S(SGL_INVALID_OFFSET, EINVAL, "offset of an SGL descriptor is invalid"),
	S(HOSTID_FORMAT, EINVAL, "host identifiers of different formats are in use"),
	S(KAT_EXPIRED, ETIME, "keep alive timer expired"),
	S(KAT_INVALID, EINVAL, "keep alive timeout is invalid"),
	S(ABORT_PREEMPT, ECANCELED, "command aborted due to preempt and abort"),
	S(SANITIZE_FAILED, ENOTRECOVERABLE, "last sanitize failed and was not recovered from"),
	S(SANITIZE_IN_PROGRESS, EBUSY, "sanitize in progress"),
	S(SGL_INVALID_GRANULARITY, EINVAL, "granularity of SGL data blocks is invalid"),
	S(CMB_CMD_NOT_SUPPORTED, EOPNOTSUPP,
	  "command not supported for a queue in the controller memory buffer"),
	S(NS_WRITE_PROTECTED, EROFS, "namespace is write protected"),
	S(CMD_INTERRUPTED, ERESTART, "command interrupted; retry it"),
	S(TRANSIENT_TRANSPORT, ERESTART, "transient transport error; retry"),
	S(LOCKDOWN, EACCES, "command prohibited by command and feature lockdown"),
	S(MEDIA_NOT_READY, EBUSY, "media not ready for this admin command"),
	S(INVALID_KEY_TAG, ENOKEY, "key tag is invalid"),
	S(HDISNS_NOT_ENABLED, EOPNOTSUPP, "host support of dispersed namespaces is not enabled"),
	S(HOSTID_NOT_INITIALIZED, EINVAL, "host identifier is not initialized"),
	S(INCORRECT_KEY, EKEYREJECTED, "key is incorrect"),
	S(FDP_DISABLED, EOPNOTSUPP, "flexible data placement is disabled"),
	S(INVALID_PH_LIST, EINVAL, "placement handle list is invalid"),
	S(LBA_RANGE, ERANGE, "LBA out of range"),
	S(CAP_EXCEEDED, ENOSPC, "capacity exceeded"),
	S(NS_NOT_READY, EBUSY, "namespace not ready"),
	S(RESERVATION_CONFLICT, EBADE, "reservation conflict"),
	S(FORMAT_IN_PROGRESS, EBUSY, "format in progress"),
	S(KV_VALUE_SIZE, EMSGSIZE, "size of the value is invalid"),
	S(KV_KEY_SIZE, EINVAL, "size of the key is invalid"),
	S(KV_NO_KEY, ENOENT, "key does not exist"),
	S(KV_UNRECOVERED, EIO, "unrecovered error"),
	S(KV_KEY_EXISTS, EEXIST, "key exists"),

	/* command specific, admin commands */
	S(CQ_INVALID, ENOENT, "completion queue does not exist"),
	S(QID_INVALID, EINVAL, "queue identifier is invalid"),
	S(QUEUE_SIZE, EINVAL, "queue size is invalid"),
	S(ABORT_LIMIT, EBUSY, "too many Abort commands outstanding"),
	S(ASYNC_EVENT_LIMIT, EBUSY, "too many Asynchronous Event Request commands outstanding"),
	S(FW_SLOT, EINVAL, "firmware slot is invalid or read-only"),
	S(FW_IMAGE, ENOEXEC, "firmware image is invalid"),
	S(INVALID_VECTOR, EINVAL, "interrupt vector is invalid"),
	S(INVALID_LOG_PAGE, ENOENT, "log page is invalid or not supported"),
	S(INVALID_FORMAT, EINVAL, "format is invalid or not supported"),
	S(FW_NEEDS_CONV_RESET, EINPROGRESS, "firmware is activated by a conventional reset"),
	S(INVALID_QUEUE_DELETION, EBUSY, "submission queues of this completion queue still exist"),
	S(FEAT_NOT_SAVEABLE, EOPNOTSUPP, "feature cannot be saved"),
	S(FEAT_NOT_CHANGEABLE, EPERM, "feature cannot be changed"),
	S(FEAT_NOT_NS_SPECIFIC, EINVAL, "feature is not namespace specific"),
	S(FW_NEEDS_SUBSYS_RESET, EINPROGRESS, "firmware is activated by an NVM subsystem reset"),
	S(FW_NEEDS_RESET, EINPROGRESS, "firmware is activated by a controller level reset"),
	S(FW_NEEDS_MAX_TIME, ETIME, "activation would take longer than the maximum time"),
	S(FW_ACTIVATION_PROHIBITED, EPERM, "activation of this firmware is prohibited"),
	S(OVERLAPPING_RANGE, EINVAL, "ranges overlap"),
	S(NS_INSUFFICIENT_CAP, ENOSPC, "not enough capacity for the namespace"),
	S(NSID_UNAVAILABLE, ENOSPC, "no namespace identifier is available"),
	S(NS_ALREADY_ATTACHED, EEXIST, "namespace is attached already"),
	S(NS_IS_PRIVATE, EACCES, "namespace is private and attached elsewhere"),
	S(NS_NOT_ATTACHED, ENOTCONN, "namespace is not attached"),
	S(THIN_PROV_NOT_SUPPORTED, EOPNOTSUPP, "thin provisioning is not supported"),
	S(CTRL_LIST_INVALID, EINVAL, "controller list is invalid"),
	S(SELF_TEST_IN_PROGRESS, EBUSY, "device self-test in progress"),
	S(BP_WRITE_PROHIBITED, EROFS, "boot partition is write protected"),
	S(INVALID_CTRL_ID, EINVAL, "controller identifier is invalid"),
	S(INVALID_SEC_CTRL_STATE, EPERM, "not allowed in this state of the secondary controller"),
	S(INVALID_CTRL_RESOURCES, EINVAL, "number of controller resources is invalid"),
	S(INVALID_RESOURCE_ID, EINVAL, "resource identifier is invalid"),
	S(SANITIZE_PMR, EPERM, "sanitize prohibited while the persistent memory region is enabled"),
	S(ANA_GROUP_INVALID, EINVAL, "ANA group identifier is invalid"),
	S(ANA_ATTACH_FAILED, EHOSTUNREACH, "namespace not attached because of its ANA state"),
	S(INSUFFICIENT_CAP, ENOSPC, "not enough capacity"),
	S(NS_ATTACH_LIMIT, EMFILE, "too many namespaces attached"),
	S(PROHIBITION_NOT_SUPPORTED, EOPNOTSUPP, "prohibition of this command is not supported"),
	S(IOCS_NOT_SUPPORTED, EOPNOTSUPP, "I/O command set is not supported"),
	S(IOCS_NOT_ENABLED, EOPNOTSUPP, "I/O command set is not enabled"),
	S(IOCS_COMBINATION, EINVAL, "combination of I/O command sets rejected"),
	S(INVALID_IOCS, EINVAL, "I/O command set is invalid"),
	S(ID_UNAVAILABLE, ENOSPC, "no identifier is available"),
	S(NS_DISPERSED, EREMOTE, "namespace is dispersed"),
	S(INVALID_DISCOVERY_INFO, EINVAL, "discovery information is invalid"),
	S(ZONING_LOCKED, EBUSY, "zoning data structure is locked"),
	S(ZONING_NOT_FOUND, ENOENT, "zoning data structure not found"),
	S(DISCOVERY_RESOURCES, ENOBUFS, "not enough discovery resources"),
	S(FUNCTION_DISABLED, EOPNOTSUPP, "requested function is disabled"),
	S(ZONEGROUP_ORIGINATOR, EACCES, "originator of the zone group is invalid"),
	S(INVALID_HOST, EINVAL, "host is invalid"),
	S(INVALID_SUBSYS, EINVAL, "NVM subsystem is invalid"),
	S(INVALID_CDQ, ENOENT, "controller data queue is invalid"),
	S(NOT_ENOUGH_RESOURCES, ENOBUFS, "not enough resources"),
	S(CTRL_SUSPENDED, EBUSY, "controller is suspended"),
	S(CTRL_NOT_SUSPENDED, EPERM, "controller is not suspended"),
	S(CDQ_FULL, ENOBUFS, "controller data queue is full"),

	/* command specific, I/O commands */
	S(CONFLICTING_ATTRS, EINVAL, "conflicting attributes"),
	S(INVALID_PI, EINVAL, "protection information settings are invalid"),
	S(READ_ONLY_RANGE, EROFS, "write to a read-only range"),
	S(CMD_SIZE_LIMIT, EMSGSIZE, "command size limit exceeded"),
	S(INVALID_CID, ENOENT, "command identifier is invalid"),
	S(INCOMPATIBLE_NS, EXDEV, "namespaces or formats are incompatible"),
	S(FAST_COPY_NOT_POSSIBLE, EOPNOTSUPP, "fast copy is not possible"),
	S(OVERLAPPING_IO_RANGE, EINVAL, "I/O ranges overlap"),
	S(NS_NOT_REACHABLE, ENETUNREACH, "namespace is not reachable"),
	S(INSUFFICIENT_RESOURCES, ENOBUFS, "not enough resources"),
	S(PROGRAM_RESOURCES, ENOBUFS, "not enough program resources"),
	S(INVALID_MEM_NS, ENXIO, "memory namespace is invalid"),
	S(INVALID_MRS, EINVAL, "memory range set is invalid"),
	S(INVALID_MRS_ID, ENOENT, "memory range set identifier is invalid"),
	S(INVALID_PROGRAM_DATA, ENOEXEC, "program data is invalid"),
	S(INVALID_PROGRAM_INDEX, EINVAL, "program index is invalid"),
	S(INVALID_PROGRAM_TYPE, ENOEXEC, "program type is invalid"),
	S(MAX_MEM_RANGES, ENOBUFS, "too many memory ranges"),
	S(MAX_MRS, ENOBUFS, "too many memory range sets"),
	S(MAX_PROGRAMS, ENOBUFS, "too many programs activated"),
	S(MAX_PROGRAM_BYTES, EFBIG, "too many bytes of programs"),
	S(MRS_IN_USE, EBUSY, "memory range set is in use"),
	S(NO_PROGRAM, ENOENT, "no program"),
	S(OVERLAPPING_MEM_RANGES, EINVAL, "memory ranges overlap"),
	S(PROGRAM_NOT_ACTIVATED, EPERM, "program is not activated"),
	S(PROGRAM_IN_USE, EBUSY, "program is in use"),
	S(PROGRAM_NOT_DOWNLOADABLE, EPERM, "program index cannot be downloaded to"),
	S(PROGRAM_TOO_BIG, EFBIG, "program is too big"),
	S(MEDIA_VERIFICATION_READ, EUCLEAN, "read of sanitized media, for verification only"),
	S(ZONE_BOUNDARY, ERANGE, "zone boundary error"),
	S(ZONE_FULL, ENOSPC, "zone is full"),
	S(ZONE_READ_ONLY, EROFS, "zone is read-only"),
	S(ZONE_OFFLINE, ENXIO, "zone is offline"),
	S(ZONE_INVALID_WRITE, ESPIPE, "write is not at the write pointer of the zone"),
	S(ZONE_TOO_MANY_ACTIVE, EOVERFLOW, "too many active zones"),
	S(ZONE_TOO_MANY_OPEN, ETOOMANYREFS, "too many open zones"),
	S(ZONE_INVALID_TRANSITION, EPERM, "zone state transition is invalid"),

	/* media and data integrity errors */
	S(WRITE_FAULT, EIO, "write fault"),
	S(READ_ERROR, EIO, "unrecovered read error"),
	S(GUARD_CHECK, EILSEQ, "end-to-end guard check error"),
	S(APPTAG_CHECK, EILSEQ, "end-to-end application tag check error"),
	S(REFTAG_CHECK, EILSEQ, "end-to-end reference tag check error"),
	S(COMPARE_FAILED, EBADMSG, "compare failure"),
	S(ACCESS_DENIED, EACCES, "access denied"),
	S(UNWRITTEN_BLOCK, ENODATA, "deallocated or unwritten logical block"),
	S(STORAGE_TAG_CHECK, EILSEQ, "end-to-end storage tag check error"),

	/* path related */
	S(INTERNAL_PATH, ENOLINK, "internal path error of the controller"),
	S(ANA_PERSISTENT_LOSS, ENOLINK, "asymmetric access persistent loss"),
	S(ANA_INACCESSIBLE, EHOSTUNREACH, "asymmetric access inaccessible"),
	S(ANA_TRANSITION, EBUSY, "asymmetric access transition"),
	S(CTRL_PATH, ENOLINK, "pathing error found by the controller"),
	S(HOST_PATH, ENOLINK, "pathing error found by the host"),
	S(HOST_ABORTED, ECANCELED, "command aborted by the host"),
};

/* By type, for codes that are in no revision known here, and for vendors' own */
static const struct status unknown[NVM_STATUS_SCT_MASK + 1] = {
	[NVM_SCT_GENERIC] = {0, EIO, "UNKNOWN_GENERIC", "unknown generic status"},
	[NVM_SCT_SPECIFIC] = {0, EIO, "UNKNOWN_SPECIFIC", "unknown command specific status"},
	[NVM_SCT_MEDIA] = {0, EIO, "UNKNOWN_MEDIA", "unknown media or data integrity error"},
	[NVM_SCT_PATH] = {0, ENOLINK, "UNKNOWN_PATH", "unknown path related status"},
	[4] = {0, EIO, "UNKNOWN_TYPE_4", "unknown status of reserved type 4"},
	[5] = {0, EIO, "UNKNOWN_TYPE_5", "unknown status of reserved type 5"},
	[6] = {0, EIO, "UNKNOWN_TYPE_6", "unknown status of reserved type 6"},
	[NVM_SCT_VENDOR] = {0, EIO, "VENDOR_SPECIFIC", "vendor specific status"},
};

static int compare(const void *key, const void *elem)
{
	uint16_t code = *(const uint16_t *)key;
	const struct status *s = elem;

	return (code > s->code) - (code < s->code);
}

static const struct status *lookup(uint16_t status)
{
	uint16_t code = NVM_GET(status, STATUS_CODE);
	const struct status *s;

	if (code == NVM_SC_SUCCESS)
		return &table[0];

	s = bsearch(&code, table, sizeof(table) / sizeof(table[0]), sizeof(table[0]), compare);
	if (s)
		return s;

	if (NVM_GET(status, STATUS_SC) >= NVM_SC_VENDOR_FIRST)
		return &unknown[NVM_SCT_VENDOR];

	return &unknown[NVM_GET(status, STATUS_SCT)];
}

const char *nvme_status_name(uint16_t status)
{
	return lookup(status)->name;
}

const char *nvme_status_str(uint16_t status)
{
	return lookup(status)->text;
}

int nvme_status_errno(uint16_t status)
{
	return lookup(status)->err;
}

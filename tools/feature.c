/* SPDX-License-Identifier: MIT */
/*
 * Features, by a table.
 */
#include "tools/feature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define F FIELD

static const struct field arbitration[] = {
	F("ab", ARBITRATION_AB, UNIT_LOG2, "burst, 7 no limit"),
	F("lpw", ARBITRATION_LPW, UNIT_COUNT0, "low priority weight"),
	F("mpw", ARBITRATION_MPW, UNIT_COUNT0, "medium priority weight"),
	F("hpw", ARBITRATION_HPW, UNIT_COUNT0, "high priority weight"),
	{.key = NULL},
};

static const struct field power[] = {
	F("ps", POWER_MGMT_PS, UNIT_NONE, "power state"),
	F("wh", POWER_MGMT_WH, UNIT_NONE, "workload hint"),
	{.key = NULL},
};

static const char *const thsel[] = {"over", "under", NULL};

static const struct field temperature[] = {
	F("tmpth", TEMP_THRESH_TMPTH, UNIT_KELVIN, "threshold"),
	F("tmpsel", TEMP_THRESH_TMPSEL, UNIT_NONE, "sensor, 0 composite"),
	FIELD_WORDS("thsel", TEMP_THRESH_THSEL, "warn when", thsel),
	F("tmpthh", TEMP_THRESH_TMPTHH, UNIT_NONE, "hysteresis, kelvins"),
	{.key = NULL},
};

static const struct field recovery[] = {
	F("tler", ERR_RECOVERY_TLER, UNIT_MS100, "time limit, 0 none"),
	F("dulbe", ERR_RECOVERY_DULBE, UNIT_NONE, "errors for deallocated blocks"),
	{.key = NULL},
};

static const struct field vwc[] = {
	F("wce", VWC_WCE, UNIT_NONE, "enabled"),
	{.key = NULL},
};

static const struct field queues[] = {
	F("nsqa", NUM_QUEUES_NSQ, UNIT_COUNT0, "submission queues"),
	F("ncqa", NUM_QUEUES_NCQ, UNIT_COUNT0, "completion queues"),
	{.key = NULL},
};

static const struct field coalescing[] = {
	F("thr", IRQ_COALESCE_THR, UNIT_COUNT0, "completions"),
	F("time", IRQ_COALESCE_TIME, UNIT_US100, "time"),
	{.key = NULL},
};

static const struct field irq_config[] = {
	F("iv", IRQ_CONFIG_IV, UNIT_NONE, "vector"),
	F("cd", IRQ_CONFIG_CD, UNIT_NONE, "coalescing is disabled"),
	{.key = NULL},
};

static const struct field atomicity[] = {
	F("dn", WRITE_ATOMIC_DN, UNIT_NONE, "AWUN and NAWUN need not hold"),
	{.key = NULL},
};

static const struct field events[] = {
	F("smart", ASYNC_EVENT_SMART, UNIT_HEX, "health, bits of the critical warning"),
	F("nan", ASYNC_EVENT_NAN, UNIT_NONE, "namespace attributes"),
	F("fan", ASYNC_EVENT_FAN, UNIT_NONE, "firmware activation"),
	F("tln", ASYNC_EVENT_TLN, UNIT_NONE, "telemetry"),
	F("anacn", ASYNC_EVENT_ANACN, UNIT_NONE, "ANA change"),
	F("plean", ASYNC_EVENT_PLEAN, UNIT_NONE, "predictable latency"),
	F("lsin", ASYNC_EVENT_LSIN, UNIT_NONE, "LBA status"),
	F("egean", ASYNC_EVENT_EGEAN, UNIT_NONE, "endurance groups"),
	F("nnsshdn", ASYNC_EVENT_NNSSHDN, UNIT_NONE, "subsystem shutdown"),
	{.key = NULL},
};

static const struct field apst[] = {
	F("apste", AUTO_PST_APSTE, UNIT_NONE, "enabled"),
	{.key = NULL},
};

static const struct field kato[] = {
	{.key = "kato", .mask = 0xffffffff, .unit = UNIT_MS, .label = "timeout, 0 none"},
	{.key = NULL},
};

static const struct field hctm[] = {
	F("tmt1", HCTM_TMT1, UNIT_KELVIN, "light throttling from"),
	F("tmt2", HCTM_TMT2, UNIT_KELVIN, "heavy throttling from"),
	{.key = NULL},
};

static const struct field nopsc[] = {
	F("noppme", NOPSC_NOPPME, UNIT_NONE, "permissive mode"),
	{.key = NULL},
};

static const struct field sanitize[] = {
	F("nodrm", SANITIZE_CONFIG_NODRM, UNIT_NONE, "no-deallocate response mode"),
	{.key = NULL},
};

static const struct field profile[] = {
	F("iocsci", IOCS_PROFILE_IOCSCI, UNIT_NONE, "combination of command sets"),
	{.key = NULL},
};

static const struct field progress[] = {
	F("pbslc", SW_PROGRESS_PBSLC, UNIT_NONE, "pre-boot loads"),
	{.key = NULL},
};

static const char *const wps[] = {"no", "yes", "until power cycle", "for ever", NULL};

static const struct field protect[] = {
	FIELD_WORDS("wps", WRITE_PROTECT_WPS, "write protected", wps),
	{.key = NULL},
};

static const struct member behavior[] = {
	MEMBER(host_behavior, acre, UNIT_NONE, "advanced command retry"),
	MEMBER(host_behavior, etdas, UNIT_NONE, "telemetry data area 4"),
	MEMBER(host_behavior, lbafee, UNIT_NONE, "extended LBA formats"),
	MEMBER(host_behavior, hdisns, UNIT_NONE, "dispersed namespaces"),
	MEMBER(host_behavior, cdfe, UNIT_HEX, "copy descriptor formats"),
	{.key = NULL},
};

static void print_behavior(struct out *out, const void *data, size_t len)
{
	(void)len;
	member_print(out, data, behavior);
}

static void print_timestamp(struct out *out, const void *data, size_t len)
{
	const struct nvm_timestamp *stamp = data;
	uint64_t ms = field_get(stamp->timestamp, 6);
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char date[40] = "";

	(void)len;
	/* Since a reset it is a time that has passed, not one of day. */
	if (NVM_GET(stamp->attributes, TIMESTAMP_ORIGIN) == NVM_TIMESTAMP_ORIGIN_HOST &&
	    gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date), ": %Y-%m-%d %H:%M:%S UTC", &tm);
	out_number(out, "timestamp", ms, "milliseconds%s", date);
	out_number(out, "origin", NVM_GET(stamp->attributes, TIMESTAMP_ORIGIN),
		   "0 counts from the reset, 1 set by the host");
	out_number(out, "synch", NVM_GET(stamp->attributes, TIMESTAMP_SYNCH),
		   "1 the clock may have stopped");
}

static void print_host_id(struct out *out, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	char text[33] = "";

	for (size_t i = 0; i < len && i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	out_text(out, "hostid", text, NULL);
}

const struct feature features[] = {
	{"arbitration", NVM_FEAT_ARBITRATION, "Arbitration", .fields = arbitration},
	{"power", NVM_FEAT_POWER_MGMT, "Power Management", .fields = power},
	{"lba-range", NVM_FEAT_LBA_RANGE, "LBA Range Type", .data_len = 4096, .per_ns = true},
	{"temperature", NVM_FEAT_TEMP_THRESH, "Temperature Threshold", .fields = temperature},
	{"error-recovery", NVM_FEAT_ERR_RECOVERY, "Error Recovery", .fields = recovery,
	 .per_ns = true},
	{"vwc", NVM_FEAT_VWC, "Volatile Write Cache", .fields = vwc},
	{"num-queues", NVM_FEAT_NUM_QUEUES, "Number of Queues", .fields = queues},
	{"irq-coalescing", NVM_FEAT_IRQ_COALESCE, "Interrupt Coalescing", .fields = coalescing},
	{"irq-config", NVM_FEAT_IRQ_CONFIG, "Interrupt Vector Configuration", .fields = irq_config},
	{"write-atomicity", NVM_FEAT_WRITE_ATOMIC, "Write Atomicity Normal", .fields = atomicity},
	{"events", NVM_FEAT_ASYNC_EVENT, "Asynchronous Event Configuration", .fields = events},
	{"apst", NVM_FEAT_AUTO_PST, "Autonomous Power State Transition", .fields = apst,
	 .data_len = 256},
	{"host-memory", NVM_FEAT_HOST_MEM_BUF, "Host Memory Buffer", .data_len = 4096},
	{"timestamp", NVM_FEAT_TIMESTAMP, "Timestamp", .data_len = sizeof(struct nvm_timestamp),
	 .print_data = print_timestamp},
	{"kato", NVM_FEAT_KATO, "Keep Alive Timer", .fields = kato},
	{"hctm", NVM_FEAT_HCTM, "Host Controlled Thermal Management", .fields = hctm},
	{"nopsc", NVM_FEAT_NOPSC, "Non-Operational Power State Config", .fields = nopsc},
	{"host-behavior", NVM_FEAT_HOST_BEHAVIOR, "Host Behavior Support",
	 .data_len = sizeof(struct nvm_host_behavior), .print_data = print_behavior},
	{"sanitize", NVM_FEAT_SANITIZE_CONFIG, "Sanitize Config", .fields = sanitize},
	{"command-sets", NVM_FEAT_IOCS_PROFILE, "I/O Command Set Profile", .fields = profile},
	{"progress", NVM_FEAT_SW_PROGRESS, "Software Progress Marker", .fields = progress},
	{"host-id", NVM_FEAT_HOST_ID, "Host Identifier", .data_len = 16,
	 .print_data = print_host_id},
	{"write-protect", NVM_FEAT_WRITE_PROTECT, "Namespace Write Protection Config",
	 .fields = protect, .per_ns = true},
	{.name = NULL},
};

const struct feature *feature_find(const char *name)
{
	for (const struct feature *feature = features; feature->name; feature++) {
		if (!strcmp(feature->name, name))
			return feature;
	}
	return NULL;
}

const struct feature *feature_find_fid(uint8_t fid)
{
	for (const struct feature *feature = features; feature->name; feature++) {
		if (feature->fid == fid)
			return feature;
	}
	return NULL;
}

static void open_feature(struct out *out, const struct feature *feature, uint32_t value)
{
	out_open(out, NULL, "%-16s 0x%02x  0x%08x  %s", feature->name, feature->fid, value,
		 feature->label);
	if (!out->json)
		return;
	out_text(out, "name", feature->name, NULL);
	out_number(out, "fid", feature->fid, NULL);
	out_number(out, "value", value, NULL);
}

void feature_print(struct out *out, const struct feature *feature, uint32_t value, const void *data,
		   size_t len)
{
	open_feature(out, feature, value);
	out_open(out, "fields", NULL);
	if (feature->fields)
		field_print(out, value, feature->fields);
	if (feature->print_data)
		feature->print_data(out, data, len);
	else if (len)
		out_dump(out, "data", data, len, 0);
	out_close(out, false);
	out_close(out, true);
}

void feature_print_caps(struct out *out, const struct feature *feature, uint32_t caps)
{
	open_feature(out, feature, caps);
	out_open(out, "capabilities", NULL);
	out_bool(out, "changeable", caps & NVM_FEATURES_CAP_CHANGEABLE, NULL);
	out_bool(out, "saveable", caps & NVM_FEATURES_CAP_SAVEABLE, NULL);
	out_bool(out, "namespace", caps & NVM_FEATURES_CAP_NS, NULL);
	out_close(out, false);
	out_close(out, true);
}

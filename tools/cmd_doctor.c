/* SPDX-License-Identifier: MIT */
/*
 * belfry doctor: can this user drive a controller of this machine? One line for each thing that is
 * needed, and for each that is missing the command that helps.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <belfry/pci.h>
#include <belfry/support.h>

#include "tools/args.h"
#include "tools/cmd.h"
#include "tools/host.h"
#include "tools/msg.h"
#include "tools/out.h"

/* What `belfry perf` locks with its default queues and depth, and then some. */
#define MEMLOCK_NEEDED (64ul << 20)

#define CONTAINER "/dev/vfio/vfio"
#define IOMMUFD	  "/dev/iommu"

/* The library's: not iommufd, even where there is one. */
#define ENV_FORCE_TYPE1 "VFN_IOMMU_FORCE_VFIO"

#define ACPI_TABLES "/sys/firmware/acpi/tables"

struct doctor {
	struct out out;
	int failed;
};

/* One line. @fix is the command that helps, as printf(); not looked at when all is well. */
static bool line(struct doctor *doctor, bool good, const char *what, const char *fix, ...)
	__attribute__((format(printf, 4, 5)));

static bool line(struct doctor *doctor, bool good, const char *what, const char *fix, ...)
{
	char text[512] = "";
	va_list args;

	va_start(args, fix);
	if (!good)
		vsnprintf(text, sizeof(text), fix, args);
	va_end(args);

	doctor->failed += !good;
	if (!doctor->out.json) {
		printf("%-5s %s\n", good ? "ok" : "FAIL", what);
		if (!good)
			printf("      %s\n", text);
		return good;
	}
	out_open(&doctor->out, NULL, NULL);
	out_bool(&doctor->out, "ok", good, NULL);
	out_text(&doctor->out, "check", what, NULL);
	out_text(&doctor->out, "fix", text, NULL);
	out_close(&doctor->out, false);
	return good;
}

static bool has_entries(const char *path)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir = opendir(path);

	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return found;
}

static bool may_use(const char *path)
{
	return !access(path, R_OK | W_OK);
}

/* For whom it is done: not root, when root is asked to. */
static const char *user_name(void)
{
	const struct passwd *user = getpwuid(getuid());

	return user ? user->pw_name : "USER";
}

static bool locks_without_limit(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char text[256];

	while (file && fgets(text, sizeof(text), file)) {
		if (!strncmp(text, "CapEff:", 7))
			caps = strtoull(text + 7, NULL, 16);
	}
	if (file)
		fclose(file);
	return caps >> 14 & 1; /* CAP_IPC_LOCK */
}

static void check_memlock(struct doctor *doctor)
{
	struct rlimit limit = {};
	char what[128];
	bool good;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	good = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= MEMLOCK_NEEDED ||
	       locks_without_limit();
	snprintf(what, sizeof(what), "memory to lock: %lu KiB needed, %s allowed",
		 MEMLOCK_NEEDED >> 10, good ? "enough" : "less");
	line(doctor, good, what,
	     "%llu KiB are; as root: echo '%s - memlock %lu' >>/etc/security/limits.conf, and log "
	     "in again",
	     (unsigned long long)limit.rlim_cur >> 10, user_name(), MEMLOCK_NEEDED >> 10);
}

/* Where the firmware has told of an IOMMU, it is the kernel that does not use it. */
static void check_iommu(struct doctor *doctor)
{
	const char *fix = "turn VT-d or AMD-Vi on in the firmware; as root: systemctl reboot "
			  "--firmware-setup";

	if (!access(ACPI_TABLES "/DMAR", F_OK))
		fix = "as root: sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on /' "
		      "/etc/default/grub && update-grub && reboot";
	else if (!access(ACPI_TABLES "/IVRS", F_OK))
		fix = "as root: sed -i 's/[a-z_]*iommu=off//g' /etc/default/grub && update-grub && "
		      "reboot";
	line(doctor, has_entries("/sys/kernel/iommu_groups"), "the IOMMU is on", "%s", fix);
}

static void check_machine(struct doctor *doctor)
{
	check_iommu(doctor);
	line(doctor, !access("/sys/bus/pci/drivers/vfio-pci", F_OK), "the kernel has vfio-pci",
	     "as root: modprobe vfio-pci");
	line(doctor, !access(IOMMUFD, F_OK) || !access(CONTAINER, F_OK),
	     "the kernel has iommufd or VFIO containers", "as root: modprobe vfio_iommu_type1");
	check_memlock(doctor);
}

/* A way in: two nodes, of which both are needed. */
struct way {
	char nodes[2][64];
};

static bool is_open(const struct way *way)
{
	return may_use(way->nodes[0]) && may_use(way->nodes[1]);
}

/*
 * Either way in is enough; what is asked for is the function's own node where there is one. Who wants
 * the group is given the group.
 */
static void check_nodes(struct doctor *doctor, const struct host_fn *fn)
{
	__autofree char *id = getenv(ENV_FORCE_TYPE1) ? NULL : pci_get_device_vfio_id(fn->bdf);
	struct way own = {.nodes = {"", IOMMUFD}}, group = {.nodes = {"", CONTAINER}}, *way;
	char missing[160] = "";

	snprintf(own.nodes[0], sizeof(own.nodes[0]), "/dev/vfio/devices/%s", id ? id : "-");
	snprintf(group.nodes[0], sizeof(group.nodes[0]), "/dev/vfio/%s", fn->group);
	way = id && !access(IOMMUFD, F_OK) ? &own : &group;
	for (int i = 0; i < 2; i++) {
		size_t used = strlen(missing);

		if (!may_use(way->nodes[i]))
			snprintf(missing + used, sizeof(missing) - used, " %s", way->nodes[i]);
	}
	line(doctor, is_open(&own) || is_open(&group), "this user may open its node",
	     "as root: chown %s%s", user_name(), missing);
}

static void check_peers(struct doctor *doctor, const struct host_fn *fn)
{
	for (int i = 0; i < fn->nr_peers; i++) {
		__autofree char *driver = pci_get_driver(fn->peers[i]);
		char what[128];

		snprintf(what, sizeof(what), "%s of its group is out of the way", fn->peers[i]);
		line(doctor,
		     !driver || strstr(driver, "vfio") || !strcmp(driver, "pcieport") ||
			     !strcmp(driver, "pci-stub"),
		     what, "as root: echo %s >/sys/bus/pci/devices/%s/driver/unbind", fn->peers[i],
		     fn->peers[i]);
	}
}

static void check_user(struct doctor *doctor, const struct host_fn *fn)
{
	char what[600];

	snprintf(what, sizeof(what), "it is nobody else's%s%s", *fn->user ? ": " : "", fn->user);
	line(doctor, !*fn->user, what, "as root: %s", fn->fix);
}

static void check_function(struct doctor *doctor, const char *bdf)
{
	struct host_fn fn;
	char what[128];

	snprintf(what, sizeof(what), "%s is an NVMe controller", bdf);
	if (!line(doctor, !host_look(&fn, bdf), what, "belfry list"))
		return;
	/* A group in name only: the kernel was told to do without an IOMMU. */
	line(doctor, *fn.group && strncmp(fn.group, "noiommu", strlen("noiommu")),
	     "it is in an IOMMU group",
	     "first the IOMMU, as above; for a machine without one, as root: echo Y "
	     ">/sys/module/vfio/parameters/enable_unsafe_noiommu_mode, and BELFRY_UNSAFE_NOIOMMU=1 "
	     "in the environment");
	check_peers(doctor, &fn);

	if (!strstr(fn.driver, "vfio") && *fn.user) {
		check_user(doctor, &fn);
		return;
	}
	if (line(doctor, strstr(fn.driver, "vfio"), "it is bound to vfio-pci",
		 "as root: belfry bind %s", bdf)) {
		check_nodes(doctor, &fn);
		check_user(doctor, &fn);
	}
}

int cmd_doctor(int argc, char **argv)
{
	static const char about[] =
		"Say what is missing before this user can drive a controller of this machine, and "
		"the\n"
		"command that helps. Without an address only the machine is looked at.";
	static const char examples[] = "  belfry doctor\n"
				       "      the machine\n"
				       "  belfry doctor 0000:01:00.0\n"
				       "      and one controller\n";
	bool json = false;
	const struct arg table[] = {ARG_JSON(&json), {.name = NULL}};
	const struct args args = {"doctor", "[BDF]", 0, 1, about, table, examples};
	struct doctor doctor = {};
	struct host_fn fn;
	char **operands;
	int n = args_parse(&args, argc, argv, &operands);

	if (n < 0)
		return args_status(n);
	if (n && host_look(&fn, operands[0]) && errno == EINVAL)
		return msg_wrong(NULL, "'%s' is no PCI address; one is 0000:01:00.0", operands[0]);
	out_init(&doctor.out, json);
	out_open_array(&doctor.out, "checks", NULL);
	check_machine(&doctor);
	if (n)
		check_function(&doctor, operands[0]);
	out_close(&doctor.out, false);
	return out_finish(&doctor.out, doctor.failed ? CMD_FAILED : CMD_OK);
}

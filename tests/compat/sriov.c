/* SPDX-License-Identifier: MIT */
/*
 * A tool for virtual functions in the manner of libvfn's example: the physical function is opened
 * by vfio_pci_open() and handed to nvme_init(), a secondary controller is found, given resources
 * and put online. On a device that has none it sees the errors that say so.
 */
#include <vfn/nvme.h>
#include <vfn/pci.h>

#include "check.h"

static const char *name;
static struct nvme_ctrl pf;

static void open_first(void)
{
	struct vfio_pci_device other = {};
	int fd;

	CHECK(!vfio_pci_open(&pf.pci, name));
	CHECK_FAILS(vfio_pci_open(&pf.pci, name), EALREADY);
	fd = pf.pci.dev.fd;
	CHECK(!nvme_init(&pf, name, NULL));
	CHECK(pf.pci.dev.fd == fd); /* the same handle */
	CHECK(!strcmp(pf.pci.bdf, name));
	CHECK(!vfio_pci_close(&other)); /* no harm */
	PASSED("a handle that was open is used");
}

static bool is_address(void)
{
	return strlen(name) == 12 && name[4] == ':' && name[10] == '.';
}

/* Not before the function is open: opening resets it, and its virtual functions are gone then. */
static void number_of_functions(const char *n)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", name);
	CHECK(writeall(path, n, strlen(n)) == (ssize_t)strlen(n));
	CHECK(pci_is_pf(name) == (n[0] != '0'));
}

static void drive(const char *bdf)
{
	struct nvme_ctrl_opts opts = {};
	struct nvme_ctrl vf = {};
	uint16_t cntlid;

	CHECK(!nvme_get_vf_cntlid(&pf, 1, &cntlid));
	CHECK(!nvme_vm_assign_max_flexible(&pf, cntlid));
	CHECK(!nvme_vm_set_online(&pf, cntlid));
	CHECK(!vfio_pci_open(&vf.pci, bdf));
	CHECK(!nvme_init(&vf, bdf, &opts));
	CHECK(!nvme_create_ioqpair(&vf, 1, 8, -1, 0x0));
	nvme_close(&vf);
	CHECK(!nvme_vm_set_offline(&pf, cntlid));
}

static void resources(void)
{
	__autofree char *bdf = NULL, *back = NULL;

	number_of_functions("1");
	bdf = pci_get_vf_bdf(name, 1);
	CHECK(bdf && pci_is_vf(bdf) && pci_vf_get_vfnum(bdf) == 1);
	back = pci_vf_get_pf_bdf(bdf);
	CHECK(back && !strcmp(back, name));
	CHECK(!pci_bind(bdf, "vfio-pci"));
	drive(bdf);
	number_of_functions("0");
	PASSED("a secondary controller with all it can have, online and driven");
}

static void none(void)
{
	uint16_t cntlid = 0x1234;
	int ret = nvme_get_vf_cntlid(&pf, 1, &cntlid);

	errno = 0;
	CHECK(!pci_get_vf_bdf(name, 1));
	CHECK(errno == (is_address() ? ENOENT : EINVAL));
	CHECK(ret == -1 && cntlid == 0x1234);
	CHECK(nvme_vm_set_online(&pf, 1) == -1 && errno);
	CHECK(nvme_vm_set_offline(&pf, 1) == -1 && errno);
	CHECK(nvme_vm_assign_max_flexible(&pf, 1) == -1 && errno);
	SKIPPED("a secondary controller with all it can have, online and driven", "there is none");
}

int main(int argc, char **argv)
{
	name = argc > 1 ? argv[1] : "emu:";
	open_first();
	if (is_address() && pci_is_sriov_supported(name))
		resources();
	else
		none();
	nvme_close(&pf);
	return check_done();
}

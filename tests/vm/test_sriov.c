/* SPDX-License-Identifier: MIT */
/*
 * Virtual functions of the controller in BELFRY_DEV: created while it is bound to vfio-pci, given
 * queues and interrupts by the primary controller, and driven beside it. What belongs to a physical
 * function that is in user space asks for a token: the environment's VFTOKEN.
 */
#include <belfry/pci.h>
#include <belfry/vfio.h>

#include "dev.h"

#define TOKEN	    "2ab74924-c335-45f4-9b16-8569e5b08258"
#define WRONG_TOKEN "2ab74924-c335-45f4-9b16-8569e5b08259"

static void sriov__what_is_there_without(void **state)
{
	(void)state;
	assert_true(pci_is_sriov_supported(test_device()));
	assert_works(pci_set_nr_vfs(test_device(), 0));
	assert_false(pci_is_pf(test_device()));
	assert_null(pci_get_vf_bdf(test_device(), 1));
	assert_int_equal(errno, ENOENT);
	assert_fails(pci_set_nr_vfs(test_device(), -1), EINVAL);
	assert_fails(pci_set_nr_vfs(test_device(), 3), ERANGE);
}

static void check_names(const char *vf)
{
	char *pf = pci_vf_get_pf_bdf(vf);

	assert_string_equal(pf, test_device());
	free(pf);
	assert_true(pci_is_vf(vf));
	assert_int_equal(pci_vf_get_vfnum(vf), 1);
	assert_false(pci_is_vf(test_device()));
	assert_true(pci_is_pf(test_device()));
	pf = pci_get_driver(vf);
	assert_string_equal(pf, "vfio-pci"); /* which sees to it for the functions of its own */
	free(pf);
}

/* Write on one of the two, read on the other: the namespace is shared. */
static void move_through_both(struct dev *pf, struct dev *vf)
{
	struct iommu_dmabuf a = dev_buf(pf, 4096), b = dev_buf(vf, 4096);

	dev_fill(a.vaddr, 4096, 11);
	assert_works(dev_move(pf, &pf->ctrl.sq[1], NVM_CMD_WRITE, 3, a.vaddr, 4096));
	assert_works(dev_move(vf, &vf->ctrl.sq[1], NVM_CMD_READ, 3, b.vaddr, 4096));
	assert_memory_equal(a.vaddr, b.vaddr, 4096);
	dev_fill(b.vaddr, 4096, 12);
	assert_works(dev_move(vf, &vf->ctrl.sq[1], NVM_CMD_WRITE, 4, b.vaddr, 4096));
	assert_works(dev_move(pf, &pf->ctrl.sq[1], NVM_CMD_READ, 4, a.vaddr, 4096));
	assert_memory_equal(a.vaddr, b.vaddr, 4096);
	iommu_put_dmabuf(&a);
	iommu_put_dmabuf(&b);
}

/*
 * A virtual function of a physical one that is in user space is for those who know the token of that.
 * On iommufd the kernel asks for it from 6.18 on; what is no token is seen before.
 */
static void check_token(const struct dev *pf, const char *vf)
{
	char *other = pci_get_vf_bdf(test_device(), 2);
	struct vfio_pci_device pci = {};
	bool iommufd = iommu_ctx_is_iommufd(pf->ctrl.pci.dev.ctx);

	assert_non_null(other);
	assert_string_not_equal(other, vf);
	assert_works(pci_bind(other, "vfio-pci"));
	assert_works(setenv("VFTOKEN", "no token", 1));
	assert_fails(vfio_pci_open(&pci, other), EINVAL);
	if (!iommufd) {
		assert_works(setenv("VFTOKEN", WRONG_TOKEN, 1));
		assert_fails(vfio_pci_open(&pci, other), EACCES);
		assert_works(unsetenv("VFTOKEN"));
		assert_fails(vfio_pci_open(&pci, other), EACCES);
	}
	assert_works(setenv("VFTOKEN", TOKEN, 1));
	assert_works(vfio_pci_open(&pci, other));
	assert_works(vfio_pci_close(&pci));
	free(other);
}

static void sriov__io_through_a_vf(void **state)
{
	struct nvme_ctrl_opts opts = {.nsqr = 0, .ncqr = 0};
	struct dev pf, vf;
	uint16_t cntlid = 0;
	char *name;

	(void)state;
	assert_works(setenv("VFTOKEN", TOKEN, 1));
	dev_open_io(&pf, 8);
	assert_works(pci_set_nr_vfs(test_device(), 2));
	name = pci_get_vf_bdf(test_device(), 1);
	assert_non_null(name);
	check_names(name);
	assert_works(pci_bind(name, "vfio-pci"));

	assert_fails(nvme_get_vf_cntlid(&pf.ctrl, 9, &cntlid), ENOENT);
	assert_works(nvme_get_vf_cntlid(&pf.ctrl, 1, &cntlid));
	assert_works(nvme_vm_assign_max_flexible(&pf.ctrl, cntlid));

	/* Not before it is online. */
	memset(&vf, 0, sizeof(vf));
	assert_int_equal(nvme_init(&vf.ctrl, name, &opts), -1);
	assert_works(nvme_vm_set_online(&pf.ctrl, cntlid));
	assert_works(nvme_init(&vf.ctrl, name, &opts));
	dev_look(&vf);
	check_token(&pf, name);
	assert_works(nvme_create_ioqpair(&vf.ctrl, 1, 8, -1, 0));
	move_through_both(&pf, &vf);

	dev_close(&vf);
	assert_works(nvme_vm_set_offline(&pf.ctrl, cntlid));
	free(name);
	assert_works(pci_set_nr_vfs(test_device(), 0));
	dev_close(&pf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sriov__what_is_there_without),
		cmocka_unit_test(sriov__io_through_a_vf),
	};

	return cmocka_run_group_tests_name("sriov", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The two ways to a function: its own node with iommufd, and its group with a container. The kernel
 * decides at run time which there are; most of this file is about saying what is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <belfry/pci.h>
#include <belfry/support/log.h>
#include <belfry/support/mem.h>

#include "iommu/group.h"
#include "iommu/host.h"
#include "iommu/iommufd.h"
#include "iommu/noiommu.h"
#include "iommu/type1.h"
#include "support/errno.h"
#include "transport/vfio.h"

#define ENV_FORCE_TYPE1 "VFN_IOMMU_FORCE_VFIO"
#define ENV_TOKEN	"VFTOKEN"

/* Is the function there, and bound to one of vfio's drivers? */
static int check_driver(const char *bdf)
{
	__autofree char *driver = NULL;
	unsigned long long vendor;

	if (pci_device_info_get_ull(bdf, "vendor", &vendor)) {
		log_error("%s: there is no such PCI function\n", bdf);
		return -1;
	}

	driver = pci_get_driver(bdf);
	if (!driver) {
		log_error("%s: bound to no driver: run 'belfry bind %s'\n", bdf, bdf);
		return set_errno(ENODEV);
	}
	if (!strstr(driver, "vfio")) {
		log_error("%s: bound to '%s', not to vfio-pci: run 'belfry bind %s'\n", bdf, driver,
			  bdf);
		return set_errno(EBUSY);
	}
	return 0;
}

static int find_group(struct vfio_transport *vt)
{
	vt->group = pci_get_iommu_group(vt->name);
	if (vt->group && noiommu_is_group(vt->group) && noiommu_allow(vt->name)) {
		free(vt->group);
		vt->group = NULL;
		return -1;
	}
	if (vt->group)
		return 0;
	if (errno == ENOENT)
		log_error("%s: in no IOMMU group: turn the IOMMU on in the firmware (VT-d, AMD-Vi, "
			  "SMMU) and by the kernel's parameter intel_iommu=on\n",
			  vt->name);
	return -1;
}

/* The token that functions with SR-IOV ask for, or NULL. */
static const char *find_token(const char *bdf)
{
	const char *token = getenv(ENV_TOKEN);

	return token && (pci_is_vf(bdf) || pci_is_sriov_supported(bdf)) ? token : NULL;
}

/* A UUID's text to its 16 bytes. */
static int parse_token(const char *text, uint8_t *token)
{
	int nibbles = 0;

	memset(token, 0, 16);
	for (; *text; text++) {
		const char *set = "0123456789abcdef0123456789ABCDEF", *at = strchr(set, *text);

		if (*text == '-')
			continue;
		if (!at || nibbles == 32)
			break;
		token[nibbles / 2] =
			(uint8_t)(token[nibbles / 2] << 4 | (uint8_t)((at - set) % 16));
		nibbles++;
	}
	if (!*text && nibbles == 32)
		return 0;
	log_error("%s is no UUID\n", ENV_TOKEN);
	return set_errno(EINVAL);
}

/* Path of the function's own node, to be freed; NULL when it has none, or no access. */
static char *own_node(const char *bdf)
{
	__autofree char *id = pci_get_device_vfio_id(bdf);
	char *path;

	if (!id || asprintf(&path, "/dev/vfio/devices/%s", id) < 0)
		return NULL;
	if (!access(path, R_OK | W_OK) && !access(IOMMUFD_NODE, R_OK | W_OK))
		return path;
	log_debug("%s: %s or " IOMMUFD_NODE " cannot be opened, its group will be\n", bdf, path);
	free(path);
	return NULL;
}

static int reach_node(struct vfio_transport *vt, const char *node, struct iommu_ctx *ctx)
{
	struct iommufd_device dev = {.group = vt->group, .name = vt->name};
	const char *text = find_token(vt->name);
	uint8_t token[16];

	if (text) {
		if (parse_token(text, token))
			return -1;
		dev.token = token;
	}

	vt->fd = open(node, O_RDWR | O_CLOEXEC);
	if (vt->fd < 0)
		return iommu_explain_open(node);
	dev.fd = vt->fd;
	vt->tp.ctx = iommu_iommufd_join(&dev, ctx);
	if (vt->tp.ctx)
		return 0;
	{
		keep_errno();

		close(vt->fd);
		vt->fd = -1;
	}
	return -1;
}

static int reach_group(struct vfio_transport *vt, struct iommu_ctx *ctx)
{
	const char *token = find_token(vt->name);
	char name[80];
	int group;

	vt->tp.ctx = iommu_type1_join(vt->group, ctx, &group);
	if (!vt->tp.ctx)
		return -1;

	snprintf(name, sizeof(name), token ? "%s vf_token=%s" : "%s", vt->name, token);
	vt->fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (vt->fd >= 0)
		return 0;

	log_error("%s: the group does not give it out: %m%s\n", vt->name,
		  errno == EACCES ? " (" ENV_TOKEN " must be its VF token)" : "");
	vfio_leave(vt);
	return -1;
}

static int reach(struct vfio_transport *vt, struct iommu_ctx *ctx)
{
	const char *forced = getenv(ENV_FORCE_TYPE1);
	__autofree char *node = NULL;

	if (ctx ? iommu_ctx_is_iommufd(ctx) : !forced && !noiommu_is_group(vt->group))
		node = own_node(vt->name);
	if (node && !reach_node(vt, node, ctx))
		return 0;
	if (node && (ctx || errno == EBUSY))
		return -1;
	if (node)
		log_info("%s: not through iommufd (%m), trying its group\n", vt->name);
	return reach_group(vt, ctx);
}

int vfio_reach(struct vfio_transport *vt, struct iommu_ctx *ctx)
{
	struct iommu_ctx *in = NULL;
	int ret;

	vt->fd = -1;
	if (check_driver(vt->name) || find_group(vt))
		return -1;

	/* Where another function of its group is, it has to go. */
	if (!ctx)
		ctx = in = iommu_group_ctx(vt->group);
	ret = reach(vt, ctx);
	iommu_ctx_put(in);
	if (ret) {
		keep_errno();

		free(vt->group);
		vt->group = NULL;
	}
	return ret;
}

void vfio_leave(struct vfio_transport *vt)
{
	keep_errno();

	if (vt->fd >= 0)
		close(vt->fd);
	vt->fd = -1;
	iommu_group_leave(vt->group);
	iommu_ctx_put(vt->tp.ctx);
	vt->tp.ctx = NULL;
}

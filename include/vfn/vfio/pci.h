/* SPDX-License-Identifier: MIT */
/* As <belfry/vfio/pci.h>, by its name in libvfn. */
#ifndef VFN_VFIO_PCI_H
#define VFN_VFIO_PCI_H

#include <belfry/vfio/pci.h>
#include <vfn/vfio/device.h>

#endif /* VFN_VFIO_PCI_H */

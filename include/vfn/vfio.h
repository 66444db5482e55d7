/* SPDX-License-Identifier: MIT */
/* Open devices and their interrupts. */
#ifndef VFN_VFIO_H
#define VFN_VFIO_H

#include <vfn/support.h>
#include <vfn/iommu.h>
#include <vfn/vfio/device.h>
#include <vfn/vfio/pci.h>

#endif /* VFN_VFIO_H */

/* SPDX-License-Identifier: MIT */
/* Open devices and their interrupts. */
#ifndef BELFRY_VFIO_H
#define BELFRY_VFIO_H

#include <belfry/vfio/device.h>
#include <belfry/vfio/pci.h>

#endif /* BELFRY_VFIO_H */

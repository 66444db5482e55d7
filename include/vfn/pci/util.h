/* SPDX-License-Identifier: MIT */
/* As <belfry/pci/util.h>, by its name in libvfn. */
#ifndef VFN_PCI_UTIL_H
#define VFN_PCI_UTIL_H

#include <belfry/pci/util.h>

#endif /* VFN_PCI_UTIL_H */

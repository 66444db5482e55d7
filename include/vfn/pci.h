/* SPDX-License-Identifier: MIT */
/* PCI functions as the kernel shows them. */
#ifndef VFN_PCI_H
#define VFN_PCI_H

#include <vfn/support.h>
#include <vfn/pci/util.h>

#endif /* VFN_PCI_H */

/* SPDX-License-Identifier: MIT */
/* PCI functions as the kernel shows them: drivers, groups, virtual functions. */
#ifndef BELFRY_PCI_H
#define BELFRY_PCI_H

#include <belfry/pci/util.h>

#endif /* BELFRY_PCI_H */

/* SPDX-License-Identifier: MIT */
/*
 * The list of capabilities. See transport/cap.h.
 */
#include "transport/cap.h"

#include <linux/pci_regs.h>

/* A list cannot be longer: each entry takes a dword of what is behind the header. */
#define NR_CAPS_MAX 48

uint8_t transport_find_cap(int (*read)(void *dev, uint64_t off, void *buf, size_t len), void *dev,
			   uint8_t id)
{
	uint8_t at, cap[2];

	if (read(dev, PCI_CAPABILITY_LIST, &at, 1))
		return 0;
	for (int i = 0; i < NR_CAPS_MAX && at >= PCI_STD_HEADER_SIZEOF; i++) {
		if (read(dev, at, cap, sizeof(cap)))
			return 0;
		if (cap[0] == id)
			return at;
		at = cap[1] & ~3;
	}
	return 0;
}
